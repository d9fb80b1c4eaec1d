"""Drawing samples from exact probabilities, and adding up counts."""

from __future__ import annotations

import numpy as np

from .trajectory import Counts


def draw(probabilities: np.ndarray, shots: int, seed: int) -> Counts:
    """``shots`` samples of a distribution: the same seed gives the same counts for any batching.

    >>> counts = draw(np.array([0.5, 0.0, 0.5]), 10, seed=1)
    >>> counts.index.tolist(), counts.shots
    ([0, 2], 10)
    """
    p = np.maximum(np.asarray(probabilities, dtype=float).reshape(-1), 0.0)
    counts = np.random.default_rng(seed).multinomial(shots, p / p.sum())
    index = np.flatnonzero(counts)
    return Counts(index, counts[index])


def merged_counts(outcomes: np.ndarray, counts: np.ndarray) -> Counts:
    """Counts with equal outcomes added up, ascending."""
    index, where = np.unique(outcomes, return_inverse=True)
    return Counts(index, np.bincount(where, weights=counts).astype(np.int64))
