"""Madelung's variables both ways, and residuals of trajectories of different methods."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.ensembles.madelung_variables import derivatives


def rough(w: np.ndarray) -> np.ndarray:
    return 0.5 * w[:, 0] ** 2 + 0.1 * w[:, 0] ** 3 / (1 + w[:, 0] ** 2)


def test_round_trip_with_phase_and_nodes() -> None:
    grid = qd.Grid((-8, 8), 7)
    x = grid.axes[0]
    psi = (x + 0.3) * np.exp(-(x**2) / 3 + 0.7j * x**2)
    found = en.madelung(psi, grid, hbar=0.6, mass=1.5)
    np.testing.assert_allclose(en.from_madelung(found.p, found.S, 0.6), psi, atol=1e-14)
    inner = (np.abs(x) < 2.5) & (np.abs(x + 0.3) > 0.2)
    np.testing.assert_allclose(found.velocity[0][inner], 0.6 / 1.5 * 1.4 * x[inner], atol=1e-6)
    assert inner.sum() > 10


def test_velocity_and_quantum_potential_in_two_dimensions_keep_their_axes() -> None:
    grid = qd.Grid([(-8, 8), (-6, 6)], (6, 5))
    x, y = np.meshgrid(*grid.axes, indexing="ij")
    psi = np.exp(-(x**2) / 4 - y**2 / (4 * 0.64) + 0.5j * x - 1.2j * y)
    found = en.madelung(psi, grid, hbar=2.0, mass=4.0)
    i, j = 30, 18
    np.testing.assert_allclose(found.velocity[:, i, j], [0.25, -0.6], atol=1e-6)
    wanted = 4 / 8 * (0.5 - x[i, j] ** 2 / 4 + (2 * 0.64 - y[i, j] ** 2) / (4 * 0.64**2))
    assert found.quantum_potential[i, j] == pytest.approx(wanted, abs=1e-6)


def test_walls_continue_the_wave_oddly() -> None:
    grid = qd.Grid((0, np.pi), 5, boundary="walls")
    x = grid.axes[0]
    slope, bend = derivatives(np.sin(3 * x) + 0j, grid, 0)
    np.testing.assert_allclose(slope, 3 * np.cos(3 * x), atol=1e-12)
    np.testing.assert_allclose(bend, -9 * np.sin(3 * x), atol=1e-12)
    assert abs(slope[0]) > 2  # at the wall, where an even continuation would have slope 0


def test_with_a_twist_the_velocity_is_gauge_invariant() -> None:
    ring = qd.Grid((0, 2 * np.pi), 5, twist=0.25)
    found = en.madelung(np.exp(2j * ring.axes[0]), ring, hbar=1.0, mass=1.0)
    np.testing.assert_allclose(found.velocity[0], 1.75, atol=1e-12)
    assert ring.twist == (0.25,)


def test_nodes_and_empty_regions_are_finite_and_marked() -> None:
    grid = qd.Grid((-8, 8), 6)
    x = grid.axes[0]
    found = en.madelung(x * np.exp(-4 * x**2), grid, hbar=1.0)
    assert np.isfinite(found.velocity).all()
    assert np.isfinite(found.quantum_potential).all()
    assert not found.resolved[32]
    assert not found.resolved[0]
    assert found.resolved[30]


SLOW = pytest.param(qd.Trotter(50, order=4), marks=pytest.mark.slow)
METHODS = [qd.SplitStep(400, order=4), qd.Krylov(), SLOW]


@pytest.mark.parametrize("method", METHODS, ids=["SplitStep", "Krylov", "Trotter"])
def test_trajectories_obey_both_equations(method: object) -> None:
    grid = qd.Grid((-7, 7), 6)
    problem = qd.Problem(grid, rough, 0.4, 1.25, clock="real", duration=1.0, initial=qd.Gaussian(0.8, 0.7, 0.4))
    run = qd.evolve(problem, method, save=51)
    found = en.residuals(run, hbar=0.8)
    assert found.moved > 0.1
    assert found.continuity_error < 1e-4
    assert found.hamilton_jacobi_error < 1e-4
    assert np.isfinite(found.hamilton_jacobi).all()


def test_residuals_in_two_dimensions_with_flux_and_on_schedules() -> None:
    grid = qd.Grid([(0, 6), (-5, 5)], 5, twist=(0.3, 0.0))
    start = qd.Gaussian((3.0, 0.5), (0.5, 0.8), (0.5, 0.0))
    problem = qd.Problem(
        grid,
        lambda w: 0.5 * w[:, 1] ** 2 + 0.4 * np.cos(np.pi * w[:, 0] / 3 + 0.5) * w[:, 1],
        qd.Linear(0.5, 0.3),
        qd.Linear(1.0, 1.5),
        clock="real",
        duration=0.5,
        initial=start,
    )
    found = en.residuals(qd.evolve(problem, qd.Krylov(), save=41))
    assert found.moved > 0.03
    assert found.continuity_error < 1e-2  # products of waves fill the grid's band
    assert found.hamilton_jacobi_error < 2e-3


def test_residuals_see_a_wrong_run() -> None:
    grid = qd.Grid((-7, 7), 7)
    problem = qd.Problem(grid, rough, 0.4, clock="real", duration=1.0, initial=qd.Gaussian(0.8, 0.7))
    run = qd.evolve(problem, qd.Krylov(), save=41)
    import dataclasses

    other = dataclasses.replace(run, problem=problem.replace(objective=lambda w: 0.6 * w[:, 0] ** 2))
    assert en.residuals(other).hamilton_jacobi_error > 1e-2
    assert en.residuals(other).continuity_error < 1e-3  # continuity knows no potential
    slow = dataclasses.replace(run, problem=problem.replace(diffusion=0.3))
    assert en.residuals(slow).continuity_error > 0.1


def test_what_cannot_be_read() -> None:
    grid = qd.Grid((-7, 7), 5)
    imaginary = qd.Problem(grid, rough, 0.4, clock="imaginary", duration=1.0)
    with pytest.raises(ProblemError, match="be on the real clock"):
        en.residuals(qd.evolve(imaginary, qd.SplitStep(10), save=6))
    real = imaginary.replace(clock="real", initial=qd.Gaussian(0, 1))
    with pytest.raises(ProblemError, match="at least 5 times"):
        en.residuals(qd.evolve(real, qd.SplitStep(10)))
    with pytest.raises(ProblemError, match="`domain` must be a Grid"):
        en.madelung(np.ones(4), qd.Hypercube(2), 1.0)
    with pytest.raises(ProblemError, match="`psi` must have shape"):
        en.madelung(np.ones(4), grid, 1.0)
    with pytest.raises(ProblemError, match="`p` must be finite and not negative"):
        en.from_madelung([-0.1], [0.0], 1.0)
