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
from .options import ProbabilisticITE, Schrodingerised, Selected


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


def taken(problem: Problem, h: Hamiltonian, method: Selected, saves: Sequence[float]) -> np.ndarray:
    """The energy, integrated up to each save time, from which the circuits of a method count."""
    if isinstance(method, ProbabilisticITE) and method.block == "linear":
        if method.shift is not None:
            return method.shift * np.asarray(saves, dtype=float)
        out = [0.0]
        for piece in segments(ends_of_steps(h, method.steps, saves), saves):
            out.append(out[-1] + sum(lower_bound(problem, h, a, b) for a, b in zip(piece[:-1], piece[1:])))
        return np.array(out)
    return _of_factors(problem, h, method.steps, method.order, saves)


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
    problem: Problem, h: Hamiltonian, method: ProbabilisticITE, saves: Sequence[float], blocks: Sequence[int]
) -> np.ndarray:
    """Probability that every ancilla up to each save time reads 0; ``blocks[i]`` of them lie before save time i.

    Exact blocks: ``m0^{2 blocks}`` times the norm squared. Linear blocks: their two branches are run and added.
    """
    if method.block == "exact":
        norms = split_norms(problem, h, method.steps, method.order, saves)
        return np.asarray(method.m0 ** (2.0 * np.asarray(blocks)) * norms)
    return np.array([success for _, success in probabilistic_path(problem, h, method, saves)])


def probabilistic_path(
    problem: Problem, h: Hamiltonian, method: ProbabilisticITE, saves: Sequence[float]
) -> Iterator[tuple[np.ndarray, float]]:
    """The kept wave (of unit norm) and the probability to get there at the save times, of linear blocks."""
    ends = ends_of_steps(h, method.steps, saves)
    psi, log = problem.initial.vector(problem.domain), 0.0
    yield psi, 1.0
    branch = _learning_branch(problem, h, method) if isinstance(h, LearningHamiltonian) else _pauli_branch(h, method)
    slope = method.m0 / np.sqrt(1 - method.m0**2)
    for piece in segments(ends, saves):
        for t0, t1 in zip(piece[:-1].tolist(), piece[1:].tolist()):
            total = lower_bound(problem, h, t0, t1) if method.shift is None else (t1 - t0) * method.shift
            phase = np.exp(1j * (np.arccos(method.m0) - slope * total))
            psi = 0.5 * (phase * branch(psi, t0, t1, slope) + np.conj(phase) * branch(psi, t0, t1, -slope))
            norm = float(np.linalg.norm(psi))
            log += 2 * np.log(norm)
            psi = psi / norm
        yield psi, float(np.exp(log))


Branch = Callable[[np.ndarray, float, float, float], np.ndarray]


def _learning_branch(problem: Problem, h: LearningHamiltonian, method: ProbabilisticITE) -> Branch:
    def branch(psi: np.ndarray, t0: float, t1: float, scale: float) -> np.ndarray:
        """``exp(+i scale H (t1 - t0))`` by the product formula."""
        wave = np.array(psi, dtype=complex)
        for f in factors(by_order(method.order), [t0, t1], problem.diffusion, problem.strength, problem.duration):
            if f.kind == "K":
                wave = h.transform.inverse(np.exp(1j * scale * f.amount * h.dual) * h.transform.forward(wave))
            else:
                wave *= np.exp(1j * scale * f.amount * h.zeta)
        return wave

    return branch


def _pauli_branch(h: PauliHamiltonian, method: ProbabilisticITE) -> Branch:
    formula, terms = by_order(method.order), h.terms
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
    """What is known before a run.

    Attributes:
        saves: save times, the first of them 0.
        success: success probability at each.
        known: more of it, for the diagnostics.
        register: the p register (Schrodingerised only).
        blocks: blocks before each save time (ProbabilisticITE only).
    """

    saves: tuple[float, ...]
    success: np.ndarray
    known: dict[str, Any]
    register: Register | None = None
    blocks: tuple[int, ...] = ()


def post_selected(given: Method, others: str = "") -> Selected:
    """A method that keeps a sample or not; ``others``: what else a caller takes, in the words of the refusal.

    Raises:
        MethodError: it is another one.
    """
    if not isinstance(given, (ProbabilisticITE, Schrodingerised)):
        must = f"be ProbabilisticITE{',' if others else ' or'} Schrodingerised{others}"
        raise MethodError(f"Argument `method` must {must}, but is {describe(given)}.")
    return given


def ancillas(method: Selected, blocks: int) -> int:
    """Qubits beside the register: those of p, or one for each block that is measured at the end."""
    return method.ancilla_qubits if isinstance(method, Schrodingerised) else blocks


def forecast(problem: Problem, h: Hamiltonian, method: Method, saves: Sequence[float]) -> Forecast:
    """Everything about a post-selected run that can be known before it.

    Raises:
        MethodError: a register or a number of steps is too small, the success probability is below the floor, or the
            method does not run this Hamiltonian.
    """
    times = tuple(np.union1d(np.asarray(saves, dtype=float), [0.0]).tolist())
    if isinstance(method, Schrodingerised):
        plan = _schrodinger_forecast(problem, h, method, times)
    else:
        assert isinstance(method, ProbabilisticITE)
        plan = _probabilistic_forecast(problem, h, method, times)
    check_floor(float(plan.success.min()), method.floor)
    return plan


def _schrodinger_forecast(
    problem: Problem, h: Hamiltonian, method: Schrodingerised, times: tuple[float, ...]
) -> Forecast:
    energies = occupied(problem, h, until=times[-1] or None)
    register, error = choose_register(method, energies)
    success = schrodinger_success(problem, h, register, method.steps, method.order, times)
    success *= [register_gain(register, energies, t / times[-1]) if t else 1.0 for t in times]
    known = {"register_error": error, "box": (register.left, register.right), "profile_share": register.share}
    return Forecast(times, success, known, register=register)


def _probabilistic_forecast(
    problem: Problem, h: Hamiltonian, method: ProbabilisticITE, times: tuple[float, ...]
) -> Forecast:
    exact = method.block == "exact"
    known: dict[str, Any] = {}
    if not exact:
        rows = list(step_energies(problem, h, method.steps, method.shift))
        if h.constant:
            whole = Occupied(rows[0].shifts * method.steps, rows[0].weights)
            needed = alias_steps(method.m0, whole, method.steps)
        else:
            needed = steps_needed(problem, h, method.m0, method.steps, method.shift)
        top = max(row.highest(1e-6) for row in rows)
        if needed is not None:
            raise MethodError(
                f"Argument `steps` must be at least {needed} with m0 = {method.m0:g} for this duration (energies times tau "
                f"reach {top:.2g} in one step), but is {method.steps}."
            )
        spread = max(float(row.weights @ row.shifts**4) for row in rows)
        known["block_error"] = float(0.5 * method.m0 / (1 - method.m0**2) * np.sqrt(spread))
    blocks = block_counts(problem, h, method, times)
    success = probabilistic_success(problem, h, method, times, blocks)
    known["blocks"] = blocks[-1]
    return Forecast(times, success, known, blocks=tuple(blocks))


def block_counts(problem: Problem, h: Hamiltonian, method: ProbabilisticITE, times: Sequence[float]) -> list[int]:
    """Blocks before each save time."""
    ends = ends_of_steps(h, method.steps, times)
    counts = [0]
    for piece in segments(ends, times):
        if method.block == "linear":
            counts.append(counts[-1] + len(piece) - 1)
            continue
        if isinstance(h, PauliHamiltonian):
            counts.append(counts[-1] + len(synthesis.operator_factors.visits(h, method.order, piece)))
            continue
        used = factors(by_order(method.order), piece, problem.diffusion, problem.strength, problem.duration)
        counts.append(counts[-1] + sum((problem.domain.ndim if f.kind == "K" else 1) for f in used if f.amount))
    return counts


def schrodinger_moments(job: Job, method: Schrodingerised, plan: Forecast) -> Iterator[Moment]:
    """One pass of the circuits; the wave is the kept rows read against ``e^{-p}``."""
    problem, domain, register = job.problem, job.problem.domain, plan.register
    assert register is not None
    qubits = synthesis.transforms.width(domain) + register.qubits
    check_memory(64 << qubits, f"{method} on {qubits} qubits")
    pieces = synthesis.imaginary.schrodingerised(problem, job.h, method.steps, method.order, register, plan.saves)
    decay = np.exp(-register.points[register.kept])
    took = taken(problem, job.h, method, plan.saves)
    for t, least, state in zip(plan.saves, took, job.device.states(pieces, job.progress)):
        rows = state.reshape(1 << register.qubits, -1)[register.kept, : domain.size]
        wave = decay @ rows
        success = float((np.abs(rows) ** 2).sum())
        log = 0.5 * np.log(success / register.share) - least
        shape = (-1, *domain.shape)
        yield Moment(t, (wave / np.linalg.norm(wave)).reshape(domain.shape), float(log), success, rows.reshape(shape))


def probabilistic_moments(job: Job, method: ProbabilisticITE, plan: Forecast, stand: Stand) -> Iterator[Moment]:
    """Block by block: the ancilla is projected on 0 and starts anew, as measurement and reset would do on a device.

    The blocks and the moments that an earlier process has left behind are passed over.
    """
    problem, domain = job.problem, job.problem.domain
    lowest = partial(lower_bound, problem, job.h)
    pieces = synthesis.probabilistic.probabilistic_blocks(problem, job.h, blocks_of(method), plan.saves, lowest)
    took = taken(problem, job.h, method, plan.saves)
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
        log_norm = log - count * np.log(method.m0) - took[number]
        yield Moment(t, wave, float(log_norm), success, np.sqrt(success) * wave[None])


def blocks_of(method: ProbabilisticITE) -> Blocks:
    """The numbers of a method's blocks."""
    return Blocks(method.m0, method.steps, method.order, method.block, method.shift)
