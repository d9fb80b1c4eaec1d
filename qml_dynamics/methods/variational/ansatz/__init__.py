"""Ansaetze: frozen descriptions that are bound to a problem when it runs.

``from_circuit`` and ``from_pennylane`` take a circuit of one's own; ``hardware_efficient`` and ``hamiltonian`` start in the
problem's initial wave, and ``bare`` is that wave alone, for an ansatz that grows. Parameters stand in the order of
``circuit.parameters``. Vendor packages are loaded only when a circuit is read or built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .... import synthesis
from ....backends.base import without_idle_bits
from ....base.arguments import checks_arguments_but
from ....base.errors import MethodError, require
from ....base.printing import printed_briefly
from ....model.hamiltonians import Hamiltonian
from ....model.problem import Problem, common_wires
from ..derivatives import check_derivatives
from ..engine.gates import Program
from ..engine.tangent import Engine
from ..options import parameters
from .alternating import HamiltonianAnsatz, hamiltonian
from .layered import Bare, HardwareEfficient, bare, hardware_efficient

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

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


@printed_briefly
@dataclass(frozen=True, eq=False)
class CircuitAnsatz:
    """A parameterised circuit acting on ``|0...0>``; made by :func:`from_circuit` and :func:`from_pennylane`.

    Attributes:
        source: the Qiskit circuit.
        theta0: the parameters at the start, in the order of ``source.parameters``.
        program: its gates as data.
        wires: labels of its qubits, the first that of the highest; None where it has no labels.
    """

    source: Any
    theta0: tuple[float, ...]
    program: Program
    wires: tuple[Any, ...] | None = None

    @property
    def num_qubits(self) -> int:
        """Width of the circuit."""
        return self.program.num_qubits

    def bind(self, problem: Problem, h: Hamiltonian) -> Program:
        """The gates; on a problem with wires of its own, each on the wire that it names.

        Raises:
            MethodError: problem and circuit name different wires.
        """
        places = self._places(problem)
        if places is None:
            return self.program
        from .reader import program_from_circuit

        program = program_from_circuit(self.circuit(problem))
        theta0 = np.array(self.theta0)
        return Program(program.num_qubits, program.gates, program.angles, theta0, program.names)

    def _places(self, problem: Problem | None) -> list[int] | None:
        """The problem's qubit of each qubit, or None where they are the same."""
        if problem is None or self.wires is None:
            return None
        theirs = common_wires(problem, self.wires)
        if theirs == self.wires:
            if problem.wires is None and problem.operator is not None:
                _not_two_maps(theirs)
            return None
        if set(theirs) != set(self.wires):
            raise MethodError(
                f"Argument `ansatz` must have the wires of the problem, {list(theirs)}, but has {list(self.wires)}: give the "
                "operator those with Problem.from_operator(..., wires=...)."
            )
        return [len(theirs) - 1 - theirs.index(label) for label in reversed(self.wires)]

    def state(self, theta: npt.ArrayLike | None = None) -> np.ndarray:
        """The wave at ``theta`` (the start when None), shape ``(2**n,)``: what ``initial=`` of a problem takes."""
        values = self.theta0 if theta is None else parameters(theta, "theta", self.program.num_parameters)
        return Engine(self.program).state(np.array(values)).astype(complex)

    def circuit(self, problem: Problem | None = None) -> Any:
        """The Qiskit circuit; on a problem with wires of its own, in their order."""
        places = self._places(problem)
        if places is None:
            return self.source
        from .reader import rewired

        return rewired(self.source, places)


def _not_two_maps(wires: tuple[Any, ...]) -> None:
    """Refuse labels of which some are indices of other qubits: an operator by index and an observable would mean two of them."""
    for k, label in enumerate(wires):
        if isinstance(label, int) and label != k and 0 <= label < len(wires):
            raise MethodError(
                f"Argument `ansatz` must have wires that are no indices of other qubits, beside an operator without wires, but has "
                f"{list(wires)}: give the operator those with Problem.from_operator(..., wires=...)."
            )


@checks_arguments_but("circuit")
def from_circuit(circuit: QuantumCircuit, theta0: npt.ArrayLike | None = None) -> CircuitAnsatz:
    """An ansatz from any Qiskit circuit whose parameterised gates can be differentiated.

    Parameters may be shared, scaled and compound expressions (chain rule); all unitaries without parameters are allowed, and
    ``PauliEvolutionGate`` with a parameter as its time (where its terms do not commute, by its own synthesis, which is what a
    device would run). Gates that are not of Qiskit's library are replaced by their definitions, whatever their names (see
    :func:`qml_dynamics.synthesis.foreign.opened`). Final measurements are dropped. Derivatives of angles that are no affine functions of
    the parameters are compared with difference quotients where a run starts, and here where ``theta0`` is given.

    Args:
        circuit: the circuit, acting on ``|0...0>``.
        theta0: the parameters at the start, in the order of ``circuit.parameters``; zeros when None.

    Raises:
        MethodError: ``theta0`` has another length or a value that is not finite; or the circuit holds a measurement in its
            middle, a reset, control flow, an opaque gate with parameters, or an angle with a wrong derivative, which is named.

    >>> from qiskit.circuit.library import efficient_su2
    >>> from_circuit(efficient_su2(3, reps=1)).program.num_parameters
    12
    """
    from qiskit import QuantumCircuit

    from .reader import program_from_circuit

    require(isinstance(circuit, QuantumCircuit), "circuit", "be a Qiskit QuantumCircuit", circuit, MethodError)
    circuit = without_idle_bits(synthesis.foreign.without_end(synthesis.foreign.opened(circuit)))
    program = program_from_circuit(circuit)
    start = np.zeros(program.num_parameters) if theta0 is None else theta0
    values = parameters(start, "theta0", program.num_parameters)
    if theta0 is not None:
        check_derivatives(program.angles, np.array(values), program.names, "circuit")
    fixed = Program(program.num_qubits, program.gates, program.angles, np.array(values), program.names)
    return CircuitAnsatz(circuit, values, fixed)


@checks_arguments_but("qnode")
def from_pennylane(qnode: Callable[..., object], *arguments: npt.ArrayLike, **options: object) -> CircuitAnsatz:
    """An ansatz from a PennyLane QNode (or quantum function), traced at the given arguments.

    Its parameters are all entries of the positional arguments, flattened in order; gate angles must be affine functions of them.
    Its wires are those of its device in their order, all of them; where the device has none, those of the circuit in the order
    in which ``qml.state()`` has them. The first is the highest qubit, so that states equal ``qml.state()``. Transforms of the
    QNode are applied; those that make several circuits, channels of noise, and devices with transforms or readout errors of
    their own are refused.

    Args:
        qnode: the QNode.
        arguments: numbers or arrays; they are also ``theta0``.
        options: keyword arguments that are passed on and stay fixed.

    Raises:
        MethodError: an angle is no affine function of the arguments, or an operation cannot be translated, which is named.
    """
    from .pennylane import read_qnode

    read = read_qnode(qnode, arguments, options)
    return replace(from_circuit(read.circuit, read.theta0), wires=read.wires)
