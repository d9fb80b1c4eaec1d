"""The unit box of quantum Hamiltonian descent: the map of a loss and its bounds to it, and a count of its evaluations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, describe, integer, require
from ...model.domains import Grid
from ...model.objectives.base import LossLike, Objective
from ...model.objectives.given import Symbolic, objective_of
from ...model.objectives.registry import named, unit_box

_LEAST, _MOST = 1e-3, 1e6
RADIUS = 0.1  # of the unit box: a sample this near to the minimiser counts as a success (arXiv:2303.01471)


@dataclass(frozen=True)
class Box:
    """``w = low + lengths * y`` and ``F = (f - offset) / scale`` for ``y`` in the unit box.

    The scale is the longest edge, which keeps the size of the gradient, over ``factor`` (see :func:`fitted`).
    """

    low: tuple[float, ...]
    lengths: tuple[float, ...]
    offset: float
    factor: float = 1.0

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The box, one pair a weight."""
        return tuple((a, a + length) for a, length in zip(self.low, self.lengths))

    @property
    def scale(self) -> float:
        """What the loss is divided by."""
        return max(self.lengths) / self.factor

    def weights(self, y: np.ndarray) -> np.ndarray:
        """Weights of points of the unit box, shape ``(m, ndim)``."""
        out: np.ndarray = np.array(self.low) + np.array(self.lengths) * np.asarray(y)
        return out

    def unit(self, weights: np.ndarray) -> np.ndarray:
        """Points of the unit box of weights, shape ``(m, ndim)``."""
        out: np.ndarray = (np.asarray(weights) - np.array(self.low)) / np.array(self.lengths)
        return out


@runtime_checkable
class ScipyBounds(Protocol):
    """``scipy.optimize.Bounds``, as far as it is read."""

    @property
    def lb(self) -> np.ndarray:
        """Lower limits."""
        ...

    @property
    def ub(self) -> np.ndarray:
        """Upper limits."""
        ...


Limits: TypeAlias = Iterable[Iterable[float]] | ScipyBounds


def as_bounds(given: Limits) -> list[list[float]]:
    """A box as one pair a weight.

    Args:
        given: pairs ``(low, high)``, also as a ``zip`` or an array ``(ndim, 2)``; ``scipy.optimize.Bounds``; or the two corners as
            a tuple of lists, ``([low, ...], [high, ...])``.

    Raises:
        ProblemError: it is neither, or a tuple of two lists that may be pairs or corners.

    >>> as_bounds(([-4, -3], [4, 1])), as_bounds(zip([-4, -3], [4, 1])), as_bounds([(-4, 4), (-3, 1)])
    ([[-4.0, 4.0], [-3.0, 1.0]], [[-4.0, 4.0], [-3.0, 1.0]], [[-4.0, 4.0], [-3.0, 1.0]])
    """
    must = "be pairs (low, high), one a weight, scipy.optimize.Bounds, or two corners ([low, ...], [high, ...])"
    if isinstance(given, ScipyBounds):
        low, high = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(side, dtype=float)) for side in (given.lb, given.ub))
        )
        return [[float(a), float(b)] for a, b in zip(low, high)]
    corners = isinstance(given, tuple) and len(given) == 2 and all(isinstance(s, (list, np.ndarray)) for s in given)
    try:
        rows = [[float(value) for value in row] for row in given]
    except (TypeError, ValueError, OverflowError):
        raise ProblemError(f"Argument `bounds` must {must}, but is {describe(given)}.") from None
    pairs = bool(rows) and all(len(row) == 2 and row[0] < row[1] for row in rows)
    if not corners or len(rows[0]) != len(rows[1]):
        return rows
    turned = [list(pair) for pair in zip(*rows)]
    if pairs and all(low < high for low, high in turned):
        raise ProblemError(
            f"Argument `bounds` must say which of its numbers are low: pass scipy.optimize.Bounds or a list of pairs, but is "
            f"{describe(given)}, which may be pairs or corners."
        )
    return rows if pairs else turned


def on_unit_box(objective: Objective, bounds: Limits | None) -> tuple[Objective, Box]:
    """The objective over the unit box of ``bounds`` (default: its own), and the map back.

    Raises:
        ProblemError: there are no bounds, or they are no box of finite numbers.
    """
    given = as_bounds(bounds) if bounds is not None else objective.bounds
    if given is None:
        raise ProblemError(
            f"Argument `bounds` must be given, since the objective `{objective.name}` has none of its own."
        )
    box = Grid(given, 1).bounds
    offset = 0.0 if objective.minimum is None else objective.minimum
    scaled = unit_box(dataclasses.replace(objective, bounds=box, minimum=offset))
    if objective.minimum is None:
        scaled = dataclasses.replace(scaled, minimum=None)
    if bounds is not None:
        scaled = dataclasses.replace(scaled, spec={})  # a file that names the function would mean its usual box
    return scaled, Box(tuple(a for a, _ in box), tuple(b - a for a, b in box), offset)


@checks_arguments
def fitted(objective: Objective, box: Box, grid: Grid) -> tuple[Objective, Box]:
    """The loss over the unit box, its range on the grid brought within 1e-3 and 1e6, where a schedule does something with it.

    Losses and boxes of usual units are inside and stay as they are (those of the published benchmark lie between 0.3 and 3e5); with
    weights in millionths or losses in millions a phase would have no digit left, or none at all.

    >>> flat = Objective(lambda y: 1e-9 * y[:, 0], bounds=((0.0, 1.0),))
    >>> fitted(flat, Box((0.0,), (1.0,), 0.0), Grid((0, 1), 2))[1].factor
    1333333.3333333333
    """
    size = float(np.ptp(objective.table(grid)))
    if not 0 < size < math.inf or _LEAST <= size <= _MOST:
        return objective, box
    factor = min(max(size, _LEAST), _MOST) / size
    slope = None if objective.gradient_fn is None else _times(objective.gradient_fn, factor)
    scaled = dataclasses.replace(objective, fn=_times(objective.fn, factor), gradient_fn=slope, rows=None, spec={})
    return scaled, dataclasses.replace(box, factor=factor)


def _times(function: Callable[[np.ndarray], np.ndarray], factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda points: factor * np.asarray(function(points))


@checks_arguments
def shifted_bounds(objective: Objective, qubits: int, cells: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """The usual box moved by a part of a grid cell an axis, so that a minimiser on a grid point no longer is one.

    >>> from qml_dynamics.model.objectives import rastrigin
    >>> shifted_bounds(rastrigin(), 6, (0.5, 0.25))
    ((-5.04, 5.2), (-5.08, 5.16))
    """
    if objective.bounds is None:
        raise ProblemError(f"Argument `objective` must have bounds, but `{objective.name}` has none.")
    qubits = integer(qubits, "qubits", 1, 60)
    require(len(cells) == len(objective.bounds), "cells", f"be {len(objective.bounds)} numbers", cells)
    moves = [(b - a) / (1 << qubits) * c for (a, b), c in zip(objective.bounds, cells)]
    return tuple((a + m, b + m) for (a, b), m in zip(objective.bounds, moves))


def spread(zeta: np.ndarray) -> float:
    """The standard deviation of a loss over its domain, by which learned schedules are scaled; raises where it is 0."""
    deviation = float(np.std(zeta))
    require(deviation > 0, "objective", "not be constant on the domain", "the same everywhere")
    return deviation


def remembered(objective: Objective, grid: Grid) -> Objective:
    """The same loss, its values on the grid taken once and looked up from then on: what is counted is what is asked."""
    table = objective.table(grid).reshape(-1)
    low, step = np.array([axis[0] for axis in grid.axes]), np.array(grid.spacing)
    top = np.array(grid.shape) - 1

    def fn(points: np.ndarray) -> np.ndarray:
        """Losses of points: from the table where a point lies on the grid, else computed."""
        where = np.clip(np.rint((points - low) / step), 0, top).astype(int)
        index = np.ravel_multi_index(tuple(where.T), grid.shape)
        known = (grid.points_at(index) == points).all(axis=1)
        values: np.ndarray = table[index]
        if not known.all():
            values = values.copy()
            values[~known] = objective(points[~known])
        return values

    return dataclasses.replace(objective, fn=fn)


class Spent(Exception):
    """The evaluations that were allowed are used up."""


class Counted:
    """A loss that counts its evaluations, remembers the best, and stops with :class:`Spent` at a limit.

    Args:
        objective: the loss.
        limit: evaluations allowed (None: any number).
    """

    def __init__(self, objective: Objective, limit: int | None = None) -> None:
        self.objective, self.limit = objective, limit
        self.count, self.gradients = 0, 0
        self.value, self.highest = math.inf, -math.inf
        self.weights: tuple[float, ...] = ()

    def many(self, points: np.ndarray) -> np.ndarray:
        """Values at points ``(m, ndim)``; where the limit cuts them off, what is left is still looked at."""
        left = len(points) if self.limit is None else min(len(points), self.limit - self.count)
        if left <= 0:
            raise Spent
        values = self.objective(points[:left])
        self.count += left
        self.highest = max(self.highest, float(values.max()))
        i = int(np.argmin(values))
        if values[i] < self.value:
            self.value, self.weights = float(values[i]), tuple(np.asarray(points[i], dtype=float).tolist())
        if left < len(points):
            raise Spent
        return values

    def __call__(self, w: np.ndarray) -> float:
        return float(self.many(np.asarray(w, dtype=float)[None])[0])

    def gradient(self, w: np.ndarray) -> np.ndarray:
        """The exact gradient, counted apart."""
        self.gradients += 1
        out: np.ndarray = self.objective.gradient(np.asarray(w, dtype=float)[None])[0]
        return out

    @property
    def slope(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """The gradient where the loss has one of its own; else None, and SciPy takes differences, which are counted."""
        return self.gradient if self.objective.gradient_fn is not None else None


def as_objective(given: LossLike | Symbolic | str) -> Objective:
    """An objective from an objective, the name of a test function, a function, or an expression of SymPy."""
    if isinstance(given, str):
        return named(given)
    return objective_of(given, "problem", "be a Problem, an objective, a function or a name")
