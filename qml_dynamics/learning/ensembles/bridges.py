"""Schroedinger bridges: the regime ``hbar^2 < 0``, run as a pair of heat equations on the imaginary clock.

`bridge` gives the factors; :class:`SchrodingerBridge` is the same as a method of `evolve`, on circuits too.

``p(t) = A(t) B(t)`` with ``kappa B_t = (kappa^2 / 2m) L B + V B`` forwards from the start and the same equation for A backwards
from the end. Given the densities at both ends, the factors solve ``p_0 = B_0 K A_T`` and ``p_T = A_T K B_0``, K being the
evolution over the whole duration: iterated by Fortet (J. Math. Pures Appl. 19, 83, 1940), which is Sinkhorn's scaling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import MethodError, ProblemError, integer, real, require
from ...base.numeric import Array, Numbers, number_array
from ...base.printing import printed_briefly
from ...base.progress import Progress
from ...methods.base import Method
from ...methods.bridge.fortet_iteration import carried, check_ends, fortet
from ...methods.bridge.fortet_iteration import density as as_density
from ...methods.job import save_times
from ...methods.split_step import SplitStep
from ...model.domains import Domain
from ...model.initial import State
from ...model.objectives.base import LossLike
from ...model.problem import Problem
from .learning import Learning


@printed_briefly
@dataclass(frozen=True, eq=False)
class Bridge:
    """The most likely way from one density to another, given the motion in between.

    Attributes:
        learning: the three numbers.
        times: shape ``(m,)``.
        density: ``A B``, shape ``(m, *domain.shape)``, each summing to 1.
        phase: ``S = (kappa / 2) log(A / B)``, same shape; its slope over the mass is the current velocity.
        A, B: the factors, same shape, positive; sums over the points of their products are 1.
        forward, backward: the problems of B and A (A in the time that is left), for any method of the imaginary clock.
        iterations, error: of the iteration; the error is the total variation of the density at the start.
    """

    learning: Learning
    times: np.ndarray
    density: np.ndarray
    phase: np.ndarray
    A: np.ndarray
    B: np.ndarray
    forward: Problem
    backward: Problem
    iterations: int
    error: float


@checks_arguments
def bridge(
    learning: Learning,
    domain: Domain,
    V: LossLike,
    start: Array,
    end: Array,
    *,
    duration: float,
    method: Method | None = None,
    save: int | Sequence[float] | np.ndarray | None = 5,
    tol: float = 1e-10,
    max_iterations: int = 2000,
    progress: bool | None = None,
) -> Bridge:
    """The bridge between two densities.

    Args:
        learning: in the bridge regime, ``4 D mu < gamma``.
        domain: the weight space.
        V: the potential, as in :meth:`Learning.problem`.
        start, end: densities on the points, shape ``domain.shape``, positive; they are normalised.
        duration: the time between them.
        method: any method of the imaginary clock that gives waves; ``SplitStep(64)`` when None.
        save: times of the answer, as in :func:`qml_dynamics.evolve`.
        tol: allowed total variation at the start (at the end it is met exactly).
        max_iterations: gives up after so many.
        progress: as in :func:`qml_dynamics.evolve`. A keyboard interrupt ends the iteration with the factors that it has; their
            ``error`` says how far they are.

    Raises:
        ProblemError: the regime is another one, or a density does not fit. MethodError: the iteration did not converge,
            the method's evolution is not positive where the densities are, or kappa is so small that the factors leave the
            range of floating-point numbers (towards the classical boundary, where :class:`HamiltonJacobi` serves).

    >>> from qml_dynamics import Grid
    >>> grid = Grid((-8, 8), 6)
    >>> x = grid.axes[0]
    >>> found = bridge(Learning(0.1, 1.0, 1.0), grid, lambda w: 0 * w[:, 0], np.exp(-(x + 1)**2), np.exp(-(x - 1)**2),
    ...                duration=1.0, save=3)
    >>> round(float(found.density[1] @ x), 6)
    0.0
    """
    if learning.regime != "bridge":
        raise ProblemError(
            f"Argument `learning` must be in the bridge regime (4 D mu < gamma), but is in the {learning.regime} one."
        )
    first, last = as_density(start, domain, "start"), as_density(end, domain, "end")
    chosen = SplitStep(64) if method is None else method
    problem = learning.problem(domain, V, duration=duration)
    limit, goal = integer(max_iterations, "max_iterations", 1, 10**7, MethodError), real(tol, "tol", positive=True)
    times = save_times(save, problem.duration)
    with Progress("Bridge", progress) as bar:
        factors = fortet(problem, first, last, chosen, goal, limit, bar, times)
    B = carried(problem, factors.start, chosen, times)
    A = carried(problem, factors.end, chosen, np.sort(problem.duration - times))[::-1]
    p = A * B
    p /= p.reshape(len(times), -1).sum(axis=1).reshape(-1, *[1] * domain.ndim)
    for index, wanted in ((0, first), (-1, last)):
        if times[index] in (0.0, problem.duration) and not factors.interrupted:
            check_ends(p[index], wanted, goal, duration)
    phase = 0.5 * learning.kappa * (np.log(A) - np.log(B))
    forward, backward = problem.replace(initial=State(factors.start)), problem.replace(initial=State(factors.end))
    return Bridge(learning, times, p, phase, A, B, forward, backward, factors.iterations, factors.error)


@checks_arguments
def gaussian_bridge(
    mean: tuple[float, float], width: tuple[float, float], rate: float, duration: float, t: Numbers
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the free bridge between two Gaussians, closed form, same shapes as ``t``.

    With ``e^2 = rate`` (the variance that the free motion gains in a unit of time, ``kappa / m``) over the duration T, the
    coupling of the ends is Gaussian with covariance ``c = (sqrt(4 s0^2 s1^2 + v^2) - v) / 2``, ``v = rate T``.
    Source: Janati et al., NeurIPS 2020, arXiv:2006.02572.

    >>> m, s = gaussian_bridge((0.0, 2.0), (1.0, 1.0), rate=1e-12, duration=1.0, t=0.5)
    >>> float(m), round(float(s), 6)
    (1.0, 1.0)
    """
    s = number_array(t, "t") / real(duration, "duration", positive=True)
    require(bool(((s >= 0) & (s <= 1)).all()), "t", f"lie between 0 and {duration:g}", t)
    require(min(width) > 0, "width", "be two positive numbers", width)
    v = real(rate, "rate", nonnegative=True) * duration
    a, b = width
    c = 0.5 * (np.sqrt(4 * a**2 * b**2 + v**2) - v)
    variance = (1 - s) ** 2 * a**2 + s**2 * b**2 + 2 * s * (1 - s) * c + s * (1 - s) * v
    return (1 - s) * mean[0] + s * mean[1], np.sqrt(variance)
