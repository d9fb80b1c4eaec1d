"""Counting the gates of a circuit in a basis, without compiling a long one whole."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit import QuantumCircuit, transpile

from .foreign import opened


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
