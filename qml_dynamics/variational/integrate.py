"""Steps of the parameter equation, each with the integral of the residual along the path that it walks.

Euler walks a straight line. The Runge-Kutta rules walk the cubic through both ends with the right slopes there; the residual of
its middle is evaluated too. The logarithm of the norm is integrated by the same rule, ``d log_norm / d tau = -E``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bound import curved, straight
from .flow import Flow, Point


@dataclass(frozen=True, eq=False)
class Step:
    """What one step did.

    Attributes:
        end: the point that it reached.
        log_norm: gained.
        ansatz, step: the integrals of the residual that ansatz and step size answer for.
        error: estimated distance of the end from the exact solution of the parameter equation (rk45).
    """

    end: Point
    log_norm: float
    ansatz: float
    step: float
    error: float = 0.0


def euler(flow: Flow, point: Point, dt: float, until: float) -> Step:
    """``theta + dt theta'``. The flow must stand at ``point``."""
    x = point.velocity
    before, turn = flow.miss(x), flow.drift(x)
    end = flow.at(until, point.theta + dt * x)
    after = flow.miss(x) * np.exp(-0.5j * dt * (turn + flow.drift(x)))  # both without the turning phase of the wave
    first, last = float(np.linalg.norm(before)), float(np.linalg.norm(after))
    total = straight(first, last, float(np.linalg.norm(after - before)), dt)
    return _step(point, end, -dt * point.energy, total, dt)


def _step(point: Point, end: Point, log_norm: float, total: float, dt: float, error: float = 0.0) -> Step:
    ansatz = min(total, 0.5 * dt * (point.residual + end.residual))
    return Step(end, log_norm, ansatz, total - ansatz, error)


_RK4 = ((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)


def rk4(flow: Flow, point: Point, dt: float, until: float) -> Step:
    """The classical rule of order four."""
    rows, weights = _RK4
    slopes, energies = _stages(flow, point, dt, until, rows)
    end = flow.at(until, point.theta + dt * _sum(weights, slopes))
    return _step(point, end, -dt * float(np.dot(weights, energies)), _along(flow, point, end, dt), dt)


_DP_ROWS = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
_DP_WEIGHTS = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_DP_LOWER = (5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40)


def rk45(flow: Flow, point: Point, dt: float, until: float) -> Step:
    """Dormand and Prince, J. Comput. Appl. Math. 6, 19 (1980). The error is measured by the metric, so in the wave."""
    slopes, energies = _stages(flow, point, dt, until, _DP_ROWS)
    end = flow.at(until, point.theta + dt * _sum(_DP_WEIGHTS, slopes))
    slopes.append(end.velocity)
    difference = dt * (_sum((*_DP_WEIGHTS, 0.0), slopes) - _sum(_DP_LOWER, slopes))
    error = float(np.sqrt(max(difference @ end.metric @ difference, 0.0))) if len(difference) else 0.0
    return _step(point, end, -dt * float(np.dot(_DP_WEIGHTS, energies)), _along(flow, point, end, dt), dt, error)


RULES = {"euler": euler, "rk4": rk4, "rk45": rk45}


def _stages(
    flow: Flow, point: Point, dt: float, until: float, rows: tuple[tuple[float, ...], ...]
) -> tuple[list[np.ndarray], list[float]]:
    slopes, energies = [point.velocity], [point.energy]
    for row in rows:
        t = until if sum(row) == 1 else point.time + sum(row) * dt
        stage = flow.at(t, point.theta + dt * _sum(row, slopes))
        slopes.append(stage.velocity)
        energies.append(stage.energy)
    return slopes, energies


def _sum(weights: tuple[float, ...], slopes: list[np.ndarray]) -> np.ndarray:
    return np.asarray(weights) @ np.array(slopes)


def _along(flow: Flow, point: Point, end: Point, dt: float) -> float:
    """The integral of the residual along the cubic from ``point`` to ``end``; leaves the flow in its middle."""
    middle = 0.5 * (point.theta + end.theta) + dt / 8 * (point.velocity - end.velocity)
    slope = 1.5 * (end.theta - point.theta) / dt - 0.25 * (point.velocity + end.velocity)
    halfway = flow.miss_at(0.5 * (point.time + end.time), middle, slope)
    return curved(point.residual, halfway, end.residual, dt)
