"""Samples of circuits that measure and reset on the way: one protocol beside the contract of a backend.

Their outcomes have one more bit above those of the qubits, which is 1 where any bit measured on the way was. A module of its own
beside `base`: whoever calls :func:`sample_midway` needs that backend's :func:`~qml_dynamics.backends.capabilities` to say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import numpy as np

from ..base.errors import BackendError
from ..results.sampling import merged_counts
from ..results.trajectory import Counts
from .base import Backend, capabilities

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@runtime_checkable
class MidwayBackend(Backend, Protocol):
    """A backend that also runs circuits which measure and reset qubits on the way.

    Attributes:
        measures_midway: whether it does, with the options that it was made with.
    """

    @property
    def measures_midway(self) -> bool:
        """Whether it does."""
        ...

    def sample_midway(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """As :meth:`sample`, all qubits measured at the end; the bit above them is 1 where any bit on the way was 1."""
        ...


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
