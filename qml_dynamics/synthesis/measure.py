"""Circuits that end in the dual or a Pauli basis, outcomes read back as grid indices, and gates counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.transpiler.exceptions import TranspilerError

from ..base.errors import MethodError
from ..model.domains import Domain
from ..results.sampling import merged_counts
from ..results.trajectory import Counts
from .foreign import opened
from .sizes import depth_of, size_of
from .transforms import dual_index, on_points, one_hot, point_index, to_dual


def in_dual_basis(domain: Domain, circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with the transform to the dual basis at its end."""
    out = circuit.copy()
    to_dual(domain, out)
    return out


def in_pauli_basis(letters: Sequence[str], circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with the rotations that turn X or Y on a qubit into Z; ``letters[q]`` belongs to qubit q."""
    out = circuit.copy()
    for q, letter in enumerate(letters):
        if letter == "Y":
            out.sdg(q)
        if letter in "XY":
            out.h(q)
    return out


def read_weight(domain: Domain, counts: Counts) -> Counts:
    """Outcomes as flat grid indices; the ancillas of walls, which are the highest qubits, are ignored.

    In one-hot encoding of outcomes that :func:`kept_counts` has kept.
    """
    return merged_counts(point_index(domain, counts.index), counts.count)


def read_dual(domain: Domain, counts: Counts) -> Counts:
    """Outcomes after the transform as flat indices into ``domain.dual``."""
    return merged_counts(dual_index(domain, counts.index), counts.count)


def kept_counts(domain: Domain, counts: Counts) -> Counts:
    """The outcomes that are points, or modes: in one-hot encoding those with exactly one excitation an axis; elsewhere all."""
    kept = on_points(domain, counts.index)
    return Counts(counts.index[kept], counts.count[kept])


def weight_probabilities(domain: Domain, probabilities: np.ndarray) -> np.ndarray:
    """Probabilities of the grid points, ancillas summed over; in one-hot encoding what has leaked is left out."""
    if one_hot(domain):
        return np.asarray(probabilities[domain.basis_states])  # type: ignore[union-attr]
    out: np.ndarray = probabilities.reshape(-1, domain.size).sum(axis=0)
    return out


def dual_probabilities(domain: Domain, probabilities: np.ndarray) -> np.ndarray:
    """Probabilities of the flat indices into ``domain.dual``; in one-hot encoding what has leaked is left out."""
    if one_hot(domain):
        return weight_probabilities(domain, probabilities)  # mode m is qubit m
    index = dual_index(domain, np.arange(probabilities.size))
    return np.bincount(index, weights=probabilities, minlength=domain.size)


BASIS = ("cx", "rz", "sx", "x")
_FEW = 500  # gates of a part that is not halved further: fewer than passes
WHOLE = 20_000  # circuits below this many gates are compiled whole; longer ones in parts


@dataclass(frozen=True)
class Counted:
    """All gates, those on two qubits, depth, and whether they are upper bounds since the circuit was compiled in parts."""

    gates: int
    two_qubit_gates: int
    depth: int
    bound: bool


def gates_of(circuit: QuantumCircuit) -> Counted:
    """The gates of a circuit in cx, rz, sx and x."""
    return Counted(*compiled_counts(circuit, BASIS, WHOLE))


def compiled_counts(circuit: QuantumCircuit, basis: Sequence[str], whole: int) -> tuple[int, int, int, bool]:
    """Gates, two-qubit gates, depth, and whether these are upper bounds because the circuit was compiled in parts.

    Level 1: higher levels drop small rotations in silence.
    """
    gates = two = depth = parts = 0
    for out in compiled_parts(circuit, basis, whole):
        gates += size_of(out)
        two += out.num_nonlocal_gates()
        depth += depth_of(out)
        parts += 1
    return gates, two, depth, parts > 1


def compiled_parts(circuit: QuantumCircuit, basis: Sequence[str], whole: int) -> Iterator[QuantumCircuit]:
    """A circuit compiled at level 1: as it is up to ``whole`` gates, else in parts of so many.

    A part that Qiskit gives up on, which takes out one layer of gates a pass and makes at most 1,000, is halved.

    Raises:
        MethodError: Qiskit does not compile a part of few gates either.
    """
    circuit = opened(circuit)
    for start in range(0, max(1, len(circuit.data)), whole):
        yield from _halved(_part(circuit, start, start + whole), basis)


def _part(circuit: QuantumCircuit, start: int, stop: int) -> QuantumCircuit:
    piece = circuit.copy_empty_like()
    for instruction in circuit.data[start:stop]:
        piece._append(instruction)
    return piece


def _halved(piece: QuantumCircuit, basis: Sequence[str]) -> Iterator[QuantumCircuit]:
    """A circuit compiled, in as many parts as it takes."""
    size = len(piece.data)
    try:
        done = [transpile(piece, basis_gates=list(basis), optimization_level=1, seed_transpiler=1)]
    except TranspilerError as error:
        if size <= _FEW:
            said = " ".join(str(error.message).split())
            raise MethodError(
                f"Argument `method` must have circuits that Qiskit compiles, but it says: {said}"
            ) from None
        done = []
    yield from done
    if not done:
        yield from _halved(_part(piece, 0, size // 2), basis)
        yield from _halved(_part(piece, size // 2, size), basis)
