"""From the waves that an exact engine yields to the answer of a method: densities, expectation values, samples drawn from them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..base.errors import EdgeWeightWarning, MomentumTailWarning
from ..base.estimate import Estimate
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian
from ..results.journal import Entry, Scope, current
from ..results.observables import (
    BEST_SAMPLES,
    best_of,
    combine_groups,
    edge_weight,
    groups_at,
    momentum_tail,
    observe_counts,
    observe_states,
    pauli_groups,
    sample_states,
)
from ..results.sampling import draw
from ..results.trajectory import Counts
from .base import Answer, Job, Stream, View

_EDGE = 1e-4
_TAIL = 1e-3
_SIGNPOSTS = 16  # an interrupted run loses at most this share of its duration


@dataclass(frozen=True, eq=False)
class Point:
    """Where a run stands: how many of its times it has reached, and the wave there."""

    number: int
    time: float
    wave: np.ndarray
    log_norm: float


@dataclass
class Waves:
    """Waves at the saved times reached, and why the run ended.

    ``start`` is the last point of an earlier process, for engines that go on from a wave: they yield the times behind it. Engines whose
    state is more than a wave set ``state``, which tells it at the point that was just yielded (None: nothing is kept there),
    and find in ``kept`` what it told an earlier process. Those that work long between two points call ``pause`` on the way,
    where ``state`` tells what was done since (:class:`Stand`).
    """

    times: list[float]
    states: list[np.ndarray]
    log_norm: list[float]
    stop: str
    diagnostics: dict[str, Any]
    parameters: list[np.ndarray] = field(default_factory=list)
    start: Point | None = None
    state: Callable[[], Entry | None] | None = None
    kept: Entry | None = None
    pause: Callable[[], None] = lambda: None

    def keep(self, t: float, state: np.ndarray, log_norm: float) -> None:
        """A wave that is reported."""
        self.times.append(t)
        self.states.append(state)
        self.log_norm.append(log_norm)

    def even(self) -> None:
        """Drop what an interrupt has left of a wave that was just being kept."""
        whole = min(len(self.times), len(self.states), len(self.log_norm))
        del self.times[whole:], self.states[whole:], self.log_norm[whole:]


class Stand:
    """Where the loop of an engine stands between two of its points, so that another process goes on from there.

    Attributes:
        done: pieces of work that are done.
        points: how many points were yielded.
        entry: numbers and arrays of the loop as an earlier process left them, and then as it stands; None at the start.
    """

    def __init__(self, out: Waves) -> None:
        self.out, self.entry = out, out.kept
        self.done = 0 if out.kept is None else int(str(out.kept.meta["done"]))
        self.points = 0 if out.start is None else out.start.number + 1
        out.state = lambda: self.entry

    def at(self, done: int, numbers: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> None:
        """The loop stands behind so many pieces; its arrays must not change any more."""
        self.done, self.entry = done, Entry({**numbers, "done": done}, arrays)
        self.out.pause()

    def number(self, name: str) -> float:
        """A number of the loop; 0 at the start."""
        return 0.0 if self.entry is None else float(str(self.entry.meta[name]))

    def array(self, name: str, first: np.ndarray) -> np.ndarray:
        """An array of the loop; ``first`` at the start."""
        return first if self.entry is None else self.entry.arrays[name]


Engine = Callable[[Job, np.ndarray, Waves], Iterator[tuple[float, np.ndarray, float]]]


def learning(h: Hamiltonian, workers: int | None = None) -> LearningHamiltonian:
    """The Hamiltonian of a loss, its transform on that many threads."""
    assert isinstance(h, LearningHamiltonian)  # the method's facts have refused operators
    return h if workers is None or h.workers == workers else replace(h, workers=workers)


def run_waves(
    job: Job, engine: Engine, steps: int | None = None, *, posts: bool = False, resumes: bool = False
) -> Waves:
    """Collect waves from an engine; an interrupt or a callback ends it with the last wave reached.

    Args:
        job: what is run.
        engine: yields ``(time, wave, log_norm)`` at the times that it is given.
        steps: equal steps that a callback sees; None: it sees the saved times.
        posts: whether the wave is looked at on the way too, so that an interrupt keeps most of a long run.
        resumes: whether the engine goes on from ``Waves.start``, so that a run with a folder keeps where it stands.
    """
    wanted = set(job.saves.tolist())
    out = Waves([], [], [], "", {})
    inner = current() if resumes else None
    loop = None if inner is None else inner.run()
    every = _internal_times(job, steps, posts)
    reached = first = None if loop is None else _restored(loop, out, len(every))
    more = out.kept

    def pause() -> None:
        """Keep where the engine stands between two points, at most once a second."""
        nonlocal more
        if loop is not None and reached is not None:
            more = None if out.state is None else out.state()
            _store(loop, out, reached, len(every), more)

    out.pause = pause
    try:
        for step, point in enumerate(engine(job, every, out), 0 if first is None else first.number + 1):
            reached = Point(step, *point)
            more = None if out.state is None or loop is None else out.state()
            stop = job.callback is not None and job.callback(step, View(*point))
            if point[0] in wanted or stop:
                out.keep(*point)
            if loop is not None:
                _store(loop, out, reached, len(every), more)
            if stop:
                out.stop = f"The callback stopped the run at t = {point[0]:g} of {job.problem.duration:g}."
                break
    except KeyboardInterrupt:
        if reached is None:
            raise
        out.even()
        missing = reached.time not in out.times
        if missing and reached.time in wanted:  # the interrupt came before it was kept
            out.keep(reached.time, reached.wave, reached.log_norm)
        if loop is not None:
            _store(loop, out, reached, len(every), more, always=True)
        if missing and reached.time not in wanted:
            out.keep(reached.time, reached.wave, reached.log_norm)
            if out.parameters:
                out.parameters.append(out.diagnostics["theta"])
        out.diagnostics["interrupted"] = True
        out.stop = (
            f"Interrupted from the keyboard after t = {reached.time:g} of {job.problem.duration:g}; kept what was done."
        )
    out.diagnostics.pop("theta", None)
    out.stop = out.stop or f"Reached the end of the duration, {job.saves[-1]:g}."
    return out


_ENGINE = "engine/"  # before the arrays of an engine's own state


def _store(loop: Scope, out: Waves, reached: Point, every: int, more: Entry | None, always: bool = False) -> None:
    """Keep where a run stands, with what its engine adds to it."""
    if out.state is not None and more is None:
        return
    meta: dict[str, object] = {
        "number": reached.number,
        "of": every,
        "time": float(reached.time),
        "log_norm": float(reached.log_norm),
    }
    arrays = {"wave": reached.wave, "times": np.array(out.times), "log_norms": np.array(out.log_norm)}
    if more is not None:
        meta["engine"] = more.meta
        arrays |= {_ENGINE + name: array for name, array in more.arrays.items()}
    loop.save_state(meta, arrays, always, lambda: {"states": np.array(out.states)})


def _restored(loop: Scope, out: Waves, every: int) -> Point | None:
    """Where an earlier process of the same run stood; None too where it looked at other times, as a callback makes it."""
    found = loop.load_state()
    if found is None or found.meta.get("of") != every:
        loop.runs = 0
        return None
    number, time, log_norm = (float(str(found.meta[name])) for name in ("number", "time", "log_norm"))
    for row in zip(found.arrays["times"].tolist(), found.arrays["states"], found.arrays["log_norms"].tolist()):
        out.keep(*row)
    engine = found.meta.get("engine")
    if isinstance(engine, dict):
        own = {n.removeprefix(_ENGINE): a for n, a in found.arrays.items() if n.startswith(_ENGINE)}
        out.kept = Entry(engine, own)
    out.start = Point(int(number), time, found.arrays["wave"], log_norm)
    return out.start


def _internal_times(job: Job, steps: int | None, posts: bool) -> np.ndarray:
    """The saved times, the start, and where the wave is looked at on the way: every step for a callback, else rarely."""
    times = np.union1d(job.saves, [0.0])
    if job.callback is not None and steps is not None:
        return np.union1d(times, job.problem.duration * np.arange(steps + 1) / steps)
    if posts and steps is not None and steps >= 4 * _SIGNPOSTS:
        every = steps // _SIGNPOSTS
        seen = job.problem.duration * np.arange(every, steps, every) / steps
        return np.union1d(times, seen[seen < job.saves[-1]])
    return times


def report_waves(job: Job, waves: Waves) -> Answer:
    """The answer that waves give; with shots, from as many samples of each as a device would give."""
    times, states = np.array(waves.times), np.array(waves.states)
    density = np.abs(states) ** 2
    density /= density.reshape(len(density), -1).sum(axis=1).reshape(-1, *[1] * job.problem.domain.ndim)
    counts: Mapping[str, tuple[Counts, ...]] | None = None
    best = None
    if job.shots is None:
        expectations: Mapping[str, Estimate] = observe_states(job.h, times, states, job.observables)
    else:
        expectations, counts, density = _sampled_report(job, times, states)
    if isinstance(job.h, LearningHamiltonian):  # an operator has no best weights
        drawn = draw(density[-1], BEST_SAMPLES, job.seed(Stream.BEST, 0)) if counts is None else counts["weight"][-1]
        best = best_of(job.h, drawn, job.seed(Stream.BEST, 1))
    return Answer(
        times=times,
        density=density,
        states=states,
        log_norm=np.array(waves.log_norm),
        expectations=expectations,
        counts=counts,
        best=best,
        stop=waves.stop,
        diagnostics={**waves.diagnostics, **_wave_diagnostics(job, states, np.abs(states) ** 2)},
        parameters=_padded(waves.parameters) if waves.parameters else None,
    )


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    """Parameters at the saved times in one array: those that an ansatz grew later stood at 0 before."""
    out = np.zeros((len(rows), max(map(len, rows))))
    for row, theta in zip(out, rows):
        row[: len(theta)] = theta
    return out


def _sampled_report(
    job: Job, times: np.ndarray, states: np.ndarray
) -> tuple[dict[str, Estimate], dict[str, tuple[Counts, ...]], np.ndarray]:
    """The shots that a device would give, drawn from exact probabilities: expectation values, counts, density."""
    assert job.shots is not None
    place = [int(np.argmin(np.abs(job.saves - t))) for t in times]
    counts = sample_states(
        job.h, states, job.shots, [(job.seed(Stream.WEIGHT, i), job.seed(Stream.DUAL, i)) for i in place]
    )
    expectations = observe_counts(job.h, times.tolist(), counts, job.observables)
    operators = [(o.name, o.terms) for o in job.observables if o.terms is not None]
    if not isinstance(job.h, LearningHamiltonian):
        operators.insert(0, ("energy", job.h.terms))
    for number, (name, terms) in enumerate(operators):
        every = pauli_groups(terms)
        rows = []
        for i, t, psi in zip(place, times, states):
            groups = groups_at(job.h, name, every, float(t))
            seeds = [job.seed(Stream.OPERATORS, number, i, g) for g in range(len(groups))]
            drawn = [draw(g.probabilities(psi), job.shots, s) for g, s in zip(groups, seeds)]
            rows.append(combine_groups([g.estimate(c) for g, c in zip(groups, drawn)]))
        expectations[name] = Estimate(np.array([v for v, _ in rows]), np.array([e for _, e in rows]), job.shots)
    size, shape = job.problem.domain.size, job.problem.domain.shape
    density = np.array([c.histogram(size).reshape(shape) for c in counts["weight"]])
    return expectations, counts, density


def _wave_diagnostics(job: Job, states: np.ndarray, density: np.ndarray) -> dict[str, Any]:
    domain = job.problem.domain
    edge = edge_weight(domain, density)
    out: dict[str, Any] = {"edge_weight": edge, "norm": np.sqrt(density.reshape(len(density), -1).sum(axis=1))}
    moves = job.problem.diffusion.integral(0.0, job.problem.duration, job.problem.duration) > 0
    if isinstance(job.h, LearningHamiltonian) and moves:  # without diffusion no momentum matters
        duals = (np.abs(job.h.transform.forward(np.array(psi, dtype=complex))) ** 2 for psi in states)
        out["momentum_tail"] = np.array([momentum_tail(domain, dual) for dual in duals])
        if out["momentum_tail"].max() > max(_TAIL, 2 * out["momentum_tail"][0]):
            warnings.warn(
                f"The wave has {out['momentum_tail'].max():.1e} of its weight above 0.8 of the largest momentum: refine the grid.",
                MomentumTailWarning,
                stacklevel=4,
            )
    if edge.max() > max(_EDGE, 2 * edge[0]):
        warnings.warn(
            f"The wave has reached the edge of its box (weight {edge.max():.1e}): the order of a formula drops there.",
            EdgeWeightWarning,
            stacklevel=4,
        )
    return out
