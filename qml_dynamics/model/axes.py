"""Axes of grids: bounds and options read and checked, points and momenta, sums and products over all axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.errors import ProblemError, require


def outer_sum(axes: Sequence[np.ndarray]) -> np.ndarray:
    """``f(i, j, ...) = axes[0][i] + axes[1][j] + ...``, C contiguous."""
    total = np.zeros(())
    for values in axes:
        total = total[..., None] + values
    return np.ascontiguousarray(total)


def outer_product(axes: Sequence[np.ndarray]) -> np.ndarray:
    """``f(i, j, ...) = axes[0][i] * axes[1][j] * ...``, C contiguous."""
    total = np.ones(())
    for values in axes:
        total = total[..., None] * values
    return np.ascontiguousarray(total)


def depth(value: Any) -> int:
    """How deeply a list is nested: 0 for one value; 2 for lists of unequal length, which NumPy does not read."""
    try:
        return int(np.ndim(value))
    except ValueError:
        return 2


def axis_momenta(points: int, length: float, boundary: str) -> np.ndarray:
    if boundary == "walls":
        return np.pi / length * np.arange(1, points + 1)
    return 2 * np.pi / length * np.fft.fftfreq(points, 1 / points)


def read_bounds(bounds: Any) -> tuple[tuple[float, float], ...]:
    try:
        array = np.asarray(bounds)
        array = array.astype(float) if array.dtype.kind in "iufO" else np.empty(0)  # no text, no complex numbers
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    array = array[None] if array.shape == (2,) else array
    require(
        array.ndim == 2 and array.shape[-1] == 2 and len(array) > 0, "bounds", "be a list of pairs (low, high)", bounds
    )
    for low, high in array.tolist():
        ordered = low < high and math.isfinite(high - low)
        require(ordered, "bounds", "be pairs of finite numbers with low < high", (low, high))
    return tuple((low, high) for low, high in array.tolist())


def per_axis(value: Any, ndim: int, name: str) -> list[Any]:
    if depth(value) == 0:
        return [value] * ndim
    items = list(value)
    if len(items) != ndim:
        raise ProblemError(f"Argument `{name}` must be one value or one for each of {ndim} axes, but has {len(items)}.")
    return items
