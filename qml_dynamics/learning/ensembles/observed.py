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
from .answers import numbers


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
        accepted: booleans, same shape.
    """

    energy_change: np.ndarray
    number_change: np.ndarray
    accepted: np.ndarray

    def __post_init__(self) -> None:
        shape = np.shape(self.energy_change)
        for name in ("number_change", "accepted"):
            given = np.shape(getattr(self, name))
            require(given == shape and len(shape) == 1, name, f"have shape {shape}", f"of shape {given}")
        for name in ("energy_change", "number_change"):
            require(bool(np.isfinite(getattr(self, name)).all()), name, "be finite", describe(getattr(self, name)))


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
