"""`evolve` for the methods that run imaginary time as circuits: exact, with shots, and on devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answer import report_waves
from ..backends.dynamic import measures_midway, sample_midway
from ..engines import run_waves
from ..errors import MethodError
from ..estimate import Estimate
from ..hamiltonian import Hamiltonian, LearningHamiltonian
from ..imaginary_methods import DoubleBracket, ProbabilisticITE, Schrodingerised
from ..job import Job
from ..observe import best_of, combine_groups, observe_counts, pauli_groups
from ..problem import Problem
from ..sampled import Batch, Planned, _from_probabilities, from_outcomes, plan_batch
from ..sampling import draw
from ..trajectory import Counts
from .flows import double_bracket, qite
from .laws import lower_bound, pooled
from .moments import Moment
from .selected import Forecast, forecast, kept_energy, probabilistic_moments, schrodinger_moments

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

FRESH = 12  # ancillas of one circuit on backends that cannot measure in the middle


def run(job: Job) -> dict[str, Any]:
    """Everything a trajectory holds."""
    assert job.backend is not None
    plan = None
    if isinstance(job.method, (Schrodingerised, ProbabilisticITE)):
        plan = forecast(job.problem, job.h, job.method, job.saves.tolist())
    if isinstance(job.method, DoubleBracket) and (job.shots is not None or not job.backend.exact):
        return _bracket_on_device(job)
    if job.backend.exact:
        return _exact(job, plan)
    return _qite_on_device(job) if plan is None else _selected_on_device(job, plan)


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
        known["success_predicted"] = _at(plan, waves.times)
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


def _at(plan: Forecast, times: Sequence[float]) -> np.ndarray:
    return np.array([plan.success[int(np.argmin(np.abs(np.array(plan.saves) - t)))] for t in times])


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
    return _with_success(job, answer, plan, times, survived, ("weight", "dual"))


def _survivors(job: Job, moment: Moment, basis: int, i: int) -> int:
    """How many of the shots are kept."""
    assert job.shots is not None
    rng = np.random.default_rng(job.seed(5, basis, i))
    kept = int(rng.binomial(job.shots, min(1.0, moment.success)))
    _need(kept, job.shots, moment.time, moment.success)
    return kept


def _need(kept: int, shots: int, time: float, success: float) -> None:
    if kept == 0:
        raise MethodError(
            f"Argument `shots` must be larger: none of {shots} was kept at tau = {time:g}, where {success:.1e} of them are."
        )


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


def _with_success(
    job: Job,
    answer: dict[str, Any],
    plan: Forecast,
    times: Sequence[float],
    kept: Sequence[Sequence[int]],
    names: Sequence[str],
) -> dict[str, Any]:
    """Success probability and ``log_norm`` from how many samples were kept, each with its error."""
    assert job.shots is not None
    rates = [pooled([row[i] for row in kept], [job.shots] * len(kept)) for i in range(len(times))]
    p, error = np.array([v for v, _ in rates]), np.array([e for _, e in rates])
    scale = np.array([_log_scale(job, plan, t) for t in times])
    answer["log_norm"] = 0.5 * np.log(p) + scale
    answer["diagnostics"].update(
        success_probability=p,
        success_stderr=error,
        success_predicted=_at(plan, times),
        log_norm_stderr=0.5 * error / p,
        kept_shots={name: list(row) for name, row in zip(names, kept)},
    )
    return answer


def _log_scale(job: Job, plan: Forecast, t: float) -> float:
    """``log_norm - log(success) / 2``: what the circuit takes away from every wave."""
    if plan.register is not None:
        return -0.5 * float(np.log(plan.register.share)) - lower_bound(job.problem, job.h, 0.0, t)
    count = plan.blocks[int(np.argmin(np.abs(np.array(plan.saves) - t)))]
    return -count * float(np.log(job.method.m0)) - kept_energy(job.problem, job.h, job.method, t)


@dataclass(frozen=True, eq=False)
class Selection:
    """Circuits, one a save time, and which outcomes of the qubits (and bits) beyond the register are kept."""

    circuits: list[QuantumCircuit]
    base: int
    keeps: list[Callable[[np.ndarray], np.ndarray]]
    midway: bool = False


def selection(
    problem: Problem, h: Hamiltonian, method: Any, plan: Forecast, saves: np.ndarray, midway: bool
) -> Selection:
    """The post-selected circuits at these times; with ``midway`` one ancilla is measured and reset."""
    from ..synthesis.imaginary import schrodingerised
    from ..synthesis.probabilistic import deferred, probabilistic_blocks, reused
    from ..synthesis.states import prepare
    from ..synthesis.transforms import width

    base, places = width(problem.domain), [int(np.argmin(np.abs(np.array(plan.saves) - t))) for t in saves]
    if plan.register is not None:
        assert isinstance(h, LearningHamiltonian)
        pieces, table = schrodingerised(problem, h, method, plan.register, plan.saves), plan.register.kept
        circuits = []
        for place in places:
            circuit = pieces[0].copy()
            for piece in pieces[1 : place + 1]:
                circuit.compose(piece, inplace=True)
            circuits.append(circuit)
        return Selection(circuits, base, [lambda rest: table[rest]] * len(circuits))
    lowest = partial(lower_bound, problem, h)
    pieces_of = probabilistic_blocks(problem, h, method, plan.saves, lowest)
    start, join = prepare(problem.initial, problem.domain), reused if midway else deferred
    circuits = [join(start, [b for blocks in pieces_of[:place] for b in blocks]) for place in places]
    return Selection(circuits, base, [lambda rest: rest == 0] * len(circuits), midway)


def _selected_on_device(job: Job, plan: Forecast) -> dict[str, Any]:
    assert job.backend is not None
    midway = isinstance(job.method, ProbabilisticITE) and job.shots is not None and measures_midway(job.backend)
    if plan.blocks and not midway and plan.blocks[-1] > FRESH:
        raise MethodError(
            f"Argument `steps` must be smaller on {job.backend.name}: {plan.blocks[-1]} ancillas would be measured at the "
            f"end, and at most {FRESH} are taken. A backend that measures midway reuses one."
        )
    chosen = selection(job.problem, job.h, job.method, plan, job.saves, midway)
    planned = Planned(chosen.circuits, {"steps": job.method.steps, **plan.known})
    batch = plan_batch(job.problem, job.h, job.observables, planned)
    if job.shots is None:
        return _from_device_probabilities(job, plan, chosen, planned, batch)
    seeds = [job.seed(*key) for key in batch.keys]
    take = sample_midway if midway else _sample
    outcomes = take(job.backend, batch.circuits, job.shots, seeds)
    kept = [_kept(c, chosen, key) for c, key in zip(outcomes, batch.keys)]
    for c, key in zip(kept, batch.keys):
        i = _time_of(key)
        _need(c.shots, job.shots, float(job.saves[i]), float(_at(plan, [float(job.saves[i])])[0]))
    answer = from_outcomes(job, planned, batch, kept)
    seen = dict(zip(batch.keys, kept))
    basis = [b for b in (0, 1) if (b, 0) in seen]
    rows = [[seen[b, i].shots for i in range(len(job.saves))] for b in basis]
    return _with_success(job, answer, plan, job.saves.tolist(), rows, [("weight", "dual")[b] for b in basis])


def _sample(backend: Any, circuits: Sequence[Any], shots: int, seeds: Sequence[int]) -> list[Counts]:
    return list(backend.sample(circuits, shots, seeds))


def _time_of(key: tuple[int, ...]) -> int:
    return key[2] if key[0] == 3 else key[1]


def _kept(counts: Counts, chosen: Selection, key: tuple[int, ...]) -> Counts:
    rest = counts.index >> chosen.base
    mask = chosen.keeps[_time_of(key)](rest)
    return Counts(counts.index[mask], counts.count[mask])


def _from_device_probabilities(
    job: Job, plan: Forecast, chosen: Selection, planned: Planned, batch: Batch
) -> dict[str, Any]:
    """Exact noisy probabilities, kept and normalised."""
    assert job.backend is not None
    laws, success = [], np.zeros(len(job.saves))
    for p, key in zip(job.backend.probabilities(batch.circuits), batch.keys):
        i = _time_of(key)
        kept = np.where(chosen.keeps[i](np.arange(p.size) >> chosen.base), p, 0.0)
        if key[0] == 0:
            success[i] = kept.sum()
        laws.append(kept / kept.sum())
    answer = _from_probabilities(job, planned, batch, laws)
    scale = np.array([_log_scale(job, plan, float(t)) for t in job.saves])
    answer["log_norm"] = 0.5 * np.log(success) + scale
    answer["diagnostics"].update(success_probability=success, success_predicted=_at(plan, job.saves.tolist()))
    return answer


def _qite_on_device(job: Job) -> dict[str, Any]:
    """The circuits first, which takes measurements on the way, then one batch; ``log_norm`` from the energies seen."""
    from ..sampled import run as run_sampled

    times = np.union1d(job.saves, [0.0]).tolist()
    reached = {r.time: r for r in qite(job, times)}
    chosen = [reached[t] for t in job.saves.tolist()]
    answer = run_sampled(job, Planned([r.circuit for r in chosen], {"steps": job.method.steps}))
    answer["log_norm"] = np.array([r.log_norm for r in chosen])
    answer["diagnostics"]["log_norm_stderr"] = np.sqrt([r.log_variance for r in chosen])
    return answer


def _bracket_on_device(job: Job) -> dict[str, Any]:
    """One batch of circuits at the ends of all steps; ``log_norm`` by the trapezoidal rule of the sampled energies."""
    from ..formulas import boundaries
    from ..sampled import run as run_sampled

    ends = np.union1d(boundaries(job.problem.duration, job.method.steps, job.saves.tolist()), job.saves)
    ends = ends[ends <= job.saves[-1] + 1e-12]
    whole = replace(job, saves=ends)
    reached = list(double_bracket(whole, np.union1d(ends, [0.0]).tolist()))
    chosen = [r for r in reached if r.time in set(ends.tolist())]
    circuits = [r.circuit for r in chosen]
    answer = run_sampled(whole, Planned(circuits, {"steps": job.method.steps}))
    energy = answer["expectations"]["energy"]
    widths = np.diff(ends)
    log = -np.concatenate([[0.0], np.cumsum(0.5 * widths * (energy.value[1:] + energy.value[:-1]))])
    shares = np.zeros((len(ends), len(ends)))
    for i, dt in enumerate(widths):
        shares[i + 1 :, i : i + 2] += 0.5 * dt
    spread = np.sqrt(shares**2 @ np.broadcast_to(energy.stderr, log.shape) ** 2)
    place = [int(np.argmin(np.abs(ends - t))) for t in job.saves]
    answer["states"] = np.array([r.psi for r in chosen]) if chosen[0].psi is not None else None
    return _picked(answer, place) | {"log_norm": log[place], "diagnostics": _picked_diagnostics(answer, place, spread)}


def _picked_diagnostics(answer: dict[str, Any], place: list[int], spread: np.ndarray) -> dict[str, Any]:
    known = {k: v[place] if isinstance(v, np.ndarray) and v.ndim else v for k, v in answer["diagnostics"].items()}
    return {**known, "log_norm_stderr": spread[place]}


def _picked(answer: dict[str, Any], place: list[int]) -> dict[str, Any]:
    """The answer at some of its times."""
    out = dict(answer)
    out["times"], out["density"] = answer["times"][place], answer["density"][place]
    out["expectations"] = {name: e[place] for name, e in answer["expectations"].items()}
    if answer["states"] is not None:
        out["states"] = answer["states"][place]
    if answer["counts"] is not None:
        out["counts"] = {name: tuple(row[i] for i in place) for name, row in answer["counts"].items()}
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
