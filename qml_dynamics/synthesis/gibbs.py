"""Circuits of Gibbs laws: a uniformly controlled rotation of one ancilla, two levels with hopping, purifications."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

from ..model.domains import Domain
from .states import amplitudes
from .transforms import width
from .trotter import pauli_rotations
from .walsh import damping_angles, multiplexed_ry


def softmax_circuit(exponents: np.ndarray) -> QuantumCircuit:
    """Uniform over the labels; the ancilla (highest qubit) is rotated by ``2 acos(e^{-exponent / 2})``.

    Labels that fill the register up to a power of two have no amplitude, and their ancilla is rotated to 1.

    >>> softmax_circuit(np.array([0.0, 1.0, 2.0])).num_qubits
    3
    """
    labels = len(exponents)
    bits = (labels - 1).bit_length()
    circuit = QuantumCircuit(bits + 1)
    if labels == 1 << bits:
        for q in range(bits):
            circuit.h(q)
    else:
        start = np.zeros(1 << bits)
        start[:labels] = labels**-0.5
        amplitudes(start, circuit, range(bits))
    angles = np.full(1 << bits, np.pi)
    angles[:labels] = 2 * damping_angles(np.exp(-0.5 * exponents))
    multiplexed_ry(angles, circuit, range(bits), bits)
    return circuit


def two_level_circuit(tilt: float, hopping: float, exponent: float) -> QuantumCircuit:
    """``e^{-tau H}`` on ``|+>`` for ``H = tilt Z - hopping X`` up to its norm, with ``exponent = tau`` times the gap.

    A rotation to the eigenbasis, the ancilla rotated where the upper level is, and the rotation back.
    """
    circuit = QuantumCircuit(2)
    circuit.h(0)
    # H = a (cos w Z - sin w X): RY(w) H RY(-w) = a Z, with the upper level on 0
    angle = float(np.arctan2(hopping, tilt))
    circuit.ry(angle, 0)
    multiplexed_ry(2 * damping_angles(np.array([np.exp(-exponent), 1.0])), circuit, [0], 1)
    circuit.ry(-angle, 0)
    return circuit


def bell_pairs(domain: Domain) -> QuantumCircuit:
    """Each qubit of the weight space in a Bell pair with a partner; partners lie above the register and its ancillas."""
    base = width(domain)
    circuit = QuantumCircuit(base + domain.num_qubits)
    for q in range(domain.num_qubits):
        circuit.h(q)
        circuit.cx(q, base + q)
    return circuit


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
