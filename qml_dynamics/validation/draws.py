"""What is measured of two runs in one basis, and the same of simulated runs that agree."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..base.tails import binomial_sf, normal_isf
from ..results.sampling import drawable
from .looks import Look, looks_of, parts_of, rare_cells
from .readings import Reading, halved

DRAWS = 1999
ROOT = 20_131  # of the random numbers: the same comparison gives the same p-value
_BLOCK = 250
_TV_CELLS = 16  # with fewer, the cells are looks of their own
_NEVER = 1e-4  # samples expected in cells that are not drawn: one simulated run in 10,000 would have one
_MOST_DEALT = 10**9  # samples that NumPy deals out; of more, the noise of drawing anew is the same


@dataclass(frozen=True, eq=False)
class Setting:
    """All that the simulated values of a reading depend on: equal where its bytes are, so that they are kept for the next comparison.

    Attributes:
        reading: on at most 4,096 blocks.
        looks: functions whose means are measured.
        parts: scores of directions of the wave, which are measured to be added to those of the other basis.
        rare: the cells in which together fewer than one sample is expected, or nothing.
    """

    reading: Reading
    looks: list[Look]
    parts: dict[str, np.ndarray]
    rare: list[np.ndarray]
    functions: np.ndarray
    digest: bytes

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Setting) and self.digest == other.digest

    @property
    def effective(self) -> float:
        """Samples of one run against an exact law that have the noise of these two runs; 0 where it is not theirs alone."""
        known = [n for n in self.reading.shots if n]
        return 0.0 if self.reading.noise is not None or not known else 1 / sum(1 / n for n in known)

    @property
    def levels(self) -> list[int]:
        """Numbers of cells of the nested grids on which a total variation is a look, the finest first."""
        shape, out = list(self.reading.law.shape), []
        while (size := math.prod(shape)) > 1 and size >= min(_TV_CELLS, self.reading.law.size):
            out.append(size)
            longest = shape.index(max(shape))
            shape[longest] = (shape[longest] + 1) // 2
        return out

    def gap(self) -> np.ndarray:
        """What the runs differ by, what is sampled less what is exact: ``(1, cells)``."""
        sign = -1.0 if self.reading.shots[0] is None else 1.0
        return np.asarray(sign * (self.reading.a - self.reading.b).reshape(1, -1))

    def measured(self, gap: np.ndarray) -> np.ndarray:
        """Means of all looks, of all parts, total variations on nested grids, counts in cells that should be empty: ``(rows, k)``."""
        law, samples = self.reading.law, next((n for n in self.reading.shots if n is not None), 0)
        tails = [_tail(gap, law.reshape(-1), there, samples)[:, None] for there in self.rare]
        return np.concatenate([gap @ self.functions.T, self._distances(gap), *tails], axis=1)

    def _distances(self, gap: np.ndarray) -> np.ndarray:
        """Total variations on the grid and on coarser ones, the longest axis halved each time: ``(rows, levels)``."""
        cells, out = gap.reshape(-1, *self.reading.law.shape), []
        for _ in self.levels:
            out.append(0.5 * np.abs(cells).reshape(len(cells), -1).sum(axis=1))
            cells = halved(cells, 1 + int(np.argmax(cells.shape[1:])))
        return np.stack(out, axis=1)


def setting_of(given: Reading) -> Setting:
    """What will be measured of a reading."""
    reading = given.merged()
    samples = next((n for n in reading.shots if n is not None), 0)
    one_exact = sum(n is not None for n in reading.shots) == 1 and reading.noise is None
    digest = hashlib.sha256(f"{reading.basis} {reading.shots} {reading.law.shape} {reading.periodic}".encode())
    pooled = () if None in reading.shots else (_pooled(reading),)
    moved = [reading.tangents[name] for name in sorted(reading.tangents)]
    for array in (reading.law, reading.values, reading.noise, *reading.axes, *pooled, *moved):
        digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    looks, parts = looks_of(reading), parts_of(reading)
    rare = rare_cells(reading.law, samples) if one_exact else []
    functions = np.array([*(look.values for look in looks), *parts.values()]).reshape(-1, reading.law.size)
    return Setting(reading, looks, parts, rare, functions, digest.digest())


@lru_cache(maxsize=8)
def simulated(setting: Setting) -> np.ndarray:
    """Simulated values of everything that is measured: ``(draws, k)``."""
    rng = np.random.default_rng([ROOT, len(setting.reading.basis)])
    return np.concatenate([setting.measured(gap) for gap in _gaps(setting.reading, rng)])


def _tail(gap: np.ndarray, law: np.ndarray, there: np.ndarray, samples: int) -> np.ndarray:
    """The normal number whose tail is that of the count in rare cells (binomial, so never too large where the runs agree)."""
    expected = float(law[there].sum())
    count, where = np.unique(np.rint(samples * (gap @ there.astype(float) + expected)), return_inverse=True)
    return normal_isf(np.clip(binomial_sf(count - 1, samples, expected), 1e-300, 0.5))[where]


def _gaps(reading: Reading, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Differences of two runs that agree, in blocks: multinomial where one is exact, else samples dealt out anew."""
    n, m = reading.shots
    law, most = drawable(reading.law), max(n or 0, m or 0)
    order = np.argsort(law, kind="stable")
    law[order[: int(np.searchsorted(most * np.cumsum(law[order]), _NEVER))]] = 0.0
    law /= law.sum()
    noise = None if reading.noise is None else reading.noise.reshape(-1)
    for start in range(0, DRAWS, _BLOCK):
        rows = min(_BLOCK, DRAWS - start)
        gap = np.zeros((rows, law.size))
        if n is not None and m is not None and noise is None:
            gap += _dealt(reading, n, m, rows, rng)
        else:
            for shots in (n, m):
                if shots is not None:
                    gap += _drawn(law, shots, rows, rng) - law
        if noise is not None:
            gap += noise * rng.standard_normal(gap.shape)
        yield gap


def _drawn(law: np.ndarray, shots: int, rows: int, rng: np.random.Generator) -> np.ndarray:
    there = np.flatnonzero(law)
    out = np.zeros((rows, law.size))
    out[:, there] = rng.multinomial(shots, law[there], size=rows) / shots
    return out


def _dealt(reading: Reading, n: int, m: int, rows: int, rng: np.random.Generator) -> np.ndarray:
    """The samples of both runs, dealt out to both anew: exact, whatever law they come from (Fisher 1935)."""
    pooled = _pooled(reading).astype(np.int64).reshape(-1)
    if pooled.sum() >= _MOST_DEALT:
        law = pooled / pooled.sum()
        found: np.ndarray = _drawn(law, n, rows, rng) - _drawn(law, m, rows, rng)
        return found
    there = np.flatnonzero(pooled)
    dealt = rng.multivariate_hypergeometric(pooled[there], n, size=rows, method="marginals")
    out = np.zeros((rows, pooled.size))
    out[:, there] = dealt / n - (pooled[there] - dealt) / m
    return out


def _pooled(reading: Reading) -> np.ndarray:
    """Counts of both runs together."""
    n, m = (float(shots or 0) for shots in reading.shots)
    return np.asarray(np.rint(n * reading.a + m * reading.b))
