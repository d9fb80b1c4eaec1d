"""Equal circuits of one call, found gate by gate, so that each is compiled and simulated once.

Random circuits begin alike, and at time 0 they are nothing but the preparation: of two thousand circuits a half may be three.

A module of its own beside `aer`: which circuits of a list are the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from qiskit.circuit.library import get_standard_gate_name_mapping

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_LONGEST = 256  # gates: longer circuits are seldom equal, and take longer to run than to compare


def distinct(circuits: Sequence[QuantumCircuit]) -> tuple[list[QuantumCircuit], list[int]]:
    """The circuits without repetitions, and the place among them of each.

    Only circuits of Qiskit's standard gates with numbers for angles are compared, exactly, in their order; the global phase does not
    count, since no outcome depends on it. Any other circuit stands for itself.

    >>> from qiskit import QuantumCircuit
    >>> three = [QuantumCircuit(1) for _ in range(3)]
    >>> _ = three[0].rx(0.1, 0), three[1].rx(0.2, 0), three[2].rx(0.1, 0)
    >>> once, places = distinct(three)
    >>> len(once), places
    (2, [0, 1, 0])
    """
    found: list[QuantumCircuit] = []
    known: dict[Hashable, int] = {}
    places = []
    for circuit in circuits:
        mark = _mark(circuit)
        place = len(found) if mark is None else known.setdefault(mark, len(found))
        if place == len(found):
            found.append(circuit)
        places.append(place)
    return found, places


def _mark(circuit: QuantumCircuit) -> Hashable | None:
    """All that a short circuit of standard gates is; None for any other."""
    data = circuit.data
    if len(data) > _LONGEST or circuit.num_clbits or circuit.layout is not None:
        return None
    place = {qubit: i for i, qubit in enumerate(circuit.qubits)}
    words: list[Hashable] = [circuit.num_qubits]
    for instruction in data:
        params = instruction.params
        plain = instruction.is_standard_gate() and instruction.label is None and all(type(p) is float for p in params)
        # a class of somebody's own that inherits from a standard gate counts as one, and may have another definition
        if not plain or instruction.operation.base_class is not _classes()[instruction.name]:
            return None
        words.append((instruction.name, *[place[q] for q in instruction.qubits], *params))
    return tuple(words)


@cache
def _classes() -> Mapping[str, type]:
    """The class of each standard gate by its name."""
    return {name: gate.base_class for name, gate in get_standard_gate_name_mapping().items()}
