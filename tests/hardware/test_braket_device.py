"""A device of Amazon Braket, by a person with an account: about a cent on SV1, more on hardware.

    QML_DYNAMICS_BRAKET_ARN=arn:aws:braket:::device/quantum-simulator/amazon/sv1 \\
        python -m pytest -m hardware tests/hardware/test_braket_device.py
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from qiskit import QuantumCircuit

import qml_dynamics as qd
from qml_dynamics.backends.conformance.contract import random_circuit

pytestmark = pytest.mark.hardware
SHOTS = 500


def test_a_braket_device_keeps_order_and_structure() -> None:
    device = qd.backend("pennylane:braket.aws.qubit", device_arn=os.environ["QML_DYNAMICS_BRAKET_ARN"])
    flip = QuantumCircuit(3)
    flip.x(0)
    random = random_circuit(3, 1, 1)
    first, second = device.sample([flip, random], SHOTS, [1, 2])
    assert first.shots == SHOTS
    assert first.histogram(8)[1] > 0.8
    (ideal,) = qd.backend("statevector").probabilities([random])
    assert 0.5 * np.abs(second.histogram(8) - ideal).sum() < 0.2
