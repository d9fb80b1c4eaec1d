"""Files from somebody else are data: no code that they name runs, and no file outside their folder is read, unless it is allowed.

A module is planted beside every file; importing it leaves a mark. Every command of the command line is asked, from its own list.
"""

from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

import qml_dynamics as qd
from qml_dynamics import runs
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.cli import app, main
from qml_dynamics.model.objectives import Objective
from qml_dynamics.runs import gallery
from qml_dynamics.runs.problem_file import problem_from_spec
from tests.foreign import NAMED, PROBLEM, bowl, own_problem
from tools.sources import tree_of

PLANTED = """import pathlib

pathlib.Path(__file__).with_name("imported").touch()


def loss(w):
    return (w**2).sum(axis=1)
"""
DIFFUSION = '[data]\nfile = "../rows.csv"\ncolumns = ["a"]\n[grid]\nqubits = 5\n[sample]\nn = 20\nsteps = 4\n'
REFUSED = "is code of the file's author: pass allow_code=True (--allow-code on the command line) to run it."


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A problem, a saved run, a submitted one and a diffusion model, all of which name what is not theirs to use."""
    root = tmp_path_factory.mktemp("stranger")
    for name in ("problem", "saved", "submitted", "diffusion"):
        (root / name).mkdir()
    (root / "problem" / "problem.toml").write_text(PROBLEM)
    (root / "problem" / "sweep.toml").write_text('problem = "problem.toml"\n[over]\n"diffusion.value" = [0.3]\n')
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
    "report": ["{saved}", "--out", "out/report.html"],
    "predict": ["{saved}", "{problem}"],
    "animate": ["{problem}", "--out", "out.gif", "--frames", "2", "--samples", "0", "--dpi", "20"],
    "cost": ["{problem}"],
    "suggest": ["{problem}"],
    "circuits": ["--check", "{problem}"],
    "anneal": ["{problem}", "--stages", "2", "--strategy", "quench", "--duration", "0.5", "--no-plots", "--out", "out"],
    "gibbs": ["{problem}", "--beta", "1", "--steps", "1"],
    "diffuse": ["{diffusion}", "--out", "out", "--no-plots"],
    "descend": ["{problem}", "--steps", "2", "--samples", "10", "--polish", "0", "--no-compare"],
    "sweep": ["{problem}/sweep.toml", "--workers", "1", "--no-plots", "--out", "out"],
    "submit": ["{problem}", "--method", "trotter:steps=1", "--backend", "aer", "--shots", "10", "--out", "out"],
    "status": ["{submitted}"],
    "fetch": ["{submitted}"],
    "resume": ["{submitted}"],
    "cancel": ["{submitted}"],
}
# Of these nothing is read (backends, schema), or a table or an operator that was named on the command line and names nothing (grow, new).
NAMES_NOTHING = {"backends", "grow", "list", "new", "schema"}


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
    refused = {"circuits": 1, "predict": 2}  # the stranger's folder holds no program, and the loss no model
    assert code == refused.get(name, 0), err
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
HOMES = {"problem_file", "files", "trajectory_file", "specification", "submission", "runs"}


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
        nodes = list(ast.walk(tree_of(path)))
        imports = [n for n in nodes if isinstance(n, ast.ImportFrom) and (n.module or "").split(".")[-1] in HOMES]
        ours = {alias.name for n in imports for alias in n.names} & ENTRIES | {"gallery.check", "gallery.write"}
        ours |= {"read_statement"}  # stands beside its caller
        ours |= {f"runs.{name}" for name in ENTRIES}  # through the door of the room
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
        for node in ast.walk(tree_of(path)):
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
    assert not loads  # one reader of archives, base/archive.py, which needs none of it


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
        ("/anywhere/bad:f", 'function must be a text "module:function"'),
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
