"""From a run to a model: laws of weights in closed form, every result alike, and saved ones that predict the same later."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.cli import main
from qml_dynamics.cli.saved import How, ready
from qml_dynamics.model.objectives import Objective, neuron
from qml_dynamics.model.objectives.classifiers import Neuron, Numbers, sigmoid
from qml_dynamics.results.stored import read_result, write_result
from tests.texts import IRIS_NEURON

ROOT = Path(__file__).parents[2]
CSV = ROOT / "circuits" / "iris_neuron" / "iris.csv"
ROWS = np.random.default_rng(3).normal(size=(12, 2))
LABELS = np.where(ROWS @ [2.0, -1.0] > 0.3, "yes", "no")
PROBLEM = qd.Problem(qd.Grid([(-4, 4)] * 2, 3), neuron(ROWS, LABELS), 0.2, clock="imaginary", duration=1.0)


def code_of(*words: str | Path) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def run() -> qd.Trajectory:
    return qd.evolve(PROBLEM, qd.SplitStep(20), seed=0, save=3)


@pytest.fixture(scope="module")
def chain() -> qd.Chain:
    return qd.metts(PROBLEM, tau=0.5, samples=64, seed=1)


def turning(labels: object) -> qd.TrainResult:
    """A trained circuit of one angle: <Z> = cos(x + a)."""
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("x"), 0)
    circuit.ry(Parameter("a"), 0)
    return qd.train(circuit, "squared", [0.4], features=ANGLES, labels=labels, inputs=["x"], steps=8, seed=0)  # type: ignore[arg-type]


ANGLES = np.array([[0.3], [2.6], [0.1], [2.9]])
TARGETS = np.array([0.9, -0.8, 0.95, -0.7])


def grown() -> object:
    how = qd.growth.Training(epochs=6, seed=1)
    return qd.growth.train_network(ROWS, LABELS, training=how)


def test_the_mean_is_over_the_density_of_the_saved_time(run: qd.Trajectory) -> None:
    """Against a plain sum; the times differ."""
    probability = sigmoid(PROBLEM.domain.points @ ROWS.T)
    found = [run.predict_proba(ROWS, "mean", time=t)[:, 1] for t in run.times.tolist()]
    assert len(found) == 3
    for density, second in zip(run.density, found):
        np.testing.assert_allclose(second, density.reshape(-1) @ probability, atol=1e-12)
    assert np.abs(found[0] - found[2]).max() > 0.05
    np.testing.assert_array_equal(found[2], run.predict_proba(ROWS, "mean")[:, 1])


def test_an_interval_holds_its_share_of_the_weights(run: qd.Trajectory, chain: qd.Chain) -> None:
    """Of a chain it is the quantiles of its samples; of a density the shares on either side say so."""
    each = sigmoid(chain.samples @ ROWS.T)
    found = chain.predict_interval(ROWS, 0.8)
    wanted = np.quantile(each, [0.1, 0.9], axis=0, method="inverted_cdf").T
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert np.ptp(found, axis=1).min() > 0.05
    ends, probability = run.predict_interval(ROWS, 0.5), sigmoid(PROBLEM.domain.points @ ROWS.T)
    for row, (low, high) in enumerate(ends):
        share = run.density[-1].reshape(-1)
        assert share[probability[:, row] < low - 1e-12].sum() < 0.25 <= share[probability[:, row] <= low + 1e-12].sum()
        assert (
            share[probability[:, row] < high - 1e-12].sum() < 0.75 <= share[probability[:, row] <= high + 1e-12].sum()
        )
    best = run.predict_interval(ROWS, 0.5, weights="best")
    np.testing.assert_allclose(best[:, 0], run.predict_proba(ROWS)[:, 1], atol=1e-12)
    np.testing.assert_array_equal(best[:, 0], best[:, 1])


def test_a_vote_is_the_label_of_the_larger_count(chain: qd.Chain) -> None:
    counts = (chain.samples @ ROWS.T >= 0).sum(axis=0)
    assert len(np.unique(counts)) > 2
    assert (chain.predict(ROWS, "vote") == np.where(2 * counts >= len(chain.samples), "yes", "no")).all()
    assert chain.score(ROWS, LABELS) == np.mean(chain.predict(ROWS, "vote") == LABELS)


def test_a_tie_goes_to_the_second_label() -> None:
    """Shares of a symmetric density are added in floating point, and half of them is half."""
    problem = qd.Problem(
        qd.Grid((-1, 1), 3, "walls"), neuron([[1.0], [-1.0]], ["b", "a"]), 0.1, clock="real", duration=0.1
    )
    run = qd.evolve(problem, qd.SplitStep(2), seed=0)
    assert run.predict_proba([[0.0], [1e-9]], "mean", time=0.0)[:, 1] == pytest.approx(0.5)
    assert run.predict([[1e-18], [-1e-18]], "mean", time=0.0).tolist() == ["b", "b"]


class Line:
    """A regressor of one's own, of a line through the origin."""

    numbers = True

    def predict(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        return X @ w

    def score(self, w: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
        return 0.0


@pytest.mark.parametrize("model", [Line(), Numbers(Neuron((0, 1), 1))], ids=["own", "of the library"])
def test_a_regressor_gives_means_and_r_squared_as_scikit_learn_does(model: object) -> None:
    from sklearn.metrics import r2_score

    x = np.array([[1.0], [2.0], [-1.0], [0.5]])
    y = np.array([1.9, 4.3, -2.2, 0.7])
    loss = Objective(lambda w: 0.5 * ((w[:, :1] * x[:, 0] - y) ** 2).mean(axis=1), "line", model=model)  # type: ignore[arg-type]
    problem = qd.Problem(qd.Grid((-4, 4), 4), loss, 0.2, clock="imaginary", duration=3.0)
    run = qd.evolve(problem, qd.SplitStep(20), seed=1)
    mean = float(run.density[-1] @ problem.domain.points[:, 0])
    np.testing.assert_allclose(run.predict(x, "mean"), mean * x[:, 0], atol=1e-12)
    assert run.score(x, y, "mean") == pytest.approx(r2_score(y, mean * x[:, 0]), abs=1e-12)
    assert 0.5 < run.score(x, y, "mean") < 1
    chain = qd.metts(problem, tau=1.0, samples=20, seed=0)
    np.testing.assert_allclose(chain.predict(x), chain.samples.mean() * x[:, 0], atol=1e-12)
    assert chain.score(x, y) == pytest.approx(r2_score(y, chain.predict(x)), abs=1e-12)
    wanted = np.quantile(chain.samples @ x.T, [0.25, 0.75], axis=0, method="inverted_cdf").T
    np.testing.assert_allclose(chain.predict_interval(x, 0.5), wanted, atol=1e-12)
    found = qd.descend(loss, bounds=[(-3, 5)], qubits=4, steps=20, seed=0)
    np.testing.assert_allclose(found.predict(x), found.weights[0] * x[:, 0], atol=1e-9)
    for wrong, words in (
        (lambda: run.predict(x, "vote"), "'best' or 'mean' for a model that predicts numbers"),
        (lambda: run.predict_proba(x), "has numbers only"),
        (lambda: run.score(x, ["a"] * 4), "`y` must be finite numbers"),
        (lambda: run.score(x[:1], y[:1]), "at least two rows"),
    ):
        with pytest.raises(ProblemError, match=words):
            wrong()


def test_a_circuit_trained_on_targets_predicts_numbers() -> None:
    """Its outputs cos(x + a), and R^2 of them."""
    from sklearn.metrics import r2_score

    found = turning(TARGETS)
    outputs = np.cos(ANGLES[:, 0] + found.theta[0])
    np.testing.assert_allclose(found.predict(ANGLES), outputs, atol=1e-12)
    assert found.score(ANGLES, TARGETS) == pytest.approx(r2_score(TARGETS, outputs), abs=1e-12)
    assert found.score(ANGLES, TARGETS) > 0.9
    with pytest.raises(MethodError, match="a training on classes"):
        found.predict_proba(ANGLES)


def test_a_grown_network_predicts_in_the_words_of_its_labels() -> None:
    """Against a pass through its layers by hand."""
    found = grown()
    first, last = found.network.weights
    logits = np.tanh(ROWS @ first.T + found.network.biases[0]) @ last.T + found.network.biases[1]
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.predict_proba(ROWS), wanted, atol=1e-12)
    assert (found.predict(ROWS) == np.array(["no", "yes"])[logits.argmax(axis=1)]).all()
    assert found.score(ROWS, LABELS) == np.mean(found.predict(ROWS) == LABELS) == found.recording["accuracy/train"][-1]
    assert len(set(found.predict(ROWS))) == 2


@pytest.mark.slow
def test_compact_states_predict_by_their_samples() -> None:
    """A Gaussian well: p(x) is the mean over a Gaussian, to the error of 4,096 samples."""
    bowl = Objective(lambda w: 0.5 * ((w - 1) ** 2).sum(axis=1), "bowl", model=Neuron(("a", "b"), 2))
    start = qd.Gaussian((0.5, -0.5), 0.8)
    problem = qd.Problem(qd.Grid([(-6, 6)] * 2, 13), bowl, 0.5, clock="imaginary", duration=0.5, initial=start)
    small = qd.evolve(problem.replace(domain=qd.Grid([(-6, 6)] * 2, 6)), qd.SplitStep(40), seed=0)
    run = qd.evolve(problem, qd.TensorTrain(steps=6, tolerance=1e-5), seed=0)
    assert type(run).__name__ == "CompactTrajectory"
    wanted = small.predict_proba(ROWS, "mean")[:, 1]
    found = run.predict_proba(ROWS, "mean")[:, 1]
    assert np.abs(found - wanted).max() < 6 * 0.5 / 64  # six standard errors of a share
    assert np.abs(wanted - 0.5).max() > 0.2
    np.testing.assert_array_equal(found, run.predict_proba(ROWS, "mean")[:, 1])
    assert run.to_dataframe().shape[0] == len(run.times)
    with pytest.raises(MethodError, match="compact states"):
        run.plot()
    with pytest.raises(ProblemError, match="`reading` must be 'born'"):
        run.predict(ROWS, "mean", "population")


def results(run: qd.Trajectory, chain: qd.Chain) -> dict[str, object]:
    """One of each kind that has the members of a result."""
    return {
        "Trajectory": run,
        "anneal": qd.anneal(PROBLEM.replace(diffusion=qd.Geometric(1.0, 0.1)), stages=2, seed=0),
        "growing": qd.evolve(PROBLEM, qd.Growing(qd.SplitStep(8), start=2), seed=0),
        "Chain": chain,
        "Descent": qd.descend(neuron(ROWS, LABELS, l2=0.01), bounds=[(-1, 7), (-6, 2)], qubits=3, steps=10, seed=2),
        "three weights": qd.descend(neuron(ROWS, LABELS, 0.1, True), bounds=[(-4, 4)] * 3, qubits=2, steps=4, seed=2),
        "TrainResult": turning([1, -1, 1, -1]),
        "Trained": grown(),
    }


@pytest.mark.tables
def test_every_result_draws_itself_and_becomes_a_table(run: qd.Trajectory, chain: qd.Chain) -> None:
    found = results(run, chain)
    rows = {name: (ANGLES if name == "TrainResult" else ROWS) for name in found}
    truth = {name: ([1, -1, 1, -1] if name == "TrainResult" else LABELS) for name in found}
    for name, result in found.items():
        assert result.plot().axes, name  # type: ignore[attr-defined]
        assert len(result.to_dataframe()) > 0, name  # type: ignore[attr-defined]
        assert result.to_xarray().sizes, name  # type: ignore[attr-defined]
        assert result._repr_html_().startswith("<pre>"), name  # type: ignore[attr-defined]
        law = result.predict_proba(rows[name], weights="best")  # type: ignore[attr-defined]
        np.testing.assert_allclose(law.sum(axis=1), 1.0, atol=1e-12)
        labels = result.predict(rows[name], weights="best")  # type: ignore[attr-defined]
        score = result.score(rows[name], truth[name], weights="best")  # type: ignore[attr-defined]
        assert score == np.mean(labels == np.asarray(truth[name]))
    for name in ("TrainResult", "Trained"):
        with pytest.raises(MethodError, match="no law over them, but is 'mean'"):
            found[name].predict(rows[name], "mean")  # type: ignore[attr-defined]


@pytest.mark.tables
def test_tables_hold_the_numbers_of_the_run(run: qd.Trajectory, chain: qd.Chain) -> None:
    data, frame = run.to_xarray(), run.to_dataframe()
    assert data["density"].dims == ("time", "w0", "w1")
    np.testing.assert_array_equal(data["density"], run.density)
    np.testing.assert_array_equal(data["wave"], run.states)
    mean = float((data["density"][-1] * data["w0"]).sum())
    assert mean == pytest.approx(float(run.density[-1].sum(axis=1) @ PROBLEM.domain.axes[0]), abs=1e-12)
    np.testing.assert_array_equal(frame["energy"], run.expectations["energy"].value)
    assert frame["time"].tolist() == run.times.tolist()
    assert frame.columns[:4].tolist() == ["time", "log_norm", "energy", "energy_stderr"]
    table = chain.to_dataframe()
    np.testing.assert_array_equal(table[["w0", "w1"]], chain.samples)
    np.testing.assert_allclose(table["loss"], PROBLEM.objective(chain.samples), atol=1e-12)  # type: ignore[misc]
    assert table["walker"].max() == chain.index.shape[1] - 1
    np.testing.assert_array_equal(chain.to_xarray()["density"], chain.density)


@pytest.mark.tables
def test_an_observable_of_a_taken_name_keeps_both() -> None:
    seen = {"density": lambda w: w[:, 0]}
    run = qd.evolve(PROBLEM, qd.SplitStep(4), observables=seen)
    data = run.to_xarray()
    assert data["density"].shape == run.density.shape
    np.testing.assert_array_equal(data["density (observable)"], run.expectations["density"].value)
    assert "density (observable)" in run.to_dataframe().columns


@pytest.mark.parametrize("missing", ["pandas", "xarray", "matplotlib"])
def test_a_missing_extra_is_one_line_with_its_remedy(
    missing: str, run: qd.Trajectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    ask = {"pandas": run.to_dataframe, "xarray": run.to_xarray, "matplotlib": run.plot}[missing]
    extra = "viz" if missing == "matplotlib" else "tables"
    with pytest.raises(MethodError, match=rf'pip install "qml-dynamics\[{extra}\]"') as told:
        ask()
    assert "\n" not in str(told.value)


def test_a_saved_chain_is_a_model_without_its_problem(chain: qd.Chain, tmp_path: Path) -> None:
    back = qd.Chain.load(chain.save(tmp_path / "chain"))
    np.testing.assert_array_equal(back.predict_proba(ROWS), chain.predict_proba(ROWS))
    assert back.problem.domain == PROBLEM.domain
    assert back.problem.objective.name == "neuron"  # type: ignore[union-attr]
    np.testing.assert_allclose(back.density, chain.density)
    again = qd.Chain.load(back.save(tmp_path / "again"))
    assert again.predict(ROWS).tolist() == chain.predict(ROWS).tolist()


FILE = (
    IRIS_NEURON.replace("QUBITS", "3")
    + """[diffusion]
schedule = "geometric"
params = {start = 1.0, stop = 0.05}
[evolution]
clock = "imaginary"
duration = 2.0
"""
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of `anneal` with a chain, and of `descend`, on data; moved elsewhere, data and problem file gone."""
    place = tmp_path_factory.mktemp("data")
    shutil.copy(CSV, place)
    (place / "p.toml").write_text(FILE)
    (place / "real.toml").write_text(FILE.replace("imaginary", "real"))
    options = ("--seed", "1", "--out")
    more = ("--stages", "3", "--strategy", "anneal", "--samples", "32", "--tau", "1", "--no-plots")
    assert code_of("anneal", place / "p.toml", *more, *options, place / "anneal") == 0
    assert code_of("descend", place / "real.toml", "--no-compare", *options, place / "descend") == 0
    moved = tmp_path_factory.mktemp("elsewhere")
    for name in ("anneal", "descend"):
        shutil.copytree(place / name, moved / name)
    shutil.rmtree(place)
    return moved


NEW = np.array([[6.5, 2.3], [3.9, 1.0], [5.0, 1.6]])


def predicted(capsys: pytest.CaptureFixture[str], *words: str | Path) -> list[list[str]]:
    """The rows that the command prints."""
    capsys.readouterr()
    assert code_of("predict", *words) == 0
    return list(csv.reader(io.StringIO(capsys.readouterr().out)))


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    path.write_text("petal_width;petal_length\n" + "".join(f"{w};{length}\n" for length, w in NEW))
    return path


def test_the_command_predicts_by_every_kind_of_folder(
    folders: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, chain = qd.load(folders / "anneal"), qd.Chain.load(folders / "anneal" / "chain.npz")
    rows = predicted(capsys, folders / "anneal", new, "--weights", "mean", "--proba", "--time", f"{run.times[1]:.12g}")
    assert rows[0] == ["prediction", "probability of versicolor", "probability of virginica"]
    np.testing.assert_array_equal(
        np.array(rows[1:])[:, 1:].astype(float), run.predict_proba(NEW, "mean", time=run.times[1])
    )
    assert np.abs(run.predict_proba(NEW, "mean") - run.predict_proba(NEW, "mean", time=run.times[1])).max() > 1e-3
    rows = predicted(capsys, folders / "anneal" / "chain.npz", new, "--interval", "0.8")
    assert rows[0] == ["prediction", "probability of virginica", "lower", "upper"]
    assert [row[0] for row in rows[1:]] == chain.predict(NEW).tolist()
    np.testing.assert_array_equal(np.array(rows[1:])[:, 2:].astype(float), chain.predict_interval(NEW, 0.8))
    rows = predicted(capsys, folders / "descend", new)
    said = json.loads((folders / "descend" / "descent.json").read_text())
    found = qd.load(folders / "descend" / "run.npz")
    np.testing.assert_array_equal([float(row[1]) for row in rows[1:]], found.predict_proba(NEW, said["weights"])[:, 1])
    assert [row[0] for row in rows[1:]][:2] == ["virginica", "versicolor"]
    assert said["weights"] != list(found.best.weights)  # type: ignore[union-attr]
    alone = folders / "alone"
    alone.mkdir()
    shutil.copy(folders / "anneal" / "chain.npz", alone)
    assert predicted(capsys, alone, new)[1:] == predicted(capsys, folders / "anneal" / "chain.npz", new)[1:]


def test_the_command_refuses_what_would_be_left_aside(
    folders: Path, new: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for words, said in (
        (("--time", "1"), "`time` must be left out with weights='best'"),
        (("--weights", "mean", "--time", "0.123"), "must be a saved time, of which the nearest is"),
        (("--weights", "worst"), "weights"),
        (("--interval", "1.5"), "`level` must be between 0 and 1"),
    ):
        capsys.readouterr()
        assert code_of("predict", folders / "anneal", new, *words) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    broken = tmp_path / "descend"
    shutil.copytree(folders / "descend", broken)
    (broken / "descent.json").write_text('{"weights": [1.0]}')
    assert code_of("predict", broken, new) == 2
    assert "2 numbers" in capsys.readouterr().err


def test_a_grown_network_is_a_model_of_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three classes and a category, standardised by the training rows; moved elsewhere, its data gone."""
    rng = np.random.default_rng(5)
    kinds = np.array(["low", "mid", "top"])[rng.integers(0, 3, 60)]
    size = np.where(kinds == "low", 0.0, np.where(kinds == "mid", 40.0, 80.0)) + rng.normal(size=60)
    colour = np.where(rng.random(60) < 0.5, "red", "blue")
    lines = ["size,colour,kind", *(f"{s:.4f},{c},{k}" for s, c, k in zip(size, colour, kinds))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    options = ("--target", "kind", "--features", "size,colour", "--epochs", "30", "--hidden", "3", "--no-baseline")
    assert code_of("grow", tmp_path / "t.csv", *options, "--out", tmp_path / "grown") == 0
    shutil.move(tmp_path / "grown", tmp_path / "moved")
    found = qd.growth.Trained.load(tmp_path / "moved" / "network.npz")
    prepared = found.preparation
    assert prepared.classes == found.classes == ("low", "mid", "top")
    assert prepared.features == ("size", "colour=red")
    assert sum(prepared.rows) == 60
    X = np.column_stack([size, colour == "red"]).astype(float)
    by_hand = found.network.probabilities((X - np.array(prepared.mean)) / np.array(prepared.scale))
    np.testing.assert_allclose(found.predict_proba(X), by_hand, atol=1e-12)
    assert found.score(X, kinds) > 0.9
    again = qd.growth.Trained.load(found.save(tmp_path / "again"))
    np.testing.assert_array_equal(again.predict_proba(X), found.predict_proba(X))
    assert str(again) == str(found)
    (tmp_path / "new.csv").write_text("colour;size;kind\nred;79,5;top\nblue;1,5;low\nred;41,0;low\n")
    rows = predicted(capsys, tmp_path / "moved", tmp_path / "new.csv", "--proba")
    assert rows[0] == ["prediction", *(f"probability of {name}" for name in prepared.classes)]
    assert [row[0] for row in rows[1:]] == ["top", "low", "mid"]
    wanted = found.predict_proba([[79.5, 1.0], [1.5, 0.0], [41.0, 1.0]])
    np.testing.assert_array_equal(np.array(rows[1:])[:, 1:].astype(float), wanted)
    capsys.readouterr()
    assert code_of("predict", tmp_path / "moved" / "network.npz", tmp_path / "new.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == pytest.approx(2 / 3)
    assert code_of("predict", tmp_path / "moved", tmp_path / "new.csv", "--weights", "mean") == 2
    assert "no law over them" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "wrong", [[[1, 0], [1]], [object()] * 12, None, "yes"], ids=["ragged", "objects", "none", "a word"]
)
def test_labels_that_are_none_are_refused(wrong: object, run: qd.Trajectory) -> None:
    found = grown()
    for result in (run, found):
        with pytest.raises(ProblemError, match="Argument `y` must"):
            result.score(ROWS, wrong)  # type: ignore[attr-defined]


@pytest.mark.parametrize("read", ["one", "several", "probabilities"])
def test_a_trained_circuit_predicts_from_its_file_alone(read: str, tmp_path: Path) -> None:
    """Two qubits, an asymmetric circuit, inputs that stand between the trained angles in the order of names."""
    circuit = QuantumCircuit(2)
    a, b, m, x = (Parameter(name) for name in "abmx")
    circuit.ry(x, 0)
    circuit.rx(a + 0.3, 1)
    circuit.cx(0, 1)
    circuit.ry(2 * b, 1)
    circuit.rz(m, 0)
    circuit.rx(b, 0)
    seen = {"one": None, "several": [SparsePauliOp("IZ"), SparsePauliOp(["XY", "ZI"], [0.5, 0.5])]}
    labels = [0, 1, 0, 1]
    rows = np.column_stack([ANGLES[:, 0], np.linspace(-1, 1, 4)])
    given = {"features": rows, "labels": labels, "inputs": ["x", "m"], "observable": seen.get(read, "probabilities")}
    found = qd.train(circuit, "cross_entropy", [0.2, -0.4], **given, steps=3, seed=1)  # type: ignore[arg-type]
    back = qd.TrainResult.load(found.save(tmp_path / "t"))
    np.testing.assert_array_equal(back.outputs(rows), found.outputs(rows))
    assert found.outputs(rows).shape == (4, {"one": 1, "several": 2}.get(read, 4))
    assert back.predict(rows).tolist() == found.predict(rows).tolist()
    assert back.score(rows, labels) == found.score(rows, labels)
    swapped = found.outputs(rows[:, ::-1])
    assert np.abs(swapped - found.outputs(rows)).max() > 0.05
    with pytest.raises(MethodError, match="have 2 columns"):
        back.predict(rows[:, :1])


def test_every_result_comes_back_from_its_file_as_the_same_model(
    run: qd.Trajectory, chain: qd.Chain, tmp_path: Path
) -> None:
    """Saved, read, saved again: the same predictions, and the same text."""
    for name, result in results(run, chain).items():
        rows = ANGLES if name == "TrainResult" else ROWS
        path = result.save(tmp_path / name)  # type: ignore[attr-defined]
        read = qd.load if isinstance(result, qd.Trajectory) else type(result).load  # type: ignore[attr-defined]
        back = read(path)
        again = read(back.save(tmp_path / f"{name} again"))
        for found in (back, again):
            assert str(found) == str(result), name
            np.testing.assert_array_equal(found.predict_proba(rows), result.predict_proba(rows))  # type: ignore[attr-defined]
    descent = results(run, chain)["Descent"]
    assert isinstance(descent, qd.Descent)
    back = qd.Descent.load(descent.save(tmp_path / "whole"))
    for part in ("weights", "sample", "polished", "rivals", "evaluations", "end", "box", "success", "gap"):
        assert getattr(back, part) == getattr(descent, part), part
    assert back.box is not None
    np.testing.assert_array_equal(back.trajectory.density, descent.trajectory.density)
    own = [0.5, -1.5]
    np.testing.assert_array_equal(back.predict_proba(ROWS, own), descent.predict_proba(ROWS, own))
    assert np.abs(back.predict_proba(ROWS, own) - back.predict_proba(ROWS)).max() > 0.05


def test_a_damaged_descent_is_refused_by_name(chain: qd.Chain, tmp_path: Path) -> None:
    path = qd.descend(neuron(ROWS, LABELS), bounds=[(-1, 7), (-6, 2)], qubits=2, steps=3, compare=False, seed=2).save(
        tmp_path / "d"
    )
    whole = path.read_bytes()
    other = chain.save(tmp_path / "chain")
    for wrong in (whole[: len(whole) // 2], b"", other.read_bytes()):
        path.write_bytes(wrong)
        with pytest.raises(ProblemError, match="Argument `path` must be a saved descent, but"):
            qd.Descent.load(path)
    path.write_bytes(whole)
    assert qd.Descent.load(path).samples == 1000
    parts = read_result(path, "descent")
    polished, rival = {"weights": (0.1, 0.2), "loss": 0.1, "start": (0.1, 0.2)}, {"name": "a", "loss": 0.1}
    end = {"kind": "minimum", "slope": 0.1, "curvature": None, "evaluations": 3}
    for change in (
        {"polished": [{"foo": 1}]},
        {"polished": [{**polished, "evaluations": "many", "gradients": 0}]},
        {"rivals": [{**rival, "weights": ("a", "b"), "evaluations": 1, "gradients": 0, "seconds": 1.0}]},
        {"end": {"kind": 3}},
        {"end": {**end, "kind": 3}},
        {"end": {**end, "kind": "hill"}},
        {"end": {**end, "curvature": "steep"}},
        {"evaluations": {"grid": "many"}},
        {"box": {"low": "ab", "lengths": (1.0, 1.0), "offset": 0.0}},
        {"samples": "x"},
        {"gap": "a"},
    ):
        write_result(path, "descent", {**parts, **change})
        with pytest.raises(ProblemError, match=r"^Argument `.*` must [^\n]*\.$"):
            qd.Descent.load(path)
    write_result(path, "descent", {**parts, "end": end, "gap": 0.5})
    assert qd.Descent.load(path).end is not None


def test_descend_with_a_folder_keeps_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the command predicts by the polished weights in it, as Python does."""
    ask = {"bounds": [(-1, 7), (-6, 2)], "qubits": 3, "steps": 10, "seed": 2, "compare": False}
    found = qd.descend(neuron(ROWS, LABELS, l2=0.01), **ask, folder=tmp_path / "d")  # type: ignore[arg-type]
    assert str(qd.Descent.load(tmp_path / "d" / "descent.npz")) == str(found)
    assert str(qd.descend(neuron(ROWS, LABELS, l2=0.01), **ask, folder=tmp_path / "d")) == str(found)  # type: ignore[arg-type]
    file = tmp_path / "new.csv"
    file.write_text("b;name;a\n" + "".join(f"{y!r};r{i};{x!r}\n" for i, (x, y) in enumerate(ROWS.tolist())))
    rows = predicted(capsys, tmp_path / "d", file, "--columns", "a, b")
    np.testing.assert_array_equal([float(row[1]) for row in rows[1:]], found.predict_proba(ROWS)[:, 1])
    assert [row[0] for row in rows[1:]] == found.predict(ROWS).tolist()
    assert found.weights != found.trajectory.best.weights  # type: ignore[union-attr]
    assert predicted(capsys, tmp_path / "d" / "descent.npz", file, "--columns", "a,b") == rows
    assert predicted(capsys, tmp_path / "d", file) != rows  # in the order of the file: b, a


def test_no_column_of_numbers_is_passed_over_where_columns_have_no_names(tmp_path: Path) -> None:
    """One value in all rows is a column as any other, and a file with more columns than the training must name them."""
    circuit, file = QuantumCircuit(1), tmp_path / "new.csv"
    circuit.ry(Parameter("x"), 0)
    circuit.rx(Parameter("y"), 0)
    circuit.ry(Parameter("a"), 0)
    rows = [[0.1, 0.2], [0.3, 0.1], [0.7, 0.5]]
    found = qd.train(circuit, "squared", [0.4], features=rows, labels=[1, -1, 1], inputs=["x", "y"], steps=1, seed=0)
    path = found.save(tmp_path / "training.npz")
    known, parts = ready(path, How()), read_result(path, "training")
    for change in ({"accuracy": np.ones(1)}, {"accuracy": "high"}, {"classes": 7}, {"seed": "a"}):
        write_result(tmp_path / "odd.npz", "training", {**parts, **change})
        with pytest.raises(ProblemError, match=r"`path` must be a saved training, but .* is not"):
            qd.TrainResult.load(tmp_path / "odd.npz")
    file.write_text("a,b\n0.5,0.1\n0.5,0.2\n")
    np.testing.assert_array_equal(known.read(file, None)[1], [[0.5, 0.1], [0.5, 0.2]])
    for third in ("7,8", "3,3", "1.5,2.5"):
        first, second = third.split(",")
        file.write_text(f"a,b,id\n0.5,0.1,{first}\n0.5,0.2,{second}\n")
        with pytest.raises(ProblemError, match=r"must name 2 columns of numbers .* has 'a, b, id'"):
            known.read(file, None)
        np.testing.assert_array_equal(known.read(file, ("b", "a"))[1], [[0.1, 0.5], [0.2, 0.5]])


@pytest.mark.parametrize("labels", [[1, -1, 1, -1], TARGETS], ids=["classes", "targets"])
def test_the_command_predicts_by_a_trained_circuit(
    labels: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("x"), 0)
    circuit.ry(Parameter("a"), 0)
    ask = {"features": ANGLES, "labels": labels, "inputs": ["x"], "steps": 3, "seed": 0}
    found = qd.train(circuit, "squared", [0.4], **ask, folder=tmp_path / "t")
    file = tmp_path / "new.csv"
    file.write_text("angle\n" + "".join(f"{a!r}\n" for a in ANGLES[:, 0].tolist()))
    for place in (tmp_path / "t", tmp_path / "t" / "training.npz"):
        rows = predicted(capsys, place, file, "--out", tmp_path / "p.csv") or list(
            csv.reader((tmp_path / "p.csv").open())
        )
        known = found.predict(ANGLES)
        np.testing.assert_array_equal([float(row[0]) for row in rows[1:]], known)
        assert len(set(known.tolist())) > 1
    assert rows[0] == (["prediction"] if labels is TARGETS else ["prediction", "probability of -1"])
    file.write_text("a,b\n1.0,2.0\n")
    assert code_of("predict", tmp_path / "t", file) == 2
    assert "`columns` must name 1 columns of numbers" in " ".join(capsys.readouterr().err.split())
    assert code_of("predict", tmp_path / "t", file, "--columns", "b", "--weights", "mean") == 2
    if labels is TARGETS:
        assert code_of("predict", tmp_path / "t", file, "--columns", "b", "--proba") == 2
