"""Reversible regularisation: the flow towards orthogonal layers, its closed form, and the polar split.

``R(W) = |W^T W - 1|_F^2`` with ``grad R = 4 W (W^T W - 1)`` acts on the singular values alone. Derived here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...base.errors import ProblemError, describe, real, require
from ...model.objectives.base import Objective
from .arrays import layers


class Polar(NamedTuple):
    """``W = unitary @ positive``."""

    unitary: np.ndarray
    positive: np.ndarray


def orthogonality(W: Any) -> float:
    """``R(W) = |W^T W - 1|_F^2``: 0 exactly for layers with orthonormal columns.

    A layer with fewer outputs than inputs has none: its R is ``in - out`` at least.

    Raises:
        ProblemError: not one finite matrix.

    >>> orthogonality([[2.0, 0.0], [0.0, 1.0]])
    9.0
    """
    w = one_matrix(W)
    return float((np.abs(w.conj().T @ w - np.eye(w.shape[1])) ** 2).sum())


def orthogonality_gradient(W: Any) -> np.ndarray:
    """``grad R = 4 W (W^T W - 1)``, shape of ``W``.

    >>> orthogonality_gradient([[2.0, 0.0], [0.0, 1.0]]).tolist()
    [[24.0, 0.0], [0.0, 0.0]]
    """
    w = one_matrix(W)
    return 4 * w @ (w.conj().T @ w - np.eye(w.shape[1]))


def flow_values(sigma: Any, time: float) -> np.ndarray:
    """Singular values after the flow: ``sigma(s)^2 = 1 / (1 + (1 / sigma_0^2 - 1) exp(-8 s))``; a zero stays zero.

    Raises:
        ProblemError: values that are negative or not finite, or a time that is.

    >>> flow_values([0.3, 1.7], 0.5)
    array([0.918556, 1.006043])
    """
    s = real(time, "time", nonnegative=True)
    try:
        start = np.asarray(sigma, dtype=float)
    except (TypeError, ValueError):
        raise ProblemError(f"Argument `sigma` must be numbers, but is {describe(sigma)}.") from None
    ok = bool(np.isfinite(start).all() and (start >= 0).all())
    require(ok, "sigma", "be finite numbers that are not negative", sigma)
    # sigma / sqrt(sigma^2 (1 - e^-8s) + e^-8s), without a square that leaves the range of floats
    below = np.hypot(start * np.sqrt(-np.expm1(-8 * s)), np.exp(-4 * s))
    return np.divide(start, below, out=np.zeros_like(start), where=start > 0)


def orthogonality_flow(W: Any, time: float) -> np.ndarray:
    """Weights after time ``s`` of the gradient flow ``dW/ds = -4 W (W^T W - 1)``, in closed form.

    The singular vectors stay; the singular values follow :func:`flow_values`. A singular value of
    zero stays zero; on all others the flow is one to one: it is reversible. Along it ``d log vol / ds = -4 sum (sigma_i^2 - 1)``.

    Args:
        W: a matrix of any shape, real or complex (then ``W^T`` is the adjoint).
        time: not negative.

    Raises:
        ProblemError: not a finite matrix, or a time that is negative or not finite.

    >>> orthogonality_flow(np.diag([0.3, 1.7]), 0.5).diagonal()
    array([0.918556, 1.006043])
    """
    w = one_matrix(W)
    u, sigma, vt = np.linalg.svd(w, full_matrices=False)
    sigma[sigma <= np.finfo(float).eps * max(w.shape) * sigma[0]] = 0.0  # the flow would make round-off grow to 1
    return (u * flow_values(sigma, time)) @ vt


def polar(W: Any) -> Polar:
    """The polar split ``W = U P``: ``U`` is what a circuit runs as it is, ``P`` what has to be block-encoded.

    ``P = (W^T W)^(1/2)`` has shape ``(in, in)``; ``U`` has the shape of W and is an isometry (of the rows, where ``out < in``).
    Where W has not its full rank, U is one of many.

    Raises:
        ProblemError: not one finite matrix.

    >>> unitary, positive = polar([[0.0, -2.0], [1.0, 0.0]])
    >>> unitary.round(6).tolist(), positive.round(6).tolist()
    ([[0.0, -1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 2.0]])
    """
    u, sigma, vt = np.linalg.svd(one_matrix(W), full_matrices=False)
    return Polar(u @ vt, (vt.conj().T * sigma) @ vt)


def singular_value_loss() -> Objective:
    """The regulariser as a learning problem of its own: ``zeta(sigma) = sum_i (sigma_i^2 - 1)^2``, one weight a singular value.

    Its classical gradient flow is :func:`flow_values`; as an objective of a `Problem` it runs on a wave.

    >>> singular_value_loss()(np.array([[1.0, 1.0], [0.0, 2.0]]))
    array([ 0., 10.])
    """
    return Objective(
        lambda sigma: ((sigma**2 - 1) ** 2).sum(axis=1),
        "orthogonality",
        minimum=0.0,
        gradient_fn=lambda sigma: 4 * sigma * (sigma**2 - 1),
    )


def one_matrix(W: Any) -> np.ndarray:
    """``W`` as one array; raises :class:`ProblemError` for none or several."""
    given = layers(W if hasattr(W, "__array__") else [W], "W", complex_too=True)
    require(len(given) == 1, "W", "be one matrix", f"of {len(given)} matrices")
    return given[0]
