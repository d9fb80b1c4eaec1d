"""Circuits of randomised product formulas: Pauli rotations one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit import QuantumCircuit


def pauli_rotations(num_qubits: int, rotations: Sequence[tuple[int, int, float]], phase: float = 0.0) -> QuantumCircuit:
    """``exp(-i a P)`` for each ``(x, z, a)``, in order, with the string of masks x, z; and a global phase.

    A string on w qubits takes ``2 (w - 1)`` CX.

    >>> pauli_rotations(2, [(0b11, 0b10, 0.3)]).count_ops()["cx"]
    2
    """
    circuit = QuantumCircuit(num_qubits, global_phase=phase)
    for x, z, amount in rotations:
        support = [q for q in range(num_qubits) if (x | z) >> q & 1]
        if not support:
            circuit.global_phase -= amount
            continue
        if len(support) == 1:
            q = support[0]
            rotate = circuit.ry if x & z else circuit.rx if x else circuit.rz
            rotate(2 * amount, q)
            continue
        _to_z(circuit, support, x, z)
        for a, b in zip(support[:-1], support[1:]):
            circuit.cx(a, b)
        circuit.rz(2 * amount, support[-1])
        for a, b in reversed(list(zip(support[:-1], support[1:]))):
            circuit.cx(a, b)
        _to_z(circuit, support, x, z, back=True)
    return circuit


def _to_z(circuit: QuantumCircuit, support: Sequence[int], x: int, z: int, back: bool = False) -> None:
    for q in support:
        if not x >> q & 1:
            continue
        if z >> q & 1:
            circuit.rx(-np.pi / 2 if back else np.pi / 2, q)
        else:
            circuit.h(q)
