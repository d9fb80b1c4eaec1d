"""Pauli strings grouped by qubit-wise commutation into measurement settings, and their estimates put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.estimate import mean_of_counts
from ..model.pauli import PauliSum
from .trajectory import Counts


@dataclass(frozen=True, eq=False)
class PauliGroup:
    """Terms that commute qubit by qubit, and the basis they are measured in: a letter I, X, Y or Z for each qubit."""

    letters: tuple[str, ...]
    terms: PauliSum

    def estimate(self, counts: Counts) -> tuple[float, float]:
        """Mean and standard error of the group's sum from outcomes in its basis."""
        support = self.terms.x | self.terms.z
        parity = np.bitwise_count(counts.index[:, None] & support[None, :]) & 1
        return mean_of_counts((1 - 2.0 * parity) @ self.terms.coefficients, counts.count)

    def probabilities(self, psi: np.ndarray) -> np.ndarray:
        """Outcome probabilities of a wave in this basis."""
        wave = psi.reshape(-1)
        for q, letter in enumerate(self.letters):
            if letter in "XY":
                halves = wave.reshape(-1, 2, 1 << q)
                low, high = halves[:, 0], halves[:, 1] * (-1j if letter == "Y" else 1)
                wave = np.stack([low + high, low - high], axis=1).reshape(-1) / np.sqrt(2)
        return np.abs(wave) ** 2


def pauli_groups(terms: PauliSum) -> list[PauliGroup]:
    """Greedy grouping of the terms by qubit-wise commutation, largest coefficients first."""
    bins: list[tuple[list[str], list[int]]] = []
    labels = terms.labels
    for j in np.argsort(-np.abs(terms.coefficients), kind="stable").tolist():
        letters = labels[j][::-1]
        for basis, members in bins:
            if all(a == "I" or b in ("I", a) for a, b in zip(letters, basis)):
                basis[:] = [a if a != "I" else b for a, b in zip(letters, basis)]
                members.append(j)
                break
        else:
            bins.append((list(letters), [j]))
    return [
        PauliGroup(tuple(basis), PauliSum(terms.num_qubits, terms.x[m], terms.z[m], terms.coefficients[m]))
        for basis, m in bins
    ]


def combine_groups(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Sum of independent group estimates."""
    return float(sum(v for v, _ in parts)), float(np.sqrt(sum(e * e for _, e in parts)))
