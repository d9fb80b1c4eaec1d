"""`Estimate`: a value with its standard error and shots, arithmetic that propagates errors, errors of means and shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .tails import student_isf

Index = int | slice | Sequence[int] | np.ndarray | tuple[int | slice, ...]


@dataclass(frozen=True, eq=False)
class Estimate:
    """A value (or an array of values) with its standard error and the shots it came from.

    Sums, differences, products and quotients propagate the error to first order (products exactly), with numbers and arrays of NumPy too;
    **two estimates are taken as independent of each other**. Every other function of NumPy reads an estimate as its value. An exact
    number has standard error 0 and ``shots=None``.

    >>> energy = Estimate(np.array([1.0, 0.5]), np.array([0.0, 0.1]), 1000)
    >>> print(energy[1])
    0.50 +- 0.10
    >>> np.asarray(energy).tolist()
    [1.0, 0.5]
    >>> print(np.float64(2.0) * energy[1], np.array([1.0, 2.0]) - energy)
    1.00 +- 0.20 [0, 1.50 +- 0.10]
    """

    value: Any
    stderr: Any = 0.0
    shots: int | None = None

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype)

    def __float__(self) -> float:
        return float(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Index) -> Estimate:
        stderr = np.broadcast_to(self.stderr, np.shape(self.value))
        return Estimate(np.asarray(self.value)[index], stderr[index], self.shots)

    def __iter__(self) -> Iterator[Estimate]:
        return (self[i] for i in range(len(self)))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Arithmetic of arrays and NumPy's numbers with an estimate is the estimate's own; all else reads its value."""
        own = _ARITHMETIC.get(ufunc)
        if own is not None and method == "__call__" and not options:
            return own(*(each if isinstance(each, Estimate) else Estimate(each) for each in inputs))
        values = (np.asarray(each) if isinstance(each, Estimate) else each for each in inputs)
        return getattr(ufunc, method)(*values, **options)

    def __neg__(self) -> Estimate:
        return Estimate(-self.value, self.stderr, self.shots)

    def __abs__(self) -> Estimate:
        return Estimate(abs(self.value), self.stderr, self.shots)

    def __sub__(self, other: Estimate | float | np.ndarray) -> Estimate:
        if isinstance(other, Estimate):
            return Estimate(self.value - other.value, np.hypot(self.stderr, other.stderr), self.shots or other.shots)
        return Estimate(self.value - other, self.stderr, self.shots)

    def __rsub__(self, other: float | np.ndarray) -> Estimate:
        return Estimate(other - self.value, self.stderr, self.shots)

    def __add__(self, other: Estimate | float | np.ndarray) -> Estimate:
        if isinstance(other, Estimate):
            return Estimate(self.value + other.value, np.hypot(self.stderr, other.stderr), self.shots or other.shots)
        return Estimate(self.value + other, self.stderr, self.shots)

    __radd__ = __add__

    def __mul__(self, factor: Estimate | float | np.ndarray) -> Estimate:
        """Times a number (or array of them), exact or an independent estimate: ``var = a^2 s_b^2 + b^2 s_a^2 + s_a^2 s_b^2``."""
        if not isinstance(factor, Estimate):
            return Estimate(self.value * factor, _scaled(self.stderr, factor), self.shots)
        one, other = _scaled(self.stderr, factor.value), _scaled(factor.stderr, self.value)
        error = np.hypot(np.hypot(one, other), _scaled(self.stderr, factor.stderr))
        return Estimate(self.value * factor.value, error, self.shots or factor.shots)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Estimate | float | np.ndarray) -> Estimate:
        """Divided by a number (or array of them), exact or an independent estimate, whose error is small beside its value."""
        if not isinstance(divisor, Estimate):
            return Estimate(self.value / divisor, self.stderr / np.abs(divisor), self.shots)
        ratio = self.value / divisor.value
        error = np.hypot(self.stderr, _scaled(divisor.stderr, ratio)) / np.abs(divisor.value)
        return Estimate(ratio, error, self.shots or divisor.shots)

    def __rtruediv__(self, other: float | np.ndarray) -> Estimate:
        return Estimate(other) / self

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return np.shape(self.value)

    def sigmas(self, other: Estimate, scale: float = 0.0) -> float:
        """How many combined standard errors lie between two scalar estimates (inf for two different exact numbers).

        Exact numbers are different where more than rounding lies between them, ``1e-12`` of the larger, or of ``scale`` where that is
        larger still: the size of what they are the sums of.
        """
        gap = self - other
        if gap.stderr == 0:
            size = max(abs(float(self.value)), abs(float(other.value)), scale)
            return 0.0 if abs(gap.value) <= 1e-12 * size else float("inf")
        return abs(float(gap.value)) / float(gap.stderr)

    def __str__(self) -> str:
        if np.ndim(self.value):
            return "[" + ", ".join(str(item) for item in self) + "]"
        if not self.stderr:
            return f"{float(self.value):.6g}"
        if not np.isfinite(self.stderr):  # a single shot tells nothing of its own spread
            return f"{float(self.value):.6g} +- {float(self.stderr)}"
        digits = max(0, 1 - int(np.floor(np.log10(float(self.stderr)))))
        return f"{float(self.value):.{digits}f} +- {float(self.stderr):.{digits}f}"

    def __repr__(self) -> str:
        return f"Estimate({self})" if np.ndim(self.value) == 0 else f"Estimate({len(self)} values)"


_ARITHMETIC: dict[np.ufunc, Callable[..., Estimate]] = {
    np.add: Estimate.__add__,
    np.subtract: Estimate.__sub__,
    np.multiply: Estimate.__mul__,
    np.true_divide: Estimate.__truediv__,
    np.negative: Estimate.__neg__,
}


def _scaled(stderr: Any, factor: Any) -> Any:
    """A standard error times the size of a factor; nothing times 0, also where the error is not known."""
    with np.errstate(invalid="ignore"):
        out = np.where((np.asarray(factor) == 0) & ~np.isnan(stderr), 0.0, stderr * np.abs(factor))
    return out if out.ndim else float(out)


_PSEUDO = 2.0  # counts; z^2 / 2 of Agresti and Coull at z = 2
_FEW, _MANY = 8.0, 16.0  # rare outcomes seen: below, the pseudo-counts are added whole; above, not at all


def mean_of_counts(values: np.ndarray, counts: np.ndarray, unseen: float = 0.0) -> tuple[float, float]:
    """Mean of ``values`` that were seen ``counts`` times each, and its standard error (infinite for a single shot's).

    The standard error is :func:`error_of_mean`: never 0 where an outcome that was not seen would have changed the mean.

    Args:
        values, counts: shape ``(m,)``.
        unseen: by how much the value of an outcome that was possible, but was not seen, differs from the most frequent one
            (:func:`~qml_dynamics.results.rare.unseen_change`); 0: there is none.

    >>> mean_of_counts(np.array([0.0, 1.0]), np.array([50, 50]))[0]
    0.5
    >>> round(mean_of_counts(np.array([0.0]), np.array([100]), unseen=1.0)[1], 4)
    0.0141
    """
    shots = counts.sum()
    mean = float((values * counts).sum() / shots)
    if shots < 2:
        return mean, float("inf")
    away = values - mean
    second, third = (float((counts * away**power).sum() / shots) for power in (2, 3))
    return mean, float(error_of_mean(second * shots / (shots - 1), third, shots, unseen))


def error_of_mean(
    variance: npt.ArrayLike, third: npt.ArrayLike, samples: npt.ArrayLike, unseen: npt.ArrayLike = 0.0
) -> Any:
    """Standard error of a mean of independent samples, from their variance and third central moment, with room for rare outcomes.

    ``variance / n`` has no room for an outcome of probability near ``1 / n``: with ``x`` of ``n`` it says ``x / n^2``, nothing at
    ``x = 0``, and two of its errors hold a true share of ``2 / n`` in 0.86 of all runs. Agresti and Coull (Am. Stat. 52, 119, 1998) add
    ``z^2 / 2 = 2`` successes and as many failures, which makes it ``(p (1 - p) + 2 (1 - 2 p)^2 / n) / n`` to this order; in terms
    of moments ``(m2 + 2 (m3 / m2)^2 / n) / n``, which holds for any values: ``m3 / m2`` is how far the rare outcomes lie, and
    ``n m2^3 / m3^2`` how often they were seen. From 8 of them on the correction fades, above 16 the plain error is given unchanged.
    What was not seen at all cannot be in the moments: ``unseen`` is its distance, and two counts of it are the least variance.

    >>> error_of_mean(0.25, 0.0, 100), round(error_of_mean(0.0, 0.0, 100, unseen=1.0), 5)
    (0.05, 0.01414)
    """
    m2, m3, n = (np.asarray(x, dtype=float) for x in (variance, third, samples))
    there = m2 > 0
    reach = np.divide(m3, m2, out=np.zeros(np.broadcast(m2, m3).shape), where=there)
    square = reach**2
    seen = np.divide(n * m2, square, out=np.full(np.broadcast(square, n).shape, np.inf), where=square > 0)
    pseudo = _PSEUDO * np.clip((_MANY - seen) / (_MANY - _FEW), 0.0, 1.0)
    error = np.sqrt(np.maximum(m2 / n + pseudo * square / n**2, _PSEUDO * np.asarray(unseen, dtype=float) ** 2 / n**2))
    return error if np.ndim(error) else float(error)


def share_error(share: npt.ArrayLike, samples: int) -> Any:
    """Standard error of a share (or an array of them) out of so many samples: ``sqrt(p (1 - p) / n)``, at least ``sqrt(2) / n``.

    A share of 0 or 1 has no spread of its own, and yet is not exact; the same holds in part for the next shares, see
    :func:`error_of_mean`. Two errors at a share of 0 are ``2.8 / n``: the rule of three.

    >>> share_error(np.array([0.5, 0.0]), 100).round(4).tolist()
    [0.05, 0.0141]
    """
    p = np.clip(np.asarray(share, dtype=float), 0.0, 1.0)
    variance = p * (1 - p)
    return error_of_mean(variance, variance * (1 - 2 * p), samples, np.where((p <= 0) | (p >= 1), 1.0, 0.0))


def few_samples(size: npt.ArrayLike) -> Any:
    """By how much an error from so many independent samples must be wider so that two of them hold 95 %.

    The quantile of Student's t at 0.95 over 2, for ``size - 1`` degrees of freedom: 1.18 for eight samples, infinite for one, and 1
    from 61 on.

    >>> [round(float(few_samples(n)), 2) for n in (3, 8, 1000)]
    [2.15, 1.18, 1.0]
    """
    free = np.maximum(np.asarray(size, dtype=float) - 1.0, 0.0)
    wider = np.where(free > 0, np.maximum(student_isf(0.025, np.maximum(free, 1e-3)) / 2.0, 1.0), np.inf)
    return wider if np.ndim(wider) else float(wider)
