"""The joint null distribution of all statistics of a comparison, by simulation, and the p-value of what was seen.

Every look is made standard by mean, deviation and skewness of its simulated values (Wilson and Hilferty, PNAS 17, 684, 1931), and
the largest of them is the test: its rank among simulated largest ones is an exact p-value (Barnard 1963), whatever the correlations
of the looks, so that the number of looks costs what it must and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..results.sampling import drawable
from .looks import Look, looks_of, rare_cells
from .readings import Reading, halved

DRAWS = 1999
_BLOCK = 250
_ROOT = 20_131  # of the random numbers: the same comparison gives the same p-value
_TV_CELLS = 16  # with fewer, the cells are looks of their own
_NEVER = 1e-4  # samples expected in cells that are not drawn: one simulated run in 10,000 would have one
_MOST_DEALT = 10**9  # samples that NumPy deals out; of more, the noise of drawing anew is the same
_POWER = 1.645  # the normal quantile of 0.95


@dataclass(frozen=True, eq=False)
class Tested:
    """What the looks say together.

    Attributes:
        p_value: probability of as large a largest look where the runs agree.
        looks: how many there were.
        largest: the name of the largest, in words.
        size: of it, in standard deviations of the law where the runs agree.
        detectable: by what, in its own units, a reading must differ to be told apart in 95 of 100 runs.
    """

    p_value: float
    looks: int
    largest: str
    size: float
    detectable: dict[str, float]


@dataclass(frozen=True, eq=False)
class _Table:
    """Values of looks, the observed ones and the simulated ones: ``seen`` ``(k,)`` and ``null`` ``(draws, k)``.

    Those that are ``standard`` are sizes of normal numbers already.
    """

    names: list[str]
    seen: np.ndarray
    null: np.ndarray
    two_sided: np.ndarray
    standard: bool = False

    def normal(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Both as normal numbers, and the standard deviations; looks that never move are 0."""
        mean, spread = self.null.mean(axis=0), self.null.std(axis=0)
        if self.standard:
            return self.seen, self.null, spread
        still = spread <= 1e-12 * np.maximum(np.abs(self.null).max(axis=0), 1e-300)
        scale = np.where(still, np.inf, spread)
        z, seen = (self.null - mean) / scale, (self.seen - mean) / scale
        skew = (z**3).mean(axis=0)
        z, seen = _normal(z, skew), _normal(seen, skew)
        z, seen = (np.where(self.two_sided, np.abs(x), x) for x in (z, seen))
        return seen, z, np.where(still, 0.0, spread)


def _normal(z: np.ndarray, skew: np.ndarray) -> np.ndarray:
    """Standard numbers of that skewness as normal ones, by the cube root; small skewness is left alone."""
    g = np.where(np.abs(skew) < 1e-3, 1e-3, skew)
    inside = np.maximum(0.5 * g * z + 1, 0.0)
    return np.where(np.abs(skew) < 1e-3, z, 6 / g * (np.cbrt(inside) - 1) + g / 6)


def test(
    readings: Sequence[Reading],
    energy: Callable[[np.ndarray, np.ndarray], np.ndarray] | None,
    beside: dict[str, float],
    rate: float,
) -> Tested:
    """All looks at all readings, and numbers of standard errors that come from elsewhere.

    Args:
        readings: the bases in which both runs are known; at least one is sampled.
        energy: the energy's gap from those of the loss and of the kinetic part; None where a basis is missing.
        beside: gaps in standard errors, normal where the runs agree and taken as independent of the samples.
        rate: of false alarms.
    """
    settings = [_setting(reading.merged()) for reading in readings]
    parts, rare = (list(tables) for tables in zip(*map(_simulated, settings)))
    known = [setting.looks for setting in settings]
    tables = [*parts, *rare]
    if any(look.joins for looks in known for look in looks):
        tables.append(_squares(parts, known))
    if len(parts) > 1:
        tables.append(_together(parts))
    if energy is not None:
        tables.append(_energy(parts, known, energy))
    if beside:
        normal = np.random.default_rng(_ROOT).standard_normal((DRAWS, len(beside)))
        tables.append(_Table(list(beside), np.array(list(beside.values())), normal, np.ones(len(beside), dtype=bool)))
    return _judged([t for t in tables if t.names], settings, rate)


def _judged(tables: list[_Table], settings: list[_Setting], rate: float) -> Tested:
    standard = [t.normal() for t in tables]
    names = [name for t in tables for name in t.names]
    seen = np.concatenate([s[0] for s in standard])
    most = np.max([s[1].max(axis=1) for s in standard], axis=0)
    largest = int(np.argmax(seen))
    p_value = (1 + int((most >= seen[largest]).sum())) / (DRAWS + 1)
    threshold = float(np.sort(most)[int(np.ceil((1 - rate) * (DRAWS + 1))) - 1])
    detectable: dict[str, float] = {}
    for table, (_, _, spread), setting in zip(tables, standard, settings):
        detectable.update(_detectable(table, spread, setting, threshold + _POWER))
    for table, (_, _, spread) in zip(tables, standard):
        if table.names == ["the energy"]:
            detectable["energy"] = float((threshold + _POWER) * spread[0])
    return Tested(p_value, len(names), names[largest], float(seen[largest]), detectable)


def _detectable(table: _Table, spread: np.ndarray, setting: _Setting, reach: float) -> dict[str, float]:
    out: dict[str, float] = {}
    reading, looks = setting.reading, setting.looks
    law = reading.law.reshape(-1)
    for look, sd in zip(looks, spread):
        if look.kind == "spread":  # of the variance: by what the standard deviation must differ
            sd = sd / (2 * max(np.sqrt(law @ look.values), 1e-300))
        if look.kind:
            name = {"mean": f"mean {reading.basis}", "spread": f"spread of {reading.basis}"}.get(look.kind, "cell")
            name = f"weight of a {reading.basis} cell" if name == "cell" else name
            out[name] = max(out.get(name, 0.0), float(reach * sd))
    if len(table.names) > len(looks):  # the mean of the observed distance is at least the true one
        k = len(looks)
        out[f"total variation of {reading.basis}"] = float(table.null[:, k].mean() + reach * spread[k])
    return out


@dataclass(frozen=True, eq=False)
class _Setting:
    """All that the simulated values of a reading depend on: equal where its bytes are, so that they are kept for the next comparison."""

    reading: Reading
    looks: list[Look]
    rare: list[np.ndarray]
    digest: bytes

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Setting) and self.digest == other.digest

    def measured(self, gap: np.ndarray) -> np.ndarray:
        """Means of all looks, total variations on nested grids, counts in cells that should be empty: ``(rows, k)``."""
        law, samples = self.reading.law, next((n for n in self.reading.shots if n is not None), 0)
        functions = np.array([look.values for look in self.looks]).reshape(len(self.looks), -1)
        tails = [_tail(gap, law.reshape(-1), there, samples)[:, None] for there in self.rare]
        return np.concatenate([gap @ functions.T, _distances(gap, law.shape), *tails], axis=1)


def _setting(reading: Reading) -> _Setting:
    samples = next((n for n in reading.shots if n is not None), 0)
    one_exact = sum(n is not None for n in reading.shots) == 1 and reading.noise is None
    digest = hashlib.sha256(f"{reading.basis} {reading.shots} {reading.law.shape} {reading.periodic}".encode())
    pooled = () if None in reading.shots else (_pooled(reading),)
    for array in (reading.law, reading.values, reading.noise, *reading.axes, *pooled):
        digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    rare = rare_cells(reading.law, samples) if one_exact else []
    return _Setting(reading, looks_of(reading), rare, digest.digest())


@lru_cache(maxsize=8)
def _null(setting: _Setting) -> np.ndarray:
    """Simulated values of everything that is measured: ``(draws, k)``."""
    rng = np.random.default_rng([_ROOT, len(setting.reading.basis)])
    return np.concatenate([setting.measured(gap) for gap in _gaps(setting.reading, rng)])


def _simulated(setting: _Setting) -> tuple[_Table, _Table]:
    """Looks and total variations; and the cells that should be empty, whose numbers are normal already."""
    reading, looks = setting.reading, setting.looks
    names = [look.name for look in looks]
    names += [f"the total variation of {reading.basis} on {count} cells" for count in _levels(reading.law.size)]
    sign = -1.0 if reading.shots[0] is None else 1.0  # what is sampled less what is exact
    seen, null = setting.measured(sign * (reading.a - reading.b).reshape(1, -1))[0], _null(setting)
    known = len(names)
    words = [f"samples of {reading.basis} where none should be"] * len(setting.rare)
    sided = np.arange(known) < len(looks)
    tail = _Table(words, seen[known:], null[:, known:], np.zeros(len(words), dtype=bool), standard=True)
    return _Table(names, seen[:known], null[:, :known], sided), tail


def _levels(size: int) -> list[int]:
    """Numbers of cells of the nested grids on which a total variation is a look, the finest first."""
    bits = size.bit_length() - 1
    return [1 << k for k in range(bits, 0, -1) if 1 << k >= min(_TV_CELLS, size)]


def _distances(gap: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Total variations on the grid and on coarser ones, the longest axis halved each time: ``(rows, levels)``."""
    cells, out = gap.reshape(-1, *shape), []
    for _ in _levels(gap.shape[1]):
        out.append(0.5 * np.abs(cells).reshape(len(cells), -1).sum(axis=1))
        axis = 1 + int(np.argmax(cells.shape[1:]))
        cells = halved(cells, axis)
    return np.stack(out, axis=1)


def _tail(gap: np.ndarray, law: np.ndarray, there: np.ndarray, samples: int) -> np.ndarray:
    """The normal number whose tail is that of the count in rare cells (binomial, so never too large where the runs agree)."""
    from scipy.stats import binom, norm

    expected = float(law[there].sum())
    count, where = np.unique(np.rint(samples * (gap @ there.astype(float) + expected)), return_inverse=True)
    return np.asarray(norm.isf(np.clip(binom.sf(count - 1, samples, expected), 1e-300, 0.5)))[where]


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


def _squares(tables: list[_Table], known: list[list[Look]]) -> _Table:
    """Sums of squares of looks that one cause moves together, over both bases."""
    seen: dict[str, np.ndarray] = {}
    null: dict[str, np.ndarray] = {}
    size: dict[str, int] = {}
    for table, looks in zip(tables, known):
        spread = table.null.std(axis=0)
        for k, look in enumerate(looks):
            if not look.joins or not spread[k] > 0:
                continue
            for name in look.joins:
                seen[name] = seen.get(name, 0.0) + (table.seen[k] / spread[k]) ** 2
                null[name] = null.get(name, 0.0) + (table.null[:, k] / spread[k]) ** 2
                size[name] = size.get(name, 0) + 1
    names = [name for name, count in size.items() if count > 1]
    words = [f"{name}, all together" for name in names]
    columns = np.array([_from_chi_square(null[name], size[name]) for name in names]).T
    found = np.array([float(_from_chi_square(np.array(seen[name]), size[name])) for name in names])
    return _Table(words, found, columns, np.ones(len(names), dtype=bool), standard=True)


def _together(tables: list[_Table]) -> _Table:
    """The root of the sum of the squares of the largest look at each basis: for what shows itself by halves in both."""
    each = [table.normal() for table in tables]
    seen = np.sqrt(sum(np.square(e[0].max()) for e in each))
    null = np.sqrt(sum(np.square(e[1].max(axis=1)) for e in each))
    return _Table(["weights and momenta together"], np.atleast_1d(seen), null[:, None], np.zeros(1, dtype=bool))


def _from_chi_square(total: np.ndarray, count: int) -> np.ndarray:
    """The size of a normal number that is as rare as this sum of that many squares."""
    from scipy.stats import chi2, norm

    return np.asarray(norm.isf(np.clip(0.5 * chi2.sf(total, count), 1e-300, 0.5)))


def _energy(
    tables: list[_Table], known: list[list[Look]], energy: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> _Table:
    (w, loss), (k, kinetic) = (_column(tables, known, name) for name in ("the loss", "the kinetic part"))
    return _Table(["the energy"], np.atleast_1d(energy(w, k)), energy(loss, kinetic)[:, None], np.ones(1, dtype=bool))


def _column(tables: list[_Table], known: list[list[Look]], name: str) -> tuple[np.ndarray, np.ndarray]:
    for table, looks in zip(tables, known):
        for k, look in enumerate(looks):
            if look.name == name:
                return table.seen[k], table.null[:, k]
    raise KeyError(name)
