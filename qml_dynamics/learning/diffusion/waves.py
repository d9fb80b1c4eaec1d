"""The law of data under noise, ``p_t = psi0 phi_t``: its wave, density and score at any time and under conditions.

A module of its own beside `model`: the law at one time as arrays, without the user's options and defaults.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, describe, real, require
from ...base.numeric import Array
from ...methods.gate import require_sound
from ...model.domains import Grid
from .condition import Condition, Keep, check_possible, read_condition
from .data import as_rows, choose_bandwidth, density_on, deposit, given_bandwidth, inside, smoothing_time
from .field import Magnifier, density_at
from .witten import Landscape, landscape

FORGETS = 6.0  # t_max times the gap: what is left of the data then is e^-6
_HEAVY = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class Waves:
    """What :class:`qml_dynamics.Diffusion` knows before it generates anything; its arguments are described there."""

    domain: Grid
    data: Any
    potential: Any = "ou"
    temperature: float = 1.0
    bandwidth: float | None = None
    labels: Any = None
    t_max: float | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "temperature", real(self.temperature, "temperature", positive=True))
        put(self, "_land", landscape(self.domain, self.potential, self.temperature))
        put(self, "_function", self.data if callable(self.data) else None)
        if callable(self.data):
            for name in ("bandwidth", "labels"):
                given = getattr(self, name)
                require(given is None, name, "be left out where the data are a density", given)
        else:
            put(self, "data", inside(as_rows(self.data, self.domain.ndim), self.domain))
            put(self, "labels", _labels(self.labels, len(self.data)))
            put(self, "_widths", self._class_widths())
            put(self, "bandwidth", max(self._widths.values()))  # type: ignore[attr-defined]
        if self.t_max is not None:
            put(self, "t_max", real(self.t_max, "t_max", positive=True))
        else:
            put(self, "t_max", FORGETS / (self.land.gap if self.land.loss is None else self.land.stiffness))
        self._check_tails()

    def _class_widths(self) -> dict[str | None, float]:
        """A width for each class (None: rows without labels): of largest leave-one-out likelihood of its own rows, unless one was given."""
        names: tuple[str | None, ...] = self.classes or (None,)
        if self.bandwidth is not None:
            return dict.fromkeys(names, given_bandwidth(self.bandwidth, self.domain))
        return {name: choose_bandwidth(self._rows_of(name), self.land) for name in names}

    def _rows_of(self, label: str | None) -> np.ndarray:
        return np.asarray(self.data if label is None else self.data[self.labels == label])

    @property
    def bandwidths(self) -> dict[str, float]:
        """Widths of the kernels of each class, by name; none where the data have no labels. ``bandwidth`` is the largest."""
        widths: dict[str | None, float] = {} if self._function is not None else self._widths  # type: ignore[attr-defined]
        return {name: width for name, width in widths.items() if name is not None}

    def __repr__(self) -> str:
        what = "a density" if callable(self.data) else f"{len(self.data)} rows, bandwidth {self.bandwidth:.3g}"
        points = " x ".join(map(str, self.domain.shape))
        return f"Diffusion of {what}, on {points} points: {self.land.name} at T = {self.temperature:g}, t_max = {self.t_max:.3g}"

    @property
    def land(self) -> Landscape:
        """The potential on the grid, its stationary law and its waves."""
        return self._land  # type: ignore[attr-defined, no-any-return]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, sorted; none where the data have no labels."""
        return () if self.labels is None else tuple(sorted({str(name) for name in self.labels}))

    @cached_property
    def lens(self) -> Magnifier:
        """The finer grid that scores are interpolated from."""
        return Magnifier.of(self.land)

    @property
    def from_noise(self) -> bool:
        """Whether paths start from the stationary law; otherwise from ``p_{t_max}``."""
        return self.land.loss is None and float(self.t_max or 0.0) * self.land.gap >= FORGETS * (1 - 1e-9)

    @cached_property
    def start(self) -> np.ndarray:
        """``phi_0`` on the grid, scaled so that ``psi0 phi_0`` adds up to 1."""
        return self._wave_of(None)

    def _wave_of(self, label: str | None) -> np.ndarray:
        if self._function is not None:  # type: ignore[attr-defined]
            out: np.ndarray = density_on(self._function, self.domain) / self.land.root  # type: ignore[attr-defined]
            return out
        if label is None and self.classes:  # so that the classes add up to the whole
            return np.asarray(sum(np.mean(self.labels == name) * self._wave_of(name) for name in self.classes))
        t0 = smoothing_time(self._widths[label], self.temperature)  # type: ignore[attr-defined]
        (phi,) = self.land.waves(deposit(self._rows_of(label), self.land), [t0])
        return np.asarray(phi / float((self.land.root * phi).sum()))

    def _check_tails(self) -> None:
        """``phi_0 = p_0 / psi0`` must fit into the box too."""
        phi = np.abs(self.start)
        edge = max(float(np.take(phi, (0, -1), axis=axis).max()) for axis in range(phi.ndim))
        if not self.land.wraps and edge > _HEAVY * float(phi.max()):
            raise ProblemError(
                "Argument `data` must have tails that fall faster than the square root of the stationary law inside the box, "
                f"but at its edge p_0 / psi0 is still {edge / float(phi.max()):.2g} of its peak. The kernels of rows do so."
            )

    def wave(self, t: float, condition: Condition | None = None) -> np.ndarray:
        """``phi_t`` on the grid (of the kept data where there is a condition), scaled so that ``psi0 phi_t`` adds up to 1."""
        phi = self.conditioned(condition)[0]
        (wave,) = self.land.waves(phi, [real(t, "t", nonnegative=True)])
        return np.asarray(wave / _left(self.land.root * wave))

    @checks_arguments
    def forward(self, t: float | Sequence[float] | np.ndarray, condition: Condition | None = None) -> np.ndarray:
        """``p_t`` on the grid, adding up to 1; over ``domain.cell_volume`` it is a density.

        Args:
            t: a time that is not negative, or several.
            condition: of the data, as in :meth:`sample`.

        Returns:
            Shape ``domain.shape``, or ``(len(t), *domain.shape)``.

        Raises:
            ProblemError: a negative time, or an impossible condition.
        """
        if np.ndim(t) == 0:
            return np.asarray(self.forward([cast(float, t)], condition)[0])
        times = [real(v, "t", nonnegative=True) for v in cast(Sequence[float], t)]
        phi, order = self.conditioned(condition)[0], np.argsort(times, kind="stable")
        out = np.empty((len(times), *self.domain.shape))
        for place, wave in zip(order, self.land.waves(phi, [times[i] for i in order])):
            p = np.maximum(self.land.root * wave, 0.0)  # round-off only
            out[place] = p / _left(p)
        return out

    def score(self, t: float, points: Array | None = None, condition: Condition | None = None) -> np.ndarray:
        """``grad log p_t = grad phi_t / phi_t - grad V / (2 T)``.

        Where ``p_t`` is below 1e-9 of its peak it is lost in round-off: there the score is that of the nearest place where it is not.

        Args:
            t: a time that is not negative.
            points: shape ``(n, ndim)``; None: the points of the grid.
            condition: of the data.

        Returns:
            Shape ``(n, ndim)``, or ``(*domain.shape, ndim)``.
        """
        field = self.lens.field(self.wave(t, condition))
        if points is None:
            return self.lens.coarse(field.values)
        return field.at(inside(as_rows(points, self.domain.ndim, "points"), self.domain, "points"))

    @checks_arguments
    def density(self, points: Array, t: float = 0.0) -> np.ndarray:
        """``p_t`` as a density at any points of the box, shape ``(n,)``: for held-out likelihoods."""
        rows = inside(as_rows(points, self.domain.ndim, "points"), self.domain, "points")
        return density_at(self.lens.fine, self.lens.root * self.lens.waves(self.wave(t))[0], rows)

    def conditioned(self, condition: Condition | None) -> tuple[np.ndarray, float, Keep | None]:
        """``phi_0`` of the kept data, the probability that a data point is kept, and what is kept (None: all, or a class).

        Raises:
            ProblemError: the condition is of no known kind, or the data never meet it.
        """
        if condition is None:
            return self.start, 1.0, None
        keep = read_condition(condition, self.domain, self.classes)
        if isinstance(keep, str):
            return self._wave_of(keep), float(np.mean(self.labels == keep)), None
        h = np.clip(self.lens.cell_means(keep.h(self.lens.fine.points).reshape(self.lens.fine.shape)), 0.0, 1.0)
        probability = float((self.land.root * self.start * h).sum())
        check_possible(probability, keep.name)
        return self.start * h, probability, replace(keep, values=h)

    def probability(self, condition: Condition | None) -> float:
        """The probability that a data point meets a condition."""
        return self.conditioned(condition)[1]


def _labels(given: Iterable[object] | None, rows: int) -> np.ndarray | None:
    if given is None:
        return None
    require(not isinstance(given, str), "labels", "be one class a row", given)
    try:
        labels = np.array([str(v) for v in given])
    except TypeError:
        raise ProblemError(f"Argument `labels` must be one class a row, but is {describe(given)}.") from None
    require(labels.shape == (rows,), "labels", f"be one class for each of {rows} rows", f"of shape {labels.shape}")
    return labels


def _left(law: np.ndarray) -> float:
    """The sum of a law that is still to be scaled; refused where rounding has left nothing of it."""
    total = float(law.sum())
    require_sound(math.isfinite(total) and total > 0, "t", "nothing is left of the wave by then")
    return total
