"""Conditions of generation by Doob's h-transform: a class, a box, a region, or any probability of being kept.

Doob's h-transform: with ``h_0(x)`` the probability that a data point is kept, ``phi_0 h_0`` in place of ``phi_0`` gives the
marginals, the score and the reverse process of the kept ones. Source: Doob, Bull. Soc. Math. France 85, 431 (1957).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Any, TypeAlias, cast

import numpy as np

from ...base.errors import ProblemError, describe, one_of, real, require
from ...base.numeric import WHERE_READ
from ...base.options import handed
from ...model.domains import Grid, depth

LEAST = 1e-6
# the name of a class; a function of points; or one pair (low, high) an axis, None for an open end
Condition: TypeAlias = Annotated[
    str | int | Callable[[np.ndarray], np.ndarray] | Sequence[float | Sequence[float | None] | None], WHERE_READ
]


@dataclass(frozen=True, eq=False)
class Keep:
    """A condition.

    Attributes:
        h: the probability that a data point is kept, as a function of points ``(m, ndim)``.
        name: in messages.
        values: its means over the cells of the grid.
    """

    h: Callable[[np.ndarray], np.ndarray]
    name: str
    values: np.ndarray = field(default_factory=lambda: np.ones(()))


def read_condition(condition: Condition, domain: Grid, classes: tuple[str, ...]) -> Keep | str:
    """A condition as a function, or the name of a class.

    Args:
        condition: the name of a class; one pair ``(low, high)`` an axis, None for an open end; or a function of points
            ``(m, ndim)`` that returns booleans or probabilities.
        domain: the box.
        classes: the classes of the data.

    Raises:
        ProblemError: it is none of these.
    """
    if isinstance(condition, (str, int, np.integer)) and not isinstance(condition, bool):
        require(bool(classes), "condition", "be a region for data without `labels`", condition)
        return one_of(str(condition), "condition", [str(c) for c in classes])
    if callable(condition):
        return Keep(lambda points: _probabilities(condition, points), getattr(condition, "__name__", "function"))
    pairs = _pairs(condition, domain)

    def box(points: np.ndarray) -> np.ndarray:
        """1 for points inside the box, 0 for those outside, shape ``(m,)``."""
        kept = np.ones(len(points), dtype=bool)
        for axis, (low, high) in enumerate(pairs):
            kept &= (points[:, axis] >= low) & (points[:, axis] <= high)
        return kept.astype(float)

    return Keep(box, f"box {pairs}")


def _pairs(condition: Condition, domain: Grid) -> list[tuple[float, float]]:
    wanted = "be the name of a class, a function of points, or one pair (low, high) an axis"
    try:
        # numbers are refused here; of what has no end, no more is taken than tells that it is none
        items: list[Any] = list(islice(cast(Iterable[object], condition), max(domain.ndim, 2) + 1))
    except TypeError:
        raise ProblemError(f"Argument `condition` must {wanted}, but is {describe(condition)}.") from None
    if domain.ndim == 1 and len(items) == 2 and all(v is None or depth(v) == 0 for v in items):
        items = [items]
    fits = len(items) == domain.ndim and all(v is None or (depth(v) == 1 and len(v) == 2) for v in items)
    require(fits, "condition", wanted, condition)
    pairs = []
    for item in items:
        low, high = (None, None) if item is None else item
        low = -np.inf if low is None else real(low, "condition")
        high = np.inf if high is None else real(high, "condition")
        require(low < high, "condition", "have low < high on every axis", (low, high))
        pairs.append((low, high))
    return pairs


def _probabilities(function: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    try:
        values = np.asarray(handed(function, points), dtype=float)
    except Exception as error:
        raise ProblemError(
            f"Argument `condition` must be a function of points (m, ndim), but failed: {error}"
        ) from error
    require(values.shape == (len(points),), "condition", f"return shape ({len(points)},)", f"of shape {values.shape}")
    right = bool(np.isfinite(values).all() and (values >= 0).all() and (values <= 1).all())
    require(right, "condition", "return booleans or probabilities", f"of values from {values.min()} to {values.max()}")
    return values


def check_possible(probability: float, name: str) -> None:
    """Refuse what the data never show."""
    require(
        probability >= LEAST, "condition", f"have a probability of at least {LEAST:g}", f"of {probability:.1e} ({name})"
    )
