"""Circuits for devices: the device's own gates, its layout, and a check that nothing was lost on the way.

Layout is handled here and nowhere else: logical qubit q is measured into classical bit q BEFORE compilation, so wherever the
compiler puts or swaps the qubits, bit q of an outcome is logical qubit q.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit.transpiler import generate_preset_pass_manager

from ..errors import BackendError
from .base import check_circuits, check_width
from .options import DeviceOptions

REGISTER = "out"
TOLERANCE = 1e-6
_CHECKED_QUBITS = 12
_CHECKED_GATES = 20_000


@dataclass(frozen=True, eq=False)
class Compiled:
    """A measured circuit in a device's gates.

    Attributes:
        circuit: with one classical register ``out``, bit q of it logical qubit q.
        qubits: physical qubit that is measured into each bit.
        level: optimisation level that was used in the end.
        deviation: total variation between its ideal outcomes and those of the circuit it came from, or None where it was
            too large to be compared.
    """

    circuit: QuantumCircuit
    qubits: tuple[int, ...]
    level: int
    deviation: float | None


def measured(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with qubit q measured into bit q of one register."""
    check_circuits([circuit])
    out = circuit.copy()
    bits = ClassicalRegister(circuit.num_qubits, REGISTER)
    out.add_register(bits)
    out.measure(out.qubits, bits)
    return out


Managers = dict[tuple[int, int], Any]


def compile_all(
    circuits: Sequence[QuantumCircuit], device: Any, options: DeviceOptions, managers: Managers | None = None
) -> list[Compiled]:
    """Every circuit for ``device`` (a Qiskit ``BackendV2``); the same circuit object is compiled once.

    Each is measured, compiled at the wanted level and compared with its ideal outcomes; where they differ by more than
    ``TOLERANCE`` (higher levels drop small rotations in silence), it is compiled again at level 1. ``managers`` keeps pass managers
    from call to call: making one for a simulator with many gates takes longer than using it.

    Raises:
        BackendError: a circuit is wider than the device, already measured, or has free parameters.
    """
    done: dict[int, Compiled] = {}
    made = {} if managers is None else managers
    for circuit in circuits:
        if id(circuit) not in done:
            done[id(circuit)] = _compile(circuit, device, options, made)
    return [done[id(circuit)] for circuit in circuits]


def _compile(
    circuit: QuantumCircuit, device: Any, options: DeviceOptions, managers: dict[tuple[int, int], Any]
) -> Compiled:
    """Measure, compile at the wanted level, compare with the ideal outcomes, fall back to level 1 if they differ."""
    check_width(circuit.num_qubits, device.num_qubits or circuit.num_qubits, str(device.name))
    logical = measured(circuit)
    levels = [options.optimization_level, 1] if options.optimization_level > 1 else [options.optimization_level]
    for level in levels:
        key = (level, circuit.num_qubits if options.layout is not None else 0)
        if key not in managers:
            managers[key] = _manager(device, level, options, circuit.num_qubits)
        compiled = managers[key].run(logical)
        deviation = _deviation(circuit, compiled)
        if deviation is None or deviation <= TOLERANCE:
            break
    return Compiled(compiled, _measured_qubits(compiled), level, deviation)


def _manager(device: Any, level: int, options: DeviceOptions, width: int) -> Any:
    """The preset pass manager; made from the backend, not its target, since IBM's devices bring a stage of their own."""
    layout = None if options.layout is None else list(options.layout)
    if layout is not None and (len(layout) < width or max(layout) >= device.num_qubits):
        raise BackendError(
            f"Argument `layout` must name {width} of the {device.num_qubits} qubits of {device.name}, but is {layout}."
        )
    return generate_preset_pass_manager(
        optimization_level=level,
        backend=device,
        seed_transpiler=options.seed_transpiler,
        initial_layout=None if layout is None else layout[:width],
    )


def _measured_qubits(compiled: QuantumCircuit) -> tuple[int, ...]:
    """The physical qubit behind each classical bit."""
    where = {}
    for instruction in compiled.data:
        if instruction.operation.name == "measure":
            where[compiled.find_bit(instruction.clbits[0]).index] = compiled.find_bit(instruction.qubits[0]).index
    return tuple(where[bit] for bit in range(compiled.num_clbits))


def _deviation(circuit: QuantumCircuit, compiled: QuantumCircuit) -> float | None:
    """Total variation between the ideal outcomes of both, or None where that would take too long."""
    active = active_qubits(compiled)
    if len(active) > _CHECKED_QUBITS or len(compiled.data) + len(circuit.data) > _CHECKED_GATES:
        return None
    return 0.5 * float(np.abs(ideal_outcomes(compiled) - Statevector(circuit).probabilities()).sum())


def active_qubits(compiled: QuantumCircuit) -> list[int]:
    """Physical qubits with at least one instruction, ascending."""
    used = {q for instruction in compiled.data if instruction.operation.name != "barrier" for q in instruction.qubits}
    return sorted(compiled.find_bit(q).index for q in used)


def ideal_outcomes(compiled: QuantumCircuit) -> np.ndarray:
    """Noiseless outcome probabilities of a compiled circuit over its classical bits, shape ``(2**bits,)``.

    Idle qubits are left out, so a small circuit on a large device is small here too.
    """
    active = {physical: i for i, physical in enumerate(active_qubits(compiled))}
    small = QuantumCircuit(len(active))
    bits = {}
    for instruction in compiled.data:
        where = [active[compiled.find_bit(q).index] for q in instruction.qubits if compiled.find_bit(q).index in active]
        if instruction.operation.name == "measure":
            bits[compiled.find_bit(instruction.clbits[0]).index] = where[0]
        elif instruction.operation.name not in ("barrier", "delay"):
            small.append(instruction.operation, where)
    return Statevector(small).probabilities([bits[b] for b in range(compiled.num_clbits)])


def summary(compiled: Sequence[Compiled]) -> dict[str, Any]:
    """How circuits were compiled, for provenance: levels used, the largest deviation that was seen, sizes and places."""
    known = [c.deviation for c in compiled if c.deviation is not None]
    return {
        "levels": sorted({c.level for c in compiled}),
        "compared": len(known),
        "largest_deviation": max(known, default=None),
        "two_qubit_gates": max(c.circuit.num_nonlocal_gates() for c in compiled),
        "depth": max(c.circuit.depth() for c in compiled),
        "qubits": list(compiled[-1].qubits),
    }
