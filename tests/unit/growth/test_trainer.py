"""The NumPy trainer: gradients, the reversible regulariser, growth without a jump, its criterion, its data, its picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qml_dynamics import cli
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.learning.growth import (
    MLP,
    NeuronGrowth,
    Training,
    class_data,
    insert_layer,
    insert_neurons,
    load_recording,
    record,
    train_network,
)
from qml_dynamics.learning.growth.insertion import grow, look, tangents
from qml_dynamics.learning.growth.mlp import gradients, new_network
from qml_dynamics.plotting.network_growth import plot_network_growth

CIRCUITS = Path(__file__).parents[3] / "circuits"
WINE, IRIS = CIRCUITS / "binary_perceptron" / "wine.csv", CIRCUITS / "iris_neuron" / "iris.csv"


def rows(count: int, features: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((count, features))
    return X, rng.integers(0, classes, count)


@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic", "identity"])
def test_gradients_are_those_of_the_loss(activation: str) -> None:
    X, y = rows(9, 3, 4, 0)
    net = new_network([3, 5, 2, 4], activation, 1)
    by_weight, by_bias = gradients(net, X, y)
    h = 1e-6
    for i in range(3):
        for kind, found in (("weights", by_weight), ("biases", by_bias)):
            at = (1, 0) if kind == "weights" else (1,)
            losses = []
            for sign in (1, -1):
                moved = [a.copy() for a in getattr(net, kind)]
                moved[i][at] += sign * h
                parts = {"weights": net.weights, "biases": net.biases, kind: tuple(moved)}
                losses.append(MLP(**parts, activation=activation).loss(X, y))
            assert found[i][at] == pytest.approx((losses[0] - losses[1]) / (2 * h), abs=1e-8)
    assert max(np.abs(g).max() for g in by_weight) > 0.01


def test_tangents_are_the_derivatives_of_the_logits_and_give_the_gradient() -> None:
    X, y = rows(6, 3, 4, 2)
    net = new_network([3, 5, 4], "tanh", 3)
    r = net.probabilities(X)
    r[np.arange(6), y] -= 1
    flat = tangents(net, X).T @ r.reshape(-1) / 6
    by_weight, by_bias = gradients(net, X, y)
    parts = [by_weight[0].reshape(-1), by_bias[0], by_weight[1].reshape(-1), by_bias[1]]
    assert flat == pytest.approx(np.concatenate(parts), abs=1e-11)


@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic"])
def test_new_neurons_change_no_output_and_can_learn(activation: str) -> None:
    X, y = rows(20, 4, 3, 4)
    net = new_network([4, 3, 3, 3], activation, 5)
    rng = np.random.default_rng(6)
    for layer in (0, 1):
        wider = insert_neurons(net, layer, rng.standard_normal((2, net.sizes[layer])), rng.standard_normal(2))
        assert wider.sizes[layer + 1] == 5
        assert wider.probabilities(X) == pytest.approx(net.probabilities(X), abs=1e-11)
        assert wider.loss(X, y) == pytest.approx(net.loss(X, y), abs=1e-11)
        new = gradients(wider, X, y)[0][layer + 1][:, 3:]
        assert np.abs(new).max() > 1e-4  # the outgoing weights feel a force at once


def test_an_identity_layer_changes_no_output() -> None:
    X, y = rows(20, 4, 3, 7)
    net = new_network([4, 5, 3], "relu", 8)
    deeper = insert_layer(net, 0)
    assert deeper.sizes == (4, 5, 5, 3)
    assert deeper.probabilities(X) == pytest.approx(net.probabilities(X), abs=1e-11)
    assert np.abs(gradients(deeper, X, y)[0][1]).max() > 1e-4
    with pytest.raises(ProblemError, match="relu or identity, but has tanh"):
        insert_layer(new_network([4, 5, 3], "tanh"), 0)


def test_residual_is_one_where_training_is_stuck_and_zero_where_it_can_follow() -> None:
    X, y = rows(30, 2, 3, 9)
    growth = NeuronGrowth()
    rng = np.random.default_rng(0)
    roomy = look(new_network([2, 40, 3], "tanh", 1), X, y, growth, rng)  # more parameters than values
    assert roomy.residual == pytest.approx(0, abs=1e-9)
    # one dead unit and biases at the optimum: the gradient is zero, all of r is out of reach
    share = np.bincount(y) / len(y)
    stuck = MLP((np.zeros((1, 2)), np.zeros((3, 1))), (np.zeros(1), np.log(share)), "tanh")
    assert max(np.abs(g).max() for g in (*gradients(stuck, X, y)[0], *gradients(stuck, X, y)[1])) < 1e-11
    seen = look(stuck, X, y, growth, rng)
    assert seen.residual == pytest.approx(1, abs=1e-12)
    assert 0 < seen.gain < 1


def test_the_gain_is_the_fall_of_the_residual_at_insertion() -> None:
    X, y = rows(60, 3, 3, 10)
    net = new_network([3, 2, 3], "tanh", 2)
    growth = NeuronGrowth(candidates=50)
    seen = look(net, X, y, growth, np.random.default_rng(1))
    after = look(grow(net, seen), X, y, growth, np.random.default_rng(2))
    assert after.residual == pytest.approx(seen.residual * (1 - seen.gain), rel=1e-6)
    assert seen.gain > 0.05


def test_noise_level_is_seldom_passed_by_labels_without_meaning() -> None:
    passed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((150, 4)), rng.integers(0, 3, 150)
        still = MLP((np.zeros((1, 4)), np.zeros((3, 1))), (np.zeros(1), np.log(np.bincount(y) / 150)), "tanh")
        seen = look(still, X, y, NeuronGrowth(), rng)
        passed += seen.gain > seen.noise
    assert passed <= 2
    rng = np.random.default_rng(0)  # labels with a meaning pass it by far
    X = rng.standard_normal((150, 4))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    still = MLP((np.zeros((1, 4)), np.zeros((2, 1))), (np.zeros(1), np.log(np.bincount(y) / 150)), "tanh")
    seen = look(still, X, y, NeuronGrowth(), rng)
    assert seen.gain > 3 * seen.noise


def test_growth_on_wine_stops_where_the_data_ask_for_no_more() -> None:
    data = class_data(WINE, target="cultivar")
    test = (data.X_test, data.y_test)
    run = train_network(
        data.X, data.y, held_out=test, hidden=1, training=Training(epochs=60, orthogonality=0.1), growth=NeuronGrowth()
    )
    r = run.recording
    assert run.network.sizes[0] == 13
    assert 2 <= run.network.sizes[1] <= 4  # three classes need two units
    assert run.events
    assert all(abs(e.jump) < 1e-11 for e in run.events)
    assert all(e.residual > 0.5 and e.gain > e.noise for e in run.events)
    assert r["loss/train"][-1] < 0.2 * r["loss/train"][0]
    assert r["accuracy/held_out"][-1] > 0.9
    assert r["units/layer"][:, 0].tolist() == sorted(r["units/layer"][:, 0])
    assert r["updates"][-1] == sum(4 * n for n in _parameters(r["units/layer"][:-1, 0], 13, 3))
    again = train_network(
        data.X, data.y, held_out=test, hidden=1, training=Training(epochs=60, orthogonality=0.1), growth=NeuronGrowth()
    )
    assert again.recording["loss/train"].tolist() == r["loss/train"].tolist()  # same seed, same run


def _parameters(hidden: np.ndarray, inputs: int, classes: int) -> list[float]:
    return [h * (inputs + 1) + classes * (h + 1) for h in hidden]


def test_regulariser_holds_the_singular_values_near_one() -> None:
    data = class_data(IRIS, target="species")

    def trained(strength: float) -> Any:
        return train_network(data.X, data.y, hidden=4, training=Training(epochs=30, orthogonality=strength))

    free, held = trained(0.0), trained(5.0)
    away = [np.abs(np.linalg.svd(run.network.weights[0], compute_uv=False) - 1).max() for run in (free, held)]
    assert away[0] > 0.3
    assert away[1] < 0.1
    assert np.abs(held.network.weights[1]).max() > 1.5  # the output layer is free
    assert held.recording["accuracy/train"][-1] > 0.8
    assert trained(1e6).recording["orthogonality/layer"][-1, 0] < 1e-20  # the flow is exact: no strength is unstable


def test_a_step_is_gradient_then_flow() -> None:
    from qml_dynamics.learning.growth import orthogonality_flow

    X, y = rows(8, 3, 2, 11)
    start = new_network([3, 3, 2], "tanh", 4)
    how = Training(epochs=1, rate=0.1, momentum=0.0, batch=8, orthogonality=0.5)
    run = train_network(X, y, network=start, training=how)
    by_weight, by_bias = gradients(start, X, y)
    expected = orthogonality_flow(start.weights[0] - 0.1 * by_weight[0], 0.05)
    assert run.network.weights[0] == pytest.approx(expected, abs=1e-11)
    assert run.network.weights[1] == pytest.approx(start.weights[1] - 0.1 * by_weight[1], abs=1e-11)
    assert run.network.biases[0] == pytest.approx(start.biases[0] - 0.1 * by_bias[0], abs=1e-11)
    assert np.abs(expected - start.weights[0]).max() > 0.01


def test_interrupted_training_gives_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from qml_dynamics.learning.growth import trainer

    calls = []

    def step(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) > 7:
            raise KeyboardInterrupt
        return gradients(*arguments)

    monkeypatch.setattr(trainer, "gradients", step)
    X, y = rows(8, 3, 2, 12)
    run = train_network(X, y, training=Training(epochs=100, batch=4))
    assert run.stop == "interrupted after 3 epochs"
    assert len(run.recording) == 4


@pytest.mark.slow
def test_table_of_the_page_on_the_digits() -> None:
    """Growth finds about nine units and costs less at equal epochs; the regulariser makes it as good as the fixed width."""
    accuracy: dict[tuple[float, str], list[float]] = {}
    for strength in (0.0, 0.1):
        for seed in (0, 1, 2):
            data = class_data("digits", seed=seed)
            how = Training(epochs=80, orthogonality=strength, seed=seed)
            test = (data.X_test, data.y_test)
            grown = train_network(data.X, data.y, held_out=test, hidden=1, training=how, growth=NeuronGrowth())
            width = grown.network.sizes[1]
            fixed = train_network(data.X, data.y, held_out=test, hidden=width, training=how)
            assert 6 <= width <= 12
            assert max(abs(e.jump) for e in grown.events) < 1e-11
            assert grown.recording["updates"][-1] < 0.85 * fixed.recording["updates"][-1]
            for name, run in (("grown", grown), ("fixed", fixed)):
                accuracy.setdefault((strength, name), []).append(float(run.recording["accuracy/held_out"][-1]))
    mean = {key: float(np.mean(values)) for key, values in accuracy.items()}
    assert mean[0.1, "grown"] > 0.945
    assert mean[0.1, "grown"] > mean[0.1, "fixed"] - 0.015
    assert mean[0.1, "grown"] > mean[0.0, "grown"] + 0.01


def test_split_of_the_data() -> None:
    data = class_data(WINE, target="cultivar", seed=3)
    assert (len(data.X), len(data.X_test)) == (125, 53)
    assert data.classes == ("class_0", "class_1", "class_2")
    assert np.bincount(data.y_test).tolist() == [18, 21, 14]
    assert data.X.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert data.X.std(axis=0) == pytest.approx(1)
    two = class_data(WINE, target="cultivar", features=["proline", "hue"], test_fraction=0.5)
    assert two.features == ("proline", "hue")
    named = class_data("digits")
    assert named.X.shape[1] == 64
    assert len(named.classes) == 10


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: class_data("no.csv", target="x"), "digits"),
        (lambda: class_data(WINE), "`target`"),
        (lambda: class_data(WINE, target="cultvar"), "cultivar"),
        (lambda: class_data(WINE, target="proline"), "two rows or more of each class"),
        (lambda: class_data("iris", target="species"), "absent for a named set"),
        (lambda: class_data(WINE, target="cultivar", test_fraction=1.0), "between 0 and 1"),
        (lambda: train_network([[1.0], [2.0]], [0, 1, 1]), "2 class numbers"),
        (lambda: train_network([[1.0], [2.0]], [0.5, 1]), "2 class numbers"),
        (lambda: train_network([[np.nan]], [0]), "finite matrix"),
        (lambda: train_network([["a"]], [0]), "numbers"),
        (lambda: train_network(np.eye(2), [0, 1], hidden=[], growth=NeuronGrowth()), "with a hidden layer"),
        (lambda: train_network(np.eye(2), [0, 1], growth=NeuronGrowth(max_layers=2)), "relu and identity only"),
        (lambda: train_network(np.eye(2), [0, 1], growth=3), "`growth` must be of type NeuronGrowth"),
        (lambda: train_network(np.eye(2), [0, 1], training=3), "`training` must be of type Training"),
        (lambda: train_network(np.eye(2), [0, 1], network=3), "`network` must be of type MLP"),
        (lambda: train_network(np.eye(2), [0, 1], held_out=(1, 2, 3)), "a pair"),
        (lambda: train_network(np.eye(2), [0, 1], hidden="23"), "`sizes`"),
        (lambda: NeuronGrowth(max_layers=0), "`max_layers`"),
        (lambda: train_network(np.eye(2), [0, 1], held_out=(np.eye(3), [0, 1, 1])), "2 columns"),
        (lambda: train_network(np.eye(2), [0, 1], network=new_network([3, 2, 2])), "take 2 features"),
        (lambda: train_network(np.eye(2), [0, 1], activation="sine"), "relu, tanh"),
        (lambda: Training(momentum=1.0), "below 1"),
        (lambda: NeuronGrowth(threshold=1.0), "below 1"),
        (lambda: new_network([3]), "hidden units"),
        (lambda: insert_neurons(new_network([2, 3, 2]), 0, np.ones((1, 3)), [0.0]), r"\(units, 2\)"),
        (lambda: insert_neurons(new_network([2, 2]), 0, np.ones((1, 2)), [0.0]), "hidden layer"),
        (lambda: MLP((np.ones((2, 3)), np.ones((2, 3))), (np.zeros(2), np.zeros(2))), "chain"),
    ],
)
def test_bad_input_is_named(call: Any, words: str) -> None:
    with pytest.raises((ProblemError, MethodError), match=words):
        call()


def test_a_rate_that_diverges_is_named() -> None:
    X, y = rows(20, 3, 2, 13)
    with pytest.raises(MethodError, match="`rate`"):
        train_network(X, y, activation="relu", training=Training(rate=1e40, epochs=20))


def test_one_command_draws_the_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["grow", str(IRIS), "--target", "species", "--out", str(tmp_path / "out"), "--epochs", "12", "--json"])
    assert end.value.code == 0
    row = json.loads(capsys.readouterr().out)
    assert row["sizes"][0] == 4
    assert row["grown"]["accuracy/held_out"] > 0.6
    assert set(row["fixed"]) == set(row["grown"])
    back = load_recording(tmp_path / "out" / "recording.npz")
    assert len(back) == 13
    assert (tmp_path / "out" / "network.png").read_bytes()[:4] == b"\x89PNG"
    with np.load(tmp_path / "out" / "weights.npz", allow_pickle=False) as stored:
        assert stored["weight_0"].shape == (row["sizes"][1], 4)


def test_bad_files_end_the_command_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for arguments, words in (
        (["no.csv", "--target", "species", "--out", str(tmp_path / "a")], "CSV file that exists"),
        ([str(IRIS), "--target", "species", "--out", str(tmp_path / "file")], "`out`"),
        ([str(IRIS), "--target", "species", "--out", str(tmp_path / "a"), "--threshold", "2"], "`threshold`"),
    ):
        with pytest.raises(SystemExit) as end:
            cli.main(["grow", *arguments])
        assert end.value.code == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


def test_picture_names_its_entropies_and_marks_the_insertions() -> None:
    X, y = rows(30, 3, 3, 14)
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    how = Training(epochs=12, rate=0.1)
    run = train_network(X, y, held_out=(X[:9], y[:9]), hidden=1, training=how, growth=NeuronGrowth(threshold=0.1))
    assert run.events
    figure = plot_network_growth(run.recording, run.recording, title="t")
    labels = [text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]
    assert "von Neumann, layer 1" in labels
    assert "Shannon, predicted classes" in labels
    assert "held out, fixed width" in labels
    titles = " ".join(axes.get_title(loc="left") for axes in figure.axes)
    assert "log volume (nats)" in titles
    assert "differential entropy" in titles
    marks = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert len(marks) == len(run.events)
    only = plot_network_growth(train_network(X, y, training=Training(epochs=2)).recording)
    assert len([axes for axes in only.axes if axes.get_visible()]) >= 5
    own = record([[np.eye(2)], [2 * np.eye(2)]], curves={"loss": [1.0, 0.5], "accuracy/held_out": [0.5, 0.75]})
    drawn = [axes.get_title(loc="left") for axes in plot_network_growth(own).axes if axes.get_visible()]
    assert "accuracy, held out 0.750 at the end" in drawn
    assert "loss" in drawn
    with pytest.raises(MethodError, match="two steps"):
        plot_network_growth(_first(run.recording))


def _first(recording: Any) -> Any:
    from dataclasses import replace

    columns = {name: values[:1] for name, values in recording.columns.items()}
    return replace(recording, steps=recording.steps[:1], columns=columns)


def test_labels_that_are_texts_are_scored_by_their_values() -> None:
    """A network trained on numbers knows "1" as 1, and refuses what is none of its classes, where it scored 0 without a word."""
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    trained = train_network(X, y, hidden=4, training=Training(epochs=200, rate=0.2, batch=4))
    score = trained.score(X, y)
    assert score >= 0.5
    assert trained.score(X, [str(label) for label in y]) == trained.score(X, np.array(y) == 1) == score
    with pytest.raises(ProblemError, match=r"^Argument `y` must be one of 0, 1, but is 'a'\.$"):
        trained.score(X, list("abba"))
