"""Integrators of the reverse process: the reverse-time stochastic equation and the probability-flow equation.

``dx = (grad V + 2 T grad log p_t) ds + sqrt(2 T) dW`` and ``dx/ds = grad V + T grad log p_t`` with ``s = t_max - t`` have the
density ``p_t`` at every time. Sources: Anderson, Stochastic Process. Appl. 12, 313 (1982); Song et al.,
arXiv:2011.13456.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...results.sampling import drawable
from .field import Magnifier, ScoreField

KINDS = ("sde", "ode")
ORDERS = {"sde": (1, 2), "ode": (1, 2, 4)}
Noise = Callable[[int, float, tuple[int, ...]], np.ndarray]


def time_grid(t_max: float, t_min: float, steps: int) -> np.ndarray:
    """Descending times, dense where the data appear: ``t_min + (t_max - t_min)(1 - k / steps)^2``.

    >>> time_grid(4.0, 0.0, 2).tolist()
    [4.0, 1.0, 0.0]
    """
    times = t_min + (t_max - t_min) * (1 - np.arange(steps + 1) / steps) ** 2
    times[-1] = t_min
    return times


def stage_times(times: np.ndarray, order: int) -> np.ndarray:
    """All times at which a scheme of this order asks for the score, descending."""
    if order < 4:
        return times
    return np.sort(np.concatenate([times, 0.5 * (times[1:] + times[:-1])]))[::-1]


def gaussian_noise(rng: np.random.Generator) -> Noise:
    """Brownian increments: number of the step, its length, shape."""
    return lambda step, dt, shape: np.sqrt(dt) * rng.standard_normal(shape)


def reverse(
    x: np.ndarray,
    times: np.ndarray,
    fields: Iterator[ScoreField],
    lens: Magnifier,
    kind: str,
    order: int,
    noise: Noise,
) -> Iterator[tuple[float, np.ndarray]]:
    """Points at each of the descending times, from the first to the last.

    ``"sde"``: Euler and Maruyama (weak order 1), or Heun's rule with the same increment in both stages (weak order 2: the
    noise is additive; Kloeden and Platen, Numerical Solution of SDEs, 15.1). ``"ode"``: Euler, Heun, Runge and Kutta.

    Args:
        x: points at ``times[0]``, shape ``(n, ndim)``.
        times: from :func:`time_grid`.
        fields: scores at :func:`stage_times`, in that order.
        lens: of the landscape.
        kind, order: of the scheme.
        noise: Brownian increments.
    """
    land = lens.land
    heat = land.temperature * (2.0 if kind == "sde" else 1.0)

    def drift(points: np.ndarray, score: ScoreField) -> np.ndarray:
        points = settled(points, lens)
        return land.gradient(points) + heat * score.at(points)

    x, now = settled(x, lens), next(fields)
    yield float(times[0]), x
    for k in range(len(times) - 1):
        dt = float(times[k] - times[k + 1])
        middle = next(fields) if order == 4 else None
        after = next(fields)
        kick = np.sqrt(2 * land.temperature) * noise(k, dt, x.shape) if kind == "sde" else np.zeros_like(x)
        first = drift(x, now)
        if order == 1:
            x = x + dt * first + kick
        elif middle is None:
            x = x + 0.5 * dt * (first + drift(x + dt * first + kick, after)) + kick
        else:
            second = drift(x + 0.5 * dt * first, middle)
            third = drift(x + 0.5 * dt * second, middle)
            last = drift(x + dt * third, after)
            x = x + dt / 6 * (first + 2 * second + 2 * third + last)
        x, now = settled(x, lens), after
        yield float(times[k + 1]), x


def settled(points: np.ndarray, lens: Magnifier) -> np.ndarray:
    """Points in the box: round it on a torus, else held at its edge (where no density is)."""
    low, high = np.array(lens.land.domain.bounds).T
    if lens.land.wraps:
        return np.asarray(low + (points - low) % (high - low))
    return np.clip(points, low, high)


def draw(density: np.ndarray, lens: Magnifier, n: int, rng: np.random.Generator) -> np.ndarray:
    """Points from a density on the fine grid, uniform in its cells."""
    steps = np.cumsum(drawable(density))
    index = np.minimum(np.searchsorted(steps, steps[-1] * rng.random(n), side="right"), steps.size - 1)
    jitter = (rng.random((n, lens.fine.ndim)) - 0.5) * np.array(lens.fine.spacing)
    return settled(lens.fine.points_at(index) + jitter, lens)


def start(lens: Magnifier, phi: np.ndarray, t_max: float, noise: bool, n: int, rng: np.random.Generator) -> np.ndarray:
    """Points at ``t_max``: from the stationary law where that is ``noise``, else from the law that the wave has then."""
    if noise and lens.land.name == "ou":
        normal = np.sqrt(lens.land.temperature) * rng.standard_normal((n, lens.fine.ndim))
        return settled(normal, lens)
    if noise:
        return draw(lens.root**2, lens, n, rng)
    (wave,) = lens.land.waves(phi, [t_max])
    return draw(lens.root * lens.waves(wave)[0], lens, n, rng)


def nearest_times(times: Sequence[float], wanted: Sequence[float]) -> list[int]:
    """For each wanted time the index of the nearest one."""
    return [int(np.argmin(np.abs(np.asarray(times) - t))) for t in wanted]
