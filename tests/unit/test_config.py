"""Problem files: what they mean, what they refuse, and that writing and reading gives the same problem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qml_dynamics.base.errors import MethodError, ProblemError, QMLDynamicsError
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.methods.trotter import Trotter
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.initial import Gaussian, PointMass, State, Uniform
from qml_dynamics.model.objectives import expression, from_table, named, qubo
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import QHD, Constant, Geometric, Linear, PowerLaw
from qml_dynamics.model.spec import describe_problem
from qml_dynamics.runs.problem_file import problem_from_spec, read_problem, write_problem
from qml_dynamics.runs.problem_file.files import copy_problem, to_toml

GOOD = """
[domain]
kind = "grid"
bounds = [[-4, 4], [0, 1.5]]
qubits = [3, 2]

[objective]
expression = "x0**2 + 3*x1"

[diffusion]
schedule = "geometric"
params = {start = 1.0, stop = 0.05}

[evolution]
clock = "real"
duration = 4
"""

DATA = """
[domain]
kind = "grid"
bounds = [[-6, 6], [-6, 6]]
qubits = 4

[objective]
data = "flowers.csv"
target = "species"

[diffusion]
value = 0.5

[evolution]
clock = "imaginary"
duration = 2.0
"""


OWN_LOSS = """
import numpy as np
from helper_of_loss import power

def tilted(w):
    return w[:, 0] ** power - w[:, 1]

def shapeless(w):
    return w

def gap(w):
    return np.nan * w[:, 1]

number = 3
"""


def write(folder: Path, text: str, name: str = "problem.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def changed(old: str, new: str, text: str = GOOD) -> str:
    assert old in text
    return text.replace(old, new)


def message(path: Path, kind: type[QMLDynamicsError] = ProblemError, allow_code: bool = False) -> str:
    with pytest.raises(kind) as error:
        read_problem(path, allow_code=allow_code)
    text = str(error.value)
    assert "\n" not in text
    return text


def flowers(folder: Path, rows: int = 40) -> Path:
    rng = np.random.default_rng(5)
    lines = ["length,width,noise,species"]
    for i in range(rows):
        kind = i % 2
        numbers = (2 * kind + rng.normal(), -3 * kind + rng.normal(), rng.normal())
        lines.append(",".join([*(f"{x:.3f}" for x in numbers), "rose" if kind else "elm"]))
    path = folder / "flowers.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def same(a: Problem, b: Problem) -> None:
    assert a.domain == b.domain
    assert (a.diffusion, a.strength, a.clock, a.duration) == (b.diffusion, b.strength, b.clock, b.duration)
    first, second = a.initial.vector(a.domain), b.initial.vector(b.domain)
    np.testing.assert_allclose(first, second, rtol=0, atol=4e-16)  # a state is normalised again when it is read
    if a.objective is None:
        assert a.operator is not None
        assert b.operator is not None
        assert a.operator.labels == b.operator.labels
        np.testing.assert_array_equal(a.operator.coefficients, b.operator.coefficients)
        return
    assert b.objective is not None
    zeta = a.objective.on(a.domain)
    assert np.ptp(zeta) > 0
    np.testing.assert_array_equal(zeta, b.objective.on(b.domain))


def test_reads_every_section(tmp_path: Path) -> None:
    extra = """
[strength]
schedule = "linear"
params = {start = 0.0, stop = 2.0}

[initial]
kind = "gaussian"
params = {center = [1.0, 0.5], width = 0.3, momentum = [2.0, 0.0]}

[method]
kind = "trotter"
steps = 12

[backend]
name = "aer"
shots = 500
seed = 7
options = {method = "statevector"}
"""
    file = read_problem(write(tmp_path, GOOD + extra))
    assert file.problem.domain == Grid([(-4, 4), (0, 1.5)], (3, 2))
    assert file.problem.diffusion == Geometric(1.0, 0.05)
    assert file.problem.strength == Linear(0.0, 2.0)
    assert file.problem.initial == Gaussian((1.0, 0.5), 0.3, (2.0, 0.0), wrapped=False)  # as files without the key mean
    assert (file.problem.clock, file.problem.duration) == ("real", 4.0)
    assert file.method == Trotter(steps=12)
    assert (file.backend, file.shots, file.seed, dict(file.backend_options)) == (
        "aer",
        500,
        7,
        {"method": "statevector"},
    )
    zeta = file.problem.objective.on(file.problem.domain)  # type: ignore[union-attr]
    assert zeta[1, 2] == pytest.approx(9.0 + 3 * 0.75)  # axis 0 from -4 in steps of 1, axis 1 from 0 in steps of 0.375


def test_defaults_and_folders(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    file = read_problem(tmp_path)
    assert file.problem.initial == Uniform()
    assert file.problem.strength == Constant(1.0)
    assert (file.method, file.backend, file.shots, file.seed, file.dataset) == (None, None, None, None, None)
    assert file.folder == tmp_path


def test_hypercube_named_objective_and_constant_params() -> None:
    spec = {
        "domain": {"kind": "hypercube", "num_weights": 3, "values": [0, 1]},
        "objective": {"name": "qubo", "params": {"Q": [[-1, 2, 0], [0, -1, 0], [0, 0, 4]]}},
        "diffusion": {"schedule": "constant", "params": {"value": 2}},
        "evolution": {"clock": "imaginary", "duration": 1},
        "initial": {"kind": "point_mass", "params": {"point": [1, 0, 0]}},
    }
    problem = problem_from_spec(spec)
    assert problem.domain == Hypercube(3, (0, 1))
    assert problem.objective is not None
    assert problem.objective.on(problem.domain)[0, 0, 1] == 4.0  # weight 2 is the last axis
    assert problem.initial.vector(problem.domain)[1, 0, 0] == 1.0


def test_qhd_brings_its_strength() -> None:
    spec: dict[str, Any] = {
        "domain": {"kind": "grid", "bounds": [[0, 1], [0, 1]], "qubits": 3},
        "objective": {"name": "levy", "params": {"unit_box": True}},
        "diffusion": {"schedule": "qhd", "params": {"epsilon": 0.01}},
        "evolution": {"clock": "real", "duration": 2.0},
    }
    pair = QHD(0.01)
    problem = problem_from_spec(spec)
    assert (problem.diffusion, problem.strength) == (pair.diffusion, pair.strength)
    spec["strength"] = {"value": 3.0}
    assert problem_from_spec(spec).strength == Constant(3.0)
    spec["strength"] = {"schedule": "qhd"}
    assert problem_from_spec(spec).strength == QHD().strength


def test_data_needs_two_lines_only(tmp_path: Path) -> None:
    flowers(tmp_path)
    file = read_problem(write(tmp_path, DATA))
    assert file.dataset is not None
    assert file.dataset.features == ("length", "width")  # as many as the domain has weights, the noise left out
    assert file.dataset.classes == ("elm", "rose")
    assert len(file.dataset.y_test) == 12
    objective = file.problem.objective
    assert objective is not None
    assert objective.score(np.array([2.0, -2.0]), file.dataset.X_test, file.dataset.y_test) > 0.8
    assert objective.score(np.array([-2.0, 2.0]), file.dataset.X_test, file.dataset.y_test) < 0.2


def test_data_options_reach_loader_and_model(tmp_path: Path) -> None:
    flowers(tmp_path)
    options = """target = {column = "species", positive = "elm"}
features = ["width"]
test_fraction = 0.25
seed = 3
bias = true
l2 = 0.1"""
    file = read_problem(write(tmp_path, changed('target = "species"', options, DATA)))
    assert file.dataset is not None
    assert file.dataset.features == ("width",)
    assert file.dataset.classes == ("not elm", "elm")
    assert len(file.dataset.y_test) == 10
    objective = file.problem.objective
    assert objective is not None
    at_zero, far = objective(np.array([[0.0, 0.0], [0.0, 4.0]]))
    assert at_zero == pytest.approx(np.log(2))
    assert far > 0.1 / 2 * 16  # the penalty is in, on the bias too


def test_network_features_from_the_number_of_weights(tmp_path: Path) -> None:
    flowers(tmp_path)
    text = changed('target = "species"', 'target = "species"\nmodel = "network"\nhidden = 1\nbias = false', DATA)
    text = changed("bounds = [[-6, 6], [-6, 6]]\nqubits = 4", "bounds = [[-6, 6], [-6, 6], [-6, 6]]\nqubits = 2", text)
    file = read_problem(write(tmp_path, text))
    assert file.dataset is not None
    assert len(file.dataset.features) == 2  # hidden * (d + 1) = 3 weights
    text = changed("hidden = 1\nbias = false", "hidden = 2", text)
    assert "hidden must suit the domain of 3 weights" in message(write(tmp_path, text))


def test_function_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, OWN_LOSS, "own_loss.py")
    write(tmp_path, "power = 4\n", "helper_of_loss.py")
    text = changed('expression = "x0**2 + 3*x1"', 'function = "own_loss:tilted"')
    problem = read_problem(write(tmp_path, text), allow_code=True).problem
    assert problem.objective is not None
    assert problem.objective(np.array([[2.0, 1.0]])).tolist() == [15.0]
    other = tmp_path / "other"
    other.mkdir()
    write(other, "def tilted(w):\n    return w[:, 0]\n", "own_loss.py")  # the same name in another folder
    problem = read_problem(write(other, text), allow_code=True).problem
    assert problem.objective is not None
    assert problem.objective(np.array([[2.0, 1.0]])).tolist() == [2.0]
    write(other, "def far(w):\n    return 7 + w[:, 1]\n", "loss_on_the_path.py")
    monkeypatch.syspath_prepend(str(other))
    problem = read_problem(
        write(tmp_path, changed("own_loss:tilted", "loss_on_the_path:far", text)), allow_code=True
    ).problem
    assert problem.objective is not None
    assert problem.objective(np.array([[2.0, 1.0]])).tolist() == [8.0]
    for bad, words in (
        ("own_loss:tilt", "has no `tilt`. Did you mean `tilted`?"),
        ("own_loss:number", "function must be callable"),
        ("own_loss:shapeless", "must return shape"),
        ("own_loss:gap", "must be finite"),
        ("missing_module_xyz:f", "ModuleNotFoundError"),
        ("own_loss", '"module:function"'),
        ("own_loss:f(1)", '"module:function"'),
        ("__import__('os'):system", '"module:function"'),
    ):
        got = message(write(tmp_path, changed("own_loss:tilted", bad, text)), allow_code=True)
        assert got.startswith("problem.toml: [objective] ")
        assert words in got


def test_table_and_state_files(tmp_path: Path) -> None:
    values = np.arange(32.0).reshape(8, 4)
    wave = np.zeros((8, 4), complex)
    wave[3, 1], wave[5, 2] = 3, 4j
    np.save(tmp_path / "values.npy", values)
    np.save(tmp_path / "wave.npy", wave)
    text = (
        changed('expression = "x0**2 + 3*x1"', 'table = "values.npy"')
        + '[initial]\nkind = "state"\narray = "wave.npy"\n'
    )
    problem = read_problem(write(tmp_path, text)).problem
    assert problem.objective is not None
    np.testing.assert_array_equal(problem.objective.on(problem.domain), values)
    assert problem.initial.vector(problem.domain)[5, 2] == pytest.approx(0.8j)
    np.save(tmp_path / "values.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "table must be a .npy file of numbers" in message(tmp_path)  # no pickle is opened
    np.save(tmp_path / "values.npy", values.T)
    assert "[objective] table must have shape (8, 4)" in message(tmp_path)


BAD = [
    ("qubits = [3, 2]", "qubits = 0", "[domain] qubits must be an integer between 1 and 30, but is 0."),
    ("qubits = [3, 2]", "qubits = 1.5", "[domain] qubits must be an integer, or one integer an axis, but is 1.5."),
    ("qubits = [3, 2]", "qubits = 60", "[domain] qubits must be an integer between 1 and 30, but is 60."),
    ("qubits = [3, 2]", "qubits = true", "[domain] qubits must be an integer, or one integer an axis, but is True."),
    ("qubits = [3, 2]", "qbits = 3", "[domain] has no key `qbits`. Did you mean `qubits`?"),
    ("qubits = [3, 2]", "", "[domain] qubits must be given: an integer, or one integer an axis."),
    (
        "qubits = [3, 2]",
        "qubits = [1, 2, 3]",
        "[domain] qubits must be one value or one for each of 2 axes, but has 3.",
    ),
    ("[0, 1.5]", "[1.5, 0]", "[domain] bounds must be pairs of finite numbers with low < high"),
    ("[0, 1.5]", "[1, 1]", "[domain] bounds must be pairs of finite numbers with low < high"),
    ("[0, 1.5]", '["a", 1]', "[domain] bounds must be a pair [low, high], or one such pair an axis, but is"),
    (
        'kind = "grid"',
        'kind = "gird"',
        "[domain] kind must be one of grid, hypercube, but is 'gird'. Did you mean `grid`?",
    ),
    (
        "qubits = [3, 2]",
        'qubits = 3\nboundary = "wals"',
        "boundary must be one of periodic, walls, but is 'wals'. Did you mean `walls`?",
    ),
    ("[objective]", "[objectiv]", "[objectiv] is not a section of a problem file. Did you mean `objective`?"),
    ("expression =", "expresion =", "[objective] must have one of the keys"),
    ("expression =", 'name = "levy"\nexpression =', "must have only one of the keys"),
    ('expression = "x0**2 + 3*x1"', 'name = "ackly"', "Did you mean 'ackley'"),
    (
        'expression = "x0**2 + 3*x1"',
        'name = "ackley"\nparams = {center = 2}',
        "[objective] params of `ackley` must be among",
    ),
    ('"x0**2 + 3*x1"', '"x0.real"', "[objective] "),
    ('"x0**2 + 3*x1"', '"open(x0)"', "[objective] "),
    ('"x0**2 + 3*x1"', '"x0 + x7"', "[objective] "),
    (
        "{start = 1.0, stop = 0.05}",
        "{start = 1.0, end = 0.05}",
        "[diffusion] params must be among start, stop, but has `end`",
    ),
    ("{start = 1.0, stop = 0.05}", "{start = 1.0}", "[diffusion] params must hold start, stop"),
    (
        "{start = 1.0, stop = 0.05}",
        "{start = 1.0, stop = -1}",
        "[diffusion] stop must be a positive number, but is -1.",
    ),
    ('schedule = "geometric"', 'schedule = "geometrical"', "Did you mean `geometric`?"),
    ("duration = 4", "duration = 0", "[evolution] duration must be a positive number, but is 0."),
    ("duration = 4", 'duration = "4"', "[evolution] duration must be a positive number, but is '4'."),
    ('clock = "real"', 'clock = "imaginery"', "Did you mean `imaginary`?"),
    (
        "duration = 4",
        'duration = 4\n[initial]\nkind = "gaussian"\nparams = {center = 9, width = 1}',
        "[initial] center must lie in the box",
    ),
    (
        "duration = 4",
        'duration = 4\n[initial]\nkind = "gaussian"\nparams = {centre = 0, width = 1}',
        "Did you mean `center`?",
    ),
    ("duration = 4", 'duration = 4\n[initial]\nkind = "state"', "[initial] array must be given"),
    ("duration = 4", "duration = 4\n[backend]\nshot = 100", "[backend] has no key `shot`. Did you mean `shots`?"),
    ("duration = 4", "duration = 4\n[backend]\nshots = 0", "[backend] shots must be an integer between 1"),
    ("[diffusion]", "[diffusion", "is not valid TOML"),
    ('expression = "x0**2 + 3*x1"', 'name = "double_well"', "[objective] The objective `double_well` takes 1 weight"),
    ('"x0**2 + 3*x1"', '"log(x0 - 9)"', "[objective] The objective `expression` must be finite"),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD, ids=[f"{i}-{new[:24]}" for i, (_, new, _) in enumerate(BAD)])
def test_bad_files_are_told_in_one_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    got = message(write(tmp_path, changed(old, new)))
    assert got.startswith("problem.toml: ")
    assert words in got


METHODS = [
    ('kind = "trotter"\nsteps = 0', "[method] steps must be an integer between 1"),
    ('kind = "troter"\nsteps = 4', "Did you mean 'trotter'"),
    ('kind = "trotter"\nstep = 4', "Did you mean 'steps'"),
    ('kind = "trotter"', "[method] steps must be an integer between 1"),
    ("steps = 4", "[method] kind must be given"),
]


@pytest.mark.parametrize(("text", "words"), METHODS, ids=[text[:28] for text, _ in METHODS])
def test_bad_methods(tmp_path: Path, text: str, words: str) -> None:
    assert words in message(write(tmp_path, GOOD + "[method]\n" + text), QMLDynamicsError)  # type: ignore[type-abstract]


DATA_ERRORS = [
    (
        'target = "species"',
        'target = "specis"',
        "[objective] target must be a column of the file, but is 'specis'. Did you mean 'species'?",
    ),
    ('"flowers.csv"', '"flower.csv"', "[objective] data must be a CSV file that exists"),
    ('target = "species"', 'target = "species"\nmodel = "neurone"', "Did you mean `neuron`?"),
    ('target = "species"', 'target = "species"\nhidden = 3', "[objective] hidden must be absent"),
    (
        'target = "species"',
        'target = "species"\nfeatures = ["length"]',
        "[objective] model has 1 weights on 1 features",
    ),
    ('target = "species"', 'target = {column = "species", clases = ["a"]}', "Did you mean `classes`?"),
    (
        "[[-6, 6], [-6, 6]]",
        "[[-6, 6], [-6, 6], [-6, 6], [-6, 6]]",
        "[objective] data must have 4 numeric columns for 4 weights",
    ),
    ('target = "species"', 'target = "species"\ntest_fraction = 1.0', "[objective] test_fraction must be in [0, 1)"),
]


@pytest.mark.parametrize(("old", "new", "words"), DATA_ERRORS, ids=[new[-24:] for _, new, _ in DATA_ERRORS])
def test_bad_data_sections(tmp_path: Path, old: str, new: str, words: str) -> None:
    flowers(tmp_path)
    assert words in message(write(tmp_path, changed(old, new, DATA)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("length,width,species\n", "at least one row"),
        ("length,width,species\n1,2,a\n3,4,a\n", "two classes"),
        ("", "header"),
    ],
)
def test_empty_and_one_class_data(tmp_path: Path, content: str, words: str) -> None:
    write(tmp_path, content, "flowers.csv")
    got = message(write(tmp_path, DATA))
    assert got.startswith("problem.toml: [objective] ")
    assert words in got


def test_missing_file_and_missing_section(tmp_path: Path) -> None:
    assert "that can be read, but" in message(tmp_path / "none.toml")
    cut = GOOD[: GOOD.index("[diffusion]")] + GOOD[GOOD.index("[evolution]") :]
    assert "[diffusion] must be there" in message(write(tmp_path, cut))


def every_problem() -> dict[str, Problem]:
    box = Grid([(-1, 2), (0.5, 1.75)], (3, 2), twist=(0.25, -0.5))
    rng = np.random.default_rng(3)
    wave = rng.normal(size=box.shape) + 1j * rng.normal(size=box.shape)
    walls = Grid((0, 1), 4, boundary="walls")
    return {
        "expression": Problem(
            box, expression("x0 - x1**2"), Geometric(1, 0.1), Linear(0, 1), clock="real", duration=0.1 + 0.2
        ),
        "named": Problem(
            Grid([(-5, 5)] * 2, 3), named("himmelblau"), PowerLaw(1.0, -1.0, 0.5), clock="imaginary", duration=1.0
        ),
        "qhd": Problem(
            walls, named("double_well", tilt=0.3), QHD(0.02).diffusion, QHD(0.02).strength, clock="real", duration=2.0
        ),
        "function": Problem(
            box, lambda w: np.sin(w[:, 0]) * w[:, 1], 0.7, clock="real", duration=1.0, initial=State(wave)
        ),
        "table": Problem(
            walls,
            from_table(rng.normal(size=16), walls),
            0.7,
            clock="real",
            duration=1.0,
            initial=Gaussian(0.5, 0.1, 3),
        ),
        "cube": Problem(
            Hypercube(3, (0, 1)),
            qubo(rng.normal(size=(3, 3))),
            1,
            clock="real",
            duration=1,
            initial=PointMass((1, 0, 0)),
        ),
        "operator": Problem.from_operator(
            rng.normal(size=(4, 4)) * 0 + np.diag([1.0, 2, 3, 5]) + np.eye(4)[::-1],
            clock="real",
            duration=1.0,
            initial=[1, 0, 2, 0],
        ),
    }


@pytest.mark.parametrize("name", list(every_problem()))
def test_write_and_read_give_the_same_problem(tmp_path: Path, name: str) -> None:
    problem = every_problem()[name]
    path = write_problem(
        problem, tmp_path / "new" / "problem.toml", method=SplitStep(7, order=4), backend={"name": "aer", "shots": 9}
    )
    file = read_problem(path)
    same(problem, file.problem)
    assert file.method == SplitStep(7, order=4)
    assert (file.backend, file.shots) == ("aer", 9)


@pytest.mark.parametrize("name", list(every_problem()))
def test_plain_data_gives_the_same_problem(name: str) -> None:
    problem = every_problem()[name]
    spec, arrays = describe_problem(problem)
    from qml_dynamics.results.trajectory import plain

    again = problem_from_spec(plain(spec), arrays)
    assert again.domain == problem.domain
    same(problem, again)


def test_a_schedule_of_ones_own_is_refused_by_name(tmp_path: Path) -> None:
    class Mine:
        def value(self, t: float, duration: float) -> float:
            return 1.0

        def integral(self, t0: float, t1: float, duration: float) -> float:
            return t1 - t0

    problem = every_problem()["expression"].replace(diffusion=Mine())
    with pytest.raises(ProblemError, match=r"^\[diffusion\] is one of your own"):
        write_problem(problem, tmp_path / "problem.toml")
    assert not (tmp_path / "problem.toml").exists()


def test_copy_takes_the_data_along(tmp_path: Path) -> None:
    flowers(tmp_path)
    source = read_problem(write(tmp_path, DATA))
    copy = read_problem(copy_problem(source, tmp_path / "run" / "problem.toml", method=Trotter(3), backend={"seed": 4}))
    (tmp_path / "flowers.csv").unlink()
    copy = read_problem(tmp_path / "run")
    same(source.problem, copy.problem)
    assert copy.dataset is not None
    assert copy.method == Trotter(3)
    assert copy.seed == 4


def test_unwritable_folder_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(ProblemError, match="Argument `out` must be a folder that can be written"):
        write_problem(every_problem()["named"], blocked / "problem.toml")


def test_toml_text_reads_back() -> None:
    import tomllib

    data = {
        "a b": {
            "text": 'quote " back \\ tab \t line \n end \x7f é \U0001f600',
            "none": None,
            "yes": True,
            "small": 1e-300,
        },
        "numbers": {
            "big": 1e300,
            "int": -3,
            "nested": [[0.1, 2], [3, -4.5]],
            "inf": float("inf"),
            "table": {"k 1": [1], "b": False},
        },
    }
    read = tomllib.loads(to_toml(data, header="two\nlines"))
    del data["a b"]["none"]  # type: ignore[attr-defined]
    assert read == data


def test_errors_keep_their_kind(tmp_path: Path) -> None:
    with pytest.raises(MethodError):
        read_problem(write(tmp_path, GOOD + '[method]\nkind = "split_step"\nsteps = 0\n'))
