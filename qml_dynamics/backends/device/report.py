"""Figures from a device's report (a Qiskit ``Target``): gate errors, seconds, expected fidelity, best number of Trotter steps.

Everything is read from the device's own report (a Qiskit ``Target``); nothing here runs a circuit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.errors import BackendError, integer, real

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.providers import BackendV2
    from qiskit.transpiler import Target

    from ..base import Backend

REP_DELAY = 250e-6  # seconds between shots where the device does not say; IBM's default
JOB_SECONDS = 2.0  # what IBM's formula adds for each job
_READOUT = 5e-6  # seconds, where a measurement has no duration in the report
_GATE = 1e-7


@dataclass(frozen=True)
class DeviceErrors:
    """Median rates that a device reports.

    Attributes:
        two_qubit: error of the two-qubit gate with the lowest median error.
        two_qubit_gate: its name.
        one_qubit: error of the ``sx`` gate (or the one-qubit gate with the largest median error).
        readout: probability that a bit is read wrongly.
        two_qubit_time, readout_time: seconds.
        t1, t2: seconds.
    """

    two_qubit: float
    two_qubit_gate: str
    one_qubit: float
    readout: float
    two_qubit_time: float
    readout_time: float
    t1: float
    t2: float

    def __str__(self) -> str:
        return (
            f"{self.two_qubit_gate} error {self.two_qubit:.2e} in {self.two_qubit_time * 1e9:.0f} ns, "
            f"readout error {self.readout:.2e}, T1 {self.t1 * 1e6:.0f} us, T2 {self.t2 * 1e6:.0f} us"
        )


def device_errors(backend: Backend | BackendV2 | Target) -> DeviceErrors:
    """Median error rates and times of a device.

    Args:
        backend: a backend of this library that stands on a device (``"ibm:..."``, a wrapped ``BackendV2``), a Qiskit
            ``BackendV2``, or a ``Target``.

    Raises:
        BackendError: it reports no errors.
    """
    target = target_of(backend)
    two = {name: _rates(target, name) for name in _gates(target, 2)}
    two = {name: rates for name, rates in two.items() if rates}
    one = {name: rates for name in _gates(target, 1) if (rates := _rates(target, name))}
    if not two:
        raise BackendError(f"Argument `backend` must report two-qubit errors, but {_name(backend)} does not.")
    best = min(two, key=lambda name: _median(rate for rate, _ in two[name]))
    single = one.get("sx") or max(one.values(), key=lambda rates: _median(rate for rate, _ in rates), default=[])
    readout = _rates(target, "measure")
    properties = [p for p in (target.qubit_properties or []) if p is not None]
    return DeviceErrors(
        two_qubit=_median(rate for rate, _ in two[best]),
        two_qubit_gate=best,
        one_qubit=_median((rate for rate, _ in single), 0.0),
        readout=_median((rate for rate, _ in readout), 0.0),
        two_qubit_time=_median((time for _, time in two[best] if time), _GATE),
        readout_time=_median((time for _, time in readout if time), _READOUT),
        t1=_median((p.t1 for p in properties if p.t1), math.inf),
        t2=_median((p.t2 for p in properties if p.t2), math.inf),
    )


def noise_floor_steps(error_per_two_qubit_gate: float, gates_per_step: float, constant: float, order: int) -> float:
    """The number of Trotter steps with the smallest total error on a noisy device.

    The formula's error falls as ``C / r^p``, the device's grows as ``r g e``; their sum is smallest at
    ``r* = (p C / (g e))^(1 / (p + 1))``. Below 1 the device cannot run the problem better than not at all.

    Args:
        error_per_two_qubit_gate: e, as in ``device_errors(backend).two_qubit``.
        gates_per_step: g, two-qubit gates of one step after compilation.
        constant: C, the error of one single step over the whole duration.
        order: p of the product formula.

    >>> round(noise_floor_steps(5e-3, 6, 0.99, 2), 2)
    4.04
    """
    e = real(error_per_two_qubit_gate, "error_per_two_qubit_gate", nonnegative=True, error=BackendError)
    g = real(gates_per_step, "gates_per_step", nonnegative=True, error=BackendError)
    c = real(constant, "constant", nonnegative=True, error=BackendError)
    p = integer(order, "order", 1, 20, BackendError)
    if e * g == 0:
        return math.inf
    return float((p * c / (g * e)) ** (1.0 / (p + 1)))


def expected_fidelity(circuit: QuantumCircuit, backend: Backend | BackendV2 | Target) -> float:
    """Product of ``1 - error`` over all gates and measurements of a compiled circuit: an estimate, idle qubits not counted.

    Args:
        circuit: compiled for the device: its instructions act on physical qubits.
        backend: as in :func:`device_errors`.
    """
    target = target_of(backend)
    log = 0.0
    for name, qubits in _instructions(circuit):
        error = _property(target, name, qubits, "error")
        if error:
            log += math.log1p(-min(error, 1.0 - 1e-12))
    return math.exp(log)


def circuit_seconds(circuit: QuantumCircuit, backend: Backend | BackendV2 | Target) -> float:
    """Duration of one shot in seconds: the longest path through the reported durations, measurement included."""
    target = target_of(backend)
    busy = np.zeros(circuit.num_qubits)
    for name, qubits in _instructions(circuit, barriers=True):
        index = list(qubits)
        time = 0.0 if name == "barrier" else _property(target, name, qubits, "duration")
        if time is None:
            time = _READOUT if name == "measure" else _GATE if len(index) > 1 else 0.0
        busy[index] = busy[index].max(initial=0.0) + time
    return float(busy.max(initial=0.0))


def quantum_seconds(circuits: Sequence[QuantumCircuit], shots: int, target: Backend | BackendV2 | Target) -> float:
    """Seconds that a device is busy: ``sum over circuits of shots (rep_delay + duration)``. A LOWER bound.

    ``rep_delay`` is the pause between shots (the device's default, else 250 us) and ``duration`` the longest path through the
    compiled circuit. Left out are what vendors add and do not publish: loading a job (seconds), twirled copies being
    rebuilt, resets of the control system.

    Args:
        circuits: compiled for the device.
        shots: of each circuit.
        target: as ``backend`` in :func:`device_errors`.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.transpiler import Target
    >>> idle = QuantumCircuit(1)
    >>> quantum_seconds([idle], 4000, Target(num_qubits=1))
    1.0
    """
    delay = rep_delay(target)
    return float(sum(shots * (delay + circuit_seconds(circuit, target)) for circuit in circuits))


def vendor_seconds(
    circuits: Sequence[QuantumCircuit], shots: int, target: Backend | BackendV2 | Target, jobs: int = 1
) -> float:
    """Seconds that IBM says a job is charged: ``2 s + (rep_delay + duration) x executions``, summed over jobs.

    The formula of its documentation for sampled circuits without error suppression; with nothing known of a circuit it
    says 0.35 ms an execution. ``duration`` is read from the compiled circuits here. Arguments as :func:`quantum_seconds`.
    """
    return JOB_SECONDS * jobs + quantum_seconds(circuits, shots, target)


def rep_delay(backend: Backend | BackendV2 | Target) -> float:
    """Seconds between two shots by default: what the device reports, else 250 us."""
    device = getattr(backend, "device", backend)
    for holder in (device, _called(device, "configuration")):
        value = getattr(holder, "default_rep_delay", None)
        if isinstance(value, (int, float)):
            return float(value)
    return REP_DELAY


def target_of(backend: Backend | BackendV2 | Target) -> Any:
    """The Qiskit ``Target`` behind a backend of this library, a ``BackendV2``, or a ``Target`` itself."""
    for candidate in (backend, getattr(backend, "device", None)):
        target = getattr(candidate, "target", None)
        if hasattr(target, "operation_names"):
            return target
    if hasattr(backend, "operation_names"):
        return backend
    raise BackendError(f"Argument `backend` must stand on a device that reports its errors, but is {_name(backend)}.")


def _called(holder: object, name: str) -> Any:
    method = getattr(holder, name, None)
    return method() if callable(method) else None


def _name(backend: Backend | BackendV2 | Target) -> str:
    return str(getattr(backend, "name", None) or type(backend).__name__)


def _gates(target: Target, width: int) -> list[str]:
    out = []
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        if getattr(operation, "num_qubits", None) == width and name not in ("measure", "reset", "delay", "barrier"):
            out.append(name)
    return out


def _rates(target: Target, name: str) -> list[tuple[float, float | None]]:
    """(error, seconds) of every reported place of an instruction; places that are switched off (error 1) left out."""
    if name not in target.operation_names or target[name] is None:
        return []
    found = [p for p in target[name].values() if p is not None and p.error is not None and p.error < 1]
    return [(float(p.error), p.duration) for p in found]


def _median(values: Iterable[float], default: float | None = None) -> float:
    known = list(values)
    return float(np.median(known)) if known or default is None else default


def _instructions(circuit: QuantumCircuit, barriers: bool = False) -> list[tuple[str, tuple[int, ...]]]:
    out = []
    for instruction in circuit.data:
        name = instruction.operation.name
        if name == "barrier" and not barriers:
            continue
        out.append((name, tuple(circuit.find_bit(q).index for q in instruction.qubits)))
    return out


def _property(target: Target, name: str, qubits: tuple[int, ...], what: str) -> float | None:
    if name not in target.operation_names or target[name] is None:
        return None
    places = target[name]
    found = places.get(qubits) or places.get(tuple(reversed(qubits)))
    value = getattr(found, what, None)
    return None if value is None else float(value)
