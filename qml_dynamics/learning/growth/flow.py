"""Reversible regularisation: the flow towards orthogonal layers, its closed form, the polar split, and a wave over singular values.

``R(W) = |W^T W - 1|_F^2`` with ``grad R = 4 W (W^T W - 1)`` acts on the singular values alone. Derived here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, describe, real, require
from ...base.numeric import Array, as_numbers
from ...base.printing import printed_briefly
from ...model.domains import Grid
from ...model.initial import Gaussian
from ...model.objectives.base import Objective
from ...model.problem import Problem
from ...model.schedules import Schedule
from ...results.trajectory import Trajectory
from .arrays import layers


@printed_briefly
class Polar(NamedTuple):
    """``W = unitary @ positive``."""

    unitary: np.ndarray
    positive: np.ndarray


@checks_arguments
def orthogonality(W: Array) -> float:
    """``R(W) = |W^T W - 1|_F^2``: 0 exactly for layers with orthonormal columns.

    A layer with fewer outputs than inputs has none: its R is ``in - out`` at least.

    Raises:
        ProblemError: not one finite matrix.

    >>> orthogonality([[2.0, 0.0], [0.0, 1.0]])
    9.0
    """
    w = one_matrix(W)
    return float((np.abs(w.conj().T @ w - np.eye(w.shape[1])) ** 2).sum())


@checks_arguments
def orthogonality_gradient(W: Array) -> np.ndarray:
    """``grad R = 4 W (W^T W - 1)``, shape of ``W``.

    >>> orthogonality_gradient([[2.0, 0.0], [0.0, 1.0]]).tolist()
    [[24.0, 0.0], [0.0, 0.0]]
    """
    w = one_matrix(W)
    out: np.ndarray = 4 * w @ (w.conj().T @ w - np.eye(w.shape[1]))
    return out


@checks_arguments
def flow_values(sigma: Array, time: float) -> np.ndarray:
    """Singular values after the flow: ``sigma(s)^2 = 1 / (1 + (1 / sigma_0^2 - 1) exp(-8 s))``; a zero stays zero.

    Raises:
        ProblemError: values that are negative or not finite, or a time that is.

    >>> flow_values([0.3, 1.7], 0.5)
    array([0.918556, 1.006043])
    """
    s = real(time, "time", nonnegative=True)
    try:
        start = as_numbers(sigma)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError(f"Argument `sigma` must be numbers, but is {describe(sigma)}.") from None
    ok = bool(np.isfinite(start).all() and (start >= 0).all())
    require(ok, "sigma", "be finite numbers that are not negative", sigma)
    # sigma / sqrt(sigma^2 (1 - e^-8s) + e^-8s), without a square that leaves the range of floats
    below = np.hypot(start * np.sqrt(-np.expm1(-8 * s)), np.exp(-4 * s))
    out: np.ndarray = np.divide(start, below, out=np.zeros_like(start), where=start > 0)
    return out


@checks_arguments
def orthogonality_flow(W: Array, time: float) -> np.ndarray:
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
    out: np.ndarray = (u * flow_values(sigma, time)) @ vt
    return out


@checks_arguments
def polar(W: Array) -> Polar:
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


def one_matrix(W: Array) -> np.ndarray:
    """``W`` as one array; raises :class:`ProblemError` for none or several."""
    given = layers(W if hasattr(W, "__array__") else [W], "W", complex_too=True)
    require(len(given) == 1, "W", "be one matrix", f"of {len(given)} matrices")
    return given[0]


@checks_arguments
def orthogonality_problem(
    W: Array,
    *,
    qubits: int = 5,
    diffusion: Schedule | float = 0.01,
    clock: str = "imaginary",
    duration: float = 10.0,
    width: float = 0.15,
    reach: float | None = None,
) -> Problem:
    """``zeta(sigma) = sum_i (sigma_i^2 - 1)^2`` over the singular values of ``W``, started at those that it has.

    One coordinate a singular value, on the periodic box ``[-reach, reach)``: a singular value and its negative make equally good
    layers (a reflection apart). On the imaginary clock the mean moves by ``d <sigma> / d tau = -2 Cov(sigma, zeta)``: downhill,
    with the variance of the wave itself as step, unlike the classical flow ``-4 sigma (sigma^2 - 1)``; it ends in the ground
    state, whose mean ``|sigma|`` is a little below 1 (0.96 at the diffusion 0.01), on the flatter side of the well. And where the
    flow leaves a singular value of zero at zero, the wave spreads into both wells. Run it by any method; read the layer with
    :func:`learned_layer`.

    Args:
        W: a layer, any shape; its ``min(out, in)`` singular values are the coordinates.
        qubits: a singular value.
        diffusion, clock, duration: of the :class:`Problem`.
        width: standard deviation of the wave at the start.
        reach: half of the box; three widths beyond the largest singular value, and 2 at least, when None.

    Raises:
        ProblemError: not a finite matrix, a box that the singular values do not fit into, or ``qubits`` that no grid has.

    >>> problem = orthogonality_problem([[2.0, 0.0], [0.0, 0.5]])
    >>> problem.domain.num_qubits, problem.initial.center
    (10, (2.0, 0.5))
    """
    w = one_matrix(W)
    sigma = np.linalg.svd(w, compute_uv=False)
    spread = real(width, "width", positive=True)
    least = float(sigma[0]) + 3 * spread
    half = max(2.0, least) if reach is None else real(reach, "reach", positive=True)
    require(half >= least, "reach", f"be at least {least:.4g}, three widths beyond the largest singular value", reach)
    box = Grid([(-half, half)] * len(sigma), qubits)
    start = Gaussian(tuple(map(float, sigma)), spread)
    return Problem(box, singular_value_loss(), diffusion, clock=clock, duration=duration, initial=start)


@checks_arguments
def learned_layer(W: Array, run: Trajectory, index: int = -1) -> np.ndarray:
    """``W`` with its singular values replaced by the mean ``|sigma_i|`` of a run at one saved time; its singular vectors stay.

    Args:
        W: the layer that :func:`orthogonality_problem` was made for.
        run: the result of that problem, by any method.
        index: which saved time.

    Raises:
        ProblemError: a run of another problem, or a time that it did not save.

    >>> from qml_dynamics import SplitStep, evolve
    >>> w = np.array([[1.5, 0.0], [0.0, 0.6]])
    >>> run = evolve(orthogonality_problem(w), SplitStep(200))
    >>> learned_layer(w, run).diagonal().round(1).tolist()
    [1.0, 1.0]
    """
    w = one_matrix(W)
    u, sigma, vt = np.linalg.svd(w, full_matrices=False)
    require(isinstance(run, Trajectory), "run", "be a Trajectory", run)
    box = run.problem.domain
    fits = isinstance(box, Grid) and box.ndim == len(sigma) and run.problem.objective is not None
    require(fits, "run", f"be of a problem over {len(sigma)} singular values", f"of {box.ndim} weights")
    assert isinstance(box, Grid)
    if not -len(run.density) <= index < len(run.density):
        raise ProblemError(f"Argument `index` must be one of {len(run.density)} saved times, but is {index}.")
    density = run.density[index]
    means = []
    for axis, points in enumerate(box.axes):
        others = tuple(a for a in range(box.ndim) if a != axis)
        means.append(float(np.abs(points) @ density.sum(axis=others)))
    out: np.ndarray = (u * np.array(means)) @ vt
    return out
