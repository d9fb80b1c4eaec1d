"""Methods, backends and schedules of other packages, by their entry points in a package that is really installed on the path."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.entry_points import offered
from qml_dynamics.cli import main
from qml_dynamics.model.schedules import schedule_names
from qml_dynamics.runs.problem_file import read_problem, write_problem

CODE = '''
"""A package of a stranger."""

import math
from dataclasses import dataclass
from typing import ClassVar

from qml_dynamics import BackendError, SplitStep
from qml_dynamics.backends.statevector import StatevectorBackend


@dataclass(frozen=True)
class Cosine:
    """f(t) = mean + swing cos(pi t / duration)."""

    mean: float
    swing: float = 0.0

    def value(self, t, duration):
        return self.mean + self.swing * math.cos(math.pi * t / duration)

    def integral(self, t0, t1, duration):
        rate = math.pi / duration
        return self.mean * (t1 - t0) + self.swing * (math.sin(rate * t1) - math.sin(rate * t0)) / rate


@dataclass(frozen=True)
class Halves(SplitStep):
    """Twice as many steps as it is told."""

    name: ClassVar[str] = "halves"


def open_mirror(name, **options):
    if options.get("side") == "none":
        raise ConnectionError("nobody answers")
    return StatevectorBackend(name=name) if not options else options


class NoDataclass:
    pass
'''
POINTS = """
[qml_dynamics.methods]
halves = stranger:Halves
split_step = stranger:Absent
splitstep = stranger:Absent
broken = stranger:Absent
bare = stranger:NoDataclass

[qml_dynamics.backends]
mirror = stranger:open_mirror
aer = stranger:Absent
statevector = stranger:Absent
ibm = stranger:Absent
broken = nowhere.at_all:thing

[qml_dynamics.schedules]
cosine = stranger:Cosine
linear = stranger:Absent
qhd = stranger:Absent
bare = stranger:NoDataclass
broken = stranger:Absent
"""


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts a package with entry points on the path, as an installer would, and takes it away again."""

    def put(folder: Path, name: str, points: str, code: str = "") -> None:
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(points)
        (folder / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))
        offered.cache_clear()
        monkeypatch.delitem(sys.modules, name, raising=False)

    yield put
    monkeypatch.undo()
    offered.cache_clear()


@pytest.fixture
def stranger(install: Callable[..., None], tmp_path: Path) -> None:
    install(tmp_path / "site", "stranger", POINTS, CODE)


def problem(**changes: object) -> qd.Problem:
    given = {"diffusion": 0.4, "clock": "real", "duration": 1.0, "initial": qd.Gaussian(0.5, 0.5), **changes}
    return qd.Problem(qd.Grid((-3, 3), 5), qd.objectives.double_well(tilt=0.3), **given)  # type: ignore[arg-type]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return float(np.abs(a - b).max()) < 1e-12


@pytest.mark.usefixtures("stranger")
def test_a_schedule_by_name_in_files_and_saved_runs(tmp_path: Path) -> None:
    cosine = offered("schedule")["cosine"].load()
    driven = problem(strength=cosine(1.0, -0.8), diffusion=cosine(0.4))
    path = write_problem(driven, tmp_path / "problem.toml")
    assert 'schedule = "cosine"' in path.read_text()
    back = read_problem(path).problem
    assert (back.strength, back.diffusion) == (driven.strength, driven.diffusion)
    run = qd.evolve(back, qd.SplitStep(40))
    loaded = qd.load(run.save(tmp_path / "run.npz"))
    assert loaded.problem.strength == cosine(1.0, -0.8)
    assert same(run.density, qd.evolve(driven, qd.SplitStep(40)).density)
    still = qd.evolve(problem(), qd.SplitStep(40)).density
    assert np.abs(run.density - still)[-1].max() > 1e-2  # a strength that moves is another run than one that does not


@pytest.mark.usefixtures("stranger")
def test_a_backend_by_name_with_what_stands_behind_a_colon(capsys: pytest.CaptureFixture[str]) -> None:
    run = qd.evolve(problem(), qd.Trotter(3), backend="mirror:left", shots=200, seed=5)
    own = qd.evolve(problem(), qd.Trotter(3), backend="statevector", shots=200, seed=5)
    assert run.provenance["backend"] == "mirror:left"
    assert same(run.density, own.density)
    rows = {row.name: row for row in qd.backends.available()}
    assert rows["mirror"].kind == "package stranger"
    assert rows["broken"].kind == "package stranger"  # a list runs no code of a stranger
    with pytest.raises(SystemExit, match="0"):
        main(["backends", "--json"])
    assert "mirror" in {row["name"] for row in json.loads(capsys.readouterr().out)}


@pytest.mark.usefixtures("stranger")
def test_a_method_by_name(tmp_path: Path) -> None:
    halves = offered("method")["halves"].load()
    path = write_problem(problem(), tmp_path / "problem.toml", method=halves(6))
    assert 'kind = "halves"' in path.read_text()
    assert read_problem(path).method == halves(6)


@pytest.mark.usefixtures("stranger")
def test_built_in_names_cannot_be_replaced(tmp_path: Path) -> None:
    assert qd.backend("statevector").describe()["name"] == "statevector"
    assert type(qd.backend("aer")).__module__.startswith("qml_dynamics.")
    assert [row.name for row in qd.backends.available()].count("aer") == 1
    assert schedule_names().count("linear") == 1
    assert schedule_names().count("qhd") == 1
    path = write_problem(problem(strength=qd.Linear(0.5, 1.0)), tmp_path / "problem.toml", method=qd.SplitStep(3))
    assert read_problem(path).problem.strength == qd.Linear(0.5, 1.0)
    text = path.read_text()
    assert 'kind = "split_step"' in text
    path.write_text(text.replace("split_step", "splitstep"))
    assert read_problem(path).method == qd.SplitStep(3)


def schedule_file(folder: Path, name: str) -> Path:
    path = write_problem(problem(strength=qd.Linear(0.5, 1.0)), folder / "problem.toml")
    path.write_text(path.read_text().replace('"linear"', f'"{name}"'))
    return path


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "broken",
            r"^problem.toml: \[strength\] schedule must be one that can be imported, but is 'broken', .* package stranger offers",
        ),
        (
            "bare",
            r"^problem.toml: \[strength\] schedule must be a dataclass with value and integral under the name bare, but is",
        ),
        (
            "cosin",
            r"^problem.toml: \[strength\] schedule must be one of constant, .*, qhd, .*cosine.* Did you mean `cosine`\?$",
        ),
        ("cosine", r"^problem.toml: \[strength\] params must be among mean, swing, but has `start`"),
    ],
)
def test_schedules_that_do_not_fit_are_told_in_one_line(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(qd.ProblemError, match=message) as told:
        read_problem(schedule_file(tmp_path, name))
    assert "\n" not in str(told.value)


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "broken",
            {},
            r"^Argument `backend` must be one that can be imported, but is 'broken', .* ModuleNotFoundError",
        ),
        (
            "mirror",
            {"side": "left"},
            r"must keep the contract of a backend, but 'mirror' of the package stranger gives",
        ),
        ("mirror", {"side": "none"}, r"^Opening the backend 'mirror' failed: ConnectionError: nobody answers"),
        ("miror", {}, r"Did you mean 'mirror'\?$"),
    ],
)
def test_backends_that_do_not_fit_are_told_in_one_line(name: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(qd.BackendError, match=message) as told:
        qd.backend(name, **options)
    assert "\n" not in str(told.value)


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", r"must be one that can be imported, but is 'broken', .* AttributeError"),
        ("bare", r"must be a dataclass under the name bare, but is"),
        ("halvs", r"Did you mean 'halves'\?$"),
    ],
)
def test_methods_that_do_not_fit_are_told_in_one_line(tmp_path: Path, name: str, message: str) -> None:
    path = write_problem(problem(), tmp_path / "problem.toml", method=qd.SplitStep(3))
    path.write_text(path.read_text().replace("split_step", name))
    with pytest.raises(qd.MethodError, match=message) as told:
        read_problem(path)
    assert "\n" not in str(told.value)


def test_of_two_packages_with_one_name_the_first_on_the_path_counts(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install(tmp_path / "late", "late", "[qml_dynamics.schedules]\ncosine = late:Cosine\n", CODE)
    install(tmp_path / "early", "early", "[qml_dynamics.schedules]\ncosine = early:Cosine\n", CODE)
    assert offered("schedule")["cosine"].load().__module__ == "early"


def test_without_the_package_its_names_are_unknown(install: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(
        qd.ProblemError, match=r"^problem.toml: \[strength\] schedule must be one of constant, .*, but is 'cosine'"
    ):
        read_problem(schedule_file(tmp_path, "cosine"))
