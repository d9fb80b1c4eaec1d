"""Quasi-distributions: what mitigation makes of samples, kept beside the projected counts so that means and errors are honest.

Undoing readout errors, and extrapolating noise, are linear: ``q = sum_s w_s A^-1 p_s + (1 - sum_s w_s) u`` of the frequencies
``p_s`` that were read at each noise scale, u the uniform law. q sums to 1, may have negative entries, and is unbiased; the nearest
distribution (Smolin, Gambetta and Smith, arXiv:1106.5458) has none and is biased where an outcome is nearly certain. So densities and
samples come from the nearest distribution, means from q. The mean of f is ``sum_s w_s <A^-T f>`` over samples as they were read:
its variance is that of a mean of plain samples, with the amplification by the inverse in ``A^-T f``. To it comes the variance of the rates
in A, to first order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..base.estimate import mean_of_counts
from .rare import flips, unseen_change

_BLOCK = 1 << 14  # outcomes whose values are asked for at a time


def by_qubit(vector: np.ndarray, matrices: Sequence[np.ndarray]) -> np.ndarray:
    """A vector on the outcomes of n qubits, shape ``(2**n,)``, times the product of one 2 x 2 matrix a qubit.

    >>> by_qubit(np.array([1.0, 0.0, 0.0, 0.0]), [np.array([[0, 1], [1, 0]]), np.eye(2)]).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    out = np.asarray(vector, dtype=float)
    for qubit, matrix in enumerate(matrices):
        out = np.einsum("ij,ajb->aib", matrix, out.reshape(-1, 2, 1 << qubit))
    return out.reshape(-1)


def inverse(errors: Sequence[tuple[float, float]] | np.ndarray) -> list[np.ndarray]:
    """The inverse of each qubit's ``A[read, true]`` from ``(p(1|0), p(0|1))``, whose sum is below 1."""
    return [np.array([[1 - down, -down], [-up, 1 - up]]) / (1 - up - down) for up, down in errors]


@dataclass(frozen=True, eq=False)
class Quasi:
    """Samples as they were read, and how a quasi-distribution is made of them.

    Attributes:
        parts: (outcomes, how often each was read), one pair for each noise scale.
        weights: of the parts, shape ``(k,)``; where they do not sum to 1, the rest is the uniform law's.
        errors: ``(p(1|0), p(0|1))`` of each qubit, shape ``(n, 2)``; zeros where readout is not undone.
        variances: of the errors, same shape; zeros where they are taken as exact.
        inflation: factor of the variance of shots for weights that are fitted to the samples themselves.
        place: what each of the ``2**n`` outcomes is called now, -1 where it was thrown away; None: as it was read.
    """

    parts: tuple[tuple[np.ndarray, np.ndarray], ...]
    weights: np.ndarray
    errors: np.ndarray
    variances: np.ndarray
    inflation: float = 1.0
    place: np.ndarray | None = None

    @property
    def places(self) -> np.ndarray:
        """What each outcome is called now, shape ``(2**n,)``; -1 where it was thrown away."""
        return np.arange(1 << len(self.errors)) if self.place is None else self.place

    def mapped(self, called: Callable[[np.ndarray], np.ndarray]) -> Quasi:
        """The same with outcomes called by other numbers."""
        place = self.places.copy()
        place[place >= 0] = called(place[place >= 0])
        return replace(self, place=place)

    def only(self, kept: Callable[[np.ndarray], np.ndarray]) -> Quasi:
        """The same without the outcomes for which ``kept`` is False."""
        place = self.places.copy()
        there = place >= 0
        place[there] = np.where(kept(place[there]), place[there], -1)
        return replace(self, place=place)

    def distribution(self) -> np.ndarray:
        """The quasi-distribution of outcomes as they were read, shape ``(2**n,)``: it sums to 1, entries may be negative."""
        size, undo = 1 << len(self.errors), inverse(self.errors)
        out = np.full(size, (1.0 - float(self.weights.sum())) / size)
        for weight, (index, count) in zip(self.weights, self.parts):
            out += weight * by_qubit(np.bincount(index, count, size) / count.sum(), undo)
        return out

    def mean(self, values: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
        """Mean of a function of outcomes, of those kept where some were thrown away, and its standard error.

        Args:
            values: of outcomes as they are called now, shape ``(m,)`` to ``(m,)``.

        Returns:
            Mean and standard error: of the shots as they are amplified, of the rates, and of outcomes that were possible but not read
            (:func:`~qml_dynamics.results.rare.unseen_change`). The mean may lie outside the range of the function, as an unbiased
            estimate must near its ends. ``(nan, inf)`` where nothing is left of the quasi-distribution.

        >>> half = np.array([5000, 5000])
        >>> plain, noisy = (Quasi(((np.arange(2), half),), np.ones(1), np.array([[e, e]]), np.zeros((1, 2))) for e in (0.0, 0.1))
        >>> [round(q.mean(lambda bit: 1.0 - 2.0 * bit)[1], 4) for q in (plain, noisy)]
        [0.01, 0.0125]
        """
        quasi, place = self.distribution(), self.places
        kept = np.flatnonzero(place >= 0)
        share = float(quasi[kept].sum())
        if share <= 0:
            return float("nan"), float("inf")
        f = np.zeros(place.size)
        for start in range(0, kept.size, _BLOCK):
            part = kept[start : start + _BLOCK]
            f[part] = values(place[part])
        value = float(quasi @ f) / share
        centred = np.zeros(place.size)
        centred[kept] = (f[kept] - value) / share  # of a ratio, to first order
        return value, float(np.sqrt(self._of_shots(centred) + self._of_rates(quasi, centred)))

    def _of_shots(self, f: np.ndarray) -> float:
        """Variance of the mean that comes from the shots of every part."""
        pulled = by_qubit(f, [matrix.T for matrix in inverse(self.errors)])
        total = 0.0
        for weight, (index, count) in zip(self.weights, self.parts):
            beside = flips(len(self.errors), int(index[int(np.argmax(count))]))
            unseen = unseen_change(index, count, beside, pulled.__getitem__)
            total += (weight * mean_of_counts(pulled[index], count, unseen)[1]) ** 2
        return total * self.inflation

    def _of_rates(self, quasi: np.ndarray, f: np.ndarray) -> float:
        """Variance of the mean that comes from the rates.

        ``d<f>/dp(1|0) = - sum_x [x_q = 0] q(x) (f(x with bit q flipped) - f(x)) / (1 - p(1|0) - p(0|1))``, likewise for p(0|1) and 1.
        """
        total = 0.0
        for qubit in np.flatnonzero(self.variances.any(axis=1)).tolist():
            low, high = np.moveaxis(f.reshape(-1, 2, 1 << qubit), 1, 0)
            zero, one = np.moveaxis(quasi.reshape(-1, 2, 1 << qubit), 1, 0)
            slopes = np.array([(zero * (high - low)).sum(), (one * (low - high)).sum()])
            slopes /= 1.0 - self.errors[qubit].sum()
            total += float(self.variances[qubit] @ slopes**2)
        return total

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays, for a file."""
        sizes = [index.size for index, _ in self.parts]
        out = {
            "index": np.concatenate([index for index, _ in self.parts]),
            "count": np.concatenate([count for _, count in self.parts]),
            "part": np.repeat(np.arange(len(sizes)), sizes),
            "weights": self.weights,
            "errors": self.errors,
            "variances": self.variances,
            "inflation": np.array(self.inflation),
        }
        return out if self.place is None else {**out, "place": self.place}


def quasi_of(arrays: Mapping[str, np.ndarray]) -> Quasi:
    """What :meth:`Quasi.arrays` wrote."""
    weights, part = arrays["weights"], arrays["part"]
    parts = [(arrays["index"][part == k], arrays["count"][part == k]) for k in range(len(weights))]
    known = weights, arrays["errors"], arrays["variances"], float(arrays["inflation"])
    return Quasi(tuple(parts), *known, arrays.get("place"))
