"""Iterative learning as the order-1 and order-2 limits of the equation, against plain gradient descent and Newton on one loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

import qml_dynamics as qd
from qml_dynamics.learning.iterative import equation_path, gradient_descent, iterative_learning, newton, taylor_path

FILE = qd.read_problem(Path(__file__).parents[2] / "circuits" / "iris_neuron")
IRIS = FILE.problem.replace(diffusion=0.7, domain=qd.Grid([(-12, 12), (-12, 12)], 6))
START = np.array([-2.0, 1.0])


def logistic(w: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss, gradient and Hessian of the neuron, written out here."""
    X, y = FILE.dataset.X_train, 2.0 * FILE.dataset.y_train - 1
    margin = y * (X @ w)
    p = 1 / (1 + np.exp(margin))
    loss = np.log1p(np.exp(-margin)).mean() + 0.005 * w @ w
    hessian = (X * (p * (1 - p))[:, None]).T @ X / len(y) + 0.01 * np.eye(2)
    return loss, -(X * (y * p)[:, None]).mean(axis=0) + 0.01 * w, hessian


def test_order_one_is_gradient_descent() -> None:
    tau = 1.3
    path, w = taylor_path(IRIS, START, 1, tau, 8), START
    assert path.shape == (9, 2)
    for here in path[1:]:
        w = w - 0.7 * tau**2 * logistic(w)[1]
        assert np.allclose(here, w, atol=1e-10)
    assert np.allclose(gradient_descent(IRIS.objective, START, 0.7 * tau**2, 8), path, atol=1e-10)
    assert logistic(path[-1])[0] < 0.4 * logistic(START)[0]


def test_order_two_tends_to_newton() -> None:
    w, exact = START, [START]
    for _ in range(5):
        _, g, k = logistic(w)
        w = w - np.linalg.solve(k, g)
        exact.append(w)
    assert np.allclose(newton(IRIS.objective, START, 5), exact, atol=1e-6)
    gaps = [np.abs(taylor_path(IRIS, START, 2, tau, 5) - exact).max() for tau in (10.0, 30.0, 100.0)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-5
    best = minimize(lambda v: logistic(v)[0], START, jac=lambda v: logistic(v)[1], tol=1e-10)
    assert logistic(exact[-1])[0] == pytest.approx(best.fun, abs=1e-7)


def test_order_two_is_damped_along_each_direction() -> None:
    """``1 - 1 / cosh(w tau)`` of the Newton step, and gradient descent for a short tau."""
    _, g, k = logistic(START)
    curvature, modes = np.linalg.eigh(k)
    for tau in (0.5, 2.0, 6.0):
        share = 1 - 1 / np.cosh(np.sqrt(2 * 0.7 * curvature) * tau)
        step = -modes @ (share / curvature * (modes.T @ g))
        assert np.allclose(taylor_path(IRIS, START, 2, tau, 1)[1] - START, step, atol=1e-7)
    short = taylor_path(IRIS, START, 2, 0.02, 1)[1] - START
    assert np.allclose(short, -0.7 * 0.02**2 * g, rtol=1e-4)


def test_the_equation_itself_on_a_bowl_is_order_two() -> None:
    """A bowl with a tilt, two unequal axes; every restart starts between the points of the first grid."""
    bowl = qd.Problem(
        qd.Grid([(-9, 9), (-8, 10)], 6),
        lambda w: 0.6 * w[:, 0] ** 2 + 0.3 * (w[:, 1] - 1) ** 2 + 0.25 * w[:, 0] * w[:, 1],
        0.5,
        clock="imaginary",
        duration=1.0,
    )
    wanted = taylor_path(bowl, [1.1, -0.7], 2, 1.2, 3)
    seen = equation_path(bowl, [1.1, -0.7], 1.2, 3, steps=80)
    assert np.abs(seen - wanted).max() < 2e-4
    assert np.abs(wanted[-1] - wanted[0]).min() > 0.2


def test_all_of_them_on_the_iris_neuron() -> None:
    """The numbers of the picture in docs/gibbs.md."""
    paths = qd.iterative_learning(IRIS.replace(diffusion=1.0), START, 1.0, 10)
    assert paths.learning_rate == pytest.approx(1.0)
    assert np.abs(paths.order1 - paths.gradient_descent).max() < 1e-10
    assert np.abs(paths.order2_long - paths.newton).max() < 2e-3
    assert paths.losses("order1")[-1] == pytest.approx(0.22088, abs=1e-4)
    assert paths.losses("equation")[-1] == pytest.approx(0.21029, abs=5e-4)
    assert paths.losses("newton")[4] == pytest.approx(0.17695, abs=1e-5)
    assert np.all(np.diff(paths.losses("equation")) < 0)
    first = {name: paths.losses(name)[1] for name in ("order1", "order2", "equation")}
    assert abs(first["order2"] - first["equation"]) < 0.3 * abs(first["order1"] - first["equation"])


def test_picture() -> None:
    from qml_dynamics.plotting.laws import plot_iterative

    paths = qd.iterative_learning(IRIS, START, 1.0, 2)
    figure = plot_iterative(paths)
    left, right = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in right.get_lines()}
    assert len(lines) == 6
    assert lines["Newton"][0] == pytest.approx(paths.losses("newton")[0] - paths.losses("newton").min(), rel=1e-3)
    assert left.get_xlabel() == "weight $w_{0}$"
    line = qd.Problem(qd.Grid((-6, 6), 5), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=1.0)
    with pytest.raises(qd.MethodError, match="two weights"):
        plot_iterative(qd.iterative_learning(line, 1.0, 1.0, 1))


def test_bad_input() -> None:
    with pytest.raises(qd.ProblemError, match="`restarts`"):
        taylor_path(IRIS, START, 1, 1.0, -1)
    with pytest.raises(qd.ProblemError, match="`start` must stay within the box"):
        equation_path(IRIS, [20.0, 0.0], 1.0, 1)
    with pytest.raises(qd.ProblemError, match="`tau`"):
        equation_path(IRIS, START, 0.0, 1)


def test_a_driven_problem_is_refused() -> None:
    """Each restart would begin the schedule anew, and stretch it in one of the paths only."""
    driven = qd.Problem(
        qd.Grid((-4, 4), 5), lambda w: w[:, 0] ** 2, qd.Linear(0.5, 0.1), clock="imaginary", duration=1.0
    )
    with pytest.raises(qd.ProblemError, match="must have a constant diffusion and strength"):
        iterative_learning(driven, 0.5, 0.3, 2)
