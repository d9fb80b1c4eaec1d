"""Imaginary-time circuits on backends without amplitudes: post-selected outcomes, measured flows, one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ... import synthesis
from ...backends.base import Backend
from ...backends.midway import sample_midway
from ...base.errors import MethodError
from ...base.estimate import Estimate
from ...model.domains import Domain
from ...model.driven_formulas import ends_of_steps
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian
from ...model.problem import Problem
from ...results.trajectory import Counts
from ..base import Answer, Job, Stream
from ..from_samples import Batch, Planned, from_outcomes, from_probabilities, plan_batch
from ..from_samples import run as run_sampled
from .flows import double_bracket, qite
from .laws import lower_bound
from .options import QITE, DoubleBracket
from .rates import log_scale, need_samples, success_at, with_success
from .selected import Forecast

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

FRESH = 12  # ancillas of one circuit on backends that cannot measure in the middle


@dataclass(frozen=True, eq=False)
class Selection:
    """Circuits, one a save time, and which outcomes of the qubits (and bits) beyond the register are kept."""

    circuits: list[QuantumCircuit]
    base: int
    keeps: list[Callable[[np.ndarray], np.ndarray]]
    midway: bool = False


def selection(
    problem: Problem,
    h: Hamiltonian,
    plan: Forecast,
    saves: np.ndarray,
    midway: bool,
) -> Selection:
    """The post-selected circuits at these times; with ``midway`` one ancilla is measured and reset."""
    base = synthesis.transforms.width(problem.domain)
    places = [int(np.argmin(np.abs(np.array(plan.saves) - t))) for t in saves]
    if plan.register is not None:
        pieces = synthesis.imaginary.schrodingerised(problem, h, plan.steps, plan.order, plan.register, plan.saves)
        table = plan.register.kept
        circuits = []
        for place in places:
            circuit = pieces[0].copy()
            for piece in pieces[1 : place + 1]:
                circuit.compose(piece, inplace=True)
            circuits.append(circuit)
        return Selection(circuits, base, [lambda rest: table[rest]] * len(circuits))
    assert plan.rule is not None
    lowest = partial(lower_bound, problem, h)
    pieces_of = synthesis.probabilistic.probabilistic_blocks(problem, h, plan.rule, plan.saves, lowest)
    start = synthesis.states.prepare(problem.initial, problem.domain)
    join = synthesis.probabilistic.reused if midway else synthesis.probabilistic.deferred
    circuits = [join(start, [b for blocks in pieces_of[:place] for b in blocks]) for place in places]
    return Selection(circuits, base, [lambda rest: rest == 0] * len(circuits), midway)


def continued(
    start: QuantumCircuit, domain: Domain, problem: Problem, h: LearningHamiltonian, plan: Forecast
) -> QuantumCircuit:
    """The evolution after a start whose highest qubit is an ancilla of its own; that ancilla stays just above the register."""
    base = domain.num_qubits
    if plan.register is None:
        assert plan.rule is not None
        blocks = synthesis.probabilistic.probabilistic_blocks(
            problem, h, plan.rule, plan.saves, partial(lower_bound, problem, h)
        )
        rest = synthesis.probabilistic.deferred(synthesis.states.empty(base), [b for piece in blocks for b in piece])
    else:
        pieces = synthesis.imaginary.schrodingerised(problem, h, plan.steps, plan.order, plan.register, plan.saves)
        rest = synthesis.states.empty(base + plan.register.qubits)
        profile = plan.register.profile
        synthesis.states.amplitudes(profile / np.linalg.norm(profile), rest, range(base, rest.num_qubits))
        for piece in pieces[1:]:
            rest.compose(piece, inplace=True)
    circuit = synthesis.states.empty(rest.num_qubits + 1)
    circuit.compose(start, range(base + 1), inplace=True)
    circuit.compose(rest, [*range(base), *range(base + 1, rest.num_qubits + 1)], inplace=True)
    return circuit


def check_ancillas(job: Job, plan: Forecast) -> bool:
    """Whether one ancilla is measured midway and used again.

    Raises:
        MethodError: too many ancillas for a backend that measures at the end only.
    """
    midway = plan.rule is not None and job.shots is not None and job.can.midway
    if not job.can.exact and plan.blocks and not midway and plan.blocks[-1] > FRESH:
        raise MethodError(
            f"Argument `steps` must be smaller on {job.device.name}: {plan.blocks[-1]} ancillas would be measured at the "
            f"end, and at most {FRESH} are taken. A backend that measures midway reuses one."
        )
    return midway


def selected_on_device(job: Job, plan: Forecast) -> Answer:
    """The answer of a post-selected method, from the kept samples of whole circuits.

    Raises:
        MethodError: too many ancillas for a backend that measures at the end only, or no sample was kept.
    """
    midway = check_ancillas(job, plan)
    chosen = selection(job.problem, job.h, plan, job.saves, midway)
    planned = Planned(chosen.circuits, {"steps": plan.steps, **plan.known})
    batch = plan_batch(job.problem, job.h, job.observables, planned)
    if job.shots is None:
        return _from_device_probabilities(job, plan, chosen, planned, batch)
    seeds = [job.seed(*key) for key in batch.keys]
    take = sample_midway if midway else _sample
    outcomes = take(job.device, batch.circuits, job.shots, seeds)
    kept = [_kept(c, chosen, key) for c, key in zip(outcomes, batch.keys)]
    for c, key in zip(kept, batch.keys):
        i = _time_of(key)
        need_samples(c.shots, job.shots, float(job.saves[i]), float(success_at(plan, [float(job.saves[i])])[0]))
    answer = from_outcomes(job, planned, batch, kept)
    seen = dict(zip(batch.keys, kept))
    basis = [b for b in (Stream.WEIGHT, Stream.DUAL) if (b, 0) in seen]
    rows = [[seen[b, i].shots for i in range(len(job.saves))] for b in basis]
    return with_success(job, answer, plan, job.saves.tolist(), rows, [("weight", "dual")[b] for b in basis])


def _sample(backend: Backend, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
    return list(backend.sample(circuits, shots, seeds))


def _time_of(key: tuple[int, ...]) -> int:
    return key[2] if key[0] == Stream.OPERATORS else key[1]


def _kept(counts: Counts, chosen: Selection, key: tuple[int, ...]) -> Counts:
    rest = counts.index >> chosen.base
    mask = chosen.keeps[_time_of(key)](rest)
    return Counts(counts.index[mask], counts.count[mask])


def _from_device_probabilities(
    job: Job,
    plan: Forecast,
    chosen: Selection,
    planned: Planned,
    batch: Batch,
) -> Answer:
    """Exact noisy probabilities, kept and normalised."""
    laws, success = [], np.zeros(len(job.saves))
    for p, key in zip(job.device.probabilities(batch.circuits), batch.keys):
        i = _time_of(key)
        kept = np.where(chosen.keeps[i](np.arange(p.size) >> chosen.base), p, 0.0)
        if key[0] == Stream.WEIGHT:
            success[i] = kept.sum()
        laws.append(kept / kept.sum())
    answer = from_probabilities(job, planned, batch, laws)
    scale = np.array([log_scale(plan, float(t)) for t in job.saves])
    facts = {"success_probability": success, "success_predicted": success_at(plan, job.saves.tolist())}
    return replace(answer, log_norm=0.5 * np.log(success) + scale, diagnostics={**answer.diagnostics, **facts})


def qite_on_device(job: Job, method: QITE) -> Answer:
    """The circuits first, which takes measurements on the way, then one batch; ``log_norm`` from the energies seen."""
    times = np.union1d(job.saves, [0.0]).tolist()
    reached = {r.time: r for r in qite(job, method, times)}
    chosen = [reached[t] for t in job.saves.tolist()]
    answer = run_sampled(job, Planned([r.circuit for r in chosen], {"steps": method.steps}))
    spread = np.sqrt([r.log_variance for r in chosen])
    return replace(
        answer,
        log_norm=np.array([r.log_norm for r in chosen]),
        diagnostics={**answer.diagnostics, "log_norm_stderr": spread},
    )


def bracket_ends(job: Job, method: DoubleBracket) -> np.ndarray:
    """The ends of all steps and the saved times, up to the last of these."""
    ends = np.union1d(ends_of_steps(job.h, method.steps, job.saves.tolist()), job.saves)
    return np.asarray(ends[ends <= job.saves[-1] + 1e-12])


def bracket_jumps(job: Job, ends: np.ndarray) -> list[float]:
    """Those of the terms' schedules among the ends: the wave is one there, its energy before a jump another than behind it."""
    h = job.h
    if isinstance(h, LearningHamiltonian) or h.commutes:
        return []
    places = [float(ends[np.argmin(np.abs(ends - t))]) for t in h.knots if t <= ends[-1] + 1e-12]
    found = []
    for t in places:
        before, behind = h.coefficients(t - _EDGE * h.duration), h.coefficients(t)
        if not np.allclose(before, behind, rtol=1e-6, atol=1e-12):
            found.append(t)
    return found


_EDGE = 1e-9  # of the duration: the moment before a jump


def bracket_on_device(job: Job, method: DoubleBracket) -> Answer:
    """One batch of circuits at the ends of all steps, those at jumps twice; ``log_norm`` by trapezoids of sampled energies."""
    steps, h = bracket_ends(job, method), job.h
    early = {t - _EDGE * h.duration: t for t in bracket_jumps(job, steps)}
    ends = np.union1d(steps, list(early))
    whole = replace(job, saves=ends)
    walk = double_bracket(replace(job, saves=steps), method, np.union1d(steps, [0.0]).tolist())
    reached = {r.time: r for r in walk}
    chosen = [reached[early.get(t, t)] for t in ends.tolist()]
    planned = Planned([r.circuit for r in chosen], {"steps": method.steps})
    if isinstance(h, LearningHamiltonian) or not h.commutes:
        answer = run_sampled(whole, planned)
        log, spread = _log_norms(job, answer.expectations, ends)
    else:  # the energy of the operator itself is measured; its strength comes in by its exact integrals
        answer = run_sampled(replace(whole, h=h.still), planned)
        log, spread = _log_norms(job, answer.expectations, ends)
        energy = answer.expectations["energy"] * h.factors(ends)
        answer = replace(answer, expectations={**answer.expectations, "energy": energy})
    place = [int(np.argmin(np.abs(ends - t))) for t in job.saves]
    waves = [r.psi for r in chosen]
    known = {k: v[place] if isinstance(v, np.ndarray) and v.ndim else v for k, v in answer.diagnostics.items()}
    return replace(
        _picked(answer, place),
        states=np.array(waves)[place] if waves[0] is not None else None,
        log_norm=log[place],
        diagnostics={**known, "log_norm_stderr": spread[place]},
    )


def _log_norms(job: Job, seen: Mapping[str, Estimate], ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minus the integral of the energy up to each end, its means by the trapezoidal rule and its schedules exactly.

    Where terms have schedules of their own, the rule is that of the energies with them.
    """
    parts, pieces = {"energy": np.diff(ends)}, list(zip(ends[:-1].tolist(), ends[1:].tolist()))
    if not isinstance(job.h, LearningHamiltonian):
        if job.h.commutes:
            parts = {"energy": np.array([job.h.amount(a, b) for a, b in pieces])}
    elif not job.h.constant:
        amounts = np.array([job.h.amounts(a, b) for a, b in pieces])
        parts = dict(zip(("kinetic", "objective"), amounts.reshape(-1, 2).T))
    log, square = np.zeros(len(ends)), np.zeros(len(ends))
    for name, widths in parts.items():
        shares = np.zeros((len(ends), len(ends)))
        for i, width in enumerate(widths.tolist()):
            shares[i + 1 :, i : i + 2] += 0.5 * width
        log -= shares @ np.asarray(seen[name].value)
        square += shares**2 @ np.broadcast_to(seen[name].stderr, log.shape) ** 2
    return log, np.sqrt(square)


def _picked(answer: Answer, place: list[int]) -> Answer:
    """The answer at some of its times."""
    counts = answer.counts
    return replace(
        answer,
        times=answer.times[place],
        density=answer.density[place],
        expectations={name: e[place] for name, e in answer.expectations.items()},
        counts=None if counts is None else {name: tuple(row[i] for i in place) for name, row in counts.items()},
    )
