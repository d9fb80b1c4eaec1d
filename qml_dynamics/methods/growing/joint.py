"""Grid and ansatz grow together: a variational run whose register gets one more qubit an axis when the grid residual is large.

The a-posteriori bound of the angle has the grid's own error as one of its parts.
The interpolation P onto the problem's grid is an isometry, so ``P psi`` is a path there, and its residual against the fine
Hamiltonian is at most that of ``psi`` against the coarse one plus ``|(1 - |P psi><P psi|) (H_fine P - P H_coarse) psi|``. Energy,
spread and lower bound that let an angle grow on the imaginary clock are those on the problem's grid. Derived here from
Zoufal, Sutter, Woerner, Phys. Rev. A 108, 022426 (2023), arXiv:2108.00022.

A module of its own behind `run`: growth of the register of an ansatz, beside grids (`levels`) and circuits (`grown_circuits`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ...base.archive import of
from ...base.errors import MethodError, describe
from ...model.domains import Grid
from ...model.formulas import boundaries, segments
from ...model.hamiltonians import LearningHamiltonian
from ...results.journal import Entry
from ..base import Job
from ..from_waves import Stand, Waves
from ..variational.engine.bound import AngleBound, Floor, angle_between, energy_error
from ..variational.engine.flow import Point as PointOfFlow
from ..variational.engine.gates import Program
from ..variational.engine.integrate import Step
from ..variational.engine.threads import pinned
from ..variational.evolve import Walk
from ..variational.standing import joined, restore, state, unjoined
from .criteria import BLIND, START, horizon
from .embedding import embedded_ansatz, interpolation
from .grid import coarsened, energy_change, levels, on_grid, residual, restated, tail
from .levels import Point, verdict
from .method import Growing

_COUNTS = ("level", "updates", "fixed", "evaluated", "begun")
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

    def _look(self, point: PointOfFlow) -> tuple[float, float, float]:
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

    def _ahead(self, points: tuple[PointOfFlow, ...], dt: float) -> None:
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


def run(growing: Growing, job: Job, times: list[float], out: Waves) -> Iterator[Point]:
    """The waves on the problem's grid at ``times``; the record of the growth goes into ``out.diagnostics``.

    The criterion is looked at after stretches of the run; from there on the grid is finer (no stretch is done again). A new level
    takes over the parameters, with the ansatz `embedded_ansatz`, and the pool of growth then reaches its new qubits. The bound counts the
    error of the coarse grids too (see `GridWalk`).
    """
    h = job.h
    if not isinstance(h, LearningHamiltonian) or not isinstance(h.domain, Grid):
        given = describe(job.problem.domain)
        raise MethodError(
            f"Argument `start` must be None around a Variational unless the domain is a Grid, but is {given}."
        )
    both = _Both(growing, job, h, out.diagnostics)
    wanted = set(job.saves.tolist())
    method, duration = growing.method, job.problem.duration
    count = min(growing.checks, method.steps)
    looks = duration * np.unique(np.rint(method.steps * np.arange(1, count) / count)) / method.steps
    ends = boundaries(duration, method.steps, times)
    near = [float(ends[np.argmin(np.abs(ends - t))]) for t in looks]
    stops = sorted({*times, *near})
    both.walk.total = len(ends) - 1
    stand = Stand(out)
    both.take_up(stand, out)
    points = stand.points  # which an earlier process has yielded
    if not stand.done:
        both.stands(stand, 0, out)
        first = both.point(times[0], wanted, out)
        if not points:
            yield first
    for number, (stop, piece) in list(enumerate(zip(stops[1:], segments(ends, stops)), 1))[stand.done :]:
        both.go(piece)
        if stop in times:
            reached = both.point(stop, wanted, out)
            if stop in times[points:]:
                yield reached
        both.look(stop)
        both.stands(stand, number, out)
    both.walk.finish()
    out.diagnostics.update(both.report())
    out.stop = both.verdict()


class _Both:
    """The level, the walk there, and what both have cost."""

    def __init__(self, growing: Growing, job: Job, h: LearningHamiltonian, record: dict[str, object]) -> None:
        self.growing, self.job, self.h, self.record = growing, job, h, record
        assert isinstance(h.domain, Grid)
        self.grids = levels(h.domain, growing.start)
        self.at = [on_grid(h, grid) for grid in self.grids]
        self.level = self._first()
        problem, here = restated(job.problem, self.grids[self.level]), self.at[self.level]
        self.seen: list[tuple[float, float]] = []
        self.updates = self.fixed = 0.0
        self.evaluated = 0
        with pinned(here.num_qubits):
            whole = job.problem.initial.vector(h.domain)
            self.walk = GridWalk(problem, here, growing.method, job.progress, record, fine=h, whole=whole)
        self.plan = [(0.0, self.level)]
        self.refined: list[tuple[float, float, float]] = []
        self.begun = len(self.walk.point.theta)

    def _first(self) -> int:
        fine, last = self.h.domain, len(self.grids) - 1
        assert isinstance(fine, Grid)
        whole = self.job.problem.initial.vector(fine)
        for level in range(last):
            psi, distance = coarsened(whole, fine, self.grids[level])
            if distance <= START and not self._too_coarse(psi, 0.0, level, []):
                return level
        return last

    def _too_coarse(self, psi: np.ndarray, t: float, level: int, seen: list[tuple[float, float]]) -> bool:
        """As for grids alone: the criterion, and the residual that sees a loss between the points."""
        here, next_one, name = self.at[level], self.at[level + 1], self.growing.criterion
        threshold = self.growing.limit
        missed = residual(psi, here, next_one, t) * horizon(psi, here, t, self.job.problem)
        value = missed
        if name != "residual":
            value = tail(psi, here) if name == "momentum_tail" else energy_change(psi, here, next_one, t)
        seen.append((t, value))
        return bool(value > threshold or missed > BLIND)

    def go(self, ends: np.ndarray) -> None:
        """Steps on this level."""
        walk = self.walk
        with pinned(walk.h.num_qubits):
            walk.adaptively(ends[-1]) if self.growing.method.integrator == "rk45" else walk.over(ends)
        new, self.evaluated = walk.flow.evaluations - self.evaluated, walk.flow.evaluations
        rows = new * (len(walk.point.theta) + 1)
        self.updates += rows * self.grids[self.level].size
        self.fixed += rows * self.h.domain.size

    def look(self, t: float) -> None:
        """Go to a finer grid if the wave asks for it."""
        while self.level + 1 < len(self.grids):
            psi = self.walk.point.psi.reshape(self.grids[self.level].shape)
            if not self._too_coarse(psi, t, self.level, self.seen):
                return
            before, coarse = self.walk.point.energy, self.grids[self.level]
            self.level += 1
            fine = self.grids[self.level]
            program: Program = embedded_ansatz(self.walk.flow.program, coarse, fine)
            with pinned(fine.num_qubits):
                self.walk.move(restated(self.job.problem, fine), self.at[self.level], program)
            self.plan.append((t, self.level))
            self.refined.append((t, before, self.walk.point.energy))

    def stands(self, stand: Stand, done: int, out: Waves) -> None:
        """Tell where the run stands behind so many stretches; nothing once it stands still."""
        walk = state(self.walk)
        if walk is None:
            return
        last = self.walk.last
        numbers: dict[str, object] = {name: getattr(self, name) for name in _COUNTS}
        numbers |= {"walk": walk.meta, "plan": self.plan, "passes": self.walk.passes}
        numbers["last"] = [last[0], *last[2]] if last and last[1] is self.walk.h else None
        arrays = {f"walk/{name}": array for name, array in walk.arrays.items()} | joined(out.parameters)
        arrays |= {"seen": np.array(self.seen).reshape(-1, 2), "refined": np.array(self.refined).reshape(-1, 3)}
        stand.at(done, numbers, arrays)

    def take_up(self, stand: Stand, out: Waves) -> None:
        """Be where an earlier process stood."""
        if stand.entry is None:
            return
        meta, arrays = dict(stand.entry.meta), stand.entry.arrays
        own = {n.removeprefix("walk/"): a for n, a in arrays.items() if n.startswith("walk/")}
        with pinned(self.h.num_qubits):
            restore(self.walk, Entry(of(meta["walk"], dict, "walk"), own), self._finer)
        for name in _COUNTS:
            setattr(self, name, meta[name])
        self.walk.passes = of(meta["passes"], int, "passes")
        last = of(meta["last"], list, "last") if meta["last"] is not None else []
        self.walk.last = (last[0], self.walk.h, tuple(last[1:])) if last else ()
        self.plan = [(t, level) for t, level in of(meta["plan"], list, "plan")]
        self.seen, self.refined = ([tuple(row) for row in arrays[name].tolist()] for name in ("seen", "refined"))
        out.parameters.extend(unjoined(arrays))

    def _finer(self, program: Program) -> Program:
        """The ansatz on the next grid, and the run there."""
        coarse = self.grids[self.level]
        self.level += 1
        fine = self.grids[self.level]
        self.walk.onto(restated(self.job.problem, fine), self.at[self.level])
        return embedded_ansatz(program, coarse, fine)

    def point(self, t: float, wanted: set[float], out: Waves) -> Point:
        """The wave now, on the problem's grid."""
        sample = self.walk.sample(t)
        if t in wanted:
            out.parameters.append(sample.theta)
        self.record["theta"] = sample.theta
        grid, fine = self.grids[self.level], self.h.domain
        assert isinstance(fine, Grid)
        return t, embedded(sample.state, grid, fine).reshape(fine.shape), sample.log_norm

    def report(self) -> dict[str, Any]:
        """What the growth did, and what its evaluations cost against the same ones on the problem's grid."""
        return {
            "growth": [(t, list(self.grids[level].qubits)) for t, level in self.plan],
            "criterion": np.array(self.seen).reshape(-1, 2),
            "refined": np.array(self.refined).reshape(-1, 3),
            "amplitude_updates": round(self.spent),
            "fixed_amplitude_updates": round(self.fixed),
            "ratio": self.spent / max(self.fixed, 1.0),
            "pays": self.spent <= 0.5 * self.fixed,
        }

    @property
    def spent(self) -> float:
        """Amplitude updates, those for the bound on the problem's grid included."""
        return self.updates + self.walk.passes * self.h.domain.size

    def verdict(self) -> str:
        """Why the run stands where it does."""
        qubits = [self.grids[level].qubits for _, level in self.plan]
        share = self.spent / max(self.fixed, 1.0)
        said = verdict(qubits, share, "amplitude updates")
        return f"{self.walk.verdict()}; grown from {self.begun} to {len(self.walk.point.theta)} parameters. {said}"
