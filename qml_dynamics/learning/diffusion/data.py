"""Rows of data as a density on the grid: kernels of the forward process, and their bandwidth by leave-one-out likelihood.

The kernel of a row is what the forward process makes of a point in the time ``t0 = bandwidth^2 / (2 T)``: for ``"free"`` a Gaussian
of that width, for ``"ou"`` one that is drawn a little to the middle too, so that the variance of standardised data stays 1. The
bandwidth is chosen by the likelihood of each row under the kernels of all others, on the rows given and no others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, describe, real, require
from ...base.numeric import Array, Numbers, as_numbers, number_array
from ...base.options import handed
from ...base.printing import printed_briefly
from ...model.domains import Grid
from .witten import Landscape

SPACINGS = 1.5  # a bandwidth below so many grid spacings cannot be told from the grid
_CANDIDATES = 30
_ROWS = 1000  # more rows are thinned for the choice of the bandwidth


@printed_briefly
@dataclass(frozen=True, eq=False)
class Scale:
    """An affine map between a person's units and the box: ``z = (x - mean) @ matrix``.

    Attributes:
        mean: shape ``(ndim,)``.
        matrix: shape ``(ndim, ndim)``.

    >>> scale = Scale.fit([[1.0, 10.0], [3.0, 30.0]])
    >>> scale.to_box([[3.0, 10.0]]).tolist(), scale.from_box([[1.0, -1.0]]).tolist()
    ([[1.0, -1.0]], [[3.0, 10.0]])
    """

    mean: np.ndarray
    matrix: np.ndarray

    @classmethod
    @checks_arguments
    def fit(cls, rows: Array, whiten: bool = False) -> Scale:
        """Mean 0 and variance 1 in each column of these rows; with ``whiten`` the columns become uncorrelated too.

        Raises:
            ProblemError: fewer than two rows, or a column that is constant (``whiten``: or a combination of others).
        """
        x = as_rows(rows, None)
        require(len(x) > 1, "rows", "be two or more", f"of {len(x)}")
        spread = x.std(axis=0)
        require(bool((spread > 0).all()), "rows", "have no constant column", f"of the scales {spread.tolist()}")
        if not whiten:
            return cls(x.mean(axis=0), np.diag(1 / spread))
        values, vectors = np.linalg.eigh(np.cov(((x - x.mean(axis=0)) / spread).T, bias=True).reshape(x.shape[1], -1))
        independent = bool(values[0] > 1e-10 * values[-1])
        require(independent, "rows", "have columns of which none is a combination of others", "of dependent ones")
        return cls(x.mean(axis=0), np.diag(1 / spread) @ vectors @ np.diag(values**-0.5) @ vectors.T)

    @checks_arguments
    def to_box(self, rows: Array) -> np.ndarray:
        """Rows in the units of the box."""
        return np.asarray((as_rows(rows, len(self.mean)) - self.mean) @ self.matrix)

    @checks_arguments
    def from_box(self, rows: Array) -> np.ndarray:
        """Rows in the person's units."""
        return np.asarray(as_rows(rows, len(self.mean)) @ np.linalg.inv(self.matrix) + self.mean)


def as_rows(given: Array, ndim: int | None, name: str = "data") -> np.ndarray:
    """Finite numbers of shape ``(rows, ndim)``, a copy of what is given; a flat list is one column."""
    try:
        rows = as_numbers(given)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError(f"Argument `{name}` must be rows of numbers, but is {describe(given)}.") from None
    rows = rows[:, None] if rows.ndim == 1 and ndim in (1, None) else rows
    wanted = "have shape (rows, columns)" if ndim is None else f"have shape (rows, {ndim})"
    fits = rows.ndim == 2 and len(rows) > 0 and rows.shape[1] > 0 and ndim in (None, rows.shape[-1])
    require(fits, name, wanted, f"of shape {rows.shape}")
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    require(not bad.size, name, "be finite numbers", f"of {rows[bad[0]].tolist() if bad.size else 0} in row {bad[:1]}")
    return rows


def inside(rows: np.ndarray, domain: Grid, name: str = "data") -> np.ndarray:
    """The rows, if all of them lie in the box."""
    low, high = np.array(domain.bounds).T
    out = np.flatnonzero(((rows < low) | (rows > high)).any(axis=1))
    require(
        not out.size,
        name,
        f"lie in the box {[tuple(b) for b in domain.bounds]} (standardise it: `diffusion.Scale`)",
        f"of {rows[out[0]].tolist() if out.size else 0} in row {int(out[0]) if out.size else 0}, one of {out.size} outside",
    )
    return rows


def deposit(rows: np.ndarray, land: Landscape) -> np.ndarray:
    """``phi_0`` of points of equal weight: band-limited peaks over ``psi0``, to be run forward by ``t0`` or more."""
    domain = land.domain
    kernels = []
    for axis, (x, h) in enumerate(zip(domain.axes, domain.spacing)):
        n = len(x)
        angle = np.pi * (x[None, :] - rows[:, axis : axis + 1]) / h
        below = n * np.tan(angle / n)  # periodic sinc of an even number of points
        with np.errstate(divide="ignore", invalid="ignore"):
            kernels.append(np.where(np.abs(below) > 1e-12, np.sin(angle) / below, np.cos(angle)))
    weight = 1 / (len(rows) * root_at(rows, land))
    if domain.ndim == 1:
        return np.asarray(weight @ kernels[0])
    if domain.ndim == 2:
        return np.asarray((kernels[0] * weight[:, None]).T @ kernels[1])
    out: np.ndarray = np.einsum("i,ia,ib,ic->abc", weight, *kernels, optimize=True)
    return out


def root_at(rows: np.ndarray, land: Landscape) -> np.ndarray:
    """psi0 at any points, in the units of ``land.root``."""
    if land.name == "free":
        return np.ones(len(rows))
    if land.loss is None:
        return np.asarray(np.exp(-(rows**2).sum(axis=1) / (4 * land.temperature)))
    lowest = float(land.loss.on(land.domain).min())
    return np.asarray(np.exp(-(land.loss(rows) - lowest) / (2 * land.temperature)))


def density_on(function: Callable[[np.ndarray], np.ndarray], domain: Grid) -> np.ndarray:
    """A density, given as a function of points, on the grid, adding up to 1.

    Raises:
        ProblemError: it is negative, not finite or 0 everywhere.
    """
    try:
        values = np.asarray(handed(function, domain.points), dtype=float).reshape(domain.shape)
    except Exception as error:
        raise ProblemError(
            f"Argument `data` must be rows or a density of points (m, ndim), but failed: {error}"
        ) from error
    right = bool(np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0)
    require(right, "data", "be a density, finite and not negative", f"of values from {values.min()} to {values.max()}")
    return np.asarray(values / values.sum())


def least_bandwidth(domain: Grid) -> float:
    """The smallest width of a kernel that the grid can hold."""
    return SPACINGS * max(domain.spacing)


def choose_bandwidth(rows: np.ndarray, land: Landscape, seed: int = 0) -> float:
    """The bandwidth of largest leave-one-out likelihood; rows equal to the one left out are left out with it.

    Without that, data that were rounded before would always ask for the smallest bandwidth. At most 1000 rows are used.
    """
    low = least_bandwidth(land.domain)
    if len(rows) < 3:
        return float(max(low, 0.3 * land.temperature**0.5))
    if len(rows) > _ROWS:
        rows = rows[np.random.default_rng(seed).permutation(len(rows))[:_ROWS]]
    high = max(2 * low, 1.5 * float(rows.std(axis=0).max()))
    widths = np.geomspace(low, high, _CANDIDATES)
    same = _squares(rows, rows, land) < 1e-24
    scores = [_left_out(rows, land, width, same) for width in widths]
    return float(widths[int(np.argmax(scores))])


def _left_out(rows: np.ndarray, land: Landscape, width: float, same: np.ndarray) -> float:
    """Mean log likelihood of rows under the others."""
    t0 = smoothing_time(width, land.temperature)
    center, variance = rows, width**2
    if land.name == "ou":
        center, variance = np.exp(-t0) * rows, land.temperature * -np.expm1(-2 * t0)
    elif land.name != "free":
        center = rows - t0 * land.gradient(rows)  # the kernel of one short step
    logs = -0.5 * _squares(rows, center, land) / variance
    logs[same] = -np.inf
    others = np.maximum((~same).sum(axis=1), 1)
    top = logs.max(axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.log(np.maximum(np.exp(logs - top).sum(axis=1), 1e-300)) + top[:, 0] - np.log(others)
    return float(total.mean() - 0.5 * rows.shape[1] * np.log(2 * np.pi * variance))


def _squares(rows: np.ndarray, center: np.ndarray, land: Landscape) -> np.ndarray:
    """Squared distances, round the torus where paths go round."""
    total = np.zeros((len(rows), len(center)))
    for axis, length in enumerate(land.domain.lengths):
        gaps = rows[:, None, axis] - center[None, :, axis]
        if land.wraps:
            gaps -= length * np.round(gaps / length)
        total += gaps**2
    return total


def smoothing_time(bandwidth: float, temperature: float) -> float:
    """``t0 = bandwidth^2 / (2 T)``."""
    return bandwidth**2 / (2 * temperature)


def given_bandwidth(value: float, domain: Grid) -> float:
    """A bandwidth that a person asked for.

    Raises:
        ProblemError: it is not positive, or so small that the grid does not resolve it.
    """
    width, least = real(value, "bandwidth", positive=True), least_bandwidth(domain)
    require(
        width >= least * (1 - 1e-12),
        "bandwidth",
        f"be at least {least:.4g} (1.5 grid spacings; take more qubits)",
        width,
    )
    return width


@checks_arguments
def gaussian_mixture(weights: Numbers, means: Numbers, variances: Numbers) -> Callable[[np.ndarray], np.ndarray]:
    """The density of a mixture of isotropic Gaussians, as a function of points ``(m, ndim)``.

    Args:
        weights: shape ``(k,)``.
        means: shape ``(k,)`` or ``(k, ndim)``.
        variances: shape ``(k,)``.

    >>> float(gaussian_mixture([1.0], [0.0], [1.0])(np.zeros((1, 1)))[0].round(6))
    0.398942
    """
    share, s2 = number_array(weights, "weights"), number_array(variances, "variances")
    center = number_array(means, "means")
    require(share.ndim == 1 and share.size > 0, "weights", "be one number a Gaussian", f"of shape {share.shape}")
    require(s2.shape == share.shape, "variances", f"be {len(share)} numbers", f"of shape {s2.shape}")
    fits = center.ndim in (1, 2) and len(center) == len(share) and center.size > 0
    require(fits, "means", f"be {len(share)} points", f"of shape {center.shape}")
    center = center.reshape(len(share), -1)
    require(
        bool((s2 > 0).all() and (share >= 0).all()), "variances", "be positive, and weights not negative", variances
    )

    def density(points: np.ndarray) -> np.ndarray:
        """The density of the mixture at points ``(m, ndim)``, shape ``(m,)``."""
        gaps = ((points[:, None] - center[None]) ** 2).sum(axis=-1)
        parts = share * np.exp(-0.5 * gaps / s2) / (2 * np.pi * s2) ** (0.5 * center.shape[1])
        return np.asarray(parts.sum(axis=1))

    return density
