"""What the wave is compared with: Madelung's equations stepped as a fluid, which fail at nodes, and the classical flow.

The fluid solver is a negative control: it knows density and phase only, and where the wave has a node both are lost. The
characteristics are the solution of Hamilton and Jacobi's equation at ``hbar = 0``, beyond its caustics too, where no single
phase is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..domains import Grid
from ..errors import describe, integer, real, require
from ..objectives.base import Objective

_DRIFT = 0.05  # a fluid that has lost or gained this share of its mass is no longer a solution


@dataclass(frozen=True, eq=False)
class Fluid:
    """The answer of :func:`hydrodynamic`, kept up to where it failed.

    Attributes:
        times: shape ``(m,)``.
        density: shape ``(m, N)``, each summing to 1.
        phase: S, shape ``(m, N)``.
        failed_at: the time of failure, or None.
        stop: in a sentence, why it ended.
    """

    times: np.ndarray
    density: np.ndarray
    phase: np.ndarray
    failed_at: float | None
    stop: str


def hydrodynamic(
    p: Any, S: Any, domain: Grid, V: Any, *, hbar: float, mass: float = 1.0, duration: float, steps: int, save: int = 5
) -> Fluid:
    """Step ``C = log sqrt(p)`` and S with the classical Runge-Kutta method and second differences.

    ``C_t = -(C' S' + S'' / 2) / m`` and ``S_t = -S'^2 / 2m - V + hbar^2 / 2m (C'' + C'^2)``. Exact for Gaussians; at a node C
    is minus infinity and the solver stops: it reports when, and never returns a number that is not finite.

    Args:
        p, S: density and phase at the start, shape ``(N,)``, ``p`` positive.
        domain: a grid with one axis.
        V: potential, an objective or a function of points.
        hbar, mass, duration, steps: hbar may be 0 (the classical equations, which fail at caustics).
        save: number of equal times to keep, at most ``steps + 1``.
    """
    require(isinstance(domain, Grid) and domain.ndim == 1, "domain", "be a Grid with one axis", domain)
    density, phase = np.asarray(p, dtype=float), np.asarray(S, dtype=float)
    ok = density.shape == domain.shape and bool((density > 0).all() and np.isfinite(density).all())
    require(ok, "p", f"be a positive density of shape {domain.shape}", describe(density))
    require(phase.shape == domain.shape, "S", f"have shape {domain.shape}", f"of shape {phase.shape}")
    count, h = integer(steps, "steps", 1, 10**8), real(hbar, "hbar", nonnegative=True)
    m, T = real(mass, "mass", positive=True), real(duration, "duration", positive=True)
    kept = integer(save, "save", 2, count + 1)
    loss = V if isinstance(V, Objective) else Objective(V, "V")
    flow = _Flow(loss.on(domain), domain.spacing[0], h, m)
    state = np.stack([0.5 * np.log(density / density.sum()), phase])
    marks = {round(count * i / (kept - 1)) for i in range(kept)}
    rows, failed = [(0.0, state)], None
    with np.errstate(all="ignore"):
        for k in range(1, count + 1):
            state = flow.step(state, T / count)
            total = float(np.exp(2 * state[0]).sum())
            if not np.isfinite(state).all() or abs(total - 1) > _DRIFT:
                failed = T * k / count
                break
            if k in marks:
                rows.append((T * k / count, state))
    times = np.array([t for t, _ in rows])
    rho = np.array([np.exp(2 * s[0]) for _, s in rows])
    stop = f"Reached the end of the duration, {T:g}."
    if failed is not None:
        stop = f"Failed at t = {failed:g} of {T:g}: the phase has broken or the density has lost its mass (a node or a caustic)."
    return Fluid(times, rho / rho.sum(axis=1, keepdims=True), np.array([s[1] for _, s in rows]), failed, stop)


@dataclass
class _Flow:
    V: np.ndarray
    h: float
    hbar: float
    mass: float

    def rate(self, state: np.ndarray) -> np.ndarray:
        slope = np.gradient(state, self.h, axis=1, edge_order=2)
        bend = np.empty_like(state)
        bend[:, 1:-1] = (state[:, 2:] - 2 * state[:, 1:-1] + state[:, :-2]) / self.h**2
        bend[:, 0], bend[:, -1] = bend[:, 1], bend[:, -2]
        (c1, s1), (c2, s2) = slope, bend
        c_t = -(c1 * s1 + 0.5 * s2) / self.mass
        s_t = -(s1**2) / (2 * self.mass) - self.V + self.hbar**2 / (2 * self.mass) * (c2 + c1**2)
        return np.stack([c_t, s_t])

    def step(self, y: np.ndarray, dt: float) -> np.ndarray:
        a = self.rate(y)
        b = self.rate(y + 0.5 * dt * a)
        c = self.rate(y + 0.5 * dt * b)
        d = self.rate(y + dt * c)
        return y + dt / 6 * (a + 2 * b + 2 * c + d)


@dataclass(frozen=True, eq=False)
class Characteristics:
    """Classical paths of an ensemble: ``m q'' = -grad V``, started with ``m q' = grad S``.

    Attributes:
        times: shape ``(m,)``.
        paths: shape ``(m, size, ndim)``.
        momenta: ``m q'``, same shape.
        weights: probability that each path carries, shape ``(size,)``.
        caustic: the first saved time at which paths have crossed (one axis only), or None.
    """

    domain: Grid
    times: np.ndarray
    paths: np.ndarray
    momenta: np.ndarray
    weights: np.ndarray
    caustic: float | None

    def density(self, index: int = -1) -> np.ndarray:
        """The paths' weights shared out to the nearest grid points, linearly, shape ``domain.shape``; wraps round the box.

        With walls, weight beyond them stays on the outermost points.
        """
        grid, x = self.domain, self.paths[index]
        low = np.array([axis[0] for axis in grid.axes])
        u = (x - low) / np.array(grid.spacing)
        base = np.floor(u).astype(int)
        out = np.zeros(grid.shape)
        for corner in np.ndindex(*(2,) * grid.ndim):
            share = np.where(np.array(corner) == 1, u - base, 1 - (u - base)).prod(axis=1)
            cell = base + np.array(corner)
            cell = cell % grid.shape if grid.boundary == "periodic" else np.clip(cell, 0, np.array(grid.shape) - 1)
            np.add.at(out, tuple(cell.T), self.weights * share)
        return out

    def mean(self, function: Any) -> np.ndarray:
        """Ensemble average of a function of points at each time, shape ``(m,)``."""
        return np.array([self.weights @ np.asarray(function(x)) for x in self.paths])


def characteristics(
    p: Any, S_gradient: Any, domain: Grid, V: Any, *, mass: float = 1.0, duration: float, steps: int, save: int = 5
) -> Characteristics:
    """The classical regime: one path a grid point, weighted with the density there (velocity Verlet, second order).

    Args:
        p: density at the start, shape ``domain.shape``.
        S_gradient: slopes of the phase, shape ``(ndim, *domain.shape)``.
        V: potential, an objective or a function of points; its gradient is that of the objective.
        save: number of equal times to keep, at most ``steps + 1``.

    >>> grid = Grid((-4, 4), 5)
    >>> p = np.exp(-(grid.axes[0] - 1.5)**2)
    >>> run = characteristics(p, np.zeros((1, 32)), grid, lambda w: w[:, 0]**2 / 2, duration=np.pi, steps=200, save=2)
    >>> bool(np.allclose(run.paths[-1], -run.paths[0], atol=1e-3))      # half a period of the oscillator
    True
    """
    require(isinstance(domain, Grid), "domain", "be a Grid", domain)
    weights, slopes = np.asarray(p, dtype=float), np.asarray(S_gradient, dtype=float)
    ok = weights.shape == domain.shape and bool((weights >= 0).all() and weights.sum() > 0)
    require(ok, "p", f"be a density of shape {domain.shape}", describe(weights))
    wanted = (domain.ndim, *domain.shape)
    require(slopes.shape == wanted, "S_gradient", f"have shape {wanted}", f"of shape {slopes.shape}")
    count, T = integer(steps, "steps", 1, 10**7), real(duration, "duration", positive=True)
    m, kept = real(mass, "mass", positive=True), integer(save, "save", 2, count + 1)
    loss = V if isinstance(V, Objective) else Objective(V, "V")
    q, k = domain.points, slopes.reshape(domain.ndim, -1).T.copy()
    marks = {round(count * i / (kept - 1)) for i in range(kept)}
    rows, dt = [(0.0, q, k)], T / count
    force = -loss.gradient(q)
    for step in range(1, count + 1):
        half = k + 0.5 * dt * force
        q = q + dt / m * half
        force = -loss.gradient(q)
        k = half + 0.5 * dt * force
        if step in marks:
            rows.append((T * step / count, q, k))
    times, paths = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    carried = weights.reshape(-1) / weights.sum()
    crossed = _crossed(times, paths, carried) if domain.ndim == 1 else None
    return Characteristics(domain, times, paths, np.array([r[2] for r in rows]), carried, crossed)


def _crossed(times: np.ndarray, paths: np.ndarray, weights: np.ndarray) -> float | None:
    matter = weights > 1e-12 * weights.max()
    for t, x in zip(times, paths[:, matter, 0]):
        if (np.diff(x) <= 0).any():
            return float(t)
    return None
