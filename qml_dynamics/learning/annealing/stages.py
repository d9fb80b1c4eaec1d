"""Piecewise constant schedules: D(t) and s(t) held still within each stage, and values equidistributed in a given density."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import MethodError, real, require
from ...model.problem import Problem
from ...model.schedules import Schedule

_AT_THE_END = 1e-9  # of a stage: a time that is off by rounding still belongs to the stage that it ends


@dataclass(frozen=True)
class Staged:
    """One value a stage, all stages equally long; a boundary belongs to the stage that it ends.

    >>> two = Staged((3.0, 1.0))
    >>> two.value(1.0, 2.0), two.value(1.1, 2.0), two.integral(0.5, 2.0, 2.0)
    (3.0, 1.0, 2.5)
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(real(v, "values") for v in self.values))

    def stage(self, t: float, duration: float) -> int:
        """Which stage a time belongs to."""
        last = len(self.values) - 1
        return int(np.clip(np.ceil(t / duration * len(self.values) - _AT_THE_END) - 1, 0, last))

    def value(self, t: float, duration: float) -> float:
        """The value of the stage that ``t`` belongs to."""
        return self.values[self.stage(t, duration)]

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """Stage by stage."""
        if t1 < t0:
            return -self.integral(t1, t0, duration)
        length = duration / len(self.values)
        first, last = (self.stage(t, duration) for t in (np.nextafter(t0, t1) + _AT_THE_END * length, t1))
        if first >= last:
            return self.values[last] * (t1 - t0)
        whole = sum(self.values[first + 1 : last]) * length
        return self.values[first] * ((first + 1) * length - t0) + whole + self.values[last] * (t1 - last * length)

    def knots(self, duration: float) -> list[float]:
        """The times between the stages."""
        count = len(self.values)
        return [duration * i / count for i in range(1, count) if self.values[i] != self.values[i - 1]]


def stage_times(stages: int, duration: float) -> np.ndarray:
    """Where the values of a schedule are taken: from its start to its end, the end alone for a single stage."""
    return duration * np.arange(stages) / (stages - 1) if stages > 1 else np.array([duration])


def staged(schedule: Schedule, stages: int, duration: float) -> tuple[float, ...]:
    """The values of a schedule at :func:`stage_times`.

    >>> from qml_dynamics.model.schedules import Linear
    >>> staged(Linear(4.0, 0.0), 3, 10.0), staged(Linear(4.0, 0.0), 1, 10.0)
    ((4.0, 2.0, 0.0), (0.0,))
    """
    return tuple(schedule.value(float(t), duration) for t in stage_times(stages, duration))


def held(problem: Problem, diffusion: Sequence[float], strength: Sequence[float]) -> Problem:
    """The problem with diffusion and strength held still within each stage."""
    return problem.replace(diffusion=Staged(tuple(diffusion)), strength=Staged(tuple(strength)))


def equidistributed(at: np.ndarray, density: np.ndarray, stages: int) -> np.ndarray:
    """``stages`` values from ``at[0]`` to ``at[-1]`` with equal integrals of a density between neighbours.

    Args:
        at: falling values of the diffusion, shape ``(m,)``.
        density: not negative, same shape; linear in between.
        stages: how many values, at least 2.

    >>> equidistributed(np.array([1.0, 0.5, 0.0]), np.ones(3), 5).tolist()
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    falling = bool(np.all(np.diff(at) < 0))
    require(falling, "adapt", "be None unless the diffusion falls all the way", "of another schedule", MethodError)
    pieces = 0.5 * (density[1:] + density[:-1]) * -np.diff(at)
    total = np.concatenate([[0.0], np.cumsum(pieces)])
    if not total[-1] > 0:
        return np.linspace(at[0], at[-1], stages)
    inner = np.interp(total[-1] * np.arange(1, stages - 1) / (stages - 1), total, at)
    return np.concatenate([at[:1], inner, at[-1:]])
