"""A run of a tensor train at given times, and what it says of its error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ...model.domains import Grid
from ...model.formulas import segments
from ...model.problem import Problem
from .chains import Chain
from .engine import Engine
from .layout import Layout
from .momenta import first_cutoffs
from .moving import Moving, Reached, Stepper
from .passes import Passes, Standing, Track
from .price import check_price
from .starts import register_start, start
from .trains import contiguous, distance, largest_bond

if TYPE_CHECKING:
    from .method import TensorTrain

ORDERS = (2, 4)  # of a step; the first where steps are given without one
_UNRELATED = 0.5  # apart: the distance of such waves tells nothing of their error
_FURTHEST = 2.0  # apart that two waves of unit norm can be
_BEGIN = 0.03  # of the tolerance: that of the initial wave in the run by which another is measured
_ROUNDING = 3e-15  # of one operation on a train of unit norm


@dataclass(eq=False)
class Run:
    """A run whose steps end at ``ends``.

    Attributes:
        engine: its factors.
        ends: of all steps.
        saves: times that are reported.
        tick: told of each step.
        kept: the points reached so far.
        passes: where it is kept while it goes on.
        coarser: the run with twice the step, where the steps were chosen by halving it: the distance to it is the error.
    """

    engine: Stepper
    ends: np.ndarray
    saves: list[float]
    tick: Callable[[], None]
    passes: Passes
    kept: list[Reached] = field(default_factory=list)
    coarser: Run | None = None

    @property
    def steps(self) -> int:
        """How many steps there are, those that saved times cut counted as they are."""
        return len(self.ends) - 1

    def points(self) -> Iterator[Reached]:
        """The wave at each saved time."""
        if not self.kept:
            yield from self._gone_through(self.passes.track(self))
            return
        yield from list(self.kept)

    def _gone_through(self, track: Track) -> Iterator[Reached]:
        """The same, from where an earlier process has left it; an interrupt keeps where it stands."""
        stand = self._begun(track)
        yield from list(self.kept)
        try:
            for time, piece in list(zip(self.saves[1:], segments(self.ends, self.saves)))[stand.points - 1 :]:
                for number, move in enumerate(self.engine.moves(piece)):
                    if number >= stand.done:
                        assert stand.wave is not None  # some times are left
                        wave = move.act(stand.wave)
                        wave = replace(wave, train=contiguous(wave.train))
                        stand = Standing(stand.points, wave, number + 1, self.engine.memory())
                        track.keep(stand, self.kept)
                    if move.ends_step:
                        self.tick()
                assert stand.wave is not None
                self._keep(time, stand.wave)
                stand = replace(stand, points=len(self.kept), done=0)
                yield self.kept[-1]
        except KeyboardInterrupt:
            track.keep(stand, self.kept, always=True)
            raise
        track.finish(self.kept)

    def _begun(self, track: Track) -> Standing:
        """The start of a run, or where an earlier process has left it."""
        found = track.restored()
        if found is None:
            wave = Moving(contiguous(self.engine.begin), rank=largest_bond(self.engine.begin))
            self._keep(self.saves[0], wave)
            return Standing(1, wave)
        stand, kept = found
        self.kept.extend(kept)
        if stand.wave is not None:
            self.engine.recall(stand.memory)
        for _ in range(int(np.searchsorted(self.ends, self.saves[stand.points - 1]))):
            self.tick()
        return stand

    def _keep(self, time: float, wave: Moving) -> None:
        log = wave.log if self.engine.imaginary else 0.0
        self.kept.append(Reached(time, wave.train, log, wave.lost, wave.capped, wave.rank))

    def whole(self) -> Run:
        """Itself, gone through."""
        for _ in self.points():
            pass
        return self

    def reached(self) -> Reached:
        """The wave at its end."""
        return self.whole().kept[-1]

    def halved(self) -> Run:
        """With half the step and half the tolerance, from an initial wave of a far finer one."""
        middles = 0.5 * (self.ends[1:] + self.ends[:-1])
        ends = np.sort(np.concatenate([self.ends, middles]))
        return Run(self.engine.finer(_BEGIN), ends, self.saves, self.tick, self.passes, coarser=self)

    def moved(self, other: Run) -> np.ndarray:
        """2-norms of the differences to another run at the saved times."""
        return np.array([distance(a.train, b.train) for a, b in zip(self.kept, other.kept)])

    def _moved_from(self, coarser: Run) -> np.ndarray:
        """The distance to the run with twice the step; and, since both began with one wave, what that may miss."""
        return self.moved(coarser) + 2 * self.engine.unsure(_BEGIN**2)

    def errors(self) -> dict[str, np.ndarray]:
        """The error of the waves at the saved times, and its parts: step, rounding, cutoff.

        An order of at least one in the step leaves at most twice the distance to the run with half of it, and in that run the distance
        itself; waves that have little in common say nothing, and the most that two can differ stands for it. What roundings left out
        adds up like errors at random, and like errors of one sign where the largest rank has cut it. What a loss has beyond the momenta
        that are kept counts with those.
        """
        step = 2 * self.moved(self.halved().whole()) if self.coarser is None else self._moved_from(self.coarser)
        step = np.where(step >= _UNRELATED, np.maximum(step, _FURTHEST), step)
        done = np.searchsorted(self.ends, np.array(self.saves), side="right")
        floor = _ROUNDING * np.sqrt(len(self.engine.begin) * (1.0 + done))
        rounding = floor + np.array([point.lost + point.capped for point in self.kept])
        cutoff = np.array([float(np.linalg.norm(self.engine.tails(point.train))) for point in self.kept])
        cutoff = cutoff + self.engine.missed(self.kept)
        return {"all": step + rounding + cutoff, "step": step, "rounding": rounding, "cutoff": cutoff}


def rank_of_a_step(problem: Problem, method: TensorTrain) -> int:
    """The rank of the initial wave, or of the loss's factor of a step where it is larger.

    Raises:
        MethodError: it is above ``max_bond``.
    """
    engine = stepper(problem, method)
    assert isinstance(engine, Engine)  # of a loss
    steps = method.steps or engine.first_steps()
    factor, _ = engine.potential(problem.strength.integral(0.0, problem.duration, problem.duration) / steps)
    return max(largest_bond(engine.begin), largest_bond(factor))


def stepper(problem: Problem, method: TensorTrain) -> Stepper:
    """What takes the steps of a method on a problem: with the first momenta of a grid, or the windows of an operator."""
    tolerance, most, order = method.tolerance, method.max_bond, method.order or ORDERS[0]
    if problem.operator is not None:
        return Chain(problem, order, tolerance, most, register_start(problem, tolerance, most))
    grid = problem.domain
    assert isinstance(grid, Grid)  # the facts have refused anything else
    layout = Layout(grid, method.layout)
    begin = start(problem, layout, tolerance, most)
    probe = Engine(problem, layout, order, tolerance, most, begin, layout.ring.grid.qubits)
    cutoffs = first_cutoffs(problem, layout, begin, probe.loss, tolerance, most)
    engine = Engine(problem, layout, order, tolerance, most, begin, cutoffs)
    check_price(engine, method.steps, method.max_seconds)
    return engine
