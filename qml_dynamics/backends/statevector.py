"""`"statevector"`: amplitudes gate by gate, independent of Aer: standard gates by their matrices in place, others by Qiskit's own rules.

Qiskit's reference takes 70 microseconds a gate on few qubits; a standard gate is a matrix of 2 to 16 rows, most of them rows of the
identity, and acts on slices of the wave in 6 to 12. Shots by seeded sampling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Statevector

from ..base.errors import BackendError, check_memory
from ..base.installed import version
from ..results.sampling import draw
from ..results.trajectory import Counts
from ..synthesis.foreign import opened
from .base import Capabilities, OnStep, Seeding, check_circuits


@dataclass(frozen=True)
class StatevectorBackend:
    """Amplitudes gate by gate, in the conventions of ``qiskit.quantum_info.Statevector``."""

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
        wave, first = _loaded(pieces[0])
        total, done = sum(len(piece.data) for piece in pieces), 0
        register = _Register(wave)
        for piece in pieces:
            place = {qubit: index for index, qubit in enumerate(piece.qubits)}
            for number in range(first, len(piece.data)):
                register.take(piece, piece.data[number], tuple(place[q] for q in piece.data[number].qubits))
                if (number + 1) % _CHUNK == 0:
                    on_step(done + number + 1, total)
            done, first = done + len(piece.data), 0
            on_step(done, total)
            register.wave *= np.exp(1j * float(piece.global_phase))
            yield register.wave.copy()

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


def _loaded(piece: QuantumCircuit) -> tuple[np.ndarray, int]:
    """The start, and how many instructions it stands for: a wave handed over whole needs no reset of each qubit."""
    size = 1 << piece.num_qubits
    if piece.data and piece.data[0].operation.name == "initialize":
        given = piece.data[0].operation.params
        if len(given) == size and list(piece.data[0].qubits) == piece.qubits:
            return np.array(given, dtype=complex), 1
    start = np.zeros(size, dtype=complex)
    start[0] = 1.0
    return start, 0


class _Register:
    """A wave that gates change in place, and the views of it by which they do: making these takes a third of a gate on few qubits."""

    def __init__(self, wave: np.ndarray) -> None:
        self.wave = wave
        self.views: dict[tuple[int, ...], list[np.ndarray]] = {}

    def take(self, piece: QuantumCircuit, instruction: CircuitInstruction, where: tuple[int, ...]) -> None:
        """One instruction: in place by the matrix of a standard gate, else a new wave by Qiskit's own rules."""
        known = instruction.is_standard_gate() or isinstance(instruction.operation, UnitaryGate)
        matrix = instruction.matrix if known and len(where) <= _NARROW else None
        if matrix is None:
            alone = piece.copy_empty_like()
            alone.global_phase = 0
            alone._append(instruction)
            self.wave, self.views = np.array(Statevector(self.wave).evolve(alone).data), {}
            return
        if where not in self.views:
            if len(self.views) >= _HELD:
                self.views.clear()
            self.views[where] = _slices(self.wave, where)
        _multiply(self.views[where], matrix)


def act(wave: np.ndarray, matrix: np.ndarray, where: Sequence[int]) -> None:
    """Apply a unitary matrix to qubits of a wave, in place; rows of the identity cost nothing.

    Args:
        wave: shape ``(2**n,)``, contiguous.
        matrix: shape ``(2**k, 2**k)``, the first of the qubits its lowest bit.
        where: the k qubits, 0 the lowest bit of the wave.

    >>> wave = np.array([0.6, 0.8, 0, 0], dtype=complex)
    >>> act(wave, np.array([[0, 1], [1, 0]]), [1])
    >>> wave.real.tolist()
    [0.0, 0.0, 0.6, 0.8]
    """
    _multiply(_slices(wave, where), matrix)


def _multiply(slices: list[np.ndarray], matrix: np.ndarray) -> None:
    """Put the product of a unitary matrix and slices of a wave in their place."""
    changed = []
    for i, row in enumerate(matrix.tolist()):
        terms = [(j, value) for j, value in enumerate(row) if value]
        if terms == [(i, 1.0)]:
            continue
        if len(terms) == 1 and terms[0][0] == i:
            slices[i] *= terms[0][1]  # of a unitary no other row has an entry in this column
            continue
        total = slices[terms[0][0]] * terms[0][1]
        for j, value in terms[1:]:
            total += value * slices[j]
        changed.append((i, total))
    for i, total in changed:
        slices[i][...] = total


def _slices(wave: np.ndarray, where: Sequence[int]) -> list[np.ndarray]:
    """Views of the amplitudes with each pattern of bits on some qubits, the first of these the lowest bit of the pattern."""
    shape, axes, left = [], [], wave.size
    for qubit in sorted(where, reverse=True):
        shape += [left >> (qubit + 1), 2]
        axes.append(qubit)
        left = 1 << qubit
    view = wave.reshape(*shape, left)
    places = [where.index(qubit) for qubit in axes]
    every = slice(None)
    return [
        view[tuple(each for place in places for each in (every, pattern >> place & 1))]
        for pattern in range(1 << len(where))
    ]


_CHUNK = 2000
_NARROW = 4  # qubits of a gate that acts on slices
_HELD = 1024  # sets of qubits whose slices are held
