"""Post-selected circuits on exact backends, and their success probabilities predicted from norms of split steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ... import synthesis
from ...base.errors import MethodError, check_memory, describe
from ...model.driven_formulas import ends_of_steps
from ...model.formulas import by_order, factors, segments
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ...model.pauli import PauliSum
from ...model.problem import Problem
from ...synthesis.p_register import Blocks, Register
from .. import split_step
from ..base import Job, Method
from ..from_waves import Stand
from ..split_step import SplitStep
from .laws import (
    Occupied,
    alias_steps,
    check_floor,
    choose_register,
    lower_bound,
    occupied,
    register_gain,
    step_energies,
    steps_needed,
)
from .moments import Moment, advanced
from .options import PostSelected, Schrodingerised


def split_norms(problem: Problem, h: Hamiltonian, steps: int, order: int, saves: Sequence[float]) -> np.ndarray:
    """``|prod e^{-amount (f - f_min)} psi|^2`` at the save times, from the split-step reference with the same formula; of an operator
    ``|prod e^{-(b P + |b|)} psi|^2``, from the same factors by NumPy."""
    if isinstance(h, PauliHamiltonian):
        return _term_norms(problem, h, steps, order, saves)
    run = split_step.run(problem, h, SplitStep(steps, order), saves, lambda done, total: None)
    logs = np.array([log for _, _, log in run])
    shift = _of_factors(problem, h, steps, order, saves)
    out: np.ndarray = np.exp(2 * (logs + shift))
    return out


def _of_factors(problem: Problem, h: Hamiltonian, steps: int, order: int, saves: Sequence[float]) -> np.ndarray:
    """What the factors of a product formula have taken away up to each save time: of each its least energy times its amount.

    Where the strength changes its sign this is less than the least energy of the integral of H: each factor has its own sign.
    """
    out = [0.0]
    for piece in segments(ends_of_steps(h, steps, saves), saves):
        if isinstance(h, PauliHamiltonian):
            over = h.over(float(piece[0]), float(piece[-1]))
            part = float(over.coefficients[(over.x | over.z) == 0].sum())
            part -= sum(
                abs(amount * float(h.terms.coefficients[term]))
                for term, amount in synthesis.operator_factors.visits(h, order, piece)
            )
        else:
            assert isinstance(h, LearningHamiltonian)
            low, high, still = float(h.zeta.min()), float(h.zeta.max()), float(h.dual.min())
            used = factors(by_order(order), piece, problem.diffusion, problem.strength, problem.duration)
            part = sum(f.amount * (still if f.kind == "K" else low if f.amount >= 0 else high) for f in used)
        out.append(out[-1] + part)
    return np.array(out)


def _of_blocks(problem: Problem, h: Hamiltonian, rule: Blocks, saves: Sequence[float]) -> np.ndarray:
    """The energy, integrated up to each save time, from which blocks count."""
    if rule.block == "exact":
        return _of_factors(problem, h, rule.steps, rule.order, saves)
    if rule.shift is not None:
        return rule.shift * np.asarray(saves, dtype=float)
    out = [0.0]
    for piece in segments(ends_of_steps(h, rule.steps, saves), saves):
        out.append(out[-1] + sum(lower_bound(problem, h, a, b) for a, b in zip(piece[:-1], piece[1:])))
    return np.array(out)


def _term_norms(problem: Problem, h: PauliHamiltonian, steps: int, order: int, saves: Sequence[float]) -> np.ndarray:
    wave, logs = problem.initial.vector(problem.domain), [0.0]
    for piece in segments(ends_of_steps(h, steps, saves), saves):
        wave = synthesis.operator_factors.damped(h, synthesis.operator_factors.visits(h, order, piece), wave)
        norm = float(np.linalg.norm(wave))
        wave = wave / norm
        logs.append(logs[-1] + float(np.log(norm)))
    return np.asarray(np.exp(2 * np.array(logs)))


def schrodinger_success(
    problem: Problem, h: Hamiltonian, register: Register, steps: int, order: int, saves: Sequence[float]
) -> np.ndarray:
    """Norm squared times the share of the discrete profile on ``p > 0``."""
    return register.share * split_norms(problem, h, steps, order, saves)


def probabilistic_success(
    problem: Problem, h: Hamiltonian, rule: Blocks, saves: Sequence[float], blocks: Sequence[int]
) -> np.ndarray:
    """Probability that every ancilla up to each save time reads 0; ``blocks[i]`` of them lie before save time i.

    Exact blocks: ``m0^{2 blocks}`` times the norm squared. Linear blocks: their two branches are run and added.
    """
    if rule.block == "exact":
        norms = split_norms(problem, h, rule.steps, rule.order, saves)
        return np.asarray(rule.m0 ** (2.0 * np.asarray(blocks)) * norms)
    return np.array([success for _, success in probabilistic_path(problem, h, rule, saves)])


def probabilistic_path(
    problem: Problem, h: Hamiltonian, rule: Blocks, saves: Sequence[float]
) -> Iterator[tuple[np.ndarray, float]]:
    """The kept wave (of unit norm) and the probability to get there at the save times, of linear blocks."""
    ends = ends_of_steps(h, rule.steps, saves)
    psi, log = problem.initial.vector(problem.domain), 0.0
    yield psi, 1.0
    branch = _learning_branch(problem, h, rule) if isinstance(h, LearningHamiltonian) else _pauli_branch(h, rule)
    slope = rule.m0 / np.sqrt(1 - rule.m0**2)
    for piece in segments(ends, saves):
        for t0, t1 in zip(piece[:-1].tolist(), piece[1:].tolist()):
            total = lower_bound(problem, h, t0, t1) if rule.shift is None else (t1 - t0) * rule.shift
            phase = np.exp(1j * (np.arccos(rule.m0) - slope * total))
            psi = 0.5 * (phase * branch(psi, t0, t1, slope) + np.conj(phase) * branch(psi, t0, t1, -slope))
            norm = float(np.linalg.norm(psi))
            log += 2 * np.log(norm)
            psi = psi / norm
        yield psi, float(np.exp(log))


Branch = Callable[[np.ndarray, float, float, float], np.ndarray]


def _learning_branch(problem: Problem, h: LearningHamiltonian, rule: Blocks) -> Branch:
    def branch(psi: np.ndarray, t0: float, t1: float, scale: float) -> np.ndarray:
        """``exp(+i scale H (t1 - t0))`` by the product formula."""
        wave = np.array(psi, dtype=complex)
        for f in factors(by_order(rule.order), [t0, t1], problem.diffusion, problem.strength, problem.duration):
            if f.kind == "K":
                wave = h.transform.inverse(np.exp(1j * scale * f.amount * h.dual) * h.transform.forward(wave))
            else:
                wave *= np.exp(1j * scale * f.amount * h.zeta)
        return wave

    return branch


def _pauli_branch(h: PauliHamiltonian, rule: Blocks) -> Branch:
    formula, terms = by_order(rule.order), h.terms
    every = [
        PauliSum(terms.num_qubits, terms.x[j : j + 1], terms.z[j : j + 1], np.ones(1))
        for j in range(len(terms.coefficients))
    ]

    def branch(psi: np.ndarray, t0: float, t1: float, scale: float) -> np.ndarray:
        """The kept branch from ``t0`` to ``t1``: products of ``cos(a c) + i sin(a c) P`` over all Pauli strings P."""
        strings = list(zip(every, h.over(t0, t1).coefficients.tolist()))
        passes = [(scale, strings)]
        if formula.order > 1:
            passes = [(0.5 * s * scale, [*strings, *reversed(strings)]) for s in formula.substeps]
        wave = np.array(psi, dtype=complex)
        for amount, row in passes:
            for string, c in row:
                wave = np.cos(amount * c) * wave + 1j * np.sin(amount * c) * string.apply(wave)
        return wave

    return branch


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is known before a run, by a register or by blocks: one of the two.

    Attributes:
        saves: save times, the first of them 0.
        success: success probability at each.
        taken: the energy, integrated up to each of them, from which the circuits count.
        known: more of it, for the diagnostics.
        steps, order: of the product formula.
        register: the p register (Schrodingerised only).
        rule: the numbers of the blocks (ProbabilisticITE only).
        blocks: blocks before each save time (likewise).

    Raises:
        MethodError: there are both a register and a rule, or neither.
    """

    saves: tuple[float, ...]
    success: np.ndarray
    taken: np.ndarray
    known: dict[str, Any]
    steps: int
    order: int
    register: Register | None = None
    rule: Blocks | None = None
    blocks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if (self.register is None) == (self.rule is None):
            given = "both are None" if self.register is None else "both are given"
            raise MethodError(
                f"Argument `register` must be None where `rule` is given, and given where it is None, but {given}."
            )


def post_selected(given: Method, others: str = "") -> PostSelected:
    """A method that keeps a sample or not; ``others``: what else a caller takes, in the words of the refusal.

    Raises:
        MethodError: it is another one.
    """
    if not isinstance(given, PostSelected):
        must = f"be ProbabilisticITE{',' if others else ' or'} Schrodingerised{others}"
        raise MethodError(f"Argument `method` must {must}, but is {describe(given)}.")
    return given


def forecast(problem: Problem, h: Hamiltonian, method: PostSelected, saves: Sequence[float]) -> Forecast:
    """Everything about a post-selected run that can be known before it.

    Raises:
        MethodError: a register or a number of steps is too small, the success probability is below the floor, or the
            method does not run this Hamiltonian.
    """
    plan = method.forecast(problem, h, tuple(np.union1d(np.asarray(saves, dtype=float), [0.0]).tolist()))
    check_floor(float(plan.success.min()), method.floor)
    return plan


def register_forecast(problem: Problem, h: Hamiltonian, method: Schrodingerised, times: tuple[float, ...]) -> Forecast:
    """That of a p register.

    Raises:
        MethodError: the register is too small.
    """
    energies = occupied(problem, h, until=times[-1] or None)
    register, error = choose_register(method, energies)
    success = schrodinger_success(problem, h, register, method.steps, method.order, times)
    success *= [register_gain(register, energies, t / times[-1]) if t else 1.0 for t in times]
    known = {"register_error": error, "box": (register.left, register.right), "profile_share": register.share}
    took = _of_factors(problem, h, method.steps, method.order, times)
    return Forecast(times, success, took, known, method.steps, method.order, register=register)


def block_forecast(problem: Problem, h: Hamiltonian, rule: Blocks, times: tuple[float, ...]) -> Forecast:
    """That of blocks.

    Raises:
        MethodError: there are too few steps for linear ones.
    """
    known: dict[str, Any] = {} if rule.block == "exact" else {"block_error": _linear_error(problem, h, rule)}
    blocks = block_counts(problem, h, rule, times)
    success = probabilistic_success(problem, h, rule, times, blocks)
    known["blocks"] = blocks[-1]
    took = _of_blocks(problem, h, rule, times)
    return Forecast(times, success, took, known, rule.steps, rule.order, rule=rule, blocks=tuple(blocks))


def _linear_error(problem: Problem, h: Hamiltonian, rule: Blocks) -> float:
    """What a linear block misses of its step; refuses steps so long that it folds energies back."""
    rows = list(step_energies(problem, h, rule.steps, rule.shift))
    if h.constant:
        whole = Occupied(rows[0].shifts * rule.steps, rows[0].weights)
        needed = alias_steps(rule.m0, whole, rule.steps)
    else:
        needed = steps_needed(problem, h, rule.m0, rule.steps, rule.shift)
    top = max(row.highest(1e-6) for row in rows)
    if needed is not None:
        raise MethodError(
            f"Argument `steps` must be at least {needed} with m0 = {rule.m0:g} for this duration (energies times tau "
            f"reach {top:.2g} in one step), but is {rule.steps}."
        )
    spread = max(float(row.weights @ row.shifts**4) for row in rows)
    return float(0.5 * rule.m0 / (1 - rule.m0**2) * np.sqrt(spread))


def block_counts(problem: Problem, h: Hamiltonian, rule: Blocks, times: Sequence[float]) -> list[int]:
    """Blocks before each save time."""
    ends = ends_of_steps(h, rule.steps, times)
    counts = [0]
    for piece in segments(ends, times):
        if rule.block == "linear":
            counts.append(counts[-1] + len(piece) - 1)
            continue
        if isinstance(h, PauliHamiltonian):
            counts.append(counts[-1] + len(synthesis.operator_factors.visits(h, rule.order, piece)))
            continue
        used = factors(by_order(rule.order), piece, problem.diffusion, problem.strength, problem.duration)
        counts.append(counts[-1] + sum((problem.domain.ndim if f.kind == "K" else 1) for f in used if f.amount))
    return counts


def selected_moments(job: Job, plan: Forecast, stand: Stand) -> Iterator[Moment]:
    """The kept waves at the times of a forecast."""
    if plan.register is not None:
        return _register_moments(job, plan, plan.register)
    assert plan.rule is not None
    return _block_moments(job, plan, plan.rule, stand)


def _register_moments(job: Job, plan: Forecast, register: Register) -> Iterator[Moment]:
    """One pass of the circuits; the wave is the kept rows read against ``e^{-p}``."""
    problem, domain = job.problem, job.problem.domain
    qubits = synthesis.transforms.width(domain) + register.qubits
    check_memory(64 << qubits, f"{job.method} on {qubits} qubits")
    pieces = synthesis.imaginary.schrodingerised(problem, job.h, plan.steps, plan.order, register, plan.saves)
    decay = np.exp(-register.points[register.kept])
    for t, least, state in zip(plan.saves, plan.taken, job.device.states(pieces, job.progress)):
        rows = state.reshape(1 << register.qubits, -1)[register.kept, : domain.size]
        wave = decay @ rows
        success = float((np.abs(rows) ** 2).sum())
        log = 0.5 * np.log(success / register.share) - least
        shape = (-1, *domain.shape)
        yield Moment(t, (wave / np.linalg.norm(wave)).reshape(domain.shape), float(log), success, rows.reshape(shape))


def _block_moments(job: Job, plan: Forecast, rule: Blocks, stand: Stand) -> Iterator[Moment]:
    """Block by block: the ancilla is projected on 0 and starts anew, as measurement and reset would do on a device.

    The blocks and the moments that an earlier process has left behind are passed over.
    """
    problem, domain = job.problem, job.problem.domain
    lowest = partial(lower_bound, problem, job.h)
    pieces = synthesis.probabilistic.probabilistic_blocks(problem, job.h, rule, plan.saves, lowest)
    wave, log, done = stand.array("wave", problem.initial.vector(domain)), stand.number("log"), 0
    past, points = stand.done, stand.points
    if not points:
        stand.at(0, {"log": log}, {"wave": wave})
        yield Moment(plan.saves[0], wave, 0.0, 1.0, wave[None])
    for number, (t, count, blocks) in enumerate(zip(plan.saves[1:], plan.blocks[1:], pieces), 1):
        for block in blocks:
            done += 1
            if done <= past:
                continue
            wave = advanced(job.device, domain, wave, block)[0]
            norm = float(np.linalg.norm(wave))
            wave, log = wave / norm, float(log + np.log(norm))
            stand.at(done, {"log": log}, {"wave": wave})
            job.progress(done, plan.blocks[-1])
        if number < points:
            continue
        success = float(np.exp(2 * log))
        log_norm = log - count * np.log(rule.m0) - plan.taken[number]
        yield Moment(t, wave, float(log_norm), success, np.sqrt(success) * wave[None])
