"""A run of a tensor train at given times, its number of steps, its momentum cutoff, and what it says of its error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ...model.domains import Grid
from ...model.formulas import boundaries, segments
from ...model.problem import Problem
from .engine import HIGHEST, Engine, Moving, first_cutoffs, seeds
from .layout import Layout
from .starts import start
from .trains import Train, distance, largest_bond

if TYPE_CHECKING:
    from .method import TensorTrain

Progress = Callable[[int, int], None]
_STEP_SHARE = 1000.0  # tolerances that the error of the step may have where the steps are chosen
_FEWEST = 4
_MOST_STEPS = 1 << 16
_LEAST_GAIN = 1.6  # by which a halved step must lower the error, else roundings are what is left
_TAIL = 10.0  # tolerances that the wave may have beyond half the cutoff
_FALL = 2.0
_BEGIN = 0.03  # of the tolerance: that of the initial wave in the run by which another is measured
_ROUNDING = 3e-15  # of one operation on a train of unit norm


@dataclass(frozen=True, eq=False)
class Reached:
    """The wave at a saved time, of unit norm, and what it has lost so far (see :class:`~.engine.Moving`)."""

    time: float
    train: Train
    log_norm: float
    lost: float
    capped: float
    rank: int


@dataclass(eq=False)
class Run:
    """A run whose steps end at ``ends``.

    Attributes:
        engine: its factors.
        ends: of all steps.
        saves: times that are reported.
        tick: told of each step.
        kept: the points reached so far.
        coarser: the run with twice the step, where the steps were chosen by halving it: the distance to it is the error.
    """

    engine: Engine
    ends: np.ndarray
    saves: list[float]
    tick: Callable[[], None]
    kept: list[Reached] = field(default_factory=list)
    coarser: Run | None = None

    @property
    def steps(self) -> int:
        """How many steps there are, those that saved times cut counted as they are."""
        return len(self.ends) - 1

    def points(self) -> Iterator[Reached]:
        """The wave at each saved time."""
        yield from list(self.kept)
        if self.kept:
            return
        wave = Moving(self.engine.begin, rank=largest_bond(self.engine.begin))
        self._keep(self.saves[0], wave)
        yield self.kept[-1]
        for time, piece in zip(self.saves[1:], segments(self.ends, self.saves)):
            wave = self.engine.advanced(wave, piece, self.tick)
            self._keep(time, wave)
            yield self.kept[-1]

    def _keep(self, time: float, wave: Moving) -> None:
        log = wave.log if self.engine.imaginary else 0.0
        self.kept.append(Reached(time, wave.train, log, wave.lost, wave.capped, wave.rank))

    def whole(self) -> Run:
        """Itself, gone through."""
        for _ in self.points():
            pass
        return self

    def halved(self) -> Run:
        """With half the step and half the tolerance, from an initial wave of a far finer one."""
        middles = 0.5 * (self.ends[1:] + self.ends[:-1])
        e = self.engine
        begin = start(e.problem, e.layout, _BEGIN * e.tolerance, e.most)
        engine = Engine(e.problem, e.layout, e.order, max(1e-13, 0.5 * e.tolerance), e.most, begin, e.cutoffs)
        return Run(engine, np.sort(np.concatenate([self.ends, middles])), self.saves, self.tick, coarser=self)

    def moved(self, other: Run) -> np.ndarray:
        """2-norms of the differences to another run at the saved times."""
        return np.array([distance(a.train, b.train) for a, b in zip(self.kept, other.kept)])

    def _moved_from(self, coarser: Run) -> np.ndarray:
        """The distance to the run with twice the step; and, since both began with one wave, what that may miss."""
        e = self.engine
        return self.moved(coarser) + 2 * distance(e.begin, start(e.problem, e.layout, _BEGIN**2 * e.tolerance, e.most))

    def errors(self) -> dict[str, np.ndarray]:
        """The error of the waves at the saved times, and its parts: step, rounding, cutoff.

        An order of at least one in the step leaves at most twice the distance to the run with half of it, and in that run the distance
        itself. What roundings left out adds up like errors at random, and like errors of one sign where the largest rank has cut it.
        """
        step = 2 * self.moved(self.halved().whole()) if self.coarser is None else self._moved_from(self.coarser)
        done = np.searchsorted(self.ends, np.array(self.saves), side="right")
        floor = _ROUNDING * np.sqrt(len(self.engine.begin) * (1.0 + done))
        rounding = floor + np.array([point.lost + point.capped for point in self.kept])
        cutoff = np.array([float(np.linalg.norm(self.engine.tails(point.train))) for point in self.kept])
        return {"all": step + rounding + cutoff, "step": step, "rounding": rounding, "cutoff": cutoff}


def run(problem: Problem, method: TensorTrain, saves: Sequence[float], progress: Progress) -> Run:
    """The run of a method; with its steps given it is not gone through yet, but for the choice of its cutoff."""
    grid = problem.domain
    assert isinstance(grid, Grid)  # the facts have refused anything else
    layout = Layout(grid, method.layout)
    begin = start(problem, layout, method.tolerance, method.max_bond)
    probe = Engine(problem, layout, method.order, method.tolerance, method.max_bond, begin, grid.qubits)
    cutoffs = first_cutoffs(problem, layout, begin, probe.loss, method.tolerance, method.max_bond)

    def made(steps: int, cut: tuple[int, ...]) -> Run:
        """The run with this number of steps and these momentum cutoffs, not yet carried out."""
        ends = boundaries(problem.duration, steps, saves)
        engine = Engine(problem, layout, method.order, method.tolerance, method.max_bond, begin, cut)
        done = [0]

        def tick() -> None:
            """Report one more step as done."""
            done[0] += 1
            progress(min(done[0], len(ends) - 1), len(ends) - 1)

        return Run(engine, ends, list(saves), tick)

    steps = method.steps or _first_steps(problem, probe)
    found = _with_room(made, steps, cutoffs, method.tolerance)
    return found if method.steps is not None else _fine_enough(found, method.tolerance)


def _with_room(
    made: Callable[[int, tuple[int, ...]], Run], steps: int, cutoffs: tuple[int, ...], tolerance: float
) -> Run:
    """The run whose cutoff is so high that little is beyond half of it, or that a higher one would not leave less."""
    found = made(steps, cutoffs)
    grid = found.engine.layout.grid
    before = [np.inf] * grid.ndim
    while found.engine.cutoffs != grid.qubits:
        last = found.whole().kept[-1]
        tails = found.engine.tails(last.train)
        least = max(_TAIL * tolerance, 3 * last.lost)
        raised = tuple(
            min(q, cut + 1) if cut < HIGHEST and tail > least and tail * _FALL < old else cut
            for cut, q, tail, old in zip(found.engine.cutoffs, grid.qubits, tails, before)
        )
        if raised == found.engine.cutoffs:
            break
        before = [tail if new > cut else np.inf for tail, new, cut in zip(tails, raised, found.engine.cutoffs)]
        found = made(steps, raised)
    return found


def _fine_enough(found: Run, tolerance: float) -> Run:
    """Halves the step until the error of the finer run is small, or no longer falls."""
    found.whole()
    before = np.inf
    while True:
        finer = found.halved()
        finer.engine.tolerance = tolerance
        finer.whole()
        apart = float(finer.moved(found).max())
        if apart <= _STEP_SHARE * tolerance or apart * _LEAST_GAIN > before or finer.steps > _MOST_STEPS:
            return finer
        found, before = finer, apart


def _first_steps(problem: Problem, engine: Engine) -> int:
    """So many that the loss turns phases by a few radians a step where the wave is."""
    values = engine.loss(seeds(engine.begin))
    turn = float(np.ptp(values)) * abs(problem.strength.integral(0.0, problem.duration, problem.duration))
    return int(min(4096, max(_FEWEST, np.ceil(turn / 8))))
