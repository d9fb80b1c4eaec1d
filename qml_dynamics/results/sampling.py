"""Samples drawn from exact probabilities by a seeded multinomial law, the same on every machine, and counts added up."""

from __future__ import annotations

import numpy as np

from ..base.errors import require
from .trajectory import Counts

FLOOR = 1e-20
MIXED_FLOOR = 1e-13


def drawable(probabilities: np.ndarray) -> np.ndarray:
    """Computed probabilities as draws use them: without the bits that rounding decides; flat, of sum 1.

    The last bits of a probability differ between processors, and a generator of random numbers must not see them: NumPy's
    multinomial spends no random number on an outcome of probability 0 but one on 1e-33, so that all later draws are others, and it
    mirrors a binomial where ``p`` is above 1/2, so that 0.5 and 0.5000000000000001 give other counts. Therefore

    * what is below ``1e-20`` of the largest becomes 0. Rounding leaves amplitudes of ``1e-16 sqrt(steps)`` of the largest where they
      should be 0, in the worst case ``1e-16 steps``: probabilities of 1e-24 after 10,000 steps. What is dropped of a law of ``2**30``
      outcomes has less than 1e-11 of the weight, nothing that samples show.
    * the others are rounded to single precision (24 bits) relative to the largest: equal ones stay equal, a half stays a half. A
      chi-square test sees it after ``1 / (3e-8)**2 = 1e15`` samples.

    Relative noise of 1e-12 then changes the numbers that are drawn from with a chance of 2e-5 an outcome, that of rounding (1e-15)
    with 2e-8, and only by 6e-8 of themselves: counts then change with a chance of less than 1e-7 a sample, but for ties.

    Raises:
        ProblemError: a probability is not finite, or all are 0.

    >>> drawable(np.array([0.5 + 1e-16, 1e-33, 0.5, -1e-18])).tolist()
    [0.5, 0.0, 0.5, 0.0]
    """
    p = np.maximum(np.asarray(probabilities, dtype=float).reshape(-1), 0.0)
    top = float(p.max(initial=0.0))
    require(bool(np.isfinite(top)) and top > 0, "probabilities", "be finite and not all 0", f"of largest value {top}")
    p = p / top
    p = np.where(p > FLOOR, p, 0.0).astype(np.float32).astype(float)
    return np.asarray(p / p.sum())


def without_residues(diagonal: np.ndarray) -> np.ndarray:
    """The diagonal of a density matrix without its residues: what is below :data:`MIXED_FLOOR` of the largest becomes 0.

    Rounding is that of the probability itself there, 1e-17 where it should be 0 and at worst 1e-16 a gate, where that of an amplitude
    is squared: :data:`FLOOR` is too low for it. What is dropped of a law of ``2**13`` outcomes has less than 1e-9 of the weight.

    >>> without_residues(np.array([0.5, 7e-18, 0.5, -3e-17])).tolist()
    [0.5, 0.0, 0.5, 0.0]
    """
    p = np.asarray(diagonal, dtype=float)
    return np.where(p <= MIXED_FLOOR * p.max(initial=0.0), 0.0, p)  # what is no number stays, and is refused by draws


def draw(probabilities: np.ndarray, shots: int, seed: int) -> Counts:
    """``shots`` samples of a distribution: the same seed gives the same counts, for any batching and on every machine.

    >>> counts = draw(np.array([0.5, 0.0, 0.5]), 10, seed=1)
    >>> counts.index.tolist(), counts.shots
    ([0, 2], 10)
    """
    p = drawable(probabilities)
    index = np.flatnonzero(p)
    counts = np.random.default_rng(seed).multinomial(shots, p[index])
    seen = np.flatnonzero(counts)
    return Counts(index[seen], counts[seen])


def draw_successes(probability: float, shots: int, seed: int) -> int:
    """How many of ``shots`` trials succeed, as :func:`draw` would tell it of the outcomes success and failure.

    >>> draw_successes(1 - 1e-16, 100, seed=1), draw_successes(1e-33, 100, seed=1)
    (100, 0)
    """
    share = min(max(float(probability), 0.0), 1.0)
    counts = draw(np.array([share, 1.0 - share]), shots, seed)
    return int(counts.count[counts.index == 0].sum())


def merged_counts(outcomes: np.ndarray, counts: np.ndarray) -> Counts:
    """Counts with equal outcomes added up, ascending."""
    index, where = np.unique(outcomes, return_inverse=True)
    return Counts(index, np.bincount(where, weights=counts).astype(np.int64))
