"""What the columns of a table hold: numbers, percentages, truth values, categories, dates, or identifiers of the rows.

A column of integers or texts that all differ, one that numbers the rows, and one that is called an identifier tell rows apart and
nothing else: a model that is given one learns the file by heart. Such columns are left out unless a person names them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .cells import (
    MISSING_AMONG_NUMBERS,
    is_compact_day,
    is_date,
    is_integer,
    is_missing,
    number,
    percentage,
    truth_words,
)

Kind = Literal["number", "percent", "boolean", "category", "date", "text", "empty", "undecided"]
MOST_LEVELS = 20  # different texts that are categories and no free text
_BETWEEN = frozenset(",.'’ \u00a0\u202f")  # what may stand between thousands
_FEW_ROWS = 8  # below it integers may differ from each other by chance
_CALLED = re.compile(
    r"(?:id|ids|index|idx|key|uuid|guid|rowid|rownames?|row[ _.-]?(?:number|num|no|id|index)|unnamed:? ?\d*|record[ _]?(?:number|no))"
    r"|.*[ _.-](?:id|uuid|guid|key)|id[ _.-].*",
    re.IGNORECASE,
)
_CAMEL = re.compile(r".*[a-z](?:Id|ID|UUID)")


@dataclass(frozen=True)
class Column:
    """What one column holds.

    Attributes:
        name: of the column.
        kind: of its values; ``undecided`` are numbers such as ``1,200`` in a table where nothing says what the comma is.
        mark: before decimals.
        levels: of categories, in order; of truth values the words for false and true.
        identifier: why it tells rows apart and nothing else, or an empty text.
        missing: how many values are missing.
        grouped: whether its numbers have marks between thousands.
    """

    name: str
    kind: Kind
    mark: str = "."
    levels: tuple[str, ...] = ()
    identifier: str = ""
    missing: int = 0
    grouped: bool = False

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers, percentages or truth values."""
        return self.kind in ("number", "percent", "boolean")

    def lacks(self, cell: str) -> bool:
        """Whether a cell of this column says that its value is missing."""
        if self.kind in ("number", "percent", "undecided"):
            return cell.lower() in MISSING_AMONG_NUMBERS
        return is_missing(cell)

    def value(self, cell: str, level: str | None = None) -> float | None:
        """The number that a cell stands for, ``nan`` for a missing one; None where it is no value of this column."""
        if self.lacks(cell):
            return math.nan
        if self.kind == "number":
            return number(cell, self.mark)
        if self.kind == "percent":
            return percentage(cell, self.mark)
        if self.kind == "boolean":
            return float(self.levels.index(cell.lower())) if cell.lower() in self.levels else None
        return float(cell == level) if cell in self.levels else None


def decimal_marks(columns: Sequence[Sequence[str]], given: str | None, separator: str) -> list[str | None]:
    """The mark before decimals of each column; None where ``1,200`` may be either number and nothing decides.

    What cells of the same column can only be decides first, then what all columns of the table say; where nothing does, a comma
    that also separates values, or comes from a program, is between thousands.

    >>> decimal_marks([["7,4", "1,200"], ["1,200"]], None, ";"), decimal_marks([["1,200"]], None, ";")
    ([',', ','], [None])
    """
    if given is not None:
        return [given] * len(columns)
    found = [_evidence(cells) for cells in columns]
    marks = {mark for said, _ in found for mark in said}
    only = next(iter(marks)) if len(marks) == 1 else None
    return [_mark(said, unclear, only, separator, cells) for (said, unclear), cells in zip(found, columns)]


def _mark(said: set[str], unclear: bool, only: str | None, separator: str, cells: Sequence[str]) -> str | None:
    if len(said) == 1:
        return next(iter(said))
    if unclear:
        return only if only is not None else "." if separator == "," else None
    if only == "," and not said and all(number(cell, ",") is not None for cell in cells if "." in cell):
        return ","  # "1.200" in a table of decimal commas
    return "."


def _evidence(cells: Sequence[str]) -> tuple[set[str], bool]:
    """The marks before decimals that some cell can only have, and whether some cell with a comma can have either."""
    said, unclear = set[str](), False
    if not any("," in cell for cell in cells):
        return said, unclear
    for cell in set(cells):
        text = cell.rstrip("% ")
        if "," not in text and "." not in text:
            continue
        point, comma = number(text, "."), number(text, ",")
        if point is None and comma is not None:
            said.add(",")
        elif comma is None and point is not None:
            said.add(".")
        elif point is not None and "," in text:
            unclear = True
    return said, unclear


def column_of(name: str, cells: Sequence[str], mark: str | None, unnamed: bool = False) -> Column:
    """What a column holds.

    >>> column_of("size", ["1.5", "?", "2"], ".").kind, column_of("n", [str(i) for i in range(9)], ".").identifier
    ('number', 'numbers of the rows')
    """
    counts = Counter(cells)
    missing = sum(n for cell, n in counts.items() if is_missing(cell))
    present = {cell: n for cell, n in counts.items() if not is_missing(cell)}
    rows = sum(present.values())
    if not rows:
        return Column(name, "empty", missing=missing)
    among = {cell: n for cell, n in present.items() if cell.lower() not in MISSING_AMONG_NUMBERS}
    if mark is None:
        return Column(name, "undecided", missing=len(cells) - sum(among.values()))
    numbers = {cell for cell in among if number(cell, mark) is not None}
    if numbers and sum(among[cell] for cell in numbers) >= sum(among.values()) / 2:
        return _numbers(name, cells, among, mark, unnamed)
    if among and all(percentage(cell, mark) is not None for cell in among):
        return Column(name, "percent", mark, missing=len(cells) - sum(among.values()))
    words = truth_words(present)
    if words is not None:
        return Column(name, "boolean", levels=words, missing=missing)
    if all(map(is_date, present)):
        return Column(name, "date", missing=missing)
    if len(present) == rows:
        why = "names of the rows" if unnamed else "texts that all differ"
        return Column(name, "text", levels=(), identifier=why, missing=missing)
    if len(present) <= max(2, min(MOST_LEVELS, rows // 2)):
        levels = tuple(sorted(present))
        why = _why_identifier(name, unnamed, rows, len(present))
        return Column(name, "category", levels=levels, identifier=why, missing=missing)
    return Column(name, "text", missing=missing, identifier="names of the rows" if unnamed else "")


def _numbers(name: str, cells: Sequence[str], among: dict[str, int], mark: str, unnamed: bool) -> Column:
    rows, missing = sum(among.values()), len(cells) - sum(among.values())
    whole = all(is_integer(cell) and len(cell) < 40 for cell in among)
    if whole and rows > 1 and all(map(is_compact_day, among)):
        return Column(name, "date", missing=missing)
    grouped = any(_BETWEEN.intersection(cell) - {mark} for cell in among if number(cell, mark) is not None)
    why = ""
    if unnamed or whole:
        why = _why_identifier(name, unnamed, rows, len(among))
        if not why and whole and len(among) == rows >= _FEW_ROWS:
            values = [int(cell) for cell in cells if cell in among]
            steps = {b - a for a, b in zip(values, values[1:])}
            why = "numbers of the rows" if steps == {1} else "integers that all differ"
    return Column(name, "number", mark, identifier=why, missing=missing, grouped=grouped)


def _why_identifier(name: str, unnamed: bool, rows: int, different: int) -> str:
    if unnamed:
        return "the index of a data frame or names of the rows"
    called = _CALLED.fullmatch(name) or _CAMEL.fullmatch(name)
    return "named as an identifier" if called and different == rows > 1 else ""
