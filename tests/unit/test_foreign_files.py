"""Files from somebody else are data: no code that they name runs, and no file outside their folder is read, unless it is allowed.

A module is planted beside every file; importing it leaves a mark. Every command of the command line is asked, from its own list.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

import qml_dynamics as qd
from qml_dynamics import gallery, runs
from qml_dynamics.backends.stored import circuit_bytes, circuit_from_bytes
from qml_dynamics.cli import app, main
from qml_dynamics.config import problem_from_spec
from qml_dynamics.config.files import copy_problem
from qml_dynamics.errors import BackendError, ProblemError, QMLDynamicsError
from qml_dynamics.objectives import Objective
from qml_dynamics.places import lies_inside
from qml_dynamics.runs.checkpoint import Checkpoint

CIRCUITS = Path(__file__).parents[2] / "circuits"
PLANTED = """import pathlib

pathlib.Path(__file__).with_name("imported").touch()


def loss(w):
    return (w**2).sum(axis=1)
"""
NAMED = "planted_loss:loss"
PROBLEM = """
[domain]
kind = "grid"
bounds = [-2, 2]
qubits = 3

[objective]
function = "planted_loss:loss"

[diffusion]
value = 0.4

[evolution]
clock = "real"
duration = 0.5
"""
DIFFUSION = '[data]\nfile = "../rows.csv"\ncolumns = ["a"]\n[grid]\nqubits = 5\n[sample]\nn = 20\nsteps = 4\n'
REFUSED = "is code of the file's author: pass allow_code=True (--allow-code on the command line) to run it."


def bowl(w: np.ndarray) -> np.ndarray:
    return (w**2).sum(axis=1)


def own_problem() -> qd.Problem:
    """A problem of this process whose objective says by which name it is written."""
    objective = Objective(bowl, "bowl", spec={"function": NAMED})
    return qd.Problem(qd.Grid((-2, 2), 3), objective, 0.4, clock="real", duration=0.5)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A problem, a saved run, a submitted one and a diffusion model, all of which name what is not theirs to use."""
    root = tmp_path_factory.mktemp("stranger")
    for name in ("problem", "saved", "submitted", "diffusion"):
        (root / name).mkdir()
    (root / "problem" / "problem.toml").write_text(PROBLEM)
    (root / "rows.csv").write_text("a\n" + "\n".join(str(x) for x in np.linspace(-1, 1, 20)))
    (root / "diffusion" / "diffusion.toml").write_text(DIFFUSION)
    qd.evolve(own_problem(), qd.SplitStep(4), save=3).save(root / "saved" / "trajectory.npz")
    qd.submit(own_problem(), qd.Trotter(1), backend="aer", shots=20, seed=1, folder=root / "submitted")
    assert NAMED in (root / "submitted" / "problem.toml").read_text()
    for name in ("problem", "saved", "submitted"):
        (root / name / "planted_loss.py").write_text(PLANTED)
    return root


@pytest.fixture
def stranger(originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(originals, tmp_path / "stranger")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "stranger"


def imported(stranger: Path) -> bool:
    return any(stranger.rglob("imported"))


# Every command that reads a file which can name another file or code; `{x}` is a folder of the stranger's.
READS: dict[str, list[str]] = {
    "run": ["{problem}", "--out", "out", "--no-plots"],
    "compare": ["{saved}", "{saved}"],
    "plot": ["{saved}", "--out", "out"],
    "animate": ["{problem}", "--out", "out.gif", "--frames", "2", "--samples", "0", "--dpi", "20"],
    "cost": ["{problem}"],
    "circuits": ["--check", "{problem}"],
    "anneal": ["{problem}", "--stages", "2", "--strategy", "quench", "--duration", "0.5", "--no-plots", "--out", "out"],
    "gibbs": ["{problem}", "--beta", "1", "--steps", "1"],
    "diffuse": ["{diffusion}", "--out", "out", "--no-plots"],
    "descend": ["{problem}", "--steps", "2", "--samples", "10", "--polish", "0", "--no-compare"],
    "submit": ["{problem}", "--method", "trotter:steps=1", "--backend", "aer", "--shots", "10", "--out", "out"],
    "status": ["{submitted}"],
    "fetch": ["{submitted}"],
    "resume": ["{submitted}"],
    "cancel": ["{submitted}"],
}
# Of these nothing is read (backends), or a table that was named on the command line itself and names nothing (grow).
NAMES_NOTHING = {"backends", "grow"}


def commands() -> dict[str, Any]:
    return typer.main.get_command(app).commands  # type: ignore[attr-defined]


def test_every_command_is_in_one_of_the_two_lists() -> None:
    """A new command cannot be forgotten here, nor its option."""
    assert set(commands()) == set(READS) | NAMES_NOTHING
    for name in READS:
        option = next(p for p in commands()[name].params if p.name == "allow_code")
        assert option.opts == ["--allow-code"]
        assert option.default is False


def call(capsys: pytest.CaptureFixture[str], arguments: list[str], stranger: Path) -> tuple[int, str, str]:
    folders = {name: str(stranger / name) for name in ("problem", "saved", "submitted", "diffusion")}
    with pytest.raises(SystemExit) as end:
        main([text.format(**folders) for text in arguments])
    out = capsys.readouterr()
    return int(end.value.code or 0), out.out, out.err


@pytest.mark.parametrize("name", list(READS))
def test_no_command_runs_a_strangers_code_unasked(
    name: str, stranger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, [name, *READS[name]], stranger)
    told = out if name == "circuits" else err  # a check tells what is wrong of each folder
    assert code == (1 if name == "circuits" else 2)
    assert len(told.strip().splitlines()) == 1
    assert "allow_code=True (--allow-code on the command line)" in told
    assert not imported(stranger)
    assert not Path("out").exists()


DEAR = ("plot", "animate")  # pictures


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in DEAR else []) for n in READS])
def test_every_command_runs_it_where_it_is_allowed(
    name: str, stranger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, [name, *READS[name], "--allow-code"], stranger)
    assert code == (1 if name == "circuits" else 0), err  # the stranger's folder holds no program
    assert "allow_code" not in out + err
    assert imported(stranger) == (name != "diffuse")


def _spec(stranger: Path, **options: Any) -> Any:
    import tomllib

    return problem_from_spec(tomllib.loads(PROBLEM), folder=stranger / "problem", **options)


READERS: dict[str, Callable[..., Any]] = {
    "read_problem": lambda s, **o: qd.read_problem(s / "problem", **o),
    "problem_from_spec": _spec,
    "load": lambda s, **o: qd.load(s / "saved", **o),
    "open_run": lambda s, **o: qd.open_run(s / "submitted", **o).fetch(),
    "status": lambda s, **o: runs.status(s / "submitted", **o),
    "fetch": lambda s, **o: runs.fetch(s / "submitted", **o),
    "resume": lambda s, **o: runs.resume(s / "submitted", **o),
    "cancel": lambda s, **o: runs.cancel(s / "submitted", **o),
    "gallery.write": lambda s, **o: gallery.write(s / "problem", [1], **o),
}


@pytest.mark.parametrize("name", list(READERS))
def test_no_function_runs_it_unasked(name: str, stranger: Path) -> None:
    with pytest.raises(ProblemError, match="function 'planted_loss:loss' is code of the file's author") as error:
        READERS[name](stranger)
    assert str(error.value).endswith(REFUSED)
    assert "\n" not in str(error.value)
    for wrong in ("yes", 1, None):  # which might be meant as "no" too
        with pytest.raises(ProblemError, match="Argument `allow_code` must be True or False"):
            READERS[name](stranger, allow_code=wrong)
    assert not imported(stranger)
    assert READERS[name](stranger, allow_code=True) is not None
    assert imported(stranger)


def test_a_problem_at_hand_needs_no_permission(stranger: Path, tmp_path: Path) -> None:
    """The person's own process holds the function; only reading it from the disk again asks."""
    options: dict[str, Any] = {"backend": "aer", "shots": 20, "seed": 1, "folder": stranger / "submitted"}
    run = qd.submit(own_problem(), qd.Trotter(1), **options)  # the folder is there already
    assert run.fetch().problem.objective(np.array([[3.0]])).tolist() == [9.0]
    with pytest.raises(ProblemError, match="Argument `allow_code` must be True or False"):
        qd.submit(own_problem(), qd.Trotter(1), **options, allow_code="no")
    assert qd.load(stranger / "saved", problem=own_problem()).problem.objective is not None
    assert not imported(stranger)
    with pytest.raises(ProblemError, match="is code"):
        qd.open_run(stranger / "submitted")


def test_a_function_of_ones_own_is_stored_as_its_values(tmp_path: Path) -> None:
    """So most run folders name no code, and open without a word."""
    problem = own_problem().replace(objective=bowl)
    qd.submit(problem, qd.Trotter(1), backend="aer", shots=20, seed=1, folder=tmp_path / "run")
    assert qd.open_run(tmp_path / "run").fetch().problem.objective.domain == problem.domain


SOURCES = sorted(Path(qd.__file__).parent.rglob("*.py"))
ENTRIES = {"read_problem", "problem_from_spec", "load", "read_folder", "read_statement"}
ENTRIES |= {"open_run", "submit", "status", "fetch", "resume", "cancel"}
HOMES = {"config", "storage", "statement", "submission", "runs", "diffuse_file"}


def called(node: ast.Call) -> str:
    """``f`` or ``a.f``; an empty text for anything longer."""
    f = node.func
    if isinstance(f, ast.Attribute):
        return f"{f.value.id}.{f.attr}" if isinstance(f.value, ast.Name) else f".{f.attr}"
    return f.id if isinstance(f, ast.Name) else ""


def test_every_call_that_reads_passes_the_permission_on() -> None:
    """Or has the problem at hand, so that nothing is read."""
    found = 0
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        if not any(f"{name}(" in text for name in (*ENTRIES, "gallery.check")):
            continue
        nodes = list(ast.walk(ast.parse(text)))
        imports = [n for n in nodes if isinstance(n, ast.ImportFrom) and (n.module or "").split(".")[-1] in HOMES]
        ours = {alias.name for n in imports for alias in n.names} & ENTRIES | {"gallery.check", "gallery.write"}
        for node in nodes:
            if isinstance(node, ast.Call) and called(node) in ours:
                found += 1
                keywords = {k.arg for k in node.keywords}
                assert keywords & {"allow_code", "problem", None}, f"{path.name}:{node.lineno} {called(node)}"
    assert found > 20


def test_the_package_has_no_other_way_to_code() -> None:
    """No pickle, nothing evaluated, arrays and tensors as plain numbers only."""
    loads = 0
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        words = (
            "pickle",
            "marshal",
            "shelve",
            "joblib",
            "runpy",
            "eval",
            "exec",
            "compile",
            "__import__",
            "system",
            ".load(",
        )
        if not any(word in text for word in words):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & {"pickle", "marshal", "shelve", "joblib", "runpy", "dill"}, path
            if not isinstance(node, ast.Call):
                continue
            name, place = called(node), f"{path.name}:{node.lineno}"
            assert name not in ("eval", "exec", "compile", "__import__", "os.system", "os.popen"), place
            keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if name == "np.load":
                loads += 1
                assert keywords.get("allow_pickle") == "False", place
            if "torch" in ast.unparse(node.func) and name.endswith(".load"):
                assert keywords.get("weights_only") == "True", place
    assert loads >= 6


# -- functions that are allowed, and behave badly --------------------------------------------------------------------------

BAD = """
import sys


class Escape(BaseException):
    pass


def leaves(w):
    sys.exit("away")


def escapes(w):
    raise Escape("far\\naway")


def bare(w):
    raise BaseException


def ends(w):
    raise GeneratorExit


def lines(w):
    raise ValueError("one\\ntwo")


def scalar(w):
    return 1.0


def text(w):
    return ["a"] * len(w)


def infinite(w):
    return w[:, 0] * float("inf")


def stopped(w):
    raise KeyboardInterrupt


class Odd:
    def __array__(self, *_, **__):
        sys.exit(3)


def odd(w):
    return Odd()
"""


def with_function(folder: Path, name: str) -> Path:
    (folder / "bad.py").write_text(BAD)
    (folder / "problem.toml").write_text(PROBLEM.replace(NAMED, name))
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bad:leaves", r"`leaves` failed on points of shape \(4, 1\): it raised SystemExit\(away\)"),
        ("bad:escapes", r"`escapes` failed .*: it raised Escape\(far away\)"),
        ("bad:bare", "`bare` failed .*: it raised BaseException"),
        ("bad:ends", "`ends` failed .*: it raised GeneratorExit"),
        ("bad:lines", "`lines` failed .*: one two"),
        ("bad:scalar", r"`scalar` must return shape \(4,\)"),
        ("bad:text", "`text` must return real numbers"),
        ("bad:infinite", "`infinite` must be finite"),
        ("bad:odd", "`odd` failed .*: it raised SystemExit"),
        ("os:system", "`system` failed"),
        ("sys:exit", "`exit` failed .*: it raised SystemExit"),
        ("os:sep", "function must be callable, but os:sep is '/'"),
        ("os:nothing_there", "os has no `nothing_there`"),
        ("bad.leaves:x", "bad.leaves is not: ModuleNotFoundError"),
        ("sys:exit()", 'function must be a text "module:function"'),
        (":f", 'function must be a text "module:function"'),
        ("..bad:f", 'function must be a text "module:function"'),
        ("/tmp/bad:f", 'function must be a text "module:function"'),
    ],
)
def test_what_an_allowed_function_may_not_do(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ProblemError, match=words) as error:
        qd.read_problem(with_function(tmp_path, name), allow_code=True)
    assert str(error.value).startswith("problem.toml: [objective] ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("raise BaseException('x')", "BaseException: x"),
        ("1 +", "SyntaxError"),
        ("raise RuntimeError('one\\ntwo')", "RuntimeError: one two"),
        ("def __getattr__(name):\n    raise SystemExit", "SystemExit"),
    ],
)
def test_a_module_that_cannot_be_imported(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "planted_loss.py").write_text(text)
    (tmp_path / "problem.toml").write_text(PROBLEM)
    with pytest.raises(ProblemError, match=f"function must be importable, but planted_loss is not: {words}") as error:
        qd.read_problem(tmp_path, allow_code=True)
    assert "\n" not in str(error.value)


def test_ctrl_c_goes_through_a_function(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        qd.read_problem(with_function(tmp_path, "bad:stopped"), allow_code=True)

    class Cancelled(BaseException):  # as a framework has it, from outside of the function
        pass

    Cancelled.__module__ = "somewhere.else"

    def cancelled(w: np.ndarray) -> np.ndarray:
        raise Cancelled

    with pytest.raises(Cancelled):
        Objective(cancelled)(np.zeros((2, 1)))
    with pytest.raises(ProblemError, match="it raised SystemExit"):
        Objective(bowl, gradient_fn=lambda w: sys.exit(1)).gradient(np.zeros((2, 1)))


@pytest.mark.parametrize(
    "text", ["__import__('pathlib').Path('imported').touch()", "open('imported', 'w')", "x0.real", "[x0]"]
)
def test_expressions_are_read_and_never_run(stranger: Path, text: str) -> None:
    changed = PROBLEM.replace(f'function = "{NAMED}"', f'expression = "{text}"')
    (stranger / "problem" / "problem.toml").write_text(changed)
    for allow in (False, True):
        with pytest.raises(ProblemError, match=r"^problem.toml: \[objective\] expression must use only"):
            qd.read_problem(stranger / "problem", allow_code=allow)
    assert not imported(stranger.parent)


# -- names of files ----------------------------------------------------------------------------------------------------------

OUTSIDE = [
    "../secret{end}",
    "sub/../../secret{end}",
    "{root}/secret{end}",
    "link{end}",
    "linked/secret{end}",
    "..\\\\secret{end}",
    "sub\\\\..\\\\..\\\\secret{end}",
    "C:\\\\secret{end}",
    "C:secret{end}",
    "\\\\\\\\server\\\\share\\\\secret{end}",
    "~/secret{end}",
    "~root/secret{end}",
    "circle{end}",
    "/dev/zero",
    "/dev/stdin",
    "secret\\u0000{end}",
]
INSIDE = ["rows{end}", "./rows{end}", "sub/../rows{end}", "sub/rows{end}", "near{end}", "{root}/there/rows{end}"]
KEYS = {
    ("objective", "data"): ('data = "{name}"\ntarget = "kind"', ".csv"),
    ("objective", "table"): ('table = "{name}"', ".npy"),
    ("initial", "array"): ('name = "quadratic"\n[initial]\nkind = "state"\narray = "{name}"', ".npy"),
}


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder with good files, and links that lead out of it, into it and round in a circle."""
    folder = tmp_path / "there"
    (folder / "sub").mkdir(parents=True)
    for end in (".csv", ".npy"):
        for path in (tmp_path / f"secret{end}", folder / f"rows{end}", folder / "sub" / f"rows{end}"):
            if end == ".csv":
                path.write_text("a,kind\n1,x\n2,x\n3,y\n4,y\n")
            else:
                np.save(path, np.arange(1.0, 9.0))
        (folder / f"link{end}").symlink_to(tmp_path / f"secret{end}")
        (folder / f"near{end}").symlink_to(folder / "sub" / f"rows{end}")
        (folder / f"circle{end}").symlink_to(folder / f"circle{end}")
    (folder / "linked").symlink_to(tmp_path, target_is_directory=True)
    return folder


def naming(folder: Path, place: tuple[str, str], name: str) -> Path:
    text, end = KEYS[place]
    line = text.format(name=name.format(end=end, root=folder.parent))
    path = folder / "problem.toml"
    path.write_text(PROBLEM.replace(f'function = "{NAMED}"', line))
    return path


@pytest.mark.parametrize("place", list(KEYS), ids=".".join)
@pytest.mark.parametrize("name", OUTSIDE)
def test_no_file_outside_the_folder_is_read(there: Path, place: tuple[str, str], name: str) -> None:
    section, key = place
    path = naming(there, place, name)
    with pytest.raises(ProblemError) as error:
        qd.read_problem(path)
    assert str(error.value).startswith(
        f"problem.toml: [{section}] {key} must be a file in the folder of the file that names it, but is "
    )
    assert str(error.value).endswith(": pass allow_code=True (--allow-code on the command line) to read it.")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("place", list(KEYS), ids=".".join)
def test_files_of_the_folder_are_read(there: Path, place: tuple[str, str]) -> None:
    for name in INSIDE:
        assert qd.read_problem(naming(there, place, name)).problem.domain.size == 8, name


@pytest.mark.parametrize("place", list(KEYS), ids=".".join)
def test_files_outside_are_read_and_copied_where_that_is_allowed(there: Path, place: tuple[str, str]) -> None:
    for name in OUTSIDE[:5]:
        file = qd.read_problem(naming(there, place, name), allow_code=True)
    copied = copy_problem(file, there.parent / "run" / "problem.toml")
    again = qd.read_problem(copied)  # its own copy lies beside it
    np.testing.assert_array_equal(
        again.problem.objective.on(again.problem.domain), file.problem.objective.on(file.problem.domain)
    )
    np.testing.assert_array_equal(
        again.problem.initial.vector(again.problem.domain), file.problem.initial.vector(file.problem.domain)
    )


def test_two_copied_files_of_one_name_stay_two(there: Path) -> None:
    np.save(there / "sub" / "rows.npy", np.arange(8.0)[::-1] + 1)
    line = 'table = "rows.npy"\n[initial]\nkind = "state"\narray = "sub/rows.npy"'
    (there / "problem.toml").write_text(PROBLEM.replace(f'function = "{NAMED}"', line))
    file = qd.read_problem(there)
    again = qd.read_problem(copy_problem(file, there.parent / "run" / "problem.toml"))
    np.testing.assert_array_equal(again.problem.objective.on(again.problem.domain), np.arange(1.0, 9.0))
    assert again.problem.initial.vector(again.problem.domain)[0] > again.problem.initial.vector(again.problem.domain)[7]


def test_lies_inside_is_about_where_a_file_is(there: Path) -> None:
    assert lies_inside(there, "not there yet.csv")
    assert not lies_inside(there, "../there-too/rows.csv")  # a folder whose name only begins alike
    assert lies_inside(
        there.parent / "there" / "linked" / "there", "rows.csv"
    )  # the folder itself may be reached by a link


def test_pipes_and_devices_are_not_read(there: Path, tmp_path: Path) -> None:
    """Nothing would ever come out of them, or never an end."""
    os.mkfifo(there / "pipe.csv")
    os.mkfifo(there / "pipe.npy")
    for place, words in zip(KEYS, ("a CSV file that exists", "a .npy file that exists", "a .npy file that exists")):
        with pytest.raises(ProblemError, match=words):
            qd.read_problem(naming(there, place, "pipe{end}"))
        with pytest.raises(ProblemError, match="that exists"):
            qd.read_problem(naming(there, place, "/dev/zero"), allow_code=True)
    (there / "problem.toml").unlink()
    os.mkfifo(there / "problem.toml")
    with pytest.raises(ProblemError, match="it is not a regular file"):
        qd.read_problem(there)
    os.mkfifo(tmp_path / "step-00000007.npz")
    Checkpoint(tmp_path).save(3, {"a": np.ones(2)})
    assert Checkpoint(tmp_path).load().step == 3  # type: ignore[union-attr]


def test_the_gallery_needs_no_permission() -> None:
    files = sorted(CIRCUITS.glob("*/*.toml"))
    assert len(files) > 15
    for path in files:
        if "diffusion" not in path.parts:
            assert qd.read_problem(path).problem.domain.size > 1
    copies = sorted(CIRCUITS.glob("*/iris.csv"))
    assert len(copies) == 4
    assert len({path.read_bytes() for path in copies}) == 1


# -- run folders and trajectories ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("finished")
    qd.submit(
        own_problem().replace(objective=bowl), qd.Trotter(1), backend="aer", shots=20, seed=1, folder=root / "run"
    )
    return root / "run"


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


LINKED = ["run.json", "problem.toml", "ledger.sqlite", "lock.sqlite", "results", "results/batch-00000-0.npz"]


@pytest.mark.parametrize("name", LINKED)
def test_no_file_of_a_run_folder_is_a_link_out_of_it(folder: Path, tmp_path: Path, name: str) -> None:
    assert qd.open_run(folder).status(ask=False).complete
    moved = tmp_path / "elsewhere"
    (folder / name).rename(moved)
    (folder / name).symlink_to(moved)
    with pytest.raises(
        ProblemError, match=r"must hold its own files, but .* is a link that leads out of it: pass allow_code"
    ):
        qd.open_run(folder)
    assert qd.open_run(folder, allow_code=True).fetch().shots == 20
    problem = own_problem().replace(objective=bowl)
    with pytest.raises(ProblemError, match="must hold its own files"):
        qd.submit(problem, qd.Trotter(1), backend="aer", shots=20, seed=1, folder=folder)


def test_a_saved_trajectory_of_a_folder_lies_in_it(folder: Path, tmp_path: Path) -> None:
    qd.open_run(folder).fetch()
    (folder / "trajectory.npz").rename(tmp_path / "t.npz")
    (folder / "trajectory.npz").symlink_to(tmp_path / "t.npz")
    with pytest.raises(ProblemError, match="must hold its own files"):
        qd.load(folder)
    assert qd.load(folder, allow_code=True).shots == 20


def change(folder: Path, statement: str, *values: Any) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        connection.execute(statement, values)
    connection.close()


@pytest.mark.parametrize("where", ["../outside.npz", "/dev/zero", "results/../../outside.npz", "results/other.npz"])
def test_the_ledger_names_no_other_file(folder: Path, tmp_path: Path, where: str) -> None:
    shutil.copy(folder / "results" / "batch-00000-0.npz", tmp_path / "outside.npz")
    change(folder, "UPDATE batches SET result = ?", where)
    with pytest.raises(BackendError, match=r"batch 0 must be results/batch-00000-0\.npz, but the ledger names"):
        qd.open_run(folder).fetch()
    qd.open_run(folder).resume()  # a simulator runs the batch again
    assert qd.open_run(folder).fetch().shots == 20


def test_the_ledger_makes_no_names_of_text(folder: Path) -> None:
    change(folder, "UPDATE batches SET attempt = '0/../../../x', status = 'planned'")
    with pytest.raises(ProblemError, match=r"is damaged: .*attempt is '0/\.\./"):
        qd.open_run(folder).resume()
    assert not list(folder.parent.glob("x*"))


def test_a_result_file_that_is_a_pipe(folder: Path) -> None:
    (folder / "results" / "batch-00000-0.npz").unlink()
    os.mkfifo(folder / "results" / "batch-00000-0.npz")
    with pytest.raises(BackendError, match="it is not a regular file"):
        qd.open_run(folder).fetch()


NAMES = [
    "os:system",
    "planted_loss:loss",
    "__import__('os')",
    "builtins.eval",
    "",
    "Trotter; import os",
    "x" * 10_000,
    ["a"],
    None,
    3,
]


@pytest.mark.parametrize("kind", NAMES, ids=lambda kind: repr(kind)[:20])
def test_a_stored_method_is_one_of_ours(folder: Path, tmp_path: Path, kind: Any) -> None:
    data = json.loads((folder / "run.json").read_text())
    run = qd.evolve(own_problem().replace(objective=bowl), qd.SplitStep(2), save=2)
    nested = {"kind": "growing", "method": {"kind": kind, "steps": 2}}
    for spec in ({"kind": kind, "steps": 2}, kind, nested, {"kind": "variational", "ansatz": {"kind": kind}}):
        (folder / "run.json").write_text(json.dumps({**data, "method": spec}))
        with pytest.raises(QMLDynamicsError) as error:
            qd.open_run(folder)
        assert "\n" not in str(error.value)
        path = changed_meta(run.save(tmp_path / "t.npz"), method=spec)
        with pytest.raises(QMLDynamicsError) as error:
            qd.load(path)
        assert str(error.value).startswith("t.npz: ")
        assert "\n" not in str(error.value)


def changed_meta(path: Path, **parts: Any) -> Path:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    meta = json.loads(str(arrays["meta"]))
    np.savez(path, **{**arrays, "meta": np.array(json.dumps({**meta, **parts}))})
    return path


def test_a_trajectory_names_kinds_of_ours_only(tmp_path: Path) -> None:
    run = qd.evolve(own_problem().replace(objective=bowl), qd.SplitStep(2), save=2)
    path = run.save(tmp_path / "t.npz")
    with np.load(path, allow_pickle=False) as archive:
        stored = json.loads(str(archive["meta"]))["problem"]
    wrong = {
        "domain": {**stored["domain"], "kind": "os:system"},
        "diffusion": {"schedule": "os:system", "params": {}},
        "initial": {"kind": "os:system"},
        "objective": {"data": "/etc/hostname", "target": "a"},
        "evolution": {**stored["evolution"], "clock": "os:system"},
    }
    for section, keys in wrong.items():
        changed_meta(path, problem={**stored, section: keys})
        with pytest.raises(ProblemError, match=rf"^t.npz: \[{section}\] ") as error:
            qd.load(path)
        assert "\n" not in str(error.value)
    changed_meta(path, problem=stored, method={"kind": "custom", "repr": "Mine(steps=3)"})
    assert qd.load(path).method == "Mine(steps=3)"  # the text of a method of one's own, as it was stored


def test_a_checkpoint_names_a_generator_of_ours(tmp_path: Path) -> None:
    Checkpoint(tmp_path).save(1, {"a": np.ones(1)}, generator=np.random.default_rng(1))
    (path,) = tmp_path.glob("step-*.npz")
    with np.load(path, allow_pickle=False) as archive:
        head, arrays = json.loads(str(archive["head"])), {"array/a": archive["array/a"]}
    for kind in ("os:system", ["PCG64"], "default_rng", "Generator"):
        head["generator"]["bit_generator"] = kind
        np.savez(path, head=np.array(json.dumps(head)), **arrays)
        with pytest.raises(ProblemError, match="Argument `generator` must be one of MT19937"):
            Checkpoint(tmp_path).load()


def test_a_stored_circuit_holds_no_text_to_be_parsed() -> None:
    from qiskit import QuantumCircuit

    data = circuit_bytes(QuantumCircuit(1))
    assert data[:6] == b"QISKIT"
    assert circuit_from_bytes(data).num_qubits == 1
    for version in (0, 9, 12):
        with pytest.raises(ProblemError, match=f"it has the format QPY {version}"):
            circuit_from_bytes(data[:6] + bytes([version]) + data[7:])
