"""The minimum that SciPy finds for the same loss (L-BFGS-B, differential evolution), beside the best sampled weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..learning.descent.box import Counted
from ..learning.descent.polish import UnitLoss, refine
from ..model.domains import Hypercube
from ..model.problem import Problem

STARTS = 8


@dataclass(frozen=True)
class Optimum:
    """Weights, their loss, and how they were found."""

    weights: tuple[float, ...]
    value: float
    how: str


def scipy_optimum(problem: Problem, seed: int = 0) -> Optimum | None:
    """The best that SciPy finds: L-BFGS-B from a few starts on a grid, differential evolution on binary weights.

    None for problems without an objective and for tables, which are known on their points only.
    """
    objective = problem.objective
    if objective is None or objective.domain is not None:
        return None
    return _binary(problem, seed) if isinstance(problem.domain, Hypercube) else _continuous(problem, seed)


def _continuous(problem: Problem, seed: int) -> Optimum:
    """L-BFGS-B within the box, from its middle and from seeded uniform starts."""
    objective, domain = problem.objective, problem.domain
    assert objective is not None
    assert not isinstance(domain, Hypercube)
    low, high = np.array(domain.bounds).T
    starts = np.random.default_rng(seed).uniform(low, high, (STARTS, domain.ndim))
    starts[0] = 0.5 * (low + high)
    loss = Counted(objective)
    loss.many(starts)
    for start in starts:
        refine(UnitLoss.of(loss, domain.bounds), start)
    return Optimum(loss.weights, loss.value, f"SciPy L-BFGS-B, best of {STARTS} starts")


def _binary(problem: Problem, seed: int) -> Optimum:
    """Differential evolution over bits."""
    from scipy.optimize import differential_evolution

    objective, domain = problem.objective, problem.domain
    assert objective is not None
    low, high = np.array(domain.axes).T

    def values(bits: np.ndarray) -> np.ndarray:
        """The loss of weights given as bits of shape ``(ndim, points)``, as SciPy passes them."""
        return objective(low + (high - low) * np.rint(bits).T.reshape(-1, domain.ndim))

    found = differential_evolution(
        values, [(0, 1)] * domain.ndim, integrality=True, vectorized=True, updating="deferred", polish=False, rng=seed
    )
    weights = low + (high - low) * np.rint(found.x)
    return Optimum(
        tuple(weights.tolist()), float(objective(weights[None])[0]), "SciPy differential evolution over bits"
    )
