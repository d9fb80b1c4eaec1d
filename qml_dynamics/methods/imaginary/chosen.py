"""Blocks of imaginary time for an operator at a stated error: linear ones of largest success, or exact ones, by gates for a kept sample.

Linear blocks keep the ground state whole, but each step must be short; exact blocks take few steps, but each Pauli string of weight c
costs ``e^{-2 tau (E0 + sum |c|)}`` of the samples. A kept sample takes ``CX / success`` gates: exact blocks win for short durations, linear
ones for long.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ... import synthesis
from ...backends import Backend, capabilities
from ...base.errors import MethodError
from ...base.interrupts import whole
from ...model.driven_formulas import ends_of_steps
from ...model.drives import swing
from ...model.hamiltonians import PauliHamiltonian, hamiltonian
from ...model.problem import Problem
from ..job import convert
from ..krylov import Krylov
from .device import FRESH
from .laws import Occupied, alias_room, lower_bound, occupied, step_energies
from .options import ProbabilisticITE
from .selected import probabilistic_path

ERROR = 0.05  # of the wave in the 2-norm, that blocks may make
LEAST = 100  # shots that must be kept
_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
_SHARE = 0.9  # of the error for the blocks; the rest for the formula inside
_TRIED = 12
_SIGN = 1e-6  # of the integral of the strength: what more that of its absolute value has shows that the sign changes
_FAINT = 1e-24  # of the samples kept: a wave so faint is made of roundings
_MANY = 1e12  # shots that nobody takes
_WIDEST = 14  # qubits of an operator whose blocks are tried out before the run


@dataclass(frozen=True)
class _Found:
    """Options, the share of samples that they keep, and CX of a circuit."""

    method: ProbabilisticITE
    success: float
    gates: int


def chosen_blocks(problem: Problem, backend: Backend, shots: int | None) -> ProbabilisticITE:
    """Blocks for an operator whose error is at most 0.05: linear or exact ones, whichever takes fewer CX for a kept sample.

    With ``shots``, among those that keep 100 of them.

    Raises:
        MethodError: neither kind has so small an error, or fewer than 100 shots would be kept; the message says what helps.
    """
    h = hamiltonian(problem)
    assert isinstance(h, PauliHamiltonian)
    if not h.commutes:
        raise MethodError(
            "Argument `method` must be given for an operator whose terms have schedules of their own on the imaginary clock, but is not: "
            "m0 and steps of ProbabilisticITE are chosen by the energies of one operator."
        )
    if h.num_qubits > _WIDEST:
        raise MethodError(
            f"Argument `method` must be given for an operator of more than {_WIDEST} qubits on the imaginary clock, but is not: "
            f"m0 and steps of ProbabilisticITE are not known for {h.num_qubits}."
        )
    if swing(h.schedules[0], h.duration) > (1 + _SIGN) * abs(h.amount(0.0, h.duration)):
        raise MethodError(
            "Argument `method` must be given for a strength that changes its sign on the imaginary clock, but is not: blocks are judged "
            "at the end of the duration, where steps of opposite signs hide each other's errors."
        )
    can = capabilities(backend)
    most = None if can.exact or (can.midway and shots is not None) else FRESH
    exact = _exact(problem)
    found = [
        one for one in (_linear(problem, h, exact, most), _exact_blocks(problem, h, exact, most)) if one is not None
    ]
    if not found:
        raise MethodError(
            f"Argument `method` must be given: with at most {most or max(_STEPS)} {'blocks' if most else 'steps'} no ProbabilisticITE "
            f"has an error below {ERROR} here. A shorter duration helps, or QITE or Variational."
        )
    enough = [one for one in found if shots is None or shots * one.success >= LEAST]
    if not enough:
        best = max(found, key=lambda one: one.success)
        wanted = np.ceil(LEAST / best.success)
        many = f"at least {int(wanted):,}" if wanted <= _MANY else "far more"
        raise MethodError(
            f"Argument `shots` must be {many} for {LEAST} of them to be kept by the default "
            f"ProbabilisticITE({best.method.m0:.3g}, {best.method.steps}), whose success probability is {best.success:.2e}, but is "
            f"{shots}. A shorter duration helps, or QITE or Variational."
        )
    best = min(enough, key=lambda one: one.gates / one.success)
    return replace(best.method, floor=min(best.method.floor, 0.5 * best.success))


def _linear(problem: Problem, h: PauliHamiltonian, exact: np.ndarray, most: int | None) -> _Found | None:
    """Linear blocks with the largest predicted success.

    Numbers of steps, energies to count from, and for each pair the largest m0 are gone through on the energies that the initial
    wave occupies; the best is run by NumPy, so that the error of its product formula is counted too.
    """
    levels = occupied(problem, h.still, until=1.0, shift=0.0)
    steps = [count for count in _STEPS if most is None or count <= most]
    every = [_largest(problem, h, levels, count, part) for count in steps for part in _parts(h)]
    tried = sorted((one for one in every if one is not None), key=lambda one: -one[1])
    for method, success in tried[:_TRIED]:
        *_, (wave, _) = probabilistic_path(problem, h, method.blocks, [0.0, problem.duration])
        if _distance(wave.reshape(-1), exact) <= ERROR:
            return _Found(method, success, _gates(problem, h, method))
    return None


def _exact_blocks(problem: Problem, h: PauliHamiltonian, exact: np.ndarray, most: int | None) -> _Found | None:
    """Exact blocks of order 1 or 2 with the fewest steps whose formula is near enough."""
    psi, found = problem.initial.vector(problem.domain), list[_Found]()
    for order in (2, 1):
        for steps in _STEPS:
            method = ProbabilisticITE(1.0, steps, order=order, block="exact")
            every = synthesis.operator_factors.visits(h, order, ends_of_steps(h, steps, [0.0, problem.duration]))
            if most is not None and len(every) > most:
                break
            wave = synthesis.operator_factors.damped(h, every, psi).reshape(-1)
            norm = float(np.linalg.norm(wave))
            if norm**2 >= _FAINT and _distance(wave / norm, exact) <= ERROR:
                found.append(_Found(method, norm**2, _gates(problem, h, method)))
                break
    return min(found, key=lambda one: one.gates / one.success, default=None)


def _gates(problem: Problem, h: PauliHamiltonian, method: ProbabilisticITE) -> int:
    """CX of all blocks: a string on w qubits takes ``2 w`` with the ancilla; linear blocks are measured, so that no two merge."""
    ends = ends_of_steps(h, method.steps, [0.0, problem.duration])
    pieces: Sequence[np.ndarray] = (
        [ends] if method.block == "exact" else [ends[k : k + 2] for k in range(len(ends) - 1)]
    )
    weights = [int(word).bit_count() for word in h.terms.x | h.terms.z]
    visited = [synthesis.operator_factors.visits(h, method.order, piece) for piece in pieces]
    return sum(2 * weights[term] for piece in visited for term, _ in piece)


def _parts(h: PauliHamiltonian) -> tuple[float, ...]:
    """Where to count energies from, between the lowest (0) and the mean (1); with a strength that moves, from its own bound."""
    return (0.0, 0.25, 0.5, 0.75, 1.0) if h.constant else (0.0,)


def _largest(
    problem: Problem, h: PauliHamiltonian, levels: Occupied, steps: int, part: float
) -> tuple[ProbabilisticITE, float] | None:
    """The largest m0 within the error for a number of steps, and its success; None where there is none."""
    shift = None
    if h.constant:
        factor, lowest, mean = h.factor(0.0), levels.shifts[0], float(levels.weights @ levels.shifts)
        lowest = lowest if factor >= 0 else levels.shifts[-1]
        shift = float(factor * (lowest + part * (mean - lowest)))
    ends = problem.duration * np.arange(steps + 1) / steps
    pairs = list(zip(ends[:-1].tolist(), ends[1:].tolist()))
    amounts = np.array([h.amount(t0, t1) for t0, t1 in pairs])
    bottoms = [lower_bound(problem, h, t0, t1) if shift is None else shift * (t1 - t0) for t0, t1 in pairs]
    counted = amounts[:, None] * levels.shifts - np.array(bottoms)[:, None]
    wanted = -amounts.sum() * levels.shifts
    wanted = np.exp(wanted - wanted.max())
    rows = list(step_energies(problem, h, steps, shift))
    low, high = 0.0, min(alias_room(rows), 1 - 1e-6)
    for _ in range(30):
        m0 = 0.5 * (low + high)
        kept = np.cos(np.arccos(m0) + m0 / np.sqrt(1 - m0**2) * counted).prod(axis=0)
        a, b = np.sqrt(levels.weights) * kept, np.sqrt(levels.weights) * wanted
        fits = np.linalg.norm(a / max(np.linalg.norm(a), 1e-300) - b / np.linalg.norm(b)) <= _SHARE * ERROR
        low, high = (m0, high) if fits else (low, m0)
    if low < 1e-3:
        return None
    kept = np.cos(np.arccos(low) + low / np.sqrt(1 - low**2) * counted).prod(axis=0)
    return ProbabilisticITE(low, steps, shift=shift), float(levels.weights @ kept**2)


def _exact(problem: Problem) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        job = convert(problem, Krylov(1e-8))
        answer = whole(job.method.run(job))
    assert answer.states is not None
    return np.asarray(answer.states[-1].reshape(-1))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    overlap = np.vdot(a, b)
    return float(np.linalg.norm(a * (overlap / abs(overlap) if overlap else 1.0) - b))
