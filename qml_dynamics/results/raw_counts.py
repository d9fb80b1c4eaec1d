"""Samples as they were read, kept beside mitigated counts: standard errors of means that hold near certain outcomes too.

Undoing readout errors is linear, ``q = A^-1 r`` of the frequencies r that were read; q is unbiased, and may have negative entries. Counts
and means are those of the nearest distribution p (Smolin, Gambetta and Smith, arXiv:1106.5458), which is moved away from q at the edge,
and whose own variance is nearly 0 where an outcome is nearly certain. So the error of a mean of p is taken from q: two errors reach from
``<f>_p`` to the farther end of the interval ``<f>_q +- 2 sigma``, as far as that lies within the range of f. Away from the edge, where
p = q, this is sigma.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..base.estimate import mean_of_counts
from .rare import flips, unseen_change
from .trajectory import Counts

Part = tuple[float, Counts, Callable[[np.ndarray], np.ndarray]]  # a factor, counts, and a function of their outcomes


@dataclass(frozen=True, eq=False)
class RawCounts:
    """Samples of n qubits before readout errors were undone.

    Attributes:
        index, count: outcomes, ascending, and how often each was read.
        rates: for each qubit p(1|0), p(0|1), the shots of the calibration that told them (0: they are exact) and a number that is
            the same where it is the same qubit of the device and the same job, shape ``(n, 4)``.
    """

    index: np.ndarray
    count: np.ndarray
    rates: np.ndarray

    def undone(self, vector: np.ndarray, transposed: bool = False) -> np.ndarray:
        """``A^-1`` times a vector over all outcomes, or its transpose times it."""
        out = np.asarray(vector, dtype=float)
        for qubit, (up, down, _, _) in enumerate(self.rates.tolist()):
            inverse = np.array([[1 - down, -down], [-up, 1 - up]]) / (1 - up - down)
            out = np.einsum("ij,ajb->aib", inverse.T if transposed else inverse, out.reshape(-1, 2, 1 << qubit))
        return out.reshape(-1)

    def frequencies(self) -> np.ndarray:
        """Relative frequencies of all outcomes as they were read, shape ``(2**n,)``."""
        return np.asarray(np.bincount(self.index, self.count, 1 << len(self.rates)) / self.count.sum())


def error_before_projection(parts: Sequence[Part]) -> float:
    """Standard error of ``sum_i a_i <f_i>`` of mitigated counts; 0 where some counts have nothing beside them.

    ``sigma^2 = sum_i Var_r(A^-T a_i f_i) / N_i + sum_rates Var(rate) (sum_i d<a_i f_i>_q / d rate)^2``: shots of different circuits are
    independent, rates of one qubit from one calibration are the same in all of them (Jeffreys' posterior, to first order, with
    ``d<f>_q / dp(1|0) = - sum_x [x_q = 0] q(x) (f(x with bit q flipped) - f(x)) / (1 - p(1|0) - p(0|1))``, likewise for p(0|1)).

    Args:
        parts: factors, counts, and functions of their outcomes, shape ``(m,)`` to ``(m,)``, asked for all ``2**n`` at once.

    >>> raw = RawCounts(np.array([0, 1]), np.array([980, 20]), np.array([[0.02, 0.02, 0.0, 0.0]]))
    >>> round(error_before_projection([(1.0, Counts(np.array([0]), np.array([921]), raw), lambda bit: 1.0 - 2.0 * bit)]), 4)
    0.0092
    """
    shift = variance = low = high = 0.0
    slopes: dict[tuple[float, ...], np.ndarray] = {}
    for factor, counts, values in parts:
        read = counts.raw
        if read is None:
            return 0.0
        n = len(read.rates)
        f = factor * values(np.arange(1 << n))
        f -= float(counts.count @ f[counts.index]) / counts.shots
        quasi, pulled = read.undone(read.frequencies()), read.undone(f, transposed=True)
        beside = flips(n, int(read.index[int(np.argmax(read.count))]))
        unseen = unseen_change(read.index, read.count, beside, pulled.__getitem__)
        variance += mean_of_counts(pulled[read.index], read.count, unseen)[1] ** 2
        shift, low, high = shift + float(quasi @ f), low + float(f.min()), high + float(f.max())
        for qubit, rates in enumerate(map(tuple, read.rates.tolist())):
            slopes[rates] = slopes.get(rates, np.zeros(2)) + _slopes(quasi, f, qubit) / (1 - rates[0] - rates[1])
    for (up, down, shots, _), slope in slopes.items():
        if shots:
            variance += float(slope**2 @ [up * (1 - up), down * (1 - down)]) / (shots + 2)
    reach = 2 * float(np.sqrt(variance))
    return max(min(shift + reach, high), min(reach - shift, -low), 0.0) / 2


def _slopes(quasi: np.ndarray, f: np.ndarray, qubit: int) -> np.ndarray:
    """By how much the mean moves with the flips of a qubit's zeros and with those of its ones."""
    low, high = np.moveaxis(f.reshape(-1, 2, 1 << qubit), 1, 0)
    zero, one = np.moveaxis(quasi.reshape(-1, 2, 1 << qubit), 1, 0)
    return np.array([(zero * (high - low)).sum(), (one * (low - high)).sum()])
