"""The picture of iterative learning: gradient descent and Newton's method as limits of the equation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, require
from ..model.domains import Grid
from .style import BLUE, GREEN, INK, LANDSCAPE, MUTED, ORANGE, PURPLE, loss_levels, new_figure, tidy, weight_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..learning.iterative import IterativeLearning


def plot_iterative(paths: IterativeLearning) -> Figure:
    """Paths over the landscape (two weights) and the loss above its least value over the restarts.

    Args:
        paths: from :func:`qml_dynamics.iterative_learning`, over two weights.

    Raises:
        MethodError: the problem has another number of weights, or matplotlib is not installed.
    """
    require(paths.problem.domain.ndim == 2, "paths", "be over two weights", paths.problem.domain.ndim, MethodError)
    with new_figure(9.0, 3.9) as figure:
        left, right = figure.subplots(1, 2)
        _landscape(left, paths)
        _losses(right, paths)
    return figure


def _runs(paths: IterativeLearning) -> list[tuple[str, str, dict[str, Any]]]:
    rate, tau = paths.learning_rate, paths.tau
    plain: dict[str, Any] = {"linewidth": 4.5, "alpha": 0.35, "solid_capstyle": "round"}
    dots: dict[str, Any] = {"linewidth": 0.8, "markersize": 4}
    return [
        ("gradient_descent", rf"gradient descent, rate {rate:.3g}", {"color": BLUE, **plain}),
        ("order1", rf"order 1, $\tau$ = {tau:g}", {"color": BLUE, "marker": "o", **dots}),
        ("equation", rf"the equation itself, $\tau$ = {tau:g}", {"color": GREEN, "marker": "^", **dots}),
        ("order2", rf"order 2, $\tau$ = {tau:g}", {"color": PURPLE, "marker": "D", **dots}),
        ("newton", "Newton", {"color": ORANGE, **plain}),
        ("order2_long", rf"order 2, $\tau$ = {paths.long:g}", {"color": ORANGE, "marker": "s", **dots}),
    ]


def _landscape(axes: Any, paths: IterativeLearning) -> None:
    every = np.concatenate([getattr(paths, name) for name, _, _ in _runs(paths)])
    low, high = every.min(axis=0), every.max(axis=0)
    middle, half = 0.5 * (low + high), 0.65 * float((high - low).max())
    grid = Grid([(float(m - half), float(m + half)) for m in middle], 7)
    loss = paths.problem.objective
    assert loss is not None
    zeta = loss.on(grid)
    levels = loss_levels(zeta, 10)
    axes.contourf(*grid.axes, zeta.T, levels=levels, cmap=LANDSCAPE, alpha=0.25)
    axes.contour(*grid.axes, zeta.T, levels=levels, colors=MUTED, linewidths=0.5)
    for name, _, style in _runs(paths):
        axes.plot(*getattr(paths, name).T, **style)
    axes.plot(*paths.order1[0], "x", color=INK, markersize=8, markeredgewidth=2)
    axes.set(xlabel=weight_label(0), ylabel=weight_label(1), aspect="equal")
    axes.set_title("Restarts over the loss", loc="left", fontweight="bold")
    tidy(axes)


def _losses(axes: Any, paths: IterativeLearning) -> None:
    least = min(float(paths.losses(name).min()) for name, _, _ in _runs(paths))
    floor = 1e-7 * float(paths.losses("order1")[0] - least)
    for name, words, style in _runs(paths):
        gap = paths.losses(name) - least
        axes.plot(np.where(gap > floor, gap, np.nan), label=words, **style)
    axes.set_yscale("log")
    axes.set(xlabel="restart, or step", ylabel="loss above the least")
    axes.set_title("Two limits of one equation", loc="left", fontweight="bold")
    axes.legend(loc="lower right")
    tidy(axes, "y")
