"""Names, parameters, the model potentials, and the unit box."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from qml_dynamics import objectives
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.objectives import double_well, named, quadratic, unit_box


def finite_difference(objective, points, step=1e-6):
    shifts = np.eye(points.shape[1]) * step
    return np.stack([(objective(points + s) - objective(points - s)) / (2 * step) for s in shifts], axis=1)


def rebuilt(objective):
    return named(objective.spec["name"], **objective.spec.get("params", {}))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(
        ProblemError, match=r"`name` must be one of ackley, .*but is 'rastrigan'. Did you mean 'rastrigin'"
    ):
        named("rastrigan")


def test_an_unknown_parameter_is_refused_with_the_known_ones():
    with pytest.raises(
        ProblemError, match="`params` of `double_well` must be among height, tilt, unit_box, but is depth"
    ):
        named("double_well", depth=2)
    with pytest.raises(ProblemError, match="`params` of `ackley` must be among unit_box"):
        named("ackley", dim=3)
    with pytest.raises(ProblemError, match="`unit_box` must be true or false, but is 3"):
        named("ackley", unit_box=3)
    with pytest.raises(ProblemError, match="`params` of `qubo` must be among Q, unit_box, but is nothing"):
        named("qubo")


def test_quadratic_is_half_the_curvature_times_the_square():
    bowl = quadratic(center=(1.0, -2.0), curvature=(3.0, 0.5))
    points = np.random.default_rng(0).normal(size=(20, 2))
    assert bowl(points) == pytest.approx(1.5 * (points[:, 0] - 1) ** 2 + 0.25 * (points[:, 1] + 2) ** 2)
    assert bowl.gradient(points) == pytest.approx(finite_difference(bowl, points), abs=1e-7)
    assert bowl.minimizer == (1.0, -2.0)
    assert rebuilt(bowl)(points) == pytest.approx(bowl(points))


def test_quadratic_takes_its_dimension_from_its_arguments():
    assert quadratic().minimizer == (0.0,)
    assert quadratic(2.0, dim=3).minimizer == (2.0, 2.0, 2.0)
    assert quadratic(curvature=[1, 2]).bounds == ((-4.0, 4.0), (-4.0, 4.0))
    assert quadratic(curvature=-1.0).minimum is None


def test_quadratic_refuses_bad_arguments():
    with pytest.raises(ProblemError, match="`center` must be one number or one for each of 3 weights"):
        quadratic(center=(0, 1), dim=3)
    with pytest.raises(ProblemError, match="`curvature` must be a number, but is nan"):
        quadratic(curvature=float("nan"))
    with pytest.raises(ProblemError, match="`dim` must be an integer between 1 and 60, but is 0"):
        quadratic(dim=0)
    with pytest.raises(ProblemError, match="`quadratic` takes 2 weights, but the points have 1"):
        quadratic(dim=2)(np.zeros((3, 1)))


@pytest.mark.parametrize(("height", "tilt"), [(1.0, 0.3), (2.0, -0.5), (1.0, 10.0), (0.1, -8.0), (1.0, 1e-6)])
def test_double_well_states_its_deeper_well(height, tilt):
    well = double_well(height, tilt)
    side = -np.sign(tilt)
    edge = well.bounds[0][1]
    found = minimize_scalar(
        lambda x: well([[x]])[0], bounds=sorted((0.0, side * edge)), method="bounded", options={"xatol": 1e-12}
    )
    assert well.minimum == pytest.approx(found.fun, abs=1e-9)
    assert well.minimizer[0] == pytest.approx(found.x, abs=1e-5)
    grid = np.linspace(-edge, edge, 4001)[:, None]
    assert well(grid).min() >= well.minimum - 1e-12
    assert well.gradient([well.minimizer]) == pytest.approx(0, abs=1e-9)
    assert well.gradient(grid[::100]) == pytest.approx(finite_difference(well, grid[::100]), abs=1e-5)


def test_double_well_without_tilt_has_height_at_the_barrier():
    well = double_well(3.0)
    assert well(np.array([[-1.0], [0.0], [1.0], [2.0]])) == pytest.approx([0, 3, 0, 27])
    assert (well.minimum, well.minimizer, well.bounds) == (0.0, (-1.0,), ((-2.0, 2.0),))
    assert rebuilt(double_well(2.0, 0.25)).minimum == double_well(2.0, 0.25).minimum


def test_double_well_refuses_bad_arguments():
    with pytest.raises(ProblemError, match="`height` must be a positive number, but is 0"):
        double_well(0)
    with pytest.raises(ProblemError, match="`tilt` must be a number, but is 'left'"):
        double_well(1.0, "left")


@pytest.mark.parametrize("name", ["ackley", "alpine2", "holder", "levy13", "michalewicz", "hosaki"])
def test_unit_box_is_the_published_normalisation(name):
    plain, unit = named(name), named(name, unit_box=True)
    (low, high), _ = plain.bounds
    y = np.random.default_rng(1).uniform(size=(50, 2))
    x = low + (high - low) * y
    assert unit(y) == pytest.approx((plain(x) - plain.minimum) / (high - low), abs=1e-12)
    assert unit([unit.minimizer])[0] == pytest.approx(0, abs=1e-12)
    assert (unit.minimum, unit.bounds) == (0.0, ((0.0, 1.0), (0.0, 1.0)))
    assert dict(unit.spec) == {"name": name, "params": {"unit_box": True}}
    assert rebuilt(unit)(y) == pytest.approx(unit(y))


def test_unit_box_keeps_the_size_of_the_gradient():
    plain = quadratic(center=(1.0, 2.0), curvature=(1.0, 3.0))
    unit = unit_box(plain)
    y = np.random.default_rng(2).uniform(size=(10, 2))
    x = np.array(plain.bounds)[:, 0] + 8 * y
    assert unit.gradient(y) == pytest.approx(plain.gradient(x))
    assert unit.gradient(y) == pytest.approx(finite_difference(unit, y), abs=1e-6)
    assert rebuilt(unit)(y) == pytest.approx(unit(y))


def test_unit_box_of_a_rectangle_maps_each_axis_and_divides_by_the_longest():
    plain, unit = named("mccormick"), unit_box(named("mccormick"))
    corner = unit(np.array([[1.0, 0.0]]))[0]
    assert corner == pytest.approx((plain(np.array([[4.0, -3.0]]))[0] - plain.minimum) / 7.0)


def test_unit_box_needs_bounds_and_a_minimum():
    with pytest.raises(ProblemError, match="`objective` must have bounds and a minimum, but `expression` lacks one"):
        unit_box(objectives.expression("x0"))
    with pytest.raises(ProblemError, match="`ackley` takes 2 weights, but the points have 1"):
        named("ackley", unit_box=True)(np.zeros((3, 1)))
