"""Running randomised product formulas: drawing the circuits, averaging over them, and the exact channel for small sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, check_memory, integer, real
from ..base.estimate import Estimate
from ..model.hamiltonian import Hamiltonian, PauliHamiltonian
from ..model.pauli import PauliSum, pauli_sum
from ..results.sampling import merged_counts
from ..results.trajectory import Counts
from .answer import report_waves
from .base import Job, Waves, circuit_seed
from .from_samples import Planned
from .from_samples import run as run_sampled
from .randomised_methods import QDrift, RandomOrder

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_KEY = 5  # of this file's seeds
Piece = tuple[int, int, float, float]  # masks of the string, coefficient (amount a unit of time), and when it ends


def run(job: Job) -> dict[str, Any]:
    """Everything a trajectory holds, averaged over the random circuits."""
    terms = _terms(job.h, job.method, job.problem.duration)
    assert job.backend is not None
    count = job.method.circuits
    if job.shots is not None and job.shots < count:
        raise MethodError(
            f"Argument `shots` must be at least the {count} circuits they are shared by, but is {job.shots}."
        )
    times = np.union1d(job.saves, [0.0]).tolist()
    answers, gates = [], []
    for c in range(count):
        pieces = _pieces(job, terms, c, times)
        gates.append(sum(piece.size() for piece in pieces[1:]))
        shots = None if job.shots is None else job.shots // count + (c < job.shots % count)
        branch = replace(job, branch=(_KEY, c), callback=None, shots=shots)
        if not job.backend.exact:
            whole = [_until(pieces, times.index(t)) for t in job.saves.tolist()]
            answers.append(run_sampled(branch, Planned(whole, {})))
            continue
        shape = job.problem.domain.shape
        waves = [wave.reshape(shape) for wave in job.backend.states(pieces, job.progress)]
        kept = [wave for t, wave in zip(times, waves) if t in job.saves]
        answers.append(report_waves(branch, Waves(job.saves.tolist(), kept, [0.0] * len(kept), "", {})))
    return _averaged(job, answers, gates, terms)


def circuits(job: Job) -> list[QuantumCircuit]:
    """The random circuits: all of the first saved time, then all of the next."""
    terms = _terms(job.h, job.method, job.problem.duration)
    times = np.union1d(job.saves, [0.0]).tolist()
    every = [_pieces(job, terms, c, times) for c in range(job.method.circuits)]
    return [_until(pieces, times.index(t)) for t in job.saves.tolist() for pieces in every]


def _terms(h: Hamiltonian, method: Any, duration: float) -> PauliSum:
    """The terms in canonical order, the identity included."""
    name = type(method).__name__
    if not isinstance(h, PauliHamiltonian):
        low, high = h.bounds(0.0)
        weight = 0.5 * (high - low) * duration  # lambda t is at least half of the spectrum's width
        raise MethodError(
            f"Argument `method` must not be {name} for the Hamiltonian of a loss: its cost grows with the square of lambda t, "
            f"which is at least {weight:.3g} here, so that an error of 0.01 takes {2 * weight**2 / 0.01:.1e} rotations or more. "
            "Use Trotter, or state an operator with Problem.from_operator."
        )
    order = np.lexsort((h.terms.z, h.terms.x))
    terms = PauliSum(h.terms.num_qubits, h.terms.x[order], h.terms.z[order], h.terms.coefficients[order])
    if not np.any(((terms.x | terms.z) != 0) & (terms.coefficients != 0)):
        raise MethodError(
            f"Argument `method` must have a term besides the identity to draw from, which {name} has not."
        )
    return terms


def _pieces(job: Job, terms: PauliSum, c: int, times: Sequence[float]) -> list[QuantumCircuit]:
    """Circuit ``c``: the preparation, then from each time to the next; a rotation is cut where a time falls into it."""
    from ..synthesis.randomised import pauli_rotations
    from ..synthesis.states import prepare

    method, duration = job.method, job.problem.duration
    seed = circuit_seed(job.seeds.entropy if method.seed is None else method.seed, _KEY, c)
    rng = np.random.default_rng(seed)
    idle = float(terms.coefficients[(terms.x | terms.z) == 0].sum())
    active = np.flatnonzero(((terms.x | terms.z) != 0) & (terms.coefficients != 0))
    draw = _qdrift if isinstance(method, QDrift) else _random_order
    slots = draw(method, terms, active, rng, duration, times)
    out = [prepare(job.problem.initial, job.problem.domain)]
    for t0, t1, rotations in zip(times[:-1], times[1:], slots):
        out.append(pauli_rotations(terms.num_qubits, rotations, -idle * (t1 - t0)))
    return out


def _qdrift(
    method: QDrift,
    terms: PauliSum,
    active: np.ndarray,
    rng: np.random.Generator,
    duration: float,
    times: Sequence[float],
) -> list[list[tuple[int, int, float]]]:
    weight = np.abs(terms.coefficients[active])
    total, tau = float(weight.sum()), duration / method.samples
    chosen = active[rng.choice(len(active), size=method.samples, p=weight / total)]
    slots = []
    for t0, t1 in zip(times[:-1], times[1:]):
        first, last = int(t0 / tau + 1e-9), min(method.samples, int(np.ceil(t1 / tau - 1e-9)))
        row = []
        for i in range(first, last):
            span = min((i + 1) * tau, t1) - max(i * tau, t0)
            j = chosen[i]
            row.append((int(terms.x[j]), int(terms.z[j]), float(np.sign(terms.coefficients[j]) * total * span)))
        slots.append(row)
    return slots


def _random_order(
    method: RandomOrder,
    terms: PauliSum,
    active: np.ndarray,
    rng: np.random.Generator,
    duration: float,
    times: Sequence[float],
) -> list[list[tuple[int, int, float]]]:
    from ..model.formulas import boundaries, segments

    slots = []
    for ends in segments(boundaries(duration, method.steps, times), times):
        row = []
        for t0, t1 in zip(ends[:-1], ends[1:]):
            for j in rng.permutation(active):
                row.append((int(terms.x[j]), int(terms.z[j]), float(terms.coefficients[j] * (t1 - t0))))
        slots.append(row)
    return slots


def _until(pieces: Sequence[QuantumCircuit], index: int) -> QuantumCircuit:
    circuit = pieces[0].copy()
    for piece in pieces[1 : index + 1]:
        circuit.compose(piece, inplace=True)
    return circuit


def _averaged(job: Job, answers: list[dict[str, Any]], gates: list[int], terms: PauliSum) -> dict[str, Any]:
    out, spread = averaged(answers, job.shots)
    bound = error_bound(job.method, terms, job.problem.duration)
    out["diagnostics"] = {
        **out["diagnostics"],
        "circuits": len(answers),
        "lambda": strength(terms),
        "channel_bound": bound,
        "between_circuits": spread,
        "gates": float(np.mean(gates)),
    }
    out["stop"] = (
        f"Reached the end of the duration, {job.saves[-1]:g}. Averaged over {len(answers)} random circuits; the channel's half "
        f"diamond distance is at most {bound:.3g}."
    )
    return out


def averaged(answers: list[dict[str, Any]], shots: int | None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The mean of answers of random circuits, with the errors between them; and their standard deviations."""
    count, out = len(answers), dict(answers[0])
    out["density"] = np.mean([a["density"] for a in answers], axis=0)
    expectations, spread = {}, {}
    for name, first in out["expectations"].items():
        values = np.array([a["expectations"][name].value for a in answers])
        between = values.std(axis=0, ddof=1) if count > 1 else np.zeros_like(values[0])
        between = np.where(between > 1e-13 * (1 + np.abs(values).max(axis=0)), between, 0.0)  # round-off is no spread
        stderr = between / np.sqrt(count) if count > 1 else np.broadcast_to(first.stderr, values[0].shape)
        expectations[name], spread[name] = Estimate(values.mean(axis=0), stderr, shots), between
    out["expectations"] = expectations
    if count > 1:
        out["states"] = None
        if out.get("counts"):
            out["counts"] = {basis: _merged([a["counts"][basis] for a in answers]) for basis in out["counts"]}
    return out, spread


def _merged(every: list[tuple[Counts, ...]]) -> tuple[Counts, ...]:
    return tuple(
        merged_counts(np.concatenate([c.index for c in same]), np.concatenate([c.count for c in same]))
        for same in zip(*every)
    )


def strength(terms: PauliSum) -> float:
    """``lambda = sum |c_j|`` over the terms besides the identity."""
    return float(np.abs(terms.coefficients[(terms.x | terms.z) != 0]).sum())


def error_bound(method: QDrift | RandomOrder, operator: Any, time: float) -> float:
    """The bound of half the diamond distance of the averaged channel, as in :class:`QDrift` and :class:`RandomOrder`.

    >>> round(error_bound(QDrift(800), np.array([[1.0, 0.5], [0.5, -1.0]]), 2.0), 6)
    0.022669
    """
    x = strength(pauli_sum(operator)) * real(time, "time", nonnegative=True, error=MethodError)
    if isinstance(method, QDrift):
        return 2 * x**2 / method.samples * float(np.exp(2 * x / method.samples))
    y = x / method.steps
    return 0.5 * method.steps * (y**4 * float(np.exp(2 * y)) + 2 * y**3 * float(np.exp(y)) / 3)


def qdrift_channel(operator: Any, time: float, samples: int) -> np.ndarray:
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
