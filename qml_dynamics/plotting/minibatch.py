"""The picture of mini-batch learning: momenta that diffuse, and what a small batch costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, require
from ..results.trajectory import Trajectory
from .style import BLUE, GREEN, INK, MUTED, ORANGE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..learning.minibatch.study import BatchStudy


def plot_minibatch(study: BatchStudy, run: Trajectory | None = None, predicted: Any = None) -> Figure:
    """Final loss over the noise of the batches, drawn and predicted; and beside it the mean squared momentum over time.

    Args:
        study: from :func:`qml_dynamics.batch_study`.
        run: a mini-batch run with saved times, for the left panel (None: without it).
        predicted: its mean squared momenta in closed form, one a saved time.

    Raises:
        MethodError: matplotlib is not installed, or ``predicted`` does not fit the run.
    """
    with new_figure(9.2 if run is not None else 4.8, 3.7) as figure:
        panels = figure.subplots(1, 2 if run is not None else 1, squeeze=False)[0]
        if run is not None:
            _momenta(panels[0], run, predicted)
        _losses(panels[-1], study)
    return figure


def _momenta(axes: Any, run: Trajectory, predicted: Any) -> None:
    kinetic = run.expectations["kinetic"]
    line = np.asarray(predicted, dtype=float)
    require(line.shape == run.times.shape, "predicted", "have one value a saved time", line.shape, MethodError)
    axes.plot(run.times, line, color=BLUE, linewidth=1.8, label=r"closed form, with $v\,\mathrm{Var}(g)\,t$")
    axes.errorbar(
        run.times, kinetic.value, yerr=kinetic.stderr, fmt="o", color=ORANGE, ecolor=MUTED, markersize=4, capsize=2,
        label=f"{run.diagnostics['circuits']} draws of circuits",
    )  # fmt: skip
    axes.set(xlabel="time $t$", ylabel=r"mean squared momentum $\langle k^2 \rangle$")
    axes.set_title("Mini-batches make momenta diffuse", loc="left", fontweight="bold")
    axes.legend(loc="upper left")
    tidy(axes, "y")


def _losses(axes: Any, study: BatchStudy) -> None:
    order = np.argsort(study.noise)
    noise = study.noise[order]
    axes.plot(noise, study.predicted[order], color=BLUE, linewidth=1.8, label="dephasing limit, no sampling")
    axes.errorbar(
        noise, study.drawn.value[order], yerr=study.drawn.stderr[order], fmt="o", color=ORANGE, ecolor=MUTED,
        markersize=4, capsize=2, label="drawn batches",
    )  # fmt: skip
    axes.axhline(study.full, color=GREEN, linestyle="--", linewidth=1.2, label="all rows in every step")
    lowest = float(np.min(study.drawn.value - study.drawn.stderr))
    for v, loss, size in zip(noise, study.predicted[order], study.sizes[order]):
        if size <= 8:
            axes.annotate(f"{size}", (v, loss), textcoords="offset points", xytext=(-9, 5), color=INK, fontsize=8)
    axes.set(xlabel=r"noise of the batches $v$ (labels: rows in a batch)", ylabel="mean final loss")
    axes.set_ylim(bottom=min(lowest, study.full) - 0.15 * (float(study.predicted.max()) - study.full))
    axes.set_title("What a small batch costs", loc="left", fontweight="bold")
    axes.legend(loc="upper left")
    tidy(axes, "y")
