"""Any unitary on one or two qubits to full precision, with the fewest CX: none, two or three.

Qiskit's own decomposition rounds what is within 1e-9 of a class with fewer gates in fidelity, which is 3e-5 in the wave and adds up
over the steps of a product formula; here only coordinates below 1e-10 are left out.

A module of its own beside `operator_layers`: one unitary, whichever product it came from.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from qiskit import QuantumCircuit
from qiskit.synthesis import OneQubitEulerDecomposer, TwoQubitWeylDecomposition

_NOTHING = 1e-10  # a coordinate below it is round-off
_HALF = np.array([[1, 1j], [1j, 1]]) / np.sqrt(2)  # exp(i pi X / 4): takes ZZ to YY, on both qubits


@lru_cache(maxsize=1)
def _euler() -> OneQubitEulerDecomposer:
    return OneQubitEulerDecomposer("U")


def one_qubit(matrix: np.ndarray) -> QuantumCircuit:
    """A circuit of one gate, with its phase.

    >>> one_qubit(np.array([[0, 1], [1, 0]])).size()
    1
    """
    circuit = QuantumCircuit(1)
    _turn(circuit, matrix, 0)
    return circuit


def _turn(circuit: QuantumCircuit, matrix: np.ndarray, qubit: int) -> None:
    theta, phi, lam, phase = _euler().angles_and_phase(np.asarray(matrix, dtype=complex))
    if theta or phi + lam:
        circuit.u(theta, phi, lam, qubit)
    circuit.global_phase += phase


def two_qubits(matrix: np.ndarray) -> QuantumCircuit:
    """A circuit for a unitary of shape (4, 4), qubit 0 the lowest bit of the index.

    By the Cartan decomposition ``(A x B) exp(i (a XX + b YY + c ZZ)) (C x D)``: three CX, two where c = 0.
    Source: Vatan and Williams, Phys. Rev. A 69, 032315 (2004), arXiv:quant-ph/0308006.

    >>> two_qubits(np.diag(np.exp(1j * np.array([0.3, -0.3, -0.3, 0.3])))).count_ops()["cx"]
    2
    """
    # The nearest unitary: on a matrix that is one to 1e-13 only, Qiskit gives up where eigenvalues are equal.
    u, _, v = np.linalg.svd(np.asarray(matrix, dtype=complex))
    found = TwoQubitWeylDecomposition(u @ v, fidelity=None)
    before, after = [found.K2r, found.K2l], [found.K1r, found.K1l]  # of qubit 0 and of qubit 1
    a, b, c = found.a, found.b, found.c
    circuit = QuantumCircuit(2, global_phase=found.global_phase)
    if abs(a) < _NOTHING:
        for q in range(2):
            _turn(circuit, after[q] @ before[q], q)
        return circuit
    two = abs(c) < _NOTHING
    if two:  # XX and YY by one pair of CX, which does XX and ZZ
        before, after = [_HALF.conj() @ k for k in before], [k @ _HALF for k in after]
    for q in range(2):
        _turn(circuit, before[q], q)
    (_interaction_of_two if two else _interaction)(circuit, a, b, c)
    for q in range(2):
        _turn(circuit, after[q], q)
    return circuit


def _interaction_of_two(circuit: QuantumCircuit, a: float, b: float, _: float) -> None:
    """Append ``exp(i (a XX + b ZZ))``."""
    circuit.cx(0, 1)
    circuit.rx(-2 * a, 0)
    circuit.rz(-2 * b, 1)
    circuit.cx(0, 1)


def _interaction(circuit: QuantumCircuit, a: float, b: float, c: float) -> None:
    """Append ``exp(i (a XX + b YY + c ZZ))``."""
    circuit.rz(-np.pi / 2, 1)
    circuit.cx(1, 0)
    circuit.rz(np.pi / 2 - 2 * c, 0)
    circuit.ry(2 * a - np.pi / 2, 1)
    circuit.cx(0, 1)
    circuit.ry(np.pi / 2 - 2 * b, 1)
    circuit.cx(1, 0)
    circuit.rz(np.pi / 2, 0)
    circuit.global_phase += np.pi / 4
