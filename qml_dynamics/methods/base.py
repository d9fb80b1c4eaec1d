"""One call of `evolve`, converted and checked: nothing long has started yet when this raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..backends import Backend
from ..backends import backend as find_backend
from ..base.errors import MethodError, check_memory, integer
from ..base.progress import Progress
from ..base.registry import Exact, Krylov, SplitStep
from ..model.hamiltonian import Hamiltonian, hamiltonian
from ..model.problem import Problem
from ..results.observables import Observable, read_observables


@dataclass(frozen=True, eq=False)
class View:
    """What a callback sees: the time just reached and the wave there."""

    time: float
    state: np.ndarray
    log_norm: float


Callback = Callable[[int, View], Any]

_RUN_ON = {
    "real": "SplitStep, Krylov, Exact, Trotter, Variational",
    "imaginary": "SplitStep, Krylov, Exact, Variational, Schrodingerised",
    "classical": "HamiltonJacobi, KoopmanVonNeumann",
}


def circuit_seed(entropy: Any, *key: int) -> int:
    """The seed of one circuit of a run with this seed: 0, i the weight basis at saved time i, 1, i the dual basis."""
    child = np.random.SeedSequence(entropy, spawn_key=key)
    return int(child.generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass
class Job:
    """One call of :func:`evolve`, converted and checked."""

    problem: Problem
    method: Any
    h: Hamiltonian
    backend: Backend | None
    shots: int | None
    seeds: np.random.SeedSequence
    saves: np.ndarray
    observables: list[Observable]
    callback: Callback | None
    progress: Progress
    branch: tuple[int, ...] = ()

    def seed(self, *key: int) -> int:
        """A seed for one circuit: it depends on the run's seed and on what the circuit is, never on batching."""
        return circuit_seed(self.seeds.entropy, *self.branch, *key)


@dataclass
class Waves:
    """Waves at the saved times reached, and why the run ended."""

    times: list[float]
    states: list[np.ndarray]
    log_norm: list[float]
    stop: str
    diagnostics: dict[str, Any]
    parameters: list[np.ndarray] = field(default_factory=list)


def convert(
    problem: Problem,
    method: Any,
    backend: Any,
    shots: int | None,
    seed: int | None,
    save: Any,
    observables: Mapping[str, Any] | None,
    callback: Callback | None,
    progress: bool | None,
) -> Job:
    clocks = getattr(method, "clocks", None)
    if clocks is None or isinstance(method, type):
        raise MethodError(f"Argument `method` must be a method such as SplitStep(steps=400), but is {method!r}.")
    if problem.clock not in clocks:
        raise MethodError(
            f"Argument `method` must run on the {problem.clock} clock ({_RUN_ON[problem.clock]}), but is "
            f"{type(method).__name__}."
        )
    if shots is not None:
        shots = integer(shots, "shots", 1, 10**9, MethodError)
    if seed is not None:
        seed = integer(seed, "seed", 0, 2**128, MethodError)
    if callback is not None and not callable(callback):
        raise MethodError(f"Argument `callback` must be a function of (step, view), but is {callback!r}.")
    saves = save_times(save, problem.duration)
    device = find_backend(backend) if backend is not None else None
    if getattr(method, "needs_backend", False) and device is None:
        device = find_backend("statevector")
    if isinstance(method, (SplitStep, Krylov, Exact)):
        device = None  # they run here: a backend that was named beside them is checked, and takes no part
    domain = problem.domain
    check_memory(32 * domain.size * (len(saves) + 3), f"{len(saves)} saved waves on {domain.num_qubits} qubits")
    seen = read_observables(observables, problem, getattr(getattr(method, "ansatz", None), "wires", None))
    h = hamiltonian(problem, getattr(method, "workers", None))
    label = f"{type(method).__name__} on {domain.num_qubits} qubits"
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
    )


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
    except (TypeError, ValueError):
        times = np.empty(0)
    ok = times.ndim == 1 and times.size > 0 and bool(np.isfinite(times).all())
    ok = ok and times.min() >= 0 and times.max() <= duration * (1 + 1e-12)
    if not ok:
        raise MethodError(
            f"Argument `save` must be None, a number of times or times between 0 and {duration:g}, but is {save!r}."
        )
    return np.unique(np.minimum(times, duration))
