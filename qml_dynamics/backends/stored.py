"""Circuits as bytes and back (QPY, Qiskit's own format without pickle), and a digest by which a circuit is known again."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Gate, Instruction

from ..errors import ProblemError

_OLDEST = 13  # of QPY: what this library has ever written, and the first that needs no parser of symbolic text


def circuit_bytes(circuit: QuantumCircuit) -> bytes:
    """A circuit, free parameters included.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> turn = QuantumCircuit(2); _ = turn.ry(2 * Parameter("angle"), 1)
    >>> circuit_from_bytes(circuit_bytes(turn)).num_parameters
    1
    """
    out = io.BytesIO()
    qpy.dump(circuit, out)
    return out.getvalue()


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


def circuit_digest(circuit: QuantumCircuit) -> str:
    """One number for gates, angles and places; the same for a circuit that is built again, whose parameters are new objects."""
    digest = hashlib.sha256()
    _add(digest, circuit)
    return digest.hexdigest()


def _add(digest: Any, circuit: QuantumCircuit) -> None:
    digest.update(f"{circuit.num_qubits} {circuit.global_phase}".encode())
    for instruction in circuit.data:
        op = instruction.operation
        params = [p.tobytes() if isinstance(p, np.ndarray) else str(p) for p in op.params]
        places = [circuit.find_bit(q).index for q in instruction.qubits]
        digest.update(repr((op.name, getattr(op, "label", None), params, places)).encode())
        if type(op) in (Gate, Instruction) and op.definition is not None:  # made of a circuit: the name says too little
            _add(digest, op.definition)
