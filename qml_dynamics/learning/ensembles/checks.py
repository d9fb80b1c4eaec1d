"""Checks of arrays of numbers that callers bring."""

from __future__ import annotations

from typing import Any

import numpy as np


def numbers(given: Any) -> np.ndarray:
    """An array of floats; an empty one where there are no numbers, for the caller's own check to refuse.

    >>> numbers([1, 2]).tolist(), numbers(["a"]).size, numbers([[1], [2, 3]]).size
    ([1.0, 2.0], 0, 0)
    """
    try:
        return np.array(given, dtype=float)
    except (TypeError, ValueError):
        return np.empty(0)
