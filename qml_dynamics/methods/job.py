"""The arguments of `evolve` converted and checked into a job; nothing long has started when this raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backends import backend as find_backend
from ..base.errors import MethodError, check_memory, integer
from ..base.progress import Progress
from ..model.fitting import check_fit
from ..model.hamiltonians import hamiltonian
from ..model.problem import Problem
from ..results.observables import read_observables
from .base import Callback, Job, check_method


def convert(
    problem: Problem,
    method: Any,
    backend: Any = None,
    shots: int | None = None,
    seed: int | None = None,
    save: Any = None,
    observables: Mapping[str, Any] | None = None,
    callback: Callback | None = None,
    progress: bool | None = False,
    checkpoint: Any = None,
) -> Job:
    """The job of a call; see :func:`qml_dynamics.evolve` for the arguments.

    A backend that is named beside a classical method is looked up, and takes no part.

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
        raise MethodError(f"Argument `callback` must be a function of (step, view), but is {callback!r}.")
    device = find_backend(backend) if backend is not None else None
    if facts.runs_on == "backend" and device is None:
        device = find_backend("statevector")
    if facts.runs_on == "classical":
        device = None
    method.check(problem, device)
    saves = save_times(save, problem.duration)
    seen = read_observables(observables, problem, facts.wires)
    h = hamiltonian(problem)
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
    )


def check_room(job: Job) -> None:
    """Raise :class:`MemoryError` as a sentence where the waves that are saved would not fit into the memory."""
    domain = job.problem.domain
    check_memory(32 * domain.size * (len(job.saves) + 3), f"{len(job.saves)} saved waves on {domain.num_qubits} qubits")


def save_times(save: Any, duration: float) -> np.ndarray:
    """The saved times, ascending, the first of them 0 or the first asked for.

    >>> save_times(3, 1.0).tolist()
    [0.0, 0.5, 1.0]
    """
    if save is None:
        return np.array([0.0, duration])
    if np.ndim(save) == 0:
        count = integer(save, "save", 2, 10**7, MethodError)
        return duration * np.arange(count) / (count - 1)
    try:
        times = np.asarray(save, dtype=float)
    except (TypeError, ValueError, OverflowError):
        times = np.empty(0)
    ok = times.ndim == 1 and times.size > 0 and bool(np.isfinite(times).all())
    ok = ok and times.min() >= 0 and times.max() <= duration * (1 + 1e-12)
    if not ok:
        raise MethodError(
            f"Argument `save` must be None, a number of times or times between 0 and {duration:g}, but is {save!r}."
        )
    return np.unique(np.minimum(times, duration))
