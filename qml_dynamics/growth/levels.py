"""The run of a growing grid: stretches of the inner method on one grid each, and the plan of grids over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..domains import Grid
from ..errors import MethodError, require
from ..formulas import boundaries
from ..hamiltonian import Hamiltonian, LearningHamiltonian
from ..initial import State
from ..job import Job, Waves
from ..methods import SplitStep, Trotter
from ..problem import Problem
from ..progress import Progress
from ..reference import split_step
from .grid import coarsened, criteria, energy_change, levels, on_grid, refine, residual, tail

Point = tuple[float, np.ndarray, float]
Growing = Any  # the method, in `growing.py`, which imports this file
BLIND = 0.1  # how far from the finer grid's wave a residual may carry a wave while it counts
START = 1e-3  # the initial wave must survive coarsening to this distance


def run(growing: Growing, job: Job, times: list[float], out: Waves) -> Iterator[Point]:
    """The waves of a growing ``SplitStep`` on the problem's grid at ``times``; the record goes into ``out.diagnostics``."""
    walk = Walk(growing, job.problem, learning(job.h), times, job.progress)
    yield from walk.points()
    out.diagnostics.update(walk.report())
    out.stop = f"Reached the end of the duration, {times[-1]:g}. {out.diagnostics['verdict']}"


def horizon(psi: np.ndarray, h: LearningHamiltonian, t: float, problem: Problem) -> float:
    """How long a residual counts: all the duration on the real clock, which forgets nothing; on the imaginary clock five times
    that in which the wave moves, the inverse standard deviation of its energy."""
    if problem.clock == "real":
        return problem.duration
    sigma = float(np.linalg.norm(h.apply(psi, t) - h.expectation(psi, t) * psi))
    return min(problem.duration, 5 / max(sigma, 1e-300))


def learning(h: Hamiltonian) -> LearningHamiltonian:
    if not isinstance(h, LearningHamiltonian) or not isinstance(h.domain, Grid):
        raise MethodError("Argument `method` must not be Growing around a product formula unless the domain is a Grid.")
    return h


@dataclass
class Walk:
    """The state of one run: the level, the wave there, and what it has cost so far."""

    growing: Growing
    problem: Problem
    h: LearningHamiltonian
    times: list[float]
    progress: Callable[[int, int], None] | None
    plan: list[tuple[float, int]] = field(default_factory=list)
    seen: list[tuple[float, float]] = field(default_factory=list)
    missed: list[tuple[float, float]] = field(default_factory=list)
    looks: int = 0  # at the wave on this level
    updates: float = 0.0
    bound: float = 0.0

    def __post_init__(self) -> None:
        method = self.growing.method
        self.inner = SplitStep(method.steps, order=method.order) if isinstance(method, Trotter) else method
        assert isinstance(self.h.domain, Grid)
        if self.growing.schedule is not None:
            rows = [q for _, q in self.growing.schedule]
            every = levels(
                self.h.domain, min(self.growing.start, rows[0]) if isinstance(self.growing.start, int) else 1
            )
            require(
                rows[-1] <= max(self.h.domain.qubits),
                "schedule",
                f"stay within the {max(self.h.domain.qubits)} qubits of the problem's grid",
                rows[-1],
                MethodError,
            )
        else:
            every = levels(self.h.domain, self.growing.start)
        self.grids = every
        self.hamiltonians: dict[int, LearningHamiltonian] = {}
        self.level = self._first()
        self.plan.append((self.times[0], self.level))

    def at(self, level: int) -> LearningHamiltonian:
        """The Hamiltonian of a level."""
        if level not in self.hamiltonians:
            self.hamiltonians[level] = on_grid(self.h, self.grids[level])
        return self.hamiltonians[level]

    def _first(self) -> int:
        """The coarsest level that holds the initial wave, and (criterion) its velocity."""
        fine = self.h.domain
        assert isinstance(fine, Grid)
        whole = self.problem.initial.vector(fine)
        lowest = 0
        if self.growing.schedule is not None:
            lowest = self.level_of(self.growing.schedule[0][1])
        for level in range(lowest, len(self.grids)):
            self.psi, distance = coarsened(whole, fine, self.grids[level])
            self.updates += 4 * fine.size
            self.looks = 0
            if distance > START:
                continue
            if self.growing.schedule is not None or level == len(self.grids) - 1:
                return level
            value = self._value(self.psi, self.times[0], level, len(self.grids) - 1)
            if value <= self._allowed() and not self._blind(self.psi, self.times[0], level):
                self.seen.append((self.times[0], value))
                return level
        self.psi = whole
        return len(self.grids) - 1

    def level_of(self, qubits: int) -> int:
        return next(i for i, grid in enumerate(self.grids) if max(grid.qubits) >= qubits)

    def _allowed(self) -> float:
        assert self.growing.threshold is not None
        whole = self.problem.duration if self.growing.criterion == "residual" else 1.0
        return self.growing.threshold / whole

    def _value(self, psi: np.ndarray, t: float, level: int, against: int) -> float:
        """The criterion of a wave on a level against another one; costs transforms on both."""
        name, here = self.growing.criterion, self.at(level)
        if name == "momentum_tail":
            self.updates += 2 * self.grids[level].size
            return tail(psi, here)
        self.updates += 8 * self.grids[against].size + 4 * self.grids[level].size
        return (residual if name == "residual" else energy_change)(psi, here, self.at(against), t)

    def _blind(self, psi: np.ndarray, t: float, level: int) -> bool:
        """Whether the loss has structure between the points of a level that the wave's momenta know nothing of.

        A coarse grid may alias the loss, and then its wave stays smooth. So the cheap criterion is checked against the residual on
        the next grid, at the first, fourth, sixteenth look at a wave on a level.
        """
        self.looks += 1
        if self.growing.criterion != "momentum_tail" or self.looks not in (1, 4, 16, 64, 256):
            return False
        value = residual(psi, self.at(level), self.at(level + 1), t)
        self.updates += (
            8 * self.grids[level + 1].size + (4 if self.problem.clock == "real" else 10) * self.grids[level].size
        )
        self.missed.append((t, value))
        return value * horizon(psi, self.at(level), t, self.problem) > BLIND

    def points(self) -> Iterator[Point]:
        """The waves at the save times."""
        assert isinstance(self.h.domain, Grid)
        stops = self.stops()
        log_norm, saves = 0.0, set(self.times)
        yield self.times[0], self._fine(), log_norm
        for t0, t1 in zip(stops[:-1], stops[1:]):
            log_norm += self._stretch(t0, t1)
            if self.progress is not None:
                self.progress(round(self.inner.steps * t1 / self.problem.duration), self.inner.steps)
            if t1 in saves:
                yield t1, self._fine(), log_norm

    def stops(self) -> list[float]:
        """Save times, and the checks in between, which fall on ends of steps."""
        steps, duration = self.inner.steps, self.problem.duration
        if self.growing.schedule is not None:
            looks = np.array([t for t, _ in self.growing.schedule])
            looks = np.rint(looks * steps / duration) * duration / steps
        else:
            count = min(self.growing.checks, max(1, steps // 4))
            looks = duration * np.unique(np.rint(steps * np.arange(1, count) / count)) / steps
        ends = boundaries(duration, steps, self.times)
        inside = looks[(looks > self.times[0]) & (looks < self.times[-1])]
        near = [float(ends[np.argmin(np.abs(ends - t))]) for t in inside]
        return sorted({*self.times, *near})

    def _stretch(self, t0: float, t1: float) -> float:
        """From ``t0`` to ``t1`` on one level, done again on a finer one where that was too coarse; the norm's logarithm."""
        if self.growing.schedule is not None:
            due = [q for t, q in self.growing.schedule if t <= t0 + 0.5 * self.problem.duration / self.inner.steps]
            while due and self.level < self.level_of(due[-1]):
                self._grow(t0)
        while True:
            psi, log = self._inner(t0, t1)
            if self.growing.schedule is not None or self.level == len(self.grids) - 1:
                break
            value = self._value(psi, t1, self.level, self.level + 1)
            self.seen.append((t1, value))
            if value <= self._allowed() and not self._blind(psi, t1, self.level):
                self.bound += value * (t1 - t0) if self.growing.criterion == "residual" else 0.0
                break
            self._grow(t0)
        self.psi = psi
        return log

    def _inner(self, t0: float, t1: float) -> tuple[np.ndarray, float]:
        grid, h = self.grids[self.level], self.at(self.level)
        problem = self.problem.replace(domain=grid, initial=State(self.psi))
        with Progress("", False) as quiet:
            *_, (_, psi, log) = split_step.run(problem, h, self.inner, [t0, t1], quiet)
        self.updates += grid.size * self._per_step() * self._steps_between(t0, t1)
        return psi, log

    def _steps_between(self, t0: float, t1: float) -> float:
        return (t1 - t0) * self.inner.steps / self.problem.duration

    def _per_step(self) -> int:
        """Passes over all amplitudes a step: two phases and two transforms a kinetic factor."""
        formula = self.inner.product_formula
        if self.inner.formula is None and self.inner.order == 4 and self.problem.clock == "imaginary":
            return 14
        return 4 * sum(kind == "K" for kind, _ in formula.base) * len(formula.substeps)

    def _grow(self, t: float) -> None:
        before = self.grids[self.level]
        self.level, self.looks = self.level + 1, 0
        extra = [f - c for c, f in zip(before.qubits, self.grids[self.level].qubits)]
        self.psi, _ = refine(self.psi, before, extra)
        self.updates += 2 * self.grids[self.level].size
        self.plan.append((t, self.level))

    def _fine(self) -> np.ndarray:
        grid = self.grids[self.level]
        if grid == self.h.domain:
            return self.psi.copy()
        extra = [f - c for c, f in zip(grid.qubits, self.h.domain.qubits)]
        return refine(self.psi, grid, extra)[0]

    def report(self) -> dict[str, Any]:
        """What the growth did and cost, and whether it paid."""
        fixed = float(self.h.domain.size * self._per_step() * self._steps_between(self.times[0], self.times[-1]))
        share = self.updates / fixed
        plan = [(t, self.grids[level].qubits) for t, level in self.plan]
        final = criteria(self.psi, self.at(self.level), self.h, self.times[-1])
        return {
            "resolution": final,
            "growth": [(t, list(q)) for t, q in plan],
            "criterion": np.array(self.seen).reshape(-1, 2),
            "missed": np.array(self.missed).reshape(-1, 2),
            "growth_bound": self.bound,
            "amplitude_updates": round(self.updates),
            "fixed_amplitude_updates": round(fixed),
            "pays": share <= 0.5,
            "verdict": verdict([q for _, q in plan], share, "amplitude updates"),
        }


def verdict(grown: Sequence[tuple[int, ...]], share: float, unit: str) -> str:
    path = " -> ".join("x".join(map(str, q)) for q in dict.fromkeys(grown))
    said = "Growth paid" if share <= 0.5 else "Growth hardly paid" if share < 1 else "Growth did not pay"
    return f"{said}: grids of {path} qubits, {share:.3g} of the {unit} of the problem's own grid throughout."


def restated(problem: Problem, grid: Grid) -> Problem:
    if isinstance(problem.initial, State) and problem.domain != grid:
        assert isinstance(problem.domain, Grid)
        small, _ = coarsened(problem.initial.vector(problem.domain), problem.domain, grid)
        return problem.replace(domain=grid, initial=State(small))
    return problem.replace(domain=grid)
