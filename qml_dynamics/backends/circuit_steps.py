"""A circuit as a list of small matrices, measurements and conditions: gates are opened by their definitions until they have a matrix.

Two circuits that hold the same thing in different words (a composite gate here, its definition there) give the same steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    ControlFlowOp,
    Gate,
    ParameterExpression,
)
from qiskit.circuit.annotated_operation import ControlModifier, InverseModifier, PowerModifier
from qiskit.circuit.classical import expr
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Operator

if TYPE_CHECKING:
    from qiskit.circuit import Operation

NARROW = 4  # qubits: standard gates on more are opened by their definition, whose matrices are small
WIDEST = 10  # qubits of a matrix, where a gate has nothing else
_DEPTH = 60
_NOTHING = ("barrier", "id")
OPEN, CLOSE = "open", "close"


class Step:
    """One step.

    Attributes:
        name: of the gate; ``"global_phase"`` has no qubits and its angle as its only number.
        qubits, clbits: places in the whole circuit.
        numbers: its real parameters, exact text apart (``words``); empty where some have no value yet.
        words: what must be equal exactly.
        unitary: whether it has a matrix.
        phase: of a global phase, with its free parameters.
        standard: whether it is one of Qiskit's standard gates, of which name and parameters say everything.
    """

    __slots__ = ("_matrix", "_source", "clbits", "name", "numbers", "phase", "qubits", "standard", "unitary", "words")

    def __init__(
        self,
        name: str,
        qubits: tuple[int, ...],
        clbits: tuple[int, ...],
        numbers: tuple[float, ...],
        words: tuple[str, ...],
        matrix: np.ndarray | None,
        source: Any,
        phase: Any = 0.0,
        standard: bool = False,
        unitary: bool | None = None,
    ) -> None:
        self.name, self.qubits, self.clbits, self.numbers, self.words = name, qubits, clbits, numbers, words
        self._matrix, self._source, self.phase, self.standard = matrix, source, phase, standard
        self.unitary = matrix is not None if unitary is None else unitary

    @property
    def matrix(self) -> np.ndarray | None:
        """Of a unitary, shape ``(2**k, 2**k)``, the first qubit the lowest bit; None for what is none, or has free parameters."""
        if self._matrix is None and self.unitary:  # only made where it is asked for: most are not
            self._matrix = self._source.matrix
        return self._matrix

    @property
    def operation(self) -> Any:
        """Qiskit's object."""
        return self._source.operation if isinstance(self._source, CircuitInstruction) else self._source


def walk(circuit: QuantumCircuit) -> Iterator[Step]:
    """The steps of a circuit in order; barriers, which do nothing, are left out.

    Classical control flow is a step ``"open"``, the steps of its blocks, and a step ``"close"``.

    >>> from qiskit.circuit.library import LinearPauliRotationsGate
    >>> circuit = QuantumCircuit(3)
    >>> _ = circuit.append(LinearPauliRotationsGate(2, 0.3, 0.2), [2, 0, 1])
    >>> [(step.name, step.qubits, step.numbers) for step in walk(circuit)]
    [('ry', (1,), (0.2,)), ('cry', (2, 1), (0.3,)), ('cry', (0, 1), (0.6,))]
    """
    yield from _walk(circuit, range(circuit.num_qubits), range(circuit.num_clbits), 0)


def _walk(circuit: QuantumCircuit, qubits: Sequence[int], clbits: Sequence[int], depth: int) -> Iterator[Step]:
    place: dict[Any, int] = dict(zip(circuit.qubits, qubits))
    bit: dict[Any, int] = dict(zip(circuit.clbits, clbits))
    for instruction in circuit.data:
        where = tuple([place[q] for q in instruction.qubits])
        bits = tuple([bit[c] for c in instruction.clbits]) if bit else ()
        if not bits and len(where) <= NARROW and where and instruction.is_standard_gate():
            yield _standard(instruction, where)
        else:
            yield from _opened(instruction.operation, where, bits, bit, depth)
    yield from _phase(circuit.global_phase)


def _phase(phase: float | ParameterExpression) -> Iterator[Step]:
    if isinstance(phase, ParameterExpression) or phase:
        numbers, words = _params([phase])
        yield Step("global_phase", (), (), numbers, words, None, None, phase)


def _standard(instruction: CircuitInstruction, where: tuple[int, ...]) -> Step:
    numbers, words = _params(instruction.params)
    unitary, name = not words, instruction.name  # words: free parameters
    state = _controls(instruction, name)
    words = (*words, f"controls {state}") if state is not None else words
    return Step(name, where, (), numbers, words, None, instruction, standard=True, unitary=unitary)


_CONTROLS: dict[str, int | None] = {}  # of standard gates, whose name says on which values of their controls they act


def _controls(instruction: CircuitInstruction, name: str) -> int | None:
    if name not in _CONTROLS:
        _CONTROLS[name] = getattr(instruction.operation, "ctrl_state", None)
    return _CONTROLS[name]


def _opened(
    op: Operation, where: tuple[int, ...], bits: tuple[int, ...], bit: dict[Clbit, int], depth: int
) -> Iterator[Step]:
    if op.name in _NOTHING:
        return
    if op.name == "global_phase":
        yield from _phase(op.params[0])
        return
    if isinstance(op, ControlFlowOp):
        yield from _flow(op, where, bits, bit, depth)
        return
    inner = None if isinstance(op, UnitaryGate) and len(where) <= WIDEST else definition(op)
    condition = getattr(op, "condition", None)
    if condition is not None:  # of Qiskit 1: the whole gate, on one classical value
        yield Step(OPEN, where, bits, (), (op.name, condition_text(condition, bit)), None, op)
    if inner is not None and depth < _DEPTH:
        yield from _walk(inner, where, bits, depth + 1)
    else:
        numbers, words = _params(getattr(op, "params", ()))
        yield Step(op.name, where, bits, numbers, words, None if bits else _matrix(op), op)
    if condition is not None:
        yield Step(CLOSE, where, bits, (), (op.name,), None, op)


def _flow(
    op: Operation, where: tuple[int, ...], bits: tuple[int, ...], bit: dict[Clbit, int], depth: int
) -> Iterator[Step]:
    yield Step(OPEN, where, bits, (), (op.name, *_flow_words(op, bit)), None, op)
    for number, block in enumerate(op.blocks):
        yield Step(OPEN, where, bits, (), ("block", str(number)), None, None)
        yield from _walk(block, where, bits, depth + 1)
    yield Step(CLOSE, where, bits, (), (op.name,), None, None)


def _flow_words(op: Operation, bit: dict[Clbit, int]) -> Iterator[str]:
    """Conditions, labels and ranges of a control-flow operation, bits by their numbers."""
    for name in ("condition", "target"):
        if getattr(op, name, None) is not None:
            yield f"{name} {condition_text(getattr(op, name), bit)}"
    if hasattr(op, "cases_specifier"):
        yield f"cases {[labels for labels, _ in op.cases_specifier()]}"
    if op.name == "for_loop":
        indices, parameter, _ = op.params
        yield f"for {getattr(parameter, 'name', None)} in {list(indices) if not isinstance(indices, expr.Expr) else indices}"


Condition: TypeAlias = Clbit | ClassicalRegister | tuple[Clbit | ClassicalRegister, int] | expr.Expr


def condition_text(condition: Condition, bit: dict[Clbit, int]) -> str:
    """A condition (a bit or register and its value, or an expression), with the numbers of its bits in the circuit."""

    def places(variable: Clbit | ClassicalRegister) -> str:
        """The numbers of the bits that a condition reads, as text: ``bits [0, 1]``."""
        bits = [variable] if variable in bit else list(variable)
        return f"bits {[bit[b] for b in bits]}"

    if isinstance(condition, tuple):
        return f"{places(condition[0])} is {condition[1]}"
    if not isinstance(condition, expr.Expr):
        return places(condition)
    text = repr(condition)
    for node in expr.iter_vars(condition):
        known = node.standalone  # a variable of the circuit: by its name
        text = text.replace(repr(node.var), f"variable {node.name}" if known else places(node.var))
    return text


def _params(params: Sequence[object]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Numbers, and what is none as text. Where an angle is not known yet there are no numbers."""
    if all(type(p) is float for p in params):
        return tuple(params), ()  # type: ignore[arg-type]
    numbers: list[float] = []
    words: list[str] = []
    for p in params:
        if isinstance(p, ParameterExpression):
            if p.parameters:
                return (), tuple(str(each) for each in params)
            value = complex(p)
        elif isinstance(p, (int, float, complex, np.number)) and not isinstance(p, bool):
            value = complex(p)
        elif isinstance(p, np.ndarray) and p.dtype.kind in "iufc":
            words.append(f"array {p.shape}")
            numbers += [x for v in p.ravel().tolist() for x in (complex(v).real, complex(v).imag)]
            continue
        else:
            words.append("circuit" if isinstance(p, QuantumCircuit) else str(p))
            continue
        numbers += [value.real] + ([value.imag] if value.imag else [])
    return tuple(numbers), tuple(words)


def definition(op: Operation) -> QuantumCircuit | None:
    """The circuit that a gate stands for, or None where Qiskit has none.

    >>> from qiskit.circuit.library import RYGate
    >>> gate = AnnotatedOperation(RYGate(0.5), [PowerModifier(2), InverseModifier()])
    >>> [(step.name, step.numbers) for step in walk(definition(gate))]
    [('ry', (-0.5,)), ('ry', (-0.5,))]
    """
    try:
        if isinstance(op, AnnotatedOperation):
            return _annotated(op)
        if hasattr(op, "to_circuit"):  # Clifford operators stand in circuits as they are
            return op.to_circuit()
        return getattr(op, "definition", None)
    except Exception:  # the vendor raises different kinds where it cannot
        return None


def _annotated(op: AnnotatedOperation) -> QuantumCircuit:
    circuit = QuantumCircuit(op.base_op.num_qubits)
    circuit.append(op.base_op, circuit.qubits)
    for modifier in op.modifiers:
        if isinstance(modifier, InverseModifier):
            circuit = circuit.inverse()
        elif isinstance(modifier, ControlModifier):
            circuit = circuit.control(modifier.num_ctrl_qubits, ctrl_state=modifier.ctrl_state, annotated=False)
        elif isinstance(modifier, PowerModifier):
            circuit = _power(circuit, modifier.power)
        else:
            raise TypeError(type(modifier).__name__)
    return circuit


def _power(circuit: QuantumCircuit, power: float) -> QuantumCircuit:
    out = QuantumCircuit(circuit.num_qubits)
    if float(power).is_integer():
        once = circuit if power >= 0 else circuit.inverse()
        for _ in range(abs(int(power))):
            out.compose(once, inplace=True)
        return out
    out.append(circuit.to_gate().power(power, annotated=False), out.qubits)
    return out


def _matrix(op: Operation) -> np.ndarray | None:
    """The matrix of a gate that cannot be opened, where it has one of moderate size."""
    if getattr(op, "num_qubits", 0) > WIDEST or not (
        isinstance(op, (Gate, AnnotatedOperation)) or hasattr(op, "to_matrix")
    ):
        return None
    try:
        return np.asarray(Operator(op).data, dtype=complex)
    except Exception:  # opaque, or with free parameters
        return None
