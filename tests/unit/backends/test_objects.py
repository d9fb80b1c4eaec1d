"""Backend objects that people bring: devices without wires, simulators that cannot, devices that may be real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

import qml_dynamics as qd
from qml_dynamics.backends import assert_valid_backend
from qml_dynamics.base.errors import UnusedArgumentWarning
from qml_dynamics.runs import open_run, submit
from qml_dynamics.runs.units import repeatable, unit


class Vendor(GenericBackendV2):
    """A device of another house, which may be a real one: its time is money."""

    def __init__(self, log: Path | None = None, fails_at: int = 0) -> None:
        super().__init__(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], noise_info=False, seed=3)
        self.log, self.fails_at = log, fails_at
        self.seeds: list[Any] = []

    def run(self, run_input: Any, **options: Any) -> Any:
        self.seeds.append(options.pop("seed_simulator", None))
        if self.log is not None:
            with self.log.open("a") as lines:
                lines.write(f"{len(run_input)}\n")
            if self.fails_at and len(self.log.read_text().split()) == self.fails_at:
                raise ConnectionResetError("reset while it ran")
        return super().run(run_input, **options)


def walls() -> qd.Problem:
    return qd.Problem(
        qd.Grid((-3, 3), 2, boundary="walls"), lambda w: 0.4 * (w[:, 0] - 0.8) ** 2, 0.4, clock="real", duration=0.8,
        initial=qd.Gaussian(-1.0, 0.7),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit", "default.mixed"])
def test_pennylane_devices_without_wires(name: str) -> None:
    """They take wires in the order in which a tape names them, and only those: idle and late qubits count all the same."""
    device = qd.backend(qml.device(name))
    assert_valid_backend(device, repeats=20)
    run = qd.evolve(
        walls(), qd.Trotter(1), backend=device, shots=3000, seed=2, save=[0.4, 0.8]
    )  # an ancilla idles at first
    assert qd.compare(run, qd.evolve(walls(), qd.Trotter(1), save=[0.4, 0.8])).agree


def test_options_of_pennylane_devices() -> None:
    with pytest.raises(qd.BackendError, match=r"`wires` must not be given for pennylane:default\.qubit"):
        qd.backend("pennylane:default.qubit", wires=4)
    with pytest.raises(qd.BackendError, match=r"`shots` must be given to the call that runs"):
        qd.backend("pennylane:default.qubit", shots=100)
    with pytest.raises(qd.BackendError, match=r"`analytic` must be True, False or None, but is 'no'"):
        qd.backend("pennylane:default.qubit", analytic="no")
    with pytest.warns(UnusedArgumentWarning, match="shots that are set in pennylane:default.qubit take no part"):
        device = qd.backend(qml.device("default.qubit", wires=["b", "a", 3], shots=7))
    run = qd.evolve(walls(), qd.Trotter(1), backend=device, shots=40, seed=1)
    assert run.shots == 40


def test_a_pennylane_device_that_changes_circuits_is_not_called_ideal() -> None:
    """``add_noise`` keeps the name of the device: here it turns each RX by 0.3 more."""
    model = qml.NoiseModel({qml.noise.op_eq(qml.RX): qml.noise.partial_wires(qml.RX, 0.3)})
    device = qd.backend(qml.noise.add_noise(qml.device("default.qubit", wires=1), model))
    assert (device.capabilities.noisy, device.capabilities.exact) == (True, False)
    assert device.describe()["noise"] == "unknown"
    plain = qd.backend(qml.device("default.qubit", wires=1))
    assert (plain.capabilities.noisy, plain.capabilities.exact) == (False, True)
    turn = QuantumCircuit(1)
    turn.rx(0.5, 0)
    assert device.probabilities([turn])[0][1] == pytest.approx(np.sin(0.4) ** 2, rel=1e-9)
    assert plain.probabilities([turn])[0][1] == pytest.approx(np.sin(0.25) ** 2, rel=1e-9)
    depolarising = qml.NoiseModel({qml.noise.op_eq(qml.RX): qml.noise.partial_wires(qml.DepolarizingChannel, 0.1)})
    lost = qd.backend(qml.noise.add_noise(qml.device("default.qubit", wires=1), depolarising))
    with pytest.raises(qd.BackendError, match="MatrixUndefinedError: it says no more"):
        lost.probabilities([turn])


def test_options_that_are_true_or_false_are_just_that() -> None:
    with pytest.raises(qd.BackendError, match="`fractional_gates` must be True or False, but is 'no'"):
        qd.backend("ibm:fake_manila", fractional_gates="no")


@pytest.mark.parametrize("method", ["stabilizer", "extended_stabilizer", "unitary", "superop"])
def test_simulators_that_cannot_run_our_circuits(method: str) -> None:
    with pytest.raises(qd.BackendError, match=rf"rotations by any angle .* method '{method}'"):
        qd.backend(AerSimulator(method=method))


def test_a_near_miss_of_a_local_device_is_named_where_there_is_no_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from qml_dynamics.backends.ibm import runtime

    def nobody() -> Any:
        raise ValueError("Unable to find account.")

    monkeypatch.setattr(runtime, "QiskitRuntimeService", nobody)
    with pytest.raises(qd.BackendError, match=r"Or did you mean 'ibm:fake_manila'\?$"):
        qd.backend("ibm:fak_manila")
    with pytest.raises(qd.BackendError, match=r"Unable to find account\.$"):
        qd.backend("ibm:ibm_fez")


def test_the_report_of_a_device_fails_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    class Offline(Vendor):
        @property
        def target(self) -> Any:
            if getattr(self, "seeds", None):
                raise ConnectionError("no route with token=planted-1234")
            return super().target

    device = Offline()
    device.seeds.append(None)
    with pytest.raises(qd.BackendError, match=r"for its report failed: ConnectionError: .*\[hidden\]") as caught:
        qd.evolve(walls(), qd.Trotter(1), backend=device, shots=10)
    assert "planted" not in str(caught.value)
    assert caught.value.__context__ is None


def test_objects_are_not_repeated_with_what_they_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "planted-token-987654")
    account = type("Account", (), {"__repr__": lambda self: "Account(planted-token-987654)"})()
    for call in (lambda: qd.backend(account), lambda: qd.backend("aer", estimator=account)):
        with pytest.raises(qd.BackendError, match=r"an object of type Account\."):
            call()


def test_a_device_that_may_be_real_is_not_seeded_nor_run_twice_unasked(tmp_path: Path) -> None:
    """Of Qiskit's own simulators we know that a repetition costs nothing."""
    own, other = qd.backend(GenericBackendV2(3, seed=1)), qd.backend(Vendor())
    assert (own.seeding, other.seeding) == ("circuit", "none")  # type: ignore[attr-defined]
    assert qd.backend(BackendEstimatorV2(backend=Vendor())).seeding == "none"  # type: ignore[attr-defined]
    assert (repeatable(other), unit(other, [None] * 5, 10)) == (False, 1)
    device = Vendor(tmp_path / "log")
    assert qd.evolve(walls(), qd.Trotter(1), backend=device, shots=30, seed=2).shots == 30
    assert (tmp_path / "log").read_text().split() == ["4"]  # one call for all circuits
    assert device.seeds == [None]
    device = Vendor(tmp_path / "ran", fails_at=2)
    ask: dict[str, Any] = {"shots": 30, "seed": 2, "folder": tmp_path / "run", "quiet": True}
    with pytest.raises(qd.BackendError, match="ConnectionResetError"):
        submit(walls(), qd.Trotter(1), backend=device, **ask)
    run = open_run(tmp_path / "run", backend=Vendor(tmp_path / "ran"))
    assert run.resume().count("unknown") == 1
    assert len((tmp_path / "ran").read_text().split()) == 4  # the other circuits, and this one not again
    assert run.resume(resend=True).complete
    assert run.fetch() is not None


def test_a_sampler_of_a_device_that_is_too_small() -> None:
    wide = qd.Problem(qd.Hypercube(6), lambda w: w[:, 0], 0.4, clock="real", duration=0.1)
    for small in (Vendor(), BackendSamplerV2(backend=Vendor()), BackendEstimatorV2(backend=Vendor())):
        with pytest.raises(qd.BackendError, match="must have at least 6 qubits, but generic_backend_5q has 5"):
            qd.evolve(wide, qd.Trotter(1), backend=small, shots=10)


def test_an_operator_beside_walls_goes_to_the_estimator_without_the_ancilla() -> None:
    """The circuit is wider than the register that the operator acts on."""
    seen = {"yz": SparsePauliOp(["IX", "ZI"], [1.0, 0.5])}
    device = qd.backend("ibm:aer", zne=(1, 3))
    run = qd.evolve(walls(), qd.Trotter(1), backend=device, shots=2000, seed=1, observables=seen, save=[0.8])
    truth = qd.evolve(walls(), qd.Trotter(1), observables=seen, save=[0.8]).expectations["yz"]
    assert run.diagnostics["estimated"] == ("yz",)
    told = run.expectations["yz"]
    assert abs(truth.value[0]) > 0.1
    assert abs(told.value[0] - truth.value[0]) < 4 * told.stderr[0] < 0.6
