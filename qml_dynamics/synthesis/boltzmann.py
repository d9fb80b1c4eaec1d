"""The circuit of a variational purified thermal state of a Boltzmann machine."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

from .randomised import pauli_rotations


def purified_circuit(pairs: int, masks: Sequence[tuple[int, int]]) -> QuantumCircuit:
    """Bell pairs of qubits i and ``i + pairs``, and a rotation ``exp(-i theta_j P_j / 2)`` for each string.

    >>> purified_circuit(2, [(0b0101, 0b0001), (0b0001, 0b0101)]).num_parameters
    2
    """
    circuit = QuantumCircuit(2 * pairs)
    for q in range(pairs):
        circuit.h(q)
        circuit.cx(q, q + pairs)
    theta = ParameterVector("theta", len(masks))
    rotations = [(x, z, 0.5 * angle) for (x, z), angle in zip(masks, theta)]
    circuit.compose(pauli_rotations(2 * pairs, rotations), inplace=True)
    return circuit
