"""Networks of several hidden layers that grow: tangents, which layer to widen, identity layers, and nothing that jumps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qml_dynamics import cli
from qml_dynamics.base.errors import MethodError
from qml_dynamics.learning.growth import MLP, NeuronGrowth, Training, class_data, load_recording, train_network
from qml_dynamics.learning.growth.insertion import LAYER, UNIT, explained_by_columns, grow, look, span, tangents
from qml_dynamics.learning.growth.mlp import gradients, insert_layer, new_network
from qml_dynamics.plotting.network_growth import plot_network_growth

CIRCUITS = Path(__file__).parents[3] / "circuits"
WINE = CIRCUITS / "binary_perceptron" / "wine.csv"


def crossed(seed: int, count: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Three classes that no straight line tells apart."""
    X = np.random.default_rng(seed).standard_normal((count, 3))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0.5)


@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic", "identity"])
def test_tangents_of_deep_networks_are_the_derivatives_of_their_logits(activation: str) -> None:
    X, y = crossed(1, 7)
    drawn = new_network([3, 4, 2, 5, 3], activation, 2)
    rng = np.random.default_rng(3)  # biases that are not zero: no pre-activation stands on a kink
    net = MLP(drawn.weights, tuple(rng.uniform(0.1, 0.5, len(b)) for b in drawn.biases), activation)
    columns = tangents(net, X)
    assert columns.shape == (21, net.num_parameters)
    parts = [a for pair in zip(net.weights, net.biases) for a in pair]
    h, column = 1e-6, 0
    for place, part in enumerate(parts):
        for at in np.ndindex(part.shape):
            ends = []
            for sign in (1, -1):
                moved = [a.copy() for a in parts]
                moved[place][at] += sign * h
                ends.append(MLP(tuple(moved[::2]), tuple(moved[1::2]), activation).through(X).after[-1].reshape(-1))
            assert columns[:, column] == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-7)
            column += 1
    assert np.abs(columns).max(axis=0).min() > 1e-5 or activation == "relu"  # there units may sleep
    r = net.probabilities(X)
    r[np.arange(7), y] -= 1
    found = [g.reshape(-1) for pair in zip(*gradients(net, X, y)) for g in pair]
    assert columns.T @ r.reshape(-1) / 7 == pytest.approx(np.concatenate(found), abs=1e-11)


@pytest.mark.parametrize(
    ("activation", "kind", "layer"),
    [
        ("tanh", UNIT, 0),
        ("tanh", UNIT, 1),
        ("logistic", UNIT, 0),
        ("relu", UNIT, 0),
        ("relu", LAYER, 0),
        ("identity", UNIT, 1),
    ],
)
def test_the_gain_is_the_fall_of_the_residual_and_no_output_jumps(activation: str, kind: str, layer: int) -> None:
    X, y = crossed(0)
    drawn = new_network([3, 3, 4, 3], activation, 1)
    strong = 4.0 if activation == "logistic" else 1.0  # its slopes are small, and tiny tangents count as none
    net = MLP(tuple(strong * w for w in drawn.weights), drawn.biases, activation)
    growth = NeuronGrowth(candidates=50)
    seen = look(net, X, y, growth, np.random.default_rng(1), [(kind, layer)])
    assert (seen.kind, seen.layer) == (kind, layer)
    grown = grow(net, seen)
    assert grown.num_parameters - net.num_parameters == seen.cost
    assert grown.sizes == {0: (3, 4, 4, 3), 1: (3, 3, 5, 3)}[layer] if kind == UNIT else grown.sizes == (3, 3, 3, 4, 3)
    assert np.abs(grown.probabilities(X) - net.probabilities(X)).max() < 1e-11
    after = look(grown, X, y, growth, np.random.default_rng(2))
    assert after.residual == pytest.approx(seen.residual * (1 - seen.gain), rel=1e-6)
    # an affine network (identity) gains nothing from a unit: its tangents are those it has, up to the products of layers
    assert seen.gain > (0.01 if activation != "identity" else -1e-12)
    new = gradients(grown, X, y)[0][layer + 1]
    assert np.abs(new).max() > 1e-4  # what came in feels a force at once


def test_the_choice_is_the_largest_gain_beyond_noise_for_its_cost() -> None:
    X, y = crossed(0)
    net = new_network([3, 3, 4, 3], "relu", 4)
    growth = NeuronGrowth(candidates=40, max_layers=3)
    places = growth.places(net)
    assert places == [(UNIT, 0), (UNIT, 1), (LAYER, 0), (LAYER, 1)]
    best = look(net, X, y, growth, np.random.default_rng(5), places)
    rng, single = np.random.default_rng(5), []
    for place in places:  # the same candidates, one place at a time; the noise level knows of all four
        one = look(net, X, y, growth, rng, [place])
        single.append(
            (one, (one.gain - best.noise if place == (best.kind, best.layer) else one.gain - one.noise) / one.cost)
        )
    chosen = max(single, key=lambda pair: pair[1])[0]
    assert (best.kind, best.layer, best.gain) == (chosen.kind, chosen.layer, pytest.approx(chosen.gain))
    assert best.noise > chosen.noise  # the best of more trials
    assert len({round(one.gain, 6) for one, _ in single}) > 1


@pytest.mark.parametrize(("start", "narrow"), [((8, 1), 1), ((1, 8), 0)])
def test_the_narrow_layer_is_the_one_that_grows(start: tuple[int, ...], narrow: int) -> None:
    """Before any training, most of what is missing is missing where one unit stands between eight and three or eight."""
    votes = []
    for seed in range(8):
        X, y = crossed(seed)
        net = new_network([3, *start, 3], "tanh", seed)
        votes.append(look(net, X, y, NeuronGrowth(), np.random.default_rng(seed)).layer)
    assert votes.count(narrow) >= 6


def test_labels_without_meaning_seldom_pass_the_noise_level_of_any_place() -> None:
    passed = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((150, 4)), rng.integers(0, 3, 150)
        net = new_network([4, 2, 2, 3], "relu", seed)
        growth = NeuronGrowth(max_layers=3)
        seen = look(net, X, y, growth, rng, growth.places(net))
        assert 0 < seen.residual <= 1
        passed += seen.gain > seen.noise
    assert passed <= 2


def test_two_hidden_layers_grow_and_neither_state_nor_loss_jumps() -> None:
    X, y = crossed(3, 240)
    test = crossed(4, 100)
    how = Training(epochs=60, rate=0.05, seed=3)
    run = train_network(
        X, y, held_out=test, hidden=[1, 2], training=how, growth=NeuronGrowth(threshold=0.3, every=6, max_hidden=5)
    )
    r = run.recording
    assert {e.layer for e in run.events} == {0, 1}  # both layers were widened
    assert all(e.kind == UNIT and e.gain > e.noise and e.residual > 0.3 for e in run.events)
    assert max(abs(e.jump) for e in run.events) < 1e-11
    assert run.network.sizes == run.events[-1].sizes
    assert max(run.network.sizes[1:-1]) <= 5
    sizes = [(3, 1, 2, 3), *(e.sizes for e in run.events)]
    for before, after, event in zip(sizes, sizes[1:], run.events):
        assert [b - a for a, b in zip(before, after)] == [0, *(int(i == event.layer) for i in range(2)), 0]
        row = int(np.flatnonzero(r.steps == event.epoch)[0])
        assert r["units/layer"][row].tolist() == list(after[1:])
        # beside a step of training the loss at an insertion is no jump
        steps = np.abs(np.diff(r["loss/held_out"]))
        assert steps[row - 1] <= 1.0001 * steps.max()
    assert r["loss/train"][-1] < 0.7 * r["loss/train"][0]
    assert " ".join(map(str, run.events)).count("units in hidden layer") == len(run.events)
    assert "units in hidden layer" in str(run)
    same = train_network(
        X, y, held_out=test, hidden=[1, 2], training=how, growth=NeuronGrowth(threshold=0.3, every=6, max_hidden=5)
    )
    assert same.recording["loss/train"].tolist() == r["loss/train"].tolist()


def test_momentum_goes_on_over_an_insertion(monkeypatch: pytest.MonkeyPatch) -> None:
    """The step after an insertion moves the old weights as if nothing had come in."""
    from qml_dynamics.learning.growth import trainer

    X, y = crossed(5, 64)
    start = new_network([3, 2, 3, 3], "relu", 6)
    how = Training(epochs=2, rate=0.05, batch=64, seed=1)
    plain = train_network(X, y, network=start, training=how)
    place: list[Any] = []

    def once(net: Any, X: Any, y: Any, growth: Any, rng: Any, places: Any) -> Any:
        found = look(net, X, y, growth, rng, place)
        return found._replace(residual=1.0, gain=1.0, noise=0.0)

    monkeypatch.setattr(trainer, "look", once)
    for place[:] in ([(UNIT, 0)], [(UNIT, 1)], [(LAYER, 0)]):
        grown = train_network(X, y, network=start, training=how, growth=NeuronGrowth(every=1, max_layers=3))
        assert len(grown.events) == 1
        kind, layer = place[0]
        first = grown.recording["loss/train"][:2].tolist()
        assert first == plain.recording["loss/train"][:2].tolist()
        old = list(grown.network.weights)
        if kind == LAYER:
            assert np.abs(old[1] - np.eye(2)).max() > 1e-5  # it learns
            old.pop(1)
            tolerance = 1e-12  # the gradient of all others is what it was
        else:
            assert np.abs(old[layer + 1][:, -1]).max() > 1e-5  # the new unit speaks
            old[layer] = old[layer][:-1]
            old[layer + 1] = old[layer + 1][:, :-1]
            tolerance = 1e-12
        for a, b, c in zip(old, plain.network.weights, start.weights):
            assert a == pytest.approx(b, abs=tolerance)
            assert np.abs(b - c).max() > 1e-3


def test_identity_layers_come_in_where_they_explain_more_for_their_cost() -> None:
    X, y = crossed(0, 300)
    how = Training(epochs=60, rate=0.05, seed=0, orthogonality=0.05)
    growth = NeuronGrowth(threshold=0.3, every=10, candidates=32, max_layers=2)
    run = train_network(X, y, hidden=3, activation="relu", training=how, growth=growth)
    kinds = [e.kind for e in run.events]
    assert kinds.count(LAYER) == 1
    assert len(run.network.weights) == 3
    assert max(abs(e.jump) for e in run.events) < 1e-11
    r = run.recording
    came = next(e for e in run.events if e.kind == LAYER)
    row = int(np.flatnonzero(r.steps == came.epoch)[0])
    assert np.isnan(r["units/layer"][row - 1, 2])  # two layers before
    assert r["units/layer"][row].tolist() == list(came.sizes[1:])
    assert r["orthogonality/layer"][row, came.layer + 1] == 0.0  # the identity
    assert r["orthogonality/layer"][-1, came.layer + 1] > 1e-6  # it has learned since
    assert r["log_volume/layer"][row, came.layer + 1] == 0.0
    assert r["log_volume/total"][row] == pytest.approx(np.nansum(r["log_volume/layer"][row]))
    assert r["accuracy/train"][-1] > r["accuracy/train"][0] + 0.2
    assert "a layer of" in " ".join(map(str, run.events))


def test_a_layer_that_would_change_the_function_is_refused_with_the_reason() -> None:
    X, y = crossed(0, 30)
    with pytest.raises(
        MethodError, match="tanh, but is 2: an identity layer changes nothing for relu and identity only"
    ):
        train_network(X, y, hidden=3, growth=NeuronGrowth(max_layers=2))
    train_network(
        X, y, hidden=3, training=Training(epochs=1), growth=NeuronGrowth(max_layers=1)
    )  # no layer is asked for
    net = new_network([3, 4, 3], "relu", 0)
    twice = insert_layer(insert_layer(net, 0), 1)
    assert twice.probabilities(X) == pytest.approx(net.probabilities(X), abs=1e-11)


def test_projections_by_the_smaller_gram_matrix() -> None:
    rng = np.random.default_rng(7)
    columns = rng.standard_normal((9, 4)) @ rng.standard_normal((4, 6))
    for given in (columns, columns.T):
        basis = span(given)
        assert basis.shape == (len(given), 4)
        assert basis.T @ basis == pytest.approx(np.eye(4), abs=1e-10)
        assert basis @ (basis.T @ given) == pytest.approx(given, abs=1e-8)
    basis, more = span(columns), rng.standard_normal((9, 2))
    rest = rng.standard_normal(9)
    rest -= basis @ (basis.T @ rest)
    both = span(np.hstack([columns, more]))
    gain, directions = explained_by_columns(np.hstack([more, columns]), rest, basis)
    assert directions == 2
    assert gain == pytest.approx(float(((both.T @ rest) ** 2).sum()), rel=1e-8)
    assert explained_by_columns(columns, rest, basis)[1] == 0


def test_one_command_grows_two_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["grow", str(WINE), "--target", "cultivar", "--out", str(tmp_path / "deep"), "--hidden", "1,1"]
    with pytest.raises(SystemExit) as end:
        cli.main([*arguments, "--epochs", "12", "--threshold", "0.3", "--json"])
    assert end.value.code == 0
    row = json.loads(capsys.readouterr().out)
    assert len(row["sizes"]) == 4
    assert row["events"]
    assert {"layer", "kind", "sizes"} <= set(row["events"][0])
    assert load_recording(tmp_path / "deep" / "recording.npz")["units/layer"].shape == (13, 3)
    fixed = load_recording(tmp_path / "deep" / "baseline.npz")["units/layer"]
    assert fixed[0].tolist() == row["sizes"][1:]  # with all units from the start, in both layers
    assert (tmp_path / "deep" / "network.png").read_bytes()[:4] == b"\x89PNG"
    for extra, words in ((["--hidden", "1,x"], "`hidden`"), (["--max-layers", "3"], "relu and identity")):
        with pytest.raises(SystemExit) as end:
            cli.main([*arguments[:4], "--out", str(tmp_path / "refused"), *extra])
        assert end.value.code == 2
        assert words in capsys.readouterr().err


def test_picture_counts_hidden_units_where_layers_come_in() -> None:
    X, y = crossed(0, 300)
    how = Training(epochs=40, rate=0.05, seed=0, orthogonality=0.05)
    growth = NeuronGrowth(threshold=0.3, every=10, candidates=32, max_layers=2)
    run = train_network(X, y, hidden=3, activation="relu", training=how, growth=growth)
    assert LAYER in {e.kind for e in run.events}
    figure = plot_network_growth(run.recording)
    notes = [text.get_text() for axes in figure.axes for text in axes.texts]
    for event in run.events[-1:]:
        assert f"{sum(event.sizes[1:-1])}" in notes
    assert "3" in notes
    volumes = {line.get_label(): line.get_ydata() for line in figure.axes[2].lines}
    row = int(np.flatnonzero(run.recording.steps == next(e.epoch for e in run.events if e.kind == LAYER))[0])
    assert np.isnan(volumes["layer 2"][row - 1])
    assert volumes["layer 2"][row] == 0.0  # the identity
    before, after = volumes["output layer"][row - 1 : row + 1]  # one curve through the insertion
    assert before == run.recording["log_volume/layer"][row - 1, 1]
    assert after == run.recording["log_volume/layer"][row, 2]
    assert abs(after - before) < 1
    assert not any(note.startswith("nan") for note in notes)


@pytest.mark.slow
def test_two_layers_of_the_page_on_wine() -> None:
    """The table's rows: the grown network is as good as the fixed one with fewer updates."""
    grown_scores, fixed_scores = [], []
    for seed in (0, 1, 2):
        data = class_data(WINE, target="cultivar", seed=seed)
        how = Training(epochs=80, orthogonality=0.1, seed=seed)
        test = (data.X_test, data.y_test)
        grown = train_network(data.X, data.y, held_out=test, hidden=[1, 1], training=how, growth=NeuronGrowth())
        widths = list(grown.network.sizes[1:-1])
        fixed = train_network(data.X, data.y, held_out=test, hidden=widths, training=how)
        assert max(widths) <= 5
        assert grown.events
        assert max(abs(e.jump) for e in grown.events) < 1e-11
        assert grown.recording["updates"][-1] < fixed.recording["updates"][-1]
        grown_scores.append(float(grown.recording["accuracy/held_out"][-1]))
        fixed_scores.append(float(fixed.recording["accuracy/held_out"][-1]))
    assert np.mean(grown_scores) > np.mean(fixed_scores) - 0.03
    assert np.mean(grown_scores) > 0.93
