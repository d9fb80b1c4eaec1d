"""Circuits of product formulas for an operator: sweeps through its parts, forwards and backwards, neighbours merged.

The parts are those of :mod:`.operator_parts`, or a whole network of rotations that Rustiq has synthesised in an order of its own
(:mod:`.pauli_network`); of the ways that there are the one with the smallest product of gates on two qubits and depth is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp
from qiskit.synthesis import LieTrotter

from .cartan import one_qubit, two_qubits
from .imaginary import pauli_rotation
from .operator_parts import Block, Part, Term, bond_parts, group_parts, single_parts
from .paces import Amount, Pace, Ramp, acting, merged
from .pauli_network import WIDEST, Whole, networks

Steps = Callable[[int], Sequence[Ramp]]  # the sweeps of so many steps
_MANY = 3000  # strings above which neither groups nor networks are looked for
_FEW = 40  # strings up to which many sweeps are one network
_DENSE = 1.5  # bonds a qubit from which networks are tried
_LONG = 4096  # different blocks and times that are kept


class Splitting(Protocol):
    """One way to sweep through all terms."""

    name: str

    @property
    def parts(self) -> Sequence[Part]:
        """What a sweep forwards goes through, each part exactly."""
        ...

    def circuit(self, ramps: Sequence[Ramp]) -> QuantumCircuit:
        """The circuit of these sweeps, the first acting first."""
        ...


@dataclass
class Layers:
    """Sweeps through parts of commuting blocks.

    Attributes:
        name: which parts they are.
        num_qubits: of the register.
        parts: in the order of a sweep forwards.
        offset: coefficient of the identity.
    """

    name: str
    num_qubits: int
    parts: Sequence[Part]
    offset: float = 0.0
    built: dict[tuple[int, str], QuantumCircuit] = field(default_factory=dict)

    @property
    def order(self) -> tuple[Term, ...]:
        """The terms in the order of a sweep forwards."""
        return tuple(term for part in self.parts for block in part for term in block.terms)

    def circuit(self, ramps: Sequence[Ramp]) -> QuantumCircuit:
        """The circuit of these sweeps; a part that is visited twice in a row runs once, as far as its blocks may be merged."""
        whole = sum(acting(amount, 0, 0) for _, amount in ramps)
        circuit = QuantumCircuit(self.num_qubits, global_phase=-self.offset * whole)
        for part, amounts in self._visits(ramps):
            self._append(part, amounts, circuit)
        return circuit

    def _visits(self, ramps: Sequence[Ramp]) -> Iterator[tuple[int, list[Amount]]]:
        last, row, count = -1, list[Amount](), len(self.parts)
        for forwards, amount in ramps:
            for part in range(count) if forwards else reversed(range(count)):
                if part != last and last >= 0:
                    yield last, row
                    row = []
                last, row = part, [*row, amount]
        if last >= 0:
            yield last, row

    def _append(self, number: int, amounts: Sequence[Amount], circuit: QuantumCircuit) -> None:
        if isinstance(amounts[0], Pace):  # no two of them are alike
            for block in self.parts[number]:
                for amount in merged(block, amounts):
                    _append(block, amount, circuit)
            return
        total = sum(acting(amount, 0, 0) for amount in amounts)
        if not total:
            return
        key = (number, f"{total:.12e}")
        if key not in self.built:
            self.built[key] = QuantumCircuit(self.num_qubits)
            for block in self.parts[number]:
                _append(block, total, self.built[key])
        circuit.compose(self.built[key], inplace=True)


def _append(block: Block, amount: Amount, circuit: QuantumCircuit) -> None:
    """Append ``exp(-i amount sum_j c_j P_j)``: three CX at most on a bond, two where its interaction has a zero (Ising with fields)."""
    terms = [(x, z, c * acting(amount, x, z)) for x, z, c in block.terms if acting(amount, x, z)]
    if len(terms) <= 1 or len(block.qubits) > 2:
        for x, z, angle in terms:
            pauli_rotation(x, z, angle, circuit)
        return
    circuit.compose(_dense(local_terms(block, amount), len(block.qubits)), list(block.qubits), inplace=True)


def local_terms(block: Block, amount: Amount) -> tuple[Term, ...]:
    """The terms of a block over its own qubits, times an amount."""
    return tuple(
        (_local(x, block.qubits), _local(z, block.qubits), acting(amount, x, z) * c) for x, z, c in block.terms
    )


def _local(mask: int, qubits: Sequence[int]) -> int:
    return sum(1 << i for i, q in enumerate(qubits) if mask >> q & 1)


_PAULIS = {
    (0, 0): np.eye(2, dtype=complex),
    (1, 0): np.array([[0, 1], [1, 0]], dtype=complex),
    (1, 1): np.array([[0, -1j], [1j, 0]], dtype=complex),
    (0, 1): np.array([[1, 0], [0, -1]], dtype=complex),
}


def exponential(terms: Sequence[Term], qubits: int) -> np.ndarray:
    """The dense ``exp(-i sum_j c_j P_j)`` on few qubits."""
    matrix = np.zeros((1 << qubits, 1 << qubits), dtype=complex)
    for x, z, c in terms:
        matrix += c * _string(x, z, qubits)
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.exp(-1j * values)) @ vectors.conj().T)


@lru_cache(maxsize=_LONG)
def _string(x: int, z: int, qubits: int) -> np.ndarray:
    """The matrix of a string with these masks; kept, since few qubits have few of them."""
    string = np.eye(1, dtype=complex)
    for q in reversed(range(qubits)):
        string = np.kron(string, _PAULIS[x >> q & 1, z >> q & 1])
    string.setflags(write=False)
    return string


@lru_cache(maxsize=_LONG)
def _dense(terms: tuple[Term, ...], qubits: int) -> QuantumCircuit:
    return (one_qubit if qubits == 1 else two_qubits)(exponential(terms, qubits))


@dataclass(frozen=True)
class Weighed:
    """A splitting, and gates on two qubits and their depth of each step after the first."""

    splitting: Splitting
    gates: float
    depth: float

    @property
    def price(self) -> float:
        """What is minimised."""
        return self.gates * max(1.0, self.depth)


def layered(num_qubits: int, terms: Sequence[Term], ramps: int) -> list[Layers]:
    """The ways in layers that fit a formula with so many sweeps a step, without networks.

    Where strings are longer than two qubits and the formula does not turn as often as it starts, these are also groups of commuting
    strings and the order of the operator.
    """
    offset, proper = _proper(terms)
    single = Layers("terms", num_qubits, single_parts(proper), offset)
    if len(proper) > _MANY:
        return [single]
    found = [Layers("bonds", num_qubits, bond_parts(proper, fused=True), offset)]
    if any((x | z).bit_count() == 1 for x, z, _ in proper):
        found.append(_fields(num_qubits, proper, offset))
    if ramps % 2 and any((x | z).bit_count() > 2 for x, z, _ in proper):
        found += [Layers("groups", num_qubits, group_parts(proper), offset), single]
    return found


def splittings(num_qubits: int, terms: Sequence[Term], ramps: int, every: bool = False) -> list[Splitting]:
    """The ways to sweep through all terms that fit a formula with so many sweeps a step.

    Beside those of :func:`layered` there are networks where strings are longer than two qubits, for formulas that turn as often as they
    start. With ``every`` also whole networks in the operator's own order and in that of Qiskit's colouring, for gates and for depth, of
    bonds too where a qubit has more than two.
    """
    offset, proper = _proper(terms)
    found: list[Splitting] = [*layered(num_qubits, terms, ramps)]
    if len(proper) > _MANY:
        return found
    few = len(proper) <= _FEW and num_qubits <= WIDEST
    if all((x | z).bit_count() <= 2 for x, z, _ in proper):
        dense = sum((x | z).bit_count() == 2 for x, z, _ in proper) > _DENSE * num_qubits
        if every and few and dense:
            found += _wholes(num_qubits, {"bonds and fields": _fields(num_qubits, proper, offset).order}, offset)
        return found
    if ramps % 2 == 0:
        found += networks(num_qubits, proper, offset)
    if not few:
        return found
    groups = Layers("groups", num_qubits, group_parts(proper), offset)
    orders = {parts.name: parts.order for parts in (_fields(num_qubits, proper, offset), groups)}
    if not every:
        return [*found, *(Whole(f"{name} as one network", num_qubits, own, offset) for name, own in orders.items())]
    orders |= {"terms": tuple(proper), "colours": _by_qiskit(num_qubits, proper)}
    return [*found, *_wholes(num_qubits, orders, offset)]


def _proper(terms: Sequence[Term]) -> tuple[float, list[Term]]:
    """The coefficient of the identity, and the other terms."""
    return sum(c for x, z, c in terms if not x | z), [term for term in terms if term[0] | term[1]]


def _fields(num_qubits: int, proper: Sequence[Term], offset: float) -> Layers:
    """Strings on one qubit in a layer of their own."""
    return Layers("bonds and fields", num_qubits, bond_parts(proper, fused=False), offset)


def _wholes(num_qubits: int, orders: Mapping[str, tuple[Term, ...]], offset: float) -> list[Splitting]:
    """Whole networks of sweeps in these orders, and backwards, for gates and for depth."""
    found: list[Splitting] = []
    for name, order in orders.items():
        for way, own in (("", order), (" backwards", tuple(reversed(order)))):
            for aim, for_depth in (("", False), (" for depth", True)):
                found.append(Whole(f"{name}{way} as one network{aim}", num_qubits, own, offset, for_depth))
    return found


def _by_qiskit(num_qubits: int, terms: Sequence[Term]) -> tuple[Term, ...]:
    """The terms in the order of Qiskit's colouring of the strings that share qubits."""
    labels = {label_of(x, z, num_qubits): (x, z, c) for x, z, c in terms}
    formula = LieTrotter(preserve_order=False)
    gate = PauliEvolutionGate(SparsePauliOp(list(labels), np.arange(1.0, 1.0 + len(labels))), 0.5, synthesis=formula)
    rows = list(labels.values())
    return tuple(rows[round(float(angle)) - 1] for _, _, angle in formula.expand(gate))


def label_of(x: int, z: int, num_qubits: int) -> str:
    """The label of a string, qubit 0 last.

    >>> label_of(0b001, 0b011, 3)
    'IZY'
    """
    return "".join("IXZY"[(x >> q & 1) + 2 * (z >> q & 1)] for q in reversed(range(num_qubits)))


def weigh(splitting: Splitting, ramps: Sequence[float], amount: float, sweeps: Steps | None = None) -> Weighed:
    """Gates and depth of a step among others: half of what three steps have more than one; ``sweeps`` are those of so many steps."""
    made = sweeps or (lambda k: as_sweeps(ramps, [amount] * k))
    one, three = (counts(splitting.circuit(made(k))) for k in (1, 3))
    return Weighed(splitting, (three[0] - one[0]) / 2, (three[1] - one[1]) / 2)


def counts(circuit: QuantumCircuit) -> tuple[int, int]:
    """Gates on more than one qubit, and their depth."""
    return circuit.num_nonlocal_gates(), circuit.depth(lambda instruction: len(instruction.qubits) > 1)


def as_sweeps(ramps: Sequence[float], amounts: Sequence[float]) -> list[Ramp]:
    """The sweeps of consecutive steps that run for these times.

    >>> as_sweeps((0.5, 0.5), [0.2])
    [(True, 0.1), (False, 0.1)]
    """
    return [(k % 2 == 0, ramp * amount) for amount in amounts if amount for k, ramp in enumerate(ramps)]


def best_splitting(
    num_qubits: int, terms: Sequence[Term], ramps: Sequence[float], amount: float, steps: Steps | None = None
) -> Splitting:
    """The splitting with the smallest product of gates on two qubits and depth a step; the first of equal ones.

    ``steps`` gives the sweeps of so many steps where the terms have schedules of their own.
    """
    every = splittings(num_qubits, terms, len(ramps))
    if len(every) == 1:
        return every[0]
    sweeps = (0.5, 0.5) if len(ramps) % 2 == 0 else ramps  # each pair of sweeps has the same gates
    weighed = (weigh(each, sweeps, amount or 1.0, steps) for each in every)
    return min(weighed, key=lambda found: found.price).splitting
