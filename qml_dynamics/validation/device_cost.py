"""A run on a device before anything is sent: gates after compilation, seconds, expected fidelity, best number of Trotter steps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from .. import synthesis
from ..backends.base import Backend, capabilities
from ..backends.device.report import JOB_SECONDS, device_errors, expected_fidelity, noise_floor_steps, quantum_seconds
from ..base.errors import BackendError
from ..base.interrupts import whole
from ..methods.base import Method, Sent, Work
from ..methods.evolution import evolve
from ..methods.one_hot import is_one_hot
from ..model.problem import Problem


class NoiseFloorWarning(UserWarning):
    """The device's noise is larger than what even one Trotter step could gain."""


def _seconds(value: float) -> str:
    return f"{value:,.{0 if value >= 100 else 1}f}" if value >= 1 else f"{value:.2g}"


_BY = " by the vendor's formula"


@dataclass(frozen=True)
class DevicePlan:
    """The numbers of a run on a device that reports its errors.

    Attributes:
        gates, two_qubit_gates, depth: of the longest circuit in the device's own gates, before any folding.
        seconds: what the vendor charges for all circuits by its own formula: 2 s a job, and pause and duration of each shot.
        fidelity: product of ``1 - error`` over the longest circuit's gates and measurements.
        best_steps: the number of steps with the smallest sum of formula and device error (None: not a Trotter run, or too
            wide for the formula's error to be found classically).
        executions: circuits times shots of the job, mitigation included.
        formula: whether the vendor publishes one (IBM does); otherwise the seconds are a lower bound, pauses and durations.
        jobs: how many are sent, each filled up to the device's limits; 0 where there are none.
    """

    gates: int
    two_qubit_gates: int
    depth: int
    seconds: float
    fidelity: float
    best_steps: float | None
    executions: int
    formula: bool = True
    jobs: int = 1

    def __str__(self) -> str:
        jobs = f" in {self.jobs} jobs" if self.jobs > 1 else ""
        text = (
            f"{'about' if self.formula else 'at least'} {_seconds(self.seconds)} s on the device{jobs}"
            f"{_BY if self.formula else ''}, expected fidelity {self.fidelity:.3g} of the longest circuit"
        )
        if self.best_steps is None:
            return text
        return f"{text}; best number of Trotter steps for its error rates: {self.best_steps:.2g}"


def device_plan(
    problem: Problem, method: Method, device: Backend, work: Work, shots: int, together: bool = False
) -> DevicePlan | None:
    """Compile for the device and read its report; None where the backend does not stand on a device.

    Warns with :class:`NoiseFloorWarning` when the best number of steps is below one:
    ``r* = (p C / (g e))^(1/(p+1))``, C from the formula's own error, measured classically.

    Args:
        problem, method, device: of the run.
        work: what the method says that it takes.
        shots: of each circuit.
        together: whether batches of circuits that do not wait for each other share jobs, as in a run folder. (Draws whose shots differ
            by one share none there, which takes one job more.)
    """
    can = capabilities(device)
    if not can.on_device:
        return None
    try:
        errors = device_errors(device)
    except BackendError:
        return None
    circuits = list(work.programs)
    programs = cast(Any, device).programs(circuits, shots, list(range(len(circuits))))
    asked = [p.circuit for p in programs if "circuit" in p.role]
    beside = [p.circuit for p in programs if "circuit" not in p.role]  # calibrations, once a job
    number = work.circuits
    sent = work.sent or (Sent(work.circuits),)
    sampled, estimated = _jobs(_joined(sent) if together else sent, can.room(shots))
    jobs = sampled + estimated if can.max_circuits is not None else 0  # IBM's formula is for jobs
    plain = [p.circuit for p in programs if p.role.get("scale") == 1]
    longest = max(plain, key=synthesis.sizes.size_of)
    two = longest.num_nonlocal_gates()
    best = _best_steps(problem, method, errors.two_qubit, two)
    if best is not None and best < 1:
        text = f"{device.name} is too noisy for this problem: its best number of Trotter steps is {best:.2g}."
        warnings.warn(text, NoiseFloorWarning, stacklevel=3)
    busy = quantum_seconds(asked, shots, device) * number / len(circuits)
    busy += quantum_seconds(beside, shots, device) * sampled
    return DevicePlan(
        gates=synthesis.sizes.size_of(longest),
        two_qubit_gates=two,
        depth=synthesis.sizes.depth_of(longest),
        seconds=JOB_SECONDS * jobs + busy,
        fidelity=expected_fidelity(longest, device),
        best_steps=best,
        executions=round(len(asked) * shots * number / len(circuits)) + len(beside) * shots * sampled,
        formula=jobs > 0,
        jobs=jobs,
    )


def _joined(sent: Sequence[Sent]) -> list[Sent]:
    """The batches of the sampler as one, and those of the estimator as one, of the most bases that one of them has."""
    out = []
    for batches in ([batch for batch in sent if not batch.bases], [batch for batch in sent if batch.bases]):
        if batches:
            out.append(Sent(sum(batch.circuits for batch in batches), max(batch.bases for batch in batches)))
    return out


def _jobs(sent: Sequence[Sent], most: int | None) -> tuple[int, int]:
    """How many jobs of the sampler, each with its own calibrations, and of the estimator; ``most`` circuits in each."""
    counts = [0, 0]
    for circuits, bases in sent:
        room = circuits if most is None else max(1, most // bases) if bases else most
        counts[bases > 0] += -(-circuits // max(1, room))
    return counts[0], counts[1]


def _best_steps(problem: Problem, method: Method, error: float, two_qubit_gates: int) -> float | None:
    """The number of steps with the smallest sum of formula and device error; None where more steps do not mean a better wave."""
    facts = method.facts()
    limit = _REFERENCE_QUBITS if _classically(problem) else _OPERATOR_QUBITS
    converges = facts.circuits_known_ahead and facts.order_of == "wave" and problem.clock == "real"
    if not converges or facts.steps is None or facts.order is None or problem.domain.num_qubits > limit:
        return None
    constant = formula_constant(problem, method)
    return noise_floor_steps(error, two_qubit_gates / facts.steps, constant, int(facts.order))


_REFERENCE_QUBITS, _OPERATOR_QUBITS = 18, 10  # above these the formula's own error takes too long to find


def _classically(problem: Problem) -> bool:
    """Whether a classical method takes the steps of circuits for the problem."""
    return problem.operator is None and not is_one_hot(problem.domain)


def formula_constant(problem: Problem, method: Method) -> float:
    """C in ``error(r) = C / r^p``: the state's distance at the method's steps, from a run with twice as many.

    Classically where a classical method takes the same steps, else from its own circuits as amplitudes.
    """
    order, steps = method.facts().order, method.facts().steps
    assert order is not None
    assert steps is not None
    same = method.without_encoding() if _classically(problem) else method
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        coarse, fine = (whole(evolve(problem, m, progress=False)).states for m in (same, same.refined()))
    assert coarse is not None
    assert fine is not None
    overlap = np.vdot(coarse[-1], fine[-1])
    gap = float(np.linalg.norm(coarse[-1] * (overlap / abs(overlap) if overlap else 1.0) - fine[-1]))
    return float(gap * 2**order / (2**order - 1) * float(steps) ** order)
