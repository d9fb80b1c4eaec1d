"""Taylor polynomials of the loss and the wave under them in closed form: random search, gradient step, damped Newton step.

With zeta replaced by its Taylor polynomial the imaginary-time equation ``psi_tau = D psi'' - zeta psi`` from a point mass is
solved in closed form (population reading, variance ``2 D tau`` at first): order 0 spreads, order 1 moves by ``-D tau^2`` times the
gradient, order 2 contracts the distance to the Newton point by ``1 / cosh(w tau)``, ``w = sqrt(2 D k)``. Source: quantum dynamic
equation of learning, arXiv:2407.19890; the closed forms are derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..base.arguments import checks_arguments
from ..base.errors import ProblemError, integer, real, require
from ..base.printing import printed_briefly
from .domains import Grid
from .objectives.base import Objective
from .problem import Problem, need_waves
from .schedules import is_constant

_STEP = 2e-3  # of the differences of the gradient, relative to the size of the point
_OF_SPACING = 0.2  # the same, of the spacing of a grid


@checks_arguments
def taylor(problem: Problem, about: npt.ArrayLike, order: int) -> Problem:
    """The problem with zeta replaced by its Taylor polynomial around a point.

    ``c``, ``c + g . y`` or ``c + g . y + y . K y / 2`` with ``y = w - about``.

    Args:
        problem: on a grid, with an objective that is known between the grid's points.
        about: one number an axis (one number for all of them).
        order: 0, 1 or 2.

    Raises:
        ProblemError: no grid, no objective, an objective that is a table, or an order that is not 0, 1 or 2.

    >>> from qml_dynamics import Grid, Problem
    >>> bowl = Problem(Grid((-2, 2), 4), lambda w: (w[:, 0] - 1) ** 4, 0.5, clock="imaginary", duration=1.0)
    >>> taylor(bowl, 0.0, 2).objective(np.array([[0.5]])).round(6).tolist()
    [0.5]
    """
    order = integer(order, "order", 0, 2)
    point, (c, g, k) = expansion(problem, about, order)

    def fn(w: np.ndarray) -> np.ndarray:
        """The Taylor polynomial at points ``(m, ndim)``."""
        y = w - point
        out: np.ndarray = c + y @ g + 0.5 * np.einsum("mi,ij,mj->m", y, k, y)
        return out

    def gradient(w: np.ndarray) -> np.ndarray:
        """The gradient of the Taylor polynomial, shape ``(m, ndim)``."""
        out: np.ndarray = g + (w - point) @ k
        return out

    assert problem.objective is not None
    name = f"taylor{order}({problem.objective.name})"
    spec = {"expression": _text(point, c, g, k)}
    return problem.replace(objective=Objective(fn, name, gradient_fn=gradient, spec=spec))


@printed_briefly
@dataclass(frozen=True, eq=False)
class TaylorStep:
    """The wave after a time tau from a point mass, in closed form.

    Attributes:
        mean: where it is, shape ``(ndim,)``.
        covariance: of the population reading, shape ``(ndim, ndim)``; the Born reading's is half of it.
        log_mass: logarithm of ``int psi`` (which is 1 at the start).
        learning_rate: ``D tau^2``, of the gradient step that order 1 is.
    """

    mean: np.ndarray
    covariance: np.ndarray
    log_mass: float
    learning_rate: float


@checks_arguments
def taylor_step(problem: Problem, about: npt.ArrayLike, order: int, tau: float) -> TaylorStep:
    """One restart of iterative learning: point mass at ``about``, Taylor polynomial there, time tau.

    In the eigenbasis of the Hessian each axis is its own oscillator. Order 2 with a negative curvature escapes from the
    saddle: it is valid for ``sqrt(2 D |k|) tau < pi / 2``.

    Args:
        problem: as for :func:`taylor`; its diffusion is averaged over tau from time 0, its strength too.
        about: the point.
        order: 0, 1 or 2.
        tau: positive.

    Raises:
        ProblemError: as :func:`taylor`; tau not positive, or beyond the validity of a negative curvature; a problem on
            the classical clock.

    >>> from qml_dynamics import Grid, Problem
    >>> bowl = Problem(Grid((-2, 2), 4), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="imaginary", duration=1.0)
    >>> taylor_step(bowl, 1.0, 2, 1.0).mean.round(6).tolist()
    [0.648054]
    """
    order, tau = integer(order, "order", 0, 2), real(tau, "tau", positive=True)
    need_waves(problem)
    known = is_constant(problem.diffusion, problem.strength) or tau <= problem.duration * (1 + 1e-12)
    require(known, "tau", f"be at most the duration, {problem.duration:g}, which the schedules are for", tau)
    point, (c, g, k) = expansion(problem, about, order)
    d = problem.diffusion.integral(0.0, tau, problem.duration) / tau
    s = problem.strength.integral(0.0, tau, problem.duration) / tau
    curvatures, modes = np.linalg.eigh(s * k)
    rows = [_axis(d, slope, curvature, tau) for slope, curvature in zip(s * (modes.T @ g), curvatures)]
    mean = point + modes @ np.array([move for move, _, _ in rows])
    covariance = modes @ np.diag([variance for _, variance, _ in rows]) @ modes.T
    return TaylorStep(mean, covariance, float(sum(mass for _, _, mass in rows)) - s * c * tau, d * tau**2)


def _axis(d: float, g: float, k: float, tau: float) -> tuple[float, float, float]:
    """Move, variance and log mass of one axis: the Mehler kernel and its limits."""
    frequency = np.sqrt(2 * d * abs(k))
    x = frequency * tau
    if x < 1e-4:  # the free particle in a constant force; the oscillator's terms would cancel
        return -d * g * tau**2, 2 * d * tau, d * g**2 * tau**3 / 3
    ratio = np.sqrt(abs(k) / (2 * d))
    shift = -g / k
    if k > 0:
        log_cosh = float(np.logaddexp(x, -x) - np.log(2))
        mass = g**2 / (2 * k) * tau - 0.5 * log_cosh - 0.5 * ratio * np.tanh(x) * shift**2
        return shift * (1 - float(np.exp(-log_cosh))), float(np.tanh(x) / ratio), float(mass)
    limit = f"be below {np.pi / 2 / frequency:.4g} where the curvature is {k:.4g}"
    require(x < np.pi / 2, "tau", limit, tau)
    mass = g**2 / (2 * k) * tau - 0.5 * np.log(np.cos(x)) + 0.5 * ratio * np.tan(x) * shift**2
    return shift * (1 - 1 / float(np.cos(x))), float(np.tan(x) / ratio), float(mass)


Coefficients = tuple[float, np.ndarray, np.ndarray]


def expansion(problem: Problem, about: npt.ArrayLike, order: int) -> tuple[np.ndarray, Coefficients]:
    """The point, and value, gradient and Hessian there (zero above the order)."""
    require(isinstance(problem.domain, Grid), "problem", "have a Grid as its domain", problem.domain)
    if problem.objective is None:
        raise ProblemError("Argument `problem` must have an objective, but has a general operator.")
    ndim = problem.domain.ndim
    given = [real(v, "about") for v in np.atleast_1d(np.asarray(about, dtype=object))]
    require(len(given) in (1, ndim), "about", f"be one number or one for each of {ndim} axes", about)
    point = np.array(given * (ndim if len(given) == 1 else 1))
    loss = problem.objective
    value = float(loss(point[None])[0])
    spacing = problem.domain.spacing
    slope = loss.gradient(point[None], spacing)[0] if order > 0 else np.zeros(ndim)
    return point, (value, slope, hessian(loss, point, spacing) if order > 1 else np.zeros((ndim, ndim)))


def hessian(loss: Objective, point: np.ndarray, spacing: Sequence[float] | None = None) -> np.ndarray:
    """Second derivatives by central differences of order six of the gradient, symmetrised, shape ``(ndim, ndim)``.

    With the spacing of a grid that resolves the loss, one number an axis, differences are taken over a part of it, whatever its unit.

    >>> hessian(Objective(lambda w: w[:, 0] ** 2 * w[:, 1]), np.array([1.0, 3.0])).round(6).tolist()
    [[6.0, 2.0], [2.0, 0.0]]
    """
    ndim = len(point)
    exact = loss.gradient_fn is not None
    usual = _STEP * max(1.0, float(np.abs(point).max())) * (1 if exact else 10)
    steps = [usual] * ndim if spacing is None else [_OF_SPACING * (0.5 if exact else 1) * h for h in spacing]
    out = np.zeros((ndim, ndim))
    for axis in range(ndim):
        shift = np.zeros(ndim)
        for places, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            shift[axis] = places * steps[axis]
            up, down = (loss.gradient((point + sign * shift)[None], spacing)[0] for sign in (1, -1))
            out[axis] += weight * (up - down)
        out[axis] /= steps[axis]
    return 0.5 * (out + out.T)


def _text(point: np.ndarray, c: float, g: np.ndarray, k: np.ndarray) -> str:
    """The polynomial as an arithmetic expression of a problem file."""
    terms = [repr(float(c))]
    y = [f"(x{i} - ({float(a)!r}))" for i, a in enumerate(point)]
    terms += [f"({float(a)!r}) * {y[i]}" for i, a in enumerate(g)]
    for i in range(len(y)):
        for j in range(i, len(y)):
            amount = float(k[i, j]) * (0.5 if i == j else 1.0)
            if amount:
                terms.append(f"({amount!r}) * {y[i]} * {y[j]}")
    return " + ".join(terms)
