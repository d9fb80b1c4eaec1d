"""Quantiles, histograms and smallest regions of a distribution over the loss, as the pictures show them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..results.trajectory import Trajectory


def loss_limits(run: Trajectory, zeta: np.ndarray) -> tuple[float, float]:
    """Limits of a loss axis that end a little above where the probability does: far walls would flatten the wells."""
    low, high = float(zeta.min()), float(zeta.max())
    reached = float(loss_quantiles(zeta, run.density.mean(axis=0, keepdims=True), (0.999,))[0, 0])
    top = min(high, low + 1.5 * (reached - low))
    top = top if top > low else low + 1.0
    return low - 0.06 * (top - low), top + 0.06 * (top - low)


def loss_quantiles(zeta: np.ndarray, density: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """The least loss below which at least a share ``level`` of the probability lies, shape ``(levels, m)``.

    >>> loss_quantiles(np.array([3.0, 1.0, 2.0]), np.array([[0.5, 0.2, 0.3]]), (0.1, 0.5, 0.9)).ravel()
    array([1., 2., 3.])
    """
    ranked = np.argsort(zeta, axis=None, kind="stable")
    below = np.cumsum(density.reshape(len(density), -1)[:, ranked], axis=1)
    values, last = zeta.reshape(-1)[ranked], zeta.size - 1
    where = [[min(int(np.searchsorted(row, level - 1e-12)), last) for row in below] for level in levels]
    return values[np.array(where)]


def loss_histogram(zeta: np.ndarray, density: np.ndarray, bins: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of equal bins of the loss, the share of all weights in each, and the probability of each."""
    values = zeta.reshape(-1)
    edges = np.histogram_bin_edges(values, bins)
    uniform = np.histogram(values, edges)[0] / values.size
    return edges, uniform, np.histogram(values, edges, weights=density.reshape(-1))[0]


def mass_level(density: np.ndarray, share: float) -> float:
    """The density above which ``share`` of the probability lies (the edge of the smallest such region).

    >>> mass_level(np.array([0.1, 0.6, 0.3]), 0.8)
    0.3
    """
    ranked = np.sort(density, axis=None)[::-1]
    return float(ranked[min(int(np.searchsorted(np.cumsum(ranked), share)), ranked.size - 1)])
