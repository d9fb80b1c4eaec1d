"""The two factors of a Schroedinger bridge: Fortet's iteration, with any method of the imaginary clock as the evolution K.

``p_0 = B K A`` at the start and ``p_T = A K B`` at the end, B at the start and A at the end being positive: each is solved for one
factor in turn. On a grid this is Sinkhorn's scaling of the matrix K. Source: Fortet, J. Math. Pures Appl. 19, 83 (1940).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ...backends import Backend
from ...base.errors import EdgeWeightWarning, MethodError, MomentumTailWarning, describe, require
from ...base.interrupts import whole
from ...base.numeric import number_array
from ...base.progress import Progress
from ...model.domains import Domain
from ...model.initial import State
from ...model.problem import Problem
from ...results.trajectory import Trajectory
from ..base import Method
from ..evolution import evolve

FLOOR = 1e-280
_WIDER = "mix the ends within the range of floating-point numbers (the diffusion is small, or they are far apart)"


class OutOfRange(MethodError):
    """The factors leave the range of floating-point numbers, or lose their digits in it."""


@dataclass(frozen=True, eq=False)
class Factors:
    """What the iteration found.

    Attributes:
        start, end: B at the start and A at the end, shape ``domain.shape``.
        iterations: how many.
        error: total variation of the density at the start (at the end it is met).
        interrupted: whether it was stopped from the keyboard before it had converged.
    """

    start: np.ndarray
    end: np.ndarray
    iterations: int
    error: float
    interrupted: bool = False


def fortet(
    problem: Problem,
    first: np.ndarray,
    last: np.ndarray,
    method: Method,
    tol: float,
    limit: int,
    progress: Progress,
    saves: np.ndarray | None = None,
    accepted: float = 0.0,
) -> Factors:
    """The factors for the densities ``first`` and ``last`` (see :func:`density`).

    ``saves`` are the times at which the run will be cut: K is cut there too, so that few steps meet the ends as exactly as many.
    An error of up to ``accepted`` is taken where rounding keeps it above ``tol``.

    Raises:
        MethodError: it did not converge in ``limit`` iterations, the evolution is not positive where the densities are, or a
            factor leaves the range of floating-point numbers.
    """
    cuts = np.union1d([] if saves is None else saves, [0.0, problem.duration])
    back = np.sort(problem.duration - cuts)
    B, A, error, count = first.copy(), last, math.inf, 0
    pace = Pace(tol, limit)
    try:
        while count < limit:
            A = _factor(last / _propagated(problem, B, method, cuts))
            KA = _propagated(problem, A, method, back)
            count += 1
            error = 0.5 * float(np.abs(B * KA - first).sum())
            if error <= tol:
                return Factors(B, A, count, error)
            try:
                pace.check(error)
            except OutOfRange:
                if error <= accepted:
                    return Factors(B, A, count, error)
                raise
            progress(int(100 * min(1.0, math.log(error) / math.log(tol))), 100)
            B = _factor(first / KA)
    except KeyboardInterrupt:
        if not count:
            raise
        return Factors(B, A, count, error, interrupted=True)
    raise MethodError(
        f"Argument `max_iterations` must let the iteration converge, but {limit} leave an error of {error:.1e}: "
        "a longer duration mixes faster."
    )


_LOOK = 24  # iterations between which the fall of the error is measured
_FLOOR_FALL = 0.5  # an error that falls by less over so many iterations, and goes up and down, has reached its floor
_USELESS = 1e-3  # a bridge that misses its start by more is none


@dataclass
class Pace:
    """How fast the error falls; refuses as soon as it is clear that the tolerance will not be reached.

    The iteration contracts by a fixed factor (Birkhoff and Hopf) down to the floor that rounding sets, which rises with the range
    of the factors.

    >>> pace = Pace(1e-10, 2000)
    >>> for k in range(100):
    ...     pace.check(2e-10 + 0.5**k)
    Traceback (most recent call last):
    qml_dynamics.methods.bridge.fortet_iteration.OutOfRange: Argument `tol` must be at least 4.0e-10 for these ends, ... but is 1e-10.
    """

    tol: float
    limit: int
    errors: list[float] = field(default_factory=list)

    def check(self, error: float) -> None:
        """Note the error of one more iteration."""
        self.errors.append(error)
        count = len(self.errors)
        if count < 2 * _LOOK:
            return
        recent, before = min(self.errors[-_LOOK:]), min(self.errors[-2 * _LOOK : -_LOOK])
        if recent > _FLOOR_FALL * before and self._flat():
            self._refuse_floor()
        fall = math.log(before / recent) / _LOOK if 0 < recent < before else 0.0
        needed = count + math.log(recent / self.tol) / fall if fall > 0 else math.inf
        if needed > _PATIENCE * self.limit:
            takes = (
                f"about {needed:,.0f} iterations"
                if math.isfinite(needed)
                else "more iterations than it can converge in"
            )
            raise MethodError(
                f"Argument `max_iterations` must be larger, but is {self.limit}: the ends mix so slowly that a tolerance of "
                f"{self.tol:g} takes {takes} (the error is {recent:.1e} after {count}). A longer duration or more diffusion mixes faster."
            )

    def _refuse_floor(self) -> None:
        floor = float(np.median(self.errors[-_LOOK:]))  # half of the iterations are below
        if floor > _USELESS:
            raise OutOfRange(f"Argument `duration` must {_WIDER}: rounding leaves an error of {floor:.1e}.")
        raise OutOfRange(
            f"Argument `tol` must be at least {2 * floor:.1e} for these ends, which rounding keeps the iteration from going below, but "
            f"is {self.tol:g}."
        )

    def _flat(self) -> bool:
        """Whether the last errors go up as often as down: no slow fall, but rounding."""
        steps = np.diff(np.log(self.errors[-_LOOK:]))
        return bool((steps >= -1e-3).sum() >= _LOOK // 4)


_PATIENCE = 1.5  # times the limit: the rate may still improve a little


def density(given: npt.ArrayLike, domain: Domain, name: str) -> np.ndarray:
    """A density on the points, normalised; an empty point would need an infinite factor, and gets a tiny positive one."""
    p = number_array(given, name)
    fits = p.shape in (domain.shape, (domain.size,))
    require(fits, name, f"have shape {domain.shape}", f"of shape {p.shape}")
    require(bool(np.isfinite(p).all() and (p >= 0).all() and p.sum() > 0), name, "be a density", describe(p))
    p = np.maximum(p.reshape(domain.shape), 1e-30 * p.max())
    out: np.ndarray = p / p.sum()
    return out


def check_ends(found: np.ndarray, wanted: np.ndarray, tol: float, duration: float) -> None:
    """A density at an end that misses what was asked for: the factors have lost their digits."""
    miss = 0.5 * float(np.abs(found - wanted).sum())
    require(miss <= max(1e-6, 10 * tol), "duration", _WIDER, duration, OutOfRange)


def carried(problem: Problem, factor: np.ndarray, method: Method, save: Sequence[float] | np.ndarray) -> np.ndarray:
    """``K_t`` applied to a positive array at the saved times, norm and all, and positive again."""
    run = evolved(problem.replace(initial=State(factor)), method, save)
    out: np.ndarray = np.maximum(unnormalised(run, factor), FLOOR)
    return out


def evolved(
    problem: Problem,
    method: Method,
    save: Sequence[float] | np.ndarray,
    backend: Backend | None = None,
    shots: int | None = None,
    seed: int = 0,
) -> Trajectory:
    """A run without the warnings about edges: a factor may be large there, where only the product must be small."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgeWeightWarning)
        warnings.simplefilter("ignore", MomentumTailWarning)
        run = evolve(problem, method, save=save, progress=False, backend=backend, shots=shots, seed=seed)
        return whole(run)


def unnormalised(run: Trajectory, factor: np.ndarray) -> np.ndarray:
    """The waves of a run that started from a factor, as factors."""
    require(run.states is not None, "method", "give waves", run.method, MethodError)
    scale = np.exp(run.log_norm) * np.linalg.norm(factor)
    assert run.states is not None
    states = run.states.real
    signs = np.sign(states.reshape(len(states), -1).sum(axis=1))
    out: np.ndarray = states * (scale * signs).reshape(-1, *[1] * (states.ndim - 1))
    return out


def _factor(values: np.ndarray) -> np.ndarray:
    """A factor whose square can be summed."""
    with np.errstate(over="ignore"):
        sound = bool(np.isfinite((values**2).sum()))
    if not sound:
        raise OutOfRange(f"Argument `duration` must {_WIDER}.")
    return values


def _propagated(problem: Problem, factor: np.ndarray, method: Method, cuts: np.ndarray) -> np.ndarray:
    """``K`` applied to a positive array; round-off below zero is lifted to a tiny positive number."""
    out = unnormalised(evolved(problem.replace(initial=State(factor)), method, cuts), factor)[-1]
    top = float(out.max())
    sound = bool(np.isfinite(top)) and top > 0 and float(-out.min()) < 1e-3 * top
    require(sound, "method", "keep a density positive (smaller steps or a finer grid)", method, OutOfRange)
    result: np.ndarray = np.maximum(out, max(1e-17 * top, FLOOR))
    return result
