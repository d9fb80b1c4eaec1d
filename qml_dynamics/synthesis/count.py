"""Counting the gates of a circuit in cx, rz, sx and x, without compiling a long one whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qiskit import QuantumCircuit, transpile

from .foreign import opened

BASIS = ("cx", "rz", "sx", "x")
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
    circuit = opened(circuit)
    gates = two = depth = 0
    parts = [circuit.data[start : start + whole] for start in range(0, max(1, len(circuit.data)), whole)]
    for part in parts:
        piece = circuit.copy_empty_like()
        for instruction in part:
            piece._append(instruction)
        out = transpile(piece, basis_gates=list(basis), optimization_level=1, seed_transpiler=1)
        gates += out.size()
        two += out.num_nonlocal_gates()
        depth += out.depth()
    return gates, two, depth, len(parts) > 1
