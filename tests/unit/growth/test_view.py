"""The ensemble view: clouds that keep the density of the wave."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

import qml_dynamics as qd
from qml_dynamics.errors import ProblemError
from qml_dynamics.growth import equivariance


def slit_like(boundary: str = "periodic") -> qd.Trajectory:
    """Two packets that meet: fringes with deep minima."""
    grid = qd.Grid((-16, 16), 8, boundary=boundary)
    wave = qd.Gaussian(-2.5, 0.5).vector(grid) + qd.Gaussian(2.0, 0.6).vector(grid)
    problem = qd.Problem(grid, lambda w: 0.05 * w[:, 0] ** 2, 0.5, clock="real", duration=2.0, initial=qd.State(wave))
    return qd.evolve(problem, qd.SplitStep(200, order=4), save=4, seed=1)


def plane(duration: float = 1.5) -> qd.Trajectory:
    grid = qd.Grid([(-6, 6), (-5, 5)], 5)
    problem = qd.Problem(
        grid,
        lambda w: 0.5 * w[:, 0] ** 2 + 0.8 * w[:, 1] ** 2 + 0.3 * w[:, 0] * w[:, 1],
        0.5,
        clock="real",
        duration=duration,
        initial=qd.Gaussian((1.2, -0.8), (0.7, 0.8), (0.0, 1.0)),
    )
    return qd.evolve(problem, qd.SplitStep(100, order=4), save=3, seed=1)


@pytest.mark.parametrize("kind", ["born", "bohm", "nelson"])
@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_every_kind_keeps_the_density_and_a_standing_cloud_does_not(kind: str, boundary: str) -> None:
    run = slit_like(boundary)
    view = qd.ensemble_view(run, 1000, kind, seed=3)
    assert view.paths.shape == (4, 1000, 1)
    assert view.p_value.min() > 1e-3
    standing = np.repeat(view.paths[:1], 4, axis=0)
    assert equivariance(run, standing)[-1] < 1e-10
    assert np.abs(view.paths[-1] - view.paths[0]).mean() > 0.3


def test_bohmian_paths_on_a_line_keep_their_order_and_agree_with_the_integrated_velocity() -> None:
    run = slit_like()
    view = qd.ensemble_view(run, 300, "bohm", seed=5)
    order = np.argsort(view.paths[0, :, 0])
    assert np.all(np.diff(view.paths[:, order, 0], axis=1) >= 0)
    from qml_dynamics.growth.view import _carried

    integrated = list(_carried(run, view.paths[0], "bohm", np.random.default_rng(0)))
    apart = np.abs(integrated[-1] - view.paths[-1])
    assert np.median(apart) < 1e-2
    assert np.quantile(apart, 0.95) < 0.05


def test_a_plane_wave_round_a_ring_carries_all_paths_alike() -> None:
    ring = qd.Grid((0, 2 * np.pi), 5)
    wave = qd.State(np.exp(2j * ring.axes[0]))
    problem = qd.Problem(ring, lambda w: 0 * w[:, 0], 0.5, clock="real", duration=1.0, initial=wave)
    view = qd.ensemble_view(qd.evolve(problem, qd.SplitStep(10), seed=1), 50, "bohm", seed=2)
    moved = (view.paths[1] - view.paths[0]) % (2 * np.pi)
    assert moved == pytest.approx(np.full((50, 1), 2.0), abs=5e-3)  # velocity 2 D k = 2


def test_two_weights_with_their_circulation() -> None:
    run = plane()
    for kind in ("bohm", "nelson"):
        view = qd.ensemble_view(run, 500, kind, seed=4)
        assert view.p_value.min() > 1e-3
        assert equivariance(run, np.repeat(view.paths[:1], 3, axis=0)).min() < 1e-6
        assert view.circulation is not None
        assert view.circulation.shape == (3, 32, 32)


def test_seeds_and_bad_input() -> None:
    run = slit_like()
    a, b = (qd.ensemble_view(run, 50, "born", seed=s).paths for s in (1, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, qd.ensemble_view(run, 50, "born", seed=2).paths)
    with pytest.raises(ProblemError, match="born, bohm, nelson"):
        qd.ensemble_view(run, 10, "husimi")
    imaginary = qd.evolve(run.problem.replace(clock="imaginary"), qd.SplitStep(20), seed=1)
    assert qd.ensemble_view(imaginary, 400, "born", seed=1).p_value.min() > 1e-3
    with pytest.raises(ProblemError, match="imaginary clock"):
        qd.ensemble_view(imaginary, 10, "bohm")
    with pytest.raises(ProblemError, match="shape"):
        equivariance(run, np.zeros((2, 5, 1)))
    cube = qd.evolve(qd.Problem(qd.Hypercube(2), lambda w: w[:, 0], 1.0, clock="real", duration=1.0), qd.SplitStep(4))
    with pytest.raises(ProblemError, match="Grid"):
        qd.ensemble_view(cube)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["born", "bohm", "nelson"])
def test_p_values_are_uniform_over_seeds(kind: str) -> None:
    run = slit_like()
    if kind == "nelson":  # one large cloud in 200 parts: the wave is propagated once
        paths = qd.ensemble_view(run, 200 * 200, kind, seed=0).paths.reshape(4, 200, 200, 1)
        values = np.array([equivariance(run, paths[:, i])[-1] for i in range(200)])
    else:
        values = np.array([qd.ensemble_view(run, 200, kind, seed=s).p_value[-1] for s in range(200)])
    assert kstest(values, "uniform").pvalue > 1e-3
    assert values.min() < 0.05 < 0.95 < values.max()
