"""Times at which steps must be cut because a schedule changes fast there, found from its exact integral.

An integrator that evaluates a schedule at points can step over a pulse between them. The integral of the schedule holds the pulse
wherever it is, so each piece of the time axis is compared with a quadrature of the values there and halved where the two differ:
between two cuts that :func:`cuts` returns, five Gauss points see all that the integral holds.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.errors import MethodError
from .drives import peaks_of, places_of
from .hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from .schedules import Schedule, is_constant

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)
_FIRST = 61  # pieces at the start: a prime, so that periodic schedules do not repeat in step with them
_MOST = 4000  # pieces in all; an integral that is no better than about 1e-9 would be halved for ever
_FAR = 40_000  # where so many hide more than that would
_CLOSE = 1e-12  # of the duration: times this close are one
_ROUNDING = 2e-15  # of the whole integral


@dataclass(frozen=True)
class _Weighed:
    """A schedule by name, and the energy that stands beside it: half of the width of what it multiplies."""

    name: str
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
    for name, schedule, half in h.moving:
        if not is_constant(schedule) and half > 0:
            ends = np.linspace(0.0, h.duration, _FIRST + 1).tolist()
            whole = sum(abs(schedule.integral(a, b, h.duration)) for a, b in zip(ends[:-1], ends[1:]))
            found.append(_Weighed(name, schedule, half, h.duration, max(angle, _ROUNDING * 2 * half * whole)))
    return found


def cuts(h: Hamiltonian, t0: float = 0.0, t1: float | None = None, angle: float = 1e-11) -> list[float]:
    """Times strictly between ``t0`` and ``t1`` at which steps must end, ascending; none where the schedules are smooth.

    They are the kinks and pulses that the schedules tell (``Kinked``, ``Peaked``), and the ends of pieces that had to be halved because
    values at five points missed more than ``angle`` radians of what the integral holds.

    Raises:
        MethodError: a schedule swings so fast, or is so rough, that 40,000 pieces do not show more than 0.02 radians of it.

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
    told = {t for t in places_of([w.schedule for w in weighed], h.duration) if t0 < t < end}
    marks = sorted({*told, *(t for t in np.linspace(t0, end, _FIRST + 1).tolist())})
    halved = _halved(weighed, list(zip(marks[:-1], marks[1:])), h.duration)
    out: list[float] = []
    for t in sorted(told | halved):
        if t - (out[-1] if out else t0) > _CLOSE * h.duration and end - t > _CLOSE * h.duration:
            out.append(t)
    return out


def _halved(weighed: Sequence[_Weighed], pieces: Sequence[tuple[float, float]], duration: float) -> set[float]:
    """Both ends and the middles of all pieces that had to be halved, the worst first."""

    def missed(a: float, b: float) -> float:
        """The largest error over a piece of time of all schedules, in units of the allowed one."""
        return max((w.missed(a, b) for w in weighed), default=0.0)

    heap = [(-missed(a, b), a, b) for a, b in pieces]
    heapq.heapify(heap)
    found: set[float] = set()
    count, least, hidden = len(heap), _CLOSE * duration, None
    for most in (_MOST, _FAR):
        while heap and heap[0][0] < -1 and count < most:
            _, a, b = heapq.heappop(heap)
            middle = 0.5 * (a + b)
            found |= {a, middle, b}
            if b - a > least:
                heapq.heappush(heap, (-missed(a, middle), a, middle))
                heapq.heappush(heap, (-missed(middle, b), middle, b))
                count += 1
        hidden = _hidden(weighed, [(a, b) for worst, a, b in heap if worst < -1])
        if hidden is None:
            return found
    assert hidden is not None
    name, angle = hidden
    raise MethodError(
        f"Argument `problem` must have schedules that {_FAR:,} pieces of time can show, but has a {name} that swings on within them "
        f"({angle:.2g} radians in all)."
    )


def _hidden(weighed: Sequence[_Weighed], left: Sequence[tuple[float, float]]) -> tuple[str, float] | None:
    """A schedule of which pieces that are not halved hide more than 0.02 radians, and how many; None without one."""
    for w in weighed:
        angle = w.allowed * sum(w.missed(a, b) for a, b in left)
        if angle > _BLIND:
            return w.name, angle
    return None


def unseen(schedule: Schedule, times: Sequence[float] | np.ndarray, duration: float) -> float:
    """What values at these times cannot see of a schedule: its integral beyond what lies between neighbouring values.

    Between two neighbours the mean of the schedule lies between its values there unless it has a pulse in between; what the
    integral has beyond that is added up, piece by piece between the places that the schedule tells.

    >>> from qml_dynamics.model.schedules import Knots, Linear
    >>> unseen(Linear(0.0, 3.0), [0.0, 0.5, 1.0], 1.0) < 1e-15
    True
    >>> pulse = Knots((1e-6, 1e-6, 8.0, 1e-6, 1e-6, 1e-6, 1e-6))
    >>> round(unseen(pulse, [0.0, 0.5, 1.0], 1.0), 4), round(pulse.integral(0.0, 1.0, 1.0), 4)
    (0.1678, 0.1678)
    """
    total = 0.0
    values = [schedule.value(float(t), duration) for t in times]
    places = places_of([schedule], duration)
    for a, b, left, right in zip(times[:-1], times[1:], values[:-1], values[1:]):
        low, high = min(left, right), max(left, right)
        ends = [float(a), *_between(places, a, b), float(b)]
        for c, d in zip(ends[:-1], ends[1:]):
            amount = schedule.integral(c, d, duration)
            total += max(0.0, amount - high * (d - c), low * (d - c) - amount)
    return float(total)


def _between(places: Sequence[float], a: float, b: float) -> Sequence[float]:
    """Those of ascending times that lie strictly between two."""
    return places[bisect_right(places, a) : bisect_left(places, b)]


def unseen_angle(h: Hamiltonian, times: Sequence[float] | np.ndarray, width: float | None = None) -> tuple[str, float]:
    """Which schedule has most that these times cannot see, and its angle: times half of the width of what it multiplies.

    The width of the loss is that of its table, or ``width`` where it has none.
    """
    if h.constant or (isinstance(h, PauliHamiltonian) and h.commutes):
        return "strength", 0.0
    found = [(half * unseen(schedule, times, h.duration), name) for name, schedule, half in _moving(h, width)]
    angle, name = max(found)
    return name, angle


def _moving(h: Hamiltonian, width: float | None) -> tuple[tuple[str, Schedule, float], ...]:
    if width is None or not isinstance(h, LearningHamiltonian):
        return h.moving
    kinetic = sum(float(np.ptp(axis)) for axis in h.domain.dual_axes)  # no table of the dual diagonal either
    return ("diffusion", h.diffusion, 0.5 * kinetic), ("strength", h.strength, 0.5 * width)


_BLIND = 0.02  # radians of a schedule that fixed steps may miss


def check_seen(
    h: Hamiltonian,
    times: Sequence[float] | np.ndarray,
    name: str,
    given: int,
    instead: str = "",
    width: float | None = None,
) -> None:
    """Refuse fixed points in time between which a schedule has a pulse.

    Args:
        h: with its schedules.
        times: the points at which the schedules are evaluated, ascending.
        name, given: the argument that decides how many there are, and its value.
        instead: what sees the pulse.
        width: of the loss, where it has no table.

    Raises:
        MethodError: the points miss more than 0.02 radians.
    """
    which, angle = unseen_angle(h, times, width)
    if angle > _BLIND:
        raise MethodError(
            f"Argument `{name}` must be large enough to see all of the {which}, but is {given}, and {angle:.2g} radians of it lie "
            f"between the points at which it is evaluated{instead}."
        )


_BENT = 0.15  # of the range of a schedule: by so much it may leave a parabola within a step; a cosine with 2.4 steps a period does
_EDGE = 1e-6  # of a step: where its ends are looked at, so that a jump at an end, which rounding moves, is none inside
_PROBES = np.array([0.173, 0.291, 0.387, 0.641, 0.733, 0.889])  # of a step: none a multiple of another


def bent(schedule: Schedule, ends: Sequence[float] | np.ndarray, duration: float) -> np.ndarray:
    """How far a schedule leaves the parabola through the ends and the middle of each step, at its worst; shape ``(steps,)``.

    It is looked at in six places and in those that it tells, and its mean is compared, which shows a pulse between them.

    >>> from qml_dynamics.model.drives import Oscillation, Pulse
    >>> wave = Oscillation(1.0, 2 * np.pi)
    >>> float(bent(wave, [0.0, 0.125], 1.0)[0]) < 0.01, float(bent(wave, [0.0, 2.0], 2.0)[0]) > 0.5
    (True, True)
    """
    edges, places = np.asarray(ends, dtype=float), np.array([_EDGE, 0.5, 1 - _EDGE])
    out, peaks = [], peaks_of([schedule], duration)
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist()):
        first, middle, last = (schedule.value(a + f * (b - a), duration) for f in places.tolist())
        probes = np.array([*_PROBES.tolist(), *((t - a) / (b - a) for t in _between(peaks, a, b))])
        lines = (2 * (probes - 0.5) * (probes - 1) * first) + (4 * probes * (1 - probes) * middle)
        lines += 2 * probes * (probes - 0.5) * last
        seen = np.array([schedule.value(a + f * (b - a), duration) for f in probes.tolist()])
        mean = schedule.integral(a, b, duration) / (b - a) - (first + 4 * middle + last) / 6
        out.append(max(float(np.abs(seen - lines).max()), abs(mean)))
    return np.array(out)


def check_resolved(h: Hamiltonian, ends: Sequence[float] | np.ndarray, name: str, given: object) -> None:
    """Refuse steps that do not resolve a schedule of the terms of an operator: a pulse narrower than a step, an oscillation faster.

    Where all terms have one schedule, its integral is all that matters, and nothing is refused.

    Args:
        h: with its schedules.
        ends: of the steps, ascending.
        name, given: the argument that decides how many there are, and its value.

    Raises:
        MethodError: a schedule leaves a parabola within steps by more than 0.15 of its range, and by more than 0.02 radians in all.
    """
    if not isinstance(h, PauliHamiltonian) or h.commutes:
        return
    lengths = np.diff(np.asarray(ends, dtype=float))
    for which, schedule, half in h.moving:
        if is_constant(schedule) or not half > 0:
            continue
        off = bent(schedule, ends, h.duration)
        values = [schedule.value(float(t), h.duration) for t in ends]
        wrong = off > _BENT * max(float(np.ptp(values)), float(off.max()))
        angle = half * float((off * lengths)[wrong].sum())
        if angle > _BLIND:
            first = int(np.argmax(wrong))
            raise MethodError(
                f"Argument `{name}` must be large enough for steps that resolve {which}, but is {given}: between t = {ends[first]:.4g} and "
                f"{ends[first + 1]:.4g} it turns, jumps or has a pulse inside a step ({angle:.2g} radians in all)."
            )
