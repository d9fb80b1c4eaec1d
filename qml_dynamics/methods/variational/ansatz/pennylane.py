"""PennyLane QNodes to Qiskit circuits, by their tape.

The tape is traced at several points: gate angles that are affine functions of the arguments become parameter expressions. Operations
are known by their class, or by their matrix; their names mean nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pennylane as qml
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import PauliEvolutionGate, UnitaryGate
from qiskit.quantum_info import SparsePauliOp

from ....base.errors import MethodError, describe, line, require
from ....model.operator_inputs import labels_of
from .affine_tapes import affine_angles

if TYPE_CHECKING:
    from pennylane.measurements import MeasurementProcess
    from pennylane.operation import Operator
    from pennylane.tape import QuantumScript
    from pennylane.wires import Wires
    from qiskit.circuit import ParameterExpression

_DEPTH = 30
_GATES: dict[type, str] = {
    qml.RX: "rx",
    qml.RY: "ry",
    qml.RZ: "rz",
    qml.PhaseShift: "p",
    qml.U1: "p",
    qml.IsingXX: "rxx",
    qml.IsingYY: "ryy",
    qml.IsingZZ: "rzz",
    qml.CRX: "crx",
    qml.CRY: "cry",
    qml.CRZ: "crz",
    qml.ControlledPhaseShift: "cp",
}
_STATES = (qml.BasisState, qml.StatePrep, qml.AmplitudeEmbedding, qml.BasisEmbedding)
_WIDE = 4  # an operation without angles on more wires comes as its gates, where it has some, not as a matrix
_NOT_UNITARY = (qml.ops.MidMeasure, qml.ops.Conditional, qml.operation.Channel)
_MATRICES = (qml.QubitUnitary, qml.DiagonalQubitUnitary, qml.BlockEncode, qml.SpecialUnitary)
_FORMULAS = (qml.ApproxTimeEvolution, qml.CommutingEvolution, qml.TrotterProduct, qml.QDrift)


@dataclass(frozen=True, eq=False)
class ReadNode:
    """A QNode as it was read.

    Attributes:
        circuit: its gates.
        theta0: the flattened arguments.
        wires: their labels, the first that of the highest qubit.
        measurements: what it returns.
        shots: that it asks for, or None.
    """

    circuit: QuantumCircuit
    theta0: np.ndarray
    wires: tuple[Any, ...]
    measurements: tuple[Any, ...]
    shots: int | None


def read_qnode(
    qnode: Callable[..., object], arguments: Sequence[npt.ArrayLike], options: Mapping[str, object]
) -> ReadNode:
    """A QNode with its transforms applied, traced at the arguments."""
    require(callable(qnode), "qnode", "be a QNode or a quantum function", qnode, MethodError)
    _plain_device(qnode)
    _check_signature(qnode, arguments, options)
    shapes = [np.shape(a) for a in arguments]
    theta0 = np.concatenate([np.ravel(np.asarray(a, dtype=float)) for a in arguments]) if arguments else np.zeros(0)
    require(bool(np.isfinite(theta0).all()), "arguments", "be finite", describe(theta0), MethodError)

    def whole(theta: np.ndarray) -> Any:
        """The tape of the QNode at these parameters, flat, with its transforms applied."""
        pieces, start = [], 0
        for shape in shapes:
            size = int(np.prod(shape))
            block = theta[start : start + size].reshape(shape)
            pieces.append(block if shape else float(block))
            start += size
        if isinstance(qnode, qml.QNode):
            return _one_tape(qnode, pieces, options)
        return qml.tape.make_qscript(qnode)(*pieces, **options)

    def trace(theta: np.ndarray) -> list[Any]:
        """The operations of the tape at these parameters, with those that hold others opened."""
        return [part for op in whole(theta).operations for part in _opened(op, 0)]

    constant, slopes = affine_angles(trace, theta0)
    tape = whole(theta0)
    wires = _wires(tape, getattr(getattr(qnode, "device", None), "wires", None))
    circuit = _build(trace(theta0), constant, slopes, len(theta0), wires)
    return ReadNode(circuit, theta0, wires, tuple(tape.measurements), tape.shots.total_shots)


def _check_signature(qnode: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Refuse arguments that the quantum function does not take."""
    try:
        signature = inspect.signature(qnode.func if isinstance(qnode, qml.QNode) else qnode)
    except (TypeError, ValueError):  # one that tells nothing of its arguments
        return
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        text = f"Argument `arguments` must be those of the quantum function, but of them: {error}."
        raise MethodError(text) from None


def _opened(op: Operator, depth: int) -> Iterator[Operator]:
    """An operation, or the gates of a template: of what holds arrays of angles, is a product formula of a sum, or is wide and fixed."""
    if depth > _DEPTH or not _is_template(op):
        yield op
        return
    try:
        parts = list(op.decomposition())
    except Exception as reason:  # PennyLane's own, of templates that lack wires to work on, or numbers that fit
        raise MethodError(
            f"Argument `qnode` must have templates that PennyLane can open, but has a {op.name} on wires {list(op.wires)}: "
            f"{line(str(reason), 160)}"
        ) from None
    for part in parts:
        yield from _opened(part, depth + 1)


def _is_template(op: Operator) -> bool:
    root: Any = op
    while isinstance(root, qml.ops.op_math.SymbolicOp) and not isinstance(root, _FORMULAS):
        root = root.base
    if isinstance(root, _FORMULAS) and root.hyperparameters.get("seed", 0) is None:
        raise MethodError(
            f"Argument `qnode` must be the same circuit each time, but has {op.name} without a seed: give QDrift a seed."
        )
    known = type(op) in _GATES or isinstance(root, (*_STATES, *_MATRICES, *_NOT_UNITARY))
    if known or not getattr(op, "has_decomposition", False):
        return False
    wide = not op.data and len(op.wires) > _WIDE and not isinstance(root, qml.ops.Controlled)
    return isinstance(root, _FORMULAS) or any(np.ndim(value) for value in op.data) or wide


def _one_tape(qnode: Callable[..., object], pieces: list[float | np.ndarray], options: Mapping[str, object]) -> Any:
    """The circuit of a QNode after its transforms; refused where they make several, whose answers they would put together."""
    tapes, _ = qml.workflow.construct_batch(qnode, level="user")(*pieces, **options)
    if len(tapes) != 1:
        raise MethodError(f"Argument `qnode` must be one circuit, but its transforms make {len(tapes)} of it.")
    return tapes[0]


def _plain_device(qnode: Callable[..., object]) -> None:
    """Raise :class:`MethodError` for a QNode whose device changes its circuits: here they would run as they are."""
    known = vars(qnode.device) if isinstance(qnode, qml.QNode) and qnode.device is not None else {}
    if "_original_device" in known:
        what = str(known.get("transform", "a transform"))
        raise MethodError(
            f"Argument `qnode` must have a device without transforms of its own, but its device has {what}."
        )
    if known.get("readout_err"):
        raise MethodError(
            f"Argument `qnode` must have a device without noise, but its device has a readout error of {known['readout_err']}."
        )


def returned(measurements: Sequence[MeasurementProcess], wires: Sequence[int | str]) -> Any:
    """What a QNode returns as an ``observable`` of `train`: its operators, or ``"probabilities"``.

    Raises:
        MethodError: it returns anything else (a state, samples, probabilities of some wires), so that nothing says what is read.
    """
    if measurements and all(isinstance(m, qml.measurements.ExpectationMP) for m in measurements):
        return [m.obs for m in measurements]
    if len(measurements) == 1 and isinstance(measurements[0], qml.measurements.ProbabilityMP):
        one = measurements[0]
        whole = one.obs is None and (not len(one.wires) or list(one.wires) == list(wires))
        if whole:
            return "probabilities"
    names = [type(m).__name__.removesuffix("MP") for m in measurements] or ["nothing"]
    raise MethodError(
        "Argument `observable` must be given for a QNode that returns neither expectation values nor the probabilities of all its "
        f"wires {list(wires)} in their order, but is None, and the QNode returns {', '.join(names)}."
    )


def _wires(tape: QuantumScript, device: Wires | None) -> tuple[Any, ...]:
    """The labels of all wires in the order of ``qml.state()``: those of the device, else those that PennyLane itself puts first."""
    if device:
        known = tuple(device)
    else:
        standard = tape.map_to_standard_wires()
        place = {
            label: where
            for mine, theirs in (
                *zip(tape.operations, standard.operations),
                *zip(tape.measurements, standard.measurements),
            )
            for label, where in zip(mine.wires, theirs.wires)
        }
        known = tuple(sorted(place, key=place.__getitem__))
    require(len(known) > 0, "qnode", "act on at least one wire", "empty", MethodError)
    unknown = [w for w in tape.wires if w not in known]
    if unknown:
        raise MethodError(
            f"Argument `qnode` must act on the wires of its device, {list(known)}, but acts on {unknown[0]!r}."
        )
    return labels_of(known, "qnode", MethodError)


def _build(
    operations: Sequence[Operator], constant: np.ndarray, slopes: np.ndarray, count: int, wires: Sequence[int | str]
) -> QuantumCircuit:
    qubit = {w: len(wires) - 1 - i for i, w in enumerate(wires)}
    theta = ParameterVector("theta", count)
    circuit = QuantumCircuit(len(wires))
    for op, angles in _with_angles(operations, constant, slopes, list(theta)):
        _append(_Into(circuit, qubit), op, angles, 0)
    missing = count - len(circuit.parameters)
    require(missing == 0, "arguments", "all act on the circuit", f"{missing} without effect", MethodError)
    return circuit


class _Into(NamedTuple):
    """The circuit that is built, and the qubit of each wire."""

    circuit: QuantumCircuit
    qubit: dict[int | str, int]


def _with_angles(
    operations: Sequence[Operator], constant: np.ndarray, slopes: np.ndarray, theta: Sequence[Any]
) -> Iterator[tuple[Operator, list[Any]]]:
    """Each operation with its scalar data as affine functions ``constant + slopes theta`` of others; those that stand still as numbers."""
    slot = 0
    for op in operations:
        angles: list[Any] = []
        for value in op.data:
            if np.ndim(value) == 0:
                moving = [float(s) * angle for s, angle in zip(slopes[slot], theta) if s]
                angles.append(sum(moving, float(constant[slot])) if moving else float(np.real(value)))
                slot += 1
        yield op, angles


def _unitary(op: Operator) -> UnitaryGate:
    """An operation without free angles, by its matrix."""
    try:
        matrix = np.asarray(qml.matrix(op, wire_order=op.wires))
    except Exception as reason:  # PennyLane's own, of operations that it knows neither as a matrix nor as gates
        raise MethodError(
            f"Argument `qnode` must have operations with a matrix or gates, but has a {op.name} on wires {list(op.wires)}: "
            f"{line(str(reason), 160)}"
        ) from None
    if not np.allclose(matrix @ matrix.conj().T, np.eye(len(matrix)), atol=1e-8):
        raise MethodError(f"Argument `qnode` must be unitary, but has a {op.name} on wires {list(op.wires)}.")
    return UnitaryGate(matrix)


def _append(into: _Into, op: Operator, angles: list[float | ParameterExpression], depth: int) -> None:
    """One operation; ``angles`` are its scalar data, possibly parameter expressions."""
    circuit, qubit = into
    where = [qubit[w] for w in op.wires]
    free = any(not isinstance(a, float) for a in angles)
    if isinstance(op, (qml.Barrier, qml.Snapshot, qml.Identity)):
        return
    if isinstance(op, _NOT_UNITARY) or not hasattr(op, "decomposition"):
        raise MethodError(f"Argument `qnode` must be unitary, but has a {op.name} on wires {list(op.wires)}.")
    if type(op) is qml.GlobalPhase:
        circuit.global_phase += -1 * angles[0]
    elif not free and not isinstance(op, _STATES):
        circuit.append(_unitary(op), where[::-1])
    elif type(op) in _GATES:
        getattr(circuit, _GATES[type(op)])(angles[0], *where)
    elif isinstance(op, qml.ops.Controlled) and type(op.base) in _GATES:
        _controlled(circuit, op, angles[0], qubit)
    elif type(op) is qml.Rot:
        circuit.rz(angles[0], where[0])
        circuit.ry(angles[1], where[0])
        circuit.rz(angles[2], where[0])
    elif type(op) is qml.U3:
        circuit.u(*angles, where[0])
    elif type(op) is qml.U2:
        circuit.u(np.pi / 2, *angles, where[0])
    elif type(op) in (qml.MultiRZ, qml.PauliRot):
        word = "Z" * len(where) if type(op) is qml.MultiRZ else op.hyperparameters["pauli_word"]
        gate = PauliEvolutionGate(SparsePauliOp([word[::-1]], [0.5]), time=angles[0])
        circuit.append(gate, where)
    elif isinstance(op, (qml.BasisState, qml.BasisEmbedding)):
        for q, bit in zip(where, np.ravel(op.data[0]).tolist()):  # X gates, as PennyLane has it on wires in any state
            if bit:
                circuit.x(q)
    elif not free:
        _prepare(circuit, op, where)
    elif isinstance(op, qml.ops.Evolution) and (words := _commuting(op.base, op.wires)) is not None:
        circuit.append(PauliEvolutionGate(words, time=angles[0]), where)
    else:
        _decompose(into, op, angles, depth)


def _controlled(
    circuit: QuantumCircuit, op: Operator, angle: float | ParameterExpression, qubit: dict[int | str, int]
) -> None:
    inner = QuantumCircuit(len(op.base.wires))
    getattr(inner, _GATES[type(op.base)])(angle, *range(inner.num_qubits))
    state = sum(1 << i for i, on in enumerate(op.control_values) if on)
    gate = inner.data[0].operation.control(len(op.control_wires), ctrl_state=state, annotated=False)
    circuit.append(gate, [qubit[w] for w in (*op.control_wires, *op.base.wires)])


def _prepare(circuit: QuantumCircuit, op: Operator, where: list[int]) -> None:
    """A state on wires that nothing has touched, as a unitary whose first column it is.

    Elsewhere PennyLane applies a circuit that makes this state of ``|0...0>``, whose other columns are its own affair.
    """
    if {circuit.find_bit(q).index for item in circuit.data for q in item.qubits} & set(where):
        raise MethodError(
            f"Argument `qnode` must prepare states before its gates, but has a {op.name} on wires {list(op.wires)} in its middle."
        )
    state = np.asarray(op.state_vector(wire_order=op.wires)).reshape(-1)
    basis = np.linalg.qr(np.column_stack([state, np.eye(len(state))]))[0]
    basis[:, 0] = state
    circuit.append(UnitaryGate(basis), where[::-1])


def _commuting(generator: Operator, wires: Sequence[int | str]) -> SparsePauliOp | None:
    """A generator as a sum of Pauli words over these wires, where they commute with each other; else None."""
    sentence = generator.pauli_rep
    if not sentence:
        return None
    words = list(sentence)
    if not all(a.commutes_with(b) for i, a in enumerate(words) for b in words[:i]):
        return None
    labels = ["".join(word.get(wire, "I") for wire in reversed(wires)) for word in words]
    return SparsePauliOp(labels, [complex(sentence[word]) for word in words])


def _decompose(into: _Into, op: Operator, angles: list[float | ParameterExpression], depth: int) -> None:
    """By PennyLane's own decomposition, whose angles are again affine functions of this operation's."""
    if depth > _DEPTH or not op.has_decomposition or any(np.ndim(d) for d in op.data):
        raise MethodError(
            f"Argument `qnode` must have operations that can be differentiated, but has {op.name} on wires {list(op.wires)}."
        )

    def trace(values: np.ndarray) -> list[Any]:
        """PennyLane's decomposition of the operation at these angles."""
        try:
            bound = qml.ops.functions.bind_new_parameters(op, list(values))
        except Exception:  # PennyLane's own, of operations inside of others whose angles it does not find
            raise MethodError(
                f"Argument `qnode` must have operations that take other angles, but has {op.name} on wires {list(op.wires)}, which "
                "PennyLane cannot bind to any: write its gates, or the formula with the opposite time."
            ) from None
        return list(bound.decomposition())

    values = np.array([float(np.real(d)) for d in op.data])
    constant, slopes = affine_angles(trace, values)
    for part, inner in _with_angles(trace(values), constant, slopes, angles):
        _append(into, part, inner, depth + 1)
