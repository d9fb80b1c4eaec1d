"""Two-site cross interpolation: the train of a function of bits from few of its values, checked on points it has not seen.

At each bond the matrix of values over the rows (left pivots and one bit) and columns (one bit and right pivots) is eliminated with
full pivoting; the pivots are those of the next bond. Sources: Oseledets and Tyrtyshnikov, Linear Algebra Appl. 432, 70 (2010); Nunez
Fernandez et al., Phys. Rev. X 12, 041018 (2022) and SciPost Phys. 18, 104 (2025).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .trains import Train, evaluated

Function = Callable[[np.ndarray], np.ndarray]  # bits (m, sites) -> values (m,)
FRESH = 100.0  # tolerances by which a fresh point may be off
_ROUNDS = 5  # of new points where it is off by more
_SWEEPS = 12
_STILL = 1  # by which the smallest ranks may still grow
_POINTS = 800
_WORST = 8


@dataclass(frozen=True, eq=False)
class Interpolation:
    """The train, and how good it is.

    Attributes:
        train: its cores.
        error: the largest miss on fresh points, of the largest value.
        evaluations: how many values were asked for.
        points: the pivots as bits, from which a similar function starts.
        whole: whether the tolerance was met within the largest rank.
    """

    train: Train
    error: float
    evaluations: int
    points: np.ndarray
    whole: bool


def interpolated(
    function: Function, seeds: np.ndarray, tolerance: float, most: int, places: np.ndarray | None = None
) -> Interpolation:
    """The train of a function of bits.

    Args:
        function: of bits ``(m, sites)``.
        seeds: bits where it is not 0, ``(k, sites)``.
        tolerance: of a pivot, relative to the largest value; fresh points may be off by a hundred times that.
        most: the largest rank.
        places: bits of more points, all of which the first sweep looks at.

    >>> low = interpolated(lambda bits: np.cos(bits @ 2.0 ** np.arange(6)), np.zeros((1, 6), np.int8), 1e-12, 8)
    >>> [core.shape[2] for core in low.train], low.error < 1e-12, low.whole
    ([2, 2, 2, 2, 2, 1], True, True)
    """
    cross = _Cross(function, seeds, tolerance, most)
    if places is not None and len(places):
        cross.add(places)
    rng = np.random.default_rng(20)
    for turn in range(_ROUNDS):
        cross.sweep_until_still()
        train = cross.train()
        fresh = cross.fresh(rng)
        miss = np.abs(evaluated(train, fresh) - cross.ask(fresh))
        scale = max(cross.scale, 1e-300)
        error = float(miss.max()) / scale
        good = error <= FRESH * tolerance
        if good or cross.full or turn == _ROUNDS - 1:
            break
        cross.add(fresh[np.argsort(-miss)[:_WORST]])
    return Interpolation(train, error, cross.asked, cross.points(), good)


class _Cross:
    """Pivots of one function: ``left[i]`` are bits of the first i sites, ``right[i]`` of those from i on."""

    def __init__(self, function: Function, seeds: np.ndarray, tolerance: float, most: int) -> None:
        self.function, self.tolerance, self.most = function, tolerance, most
        self.sites = seeds.shape[1]
        self.asked, self.full = 0, False
        values = np.abs(self.ask(seeds))
        self.scale = float(values.max())
        best = seeds[np.argsort(-values, kind="stable")[: max(4, len(seeds) // 2)]].astype(np.int8)
        nothing = np.zeros((1, 0), np.int8)
        self.left = [nothing, *(np.unique(best[:, :i], axis=0) for i in range(1, self.sites))]
        self.right = [*(np.unique(best[:, i:], axis=0) for i in range(self.sites)), nothing]

    def ask(self, bits: np.ndarray) -> np.ndarray:
        """Values of the function."""
        self.asked += len(bits)
        return np.asarray(self.function(bits))

    def table(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Values at all pairs of rows and columns."""
        pairs = np.concatenate([np.repeat(rows, len(columns), 0), np.tile(columns, (len(rows), 1))], axis=1)
        return self.ask(pairs).reshape(len(rows), len(columns))

    def sweep_until_still(self) -> None:
        """Sweeps in both directions until no rank grows by more than an eighth, the last one from left to right.

        Pivots of about the tolerance come and go from sweep to sweep, so that ranks never stay; what a sweep has missed is found by
        fresh points.
        """
        before: list[int] = []
        for sweep in range(_SWEEPS):
            self.full = False
            for i in range(self.sites - 1):
                self.update(i)
            ranks = [len(x) for x in self.left]
            if sweep and all(rank <= was + max(_STILL, was // 8) for rank, was in zip(ranks, before)):
                return
            before = ranks
            if sweep < _SWEEPS - 1:
                for i in range(self.sites - 2, -1, -1):
                    self.update(i)

    def update(self, i: int) -> None:
        """New pivots between the sites i and i + 1."""
        rows, columns = followed(self.left[i]), preceded(self.right[i + 2])
        values = self.table(rows, columns)
        self.scale = max(self.scale, float(np.abs(values).max()))
        chosen, others, whole = pivots(values, self.tolerance * self.scale, self.most)
        self.full |= not whole
        self.left[i + 1], self.right[i + 1] = rows[chosen], columns[others]

    def train(self) -> Train:
        """The interpolation through the left pivots, which are nested after a sweep to the right."""
        out = []
        for i in range(self.sites):
            rows = followed(self.left[i])
            values = self.table(rows, self.right[i + 1])
            if i < self.sites - 1:
                q = np.linalg.qr(values)[0]
                place = {row.tobytes(): k for k, row in enumerate(rows)}
                chosen = [place[row.tobytes()] for row in self.left[i + 1]]
                values = np.linalg.lstsq(q[chosen].T, q.T, rcond=None)[0].T
            out.append(values.reshape(len(self.left[i]), 2, -1).astype(complex))
        return out

    def fresh(self, rng: np.random.Generator) -> np.ndarray:
        """Points anywhere, and neighbours of pivots."""
        anywhere = rng.integers(0, 2, (_POINTS, self.sites)).astype(np.int8)
        known = self.points()
        near = known[rng.integers(0, len(known), _POINTS)].copy()
        start = rng.integers(0, self.sites, _POINTS)
        tail = np.arange(self.sites)[None, :] >= start[:, None]
        flip = rng.integers(0, 2, near.shape).astype(bool)
        turned = np.where(rng.integers(0, 2, (_POINTS, 1)).astype(bool), tail, ~tail)
        near[turned & flip] ^= 1
        return np.concatenate([anywhere, near])

    def points(self) -> np.ndarray:
        """The pivots of all bonds as bits."""
        whole = [
            np.concatenate([self.left[i], self.right[i]], axis=1)
            for i in range(1, self.sites)
            if len(self.left[i]) == len(self.right[i])
        ]
        return np.unique(np.concatenate(whole), axis=0) if whole else self.right[0]

    def add(self, points: np.ndarray) -> None:
        """More points that every bond must pass through."""
        for i in range(1, self.sites):
            self.left[i] = np.unique(np.concatenate([self.left[i], points[:, :i]]), axis=0)
            self.right[i] = np.unique(np.concatenate([self.right[i], points[:, i:]]), axis=0)


def followed(rows: np.ndarray) -> np.ndarray:
    """Every row with one more bit at its end, that bit the fastest."""
    return np.concatenate([np.repeat(rows, 2, axis=0), np.tile([[0], [1]], (len(rows), 1)).astype(np.int8)], axis=1)


def preceded(columns: np.ndarray) -> np.ndarray:
    """Every column with one more bit at its beginning."""
    return np.concatenate([np.concatenate([np.full((len(columns), 1), s, np.int8), columns], axis=1) for s in (0, 1)])


def pivots(values: np.ndarray, least: float, most: int) -> tuple[list[int], list[int], bool]:
    """Rows and columns of an elimination with full pivoting, and whether what remains is at most ``least``."""
    rest = values.copy()
    rows: list[int] = []
    columns: list[int] = []
    for _ in range(min(*rest.shape, most)):
        i, j = divmod(int(np.abs(rest).argmax()), rest.shape[1])
        top = rest[i, j]
        if (rows and abs(top) <= least) or top == 0:
            break
        rows.append(i)
        columns.append(j)
        rest -= np.outer(rest[:, j] / top, rest[i])
        rest[i], rest[:, j] = 0.0, 0.0
    if not rows:
        return [0], [0], True
    return rows, columns, len(rows) < most or float(np.abs(rest).max()) <= least
