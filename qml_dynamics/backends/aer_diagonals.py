"""Runs of gates that are diagonal as a whole, as one instruction of Aer: CX ladders with rotations about z between them.

CX is linear on bits, so that every phase gate in a run is a phase ``exp(-i c (-1)^{m . x})`` on a parity m of the bits at its start
(Amy, Maslov and Mosca, IEEE Trans. CAD 33, 1476 (2014), arXiv:1303.2042). Where the ladders have undone each other the run is the
diagonal ``exp(-i sum_m c_m (-1)^{m . x})``, by one Walsh-Hadamard transform. Nothing is left out: it is the run to rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ParameterExpression, Qubit
from qiskit.circuit.library import DiagonalGate

from ..model.transforms import walsh_hadamard

_WIDEST = 20  # qubits of one instruction: its 2^n phases are held
_KEPT = 8  # instructions that are held, of at most so many qubits each
_PHASES = {"z": math.pi, "s": math.pi / 2, "t": math.pi / 4, "sdg": -math.pi / 2, "tdg": -math.pi / 4}
_KNOWN = frozenset({"cx", "rz", "rzz", "p", "cp", "cz", "u1", "cu1", "id", *_PHASES})


@dataclass
class _Run:
    """A run that is being read: the parity that each qubit holds, and the coefficients of all parities met."""

    parity: list[int]
    moved: set[int] = field(default_factory=set)
    series: dict[int, float] = field(default_factory=dict)
    phase: float = 0.0

    def add(self, mask: int, amount: float) -> None:
        """A factor ``exp(-i amount (-1)^{mask . x})``."""
        if abs(amount) > math.pi:  # by the sine and cosine, whose argument is reduced exactly
            amount = math.atan2(math.sin(amount), math.cos(amount))
        self.series[mask] = self.series.get(mask, 0.0) + amount

    def turn(self, mask: int, angle: float) -> None:
        """A phase ``exp(i angle)`` where ``mask . x`` is odd."""
        self.add(mask, angle / 2)
        self.phase += math.atan2(math.sin(angle / 2), math.cos(angle / 2))

    def read(self, name: str, qubits: list[int], angle: float) -> None:
        """One gate."""
        parity, first = self.parity, qubits[0]
        if name == "cx":
            target = qubits[1]
            parity[target] ^= parity[first]
            (self.moved.discard if parity[target] == 1 << target else self.moved.add)(target)
        elif name == "rz":
            self.add(parity[first], angle / 2)
        elif name == "rzz":
            self.add(parity[first] ^ parity[qubits[1]], angle / 2)
        elif len(qubits) == 1:
            if name != "id":
                self.turn(parity[first], angle)
        else:  # a phase where both bits are 1
            a, b = parity[first], parity[qubits[1]]
            self.turn(a, angle / 2)
            self.turn(b, angle / 2)
            self.turn(a ^ b, -angle / 2)


class _Phases(DiagonalGate):  # type: ignore[misc]
    """Nothing changes it, so that copies of a circuit share its many numbers."""

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> _Phases:
        return self


def _read(run: list[CircuitInstruction], place: dict[Qubit, int], num_qubits: int) -> tuple[_Run, int]:
    """A whole run, and up to where it is diagonal."""
    read, ends = _Run([1 << q for q in range(num_qubits)]), 0
    for i, instruction in enumerate(run, start=1):
        name, params = instruction.name, instruction.params
        angle = float(params[0]) if params else _PHASES.get(name, math.pi)
        read.read(name, [place[q] for q in instruction.qubits], angle)
        if not read.moved:
            ends = i
    return read, ends


class Diagonals:
    """Puts one instruction in the place of every run that is worth it; equal runs share theirs."""

    def __init__(self) -> None:
        self.known: dict[tuple[object, ...], _Phases] = {}

    def fused(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """The same unitary, global phase included.

        >>> circuit = QuantumCircuit(2)
        >>> for angle in (0.3, 0.2, 0.1):
        ...     _ = circuit.rz(angle, 0), circuit.cx(0, 1), circuit.rz(angle, 1), circuit.cx(0, 1)
        >>> dict(Diagonals().fused(circuit).count_ops())
        {'diagonal': 1}
        """
        if circuit.num_qubits > _WIDEST:
            return circuit
        out = circuit.copy_empty_like()
        place = {qubit: i for i, qubit in enumerate(circuit.qubits)}
        waiting: list[CircuitInstruction] = []
        for instruction in circuit.data:
            if instruction.name in _KNOWN and not instruction.clbits and _fixed(instruction):
                waiting.append(instruction)
                continue
            self._flush(out, waiting, place)
            waiting = []
            out._append(instruction)
        self._flush(out, waiting, place)
        return out

    def _flush(self, out: QuantumCircuit, run: list[CircuitInstruction], place: dict[Qubit, int]) -> None:
        """A run of known gates: its longest part that is diagonal as one instruction, where that is shorter, and the rest."""
        n = out.num_qubits
        whole, ends = _read(run, place, n) if len(run) > 2 * n else (None, 0)
        if whole is not None and ends > 2 * n:
            if ends < len(run):
                whole, _ = _read(run[:ends], place, n)
            out._append(CircuitInstruction(self._instruction(whole.series, n), out.qubits))
            out.global_phase += whole.phase
            run = run[ends:]
        for instruction in run:
            out._append(instruction)

    def _instruction(self, series: dict[int, float], num_qubits: int) -> _Phases:
        key = (num_qubits, *sorted(series.items()))
        if key not in self.known:
            while len(self.known) >= _KEPT:
                self.known.pop(next(iter(self.known)))
            values = np.zeros(1 << num_qubits)
            for mask, amount in series.items():
                values[mask] += amount
            angles = walsh_hadamard(values) * 2 ** (num_qubits / 2)
            self.known[key] = _Phases(np.exp(-1j * angles).tolist())
        return self.known[key]


def _fixed(instruction: CircuitInstruction) -> bool:
    """Whether its angle is a number."""
    return not any(isinstance(p, ParameterExpression) for p in instruction.params)
