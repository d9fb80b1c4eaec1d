"""Moving pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.cli import main
from qml_dynamics.errors import MethodError
from qml_dynamics.plotting.animation import animate


def line(clock: str = "real", save: int = 5) -> qd.Trajectory:
    problem = qd.Problem(
        qd.Grid((-4, 4), 6),
        qd.objectives.double_well(),
        0.3,
        clock=clock,
        duration=1.5,
        initial=qd.Gaussian(-1, 0.4),
    )
    return qd.evolve(problem, qd.SplitStep(40), save=save, seed=1)


def frames(path: Path) -> list[np.ndarray]:
    from PIL import Image, ImageSequence

    with Image.open(path) as image:
        return [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(image)]


def test_gif_has_one_frame_a_saved_time_and_moves(tmp_path: Path) -> None:
    drawn = frames(animate(line(), tmp_path / "run.gif", samples=40, dpi=40))
    assert len(drawn) == 5
    assert all(np.abs(a - b).max() > 50 for a, b in zip(drawn[:-1], drawn[1:]))
    assert not list(tmp_path.glob(".*"))


def test_html_of_two_weights(tmp_path: Path) -> None:
    problem = qd.Problem(
        qd.Grid([(-3, 3), (-3, 3)], 4),
        lambda w: (w**2).sum(axis=1),
        0.5,
        clock="imaginary",
        duration=1.0,
        initial=qd.Gaussian((1, -1), 0.6),
    )
    page = animate(qd.evolve(problem, qd.SplitStep(10), save=3), tmp_path / "run.html", samples=20, dpi=30)
    assert page.read_text(encoding="utf-8").count("data:image/png;base64") == 3


def test_a_run_of_samples_has_no_cloud(tmp_path: Path) -> None:
    run = qd.evolve(line().problem, qd.SplitStep(20), save=3, shots=200, seed=1)
    assert len(frames(animate(run, tmp_path / "shots.gif", dpi=40))) == 3


def test_bad_input(tmp_path: Path) -> None:
    run = line()
    with pytest.raises(MethodError, match=r"gif or \.html"):
        animate(run, tmp_path / "run.avi")
    with pytest.raises(MethodError, match="born, bohm, nelson"):
        animate(run, tmp_path / "run.gif", kind="husimi")
    cube = qd.evolve(qd.Problem(qd.Hypercube(2), lambda w: w[:, 0], 1.0, clock="real", duration=1.0), qd.SplitStep(4))
    with pytest.raises(MethodError, match="one or two weights"):
        animate(cube, tmp_path / "run.gif")


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = line(save=2).save(tmp_path / "trajectory")
    with pytest.raises(SystemExit) as stop:
        main(["animate", str(saved), "--frames", "4", "--samples", "10"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip().endswith("run.gif")
    assert len(frames(tmp_path / "run.gif")) == 4
