"""Steps of the parameter equation with the integral of the residual along the path; in imaginary time none raises the energy.

Euler walks a straight line. The Runge-Kutta rules walk the cubic through both ends with the right slopes there; its residual is
evaluated at two points in between. The logarithm of the norm is integrated by the same rule, ``d log_norm / d tau = -E``.

In imaginary time ``dE/dtau = -2 theta' A theta' <= 0``, but a rule of finite steps may overshoot: after an insertion a new tangent can lie
close to the span of the old ones, so that an eigenvalue of the metric is tiny, ``theta'`` is large, and a step turns angles by
more than the linear picture bears. A step after which the energy is higher is thrown away and taken as two halves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ....model.hamiltonians import Hamiltonian, energy_scale
from .bound import GAUSS, curved, straight
from .flow import Flow, Point


@dataclass(frozen=True, eq=False)
class Step:
    """What one step did.

    Attributes:
        end: the point that it reached.
        log_norm: gained.
        ansatz, step: the integrals of the residual that ansatz and step size answer for.
        error: estimated distance of the end from the exact solution of the parameter equation (rk45).
        stiff: step size times the largest change of ``theta'`` that its stages show, per change of ``theta``. Above 1 the step does
            not resolve the equation.
    """

    end: Point
    log_norm: float
    ansatz: float
    step: float
    error: float = 0.0
    stiff: float = 0.0


_TURN = 1.0  # radians: a straight step that moves an angle further is looked at in between
_PIECES = 64


def euler(flow: Flow, point: Point, dt: float, until: float) -> Step:
    """``theta + dt theta'``. The flow must stand at ``point`` (if the step is bounded)."""
    x, total = point.velocity, 0.0
    if not flow.bounded:
        end = flow.at(until, point.theta + dt * x)
        return Step(end, -dt * point.energy, 0.0, 0.0, stiff=_ratio(end.velocity - x, x))
    pieces = min(_PIECES, 1 + int(dt * np.abs(x).max(initial=0.0) / _TURN))
    last = flow.miss(x)
    for i in range(1, pieces + 1):
        t = until if i == pieces else point.time + dt * i / pieces
        theta = point.theta + (dt * i / pieces) * x
        if i < pieces:
            here = flow.miss_at(t, theta, x)
        else:
            end = flow.at(t, theta)
            here = flow.miss(x)
        total += _piece(last, here, dt / pieces)
        last = here
    ansatz = min(total, 0.5 * dt * (point.residual + end.residual))
    return Step(end, -dt * point.energy, ansatz, total - ansatz, stiff=_ratio(end.velocity - x, x))


def _piece(before: tuple[np.ndarray, float], after: tuple[np.ndarray, float], dt: float) -> float:
    """The integral between two residual vectors, compared without the turning phase of the wave."""
    first, second = before[0], after[0]
    turned = 0.5 * dt * (before[1] + after[1])
    moved = second * np.exp(-1j * turned) - first if turned else second - first
    return straight(float(np.linalg.norm(first)), float(np.linalg.norm(second)), float(np.linalg.norm(moved)), dt)


_RK4 = ((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)


def rk4(flow: Flow, point: Point, dt: float, until: float) -> Step:
    """The classical rule of order four."""
    rows, weights = _RK4
    slopes, energies = _stages(flow, point, dt, until, rows)
    end = flow.at(until, point.theta + dt * _sum(weights, slopes))
    a, b, c, d = slopes
    stiff = max(2 * _ratio(c - b, b - a), _ratio(d - c, c - 0.5 * b))
    return Step(end, -dt * float(np.dot(weights, energies)), *_along(flow, point, end, dt), stiff=stiff)


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
    stiff = _ratio(slopes[6] - slopes[5], _sum(_DP_WEIGHTS, slopes[:6]) - _sum(_DP_ROWS[4], slopes[:5]))
    return Step(end, -dt * float(np.dot(_DP_WEIGHTS, energies)), *_along(flow, point, end, dt), error, stiff)


RULES = {"euler": euler, "rk4": rk4, "rk45": rk45}
EVALUATIONS = {"euler": 1, "rk4": 4, "rk45": 6}


def ahead(flow: Flow, integrator: str, t: float, theta: np.ndarray, dt: float, until: float) -> np.ndarray:
    """Where a step ends, and nothing else; it takes :data:`EVALUATIONS`."""
    first = flow.at(t, theta)
    if integrator == "euler":
        return theta + dt * first.velocity
    rows, weights = _RK4 if integrator == "rk4" else (_DP_ROWS, _DP_WEIGHTS)
    slopes, _ = _stages(flow, first, dt, until, rows)
    return theta + dt * _sum(weights, slopes)


def _ratio(change: np.ndarray, moved: np.ndarray) -> float:
    """Length of a change over that of what caused it; 0 where nothing moved."""
    cause = float(moved @ moved)
    return float(np.sqrt(change @ change / cause)) if cause > 0 else 0.0


def _stages(
    flow: Flow, point: Point, dt: float, until: float, rows: Sequence[Sequence[float]]
) -> tuple[list[np.ndarray], list[float]]:
    slopes, energies = [point.velocity], [point.energy]
    for row in rows:
        t = until if sum(row) == 1 else point.time + sum(row) * dt
        stage = flow.at(t, point.theta + dt * _sum(row, slopes))
        slopes.append(stage.velocity)
        energies.append(stage.energy)
    return slopes, energies


def _sum(weights: Sequence[float], slopes: list[np.ndarray]) -> np.ndarray:
    out: np.ndarray = np.asarray(weights) @ np.array(slopes)
    return out


def _along(flow: Flow, point: Point, end: Point, dt: float) -> tuple[float, float]:
    """The integrals of the residual along the cubic from ``point`` to ``end``; leaves the flow in between."""
    if not flow.bounded:
        return 0.0, 0.0
    inner = []
    for s in GAUSS:
        a, b = s * s * (3 - 2 * s), 6 * s * (1 - s) / dt
        leave, arrive = s * (1 - s) ** 2 * dt, s * s * (s - 1) * dt
        theta = (1 - a) * point.theta + a * end.theta + leave * point.velocity + arrive * end.velocity
        slope = b * (end.theta - point.theta) + (1 - s) * (1 - 3 * s) * point.velocity + s * (3 * s - 2) * end.velocity
        inner.append(float(np.linalg.norm(flow.miss_at(point.time + s * dt, theta, slope)[0])))
    return curved(point.residual, (inner[0], inner[1]), end.residual, dt)


DEEPEST = 12  # halvings in a row; a step as short as that is taken as it is, and counted
MOST = 64  # halvings of one step in all
_ROUND = 1e-11  # of the energy's scale: round-off is no rise
Rule = Callable[[Flow, Point, float, float], Step]


def rises(h: Hamiltonian, before: Point, after: Point) -> bool:
    """Whether the wave's energy, under the Hamiltonian at the end of a step, is higher than before it."""
    start = before.energy if h.constant else h.expectation(before.psi.reshape(h.domain.shape), after.time)
    return after.energy > start + _ROUND * max(abs(start), energy_scale(h, start, after.time))


class Descent:
    """Takes the steps of a rule, halved where they would raise the energy.

    Attributes:
        halved: how many steps were thrown away.
        forced: how many rose, although they were as short as they may become or the halvings of a step were spent.
    """

    def __init__(self, rule: Rule, flow: Flow, h: Hamiltonian) -> None:
        self.rule, self.flow, self.h = rule, flow, h
        self.halved = self.forced = self.left = 0

    def over(self, ready: Callable[[], Point], until: float) -> Iterator[Step]:
        """The steps from ``ready().time`` to ``until``; the caller moves on after each, so that ``ready()`` is its end."""
        self.left = MOST
        yield from self._over(ready, until, 0)

    def _over(self, ready: Callable[[], Point], until: float, depth: int) -> Iterator[Step]:
        point = ready()
        step = self.rule(self.flow, point, until - point.time, until)
        rose = rises(self.h, point, step.end)
        if not rose or depth == DEEPEST or not self.left:
            self.forced += rose
            yield step
            return
        self.halved += 1
        self.left -= 1
        self.flow.at(point.time, point.theta)
        middle = 0.5 * (point.time + until)
        yield from self._over(ready, middle, depth + 1)
        yield from self._over(ready, until, depth + 1)
