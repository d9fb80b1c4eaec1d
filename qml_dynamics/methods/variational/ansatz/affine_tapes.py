"""The angles of PennyLane's tapes as affine functions of the arguments that they were made from.

A module of its own beside `pennylane`: it compares tapes, where `pennylane` turns one into a circuit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ....base.errors import MethodError, require

if TYPE_CHECKING:
    from pennylane.operation import Operator

_EXACT = 1e-9
# beside unit steps: the start or its mirror image, and how far away
_POINTS = ((1, -7.0), (1, 7.0), (-1, -2.0), (-1, 2.0))


def _numbers(operations: Sequence[Operator]) -> np.ndarray:
    """All scalar gate angles of a tape; matrices and states are no angles."""
    scalars = [float(np.real(d)) for op in operations for d in op.data if np.ndim(d) == 0]
    return np.array(scalars)


def _still(before: Sequence[Operator], now: Sequence[Operator]) -> None:
    """Refuse operations that depend on the arguments otherwise than by real angles: their matrices would be frozen."""
    for a, b in zip(before, now):
        same = type(a) is type(b) and a.wires == b.wires and len(a.data) == len(b.data)
        for x, y in zip(a.data, b.data) if same else ():
            same = same and bool(np.allclose(np.imag(x), np.imag(y)) and (np.ndim(x) == 0 or np.allclose(x, y)))
        if not same:
            raise MethodError(
                f"Argument `qnode` must have real angles as its only parameters, but has {a.name} on wires {list(a.wires)}."
            )


def affine_angles(trace: Callable[[np.ndarray], list[Operator]], theta0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``phi = constant + slopes theta`` from unit steps, checked at points far away."""
    tape = trace(theta0)
    base = _numbers(tape)
    slopes = np.zeros((len(base), len(theta0)))
    for k in range(len(theta0)):
        other = trace(theta0 + np.eye(len(theta0))[k])
        moved = _numbers(other)
        _alike(len(moved) == len(base) and len(tape) == len(other))
        _still(tape, other)
        slopes[:, k] = moved - base
    constant = base - slopes @ theta0
    rng = np.random.default_rng(5)
    for side, reach in _POINTS:  # on both sides of the start and of 0, where many functions have a kink
        far = side * theta0 + reach * rng.uniform(0.2, 1, len(theta0))
        other = trace(far)
        found = _numbers(other)
        _alike(len(found) == len(base) and len(tape) == len(other))
        _still(tape, other)
        miss = np.abs(found - constant - slopes @ far)
        worst = int(miss.argmax()) if len(miss) else 0
        affine = not len(miss) or miss[worst] < _EXACT * (1 + np.abs(far).sum() + np.abs(constant[worst]))
        must = "have angles that are affine functions of its arguments"
        require(bool(affine), "qnode", must, f"curved in angle {worst}", MethodError)
    slopes[np.abs(slopes) < _EXACT] = 0.0
    return constant, slopes


def _alike(same: bool) -> None:
    require(same, "qnode", "have the same gates for all arguments", "a circuit that changes", MethodError)
