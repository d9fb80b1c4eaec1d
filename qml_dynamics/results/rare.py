"""The contribution to a standard error of outcomes that were possible but not sampled: how much one of them would change a mean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..base.estimate import mean_of_counts
from ..model.domains import Domain, Hypercube
from .trajectory import Counts


def mean_seen(domain: Domain, counts: Counts, values: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
    """Mean of a function of flat indices over samples of either basis, and its standard error with room for outcomes not seen.

    Args:
        domain: the weight space.
        counts: samples of its points, or of its momenta.
        values: of flat indices of that basis, shape ``(m,)`` to ``(m,)``.
    """
    neighbours = neighbours_of(domain, _mode(counts.index, counts.count))
    unseen = unseen_change(counts.index, counts.count, neighbours, values)
    return mean_of_counts(np.asarray(values(counts.index), dtype=float), counts.count, unseen)


def unseen_change(
    index: np.ndarray, counts: np.ndarray, neighbours: np.ndarray, values: Callable[[np.ndarray], np.ndarray]
) -> float:
    """The largest difference between the value of the outcome seen most and that of a neighbour never seen.

    Neighbours are the outcomes one step away: a flipped bit of a register, the next points of a grid. What lies further would be seen
    after them where a law has no gaps; of a law with gaps, samples alone cannot know.

    Args:
        index, counts: outcomes seen, ascending, and how often.
        neighbours: of the outcome seen most.
        values: of outcomes, shape ``(m,)`` to ``(m,)``.
    """
    mode = _mode(index, counts)
    new = neighbours[~np.isin(neighbours, index)]
    if not new.size:
        return 0.0
    table = np.asarray(values(np.concatenate([[mode], new])), dtype=float)
    return float(np.abs(table[1:] - table[0]).max())


def neighbours_of(domain: Domain, index: int) -> np.ndarray:
    """Flat indices one step from a point along each axis, in either basis; across the seam too where a grid has one.

    >>> from qml_dynamics import Grid, Hypercube
    >>> neighbours_of(Hypercube(3), 0).tolist(), neighbours_of(Grid((0, 1), 3), 0).tolist()
    ([4, 2, 1], [1, 7])
    """
    if isinstance(domain, Hypercube):
        return flips(domain.num_qubits, index)[::-1]
    where = np.array(np.unravel_index(index, domain.shape))
    steps = np.concatenate([np.eye(domain.ndim, dtype=int), -np.eye(domain.ndim, dtype=int)])
    beside = where + steps
    if domain.boundary == "walls":  # in neither basis: its momenta go from the lowest to the highest
        beside = np.clip(beside, 0, np.array(domain.shape) - 1)
    beside %= np.array(domain.shape)
    found = np.unique(np.ravel_multi_index(tuple(beside.T), domain.shape))
    out: np.ndarray = found[found != index]
    return out


def flips(num_qubits: int, index: int) -> np.ndarray:
    """The outcomes of a register that differ from this one in a single bit.

    >>> flips(3, 5).tolist()
    [4, 7, 1]
    """
    return np.asarray(index ^ (1 << np.arange(num_qubits, dtype=np.int64)))


def _mode(index: np.ndarray, counts: np.ndarray) -> int:
    return int(index[int(np.argmax(counts))])
