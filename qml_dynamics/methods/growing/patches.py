"""Patches: a part of a grid with fewer points an axis, on a window of the box where the wave is.

A *patch* covers a window of the problem's box with a spacing of its own. It widens in two ways: by the least significant bit
(points in between, `grid.refine`), and by the most significant bit (a window twice as wide, zeros outside). Windows are halves of
halves, and start at multiples of a quarter of themselves, so that widening is an addition to the two highest bits of a register.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...model.domains import Grid
from ...model.hamiltonians import LearningHamiltonian
from .grid import on_grid, refine


@dataclass(frozen=True)
class Patch:
    """A grid over a window of the problem's box.

    Attributes:
        whole: the problem's grid.
        resolution: qubits an axis that the whole box would take at this spacing.
        halvings: how many times the box was halved, an axis.
        offset: where the window starts, in points of this spacing.

    >>> patch = Patch(Grid((-4, 4), 8), (6,), (1,), (8,))
    >>> patch.grid.bounds, patch.grid.qubits, patch.fraction
    (((-3.0, 1.0),), (5,), 0.5)
    """

    whole: Grid
    resolution: tuple[int, ...]
    halvings: tuple[int, ...]
    offset: tuple[int, ...]

    @cached_property
    def grid(self) -> Grid:
        """The grid of the window."""
        if not any(self.halvings):
            return Grid(self.whole.bounds, self.resolution, self.whole.boundary, self.whole.twist)
        bounds = []
        for (low, _), length, r, w, off in zip(self.whole.bounds, self.whole.lengths, *self._numbers()):
            step = length / (1 << r)
            bounds.append((low + off * step, low + (off + (1 << (r - w))) * step))
        bits = [r - w for r, w in zip(self.resolution, self.halvings)]
        return Grid(bounds, bits, self.whole.boundary, self._twist())

    def _numbers(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return self.resolution, self.halvings, self.offset

    def _twist(self) -> tuple[float, ...]:
        """The same vector potential over a shorter way round."""
        return tuple(t / (1 << w) for t, w in zip(self.whole.twist, self.halvings))

    @property
    def fraction(self) -> float:
        """Share of the box."""
        return float(0.5 ** sum(self.halvings))

    @property
    def complete(self) -> bool:
        """Whether this is the problem's own grid."""
        return self.resolution == self.whole.qubits and not any(self.halvings)

    @property
    def opened(self) -> Patch:
        """The whole box at this spacing."""
        none = (0,) * len(self.halvings)
        return replace(self, halvings=none, offset=none)

    def refined(self, axes: Sequence[bool] | None = None) -> Patch:
        """Half the spacing on these axes (all), nowhere finer than the problem's grid."""
        chosen = [True] * len(self.resolution) if axes is None else axes
        more = [a and r < q for a, r, q in zip(chosen, self.resolution, self.whole.qubits)]
        resolution = tuple(r + m for r, m in zip(self.resolution, more))
        return replace(self, resolution=resolution, offset=tuple(o << m for o, m in zip(self.offset, more)))

    def widened(self, axis: int, towards: float = 0.0) -> Patch:
        """A window twice as wide along an axis, which grows ``towards`` the low (-1) or the high side (1), if there is room."""
        points, halvings = self.grid.shape[axis], self.halvings[axis] - 1
        step = points // 2 if halvings else 2 * points  # the next window starts at multiples of a quarter of itself
        off, most = self.offset[axis], (1 << self.resolution[axis]) - 2 * points
        every = [o for o in range(0, most + 1, max(step, 1)) if 0 <= off - o <= points]
        ideal = off - points * (1 - towards) / 2
        best = min(every, key=lambda o: abs(o - ideal)) if halvings else 0
        return replace(self, halvings=_put(self.halvings, axis, halvings), offset=_put(self.offset, axis, best))

    def shifted(self, axis: int, waves: Sequence[np.ndarray], tolerance: float) -> Patch | None:
        """A window of the same width elsewhere along an axis that loses at most ``tolerance`` of each of these waves on this patch,
        its own ends included; None if there is none."""
        points, here, best = self.grid.shape[axis], self.offset[axis], (tolerance, -1)
        lines = [along(wave, axis) for wave in waves]
        for start in range(0, (1 << self.resolution[axis]) - points + 1, points // 4):
            low, high = start - here + strip(points), start - here + points - strip(points)
            lost = max(1 - float(line[max(0, low) : max(0, high)].sum()) for line in lines)
            best = min(best, (lost, start)) if start != here else best
        return replace(self, offset=_put(self.offset, axis, best[1])) if best[1] >= 0 else None

    def hamiltonian(self, h: LearningHamiltonian) -> LearningHamiltonian:
        """The problem's Hamiltonian ``h`` on this patch."""
        opened = on_grid(h, self.opened.grid)
        if not any(self.halvings):
            return opened
        return replace(opened, domain=self.grid, zeta=np.ascontiguousarray(opened.zeta[self.window]))

    @property
    def window(self) -> tuple[slice, ...]:
        """Where the patch stands among the points of the whole box at its spacing."""
        return tuple(slice(o, o + n) for o, n in zip(self.offset, self.grid.shape))

    def spread(self, psi: np.ndarray) -> np.ndarray:
        """A wave on the patch as one of unit norm on the problem's grid."""
        return self.moved(psi, Patch(self.whole, self.whole.qubits, *[(0,) * len(self.offset)] * 2))

    def moved(self, psi: np.ndarray, to: Patch) -> np.ndarray:
        """A wave on the patch on another one that is as fine or finer: zero where the patch does not reach."""
        extra = [t - r for r, t in zip(self.resolution, to.resolution)]
        if any(extra):
            psi, _ = refine(psi, self.grid, extra)
        apart = [(o << e) - t for o, e, t in zip(self.offset, extra, to.offset)]
        if to.grid.shape == psi.shape and not any(apart):
            return np.array(psi)
        out = np.zeros(to.grid.shape, dtype=complex)
        into = [slice(max(0, a), a + n) for a, n in zip(apart, psi.shape)]
        kept = [slice(max(0, -a), m - a) for a, m in zip(apart, out.shape)]
        out[tuple(into)] = psi[tuple(kept)]
        result: np.ndarray = out / np.linalg.norm(out)
        return result


def coarse(whole: Grid, qubits: int | Sequence[int]) -> Patch:
    """The whole box with ``qubits`` an axis, nowhere finer than the problem's grid."""
    given = [qubits] * whole.ndim if isinstance(qubits, int) else list(qubits)
    none = (0,) * whole.ndim
    return Patch(whole, tuple(min(g, q) for g, q in zip(given, whole.qubits)), none, none)


def narrowed(patch: Patch, psi: np.ndarray, least: Sequence[int], tolerance: float) -> Patch:
    """The smallest window that holds a wave on the whole box: at most ``tolerance`` of its probability outside and in the strips
    at its ends; at least ``least`` qubits an axis.

    >>> patch, x = coarse(Grid((-8, 8), 7), 6), np.linspace(-8, 8, 64, endpoint=False)
    >>> narrowed(patch, np.exp(-((x + 2) ** 2)) / 2, (3,), 1e-6).grid.bounds
    ((-6.0, 2.0),)
    """
    for axis in range(psi.ndim):
        line = along(psi, axis)
        halvings, best = 0, 0
        while len(line) >> (halvings + 1) >= max(4, 1 << least[axis]):
            size = len(line) >> (halvings + 1)
            starts = range(0, len(line) - size + 1, size // 4)
            lost = [1 - float(line[s + strip(size) : s + size - strip(size)].sum()) for s in starts]
            if min(lost) > tolerance:
                break
            halvings, best = halvings + 1, starts[int(np.argmin(lost))]
        offset, halved = _put(patch.offset, axis, best), _put(patch.halvings, axis, halvings)
        patch = replace(patch, halvings=halved, offset=offset)
    return patch


def along(psi: np.ndarray, axis: int) -> np.ndarray:
    """The probability along an axis, which sums to 1.

    >>> along(np.array([[1, 1j], [0, 0]]), 1)
    array([0.5, 0.5])
    """
    line = (np.abs(psi) ** 2).sum(axis=tuple(a for a in range(psi.ndim) if a != axis))
    return np.asarray(line / line.sum())


def strip(points: int) -> int:
    """Points of a window of so many that count as its edge, on either side.

    >>> strip(32)
    2
    """
    return max(1, points // 16)


def at_the_edges(patch: Patch, psi: np.ndarray) -> list[tuple[float, float]]:
    """Probability in the strips at the low and the high end of each axis; zero where the window is the whole box."""
    out = []
    for axis, halved in enumerate(patch.halvings):
        line = along(psi, axis)
        width = strip(len(line))
        out.append((float(line[:width].sum()), float(line[-width:].sum())) if halved else (0.0, 0.0))
    return out


def _put(values: tuple[int, ...], place: int, value: int) -> tuple[int, ...]:
    return (*values[:place], value, *values[place + 1 :])
