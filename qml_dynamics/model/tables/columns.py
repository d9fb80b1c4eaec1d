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
    MARKS,
    MISSING_AMONG_NUMBERS,
    are_times,
    is_compact_day,
    is_date,
    is_dressed,
    is_either,
    is_integer,
    is_missing,
    number,
    percentage,
    truth_words,
)

Kind = Literal["number", "percent", "boolean", "category", "date", "text", "empty", "undecided", "dressed"]
DRESSED = "numbers with signs of currency, units or brackets: take these off"
MOST_LEVELS = 20  # different texts that are categories and no free text
_BETWEEN = frozenset(",.'’ \u00a0\u202f")  # what may stand between thousands
_FEW_ROWS = 8  # below it integers may differ from each other by chance
_CALLED = re.compile(
    r"(?:id|ids|uuid|guid|rowid|rownames?|row[ _.-]?(?:number|num|no|nr|id|index)|unnamed:? ?\d*|record[ _]?(?:number|no|nr))"
    r"|.*[ _.-](?:id|uuid|guid)|id[ _.-].*|.*(?:user|customer|patient|kunden)id"
    r"|.*(?:user|customer|client|patient|kunden|order|invoice|account)[ _.-]?(?:number|num|no|nr)",
    re.IGNORECASE,
)
_CAMEL = re.compile(r".*[a-z](?:Id|ID|UUID)")
# names that quantities have too (a musical key, an atomic number): identifiers where at least half of the values differ
_OFTEN = re.compile(r"(?:index|idx|key|nr|no|number)|.*[ _.-](?:key|nr|no|number)", re.IGNORECASE)
_OFTEN_CAMEL = re.compile(r".*[a-z](?:Nr|No|Number)")


@dataclass(frozen=True)
class Column:
    """What one column holds.

    Attributes:
        name: of the column.
        kind: of its values; ``undecided`` are numbers such as ``1,200`` in a table where nothing says what the comma is, ``dressed``
            those with signs of currency, units or brackets.
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
            low = cell.lower()
            if low not in self.levels:
                return None
            return float(self.levels.index(low)) if level is None else float(low == level.lower())
        return float(cell == level) if cell in self.levels else None


def decimal_marks(columns: Sequence[Sequence[str]], given: str | None, separator: str) -> list[str | None]:
    """The mark before decimals of each column; None where ``1,200`` may be either number and nothing decides.

    What cells of the same column can only be decides first, then what all columns of numbers say; where nothing does, a comma that
    also separates values, or comes from a program, is between thousands, and so may be all points of a table with semicolons.

    >>> decimal_marks([["7,4", "1,200"], ["1,200"]], None, ";"), decimal_marks([["1,200"]], None, ";")
    ([',', ','], [None])
    """
    if given is not None:
        return [given] * len(columns)
    found = [_evidence(cells) for cells in columns]
    marks = {mark for (said, _), cells in zip(found, columns) if said and _mostly_numbers(cells) for mark in said}
    only = next(iter(marks)) if len(marks) == 1 else None
    points = bool(marks) or separator != ";" or any(decides(cells, ".") for cells in columns)
    return [_mark(said, unclear, only, separator, points, cells) for (said, unclear), cells in zip(found, columns)]


def decides(cells: Sequence[str], mark: str) -> bool:
    """Whether some cell is a number under this mark before decimals only.

    >>> decides(["1.200", "0.5"], "."), decides(["1.200"], "."), decides(["1.200.000"], ",")
    (True, False, True)
    """
    other = "," if mark == "." else "."
    texts = {cell.rstrip("% ") for cell in cells if "," in cell or "." in cell}
    return any(number(text, mark) is not None and number(text, other) is None for text in texts)


def _mostly_numbers(cells: Sequence[str]) -> bool:
    there = [cell.rstrip("% ") for cell in cells if not is_missing(cell)]
    return 2 * sum(number(cell) is not None or number(cell, ",") is not None for cell in there) >= len(there)


def _mark(
    said: set[str], unclear: bool, only: str | None, separator: str, points: bool, cells: Sequence[str]
) -> str | None:
    """The mark of one column: ``points`` says that a point may be taken as the mark where nothing else is known."""
    if len(said) == 1:
        return next(iter(said))
    if unclear:
        return only if only is not None else "." if separator == "," else None
    dotted = [cell for cell in cells if "." in cell and cell.lower() not in MISSING_AMONG_NUMBERS]
    grouped = not said and all(number(cell, ",") is not None for cell in dotted)
    if only == "," and grouped:  # "1.200" in a table of decimal commas
        return "," if separator != "," or not dotted else None
    return "." if points or not dotted or not grouped or not _mostly_numbers(cells) else None


def _evidence(cells: Sequence[str]) -> tuple[set[str], bool]:
    """The marks before decimals that some cell can only have, and whether some cell with a comma can have either."""
    said, unclear = set[str](), False
    if not any("," in cell or cell.count(".") > 1 for cell in cells):
        return said, unclear
    for mark in MARKS:
        if decides(cells, mark):
            said.add(mark)
    return said, any("," in cell and is_either(cell) for cell in set(cells))


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
    few = len(present) < rows and len(present) <= max(2, min(MOST_LEVELS, rows // 2))
    if not few and not unnamed and all(is_dressed(cell) or number(cell, mark) is not None for cell in present):
        return Column(name, "dressed", missing=missing)
    if len(present) == rows:
        why = "names of the rows" if unnamed else "texts that all differ"
        return Column(name, "text", levels=(), identifier=why, missing=missing)
    if few:
        levels = tuple(sorted(present))
        why = _why_identifier(name, unnamed, rows, len(present))
        return Column(name, "category", levels=levels, identifier=why, missing=missing)
    return Column(name, "text", missing=missing, identifier="names of the rows" if unnamed else "")


def _numbers(name: str, cells: Sequence[str], among: dict[str, int], mark: str, unnamed: bool) -> Column:
    rows, missing = sum(among.values()), len(cells) - sum(among.values())
    whole = all(is_integer(cell) and len(cell) < 40 for cell in among)
    if are_times(name, among) or (whole and rows > 1 and all(map(is_compact_day, among))):
        return Column(name, "date", missing=missing)
    values = [number(cell, mark) for cell in among]
    grouped = any(_BETWEEN.intersection(cell) - {mark} for cell, value in zip(among, values) if value is not None)
    counts = whole or all(value is not None and value.is_integer() for value in values)
    why = _why_identifier(name, unnamed, rows, len(among), counts)
    if not why and whole and len(among) == rows >= _FEW_ROWS:
        order = [int(cell) for cell in cells if cell in among]
        steps = {b - a for a, b in zip(order, order[1:])}
        why = "numbers of the rows" if steps == {1} else "integers that all differ"
    return Column(name, "number", mark, identifier=why, missing=missing, grouped=grouped)


def _why_identifier(name: str, unnamed: bool, rows: int, different: int, counts: bool = True) -> str:
    """Why a column tells rows apart, from its name; ``counts``: its numbers are integers, ``1.0`` as well."""
    if unnamed:
        return "the index of a data frame or names of the rows"
    called = _CALLED.fullmatch(name) or _CAMEL.fullmatch(name)
    often = counts and 2 * different >= rows and (_OFTEN.fullmatch(name) or _OFTEN_CAMEL.fullmatch(name))
    return "named as an identifier" if rows > 1 and (called or often) else ""
