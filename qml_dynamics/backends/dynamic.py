"""Mid-circuit measurement and reset: which backends run such circuits, and how an outcome is read.

An outcome is an integer with qubit q in bit q; the bit above them is 1 where any bit measured on the way was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from ..base.errors import BackendError
from ..results.sampling import merged_counts
from ..results.trajectory import Counts
from .base import Backend, MidwayBackend, capabilities

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def sample_midway(
    backend: Backend, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]
) -> list[Counts]:
    """``shots`` outcomes of circuits that measure and reset on the way, all qubits measured at the end.

    Raises:
        BackendError: the backend does not run such circuits, or failed.
    """
    if not capabilities(backend).midway:
        raise BackendError(f"Argument `backend` must measure in the middle of a circuit, but {backend.name} does not.")
    return list(cast(MidwayBackend, backend).sample_midway(circuits, shots, seeds))


def flagged(ends: np.ndarray, on_the_way: np.ndarray, num_qubits: int, weights: np.ndarray) -> Counts:
    """Counts from the outcomes at the end of each shot, and whether any bit on the way was 1."""
    return merged_counts(ends | (on_the_way > 0).astype(np.int64) << num_qubits, weights)
