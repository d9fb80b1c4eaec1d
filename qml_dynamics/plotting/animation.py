"""Moving pictures of a run: the wave over the loss, and the cloud of points that it carries. GIF or HTML."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..domains import Grid
from ..errors import MethodError, describe, integer, one_of, require
from ..growth.view import KINDS, ensemble_view
from ..hamiltonian import LearningHamiltonian, hamiltonian
from ..trajectory import Trajectory
from .style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    add_title,
    at_time,
    cells,
    coarse,
    density_label,
    loss_levels,
    new_figure,
    plane,
    tidy,
    weight_label,
)

SUFFIXES = (".gif", ".html")
TRAIL = 6  # frames that a path leaves behind


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
        path: ends in ``.gif`` or ``.html`` (a page with buttons that needs nothing else).
        samples: points of the cloud; 0 for none. A run of samples only has no cloud.
        kind: ``"born"``, ``"bohm"`` or ``"nelson"``, see ``qml_dynamics.ensemble_view``; None: Bohm's paths on the real clock,
            fresh draws on the imaginary one.
        seed: of the cloud.
        fps: frames a second.
        dpi: dots an inch; the figure is 7.2 by 4.2 inches for one weight and 6 by 5.2 for two.

    Raises:
        MethodError: no grid of one or two weights, too few times, an unknown ending, or matplotlib is not installed.
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
    with new_figure(*((7.2, 4.2) if domain.ndim == 1 else (6.0, 5.2))) as figure:
        draw = (_line if domain.ndim == 1 else _plane)(figure, trajectory, domain, zeta, paths, kind)
        add_title(figure, trajectory)
        _write(figure, target, draw, len(trajectory.times), rate, resolution)
    return target


def _checked(trajectory: Trajectory, path: str | os.PathLike[str]) -> tuple[Grid, Path]:
    require(isinstance(trajectory, Trajectory), "trajectory", "be a Trajectory", describe(trajectory), MethodError)
    domain = trajectory.problem.domain
    fits = isinstance(domain, Grid) and domain.ndim <= 2
    require(fits, "trajectory", "be on a Grid of one or two weights", describe(domain), MethodError)
    enough = len(trajectory.times) >= 2
    require(enough, "trajectory", "hold at least 2 times", len(trajectory.times), MethodError)
    target = Path(path)
    require(target.suffix in SUFFIXES, "path", f"end in {' or '.join(SUFFIXES)}", str(path), MethodError)
    assert isinstance(domain, Grid)
    return domain, target


def _write(figure: Any, target: Path, draw: Callable[[int], None], frames: int, fps: int, dpi: int) -> None:
    from matplotlib.animation import HTMLWriter, PillowWriter
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    writer = PillowWriter(fps=fps) if target.suffix == ".gif" else HTMLWriter(fps=fps, embed_frames=True)
    try:
        with writer.saving(figure, str(part), dpi):
            for i in range(frames):
                draw(i)
                if i == 0:
                    figure.canvas.draw()
                    figure.set_layout_engine("none")  # nothing may shift from frame to frame
                writer.grab_frame()
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _line(
    figure: Any, run: Trajectory, domain: Grid, zeta: np.ndarray, paths: np.ndarray | None, kind: str
) -> Callable[[int], None]:
    """One weight: the density as a filled curve, the loss behind it, the cloud below with its trails."""
    x = coarse(domain.axes[0])
    pdf = coarse(np.maximum(run.density, 0) / domain.cell_volume)
    top = 1.15 * float(np.quantile(pdf.max(axis=1), 0.95))
    over, under = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    loss = over.twinx()
    values = coarse(zeta)
    ceiling = float(values.min() + 3 * (np.median(values) - values.min() + 1e-12))
    loss.plot(x, values, color=ORANGE, linewidth=1.4, alpha=0.85)
    loss.set_ylim(float(values.min()) - 0.05 * (ceiling - float(values.min())), ceiling)
    loss.set_ylabel("loss $\\zeta$", color=ORANGE)
    over.set_ylim(0, top)
    over.set_xlim(*domain.bounds[0])
    over.set_ylabel(density_label(1))
    under.set_xlabel(weight_label(0))
    under.set_yticks([])
    under.set_ylim(-1, 1)
    under.set_ylabel("draws" if kind == "born" else "paths")
    for axes in (over, loss, under):
        tidy(axes)
    clock = over.text(0.015, 0.94, "", transform=over.transAxes, va="top", color=INK)
    (curve,) = over.plot(x, pdf[0], color=BLUE, linewidth=1.4)
    fill = [over.fill_between(x, pdf[0], color=BLUE, alpha=0.3, linewidth=0)]
    height = np.random.default_rng(1).uniform(-0.8, 0.8, 0 if paths is None else paths.shape[1])
    trails = [
        under.plot([], [], ".", color=PURPLE, markersize=1.5, alpha=0.5 * (k + 1) / TRAIL)[0] for k in range(TRAIL)
    ]
    (dots,) = under.plot([], [], ".", color=PURPLE, markersize=4, alpha=0.9)

    def draw(i: int) -> None:
        curve.set_ydata(pdf[i])
        fill.pop().remove()
        fill.append(over.fill_between(x, pdf[i], color=BLUE, alpha=0.3, linewidth=0))
        clock.set_text(at_time(run, i))
        if paths is None:
            return
        dots.set_data(paths[i, :, 0], height)
        for k, trail in enumerate(trails if kind != "born" else []):
            j = max(0, i - TRAIL + k)
            trail.set_data(paths[j, :, 0], height)

    return draw


def _plane(
    figure: Any, run: Trajectory, domain: Grid, zeta: np.ndarray, paths: np.ndarray | None, kind: str
) -> Callable[[int], None]:
    """Two weights: the density as an image, contours of the loss, the cloud with its trails."""
    x, y, values = plane(domain, zeta)
    pdf = coarse(coarse(np.maximum(run.density, 0) / domain.cell_volume, 1), 2)
    top = float(np.quantile(pdf.reshape(len(pdf), -1).max(axis=1), 0.9))
    axes = figure.subplots()
    image = axes.pcolormesh(cells(x), cells(y), pdf[0].T, cmap="magma", vmin=0, vmax=top, rasterized=True)
    if np.ptp(values) > 0:
        axes.contour(x, y, values.T, levels=loss_levels(values, 9)[1:-1], colors="white", linewidths=0.6, alpha=0.45)
    axes.set_xlim(*domain.bounds[0])
    axes.set_ylim(*domain.bounds[1])
    axes.set_xlabel(weight_label(0))
    axes.set_ylabel(weight_label(1))
    tidy(axes)
    bar = figure.colorbar(image, ax=axes, label=density_label(2), pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=MUTED, labelsize=8)
    clock = axes.text(0.02, 0.97, "", transform=axes.transAxes, va="top", color="white")
    trails = [
        axes.plot([], [], ".", color="#9be7ff", markersize=1.5, alpha=0.4 * (k + 1) / TRAIL)[0] for k in range(TRAIL)
    ]
    (dots,) = axes.plot([], [], ".", color="#9be7ff", markersize=3.5, alpha=0.9)

    def draw(i: int) -> None:
        image.set_array(pdf[i].T)
        clock.set_text(at_time(run, i))
        if paths is None:
            return
        dots.set_data(paths[i, :, 0], paths[i, :, 1])
        for k, trail in enumerate(trails if kind != "born" else []):
            j = max(0, i - TRAIL + k)
            trail.set_data(paths[j, :, 0], paths[j, :, 1])

    return draw
