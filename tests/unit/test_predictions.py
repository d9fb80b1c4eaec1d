"""A model on data is what a run, a descent and a chain leave behind: stored whole, and used on new rows, elsewhere."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.cli import main
from qml_dynamics.model.objectives import Objective, load_data, network, neuron, on_data, perceptron
from qml_dynamics.model.objectives.classifiers import sigmoid
from qml_dynamics.runs.problem_file import problem_from_spec
from tests.texts import IRIS_NEURON

ROOT = Path(__file__).parents[2]
CSV = ROOT / "circuits" / "iris_neuron" / "iris.csv"
FILE = (
    IRIS_NEURON.replace("QUBITS", "3")
    + """[diffusion]
value = 0.1
[evolution]
clock = "imaginary"
duration = 2.0
[method]
kind = "split_step"
steps = 20
"""
)


def code_of(*words: str | Path) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the command line on data, moved elsewhere, its data and problem file gone."""
    place = tmp_path_factory.mktemp("data")
    shutil.copy(CSV, place)
    (place / "p.toml").write_text(FILE)
    assert code_of("run", place / "p.toml", "--out", place / "run", "--no-plots") == 0
    moved = tmp_path_factory.mktemp("elsewhere") / "moved"
    shutil.copytree(place / "run", moved)
    shutil.rmtree(place)
    return moved


@pytest.fixture(scope="module")
def data() -> qd.objectives.Dataset:
    return load_data(CSV, target="species", classes=["versicolor", "virginica"], num_features=2)


def raw(data: qd.objectives.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The held-out rows in the units of the file, and the names of their classes."""
    return data.X_test * data.scale + data.mean, np.array(data.classes)[data.y_test]


def test_a_run_of_the_command_line_predicts_in_python(folder: Path, data: qd.objectives.Dataset) -> None:
    run = qd.load(folder)
    objective = run.problem.objective
    assert objective.preparation.features == data.features == ("petal_length", "petal_width")
    assert objective.preparation.classes == ("versicolor", "virginica")
    assert (objective.preparation.test_fraction, objective.preparation.rows) == (0.3, (70, 30))
    labels = objective.predict(run.best.weights, data.X_test)
    assert objective.score(run.best.weights, data.X_test, data.y_test) > 0.8
    rows, names = raw(data)
    assert (run.predict(rows) == np.array(data.classes)[labels]).all()
    assert run.score(rows, names) == run.score(rows, data.y_test) == np.mean(labels == data.y_test)
    assert len(set(run.predict(rows))) == 2


def test_saved_twice_and_written_as_a_problem_it_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    run = qd.load(folder)
    run.save(tmp_path / "once")
    again = qd.load(tmp_path / "once")
    again.save(tmp_path / "twice")
    last = qd.load(tmp_path / "twice")
    qd.write_problem(last.problem, tmp_path / "p" / "problem.toml")
    file = qd.read_problem(tmp_path / "p")
    for objective in (again.problem.objective, last.problem.objective, file.problem.objective):
        assert objective.model == run.problem.objective.model
        assert objective.preparation == run.problem.objective.preparation
    rows = np.array([[4.0, 1.2], [6.0, 2.2]])
    np.testing.assert_array_equal(last.predict_proba(rows, "mean"), run.predict_proba(rows, "mean"))
    assert last.predict(rows).tolist() == ["versicolor", "virginica"]


@pytest.mark.parametrize("qubits", [2, 7], ids=["table in the file", "table beside it"])
@pytest.mark.parametrize(
    ("make", "labels"),
    [(neuron, ["b", "a"]), (neuron, [3, -2]), (neuron, [True, False]), (neuron, [0.5, 1.5]), (network, ["b", "a"])],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_every_model_and_kind_of_label_comes_back(
    make: object, labels: list[object], qubits: int, tmp_path: Path
) -> None:
    X = np.array([[1.0], [2.0], [-1.0], [-2.0]])
    y = np.array(labels)[[0, 0, 1, 1]]
    options = {"hidden": 1, "bias": False} if make is network else {"bias": True}
    problem = qd.Problem(qd.Grid([(-3, 3)] * 2, qubits), make(X, y, **options), 0.1, clock="imaginary", duration=3.0)
    run = qd.evolve(problem, qd.SplitStep(20), seed=0)
    back = qd.load(run.save(tmp_path / "run"))
    assert back.problem.objective.model == problem.objective.model
    found = back.predict(X, "mean")
    assert found.dtype == problem.objective.predict(np.zeros(2), X).dtype
    assert (found == y).all()


def test_a_perceptron_on_binary_weights_comes_back(tmp_path: Path) -> None:
    X = np.random.default_rng(0).choice([-1.0, 1.0], (20, 3))
    y = np.where(X @ [1, 1, -1] > 0, "up", "down")
    problem = qd.Problem(qd.Hypercube(3), perceptron(X, y), 0.05, clock="imaginary", duration=8.0)
    back = qd.load(qd.evolve(problem, qd.SplitStep(40), seed=0).save(tmp_path / "run"))
    assert back.score(X, y) == back.score(X, y, "mean") == 1.0


def test_the_mean_is_over_the_density_in_the_named_reading() -> None:
    """Against a plain sum over all weights; the two readings differ."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(12, 2))
    problem = qd.Problem(qd.Grid([(-4, 4)] * 2, 3), neuron(X, X[:, 0] > 0.2), 0.2, clock="imaginary", duration=1.0)
    run = qd.evolve(problem, qd.SplitStep(20), seed=0)
    z = problem.domain.points @ X.T
    psi = np.abs(run.states[-1].reshape(-1))
    born, population = (law / law.sum() for law in (psi**2, psi))
    np.testing.assert_allclose(run.predict_proba(X, "mean")[:, 1], born @ sigmoid(z), atol=1e-12)
    np.testing.assert_allclose(run.predict_proba(X, "mean", "population")[:, 1], population @ sigmoid(z), atol=1e-12)
    np.testing.assert_allclose(run.predict_proba(X, "vote")[:, 1], born @ (z >= 0), atol=1e-12)
    assert np.abs((born - population) @ sigmoid(z)).max() > 1e-3
    own = run.predict_proba(X, [1.0, -2.0])
    np.testing.assert_allclose(own[:, 1], sigmoid(X @ [1.0, -2.0]), atol=1e-12)
    np.testing.assert_allclose(own.sum(axis=1), 1.0)


def test_a_descent_predicts_by_weights_of_the_losses_own_units(tmp_path: Path) -> None:
    """Its run is over the unit box, which is not where the model's weights are."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 2)) + 0.5
    y = np.where(X @ [2.0, -1.0] > 0.6, "yes", "no")
    found = qd.descend(neuron(X, y, l2=0.01), bounds=[(-1, 7), (-6, 2)], qubits=4, steps=60, seed=2)
    by_hand = np.where(X @ np.array(found.weights) >= 0, "yes", "no")
    assert (found.predict(X) == by_hand).all()
    assert found.score(X, y) > 0.7
    assert (found.predict(X, [0.0, -1.0]) == np.where(-X[:, 1] >= 0, "yes", "no")).all()
    y_unit = np.array(found.trajectory.best.weights)
    own = found.box.weights(y_unit)
    assert (found.trajectory.predict(X) == np.where(X @ own >= 0, "yes", "no")).all()
    back = qd.load(found.trajectory.save(tmp_path / "run"))
    np.testing.assert_allclose(back.predict_proba(X, "mean"), found.predict_proba(X, "mean"), atol=1e-12)


def test_a_chain_is_a_posterior() -> None:
    X = np.array([[1.0, 0.0], [2.0, 1.0], [-1.0, 0.5], [-2.0, -1.0]])
    y = np.array(["up", "up", "down", "down"])
    problem = qd.Problem(qd.Grid([(-4, 4)] * 2, 3), neuron(X, y), 0.1, clock="imaginary", duration=1.0)
    chain = qd.metts(problem, tau=2.0, samples=40, seed=1)
    z = chain.samples @ X.T
    np.testing.assert_allclose(chain.predict_proba(X)[:, 1], sigmoid(z).mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(chain.predict_proba(X, "vote")[:, 1], (z >= 0).mean(axis=0), atol=1e-12)
    assert chain.predict(X).tolist() == chain.predict(X, "best").tolist() == y.tolist()
    assert chain.score(X, y) == 1.0 > chain.score(X, y[::-1])


class Sign:
    """A model of one's own, which knows labels only."""

    def predict(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        return np.where(X @ w > 0, "plus", "minus")

    def score(self, w: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean(self.predict(w, X) == y))


def test_a_model_of_ones_own_votes_and_has_no_probabilities() -> None:
    loss = Objective(lambda w: 0.5 * ((w - 1) ** 2).sum(axis=1), "own", model=Sign())
    run = qd.evolve(
        qd.Problem(qd.Grid([(-4, 4)], 4), loss, 0.1, clock="imaginary", duration=4.0), qd.SplitStep(20), seed=1
    )
    assert run.predict([[1.0], [-1.0]], "mean").tolist() == run.predict([[1.0], [-1.0]]).tolist() == ["plus", "minus"]
    with pytest.raises(ProblemError, match="labels only"):
        run.predict_proba([[1.0]])


def test_what_does_not_fit_is_refused_by_name(folder: Path) -> None:
    run = qd.load(folder)
    bowl = qd.evolve(
        qd.Problem(qd.Grid([(-1, 1)], 3), qd.objectives.quadratic(), 0.1, clock="real", duration=0.1), qd.SplitStep(2)
    )
    for wrong, words in (
        (lambda: bowl.predict([[1.0]]), "has no model"),
        (lambda: run.predict([[1.0]]), "Argument `X` must have 2 columns"),
        (lambda: run.predict([1.0, 2.0]), "Argument `X` must be a matrix"),
        (lambda: run.predict([[1.0, np.nan]]), "Argument `X` must be finite"),
        (lambda: run.predict([["a", "b"]]), "Argument `X` must be a matrix of numbers"),
        (lambda: run.predict([[1.0, 2.0]], "worst"), "weights"),
        (lambda: run.predict([[1.0, 2.0]], [1.0]), "Argument `weights` must be"),
        (lambda: run.predict([[1.0, 2.0]], "mean", "bohm"), "reading"),
        (lambda: run.predict([[1.0, 2.0]], "best", "born"), "Argument `reading` must be left out"),
        (lambda: bowl.score([[1.0]], [1]), "has no model"),
        (lambda: run.score([[1.0, 2.0]], ["setosa"]), "Argument `y` must be 'versicolor' or 'virginica'"),
        (lambda: run.score([[1.0, 2.0]], [0, 1]), "Argument `y` must have 1 labels"),
    ):
        with pytest.raises(ProblemError, match=words):
            wrong()
    assert run.predict([[1.0, 2.0]]).shape == (1,)


class Frame(dict):  # type: ignore[type-arg]
    """Columns by name, as data frames have them."""

    @property
    def columns(self) -> list[str]:
        return list(self)


def test_a_data_frame_is_read_by_the_names_of_its_columns(folder: Path) -> None:
    run = qd.load(folder)
    frame = Frame(petal_width=[2.3, 0.9], other=[0.0, 0.0], petal_length=[4.0, 6.0])
    np.testing.assert_array_equal(run.predict_proba(frame), run.predict_proba([[4.0, 2.3], [6.0, 0.9]]))
    assert np.ptp(run.predict_proba(frame)[:, 1]) > 0
    with pytest.raises(ProblemError, match="petal_width"):
        run.predict(Frame(petal_length=[1.0]))


def test_dictionaries_of_columns_and_arrays_with_fields_are_read_by_name(folder: Path) -> None:
    run = qd.load(folder)
    columns = {"petal_width": [2.3, 0.9], "name": ["u", "v"], "petal_length": [4.0, 6.0]}
    fields = np.array(
        [*zip(*columns.values())], dtype=[("petal_width", float), ("name", "U1"), ("petal_length", float)]
    )
    expected = run.predict_proba([[4.0, 2.3], [6.0, 0.9]])
    for table in (columns, fields):
        np.testing.assert_array_equal(run.predict_proba(table), expected)
    with pytest.raises(ProblemError, match="`X` must have the column 'petal_length', but is of petal_width"):
        run.predict({"petal_width": [1.0]})
    with pytest.raises(ProblemError, match="`X` must have columns of one length"):
        run.predict({"petal_width": [1.0], "petal_length": [1.0, 2.0]})
    with pytest.raises(ProblemError, match="fill the cell or take the row out"):
        run.predict({"petal_width": [1.0], "petal_length": [None]})


@pytest.mark.tables
def test_tables_of_other_libraries_are_read_by_name(folder: Path) -> None:
    import pandas
    import polars
    import pyarrow

    run = qd.load(folder)
    columns = {"petal_width": [2.3, 0.9], "name": ["u", "v"], "petal_length": [4.0, 6.0]}
    expected = run.predict_proba([[4.0, 2.3], [6.0, 0.9]])
    lazy = polars.DataFrame(columns).lazy().with_columns(polars.col("petal_width") * 1.0)
    named_alike = pandas.DataFrame({**columns, "collect": [0, 1], "collect_schema": [0, 1], "column": [0, 1]})
    for table in (pyarrow.table(columns), polars.DataFrame(columns), lazy, named_alike):
        np.testing.assert_array_equal(run.predict_proba(table), expected)
    with pytest.raises(
        ProblemError, match=r"^Argument `X` must be a lazy data frame that can be computed, but is not: .*gone"
    ):
        run.predict(lazy.select("gone"))


def test_one_class_against_the_rest_keeps_its_rest(tmp_path: Path) -> None:
    data = load_data(CSV, target="species", positive="setosa", num_features=2)
    problem = qd.Problem(qd.Grid([(-6, 6)] * 3, 3), on_data(data, bias=True), 0.05, clock="imaginary", duration=5.0)
    run = qd.load(qd.evolve(problem, qd.SplitStep(30), seed=0).save(tmp_path / "run"))
    rows = data.X_train * data.scale + data.mean
    assert set(run.predict(rows)) == {"not setosa", "setosa"}
    names = np.where(data.y_train == 1, "setosa", "virginica")
    assert run.score(rows, names) == run.score(rows, data.y_train) > 0.9


def test_the_command_predicts_a_file_by_the_names_of_its_columns(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.csv"
    new.write_text("petal_width,name,petal_length\n2.3,x,6.5\n1.0,y,3.9\n")
    capsys.readouterr()
    assert code_of("predict", folder, new, "--weights", "mean") == 0
    out = capsys.readouterr()
    rows = list(csv.reader(io.StringIO(out.out)))
    assert rows[0] == ["prediction", "probability of virginica"]
    assert [row[0] for row in rows[1:]] == ["virginica", "versicolor"]
    expected = qd.load(folder).predict_proba([[6.5, 2.3], [3.9, 1.0]], "mean")[:, 1]
    np.testing.assert_array_equal([float(row[1]) for row in rows[1:]], expected)
    assert code_of("predict", folder, new, "--weights", "mean", "--out", tmp_path / "p.csv") == 0
    assert (tmp_path / "p.csv").read_text() == out.out
    capsys.readouterr()
    assert code_of("predict", folder, CSV, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["rows"], said["classes"]) == (150, ["versicolor", "virginica"])
    assert 0.9 < said["accuracy"] < 1
    assert code_of("predict", folder, new, "--weights", "mean", "--json") == 0
    np.testing.assert_array_equal(json.loads(capsys.readouterr().out)["probabilities"], expected)


def test_the_command_refuses_a_missing_column_and_a_run_on_arrays(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.csv"
    new.write_text("petal_widht,petal_length\n2.3,6.5\n")
    assert code_of("predict", folder, new, "--out", tmp_path / "p.csv") == 2
    assert "Did you mean 'petal_widht'?" in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()
    new.write_text("petal_width,petal_length\n2.3,\n1.0,3.9\n")
    assert code_of("predict", folder, new) == 2
    assert "(1 of 2 rows lacks a value): fill the cell or take the row out." in capsys.readouterr().err
    new.write_text("petal_width,petal_length\n2.3,6.5\n")
    for same in (new, tmp_path / "." / "link.csv"):  # by another name too
        same.exists() or same.symlink_to(new)
        assert code_of("predict", folder, new, "--out", same) == 2
        assert "`out` must be another file than the rows" in capsys.readouterr().err
    assert new.read_text() == "petal_width,petal_length\n2.3,6.5\n"
    problem = qd.Problem(qd.Grid([(-1, 1)], 2), neuron([[1.0], [-1.0]], [1, 0]), 0.1, clock="real", duration=0.1)
    saved = qd.evolve(problem, qd.SplitStep(2), seed=0).save(tmp_path / "run")
    assert code_of("predict", saved, new) == 2
    assert "made of arrays" in capsys.readouterr().err


def test_a_run_folder_of_before_finds_its_model_in_its_data() -> None:
    """Its trajectory holds a table and no model; the problem and the data beside it do."""
    old = ROOT / "tests" / "stored" / "data" / "command_line" / "run_on_data"
    assert qd.load(old / "trajectory.npz").problem.objective.model is None
    run = qd.load(old)
    file = qd.read_problem(old)
    assert run.problem.objective.model == file.problem.objective.model
    rows = file.dataset.X_test * file.dataset.scale + file.dataset.mean
    labels = file.problem.objective.predict(np.array(run.best.weights), file.dataset.X_test)
    assert (run.predict(rows) == np.array(file.dataset.classes)[labels]).all()
    assert len(rows) > 0


def test_another_process_predicts_the_same(folder: Path) -> None:
    code = f"import qml_dynamics as q; print(q.load({str(folder)!r}).predict_proba([[5.0, 1.6]], 'mean')[0, 1])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder).stdout
    assert float(said) == pytest.approx(qd.load(folder).predict_proba([[5.0, 1.6]], "mean")[0, 1], abs=1e-12)


def stored(model: dict[str, object]) -> dict[str, dict[str, object]]:
    """A problem whose loss is a table of a model."""
    return {
        "domain": {"kind": "grid", "bounds": [-2, 2], "qubits": 1},
        "objective": {"table": [0.0, 1.0], "model": model},
        "diffusion": {"value": 0.5},
        "evolution": {"clock": "real", "duration": 1.0},
    }


GOOD: dict[str, object] = {"kind": "neuron", "classes": [0, 1], "num_features": 1, "bias": False}
PREPARED: dict[str, object] = {"features": ["a"], "mean": [0.0], "scale": [2.0], "classes": ["x", "y"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "forest"},
        {"classes": [0, 0]},
        {"classes": [0, 1, 2]},
        {"num_features": 2},
        {"num_features": -1},
        {"bias": True},
        {"hidden": 2},
        {"low": [0.0]},
        {"low": [0.0, 1.0], "lengths": [1.0, 1.0]},
        {"data": {**PREPARED, "scale": [0.0]}},
        {"data": {**PREPARED, "mean": [0.0, 1.0]}},
        {"data": {**PREPARED, "features": ["a", "b"]}},
        {"data": {**PREPARED, "classes": ["x"]}},
        {"data": {**PREPARED, "scale": [float("nan")]}},
        {"data": {"features": ["a"]}},
        {"colour": "red"},
    ],
    ids=str,
)
def test_a_stored_model_that_cannot_be_one_is_refused(wrong: dict[str, object]) -> None:
    good = problem_from_spec(stored({**GOOD, "data": PREPARED}))
    assert good.objective.model.num_weights == 1
    with pytest.raises(ProblemError, match=r"\[objective\]"):
        problem_from_spec(stored({**GOOD, **wrong}))


def test_one_class_against_the_rest_is_scored_by_the_numbers_of_the_file(tmp_path: Path) -> None:
    """Labels 1, 2, 3 of which 2 is the class: numbers and their texts are the same labels, and what is missing is none."""
    label = np.tile([1, 2, 3, 2, 1, 3], 4)
    rows = np.column_stack([np.where(label == 2, 1.0, -1.0), np.linspace(-1, 1, 24)])
    path = tmp_path / "three.csv"
    path.write_text("a,b,c\n" + "".join(f"{a},{b},{c}\n" for (a, b), c in zip(rows, label)))
    data = load_data(path, target="c", features=["a", "b"], positive="2")
    loss = on_data(data, model="neuron")
    predictor = qd.evolve(
        qd.Problem(qd.Grid([(-6, 6)] * 2, 3), loss, 0.1, clock="imaginary", duration=2.0), qd.SplitStep(10)
    ).predictor()
    truth = predictor.score(rows, label.astype(str))
    assert truth > 0.9
    assert predictor.score(rows, label) == truth
    assert predictor.score(rows, label.astype(float)) == truth
    with pytest.raises(ProblemError, match="`y` must be"):
        predictor.score(rows, np.where(label == 3, np.nan, label))


@pytest.mark.parametrize(
    ("names", "right", "strange"),
    [
        ([3, 7], ["3", "7"], [5, 7]),
        (["cold", "warm"], [0, 1], ["hot", "cold"]),
        (["cold", "warm"], [0, 1], [np.nan, 1]),
    ],
)
def test_labels_of_arrays_are_known_by_text_and_value_or_refused(names: list[Any], right: Any, strange: Any) -> None:
    loss = neuron([[-1.0], [1.0]], names)
    assert loss.score(np.array([2.0]), [[-1.0], [1.0]], names) == 1.0
    problem = qd.Problem(qd.Grid((-4, 4), 4), loss, 0.1, clock="imaginary", duration=2.0)
    run = qd.evolve(problem, qd.SplitStep(10))
    assert run.score([[-1.0], [1.0]], right) == run.score([[-1.0], [1.0]], names) == 1.0
    with pytest.raises(ProblemError, match="`y` must be"):
        run.score([[-1.0], [1.0]], strange)


def test_no_rows_have_no_labels_by_any_law_of_a_model_of_ones_own() -> None:
    class Sign:
        """Labels only."""

        def predict(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
            """The side of each row."""
            return np.where(X @ w >= 0, "right", "left")

    loss = Objective(lambda w: (w[:, 0] - 1) ** 2, "own", model=Sign())
    run = qd.evolve(qd.Problem(qd.Grid((-4, 4), 3), loss, 0.1, clock="imaginary", duration=1.0), qd.SplitStep(4))
    assert run.predict([[1.0], [-1.0]], "vote").tolist() == ["right", "left"]
    for law in ("best", "vote"):
        assert len(run.predict(np.zeros((0, 1)), law)) == 0


def test_complex_rows_are_refused() -> None:
    problem = qd.Problem(qd.Grid((-4, 4), 3), neuron([[-1.0], [1.0]], ["a", "b"]), 0.1, clock="imaginary", duration=1.0)
    with pytest.raises(ProblemError, match="`X` must be a matrix of numbers"):
        qd.evolve(problem, qd.SplitStep(4)).predict(np.array([[1 + 2j]]))
