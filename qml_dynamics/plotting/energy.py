"""Expectations over time against a reference, and the bars of an error budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.estimate import Estimate
from ..model.domains import Grid
from ..results.trajectory import Trajectory
from .style import BLUE, GREEN, INK, MUTED, ORANGE, method_name, tidy, time_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase


EXPECTATIONS = {
    "energy": (BLUE, "energy $\\langle H \\rangle$"),
    "objective": (ORANGE, "objective $\\langle \\zeta \\rangle$"),
    "kinetic": (GREEN, "kinetic $\\langle {-}L \\rangle$"),
}


def draw_energy(
    host: FigureBase, run: Trajectory, reference: Trajectory | None, names: Sequence[str], column: bool
) -> None:
    """Draw the named expectations into a figure or a part of one, one panel each, in a column or a row."""
    shape = (len(names), 1) if column else (1, len(names))
    panels = host.subplots(*shape, sharex=True, squeeze=False)
    for axes, name in zip(panels.flat, names):
        color, label = EXPECTATIONS[name]
        label += f" ({_unit(run, name)})"
        if reference is not None and name in reference.expectations:
            line = np.asarray(reference.expectations[name])
            dots = "." if len(reference.times) <= 12 else None  # few saved times: the line between them is no data
            label_of_line = f"reference: {method_name(reference.method)}"
            axes.plot(reference.times, line, color=INK, linewidth=1.1, marker=dots, label=label_of_line, zorder=2)
        _draw_estimate(axes, run, name, color, joined=reference is None)
        axes.set_ylabel(label) if column else axes.set_title(label, loc="left")
        _energy_limits(axes)
        tidy(axes, "both")
    for axes in panels[-1]:
        axes.set_xlabel(time_label(run))
    host.legend(*panels.flat[0].get_legend_handles_labels(), loc="outside upper left", ncols=1 if column else 2)


def _unit(run: Trajectory, name: str) -> str:
    if name == "kinetic":
        return "1 / weight$^2$" if isinstance(run.problem.domain, Grid) else "graph Laplacian"
    return "units of the loss" if run.problem.operator is None else "units of the operator"


def _energy_limits(axes: Axes) -> None:
    """At least 2 % of the size of the values: a conserved energy looks conserved, not like its round-off."""
    axes.margins(x=0.02, y=0.08)
    low, high = axes.get_ylim()
    least = 0.02 * max(abs(low), abs(high))
    if high - low < least:
        axes.set_ylim(0.5 * (low + high - least), 0.5 * (low + high + least))
    axes.ticklabel_format(axis="y", useOffset=False)


def _draw_estimate(axes: Axes, run: Trajectory, name: str, color: str, joined: bool) -> None:
    value = np.asarray(run.expectations[name].value, dtype=float)
    stderr = np.broadcast_to(np.asarray(run.expectations[name].stderr, dtype=float), value.shape)
    stderr = np.where(np.isfinite(stderr), stderr, 0.0)  # a single shot has no error bar
    sampled, many = bool(stderr.any()), len(value) > 30
    look: dict[str, Any] = {"marker": "o", "markersize": 0 if many else 3.5, "linewidth": 1.2, "capsize": 2}
    look["linestyle"] = "-" if many or (joined and not sampled) else "none"
    label = method_name(run.method) + (", one standard error" if sampled else "")
    axes.errorbar(run.times, value, yerr=stderr if sampled else None, color=color, label=label, **look)


def draw_budget(host: FigureBase, rows: Sequence[tuple[str, Estimate]], terms: int, floor: float) -> None:
    """Bars of named estimates: the first ``terms`` are parts, below a gap their sum and the total; ``floor``: noise of the shots."""
    axes = host.subplots()
    value = np.array([float(e.value) for _, e in rows])
    stderr = np.array([float(e.stderr) if np.isfinite(e.stderr) else 0.0 for _, e in rows])
    where = np.arange(len(rows)) + np.where(np.arange(len(rows)) < terms, 0.0, 0.4)  # a gap before sum and total
    positive = value[value > 0]
    logarithmic = bool(positive.size and (value >= 0).all() and positive.max() > 50 * positive.min())
    if logarithmic:
        axes.set_xscale("log")
        least = max(positive.min(), 1e-6 * positive.max())  # round-off does not stretch the axis
        axes.set_xlim(10.0 ** np.floor(np.log10(least) - 0.3), (value + stderr).max() * 12)
        axes.minorticks_off()  # no lines are drawn from them, and they are most of the marks of the picture
    else:
        axes.margins(x=0.22)
        axes.axvline(0, color=MUTED, linewidth=0.8)
    colors = [BLUE] * terms + [MUTED, ORANGE]
    axes.barh(where, value, 0.72, color=colors, alpha=0.85)
    shown = stderr > 0
    axes.errorbar(value[shown], where[shown], xerr=stderr[shown], fmt="none", ecolor=INK, capsize=2.5, linewidth=1.0)
    for y, v, s, (_, estimate) in zip(where, value, stderr, rows):
        end = max(v + s, axes.get_xlim()[0]) if logarithmic else max(v + s, 0.0)
        text = str(estimate).replace("+-", "±") if s else f"{v:.3g}"
        backing = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.annotate(text, (end, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8, bbox=backing)
    axes.set_yticks(where, [name.replace("_", " ") for name, _ in rows])
    axes.invert_yaxis()
    if floor > 0:
        axes.axvline(floor, color=INK, linewidth=1.0, linestyle="--", label="noise of the shots alone")
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0))
    axes.set_xlabel("total variation" + (" (logarithmic)" if logarithmic else ""))
    axes.spines["left"].set_visible(False)
    tidy(axes, "x")
    axes.tick_params(axis="y", length=0)
