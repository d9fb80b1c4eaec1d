"""What annotations ask for: whether a value is of the kind that one names, and the kind in words."""

from __future__ import annotations

import collections.abc
import numbers
import os
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike

from .numeric import FINITE, WHERE_READ, finite_numbers, holds_no_numbers, is_integer, is_number


class ByName:
    """A class that is known by its name only: one that is imported for type checkers."""


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
            return not holds_no_numbers(value)
        return any(fits(value, one) for one in kinds)
    hint = kinds[0]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        if inner[1:] == (WHERE_READ,):
            return not holds_no_numbers(value)
        return finite_numbers(value) if inner[1:] == (FINITE,) else fits(value, inner[0])
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
    int: is_integer,
    float: is_number,
    complex: lambda value: (
        is_number(value) or (isinstance(value, numbers.Complex) and bool(np.isfinite(complex(value))))
    ),
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
    if isinstance(cls, type) and issubclass(cls, ByName):
        return any(one.__name__ == cls.__name__ for one in type(value).__mro__)
    try:
        return isinstance(value, typing.cast(type, cls))
    except TypeError:  # a protocol that cannot be asked, or an alias: who uses it asks
        return True
