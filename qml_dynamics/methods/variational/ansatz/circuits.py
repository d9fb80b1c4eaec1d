"""The library's own ansaetze as Qiskit circuits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp

from ....model.domains import Grid
from ....model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ....model.pauli import PauliSum
from ....model.problem import Problem
from ....synthesis.states import prepare
from ....synthesis.transforms import dual_phases, kinetic, registers, to_dual, width
from ....synthesis.walsh import diagonal, walsh_series
from ..engine.gates import scheduled_groups

if TYPE_CHECKING:
    from qiskit.circuit import ParameterExpression


def layered_circuit(problem: Problem, moves: Sequence[tuple[str, int, int]], undone: int) -> QuantumCircuit:
    """The preparation, ``undone`` inverse chains of CX, and the moves of a layered ansatz."""
    n = problem.domain.num_qubits
    circuit = QuantumCircuit(width(problem.domain))
    circuit.compose(prepare(problem.initial, problem.domain), inplace=True)
    theta = ParameterVector("theta", 1 + max((m[2] for m in moves if m[0] != "cx"), default=-1))
    for _ in range(undone):
        for q in reversed(range(n - 1)):
            circuit.cx(q, q + 1)
    for kind, q, other in moves:
        if kind == "cx":
            circuit.cx(q, other)
        else:
            getattr(circuit, kind)(theta[other], q)
    return circuit


def alternating_circuit(problem: Problem, h: Hamiltonian, layers: int, separate: bool, moves: bool) -> QuantumCircuit:
    """The preparation and the alternating evolutions of :func:`ansatz.hamiltonian`."""
    circuit = prepare(problem.initial, problem.domain)
    factors = (
        _learning_factors(problem, h, separate) if isinstance(h, LearningHamiltonian) else _pauli_factors(h, separate)
    )
    if moves and (shift := _shift_factor(problem)):
        factors.append(shift)
    theta = iter(ParameterVector("theta", layers * sum(size for size, _ in factors) + factors[0][0]))
    for layer in range(layers + 1):
        for size, append in factors if layer < layers else factors[:1]:
            append(circuit, [next(theta) for _ in range(size)])
    return circuit


Factor = tuple[int, Callable[[QuantumCircuit, Sequence[Any]], None]]  # how many angles, and what appends its gates


def _learning_factors(problem: Problem, h: LearningHamiltonian, separate: bool) -> list[Factor]:
    domain = problem.domain
    series = walsh_series(h.zeta)

    def potential(circuit: QuantumCircuit, angles: Sequence[float | ParameterExpression]) -> None:
        """Append ``exp(-i angle zeta)``."""
        diagonal(series, angles[0], circuit, range(domain.num_qubits))

    def whole(circuit: QuantumCircuit, angles: Sequence[float | ParameterExpression]) -> None:
        """Append ``exp(-i angle k^2)`` with one angle for all axes."""
        kinetic(domain, angles[0], circuit)

    def axes(circuit: QuantumCircuit, angles: Sequence[float | ParameterExpression]) -> None:
        """Append ``exp(-i angle k^2)`` with one angle an axis."""
        _append_axes(circuit, problem, angles)

    return [(1, potential), (domain.ndim, axes) if separate else (1, whole)]


def _pauli_factors(h: PauliHamiltonian, separate: bool) -> list[Factor]:
    def factor(group: list[int]) -> Factor:
        """A group of commuting terms as a factor: the number of its angles, and what appends it."""
        return (len(group) if separate else 1, lambda circuit, angles: _append_group(circuit, h.terms, group, angles))

    return [factor(group) for group in scheduled_groups(h)]


def _shift_factor(problem: Problem) -> Factor | None:
    domain = problem.domain
    if not isinstance(domain, Grid):

        def rotate(circuit: QuantumCircuit, angles: Sequence[float | ParameterExpression]) -> None:
            """Append one RY on each binary weight."""
            for q, angle in enumerate(angles):
                circuit.ry(angle, q)

        return domain.num_qubits, rotate
    if domain.boundary == "walls":
        return None

    def translate(circuit: QuantumCircuit, angles: Sequence[float | ParameterExpression]) -> None:
        """Append the translation of the wave by one angle (a length in weight units) an axis."""
        to_dual(domain, circuit)
        for axis, (qubits, angle) in enumerate(zip(registers(domain), angles)):
            weights = 2.0 ** np.arange(len(qubits))[::-1]  # the transform's output is bit-reversed
            weights[0] *= -1  # two's complement
            for q, w in zip(qubits, weights.tolist()):
                circuit.p(-2 * np.pi / domain.lengths[axis] * w * angle, q)
        to_dual(domain, circuit, inverse=True)

    return domain.ndim, translate


def _append_axes(circuit: QuantumCircuit, problem: Problem, angles: Sequence[float | ParameterExpression]) -> None:
    domain = problem.domain
    if not isinstance(domain, Grid):
        for qubits, angle in zip(registers(domain), angles):
            circuit.rx(-2 * angle, qubits[0])
            circuit.global_phase += -1 * angle
        return
    to_dual(domain, circuit)
    for axis, (qubits, angle) in enumerate(zip(registers(domain), angles)):
        dual_phases(domain, axis, angle, circuit, qubits)
    to_dual(domain, circuit, inverse=True)


def _append_group(
    circuit: QuantumCircuit, terms: PauliSum, group: Sequence[int], angles: Sequence[float | ParameterExpression]
) -> None:
    labels, values = [terms.labels[j] for j in group], terms.coefficients[list(group)]
    n = terms.num_qubits
    if len(angles) == 1:
        circuit.append(PauliEvolutionGate(SparsePauliOp(labels, values), time=angles[0]), range(n))
        return
    for label, value, angle in zip(labels, values, angles):
        circuit.append(PauliEvolutionGate(SparsePauliOp([label], [value]), time=angle), range(n))
