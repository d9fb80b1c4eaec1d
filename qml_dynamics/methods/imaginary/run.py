"""`evolve` for the methods that run imaginary time as circuits: exact, with shots, and on devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.estimate import Estimate
from ...model.hamiltonian import Hamiltonian, LearningHamiltonian
from ...model.problem import Problem
from ...results.observables import best_of, combine_groups, observe_counts, pauli_groups
from ...results.sampling import draw, draw_successes
from ...results.trajectory import Counts
from ..answer import report_waves
from ..base import Job
from ..engines import run_waves
from .device import bracket_on_device, qite_on_device, selected_on_device, selection
from .flows import double_bracket, qite
from .moments import Moment
from .options import DoubleBracket, ProbabilisticITE, Schrodingerised
from .rates import need_samples, success_at, with_success
from .selected import Forecast, forecast, probabilistic_moments, schrodinger_moments

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def run(job: Job) -> dict[str, Any]:
    """Everything a trajectory holds."""
    assert job.backend is not None
    plan = None
    if isinstance(job.method, (Schrodingerised, ProbabilisticITE)):
        plan = forecast(job.problem, job.h, job.method, job.saves.tolist())
    if isinstance(job.method, DoubleBracket) and (job.shots is not None or not job.backend.exact):
        return bracket_on_device(job)
    if job.backend.exact:
        return _exact(job, plan)
    return qite_on_device(job) if plan is None else selected_on_device(job, plan)


def _exact(job: Job, plan: Forecast | None) -> dict[str, Any]:
    """Waves first; with shots, samples as a device would keep them."""
    seen: dict[float, Moment] = {}

    def engine(inner: Job, saves: np.ndarray, out: Any) -> Iterator[tuple[float, np.ndarray, float]]:
        again = plan
        if plan is not None and len(saves) != len(plan.saves):  # a callback wants every step
            again = forecast(inner.problem, inner.h, inner.method, saves.tolist())
        for moment in _moments(inner, again, saves.tolist()):
            seen[moment.time] = moment
            yield moment.time, moment.wave, moment.log_norm

    waves = run_waves(job, engine)
    answer = report_waves(replace(job, shots=None), waves)
    moments = [seen[t] for t in waves.times]
    known: dict[str, Any] = {"steps": job.method.steps}
    if plan is not None:
        known.update(plan.known)
        known["success_probability"] = np.array([m.success for m in moments])
        known["success_predicted"] = success_at(plan, waves.times)
        known["purity"] = np.array([m.purity for m in moments])
        answer["density"] = np.array([m.weight_law() for m in moments])
    answer["diagnostics"] = {**answer["diagnostics"], **known}
    return answer if job.shots is None else _with_shots(job, answer, moments, plan)


def _moments(job: Job, plan: Forecast | None, saves: Sequence[float]) -> Iterator[Moment]:
    if plan is not None:
        selected = schrodinger_moments if isinstance(job.method, Schrodingerised) else probabilistic_moments
        yield from selected(job, plan)
        return
    flow = double_bracket if isinstance(job.method, DoubleBracket) else qite
    for reached in flow(job, saves):
        yield reached.moment()


def _with_shots(job: Job, answer: dict[str, Any], moments: list[Moment], plan: Forecast | None) -> dict[str, Any]:
    """Samples of the kept laws, as many as survive of ``shots``."""
    assert job.shots is not None
    places = [int(np.argmin(np.abs(job.saves - m.time))) for m in moments]
    counts: dict[str, list[Counts]] = {"weight": [], "dual": []}
    for basis, which in ((0, "weight"), (1, "dual")):
        for i, moment in zip(places, moments):
            kept = _survivors(job, moment, basis, i)
            law = moment.weight_law() if basis == 0 else moment.dual_law(job.h)
            counts[which].append(draw(law, kept, job.seed(basis, i)))
    times = [m.time for m in moments]
    expectations = observe_counts(job.h, times, counts, job.observables)
    expectations.update(_operators(job, moments, places))
    size, shape = job.problem.domain.size, job.problem.domain.shape
    answer["counts"] = {name: tuple(rows) for name, rows in counts.items()}
    answer["expectations"] = expectations
    answer["density"] = np.array([c.histogram(size).reshape(shape) for c in counts["weight"]])
    answer["best"] = best_of(job.h, counts["weight"][-1], job.seed(2, 1))
    if plan is None:
        answer["diagnostics"]["log_norm_stderr"] = np.array([m.log_norm_stderr for m in moments])
        return answer
    survived = [[c.shots for c in counts[name]] for name in ("weight", "dual")]
    return with_success(job, answer, plan, times, survived, ("weight", "dual"))


def _survivors(job: Job, moment: Moment, basis: int, i: int) -> int:
    """How many of the shots are kept."""
    assert job.shots is not None
    kept = draw_successes(moment.success, job.shots, job.seed(5, basis, i))
    need_samples(kept, job.shots, moment.time, moment.success)
    return kept


def _operators(job: Job, moments: list[Moment], places: list[int]) -> dict[str, Estimate]:
    """Energies of general operators and observables given as operators, group by group."""
    operators = [(o.name, o.terms) for o in job.observables if o.terms is not None]
    if not isinstance(job.h, LearningHamiltonian):
        operators.insert(0, ("energy", job.h.terms))
    out = {}
    for number, (name, terms) in enumerate(operators):
        groups = pauli_groups(terms)
        rows = []
        for i, moment in zip(places, moments):
            parts = []
            for g, group in enumerate(groups):
                law = sum(group.probabilities(row) for row in moment.rows)
                kept = _survivors(job, moment, 10 + 1000 * number + g, i)
                parts.append(group.estimate(draw(np.asarray(law), kept, job.seed(3, number, i, g))))
            rows.append(combine_groups(parts))
        out[name] = Estimate(np.array([v for v, _ in rows]), np.array([e for _, e in rows]), job.shots)
    return out


def circuits(job: Job, midway: bool = False) -> list[QuantumCircuit]:
    """What a device would run, one circuit a save time, unmeasured (with ``midway``: but for reused ancillas)."""
    if isinstance(job.method, (Schrodingerised, ProbabilisticITE)):
        plan = forecast(job.problem, job.h, job.method, job.saves.tolist())
        return selection(job.problem, job.h, job.method, plan, job.saves, midway).circuits
    flow = double_bracket if isinstance(job.method, DoubleBracket) else qite
    times = np.union1d(job.saves, [0.0]).tolist()
    reached = {r.time: r.circuit for r in flow(job, times)}
    return [reached[t] for t in job.saves.tolist()]


def success(problem: Problem, h: Hamiltonian, method: Any) -> float | None:
    """The predicted success probability at the end; None for methods that keep every sample."""
    if not isinstance(method, (Schrodingerised, ProbabilisticITE)):
        return None
    return float(forecast(problem, h, method, [problem.duration]).success[-1])
