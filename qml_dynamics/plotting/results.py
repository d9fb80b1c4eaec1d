"""The pictures that results draw of themselves: of a trained circuit, a grown network and a descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..base.arguments import checks_arguments
from ..learning.descent.result import Descent
from ..learning.growth.training import Trained
from ..learning.training.result import TrainResult
from ..model.domains import Grid
from . import plot_summary
from .descent import plot_descent
from .network_growth import plot_network_growth
from .style import BLUE, MUTED, ORANGE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS = 40  # steps up to which each is marked


@checks_arguments
def plot_training(result: TrainResult) -> Figure:
    """Loss against the steps, and beside it the accuracy where the labels were classes, else the loss against the circuits sent.

    Args:
        result: from :func:`qml_dynamics.train`.

    Raises:
        MethodError: it is something else, or matplotlib is missing.
    """
    steps = np.arange(len(result.loss))
    mark = "o-" if len(steps) <= _DOTS else "-"
    with new_figure(8.0, 3.2) as figure:
        loss, beside = figure.subplots(1, 2)
        loss.plot(steps, result.loss, mark, color=BLUE, markersize=3, linewidth=1.6)
        loss.set(xlabel="step", ylabel="loss")
        loss.set_title("Loss before each step and at the end", loc="left")
        if result.accuracy is None:
            beside.plot(result.evaluations, result.loss, mark, color=ORANGE, markersize=3, linewidth=1.6)
            beside.set(xlabel="circuits", ylabel="loss")
            beside.set_title("Loss by circuits", loc="left")
        else:
            beside.plot(steps, result.accuracy, mark, color=ORANGE, markersize=3, linewidth=1.6)
            beside.set(xlabel="step", ylabel="accuracy", ylim=(-0.02, 1.02))
            beside.set_title("Share of rows that are right", loc="left")
        for axes in (loss, beside):
            tidy(axes, "y")
        figure.suptitle(
            f"Training by {result.optimizer}: {len(steps) - 1} steps, {int(result.evaluations[-1]):,} circuits",
            x=0.01,
            ha="left",
            fontweight="bold",
            fontsize=11,
        )
        figure.supxlabel(result.stop, x=0.01, ha="left", fontsize=8, color=MUTED)
    return figure


@checks_arguments
def plot_found(found: Descent) -> Figure:
    """The picture of a descent: of two weights :func:`~qml_dynamics.plotting.descent.plot_descent`, else the summary of its run, in
    which the best weights are marked.

    Raises:
        MethodError: it is something else, or matplotlib is missing.
    """
    grid = found.problem.domain
    if isinstance(grid, Grid) and grid.ndim == 2:
        return plot_descent(found)
    weights = np.array(found.weights)
    best = weights if found.box is None else found.box.unit(weights)
    return plot_summary(found.trajectory, marks={"polished": best.tolist()})


@checks_arguments
def plot_trained(trained: Trained) -> Figure:
    """The picture of a grown network: :func:`~qml_dynamics.plotting.network_growth.plot_network_growth` of its recording.

    Raises:
        MethodError: it is something else, it has a single step, or matplotlib is missing.
    """
    sizes = " -> ".join(map(str, trained.network.sizes))
    return plot_network_growth(trained.recording, title=f"A network of sizes {sizes}", caption=trained.stop)
