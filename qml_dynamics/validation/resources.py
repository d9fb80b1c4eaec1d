"""`cost`: qubits, gates, depth, shots and memory of a run, before it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .. import synthesis as builders
from ..backends import Backend
from ..backends import opened as find_backend
from ..backends.base import BackendLike, capabilities, check_width
from ..base.arguments import checks_arguments
from ..base.errors import MethodError, human_bytes, integer, one_of, real, require
from ..base.printing import printed_briefly
from ..methods.base import Gates, Job, Method, Work, check_method
from ..methods.defaults import settled
from ..methods.job import convert
from ..model.formulas import boundaries
from ..model.objectives.base import ASKED_TWICE
from ..model.problem import Problem
from ..results.observables import ObservableLike
from . import certificate
from .device_cost import DevicePlan, device_plan
from .encodings import Encodings, both_encodings

_SHOTS = 1000
if TYPE_CHECKING:
    from ..synthesis.clifford_t import FaultTolerant
    from .certificate import Certificate

_DEFAULT = "gridsynth"
_FINEST = 1e-100  # error of a synthesis that is shared out over rotations
# Which circuit is the longest shows when they are compiled: those with this share of the last one's gates, at most so many of them,
# where they are no longer than that. Half, since a turn of one qubit is compiled to one gate or to five.
_RIVAL, _RIVALS, _LONG = 0.5, 24, 20_000


@printed_briefly
@dataclass(frozen=True)
class Cost:
    """What a run takes.

    Attributes:
        qubits: width of the circuits, ancillas included (classical methods: of the register they simulate).
        circuits: how many different circuits are run.
        shots: samples in all.
        gates, two_qubit_gates, depth: of the longest circuit in cx, rz, sx and x (level 1), which is the last time's with
            the transform to the dual basis at its end.
        memory: bytes that a simulation or the reference takes.
        transforms: FFTs (sine, Walsh-Hadamard transforms) of a classical method.
        upper_bound: whether the numbers are upper bounds: gates that were counted part by part, which no compiler makes more, or
            a run that decides on its way how long it is.
        backend: where it would run.
        success_probability: share of the samples that is kept at the end (None: all of them).
        device: seconds, expected fidelity and best number of steps, where the backend stands on a device; gates and depth
            are then in the device's own gates.
        circuits_per_step: of a variational run whose steps are measured; those of a step go out as one batch.
        cut_steps: save times that are no end of a step: each cuts one in two, which adds gates. :func:`step_ends` lists save
            times that cut none.
        evaluations: how often the run asks for the loss, values and gradients, where nobody has made its table yet: one on the points
            of the grid, which all later calls with the problem share, and what the method asks for besides. None: the method decides
            on the way. 0 for operators and for losses that are tables.
        fault_tolerant: the longest circuit in Clifford gates and T, where an error of their synthesis is given.
        encodings: on a device, of a grid of at most 32 points: its evolution compiled in binary and in one-hot encoding, and which of
            them the device should get.
        classical: with ``classical=True``, whether the wave is classically easy: the rank, seconds and error of a tensor train.
    """

    qubits: int
    circuits: int
    shots: int
    gates: int
    two_qubit_gates: int
    depth: int
    memory: int
    transforms: int
    upper_bound: bool
    backend: str
    success_probability: float | None = None
    device: DevicePlan | None = None
    circuits_per_step: int | None = None
    cut_steps: int = 0
    fault_tolerant: FaultTolerant | None = None
    encodings: Encodings | None = None
    evaluations: int | None = 0
    classical: Certificate | None = None

    def __str__(self) -> str:
        at_most = "at most " if self.upper_bound else ""
        if not self.circuits:
            work = f"{at_most}{self.transforms:,} transforms, {human_bytes(self.memory)} of memory"
            return f"{self.backend}: {self.qubits} qubits simulated, {work}{self._asked}" + (
                f"; {self.classical}" if self.classical else ""
            )
        p = self.success_probability
        kept = "" if p is None else f", of which {p:.3g} are kept at the end"
        kept += "" if self.circuits_per_step is None else f", {self.circuits_per_step:,} circuits a step"
        return (
            f"{self.backend}: {self.circuits} circuits on {self.qubits} qubits, {self.shots:,} shots in all{kept}; the longest has "
            f"{at_most}{self.gates:,} gates, {self.two_qubit_gates:,} of them on two qubits, depth {self.depth:,}; "
            f"{human_bytes(self.memory)} of memory where simulated"
            + (
                f"; {self.cut_steps} save times cut steps, which adds gates: save at their ends"
                if self.cut_steps
                else ""
            )
            + (f"; {self.device}" if self.device else "")
            + (f"; {self.fault_tolerant}" if self.fault_tolerant else "")
            + (f"; {self.encodings}" if self.encodings else "")
            + (f"; {self.classical}" if self.classical else "")
            + self._asked
        )

    @property
    def _asked(self) -> str:
        return f"; {self.evaluations:,} evaluations of the loss" if self.evaluations else ""


@checks_arguments
def cost(
    problem: Problem,
    method: Method | None = None,
    *,
    backend: BackendLike | None = None,
    shots: int | None = None,
    save: int | Sequence[float] | np.ndarray | None = None,
    seed: int | None = None,
    observables: Mapping[str, ObservableLike] | None = None,
    synthesis_error: float | None = None,
    synthesis: str = _DEFAULT,
    classical: bool = False,
) -> Cost:
    """The cost of ``evolve(problem, method, ...)`` with the same arguments (the default method too), without running it.

    Without ``shots``, 1000 are assumed on a device. Save times count: every one has its circuits, and one that is no end of a
    step cuts the step, which makes another, longer circuit; ``cut_steps`` says how many times. Methods that draw their circuits
    draw those of ``seed``, so that the numbers are exact with the seed of the run.

    Args:
        problem, method, backend, shots, save, seed, observables: as for :func:`evolve`.
        synthesis_error: for ``Cost.fault_tolerant``: how far the longest circuit may be from itself, in the operator norm, when its
            rotations are made of Clifford gates and T. It adds to the error of the run's wave in the 2-norm.
        synthesis: ``"gridsynth"``, ``3 log2(1/eps) + 2.5`` T gates for a rotation to eps (Ross and Selinger, arXiv:1403.2975), or
            ``"repeat_until_success"``, ``1.149 log2(1/eps) + 9.2`` on average (Bocharov, Roetteler and Svore, arXiv:1404.5320).
        classical: whether to try a tensor train on the problem (its wave, without the errors of circuits), which says in
            ``Cost.classical`` whether a quantum run is classically easy. That runs for seconds to minutes.

    >>> from qml_dynamics import Grid, Problem, Trotter
    >>> well = Problem(Grid((-2, 2), 4), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0)
    >>> estimate = cost(well, Trotter(2), shots=100)
    >>> estimate.qubits, estimate.circuits, estimate.shots
    (4, 4, 400)
    >>> cost(well, Trotter(2), shots=100, synthesis_error=1e-3).fault_tolerant.rotations
    91

    Raises:
        MethodError: the method refuses the problem; the error of the synthesis is not positive, or it is of no known name; the run
            has no circuits to synthesise.
        BackendError: the circuits are wider than the device.
    """
    if synthesis != _DEFAULT:  # builders of circuits are loaded where they are asked
        one_of(synthesis, "synthesis", builders.clifford_t.LAWS, MethodError)
    if synthesis_error is not None:
        synthesis_bound(synthesis_error)
    require(isinstance(classical, bool), "classical", "be True or False", classical, MethodError)
    method, backend = settled(problem, method, backend, shots)
    device = None if backend is None else find_backend(backend)
    estimate = price(problem, method, device, shots, save, seed, observables, synthesis_error, synthesis)
    if classical:
        estimate = replace(estimate, classical=certificate.tried(problem))
    if device is None or estimate.device is None:
        return estimate
    return replace(estimate, encodings=both_encodings(problem, method, device, shots or _SHOTS))


def price(
    problem: Problem,
    method: Method,
    device: Backend | None,
    shots: int | None,
    save: int | Sequence[float] | np.ndarray | None,
    seed: int | None = None,
    observables: Mapping[str, ObservableLike] | None = None,
    synthesis_error: float | None = None,
    synthesis: str = _DEFAULT,
    together: bool = False,
) -> Cost:
    """The cost of a run alone, for arguments as :func:`cost` has settled them: no other encoding is compiled.

    ``together``: on a device, of a run in a folder; see :func:`~.device_cost.device_plan`.
    """
    job = convert(problem, method, device, shots, seed, save, observables, compact=True)
    on_a_device = job.backend is not None and capabilities(job.backend).on_device  # it takes no fewer than some
    if job.shots is None and on_a_device:
        job.shots = _SHOTS
    work = job.method.work(job)
    if job.backend is None or not work.programs:
        known = synthesis_error is None
        require(known, "synthesis_error", "be None where no circuit runs", synthesis_error, MethodError)
        own = (work.memory, work.transforms, work.bound, "classical", work.success)
        return Cost(work.qubits, 0, 0, 0, 0, 0, *own, evaluations=evaluations(job, work))
    _check_width(job.backend, work.qubits)
    plan = None
    longest = work.programs[-1]
    # with ancillas that are used again another circuit runs, and a plan is of circuits that measure at the end only
    if work.gates is None and work.qubits >= longest.num_qubits and not longest.num_clbits:
        samples = work.samples or job.shots or _SHOTS
        plan = device_plan(problem, job.method, job.backend, work, samples, together)
    found, bound = _gates(work, plan)
    return Cost(
        qubits=work.qubits,
        circuits=work.circuits,
        shots=work.shots,
        gates=found.gates,
        two_qubit_gates=found.two_qubit_gates,
        depth=found.depth,
        memory=work.memory,
        transforms=work.transforms,
        upper_bound=bound or work.bound,
        backend=job.backend.name,
        success_probability=work.success,
        device=plan,
        circuits_per_step=work.per_step,
        cut_steps=cut_steps(job),
        fault_tolerant=None
        if synthesis_error is None
        else builders.clifford_t.fault_tolerant(longest, synthesis_error, synthesis),
        evaluations=evaluations(job, work),
    )


def evaluations(job: Job, work: Work) -> int | None:
    """How often a run asks for its loss: its table, with the points that are asked twice, and what the method asks besides."""
    objective = job.problem.objective
    if objective is None or objective.domain is not None:
        return 0
    if work.asks is None or job.compact:
        return None
    return job.problem.domain.size + ASKED_TWICE + work.asks


def synthesis_bound(error: float) -> float:
    """The error of a synthesis that is shared out over rotations; refused with a :class:`MethodError` where it is none."""
    error = real(error, "synthesis_error", positive=True, error=MethodError)
    require(_FINEST <= error <= 1, "synthesis_error", f"be between {_FINEST:g} and 1", error, MethodError)
    return error


def synthesised_for(job: Job, error: float) -> Backend:
    """The simulator of circuits whose rotations are synthesised; refused where no circuits run, or on a noisy backend."""
    from ..backends.synthesised import SynthesisedBackend

    bound = synthesis_bound(error)
    runs = job.backend is not None and job.method.facts().circuits_known_ahead
    require(runs, "synthesis_error", "be None where no circuits are known ahead", error, MethodError)
    ideal = capabilities(job.device).exact
    require(ideal, "synthesis_error", f"be None on {job.device.name}, which is no ideal simulator", error, MethodError)
    return SynthesisedBackend(error=bound)


def cut_steps(job: Job) -> int:
    """Saved times of a job that are no end of a step of its method; 0 where it has no equal steps."""
    steps, duration = job.method.facts().steps, job.problem.duration
    if steps is None:
        return 0
    return len(boundaries(duration, steps, job.saves)) - (steps + 1)


@checks_arguments
def step_ends(problem: Problem, method: Method, count: int) -> np.ndarray:
    """At most ``count`` save times, evenly spread, all of them ends of steps, so that saving cuts no step.

    >>> from qml_dynamics import Grid, Problem, Trotter
    >>> well = Problem(Grid((-2, 2), 4), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=2.0)
    >>> step_ends(well, Trotter(40), 7).tolist()
    [0.0, 0.4, 0.8, 1.2, 1.6, 2.0]

    Raises:
        MethodError: the count is below 2.
    """
    steps = check_method(method).facts().steps
    count = integer(count, "count", 2, 10**7, MethodError)
    parts = count - 1 if steps is None else max(k for k in range(1, min(count - 1, steps) + 1) if steps % k == 0)
    return np.asarray(problem.duration * np.arange(parts + 1) / parts)


def _check_width(backend: Backend, qubits: int) -> None:
    can = capabilities(backend)
    most = can.most_qubits
    if most is not None and (can.options is None or can.options.layout is None):  # a layout is refused by its own name
        check_width(qubits, most, backend.name)


def _gates(work: Work, plan: DevicePlan | None) -> tuple[Gates, bool]:
    """Gates of the longest circuit, the device's own where there is one, and whether they are an upper bound."""
    if work.gates is not None:
        return work.gates, True
    if plan is not None:
        return Gates(plan.gates, plan.two_qubit_gates, plan.depth), False
    size = builders.sizes.size_of(work.programs[-1])
    near = [program for program in work.programs if size <= _LONG and builders.sizes.size_of(program) > _RIVAL * size]
    rivals = sorted(near, key=lambda program: (program.num_nonlocal_gates(), builders.sizes.size_of(program)))[
        -_RIVALS:
    ]
    each = [builders.measure.gates_of(program) for program in rivals or work.programs[-1:]]
    counted = max(each, key=lambda found: (found.gates, found.depth))
    return Gates(counted.gates, counted.two_qubit_gates, counted.depth), counted.bound
