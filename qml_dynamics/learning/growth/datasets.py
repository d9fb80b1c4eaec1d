"""Data with any number of classes for the trainer: a CSV file, or one of the sets that scikit-learn carries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import MethodError, ProblemError, integer, one_of, real, require
from ...model.objectives.data import column_named, given_columns, is_number, numbers_of, read_table
from .scikit import carried

CARRIED = ("iris", "wine", "breast_cancer", "digits")


@dataclass(frozen=True, eq=False)
class ClassData:
    """Standardised rows and class numbers, split within each class.

    ``X`` and ``X_test`` are ``(rows, features)`` after ``(x - mean) / scale`` of the training rows; ``y`` and ``y_test`` are
    numbers into ``classes``.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    features: tuple[str, ...]
    classes: tuple[str, ...]


@checks_arguments
def class_data(
    source: str | os.PathLike[str],
    *,
    target: str | None = None,
    features: Sequence[str] | None = None,
    test_fraction: float = 0.3,
    seed: int = 0,
) -> ClassData:
    """Training and held-out rows of a data set with two or more classes.

    Args:
        source: a CSV file with a header; or, where no such file exists and scikit-learn is installed, ``"iris"``, ``"wine"``,
            ``"breast_cancer"`` or ``"digits"``.
        target: the column that holds the class (CSV only).
        features: columns to use; all numeric ones when None (CSV only).
        test_fraction: share of every class that is held out, in (0, 1).
        seed: of the split.

    Raises:
        ProblemError: no such file or column, one class only, or a class of a single row.
        MethodError: a named set without scikit-learn.
    """
    share = real(test_fraction, "test_fraction")
    require(0 < share < 1, "test_fraction", "be between 0 and 1, both excluded", test_fraction)
    integer(seed, "seed", 0, 2**63 - 1)
    given = os.fspath(source) if isinstance(source, str | os.PathLike) else source
    require(isinstance(given, str), "source", "be the name of a file or of a data set", source)
    if given in CARRIED and not Path(given).exists():
        return _split(*_carried(given, target, features), share, seed)
    known = f"be a CSV file that exists, or one of {', '.join(CARRIED)} (with scikit-learn)"
    require(Path(given).is_file(), "source", known, given)
    require(target is not None, "target", "name the column of the class", target)
    return _split(*_csv(given, str(target), features), share, seed)


Table = tuple[str, np.ndarray, np.ndarray, tuple[str, ...]]


def _csv(path: str, target: str, features: Sequence[str] | None) -> Table:
    table = read_table(path)
    column_named(target, "target", table)
    if features is None:
        names = [n for n in table.header if n != target and any(map(is_number, table.column(n)))]
        require(bool(names), "source", "have a numeric column beside the target", "of text only")
    else:
        names = given_columns(table, target, features)
    labels = table.column(target)
    empty = [line for cell, line in zip(labels, table.lines) if not cell]
    require(not empty, "target", "have no missing values", f"of an empty one in row {empty[0]}" if empty else "")
    values = np.column_stack([numbers_of(table, name) for name in names])
    return Path(path).stem, values, np.array(labels), tuple(names)


def _carried(name: str, target: str | None, features: Sequence[str] | None) -> Table:
    require(target is None and features is None, "target", "be absent for a named set, as `features`", target)
    found = carried(one_of(name, "source", CARRIED, MethodError))
    labels = np.asarray(found.target_names)[found.target]
    return name, np.asarray(found.data, dtype=float), labels.astype(str), tuple(map(str, found.feature_names))


def _split(
    name: str, values: np.ndarray, labels: np.ndarray, names: tuple[str, ...], share: float, seed: int
) -> ClassData:
    classes, y = np.unique(labels, return_inverse=True)
    require(len(classes) > 1, "target", "hold two classes or more", f"of one: {classes[0]}")
    counts = np.bincount(y)
    if len(classes) > len(y) // 2 or counts.min() < 2:
        few = classes[counts.argmin()]
        raise ProblemError(f"Argument `target` must have two rows or more of each class, but {few} has {counts.min()}.")
    rng, training = np.random.default_rng(np.random.SeedSequence(seed)), np.ones(len(y), dtype=bool)
    for k in range(len(classes)):
        rows = rng.permutation(np.flatnonzero(y == k))
        training[rows[: min(max(1, round(share * len(rows))), len(rows) - 1)]] = False
    mean, scale = values[training].mean(axis=0), values[training].std(axis=0)
    scale[np.ptp(values[training], axis=0) == 0] = 1.0
    X = (values - mean) / scale
    words = tuple(map(str, classes))
    return ClassData(name, X[training], y[training], X[~training], y[~training], names, words)
