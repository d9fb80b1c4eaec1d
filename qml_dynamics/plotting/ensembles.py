"""Pictures of learning ensembles: the three regimes, fringes, a ring with a flux, vortices, and neurons that come and go.

``ensemble_gallery.draw`` makes those of the documentation from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, require
from ..base.estimate import Estimate
from ..learning.ensembles.winding_numbers import circulation
from ..model.domains import Grid
from .style import BLUE, DENSITY, INK, MUTED, ORANGE, PURPLE, cells, color_bar, new_figure, tidy, weight_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

    from ..base.estimate import Estimate
    from ..learning.ensembles.learning import PhaseDiagram
    from ..learning.ensembles.superposition import TwoSlits
    from ..results.trajectory import Trajectory


def plot_phase_diagram(diagram: PhaseDiagram) -> Figure:
    """``hbar^2`` over multiplier and diffusion, cut by the line ``4 D mu = gamma`` where it is 0.

    Dashed: ``2 D mu = gamma``, where hbar is the largest that the diffusion allows.

    Args:
        diagram: from :func:`qml_dynamics.ensembles.phase_diagram`, with two or more values on each axis.

    Raises:
        MethodError: it is a line or a point.
    """
    require(min(diagram.hbar_squared.shape) > 1, "diagram", "have two or more values an axis", "a line", MethodError)
    with new_figure(6.2, 4.2) as figure:
        axes = figure.subplots()
        scaled = np.arcsinh(diagram.hbar_squared)  # both signs over decades
        top = float(np.abs(scaled).max()) or 1.0
        image = axes.pcolormesh(
            diagram.multipliers, diagram.diffusions, scaled, cmap="RdBu_r", vmin=-top, vmax=top, shading="nearest"
        )
        classical = r"$4D\mu = \gamma$: classical paths, $\hbar = 0$"
        most = r"$2D\mu = \gamma$: the largest $\hbar$, $2D/\gamma$"
        axes.plot(diagram.multipliers, diagram.boundary, color=INK, linewidth=1.6, label=classical)
        axes.plot(diagram.multipliers, 2 * diagram.boundary, color=INK, linewidth=1.1, linestyle="--", label=most)
        axes.legend(loc="upper right", frameon=False)
        axes.set_xlim(diagram.multipliers.min(), diagram.multipliers.max())
        axes.set_ylim(diagram.diffusions.min(), diagram.diffusions.max())
        axes.set(xlabel=r"multiplier $\mu$", ylabel="diffusion D")
        for where, words in (((0.55, 0.5), "quantum: real clock"), ((0.03, 0.06), "bridge: imaginary clock")):
            axes.text(*where, words, transform=axes.transAxes, color=INK)
        bar = figure.colorbar(image, ax=axes, label=r"$\hbar^2$", pad=0.02)
        values = [v for v in (-100, -10, -1, 0, 1, 10, 100) if abs(np.arcsinh(v)) <= top]
        bar.set_ticks([float(np.arcsinh(v)) for v in values], labels=[f"{v:g}" for v in values])
        axes.set_title(rf"Three regimes at mobility $\gamma$ = {diagram.mobility:g}", loc="left", fontweight="bold")
        tidy(axes)
    return figure


def plot_two_slits(run: Trajectory, slits: TwoSlits, sampled: Trajectory | None = None) -> Figure:
    """The density over time, and its end beside the classical ensemble, which has no fringes.

    Args:
        run: exact, of ``slits.problem``, saved at many times.
        slits: the closed form.
        sampled: the same from samples, drawn as points with one standard error.
    """
    end = float(run.times[-1])
    with new_figure(9.2, 3.7) as figure:
        left, right = _pair(figure)
        _carpet(figure, left, run)
        left.set_title("Two slits: density over time", loc="left", fontweight="bold")
        grid = _line(run)
        fine = np.linspace(grid.axes[0][0], grid.axes[0][-1], 800)
        right.plot(fine, slits.density(fine, end, coherent=False), "--", color=MUTED, label="classical ensemble")
        right.plot(fine, slits.density(fine, end), color=BLUE, label="closed form")
        if sampled is not None:
            _points(right, sampled)
        top = 1.4 * float(slits.density(fine, end).max())
        right.set(xlabel=weight_label(0), ylabel="probability density", ylim=(0, top), xlim=(fine[0], fine[-1]))
        right.set_title(f"At t = {end:g}", loc="left", fontweight="bold")
        right.legend(loc="upper right")
        tidy(right, "y")
    return figure


def plot_ring(run: Trajectory, levels: list[tuple[float, Estimate]], unit: float = 1.0) -> Figure:
    """A packet on a ring over time, and the levels of the ring over the flux with those that circuits measured.

    Args:
        run: exact, saved at many times.
        levels: pairs of a flux and the measured levels there.
        unit: ``hbar^2 / (2 m R^2)`` of these levels.
    """
    with new_figure(9.2, 3.7) as figure:
        left, right = _pair(figure)
        _carpet(figure, left, run)
        left.set_title(f"A ring with flux {_line(run).twist[0]:g}", loc="left", fontweight="bold")
        flux = np.linspace(-0.05, 1.05, 200)
        for number, j in enumerate(range(-2, 4)):
            right.plot(flux, unit * (j - flux) ** 2, color=BLUE, label="exact" if number == 0 else None)
        for number, (nu, found) in enumerate(levels):
            values, errors = np.atleast_1d(found.value), np.atleast_1d(found.stderr)
            right.errorbar(
                np.full(len(values), nu),
                values,
                yerr=errors,
                fmt="o",
                color=ORANGE,
                ecolor=MUTED,
                markersize=4,
                label="from circuits, by shots" if number == 0 else None,
            )
        right.set(xlabel=r"flux $\nu$", ylabel=r"level / ($\hbar^2 / 2 m R^2$)", ylim=(-0.15, 4.6), xlim=(-0.05, 1.05))
        right.set_title("Levels", loc="left", fontweight="bold")
        right.legend(loc="upper center")
        tidy(right, "y")
    return figure


def _pair(figure: Figure) -> tuple[Axes, Axes]:
    """Two panels with room for the label of the scale between them."""
    engine: Any = figure.get_layout_engine()
    engine.set(wspace=0.06)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    return left, right


def _carpet(figure: Figure, axes: Axes, run: Trajectory) -> None:
    """The density of one weight over time, square-root colours."""
    from matplotlib.colors import PowerNorm

    grid = _line(run)
    density = run.density / grid.cell_volume
    norm = PowerNorm(0.5, vmin=0.0, vmax=float(density.max()))
    image = axes.pcolormesh(cells(run.times), cells(grid.axes[0]), density.T, cmap=DENSITY, norm=norm, rasterized=True)
    color_bar(figure, image, axes, "density")
    axes.set(xlabel="time", ylabel=weight_label(0), xlim=(run.times[0], run.times[-1]))
    tidy(axes)


def _points(axes: Axes, run: Trajectory) -> None:
    """The last density of a run from samples, as points with their shot noise."""
    grid, p = _line(run), run.density[-1]
    errors = np.sqrt(p * (1 - p) / run.shots) / grid.cell_volume if run.shots else np.zeros(p.shape)
    axes.errorbar(
        grid.axes[0],
        p / grid.cell_volume,
        yerr=errors,
        fmt="o",
        color=ORANGE,
        ecolor=MUTED,
        markersize=3,
        label=f"{run.shots:,} samples of the circuit" if run.shots else "circuit",
    )


def _line(run: Trajectory) -> Grid:
    grid = run.problem.domain
    require(isinstance(grid, Grid) and grid.ndim == 1, "run", "be on a grid with one axis", grid, MethodError)
    assert isinstance(grid, Grid)
    return grid


def plot_windings(psi: np.ndarray, grid: Grid) -> Figure:
    """Density and phase of a wave over two weights; plaquettes with a winding are marked by it.

    The colour of the phase darkens where the density is too small to carry one.

    Raises:
        MethodError: the grid has another number of axes.
    """
    require(isinstance(grid, Grid) and grid.ndim == 2, "grid", "be a Grid with two axes", grid, MethodError)
    wave = np.asarray(psi).reshape(grid.shape)
    charges = circulation(wave, grid)
    share = np.abs(wave) ** 2 / (np.abs(wave) ** 2).max()
    edges = [cells(axis) for axis in grid.axes]
    with new_figure(9.0, 3.8) as figure:
        left, right = figure.subplots(1, 2)
        density = np.abs(wave.T) ** 2 / grid.cell_volume
        image = left.pcolormesh(*edges, density, cmap=DENSITY, rasterized=True)
        bars = [(left, image, "probability density")]
        bright = np.clip(1 + np.log10(np.maximum(share.T, 1e-12)) / 4, 0, 1)
        right.pcolormesh(*edges, _phase_colors(np.angle(wave.T)) * bright[..., None], rasterized=True)
        bars.append((right, _phase_scale(), r"phase / $\pi$"))
        for axes, drawn, words in bars:
            bar = figure.colorbar(drawn, ax=axes, label=words, pad=0.02, shrink=0.9)
            bar.outline.set_visible(False)
            bar.ax.tick_params(color=MUTED, labelcolor=INK, labelsize=8, length=3)
        visible = share > 1e-4
        for i, j in np.argwhere((charges != 0)[: grid.shape[0] - 1, : grid.shape[1] - 1]):
            if visible[i : i + 2, j : j + 2].any():
                x, y = grid.axes[0][i] + grid.spacing[0] / 2, grid.axes[1][j] + grid.spacing[1] / 2
                for axes in (left, right):
                    axes.text(
                        *(x, y, f"{charges[i, j]:+d}"),
                        color=INK,
                        ha="center",
                        va="center",
                        fontsize=7.5,
                        fontweight="bold",
                        bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
                    )
        for axes, words in ((left, "Density"), (right, "Phase, and windings")):
            axes.set(xlabel=weight_label(0), ylabel=weight_label(1), aspect="equal")
            axes.set_title(words, loc="left", fontweight="bold")
            tidy(axes)
    return figure


def _phase_colors(phase: np.ndarray) -> np.ndarray:
    """Three cosines, a third of a turn apart: a colour wheel without a seam."""
    turns = np.stack([phase, phase - 2 * np.pi / 3, phase + 2 * np.pi / 3], axis=-1)
    out: np.ndarray = 0.5 + 0.42 * np.cos(turns)
    return out


def _phase_scale() -> ScalarMappable:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    colors = _phase_colors(np.linspace(-np.pi, np.pi, 256))
    return ScalarMappable(Normalize(-1, 1), ListedColormap(colors.tolist()))


def plot_number(
    times: np.ndarray,
    numbers: np.ndarray,
    sampled: Sequence[tuple[float, Estimate]] | None = None,
    joint: Trajectory | None = None,
) -> Figure:
    """Mean number of active neurons over time: exact as a line, and measured with error bars.

    Args:
        times, numbers: shape ``(m,)``.
        sampled: pairs ``(time, Estimate)`` from circuits, or None.
        joint: a run over a weight and a number of neurons: its last law of the number, and the mean weight at each number.
    """
    with new_figure(6.0 if joint is None else 9.2, 3.4) as figure:
        axes, *others = figure.subplots(1, 1 if joint is None else 2, squeeze=False)[0]
        axes.plot(times, numbers, color=BLUE, label="exact")
        if sampled is not None:
            axes.errorbar(
                [t for t, _ in sampled],
                [float(e) for _, e in sampled],
                yerr=[float(e.stderr) for _, e in sampled],
                fmt="o",
                color=ORANGE,
                ecolor=MUTED,
                markersize=4,
                label="circuits, wrong totals thrown away",
            )
        axes.set(xlabel="time", ylabel="active neurons of the network")
        axes.set_title("Neurons exchanged with a reservoir", loc="left", fontweight="bold")
        axes.legend(loc="upper center")
        axes.set_ylim(top=axes.get_ylim()[1] + 0.1 * np.ptp(axes.get_ylim()))
        tidy(axes, "y")
        if joint is not None:
            _joint(others[0], joint)
    return figure


def _joint(axes: Axes, run: Trajectory) -> None:
    grid = run.problem.domain
    require(isinstance(grid, Grid) and grid.ndim == 2, "joint", "be over a weight and a number", grid, MethodError)
    assert isinstance(grid, Grid)
    number, weight = grid.axes[1], grid.axes[0]
    for index, color, shift in ((0, MUTED, -0.18), (-1, PURPLE, 0.18)):
        p = run.density[index]
        law = p.sum(axis=0)
        label = f"t = {run.times[index]:g}"
        axes.bar(number + shift, law, width=0.34, color=color, label=label)
        for n, share, mean in zip(number + shift, law, weight @ p / law):
            axes.text(n, share + 0.012, f"{mean:+.1f}", ha="center", color=INK, fontsize=7)
    axes.set(xlabel="active neurons", ylabel="probability", xticks=number)
    axes.set_title("Number register, with mean weights", loc="left", fontweight="bold")
    axes.legend()
    tidy(axes, "y")
