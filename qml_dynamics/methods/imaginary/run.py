"""`evolve` for the methods that run imaginary time as circuits (exact, with shots, on devices), and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ... import synthesis
from ...base.estimate import Estimate
from ...model.hamiltonians import LearningHamiltonian
from ...results.journal import Entry
from ...results.observables import best_of, combine_groups, groups_at, observe_counts, pauli_groups
from ...results.sampling import draw, draw_successes
from ...results.trajectory import Counts
from ..base import Answer, Job, Sent, Stream, Work
from ..from_samples import batches, one_moment
from ..from_waves import Stand, Waves, report_waves, run_waves
from ..memory import of_circuits
from .device import bracket_ends, bracket_jumps, bracket_on_device, qite_on_device, selected_on_device, selection
from .flows import Reached, double_bracket, fullest, looks, qite
from .laws import lower_bound
from .moments import Moment
from .options import QITE, DoubleBracket, PostSelected
from .rates import need_samples, success_at, with_success
from .selected import forecast, selected_moments

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


Walk = Callable[[Job, Sequence[float], Stand], Iterator[Moment]]


def run_selected(job: Job, method: PostSelected) -> Answer:
    """The answer of a post-selected method; with shots, samples as a device would keep them."""
    plan = forecast(job.problem, job.h, method, job.saves.tolist())
    if not job.can.exact:
        return selected_on_device(job, plan)

    def walk(inner: Job, saves: Sequence[float], stand: Stand) -> Iterator[Moment]:
        """The kept waves; a callback wants every step."""
        again = plan if len(saves) == len(plan.saves) else forecast(inner.problem, inner.h, method, saves)
        return selected_moments(inner, again, stand)

    # the register is simulated in one pass
    answer, moments = _walked(job, walk, plan.steps, resumes=plan.register is None)
    times = [m.time for m in moments]
    known = {
        **plan.known,
        "success_probability": np.array([m.success for m in moments]),
        "success_predicted": success_at(plan, times),
        "purity": np.array([m.purity for m in moments]),
    }
    answer = replace(
        answer,
        density=np.array([m.weight_law() for m in moments]),
        diagnostics={**answer.diagnostics, **known},
    )
    if job.shots is None:
        return answer
    sampled, counts = _with_shots(job, answer, moments)
    survived = [[c.shots for c in counts[name]] for name in ("weight", "dual")]
    return with_success(job, sampled, plan, times, survived, ("weight", "dual"))


def run_qite(job: Job, method: QITE) -> Answer:
    """The answer of QITE."""
    if not job.can.exact:
        return qite_on_device(job, method)
    return _flowed(job, lambda inner, saves, stand: qite(inner, method, saves, stand), method.steps)


def run_bracket(job: Job, method: DoubleBracket) -> Answer:
    """The answer of a double-bracket flow."""
    if job.shots is not None or not job.can.exact:
        return bracket_on_device(job, method)
    return _flowed(job, lambda inner, saves, stand: double_bracket(inner, method, saves, stand), method.steps)


def _flowed(job: Job, flow: Callable[[Job, Sequence[float], Stand], Iterator[Reached]], steps: int) -> Answer:
    """The answer of a flow from its waves."""
    answer, moments = _walked(job, lambda *given: (reached.moment() for reached in flow(*given)), steps)
    if job.shots is None:
        return answer
    answer, _ = _with_shots(job, answer, moments)
    spread = np.array([m.log_norm_stderr for m in moments])
    return replace(answer, diagnostics={**answer.diagnostics, "log_norm_stderr": spread})


def _walked(job: Job, walk: Walk, steps: int, resumes: bool = True) -> tuple[Answer, list[Moment]]:
    """The answer without shots, and the moments at its times."""
    seen: dict[float, Moment] = {}

    def engine(inner: Job, saves: np.ndarray, out: Waves) -> Iterator[tuple[float, np.ndarray, float]]:
        """The waves at the times ``saves``; success probabilities and both laws of each are noted in ``seen``."""
        stand = Stand(out)
        _recalled(out, seen)
        out.state = partial(_with_moments, stand, seen)
        for moment in walk(inner, saves.tolist(), stand):
            seen[moment.time] = moment
            yield moment.time, moment.wave, moment.log_norm

    waves = run_waves(job, engine, steps, resumes=resumes)
    answer = report_waves(replace(job, shots=None), waves)
    answer = replace(answer, diagnostics={**answer.diagnostics, "steps": steps})
    return answer, [seen[t] for t in waves.times]


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


def _with_shots(job: Job, answer: Answer, moments: list[Moment]) -> tuple[Answer, dict[str, list[Counts]]]:
    """Samples of the kept laws, as many as survive of ``shots``."""
    assert job.shots is not None
    places = [int(np.argmin(np.abs(job.saves - m.time))) for m in moments]
    rows: dict[str, list[Counts]] = {"weight": [], "dual": []}
    for basis, which in ((Stream.WEIGHT, "weight"), (Stream.DUAL, "dual")):
        for i, moment in zip(places, moments):
            kept = _survivors(job, moment, basis, i)
            law = moment.weight_law() if basis == Stream.WEIGHT else moment.dual_law(job.h)
            rows[which].append(draw(law, kept, job.seed(basis, i)))
    expectations = observe_counts(job.h, [m.time for m in moments], rows, job.observables)
    expectations.update(_operators(job, moments, places))
    size, shape = job.problem.domain.size, job.problem.domain.shape
    answer = replace(
        answer,
        counts={name: tuple(row) for name, row in rows.items()},
        expectations=expectations,
        density=np.array([c.histogram(size).reshape(shape) for c in rows["weight"]]),
        best=best_of(job.h, rows["weight"][-1], job.seed(Stream.BEST, 1)),
    )
    return answer, rows


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


def circuits_selected(job: Job, method: PostSelected, midway: bool = False) -> list[QuantumCircuit]:
    """What a device would run, one circuit a save time, unmeasured (with ``midway``: but for reused ancillas)."""
    plan = forecast(job.problem, job.h, method, job.saves.tolist())
    return selection(job.problem, job.h, plan, job.saves, midway).circuits


def circuits_qite(job: Job, method: QITE) -> list[QuantumCircuit]:
    """What a device would run, one circuit a save time, unmeasured."""
    return _at_saves(job, qite(job, method, _from_start(job)))


def circuits_bracket(job: Job, method: DoubleBracket) -> list[QuantumCircuit]:
    """What a device would run, one circuit a save time, unmeasured."""
    return _at_saves(job, double_bracket(job, method, _from_start(job)))


def _from_start(job: Job) -> list[float]:
    times: list[float] = np.union1d(job.saves, [0.0]).tolist()
    return times


def _at_saves(job: Job, flow: Iterator[Reached]) -> list[QuantumCircuit]:
    reached = {r.time: r.circuit for r in flow}
    return [reached[t] for t in job.saves.tolist()]


_KEPT = 610  # bytes a point: the rows of the register at a saved time, their laws, and what post-selection compares


_LOOKED = 830  # bytes a point: the waves on which the strings of a domain have acted


def work_selected(job: Job, method: PostSelected) -> Work:
    """Blocks count one ancilla where the backend measures midway or gives amplitudes."""
    plan = forecast(job.problem, job.h, method, job.saves.tolist())
    midway = plan.rule is not None and not job.can.exact and job.can.midway
    programs, each = one_moment(job, selection(job.problem, job.h, plan, job.saves, midway).circuits[-1])
    qubits, count = programs[-1].num_qubits, each * len(job.saves)
    if plan.rule is not None and (job.can.exact or job.can.midway):  # the ancilla of a block is used again
        lowest, ends = partial(lower_bound, job.problem, job.h), [0.0, job.problem.duration]
        blocks = synthesis.probabilistic.probabilistic_blocks(job.problem, job.h, plan.rule, ends, lowest)
        qubits = int(blocks[0][0].num_qubits)
    memory = of_circuits(job, qubits, synthesis.sizes.size_of(programs[-1])) + _KEPT * job.problem.domain.size
    return Work(qubits, memory, count, count * (job.shots or 0), tuple(programs), success=float(plan.success[-1]))


def work_qite(job: Job, method: QITE) -> Work:
    """The circuits of the answer, and those that measure its angles; listed on a simulator, since a price sends nothing."""
    sampled = job.shots is not None or not job.can.exact
    last = fullest(job, method) if sampled else circuits_qite(job, method)[-1]
    work = _work_of(job, last, len(job.saves), looks(job, method))
    return replace(work, memory=work.memory + _LOOKED * job.problem.domain.size, bound=True)


def work_bracket(job: Job, method: DoubleBracket) -> Work:
    """The circuits of the answer; with shots those at the ends of all steps, of which its norm is made."""
    saves, twice = job.saves, 0
    if job.shots is not None or not job.can.exact:
        saves = bracket_ends(job, method)
        twice = len(bracket_jumps(job, saves))
    last = circuits_bracket(replace(job, saves=saves), method)[-1]
    return _work_of(job, last, len(saves) + twice, [])


def _work_of(job: Job, last: QuantumCircuit, times: int, before: list[int]) -> Work:
    """So many times of the answer, and the batches that are sent before it, of so many circuits each."""
    programs, each = one_moment(job, last)
    qubits, count = programs[-1].num_qubits, each * times + sum(before)
    memory, sent = (
        of_circuits(job, qubits, synthesis.sizes.size_of(programs[-1])),
        (*map(Sent, before), *batches(job, each, times)),
    )
    return Work(qubits, memory, count, count * (job.shots or 0), tuple(programs), sent=sent)
