"""Schroedinger bridges on the imaginary clock, and the flows that the wave is compared with."""

from __future__ import annotations

import math

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.learning.ensembles.madelung_variables import derivatives, stencil

GRID = qd.Grid((-9, 9), 7)
X = GRID.axes[0]


def nothing(w: np.ndarray) -> np.ndarray:
    return 0 * w[:, 0]


def tilted(w: np.ndarray) -> np.ndarray:
    return -0.3 * w[:, 0] ** 2 + 0.1 * w[:, 0]


def normal(mean: float, sd: float) -> np.ndarray:
    p = np.exp(-((X - mean) ** 2) / (2 * sd**2))
    return p / p.sum()


@pytest.mark.parametrize(("D", "gamma", "mu"), [(0.1, 1.0, 1.0), (0.2, 0.6, 0.5)])
def test_free_bridge_between_gaussians(D: float, gamma: float, mu: float) -> None:
    rule = en.Learning(D, gamma, mu)
    found = en.bridge(rule, GRID, nothing, normal(-1.0, 0.6), normal(1.5, 0.9), duration=1.2, save=5)
    mean, sd = en.gaussian_bridge((-1.0, 1.5), (0.6, 0.9), rule.kappa / rule.mass, 1.2, found.times)
    np.testing.assert_allclose(found.density @ X, mean, atol=1e-6)
    variance = found.density @ X**2 - (found.density @ X) ** 2
    np.testing.assert_allclose(np.sqrt(variance), sd, atol=1e-6)
    assert sd.max() > 1.05 * 0.9 or sd[1] > 0.6
    np.testing.assert_allclose(found.density[0], normal(-1.0, 0.6), atol=1e-9)
    np.testing.assert_allclose(found.density[-1], normal(1.5, 0.9), atol=1e-9)
    assert found.iterations > 3


def test_a_bridge_obeys_both_equations_with_negative_hbar_squared() -> None:
    rule = en.Learning(0.1, 1.0, 1.0)
    times = np.linspace(0, 1, 41)
    found = en.bridge(
        rule,
        GRID,
        tilted,
        normal(-0.8, 0.7),
        normal(0.9, 0.8),
        duration=1.0,
        save=times,
        method=qd.SplitStep(80, order=4),
    )
    i = 20
    rate = stencil(times[i - 2 : i + 3], times[i])
    p, S = found.density[i], found.phase[i]
    p_t, S_t = rate @ found.density[i - 2 : i + 3], rate @ found.phase[i - 2 : i + 3]
    plain = np.abs(X) < 2.5
    h = GRID.spacing[0]

    def slope(f: np.ndarray) -> np.ndarray:
        return (8 * (np.roll(f, -1) - np.roll(f, 1)) - np.roll(f, -2) + np.roll(f, 2)) / (12 * h)

    root = np.sqrt(p)
    bend = derivatives(root + 0j, GRID, 0)[1].real / root
    v = slope(S) / rule.mass
    continuity = p_t + slope(p * v)
    jacobi = S_t + 0.5 * rule.mass * v**2 + tilted(X[:, None]) - rule.hbar_squared / (2 * rule.mass) * bend
    assert np.abs(continuity[plain]).max() < 2e-3 * np.abs(p_t).max()
    assert np.abs(jacobi[plain]).max() < 2e-3 * np.abs(S_t[plain]).max()


def test_any_method_of_the_imaginary_clock_carries_the_factors() -> None:
    rule = en.Learning(0.1, 1.0, 1.0)
    found = en.bridge(rule, GRID, tilted, normal(-0.8, 0.7), normal(0.9, 0.8), duration=1.0, save=3)
    forward = qd.evolve(found.forward, qd.Krylov()).states[-1].real
    backward = qd.evolve(found.backward, qd.Krylov()).states[-1].real
    B, A = found.B / np.linalg.norm(found.B, axis=1)[:, None], found.A / np.linalg.norm(found.A, axis=1)[:, None]
    np.testing.assert_allclose(forward, B[-1], atol=1e-4)
    np.testing.assert_allclose(backward, A[0], atol=1e-4)
    assert np.abs(B[-1] - B[0]).max() > 0.05


@pytest.mark.filterwarnings("ignore:The wave has reached the edge")  # a factor alone need not vanish there
def test_the_forward_factor_as_circuits() -> None:
    """Imaginary time as circuits with post-selection: the same density as the classical pair."""
    rule = en.Learning(0.1, 1.0, 1.0)
    grid = qd.Grid((-4, 4), 4)
    x = grid.axes[0]
    ends = [np.exp(-((x + s) ** 2) / 1.2) for s in (0.7, -0.7)]
    found = en.bridge(rule, grid, nothing, *ends, duration=0.4, save=2)
    circuit = qd.evolve(found.forward, qd.ProbabilisticITE(0.9, steps=40))
    exact = qd.evolve(found.forward, qd.Krylov())
    assert 0.5 * np.abs(circuit.density[-1] - exact.density[-1]).sum() < 0.02
    assert 0.5 * np.abs(exact.density[-1] - exact.density[0]).sum() > 0.05


def test_wrong_bridges_are_refused() -> None:
    rule = en.Learning(0.1, 1.0, 1.0)
    with pytest.raises(ProblemError, match="be in the bridge regime"):
        en.bridge(en.Learning(0.3, 0.8, 2.0), GRID, nothing, normal(0, 1), normal(0, 1), duration=1.0)
    with pytest.raises(ProblemError, match="`end` must be a density"):
        en.bridge(rule, GRID, nothing, normal(0, 1), -normal(0, 1), duration=1.0)
    with pytest.raises(MethodError, match="let the iteration converge"):
        en.bridge(rule, GRID, nothing, normal(-3, 0.5), normal(3, 0.5), duration=0.5, max_iterations=2)


def test_the_fluid_is_right_for_a_gaussian() -> None:
    p = normal(0.0, 1.0)
    found = en.hydrodynamic(p, 0 * X, GRID, nothing, hbar=1.0, duration=1.0, steps=2000, save=3)
    assert found.failed_at is None
    assert found.density[-1] @ X**2 == pytest.approx(1.25, abs=1e-3)


def test_the_fluid_fails_at_the_nodes_of_two_slits_and_the_wave_does_not() -> None:
    grid = qd.Grid((-8, 8), 8)
    x = grid.axes[0]
    slits = en.TwoSlits(0.4, 2.0)
    wave = slits.wave(grid)
    fluid = en.hydrodynamic(wave**2, 0 * x, grid, nothing, hbar=1.0, duration=1.0, steps=8000, save=9)
    assert fluid.failed_at is not None
    assert fluid.failed_at < 1.0
    assert "node" in fluid.stop
    assert np.isfinite(fluid.density).all()
    assert np.isfinite(fluid.phase).all()
    run = qd.evolve(slits.problem(grid, 1.0), qd.SplitStep(1))
    middle = np.abs(x) < 3
    found = run.density[-1] / grid.cell_volume
    np.testing.assert_allclose(found[middle], slits.density(x, 1.0)[middle], atol=1e-2)


def test_classical_flow_has_no_fringes_and_reports_its_caustic() -> None:
    grid = qd.Grid((-8, 8), 7)
    x = grid.axes[0]
    slits = en.TwoSlits(0.4, 2.0)
    p = slits.density(x, 0.0)
    free = qd.Problem(grid, nothing, 0.5, clock="classical", duration=1.5, initial=qd.State(np.sqrt(p)))
    still = en.characteristics(free, en.HamiltonJacobi(50))
    assert still.density()[64] / grid.cell_volume < 1e-3 < 0.1 < slits.density(0.0, 1.5)  # the middle stays dark
    wave = np.sqrt(normal_on(grid)) * np.exp(-0.5j * x**2)
    focusing = en.characteristics(
        free.replace(duration=2.0, initial=qd.State(wave)), en.HamiltonJacobi(200, extra=0), save=41
    )
    assert focusing.caustic == pytest.approx(1.0, abs=0.051)  # all paths meet at t = m = 1
    assert focusing.density().sum() == pytest.approx(1.0)


def normal_on(grid: qd.Grid) -> np.ndarray:
    p = np.exp(-(grid.axes[0] ** 2) / 2)
    return p / p.sum()


@pytest.mark.slow
def test_classical_flow_is_the_limit_of_small_hbar() -> None:
    grid = qd.Grid((-5, 5), 9)
    x = grid.axes[0]

    def well(w: np.ndarray) -> np.ndarray:
        return 0.5 * w[:, 0] ** 2 + 0.1 * w[:, 0] ** 4

    gaps = []
    for hbar in (0.4, 0.1):
        start = np.exp(-((x - 1.0) ** 2) / (4 * 0.16))
        problem = qd.Problem(grid, well, hbar / 2, 1 / hbar, clock="real", duration=1.0, initial=qd.State(start))
        wave = qd.evolve(problem, qd.Krylov(), observables={"x": lambda w: w[:, 0]})
        flow = qd.evolve(
            problem.replace(diffusion=0.5, strength=1.0, clock="classical"),
            en.HamiltonJacobi(200),
            observables={"x": lambda w: w[:, 0]},
        )
        gaps.append(abs(wave.expectations["x"].value[-1] - flow.expectations["x"].value[-1]))
    assert gaps[1] < 0.3 * gaps[0]
    assert math.isfinite(gaps[0])
