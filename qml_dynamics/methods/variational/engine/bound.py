"""A-posteriori bounds of the angle between a variational wave and the exact one, from McLachlan's residual alone.

Real clock: ``angle <= int r dt``. Imaginary clock: ``eps' = r + sin eps cos eps (E - E_0) + 2 sin^2 eps sigma_H``. Here ``r`` is
the norm of ``sum_i theta'_i d_i psi - v`` for the path in parameter space that was really walked, so that the error of the
ansatz, of the regularised solve and of the finite step are all in it. Source: Zoufal, Sutter, Woerner, Phys. Rev. A 108,
022426 (2023), arXiv:2108.00022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ....model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ....model.schedules import Constant

PIECES = ("start", "ansatz", "step")
_DENSE = 64
_SUBSTEPS = 2


@dataclass
class AngleBound:
    """The bound as it grows along a run.

    Attributes:
        imaginary: which clock.
        angle: the bound now, in radians, at most pi / 2.
        pieces: the parts of ``angle`` that come from a start beside the problem's initial wave, from the ansatz (and its
            regularised solve), and from the finite steps; they add up to ``angle``.

    >>> bound = AngleBound(False)
    >>> bound.advance(0.1, 0.02, 0.01, 0.0, 0.0)
    >>> round(bound.angle, 3), bound.dominates
    (0.03, 'ansatz')
    """

    imaginary: bool
    angle: float = 0.0
    pieces: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PIECES, 0.0))

    def start(self, angle: float) -> None:
        """The angle between the first variational wave and the problem's initial wave."""
        self.angle = self.pieces["start"] = angle

    def advance(self, dt: float, ansatz: float, step: float, gap: float, sigma: float) -> None:
        """One step.

        Args:
            dt: its length.
            ansatz, step: the integrals of the residual over it.
            gap: the largest ``E - E_0`` on it (imaginary clock).
            sigma: the largest standard deviation of the energy on it.
        """
        self.pieces["ansatz"] += ansatz
        self.pieces["step"] += step
        gained = ansatz + step
        if self.imaginary:
            early, late = _grow(self.angle + gained, dt, gap, sigma), _grow(self.angle, dt, gap, sigma) + gained
            grown = max(early, late)  # whenever within the step the residual came
        else:
            grown = self.angle + gained
        self.angle = min(grown, math.pi / 2)
        total = sum(self.pieces.values())
        if total > 0:  # every part has grown by the same factor
            self.pieces = {name: part * self.angle / total for name, part in self.pieces.items()}

    @property
    def dominates(self) -> str:
        """The name of the largest piece."""
        return max(self.pieces, key=lambda name: self.pieces[name])


def _grow(angle: float, dt: float, gap: float, sigma: float) -> float:
    """``eps' = sin eps cos eps gap + 2 sin^2 eps sigma`` over ``dt`` by the rule of Runge and Kutta, capped at pi / 2."""
    if angle <= 0 or angle >= math.pi / 2:
        return min(max(angle, 0.0), math.pi / 2)

    def slope(x: float) -> float:
        """``eps'`` at the angle ``x``."""
        s = math.sin(min(x, math.pi / 2))
        return s * math.sqrt(1 - s * s) * gap + 2 * s * s * sigma

    step = dt / _SUBSTEPS
    for _ in range(_SUBSTEPS):
        a = slope(angle)
        b = slope(angle + step * a / 2)
        c = slope(angle + step * b / 2)
        angle += step * (a + 2 * b + 2 * c + slope(angle + step * c)) / 6
    return min(angle, math.pi / 2)


def straight(first: float, last: float, difference: float, dt: float) -> float:
    """Integral over a straight step of a residual vector with these norms at its ends; ``difference`` is the norm of theirs.

    A vector that moves on a line between the two has at most the mean of the norms; the allowance for its curvature is a
    twelfth of how far it moves.
    """
    return dt * (0.5 * (first + last) + difference / 12)


GAUSS = (0.5 - 0.5 / math.sqrt(3), 0.5 + 0.5 / math.sqrt(3))


def curved(first: float, inner: tuple[float, float], last: float, dt: float) -> tuple[float, float]:
    """Integral of a residual along a cubic, from its ends and the two points of Gauss: the ansatz's part and the step's.

    The defect of a cubic through exact values vanishes at the ends and in the middle, so those would not see it. The step's part
    carries an allowance of a quarter.
    """
    total = dt * max(0.5 * (inner[0] + inner[1]), 0.5 * (first + last))
    ansatz = min(total, 0.5 * dt * (first + last))
    return ansatz, 1.25 * (total - ansatz)


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    """The Fubini-Study angle of two waves of unit norm, accurate for small angles.

    >>> round(angle_between(np.array([1.0, 0.0]), np.array([1.0, 1.0]) / np.sqrt(2)), 6)
    0.785398
    """
    a, b = np.ravel(a), np.ravel(b)
    overlap = np.vdot(b, a)
    return float(np.arctan2(np.linalg.norm(a - overlap * b), abs(overlap)))


def energy_error(angle: float, energy: float, sigma: float, low: float, high: float) -> float:
    """Bound of ``|E - E_exact|`` for two waves at this angle: ``sigma sin 2 eps + width sin^2 eps``.

    ``width`` is the larger distance of E from the ends of the spectrum; the off-diagonal element of H between a wave and any
    wave orthogonal to it is at most ``sigma``.
    """
    width = max(energy - low, high - energy)
    top = 0.5 * (math.pi - math.atan2(2 * sigma, width))
    eps = min(angle, top)
    return min(sigma * math.sin(2 * eps) + width * math.sin(eps) ** 2, max(width, 0.0))


class Ends:
    """Both ends of the spectrum of an operator, searched for; of a loss its bounds.

    What a bound of an energy is cut at: no energy lies outside.
    """

    def __init__(self, h: Hamiltonian, floor: Floor | None) -> None:
        self.h = h
        self.floor = Floor(h) if floor is None and isinstance(h, PauliHamiltonian) else floor

    def at(self, t: float) -> tuple[float, float]:
        """A lower and an upper bound of the spectrum at time t."""
        low, high = self.h.bounds(t)
        if self.floor is not None:
            low, high = max(low, self.floor.at(t)), min(high, self.floor.top(t))
        return low, high


class Floor:
    """A lower bound of the spectrum, and an upper one of operators.

    Constant Hamiltonians: the ground energy less the residual of its eigenvector; an operator with a strength: that of the
    operator, or of its negative, times the strength; others: the crude bound at each time.
    """

    def __init__(self, h: Hamiltonian) -> None:
        self.h = h
        self.value = _ground(h) if h.constant else None

    @cached_property
    def _lowest(self) -> float:
        return _ground(self._still(1.0))

    @cached_property
    def _highest(self) -> float:
        return -_ground(self._still(-1.0))

    def _still(self, sign: float) -> PauliHamiltonian:
        assert isinstance(self.h, PauliHamiltonian)
        return replace(self.h, strength=Constant(sign), drives=(Constant(1.0),))

    def top(self, t: float) -> float:
        """An upper bound at time t: of an operator by its own highest energy, of a loss the crude one."""
        if not isinstance(self.h, PauliHamiltonian) or not self.h.commutes:
            return self.h.bounds(t)[1]
        factor = self.h.factor(t)
        return factor * self._highest if factor >= 0 else factor * self._lowest

    def at(self, t: float) -> float:
        """The bound at time t."""
        if self.value is None and isinstance(self.h, PauliHamiltonian) and self.h.commutes:
            factor = self.h.factor(t)
            return factor * self._lowest if factor >= 0 else factor * self._highest
        return self.h.bounds(t)[0] if self.value is None else self.value


def _ground(h: Hamiltonian) -> float:
    size = h.domain.size
    if size <= _DENSE:
        energies = np.linalg.eigvalsh(h.matrix())
        return float(energies[0] - 1e-13 * np.abs(energies).max())  # their rounding
    if isinstance(h, LearningHamiltonian):
        energies, waves = h.lowest(1)
        energy, wave = float(energies[0]), waves[0]
    else:
        energy, wave = _lanczos(h, size)
    miss = float(np.linalg.norm(h.apply(wave) - energy * wave))
    return energy - miss


def _lanczos(h: Hamiltonian, size: int) -> tuple[float, np.ndarray]:
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    shape = h.domain.shape

    def act(wave: np.ndarray) -> np.ndarray:
        """``H psi`` of a flat wave."""
        return h.apply(wave.reshape(shape)).reshape(-1)

    start = np.random.default_rng(11).standard_normal(size).astype(complex)
    try:
        energies, waves = eigsh(
            LinearOperator((size, size), matvec=act, dtype=complex), k=1, which="SA", v0=start, tol=1e-5
        )
    except ArpackNoConvergence:
        return h.bounds()[0], np.zeros(shape)
    return float(energies[0]), waves[:, 0].reshape(shape)
