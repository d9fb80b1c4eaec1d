"""Data sets of two classes: the columns of a table that a model is given, split into training and test rows and standardised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...base.arguments import checks_arguments_but
from ...base.errors import ProblemError, integer, one_of, real, require
from ...base.numeric import listed
from ...base.printing import printed_briefly
from ..tables.account import Account
from ..tables.again import kinds_of
from ..tables.cells import label_value, same_label
from ..tables.reading import (
    Feature,
    Name,
    Reading,
    Source,
    Table,
    column_named,
    default_features,
    features_named,
    read_table,
    refuse_missing,
    tried_values,
    values_of,
)


@printed_briefly
@dataclass(frozen=True, eq=False)
class Dataset:
    """Two classes, split and standardised.

    ``X_train`` and ``X_test`` are ``(rows, features)`` after ``(x - mean) / scale``; ``y_train`` and ``y_test`` are 0
    for ``classes[0]`` and 1 for ``classes[1]``; ``features`` are the names of the columns, ``target`` that of the class. ``rest``
    says that ``classes[0]`` stands for every other label; ``test_fraction`` and ``seed`` are those of the split. ``kinds`` says how
    features that are no plain numbers were read, ``missing`` what became of missing values, and ``account`` tells a person what was
    read, chosen and left out.
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
    kinds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missing: str = "refuse"
    account: Account | None = None


@checks_arguments_but("features", "path")
def load_data(
    path: Source,
    *,
    target: Name,
    features: Sequence[Name] | None = None,
    num_features: int | None = None,
    classes: Sequence[object] | None = None,
    positive: object | None = None,
    test_fraction: float = 0.3,
    seed: int = 0,
    missing: str = "refuse",
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
) -> Dataset:
    """A data set of two classes from a table, split by class and standardised.

    Separator, header, decimal mark and encoding of a text are found out and told (``print(data.account)``). Numbers may have marks
    between thousands, percentages are read as hundredths, truth values (true, false; yes, no) as 1 and 0, and categories give one
    number each, 1 or 0 (of two categories the second). Dates are refused. Identifiers (numbers of the rows; eight or more
    integers, or texts, that all differ; columns that are called so) and categories are used where they are named, the latter also
    where there are too few numbers.

    Args:
        path: a text file, perhaps compressed by gzip; a Parquet or Arrow file (extra ``tables``); a data frame; a dictionary of
            columns; or a matrix, whose columns are called ``column1`` and so on.
        target: column that holds the class; of a data frame also by its number, or by the levels of its name, ``("k", "kind")``.
        features: columns to use, in this order; ``"color=red"`` is one category. Without it, the ``num_features`` numeric columns of
            largest absolute correlation with the class on the training rows (all of them when ``None``), in the order of the file.
        num_features: how many columns to choose, where ``features`` is not given.
        classes: two classes to keep, the second is the positive one; rows of other classes are dropped. They are compared by value:
            ``[False, True]`` and ``[0, 1]`` are the same here.
        positive: one class against all the rest. Without ``classes`` and ``positive`` the column must hold two classes.
        test_fraction: share of every class that is set apart, in [0, 1); at least one row of each stays for training.
        seed: of the split.
        missing: of rows that lack a value (empty, ``?``, NA, NaN, null) in a column that is used: ``"refuse"``, ``"drop"`` them, or take
            the ``"mean"`` of the column on the training rows. Columns that are not used do not matter.
        separator: a character, or ``comma``, ``semicolon``, ``tab``, ``pipe``, ``blank``; None: found out.
        decimal: ``"."`` or ``","``; None: found out, and asked for where ``1,200`` may be either.
        header: whether the first line names the columns; None: found out.
        encoding: of a text; None: UTF-8, UTF-16 with its mark, else Windows-1252, which is told.

    Returns:
        :class:`Dataset`. Mean and standard deviation are those of the training rows (a constant column keeps scale 1).

    Raises:
        ProblemError: for a file or column that is missing, a value that is not a finite number (with its line),
            fewer or more than two classes, options that exclude each other, or a fraction outside of [0, 1).

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "toy.csv")
    ...     _ = path.write_text("height;kind\\n1,0;cat\\n3,0;dog\\n")
    ...     data = load_data(path, target="kind", test_fraction=0)
    >>> data.classes, data.X_train.tolist(), data.y_train.tolist()
    (('cat', 'dog'), [[-1.0], [1.0]], [0, 1])
    >>> print(data.account)
    table toy.csv: 2 rows, 2 columns; separated by semicolons, with a header; decimal commas in height
    target: kind (cat, dog); 2 rows used
    used: height
    """
    share = real(test_fraction, "test_fraction")
    require(0 <= share < 1, "test_fraction", "be in [0, 1)", test_fraction)
    integer(seed, "seed", 0, 2**63 - 1)
    both = features is not None and num_features is not None
    require(not both, "num_features", "be absent where `features` is given", num_features)
    how = Reading(separator, decimal, header, encoding, missing)
    table = read_table(path, [target], how)
    target = column_named(target, "target", table)
    whole = table
    if missing == "drop":
        table = labelled(table, target)
    kept, labels, names = _two_classes(table, target, classes, positive)
    training = _split(labels, share, seed)
    if features is None:
        chosen, why = _best_columns(kept, target, labels, training, num_features)
    else:
        chosen = given_columns(kept, target, features)
        why = {}
    values = np.column_stack([values_of(kept, feature) for feature in chosen])
    lacking = np.isnan(values)
    values, keep = without_missing(kept, chosen, values, missing, training)
    values, labels, training = values[keep], labels[keep], training[keep]
    require(
        len(set(labels[training])) == 2,
        "missing",
        "leave training rows of both classes",
        f"of {names[int(labels[0])] if len(labels) else 'no rows'} only",
    )
    mean, scale = values[training].mean(axis=0), values[training].std(axis=0)
    scale[np.ptp(values[training], axis=0) == 0] = 1.0
    values = (values - mean) / scale
    parts = (values[training], labels[training], values[~training], labels[~training])
    told = replace(
        account_of(whole, chosen, why, [target]),
        target=target,
        classes=names,
        rows_used=len(labels),
        missing=missing,
        rows_dropped=int((~keep).sum()) + len(whole.rows) - len(table.rows),
        cells_filled=int(lacking.sum()) if missing == "mean" else 0,
    )
    used = tuple(feature.name for feature in chosen)
    kinds = kinds_of(kept, chosen)
    return Dataset(*parts, used, names, mean, scale, target, positive is not None, share, seed, kinds, missing, told)


def without_missing(
    table: Table, chosen: Sequence[Feature], values: np.ndarray, missing: str, training: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The values without missing ones, by the policy, and which rows stay."""
    keep = np.ones(len(values), dtype=bool)
    lacking = np.isnan(values)
    if not lacking.any():
        return values, keep
    if missing == "drop":
        return values, ~lacking.any(axis=1)
    if missing == "refuse":
        refuse_missing(table, chosen, values)
    none = lacking[training].all(axis=0)
    if none.any():
        name = chosen[int(np.argmax(none))].name
        raise ProblemError(
            f"Argument `missing` must be 'drop' for column `{name}`, which has no value on the training rows."
        )
    return np.where(lacking, np.nanmean(values[training], axis=0), values), keep


def _categories(count: int) -> str:
    return f"{count} categor{'y' if count == 1 else 'ies'}: name it to use it"


def account_of(table: Table, chosen: Sequence[Feature], why: Mapping[str, str], but: Sequence[str]) -> Account:
    """What was read, which columns are used, and why others are not."""
    used = {feature.column for feature in chosen}
    left = [(name, why.get(name, "not asked for")) for name in table.header if name not in used and name not in but]
    made = tuple(feature.made_of(table) for feature in chosen)
    return Account(table.source, table.told(), len(table.rows), len(table.header), used=made, left_out=tuple(left))


def _two_classes(
    table: Table, target: str, classes: Sequence[object] | None, positive: object | None
) -> tuple[Table, np.ndarray, tuple[str, str]]:
    """The rows to keep, their labels 0 and 1, and the names of the two."""
    column = labels_of(table, target)
    known = sorted(set(column))
    require(classes is None or positive is None, "positive", "be absent where `classes` is given", positive)
    if positive is not None:
        wanted = _known(positive, "positive", known)
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
    return table.only(kept), labels, names


def labelled(table: Table, target: str) -> Table:
    """The rows whose class is not missing; a footer that has none says nothing of what a column holds."""
    kind = table.known[target]
    return table.only([i for i, cell in enumerate(table.column(target)) if not kind.lacks(cell)], anew=True)


def labels_of(table: Table, target: str) -> list[str]:
    """The labels of a column, those of one value (``1`` and ``1.0``) by one text; raises :class:`ProblemError` for missing ones."""
    column, kind = table.column(target), table.known[target]
    empty = [(cell, line) for cell, line in zip(column, table.lines) if kind.lacks(cell)]
    if empty:
        cell, row = empty[0]
        lost = repr(cell) if cell else "an empty one"
        count = f" ({len(empty):,} of {len(column):,})" if len(empty) > 1 else ""
        require(
            False,
            "target",
            "have no missing values",
            f"of {lost} in row {row}{count}: take such rows out, or pass missing='drop'",
        )
    different = sorted(set(column))
    values = {text: label_value(text) for text in different}
    if None in values.values() or len(set(values.values())) == len(different):
        return column
    first = {value: text for text, value in reversed(values.items())}
    return [first[values[cell]] for cell in column]


def _known(given: object, argument: str, known: Sequence[str]) -> str:
    """The label of the table that a given one means."""
    text = str(given)
    if text in known:
        return text
    found = next((label for label in known if same_label(given, label)), None)
    return found if found is not None else one_of(text, argument, known)


def _pair(known: list[str], classes: Sequence[object] | None, target: str) -> tuple[str, str]:
    if classes is None:
        listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        if len(known) > 2:
            raise ProblemError(f"Set `classes` or `positive`: column `{target}` has {len(known)} classes: {listed}.")
        require(len(known) == 2, "target", "have two classes", f"of one: {listed}")
        return known[0], known[1]
    two = not isinstance(classes, str) and len(classes) == 2 and str(classes[0]) != str(classes[1])
    require(two, "classes", "be two different classes", classes)
    first, second = _known(classes[0], "classes", known), _known(classes[1], "classes", known)
    require(first != second, "classes", "be two different classes", classes)
    return first, second


def _split(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """True for the rows to train on; the same share of both classes is set apart."""
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    training = np.ones(len(labels), dtype=bool)
    for label in (0, 1):
        rows = generator.permutation(np.flatnonzero(labels == label))
        training[rows[: min(round(share * len(rows)), len(rows) - 1)]] = False
    return training


def given_columns(table: Table, target: str, features: Sequence[Name]) -> list[Feature]:
    """The columns that were asked for; raises :class:`ProblemError` for one twice, an unknown one, or the target."""
    require(
        listed(features) and len(features) > 0 and len(set(features)) == len(features),
        "features",
        "be a list of different columns",
        features,
    )
    require(target not in features, "features", "not contain the target", list(features))
    found = features_named(table, "features", features)
    twice = len({feature.name for feature in found}) < len(found)
    require(not twice, "features", "be a list of different columns", list(features))
    require(all(f.column != target for f in found), "features", "not contain the target", list(features))
    return found


def usable_columns(table: Table, but: Sequence[str]) -> tuple[list[Feature], list[Feature], dict[str, str]]:
    """Features of numbers and of categories, and why other columns are none; raises :class:`ProblemError` where there are none."""
    numeric, categories, why = default_features(table, but)
    if not numeric and not categories:
        rows = [name for name in why if table.known[name].numeric]
        given = "of text only"
        if rows:
            given = f"of identifiers only ({rows[0]}: {why[rows[0]]}): name it in `features` to use it"
        require(False, "path", "have a numeric column beside the target", given)
    why = {
        name: f"{reason}: name it to use it" if table.known[name].identifier else reason for name, reason in why.items()
    }
    for feature in categories:
        why[feature.column] = _categories(len(table.known[feature.column].levels))
    return numeric, categories, why


def _best_columns(
    table: Table, target: str, labels: np.ndarray, training: np.ndarray, count: int | None
) -> tuple[list[Feature], dict[str, str]]:
    """The ``count`` features that correlate most with the label on the training rows, in file order.

    Categories take part where there are fewer numbers than that.
    """
    numeric, categories, why = usable_columns(table, [target])
    if count is None:
        return (numeric or categories), why
    short = not numeric or (isinstance(count, int) and count > len(numeric))
    pool = numeric + categories if short else numeric
    integer(count, "num_features", 1, len(pool))
    values = np.column_stack([tried_values(table, feature) for feature in pool])[training]
    strength = np.array([_correlation(column, labels[training]) for column in values.T])
    places = np.sort(np.argsort(-strength, kind="stable")[:count])
    chosen = [pool[i] for i in places]
    weaker = {feature.column: "weaker correlation with the class" for feature in pool}
    return chosen, {**why, **weaker}


def _correlation(x: np.ndarray, s: np.ndarray) -> float:
    """The absolute correlation on the rows that have a value."""
    there = ~np.isnan(x)
    x, s = x[there], s[there]
    if not len(x):
        return 0.0
    x, s = x - x.mean(), s - s.mean()
    norm = np.sqrt((x**2).sum() * (s**2).sum())
    return float(abs(s @ x) / norm) if norm > 0 else 0.0
