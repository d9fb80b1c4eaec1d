"""Circuits as OpenQASM 3 text: flat, deterministic, and made of the gates of ``stdgates.inc`` only.

Any tool reads such a program: no gate definitions, no inputs, one gate a line. Source of the language: Cross et al.,
ACM Trans. Quantum Comput. 3, 12 (2022), arXiv:2104.14722.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qiskit import QuantumCircuit

from ..base.errors import BackendError, MethodError, ProblemError, integer, require
from ..model.circuit_state import CircuitState, GateLine
from .foreign import definition_of, opened, without_end

if TYPE_CHECKING:
    from qiskit.circuit import Operation

STANDARD = frozenset(
    "p x y z h s sdg t tdg sx rx ry rz cx cy cz cp crx cry crz ch swap ccx cswap id".split()  # noqa: SIM905 - reads as a list
)
_KEPT = frozenset(("barrier", "reset", "measure"))
_DEPTH = 50
_NO_PHASE = 1e-12  # a sum of many angles that is closer to 0 is 0

Gate = tuple[str, tuple[float, ...], tuple[int, ...], tuple[int, ...]]


def to_qasm3(
    circuit: QuantumCircuit,
    *,
    name: str = "program",
    notes: Sequence[str] = (),
    digits: int | None = None,
    measure: bool = False,
) -> str:
    """OpenQASM 3 text of a circuit.

    Gates outside ``stdgates.inc`` are replaced by their definitions, and so are gates of one's own, whatever their names. The
    global phase is a comment: no outcome and no density depends on it.

    Args:
        circuit: with numbers for all parameters.
        name: stands in the header.
        notes: more lines of the header.
        digits: round angles to so many decimals, so that the last bits of another machine's arithmetic do not change
            the text (None: all digits, which read back to the same number).
        measure: measure all qubits at the end, outcome bit q being qubit q.

    Raises:
        MethodError: a parameter has no value, or an instruction has no definition in gates.

    >>> bell = QuantumCircuit(2)
    >>> _ = bell.h(0), bell.cx(0, 1)
    >>> print(to_qasm3(bell, name="bell"))
    OPENQASM 3.0;
    include "stdgates.inc";
    // bell: 2 qubits, 2 gates
    // q[0] is the least significant bit of an outcome
    qubit[2] q;
    h q[0];
    cx q[0], q[1];
    <BLANKLINE>
    """
    if digits is not None:
        integer(digits, "digits", 1, 17, MethodError)
    if circuit.parameters:
        names = ", ".join(p.name for p in circuit.parameters)
        raise MethodError(f"Argument `circuit` must have a number for every parameter, but has none for {names}.")
    circuit = opened(circuit)
    gates = list(_flat(circuit))
    phase = _phase(circuit)
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"// {name}: {circuit.num_qubits} qubits, {len(gates)} gates"]
    lines += [f"// {' '.join(note.split())}" for note in notes]
    lines.append("// q[0] is the least significant bit of an outcome")
    if abs(phase) > (_NO_PHASE if digits is None else 0.5 * 10.0**-digits):
        lines.append(f"// global phase {_number(phase, digits)} left out")
    lines.append(f"qubit[{circuit.num_qubits}] q;")
    bits = circuit.num_qubits if measure else circuit.num_clbits
    lines += [f"bit[{bits}] c;"] if bits else []
    lines += [_line(gate, digits) for gate in gates]
    lines += ["c = measure q;"] if measure else []
    return "\n".join(lines) + "\n"


def circuit_state(circuit: QuantumCircuit) -> CircuitState:
    """The wave that a circuit prepares, as the gates of ``stdgates.inc``; measurements at its end are left out.

    Raises:
        ProblemError: a parameter has no value, a qubit is measured or reset on the way, or an instruction is no gate.

    >>> ghz = QuantumCircuit(2)
    >>> _ = ghz.h(0), ghz.cx(0, 1)
    >>> circuit_state(ghz).gates
    ('h 0', 'cx 0 1')
    """
    if circuit.parameters:
        names = ", ".join(p.name for p in circuit.parameters)
        raise ProblemError(f"Argument `initial` must have a number for every parameter, but has none for {names}.")
    require(circuit.num_qubits > 0, "initial", "be a circuit with at least one qubit", circuit.name)
    gates: list[str] = []
    touched: set[int] = set()
    try:
        circuit = opened(without_end(circuit), error=ProblemError)
        flat = list(_flat(circuit))
        phase = _phase(circuit)
    except MethodError as error:
        raise ProblemError(str(error).replace("`circuit`", "`initial`")) from None
    for name, angles, qubits, _ in flat:
        if name == "measure" or (name == "reset" and qubits[0] in touched):
            raise ProblemError(f"Argument `initial` must be a circuit of gates, but has `{name}` on qubit {qubits[0]}.")
        if name in ("barrier", "delay", "reset"):
            continue
        touched.update(qubits)
        listed = f"({','.join(map(repr, angles))})" if angles else ""
        gates.append(f"{name}{listed} {' '.join(map(str, qubits))}")
    return CircuitState(circuit.num_qubits, tuple(gates), phase)


def from_lines(lines: Sequence[GateLine], num_qubits: int, phase: float) -> QuantumCircuit:
    """The circuit of these standard gates, and its global phase."""
    circuit = QuantumCircuit(num_qubits, global_phase=phase)
    for name, angles, qubits in lines:
        getattr(circuit, name)(*angles, *qubits)
    return circuit


def from_qasm3(text: str) -> QuantumCircuit:
    """A circuit from OpenQASM 3 text, through Qiskit's importer; gates that the text defines are replaced by their definitions.

    Raises:
        BackendError: the importer is not installed.
        MethodError: the text is not a program that it reads.
    """
    from importlib.util import find_spec

    if find_spec("qiskit_qasm3_import") is None:
        raise BackendError('Reading OpenQASM 3 needs an extra package: pip install "qml-dynamics[qasm]".')
    from qiskit import qasm3

    try:
        circuit = qasm3.loads(text)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise MethodError(f"Argument `text` must be an OpenQASM 3 program, but it is not: {reason}") from None
    return opened(circuit)


def _flat(circuit: QuantumCircuit, depth: int = 0) -> Iterator[Gate]:
    """The gates of a circuit and of everything in it, in order."""
    for item in circuit.data:
        qubits = tuple(circuit.find_bit(q).index for q in item.qubits)
        bits = tuple(circuit.find_bit(c).index for c in item.clbits)
        operation: Any = item.operation
        if operation.name == "u":  # not in stdgates.inc, and what all other gates of one qubit are made of
            yield from ((kind, (angle,), qubits, ()) for kind, angle in _euler(operation))
            continue
        if _known(operation):
            yield operation.name, tuple(float(p) for p in operation.params), qubits, bits
            continue
        inner = definition_of(operation) if depth < _DEPTH else None
        if inner is None:
            raise MethodError(
                f"Argument `circuit` must consist of gates, but `{operation.name}` has no definition in gates."
            )
        for name, params, where, cells in _flat(inner, depth + 1):
            yield name, params, tuple(qubits[i] for i in where), tuple(bits[i] for i in cells)


def _euler(operation: Operation) -> tuple[tuple[str, float], ...]:
    """``U(theta, phi, lambda) = exp(i (phi + lambda) / 2) RZ(phi) RY(theta) RZ(lambda)``, the first to act first."""
    theta, phi, lam = (float(p) for p in operation.params)
    return ("rz", lam), ("ry", theta), ("rz", phi)


def _known(operation: Operation) -> bool:
    """Whether this goes into the text as it is; controls must fire on 1, as the standard names mean."""
    controls = getattr(operation, "num_ctrl_qubits", 0)
    plain = getattr(operation, "ctrl_state", None) in (None, 2**controls - 1)
    return operation.name in _KEPT or (operation.name in STANDARD and plain)


def _phase(circuit: QuantumCircuit) -> float:
    """Global phase, that of inner definitions included."""
    total = float(circuit.global_phase)
    for item in circuit.data:
        operation: Any = item.operation
        if operation.name == "u":
            total += 0.5 * float(operation.params[1] + operation.params[2])
        elif not _known(operation) and (inner := definition_of(operation)) is not None:
            total += _phase(inner)
    return math.remainder(total, 2 * math.pi)


def _line(gate: Gate, digits: int | None) -> str:
    name, params, qubits, bits = gate
    where = ", ".join(f"q[{q}]" for q in qubits)
    if name == "measure":
        return f"c[{bits[0]}] = measure {where};"
    angles = f"({', '.join(_number(p, digits) for p in params)})" if params else ""
    return f"{name}{angles} {where};"


def _number(value: float, digits: int | None) -> str:
    """A number as text; rounded where asked, and never a negative zero."""
    if digits is None:
        return repr(value + 0.0)
    return f"{round(value, digits) + 0.0:.{digits}f}".rstrip("0").rstrip(".") or "0"
