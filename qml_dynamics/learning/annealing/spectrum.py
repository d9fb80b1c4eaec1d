"""Gaps ``E_1 - E_0`` along a falling diffusion, and avoided crossings, where the ground state leaps from one basin to another.

Zero-point energy ``sum_i sqrt(D k_i / 2)`` lifts a narrow well above a wide one. As D falls the order turns round, at an
avoided crossing whose gap is the tunnelling through the barrier. A wave that followed the ground state down to there stays in
the wide well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...methods.from_waves import learning
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ...model.schedules import Constant

DENSE = 512  # points up to which all energies are computed at once
POINTS = 1 << 10  # points up to which gaps are computed unless asked for
_LEAP = 0.5  # overlap of two ground states below which something lies between them
_SAME = 0.9  # overlap of the moduli of two ground states above which they lie in the same place, whatever their signs
_TURN = 0.5  # a crossing has a gap below this share of the gaps around it
_SEARCH = 48  # halvings of the interval between two stages, a third of it on large domains
_SHARP = 0.05
_ROUNDING = 4e-15  # of the largest energy: gaps below are noise
_ASIDE = 0.01  # how far from a crossing, in shares of D, both sides are looked at


class CrossingWarning(UserWarning):
    """The ground state changes its basin where the annealing cannot follow."""


@dataclass(frozen=True)
class Crossing:
    """An avoided crossing of the two lowest energies.

    Attributes:
        diffusion: D where the gap is least.
        gap: there.
        overlap: ``|<0|0'>|^2`` of the ground states of the stages before and after.
        slope: ``|d(E1 - E0) / dD|`` away from the crossing: the difference of the kinetic parts of both sides.
        speed: ``|dD / dt|`` of the schedule there, per unit of time.
        weights_before, weights_after: where the ground state is most probable before and after.
    """

    diffusion: float
    gap: float
    overlap: float
    slope: float
    speed: float
    weights_before: tuple[float, ...]
    weights_after: tuple[float, ...]

    @property
    def landau_zener(self) -> float:
        """Probability that a sweep on the real clock stays in the old basin: ``exp(-2 pi (gap/2)^2 / |d(E1-E0)/dt|)``.

        >>> round(Crossing(0.1, 0.2, 0.0, 2.0, 0.01, (0.0,), (1.0,)).landau_zener, 6)
        0.043214
        """
        return passed_over(self.gap, self.slope * self.speed)

    def __str__(self) -> str:
        before, after = (", ".join(f"{w:.3g}" for w in ws) for ws in (self.weights_before, self.weights_after))
        return f"the ground state leaps from ({before}) to ({after}) at D = {self.diffusion:.3g} with a gap of {self.gap:.2g}"


def passed_over(gap: float, rate: float) -> float:
    """``exp(-2 pi (gap/2)^2 / rate)``: the probability to stay behind at a gap towards which levels move with ``rate = |d(E1-E0)/dt|``.

    >>> round(passed_over(0.2, 0.02), 6), passed_over(0.2, 0.0)
    (0.043214, 0.0)
    """
    return float(np.exp(-2 * np.pi * (0.5 * gap) ** 2 / rate)) if rate > 0 else 0.0


@dataclass
class Spectrum:
    """The lowest energies and waves at any coefficients; small domains by one dense diagonalisation each.

    The coefficients are those of the Hamiltonian: diffusion and strength of a loss, one a schedule of an operator.
    """

    h: Hamiltonian
    parts: tuple[np.ndarray, ...] = field(default=(), init=False)
    known: tuple[tuple[float, ...], np.ndarray, np.ndarray] | None = field(default=None, init=False)

    @property
    def dense(self) -> bool:
        """Whether all energies are known at once."""
        return self.h.domain.size <= DENSE

    def whole(self, *weights: float) -> tuple[np.ndarray, np.ndarray]:
        """All energies, ascending, and their waves as columns (small domains)."""
        self.parts = self.parts or tuple(_matrices(self.h))
        if self.known is None or self.known[0] != weights:
            energies, modes = np.linalg.eigh(sum(weight * part for weight, part in zip(weights, self.parts)))
            self.known = (weights, energies, modes)
        return self.known[1], self.known[2]

    def lowest(self, *weights: float) -> tuple[np.ndarray, np.ndarray]:
        """The two lowest energies and their waves as rows, flat."""
        if self.dense:
            energies, modes = self.whole(*weights)
            return energies[:2], modes[:, :2].T
        energies, waves = held_still(self.h, weights).lowest(2)
        return energies, waves.reshape(2, -1)

    def gap(self, *weights: float) -> float:
        """``E1 - E0``."""
        energies = self.lowest(*weights)[0]
        return float(energies[1] - energies[0])


def _matrices(h: Hamiltonian) -> list[np.ndarray]:
    """What the coefficients multiply: the kinetic part and the loss, or the operators; real where they are."""
    if isinstance(h, PauliHamiltonian):
        found = [piece.matrix() for piece in h.pieces]
        return [part.real for part in found] if not any(part.imag.any() for part in found) else found
    free = replace(h, zeta=np.zeros_like(h.zeta), diffusion=Constant(1.0), strength=Constant(1.0))
    matrix = free.matrix()
    kinetic = matrix.real if np.abs(matrix.imag).max() < 1e-12 * np.abs(matrix).max() else matrix
    return [kinetic, np.diag(h.zeta.reshape(-1))]


def held_still(h: Hamiltonian, weights: Sequence[float]) -> Hamiltonian:
    """The Hamiltonian with these coefficients, constant."""
    if isinstance(h, PauliHamiltonian):
        return PauliHamiltonian(h.domain, h.weighted(weights))
    d, s = weights
    return replace(h, diffusion=Constant(d), strength=Constant(s))


def kinetic_spread(h: LearningHamiltonian, psi: np.ndarray) -> float:
    """Standard deviation of minus the Laplacian in a wave."""
    dual = np.abs(h.transform.forward(np.array(psi, dtype=complex).reshape(h.domain.shape))) ** 2
    dual /= dual.sum()
    mean = float((dual * h.dual).sum())
    return float(np.sqrt(max(0.0, float((dual * (h.dual - mean) ** 2).sum()))))


@dataclass(frozen=True, eq=False)
class Levels:
    """What is known of the stages: the two lowest energies of each, their ground states, and the crossings between.

    ``gap`` and ``ground`` have shape ``(stages,)``, ``waves`` shape ``(stages, size)``; of an operator, whose ground level may be more
    than one state, ``waves`` has rows for each stage.
    """

    gap: np.ndarray
    ground: np.ndarray
    waves: np.ndarray | tuple[np.ndarray, ...]
    crossings: tuple[Any, ...]


def levels(
    spectrum: Spectrum,
    diffusion: Sequence[float],
    strength: Sequence[float],
    stage_time: float,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Levels:
    """Gaps and ground states of all stages, and the crossings between neighbouring ones."""
    rows = []
    for i, (d, s) in enumerate(zip(diffusion, strength)):
        energies, waves = spectrum.lowest(d, s)
        rows.append((energies, waves[0]))
        on_step(i + 1, len(diffusion))
    gap = np.array([e[1] - e[0] for e, _ in rows])
    waves = np.array([wave for _, wave in rows])
    overlaps = np.abs(np.einsum("ij,ij->i", waves[:-1].conj(), waves[1:])) ** 2
    moved = np.einsum("ij,ij->i", np.abs(waves[:-1]), np.abs(waves[1:])) < _SAME
    found = [
        _crossing(spectrum, diffusion, strength, i, gap, waves, float(overlaps[i]), stage_time)
        for i in np.flatnonzero((overlaps < _LEAP) & moved).tolist()
        if diffusion[i] != diffusion[i + 1] and min(diffusion[i], diffusion[i + 1]) > 0
    ]
    return Levels(gap, np.array([e[0] for e, _ in rows]), waves, tuple(c for c in found if c is not None))


def _crossing(
    spectrum: Spectrum,
    diffusion: Sequence[float],
    strength: Sequence[float],
    i: int,
    gap: np.ndarray,
    waves: np.ndarray,
    overlap: float,
    stage_time: float,
) -> Crossing | None:
    """Where the ground state is half in either basin, by bisection: None where the gap has no dip there."""
    domain, h = spectrum.h.domain, learning(spectrum.h)
    scale = diffusion[i] * float(h.dual.max()) + abs(strength[i]) * float(np.ptp(h.zeta))
    if min(gap[i], gap[i + 1]) <= _ROUNDING * scale:
        return None  # degenerate within rounding: which of two equal waves is called the ground state means nothing
    sides = [h.parts(waves[j].reshape(domain.shape))[0] for j in (i, i + 1)]
    slope = abs(sides[1] - sides[0])
    near, far, found = 0.0, 1.0, (np.inf, 1.0)
    for _ in range(_SEARCH if spectrum.dense else _SEARCH // 3):
        x = 0.5 * (near + far)
        d = float(diffusion[i] ** (1 - x) * diffusion[i + 1] ** x)
        energies, (wave, _) = spectrum.lowest(d, strength[i] * (1 - x) + strength[i + 1] * x)
        found = min(found, (float(energies[1] - energies[0]), d))
        left, right = (abs(np.vdot(waves[j], wave)) for j in (i, i + 1))
        near, far = (x, far) if left > right else (near, x)
        if (far - near) * abs(diffusion[i] - diffusion[i + 1]) * slope < _SHARP * found[0]:
            break
    if found[0] > _TURN * min(gap[i], gap[i + 1]):
        return None
    apart = min(max(_ASIDE, 3 * found[0] / max(slope * found[1], 1e-300)), 0.5)
    sides = [
        h.parts(spectrum.lowest(found[1] * f, strength[i])[1][0].reshape(domain.shape))[0]
        for f in (1 + apart, 1 - apart)
    ]
    slope = abs(sides[1] - sides[0])
    peaks = domain.points_at(np.abs(waves[i : i + 2]).argmax(axis=1))
    before, after = (tuple(float(w) for w in row) for row in peaks)
    speed = abs(diffusion[i] - diffusion[i + 1]) / stage_time
    return Crossing(found[1], found[0], overlap, slope, float(speed), before, after)
