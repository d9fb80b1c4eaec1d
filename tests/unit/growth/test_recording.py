"""Measures of networks from plain arrays, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.growth import (
    Recorder,
    coherence,
    entropy,
    load_recording,
    log_volume,
    orthogonality,
    orthogonality_flow,
    purity,
    record,
)


def steps(seed: int, sizes: tuple[int, ...] = (4, 4, 4, 4), count: int = 3) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [[rng.standard_normal((o, i)) for i, o in zip(sizes, sizes[1:])] for _ in range(count)]


def rotation(size: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0]


def test_volume_of_the_network_is_the_sum_over_its_layers_and_that_of_the_product() -> None:
    given = steps(1)
    run = record(given, steps=[0, 10, 30], curves={"loss": [3.0, 2.0, 1.0]})
    assert run.steps.tolist() == [0, 10, 30]
    assert run["loss"].tolist() == [3, 2, 1]
    assert run["log_volume/layer"].sum(axis=1) == pytest.approx(run["log_volume/total"])
    for total, layers in zip(run["log_volume/total"], given):
        assert total == pytest.approx(np.linalg.slogdet(layers[2] @ layers[1] @ layers[0])[1], abs=1e-9)
    assert np.ptp(run["log_volume/total"]) > 0.1


def test_differential_entropy_is_that_of_a_gaussian_through_the_layers() -> None:
    given = steps(2, (4, 4, 2))
    run = record(given)
    start = entropy(np.eye(4), kind="differential")
    for row, (a, b) in zip(run["entropy/differential/layer"], given):
        assert row[0] == pytest.approx(start + log_volume(a)[0], abs=1e-9)
        assert row[1] == pytest.approx(entropy(b @ a @ a.T @ b.T, kind="differential"), abs=1e-9)
    wide = record([[np.array([[3.0], [4.0]])]])  # one input into two outputs: a Gaussian on a line, stretched by 5
    assert wide["entropy/differential/layer"][0, 0] == pytest.approx(0.5 * np.log(2 * np.pi * np.e) + np.log(5))


def test_a_fixed_orthogonal_layer_keeps_the_von_neumann_entropy_and_moves_the_coherence() -> None:
    w = np.diag([3.0, 1.0, 0.5, 0.1])
    turned = w @ rotation(4, 3)
    run = record([[w], [turned], [rotation(4, 4) @ turned]])
    von_neumann = run["entropy/von_neumann/layer"][:, 0]
    assert von_neumann == pytest.approx([von_neumann[0]] * 3, abs=1e-12)
    assert von_neumann[0] == pytest.approx(entropy(np.array([9, 1, 0.25, 0.01]) / 10.26, kind="shannon"))
    assert run["coherence/relative_entropy/layer"][0, 0] == pytest.approx(0, abs=1e-12)
    assert run["coherence/relative_entropy/layer"][1, 0] > 0.1
    assert run["participation/layer"][:, 0] == pytest.approx([run["participation/layer"][0, 0]] * 3)
    orthogonal = record([[rotation(5, 5)]])
    assert orthogonal["entropy/von_neumann/layer"][0, 0] == pytest.approx(np.log(5))
    assert orthogonal["log_volume/total"][0] == pytest.approx(0, abs=1e-12)
    assert orthogonal["orthogonality/layer"][0, 0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (1, 1), (2, 1)])
def test_measures_of_a_layer_are_those_of_its_state(shape: tuple[int, int]) -> None:
    w = np.random.default_rng(sum(shape)).standard_normal(shape)
    rho = w.T @ w / np.trace(w.T @ w)
    run = record([[w]])
    assert run["entropy/von_neumann/layer"][0, 0] == pytest.approx(entropy(rho, kind="von_neumann"), abs=1e-12)
    assert run["coherence/relative_entropy/layer"][0, 0] == pytest.approx(coherence(rho, "relative_entropy"), abs=1e-12)
    assert run["participation/layer"][0, 0] == pytest.approx(1 / purity(rho))
    assert run["orthogonality/layer"][0, 0] == pytest.approx(orthogonality(w))


def test_the_reversible_flow_drives_the_columns_to_those_of_an_orthogonal_layer() -> None:
    w = np.random.default_rng(6).standard_normal((3, 3))
    run = record([[orthogonality_flow(w, s)] for s in (0.0, 0.1, 0.3, 3.0)])
    assert np.all(np.diff(run["orthogonality/layer"][:, 0]) < 0)
    assert run["entropy/von_neumann/layer"][-1, 0] == pytest.approx(np.log(3), abs=1e-3)
    assert run["entropy/von_neumann/layer"][0, 0] < 0.95 * np.log(3)


def test_dead_units_are_clipped_and_counted() -> None:
    w, v = np.array([[1.0, 2.0], [0.0, 0.0], [1.0, 2.0]]), np.array([[1.0, 5.0, 1.0]])
    run = record([[w, v]])
    assert run["dropped/layer"].tolist() == [[1, 0]]  # rank 1
    assert run["dead_units/layer"].tolist() == [[1, 0]]
    assert run["log_volume/layer"][0, 0] == pytest.approx(np.log(np.sqrt(10)))
    assert np.isfinite(run["log_volume/total"]).all()
    zero = record([[np.zeros((2, 2))]])
    assert zero["dropped/layer"][0, 0] == 2
    assert np.isnan(zero["entropy/von_neumann/layer"][0, 0])


def test_relu_units_that_no_row_wakes_are_dead_and_leave_the_jacobian() -> None:
    w, v = np.diag([1.0, 2.0, 3.0]), np.array([[1.0, 1.0, 1.0]])
    biases = [np.array([0.0, 0.0, -100.0]), np.zeros(1)]
    X = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]])
    run = record([[w, v]], biases=[biases], X=X, activation="relu")
    assert run["dead_units/layer"].tolist() == [[1, 0]]
    assert run["dropped/layer"].tolist() == [[0, 0]]  # the weights alone know nothing of it
    # first row: units 1 and 2 are awake, volume 2; second row: unit 1 alone, volume 1
    assert run["log_volume/jacobian/layer"][0, 0] == pytest.approx(0.5 * (np.log(2) + np.log(1)))
    assert run["dropped/jacobian/layer"][0, 0] == pytest.approx(0.5 * (1 + 2))
    assert run["log_volume/jacobian/total"][0] == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(3))


@pytest.mark.parametrize("activation", ["tanh", "logistic", "identity", "relu"])
def test_jacobians_are_the_derivatives_of_the_layers(activation: str) -> None:
    from qml_dynamics.learning.growth.mlp import ACTIVATIONS

    rng = np.random.default_rng(7)
    w, b, x, h = rng.standard_normal((3, 3)), rng.standard_normal(3), rng.standard_normal(3), 1e-6
    run = record([[w, np.eye(3)]], biases=[[b, np.zeros(3)]], X=x[None], activation=activation)
    phi = ACTIVATIONS[activation].value
    jacobian = np.array([(phi(w @ (x + h * e) + b) - phi(w @ (x - h * e) + b)) / (2 * h) for e in np.eye(3)]).T
    assert run["log_volume/jacobian/layer"][0, 0] == pytest.approx(log_volume(jacobian, rcond=1e-7)[0], abs=1e-6)


def test_shapes_may_grow_along_the_steps_and_layers_may_come_later() -> None:
    one, two = [np.ones((2, 3)), np.ones((1, 2))], [np.eye(4, 3), np.ones((4, 4)), np.ones((1, 4))]
    run = record([one, two])
    assert run["units/layer"][0].tolist()[:2] == [2, 1]
    assert np.isnan(run["units/layer"][0, 2])
    assert run["units/layer"][1].tolist() == [4, 4, 1]


def test_shannon_entropy_of_the_predicted_classes() -> None:
    flat = record([[np.zeros((3, 2))]], X=np.eye(2), output="softmax")
    assert flat["entropy/shannon/output"][0] == pytest.approx(np.log(3))
    sure = record([[100.0 * np.eye(2)]], X=np.eye(2), output="softmax")
    assert sure["entropy/shannon/output"][0] == pytest.approx(0, abs=1e-12)
    assert "entropy/shannon/output" not in record([[np.eye(2)]], X=np.eye(2)).columns
    half = record([[np.zeros((1, 2))]], X=np.eye(2), output="logistic")
    assert half["entropy/shannon/output"][0] == pytest.approx(np.log(2))


def test_curves_may_have_any_name_that_is_no_measure() -> None:
    run = record([[np.eye(2)], [np.eye(2)]], curves={"step": [1.0, 2.0], "weights": [3.0, 4.0], "self": [5.0, np.nan]})
    assert run["step"].tolist() == [1, 2]
    assert run["weights"].tolist() == [3, 4]
    assert np.isnan(run["self"][1])


def test_a_curve_that_begins_late_is_nan_before() -> None:
    recorder = Recorder()
    recorder(1, [np.eye(2)])
    recorder(2, [np.eye(2)], loss=0.5)
    assert np.isnan(recorder.recording()["loss"][0])
    assert recorder.recording()["loss"][1] == 0.5


def test_jacobians_in_pieces_are_those_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from qml_dynamics.learning.growth import measures

    X = np.random.default_rng(3).standard_normal((17, 4))
    (given,) = steps(4, (4, 3, 2), 1)
    whole = record([given], X=X, activation="relu")
    monkeypatch.setattr(measures, "_AT_ONCE", 30)
    pieces = record([given], X=X, activation="relu")
    for name in ("log_volume/jacobian/layer", "dropped/jacobian/layer"):
        assert pieces[name] == pytest.approx(whole[name])
    assert whole["dropped/jacobian/layer"].max() > 0


def test_every_entropy_column_says_which_it_is() -> None:
    run = record(steps(8), X=np.eye(4), output="softmax")
    named = [name for name in run.names if name.startswith("entropy")]
    assert {name.split("/")[1] for name in named} == {"von_neumann", "differential", "shannon"}
    assert all(len(run[name]) == len(run) == 3 for name in run.names)


def test_saved_without_pickle_and_read_back(tmp_path: Path) -> None:
    run = record(steps(9, (3, 5, 2)), X=np.eye(3), output="softmax", curves={"loss": [1.0, 0.5, 0.2]})
    back = load_recording(run.save(tmp_path / "run.npz"))
    assert back.names == run.names
    for name in run.names:
        assert back[name] == pytest.approx(run[name], nan_ok=True)
    assert back.info == run.info
    with np.load(tmp_path / "run.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)
    assert "log_volume/total" in str(back)
    (tmp_path / "other.npz").write_bytes(b"nothing")
    with pytest.raises(ProblemError, match="saved recording"):
        load_recording(tmp_path / "other.npz")
    np.savez(tmp_path / "array.npz", x=np.ones(3))
    with pytest.raises(ProblemError, match="saved recording"):
        load_recording(tmp_path / "array.npz")


def test_hook_inside_a_loop_of_ones_own() -> None:
    recorder = Recorder(np.eye(2), activation="tanh")
    w = np.array([[2.0, 0.0], [0.0, 0.5]])
    for step in (0, 5, 7):
        recorder(step, [w], loss=1.0, accuracy__held_out=0.5)
        w = w * 1.1  # what was kept does not follow
    run = recorder.recording()
    assert np.diff(run["log_volume/total"]) == pytest.approx([2 * np.log(1.1)] * 2)
    assert run["accuracy/held_out"].tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: record([]), "at least one step"),
        (lambda: record([[]]), "at least one layer"),
        (lambda: record(7), "list of matrices a step"),
        (lambda: record([[np.ones((2, 3)), np.ones((2, 3))]]), "chain"),
        (lambda: record([[np.array([[np.inf]])]]), "finite"),
        (lambda: record([[np.eye(2)]], curves={"loss": [1.0, 2.0]}), "1 values in 'loss'"),
        (lambda: record([[np.eye(2)]], steps=[0, 1]), "be 1 numbers"),
        (lambda: record([[np.eye(2)], [np.eye(2)]], steps=[3, 3]), "larger than the one before"),
        (lambda: record([[np.eye(2)]], curves={"log_volume/total": [1.0]}), "named as a measure"),
        (lambda: record([[np.eye(2)]], X=np.ones((4, 3))), "2 columns"),
        (lambda: record([[np.eye(2)]], X=np.eye(2), biases=[[np.ones(3)]]), "2 finite numbers"),
        (lambda: record([[np.eye(2)]], activation="sine"), "relu, tanh, logistic, identity"),
        (lambda: record([[np.eye(2)]])["entropy/boltzmann"], "entropy/von_neumann/layer"),
        (lambda: Recorder().recording(), "at least one step"),
        (lambda: record([[1j * np.eye(2)]]), "complex numbers in layer 0"),
        (lambda: record([[np.eye(2)]], X=[[np.nan, 1.0]]), "`X` must hold finite"),
        (lambda: record([[np.eye(2)]], X=[1.0, 1.0]), "one row a sample"),
        (lambda: record([[np.eye(2)]], steps=[0.5]), "`steps` must be an integer"),
        (lambda: record([[np.eye(2)]], curves={"loss": ["a"]}), "'loss' is 'a'"),
        (lambda: record([[np.eye(2)]], curves={"loss": 1.0}), "1 values in 'loss'"),
        (lambda: record([[np.eye(2)]], curves=[1.0]), "mapping"),  # type: ignore[arg-type]
        (lambda: record([[np.eye(2)]], biases=3), "one a step"),  # type: ignore[arg-type]
        (lambda: record([[np.eye(2)]], biases=[[np.ones(3)]]), "2 finite numbers"),  # without data too
        (lambda: record(iter([[np.eye(2)]])), "list of matrices a step"),  # type: ignore[arg-type]
        (lambda: load_recording(None), "saved recording"),  # type: ignore[arg-type]
        (lambda: load_recording("no_such_file.npz"), "saved recording"),
        (lambda: record([[np.eye(2)]]).save("x.csv"), "end in .npz"),
    ],
)
def test_bad_input_is_named(call: Any, words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        call()
