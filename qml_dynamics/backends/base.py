"""The contract of a backend: few verbs, and nothing of the vendor behind it.

Outcomes are integers over all qubits of the circuit, qubit 0 the least significant bit, whatever order the vendor uses and
wherever its compiler has put the qubits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ..errors import BackendError
from ..trajectory import Counts

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

OnStep = Callable[[int, int], None]


@runtime_checkable
class Backend(Protocol):
    """What evolves and samples circuits.

    Attributes:
        name: how it is called, as in ``qd.backend(name)``.
        exact: whether it can give amplitudes (a noiseless simulator).
    """

    name: str
    exact: bool

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """The amplitudes after each of consecutive circuits, in one pass (exact backends only)."""
        ...

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Exact outcome probabilities, noise included; raises :class:`BackendError` where they cannot be known."""
        ...

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit with all qubits measured; one seed a circuit."""
        ...

    def describe(self) -> dict[str, Any]:
        """Name, versions and options, for provenance; never a credential."""
        ...


def draw(probabilities: np.ndarray, shots: int, seed: int) -> Counts:
    """``shots`` samples of a distribution: the same seed gives the same counts for any batching.

    >>> counts = draw(np.array([0.5, 0.0, 0.5]), 10, seed=1)
    >>> counts.index.tolist(), counts.shots
    ([0, 2], 10)
    """
    p = np.maximum(np.asarray(probabilities, dtype=float).reshape(-1), 0.0)
    counts = np.random.default_rng(seed).multinomial(shots, p / p.sum())
    index = np.flatnonzero(counts)
    return Counts(index, counts[index])


def merged_counts(outcomes: np.ndarray, counts: np.ndarray) -> Counts:
    """Counts with equal outcomes added up, ascending."""
    index, where = np.unique(outcomes, return_inverse=True)
    return Counts(index, np.bincount(where, weights=counts).astype(np.int64))


def check_width(num_qubits: int, limit: int, name: str) -> None:
    """Raise :class:`BackendError` when a circuit has more qubits than the backend."""
    if num_qubits > limit:
        raise BackendError(f"Argument `backend` must have at least {num_qubits} qubits, but {name} has {limit}.")
