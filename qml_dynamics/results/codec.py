"""Nested results as plain data and arrays, and back to the bit: numbers, texts, arrays, estimates, counts, best weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import cast

import numpy as np

from ..base.estimate import Estimate
from .trajectory import Best, Counts

Arrays = dict[str, np.ndarray]
_KIND, _ITEMS = "kind", "items"
_CLASSES: dict[str, type] = {"estimate": Estimate, "counts": Counts, "best": Best}
# parts of them that are numbers or arrays of numbers
_NUMBERS = {
    "estimate": ("value", "stderr"),
    "counts": ("index", "count"),
    "best": ("value", "uniform_value", "samples"),
}


class CannotStore(TypeError):
    """A value is of a kind that no file holds; it has to be computed again."""


def packed(value: object, arrays: Arrays) -> object:
    """What JSON can hold of a value; its arrays go into ``arrays``.

    Raises:
        CannotStore: a part of it is of another kind.

    >>> arrays = {}
    >>> text = packed({"times": np.array([0.0, 0.1]), "stop": "done", "best": (1.5, None)}, arrays)
    >>> unpacked(text, arrays)
    {'times': array([0. , 0.1]), 'stop': 'done', 'best': (1.5, None)}
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise CannotStore("an array of objects")
        return {_KIND: "array", "name": _kept(value, arrays)}
    if isinstance(value, np.generic):
        return {_KIND: "scalar", "name": _kept(np.asarray(value), arrays)}
    if type(value) is complex:
        return {_KIND: "complex", _ITEMS: [value.real, value.imag]}
    if type(value) in (list, tuple):
        return {_KIND: type(value).__name__, _ITEMS: [packed(v, arrays) for v in cast("list[object]", value)]}
    if isinstance(value, Mapping):
        pairs = [[packed(k, arrays), packed(v, arrays)] for k, v in value.items()]
        return {_KIND: "dict", _ITEMS: pairs}
    for kind, cls in _CLASSES.items():
        if type(value) is cls and isinstance(value, (Estimate, Counts, Best)):
            return {_KIND: kind, _ITEMS: [[f.name, packed(getattr(value, f.name), arrays)] for f in fields(value)]}
    raise CannotStore(type(value).__name__)


def _kept(array: np.ndarray, arrays: Arrays) -> str:
    name = f"array/{len(arrays)}"
    arrays[name] = array
    return name


def unpacked(stored: object, arrays: Mapping[str, np.ndarray]) -> object:
    """:func:`packed`, undone; raises ``KeyError`` or ``TypeError`` for what it did not make."""
    if not isinstance(stored, dict):
        return stored
    kind = stored[_KIND]
    if kind == "array":
        return arrays[stored["name"]]
    if kind == "scalar":
        return arrays[stored["name"]][()]
    if kind == "complex":
        return complex(*stored[_ITEMS])
    if kind in ("list", "tuple"):
        items = [unpacked(v, arrays) for v in stored[_ITEMS]]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return {cast("str", unpacked(k, arrays)): unpacked(v, arrays) for k, v in stored[_ITEMS]}
    parts = {name: unpacked(v, arrays) for name, v in stored[_ITEMS]}
    if kind in _NUMBERS and not all(_is_number(parts[name]) for name in _NUMBERS[kind]):
        raise TypeError(f"{kind} must be made of numbers")
    return _CLASSES[kind](**parts)


def _is_number(value: object) -> bool:
    return not isinstance(value, (bool, str)) and np.asarray(value).dtype.kind in "iufc"
