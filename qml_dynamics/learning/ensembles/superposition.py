"""Closed forms of waves on rings, two slits, an oscillator in two levels, and beating neuron numbers.

Beside them stand ensembles without interference. Neuron numbers beat under a chemical potential and revive.

If the free energy returns shifted by ``2 pi hbar nu`` after one turn, the levels of a ring of radius R are
``E_j = hbar^2 / (2 m R^2) (j - nu)^2`` (Aharonov and Bohm, Phys. Rev. 115, 485, 1959).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import integer, real, require
from ...base.numeric import Numbers, number_array
from ...model.domains import Grid
from ...model.initial import Initial, State
from ...model.objectives.base import LossLike
from ...model.problem import Problem
from .learning import hbar_from_chemical_potential


@checks_arguments
def ring_levels(count: int, flux: float, hbar: float = 1.0, mass: float = 0.5, radius: float = 1.0) -> np.ndarray:
    """The lowest ``count`` levels, ascending, shape ``(count,)``.

    The unit ``hbar^2 / (2 m R^2)`` is 1 for the default values.

    >>> ring_levels(4, flux=0.25).tolist()
    [0.0625, 0.5625, 1.5625, 3.0625]
    """
    number, nu = integer(count, "count", 1, 10**6), real(flux, "flux")
    unit = real(hbar, "hbar", positive=True) ** 2 / (2 * real(mass, "mass", positive=True))
    unit /= real(radius, "radius", positive=True) ** 2
    near = round(nu)
    j = np.arange(near - number, near + number + 1)
    return np.sort(unit * (j - nu) ** 2)[:number]


@checks_arguments
def ring(
    qubits: int,
    flux: float = 0.0,
    *,
    hbar: float = 1.0,
    mass: float = 0.5,
    radius: float = 1.0,
    duration: float = 1.0,
    V: LossLike | None = None,
    initial: Initial | None = None,
) -> Problem:
    """A weight on a ring of circumference ``2 pi R`` whose phase is shifted by ``2 pi hbar flux`` a turn, real clock.

    ``H = hbar / (2m) (-i d - flux / R)^2 + V / hbar``: the flux changes single-qubit phases of the circuit only. The
    energies of the Hamiltonian are :func:`ring_levels` over hbar.

    Args:
        qubits: of the register.
        flux: nu, in units of ``2 pi hbar``.
        V: a potential over the ring, or None for a free one.
        initial: the initial wave; the plane wave j = 1 when None.

    >>> from qml_dynamics.model.hamiltonians import hamiltonian
    >>> hamiltonian(ring(4, 0.25)).lowest(3)[0].round(9).tolist()
    [0.0625, 0.5625, 1.5625]
    """
    R, h = real(radius, "radius", positive=True), real(hbar, "hbar", positive=True)
    grid = Grid((0.0, 2 * math.pi * R), qubits, twist=real(flux, "flux"))
    start = State(plane_wave(grid, 1)) if initial is None else initial
    loss = (lambda w: np.zeros(len(w))) if V is None else V
    diffusion = h / (2 * real(mass, "mass", positive=True))
    return Problem(grid, loss, diffusion, 1 / h, clock="real", initial=start, duration=duration)


@checks_arguments
def plane_wave(grid: Grid, mode: int) -> np.ndarray:
    """``exp(2 pi i mode (x - a) / L) / sqrt(N)`` on a periodic grid with one axis, ``-N/2 <= mode < N/2``."""
    require(grid.ndim == 1 and grid.boundary == "periodic", "grid", "be periodic with one axis", grid)
    j = integer(mode, "mode", -grid.size // 2, grid.size // 2 - 1)
    out: np.ndarray = np.exp(2j * np.pi * j * np.arange(grid.size) / grid.size) / math.sqrt(grid.size)
    return out


@checks_arguments
def vortex_wave(
    grid: Grid,
    centers: Sequence[Sequence[float]] = ((0.0, 0.0),),
    windings: Sequence[int] = (1,),
    width: float = 0.5**0.5,
) -> np.ndarray:
    """``prod_k (z - z_k)^{w_k} exp(-|z|^2 / 4 width^2)``, conjugate factors for negative windings; unit norm.

    The default width gives ``(x + iy) exp(-r^2 / 2)``, a state of the oscillator. Choose centers off the grid points where
    each plaquette is to be read.

    Args:
        grid: with two axes.
        centers: where the vortices are.
        windings: one integer a centre, -8 to 8.
        width: standard deviation of the Gaussian's square.

    >>> grid = Grid([(-5, 5), (-5, 5)], 4)
    >>> from qml_dynamics.learning.ensembles import circulation, square_loop
    >>> circulation(vortex_wave(grid, [(0.1, 0.1)], [-2]), grid, square_loop((8, 8), 2))
    -2
    """
    require(isinstance(grid, Grid) and grid.ndim == 2, "grid", "be a Grid with two axes", grid)
    require(len(centers) == len(windings), "windings", f"be {len(centers)} integers", windings)
    s = real(width, "width", positive=True)
    x, y = np.meshgrid(*grid.axes, indexing="ij")
    wave = np.exp(-(x**2 + y**2) / (4 * s**2)).astype(complex)
    for center, winding in zip(centers, windings):
        w = integer(winding, "windings", -8, 8)
        a, b = (real(c, "centers") for c in center)
        z = (x - a) + 1j * (y - b) * (1 if w >= 0 else -1)
        wave *= z ** abs(w)
    out: np.ndarray = wave / np.linalg.norm(wave)
    return out


_SPREAD = 1e100  # of a width: above it squares leave the range of floating-point numbers


@dataclass(frozen=True)
class TwoSlits:
    """Two Gaussians of standard deviation ``width`` at ``+-distance``, in phase, free of any potential.

    With ``alpha = hbar t / (2 m width^2)`` and ``s_t^2 = width^2 (1 + alpha^2)``:
    ``p = [G(x - d) + G(x + d) + 2 exp(-(x^2 + d^2) / 2 s_t^2) cos(k_f x)] / norm``, ``k_f = d alpha / s_t^2``.

    >>> slits = TwoSlits(width=0.4, distance=2.0)
    >>> round(slits.spread(1.5), 6), round(slits.fringe_spacing(1.5), 6)
    (1.917192, 2.463428)
    """

    width: float
    distance: float
    hbar: float = 1.0
    mass: float = 1.0

    def __post_init__(self) -> None:
        for name in ("width", "distance", "hbar", "mass"):
            object.__setattr__(self, name, real(getattr(self, name), name, positive=True))

    def _alpha(self, t: float) -> float:
        alpha = self.hbar * real(t, "t", nonnegative=True) / (2 * self.mass * self.width**2)
        require(alpha < _SPREAD, "t", f"be such that a slit spreads to less than {_SPREAD:.0e} of its width", t)
        return alpha

    @checks_arguments
    def spread(self, t: float) -> float:
        """Standard deviation ``s_t`` of one slit's density."""
        return self.width * math.sqrt(1 + self._alpha(t) ** 2)

    @checks_arguments
    def fringe_spacing(self, t: float) -> float:
        """``2 pi / k_f``; infinite at t = 0."""
        alpha = self._alpha(t)
        return 2 * math.pi * self.width**2 * (alpha + 1 / alpha) / self.distance if alpha else math.inf

    @checks_arguments
    def density(self, x: Numbers, t: float, coherent: bool = True) -> np.ndarray:
        """Probability density at the points ``x`` of any shape.

        ``coherent=False`` is the classical ensemble of both slits (the same density of momenta, no relative sign): the two
        humps without the cosine.
        """
        x = np.asarray(x, dtype=float)
        s2, d = self.spread(t) ** 2, self.distance
        humps = np.exp(-((x - d) ** 2) / (2 * s2)) + np.exp(-((x + d) ** 2) / (2 * s2))
        norm = 2 * math.sqrt(2 * math.pi * s2)
        if not coherent:
            return humps / norm
        cross = 2 * np.exp(-(x**2 + d**2) / (2 * s2)) * np.cos(d * self._alpha(t) / s2 * x)
        overlap = math.exp(-(d**2) / (2 * self.width**2))  # of the two slits at t = 0: it never changes
        out: np.ndarray = (humps + cross) / (norm * (1 + overlap))
        return out

    def visibility(self, density: np.ndarray, x: np.ndarray, t: float) -> float:
        """Weight of the cosine in a density sampled at ``x``, relative to full fringes: 1 quantum, 0 classical.

        Least squares of ``p - humps`` on the cross term, so the whole pattern counts and not one point.
        """
        x = np.asarray(x, dtype=float)
        s2 = self.spread(t) ** 2
        norm = 2 * math.sqrt(2 * math.pi * s2)
        cross = (
            2 * np.exp(-(x**2 + self.distance**2) / (2 * s2)) * np.cos(self.distance * self._alpha(t) / s2 * x) / norm
        )
        rest = np.asarray(density) - self.density(x, t, coherent=False)
        return float(cross @ rest / (cross @ cross))

    @checks_arguments
    def wave(self, grid: Grid) -> np.ndarray:
        """The wave at t = 0 on a grid with one axis, unit norm."""
        x = grid.axes[0]
        psi = sum(np.exp(-((x - c) ** 2) / (4 * self.width**2)) for c in (-self.distance, self.distance))
        return np.asarray(psi / np.linalg.norm(psi))

    def problem(self, grid: Grid, duration: float) -> Problem:
        """The free problem on the real clock, ``diffusion = hbar / 2m``."""
        diffusion = self.hbar / (2 * self.mass)
        start = State(self.wave(grid))
        return Problem(grid, _nothing, diffusion, 1 / self.hbar, clock="real", initial=start, duration=duration)


def _nothing(w: np.ndarray) -> np.ndarray:
    return np.zeros(len(w))


@checks_arguments
def number_revival(neurons: int, mu_c: float, duration: float, hbar: float | None = None) -> Problem:
    """An equal superposition of 0, 1, ..., ``neurons`` active neurons under ``H = -mu_c N / hbar``, real clock.

    Each neuron turns the phase by ``mu_c t / hbar``. With ``hbar = |mu_c| / 2 pi`` (the default) that is ``2 pi t``: the
    superposition revives at t = 1, whatever the chemical potential is. Measure it in the dual basis (``kinetic`` is 0 at the
    revival), or with :func:`revival_probability` in closed form.

    Args:
        neurons: one less than a power of two, so that the register is full.
        mu_c: chemical potential, not 0.
        duration: total time.
        hbar: another constant, for comparison.
    """
    count = integer(neurons, "neurons", 1, (1 << 20) - 1)
    bits = count.bit_length()
    require(count + 1 == 1 << bits, "neurons", "be one less than a power of two", neurons)
    h = hbar_from_chemical_potential(mu_c) if hbar is None else real(hbar, "hbar", positive=True)
    price = real(mu_c, "mu_c")

    def energy(w: np.ndarray) -> np.ndarray:
        """``-mu_c N`` of the number of neurons N."""
        return -price * w[:, 0]

    return Problem(Grid((0.0, count + 1.0), bits), energy, 0.0, 1 / h, clock="real", duration=duration)


@checks_arguments
def revival_probability(neurons: int, turns: Numbers) -> np.ndarray:
    """``|sum_N exp(2 pi i N turns)|^2 / (neurons + 1)^2`` with ``turns = mu_c t / (2 pi hbar)``, same shape as ``turns``.

    >>> revival_probability(3, [0.0, 0.25, 1.0]).round(12).tolist()
    [1.0, 0.0, 1.0]
    """
    n = integer(neurons, "neurons", 1, 1 << 20) + 1
    parts = np.fmod(number_array(turns, "turns"), 1.0)  # exact: whole turns change nothing, and their phases overflow
    phase = np.exp(2j * np.pi * np.multiply.outer(parts, np.arange(n)))
    out: np.ndarray = np.abs(phase.sum(axis=-1)) ** 2 / n**2
    return out


@dataclass(frozen=True)
class Oscillator:
    """``V = m omega^2 x^2 / 2``: its levels, and the superposition of the two lowest.

    >>> print(Oscillator(omega=1.0).superposition_mean(0.0).round(9))
    0.707106781
    """

    omega: float
    hbar: float = 1.0
    mass: float = 1.0

    def __post_init__(self) -> None:
        for name in ("omega", "hbar", "mass"):
            object.__setattr__(self, name, real(getattr(self, name), name, positive=True))

    def potential(self, w: np.ndarray) -> np.ndarray:
        """V at points ``(m, 1)``."""
        return 0.5 * self.mass * self.omega**2 * w[:, 0] ** 2

    @checks_arguments
    def level(self, n: int, grid: Grid) -> np.ndarray:
        """The wave of level n on a grid with one axis, unit norm."""
        from numpy.polynomial.hermite import hermval

        u = grid.axes[0] * math.sqrt(self.mass * self.omega / self.hbar)
        wave = hermval(u, [0.0] * integer(n, "n", 0, 100) + [1.0]) * np.exp(-(u**2) / 2)
        return wave / np.linalg.norm(wave)

    @checks_arguments
    def superposition_mean(self, t: Numbers) -> np.ndarray:
        """``<x>(t) = sqrt(hbar / 2 m omega) cos(omega t)`` of ``(|0> + |1>) / sqrt 2``."""
        return math.sqrt(self.hbar / (2 * self.mass * self.omega)) * np.cos(self.omega * number_array(t, "t"))

    @checks_arguments
    def problem(self, grid: Grid, duration: float, wave: np.ndarray | None = None) -> Problem:
        """The problem on the real clock; starts in ``(|0> + |1>) / sqrt 2`` unless another wave is given."""
        start = self.level(0, grid) + self.level(1, grid) if wave is None else wave
        diffusion = self.hbar / (2 * self.mass)
        return Problem(
            grid, self.potential, diffusion, 1 / self.hbar, clock="real", initial=State(start), duration=duration
        )
