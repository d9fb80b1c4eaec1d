"""The cloud of points that a classical ensemble starts from: places on a finer grid, momenta ``grad S``, weights."""

from __future__ import annotations

import numpy as np

from ...base.errors import check_memory
from ...model.domains import Grid
from ...model.initial import PointMass, State
from ...model.objectives import from_table
from ...model.problem import Problem
from .paths import Cloud, between, slopes, smooth

_RATIOS = (0.6180339887498949, 0.7548776662466927, 0.8191725133961645)  # by the number of axes


def start(problem: Problem, extra: int, spread: float) -> Cloud:
    """The points that set out, on a grid ``extra`` qubits an axis finer than the problem's: places, momenta and weights."""
    domain: Grid = problem.domain  # type: ignore[assignment]
    fine = domain.refined(extra) if extra else domain
    check_memory(8 * fine.size * (4 * domain.ndim + 4), f"{fine.size:,} paths")
    if isinstance(problem.initial, PointMass):
        cell = int(np.ravel_multi_index(problem.initial.index(domain), domain.shape))
        points, weights = domain.points_at(np.array([cell])), np.ones(1)
        points = np.repeat(points, 4**extra if spread else 1, axis=0)
        weights, momenta = np.full(len(points), 1 / len(points)), np.zeros_like(points)
    else:
        p, k = _fields(problem, domain, fine)
        points, momenta, weights = fine.points, k.reshape(domain.ndim, -1).T.copy(), p.reshape(-1) / p.sum()
        moving = weights > 1e-14 * weights.max()
        points, momenta, weights = points[moving], momenta[moving], weights[moving] / weights[moving].sum()
    if spread:
        momenta = momenta + spread * _normal(len(points), domain.ndim)
    return Cloud(points, momenta, np.zeros(len(points)), weights)


def _fields(problem: Problem, domain: Grid, fine: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Density and slopes of the phase on the finer grid: exact for waves with a formula, interpolated from a vector's.

    The slopes linearly: a phase need not close round the box, and a spline would carry its jump inwards.
    """
    if not isinstance(problem.initial, State) or fine == domain:
        return np.abs(problem.initial.vector(fine)) ** 2, slopes(problem.initial, fine)
    p = smooth(from_table(np.abs(problem.initial.vector(domain)) ** 2, domain), domain)(fine.points)
    k = [between(slope, domain, fine.points, order=1) for slope in slopes(problem.initial, domain)]
    return np.maximum(p, 0.0).reshape(fine.shape), np.array(k).reshape(-1, *fine.shape)


def _normal(count: int, ndim: int) -> np.ndarray:
    """Normal numbers that fill the line evenly for neighbouring paths: quantiles of a golden-ratio sequence."""
    from scipy.special import ndtri

    ratio = _RATIOS[min(ndim, len(_RATIOS)) - 1] ** np.arange(1, ndim + 1)
    return np.asarray(ndtri(np.mod(0.5 + np.outer(np.arange(1, count + 1), ratio), 1.0)))
