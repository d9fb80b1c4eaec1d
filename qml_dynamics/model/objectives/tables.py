"""Losses given by numbers: a table on a grid, and the Ising and QUBO costs of binary weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, require
from ...base.printing import printed_briefly
from ..domains import Domain, Grid, Hypercube
from .base import Objective, columns, real_array

MAX_SPEC = 4096  # larger tables are not written out as text: they belong in a file of their own


@checks_arguments
def from_table(values: npt.ArrayLike, domain: Domain) -> Objective:
    """A loss that is known on the points of ``domain`` only: ``zeta(w) = values[nearest point]``.

    Args:
        values: array of shape ``domain.shape``, or flat with ``domain.size`` entries in C order.
        domain: the weight space. On a periodic grid the nearest point is taken around the circle.

    Returns:
        An objective with ``.domain`` set; up to 4096 values are also kept in ``.spec`` as nested lists.

    Raises:
        ProblemError: if the shape is another one, or a value is not a finite real number.

    >>> table = from_table([3.0, 1.0, 0.0, 2.0], Grid((0, 1), qubits=2))
    >>> table(np.array([[0.26], [0.98]]))
    array([1., 3.])
    """
    require(isinstance(domain, Grid | Hypercube), "domain", "be a Grid or a Hypercube", domain)
    array = real_array(values, "values")
    fits = array.shape in (domain.shape, (domain.size,))
    require(fits, "values", f"have shape {domain.shape}", f"of shape {array.shape}")
    flat = array.reshape(-1)

    spec = {"table": array.reshape(domain.shape).tolist()} if domain.size <= MAX_SPEC else {}
    return Objective(NearestValue(flat, domain), "table", spec=spec, domain=domain)


@printed_briefly
@dataclass(frozen=True, eq=False)
class NearestValue:
    """The function of points that a table is; an object, so that it goes to other processes.

    Attributes:
        values: flat, in C order.
        domain: whose points they belong to.
    """

    values: np.ndarray
    domain: Domain

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The value of the nearest point of the domain."""
        return np.asarray(self.values[_nearest(columns(points, "table", self.domain.ndim), self.domain)])


@checks_arguments
def ising(h: npt.ArrayLike, J: npt.ArrayLike) -> Objective:
    """The Ising cost ``sum_i h_i s_i + sum_{i<j} J_ij s_i s_j`` of weights ``s_i`` that are -1 or 1.

    Args:
        h: fields, shape ``(n,)``.
        J: couplings, shape ``(n, n)`` with zero diagonal: upper triangular, or symmetric. Every pair counts once in
            either case: of a symmetric ``J`` the upper half is taken, it is not added to the lower one.

    Raises:
        ProblemError: for other shapes, values that are not finite, a diagonal, or a matrix that is neither; and on
            evaluation where a weight is neither -1 nor 1 (use ``Hypercube(n)``).

    >>> ising([1.0, 0.0], [[0.0, 2.0], [0.0, 0.0]])(np.array([[1.0, -1.0], [-1.0, -1.0]]))
    array([-1.,  1.])
    """
    fields = real_array(h, "h")
    require(fields.ndim == 1 and fields.size > 0, "h", "be a list of numbers", f"of shape {fields.shape}")
    couplings = _square(J, "J", len(fields))
    require(not np.diag(couplings).any(), "J", "have a zero diagonal", np.diag(couplings).tolist())
    known = not np.tril(couplings).any() or bool(np.allclose(couplings, couplings.T, rtol=1e-12, atol=0.0))
    require(known, "J", "be upper triangular or symmetric", couplings.tolist())
    upper = np.triu(couplings)
    spec = {"name": "ising", "params": {"h": fields.tolist(), "J": couplings.tolist()}}
    return _binary_cost("ising", fields, upper, (-1.0, 1.0), spec)


@checks_arguments
def qubo(Q: npt.ArrayLike) -> Objective:
    """The cost ``x^T Q x`` of binary weights ``x_i`` that are 0 or 1, for ``Hypercube(n, values=(0, 1))``.

    ``Q`` is any real square matrix; its diagonal holds the linear terms, and ``Q_ij + Q_ji`` is the weight of a pair.

    Raises:
        ProblemError: if ``Q`` is not square and finite; and on evaluation where a weight is neither 0 nor 1.

    >>> qubo([[-1.0, 2.0], [0.0, -1.0]])(np.array([[1.0, 0.0], [1.0, 1.0]]))
    array([-1., 0.])
    """
    matrix = _square(Q, "Q", None)
    return _binary_cost(
        "qubo", np.zeros(len(matrix)), matrix, (0.0, 1.0), {"name": "qubo", "params": {"Q": matrix.tolist()}}
    )


def _binary_cost(
    name: str, linear: np.ndarray, matrix: np.ndarray, values: tuple[float, float], spec: Mapping[str, object]
) -> Objective:
    """``linear . w + w^T matrix w`` on weights that take two values."""
    count = len(linear)
    both = matrix + matrix.T

    def fn(points: np.ndarray) -> np.ndarray:
        """The cost of binary weight vectors, shape ``(m,)``."""
        columns(points, name, count)
        if not ((points == values[0]) | (points == values[1])).all():
            pair = f"({values[0]:g}, {values[1]:g})"
            raise ProblemError(f"The objective `{name}` takes binary weights: use Hypercube({count}, values={pair}).")
        out: np.ndarray = points @ linear + np.einsum("mi,mi->m", points @ matrix, points)
        return out

    return Objective(fn, name, gradient_fn=lambda points: linear + points @ both, spec=spec)


def _nearest(points: np.ndarray, domain: Domain) -> np.ndarray:
    """Flat index of the point of the domain nearest to each of the given ones, by weight."""
    places = []
    for column, axis, count, step in zip(points.T, domain.axes, domain.shape, domain.spacing):
        steps = np.rint((column - axis[0]) / step)
        periodic = isinstance(domain, Grid) and domain.boundary == "periodic"
        places.append((np.mod(steps, count) if periodic else np.clip(steps, 0, count - 1)).astype(np.int64))
    out: np.ndarray = np.ravel_multi_index(tuple(places), domain.shape)
    return out


def _square(value: npt.ArrayLike, name: str, size: int | None) -> np.ndarray:
    matrix = real_array(value, name)
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 0 and size in (None, len(matrix))
    wanted = "square" if size is None else f"{size} x {size}"
    require(square, name, f"be a {wanted} matrix", f"of shape {matrix.shape}")
    return matrix
