"""Data of an ensemble as plain records: steps of the weights, histories of density and free energy, exchange events.

Three kinds of data, each of which tells other things: steps of the weights (noise strength and mobility), histories of
density and free energy (the multiplier and the potential), and exchange events (the chemical potential).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...base.errors import describe, real, require
from ...base.numeric import number_array
from ...base.printing import printed_briefly
from ...model.domains import Grid
from ...model.objectives.base import Objective
from ...model.objectives.given import objective_of
from .answers import numbers


def _copy(record: object, *names: str) -> None:
    """Arrays of a record's own: a person's may change afterwards."""
    for name in names:
        if getattr(record, name) is not None:
            object.__setattr__(record, name, np.array(getattr(record, name)))


@printed_briefly
@dataclass(frozen=True, eq=False)
class Steps:
    """Single steps of independent networks at recorded times.

    ``change = gamma gradient dt + noise``.

    Attributes:
        weights: before the step, shape ``(records, networks, K)``.
        gradient: of the free energy there, same shape.
        change: of the weights in the step, same shape.
        dt: time of a step.
        times: when they were recorded, shape ``(records,)``, or None.
    """

    weights: np.ndarray
    gradient: np.ndarray
    change: np.ndarray
    dt: float = 1.0
    times: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "gradient", "change"):
            object.__setattr__(self, name, number_array(getattr(self, name), name))
        shape = self.weights.shape
        require(len(shape) == 3, "weights", "have shape (records, networks, K)", f"of shape {shape}")
        for name in ("gradient", "change"):
            given = getattr(self, name).shape
            require(given == shape, name, f"have shape {shape}", f"of shape {given}")
        real(self.dt, "dt", positive=True)
        if self.times is not None:
            times = number_array(self.times, "times")
            require(times.shape == shape[:1], "times", f"have shape {shape[:1]}", f"of shape {times.shape}")
            object.__setattr__(self, "times", times)
        _copy(self, "weights", "gradient", "change", "times")


@printed_briefly
@dataclass(frozen=True, eq=False)
class History:
    """Density and free energy over a weight grid at several times.

    Attributes:
        domain: the grid, of one or two axes.
        times: shape ``(T,)``, ascending.
        density: shape ``(T, *domain.shape)``, positive where it is used; or None where only the free energy was seen.
        free_energy: same shape, one continuous branch; or None where only the density was seen.

    >>> grid = Grid((-1, 1), 2)
    >>> History(grid, [0.0, 0.5], np.ones((2, 4)), np.zeros((2, 4))).times.tolist()
    [0.0, 0.5]
    """

    domain: Grid
    times: np.ndarray
    density: np.ndarray | None
    free_energy: np.ndarray | None

    def __post_init__(self) -> None:
        ok = isinstance(self.domain, Grid) and self.domain.ndim <= 2
        require(ok, "domain", "be a Grid with one axis or two", self.domain)
        times = numbers(self.times)
        ascend = times.ndim == 1 and times.size > 0 and bool(np.isfinite(times).all() and (np.diff(times) > 0).all())
        require(ascend, "times", "ascend", describe(self.times))
        object.__setattr__(self, "times", times)
        shape = (len(times), *self.domain.shape)
        for name in ("density", "free_energy"):
            if getattr(self, name) is None:
                continue
            given = numbers(getattr(self, name))
            fits = given.shape in (shape, (len(times), self.domain.size))
            require(fits, name, f"have shape {shape}", f"of shape {given.shape}")
            require(bool(np.isfinite(given).all()), name, "be finite", describe(given))
            object.__setattr__(self, name, given.reshape(shape))


@printed_briefly
@dataclass(frozen=True, eq=False)
class ExchangeEvents:
    """Proposals to add or remove a neuron, and what became of them.

    Attributes:
        energy_change: of the loss, shape ``(events,)``.
        number_change: +1 for an addition, -1 for a removal, same shape.
        accepted: truth values or 0 and 1, same shape; kept as truth values.

    Raises:
        ProblemError: arrays of other shapes, or numbers that are none of these.

    >>> ExchangeEvents([0.5, -0.2], [1, -1], [0, 1]).accepted
    array([False,  True])
    """

    energy_change: np.ndarray
    number_change: np.ndarray
    accepted: np.ndarray

    def __post_init__(self) -> None:
        for name in ("energy_change", "number_change", "accepted"):
            object.__setattr__(self, name, number_array(getattr(self, name), name))
        shape = self.energy_change.shape
        for name, among in (("number_change", (1, -1)), ("accepted", (0, 1))):
            given = getattr(self, name)
            require(given.shape == shape and len(shape) == 1, name, f"have shape {shape}", f"of shape {given.shape}")
            other = given[~np.isin(given, among)]
            require(not len(other), name, f"be {among[0]} or {among[1]} for each event", other[:1].tolist())
        object.__setattr__(self, "accepted", self.accepted == 1)
        _copy(self, "energy_change", "number_change")


@printed_briefly
@dataclass(frozen=True, eq=False)
class Run:
    """What was seen of an ensemble. Parts that were not observed are None.

    Attributes:
        steps, history, exchange: the three kinds of data.
        initial, final: weights at both ends, shape ``(networks, K)``.
        duration: the time between them.
        free_energy: F as an objective (None where it is not known).
        mean_number: active neurons a network at the recorded times, or None.
        accuracy: of the final networks on the data, shape ``(networks,)``, or None.
        facts: options and seconds.
    """

    steps: Steps | None = None
    history: History | None = None
    exchange: ExchangeEvents | None = None
    initial: np.ndarray | None = None
    final: np.ndarray | None = None
    duration: float | None = None
    free_energy: Objective | None = None
    mean_number: np.ndarray | None = None
    accuracy: np.ndarray | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("initial", "final"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, numbers(getattr(self, name)))
                shape = getattr(self, name).shape
                require(len(shape) == 2, name, "have shape (networks, K)", f"of shape {shape}")
        if self.free_energy is not None:
            must = "be an objective or a function of weights (m, K) -> (m,)"
            object.__setattr__(self, "free_energy", objective_of(self.free_energy, "free_energy", must))
