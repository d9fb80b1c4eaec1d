"""Compilation for devices: layouts, the check against lost rotations, and wrong circuits."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector

import qml_dynamics as qd
from qml_dynamics.backends.conformance.contract import random_circuit
from qml_dynamics.backends.device.compile import compile_all, ideal_outcomes, measured
from qml_dynamics.backends.ibm.runtime import fake_device
from qml_dynamics.backends.options import DeviceOptions


def small_rotations(angle: float) -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.t(0)
    for _ in range(20):
        circuit.cp(angle, 0, 1)
        circuit.h(2)
        circuit.cp(angle, 1, 2)
        circuit.h(1)
    circuit.sdg(0)
    circuit.h(range(3))
    return circuit


def test_level_3_loses_small_rotations_and_is_replaced() -> None:
    device = fake_device("fake_manila")
    lossy, plain = compile_all([small_rotations(1e-4), random_circuit(3, 2, 1)], device, DeviceOptions())
    assert lossy.level == 1  # fell back
    assert lossy.deviation is not None
    assert lossy.deviation < 1e-9
    assert plain.level == 3  # nothing lost, so the better circuit stays
    assert plain.circuit.num_nonlocal_gates() > 0


@pytest.mark.parametrize("layout", [None, [4, 0, 2], [2, 3, 1]])
def test_bits_are_logical_qubits_wherever_the_compiler_puts_them(layout: list[int] | None) -> None:
    circuit = random_circuit(3, 3, 5)
    (compiled,) = compile_all([circuit], fake_device("fake_manila"), DeviceOptions(layout=layout))
    ideal = Statevector(circuit).probabilities()
    assert np.abs(ideal - ideal.reshape(2, 2, 2).T.reshape(-1)).max() > 0.05  # a reversed order would show
    assert np.abs(ideal_outcomes(compiled.circuit) - ideal).max() < 1e-9
    assert set(compiled.circuit.count_ops()) <= {"cx", "rz", "sx", "x", "measure", "barrier"}


def test_a_circuit_is_compiled_once_however_often_it_runs() -> None:
    circuit = random_circuit(3, 1, 2)
    a, b = compile_all([circuit, circuit], fake_device("fake_manila"), DeviceOptions())
    assert a is b


def test_fractional_gates_are_used_where_they_are_offered() -> None:
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.rzz(-0.4, 0, 1)
    circuit.rzz(2.2, 1, 2)
    for qubit in range(3):
        circuit.rx(0.3 + 0.5 * qubit, qubit)
    circuit.t(range(3))
    circuit.h(range(3))
    (compiled,) = compile_all([circuit], fake_device("fake_fractional"), DeviceOptions())
    assert compiled.circuit.count_ops()["rzz"] == 2  # one each, where cx would take four
    angles = [i.operation.params[0] for i in compiled.circuit.data if i.operation.name == "rzz"]
    assert all(0 < a <= np.pi / 2 + 1e-12 for a in angles)
    assert compiled.deviation is not None
    assert compiled.deviation < 1e-9


def test_wrong_circuits_are_refused() -> None:
    device = fake_device("fake_manila")
    free, wide = QuantumCircuit(2), QuantumCircuit(6)
    free.rx(Parameter("angle"), 0)
    with pytest.raises(qd.BackendError, match="free parameters"):
        compile_all([free], device, DeviceOptions())
    with pytest.raises(qd.BackendError, match="classical bits"):
        compile_all([measured(QuantumCircuit(2))], device, DeviceOptions())
    with pytest.raises(qd.BackendError, match="at least 6 qubits, but fake_manila has 5"):
        compile_all([wide], device, DeviceOptions())
    with pytest.raises(qd.BackendError, match="must name 3 of the 5 qubits"):
        compile_all([QuantumCircuit(3)], device, DeviceOptions(layout=[1, 2]))
    with pytest.raises(qd.BackendError, match="at least 6 qubits, but fake_manila has 5"):
        qd.backend("aer:noise=fake_manila").sample([wide], 10, [1])
