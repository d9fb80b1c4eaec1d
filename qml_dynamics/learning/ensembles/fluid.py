"""Madelung's equations for density and phase stepped as a fluid: a negative control, which fails at nodes.

A negative control: it knows density and phase only, and where the wave has a node both are lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import describe, integer, real, require
from ...base.numeric import Array, number_array
from ...base.printing import printed_briefly
from ...model.domains import Grid
from ...model.objectives.base import LossLike, Objective

_DRIFT = 0.05  # a fluid that has lost or gained this share of its mass is no longer a solution


@printed_briefly
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


@checks_arguments
def hydrodynamic(
    p: Array,
    S: Array,
    domain: Grid,
    V: LossLike,
    *,
    hbar: float,
    mass: float = 1.0,
    duration: float,
    steps: int,
    save: int = 5,
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
    density, phase = number_array(p, "p"), number_array(S, "S")
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
        """Time derivatives of ``(log |psi|, S)`` by Madelung's equations, from central differences."""
        slope = np.gradient(state, self.h, axis=1, edge_order=2)
        bend = np.empty_like(state)
        bend[:, 1:-1] = (state[:, 2:] - 2 * state[:, 1:-1] + state[:, :-2]) / self.h**2
        bend[:, 0], bend[:, -1] = bend[:, 1], bend[:, -2]
        (c1, s1), (c2, s2) = slope, bend
        c_t = -(c1 * s1 + 0.5 * s2) / self.mass
        s_t = -(s1**2) / (2 * self.mass) - self.V + self.hbar**2 / (2 * self.mass) * (c2 + c1**2)
        return np.stack([c_t, s_t])

    def step(self, y: np.ndarray, dt: float) -> np.ndarray:
        """One step of the classical Runge-Kutta method of order 4."""
        a = self.rate(y)
        b = self.rate(y + 0.5 * dt * a)
        c = self.rate(y + 0.5 * dt * b)
        d = self.rate(y + dt * c)
        out: np.ndarray = y + dt / 6 * (a + 2 * b + 2 * c + d)
        return out
