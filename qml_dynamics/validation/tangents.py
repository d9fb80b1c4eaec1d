"""Directions in which a wave moves, and what each of them does to the densities of weights and of momenta.

A shift of a wave changes its density of weights, a momentum that of its momenta, a change of width both. For a small step along a
direction ``g`` the logarithm of the likelihood ratio of all samples is, to first order (Neyman and Pearson 1933; Rao 1948),

    sum_i t(x_i) / p(x_i) + sum_j t'(k_j) / p'(k_j),   t = 2 Re(psi* g) less its mean,   t' the same of the transforms,

one sum over the samples of both bases: a test of each basis alone has half of the power where a change shows by halves in both. A change
of the initial wave is carried to the time of the comparison by the evolution itself, which is linear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..base.printing import whole_text
from ..model.domains import Grid
from ..model.hamiltonians import LearningHamiltonian, hamiltonian
from ..model.problem import Problem
from ..model.transforms import Transform
from .wells import basins, sides

MOST_POINTS = 1 << 16  # of a grid whose directions are followed
FINEST = 32  # cells of the coarse grids
_FEWEST = 4  # points of an axis along which a wave can be moved
_FLOOR = 1e-300
_DIAGONAL = 3  # axes up to which the diagonals of all pairs are directions
_MOST_CARRIED = 1 << 12  # points of a grid on which changes of the initial wave are carried along
_STEPS = (32, 128, 512)  # tried in turn, until the wave itself arrives where the run has it
_ARRIVED = 1e-3  # infidelity

Tangent = tuple[str, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Arrival:
    """A wave of a problem at a time; equal where its bytes are, so that its directions are kept for the next comparison."""

    problem: Problem
    time: float
    psi: np.ndarray
    start: np.ndarray
    digest: bytes

    @classmethod
    def of(cls, problem: Problem, time: float, psi: np.ndarray) -> Arrival:
        """The wave ``psi``, into which the initial wave of the problem has turned."""
        start = np.ascontiguousarray(problem.initial.vector(problem.domain), dtype=complex)
        said = f"{whole_text(problem.domain)} {problem.clock} {time!r}".encode()
        digest = hashlib.sha256(said + np.ascontiguousarray(psi).tobytes() + start.tobytes()).digest()
        return cls(problem, time, psi, start, digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arrival) and self.digest == other.digest

    def directions(self) -> Iterator[Tangent]:
        """Those of the wave as it is, and those of the initial wave, carried here; each sums to 0."""
        grid = self.problem.domain
        assert isinstance(grid, Grid)
        act, psi = Transform(grid), np.asarray(self.psi, dtype=complex).reshape(grid.shape)
        dual = act.forward(psi.copy())
        p, q = np.abs(psi) ** 2, np.abs(dual) ** 2
        moves = [*_moved(grid, psi, p, q), *_by_cells(grid, psi), *self._carried(grid, psi)]
        for name, moved in moves:
            yield name, *_changes(act, psi, dual, moved)

    def _carried(self, grid: Grid, psi: np.ndarray) -> list[tuple[str, np.ndarray]]:
        """Changes of the initial wave, as they are at this time; nothing where the wave itself does not arrive."""
        if grid.size > _MOST_CARRIED or not self.time > 0 or self.problem.objective is None:
            return []
        h, start = hamiltonian(self.problem), self.start.reshape(grid.shape)
        assert isinstance(h, LearningHamiltonian)
        dual = np.abs(h.transform.forward(start.copy())) ** 2
        moves = list(_moved(grid, start, np.abs(start) ** 2, dual))
        last = start
        for steps in _STEPS:
            here = propagated(h, self.problem.clock, np.stack([start, *(wave for _, wave in moves)]), self.time, steps)
            overlap = np.vdot(here[0], psi)
            if 1 - abs(overlap) ** 2 < _ARRIVED:
                here = here * np.exp(1j * np.angle(overlap))
                return [(f"{name} of the start", wave) for (name, _), wave in zip(moves, here[1:])]
            if 1 - abs(np.vdot(here[0], last)) ** 2 < _ARRIVED:  # more steps change nothing: the run goes elsewhere
                break
            last = here[0]
        return []


def propagated(h: LearningHamiltonian, clock: str, waves: np.ndarray, time: float, steps: int) -> np.ndarray:
    """Waves, shape ``(m, *grid.shape)``, after a time by symmetric steps; on the imaginary clock all divided by the norm of the first."""
    turn, ends = -1j if clock == "real" else -1.0, np.linspace(0.0, time, steps + 1)
    for a, b in zip(ends[:-1], ends[1:]):
        kinetic, loss = h.amounts(float(a), float(b))
        half = np.exp(0.5 * turn * loss * (h.zeta - h.zeta.min()))
        waves = h.transform.forward(half * waves)
        waves = half * h.transform.inverse(np.exp(turn * kinetic * h.dual) * waves)
        size = float(np.linalg.norm(waves[0]))
        if not size > 0:  # steps too long for the loss
            break
        waves = waves / size
    return waves


def _changes(act: Transform, psi: np.ndarray, dual: np.ndarray, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a small step of a wave changes in its densities; of a step of length 1, so that nothing depends on units."""
    moved = moved.astype(complex) / max(float(np.linalg.norm(moved)), _FLOOR)
    along, across = 2 * (psi.conj() * moved).real, 2 * (dual.conj() * act.forward(moved)).real
    return along - np.abs(psi) ** 2 * along.sum(), across - np.abs(dual) ** 2 * across.sum()


def _moved(grid: Grid, psi: np.ndarray, p: np.ndarray, q: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Along every axis: a shift, a momentum, a change of width about the mean place and momentum, a chirp (a change of width a quarter
    of a turn later), an envelope about the mean place, a change of width of every bump about its own mean, the weights of
    the wells, and of the beams of different momenta. Of several weights along diagonals and along all axes too.
    """
    found: dict[str, np.ndarray] = {}
    for axis in range(grid.ndim):
        if grid.shape[axis] <= _FEWEST:
            continue
        x, marginal = grid.axes[axis], marginal_of(p, axis)
        away = (x - float(marginal @ x)).reshape(shape_of(grid.ndim, axis))
        mean = float(marginal_of(q, axis) @ grid.momenta[axis]) if grid.boundary == "periodic" else 0.0
        slope = _slope(grid, psi, axis)
        found[f"shift {axis + 1}"] = -slope
        found[f"momentum {axis + 1}"] = 1j * away * psi
        found[f"width {axis + 1}"] = away * (slope - 1j * mean * psi)
        found[f"chirp {axis + 1}"] = 1j * away**2 * psi
        found[f"envelope {axis + 1}"] = away**2 * psi
        found |= _of_bumps(grid, psi, marginal, axis)
        if grid.boundary == "periodic":
            found |= _of_beams(grid, psi, marginal_of(q, axis), axis)
    if grid.ndim > 1:
        found |= _of_wells(grid, psi, p)
        found |= _across(found, grid.ndim)
    yield from found.items()


def _across(found: dict[str, np.ndarray], ndim: int) -> Iterator[tuple[str, np.ndarray]]:
    """Along the diagonals of pairs of axes, and the same change of width along all."""
    for kind in ("width", "envelope", "bumps", "widths"):
        along = [wave for k in range(ndim) if (wave := found.get(f"{kind} {k + 1}")) is not None]
        if len(along) > 1:
            yield f"{kind} all", np.sum(along, axis=0)
    for i, j in combinations(range(1, ndim + 1 if ndim <= _DIAGONAL else 1), 2):
        for kind in ("shift", "momentum"):
            one, other = found.get(f"{kind} {i}"), found.get(f"{kind} {j}")
            if one is not None and other is not None:
                yield f"{kind} {i}+{j}", one + other
                yield f"{kind} {i}-{j}", one - other


def _of_wells(grid: Grid, psi: np.ndarray, p: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Of several weights: every division of the wells in two, and along every axis the width of each well about its own mean place and
    momentum. The density of one axis does not tell wells apart that lie behind one another."""
    labels = basins(p, grid.boundary == "periodic")
    if not labels.any():
        return
    for name, inside in sides(labels):
        yield name, psi * inside
    flat = labels.reshape(-1)
    weight = np.maximum(np.bincount(flat, weights=p.reshape(-1)), _FLOOR)
    for axis in range(grid.ndim):
        if grid.shape[axis] <= _FEWEST:
            continue
        slope = _slope(grid, psi, axis)
        x = np.broadcast_to(grid.axes[axis].reshape(shape_of(grid.ndim, axis)), grid.shape)
        turned = (psi.conj() * slope).imag if grid.boundary == "periodic" else np.zeros(grid.shape)
        place, mean = (np.bincount(flat, weights=w.reshape(-1)) / weight for w in (p * x, turned))
        yield f"widths {axis + 1}", (x - place[labels]) * (slope - 1j * mean[labels] * psi)


def _by_cells(grid: Grid, psi: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The weight of every cell of the nested coarse grids of 2 to 32 cells."""
    for labels, count in nested(grid.shape, FINEST):
        for cell in range(count):
            yield f"cell {cell + 1} of {count}", psi * (labels == cell).reshape(grid.shape)


def _slope(grid: Grid, psi: np.ndarray, axis: int) -> np.ndarray:
    """The derivative along an axis: by its modes on a ring, by central differences between walls."""
    if grid.boundary == "walls":
        return np.asarray(np.gradient(psi, grid.spacing[axis], axis=axis))
    modes = np.fft.fft(psi, axis=axis) * (1j * grid.momenta[axis]).reshape(shape_of(grid.ndim, axis))
    return np.asarray(np.fft.ifft(modes, axis=axis))


def _of_bumps(grid: Grid, psi: np.ndarray, marginal: np.ndarray, axis: int) -> Iterator[tuple[str, np.ndarray]]:
    """The weights of the wells, and ``log p`` less its mean over each bump: the change of width of normal bumps of any places."""
    cuts = valleys(marginal)
    if not len(cuts):
        return
    shape = shape_of(grid.ndim, axis)
    well = np.searchsorted(cuts, np.arange(marginal.size), side="right")
    for k in range(len(cuts)):
        yield f"wells up to {k + 1} along {axis + 1}", psi * (well <= k).reshape(shape)
        if k:
            yield f"well {k + 1} along {axis + 1}", psi * (well == k).reshape(shape)
    height = np.log(np.maximum(marginal, 1e-12 * marginal.max()))
    weight = np.maximum(np.bincount(well, weights=marginal), _FLOOR)
    height -= (np.bincount(well, weights=marginal * height) / weight)[well]
    yield f"bumps {axis + 1}", psi * height.reshape(shape)


def _of_beams(grid: Grid, psi: np.ndarray, marginal: np.ndarray, axis: int) -> Iterator[tuple[str, np.ndarray]]:
    """The weights of bumps of the momenta along an axis, one less than there are."""
    order = np.argsort(grid.momenta[axis])
    beam = np.empty(order.size, dtype=np.int64)
    beam[order] = np.searchsorted(valleys(marginal[order]), np.arange(order.size), side="right")
    modes = np.fft.fft(psi, axis=axis)
    for k in range(int(beam.max())):
        below = (beam <= k).reshape(shape_of(grid.ndim, axis))
        yield f"beams up to {k + 1} along {axis + 1}", np.asarray(np.fft.ifft(modes * below, axis=axis))


def shape_of(ndim: int, axis: int) -> list[int]:
    """The shape that spreads values of one axis over a grid."""
    return [-1 if k == axis else 1 for k in range(ndim)]


def marginal_of(law: np.ndarray, axis: int) -> np.ndarray:
    """The density of one axis."""
    return np.asarray(law.sum(axis=tuple(k for k in range(law.ndim) if k != axis)))


def valleys(p: np.ndarray, deep: float = 0.5, most: int = 4) -> np.ndarray:
    """Where a density has minima of less than half of the peaks on both sides, the deepest first."""
    inner = np.flatnonzero((p[1:-1] <= p[:-2]) & (p[1:-1] < p[2:])) + 1
    left, right = np.maximum.accumulate(p), np.maximum.accumulate(p[::-1])[::-1]
    heights = np.minimum(left[inner], right[inner])
    depth = p[inner] / np.maximum(heights, _FLOOR)
    real = (depth < deep) & (heights > 1e-2 * p.max())
    return np.sort(inner[real][np.argsort(depth[real], kind="stable")[:most]])


def nested(shape: tuple[int, ...], finest: int) -> list[tuple[np.ndarray, int]]:
    """Partitions of a grid into 2, 4, 8, ... blocks, each axis halved in turn: labels of the cells, flat, and their number."""
    bits = [(int(n) - 1).bit_length() for n in shape]
    used, out = [0] * len(shape), []
    while 1 << (sum(used) + 1) <= finest and used != bits:
        open_axes = [k for k in range(len(shape)) if used[k] < bits[k]]
        used[min(open_axes, key=lambda k: used[k])] += 1
        where = np.indices(shape, sparse=True)
        label = np.zeros(shape, dtype=np.int64)
        for k, index in enumerate(where):
            label = (label << used[k]) + (index << used[k]) // shape[k]
        out.append((label.reshape(-1), 1 << sum(used)))
    return out
