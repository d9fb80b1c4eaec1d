"""Iterative learning as limits of the equation: restarts with the loss cut off at order 1 or 2, beside gradient descent and Newton.

A restart puts a point mass at the current weights, evolves for a time tau and takes the mean (population reading).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.arguments import checks_arguments
from ..base.errors import integer, real, require
from ..base.interrupts import whole
from ..base.numeric import Array
from ..base.printing import printed_briefly
from ..methods.evolution import evolve
from ..methods.split_step import SplitStep
from ..model.domains import Grid
from ..model.initial import PointMass
from ..model.objectives.base import Objective
from ..model.problem import Problem
from ..model.schedules import is_constant
from ..model.taylor_polynomials import expansion, hessian, taylor_step


@printed_briefly
@dataclass(frozen=True, eq=False)
class IterativeLearning:
    """Paths over the weights, each of shape ``(steps + 1, ndim)``.

    Attributes:
        problem: what is learnt.
        tau, long: the time of a restart of order 1 and of the equation, and the long one of order 2.
        learning_rate: ``D tau^2``, of the loss times the strength.
        gradient_descent, newton: the plain rules for the same.
        order1, order2, order2_long: restarts with the loss cut off.
        equation: restarts with the loss itself.
    """

    problem: Problem
    tau: float
    long: float
    learning_rate: float
    gradient_descent: np.ndarray
    newton: np.ndarray
    order1: np.ndarray
    order2: np.ndarray
    order2_long: np.ndarray
    equation: np.ndarray

    def losses(self, name: str) -> np.ndarray:
        """The loss along one of the paths."""
        assert self.problem.objective is not None
        return self.problem.objective(getattr(self, name))


@checks_arguments
def iterative_learning(
    problem: Problem, start: Array, tau: float, restarts: int, long: float = 50.0
) -> IterativeLearning:
    """All of them from one point.

    Args:
        problem: on a grid, with a loss that is known between its points, and a constant diffusion.
        start: the point, one number an axis.
        tau: of order 1, of the equation, and of the shorter of two runs of order 2.
        restarts: how many.
        long: of the run of order 2 that comes near Newton's method.

    Raises:
        ProblemError: as :func:`taylor_path` and :func:`equation_path`; a diffusion or strength that depends on time.

    >>> from qml_dynamics import Grid, Problem
    >>> bowl = Problem(Grid((-6, 6), 6), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="imaginary", duration=1.0)
    >>> paths = iterative_learning(bowl, 1.0, 1.0, 2)
    >>> paths.gradient_descent.ravel().tolist(), paths.order1.ravel().round(6).tolist()
    ([1.0, 0.5, 0.25], [1.0, 0.5, 0.25])
    """
    still = is_constant(problem.diffusion, problem.strength)
    require(still, "problem", "have a constant diffusion and strength: each restart begins at time 0", "driven")
    first = taylor_path(problem, start, 1, tau, restarts)
    rate = taylor_step(problem, first[0], 1, tau).learning_rate
    loss = problem.objective
    assert loss is not None  # the lines above refuse others
    assert isinstance(problem.domain, Grid)
    spacing = problem.domain.spacing
    return IterativeLearning(
        problem,
        tau,
        long,
        rate,
        gradient_descent(loss, first[0], rate * problem.strength.value(0.0, tau), restarts, spacing),
        newton(loss, first[0], restarts, spacing),
        first,
        taylor_path(problem, start, 2, tau, restarts),
        taylor_path(problem, start, 2, long, restarts),
        equation_path(problem, start, tau, restarts),
    )


def gradient_descent(
    loss: Objective, start: Array, rate: float, steps: int, spacing: Sequence[float] | None = None
) -> np.ndarray:
    """``w -= rate grad``, shape ``(steps + 1, ndim)``; ``spacing`` as for :meth:`Objective.gradient`.

    >>> gradient_descent(Objective(lambda w: w[:, 0] ** 2), [1.0], 0.25, 2).round(9).tolist()
    [[1.0], [0.5], [0.25]]
    """
    path = [np.asarray(start, dtype=float)]
    for _ in range(steps):
        path.append(path[-1] - rate * loss.gradient(path[-1][None], spacing)[0])
    return np.array(path)


def newton(loss: Objective, start: Array, steps: int, spacing: Sequence[float] | None = None) -> np.ndarray:
    """``w -= K^-1 grad`` with the Hessian K, shape ``(steps + 1, ndim)``; ``spacing`` as for :meth:`Objective.gradient`."""
    path = [np.asarray(start, dtype=float)]
    for _ in range(steps):
        slope = loss.gradient(path[-1][None], spacing)[0]
        path.append(path[-1] - np.linalg.solve(hessian(loss, path[-1], spacing), slope))
    return np.array(path)


def taylor_path(problem: Problem, start: Array, order: int, tau: float, restarts: int) -> np.ndarray:
    """Iterative learning: the means after each of some restarts, shape ``(restarts + 1, ndim)``.

    Order 1 is gradient descent with the learning rate ``D tau^2``; order 2 is Newton's method, damped by ``1 - 1 / cosh(w tau)`` along
    each direction of the Hessian, and tends to it with tau.

    Args:
        problem, order, tau: as for :func:`taylor_step`.
        start: the first point.
        restarts: how many.

    >>> from qml_dynamics import Grid, Problem
    >>> bowl = Problem(Grid((-2, 2), 4), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="imaginary", duration=1.0)
    >>> taylor_path(bowl, 1.0, 1, 1.0, 2).ravel().round(6).tolist()
    [1.0, 0.5, 0.25]
    """
    count = integer(restarts, "restarts", 0, 10**6)
    path = [expansion(problem, start, 0)[0]]
    for _ in range(count):
        path.append(taylor_step(problem, path[-1], order, tau).mean)
    return np.array(path)


def equation_path(problem: Problem, start: Array, tau: float, restarts: int, steps: int = 40) -> np.ndarray:
    """The same with the loss itself instead of its Taylor polynomial: ``steps`` steps of order 4 of the split-operator method.

    Each restart moves the box by less than a spacing, so that a grid point lies at the current mean; the mean is that of psi itself
    (population reading).

    Raises:
        ProblemError: as :func:`taylor_step`, or a mean has left the box.
    """
    count = integer(restarts, "restarts", 0, 10**6)
    tau = real(tau, "tau", positive=True)
    path = [expansion(problem, start, 0)[0]]
    grid = problem.domain
    assert isinstance(grid, Grid)
    for _ in range(count):
        here = path[-1]
        inside = all(low <= w < high for w, (low, high) in zip(here, grid.bounds))
        require(inside, "start", "stay within the box over all restarts", here.tolist())
        near = [axis[np.abs(axis - w).argmin()] for axis, w in zip(grid.axes, here)]
        bounds = [(low + w - x, high + w - x) for (low, high), w, x in zip(grid.bounds, here, near)]
        moved = grid.resized(bounds, grid.shape)
        once = problem.replace(domain=moved, initial=PointMass(here.tolist()), clock="imaginary", duration=tau)
        run = whole(evolve(once, SplitStep(steps, order=4), save=[tau], progress=False))
        wave = run.states[-1].real  # type: ignore[index]
        path.append(np.array([float(moved.points[:, i] @ wave.reshape(-1) / wave.sum()) for i in range(grid.ndim)]))
    return np.array(path)
