"""The points of a sweep: every combination of the values of its keys, keys that move together counted as one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.errors import ProblemError, describe, require
from ...results.trajectory import plain

MANY = 1_000_000
SEED = "backend.seed"
SECTIONS = ("domain", "objective", "operator", "diffusion", "strength", "evolution", "initial", "method", "backend")
_SCALARS = (bool, int, float, str)


@dataclass(frozen=True)
class Axes:
    """What a sweep goes over.

    Attributes:
        values: dotted key of the problem file, such as ``"diffusion.value"``, to its values.
        groups: keys that move together; each key is in one group. The last group moves fastest.
    """

    values: Mapping[str, tuple[Any, ...]]
    groups: tuple[tuple[str, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each group."""
        return tuple(len(self.values[group[0]]) for group in self.groups)

    @property
    def size(self) -> int:
        """The number of points."""
        return math.prod(self.shape)

    def changes(self, place: Sequence[int]) -> dict[str, Any]:
        """Key to value at a place: one index for each group."""
        return {key: self.values[key][i] for group, i in zip(self.groups, place) for key in group}

    def alone(self) -> Iterator[dict[str, Any]]:
        """The values of each group by themselves, all other keys as the problem has them at the first point."""
        first = [0] * len(self.groups)
        for axis, many in enumerate(self.shape):
            for i in range(many):
                yield self.changes([*first[:axis], i, *first[axis + 1 :]])


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes:
        index: its number, from 0; the last key moves fastest.
        changes: dotted key to value.
        seed: of its sampling: that among its keys (``backend.seed``), else that of the problem file where the sweep has it, else from the
            seed of the sweep and ``index`` alone.
        numbered: the last of these whichever was used, which ``point.json`` of earlier versions names; None: it is not known.
    """

    index: int
    changes: Mapping[str, Any]
    seed: int
    numbered: int | None = None

    @property
    def name(self) -> str:
        """Its folder.

        >>> Point(7, {}, 0).name
        '000007'
        """
        return f"{self.index:06d}"


def axes(over: Mapping[str, Iterable[Any]], together: Iterable[str | Iterable[str]] = ()) -> Axes:
    """Check what a sweep goes over.

    Args:
        over: dotted key of the problem file to its values: numbers, texts, or lists and tables of them.
        together: keys that move together, as one list of keys or several such lists; they need as many values each.

    Raises:
        ProblemError: a key names no section, has no values, or one twice; keys that move together and do not fit.

    >>> found = axes({"diffusion.value": [0.1, 0.2], "method.steps": [10, 20], "method.order": [1, 2]},
    ...              ["method.steps", "method.order"])
    >>> found.shape, found.changes([1, 0])
    ((2, 2), {'diffusion.value': 0.2, 'method.steps': 10, 'method.order': 1})
    """
    require(
        isinstance(over, Mapping) and len(over) > 0, "over", "be a table of keys and their values, at least one", over
    )
    values = {_key(key): _values(str(key), given) for key, given in over.items()}
    _refuse_nested(values)
    groups = _groups(values, together)
    found = Axes(values, groups)
    require(found.size <= MANY, "over", f"have at most {MANY:,} combinations", f"{found.size:,}")
    return found


def every_point(given: Axes, seed: int, fixed: int | None = None) -> list[Point]:
    """All points, in order.

    Args:
        given: what the sweep goes over.
        seed: of the sweep.
        fixed: the seed of the problem file, which all points have that name none; None: each has its own.

    >>> [point.changes for point in every_point(axes({"method.steps": [10, 20]}), 5)]
    [{'method.steps': 10}, {'method.steps': 20}]
    >>> [point.seed for point in every_point(axes({"method.steps": [10, 20]}), 5, fixed=7)]
    [7, 7]
    """
    found = []
    for i, place in enumerate(itertools.product(*(range(n) for n in given.shape))):
        changes, numbered = given.changes(place), seed_of(seed, i)
        found.append(Point(i, changes, changes.get(SEED, numbered if fixed is None else fixed), numbered))
    return found


def seed_of(seed: int, index: int) -> int:
    """The seed of a point, of 63 bits: another for each, and the same whichever process runs it.

    >>> seed_of(5, 0) != seed_of(5, 1), seed_of(5, 1) == seed_of(5, 1)
    (True, True)
    """
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def changed(sections: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a problem file with other values at dotted keys; the sections given stay as they are.

    >>> changed({"diffusion": {"value": 0.5}}, {"diffusion.value": 0.1, "method.steps": 3})
    {'diffusion': {'value': 0.1}, 'method': {'steps': 3}}
    >>> changed({"operator": {"terms": [{"value": 1.0}, {"value": 2.0}]}}, {"operator.terms.1.value": 3.0})
    {'operator': {'terms': [{'value': 1.0}, {'value': 3.0}]}}
    """
    out: dict[str, Any] = {name: dict(keys) if isinstance(keys, Mapping) else keys for name, keys in sections.items()}
    for key, value in changes.items():
        *path, last = key.split(".")
        inner: Any = out
        for name in path:
            at: Any = _place(inner, name, key)
            below = inner[at] if isinstance(inner, list) else inner.get(at)
            inner[at] = dict(below) if isinstance(below, Mapping) else list(below) if _is_list(below) else {}
            inner = inner[at]
        inner[_place(inner, last, key)] = value
    return out


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _place(inner: object, name: str, key: str) -> str | int:
    """A name in a table, or the index of an item of a list."""
    if not isinstance(inner, list):
        return name
    if not (name.isascii() and name.isdecimal() and int(name) < len(inner)):
        raise ProblemError(
            f"Argument `over` must have an index from 0 to {len(inner) - 1} in the place of {describe(name)}, an item of a list, "
            f"but has {describe(key)}."
        )
    return int(name)


def _key(key: object) -> str:
    parts = key.split(".") if isinstance(key, str) else []
    if len(parts) < 2 or not all(parts) or parts[0] not in SECTIONS:
        raise ProblemError(
            "Argument `over` must have keys such as 'diffusion.value': one of "
            f"{', '.join(SECTIONS)}, a dot and a key of that section, but has {describe(key)}."
        )
    return str(key)


def _values(key: str, given: object) -> tuple[Any, ...]:
    must = f"be a list of values for {describe(key)}, at least one, in an order (a set has none)"
    listed = isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping, set, frozenset))
    values = tuple(plain(value) for value in itertools.islice(given, MANY + 1)) if listed else ()  # type: ignore[call-overload]
    require(len(values) > 0, "over", must, given)
    require(len(values) <= MANY, "over", f"have at most {MANY:,} values for {describe(key)}", "more")
    known: set[tuple[type, Any]] = set()
    others: list[Any] = []  # lists and tables, which no set holds
    for value in values:
        require(
            _is_plain(value),
            "over",
            f"have finite numbers, texts, or lists and tables of them for {describe(key)}",
            value,
        )
        mark = (type(value), value)
        new = mark not in known if type(value) in _SCALARS else not _among(value, others)
        require(new, "over", f"name each value of {describe(key)} once", value)
        known.add(mark) if type(value) in _SCALARS else others.append(value)
    return values


def _is_plain(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return all(_is_plain(v) for v in value)
    return type(value) in _SCALARS and not (isinstance(value, float) and not math.isfinite(value))


def _among(value: object, others: Sequence[object]) -> bool:
    return any(type(value) is type(other) and value == other for other in others)


def _refuse_nested(keys: Iterable[str]) -> None:
    """One key must not lie inside another one: then the order would decide which of them counts."""
    listed = list(keys)
    for key in listed:
        for other in listed:
            if other.startswith(f"{key}."):
                raise ProblemError(
                    f"Argument `over` must name values that do not lie in one another, but has {describe(key)} and {describe(other)}."
                )


def _groups(values: Mapping[str, Sequence[Any]], together: object) -> tuple[tuple[str, ...], ...]:
    must = "be a list of keys of `over` that move together, or a list of such lists"
    require(isinstance(together, Iterable) and not isinstance(together, (str, bytes, Mapping)), "zip", must, together)
    listed = list(together)  # type: ignore[call-overload]
    if listed and all(isinstance(key, str) for key in listed):
        listed = [listed]
    taken: dict[str, tuple[str, ...]] = {}
    for group in listed:
        require(isinstance(group, (list, tuple)) and len(group) > 1, "zip", f"{must}, two keys at least", group)
        for place, key in enumerate(group):
            once = key in values and key not in taken and key not in group[:place]
            require(once, "zip", f"{must}, each of them once", key)
        lengths = [len(values[key]) for key in group]
        require(len(set(lengths)) == 1, "zip", "join keys with as many values each", dict(zip(group, lengths)))
        taken.update({key: tuple(group) for key in group})
    return tuple(dict.fromkeys(taken.get(key, (key,)) for key in values))
