"""Tables from files and from Python, and their columns as numbers: the one reader that everything that takes data uses."""

from __future__ import annotations

import difflib
import math
import numbers
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from ...base.errors import ProblemError, describe, one_of, require
from .cells import MARKS, is_dressed, is_either, is_value
from .columns import DRESSED, Column, column_of, decimal_marks
from .files import columnar_format, existing, text_of
from .frames import FrameLike, frame_columns, is_frame
from .layout import laid_out, told
from .parquet import from_columnar

Path = str | os.PathLike[str]
Source = Path | FrameLike
Name = str | int | tuple[object, ...]  # of a column, as a data frame has it
Missing = Literal["refuse", "drop", "mean"]
POLICIES = ("refuse", "drop", "mean")
IN_TRAINING = "pass missing='drop' (those rows) or 'mean' (of the column), or name other columns"
IN_NEW_ROWS = "fill the cell or take the row out"  # where there is no policy to choose


@dataclass(frozen=True)
class Reading:
    """How to read a table, where it is not to be found out.

    Attributes:
        separator: between values: a character, or ``comma``, ``semicolon``, ``tab``, ``pipe``, ``blank``.
        decimal: the mark before decimals, ``"."`` or ``","``.
        header: whether the first line names the columns.
        encoding: of a text file.
        missing: what becomes of rows that lack a value in a column that is used: ``"refuse"``, ``"drop"`` (the rows) or ``"mean"``
            (the mean of the column on the training rows takes its place).
    """

    separator: str | None = None
    decimal: str | None = None
    header: bool | None = None
    encoding: str | None = None
    missing: str = "refuse"

    def __post_init__(self) -> None:
        for name in ("separator", "encoding"):
            given = getattr(self, name)
            require(given is None or isinstance(given, str), name, "be a text or None", given)
        require(self.header in (None, True, False), "header", "be True, False or None", self.header)
        if self.decimal is not None:
            one_of(self.decimal, "decimal", MARKS)
        one_of(self.missing, "missing", POLICIES)


@dataclass(frozen=True, eq=False)
class Table:
    """A table: the names of its columns, its rows as texts, and what each column holds.

    Attributes:
        header, rows: names and values.
        lines: where each row ends in the file.
        source, layout: what was read, and how, in words.
        separator: between values in the file; a comma for tables of Python, whose numbers have no commas.
        has_header: whether the names are those of the file.
        unnamed: columns that have no name in the file.
        decimal: the mark before decimals, where it was given.
        kinds: of the columns, once they are known.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    source: str = ""
    layout: str = ""
    separator: str = ","
    has_header: bool = True
    unnamed: frozenset[str] = frozenset()
    decimal: str | None = None
    kinds: Mapping[str, Column] = field(default_factory=dict)

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    @cached_property
    def known(self) -> Mapping[str, Column]:
        """What each column holds."""
        if self.kinds:
            return self.kinds
        return self._kinds(range(len(self.rows)))

    def _kinds(self, index: Sequence[int]) -> dict[str, Column]:
        """What these rows of each column hold, with the decimal marks of the whole table."""
        cells = [self.column(name) for name in self.header]
        marks = decimal_marks(cells, self.decimal, self.separator)
        return {
            name: column_of(name, [own[i] for i in index], mark, name in self.unnamed)
            for name, own, mark in zip(self.header, cells, marks)
        }

    def only(self, index: Sequence[int], anew: bool = False) -> Table:
        """The rows of these numbers, with columns of the same kinds, or (``anew``) of the kinds that these rows say."""
        rows, lines = [self.rows[i] for i in index], [self.lines[i] for i in index]
        return replace(self, rows=rows, lines=lines, kinds=self._kinds(index) if anew else self.known)

    def told(self) -> str:
        """How it was read, in words, with the marks in its numbers."""
        columns = [c for c in self.known.values() if c.kind in ("number", "percent")]
        commas = [c.name for c in columns if c.mark == "," and any("," in cell for cell in self.column(c.name))]
        grouped = [c.name for c in columns if c.grouped]
        notes = [f"decimal commas in {_some(commas)}"] if commas else []
        notes += [f"marks between thousands in {_some(grouped)}"] if grouped else []
        return "; ".join([self.layout, *notes])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def read_table(path: Source, known: Iterable[object] = (), how: Reading | None = None) -> Table:
    """A table from a file or from Python.

    Args:
        path: a text file, perhaps compressed by gzip, a Parquet or Arrow file (extra ``tables``), a data frame, a dictionary of
            columns, or a matrix.
        known: names of columns that the caller asks for, which help to find header and separator.
        how: what is not to be found out.

    Raises:
        ProblemError: the table cannot be read, in one line.

    >>> table = read_table({"a": [1.5, 2.5], "b": ["x", "y"]})
    >>> table.header, table.rows
    (['a', 'b'], [['1.5', 'x'], ['2.5', 'y']])
    """
    given = how if how is not None else Reading()
    if not isinstance(path, str | os.PathLike) and is_frame(path):
        return _of_python(path, f"({type(path).__name__})", "from Python")
    place = existing(path)  # type: ignore[arg-type]
    form = columnar_format(place)
    if form is not None:
        return _of_python(from_columnar(place, form), place.name, f"{form} file")
    text = text_of(place, given.encoding)
    layout = laid_out(text.text, [name for name in known if isinstance(name, str)], given.separator, given.header)
    words = "; ".join([told(layout), *text.notes, *layout.notes])
    return Table(
        layout.names,
        layout.rows,
        layout.lines,
        place.name,
        words,
        layout.separator,
        layout.header,
        layout.unnamed,
        given.decimal,
    )


def _of_python(frame: object, source: str, layout: str) -> Table:
    columns = frame_columns(frame)
    rows = [list(row) for row in zip(*columns.values())]
    return Table(list(columns), rows, list(range(1, len(rows) + 1)), source, layout, decimal=".")


def column_named(name: Name, argument: str, table: Table) -> str:
    """The column of this name, which may be one of Python, as a data frame has it: a number, or the levels of a name.

    Raises:
        ProblemError: it is none; the nearest one is named.

    >>> column_named(("a", "u"), "target", read_table({("a", "u"): [1.5], ("a", "v"): [2.5]}))
    "('a', 'u')"
    """
    number = isinstance(name, numbers.Integral) and not isinstance(name, bool)
    text = str(int(name)) if number else str(name) if isinstance(name, tuple) else name  # type: ignore[arg-type]
    if isinstance(text, str) and text in table.header:
        return text
    near = difflib.get_close_matches(str(name), table.header, n=1, cutoff=0.0)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    if not table.has_header:
        hint = f" The file has no header: its columns are {table.header[0]} to {table.header[-1]}."
    raise ProblemError(f"Argument `{argument}` must be a column of the file, but is {describe(name)}.{hint}")


@dataclass(frozen=True)
class Feature:
    """One number that a model is given.

    Attributes:
        name: of the feature: the column, or ``column=level`` of a category.
        column: where it comes from.
        level: the category that it marks by 1, all others being 0.
    """

    name: str
    column: str
    level: str | None = None

    def made_of(self, table: Table) -> str:
        """The feature with what it was made of, in words."""
        kind = table.known[self.column]
        if kind.kind == "percent":
            return f"{self.name} (percent / 100)"
        if self.level is not None:
            return f"{self.name} (1 or 0)"
        return f"{self.name} ({kind.levels[1]} = 1)" if kind.kind == "boolean" else self.name


def features_of(table: Table, name: str) -> list[Feature]:
    """The numbers that one column gives: itself, or one a category (of two categories the second)."""
    column = table.known[name]
    if column.kind != "category":
        return [Feature(name, name)]
    levels = column.levels[1:] if len(column.levels) == 2 else column.levels
    return [Feature(f"{name}={level}", name, level) for level in levels]


def features_named(table: Table, argument: str, names: Sequence[Name]) -> list[Feature]:
    """The features that were asked for: columns, or one category of a column, ``column=level``."""
    found: list[Feature] = []
    for name in names:
        column, _, level = str(name).rpartition("=")
        if name not in table.header and column in table.header and _has_level(table.known[column], level):
            found.append(Feature(str(name), column, level))
            continue
        found += features_of(table, column_named(name, argument, table))
        _refuse_kind(table, argument, found[-1].column)
    return found


def _has_level(column: Column, level: str) -> bool:
    """Whether a column may be this category; truth values, which are asked for as a category too, in any case of letters."""
    return level in column.levels or (column.kind == "boolean" and level.lower() in column.levels)


def _refuse_kind(table: Table, argument: str, name: str) -> None:
    """Refuse a column that no rule turns into numbers, with what to do instead."""
    column, cells = table.known[name], table.column(name)
    if column.kind == "date":
        first = next(i for i, cell in enumerate(cells) if not column.lacks(cell))
        raise ProblemError(
            f"Argument `{argument}` must be columns of numbers, but `{name}` holds dates ({cells[first]!r} in row "
            f"{table.lines[first]}): write them as numbers, such as days since the first."
        )
    if column.kind == "undecided":
        unclear = next(cell for cell in cells if is_either(cell))
        raise ProblemError(
            f"Argument `decimal` must be given, '.' or ',', for column `{name}`, whose {unclear!r} may be either number."
        )
    if column.kind == "empty":
        raise ProblemError(f"Argument `{argument}` must be columns of numbers, but `{name}` has no values.")


def numbers_of(table: Table, name: str, argument: str = "features", remedy: str = IN_TRAINING) -> np.ndarray:
    """A column as finite numbers, shape ``(rows,)``; raises :class:`ProblemError` with the row of a cell that is none."""
    _refuse_kind(table, argument, name)
    values = values_of(table, Feature(name, name), argument)
    refuse_missing(table, [Feature(name, name)], values[:, None], argument, remedy)
    return values


def values_of(table: Table, feature: Feature, argument: str = "features") -> np.ndarray:
    """A feature of all rows, ``nan`` where it is missing; raises :class:`ProblemError` with the row of a cell that has no value."""
    column = table.known[feature.column]
    cells = table.column(feature.column)
    found = [column.value(cell, feature.level) for cell in cells]
    plain = column.kind == "dressed"  # some of its cells may be numbers as they stand
    for value, cell, row in zip(found, cells, table.lines):
        if (value is None or math.isinf(value)) and not (plain and is_value(cell)):
            units = table.has_header and value is None and row == table.lines[0]
            _refuse_cell(argument, feature.column, cell, row, _how_mended(cell, value, units))
    return np.array(found, dtype=float)


def tried_values(table: Table, feature: Feature) -> np.ndarray:
    """A feature of all rows, ``nan`` where it is missing or has no value: what is enough to judge whether it is wanted."""
    column = table.known[feature.column]
    found = [column.value(cell, feature.level) for cell in table.column(feature.column)]
    return np.array([math.nan if v is None or math.isinf(v) else v for v in found])


def _how_mended(cell: str, value: float | None, units: bool) -> str:
    """What helps where a cell is no finite number."""
    if value is not None:
        return ": take that row out"
    if is_dressed(cell):
        return ": write the numbers of this column without signs of currency, units or brackets"
    return ": take that row out where it holds units" if units else ""


def _refuse_cell(argument: str, name: str, cell: str, row: int, rest: str = "") -> None:
    raise ProblemError(
        f"Argument `{argument}` must be finite numbers, in column `{name}` too, but is of {describe(cell)} in row {row}{rest}."
    )


def refuse_missing(
    table: Table, features: Sequence[Feature], values: np.ndarray, argument: str = "features", remedy: str = IN_TRAINING
) -> None:
    """Refuse missing values, with the first of them, the count, and the remedy."""
    lacks = np.isnan(values)
    if not lacks.any():
        return
    row, place = (int(k[0]) for k in np.nonzero(lacks))
    name, rows = features[place].column, int(lacks.any(axis=1).sum())
    cell = table.column(name)[row]
    few = f"{rows:,} of {len(values):,} rows lack{'s' if rows == 1 else ''} a value"
    raise ProblemError(
        f"Argument `{argument}` must be finite numbers, in column `{name}` too, but is of {cell!r} in row {table.lines[row]} "
        f"({few}): {remedy}."
    )


def _constant(table: Table, name: str) -> bool:
    """Whether a column of numbers tells no two rows apart."""
    lacks = table.known[name].lacks
    there = [cell for cell in table.column(name) if not lacks(cell)]
    return len(there) > 1 and len(set(there)) == 1


def default_features(
    table: Table, but: Sequence[str] = (), constant: bool = False
) -> tuple[list[Feature], list[Feature], dict[str, str]]:
    """Features that are taken unless others are named, those of categories, and why other columns are left out.

    Columns ``but`` are passed over; those of numbers with one value in all rows are left out unless ``constant``.

    >>> numbers, categories, why = default_features(read_table({"id": [7, 9], "x": [1.5, 2.5], "c": ["u", "v"]}))
    >>> [f.name for f in numbers], why
    (['x'], {'id': 'named as an identifier', 'c': 'texts that all differ'})
    """
    numeric: list[Feature] = []
    categories: list[Feature] = []
    why: dict[str, str] = {}
    for name in table.header:
        column = table.known[name]
        if name in but:
            continue
        if column.identifier:
            why[name] = column.identifier
        elif column.kind == "undecided":
            _refuse_kind(table, "features", name)
        elif column.numeric and not constant and _constant(table, name):
            why[name] = "one value in all rows"
        elif column.numeric:
            numeric += features_of(table, name)
        elif column.kind == "category":
            categories += features_of(table, name)
        else:
            why[name] = {"date": "dates", "empty": "no values", "dressed": DRESSED}.get(column.kind, "text")
    return numeric, categories, why
