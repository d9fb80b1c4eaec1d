"""Completion in a shell, and methods on the command line with options that have no name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError
from qml_dynamics.base.registry import METHODS
from qml_dynamics.cli import completion
from qml_dynamics.cli.options import parse_method
from qml_dynamics.model.objectives.registry import NAMED

PROGRAM = "import sys; sys.argv = ['qml-dynamics', *sys.argv[1:]]; from qml_dynamics.cli import main; main()"


def asked(words: str, **environment: str) -> str:
    """What the program prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words.split()],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_shell_is_answered() -> None:
    """As bash asks: the words so far, and the number of the one that is begun."""
    line = {
        "COMP_WORDS": "qml-dynamics run x --method tro",
        "COMP_CWORD": "4",
        "_QML_DYNAMICS_COMPLETE": "complete_bash",
    }
    assert asked("", **line).split() == ["trotter"]
    lists = {**line, "COMP_WORDS": "qml-dynamics list schedules q", "COMP_CWORD": "3"}
    assert asked("", **lists).split() == ["qhd"]


def test_the_program_offers_its_completion() -> None:
    """For a shell that is named, where none is looked for: the script asks the program back in the way that it answers."""
    shown = asked("--show-completion bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_QML_DYNAMICS_COMPLETE=complete_bash" in shown
    assert "complete" in shown.splitlines()[-1]
    told = asked("--help")
    assert "--install-completion" in told


@pytest.mark.parametrize("words", ["--show-completion", "--install-completion"])
def test_a_shell_that_is_not_known_is_one_line(words: str, tmp_path: Path) -> None:
    """As its child, by the name of its program: a copy of sh under the name tcsh."""
    shell = tmp_path / "tcsh"
    shutil.copy(shutil.which("sh") or "", shell)
    again = f"'{sys.executable}' -c \"$PROGRAM\" {words}; exit $?"
    environment = {**os.environ, "PROGRAM": PROGRAM, "HOME": str(tmp_path)}
    done = subprocess.run([str(shell), "-c", again], env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    said = (done.stdout + done.stderr).strip()
    assert said == f"Shell tcsh {'is ' if 'install' in words else ''}not supported."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tcsh"]  # nothing was installed


@pytest.mark.parametrize("asked_of", ["complete_tcsh", "source_tcsh", "nonsense"])
def test_a_completion_that_is_not_known_is_one_line(asked_of: str) -> None:
    environment = {**os.environ, "_QML_DYNAMICS_COMPLETE": asked_of}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1


def test_names_and_options_are_completed() -> None:
    assert set(METHODS) <= set(completion.methods(""))
    assert completion.methods("Trot") == ["Trotter"]
    assert completion.methods("nonsense:st") == []
    assert completion.methods("trotter:steps=4,s") == []  # it is given already
    assert "statevector" in completion.backends("")
    assert all("<" not in name for name in completion.backends(""))
    assert completion.losses("lev") == ["levy", "levy13"]
    assert set(completion.losses("")) == set(NAMED)
    assert "hardware_efficient" in completion.entries("ansatze", "")
    assert completion.entries("methods", "kry") == ["krylov"]
    assert completion.entries(None, "") == []


def test_options_without_a_name_stand_in_order() -> None:
    """As Python takes them, which differ between methods; parts, waves and methods inside likewise."""
    assert parse_method("Trotter(50)") == qd.Trotter(50)
    assert parse_method("trotter:50,4") == qd.Trotter(50, 4)
    assert parse_method("SplitStep(400, order=4)") == qd.SplitStep(400, order=4)
    assert parse_method("krylov(1e-6, 20)") == qd.Krylov(1e-6, 20)
    assert parse_method("multi_product((1, 3))") == qd.MultiProduct((1, 3))
    assert parse_method("MiniBatch(40, 8, 1)") == qd.MiniBatch(40, 8, 1)
    assert parse_method("Growing(Trotter(8, 4), 5)") == qd.Growing(qd.Trotter(8, 4), 5)
    layered = parse_method("variational(hardware_efficient(3), steps=60)")
    assert str(layered) == str(qd.Variational(qd.ansatz.hardware_efficient(3), steps=60))
    assert layered.ansatz.layers == 3
    bridge = parse_method("schrodinger_bridge(gaussian(1.0, 0.7))")
    assert bridge == qd.SchrodingerBridge(qd.Gaussian(1.0, 0.7))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"Trotter({', '.join('1' * 40)})", "options without a name in Trotter"),
        ("Trotter(4, steps=3)", "name each option of Trotter once, but has steps twice"),
        ("Growing(Trotter(4, steps=3), 5)", "name each option of Trotter once"),
        ("Trotter(*x)", "must have options like steps=40"),
        ("Trotter(steps=4, 2)", "must have options like steps=40"),
        ("nope(3)", "must be one of split_step"),
        ("variational(nope(3), steps=4)", "must be one of split_step"),
    ],
)
def test_options_that_cannot_be_placed_are_refused(text: str, words: str) -> None:
    with pytest.raises(MethodError, match=words.replace("(", r"\(")):
        parse_method(text)
