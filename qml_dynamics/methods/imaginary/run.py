"""`evolve` for the methods that run imaginary time as circuits (exact, with shots, on devices), and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import synthesis
from ...base.estimate import Estimate
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian
from ...model.problem import Problem
from ...results.journal import Entry
from ...results.observables import best_of, combine_groups, groups_at, observe_counts, pauli_groups
from ...results.sampling import draw, draw_successes
from ...results.trajectory import Counts
from ..base import Answer, Job, Stream, Work
from ..from_samples import one_moment
from ..from_waves import Stand, Waves, report_waves, run_waves
from ..memory import of_circuits
from .device import bracket_ends, bracket_jumps, bracket_on_device, qite_on_device, selected_on_device, selection
from .flows import Reached, double_bracket, fullest, looks, qite
from .laws import lower_bound
from .moments import Moment
from .options import QITE, DoubleBracket, ProbabilisticITE, Schrodingerised, Selected
from .rates import need_samples, success_at, with_success
from .selected import Forecast, blocks_of, forecast, probabilistic_moments, schrodinger_moments

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def one_ancilla(job: Job, method: Selected) -> int:
    """Qubits of a block of ProbabilisticITE, whose ancilla is used again."""
    assert isinstance(method, ProbabilisticITE)
    lowest = partial(lower_bound, job.problem, job.h)
    pieces = synthesis.probabilistic.probabilistic_blocks(
        job.problem, job.h, blocks_of(method), [0.0, job.problem.duration], lowest
    )
    return int(pieces[0][0].num_qubits)


Flow = QITE | DoubleBracket


def run_selected(job: Job, method: Selected) -> Answer:
    """The answer of a post-selected method."""
    plan = forecast(job.problem, job.h, method, job.saves.tolist())
    return _exact(job, method, plan) if job.can.exact else selected_on_device(job, method, plan)


def run_flow(job: Job, method: Flow) -> Answer:
    """The answer of a method without post-selection."""
    if isinstance(method, DoubleBracket) and (job.shots is not None or not job.can.exact):
        return bracket_on_device(job, method)
    if isinstance(method, QITE) and not job.can.exact:
        return qite_on_device(job, method)
    return _exact(job, method, None)


def _exact(job: Job, method: Selected | Flow, plan: Forecast | None) -> Answer:
    """Waves first; with shots, samples as a device would keep them."""
    seen: dict[float, Moment] = {}

    def engine(inner: Job, saves: np.ndarray, out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
        """The waves at the times ``saves``; success probabilities and both laws of each are noted in ``seen``."""
        stand = Stand(out)
        _recalled(out, seen)
        out.state = partial(_with_moments, stand, seen)
        again = plan
        if plan is not None and len(saves) != len(plan.saves):  # a callback wants every step
            again = forecast(inner.problem, inner.h, method, saves.tolist())
        for moment in _moments(inner, method, again, saves.tolist(), stand):
            seen[moment.time] = moment
            yield moment.time, moment.wave, moment.log_norm

    resumes = not isinstance(method, Schrodingerised)  # whose register is simulated in one pass
    waves = run_waves(job, engine, method.steps, resumes=resumes)
    answer = report_waves(replace(job, shots=None), waves)
    moments = [seen[t] for t in waves.times]
    known: dict[str, Any] = {"steps": method.steps}
    if plan is not None:
        known.update(plan.known)
        known["success_probability"] = np.array([m.success for m in moments])
        known["success_predicted"] = success_at(plan, waves.times)
        known["purity"] = np.array([m.purity for m in moments])
        answer = replace(answer, density=np.array([m.weight_law() for m in moments]))
    answer = replace(answer, diagnostics={**answer.diagnostics, **known})
    return answer if job.shots is None else _with_shots(job, method, answer, moments, plan)


def _with_moments(stand: Stand, seen: dict[float, Moment]) -> Entry | None:
    """Where the loop stands, and of every moment so far what its wave does not tell."""
    if stand.entry is None:
        return None
    rows = np.array([(m.time, m.success, m.log_norm_stderr) for m in seen.values()])
    return Entry(stand.entry.meta, {**stand.entry.arrays, "moments": rows})


def _recalled(out: Waves, seen: dict[float, Moment]) -> None:
    """The moments that an earlier process has kept; each had one row, its wave."""
    if out.kept is None:
        return
    known = {t: (success, spread) for t, success, spread in out.kept.arrays["moments"].tolist()}
    for t, wave, log in zip(out.times, out.states, out.log_norm):
        success, spread = known[t]
        seen[t] = Moment(t, wave, log, success, np.sqrt(success) * wave[None], spread)


def _moments(
    job: Job, method: Selected | Flow, plan: Forecast | None, saves: Sequence[float], stand: Stand
) -> Iterator[Moment]:
    if plan is not None:
        if isinstance(method, Schrodingerised):
            yield from schrodinger_moments(job, method, plan)
        else:
            assert isinstance(method, ProbabilisticITE)
            yield from probabilistic_moments(job, method, plan, stand)
        return
    for reached in _flow(job, method, saves, stand):
        yield reached.moment()


def _flow(job: Job, method: Selected | Flow, saves: Sequence[float], stand: Stand | None = None) -> Iterator[Reached]:
    if isinstance(method, DoubleBracket):
        return double_bracket(job, method, saves, stand)
    assert isinstance(method, QITE)
    return qite(job, method, saves, stand)


def _with_shots(
    job: Job, method: Selected | Flow, answer: Answer, moments: list[Moment], plan: Forecast | None
) -> Answer:
    """Samples of the kept laws, as many as survive of ``shots``."""
    assert job.shots is not None
    places = [int(np.argmin(np.abs(job.saves - m.time))) for m in moments]
    rows: dict[str, list[Counts]] = {"weight": [], "dual": []}
    for basis, which in ((Stream.WEIGHT, "weight"), (Stream.DUAL, "dual")):
        for i, moment in zip(places, moments):
            kept = _survivors(job, moment, basis, i)
            law = moment.weight_law() if basis == Stream.WEIGHT else moment.dual_law(job.h)
            rows[which].append(draw(law, kept, job.seed(basis, i)))
    times = [m.time for m in moments]
    expectations = observe_counts(job.h, times, rows, job.observables)
    expectations.update(_operators(job, moments, places))
    size, shape = job.problem.domain.size, job.problem.domain.shape
    answer = replace(
        answer,
        counts={name: tuple(row) for name, row in rows.items()},
        expectations=expectations,
        density=np.array([c.histogram(size).reshape(shape) for c in rows["weight"]]),
        best=best_of(job.h, rows["weight"][-1], job.seed(Stream.BEST, 1)),
    )
    if plan is None:
        spread = np.array([m.log_norm_stderr for m in moments])
        return replace(answer, diagnostics={**answer.diagnostics, "log_norm_stderr": spread})
    survived = [[c.shots for c in rows[name]] for name in ("weight", "dual")]
    return with_success(job, method, answer, plan, times, survived, ("weight", "dual"))


def _survivors(job: Job, moment: Moment, basis: int, i: int) -> int:
    """How many of the shots are kept."""
    assert job.shots is not None
    kept = draw_successes(moment.success, job.shots, job.seed(Stream.SUCCESS, basis, i))
    need_samples(kept, job.shots, moment.time, moment.success)
    return kept


def _operators(job: Job, moments: list[Moment], places: list[int]) -> dict[str, Estimate]:
    """Energies of general operators and observables given as operators, group by group."""
    operators = [(o.name, o.terms) for o in job.observables if o.terms is not None]
    if not isinstance(job.h, LearningHamiltonian):
        operators.insert(0, ("energy", job.h.terms))
    out = {}
    for number, (name, terms) in enumerate(operators):
        every = pauli_groups(terms)
        rows = []
        for i, moment in zip(places, moments):
            parts, groups = [], groups_at(job.h, name, every, moment.time)
            for g, group in enumerate(groups):
                law = sum(group.probabilities(row) for row in moment.rows)
                kept = _survivors(job, moment, 10 + 1000 * number + g, i)
                parts.append(group.estimate(draw(np.asarray(law), kept, job.seed(Stream.OPERATORS, number, i, g))))
            rows.append(combine_groups(parts))
        out[name] = Estimate(np.array([v for v, _ in rows]), np.array([e for _, e in rows]), job.shots)
    return out


def circuits_selected(job: Job, method: Selected, midway: bool = False) -> list[QuantumCircuit]:
    """What a device would run, one circuit a save time, unmeasured (with ``midway``: but for reused ancillas)."""
    plan = forecast(job.problem, job.h, method, job.saves.tolist())
    return selection(job.problem, job.h, method, plan, job.saves, midway).circuits


def circuits_flow(job: Job, method: Flow) -> list[QuantumCircuit]:
    """What a device would run, one circuit a save time, unmeasured."""
    times = np.union1d(job.saves, [0.0]).tolist()
    reached = {r.time: r.circuit for r in _flow(job, method, times)}
    return [reached[t] for t in job.saves.tolist()]


_KEPT = 610  # bytes a point: the rows of the register at a saved time, their laws, and what post-selection compares


_LOOKED = 1000  # bytes a point: the waves on which the strings of a domain have acted


def work_selected(job: Job, method: Selected) -> Work:
    """A ProbabilisticITE counts one ancilla where the backend measures midway or gives amplitudes."""
    plan = forecast(job.problem, job.h, method, job.saves.tolist())
    midway = bool(plan.blocks) and not job.can.exact and job.can.midway
    programs, each = one_moment(job, circuits_selected(job, method, midway)[-1])
    qubits, count = programs[-1].num_qubits, each * len(job.saves)
    if plan.blocks and (job.can.exact or job.can.midway):
        qubits = one_ancilla(job, method)
    total = count * (job.shots or 0)
    memory = of_circuits(job, qubits, programs[-1].size()) + _KEPT * job.problem.domain.size
    return Work(qubits, memory, count, total, tuple(programs), success=float(plan.success[-1]))


def work_flow(job: Job, method: Flow) -> Work:
    """The circuits of the answer, and those that measure on the way; listed on a simulator, since a price sends nothing."""
    saves, twice = job.saves, 0
    if isinstance(method, DoubleBracket) and (job.shots is not None or not job.can.exact):
        saves = bracket_ends(job, method)
        twice = len(bracket_jumps(job, saves))
    if isinstance(method, QITE) and (job.shots is not None or not job.can.exact):
        last = fullest(job, method)
    else:
        last = circuits_flow(replace(job, saves=saves), method)[-1]
    programs, each = one_moment(job, last)
    qubits, count = programs[-1].num_qubits, each * (len(saves) + twice)
    count += looks(job, method) if isinstance(method, QITE) else 0
    memory = of_circuits(job, qubits, programs[-1].size())
    if isinstance(method, QITE):
        memory += _LOOKED * job.problem.domain.size
    return Work(qubits, memory, count, count * (job.shots or 0), tuple(programs), bound=isinstance(method, QITE))


def success(problem: Problem, h: Hamiltonian, method: Selected) -> float:
    """The predicted success probability at the end."""
    return float(forecast(problem, h, method, [problem.duration]).success[-1])
