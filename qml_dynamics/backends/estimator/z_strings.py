"""Outcomes from expectation values: with ``a_S = <Z_S>`` of all strings of Z, ``p(j) = 2^-n sum_S (-1)^(S.j) a_S``."""

from __future__ import annotations

import numpy as np

from ...model.pauli import PauliSum
from ...model.transforms import walsh_coefficients
from ...results.trajectory import Counts
from ..base import Expected
from ..mitigation.readout import as_counts, nearest_distribution

MOST_QUBITS = 8  # 255 strings, all of them in one measurement basis


def strings(num_qubits: int) -> tuple[PauliSum, ...]:
    """Every string of Z but the identity, in the order of their masks.

    >>> [operator.labels[0] for operator in strings(2)]
    ['IZ', 'ZI', 'ZZ']
    """
    zero, one = np.zeros(1, dtype=np.int64), np.ones(1)
    return tuple(PauliSum(num_qubits, zero, np.array([mask]), one) for mask in range(1, 1 << num_qubits))


def outcomes_of(answer: Expected, shots: int) -> Counts:
    """Counts of the nearest distribution, for the number of samples that would have the same mean square error.

    ``N`` samples have the error ``p (1 - p) / N`` at each outcome, the strings ``sum_S e_S^2 / 4^n``; so ``N = 2^n (1 - sum p^2) / sum
    e_S^2``, and never more than the shots taken.

    >>> from qml_dynamics.backends.base import Expected
    >>> even = outcomes_of(Expected(np.array([0.0, 0.5, 0.0]), np.full(3, 0.1)), 100)
    >>> even.index.tolist(), even.shots
    ([0, 1, 2, 3], 92)
    """
    size = len(answer.value) + 1
    p = nearest_distribution(walsh_coefficients(np.concatenate([[1.0], answer.value])))
    noise, spread = float((answer.stderr**2).sum()), 1.0 - float((p**2).sum())
    worth = size * spread / noise if noise > 0 else float(shots)
    return as_counts(p, float(max(1, min(shots, round(worth)))))
