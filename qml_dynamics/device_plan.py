"""What a device makes of a Trotter run before anything is sent: seconds, expected fidelity, and the best number of steps."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import BackendError
from .evolve import evolve
from .hamiltonian import LearningHamiltonian, hamiltonian
from .methods import SplitStep, Trotter
from .problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit


class NoiseFloorWarning(UserWarning):
    """The device's noise is larger than what even one Trotter step could gain."""


@dataclass(frozen=True)
class DevicePlan:
    """The numbers of a run on a device that reports its errors.

    Attributes:
        gates, two_qubit_gates, depth: of the longest circuit in the device's own gates.
        seconds: time that the device is busy with all circuits: a lower bound (pauses and durations only).
        fidelity: product of ``1 - error`` over the longest circuit's gates and measurements.
        best_steps: the number of steps with the smallest sum of formula and device error (None: not a Trotter run).
        executions: circuits times shots of the job, mitigation included.
    """

    gates: int
    two_qubit_gates: int
    depth: int
    seconds: float
    fidelity: float
    best_steps: float | None
    executions: int

    def __str__(self) -> str:
        text = (
            f"at least {self.seconds:.2g} s on the device, expected fidelity {self.fidelity:.3g} of the longest circuit"
        )
        if self.best_steps is None:
            return text
        return f"{text}; best number of Trotter steps for its error rates: {self.best_steps:.2g}"


def device_plan(
    problem: Problem, method: Any, device: Any, circuits: Sequence[QuantumCircuit], shots: int
) -> DevicePlan | None:
    """Compile for the device and read its report; None where the backend does not stand on a device.

    Warns with :class:`NoiseFloorWarning` when the best number of steps is below one (THEORY A7:
    ``r* = (p C / (g e))^(1/(p+1))``, C from the formula's own error, measured classically).
    """
    from .backends.devices import device_errors, expected_fidelity, quantum_seconds

    if not hasattr(device, "programs"):
        return None
    try:
        errors = device_errors(device)
    except BackendError:
        return None
    ready = [p.circuit for p in device.programs(list(circuits), shots, list(range(len(circuits))))]
    longest = max(ready, key=lambda circuit: circuit.size())
    two = longest.num_nonlocal_gates()
    best = _best_steps(problem, method, errors.two_qubit, two)
    if best is not None and best < 1:
        text = f"{device.name} is too noisy for this problem: its best number of Trotter steps is {best:.2g}."
        warnings.warn(text, NoiseFloorWarning, stacklevel=3)
    return DevicePlan(
        gates=longest.size(),
        two_qubit_gates=two,
        depth=longest.depth(),
        seconds=quantum_seconds(ready, shots, device),
        fidelity=expected_fidelity(longest, device),
        best_steps=best,
        executions=len(ready) * shots,
    )


def _best_steps(problem: Problem, method: Any, error: float, two_qubit_gates: int) -> float | None:
    from .backends.devices import noise_floor_steps

    if not isinstance(method, Trotter) or not isinstance(hamiltonian(problem), LearningHamiltonian):
        return None
    return noise_floor_steps(error, two_qubit_gates / method.steps, formula_constant(problem, method), method.order)


def formula_constant(problem: Problem, method: Trotter) -> float:
    """C in ``error(r) = C / r^p``: the state's distance at the method's steps, from a run with twice as many."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        coarse, fine = (
            evolve(problem, SplitStep(k * method.steps, method.order), progress=False).states for k in (1, 2)
        )
    assert coarse is not None
    assert fine is not None
    overlap = np.vdot(coarse[-1], fine[-1])
    gap = float(np.linalg.norm(coarse[-1] * (overlap / abs(overlap) if overlap else 1.0) - fine[-1]))
    return gap * 2**method.order / (2**method.order - 1) * float(method.steps) ** method.order
