"""`qd.Diffusion`: data on the grid, the wave and its score, the reverse process, conditions, circuits, bad input."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

import qml_dynamics as qd
from qml_dynamics import Diffusion, Grid, diffusion
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.learning.diffusion.data import choose_bandwidth, deposit
from qml_dynamics.learning.diffusion.device import read_density
from qml_dynamics.learning.diffusion.modes import hermite_modes
from qml_dynamics.learning.diffusion.paths import gaussian_noise, reverse, time_grid
from qml_dynamics.learning.diffusion.witten import landscape
from tests.strangers import OfAStranger

ROOT = Path(__file__).resolve().parents[2] / "circuits"
LINE = Grid((-6, 6), 7)
PAIR = diffusion.gaussian_mixture([0.3, 0.7], [-2.0, 1.5], [0.05, 0.1])
WIDE = diffusion.gaussian_mixture([0.4, 0.6], [-1.5, 1.0], [0.3, 0.4])


def rows_of(name: str, *columns: str) -> np.ndarray:
    with open(ROOT / name, newline="", encoding="utf-8") as file:
        return np.array([[float(row[c]) for c in columns] for row in csv.DictReader(file)])


@pytest.fixture(scope="module")
def iris() -> tuple[np.ndarray, list[str]]:
    with open(ROOT / "iris_neuron/iris.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    rows = np.array([[float(row["sepal_length"]), float(row["sepal_width"])] for row in table])
    return diffusion.Scale.fit(rows).to_box(rows), [row["species"] for row in table]


@pytest.fixture(scope="module")
def mixture() -> Diffusion:
    return Diffusion(Grid((-6, 6), 8), PAIR)


@pytest.fixture(scope="module")
def small() -> Diffusion:
    return Diffusion(Grid((-6, 6), 5), WIDE)


# Data


def test_rows_become_the_kernels_of_the_forward_process() -> None:
    """Of Ornstein and Uhlenbeck's process: Gaussians at ``e^{-t} x_i`` of variance ``1 - e^{-2 t}``, time counted from the rows."""
    rows = np.array([[-1.3], [0.4], [0.45]])
    model = Diffusion(LINE, rows, bandwidth=0.3)
    x, t0 = LINE.axes[0], 0.045
    for t in (0.0, 0.2, 1.0):
        a = np.exp(-(t + t0))
        wanted = np.exp(-((x[:, None] - a * rows[:, 0]) ** 2) / (2 * (1 - a * a))).sum(axis=1)
        assert np.abs(model.forward(t) - wanted / wanted.sum()).max() < 2e-8
    assert np.abs(model.forward(0.0) - model.forward(1.0)).max() > 0.02


def test_free_diffusion_of_rows_is_a_kernel_density_estimate() -> None:
    rows = np.array([[-1.3], [0.4]])
    model = Diffusion(LINE, rows, potential="free", bandwidth=0.3, temperature=2.0)
    x, p = LINE.axes[0], model.forward([0.0, 0.25])
    for density, variance in zip(p, (0.09, 0.09 + 2 * 2.0 * 0.25)):
        gaps = (x[:, None] - rows[:, 0] + 6) % 12 - 6
        wanted = np.exp(-(gaps**2) / (2 * variance)).sum(axis=1)
        assert np.abs(density - wanted / wanted.sum()).max() < 1e-5


@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 4, 3)])
def test_deposits_keep_mass_and_mean_on_every_axis(shape: tuple[int, ...]) -> None:
    """Different axes, different data: an exchanged axis would show."""
    grid = Grid([(-4.0 - k, 5.0 + k) for k in range(len(shape))], shape)
    land = landscape(grid, "free", 1.0)
    rows = np.random.default_rng(3).normal([0.5, -1.0, 0.2][: len(shape)], 0.2, (7, len(shape)))
    phi = deposit(rows, land)
    assert phi.shape == grid.shape
    assert abs(phi.sum() - 1) < 1e-12
    (later,) = land.waves(phi, [0.35])
    mean = [
        float((later * x.reshape([-1 if a == k else 1 for a in range(len(shape))])).sum())
        for k, x in enumerate(grid.axes)
    ]
    assert np.allclose(mean, rows.mean(axis=0), atol=0.05)


def test_bandwidth_is_that_of_the_largest_leave_one_out_likelihood() -> None:
    rng = np.random.default_rng(0)
    land = landscape(Grid((-6, 6), 9), "free", 1.0)
    few, many = rng.normal(size=(40, 1)), rng.normal(size=(500, 1))
    assert 0.1 < choose_bandwidth(many, land) < choose_bandwidth(few, land) < 0.8
    # rounding alone must not ask for the smallest bandwidth: each value comes many times
    rounded = np.round(many, 1)
    assert choose_bandwidth(rounded, land) > 0.8 * choose_bandwidth(many, land)


def test_scale_goes_there_and_back(iris: tuple[np.ndarray, list[str]]) -> None:
    rows = rows_of("iris_neuron/iris.csv", "petal_length", "petal_width")
    for whiten in (False, True):
        scale = diffusion.Scale.fit(rows, whiten)
        z = scale.to_box(rows)
        assert np.allclose(scale.from_box(z), rows)
        assert np.allclose(z.mean(axis=0), 0)
        assert np.allclose(z.var(axis=0), 1)
        assert (abs(np.corrcoef(z.T)[0, 1]) < 1e-9) == whiten


# Wave and score


def test_the_wave_is_that_of_every_other_method(small: Diffusion) -> None:
    """`problem(t)` is an ordinary problem on the imaginary clock."""
    run = qd.evolve(small.problem(0.5), qd.Krylov(1e-11))
    phi = small.wave(0.5)
    assert np.abs(run.states[-1].real - phi / np.linalg.norm(phi)).max() < 1e-9
    start = small.wave(0.0)
    assert np.abs(start / np.linalg.norm(start) - phi / np.linalg.norm(phi)).max() > 0.05
    p = small.land.root * run.states[-1].real
    assert np.abs(small.forward(0.5) - p / p.sum()).max() < 1e-9


def test_mass_is_kept_and_ends_in_the_stationary_law(mixture: Diffusion) -> None:
    p = mixture.forward([3.0, 0.0, 30.0])  # in any order
    assert np.allclose(p.sum(axis=1), 1)
    assert np.abs(p[2] - mixture.land.stationary).max() < 1e-8
    assert np.abs(p[1] - mixture.land.stationary).max() > 0.01
    assert np.abs(p[0] - mixture.forward(3.0)).max() < 1e-15


def test_a_double_well_ends_in_its_gibbs_law_and_mixes_at_its_gap() -> None:
    """THEORY 3.20: E1 = 0.145565 for T = 0.4."""
    loss = lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.2 * w[:, 0]  # noqa: E731
    model = Diffusion(Grid((-2.6, 2.6), 7), diffusion.gaussian_mixture([1.0], [1.0], [0.02]), loss, temperature=0.4)
    assert abs(model.land.gap - 0.145565) < 1e-5
    x = model.domain.axes[0]
    left = model.forward([5.0, 10.0, 300.0]) @ (x < 0)
    assert left[0] < 0.6 * left[2]
    assert abs(np.log((left[2] - left[0]) / (left[2] - left[1])) / 5 - model.land.gap) < 1e-4
    assert np.abs(model.forward(300.0) - model.land.stationary).max() < 1e-9


def test_axes_that_do_not_separate_go_through_krylov() -> None:
    bowl = lambda w: 0.5 * (w[:, 0] ** 2 + w[:, 1] ** 2 + w[:, 0] * w[:, 1])  # noqa: E731
    rows = np.random.default_rng(1).normal(size=(30, 2)) * [0.6, 0.3] + [0.3, -0.2]
    model = Diffusion(Grid([(-6, 6), (-5.5, 5.5)], 5), rows, bowl, bandwidth=0.6)
    assert model.land.modes is None
    p = model.forward([0.0, 0.7])
    x, y = model.domain.axes
    mean = [np.array([float(q.sum(axis=1) @ x), float(q.sum(axis=0) @ y)]) for q in p]
    matrix = np.array([[1, 0.5], [0.5, 1]])  # d<x>/dt = -A <x>
    values, vectors = np.linalg.eigh(matrix)
    wanted = vectors @ np.diag(np.exp(-0.7 * values)) @ vectors.T @ mean[0]
    assert np.allclose(mean[1], wanted, atol=2e-3)
    assert abs(mean[0][0] - mean[0][1]) > 0.3
    made = model.sample(300, seed=2, steps=10)
    assert np.allclose(made.mean(axis=0), mean[0], atol=0.15)
    assert abs(np.corrcoef(made.T)[0, 1]) < 0.4


def test_scores_at_points_are_those_on_the_grid_and_lie_between() -> None:
    grid = Grid([(-6, 6), (-5, 5)], (6, 5))
    model = Diffusion(grid, diffusion.gaussian_mixture([0.5, 0.5], [[-1.0, 0.5], [1.0, 1.0]], [0.4, 0.6]))
    table = model.score(0.3)
    assert table.shape == (64, 32, 2)
    assert np.abs(model.score(0.3, grid.points) - table.reshape(-1, 2)).max() < 1e-9
    a = np.exp(-0.3)
    point = np.array([[0.31, 0.83]])
    means, v = a * np.array([[-1.0, 0.5], [1.0, 1.0]]), a * a * np.array([0.4, 0.6]) + 1 - a * a
    parts = np.exp(-0.5 * ((point - means) ** 2).sum(axis=1) / v) / v
    wanted = -((point - means) / v[:, None] * parts[:, None]).sum(axis=0) / parts.sum()
    assert np.abs(model.score(0.3, point)[0] - wanted).max() < 1e-5
    assert abs(wanted[0] - wanted[1]) > 0.05


def test_density_at_points_integrates_and_agrees(mixture: Diffusion) -> None:
    x = np.linspace(-4, 4, 4001)
    p = mixture.density(x)
    assert abs(np.trapezoid(p, x) - 1) < 1e-5
    assert np.abs(p - PAIR(x[:, None])).max() < 1e-4


# Generation


@pytest.mark.parametrize("kind", ["sde", "ode"])
def test_paths_have_the_forward_density_at_every_time(mixture: Diffusion, kind: str) -> None:
    run = mixture.paths(4000, seed=5, kind=kind, steps=150, save=[2.0, 0.6, 0.15, 0.0])
    assert run.times[0] > run.times[-1] == 0.0
    x, h = mixture.domain.axes[0], mixture.domain.spacing[0]
    for t, points in zip(run.times, run.points):
        cumulative = np.cumsum(mixture.forward(float(t)))
        law = lambda v, c=cumulative: np.interp(v, x + h / 2, c)  # noqa: E731
        assert kstest(points[:, 0], law).pvalue > 1e-3
    # and not that of another time
    other = np.cumsum(mixture.forward(float(run.times[1])))
    assert kstest(run.points[-1][:, 0], lambda v: np.interp(v, x + h / 2, other)).pvalue < 1e-6


def test_the_deterministic_paths_keep_their_order(mixture: Diffusion) -> None:
    run = mixture.paths(200, seed=3, kind="ode", steps=80)
    assert run.points.shape == (81, 200, 1)
    order = np.argsort(run.points[0, :, 0])
    assert (np.diff(run.points[-1, order, 0]) > 0).all()
    noisy = mixture.paths(200, seed=3, kind="sde", steps=80)
    assert not (np.diff(noisy.points[-1, np.argsort(noisy.points[0, :, 0]), 0]) > 0).all()


def test_seeds_decide_everything(mixture: Diffusion) -> None:
    one, two = (mixture.sample(50, seed=s, steps=20) for s in (1, 1))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, mixture.sample(50, seed=2, steps=20))


def _gaussian_moments(order: int, steps: int, copies: int) -> np.ndarray:
    """Mean and variance that the sampler makes of a Gaussian, from its exact law at time 1."""
    model = Diffusion(Grid((-6, 6), 8), diffusion.gaussian_mixture([1.0], [1.2], [0.3]), t_max=1.0)
    rng, times = np.random.default_rng(7), time_grid(1.0, 0.0, steps)
    fields = (model.lens.field(w) for w in model.land.descending(model.start, times.tolist()))
    mean, variance = 1.2 * np.exp(-1), 0.3 * np.exp(-2) + 1 - np.exp(-2)
    x = mean + np.sqrt(variance) * rng.standard_normal((copies, 1))
    *_, (_, end) = reverse(x, times, fields, model.lens, "sde", order, gaussian_noise(rng))
    return np.array([end.mean(), end.var()])


@pytest.mark.parametrize(("order", "low", "high"), [(1, 0.8, 1.25), (2, 1.7, 2.5)])
def test_weak_order_of_the_stochastic_scheme(order: int, low: float, high: float) -> None:
    """Linear drift: mean and variance of Euler's and Heun's scheme are known by recursion, without noise."""
    errors = [_recursion_error(order, steps) for steps in (32, 64, 128)]
    slopes = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert low < slopes[-1] < high
    # and the sampler does what the recursion says, which is not yet the exact law
    found, wanted = _gaussian_moments(order, 4, 40_000), _recursion(order, 4)
    assert np.abs(found - wanted).max() < 4 * wanted[1] * np.sqrt(2 / 40_000) + 1e-3
    assert np.abs(wanted - [1.2, 0.3]).max() > 5 * wanted[1] * np.sqrt(2 / 40_000)


def _linear(t: float) -> tuple[float, float]:
    """Reverse drift ``a x + b`` of a Gaussian with mean 1.2 and variance 0.3."""
    mean, variance = 1.2 * np.exp(-t), 0.3 * np.exp(-2 * t) + 1 - np.exp(-2 * t)
    return 1 - 2 / variance, 2 * mean / variance


def _recursion(order: int, steps: int) -> np.ndarray:
    times = time_grid(1.0, 0.0, steps)
    mean, variance = 1.2 * np.exp(-1), 0.3 * np.exp(-2) + 1 - np.exp(-2)
    for t0, t1 in zip(times[:-1], times[1:]):
        dt, (a, b), (c, d) = t0 - t1, _linear(t0), _linear(t1)
        if order == 1:
            grow, shift, noise = 1 + dt * a, dt * b, 1.0
        else:
            grow = 1 + 0.5 * dt * (a + c * (1 + dt * a))
            shift, noise = 0.5 * dt * (b + c * dt * b + d), 1 + 0.5 * dt * c
        mean, variance = grow * mean + shift, grow**2 * variance + 2 * dt * noise**2
    return np.array([mean, variance])


def _recursion_error(order: int, steps: int) -> float:
    return float(np.abs(_recursion(order, steps) - [1.2, 0.3]).max())


@pytest.mark.parametrize("order", [1, 2, 4])
def test_order_of_the_deterministic_scheme(order: int) -> None:
    """Against the exact flow of a Gaussian: ``x -> 1.2 + sqrt(0.3 / v(t)) (x - m(t))``."""
    model = Diffusion(Grid((-6, 6), 8), diffusion.gaussian_mixture([1.0], [1.2], [0.3]), t_max=1.0)
    errors = []
    for steps in (8, 16, 32):
        run = model.paths(40, seed=2, kind="ode", steps=steps, order=order)
        v = 0.3 * np.exp(-2) + 1 - np.exp(-2)
        wanted = 1.2 + np.sqrt(0.3 / v) * (run.points[0] - 1.2 * np.exp(-1))
        errors.append(float(np.abs(run.points[-1] - wanted).max()))
    slopes = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert slopes[-1] == pytest.approx(order, abs=0.35)
    assert errors[0] > 1e-5


@pytest.mark.parametrize("kind", ["sde", "ode"])
def test_any_objective_may_be_the_potential(kind: str) -> None:
    """A double well and data in both: paths start from the wave's own law and end in the data's."""
    loss = lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.2 * w[:, 0]  # noqa: E731
    rows = np.random.default_rng(0).normal([-0.9] * 40 + [1.0] * 20, 0.15)
    model = Diffusion(Grid((-2.6, 2.6), 7), rows, loss, temperature=0.4)
    assert not model.from_noise
    assert model.t_max * model.land.gap < 0.5
    run = model.paths(3000, seed=1, kind=kind, steps=120, save=[0.1, 0.0])
    x, h = model.domain.axes[0], model.domain.spacing[0]
    for t, points in zip(run.times, run.points):
        law = np.cumsum(model.forward(float(t)))
        assert kstest(points[:, 0], lambda v, c=law: np.interp(v, x + h / 2, c)).pvalue > 1e-3
    gibbs = np.cumsum(model.land.stationary)
    assert kstest(run.points[-1][:, 0], lambda v: np.interp(v, x + h / 2, gibbs)).pvalue < 1e-6


def test_on_a_torus_paths_go_round() -> None:
    """Data on both sides of the seam: none of it is lost, and none lies in the middle."""
    rows = np.array([[-5.9], [5.8], [5.5], [-5.6]])
    model = Diffusion(LINE, rows, potential="free", bandwidth=0.25)
    made = model.sample(400, seed=4, steps=80)[:, 0]
    assert (np.abs(made) <= 6).all()
    assert (np.abs(made) > 4.3).all()
    assert 0.35 < (made > 0).mean() < 0.65


# Conditions


@pytest.mark.parametrize("kind", ["sde", "ode"])
@pytest.mark.parametrize(
    "condition", [(-1.8, 1.2), lambda w: 1 / (1 + np.exp(-4 * (w[:, 0] + 2)))], ids=["set", "function"]
)
def test_conditioned_samples_have_the_conditioned_law(mixture: Diffusion, kind: str, condition: object) -> None:
    x = np.linspace(-6, 6, 12_001)
    h = condition(x[:, None]) if callable(condition) else ((x >= -1.8) & (x <= 1.2)).astype(float)
    law = PAIR(x[:, None]) * h
    share = law.sum() / PAIR(x[:, None]).sum()
    run = mixture.paths(2500, seed=3, kind=kind, condition=condition, steps=80, save=1)
    assert run.probability == pytest.approx(share, rel=0.01)
    assert run.points.shape == (1, 2500, 1)
    assert kstest(run.points[0, :, 0], lambda v: np.interp(v, x, np.cumsum(law) / law.sum())).pvalue > 1e-3
    free = mixture.sample(2500, seed=3, kind=kind, steps=80)[:, 0]
    assert kstest(free, lambda v: np.interp(v, x, np.cumsum(law) / law.sum())).pvalue < 1e-6


def test_each_class_has_a_kernel_of_its_own() -> None:
    """The half of normal numbers above 0 has mean 0.8; a kernel tuned on both halves would spread it over both."""
    rows = np.random.default_rng(0).standard_normal((400, 1))
    model = Diffusion(Grid((-5, 5), 7), rows, labels=(rows[:, 0] > 0).astype(int))
    above = rows[rows > 0]
    pooled = Diffusion(Grid((-5, 5), 7), rows).bandwidth
    assert max(model.bandwidths.values()) < 0.3 * pooled  # or nothing is tested
    assert set(model.bandwidths) == {"0", "1"}
    made = model.sample(2000, seed=1, condition=1, steps=60)[:, 0]
    assert abs(made.mean() - above.mean()) < 5 * above.std() / np.sqrt(2000) + 0.01
    assert np.mean(made < -3 * model.bandwidths["1"]) < 0.002
    assert np.mean(made < 0) < 0.08  # of kernels at the edge alone
    given = Diffusion(Grid((-5, 5), 7), rows, labels=(rows[:, 0] > 0).astype(int), bandwidth=0.5)
    assert given.bandwidths == {"0": 0.5, "1": 0.5}


@pytest.mark.parametrize("kind", ["sde", "ode"])
def test_a_region_between_two_points_of_the_grid_is_met(kind: str) -> None:
    model = Diffusion(Grid((-6, 6), 6), PAIR)
    step = model.domain.spacing[0]
    low, high = 1.5 + 0.3 * step, 1.5 + 0.7 * step
    made = model.sample(60, seed=1, kind=kind, condition=(low, high), steps=40)
    assert ((made >= low) & (made <= high)).all()
    assert made.std() > 0.15 * (high - low)


def test_a_class_is_a_condition(iris: tuple[np.ndarray, list[str]]) -> None:
    rows, species = iris
    model = Diffusion(Grid([(-5, 5)] * 2, 6), rows, labels=species)
    assert model.classes == ("setosa", "versicolor", "virginica")
    assert model.probability("setosa") == pytest.approx(1 / 3)
    flowers = rows[np.array(species) == "setosa"]
    made = model.sample(600, seed=1, condition="setosa", steps=40)
    assert np.allclose(made.mean(axis=0), flowers.mean(axis=0), atol=0.12)
    assert abs(model.sample(600, seed=1, steps=40).mean(axis=0)[0] - flowers.mean(axis=0)[0]) > 0.5
    # the classes add up to the whole, at every time
    parts = sum(model.forward(0.2, c) / 3 for c in model.classes)
    assert np.abs(parts - model.forward(0.2)).max() < 1e-8


def test_a_box_in_two_dimensions_is_met(iris: tuple[np.ndarray, list[str]]) -> None:
    model = Diffusion(Grid([(-5, 5)] * 2, 5), iris[0], bandwidth=0.5)
    made = model.sample(150, seed=1, condition=[(0.2, None), (None, 0.5)], steps=40)
    assert made.shape == (150, 2)
    assert (made[:, 0] >= 0.2).all()
    assert (made[:, 1] <= 0.5).all()
    assert made[:, 0].std() > 0.2


# Circuits


@dataclass(frozen=True)
class Reporting(OfAStranger):
    """The same, whose runs do not tell everything."""

    without: tuple[str, ...] = ()

    def run(self, job: Any) -> Any:
        answer = super().run(job)
        told = {name: value for name, value in answer.diagnostics.items() if name not in self.without}
        return replace(answer, diagnostics=told)


@pytest.mark.parametrize(
    ("method", "success"),
    [(None, None), (qd.Schrodingerised(6, 4), None), ("modes", 0.6436)],
    ids=["exact blocks", "Schrodingerised", "modes"],
)
def test_circuits_give_the_forward_density(small: Diffusion, method: object, success: float | None) -> None:
    found = small.run(0.4, method)
    wanted = small.forward(0.4)
    assert np.abs(found.density - wanted).max() < 2e-4
    assert np.abs(small.forward(0.0) - wanted).max() > 0.02
    assert found.success_probability == pytest.approx(found.success_predicted, rel=0.01)
    assert 0.1 < found.success_probability < 0.9
    if success is not None:
        assert found.success_probability == pytest.approx(success, abs=1e-3)


def test_exact_blocks_are_of_second_order(small: Diffusion) -> None:
    wanted = small.forward(0.4)
    errors = [
        np.abs(small.run(0.4, qd.ProbabilisticITE(1.0, k, order=2, block="exact")).density - wanted).max()
        for k in (2, 4, 8)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.2)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.1)


def _double_well(w: np.ndarray) -> np.ndarray:
    return (w[:, 0] ** 2 - 1) ** 2 + 0.2 * w[:, 0]


def _tilted_bowl(w: np.ndarray) -> np.ndarray:
    return 0.5 * (w[:, 0] ** 2 + w[:, 1] ** 2 + 0.6 * w[:, 0] * w[:, 1])


@pytest.mark.parametrize(
    ("model", "t", "tolerance"),
    [
        (lambda: Diffusion(Grid((-2.4, 2.4), 5), [[0.6], [0.2], [-1.1]], _double_well, 0.5, bandwidth=0.3), 0.15, 5e-4),
        (
            lambda: Diffusion(
                Grid([(-5.5, 5.5)] * 2, 4), [[0.6, -1.0], [1.2, 0.3], [-1.1, 0.8]], _tilted_bowl, bandwidth=1.05
            ),
            0.3,
            1e-5,
        ),
    ],
    ids=["double well", "two dimensions"],
)
def test_circuits_of_other_potentials_on_aer(model: object, t: float, tolerance: float) -> None:
    made = model()  # type: ignore[operator]
    found, wanted = made.run(t, qd.ProbabilisticITE(1.0, 8, order=2, block="exact"), "aer"), made.forward(t)
    assert np.abs(found.density - wanted).max() < tolerance
    assert np.abs(made.forward(0.0) - wanted).max() > 50 * tolerance
    assert found.success_probability == pytest.approx(found.success_predicted, rel=0.01)
    assert 0.1 < found.success_probability < 0.7


@pytest.mark.parametrize("method", [None, "modes"], ids=["exact blocks", "modes"])
@pytest.mark.parametrize("backend", ["aer", "statevector"])
def test_shots_agree_with_the_reference(small: Diffusion, method: object, backend: str) -> None:
    exact, found = small.run(0.4, method), small.run(0.4, method, backend, shots=20_000, seed=3)
    assert found.kept is not None
    assert found.success_probability == pytest.approx(exact.success_probability, abs=4 * found.success_stderr)
    expected, seen = exact.born.ravel() * found.kept, found.born.ravel() * found.kept
    many = expected > 5
    rest = (max(seen[~many].sum(), 0.0), expected[~many].sum())
    assert chisquare([*seen[many], rest[0]], [*expected[many], rest[1]], sum_check=False).pvalue > 1e-4
    pull = (found.density - exact.density) / np.maximum(found.stderr, 1e-9)
    assert 0.2 < np.sqrt(np.mean(pull[found.stderr > 1e-5] ** 2)) < 1.6
    assert np.abs(found.density - exact.density).max() > 1e-5


@pytest.mark.parametrize("options", [{}, {"shots": 4000, "seed": 3}, {"condition": (0.3, None)}], ids=str)
def test_a_post_selected_method_of_a_stranger_runs_by_its_members(small: Diffusion, options: dict[str, Any]) -> None:
    """What its forecast says is what is predicted, whether or not its runs repeat it."""
    ours, theirs = small.run(0.4, OfAStranger().inner, **options), small.run(0.4, OfAStranger(), **options)
    quiet = small.run(0.4, Reporting(without=("success_predicted", "blocks")), **options)
    assert 0.1 < ours.success_predicted < 0.9
    for law in (theirs, quiet):
        assert np.array_equal(ours.density, law.density)
        assert ours.success_probability == law.success_probability
        assert ours.success_predicted == pytest.approx(law.success_predicted, rel=1e-12)
        assert ours.qubits == law.qubits
    plan = OfAStranger().forecast(small.problem(0.4), small.land.hamiltonian(0.4), (0.0, 0.4))
    if "condition" not in options:
        assert theirs.success_predicted == pytest.approx(plan.success[-1], rel=1e-12)


def test_a_post_selected_method_that_does_not_tell_what_it_keeps_is_refused(small: Diffusion) -> None:
    silent = Reporting(without=("success_probability",))
    with pytest.raises(MethodError, match="`method` must report `success_probability` in the diagnostics of its runs"):
        small.run(0.4, silent)
    shots = small.run(0.4, silent, shots=4000, seed=3)  # the kept samples are counted
    assert shots.success_probability == pytest.approx(small.run(0.4).success_predicted, abs=0.1)
    assert shots.kept == round(4000 * shots.success_probability)


@pytest.mark.parametrize(
    "method",
    [qd.ProbabilisticITE(1.0, 24, order=2, block="exact"), qd.SplitStep(24, order=2)],
    ids=["circuits", "reference"],
)
def test_data_come_back_by_the_slopes_of_waves_from_circuits(method: object) -> None:
    """End to end: every score of the reverse process is that of a wave that circuits made."""
    model = Diffusion(Grid((-6, 6), 5), WIDE)
    run = model.paths(3000, seed=4, steps=24, save=1, method=method)
    made = run.points[-1][:, 0]
    mean, variance = 0.0, 0.4 * (0.3 + 2.25) + 0.6 * (0.4 + 1.0)
    assert abs(made.mean() - mean) < 4 * np.sqrt(variance / 3000)
    assert abs(made.var() - variance) < 0.15
    assert abs((made < 0).mean() - (0.4 * 0.9969 + 0.6 * 0.0569)) < 4 * np.sqrt(0.25 / 3000)
    with pytest.raises(ProblemError, match="be a class or None"):
        model.paths(5, method=method, condition=(0, 1))


def test_error_bars_of_the_density_are_right() -> None:
    rng = np.random.default_rng(0)
    q, root = np.array([0.1, 0.2, 0.4, 0.3]), np.array([1.0, 0.8, 0.5, 0.3])
    draws = np.array([read_density(rng.multinomial(4000, q) / 4000, root, 4000)[0] for _ in range(3000)])
    stderr = read_density(q, root, 4000)[1]
    assert np.allclose(draws.std(axis=0), stderr, rtol=0.06)


def test_a_condition_is_one_more_ancilla(small: Diffusion) -> None:
    """The whole circuit, kept where every ancilla reads 0, against the run that prepares the kept wave."""
    from qiskit.quantum_info import Statevector

    method = qd.ProbabilisticITE(1.0, 2, order=2, block="exact")
    found = small.run(0.4, method, condition=(0.3, None))
    plain, circuit = small.circuit(0.4, method), small.circuit(0.4, method, condition=(0.3, None))
    assert circuit.num_qubits == plain.num_qubits + 1
    kept = np.abs(Statevector(circuit).data[:32]) ** 2
    assert kept.sum() == pytest.approx(found.success_probability, rel=1e-9)
    assert np.abs(kept / kept.sum() - found.born).max() < 1e-12
    assert np.abs(found.density - small.forward(0.4, (0.3, None))).max() < 1e-3
    assert found.success_probability < 0.6 * small.run(0.4, method).success_probability
    shots = small.run(0.4, method, "statevector", shots=5000, seed=2, condition=(0.3, None))
    assert shots.success_probability == pytest.approx(found.success_probability, abs=4 * shots.success_stderr)


def test_schrodingerised_circuit_with_a_condition_keeps_the_same_law(small: Diffusion) -> None:
    from qiskit.quantum_info import Statevector

    method = qd.Schrodingerised(6, 2)
    found = small.run(0.3, method, condition=(None, 0.5))
    circuit = small.circuit(0.3, method, condition=(None, 0.5))
    rows = Statevector(circuit).data.reshape(64, 2, 32)[:, 0]
    per_p = (np.abs(rows) ** 2).sum(axis=1)
    # p > 0 is the upper part of the register; find it by the share that is kept
    upper = np.cumsum(per_p[::-1])[::-1]
    place = int(np.argmin(np.abs(upper - found.success_probability)))
    assert upper[place] == pytest.approx(found.success_probability, rel=1e-9)
    law = (np.abs(rows[place:]) ** 2).sum(axis=0)
    assert np.abs(law / law.sum() - found.born).max() < 1e-10


def test_mode_circuits_are_small_and_exact_for_every_time() -> None:
    model = Diffusion(
        Grid([(-6, 6)] * 2, 5), diffusion.gaussian_mixture([0.5, 0.5], [[-0.8, 0.4], [0.6, 0.7]], [0.7, 0.8])
    )
    for t in (1.0, 2.5):
        found = model.run(t, "modes")
        assert np.abs(found.density - model.forward(t)).max() < 2e-5
        assert found.success_probability == pytest.approx(found.success_predicted, rel=1e-9)
    assert (
        model.circuit(4.0, "modes").num_qubits
        < model.circuit(1.0, "modes").num_qubits
        < model.circuit(0.3, "modes").num_qubits
    )
    gates = model.circuit(1.0, "modes").count_ops()
    assert set(gates) <= {"ry", "cx"}


def test_modes_are_the_oscillators() -> None:
    x = np.linspace(-16, 16, 2001)
    u = hermite_modes(x, 1.5, 12)
    assert np.abs(u @ u.T * (x[1] - x[0]) - np.eye(12)).max() < 1e-10
    assert u[3][x > 12].max() > 0 > u[3][(x > 0) & (x < 1)].min()


# Quality


def test_energy_distance_is_that_of_scipy_on_a_line() -> None:
    from scipy.stats import energy_distance

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=60), rng.normal(0.5, 1.3, size=40)
    assert diffusion.energy_distance(x, y) == pytest.approx(energy_distance(x, y) ** 2, rel=1e-12)


def test_tuned_kernels_find_the_shape_and_integrate() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(150, 2)) @ np.array([[1.0, 0.95], [0.0, 0.31]])
    kernels = diffusion.tuned_kernels(rows)
    assert kernels.kind == "covariance"
    axis = np.linspace(-6, 6, 121)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    assert np.exp(kernels.log_density(points)).sum() * 0.01 == pytest.approx(1, abs=1e-4)
    draws = kernels.sample(4000, seed=2)
    assert np.allclose(np.cov(draws.T), (1 + kernels.width**2) * np.cov(rows.T), atol=0.12)


def test_quality_runs_on_real_data_and_survives_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    from qml_dynamics.learning.diffusion import heldout

    wine, calls = rows_of("binary_perceptron/wine.csv", "alcohol", "color_intensity"), []
    real = heldout._one

    def interrupted(*given: object) -> tuple[float, ...]:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(heldout, "_one", interrupted)
    found = diffusion.quality(wine, Grid([(-5.5, 5.5)] * 2, 5), splits=5, samples=300, steps=20, seed=1)
    assert len(found.model) == 2
    assert 0.005 < found.model.mean() < 0.3
    assert found.interval[0] <= found.ratio <= found.interval[1]
    assert "ratio" in str(found)


STUDY = {
    "wine: alcohol, colour": ("binary_perceptron/wine.csv", "alcohol", "color_intensity"),
    "iris: sepals": ("iris_neuron/iris.csv", "sepal_length", "sepal_width"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(STUDY))
def test_quality_is_that_of_tuned_kernels(name: str) -> None:
    """Not more than 10 % above in the mean of 20 splits; the interval is in the page on diffusion models."""
    file, *columns = STUDY[name]
    found = diffusion.quality(rows_of(file, *columns), Grid([(-5.5, 5.5)] * 2, 6), splits=20, steps=40, seed=11)
    print(name, found)
    assert found.ratio < 1.1
    assert found.model.mean() < 1.1 * found.training.mean()
    # a law that has forgotten the data is told apart
    noise = np.random.default_rng(0).uniform(-3, 3, (500, 2))
    rows = diffusion.Scale.fit(rows_of(file, *columns)).to_box(rows_of(file, *columns))
    assert diffusion.energy_distance(noise, rows) > 3 * found.model.mean()


@pytest.mark.parametrize("which", ["quality", "command"])
def test_no_random_numbers_of_a_comparison_are_used_twice(
    which: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Split, rows of the model, folds and draws of the kernels: every generator that is made has a state of its own."""
    made, real = [], np.random.default_rng

    def noted(*given: Any) -> np.random.Generator:
        rng = real(*given)
        made.append(rng.bit_generator.state["state"]["state"])
        return rng

    wine = ROOT / "binary_perceptron" / "wine.csv"
    monkeypatch.setattr(np.random, "default_rng", noted)
    if which == "quality":
        diffusion.quality(
            rows_of("binary_perceptron/wine.csv", "alcohol", "color_intensity"),
            Grid([(-5.5, 5.5)] * 2, 4),
            splits=2,
            samples=50,
            steps=5,
            seed=1,
        )
    else:
        from qml_dynamics.cli import main

        options = ["--columns", "alcohol", "--seed", "1", "--no-plots", "--samples", "50", "--steps", "20"]
        with pytest.raises(SystemExit):
            main(["diffuse", str(wine), *options, "--out", str(tmp_path / "made")])
    assert len(made) >= 4
    assert len(set(made)) == len(made)


# Pictures


def test_pictures_show_what_they_are_given(mixture: Diffusion, iris: tuple[np.ndarray, list[str]]) -> None:
    from qml_dynamics.plotting.diffusion import plot_diffusion, plot_generated

    sde, ode = mixture.paths(60, seed=1, steps=20), mixture.paths(5, seed=1, kind="ode", steps=20)
    left, forward, back, right = plot_diffusion(mixture, sde, ode, "length").axes
    assert left.get_ylabel() == "length"
    assert forward.get_xlabel() == "time $t$"
    assert back.xaxis_inverted() != forward.xaxis_inverted()
    assert len(back.lines) == 18 + 5
    end = np.array([line.get_ydata()[-1] for line in back.lines[-5:]])
    assert np.allclose(np.sort(end), np.sort(ode.points[-1, :, 0]))
    assert len(right.patches) > 10
    model = Diffusion(Grid([(-5, 5)] * 2, 5), iris[0][:100], labels=iris[1][:100], bandwidth=0.5)
    made = model.sample(40, seed=1, steps=10)
    figure = plot_generated(model, made, iris[0][100:], {"setosa": made[:9]}, ("length", "width"))
    assert len(figure.axes) == 8
    assert figure.axes[6].collections[1].get_offsets().shape == (50, 2)
    assert figure.axes[4].get_ylabel() == "width"
    with pytest.raises(MethodError, match="have one axis"):
        plot_diffusion(model, sde)
    with pytest.raises(MethodError, match="have two axes"):
        plot_generated(mixture, made, made)


# Bad input

INSIDE = np.array([[0.1], [0.5], [-0.7]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": [[0.0], [7.5]]}, r"`data` must lie in the box .* one of 1 outside"),
        ({"data": [[0.0, 1.0]]}, r"shape \(rows, 1\), but is of shape \(1, 2\)"),
        ({"data": [[np.nan]]}, "`data` must be finite"),
        ({"data": "rows"}, "`data` must be rows of numbers"),
        ({"data": []}, r"`data` must have shape \(rows, 1\)"),
        ({"data": lambda w: -np.ones(len(w))}, "`data` must be a density"),
        ({"data": lambda w: 0 * w[:, 0]}, "`data` must be a density"),
        ({"data": lambda w: np.exp(-(w[:, 0] ** 2) / 20)}, "`data` must have tails that fall faster"),
        ({"bandwidth": 0.01}, "`bandwidth` must be at least 0.14"),
        ({"bandwidth": -1.0}, "`bandwidth` must be a positive number"),
        ({"temperature": 0.0}, "`temperature` must be a positive number"),
        ({"t_max": -1.0}, "`t_max` must be a positive number"),
        ({"potential": "uo"}, "Did you mean 'ou'"),
        ({"temperature": 9.0}, "`domain` must reach out"),
        ({"labels": ["a", "b"]}, "`labels` must be one class for each of 3 rows"),
        ({"domain": qd.Hypercube(3)}, "`domain` must be a periodic Grid"),
        ({"domain": Grid((-6, 6), 7, boundary="walls")}, "`domain` must be a periodic Grid"),
    ],
)
def test_bad_statements(change: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"domain": LINE, "data": INSIDE, **change}
    with pytest.raises(ProblemError, match=words):
        Diffusion(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.forward(-0.1), "`t` must be a number that is not negative"),
        (lambda m: m.score(0.1, [[9.0]]), "`points` must lie in the box"),
        (lambda m: m.circuit(0.0), "`t` must be a positive number"),
        (lambda m: m.run(-1.0), "`t` must be a positive number"),
        (lambda m: m.problem(0), "`t` must be a positive number"),
        (lambda m: m.sample(0), "`n` must be an integer between 1"),
        (lambda m: m.sample(5, kind="sdd"), "Did you mean 'sde'"),
        (lambda m: m.sample(5, steps=0), "`steps` must be an integer"),
        (lambda m: m.sample(5, order=4), r"`order` must be one of \(1, 2\) for kind 'sde'"),
        (lambda m: m.sample(5, condition="cats"), "for data without `labels`"),
        (lambda m: m.sample(5, condition=(5.0, 5.9)), "`condition` must have a probability of at least 1e-06"),
        (lambda m: m.sample(5, condition=(2.0, 1.0)), "low < high"),
        (lambda m: m.sample(5, condition=[(0, 1), (0, 1)]), "one pair"),
        (lambda m: m.sample(5, condition=3.5), "`condition` must be the name of a class"),
        (lambda m: m.sample(5, condition=lambda w: 2 * np.ones(len(w))), "booleans or probabilities"),
        (lambda m: m.paths(5, save=3), "`save` must be None, 1 or a list"),
        (lambda m: m.run(0.4, method=qd.QITE(2, 2)), "`method` must be ProbabilisticITE, Schrodingerised or 'modes'"),
        (lambda m: m.run(0.4, method="mode"), "'modes'"),
        (lambda m: m.run(0.4, shots=0), "`shots`"),
    ],
)
def test_bad_calls(small: Diffusion, call: object, words: str) -> None:
    with pytest.raises((ProblemError, MethodError), match=words):
        call(small)  # type: ignore[operator]


def test_unknown_class_and_modes_of_another_potential() -> None:
    model = Diffusion(LINE, INSIDE, potential="free", labels=["a", "a", "b"], bandwidth=0.4)
    with pytest.raises(ProblemError, match="must be one of a, b"):
        model.sample(3, condition="aa")
    with pytest.raises(MethodError, match="must be another one than 'modes'"):
        model.circuit(0.5, "modes")


# Command line


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from qml_dynamics.cli import main

    file = str(ROOT / "iris_neuron/iris.csv")
    options = [
        "--columns",
        "petal_width",
        "--samples",
        "200",
        "--steps",
        "30",
        "--program",
        "modes",
        "--seed",
        "2",
        "--json",
    ]
    with pytest.raises(SystemExit) as end:
        main(["diffuse", file, *options, "--out", str(tmp_path)])
    assert end.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == {"training": 105, "held_out": 45}
    assert told["energy_distance_to_held_out"]["generated"] < 0.3
    made = np.genfromtxt(tmp_path / "samples.csv", delimiter=",", names=True)
    assert made.dtype.names == ("petal_width",)
    assert len(made) == 200
    assert 0.9 < made["petal_width"].mean() < 1.5
    assert (tmp_path / "modes.qasm").read_text(encoding="utf-8").startswith("OPENQASM 3.0;")
    assert (tmp_path / "diffusion.png").stat().st_size > 20_000


def test_command_line_with_a_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from qml_dynamics.cli import main

    (tmp_path / "iris.csv").write_bytes((ROOT / "iris_neuron/iris.csv").read_bytes())
    (tmp_path / "d.toml").write_text(
        '[data]\nfile = "iris.csv"\ncolumns = ["petal_length", "petal_width"]\nlabel = "species"\n'
        '[grid]\nbounds = [-5, 5]\nqubits = 5\n[sample]\nn = 60\nsteps = 20\nkind = "ode"\n',
        encoding="utf-8",
    )
    with pytest.raises(SystemExit) as end:
        main(["diffuse", str(tmp_path / "d.toml"), "--condition", "setosa", "--out", str(tmp_path), "--no-plots"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert "condition: setosa, of probability 0." in out
    made = np.loadtxt(tmp_path / "samples.csv", delimiter=",", skiprows=1)
    assert abs(made[:, 0].mean() - 1.46) < 0.4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[data]\nfil = "x.csv"\n', "[data] key"),
        ('[dat]\nfile = "x.csv"\n', "Did you mean 'data'"),
        ('[data]\nfile = "none.csv"\n', "none.csv"),
        ("[grid]\nqubits = 5\n", "[data] file"),
        ("= 3", "cannot be read"),
    ],
)
def test_command_line_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    from qml_dynamics.cli import main

    (tmp_path / "diffusion.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        main(["diffuse", str(tmp_path), "--out", str(tmp_path)])
    assert end.value.code == 2
    assert words in capsys.readouterr().err


def test_one_split_has_no_interval() -> None:
    """What other splits would give is not known, where an interval without width told that it is."""
    rows = np.random.default_rng(0).standard_normal((40, 1))
    found = diffusion.quality(rows, Grid((-6.0, 6.0), 4), splits=1, samples=50, steps=5, seed=1)
    assert found.interval == (0.0, np.inf)
    assert np.isfinite(found.ratio)
    assert "(0.000 to inf)" in " ".join(str(found).split())
