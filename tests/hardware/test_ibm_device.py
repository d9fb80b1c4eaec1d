"""A real IBM device, by a person with an account; at most 15 seconds of its time.

QML_DYNAMICS_IBM_DEVICE=ibm_fez python -m pytest -m hardware tests/hardware/test_ibm_device.py
"""

from __future__ import annotations

import os
import time
import uuid
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.backends.base import Asked
from qml_dynamics.backends.conformance.contract import phase_circuits, random_circuit
from qml_dynamics.backends.device.report import device_errors, expected_fidelity
from qml_dynamics.model.pauli import pauli_sum

pytestmark = pytest.mark.hardware
SHOTS = 1000


def test_a_device_keeps_order_signs_and_structure() -> None:
    """One job of eleven small circuits: each bit, each phase, and two random circuits."""
    device = qd.backend(f"ibm:{os.environ['QML_DYNAMICS_IBM_DEVICE']}", max_seconds=10, readout_mitigation="calibrated")
    circuits, expected = [], []
    for qubit in range(3):
        flip = QuantumCircuit(3)
        flip.x(qubit)
        circuits.append(flip)
        expected.append(1 << qubit)
    for _, circuit, outcome in phase_circuits():
        circuits.append(circuit)
        expected.append(outcome)
    random = [random_circuit(3, 1, 1), random_circuit(3, 2, 2)]
    work = [p.circuit for p in device.programs([*circuits, *random], SHOTS, [1] * 11)]  # type: ignore[attr-defined]
    assert device.seconds([*circuits, *random], SHOTS) < 7  # type: ignore[attr-defined]
    counts = device.sample([*circuits, *random], SHOTS, [1] * 11)
    for answer, outcome in zip(counts, expected):
        assert answer.histogram(8)[outcome] > 0.8
    for answer, ideal in zip(counts[-2:], qd.backend("statevector").probabilities(random)):
        assert 0.5 * np.abs(answer.histogram(8) - ideal).sum() < 0.2
    assert device_errors(device).two_qubit < 0.1
    assert min(expected_fidelity(circuit, device) for circuit in work) > 0.3
    assert device.describe()["mode"] == "cloud"


def test_operators_by_the_runtimes_own_extrapolation() -> None:
    """One job of the estimator: a Bell pair, measured in one basis at two noise factors."""
    device = qd.backend(f"ibm:{os.environ['QML_DYNAMICS_IBM_DEVICE']}", max_seconds=5, zne=(1, 3))
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    asked = Asked(bell, (pauli_sum(SparsePauliOp(["ZZ"])),))
    assert device.seconds([asked], SHOTS) < 3  # type: ignore[attr-defined]
    (answer,) = device.estimate([asked], SHOTS, [1])  # type: ignore[attr-defined]
    assert 0 < answer.stderr[0] < 0.2
    assert abs(answer.value[0] - 1.0) < 0.2 + 4 * answer.stderr[0]


def test_two_jobs_run_in_one_batch() -> None:
    """IBM's batch mode, and both jobs after it was closed; every plan has it."""
    device: Any = qd.backend(f"ibm:{os.environ['QML_DYNAMICS_IBM_DEVICE']}", max_seconds=3)
    flip = QuantumCircuit(2)
    flip.x(1)
    opened = device.open_batch()
    jobs = [opened.backend.submit([flip], 100, [1], f"qml-dynamics-{uuid.uuid4().hex[:12]}") for _ in range(2)]
    opened.close()
    assert {device.service.job(job).session_id for job in jobs} == {opened.id}
    for job in jobs:
        while device.status(job) in ("queued", "running"):
            time.sleep(5.0)
        (counts,) = device.collect(job)
        assert counts.histogram(4)[2] > 0.8
