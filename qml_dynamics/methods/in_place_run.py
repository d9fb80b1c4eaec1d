"""A run of a large wave in place: where it stands, what it keeps of that, and its answer."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.archive import DAMAGE, Unreadable, checked, of, reading
from ..base.errors import MethodError, check_memory, require
from ..base.interrupts import held
from ..model.domains import Grid
from ..model.formulas import boundaries, segments
from ..model.objectives.base import Objective
from ..results.compact_files import restored_states, stored_states
from ..results.journal import Entry, Scope, current
from ..results.observables import BEST_SAMPLES, Table
from ..results.trajectory import Best
from . import large_wave
from .base import Answer, Job, Stream
from .in_place import Engine, Halves, begin, memory
from .large_wave import LargeWave, blocks, square
from .rounding import kinetic_rounding, tell

if TYPE_CHECKING:
    from .split_step import SplitStep


@dataclass
class _Stand:
    """Where a run stands.

    Attributes:
        wave: worked on in place.
        passed: how many of all times it has passed, those that are not saved too.
        done: factors since then.
        norms, means: at each saved time, before the wave was brought to norm 1, and of what is observed.
        states: the saved waves.
    """

    wave: np.ndarray
    passed: int = 0
    done: int = 0
    norms: list[float] = field(default_factory=list)
    means: list[dict[str, float]] = field(default_factory=list)
    states: list[LargeWave] = field(default_factory=list)


class _Track:
    """A run in the journal of a call; without one nothing is kept. A saved wave is written once, the one on its way again and again."""

    def __init__(self, scope: Scope | None, grid: Grid) -> None:
        self.loop, self.grid = None if scope is None else scope.run(), grid

    def restored(self, every: Sequence[float], saves: np.ndarray) -> _Stand | None:
        """Where an earlier process has left it; None at the start, or where a saved wave is not there."""
        found = None if self.loop is None else self.loop.load_state()
        if found is None or self.loop is None:
            return None
        must = f"Argument `folder` must hold the runs of this call, but {self.loop.name} of {self.loop.journal.folder} is none"
        with reading(must, damage=(*DAMAGE, TypeError)):
            return self._read(found, every, saves)

    def _read(self, found: Entry, every: Sequence[float], saves: np.ndarray) -> _Stand | None:
        passed, done = (of(found.meta.get(name), int, name) for name in ("passed", "done"))
        rows: list[Any] = of(found.meta.get("rows"), list, "rows")
        many = sum(time in saves for time in every[:passed])
        if not 0 <= passed <= len(every) or done < 0 or len(rows) != many:
            raise Unreadable(f"it must have passed 0 to {len(every)} times, with numbers for each, but says {passed}")
        wave = checked(found.arrays, "wave", "c", (self.grid.size,), bounded=False)
        if wave.dtype != np.complex64 or not math.isfinite(square(wave)):
            raise Unreadable("its wave must be of finite numbers in single precision, but is not")
        norms = [of(row[0], float, "norm") for row in rows]
        means = [{name: of(value, float, name) for name, value in of(row[1], dict, "means").items()} for row in rows]
        whole = passed == len(every)  # then the last saved wave is the one that was worked on
        states = [self._saved(number) for number in range(many - whole)]
        if any(state is None for state in states):
            return None
        kept = [state for state in states if state is not None]
        return _Stand(wave, passed, done, norms, means, kept + [LargeWave(self.grid, wave)] * whole)

    def _saved(self, number: int) -> LargeWave | None:
        assert self.loop is not None
        found = self.loop.journal.read(self._name(number))
        if found is None:
            return None
        (state,) = restored_states(found.meta.get("states"), found.arrays, self.grid)
        if not isinstance(state, LargeWave):
            raise Unreadable("a saved wave must be a large one, but is not")
        return state

    def _name(self, number: int) -> str:
        assert self.loop is not None
        return self.loop.place(f"wave-{number:05d}")

    def save(self, number: int, state: LargeWave) -> None:
        """Write a saved wave."""
        if self.loop is not None:
            said, arrays = stored_states([state])
            self.loop.journal.write(self._name(number), {"states": said}, arrays)

    def keep(self, stand: _Stand, always: bool = False) -> None:
        """Keep where a run stands: at most once a second and for a tenth of the time, or ``always``."""
        if self.loop is not None:
            rows = [list(pair) for pair in zip(stand.norms, stand.means)]
            meta = {"passed": stand.passed, "done": stand.done, "rows": rows}
            self.loop.save_state(meta, {"wave": stand.wave}, always)


def run(job: Job, method: SplitStep) -> Answer:
    """The answer of a run in place: compact states, all but the last one streamed to a file, and the drift of the norm.

    An interrupt answers with the times that were reached; in a folder the wave on its way is kept too.
    """
    problem, grid = job.problem, job.problem.domain
    assert isinstance(grid, Grid)
    for seen in job.observables:
        require(
            seen.basis == "weight" and seen.function is not None,
            "observables",
            "be functions of weights where `precision` is 'single_in_place'",
            seen.name,
            MethodError,
        )
    check_memory(memory(job), f"{method} on {grid.num_qubits} qubits")
    engine = Engine(problem, Halves(grid, method.workers or (2 if grid.size >= large_wave.BLOCK else 1)))
    every = np.union1d(job.saves, [0.0]).tolist()
    ends = boundaries(problem.duration, method.steps, every)
    track = _Track(current(), grid)
    stand = track.restored(every, job.saves)
    if stand is None:
        stand = _Stand(begin(problem))
        if 0.0 not in job.saves:  # what has no mean is refused before the first step
            engine.means(job, LargeWave(grid, stand.wave))
    stop = f"Reached the end of the duration, {job.saves[-1]:g}."
    told: dict[str, Any] = {}
    try:
        _gone_through(job, method, engine, stand, track, every, ends)
    except KeyboardInterrupt:
        track.keep(stand, always=True)
        if not stand.states:
            raise
        reached = job.saves[len(stand.states) - 1]
        stop = f"Interrupted from the keyboard after t = {reached:g} of {problem.duration:g}; kept what was done."
        told["interrupted"] = True
    return _answer(job, method, stand, ends, stop, told)


def _gone_through(
    job: Job, method: SplitStep, engine: Engine, stand: _Stand, track: _Track, every: list[float], ends: np.ndarray
) -> None:
    """All factors from where a run stands. A signal waits while one of them, or a saved wave, is half done."""
    formula = method.product_formula
    each = max(1, sum(kind == "K" for kind, _ in formula.base) * len(formula.substeps))
    home = tempfile.TemporaryDirectory(prefix="qml-waves-") if len(job.saves) > 1 else None
    pieces = [np.zeros(1), *segments(ends, every)]
    steps = sum(len(piece) - 1 for piece in pieces[: stand.passed])
    for time, piece in list(zip(every, pieces))[stand.passed :]:
        seen = 0
        for number, factor in enumerate(engine.factors(formula, piece)):
            if number >= stand.done:
                with held():
                    engine.act(stand.wave, factor)
                    stand.done = number + 1
                track.keep(stand)
            if factor.kind == "K":
                seen += 1
                job.progress(min(steps + seen // each, len(ends) - 1), len(ends) - 1)
        steps += len(piece) - 1
        with held():
            if time in job.saves:
                _save(job, engine, stand, track, time, home, last=time == every[-1])
            stand.passed, stand.done = stand.passed + 1, 0
        track.keep(stand)


def _save(
    job: Job,
    engine: Engine,
    stand: _Stand,
    track: _Track,
    time: float,
    home: tempfile.TemporaryDirectory[str] | None,
    last: bool,
) -> None:
    """The wave at a saved time, of norm 1, and its means."""
    wave, number, norm = stand.wave, len(stand.states), math.sqrt(square(stand.wave))
    kept = wave if last else _on_disk(home, number, wave.size, new=True)
    for place in blocks(wave.size):
        kept[place] = wave[place] * np.float32(1.0 / norm)
    if isinstance(kept, np.memmap):
        kept.flush()
        kept = _on_disk(home, number, wave.size)
    state = LargeWave(engine.halves.grid, kept, home)
    if not last:
        track.save(number, state)
    means = engine.observed(job, time, state, wave)
    stand.norms.append(norm)
    stand.means.append(means)
    stand.states.append(state)


def _answer(job: Job, method: SplitStep, stand: _Stand, ends: np.ndarray, stop: str, told: dict[str, Any]) -> Answer:
    grid, objective, times, table = job.problem.domain, job.problem.objective, job.saves[: len(stand.states)], Table()
    assert isinstance(grid, Grid)
    assert objective is not None
    for means in stand.means[: len(times)]:
        for name, value in means.items():
            table.add(name, value)
    norms = np.array(stand.norms[: len(times)])
    rounding = kinetic_rounding(grid, method.product_formula, np.searchsorted(ends, times, side="left"))
    tell(rounding, np.asarray(table.estimates(None)["kinetic"].value))
    return Answer(
        times=np.array(times),
        density=np.empty((len(times), 0)),
        states=None,
        log_norm=np.zeros(len(times)),
        expectations=table.estimates(None),
        counts=None,
        best=_best(job, objective, stand.states[-1]),
        stop=stop,
        compact=tuple(stand.states),
        diagnostics={
            "steps": method.steps,
            "norm": norms,
            "norm_drift": float(np.abs(norms - 1.0).max()),
            "kinetic_rounding": rounding,
            **told,
        },
    )


def _on_disk(home: tempfile.TemporaryDirectory[str] | None, number: int, size: int, new: bool = False) -> np.ndarray:
    """A saved wave as a map of its file, which takes no memory of its own."""
    assert home is not None
    path = Path(home.name) / f"wave-{number:05d}.c64"
    return np.memmap(path, dtype=np.dtype(np.complex64), mode="w+" if new else "r", shape=(size,))


def _best(job: Job, objective: Objective, state: LargeWave) -> Best:
    """The best of the samples of the last wave, beside the best of as many uniform points."""
    drawn = state.sample(BEST_SAMPLES, job.seed(Stream.BEST, 0))
    rng = np.random.default_rng(job.seed(Stream.BEST, 1))
    pair = []
    for index in (drawn.index, rng.integers(0, state.grid.size, BEST_SAMPLES)):
        points = state.grid.points_at(index)
        values = objective(points)
        first = int(np.argmin(values))
        pair.append((tuple(points[first].tolist()), float(values[first])))
    return Best(pair[0][0], pair[0][1], pair[1][0], pair[1][1], BEST_SAMPLES)
