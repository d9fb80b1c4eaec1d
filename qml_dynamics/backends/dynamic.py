"""Circuits that measure in the middle: which backends run them, and how their outcomes are read.

An outcome is an integer with qubit q in bit q; the bit above them is 1 where any bit measured on the way was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BackendError
from ..sampling import merged_counts
from ..trajectory import Counts

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def measures_midway(backend: Any) -> bool:
    """Whether :func:`sample_midway` can run on this backend: Aer, with or without noise."""
    return hasattr(backend, "_simulator") and hasattr(backend, "compiled")


def sample_midway(backend: Any, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
    """``shots`` outcomes of circuits that measure and reset on the way, all qubits measured at the end.

    Raises:
        BackendError: the backend does not run such circuits, or failed.
    """
    if not measures_midway(backend):
        raise BackendError(f"Argument `backend` must measure in the middle of a circuit, but {backend.name} does not.")
    from dataclasses import replace

    if backend.method == "automatic":  # every shot is a trajectory anyway, and waves are smaller than density matrices
        backend = replace(backend, method="statevector")
    out = []
    for circuit, seed in zip(circuits, seeds):
        measured = backend.compiled(circuit).copy()
        measured.measure_all()
        result = backend._simulator(circuit.num_qubits, seed).run(measured, shots=shots).result()
        if not result.success:
            raise BackendError(f"Aer failed: {result.status}")
        counts = result.data(0)["counts"]
        outcomes = [_read(int(key, 16), circuit.num_clbits, circuit.num_qubits) for key in counts]
        out.append(merged_counts(np.array(outcomes), np.array(list(counts.values()))))
    return out


def _read(raw: int, bits: int, qubits: int) -> int:
    """The vendor puts the bits of the first register lowest."""
    on_the_way = raw & ((1 << bits) - 1)
    return raw >> bits | int(on_the_way > 0) << qubits
