"""Predictions for post-selected runs: occupied energies, p registers and their error, aliasing, success probabilities.

All of it is classical and costs some forty applications of the Hamiltonian, or one run of the split-step reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import MethodError
from ...base.estimate import share_error
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian
from ...model.problem import Problem
from ...synthesis.p_register import Register
from ..krylov import krylov_space
from .options import Schrodingerised

_SPACE = 40
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
            return h.combine(wave, moved, pulled)

    else:

        def act(wave: np.ndarray) -> np.ndarray:
            return tau * h.apply(wave)

    basis = krylov_space(act, psi, min(_SPACE, psi.size))
    weights = np.abs(basis.modes[0]) ** 2
    keep = weights > _NEGLIGIBLE
    shifts = basis.energies[keep] - (lower_bound(problem, h, 0.0, tau) if shift is None else shift)
    return Occupied(shifts, weights[keep] / weights[keep].sum())


def lower_bound(problem: Problem, h: Hamiltonian, t0: float, t1: float) -> float:
    """``int E_low dt`` with ``E_low <= H``: the least dual value and the least loss (a general operator: its norm)."""
    if not isinstance(h, LearningHamiltonian):
        return (t1 - t0) * pauli_bound(h)
    d = problem.diffusion.integral(t0, t1, problem.duration)
    s = problem.strength.integral(t0, t1, problem.duration)
    return d * float(h.dual.min()) + (s * float(h.zeta.min()) if s >= 0 else s * float(h.zeta.max()))


def pauli_bound(h: Hamiltonian) -> float:
    """The identity's coefficient less the absolute values of all others."""
    assert not isinstance(h, LearningHamiltonian)
    terms = h.terms
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


def alias_steps(m0: float, energies: Occupied, steps: int, tail: float = 1e-6) -> int | None:
    """Steps that a linear block needs so that ``acos(m0) + s1 dtau (E - shift) <= pi / 2`` for the occupied energies, or None."""
    slope = m0 / np.sqrt(1 - m0**2)
    room = np.pi / 2 - np.arccos(m0)
    top = energies.highest(tail)
    needed = int(np.ceil(slope * max(top, 0.0) / room - 1e-9))
    return needed if needed > steps else None


def pooled(kept: Sequence[int], shots: Sequence[int]) -> tuple[float, float]:
    """Success probability and its standard error from samples kept out of samples taken.

    >>> pooled([30, 20], [100, 100])[0]
    0.25
    """
    total = float(sum(shots))
    p = sum(kept) / total
    return p, float(share_error(p, int(total)))
