"""The first line of the problem files of run folders: it names a schema that is there, and is no part of what a folder says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.cli import main
from qml_dynamics.runs import open_run, submit
from qml_dynamics.runs.problem_file.editors import LINE, NAME, without_line


def well(tilt: float = 0.2) -> qd.Problem:
    return qd.Problem(
        qd.Grid((-2, 2), 3),
        qd.objectives.double_well(tilt=tilt),
        0.4,
        clock="real",
        duration=0.3,
        initial=qd.Gaussian(0.5, 0.4),
    )


def valid(path: Path) -> str:
    """The first line of a problem file, which is valid under the schema that the line names."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    directive, where = first.split()
    assert directive == "#:schema"
    schema = json.loads((path.parent / where).read_text(encoding="utf-8"))
    assert schema == json.loads(json.dumps(qd.schema()))
    sections = tomllib.loads(path.read_text(encoding="utf-8"))
    assert not list(Draft202012Validator(schema).iter_errors(sections))
    assert list(Draft202012Validator(schema).iter_errors({**sections, "evolution": {"clock": "sundial"}}))
    return first


def sent(folder: Path, tilt: float = 0.2) -> Path:
    submit(well(tilt), qd.Trotter(2), backend="statevector", shots=50, seed=1, folder=folder)
    return folder


def code_of(*words: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return int(left.value.code or 0)


def test_a_submitted_folder_names_its_schema(tmp_path: Path) -> None:
    folder = sent(tmp_path / "run")
    assert valid(folder / "problem.toml") == LINE
    assert open_run(folder).fetch() is not None
    (folder / NAME).write_text("{}", encoding="utf-8")  # no part of the run
    assert open_run(folder).fetch() is not None


def test_a_folder_of_before_is_the_same_run(tmp_path: Path) -> None:
    """Folders that earlier versions began have neither the line nor the schema: the same call goes on in them, another is refused."""
    folder = sent(tmp_path / "run")
    path = folder / "problem.toml"
    path.write_bytes(without_line(path.read_bytes()))
    (folder / NAME).unlink()
    assert path.read_bytes().startswith(b"[domain]")
    assert sent(folder) == folder
    assert open_run(folder).fetch() is not None
    with pytest.raises(ProblemError, match="differs in problem"):
        sent(folder, tilt=0.3)


def test_another_file_of_that_name_stays(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / NAME).write_text('{"title": "mine"}', encoding="utf-8")
    sent(folder)
    assert json.loads((folder / NAME).read_text()) == {"title": "mine"}


def test_points_of_a_sweep_name_the_one_schema_of_the_sweep(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    found = qd.sweep(well(), {"diffusion.value": [0.2, 0.4]}, method=qd.SplitStep(4), folder=folder, workers=1)
    assert len(found.rows) == 2
    assert valid(folder / "problem.toml") == LINE
    for name in ("000000", "000001"):
        assert valid(folder / "points" / name / "problem.toml") == f"#:schema ../../{NAME}"
        assert not (folder / "points" / name / NAME).exists()
    assert len(list(folder.rglob(NAME))) == 1


def test_run_and_anneal_write_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    qd.write_problem(well().replace(clock="imaginary"), tmp_path / "p.toml", method=qd.SplitStep(4))
    assert not (tmp_path / NAME).exists()  # a file that is written by itself stands alone
    assert code_of("run", "p.toml", "--no-plots", "--out", "ran") in (0, 1)  # 1: four steps are few
    assert valid(tmp_path / "ran" / "problem.toml") == LINE
    assert code_of("run", "ran/problem.toml", "--no-plots", "--out", "again") in (0, 1)
    assert (tmp_path / "again" / "problem.toml").read_text().count("#:schema") == 1
    assert code_of("anneal", "p.toml", "--no-plots", "--out", "annealed") == 0
    assert valid(tmp_path / "annealed" / "problem.toml") == LINE
