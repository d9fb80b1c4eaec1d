"""Networks of PyTorch and scikit-learn as plain arrays: the loaded arrays compute what the vendor's network computes."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.learning.growth import from_sklearn, from_torch, record, record_sklearn
from qml_dynamics.learning.growth.datasets import class_data
from qml_dynamics.learning.growth.mlp import forward, softmax

HERE = Path(__file__).parent
FILE = HERE / "data" / "torch_mlp.safetensors"
pytestmark = pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.ConvergenceWarning")
IRIS = HERE.parents[2] / "circuits" / "iris_neuron" / "iris.csv"


def test_file_that_pytorch_wrote_computes_what_pytorch_computed() -> None:
    from safetensors.numpy import load_file

    net, stored = from_torch(FILE, skip=["rows", "logits"]), load_file(FILE)
    assert net.names == ("0", "2", "4", "6", "8", "10")  # not "10" after "0", as such a file lists them
    assert [w.shape for w in net.weights] == [(5, 4), (6, 5), (5, 6), (4, 5), (6, 4), (3, 6)]
    assert set(net.skipped) == {"rows", "logits"}
    assert not net.biases[2].any()  # that layer was made without one
    assert net.biases[0].all()
    logits = forward(net.weights, net.biases, stored["rows"].astype(float), "relu").after[-1]
    assert logits == pytest.approx(stored["logits"], abs=1e-5)
    assert np.ptp(stored["logits"]) > 0.5
    seen = record([net.weights], biases=[net.biases], X=stored["rows"], activation="relu", output="softmax")
    assert np.isfinite(seen["log_volume/total"]).all()
    p = softmax(stored["logits"].astype(float))
    assert seen["entropy/shannon/output"][0] == pytest.approx(-(p * np.log(p)).sum(axis=1).mean(), rel=1e-5)


def test_state_dict_of_arrays_in_its_own_order_and_only_some_layers() -> None:
    rng = np.random.default_rng(0)
    state = {
        "encoder.weight": rng.standard_normal((3, 2)),
        "encoder.bias": rng.standard_normal(3),
        "norm.weight": np.ones(3),
        "conv.weight": np.ones((2, 2, 3, 3)),
        "a_head.weight": rng.standard_normal((1, 3)),
    }
    net = from_torch(state, skip=["norm", "conv.weight"])
    assert net.names == ("encoder", "a_head")
    assert net.weights[0] == pytest.approx(state["encoder.weight"])
    assert net.biases[0] == pytest.approx(state["encoder.bias"])
    assert set(net.skipped) == {"norm.weight", "conv.weight"}
    state["encoder.weight"][0, 0] += 1  # the arrays are copies: training on does not change what was kept
    assert net.weights[0][0, 0] == pytest.approx(state["encoder.weight"][0, 0] - 1)
    assert from_torch(state, only=["a_head"]).names == ("a_head",)


def _two_layers(**others: tuple[int, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shapes = {"0.weight": (4, 4), "0.bias": (4,), "2.weight": (4, 4), "2.bias": (4,), **others}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


# What PyTorch and peft write for layers that are no plain linear one; every matrix fits every other.
OTHER_LAYERS = {
    "weight_norm": _two_layers(**{"4.bias": (4,), "4.weight_g": (4, 1), "4.weight_v": (4, 4)}),
    "parametrization": _two_layers(
        **{"4.parametrizations.weight.original0": (4, 1), "4.parametrizations.weight.original1": (4, 4)}
    ),
    "spectral_norm": _two_layers(
        **{"4.parametrizations.weight.original": (4, 4), "4.parametrizations.weight.0._u": (4,)}
    ),
    "mask": _two_layers(**{"4.weight_orig": (4, 4), "4.weight_mask": (4, 4)}),
    "lstm": _two_layers(**{"4.weight_ih_l0": (16, 4), "4.weight_hh_l0": (16, 4), "4.bias_ih_l0": (16,)}),
    "attention": _two_layers(**{"4.in_proj_weight": (12, 4), "4.out_proj.weight": (4, 4)}),
    "embedding": _two_layers(**{"embedding.weight": (4, 4)}),
    "lora": _two_layers(**{"0.lora_A.default.weight": (4, 4), "0.lora_B.default.weight": (4, 4)}),
    "heads": _two_layers(**{"head_a.weight": (4, 4), "head_b.weight": (4, 4)}),
    "batch_norm": _two_layers(**{"1.weight": (4,), "1.bias": (4,), "1.running_mean": (4,)}),
    "convolution": _two_layers(**{"4.weight": (4, 4, 3)}),
    "bilinear": _two_layers(**{"4.weight": (4, 4, 4)}),
    "activation": _two_layers(**{"1.weight": (1,)}),
}


@pytest.mark.parametrize("kind", OTHER_LAYERS)
def test_layers_that_are_no_linear_ones_are_refused_unless_they_are_named(kind: str) -> None:
    state = OTHER_LAYERS[kind]
    with pytest.raises(ProblemError, match=r"must hold linear layers .* `only`, .*`skip`.* other entries: ") as refused:
        from_torch(state)
    assert "\n" not in str(refused.value)
    others = [name.removesuffix(".weight") for name in state if not name.startswith(("0.weight", "0.bias", "2."))]
    assert any(name in str(refused.value) for name in others)
    everything = from_torch(state, skip=True)
    assert everything.names[:2] == ("0", "2") or kind == "lora"
    chosen = from_torch(state, only=["2"])
    assert chosen.names == ("2",)
    assert set(chosen.skipped) == set(state) - {"2.weight", "2.bias"}
    assert from_torch(_two_layers()).names == ("0", "2")


def test_a_named_layer_is_read_whole_or_not_at_all() -> None:
    adapted = OTHER_LAYERS["lora"]
    with pytest.raises(ProblemError, match=r"2 other entries: 0\.lora_A"):
        from_torch(adapted, only=["0", "2"])
    assert from_torch(adapted, only=["0", "2"], skip=["0.lora_A", "0.lora_B"]).names == ("0", "2")
    with pytest.raises(ProblemError, match="`skip` must be True or False or a sequence of names"):
        from_torch(adapted, skip="0")  # type: ignore[arg-type]


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_classifier_of_scikit_learn(activation: str) -> None:
    data = class_data(IRIS, target="species")
    model = MLPClassifier((5, 4), activation=activation, solver="lbfgs", max_iter=60, random_state=1, alpha=0.1)
    model.fit(data.X, data.y)
    net = from_sklearn(model)
    assert [w.shape for w in net.weights] == [(5, 4), (4, 5), (3, 4)]
    assert (net.activation, net.output) == (activation, "softmax")
    logits = forward(net.weights, net.biases, data.X_test, activation).after[-1]
    assert softmax(logits) == pytest.approx(model.predict_proba(data.X_test), abs=1e-10)
    assert np.ptp(logits) > 1


def test_regressor_and_binary_classifier_of_scikit_learn() -> None:
    data = class_data(IRIS, target="species")
    line = MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", max_iter=50, random_state=0).fit(
        data.X[:, :2], data.X[:, 2]
    )
    net = from_sklearn(line)
    assert net.output == "identity"
    values = forward(net.weights, net.biases, data.X_test[:, :2], "relu").after[-1][:, 0]
    assert values == pytest.approx(line.predict(data.X_test[:, :2]), abs=1e-10)
    two = MLPClassifier((3,), solver="lbfgs", max_iter=50, random_state=0, alpha=1.0).fit(data.X, data.y == 1)
    net = from_sklearn(two)
    assert (net.output, net.weights[-1].shape) == ("logistic", (1, 3))
    seen = record([net.weights], biases=[net.biases], X=data.X, activation="relu", output="logistic")
    p = two.predict_proba(data.X)
    assert p.min() > 0
    assert seen["entropy/shannon/output"][0] == pytest.approx(-(p * np.log(p)).sum(axis=1).mean(), rel=1e-6)


def test_scikit_learn_trained_epoch_by_epoch() -> None:
    data = class_data(IRIS, target="species")
    model = MLPClassifier((6,), activation="relu", random_state=2, learning_rate_init=0.03)
    run = record_sklearn(model, data.X, data.y, 25, held_out=(data.X_test, data.y_test))
    assert run.steps.tolist() == list(range(1, 26))
    assert run["loss"][-1] < 0.5 * run["loss"][0]
    assert run["score/train"][-1] == pytest.approx(model.score(data.X, data.y))
    assert run["score/held_out"][-1] > 0.85
    assert run["log_volume/layer"].shape == (25, 2)
    assert np.ptp(run["log_volume/total"]) > 0.5
    assert run.info["output"] == "softmax"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: from_torch({}), "of 0 entries"),
        (lambda: from_torch({"a.weight": np.ones(3)}), "weight matrix"),
        (lambda: from_torch({"a.weight": np.ones((3, 2)), "b.weight": np.ones((3, 4))}), "chain"),
        (lambda: from_torch({"a.weight": np.ones((3, 2))}, only=["b"]), "one of a"),
        (lambda: from_torch({"a.weight": np.ones((3, 2))}, only=[]), "at least one layer"),
        (lambda: from_torch({"a.weight": np.array([[np.nan]])}), "finite"),
        (lambda: from_torch("no_such_file.safetensors"), "file that exists"),
        (lambda: from_torch(7), "state dict or the name of a file"),
        (lambda: from_torch({"a.weight": np.ones((3, 2)), "a.bias": np.ones(4)}), "3 finite numbers in layer 0"),
        (lambda: from_torch({"a.weight": 1j * np.ones((3, 2))}), "complex numbers in layer 0"),
        (lambda: from_torch({"model": {"a.weight": np.ones((3, 2))}}), "`key` must name .* 'model'"),
        (lambda: from_torch({"a.weight": np.ones((3, 2))}, key="model"), "`key`"),
        (lambda: from_torch(IRIS.with_name("README.md")), "install|saved state dict"),
        (lambda: from_sklearn(MLPClassifier()), "fitted"),
        (lambda: from_sklearn("model"), "MLPClassifier or an MLPRegressor"),
        (lambda: record_sklearn(MLPClassifier(solver="lbfgs"), [[1.0]], [0], 2), "'adam' or 'sgd'"),
        (lambda: record_sklearn(MLPClassifier(early_stopping=True), np.eye(4), [0, 1, 0, 1], 2), "early_stopping"),
        (lambda: record_sklearn(MLPClassifier(), np.eye(4), [0, 1, 0], 2), "scikit-learn refuses"),
        (lambda: record_sklearn(MLPClassifier(), [[np.nan]], [0], 2), "`X` must hold finite"),
    ],
)
def test_bad_input_is_named(call: Any, words: str) -> None:
    with pytest.raises((ProblemError, MethodError), match=words):
        call()


def test_broken_file_is_no_state_dict(tmp_path: Path) -> None:
    broken = tmp_path / "x.safetensors"
    broken.write_bytes(FILE.read_bytes()[:100])
    with pytest.raises(ProblemError, match="saved state dict"):
        from_torch(broken)


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in ("torch", "safetensors", "sklearn.neural_network", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    model = tmp_path / "model.pt"
    model.write_bytes(b"")
    with pytest.raises(MethodError, match=r'pip install "qml-dynamics\[torch\]"'):
        from_torch(model)
    with pytest.raises(MethodError, match=r'pip install "qml-dynamics\[safetensors\]"'):
        from_torch(FILE)
    with pytest.raises(MethodError, match=r'pip install "qml-dynamics\[sklearn\]"'):
        from_sklearn(object())
    with pytest.raises(MethodError, match=r'pip install "qml-dynamics\[sklearn\]"'):
        class_data("digits")


def test_a_single_layer_a_nested_checkpoint_and_one_name() -> None:
    w = np.array([[1.0, 2.0], [3.0, 5.0], [-1.0, 0.5]])
    alone = from_torch({"weight": w, "bias": np.arange(3.0)})
    assert alone.names == ("",)
    assert alone.weights[0].tolist() == w.tolist()
    assert alone.biases[0].tolist() == [0, 1, 2]
    assert alone.skipped == ()
    checkpoint = {"epoch": 3, "model": {"a.weight": w, "b.weight": np.ones((1, 3))}, "optimizer": {"state": {}}}
    assert from_torch(checkpoint, key="model").names == ("a", "b")
    assert from_torch(checkpoint["model"], only="b").names == ("b",)  # one name, not its letters


@pytest.mark.parametrize("kind", ["BF16", "F16", "F64", "I8", "BOOL"])
def test_safetensors_of_any_type_of_number(kind: str, tmp_path: Path) -> None:
    """Written by hand after the format's description: eight bytes of length, a header, the numbers."""
    values = np.array([[1.0, 0.0, -2.0], [0.5, 0.0, 3.0]]) if kind not in ("BOOL",) else np.eye(2, 3) == 1
    if kind == "I8":
        values = np.array([[1, 0, -2], [5, 0, 3]])
    types = {"F16": "<f2", "F64": "<f8", "I8": "i1", "BOOL": "?"}
    upper = (values.astype("<f4").view("<u4") >> 16).astype("<u2") if kind == "BF16" else values.astype(types[kind])
    data = upper.tobytes()
    header = json.dumps({"weight": {"dtype": kind, "shape": [2, 3], "data_offsets": [0, len(data)]}}).encode()
    file = tmp_path / "x.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + data)
    assert from_torch(file).weights[0].tolist() == values.tolist()  # all of them exact in 8 bits of mantissa


def test_a_type_without_real_numbers_is_named(tmp_path: Path) -> None:
    header = json.dumps({"weight": {"dtype": "F8_E4M3", "shape": [2, 3], "data_offsets": [0, 6]}}).encode()
    file = tmp_path / "x.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(6))
    with pytest.raises(ProblemError, match="F8_E4M3 in 'weight'"):
        from_torch(file)


def test_models_that_were_fitted_before_train_on_and_interrupted_ones_keep_what_they_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = class_data(IRIS, target="species")
    model = MLPClassifier((4,), max_iter=5, random_state=1).fit(data.X, data.y)
    before = from_sklearn(model).weights[0]
    only = data.y == 0  # fewer classes than it knows
    run = record_sklearn(model, data.X[only], data.y[only], 2)
    assert np.abs(from_sklearn(model).weights[0] - before).max() > 1e-4
    assert run["score/train"].shape == (2,)
    calls, fit = [], MLPClassifier.partial_fit

    def partial_fit(self: Any, *arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return fit(self, *arguments, **named)

    monkeypatch.setattr(MLPClassifier, "partial_fit", partial_fit)
    cut = record_sklearn(MLPClassifier((4,), random_state=1), data.X, data.y, 100)
    assert cut.steps.tolist() == [1, 2, 3]
    calls[:] = [1, 1, 1]
    with pytest.raises(KeyboardInterrupt):  # nothing to keep yet
        record_sklearn(MLPClassifier((4,), random_state=1), data.X, data.y, 100)


def regressor(output: str, X: np.ndarray, y: np.ndarray) -> MLPRegressor:
    """One with an output that is none of `OUTPUTS`: "exp", or one that was set by hand."""
    if output == "exp":
        return MLPRegressor(loss="poisson", hidden_layer_sizes=(3,), random_state=0)
    model = MLPRegressor(hidden_layer_sizes=(3,), random_state=0).partial_fit(X, y)
    model.out_activation_ = output
    return model


POISSON = "loss" in inspect.signature(MLPRegressor).parameters  # from scikit-learn 1.7 on


@pytest.mark.parametrize("output", ["tanh", *(["exp"] if POISSON else [])])
def test_an_output_that_is_none_of_ours_has_no_entropy_of_classes(output: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    y = rng.poisson(np.exp(X[:, 0]))
    model = regressor(output, X, y)
    run = record_sklearn(model, X, y, 3)
    assert model.out_activation_ == output
    assert from_sklearn(model).output is None
    assert run.info["output"] == "identity"
    assert "entropy/shannon/output" not in run.names
    assert np.ptp(run["log_volume/total"]) > 0
