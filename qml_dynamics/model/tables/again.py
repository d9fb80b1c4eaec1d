"""Rows of another table as the features that a model was trained on: the same columns, read as the same kinds of values.

A column that held percentages, truth values or categories must hold them again: a number of another kind is refused, not rescaled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ...base.errors import ProblemError, describe, require
from .cells import MARKS, is_either
from .columns import Column, Kind, decides
from .reading import IN_NEW_ROWS, Feature, Table, column_named, refuse_missing

Kinds = Mapping[str, Sequence[str]]
_KINDS: dict[str, Kind] = {"percent": "percent", "boolean": "boolean", "category": "category", "number": "number"}
_LEAST = {"percent": 1, "boolean": 3, "category": 4, "number": 2}
WHOLE = (
    "whole"  # in place of a mark: numbers without decimals in a table where nothing says what stands before decimals
)


def kinds_of(table: Table, features: Sequence[Feature]) -> dict[str, list[str]]:
    """How each feature that is no plain number was read, as plain data: its kind, a category's column, and the levels.

    Numbers and percentages with decimal commas or marks between thousands keep the mark before their decimals; those of a text
    whose numbers are all whole say so, since they know none.

    >>> from .reading import features_named, read_table
    >>> table = read_table({"sex": ["f", "m", "f"], "rate": ["1%", "2%", "3%"], "x": [1, 2, 2]})
    >>> kinds_of(table, features_named(table, "features", ["sex", "rate", "x"]))
    {'sex=m': ['category', 'sex', 'f', 'm'], 'rate': ['percent']}
    """
    found: dict[str, list[str]] = {}
    unsaid = table.decimal is None and not _said(table)
    for feature in features:
        column = table.known[feature.column]
        if feature.level is not None:
            cells = table.column(feature.column)
            words = {cell for cell in cells if not column.lacks(cell)} if column.kind == "boolean" else column.levels
            found[feature.name] = ["category", feature.column, *sorted(words)]
        elif column.kind in ("number", "percent"):
            whole = (
                unsaid and not column.grouped and not any("." in c or "," in c for c in table.column(feature.column))
            )
            mark = [WHOLE] if whole else [column.mark] if column.mark == "," or column.grouped else []
            if mark or column.kind == "percent":
                found[feature.name] = [column.kind, *(mark if column.kind == "number" or mark != ["."] else [])]
        elif column.kind == "boolean":
            found[feature.name] = ["boolean", *column.levels]
    return found


def columns_of(features: Sequence[str], kinds: Kinds) -> list[str]:
    """The column of each feature.

    >>> columns_of(["sex=m", "x"], {"sex=m": ["category", "sex", "f", "m"]})
    ['sex', 'x']
    """
    return [_feature(name, kinds.get(name)).column for name in features]


def check_kinds(kinds: object, features: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What :func:`kinds_of` wrote, read from a file; raises :class:`ProblemError` where it is something else."""
    must = "be a table from features to their kinds and levels"
    require(isinstance(kinds, Mapping), "kinds", must, kinds)
    assert isinstance(kinds, Mapping)
    found: dict[str, tuple[str, ...]] = {}
    for name, said in kinds.items():
        words = tuple(said) if isinstance(said, (list, tuple)) else ()
        known = name in features and bool(words) and all(isinstance(word, str) for word in words)
        require(known and words[0] in _KINDS, "kinds", must, {name: said})
        whole = len(words) >= _LEAST[words[0]] and (words[0] != "category" or str(name).startswith(f"{words[1]}="))
        whole = whole and (words[0] not in ("percent", "number") or set(words[1:]) <= {*MARKS, WHOLE})
        require(whole, "kinds", must, {name: said})
        found[str(name)] = words
    return found


def rows_like(
    table: Table, names: Sequence[str], kinds: Kinds, argument: str, fill: Sequence[float] | None = None
) -> np.ndarray:
    """The features of every row, shape ``(rows, len(names))``.

    Args:
        table: what was read.
        names: of the features, in the order of the model.
        kinds: from :func:`kinds_of`.
        argument: what the table is called in messages.
        fill: a number a feature for missing values; None refuses them.

    Raises:
        ProblemError: a column is missing or of another kind, or a cell has no value.
    """
    features = [_feature(name, kinds.get(name)) for name in names]
    values = np.column_stack([_values(table, each, kinds.get(each.name), argument) for each in features])
    if fill is None:
        refuse_missing(table, features, values, argument, IN_NEW_ROWS)
        return values
    return np.where(np.isnan(values), np.asarray(fill, dtype=float), values)


def _feature(name: str, said: Sequence[str] | None) -> Feature:
    if said is None or said[0] != "category":
        return Feature(name, name)
    return Feature(name, said[1], name.removeprefix(f"{said[1]}="))


def _values(table: Table, feature: Feature, said: Sequence[str] | None, argument: str) -> np.ndarray:
    column_named(feature.column, argument, table)
    found = table.known[feature.column]
    kind: Kind = "number" if said is None else _KINDS[said[0]]
    if found.kind == "percent" and kind == "number":
        raise ProblemError(
            f"Argument `{argument}` must have numbers in column `{feature.column}`, as the training data had, but has percentages."
        )
    mark = _mark_again(table, found, said, argument)
    levels = () if said is None else tuple(said[{"category": 2, "boolean": 1}.get(kind, len(said)) :])
    column = Column(feature.column, kind, mark, levels)
    cells = table.column(feature.column)
    values = [column.value(cell, feature.level) for cell in cells]
    for value, cell, row in zip(values, cells, table.lines):
        if value is None or math.isinf(value):
            must = {"number": "finite numbers", "percent": "percentages"}.get(kind, f"one of {', '.join(levels)}")
            raise ProblemError(
                f"Argument `{argument}` must be {must}, in column `{feature.column}` too, but is of {describe(cell)} in row {row}."
            )
    return np.array(values, dtype=float)


def _mark_again(table: Table, found: Column, said: Sequence[str] | None, argument: str) -> str:
    """The mark before decimals: what the new cells can only have, else the one of the training data.

    Raises:
        ProblemError: the new cells may have either, and the rest of the table says another one than the training data.
    """
    numbers = said is None or said[0] in ("number", "percent")
    trained = said[1] if said is not None and numbers and len(said) > 1 else None
    undecided = found.kind == "undecided"
    cells = table.column(found.name)
    if trained is None:
        if undecided and numbers and any("," in cell for cell in cells):
            raise ProblemError(
                f"Argument `{argument}` must say what the commas of column `{found.name}` are: write its numbers without marks "
                "between thousands."
            )
        return "." if undecided else found.mark
    if trained == WHOLE:
        return _mark_of_whole(table, found, argument)
    mark = found.mark if not undecided else trained
    if table.decimal is not None or mark == trained or decides(cells, mark) or not any(map(is_either, cells)):
        return mark
    if table.separator == "," or any(decides(table.column(name), mark) for name in table.header):
        decimals = f"with decimal {'commas' if trained == ',' else 'points'}, as the training data had"
        raise _unclear(found, argument, decimals)
    return trained


def _mark_of_whole(table: Table, found: Column, argument: str) -> str:
    """The mark where the training data had whole numbers only: what the new table says, or none is needed.

    Raises:
        ProblemError: some number of the column may be a whole one with a mark between thousands, or one with decimals.
    """
    cells = table.column(found.name)
    either = [cell for cell in cells if is_either(cell)]
    if table.decimal is not None or not either or any(decides(cells, mark) for mark in MARKS):
        return found.mark
    said = _said(table)
    if len(said) == 1:
        return next(iter(said))
    if table.separator == "," and not any("." in cell for cell in either):  # as in training data
        return "."
    raise _unclear(found, argument, f"{either[0]!r} with another number of decimals, since the training data had none")


def _said(table: Table) -> set[str]:
    """The marks before decimals that some cell of a column of numbers can only have."""
    numbers = [name for name in table.header if table.known[name].kind in ("number", "percent", "undecided")]
    return {mark for mark in MARKS if any(decides(table.column(name), mark) for name in numbers)}


def _unclear(found: Column, argument: str, decimals: str) -> ProblemError:
    return ProblemError(
        f"Argument `{argument}` must say what the marks of column `{found.name}` are, whose numbers may have decimals or "
        f"thousands: write them without marks between thousands, and {decimals}."
    )
