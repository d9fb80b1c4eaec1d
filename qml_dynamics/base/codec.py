"""The one codec: methods, their parts and initial waves as plain data, and from plain data again.

It goes over the fields of a dataclass (of a method those that differ from their defaults), and makes the object again from their
names. Problem files, trajectories and run folders all go through it; a part that is no plain data, a circuit, goes into a file
beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np

from .entry_points import offered
from .errors import MethodError, QMLDynamicsError, line, one_of, require
from .registry import (
    ARRAY_WAVE,
    METHODS,
    METHODS_OF_BEFORE,
    OPTIONS_OF_BEFORE,
    PARTS,
    PARTS_OF_BEFORE,
    WAVES,
    WAVES_OF_BEFORE,
    Part,
    at,
    kind_of,
    method_class,
    named,
)


class Beside(NamedTuple):
    """The files beside stored plain data: a circuit by its name, and the versions of libraries that wrote it and that read it."""

    circuit: Callable[[str], Any]
    then: Mapping[str, str]
    now: Callable[[str], str]


def _part_of(cls: type) -> str | None:
    return named(cls, {name: part.cls for name, part in PARTS.items()})


def is_plain(method: object, *, files: bool = False) -> bool:
    """Whether a method has a name and can be written as plain data, and so can the methods and parts inside it.

    ``files``: files beside the plain data may hold what is none.

    >>> is_plain(at("methods.trotter:Trotter")(4)), is_plain("trotter")
    (True, False)
    """
    if kind_of(type(method)) is None or not is_dataclass(method):
        return False
    return all(_storable(value, files, name) for name, value in field_values(method).items())


def _storable(value: object, files: bool, option: str = "") -> bool:
    """Whether a file gives an option back as it was: numbers, texts, sequences and tables of them, and parts that have a name."""
    if value is None or type(value) in (bool, int, float, str):
        return True
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return True
    if isinstance(value, (list, tuple)):
        return all(_storable(inner, files) for inner in value)
    if isinstance(value, Mapping):
        plain = all(isinstance(name, str) and _storable(inner, files) for name, inner in value.items())
        return plain and not {"kind", "initial"} & set(value)  # which stand for parts
    wave, part = named(type(value), WAVES), _part_of(type(value))
    if part is not None:  # read back by the name of the option that it is for
        return PARTS[part].option == option and (files or not PARTS[part].write)
    return wave != ARRAY_WAVE if wave is not None else is_plain(value, files=files)


def holds_code(method: object) -> bool:
    """Whether a function, or a part of a class of one's own, stands inside a method: no other process could find it.

    >>> holds_code(at("methods.trotter:Trotter")(4))
    False
    """
    inside = field_values(method).items() if is_dataclass(method) else ()
    own = {part.option for part in PARTS.values()}
    return any(
        callable(value)
        or (name in own and _part_of(type(value)) is None and not isinstance(value, (int, float, str, type(None))))
        or (kind_of(type(value)) is not None and holds_code(value))
        for name, value in inside
    )


def field_values(value: object) -> dict[str, Any]:
    """The fields that a dataclass is made with, by name; not those that it derives from them.

    >>> field_values(at("model.schedules:Linear")(0.0, 1.0))
    {'start': 0.0, 'stop': 1.0}
    """
    assert is_dataclass(value)
    return {f.name: getattr(value, f.name) for f in fields(value) if f.init}


def required(cls: type) -> list[str]:
    """The fields of a dataclass that have no default.

    >>> required(at("methods.trotter:Trotter")), required(at("model.initial:PointMass"))
    ([], ['point'])
    """
    return [f.name for f in fields(cls) if f.default is f.default_factory]


def made(
    cls: type,
    options: Mapping[str, object],
    unknown: Callable[[str, list[str]], object],
    missing: Callable[[str], object],
    make: Callable[..., Any] | None = None,
) -> Any:
    """``cls(**options)``, or ``make(**options)`` in its place, with the names of the options checked first.

    ``unknown`` is called with the first name that no field has and the names of the fields, ``missing`` with what Python says where
    one without a default is left out; both raise in the words of the file that is read.
    """
    known = [f.name for f in fields(cls)]
    for name in options:
        if name not in known:
            unknown(name, known)
    left_out = [name for name in required(cls) if name not in options]
    try:
        return (make or cls)(**options)
    except QMLDynamicsError:
        raise
    except Exception as error:  # a class of another package refuses its options in words of its own
        if isinstance(error, OSError) and make is not None:  # the file of a part is not there
            raise
        reason = line(str(error)).removesuffix(".")
        if not left_out:
            said = f"{type(error).__name__}: {reason}"
            raise MethodError(
                f"Argument `method` must have options that {cls.__name__} takes, but it raises {said}."
            ) from None
    return missing(reason)


def _made(
    cls: type, options: Mapping[str, object], where: str, whole: tuple[str, str], make: Callable[..., Any] | None = None
) -> Any:
    """:func:`made` in the words of methods; ``whole``: the argument that lacks an option, and of what."""

    def missing(reason: str) -> None:
        """Refuse options without one that has no default."""
        raise MethodError(f"Argument `{whole[0]}` must name every option of {whole[1]}: {reason}.")

    return made(cls, options, lambda name, known: one_of(name, where, known, MethodError), missing, make)


def method_spec(method: object, files: dict[str, bytes] | None = None) -> dict[str, Any]:
    """A method as plain data: its kind and its options that differ from the defaults; a method inside it likewise.

    ``files`` takes what is no plain data, by the names of files.

    >>> method_spec(at("methods.trotter:Trotter")(steps=4))
    {'kind': 'trotter', 'steps': 4}
    """
    kind = kind_of(type(method))
    require(kind is not None, "method", f"be one of {', '.join([*METHODS, *offered('method')])}", method, MethodError)
    for name, value in field_values(method).items():
        require(_storable(value, True, name), f"method.{name}", "be plain data to be written", value, MethodError)
    return {"kind": kind, **_options(method, files)}


def _options(value: object, files: dict[str, bytes] | None) -> dict[str, Any]:
    """The fields that differ from their defaults, or whose defaults were others before, as plain data."""
    assert is_dataclass(value)
    before = PARTS_OF_BEFORE.get(_part_of(type(value)) or "", {})
    defaults = {f.name: f.default for f in fields(value) if f.name not in before}
    return {
        name: _plain(v, files) for name, v in field_values(value).items() if name not in defaults or v != defaults[name]
    }


def _plain(value: object, files: dict[str, bytes] | None) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(v, files) for v in value]
    if isinstance(value, Mapping):
        return {name: _plain(v, files) for name, v in value.items()}
    if not is_dataclass(value):
        return value
    wave, part = named(type(value), WAVES), _part_of(type(value))
    if wave is not None:
        return {"initial": wave, **{name: _plain(v, files) for name, v in field_values(value).items()}}
    if part is not None and files is not None and PARTS[part].write:
        return {"kind": part, **at(PARTS[part].write)(value, files)}
    if part is not None:
        return {"kind": part, **{name: v for name, v in _options(value, files).items() if v is not None}}
    return method_spec(value, files)


def method_from_spec(spec: Mapping[str, object], files: Beside | None = None) -> Any:
    """A method from :func:`method_spec`'s plain data, and the files beside it; raises :class:`MethodError` for unknown kinds or options.

    >>> method_from_spec({"kind": "trotter", "steps": 4})
    Trotter(steps=4, order=2, truncation=0.0, formula=None, ...)
    >>> method_from_spec({"kind": "growing", "method": {"kind": "trotter", "steps": 4}}).start
    4
    """
    options = dict(spec)
    kind = str(options.pop("kind", ""))
    cls = method_class(kind)
    before, where = OPTIONS_OF_BEFORE.get(kind_of(cls) or "", {}), f"method.{kind.replace('-', '_').lower()}"
    options = {before.get(name, name): value for name, value in options.items()}

    def make(**given: object) -> Any:
        """The method from options as plain data."""
        return cls(**{name: _unplain(value, name, files) for name, value in with_tuples(cls, given).items()})

    return _made(cls, options, where, ("method", f"{cls.__name__} that has no default"), make)


def with_tuples(cls: type, options: Mapping[str, object]) -> dict[str, object]:
    """Options of a class, with tuples in the place of the lists of a file, but where a field is a list."""
    lists = {f.name for f in fields(cls) if str(f.type).lower().startswith(("list", "typing.list", "<class 'list"))}
    return {name: value if name in lists else _tuple(value) for name, value in options.items()}


def _tuple(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _tuple(inner) for name, inner in value.items()}
    return tuple(map(_tuple, value)) if isinstance(value, list) else value


def _each_method(spec: Any, change: Callable[[str, Mapping[str, Any]], Mapping[str, Any]]) -> Any:
    """Plain data with every method in it changed whose defaults were others before."""
    if isinstance(spec, Mapping):
        kind, inside = spec.get("kind"), {name: _each_method(value, change) for name, value in spec.items()}
        return dict(change(kind, inside)) if isinstance(kind, str) and kind in METHODS_OF_BEFORE else inside
    return [_each_method(value, change) for value in spec] if isinstance(spec, (list, tuple)) else spec


def in_full(spec: Any) -> Any:
    """Plain data of methods with the defaults named that were others before, so that stored results are told from those of before.

    >>> in_full({"kind": "tensor_train"})
    {'kind': 'tensor_train', 'order': None}
    """

    def change(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options, and today's defaults."""
        now = {f.name: f.default for f in fields(method_class(kind)) if f.name in METHODS_OF_BEFORE[kind]}
        return {**options, **{name: value for name, value in now.items() if name not in options}}

    return _each_method(spec, change)


def from_before(spec: Any) -> Any:
    """Plain data of stored results with the defaults of before in the place of what they leave out.

    >>> from_before({"kind": "tensor_train"})
    {'kind': 'tensor_train', 'order': 2}
    """
    return _each_method(
        spec,
        lambda kind, options: {**options, **{k: v for k, v in METHODS_OF_BEFORE[kind].items() if k not in options}},
    )


def as_before(spec: Any) -> Any:
    """:func:`in_full` as it was written when the defaults were those of before, which are left out.

    >>> as_before({"kind": "tensor_train", "order": 2}), as_before({"kind": "tensor_train", "order": None})
    ({'kind': 'tensor_train'}, {'kind': 'tensor_train', 'order': None})
    """

    def change(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options that differ from the defaults of before."""
        then = METHODS_OF_BEFORE[kind]
        return {name: value for name, value in options.items() if name not in then or value != then[name]}

    return _each_method(spec, change)


def holds_none(spec: object) -> bool:
    """Whether plain data of a method says None anywhere, which TOML has no word for.

    >>> holds_none({"kind": "mine", "limit": None}), holds_none({"kind": "trotter", "steps": 4})
    (True, False)
    """
    if isinstance(spec, Mapping):
        return any(map(holds_none, spec.values()))
    return any(map(holds_none, spec)) if isinstance(spec, (list, tuple)) else spec is None


def _unplain(value: object, option: str, files: Beside | None) -> Any:
    """A method, a part of one or an initial wave that was written as plain data; ``option`` is what it stands for."""
    parts = {kind: part for kind, part in PARTS.items() if part.option == option and (files or not part.read)}
    if isinstance(value, str) and parts:
        value = {"kind": value}
    if isinstance(value, (list, tuple)):
        return type(value)(_unplain(v, "", files) for v in value)
    if not isinstance(value, Mapping):
        return value
    shown = str(value.get("kind", "")).lower() in WAVES and not parts
    if shown:  # written like a method on the command line: end=gaussian(center=1, width=0.7)
        value = {"initial": str(value["kind"]).lower(), **{k: v for k, v in value.items() if k != "kind"}}
    if parts and "initial" not in value:
        return _part(dict(value), option, parts, files)
    if "kind" in value:
        return method_from_spec(value, files)
    if "initial" in value:
        options = dict(value)
        kind = one_of(options.pop("initial"), "initial", WAVES, MethodError)
        options = {**({} if shown else WAVES_OF_BEFORE.get(kind, {})), **options}
        return _made(at(WAVES[kind]), options, "initial", ("initial", kind))
    return {name: _unplain(v, "", files) for name, v in value.items()}


def _part(options: dict[str, object], option: str, parts: Mapping[str, Part], files: Beside | None) -> Any:
    """A part of a method; where an option has only one kind of part, its kind may be left out."""
    kind = str(options.pop("kind", next(iter(parts)) if len(parts) == 1 else "")).replace("-", "_").lower()
    part = parts[one_of(kind, f"method.{option}", parts, MethodError)]
    if part.read:
        return at(part.read)(options, files)
    where, options = f"method.{option}", {**PARTS_OF_BEFORE.get(kind, {}), **options}
    return _made(at(part.cls), options, where, (where, kind), at(part.make))
