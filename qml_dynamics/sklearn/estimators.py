"""Classifier and regressor with the interface of scikit-learn, whose weights are found by the dynamics: ``H = -D L + s zeta(w)``.

Columns are standardised and reduced to a few components, so that the model has few weights; the loss on a grid over these weights
is a potential, a wave evolves in it, and predictions are averaged over the density of its end, ``sum_w p(w) f_w(x)``. The
reduction says along which directions to look; how far along each, and where the classes part, the wave finds: without evolution the
density is that of the start, which knows nothing of the target.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self, cast

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..backends import Backend
from ..backends import backend as find_backend
from ..base.errors import EdgeWeightWarning, MomentumTailWarning, ProblemError, integer, one_of, real, require
from ..base.interrupts import whole
from ..base.memory import available_memory
from ..base.numeric import as_numbers
from ..learning.metts import Chain, metts
from ..methods.base import Method
from ..methods.defaults import default_method
from ..methods.evolution import evolve
from ..methods.imaginary.options import ProbabilisticITE
from ..methods.split_step import SplitStep
from ..methods.trotter import Trotter
from ..methods.variational import ansatz
from ..methods.variational.options import Variational
from ..model.domains import Grid
from ..model.initial import Gaussian, Initial, Uniform
from ..model.objectives.base import Objective
from ..model.objectives.classifiers import BinaryClassifier, Network, Neuron, Numbers
from ..model.objectives.tables import from_table
from ..model.problem import Problem
from ..model.reduction import REDUCTIONS, Reduction, reduced
from ..model.schedules import Geometric
from ..results.trajectory import Trajectory

__all__ = ["QuantumDynamicsClassifier", "QuantumDynamicsRegressor"]

DYNAMICS = ("imaginary", "real", "metts", "variational")
_BLOCK = 1 << 20  # (weight vectors) x (rows) x (hidden units) of one block of the loss
DIGITS = 6  # of probabilities: what is less apart than that is a tie, and no round-off
Matrix = npt.ArrayLike


@dataclass(frozen=True, eq=False)
class _Fitted:
    """One trained model: how columns are reduced, and what was run, which predicts by the law of its weights."""

    reduction: Reduction
    run: Trajectory | Chain

    def probability(self, X: np.ndarray) -> np.ndarray:
        """``sum_w p(w) sigmoid(z_w(x))`` of each row."""
        return self.run.predict_proba(self.reduction.transform(X), "mean")[:, 1]

    def number(self, X: np.ndarray) -> np.ndarray:
        """``sum_w p(w) z_w(x)`` of each row."""
        return self.run.predict(self.reduction.transform(X), "mean")


class _QuantumDynamics(BaseEstimator):  # type: ignore[misc]  # of a package without types
    """What classifier and regressor share: the options, the grid, the loss and the dynamics."""

    _logistic = True

    def __init__(
        self,
        model: str = "neuron",
        dynamics: str = "imaginary",
        *,
        components: int | None = None,
        reduction: str = "pls",
        hidden: int = 2,
        l2: float = 0.001,
        bound: float | None = None,
        qubits: int | None = None,
        diffusion: tuple[float, float] = (0.3, 0.01),
        strength: float = 20.0,
        duration: float = 2.0,
        steps: int | None = None,
        samples: int = 200,
        method: Method | None = None,
        backend: str | Backend | None = None,
        shots: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.model = model
        self.dynamics = dynamics
        self.components = components
        self.reduction = reduction
        self.hidden = hidden
        self.l2 = l2
        self.bound = bound
        self.qubits = qubits
        self.diffusion = diffusion
        self.strength = strength
        self.duration = duration
        self.steps = steps
        self.samples = samples
        self.method = method
        self.backend = backend
        self.shots = shots
        self.random_state = random_state

    def _check(self) -> None:
        """Refuse options that do not fit, before anything is computed."""
        one_of(self.model, "model", ("neuron", "network"))
        one_of(self.dynamics, "dynamics", DYNAMICS)
        one_of(self.reduction, "reduction", REDUCTIONS)
        for name, low, high in (("hidden", 1, 100), ("samples", 2, 10**7)):
            integer(getattr(self, name), name, low, high)
        if self.steps is not None:
            integer(self.steps, "steps", 1, 10**6)
            free = self.method is None and self.dynamics != "metts"
            require(free, "steps", "be left out with `method` and for METTS, which have their own", self.steps)
        for name in ("components", "qubits"):
            if getattr(self, name) is not None:
                integer(getattr(self, name), name, 1, 20)
        for name in ("strength", "duration"):
            real(getattr(self, name), name, positive=True)
        real(self.l2, "l2", nonnegative=True)
        if self.bound is not None:
            real(self.bound, "bound", positive=True)
        pair = isinstance(self.diffusion, Sequence) and len(self.diffusion) == 2
        require(pair, "diffusion", "be a pair of positive numbers, at the start and at the end", self.diffusion)
        for each in self.diffusion:
            real(each, "diffusion", positive=True)
        if self.backend is None:
            require(self.shots is None, "shots", "be left out without a backend", self.shots)

    def _model(self, features: int) -> BinaryClassifier:
        if self.model == "neuron":
            return Neuron((0, 1), features, self._logistic)
        return Network((0, 1), features, self.hidden, True)

    def _grid(self, weights: int) -> Grid:
        """A box of equal edges around zero; where ``qubits`` is None as fine as twelve qubits in all (nine for circuits) allow."""
        wide = 2.0 if self.bound is None and not self._logistic and self.model == "neuron" else 4.0
        bound = wide if self.bound is None else float(self.bound)
        most = 9 if self.dynamics == "variational" or self.backend is not None else 12
        fine = min(5, max(2, most // weights)) if self.qubits is None else int(self.qubits)
        self._check_room(weights, fine)
        circuits = self.backend is not None or self.dynamics == "variational"
        return Grid([(-bound, bound)] * weights, fine, "periodic" if circuits else "walls")

    def _check_room(self, weights: int, fine: int) -> None:
        """Refuse a grid whose loss does not fit into the memory, by the option that makes it so large."""
        name = next((name for name in ("components", "qubits") if getattr(self, name) is not None), "hidden")
        total, fewer = (
            weights * fine,
            "Fewer `components`, or `qubits`" + (", or `hidden`" if self.model == "network" else ""),
        )
        if 8 * 2**total > available_memory():
            raise ProblemError(
                f"Argument `{name}` must leave a grid that fits into the memory, but is {getattr(self, name)!r}: {weights} weights of "
                f"{fine} qubits each make 2^{total} points. {fewer} help."
            )

    def _fit_one(self, X: np.ndarray, target: np.ndarray, weight: np.ndarray, seed: int) -> _Fitted:
        """One model of one target: signs -1 and 1, or standardised numbers."""
        count = self.components if self.components is not None else (2 if self.model == "neuron" else 1)
        reduction = reduced(X, target, weight, int(count), self.reduction)
        rows = reduction.transform(X)
        model = self._model(rows.shape[1])
        grid = self._grid(model.num_weights)
        loss = Objective(lambda w: self._loss(model, w, rows, target, weight), f"{self.model} on data")
        table = from_table(loss.on(grid), grid)  # evaluated once
        named = Objective(table.fn, loss.name, model=model if self._logistic else Numbers(model), domain=grid)
        return _Fitted(reduction, self._run(self._problem(grid, named), seed))

    def _loss(
        self, model: BinaryClassifier, w: np.ndarray, rows: np.ndarray, target: np.ndarray, weight: np.ndarray
    ) -> np.ndarray:
        """Cross entropy, or half the squared error, of every weight vector: a mean over the rows by their weights."""
        out, share = np.empty(len(w)), weight / weight.sum()
        wide = max(1, _BLOCK // (len(rows) * (1 if self.model == "neuron" else self.hidden)))
        for start in range(0, len(w), wide):
            z = model.raw(w[start : start + wide], rows)
            each = np.logaddexp(0.0, -target * z) if self._logistic else 0.5 * (z - target) ** 2
            out[start : start + wide] = each @ share
        return np.asarray(out + 0.5 * self.l2 * (w**2).sum(axis=1))

    def _problem(self, grid: Grid, loss: Objective) -> Problem:
        clock = "real" if self.dynamics == "real" else "imaginary"
        start, stop = (float(d) for d in self.diffusion)
        initial: Initial = Gaussian(0.0, 0.3 * grid.lengths[0] / 2) if self.dynamics == "real" else Uniform()
        return Problem(
            grid,
            loss,
            Geometric(start, stop),
            float(self.strength),
            clock=clock,
            duration=float(self.duration),
            initial=initial,
        )

    def __sklearn_is_fitted__(self) -> bool:
        """Whether a fit has come to its end."""
        return "runs_" in vars(self)

    def _run(self, problem: Problem, seed: int) -> Trajectory | Chain:
        """What is run; an interrupt goes on, since a piece of it is no fit."""
        with warnings.catch_warnings():
            for told in (MomentumTailWarning, EdgeWeightWarning):  # grids are coarse and bounded by intent
                warnings.simplefilter("ignore", told)
            if self.dynamics == "metts":
                return whole(metts(
                    problem, 0.5 * float(self.duration), int(self.samples), seed, self.backend,
                    method=self.method, diffusion=float(self.diffusion[1]), shots=self.shots, progress=False,
                ))  # fmt: skip
            method = self.method if self.method is not None else self._method(problem)
            return whole(evolve(problem, method, backend=self.backend, shots=self.shots, seed=seed, progress=False))

    def _method(self, problem: Problem) -> Method:
        """The usual method of the dynamics, or of its clock on a backend."""
        steps = 30 if self.steps is None else int(self.steps)
        if self.dynamics == "variational":
            return cast(Method, Variational(ansatz.hardware_efficient(layers=2), steps=4 * steps))
        if self.backend is None:
            return SplitStep(steps)
        usual = default_method(problem, find_backend(self.backend), self.shots)
        return usual if self.steps is None else replace(cast(Trotter | ProbabilisticITE, usual), steps=steps)

    def _seeds(self, count: int) -> list[int]:
        return cast(list[int], check_random_state(self.random_state).randint(2**31 - 1, size=count).tolist())


class QuantumDynamicsClassifier(ClassifierMixin, _QuantumDynamics):  # type: ignore[misc]
    """A neuron or a small network whose weights are a wave, ``p(x) = sum_w |psi(w)|^2 sigmoid(z_w(x))``; more classes one against the rest.

    Args:
        model: ``"neuron"``, ``z = w . t + b``, or ``"network"``, ``z = v . tanh(W t + b) + c``, of the components t.
        dynamics: ``"imaginary"`` time (the wave falls into low loss), ``"real"`` time (it descends and tunnels), ``"metts"`` (a Markov
            chain of measured weights) or ``"variational"`` (imaginary time of a small circuit).
        components: k of t; None: 2, of a network 1.
        reduction: of the standardised columns to k: ``"pls"``, partial least squares; ``"pca"``; or ``"columns"``, the k columns of
            largest correlation with the class.
        hidden: units of a network.
        l2: of the penalty ``l2/2 |w|^2``.
        bound: weights lie in ``[-bound, bound]``; None: 4.
        qubits: of each weight; None: as many as twelve in all allow (nine for circuits), between 2 and 5.
        diffusion: D at the start and at the end; it falls geometrically (METTS: the second).
        strength: s, what the loss counts.
        duration: T; at ``2 s T`` near the number of rows the density is near a posterior. Near 0 nothing is learned.
        steps: of the usual method; None: 30 of the split-operator method, on a backend those of its usual method. The variational one,
            which is stiffer, takes four times as many.
        samples: of the METTS chain, whose imaginary time between measurements is ``T / 2``.
        method: in place of the usual one of the dynamics.
        backend, shots: circuits in place of NumPy, as in :func:`qml_dynamics.evolve`.
        random_state: of all that is drawn (shots, chains).

    Attributes:
        classes_: labels, sorted.
        runs_: what was run, one a class, or one for two classes: a trajectory, or a chain.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.

    Raises:
        ProblemError, MethodError, BackendError: an option does not fit. Both are a ``ValueError``.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
    >>> QuantumDynamicsClassifier().fit(X, y).predict([[0.4], [2.6]]).tolist()
    ['no', 'yes']
    """

    def fit(self, X: Matrix, y: Matrix, sample_weight: Matrix | None = None) -> Self:
        """Find the law of the weights.

        Args:
            X: shape ``(n, d)``.
            y: n labels, of two kinds at least.
            sample_weight: of the rows, shape ``(n,)``, or one number.
        """
        self._check()
        rows, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        weight = _weights(sample_weight, len(rows))
        classes, index = np.unique(y, return_inverse=True)
        used = np.unique(index[weight > 0])
        if len(used) < 2:
            raise ProblemError(f"Argument `y` must have two classes at least, but is of one class: {classes[used]}.")
        positive = used[1:] if len(classes) == 2 else range(len(classes))
        seeds = self._seeds(len(classes))
        self._fitted = [
            self._fit_one(rows, np.where(index == k, 1.0, -1.0), weight, seed) for k, seed in zip(positive, seeds)
        ]
        self.classes_, self.runs_ = classes, [each.run for each in self._fitted]
        return self

    def predict_proba(self, X: Matrix) -> np.ndarray:
        """Probabilities of the classes, shape ``(n, classes)``; of more than two, those of each against the rest, made to sum to 1."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        each = np.column_stack([np.round(f.probability(rows), DIGITS) for f in self._fitted])
        if len(self.classes_) == 2:
            return np.column_stack([1 - each[:, 0], each[:, 0]])
        return np.asarray(each / each.sum(axis=1, keepdims=True))

    def predict(self, X: Matrix) -> np.ndarray:
        """The most probable class of each row."""
        check_is_fitted(self)
        return np.asarray(np.asarray(self.classes_)[self.predict_proba(X).argmax(axis=1)])


class QuantumDynamicsRegressor(RegressorMixin, _QuantumDynamics):  # type: ignore[misc]
    """The same for numbers: ``y = mean + scale sum_w |psi(w)|^2 z_w(x)`` with half the squared error of standardised targets as loss.

    Args, attributes and errors as of :class:`QuantumDynamicsClassifier`; a neuron has no bias here (targets are centred), and its
    weights lie between -2 and 2 where ``bound`` is None. ``runs_`` holds one run.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 2.0, 4.0, 6.0]
    >>> round(float(QuantumDynamicsRegressor().fit(X, y).score(X, y)), 2)
    1.0
    """

    _logistic = False

    def fit(self, X: Matrix, y: Matrix, sample_weight: Matrix | None = None) -> Self:
        """Find the law of the weights.

        Args:
            X: shape ``(n, d)``.
            y: n numbers.
            sample_weight: of the rows, shape ``(n,)``, or one number.
        """
        self._check()
        rows, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        weight = _weights(sample_weight, len(rows))
        share, target = weight / weight.sum(), np.asarray(y, dtype=float)
        mean = float(share @ target)
        spread = float(np.sqrt(share @ (target - mean) ** 2))
        scale = spread if spread > 0 else 1.0
        self._fitted = [self._fit_one(rows, (target - mean) / scale, weight, self._seeds(1)[0])]
        self._mean, self._scale = mean, scale
        self.runs_ = [self._fitted[0].run]
        return self

    def predict(self, X: Matrix) -> np.ndarray:
        """The mean over the law of the weights, shape ``(n,)``."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        return self._mean + self._scale * self._fitted[0].number(rows)


def _weights(given: Matrix | None, count: int) -> np.ndarray:
    """Weights of the rows, a number for all of them; raises :class:`ProblemError` for others than finite ones from 0 on, not all 0."""
    if given is None:
        return np.ones(count)
    try:
        weight = as_numbers(given)
    except Exception:  # of any kind: the person's own object makes the array
        require(False, "sample_weight", f"be a number, or one for each of {count} rows", given)
    if weight.ndim == 0:
        weight = np.full(count, weight)
    require(
        weight.shape == (count,),
        "sample_weight",
        f"be a number, or one for each of {count} rows",
        f"of shape {weight.shape}",
    )
    require(
        bool(np.isfinite(weight).all() and (weight >= 0).all()), "sample_weight", "be finite and not negative", given
    )
    require(bool(weight.sum() > 0), "sample_weight", "hold a weight that is not zero", "of zeros only")
    return weight
