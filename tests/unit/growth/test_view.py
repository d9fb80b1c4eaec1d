"""The ensemble view: clouds that keep the density of the wave."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.growth import equivariance
from qml_dynamics.learning.growth.clouds import fine_density, p_value, points_of, uniforms_of


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


@pytest.mark.parametrize(
    ("boundary", "kind"),
    [(b, k) for b in ("periodic", "walls") for k in ("born", "bohm")]
    + [("periodic", "nelson"), pytest.param("walls", "nelson", marks=pytest.mark.slow)],
)
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
    from qml_dynamics.learning.growth.view import _carried

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


@pytest.mark.slow
def test_two_weights_with_their_circulation() -> None:
    run = plane()
    for kind in ("bohm", "nelson"):
        view = qd.ensemble_view(run, 500, kind, seed=4)
        assert view.p_value.min() > 1e-3
        assert equivariance(run, np.repeat(view.paths[:1], 3, axis=0)).min() < 1e-6
        assert view.circulation is not None
        assert view.circulation.shape == (3, 32, 32)


def test_the_joint_density_counts_not_only_that_of_each_weight() -> None:
    run = plane()
    assert run.states is not None
    density, fine = fine_density(run.states[-1], run.problem.domain)
    u = np.random.default_rng(2).random((2000, 2))
    right, tied = points_of(u, density, fine), points_of(np.column_stack([u[:, 0], u[:, 0]]), density, fine)
    shuffled = right.copy()
    shuffled[:, 1] = np.random.default_rng(3).permutation(right[:, 1])  # each weight as it was, their bond cut
    for axis in range(2):
        back = uniforms_of(tied, density, fine)[:, axis]
        assert kstest(back, "uniform").pvalue > 0.01  # what a test axis by axis would see
    assert p_value(right, density, fine) > 0.01
    assert p_value(tied, density, fine) < 1e-10
    assert p_value(shuffled, density, fine) < 1e-4
    assert equivariance(run, np.repeat(shuffled[None], 3, axis=0))[-1] < 1e-4


def odd_wave() -> qd.Trajectory:
    """An odd wave in an even well: its node stays at 0."""
    grid = qd.Grid((-8, 8), 8)
    wave = qd.Gaussian(1.5, 0.5).vector(grid) - qd.Gaussian(-1.5, 0.5).vector(grid)
    problem = qd.Problem(grid, lambda w: 0.3 * w[:, 0] ** 2, 0.5, clock="real", duration=3.0, initial=qd.State(wave))
    return qd.evolve(problem, qd.SplitStep(200, order=4), save=31, seed=1)


def test_bohmian_paths_never_cross_a_node() -> None:
    run = odd_wave()
    assert run.states is not None
    assert np.abs(run.states[:, 128]).max() < 1e-10  # the point 0
    assert (np.abs(run.states[:, 136]) ** 2).max() > 1e-3  # half a weight beside it there is something
    paths = qd.ensemble_view(run, 2000, "bohm", seed=4).paths[:, :, 0]
    side = np.sign(paths)
    assert np.all(side == side[0])
    assert 0.4 < (side[0] > 0).mean() < 0.6
    assert np.abs(paths).min() < 0.3 < np.abs(paths[0]).min() + 0.3  # they come near it
    assert np.abs(paths - paths[0]).max() > 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param("bohm", marks=pytest.mark.slow), "nelson"])
def test_means_and_spreads_are_those_of_the_wave(kind: str) -> None:
    run = plane(1.0)
    view = qd.ensemble_view(run, 1000, kind, seed=6)
    points = run.problem.domain.points
    for cloud, density in zip(view.paths, run.density):
        weight = density.reshape(-1)
        mean = weight @ points
        spread = (points - mean).T @ ((points - mean) * weight[:, None])
        limit = 4.5 * np.sqrt(np.diag(spread) / 1000)
        assert np.all(np.abs(cloud.mean(axis=0) - mean) < limit)
        assert np.cov(cloud.T) == pytest.approx(spread, abs=0.2 * float(np.diag(spread).max()))
    assert np.abs(view.paths[-1].mean(axis=0) - view.paths[0].mean(axis=0)).max() > 0.2


def test_a_vortex_keeps_its_winding_and_turns_the_paths_round_it() -> None:
    grid = qd.Grid([(-6, 6), (-6, 6)], 5)
    x, y = (grid.points[:, a].reshape(grid.shape) for a in range(2))
    wave = qd.State(
        (x + 0.19 + 1j * (y + 0.19)) * np.exp(-((x + 0.19) ** 2 + (y + 0.19) ** 2) / 2)
    )  # the core inside a cell
    problem = qd.Problem(
        grid, lambda w: 0.5 * ((w + 0.19) ** 2).sum(axis=1), 0.5, clock="real", duration=1.0, initial=wave
    )
    run = qd.evolve(problem, qd.SplitStep(50, order=4), save=3, seed=1)
    view = qd.ensemble_view(run, 400, "bohm", seed=1)
    assert view.circulation is not None
    cell = (int((-0.19 + 6) / 0.375), int((-0.19 + 6) / 0.375))
    radius = np.linalg.norm(view.paths[0] + 0.19, axis=1)
    inner = (radius > 0.7) & (radius < 1.8)
    for winding in view.circulation:
        assert winding[cell] == 1
        assert np.abs(winding[8:24, 8:24]).sum() == 1  # the only one where there is a wave
    angle = np.unwrap(np.arctan2(view.paths[:, :, 1] + 0.19, view.paths[:, :, 0] + 0.19), axis=0)
    assert inner.sum() > 100
    assert angle[-1, inner] - angle[0, inner] == pytest.approx(1 / radius[inner] ** 2, rel=0.03)  # velocity 2 D / r
    assert view.p_value.min() > 1e-3


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
        assert run.states is not None
        last = fine_density(run.states[-1], run.problem.domain)
        values = np.array([p_value(paths[-1, i], *last) for i in range(200)])
    else:
        values = np.array([qd.ensemble_view(run, 200, kind, seed=s).p_value[-1] for s in range(200)])
    assert kstest(values, "uniform").pvalue > 1e-3
    assert values.min() < 0.05 < 0.95 < values.max()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["born", "bohm"])
def test_joint_p_values_of_two_weights_are_uniform_over_seeds(kind: str) -> None:
    run = plane(1.0)
    assert run.states is not None
    paths = qd.ensemble_view(run, 200 * 100, kind, seed=0).paths.reshape(3, 200, 100, 2)  # one cloud in 200 parts
    last = fine_density(run.states[-1], run.problem.domain)
    values = np.array([p_value(paths[-1, i], *last) for i in range(200)])
    assert kstest(values, "uniform").pvalue > 1e-3
    assert values.min() < 0.05 < 0.95 < values.max()
    standing = np.array([p_value(paths[0, i], *last) for i in range(20)])
    assert standing.max() < 1e-2
