"""Pictures of laws beside their samples: Boltzmann machines, Gibbs laws, momenta of mini-batches, limits of iterative learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..base.errors import MethodError, require
from ..learning.boltzmann import law_of
from ..model.domains import Grid
from ..results.trajectory import Trajectory
from .style import BLUE, GREEN, INK, LANDSCAPE, MUTED, ORANGE, PURPLE, loss_levels, new_figure, tidy, weight_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..learning.boltzmann import BoltzmannFit
    from ..learning.gibbs import GibbsResult
    from ..learning.iterative import IterativeLearning
    from ..learning.minibatch.study import BatchStudy


def plot_boltzmann(data: ArrayLike, fits: Mapping[str, BoltzmannFit]) -> Figure:
    """Laws over bits as bars and dots; and the Kullback-Leibler distance over the steps of the training.

    Args:
        data: rows of bits or a law, as for :func:`qml_dynamics.boltzmann.fit`.
        fits: name to trained machine, up to four, all of the same visible bits.

    Raises:
        MethodError: no fits, more than four, or matplotlib is not installed.
    """
    require(1 <= len(fits) <= 4, "fits", "be one to four trained machines", len(fits), MethodError)
    visible = next(iter(fits.values())).machine.visible
    law = law_of(data, visible)
    with new_figure(9.6, 3.9) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
        words = [f"{v:0{visible}b}" for v in range(len(law))]
        left.bar(range(len(law)), law, color=MUTED, alpha=0.45, label="data")
        spread = np.linspace(-0.25, 0.25, len(fits)) if len(fits) > 1 else [0.0]
        for (name, learnt), color, marker, shift in zip(fits.items(), (BLUE, ORANGE, GREEN, PURPLE), "osD^", spread):
            left.plot(np.arange(len(law)) + shift, learnt.law, marker, color=color, markersize=4, label=name)
            right.plot(
                learnt.kl,
                color=color,
                marker=marker,
                markersize=4,
                markevery=max(1, len(learnt.kl) // 12),
                linewidth=1.4,
                label=f"{name}: {learnt.kl[-1]:.4f}",
            )
        left.set_xticks(range(len(law)), words, rotation=90, family="monospace")
        left.set(xlabel="visible bits", ylabel="probability")
        left.set_title("Laws", loc="left", fontweight="bold")
        left.set_ylim(0, 1.4 * float(law.max()))
        left.legend(loc="upper right", ncols=2)
        right.set_yscale("log")
        right.set(xlabel="step of the training", ylabel="distance to the data (nats)")
        right.set_title("Learning", loc="left", fontweight="bold", color=INK)
        right.legend()
        for axes in (left, right):
            tidy(axes, "y")
    return figure


_BARS = 64


def plot_gibbs(result: GibbsResult, exact: ArrayLike | None = None, labels: Sequence[str] | None = None) -> Figure:
    """The law of a result over its labels (or weights, in C order), up to 64 as bars, more as a line.

    Args:
        result: from :mod:`qml_dynamics.gibbs`.
        exact: a law of the same shape, drawn as dots.
        labels: words below the bars.

    Raises:
        MethodError: ``exact`` or ``labels`` do not fit, or matplotlib is not installed.
    """
    law = result.probabilities.reshape(-1)
    place = np.arange(law.size)
    names = [str(i) for i in place] if labels is None else list(labels)
    require(len(names) == law.size, "labels", f"be {law.size} words", len(names), MethodError)
    with new_figure(max(4.6, min(9.0, 2.2 + 0.22 * law.size)), 3.6) as figure:
        axes = figure.subplots()
        shots = None if result.kept is None else f"{result.kept:,} of {result.shots:,} samples kept"
        if law.size <= _BARS:
            axes.bar(place, law, color=BLUE, alpha=0.75, width=0.7, label=shots or "exact circuit")
            if shots:
                axes.errorbar(
                    place, law, yerr=result.stderr.reshape(-1), fmt="none", ecolor=INK, capsize=2, linewidth=1
                )
            if law.size <= 32:
                axes.set_xticks(place, names, rotation=90 if max(map(len, names)) > 3 else 0)
        else:
            axes.plot(place, law, color=BLUE, linewidth=1.2, label=shots or "exact circuit")
        if exact is not None:
            dots = np.asarray(exact, dtype=float).reshape(-1)
            require(dots.size == law.size, "exact", f"have {law.size} probabilities", dots.size, MethodError)
            axes.plot(place, dots, "o", color=ORANGE, markersize=4 if law.size <= _BARS else 1.5, label="exact law")
        axes.set(xlabel="label", ylabel="probability")
        axes.set_title(
            rf"Gibbs law at $\beta$ = {result.beta:g}, {result.reading} reading", loc="left", fontweight="bold"
        )
        axes.legend()
        figure.supxlabel(
            rf"log Z = {result.log_partition:.6g}, success probability {result.success_probability:.4g}",
            x=0.01, ha="left", fontsize=8, color=MUTED,
        )  # fmt: skip
        tidy(axes, "y")
    return figure


def plot_minibatch(study: BatchStudy, run: Trajectory | None = None, predicted: ArrayLike | None = None) -> Figure:
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


def _momenta(axes: Axes, run: Trajectory, predicted: ArrayLike | None) -> None:
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


def _losses(axes: Axes, study: BatchStudy) -> None:
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
        _loss_paths(right, paths)
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


def _landscape(axes: Axes, paths: IterativeLearning) -> None:
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


def _loss_paths(axes: Axes, paths: IterativeLearning) -> None:
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
