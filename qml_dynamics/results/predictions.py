"""Predictions of a trained model: of one weight vector, or averaged over a law of weights, ``p(x) = sum_w p(w) sigmoid(z_w(x))``.

Runs, descents and chains differ in the law only: the best weights have share 1, a density is its own shares, and a chain counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..base.errors import ProblemError, one_of, require
from ..base.numeric import as_numbers
from ..model.objectives.base import Model, Objective
from ..model.objectives.classifiers import BinaryClassifier
from ..model.objectives.prepared import refuse_without_model
from ..model.tables.cells import label_value, same_label
from ..model.tables.reading import read_table

if TYPE_CHECKING:
    from .trajectory import Trajectory

_BLOCK = 1 << 20  # (weight vectors) x (rows) of one block
WEIGHTS, READINGS = ("best", "mean", "vote"), ("born", "population")
Chosen: TypeAlias = str | Sequence[float] | np.ndarray
Rows: TypeAlias = Sequence[Sequence[float]] | np.ndarray
Labels: TypeAlias = Sequence[int | float | str] | np.ndarray


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model on data under a law of weights.

    Attributes:
        objective: the loss, with its model and, for data of a file, the preparation of its rows.
        points: weight vectors, shape ``(m, ndim)``.
        shares: of each of them, shape ``(m,)``, summing to 1.
        vote: count labels in place of averaging probabilities.
    """

    objective: Objective
    points: np.ndarray
    shares: np.ndarray
    vote: bool = False

    @property
    def model(self) -> Model:
        """What predicts."""
        model = self.objective.model
        assert model is not None
        return model

    @property
    def classes(self) -> tuple[object, object] | None:
        """The two labels: the names in the file, or those of the training data; None for a model of a person's own."""
        prepared = self.objective.preparation
        if prepared is not None:
            return prepared.classes
        return self.model.classes if isinstance(self.model, BinaryClassifier) else None

    def probability(self, X: Rows) -> np.ndarray:
        """Probability of the second class of each row, shape ``(n,)``."""
        model = self.model
        if not isinstance(model, BinaryClassifier):
            raise ProblemError(f"The model of the objective `{self.objective.name}` has labels only, no probabilities.")
        return np.asarray(np.clip(self._second(model, self._rows(X), self.vote), 0.0, 1.0))

    def predict_proba(self, X: Rows) -> np.ndarray:
        """Probabilities of both classes, shape ``(n, 2)``, in the order of :attr:`classes`."""
        second = self.probability(X)
        return np.column_stack([1 - second, second])

    def predict(self, X: Rows) -> np.ndarray:
        """The label of each row: the second class from a probability of one half on."""
        rows, model = self._rows(X), self.model
        if not isinstance(model, BinaryClassifier):
            return self._voted(rows)
        one = len(self.points) == 1  # by the sign of the decision: a probability rounds
        index = model.decision(self.points[0], rows) >= 0 if one else self._second(model, rows, self.vote) >= 0.5
        return np.asarray(np.asarray(self.classes)[index.astype(int)])

    def score(self, X: Rows, y: Labels) -> float:
        """Share of the rows whose label is ``y``: labels of the file, or 0 and 1 in place of two names."""
        found, truth = self.predict(X), np.asarray(y)
        require(truth.shape == found.shape, "y", f"have {len(found)} labels", f"of shape {truth.shape}")
        require(truth.size > 0, "y", "have at least one label", "of length 0")
        prepared = self.objective.preparation
        if prepared is None:
            return float(np.mean(found == truth))
        return float(np.mean((found == prepared.classes[1]) == second_class(truth, prepared.classes, prepared.rest)))

    def _rows(self, X: Rows) -> np.ndarray:
        """Rows of the model; a data frame by the names of its columns, where those of the file are known."""
        prepared, named = self.objective.preparation, getattr(X, "columns", None)
        if prepared is not None and named is not None:
            for name in prepared.features:
                column = prepared.kinds[name][1] if prepared.kinds.get(name, [""])[0] == "category" else name
                require(column in named, "X", f"have the column {column!r}", f"of {', '.join(map(str, named))}")
            X = prepared.rows_of(read_table(X), "X")  # type: ignore[arg-type]
        try:
            rows = as_numbers(X)
        except Exception:  # of any kind: the person's own object makes the array
            raise ProblemError("Argument `X` must be a matrix of numbers, but has other entries.") from None
        require(rows.ndim == 2, "X", "be a matrix, one row a prediction", f"of shape {rows.shape}")
        require(bool(np.isfinite(rows).all()), "X", "be finite", "of values that are infinite or not a number")
        return rows if prepared is None else prepared.transform(rows)

    def _second(self, model: BinaryClassifier, rows: np.ndarray, vote: bool) -> np.ndarray:
        """Mean over the weights of the probability of the second class, or of its being the label."""
        out = np.zeros(len(rows))
        wide = max(1, _BLOCK // max(1, len(rows)))
        for start in range(0, len(self.points), wide):
            part = slice(start, start + wide)
            read = model.decision(self.points[part], rows) >= 0 if vote else model.probability(self.points[part], rows)
            out += self.shares[part] @ read
        return out

    def _voted(self, rows: np.ndarray) -> np.ndarray:
        """The label of the largest share of weights, the last of equal ones, by a model that knows labels only."""
        each = np.stack([np.asarray(self.model.predict(w, rows)) for w in self.points])
        kinds = np.unique(each)
        votes = np.stack([self.shares @ (each == kind) for kind in kinds])
        return np.asarray(kinds[len(kinds) - 1 - np.argmax(votes[::-1], axis=0)])


def second_class(labels: np.ndarray, classes: tuple[str, str], rest: bool) -> np.ndarray:
    """Whether labels are the second class; raises :class:`ProblemError` for one that is neither, unless the first is all the rest.

    >>> second_class(np.array([1, 0]), ("cat", "dog"), False).tolist(), second_class(np.array(["cat"]), ("cat", "dog"), False)
    ([True, False], array([False]))
    >>> second_class(np.array([2.0, 3.0]), ("2", "3"), False).tolist()
    [False, True]
    """
    numbers = labels.dtype.kind in "biuf"
    named = [label_value(name) for name in classes]
    if numbers and None not in named:
        first, second = labels == named[0], labels == named[1]
    elif numbers:
        first, second = labels == 0, labels == 1
    else:
        texts = labels.astype(str)
        first, second = (np.array([same_label(text, name) for text in texts], dtype=bool) for name in classes)
    strange = np.zeros(0) if rest else labels[~(first | second)]
    require(len(strange) == 0, "y", f"be {classes[0]!r} or {classes[1]!r}", strange[:1].tolist())
    return np.asarray(second)


def law_of(run: Trajectory, weights: Chosen, reading: str | None) -> Predictor:
    """The predictor of a run at its last time.

    Args:
        run: of a loss with a model.
        weights: ``"best"``, the best sampled weights; ``"mean"`` and ``"vote"``, all weights by the last density; or weights of
            one's own.
        reading: of the wave, for ``"mean"`` and ``"vote"``: ``"born"``, ``|psi|^2``, or ``"population"``, ``psi / sum psi``.

    Raises:
        ProblemError: there is no model or no such weights, or the reading needs a wave that is not known.
    """
    objective = refuse_without_model(run.problem.objective)
    if not isinstance(weights, str):
        return at_weights(objective, weights, run.problem.domain.ndim)
    one_of(weights, "weights", WEIGHTS)
    if weights == "best":
        require(reading is None, "reading", "be left out with weights='best'", reading)
        require(run.best is not None, "weights", "be 'mean' or 'vote' for a run without samples", weights)
        assert run.best is not None
        return at_weights(objective, run.best.weights, run.problem.domain.ndim)
    return of_shares(objective, run.problem.domain.points_at, _shares(run, reading or run.reading), weights)


def of_shares(
    objective: Objective, points_at: Callable[[np.ndarray], np.ndarray], shares: np.ndarray, weights: str
) -> Predictor:
    """The predictor of shares of all points, flat."""
    index = np.flatnonzero(shares)
    return Predictor(objective, points_at(index), shares[index] / shares.sum(), weights == "vote")


def at_weights(objective: Objective, weights: Sequence[float] | np.ndarray, count: int) -> Predictor:
    """The predictor of one weight vector."""
    try:
        point = as_numbers(weights)
    except Exception:  # of any kind: the person's own object makes the array
        point = np.zeros(0)
    must = f"be one of {', '.join(map(repr, WEIGHTS))}, or {count} finite numbers"
    require(point.shape == (count,) and bool(np.isfinite(point).all()), "weights", must, weights)
    return Predictor(objective, point[None, :], np.ones(1))


def _shares(run: Trajectory, reading: str) -> np.ndarray:
    one_of(reading, "reading", READINGS)
    if reading == "born":
        return np.asarray(run.density[-1].reshape(-1))
    require(
        run.problem.clock == "imaginary", "reading", "be 'born' on this clock, whose wave is no population", reading
    )
    require(run.states is not None, "reading", "be 'born' for a run that knows samples and no wave", reading)
    assert run.states is not None
    return np.asarray(np.abs(run.states[-1].reshape(-1)))
