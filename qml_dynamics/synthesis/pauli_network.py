"""Rotations about Pauli strings as one network in an order that Rustiq chooses, and its mirror image.

A network is ``C R_m C_m ... R_1 C_1`` with rotations R about one axis and Clifford gates C. In the formulas here sweeps forwards and
backwards alternate. A sweep backwards is the mirror image of the network with the same angles, so that the Clifford gates that are
left over at the end of one sweep are undone by the next, and are never synthesised. For few terms the rotations of many sweeps are
one network too (:class:`Whole`), in their order up to commuting ones.

Source: Goubault de Brugiere and Martiel, arXiv:2404.03280.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit.library import CXGate, RXGate, RYGate, RZGate
from qiskit.quantum_info import Statevector
from qiskit.synthesis.evolution.pauli_network import synth_pauli_network_rustiq

from ..base.errors import MethodError
from .operator_parts import Part, Term, single_parts, support
from .paces import Amount, Ramp, acting

_LETTERS = {(1, 0): "X", (0, 1): "Z", (1, 1): "Y"}
_ROTATIONS: dict[str, type[RXGate] | type[RYGate] | type[RZGate]] = {"rx": RXGate, "ry": RYGate, "rz": RZGate}


@dataclass(frozen=True)
class Item:
    """A rotation of the network (``term`` is not None, angle ``sign * 2 c t``), or a Clifford gate and its inverse."""

    name: str
    qubits: tuple[int, ...]
    term: int | None = None
    sign: float = 1.0
    gate: Gate | None = None
    inverse: Gate | None = None


@dataclass
class Network:
    """Sweeps through a network of rotations.

    Attributes:
        name: of the splitting.
        num_qubits: of the register.
        terms: masks and coefficients.
        items: of a sweep forwards.
        offset: coefficient of the identity.
    """

    name: str
    num_qubits: int
    terms: tuple[Term, ...]
    items: tuple[Item, ...]
    offset: float = 0.0

    @property
    def order(self) -> list[int]:
        """The terms in the order in which a sweep forwards runs through them."""
        return [item.term for item in self.items if item.term is not None]

    @property
    def parts(self) -> Sequence[Part]:
        """Every string a part, in that order."""
        return single_parts([self.terms[k] for k in self.order])

    def circuit(self, ramps: Sequence[Ramp]) -> QuantumCircuit:
        """The circuit of sweeps that go forwards and backwards in turn; what meets its inverse is left out.

        Raises:
            MethodError: they do not.
        """
        if len(ramps) % 2 or any(forwards != (k % 2 == 0) for k, (forwards, _) in enumerate(ramps)):
            raise MethodError("Argument `ramps` must go forwards and backwards in turn, but does not.")
        stack: list[tuple[Item, bool, float]] = []
        for forwards, amount in ramps:
            for item in self.items if forwards else reversed(self.items):
                _put(stack, item, not forwards, self._angle(item, amount))
        circuit = QuantumCircuit(self.num_qubits, global_phase=-self.offset * _idle_time(ramps))
        for item, mirrored, angle in stack:
            self._append(circuit, item, mirrored, angle)
        return circuit

    def _angle(self, item: Item, amount: Amount) -> float:
        """Of a rotation; a Clifford gate has none."""
        if item.term is None:
            return 0.0
        x, z, c = self.terms[item.term]
        return 2 * item.sign * c * acting(amount, x, z)

    def _append(self, circuit: QuantumCircuit, item: Item, mirrored: bool, angle: float) -> None:
        if item.term is not None:
            circuit.append(_ROTATIONS[item.name](angle), item.qubits)
            return
        gate = item.inverse if mirrored else item.gate
        assert gate is not None
        circuit.append(gate, item.qubits)


def _idle_time(ramps: Sequence[Ramp]) -> float:
    """For how long the identity acts."""
    return sum(acting(amount, 0, 0) for _, amount in ramps)


def _put(stack: list[tuple[Item, bool, float]], item: Item, mirrored: bool, angle: float) -> None:
    """Put an item on the stack: a rotation is added to the same one on top, a gate undoes its mirror image there."""
    if stack and stack[-1][0] is item:
        _, other, before = stack[-1]
        if item.term is not None:
            stack[-1] = (item, mirrored, before + angle)
            return
        if other != mirrored:
            stack.pop()
            return
    stack.append((item, mirrored, angle))


_TRIES = (
    2000  # strings in all orders that are tried: how good a network is depends on the order of what it is made from
)


def networks(num_qubits: int, terms: Sequence[Term], offset: float) -> list[Network]:
    """The networks of ``exp(-i t sum_j c_j P_j)`` with fewest gates, least depth and the smallest product, of several orders of terms.

    Orders are drawn from a fixed seed, so that the same operator has the same networks.

    >>> found = networks(2, [(0b11, 0, 0.3), (0, 0b11, 0.7)], 0.0)
    >>> sorted(found[0].order), found[0].circuit([(True, 0.1), (False, 0.1)]).count_ops()["cx"]
    ([0, 1], 2)
    """
    draw, every = np.random.default_rng(len(terms)), []
    for number in range(max(2, min(32, _TRIES // max(1, len(terms))))):
        order = list(range(len(terms))) if number == 0 else draw.permutation(len(terms)).tolist()
        every += [_network(num_qubits, terms, order, offset, for_depth) for for_depth in (False, True)]
    weighed = [(*_weight(each), place) for place, each in enumerate(every)]
    chosen = (
        min(weighed, key=lambda found: (found[0], found[1], found[2])),
        min(weighed, key=lambda found: (found[1], found[0], found[2])),
        min(weighed, key=lambda found: (found[0] * found[1], found[2])),
    )
    return [every[place] for place in sorted({found[2] for found in chosen})]


def _weight(found: Network) -> tuple[int, int]:
    """Gates on two qubits of a sweep, and their depth, without what is undone where sweeps meet."""
    first = next((k for k, item in enumerate(found.items) if item.term is not None), 0)
    reached, count = [0] * found.num_qubits, 0
    for item in found.items[first:]:
        if len(item.qubits) > 1:
            count += 1
            level = 1 + max(reached[q] for q in item.qubits)
            for q in item.qubits:
                reached[q] = level
    return count, max(reached)


def _network(num_qubits: int, terms: Sequence[Term], order: Sequence[int], offset: float, for_depth: bool) -> Network:
    found = synth_pauli_network_rustiq(
        num_qubits,
        [_rotation(terms[k], k + 1) for k in order],
        optimize_count=not for_depth,
        preserve_order=False,
        upto_clifford=True,
    )
    items = _items(found)
    while items and items[-1].term is None:  # undone at once where the sweep turns
        items.pop()
    name = "network for depth" if for_depth else "network"
    return Network(name, num_qubits, tuple(terms), tuple(items), offset)


def _rotation(term: Term, angle: float) -> tuple[str, list[int], float]:
    """What Rustiq takes. Angles are numbers of the terms while it works, so that its order and its signs can be read back."""
    x, z, _ = term
    where = support(x, z)
    return "".join(_LETTERS[x >> q & 1, z >> q & 1] for q in where), list(where), float(angle)


def _items(circuit: QuantumCircuit) -> list[Item]:
    items = []
    for instruction in circuit.data:
        qubits = tuple(circuit.find_bit(q).index for q in instruction.qubits)
        if instruction.name in _ROTATIONS:
            number = float(instruction.params[0])
            items.append(Item(instruction.name, qubits, round(abs(number)) - 1, 1.0 if number > 0 else -1.0))
        elif instruction.name == "swap":  # by what it costs
            a, b = qubits
            items += [Item("cx", pair, gate=CXGate(), inverse=CXGate()) for pair in ((a, b), (b, a), (a, b))]
        else:
            gate = instruction.operation
            items.append(Item(gate.name, qubits, gate=gate, inverse=gate.inverse()))
    return items


WIDEST = 12  # qubits on which the phase of a whole network is found by a state
_ROTATED = 1024  # rotations of one network


@dataclass
class Whole:
    """The rotations of many sweeps as one network, and the next ones as another.

    Attributes:
        name: of the splitting.
        num_qubits: of the register.
        terms: in the order of a sweep forwards.
        offset: coefficient of the identity.
        for_depth: whether the network is made for little depth rather than few gates.
    """

    name: str
    num_qubits: int
    terms: tuple[Term, ...]
    offset: float = 0.0
    for_depth: bool = False
    made: dict[tuple[int, ...], tuple[list[Item], float]] = field(default_factory=dict)

    @property
    def parts(self) -> Sequence[Part]:
        """Every string a part."""
        return single_parts(self.terms)

    def circuit(self, ramps: Sequence[Ramp]) -> QuantumCircuit:
        """The circuit of these sweeps, the first acting first."""
        circuit = QuantumCircuit(self.num_qubits, global_phase=-self.offset * _idle_time(ramps))
        together = max(2, 2 * (_ROTATED // (2 * max(1, len(self.terms)))))
        for first in range(0, len(ramps), together):
            self._append(circuit, ramps[first : first + together])
        return circuit

    def _append(self, circuit: QuantumCircuit, ramps: Sequence[Ramp]) -> None:
        turned: list[tuple[int, float]] = []
        for forwards, amount in ramps:
            for k in range(len(self.terms)) if forwards else reversed(range(len(self.terms))):
                x, z, c = self.terms[k]
                angle = 2 * c * acting(amount, x, z)
                if turned and turned[-1][0] == k:
                    turned[-1] = (k, turned[-1][1] + angle)
                else:
                    turned.append((k, angle))
        pattern = tuple(k for k, _ in turned)
        if pattern not in self.made:
            self.made[pattern] = self._made(pattern)
        items, phase = self.made[pattern]
        circuit.global_phase += phase
        for item in items:
            if item.term is not None:
                circuit.append(_ROTATIONS[item.name](item.sign * turned[item.term][1]), item.qubits)
            elif item.gate is not None:
                circuit.append(item.gate, item.qubits)

    def _made(self, pattern: Sequence[int]) -> tuple[list[Item], float]:
        """The network of rotations in this order, and the phase that it lacks."""
        found = synth_pauli_network_rustiq(
            self.num_qubits,
            [_rotation(self.terms[k], place + 1) for place, k in enumerate(pattern)],
            optimize_count=not self.for_depth,
            preserve_order=True,
            upto_phase=True,
            resynth_clifford_method=1,
        )
        items, wave = _items(found), np.zeros(1 << self.num_qubits, dtype=complex)
        if sorted(item.term for item in items if item.term is not None) != list(range(len(pattern))):
            raise MethodError(f"Argument `terms` must be {len(pattern)} rotations of a network, but some were lost.")
        wave[0] = 1.0
        for place, k in enumerate(pattern):
            wave = rotated(wave, self.terms[k], place + 1.0)
        overlap = complex(np.vdot(Statevector(found).data, wave))
        if abs(abs(overlap) - 1) > 1e-9:
            raise MethodError(f"Argument `terms` must be what its network does, but the overlap is {abs(overlap):.6g}.")
        return items, float(np.angle(overlap))


def rotated(wave: np.ndarray, term: Term, angle: float) -> np.ndarray:
    """``exp(-i angle P / 2)`` applied to a wave."""
    x, z, _ = term
    index = np.arange(wave.size)
    signs = 1.0 - 2.0 * (np.bitwise_count(index & z) % 2)
    moved = (1j ** ((x & z).bit_count() % 4) * signs * wave)[index ^ x]
    return np.asarray(np.cos(angle / 2) * wave - 1j * np.sin(angle / 2) * moved)
