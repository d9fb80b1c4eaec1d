"""`Estimate`: a value with its standard error and shots, arithmetic that propagates errors, errors of means and shares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Estimate:
    """A value (or an array of values) with its standard error and the shots it came from.

    NumPy reads an estimate as its value. An exact number has standard error 0 and ``shots=None``.

    >>> energy = Estimate(np.array([1.0, 0.5]), np.array([0.0, 0.1]), 1000)
    >>> print(energy[1])
    0.50 +- 0.10
    >>> np.asarray(energy).tolist()
    [1.0, 0.5]
    """

    value: Any
    stderr: Any = 0.0
    shots: int | None = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype)

    def __float__(self) -> float:
        return float(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> Estimate:
        stderr = np.broadcast_to(self.stderr, np.shape(self.value))
        return Estimate(np.asarray(self.value)[index], stderr[index], self.shots)

    def __iter__(self) -> Iterator[Estimate]:
        return (self[i] for i in range(len(self)))

    def __sub__(self, other: Any) -> Estimate:
        if isinstance(other, Estimate):
            return Estimate(self.value - other.value, np.hypot(self.stderr, other.stderr), self.shots or other.shots)
        return Estimate(self.value - other, self.stderr, self.shots)

    def __rsub__(self, other: Any) -> Estimate:
        return Estimate(other - self.value, self.stderr, self.shots)

    def __add__(self, other: Any) -> Estimate:
        if isinstance(other, Estimate):
            return Estimate(self.value + other.value, np.hypot(self.stderr, other.stderr), self.shots or other.shots)
        return Estimate(self.value + other, self.stderr, self.shots)

    __radd__ = __add__

    def __mul__(self, factor: Any) -> Estimate:
        """Times an exact number (or array of them)."""
        return Estimate(self.value * factor, self.stderr * np.abs(factor), self.shots)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Estimate:
        """Divided by an exact number (or array of them)."""
        return Estimate(self.value / divisor, self.stderr / np.abs(divisor), self.shots)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return np.shape(self.value)

    def sigmas(self, other: Estimate) -> float:
        """How many combined standard errors lie between two scalar estimates (inf for two different exact numbers)."""
        gap = self - other
        if gap.stderr == 0:
            return 0.0 if abs(gap.value) <= 1e-12 * max(1.0, abs(float(self.value))) else float("inf")
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


def mean_of_counts(values: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Mean of ``values`` that were seen ``counts`` times each, and its standard error (infinite for a single shot's).

    >>> mean_of_counts(np.array([0.0, 1.0]), np.array([50, 50]))[0]
    0.5
    """
    shots = counts.sum()
    mean = float((values * counts).sum() / shots)
    if shots < 2:
        return mean, float("inf")
    variance = float((counts * (values - mean) ** 2).sum() / (shots - 1))
    return mean, float(np.sqrt(variance / shots))


def share_error(share: Any, samples: int) -> Any:
    """Standard error of a share (or an array of them) out of so many samples: ``sqrt(p (1 - p) / n)``, at least ``1 / n``.

    A share of 0 or 1 has no spread of its own, and yet is not exact: without the floor a true probability of ``1 / n`` would
    lie infinitely many errors away from it.

    >>> share_error(np.array([0.5, 0.0]), 100).tolist()
    [0.05, 0.01]
    """
    p = np.asarray(share, dtype=float)
    return np.sqrt(np.maximum(p * (1 - p), 1 / samples) / samples)
