"""A wave on its way along a run, what it has lost, and the protocol of what moves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ...base.errors import MethodError
from ...model.problem import Problem
from ...model.schedules import Schedule
from .trains import Train, added, rounded, scaled

EXTRAPOLATED = 3  # of Strang's steps in one that is extrapolated


@dataclass(frozen=True, eq=False)
class Moving:
    """A wave on its way.

    Attributes:
        train: right-canonical.
        log: logarithm of what was taken out of its norm.
        lost: root of the sum of the squares of what the roundings have left out, each as a share of the wave.
        capped: sum of those shares where the largest rank has cut more than the tolerance.
        rank: the largest rank so far.
    """

    train: Train
    log: float = 0.0
    lost: float = 0.0
    capped: float = 0.0
    rank: int = 1

    @property
    def norm(self) -> float:
        """The 2-norm of the train."""
        return float(np.linalg.norm(self.train[0]))

    def unit(self) -> Moving:
        """The same at norm 1."""
        size = self.norm
        if not size > 0 or not np.isfinite(size):
            raise MethodError(
                "Argument `steps` must be larger: in one step the loss takes the whole wave below the smallest number."
            )
        return replace(self, train=scaled(self.train, 1.0 / size), log=self.log + float(np.log(size)))


@dataclass(frozen=True, eq=False)
class Reached:
    """The wave at a saved time, of unit norm, and what it has lost so far (see :class:`Moving`)."""

    time: float
    train: Train
    log_norm: float
    lost: float
    capped: float
    rank: int


@dataclass(frozen=True, eq=False)
class Move:
    """One move of a run: what it makes of a wave, and whether a step (or a part of one, where it has several) ends with it."""

    act: Callable[[Moving], Moving]
    ends_step: bool = False


@dataclass(frozen=True, eq=False)
class Memory:
    """What an engine has found on its way that decides over the last digits of what follows.

    Attributes:
        seeds: bits from which interpolations start.
        lowest: the least loss among many points.
        phases: factors of the loss by name, each with a logarithm, the one that was used last at the end.
        moves: kinetic factors by name, each with the amount that it was made for.
    """

    seeds: np.ndarray | None = None
    lowest: float | None = None
    phases: tuple[tuple[str, Train, float], ...] = ()
    moves: tuple[tuple[str, float], ...] = ()


class Stepper(Protocol):
    """What takes the steps of a run: an :class:`Engine` or a :class:`~.chains.Chain`."""

    problem: Problem
    order: int
    tolerance: float
    most: int
    begin: Train
    cutoffs: tuple[int, ...]

    @property
    def sweeps(self) -> int:
        """Strang's steps whose work is that of one step."""
        ...

    @property
    def knots(self) -> Sequence[float]:
        """Times at which steps end, beside the saved ones."""
        ...

    @property
    def imaginary(self) -> bool:
        """Whether the clock is the imaginary one."""
        ...

    def strang(self, wave: Moving, ends: Sequence[float]) -> Moving:
        """Strang's step over each of these."""
        ...

    def moves(self, ends: Sequence[float] | np.ndarray) -> Iterator[Move]:
        """The moves of all steps between these ends; unit norm at the last."""
        ...

    def memory(self) -> Memory:
        """What it has found so far."""
        ...

    def recall(self, memory: Memory) -> None:
        """Go on as the one that has found this."""
        ...

    def tails(self, train: Train) -> list[float]:
        """What the wave has beyond half of what is kept."""
        ...

    def finer(self, begin: float) -> Stepper:
        """The same at half the tolerance, its initial wave within ``begin`` tolerances."""
        ...

    def coarser_by(self, tolerance: float) -> Stepper:
        """The same with another tolerance of the cuts."""
        ...

    def of_order(self, order: int) -> Stepper:
        """The same with another order of the step."""
        ...

    def unsure(self, begin: float) -> float:
        """How far the initial wave is from one within ``begin`` tolerances."""
        ...

    def wider(
        self, reached: Callable[[], Reached], before: Sequence[float], steps: int | None
    ) -> tuple[Stepper, list[float]] | None:
        """The same with more momenta, and what was beyond half of them; None where there are enough. ``steps`` are those asked for."""
        ...

    def missed(self, points: Sequence[Reached]) -> np.ndarray:
        """What the waves at the saved times, the first at the start, lack without scales that are finer than all momenta kept."""
        ...

    def table(self, train: Train) -> np.ndarray:
        """The amplitudes, shape ``domain.shape``, where there are few enough."""
        ...

    def first_steps(self) -> int:
        """Steps to try first."""
        ...

    def swings(self) -> tuple[tuple[str, Schedule, float], ...]:
        """Name, schedule and half of the width of what it multiplies, for each schedule that steps have to resolve."""
        ...


def accounted(engine: Stepper, wave: Moving, train: Train, rest: float) -> Moving:
    """The wave with a new train, of whose making that norm was left out."""
    share = rest / max(float(np.linalg.norm(train[0])), 1e-300)
    capped = wave.capped + (share if share > 1.01 * engine.tolerance else 0.0)
    rank = max(wave.rank, *(core.shape[2] for core in train))
    return replace(wave, train=train, lost=float(np.hypot(wave.lost, share)), capped=capped, rank=rank)


def extrapolated(engine: Stepper, wave: Moving, t0: float, t1: float) -> Moving:
    """``4/3 S(dt/2)^2 - 1/3 S(dt)`` with Strang's S: of order four without a negative step."""
    once = engine.strang(wave, [t0, t1])
    twice = engine.strang(wave, [t0, 0.5 * (t0 + t1), t1])
    total = added(scaled(twice.train, 4 / 3), scaled(once.train, -np.exp(once.log - twice.log) / 3))
    train, rest = rounded(total, engine.tolerance, engine.most)
    twice = replace(twice, lost=max(twice.lost, once.lost), capped=max(twice.capped, once.capped))
    return accounted(engine, twice, train, rest)
