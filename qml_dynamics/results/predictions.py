"""Predictions of a trained model: of one weight vector, or averaged over a law of weights, ``p(x) = sum_w p(w) sigmoid(z_w(x))``.

Runs, descents, chains and the estimators of scikit-learn's interface differ in the law only: the best weights have share 1, a density
is its own shares, and a chain counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np

from ..base.errors import ProblemError, QMLDynamicsError, describe, one_of, real, require
from ..base.numeric import as_numbers
from ..base.printing import printed_briefly
from ..model.objectives.base import Model, Objective
from ..model.objectives.classifiers import BinaryClassifier, Numbers
from ..model.objectives.prepared import Preparation, refuse_without_model
from ..model.objectives.scores import class_index, given_labels, gives_numbers, r_squared
from ..model.tables.cells import is_missing, label_value, same_label
from ..model.tables.frames import FrameLike, is_frame
from ..model.tables.reading import Table, read_table

if TYPE_CHECKING:
    from .trajectory import Trajectory

_TIE = 0.5 - 1e-12  # shares are added in floating point
_BLOCK = 1 << 20  # (weight vectors) x (rows) of one block
WEIGHTS, READINGS = ("best", "mean", "vote"), ("born", "population")
Chosen: TypeAlias = str | Sequence[float] | np.ndarray
Rows: TypeAlias = Sequence[Sequence[float]] | np.ndarray | FrameLike
Labels: TypeAlias = Sequence[int | float | str] | np.ndarray
Read: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]


@printed_briefly
@dataclass(frozen=True, eq=False)
class Law:
    """A law of weights.

    Attributes:
        points: weight vectors, shape ``(m, ndim)``.
        shares: of each of them, shape ``(m,)``, summing to 1.
    """

    points: np.ndarray
    shares: np.ndarray

    def mean(self, read: Read, rows: np.ndarray) -> np.ndarray:
        """``sum_w p(w) f_w(x)`` of each row, shape ``(n,)``, with ``f = read(points (m, ndim), rows (n, d)) -> (m, n)``.

        >>> Law(np.array([[1.0], [3.0]]), np.array([0.25, 0.75])).mean(lambda w, x: w @ x.T, np.array([[2.0]]))
        array([5.])
        """
        out = np.zeros(len(rows))
        wide = max(1, _BLOCK // max(1, len(rows)))
        for start in range(0, len(self.points), wide):
            part = slice(start, start + wide)
            out += self.shares[part] @ read(self.points[part], rows)
        return out

    def quantiles(self, read: Read, rows: np.ndarray, at: Sequence[float]) -> np.ndarray:
        """The least values that a share of at least ``at`` of the weights does not exceed, shape ``(n, len(at))``."""
        return np.concatenate([self._quantiles(read, part, at) for part in self._few(rows)])

    def _few(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Rows in blocks that go with all weights together."""
        wide = max(1, _BLOCK // len(self.points))
        for start in range(0, max(1, len(rows)), wide):
            yield rows[start : start + wide]

    def _quantiles(self, read: Read, rows: np.ndarray, at: Sequence[float]) -> np.ndarray:
        values = np.asarray(read(self.points, rows), dtype=float)
        order = np.argsort(values, axis=0, kind="stable")
        values, below = np.take_along_axis(values, order, axis=0), np.cumsum(self.shares[order], axis=0)
        found = [(below < share - 1e-12).sum(axis=0).clip(max=len(values) - 1) for share in at]  # but for round-off
        return np.stack([np.take_along_axis(values, index[None], axis=0)[0] for index in found], axis=1)


@printed_briefly
@dataclass(frozen=True, eq=False)
class Predictor:
    """A model on data under a law of weights.

    Attributes:
        objective: the loss, with its model and, for data of a file, the preparation of its rows.
        law: of the weights.
        vote: count labels in place of averaging probabilities.
    """

    objective: Objective
    law: Law
    vote: bool = False

    def __post_init__(self) -> None:
        counted = self.vote and gives_numbers(self.model)
        require(not counted, "weights", "be 'best' or 'mean' for a model that predicts numbers", "vote")

    @property
    def model(self) -> Model:
        """What predicts."""
        model = self.objective.model
        assert model is not None
        return model

    @property
    def classes(self) -> tuple[object, ...] | None:
        """The two labels: the names in the file, or those of the training data; None for a model of a person's own."""
        prepared = self.objective.preparation
        if prepared is not None:
            return prepared.classes
        return self.model.classes if isinstance(self.model, BinaryClassifier) else None

    def probability(self, X: Rows) -> np.ndarray:
        """Probability of the second class of each row, shape ``(n,)``."""
        model = self._classifier()
        return np.asarray(np.clip(self.law.mean(self._second(model), self._rows(X)), 0.0, 1.0))

    def predict_proba(self, X: Rows) -> np.ndarray:
        """Probabilities of both classes, shape ``(n, 2)``, in the order of :attr:`classes`."""
        second = self.probability(X)
        return np.column_stack([1 - second, second])

    def predict(self, X: Rows) -> np.ndarray:
        """The label of each row, the second class from a probability of one half on; of a regressor its mean number."""
        rows, model = self._rows(X), self.model
        if gives_numbers(model):
            return self.law.mean(self._numbers, rows)
        if not isinstance(model, BinaryClassifier):
            return self._voted(rows)
        points = self.law.points
        one = len(points) == 1  # by the sign of the decision: a probability rounds
        index = model.decision(points[0], rows) >= 0 if one else self.law.mean(self._second(model), rows) >= _TIE
        return np.asarray(np.asarray(self.classes)[index.astype(int)])

    def interval(self, X: Rows, level: float) -> np.ndarray:
        """Between which two values the probability of the second class, or the number, is for a share ``level`` of the weights.

        Shape ``(n, 2)``; as large a share is left out on either side.
        """
        share = real(level, "level")
        require(0 < share < 1, "level", "be between 0 and 1, both excluded", level)
        at, rows = ((1 - share) / 2, (1 + share) / 2), self._rows(X)
        if gives_numbers(self.model):
            return self.law.quantiles(self._numbers, rows, at)
        return self.law.quantiles(self._classifier().probability, rows, at)

    def score(self, X: Rows, y: Labels) -> float:
        """Share of the rows whose label is ``y``: labels of the file, or 0 and 1 in place of two names. Of a regressor R^2."""
        found, truth = self.predict(X), given_labels(y)
        if gives_numbers(self.model):
            return r_squared(truth, found)
        require(truth.shape == found.shape, "y", f"have {len(found)} labels", f"of shape {truth.shape}")
        require(truth.size > 0, "y", "have at least one label", "of length 0")
        if self.classes is None:  # a model of a person's own, which gives labels as they are
            return float(np.mean([same_label(given, str(one)) for one, given in zip(found.tolist(), truth.tolist())]))
        prepared = self.objective.preparation
        second = second_class(truth, [str(name) for name in self.classes], prepared is not None and prepared.rest)
        return float(np.mean((found == self.classes[1]) == second))

    def _rows(self, X: Rows) -> np.ndarray:
        """Rows of the model."""
        return rows_of(X, self.objective.preparation)

    def _classifier(self) -> BinaryClassifier:
        """The model, which knows probabilities."""
        model = self.model
        if not isinstance(model, BinaryClassifier):
            what = "numbers" if gives_numbers(model) else "labels"
            raise ProblemError(f"The model of the objective `{self.objective.name}` has {what} only, no probabilities.")
        return model

    def _second(self, model: BinaryClassifier) -> Read:
        """The probability of the second class, or whether it is the label."""
        return (lambda w, rows: model.decision(w, rows) >= 0) if self.vote else model.probability

    def _numbers(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The numbers of a regressor; one of a person's own is asked for one weight vector after another."""
        model = self.model
        if isinstance(model, Numbers):
            return model.predict(points, rows)
        each = np.stack([np.asarray(model.predict(w, rows), dtype=float) for w in points])
        if each.shape != (len(points), len(rows)) or not np.isfinite(each).all():
            raise ProblemError(
                f"The model of the objective `{self.objective.name}` must predict a finite number for each of {len(rows)} rows, but "
                f"predicts {describe(each[0])}."
            )
        return each

    def _voted(self, rows: np.ndarray) -> np.ndarray:
        """The label of the largest share of weights, the last of equal ones, by a model that knows labels only."""
        each = np.stack([np.asarray(self.model.predict(w, rows)) for w in self.law.points])
        if not len(rows):
            return np.asarray(each[0])
        kinds = np.unique(each)
        votes = np.stack([self.law.shares @ (each == kind) for kind in kinds])
        return np.asarray(kinds[len(kinds) - 1 - np.argmax(votes[::-1], axis=0)])


def rows_of(X: Rows, prepared: Preparation | None) -> np.ndarray:
    """Rows of a model; every table that :func:`load_data` takes of Python by the names of its columns, where those of the file are known.

    Raises:
        ProblemError: it is no finite matrix of so many columns, or lacks a column.
    """
    if prepared is not None and _has_names(X):
        table = _table_of(X)
        for name in prepared.features:
            column = prepared.kinds[name][1] if prepared.kinds.get(name, [""])[0] == "category" else name
            require(column in table.header, "X", f"have the column {column!r}", f"of {', '.join(table.header)}")
        X = prepared.rows_of(table, "X")
    try:
        rows = as_numbers(X)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError("Argument `X` must be a matrix of numbers, but has other entries.") from None
    require(rows.ndim == 2, "X", "be a matrix, one row a prediction", f"of shape {rows.shape}")
    require(bool(np.isfinite(rows).all()), "X", "be finite", "of values that are infinite or not a number")
    return rows if prepared is None else prepared.transform(rows)


def _has_names(X: object) -> TypeGuard[FrameLike]:
    """Whether columns are known by name: a table of Python, but for arrays without fields."""
    return is_frame(X) and not (isinstance(X, np.ndarray) and X.dtype.names is None)


def _table_of(X: FrameLike) -> Table:
    """The table; what its reader calls `path` is `X` here."""
    try:
        return read_table(X)
    except ProblemError as error:
        raise ProblemError(str(error).replace("Argument `path`", "Argument `X`")) from None


def second_class(labels: np.ndarray, classes: Sequence[str], rest: bool) -> np.ndarray:
    """Whether labels are the second class; raises :class:`ProblemError` for one that is neither.

    Numbers are the names of classes where these are numbers, and else 0 and 1 in place of two words. With ``rest`` the first class is
    whatever is not the second, but for labels that are missing.

    >>> second_class(np.array([1, 0]), ("cat", "dog"), False).tolist(), second_class(np.array(["cat"]), ("cat", "dog"), False)
    ([True, False], array([False]))
    >>> second_class(np.array([2.0, 3.0]), ("2", "3"), False).tolist()
    [False, True]
    >>> second_class(np.array([1, 2, 3]), ("not 2", "2"), True).tolist()
    [False, True, False]
    """
    numbers = labels.dtype.kind in "biuf"
    named = [label_value(name) for name in classes]
    by_value = numbers and named[1] is not None and (rest or named[0] is not None)
    if by_value:
        first, second = (np.zeros(labels.shape, dtype=bool) if one is None else labels == one for one in named)
    elif numbers:
        first, second = labels == 0, labels == 1
    else:
        texts = labels.astype(str)
        first, second = (np.array([same_label(text, name) for text in texts], dtype=bool) for name in classes)
    if rest and (by_value or not numbers):
        first = np.array([not is_missing(str(label)) for label in labels.tolist()], dtype=bool)
    strange = labels[~(first | second)]
    require(len(strange) == 0, "y", f"be {classes[0]!r} or {classes[1]!r}", strange[:1].tolist())
    return np.asarray(second)


def share_right(
    found: np.ndarray,
    truth: np.ndarray,
    classes: Sequence[object],
    name: str = "y",
    error: type[QMLDynamicsError] = ProblemError,
) -> float:
    """Share of rows whose label is the class that was found: labels of any kind, by their texts or values.

    Raises:
        ProblemError: a label is none of the classes (or an error of the class that is asked for).

    >>> share_right(np.array([3, 7]), np.array(["3", "3"]), (3, 7))
    0.5
    """
    known = [str(one) for one in classes]
    index = class_index(truth, classes, name, error)
    return float(np.mean([str(said) == known[k] for said, k in zip(found.tolist(), index)]))


def law_of(run: Trajectory, weights: Chosen, reading: str | None = None, time: float | None = None) -> Predictor:
    """The predictor of a run.

    Args:
        run: of a loss with a model.
        weights: ``"best"``, the best sampled weights; ``"mean"`` and ``"vote"``, all weights by the density; or weights of one's own.
        reading: of the wave, for ``"mean"`` and ``"vote"``: ``"born"``, ``|psi|^2``, or ``"population"``, ``psi / sum psi``.
        time: a saved time, for the same two; None: the last.

    Raises:
        ProblemError: there is no model, or no such weights or time, or the reading needs a wave that is not known.
    """
    objective = refuse_without_model(run.problem.objective)
    ndim = run.problem.domain.ndim
    if isinstance(weights, str):
        one_of(weights, "weights", WEIGHTS)
    if not isinstance(weights, str) or weights == "best":
        only_of_a_density(weights, reading=reading, time=time)
    if not isinstance(weights, str):
        return at_weights(objective, weights, ndim)
    if weights == "best":
        require(run.best is not None, "weights", "be 'mean' or 'vote' for a run without samples", weights)
        assert run.best is not None
        return at_weights(objective, run.best.weights, ndim)
    shares = _shares(run, reading or run.reading, moment(run, time))
    return of_shares(objective, run.problem.domain.points_at, shares, weights)


def only_of_a_density(weights: Chosen, **given: object) -> None:
    """Raise :class:`ProblemError` for a reading or a time that one weight vector would leave aside."""
    which = "weights='best'" if isinstance(weights, str) else "weights of your own"
    for name, value in given.items():
        require(value is None, name, f"be left out with {which}", value)


def moment(run: Trajectory, time: float | None) -> int:
    """The number of a saved time, -1 where none is given; raises :class:`ProblemError`, with the nearest, for another one."""
    if time is None:
        return -1
    wanted = real(time, "time")
    index = int(np.argmin(np.abs(run.times - wanted)))
    near = abs(float(run.times[index]) - wanted) <= 1e-6 * run.problem.duration
    require(near, "time", f"be a saved time, of which the nearest is {run.times[index]:.10g}", time)
    return index


def of_shares(
    objective: Objective, points_at: Callable[[np.ndarray], np.ndarray], shares: np.ndarray, weights: str
) -> Predictor:
    """The predictor of shares of all points, flat."""
    index = np.flatnonzero(shares)
    return Predictor(objective, Law(points_at(index), shares[index] / shares.sum()), weights == "vote")


def at_weights(objective: Objective, weights: Sequence[float] | np.ndarray, count: int) -> Predictor:
    """The predictor of one weight vector."""
    try:
        point = as_numbers(weights)
    except Exception:  # of any kind: the person's own object makes the array
        point = np.zeros(0)
    must = f"be one of {', '.join(map(repr, WEIGHTS))}, or {count} finite numbers"
    require(point.shape == (count,) and bool(np.isfinite(point).all()), "weights", must, weights)
    return Predictor(objective, Law(point[None, :], np.ones(1)))


def _shares(run: Trajectory, reading: str, index: int) -> np.ndarray:
    one_of(reading, "reading", READINGS)
    if reading == "born":
        return np.asarray(run.density[index].reshape(-1))
    require(
        run.problem.clock == "imaginary", "reading", "be 'born' on this clock, whose wave is no population", reading
    )
    require(run.states is not None, "reading", "be 'born' for a run that knows samples and no wave", reading)
    assert run.states is not None
    return np.asarray(np.abs(run.states[index].reshape(-1)))
