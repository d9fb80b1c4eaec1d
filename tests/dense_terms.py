"""Operators of labels as dense matrices, by Kronecker products and nothing of the package: an oracle for tests."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

PAULI = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1.0, -1.0])}


def dense(terms: Mapping[str, float]) -> np.ndarray:
    """The matrix of labels with coefficients; the first letter is the highest qubit."""
    size = 2 ** len(next(iter(terms)))
    out = np.zeros((size, size), dtype=complex)
    for label, c in terms.items():
        string = np.eye(1)
        for letter in label:
            string = np.kron(string, PAULI[letter])
        out += c * string
    return out
