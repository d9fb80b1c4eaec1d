"""Which waves the rotations of quantum imaginary time evolution cannot move: those entangled with qubits outside of every domain."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_

import numpy as np

from ...base.errors import MethodError
from ...model.initial import Gaussian, PointMass, Uniform
from ...model.operator_sum import OperatorSum
from ...model.pauli import PauliSum
from ...model.problem import Problem
from .options import WIDEST
from .qite import around

# A part of a wave below this is not entanglement. Amplitudes in complex64 are off by 6e-8 each, and those that a circuit made in
# them by some 1e-7: a product among them is one to no better than that.
_ENTANGLED = 1e-6

_QUBITS = 8  # a learning Hamiltonian is turned into Pauli strings up to here
Qubits = tuple[int, ...]


def check_strings(problem: Problem, width: int) -> None:
    """Raise :class:`MethodError` where the Pauli strings of a problem are too many, or wider than a domain of ``width`` qubits."""
    qubits = problem.domain.num_qubits
    if problem.operator is None:
        if qubits > _QUBITS:
            raise MethodError(
                f"Argument `method` must not be QITE above {_QUBITS} qubits of a learning Hamiltonian, which has too many Pauli "
                f"strings there ({qubits} qubits). Use Schrodingerised or ProbabilisticITE."
            )
        return
    operator = problem.operator
    sums = [part for _, part in operator.parts] if isinstance(operator, OperatorSum) else [operator]
    widest = max({mask for each in sums for mask in _supports(each)} - {0}, key=int.bit_count, default=0)
    if widest:
        around(widest, min(width, qubits), qubits)


def check_reach(problem: Problem, width: int) -> None:
    """Raise :class:`MethodError` where what a term acts on is entangled with idle qubits outside of the term's domain.

    A rotation of a domain D leaves the reduced state outside of D as it is. ``e^{-dt h}`` of a term on qubits S inside of D leaves that
    of other qubits O as it is, whatever h, where and only where ``rho_SO = rho_S (x) rho_O``. Of a purified mixed state, such as the
    Bell pairs of a thermal state, with the partners outside, every angle is 0, and the register stays as hot as it was. S are here
    the qubits of D that terms join to the term, and O the idle ones, on which no term acts: what a domain misses of others is the
    method's own error, and falls with its width.
    """
    if problem.operator is None or isinstance(problem.initial, (PointMass, Uniform, Gaussian)):
        return
    operator = problem.operator
    sums = [part for _, part in operator.parts] if isinstance(operator, OperatorSum) else [operator]
    supports = {mask for each in sums for mask in _supports(each)} - {0}
    if not supports or reduce(or_, supports) == (1 << operator.num_qubits) - 1:
        return
    wave = np.asarray(problem.initial.vector(problem.domain), dtype=complex).reshape((2,) * operator.num_qubits)
    wave = wave / np.linalg.norm(wave)
    if _reaches(wave, supports, width):
        return
    wider = range(width + 1, min(WIDEST, operator.num_qubits) + 1)
    enough = next((wide for wide in wider if _reaches(wave, supports, wide)), None)
    entangled = "for a wave that is entangled with{} qubits on which the operator does not act"
    if enough is None:
        raise MethodError(
            f"Argument `method` must be ProbabilisticITE or Schrodingerised {entangled.format(' so many')}, but is QITE, whose domains "
            f"have at most {WIDEST} qubits."
        )
    raise MethodError(f"Argument `domain_width` must be at least {enough} {entangled.format('')}, but is {width}.")


def _supports(terms: PauliSum) -> list[int]:
    """The qubits on which each string acts; those of coefficient 0 act on none."""
    masks = (terms.x | terms.z)[np.asarray(terms.coefficients) != 0]
    return [int(mask) for mask in masks]


def _reaches(wave: np.ndarray, supports: Iterable[int], width: int) -> bool:
    """Whether for every term the qubits in its domain are independent of the idle ones outside of it."""
    n, clusters = wave.ndim, _clusters(supports)
    idle = [q for q in range(n) if not any(cluster >> q & 1 for cluster in clusters)]
    pairs: set[tuple[Qubits, Qubits]] = set()
    for support in supports:
        inside = around(support, width, n)
        cluster = next(c for c in clusters if c & support)
        pairs.add((tuple(q for q in inside if cluster >> q & 1), tuple(q for q in idle if q not in inside)))
    return all(_apart(wave, outside) or _independent(wave, near, outside) for near, outside in pairs)


def _clusters(supports: Iterable[int]) -> list[int]:
    """Supports joined where they have qubits in common: masks without a qubit in common."""
    out: list[int] = []
    for support in supports:
        joined = reduce(or_, (c for c in out if c & support), support)
        out = [*(c for c in out if not c & support), joined]
    return out


def _apart(wave: np.ndarray, qubits: Qubits) -> bool:
    """Whether a wave is a product of one of these qubits and one of the others: then all rows of it are parallel."""
    rows = _rows(wave, qubits)
    one = rows[int(np.argmax((np.abs(rows) ** 2).sum(axis=1)))]
    along = rows @ one.conj() / np.vdot(one, one).real
    return bool(np.linalg.norm(rows - np.outer(along, one)) < _ENTANGLED)


def _independent(wave: np.ndarray, some: Qubits, others: Qubits) -> bool:
    """Whether ``rho_SO = rho_S (x) rho_O``, by their distance in the Frobenius norm relative to that of the product.

    No density matrix of both is made: ``tr(rho_X^2) = <psi| rho_X psi>`` and ``tr(rho_SO (rho_S (x) rho_O)) = <rho_S psi| rho_O psi>``.
    """
    one, two, both = (_reduced(wave, qubits) for qubits in (some, others, some + others))
    product = np.vdot(wave, one).real * np.vdot(wave, two).real
    distance = np.vdot(wave, both).real - 2 * np.vdot(one, two).real + product
    return bool(distance < _ENTANGLED**2 * product)


def _reduced(wave: np.ndarray, qubits: Qubits) -> np.ndarray:
    """``rho psi`` with the reduced density matrix of these qubits, by the smaller of the two matrices of overlaps."""
    rows = _rows(wave, qubits)
    few = rows.shape[0] <= rows.shape[1]
    acted = (rows @ rows.conj().T) @ rows if few else rows @ (rows.conj().T @ rows)
    return np.moveaxis(acted.reshape(wave.shape), range(len(qubits)), _axes(wave, qubits))


def _rows(wave: np.ndarray, qubits: Qubits) -> np.ndarray:
    """A row for each basis state of these qubits, over those of the others."""
    return np.moveaxis(wave, _axes(wave, qubits), range(len(qubits))).reshape(1 << len(qubits), -1)


def _axes(wave: np.ndarray, qubits: Qubits) -> list[int]:
    return [wave.ndim - 1 - q for q in qubits]
