"""Backends by name: what there is, what is missing, and messages for what is wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

import qml_dynamics as qd
from qml_dynamics.backends import available, names
from qml_dynamics.backends.conformance.contract import random_circuit


def test_listing_backends_loads_no_vendor() -> None:
    code = (
        "import sys\nfrom qml_dynamics.backends import available\n"
        "rows = available()\nassert len(rows) > 8\n"
        "print([m for m in ('qiskit', 'qiskit_aer', 'pennylane', 'qiskit_ibm_runtime', 'braket') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_installed_row_without_a_blank_opens_and_tells_the_truth() -> None:
    seen = 0
    for row in available():
        if not row.installed or "<" in row.name or row.kind == "device" or "braket" in row.name:
            continue
        device = qd.backend(row.name)
        assert device.name == row.name
        assert device.exact == row.exact, row.name
        seen += 1
    assert seen >= 8


def test_rows_tell_devices_from_simulators() -> None:
    rows = {row.name: row for row in available()}
    assert rows["ibm:<device>"].kind == "device"
    assert rows["ibm:fake_<device>"].noise == "simulated"
    assert rows["pennylane:braket.local.qubit"].kind == "simulator"
    assert not any("qutrit" in name or "gaussian" in name for name in rows)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("statevecter", "'statevector'"),
        ("aer:density", "'aer:density_matrix'"),
        ("aer:noise=fake_manla", "'fake_manila'"),
        ("ibm:fake_manla", "'fake_manila'"),
        ("pennylane:default.qubits", "'default.qubit'"),
        ("pennylane:lightning", "'lightning.qubit'"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(qd.BackendError, match=f"Did you mean .*{near}"):
        qd.backend(wrong)


def test_a_missing_extra_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(names.EXTRAS, "ibm", "a_package_that_nobody_has")
    for name in ("ibm:fake_manila", "aer:noise=fake_manila", "ibm:ibm_fez"):
        with pytest.raises(qd.BackendError, match=r'pip install "qml-dynamics\[ibm\]"'):
            qd.backend(name)
    rows = {row.name: row for row in available()}
    assert not rows["ibm:aer"].installed
    assert rows["ibm:aer"].install == 'pip install "qml-dynamics[ibm]"'


def test_a_missing_plug_in_of_pennylane_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(names.EXTRAS, "braket", "a_package_that_nobody_has")
    monkeypatch.setattr("qml_dynamics.backends.pennylane_devices", lambda: ["default.qubit"])
    with pytest.raises(qd.BackendError, match=r'pip install "qml-dynamics\[braket\]"'):
        qd.backend("pennylane:braket.local.qubit")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("statevector", {"seed": 1}, "must be empty"),
        ("aer", {"noise": 1}, "'noise_model'"),
        ("ibm:fake_manila", {"twirlling": True}, "'twirling'"),
        ("ibm:fake_manila", {"zne": (1, 2)}, "odd ascending"),
        ("ibm:fake_manila", {"zne": (3, 5)}, "from 1 on"),
        ("ibm:fake_manila", {"optimization_level": 4}, "between 0 and 3"),
        ("ibm:fake_manila", {"layout": [1, 1]}, "each physical qubit once"),
        ("ibm:fake_manila", {"readout_mitigation": "measured"}, "reported, calibrated"),
        ("ibm:fake_manila", {"dynamical_decoupling": "YY"}, "XX, XpXm, XY4"),
        ("ibm:aer", {"dynamical_decoupling": True}, "take no time"),
        ("aer:noise=fake_manila", {"zne": True}, "precision"),
    ],
)
def test_wrong_options_are_refused(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(qd.BackendError, match=said):
        qd.backend(name, **options)


def test_wrong_objects_are_refused() -> None:
    for wrong in (3, None, object(), StopIteration):
        with pytest.raises(qd.BackendError, match="must be a name or a backend object"):
            qd.backend(wrong)


def test_a_device_without_an_account_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("QISKIT_IBM_TOKEN", "QISKIT_IBM_INSTANCE", "QISKIT_IBM_URL", "QISKIT_IBM_CHANNEL"):
        monkeypatch.delenv(name, raising=False)
    code = "import qml_dynamics as qd\ntry:\n    qd.backend('ibm:ibm_fez')\nexcept qd.BackendError as error:\n    print(error)"
    out = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert "save_account" in out.stdout
    assert "QISKIT_IBM_TOKEN" in out.stdout


def test_aer_objects_keep_what_they_are_made_with() -> None:
    """A simulator that stands for a device keeps its couplings, whose missing pairs have no error in any noise model."""
    plain = qd.backend(AerSimulator(method="density_matrix", precision="single"))
    assert (plain.name, plain.method, plain.precision) == ("aer", "density_matrix", "single")  # type: ignore[attr-defined]
    fake = AerSimulator.from_backend(FakeManilaV2())
    circuit = random_circuit(4, 2, 3)
    device = qd.backend(fake)
    (compiled,) = device.compiled([circuit])  # type: ignore[attr-defined]
    pairs = {
        tuple(compiled.circuit.find_bit(q).index for q in i.qubits) for i in compiled.circuit.data if len(i.qubits) == 2
    }
    assert pairs <= {tuple(pair) for pair in fake.coupling_map}
    (noisy,), (ideal,) = device.sample([circuit], 2000, [1]), qd.backend("statevector").probabilities([circuit])
    assert 0.05 < 0.5 * np.abs(noisy.histogram(16) - ideal).sum() < 0.5
    narrow = AerSimulator(method="matrix_product_state", matrix_product_state_max_bond_dimension=1)
    (cut,) = qd.backend(narrow).sample([bell()], 200, [1])
    assert len(cut.index) == 1  # the option is not lost: one bond cannot hold a Bell pair
    assert len(qd.backend("aer:matrix_product_state").sample([bell()], 200, [1])[0].index) == 2


def bell() -> QuantumCircuit:
    out = QuantumCircuit(2)
    out.h(0)
    out.cx(0, 1)
    return out


def test_noise_can_be_switched_off_on_fake_devices_only() -> None:
    assert not qd.backend("ibm:fake_manila", device_noise=False).noisy  # type: ignore[attr-defined]
    with pytest.raises(qd.BackendError, match="`device_noise` must be True or False"):
        qd.backend("ibm:fake_manila", device_noise="off")
    with pytest.raises(qd.BackendError, match="`device_noise` must be True"):
        qd.backend(GenericBackendV2(3, seed=1), device_noise=False)
