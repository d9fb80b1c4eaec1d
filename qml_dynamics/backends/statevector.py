"""`"statevector"`: Qiskit's own reference simulator, independent of Aer. Exact amplitudes; shots by seeded sampling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from ..errors import check_memory
from ..sampling import draw
from ..trajectory import Counts
from .base import OnStep, check_circuits


@dataclass(frozen=True)
class StatevectorBackend:
    """Amplitudes by ``qiskit.quantum_info.Statevector``."""

    name: str = "statevector"
    exact: ClassVar[bool] = True
    noisy: ClassVar[bool] = False
    seeding: ClassVar[str] = "circuit"

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """The amplitudes after each of consecutive circuits, starting in ``|0...0>``."""
        check_memory(64 << pieces[0].num_qubits, f"A statevector of {pieces[0].num_qubits} qubits")
        state = Statevector.from_int(0, 1 << pieces[0].num_qubits)
        total, done = sum(len(piece.data) for piece in pieces), 0
        for piece in pieces:
            phase = np.exp(1j * float(piece.global_phase))
            for start in range(0, len(piece.data), _CHUNK):
                part = piece.copy_empty_like()
                part.global_phase = 0
                for instruction in piece.data[start : start + _CHUNK]:
                    part._append(instruction)
                state = state.evolve(part)
                done += len(part.data)
                on_step(done, total)
            state = Statevector(phase * state.data)
            yield np.array(state.data)

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Born probabilities of each circuit."""
        return [np.abs(next(self.states([circuit], lambda done, total: None))) ** 2 for circuit in circuits]

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit."""
        check_circuits(circuits, shots)
        return [draw(p, shots, seed) for p, seed in zip(self.probabilities(circuits), seeds)]

    def describe(self) -> dict[str, Any]:
        """Name and version."""
        return {"name": self.name, "qiskit": version("qiskit")}


_CHUNK = 2000
