"""The density over time: a map, frames, marginals, the distribution of the loss, or basis states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.domains import Hypercube
from ..results.trajectory import Trajectory
from .style import (
    BLUE,
    DENSITY,
    INK,
    MUTED,
    ORANGE,
    at_time,
    cells,
    coarse,
    color_bar,
    density_label,
    loss_histogram,
    loss_levels,
    loss_limits,
    loss_quantiles,
    picks,
    plane,
    stack,
    tidy,
    tile,
    time_label,
    weight_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import FigureBase


FRAMES, STATES = 6, 16


def density_size(run: Trajectory) -> tuple[float, float]:
    """Inches that the density of a run needs."""
    domain = run.problem.domain
    if isinstance(domain, Hypercube) or domain.ndim == 1:
        return 8.0, 4.2
    if domain.ndim == 2:
        rows, columns = tile(min(FRAMES, len(run.times)))
        return 1.4 + 2.6 * columns, 1.0 + 2.4 * rows
    rows, columns = stack(domain.ndim)
    return 1.5 + 5.5 * columns, 1.0 + 1.6 * rows


def draw_density(host: FigureBase, run: Trajectory, zeta: np.ndarray | None, frames: int) -> None:
    """Draw into a figure or a part of one; ``zeta`` is the loss on the domain (None for a general operator)."""
    domain = run.problem.domain
    if zeta is None:
        _draw_basis_states(host, run)
    elif isinstance(domain, Hypercube):
        _draw_loss_over_time(host, run, zeta)
    elif domain.ndim == 1:
        _draw_map(host, run, zeta)
    elif domain.ndim == 2:
        _draw_frames(host, run, zeta, frames)
    else:
        _draw_marginals(host, run)


def _time_cells(times: np.ndarray) -> np.ndarray:
    """Edges half way between the saved times; the first and the last cell end with the run."""
    if len(times) == 1:
        return np.array([times[0] - 0.5, times[0] + 0.5])
    return np.concatenate((times[:1], 0.5 * (times[1:] + times[:-1]), times[-1:]))


def _density_norm(top: float) -> PowerNorm:
    """A square-root colour scale from 0: a uniform start and a sharp end can both be seen."""
    from matplotlib.colors import PowerNorm

    return PowerNorm(0.5, vmin=0.0, vmax=top if top > 0 else 1.0, clip=True)


def _time_map(axes: Axes, run: Trajectory, points: np.ndarray, density: np.ndarray) -> QuadMesh:
    points, density = coarse(points), coarse(density)
    edges = _time_cells(run.times), cells(points)
    norm = _density_norm(float(density.max()))
    image = axes.pcolormesh(*edges, density.T, cmap=DENSITY, norm=norm, rasterized=True)
    axes.set(xlabel=time_label(run), xlim=(edges[0][0], edges[0][-1]), ylim=(edges[1][0], edges[1][-1]))
    tidy(axes)
    return image


def _draw_map(host: FigureBase, run: Trajectory, zeta: np.ndarray) -> None:
    grid: Any = run.problem.domain
    side, main = host.subplots(1, 2, sharey=True, width_ratios=(1, 4))
    image = _time_map(main, run, grid.axes[0], run.density / grid.cell_volume)
    side.plot(zeta, grid.axes[0], color=INK, linewidth=1.4)
    side.set(xlabel="loss $\\zeta$", ylabel=weight_label(0), xlim=loss_limits(run.density, zeta))
    tidy(side, "both")
    color_bar(host, image, main, density_label(1))


def _draw_frames(host: FigureBase, run: Trajectory, zeta: np.ndarray, frames: int) -> None:
    grid: Any = run.problem.domain
    chosen = picks(len(run.times), frames)
    rows, columns = tile(len(chosen))
    panels = host.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    pdf = run.density[chosen] / grid.cell_volume
    x, y, loss = plane(grid, zeta)
    extent = [edge for points in grid.axes for edge in cells(points)[[0, -1]]]
    norm = _density_norm(float(pdf.max()))
    levels = loss_levels(loss, 8)[1:-1]
    for axes, i, frame in zip(panels.flat, chosen, pdf):
        frame = coarse(coarse(frame, 0), 1)
        image = axes.imshow(frame.T, origin="lower", extent=extent, aspect="auto", cmap=DENSITY, norm=norm)
        axes.contour(x, y, loss.T, levels=levels, colors="white", linewidths=0.5, alpha=0.35)
        axes.set_title(at_time(run, i), loc="left", pad=3)
        tidy(axes)
    for axes in panels.flat[len(chosen) :]:
        axes.remove()
    for axes in panels[-1]:
        axes.set_xlabel(weight_label(0))
    for axes in panels[:, 0]:
        axes.set_ylabel(weight_label(1))
    color_bar(host, image, panels.flat[: len(chosen)], density_label(2))


def _draw_marginals(host: FigureBase, run: Trajectory) -> None:
    grid: Any = run.problem.domain
    rows, columns = stack(grid.ndim)
    panels = host.subplots(rows, columns, sharex=True, squeeze=False)
    for k, axes in enumerate(panels.flat):
        if k >= grid.ndim:
            axes.remove()
            continue
        others = tuple(1 + j for j in range(grid.ndim) if j != k)
        image = _time_map(axes, run, grid.axes[k], run.density.sum(axis=others) / grid.spacing[k])
        axes.set_ylabel(weight_label(k))
        axes.label_outer()
        color_bar(host, image, axes, "1 / weight")
    panels.flat[0].set_title("marginal probability density of each weight", loc="left")


def _draw_loss_over_time(host: FigureBase, run: Trajectory, zeta: np.ndarray) -> None:
    main, side = host.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    bands = loss_quantiles(zeta, run.density, (0.05, 0.25, 0.5, 0.75, 0.95))
    main.fill_between(run.times, bands[0], bands[4], color=BLUE, alpha=0.16, linewidth=0, label="5 % to 95 %")
    main.fill_between(run.times, bands[1], bands[3], color=BLUE, alpha=0.34, linewidth=0, label="25 % to 75 %")
    main.plot(run.times, bands[2], color=BLUE, linewidth=1.8, label="median")
    mean = np.tensordot(run.density.reshape(len(run.times), -1), zeta.reshape(-1), 1)
    main.plot(run.times, mean, color=ORANGE, linewidth=1.2, linestyle="--", label="mean")
    main.set(xlabel=time_label(run), ylabel="loss $\\zeta$ of a sampled weight vector")
    main.set_title("loss over time", loc="left")
    main.legend(loc="upper right")
    main.margins(x=0)
    tidy(main, "y")
    edges, uniform, final = loss_histogram(zeta, run.density[-1])
    side.barh(edges[:-1], final, np.diff(edges), align="edge", color=BLUE, alpha=0.75, label="this run")
    side.stairs(uniform, edges, orientation="horizontal", color=MUTED, linewidth=1.4, label="uniform weights")
    side.set(xlabel="probability")
    side.set_title(f"at {at_time(run, -1)}", loc="left")
    side.legend(loc="upper right")
    tidy(side, "x")


def _draw_basis_states(host: FigureBase, run: Trajectory) -> None:
    axes, bits = host.subplots(), run.problem.domain.num_qubits
    flat = run.density.reshape(len(run.times), -1)
    top = np.sort(np.argsort(-flat.max(axis=0), kind="stable")[:STATES])
    image = _time_map(axes, run, np.arange(len(top)), flat[:, top])
    axes.set_yticks(np.arange(len(top)), [f"$|{index:0{bits}b}\\rangle$" for index in top])
    axes.invert_yaxis()
    few = "all" if len(top) == flat.shape[1] else f"the {len(top)} most probable of"
    axes.set_title(f"{few} {flat.shape[1]:,} basis states", loc="left")
    color_bar(host, image, axes, "probability")
