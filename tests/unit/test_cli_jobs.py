"""The verbs of submitted runs from the command line, on real local backends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import qml_dynamics as qd
from qml_dynamics.cli import main

PROBLEM = """
[domain]
kind = "grid"
bounds = [[-3.0, 3.0]]
qubits = 3

[objective]
expression = "(x0^2 - 1)^2 + 0.15*x0"

[diffusion]
value = 0.4

[evolution]
clock = "real"
duration = 0.5

[initial]
kind = "gaussian"
params = {center = 0.5, width = 0.8}

[method]
kind = "trotter"
steps = 2
""".replace("^", "**")


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    path = tmp_path / "problem.toml"
    path.write_text(PROBLEM)
    return path


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    out = capsys.readouterr()
    return int(end.value.code or 0), out.out, out.err


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("backend", ["aer", "ibm:fake_manila"])
def test_submit_status_fetch(problem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], backend: str) -> None:
    folder = tmp_path / "run"
    given = ("--backend", backend, "--shots", 200, "--seed", 3, "--save", 2)
    code, out, err = call(capsys, "submit", problem, "--out", folder, *given)
    assert code == 0, err
    assert "circuits on 3 qubits" in err
    if backend != "aer":
        assert "best number of Trotter steps" in err
    assert call(capsys, "status", folder)[0] == 0
    code, out, _ = call(capsys, "fetch", folder, "--wait", "--json")
    assert code == 0
    assert json.loads(out)
    run = qd.load(folder / "trajectory.npz")
    assert run.counts["weight"][-1].shots == 200
    assert abs(run.density[-1] - run.density[0]).sum() > 0.05


def test_backends_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "backends", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["statevector"]["exact"]
    assert any(name.startswith("pennylane:") for name in rows)
    assert "aer" in call(capsys, "backends")[1]


def test_what_is_missing_is_named(problem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "submit", problem, "--out", tmp_path / "run", "--backend", "aer")
    assert code == 2
    assert "`shots` must be given" in err
    code, _, err = call(capsys, "status", tmp_path)
    assert code == 2
    assert err.count("\n") == 1


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_run_over_its_budget_goes_on_with_a_new_one(
    problem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    given = ("--backend", "aer:density_matrix", "--shots", 100, "--seed", 3, "--save", 2)
    code, _, err = call(capsys, "submit", problem, "--out", folder, *given, "--max-shots", 399)
    assert code == 2
    assert "take 400 shots and 0 are spent, but `max_shots` is 399" in err
    assert call(capsys, "status", folder)[0] == 3
    assert call(capsys, "resume", folder)[0] == 2
    assert call(capsys, "resume", folder, "--max-shots", 400)[0] == 0
    assert call(capsys, "fetch", folder)[0] == 0


@pytest.mark.parametrize("verb", ["status", "fetch", "resume", "cancel"])
def test_a_folder_of_a_newer_version_is_refused(
    problem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    folder = tmp_path / "run"
    assert call(capsys, "submit", problem, "--out", folder, "--backend", "aer", "--shots", 10, "--save", 2)[0] == 0
    path = folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    code, _, err = call(capsys, verb, folder)
    assert code == 2
    assert "a newer version of qml-dynamics wrote it" in err
