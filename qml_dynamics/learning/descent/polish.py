"""Local refinement of sampled weights by L-BFGS-B, and classical optimisers at equal numbers of evaluations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import MethodError, integer, one_of
from ...base.printing import printed_briefly
from ...methods.base import Stream, circuit_seed
from ...model.domains import Grid
from ...model.objectives.base import Objective
from .box import Counted, Spent

Bounds = tuple[tuple[float, float], ...]


@printed_briefly
@dataclass(frozen=True)
class Polished:
    """One sample after L-BFGS-B.

    Attributes:
        weights, loss: where it ended; never worse than the start.
        start: the sampled weights.
        evaluations: of the loss, differences included.
        gradients: evaluations of an exact gradient, where the loss has one.
    """

    weights: tuple[float, ...]
    loss: float
    start: tuple[float, ...]
    evaluations: int
    gradients: int


def each_polished(objective: Objective, starts: np.ndarray, bounds: Bounds, scale: float) -> Iterator[Polished]:
    """L-BFGS-B from each start ``(m, ndim)`` within the box; ``scale`` is the range of the loss there.

    An interrupt from the keyboard gives what the start in hand has found so far, and is then raised.
    """
    for start in starts:
        loss = Counted(objective)
        try:
            base = loss(start)
            refine(UnitLoss(loss, bounds, base, scale if scale > 0 else 1.0), start)
        except KeyboardInterrupt:
            if loss.count:
                yield _polished(loss, start)
            raise
        yield _polished(loss, start)


def _polished(loss: Counted, start: np.ndarray) -> Polished:
    return Polished(loss.weights, loss.value, tuple(start.tolist()), loss.count, loss.gradients)


def polish_samples(objective: Objective, starts: np.ndarray, bounds: Bounds, scale: float) -> tuple[Polished, ...]:
    """All of :func:`each_polished`."""
    return tuple(each_polished(objective, starts, bounds, scale))


@printed_briefly
@dataclass(frozen=True)
class Rival:
    """What a classical optimiser found with at most as many evaluations as a descent.

    Attributes:
        name: of the optimiser.
        weights, loss: the best that it saw.
        evaluations, gradients: what it used.
        seconds: wall time.
    """

    name: str
    weights: tuple[float, ...]
    loss: float
    evaluations: int
    gradients: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.name}: loss {self.loss:.6g} in {self.evaluations} evaluations, {self.seconds:.3f} s"


Kept = TypeVar("Kept", Polished, Rival)


@dataclass(frozen=True)
class UnitLoss:
    """A loss over the unit box, ``(f(low + lengths y) - base) / scale``: optimisers see neither the units of weights nor of losses.

    Attributes:
        loss: counts and remembers in the person's own units.
        bounds: the box.
        base, scale: what is taken off, and what differences of the loss are measured by.
    """

    loss: Counted
    bounds: Bounds
    base: float = 0.0
    scale: float = 1.0

    @staticmethod
    def of(loss: Counted, bounds: Bounds, scale: float | None = None) -> UnitLoss:
        """With the least value seen so far as its zero, and the range of those seen (or ``scale``) as its unit."""
        base, spread = (loss.value, loss.highest - loss.value) if loss.count else (0.0, 0.0)
        unit = spread if scale is None else scale
        return UnitLoss(loss, bounds, base, unit if math.isfinite(unit) and unit > 0 else 1.0)

    @property
    def box(self) -> Bounds:
        """The unit box."""
        return ((0.0, 1.0),) * len(self.bounds)

    def weights(self, y: np.ndarray) -> np.ndarray:
        """Weights of points of the unit box, never outside of the bounds by rounding."""
        low, high = np.array(self.bounds).T
        out: np.ndarray = np.clip(low + (high - low) * np.asarray(y, dtype=float), low, high)
        return out

    def unit(self, weights: np.ndarray) -> np.ndarray:
        """Points of the unit box of weights."""
        low, high = np.array(self.bounds).T
        out: np.ndarray = np.clip((np.asarray(weights, dtype=float) - low) / (high - low), 0.0, 1.0)
        return out

    def many(self, y: np.ndarray) -> np.ndarray:
        """Values at points ``(m, ndim)``."""
        return (self.loss.many(self.weights(y)) - self.base) / self.scale

    def __call__(self, y: np.ndarray) -> float:
        return float(self.many(np.asarray(y)[None])[0])

    @property
    def slope(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """The gradient over the unit box, where the loss has one of its own."""
        if self.loss.slope is None:
            return None
        low, high = np.array(self.bounds).T
        return lambda y: self.loss.gradient(self.weights(y)) * (high - low) / self.scale


_STOPS = {"ftol": 1e-14, "gtol": 1e-9}  # of a loss whose range is 1, over the unit box: near what differences can tell


def refine(loss: UnitLoss, start: np.ndarray) -> None:
    """L-BFGS-B from a start in weights (Byrd, Lu, Nocedal, Zhu, SIAM J. Sci. Comput. 16, 1190, 1995); ``loss.loss`` remembers."""
    from scipy.optimize import minimize

    minimize(loss, loss.unit(start), jac=loss.slope, method="L-BFGS-B", bounds=loss.box, options=_STOPS)


def _lbfgs(loss: Counted, start: np.ndarray, bounds: Bounds) -> None:
    refine(UnitLoss.of(loss, bounds), start)


def _uniform(loss: Counted, bounds: Bounds, budget: int, rng: np.random.Generator) -> None:
    low, high = np.array(bounds).T
    loss.many(rng.uniform(low, high, (budget, len(bounds))))


def _evolution(loss: Counted, bounds: Bounds, budget: int, rng: np.random.Generator) -> None:
    from scipy.optimize import differential_evolution

    unit = UnitLoss(loss, bounds)  # it only compares values

    def columns(points: np.ndarray) -> np.ndarray:
        """Losses of points given as columns, shape ``(ndim, points)``, as SciPy passes them."""
        return unit.many(points.T.reshape(-1, len(bounds)))

    differential_evolution(
        columns, unit.box, rng=rng, vectorized=True, updating="deferred", polish=False, maxiter=10**6
    )
    _lbfgs(loss, np.array(loss.weights), bounds)


def _annealing(loss: Counted, bounds: Bounds, budget: int, rng: np.random.Generator) -> None:
    from scipy.optimize import dual_annealing

    _look(loss, bounds, budget, rng)  # temperatures and stops are in units of the loss
    unit = UnitLoss.of(loss, bounds)
    local = {"method": "L-BFGS-B", "bounds": unit.box, "jac": unit.slope, "options": _STOPS}
    dual_annealing(unit, unit.box, rng=rng, maxfun=budget, maxiter=10**6, minimizer_kwargs=local)


def _look(loss: Counted, bounds: Bounds, budget: int, rng: np.random.Generator) -> None:
    """A few uniform points, from which the range of the loss is known."""
    low, high = np.array(bounds).T
    few = min(_LOOKS, max(2, budget // 10))
    loss.many(rng.uniform(low, high, (few, len(bounds))))


_LOOKS = 16


def _grid(loss: Counted, bounds: Bounds, budget: int, rng: np.random.Generator) -> None:
    """A coarse grid for nine tenths of the budget, then L-BFGS-B from its best points."""
    side = max(1, int((0.9 * budget) ** (1 / len(bounds))))
    lines = [a + (b - a) * (np.arange(side) + 0.5) / side for a, b in bounds]
    points = np.stack([x.reshape(-1) for x in np.meshgrid(*lines, indexing="ij")], axis=1)
    for start in points[np.argsort(loss.many(points), kind="stable")[:5]]:
        _lbfgs(loss, start, bounds)


def _restarts(loss: Counted, bounds: Bounds, budget: int, rng: np.random.Generator) -> None:
    low, high = np.array(bounds).T
    _look(loss, bounds, budget, rng)
    for start in rng.uniform(low, high, (budget, len(bounds))):
        _lbfgs(loss, start, bounds)


RIVALS: dict[str, Callable[[Counted, Bounds, int, np.random.Generator], None]] = {
    "uniform": _uniform,
    "differential_evolution": _evolution,
    "dual_annealing": _annealing,
    "grid_lbfgsb": _grid,
    "restarts_lbfgsb": _restarts,
}
"""Name -> optimiser: uniform points; SciPy's differential evolution and dual annealing; a coarse grid and L-BFGS-B from its
best five points; L-BFGS-B from uniform starts until the budget is spent (slow: thousands of short runs)."""
USUAL = ("differential_evolution", "dual_annealing", "grid_lbfgsb", "uniform")


@checks_arguments
def rivals(
    objective: Objective,
    bounds: Sequence[Sequence[float]],
    evaluations: int,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> tuple[Rival, ...]:
    """What classical optimisers find with at most ``evaluations`` of the loss, best first.

    Args:
        objective: the loss; an exact gradient of its own is used, and counted apart.
        bounds: the box.
        evaluations: the budget of each; one that has converged stops before.
        seed: of all of them, each with random numbers of its own.
        names: some of ``RIVALS`` (default: all but ``restarts_lbfgsb``).

    Returns:
        One an optimiser; an interrupt from the keyboard leaves out those that were not done.

    Raises:
        MethodError: an unknown name, or a budget that is no positive integer.

    >>> from qml_dynamics.model.objectives import sumofsquares
    >>> [(r.name, r.loss < 1e-6) for r in rivals(sumofsquares(), [(-1, 1)] * 2, 400, 1, ["grid_lbfgsb", "uniform"])]
    [('grid_lbfgsb', True), ('uniform', False)]
    """
    out = []
    with suppress(KeyboardInterrupt):  # what is done is kept
        for one in each_rival(objective, bounds, evaluations, seed, names):
            out.append(one)
    return best_first(out)


def each_rival(
    objective: Objective,
    bounds: Sequence[Sequence[float]],
    evaluations: int,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> Iterator[Rival]:
    """One after the other those of :func:`rivals`; an interrupt from the keyboard is raised."""
    budget = integer(evaluations, "evaluations", 1, 10**9, MethodError)
    box = Grid(bounds, 1).bounds
    for name in names or USUAL:
        yield _one(objective, box, budget, seed, name)


def best_first(found: Iterable[Kept]) -> tuple[Kept, ...]:
    """Sorted by the loss."""
    return tuple(sorted(found, key=lambda each: each.loss))


def _one(objective: Objective, bounds: Bounds, budget: int, seed: int, name: str) -> Rival:
    one_of(name, "rivals", RIVALS, MethodError)
    loss, started = Counted(objective, budget), time.perf_counter()
    rng = np.random.default_rng(circuit_seed(seed, Stream.RIVAL, list(RIVALS).index(name)))
    with suppress(Spent):
        RIVALS[name](loss, bounds, budget, rng)
    return Rival(name, loss.weights, loss.value, loss.count, loss.gradients, time.perf_counter() - started)
