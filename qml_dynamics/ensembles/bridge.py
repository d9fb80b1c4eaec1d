"""Schroedinger bridges: the regime ``hbar^2 < 0``, run as a pair of heat equations on the imaginary clock.

``p(t) = A(t) B(t)`` with ``kappa B_t = (kappa^2 / 2m) L B + V B`` forwards from the start and the same equation for A backwards
from the end. Given the densities at both ends, the factors solve ``p_0 = B_0 K A_T`` and ``p_T = A_T K B_0``, K being the
evolution over the whole duration: iterated by Fortet (J. Math. Pures Appl. 19, 83, 1940), which is Sinkhorn's scaling.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..domains import Domain
from ..errors import EdgeWeightWarning, MethodError, ProblemError, describe, integer, real, require
from ..evolve import evolve
from ..initial import State
from ..methods import SplitStep
from ..problem import Problem
from .learning import Learning

_FLOOR = 1e-280
_WIDER = "mix the ends within the range of floating-point numbers (kappa = {:.2g} is small, or they are far apart)"


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


def bridge(
    learning: Learning,
    domain: Domain,
    V: Any,
    start: Any,
    end: Any,
    *,
    duration: float,
    method: Any = None,
    save: Any = 5,
    tol: float = 1e-10,
    max_iterations: int = 2000,
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

    Raises:
        ProblemError: the regime is another one, or a density does not fit. MethodError: the iteration did not converge,
            the method's evolution is not positive where the densities are, or kappa is so small that the factors leave the
            range of floating-point numbers (towards the classical boundary, where :func:`characteristics` serves).

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
    first, last = _density(start, domain, "start"), _density(end, domain, "end")
    chosen = SplitStep(64) if method is None else method
    problem = learning.problem(domain, V, duration=duration)
    limit, goal = integer(max_iterations, "max_iterations", 1, 10**7, MethodError), real(tol, "tol", positive=True)
    B = first.copy()
    for count in range(1, limit + 1):  # noqa: B007 - told at the end
        A = _factor(last / _propagated(problem, B, chosen), learning)
        KA = _propagated(problem, A, chosen)
        error = 0.5 * float(np.abs(B * KA - first).sum())
        if error <= goal:
            break
        B = _factor(first / KA, learning)
    else:
        raise MethodError(
            f"Argument `max_iterations` must let the iteration converge, but {limit} leave an error of {error:.1e}: "
            "a longer duration mixes faster."
        )
    found = _joined(learning, problem, A, B, chosen, save, count, error)
    for index, wanted in ((0, first), (-1, last)):
        if found.times[index] in (0.0, problem.duration):
            miss = 0.5 * float(np.abs(found.density[index] - wanted).sum())
            require(miss <= max(1e-6, 10 * goal), "duration", _WIDER.format(learning.kappa), duration, MethodError)
    return found


def _factor(values: np.ndarray, learning: Learning) -> np.ndarray:
    """A factor whose square can be summed."""
    with np.errstate(over="ignore"):
        sound = bool(np.isfinite((values**2).sum()))
    if not sound:
        raise MethodError(f"Argument `duration` must {_WIDER.format(learning.kappa)}.")
    return values


def _density(given: Any, domain: Domain, name: str) -> np.ndarray:
    p = np.asarray(given, dtype=float)
    fits = p.shape in (domain.shape, (domain.size,))
    require(fits, name, f"have shape {domain.shape}", f"of shape {p.shape}")
    require(bool(np.isfinite(p).all() and (p >= 0).all() and p.sum() > 0), name, "be a density", describe(p))
    p = np.maximum(p.reshape(domain.shape), 1e-30 * p.max())  # an empty point would need an infinite factor
    return p / p.sum()


def _propagated(problem: Problem, factor: np.ndarray, method: Any) -> np.ndarray:
    """``K`` applied to a positive array, norm and all; round-off below zero is lifted to a tiny positive number."""
    run = _evolved(problem.replace(initial=State(factor)), method, None)
    out = _unnormalised(run, factor)[-1]
    top = float(out.max())
    sound = bool(np.isfinite(top)) and top > 0 and float(-out.min()) < 1e-3 * top
    require(sound, "method", "keep a density positive (smaller steps or a finer grid)", method, MethodError)
    return np.maximum(out, max(1e-17 * top, _FLOOR))


def _evolved(problem: Problem, method: Any, save: Any) -> Any:
    """A run without the warnings about edges: a factor may be large there, where only the product must be small."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgeWeightWarning)
        return evolve(problem, method, save=save, progress=False, seed=0)


def _unnormalised(run: Any, factor: np.ndarray) -> np.ndarray:
    require(run.states is not None, "method", "give waves", run.method, MethodError)
    scale = np.exp(run.log_norm) * np.linalg.norm(factor)
    states = run.states.real
    signs = np.sign(states.reshape(len(states), -1).sum(axis=1))
    return states * (scale * signs).reshape(-1, *[1] * (states.ndim - 1))


def _joined(
    learning: Learning, problem: Problem, A: np.ndarray, B: np.ndarray, method: Any, save: Any, count: int, error: float
) -> Bridge:
    from ..job import save_times

    times = save_times(save, problem.duration)
    forward, backward = problem.replace(initial=State(B)), problem.replace(initial=State(A))
    run_b = _evolved(forward, method, times)
    run_a = _evolved(backward, method, np.sort(problem.duration - times))
    b = np.maximum(_unnormalised(run_b, B), _FLOOR)
    a = np.maximum(_unnormalised(run_a, A)[::-1], _FLOOR)
    density = a * b
    density /= density.reshape(len(times), -1).sum(axis=1).reshape(-1, *[1] * problem.domain.ndim)
    phase = 0.5 * learning.kappa * (np.log(a) - np.log(b))
    return Bridge(learning, times, density, phase, a, b, forward, backward, count, error)


def gaussian_bridge(
    mean: tuple[float, float], width: tuple[float, float], rate: float, duration: float, t: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the free bridge between two Gaussians, closed form, same shapes as ``t``.

    With ``e^2 = rate`` (the variance that the free motion gains in a unit of time, ``kappa / m``) over the duration T, the
    coupling of the ends is Gaussian with covariance ``c = (sqrt(4 s0^2 s1^2 + v^2) - v) / 2``, ``v = rate T``.
    Source: Janati et al., NeurIPS 2020, arXiv:2006.02572.

    >>> m, s = gaussian_bridge((0.0, 2.0), (1.0, 1.0), rate=1e-12, duration=1.0, t=0.5)
    >>> float(m), round(float(s), 6)
    (1.0, 1.0)
    """
    s = np.asarray(t, dtype=float) / real(duration, "duration", positive=True)
    v = real(rate, "rate", nonnegative=True) * duration
    a, b = width
    c = 0.5 * (np.sqrt(4 * a**2 * b**2 + v**2) - v)
    variance = (1 - s) ** 2 * a**2 + s**2 * b**2 + 2 * s * (1 - s) * c + s * (1 - s) * v
    return (1 - s) * mean[0] + s * mean[1], np.sqrt(variance)
