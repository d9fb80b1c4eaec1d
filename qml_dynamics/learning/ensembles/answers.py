"""An answer about an ensemble: an estimate with its standard error, or the reason why the data do not determine one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...base.errors import real
from ...base.estimate import Estimate

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


def given(value: Any, name: str) -> Answer:
    """An answer that the caller brings: a plain number counts as exact."""
    if isinstance(value, (Estimate, NotIdentifiable)):
        return value
    return Estimate(real(value, name, nonnegative=name == "diffusion", positive=name == "mobility"), 0.0)
