"""Folders of the commands: never half, never replaced unasked, and signals that end a command with what was done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from qml_dynamics.base.interrupts import Interrupts, Terminated
from qml_dynamics.base.progress import Progress
from qml_dynamics.cli import main
from qml_dynamics.runs.trajectory_file import load
from tests.interrupts import interruptible
from tests.texts import DOUBLE_WELL

WELL = f"""{DOUBLE_WELL.replace("CLOCK", "real")}
[backend]
name = "statevector"
shots = 400
"""
ENDLESS = WELL.replace("qubits = 4", "qubits = 10").replace("duration = 1.0", "duration = 100.0")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "well.toml").write_text(WELL)
    (tmp_path / "endless.toml").write_text(ENDLESS)
    (tmp_path / "bad.toml").write_text(WELL.replace("statevector", "nowhere"))
    (tmp_path / "cold.toml").write_text(WELL.replace("real", "imaginary"))
    return tmp_path


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_failed_or_refused_run_leaves_the_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    circuits = ("--method", "trotter:steps=4", "--no-plots", "--no-budget", "--seed", "1")
    assert call("run", "well.toml", "--out", "a", *circuits) == 0
    before = contents(here / "a")
    assert {"problem.toml", "problem.schema.json", "trajectory.npz", "result.json", "reference.npz"} == set(before)
    for arguments in (
        ("run", "well.toml", "--out", "a"),
        ("run", "well.toml", "--out", "a", "--force", "--backend", "nowhere", *circuits),
        ("run", "well.toml", "--out", "a", "--force", "--method", "trotter:steps=0"),
        ("anneal", "cold.toml", "--out", "a", "--stages", "3"),
        ("anneal", "cold.toml", "--out", "a", "--force", "--stages", "0"),
        ("descend", "levy", "--out", "a"),
        ("gibbs", "--energies", "0.1, 0.3", "--out", "a"),
    ):
        assert call(*arguments) == 2
        assert contents(here / "a") == before, arguments
    capsys.readouterr()
    assert call("run", "well.toml", "--out", "a") == 2
    assert "add --force to replace them" in capsys.readouterr().err
    for arguments in (
        ("run", "bad.toml", "--out", "b", "--method", "trotter:steps=4"),
        ("anneal", "cold.toml", "--out", "b", "--stages", "0"),
        ("descend", "levy", "--out", "b", "--steps", "-1"),
    ):
        assert call(*arguments) == 2
        assert not (here / "b").exists(), arguments
    assert call("run", "bad.toml", "--method", "trotter:steps=4") == 2
    assert not (here / "runs").exists()


def test_a_replaced_run_has_no_stale_files(here: Path) -> None:
    (here / "a").mkdir()
    (here / "a" / "notes").write_text("mine")
    assert call("run", "well.toml", "--out", "a", "--method", "trotter:steps=4", "--no-plots", "--no-budget") == 0
    before = (here / "a" / "reference.npz").read_bytes()
    assert call("run", "well.toml", "--out", "a", "--force", "--method", "split-step:steps=9", "--no-plots") == 0
    assert {"problem.toml", "problem.schema.json", "trajectory.npz", "reference.npz", "result.json", "notes"} == set(
        contents(here / "a")
    )
    assert (here / "a" / "reference.npz").read_bytes() != before  # that of the run which is there now
    assert load(here / "a").method.steps == 9
    assert not [path for path in (here / "a").iterdir() if path.name.startswith(".")]


def test_the_backend_of_the_file_stays_in_the_saved_one(here: Path) -> None:
    assert call("run", "well.toml", "--out", "a", "--no-plots", "--method", "split-step:steps=9") == 0
    section = tomllib.loads((here / "a" / "problem.toml").read_text())["backend"]
    assert (section["name"], section["shots"]) == ("statevector", 400)


def test_a_submitted_run_is_never_replaced(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("submit", "well.toml", "--out", "sent", "--method", "trotter:steps=2") == 0
    before = contents(here / "sent")
    assert call("run", "well.toml", "--out", "sent", "--force") == 2
    assert "holds a submitted run" in capsys.readouterr().err
    assert contents(here / "sent").keys() == before.keys()


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "qml_dynamics.cli", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return interruptible(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_two_signals_end_a_run_with_what_was_done(here: Path, number: int, code: int) -> None:
    process = start(
        "run", "endless.toml", "--out", "long", "--no-plots", "--method", "split-step:steps=4000000", "--save", "4001"
    )
    deadline = time.monotonic() + 300
    while not Path("long/journal/call.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    while not any(Path("long/journal").glob("*state.npz")) and time.monotonic() < deadline:
        time.sleep(0.05)
    for _ in range(2):
        process.send_signal(number)
        time.sleep(0.02)
    _, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    assert "interrupted; what was done is in long, and the same call goes on from there." in err
    assert "Traceback" not in err
    assert 1 < len(load("long").times) < 4001


@pytest.mark.slow
def test_a_command_without_a_folder_says_that_nothing_was_saved(here: Path) -> None:
    process = start("descend", "levy", "--qubits", "9", "--steps", "4000000")
    time.sleep(3.0)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, "Traceback" in err) in ((143, False), (-signal.SIGTERM, False)), err
    assert process.returncode < 0 or "qml-dynamics: interrupted; nothing was saved." in err


@pytest.fixture
def keyboard() -> Iterator[None]:
    """SIGINT as a terminal's: in the background, and under ``nohup``, the suite runs with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_handlers_come_back_and_a_swallowed_signal_can_be_repeated() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    progress, caught = Progress("", False), 0
    with Interrupts() as outer, Interrupts() as inner:
        assert outer is inner
        with pytest.raises(Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
        progress(1, 2)  # nobody has asked again
        os.kill(os.getpid(), signal.SIGINT)  # interrupts nothing by itself
        try:
            progress(1, 2)
        except KeyboardInterrupt:
            caught += 1
        progress(1, 2)
    assert (caught, outer.code) == (1, 143)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
