"""Large waves in single precision, in memory or in a file, read in blocks: samples, marginals, means and overlaps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..base.archive import Unreadable, checked
from ..base.arguments import checks_arguments
from ..base.errors import MethodError, check_memory, describe, integer, require
from ..model.domains import Domain, Grid, flat_indices
from ..model.objectives.base import Objective
from ..results.compact import CompactState, marginal_qubits
from ..results.sampling import drawable, merged_counts
from ..results.trajectory import Counts

BLOCK = 1 << 17  # points that are worked on together
_UNIT = 2e-4  # by which the square of the norm of a stored wave may be off


def blocks(size: int) -> Iterator[slice]:
    """Runs of flat indices."""
    for start in range(0, size, BLOCK):
        yield slice(start, min(start + BLOCK, size))


def square(wave: np.ndarray) -> float:
    """``sum |psi|^2`` of a flat wave, added up in double precision."""
    total = 0.0
    for place in blocks(wave.size):
        parts = wave[place].view(np.float32).astype(np.float64)
        total += float(parts @ parts)
    return total


@dataclass(frozen=True, eq=False)
class LargeWave:
    """A wave of unit norm in single precision, in memory or in a file, which is read in blocks (a :class:`CompactState`).

    Attributes:
        grid: its points.
        amplitudes: ``complex64``, flat; a memory map of the file where it is in one.
        home: the folder of the file, which goes with the last wave that is in it.
    """

    grid: Grid
    amplitudes: np.ndarray
    home: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    def parts(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """What a file holds of it."""
        return {}, {"amplitudes": self.amplitudes}

    @classmethod
    def from_parts(cls, domain: Domain, said: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> LargeWave:
        """The wave of :meth:`parts`; ``ValueError`` where they are none on this grid."""
        wave = checked(arrays, "amplitudes", "c", (domain.size,), bounded=False)  # its norm is finite only where it is
        if not isinstance(domain, Grid) or wave.dtype != np.complex64:
            raise Unreadable("a large wave must be on a grid and in single precision, but is not")
        with np.errstate(all="ignore"):
            total = square(wave)
        if not abs(total - 1) <= _UNIT:
            raise Unreadable(f"a wave must have norm 1, but the square of it is {total:.6g}")
        return cls(domain, wave)

    @property
    def bond(self) -> int:
        """The largest rank that a wave on so many qubits has."""
        return int(1 << self.grid.num_qubits // 2)

    def _weights(self, place: slice) -> np.ndarray:
        return np.abs(self.amplitudes[place].astype(np.complex128)) ** 2

    @checks_arguments
    def sample(self, shots: int, seed: int) -> Counts:
        """Exact samples of ``|psi|^2``: flat indices of the grid; raises :class:`MethodError` unless 1 to 10^7."""
        shots = integer(shots, "shots", 1, 10**7, MethodError)
        rng = np.random.default_rng(seed)
        places = list(blocks(self.grid.size))
        share = np.array([self._weights(place).sum() for place in places])
        many = rng.multinomial(shots, drawable(share))
        found = []
        for place, count in zip(places, many):
            if count:
                weights = self._weights(place)
                found.append(place.start + rng.choice(len(weights), count, p=weights / weights.sum()))
        index = np.concatenate(found)
        return merged_counts(index, np.ones(len(index), dtype=np.int64))

    @checks_arguments
    def marginal(self, axis: int, qubits: int | None = None) -> np.ndarray:
        """Probabilities of the ``2**qubits`` equal parts of an axis (None: 256, or all of its points), in its order.

        Raises:
            MethodError: there is no such axis, or it has fewer qubits.
        """
        axis = integer(axis, "axis", 0, self.grid.ndim - 1, MethodError)
        parts = 1 << marginal_qubits(qubits, self.grid.qubits[axis])
        out = np.zeros(parts)
        for place in blocks(self.grid.size):
            where = np.unravel_index(np.arange(place.start, place.stop), self.grid.shape)[axis]
            out += np.bincount(where * parts // self.grid.shape[axis], self._weights(place), parts)
        out /= out.sum()
        return out

    def expectation(self, function: Callable[[np.ndarray], np.ndarray]) -> float:
        """Mean of a function of weights ``(m, ndim) -> (m,)``; raises :class:`ProblemError` unless it gives finite reals."""
        return self.average(Objective(function, "function"))

    def average(self, function: Objective) -> float:
        """The same of a function that checks its values."""
        total = norm = 0.0
        for place in blocks(self.grid.size):
            weights = self._weights(place)
            total += float(weights @ function(self.grid.points_at(np.arange(place.start, place.stop))))
            norm += float(weights.sum())
        return total / norm

    def overlap(self, other: CompactState) -> complex:
        """``<self|other>``, of two waves on the same grid."""
        same = isinstance(other, LargeWave) and other.grid == self.grid
        require(same, "other", "be a large wave on the same grid", describe(other), MethodError)
        assert isinstance(other, LargeWave)
        total = 0.0 + 0.0j
        for place in blocks(self.grid.size):
            total += complex(np.vdot(*(each.amplitudes[place].astype(np.complex128) for each in (self, other))))
        return total

    def at(self, index: np.ndarray) -> np.ndarray:
        """The amplitudes at flat indices of the grid; raises :class:`ProblemError` where there is no such point."""
        return np.asarray(self.amplitudes[flat_indices(index, self.grid.size)], dtype=np.complex128)

    def to_dense(self) -> np.ndarray:
        """The amplitudes in double precision, shape ``domain.shape``."""
        check_memory(16 * self.grid.size, f"A wave on {self.grid.num_qubits} qubits")
        wave: np.ndarray = self.amplitudes.astype(np.complex128)
        return wave.reshape(self.grid.shape)
