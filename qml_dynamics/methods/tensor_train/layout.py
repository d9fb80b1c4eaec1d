"""The order of a grid's qubits along a tensor train, and operators on one axis in that order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...model.domains import Domain, Grid
from .trains import Train, dense, reversed_order

LAYOUTS = ("mirrored", "sequential", "interleaved")


@dataclass(frozen=True)
class Layout:
    """The sites of a train over a grid.

    ``"mirrored"`` turns every other axis over, so that the high bits of the first two axes are neighbours: coordinates that belong
    together on the coarse scale are close, and no bond carries what only the fine bits know. ``"sequential"`` has the highest bit of
    each axis first; ``"interleaved"`` takes the highest bits of all axes, then the next.

    Attributes:
        grid: the grid.
        kind: one of the three.

    >>> Layout(Grid([(0, 1), (0, 1)], 2), "mirrored").sites
    ((0, 0), (0, 1), (1, 1), (1, 0))
    """

    grid: Grid
    kind: str = "mirrored"

    @cached_property
    def sites(self) -> tuple[tuple[int, int], ...]:
        """Axis and exponent of the bit at each site."""
        bits = self.grid.qubits
        if self.kind == "interleaved":
            tops = [(bits[a] - 1 - e, a, e) for a in range(len(bits)) for e in range(bits[a])]
            return tuple((a, e) for _, a, e in sorted(tops))
        turned = self.kind == "mirrored" and len(bits) > 1
        ups = [turned and axis % 2 == 0 for axis in range(len(bits))]
        return tuple((a, e if up else n - 1 - e) for a, (n, up) in enumerate(zip(bits, ups)) for e in range(n))

    @cached_property
    def ring(self) -> Layout:
        """The layout of the momenta: this one, or with walls that of the ring of twice the length, with one more qubit an axis."""
        if self.grid.boundary != "walls":
            return self
        bounds = [(a, 2 * b - a) for a, b in self.grid.bounds]
        return Layout(Grid(bounds, [q + 1 for q in self.grid.qubits]), self.kind)

    def places(self, axis: int) -> list[int]:
        """Sites of an axis, in the order of the train."""
        return [site for site, (a, _) in enumerate(self.sites) if a == axis]

    def high_first(self, axis: int) -> bool:
        """Whether the highest bit of an axis stands first."""
        return self.sites[self.places(axis)[0]][1] == self.grid.qubits[axis] - 1

    @property
    def contiguous(self) -> bool:
        """Whether the sites of each axis are neighbours."""
        return self.kind != "interleaved" or self.grid.ndim == 1

    def coordinates(self, bits: np.ndarray) -> np.ndarray:
        """Indices along each axis of these bits ``(m, sites)``, shape ``(m, ndim)``."""
        out = np.zeros((len(bits), self.grid.ndim), dtype=np.int64)
        for site, (axis, exponent) in enumerate(self.sites):
            out[:, axis] += bits[:, site].astype(np.int64) << exponent
        return out

    def index(self, bits: np.ndarray) -> np.ndarray:
        """Flat indices of these bits."""
        total = np.zeros(len(bits), dtype=np.int64)
        for axis, where in enumerate(self.coordinates(bits).T):
            total = (total << self.grid.qubits[axis]) + where
        return total

    def bits(self, index: np.ndarray) -> np.ndarray:
        """Bits of flat indices, shape ``(m, sites)``."""
        above = np.cumsum([0, *self.grid.qubits[::-1]])[::-1][1:]  # qubits below each axis
        shifts = [int(above[axis]) + exponent for axis, exponent in self.sites]
        found = (np.asarray(index, dtype=np.int64)[:, None] >> np.array(shifts)) & 1
        return np.asarray(found, dtype=np.int8)

    def points(self, bits: np.ndarray) -> np.ndarray:
        """Weights at these bits, shape ``(m, ndim)``."""
        return self.grid.points_at(self.index(bits))

    def table(self, flat: np.ndarray) -> np.ndarray:
        """All entries of a train, first site highest, as an array of the grid's shape."""
        order = [
            site
            for axis in range(self.grid.ndim)
            for site in sorted(self.places(axis), key=lambda s: -self.sites[s][1])
        ]
        return np.ascontiguousarray(flat.reshape((2,) * len(self.sites)).transpose(order)).reshape(self.grid.shape)

    def flat(self, table: np.ndarray) -> np.ndarray:
        """The entries of an array of the grid's shape in the order of the sites."""
        size = 1 << len(self.sites)
        return np.asarray(table.reshape(-1)[self.index(_all_bits(size, len(self.sites)))])

    def joined(self, parts: Sequence[Train]) -> list[Train]:
        """Operators or diagonals, one an axis and its highest bit first, on all sites: one product where axes are contiguous."""
        if self.contiguous:
            turned = [part if self.high_first(a) else reversed_order(part) for a, part in enumerate(parts)]
            return [[core for part in turned for core in part]]
        return [self._spread(axis, part) for axis, part in enumerate(parts)]

    def alone(self, axis: int, part: Train) -> Train:
        """One axis' operator or diagonal on all sites, the identity elsewhere."""
        return self._spread(axis, part if self.high_first(axis) else reversed_order(part))

    def _spread(self, axis: int, part: Train) -> Train:
        out, used = [], 0
        diagonal = part[0].ndim == 3
        for a, _ in self.sites:
            if a == axis:
                out.append(part[used])
                used += 1
                continue
            rank = part[used].shape[0] if used < len(part) else 1
            wire = np.eye(rank, dtype=complex)
            core = np.einsum("ab,o->aob", wire, np.ones(2)) if diagonal else np.einsum("ab,oi->aoib", wire, np.eye(2))
            out.append(core)
        return out


def _all_bits(size: int, sites: int) -> np.ndarray:
    return ((np.arange(size)[:, None] >> np.arange(sites - 1, -1, -1)) & 1).astype(np.int8)


def register_table(domain: Domain, train: Train) -> np.ndarray:
    """All entries of a train whose first core is that of qubit 0, in the order of a register."""
    table = dense(train).reshape((2,) * domain.num_qubits).transpose()
    return np.ascontiguousarray(table).reshape(domain.shape)
