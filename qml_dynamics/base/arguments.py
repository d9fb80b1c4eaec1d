"""Arguments of public functions checked against their annotations, before anything else runs.

``checks_arguments`` reads the annotations of a function and refuses, in the one wording of the library, an argument of another kind: text
where a number belongs, a path in place of a problem, a boolean in place of an integer. What an annotation does not say (ranges,
shapes) is checked by the function itself. A name that is imported for type checkers only is compared with the names of the classes
of what was given, so that nothing heavy is loaded for a check.
"""

from __future__ import annotations

import builtins
import collections.abc
import functools
import inspect
import math
import numbers
import os
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from .errors import MethodError, ProblemError, QMLDynamicsError, describe

F = TypeVar("F", bound=Callable[..., Any])

# An argument that is turned into an array of numbers: each of them finite.
_FINITE = "an array of finite numbers"
Numbers = Annotated[ArrayLike, _FINITE]

_ARRAYS = (np.ndarray, np.ndarray | None)  # arguments that functions get as arrays, also where a list was given

# The mark of an annotation whose arguments are checked in words of its own by what reads them.
WHERE_READ = "checked where it is read"
# An array or nested lists of numbers, or of labels.
Array = Annotated[ArrayLike, WHERE_READ]

SEEDS, SHOTS = (0, 2**128), (1, 10**9)
NAMED = {"folder": "the path of a folder", "patience": "None or a Patience"}  # what arguments of these names must be
RANGES = {"seed": SEEDS, "shots": SHOTS}  # of integers that go by these names everywhere


class ArgumentError(ProblemError, MethodError):
    """An argument of a public function is of the wrong kind."""


def checks_arguments(function: F) -> F:
    """A decorator: the function's arguments are checked against its annotations.

    Raises:
        ArgumentError: an argument is not of the kind that its annotation names. It is a :class:`ProblemError` and a
            :class:`MethodError`, so that it is caught where either is.

    >>> @checks_arguments
    ... def twice(count: int, *, seed: int | None = None) -> int:
    ...     return 2 * count
    >>> twice(2)
    4
    >>> twice(2.5)
    Traceback (most recent call last):
    qml_dynamics.base.arguments.ArgumentError: Argument `count` must be an integer, but is 2.5.
    """
    return checks_arguments_but()(function)


def checks_arguments_but(*own: str) -> Callable[[F], F]:
    """The decorator :func:`checks_arguments` but for arguments of these names, which the function checks in words of its own."""
    return functools.partial(_decorated, own)


def _decorated(own: tuple[str, ...], function: F) -> F:
    signature = inspect.signature(function)
    hints: dict[str, Any] = {}
    broken, said = _BROKEN, failed  # closed over: `call` looks for names in the module of the function

    def check(given: tuple[object, ...], options: dict[str, object]) -> tuple[tuple[object, ...], dict[str, object]]:
        """Compare the arguments with their annotations, and hand them on; raises the error of the first that does not fit."""
        try:
            bound = signature.bind(*given, **options)
        except TypeError:
            return given, options  # as of any function: the call itself says which argument is missing or unknown
        if not hints:
            hints.update(_hints(function, own))
        listed = False
        for name, value in bound.arguments.items():
            if name in hints:
                _check(name, value, hints[name], signature.parameters[name].default)
                if isinstance(value, (list, tuple)) and hints[name] in _ARRAYS:
                    bound.arguments[name], listed = np.asarray(value), True
        return (bound.args, bound.kwargs) if listed else (given, options)

    def call(*given: object, **options: object) -> Any:
        """Check the arguments, call the function, and put a failure of arithmetic into words."""
        given, options = check(given, options)
        try:
            return function(*given, **options)
        except broken as reason:
            error = said(function.__name__, reason)
            if error is None:
                raise
            raise error from reason

    # with the function's own globals it belongs to its module, where doctest looks for its examples
    inside = types.FunctionType(call.__code__, function.__globals__, function.__name__, None, call.__closure__)
    return typing.cast(F, functools.update_wrapper(inside, function))


# What arithmetic raises where numbers leave the range of floats, and what allocation does where there is no room.
_BROKEN = (np.linalg.LinAlgError, ArithmeticError, MemoryError)
_COMPUTES = ("qml_dynamics", "numpy", "scipy")


def failed(name: str, reason: Exception) -> MethodError | None:
    """The error of a function whose arithmetic broke down; None where it was raised in a person's own function."""
    trace = reason.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
    if where.partition(".")[0] not in _COMPUTES:
        return None
    if isinstance(reason, MemoryError):
        return MethodError(f"This call of `{name}` needs more memory than there is: {' '.join(str(reason).split())}.")
    return MethodError(
        f"The numbers of this call of `{name}` cannot be computed in floating point: {' '.join(str(reason).split())}."
    )


class _Names(dict[str, Any]):
    """The names that annotations use; one that is not there at run time stands for the classes of this name."""

    def __missing__(self, name: str) -> type:
        return type(name, (_ByName,), {})


class _ByName:
    """A class that is known by its name only."""


def _hints(function: Callable[..., Any], own: tuple[str, ...]) -> dict[str, Any]:
    """The annotations of the arguments that are checked here: no ``*given`` and ``**options``."""
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    left = {p.name for p in inspect.signature(function).parameters.values() if p.kind in several}
    names = _Names({**vars(builtins), **function.__globals__})
    found = typing.get_type_hints(function, localns=names, include_extras=True)
    return {name: hint for name, hint in found.items() if name not in {"return", *left, *own}}


def _check(name: str, value: object, hint: object, default: object) -> None:
    if value is default or _fits(value, hint):
        low, high = RANGES.get(name, (None, None))
        if low is None or high is None or type(value) is bool or not isinstance(value, numbers.Integral):
            return
        if not low <= int(value) <= high:
            raise ArgumentError(
                f"Argument `{name}` must be an integer between {low} and {high}, but is {describe(value)}."
            )
        return
    raise ArgumentError(f"Argument `{name}` must be {NAMED.get(name) or words(hint)}, but is {describe(value)}.")


def alternatives(hint: object) -> list[object]:
    """The members of a union, and of the unions in it; one annotation that is none stands alone.

    Aliases are replaced by what they stand for: from Python 3.12 on NumPy's ``ArrayLike`` is an object of its own that is no
    union and has no members.

    >>> alternatives(int | None), alternatives(int)
    ([<class 'int'>, <class 'NoneType'>], [<class 'int'>])
    >>> len(alternatives(ArrayLike)) > 1
    True
    """
    while isinstance(hint, _ALIAS):
        hint = hint.__value__
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return [hint]
    return list(dict.fromkeys(kind for one in typing.get_args(hint) for kind in alternatives(one)))


_ALIAS: Any = getattr(typing, "TypeAliasType", ())  # not in Python 3.11
_ARRAY_LIKE = frozenset(alternatives(ArrayLike))


def _fits(value: object, hint: object) -> bool:
    """:func:`fits`; an object of somebody else that fails when it is looked at does not."""
    try:
        return fits(value, hint)
    except Exception:
        return False


def fits(value: object, hint: object) -> bool:
    """Whether a value is of the kind that an annotation names; unknown annotations take anything.

    >>> fits(3, int), fits(True, int), fits([1, 2.5], list[int] | None), fits(np.ones(2), np.ndarray)
    (True, False, False, True)
    """
    if hint in _PLAIN:
        return _PLAIN[hint](value)
    kinds = alternatives(hint)
    if len(kinds) > 1:
        if isinstance(value, (str, os.PathLike)) and any(map(_is_path, kinds)):
            return _path(value)
        if set(kinds) >= _ARRAY_LIKE:  # the function reads the array itself, and refuses in words of its own
            return not _without_numbers(value)
        return any(fits(value, one) for one in kinds)
    hint = kinds[0]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        if inner[1:] == (WHERE_READ,):
            return not _without_numbers(value)
        return finite_numbers(value) if inner[1:] == (_FINITE,) else fits(value, inner[0])
    if origin is typing.Literal:
        return isinstance(value, (str, int)) and value in inner
    if origin is collections.abc.Callable or hint is collections.abc.Callable:
        return callable(value)
    if origin in (collections.abc.Mapping, dict):
        return isinstance(value, collections.abc.Mapping)
    if origin is tuple:
        return _tuple(value, inner)
    if origin in (collections.abc.Sequence, collections.abc.Iterable, list):
        return _row(value, inner[0], once=origin is collections.abc.Iterable)
    if origin is type:
        return isinstance(value, type)
    return _instance(value, origin or hint)


def finite_numbers(value: object) -> bool:
    """Whether NumPy makes an array of finite numbers of it (booleans count as 0 and 1).

    >>> finite_numbers([1, 2j]), finite_numbers([1, None]), finite_numbers(float("nan")), finite_numbers([[1], [1, 2]])
    (True, False, False, False)
    """
    if isinstance(value, (str, bytes, collections.abc.Mapping, collections.abc.Set)) or _without_numbers(value):
        return False
    try:
        array = np.asarray(value)
    except Exception:  # of any kind: the person's own object makes the array
        return False
    return array.dtype.kind in "biufc" and bool(np.isfinite(array).all())


def listed(value: object) -> TypeGuard[collections.abc.Sequence[Any]]:
    """Whether a value is a list, a tuple or an array with an axis, whose members can be counted.

    >>> listed([1]), listed(np.zeros(2)), listed(np.array(2.0)), listed("ab"), listed({1})
    (True, True, False, False, False)
    """
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes))


_LOOKED_AT, _DEPTH = 1000, 32  # members of a list that are looked at one by one, and axes of an array


def _without_numbers(value: object, depth: int = 0) -> bool:
    """Whether NumPy would turn a value into numbers although it holds none: time differences, dates, what is masked.

    Objects of other libraries are not looked at: as an array, an operator on 20 qubits would fill the memory.
    """
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return False
    if isinstance(value, np.ma.MaskedArray):
        return bool(np.ma.is_masked(value))
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "mMV"
    if isinstance(value, (list, tuple)):
        return depth > _DEPTH or any(_without_numbers(one, depth + 1) for one in value[:_LOOKED_AT])
    return False


def as_numbers(value: object, kind: type = float) -> np.ndarray:
    """A copy of a value as an array; raises ``ValueError``, or what NumPy or the object raises, for what holds no numbers.

    >>> as_numbers([1, 2.5]).tolist()
    [1.0, 2.5]
    >>> as_numbers(np.timedelta64(3, "s"))
    Traceback (most recent call last):
    ValueError: it holds no numbers
    """
    if _without_numbers(value) or _fails(value):
        raise ValueError("it holds no numbers")
    return np.array(value, dtype=kind)


def _fails(value: object) -> bool:
    """Whether an object of somebody else fails, in another way than by the errors of a wrong type, when NumPy reads it."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and array.ndim == 0:
            float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        return not isinstance(error, TypeError | OverflowError)
    except Exception:
        return True
    return False


def number_array(
    value: object, name: str, kind: type = float, error: type[QMLDynamicsError] = ProblemError
) -> np.ndarray:
    """``value`` as an array of finite floats (``kind=complex``: of complex numbers); refused in one line where it is none.

    >>> number_array([1, 2], "times").tolist()
    [1.0, 2.0]
    >>> number_array("a", "times")
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `times` must be an array of finite numbers, but is 'a'.
    """
    given = value if finite_numbers(value) else None
    if given is not None and (kind is complex or np.asarray(given).dtype.kind != "c"):
        return np.asarray(given, dtype=kind)
    raise error(f"Argument `{name}` must be an array of finite numbers, but is {describe(value)}.")


def words(hint: object) -> str:
    """What an annotation asks for.

    >>> words(int | None), words(collections.abc.Sequence[float])
    ('an integer or None', 'a sequence of numbers')
    """
    if hint in _WORDS:
        return _WORDS[hint]
    kinds = alternatives(hint)
    if len(kinds) > 1:
        named = [one for one in kinds if one is not type(None) and not (one is str and any(map(_is_path, kinds)))]
        said = list(dict.fromkeys(words(one) for one in named))
        return " or ".join(said + (["None"] if type(None) in kinds else []))
    hint = kinds[0]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return "an array of numbers" if inner[1] == WHERE_READ else str(inner[1])
    if origin is typing.Literal:
        return " or ".join(map(repr, inner))
    if origin is collections.abc.Callable or hint is collections.abc.Callable:
        return "a function"
    if origin in (collections.abc.Mapping, dict):
        return "a dictionary"
    if origin is tuple and Ellipsis not in inner:
        return "a pair" if len(inner) == 2 else f"{len(inner)} values"
    if origin in (collections.abc.Sequence, collections.abc.Iterable, list, tuple):
        return f"a sequence of {_PLURAL.get(inner[0], 'values')}"
    if origin is type:
        return "a class"
    name = getattr(origin or hint, "__name__", str(hint))
    return _CLASSES.get(name) or f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}"


def _integer(value: object) -> bool:
    whole = isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.timedelta64))
    return whole or (isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iu")


def _number(value: object) -> bool:
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf":
        value = value.item()
    if not isinstance(value, numbers.Real) or isinstance(value, (bool, np.timedelta64)):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:  # an integer beyond the range of floats
        return False


def _is_path(hint: object) -> bool:
    return hint is os.PathLike or typing.get_origin(hint) is os.PathLike


def _path(value: str | os.PathLike[str]) -> bool:
    """Whether a file may have this name: no zero byte, no part of more than 255 bytes."""
    try:
        parts = os.fsencode(value).split(os.sep.encode())
    except (TypeError, ValueError):
        return False
    return b"\0" not in os.fsencode(value) and all(len(part) <= 255 for part in parts)


_PLAIN: dict[Any, Callable[[Any], bool]] = {
    Any: lambda value: True,
    object: lambda value: True,
    type(None): lambda value: value is None,
    bool: lambda value: isinstance(value, (bool, np.bool_)),
    int: _integer,
    float: _number,
    complex: lambda value: _number(value) or (isinstance(value, numbers.Complex) and bool(np.isfinite(complex(value)))),
    str: lambda value: isinstance(value, str),
    np.ndarray: lambda value: finite_numbers(value) and np.ndim(value) > 0,
}
_WORDS: dict[Any, str] = {
    type(None): "None",
    bool: "True or False",
    int: "an integer",
    float: "a number",
    complex: "a number",
    str: "a text",
    np.ndarray: "an array of finite numbers",
    os.PathLike: "a file or a folder",
    os.PathLike[str]: "a file or a folder",
}
_CLASSES = {"Method": "a method such as SplitStep(steps=400)"}
_PLURAL: dict[Any, str] = {int: "integers", float: "numbers", str: "names", bool: "booleans"}


# kinds of arrays whose members are of a type
_KINDS: dict[object, str] = {int: "iu", float: "iuf", bool: "b", str: "U"}


def _row(value: object, inner: object, once: bool = False) -> bool:
    """A sequence whose members fit; of what can be walked once only, the members are left to who walks it."""
    if isinstance(value, (str, bytes, collections.abc.Mapping, type, set, frozenset)):
        return False
    if isinstance(value, np.ndarray):
        kinds = _KINDS.get(inner, value.dtype.kind)
        return (
            value.ndim > 0
            and value.dtype.kind in kinds
            and (inner is not float or finite_numbers(value))
            and (inner in _PLAIN or typing.get_origin(inner) is not None or all(fits(one, inner) for one in value))
        )
    if not hasattr(value, "__iter__"):
        return False
    if isinstance(value, collections.abc.Iterator) or not hasattr(value, "__len__"):
        return once
    len(typing.cast(collections.abc.Sized, value))  # of one number in the shape of a list there is none
    if inner in _PLAIN or len(alternatives(inner)) > 1:
        return all(fits(one, inner) for one in value)
    return inner is Any or typing.get_origin(inner) is not None or all(fits(one, inner) for one in value)


def _tuple(value: object, inner: tuple[object, ...]) -> bool:
    if Ellipsis in inner:
        return _row(value, inner[0])
    if not _row(value, Any):
        return False
    members = typing.cast(collections.abc.Sequence[object], value)
    return len(members) == len(inner) and all(map(fits, members, inner))


def _instance(value: object, cls: object) -> bool:
    """Whether a value is an object of a class, which may be known by its name only."""
    if isinstance(value, type):
        return False
    if isinstance(cls, type) and issubclass(cls, _ByName):
        return any(one.__name__ == cls.__name__ for one in type(value).__mro__)
    try:
        return isinstance(value, typing.cast(type, cls))
    except TypeError:  # a protocol that cannot be asked, or an alias: who uses it asks
        return True
