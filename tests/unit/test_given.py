"""Losses, boxes and labels in the forms in which people have them: each is read as what it is, or refused in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import sympy

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.cli import main
from qml_dynamics.cli.diffuse import _command, read_statement
from qml_dynamics.learning.descent.box import as_bounds
from qml_dynamics.learning.growth import Training, train_network
from qml_dynamics.model.objectives import Objective
from qml_dynamics.model.objectives.given import from_sympy
from qml_dynamics.plotting.animation import animate

ROOT = Path(qd.__file__).parents[1]
X = np.array([[1.0, 2.0], [0.5, -1.0], [-1.5, 0.3], [2.0, 0.1]])
Y = np.array([1.0, -2.0, 0.4, 0.7])


def many(w: np.ndarray) -> np.ndarray:
    """The mean squared error of a linear model, at all points."""
    return ((w @ X.T - Y) ** 2).mean(axis=1)


def single(w: np.ndarray) -> float:
    """The same of one point."""
    return float(((X @ w - Y) ** 2).mean())


def slope(w: np.ndarray) -> np.ndarray:
    return 2 * (w @ X.T - Y) @ X / len(X)


FORMS = {
    "of one point": single,
    "a NumPy scalar": lambda w: ((X @ w - Y) ** 2).mean(),
    "an array of one number": lambda w: np.array([single(w)]) if w.ndim == 1 else many(w)[:, None],
    "a list": lambda w: many(w).tolist(),
    "a tuple": lambda w: tuple(many(w).tolist()),
    "a column": lambda w: many(w)[:, None],
    "a list of lists": lambda w: [[v] for v in many(w)],
    "with gradients": lambda w: (many(w), slope(w)),
    "a column with gradients": lambda w: (many(w)[:, None], slope(w)),
    "one point with its gradient": lambda w: (single(w), slope(w[None])[0]),
    "by components": lambda w: float(sum((x[0] * w[0] + x[1] * w[1] - y) ** 2 for x, y in zip(X, Y)) / 4),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_form_of_a_loss_has_its_values(form: str, count: int) -> None:
    """Two points of two weights too, where a function of one point may answer in the shape of values."""
    points = np.random.default_rng(count).normal(size=(count, 2))
    found = Objective(FORMS[form])(points)  # type: ignore[arg-type]
    assert found == pytest.approx(many(points), rel=1e-12)
    assert np.ptp(many(points)) > 0.01 or count == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
def test_functions_of_scipy(count: int, ndim: int) -> None:
    points = np.random.default_rng(10 * count + ndim).normal(size=(count, ndim)) + 0.3
    wanted = [scipy.optimize.rosen(point) for point in points]
    if ndim > 1:
        assert Objective(scipy.optimize.rosen)(points) == pytest.approx(wanted)
        assert min(wanted) > 0
    norm = Objective(lambda w: np.linalg.norm(w))(points)
    assert norm == pytest.approx(np.linalg.norm(points, axis=1))


def test_problems_run_on_losses_of_one_point() -> None:
    grid = qd.Grid([(-3, 3), (-2, 2)], 3)
    runs = [
        qd.evolve(qd.Problem(grid, loss, 0.3, clock="imaginary", duration=1.0), qd.SplitStep(10), seed=1)  # type: ignore[arg-type]
        for loss in (many, single, FORMS["with gradients"])
    ]
    assert np.ptp(runs[0].density[-1]) > 1e-3
    for run in runs[1:]:
        assert run.density[-1] == pytest.approx(runs[0].density[-1], abs=1e-12)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda w: np.zeros(5), r"must return shape \(8,\) for points \(8, 1\), but returned \(5,\)"),
        (lambda w: w[:, 7], "index 7 is out of bounds"),
        (lambda w: (w, w, w), r"must return shape \(8,\)"),
        (lambda w: w[:, 0] * 1j, "must return real numbers"),
        (lambda w: 1.0, r"must return shape \(8,\) for points \(8, 1\), but returned \(\)"),
        (lambda w: float("nan"), "must be finite"),
        (lambda w: ["low"] * len(w), "must return real numbers"),
    ],
)
def test_other_answers_are_refused(loss: object, words: str) -> None:
    problem = qd.Problem(qd.Grid((-1, 1), 3), loss, 0.5, clock="real", duration=1.0)  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match=words):
        qd.evolve(problem, qd.SplitStep(4))


BOXES = {
    "pairs": [(-4.0, 4.0), (-3.0, 1.0)],
    "tuple of pairs": ((-4, 4), (-3, 1)),
    "array": np.array([[-4, 4], [-3, 1]]),
    "bounds of SciPy": scipy.optimize.Bounds([-4, -3], [4, 1]),
    "corners": ([-4, -3], [4, 1]),
    "corners as arrays": (np.array([-4.0, -3.0]), np.array([4.0, 1.0])),
}


@pytest.mark.parametrize("form", [*BOXES, "zip"])
def test_every_form_of_a_box(form: str) -> None:
    box = zip([-4, -3], [4, 1]) if form == "zip" else BOXES[form]
    found = qd.descend(
        lambda w: (w[:, 0] - 2) ** 2 + 3 * (w[:, 1] + 1.5) ** 2 - 7, bounds=box, qubits=3, steps=200, seed=1
    )
    assert found.weights == pytest.approx((2.0, -1.5), abs=1e-5)
    assert found.box is not None
    assert found.box.bounds == ((-4.0, 4.0), (-3.0, 1.0))


def test_boxes_of_other_widths_and_what_is_refused() -> None:
    assert as_bounds(([-1], [3])) == [[-1.0, 3.0]]
    assert as_bounds(([-1, -2, -3], [1, 2, 3])) == [[-1, 1], [-2, 2], [-3, 3]]
    assert as_bounds(scipy.optimize.Bounds(-1, [1, 2])) == [[-1, 1], [-1, 2]]
    assert as_bounds([(-4, 4), (5, 8)]) == [[-4, 4], [5, 8]]
    with pytest.raises(
        ProblemError, match=r"`bounds` must say which of its numbers are low: .* may be pairs or corners"
    ):
        as_bounds(([-4, 4], [5, 8]))
    for wrong in (3, "ab", [1, 2], [("a", "b")], [None, None]):
        with pytest.raises(ProblemError, match=r"`bounds` must be pairs \(low, high\)|`bounds`"):
            qd.descend(many, bounds=wrong, qubits=2)  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match="`bounds`"):
        qd.descend(many, bounds=scipy.optimize.Bounds([-np.inf, 0], [1, 1]), qubits=2)


@pytest.mark.parametrize("form", ["with gradients", "one point with its gradient", "of one point", "a column"])
def test_descend_uses_what_a_loss_gives(form: str) -> None:
    best = np.linalg.lstsq(X, Y, rcond=None)[0]
    found = qd.descend(FORMS[form], bounds=[(-3, 3), (-3, 3)], qubits=3, steps=200, seed=1)  # type: ignore[arg-type]
    assert found.weights == pytest.approx(best, abs=1e-5)
    assert (found.evaluations.gradients > 0) == ("gradient" in form)


def test_a_wrong_gradient_of_ones_own_would_be_seen() -> None:
    turned = qd.descend(lambda w: (many(w), -slope(w)), bounds=[(-3, 3), (-3, 3)], qubits=3, steps=200, seed=1)
    right = qd.descend(lambda w: (many(w), slope(w)), bounds=[(-3, 3), (-3, 3)], qubits=3, steps=200, seed=1)
    assert turned.loss > right.loss


def test_expressions_of_sympy() -> None:
    a, b, x2, x10 = sympy.symbols("a b x2 x10")
    loss = (a - 1) ** 2 + sympy.Rational(1, 3) * sympy.exp(-b) + sympy.pi * b**2 - sympy.sqrt(2) * a * b
    points = np.random.default_rng(1).normal(size=(6, 2))
    wanted = [float(loss.subs({a: p, b: q})) for p, q in points]
    found = from_sympy(loss)
    assert found(points) == pytest.approx(wanted, rel=1e-12)
    grad = [[float(loss.diff(s).subs({a: p, b: q})) for s in (a, b)] for p, q in points]
    assert found.gradient(points) == pytest.approx(np.array(grad), rel=1e-10)
    assert from_sympy(x2 - 3 * x10)(np.array([[1.0, 10.0]])) == pytest.approx(-29.0)  # by number, not by letter
    assert from_sympy(x2 - 3 * x10, [x10, x2])(np.array([[10.0, 1.0]])) == pytest.approx(-29.0)
    assert from_sympy(sympy.Max(a, 2 * b, 0) + sympy.Abs(a))(np.array([[-1.0, 2.0]])) == pytest.approx(5.0)
    descent = qd.descend(
        (a - 2) ** 2 + 3 * (b + sympy.Rational(3, 2)) ** 2, bounds=[(-4, 4), (-3, 1)], qubits=3, steps=200, seed=1
    )
    assert descent.weights == pytest.approx((2.0, -1.5), abs=1e-6)
    assert descent.evaluations.gradients > 0
    grid = qd.Grid([(-3, 3), (-2, 2)], 3)
    runs = [
        qd.evolve(qd.Problem(grid, f, 0.3, clock="real", duration=1.0), qd.SplitStep(10))
        for f in (
            loss,
            lambda w: (w[:, 0] - 1) ** 2 + np.exp(-w[:, 1]) / 3 + np.pi * w[:, 1] ** 2 - np.sqrt(2) * w[:, 0] * w[:, 1],
        )
    ]
    assert runs[0].density[-1] == pytest.approx(runs[1].density[-1], abs=1e-10)
    assert np.ptp(runs[1].density[-1]) > 1e-3


def test_expressions_that_are_no_loss(tmp_path: Path) -> None:
    a = sympy.Symbol("a")
    wicked = sympy.Symbol("__import__('os').system('touch x')")
    for wrong, words in (
        (sympy.gamma(a), "must be made of .* but has 'gamma"),
        (sympy.I * a, "must have real numbers, but has 'I'"),
        (sympy.Integer(3), "must have a symbol to be a loss of"),
        (sympy.Function("f")(a), "must be made of"),
    ):
        with pytest.raises(ProblemError, match=words):
            qd.Problem(qd.Grid((-1, 1), 2), wrong, 0.5, clock="real", duration=1.0)
    assert from_sympy(wicked**2)(np.array([[3.0]])) == pytest.approx(9.0)  # a name is a name
    problem = qd.Problem(qd.Grid((-1, 1), 2), a**2 + a, 0.5, clock="real", duration=1.0)
    again = qd.read_problem(qd.write_problem(problem, tmp_path / "p.toml")).problem
    assert again.objective.on(again.domain) == pytest.approx(problem.objective.on(problem.domain))  # type: ignore[union-attr]


def test_class_words_of_networks() -> None:
    rng = np.random.default_rng(2)
    labels = np.array(["elm", "rose", "oak"])[np.arange(30) % 3]
    data = rng.normal(size=(30, 2)) * 0.2 + np.array([[0, 0], [3, 0], [0, 3]])[np.arange(30) % 3]
    how = Training(epochs=30, seed=1)
    words = train_network(data, labels, held_out=(data[:6], labels[:6].tolist()), hidden=3, training=how)
    numbers = train_network(data, np.array([0, 2, 1])[np.arange(30) % 3], hidden=3, training=how)
    assert words.classes == ("elm", "oak", "rose")
    assert numbers.classes is None
    assert np.array_equal(words.network.weights[0], numbers.network.weights[0])
    assert words.recording["accuracy/train"][-1] > 0.8
    assert train_network(data, labels == "elm", hidden=2, training=how).classes == (False, True)
    with pytest.raises(ProblemError, match=r"`held_out` must have labels of elm, oak, rose, but is \['fir'\]"):
        train_network(data, labels, held_out=(data[:1], ["fir"]), hidden=2, training=how)


def code_of(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def test_diffuse_keeps_the_file_it_was_asked_with(tmp_path: Path) -> None:
    """A diffusion.toml holds more than options say: it is named in the command, with the options beside it."""
    path = tmp_path / "diffusion.toml"
    path.write_text('[data]\nfile = "t.csv"\nheld_out = 0.5\n[circuit]\nmethod = "modes"\n')
    given: dict[str, Any] = {"columns": ["x", "y"], "n": 20, "seed": None, "time": 0.3}
    for source in (path, tmp_path):
        words = _command(source, read_statement(source, **given), True, given)
        said = ["--allow-code", "--columns=x,y", "--samples=20", "--time=0.3"]
        assert words == ["qml-dynamics", "diffuse", str(source), *said]
    (tmp_path / "t.csv").write_text("x\n1.5\n")
    words = _command(tmp_path / "t.csv", read_statement(tmp_path / "t.csv", seed=3), False, {"seed": 3})
    assert words[2:] == [str(tmp_path / "t.csv"), "--samples=1000", "--kind=sde", "--steps=100", "--seed=3"]


def test_diffuse_names_the_option_that_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x;word;gap\n" + "".join(f"{i % 7},5;w{i};{'?' if i == 3 else i % 4}\n" for i in range(20)))
    for column in ("word", "gap"):
        assert code_of("diffuse", path, "--columns", column, "--no-plots", "--out", tmp_path / "out") == 2
        assert f"`columns` must be finite numbers, in column `{column}` too" in capsys.readouterr().err
    assert code_of("diffuse", path, "--columns", "word,y", "--out", tmp_path / "out") == 2
    assert "`columns` must be a column of the file, but is 'y'" in capsys.readouterr().err
    assert (
        code_of(
            "diffuse",
            path,
            "--columns",
            "x",
            "--samples",
            "20",
            "--steps",
            "4",
            "--no-plots",
            "--json",
            "--out",
            tmp_path / "o",
        )
        == 0
    )
    table = json.loads(capsys.readouterr().out)["table"]
    assert (table["used"], table["rows"]) == (["x"], 20)


def test_animate_of_what_is_no_landscape_names_what_draws_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code_of("new", tmp_path / "h2", "--sample", "h2")
    capsys.readouterr()
    assert code_of("animate", tmp_path / "h2" / "problem.toml") == 2
    said = capsys.readouterr().err
    assert (
        "must be on a Grid of one or two weights to be animated, but is on an operator on qubits: `plot` draws" in said
    )
    bits = qd.Problem(qd.Hypercube(2), lambda w: w[:, 0], 0.5, clock="real", duration=1.0)
    with pytest.raises(MethodError, match="Grid of one or two weights to be animated, but is on Hypercube"):
        animate(qd.evolve(bits, qd.SplitStep(4), save=3), tmp_path / "a.gif")


@pytest.mark.parametrize("name", ["first_run", "ensembles"])
def test_notebooks_find_their_data_from_any_folder(name: str, tmp_path: Path) -> None:
    """The lines that read data, run elsewhere; the whole notebooks are run by the suite."""
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert not any("cwd" in source or '"circuits"' in source for source in sources)
    places = [line.strip() for source in sources for line in source.splitlines() if "samples" in line]
    assert len(places) == 1
    place = places[0].partition("#")[0].strip().rstrip(",").rpartition(" = ")[2]
    code = f"from pathlib import Path\nimport qml_dynamics as qd\nprint(({place}).is_file())"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
