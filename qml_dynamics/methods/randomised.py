"""Randomised product formulas for operators on the real clock: random circuits, their average, and the exact channel for small sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np

from .. import synthesis
from ..backends import Backend
from ..base.errors import MethodError, check_memory, integer, real
from ..base.options import renamed_option
from ..model.formulas import boundaries
from ..model.hamiltonians import Hamiltonian, PauliHamiltonian, hamiltonian
from ..model.pauli import OperatorLike, PauliSum, pauli_sum
from ..model.problem import Problem
from ..model.resolution import check_resolved
from .base import Answer, Facts, Job, Method, Stream, Usual, Work, check_facts, circuit_seed
from .draws import averaged, check_draws
from .from_samples import Planned, batches, longest_moments
from .from_samples import run as run_sampled
from .from_waves import Waves, report_waves
from .memory import of_answers, of_circuits
from .random_rotations import Rotation, Slots, all_commute, canonical, drawable, orders, strength

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_COUNTED = 16  # qubits up to which the weight of a loss is told


class _Averaged(Usual):
    """What methods that average over random circuits have in common."""

    def check(self, problem: Problem, backend: Backend | None) -> None:
        """Refuse problems that the facts exclude; for a loss the sentence says what the run would cost."""
        if problem.operator is None and problem.clock == "real":
            raise MethodError(_too_dear(type(self).__name__, problem))
        check_facts(cast(Method, self), problem)
        if isinstance(self, QDrift):
            h = hamiltonian(problem)
            check_resolved(h, boundaries(problem.duration, self.samples, []), "samples", self.samples)

    def run(self, job: Job) -> Answer:
        """The average over random circuits, sampled or from amplitudes."""
        return _run(job, cast("QDrift | RandomOrder", self))

    def circuits(self, job: Job) -> list[QuantumCircuit]:
        """The random circuits: all of the first saved time, then all of the next."""
        return _circuits(job, cast("QDrift | RandomOrder", self))

    def work(self, job: Job) -> Work:
        """The circuits of one basis share its shots. Other draws than those that are counted here may be a little longer."""
        return _work(job, cast("QDrift | RandomOrder", self))


@renamed_option("circuits", "draws")
@dataclass(frozen=True)
class QDrift(_Averaged):
    """Randomised updates: ``samples`` Pauli rotations, each drawn with probability ``|c_j| / lambda``. Real clock, operators.

    Each rotation is ``exp(-i sgn(c_j) P_j lambda T / N)`` with ``lambda = sum |c_j|``. Averaged over the draws this is a channel
    whose half diamond distance to the exact evolution is at most ``(2 lambda^2 T^2 / N) exp(2 lambda T / N)``, whatever the number
    of terms.
    With a strength s(t) rotation k stands for the k-th of N equal parts of the duration, and the integral of s over it takes the
    place of ``T / N``; where terms have schedules of their own, those of ``|c_j s_j|`` take the place of ``|c_j| T / N``, so that the
    probabilities move, and half of their squared sum is added to the bound. One circuit alone is only a random unitary: the answer is
    the average over ``draws`` of them, and the errors it carries are those between circuits. Sources: Campbell, Phys. Rev. Lett. 123,
    070503 (2019), arXiv:1811.08017; Berry et al., Quantum 4, 254 (2020), arXiv:1906.07115.

    Args:
        samples: rotations over the duration.
        draws: random circuits that are averaged; shots are shared out among them.
        seed: of the circuits; None: the seed of the run. The order of the operator's terms does not matter.
    """

    samples: int
    draws: int = 20
    seed: int | None = None

    name: ClassVar[str] = "qdrift"

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", integer(self.samples, "samples", 1, 10**7, MethodError))
        check_draws(self.draws, self.seed)

    def facts(self) -> Facts:
        """The real clock, operators; expectation values converge."""
        return Facts(frozenset({"real"}), frozenset({"operator"}), "backend", 1, "expectation", callback="never")

    def refined(self) -> QDrift:
        """Twice the samples."""
        return replace(self, samples=2 * self.samples)


@renamed_option("circuits", "draws")
@dataclass(frozen=True)
class RandomOrder(_Averaged):
    """First-order product formula whose terms stand in a fresh random order in every step. Real clock, operators.

    Averaged over the orders the second-order error cancels: with ``x = lambda T / steps`` the half diamond distance to the exact
    evolution is at most ``steps (x^4 exp(2 x) + 2 x^3 exp(x) / 3) / 2``. Source: Childs, Ostrander, Su, Quantum 3, 182 (2019),
    arXiv:1805.08385.

    Args:
        steps: equal steps over the duration.
        draws, seed: as in :class:`QDrift`.
    """

    steps: int
    draws: int = 20
    seed: int | None = None

    name: ClassVar[str] = "random_order"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**7, MethodError))
        check_draws(self.draws, self.seed)

    def facts(self) -> Facts:
        """The real clock, operators; expectation values converge."""
        return Facts(
            frozenset({"real"}),
            frozenset({"operator"}),
            "backend",
            2,
            "expectation",
            steps=self.steps,
            callback="never",
        )

    def refined(self) -> RandomOrder:
        """Twice the steps."""
        return replace(self, steps=2 * self.steps)


def _run(job: Job, method: QDrift | RandomOrder) -> Answer:
    """The average over the random circuits."""
    h, terms, count = _operator(job), _terms(job.h, method), method.draws
    if job.shots is not None and job.shots < count:
        raise MethodError(
            f"Argument `shots` must be at least the {count} circuits they are shared by, but is {job.shots}."
        )
    times = np.union1d(job.saves, [0.0]).tolist()
    answers: list[Answer] = []
    gates: list[int] = []
    table, still = _table(h, method), _still(job, times)
    for c in range(count):
        slots = _drawn(job, method, terms, table, c, times)
        drawn = np.cumsum([0, *(len(row) for row in slots)]) > 0  # up to each time
        pieces = _pieces(h, slots, still)
        gates.append(sum(piece.size() for piece in pieces[1:]))
        shots = None if job.shots is None else job.shots // count + (c < job.shots % count)
        branch = replace(job, branch=(Stream.RANDOMISED, c), callback=None, shots=shots)
        if not job.can.exact:
            whole = [_until(pieces, times.index(t)) for t in job.saves.tolist()]
            answers.append(run_sampled(branch, Planned(whole, {})))
            continue
        shape = job.problem.domain.shape
        waves = [wave.reshape(shape) for wave in job.device.states(pieces, job.progress)]
        kept = [wave for t, wave in zip(times, waves) if t in job.saves]
        answers.append(report_waves(branch, Waves(job.saves.tolist(), kept, [0.0] * len(kept), "", {})))
    weights = table.sizes()
    bound = _bound(method, weights) + (0.0 if h.commutes else 0.5 * float((weights**2).sum()))
    differ = len(drawable(terms)) > 1 and (isinstance(method, QDrift) or not all_commute(terms))
    random = [differ and bool(drawn[times.index(t)]) for t in job.saves.tolist()]
    return _averaged(job, answers, random, gates, terms, bound)


def _circuits(job: Job, method: QDrift | RandomOrder) -> list[QuantumCircuit]:
    terms, times = _terms(job.h, method), np.union1d(job.saves, [0.0]).tolist()
    h, still = _operator(job), _still(job, times)
    table = _table(h, method)
    every = [_pieces(h, _drawn(job, method, terms, table, c, times), still) for c in range(method.draws)]
    return [_until(pieces, times.index(t)) for t in job.saves.tolist() for pieces in every]


def _work(job: Job, method: QDrift | RandomOrder) -> Work:
    every = _circuits(job, method)
    programs, each = longest_moments(job, every[-method.draws :])
    number, together = each * len(every), each * len(job.saves)
    qubits, shots = programs[-1].num_qubits, job.shots or 0
    share = -(-shots * together // number) if shots else None
    fixed = method.seed is not None or job.seeded
    memory = of_circuits(job, qubits, programs[-1].size()) + of_answers(job, method.draws)
    sent = method.draws * batches(job, each, len(job.saves))
    return Work(qubits, memory, number, together * shots, tuple(programs), bound=not fixed, samples=share, sent=sent)


def _too_dear(name: str, problem: Problem) -> str:
    told = ""
    if problem.domain.num_qubits <= _COUNTED:  # a refusal takes no memory
        low, high = hamiltonian(problem).bounds(0.0)
        weight = 0.5 * (high - low) * problem.duration  # lambda t is at least half of the spectrum's width
        told = (
            f", which is at least {weight:.3g} here, so that an error of 0.01 takes {2 * weight**2 / 0.01:.1e} rotations or "
            "more"
        )
    return (
        f"Argument `method` must not be {name} for the Hamiltonian of a loss: its cost grows with the square of lambda t{told}. "
        "Use Trotter, or state an operator with Problem.from_operator."
    )


def _terms(h: Hamiltonian, method: QDrift | RandomOrder) -> PauliSum:
    """The terms in canonical order, the identity included."""
    assert isinstance(h, PauliHamiltonian)  # `check` has refused losses
    terms = h.terms.part(canonical(h))
    if not len(drawable(terms)):
        raise MethodError(
            "Argument `method` must have a term besides the identity to draw from, which "
            f"{type(method).__name__} has not."
        )
    return terms


def _drawn(
    job: Job, method: QDrift | RandomOrder, terms: PauliSum, table: Slots, c: int, times: Sequence[float]
) -> list[list[Rotation]]:
    """The rotations of circuit ``c`` from each time to the next; one is cut where a time falls into it."""
    seed = circuit_seed(job.entropy if method.seed is None else method.seed, Stream.RANDOMISED, c)
    rng = np.random.default_rng(seed)
    if isinstance(method, QDrift):
        return table.drift(terms, rng, times)
    return orders(terms, rng, table.h, method.steps, times)


@dataclass(frozen=True, eq=False)
class _Still:
    """What the circuits of all draws have in common: the preparation, and from each time to the next the phase of the identity."""

    start: QuantumCircuit
    phases: list[float]


def _still(job: Job, times: Sequence[float]) -> _Still:
    h, phases = _operator(job), []
    for t0, t1 in zip(times[:-1], times[1:]):
        over = h.over(t0, t1)
        phases.append(-float(over.coefficients[(over.x | over.z) == 0].sum()))
    return _Still(synthesis.states.prepare(job.problem.initial, job.problem.domain), phases)


def _pieces(h: PauliHamiltonian, slots: list[list[Rotation]], still: _Still) -> list[QuantumCircuit]:
    """The circuit of these rotations: the preparation, then from each time to the next."""
    between = [
        synthesis.trotter.pauli_rotations(h.terms.num_qubits, rotations, phase)
        for rotations, phase in zip(slots, still.phases)
    ]
    return [still.start, *between]


def _until(pieces: Sequence[QuantumCircuit], index: int) -> QuantumCircuit:
    circuit = pieces[0].copy()
    for piece in pieces[1 : index + 1]:
        circuit.compose(piece, inplace=True)
    return circuit


def _averaged(
    job: Job, answers: list[Answer], random: list[bool], gates: list[int], terms: PauliSum, bound: float
) -> Answer:
    out, spread = averaged(answers, job, random)
    facts = {
        "circuits": len(answers),
        "lambda": strength(terms),
        "channel_bound": bound,
        "between_circuits": spread,
        "gates": float(np.mean(gates)),
    }
    stop = (
        f"Reached the end of the duration, {job.saves[-1]:g}. Averaged over {len(answers)} random circuits; the channel's half "
        f"diamond distance is at most {bound:.3g}."
    )
    return replace(out, stop=stop, diagnostics={**out.diagnostics, **facts})


def error_bound(method: QDrift | RandomOrder, operator: OperatorLike, time: float) -> float:
    """The bound of half the diamond distance of the averaged channel, as in :class:`QDrift` and :class:`RandomOrder`.

    >>> round(error_bound(QDrift(800), np.array([[1.0, 0.5], [0.5, -1.0]]), 2.0), 6)
    0.022669
    """
    x = strength(pauli_sum(operator)) * real(time, "time", nonnegative=True, error=MethodError)
    return _bound(method, np.full(_parts(method), x / _parts(method)))


def _table(h: PauliHamiltonian, method: QDrift | RandomOrder) -> Slots:
    """What the schedules do in each part of the duration, for all draws."""
    return Slots(h, _parts(method))


def _parts(method: QDrift | RandomOrder) -> int:
    """Equal parts of the duration, each with its own bound."""
    return method.samples if isinstance(method, QDrift) else method.steps


def _bound(method: QDrift | RandomOrder, y: np.ndarray) -> float:
    """The bounds of all parts added up; y: lambda times the amount of each."""
    if isinstance(method, QDrift):
        return float((2 * y**2 * np.exp(2 * y)).sum())
    return float(0.5 * (y**4 * np.exp(2 * y) + 2 * y**3 * np.exp(y) / 3).sum())


def _operator(job: Job) -> PauliHamiltonian:
    assert isinstance(job.h, PauliHamiltonian)  # `check` has refused losses
    return job.h


def qdrift_channel(operator: OperatorLike, time: float, samples: int) -> np.ndarray:
    """The exact channel of :class:`QDrift` as a matrix on ``rho.reshape(-1)``, shape ``(4**n, 4**n)``; up to 5 qubits.

    ``(sum_j p_j U_j (x) U_j^*)^N``: a power of a matrix, no sampling.

    >>> channel = qdrift_channel(np.array([[1.0, 0.0], [0.0, -1.0]]), 0.5, 10)      # one term: exact
    >>> np.allclose(np.diag(channel), [1, np.exp(-1j), np.exp(1j), 1])
    True
    """
    terms = pauli_sum(operator)
    count = integer(samples, "samples", 1, 10**9, MethodError)
    span = real(time, "time", nonnegative=True, error=MethodError)
    n = integer(terms.num_qubits, "num_qubits", 1, 5, MethodError)
    check_memory(16 * 3 * 16**n, f"A channel on {n} qubits")
    total = strength(terms)
    one = np.zeros((4**n, 4**n), dtype=complex)
    for x, z, c in zip(terms.x, terms.z, terms.coefficients):
        if x | z:
            pauli = PauliSum(n, np.array([x]), np.array([z]), np.array([1.0])).matrix()
            angle = float(np.sign(c)) * total * span / count
            u = np.cos(angle) * np.eye(1 << n) - 1j * np.sin(angle) * pauli
            one += abs(c) / total * np.kron(u, u.conj())
    return np.linalg.matrix_power(one, count)
