"""Whether the integral of a schedule is that of its values: what it says twice is compared once, before anything is run.

Some methods read the values of a schedule, others its integrals, so that one that contradicts itself gives two answers. It is taken at
its word by the fundamental theorem, and by no quadrature, which may miss a pulse: integrals over neighbouring intervals add up, the
mean over a short interval is the value there, and no instant holds an amount. A difference counts where it is above 1e-3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ..base.errors import ProblemError, QMLDynamicsError, line
from .drives import Product, Total, places_of, unchanging
from .schedules import Schedule, is_constant, number_given, value_at

_FAR = 1e-3  # of the values or integrals that are compared: what is approximate by less passes
_NOISE = 1e-9  # of the mean over the duration: what differences of antiderivatives lose
_ROUNDING = 1e-15  # of the integral over the duration
_PARTS = 17  # of the duration
_PLACES = 64  # of the duration, and at most so many between the places that a schedule tells
_ENOUGH = 2  # places that contradict: one may lie on a spike
_HALVES = (1e-3, 0.1, 1e-2, 1e-5, 1e-7, 1e-9, 1e-11)  # of the unit: half of the intervals around a place
_SHORTEST = 1e-12  # of the duration: times on shorter intervals are rounded
_FLAT = 0.1  # of the largest value: so little may values differ on the shortest interval
_INSTANT = 4  # of the distance between neighbouring numbers
_UNSEEN = 10  # times what values give: so much more an instant must hold to be a jump
_GOLDEN = 0.5 * (5**0.5 - 1)  # places in no period with anything
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)


def check_integral(schedule: Schedule, name: str, duration: float) -> None:
    """Refuse a schedule whose integrals are not those of its values; one that nothing can change is looked at once.

    Intervals around 64 places of the duration, and around places between its kinks and pulses where it tells some, are compared in
    seven lengths: one in which integral and values agree is enough, so that structure of any width is left alone.

    Args:
        schedule: of anybody.
        name: of the argument.
        duration: over which it is used.

    Raises:
        ProblemError: with an interval, and what integral and values say of it.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Ramp:
    ...     def value(self, t, duration):
    ...         return 2.0 * t
    ...
    ...     def integral(self, t0, t1, duration):  # from time 0, whatever t0 is
    ...         return t1**2
    >>> check_integral(Ramp(), "strength", 1.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `strength` must be a schedule whose integral(t0, t1) is that of its value(t), but \
the integral from 0 to 1 is 1, and those over 17 parts of it add up to 6.2...
    """
    if is_constant(schedule):
        return
    if isinstance(schedule, (Product, Total)):  # right where its parts are
        parts = (
            (schedule.first, schedule.second) if isinstance(schedule, Product) else [part for _, part in schedule.parts]
        )
        for part in parts:
            check_integral(part, name, duration)
        return
    said = (_known if unchanging(schedule) else _contradiction)(schedule, name, duration)  # type: ignore[arg-type]
    if said:
        must = f"Argument `{name}` must be a schedule whose integral(t0, t1) is that of its value(t)"
        raise ProblemError(f"{must}, but {said}.")


def _contradiction(schedule: Schedule, name: str, duration: float) -> str:
    told = _Told(schedule, name, duration)
    return told.parts() or told.places() or told.instants()


_known = lru_cache(maxsize=256)(_contradiction)


@dataclass(eq=False)
class _Told:
    """What a schedule says, each piece of it a number or refused by name."""

    schedule: Schedule
    name: str
    duration: float
    ends: list[float] = field(init=False)
    amounts: list[float] = field(init=False)
    room: float = field(init=False)  # of an integral

    def __post_init__(self) -> None:
        inner = [(i + 0.4 * math.sin(i)) / _PARTS for i in range(1, _PARTS)]
        self.ends = [0.0, *(self.duration * share for share in inner), self.duration]
        self.amounts = [self.integral(a, b) for a, b in zip(self.ends[:-1], self.ends[1:])]
        largest = np.abs(self.values([self.duration * share for share in _shares(_PLACES)]))
        largest = largest[np.isfinite(largest)]
        self.room = _FAR * self.whole + _NOISE * self.duration * float(largest.max(initial=0.0))

    @property
    def whole(self) -> float:
        """The integral of the absolute value, nearly."""
        return sum(map(abs, self.amounts))

    def values(self, times: Sequence[float]) -> np.ndarray:
        """The values at some times."""
        return np.array([value_at(self.schedule, self.name, t, self.duration) for t in times])

    def integral(self, a: float, b: float) -> float:
        """The integral over an interval."""
        what = f"integral from {a:g} to {b:g}"
        return number_given(lambda: self.schedule.integral(a, b, self.duration), self.name, what)

    def compared(self, a: float, b: float) -> tuple[float, float, np.ndarray]:
        """The integral over an interval, what the values make of it, and the values."""
        found = self.values((0.5 * (a + b) + 0.5 * (b - a) * _NODES).tolist())
        with np.errstate(over="ignore", invalid="ignore"):
            return self.integral(a, b), 0.5 * (b - a) * float(_WEIGHTS @ found), found

    def told(self) -> list[float]:
        """Where it says that it has kinks and pulses."""
        try:
            return places_of([self.schedule], self.duration)
        except QMLDynamicsError:
            raise
        except Exception as error:  # of any kind: it may be the code of another package
            said = f"{type(error).__name__}: {line(str(error)).removesuffix('.')}"
            raise ProblemError(
                f"Argument `{self.name}` must be a schedule that tells its places, but it raises {said}."
            ) from None

    def parts(self) -> str:
        """Whether integrals add up."""
        whole, summed = self.integral(0.0, self.duration), sum(self.amounts)
        if not abs(whole - summed) > self.room:  # what is no number is refused elsewhere
            return ""
        return f"the integral from 0 to {self.duration:.6g} is {whole:.6g}, and those over {_PARTS} parts of it add up to {summed:.6g}"

    def places(self) -> str:
        """Whether means are values."""
        around = [(self.duration * share, self.duration) for share in _shares(_PLACES)]
        edges = [0.0, *self.told(), self.duration]
        gaps = list(zip(edges[:-1], edges[1:])) if len(edges) > 2 else []
        around += [(0.5 * (a + b), b - a) for a, b in gaps[:: len(gaps) // _PLACES + 1]]
        said = [found for t, unit in around if (found := self._at(t, unit))]
        return said[0] if len(said) >= _ENOUGH else ""

    def _at(self, t: float, unit: float) -> str:
        """What contradicts around a place in every length, and is flat in the shortest; nothing where one agrees."""
        said, shortest, flat = "", math.inf, False
        for share in _HALVES:
            a, b = max(t - share * unit, 0.0), min(t + share * unit, self.duration)
            if b - a < _SHORTEST * self.duration:
                continue
            amount, seen, values = self.compared(a, b)
            size = float(np.abs(values).max())
            away = abs(amount - seen)
            if not away > _FAR * max(size, self.whole / self.duration) * (b - a) + _ROUNDING * self.whole:
                return ""
            said = said or f"from {a:.6g} to {b:.6g} the integral is {amount:.6g}, and the values give {seen:.6g}"
            if b - a < shortest:
                shortest, flat = b - a, float(np.ptp(values)) <= _FLAT * size
        return said if flat else ""

    def instants(self) -> str:
        """Whether an instant holds an amount, as where an antiderivative changes its branch: halves are followed to it."""
        for a, b in zip(self.ends[:-1], self.ends[1:]):
            amount, seen, _ = self.compared(a, b)
            while abs(amount - seen) > self.room:
                if b - a <= _INSTANT * np.spacing(b):
                    if abs(amount) > _UNSEEN * abs(seen):  # else a pulse as short as that
                        return (
                            f"at t = {b:.9g} the integral jumps by {amount:.6g}, and the values there give {seen:.6g}"
                        )
                    break
                middle = 0.5 * (a + b)
                halves = [(each, self.compared(*each)[:2]) for each in ((a, middle), (middle, b))]
                (a, b), (amount, seen) = max(halves, key=lambda half: abs(half[1][0] - half[1][1]))
        return ""


def _shares(count: int) -> list[float]:
    return [(i + 0.5) * _GOLDEN % 1.0 for i in range(count)]
