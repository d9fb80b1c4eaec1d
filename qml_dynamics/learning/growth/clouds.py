"""Clouds of points against a density on a grid: exact draws, and the test whether a cloud still has that density.

The density is taken as constant on the cells of its (spectrally refined) grid. Axis by axis, conditional on those before, the
cumulative distribution turns points into uniform numbers and back (Rosenblatt, Ann. Math. Stat. 23, 470, 1952).

A module of its own beside `view`: statistics of points and densities, which knows nothing of networks.
"""

from __future__ import annotations

import numpy as np

from ...base.tails import chi_square_sf
from ...methods.growing.grid import refine
from ...model.domains import Grid

_QUBITS = 14  # a density is refined up to so many
_BINS, _PER_CELL = 8, 8  # of the test of independence: at most so many a side, with so many points each expected


def fine_density(psi: np.ndarray, domain: Grid) -> tuple[np.ndarray, Grid]:
    """``|psi|^2`` on a finer grid, summing to 1."""
    extra = max(0, (_QUBITS - domain.num_qubits) // domain.ndim)
    wave, fine = refine(psi, domain, min(extra, 4))
    density = np.abs(wave) ** 2
    return density / density.sum(), fine


def points_of(uniforms: np.ndarray, density: np.ndarray, grid: Grid) -> np.ndarray:
    """Points with this density from uniform numbers, shape ``(samples, ndim)`` both."""
    out = np.empty_like(uniforms)
    index: tuple[np.ndarray, ...] = ()
    for axis in range(grid.ndim):
        steps = _steps(density, axis, index)
        where, share = _invert(steps, uniforms[:, axis])
        out[:, axis] = grid.axes[axis][0] + (where + share - 0.5) * grid.spacing[axis]
        index = (*index, where)
    return into_box(out, grid)


def uniforms_of(points: np.ndarray, density: np.ndarray, grid: Grid) -> np.ndarray:
    """The uniform numbers of points: the inverse of :func:`points_of`."""
    out = np.empty_like(points)
    index: tuple[np.ndarray, ...] = ()
    for axis in range(grid.ndim):
        steps = _steps(density, axis, index)
        place = (points[:, axis] - grid.axes[axis][0]) / grid.spacing[axis] + 0.5
        place = place % grid.shape[axis] if grid.boundary == "periodic" else np.clip(place, 0, grid.shape[axis] - 1e-9)
        where = np.minimum(place.astype(int), grid.shape[axis] - 1)
        rows = np.arange(len(points)) if len(steps) > 1 else np.zeros(len(points), dtype=int)
        low = steps[rows, where]
        out[:, axis] = low + (place - where) * (steps[rows, where + 1] - low)
        index = (*index, where)
    return out


def into_box(points: np.ndarray, grid: Grid) -> np.ndarray:
    """Points wrapped round periodic axes, or reflected by walls."""
    low = np.array([a for a, _ in grid.bounds])
    length = np.array(grid.lengths)
    if grid.boundary == "periodic":
        out: np.ndarray = low + (points - low) % length
        return out
    folded = (points - low) % (2 * length)
    out = low + np.where(folded > length, 2 * length - folded, folded)
    return out


def p_value(points: np.ndarray, density: np.ndarray, grid: Grid) -> float:
    """Of the hypothesis that the points have this density, jointly in all weights.

    The conditional transform makes the points uniform in the cube if they have it. Kolmogorov and Smirnov's test asks that of each
    coordinate, and Pearson's test of independence of each pair; given the margins these do not depend on one another (to leading
    order in the samples), so the least of ``k`` p-values becomes ``1 - (1 - p)^k``.
    """
    from scipy.stats import kstest

    u = uniforms_of(points, density, grid)
    values = [float(kstest(u[:, axis], "uniform").pvalue) for axis in range(grid.ndim)]
    bins = min(_BINS, int((len(u) / _PER_CELL) ** 0.5))
    if bins > 1:
        values += [independence(u[:, a], u[:, b], bins) for b in range(grid.ndim) for a in range(b)]
    return 1.0 - (1.0 - min(values)) ** len(values)


def independence(first: np.ndarray, second: np.ndarray, bins: int) -> float:
    """P-value of the independence of two samples: Pearson's test of a table of their ranks, ``bins`` by ``bins``.

    >>> line = np.linspace(0, 1, 100)
    >>> independence(line, line, 4) < 1e-6, independence(line, (37 * line) % 1, 4) > 0.01
    (True, True)
    """
    count = len(first)
    rows, columns = (np.argsort(np.argsort(v, kind="stable"), kind="stable") * bins // count for v in (first, second))
    table = np.bincount(rows * bins + columns, minlength=bins * bins).reshape(bins, bins)
    expected = np.multiply.outer(table.sum(axis=1), table.sum(axis=0)) / count
    return float(chi_square_sf(((table - expected) ** 2 / expected).sum(), (bins - 1) ** 2))


def _steps(density: np.ndarray, axis: int, index: tuple[np.ndarray, ...]) -> np.ndarray:
    """Cumulative sums along one axis given the cells of those before, shape ``(samples or 1, N + 1)``, from 0 to 1."""
    rest = tuple(range(axis + 1, density.ndim))
    marginal = density.sum(axis=rest) if rest else density
    rows = marginal[index] if index else marginal[None]
    steps = np.zeros((len(rows), rows.shape[1] + 1))
    np.cumsum(rows, axis=1, out=steps[:, 1:])
    return steps / np.maximum(steps[:, -1:], 1e-300)


def _invert(steps: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(steps) == 1:
        where = np.searchsorted(steps[0], u, side="right") - 1
        rows = np.zeros(len(u), dtype=int)
    else:
        where, rows = (steps <= u[:, None]).sum(axis=1) - 1, np.arange(len(u))
    where = np.clip(where, 0, steps.shape[1] - 2)
    low = steps[rows, where]
    width = steps[rows, where + 1] - low
    share = np.where(width > 0, (u - low) / np.where(width > 0, width, 1.0), 0.5)
    return where, np.clip(share, 0.0, 1.0)
