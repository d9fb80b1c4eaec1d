"""Pictures of annealing and of chains of samples: gaps and crossings, the energies of strategies, samples beside their law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import MethodError, require
from ..learning.metts.chain import Chain
from ..learning.metts.statistics import autocorrelation
from ..model.domains import Hypercube
from ..model.problem import loss_table
from ..results.trajectory import Trajectory
from .style import (
    BLUE,
    GREEN,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PINK,
    PURPLE,
    SKY,
    coarse,
    loss_histogram,
    loss_quantiles,
    new_figure,
    tidy,
    weight_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = (ORANGE, BLUE, GREEN, PURPLE, PINK, SKY)
_LAGS, _TRACE = 60, 200
_STATES = 12
_FLOOR = 1e-6  # gaps below are drawn here: their dip is what matters


def plot_annealing(runs: Trajectory | Mapping[str, Trajectory]) -> Figure:
    """Where annealing runs end on the loss, the gap over the falling diffusion, and the energies over time.

    Of a path of operators: the basis states in which the runs end, the gap over the time of the path, and the energies.

    Args:
        runs: results of :func:`qml_dynamics.anneal`, one, or several of the same problem by name.

    Raises:
        MethodError: there is none, or one of them was not annealed.
    """
    named = {"": runs} if isinstance(runs, Trajectory) else dict(runs)
    require(len(named) > 0, "runs", "hold at least one run", named, MethodError)
    for name, run in named.items():
        annealed = isinstance(run, Trajectory) and "stage_time" in run.diagnostics
        require(annealed, "runs", "be results of anneal", name or type(run).__name__, MethodError)
    named = {name or str(run.diagnostics["chosen"]): run for name, run in named.items()}
    first = next(iter(named.values()))
    with new_figure(12.0, 3.9) as figure:
        landscape, gaps, energies = figure.subplots(1, 3)
        _draw_ends(landscape, named)
        _draw_gaps(gaps, named)
        _draw_energies(energies, named)
        objective = first.problem.objective
        what = "an operator" if objective is None else objective.name.replace("_", " ")
        stages, total = len(first.diagnostics[_along(first)]), first.problem.duration
        title = f"Annealing of {what}: {stages} stages, {first.problem.clock} time {total:g}, {first.reading} reading"
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
    return figure


def _along(run: Trajectory) -> str:
    """What the stages of a run are numbered by: the diffusion of a loss, the time of a path of operators."""
    return "diffusion" if run.problem.operator is None else "time"


def _draw_ends(axes: Axes, runs: Mapping[str, Trajectory]) -> None:
    """One weight: densities above the loss. More: the distribution of the loss at the end. Of operators the likeliest basis states."""
    first = next(iter(runs.values()))
    if first.problem.operator is not None:
        _draw_states(axes, {name: run.density[-1].reshape(-1) for name, run in runs.items()})
        return
    domain, zeta = first.problem.domain, loss_table(first.problem)
    if domain.ndim > 1 or isinstance(domain, Hypercube):
        _draw_loss_bars(axes, zeta, {name: run.density[-1] for name, run in runs.items()})
        return
    x = coarse(domain.axes[0])
    loss = coarse(zeta)
    axes.plot(x, loss, color=INK, linewidth=1.4, label="loss $\\zeta$")
    ends = np.mean([run.density[-1] for run in runs.values()], axis=0, keepdims=True)
    low = float(zeta.min())
    high = max(low + 3 * (float(loss_quantiles(zeta, ends, (0.999,))[0, 0]) - low), low + 1e-9)
    axes.set_ylim(low - 0.08 * (high - low), high + 0.9 * (high - low))
    twin = axes.twinx()
    top = 0.0
    for color, (name, run) in zip(COLORS, runs.items()):
        density = coarse(run.density[-1]) / domain.cell_volume
        top = max(top, float(density.max()))
        twin.fill_between(x, density, color=color, alpha=0.35, linewidth=0)
        twin.plot(x, density, color=color, linewidth=1.2, label=name)
    twin.set_ylim(0, 1.9 * top)
    twin.set_ylabel("probability density at the end")
    twin.spines["right"].set_visible(True)
    twin.spines["right"].set_color(GRID)
    axes.set(xlabel=weight_label(0), ylabel="loss $\\zeta$", xlim=(x[0], x[-1]))
    axes.set_title("Where the runs end", loc="left")
    handles = [h for a in (axes, twin) for h in a.get_legend_handles_labels()[0]]
    twin.legend(handles, [str(h.get_label()) for h in handles], loc="upper right")
    tidy(axes)
    tidy(twin)


def _draw_states(axes: Axes, laws: Mapping[str, np.ndarray]) -> None:
    """Probabilities of the basis states that are likeliest at the end, all runs together."""
    size = next(iter(laws.values())).size
    shown = np.argsort(-sum(laws.values()), kind="stable")[: min(_STATES, size)]
    width, at = 0.8 / len(laws), np.arange(len(shown))
    for k, (color, (name, law)) in enumerate(zip(COLORS, laws.items())):
        axes.barh(at + k * width, law[shown], width, color=color, label=name)
    axes.set_yticks(at + 0.4 - 0.5 * width, [f"{i:0{size.bit_length() - 1}b}" for i in shown.tolist()])
    axes.invert_yaxis()
    axes.set(xlabel="probability")
    axes.set_title("Basis states at the end", loc="left")
    axes.legend(loc="lower right")
    tidy(axes, "x")


def _draw_loss_bars(axes: Axes, zeta: np.ndarray, laws: Mapping[str, np.ndarray]) -> None:
    edges, uniform, _ = loss_histogram(zeta, zeta * 0 + 1 / zeta.size)
    axes.stairs(uniform, edges, color=MUTED, fill=True, alpha=0.35, label="uniform weights")
    for color, (name, law) in zip(COLORS, laws.items()):
        axes.stairs(loss_histogram(zeta, law)[2], edges, color=color, linewidth=1.6, label=name)
    axes.set(xlabel="loss $\\zeta$", ylabel="probability")
    axes.set_title("Loss at the end", loc="left")
    axes.legend()
    tidy(axes, "y")


def _draw_gaps(axes: Axes, runs: Mapping[str, Trajectory]) -> None:
    """The gap over the falling diffusion, or the time of a path, with its crossings; without gaps either of them over the stages."""
    along = _along(next(iter(runs.values())))
    letter, words = ("D", "diffusion D") if along == "diffusion" else ("t", "time of the path")
    falling = {n: r for n, r in runs.items() if np.ptp(r.diagnostics[along]) > 0}
    shown = next((r for r in falling.values() if "gap" in r.diagnostics), None)
    if shown is None:
        for color, (name, run) in zip(COLORS, runs.items()):
            stage = np.arange(1, len(run.diagnostics[along]) + 1)
            axes.plot(stage, run.diagnostics[along], "o-", color=color, markersize=3, label=name)
        axes.set(xlabel="stage", ylabel=words, yscale="log" if along == "diffusion" else "linear")
        axes.set_title(f"{along.capitalize()} of the stages", loc="left")
        axes.legend()
        tidy(axes, "both")
        return
    d, gap = np.asarray(shown.diagnostics[along]), np.asarray(shown.diagnostics["gap"])
    crossings = shown.diagnostics.get("crossings", [])
    at = np.concatenate([d, [c[along] for c in crossings]])
    height = np.maximum(np.concatenate([gap, [c["gap"] for c in crossings]]), _FLOOR)
    order = np.argsort(at)
    axes.plot(at[order], height[order], color=MUTED, linewidth=1.0)
    axes.plot(d, gap, "o", color=BLUE, markersize=4, label="gap of a stage")
    for c in crossings:
        least = f"{c['gap']:.1g}" if c["gap"] >= _FLOOR else f"below {_FLOOR:g}"
        axes.plot([c[along]], [max(c["gap"], _FLOOR)], "v", color=ORANGE, markersize=7, zorder=3)
        axes.annotate(
            f"crossing at {letter} = {c[along]:.3g}\ngap {least}",
            (c[along], max(c["gap"], _FLOOR)),
            xytext=(-10, 4),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=ORANGE,
        )
    axes.set(yscale="log", ylabel="gap $E_1 - E_0$")
    if along == "diffusion":
        axes.set(xscale="log", xlabel=f"{words}, falling", xlim=(1.3 * d.max(), d[d > 0].min() / 1.3))
    else:
        axes.set(xlabel=words)
    axes.set_title("Gap on the way", loc="left")
    axes.legend(loc="lower left")
    tidy(axes, "both")


def _draw_energies(axes: Axes, runs: Mapping[str, Trajectory]) -> None:
    """Energy above the lowest final ground energy, where that is known."""
    grounds = [float(r.diagnostics["ground_energy"][-1]) for r in runs.values() if "ground_energy" in r.diagnostics]
    base = min(grounds, default=0.0)
    for color, (name, run) in zip(COLORS, runs.items()):
        energy = run.expectations["energy"]
        height, error = np.asarray(energy.value)[1:] - base, np.broadcast_to(energy.stderr, energy.shape)[1:]
        if error.any():
            axes.errorbar(run.times[1:], height, yerr=error, fmt="o-", markersize=3, color=color, label=name)
        else:
            axes.plot(run.times[1:], height, "o-", markersize=3, linewidth=1.2, color=color, label=name)
    if grounds:
        axes.set_yscale("log")
    axes.set(xlabel="time", ylabel="energy above the last ground state" if grounds else "energy")
    axes.set_title("Energy at the end of each stage", loc="left")
    axes.legend()
    tidy(axes, "both")


def plot_chain(chain: Chain) -> Figure:
    """Samples beside the exact law, the loss along the walkers, and how fast they forget.

    Args:
        chain: from :func:`qml_dynamics.metts`.

    Raises:
        MethodError: it is something else, or of an operator, which has no loss.
    """
    require(isinstance(chain, Chain), "chain", "be a Chain", type(chain).__name__, MethodError)
    require(chain.problem.operator is None, "chain", "be one of a loss", "of an operator", MethodError)
    objective, zeta = chain.problem.objective, loss_table(chain.problem)
    assert objective is not None
    loss = zeta.reshape(-1)[chain.index]
    with new_figure(12.0, 3.7) as figure:
        law, trace, memory = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 1.0))
        _draw_law(law, chain, zeta)
        shown = loss[:_TRACE]
        for k in range(min(3, shown.shape[1])):
            trace.plot(shown[:, k], color=COLORS[k + 1], linewidth=0.9)
        levels = loss_quantiles(zeta, chain.density[None], (0.05, 0.95))[:, 0]
        trace.axhspan(float(levels[0]), float(levels[1]), color=GRID, zorder=0)
        trace.set(xlabel="step after burn-in", ylabel="loss $\\zeta$")
        trace.set_title(f"Loss along {min(3, shown.shape[1])} of {shown.shape[1]} walkers", loc="left")
        tidy(trace)
        _draw_memory(memory, chain, loss)
        how = chain.provenance.get("backend") or "classical"
        title = (
            f"METTS samples of {objective.name.replace('_', ' ')}: tau = {chain.tau:g}, beta = {chain.beta:g}, "
            f"{chain.reading} reading, {chain.collapse} collapse, {how}"
        )
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
    return figure


def _draw_law(axes: Axes, chain: Chain, zeta: np.ndarray) -> None:
    domain = chain.problem.domain
    if domain.ndim > 1 or isinstance(domain, Hypercube):
        laws = {f"{len(chain.samples):,} samples": chain.density}
        if chain.stationary is not None:
            laws["exact law"] = chain.stationary
        _draw_loss_bars(axes, zeta, laws)
        axes.set_title("Loss of the samples", loc="left")
        return
    x, width = domain.axes[0], domain.spacing[0]
    axes.bar(x, chain.density / width, width, color=SKY, label=f"{len(chain.samples):,} samples")
    if chain.stationary is not None:
        axes.plot(
            x,
            chain.stationary / width,
            color=ORANGE,
            linewidth=1.6,
            label="exact law $\\langle w|e^{-2\\tau H}|w\\rangle/Z$",
        )
    seen = np.flatnonzero(chain.density > 0)
    axes.set_xlim(x[max(seen[0] - 3, 0)], x[min(seen[-1] + 3, len(x) - 1)])
    axes.set(xlabel=weight_label(0), ylabel="probability density")
    axes.set_title("Samples and their law", loc="left")
    axes.legend()
    tidy(axes, "y")


def _draw_memory(axes: Axes, chain: Chain, loss: np.ndarray) -> None:
    domain = chain.problem.domain
    functions = {"loss": loss}
    for axis in range(min(domain.ndim, 2)):
        values = domain.points_at(chain.index.reshape(-1))[:, axis]
        functions[weight_label(axis)] = values.reshape(chain.index.shape)
    for color, (name, values) in zip(COLORS[1:], functions.items()):
        rho = autocorrelation(values)
        if rho is not None:
            axes.plot(rho[:_LAGS], "o-", markersize=2.5, linewidth=1.0, color=color, label=name)
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    axes.set(xlabel="lag in steps", ylabel="autocorrelation", ylim=(-0.15, 1.05))
    axes.set_title(f"Effective sample size {chain.effective_sample_size:,.0f} of {chain.index.size:,}", loc="left")
    axes.legend()
    tidy(axes, "y")
