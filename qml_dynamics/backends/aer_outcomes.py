"""Probabilities that Aer gives, over the qubits of the circuit that was compiled, and with the readout errors of a noise model.

A module of its own beside `aer`, which leaves measurements out of what it simulates.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from qiskit import QuantumCircuit

from .aer_noise import Model


def with_readout(probabilities: np.ndarray, model: Model | None) -> np.ndarray:
    """Apply the noise model's readout errors, which ``save_probabilities`` leaves out."""
    num_qubits = probabilities.size.bit_length() - 1
    if model is None:
        return probabilities
    p = probabilities.reshape((2,) * num_qubits)
    for qubits, matrix in _readout_errors(model, num_qubits):
        axes = [num_qubits - 1 - q for q in reversed(qubits)]
        p = np.moveaxis(p, axes, range(len(axes)))
        shape = p.shape
        p = (matrix.T @ p.reshape(len(matrix), -1)).reshape(shape)
        p = np.moveaxis(p, range(len(axes)), axes)
    return np.ascontiguousarray(p).reshape(-1)


def places(compiled: QuantumCircuit) -> list[int]:
    """Where each logical qubit is at the end of a compiled circuit of the same width."""
    layout = compiled.layout
    return list(range(compiled.num_qubits)) if layout is None else layout.final_index_layout(filter_ancillas=True)


def logical(probabilities: np.ndarray, compiled: QuantumCircuit) -> np.ndarray:
    """Probabilities over physical qubits as probabilities over logical ones."""
    where = places(compiled)
    if where == list(range(len(where))):
        return probabilities
    n = len(where)
    axes = [n - 1 - where[q] for q in reversed(range(n))]
    return np.ascontiguousarray(probabilities.reshape((2,) * n).transpose(axes)).reshape(-1)


def _readout_errors(model: Model, num_qubits: int) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Qubits and assignment matrices ``A[true, read]`` of a noise model, by its public dictionary."""
    local: dict[tuple[int, ...], np.ndarray] = {}
    default: np.ndarray | None = None
    for error in model.to_dict(serializable=False)["errors"]:
        if error["type"] != "roerror":
            continue
        matrix = np.asarray(error["probabilities"], dtype=float)
        if "gate_qubits" in error:
            for qubits in error["gate_qubits"]:
                local[tuple(qubits)] = matrix
        else:
            default = matrix
    seen = {q for qubits in local for q in qubits}
    if default is not None:
        local.update({(q,): default for q in range(num_qubits) if q not in seen})
    for qubits, matrix in local.items():
        if max(qubits) < num_qubits:
            yield qubits, matrix
