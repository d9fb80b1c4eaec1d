"""Reading a CSV file into training and test arrays for two classes."""

from __future__ import annotations

import csv
import difflib
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments_but, listed
from ...base.errors import ProblemError, describe, integer, one_of, real, require
from ...base.printing import printed_briefly

Path = str | os.PathLike[str]


@printed_briefly
@dataclass(frozen=True, eq=False)
class Dataset:
    """Two classes, split and standardised.

    ``X_train`` and ``X_test`` are ``(rows, features)`` after ``(x - mean) / scale``; ``y_train`` and ``y_test`` are 0
    for ``classes[0]`` and 1 for ``classes[1]``; ``features`` are the names of the columns, ``target`` that of the class. ``rest``
    says that ``classes[0]`` stands for every other label; ``test_fraction`` and ``seed`` are those of the split.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    features: tuple[str, ...]
    classes: tuple[str, str]
    mean: np.ndarray
    scale: np.ndarray
    target: str = ""
    rest: bool = False
    test_fraction: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Table:
    """A CSV file: the names of its columns, and its rows as text."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]  # where each row ends in the file

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]


@checks_arguments_but("features", "path")
def load_data(
    path: Path,
    *,
    target: str,
    features: Sequence[str] | None = None,
    num_features: int | None = None,
    classes: Sequence[object] | None = None,
    positive: object | None = None,
    test_fraction: float = 0.3,
    seed: int = 0,
) -> Dataset:
    """A data set of two classes from a CSV file with a header, split by class and standardised.

    Args:
        path: the file, UTF-8, values separated by commas.
        target: column that holds the class.
        features: columns to use, in this order. Without it, the ``num_features`` numeric columns of largest absolute
            correlation with the class on the training rows (all of them when ``None``), in the order of the file.
        num_features: how many columns to choose, where ``features`` is not given.
        classes: two classes to keep, the second is the positive one; rows of other classes are dropped.
        positive: one class against all the rest. Without ``classes`` and ``positive`` the column must hold two classes.
        test_fraction: share of every class that is set apart, in [0, 1); at least one row of each stays for training.
        seed: of the split.

    Returns:
        :class:`Dataset`. Mean and standard deviation are those of the training rows (a constant column keeps scale 1).

    Raises:
        ProblemError: for a file or column that is missing, a value that is not a finite number (with its line),
            fewer or more than two classes, options that exclude each other, or a fraction outside of [0, 1).

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "toy.csv")
    ...     _ = path.write_text("height,kind\\n1.0,cat\\n3.0,dog\\n")
    ...     data = load_data(path, target="kind", test_fraction=0)
    >>> data.classes, data.X_train.tolist(), data.y_train.tolist()
    (('cat', 'dog'), [[-1.0], [1.0]], [0, 1])
    """
    share = real(test_fraction, "test_fraction")
    require(0 <= share < 1, "test_fraction", "be in [0, 1)", test_fraction)
    integer(seed, "seed", 0, 2**63 - 1)
    both = features is not None and num_features is not None
    require(not both, "num_features", "be absent where `features` is given", num_features)
    table = read_table(path)
    column_named(target, "target", table)
    table, labels, names = _two_classes(table, target, classes, positive)
    training = _split(labels, share, seed)
    if features is None:
        chosen, values = _best_columns(table, target, labels, training, num_features)
    else:
        chosen = given_columns(table, target, features)
        values = np.column_stack([numbers_of(table, name) for name in chosen])
    mean, scale = values[training].mean(axis=0), values[training].std(axis=0)
    scale[np.ptp(values[training], axis=0) == 0] = 1.0
    values = (values - mean) / scale
    parts = (values[training], labels[training], values[~training], labels[~training])
    return Dataset(*parts, tuple(chosen), names, mean, scale, target, positive is not None, share, seed)


def read_table(path: Path) -> Table:
    """Read a CSV file with a header; raises :class:`ProblemError` where it has none, or rows of different lengths."""
    require(isinstance(path, str | os.PathLike), "path", "be the name of a file", path)
    name = os.fspath(path)
    if not os.path.isfile(name):  # the whole path, however long
        raise ProblemError(f"Argument `path` must be a CSV file that exists, but is {describe(name)}.")
    try:
        with open(name, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True)
            pairs = [([cell.strip() for cell in row], reader.line_num) for row in reader if any(map(str.strip, row))]
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise ProblemError(f"Argument `path` must be a readable CSV file, but {name!r} is not: {error}.") from error
    require(len(pairs) > 1, "path", "have a header and at least one row", f"of {len(pairs)} lines: {name}")
    header = pairs[0][0]
    twice = [column for column, count in Counter(header).items() if count > 1]
    require(not twice, "path", "have columns of different names", f"of two called {twice[0]!r}" if twice else "")
    for row, line in pairs[1:]:
        require(len(row) == len(header), "path", f"have {len(header)} values in row {line}", f"of {len(row)} there")
    return Table(header, [row for row, _ in pairs[1:]], [line for _, line in pairs[1:]])


def column_named(name: str, argument: str, table: Table) -> str:
    """``name`` if it is a column; raises :class:`ProblemError`, which names the nearest one, if not."""
    if name in table.header:
        return name
    near = difflib.get_close_matches(str(name), table.header, n=1, cutoff=0.0)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ProblemError(f"Argument `{argument}` must be a column of the file, but is {describe(name)}.{hint}")


def _two_classes(
    table: Table, target: str, classes: Sequence[object] | None, positive: object | None
) -> tuple[Table, np.ndarray, tuple[str, str]]:
    """The rows to keep, their labels 0 and 1, and the names of the two."""
    column = table.column(target)
    empty = [line for cell, line in zip(column, table.lines) if not cell]
    require(not empty, "target", "have no missing values", f"of an empty one in row {empty[0]}" if empty else "")
    known = sorted(set(column))
    require(classes is None or positive is None, "positive", "be absent where `classes` is given", positive)
    if positive is not None:
        wanted = one_of(str(positive), "positive", known)
        names = (f"not {wanted}", wanted)
        keep, truth = [True] * len(column), [cell == wanted for cell in column]
    else:
        names = _pair(known, classes, target)
        keep, truth = [cell in names for cell in column], [cell == names[1] for cell in column]
    kept = [i for i, used in enumerate(keep) if used]
    labels = np.array([int(truth[i]) for i in kept])
    one_class = f"Column `{target}` must hold two classes, but all rows are {names[1] if labels.all() else names[0]!r}."
    if labels.min() == labels.max():
        raise ProblemError(one_class)
    return Table(table.header, [table.rows[i] for i in kept], [table.lines[i] for i in kept]), labels, names


def _pair(known: list[str], classes: Sequence[object] | None, target: str) -> tuple[str, str]:
    if classes is None:
        listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        if len(known) > 2:
            raise ProblemError(f"Set `classes` or `positive`: column `{target}` has {len(known)} classes: {listed}.")
        require(len(known) == 2, "target", "have two classes", f"of one: {listed}")
        return known[0], known[1]
    two = not isinstance(classes, str) and len(classes) == 2 and str(classes[0]) != str(classes[1])
    require(two, "classes", "be two different classes", classes)
    return one_of(str(classes[0]), "classes", known), one_of(str(classes[1]), "classes", known)


def _split(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """True for the rows to train on; the same share of both classes is set apart."""
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    training = np.ones(len(labels), dtype=bool)
    for label in (0, 1):
        rows = generator.permutation(np.flatnonzero(labels == label))
        training[rows[: min(round(share * len(rows)), len(rows) - 1)]] = False
    return training


def given_columns(table: Table, target: str, features: Sequence[str]) -> list[str]:
    """The columns that were asked for; raises :class:`ProblemError` for one twice, an unknown one, or the target."""
    require(
        listed(features) and len(features) > 0 and len(set(features)) == len(features),
        "features",
        "be a list of different columns",
        features,
    )
    require(target not in features, "features", "not contain the target", list(features))
    return [column_named(name, "features", table) for name in features]


def _best_columns(
    table: Table, target: str, labels: np.ndarray, training: np.ndarray, count: int | None
) -> tuple[list[str], np.ndarray]:
    """The ``count`` numeric columns that correlate most with the label on the training rows, in file order."""
    names = [name for name in table.header if name != target and any(map(is_number, table.column(name)))]
    require(bool(names), "path", "have a numeric column beside the target", "of text only")
    values = np.column_stack([numbers_of(table, name) for name in names])
    if count is None:
        return names, values
    integer(count, "num_features", 1, len(names))
    x = values[training] - values[training].mean(axis=0)
    s = labels[training] - labels[training].mean()
    norms = np.sqrt((x**2).sum(axis=0) * (s**2).sum())
    strength = np.abs(s @ x) / np.where(norms > 0, norms, 1.0)
    places = np.sort(np.argsort(-strength, kind="stable")[:count])
    return [names[i] for i in places], values[:, places]


def numbers_of(table: Table, name: str) -> np.ndarray:
    """A column as finite numbers, shape ``(rows,)``; raises :class:`ProblemError` with the row of a cell that is none."""
    column = table.column(name)
    for cell, line in zip(column, table.lines):
        ok = is_number(cell) and math.isfinite(float(cell))
        require(ok, "features", f"be finite numbers, in column `{name}` too", f"of {cell!r} in row {line}")
    return np.array([float(cell) for cell in column])


def is_number(cell: str) -> bool:
    """Whether a cell reads as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
