"""The functional as a phase diagram, and the problem that each regime runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import ProblemError


def bowl(w: np.ndarray) -> np.ndarray:
    return 0.5 * w[:, 0] ** 2


def test_quantum_problem_has_the_units_of_the_ensemble() -> None:
    rule = en.Learning(0.3, 0.8, 5.236068)
    problem = rule.problem(qd.Grid((-6, 6), 6), bowl, duration=1.0)
    assert problem.clock == "real"
    assert problem.diffusion.value(0, 1) == pytest.approx(0.5 * 0.8, rel=1e-6)
    assert problem.strength.value(0, 1) == pytest.approx(2.0, rel=1e-6)
    energies = rule.hbar * qd.hamiltonian(problem).lowest(3)[0]
    omega = math.sqrt(1 / rule.mass)
    np.testing.assert_allclose(energies, rule.hbar * omega * (np.arange(3) + 0.5), rtol=1e-6)


def test_bridge_problem_is_on_the_imaginary_clock_with_the_potential_reversed() -> None:
    rule = en.Learning(0.1, 1.0, 1.0)
    assert rule.hbar_squared == pytest.approx(-0.6)
    assert rule.kappa == pytest.approx(math.sqrt(0.6))
    problem = rule.problem(qd.Grid((-6, 6), 5), bowl, duration=1.0)
    assert problem.clock == "imaginary"
    assert problem.diffusion.value(0, 1) == pytest.approx(rule.kappa)
    assert problem.strength.value(0, 1) == pytest.approx(-1 / rule.kappa)


@pytest.mark.parametrize(("D", "gamma"), [(0.3, 0.8), (1.1, 0.9)])
def test_the_boundary_is_the_classical_clock(D: float, gamma: float) -> None:
    rule = en.Learning(D, gamma, gamma / (4 * D))
    assert (rule.regime, rule.hbar, rule.kappa, rule.hbar_squared) == ("classical", 0.0, 0.0, 0.0)
    problem = rule.problem(qd.Grid((-6, 6), 5), bowl, duration=1.0)
    assert problem.clock == "classical"
    assert (problem.diffusion.value(0, 1), problem.strength.value(0, 1)) == (gamma, 1.0)
    with pytest.raises(
        qd.MethodError, match="run on the classical clock, but is SplitStep, which runs on the real and imaginary clock"
    ):
        qd.evolve(problem, qd.SplitStep(4))  # never the wave of some other hbar


def test_each_constant_belongs_to_its_regime() -> None:
    with pytest.raises(ProblemError, match="this is the bridge regime"):
        _ = en.Learning(0.1, 1.0, 1.0).hbar
    with pytest.raises(ProblemError, match="this is the quantum regime"):
        _ = en.Learning(0.3, 0.8, 2.0).kappa


@pytest.mark.parametrize(
    "given", [(-0.1, 1, 1), (0.1, 0, 1), (0.1, 1, 0), (float("nan"), 1, 1), (0.1, 1, float("inf"))]
)
def test_numbers_out_of_range(given: tuple[float, float, float]) -> None:
    with pytest.raises(ProblemError, match=r"Argument `(diffusion|mobility|multiplier)` must"):
        en.Learning(*given)
    with pytest.raises(ProblemError, match="Argument `hbar` must be a positive number"):
        en.multipliers(0.0, 0.3, 0.8)


def test_without_noise_there_is_only_the_bridge() -> None:
    rule = en.Learning(0.0, 1.0, 2.0)
    assert (rule.regime, rule.hbar_squared) == ("bridge", -0.25)


def test_phase_shift_and_back() -> None:
    rule, p = en.Learning(0.3, 0.8, 2.0), np.array([0.1, 0.9])
    F = np.array([0.4, -0.3])
    S = rule.phase(F, p)
    np.testing.assert_allclose(S - F, -np.log(p) / 4)
    np.testing.assert_allclose(rule.free_energy(S, p), F)
    assert np.abs(S - F).min() > 0.01


def test_phase_diagram_is_cut_by_its_boundary() -> None:
    diagram = en.phase_diagram(np.linspace(0.2, 5, 25), np.linspace(0, 1, 21), mobility=0.8)
    D = diagram.diffusions[:, None]
    np.testing.assert_array_equal(diagram.regime > 0, diagram.boundary[None] < D - 1e-12)
    assert set(np.unique(diagram.regime)) >= {-1, 1}
    assert np.isfinite(diagram.hbar_squared).all()
    np.testing.assert_array_equal(np.sign(diagram.hbar_squared), diagram.regime)


@pytest.mark.parametrize("mu", [2.0, 5.236068])
def test_p_and_free_energy_of_the_wave_obey_the_equations_of_the_functional(mu: float) -> None:
    """(2.6) and (2.7) at the level of p and F, from a run: nothing of Madelung's form is used."""
    rule = en.Learning(0.3, 0.8, mu)
    grid = qd.Grid((-6, 6), 7)
    times = np.linspace(0.5, 0.6, 7)
    run = en.observe_wave(rule, grid, bowl, qd.Gaussian(0.5, 0.6).vector(grid), times=times)
    assert run.history is not None
    p, F, x = run.history.density, run.history.free_energy, grid.axes[0]
    mid, h = 3, grid.spacing[0]
    dt = times[1] - times[0]
    rate = np.array([-1, 9, -45, 0, 45, -9, 1]) / (60 * dt)
    p_t, F_t = rate @ p, rate @ F

    def slope(f: np.ndarray) -> np.ndarray:
        return (8 * (np.roll(f, -1) - np.roll(f, 1)) - np.roll(f, -2) + np.roll(f, 2)) / (12 * h)

    def bend(f: np.ndarray) -> np.ndarray:
        return (16 * (np.roll(f, -1) + np.roll(f, 1)) - np.roll(f, -2) - np.roll(f, 2) - 30 * f) / (12 * h**2)

    near = np.abs(x - 0.3) < 1.2
    root, f = np.sqrt(p[mid]), F[mid]
    phase = -4 * 0.3 * bend(root) / root + 0.8 * bend(f) + mu * (F_t + 0.8 * slope(f) ** 2 + bowl(x[:, None]))
    density = p_t + 2 * 0.8 * slope(p[mid] * slope(f)) - 0.8 / mu * bend(p[mid])
    assert np.abs(phase[near]).max() < 2e-3 * np.abs(mu * F_t[near]).max()
    assert np.abs(density[near]).max() < 2e-3 * np.abs(p_t[near]).max()
