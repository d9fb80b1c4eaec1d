"""Purified thermal states: imaginary time on one half of Bell pairs, by exact blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ... import synthesis
from ...backends import Backend
from ...backends.base import capabilities
from ...backends.midway import sample_midway
from ...base.errors import MethodError, check_memory
from ...model.domains import Hypercube
from ...model.formulas import by_order, factors
from ...model.hamiltonians import LearningHamiltonian
from ...model.problem import Problem
from ...model.schedules import Constant
from ...results.sampling import draw, draw_successes
from ...synthesis.p_register import Blocks
from .moments import advanced

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_CHUNK = 1 << 15  # numbers worked on at once: what fits into the cache
FRESH = 12  # ancillas of one circuit on backends that cannot measure in the middle


@dataclass(frozen=True, eq=False)
class Purified:
    """The law over the weights, the share of samples kept, how many (None: exact), and the circuit."""

    law: np.ndarray
    success: float
    kept: int | None
    circuit: QuantumCircuit


def purified(
    problem: Problem,
    h: LearningHamiltonian,
    beta: float,
    steps: int,
    backend: Backend | None,
    shots: int | None,
    seed: int,
) -> Purified:
    """Bell pairs, Strang steps up to ``beta / 2`` on one half, and the law of that half.

    ``<w|M M^+|w> / Tr M M^+`` with M the product of the blocks, which is symmetric, so that ``M M^+ ~ e^{-beta H}``. Without a
    backend the same product of factors acts on one point after another, by the classical transform.
    """
    start, blocks = synthesis.gibbs.bell_pairs(problem.domain), _blocks(problem, h, beta, steps)
    if backend is None or capabilities(backend).exact:
        law, success = _columns(h, beta, steps) if backend is None else _projected(problem, backend, start, blocks)
        join = synthesis.probabilistic.deferred if len(blocks) <= FRESH else synthesis.probabilistic.reused
        return Purified(*_drawn(law, success, shots, seed), join(start, blocks))
    midway = shots is not None and capabilities(backend).midway
    if not midway and len(blocks) > FRESH:
        raise MethodError(
            f"Argument `steps` must be smaller on {backend.name}: {len(blocks)} ancillas would be measured at the end, and at "
            f"most {FRESH} are taken."
        )
    circuit = (synthesis.probabilistic.reused if midway else synthesis.probabilistic.deferred)(start, blocks)
    if shots is None:
        every = np.asarray(backend.probabilities([circuit])[0])
        index, weight = np.arange(every.size), every
    else:
        take = sample_midway if midway else _sample
        counts = take(backend, [circuit], shots, [seed])[0]
        index, weight = counts.index, counts.count
    inside = index >> start.num_qubits == 0
    law = np.bincount(index[inside] & (problem.domain.size - 1), weights=weight[inside], minlength=problem.domain.size)
    total = float(law.sum())
    if total <= 0:
        raise MethodError(f"Argument `shots` must be larger: none of {shots} was kept.")
    law = (law / total).reshape(problem.domain.shape)
    return Purified(law, total / (shots or 1), None if shots is None else round(total), circuit)


def _sample(backend: Backend, circuits: list[QuantumCircuit], shots: int, seeds: list[int]) -> list:  # type: ignore[type-arg]
    return list(backend.sample(circuits, shots, seeds))


def _blocks(problem: Problem, h: LearningHamiltonian, beta: float, steps: int) -> list[QuantumCircuit]:
    """The blocks on register, partners and one ancilla, with the Hamiltonian as it is at time 0."""
    d, s = (Constant(value) for value in h.coefficients(0.0))
    still = problem.replace(clock="imaginary", duration=0.5 * beta, diffusion=d, strength=s)
    frozen = LearningHamiltonian(h.domain, h.zeta, d, s, 0.5 * beta, h.workers, h.objective)
    rule = Blocks(1.0, steps, order=2, block="exact")
    (narrow,) = synthesis.probabilistic.probabilistic_blocks(still, frozen, rule, [0.0, 0.5 * beta], lambda t0, t1: 0.0)
    base, made = synthesis.transforms.width(problem.domain), {}
    ancilla = base + problem.domain.num_qubits
    for block in narrow:
        if id(block) not in made:
            made[id(block)] = synthesis.states.empty(ancilla + 1)
            made[id(block)].compose(block, [*range(base), ancilla], inplace=True)
    return [made[id(block)] for block in narrow]


def _projected(
    problem: Problem, backend: Backend, start: QuantumCircuit, blocks: list[QuantumCircuit]
) -> tuple[np.ndarray, float]:
    """Block by block, the ancilla projected on 0."""
    qubits = start.num_qubits
    check_memory(128 << qubits, f"A thermal state on {qubits + 1} qubits")
    whole = Hypercube(qubits)
    (wave,) = backend.states([start], lambda done, total: None)
    log = 0.0
    for block in blocks:
        wave = advanced(backend, whole, wave, block)[0]
        norm = float(np.linalg.norm(wave))
        wave, log = wave / norm, log + 2 * np.log(norm)
    law = (np.abs(wave.reshape(-1, problem.domain.size)) ** 2).sum(axis=0)
    return law.reshape(problem.domain.shape), float(np.exp(log))


def _columns(h: LearningHamiltonian, beta: float, steps: int) -> tuple[np.ndarray, float]:
    """The diagonal of ``M M^+`` from the columns of M, and the share that every factor lets pass together."""
    d, s = (Constant(value) for value in h.coefficients(0.0))
    ends = 0.5 * beta * np.arange(steps + 1) / steps
    decays = {"K": h.dual - h.dual.min(), "V": h.zeta - (h.zeta.min() if s.value(0, 1) >= 0 else h.zeta.max())}
    damping = [
        (factor.kind == "K", np.exp(-factor.amount * decays["K" if factor.kind == "K" else "V"]))
        for factor in factors(by_order(2), ends, d, s, 0.5 * beta)
        if factor.amount
    ]
    size, law = h.domain.size, np.zeros(h.domain.shape)
    width = max(1, _CHUNK // size)
    for first in range(0, size, width):  # a block of points at a time
        block = np.arange(min(width, size - first))
        waves = np.zeros((len(block), size), dtype=complex)
        waves[block, first + block] = 1.0
        waves = waves.reshape(-1, *h.domain.shape)
        for moves, damped in damping:
            waves = h.transform.inverse(h.transform.forward(waves) * damped) if moves else waves * damped
        law += (np.abs(waves) ** 2).sum(axis=0)
    total = float(law.sum())
    return law / total, total / h.domain.size


def _drawn(law: np.ndarray, success: float, shots: int | None, seed: int) -> tuple[np.ndarray, float, int | None]:
    """What so many shots would give, from exact probabilities."""
    if shots is None:
        return law, success, None
    kept = draw_successes(success, shots, seed + 1)
    if kept == 0:
        raise MethodError(
            f"Argument `shots` must be larger: none of {shots} was kept, where {success:.1e} of them are."
        )
    counts = draw(law, kept, seed)
    return counts.histogram(law.size).reshape(law.shape), kept / shots, kept
