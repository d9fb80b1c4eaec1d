"""Circuits that end in the dual basis or in a Pauli basis, and outcomes read back as grid indices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit import QuantumCircuit

from ..model.domains import Domain
from ..results.sampling import merged_counts
from ..results.trajectory import Counts
from .transforms import dual_index, to_dual


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
    """Outcomes as flat grid indices; the ancillas of walls, which are the highest qubits, are ignored."""
    return merged_counts(counts.index & (domain.size - 1), counts.count)


def read_dual(domain: Domain, counts: Counts) -> Counts:
    """Outcomes after the transform as flat indices into ``domain.dual``."""
    return merged_counts(dual_index(domain, counts.index), counts.count)


def weight_probabilities(domain: Domain, probabilities: np.ndarray) -> np.ndarray:
    """Probabilities of the grid points, ancillas summed over."""
    return probabilities.reshape(-1, domain.size).sum(axis=0)


def dual_probabilities(domain: Domain, probabilities: np.ndarray) -> np.ndarray:
    """Probabilities of the flat indices into ``domain.dual``."""
    index = dual_index(domain, np.arange(probabilities.size))
    return np.bincount(index, weights=probabilities, minlength=domain.size)
