"""Circuits as bytes and back by QPY (Qiskit's own format, no pickle): read back after writing and compared with the original.

QPY does not keep every gate: the inverse of a ``StatePreparation`` comes back as the preparation, others cannot be read at all.
So what was written is read again and compared by what it does (:mod:`.meaning`); gates that were not kept are replaced by their
definitions in standard gates, and what cannot be kept then is refused by name.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from qiskit import QuantumCircuit, qpy
from qiskit.circuit import ControlFlowOp
from qiskit.circuit.library import UnitaryGate

from ..base.errors import MethodError, ProblemError, describe
from .circuit_steps import CLOSE, NARROW, OPEN, WIDEST, Step, walk
from .meaning import difference

if TYPE_CHECKING:
    from qiskit.circuit import CircuitInstruction, Operation

_OLDEST = 13  # of QPY: what this library has ever written, and the first that needs no parser of symbolic text


def circuit_bytes(circuit: QuantumCircuit, argument: str = "circuit") -> bytes:
    """A circuit, free parameters included, that :func:`circuit_from_bytes` reads as one that does the same.

    Raises:
        MethodError: a gate can be stored neither as it is nor by standard gates; it is named.

    >>> from qiskit.circuit import Parameter
    >>> from qiskit.circuit.library import StatePreparation
    >>> turn = QuantumCircuit(2); _ = turn.ry(2 * Parameter("angle"), 1)
    >>> _ = turn.append(StatePreparation([0.8, 0, 0, 0.6j]).inverse(), [0, 1])
    >>> read = circuit_from_bytes(circuit_bytes(turn))
    >>> read.num_parameters, difference(turn, read)
    (1, None)
    """
    for form in (_bare, _kept_where_possible, _opened):
        try:
            data = _dumped(form(circuit))
            if difference(circuit, circuit_from_bytes(data)) is None:
                return data
        except Exception:  # QPY, and gates of one's own, have many ways to fail; the next form may do
            continue
    name, where = _culprit(circuit)
    raise MethodError(
        f"Argument `{argument}` must be made of gates that can be stored, but {describe(name)} on qubits {where} is not the "
        "same when it is read again, nor can Qiskit open it into standard gates: append what it is made of."
    )


def circuit_from_bytes(data: bytes) -> QuantumCircuit:
    """:func:`circuit_bytes`, undone; raises :class:`ProblemError` where it cannot be read."""
    try:
        if data[:6] == b"QISKIT" and data[6] < _OLDEST:
            raise ValueError(f"it has the format QPY {data[6]}, and those before {_OLDEST} held expressions as text")
        (circuit,) = qpy.load(io.BytesIO(data))
    except Exception as error:  # QPY of a newer Qiskit, or damaged: the reader has many ways to say so
        reason = " ".join(str(error).split())[:160]
        raise ProblemError(f"The stored circuit cannot be read by this version of Qiskit: {reason}") from None
    return circuit


def _dumped(circuit: QuantumCircuit) -> bytes:
    out = io.BytesIO()
    qpy.dump(circuit, out)
    return out.getvalue()


def _bare(circuit: QuantumCircuit) -> QuantumCircuit:
    """Without metadata, which may be anything and does nothing."""
    out = circuit.copy()
    out.metadata = {}
    return out


def _kept_where_possible(circuit: QuantumCircuit) -> QuantumCircuit:
    return rewritten(circuit, _survives)


def _opened(circuit: QuantumCircuit) -> QuantumCircuit:
    return rewritten(circuit, lambda op: False)


def rewritten(circuit: QuantumCircuit, keep: Callable[[Operation], bool]) -> QuantumCircuit:
    """The circuit with every composite gate that is not to be kept opened into standard gates; the same unitary, phase included.

    Raises:
        MethodError: a gate has neither a definition nor a matrix.
    """
    out = circuit.copy_empty_like()
    out.metadata = {}
    for instruction in circuit.data:
        op = instruction.operation
        if _plain(op) or keep(op):
            out.append(op, instruction.qubits, instruction.clbits)
        elif isinstance(op, ControlFlowOp):
            out.append(op.replace_blocks(rewritten(b, keep) for b in op.blocks), instruction.qubits, instruction.clbits)
        else:
            for step in _steps_of(op):
                _append(out, step, instruction)
    return out


def _plain(op: Operation) -> bool:
    """Whether a gate is one of Qiskit's standard gates, or does nothing to the wave's unitary part (a measurement, a barrier)."""
    kind = getattr(op, "base_class", type(op))
    standard = kind.__module__.startswith("qiskit.circuit.library.standard_gates") and op.num_qubits <= NARROW
    return standard or op.name in ("measure", "reset", "barrier", "delay", "store", "break_loop", "continue_loop")


def _single(op: Operation) -> QuantumCircuit:
    circuit = QuantumCircuit(op.num_qubits, op.num_clbits)
    circuit.append(op, circuit.qubits, circuit.clbits)
    return circuit


def _steps_of(op: Operation) -> Iterator[Step]:
    for step in walk(_single(op)):
        if step.name in (OPEN, CLOSE):
            raise MethodError(f"Argument `circuit` must be made of gates, but {op.name!r} holds control flow.")
        yield step


def _append(out: QuantumCircuit, step: Step, instruction: CircuitInstruction) -> None:
    qubits, clbits = ([places[k] for k in chosen] for places, chosen in (
        (instruction.qubits, step.qubits), (instruction.clbits, step.clbits)))  # fmt: skip
    op = step.operation
    if step.name == "global_phase":
        out.global_phase += step.phase
    elif _plain(op) or isinstance(op, UnitaryGate):
        out.append(op, qubits, clbits)
    elif step.matrix is not None and len(step.qubits) <= WIDEST:
        out.append(UnitaryGate(step.matrix), qubits)
    else:
        raise MethodError(f"Argument `circuit` must be made of gates, but {op.name!r} has no definition.")


def _survives(op: Operation) -> bool:
    """Whether QPY keeps a gate."""
    try:
        alone = _single(op)
        return difference(alone, circuit_from_bytes(_dumped(alone))) is None
    except Exception:
        return False


def _culprit(circuit: QuantumCircuit) -> tuple[str, list[int]]:
    """The first gate that cannot be stored in any form."""
    for instruction in circuit.data:
        op = instruction.operation
        if _plain(op) or _survives(op):
            continue
        where = [circuit.find_bit(q).index for q in instruction.qubits]
        try:
            alone = rewritten(_single(op), lambda op: False)
            if difference(_single(op), circuit_from_bytes(_dumped(alone))) is not None:
                return op.name, where
        except Exception:
            return op.name, where
    return circuit.name, list(range(circuit.num_qubits))
