"""The loss over the weights: a curve, filled contours or a histogram, with the density and marked weights on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.domains import Grid, Hypercube
from ..results.trajectory import Trajectory
from .style import (
    BLUE,
    INK,
    LANDSCAPE,
    MUTED,
    PINK,
    PURPLE,
    SKY,
    at_time,
    color_bar,
    color_power,
    density_label,
    loss_histogram,
    loss_levels,
    loss_limits,
    mass_level,
    plane,
    tidy,
    weight_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase


MARKERS, COLORS = ("D", "^", "P", "v", "s", "h"), ("#ffd23f", SKY, "#ff9f1c", PINK)


@dataclass(frozen=True)
class Spot:
    """Weights to show, and how."""

    label: str
    weights: np.ndarray
    loss: float
    marker: str
    color: str


def draw_landscape(host: FigureBase, run: Trajectory, zeta: np.ndarray, marks: Mapping[str, np.ndarray]) -> None:
    """Draw into a figure or a part of one; ``zeta`` is the loss on the domain, ``marks`` maps labels to weights."""
    grid, axes = run.problem.domain, host.subplots()
    if isinstance(grid, Hypercube) or grid.ndim > 2:
        _landscape_histogram(axes, run, zeta, marks)
    elif grid.ndim == 1:
        _landscape_curve(axes, run, zeta, marks)
    else:
        _landscape_plane(host, axes, run, zeta, marks)
    # two columns: a legend wider than the panel would make the layout squeeze the panel
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, markerscale=0.7, labelspacing=0.7, fontsize=7.5
    )


def _spots(run: Trajectory, marks: Mapping[str, np.ndarray]) -> list[Spot]:
    """The best sampled weights, the best uniform ones, and the marks."""
    assert run.problem.objective is not None  # checked by the callers
    spots, best = [], run.best
    if best is not None:
        spots.append(Spot(f"best of {best.samples:,} samples", np.array(best.weights), best.value, "*", "#ff3b6b"))
        uniform = np.array(best.uniform_weights)
        spots.append(Spot(f"best of {best.samples:,} uniform draws", uniform, best.uniform_value, "o", "white"))
    for k, (label, point) in enumerate(marks.items()):
        loss = float(run.problem.objective(point[None])[0])
        spots.append(Spot(label, point, loss, MARKERS[k % len(MARKERS)], COLORS[k % len(COLORS)]))
    return spots


def _mark(axes: Axes, x: float, y: float, spot: Spot, label: str) -> None:
    """The best sample filled and on top, all others hollow and larger, so that marks at one place can all be seen."""
    from matplotlib import patheffects

    best = spot.marker == "*"
    look: dict[str, Any] = {"markersize": 10, "markeredgewidth": 0.7, "markeredgecolor": INK, "zorder": 7}
    if not best:
        look = {"markersize": 12, "markeredgewidth": 1.8, "fillstyle": "none", "zorder": 6}
    (line,) = axes.plot([x], [y], spot.marker, color=spot.color, label=label, clip_on=False, **look)
    if not best:
        line.set_path_effects([patheffects.withStroke(linewidth=3.6, foreground=INK)])


def _inside(grid: Grid, spot: Spot) -> tuple[np.ndarray, str]:
    """The place in the box that is nearest to a spot, and its label, which says so if it lies outside."""
    low, high = np.array(grid.bounds).T
    held = np.clip(spot.weights, low, high)
    return held, spot.label if np.array_equal(held, spot.weights) else f"{spot.label} (outside the box)"


def _landscape_curve(axes: Axes, run: Trajectory, zeta: np.ndarray, marks: Mapping[str, np.ndarray]) -> None:
    grid: Any = run.problem.domain
    x = grid.axes[0]
    other = axes.twinx()
    other.fill_between(x, run.density[-1] / grid.cell_volume, color=PURPLE, alpha=0.25, linewidth=0)
    other.plot(x, run.density[0] / grid.cell_volume, color=MUTED, linewidth=1.0, linestyle=":")
    other.set_ylabel(density_label(1), color=PURPLE)
    other.set_ylim(bottom=0)
    other.spines["right"].set_visible(True)
    axes.set_zorder(other.get_zorder() + 1)  # the loss and its marks lie over the density
    axes.patch.set_visible(False)
    axes.plot(x, zeta, color=INK, linewidth=1.6, label="loss")
    axes.fill_between([], [], color=PURPLE, alpha=0.25, label=f"density at {at_time(run, -1)}")
    axes.plot([], [], color=MUTED, linewidth=1.0, linestyle=":", label=f"density at {at_time(run, 0)}")
    for spot in _spots(run, marks):
        held, label = _inside(grid, spot)
        _mark(axes, held[0], float(np.interp(held[0], x, zeta)), spot, label)
    axes.set(xlabel=weight_label(0), ylabel="loss $\\zeta$", xlim=grid.bounds[0], ylim=loss_limits(run.density, zeta))
    tidy(axes, "y")
    tidy(other)


def _landscape_plane(
    host: FigureBase, axes: Axes, run: Trajectory, zeta: np.ndarray, marks: Mapping[str, np.ndarray]
) -> None:
    from matplotlib.colors import PowerNorm

    grid: Any = run.problem.domain
    x, y, loss = plane(grid, zeta)
    levels = loss_levels(loss, 20)
    norm = PowerNorm(1 / color_power(loss), levels[0], levels[-1])
    filled = axes.contourf(x, y, loss.T, levels=levels, cmap=LANDSCAPE, norm=norm)
    axes.contour(x, y, loss.T, levels=levels[1:-1:2], colors="white", linewidths=0.4, alpha=0.35)
    if run.counts:
        _draw_samples(axes, run)
    else:
        _draw_regions(axes, run)
    for spot in _spots(run, marks):
        held, label = _inside(grid, spot)
        _mark(axes, held[0], held[1], spot, label)
    axes.set(xlabel=weight_label(0), ylabel=weight_label(1), xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    tidy(axes)
    color_bar(host, filled, axes, "loss $\\zeta$")


def _draw_samples(axes: Axes, run: Trajectory) -> None:
    counts = run.counts["weight"][-1]  # type: ignore[index]
    points = run.problem.domain.points_at(counts.index)
    area = 60.0 * counts.count / counts.count.max()
    look: dict[str, Any] = {"color": "white", "alpha": 0.8, "edgecolors": INK, "linewidths": 0.3}
    axes.scatter(points[:, 0], points[:, 1], s=area, label=f"samples at {at_time(run, -1)}", **look)


def _draw_regions(axes: Axes, run: Trajectory) -> None:
    grid: Any = run.problem.domain
    x, y, last = plane(grid, run.density[-1])
    for share, style in ((0.9, "--"), (0.5, "-")):
        level = mass_level(last / last.sum(), share) * last.sum()
        if last.min() < level < last.max():
            axes.contour(x, y, last.T, levels=[level], colors="white", linewidths=1.3, linestyles=style)
            axes.plot([], [], color=MUTED, linestyle=style, linewidth=1.3, label=f"{share:.0%} of the density")


def _landscape_histogram(axes: Axes, run: Trajectory, zeta: np.ndarray, marks: Mapping[str, np.ndarray]) -> None:
    edges, uniform, final = loss_histogram(zeta, run.density[-1], 32)
    label = f"probability at {at_time(run, -1)}"
    axes.bar(edges[:-1], final, np.diff(edges), align="edge", color=BLUE, alpha=0.75, label=label)
    axes.stairs(uniform, edges, color=MUTED, linewidth=1.4, label="uniform weights")
    for spot in _spots(run, marks):
        axes.axvline(spot.loss, color=INK, linewidth=0.7, linestyle=":")
        _mark(axes, spot.loss, 0.0, spot, spot.label)
    axes.set(xlabel="loss $\\zeta$", ylabel="probability")
    axes.set_ylim(bottom=0)
    tidy(axes, "y")
