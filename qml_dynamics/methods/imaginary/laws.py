"""Predictions for post-selected runs: occupied energies, p registers and their error, aliasing, success probabilities.

All of it is classical and costs some forty applications of the Hamiltonian, or one run of the split-step reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import MethodError
from ...base.estimate import share_error
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian
from ...model.pauli import PauliSum
from ...model.problem import Problem
from ...synthesis.p_register import Register
from ..krylov import krylov_space
from .options import Schrodingerised

_SPACE = 40
_TAIL = 1e-6  # weight of the highest energies that a block may fold back
_MOST_STEPS = 1 << 16
_NEGLIGIBLE = 1e-12  # spectral weight that no result depends on
_RIGHT: tuple[float, ...] = (3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 13.0)  # candidates for the right end of the p box
_LARGEST = 14
_ON_THE_WAY = (0.25, 0.5, 0.75, 1.0)
_FINE = 10  # registers above this many qubits are fitted over fewer boxes


@dataclass(frozen=True, eq=False)
class Occupied:
    """The energies of a wave: Gauss nodes of its spectral measure, times tau, counted from the shift (so not negative).

    Attributes:
        shifts: ``(E - shift) tau``, ascending.
        weights: their shares, adding up to 1.
    """

    shifts: np.ndarray
    weights: np.ndarray

    def highest(self, tail: float) -> float:
        """The smallest value above which no more than ``tail`` of the weight lies."""
        above = np.cumsum(self.weights[::-1])[::-1]
        return float(self.shifts[np.flatnonzero(above > tail)[-1]])


def occupied(problem: Problem, h: Hamiltonian, until: float | None = None, shift: float | None = None) -> Occupied:
    """The energies that the initial wave occupies, by Lanczos (of the time-averaged Hamiltonian where it depends on time).

    Args:
        problem, h: the problem and its Hamiltonian.
        until: tau (default: the duration).
        shift: the total energy times tau to count from; None: the lower bound of both parts of H.
    """
    tau = problem.duration if until is None else until
    psi = problem.initial.vector(problem.domain)
    if isinstance(h, LearningHamiltonian):
        moved = problem.diffusion.integral(0.0, tau, problem.duration)
        pulled = problem.strength.integral(0.0, tau, problem.duration)

        def act(wave: np.ndarray) -> np.ndarray:
            """``(int D dt K + int s dt zeta) psi``, with coefficients as in a run up to ``tau``."""
            return h.combine(wave, moved, pulled)

    else:
        over = h.over(0.0, tau)

        def act(wave: np.ndarray) -> np.ndarray:
            """``int H dt psi`` of an operator's wave."""
            return over.apply(wave)

    return _levels(act, psi, lower_bound(problem, h, 0.0, tau) if shift is None else shift)


def _levels(act: Callable[[np.ndarray], np.ndarray], psi: np.ndarray, lowest: float) -> Occupied:
    """The energies of an operator that a wave occupies, counted from the lowest."""
    basis = krylov_space(act, psi, min(_SPACE, psi.size))
    weights = np.abs(basis.modes[0]) ** 2
    keep = weights > _NEGLIGIBLE
    return Occupied(basis.energies[keep] - lowest, weights[keep] / weights[keep].sum())


def lower_bound(problem: Problem, h: Hamiltonian, t0: float, t1: float) -> float:
    """``int E_low dt`` with ``E_low <= H``: the least dual value and the least loss (a general operator: its norm)."""
    if not isinstance(h, LearningHamiltonian):
        return pauli_bound(h.over(t0, t1))
    d = problem.diffusion.integral(t0, t1, problem.duration)
    s = problem.strength.integral(t0, t1, problem.duration)
    return d * float(h.dual.min()) + (s * float(h.zeta.min()) if s >= 0 else s * float(h.zeta.max()))


def pauli_bound(terms: PauliSum) -> float:
    """A lower bound of a sum of strings: the identity's coefficient less the absolute values of all others."""
    identity = (terms.x == 0) & (terms.z == 0)
    return float(terms.coefficients[identity].sum() - np.abs(terms.coefficients[~identity]).sum())


def register_error(register: Register, energies: Occupied) -> float:
    """Relative error of the kept wave that the p register makes: spacing, kink, and what comes round the box.

    ``sqrt(sum_i w_i sum_{p > 0} |f(p + E_i t) - e^{-p - E_i t}|^2 / success)`` with f the wave that the register holds, the
    largest on the way to tau: a component that has come round the box may have left ``p > 0`` again at the end.
    """
    kept = register.kept
    if not kept.any():
        return np.inf
    worst = 0.0
    for fraction in _ON_THE_WAY:
        held = register.shifted(fraction * energies.shifts)[:, kept]
        wanted = np.exp(-np.add.outer(fraction * energies.shifts, register.points[kept]))
        miss = float(energies.weights @ (np.abs(held - wanted) ** 2).sum(axis=1))
        worst = max(worst, miss / float(energies.weights @ (wanted**2).sum(axis=1)))
    return float(np.sqrt(worst))


def register_gain(register: Register, energies: Occupied, fraction: float) -> float:
    """What the register keeps at ``fraction`` of tau over ``share * norm^2``: 1 but for its spacing and its ends."""
    held = register.shifted(fraction * energies.shifts)[:, register.kept]
    seen = float(energies.weights @ (np.abs(held) ** 2).sum(axis=1)) / float((register.profile**2).sum())
    return seen / (register.share * float(energies.weights @ np.exp(-2 * fraction * energies.shifts)))


def fitted_register(energies: Occupied, qubits: int, smooth: bool) -> tuple[Register, float]:
    """The box with the smallest error for a register of so many qubits, and that error."""
    top = energies.highest(1e-12)
    lefts = np.unique(np.concatenate([np.linspace(1.5, top + 6.0, 16), np.geomspace(1.5, top + 12.0, 10)]))
    rights = _RIGHT
    if qubits > _FINE:
        lefts, rights = np.linspace(energies.highest(1e-3) + 1.5, top + 6.0, 6), _RIGHT[2::2]
    best, least = Register(qubits, lefts[0], rights[0], smooth), np.inf
    for left in lefts.tolist():
        for right in rights:
            trial = Register(qubits, left, right, smooth)
            error = register_error(trial, energies)
            if error < least:
                best, least = trial, error
    return best, least


def choose_register(method: Schrodingerised, energies: Occupied) -> tuple[Register, float]:
    """The register of a run and its error; refuses one that is too small, and says how large it must be.

    Raises:
        MethodError: the error is above ``method.tolerance``.
    """
    if method.box is not None:
        register = _boxed(method, method.ancilla_qubits)
        error = register_error(register, energies)
    else:
        register, error = fitted_register(energies, method.ancilla_qubits, method.smooth)
    if error <= method.tolerance:
        return register, error
    raise MethodError(
        f"Argument `ancilla_qubits` must be {_needed(method, energies)} for this duration: with {method.ancilla_qubits}"
        f"{'' if method.box is None else f' in the box {method.box}'} the register makes a relative error of {error:.2g} "
        f"where {method.tolerance:g} is allowed (energies times tau reach {energies.highest(1e-6):.1f})."
    )


def _boxed(method: Schrodingerised, qubits: int) -> Register:
    left, right = method.box
    return Register(qubits, left, right, method.smooth)


def _needed(method: Schrodingerised, energies: Occupied) -> str:
    for qubits in range(2, _LARGEST + 1):
        if method.box is None:
            error = fitted_register(energies, qubits, method.smooth)[1]
        else:
            error = register_error(_boxed(method, qubits), energies)
        if error <= method.tolerance:
            return f"at least {qubits}"
    return f"above {_LARGEST}" if method.box is None else "used with another box, None for the best one,"


def check_floor(success: float, floor: float) -> None:
    """Refuse a run that would keep too few samples, before any is taken."""
    if success < floor:
        raise MethodError(
            f"Argument `duration` must be shorter: the success probability will be {success:.2e}, below the floor of "
            f"{floor:.0e} (argument `floor` of the method)."
        )


def alias_steps(m0: float, energies: Occupied, steps: int, tail: float = _TAIL) -> int | None:
    """Steps that a linear block needs so that ``acos(m0) + s1 dtau (E - shift) <= pi / 2`` for the occupied energies, or None."""
    needed = int(np.ceil(_reach(m0, energies, tail) - 1e-9))
    return needed if needed > steps else None


def alias_room(rows: Sequence[Occupied], tail: float = _TAIL) -> float:
    """The largest m0 (below 1) at which no block folds back the energies that its step occupies."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        fits = all(_reach(middle, row, tail) <= 1 for row in rows)
        low, high = (middle, high) if fits else (low, middle)
    return low


def _reach(m0: float, energies: Occupied, tail: float) -> float:
    """``s1 (E - shift) tau`` of the highest occupied energy over the room that a block has for it."""
    slope = m0 / np.sqrt(1 - m0**2)
    room = np.pi / 2 - np.arccos(m0)
    return float(slope * max(energies.highest(tail), 0.0) / room)


def step_energies(problem: Problem, h: Hamiltonian, steps: int, shift: float | None) -> Iterator[Occupied]:
    """The occupied energies times what each of so many equal steps takes of the coefficients; one step for all where they rest.

    Args:
        problem, h: the problem and its Hamiltonian.
        steps: of the duration.
        shift: the energy to count from; None: the lower bound of both parts of H in each step.
    """
    duration = problem.duration
    ends = (duration * np.arange(steps + 1) / steps).tolist()
    if h.constant or isinstance(h, LearningHamiltonian):
        whole = occupied(problem, h, shift=None if shift is None else shift * duration)
        shares = [1 / steps] if h.constant else _shares(problem, ends)
        yield from (Occupied(whole.shifts * share, whole.weights) for share in shares)
        return
    if not h.commutes:
        psi = problem.initial.vector(problem.domain)
        for t0, t1 in zip(ends[:-1], ends[1:]):
            lowest = lower_bound(problem, h, t0, t1) if shift is None else shift * (t1 - t0)
            yield _levels(h.over(t0, t1).apply, psi, lowest)
        return
    levels = occupied(problem, h.still, until=1.0, shift=0.0)
    for t0, t1 in zip(ends[:-1], ends[1:]):
        amount = h.amount(t0, t1)
        lowest = lower_bound(problem, h, t0, t1) if shift is None else shift * (t1 - t0)
        order = slice(None, None, -1 if amount < 0 else 1)
        yield Occupied((amount * levels.shifts - lowest)[order], levels.weights[order])


def _shares(problem: Problem, ends: Sequence[float]) -> list[float]:
    """The larger of both shares that each step has of the integrals of D and s."""
    shares = np.zeros(len(ends) - 1)
    for schedule in (problem.diffusion, problem.strength):
        parts = np.abs([schedule.integral(a, b, problem.duration) for a, b in zip(ends[:-1], ends[1:])])
        whole = abs(schedule.integral(0.0, problem.duration, problem.duration))
        shares = np.maximum(shares, parts / whole if whole else 0.0)
    return shares.tolist()


def steps_needed(problem: Problem, h: Hamiltonian, m0: float, steps: int, shift: float | None) -> int | None:
    """:func:`alias_steps` where the coefficients move, so that one of the equal steps takes most: None if ``steps`` will do."""

    def over(count: int) -> float:
        """The largest phase of any of ``count`` equal steps, in units of what a block represents without aliasing."""
        rows = step_energies(problem, h, count, shift)
        return max(_reach(m0, row, _TAIL) for row in rows)

    if over(steps) <= 1 + 1e-9:
        return None
    low, high = steps, 2 * steps
    while over(high) > 1 + 1e-9 and high < _MOST_STEPS:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if over(middle) > 1 + 1e-9 else (low, middle)
    return high


def pooled(kept: Sequence[int], shots: Sequence[int]) -> tuple[float, float]:
    """Success probability and its standard error from samples kept out of samples taken.

    >>> pooled([30, 20], [100, 100])[0]
    0.25
    """
    total = float(sum(shots))
    p = sum(kept) / total
    return p, float(share_error(p, int(total)))
