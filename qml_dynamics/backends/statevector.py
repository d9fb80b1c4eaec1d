"""`"statevector"`: Qiskit's own reference simulator, independent of Aer. Exact amplitudes; shots by seeded sampling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from ..base.errors import BackendError, check_memory
from ..base.installed import version
from ..results.sampling import draw
from ..results.trajectory import Counts
from ..synthesis.foreign import opened
from .base import Capabilities, OnStep, Seeding, check_circuits


@dataclass(frozen=True)
class StatevectorBackend:
    """Amplitudes by ``qiskit.quantum_info.Statevector``."""

    name: str = "statevector"
    exact: ClassVar[bool] = True
    noisy: ClassVar[bool] = False
    seeding: ClassVar[Seeding] = "circuit"

    @property
    def capabilities(self) -> Capabilities:
        """Amplitudes, and shots drawn with our own seeds."""
        return Capabilities(exact=self.exact, noisy=self.noisy, seeding=self.seeding)

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """The amplitudes after each of consecutive circuits, starting in ``|0...0>``."""
        check_memory(64 << pieces[0].num_qubits, f"A statevector of {pieces[0].num_qubits} qubits")
        pieces = [opened(piece, error=BackendError) for piece in pieces]
        state, first = _loaded(pieces[0])
        total, done = sum(len(piece.data) for piece in pieces), 0
        for piece in pieces:
            phase = np.exp(1j * float(piece.global_phase))
            for start in range(first, len(piece.data), _CHUNK):
                part = piece.copy_empty_like()
                part.global_phase = 0
                for instruction in piece.data[start : start + _CHUNK]:
                    part._append(instruction)
                state = state.evolve(part)
                done += len(part.data)
                on_step(done, total)
            state, first = Statevector(phase * state.data), 0
            yield np.array(state.data)

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Born probabilities of each circuit."""
        return [np.abs(next(self.states([circuit], lambda done, total: None))) ** 2 for circuit in circuits]

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit."""
        circuits = check_circuits(circuits, shots)
        return [draw(p, shots, seed) for p, seed in zip(self.probabilities(circuits), seeds)]

    def describe(self) -> dict[str, Any]:
        """Name and version."""
        return {"name": self.name, "qiskit": version("qiskit")}


def _loaded(piece: QuantumCircuit) -> tuple[Statevector, int]:
    """The start, and how many instructions it stands for: a wave handed over whole needs no reset of each qubit."""
    size = 1 << piece.num_qubits
    if piece.data and piece.data[0].operation.name == "initialize":
        given = piece.data[0].operation.params
        if len(given) == size and list(piece.data[0].qubits) == piece.qubits:
            return Statevector(np.array(given, dtype=complex)), 1
    return Statevector.from_int(0, size), 0


_CHUNK = 2000
