"""What `train` is given counts by what it is: labels by their set, QNodes by their names, return values and transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, UnusedArgumentWarning

ROWS = np.array([[0.3], [2.6], [0.1], [2.9], [0.6], [2.2]])
SIGNS = np.array([1, -1, 1, -1, 1, -1])


def circuit() -> QuantumCircuit:
    """RY of the row and of one parameter: <Z> = cos(x + a)."""
    made = QuantumCircuit(1)
    made.ry(Parameter("x"), 0)
    made.ry(Parameter("a"), 0)
    return made


def trained(loss: Any, labels: Any, **options: Any) -> Any:
    """A few steps from an angle that is not the best."""
    return qd.train(circuit(), loss, [0.4], features=ROWS, labels=labels, inputs=["x"], steps=8, **options)


SAME = {
    "signs": SIGNS,
    "signs as floats": SIGNS.astype(float),
    "classes": (SIGNS < 0).astype(int),
    "classes as floats": (SIGNS < 0).astype(float),
    "booleans": SIGNS < 0,
    "a column": (SIGNS < 0).astype(float)[:, None],
    "a list": [0, 1.0, False, True, 0, 1],
}


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize("labels", SAME.values(), ids=SAME)
def test_the_set_of_labels_decides(labels: Any, loss: str) -> None:
    """Two classes are the same two classes in every dtype; 0 stands for the output 1."""
    found, wanted = trained(loss, labels), trained(loss, [0, 1, 0, 1, 0, 1])
    assert found.loss.tolist() == wanted.loss.tolist()
    assert found.accuracy.tolist() == wanted.accuracy.tolist()
    assert found.accuracy[-1] == 1.0
    flat = np.ravel(np.asarray(labels))
    assert found.predict(ROWS).tolist() == flat.tolist()
    assert found.score(ROWS, flat) == 1.0
    first = (np.cos(ROWS[:, 0] + 0.4) - SIGNS) ** 2
    assert loss != "squared" or found.loss[0] == pytest.approx(first.mean())


REFUSED = {
    "5 and 8": ([5, 8, 5, 8, 5, 8], "5, 8"),
    "three": ([0, 1, 2, 0, 1, 2], "0, 1, 2"),
    "as floats": ([0.0, 1.0, 2.0, 0.0, 1.0, 2.0], "0, 1, 2"),
    "signs and 0": ([-1, 0, 1, 0, -1, 1], "-1, 0, 1"),
    "words": (["a", "b", "a", "b", "a", "b"], "'a', 'b'"),
    "missing": ([0, 1, np.nan, 1, 0, 1], "0, 1, nan"),
    "negative classes": ([-1, -2, -1, -2, -1, -2], "-2, -1"),
}


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize(("labels", "found"), REFUSED.values(), ids=REFUSED)
def test_other_labels_are_refused_with_what_was_found(labels: Any, found: str, loss: str) -> None:
    """By name, and with the values."""
    with pytest.raises(MethodError, match="Argument `labels` must be 0 and 1, or -1 and 1") as told:
        trained(loss, labels)
    assert found in str(told.value)


def test_targets_stay_targets_within_reach() -> None:
    """Numbers that are no whole ones are what the output shall be, as far as it can."""
    targets = np.array([0.9, -0.8, 0.9, -0.9, 0.7, -0.5])
    found = trained("squared", targets)
    assert found.accuracy is None
    assert found.loss[0] == pytest.approx(((np.cos(ROWS[:, 0] + 0.4) - targets) ** 2).mean())
    with pytest.raises(MethodError, match="targets between -1 and 1"):
        trained("squared", 2.5 * targets)
    with pytest.raises(MethodError, match="Argument `labels` must be 0 and 1, or -1 and 1"):
        trained("cross_entropy", targets)
    with pytest.raises(MethodError, match="Argument `labels` must be given for the loss"):
        trained("squared", None)


DEVICE = qml.device("default.qubit", wires=2)


def rotations(x: Any, weights: Any) -> None:
    """Nothing in it is symmetric in its arguments."""
    qml.RX(x[0], wires=0)
    qml.RY(weights[0], wires=0)
    qml.RY(0.5 * weights[1], wires=1)
    qml.CNOT([0, 1])
    qml.RZ(x[1], wires=1)
    qml.RX(weights[1], wires=1)


START = np.array([0.7, -0.4])
PAIRS = np.array([[0.3, 0.8], [1.1, -0.5]])
TARGETS = np.array([0.25, -0.6])


def loss_of(node: Any, **options: Any) -> float:
    """The mean squared distance from the targets at the start."""
    run = qd.train(node, "squared", START, features=PAIRS, labels=TARGETS, steps=1, **options)
    return float(run.loss[0])


def test_arguments_are_told_by_name_never_by_size() -> None:
    """A row and parameters of equal sizes, in both orders, and names that say nothing."""

    @qml.qnode(DEVICE)
    def weights_first(weights: Any, x: Any) -> Any:
        rotations(x, weights)
        return qml.expval(qml.Z(1))

    @qml.qnode(DEVICE)
    def row_first(features_row: Any, theta: Any) -> Any:
        rotations(features_row, theta)
        return qml.expval(qml.Z(1))

    @qml.qnode(DEVICE)
    def unnamed(a: Any, b: Any) -> Any:
        rotations(b, a)
        return qml.expval(qml.Z(1))

    wanted = np.mean([(float(row_first(x, START)) - t) ** 2 for x, t in zip(PAIRS, TARGETS)])
    swapped = np.mean([(float(row_first(START, x)) - t) ** 2 for x, t in zip(PAIRS, TARGETS)])
    assert abs(wanted - swapped) > 0.01
    assert loss_of(weights_first) == pytest.approx(wanted, abs=1e-10)
    assert loss_of(row_first) == pytest.approx(wanted, abs=1e-10)
    assert loss_of(unnamed, inputs="b") == pytest.approx(wanted, abs=1e-10)
    with pytest.raises(MethodError, match=r"Argument `inputs` must name the QNode's argument .* \['a', 'b'\]"):
        loss_of(unnamed)


RETURNS = {
    "Z of the first wire": lambda: qml.expval(qml.Z(0)),
    "Z of the last wire": lambda: qml.expval(qml.Z(1)),
    "a product": lambda: qml.expval(qml.X(0) @ qml.Y(1)),
    "a sum": lambda: qml.expval(0.4 * qml.Z(0) - 0.3 * qml.X(1)),
}


@pytest.mark.parametrize("result", RETURNS.values(), ids=RETURNS)
def test_a_qnode_trains_on_what_it_returns(result: Any) -> None:
    """Without an observable that is its own."""

    @qml.qnode(DEVICE)
    def node(x: Any, weights: Any) -> Any:
        rotations(x, weights)
        return result()

    wanted = np.mean([(float(node(x, START)) - t) ** 2 for x, t in zip(PAIRS, TARGETS)])
    assert loss_of(node) == pytest.approx(wanted, abs=1e-10)


def test_probabilities_and_what_says_nothing() -> None:
    """Probabilities of all wires are read as such; a state, or part of the wires, needs an observable."""

    def node(result: Any) -> Any:
        def function(x: Any, weights: Any) -> Any:
            rotations(x, weights)
            return result()

        return qml.QNode(function, DEVICE)

    def options() -> dict[str, Any]:
        return {"features": PAIRS, "labels": [2, 1], "steps": 1}

    whole = node(lambda: qml.probs(wires=[0, 1]))
    run = qd.train(whole, "cross_entropy", START, **options())
    wanted = -np.mean([np.log(whole(x, START)[y]) for x, y in zip(PAIRS, (2, 1))])
    assert run.loss[0] == pytest.approx(wanted, abs=1e-9)
    for result in (qml.state, lambda: qml.probs(wires=[0]), lambda: qml.probs(wires=[1, 0]), lambda: qml.var(qml.Z(0))):
        with pytest.raises(MethodError, match="Argument `observable` must be given for a QNode that returns neither"):
            qd.train(node(result), "cross_entropy", START, **options())


def test_transforms_of_a_qnode_count_or_are_refused() -> None:
    """`map_wires` moves the gates and what is returned; noise, several circuits and devices of their own are refused."""

    @qml.qnode(qml.device("default.qubit", wires=3))
    def node(x: Any, weights: Any) -> Any:
        rotations(x, weights)
        return qml.expval(qml.Z(0) @ qml.X(1))

    moved = qml.map_wires(node, {0: 2, 1: 0})
    wanted = np.mean([(float(moved(x, START)) - t) ** 2 for x, t in zip(PAIRS, TARGETS)])
    assert loss_of(moved) == pytest.approx(wanted, abs=1e-10)
    assert qd.ansatz.from_pennylane(moved, PAIRS[0], START).state() == pytest.approx(
        qml.matrix(moved, wire_order=[0, 1, 2])(PAIRS[0], START)[:, 0], abs=1e-9
    )
    model = qml.NoiseModel({qml.noise.op_eq(qml.RX): qml.noise.partial_wires(qml.AmplitudeDamping, 0.4)})
    noisy = qml.QNode(node.func, qml.add_noise(qml.device("default.mixed", wires=3), model))
    bad = {
        "unitary": qml.add_noise(node, model),
        "a device without transforms": noisy,
        "one circuit": qml.gradients.param_shift(node),
        "a device without noise": qml.QNode(node.func, qml.device("default.mixed", wires=3, readout_prob=0.1)),
    }
    for what, refused in bad.items():
        with pytest.raises(MethodError, match=f"Argument `qnode` must (be|have) {what}"):
            loss_of(refused)
    with pytest.warns(UnusedArgumentWarning, match="The 50 shots of the QNode take no part"):
        loss_of(qml.set_shots(node, 50))


@pytest.mark.parametrize("metric", ["shift", "hadamard"])
def test_resamplings_are_refused_by_a_metric_that_draws_none(metric: str) -> None:
    ask = {"backend": "statevector", "shots": 50, "seed": 1}
    with pytest.raises(
        MethodError, match=rf"^Argument `resamplings` must be None with the metric '{metric}', .* but is 50\.$"
    ):
        trained("squared", SIGNS, metric=metric, resamplings=50, **ask)
