"""The three regimes of a learning ensemble in one picture: the same start and potential with a wave, with paths, with a bridge.

python -c "from qml_dynamics.plotting.regimes import draw; draw('docs/images/regimes.png')"
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import MethodError, require
from ..base.interrupts import whole
from ..learning.ensembles.learning import Learning
from ..methods.bridge.schrodinger_bridge import SchrodingerBridge
from ..methods.classical.hamilton_jacobi import HamiltonJacobi
from ..methods.evolution import evolve
from ..methods.split_step import SplitStep
from ..model.domains import Grid
from ..model.initial import Gaussian, State
from ..results.trajectory import Trajectory
from . import save_figure
from .style import DENSITY, INK, color_bar, new_figure, tidy, weight_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_regimes(runs: Sequence[Trajectory], titles: Sequence[str]) -> Figure:
    """Densities over time side by side, on one colour scale.

    Args:
        runs: of one weight each, on one domain, with three or more saved times.
        titles: one a run.

    Raises:
        MethodError: a run does not fit.
    """
    domain = runs[0].problem.domain if len(runs) else None
    for run in runs:
        fits = run.problem.domain == domain and run.density.ndim == 2 and len(run.times) > 2
        require(
            fits, "runs", "be of one weight on one domain with three or more times", run.problem.domain, MethodError
        )
    require(len(runs) == len(titles) > 0, "titles", "be one for each run", titles, MethodError)
    assert isinstance(domain, Grid)
    top = 1.0 / domain.cell_volume * max(float(np.quantile(run.density, 0.998)) for run in runs)
    with new_figure(3.7 * len(runs) + 0.6, 3.6) as figure:
        from matplotlib.colors import PowerNorm

        panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
        for axes, run, title in zip(panels, runs, titles):
            shades = run.density.T / domain.cell_volume
            image = axes.pcolormesh(
                run.times,
                domain.axes[0],
                shades,
                cmap=DENSITY,
                norm=PowerNorm(0.5, 0, top),
                shading="nearest",
                rasterized=True,
            )
            axes.set_title(title, loc="left", fontweight="bold", color=INK)
            axes.set_xlabel("time")
            tidy(axes)
        panels[0].set_ylabel(weight_label(0))
        color_bar(figure, image, list(panels), "probability density (1 / weight)")
    return figure


def draw(path: str | os.PathLike[str]) -> Path:
    """Two humps in a bowl: fringes where the wave's paths meet, a caustic where the points' do, and the way to one hump."""
    grid = Grid((-4, 4), 8)
    x = grid.axes[0]
    start = State(np.exp(-((x - 1.7) ** 2) / 0.5) + np.exp(-((x + 1.7) ** 2) / 0.5))
    runs, titles = [], []
    for diffusion, method, words in (
        (0.2531, SplitStep(600, 4), r"Wave: $\hbar$ = {:.2f}"),
        (0.25, HamiltonJacobi(600, 4), r"Paths: $\hbar$ = 0"),
        (0.17, SchrodingerBridge(Gaussian(0.0, 0.35), SplitStep(200)), r"Bridge: $\kappa$ = {:.2f}"),
    ):
        rule = Learning(diffusion, mobility=1.0, multiplier=1.0)
        problem = rule.problem(grid, lambda w: w[:, 0] ** 2 / 2, duration=1.5, initial=start)
        unit = rule.kappa if rule.regime == "bridge" else rule.hbar
        runs.append(whole(evolve(problem, method, save=121, seed=0)))
        titles.append(words.format(unit))
    return save_figure(plot_regimes(runs, titles), Path(path), dpi=110)
