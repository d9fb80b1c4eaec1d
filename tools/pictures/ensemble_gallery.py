"""The pictures of learning ensembles in the documentation, drawn anew from runs and samples.

python -c "from tools.pictures.ensemble_gallery import draw; draw('docs/images')"
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qml_dynamics.learning.ensembles.exchange import Exchange
from qml_dynamics.learning.ensembles.interference import measured_levels
from qml_dynamics.learning.ensembles.learning import phase_diagram
from qml_dynamics.learning.ensembles.superposition import TwoSlits, ring, vortex_wave
from qml_dynamics.methods.evolution import evolve
from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.methods.trotter import Trotter
from qml_dynamics.model.domains import Grid
from qml_dynamics.model.initial import Gaussian, State
from qml_dynamics.model.problem import Problem
from qml_dynamics.plotting import save_figure
from qml_dynamics.plotting.ensembles import plot_number, plot_phase_diagram, plot_ring, plot_two_slits, plot_windings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110


def draw(folder: str | os.PathLike[str]) -> list[Path]:
    """Draw phase_diagram, two_slit, ring, vortex and number_register as PNG into a folder; needs Aer. Returns the paths."""
    makers = {
        "phase_diagram": regimes,
        "two_slit": fringes,
        "ring": flux,
        "vortex": vortex,
        "number_register": neurons,
    }
    return [save_figure(make(), Path(folder) / f"{name}.png", dpi=DPI) for name, make in makers.items()]


def regimes() -> Figure:
    """``hbar^2`` at mobility 1."""
    return plot_phase_diagram(phase_diagram(np.linspace(0.15, 4, 250), np.linspace(0, 1.5, 160), 1.0))


def fringes() -> Figure:
    """M4: the wave of ``circuits/two_slit``, and samples of its circuit."""
    slits = TwoSlits(0.4, 2.0)
    run = evolve(slits.problem(Grid((-12, 12), 8), 1.5), SplitStep(1), save=161)
    sampled = evolve(slits.problem(Grid((-12, 12), 6), 1.5), Trotter(1), backend="aer", shots=20_000, seed=7)
    return plot_two_slits(run, slits, sampled)


def flux() -> Figure:
    """M5: the packet of ``circuits/ring``, and levels measured with Hadamard tests at nine fluxes."""
    grid = Grid((0, 2 * np.pi), 7, twist=0.25)
    start = Gaussian(np.pi / 2, 0.35)
    packet = Problem(grid, lambda w: np.zeros(len(w)), 0.5, clock="real", initial=start, duration=4 * np.pi)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a ring has no edge
        run = evolve(packet, SplitStep(1), save=201)
    levels = []
    for nu in np.linspace(0, 1, 9):
        modes = [j for j in range(-2, 4) if (j - nu) ** 2 < 4.2]
        problem = ring(3, float(nu), duration=0.7)
        levels.append((float(nu), measured_levels(problem, modes, backend="aer", shots=4000, seed=round(8 * nu))))
    return plot_ring(run, levels)


def vortex() -> Figure:
    """M6: the wave of ``circuits/vortex`` on a finer grid, after a quarter of the period."""
    grid = Grid([(-4, 4), (-4, 4)], 7)
    start = State(vortex_wave(grid, [(0.9, 0.13)], [1]))
    bowl = Problem(grid, lambda w: (w**2).sum(axis=1) / 2, 0.5, clock="real", initial=start, duration=np.pi / 2)
    states = evolve(bowl, SplitStep(100, order=4)).states
    assert states is not None
    return plot_windings(states[-1], grid)


def neurons() -> Figure:
    """Exchange circuits with the check of the conserved number, and the wave of ``circuits/number_register``."""
    exchange = Exchange([0.3, -0.5, 0.2, 0.7, -0.1], hopping=0.8, network=2, mu_c=0.6)
    times = np.linspace(0, 4, 121)
    run = evolve(exchange.problem(4.0, [0, 3]), Krylov(), save=times)
    exact = run.density.reshape(len(times), -1) @ exchange.number(np.arange(32))
    sampled = [
        (t, exchange.sample(t, 20, [0, 3], backend="aer", shots=1000, seed=round(10 * t)).mean_number)
        for t in np.linspace(0.4, 4, 10)
    ]
    grid = Grid([(-4, 4), (-0.5, 3.5)], (4, 2), boundary="walls")
    start = Gaussian((-0.9, 1.2), (0.8, 0.8))

    def cost(w: np.ndarray) -> np.ndarray:
        return w[:, 1] * ((w[:, 0] - 1) ** 2 / 2 + 0.3)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a register of four numbers has edges
        joint = evolve(Problem(grid, cost, 0.3, clock="real", initial=start, duration=1.5), Krylov())
    return plot_number(times, exact, sampled, joint)
