"""Gates that are not of Qiskit's library, replaced by their definitions.

A gate of one's own may bear any name, that of a standard gate included, and both Qiskit's compiler and simulators go by names. So a
circuit from outside passes through :func:`opened` before anything reads it: what remains are classes of Qiskit's library under
their own names, and everything after may trust these.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlFlowOp,
    ControlledGate,
    ControlModifier,
    Gate,
    Instruction,
    InverseModifier,
    ParameterExpression,
)
from qiskit.circuit.library import PermutationGate, UnitaryGate, get_standard_gate_name_mapping
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator, Statevector
from qiskit.synthesis import synth_permutation_basic

from ..base.errors import MethodError, QMLDynamicsError

if TYPE_CHECKING:
    from qiskit.circuit import Operation

_LIBRARY = ("qiskit.circuit.", "qiskit.quantum_info.", "qiskit_aer.")
_GENERIC = (Gate, Instruction, ControlledGate)  # hold any definition
_DEPTH = 50
_DENSE = 6  # qubits up to which two gates are compared as matrices, above by what they do to one state
_COMPARED = 14
_SAME = 1e-7  # of matrices made of at most some hundred gates; gates that differ do so by far more


def opened(
    circuit: QuantumCircuit, labels: Collection[str] | None = None, error: type[QMLDynamicsError] = MethodError
) -> QuantumCircuit:
    """The circuit with every gate that is not of Qiskit's library replaced by its definition, else by its matrix.

    Qiskit's own gates stay: standard gates are known by their class, and their names are set right. A controlled gate is its base
    gate under its controls, an annotated operation its base operation under its modifiers. The circuit itself is returned where
    nothing has to be replaced.

    Args:
        circuit: any circuit; blocks of control flow are read too.
        labels: labels that standard gates may keep; None: all. Aer looks up the noise of a gate by its label.
        error: what is raised.

    Raises:
        QMLDynamicsError: a gate has neither definition nor matrix, or two that differ (a subclass of a standard gate with another
            definition; a controlled gate that was made by the name of its base); or a parameter is in no definition.

    >>> from qiskit.circuit import Parameter
    >>> inner = QuantumCircuit(2, name="rxx")
    >>> _ = inner.h(0), inner.crz(2 * Parameter("a"), 0, 1)
    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.append(inner.to_gate(), [1, 0])
    >>> [item.operation.name for item in opened(circuit).data]
    ['h', 'crz']
    """
    return _Opener(labels, error).circuit(circuit, 0)


def without_end(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit without its measurements at the end, whatever delays and barriers follow them; delays, which do nothing, go.

    >>> circuit = QuantumCircuit(1, 1)
    >>> _ = circuit.h(0), circuit.measure(0, 0), circuit.delay(100, 0)
    >>> [item.operation.name for item in without_end(circuit).data]
    ['h']
    """
    counted = circuit.count_ops()
    if "delay" in counted:
        moving = circuit.copy_empty_like()
        for item in circuit.data:
            if item.operation.name != "delay":
                moving.append(item)
        circuit = moving
    return circuit.remove_final_measurements(inplace=False) if "measure" in counted else circuit


def definition_of(operation: Operation) -> QuantumCircuit | None:
    """The definition of an operation in gates, also of Qiskit's own that have none: None where there is no way to one.

    Of an annotated operation it is its base under its modifiers, of a permutation its swaps, of a Clifford its circuit.

    >>> definition_of(PermutationGate([1, 2, 0])).count_ops()["swap"]
    2
    """
    if isinstance(operation, AnnotatedOperation):
        return _Opener(None, MethodError).modified(operation)
    if isinstance(operation, PermutationGate):
        return synth_permutation_basic(operation.pattern)
    if hasattr(operation, "definition"):
        return operation.definition
    return operation.to_circuit() if hasattr(operation, "to_circuit") else None


@cache
def _standard() -> dict[type, str]:
    """The classes of the standard gates, and what Qiskit calls them."""
    return {op.base_class: name for name, op in get_standard_gate_name_mapping().items()}


@cache
def _names() -> frozenset[str]:
    return frozenset(_standard().values()) | {"barrier", "initialize", "unitary"}


_CLASSES: dict[type, tuple[type, str | None]] = {}


def _class_of(op: Operation) -> tuple[type, str | None]:
    """The class of an operation (Qiskit keeps gates without parameters as objects of hidden types), and its standard name."""
    kind = type(op)
    if kind not in _CLASSES:
        known = getattr(op, "base_class", kind)
        _CLASSES[kind] = known, _standard().get(known)
    return _CLASSES[kind]


def _bare(op: Operation) -> str:
    """The name without what Qiskit adds for controls that fire on 0."""
    return str(op.name).removesuffix(f"_o{getattr(op, 'ctrl_state', '')}")


class _Opener:
    """Walks a circuit and the definitions of its gates."""

    def __init__(self, labels: Collection[str] | None, error: type[QMLDynamicsError]) -> None:
        self.labels, self.error = labels, error

    def circuit(self, circuit: QuantumCircuit, depth: int) -> QuantumCircuit:
        """The circuit with its foreign gates opened; itself where it has none."""
        if depth > _DEPTH:
            raise self.error(
                f"Argument `circuit` must have definitions of at most {_DEPTH} levels, but has deeper ones."
            )
        found = {}
        for k, item in enumerate(circuit.data):
            op = item.operation
            _, name = _CLASSES.get(type(op), (None, None))
            if name is not None and op.name == name and (self.labels is None or op.label is None):
                continue  # nearly all gates of nearly all circuits
            if (made := self._made(op, depth)) is not None:
                found[k] = made
        if not found:
            return circuit
        out = circuit.copy_empty_like()
        for k, item in enumerate(circuit.data):
            made = found.get(k)
            if made is None:
                out.append(item)
            elif isinstance(made, QuantumCircuit):
                out.compose(made, item.qubits, item.clbits, inplace=True)
            else:
                out.append(made, item.qubits, item.clbits)
        lost = sorted({p.name for p in circuit.parameters} - {p.name for p in out.parameters})
        if lost:
            raise self.error(
                f"Argument `circuit` must depend on its parameters, but {', '.join(lost)} is in no definition."
            )
        return out

    def _made(self, op: Operation, depth: int) -> Any:
        """What stands for an operation: another one, a circuit, or None for itself."""
        known, name = _class_of(op)
        if name is not None:
            return self._standard_gate(op, name)
        if isinstance(op, ControlFlowOp):
            blocks = [self.circuit(block, depth + 1) for block in op.blocks]
            return None if all(a is b for a, b in zip(blocks, op.blocks)) else op.replace_blocks(blocks)
        if isinstance(op, AnnotatedOperation):
            base = self._made(op.base_op, depth)
            return None if base is None else self.circuit(self._annotated(op, base), depth + 1)
        inherited = next((k for k in known.__mro__ if k in _standard()), None)
        if inherited is not None:
            return self._subclass(op, inherited, depth)
        if isinstance(op, ControlledGate):
            return self._controlled(op, known, depth)
        if known.__module__.startswith(_LIBRARY) and known not in _GENERIC and _library_name(op, known):
            return None
        return self._by_definition(op, depth)

    def _standard_gate(self, op: Operation, name: str) -> Any:
        """None, or the gate under its own name and without a label that means nothing."""
        named = op.name == name or _bare(op) == name
        label = getattr(op, "label", None)
        if named and (label is None or self.labels is None or label in self.labels):
            return None
        out = op.to_mutable().copy(name=name)
        if self.labels is not None and label is not None and label not in self.labels:
            out.label = None
        return out

    def _subclass(self, op: Operation, inherited: type, depth: int) -> Any:
        """A subclass of a standard gate: Qiskit reads it as that gate, so its definition must agree."""
        state = {"ctrl_state": op.ctrl_state} if isinstance(op, ControlledGate) else {}
        try:
            meant = inherited(*op.params, **state)
            fits = meant.num_qubits == op.num_qubits
        except (TypeError, QiskitError):
            fits = False
        same = fits and (op.definition is None or _same(self._definition(op, depth), _alone(meant)))
        if same and not _free(op) and hasattr(op, "to_matrix"):
            same = _parallel(op.to_matrix(), meant.to_matrix())
        if not same:
            raise self.error(
                f"Argument `circuit` must have gates of one meaning, but {op.name!r} of the class {_class_of(op)[0].__name__} is "
                f"defined otherwise than the {inherited.__name__} that it inherits from: derive it from Gate."
            )
        return meant

    def _controlled(self, op: Operation, known: type, depth: int) -> Any:
        """A controlled gate that is none of the standard ones."""
        base, name = self._made(op.base_gate, depth), _bare(op)
        library = known.__module__.startswith(_LIBRARY)
        if base is None and library and name not in _names() and name.endswith(op.base_gate.name):
            return None
        if base is None and library and known not in _GENERIC and name not in _names():
            return None
        inner = _alone(op.base_gate) if base is None else base if isinstance(base, QuantumCircuit) else _alone(base)
        meant = self._under_controls(inner, op.num_ctrl_qubits, op.ctrl_state)
        own = meant if op.definition is None else self._definition(op, depth)
        if not _same(own, self.circuit(meant, depth + 1)):
            raise self.error(
                f"Argument `circuit` must have controlled gates that do what their base does, but {op.name!r} was made by the name of "
                "its base, which is another gate: use control(annotated=True), or give the base a name of its own."
            )
        return own

    def _under_controls(self, inner: QuantumCircuit, count: int, state: int | str | None) -> QuantumCircuit:
        out = QuantumCircuit(count + inner.num_qubits)
        try:
            gate = inner.copy(name="controlled_base").to_gate()
            out.append(gate.control(count, ctrl_state=state, annotated=False), range(out.num_qubits))
        except QiskitError as fault:
            reason = " ".join(str(fault).split())[:120]
            raise self.error(
                f"Argument `circuit` must have controlled gates whose base has a definition in gates, but: {reason}"
            ) from None
        return out.decompose(reps=1)

    def modified(self, op: AnnotatedOperation) -> QuantumCircuit:
        """An annotated operation as gates: its base, a standard gate or what that is defined by, under its modifiers."""
        standard = _class_of(op.base_op)[1] is not None
        return self._annotated(op, (None if standard else definition_of(op.base_op)) or op.base_op)

    def _annotated(self, op: AnnotatedOperation, base: QuantumCircuit | Operation) -> QuantumCircuit:
        out = base if isinstance(base, QuantumCircuit) else _alone(base)
        for modifier in op.modifiers:
            if isinstance(modifier, ControlModifier):
                out = self._under_controls(out, modifier.num_ctrl_qubits, modifier.ctrl_state)
            elif isinstance(modifier, InverseModifier):
                out = out.inverse()
            elif float(modifier.power).is_integer():
                out = out.power(int(modifier.power))
            elif out.parameters:
                raise self.error(
                    f"Argument `circuit` must have whole powers of gates with parameters, but has {modifier.power}."
                )
            else:
                out = _alone(UnitaryGate(Operator(out).power(modifier.power)))
        return out

    def _definition(self, op: Operation, depth: int) -> QuantumCircuit:
        definition = op.definition
        if definition.num_qubits != op.num_qubits:
            raise self.error(
                f"Argument `circuit` must have definitions as wide as their gates, but that of {op.name!r} has "
                f"{definition.num_qubits} qubits instead of {op.num_qubits}."
            )
        return self.circuit(definition, depth + 1)

    def _by_definition(self, op: Operation, depth: int) -> Any:
        matrix = _matrix(op)
        if getattr(op, "definition", None) is not None:
            own = self._definition(op, depth)
            if matrix is not None and op.num_qubits <= _DENSE and not _parallel(Operator(own).data, matrix):
                raise self.error(
                    f"Argument `circuit` must have gates of one meaning, but the matrix of {op.name!r} is not its definition."
                )
            return own
        if matrix is not None:
            return UnitaryGate(matrix)
        if not isinstance(op, Gate) and op.name not in _names():
            return None  # a channel, or an instruction of a simulator: no gate bears its name
        raise self.error(
            f"Argument `circuit` must have gates with a definition or a matrix, but {op.name!r} of the class {type(op).__name__} "
            f"has neither{' at free parameters' if _free(op) else ''}."
        )


def _library_name(op: Operation, known: type) -> bool:
    """Whether a gate of the library that is no standard gate bears a name of its own."""
    return _bare(op) not in _names() or known.__name__.lower().startswith(_bare(op))


def _free(op: Operation) -> bool:
    return any(isinstance(p, ParameterExpression) and p.parameters for p in getattr(op, "params", ()))


def _alone(op: Operation) -> QuantumCircuit:
    out = QuantumCircuit(op.num_qubits)
    out.append(op, range(op.num_qubits))
    return out


def _matrix(op: Operation) -> np.ndarray | None:
    """The matrix that a gate itself gives."""
    if _free(op) or not (hasattr(op, "__array__") or hasattr(op, "to_matrix")):
        return None
    try:
        matrix = np.asarray(op.to_matrix() if hasattr(op, "to_matrix") else op, dtype=complex)
    except (QiskitError, TypeError, ValueError):  # has no matrix after all
        return None
    return matrix if matrix.shape == (1 << op.num_qubits,) * 2 else None


def _same(a: QuantumCircuit, b: QuantumCircuit) -> bool:
    """Whether two circuits of unitary gates do the same up to a phase, at one generic value of every parameter."""
    rng = np.random.default_rng(7)
    names = sorted({p.name for c in (a, b) for p in c.parameters})
    values = dict(zip(names, rng.uniform(0.2, 1.3, len(names)).tolist()))
    a, b = (c.assign_parameters({p: values[p.name] for p in c.parameters}) for c in (a, b))
    if a.num_qubits != b.num_qubits:
        return False
    if a.num_qubits > _COMPARED:  # more than memory serves: what was built from the base stands
        return True
    if a.num_qubits <= _DENSE:
        return _parallel(Operator(a).data, Operator(b).data)
    size = 1 << a.num_qubits
    start = Statevector((wave := rng.normal(size=size) + 1j * rng.normal(size=size)) / np.linalg.norm(wave))
    return _parallel(start.evolve(a).data, start.evolve(b).data)


def _parallel(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two unitaries (or unit vectors) are equal up to a phase."""
    inner = np.vdot(a, b)
    return bool(abs(inner) > 0.5 * np.vdot(a, a).real and np.abs(a * inner / abs(inner) - b).max() < _SAME)
