"""Imaginary time of an operator term by term: sweeps of a product formula, and the circuits and waves of one factor ``e^{-a c P}``.

A Pauli string has the eigenvalues 1 and -1 only, so that ``e^{-a (c P + |c|)}`` is a factor of norm 1 whose block with an ancilla is
exact: any function of P is ``alpha + beta P``. The formula's error is all that is left, of order 1 or 2 (no factor runs backwards).

A module of its own beside `probabilistic` and `imaginary`, which both read the same sweeps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit import QuantumCircuit

from ..model.driven_formulas import sweep_times
from ..model.formulas import by_order
from ..model.hamiltonians import PauliHamiltonian
from ..model.pauli import PauliSum
from .walsh import WalshSeries, damping_angles, diagonal

Visit = tuple[int, float]  # the number of a term, and the time for which it acts


def visits(h: PauliHamiltonian, order: int, ends: Sequence[float] | np.ndarray) -> list[Visit]:
    """The terms in the order in which steps with these ends visit them, neighbours of one term merged; the identity is left out.

    >>> from qml_dynamics import Problem
    >>> from qml_dynamics.model.hamiltonians import hamiltonian
    >>> h = hamiltonian(Problem.from_operator({"ZI": 1.0, "IX": 0.5}, clock="imaginary", duration=1.0))
    >>> visits(h, 2, [0.0, 0.5, 1.0])
    [(0, 0.25), (1, 0.5), (0, 0.5), (1, 0.5), (0, 0.25)]
    """
    proper = np.flatnonzero((h.terms.x | h.terms.z) != 0).tolist()
    steps = zip(ends[:-1], ends[1:])
    rows = [sweep_times(by_order(order), h, float(a), float(b))[:, h.channels].tolist() for a, b in steps]
    out: list[Visit] = []
    for forwards, row in ((k % 2 == 0, row) for step in rows for k, row in enumerate(step)):
        for term in proper if forwards else reversed(proper):
            amount = row[term]
            if out and out[-1][0] == term:
                out[-1] = (term, out[-1][1] + amount)
            else:
                out.append((term, amount))
    return [visit for visit in out if visit[1]]


def damped(h: PauliHamiltonian, every: Sequence[Visit], psi: np.ndarray) -> np.ndarray:
    """``prod e^{-(a c P + |a c|)} psi`` over the visits, by NumPy; not normalised.

    ``e^{-b P - |b|} = (1 + e^{-2|b|}) / 2 - sign(b) (1 - e^{-2|b|}) / 2 P``.
    """
    wave = np.array(psi, dtype=complex)
    for term, amount in every:
        string, b = _string(h.terms, term), amount * float(h.terms.coefficients[term])
        rest = np.exp(-2 * abs(b))
        wave = 0.5 * (1 + rest) * wave - np.sign(b) * 0.5 * (1 - rest) * string.apply(wave)
    return wave


def _string(terms: PauliSum, j: int) -> PauliSum:
    return PauliSum(terms.num_qubits, terms.x[j : j + 1], terms.z[j : j + 1], np.ones(1))


def block_angles(b: float, m0: float) -> tuple[float, float]:
    """``alpha, beta`` with ``acos(m0 e^{-(b P + |b|)}) - pi/4 = alpha + beta P`` for ``P = 1`` and ``P = -1``.

    >>> alpha, beta = block_angles(0.3, 1.0)
    >>> [round(float(np.cos(alpha + beta * p + np.pi / 4)), 6) for p in (1, -1)]
    [0.548812, 1.0]
    """
    up, down = (float(damping_angles(np.array([m0 * np.exp(-(b * p + abs(b)))]))[0]) - np.pi / 4 for p in (1, -1))
    return 0.5 * (up + down), 0.5 * (up - down)


def append_joint(
    terms: PauliSum,
    j: int,
    pair: tuple[float, float],
    other: WalshSeries,
    circuit: QuantumCircuit,
    others: Sequence[int],
) -> None:
    """Append ``exp(+i (alpha + beta P_j) g)`` with ``pair = (alpha, beta)`` and a diagonal g on the qubits ``others``."""
    x, z = int(terms.x[j]), int(terms.z[j])
    support = [q for q in range(terms.num_qubits) if (x | z) >> q & 1]
    _to_z(x, z, support, circuit)
    shifted, parity = other.masks << len(support), (1 << len(support)) - 1
    masks = np.concatenate([shifted, shifted | parity])
    values = np.concatenate([pair[0] * other.coefficients, pair[1] * other.coefficients])
    diagonal(WalshSeries(len(support) + other.num_qubits, masks, values), -1.0, circuit, [*support, *others])
    _to_z(x, z, support, circuit, back=True)


def _to_z(x: int, z: int, support: Sequence[int], circuit: QuantumCircuit, back: bool = False) -> None:
    """The change of basis in which a string is one of Z; and back."""
    for q in support:
        if x >> q & 1:
            if z >> q & 1 and not back:
                circuit.sdg(q)
            circuit.h(q)
            if z >> q & 1 and back:
                circuit.s(q)
