"""Angles as functions of a circuit's parameters: lines where they are affine, else values and derivatives by Qiskit's expressions.

A module of its own beside `reader`: calculus of Qiskit's expressions, which knows no gates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.circuit import ParameterExpression

from ....base.errors import MethodError, describe
from ..engine.gates import Curved

if TYPE_CHECKING:
    from qiskit.circuit import Parameter

_EXACT = 1e-9
_REAL = 1e-12


def number(expression: ParameterExpression, values: Mapping[Parameter, float] | None = None) -> float:
    """The value of an expression; raises :class:`MethodError` where it has none, or one that is not real."""
    try:
        value = complex(expression.bind(dict(values)) if values else expression)
    except Exception as error:  # the vendor raises different kinds where a function has no value
        raise MethodError(
            f"Argument `circuit` must have angles with a value, but {_at(expression, values)} has none: {_line(error)}"
        ) from None
    if not np.isfinite(value):
        raise MethodError(f"Argument `circuit` must have finite angles, but {_at(expression, values)} is {value:.3g}.")
    if abs(value.imag) > _REAL * max(1.0, abs(value)):
        raise MethodError(f"Argument `circuit` must have real angles, but {_at(expression, values)} is {value:.3g}.")
    return value.real


def _at(expression: ParameterExpression, values: Mapping[Parameter, float] | None) -> str:
    where = ", ".join(f"{p.name} = {v:.6g}" for p, v in (values or {}).items())
    return f"{_short(expression)}{' at ' if where else ''}{where}"


def _short(expression: ParameterExpression) -> str:
    return describe(str(expression)).strip("'")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def affine(angle: ParameterExpression, free: Sequence[Parameter]) -> tuple[float, list[float]] | None:
    """``(c, w)`` where the expression is ``c + w . p``, or None where it is not.

    Constant derivatives are not enough to believe it: the line is compared with the expression at two more points.
    """
    slopes = [_gradient(angle, p) for p in free]
    if any(isinstance(s, ParameterExpression) for s in slopes):
        return None
    weights = [float(s) for s in slopes]
    rng = np.random.default_rng(3)
    try:
        constant = number(angle, dict.fromkeys(free, 0.0))
        for _ in range(2):
            point = rng.uniform(-2, 2, len(free))
            products = point * weights
            miss = abs(number(angle, dict(zip(free, point.tolist()))) - constant - float(products.sum()))
            if miss > _EXACT * (abs(constant) + float(np.abs(products).sum())):
                return None
    except MethodError:  # it has no value somewhere, which no line has
        return None
    return constant, weights


def curve(
    slot: int, angle: ParameterExpression, free: Sequence[Parameter], index: Mapping[Parameter, int], gate: str
) -> Curved:
    """Value and derivatives of an expression that is not affine."""
    places = tuple(index[p] for p in free)
    slopes = [_gradient(angle, p) for p in free]

    def value(theta: np.ndarray) -> float:
        """The angle at these parameters, in radians."""
        return number(angle, {p: float(theta[k]) for p, k in zip(free, places)})

    def gradient(theta: np.ndarray) -> list[float]:
        """Derivatives of the angle by the parameters that it depends on, in the order of ``places``."""
        out = []
        for slope in slopes:
            if isinstance(slope, ParameterExpression):
                out.append(number(slope, {p: float(theta[index[p]]) for p in slope.parameters}))
            else:
                out.append(float(slope))
        return out

    return Curved(slot, places, value, gradient, f"{_short(angle)} of {gate}")


def _gradient(angle: ParameterExpression, parameter: Parameter) -> Any:
    try:
        slope = angle.gradient(parameter)
    except Exception as error:  # the vendor raises different kinds for functions without a derivative
        raise MethodError(
            f"Argument `circuit` must have differentiable angles, but has {_short(angle)}: {_line(error)}"
        ) from None
    if isinstance(slope, ParameterExpression):
        return slope if slope.parameters else number(slope)
    return float(np.real(slope))
