"""Schedules of driven systems: oscillations, pulses and jumps; and products and sums of schedules.

Their times are absolute: they do not stretch with the duration, as the schedules of :mod:`.schedules` do.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache

import numpy as np

from ..base.errors import ProblemError, describe, real
from ..base.numeric import listed
from ..base.printing import printed_briefly
from .schedules import Constant, Kinked, Peaked, Schedule


@dataclass(frozen=True)
class Oscillation:
    """``f(t) = mean + amplitude cos(frequency t + phase)``, with the frequency in radians a unit of time.

    >>> round(Oscillation(2.0, math.pi).integral(0.0, 0.5, 1.0), 12) == round(2 / math.pi, 12)
    True
    """

    amplitude: float
    frequency: float
    phase: float = 0.0
    mean: float = 0.0

    def __post_init__(self) -> None:
        for name in ("amplitude", "phase", "mean"):
            object.__setattr__(self, name, real(getattr(self, name), name))
        object.__setattr__(self, "frequency", real(self.frequency, "frequency", positive=True))

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.mean + self.amplitude * math.cos(self.frequency * t + self.phase)

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """``mean dt + 2 amplitude cos(frequency t + phase) sin(frequency dt / 2) / frequency`` with t in the middle."""
        middle, half = self.frequency * 0.5 * (t0 + t1) + self.phase, 0.5 * self.frequency * (t1 - t0)
        return self.mean * (t1 - t0) + 2 * self.amplitude * math.cos(middle) * math.sin(half) / self.frequency


@dataclass(frozen=True)
class Pulse:
    """``f(t) = amplitude exp(-(t - center)^2 / (2 width^2))``: a Gaussian pulse.

    >>> pulse = Pulse(1.0, 3.0, 0.1)
    >>> pulse.value(3.0, 6.0), round(pulse.integral(0.0, 6.0, 6.0), 9) == round(0.1 * math.sqrt(2 * math.pi), 9)
    (1.0, True)
    """

    amplitude: float
    center: float
    width: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "amplitude", real(self.amplitude, "amplitude"))
        object.__setattr__(self, "center", real(self.center, "center"))
        object.__setattr__(self, "width", real(self.width, "width", positive=True))

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.amplitude * math.exp(-0.5 * ((t - self.center) / self.width) ** 2)

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """A difference of error functions; of complements where both ends lie on one side."""
        a, b = ((t - self.center) / (math.sqrt(2) * self.width) for t in (t0, t1))
        scale = self.amplitude * self.width * math.sqrt(math.pi / 2)
        if a > 0 and b > 0:
            return scale * (math.erfc(a) - math.erfc(b))
        if a < 0 and b < 0:
            return scale * (math.erfc(-b) - math.erfc(-a))
        return scale * (math.erf(b) - math.erf(a))

    def peaks(self, duration: float) -> list[float]:
        """The center, and times some widths away; 9 widths away it is below 3e-18 of its amplitude."""
        return [t for t in (self.center + k * self.width for k in (-9, -3, -1, 0, 1, 3, 9)) if 0 < t < duration]


@printed_briefly
@dataclass(frozen=True)
class Jumps:
    """Constant between jumps: ``values[i]`` from ``times[i - 1]`` to ``times[i]``; a quench has one jump.

    Args:
        values: one more than times.
        times: of the jumps, ascending; at a jump the new value holds.

    >>> quench = Jumps((1.0, 0.2), (0.5,))
    >>> quench.value(0.4, 2.0), quench.value(0.5, 2.0), round(quench.integral(0.0, 2.0, 2.0), 12)
    (1.0, 0.2, 0.8)
    """

    values: tuple[float, ...]
    times: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("values", "times"):
            given = getattr(self, name)
            if not listed(given):
                raise ProblemError(f"Argument `{name}` must be numbers, but is {describe(given)}.")
            object.__setattr__(self, name, tuple(real(v, name) for v in given))
        if any(b <= a for a, b in zip(self.times[:-1], self.times[1:])):
            raise ProblemError(f"Argument `times` must ascend, but is {describe(self.times)}.")
        if len(self.values) != len(self.times) + 1:
            raise ProblemError(
                f"Argument `values` must be {len(self.times) + 1} numbers, one more than times, but are {len(self.values)}."
            )

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.values[bisect_right(self.times, t)]

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """Piece by piece."""
        if t1 < t0:
            return -self.integral(t1, t0, duration)
        first, last = bisect_right(self.times, t0), bisect_left(self.times, t1)
        ends = [t0, *self.times[first:last], t1]
        return sum(value * (b - a) for value, a, b in zip(self.values[first:], ends[:-1], ends[1:]))

    def knots(self, duration: float) -> list[float]:
        """The times of the jumps within the duration."""
        inside = zip(self.times, self.values[:-1], self.values[1:])
        return [t for t, before, after in inside if 0 < t < duration and before != after]


@printed_briefly
@dataclass(frozen=True)
class Total:
    """``f(t) = sum_i c_i f_i(t)``."""

    parts: tuple[tuple[float, Schedule], ...]

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return sum(c * part.value(t, duration) for c, part in self.parts)

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """The sum of the integrals."""
        return sum(c * part.integral(t0, t1, duration) for c, part in self.parts)

    def knots(self, duration: float) -> list[float]:
        """Those of all parts."""
        return knots_of([part for _, part in self.parts], duration)

    def peaks(self, duration: float) -> list[float]:
        """Those of all parts."""
        return peaks_of([part for _, part in self.parts], duration)


@printed_briefly
@dataclass(frozen=True)
class Product:
    """``f(t) = first(t) second(t)``, with its integral by quadrature to rounding.

    >>> from qml_dynamics.model.schedules import Linear
    >>> round(Product(Linear(0.0, 1.0), Linear(0.0, 1.0)).integral(0.0, 1.0, 1.0), 12) == round(1 / 3, 12)
    True
    """

    first: Schedule
    second: Schedule

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.first.value(t, duration) * self.second.value(t, duration)

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """By Gauss's rule on pieces that are halved until the rule sees what the integrals of both schedules hold."""
        if not t1 > t0:
            return 0.0 if t1 == t0 else -self.integral(t1, t0, duration)
        parts = (self.first, self.second)
        ends = [t0, *(t for t in places_of(parts, duration) if t0 < t < t1), t1]
        open_, done, depth, out = list(zip(ends[:-1], ends[1:])), 0, 0, list[float]()
        whole = np.array([sum(abs(part.integral(a, b, duration)) for a, b in open_) for part in parts])
        tops = [max(abs(part.value(t, duration)) for a, b in open_ for t in (a, 0.5 * (a + b), b)) for part in parts]
        size = float(min(tops[0] * whole[1], tops[1] * whole[0]))  # of the integral: each bounds it
        while open_:
            done += len(open_)
            last, halves = depth >= _DEEP or done + 2 * len(open_) > _MOST, list[tuple[float, float]]()
            for a, b in open_:
                found, close = self._piece(a, b, duration, depth, whole, size)
                if close or last:
                    out.append(found)
                else:
                    halves += [(a, 0.5 * (a + b)), (0.5 * (a + b), b)]
            open_, depth = halves, depth + 1
        return math.fsum(out)

    def knots(self, duration: float) -> list[float]:
        """Those of both."""
        return knots_of([self.first, self.second], duration)

    def peaks(self, duration: float) -> list[float]:
        """Those of both."""
        return peaks_of([self.first, self.second], duration)

    def _piece(
        self, a: float, b: float, duration: float, depth: int, whole: np.ndarray, bound: float
    ) -> tuple[float, bool]:
        """The integral over a piece, and whether it is known; the integrals of the factors are known only to their rounding.

        A piece may be inexact in what is nothing beside the whole: the ``whole`` of each factor, and a ``bound`` of the product's.
        """
        times = (0.5 * (a + b) + 0.5 * (b - a) * _NODES).tolist()
        found = np.array([[part.value(t, duration) for t in times] for part in (self.first, self.second)])
        fine, coarse = (
            float(0.5 * w @ found[:, p].prod(axis=0)) for w, p in ((_WEIGHTS, slice(None)), (_SPARSE, _EVEN))
        )
        furthest = max(abs(a), abs(b), 1e-300)
        if b - a <= _SHORT * furthest:
            return fine * (b - a), True
        size = np.maximum(np.abs(found).max(axis=1), 1e-300)
        off, noise = abs(fine - coarse), _ROUNDING * furthest * float(np.ptp(found.prod(axis=0)))
        if not (off <= _CLOSE * float(size.prod()) or off * (b - a) <= _NOTHING * bound + noise):
            return fine * (b - a), False
        held = np.array([part.integral(a, b, duration) / (b - a) for part in (self.first, self.second)])
        allowed = _HELD + _ROUNDING * furthest / (b - a)
        missed = np.abs(held - 0.5 * found @ _WEIGHTS)
        lost = _LOST if depth >= _SEEN else _NOTHING
        sees = (missed <= allowed * size) | (missed * (b - a) <= lost * whole)
        return fine * (b - a), bool(sees.all())


# the nodes of Kronrod's rule hold those of Gauss's, so that one set of values gives an integral and its error
_KRONROD = (
    (0.991455371120812639206854697526329, 0.022935322010529224963732008058970),
    (0.949107912342758524526189684047851, 0.063092092629978553290700663189204),
    (0.864864423359769072789712788640926, 0.104790010322250183839876322541518),
    (0.741531185599394439863864773280788, 0.140653259715525918745189590510238),
    (0.586087235467691130294144691693013, 0.169004726639267902826583426598550),
    (0.405845151377397166906606412076961, 0.190350578064785409913256402421014),
    (0.207784955007898467600689403773245, 0.204432940075298892414161999234649),
    (0.0, 0.209482141084727828012999174891714),
)
_NODES = np.array([-x for x, _ in _KRONROD] + [x for x, _ in reversed(_KRONROD[:-1])])
_WEIGHTS = np.array([w for _, w in _KRONROD] + [w for _, w in reversed(_KRONROD[:-1])])
_EVEN = slice(1, None, 2)
_SPARSE = np.polynomial.legendre.leggauss(7)[1]
_CLOSE = 1e-10  # of Gauss's rule, whose square is about the error of Kronrod's
_DEEP = 40  # halvings at most, and pieces in all
_MOST = 100_000
_SHORT = 1e-13  # of the times themselves: a piece is not halved further
_HELD = 1e-9  # of the largest value: how near the rule must come to the integrals of the factors
_ROUNDING = 4e-15  # of the times: differences of antiderivatives cancel on short pieces
_SEEN = 10  # halvings behind which integrals that are good to 1e-6 are good enough
_LOST = 1e-6
_NOTHING = 1e-16  # of the whole


def knots_of(schedules: Sequence[Schedule], duration: float) -> list[float]:
    """The kinks and jumps of several schedules within the duration, ascending.

    >>> knots_of([Constant(1.0), Jumps((0.0, 1.0), (0.3,)), Jumps((0.0, 1.0), (5.0,))], 1.0)
    [0.3]
    """
    every = {t for each in schedules if isinstance(each, Kinked) for t in each.knots(duration)}
    return sorted(t for t in every if 0 < t < duration)


def peaks_of(schedules: Sequence[Schedule], duration: float) -> list[float]:
    """Times in and around the pulses of several schedules within the duration, ascending.

    >>> peaks_of([Constant(1.0), Pulse(1.0, 0.5, 0.1)], 1.0)
    [0.2, 0.4, 0.5, 0.6, 0.8]
    """
    every = {t for each in schedules if isinstance(each, Peaked) for t in each.peaks(duration)}
    return sorted(t for t in every if 0 < t < duration)


def places_of(schedules: Sequence[Schedule], duration: float) -> list[float]:
    """Where schedules say that they are to be looked at: their kinks and jumps, and their pulses."""
    return sorted({*knots_of(schedules, duration), *peaks_of(schedules, duration)})


def times(first: Schedule, second: Schedule) -> Schedule:
    """The product of two schedules, as simple as it can be.

    >>> times(Constant(1.0), Oscillation(1.0, 2.0)), times(Constant(2.0), Constant(3.0))
    (Oscillation(amplitude=1.0, frequency=2.0, phase=0.0, mean=0.0), Constant(value0=6.0))
    """
    if isinstance(second, Constant):
        first, second = second, first
    if not isinstance(first, Constant):
        return Product(first, second)
    if isinstance(second, Constant):
        return Constant(first.value0 * second.value0)
    return second if first.value0 == 1 else Total(((first.value0, second),))


def between(schedule: Schedule, t0: float, t1: float, duration: float) -> float:
    """The integral between two times in either order, as negative substeps need it; the schedule is asked forwards only.

    >>> class Hat:
    ...     def value(self, t, duration):
    ...         return float(t > 1)
    ...
    ...     def integral(self, t0, t1, duration):        # right where t1 is not below t0, as sums over pieces often are
    ...         return max(t1 - max(t0, 1.0), 0.0)
    >>> between(Hat(), 0.5, 3.0, 4.0), between(Hat(), 3.0, 0.5, 4.0)
    (2.0, -2.0)
    """
    return schedule.integral(t0, t1, duration) if t1 >= t0 else -schedule.integral(t1, t0, duration)


def swing(schedule: Schedule, duration: float) -> float:
    """The integral of the absolute value: the sum of those of many pieces, so that opposite signs do not cancel.

    That of a schedule which nothing can change is looked up when it is asked for again.

    >>> swing(Oscillation(1.0, 2 * math.pi), 1.0) > 0.6, round(swing(Constant(-2.0), 1.0), 12)
    (True, 2.0)
    >>> swing(Oscillation(1.0, 2 * math.pi * 127), 1.0) > 0.05    # in step with equal pieces it would be 0
    True
    """
    return _known(schedule, duration) if unchanging(schedule) else _swung(schedule, duration)  # type: ignore[arg-type]


def _swung(schedule: Schedule, duration: float) -> float:
    ends = sorted({*(_ENDS * duration).tolist(), *places_of([schedule], duration)})
    return sum(abs(schedule.integral(a, b, duration)) for a, b in zip(ends[:-1], ends[1:]))


_known = lru_cache(maxsize=256)(_swung)


def unchanging(value: object) -> bool:
    """Whether this is a number, or a frozen dataclass or a tuple of such, so that it equals itself at any time."""
    if isinstance(value, tuple):
        return all(map(unchanging, value))
    if is_dataclass(value) and not isinstance(value, type):
        frozen = type(value).__dataclass_params__.frozen  # type: ignore[attr-defined]
        return frozen and all(each.compare and unchanging(getattr(value, each.name)) for each in fields(value))
    return value is None or isinstance(value, (bool, int, float, str))


_PIECES = 127
_AWAY = (
    np.arange(1, _PIECES) * (0.5 * (5**0.5 - 1)) % 1.0 - 0.5
)  # of a piece, so that no periodic schedule is in step with all
_ENDS = np.concatenate([[0.0], (np.arange(1, _PIECES) + 0.5 * _AWAY) / _PIECES, [1.0]])
