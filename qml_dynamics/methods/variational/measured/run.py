"""McLachlan's principle on devices: every number of a step is estimated from circuits, which go out as one batch.

What a step measures: the energy in each basis, its variance, metric and force, and at saved times the distributions that a
trajectory reports. Errors are carried along: into the regularisation, into ``theta``, and into the bound of the angle, whose
share ``"shots"`` is what two standard errors of shot noise may add. The seed of each circuit is made from the run's seed, the
evaluation and what the circuit is.

The bound speaks of the wave that the parameters stand for. Noise of a device other than that of shots is not in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ....base.errors import MethodError, require
from ....base.estimate import Estimate
from ....model.formulas import boundaries
from ...base import Answer, Stream
from ...from_samples import Batch, Planned, from_outcomes, from_probabilities, plan_batch
from ...stationary import not_lowest
from ..engine.bound import angle_between
from ..engine.tangent import Engine
from ..evolve import StartWarning, check_points
from ..options import Variational
from ..rest import moves
from .device import Device, Point, stages
from .outcomes import Key, Outcome, Request, ask, counts_of
from .resume import Keeper, fits, marks, packed, unpacked
from .walk import Walk

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from ...base import Job

_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class MeasuredView:
    """What a callback sees: the wave itself is not known."""

    time: float
    theta: np.ndarray
    energy: Estimate
    log_norm: float
    state: None = None


def run_measured(job: Job, method: Variational) -> Answer:
    """The answer, measured.

    Where the job has a checkpoint the state is kept after each batch, and a later call with the same problem, method and shots goes on
    from there without sending any of it again: bit by bit the same run, where seeds decide the counts.

    Args:
        job: a call of ``evolve`` with a backend.
        method: its method.

    Raises:
        MethodError: an option is not for measured runs, or the checkpoint belongs to another run.
        BackendError: the backend fails.
    """
    return _Run(job, method, job.checkpoint).go()


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a run sends: circuits of each batch, circuits a step, and the longest of them."""

    batches: tuple[int, ...]
    per_step: int
    longest: QuantumCircuit


def forecast(job: Job, method: Variational) -> Forecast:
    """Count the circuits of :func:`run_measured` by listing them, at angles of which none is 0: rotations by 0 compile to nothing."""
    run = _Run(job, method, None)
    theta = np.asarray(run.device.theta0) + 0.1 + 0.01 * np.arange(len(run.device.theta0))
    requests = [run.device.requests(theta, lambda *key: 1, complete) for complete in (True, False)]
    whole, stage = map(len, requests)
    per_step = whole + (run.stages - 1) * stage
    plan = run._plan(0, theta)
    batches: list[int] = []
    for k in range(len(run.ends)):
        between = [stage] * (run.stages - 1) if k + 1 < len(run.ends) else []
        batches += [whole + len(plan.circuits) * (k in run.moment), *between]
    ends = {request.key[0]: request for request in requests[0]}  # the last of each kind runs through the whole ansatz
    built = [*(request.build() for request in ends.values()), *plan.circuits]
    return Forecast(tuple(batches), per_step, max(built, key=_length))


def _length(circuit: QuantumCircuit) -> tuple[int, int]:
    """Gates and depth as compiled: that of a transform may be the longer one although it has fewer rotations."""
    from ....synthesis.measure import gates_of

    counted = gates_of(circuit)
    return counted.gates, counted.depth


class _Run:
    def __init__(self, job: Job, method: Variational, checkpoint: Keeper | None) -> None:
        self.job, self.checkpoint, self.backend = job, checkpoint, job.device
        self.method = method
        self.stages = stages(self.method)
        check_points(job.h, self.method)
        self.device = Device(job.problem, job.h, self.method)
        self.ends = boundaries(job.problem.duration, self.method.steps, np.union1d(job.saves, [0.0]))
        self.moment = {int(np.argmin(np.abs(self.ends - t))): i for i, t in enumerate(job.saves.tolist())}
        self.walk = Walk(job.h, self.device, self._start())
        self.plans: dict[int, Batch] = {}  # by the number of the point, as `kept`
        self.kept: dict[int, list[Outcome]] = {}
        self.waiting: list[Outcome] | None = None  # what an earlier process has measured of the next evaluation
        self.first = 0
        self._resume()

    def _start(self) -> float:
        """The angle between the ansatz and the problem's initial wave; warns where they differ."""
        first = Engine(self.device.program).state(self.device.theta0)
        angle = float(angle_between(first, self.job.problem.initial.vector(self.job.problem.domain)))
        if angle > _SAME:
            text = (
                f"The ansatz starts at an angle of {angle:.3g} from the problem's initial wave, and the bound says so."
            )
            warnings.warn(f"{text} Give the problem initial=ansatz.state().", StartWarning, stacklevel=5)
        return angle

    def go(self) -> Answer:
        """All points, one after the other."""
        stop = ""
        try:
            for k in range(self.first, len(self.ends)):
                stop = self._point(k) or self._ended(k)
                if stop:
                    self._report(k)
                    break
                if k + 1 < len(self.ends):
                    self._step(k)
        except KeyboardInterrupt:
            if not self.kept:
                raise
            stop = f"Interrupted from the keyboard after t = {self.walk.time:g} of {self.job.problem.duration:g}."
        return self._answer(stop or self.walk.verdict(self.job.problem.duration))

    # one evaluation ----------------------------------------------------------------------------------------------------

    def _seed(self, evaluation: int, *key: int) -> int:
        return self.job.seed(Stream.MEASURED, evaluation, *key)

    def _point(self, k: int) -> str:
        """Measure a point and put it on record; a sentence when the run has to end there."""
        theta, evaluation = self.walk.theta, k * self.stages
        requests = self.device.requests(theta, lambda *key: self._seed(evaluation, *key))
        plan = self._plan(k, theta) if k in self.moment else None
        outcomes = self.waiting
        if outcomes is None:
            outcomes = self._send(requests, evaluation, plan)
            self._keep(k, outcomes)
        self.waiting = None
        count = len(requests)
        seen = {request.key: outcome for request, outcome in zip(requests, outcomes)}
        t = float(self.ends[k])
        point = self.device.read(seen, t, theta, lambda *key: self._seed(evaluation, *key))
        self.walk.arrive(point, count)
        if plan is not None:
            self.kept[k] = outcomes[count:]
        self.job.progress(k, len(self.ends) - 1)
        return self._told(k, point)

    def _told(self, k: int, point: Point) -> str:
        if self.job.callback is None:
            return ""
        energy = Estimate(point.energy.value, point.energy.stderr, self.job.shots)
        view = MeasuredView(point.time, point.theta.copy(), energy, self.walk.log_norm)
        ends = self.job.callback(k, view)  # type: ignore[arg-type]
        return f"The callback stopped the run at t = {point.time:g} of {self.job.problem.duration:g}." if ends else ""

    def _plan(self, k: int, theta: np.ndarray) -> Batch:
        """What the trajectory reports at a point."""
        planned = Planned([self.device.prepared(theta)], {})
        batch = plan_batch(self.job.problem, self.job.h, self.job.observables, planned)
        i = self.moment.get(k, len(self.moment))
        self.plans[k] = Batch(batch.circuits, [_at(key, i) for key in batch.keys], batch.groups)
        return self.plans[k]

    def _report(self, k: int) -> None:
        """A run that ends before its time reports where it ends."""
        if k not in self.kept:
            self.kept[k] = self._send([], k * self.stages, self._plan(k, self.walk.theta))

    def _send(self, requests: list[Request], evaluation: int, plan: Batch | None) -> list[Outcome]:
        circuits = [request.build() for request in requests]
        seeds = [self._seed(evaluation, *request.key) for request in requests]
        if plan is not None:
            circuits += plan.circuits
            seeds += [self.job.seed(*key) for key in plan.keys]
        return ask(self.backend, circuits, self.job.shots, seeds)

    def _step(self, k: int) -> None:
        """Move the parameters; the stages of rk4 are evaluations of their own."""
        dt = float(self.ends[k + 1] - self.ends[k])
        if self.stages == 1:
            self.walk.leave(dt, self.walk.point.velocity, self.walk.point.solved.covariance, 1.0)
            return
        first = self.walk.point
        slopes, covariance = [first.velocity], first.solved.covariance / 36
        for number, (fraction, weight) in enumerate(((0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6)), start=1):
            stage = self._stage(k, number, first.time + fraction * dt, first.theta + fraction * dt * slopes[-1])
            slopes.append(stage.velocity)
            covariance = covariance + weight**2 * stage.solved.covariance
        velocity = (slopes[0] + 2 * slopes[1] + 2 * slopes[2] + slopes[3]) / 6
        self.walk.leave(dt, velocity, covariance, 1 / 6)

    def _stage(self, k: int, number: int, t: float, theta: np.ndarray) -> Point:
        evaluation = k * self.stages + number

        def seed(*key: int) -> int:
            """The seed of one circuit of this evaluation."""
            return self._seed(evaluation, *key)

        requests = self.device.requests(theta, seed, complete=False)
        outcomes = self._send(requests, evaluation, None)
        self.walk.sent(len(requests))
        seen = {request.key: outcome for request, outcome in zip(requests, outcomes)}
        return self.device.read(seen, t, theta, seed, complete=False)

    def _ended(self, k: int) -> str:
        limit, point = self.method.max_evaluations, self.walk.point
        if k + 1 == len(self.ends):
            return ""
        if self.device.imaginary and self.walk.sigma < self.method.stop_at:
            spread = f"the standard deviation of the energy is {self.walk.sigma:.2e}"
            wave = Engine(self.device.program).state(self.walk.theta)
            above = not_lowest(self.job.h, np.asarray(wave), point.time, 3 * self.walk.sigma, self._moves())
            return (
                f"stopped at t = {point.time:g}: {spread}, and the wave {above}"
                if above
                else f"converged at t = {point.time:g}: {spread}"
            )
        rise = self.walk.unstable() if self.stages == 1 and self.job.h.constant else ""
        if rise:
            return f"stopped at t = {point.time:g}: {rise}"
        if limit is not None and self.walk.evaluations + self.stages > limit:
            return f"budget of {limit} evaluations spent at t = {point.time:g}"
        return ""

    def _moves(self) -> str:
        walk = self.walk
        return moves(self.job.h, self.device.program, walk.theta, walk.point.energy.value, walk.time)

    # state on disk -----------------------------------------------------------------------------------------------------

    @cached_property
    def _marks(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return marks(self.job, self.method, self.device, self.ends)

    def _keep(self, k: int, outcomes: list[Outcome]) -> None:
        if self.checkpoint is None:
            return
        arrays = {f"walk/{name}": array for name, array in self.walk.arrays().items()}
        arrays["pool"] = self.device.pool
        arrays.update(packed("now", outcomes))
        for earlier, known in self.kept.items():
            arrays.update(packed(f"save/{earlier}", known))
        words, marked = self._marks
        arrays.update(marked)
        meta = {
            "mark": words,
            "entropy": str(self.job.seeds.entropy),
            "kept": sorted(self.kept),
        }
        self.checkpoint.save(k, arrays, meta=meta)

    def _resume(self) -> None:
        saved = None if self.checkpoint is None else self.checkpoint.load()
        if saved is None:
            return
        ours = fits(saved, self.job, self.method, self.device, self.ends)
        require(ours, "checkpoint", "belong to this problem, method, backend and shots", "of another run", MethodError)
        self.job.seeds = np.random.SeedSequence(int(cast(int, saved.meta["entropy"])))
        prefix = "walk/"
        self.walk.restore({n.removeprefix(prefix): a for n, a in saved.arrays.items() if n.startswith(prefix)})
        self.device.pool = saved.arrays["pool"]
        for k in cast(Sequence[int], saved.meta["kept"]):
            self.kept[k] = unpacked(saved.arrays, f"save/{k}")
            self._plan(k, self.walk.rows["theta"][k])
        self.first, self.waiting = saved.step, unpacked(saved.arrays, "now")

    # the answer --------------------------------------------------------------------------------------------------------

    def _answer(self, stop: str) -> Answer:
        reached = sorted(self.kept)
        job = replace(self.job, saves=self.ends[reached])
        keys = [_at(key, n) for n, k in enumerate(reached) for key in self.plans[k].keys]
        batch = Batch([], keys, self.plans[reached[0]].groups)
        outcomes = [outcome for k in reached for outcome in self.kept[k]]
        planned = Planned([], {})
        if self.job.shots is None:
            answer = from_probabilities(job, planned, batch, [o.count for o in outcomes])
        else:
            answer = from_outcomes(job, planned, batch, [counts_of(o) for o in outcomes])
        facts = {"shots": self.job.shots, "metric": self.method.metric, "stop": stop}
        return replace(
            answer,
            log_norm=np.array([self.walk.rows["log_norm"][k] for k in reached]),
            parameters=np.array([self.walk.rows["theta"][k] for k in reached]),
            diagnostics={**answer.diagnostics, **self.walk.record(), "names": self.device.program.names, **facts},
            stop=stop,
        )


def _at(key: Key, i: int) -> Key:
    """A key of `sampled.plan_batch` at another time: (basis, time), or (OPERATORS, operator, time, group)."""
    return (key[0], key[1], i, key[3]) if key[0] == Stream.OPERATORS else (key[0], i)
