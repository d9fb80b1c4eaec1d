"""What every result can do: predict where its loss has a model on data, draw itself, and become a table.

Bound once, for trajectories, chains, descents, trained circuits and grown networks alike; what draws and tabulates stands above this
room, and is looked up in the registry when it is asked for.
"""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from ..base.arguments import checks_arguments_but
from ..base.errors import MethodError, require
from ..base.members import member
from .predictions import Chosen, Labels, Predictor, Rows

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.figure import Figure


class Shown:
    """A result that draws itself, becomes a table, and is shown in notebooks."""

    def plot(self) -> Figure:
        """The picture of this kind of result, a matplotlib figure (extra ``viz``).

        Raises:
            MethodError: matplotlib is missing, or this result has no such picture, and why.
        """
        return member(self, "plot")(self)  # type: ignore[no-any-return]

    def to_dataframe(self) -> pandas.DataFrame:
        """The result as a ``pandas.DataFrame`` (extra ``tables``): a row a saved time, sample, step or answer, by kind of result.

        Raises:
            MethodError: pandas is missing.
        """
        return member(self, "to_dataframe")(self)

    def to_xarray(self) -> xarray.Dataset:
        """The arrays of the result as an ``xarray.Dataset`` over times, weights, samples or steps (extra ``tables``).

        Raises:
            MethodError: xarray is missing.
        """
        out: xarray.Dataset = member(self, "to_xarray")(self)
        return out

    def _repr_html_(self) -> str:
        """What notebooks show: the text of the result, escaped."""
        return f"<pre>{html.escape(str(self))}</pre>"


class Predicting(Shown, ABC):
    """A result whose loss may have a model on data: then it predicts by a law of weights."""

    @abstractmethod
    def predictor(
        self, weights: Chosen | None = None, reading: str | None = None, time: float | None = None
    ) -> Predictor:
        """The model under a law of its weights, which the members below ask; arguments and errors as of :meth:`predict`."""

    @checks_arguments_but("X", "weights")
    def predict(
        self, X: Rows, weights: Chosen | None = None, reading: str | None = None, time: float | None = None
    ) -> np.ndarray:
        """Labels of new rows by the trained model, shape ``(n,)``; of a regressor numbers.

        Args:
            X: rows, shape ``(n, features)``: of a loss on a file (problem files, ``objectives.on_data``) in the units and the order
                of ``problem.objective.preparation.features``, or a table as ``load_data`` takes it (a data frame, a dictionary of columns,
                a table of Arrow, an array with fields), whose columns are found by name; else rows like those that the loss was made of.
            weights: ``"best"`` (None), the best sampled weights, of a descent the polished ones; ``"mean"`` (None of a chain), the
                probabilities ``sum_w p(w) sigmoid(z_w(x))`` over a density or over the samples of a chain; ``"vote"``, the share of it
                whose weights say so, of which ties go to the second label; or weights of your own, in the units of the loss.
            reading: of the wave, for ``"mean"`` and ``"vote"``: ``"born"``, ``p = |psi|^2`` (the default), or, on the imaginary clock
                where the wave is known, ``"population"``, ``p = psi / sum psi``.
            time: a saved time, for the same two; None: the last.

        Raises:
            ProblemError: the loss has no model, ``X`` does not fit it, or there are no such weights.

        >>> from qml_dynamics import Grid, Problem, SplitStep, evolve, objectives
        >>> loss = objectives.neuron([[1.0], [2.0], [-1.0]], ["warm", "warm", "cold"])
        >>> run = evolve(Problem(Grid((-4, 4), 5), loss, 0.05, clock="imaginary", duration=5.0), SplitStep(50), seed=1)
        >>> run.predict([[0.5], [-3.0]], weights="mean").tolist(), run.score([[0.5]], ["warm"])
        (['warm', 'cold'], 1.0)
        """
        return self.predictor(weights, reading, time).predict(X)

    @checks_arguments_but("X", "weights")
    def predict_proba(
        self, X: Rows, weights: Chosen | None = None, reading: str | None = None, time: float | None = None
    ) -> np.ndarray:
        """Probabilities of the two classes of new rows, shape ``(n, 2)``; arguments and errors as of :meth:`predict`."""
        return self.predictor(weights, reading, time).predict_proba(X)

    @checks_arguments_but("X", "weights")
    def predict_interval(
        self,
        X: Rows,
        level: float = 0.9,
        weights: Chosen | None = "mean",
        reading: str | None = None,
        time: float | None = None,
    ) -> np.ndarray:
        """How far the weights disagree: a central interval of the probability of the second class (of a regressor: of its number).

        A share of at least ``(1 + level) / 2`` of the law of weights is not above the upper end, and one of less than
        ``(1 - level) / 2`` is below the lower one. For a chain, whose samples are draws of a posterior, it is a credible interval.

        Args:
            X, reading, time: as of :meth:`predict`.
            level: share of the weights that the interval holds, between 0 and 1.
            weights: ``"mean"``, by the density or the samples; of one weight vector both ends are its own value.

        Returns:
            Lower and upper ends, shape ``(n, 2)``.

        Raises:
            ProblemError: as of :meth:`predict`, the level does not fit, or the model has labels only.
        """
        return self.predictor(weights, reading, time).interval(X, level)

    @checks_arguments_but("X", "y", "weights")
    def score(
        self,
        X: Rows,
        y: Labels,
        weights: Chosen | None = None,
        reading: str | None = None,
        time: float | None = None,
    ) -> float:
        """Share of new rows whose label is ``y``, or R^2 of a regressor; arguments and errors as of :meth:`predict`.

        ``weights`` None is here ``"vote"`` for a chain.
        """
        return self.predictor(self._scored_by() if weights is None else weights, reading, time).score(X, y)

    def _scored_by(self) -> Chosen | None:
        """The weights of a score where none are named."""
        return None


def need_best(weights: object, what: str) -> None:
    """Raise :class:`MethodError` for other weights than the only ones that a training ends at.

    >>> need_best("mean", "a trained circuit")
    Traceback (most recent call last):
    qml_dynamics.base.errors.MethodError: Argument `weights` must be 'best' for a trained circuit, which ends at one weight vector and \
has no law over them, but is 'mean'.
    """
    single = isinstance(weights, str) and weights == "best"
    require(
        single,
        "weights",
        f"be 'best' for {what}, which ends at one weight vector and has no law over them",
        weights,
        MethodError,
    )
