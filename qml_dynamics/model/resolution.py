"""Times at which steps must be cut because a schedule changes fast there, found from its exact integral.

An integrator that evaluates a schedule at points can step over a pulse between them. The integral of the schedule holds the pulse
wherever it is, so each piece of the time axis is compared with a quadrature of the values there and halved where the two differ:
between two cuts that :func:`cuts` returns, five Gauss points see all that the integral holds.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.errors import MethodError
from .hamiltonians import Hamiltonian, PauliHamiltonian
from .schedules import Kinked, Schedule, is_constant

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)
_FIRST = 61  # pieces at the start: a prime, so that periodic schedules do not repeat in step with them
_MOST = 4000  # pieces in all; an integral that is no better than about 1e-9 would be halved for ever
_CLOSE = 1e-12  # of the duration: times this close are one
_ROUNDING = 2e-15  # of the whole integral


@dataclass(frozen=True)
class _Weighed:
    """A schedule, and the energy that stands beside it: half of the width of what it multiplies."""

    schedule: Schedule
    width: float
    duration: float
    allowed: float

    def missed(self, a: float, b: float) -> float:
        """Radians by which five Gauss points miss the integral from ``a`` to ``b``, over those allowed."""
        times = 0.5 * (a + b) + 0.5 * (b - a) * _NODES
        values = [self.schedule.value(float(t), self.duration) for t in times]
        seen = 0.5 * (b - a) * float(_WEIGHTS @ np.array(values))
        return self.width * abs(self.schedule.integral(a, b, self.duration) - seen) / self.allowed


def _weighed(h: Hamiltonian, angle: float) -> list[_Weighed]:
    found = []
    for _, schedule, half in h.moving:
        if not is_constant(schedule) and half > 0:
            ends = np.linspace(0.0, h.duration, _FIRST + 1).tolist()
            whole = sum(abs(schedule.integral(a, b, h.duration)) for a, b in zip(ends[:-1], ends[1:]))
            found.append(_Weighed(schedule, half, h.duration, max(angle, _ROUNDING * 2 * half * whole)))
    return found


def cuts(h: Hamiltonian, t0: float = 0.0, t1: float | None = None, angle: float = 1e-11) -> list[float]:
    """Times strictly between ``t0`` and ``t1`` at which steps must end, ascending; none where the schedules are smooth.

    They are the kinks that the schedules tell (:class:`Kinked`), and the ends of pieces that had to be halved because values
    at five points missed more than ``angle`` radians of what the integral holds.

    >>> from qml_dynamics import Grid, Problem
    >>> from qml_dynamics.model.hamiltonians import hamiltonian
    >>> from qml_dynamics.model.schedules import Knots, Linear
    >>> bowl = Problem(Grid((-4, 4), 4), lambda w: w[:, 0] ** 2, 0.5, Linear(0, 2), clock="real", duration=2.0)
    >>> cuts(hamiltonian(bowl)), cuts(hamiltonian(bowl.replace(strength=Knots((1.0, 0.1, 10.0)))))
    ([], [1.0])
    """
    end = h.duration if t1 is None else t1
    if h.constant or (isinstance(h, PauliHamiltonian) and h.commutes):
        return []
    weighed = _weighed(h, angle)
    kinks = {t for w in weighed for t in _kinks(w) if t0 < t < end}
    marks = sorted({*kinks, *(t for t in np.linspace(t0, end, _FIRST + 1).tolist())})
    halved = _halved(weighed, list(zip(marks[:-1], marks[1:])), h.duration)
    out: list[float] = []
    for t in sorted(kinks | halved):
        if t - (out[-1] if out else t0) > _CLOSE * h.duration and end - t > _CLOSE * h.duration:
            out.append(t)
    return out


def _kinks(weighed: _Weighed) -> Sequence[float]:
    return weighed.schedule.knots(weighed.duration) if isinstance(weighed.schedule, Kinked) else ()


def _halved(weighed: Sequence[_Weighed], pieces: Sequence[tuple[float, float]], duration: float) -> set[float]:
    """Both ends and the middles of all pieces that had to be halved, the worst first."""

    def missed(a: float, b: float) -> float:
        """The largest error over a piece of time of all schedules, in units of the allowed one."""
        return max((w.missed(a, b) for w in weighed), default=0.0)

    heap = [(-missed(a, b), a, b) for a, b in pieces]
    heapq.heapify(heap)
    found: set[float] = set()
    count, least = len(heap), _CLOSE * duration
    while heap and heap[0][0] < -1 and count < _MOST:
        _, a, b = heapq.heappop(heap)
        middle = 0.5 * (a + b)
        found |= {a, middle, b}
        if b - a > least:
            heapq.heappush(heap, (-missed(a, middle), a, middle))
            heapq.heappush(heap, (-missed(middle, b), middle, b))
            count += 1
    return found


def unseen(schedule: Schedule, times: Sequence[float] | np.ndarray, duration: float) -> float:
    """What values at these times cannot see of a schedule: its integral beyond what lies between neighbouring values.

    Between two neighbours the mean of the schedule lies between its values there unless it has a pulse in between; what the
    integral has beyond that is added up.

    >>> from qml_dynamics.model.schedules import Knots, Linear
    >>> unseen(Linear(0.0, 3.0), [0.0, 0.5, 1.0], 1.0) < 1e-15
    True
    >>> pulse = Knots((1e-6, 1e-6, 8.0, 1e-6, 1e-6, 1e-6, 1e-6))
    >>> round(unseen(pulse, [0.0, 0.5, 1.0], 1.0), 4), round(pulse.integral(0.0, 1.0, 1.0), 4)
    (0.1678, 0.1678)
    """
    total = 0.0
    values = [schedule.value(float(t), duration) for t in times]
    for a, b, left, right in zip(times[:-1], times[1:], values[:-1], values[1:]):
        amount, low, high = schedule.integral(float(a), float(b), duration), min(left, right), max(left, right)
        total += max(0.0, amount - high * (b - a), low * (b - a) - amount)
    return float(total)


def unseen_angle(h: Hamiltonian, times: Sequence[float] | np.ndarray) -> tuple[str, float]:
    """Which schedule has most that these times cannot see, and its angle: times half of the width of what it multiplies."""
    if h.constant or (isinstance(h, PauliHamiltonian) and h.commutes):
        return "strength", 0.0
    found = [(half * unseen(schedule, times, h.duration), name) for name, schedule, half in h.moving]
    angle, name = max(found)
    return name, angle


_BLIND = 0.02  # radians of a schedule that fixed steps may miss


def check_seen(h: Hamiltonian, times: Sequence[float] | np.ndarray, name: str, given: int, instead: str = "") -> None:
    """Refuse fixed points in time between which a schedule has a pulse.

    Args:
        h: with its schedules.
        times: the points at which the schedules are evaluated, ascending.
        name, given: the argument that decides how many there are, and its value.
        instead: what sees the pulse.

    Raises:
        MethodError: the points miss more than 0.02 radians.
    """
    which, angle = unseen_angle(h, times)
    if angle > _BLIND:
        raise MethodError(
            f"Argument `{name}` must be large enough to see all of the {which}, but is {given}, and {angle:.2g} radians of it lie "
            f"between the points at which it is evaluated{instead}."
        )
