"""Checks of points and arrays that the objectives share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.errors import ProblemError, require


def columns(points: np.ndarray, name: str, count: int) -> np.ndarray:
    """``points`` if they have ``count`` columns; raises :class:`ProblemError` otherwise.

    >>> columns(np.zeros((5, 2)), "bowl", 3)
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: The objective `bowl` takes 3 weights, but the points have 2.
    """
    if points.shape[-1] != count:
        unit = "weight" if count == 1 else "weights"
        raise ProblemError(f"The objective `{name}` takes {count} {unit}, but the points have {points.shape[-1]}.")
    return points


def real_array(value: Any, name: str) -> np.ndarray:
    """A read-only copy as floats; complex numbers, text, ragged lists and values that are not finite are refused."""
    try:
        array = np.array(value)
    except (TypeError, ValueError):
        array = np.array(None)
    require(array.dtype.kind in "fiub", name, "be an array of real numbers", value)
    array = array.astype(float)
    require(bool(np.isfinite(array).all()), name, "be finite", "of values that are infinite or not a number")
    array.setflags(write=False)
    return array
