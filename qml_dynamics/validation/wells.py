"""The wells in which a density of several weights lies: basins of steepest ascent, the shallow ones joined to their neighbours.

Every cell belongs to the peak that steepest ascent leads to; two basins are one where the pass between them is not below 0.7 of the
lower peak (the persistence of a peak: Edelsbrunner, Letscher and Zomorodian, Discrete Comput. Geom. 28, 511, 2002). Along one axis
alone two wells may cover one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

_DEEP = 0.7  # of the lower peak: passes above join two basins
_LOW = 1e-2  # of the highest peak, below which a peak is no well
_MOST = 5
_FULL = 3  # axes up to which neighbours across a corner count


def basins(p: np.ndarray, periodic: bool) -> np.ndarray:
    """Labels 0, 1, ... of the wells of a density, the heaviest first, in its shape.

    >>> x = np.linspace(-3, 3, 16)
    >>> two = np.exp(-((x[:, None] - 1.5) ** 2) - (x + 1.5) ** 2) + 0.5 * np.exp(-((x[:, None] + 1.5) ** 2) - (x - 1.5) ** 2)
    >>> found = basins(two, False)
    >>> int(found.max()), int(found[12, 3]), int(found[3, 12])
    (1, 0, 1)
    """
    flat, steps = p.reshape(-1), _steps(p.ndim)
    best, height = np.arange(p.size), flat.copy()
    for step in steps:
        other, there = _neighbours(p.shape, step, periodic)
        higher = there & (flat[other] > height)
        best[higher], height[higher] = other[higher], flat[other[higher]]
    best = _roots(best)
    owner = _joined(flat, best, p.shape, steps, periodic)
    weight = np.bincount(owner[best], weights=flat, minlength=p.size)
    order = np.argsort(-weight, kind="stable")
    rank = np.zeros(p.size, dtype=np.int64)
    rank[order] = np.arange(p.size)
    return np.asarray(np.minimum(rank[owner[best]], _MOST - 1).reshape(p.shape))


def sides(labels: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Every division of the wells in two, by the side without the first: names and booleans."""
    count = int(labels.max()) + 1
    for size in range(1, count):
        for chosen in combinations(range(1, count), size):
            words = " and ".join(str(k + 1) for k in chosen)
            yield f"{'wells' if size > 1 else 'well'} {words} of {count}", np.isin(labels, chosen)


def _steps(ndim: int) -> list[tuple[int, ...]]:
    """Directions to neighbours: one of two opposite ones in the first half, or at even places above three axes."""
    if ndim <= _FULL:
        return [step for step in product((-1, 0, 1), repeat=ndim) if any(step)]
    unit = np.eye(ndim, dtype=int)
    return [tuple(int(v) for v in sign * row) for row in unit for sign in (1, -1)]


def _neighbours(shape: tuple[int, ...], step: tuple[int, ...], periodic: bool) -> tuple[np.ndarray, np.ndarray]:
    """The neighbour of every cell in one direction, and whether there is one."""
    there, places = np.ones(shape, dtype=bool), []
    for axis, (size, by) in enumerate(zip(shape, step)):
        moved = np.arange(size) + by
        if not periodic:
            inside = (moved >= 0) & (moved < size)
            there &= inside.reshape([-1 if k == axis else 1 for k in range(len(shape))])
        places.append(moved % size)
    return np.ravel_multi_index(np.ix_(*places), shape).reshape(-1), there.reshape(-1)


def _joined(
    flat: np.ndarray, best: np.ndarray, shape: tuple[int, ...], steps: list[tuple[int, ...]], periodic: bool
) -> np.ndarray:
    """The peak that each peak is joined to, over the highest passes first."""
    passes: dict[tuple[int, int], float] = {}
    for step in steps[: len(steps) // 2] if len(shape) <= _FULL else steps[::2]:
        other, there = _neighbours(shape, step, periodic)
        here = np.flatnonzero(there & (best != best[other]) & (np.minimum(flat, flat[other]) > 0))
        low, high = np.minimum(best[here], best[other[here]]), np.maximum(best[here], best[other[here]])
        for a, b, level in zip(low.tolist(), high.tolist(), np.minimum(flat[here], flat[other[here]]).tolist()):
            passes[a, b] = max(passes.get((a, b), 0.0), level)
    owner = np.arange(flat.size)

    def root(k: int) -> int:
        """The peak at the end of the chain."""
        while owner[k] != k:
            k = int(owner[k])
        return k

    least = _LOW * float(flat.max())
    for (a, b), level in sorted(passes.items(), key=lambda item: -item[1]):
        lower, upper = sorted((root(a), root(b)), key=lambda k: float(flat[k]))
        if lower != upper and (level > _DEEP * flat[lower] or flat[lower] < least):
            owner[lower] = upper
    return _roots(owner)


def _roots(owner: np.ndarray) -> np.ndarray:
    """The end of the chain of each."""
    while True:
        next_one = owner[owner]
        if np.array_equal(next_one, owner):
            return owner
        owner = next_one
