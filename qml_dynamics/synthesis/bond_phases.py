"""Phases of ``conj(psi_j) psi_{j+1}`` on the bonds of a grid by interference: the circuits, and how their outcomes are read."""

from __future__ import annotations

import numpy as np
from qiskit import QuantumCircuit

from ..base.errors import MethodError, require
from ..model.domains import Grid
from .transforms import has_ancillas, registers


def bond_circuits(circuit: QuantumCircuit, grid: Grid, axis: int) -> list[tuple[int, QuantumCircuit, QuantumCircuit]]:
    """Interference of all neighbours along one axis: ``(pattern, real, imaginary)`` for each pattern of bits that differ.

    Neighbours j and j + 1 differ in the bits ``2^(k+1) - 1``, so n patterns serve all bonds of an axis with 2^n points, the
    one round the ring too. CX from the highest bit that differs to the others make the pair differ in that bit alone, and
    one H (after S^+ for the imaginary part) lets the two interfere: see :func:`bond_values`.
    """
    require(not has_ancillas(grid), "grid", "be periodic", grid, MethodError)
    qubits = registers(grid)[axis]
    out = []
    for k in range(len(qubits)):
        pair = []
        for imaginary in (False, True):
            test = circuit.copy()
            for q in qubits[:k]:
                test.cx(qubits[k], q)
            if imaginary:
                test.sdg(qubits[k])
            test.h(qubits[k])
            pair.append(test)
        out.append((k, pair[0], pair[1]))
    return out


def bond_values(grid: Grid, axis: int, pattern: int, frequencies: np.ndarray) -> np.ndarray:
    """From the outcome frequencies of one of :func:`bond_circuits`' tests, shape ``(size,)``, the part of
    ``conj(psi_j) psi_{j+1}`` that it measures, shape ``grid.shape``; 0 for bonds of other patterns.

    The real test gives the real part, the imaginary one the imaginary part.
    """
    n = grid.shape[axis]
    j = np.arange(n)
    flipped = (1 << (pattern + 1)) - 1
    mine = (j ^ (j + 1) % n) == flipped
    low_side = np.where(j & (1 << pattern), (j + 1) % n, j)  # of the two, the one whose highest differing bit is 0
    base = low_side & ~(1 << pattern)
    table = np.moveaxis(np.asarray(frequencies, dtype=float).reshape(grid.shape), axis, -1)
    difference = 0.5 * (table[..., base] - table[..., base | (1 << pattern)])
    return np.moveaxis(np.where(mine, difference, 0.0), -1, axis)


def bond_signs(grid: Grid, axis: int) -> np.ndarray:
    """Sign of the imaginary part of each bond along an axis: -1 where the walk goes from the high to the low side."""
    n = grid.shape[axis]
    j = np.arange(n)
    top = np.array([int(d).bit_length() - 1 for d in j ^ (j + 1) % n])
    return np.where(j >> top & 1, -1.0, 1.0)
