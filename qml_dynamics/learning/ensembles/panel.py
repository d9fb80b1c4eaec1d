"""Panel regression for the multiplier mu and the potential V from histories of density and free energy (p, F).

``4 D (L sqrt p) / sqrt p - gamma L F = mu (F_t + gamma |grad F|^2) + mu V``: with the time average of every point taken off, the
slope is mu, whatever V is; V is what the averages leave. Nothing is told by a stationary history, in which nothing varies.

Both fields are read as polynomials in the weights times splines in time, orthonormal over what was observed, as many as Akaike's
criterion wants (IEEE Trans. Autom. Control 19, 716, 1974) and a few more, so that what they leave out stays below the noise.
Noise then reaches the answer through few numbers, whose spread a bootstrap tells. Where the criterion wants all the detail that
the data could hold, what readings with less of it change counts as an error too.

A module of its own beside `estimators`: the regression as arrays, where `estimators` says what its result means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np

from .observed import History

LEAST_TIMES = 10
_PAIRS = 40
SHARE = 0.5
_SPLINE = 7
_POOLED = 5.0  # values of the noise of all points that count for each of them
_VISIBLE = 0.02  # points with less than this share of the largest mean density are left out
_NODE = (
    3e-4  # and points that had less than this share of the largest density at any time: no polynomial follows a node
)
_HIGHEST = {1: 30, 2: 12}  # degree in the weights, by their number


Basis = tuple[np.ndarray, np.ndarray]  # orthonormal functions of time and their rates, each (T, b)


@dataclass(frozen=True, eq=False)
class Field:
    """A field over points and times as ``space @ coefficients @ time.T``, with the noise about it.

    Attributes:
        coefficients: shape ``(a, b)``.
        root: of the covariance of each column of them, shape ``(a, a)``.
        space: values, slopes along each axis, and Laplacian of the polynomials on the points, each ``(n, a)``.
        time: the functions of time.
        fewer: how many polynomials a reading with less detail has (all of them where the criterion did not want the most).
        rougher: functions of time with less detail (none where the criterion did not want the most).
    """

    coefficients: np.ndarray
    root: np.ndarray
    space: tuple[np.ndarray, ...]
    time: Basis
    fewer: int
    rougher: tuple[Basis, ...]

    def drawn(self, rng: np.random.Generator) -> tuple[Field, Field]:
        """The same reading with a share of its noise, and with the opposite one."""
        noise = SHARE * self.root @ rng.standard_normal(self.coefficients.shape)
        return (
            replace(self, coefficients=self.coefficients + noise),
            replace(self, coefficients=self.coefficients - noise),
        )

    def coarser(self, which: int) -> Field:
        """With fewer polynomials in the weights (0), or with fewer or less smooth functions of time (1 and 2)."""
        if which == 0:
            keep = np.arange(len(self.coefficients)) < self.fewer
            return replace(self, coefficients=self.coefficients * keep[:, None])
        if not self.rougher:
            return self
        other = self.rougher[which - 1]
        return replace(self, coefficients=self.coefficients @ (self.time[0].T @ other[0]), time=other)

    def at(self, which: int, rate: int = 0) -> np.ndarray:
        """Values (0), slopes (1 ...) or the Laplacian (-1), or their rates in time; shape ``(n, T)``."""
        out: np.ndarray = self.space[which] @ self.coefficients @ self.time[rate].T
        return out

    @property
    def slope_squared(self) -> np.ndarray:
        """``|grad|^2``, shape ``(n, T)``."""
        out: np.ndarray = np.sum([self.at(k) ** 2 for k in range(1, len(self.space) - 1)], axis=0)
        return out


@dataclass(frozen=True, eq=False)
class Panel:
    """A smooth reading of a history: ``log sqrt p`` and F on the points used, and the share of density at each point."""

    x: np.ndarray
    weight: np.ndarray
    root_log: Field
    free_energy: Field

    def drawn(self, rng: np.random.Generator) -> list[Panel]:
        """Both fields with a share of their noise, and with the opposite one."""
        pairs = zip(self.root_log.drawn(rng), self.free_energy.drawn(rng))
        return [replace(self, root_log=C, free_energy=F) for C, F in pairs]

    def coarser(self) -> list[int]:
        """The ways in which less detail would be another reading: those in which the criterion wanted all there is."""
        fields = (self.root_log, self.free_energy)
        ways = [0] if any(f.fewer < len(f.coefficients) for f in fields) else []
        return ways + ([1, 2] if any(f.rougher for f in fields) else [])

    def with_less(self, way: int) -> Panel:
        """The reading with less detail in one of those ways."""
        return replace(self, root_log=self.root_log.coarser(way), free_energy=self.free_energy.coarser(way))


def smooth(history: History) -> Panel | None:
    """Read both fields at all times; None where fewer than 12 points (40 with two axes) are visible at all times."""
    shape = (len(history.times), -1)
    p, F = (np.asarray(a, dtype=float).reshape(shape).T for a in (history.density, history.free_energy))
    mean = p.mean(axis=1)
    ndim = history.domain.ndim
    seen = (mean > _VISIBLE * mean.max()) & (p > _NODE * p.max(axis=0)).all(axis=1)
    if ndim == 1:
        seen = _together(seen, mean)
    if seen.sum() < (12 if ndim == 1 else 40):
        return None
    x = history.domain.points[seen]
    space, sizes = _space(x)
    bases, lower = _bases(tuple(history.times.tolist()))
    fields = [_field(values, space, sizes, bases, lower) for values in (0.5 * np.log(p[seen]), F[seen])]
    return Panel(x[:, 0] if ndim == 1 else x, mean[seen] / mean[seen].sum(), *fields)


def _together(seen: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Of runs of neighbours among the points, the one with most density."""
    label = np.cumsum(np.diff(seen, prepend=False))  # odd where points are seen, another number for each run
    share = np.bincount(label, weights=np.where(seen, mean, 0.0))
    out: np.ndarray = seen & (label == share.argmax())
    return out


def _space(x: np.ndarray) -> tuple[tuple[np.ndarray, ...], list[int]]:
    """Orthonormal polynomials on points ``(n, ndim)`` with slopes and Laplacian, by total degree; sizes up to each degree."""
    ndim = x.shape[1]
    top = _HIGHEST[ndim]
    low, high = x.min(axis=0), x.max(axis=0)
    half = np.where(high > low, 0.5 * (high - low), 1.0)
    tables = [_chebyshev((x[:, k] - 0.5 * (low[k] + high[k])) / half[k], top, half[k]) for k in range(ndim)]
    powers = sorted((e for e in product(range(top + 1), repeat=ndim) if sum(e) <= top), key=lambda e: (sum(e), e))
    powers = [e for e in powers if math.comb(sum(e) + ndim, ndim) <= len(x) // 2]

    def columns(order: tuple[int, ...]) -> np.ndarray:
        """All polynomials at the points, differentiated ``order[k]`` times along axis k, one column each."""
        return np.stack([np.prod([tables[k][order[k]][:, e[k]] for k in range(ndim)], axis=0) for e in powers], axis=1)

    none = (0,) * ndim
    unit = [tuple(int(i == k) for i in range(ndim)) for k in range(ndim)]
    values = columns(none)
    slopes = [columns(u) for u in unit]
    bend = np.sum([columns(tuple(2 * i for i in u)) for u in unit], axis=0)
    Q, R = np.linalg.qr(values)
    over = [np.linalg.solve(R.T, part.T).T for part in (*slopes, bend)]
    sizes = [sum(sum(e) <= d for e in powers) for d in range(sum(powers[-1]) + 1)]
    return (Q, *over), sizes


@lru_cache(maxsize=4)  # histories of one study share their times
def _bases(times: tuple[float, ...]) -> tuple[list[Basis], Basis]:
    """Bases of 2, 3, ... functions of time, and one that goes through all times but is less smooth."""
    when = np.array(times)
    return [_time(when, count, _SPLINE) for count in range(2, len(when) + 1)], _time(when, len(when), _SPLINE - 2)


def _time(times: np.ndarray, count: int, degree: int) -> Basis:
    """An orthonormal basis of ``count`` functions of time, with its rates: polynomials as long as the degree suffices, then
    splines, whose knots are averages of the sites between them (de Boor, A Practical Guide to Splines, 1978).
    """
    from scipy.interpolate import BSpline

    k = min(degree, count - 1)
    sites = np.quantile(times, np.linspace(0, 1, count))
    inner = [float(sites[j : j + k].mean()) for j in range(1, count - k)]
    knots = np.concatenate([[times[0]] * (k + 1), inner, [times[-1]] * (k + 1)])
    spline = BSpline(knots, np.eye(count), k)
    Q, R = np.linalg.qr(spline(times))
    return Q, np.linalg.solve(R.T, spline.derivative()(times).T).T


def _chebyshev(u: np.ndarray, degree: int, half: float) -> list[np.ndarray]:
    """Values, first and second derivatives of Chebyshev's polynomials, the derivatives for a variable scaled by ``half``."""
    from numpy.polynomial import chebyshev

    values, unit = chebyshev.chebvander(u, degree), np.eye(degree + 1)
    slope = np.concatenate([chebyshev.chebder(unit, axis=0), np.zeros((1, degree + 1))])  # coefficients, one a column
    return [values, values @ slope / half, values @ (slope @ slope) / half**2]


def _field(
    values: np.ndarray, space: tuple[np.ndarray, ...], sizes: list[int], bases: list[Basis], lower: Basis
) -> Field:
    """The reading of one field ``(n, T)``: a little more detail than Akaike's criterion wants, and the noise about it.

    The extra detail keeps what is left out below the noise, and the answer from swinging with the choice.
    """
    inner = space[0].T @ values
    wanted, often = _preferred(values, inner, space[0], sizes, [basis[0] for basis in bases])
    degree, b = min(wanted + 2, len(sizes) - 1), min(often + 3, len(bases) - 1)
    a, P = sizes[degree], bases[b][0]
    Q, kept = space[0][:, :a], inner[:a] @ P
    residual = values - Q @ kept @ P.T
    freedom = len(P) - (Q**2).sum(axis=1) * P.shape[1]  # of each point's values
    square = (residual**2).sum(axis=1)
    pooled = float(square.sum() / freedom.sum())
    variance = (square + _POOLED * pooled) / (freedom + _POOLED)
    root = np.linalg.cholesky((Q * variance[:, None]).T @ Q + 1e-32 * np.eye(a))
    fewer = a if degree < len(sizes) - 1 else sizes[min(wanted, degree - 2)]
    rougher = () if b < len(bases) - 1 else (bases[max(b - 2, 0)], lower)
    return Field(kept, root, tuple(part[:, :a] for part in space), bases[b], fewer, rougher)


def _preferred(
    values: np.ndarray, inner: np.ndarray, Q: np.ndarray, sizes: list[int], bases: list[np.ndarray]
) -> tuple[int, int]:
    """Degree in the weights and number of the basis of time with the least criterion (corrected for small samples)."""
    n = values.size
    outside = float(((values - Q @ inner) ** 2).sum())
    above = outside + np.append(
        np.cumsum((inner**2).sum(axis=1)[::-1])[::-1], 0.0
    )  # what the first a polynomials leave
    best, chosen = math.inf, (len(sizes) - 1, len(bases) - 1)
    for b, P in enumerate(bases):
        lost = np.cumsum(((inner - (inner @ P) @ P.T) ** 2).sum(axis=1))
        for degree in range(2, len(sizes)):
            a = sizes[degree]
            count = a * P.shape[1]
            score = n * math.log((above[a] + lost[a - 1]) / n + 1e-30) + 2 * count * n / (n - count - 1)
            if score < best:
                best, chosen = score, (degree, b)
    return chosen


@dataclass(frozen=True, eq=False)
class Regression:
    """One regression: mu, the time averages of both sides, the variation of x it rests on, and the residual's share.

    ``total`` is the weighted variation in time of the equation's left side, ``residual`` what mu and V leave of it;
    ``robust`` the standard error of mu from the residuals, clustered by time.
    """

    mu: float
    left: np.ndarray
    right: np.ndarray
    variation: float
    robust: float
    total: float
    residual: float

    def potential(self, mu: float) -> np.ndarray:
        """V on the points for a slope."""
        out: np.ndarray = self.left / mu - self.right
        return out


def regress(panel: Panel, diffusion: float, mobility: float) -> Regression:
    """Weighted regression with one intercept a point."""
    C, F = panel.root_log, panel.free_energy
    y = 4 * diffusion * (C.at(-1) + C.slope_squared) - mobility * F.at(-1)
    x = F.at(0, 1) + mobility * F.slope_squared
    x0, y0 = x.mean(axis=1), y.mean(axis=1)
    dx, dy = x - x0[:, None], y - y0[:, None]
    w = panel.weight[:, None]
    total, moved = float((w * dx**2).sum()), float((w * dy**2).sum())
    if total == 0:
        return Regression(math.nan, y0, x0, 0.0, math.inf, moved, moved)
    mu = float((w * dx * dy).sum()) / total
    scores = (w * dx * (dy - mu * dx)).sum(axis=0)
    left = float((w * (dy - mu * dx) ** 2).sum())
    return Regression(mu, y0, x0, total, float(np.sqrt((scores**2).sum())) / total, moved, left)


def replicas(panel: Panel, diffusion: float, mobility: float, seed: int, way: int | None = None) -> list[Regression]:
    """The regression on data drawn from the smooth reading with :data:`SHARE` of its own noise (parametric bootstrap).

    Each draw comes with its opposite, so that what noise does on average shows without the noise. A part of the noise
    serves better than all of it: the reading has its own already, and what comes of products of both is no error.
    With a ``way`` of :meth:`Panel.coarser`: on the same draws read with less detail.
    """
    rng = np.random.default_rng(seed)
    pairs = [panel.drawn(rng) for _ in range(_PAIRS)]
    return [regress(p if way is None else p.with_less(way), diffusion, mobility) for pair in pairs for p in pair]
