"""Madelung's variables of a wave and back, and how well a trajectory obeys their equations.

``psi = sqrt(p) exp(i S / hbar)``: ``p_t + div(p v) = 0`` and ``S_t + m v^2 / 2 + V + Q = 0`` with ``v = grad S / m`` and
``Q = -(hbar^2 / 2m) L sqrt(p) / sqrt(p)``. Derivatives are spectral and are taken of the wave itself, never of its phase, so
branches of the phase do no harm. Source: Madelung, Z. Phys. 40, 322 (1927).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, describe, real, require
from ...base.numeric import Array, Numbers, number_array
from ...base.printing import printed_briefly
from ...model.domains import Domain, Grid
from ...model.hamiltonians import LearningHamiltonian, hamiltonian
from ...results.trajectory import Trajectory

FLOOR = 1e-18  # below this share of its maximum a density is round-off: no velocity can be read there


@printed_briefly
class Madelung(NamedTuple):
    """What :func:`madelung` returns, arrays of ``domain.shape`` (the velocity with one more axis in front).

    ``p`` sums to the squared norm of the wave. ``S`` is the principal value, in ``(-pi hbar, pi hbar]``: one branch of a
    multivalued phase. Where :attr:`resolved` is False (nodes, empty regions) velocity and quantum potential are set to 0.
    """

    p: np.ndarray
    S: np.ndarray
    velocity: np.ndarray
    quantum_potential: np.ndarray

    @property
    def resolved(self) -> np.ndarray:
        """Where the density is above round-off."""
        return resolved(self.p)


def resolved(p: np.ndarray) -> np.ndarray:
    """Where a density is above round-off (1e-18 of its maximum), same shape."""
    out: np.ndarray = p > FLOOR * p.max()
    return out


@checks_arguments
def madelung(psi: np.ndarray, domain: Domain, hbar: float, mass: float = 1.0) -> Madelung:
    """Density, phase, velocity and quantum potential of a wave on a grid.

    With a twist the velocity is the gauge-invariant one, ``(hbar / m) (Im(grad psi / psi) - 2 pi twist / L)``.

    Args:
        psi: amplitudes, shape ``domain.shape``.
        domain: a :class:`Grid`.
        hbar, mass: positive.

    Raises:
        ProblemError: the domain is a hypercube, or the wave does not fit it.

    >>> grid = Grid((-8, 8), 7)
    >>> x = grid.axes[0]
    >>> p, S, velocity, Q = madelung(np.exp(-x**2 / 4 + 0.5j * x), grid, hbar=1.0)
    >>> print(velocity[0, 64].round(6), Q[64].round(6))     # at x = 0: hbar k / m, and hbar^2 (2 s^2 - x^2) / (8 m s^4)
    0.5 0.25
    """
    wave = checked_wave(psi, domain)
    h, m = real(hbar, "hbar", positive=True), real(mass, "mass", positive=True)
    assert isinstance(domain, Grid)
    p = np.abs(wave) ** 2
    clear = resolved(p)
    velocity = np.zeros((domain.ndim, *domain.shape))
    curvature = np.zeros(domain.shape)
    safe = np.where(clear, wave, 1.0)
    for axis in range(domain.ndim):
        slope, bend = derivatives(wave, domain, axis)
        rate = (slope / safe).imag
        velocity[axis] = np.where(clear, h / m * rate, 0.0)
        curvature += (bend / safe).real + rate**2
    quantum = np.where(clear, -(h**2) / (2 * m) * curvature, 0.0)
    return Madelung(p, h * np.angle(wave), velocity, quantum)


@checks_arguments
def from_madelung(p: Numbers, S: Numbers, hbar: float) -> np.ndarray:
    """The wave ``sqrt(p) exp(i S / hbar)``; ``p`` and ``S`` are real arrays of one shape, ``p`` not negative.

    >>> wave = from_madelung([0.36, 0.64], [0.0, np.pi], hbar=2.0)
    >>> wave.round(6).tolist()
    [(0.6+0j), 0.8j]
    """
    h = real(hbar, "hbar", positive=True)
    density, phase = number_array(p, "p"), number_array(S, "S")
    require(density.shape == phase.shape, "S", f"have shape {density.shape}", f"of shape {phase.shape}")
    ok = bool(np.isfinite(density).all() and (density >= 0).all())
    require(ok, "p", "be finite and not negative", describe(density))
    require(bool(np.isfinite(phase).all()), "S", "be finite", describe(phase))
    out: np.ndarray = np.sqrt(density) * np.exp(1j * phase / h)
    return out


def derivatives(wave: np.ndarray, domain: Grid, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """First and second covariant derivatives along one axis, spectrally: ``(d - 2 pi i twist / L)`` once and twice.

    With walls the wave is continued oddly over them.
    """
    points = domain.shape[axis]
    length = domain.lengths[axis]
    if domain.boundary == "walls":
        wave, length = np.concatenate([wave, -np.flip(wave, axis)], axis=axis), 2 * length
    full = wave.shape[axis]
    k = 2 * np.pi / length * np.fft.fftfreq(full, 1 / full)
    first = k.copy()
    first[full // 2] = 0.0  # the highest mode has no sign, and so no slope
    shift = 2 * np.pi * domain.twist[axis] / length if domain.boundary == "periodic" else 0.0
    shape = [1] * wave.ndim
    shape[axis] = full
    hat = np.fft.fft(wave, axis=axis)
    slope = np.fft.ifft(1j * (first - shift).reshape(shape) * hat, axis=axis)
    bend = np.fft.ifft(-((k - shift) ** 2).reshape(shape) * hat, axis=axis)
    keep = tuple(slice(0, points) if a == axis else slice(None) for a in range(wave.ndim))
    return slope[keep], bend[keep]


@printed_briefly
@dataclass(frozen=True, eq=False)
class Residuals:
    """How far a trajectory is from Madelung's equations at its inner saved times.

    Attributes:
        times: shape ``(m,)``.
        continuity: ``p_t + div(p v)``, shape ``(m, *domain.shape)``.
        hamilton_jacobi: ``S_t + m v^2 / 2 + V + Q``, 0 where the density is unresolved.
        continuity_error: sum of ``|continuity|`` over the points, relative to that of ``|p_t|``, largest over times.
        hamilton_jacobi_error: root of the density-weighted mean square, relative to that of ``S_t``, largest over times.
        moved: largest total variation between the densities: 0 would make the test an empty one.
    """

    times: np.ndarray
    continuity: np.ndarray
    hamilton_jacobi: np.ndarray
    continuity_error: float
    hamilton_jacobi_error: float
    moved: float


@checks_arguments
def residuals(trajectory: Trajectory, hbar: float = 1.0) -> Residuals:
    """Residuals of the equations of continuity and of Hamilton and Jacobi, from the saved waves alone.

    Time derivatives come from five neighbouring saved times (fourth order), so save densely; they know nothing of the
    method that made the waves. The mass is ``hbar / 2 D(t)`` and the potential ``hbar s(t) zeta``.

    Args:
        trajectory: on a grid and the real clock, with waves at five or more times.
        hbar: the unit of the phase.

    Raises:
        ProblemError: there are no waves, too few times, no diffusion, or the clock is imaginary.
    """
    problem = trajectory.problem
    h = real(hbar, "hbar", positive=True)
    require(trajectory.states is not None, "trajectory", "hold waves (an exact run)", "of samples only")
    require(problem.clock == "real", "trajectory", "be on the real clock", problem.clock)
    require(len(trajectory.times) >= 5, "trajectory", "hold at least 5 times", len(trajectory.times))
    assert trajectory.states is not None
    operator = hamiltonian(problem)
    require(isinstance(operator, LearningHamiltonian), "trajectory", "have a loss as its potential", "of an operator")
    assert isinstance(operator, LearningHamiltonian)
    rows = [_residual(trajectory, operator, i, h) for i in range(1, len(trajectory.times) - 1)]
    density = np.abs(trajectory.states) ** 2
    moved = 0.5 * float(np.abs(density - density[0]).reshape(len(density), -1).sum(axis=1).max())
    return Residuals(
        trajectory.times[1:-1],
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        max(row[2] for row in rows),
        max(row[3] for row in rows),
        moved,
    )


def _residual(
    trajectory: Trajectory, operator: LearningHamiltonian, i: int, hbar: float
) -> tuple[np.ndarray, np.ndarray, float, float]:
    domain = trajectory.problem.domain
    assert isinstance(domain, Grid)
    assert trajectory.states is not None
    first = min(max(i - 2, 0), len(trajectory.times) - 5)
    weights = stencil(trajectory.times[first : first + 5], trajectory.times[i])
    psi = trajectory.states[i]
    psi_t = np.tensordot(weights, trajectory.states[first : first + 5], axes=1)
    d, s = operator.coefficients(float(trajectory.times[i]))
    require(d > 0, "trajectory", "have diffusion at every saved time", d)
    mass = hbar / (2 * d)
    p, _, velocity, quantum = madelung(psi, domain, hbar, mass)
    p_t = 2 * (psi.conj() * psi_t).real
    flow = sum(_divergence(p * velocity[axis], domain, axis) for axis in range(domain.ndim))
    clear = resolved(p)
    s_t = np.where(clear, hbar * (psi_t / np.where(clear, psi, 1.0)).imag, 0.0)
    energy = 0.5 * mass * (velocity**2).sum(axis=0) + hbar * s * operator.zeta + quantum
    continuity, hamilton_jacobi = p_t + flow, np.where(clear, s_t + energy, 0.0)
    scale = float(np.abs(p_t).sum()) or 1.0
    root = float(np.sqrt((p * s_t**2).sum())) or 1.0
    miss = float(np.sqrt((p * hamilton_jacobi**2).sum()))
    return continuity, hamilton_jacobi, float(np.abs(continuity).sum()) / scale, miss / root


def _divergence(current: np.ndarray, domain: Grid, axis: int) -> np.ndarray:
    """Slope of a current, which has no gauge."""
    plain = Grid(domain.bounds, domain.qubits, domain.boundary, encoding=domain.encoding)
    return derivatives(current.astype(complex), plain, axis)[0].real


def stencil(times: np.ndarray, at: float) -> np.ndarray:
    """Weights of the first derivative at ``at`` from values at ``times``, exact for polynomials through all of them.

    >>> stencil(np.array([0.0, 1.0, 2.0]), 1.0).tolist()
    [-0.5, 0.0, 0.5]
    """
    nodes = np.asarray(times, dtype=float)
    scale = float(np.ptp(nodes))
    offsets = (nodes - at) / scale
    powers = offsets[None, :] ** np.arange(len(nodes))[:, None]
    unit = np.zeros(len(nodes))
    unit[1] = 1.0
    return np.linalg.solve(powers, unit) / scale


def checked_wave(psi: Array, domain: Domain) -> np.ndarray:
    """``psi`` in the shape of the grid; raises :class:`ProblemError` for another shape or a wave that is zero or not finite."""
    if not isinstance(domain, Grid):
        raise ProblemError(f"Argument `domain` must be a Grid, but is {describe(domain)}.")
    wave = np.asarray(psi, dtype=complex)
    fits = wave.shape in (domain.shape, (domain.size,))
    require(fits, "psi", f"have shape {domain.shape}", f"of shape {wave.shape}")
    norm = np.linalg.norm(wave)
    require(bool(np.isfinite(norm) and norm > 0), "psi", "be finite and not all zero", describe(wave))
    return wave.reshape(domain.shape)
