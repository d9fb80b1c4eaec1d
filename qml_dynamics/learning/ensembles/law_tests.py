"""Kolmogorov-Smirnov tests of samples against a law on a grid, along several directions, with uncertain and free parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...model.domains import Grid

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


def law_test(law: str, samples: np.ndarray, density: Any, domain: Grid, unsure: float = 0.0) -> LawTest:
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


def family_test(law: str, samples: np.ndarray, member: Any, guess: float, name: str) -> LawTest:
    """A law with a free positive parameter, at the value nearest to the samples: rejected only where every value is.

    Args:
        member: function of the parameter that returns a density and its grid.
        guess: where to look, up to a factor of four either way.
        name: of the parameter, for the verdict.
    """
    from scipy.optimize import minimize_scalar

    def distance(log: float) -> float:
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
