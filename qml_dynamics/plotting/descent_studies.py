"""Pictures of studies of descent: the table of test functions, learned schedules beside fixed ones, noisy data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, require
from .style import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, SKY, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..learning.descent import Learned, RivalRow, Row, Study
    from ..learning.descent.fixed import Fixed

WORDS = {
    "differential_evolution": "differential evolution",
    "dual_annealing": "dual annealing",
    "grid_lbfgsb": "grid + L-BFGS-B",
    "uniform": "uniform points",
    "restarts_lbfgsb": "L-BFGS-B, restarts",
}


def plot_functions(
    rows: Sequence[Row], shifted: Sequence[Row] | None = None, rivals: Sequence[RivalRow] | None = None
) -> Figure:
    """The chance of one sample on each test function: published, ours, on shifted boxes; and of classical optimisers.

    Args:
        rows: from :func:`qml_dynamics.descent.functions_table`.
        shifted: the same with a shift, in any order.
        rivals: from :func:`qml_dynamics.descent.rivals_table`.

    Raises:
        MethodError: there are no rows.
    """
    require(len(rows) > 0, "rows", "be one or more", "none", MethodError)
    order = sorted(rows, key=lambda row: row.published)
    height = {row.name: k for k, row in enumerate(order)}
    with new_figure(8.6, 1.5 + 0.24 * len(order)) as figure:
        axes = figure.subplots()
        for row in order:
            axes.plot([row.published, row.success], [height[row.name]] * 2, color=MUTED, linewidth=1.2, zorder=1)
        for what, color, label, above in (
            ("published", MUTED, "published, 16 qubits", 2),
            ("success", PURPLE, "one sample, 12 qubits", 4),
        ):
            chances = [getattr(row, what) for row in order]
            axes.scatter(chances, range(len(order)), color=color, s=26, label=label, zorder=above)
        if shifted:
            axes.scatter(
                [row.success for row in shifted],
                [height[row.name] for row in shifted],
                facecolors="none",
                edgecolors=ORANGE,
                s=52,
                linewidths=1.3,
                label="the same, minimum off the grid",
                zorder=3,
            )
        for (rival, marker), color, lift in zip(_MARKS.items(), (BLUE, GREEN, SKY), (-0.24, 0.0, 0.24)):
            found = [r for r in rivals or () if r.rival == rival]
            axes.scatter(
                [r.success for r in found],
                [height[r.name] + lift for r in found],
                marker=marker,
                color=color,
                s=16,
                alpha=0.9,
                zorder=1.5,
                label=f"{WORDS[rival]}, one run" if found else None,
            )
        axes.axvline(np.pi / 100, color=INK, linewidth=0.8, linestyle=":")
        axes.text(np.pi / 100 + 0.006, len(order) - 0.4, "one uniform point", fontsize=7.5, color=INK, va="bottom")
        axes.set_yticks(range(len(order)), labels=[row.name.replace("_", " ") for row in order])
        axes.set(xlim=(-0.02, 1.03), xlabel="probability of an answer within 0.1 (unit box) of the minimiser")
        axes.set_title("Test functions", loc="left", fontweight="bold")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        tidy(axes, "x")
    return figure


_MARKS = {"differential_evolution": "D", "dual_annealing": "s", "grid_lbfgsb": "^"}


def plot_schedules(
    learned: Mapping[str, Learned], fixed: Mapping[str, Fixed] | None = None, chances: Any = None
) -> Figure:
    """Learned schedules over their duration, a fixed one beside them, and mean chances as bars.

    Args:
        learned: label -> schedule.
        fixed: label -> a fixed pair on the same clock and for losses of unit spread, drawn dashed.
        chances: label of a group -> {label of a schedule: mean chance}, drawn as bars; or None.

    Raises:
        MethodError: there is no schedule.
    """
    require(len(learned) > 0, "learned", "hold one or more schedules", "none", MethodError)
    u = np.linspace(0, 1, 201)[1:]
    with new_figure(10.6 if chances else 7.2, 3.2) as figure:
        every = figure.subplots(1, 3 if chances else 2, width_ratios=(1, 1, 1.35) if chances else None)
        for axes, what, label in ((every[0], "diffusion", "diffusion D"), (every[1], "strength", "strength s")):
            for (name, pair), color in zip(learned.items(), (PURPLE, BLUE, GREEN, ORANGE)):
                schedule = getattr(pair, what)
                axes.plot(u, [schedule.value(t, 1.0) for t in u], color=color, label=name)
                knots = np.linspace(0, 1, len(schedule.values))
                axes.plot(knots, schedule.values, "o", color=color, markersize=4)
            for name, other in (fixed or {}).items():
                values = [getattr(other, what).value(t, 1.0) for t in u]
                axes.plot(u, values, color=MUTED, linestyle="--", label=name)
            axes.set(yscale="log", xlabel="share of the steps", ylabel=label)
            low, high = axes.get_ylim()
            axes.set_ylim(max(low, 1e-4), min(high, 1e4))
            tidy(axes, "y")
        every[0].legend(loc="lower left")
        every[0].set_title("Schedules for few steps", loc="left", fontweight="bold")
        if chances:
            _bars(every[2], chances)
    return figure


def _bars(axes: Any, chances: Mapping[str, Mapping[str, float]]) -> None:
    names = list(dict.fromkeys(name for group in chances.values() for name in group))
    width = 0.8 / len(names)
    for k, (name, color) in enumerate(zip(names, (MUTED, PURPLE, BLUE, GREEN))):
        place = np.arange(len(chances)) + (k - (len(names) - 1) / 2) * width
        values = [group.get(name, np.nan) for group in chances.values()]
        bars = axes.bar(place, values, width * 0.92, color=color, label=name)
        axes.bar_label(bars, fmt="%.2f", fontsize=7, padding=1)
    axes.axhline(np.pi / 100, color=INK, linewidth=0.8, linestyle=":", label="one uniform point")
    axes.set_xticks(range(len(chances)), labels=list(chances))
    axes.set(ylabel="mean chance of one sample")
    axes.set_title("On functions that were held out", loc="left")
    axes.margins(y=0.25)
    axes.legend(ncols=2)
    tidy(axes, "y")


def plot_study(study: Study, title: str = "Noisy mini-batches") -> Figure:
    """Held-out loss and accuracy of every method, mean over the splits with 95 % bootstrap intervals."""
    with new_figure(8.6, 1.3 + 0.34 * len(study.names)) as figure:
        every = figure.subplots(1, 2, sharey=True)
        height = np.arange(len(study.names))[::-1]
        for axes, what, label in ((every[0], "held_out", "held-out loss"), (every[1], "accuracy", "held-out accuracy")):
            for place, name in zip(height, study.names):
                mean, low, high = study.interval(what, name)
                color = (
                    PURPLE
                    if name.startswith("descent")
                    else MUTED
                    if name in ("grid mean", "full loss", "Gibbs vote")
                    else BLUE
                )
                axes.plot([low, high], [place, place], color=color, linewidth=2.2, solid_capstyle="round")
                axes.plot([mean], [place], "o", color=color, markersize=6)
            axes.set_xlabel(label)
            axes.set_yticks(height, labels=[_paid(study, i) for i in range(len(study.names))])
            tidy(axes, "x")
        every[0].set_title(f"{title}, {study.splits} splits", loc="left", fontweight="bold")
    return figure


def _paid(study: Study, i: int) -> str:
    rows = study.rows[i]
    return f"{study.names[i]} ({'all data' if np.isnan(rows) else f'{rows / 1000:,.1f}k rows'})"
