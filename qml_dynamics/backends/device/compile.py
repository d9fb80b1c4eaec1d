"""Compilation of circuits for a device: basis gates, layout, and a check that the compiled circuit has the same outcomes.

Layout is handled here and nowhere else: logical qubit q is measured into classical bit q BEFORE compilation, so wherever the
compiler puts or swaps the qubits, bit q of an outcome is logical qubit q.

The plain gates are rz, sx, x and one two-qubit gate that is its own inverse. Two things of the runtime's client need them
(measured with qiskit-ibm-runtime 0.51 and samplomatic 0.21): twirling refuses
rotations such as rxx, rzx or crx, and the estimator, which merges one-qubit gates, gives wrong values in silence for some
circuits with u, ry or rx gates, and folds no two-qubit gates but these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit.transpiler import Target, generate_preset_pass_manager

from ...base.errors import BackendError
from ...synthesis.foreign import opened
from ..base import check_circuits, check_width
from ..failures import told
from ..options import DeviceOptions

if TYPE_CHECKING:
    from qiskit.providers import BackendV2

ONE = ("rz", "sx", "x", "id")
TWO = ("ecr", "cz", "cx")
BESIDE = (
    "measure",
    "reset",
    "delay",
    "barrier",
    "if_else",
    "for_loop",
    "while_loop",
    "switch_case",
    "break_loop",
    "continue_loop",
)


def plain_target(target: Target, name: str) -> Target | None:
    """A device's report with its plain gates only; None where it has no others.

    Raises:
        BackendError: it has no such two-qubit gate.
    """
    names = set(target.operation_names)
    two = [gate for gate in TWO if gate in names]
    if not two or not {"rz", "sx"} <= names:
        raise BackendError(
            f"Argument `backend` must have rz, sx and one of cx, cz and ecr, but {name} has {sorted(names)}."
        )
    keep = (*ONE, "cx" if "cx" in two else two[0], *(n for n in BESIDE if n in ("measure", "reset", "delay")))
    if names <= {*keep, *BESIDE}:
        return None
    out = Target(num_qubits=target.num_qubits, dt=target.dt, qubit_properties=target.qubit_properties)
    for gate in keep:
        if gate not in names:
            continue
        places = target[gate]
        if places is None or None in places:
            out.add_instruction(target.operation_from_name(gate), name=gate)
        else:
            out.add_instruction(target.operation_from_name(gate), dict(places), name=gate)
    return out


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


def measured(circuit: QuantumCircuit, midway: bool = False) -> QuantumCircuit:
    """The circuit with qubit q measured into bit q of one register, which comes last; ``midway``: it may measure before."""
    check_circuits([circuit], midway=midway)
    out = circuit.copy()
    bits = ClassicalRegister(circuit.num_qubits, REGISTER)
    out.add_register(bits)
    out.measure(out.qubits, bits)
    return out


Managers = dict[tuple[int, int, bool], Any]


def compile_all(
    circuits: Sequence[QuantumCircuit],
    device: BackendV2,
    options: DeviceOptions,
    managers: Managers | None = None,
    midway: bool = False,
    plain: bool = True,
) -> list[Compiled]:
    """Every circuit for ``device`` (a Qiskit ``BackendV2``); the same circuit object is compiled once.

    Each is measured, compiled at the wanted level and compared with its ideal outcomes; where they differ by more than
    ``TOLERANCE`` (higher levels drop small rotations in silence), it is compiled again at level 1. ``managers`` keeps pass managers
    from call to call: making one for a simulator with many gates takes longer than using it. With ``plain`` only rz, sx, x and one gate
    on two qubits are used where the options ask for no others.

    Raises:
        BackendError: a circuit is wider than the device, already measured (without ``midway``), or has free parameters.
    """
    made = {} if managers is None else managers

    def work() -> list[Compiled]:
        """Compile each distinct circuit once; the results in the order of ``circuits``."""
        done: dict[int, Compiled] = {}
        for circuit in circuits:
            if id(circuit) not in done:
                done[id(circuit)] = _compile(circuit, device, options, made, midway, plain)
        return [done[id(circuit)] for circuit in circuits]

    return told(work, "Compiling for the device")  # whose report may come over a network


def _compile(
    circuit: QuantumCircuit, device: BackendV2, options: DeviceOptions, managers: Managers, midway: bool, plain: bool
) -> Compiled:
    """Measure, compile at the wanted level, compare with the ideal outcomes, fall back to level 1 if they differ."""
    check_width(circuit.num_qubits, device.num_qubits or circuit.num_qubits, str(device.name))
    circuit = opened(circuit, (), BackendError)
    logical = measured(circuit, midway)
    wanted = options.optimization_level
    levels = [wanted] if wanted <= 1 else [1] if circuit.num_clbits else [wanted, 1]  # nothing to compare midway
    for level in levels:
        few = not options.fractional_gates or (bool(options.twirling) and not device.coupling_map)  # Aer has any gate
        compiled = _manager_for(device, level, options, circuit.num_qubits, managers, few and plain).run(logical)
        deviation = _deviation(circuit, compiled)
        if deviation is None or deviation <= TOLERANCE:
            break
    return Compiled(compiled, _measured_qubits(compiled), level, deviation)


def compile_unmeasured(
    circuits: Sequence[QuantumCircuit],
    device: BackendV2,
    options: DeviceOptions,
    managers: Managers | None = None,
    plain: bool = True,
) -> list[Compiled]:
    """Circuits for an estimator, which measures them itself; ``qubits`` is where each logical qubit is in the end.

    With ``plain`` they come in the device's plain gates only, which the runtime's estimator needs.

    Compared by the state of the used qubits, and compiled again at level 1 where it is further than ``TOLERANCE`` from the wanted one.
    """
    made = {} if managers is None else managers
    work = lambda: [_compile_unmeasured(circuit, device, options, made, plain) for circuit in circuits]  # noqa: E731
    return told(work, "Compiling for the device")


def _compile_unmeasured(
    circuit: QuantumCircuit, device: BackendV2, options: DeviceOptions, managers: Managers, plain: bool
) -> Compiled:
    check_circuits([circuit])
    check_width(circuit.num_qubits, device.num_qubits or circuit.num_qubits, str(device.name))
    circuit = opened(circuit, (), BackendError)
    wanted = options.optimization_level
    for level in [wanted, 1] if wanted > 1 else [wanted]:
        compiled = _manager_for(device, level, options, circuit.num_qubits, managers, plain).run(circuit)
        layout = compiled.layout
        where = tuple(range(circuit.num_qubits) if layout is None else layout.final_index_layout(filter_ancillas=True))
        deviation = _distance(circuit, compiled, where)
        if deviation is None or deviation <= TOLERANCE:
            break
    return Compiled(compiled, where, level, deviation)


def _distance(circuit: QuantumCircuit, compiled: QuantumCircuit, where: Sequence[int]) -> float | None:
    """Distance of the two states up to a phase, or None where comparing would take too long."""
    active = sorted({*active_qubits(compiled), *where})
    if len(active) > _CHECKED_QUBITS or len(compiled.data) + len(circuit.data) > _CHECKED_GATES:
        return None
    small = on_part(compiled, {physical: i for i, physical in enumerate(active)})[0]
    ideal = QuantumCircuit(len(active))
    ideal.compose(circuit, [active.index(q) for q in where], inplace=True)
    overlap = min(1.0, abs(np.vdot(Statevector(small).data, Statevector(ideal).data)))
    return float(np.sqrt(2 * (1 - overlap)))


def _manager_for(
    device: BackendV2, level: int, options: DeviceOptions, width: int, managers: Managers, plain: bool
) -> Any:
    key = (level, width if options.layout is not None else 0, plain)
    if key not in managers:
        managers[key] = _manager(device, level, options, width, plain)
    return managers[key]


def _manager(device: BackendV2, level: int, options: DeviceOptions, width: int, plain: bool) -> Any:
    """The preset pass manager; made from the backend, not its target, since IBM's devices bring a stage of their own."""
    layout = None if options.layout is None else list(options.layout)
    if layout is not None and (len(layout) < width or max(layout) >= device.num_qubits):
        raise BackendError(
            f"Argument `layout` must name {width} of the {device.num_qubits} qubits of {device.name}, but is {layout}."
        )
    fewer = plain_target(device.target, str(device.name)) if plain else None
    where = {"backend": device} if fewer is None else {"target": fewer}
    return generate_preset_pass_manager(
        optimization_level=level,
        **where,
        seed_transpiler=options.seed_transpiler,
        initial_layout=None if layout is None else layout[:width],
    )


def _measured_qubits(compiled: QuantumCircuit) -> tuple[int, ...]:
    """The physical qubit behind each classical bit."""
    where = {}
    for instruction in compiled.data:
        if instruction.operation.name == "measure":
            where[instruction.clbits[0]] = compiled.find_bit(instruction.qubits[0]).index
    (register,) = (r for r in compiled.cregs if r.name == REGISTER)
    return tuple(where[bit] for bit in register)


def _deviation(circuit: QuantumCircuit, compiled: QuantumCircuit) -> float | None:
    """Total variation between the ideal outcomes of both, or None where that would take too long."""
    active = active_qubits(compiled)
    if circuit.num_clbits or len(active) > _CHECKED_QUBITS or len(compiled.data) + len(circuit.data) > _CHECKED_GATES:
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
    small, bits = on_part(compiled, {physical: i for i, physical in enumerate(active_qubits(compiled))})
    out: np.ndarray = Statevector(small).probabilities([bits[b] for b in range(compiled.num_clbits)])
    return out


def on_part(compiled: QuantumCircuit, places: Mapping[int, int]) -> tuple[QuantumCircuit, dict[int, int]]:
    """The gates on these qubits, renumbered, and which of them each classical bit is measured from."""
    small = QuantumCircuit(len(places), global_phase=compiled.global_phase)
    bits = {}
    for instruction in compiled.data:
        physical = [compiled.find_bit(q).index for q in instruction.qubits]
        where = [places[q] for q in physical if q in places]
        if instruction.operation.name == "measure":
            bits[compiled.find_bit(instruction.clbits[0]).index] = where[0]
        elif instruction.operation.name not in ("barrier", "delay"):
            small.append(instruction.operation, where)
    return small, bits


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
