"""Training: derivatives, optimisers on the same budget, a real data set, QNodes, and bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp, Statevector

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError
from qml_dynamics.learning.training.account import Exact, Sampled
from qml_dynamics.learning.training.losses import Statement, cross_entropy, log_likelihood, squared, state_task
from qml_dynamics.model.objectives import load_data

IRIS = Path(__file__).parents[3] / "circuits" / "iris_neuron" / "iris.csv"
INPUTS = ParameterVector("x", 2)
OPERATOR = SparsePauliOp(["ZZ", "XI", "IX", "YZ"], [-1, 0.6, 0.5, 0.3])


def classifier(layers: int = 2) -> QuantumCircuit:
    """Two qubits; the features are loaded in every layer."""
    theta = ParameterVector("theta", 4 * layers)
    circuit = QuantumCircuit(2)
    for layer in range(layers):
        for q in (0, 1):
            circuit.ry(INPUTS[q], q)
            circuit.rz(theta[4 * layer + 2 * q], q)
            circuit.ry(theta[4 * layer + 2 * q + 1], q)
        circuit.cx(1, 0)
    return circuit


def iris() -> Any:
    return load_data(
        IRIS, target="species", classes=("versicolor", "virginica"), features=["petal_length", "petal_width"], seed=1
    )


def start(seed: int = 0, count: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=count) * 0.4


def brute_loss(circuit: QuantumCircuit, theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Cross-entropy by Qiskit's own simulator."""
    total = 0.0
    for row, label in zip(x, y):
        values = dict(zip(INPUTS, row)) | dict(zip([p for p in circuit.parameters if p not in list(INPUTS)], theta))
        p = Statevector(circuit.assign_parameters(values)).probabilities([0])
        total -= np.log(p[int(label)])
    return total / len(y)


@pytest.mark.parametrize("loss", ["cross_entropy", "own", "probabilities"])
def test_the_gradient_and_the_metric_are_those_of_the_loss(loss: str) -> None:
    data, circuit, theta = iris(), classifier(), start(3)
    x, y = data.X_train[:6], data.y_train[:6]
    operators = [SparsePauliOp(["IZ", "YX"], [1.0, 0.4]), SparsePauliOp(["ZI"])]
    given = {
        "cross_entropy": ("cross_entropy", None),
        "own": (lambda out, labels: np.sin(out[:, 0]) * out[:, 1] + labels * out[:, 1] ** 2, operators),
        "probabilities": ("cross_entropy", "probabilities"),
    }[loss]
    task = state_task(Statement(circuit, given[0], theta, x, y, list(INPUTS), given[1])).task
    report = Exact(task).report(theta, x, y)
    if loss == "cross_entropy":
        assert report.loss == pytest.approx(brute_loss(circuit, theta, x, y))
    numeric = []
    for k in range(8):
        ends = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[k] += sign * 1e-4
            ends.append(task.losses(Exact(task).outputs(moved, x), y).mean())
        numeric.append((ends[0] - ends[1]) / 2e-4)
    assert np.abs(numeric).max() > 0.05
    assert 2 * report.half_gradient == pytest.approx(numeric, abs=1e-6)
    backend = qd.backend("aer")
    for kind in ("shift", "hadamard"):
        sampled = Sampled(task, backend, None, kind, 2).report(theta, x, y, lambda *key: 1, np.arange(6))
        assert sampled.outputs == pytest.approx(report.outputs, abs=1e-10)
        assert sampled.loss == pytest.approx(report.loss)
        assert sampled.half_gradient == pytest.approx(report.half_gradient, abs=1e-9)
        assert sampled.metric.value == pytest.approx(report.metric.value, abs=1e-10)


def test_one_natural_step_on_an_energy_is_a_step_of_imaginary_time() -> None:
    circuit = QuantumCircuit(2)
    a, b = Parameter("a"), Parameter("b")
    circuit.ry(a, 0)
    circuit.cx(0, 1)
    circuit.ry(2 * b, 1)
    circuit.rx(a, 1)
    theta = np.array([0.4, -0.7])
    result = qd.train(circuit, OPERATOR, theta, steps=3, learning_rate=0.1, regularisation=1e-4)
    ansatz = qd.ansatz.from_circuit(circuit, theta)
    problem = qd.Problem.from_operator(OPERATOR, clock="imaginary", duration=0.3, initial=ansatz.state())
    flow = qd.evolve(problem, qd.Variational(ansatz, 3, regularisation=1e-4), save=4)
    assert np.abs(result.theta - theta).max() > 0.05
    assert result.parameters == pytest.approx(flow.parameters, abs=1e-9)
    assert result.loss == pytest.approx(np.asarray(flow.expectations["energy"]))
    assert np.all(np.diff(result.loss) < 0)


def test_natural_gradient_learns_iris_and_holds_on_unseen_rows() -> None:
    data = iris()
    result = qd.train(
        classifier(),
        "cross_entropy",
        start(),
        steps=25,
        features=data.X_train,
        labels=data.y_train,
        inputs=INPUTS,
        seed=2,
    )
    assert result.accuracy is not None
    assert result.loss[-1] < 0.6 * result.loss[0]
    assert np.all(np.diff(result.loss) < 1e-9)
    assert result.score(data.X_test, data.y_test) > 0.85
    assert result.accuracy[-1] > 0.85
    assert result.accuracy[0] < result.accuracy[-1]
    assert len(result.loss) == 26
    assert set(np.unique(result.predict(data.X_test))) == {0, 1}
    law = result.predict_proba(data.X_test)
    assert law.sum(axis=1) == pytest.approx(1.0)
    assert (law.argmax(axis=1) == result.predict(data.X_test)).all()
    assert brute_loss(classifier(), result.theta, data.X_train, data.y_train) == pytest.approx(result.loss[-1])
    assert str(result).startswith("natural: loss ")


@pytest.mark.slow
def test_optimisers_get_the_same_budget_of_circuits() -> None:
    data = iris()
    x, y = data.X_train[::3], data.y_train[::3]
    budget, found = 24_000, {}
    for optimizer in ("natural", "adam", "spsa"):
        found[optimizer] = qd.train(
            classifier(),
            "cross_entropy",
            start(),
            steps=10_000 if optimizer != "spsa" else 400,
            optimizer=optimizer,
            features=x,
            labels=y,
            inputs=INPUTS,
            max_evaluations=budget,
            seed=2,
        )
    for result in found.values():
        assert 0.6 * budget < result.evaluations[-1] <= budget
        assert result.loss[-1] < result.loss[0] - 0.1
    each = {name: int(r.evaluations[1]) for name, r in found.items()}
    rows, turns = len(x), 8
    assert each == {"natural": rows * (1 + 2 * turns) + 4 * 5 * 8, "adam": rows * (1 + 2 * turns), "spsa": 2 * rows}
    assert found["natural"].loss[-1] < found["adam"].loss[-1]
    assert found["natural"].loss[-1] < found["spsa"].loss[-1]


@pytest.mark.parametrize(
    "optimizer", ["natural", *(pytest.param(name, marks=pytest.mark.slow) for name in ("adam", "spsa"))]
)
def test_training_on_a_backend_with_shots(optimizer: str) -> None:
    data = iris()
    options: dict[str, Any] = {
        "steps": {"natural": 4, "adam": 6, "spsa": 25}[optimizer],
        "learning_rate": {"natural": 0.6, "adam": 0.2, "spsa": 0.4}[optimizer],
        "features": data.X_train[::7],
        "labels": data.y_train[::7],
        "inputs": ["x[0]", "x[1]"],
        "shots": 300,
        "optimizer": optimizer,
        **({"metric_rows": 2} if optimizer == "natural" else {}),
    }
    sent: list[int] = []

    class Recorder:
        exact, name = True, "recorder"
        inner = qd.backend("aer")

        def states(self, pieces: Any, on_step: Any) -> Any:
            return self.inner.states(pieces, on_step)

        def probabilities(self, circuits: Any) -> Any:
            return self.inner.probabilities(circuits)

        def sample(self, circuits: Any, shots: int, seeds: Any) -> Any:
            sent.append(len(circuits))
            return self.inner.sample(circuits, shots, seeds)

        def describe(self) -> dict[str, Any]:
            return {"name": self.name}

    result = qd.train(classifier(), "cross_entropy", start(), backend=Recorder(), seed=4, **options)
    assert sum(sent) == result.evaluations[-1]
    if optimizer != "spsa":
        assert len(sent) == options["steps"] + 1  # one batch a step, one more for the end
    exact = Exact(
        state_task(
            Statement(
                classifier(), "cross_entropy", start(), *[options[k] for k in ("features", "labels", "inputs")], None
            )
        ).task
    )
    losses = [
        exact.task.losses(exact.outputs(t, options["features"]), options["labels"]).mean() for t in result.parameters
    ]
    assert losses[-1] < losses[0] - 0.05
    assert result.loss[0] == pytest.approx(losses[0], abs=0.1)
    again = qd.train(classifier(), "cross_entropy", start(), backend="aer", seed=4, **options)
    assert np.array_equal(again.theta, result.theta)
    other = qd.train(classifier(), "cross_entropy", start(), backend="aer", seed=5, **options)
    assert not np.array_equal(other.theta, result.theta)


def test_batches_of_rows_and_the_callback() -> None:
    data, seen = iris(), []

    def watch(step: int, theta: np.ndarray, loss: float) -> bool:
        seen.append((step, theta.shape, loss))
        return step == 3

    result = qd.train(
        classifier(), "squared", start(), steps=20, optimizer="adam", features=data.X_train, labels=data.y_train,
        inputs=INPUTS, batch_size=5, seed=1, callback=watch,
    )  # fmt: skip
    assert [s for s, _, _ in seen] == [0, 1, 2, 3]
    assert result.stop == "the callback ended it"
    assert len(result.loss) == 5
    assert len({round(loss, 6) for _, _, loss in seen}) == 4
    assert np.array_equal(result.theta, result.parameters[3])


def test_a_qnode_with_data_equals_the_circuit() -> None:
    data = iris()
    x, y = data.X_train[:20], data.y_train[:20]

    def function(row: np.ndarray, theta: np.ndarray) -> Any:
        for layer in (0, 1):
            for q in (0, 1):
                qml.RY(row[q], wires=1 - q)
                qml.RZ(theta[layer, q, 0], wires=1 - q)
                qml.RY(theta[layer, q, 1], wires=1 - q)
            qml.CNOT(wires=[0, 1])
        return qml.expval(qml.PauliZ(1))

    qnode = qml.QNode(function, qml.device("default.qubit", wires=2))
    theta = start(1)
    mine = qd.train(
        qnode, "cross_entropy", theta.reshape(2, 2, 2), steps=3, features=x, labels=y, observable=qml.PauliZ(1)
    )
    circuit = qd.train(classifier(), "cross_entropy", theta, steps=3, features=x, labels=y, inputs=INPUTS)
    assert mine.theta.shape == (2, 2, 2)
    assert np.abs(mine.theta.ravel() - theta).max() > 0.05
    assert mine.theta.ravel() == pytest.approx(circuit.theta, abs=1e-9)
    assert mine.outputs(x)[:, 0] == pytest.approx([float(qnode(row, mine.theta)) for row in x], abs=1e-9)


def test_a_qnode_on_an_energy() -> None:
    def function(theta: np.ndarray) -> Any:
        qml.RY(theta[0], wires=0)
        qml.RY(theta[1], wires=1)
        qml.CNOT(wires=[0, 1])
        return qml.expval(qml.PauliZ(0))

    operator = qml.Hamiltonian([1.0, 0.5], [qml.PauliZ(0) @ qml.PauliZ(1), qml.PauliX(0)])
    result = qd.train(function, operator, [0.3, 0.9], steps=60, learning_rate=0.3)
    assert result.accuracy is None
    exact = np.linalg.eigvalsh(qml.matrix(operator, wire_order=[0, 1]))[0]
    assert result.loss[-1] == pytest.approx(exact, abs=1e-3)
    assert result.loss[0] > exact + 0.5


def test_losses_by_hand() -> None:
    assert cross_entropy(np.array([[0.2]]), np.array([1])) == pytest.approx([-np.log(0.4)])
    assert cross_entropy(np.array([[0.0, np.log(3.0)]]), np.array([1])) == pytest.approx([-np.log(0.75)])
    assert log_likelihood(np.array([[0.1, 0.9]]), np.array([0])) == pytest.approx([-np.log(0.1)])
    assert squared(np.array([[0.5, 1.0]]), np.array([[0.0, 2.0]])) == pytest.approx([1.25])
    assert squared(np.array([[0.5]]), np.array([0.25])) == pytest.approx([0.0625])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"theta0": [0.0] * 7}, "`theta0` must have one entry for each of 8 parameters"),
        ({"theta0": [np.nan] * 8}, "`theta0` must be finite"),
        ({"optimizer": "addam"}, "Did you mean 'adam'"),
        ({"inputs": ["x[0]"]}, "`inputs` must name one parameter for each of 2 features"),
        ({"inputs": ["x[0]", "z"]}, "`inputs` must be one of"),
        ({"inputs": ["x[0]", "x[0]"]}, "`inputs` must be different parameters"),
        ({"features": [[np.inf, 0.0]]}, "`features` must be finite"),
        ({"labels": [1]}, "`labels` must have one entry for each of 4 rows"),
        ({"loss": "crossentropy"}, "Did you mean 'cross_entropy'"),
        ({"loss": lambda out, y: 1.0}, "`loss` must give one value for each of 4 rows"),
        ({"loss": lambda out, y: np.log(-np.ones(len(out)))}, "`loss` must be finite"),
        ({"observable": SparsePauliOp(["Z"])}, "`observable` must act on 2 qubits"),
        ({"learning_rate": -1.0}, "`learning_rate` must be a positive number"),
        ({"shots": 10}, "`backend` must be given where shots are"),
        ({"metric": "sift", "backend": "aer"}, "Did you mean 'shift'"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_bad_input_is_named(changes: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {
        "circuit": classifier(),
        "loss": "cross_entropy",
        "theta0": start(),
        "features": np.array([[0.1, 0.2], [0.3, -0.4], [0.5, 0.6], [0.0, 1.0]]),
        "labels": np.array([0, 1, 1, 0]),
        "inputs": list(INPUTS),
        "steps": 2,
    }
    given.update(changes)
    with pytest.raises(MethodError, match=message.replace("[", r"\[")):
        qd.train(given.pop("circuit"), given.pop("loss"), given.pop("theta0"), **given)
