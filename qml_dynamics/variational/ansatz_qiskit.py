"""Qiskit circuits to gates as data, and the library's own ansaetze as Qiskit circuits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlFlowOp,
    ControlledGate,
    ControlModifier,
    InverseModifier,
    ParameterExpression,
    ParameterVector,
)
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator, SparsePauliOp

from ..domains import Grid
from ..errors import MethodError, describe, require
from ..hamiltonian import Hamiltonian, LearningHamiltonian
from ..pauli import PauliSum, pauli_sum
from ..problem import Problem
from ..synthesis.diagonal import diagonal, walsh_series
from ..synthesis.states import prepare
from ..synthesis.transforms import dual_phases, kinetic, registers, to_dual, width
from .gates import Angles, Curved, Fixed, Gate, PauliRotation, Program, Rotation, commuting_groups, pauli_matrix

_SKIPPED = {"barrier", "id", "delay"}
_WIDE = 4  # fixed gates on more qubits are opened by their definition where they have one
_WIDEST = 10
_DEPTH = 40
_PAULIS = {"rx": (1, 0), "ry": (1, 1), "rz": (0, 1), "rxx": (3, 0), "ryy": (3, 3), "rzz": (0, 3), "rzx": (2, 1)}


def program_from_circuit(circuit: Any) -> Program:
    """The gates of a circuit; raises :class:`MethodError` with the name of what cannot be differentiated."""
    require(isinstance(circuit, QuantumCircuit), "circuit", "be a Qiskit QuantumCircuit", circuit, MethodError)
    require(circuit.num_qubits > 0, "circuit", "have at least one qubit", circuit.name, MethodError)
    names = [p.name for p in circuit.parameters]
    if "measure" in circuit.count_ops():
        circuit = circuit.remove_final_measurements(inplace=False)
    reader = _Reader({p: k for k, p in enumerate(circuit.parameters)})
    reader.read(circuit, list(range(circuit.num_qubits)), 0)
    angles = reader.angles()
    theta0 = np.zeros(angles.num_parameters)
    return Program(circuit.num_qubits, tuple(reader.gates), angles, theta0, tuple(names))


@dataclass
class _Reader:
    """Walks a circuit and the definitions of its gates."""

    index: dict[Any, int]
    gates: list[Gate] = field(default_factory=list)
    constants: list[float] = field(default_factory=list)
    rows: list[dict[int, float]] = field(default_factory=list)
    curved: list[Curved] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)

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

    def _instruction(self, op: Any, where: list[int], classical: bool, depth: int) -> None:
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
        free = _free(op)
        if free:
            self._parametric(op, where, depth)
        else:
            self._fixed(op, where, depth)
        self.touched |= set(where)

    def _fixed(self, op: Any, where: list[int], depth: int) -> None:
        if op.name == "global_phase":
            self._phase(op.params[0], where or [0])
            return
        noncommuting = isinstance(op, PauliEvolutionGate) and _strings(op) is None
        composite = not hasattr(op, "to_matrix") or len(where) > _WIDE or noncommuting or op.name == "initialize"
        if composite and getattr(op, "definition", None) is not None and depth < _DEPTH:
            self.read(op.definition, where, depth + 1)
            return
        if len(where) > _WIDEST:
            raise MethodError(
                f"Argument `circuit` must be made of gates on at most {_WIDEST} qubits, but {op.name} acts on {len(where)}."
            )
        try:
            matrix = Operator(op).data
        except QiskitError:
            raise MethodError(
                f"Argument `circuit` must be unitary, but {op.name} on qubits {where} has no matrix."
            ) from None
        self.gates.append(Fixed(tuple(where), np.asarray(matrix, dtype=complex)))

    def _parametric(self, op: Any, where: list[int], depth: int) -> None:
        if op.name == "global_phase":
            self._phase(op.params[0], where or [0])
        elif isinstance(op, PauliEvolutionGate) and _strings(op) is not None:
            self._evolution(op, where)
        elif (generator := _generator(op)) is not None:
            angle = op.base_op.params[0] if isinstance(op, AnnotatedOperation) else op.params[0]
            self.gates.append(Rotation(tuple(where), generator, self._slot(angle)))
        elif op.name == "u" and len(where) == 1:
            theta, phi, lam = op.params  # U = P(phi) RY(theta) P(lambda)
            for angle, matrix in ((lam, _P), (theta, _Y), (phi, _P)):
                self.gates.append(Rotation(tuple(where), matrix, self._slot(angle)))
        else:
            self._open(op, where, depth)

    def _open(self, op: Any, where: list[int], depth: int) -> None:
        definition = getattr(op, "definition", None)
        if definition is None or depth >= _DEPTH:
            raise MethodError(
                f"Argument `circuit` must have gates that can be differentiated, but has {op.name!r} on qubits {where}: "
                "a gate with parameters and without a definition."
            )
        self.read(definition, where, depth + 1)

    def _evolution(self, op: Any, where: list[int]) -> None:
        strings = _strings(op)
        assert strings is not None
        slot = self._slot(op.time)
        for x, z, c in zip(strings.x.tolist(), strings.z.tolist(), strings.coefficients.tolist()):
            self.gates.append(PauliRotation(_moved(x, where), _moved(z, where), c, slot))

    def _phase(self, phase: Any, where: list[int]) -> None:
        """A global phase, on any qubit: it changes no step, only the state's own phase."""
        if isinstance(phase, ParameterExpression) and phase.parameters:
            self.gates.append(Rotation((where[0],), -np.eye(2, dtype=complex), self._slot(phase)))
        elif float(phase) % (2 * np.pi):
            self.gates.append(Fixed((where[0],), np.exp(1j * float(phase)) * np.eye(2)))

    def _slot(self, angle: Any) -> int:
        slot = len(self.constants)
        if not isinstance(angle, ParameterExpression) or not angle.parameters:
            self.constants.append(float(angle))
            self.rows.append({})
            return slot
        free = list(angle.parameters)
        slopes = [_gradient(angle, p) for p in free]
        if any(isinstance(s, ParameterExpression) for s in slopes):
            self.constants.append(0.0)
            self.rows.append({self.index[p]: 0.0 for p in free})
            self.curved.append(_curve(slot, angle, free, slopes, self.index))
            return slot
        self.constants.append(_number(angle, dict.fromkeys(free, 0.0)))
        self.rows.append({self.index[p]: float(s) for p, s in zip(free, slopes)})
        return slot


def _free(op: Any) -> set[Any]:
    if isinstance(op, AnnotatedOperation):
        return _free(op.base_op)
    given = list(getattr(op, "params", ()))
    if isinstance(op, PauliEvolutionGate):
        given.extend(
            c
            for o in _operators(op)
            for c in np.atleast_1d(getattr(o, "coeffs", ()))
            if isinstance(c, ParameterExpression)
        )
    return {p for value in given if isinstance(value, ParameterExpression) for p in value.parameters}


def _gradient(angle: Any, parameter: Any) -> Any:
    try:
        slope = angle.gradient(parameter)
    except Exception as error:  # the vendor raises different kinds for functions without a derivative
        raise MethodError(
            f"Argument `circuit` must have differentiable angles, but has {describe(str(angle))}: {error}."
        ) from None
    if isinstance(slope, ParameterExpression):
        return slope if slope.parameters else _number(slope, {})
    return float(np.real(slope))


def _number(expression: Any, values: dict[Any, float]) -> float:
    value = complex(expression.bind(values) if values else expression)
    ok = abs(value.imag) <= 1e-12 * max(1.0, abs(value))
    require(ok, "circuit", "have real angles", describe(str(expression)), MethodError)
    return value.real


def _curve(slot: int, angle: Any, free: list[Any], slopes: list[Any], index: dict[Any, int]) -> Curved:
    """Value and derivatives of an expression that is not affine."""
    places = tuple(index[p] for p in free)

    def value(theta: np.ndarray) -> float:
        return _number(angle, {p: float(theta[k]) for p, k in zip(free, places)})

    def gradient(theta: np.ndarray) -> list[float]:
        out = []
        for slope in slopes:
            if isinstance(slope, ParameterExpression):
                out.append(_number(slope, {p: float(theta[index[p]]) for p in slope.parameters}))
            else:
                out.append(float(slope))
        return out

    return Curved(slot, places, value, gradient)


_P = np.diag([0.0, -1.0]).astype(complex)  # exp(-i phi G) = diag(1, e^{i phi})
_Y = 0.5 * pauli_matrix(1, 1, [0])


def _generator(op: Any) -> np.ndarray | None:
    """G of a gate ``exp(-i phi G)`` with one angle, controls and other modifiers included; None for other gates."""
    if isinstance(op, AnnotatedOperation):
        base = _generator(op.base_op)
        return base if base is None else _modified(base, op.modifiers)
    if isinstance(op, ControlledGate) and op.name != "cu":
        base = _generator(op.base_gate)
        if base is None or len(op.params) != 1 or op.num_qubits > 2 * _WIDE:
            return None
        return _controlled(base, op.num_ctrl_qubits, op.ctrl_state)
    if op.name in ("p", "u1"):
        return _P
    if op.name in _PAULIS and len(op.params) == 1:
        x, z = _PAULIS[op.name]
        return 0.5 * pauli_matrix(x, z, range(op.num_qubits))
    return None


def _controlled(base: np.ndarray, count: int, state: int) -> np.ndarray:
    """Controls sit on the low qubits."""
    chosen = np.zeros((1 << count,) * 2)
    chosen[state, state] = 1.0
    return np.kron(base, chosen)


def _modified(generator: np.ndarray, modifiers: Sequence[Any]) -> np.ndarray:
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


def _strings(op: PauliEvolutionGate) -> PauliSum | None:
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


def _sparse(operator: Any) -> SparsePauliOp | None:
    if hasattr(SparsePauliOp, "from_sparse_observable"):
        try:
            return SparsePauliOp.from_sparse_observable(operator)
        except (TypeError, AttributeError, QiskitError):
            pass
    try:
        return SparsePauliOp(operator)
    except (TypeError, QiskitError):
        return None


def _moved(mask: int, where: Sequence[int]) -> int:
    return sum(1 << q for i, q in enumerate(where) if mask >> i & 1)


def layered_circuit(problem: Problem, moves: Sequence[tuple[Any, ...]], undone: int) -> QuantumCircuit:
    """The preparation, ``undone`` inverse chains of CX, and the moves of a layered ansatz."""
    n = problem.domain.num_qubits
    circuit = QuantumCircuit(width(problem.domain))
    circuit.compose(prepare(problem.initial, problem.domain), inplace=True)
    theta = ParameterVector("theta", 1 + max((m[2] for m in moves if m[0] != "cx"), default=-1))
    for _ in range(undone):
        for q in reversed(range(n - 1)):
            circuit.cx(q, q + 1)
    for kind, q, other in moves:
        if kind == "cx":
            circuit.cx(q, other)
        else:
            getattr(circuit, kind)(theta[other], q)
    return circuit


def alternating_circuit(problem: Problem, h: Hamiltonian, layers: int, separate: bool, moves: bool) -> QuantumCircuit:
    """The preparation and the alternating evolutions of :func:`ansatz.hamiltonian`."""
    circuit = prepare(problem.initial, problem.domain)
    factors = (
        _learning_factors(problem, h, separate)
        if isinstance(h, LearningHamiltonian)
        else _pauli_factors(h.terms, separate)
    )
    if moves and (shift := _shift_factor(problem)):
        factors.append(shift)
    theta = iter(ParameterVector("theta", layers * sum(size for size, _ in factors) + factors[0][0]))
    for layer in range(layers + 1):
        for size, append in factors if layer < layers else factors[:1]:
            append(circuit, [next(theta) for _ in range(size)])
    return circuit


Factor = tuple[int, Callable[[QuantumCircuit, Sequence[Any]], None]]  # how many angles, and what appends its gates


def _learning_factors(problem: Problem, h: LearningHamiltonian, separate: bool) -> list[Factor]:
    domain = problem.domain
    series = walsh_series(h.zeta)

    def potential(circuit: QuantumCircuit, angles: Sequence[Any]) -> None:
        diagonal(series, angles[0], circuit, range(domain.num_qubits))

    def whole(circuit: QuantumCircuit, angles: Sequence[Any]) -> None:
        kinetic(domain, angles[0], circuit)

    def axes(circuit: QuantumCircuit, angles: Sequence[Any]) -> None:
        _append_axes(circuit, problem, angles)

    return [(1, potential), (domain.ndim, axes) if separate else (1, whole)]


def _pauli_factors(terms: PauliSum, separate: bool) -> list[Factor]:
    def factor(group: list[int]) -> Factor:
        return (len(group) if separate else 1, lambda circuit, angles: _append_group(circuit, terms, group, angles))

    return [factor(group) for group in commuting_groups(terms)]


def _shift_factor(problem: Problem) -> Factor | None:
    domain = problem.domain
    if not isinstance(domain, Grid):

        def turn(circuit: QuantumCircuit, angles: Sequence[Any]) -> None:
            for q, angle in enumerate(angles):
                circuit.ry(angle, q)

        return domain.num_qubits, turn
    if domain.boundary == "walls":
        return None

    def translate(circuit: QuantumCircuit, angles: Sequence[Any]) -> None:
        to_dual(domain, circuit)
        for axis, (qubits, angle) in enumerate(zip(registers(domain), angles)):
            weights = 2.0 ** np.arange(len(qubits))[::-1]  # the transform's output is bit-reversed
            weights[0] *= -1  # two's complement
            for q, w in zip(qubits, weights.tolist()):
                circuit.p(-2 * np.pi / domain.lengths[axis] * w * angle, q)
        to_dual(domain, circuit, inverse=True)

    return domain.ndim, translate


def _append_axes(circuit: QuantumCircuit, problem: Problem, angles: Sequence[Any]) -> None:
    domain = problem.domain
    if not hasattr(domain, "bounds"):
        for qubits, angle in zip(registers(domain), angles):
            circuit.rx(-2 * angle, qubits[0])
            circuit.global_phase += -1 * angle
        return
    to_dual(domain, circuit)
    for axis, (qubits, angle) in enumerate(zip(registers(domain), angles)):
        dual_phases(domain, axis, angle, circuit, qubits)
    to_dual(domain, circuit, inverse=True)


def _append_group(circuit: QuantumCircuit, terms: PauliSum, group: Sequence[int], angles: Sequence[Any]) -> None:
    labels, values = [terms.labels[j] for j in group], terms.coefficients[list(group)]
    n = terms.num_qubits
    if len(angles) == 1:
        circuit.append(PauliEvolutionGate(SparsePauliOp(labels, values), time=angles[0]), range(n))
        return
    for label, value, angle in zip(labels, values, angles):
        circuit.append(PauliEvolutionGate(SparsePauliOp([label], [value]), time=angle), range(n))
