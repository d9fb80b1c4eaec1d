"""Runs on backends that give samples, or exact noisy probabilities, but no amplitudes: two circuits a saved time.

One ends in the weight basis, the other in the dual basis; operators add one circuit a measurement basis. All circuits of a
run go out as one batch.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import synthesis
from ..backends.base import Asked, capabilities
from ..backends.branches import Branch, BranchingBackend
from ..base.errors import BackendError, check_memory, require
from ..base.estimate import Estimate, mean_of_counts
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ..model.masks import bit_count
from ..model.pauli import PauliSum, diagonal_sum
from ..model.problem import Problem
from ..results.observables import (
    BEST_SAMPLES,
    RESERVED,
    Observable,
    PauliGroup,
    Table,
    best_of,
    combine_groups,
    edge_weight,
    groups_at,
    momentum_tail,
    observe_counts,
    pauli_groups,
)
from ..results.sampling import draw
from ..results.trajectory import Best, Counts
from .base import Answer, Job, Sent, Stream
from .mitigated import with_errors_before_projection
from .one_hot import kept_outcomes, kept_probabilities, with_kept

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_MOST_STRINGS = 4096  # of a function that a vendor's estimator is asked for
_CANDIDATES = 16  # circuits of which one is the longest when they are compiled


@dataclass(frozen=True, eq=False)
class Planned:
    """Unmeasured circuits, one a saved time, and what is known of their construction; or branches of one path instead."""

    circuits: Sequence[QuantumCircuit] | Sequence[Branch]
    bounds: Mapping[str, Any]

    def built(self) -> Planned:
        """The same with every circuit as itself."""
        return replace(self, circuits=[c.circuit if isinstance(c, Branch) else c for c in self.circuits])


@dataclass(frozen=True, eq=False)
class Batch:
    """Circuits of a run in one list, and how to read them: (basis, time index, operator, group)."""

    circuits: list[Any]  # circuits, or branches of one path
    keys: list[tuple[int, ...]]
    groups: dict[str, list[PauliGroup]]


def plan_batch(
    problem: Problem, h: Hamiltonian, observables: Sequence[Observable], planned: Planned, operators_too: bool = True
) -> Batch:
    """Every circuit that the backend has to run: weight basis, dual basis, operator groups (where wanted).

    Branches that end in the same basis hold the same ending.
    """
    needed, narrow = synthesis.transforms.width(problem.domain), min(circuit.num_qubits for circuit in planned.circuits)
    require(narrow >= needed, "circuits", f"have at least {needed} qubits on this domain", f"of {narrow}", BackendError)
    operators = measured_operators(h, observables) if operators_too else {}
    groups = {name: pauli_groups(terms) for name, terms in operators.items()}
    turns: dict[tuple[tuple[int, ...], tuple[int, ...]], Callable[[QuantumCircuit], QuantumCircuit]]
    turns = {((Stream.WEIGHT,), ()): lambda circuit: circuit}
    if isinstance(h, LearningHamiltonian) or any(o.basis == "dual" for o in observables):
        turns[(Stream.DUAL,), ()] = partial(synthesis.measure.in_dual_basis, problem.domain)
    for number, name in enumerate(groups):
        for g, group in enumerate(groups[name]):
            turns[(Stream.OPERATORS, number), (g,)] = partial(synthesis.measure.in_pauli_basis, group.letters)
    keys = [(*before, i, *after) for i in range(len(planned.circuits)) for before, after in turns]
    first = planned.circuits[0]
    if isinstance(first, Branch):
        endings = [turn(first.ending) for turn in turns.values()]
        circuits: list[Any] = [replace(branch, ending=ending) for branch in planned.circuits for ending in endings]
    else:
        circuits = [turn(circuit) for circuit in planned.circuits for turn in turns.values()]
    return Batch(circuits, keys, groups)


def one_moment(job: Job, last: QuantumCircuit) -> tuple[list[QuantumCircuit], int]:
    """What is sent for one saved time with this circuit, the longest last, and how many circuits that is.

    An estimator that is asked for the loss and the kinetic part beside the samples makes two circuits more of them, since each
    is a sum of strings of one basis.
    """
    batch = plan_batch(job.problem, job.h, job.observables, Planned([last], {}))
    return sorted(batch.circuits, key=synthesis.sizes.size_of), len(batch.circuits) + 2 * _asks(job)


def _asks(job: Job) -> bool:
    """Whether the loss and the kinetic part go to an estimator, each on its own."""
    known = job.backend is not None and capabilities(job.backend).estimates_losses
    return known and isinstance(job.h, LearningHamiltonian)


def batches(job: Job, each: int, times: int) -> tuple[Sent, ...]:
    """What one call of :func:`run` with so many saved times of ``each`` circuits sends: samples, and operators to an estimator."""
    bases, asks = 0, 2 * _asks(job)
    if _estimates(job):
        bases = sum(len(pauli_groups(terms)) for terms in measured_operators(job.h, job.observables).values())
    return (
        Sent((each - bases - asks) * times),
        *((Sent(times, bases),) if bases else ()),
        *(asks * [Sent(times, 1)]),
    )


def _estimates(job: Job) -> bool:
    """Whether operators go to the vendor's own estimator."""
    can = capabilities(job.device)
    return can.estimates and (job.shots is not None or can.estimates_exactly)


def longest_moments(job: Job, every: Iterable[QuantumCircuit]) -> tuple[list[QuantumCircuit], int]:
    """The same for the longest of many circuits, that of the longest last: which it is shows when they are compiled."""
    last = heapq.nlargest(
        _CANDIDATES, every, key=lambda circuit: (circuit.num_nonlocal_gates(), synthesis.sizes.size_of(circuit))
    )
    moments = [one_moment(job, circuit) for circuit in reversed(last)]
    return [program for sent, _ in moments for program in sent], moments[-1][1]


def measured_operators(h: Hamiltonian, observables: Sequence[Observable]) -> dict[str, PauliSum]:
    """Operators that no sampling of weights or momenta gives: observables that are some, and a general Hamiltonian.

    The latter without its schedules, which come in where its groups are read (:func:`~qml_dynamics.results.observables.groups_at`).
    """
    operators = {o.name: o.terms for o in observables if o.terms is not None}
    return operators if isinstance(h, LearningHamiltonian) else {"energy": h.terms, **operators}


def diagonal_operators(
    problem: Problem, h: Hamiltonian, observables: Sequence[Observable], width: int
) -> dict[str, dict[str, PauliSum]]:
    """By basis, what is a function of weights or of momenta as a sum of strings of Z on circuits of that many qubits.

    What takes more than 4096 strings is left out.
    """
    domain = problem.domain
    tables: dict[str, dict[str, np.ndarray]] = {"weight": {}, "dual": {}}
    if isinstance(h, LearningHamiltonian):
        tables["weight"]["objective"], tables["dual"]["kinetic"] = h.zeta.reshape(-1), h.dual.reshape(-1)
    for o in observables:
        if o.function is not None:
            tables[o.basis][o.name] = o.everywhere(domain)
    check_memory(16 << width, f"Sums of Pauli strings on {width} qubits")
    outcomes = np.arange(1 << width if tables["dual"] else 0)
    places = {"weight": np.arange(domain.size), "dual": synthesis.transforms.dual_index(domain, outcomes)}
    found: dict[str, dict[str, PauliSum]] = {"weight": {}, "dual": {}}
    for basis, named in tables.items():
        for name, table in named.items():
            operator = diagonal_sum(table[places[basis]], width)
            if len(operator.coefficients) <= _MOST_STRINGS:
                found[basis][name] = operator
    return found


def run(job: Job, planned: Planned) -> Answer:
    """The answer from samples (or from exact noisy probabilities where no shots are asked for).

    Operators go to the vendor's own estimator where the backend has one (``EstimatingBackend``); where it
    ``estimates_losses`` the loss and the kinetic part too, each a sum of Pauli strings in its own basis.
    """
    assert job.backend is not None
    asked, estimates = measured_operators(job.h, job.observables), _estimates(job)
    along = job.shots is not None and job.can.branches and not (estimates or job.can.estimates_losses)
    planned = planned if along else planned.built()
    batch = plan_batch(job.problem, job.h, job.observables, planned, operators_too=not estimates)
    bases = {o.name: o.basis for o in job.observables}
    if job.shots is None:
        laws, told = kept_probabilities(job, batch.keys, job.backend.probabilities(batch.circuits))
        answer = with_kept(from_probabilities(job, planned, batch, laws), told, bases)
        return _with_estimates(job, planned, asked, answer) if estimates else answer
    seeds = [job.seed(*key) for key in batch.keys]
    branching = isinstance(planned.circuits[0], Branch)
    verb = cast(BranchingBackend, job.backend).sample_branches if branching else job.backend.sample
    outcomes = verb(batch.circuits, job.shots, seeds)
    if len(outcomes) != len(batch.circuits):
        raise BackendError(f"{job.backend.name} answered {len(outcomes)} of {len(batch.circuits)} circuits.")
    if capabilities(job.backend).placeholders:
        answer = _unread(job, planned, batch)
    else:
        outcomes, told = kept_outcomes(job, batch.keys, outcomes)
        answer = with_kept(from_outcomes(job, planned, batch, outcomes), told, bases)
    return _with_estimates(job, planned, asked, answer) if estimates else answer


def _with_estimates(job: Job, planned: Planned, operators: Mapping[str, PauliSum], answer: Answer) -> Answer:
    """The answer with everything in it that the vendor's estimator can tell; it says what that is."""
    told = _estimated(job, planned.circuits, operators) if operators else {}
    if capabilities(job.device).estimates_losses:
        told.update(_losses(job, planned))
    facts = {"estimated": tuple(told)} if told else {}  # everything else comes from our samples
    return replace(answer, expectations={**answer.expectations, **told}, diagnostics={**answer.diagnostics, **facts})


def _estimated(
    job: Job, circuits: Sequence[QuantumCircuit], operators: Mapping[str, PauliSum], *key: int
) -> dict[str, Estimate]:
    """The operators at every saved time, by the vendor's estimator; the energy of an operator as it is then."""
    backend: Any = job.backend
    now = [{**operators, **_energy_at(job, float(t))} if "energy" in operators else operators for t in job.saves]
    asked = [
        Asked(c, tuple(o.on(c.num_qubits) for o in own.values())) for c, own in zip(circuits, now)
    ]  # ancillas: highest
    answers = backend.estimate(
        asked, job.shots, [job.seed(Stream.OPERATORS, len(operators), i, *key) for i in range(len(asked))]
    )
    if len(answers) != len(asked):
        raise BackendError(f"{backend.name} answered {len(answers)} of {len(asked)} circuits.")
    value, stderr = (np.array([getattr(a, part) for a in answers], dtype=float) for part in ("value", "stderr"))
    if job.shots is not None:
        stderr = np.where(stderr > 0, stderr, [[_least_error(o, job.shots) for o in own.values()] for own in now])
    return {name: Estimate(value[:, k], stderr[:, k], job.shots) for k, name in enumerate(operators)}


def _energy_at(job: Job, t: float) -> dict[str, PauliSum]:
    """``H(t)`` of an operator by its name."""
    return {"energy": job.h.at(t)} if isinstance(job.h, PauliHamiltonian) else {}


def _least_error(operator: PauliSum, shots: int) -> float:
    """Standard error of an estimate that comes with none: of an outcome that was possible, but was not seen."""
    changes = np.abs(operator.coefficients[(operator.x | operator.z) != 0])
    unseen = 2 * float(changes.max(initial=0.0))  # one string turns its sign
    return mean_of_counts(np.zeros(1), np.array([max(2, shots)]), unseen)[1]


def _losses(job: Job, planned: Planned) -> dict[str, Estimate]:
    """Loss, kinetic part and functions of weights or momenta by the estimator; the energy from both, errors in quadrature."""
    width = planned.circuits[0].num_qubits
    wanted = diagonal_operators(job.problem, job.h, job.observables, width)
    told = _estimated(job, planned.circuits, wanted["weight"], 0) if wanted["weight"] else {}
    if wanted["dual"]:
        ends = [synthesis.measure.in_dual_basis(job.problem.domain, circuit) for circuit in planned.circuits]
        told.update(_estimated(job, ends, wanted["dual"], 1))
    if isinstance(job.h, LearningHamiltonian) and {"kinetic", "objective"} <= set(told):
        pairs = np.array([job.h.coefficients(t) for t in job.saves.tolist()])
        told["energy"] = told["kinetic"] * pairs[:, 0] + told["objective"] * pairs[:, 1]
    return told


def from_outcomes(job: Job, planned: Planned, batch: Batch, outcomes: Sequence[Counts]) -> Answer:
    """Read the samples of all circuits."""
    domain = job.problem.domain
    seen = dict(zip(batch.keys, outcomes))
    moments = range(len(job.saves))
    counts = {"weight": tuple(synthesis.measure.read_weight(domain, seen[Stream.WEIGHT, i]) for i in moments)}
    if (Stream.DUAL, 0) in seen:
        counts["dual"] = tuple(synthesis.measure.read_dual(domain, seen[Stream.DUAL, i]) for i in moments)
    expectations = observe_counts(job.h, job.saves.tolist(), {"dual": counts["weight"], **counts}, job.observables)
    for number, (name, groups) in enumerate(batch.groups.items()):
        rows = [
            combine_groups(
                [
                    g.estimate(seen[Stream.OPERATORS, number, i, j])
                    for j, g in enumerate(groups_at(job.h, name, groups, float(job.saves[i])))
                ]
            )
            for i in moments
        ]
        expectations[name] = Estimate(np.array([v for v, _ in rows]), np.array([e for _, e in rows]), job.shots)
    expectations = with_errors_before_projection(job, batch.groups, seen, expectations)
    if job.compact:  # no table has so many points
        return _without_density(job, planned, expectations, counts)
    density = np.array([c.histogram(domain.size).reshape(domain.shape) for c in counts["weight"]])
    dual = np.array([c.histogram(domain.size) for c in counts["dual"]]) if "dual" in counts else None
    best = best_of(job.h, counts["weight"][-1], job.seed(Stream.BEST, 1))
    return _answer(job, planned, density, dual, expectations, counts, best)


def from_probabilities(job: Job, planned: Planned, batch: Batch, probabilities: Sequence[np.ndarray]) -> Answer:
    """Exact noisy expectation values: every probability as a sample of infinitely many shots."""
    domain, h, table = job.problem.domain, job.h, Table()
    seen = dict(zip(batch.keys, probabilities))
    every = np.arange(domain.size)
    density, duals = [], []
    for i, t in enumerate(job.saves.tolist()):
        weight = synthesis.measure.weight_probabilities(domain, seen[Stream.WEIGHT, i])
        density.append(weight.reshape(domain.shape))
        dual = (
            synthesis.measure.dual_probabilities(domain, seen[Stream.DUAL, i]) if (Stream.DUAL, i) in seen else weight
        )
        duals.append(dual)
        if isinstance(h, LearningHamiltonian):
            d, s = h.coefficients(t)
            kinetic, objective = float(dual @ h.dual.reshape(-1)), float(weight @ h.zeta.reshape(-1))
            table.add("energy", d * kinetic + s * objective)
            table.add("kinetic", kinetic)
            table.add("objective", objective)
        for o in job.observables:
            if o.function is not None:
                table.add(o.name, float((weight if o.basis == "weight" else dual) @ o.values(domain, every)))
        for number, (name, groups) in enumerate(batch.groups.items()):
            now = groups_at(h, name, groups, t)
            table.add(name, sum(_group_mean(g, seen[Stream.OPERATORS, number, i, j]) for j, g in enumerate(now)))
    best, expectations = None, table.estimates(None)
    if isinstance(h, LearningHamiltonian):
        best = best_of(h, draw(density[-1], BEST_SAMPLES, job.seed(Stream.BEST, 0)), job.seed(Stream.BEST, 1))
    return _answer(job, planned, np.array(density), np.array(duals), expectations, None, best)


def _group_mean(group: PauliGroup, probabilities: np.ndarray) -> float:
    index = np.arange(probabilities.size)
    parity = bit_count(index[:, None] & (group.terms.x | group.terms.z)[None, :]) & 1
    return float(probabilities @ ((1 - 2.0 * parity) @ group.terms.coefficients))


def _without_density(
    job: Job, planned: Planned, expectations: Mapping[str, Estimate], counts: Mapping[str, tuple[Counts, ...]]
) -> Answer:
    """Samples and expectation values alone."""
    return Answer(
        times=job.saves,
        density=np.empty((len(job.saves), 0)),
        states=None,
        log_norm=np.zeros(len(job.saves)),
        expectations=expectations,
        counts=counts,
        best=None,
        stop=f"Reached the end of the duration, {job.saves[-1]:g}.",
        diagnostics=dict(planned.bounds),
        compact=(),
    )


def _unread(job: Job, planned: Planned, batch: Batch) -> Answer:
    """An answer of the form that :func:`from_outcomes` gives, of placeholders: a look-ahead throws it away."""
    moments, own = len(job.saves), [o.name for o in job.observables if o.terms is None]
    names = [*(RESERVED if isinstance(job.h, LearningHamiltonian) else ()), *own, *batch.groups]
    nothing = Estimate(np.zeros(moments), np.ones(moments), job.shots)
    expectations = dict.fromkeys(names, nothing)
    if job.compact:
        return _without_density(job, planned, expectations, {})
    density = np.zeros((moments, *job.problem.domain.shape))
    return _answer(job, planned, density, None, expectations, None, None)


def _answer(
    job: Job,
    planned: Planned,
    density: np.ndarray,
    dual: np.ndarray | None,
    expectations: Mapping[str, Estimate],
    counts: Mapping[str, tuple[Counts, ...]] | None,
    best: Best | None,
) -> Answer:
    domain = job.problem.domain
    diagnostics = {**planned.bounds, "edge_weight": edge_weight(domain, density)}
    if dual is not None and isinstance(job.h, LearningHamiltonian):
        diagnostics["momentum_tail"] = np.array([momentum_tail(domain, p) for p in dual])
    return Answer(
        times=job.saves,
        density=density,
        states=None,
        log_norm=np.zeros(len(job.saves)),
        expectations=expectations,
        counts=counts,
        best=best,
        stop=f"Reached the end of the duration, {job.saves[-1]:g}.",
        diagnostics=diagnostics,
    )
