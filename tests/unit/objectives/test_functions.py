"""The named functions: places and values of their minima, against values typed from the literature."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

import qml_dynamics as qd
from qml_dynamics import objectives
from qml_dynamics.base.errors import ProblemError

# name: (box, minimizer, minimum) of the benchmark of quantum Hamiltonian descent, to the digits published there
BENCHMARK = {
    "ackley": ((-32.768, 32.768), (0, 0), 0),
    "ackley2": ((-32, 32), (0, 0), -200),
    "alpine1": ((-10, 10), (0, 0), 0),
    "alpine2": ((0, 10), (7.9171, 7.9171), -7.8856),
    "bohachevsky2": ((-5, 5), (0, 0), 0),
    "camel3": ((-2, 2), (0, 0), 0),
    "csendes": ((-1, 1), (0, 0), 0),
    "defl_corr_spring": ((0, 10), (5, 5), -1),
    "dropwave": ((-5.12, 5.12), (0, 0), -1),
    "easom": ((-10, 10), (0, 0), -1),
    "griewank": ((-10, 10), (0, 0), 0),
    "holder": ((0, 10), (8.05502, 9.66459), -19.2085),
    "hosaki": ((0, 5), (4, 2), -2.34581),
    "levy": ((-10, 10), (1, 1), 0),
    "levy13": ((-10, 10), (1, 1), 0),
    "michalewicz": ((0, 3.14159), (2.20291, 1.57080), -1.8013),
    "rastrigin": ((-5.12, 5.12), (0, 0), 0),
    "rosenbrock": ((-1.5, 1.5), (1, 1), 0),
    "shubert": ((-2, 2), (-0.71462, 1.08495), -11.7055),
    "styblinski_tang": ((-5, 5), (-2.90353, -2.90353), -1.00426),
    "sumofsquares": ((-1, 1), (0, 0), 0),
    "xinsheyang3": ((-20, 20), (0, 0), -1),
}
CLASSICS = {
    "branin": ((3.14159, 2.275), 0.397887),
    "himmelblau": ((3, 2), 0),
    "beale": ((3, 0.5), 0),
    "mccormick": ((-0.54720, -1.54720), -1.91322),
    "goldstein_price": ((0, -1), 3),
}
# a value away from the minimum, worked out by hand or with a pocket calculator, for each formula
SPOT = {
    "ackley": ((1, 1), 20 - 20 * math.exp(-0.2)),
    "ackley2": ((3, 4), -200 / math.e),
    "alpine1": ((math.pi, -math.pi), 0.2 * math.pi),
    "alpine2": ((math.pi / 2, math.pi / 2), -math.pi / 2),
    "bohachevsky2": ((1, 2), 9.6),
    "camel3": ((1, 2), 2 - 1.05 + 1 / 6 + 6),
    "csendes": ((1 / math.pi, 2 / math.pi), 2 / math.pi**6 + 3 * (2 / math.pi) ** 6),
    "defl_corr_spring": ((8, 9), 2.5 - math.cos(25)),
    "dropwave": ((3, 4), -(1 + math.cos(60)) / 14.5),
    "easom": ((math.pi, 0), math.exp(-(math.pi**2))),
    "griewank": ((math.pi, 0), math.pi**2 / 4000 + 2),
    "holder": ((math.pi / 2, 0), -math.exp(0.5)),
    "hosaki": ((1, 1), (1 - 8 + 7 - 7 / 3 + 0.25) / math.e),
    "levy": ((3, 1), 1 + 0.25 * (1 + 10 * math.cos(1) ** 2)),
    "levy13": ((1.5, 1), 0.05 * 1.25),
    "michalewicz": ((math.pi / 2, 0), -(0.5**10)),
    "rastrigin": ((0.5, 2), 0.25 + 20 + 4),
    "rosenbrock": ((0, 2), 4.01),
    "shubert": ((0, 0), (math.cos(1) + 2 * math.cos(2) + 3 * math.cos(3)) * (math.cos(1) + math.cos(2))),
    "styblinski_tang": ((1, 2), (-10 - 38) / 156),
    "sumofsquares": ((1, 2), 9),
    "xinsheyang3": ((15, 15), math.exp(-2)),
    "branin": ((0, 6), 10 * (1 - 1 / (8 * math.pi)) + 10),
    "himmelblau": ((0, 0), 170),
    "beale": ((0, 0), 1.5**2 + 2.25**2 + 2.625**2),
    "mccormick": ((1, 2), math.sin(3) + 1 - 1.5 + 5 + 1),
    "goldstein_price": ((1, 1), 28 * 67),
}
NAMES = [*BENCHMARK, *CLASSICS]
SYMMETRIC = {  # f(x, y) = f(y, x), by the formulas
    *("ackley", "ackley2", "alpine1", "alpine2", "csendes", "defl_corr_spring", "dropwave", "easom"),
    *("rastrigin", "styblinski_tang", "xinsheyang3"),
}


def random_points(objective: objectives.Objective, count: int, margin: float = 0.0) -> np.ndarray:
    low, high = np.array(objective.bounds).T
    edge = margin * (high - low)
    return np.random.default_rng(3).uniform(low - edge, high + edge, (count, len(low)))


def test_every_name_is_registered_once_and_exported():
    assert set(objectives.NAMED) == {*NAMES, "quadratic", "double_well"}
    for name, factory in objectives.NAMED.items():
        assert getattr(objectives, name) is factory
        assert name in objectives.__all__
        assert factory().name == factory.__name__ == name
        assert factory.__doc__


@pytest.mark.parametrize("name", BENCHMARK)
def test_box_and_minimum_are_those_of_the_benchmark(name):
    box, place, least = BENCHMARK[name]
    objective = objectives.named(name)
    assert np.array(objective.bounds) == pytest.approx(np.array([box, box]), abs=1e-5)
    assert objective.minimizer == pytest.approx(place, abs=6e-5)
    assert objective.minimum == pytest.approx(least, abs=6e-5)
    assert dict(objective.spec) == {"name": name}


@pytest.mark.parametrize("name", CLASSICS)
def test_minimum_of_the_usual_functions(name):
    place, least = CLASSICS[name]
    assert objectives.named(name).minimizer == pytest.approx(place, abs=1e-5)
    assert objectives.named(name).minimum == pytest.approx(least, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_value_at_the_minimizer_is_the_minimum(name):
    objective = objectives.named(name)
    assert objective(np.array([objective.minimizer]))[0] == pytest.approx(objective.minimum, abs=1e-13, rel=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_search_of_the_box_finds_the_stated_minimum(name):
    objective = objectives.named(name)
    (a, b), (c, d) = objective.bounds
    mesh = np.stack(np.meshgrid(np.linspace(a, b, 401), np.linspace(c, d, 401), indexing="ij"), -1).reshape(-1, 2)
    values = objective(mesh)
    starts = mesh[np.argsort(values)[:5]]
    options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 2000}
    runs = [
        minimize(lambda w: objective(w)[0], s, method="Nelder-Mead", bounds=objective.bounds, options=options)
        for s in starts
    ]
    found = min(runs, key=lambda run: run.fun)
    assert found.fun == pytest.approx(objective.minimum, abs=1e-7)
    assert values.min() >= objective.minimum - 1e-12
    if name not in ("branin", "himmelblau", "csendes"):  # several minima; flat to the sixth order
        assert found.x == pytest.approx(objective.minimizer, abs=1e-3)


@pytest.mark.parametrize("name", SPOT)
def test_value_at_another_point(name):
    place, value = SPOT[name]
    assert objectives.named(name)(np.array([place], dtype=float))[0] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_symmetry_under_exchange_of_the_weights(name):
    objective = objectives.named(name)
    points = random_points(objective, 200)
    difference = np.abs(objective(points) - objective(points[:, ::-1])).max()
    if name in SYMMETRIC:
        assert difference < 1e-10
    else:
        assert difference > 1e-3 * np.ptp(objective(points))


@pytest.mark.parametrize("name", NAMES)
def test_finite_on_the_box_its_axes_and_a_bit_outside(name):
    objective = objectives.named(name)
    points = random_points(objective, 2000, margin=0.05)
    edges = np.array(np.meshgrid(*objective.bounds)).reshape(2, -1).T
    special = np.array([[0.0, 0.0], [0.0, 0.3], [1e-200, -1e-300], [-1e-9, 1.0]])
    everything = np.concatenate([points, edges, special])
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(objective(everything)).all()
    assert np.isfinite(objective.gradient(points[:50])).all()


def test_csendes_is_continuous_on_the_axes():
    values = objectives.csendes()(np.array([[0.0, 0.5], [1e-9, 0.5], [0.0, 0.0]]))
    assert values[0] == pytest.approx(values[1], abs=1e-15)
    assert values[0] == pytest.approx(0.5**6 * (2 + math.sin(2)))
    assert values[2] == 0.0


def test_a_wrong_number_of_weights_is_refused():
    with pytest.raises(ProblemError, match="`ackley` takes 2 weights, but the points have 3"):
        objectives.ackley()(np.zeros((4, 3)))


def _noise(points: np.ndarray) -> np.ndarray:
    return (points**2).sum(axis=1) + 0.05 * np.random.default_rng().standard_normal(len(points))


def _same_noise_each_call(points: np.ndarray) -> np.ndarray:
    return (points**2).sum(axis=1) + 0.05 * np.random.default_rng(3).standard_normal(len(points))


def _of_the_batch(points: np.ndarray) -> np.ndarray:
    return points.sum(axis=1) + 0.1 * np.arange(len(points))  # one answer a call, and another beside other points


@pytest.mark.parametrize("loss", [_noise, _same_noise_each_call, _of_the_batch])
@pytest.mark.parametrize("domain", [qd.Grid((-3, 4), 4), qd.Grid([(-3, 4), (0, 2)], 2), qd.Hypercube(4)])
def test_a_loss_with_two_answers_for_one_point_is_refused(loss, domain):
    with pytest.raises(ProblemError, match="must have one value at a point, but has") as caught:
        objectives.Objective(loss, "coin").on(domain)
    assert "`coin`" in str(caught.value)


def test_a_loss_in_single_precision_is_one_loss():
    def single(points):
        return ((points.astype(np.float32) ** 2).sum(axis=1) * np.float32(1e3) + np.float32(0.1)).astype(float)

    table = objectives.Objective(single).on(qd.Grid((-3, 4), 5))
    assert table.shape == (32,)
    assert np.ptp(table) > 1e3


@pytest.mark.parametrize("unit", [1.0, 1e-13, 1e-21])
def test_a_random_loss_is_refused_in_any_unit(unit):
    rng, grid = np.random.default_rng(0), qd.Grid((-1, 1), 4)
    with pytest.raises(ProblemError, match="must have one value at a point, but has"):
        objectives.Objective(lambda w: unit * rng.random(len(w))).table(grid)


def test_rounding_of_a_loss_that_is_zero_is_no_random_loss():
    """Its last bits may differ with the points beside it: what is left of larger terms that cancel, the same each time."""
    grid = qd.Grid((-1, 1), 4)

    def flat(w):
        return np.where(len(w) > 4, 1e-16, -1e-16) * np.ones(len(w))

    assert np.abs(objectives.Objective(flat).table(grid)).max() == 1e-16
    with pytest.raises(ProblemError, match="must have one value at a point, but has"):
        objectives.Objective(lambda w: 1e6 * flat(w)).table(grid)
