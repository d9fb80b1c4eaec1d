"""An exact simulator of circuits whose rotations are made of Clifford gates and T, to a given error in all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qiskit import QuantumCircuit

from ..synthesis.clifford_t import approximated
from .base import OnStep
from .statevector import StatevectorBackend


@dataclass(frozen=True)
class SynthesisedBackend(StatevectorBackend):
    """``"statevector"`` with every rotation in the sequence that gridsynth finds for it (arXiv:1403.2975).

    Args:
        error: bound of the 2-norm of what is added to a wave; the rotations of a run share it evenly.

    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(0.4, 0)
    >>> wave = next(SynthesisedBackend(error=1e-2).states([circuit], lambda done, total: None))
    >>> bool(0 < np.abs(wave - [np.cos(0.2), np.sin(0.2)]).max() < 1e-2)
    True
    """

    error: float = field(kw_only=True)

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """The amplitudes after each of consecutive circuits, starting in ``|0...0>``."""
        return super().states(approximated(pieces, self.error), on_step)

    def describe(self) -> dict[str, Any]:
        """Those of the simulator, and the error."""
        return {**super().describe(), "synthesis_error": self.error}
