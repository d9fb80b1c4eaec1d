"""Circuits in Clifford gates and T: which rotations are left, and how many T gates their synthesis takes.

A circuit is compiled to CX, RZ, sqrt(X) and X. An RZ by a multiple of pi/2 is a Clifford gate, one by an odd multiple of pi/4 is a T
gate up to Clifford gates; every other one is replaced by a sequence of Clifford and T gates within some distance ``eps`` in the
operator norm. The distances of a circuit add up, so that a total is shared out evenly. T gates of one rotation:

* ``"gridsynth"``: ``3 log2(1/eps) + 2.5``, without an ancilla (Ross and Selinger, Quantum Inf. Comput. 16, 901, 2016, arXiv:1403.2975;
  the constant is that of the sequences which Qiskit's ``gridsynth_rz`` finds);
* ``"repeat_until_success"``: ``1.149 log2(1/eps) + 9.2`` on average, with one ancilla (Bocharov, Roetteler and Svore, Phys. Rev. Lett. 114,
  080502, 2015, arXiv:1404.5320).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Operator
from qiskit.synthesis import gridsynth_rz

from .measure import BASIS, WHOLE, compiled_parts

_SAME = 1e-11  # of pi/4: angles closer to a multiple are that one


@dataclass(frozen=True)
class Law:
    """T gates of one rotation: ``slope log2(1/eps) + constant``, and the ancillas that it takes."""

    slope: float
    constant: float
    ancillas: int

    def gates(self, eps: float) -> float:
        """T gates for a distance; none where the identity is as near."""
        return max(0.0, self.slope * float(np.log2(1 / eps)) + self.constant)


LAWS: Mapping[str, Law] = {"gridsynth": Law(3.0, 2.5, 0), "repeat_until_success": Law(1.149, 9.2, 1)}


@dataclass(frozen=True)
class FaultTolerant:
    """What one circuit takes in Clifford gates and T.

    Attributes:
        qubits: logical ones, with the ancilla of the synthesis.
        rotations: those by no multiple of pi/4, which are synthesised.
        t_count: T gates: those of the rotations, and one for each odd multiple of pi/4.
        t_depth: T gates on the path through the circuit with the most of them; those of one rotation follow one another.
        synthesis: the name of the law by which the T gates of a rotation are counted.
        error: bound of the distance of the circuits in the operator norm, so of the waves in the 2-norm, from all rotations.
        error_each: that of one rotation.
    """

    qubits: int
    rotations: int
    t_count: int
    t_depth: int
    synthesis: str
    error: float
    error_each: float

    def __str__(self) -> str:
        return (
            f"{self.t_count:,} T gates, T depth {self.t_depth:,}, {self.qubits} logical qubits, from {self.rotations:,} rotations "
            f"to {self.error_each:.2g} each by {self.synthesis}"
        )


def fault_tolerant(circuit: QuantumCircuit, error: float, synthesis: str = "gridsynth") -> FaultTolerant:
    """Count a circuit whose rotations may take it so far from itself in all.

    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.t(0), circuit.h(0), circuit.rz(0.3, 0), circuit.cx(0, 1), circuit.rz(0.1, 1)
    >>> print(fault_tolerant(circuit, 2e-6))
    126 T gates, T depth 126, 2 logical qubits, from 2 rotations to 1e-06 each by gridsynth
    """
    law, found = LAWS[synthesis], []
    for part in compiled_parts(circuit, BASIS, WHOLE):
        for instruction in part.data:
            qubits = [part.find_bit(qubit).index for qubit in instruction.qubits]
            kind = _kind(float(instruction.operation.params[0])) if instruction.operation.name == "rz" else ""
            if kind or len(qubits) > 1:
                found.append((kind, qubits))
    rotations = sum(kind == "rotation" for kind, _ in found)
    each = error / max(1, rotations)
    weights = {"rotation": law.gates(each), "t": 1.0, "": 0.0}
    depth = [0.0] * circuit.num_qubits
    for kind, qubits in found:
        reached = max(depth[q] for q in qubits) + weights[kind]
        for q in qubits:
            depth[q] = reached
    return FaultTolerant(
        circuit.num_qubits + (law.ancillas if rotations else 0),
        rotations,
        round(sum(weights[kind] for kind, _ in found)),
        round(max(depth, default=0.0)),
        synthesis,
        error,
        each,
    )


def approximated(pieces: Sequence[QuantumCircuit], error: float) -> list[QuantumCircuit]:
    """Consecutive circuits with every rotation replaced by the Clifford and T gates nearest to it, as one matrix, within ``error`` in all.

    Args:
        pieces: circuits that follow one another.
        error: bound of the distance of all of them together in the operator norm; the rotations share it evenly.

    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.rz(0.3, 0), circuit.t(0)
    >>> found = approximated([circuit], 1e-3)[0]
    >>> bool(0 < np.linalg.norm(Operator(found).data - Operator(circuit).data, 2) < 1e-3)
    True
    """
    compiled = [list(compiled_parts(piece, BASIS, WHOLE)) for piece in pieces]
    rotations = sum(_turns(item) for parts in compiled for part in parts for item in part.data)
    return [_joined(parts, error / max(1, rotations)) for parts in compiled]


def _turns(item: CircuitInstruction) -> bool:
    return item.name == "rz" and _kind(float(item.params[0])) == "rotation"


def _joined(parts: Sequence[QuantumCircuit], each: float) -> QuantumCircuit:
    """The parts of one circuit, rotations to within ``each``; its phase is that of the first."""
    out = parts[0].copy_empty_like()
    for part in parts:
        for item in part.data:
            gate = UnitaryGate(_nearest(float(item.params[0]), each), check_input=False) if _turns(item) else None
            out._append(item if gate is None else CircuitInstruction(gate, item.qubits))
    out.global_phase = sum(float(part.global_phase) for part in parts) - float(parts[0].global_phase) * (len(parts) - 1)
    return out


@lru_cache(maxsize=1 << 14)
def _nearest(angle: float, eps: float) -> np.ndarray:
    """The matrix of the sequence that gridsynth finds for a rotation about z, its phase included; shared, so never written to."""
    found = np.asarray(Operator(gridsynth_rz(angle, eps)).data)
    found.setflags(write=False)
    return found


def _kind(angle: float) -> str:
    """Of an RZ: ``"rotation"``, ``"t"``, or nothing for a Clifford gate."""
    eighths = angle / (np.pi / 4)
    nearest = round(eighths)
    if abs(eighths - nearest) > _SAME:
        return "rotation"
    return "t" if nearest % 2 else ""
