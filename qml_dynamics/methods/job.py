"""The arguments of `evolve` converted and checked into a job; nothing long has started when this raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..backends import Backend, capabilities
from ..backends import opened as find_backend
from ..backends.base import BackendLike
from ..base.errors import MethodError, check_memory, describe, integer
from ..base.numeric import as_numbers, beyond_memory
from ..base.progress import Progress
from ..model.driven_formulas import ends_of_steps
from ..model.fitting import check_fit
from ..model.hamiltonians import LearningHamiltonian, hamiltonian
from ..model.problem import Problem
from ..model.resolution import check_resolved
from ..results.observables import ObservableLike, read_observables
from .base import TABLE, Callback, Facts, Job, Method, check_method
from .gate import check_ranges, check_schedules

if TYPE_CHECKING:
    from .variational.measured.resume import Keeper


def convert(
    problem: Problem,
    method: Method,
    backend: BackendLike | None = None,
    shots: int | None = None,
    seed: int | None = None,
    save: npt.ArrayLike | None = None,
    observables: Mapping[str, ObservableLike] | None = None,
    callback: Callback | None = None,
    progress: bool | None = False,
    checkpoint: Keeper | None = None,
    room: bool = False,
    compact: bool = False,
) -> Job:
    """The job of a call; see :func:`qml_dynamics.evolve` for the arguments.

    With ``compact`` a method whose answers are compact may have more points than a table; the job's Hamiltonian then holds no loss. So
    may a run of an operator that needs no wave, since its backend samples or has waves as trains.
    With ``room`` the waves that are saved must fit into the memory, before the loss is evaluated anywhere.

    Raises:
        MethodError, ProblemError, BackendError: an argument is wrong, or the method refuses the problem.
    """
    method = check_method(method)
    facts = method.facts()
    if shots is not None:
        shots = integer(shots, "shots", 1, 10**9, MethodError)
    if seed is not None:
        seed = integer(seed, "seed", 0, 2**128, MethodError)
    if callback is not None and not callable(callback):
        raise MethodError(f"Argument `callback` must be a function of (step, view), but is {describe(callback)}.")
    device = find_backend(backend) if backend is not None else None
    if facts.runs_on == "backend" and device is None:
        device = find_backend("statevector")
    _check_method(problem, method, device)
    check_used(method, device, shots, callback)
    saves = save_times(save, problem.duration)
    large, wide = is_compact(problem, facts), compact and is_wide(problem, facts, device)
    if large:
        check_compact(problem, method, compact, shots, callback)
    elif room and not wide:
        check_room(problem, len(saves))
    h = without_table(problem) if large and problem.operator is None else hamiltonian(problem)
    if not large:
        check_ranges(problem, h)
    if facts.steps is not None:
        check_resolved(h, ends_of_steps(h, facts.steps, []), "steps", facts.steps)
    seen = read_observables(observables, problem, facts.wires)
    if not large:
        check_fit(problem, h)
    label = f"{type(method).__name__} on {problem.domain.num_qubits} qubits"
    return Job(
        problem,
        method,
        h,
        device,
        shots,
        np.random.SeedSequence(seed),
        saves,
        seen,
        callback,
        Progress(label, progress),
        checkpoint=checkpoint,
        seeded=seed is not None,
        compact=large or wide,
    )


def is_compact(problem: Problem, facts: Facts) -> bool:
    """Whether the waves of a method on a problem are too large for tables."""
    return facts.compact_above is not None and problem.domain.num_qubits > facts.compact_above


def is_wide(problem: Problem, facts: Facts, device: Backend | None) -> bool:
    """Whether a run of an operator needs no wave on a register that is too wide for a table of its density."""
    if device is None or not facts.wide or problem.operator is None or problem.domain.num_qubits <= TABLE:
        return False
    return not capabilities(device).exact


def check_compact(
    problem: Problem, method: Method, allowed: bool, shots: int | None, callback: Callback | None
) -> None:
    """Raise :class:`MethodError` for what needs a table of a wave that is too large for one; check the sizes of the rest."""
    who, qubits, most = type(method).__name__, problem.domain.num_qubits, method.facts().compact_above
    where = f"on more than {most} qubits" if most else "whose waves are no tables"
    if not allowed and not most:
        raise MethodError(
            f"Argument `method` must be one whose waves are tables here, but is {describe(method)}: without them only evolve and cost "
            "run."
        )
    if not allowed:
        raise MethodError(
            f"Argument `qubits` must add up to at most {most} for {who} here, but is {qubits}: above that only evolve and cost run, "
            "since there is no table of the wave."
        )
    for name, given, remedy in (
        ("shots", shots, ": draw by compact[i].sample"),
        ("callback", callback, ": there is no table to show it"),
    ):
        if given is not None:
            raise MethodError(f"Argument `{name}` must be None for {who} {where}, but is given{remedy}.")
    check_schedules(problem)


def without_table(problem: Problem) -> LearningHamiltonian:
    """The Hamiltonian of a problem whose points are too many for a table: schedules and domain, and an empty loss."""
    return LearningHamiltonian(
        problem.domain,
        np.empty(0),
        problem.diffusion,
        problem.strength,
        problem.duration,
        objective=problem.objective,
    )


def _check_method(problem: Problem, method: Method, device: Backend | None) -> None:
    """Ask the method whether it runs the problem; what it cannot even reckon with is told by the ranges."""
    try:
        method.check(problem, device)
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        check_ranges(problem, hamiltonian(problem))
        what = f"have losses, schedules and a duration of usual sizes, but {type(method).__name__} finds {error}"
        raise MethodError(f"Argument `problem` must {what}.") from error


def check_room(problem: Problem, saves: int) -> None:
    """Raise :class:`MethodError` where the waves that are saved would not fit into the memory."""
    domain = problem.domain
    check_memory(32 * domain.size * (saves + 3), f"{saves} saved waves on {domain.num_qubits} qubits")


def check_used(method: Method, backend: Backend | None, shots: int | None, callback: Callback | None) -> None:
    """Raise :class:`MethodError` for a backend or a callback that a run would leave aside.

    >>> from qml_dynamics import SplitStep
    >>> check_used(SplitStep(10), find_backend("statevector"), None, None)
    Traceback (most recent call last):
    qml_dynamics.base.errors.MethodError: Argument `backend` must be None for SplitStep, which runs by NumPy, but is 'statevector': name ...
    """
    facts, who = method.facts(), type(method).__name__
    if backend is not None and facts.runs_on == "classical":
        raise MethodError(
            f"Argument `backend` must be None for {who}, which runs by NumPy, but is {backend.name!r}: name a method that runs circuits "
            "(qml-dynamics suggest), or none."
        )
    if callback is None:
        return
    waves = backend is None or capabilities(backend).exact
    called = {"always": True, "waves": waves, "exact": waves and shots is None, "never": False}[facts.callback]
    if not called:
        where = "" if backend is None else f" on {backend.name}" + ("" if shots is None else " with shots")
        raise MethodError(
            f"Argument `callback` must be None for {who}{where}, which has no step after which to call it, but is given."
        )


def save_times(save: npt.ArrayLike | None, duration: float) -> np.ndarray:
    """The saved times, ascending, the first of them 0 or the first asked for.

    >>> save_times(3, 1.0).tolist()
    [0.0, 0.5, 1.0]
    """
    if save is None:
        return np.array([0.0, duration])
    if not beyond_memory(save) and np.ndim(save) == 0:
        count = integer(save, "save", 2, 10**7, MethodError)
        return duration * np.arange(count) / (count - 1)
    try:
        times = np.empty(0) if beyond_memory(save) else as_numbers(save)
    except Exception:  # of any kind: the person's own object makes the array
        times = np.empty(0)
    ok = times.ndim == 1 and times.size > 0 and bool(np.isfinite(times).all())
    ok = ok and times.min() >= 0 and times.max() <= duration * (1 + 1e-12)
    if not ok:
        raise MethodError(
            f"Argument `save` must be None, a number of times or times between 0 and {duration:g}, but is {describe(save)}."
        )
    return np.unique(np.minimum(times, duration))
