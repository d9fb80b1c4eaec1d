"""Annealing and restarts against numbers that follow from the equation: zero points, two loops, crossings, stationary laws."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.learning.annealing import Spectrum, levels


def oscillator(d: float, k: float) -> qd.Problem:
    return qd.Problem(qd.Grid((-8, 8), 8), lambda w: 0.5 * k * w[:, 0] ** 2, d, clock="imaginary", duration=40.0)


def tilted(duration: float, start: float = 1.0, stop: float = 0.02) -> qd.Problem:
    """A double well whose left minimum, at -1.008, is the deeper one."""
    loss = lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.15 * w[:, 0]  # noqa: E731
    return qd.Problem(qd.Grid((-4, 4), 8), loss, qd.Geometric(start, stop), clock="imaginary", duration=duration)


def narrow_and_wide(duration: float, mirror: bool = False, width: float = 0.12, qubits: int = 8) -> qd.Problem:
    """The deepest well is narrow, a shallower one is wide."""

    def loss(w: np.ndarray) -> np.ndarray:
        x = -w[:, 0] if mirror else w[:, 0]
        narrow, wide = -np.exp(-((x + 1.2) ** 2) / (2 * width**2)), -0.8 * np.exp(-((x - 1) ** 2) / 0.72)
        return narrow + wide + 0.01 * x**4

    return qd.Problem(qd.Grid((-4, 4), qubits), loss, qd.Geometric(1.0, 0.001), clock="imaginary", duration=duration)


def in_narrow_well(run: qd.Trajectory, mirror: bool = False) -> float:
    x = run.problem.domain.axes[0]
    return float(run.density[-1][x > 0.5 if mirror else x < -0.5].sum())


@pytest.mark.parametrize(("d", "k", "energy", "gap"), [(0.5, 1, 0.5, 1), (0.05, 1, 0.158114, 0.316228), (0.5, 4, 1, 2)])
def test_zero_point_and_gap(d: float, k: float, energy: float, gap: float) -> None:
    """3.6: E0 = sqrt(D k / 2), gap = sqrt(2 D k), as the diagnostics tell them; 3.7: the mean loss is half of E0."""
    run = qd.anneal(oscillator(d, k), stages=2)
    assert run.diagnostics["ground_energy"] == pytest.approx(energy, abs=1e-6)
    assert run.diagnostics["gap"] == pytest.approx(gap, abs=1e-6)
    assert run.expectations["objective"].value[-1] == pytest.approx(0.5 * energy, abs=1e-5)
    assert run.expectations["objective"].value[0] > 5 * energy  # it began elsewhere


def test_tilted_double_well_table() -> None:
    """3.9: ground energy, gap, and probability left, stage by stage."""
    d = [1.0, 0.3, 0.1, 0.05, 0.02]
    h = qd.hamiltonian(tilted(1.0).replace(domain=qd.Grid((-3, 3), 8)))  # the box of the table: it lifts D = 1 by 3e-6
    known = levels(Spectrum(h), d, [1.0] * 5, 1.0)
    assert known.ground == pytest.approx([1.129269, 0.710725, 0.437574, 0.281277, 0.129144], abs=2e-6)
    assert known.gap == pytest.approx([1.587739, 0.488020, 0.258766, 0.267884, 0.281827], abs=2e-5)
    left = np.abs(known.waves[:, h.domain.axes[0] < 0]) ** 2
    assert left.sum(axis=1) == pytest.approx([0.557899, 0.707236, 0.969688, 0.997891, 0.999970], abs=1e-3)
    assert known.crossings == ()  # a gap that stays open is no crossing


@pytest.mark.parametrize(
    ("stages", "tau", "left"), [(5, 0.5, 0.7297), (5, 2, 0.9672), (5, 8, 0.999922), (20, 2, 0.999863)]
)
def test_two_loops(stages: int, tau: float, left: float) -> None:
    """3.10: probability of the global basin after the two loops."""
    run = qd.anneal(tilted(stages * tau), stages, spectrum=False)
    assert float(run.density[-1][run.problem.domain.axes[0] < 0].sum()) == pytest.approx(left, abs=6e-5)
    assert run.diagnostics["diffusion"][0] == 1.0
    assert run.diagnostics["diffusion"][-1] == pytest.approx(0.02)


def test_counter_example() -> None:
    """3.11: annealing ends in the wrong basin, slower annealing even more so, and the portfolio in the right one."""
    with pytest.warns(qd.CrossingWarning, match=r"leaps from \(0.969\) to \(-1.19\) at D = 0.00199"):
        fast = qd.anneal(narrow_and_wide(40), 20)
    assert in_narrow_well(fast) == pytest.approx(1.94e-5, rel=0.01)
    assert fast.diagnostics["ground_fidelity"][-4] > 0.99  # the wave followed the ground state down to the crossing
    with pytest.warns(qd.CrossingWarning):
        slow = qd.anneal(narrow_and_wide(160), 20)
    assert in_narrow_well(slow) < 1e-6
    crossing = fast.diagnostics["crossings"][0]
    assert crossing["diffusion"] == pytest.approx(0.00199, abs=1e-5)
    assert crossing["gap"] < 2.9e-4  # what a scan of 400 values sees; the gap itself is below 1e-12
    assert crossing["landau_zener"] > 0.9999


@pytest.mark.parametrize(("tau", "right"), [(20, 0.7748), (200, 1.0)])
def test_quench_of_the_counter_example(tau: float, right: float) -> None:
    """3.11: the direct quench at D = 0.001."""
    run = qd.anneal(narrow_and_wide(tau), 1, "quench", spectrum=False)
    assert in_narrow_well(run) == pytest.approx(right, abs=5e-5)


@pytest.mark.parametrize(
    ("duration", "mirror", "width", "qubits"),
    [(40, False, 0.12, 7), (160, False, 0.12, 7), (160, True, 0.12, 7), (120, False, 0.15, 7), (160, True, 0.1, 7)],
)
def test_portfolio_finds_the_deep_well(duration: float, mirror: bool, width: float, qubits: int) -> None:
    """Above 0.95, and on wells that were not tuned for: mirrored, wider, narrower, coarser grids."""
    problem = narrow_and_wide(duration, mirror, width, qubits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = qd.anneal(problem, 20)
    both = qd.anneal(problem, 20, "portfolio", seed=5)
    assert in_narrow_well(alone, mirror) < 1e-3
    assert in_narrow_well(both, mirror) > 0.95
    assert both.diagnostics["chosen"] != "anneal"
    energies = {name: float(m["energy"]) for name, m in both.diagnostics["members"].items()}
    assert min(energies, key=energies.get) == both.diagnostics["chosen"]
    assert len(energies) == 4


@pytest.mark.filterwarnings("ignore::qml_dynamics.MomentumTailWarning")
def test_two_weights_cross_too() -> None:
    """A held-out counter-example in two weights: a narrow deep well beside a wide one."""

    def loss(w: np.ndarray) -> np.ndarray:
        x, y = w.T
        narrow = -1.2 * np.exp(-((x + 0.8) ** 2 + (y - 0.7) ** 2) / (2 * 0.3**2))
        wide = -0.9 * np.exp(-((x - 0.9) ** 2 + (y + 0.8) ** 2) / (2 * 0.7**2))
        return narrow + wide + 0.05 * (x**2 + y**2)

    grid = qd.Grid([(-2.5, 2.5)] * 2, 4)
    problem = qd.Problem(grid, loss, qd.Geometric(1.0, 0.005), clock="imaginary", duration=120.0)
    deep = (grid.points[:, 0] < 0).reshape(grid.shape)
    with pytest.warns(qd.CrossingWarning):
        alone = qd.anneal(problem, 15)
    both = qd.anneal(problem, 15, "portfolio", seed=2)
    assert alone.density[-1][deep].sum() < 0.05
    assert both.density[-1][deep].sum() > 0.95


def test_landau_zener_of_two_levels() -> None:
    """3.12 on the real clock: one spin swept through its crossing, against ``exp(-2 pi (gap/2)^2 / rate)``."""
    from qml_dynamics.learning.annealing import Crossing

    hopping, time, reach = 0.05, 400.0, 2.0
    spin = qd.Problem(
        qd.Hypercube(1), lambda w: w[:, 0], hopping, qd.Linear(-reach, reach), qd.PointMass(1.0),
        clock="real", duration=time,
    )  # fmt: skip
    run = qd.anneal(spin, stages=4000, spectrum=False)
    law = Crossing(1.0, 2 * hopping, 0.0, 2.0, 2 * reach / time, (0.0,), (0.0,)).landau_zener
    assert law == pytest.approx(0.4559, abs=1e-3)
    assert float(run.density[-1][1]) == pytest.approx(law, abs=0.03)


@pytest.mark.parametrize("d_k_tau", [(0.5, 1.0, 1.0), (0.2, 2.0, 0.7)])
def test_stationary_law_of_the_oscillator(d_k_tau: tuple[float, float, float]) -> None:
    """3.18: variance coth(w tau) / (2 m w), twice that in the population reading, and the second eigenvalue sech(w tau)."""
    from qml_dynamics.learning.metts.laws import Dense

    d, k, tau = d_k_tau
    w, mw = np.sqrt(2 * d * k), np.sqrt(k / (2 * d))
    problem = oscillator(d, k).replace(duration=tau)
    x = problem.domain.axes[0]
    wanted = 1 / np.tanh(w * tau) / (2 * mw)
    for reading, factor in (("born", 1.0), ("population", 2.0)):
        chain = qd.metts(problem, tau, 4, seed=1, reading=reading)
        assert float(chain.stationary @ x**2) == pytest.approx(factor * wanted, abs=1e-5 * factor)
        assert chain.beta == (2 * tau if reading == "born" else tau)
    laws = Dense(problem, qd.hamiltonian(problem))
    step = np.array([laws.law("weight", i, "weight") for i in range(problem.domain.size)])
    step /= step.sum(axis=1, keepdims=True)
    pi = laws.stationary()
    assert 0.5 * np.abs(pi @ step - pi).sum() < 1e-10
    assert np.abs(pi[:, None] * step - (pi[:, None] * step).T).max() < 1e-12
    assert np.abs(step - step.T).max() > 1e-3  # the step itself is not symmetric
    second = np.sort(np.abs(np.linalg.eigvals(step)))[-2]
    assert second == pytest.approx(1 / np.cosh(w * tau), abs=1e-6)
    if d_k_tau == (0.5, 1.0, 1.0):
        assert (wanted, second) == (pytest.approx(0.656518, abs=1e-6), pytest.approx(0.648054, abs=1e-6))


@pytest.mark.parametrize("collapse", ["weight", "alternate"])
def test_stationary_law_of_wells_walls_and_spins(collapse: str) -> None:
    """3.18 for every weight space: one step leaves ``<w|e^{-2 tau H}|w> / Z`` alone, against SciPy's exponential."""
    from scipy.linalg import expm

    from qml_dynamics.learning.metts.laws import Dense

    spaces = (
        (qd.Grid((-2.5, 2.5), 5), 0.4),
        (qd.Grid([(-2, 2), (-1, 1.5)], (3, 2), boundary="walls"), 0.3),
        (qd.Grid((-2.5, 2.5), 4, twist=0.3), 0.6),
        (qd.Hypercube(5), 0.5),
    )
    for domain, tau in spaces:
        loss = lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.4 * w[:, 0] * w[:, -1] - 0.2 * w[:, -1]  # noqa: E731
        problem = qd.Problem(domain, loss, 0.3, clock="imaginary", duration=tau)
        h = qd.hamiltonian(problem)
        laws = Dense(problem, h)

        def step(start: str, end: str, laws: Dense = laws, size: int = domain.size) -> np.ndarray:
            rows = np.array([laws.law(start, i, end) for i in range(size)])
            return rows / rows.sum(axis=1, keepdims=True)

        whole = step("weight", "weight") if collapse == "weight" else step("weight", "dual") @ step("dual", "weight")
        thermal = np.diag(expm(-2 * tau * h.matrix())).real
        thermal = thermal / thermal.sum()
        assert 0.5 * np.abs(thermal @ whole - thermal).sum() < 1e-10
        assert np.abs(laws.stationary() - thermal).max() < 1e-10
        assert np.ptp(thermal) > 0.01
        flow = thermal[:, None] * whole
        assert np.abs(flow - flow.T).max() < 1e-12
