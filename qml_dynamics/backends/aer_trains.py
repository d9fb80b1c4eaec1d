"""Waves as matrix product states, from Aer: one run of a long circuit, with the state saved on the way.

Aer cuts a bond after every gate on two qubits: it leaves out the smallest Schmidt coefficients whose squares add up to at most the
truncation, and scales the others up. Its own default of 1e-16 keeps rounding errors as bonds, which is slow. A module of its own
beside `aer`: how the state is asked for, and how its matrices are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from qiskit import QuantumCircuit

from .aer_batch import check

if TYPE_CHECKING:
    from qiskit_aer import AerSimulator


def trains(pieces: Sequence[QuantumCircuit], simulator: AerSimulator) -> list[list[np.ndarray]]:
    """The waves after each of consecutive circuits, as cores of shape ``(left, 2, right)``, that of qubit 0 first.

    Args:
        pieces: circuits in gates that Aer knows, all on the same qubits. (They are not transpiled: above 63 qubits Qiskit refuses
            to do so for this simulator.)
        simulator: Aer's, of matrix product states.

    Raises:
        BackendError: Aer fails.
    """
    circuit = QuantumCircuit(pieces[0].num_qubits)
    for number, piece in enumerate(pieces):
        circuit.compose(piece, inplace=True)
        circuit.save_matrix_product_state(label=f"train{number}")
    result = simulator.run(circuit, shots=1).result()
    check(result)
    data = result.data(0)
    return [_cores(*data[f"train{number}"]) for number in range(len(pieces))]


def _cores(matrices: Sequence[tuple[np.ndarray, np.ndarray]], coefficients: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Vidal's form, ``Gamma lambda Gamma lambda ... Gamma``, with every lambda in the core before it."""
    cores = [np.stack([np.asarray(zero), np.asarray(one)], axis=1) for zero, one in matrices]
    for q, schmidt in enumerate(coefficients):
        cores[q] = cores[q] * np.asarray(schmidt)
    return cores
