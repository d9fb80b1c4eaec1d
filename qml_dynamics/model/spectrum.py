"""The lowest energies and waves of a matrix-free operator: LOBPCG, dense below 512 points.

A module of its own beside `hamiltonians`: it needs nothing of an operator but its action and bounds.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..base.errors import MethodError, check_memory, integer
from .domains import Domain

_RESTARTS = 6
_DENSE = 512  # below this many points dense diagonalisation is faster and safer than an iteration

Act = Callable[[np.ndarray], np.ndarray]


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


def lowest(
    h: Operator,
    count: int,
    t: float,
    tol: float,
    precondition: Act | None = None,
    envelope: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The lowest ``count`` energies, ascending, and their waves, shape ``(count, *domain.shape)``.

    Args:
        precondition: an approximate inverse of H.
        envelope: where the lowest waves are large, shape ``domain.shape``, for the start.
    """
    size, shape = h.domain.size, h.domain.shape
    integer(count, "count", 1, size, MethodError)
    if size <= _DENSE or 5 * count > size:
        energies, vectors = np.linalg.eigh(dense(h, t))
        return energies[:count], _signed(vectors[:, :count].T, shape)
    check_memory(6 * 16 * (count + 2) * size, f"A search for {count} lowest states among {size:,} dimensions")
    from scipy.sparse.linalg import lobpcg

    op = _blockwise(lambda wave: h.apply(wave, t), shape)
    pre = None if precondition is None else _blockwise(precondition, shape)
    start = _start_block(h, count + 2, envelope)  # guard vectors make the last wanted one converge
    goal = tol * max(1.0, abs(h.bounds(t)[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # LOBPCG warns when guard vectors lag behind
        for _ in range(_RESTARTS):  # it may stagnate on round-off; fresh directions from its own answer mend that
            energies, vectors = lobpcg(op, start, M=pre, largest=False, tol=goal, maxiter=200)
            order = np.argsort(energies)
            energies, start = energies[order], np.linalg.qr(vectors[:, order])[0]
            wanted = start[:, :count]
            miss = float(np.linalg.norm(op @ wanted - wanted * energies[:count], axis=0).max())
            if miss <= 100 * goal:
                break
    return energies[:count], _signed(start[:, :count].T, shape)


def _blockwise(act: Act, shape: tuple[int, ...]) -> Any:
    """An action on one wave as a linear operator on blocks of columns."""
    from scipy.sparse.linalg import LinearOperator

    size = int(np.prod(shape))

    def each(block: np.ndarray) -> np.ndarray:
        """The action on every column of a block."""
        columns = block.reshape(size, -1).T
        return np.stack([act(c.reshape(shape)).reshape(-1) for c in columns], axis=1)

    return LinearOperator((size, size), matvec=each, matmat=each, dtype=complex)


def lowest_points(zeta: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Without a kinetic part the lowest waves are the lowest points."""
    integer(count, "count", 1, zeta.size, MethodError)
    points = np.argsort(zeta, axis=None, kind="stable")[:count]
    waves = np.zeros((count, zeta.size))
    waves[np.arange(count), points] = 1.0
    return zeta.reshape(-1)[points], waves.reshape(count, *zeta.shape)


def _start_block(h: Operator, block: int, envelope: np.ndarray | None) -> np.ndarray:
    """Smooth random waves: low energy, and no symmetry that could hide a state."""
    rng = np.random.default_rng(20)
    start = rng.standard_normal((h.domain.size, block)) + 0j
    if envelope is not None:
        start = envelope.reshape(-1, 1) * (1.0 + 0.3 * start)
    return np.linalg.qr(start)[0]


def _signed(vectors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Rows with their largest entry made positive and real."""
    peak = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    out = vectors * (np.abs(peak) / peak)[:, None]
    if np.abs(out.imag).max() < 1e-10:
        out = out.real
    result: np.ndarray = out.reshape(-1, *shape)
    return result
