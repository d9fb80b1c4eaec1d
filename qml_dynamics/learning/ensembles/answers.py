"""The result of an estimation: a value with its standard error, or the reason why the data do not determine one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...base.errors import real
from ...base.estimate import Estimate
from ...base.numeric import as_numbers

SURE = 3.0  # standard errors away from 0 below which a quantity counts as unseen


@dataclass(frozen=True)
class NotIdentifiable:
    """What data cannot tell: a reason, never a number.

    >>> print(NotIdentifiable("no steps were recorded"))
    not identifiable: no steps were recorded
    """

    reason: str

    def __float__(self) -> float:
        raise TypeError(str(self))

    def __str__(self) -> str:
        return f"not identifiable: {self.reason}"


Answer = Estimate | NotIdentifiable


def given(value: Answer | float, name: str) -> Answer:
    """An answer that the caller brings: a plain number counts as exact."""
    if isinstance(value, (Estimate, NotIdentifiable)):
        return value
    return Estimate(real(value, name, nonnegative=name == "diffusion", positive=name == "mobility"), 0.0)


def numbers(given: ArrayLike) -> np.ndarray:
    """An array of floats; an empty one where there are no numbers, for the caller's own check to refuse.

    >>> numbers([1, 2]).tolist(), numbers(["a"]).size, numbers([[1], [2, 3]]).size
    ([1.0, 2.0], 0, 0)
    """
    try:
        return as_numbers(given)
    except Exception:  # of any kind: the person's own object makes the array
        return np.empty(0)
