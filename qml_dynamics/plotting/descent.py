"""The picture of a descent: the wave on the loss beside the optimisers; and those of its studies, from `descent_studies`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, require
from ..methods.base import facts_of
from ..model.domains import Grid
from .descent_studies import WORDS, plot_functions, plot_schedules, plot_study
from .style import BLUE, DENSITY, MUTED, PURPLE, SKY, at_time, loss_levels, new_figure, plane, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..learning.descent import Descent

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
    zeta = run.problem.objective.on(grid)
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


def _frame(axes: Any, found: Descent, zeta: np.ndarray, frame: int) -> None:
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


def _gaps(axes: Any, found: Descent) -> None:
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
