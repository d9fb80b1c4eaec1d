"""Grid and ansatz grow together: a variational run whose register gets one more qubit an axis when the wave asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...base.errors import MethodError, describe
from ...model.domains import Grid
from ...model.formulas import boundaries, segments
from ...model.hamiltonian import LearningHamiltonian
from ..base import Job
from ..from_waves import Waves
from ..variational.engine.gates import Program
from ..variational.engine.threads import pinned
from .criteria import BLIND, START, horizon
from .embedded_ansatz import embedded_ansatz
from .grid import coarsened, energy_change, levels, on_grid, residual, restated, tail
from .joint_bound import GridWalk, embedded
from .levels import Point
from .method import Growing
from .verdicts import verdict


def run(growing: Growing, job: Job, times: list[float], out: Waves) -> Iterator[Point]:
    """The waves on the problem's grid at ``times``; the record of the growth goes into ``out.diagnostics``.

    The criterion is looked at after stretches of the run; from there on the grid is finer (no stretch is done again). A new level
    takes over the parameters, with the ansatz `embedded_ansatz`, and the pool of growth then reaches its new qubits. The bound counts the
    error of the coarse grids too (`joint_bound`).
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
    yield both.point(times[0], wanted, out)
    for stop, piece in zip(stops[1:], segments(ends, stops)):
        both.go(piece)
        if stop in times:
            yield both.point(stop, wanted, out)
        both.look(stop)
    both.walk.finish()
    out.diagnostics.update(both.report())
    out.stop = both.verdict()


class _Both:
    """The level, the walk there, and what both have cost."""

    def __init__(self, growing: Growing, job: Job, h: LearningHamiltonian, record: dict[str, Any]) -> None:
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
