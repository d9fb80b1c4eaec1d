"""The reversible regulariser as a learning problem of its own: a wave over the singular values of one layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.errors import ProblemError, real, require
from ...model.domains import Grid
from ...model.initial import Gaussian
from ...model.problem import Problem
from ...results.trajectory import Trajectory
from .flow import one_matrix, singular_value_loss


def orthogonality_problem(
    W: Any,
    *,
    qubits: int = 5,
    diffusion: Any = 0.01,
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


def learned_layer(W: Any, run: Trajectory, index: int = -1) -> np.ndarray:
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
    return (u * np.array(means)) @ vt
