"""Data with any number of classes for the trainer: a CSV file, or one of the sets that scikit-learn carries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import MethodError, ProblemError, integer, one_of, real, require
from ...base.printing import printed_briefly
from ...model.objectives.data import account_of, given_columns, labelled, labels_of, usable_columns, without_missing
from ...model.objectives.prepared import Preparation
from ...model.tables.account import Account
from ...model.tables.again import kinds_of
from ...model.tables.reading import Reading, column_named, read_table, values_of
from .scikit import carried

CARRIED = ("iris", "wine", "breast_cancer", "digits")


@printed_briefly
@dataclass(frozen=True, eq=False)
class ClassData:
    """Standardised rows and class numbers, split within each class.

    ``X`` and ``X_test`` are ``(rows, features)`` after ``(x - mean) / scale`` of the training rows; ``y`` and ``y_test`` are
    numbers into ``classes``. ``account`` tells what of a file was read, chosen and left out, ``preparation`` how a row of it becomes
    one of ``X``.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    features: tuple[str, ...]
    classes: tuple[str, ...]
    account: Account | None = None
    preparation: Preparation | None = None


@checks_arguments
def class_data(
    source: str | os.PathLike[str],
    *,
    target: str | None = None,
    features: Sequence[str] | None = None,
    test_fraction: float = 0.3,
    seed: int = 0,
    missing: str = "refuse",
) -> ClassData:
    """Training and held-out rows of a data set with two or more classes.

    Args:
        source: a table as :func:`~qml_dynamics.objectives.load_data` reads it from a file; or, where no such file exists and
            scikit-learn is installed, ``"iris"``, ``"wine"``, ``"breast_cancer"`` or ``"digits"``.
        target: the column that holds the class (CSV only).
        features: columns to use; all numeric ones when None, identifiers of rows left out (CSV only).
        test_fraction: share of every class that is held out, in (0, 1).
        seed: of the split.
        missing: ``"refuse"``, ``"drop"`` (the rows) or ``"mean"`` (of the column): what becomes of missing values (CSV only).

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
        name, values, labels, names = _carried(given, target, features)
        return _split(
            name, values, labels, Preparation(names, (0.0,) * len(names), (1.0,) * len(names), ()), share, seed
        )
    known = f"be a CSV file that exists, or one of {', '.join(CARRIED)} (with scikit-learn)"
    require(Path(given).is_file(), "source", known, given)
    require(target is not None, "target", "name the column of the class", target)
    name, values, labels, account, plain = _csv(given, str(target), features, missing)
    return replace(_split(name, values, labels, plain, share, seed), account=account)


Table = tuple[str, np.ndarray, np.ndarray, tuple[str, ...]]


def _csv(
    path: str, target: str, features: Sequence[str] | None, missing: str
) -> tuple[str, np.ndarray, np.ndarray, Account, Preparation]:
    """Name, values and labels of a table, what was read of it, and how, standardised by nothing yet."""
    table = read_table(path, [target], Reading(missing=missing))
    column_named(target, "target", table)
    total = len(table.rows)
    if missing == "drop":
        table = labelled(table, target)
    labels = np.array(labels_of(table, target))
    why: dict[str, str] = {}
    if features is None:
        numeric, categories, why = usable_columns(table, [target])
        chosen = numeric or categories
    else:
        chosen = given_columns(table, target, features)
    values = np.column_stack([values_of(table, feature) for feature in chosen])
    lacking = int(np.isnan(values).sum())
    values, keep = without_missing(table, chosen, values, missing, np.ones(len(values), dtype=bool))
    told = replace(
        account_of(table, chosen, why, [target]),
        target=target,
        classes=tuple(sorted(set(labels[keep].tolist()))),
        rows_used=int(keep.sum()),
        missing=missing,
        rows_dropped=int((~keep).sum()) + total - len(table.rows),
        cells_filled=lacking if missing == "mean" else 0,
    )
    names = tuple(feature.name for feature in chosen)
    one = (1.0,) * len(names)
    plain = Preparation(names, one, one, (), target=target, kinds=kinds_of(table, chosen), missing=missing)
    return Path(path).stem, values[keep], labels[keep], told, plain


def _carried(name: str, target: str | None, features: Sequence[str] | None) -> Table:
    require(target is None and features is None, "target", "be absent for a named set, as `features`", target)
    found = carried(one_of(name, "source", CARRIED, MethodError))
    labels = np.asarray(found.target_names)[found.target]
    return name, np.asarray(found.data, dtype=float), labels.astype(str), tuple(map(str, found.feature_names))


def _split(
    name: str,
    values: np.ndarray,
    labels: np.ndarray,
    plain: Preparation,
    share: float,
    seed: int,
) -> ClassData:
    """Rows standardised by the training ones, split within each class."""
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
    told = replace(
        plain,
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        classes=words,
        test_fraction=share,
        seed=seed,
        rows=(int(training.sum()), int((~training).sum())),
    )
    parts = (X[training], y[training], X[~training], y[~training])
    return ClassData(name, *parts, plain.features, words, preparation=told)
