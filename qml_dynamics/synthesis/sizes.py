"""Sizes and depths of circuits without a Python object for each gate, which is what Qiskit's own counts spend nearly all their time on.

Qiskit keeps standard gates as numbers and makes an object of a gate when it is looked at. Its tally of names needs none, and neither has
the longest path through the graph of a circuit. What counts is the same: every instruction that is no directive (a barrier, or a place
where a simulator saves); a circuit with anything but gates of the library is left to Qiskit's own counts.
"""

from __future__ import annotations

from functools import cache

from qiskit import QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.converters import circuit_to_dag


@cache
def _plain() -> frozenset[str]:
    """Names of instructions that are no directives."""
    return frozenset(get_standard_gate_name_mapping()) | {"unitary", "diagonal", "initialize"}


def size_of(circuit: QuantumCircuit) -> int:
    """What ``circuit.size()`` gives.

    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.h(0), circuit.barrier(), circuit.cx(0, 1)
    >>> size_of(circuit), circuit.size()
    (2, 2)
    """
    counted = circuit.count_ops()
    if counted.keys() - _plain():
        return int(circuit.size())
    return sum(counted.values())


def depth_of(circuit: QuantumCircuit) -> int:
    """What ``circuit.depth()`` gives.

    >>> circuit = QuantumCircuit(3)
    >>> _ = circuit.h(0), circuit.cx(0, 1), circuit.rz(0.3, 2)
    >>> depth_of(circuit), circuit.depth()
    (2, 2)
    """
    if circuit.count_ops().keys() - _plain():
        return int(circuit.depth())
    return int(circuit_to_dag(circuit, copy_operations=False).depth())
