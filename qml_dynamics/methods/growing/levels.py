"""The run of a growing grid: the inner method on one patch after another, the plan of patches, and the cost beside the full grid's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...base.errors import MethodError, require
from ...base.progress import Progress
from ...model.domains import Grid
from ...model.formulas import boundaries
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian
from ...model.initial import State
from ...model.problem import Problem
from .. import split_step
from ..base import Job
from ..from_waves import Stand, Waves
from ..split_step import SplitStep
from ..trotter import Trotter
from .criteria import START, asked, first_patch
from .grid import coarsened, criteria, levels
from .method import Growing
from .patches import Patch, coarse


def verdict(grown: Sequence[tuple[int, ...]], share: float, unit: str, fraction: float = 1.0) -> str:
    """One sentence: the ratio of what a grown run took to what the run on the problem's own grid takes throughout.

    >>> print(verdict([(4,), (5,)], 1.04, "amplitude updates"))
    Growth did not pay here: ratio 1.04 to the amplitude updates of the problem's own grid throughout, on grids of 4 -> 5 qubits.
    """
    path = " -> ".join("x".join(map(str, q)) for q in dict.fromkeys(grown))
    said = "Growth paid" if share <= 0.5 else "Growth hardly paid" if share < 1 else "Growth did not pay"
    part = f", at first in {fraction:g} of the box" if fraction < 1 else ""
    return f"{said} here: ratio {share:.3g} to the {unit} of the problem's own grid throughout, on grids of {path} qubits{part}."


def told(plan: Sequence[tuple[float, Patch]], spent: float, fixed: float, unit: str) -> dict[str, Any]:
    """What the diagnostics say of a run along ``plan``: what it spent, what the fixed run spends, and the verdict."""
    share = spent / max(fixed, 1.0)
    said = verdict(
        [p.grid.qubits for _, p in plan], share, unit.replace("_", " ").replace("two q", "two-q"), plan[0][1].fraction
    )
    return {unit: round(spent), f"fixed_{unit}": round(fixed), "ratio": share, "pays": share <= 0.5, "verdict": said}


Point = tuple[float, np.ndarray, float]
_COUNTS = ("looks", "updates", "bound", "rounds")
_ROWS = ("seen", "missed")


def run(growing: Growing, job: Job, times: list[float], out: Waves) -> Iterator[Point]:
    """The waves of a growing ``SplitStep`` on the problem's grid at ``times``; the record goes into ``out.diagnostics``."""
    walk = Walk(growing, job.problem, learning(job.h), times, job.progress)
    yield from walk.points(Stand(out))
    out.diagnostics.update(walk.report())
    out.stop = f"Reached the end of the duration, {times[-1]:g}. {out.diagnostics['verdict']}"


def learning(h: Hamiltonian) -> LearningHamiltonian:
    """The Hamiltonian, where it is a learning Hamiltonian on a grid; :class:`MethodError` for any other."""
    if not isinstance(h, LearningHamiltonian) or not isinstance(h.domain, Grid):
        raise MethodError("Argument `method` must not be Growing around a product formula unless the domain is a Grid.")
    return h


@dataclass
class Walk:
    """The state of one run: the patch, the wave there, and what it has cost so far."""

    growing: Growing
    problem: Problem
    h: LearningHamiltonian
    times: list[float]
    progress: Callable[[int, int], None] | None
    plan: list[tuple[float, Patch]] = field(default_factory=list)
    seen: list[tuple[float, float]] = field(default_factory=list)
    missed: list[tuple[float, float]] = field(default_factory=list)
    looks: int = 0  # at the wave on this patch
    updates: float = 0.0
    bound: float = 0.0
    rounds: int = 0  # how often this stretch was done again

    def __post_init__(self) -> None:
        method = self.growing.method
        self.inner = SplitStep(method.steps, order=method.order) if isinstance(method, Trotter) else method
        assert isinstance(self.h.domain, Grid)
        self.whole = self.h.domain
        self.known: dict[Patch, LearningHamiltonian] = {}
        self.least = levels(self.whole, 1 if self.growing.schedule is not None else self.growing.start)[0].qubits
        self.patch = self._scheduled() if self.growing.schedule is not None else first_patch(self)
        self.plan.append((self.times[0], self.patch))

    def at(self, patch: Patch) -> LearningHamiltonian:
        """The Hamiltonian of a patch."""
        if patch not in self.known:
            self.known[patch] = patch.hamiltonian(self.h)
        return self.known[patch]

    def _scheduled(self) -> Patch:
        """The first grid of the schedule, or the coarsest finer one that holds the initial wave."""
        most, rows = max(self.whole.qubits), [q for _, q in self.growing.schedule]
        require(
            rows[-1] <= most, "schedule", f"stay within the {most} qubits of the problem's grid", rows[-1], MethodError
        )
        psi, patch = self.problem.initial.vector(self.whole), coarse(self.whole, rows[0])
        while True:
            self.psi, distance = coarsened(psi, self.whole, patch.grid)
            if distance <= START or patch.complete:
                return patch
            patch = patch.refined()

    def points(self, stand: Stand | None = None) -> Iterator[Point]:
        """The waves at the save times; with ``stand`` those behind what an earlier process has done."""
        log_norm, done, points = 0.0, 0, 0
        if stand is not None:
            done, points, log_norm = stand.done, stand.points, stand.number("log_norm")
            self._take_up(stand)
        if not points:
            self._stands(stand, 0, log_norm)
            yield self.times[0], self.patch.spread(self.psi), log_norm
        stops = self.stops()
        for number, (t0, t1) in list(enumerate(zip(stops[:-1], stops[1:]), 1))[done:]:
            for t, psi, log in self._stretch([t0, *(t for t in self.times if t0 < t < t1), t1]):
                if t in self.times[points:]:
                    yield t, self.patch.spread(psi), log_norm + log
            self.psi, log_norm = psi, log_norm + log
            self._stands(stand, number, log_norm)
            if self.progress is not None:
                self.progress(round(self.inner.steps * t1 / self.problem.duration), self.inner.steps)

    def _stands(self, stand: Stand | None, done: int, log_norm: float) -> None:
        """Tell where the run stands at the end of a stretch."""
        if stand is None:
            return
        numbers: dict[str, object] = {name: getattr(self, name) for name in _COUNTS}
        numbers["log_norm"] = float(log_norm)
        numbers["plan"] = [[t, p.resolution, p.halvings, p.offset] for t, p in self.plan]
        rows = {name: np.array(getattr(self, name)).reshape(-1, 2) for name in _ROWS}
        stand.at(done, numbers, {"psi": self.psi, **rows})

    def _take_up(self, stand: Stand) -> None:
        """Be where an earlier process stood at the end of a stretch."""
        if stand.entry is None:
            return
        meta: dict[str, Any] = dict(stand.entry.meta)
        for name in _COUNTS:
            setattr(self, name, meta[name])
        for name in _ROWS:
            setattr(self, name, [(t, value) for t, value in stand.entry.arrays[name].tolist()])
        self.plan = [(t, Patch(self.whole, *(tuple(part) for part in parts))) for t, *parts in meta["plan"]]
        self.psi, self.patch = stand.entry.arrays["psi"], self.plan[-1][1]

    def stops(self) -> list[float]:
        """When the wave is looked at, at ends of steps: after 1, 2, 4, ... steps, then at equal times, and at the end."""
        steps, duration = self.inner.steps, self.problem.duration
        if self.growing.schedule is not None:
            looks = np.rint(np.array([t for t, _ in self.growing.schedule]) * steps / duration)
        else:
            pilot = isinstance(self.growing.method, Trotter)  # its looks take no gates
            count = min(self.growing.checks * (4 if pilot else 1), max(1, steps // (1 if pilot else 4)))
            looks = np.unique(np.rint(steps * np.arange(1, count) / count))
            early = 2 ** np.arange(int(np.log2(max(1.0, steps / count))))
            looks = np.union1d(looks, early[early < steps])
        ends = boundaries(duration, steps, self.times)
        inside = [t for t in duration * looks / steps if self.times[0] < t < self.times[-1]]
        near = [float(ends[np.argmin(np.abs(ends - t))]) for t in inside]
        return sorted({self.times[0], *near, self.times[-1]})

    def _stretch(self, saves: list[float]) -> list[Point]:
        """From one look to the next on one patch, done again on a wider or finer one where that was too small."""
        t0, t1 = saves[0], saves[-1]
        if self.growing.schedule is not None:
            due = [q for t, q in self.growing.schedule if t <= t0 + 0.5 * self.problem.duration / self.inner.steps]
            while due and self.below(due[-1]):
                self._grow(t0, self.patch.refined())
            return self._inner(saves)
        tries = self.rounds = 0
        while True:
            points = self._inner(saves)
            chain = [] if self.patch.complete else asked(self, points[-1][1], t0, t1, tries)
            if not chain:
                return points
            before = self.patch.resolution
            for patch in chain:
                self._grow(t0, patch)
            self.rounds += 1
            tries += any(patch.resolution != before for patch in chain)

    def below(self, qubits: int) -> bool:
        """Whether an axis has fewer qubits than a schedule asks for, and may have more."""
        return any(r < min(qubits, q) for r, q in zip(self.patch.resolution, self.whole.qubits))

    def _inner(self, saves: list[float]) -> list[Point]:
        """The waves of the inner method on this patch at ``saves`` without the first."""
        problem = self.problem.replace(domain=self.patch.grid, initial=State(self.psi))
        with Progress("", False) as quiet:
            _, *points = split_step.run(problem, self.at(self.patch), self.inner, saves, quiet)
        self.updates += self.patch.grid.size * self._per_step() * self._steps_between(saves[0], saves[-1])
        return points

    def _steps_between(self, t0: float, t1: float) -> float:
        return (t1 - t0) * self.inner.steps / self.problem.duration

    def _per_step(self) -> int:
        """Passes over all amplitudes a step: two phases and two transforms a kinetic factor."""
        formula = self.inner.product_formula
        if self.inner.formula is None and self.inner.order == 4 and self.problem.clock == "imaginary":
            return 14
        out: int = 4 * sum(kind == "K" for kind, _ in formula.base) * len(formula.substeps)
        return out

    def _grow(self, t: float, patch: Patch) -> None:
        self.psi, self.patch, self.looks = self.patch.moved(self.psi, patch), patch, 0
        self.updates += 2 * patch.grid.size
        self.plan.append((t, patch))

    def report(self) -> dict[str, Any]:
        """What the growth did and cost, and whether it paid."""
        fixed = float(self.whole.size * self._per_step() * self._steps_between(self.times[0], self.times[-1]))
        opened = self.patch.opened
        wave = self.patch.moved(self.psi, opened)
        return {
            "resolution": criteria(wave, self.at(opened), self.h, self.times[-1]),
            "growth": [(t, list(patch.grid.qubits)) for t, patch in self.plan],
            "windows": [(t, [list(pair) for pair in patch.grid.bounds]) for t, patch in self.plan],
            "criterion": np.array(self.seen).reshape(-1, 2),
            "missed": np.array(self.missed).reshape(-1, 2),
            "growth_bound": self.bound,
            **told(self.plan, self.updates, fixed, "amplitude_updates"),
        }
