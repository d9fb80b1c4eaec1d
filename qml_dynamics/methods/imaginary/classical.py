"""Norms of split steps by NumPy: success probabilities of post-selected runs, predicted before they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...model.formulas import boundaries, by_order, factors, segments
from ...model.hamiltonian import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ...model.pauli import PauliSum
from ...model.problem import Problem
from ...synthesis.p_register import Register
from .. import split_step
from ..split_step import SplitStep
from .laws import lower_bound
from .options import ProbabilisticITE


def split_norms(problem: Problem, h: LearningHamiltonian, steps: int, order: int, saves: Sequence[float]) -> np.ndarray:
    """``|prod e^{-amount (f - f_min)} psi|^2`` at the save times, from the split-step reference with the same formula."""
    run = split_step.run(problem, h, SplitStep(steps, order), saves, lambda done, total: None)
    logs = np.array([log for _, _, log in run])
    shift = np.array([lower_bound(problem, h, 0.0, t) for t in saves])
    return np.exp(2 * (logs + shift))


def schrodinger_success(
    problem: Problem, h: LearningHamiltonian, register: Register, steps: int, order: int, saves: Sequence[float]
) -> np.ndarray:
    """Norm squared times the share of the discrete profile on ``p > 0``."""
    return register.share * split_norms(problem, h, steps, order, saves)


def probabilistic_success(
    problem: Problem, h: Hamiltonian, method: ProbabilisticITE, saves: Sequence[float], blocks: Sequence[int]
) -> np.ndarray:
    """Probability that every ancilla up to each save time reads 0; ``blocks[i]`` of them lie before save time i.

    Exact blocks: ``m0^{2 blocks}`` times the norm squared. Linear blocks: their two branches are run and added.
    """
    if method.block == "exact" and isinstance(h, LearningHamiltonian):
        norms = split_norms(problem, h, method.steps, method.order, saves)
        return np.asarray(method.m0 ** (2.0 * np.asarray(blocks)) * norms)
    ends = boundaries(problem.duration, method.steps, saves)
    psi, log, out = problem.initial.vector(problem.domain), 0.0, [1.0]
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
        out.append(float(np.exp(log)))
    return np.array(out)


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
    strings = [
        (PauliSum(terms.num_qubits, terms.x[j : j + 1], terms.z[j : j + 1], np.ones(1)), float(c))
        for j, c in enumerate(terms.coefficients)
    ]

    def branch(psi: np.ndarray, t0: float, t1: float, scale: float) -> np.ndarray:
        time = scale * (t1 - t0)
        passes = [(time, strings)]
        if formula.order > 1:
            passes = [(0.5 * s * time, [*strings, *reversed(strings)]) for s in formula.substeps]
        wave = np.array(psi, dtype=complex)
        for amount, row in passes:
            for string, c in row:
                wave = np.cos(amount * c) * wave + 1j * np.sin(amount * c) * string.apply(wave)
        return wave

    return branch
