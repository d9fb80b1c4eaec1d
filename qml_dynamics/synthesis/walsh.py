"""Diagonal unitaries ``exp(-i tau f(x))`` as Walsh series: one RZ a parity, parities walked with few CX.

``f(x) = sum_m a_m (-1)^{popcount(m & x)}``, so ``exp(-i tau f) = prod_m exp(-i tau a_m Z_m)``: no ancilla, and for a
degree-p polynomial only masks of weight up to p. The full series on n qubits takes ``2^n - 1`` RZ and ``2^n - 2`` CX;
:mod:`.parities` finds the order in which sparse ones take few.
Source: Welch, Greenbaum, Mostame, Aspuru-Guzik, New J. Phys. 16, 033040 (2014), arXiv:1306.3991.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from qiskit import QuantumCircuit

from ..model.transforms import roundoff, walsh_coefficients
from .minimax import fewest_terms
from .parities import parity_walk

if TYPE_CHECKING:
    from qiskit.circuit import ParameterExpression

_EQUAL = 1e-9  # sizes closer than this are equal up to round-off
_CERTAIN = 1e-12  # a factor that is closer to 1 is 1


@dataclass(frozen=True, eq=False)
class WalshSeries:
    """The terms that are kept of ``f``, and what leaving out the others costs.

    Attributes:
        num_qubits: width of the register; bit q of a mask is qubit q.
        masks, coefficients: kept terms, shape ``(terms,)``.
        error: ``sup |f - f_kept|`` over all points.
    """

    num_qubits: int
    masks: np.ndarray
    coefficients: np.ndarray
    error: float = 0.0

    def controlled(self) -> WalshSeries:
        """The series of ``c f(x)`` with a control bit c on a new highest qubit: only phases are controlled."""
        bit = 1 << self.num_qubits
        masks = np.concatenate([self.masks, self.masks | bit])
        halves = self.coefficients / 2
        return WalshSeries(self.num_qubits + 1, masks, np.concatenate([halves, -halves]), self.error)

    def values(self) -> np.ndarray:
        """``f_kept`` on all points, shape ``(2**n,)``."""
        dense = np.zeros(1 << self.num_qubits)
        dense[self.masks] = self.coefficients
        return walsh_coefficients(dense) * dense.size


def walsh_series(values: np.ndarray, tolerance: float = 0.0) -> WalshSeries:
    """The Walsh series of ``values`` (``2**n`` of them, C order), with the fewest terms of largest size whose coefficients can keep
    ``sup |f - f_kept| <= tolerance``. The constant term is always kept: it is a global phase.

    The coefficients of a truncated series are not those of the whole one, which minimise the mean square: they are fitted to the
    largest error over the points (:mod:`.minimax`), which leaves fewer terms for one tolerance.

    >>> series = walsh_series(np.array([0.0, 1.0, 2.0, 3.0]))
    >>> dict(zip(series.masks.tolist(), series.coefficients.tolist()))
    {0: 1.5, 1: -0.5, 2: -1.0}
    """
    flat = np.asarray(values, dtype=float).reshape(-1)
    a = walsh_coefficients(flat)
    order = _by_size(np.abs(a))
    order = order[order != 0]
    present = int((np.abs(a[order]) > roundoff(a)).sum())
    kept, coefficients = present, None
    if tolerance > 0:
        plain = _fewest(a, order[:present], tolerance)
        kept, coefficients = fewest_terms(flat, order[:plain], tolerance)
    masks = np.sort(np.concatenate([[0], order[:kept]])).astype(np.int64)
    series = WalshSeries(flat.size.bit_length() - 1, masks, a[masks] if coefficients is None else coefficients)
    return series if kept == present else replace(series, error=float(np.abs(flat - series.values()).max()))


def _by_size(sizes: np.ndarray) -> np.ndarray:
    """Indices by falling size; those of equal size, which round-off would sort otherwise elsewhere, ascending."""
    order = np.argsort(-sizes, kind="stable")
    falls = sizes[order[1:]] < sizes[order[:-1]] * (1 - _EQUAL)
    group = np.concatenate([[0], np.cumsum(falls)])
    return order[np.lexsort((order, group))]


def _sup_error(a: np.ndarray, dropped: np.ndarray) -> float:
    rest = np.zeros_like(a)
    rest[dropped] = a[dropped]
    return float(np.abs(walsh_coefficients(rest)).max() * a.size)


def _fewest(a: np.ndarray, order: np.ndarray, tolerance: float) -> int:
    """Bisection on how many terms to keep."""
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        fits = _sup_error(a, order[middle:]) <= tolerance * (1 + 1e-12)  # a tie must not hang on its last bit
        low, high = (low, middle) if fits else (middle + 1, high)
    return low


def diagonal(
    series: WalshSeries,
    tau: float | ParameterExpression,
    circuit: QuantumCircuit,
    qubits: Sequence[int],
    gate: Literal["rz", "p"] = "rz",
) -> None:
    """Append ``exp(-i tau f)`` on ``qubits`` (``qubits[q]`` carries bit q); ``tau`` is a number or a Parameter.

    ``gate`` names the rotations: RZ, or phases, which differ by a global one.
    """
    rotate = circuit.rz if gate == "rz" else circuit.p
    for move, who, target in parity_walk(series.masks):
        if move == "cx":
            circuit.cx(qubits[who], qubits[target])
        else:
            rotate(2 * float(series.coefficients[who]) * tau, qubits[target])
    constant = float(series.coefficients[(series.masks == 0) | (gate == "p")].sum())
    if constant:
        circuit.global_phase += -constant * tau


def damping_angles(factors: np.ndarray) -> np.ndarray:
    """``acos f`` of factors between 0 and 1; those within 1e-12 of 1 are 1.

    Beside 1 the angle is ``sqrt(2 (1 - f))``: rounding of 1e-16 would be an angle of 1e-8, another one on each processor. What is kept
    of an amplitude changes by no more than 1e-12.

    >>> damping_angles(np.array([1.0, 1 - 1e-16, 1 + 1e-16, 0.0])).round(4).tolist()
    [0.0, 0.0, 0.0, 1.5708]
    """
    return np.arccos(np.where(factors > 1 - _CERTAIN, 1.0, factors))


def multiplexed_ry(angles: np.ndarray, circuit: QuantumCircuit, controls: Sequence[int], target: int) -> None:
    """Append ``RY(angles[j])`` on ``target`` where the controls (``controls[q]`` is bit q) read j.

    ``sum_m theta_m Z_m (x) Y`` is walked like a diagonal, since ``CX Y_t CX = Z_c Y_t``; absent parities cost nothing.
    """
    theta = walsh_coefficients(angles)
    bit = 1 << len(controls)
    keep = np.flatnonzero(np.abs(theta) > roundoff(theta, least=1.0))
    qubits = [*controls, target]
    for move, who, where in parity_walk(keep | bit):
        if move == "cx":
            circuit.cx(qubits[who], qubits[where])
        else:
            circuit.ry(float(theta[keep[who]]), qubits[where])
