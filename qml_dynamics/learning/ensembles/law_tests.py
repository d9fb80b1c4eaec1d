"""Kolmogorov-Smirnov tests of samples against a law on a grid with uncertain parameters, and the grids that resolve samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...model.domains import Grid
from ...model.objectives.base import LossLike, Objective
from ...model.taylor_polynomials import hessian

_PART = 0.3  # of the lengths over which a potential varies: the spacing of a grid that resolves it


def box(*clouds: np.ndarray) -> Grid:
    """A grid that holds clouds of samples ``(n, K)``, K one or two, finer than a quarter of their widths where it can be."""
    every = np.concatenate(clouds)
    low, high = every.min(axis=0), every.max(axis=0)
    size = np.abs(every).max(axis=0)
    margin = 0.15 * (high - low) + 1e-9 * np.where(size > 0, size, 1.0)
    wanted = np.ceil(np.log2((high - low + 2 * margin) / (_width(*clouds) / 4))).astype(int)
    bits = [int(b) for b in np.clip(wanted, 5, 10 if every.shape[1] == 1 else 7)]
    return Grid(np.stack([low - margin, high + margin], axis=1), bits)


def resolves(domain: Grid, *clouds: np.ndarray) -> bool:
    """Whether the spacing is below 0.3 of the standard deviation of each cloud, on all axes."""
    return bool((np.array(domain.spacing) < 0.3 * _width(*clouds)).all())


def _width(*clouds: np.ndarray) -> np.ndarray:
    size = np.max([np.abs(c).max(axis=0) for c in clouds], axis=0)
    out: np.ndarray = np.min([c.std(axis=0) + 1e-12 * np.where(size > 0, size, 1.0) for c in clouds], axis=0)
    return out


def deposited(samples: np.ndarray, domain: Grid) -> np.ndarray:
    """Samples shared out to the nearest points, linearly, summing to 1: the start of those very networks, whatever its shape.

    The means are kept exactly; a variance grows by at most a quarter of the spacing's square.
    """
    shape = np.array(domain.shape)
    u = (samples - np.array([axis[0] for axis in domain.axes])) / np.array(domain.spacing)
    base = np.clip(np.floor(u).astype(int), 0, shape - 2)
    out = np.zeros(domain.shape)
    for corner in np.ndindex(*(2,) * domain.ndim):
        share = np.where(np.array(corner) == 1, u - base, 1 - (u - base)).clip(0.0, 1.0).prod(axis=1)
        np.add.at(out, tuple((base + np.array(corner)).T), share)
    found: np.ndarray = out / out.sum()
    return found


class Well(NamedTuple):
    """The minimum of a potential: where, its curvatures, and their axes (columns)."""

    center: np.ndarray
    curvatures: np.ndarray
    axes: np.ndarray

    def variances(self, hbar: float, mobility: float) -> np.ndarray:
        """Of the harmonic ground state along the axes: ``hbar / (2 m omega)`` with ``m = 1 / (2 gamma)``."""
        return hbar * mobility / np.sqrt(2 * mobility * self.curvatures)


def minimum(V: LossLike, near: np.ndarray, widths: np.ndarray) -> Well | None:
    """The minimum of V next to a point; None where there is none: the ground state is elsewhere, or nowhere.

    ``widths`` are lengths over which V varies, one an axis: the search runs in units of them, and of the range of V over them.
    """
    from scipy.optimize import minimize

    loss, k = V if isinstance(V, Objective) else Objective(V, "V"), len(near)
    simplex = np.vstack([np.zeros(k), np.eye(k)])
    values = loss(near + np.vstack([simplex, -simplex[1:]]) * widths)
    base, unit = float(values.min()), float(np.ptp(values)) or 1.0
    options = {"xatol": 1e-9, "fatol": 1e-14, "initial_simplex": simplex}

    def scaled(u: np.ndarray) -> float:
        """The loss at ``near + u widths``, shifted and divided so that it is of order one."""
        return (float(loss((near + u * widths)[None])[0]) - base) / unit

    found = minimize(scaled, np.zeros(k), method="Nelder-Mead", options=options)
    center = near + found.x * widths
    curvatures, axes = np.linalg.eigh(hessian(loss, center, tuple((_PART * widths).tolist())))
    return Well(center, curvatures, axes) if found.success and curvatures.min() > 0 else None


def wave_room(well: Well, hbar: float, mobility: float) -> Grid:
    """A box around a minimum, six widths of its harmonic ground state on each side."""
    reach = 6 * np.sqrt((well.axes**2) @ well.variances(hbar, mobility))
    bounds = np.stack([well.center - reach, well.center + reach], axis=1)
    return Grid(bounds, 8 if len(well.center) == 1 else 5, "walls")


def matching_hbar(well: Well, samples: np.ndarray, mobility: float) -> float:
    """The hbar whose harmonic ground state has the total variance of the samples."""
    return float(samples.var(axis=0).sum() / well.variances(1.0, mobility).sum())


REJECT = 0.01
_FACTORS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # standard errors at which a law with an estimated parameter is tried
_OUTSIDE = 0.0027  # probability of a normal error beyond three standard errors
_EXACT = 1e-9
_PARTS = 4  # of a cell along each axis


@dataclass(frozen=True)
class LawTest:
    """A law against samples.

    Attributes:
        law: its name.
        p_value: of Kolmogorov and Smirnov's test, the least over the axes times their number.
        distance: the largest distance of the distribution functions, over all axes.
        samples: how many.
        verdict: in words.
    """

    law: str
    p_value: float
    distance: float
    samples: int
    verdict: str

    @property
    def rejected(self) -> bool:
        """Whether the p-value is below 0.01."""
        return self.p_value < REJECT


def law_test(
    law: str,
    samples: np.ndarray,
    density: np.ndarray | Callable[[float], np.ndarray],
    domain: Grid,
    unsure: float = 0.0,
) -> LawTest:
    """Independent samples ``(n, ndim)`` against a law on a grid, along the axes and the principal axes of the law.

    A law whose parameter is itself an estimate is given as a function of a factor on that parameter, with the relative
    standard error ``unsure``: the p-value is the largest within three standard errors plus the probability of lying outside
    (Berger and Boos, J. Am. Stat. Assoc. 89, 1012, 1994), so that an uncertain parameter is no evidence against the law.

    Args:
        density: shape ``domain.shape``, or a function of the factor that returns one.
    """
    if callable(density):
        factors = 1 + min(unsure, 0.3) * np.array(_FACTORS) if unsure > _EXACT else [1.0]
        trials = [_compare(samples, density(float(f)), domain) for f in factors]
        p = min(1.0, max(t[0] for t in trials) + (_OUTSIDE if unsure > _EXACT else 0.0))
        distance = min(t[1] for t in trials)
    else:
        p, distance = _compare(samples, density, domain)
    return _judged(law, p, distance, len(samples))


def family_test(
    law: str, samples: np.ndarray, member: Callable[[float], tuple[np.ndarray, Grid]], guess: float, name: str
) -> LawTest:
    """A law with a free positive parameter, at the value nearest to the samples: rejected only where every value is.

    Args:
        member: function of the parameter that returns a density and its grid.
        guess: where to look, up to a factor of four either way.
        name: of the parameter, for the verdict.
    """
    from scipy.optimize import minimize_scalar

    def distance(log: float) -> float:
        """The distance of the samples from the law whose parameter is ``guess 2^log``."""
        return _compare(samples, *member(guess * 2.0**log))[1]

    best = minimize_scalar(distance, bounds=(-2, 2), method="bounded", options={"xatol": 0.05, "maxiter": 10})
    value = guess * 2.0 ** float(best.x)
    p, least = _compare(samples, *member(value))
    return _judged(law, p, least, len(samples), f", at the {name} that fits best, {value:.3g}")


def _judged(law: str, p: float, distance: float, count: int, where: str = "") -> LawTest:
    words = "is rejected" if p < REJECT else "is not rejected"
    verdict = f"the {law} law {words} (p = {p:.2g}, distance {distance:.3f}, {count} networks{where})"
    return LawTest(law, p, distance, count, verdict)


def _compare(samples: np.ndarray, density: np.ndarray, domain: Grid) -> tuple[float, float]:
    """P-value and distance of Kolmogorov and Smirnov's test, the worst over the directions, times their number."""
    from scipy.stats import kstest

    found = []
    for axis in range(domain.ndim):
        marginal = density.sum(axis=tuple(a for a in range(domain.ndim) if a != axis))
        h = domain.spacing[axis]
        edges = np.concatenate([domain.axes[axis] - h / 2, [domain.axes[axis][-1] + h / 2]])
        cdf = np.concatenate([[0.0], np.cumsum(marginal) / marginal.sum()])
        found.append(kstest(samples[:, axis], lambda x, e=edges, c=cdf: np.interp(x, e, c)))
    for direction in _oblique(density, domain):
        along, below = _projected(density, domain, direction)
        found.append(kstest(samples @ direction, lambda x, e=along, c=below: np.interp(x, e, c)))
    return min(1.0, len(found) * min(float(f.pvalue) for f in found)), max(float(f.statistic) for f in found)


def _projected(density: np.ndarray, domain: Grid, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distribution function along a direction, each cell of the grid as 16 smaller ones: points alone would clump."""
    parts = (np.arange(_PARTS) + 0.5) / _PARTS - 0.5
    within = np.add.outer(*(parts * h * u for h, u in zip(domain.spacing, direction))).reshape(-1)
    along = np.add.outer(domain.points @ direction, within).reshape(-1)
    order = np.argsort(along)
    share = np.repeat(density.reshape(-1) / (density.sum() * len(within)), len(within))[order]
    return along[order], np.cumsum(share) - 0.5 * share


def _oblique(density: np.ndarray, domain: Grid) -> list[np.ndarray]:
    """The principal axes of a density, where they are not those of the grid."""
    p, points = density.reshape(-1) / density.sum(), domain.points
    away = points - p @ points
    axes = np.linalg.eigh((away * p[:, None]).T @ away)[1].T
    return [a for a in axes if np.abs(a).max() < 0.999]
