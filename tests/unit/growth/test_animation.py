"""Moving pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.cli import main
from qml_dynamics.plotting.animation import animate, ffmpeg
from qml_dynamics.plotting.animation_frames import wheel
from qml_dynamics.runs.problem_file import write_problem


def line(clock: str = "real", save: int = 3) -> qd.Trajectory:
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
    assert len(drawn) == 3
    assert all(np.abs(a - b).max() > 50 for a, b in zip(drawn[:-1], drawn[1:]))
    assert not list(tmp_path.glob(".*"))


def test_a_file_that_cannot_be_written_is_told_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = line()
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder.gif").mkdir()
    monkeypatch.setattr("qml_dynamics.plotting.animation.ensemble_view", lambda *given: pytest.fail("it draws"))
    with pytest.raises(
        ProblemError, match=r"^Argument `path` must be a file that can be written, but .*run\.gif is not"
    ):
        animate(run, tmp_path / "file" / "run.gif")
    with pytest.raises(MethodError, match=r"^Argument `path` must be a file, but is of a folder"):
        animate(run, tmp_path / "folder.gif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.gif"]


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


@pytest.mark.slow
def test_a_run_of_samples_has_no_cloud(tmp_path: Path) -> None:
    run = qd.evolve(line().problem, qd.SplitStep(20), save=2, shots=200, seed=1)
    assert len(frames(animate(run, tmp_path / "shots.gif", dpi=40))) == 2


def test_bad_input(tmp_path: Path) -> None:
    run = line()
    with pytest.raises(MethodError, match=r"gif, \.mp4, \.html"):
        animate(run, tmp_path / "run.avi")
    with pytest.raises(MethodError, match="born, bohm, nelson"):
        animate(run, tmp_path / "run.gif", kind="husimi")
    cube = qd.evolve(qd.Problem(qd.Hypercube(2), lambda w: w[:, 0], 1.0, clock="real", duration=1.0), qd.SplitStep(4))
    with pytest.raises(MethodError, match="one or two weights"):
        animate(cube, tmp_path / "run.gif")


def test_the_command_names_its_own_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loss = qd.objectives.expression("x0**2", 1)
    path = write_problem(qd.Problem(qd.Grid((-3, 3), 4), loss, 0.5, clock="real", duration=0.2), tmp_path / "p.toml")
    for option, value in (("frames", "0"), ("frames", "1"), ("samples", "-1"), ("fps", "0"), ("dpi", "0")):
        with pytest.raises(SystemExit) as stop:
            main(["animate", str(path), *(["--frames", "3"] if option != "frames" else []), f"--{option}", value])
        assert stop.value.code == 2
        assert f"Argument `{option}` must be an integer between" in capsys.readouterr().err
    assert list(tmp_path.glob("*.gif")) == []


@pytest.mark.slow
def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = line(save=2).save(tmp_path / "trajectory")
    with pytest.raises(SystemExit) as stop:
        main(["animate", str(saved), "--frames", "4", "--samples", "10"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip().endswith("run.gif")
    assert len(frames(tmp_path / "run.gif")) == 4


def test_the_command_draws_a_problem_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = qd.Problem(
        qd.Grid([(-3, 3), (-2, 2)], 4),
        qd.objectives.expression("x0**2 + 2*x1**2"),
        0.5,
        clock="real",
        duration=0.6,
        initial=qd.Gaussian((1, -0.5), 0.5),
    )
    file = write_problem(problem, tmp_path / "problem.toml")
    target = tmp_path / "deep" / "moving.gif"
    with pytest.raises(SystemExit) as stop:
        main(["animate", str(file), "--frames", "3", "--samples", "20", "--out", str(target), "--dpi", "40"])
    assert stop.value.code == 0
    assert str(target) in capsys.readouterr().out
    drawn = frames(target)
    assert len(drawn) == 3
    assert drawn[0].shape[:2] == (208, 240)  # 5.2 by 6 inches
    assert np.abs(drawn[0] - drawn[2]).max() > 50


def test_mp4(tmp_path: Path) -> None:
    target = tmp_path / "run.mp4"
    animate(line(save=4), target, samples=5, dpi=51)  # an odd number of pixels, which the codec would refuse
    assert target.read_bytes()[4:8] == b"ftyp"
    assert target.stat().st_size > 1000


def test_without_ffmpeg_mp4_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert ffmpeg() is None
    with pytest.raises(MethodError, match=r"needs ffmpeg.*qml-dynamics\[video\]"):
        animate(line(save=2), tmp_path / "run.mp4", samples=0)
    assert not list(tmp_path.iterdir())


def test_an_interrupt_keeps_the_frames_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.animation import PillowWriter

    grab, calls = PillowWriter.grab_frame, []

    def once_too_often(self: PillowWriter, **options: object) -> None:
        calls.append(1)
        if len(calls) in (3, 4):
            raise KeyboardInterrupt
        grab(self, **options)

    monkeypatch.setattr(PillowWriter, "grab_frame", once_too_often)
    with pytest.warns(UserWarning, match="after 2 of 4 frames"):
        animate(line(save=4), tmp_path / "run.gif", samples=5, dpi=30)
    assert len(frames(tmp_path / "run.gif")) == 2
    with pytest.raises(KeyboardInterrupt):  # nothing worth keeping
        animate(line(save=4), tmp_path / "other.gif", samples=5, dpi=30)
    assert not (tmp_path / "other.gif").exists()


def test_colours_of_phases_go_round() -> None:
    phase = np.linspace(-np.pi, np.pi, 33)
    colours = wheel(phase)
    assert colours.shape == (33, 3)
    assert colours[0] == pytest.approx(colours[-1], abs=1e-12)
    assert np.abs(np.diff(colours, axis=0)).max() < 0.1  # no edge anywhere on the wheel
    assert np.abs(colours[16] - colours[0]).max() > 0.3
