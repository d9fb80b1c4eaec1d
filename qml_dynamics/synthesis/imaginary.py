"""Circuits of imaginary time: phases ``eta f(x)`` on joint registers, blocks with one ancilla, rotations, reflections.

Qubits of the weight space come first (with the ancillas of walls), those of the method after them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qiskit import QuantumCircuit

from ..model.driven_formulas import ends_of_steps
from ..model.formulas import Factor, Formula, by_order, factors, segments
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ..model.pauli import PauliSum
from ..model.problem import Problem
from .operator_factors import append_joint, visits
from .p_register import Register
from .states import amplitudes, prepare
from .transforms import dual_series, fourier, kinetic, registers, to_dual, width
from .walsh import WalshSeries, diagonal, walsh_series


def product_series(low: WalshSeries, high: WalshSeries) -> WalshSeries:
    """The series of ``f(x) g(y)``, y on the qubits above those of x: its terms are all products of terms.

    >>> f, g = walsh_series(np.array([0.0, 1.0])), walsh_series(np.array([1.0, 3.0]))
    >>> product_series(f, g).values().tolist()
    [0.0, 1.0, 0.0, 3.0]
    """
    masks = (high.masks[:, None] << low.num_qubits) | low.masks[None, :]
    coefficients = np.outer(high.coefficients, low.coefficients)
    return WalshSeries(low.num_qubits + high.num_qubits, masks.reshape(-1), coefficients.reshape(-1))


SIGN = WalshSeries(1, np.array([1]), np.array([1.0]))  # Z of one ancilla


def momentum_series(register: Register) -> WalshSeries:
    """The momentum eta of the p register over its bits after :func:`fourier` (bit-reversed, two's complement)."""
    weights = 2.0 ** np.arange(register.qubits)
    weights[-1] *= -1
    weights = weights[::-1] * 2 * np.pi / (register.left + register.right)
    masks = np.concatenate([[0], 1 << np.arange(register.qubits)])
    return WalshSeries(register.qubits, masks, np.concatenate([[weights.sum() / 2], -weights / 2]))


@dataclass
class Diagonals:
    """The two diagonals of a learning Hamiltonian from their lower bounds up, times a factor on other qubits.

    ``append`` gives ``exp(-i amount (f(x) - f_min) g)`` with g on the qubits ``others``; the series are made once. With
    ``shifted=False`` the diagonals are taken as they are (formulas with backward substeps).
    """

    h: LearningHamiltonian
    other: WalshSeries
    shifted: bool = True
    made: dict[tuple[str, int], WalshSeries] = field(default_factory=dict)

    def _series(self, kind: str, axis: int, sign: int) -> WalshSeries:
        key = (kind, axis if kind == "K" else sign)
        if key not in self.made:
            if kind == "K":
                series = dual_series(self.h.domain, axis)
                lowest = float(self.h.domain.dual_axes[axis].min())
            else:
                series = walsh_series(self.h.zeta)
                lowest = float(self.h.zeta.min() if sign > 0 else self.h.zeta.max())
            lowest = lowest if self.shifted else 0.0
            series = WalshSeries(
                series.num_qubits, series.masks, series.coefficients - lowest * (series.masks == 0), series.error
            )
            self.made[key] = product_series(series, self.other)
        return self.made[key]

    def append(self, factor: Factor, scale: float, circuit: QuantumCircuit, others: Sequence[int]) -> None:
        """One factor: ``exp(-i scale amount (f - f_min) g)``, the kinetic one between its transforms."""
        domain, amount = self.h.domain, factor.amount
        if not amount:
            return
        if factor.kind != "K":
            series = self._series("V", 0, 1 if amount > 0 else -1)
            diagonal(series, scale * amount, circuit, [*range(domain.num_qubits), *others])
            return
        to_dual(domain, circuit)
        for axis, qubits in enumerate(registers(domain)):
            diagonal(self._series("K", axis, 1), scale * amount, circuit, [*qubits, *others])
        to_dual(domain, circuit, inverse=True)


def schrodingerised(
    problem: Problem,
    h: Hamiltonian,
    steps: int,
    order: int,
    register: Register,
    saves: Sequence[float],
) -> list[QuantumCircuit]:
    """The preparation, then the evolution from each save time to the next, p register on the highest qubits.

    Each piece goes to the momenta of p and back; between pieces the register holds p itself.
    """
    base = width(problem.domain)
    ancillas = list(range(base, base + register.qubits))
    start = QuantumCircuit(base + register.qubits)
    start.compose(prepare(problem.initial, problem.domain), range(base), inplace=True)
    wave = register.profile
    amplitudes(wave / np.linalg.norm(wave), start, ancillas)
    eta = momentum_series(register)
    ends = ends_of_steps(h, steps, saves)
    pieces = [start]
    if isinstance(h, LearningHamiltonian):
        make: _LossFactors | _TermFactors = _LossFactors(problem, Diagonals(h, eta), order)
    else:
        make = _TermFactors(h, eta, order)
    for piece in segments(ends, saves):
        circuit = start.copy_empty_like()
        circuit.global_phase = 0
        fourier(circuit, ancillas)
        for factor in make.factors(piece, base + register.qubits, ancillas):
            circuit.compose(factor, inplace=True)
        fourier(circuit, ancillas, inverse=True)
        pieces.append(circuit)
    return pieces


@dataclass
class _LossFactors:
    """``exp(+i eta (f - f_min) amount)`` for both diagonals of a loss, each made once."""

    problem: Problem
    phases: Diagonals
    order: int
    cache: dict[tuple[str, str], QuantumCircuit] = field(default_factory=dict)

    def factors(self, ends: np.ndarray, qubits: int, ancillas: Sequence[int]) -> Iterator[QuantumCircuit]:
        """Those of the steps with these ends, in order."""
        p = self.problem
        for factor in factors(by_order(self.order), ends, p.diffusion, p.strength, p.duration):
            key = (factor.kind, f"{factor.amount:.12e}")
            if key not in self.cache:
                self.cache[key] = QuantumCircuit(qubits)
                self.phases.append(factor, -1.0, self.cache[key], ancillas)
            yield self.cache[key]


@dataclass
class _TermFactors:
    """``exp(+i eta (b P + |b|))`` for every visit of a term of an operator, each made once."""

    h: PauliHamiltonian
    eta: WalshSeries
    order: int
    cache: dict[tuple[int, str], QuantumCircuit] = field(default_factory=dict)

    def factors(self, ends: np.ndarray, qubits: int, ancillas: Sequence[int]) -> Iterator[QuantumCircuit]:
        """Those of the steps with these ends, in order."""
        for term, amount in visits(self.h, self.order, ends):
            key = (term, f"{amount:.12e}")
            if key not in self.cache:
                self.cache[key] = QuantumCircuit(qubits)
                b = amount * float(self.h.terms.coefficients[term])
                append_joint(self.h.terms, term, (abs(b), b), self.eta, self.cache[key], ancillas)
            yield self.cache[key]


def pauli_steps(terms: PauliSum, time: float, formula: Formula, circuit: QuantumCircuit) -> None:
    """Append one step of ``exp(-i time sum_j c_j P_j)`` by a product formula over the terms in their order."""
    rows = list(zip(terms.x.tolist(), terms.z.tolist(), terms.coefficients.tolist()))
    if formula.order == 1:
        for x, z, c in rows:
            pauli_rotation(x, z, c * time, circuit)
        return
    for substep in formula.substeps:
        for x, z, c in [*rows, *reversed(rows)]:
            pauli_rotation(x, z, 0.5 * c * substep * time, circuit)


def pauli_rotation(x: int, z: int, angle: float, circuit: QuantumCircuit) -> None:
    """Append ``exp(-i angle P)`` for the string with masks x and z: change of basis, a CX ladder, one RZ, and back."""
    support = [q for q in range(circuit.num_qubits) if (x | z) >> q & 1]
    if not support:
        circuit.global_phase -= angle
        return
    for q in support:
        if x >> q & 1:
            if z >> q & 1:
                circuit.sdg(q)
            circuit.h(q)
    for a, b in zip(support, support[1:]):
        circuit.cx(a, b)
    circuit.rz(2 * angle, support[-1])
    for a, b in reversed(list(zip(support, support[1:]))):
        circuit.cx(a, b)
    for q in support:
        if x >> q & 1:
            circuit.h(q)
            if z >> q & 1:
                circuit.s(q)


def real_time(problem: Problem, h: Hamiltonian, t0: float, t1: float, time: float, substeps: int) -> QuantumCircuit:
    """``exp(-i time H)`` with the mean of H from ``t0`` to ``t1``, by so many Strang steps; a negative time gives the exact inverse."""
    if isinstance(h, LearningHamiltonian):
        return _learning_time(problem, h, h.amounts(t0, t1), time / (t1 - t0), substeps)
    return _pauli_time(h.over(t0, t1), time / (t1 - t0), substeps)


def _pauli_time(terms: PauliSum, amount: float, substeps: int) -> QuantumCircuit:
    """``exp(-i amount sum_j c_j P_j)``."""
    circuit = QuantumCircuit(terms.num_qubits)
    for _ in range(substeps if amount and np.any(terms.coefficients) else 0):
        pauli_steps(terms, amount / substeps, by_order(2), circuit)
    return circuit


def _learning_time(
    problem: Problem, h: LearningHamiltonian, coefficients: tuple[float, float], time: float, substeps: int
) -> QuantumCircuit:
    """``exp(-i time (-D L + s zeta))``."""
    circuit, (d, s) = QuantumCircuit(width(problem.domain)), coefficients
    series, dt = walsh_series(s * h.zeta), time / substeps
    for k in range(substeps):
        diagonal(series, (0.5 if k == 0 else 1.0) * dt, circuit, range(problem.domain.num_qubits))
        if d:
            kinetic(problem.domain, d * dt, circuit)
    diagonal(series, 0.5 * dt, circuit, range(problem.domain.num_qubits))
    return circuit


def zero_phase(angle: float, circuit: QuantumCircuit) -> None:
    """Append ``exp(i angle |0...0><0...0|)`` over all qubits."""
    qubits = list(range(circuit.num_qubits))
    circuit.x(qubits)
    if len(qubits) == 1:
        circuit.p(angle, 0)
    else:
        circuit.mcp(angle, qubits[:-1], qubits[-1])
    circuit.x(qubits)


def double_bracket_step(
    problem: Problem, h: Hamiltonian, made: QuantumCircuit, t0: float, t1: float, substeps: int
) -> QuantumCircuit:
    """``e^{i r H} U e^{i r |0><0|} U^+ e^{-i r H} U`` with ``r = sqrt(t1 - t0)``, U the circuit of the wave so far."""
    root = float(np.sqrt(t1 - t0))
    forward = real_time(problem, h, t0, t1, root, substeps)
    circuit = made.copy()
    circuit.compose(forward, inplace=True)
    circuit.compose(made.inverse(), inplace=True)
    zero_phase(root, circuit)
    circuit.compose(made, inplace=True)
    circuit.compose(forward.inverse(), inplace=True)
    return without_pairs(circuit)


_OWN_INVERSE, _ANGLES = frozenset({"cx", "h", "x"}), frozenset({"rz", "ry", "p", "cp", "mcphase"})


def without_pairs(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit without gates that stand beside their inverse on the same qubits, in one pass.

    Where a circuit meets its own inverse, a compiler that takes out one layer after another needs as many passes as there are layers,
    and Qiskit's gives up after 1,000.

    >>> pair = QuantumCircuit(2)
    >>> _ = pair.h(0), pair.cx(0, 1), pair.cx(0, 1), pair.h(0), pair.rz(0.5, 1)
    >>> dict(without_pairs(pair).count_ops())
    {'rz': 1}
    """
    kept: list[Any] = []
    last: dict[Any, list[int]] = {qubit: [] for qubit in circuit.qubits}  # places in `kept`, the nearest at the end
    for instruction in circuit.data:
        before = {last[qubit][-1] if last[qubit] else None for qubit in instruction.qubits}
        place = before.pop() if len(before) == 1 else None
        if place is not None and _undoes(kept[place], instruction):
            kept[place] = None
            for qubit in instruction.qubits:
                last[qubit].pop()
            continue
        for qubit in instruction.qubits:
            last[qubit].append(len(kept))
        kept.append(instruction)
    out = circuit.copy_empty_like()
    for instruction in kept:
        if instruction is not None:
            out._append(instruction)
    return out


def _undoes(one: Any, other: Any) -> bool:
    """Whether two instructions are inverse to each other; angles are compared exactly, as `inverse` writes them."""
    a, b = one.operation, other.operation
    if one.qubits != other.qubits or a.name != b.name or one.clbits or other.clbits:
        return False
    return a.name in _OWN_INVERSE or (a.name in _ANGLES and bool(a.params[0] == -b.params[0]))


def rotations(generators: PauliSum, angle: float, circuit: QuantumCircuit) -> None:
    """Append ``exp(-i angle sum_I a_I sigma_I)`` by one symmetric pass over the strings."""
    pauli_steps(generators, angle, by_order(2), circuit)
