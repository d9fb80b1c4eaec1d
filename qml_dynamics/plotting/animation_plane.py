"""The frames of moving pictures of two weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..model.domains import Grid
from ..results.trajectory import Trajectory
from .style import MUTED, at_time, cells, coarse, density_label, loss_levels, plane, tidy, weight_label

TRAIL = 8  # frames that a path leaves behind on a plane
PATH = "#bfefff"
FAINT = 0.6  # power of the colour scale, so that faint parts of a wave are seen


def flat(
    figure: Any, run: Trajectory, domain: Grid, zeta: np.ndarray, paths: np.ndarray | None, kind: str
) -> Callable[[int], None]:
    """Two weights: the density as an image, contours of the loss, the cloud with its trails."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import PowerNorm

    x, y, values = plane(domain, zeta)
    pdf = coarse(coarse(np.maximum(run.density, 0) / domain.cell_volume, 1), 2)
    top = float(np.quantile(pdf.reshape(len(pdf), -1).max(axis=1), 0.9))
    axes = figure.subplots()
    norm = PowerNorm(FAINT, 0.0, top)
    image = axes.pcolormesh(cells(x), cells(y), pdf[0].T, cmap="magma", norm=norm, rasterized=True, shading="auto")
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
    clock = axes.text(0.02, 0.97, "", transform=axes.transAxes, va="top", color="white", fontsize=10)
    trails = axes.add_collection(LineCollection([], linewidths=0.8, colors=PATH))
    (dots,) = axes.plot([], [], ".", color="white", markersize=3.5, alpha=0.95)
    reach = 0.5 * np.array(domain.lengths)

    def draw(i: int) -> None:
        image.set_array(pdf[i].T)
        clock.set_text(at_time(run, i))
        if paths is None:
            return
        dots.set_data(paths[i, :, 0], paths[i, :, 1])
        if kind == "born" or i == 0:
            return
        first = max(0, i - TRAIL)
        pieces = np.stack([paths[first:i], paths[first + 1 : i + 1]], axis=2)  # (frames, points, 2 ends, 2 weights)
        kept = np.all(np.abs(pieces[:, :, 1] - pieces[:, :, 0]) < reach, axis=-1)
        age = np.broadcast_to(np.linspace(0.12, 0.75, i - first)[:, None], kept.shape)
        trails.set_segments(pieces[kept])
        trails.set_alpha(age[kept])

    return draw
