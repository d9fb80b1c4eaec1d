"""Options of linear blocks for an operator: m0, number of blocks and energy shift of largest predicted success at a stated error."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from ...backends import Backend, capabilities
from ...base.errors import MethodError
from ...model.hamiltonians import PauliHamiltonian, hamiltonian
from ...model.problem import Problem
from ..job import convert
from ..krylov import Krylov
from .device import FRESH
from .laws import Occupied, alias_room, lower_bound, occupied, step_energies
from .options import ProbabilisticITE
from .selected import probabilistic_path

ERROR = 0.05  # of the wave in the 2-norm, that linear blocks may make
LEAST = 100  # shots that must be kept
_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
_SHARE = 0.9  # of the error for the blocks; the rest for the formula inside
_TRIED = 12
_WIDEST = 14  # qubits of an operator whose blocks are tried out before the run


def linear_blocks(problem: Problem, backend: Backend, shots: int | None) -> ProbabilisticITE:
    """Linear blocks for an operator with the largest predicted success among those whose error is at most 0.05.

    Numbers of steps, energies to count from, and for each pair the largest m0 are gone through on the energies that the initial
    wave occupies; the best is run by NumPy, so that the error of its product formula is counted too.
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
    can = capabilities(backend)
    most = max(_STEPS) if can.exact or (can.midway and shots is not None) else FRESH
    levels = occupied(problem, h.still, until=1.0, shift=0.0)
    every = [_largest(problem, h, levels, steps, part) for steps in _STEPS if steps <= most for part in _parts(h)]
    tried = sorted((one for one in every if one is not None), key=lambda one: -one[1])
    exact = _exact(problem)
    for method, success in tried[:_TRIED]:
        *_, (wave, _) = probabilistic_path(problem, h, method, [0.0, problem.duration])
        if _distance(wave.reshape(-1), exact) <= ERROR:
            return _kept(method, success, shots)
    raise MethodError(
        f"Argument `method` must be given: with at most {most} steps no ProbabilisticITE has an error below {ERROR} here. A shorter "
        "duration helps, or QITE or Variational."
    )


def _kept(method: ProbabilisticITE, success: float, shots: int | None) -> ProbabilisticITE:
    """The method where enough shots are kept."""
    if shots is not None and shots * success < LEAST:
        raise MethodError(
            f"Argument `shots` must be at least {int(np.ceil(LEAST / success)):,} for {LEAST} of them to be kept by the default "
            f"ProbabilisticITE({method.m0:.3g}, {method.steps}), whose success probability is {success:.2e}, but is {shots}. A shorter "
            "duration helps, or QITE or Variational."
        )
    return replace(method, floor=min(method.floor, 0.5 * success))


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
        answer = job.method.run(job)
    assert answer.states is not None
    return np.asarray(answer.states[-1].reshape(-1))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    overlap = np.vdot(a, b)
    return float(np.linalg.norm(a * (overlap / abs(overlap) if overlap else 1.0) - b))
