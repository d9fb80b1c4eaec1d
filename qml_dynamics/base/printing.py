"""Short texts of objects for printing: at most eight lines of 120 characters, whatever the object holds."""

from __future__ import annotations

import textwrap
from dataclasses import fields
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
    """The decorator of a dataclass whose ``repr`` may be long: then each field is shown in at most 60 characters.

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
        parts = [f for f in fields(cast("DataclassInstance", self)) if f.repr]
        said = ", ".join(f"{f.name}={line(_part(getattr(self, f.name)), _PART)}" for f in parts)
        return cut("\n".join(textwrap.wrap(f"{type(self).__name__}({said})", WIDTH, subsequent_indent="  ")))

    cls.__repr__ = brief  # type: ignore[method-assign, assignment]
    return cls


def _part(value: object) -> str:
    """An array by its shape, all else by its text."""
    shape, kind = getattr(value, "shape", None), getattr(value, "dtype", None)
    return repr(value) if kind is None else f"array of {kind} of shape {shape}"
