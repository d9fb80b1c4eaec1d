"""`make test-pythons` finds an interpreter that only pyenv knows, and names in one line those that are missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.interpreters import find, main

WORKS = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def shims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path with nothing on it, and a pyenv without versions; both in a folder with a space."""
    root = tmp_path / "py env"
    monkeypatch.setenv("PYENV_ROOT", str(root))
    monkeypatch.setenv("PATH", str(root / "shims"))
    return root / "shims"


def test_the_newest_version_of_pyenv_where_the_shim_does_not_run(shims: Path) -> None:
    program(shims / "python3.12", SHIM)
    assert find("python3.12") is None
    versions = shims.parent / "versions"
    program(versions / "3.12.9" / "bin" / "python3.12", WORKS)
    newest = program(versions / "3.12.10" / "bin" / "python3.12", WORKS)
    assert find("python3.12") == str(newest)
    newest.write_text(SHIM)
    assert find("python3.12") == str(versions / "3.12.9" / "bin" / "python3.12")


def test_one_on_the_path_comes_first_and_a_path_is_taken_as_it_is(shims: Path) -> None:
    first = program(shims / "python3.12", WORKS)
    program(shims.parent / "versions" / "3.12.9" / "bin" / "python3.12", WORKS)
    assert find("python3.12") == str(first)
    assert find(sys.executable) == sys.executable
    assert find(str(shims / "python3.13")) is None


def test_what_is_missing_is_named_before_anything_runs(shims: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(shims / "python3.12", WORKS)
    program(shims / "python3.13", SHIM)
    assert main(["python3.13", "python3.12", "python3.14"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert ": python3.13, python3.14. " in printed.err
    assert main(["python3.12"]) == 0
    assert capsys.readouterr().out == f"{shims / 'python3.12'}\n"
