"""What runs a method: waves from exact engines, circuits for backends that only sample, extrapolation over step numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..base.errors import MethodError
from ..base.estimate import Estimate
from ..base.registry import Exact, Krylov, SplitStep, Trotter
from ..model.formulas import by_order, multiproduct_coefficients
from ..model.hamiltonian import LearningHamiltonian
from . import exact, krylov, split_step
from .answer import report_waves
from .base import Job, View, Waves
from .from_samples import Planned
from .from_samples import run as run_sampled
from .variational.options import Variational

Engine = Callable[[Job, np.ndarray, Waves], Iterator[tuple[float, np.ndarray, float]]]


def run_waves(job: Job, engine: Engine | None = None) -> Waves:
    """Collect waves from an engine (None: the method's own); an interrupt or a callback ends it with the last wave reached."""
    wanted = set(job.saves.tolist())
    out = Waves([], [], [], "", {})
    reached: tuple[float, np.ndarray, float] | None = None

    def keep(t: float, state: np.ndarray, log_norm: float) -> None:
        out.times.append(t)
        out.states.append(state)
        out.log_norm.append(log_norm)

    try:
        for step, point in enumerate((engine or _engine)(job, _internal_times(job), out)):
            reached = point
            stop = job.callback is not None and job.callback(step, View(*point))
            if point[0] in wanted or stop:
                keep(*point)
            if stop:
                out.stop = f"The callback stopped the run at t = {point[0]:g} of {job.problem.duration:g}."
                break
    except KeyboardInterrupt:
        if reached is None:
            raise
        if reached[0] not in out.times:
            keep(*reached)
            if out.parameters:
                out.parameters.append(out.diagnostics["theta"])
        out.diagnostics["interrupted"] = True
        out.stop = (
            f"Interrupted from the keyboard after t = {reached[0]:g} of {job.problem.duration:g}; kept what was done."
        )
    out.diagnostics.pop("theta", None)
    out.stop = out.stop or f"Reached the end of the duration, {job.saves[-1]:g}."
    return out


_SIGNPOSTS = 16  # an interrupted run loses at most this share of its duration


def _internal_times(job: Job) -> np.ndarray:
    """The saved times, the start, and where the wave is looked at on the way: every step for a callback, else rarely."""
    times = np.union1d(job.saves, [0.0])
    steps = getattr(job.method, "steps", None)
    if job.callback is not None and isinstance(steps, int):
        return np.union1d(times, job.problem.duration * np.arange(steps + 1) / steps)
    if isinstance(job.method, (SplitStep, Variational)) and job.method.steps >= 4 * _SIGNPOSTS:
        every = job.method.steps // _SIGNPOSTS
        posts = job.problem.duration * np.arange(every, job.method.steps, every) / job.method.steps
        return np.union1d(times, posts[posts < job.saves[-1]])
    return times


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
    elif isinstance(method, Variational):
        yield from _variational(job, times, out)
    elif hasattr(method, "engine"):  # a method that brings its own, as Growing does
        yield from method.engine(job, times, out)
    else:
        raise MethodError(f"Argument `method` must be one that evolve knows, but is {method!r}.")


def _variational(job: Job, saves: list[float], out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
    """The exact engine of the variational method; its record of every step becomes the diagnostics."""
    from .variational.evolve import run

    record = out.diagnostics
    wanted = set(job.saves.tolist())
    for sample in run(job.problem, job.h, job.method, saves, job.progress, record):
        if sample.time in wanted:
            out.parameters.append(sample.theta)
        record["theta"] = sample.theta
        yield sample.time, sample.state, sample.log_norm
    out.stop = str(record.get("stop", ""))


def _trotter(job: Job, saves: np.ndarray, out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
    from ..synthesis.trotter import program

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


def trotter_circuits(job: Job) -> Planned:
    """The circuits of a Trotter run for a backend that gives samples only: one a saved time."""
    from ..synthesis.trotter import program

    method = job.method
    if hasattr(method, "planned"):
        planned: Planned = method.planned(job.problem, job.h, job.saves)
        return planned
    wanted = np.union1d(job.saves, [0.0])
    plan = program(job.problem, job.h, method.product_formula, method.steps, wanted.tolist(), method.truncation)
    bounds = {"truncation_sup_error": plan.sup_error, "truncation_error_bound": plan.error_bound, "steps": method.steps}
    return Planned([plan.until(int(np.argmin(np.abs(wanted - t)))) for t in job.saves], bounds)


def multi_product(job: Job) -> dict[str, Any]:
    """One run for each Trotter number, each time with its own equal steps, combined with the extrapolation's weights."""
    from ..synthesis.trotter import program

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
        answers.append(report_waves(branch, Waves(job.saves.tolist(), waves, [0.0] * len(waves), stop, dict(bounds))))
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
