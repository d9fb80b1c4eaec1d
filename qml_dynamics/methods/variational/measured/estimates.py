"""Measured metric and force with their covariance, and the regularised solve with its error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..engine.linear import Solution, Solver, solve
from ..options import PLAIN, Cutoff

Spread = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Metric:
    """An unbiased estimate of ``A``.

    Attributes:
        value, stderr: shape ``(p, p)``.
        spread: the covariance of ``(A_measured - A) x`` for a given x, shape ``(p, p)``.
    """

    value: np.ndarray
    stderr: np.ndarray
    spread: Spread

    @property
    def noise(self) -> float:
        """How large the error of the metric is as a matrix: the largest norm of a row of standard errors.

        The expected spectral norm of a symmetric random matrix is of this size (Bandeira and van Handel, Ann. Probab. 44,
        2479, 2016).
        """
        return float(np.sqrt((self.stderr**2).sum(axis=1).max(initial=0.0)))


@dataclass(frozen=True, eq=False)
class Force:
    """An unbiased estimate of ``b``, shape ``(p,)``, and its covariance, shape ``(p, p)``."""

    value: np.ndarray
    covariance: np.ndarray


@dataclass(frozen=True, eq=False)
class Solved:
    """``theta'`` from measured numbers.

    Attributes:
        solution: the solve.
        inverse: the matrix M with ``theta' = M b``.
        misfit: covariance S of ``(A_measured - A) theta' - (b_measured - b)``.
        asked: the solve with the regularisation that was asked for, where the error of the metric has raised it.
    """

    solution: Solution
    inverse: np.ndarray
    misfit: np.ndarray
    asked: Solved | None = None

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of ``theta'`` to first order, ``M S M^T``."""
        out: np.ndarray = self.inverse @ self.misfit @ self.inverse.T
        return out


def solve_measured(metric: Metric, force: Force, regularisation: float | Cutoff | Solver | None) -> Solved:
    """Solve with a regularisation that is at least as large as the error of the metric.

    None stands for 1e-6. A Tikhonov term or a cutoff is raised to ``metric.noise`` where that is larger: eigenvalues below it
    are not known. The measured metric is first projected on positive semi-definite matrices. A solver of one's own gets the
    metric as it was measured.
    """
    regularisation = PLAIN if regularisation is None else regularisation
    own = callable(regularisation) and not isinstance(regularisation, Cutoff)
    a = metric.value if own else nearest_metric(metric.value)
    chosen = regularisation
    if isinstance(regularisation, Cutoff):
        top = float(np.linalg.eigvalsh(a)[-1]) if len(a) else 1.0
        chosen = Cutoff(min(0.99, max(regularisation.rcond, metric.noise / top if top > 0 else 0.0)))
    elif not own:
        chosen = max(float(regularisation), metric.noise)  # type: ignore[arg-type]
    asked = None if own or chosen == regularisation else _solved(a, metric, force, regularisation, None)
    return _solved(a, metric, force, chosen, asked)


def _solved(
    a: np.ndarray, metric: Metric, force: Force, chosen: float | Cutoff | Solver, asked: Solved | None
) -> Solved:
    solution = solve(a, force.value, chosen)
    inverse = np.array([solve(a, unit, chosen).velocity for unit in np.eye(len(a))]).T.reshape(a.shape)
    return Solved(solution, inverse, force.covariance + metric.spread(solution.velocity), asked)


def nearest_metric(a: np.ndarray) -> np.ndarray:
    """The nearest positive semi-definite matrix in the Frobenius norm.

    >>> nearest_metric(np.diag([1.0, -0.5])).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    if not len(a):
        return a
    values, vectors = np.linalg.eigh(0.5 * (a + a.T))
    if values[0] >= 0:
        out: np.ndarray = 0.5 * (a + a.T)
        return out
    out = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return out


@dataclass(frozen=True, eq=False)
class Residual:
    """McLachlan's residual of a ``theta'`` from measured numbers.

    Attributes:
        value: the best estimate.
        ansatz: the part of it that more shots could not remove: without the noise in ``theta'``, and with the regularisation that
            was asked for.
        upper: two standard errors above the estimate.
    """

    value: float
    ansatz: float
    upper: float


def residual(
    velocity: np.ndarray, metric: Metric, force: Force, variance: tuple[float, float], solved: Solved, share: float
) -> Residual:
    """``r^2 = theta' A theta' - 2 b theta' + Var H`` and its error.

    Args:
        velocity: ``theta'``.
        variance: of the energy, and the variance of this estimate.
        solved: the solve at this point.
        share: how much of ``velocity`` comes from the solve with these very numbers: 1 for their own solution, 0 for one that is
            independent of them. Their own solution fits their noise too, which lowers r^2 by ``2 tr(M S)`` on average; that is
            added back.
    """
    square, excess = _square(velocity, metric, force, solved, share)
    square += variance[0]
    least = square - excess
    if solved.asked is not None and share:
        free, _ = _square(solved.asked.solution.velocity, metric, force, solved.asked, 0.0)
        least = min(
            least, free + variance[0]
        )  # what is left even where the noise is fitted: more shots cannot remove it
    noise = float(velocity @ metric.spread(velocity) @ velocity + 4 * velocity @ force.covariance @ velocity)
    error = float(np.sqrt(max(noise + variance[1], 0.0)))
    known = max(square, 0.0)
    return Residual(float(np.sqrt(known)), float(np.sqrt(max(least, 0.0))), float(np.sqrt(known + 2 * error)))


def _square(velocity: np.ndarray, metric: Metric, force: Force, solved: Solved, share: float) -> tuple[float, float]:
    """``r^2 - Var H`` without bias, and how much of it the noise in ``theta'`` adds on average."""
    a = metric.value
    square = float(velocity @ a @ velocity - 2 * force.value @ velocity)
    square += 2 * share * float(np.trace(solved.inverse @ solved.misfit))
    return square, share**2 * float(np.trace(nearest_metric(a) @ solved.covariance))


def pulled_back(variances: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
    """Standard errors of ``J^T G J`` for a symmetric G with independent entries of these variances."""
    count, p = jacobian.shape
    squares = jacobian**2
    single = np.diag(np.diag(variances))
    crossed = variances - single
    total = squares.T @ variances @ squares
    pairs = (jacobian[:, :, None] * jacobian[:, None, :]).reshape(count, p * p)
    total += ((crossed @ pairs) * pairs).sum(axis=0).reshape(p, p)
    out: np.ndarray = np.sqrt(np.maximum(total, 0.0))
    return out


def independent_spread(variances: np.ndarray, jacobian: np.ndarray) -> Spread:
    """:attr:`Metric.spread` of ``J^T G J`` for a symmetric G with independent entries of these variances."""

    def spread(x: np.ndarray) -> np.ndarray:
        """The covariance of ``J^T G J x``."""
        y = jacobian @ x
        covariance = variances * np.multiply.outer(y, y)
        np.fill_diagonal(covariance, variances @ y**2)
        out: np.ndarray = jacobian.T @ covariance @ jacobian
        return out

    return spread
