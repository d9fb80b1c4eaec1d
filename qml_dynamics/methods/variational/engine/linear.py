"""The linear system of a step, ``A theta' = b``, with A positive semi-definite and often close to singular."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ....base.options import handed
from ..options import Cutoff

Solver = Callable[[np.ndarray, np.ndarray], np.ndarray]
_SINGULAR = 1e-13  # beyond this condition the factorisation is noise
_RANK = 1e-10  # eigenvalues and pivots below this share of the largest count as zero
LEAST = 1e-6  # of the mean diagonal of A: the Tikhonov term where the ansatz misses nothing,
MOST = 3e-4  # and where it misses at least
MISSES = 0.05  # of the velocity


@dataclass(frozen=True, eq=False)
class Solution:
    """``theta'`` and what the system was like.

    Attributes:
        velocity: ``theta'``, shape ``(p,)``.
        rank: numerical rank of A at 1e-10 of its largest entry.
        condition: condition number (1-norm estimate; 2-norm with a cutoff) of the matrix that was inverted.
        regularisation: what was added to the diagonal, or the smallest eigenvalue that was kept.
    """

    velocity: np.ndarray
    rank: int
    condition: float
    regularisation: float


def solve(
    metric: np.ndarray, force: np.ndarray, regularisation: float | Cutoff | Solver | None, variance: float = 0.0
) -> Solution:
    """Solve with a Tikhonov term ``(A + eps I) x = b``, with a spectral cutoff, or with the given solver.

    With None the Tikhonov term follows from what the ansatz misses: ``eps = mean(diag A) max(LEAST, MOST min(1, r / (MISSES sigma)))``
    with ``sigma^2`` the ``variance`` and r the residual at ``eps = LEAST mean(diag A)``. Derivatives of ``theta'`` contain
    ``(A + eps)^-1`` times r times the second derivatives of the wave: where r is large, a small eps makes the path depend on
    rounding; where the ansatz holds the velocity, a large one would only make it miss.

    >>> solve(np.diag([1.0, 0.0]), np.array([2.0, 0.0]), 1e-6).velocity.round(4).tolist()
    [2.0, 0.0]
    """
    if not len(force):
        return Solution(force, 0, 1.0, 0.0)
    if isinstance(regularisation, Cutoff):
        return _truncated(metric, force, regularisation.rcond)
    if regularisation is None:
        return _tikhonov(metric, force, _automatic(metric, force, variance))
    if callable(regularisation):
        return Solution(np.asarray(handed(regularisation, metric, force), dtype=float), *_facts(metric, 0.0))
    return _tikhonov(metric, force, float(regularisation))


def _automatic(metric: np.ndarray, force: np.ndarray, variance: float) -> float:
    """The Tikhonov term of :func:`solve` with None."""
    from scipy.linalg import lapack

    scale = float(np.trace(metric)) / len(force)
    matrix = np.array(metric, order="F")
    matrix[np.diag_indices_from(matrix)] += LEAST * scale
    _, x, info = lapack.dposv(matrix, force, lower=1)
    square = float(x @ metric @ x - 2 * force @ x) + variance
    if info != 0 or variance <= 0 or not np.isfinite(square):
        return MOST * scale
    missed = np.sqrt(max(square, 0.0) / variance)
    out: float = scale * max(LEAST, MOST * min(1.0, missed / MISSES))
    return out


def _tikhonov(metric: np.ndarray, force: np.ndarray, epsilon: float) -> Solution:
    from scipy.linalg import lapack

    matrix = np.array(metric, order="F")
    matrix[np.diag_indices_from(matrix)] += epsilon
    norm = float(np.abs(matrix).sum(axis=0).max())
    factor, velocity, info = lapack.dposv(matrix, force, lower=1)
    if info != 0 or not np.all(np.isfinite(velocity)):
        return _truncated(metric, force, 1e-12)  # not positive definite in double precision
    inverse_condition, _ = lapack.dpocon(factor, norm, uplo="L")
    if inverse_condition < _SINGULAR:
        return _truncated(metric, force, 1e-12)
    condition = 1.0 / inverse_condition if inverse_condition > 0 else np.inf
    return Solution(velocity, _rank(metric), condition, epsilon)


def _truncated(metric: np.ndarray, force: np.ndarray, rcond: float) -> Solution:
    values, vectors = np.linalg.eigh(metric)
    top = float(values[-1])
    if top <= 0:
        return Solution(np.zeros_like(force), 0, np.inf, 0.0)
    kept = values > rcond * top
    inverse = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
    smallest = float(values[kept][0])
    rank = int((values > _RANK * top).sum())
    return Solution(vectors @ (inverse * (vectors.T @ force)), rank, top / smallest, smallest)


def _facts(metric: np.ndarray, epsilon: float) -> tuple[int, float, float]:
    values = np.linalg.eigvalsh(metric)
    top, low = float(values[-1]), float(values[0])
    rank = int((values > _RANK * top).sum()) if top > 0 else 0
    return rank, top / low if low > 0 else np.inf, epsilon


def _rank(metric: np.ndarray) -> int:
    """By Cholesky factorisation with pivots: a fortieth of the time of the eigenvalues."""
    from scipy.linalg import lapack

    top = float(np.diag(metric).max())
    if top <= 0:
        return 0
    return int(lapack.dpstrf(metric, lower=1, tol=_RANK * top)[2])
