"""The statistics of a comparison: functions of weights and of momenta whose means two runs should share.

Each is a direction in which runs go apart: a mean, a spread, the energy, the weight of a coarse cell or of an interval, and the scores
of the law itself, ``-d log p / dx`` and ``-1 - x d log p / dx``: the likelihood-ratio test of a small shift and of a small change of width
is the mean of just that function (Neyman and Pearson 1933; Rao 1948), which for a law of several bumps the mean of x is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .readings import Reading
from .tangents import FINEST, marginal_of, nested, shape_of, valleys

_CLIP = 5.0  # standard deviations of a score: beyond, one sample would decide alone
_LEAST = 10.0  # samples to be expected in a cell that is a look of its own, and outside it
_STILL = 1e-18  # mean square of the score of a step of length 1, below which a direction moves nothing
_QUANTILES = 15
_CUTS = 5
_DEGREES = 6  # of the polynomials of Neyman's smooth test
_MOST_AXES = 12  # of a hypercube whose pairs of weights are looks


@dataclass(frozen=True, eq=False)
class Look:
    """One function on the cells of a reading.

    Attributes:
        name: in words, for the verdict.
        kind: what is reported of it: ``"mean"``, ``"spread"``, ``"cell"``, ``"energy"``, or ``""``.
        values: on the cells, flat.
        joins: names of the sums of squares that it is part of.
    """

    name: str
    kind: str
    values: np.ndarray
    joins: tuple[str, ...] = ()


def looks_of(reading: Reading) -> list[Look]:
    """All looks at one basis of two runs, on the cells of the reading's law."""
    found = [*_moments(reading), *_cells(reading)]
    if max(reading.law.shape) > 4:
        found += [*(_known(reading) if reading.tangents else _scores(reading))]
        found += [*_intervals(reading), *_polynomials(reading)]
    elif reading.basis == "weight" and 2 <= reading.law.ndim <= _MOST_AXES:
        found += _pairs(reading)
    if reading.values is not None:
        name = "the loss" if reading.basis == "weight" else "the kinetic part"
        found.append(Look(name, "", reading.values.reshape(-1)))
    return found


def rare_cells(law: np.ndarray, samples: int) -> list[np.ndarray]:
    """The cells in which together fewer than one sample is expected, as booleans, flat; none where there are no such."""
    flat = law.reshape(-1)
    order = np.argsort(flat, kind="stable")
    total = samples * np.cumsum(flat[order])
    there = np.zeros(flat.size, dtype=bool)
    there[order[: int(np.searchsorted(total, 1.0))]] = True
    return [there] if there.any() and not there.all() else []


def _along(values: np.ndarray, axis: int, shape: tuple[int, ...]) -> np.ndarray:
    """Values of one axis on all cells, flat."""
    shaped = values.reshape(shape_of(len(shape), axis))
    return np.broadcast_to(shaped, shape).reshape(-1)


def _moments(r: Reading) -> Iterator[Look]:
    for axis, x in enumerate(r.axes):
        p = marginal_of(r.law, axis)
        middle = float(p @ x)
        yield Look(f"the mean of {r.basis} {axis + 1}", "mean", _along(x - middle, axis, r.law.shape))
        if x.size > 2:
            yield Look(f"the spread of {r.basis} {axis + 1}", "spread", _along((x - middle) ** 2, axis, r.law.shape))


def _pairs(r: Reading) -> Iterator[Look]:
    """Products of two weights, each from 1 to -1 along its axis: on a hypercube the sign of their product."""
    along = [_along(np.linspace(1.0, -1.0, n), axis, r.law.shape) for axis, n in enumerate(r.law.shape)]
    for j in range(len(along)):
        for i in range(j):
            yield Look(f"the agreement of weights {i + 1} and {j + 1}", "", along[i] * along[j])


def parts_of(reading: Reading) -> dict[str, np.ndarray]:
    """The scores of all directions of the wave that move this basis, flat."""
    law, out = reading.law.reshape(-1), {}
    there = law > 1e-12 * law.max()
    for name, tangent in reading.tangents.items():
        score = np.divide(tangent.reshape(-1), law, out=np.zeros(law.size), where=there)
        if law @ score**2 > _STILL:
            out[name] = _clipped(score, law)
    return out


_OF_ONE_BASIS = {  # directions whose scores are looks of that basis alone too
    "weight": {"shift": "a shift", "width": "a change of width"},
    "momentum": {"momentum": "a shift", "width": "a change of width", "chirp": "a chirp"},
}


def _known(r: Reading) -> Iterator[Look]:
    """Scores of what moves this basis, from the wave."""
    words = {f"{n} {k + 1}": w for n, w in _OF_ONE_BASIS[r.basis].items() for k in range(r.law.ndim)}
    chosen = replace(r, tangents={name: t for name, t in r.tangents.items() if name in words})
    for name, score in parts_of(chosen).items():
        yield Look(f"{words[name]} along {r.basis} {name.split()[1]}", "", score)


def _samples(r: Reading) -> float:
    return float(min((n for n in r.shots if n is not None), default=0))


def _scores(r: Reading) -> Iterator[Look]:
    for axis, x in enumerate(r.axes):
        if x.size <= 4:
            continue
        slope = _log_slope(r, axis)
        middle = float(marginal_of(r.law, axis) @ x)
        for name, score in (
            ("shift", -slope),
            ("width", -1 - (x - middle).reshape(shape_of(r.law.ndim, axis)) * slope),
        ):
            words = f"a {'shift' if name == 'shift' else 'change of width'} along {r.basis} {axis + 1}"
            yield Look(words, "", _clipped(score.reshape(-1), r.law.reshape(-1)), (f"{name} {axis + 1}",))


def _log_slope(r: Reading, axis: int) -> np.ndarray:
    """``d log p / dx`` by central differences; 0 where there is nothing."""
    p, step = r.law, float(np.diff(r.axes[axis][:2])[0])
    after, before = np.roll(p, -1, axis), np.roll(p, 1, axis)
    if not r.periodic:
        first, last = ([slice(None)] * p.ndim for _ in range(2))
        first[axis], last[axis] = slice(0, 1), slice(-1, None)
        after[tuple(last)], before[tuple(first)] = 0.0, 0.0
    there = p > 1e-12 * p.max()
    out: np.ndarray = np.divide(after - before, 2 * step * p, out=np.zeros_like(p), where=there)
    return out


def _clipped(f: np.ndarray, p: np.ndarray) -> np.ndarray:
    f = f - p @ f
    for _ in range(2):  # the first standard deviation knows what the clip takes away
        most = _CLIP * np.sqrt(p @ f**2)
        f = np.clip(f, -most, most)
    return np.asarray(f)


def _intervals(r: Reading) -> Iterator[Look]:
    """Below each of 15 quantiles, and between any two of 5 others and of the valleys between bumps."""
    for axis, x in enumerate(r.axes):
        if x.size <= 4:
            continue
        below = np.cumsum(marginal_of(r.law, axis))
        where = np.searchsorted(below, np.arange(1, _QUANTILES + 1) / (_QUANTILES + 1))
        for k in np.unique(where):
            yield _interval(r, axis, 0, int(k) + 1)
        few = np.searchsorted(below, np.arange(1, _CUTS + 1) / (_CUTS + 1)) + 1
        cuts = np.unique(np.concatenate([few, valleys(marginal_of(r.law, axis))]))
        for j in range(len(cuts)):
            for i in range(j):
                yield _interval(r, axis, int(cuts[i]), int(cuts[j]))
        for k in valleys(marginal_of(r.law, axis)):
            yield _interval(r, axis, 0, int(k))


def _interval(r: Reading, axis: int, low: int, high: int) -> Look:
    x = r.axes[axis]
    inside = (np.arange(x.size) >= low) & (np.arange(x.size) < high)
    last = x[min(high, x.size) - 1]
    return Look(
        f"the weight of {r.basis} {axis + 1} in [{x[min(low, x.size - 1)]:.3g}, {last:.3g}]",
        "",
        _along(inside + 0.0, axis, r.law.shape),
    )


def _polynomials(r: Reading) -> Iterator[Look]:
    """Legendre polynomials of the distribution function: Neyman (1937), with sums of squares over the first 2, 3, 4 and 6."""
    for axis, x in enumerate(r.axes):
        if x.size <= 4:
            continue
        p = marginal_of(r.law, axis)
        u = 2 * (np.cumsum(p) - 0.5 * p) - 1
        for degree in range(1, _DEGREES + 1):
            f = np.polynomial.legendre.Legendre.basis(degree)(u)
            joins = [f"{r.basis} {axis + 1} to degree {k}" for k in (2, 3, 4, 6) if degree <= k]
            joins += [f"weight and momentum {axis + 1} to degree {k}" for k in (2, 4) if degree <= k]
            words = f"the {degree}. polynomial of {r.basis} {axis + 1}"
            yield Look(words, "", _along(f, axis, r.law.shape), tuple(joins))


def _cells(r: Reading) -> Iterator[Look]:
    """Every cell of the nested coarse grids up to 32 cells in which enough samples are expected."""
    for labels, count in nested(r.law.shape, FINEST):
        weight = np.bincount(labels, weights=r.law.reshape(-1), minlength=count)
        samples = _samples(r)
        for cell in np.flatnonzero((samples * weight >= _LEAST) & (samples * (1 - weight) >= _LEAST)):
            yield Look(f"the weight of {r.basis} cell {cell + 1} of {count}", "cell", (labels == cell) + 0.0)
