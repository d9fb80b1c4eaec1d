"""Folders: claimed by one process each, readable by their owner, filled whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.base.folders import SHARED, claim, filled, make_folder
from qml_dynamics.base.lock import WorkLock

CLAIM = "import sys; from pathlib import Path; from qml_dynamics.base.folders import claim; print(claim(Path(sys.argv[1])).name)"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_eight_processes_have_eight_folders(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLAIM, str(tmp_path / "runs" / "well")]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    names = [child.communicate(timeout=300)[0].strip() for child in children]
    assert sorted(names) == ["well", *(f"well-{number}" for number in range(2, 9))]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted(names)


def test_only_the_owner_reads_a_run_unless_it_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = qd.Problem(qd.Grid((-1, 1), 3), lambda w: w[:, 0], 0.5, clock="real", duration=0.1)
    before = os.umask(0o022)
    try:
        qd.evolve(problem, qd.SplitStep(2), folder=tmp_path / "mine")
        qd.submit(problem, qd.Trotter(1), backend="statevector", shots=9, folder=tmp_path / "sent", quiet=True).fetch()
        monkeypatch.setenv(SHARED, "1")
        qd.evolve(problem, qd.SplitStep(2), folder=tmp_path / "ours")
    finally:
        os.umask(before)
    for name, folder_mode, file_mode in (("mine", 0o700, 0o600), ("sent", 0o700, 0o600), ("ours", 0o755, 0o644)):
        everything = [tmp_path / name, *(tmp_path / name).rglob("*")]
        assert {mode(path) for path in everything if path.is_dir()} == {folder_mode}
        assert {mode(path) for path in everything if path.is_file()} == {file_mode}
        assert sum(path.is_file() for path in everything) >= 4


def test_a_draft_moves_whole_or_leaves_everything_as_it_was(tmp_path: Path) -> None:
    def half() -> None:
        with filled(tmp_path / "new") as draft:
            (draft / "a").write_text("1")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        half()
    assert not (tmp_path / "new").exists()
    for text, extra in (("1", "b"), ("2", "c")):
        with filled(tmp_path / "new", stale=("a", "b", "c")) as draft:
            (draft / "a").write_text(text)
            (draft / extra).write_text(text)
    (tmp_path / "new" / "notes").write_text("of a person")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a", "c", "notes"]  # nothing stale
    assert (tmp_path / "new" / "a").read_text() == "2"


def test_what_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProblemError, match="Argument `folder` must be a folder"):
        make_folder(tmp_path / "file")
    with pytest.raises(ProblemError, match="Argument `out` must be a folder that can be written"):
        claim(tmp_path / "file" / "below")


def test_a_folder_in_use_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = qd.Problem(qd.Grid((-1, 1), 3), lambda w: w[:, 0], 0.5, clock="real", duration=0.1)
    monkeypatch.setattr("qml_dynamics.methods.keeping._WAIT", 0.0)
    qd.evolve(problem, qd.SplitStep(2), folder=tmp_path / "a")
    with WorkLock(tmp_path / "a" / "journal"), pytest.raises(qd.BackendError, match="`folder` must not be in use"):
        qd.evolve(problem, qd.SplitStep(2), folder=tmp_path / "a")
