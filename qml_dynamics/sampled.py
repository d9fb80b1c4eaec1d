"""Runs on backends that give samples, or exact noisy probabilities, but no amplitudes: two circuits a saved time.

One ends in the weight basis, the other in the dual basis; operators add one circuit a measurement basis. All circuits of a
run go out as one batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .backends import Backend
from .backends.base import Asked
from .errors import BackendError
from .estimate import Estimate
from .hamiltonian import Hamiltonian, LearningHamiltonian
from .observe import (
    BEST_SAMPLES,
    Observable,
    PauliGroup,
    Table,
    best_of,
    combine_groups,
    edge_weight,
    momentum_tail,
    observe_counts,
    pauli_groups,
)
from .pauli import PauliSum
from .problem import Problem
from .trajectory import Counts

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


class SampledJob(Protocol):
    """What this file needs of a call of ``evolve``."""

    problem: Problem
    h: Hamiltonian
    backend: Backend | None
    shots: int | None
    saves: np.ndarray
    observables: list[Observable]

    def seed(self, *key: int) -> int:
        """A seed for one circuit."""
        ...


@dataclass(frozen=True, eq=False)
class Planned:
    """Unmeasured circuits, one a saved time, and what is known of their construction."""

    circuits: Sequence[QuantumCircuit]
    bounds: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """Circuits of a run in one list, and how to read them: (basis, time index, operator, group)."""

    circuits: list[QuantumCircuit]
    keys: list[tuple[int, ...]]
    groups: dict[str, list[PauliGroup]]


def plan_batch(
    problem: Problem, h: Hamiltonian, observables: Sequence[Observable], planned: Planned, operators_too: bool = True
) -> Batch:
    """Every circuit that the backend has to run: weight basis (0), dual basis (1), operator groups (3, where wanted)."""
    from .synthesis.measure import in_dual_basis, in_pauli_basis

    circuits: list[QuantumCircuit] = []
    keys: list[tuple[int, ...]] = []
    operators = measured_operators(h, observables) if operators_too else {}
    groups = {name: pauli_groups(terms) for name, terms in operators.items()}
    wants_dual = isinstance(h, LearningHamiltonian) or any(o.basis == "dual" for o in observables)
    for i, circuit in enumerate(planned.circuits):
        circuits.append(circuit)
        keys.append((0, i))
        if wants_dual:
            circuits.append(in_dual_basis(problem.domain, circuit))
            keys.append((1, i))
        for number, name in enumerate(groups):
            for g, group in enumerate(groups[name]):
                circuits.append(in_pauli_basis(group.letters, circuit))
                keys.append((3, number, i, g))
    return Batch(circuits, keys, groups)


def measured_operators(h: Hamiltonian, observables: Sequence[Observable]) -> dict[str, PauliSum]:
    """Operators that no sampling of weights or momenta gives: a general Hamiltonian, and observables that are operators."""
    operators = {o.name: o.terms for o in observables if o.terms is not None}
    return operators if isinstance(h, LearningHamiltonian) else {"energy": h.terms, **operators}


def run(job: SampledJob, planned: Planned) -> dict[str, Any]:
    """Everything a trajectory holds, from samples (or from exact noisy probabilities where no shots are asked for).

    Operators go to the vendor's own estimator where the backend has one (``EstimatingBackend``).
    """
    assert job.backend is not None
    asked = measured_operators(job.h, job.observables)
    estimates = bool(asked) and job.shots is not None and bool(getattr(job.backend, "estimates", False))
    batch = plan_batch(job.problem, job.h, job.observables, planned, operators_too=not estimates)
    if job.shots is None:
        return _from_probabilities(job, planned, batch, job.backend.probabilities(batch.circuits))
    seeds = [job.seed(*key) for key in batch.keys]
    outcomes = job.backend.sample(batch.circuits, job.shots, seeds)
    if len(outcomes) != len(batch.circuits):
        raise BackendError(f"{job.backend.name} answered {len(outcomes)} of {len(batch.circuits)} circuits.")
    if not estimates:
        return from_outcomes(job, planned, batch, outcomes)
    told = _estimated(job, planned, asked)
    answer = from_outcomes(job, planned, batch, outcomes)
    answer["expectations"] = {**told, **answer["expectations"]}
    answer["diagnostics"]["estimated"] = tuple(told)  # by the vendor; everything else comes from our samples
    return answer


def _estimated(job: SampledJob, planned: Planned, operators: Mapping[str, PauliSum]) -> dict[str, Estimate]:
    """The operators at every saved time, by the vendor's estimator."""
    backend: Any = job.backend
    asked = [Asked(circuit, tuple(operators.values())) for circuit in planned.circuits]
    answers = backend.estimate(asked, job.shots, [job.seed(3, len(operators), i) for i in range(len(asked))])
    value, stderr = (np.array([getattr(a, part) for a in answers]) for part in ("value", "stderr"))
    return {name: Estimate(value[:, k], stderr[:, k], job.shots) for k, name in enumerate(operators)}


def from_outcomes(job: SampledJob, planned: Planned, batch: Batch, outcomes: Sequence[Counts]) -> dict[str, Any]:
    """Read the samples of all circuits."""
    from .synthesis.measure import read_dual, read_weight

    domain = job.problem.domain
    seen = dict(zip(batch.keys, outcomes))
    moments = range(len(job.saves))
    counts = {"weight": tuple(read_weight(domain, seen[0, i]) for i in moments)}
    if (1, 0) in seen:
        counts["dual"] = tuple(read_dual(domain, seen[1, i]) for i in moments)
    expectations = observe_counts(job.h, job.saves.tolist(), {"dual": counts["weight"], **counts}, job.observables)
    for number, (name, groups) in enumerate(batch.groups.items()):
        rows = [combine_groups([g.estimate(seen[3, number, i, j]) for j, g in enumerate(groups)]) for i in moments]
        expectations[name] = Estimate(np.array([v for v, _ in rows]), np.array([e for _, e in rows]), job.shots)
    density = np.array([c.histogram(domain.size).reshape(domain.shape) for c in counts["weight"]])
    dual = np.array([c.histogram(domain.size) for c in counts["dual"]]) if "dual" in counts else None
    best = best_of(job.h, counts["weight"][-1], job.seed(2, 1))
    return _answer(job, planned, density, dual, expectations, counts, best)


def _from_probabilities(
    job: SampledJob, planned: Planned, batch: Batch, probabilities: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Exact noisy expectation values: every probability as a sample of infinitely many shots."""
    from .sampling import draw
    from .synthesis.measure import dual_probabilities, weight_probabilities

    domain, h, table = job.problem.domain, job.h, Table()
    seen = dict(zip(batch.keys, probabilities))
    every = np.arange(domain.size)
    density, duals = [], []
    for i, t in enumerate(job.saves.tolist()):
        weight = weight_probabilities(domain, seen[0, i])
        density.append(weight.reshape(domain.shape))
        dual = dual_probabilities(domain, seen[1, i]) if (1, i) in seen else weight
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
            table.add(name, sum(_group_mean(g, seen[3, number, i, j]) for j, g in enumerate(groups)))
    drawn = draw(density[-1], BEST_SAMPLES, job.seed(2, 0))
    best = best_of(h, drawn, job.seed(2, 1))
    return _answer(job, planned, np.array(density), np.array(duals), table.estimates(None), None, best)


def _group_mean(group: PauliGroup, probabilities: np.ndarray) -> float:
    index = np.arange(probabilities.size)
    parity = np.bitwise_count(index[:, None] & (group.terms.x | group.terms.z)[None, :]) & 1
    return float(probabilities @ ((1 - 2.0 * parity) @ group.terms.coefficients))


def _answer(
    job: SampledJob,
    planned: Planned,
    density: np.ndarray,
    dual: np.ndarray | None,
    expectations: Mapping[str, Estimate],
    counts: Mapping[str, tuple[Counts, ...]] | None,
    best: Any,
) -> dict[str, Any]:
    domain = job.problem.domain
    diagnostics = {**planned.bounds, "edge_weight": edge_weight(domain, density)}
    if dual is not None and isinstance(job.h, LearningHamiltonian):
        diagnostics["momentum_tail"] = np.array([momentum_tail(domain, p) for p in dual])
    return {
        "times": job.saves,
        "density": density,
        "states": None,
        "log_norm": np.zeros(len(job.saves)),
        "expectations": expectations,
        "counts": counts,
        "best": best,
        "diagnostics": diagnostics,
        "stop": f"Reached the end of the duration, {job.saves[-1]:g}.",
    }
