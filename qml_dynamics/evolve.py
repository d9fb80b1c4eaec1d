"""`evolve`: run a method on a problem, classical or quantum, and return a `Trajectory`.

Four blocks: convert, check, run, report. A classical reference and a circuit give the same kind of answer.
"""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from .backends import Backend
from .backends import backend as find_backend
from .errors import EdgeWeightWarning, MethodError, MomentumTailWarning, check_memory, integer
from .estimate import Estimate
from .formulas import by_order, multiproduct_coefficients
from .hamiltonian import Hamiltonian, LearningHamiltonian, hamiltonian
from .methods import Exact, Krylov, MultiProduct, SplitStep, Trotter
from .observe import (
    BEST_SAMPLES,
    Observable,
    best_of,
    edge_weight,
    momentum_tail,
    observe_counts,
    observe_states,
    read_observables,
    sample_states,
)
from .problem import Problem
from .progress import Progress
from .reference import exact, krylov, split_step
from .sampled import Planned
from .sampled import run as run_sampled
from .trajectory import Trajectory

_EDGE = 1e-4
_TAIL = 1e-3


@dataclass(frozen=True, eq=False)
class View:
    """What a callback sees: the time just reached and the wave there."""

    time: float
    state: np.ndarray
    log_norm: float


Callback = Callable[[int, View], Any]


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
        child = np.random.SeedSequence(self.seeds.entropy, spawn_key=(*self.branch, *key))
        return int(child.generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass
class Waves:
    """Waves at the saved times reached, and why the run ended."""

    times: list[float]
    states: list[np.ndarray]
    log_norm: list[float]
    stop: str
    diagnostics: dict[str, Any]


def evolve(
    problem: Problem,
    method: Any,
    *,
    backend: Any = None,
    shots: int | None = None,
    seed: int | None = None,
    save: int | Sequence[float] | None = None,
    observables: Mapping[str, Any] | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> Trajectory:
    """Run ``method`` on ``problem``.

    Args:
        problem: the statement.
        method: :class:`SplitStep`, :class:`Krylov`, :class:`Exact`, :class:`Trotter`, :class:`MultiProduct`.
        backend: for circuits: a name, an object, or None for the exact ``"statevector"``.
        shots: samples per circuit and per basis at every saved time; None for exact expectation values.
        seed: of all sampling; None draws one and records it.
        save: None (start and end), a number of equal times, or a list of times; the run is cut exactly there.
        observables: name to a function of weights ``(m, ndim) -> (m,)``, a function of momenta (see ``of_momenta``), or
            an operator on the register.
        callback: ``callback(step, view)`` after each step (Krylov: each saved time); returning True stops the run.
        progress: show progress on standard error; None: when it is a terminal. Nothing shows below two seconds.

    Returns:
        A :class:`Trajectory`. A keyboard interrupt returns what was done, and ``stop`` says so.

    Raises:
        ProblemError, MethodError, BackendError: something does not fit; before anything long has started.

    >>> from qml_dynamics import Grid, Problem, SplitStep, Gaussian
    >>> free = Problem(Grid((-20, 20), 7), lambda w: 0 * w[:, 0], 0.5, clock="real", duration=2.0, initial=Gaussian(0, 1.0))
    >>> spread = evolve(free, SplitStep(10), observables={"x2": lambda w: w[:, 0] ** 2})
    >>> round(float(spread.expectations["x2"].value[-1]), 6)
    2.0
    """
    started = time.perf_counter()
    job = _convert(problem, method, backend, shots, seed, save, observables, callback, progress)
    with job.progress:
        if isinstance(method, MultiProduct):
            answer = _multi_product(job)
        elif getattr(method, "needs_backend", False) and job.backend is not None and not job.backend.exact:
            answer = run_sampled(job, _trotter_circuits(job))
        else:
            answer = _report_waves(job, _run_waves(job))
    return _finish(job, answer, started)


def _convert(
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
        known = "SplitStep, Krylov, Exact, Variational"
        raise MethodError(
            f"Argument `method` must run on the {problem.clock} clock ({known}), but is {type(method).__name__}."
        )
    if shots is not None:
        shots = integer(shots, "shots", 1, 10**9, MethodError)
    if seed is not None:
        seed = integer(seed, "seed", 0, 2**128, MethodError)
    saves = save_times(save, problem.duration)
    device = find_backend(backend) if backend is not None else None
    if getattr(method, "needs_backend", False) and device is None:
        device = find_backend("statevector")
    domain = problem.domain
    check_memory(32 * domain.size * (len(saves) + 3), f"{len(saves)} saved waves on {domain.num_qubits} qubits")
    seen = read_observables(observables, problem)
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


def _run_waves(job: Job) -> Waves:
    """Collect waves from an engine; a keyboard interrupt or a callback ends it early."""
    wanted = set(job.saves.tolist())
    internal = np.union1d(job.saves, [0.0])
    if job.callback is not None and hasattr(job.method, "steps"):
        internal = np.union1d(internal, job.problem.duration * np.arange(job.method.steps + 1) / job.method.steps)
    out = Waves([], [], [], "", {})
    reached = 0.0
    try:
        for step, (t, state, log_norm) in enumerate(_engine(job, internal, out)):
            reached = t
            if t in wanted:
                out.times.append(t)
                out.states.append(state)
                out.log_norm.append(log_norm)
            if job.callback is not None and job.callback(step, View(t, state, log_norm)):
                out.stop = f"The callback stopped the run at t = {t:g} of {job.problem.duration:g}."
                if t not in wanted:
                    out.times.append(t)
                    out.states.append(state)
                    out.log_norm.append(log_norm)
                break
    except KeyboardInterrupt:
        if not out.times:
            raise
        out.stop = (
            f"Interrupted from the keyboard after t = {reached:g} of {job.problem.duration:g}; kept what was saved."
        )
    out.stop = out.stop or f"Reached the end of the duration, {job.saves[-1]:g}."
    return out


def _engine(job: Job, saves: np.ndarray, out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
    problem, method, h = job.problem, job.method, job.h
    times = saves.tolist()
    if isinstance(method, SplitStep):
        yield from split_step.run(problem, h, method, times, job.progress)  # type: ignore[arg-type]
        out.diagnostics["steps"] = method.steps
        if method.formula == "chin4a" and isinstance(h, LearningHamiltonian):
            floor = split_step.resolution_floor(problem, h, method, out.states[-1])
            out.diagnostics["resolution_floor"] = floor
    elif isinstance(method, Krylov):
        yield from krylov.run(problem, h, method, times, job.progress)
    elif isinstance(method, Exact):
        yield from exact.run(problem, h, method, times, job.progress)
    elif isinstance(method, Trotter):
        yield from _trotter(job, saves, out)
    else:
        raise MethodError(f"Argument `method` must be one that evolve knows, but is {method!r}.")


def _trotter(job: Job, saves: np.ndarray, out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
    from .synthesis.trotter import program

    method, domain = job.method, job.problem.domain
    plan = program(job.problem, job.h, method.product_formula, method.steps, saves.tolist(), method.truncation)
    out.diagnostics.update(
        steps=method.steps, truncation_sup_error=plan.sup_error, truncation_error_bound=plan.error_bound
    )
    out.diagnostics["gates"] = sum(len(piece.data) for piece in (plan.start, *plan.pieces))
    assert job.backend is not None
    waves = job.backend.states([plan.start, *plan.pieces], job.progress)
    for t, wave in zip(plan.saves, waves):
        yield t, wave[: domain.size].reshape(domain.shape), 0.0  # ancillas of walls are the highest qubits, back in |0>


def _report_waves(job: Job, waves: Waves) -> dict[str, Any]:
    """Everything a trajectory holds, from the waves of an exact engine."""
    times, states = np.array(waves.times), np.array(waves.states)
    density = np.abs(states) ** 2
    density /= density.reshape(len(density), -1).sum(axis=1).reshape(-1, *[1] * job.problem.domain.ndim)
    answer: dict[str, Any] = {
        "times": times,
        "density": density,
        "states": states,
        "log_norm": np.array(waves.log_norm),
        "stop": waves.stop,
        "counts": None,
    }
    if job.shots is None:
        answer["expectations"] = observe_states(job.h, times, states, job.observables)
        from .sampling import draw

        drawn = draw(density[-1], BEST_SAMPLES, job.seed(2, 0))
    else:
        answer.update(_sampled_report(job, waves, times, states))
        drawn = answer["counts"]["weight"][-1]
    answer["best"] = best_of(job.h, drawn, job.seed(2, 1))
    answer["diagnostics"] = {**waves.diagnostics, **_wave_diagnostics(job, states, np.abs(states) ** 2)}
    return answer


def _sampled_report(job: Job, waves: Waves, times: np.ndarray, states: np.ndarray) -> dict[str, Any]:
    """Draw the shots that a device would give, from exact probabilities."""
    from .observe import combine_groups, pauli_groups
    from .sampling import draw

    assert job.shots is not None
    place = [int(np.argmin(np.abs(job.saves - t))) for t in times]
    counts = sample_states(job.h, states, job.shots, [(job.seed(0, i), job.seed(1, i)) for i in place])
    expectations = observe_counts(job.h, times.tolist(), counts, job.observables)
    operators = [(o.name, o.terms) for o in job.observables if o.terms is not None]
    if not isinstance(job.h, LearningHamiltonian):
        operators.insert(0, ("energy", job.h.terms))
    for number, (name, terms) in enumerate(operators):
        groups = pauli_groups(terms)
        rows = []
        for i, psi in zip(place, states):
            seeds = [job.seed(3, number, i, g) for g in range(len(groups))]
            drawn = [draw(g.probabilities(psi), job.shots, s) for g, s in zip(groups, seeds)]
            rows.append(combine_groups([g.estimate(c) for g, c in zip(groups, drawn)]))
        expectations[name] = Estimate(np.array([v for v, _ in rows]), np.array([e for _, e in rows]), job.shots)
    size, shape = job.problem.domain.size, job.problem.domain.shape
    density = np.array([c.histogram(size).reshape(shape) for c in counts["weight"]])
    return {"expectations": expectations, "counts": counts, "density": density}


def _wave_diagnostics(job: Job, states: np.ndarray, density: np.ndarray) -> dict[str, Any]:
    domain = job.problem.domain
    edge = edge_weight(domain, density)
    out: dict[str, Any] = {"edge_weight": edge, "norm": np.sqrt(density.reshape(len(density), -1).sum(axis=1))}
    if isinstance(job.h, LearningHamiltonian):
        duals = (np.abs(job.h.transform.forward(np.array(psi, dtype=complex))) ** 2 for psi in states)
        out["momentum_tail"] = np.array([momentum_tail(domain, dual) for dual in duals])
        if out["momentum_tail"].max() > max(_TAIL, 2 * out["momentum_tail"][0]):
            warnings.warn(
                f"The wave has {out['momentum_tail'].max():.1e} of its weight above 0.8 of the largest momentum: refine the grid.",
                MomentumTailWarning,
                stacklevel=4,
            )
    if edge.max() > max(_EDGE, 2 * edge[0]):
        warnings.warn(
            f"The wave has reached the edge of its box (weight {edge.max():.1e}): the order of a formula drops there.",
            EdgeWeightWarning,
            stacklevel=4,
        )
    return out


def _finish(job: Job, answer: dict[str, Any], started: float) -> Trajectory:
    diagnostics = dict(answer.pop("diagnostics", {}))
    provenance = {
        "seed": job.seeds.entropy,
        "seconds": time.perf_counter() - started,
        "backend": job.backend.name if job.backend is not None else None,
        "backend_details": job.backend.describe() if job.backend is not None else None,
        "versions": {name: version(name) for name in ("numpy", "scipy", "qml-dynamics")},
        "python": platform.python_version(),
        "reading": job.problem.reading,
        "shots": job.shots,
    }
    return Trajectory(problem=job.problem, method=job.method, diagnostics=diagnostics, provenance=provenance, **answer)


def _trotter_circuits(job: Job) -> Planned:
    """The circuits of a Trotter run for a backend that gives samples only: one a saved time."""
    from .synthesis.trotter import program

    method = job.method
    wanted = np.union1d(job.saves, [0.0])
    plan = program(job.problem, job.h, method.product_formula, method.steps, wanted.tolist(), method.truncation)
    bounds = {"truncation_sup_error": plan.sup_error, "truncation_error_bound": plan.error_bound, "steps": method.steps}
    return Planned([plan.until(int(np.argmin(np.abs(wanted - t)))) for t in job.saves], bounds)


def _multi_product(job: Job) -> dict[str, Any]:
    """One run for each Trotter number, each time with its own equal steps, combined with the extrapolation's weights."""
    from .synthesis.trotter import program

    method, problem, domain = job.method, job.problem, job.problem.domain
    answers, bounds = [], {}
    for k in method.steps:
        branch = replace(job, branch=(4, k), callback=None)
        plans = [
            program(
                problem,
                job.h,
                by_order(2),
                k,
                [0.0, float(t)] if t else [0.0],
                method.truncation,
                until=float(t) or None,
            )
            for t in job.saves
        ]
        whole = [plan.until(len(plan.pieces)) for plan in plans]
        bounds = {"truncation_sup_error": plans[-1].sup_error, "truncation_error_bound": plans[-1].error_bound}
        assert job.backend is not None
        if not job.backend.exact:
            answers.append(run_sampled(branch, Planned(whole, bounds)))
            continue
        states = [next(iter(job.backend.states([circuit], job.progress))) for circuit in whole]
        waves = [wave[: domain.size].reshape(domain.shape) for wave in states]
        stop = f"Reached the end of the duration, {job.saves[-1]:g}."
        answers.append(_report_waves(branch, Waves(job.saves.tolist(), waves, [0.0] * len(waves), stop, dict(bounds))))
    return _extrapolated(multiproduct_coefficients(method.steps), answers)


def _extrapolated(weights: np.ndarray, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Combine densities and expectation values; samples and best weights are those of the largest Trotter number."""
    out = dict(answers[-1])
    out["states"] = None
    out["counts"] = None
    out["density"] = np.tensordot(weights, np.array([a["density"] for a in answers]), axes=1)
    expectations = {}
    for name, last in out["expectations"].items():
        values = np.array([a["expectations"][name].value for a in answers])
        errors = np.array([np.broadcast_to(a["expectations"][name].stderr, values[0].shape) for a in answers])
        expectations[name] = Estimate(weights @ values, np.sqrt(weights**2 @ errors**2), last.shots)
    out["expectations"] = expectations
    out["diagnostics"] = {**out["diagnostics"], "coefficients": weights, "one_norm": float(np.abs(weights).sum())}
    return out


def circuits(problem: Problem, method: Any, times: Any = None) -> list[Any]:
    """The circuits that a device would run: one a saved time, unmeasured, made of gates.

    Args:
        problem: on the real clock.
        method: :class:`Trotter`.
        times: as ``save`` of :func:`evolve`.

    Returns:
        A list of ``QuantumCircuit``. With walls, the ancillas are the highest qubits and end in ``|0>``.

    >>> from qml_dynamics import Hypercube, Problem, Trotter
    >>> spins = Problem(Hypercube(3), lambda w: w[:, 0] * w[:, 1] - w[:, 2], 1.0, clock="real", duration=1.0)
    >>> [circuit.num_qubits for circuit in circuits(spins, Trotter(2))]
    [3, 3]
    """
    from .synthesis.trotter import program

    if not isinstance(method, Trotter):
        raise MethodError(f"Argument `method` must be one that runs as circuits (Trotter), but is {method!r}.")
    if problem.clock not in method.clocks:
        raise MethodError(f"Argument `method` must run on the {problem.clock} clock, but is {type(method).__name__}.")
    saves = save_times(times, problem.duration)
    h = hamiltonian(problem)
    wanted = np.union1d(saves, [0.0])
    plan = program(problem, h, method.product_formula, method.steps, wanted.tolist(), method.truncation)
    return [plan.until(int(np.argmin(np.abs(wanted - t)))) for t in saves]
