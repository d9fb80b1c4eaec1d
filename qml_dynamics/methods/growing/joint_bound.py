"""The a-posteriori angle bound of a variational run whose grid grows too: the grid's own error is one of its parts.

The interpolation P onto the problem's grid is an isometry, so ``P psi`` is a path there, and its residual against the fine
Hamiltonian is at most that of ``psi`` against the coarse one plus ``|(1 - |P psi><P psi|) (H_fine P - P H_coarse) psi|``. Energy,
spread and lower bound that let an angle grow on the imaginary clock are those on the problem's grid. Derived here from
Zoufal, Sutter, Woerner, Phys. Rev. A 108, 022426 (2023), arXiv:2108.00022.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ...model.domains import Grid
from ...model.hamiltonian import LearningHamiltonian
from ..variational.engine.bound import AngleBound, Floor, angle_between, energy_error
from ..variational.engine.flow import Point
from ..variational.engine.integrate import Step
from ..variational.evolve import Walk
from .embedded_ansatz import interpolation

PASSES = 8  # over the problem's amplitudes, for one look at the fine velocity


@dataclass
class GridBound(AngleBound):
    """An `AngleBound` with a fourth piece, ``grid``.

    Attributes:
        first: the angle between the interpolated start and the problem's initial wave.
        coming: what the next step adds to the grid's piece.
        gap, sigma: energy above the ground state, and its standard deviation, on the problem's grid.
    """

    first: float = 0.0
    coming: float = 0.0
    gap: float = 0.0
    sigma: float = 0.0

    def start(self, angle: float) -> None:
        """The angle of the first wave to the coarse initial wave, and of that to the problem's."""
        super().start(angle)
        self.pieces["grid"] = self.first
        self.angle += self.first

    def advance(self, dt: float, ansatz: float, step: float, gap: float, sigma: float) -> None:
        """One step; ``gap`` and ``sigma`` of the coarse grid are replaced by those of the problem's."""
        self.pieces["grid"] += self.coming
        self.pieces["ansatz"] -= self.coming  # comes back with the residual
        super().advance(dt, ansatz + self.coming, step, self.gap, self.sigma)


@dataclass
class GridWalk(Walk):
    """A variational run on a coarse grid that knows what it misses on the problem's.

    Attributes:
        fine: the Hamiltonian on the problem's grid.
        whole: the problem's initial wave there.
        passes: over the problem's amplitudes, for the bound.
    """

    fine: Any = None
    whole: Any = None
    passes: int = 0

    def __post_init__(self) -> None:
        self.bottom = Floor(self.fine) if self.problem.clock == "imaginary" else None
        self.last: tuple[Any, ...] = ()
        super().__post_init__()

    def embedded(self, psi: np.ndarray) -> np.ndarray:
        """A wave of this grid on the problem's, flat; norms are kept."""
        assert isinstance(self.h.domain, Grid)
        return embedded(psi, self.h.domain, self.fine.domain)

    def _new_bound(self) -> AngleBound:
        start = self.problem.initial.vector(self.problem.domain)
        apart = angle_between(self.embedded(start), self.whole)
        return GridBound(self.imaginary, pieces=dict.fromkeys(("start", "ansatz", "step", "grid"), 0.0), first=apart)

    def _look(self, point: Point) -> tuple[float, float, float]:
        """What the coarse velocity misses, and energy and spread, of a wave on the problem's grid."""
        if not self.last or self.last[0] != point.time or self.last[1] is not self.h:  # growth keeps the wave
            fine: LearningHamiltonian = self.fine
            psi = point.psi / np.linalg.norm(point.psi)
            wave = self.embedded(psi)
            moved = fine.apply(wave.reshape(fine.domain.shape), point.time).reshape(-1)
            energy = float(np.vdot(wave, moved).real)
            coarse = self.h.apply(psi.reshape(self.h.domain.shape), point.time)
            missed = moved - self.embedded(coarse)
            missed -= np.vdot(wave, missed) * wave
            spread = float(np.linalg.norm(moved - energy * wave))
            self.last = (point.time, self.h, (float(np.linalg.norm(missed)), energy, spread))
            self.passes += PASSES
        found: tuple[float, float, float] = self.last[2]
        return found

    def _ahead(self, points: tuple[Point, ...], dt: float) -> None:
        seen = [(p.time, *self._look(p)) for p in points]
        bound = self.bound
        assert isinstance(bound, GridBound)
        bound.coming = dt * max(missed for _, missed, _, _ in seen)
        if self.bottom is not None:
            bound.gap = max(energy - self.bottom.at(t) for t, _, energy, _ in seen)
            bound.sigma = max(spread for *_, spread in seen)

    def _take(self, step: Step) -> None:
        self._ahead((self.point, step.end), step.end.time - self.point.time)
        super()._take(step)

    def _coast(self, until: float) -> None:
        self._ahead((self.point,), until - self.point.time)
        super()._coast(until)

    def _note(self) -> None:
        super()._note()
        _, energy, spread = self._look(self.point)
        low, high = self.fine.bounds(self.point.time)
        low = low if self.bottom is None else max(low, self.bottom.at(self.point.time))
        self.rows["energy_bound"][-1] = energy_error(self.bound.angle, energy, spread, low, high)
        self.rows.setdefault("bound/grid", []).append(self.bound.pieces["grid"])

    def publish(self) -> None:
        """The record, with the fourth piece of the bound."""
        super().publish()
        self.record["bound_pieces"]["grid"] = self.record.pop("bound/grid")


def embedded(psi: np.ndarray, coarse: Grid, fine: Grid) -> np.ndarray:
    """A wave on a coarse grid on a finer one over the same box, flat: the isometry that `embedded_ansatz` puts behind an ansatz.

    >>> wave = embedded(np.eye(4)[1], Grid((0, 1), 2), Grid((0, 1), 4))
    >>> wave.shape, round(float(np.linalg.norm(wave)), 12)
    ((16,), 1.0)
    """
    out = psi.reshape(coarse.shape)
    for axis, (n, m) in enumerate(zip(coarse.shape, fine.shape)):
        if m > n:
            out = np.moveaxis(np.tensordot(_isometry(coarse, axis, m), out, (1, axis)), 0, axis)
    return out.reshape(-1)


@lru_cache(maxsize=64)
def _isometry(coarse: Grid, axis: int, points: int) -> np.ndarray:
    n = coarse.shape[axis]
    return interpolation(coarse, axis, points)[:, :: points // n]
