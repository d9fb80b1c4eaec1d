"""However a command ends, it ends in one line: full disks, closed pipes, files that may not be read, faults of the program."""

from __future__ import annotations

import errno
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qml_dynamics.cli as cli
from qml_dynamics.base.errors import MESSAGE, ProblemError, QMLDynamicsError, describe, line
from qml_dynamics.model.schedules import Knots, as_schedule

FULL = Path("/dev/full")


def _shell(command: str, before: str = "") -> subprocess.CompletedProcess[str]:
    words = f"{before}{shlex.quote(sys.executable)} -m qml_dynamics.cli {command}"
    return subprocess.run(["bash", "-c", words], capture_output=True, text=True, timeout=600)


# An output that takes nothing: a file that may not grow, on every POSIX system, and a full device, on Linux.
NO_ROOM = {"limit": ("ulimit -f 0; ", "output.txt", "File too large")}
if FULL.exists():
    NO_ROOM["device"] = ("", str(FULL), "No space left on device")


@pytest.mark.parametrize("room", NO_ROOM)
@pytest.mark.parametrize("command", ["backends", "list methods --json", "--version"])
def test_a_full_standard_output_is_one_line(command: str, room: str, tmp_path: Path) -> None:
    assert "device" in NO_ROOM or sys.platform != "linux"
    before, output, reason = NO_ROOM[room]
    done = _shell(f"{command} > {shlex.quote(str(tmp_path / output))}", before)
    assert done.returncode == 2
    assert done.stderr.startswith("qml-dynamics: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr


def test_a_reader_that_has_gone_and_closed_outputs_are_no_traceback() -> None:
    gone = _shell("list methods | true; exit ${PIPESTATUS[0]}")
    assert gone.returncode in (0, 141)  # 0 where it was done before the reader left
    assert gone.stderr == ""
    closed = _shell("list methods >&- 2>&-")
    assert closed.returncode == 0


def _raising(error: BaseException) -> Callable[..., Any]:
    def fail(*given: Any, **named: Any) -> int:
        raise error

    return fail


ENDS: dict[str, tuple[BaseException, int, str]] = {
    "library": (ProblemError("Argument `x` must be\nsmall."), 2, "Argument `x` must be small."),
    "disk": (OSError(errno.ENOSPC, "No space left on device"), 2, "No space left on device."),
    "permission": (PermissionError(errno.EACCES, "Permission denied", "p.toml"), 2, "p.toml: Permission denied."),
    "memory": (MemoryError(), 2, "memory of this machine is not enough"),
    "recursion": (RecursionError("maximum recursion depth exceeded"), 2, "nested too deeply"),
    "fault": (TypeError("a\nb" + 5000 * "c"), 70, "a fault of qml-dynamics, not of what was given: TypeError: a b"),
    "group": (ExceptionGroup("several", [ValueError("x")]), 70, "a fault of qml-dynamics"),
}


@pytest.mark.parametrize("end", ENDS)
def test_every_error_is_one_line_and_a_code(
    end: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error, code, words = ENDS[end]
    monkeypatch.setattr("qml_dynamics.cli.jobs.backends_command", _raising(error))
    with pytest.raises(SystemExit) as left:
        cli.main(["backends"])
    err = capsys.readouterr().err
    assert left.value.code == code
    assert err.startswith("qml-dynamics: ")
    assert words in err
    assert err.count("\n") == 1
    assert len(err) < MESSAGE + 200


def test_a_fault_of_the_program_shows_where_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QML_DYNAMICS_TRACEBACK", "1")
    monkeypatch.setattr("qml_dynamics.cli.jobs.backends_command", _raising(TypeError("wrong")))
    with pytest.raises(TypeError, match="wrong"):
        cli.main(["backends"])


def test_brackets_and_colons_in_texts_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from qml_dynamics.backends.names import BackendRow

    row = BackendRow("pennylane:[red]x", False, False, "[/none]", "device :rocket:", 'pip install "qml-dynamics[aer]"')
    monkeypatch.setattr("qml_dynamics.cli.jobs.available", lambda: [row])
    with pytest.raises(SystemExit) as left:
        cli.main(["backends"])
    out = capsys.readouterr().out
    assert left.value.code == 0
    for text in (row.name, row.kind, row.noise, row.install):
        assert text in out


class _Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no text of it")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Knots("1\n" * 5000),  # type: ignore[arg-type]
        lambda: as_schedule("x\n" * 5000, "diffusion"),
        lambda: as_schedule(list(range(10**5)), "diffusion"),
        lambda: as_schedule(_Odd(), "diffusion"),
        lambda: as_schedule(10**5000, "diffusion"),
    ],
)
def test_long_values_are_shortened_in_messages(make: Callable[[], Any]) -> None:
    with pytest.raises(ProblemError) as refused:
        make()
    assert "\n" not in str(refused.value)
    assert 20 < len(str(refused.value)) < 250


def test_every_error_of_the_library_is_one_line_of_bounded_length() -> None:
    assert str(QMLDynamicsError("a\n\tb")) == "a b"
    assert len(str(ProblemError("9" * 10**6))) == MESSAGE
    assert line("\x1b[31mred\x07") == "?[31mred?"
    assert describe(10**5000).startswith("an object of type int")


PROGRAM = """
import gc, sys
from qml_dynamics.cli import main
usual = gc.get_threshold()
for given in (["--version"], None):
    sys.argv = ["qml-dynamics", "--version"]
    try:
        main(given)
    except SystemExit as end:
        print(end.code, gc.isenabled(), gc.get_threshold() == usual, gc.get_threshold()[0] > usual[0], gc.get_freeze_count() > 0)
"""


def test_only_a_process_of_its_own_looks_for_garbage_less_often_and_not_at_its_end() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("0 ")]
    assert lines == ["0 True True False False", "0 True False True True"]
