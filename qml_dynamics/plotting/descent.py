"""The pictures of a descent, the wave on the loss beside the optimisers, and of its studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, require
from ..methods.base import facts_of
from ..model.domains import Grid
from ..model.problem import loss_table
from .style import BLUE, DENSITY, GREEN, INK, MUTED, ORANGE, PURPLE, SKY, at_time, loss_levels, new_figure, plane, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..learning.descent import Descent, Learned, RivalRow, Row, Study
    from ..learning.descent.fixed import Fixed

__all__ = ["plot_descent", "plot_functions", "plot_schedules", "plot_study"]

FLOOR = 1e-16  # gaps below it are drawn there


def plot_descent(found: Descent) -> Figure:
    """The wave over two weights at four saved times on contours of the loss, and how far each answer is above the minimum.

    Args:
        found: of two weights; run with ``save=4`` or more for more frames than start and end, and with ``compare`` for the rivals.

    Raises:
        MethodError: another number of weights.
    """
    run = found.trajectory
    grid = run.problem.domain
    require(isinstance(grid, Grid) and grid.ndim == 2, "found", "be of two weights", grid, MethodError)
    assert isinstance(grid, Grid)
    assert run.problem.objective is not None
    zeta = loss_table(run.problem)
    frames = np.unique(np.linspace(0, len(run.times) - 1, min(4, len(run.times))).astype(int))
    with new_figure(3.0 * len(frames) + 4.2, 3.7) as figure:
        every = figure.subplots(1, len(frames) + 1, width_ratios=[1.0] * len(frames) + [1.25])
        for axes, frame in zip(every, frames):
            _frame(axes, found, zeta, int(frame))
        _gaps(every[-1], found)
        name = run.problem.objective.name.replace("_", " ")
        figure.suptitle(f"Descent on {name}", x=0.01, ha="left", fontweight="bold", fontsize=11)
        figure.supxlabel(_caption(found), x=0.01, ha="left", fontsize=8, color=MUTED)
    return figure


def _caption(found: Descent) -> str:
    run = found.trajectory
    where = run.provenance.get("backend") or "classical simulation"
    facts = facts_of(run.method)
    steps = "?" if facts is None or facts.steps is None else facts.steps
    how = f"{run.shots:,} shots" if run.shots else f"exact density, {found.samples:,} samples"
    return (
        f"{type(run.method).__name__} of {steps} steps, {where}, {run.problem.domain.num_qubits} qubits, "
        f"{how}. Colours: square root of the density; lines: the loss. Ring: the best sample. Cross: the known minimiser."
    )


def _frame(axes: Axes, found: Descent, zeta: np.ndarray, frame: int) -> None:
    run, box = found.trajectory, found.box
    grid: Any = run.problem.domain
    x, y, loss = plane(grid, zeta)
    _, _, density = plane(grid, run.density[frame])
    if box is not None:
        (a, b), (la, lb) = box.low, box.lengths
        x, y = a + la * x, b + lb * y
    top = float(np.quantile(density[density > 0], 0.999))
    axes.pcolormesh(x, y, np.sqrt(density.T / top).clip(0, 1), cmap=DENSITY, shading="nearest", vmin=0, vmax=1)
    axes.contour(x, y, loss.T, levels=loss_levels(loss, 7)[1:-1], colors="white", linewidths=0.5, alpha=0.5)
    if frame == len(run.times) - 1:
        axes.plot(*found.sample, "o", color=SKY, markersize=11, fillstyle="none", markeredgewidth=1.6)
        known = None if run.problem.objective is None else run.problem.objective.minimizer
        if known is not None:
            place = known if box is None else box.weights(np.array(known))
            axes.plot(*place, "+", color="white", markersize=8, markeredgewidth=1.3)
    axes.set_title(at_time(run, frame), loc="left")
    axes.set(xlabel="weight $w_0$", box_aspect=1)
    if frame == 0:
        axes.set_ylabel("weight $w_1$")
    tidy(axes)


def _gaps(axes: Axes, found: Descent) -> None:
    """Loss above the minimum (where that is unknown: above the best answer of all) as bars on a logarithmic scale."""
    rows = [
        ("best sample", found.sample_loss, PURPLE),
        (f"best of {found.samples:,} uniform", found.uniform_loss, MUTED),
    ]
    if found.polished:
        rows.insert(1, ("samples + L-BFGS-B", found.polished[0].loss, PURPLE))
    rows += [(WORDS.get(r.name, r.name), r.loss, BLUE) for r in found.rivals]
    known = None if found.gap is None else found.loss - found.gap
    least = known if known is not None else min(loss for _, loss, _ in rows)
    gaps = [max(loss - least, FLOOR) for _, loss, _ in rows]
    height = np.arange(len(rows))[::-1]
    for place, gap, (*_, color) in zip(height, np.log10(gaps), rows):
        axes.plot([np.log10(FLOOR), gap], [place, place], color=color, linewidth=2.4)
        axes.plot([gap], [place], "o", color=color, markersize=7)
    axes.set_yticks(height, labels=[label for label, *_ in rows])
    axes.set_xticks([-16, -12, -8, -4, 0], labels=["$\\leq 10^{-16}$", "$10^{-12}$", "$10^{-8}$", "$10^{-4}$", "1"])
    axes.set_xlim(-16.6, max(1.0, float(np.log10(max(gaps))) + 0.4))
    axes.set_xlabel("loss above the minimum" if known is not None else "loss above the best answer")
    axes.set_title(f"at most {found.evaluations.total:,} evaluations each", loc="left")
    tidy(axes, "x")


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
    learned: Mapping[str, Learned],
    fixed: Mapping[str, Fixed] | None = None,
    chances: Mapping[str, Mapping[str, float]] | None = None,
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


def _bars(axes: Axes, chances: Mapping[str, Mapping[str, float]]) -> None:
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
