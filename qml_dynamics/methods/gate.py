"""Checks of what enters and leaves a method: finite numbers in the range of floats, densities of sum 1, waves of norm 1.

Every verb makes its job by :func:`~.job.convert`, which asks :func:`check_ranges`; every answer becomes a trajectory in
:func:`~.evolution.finish`, which asks :func:`check_answer`. Chains, thermal states, machines and trained circuits are no
trajectories: their results ask :func:`check_law`, :func:`check_numbers` and :func:`check_angles` when they are made. Between them
:class:`computing` turns what the libraries below raise on infinities into one sentence. It stands alone since no method takes part
in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.errors import AnswerError, MethodError, QMLDynamicsError, line, require
from ..model.drives import swing
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian
from ..model.operator_sum import OperatorSum
from ..model.problem import Problem
from ..model.schedule_check import check_integral
from ..model.schedules import Schedule, number_given, value_at, whole_integral
from .base import Answer, Callback, Job, View

_PHASE = 1e15  # radians of which double precision leaves no digit
_LARGE = 1e150  # squares of it are still numbers
_SUM = 1e-6  # of a density; single precision leaves 1e-7
_NORM = 1e-4  # of a wave that many steps of single precision have turned


def check_ranges(problem: Problem, h: Hamiltonian, length_name: str = "duration") -> None:
    """Refuse losses, diffusions, strengths and durations whose phases or exponents floating point cannot hold.

    On the real clock a phase ``int |s| dt (zeta - min zeta)`` above 1e15 has no digit left; on the other clocks products and their
    squares must stay below the largest number. Times with opposite signs do not cancel: the wave goes through both.

    Args:
        problem, h: what is to be run.
        length_name: of the argument that is the duration, where it is another one.

    Raises:
        ProblemError: the argument, and its size over the whole duration.

    >>> from qml_dynamics import Grid
    >>> from qml_dynamics.model.hamiltonians import hamiltonian
    >>> steep = Problem(Grid((-1, 1), 3), lambda w: 1e300 * w[:, 0], 1.0, clock="real", duration=1.0)
    >>> check_ranges(steep, hamiltonian(steep))
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `objective` must have a spread times the strength over the duration below \
1e+15, but is of 1.75e+300.
    """
    most = _PHASE if problem.clock == "real" else _LARGE
    length = problem.duration
    check_schedules(problem, length_name)
    if not isinstance(h, LearningHamiltonian):
        sums = [float(np.abs(piece.coefficients).sum()) for piece in h.pieces]
        require(
            sum(sums) < _LARGE, "operator", f"have coefficients whose sum is below {_LARGE:g}", f"of {sum(sums):.3g}"
        )
        total = sum(size * _swing(schedule, name, length) for size, (name, schedule, _) in zip(sums, h.moving))
        must = f"have coefficients whose sum times the strength over the duration is below {most:g}"
        require(total < most, "operator", must, f"of {total:.3g}")
        return
    with np.errstate(over="ignore"):
        spread = float(np.ptp(h.zeta))
    strength, spreads = _swing(problem.strength, "strength", length), max(float(np.abs(h.zeta).max()), spread)
    must = f"have a spread times the strength over the duration below {most:g}"
    require(spread * strength < most, "objective", must, f"of {spread * strength:.3g}")
    require(spreads < _LARGE, "objective", f"have values below {_LARGE:g}", f"of {spreads:.3g}")
    kinetic = float(h.dual.max(initial=0.0)) * _swing(problem.diffusion, "diffusion", length)
    must = f"have a product with the duration and the largest squared momentum below {most:g}"
    require(kinetic < most, "diffusion", must, f"of {kinetic:.3g}")


def _swing(schedule: Schedule, name: str, length: float) -> float:
    return number_given(lambda: swing(schedule, length), name, "integral over each part of the duration")


def check_schedules(problem: Problem, length_name: str = "duration") -> None:
    """Refuse a duration, a diffusion or a strength that floating point cannot hold, and schedules whose integrals are not their own.

    Raises:
        ProblemError: the argument and its size, or where it contradicts itself.
    """
    length = problem.duration
    require(length < _LARGE, length_name, f"be below {_LARGE:g}", length)
    own = problem.operator.parts if isinstance(problem.operator, OperatorSum) else ()
    named = [("diffusion", problem.diffusion), ("strength", problem.strength)]
    for name, schedule in [*named, *((f"schedule {k}", each) for k, (each, _) in enumerate(own))]:
        held = [value_at(schedule, name, t, length) for t in (0.0, 0.5 * length, length)]
        held.append(whole_integral(schedule, name, length))
        large = max(held, key=_size)
        require(_size(large) < _LARGE, name, f"stay below {_LARGE:g} with its integral over the duration", large)
        check_integral(schedule, name, length)


def _size(value: float) -> float:
    """Magnitude; what is not a number counts as infinite."""
    return abs(float(value)) if np.isfinite(value) else np.inf


class computing:
    """What libraries raise on numbers out of range leaves the block as :class:`MethodError`; NumPy warns of nothing, the gate looks.

    Args:
        job: what is computed.
        own: raised by the person's own code, and left as it is.
    """

    def __init__(self, job: Job, own: list[BaseException]) -> None:
        self.job, self.own, self.state = job, own, np.errstate(over="ignore", invalid="ignore", divide="ignore")

    def __enter__(self) -> None:
        self.state.__enter__()

    def __exit__(self, kind: object, found: BaseException | None, trace: object) -> None:
        self.state.__exit__(None, None, None)
        if isinstance(found, QMLDynamicsError) or any(found is each for each in self.own):
            return
        if isinstance(found, ArithmeticError | ValueError | MemoryError | RecursionError):
            said = line(str(found), 120) or "out of range"
            raise MethodError(f"{_cannot(self.job)}: {type(found).__name__}, {said.rstrip('.')}.") from found


def _cannot(job: Job) -> str:
    return f"Argument `{_blamed(job)}` must be of a size that {type(job.method).__name__} can compute with, but the run fails"


def _blamed(job: Job) -> str:
    """The argument that is farthest from 1 on the way of a wave."""
    problem, h = job.problem, job.h
    sizes = {"duration": problem.duration}
    for name in ("diffusion", "strength") if isinstance(h, LearningHamiltonian) else ("strength",):
        schedule = getattr(problem, name)
        sizes[name] = max(_size(schedule.value(t, problem.duration)) for t in (0.0, problem.duration))
    if isinstance(h, LearningHamiltonian):
        sizes["objective"] = float(np.ptp(h.zeta))
    away = {name: abs(np.log10(max(size, 1e-300))) for name, size in sizes.items()}
    worst = max(away, key=lambda name: away[name])
    return worst if away[worst] > 3 else "method"


def check_answer(job: Job, answer: Answer) -> Answer:
    """The answer, if it is finite, its times ascend, its densities are not negative and of sum 1, and its waves of norm 1.

    Negative densities that rounding explains become 0; those of a method that says ``signed`` stay.

    Raises:
        AnswerError: with what cannot be computed and the argument that is farthest out of range.
    """
    many, shape = len(answer.times), job.problem.domain.shape
    if answer.compact is not None:  # its waves are of unit norm by their making: the largest core holds it
        shape = (0,)
    density = np.asarray(answer.density)
    _hold(job, "times", answer.times, (many,))
    _hold(job, "density", density, (many, *shape))
    _hold(job, "log_norm", answer.log_norm, (many,))
    for name, array in (("states", answer.states), ("parameters", answer.parameters)):
        if array is not None:
            _hold(job, name, array, (many, *shape) if name == "states" else (many, *np.shape(array)[1:]))
    for name, estimate in answer.expectations.items():
        _hold(job, name, estimate.value, np.shape(estimate.value))
        if not (np.asarray(estimate.stderr) >= 0).all():
            raise AnswerError(f"{_cannot(job)}: the standard error of {name!r} is no number.")
    if (np.diff(answer.times) <= 0).any():
        raise AnswerError(f"{_cannot(job)}: its times do not ascend.")
    if answer.compact is not None:
        return answer
    total = density.reshape(many, -1).sum(axis=1)
    _ones(job, "density", "sum", total, _SUM, answer.times)
    least = float(density.min(initial=0.0))
    if not job.method.facts().signed and least < 0:
        if least < -_SUM:
            raise AnswerError(f"{_cannot(job)}: the density is {least:.3g} somewhere, which is negative.")
        np.maximum(density, 0.0, out=density)
    if answer.states is not None:
        norm = np.array([np.linalg.norm(wave) for wave in answer.states.reshape(many, -1)])  # no second set of waves
        _ones(job, "wave", "norm", norm, _NORM, answer.times)
    return answer


def check_law(law: np.ndarray, argument: str) -> np.ndarray:
    """A law that is finite, not negative and of sum 1; what rounding has taken below 0 becomes 0.

    Args:
        law: of any shape.
        argument: which decides its size, for the message.

    Raises:
        MethodError: it is none.

    >>> check_law(np.array([0.5, np.nan]), "beta")
    Traceback (most recent call last):
    qml_dynamics.base.errors.MethodError: Argument `beta` must be of a size that can be computed with, but the law is not finite.
    """
    law = np.asarray(law)
    require_sound(bool(np.isfinite(law).all()), argument, "the law is not finite")
    least, total = float(law.min(initial=0.0)), float(law.sum())
    require_sound(least >= -_SUM, argument, f"the law is {least:.3g} somewhere, which is negative")
    require_sound(abs(total - 1) <= _SUM, argument, f"the law has sum {total:.6g} instead of 1")
    return np.maximum(law, 0.0) if least < 0 else law


def check_numbers(values: Mapping[str, npt.ArrayLike | None], argument: str) -> None:
    """Raise :class:`MethodError` unless all of these numbers are finite (those that are None are left aside)."""
    for name, value in values.items():
        sound = value is None or bool(np.isfinite(np.asarray(value, dtype=float)).all())
        require_sound(sound, argument, f"{name} is not finite")


def check_angles(angles: np.ndarray, argument: str) -> None:
    """Raise :class:`MethodError` unless these angles are finite, and below 1e15, above which they have no digit left."""
    check_numbers({"an angle": angles}, argument)
    large = float(np.abs(angles).max(initial=0.0))
    require_sound(large < _PHASE, argument, f"an angle has become {large:.3g}")


def require_sound(holds: bool, argument: str, what: str) -> None:
    """Raise :class:`MethodError` that blames an argument for what came of it."""
    if not holds:
        raise MethodError(f"Argument `{argument}` must be of a size that can be computed with, but {what}.")


def _hold(job: Job, name: str, given: npt.ArrayLike, shape: tuple[int, ...]) -> None:
    array = np.asarray(given)
    if array.shape != shape:
        raise AnswerError(
            f"Argument `method` must be one that answers {name} of shape {shape}, but {type(job.method).__name__} answers {array.shape}."
        )
    if not np.isfinite(array).all():
        raise AnswerError(f"{_cannot(job)}: {name!r} is not finite.")


def _ones(job: Job, what: str, word: str, found: np.ndarray, tolerance: float, times: np.ndarray) -> None:
    wrong = ~(np.abs(found - 1) <= tolerance)
    if wrong.any():
        t = float(times[int(np.argmax(wrong))])
        raise AnswerError(f"{_cannot(job)}: at t = {t:g} the {what} has {word} {found[wrong][0]:.6g} instead of 1.")


def guarded(callback: Callback | None, own: list[BaseException]) -> Callback | None:
    """A person's callback: it is handed a copy of the wave, and what it raises is noted in ``own``."""
    if callback is None:
        return None

    def call(step: int, view: View) -> Any:
        """Call the person's function on a copy of the wave; an exception of it is noted in ``own`` and passes."""
        try:
            state = None if view.state is None else np.array(view.state)
            return callback(step, replace(view, state=state))  # of its own kind: measured runs show more
        except BaseException as error:
            own.append(error)
            raise

    return call
