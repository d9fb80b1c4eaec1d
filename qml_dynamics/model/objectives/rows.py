"""Losses that are means over rows of data: of one's own, and their values and covariance over mini-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, check_memory, integer
from ..domains import Domain
from .base import CHUNK, Objective, Rows


@checks_arguments
def from_rows(
    fn: Callable[[np.ndarray, np.ndarray], npt.ArrayLike], count: int, name: str = "mean_of_rows"
) -> Objective:
    """The mean ``zeta(w) = sum_i l_i(w) / n`` of losses of single rows of data.

    Args:
        fn: ``(points (m, ndim), index (b,)) -> (m, b)``: the losses of the rows of ``index``.
        count: n, the number of rows.
        name: of the objective.

    Returns:
        An objective whose ``rows`` give the means that a mini-batch sees.

    Raises:
        ProblemError: ``count`` is no positive integer; later, when ``fn`` returns another shape.

    >>> slopes = np.array([1.0, 3.0])
    >>> loss = from_rows(lambda w, index: w * slopes[index], 2)
    >>> loss(np.array([[2.0]])).tolist(), loss.rows.mean(np.array([[2.0]]), np.array([1])).tolist()
    ([4.0], [6.0])
    """
    count = integer(count, "count", 1, 10**9)

    def mean(w: np.ndarray, index: np.ndarray) -> np.ndarray:
        """The mean loss over the rows ``index``, for each weight vector."""
        losses = np.asarray(fn(w, index))  # both are copies already
        if losses.shape != (len(w), len(index)):
            wanted = (len(w), len(index))
            raise ProblemError(f"The losses of rows of `{name}` must have shape {wanted}, but have {losses.shape}.")
        out: np.ndarray = losses.mean(axis=1)
        return out

    return Objective(lambda w: mean(w, np.arange(count)), name, rows=Rows(count, mean))


def need_rows(objective: Objective | None) -> Rows:
    """The rows of an objective; raises :class:`ProblemError` where it is no mean over data."""
    if objective is None or objective.rows is None:
        what = "a general operator" if objective is None else f"`{objective.name}`, which is none"
        raise ProblemError(
            f"Argument `objective` must be a mean over rows of data (a model on data, or from_rows), but is {what}."
        )
    return objective.rows


@checks_arguments
def batch_values(objective: Objective, domain: Domain, index: np.ndarray) -> np.ndarray:
    """The mean loss of the rows of ``index`` on all points of ``domain``, shape ``(size,)``, evaluated in chunks.

    Raises:
        ProblemError: the objective is no mean over rows of data, or the values are not finite reals.
    """
    rows = need_rows(objective)
    check_memory(8 * domain.size, f"The loss on {domain.size:,} points")
    part = Objective(lambda w: rows.mean(w, index), f"{objective.name} on {len(index)} rows")
    values = np.empty(domain.size)
    for start, points in _chunks(domain, max(1, CHUNK // max(1, len(index) // 64))):
        values[start : start + len(points)] = part(points)
    return values


def row_table(objective: Objective, domain: Domain) -> np.ndarray:
    """The loss of every row on every point, shape ``(rows, size)``."""
    rows = need_rows(objective)
    check_memory(8 * rows.count * domain.size, f"The losses of {rows.count} rows on {domain.size:,} points")
    return np.stack([batch_values(objective, domain, np.array([i])) for i in range(rows.count)])


@checks_arguments
def row_covariance(objective: Objective, domain: Domain) -> np.ndarray:
    """``C(w, w') = mean_i l_i(w) l_i(w') - zeta(w) zeta(w')`` over the rows, shape ``(size, size)``.

    >>> slopes = np.array([1.0, 3.0])
    >>> from qml_dynamics.model.domains import Hypercube
    >>> row_covariance(from_rows(lambda w, index: w * slopes[index], 2), Hypercube(1)).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    table = row_table(objective, domain)
    check_memory(8 * domain.size**2, f"A covariance over {domain.size:,} points")
    table -= table.mean(axis=0)
    out: np.ndarray = table.T @ table / len(table)
    return out


def _chunks(domain: Domain, size: int) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, domain.size, size):
        yield start, domain.points_at(np.arange(start, min(start + size, domain.size)))
