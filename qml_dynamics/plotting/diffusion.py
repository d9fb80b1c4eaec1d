"""Pictures of diffusion models: data that become noise and come back, and generated data against held-out ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import MethodError, require
from .style import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, SKY, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..learning.diffusion import Diffusion, Paths
    from ..learning.diffusion.data import Scale

_COLUMNS = 120
_LINES = 18
_LEVELS = 28
_CLASSES = (BLUE, ORANGE, GREEN, PURPLE)


def plot_diffusion(model: Diffusion, sde: Paths, ode: Paths | None = None, label: str = "x") -> Figure:
    """Data, their density on the way to noise, the way back with paths, and what was generated (one dimension).

    Time runs from left to right and back; equal distances are equal steps of its root, as in the sampler.

    Args:
        model: on a grid with one axis.
        sde: from ``model.paths`` with every step saved.
        ode: the same of the deterministic process.
        label: of the axis.

    Raises:
        MethodError: the grid has more axes.
    """
    require(model.domain.ndim == 1, "model", "have one axis", model.domain.shape, MethodError)
    with new_figure(9.6, 4.0) as figure:
        left, forward, back, right = figure.subplots(1, 4, sharey=True, width_ratios=(0.75, 2.1, 2.1, 0.75))
        most = min(3.0, float(sde.times[0]))
        roots = np.linspace(0, np.sqrt(most), _COLUMNS)
        x, cell = model.domain.axes[0], model.domain.cell_volume
        bright = np.sqrt(model.forward(roots**2) / cell).T
        top = float(np.quantile(bright, 0.998))
        for axes, gain in ((forward, 1.0), (back, 1.8)):  # darker under the paths
            levels = np.linspace(0, max(gain * top, float(bright.max())), _LEVELS)
            axes.contourf(roots, x, bright, levels=levels, cmap="magma", vmin=0, vmax=gain * top)
            ticks = [t for t in (0.0, 0.05, 0.2, 0.5, 1.0, 2.0, 3.0) if t <= most]
            axes.set_xticks(np.sqrt(ticks), [f"{t:g}" for t in ticks])
        back.invert_xaxis()
        _lines(back, sde, most, "white", 0.55)
        if ode is not None:
            _lines(back, ode, most, SKY, 0.9)
        _profile(left, model, model.data if not callable(model.data) else None, BLUE)
        _profile(right, model, sde.points[-1], ORANGE)
        left.invert_xaxis()
        low, high = np.quantile(sde.points, (0.0005, 0.9995))
        left.set_ylim(low - 0.3, high + 0.3)
        left.set(xlabel="density", ylabel=label)
        forward.set(xlabel="time $t$")
        back.set(xlabel="time $t$, backward")
        right.set(xlabel="density")
        titles = ("Data", "to noise: $p_t = \\psi_0\\phi_t$", "and back: paths", "Generated")
        for axes, words in zip((left, forward, back, right), titles):
            axes.set_title(words, loc="left", fontweight="bold")
            tidy(axes)
        if ode is not None:
            _legend(back)
    return figure


def _lines(axes: Axes, paths: Paths, most: float, color: str, alpha: float) -> None:
    shown = paths.times <= most
    chosen = np.linspace(0, paths.points.shape[1] - 1, min(_LINES, paths.points.shape[1])).astype(int)
    width = 0.55 if paths.kind == "sde" else 0.9
    axes.plot(np.sqrt(paths.times[shown]), paths.points[shown][:, chosen, 0], color=color, alpha=alpha, linewidth=width)


def _legend(axes: Axes) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color="white", linewidth=1), Line2D([], [], color=SKY, linewidth=1)]
    legend = axes.legend(lines, ["stochastic", "deterministic"], loc="upper left", labelcolor="white")
    legend.set_zorder(5)


def _profile(axes: Axes, model: Diffusion, points: np.ndarray | None, color: str) -> None:
    """The density at time 0 as a line, points as a histogram beside it."""
    x, p = model.domain.axes[0], model.forward(0.0) / model.domain.cell_volume
    if points is not None:
        bins = min(60, max(12, round(2 * len(points) ** 0.4)))
        inside = (float(x[p > 1e-3 * p.max()].min()) - 0.2, float(x[p > 1e-3 * p.max()].max()) + 0.2)
        axes.hist(
            points[:, 0], bins=bins, range=inside, density=True, orientation="horizontal", color=color, alpha=0.35
        )
    axes.plot(p, x, color=color, linewidth=1.4)


def plot_generated(
    model: Diffusion,
    samples: np.ndarray,
    held_out: np.ndarray,
    by_class: Mapping[str, np.ndarray] | None = None,
    labels: Sequence[str] = ("x", "y"),
    scale: Scale | None = None,
) -> Figure:
    """Above, the density on its way to noise; below, the rows, generated data with held-out rows, and classes (two dimensions).

    Args:
        model: on a grid with two axes, from rows.
        samples: generated, shape ``(n, 2)``.
        held_out: rows that the model has not seen (without any, their panel is left out).
        by_class: generated under the condition of each class; held-out rows are then left out of that panel.
        labels: of the axes.
        scale: the :class:`Scale` that leads back to the units of the labels, for samples and rows; None: units of the box.

    Raises:
        MethodError: the grid has not two axes.
    """
    require(model.domain.ndim == 2, "model", "have two axes", model.domain.shape, MethodError)
    back = (lambda z: z) if scale is None else scale.from_box
    every = np.concatenate([samples, held_out.reshape(-1, 2)])
    low, high = every.min(axis=0) - 0.35, every.max(axis=0) + 0.35
    with new_figure(9.6, 5.2) as figure:
        above, below = figure.subplots(2, 4)
        for axes, t in zip(above, (0.0, 0.1, 0.4, 1.5)):
            density = model.forward(t).T / model.domain.cell_volume
            axes.contourf(*model.domain.axes, np.sqrt(density), levels=_LEVELS // 2, cmap="magma", vmin=0)
            axes.set_title(f"$t = {t:g}$", loc="left", fontweight="bold")
            axes.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), xticks=[-2, 0, 2], yticks=[-2, 0, 2])
            tidy(axes)
        above[0].set_ylabel("standardised")
        ends = back(np.array([low, high]))
        _scatter(below[0], back(model.data), MUTED, "Training rows")
        _scatter(below[1], back(samples[:400]), BLUE, "Generated")
        if len(held_out):
            _scatter(below[2], back(samples[: len(held_out)]), BLUE, "As many, and held-out rows")
            _scatter(below[2], back(held_out), ORANGE, None, "x")
        below[2].set_visible(bool(len(held_out)))
        for k, (name, points) in enumerate((by_class or {}).items()):
            _scatter(below[3], back(points), _CLASSES[k % 4], "Given the class" if k == 0 else None, label=name)
        if by_class:
            below[3].legend(loc="best", markerscale=1.4, handletextpad=0.1, borderpad=0.1)
        else:
            below[3].set_visible(False)
        for axes in below:
            axes.set(xlim=sorted(ends[:, 0]), ylim=sorted(ends[:, 1]), xlabel=labels[0])
            tidy(axes)
        below[0].set_ylabel(labels[1])
    return figure


def _scatter(
    axes: Axes, points: np.ndarray, color: str, title: str | None, marker: str = "o", label: str | None = None
) -> None:
    size, edge = (9, "none") if marker == "o" else (16, color)
    extra = {"edgecolors": edge} if marker == "o" else {"linewidths": 0.9}
    axes.scatter(points[:, 0], points[:, 1], s=size, color=color, marker=marker, alpha=0.75, label=label, **extra)
    if title is not None:
        axes.set_title(title, loc="left", fontweight="bold", color=INK)
