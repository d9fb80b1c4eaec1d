"""PennyLane QNodes to Qiskit circuits, by their tape.

The tape is traced at several points: gate angles that are affine functions of the arguments become parameter expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import PauliEvolutionGate, UnitaryGate
from qiskit.quantum_info import SparsePauliOp

from ..errors import MethodError, describe, require

_EXACT = 1e-9
_DEPTH = 30
_NAMES = {
    "RX": "rx",
    "RY": "ry",
    "RZ": "rz",
    "PhaseShift": "p",
    "U1": "p",
    "IsingXX": "rxx",
    "IsingYY": "ryy",
    "IsingZZ": "rzz",
    "CRX": "crx",
    "CRY": "cry",
    "CRZ": "crz",
    "ControlledPhaseShift": "cp",
    "CPhase": "cp",
}


def circuit_from_qnode(
    qnode: Any, arguments: Sequence[Any], options: dict[str, Any]
) -> tuple[QuantumCircuit, np.ndarray]:
    """The circuit of a QNode and the flattened arguments."""
    function = getattr(qnode, "func", qnode)
    require(callable(function), "qnode", "be a QNode or a quantum function", qnode, MethodError)
    shapes = [np.shape(a) for a in arguments]
    theta0 = np.concatenate([np.ravel(np.asarray(a, dtype=float)) for a in arguments]) if arguments else np.zeros(0)
    require(bool(np.isfinite(theta0).all()), "arguments", "be finite", describe(theta0), MethodError)

    def trace(theta: np.ndarray) -> list[Any]:
        pieces, start = [], 0
        for shape in shapes:
            size = int(np.prod(shape))
            block = theta[start : start + size].reshape(shape)
            pieces.append(block if shape else float(block))
            start += size
        with qml.queuing.AnnotatedQueue() as queue:
            function(*pieces, **options)
        return list(qml.tape.QuantumScript.from_queue(queue).operations)

    constant, slopes = _affine(trace, theta0)
    return _build(trace(theta0), constant, slopes, len(theta0)), theta0


def _numbers(operations: Sequence[Any]) -> np.ndarray:
    """All scalar gate angles of a tape; matrices and states are no angles."""
    scalars = [float(np.real(d)) for op in operations for d in op.data if np.ndim(d) == 0]
    return np.array(scalars)


def _still(before: Sequence[Any], now: Sequence[Any]) -> None:
    """Refuse operations that depend on the arguments otherwise than by real angles: their matrices would be frozen."""
    for a, b in zip(before, now):
        same = a.name == b.name and len(a.data) == len(b.data)
        for x, y in zip(a.data, b.data) if same else ():
            same = same and bool(np.allclose(np.imag(x), np.imag(y)) and (np.ndim(x) == 0 or np.allclose(x, y)))
        if not same:
            raise MethodError(
                f"Argument `qnode` must have real angles as its only parameters, but has {a.name} on wires {list(a.wires)}."
            )


def _affine(trace: Callable[[np.ndarray], list[Any]], theta0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``phi = constant + slopes theta`` from unit steps, checked at one more point far away."""
    tape = trace(theta0)
    base = _numbers(tape)
    slopes = np.zeros((len(base), len(theta0)))
    for k in range(len(theta0)):
        other = trace(theta0 + np.eye(len(theta0))[k])
        moved = _numbers(other)
        same = len(moved) == len(base) and len(tape) == len(other)
        require(same, "qnode", "have the same gates for all arguments", "a circuit that changes", MethodError)
        _still(tape, other)
        slopes[:, k] = moved - base
    constant = base - slopes @ theta0
    far = theta0 + np.random.default_rng(5).uniform(-2, 2, len(theta0))
    miss = np.abs(_numbers(trace(far)) - constant - slopes @ far)
    worst = int(miss.argmax()) if len(miss) else 0
    affine = not len(miss) or miss[worst] < _EXACT * (1 + np.abs(far).sum())
    require(
        bool(affine),
        "qnode",
        "have angles that are affine functions of its arguments",
        f"curved in angle {worst}",
        MethodError,
    )
    slopes[np.abs(slopes) < _EXACT] = 0.0
    return constant, slopes


def _build(operations: Sequence[Any], constant: np.ndarray, slopes: np.ndarray, count: int) -> QuantumCircuit:
    wires = sorted({w for op in operations for w in op.wires}, key=lambda w: (isinstance(w, str), w))
    require(len(wires) > 0, "qnode", "act on at least one wire", "empty", MethodError)
    qubit = {w: len(wires) - 1 - i for i, w in enumerate(wires)}
    theta = ParameterVector("theta", count)
    circuit = QuantumCircuit(len(wires))
    slot = 0
    for op in operations:
        angles: list[Any] = []
        for value in op.data:
            if np.ndim(value) == 0:
                moving = [float(s) * theta[k] for k, s in enumerate(slopes[slot]) if s]
                angles.append(sum(moving, float(constant[slot])) if moving else float(np.real(value)))
                slot += 1
        _append(circuit, op, angles, qubit, 0)
    missing = count - len(circuit.parameters)
    require(missing == 0, "arguments", "all act on the circuit", f"{missing} without effect", MethodError)
    return circuit


def _append(circuit: QuantumCircuit, op: Any, angles: list[Any], qubit: dict[Any, int], depth: int) -> None:
    """One operation; ``angles`` are its scalar data, possibly parameter expressions."""
    where = [qubit[w] for w in op.wires]
    free = any(not isinstance(a, float) for a in angles)
    if op.name in ("Barrier", "Snapshot", "Identity"):
        return
    if op.name in ("MidMeasureMP", "Conditional") or not hasattr(op, "decomposition"):
        raise MethodError(f"Argument `qnode` must be unitary, but has a {op.name} on wires {list(op.wires)}.")
    if op.name == "GlobalPhase":
        circuit.global_phase += -1 * angles[0]
    elif not free and op.name not in ("BasisState", "StatePrep", "AmplitudeEmbedding", "BasisEmbedding"):
        circuit.append(UnitaryGate(qml.matrix(op, wire_order=op.wires)), where[::-1])
    elif op.name in _NAMES:
        getattr(circuit, _NAMES[op.name])(angles[0], *where)
    elif isinstance(op, qml.ops.Controlled) and op.base.name in _NAMES:
        _controlled(circuit, op, angles[0], qubit)
    elif op.name == "Rot":
        circuit.rz(angles[0], where[0])
        circuit.ry(angles[1], where[0])
        circuit.rz(angles[2], where[0])
    elif op.name == "U3":
        circuit.u(*angles, where[0])
    elif op.name == "U2":
        circuit.u(np.pi / 2, *angles, where[0])
    elif op.name in ("MultiRZ", "PauliRot"):
        word = "Z" * len(where) if op.name == "MultiRZ" else op.hyperparameters["pauli_word"]
        gate = PauliEvolutionGate(SparsePauliOp([word[::-1]], [0.5]), time=angles[0])
        circuit.append(gate, where)
    elif not free:
        _prepare(circuit, op, where)
    else:
        _decompose(circuit, op, angles, qubit, depth)


def _controlled(circuit: QuantumCircuit, op: Any, angle: Any, qubit: dict[Any, int]) -> None:
    inner = QuantumCircuit(len(op.base.wires))
    getattr(inner, _NAMES[op.base.name])(angle, *range(inner.num_qubits))
    state = sum(1 << i for i, on in enumerate(op.control_values) if on)
    gate = inner.data[0].operation.control(len(op.control_wires), ctrl_state=state, annotated=False)
    circuit.append(gate, [qubit[w] for w in (*op.control_wires, *op.base.wires)])


def _prepare(circuit: QuantumCircuit, op: Any, where: list[int]) -> None:
    """A state on wires that nothing has touched, as a unitary whose first column it is."""
    state = np.asarray(op.state_vector(wire_order=op.wires)).reshape(-1)
    basis = np.linalg.qr(np.column_stack([state, np.eye(len(state))]))[0]
    basis[:, 0] = state
    circuit.append(UnitaryGate(basis), where[::-1])


def _decompose(circuit: QuantumCircuit, op: Any, angles: list[Any], qubit: dict[Any, int], depth: int) -> None:
    """By PennyLane's own decomposition, whose angles are again affine functions of this operation's."""
    if depth > _DEPTH or not op.has_decomposition or any(np.ndim(d) for d in op.data):
        raise MethodError(
            f"Argument `qnode` must have operations that can be differentiated, but has {op.name} on wires {list(op.wires)}."
        )

    def trace(values: np.ndarray) -> list[Any]:
        return list(qml.ops.functions.bind_new_parameters(op, list(values)).decomposition())

    values = np.array([float(np.real(d)) for d in op.data])
    constant, slopes = _affine(trace, values)
    slot = 0
    for part in trace(values):
        inner: list[Any] = []
        for value in part.data:
            if np.ndim(value) == 0:
                moving = [float(s) * a for s, a in zip(slopes[slot], angles) if s]
                total = sum(moving, float(constant[slot])) if moving else float(np.real(value))
                inner.append(total)
                slot += 1
        _append(circuit, part, inner, qubit, depth + 1)
