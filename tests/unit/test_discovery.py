"""What the command line lists, writes and suggests: every example works, and every written file runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.codec import method_from_spec
from qml_dynamics.base.registry import EXAMPLES
from qml_dynamics.cli import completion, main
from qml_dynamics.cli.entries import entries_of
from qml_dynamics.cli.options import parse_method
from qml_dynamics.cli.suggest import suggestions
from qml_dynamics.methods.catalogue import names
from qml_dynamics.methods.defaults import default_method
from qml_dynamics.runs.problem_file import problem_from_spec

ROOT = Path(qd.__file__).parents[1]


def code_of(*words: str | Path) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def section(example: str) -> dict[str, object]:
    """The keys of an example line."""
    return tomllib.loads(example.rpartition("] ")[2].replace(", params", "\nparams"))


NAMED_LOSSES = [entry for entry in entries_of("objectives") if "] name = " in entry.example]


@pytest.mark.parametrize("entry", NAMED_LOSSES, ids=lambda e: e.name)
def test_every_loss_that_is_listed_makes_a_problem(entry) -> None:  # type: ignore[no-untyped-def]
    keys = section(entry.example)
    name, params = str(keys["name"]), dict(keys.get("params", {}))  # type: ignore[call-overload]
    loss = qd.objectives.named(name, **params)
    box = loss.bounds or ()
    domain = (
        {"kind": "grid", "bounds": [list(b) for b in box], "qubits": 2}
        if box
        else {"kind": "hypercube", "num_weights": 2, "values": [0, 1] if name == "qubo" else [-1, 1]}
    )
    spec = {
        "domain": domain,
        "objective": keys,
        "diffusion": {"value": 0.5},
        "evolution": {"clock": "real", "duration": 1.0},
    }
    problem = problem_from_spec(spec)
    assert problem.objective is not None
    assert np.ptp(problem.objective.on(problem.domain)) > 0
    assert entry.summary
    assert len(entry.text().split("\n")) == 4


def test_every_other_kind_of_loss_is_listed_and_makes_a_problem(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text("x,y,kind\n" + "".join(f"{i % 3},{i % 2},{'ab'[i % 2]}\n" for i in range(8)))
    (tmp_path / "losses.py").write_text("def mine(w):\n    return w[:, 0] ** 2\n")
    np.save(tmp_path / "losses.npy", np.arange(16.0).reshape(4, 4))
    rest = {"diffusion": {"value": 0.5}, "evolution": {"clock": "real", "duration": 1.0}}
    others = {entry.name: entry for entry in entries_of("objectives") if entry not in NAMED_LOSSES}
    assert set(others) == {"neuron", "network", "perceptron", "expression", "table", "function"}
    for name, entry in others.items():
        keys = tomllib.loads(entry.example.partition("] ")[2].replace('", ', '"\n'))
        grid = {"kind": "grid", "bounds": [[-1, 1]] * 2, "qubits": 2}
        if name == "network":
            grid |= {"bounds": [[-1, 1]] * 7, "qubits": 1}
        cube = {"kind": "hypercube", "num_weights": 2, "values": [-1, 1]}
        spec = {"domain": cube if name == "perceptron" else grid, "objective": keys, **rest}
        problem = problem_from_spec(spec, folder=tmp_path, allow_code=True)
        assert np.ptp(problem.objective.on(problem.domain)) > 0  # type: ignore[union-attr]
        assert entry.summary
    assert others["network"].options["hidden"] == "2"
    assert {"target", "decimal", "l2"} <= set(others["neuron"].options)
    assert "hidden" not in others["neuron"].options


@pytest.mark.parametrize("kind", ["objectives", "ansatze", "schedules", "backends"])
def test_what_is_listed_is_completed(kind: str) -> None:
    assert completion.entries(kind, "") == [entry.name for entry in entries_of(kind)]


@pytest.mark.parametrize("entry", entries_of("schedules"), ids=lambda e: e.name)
def test_every_schedule_that_is_listed_makes_a_problem(entry) -> None:  # type: ignore[no-untyped-def]
    keys = section(entry.example)
    spec = {"domain": {"kind": "grid", "bounds": [-1, 1], "qubits": 3}, "objective": {"expression": "x0**2"}}
    problem = problem_from_spec({**spec, "diffusion": keys, "evolution": {"clock": "real", "duration": 1.0}})
    values = [problem.diffusion.value(t, 1.0) for t in (0.1, 0.9)]
    assert min(values) > 0
    assert (values[0] == values[1]) == (entry.name == "constant")


def test_every_ansatz_and_backend_that_is_listed_is_one() -> None:
    ansatze = entries_of("ansatze")
    assert {entry.name for entry in ansatze} == {"hamiltonian", "hardware_efficient", "bare"}
    for entry in ansatze:
        assert parse_method(entry.example.split("'")[1]).ansatz is not None
        assert entry.options or entry.name == "bare"
    rows = {entry.name: entry for entry in entries_of("backends")}
    assert qd.backend("statevector").exact
    assert {"statevector", "aer", "pennylane:default.qubit"} <= set(rows)
    assert "dynamical_decoupling" in rows["ibm:<device>"].options


@pytest.mark.parametrize("kind", ["objectives", "ansatze", "schedules", "backends"])
def test_lists_of_the_command_line(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("list", kind) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(entries_of(kind)) + 1
    assert code_of("list", kind, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found[0]) == {"name", "summary", "where", "options", "example"}
    assert code_of("list", kind, found[0]["name"]) == 0
    assert found[0]["example"] in capsys.readouterr().out
    assert code_of("list", kind, found[0]["name"] + "x") == 2
    assert "Did you mean" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["walls", "onehot", "classical", "imaginary"])
def test_methods_of_a_clock_or_a_weight_space(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Those whose facts have it, in the order of the whole list, and not all of them."""
    assert code_of("list", "methods", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    wanted = [row["name"] for row in rows if word in (*row["clocks"], *row["spaces"])]
    assert 1 < len(wanted) < len(rows)
    assert code_of("list", "methods", word) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith("method ")
    assert [line.split()[0] for line in lines] == wanted
    assert code_of("list", "methods", word, "--json") == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == wanted


def test_a_clock_of_no_method_is_no_name_of_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("list", "methods", "open") == 2
    assert "must be one of split_step" in capsys.readouterr().err


def test_a_new_sample_runs_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert code_of("new", "demo") == 0
    assert code_of("run", "demo", "--no-plots", "--no-budget") == 0
    printed = capsys.readouterr().out
    assert "The runs agree" in printed
    assert "table iris.csv: 150 rows" in printed
    assert qd.load("runs/demo").score([[1.4, 0.2], [4.7, 1.4]], ["setosa", "versicolor"]) == 1.0
    assert code_of("new", "demo") == 2
    assert "`name` must be a new or an empty folder, but is 'demo'" in capsys.readouterr().err
    text = Path("demo/problem.toml").read_text()
    assert sum(line.startswith("# ") for line in text.splitlines()) >= 8
    assert text.isascii()


def test_the_sample_of_a_molecule_has_its_ground_energy(tmp_path: Path) -> None:
    assert code_of("new", tmp_path / "h2", "--sample", "h2") == 0
    file = qd.read_problem(tmp_path / "h2")
    run = qd.evolve(file.problem, file.method)
    assert run.expectations["energy"].value[-1] == pytest.approx(-1.857275029, abs=1e-6)


def test_a_table_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ""
    for i in range(24):
        x = "?" if i == 4 else f"{i % 2 + 0.1 * (i % 3):.1f}".replace(".", ",")
        kind = "abc"[i % 3] if i > 20 else "ab"[i % 2]
        rows += f"{100 + i * i};{x};{i % 5};{kind}\n"
    (tmp_path / "own.csv").write_text("Id;x;y;kind\n" + rows)
    assert code_of("new", tmp_path / "mine", "--data", tmp_path / "own.csv", "--target", "kind") == 0
    text = (tmp_path / "mine" / "problem.toml").read_text()
    stated = tomllib.loads(text)["objective"]
    assert stated["features"] == ["x", "y"]
    assert stated["missing"] == "drop"
    assert stated["target"] == {"column": "kind", "classes": ["a", "b"]}
    assert "Other classes, left out: c." in text
    file = qd.read_problem(tmp_path / "mine")
    shutil.rmtree(tmp_path / "own", ignore_errors=True)
    run = qd.evolve(file.problem, qd.SplitStep(40), seed=1)
    assert run.best is not None
    assert file.dataset is not None
    assert run.problem.objective.score(np.array(run.best.weights), file.dataset.X_train, file.dataset.y_train) > 0.8  # type: ignore[union-attr]
    for words, said in (
        (["--data", tmp_path / "own.csv"], "`target` must name the column of the class, one of Id, x, y, kind"),
        (["--data", tmp_path / "own.csv", "--target", "kin"], "Did you mean 'kind'?"),
        (["--data", tmp_path / "own.csv", "--loss", "levy"], "`loss` must be absent beside --data"),
        (["--loss", "lev"], "Did you mean 'levy'?"),
        (["--target", "kind"], "`target` must be absent without --data"),
        (["--sample", "h3"], "`sample` must be one of iris, h2"),
    ):
        assert code_of("new", tmp_path / "other", *words) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "other").exists()


def test_numbers_are_no_classes_unless_they_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(0.5, 1, "1,5"), (2.5, 2, "2,5"), (3.1, 1, "3,7"), (2.9, 3, "4,1")]
    (tmp_path / "c.csv").write_text("a;whole;y\n" + "".join(f"{a};{n};{y}\n" for a, n, y in rows).replace(".", ","))
    table = ("--data", tmp_path / "c.csv", "--target")
    assert code_of("new", tmp_path / "p", *table, "y") == 2
    said = capsys.readouterr().err
    assert "`target` must hold classes, but column `y` holds 4 different numbers" in said
    assert "QuantumDynamicsRegressor" in said
    assert "--classes" in said
    assert code_of("new", tmp_path / "p", *table, "y", "--classes", "4,1", "1,5") == 0
    file = qd.read_problem(tmp_path / "p")
    assert file.dataset is not None
    assert file.dataset.classes == ("4,1", "1,5")
    assert "Other classes, left out: 2,5, 3,7." in (tmp_path / "p" / "problem.toml").read_text()
    assert code_of("new", tmp_path / "whole", *table, "whole") == 0  # whole numbers may be names of classes


def test_how_a_table_is_read_is_said_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{i % 4 + 1},{111 * i:03d};{'?' if i == 3 else i % 3};{'ab'[i % 2]}\n" for i in range(1, 9))
    (tmp_path / "t.csv").write_bytes(("größe;n;kind\n" + rows).encode("latin-1"))
    table = ("--data", tmp_path / "t.csv", "--target", "kind")
    assert code_of("new", tmp_path / "p", *table) == 2
    assert "`decimal` must be given, '.' or ','" in capsys.readouterr().err
    said = {"decimal": ",", "separator": "semicolon", "encoding": "latin-1", "missing": "mean"}
    assert code_of("new", tmp_path / "p", *table, *(word for k, v in said.items() for word in (f"--{k}", v))) == 0
    stated = tomllib.loads((tmp_path / "p" / "problem.toml").read_text(encoding="utf-8"))["objective"]
    assert {name: stated[name] for name in said} == said
    data = qd.read_problem(tmp_path / "p").dataset
    assert data is not None
    assert data.features == ("größe", "n")
    assert 2.5 < data.mean[0] < 4  # 1,111 is between one and two here
    for name, value in said.items():
        assert code_of("new", tmp_path / "q", "--loss", "levy", f"--{name}", value) == 2
        assert f"`{name}` must be absent without --data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("loss", "least"), [("levy", 0.0), ("(x0-0.3)**2 + 0.5*sin(3*x1)", -0.5), ("michalewicz", -1.8013)]
)
def test_a_loss_by_name_or_expression(loss: str, least: float, tmp_path: Path) -> None:
    assert code_of("new", tmp_path / "p", "--loss", loss) == 0
    file = qd.read_problem(tmp_path / "p")
    run = qd.evolve(file.problem, file.method, seed=2)
    assert run.best is not None
    assert least <= run.best.value < least + 0.1 * float(np.std(file.problem.objective.on(file.problem.domain)))  # type: ignore[union-attr]
    assert run.expectations["objective"].value[-1] < run.expectations["objective"].value[0]


def test_an_operator_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "spins.txt").write_text("-1.0 [Z0 Z1] + 0.5 [X0] + 0.5 [X1]")
    assert code_of("new", tmp_path / "p", "--operator", tmp_path / "spins.txt") == 0
    file = qd.read_problem(tmp_path / "p")
    run = qd.evolve(file.problem, file.method)
    assert run.expectations["energy"].value[-1] == pytest.approx(-np.sqrt(2), abs=1e-6)


@pytest.mark.parametrize("words", [("--sample", "iris"), ("--sample", "h2"), ("--loss", "levy")])
def test_new_files_are_priced_on_a_backend(
    words: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They name no method: the commented one is the default one, and with a backend the default circuits are counted."""
    assert code_of("new", tmp_path / "p", *words) == 0
    text = (tmp_path / "p" / "problem.toml").read_text()
    own = tomllib.loads(text.partition("# [method]\n")[2].replace("# ", ""))
    file = qd.read_problem(tmp_path / "p")
    assert file.method is None
    assert method_from_spec(own) == default_method(file.problem, None)
    if words[1] == "h2":  # two qubits: quick to count
        assert code_of("cost", tmp_path / "p", "--backend", "aer", "--shots", "200000") == 0
        assert "circuits on 3 qubits" in capsys.readouterr().out


@pytest.fixture(scope="module")
def swing() -> qd.Problem:
    return qd.Problem(qd.Grid((-2, 2), 3), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=0.5)


def test_suggestions_agree_with_what_runs(swing: qd.Problem) -> None:
    found = suggestions(swing, qd.backend("statevector"), None)
    assert found[0].default
    assert found[0].method.startswith("Trotter(steps=40")
    assert len(found) == len(names())
    served = {each.method.partition("(")[0] for each in found if each.serves}
    assert {"Trotter", "MultiProduct", "Variational"} <= served
    assert not served & {"QITE", "Schrodingerised", "KoopmanVonNeumann", "SplitStep", "Exact"}
    plain = {each.method.partition("(")[0] for each in suggestions(swing, None, None) if each.serves}
    assert {"Trotter", "MultiProduct", "SplitStep", "Exact"} <= plain
    assert all("real clock" in each.reason and each.cost for each in found if each.serves)
    assert all("but is" in each.reason or "must" in each.reason for each in found if not each.serves)
    order = [each.serves for each in found]
    assert order == sorted(order, reverse=True)


def takes(problem: qd.Problem, method: qd.methods.base.Method, backend: str | None, shots: int | None) -> list[bool]:
    """Whether `cost` and `evolve` take a method."""
    calls = (
        lambda: qd.cost(problem, method, backend=backend, shots=shots),
        lambda: qd.evolve(problem, method, backend=backend, shots=shots, seed=1, progress=False),
    )
    return [not refused(call) for call in calls]


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except qd.QMLDynamicsError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "backend", "shots", "clock"),
    [
        ("grid", None, None, "imaginary"),
        ("grid", "statevector", None, "real"),
        ("operator", "statevector", None, "imaginary"),
        ("operator", "aer", 2000, "real"),
    ],
)
def test_what_is_listed_is_what_cost_and_evolve_take(
    space: str, backend: str | None, shots: int | None, clock: str
) -> None:
    options = {"clock": clock, "duration": 0.2}
    if space == "grid":
        problem = qd.Problem(qd.Grid((-2, 2), 3), lambda w: w[:, 0] ** 2, 0.5, **options)
    else:
        wide, narrow = (
            {"ZZZZ": 1.0, "XIII": 0.3, "IIIX": 0.5},
            {"ZZ": 1.0, "XI": 0.3},
        )  # measured metrics take minutes on four
        problem = qd.Problem.from_operator(wide if shots is None else narrow, **options)
    device = None if backend is None else qd.backend(backend)
    found = suggestions(problem, device, shots)
    known = {each.method.partition("(")[0]: each.serves for each in found}
    for name in names():
        method = method_from_spec({"kind": name, **EXAMPLES[name]})
        if type(method) is not type(default_method(problem, device, shots)):
            assert takes(problem, method, backend, shots) == [known[type(method).__name__]] * 2, name
    assert found[0].default
    assert found[0].serves


def test_above_the_counted_qubits_what_is_refused_is_known_without_circuits() -> None:
    wide = qd.Problem(qd.Grid((-2, 2), 11), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=0.5)
    found = {each.method.partition("(")[0]: each for each in suggestions(wide, qd.backend("statevector"), None)}
    assert not found["QITE"].serves
    assert "must not be QITE above 8 qubits" in found["QITE"].reason
    assert refused(lambda: qd.cost(wide, qd.QITE(3, 20)))
    told = found["Schrodingerised"]
    assert told.serves
    assert told.success_probability is not None
    assert "circuits are not counted above 8 qubits" in told.cost
    assert f"predicted: {told.success_probability:.3g} of the samples" in told.cost
    assert found["ProbabilisticITE"].default
    long = suggestions(wide.replace(duration=40.0), qd.backend("statevector"), None)
    gone = next(each for each in long if each.method.startswith("Schrodingerised"))
    assert not gone.serves
    assert "Argument" in gone.reason
    operator = qd.Problem.from_operator({"Z" * 9: 1.0, "X" + "I" * 8: 0.3}, clock="imaginary", duration=0.5)
    narrow = next(each for each in suggestions(operator, None, None) if each.method.startswith("QITE"))
    assert "`domain_width` must be at least 9" in narrow.reason


def chain(qubits: int) -> qd.Problem:
    """A few bonds and a field on a long chain."""
    word = "I" * qubits
    terms = {word[:k] + "ZZ" + word[k + 2 :]: -1.0 for k in range(3)} | {"X" + word[1:]: -0.7}
    return qd.Problem.from_operator(terms, clock="imaginary", duration=0.2)


def test_wide_operators_are_suggested_for_without_their_wave() -> None:
    """DoubleBracket at 11 qubits is what `cost` takes; at 20 the share of kept samples would take the wave, and is left to `cost`."""
    found = {each.method.partition("(")[0]: each for each in suggestions(chain(11), None, None)}
    assert found["DoubleBracket"].serves
    assert "circuits are not counted above 8 qubits" in found["DoubleBracket"].cost
    assert qd.cost(chain(11), qd.DoubleBracket(1)).circuits > 0
    tracemalloc.start()
    wide = {each.method.partition("(")[0]: each for each in suggestions(chain(20), qd.backend("aer"), 1000)}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20  # half of a wave
    for name in ("DoubleBracket", "QITE", "ProbabilisticITE", "Schrodingerised"):
        assert wide[name].serves, name
    assert "above 14 qubits the kept share is not predicted" in wide["Schrodingerised"].cost
    assert "kept share" not in wide["DoubleBracket"].cost


def test_what_does_not_fit_into_the_memory_does_not_serve() -> None:
    found = {each.method.partition("(")[0]: each for each in suggestions(chain(48), None, None)}
    for name in ("Krylov", "DoubleBracket", "Schrodingerised"):
        assert not found[name].serves, name
        assert "on 48 qubits needs" in found[name].reason
        assert "of memory, but" in found[name].reason
    assert found["TensorTrain"].serves
    assert refused(lambda: qd.evolve(chain(48)))


def test_a_default_method_that_is_refused_hides_no_other() -> None:
    problem = qd.Problem.from_operator({"ZZZ": 1.0, "XII": 0.3, "IIX": 0.5}, clock="imaginary", duration=0.5)
    found = suggestions(problem, qd.backend("aer"), 100)
    assert [(each.method, each.serves) for each in found if each.default] == [("the default method", False)]
    assert "`shots` must be at least" in found[0].reason
    assert any(each.serves for each in found)


def test_what_is_kept_is_told(swing: qd.Problem) -> None:
    found = suggestions(swing.replace(clock="imaginary"), qd.backend("statevector"), 1000)
    assert found[0].default
    assert found[0].success_probability is not None
    assert 0 < found[0].success_probability < 1
    assert "are kept at the end" in found[0].cost


def test_suggest_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code_of("new", tmp_path / "p", "--sample", "h2")
    capsys.readouterr()
    assert code_of("suggest", tmp_path / "p", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["method"] for each in found if each["default"]] == ["Krylov(tol=1e-10, subspace=40)"]
    assert code_of("suggest", tmp_path / "p") == 0
    printed = capsys.readouterr().out
    assert "Krylov(tol=1e-10, subspace=40) (the default)\n  why   imaginary clock, operator; runs as NumPy" in printed
    assert "  Trotter(steps=40): Argument `method` must run on the imaginary clock" in printed


def test_samples_are_package_data() -> None:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["qml_dynamics"]
    assert "runs/samples/*" in said
    here = sorted(path.name for path in (ROOT / "qml_dynamics" / "runs" / "samples").iterdir())
    assert here == ["h2.txt", "iris.csv"]
    iris = (ROOT / "circuits" / "iris_neuron" / "iris.csv").read_bytes()
    assert (ROOT / "qml_dynamics" / "runs" / "samples" / "iris.csv").read_bytes() == iris


def test_new_loads_no_vendor() -> None:
    code = (
        "import sys; from qml_dynamics.cli import new; print('qiskit_aer' in sys.modules, 'pennylane' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )
