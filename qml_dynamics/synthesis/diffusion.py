"""Circuits of forward diffusion: a filter by a condition, and modes damped by ``e^{-n t}`` bit by bit.

Of the Ornstein-Uhlenbeck process ``e^{-t H_W}`` multiplies mode n by ``e^{-n t}``. With n in binary that is one factor
``e^{-2^j t}`` for each bit j that is 1: one ancilla and one controlled rotation a bit, kept where the ancilla reads 0, and exact
for every t. It is amplitude damping whose jumps are thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit import QuantumCircuit

from .diagonal import damping_angles, multiplexed_ry
from .states import amplitudes


def filtered(start: QuantumCircuit, h: np.ndarray) -> QuantumCircuit:
    """``start`` and one more ancilla on top, rotated by ``2 acos h(x)``: where it reads 0 the wave is multiplied by h.

    >>> filtered(QuantumCircuit(2), np.array([1.0, 0.5, 0.0, 1.0])).num_qubits
    3
    """
    data = h.size.bit_length() - 1
    circuit = QuantumCircuit(start.num_qubits + 1)
    circuit.compose(start, range(start.num_qubits), inplace=True)
    multiplexed_ry(2 * damping_angles(h.reshape(-1)), circuit, range(data), start.num_qubits)
    return circuit


def damped_modes(coefficients: np.ndarray, qubits: Sequence[int], rates: Sequence[float], t: float) -> QuantumCircuit:
    """Modes with these coefficients on the register (axis 0 highest), then ``e^{-rate n t}`` on each axis, an ancilla a bit.

    Args:
        coefficients: of unit norm, real, flat or of shape ``(2**q, ...)``.
        qubits: of each axis.
        rates: of each axis: the energy of its first excited mode.
        t: time.

    >>> damped_modes(np.array([0.6, 0.8]), [1], [1.0], 0.5).num_qubits
    2
    """
    base = sum(qubits)
    circuit = QuantumCircuit(2 * base)
    amplitudes(np.asarray(coefficients, dtype=float).reshape(-1), circuit, range(base))
    low = base
    for bits, rate in zip(qubits, rates):
        low -= bits
        for j in range(bits):
            angles = 2 * damping_angles(np.exp(-rate * t * np.array([0.0, 1 << j])))
            multiplexed_ry(angles, circuit, [low + j], base + low + j)
    return circuit
