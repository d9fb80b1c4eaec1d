"""Three laws of a density of weights: Gibbs, Fokker-Planck, and the stationary wave ``|psi_0|^2``.

Gibbs: ``p ~ exp(gamma F / D)``. Fokker-Planck: ``p_t = D L p - gamma div(p grad F)`` at the time of the samples. Stationary
wave: ``|psi_0|^2`` of the ground state of ``-hbar gamma L + V / hbar``. They differ, and nothing here supposes which is right:
the wave equation is a postulate about learning, not a coarse-graining of the stochastic equation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, check_memory, describe, integer, real, require
from ...base.numeric import Array, number_array
from ...model.domains import Grid
from ...model.hamiltonians import hamiltonian
from ...model.objectives.base import LossLike, Objective
from ...model.problem import Problem

_SDIRK = 1 - 0.5**0.5  # the L-stable two-stage method of order two (Alexander, SIAM J. Numer. Anal. 14, 1006, 1977)


@checks_arguments
def gibbs_law(free_energy: LossLike, domain: Grid, diffusion: float, mobility: float) -> np.ndarray:
    """``exp(gamma F / D)`` on the points, summing to 1, shape ``domain.shape``.

    >>> grid = Grid((-4, 4), 5)
    >>> p = gibbs_law(lambda w: -(w[:, 0] ** 2) / 2, grid, diffusion=0.5, mobility=1.0)
    >>> round(float(p @ grid.axes[0] ** 2), 6)          # D / (gamma k)
    0.5
    """
    scaled = real(mobility, "mobility") / real(diffusion, "diffusion", positive=True) * _on(free_energy, domain)
    p = np.exp(scaled - scaled.max())
    out: np.ndarray = p / p.sum()
    return out


@checks_arguments
def stationary_wave(V: LossLike, domain: Grid, hbar: float, mobility: float) -> np.ndarray:
    """``|psi_0|^2`` on the points, summing to 1, for the ground state of ``-hbar gamma L + V / hbar``.

    >>> grid = Grid((-5, 5), 6)
    >>> p = stationary_wave(lambda w: w[:, 0] ** 2 / 2, grid, hbar=1.0, mobility=0.5)
    >>> round(float(p @ grid.axes[0] ** 2), 6)          # hbar / (2 m omega)
    0.5
    """
    h, g = real(hbar, "hbar", positive=True), real(mobility, "mobility", positive=True)
    problem = Problem(domain, V, h * g, 1 / h, clock="real", duration=1.0)
    p = np.abs(hamiltonian(problem).ground_state()[1]) ** 2
    out: np.ndarray = p / p.sum()
    return out


@checks_arguments
def fokker_planck(
    free_energy: LossLike,
    domain: Grid,
    diffusion: float,
    mobility: float,
    start: Array,
    duration: float,
    steps: int = 200,
) -> np.ndarray:
    """The density after ``duration``, by finite volumes of Scharfetter and Gummel with no flux through the edges.

    The scheme is positive in space, keeps the sum, and has the Gibbs law as its exact fixed point; time steps are L-stable
    and of order two.

    Args:
        free_energy: F, an objective or a function of points.
        domain: one or two axes.
        start: density at time 0, shape ``domain.shape``.

    >>> grid = Grid((-4, 4), 6)
    >>> F = lambda w: -(w[:, 0] ** 2) / 2
    >>> start = np.exp(-(grid.axes[0] - 1.0) ** 2 / 0.5)
    >>> p = fokker_planck(F, grid, 0.5, 1.0, start, duration=1.0)
    >>> bool(abs(p @ grid.axes[0] - np.exp(-1)) < 5e-3)    # finite volumes of width 1/8
    True
    """
    from scipy.sparse import identity
    from scipy.sparse.linalg import splu

    p = number_array(start, "start")
    ok = p.shape == domain.shape and bool(np.isfinite(p).all() and (p >= 0).all() and p.sum() > 0)
    require(ok, "start", f"be a density of shape {domain.shape}", describe(p))
    d, count = real(diffusion, "diffusion", positive=True), integer(steps, "steps", 1, 10**6)
    check_memory(4000 * domain.size, f"Finite volumes on {domain.size} cells")
    generator = _generator(-real(mobility, "mobility") / d * _on(free_energy, domain), domain, d)
    h = real(duration, "duration", positive=True) / count
    try:
        solve = splu((identity(domain.size, format="csc") - _SDIRK * h * generator).tocsc()).solve
    except RuntimeError:  # beside such rates the identity is rounded away
        text = f"Argument `diffusion` must be smaller beside steps of {h:g}, but is {describe(diffusion)}."
        raise ProblemError(text) from None
    flat = p.reshape(-1) / p.sum()
    for _ in range(count):
        first = generator @ solve(flat)
        second = generator @ solve(flat + (1 - _SDIRK) * h * first)
        flat = flat + h * ((1 - _SDIRK) * first + _SDIRK * second)
    flat = np.maximum(flat, 0.0)
    out: np.ndarray = (flat / flat.sum()).reshape(domain.shape)
    return out


def _generator(U: np.ndarray, domain: Grid, diffusion: float) -> Any:
    """Rates between neighbouring cells, ``D / h^2 B(dU)`` with Bernoulli's function, as a sparse matrix (columns leave)."""
    from scipy.sparse import coo_matrix

    index = np.arange(domain.size).reshape(domain.shape)
    rows, cols, values = [], [], []
    for axis, h in enumerate(domain.spacing):
        n = domain.shape[axis]
        low, high = np.take(index, np.arange(n - 1), axis).ravel(), np.take(index, np.arange(1, n), axis).ravel()
        rise = U.reshape(-1)[high] - U.reshape(-1)[low]
        for source, target, gap in ((low, high, rise), (high, low, -rise)):
            rate = diffusion / h**2 * _bernoulli(gap)
            rows += [target, source]
            cols += [source, source]
            values += [rate, -rate]
    data = (np.concatenate(values), (np.concatenate(rows), np.concatenate(cols)))
    return coo_matrix(data, shape=(domain.size, domain.size)).tocsc()


def _bernoulli(x: np.ndarray) -> np.ndarray:
    """``x / (e^x - 1)``, 1 at 0, without overflow."""
    small = np.abs(x) < 1e-5
    safe = np.clip(np.where(small, 1.0, x), -600, 600)
    return np.where(small, 1 - x / 2, safe / np.expm1(safe))


def _on(function: LossLike, domain: Grid) -> np.ndarray:
    loss = function if isinstance(function, Objective) else Objective(function, "free energy")
    return loss.on(domain)
