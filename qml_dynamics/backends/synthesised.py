"""An exact simulator of circuits whose rotations are made of Clifford gates and T, to a given error in all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from qiskit import QuantumCircuit

from ..results.sampling import draw
from ..results.trajectory import Counts
from ..synthesis.clifford_t import approximated
from .base import Capabilities, OnStep, Seeding, check_circuits
from .statevector import StatevectorBackend


@dataclass(frozen=True)
class SynthesisedBackend:
    """``"statevector"`` with every rotation in the sequence that gridsynth finds for it (arXiv:1403.2975).

    Args:
        error: bound of the 2-norm of what is added to a wave; the rotations of a run share it evenly.

    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(0.4, 0)
    >>> wave = next(SynthesisedBackend(1e-2).states([circuit], lambda done, total: None))
    >>> bool(0 < np.abs(wave - [np.cos(0.2), np.sin(0.2)]).max() < 1e-2)
    True
    """

    error: float
    name: ClassVar[str] = "statevector"
    exact: ClassVar[bool] = True
    noisy: ClassVar[bool] = False
    seeding: ClassVar[Seeding] = "circuit"

    @property
    def capabilities(self) -> Capabilities:
        """Those of the simulator."""
        return StatevectorBackend().capabilities

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """The amplitudes after each of consecutive circuits, starting in ``|0...0>``."""
        return StatevectorBackend().states(approximated(pieces, self.error), on_step)

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Born probabilities of each circuit."""
        return [np.abs(next(self.states([circuit], lambda done, total: None))) ** 2 for circuit in circuits]

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit."""
        circuits = check_circuits(circuits, shots)
        return [draw(p, shots, seed) for p, seed in zip(self.probabilities(circuits), seeds)]

    def describe(self) -> dict[str, Any]:
        """Those of the simulator, and the error."""
        return {**StatevectorBackend().describe(), "synthesis_error": self.error}
