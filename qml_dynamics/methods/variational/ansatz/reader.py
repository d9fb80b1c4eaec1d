"""Qiskit circuits read into gates as data, with their angles as functions of the circuit's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlFlowOp,
    ControlledGate,
    ControlModifier,
    InverseModifier,
    Parameter,
    ParameterExpression,
)
from qiskit.circuit.library import PauliEvolutionGate, UnitaryGate
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator, SparsePauliOp

from ....base.errors import MethodError, check_memory, describe, require
from ....model.pauli import PauliSum, pauli_sum
from ....synthesis.foreign import definition_of, opened, without_end
from ..engine.gates import Angles, Curved, Fixed, Gate, PauliRotation, Program, Rotation, pauli_matrix
from .expressions import affine, curve, number

if TYPE_CHECKING:
    from qiskit.circuit import Modifier, Operation
    from qiskit.quantum_info import SparseObservable

_WIDEST_CONTROLLED = 8  # a controlled gate on more qubits is opened by its definition
_PAULIS = {"rx": (1, 0), "ry": (1, 1), "rz": (0, 1), "rxx": (3, 0), "ryy": (3, 3), "rzz": (0, 3), "rzx": (2, 1)}


def free_parameters(op: Operation) -> set[Any]:
    """The parameters without a value of a Qiskit operation, those of what it holds or annotates included."""
    if isinstance(op, AnnotatedOperation):
        return free_parameters(op.base_op)
    given = list(getattr(op, "params", ()))
    if isinstance(op, PauliEvolutionGate):
        given.extend(
            c
            for o in _operators(op)
            for c in np.atleast_1d(getattr(o, "coeffs", ()))
            if isinstance(c, ParameterExpression)
        )
    return {p for value in given if isinstance(value, ParameterExpression) for p in value.parameters}


PHASE = np.diag([0.0, -1.0]).astype(complex)  # exp(-i phi G) = diag(1, e^{i phi})
HALF_Y = 0.5 * pauli_matrix(1, 1, [0])


def generator_of(op: Operation) -> np.ndarray | None:
    """G of a gate ``exp(-i phi G)`` with one angle, controls and other modifiers included; None for other gates."""
    if isinstance(op, AnnotatedOperation):
        base = generator_of(op.base_op)
        return base if base is None else _modified(base, op.modifiers)
    if isinstance(op, ControlledGate) and op.name != "cu":
        base = generator_of(op.base_gate)
        if base is None or len(op.params) != 1 or op.num_qubits > _WIDEST_CONTROLLED:
            return None
        return _controlled(base, op.num_ctrl_qubits, op.ctrl_state)
    if op.name in ("p", "u1"):
        return PHASE
    if op.name in _PAULIS and len(op.params) == 1:
        x, z = _PAULIS[op.name]
        return 0.5 * pauli_matrix(x, z, range(op.num_qubits))
    return None


def _controlled(base: np.ndarray, count: int, state: int) -> np.ndarray:
    """Controls sit on the low qubits."""
    chosen = np.zeros((1 << count,) * 2)
    chosen[state, state] = 1.0
    return np.kron(base, chosen)


def _modified(generator: np.ndarray, modifiers: Sequence[Modifier]) -> np.ndarray:
    for modifier in modifiers:
        if isinstance(modifier, ControlModifier):
            generator = _controlled(generator, modifier.num_ctrl_qubits, modifier.ctrl_state)
        elif isinstance(modifier, InverseModifier):
            generator = -generator
        else:
            generator = modifier.power * generator
    return generator


def _operators(op: PauliEvolutionGate) -> list[Any]:
    return list(op.operator) if isinstance(op.operator, (list, tuple)) else [op.operator]


def commuting_strings(op: PauliEvolutionGate) -> PauliSum | None:
    """The Pauli strings of an evolution if they commute, so that it is a product of rotations; else None."""
    parts: list[Any] = [o if isinstance(o, SparsePauliOp) else _sparse(o) for o in _operators(op)]
    if any(p is None or p.coeffs.dtype == object for p in parts):
        return None
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    for i in range(len(total) - 1):
        if not np.all(total.paulis[i + 1 :].commutes(total.paulis[i])):
            return None
    return pauli_sum(total)


def _sparse(operator: SparsePauliOp | SparseObservable) -> SparsePauliOp | None:
    if hasattr(SparsePauliOp, "from_sparse_observable"):
        try:
            return SparsePauliOp.from_sparse_observable(operator)
        except (TypeError, AttributeError, QiskitError):
            pass
    try:
        return SparsePauliOp(operator)
    except (TypeError, QiskitError):
        return None


def moved_mask(mask: int, where: Sequence[int]) -> int:
    """A bit mask over local qubits as one over the register: bit i moves to bit ``where[i]``."""
    return sum(1 << q for i, q in enumerate(where) if mask >> i & 1)


_SKIPPED = {"barrier", "id", "delay"}
_WIDE = 4  # fixed gates on more qubits are opened by their definition where they have one
_WIDEST = 10
_DEPTH = 40


def program_from_circuit(circuit: QuantumCircuit) -> Program:
    """The gates of a circuit; raises :class:`MethodError` with the name of what cannot be differentiated."""
    require(isinstance(circuit, QuantumCircuit), "circuit", "be a Qiskit QuantumCircuit", circuit, MethodError)
    require(circuit.num_qubits > 0, "circuit", "have at least one qubit", circuit.name, MethodError)
    circuit = opened(circuit)
    names = [p.name for p in circuit.parameters]
    circuit = without_end(circuit)
    reader = Reader({p: k for k, p in enumerate(circuit.parameters)})
    reader.read(circuit, list(range(circuit.num_qubits)), 0)
    angles = reader.angles()
    theta0 = np.zeros(angles.num_parameters)
    return Program(circuit.num_qubits, tuple(reader.gates), angles, theta0, tuple(names))


def rewired(circuit: QuantumCircuit, places: Sequence[int]) -> QuantumCircuit:
    """The circuit with its qubit q at ``places[q]``."""
    out = QuantumCircuit(circuit.num_qubits, circuit.num_clbits)
    return out.compose(circuit, places, range(circuit.num_clbits))


@dataclass
class Reader:
    """Walks a circuit and the definitions of its gates."""

    index: dict[Any, int]
    gates: list[Gate] = field(default_factory=list)
    constants: list[float] = field(default_factory=list)
    rows: list[dict[int, float]] = field(default_factory=list)
    curved: list[Curved] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    gate: str = ""  # the one that is read, for messages

    def read(self, circuit: QuantumCircuit, qubits: list[int], depth: int) -> None:
        """All instructions of a circuit whose qubit i is ``qubits[i]``."""
        for instruction in circuit.data:
            where = [qubits[circuit.find_bit(q).index] for q in instruction.qubits]
            self._instruction(instruction.operation, where, bool(instruction.clbits), depth)
        self._phase(circuit.global_phase, qubits)

    def angles(self) -> Angles:
        """The angles of all slots."""
        flat = Angles.affine(self.constants, self.rows, len(self.index))
        return Angles(flat.num_parameters, flat.constant, flat.slot, flat.parameter, flat.weight, tuple(self.curved))

    def _instruction(self, op: Operation, where: list[int], classical: bool, depth: int) -> None:
        if op.name in _SKIPPED:
            return
        if op.name == "reset" and not self.touched & set(where):
            return  # nothing has happened to these qubits yet
        if (
            classical
            or op.name in ("measure", "reset")
            or isinstance(op, ControlFlowOp)
            or getattr(op, "condition", None) is not None
        ):
            raise MethodError(
                f"Argument `circuit` must be unitary, but has a {op.name} on qubits {where} in its middle."
            )
        free = free_parameters(op)
        self.gate = f"{op.name} on qubits {where}"
        if free:
            self._parametric(op, where, depth)
        else:
            self._fixed(op, where, depth)
        self.touched |= set(where)

    def _fixed(self, op: Operation, where: list[int], depth: int) -> None:
        if op.name == "global_phase":
            self._phase(op.params[0], where or [0])
            return
        noncommuting = isinstance(op, PauliEvolutionGate) and commuting_strings(op) is None
        matrix_itself = (
            isinstance(op, UnitaryGate) and len(where) <= _WIDEST
        )  # its definition is a synthesis of minutes
        wide = len(where) > _WIDE and not matrix_itself
        composite = not hasattr(op, "to_matrix") or wide or noncommuting or op.name == "initialize"
        inner = definition_of(op) if composite and (hasattr(op, "definition") or len(where) > _WIDEST) else None
        if inner is not None and depth < _DEPTH:
            self.read(inner, where, depth + 1)
            return
        if len(where) > _WIDEST:
            raise MethodError(
                f"Argument `circuit` must be made of gates on at most {_WIDEST} qubits, but {op.name} acts on {len(where)}."
            )
        check_memory(3 * 16 << 2 * len(where), f"The matrix of {op.name} on {len(where)} qubits")
        try:
            matrix = Operator(op).data
        except QiskitError:
            raise MethodError(
                f"Argument `circuit` must be unitary, but {op.name} on qubits {where} has no matrix."
            ) from None
        self.gates.append(Fixed(tuple(where), np.asarray(matrix, dtype=complex)))

    def _parametric(self, op: Operation, where: list[int], depth: int) -> None:
        if op.name == "global_phase":
            self._phase(op.params[0], where or [0])
        elif isinstance(op, PauliEvolutionGate) and commuting_strings(op) is not None:
            self._evolution(op, where)
        elif (generator := generator_of(op)) is not None:
            angle = op.base_op.params[0] if isinstance(op, AnnotatedOperation) else op.params[0]
            self.gates.append(Rotation(tuple(where), generator, self._slot(angle)))
        elif op.name == "u" and len(where) == 1:
            theta, phi, lam = op.params  # U = P(phi) RY(theta) P(lambda)
            for angle, matrix in ((lam, PHASE), (theta, HALF_Y), (phi, PHASE)):
                self.gates.append(Rotation(tuple(where), matrix, self._slot(angle)))
        else:
            self._open(op, where, depth)

    def _open(self, op: Operation, where: list[int], depth: int) -> None:
        try:
            definition = getattr(op, "definition", None)
        except (QiskitError, TypeError):  # made from numbers alone, as that of an RV gate
            definition = None
        if definition is None or depth >= _DEPTH:
            raise MethodError(
                f"Argument `circuit` must have gates that can be differentiated, but has {describe(op.name)} on qubits {where}: "
                "a gate with parameters and without a definition."
            )
        self.read(definition, where, depth + 1)

    def _evolution(self, op: Operation, where: list[int]) -> None:
        strings = commuting_strings(op)
        assert strings is not None
        slot = self._slot(op.time)
        for x, z, c in zip(strings.x.tolist(), strings.z.tolist(), strings.coefficients.tolist()):
            self.gates.append(PauliRotation(moved_mask(x, where), moved_mask(z, where), c, slot))

    def _phase(self, phase: float | ParameterExpression, where: list[int]) -> None:
        """A global phase, on any qubit: it changes no step, only the state's own phase."""
        if isinstance(phase, ParameterExpression) and phase.parameters:
            self.gates.append(Rotation((where[0],), -np.eye(2, dtype=complex), self._slot(phase)))
        elif float(phase) % (2 * np.pi):
            self.gates.append(Fixed((where[0],), np.exp(1j * float(phase)) * np.eye(2)))

    def _slot(self, angle: float | ParameterExpression) -> int:
        slot = len(self.constants)
        if not isinstance(angle, ParameterExpression) or not angle.parameters:
            self.constants.append(number(angle) if isinstance(angle, ParameterExpression) else float(angle))
            self.rows.append({})
            return slot
        free = sorted(angle.parameters, key=self.index.__getitem__)
        line = (0.0, [1.0]) if isinstance(angle, Parameter) else affine(angle, free)
        if line is None:
            self.constants.append(0.0)
            self.rows.append({self.index[p]: 0.0 for p in free})
            self.curved.append(curve(slot, angle, free, self.index, self.gate))
        else:
            self.constants.append(line[0])
            self.rows.append({self.index[p]: s for p, s in zip(free, line[1])})
        return slot
