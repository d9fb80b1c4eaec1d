"""Fixed schedules for few steps: the cubic and quadratic ones of quantum Hamiltonian descent, in rescaled and non-uniform time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.printing import printed_briefly
from ...model.drives import peaks_of
from ...model.schedules import QHD, Kinked, Schedule
from .batch import Batch, Instance

TIMES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
WARPS = (0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Warped:
    """Another schedule on the clock ``t = time * u^power``, ``u`` from 0 to 1 over the duration: equal steps become unequal ones.

    >>> from qml_dynamics.model.schedules import PowerLaw
    >>> cubic = PowerLaw(2.0, 3.0, unit=1.0)
    >>> Warped(cubic, 2.0, 0.25).integral(0.0, 0.5, 1.0), round(Warped(cubic, 2.0, 0.25).value(0.5, 1.0), 6)
    (4.0, 8.0)
    """

    inner: Schedule
    time: float
    power: float

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``, the speed of the clock included; at ``t = 0`` just after it where that is infinite."""
        u = max(t / duration, 1e-12) if self.power < 1 else t / duration
        speed = self.time * self.power * u ** (self.power - 1) / duration
        return float(self.inner.value(self.time * u**self.power, self.time) * speed)

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """The inner integral between the two times on its own clock: exact."""
        a, b = (self.time * (t / duration) ** self.power for t in (t0, t1))
        return self.inner.integral(a, b, self.time)

    def knots(self, duration: float) -> list[float]:
        """Those of the inner schedule on this clock."""
        return self._here(_knots(self.inner, self.time), duration)

    def peaks(self, duration: float) -> list[float]:
        """Those of the inner schedule on this clock."""
        return self._here(peaks_of([self.inner], self.time), duration)

    def _here(self, times: Sequence[float], duration: float) -> list[float]:
        return [duration * (t / self.time) ** (1 / self.power) for t in times]


@dataclass(frozen=True)
class _Falling:
    """``(g / 2) / (1 + g t^2)``."""

    g: float

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.g / 2 / (1 + self.g * t * t)

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """An arc tangent."""
        root = math.sqrt(self.g)
        return root / 2 * (math.atan(root * t1) - math.atan(root * t0))


@dataclass(frozen=True)
class _Rising:
    """``g (1 + g t^2)``."""

    g: float

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.g * (1 + self.g * t * t)

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """A cubic."""
        return self.g * (t1 - t0) + self.g**2 * (t1**3 - t0**3) / 3


@printed_briefly
@dataclass(frozen=True)
class Fixed:
    """A pair of schedules over the duration 1, and what it is called.

    Attributes:
        name: family, time and power of the clock.
        diffusion, strength: the pair.
        steps: that it is used with.
        scaled: whether the loss is divided by its spread.
    """

    name: str
    diffusion: Schedule
    strength: Schedule
    steps: int
    scaled: bool
    duration: float = 1.0

    def over(self, spread: float, edge: float = 1.0) -> Fixed:
        """For the loss as it is, of this spread, on a box of this edge: strength divided, diffusion times ``edge^2``."""
        falling, rising = _Times(self.diffusion, edge**2), _Times(self.strength, 1 / spread)
        return Fixed(self.name, falling, rising, self.steps, False, self.duration)


@dataclass(frozen=True)
class _Times:
    inner: Schedule
    factor: float

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return self.inner.value(t, duration) * self.factor

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """The integral of the inner one, multiplied."""
        return self.inner.integral(t0, t1, duration) * self.factor

    def knots(self, duration: float) -> list[float]:
        """Those of the inner schedule."""
        return _knots(self.inner, duration)

    def peaks(self, duration: float) -> list[float]:
        """Those of the inner schedule."""
        return peaks_of([self.inner], duration)


def _knots(schedule: Schedule, duration: float) -> list[float]:
    return list(schedule.knots(duration)) if isinstance(schedule, Kinked) else []


@checks_arguments
def fixed_schedules(steps: int) -> Iterator[Fixed]:
    """The cubic schedule of quantum Hamiltonian descent and the quadratic one of its device solver, 176 variants in all.

    Both for durations from 0.5 to 10, on clocks ``u^(1/4), u^(1/2), u, u^2``, on the loss of the unit box as it is and
    divided by its spread. Sources: arXiv:2303.01471 and its code; QHDOPT, arXiv:2409.03121 (``g = 5``).
    """
    families = {"cubic": (QHD().diffusion, QHD().strength), "quadratic": (_Falling(5.0), _Rising(5.0))}
    for family, (falling, rising) in families.items():
        for time in TIMES:
            for power in WARPS:
                for scaled in (False, True):
                    name = f"{family}, T={time:g}, clock u^{power:g}, {'scaled' if scaled else 'raw'} loss"
                    yield Fixed(name, Warped(falling, time, power), Warped(rising, time, power), steps, scaled)


def amounts(schedule: Schedule, steps: int, duration: float = 1.0) -> np.ndarray:
    """Integrals of a schedule over equal steps."""
    ends = duration * np.arange(steps + 1) / steps
    return np.array([schedule.integral(a, b, duration) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist())])


@checks_arguments
def best_fixed(instances: Sequence[Instance], steps: int) -> tuple[Fixed, float]:
    """The fixed schedule of the highest mean chance on these instances, and that chance."""
    batches = {scaled: Batch(instances, scaled) for scaled in (False, True)}
    best: tuple[Fixed, float] | None = None
    for pair in fixed_schedules(steps):
        chances = batches[pair.scaled].chances(amounts(pair.diffusion, steps), amounts(pair.strength, steps))
        if best is None or chances.mean() > best[1]:
            best = pair, float(chances.mean())
    assert best is not None
    return best
