"""Moving pictures of a run: the wave over the loss, and the cloud of points that it carries. GIF, MP4 or HTML."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import MethodError, ProblemError, describe, integer, one_of, require
from ..base.progress import Progress
from ..learning.growth.view import KINDS, ensemble_view
from ..model.domains import Grid
from ..model.hamiltonians import LearningHamiltonian, hamiltonian
from ..model.problem import Problem
from ..results.trajectory import Trajectory
from .animation_frames import flat, line
from .style import add_title, new_figure

if TYPE_CHECKING:
    from matplotlib.animation import AbstractMovieWriter
    from matplotlib.figure import Figure


SUFFIXES = (".gif", ".mp4", ".html")
NO_FFMPEG = 'Writing MP4 needs ffmpeg, which was not found. Install it, or: pip install "qml-dynamics[video]"; GIF and HTML need no ffmpeg'


def animate(
    trajectory: Trajectory,
    path: str | os.PathLike[str],
    *,
    samples: int = 150,
    kind: str | None = None,
    seed: int = 0,
    fps: int = 15,
    dpi: int = 100,
) -> Path:
    """Write a moving picture of a run with one or two weights, one frame a saved time.

    Args:
        trajectory: on a :class:`Grid`, with at least two saved times (``save=60`` gives a smooth picture).
        path: ends in ``.gif``, ``.mp4`` (needs ffmpeg) or ``.html`` (a page with buttons that needs nothing else).
        samples: points of the cloud; 0 for none. A run of samples only has no cloud.
        kind: ``"born"``, ``"bohm"`` or ``"nelson"``, see ``qml_dynamics.ensemble_view``; None: Bohm's paths on the real clock,
            fresh draws on the imaginary one.
        seed: of the cloud.
        fps: frames a second.
        dpi: dots an inch; the figure is 7.2 by 5 inches for one weight and 6 by 5.2 for two.

    Raises:
        MethodError: no grid of one or two weights, too few times, an unknown ending, or matplotlib or ffmpeg is missing.
        ProblemError: the file cannot be written.
    """
    domain, target = _checked(trajectory, path)
    count, rate = integer(samples, "samples", 0, 20_000, MethodError), integer(fps, "fps", 1, 60, MethodError)
    resolution = integer(dpi, "dpi", 20, 600, MethodError)
    if kind is None:
        kind = "bohm" if trajectory.problem.clock == "real" else "born"
    one_of(kind, "kind", KINDS, MethodError)
    paths = None
    if count and trajectory.states is not None:
        paths = ensemble_view(trajectory, count, kind, seed).paths
    h = hamiltonian(trajectory.problem)
    zeta = h.zeta if isinstance(h, LearningHamiltonian) else np.zeros(domain.shape)
    with new_figure(*((7.2, 5.0) if domain.ndim == 1 else (6.0, 5.2))) as figure:
        draw = (line if domain.ndim == 1 else flat)(figure, trajectory, domain, zeta, paths, kind)
        add_title(figure, trajectory)
        _write(figure, target, draw, len(trajectory.times), rate, resolution)
    return target


def check_drawable(problem: Problem, argument: str = "problem") -> None:
    """Refuse a problem whose wave no moving picture shows: an operator, binary weights, or more than two weights.

    Raises:
        MethodError: with what shows such a run.
    """
    domain = problem.domain
    what = "an operator on qubits" if problem.operator is not None else describe(domain)
    if not isinstance(domain, Grid) or domain.ndim > 2:
        raise MethodError(
            f"Argument `{argument}` must be on a Grid of one or two weights to be animated, but is on {what}: "
            "`plot` draws its energies and probabilities over time."
        )


def _checked(trajectory: Trajectory, path: str | os.PathLike[str]) -> tuple[Grid, Path]:
    require(isinstance(trajectory, Trajectory), "trajectory", "be a Trajectory", describe(trajectory), MethodError)
    domain = trajectory.problem.domain
    check_drawable(trajectory.problem, "trajectory")
    enough = len(trajectory.times) >= 2
    require(enough, "trajectory", "hold at least 2 times", len(trajectory.times), MethodError)
    target = Path(path)
    require(target.suffix in SUFFIXES, "path", f"end in {', '.join(SUFFIXES)}", str(path), MethodError)
    require(not target.is_dir(), "path", "be a file", f"of a folder: {path}", MethodError)
    _part(target)
    assert isinstance(domain, Grid)
    return domain, target


def _part(target: Path) -> Path:
    """The file that is drawn into and renamed at the end; that it can be written is found out here, not after the drawing."""
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        part.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ProblemError(
            f"Argument `path` must be a file that can be written, but {target} is not: {reason}."
        ) from None
    return part


def _write(figure: Figure, target: Path, draw: Callable[[int], None], frames: int, fps: int, dpi: int) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    part = _part(target)
    with writer_for(target.suffix, fps) as writer:
        try:
            with Progress("drawing") as progress, writer.saving(figure, str(part), dpi):
                _grab(figure, writer, draw, frames, progress)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)


def _grab(
    figure: Figure, writer: AbstractMovieWriter, draw: Callable[[int], None], frames: int, progress: Progress
) -> None:
    """All frames; an interrupt from the keyboard keeps those that are there, if they are two or more."""
    for i in range(frames):
        try:
            draw(i)
            if i == 0:
                figure.canvas.draw()
                figure.set_layout_engine("none")  # nothing may shift from frame to frame
            writer.grab_frame()
        except KeyboardInterrupt:
            if i == 0:
                writer.grab_frame()  # a picture without frames cannot even be closed
            if i < 2:
                raise
            warnings.warn(f"Interrupted from the keyboard after {i} of {frames} frames; kept those.", stacklevel=4)
            return
        progress(i + 1, frames)


@contextmanager
def writer_for(suffix: str, fps: int) -> Iterator[AbstractMovieWriter]:
    """What writes frames to a file of this kind; raises :class:`MethodError` for ``.mp4`` without ffmpeg."""
    import matplotlib
    from matplotlib.animation import FFMpegWriter, HTMLWriter, PillowWriter

    if suffix == ".mp4":
        program = ffmpeg()
        if program is None:
            raise MethodError(f"{NO_FFMPEG}.")
        with matplotlib.rc_context({"animation.ffmpeg_path": program}):
            yield FFMpegWriter(fps=fps, codec="h264", bitrate=-1, extra_args=["-movflags", "+faststart"])
    else:
        yield PillowWriter(fps=fps) if suffix == ".gif" else HTMLWriter(fps=fps, embed_frames=True)


def ffmpeg() -> str | None:
    """The ffmpeg program: the system's, or the one that imageio-ffmpeg brings; None where there is neither."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError:
        return None
    try:
        return str(get_ffmpeg_exe())
    except RuntimeError:  # the package is there without a program for this machine
        return None
