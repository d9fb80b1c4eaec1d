"""Ansaetze: frozen descriptions that are bound to a problem when it runs.

``from_circuit`` and ``from_pennylane`` take a circuit of one's own; ``hardware_efficient`` and ``hamiltonian`` start in the
problem's initial wave, and ``bare`` is that wave alone, for an ansatz that grows. Parameters stand in the order of
``circuit.parameters``. Vendor packages are loaded only when a circuit is read or built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..hamiltonian import Hamiltonian
from ..problem import Problem
from .ansatz_alternating import HamiltonianAnsatz, hamiltonian
from .ansatz_layered import Bare, HardwareEfficient, bare, hardware_efficient
from .gates import Program
from .method import parameters

__all__ = [
    "Bare",
    "CircuitAnsatz",
    "HamiltonianAnsatz",
    "HardwareEfficient",
    "bare",
    "from_circuit",
    "from_pennylane",
    "hamiltonian",
    "hardware_efficient",
]


@dataclass(frozen=True, eq=False)
class CircuitAnsatz:
    """A parameterised circuit acting on ``|0...0>``; made by :func:`from_circuit` and :func:`from_pennylane`.

    Attributes:
        source: the Qiskit circuit.
        theta0: the parameters at the start, in the order of ``source.parameters``.
        program: its gates as data.
    """

    source: Any
    theta0: tuple[float, ...]
    program: Program

    @property
    def num_qubits(self) -> int:
        """Width of the circuit."""
        return self.program.num_qubits

    def bind(self, problem: Problem, h: Hamiltonian) -> Program:
        """The gates, whatever the problem (its width is compared by the run)."""
        return self.program

    def state(self, theta: Any = None) -> np.ndarray:
        """The wave at ``theta`` (the start when None), shape ``(2**n,)``: what ``initial=`` of a problem takes."""
        from .tangent import Engine

        values = self.theta0 if theta is None else parameters(theta, "theta", self.program.num_parameters)
        return Engine(self.program).state(np.array(values)).astype(complex)

    def circuit(self, problem: Problem | None = None) -> Any:
        """The Qiskit circuit."""
        return self.source


def from_circuit(circuit: Any, theta0: Any = None) -> CircuitAnsatz:
    """An ansatz from any Qiskit circuit whose parameterised gates can be differentiated.

    Parameters may be shared, scaled and compound expressions (chain rule); all unitaries without parameters are allowed, and
    ``PauliEvolutionGate`` with a parameter as its time (where its terms do not commute, by its own synthesis, which is what a
    device would run). Gates that are not known themselves are opened by their definition. Final measurements are dropped.

    Args:
        circuit: the circuit, acting on ``|0...0>``.
        theta0: the parameters at the start, in the order of ``circuit.parameters``; zeros when None.

    Raises:
        MethodError: ``theta0`` has another length or a value that is not finite; or the circuit holds a measurement in its
            middle, a reset, control flow, or an opaque gate with parameters, which is named.

    >>> from qiskit.circuit.library import efficient_su2
    >>> from_circuit(efficient_su2(3, reps=1)).program.num_parameters
    12
    """
    from .ansatz_reader import program_from_circuit

    program = program_from_circuit(circuit)
    start = np.zeros(program.num_parameters) if theta0 is None else theta0
    values = parameters(start, "theta0", program.num_parameters)
    fixed = Program(program.num_qubits, program.gates, program.angles, np.array(values), program.names)
    return CircuitAnsatz(circuit, values, fixed)


def from_pennylane(qnode: Any, *arguments: Any, **options: Any) -> CircuitAnsatz:
    """An ansatz from a PennyLane QNode (or quantum function), traced at the given arguments.

    Its parameters are all entries of the positional arguments, flattened in order; gate angles must be affine functions of them.
    Wires are sorted and the first is the highest qubit, so that states equal ``qml.state()``.

    Args:
        qnode: the QNode.
        arguments: numbers or arrays; they are also ``theta0``.
        options: keyword arguments that are passed on and stay fixed.

    Raises:
        MethodError: an angle is no affine function of the arguments, or an operation cannot be translated, which is named.
    """
    from .ansatz_pennylane import circuit_from_qnode

    circuit, theta0 = circuit_from_qnode(qnode, arguments, options)
    return from_circuit(circuit, theta0)
