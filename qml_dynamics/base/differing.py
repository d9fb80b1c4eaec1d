"""Differences of nested plain data and named arrays as text, key by key; numbers are compared to 1e-9."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .errors import describe, line

SAME = 1e-9
SUBMITTED = "the run was submitted with"
_MISSING = object()
_NAME = 60  # characters of a name, which is whatever somebody has written


def differences(now: Any, then: Any, path: str = "", known_only: bool = False, was: str = SUBMITTED) -> list[str]:
    """In words, what is no longer as it was in nested plain data.

    Args:
        now, then: mappings, lists, numbers, texts.
        path: what stands before every key.
        known_only: keys that were not there then are nothing that anybody reads.
        was: what stands before the earlier value.

    >>> differences({"diffusion": {"value": 0.7}, "seed": 1}, {"seed": 1, "diffusion": {"value": 0.50}})
    ['diffusion is 0.7, the run was submitted with 0.5']
    >>> len(differences({"9" * 5000: 1}, {})[0]) < 120
    True
    """
    if isinstance(now, Mapping) and isinstance(then, Mapping):
        found = []
        for key in [*then, *(() if known_only else (k for k in now if k not in then))]:
            name = line(str(key), _NAME)
            inner = f"{path}.{name}" if path else name
            found += differences(now.get(key, _MISSING), then.get(key, _MISSING), inner, known_only=False, was=was)
        return found
    if _is_list(now) and _is_list(then) and len(now) == len(then):
        same = all(not differences(a, b) for a, b in zip(now, then))
    else:
        same = _same_value(now, then)
    return [] if same else [f"{path.removesuffix('.value') or 'it'} is {_text(now)}, {was} {_text(then)}"]


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _text(value: object) -> str:
    return "absent" if value is _MISSING else describe(value)


def _same_value(a: Any, b: Any) -> bool:
    """Integers exactly (seeds have many digits), other numbers to a relative 1e-9, all else by equality."""
    numbers = [isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b)]
    if not all(numbers) or (isinstance(a, int) and isinstance(b, int)):
        return type(a) is type(b) and a == b
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=SAME, abs_tol=0.0)


def array_differences(now: Mapping[str, np.ndarray], then: Mapping[str, np.ndarray], was: str = SUBMITTED) -> list[str]:
    """:func:`differences` of named arrays; numbers relative to the largest of the array."""
    found = []
    for name in dict.fromkeys([*then, *now]):
        a, b = now.get(name), then.get(name)
        label = line(name.removeprefix("problem/"), _NAME)
        if a is None or b is None:
            found.append(f"{label} is {'absent' if a is None else 'there'}, {was}{'out' if b is None else ''} it")
        elif a.shape != b.shape:
            found.append(f"{label} has shape {a.shape}, {was} {b.shape}")
        elif (place := _first_difference(a, b)) is not None:
            found.append(
                f"{label} is {_text(a.ravel()[place].item())} at place {place}, {was} {_text(b.ravel()[place].item())}"
            )
    return found


def _first_difference(a: np.ndarray, b: np.ndarray) -> int | None:
    if not (np.issubdtype(a.dtype, np.number) and np.issubdtype(b.dtype, np.number)):
        wrong = np.asarray(a != b)
    elif all(np.issubdtype(x.dtype, np.integer) for x in (a, b)):
        wrong = a != b
    else:
        with np.errstate(invalid="ignore"):  # infinities that stayed
            scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
            wrong = ~((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= SAME * scale))
    places = np.flatnonzero(wrong)
    return int(places[0]) if len(places) else None
