"""The lowest energies and waves of a matrix-free operator: LOBPCG, dense up to 512 points.

A module of its own beside `hamiltonians`: it needs nothing of an operator but its action and bounds.
"""

from __future__ import annotations

import math
import warnings
from typing import Protocol

import numpy as np

from ..base.errors import MethodError, check_memory, integer
from .domains import Domain
from .locally_optimal import lobpcg
from .wells import Well, lowest_levels

_DENSE = 512  # up to this many points dense diagonalisation is safer than an iteration, and fast
_GUARDS = 2  # vectors beyond the wanted ones, that make the last of these converge
_MOST = 1200  # iterations where no preconditioner is known
_ROUNDING = 8 * np.finfo(float).eps  # of the largest energy: no residual falls below


class ResidualWarning(UserWarning):
    """The iteration for the lowest levels has not reached its goal; the residual is in the message."""


class Operator(Protocol):
    """What is needed of a Hamiltonian."""

    @property
    def domain(self) -> Domain:
        """The space of its waves."""

    def apply(self, psi: np.ndarray, t: float = 0.0) -> np.ndarray:
        """``H(t) psi``."""

    def bounds(self, t: float = 0.0) -> tuple[float, float]:
        """A lower and an upper bound of the spectrum."""


def dense(h: Operator, t: float) -> np.ndarray:
    """The matrix of an operator, column by column, made Hermitian to round-off."""
    size = h.domain.size
    check_memory(48 * size * size, f"A dense matrix on {h.domain.num_qubits} qubits")
    columns = np.empty((size, size), dtype=complex)
    unit = np.zeros(size, dtype=complex)
    for j in range(size):
        unit[j] = 1.0
        columns[:, j] = h.apply(unit.reshape(h.domain.shape), t).reshape(-1)
        unit[j] = 0.0
    return 0.5 * (columns + columns.conj().T)


def lowest(h: Operator, count: int, t: float, tol: float, well: Well | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The lowest ``count`` energies, ascending, and their waves, shape ``(count, *domain.shape)``.

    Args:
        well: the operator at time ``t``, where it is of this kind: with a preconditioner, and coarser grids to begin on.

    Warns:
        ResidualWarning: a residual ``||H psi - E psi||`` has stayed above a hundred times the goal, ``tol`` times the size of the lowest
            bound of the spectrum (at least the quantum of a well that fills the box), or rounding where that is more.
    """
    size, shape = h.domain.size, h.domain.shape
    integer(count, "count", 1, size, MethodError)
    if size <= _DENSE or 5 * count > size:
        energies, vectors = np.linalg.eigh(dense(h, t) if well is None else _checked_matrix(well))
        return energies[:count], _signed(vectors[:, :count].T, shape)
    check_memory(10 * 16 * (count + 2) * size, f"A search for {count} lowest states among {size:,} dimensions")
    low, high = h.bounds(t)
    goal = max(tol * max(_spacing(well), abs(low)), _ROUNDING * max(abs(low), abs(high)))
    if well is not None:
        levels = lowest_levels(well, count + _GUARDS, count, goal)
    else:
        levels = lobpcg(lambda rows: _each(h, rows, t), _random(size, count + _GUARDS), count, goal, _same, _MOST)
    _say(float(levels.residuals[:count].max()), goal)
    return levels.energies[:count], _signed(levels.waves[:count], shape)


def _checked_matrix(well: Well) -> np.ndarray:
    size = well.domain.size
    check_memory(48 * size * size, f"A dense matrix on {well.domain.num_qubits} qubits")
    return well.matrix()


def _spacing(well: Well | None) -> float:
    """About the lowest energy difference of a well: the quantum of a harmonic one that fills the box, in units of its own."""
    if well is None:
        return 0.0
    kinetic = well.kinetic - well.kinetic.min()
    least = float(np.min(kinetic, where=kinetic > 0, initial=float(kinetic.max())))
    return math.sqrt(least * float(np.ptp(well.potential)))


def _each(h: Operator, rows: np.ndarray, t: float) -> np.ndarray:
    return np.stack([h.apply(row.reshape(h.domain.shape), t).reshape(-1) for row in rows])


def _same(rows: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """No preconditioner is known."""
    return rows


def _random(size: int, count: int) -> np.ndarray:
    """No symmetry that could hide a state."""
    return np.random.default_rng(20).standard_normal((count, size)) + 0j


def _say(residual: float, goal: float) -> None:
    if residual > 100 * goal:
        warnings.warn(
            f"The search for the lowest levels ended with ||H psi - E psi|| = {residual:.2g} (goal {goal:.2g}).",
            ResidualWarning,
            stacklevel=4,
        )


def lowest_points(zeta: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Without a kinetic part the lowest waves are the lowest points."""
    integer(count, "count", 1, zeta.size, MethodError)
    points = np.argsort(zeta, axis=None, kind="stable")[:count]
    waves = np.zeros((count, zeta.size))
    waves[np.arange(count), points] = 1.0
    return zeta.reshape(-1)[points], waves.reshape(count, *zeta.shape)


def _signed(vectors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Rows with their largest entry made positive and real."""
    peak = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    out = vectors * (np.abs(peak) / peak)[:, None]
    if np.abs(out.imag).max() < 1e-10:
        out = out.real
    result: np.ndarray = out.reshape(-1, *shape)
    return result
