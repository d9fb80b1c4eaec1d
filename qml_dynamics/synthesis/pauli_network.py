"""Rotations about Pauli strings as one network in an order that Rustiq chooses, and its mirror image.

A network is ``C R_m C_m ... R_1 C_1`` with rotations R about one axis and Clifford gates C. In the formulas here sweeps forwards and
backwards alternate. A sweep backwards is the mirror image of the network with the same angles, so that the Clifford gates that are
left over at the end of one sweep are undone by the next, and are never synthesised.

Source: Goubault de Brugiere and Martiel, arXiv:2404.03280.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit.library import RXGate, RYGate, RZGate
from qiskit.synthesis.evolution.pauli_network import synth_pauli_network_rustiq

from ..base.errors import MethodError
from .operator_parts import Term, support

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
        coefficients: of the terms.
        items: of a sweep forwards.
        offset: coefficient of the identity.
    """

    name: str
    num_qubits: int
    coefficients: tuple[float, ...]
    items: tuple[Item, ...]
    offset: float = 0.0

    @property
    def order(self) -> list[int]:
        """The terms in the order in which a sweep forwards runs through them."""
        return [item.term for item in self.items if item.term is not None]

    def circuit(self, ramps: Sequence[tuple[bool, float]]) -> QuantumCircuit:
        """The circuit of sweeps that go forwards and backwards in turn; what meets its inverse is left out.

        Raises:
            MethodError: they do not.
        """
        if len(ramps) % 2 or any(forwards != (k % 2 == 0) for k, (forwards, _) in enumerate(ramps)):
            raise MethodError("Argument `ramps` must go forwards and backwards in turn, but does not.")
        stack: list[tuple[Item, bool, float]] = []
        for forwards, amount in ramps:
            for item in self.items if forwards else reversed(self.items):
                _put(stack, item, not forwards, amount)
        circuit = QuantumCircuit(self.num_qubits, global_phase=-self.offset * sum(amount for _, amount in ramps))
        for item, mirrored, amount in stack:
            self._append(circuit, item, mirrored, amount)
        return circuit

    def _append(self, circuit: QuantumCircuit, item: Item, mirrored: bool, amount: float) -> None:
        if item.term is not None:
            angle = 2 * item.sign * self.coefficients[item.term] * amount
            circuit.append(_ROTATIONS[item.name](angle), item.qubits)
            return
        gate = item.inverse if mirrored else item.gate
        assert gate is not None
        circuit.append(gate, item.qubits)


def _put(stack: list[tuple[Item, bool, float]], item: Item, mirrored: bool, amount: float) -> None:
    """Put an item on the stack: a rotation is added to the same one on top, a gate undoes its mirror image there."""
    if stack and stack[-1][0] is item:
        _, other, before = stack[-1]
        if item.term is not None:
            stack[-1] = (item, mirrored, before + amount)
            return
        if other != mirrored:
            stack.pop()
            return
    stack.append((item, mirrored, amount))


def network(num_qubits: int, terms: Sequence[Term], offset: float, for_depth: bool) -> Network:
    """The network of ``exp(-i t sum_j c_j P_j)``, in the order that takes fewest gates or least depth.

    Angles are numbers of the terms while Rustiq works, so that its order and its signs can be read back.

    >>> found = network(2, [(0b11, 0, 0.3), (0, 0b11, 0.7)], 0.0, for_depth=False)
    >>> sorted(found.order), found.circuit([(True, 0.1), (False, 0.1)]).count_ops()["cx"]
    ([0, 1], 2)
    """
    rotations = [("".join(_LETTERS[x >> q & 1, z >> q & 1] for q in support(x, z)), list(support(x, z)), float(k + 1))
                 for k, (x, z, _) in enumerate(terms)]  # fmt: skip
    found = synth_pauli_network_rustiq(
        num_qubits, rotations, optimize_count=not for_depth, preserve_order=False, upto_clifford=True
    )
    items = []
    for instruction in found.data:
        qubits = tuple(found.find_bit(q).index for q in instruction.qubits)
        if instruction.name in _ROTATIONS:
            number = float(instruction.params[0])
            items.append(Item(instruction.name, qubits, round(abs(number)) - 1, 1.0 if number > 0 else -1.0))
        else:
            gate = instruction.operation
            items.append(Item(gate.name, qubits, gate=gate, inverse=gate.inverse()))
    while items and items[-1].term is None:  # undone at once where the sweep turns
        items.pop()
    name = "network for depth" if for_depth else "network"
    return Network(name, num_qubits, tuple(c for _, _, c in terms), tuple(items), offset)
