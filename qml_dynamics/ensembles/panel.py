"""Panel regression of the functional's first equation, its variation with the density: mu and V from histories of (p, F).

``4 D (L sqrt p) / sqrt p - gamma L F = mu (F_t + gamma |grad F|^2) + mu V``: with the time average of every point taken off, the
slope is mu, whatever V is; V is what the averages leave. Nothing is told by a stationary history, in which nothing varies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .madelung import stencil
from .observed import History

LEAST_TIMES = 10
_REPLICAS = 60
_VISIBLE = 0.02  # points with less than this share of the largest mean density are left out


@dataclass(frozen=True, eq=False)
class Panel:
    """A smooth reading of a history.

    Attributes:
        x: the points used. weight: their mean density.
        times: all times.
        C, F: coefficients of ``log sqrt p`` and F over polynomials in x, shape ``(T, degree + 1)``.
        noise: standard deviations of the two sets about the polynomials.
        covariance: of coefficients for unit noise, shape ``(degree + 1, degree + 1)``, one for each of the two.
        bases: values, slopes and curvatures of the polynomials on x, for each of the two.
    """

    x: np.ndarray
    weight: np.ndarray
    times: np.ndarray
    C: np.ndarray
    F: np.ndarray
    noise: tuple[float, float]
    covariance: tuple[np.ndarray, np.ndarray]
    bases: tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]


def smooth(history: History) -> Panel | None:
    """Fit polynomials in x at each time, their degree chosen by the Bayesian information criterion over all times.

    None where fewer than 12 points are visible at all times.
    """
    p = np.asarray(history.density)
    mean = p.mean(axis=0)
    seen = (mean > _VISIBLE * mean.max()) & (p > 1e-12 * p.max()).all(axis=0)
    if seen.sum() < 12:
        return None
    x, weight = history.domain.axes[0][seen], mean[seen]
    C, noise_c, cov_c, base_c = _polynomials(x, 0.5 * np.log(p[:, seen]))
    F, noise_f, cov_f, base_f = _polynomials(x, np.asarray(history.free_energy)[:, seen])
    times = np.asarray(history.times, dtype=float)
    return Panel(x, weight, times, C, F, (noise_c, noise_f), (cov_c, cov_f), (base_c, base_f))


def _polynomials(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float, np.ndarray, tuple[np.ndarray, ...]]:
    from numpy.polynomial import chebyshev

    middle, half = 0.5 * (x[0] + x[-1]), 0.5 * (x[-1] - x[0])
    u = (x - middle) / half
    best, found = np.inf, None
    for degree in range(2, min(14, len(x) // 3) + 1):
        basis = chebyshev.chebvander(u, degree)
        coefficients = np.linalg.lstsq(basis, values.T, rcond=None)[0]
        rest = values.T - basis @ coefficients
        dof = values.size - coefficients.size
        variance = max(float((rest**2).sum()) / dof, 1e-30)
        score = values.size * np.log(float((rest**2).sum()) / values.size + 1e-30) + coefficients.size * np.log(
            values.size
        )
        if score < best:
            best, found = score, (degree, basis, coefficients.T, np.sqrt(variance))
    assert found is not None
    degree, basis, coefficients, noise = found
    unit = np.eye(degree + 1)
    slope = np.stack([chebyshev.chebval(u, chebyshev.chebder(row)) for row in unit], axis=1) / half
    bend = np.stack([chebyshev.chebval(u, chebyshev.chebder(row, 2)) for row in unit], axis=1) / half**2
    return coefficients, float(noise), np.linalg.inv(basis.T @ basis), (basis, slope, bend)


@dataclass(frozen=True, eq=False)
class Regression:
    """One regression: mu, ``V`` on the points, the variation of x it rests on, and the residual's share of the error.

    ``total`` is the weighted variation in time of the equation's left side, ``residual`` what mu and V leave of it.
    """

    mu: float
    V: np.ndarray
    variation: float
    robust: float
    total: float
    residual: float


def regress(panel: Panel, diffusion: float, mobility: float, C: np.ndarray, F: np.ndarray) -> Regression:
    """Weighted regression with one intercept a point, on the coefficients ``C, F`` (those of the panel, or replicas)."""
    (_, c1, c2), (f0, f1, f2) = panel.bases
    slope = F @ f1.T
    F_t = _rates(panel.times, F) @ f0.T
    y = 4 * diffusion * (C @ c2.T + (C @ c1.T) ** 2) - mobility * (F @ f2.T)
    x = F_t + mobility * slope**2
    x0, y0 = x.mean(axis=0), y.mean(axis=0)
    dx, dy = x - x0, y - y0
    w = panel.weight / panel.weight.sum()
    total, moved = float((w * dx**2).sum()), float((w * dy**2).sum())
    if total == 0:
        return Regression(np.nan, np.full(len(panel.x), np.nan), 0.0, np.inf, moved, moved)
    mu = float((w * dx * dy).sum()) / total
    scores = (w * dx * (dy - mu * dx)).sum(axis=1)
    left = float((w * (dy - mu * dx) ** 2).sum())
    return Regression(mu, y0 / mu - x0, total / len(x), float(np.sqrt((scores**2).sum())) / total, moved, left)


def _rates(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Time derivatives by the seven nearest times."""
    out, count = np.empty_like(values), min(7, len(times))
    for i, t in enumerate(times):
        first = min(max(i - count // 2, 0), len(times) - count)
        out[i] = stencil(times[first : first + count], t) @ values[first : first + count]
    return out


def replicas(panel: Panel, diffusion: float, mobility: float, seed: int) -> list[Regression]:
    """The regression on data drawn from the smooth reading with its own noise (parametric bootstrap)."""
    rng = np.random.default_rng(seed)
    roots = [n * np.linalg.cholesky(c) for n, c in zip(panel.noise, panel.covariance)]
    out = []
    for _ in range(_REPLICAS):
        drawn = [base + rng.standard_normal(base.shape) @ root.T for base, root in zip((panel.C, panel.F), roots)]
        out.append(regress(panel, diffusion, mobility, *drawn))
    return out
