"""Short texts of objects for printing: at most eight lines of 120 characters, whatever the object holds."""

from __future__ import annotations

import textwrap
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from .errors import line

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LINES, WIDTH, _PART = 8, 120, 60
C = TypeVar("C")


def cut(text: str, lines: int = LINES) -> str:
    """Text of at most so many lines, none longer than 120 characters; what is left out is told.

    >>> print(cut("one\\ntwo\\nthree\\nfour", lines=3))
    one
    two
    and 2 lines more
    >>> [len(each) for each in cut("word " * 40).split("\\n")]
    [119, 81]
    """
    given = text.split("\n")
    shown = given if len(given) <= lines else [*given[: lines - 1], f"and {len(given) - lines + 1} lines more"]
    left = lines - len(shown)
    parts: list[str] = []
    for each in reversed(shown):  # the last lines, which say how a run ended, are wrapped first
        pieces = [each] if len(each) <= WIDTH else textwrap.wrap(each, WIDTH, subsequent_indent="  ")
        if len(pieces) - 1 > left:
            pieces = [each]
        left -= len(pieces) - 1
        parts = pieces + parts
    shown = parts
    return "\n".join(each if len(each) <= WIDTH else each[: WIDTH - 3] + "..." for each in shown)


def fits(text: str) -> bool:
    """Whether a text is short enough to be printed as it is."""
    given = text.split("\n")
    return len(given) <= LINES and max(map(len, given)) <= WIDTH


def printed_briefly(cls: type[C]) -> type[C]:
    """The decorator of a dataclass or named tuple whose ``repr`` may be long: then each field is shown in at most 60 characters.

    A ``__str__`` of its own is cut to what fits.

    >>> from dataclasses import dataclass
    >>> @printed_briefly
    ... @dataclass
    ... class Named:
    ...     name: str
    ...     values: list
    >>> Named("a", [1, 2])
    Named(name='a', values=[1, 2])
    >>> len(repr(Named("a", list(range(1000)))))
    84
    """
    whole = cls.__repr__

    def brief(self: C) -> str:
        """The dataclass's own ``repr`` where it is short, else each field in at most 60 characters."""
        text = whole(self)
        if fits(text):
            return text
        said = ", ".join(f"{name}={line(_part(getattr(self, name)), _PART)}" for name in _shown(self))
        return cut("\n".join(textwrap.wrap(f"{type(self).__name__}({said})", WIDTH, subsequent_indent="  ")))

    said = cls.__dict__.get("__str__")

    def short(self: C) -> str:
        """The text of the class's own where it is short, else what fits."""
        text = said(self)  # type: ignore[misc]
        return text if fits(text) else cut(text)

    cls.__repr__ = brief  # type: ignore[method-assign, assignment]
    cls._whole_repr = whole  # type: ignore[attr-defined]
    if said is not None:
        cls.__str__ = short  # type: ignore[method-assign, assignment]
    return cls


def whole_text(value: object) -> str:
    """The ``repr`` of an object of which nothing is left out: what is compared, where two must be the same.

    >>> whole_text((1, 2))
    '(1, 2)'
    """
    own = next(cls for cls in type(value).__mro__ if "__repr__" in cls.__dict__)
    return str(own.__dict__.get("_whole_repr", own.__repr__)(value))


def _shown(value: object) -> list[str]:
    """The names of the fields that a ``repr`` shows, of a dataclass or a named tuple."""
    if not is_dataclass(value):
        return list(getattr(value, "_fields", ()))
    return [f.name for f in fields(cast("DataclassInstance", value)) if f.repr]


def _part(value: object) -> str:
    """An array by its shape, all else by its text."""
    shape, kind = getattr(value, "shape", None), getattr(value, "dtype", None)
    return repr(value) if kind is None else f"array of {kind} of shape {shape}"
