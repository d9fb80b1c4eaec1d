"""The measured variational mode on Aer with noise, on a simulated IBM device, and on PennyLane's devices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, depolarizing_error

import qml_dynamics as qd

OPERATOR = SparsePauliOp(["ZZ", "XI", "IZ"], [-1, 0.5, 0.3])
SHOTS = 2000


def ansatz() -> Any:
    theta = ParameterVector("theta", 2)
    circuit = QuantumCircuit(2)
    circuit.ry(theta[0], 0)
    circuit.cx(0, 1)
    circuit.ry(theta[1], 1)
    return qd.ansatz.from_circuit(circuit, [0.9, 0.7])


def problem(clock: str) -> qd.Problem:
    return qd.Problem.from_operator(OPERATOR, clock=clock, duration=0.6, initial=ansatz().state())


def method(**options: Any) -> qd.Variational:
    return qd.Variational(ansatz(), 3, **{"regularisation": 1e-3, **options})


@pytest.fixture(scope="module")
def exact() -> qd.Trajectory:
    run = qd.evolve(problem("imaginary"), method())
    assert run.expectations["energy"].value[0] - run.expectations["energy"].value[-1] > 0.3
    return run


@pytest.mark.parametrize(
    "name",
    [
        "statevector",
        "aer",
        "aer:density_matrix",
        pytest.param("aer:matrix_product_state", marks=pytest.mark.slow),
        "pennylane:default.qubit",
        "ibm:aer",
    ],
)
@pytest.mark.parametrize("kind", ["shift", "hadamard"])
def test_noiseless_backends_agree_within_shot_noise(name: str, kind: str, exact: qd.Trajectory) -> None:
    run = qd.evolve(problem("imaginary"), method(metric=kind), backend=name, shots=SHOTS, seed=11)
    energy = run.expectations["energy"]
    spread = np.hypot(energy.stderr[-1], run.diagnostics["energy_flow_stderr"][-1])
    assert 0 < spread < 0.15
    assert energy.value[-1] == pytest.approx(exact.expectations["energy"].value[-1], abs=4 * spread + 0.02)
    away = np.abs(run.parameters[-1] - exact.parameters[-1])
    assert np.all(away < 4 * run.diagnostics["theta_stderr"][-1] + 0.05)
    assert run.provenance["backend"] == name
    assert run.counts["weight"][-1].shots == SHOTS


def test_where_seeds_decide_the_counts_all_backends_walk_the_same_path() -> None:
    names = ("statevector", "aer", "pennylane:default.qubit")
    runs = [qd.evolve(problem("imaginary"), method(), backend=name, shots=400, seed=6) for name in names]
    assert np.abs(runs[0].parameters[-1] - runs[0].parameters[0]).max() > 0.1
    for run in runs[1:]:  # rounding of the last bit of a probability may move a count from one outcome to the next
        assert run.parameters == pytest.approx(runs[0].parameters, abs=0.02)


@pytest.mark.parametrize(
    ("name", "shots"),
    [
        ("noisy", SHOTS),
        pytest.param("ibm:fake_manila", 1000, marks=pytest.mark.slow),
        ("aer:noise=fake_manila", SHOTS),
    ],
)
def test_noisy_backends_still_go_downhill(name: str, shots: int, exact: qd.Trajectory) -> None:
    backend: Any = name
    if name == "noisy":
        model = NoiseModel(basis_gates=["cx", "rz", "sx", "x"])
        model.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), ["cx"])
        backend = qd.backend("aer", noise_model=model)
    run = qd.evolve(problem("imaginary"), method(metric="hadamard"), backend=backend, shots=shots, seed=2)
    energy = run.expectations["energy"]
    assert energy.value[0] - energy.value[-1] > 0.2
    assert energy.value[-1] == pytest.approx(exact.expectations["energy"].value[-1], abs=0.35)
    ideal = ansatz().state(run.parameters[-1])
    bare = np.vdot(ideal, OPERATOR.to_matrix() @ ideal).real
    assert bare == pytest.approx(
        exact.expectations["energy"].value[-1], abs=0.2
    )  # the parameters are better than the readings


def test_exact_noisy_probabilities_need_no_shots() -> None:
    run = qd.evolve(problem("imaginary"), method(metric="hadamard"), backend="aer:noise=fake_manila")
    assert run.counts is None
    assert np.all(run.diagnostics["energy_stderr"] == 0)
    assert run.diagnostics["energy"][-1] < run.diagnostics["energy"][0] - 0.2


def test_real_time_on_a_pennylane_device() -> None:
    run = qd.evolve(problem("real"), method(), backend="pennylane:default.qubit", shots=SHOTS, seed=4)
    reference = qd.evolve(problem("real"), method(regularisation=float(run.diagnostics["regularisation"].mean())))
    assert (
        np.abs(run.parameters[-1] - reference.parameters[-1]).max()
        < 5 * run.diagnostics["theta_stderr"][-1].max() + 0.05
    )
    assert run.diagnostics["bound"][-1] > 0


@pytest.mark.filterwarnings("ignore:The wave has:UserWarning")
def test_a_learning_problem_is_measured_in_both_bases() -> None:
    well = qd.Problem(
        qd.Grid((-2, 2), 2),
        lambda w: (w[:, 0] - 0.4) ** 2,
        0.3,
        clock="imaginary",
        duration=0.6,
        initial=qd.Gaussian(-0.8, 0.8),
    )
    variational = qd.Variational(qd.ansatz.hardware_efficient(1), 3, metric="hadamard", regularisation=1e-3)
    exact = qd.evolve(well, variational)
    run = qd.evolve(well, variational, backend="aer", shots=SHOTS, seed=3)
    noisy = qd.evolve(well, variational, backend="aer:noise=fake_manila", shots=SHOTS, seed=3)
    assert exact.expectations["energy"].value[0] - exact.expectations["energy"].value[-1] > 1.2
    assert noisy.expectations["energy"].value[0] - noisy.expectations["energy"].value[-1] > 1.0
    for name in ("energy", "objective", "kinetic"):
        value = run.expectations[name]
        assert value.value[-1] == pytest.approx(exact.expectations[name].value[-1], abs=5 * value.stderr[-1] + 0.05)
    assert noisy.expectations["kinetic"].value[0] > exact.expectations["kinetic"].value[0] + 0.5  # noise heats
    assert set(run.counts) == {"weight", "dual"}
    assert run.best is not None


def test_training_on_a_noisy_device() -> None:
    theta, x = ParameterVector("theta", 2), ParameterVector("x", 1)
    circuit = QuantumCircuit(1)
    circuit.ry(theta[0], 0)
    circuit.ry(x[0], 0)
    circuit.ry(theta[1], 0)
    features = np.array([[-1.2], [-0.7], [0.8], [1.3]])
    labels = np.array([0, 0, 1, 1])
    result = qd.train(
        circuit,
        "cross_entropy",
        [0.2, 0.1],
        steps=5,
        learning_rate=0.6,
        features=features,
        labels=labels,
        inputs=x,
        backend="aer:noise=fake_manila",
        shots=500,
        seed=1,
        metric="hadamard",
    )
    assert result.loss[-1] < result.loss[0] - 0.2
    assert result.score(features, labels) == 1.0
