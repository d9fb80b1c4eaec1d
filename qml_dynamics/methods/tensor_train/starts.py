"""Initial waves as tensor trains: by their rank, by cross interpolation axis by axis, and from a vector only where there is one."""

from __future__ import annotations

import numpy as np

from ...base.errors import MethodError, describe
from ...model.circuit_state import SparseState
from ...model.domains import Grid
from ...model.initial import Gaussian, PointMass, Uniform
from ...model.problem import Problem
from .interpolation import interpolated
from .layout import Layout
from .trains import Train, added, from_dense, product, reversed_order, rounded, scaled

VECTOR = 22  # qubits up to which a wave that is known only as a vector is taken apart
_FINEST = 1e-14


def start(problem: Problem, layout: Layout, tolerance: float, most: int) -> Train:
    """The initial wave of unit norm, right-canonical.

    Raises:
        MethodError: it is known only as a vector of more than ``2**22`` entries, or its rank is above ``most``.
    """
    initial, grid = problem.initial, layout.grid
    if isinstance(initial, Uniform):
        train = product([np.full(2, 0.5**0.5)] * grid.num_qubits)
    elif isinstance(initial, PointMass):
        index = np.ravel_multi_index(initial.index(grid), grid.shape)
        train = product(list(np.eye(2)[layout.bits(np.array([index]))[0].astype(int)]))
    elif isinstance(initial, Gaussian):
        train = _gaussian(initial, layout, tolerance, most)
    else:
        check_start(problem)
        train = from_dense(layout.flat(initial.vector(grid)), min(tolerance * 1e-2, 1e-10), most)
    whole, _ = rounded(train, max(_FINEST, 1e-2 * tolerance), most)
    size = float(np.linalg.norm(whole[0]))
    if not size > 0:
        raise MethodError(f"Argument `initial` must be a wave that the grid resolves, but is {describe(initial)}.")
    return scaled(whole, 1.0 / size)


def register_start(problem: Problem, tolerance: float, most: int) -> Train:
    """The initial wave of an operator, right-canonical, the core of qubit 0 first.

    Raises:
        MethodError: it is known only as a vector of more than ``2**22`` entries.
    """
    initial, n = problem.initial, problem.domain.num_qubits
    check_start(problem)
    if isinstance(initial, Uniform):
        return product([np.full(2, 0.5**0.5)] * n)
    if isinstance(initial, PointMass):
        return product(list(np.eye(2)[list(initial.index(problem.domain))[::-1]]))
    if isinstance(initial, SparseState):
        parts = [scaled(_basis(index, n), c) for index, c in initial.terms().items()]
        while len(parts) > 1:  # in pairs, so that ranks are cut before they add up
            pairs = [added(*pair) for pair in zip(parts[::2], parts[1::2])]
            parts = [rounded(train, _FINEST, most)[0] for train in pairs] + parts[len(parts) // 2 * 2 :]
        return rounded(parts[0], _FINEST, most)[0]
    table = initial.vector(problem.domain).reshape((2,) * n).transpose().reshape(-1)
    whole, _ = rounded(from_dense(table, min(tolerance * 1e-2, 1e-10), most), _FINEST, most)
    return scaled(whole, 1.0 / float(np.linalg.norm(whole[0])))


def _basis(index: int, qubits: int) -> Train:
    return product([np.eye(2)[index >> q & 1] for q in range(qubits)])


def check_start(problem: Problem) -> None:
    """Refuse a wave that is known only as a vector, on more qubits than a vector has."""
    register = problem.operator is not None
    known = isinstance(problem.initial, (Uniform, PointMass, SparseState if register else Gaussian))
    if not known and problem.domain.num_qubits > VECTOR:
        raise MethodError(
            f"Argument `initial` must be Uniform, PointMass or {'a sum of basis states' if register else 'Gaussian'} on more than "
            f"{VECTOR} qubits, but is {describe(problem.initial)}."
        )


def _gaussian(initial: Gaussian, layout: Layout, tolerance: float, most: int) -> Train:
    """A product over the axes, each interpolated from few of its amplitudes."""
    small = [Grid([bounds], q, layout.grid.boundary) for bounds, q in zip(layout.grid.bounds, layout.grid.qubits)]
    parts = [_factor(initial, axis, layout.grid, line, tolerance, most) for axis, line in enumerate(small)]
    if not layout.contiguous:
        total = None
        for axis, part in enumerate(parts):
            spread = layout.alone(axis, part)
            total = spread if total is None else _times(total, spread)
        assert total is not None
        return total
    turned = [part if layout.high_first(axis) else reversed_order(part) for axis, part in enumerate(parts)]
    return [core for part in turned for core in part]


def _times(a: Train, b: Train) -> Train:
    """The product entry by entry."""
    cores = [np.einsum("asb,csd->acsbd", x, y) for x, y in zip(a, b)]
    return [c.reshape(c.shape[0] * c.shape[1], 2, -1) for c in cores]


def _factor(initial: Gaussian, axis: int, grid: Grid, line: Grid, tolerance: float, most: int) -> Train:
    own = Layout(line)
    low, step, points = line.bounds[0][0], line.spacing[0], line.shape[0]

    def values(bits: np.ndarray) -> np.ndarray:
        """The initial amplitudes along one axis, at points given by their bits."""
        return initial.amplitudes_at(own.points(bits)[:, 0], axis, grid)

    center, width = (np.broadcast_to(getattr(initial, name), grid.ndim)[axis] for name in ("center", "width"))
    near = center + width * np.linspace(-6, 6, 97)
    seeds = own.bits(np.unique(np.rint((near - low) / step).astype(np.int64) % points))
    found = interpolated(values, seeds, max(_FINEST, 1e-2 * tolerance), most)
    if not found.whole:
        raise MethodError(
            f"Argument `max_bond` must be at least the rank of the initial wave along axis {axis}, but is {most}: it misses "
            f"{found.error:.1e} of its largest amplitude."
        )
    return rounded(found.train, max(_FINEST, 1e-2 * tolerance), most)[0]
