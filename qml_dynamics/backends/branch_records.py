"""The record of circuits that begin alike, in one walk along their path: the same marks, sums and amplitudes as circuit by circuit.

Each gate is read once and acts once on two random waves; a piece that stands on the path again is not read again, and acts on few qubits
as one matrix. An ending acts on the random bras that these are compared with instead, once for all circuits that have it:
``<phi|E psi> = <E^+ phi|psi>``.

A module of its own beside `records`, which says what a record is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .branches import Branch, by_path
from .circuit_steps import walk
from .gate_words import SUMS, digest, frame_of, gatewise, largest, weighted, weights
from .meaning import PROBES, QUBITS, random_state
from .statevector import act

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_ROOM = 4096  # numbers for which there is room at first
_NARROW = 6  # qubits up to which a piece that comes again is one matrix


@dataclass(frozen=True, eq=False)
class Row:
    """The record of one circuit: as in :class:`~.records.Record`; ``overlaps`` is None where there are none."""

    gates: str
    frame: str
    sums: list[float]
    size: float
    overlaps: np.ndarray | None


def rows_of(branches: Sequence[Branch], work: float) -> list[Row]:
    """The records of branches of any paths.

    Args:
        branches: the circuits.
        work: amplitudes times gates of each path that may be spent on what they do; no overlaps where they take more.
    """
    found: dict[int, Row] = {}
    for path, stops in by_path(branches).items():
        reading, pieces = _Reading(path.pieces[0].num_qubits, work), path.pieces[: max(stops)]
        left = Counter(map(id, pieces))
        for count, piece in enumerate(pieces, 1):
            left[id(piece)] -= 1
            reading.read(piece, again=left[id(piece)] > 0)
            for place in stops.get(count, ()):
                found[place] = reading.row(branches[place])
    return [found[place] for place in range(len(branches))]


@dataclass
class _Piece:
    """What is known of a piece of the path, or of an ending."""

    circuit: QuantumCircuit
    uses: int = 0

    def __post_init__(self) -> None:
        self.steps = list(walk(self.circuit))
        words, self.numbers = gatewise(self.steps)
        self.words, self.text, self.frame = len(words), "\n".join(words), frame_of(self.steps)
        self.size = largest(self.numbers)

    @cached_property
    def acts(self) -> bool:
        """Whether each of its steps has a matrix."""
        return all(step.matrix is not None for step in self.steps if step.qubits)

    @cached_property
    def matrix(self) -> np.ndarray:
        """Row i holds what becomes of basis state i."""
        rows = np.eye(1 << self.circuit.num_qubits, dtype=complex)
        self._on(rows)
        return rows

    def on(self, waves: np.ndarray) -> np.ndarray:
        """Waves of shape ``(waves, 2**n)`` behind it, up to a phase; the ones that are given may be changed."""
        self.uses += 1
        if self.uses > 1 and self.circuit.num_qubits <= _NARROW:
            return np.asarray(waves @ self.matrix)
        self._on(waves)
        return waves

    def _on(self, waves: np.ndarray) -> None:
        for step in self.steps:
            if step.qubits and step.matrix is not None:
                act(waves.reshape(-1), step.matrix, step.qubits)

    @cached_property
    def bras(self) -> np.ndarray | None:
        """The random bras before an ending, shape ``(2, 2**n)``; None where a step has no matrix."""
        if not self.acts:
            return None
        n = self.circuit.num_qubits
        bras: np.ndarray = np.stack([random_state(f"bra 0 {k}", n) for k in range(PROBES)]) * np.sqrt(2.0**n)
        for step in reversed(self.steps):
            if step.qubits and step.matrix is not None:
                act(bras.reshape(-1), step.matrix.conj().T, step.qubits)
        return bras


@dataclass
class _Reading:
    """What stands on a path up to where it was read."""

    num_qubits: int
    work: float
    words: int = 0
    count: int = 0
    size: float = 0.0
    frame: tuple[list[str], list[float]] = field(default_factory=lambda: ([], []))
    known: dict[int, _Piece] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = self.num_qubits
        self.mark = hashlib.sha256()
        self.weights, self.products = weights(_ROOM), np.empty((SUMS, _ROOM))
        self.waves: np.ndarray | None = None
        if self.work > 0 and n <= QUBITS:
            self.waves = np.stack([random_state(f"state 0 {k}", n) for k in range(PROBES)])

    def _known(self, circuit: QuantumCircuit) -> _Piece:
        """What is known of a circuit, read once; whoever asks holds it, so that its number stays its own."""
        if id(circuit) not in self.known:
            self.known[id(circuit)] = _Piece(circuit)
        return self.known[id(circuit)]

    def read(self, circuit: QuantumCircuit, again: bool) -> None:
        """Take one more piece; its steps are let go where it does not come again."""
        piece = self._known(circuit)
        if not again:
            del self.known[id(circuit)]
        if piece.words:
            self.mark.update((("\n" if self.words else "") + piece.text).encode())
        self.words += piece.words
        self._weigh(piece.numbers)
        self.count += len(piece.numbers)
        self.size = max(self.size, piece.size)
        self.frame[0].extend(piece.frame[0])
        self.frame[1].extend(piece.frame[1])
        self.work -= float(piece.words) * (1 << min(self.num_qubits, 40))
        self.waves = piece.on(self.waves) if self.waves is not None and self.work >= 0 and piece.acts else None

    def _weigh(self, numbers: np.ndarray) -> None:
        """The numbers times their weights, behind those that are there."""
        end = self.count + len(numbers)
        if end > self.products.shape[1]:
            self.weights = weights(2 * end)
            self.products = np.concatenate([self.products[:, : self.count], np.empty((SUMS, 2 * end))], axis=1)
            self.products = self.products[:, : 2 * end].copy()
        self.products[:, self.count : end] = numbers * self.weights[:, self.count : end]

    def row(self, branch: Branch) -> Row:
        """The record of the circuit that ends here."""
        ending, mark = self._known(branch.ending), self.mark.copy()
        if ending.text:
            mark.update((("\n" if self.words else "") + ending.text).encode())
        values = np.array([*self.frame[1], *ending.frame[1]], dtype=float)
        frame = digest([f"{self.num_qubits} qubits, 0 bits", *self.frame[0], *ending.frame[0]])
        size = max(self.size, ending.size, largest(values))
        return Row(mark.hexdigest(), frame, [*self._sums(ending), *weighted(values)], size, self._overlaps(ending))

    def _sums(self, ending: _Piece) -> list[float]:
        """As :func:`~.gate_words.weighted` of all numbers, to the bit: sums of the same products in the same order."""
        end = self.count + len(ending.numbers)
        self._weigh(ending.numbers)
        return [float(np.sum(row[:end])) if end else 0.0 for row in self.products]

    def _overlaps(self, ending: _Piece) -> np.ndarray | None:
        if self.waves is None or ending.bras is None:
            return None
        out: np.ndarray = np.sum(ending.bras.conj() * self.waves, axis=1)
        return out


def columns(rows: Sequence[Row]) -> Iterator[np.ndarray]:
    """Sums, sizes, overlaps and their numbers (-1: none) as arrays."""
    yield np.array([row.sums for row in rows]).reshape(-1, 2 * SUMS)
    yield np.array([row.size for row in rows])
    seen = [row.overlaps for row in rows if row.overlaps is not None]
    yield np.concatenate(seen) if seen else np.zeros(0, dtype=complex)
    yield np.array([-1 if row.overlaps is None else len(row.overlaps) for row in rows], dtype=np.int64)
