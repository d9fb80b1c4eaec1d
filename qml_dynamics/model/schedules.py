"""Schedules of the diffusion D(t) and the strength s(t): the only source of time dependence in the library.

A schedule gives its value at a time and its exact integral over an interval, both as functions of ``duration`` too, so
that the same schedule can be stretched. A plain number means :class:`Constant`. Schedules of other packages have names in problem
files by their entry points of the group ``qml_dynamics.schedules``.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ..base.entry_points import load, offered, offered_as
from ..base.errors import ProblemError, QMLDynamicsError, describe, line, real, require
from ..base.numeric import listed
from ..base.printing import printed_briefly
from ..base.registry import SCHEDULE_PAIRS, SCHEDULES, at, named


@runtime_checkable
class Schedule(Protocol):
    """Anything with ``value(t, duration)`` and ``integral(t0, t1, duration)``."""

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        ...

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """The exact integral of ``value`` from ``t0`` to ``t1``."""
        ...


@runtime_checkable
class Kinked(Protocol):
    """A schedule that is not smooth everywhere and tells where; steps of integrators end there."""

    def knots(self, duration: float) -> Sequence[float]:
        """Times of its kinks and jumps, ascending."""
        ...


@runtime_checkable
class Peaked(Protocol):
    """A schedule with pulses that may be much narrower than a step and tells where; all that looks at schedules looks there too."""

    def peaks(self, duration: float) -> Sequence[float]:
        """Times in and around its pulses, ascending; between two neighbours it is smooth on the scale of their distance."""
        ...


@dataclass(frozen=True)
class Constant:
    """``f(t) = value0``.

    >>> Constant(2.0).integral(0.0, 0.5, 1.0)
    1.0
    """

    value0: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "value0", real(self.value0, "value"))

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.value0

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """``value0 (t1 - t0)``."""
        return self.value0 * (t1 - t0)


@dataclass(frozen=True)
class Linear:
    """``f(t) = start + (stop - start) t / duration``.

    >>> Linear(1.0, 0.0).integral(0.0, 2.0, 2.0)
    1.0
    """

    start: float
    stop: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", real(self.start, "start"))
        object.__setattr__(self, "stop", real(self.stop, "stop"))

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.start + (self.stop - self.start) * t / duration

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """The value in the middle times the length."""
        return self.value(0.5 * (t0 + t1), duration) * (t1 - t0)


@dataclass(frozen=True)
class Geometric:
    """``f(t) = start (stop / start)^(t / duration)``, both ends positive.

    >>> Geometric(1.0, 0.01).value(0.5, 1.0)
    0.1
    """

    start: float
    stop: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", real(self.start, "start", positive=True))
        object.__setattr__(self, "stop", real(self.stop, "stop", positive=True))

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        out: float = self.start * (self.stop / self.start) ** (t / duration)
        return out

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """``f(t0) (exp(r (t1 - t0)) - 1) / r`` with the rate ``r = log(stop / start) / duration``."""
        rate = math.log(self.stop / self.start) / duration
        width = t1 - t0
        grown = width if rate * width == 0 else math.expm1(rate * width) / rate
        return self.value(t0, duration) * grown


@dataclass(frozen=True)
class PowerLaw:
    """``f(t) = scale (offset + t / unit)^power``.

    With ``unit=None`` time is counted in units of the duration. A negative power needs a positive offset.

    >>> PowerLaw(1.0, 3.0, unit=1.0).integral(0.0, 2.0, 2.0)
    4.0
    """

    scale: float
    power: float
    offset: float = 0.0
    unit: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", real(self.scale, "scale"))
        object.__setattr__(self, "power", real(self.power, "power"))
        object.__setattr__(self, "offset", real(self.offset, "offset", nonnegative=True))
        if self.unit is not None:
            object.__setattr__(self, "unit", real(self.unit, "unit", positive=True))
        if self.power < 0 and self.offset == 0:
            raise ProblemError("Argument `offset` must be positive where the power is negative, but is 0.")

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        out: float = self.scale * (self.offset + t / (self.unit or duration)) ** self.power
        return out

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """The power rule, a logarithm at power -1."""
        unit = self.unit or duration
        a, b = self.offset + t0 / unit, self.offset + t1 / unit
        if self.power == -1:
            return self.scale * unit * math.log(b / a)
        p = self.power + 1
        out: float = self.scale * unit * (b**p - a**p) / p
        return out


@dataclass(frozen=True)
class _CubicDamping:
    """``amplitude / (epsilon + t^3)``: the diffusion of quantum Hamiltonian descent."""

    amplitude: float
    epsilon: float

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.amplitude / (self.epsilon + t**3)

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """Closed form: partial fractions of 1 / (c^3 + t^3), with c the cube root of epsilon."""
        return self.amplitude * (self._primitive(t1) - self._primitive(t0))

    def _primitive(self, t: float) -> float:
        c = self.epsilon ** (1 / 3)
        logs = math.log(t + c) / 3 - math.log(t * t - c * t + c * c) / 6
        out: float = (logs + math.atan((2 * t - c) / (math.sqrt(3) * c)) / math.sqrt(3)) / c**2
        return out


@dataclass(frozen=True)
class QHD:
    """The pair of schedules of quantum Hamiltonian descent: ``i psi_t = [-D(t) L + s(t) zeta] psi``.

    ``D(t) = 1 / (epsilon + t^3)`` and ``s(t) = 2 t^3``, times in absolute units; this is ``e^phi (-L / 2)`` with
    ``e^phi = 2 / (epsilon + t^3)``. Source: Leng, Hickman, Li, Wu, arXiv:2303.01471, and the settings of their released
    solver (``epsilon = 1e-3``).

    >>> schedule = QHD()
    >>> schedule.strength.value(2.0, 10.0), round(schedule.diffusion.value(2.0, 10.0), 6)
    (16.0, 0.124984)
    """

    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", real(self.epsilon, "epsilon", positive=True))

    @property
    def diffusion(self) -> Schedule:
        """``D(t) = 1 / (epsilon + t^3)``."""
        return _CubicDamping(1.0, self.epsilon)

    @property
    def strength(self) -> Schedule:
        """``s(t) = 2 t^3``."""
        return PowerLaw(2.0, 3.0, unit=1.0)


@printed_briefly
@dataclass(frozen=True)
class Knots:
    """Positive values at equally spaced knots over the duration, geometric between neighbours: ``log f`` is piecewise linear.

    Args:
        values: at least two positive numbers, at ``t = 0, duration / (m - 1), ..., duration``.

    >>> Knots((1.0, 0.1, 10.0)).value(1.5, 2.0), round(Knots((1.0, 0.1, 10.0)).integral(0.0, 1.0, 2.0), 6)
    (1.0, 0.390865)
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        given = self.values
        if not listed(given) or len(given) < 2:
            raise ProblemError(f"Argument `values` must be at least two positive numbers, but is {describe(given)}.")
        object.__setattr__(self, "values", tuple(real(v, "values", positive=True) for v in given))

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        i, rest, _ = self._piece(t, duration)
        out: float = self.values[i] * (self.values[i + 1] / self.values[i]) ** rest
        return out

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """The closed form of each geometric piece, added up."""
        if t1 < t0:
            return -self.integral(t1, t0, duration)
        (i, a, width), (j, b, _) = self._piece(t0, duration), self._piece(t1, duration)
        pieces = [(i, a, b)] if i == j else [(i, a, 1.0), *((m, 0.0, 1.0) for m in range(i + 1, j)), (j, 0.0, b)]
        return width * sum(self._inside(m, low, high) for m, low, high in pieces)

    def knots(self, duration: float) -> list[float]:
        """The times between pieces whose rates differ."""
        count, rates = len(self.values) - 1, [math.log(b / a) for a, b in zip(self.values[:-1], self.values[1:])]
        return [duration * i / count for i in range(1, count) if rates[i] != rates[i - 1]]

    def _piece(self, t: float, duration: float) -> tuple[int, float, float]:
        """The piece that holds ``t``, how far into it, and the length of a piece."""
        count = len(self.values) - 1
        place = t / duration * count
        i = min(max(math.floor(place), 0), count - 1)
        return i, place - i, duration / count

    def _inside(self, i: int, low: float, high: float) -> float:
        """Integral from ``low`` to ``high`` of piece ``i``, in units of its length."""
        rate = math.log(self.values[i + 1] / self.values[i])
        span = rate * (high - low)
        grown = high - low if span == 0 else math.expm1(span) / rate
        return self.values[i] * math.exp(rate * low) * grown


RESERVED = (*SCHEDULES, *SCHEDULE_PAIRS, "custom")  # words of problem files that no other package can take


def schedule_names() -> list[str]:
    """Names of schedules in problem files: those of the library, then those that other packages offer.

    >>> schedule_names()[:2]
    ['constant', 'linear']
    """
    return [*SCHEDULES, *SCHEDULE_PAIRS, *sorted(name for name in offered("schedule") if name not in RESERVED)]


def schedule_class(kind: str) -> type:
    """The class of a name out of :func:`schedule_names`, that of the pair for ``"qhd"``; :class:`ProblemError` where it is none.

    >>> schedule_class("linear").__name__
    'Linear'
    """
    own = {**SCHEDULES, **SCHEDULE_PAIRS}
    if kind in own:
        return at(own[kind])  # type: ignore[no-any-return]
    cls = load("schedule", kind, ProblemError)
    fits = isinstance(cls, type) and is_dataclass(cls) and issubclass(cls, Schedule)
    require(fits, "schedule", f"be a dataclass with value and integral under the name {kind}", cls)
    return cls  # type: ignore[no-any-return]


def kind_of_schedule(schedule: Schedule) -> str | None:
    """The name of a schedule's class; None where it has none, as for one that no installed package offers.

    >>> kind_of_schedule(Linear(0.0, 1.0))
    'linear'
    """
    own = named(type(schedule), SCHEDULES)
    if own is not None:
        return own
    name = offered_as("schedule", type(schedule)) if is_dataclass(schedule) else None
    return None if name in RESERVED else name


def as_schedule(value: object, name: str) -> Schedule:
    """A schedule from a schedule or a plain number; raises :class:`ProblemError` for anything else."""
    if isinstance(value, Schedule) and not isinstance(value, type):
        return value
    try:
        return Constant(real(value, name))
    except ProblemError:
        raise ProblemError(f"Argument `{name}` must be a number or a schedule, but is {describe(value)}.") from None


def value_at(schedule: Schedule, name: str, t: float, duration: float) -> float:
    """The coefficient at a time; :class:`ProblemError` where the schedule gives no number there.

    >>> value_at(Linear(0.0, 1.0), "strength", 0.5, 2.0)
    0.25
    """
    return number_given(lambda: schedule.value(t, duration), name, f"value at t = {t:g}")


def whole_integral(schedule: Schedule, name: str, duration: float) -> float:
    """The integral over the duration; :class:`ProblemError` where the schedule gives no number for it.

    >>> whole_integral(Linear(0.0, 1.0), "strength", 2.0)
    1.0
    """
    return number_given(lambda: schedule.integral(0.0, duration, duration), name, "integral over the duration")


def number_given(call: Callable[[], object], name: str, what: str) -> float:
    """What the code of a schedule, which may be of another package, gives, of any size, not a number among them.

    Raises:
        ProblemError: it raises, or gives something else.
    """
    try:
        found = call()
    except QMLDynamicsError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {line(str(error)).removesuffix('.')}"
        raise ProblemError(
            f"Argument `{name}` must be a schedule with a number as its {what}, but it raises {said}."
        ) from None
    if isinstance(found, np.ndarray) and found.ndim == 0:  # of `np.where`
        found = found.item()
    fits = isinstance(found, numbers.Real) and not isinstance(found, bool)
    require(fits, name, f"be a schedule with a number as its {what}", found)
    return float(found)  # type: ignore[arg-type]


_PARTS = 64  # of a duration, in which a schedule that rests is looked at
_RESTS = 1e-10  # of its value


def rests(schedules: Sequence[Schedule], duration: float) -> bool:
    """Whether these stand still: their integrals over equal parts and a value within each are those of a constant.

    >>> rests([Constant(2.0), Linear(1.0, 1.0)], 3.0), rests([Linear(1.0, 1.1)], 3.0)
    (True, False)
    """
    ends = [duration * i / _PARTS for i in range(_PARTS + 1)]
    places = [
        (i + (0.5 * (5**0.5 - 1) * i) % 1.0) / _PARTS * duration for i in range(_PARTS)
    ]  # in no period with the parts
    for schedule in schedules:
        if is_constant(schedule):
            continue
        first = schedule.value(0.0, duration)
        room = _RESTS * abs(first)
        means = [schedule.integral(a, b, duration) / (b - a) for a, b in zip(ends[:-1], ends[1:])]
        if any(abs(f - first) > room for f in (*means, *(schedule.value(t, duration) for t in (*places, duration)))):
            return False
    return True


def is_constant(*schedules: Schedule) -> bool:
    """Whether none of these changes with time."""
    return all(isinstance(schedule, Constant) for schedule in schedules)
