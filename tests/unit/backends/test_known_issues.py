"""Guards against faults of dependencies (docs/known_issues.md) that no other test looks at."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit_aer.noise import NoiseModel, depolarizing_error

import qml_dynamics as qd
from qml_dynamics.backends.ibm.runtime import fake_device, noise_of, readout_errors, sampler
from qml_dynamics.backends.options import DeviceOptions
from qml_dynamics.synthesis.states import prepare


def test_a_smooth_wave_on_ten_qubits_is_prepared() -> None:
    grid = qd.Grid((-6, 6), 10)
    wave = np.exp(-((grid.axes[0] - 0.7) ** 2) / 3)
    wanted = wave / np.linalg.norm(wave)
    made = Statevector(prepare(qd.State(wave), grid)).data
    assert abs(np.vdot(wanted, made)) ** 2 == pytest.approx(
        1, abs=1e-9
    )  # angles are good to 1e-7 or so where amplitudes vanish
    assert np.abs(wanted).max() < 0.1  # spread over many points


def test_gates_that_a_noise_model_does_not_name_are_noisy_too() -> None:
    model = NoiseModel(basis_gates=["cx", "rz", "sx", "x", "id"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), "cx")
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.rzz(0.7, 0, 1)
    circuit.rx(0.4, 0)
    (noisy,) = qd.backend("aer", noise_model=model).probabilities([circuit])
    (ideal,) = qd.backend("aer").probabilities([circuit])
    assert noisy.sum() == pytest.approx(1, abs=1e-12)
    # RZZ is two CX, each of which mixes a tenth of the state to the uniform one: what is above uniform shrinks
    assert np.ptp(noisy) < 0.9 * np.ptp(ideal)
    assert np.ptp(ideal) > 0.1


def test_readout_errors_keep_their_two_directions() -> None:
    device = fake_device("fake_manila")
    planted = {0: (0.2, 0.05), 1: (0.01, 0.1)}  # 0 read as 1, and 1 read as 0
    found = {
        tuple(e["gate_qubits"][0]): e["probabilities"]
        for e in noise_of(device, planted).to_dict()["errors"]
        if e["type"] == "roerror"
    }
    assert np.allclose(found[(0,)], [[0.8, 0.2], [0.05, 0.95]])
    assert np.allclose(found[(1,)], [[0.99, 0.01], [0.1, 0.9]])
    reported = readout_errors(device)
    assert any(abs(up - down) > 1e-3 for up, down in reported.values())  # the device's own are not symmetric either


@pytest.mark.parametrize(("fractional", "group"), [(True, "local_pauli"), (False, "pauli")])
def test_twirled_fractional_gates_take_the_local_pauli_group(fractional: bool, group: str) -> None:
    options = DeviceOptions(twirling="gates", fractional_gates=fractional)
    assert sampler(fake_device("fake_manila"), options, None, 1).options.twirling.group == group


def test_our_tests_are_not_those_of_another_package(pytestconfig: pytest.Config) -> None:
    assert (
        pytestconfig.getoption("importmode") == "importlib"
    )  # the other modes would take a top-level `tests` for ours
