"""What a device makes of a Trotter run before anything is sent: seconds, expected fidelity, and the best number of steps."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import BackendError
from ..base.registry import SplitStep, Trotter
from ..methods.evolution import evolve
from ..model.hamiltonian import LearningHamiltonian, hamiltonian
from ..model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit


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
    """

    gates: int
    two_qubit_gates: int
    depth: int
    seconds: float
    fidelity: float
    best_steps: float | None
    executions: int
    formula: bool = True

    def __str__(self) -> str:
        text = (
            f"{'about' if self.formula else 'at least'} {_seconds(self.seconds)} s on the device"
            f"{_BY if self.formula else ''}, expected fidelity {self.fidelity:.3g} of the longest circuit"
        )
        if self.best_steps is None:
            return text
        return f"{text}; best number of Trotter steps for its error rates: {self.best_steps:.2g}"


def device_plan(
    problem: Problem,
    method: Any,
    device: Any,
    circuits: Sequence[QuantumCircuit],
    shots: int,
    total: int | None = None,
) -> DevicePlan | None:
    """Compile for the device and read its report; None where the backend does not stand on a device.

    Warns with :class:`NoiseFloorWarning` when the best number of steps is below one (THEORY A7:
    ``r* = (p C / (g e))^(1/(p+1))``, C from the formula's own error, measured classically).

    Args:
        problem, method, device, shots: of the run.
        circuits: as long as any that is sent.
        total: how many are sent in all; None: just these.
    """
    from ..backends.device.report import JOB_SECONDS, device_errors, expected_fidelity, quantum_seconds

    if not hasattr(device, "programs"):
        return None
    try:
        errors = device_errors(device)
    except BackendError:
        return None
    work = device.programs(list(circuits), shots, list(range(len(circuits))))
    asked = [p.circuit for p in work if "circuit" in p.role]
    beside = [p.circuit for p in work if "circuit" not in p.role]  # calibrations, once a job
    number = len(circuits) if total is None else total
    jobs = -(-number // device.max_circuits) if hasattr(device, "max_circuits") else 0  # IBM's formula is for jobs
    plain = [p.circuit for p in work if p.role.get("scale") == 1]
    longest = max(plain, key=lambda circuit: circuit.size())
    two = longest.num_nonlocal_gates()
    best = _best_steps(problem, method, errors.two_qubit, two)
    if best is not None and best < 1:
        text = f"{device.name} is too noisy for this problem: its best number of Trotter steps is {best:.2g}."
        warnings.warn(text, NoiseFloorWarning, stacklevel=3)
    busy = quantum_seconds(asked, shots, device) * number / len(circuits) + quantum_seconds(
        beside, shots, device
    ) * max(jobs, 1)
    return DevicePlan(
        gates=longest.size(),
        two_qubit_gates=two,
        depth=longest.depth(),
        seconds=JOB_SECONDS * jobs + busy,
        fidelity=expected_fidelity(longest, device),
        best_steps=best,
        executions=round(len(asked) * shots * number / len(circuits)) + len(beside) * shots * max(jobs, 1),
        formula=jobs > 0,
    )


def _best_steps(problem: Problem, method: Any, error: float, two_qubit_gates: int) -> float | None:
    from ..backends.device.report import noise_floor_steps

    limit = _REFERENCE_QUBITS if isinstance(hamiltonian(problem), LearningHamiltonian) else _OPERATOR_QUBITS
    if not isinstance(method, Trotter) or problem.domain.num_qubits > limit:
        return None
    return noise_floor_steps(error, two_qubit_gates / method.steps, formula_constant(problem, method), method.order)


_REFERENCE_QUBITS, _OPERATOR_QUBITS = 18, 10  # above these the formula's own error takes too long to find


def _at(method: Trotter, steps: int, learning: bool) -> Any:
    """The formula with that many steps, where it runs fastest: split-step, or its own circuit as amplitudes."""
    return SplitStep(steps, method.order) if learning else Trotter(steps, method.order, method.truncation)


def formula_constant(problem: Problem, method: Trotter) -> float:
    """C in ``error(r) = C / r^p``: the state's distance at the method's steps, from a run with twice as many."""
    learning = isinstance(hamiltonian(problem), LearningHamiltonian)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        coarse, fine = (evolve(problem, _at(method, k * method.steps, learning), progress=False).states for k in (1, 2))
    assert coarse is not None
    assert fine is not None
    overlap = np.vdot(coarse[-1], fine[-1])
    gap = float(np.linalg.norm(coarse[-1] * (overlap / abs(overlap) if overlap else 1.0) - fine[-1]))
    return gap * 2**method.order / (2**method.order - 1) * float(method.steps) ** method.order
