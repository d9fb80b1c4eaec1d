"""Circuits for Aer: long ones in pieces of 40,000 gates with states saved on the way, and small ones one after the other in one.

A module of its own beside `aer`: how a long circuit is cut into pieces, how their phases are kept, and what one run of Aer takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from qiskit import QuantumCircuit

from ..base.errors import BackendError

if TYPE_CHECKING:
    from qiskit.result import Result
    from qiskit_aer import AerSimulator

_SMALL = 8  # qubits up to which circuits are joined
_CHUNK = 40_000  # gates between two signs of progress, and the most that an interrupt can lose

Place = tuple[
    int, str, bool
]  # of saved probabilities: number of the circuit, label, and whether others may follow in it


class Batch:
    """Gates of one Aer run, with the places where the state is wanted.

    Aer multiplies every saved state by the global phase of the WHOLE circuit, so phases are kept here, mark by mark.
    """

    def __init__(self, num_qubits: int) -> None:
        self.circuit = QuantumCircuit(num_qubits)
        self.marks = 0
        self.phases: list[float] = []

    @property
    def full(self) -> bool:
        """Whether it is time to run."""
        return len(self.circuit.data) >= _CHUNK

    def add(self, part: QuantumCircuit) -> None:
        """Append gates."""
        self.circuit.compose(part, inplace=True)

    @property
    def _phase(self) -> float:
        return float(self.circuit.global_phase)

    def mark(self) -> None:
        """Save the state here."""
        self.circuit.save_statevector(label=f"save{self.marks}")
        self.phases.append(self._phase)
        self.marks += 1

    def run(self, simulator: AerSimulator, state: np.ndarray | None, save_end: bool) -> list[np.ndarray]:
        """The saved states, and the last one too if asked for."""
        if save_end:
            self.mark()
        if not self.marks:
            return []
        circuit = self.circuit
        circuit.global_phase = 0
        if state is not None:
            whole = QuantumCircuit(circuit.num_qubits)
            whole.set_statevector(state / np.linalg.norm(state))
            circuit = whole.compose(circuit)
        result = simulator.run(circuit, shots=1).result()
        check(result)
        data = result.data(0)
        return [np.exp(1j * phase) * np.asarray(data[f"save{i}"]) for i, phase in enumerate(self.phases)]


def parts(piece: QuantumCircuit) -> Iterator[QuantumCircuit]:
    """A circuit cut into runs of at most a chunk of gates; the global phase stays with the first."""
    if len(piece.data) <= _CHUNK:
        yield piece
        return
    for start in range(0, len(piece.data), _CHUNK):
        part = piece.copy_empty_like()
        if start:
            part.global_phase = 0
        for instruction in piece.data[start : start + _CHUNK]:
            part._append(instruction)  # append() checks what the circuit has checked already, at 50 times the price
        yield part


def with_probabilities(circuits: Sequence[QuantumCircuit], joined: bool) -> tuple[list[QuantumCircuit], list[Place]]:
    """Circuits that save the probabilities at the end of each of ``circuits``, and where they stand: number and label.

    Args:
        circuits: what Aer knows, on one register.
        joined: several become one, with the state set back between them, since Aer takes longer to begin a small circuit than to run
            it: 0.3 ms on four qubits. The probabilities are the same to rounding, and draws do not see that.
    """
    out: list[QuantumCircuit] = []
    places: list[Place] = []
    for k, circuit in enumerate(circuits):
        small = joined and circuit.num_qubits <= _SMALL and not circuit.num_clbits
        fits = small and out and places[-1][2] and len(out[-1].data) + len(circuit.data) <= _CHUNK
        if fits and out[-1].num_qubits == circuit.num_qubits:
            zero = np.zeros(1 << circuit.num_qubits, dtype=complex)
            zero[0] = 1.0
            out[-1].set_statevector(zero)
            out[-1].compose(circuit, inplace=True)
        else:
            out.append(circuit.copy())
        out[-1].save_probabilities(label=f"p{k}")
        places.append((len(out) - 1, f"p{k}", small))
    return out, places


def check(result: Result) -> None:
    """Raise :class:`BackendError` with Aer's own status unless the run succeeded."""
    if not result.success:
        raise BackendError(f"Aer failed: {result.status}")
