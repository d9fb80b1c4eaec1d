"""The Taylor hierarchy: polynomials, and the three limits of iterative learning against the equation itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.model.taylor_polynomials import hessian, taylor, taylor_step


def wavy(w: np.ndarray) -> np.ndarray:
    return np.sin(w[:, 0]) * np.exp(0.5 * w[:, 1]) + w[:, 0] ** 3


PLANE = qd.Problem(qd.Grid([(-2, 2), (-2, 2)], 3), wavy, 0.5, clock="imaginary", duration=1.0)


def population(p: qd.Problem, steps: int = 600) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean and covariance of psi itself as a density, and log of its integral over that at the start."""
    run = qd.evolve(p, qd.SplitStep(steps, order=4))
    points = p.domain.points
    out = []
    for wave in run.states:
        u = wave.real.reshape(-1)
        out.append((u.sum(), u / u.sum()))
    law = out[-1][1]
    mean = law @ points
    centred = points - mean
    mass = float(np.log(out[-1][0] / out[0][0]) + run.log_norm[-1])
    return mean, (centred * law[:, None]).T @ centred, mass


def test_polynomials_of_each_order() -> None:
    about = np.array([0.3, -0.4])
    slope = np.array([np.cos(0.3) * np.exp(-0.2) + 3 * 0.09, 0.5 * np.sin(0.3) * np.exp(-0.2)])
    k = np.array(
        [
            [-np.sin(0.3) * np.exp(-0.2) + 6 * 0.3, 0.5 * np.cos(0.3) * np.exp(-0.2)],
            [0.5 * np.cos(0.3) * np.exp(-0.2), 0.25 * np.sin(0.3) * np.exp(-0.2)],
        ]
    )
    value = wavy(about[None])[0]
    w = np.array([[0.5, 0.1], [-1.0, 0.7]])
    y = w - about
    wanted = [np.full(2, value), value + y @ slope, value + y @ slope + 0.5 * np.einsum("mi,ij,mj->m", y, k, y)]
    for order in (0, 1, 2):
        loss = taylor(PLANE, about, order).objective
        assert np.allclose(loss(w), wanted[order], atol=1e-7)
        assert np.allclose(loss.gradient(about[None])[0], slope if order else 0.0, atol=1e-8)
    assert np.abs(wanted[2] - wavy(w)).max() > 0.05  # it is not the loss itself
    assert np.allclose(hessian(PLANE.objective, about), k, atol=1e-7)


def test_the_error_of_a_polynomial_falls_with_its_order() -> None:
    about = np.array([0.3, -0.4])
    for order in (0, 1, 2):
        loss = taylor(PLANE, about, order).objective
        far, near = (
            np.abs(loss(about + s * np.array([[1.0, 0.5]])) - wavy(about + s * np.array([[1.0, 0.5]])))[0]
            for s in (0.2, 0.1)
        )
        assert np.log2(far / near) == pytest.approx(order + 1, abs=0.35)


def test_a_polynomial_is_written_and_read_as_an_expression() -> None:
    p = taylor(PLANE, [0.3, -0.4], 2)
    again = qd.objectives.expression(p.objective.spec["expression"])
    w = np.random.default_rng(1).normal(size=(5, 2))
    assert np.allclose(again(w), p.objective(w), atol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_one_restart_is_the_closed_form(order: int) -> None:
    """From one grid point; where zeta is not periodic, its jump at the edge of the box is worth some 1e-5."""
    tau = 0.5
    p = qd.Problem(qd.Grid((-7, 8), 9), lambda w: 0.6 * w[:, 0] ** 2 + 0.4 * w[:, 0] + 0.3, 0.5, clock="imaginary",
                   duration=tau, initial=qd.PointMass(1.0))  # fmt: skip
    about = float(p.domain.axes[0][p.initial.index(p.domain)[0]])
    mean, covariance, mass = population(taylor(p, about, order))
    step = taylor_step(p, about, order, tau)
    assert mean[0] == pytest.approx(step.mean[0], abs=1e-4)
    assert covariance[0, 0] == pytest.approx(step.covariance[0, 0], abs=1e-4)
    assert mass == pytest.approx(step.log_mass, abs=1e-4)
    slope = 1.2 * about + 0.4
    if order == 0:
        assert step.mean[0] == about
    elif order == 1:
        assert step.learning_rate == pytest.approx(0.5 * tau**2)
        assert step.mean[0] == pytest.approx(about - step.learning_rate * slope)
    else:
        newton = about - slope / 1.2
        contraction = 1 / np.cosh(np.sqrt(2 * 0.5 * 1.2) * tau)
        assert step.mean[0] == pytest.approx(newton + contraction * (about - newton))


def test_the_born_reading_has_half_of_the_variance_and_of_the_temperature() -> None:
    p = qd.Problem(
        qd.Grid((-7, 8), 9), lambda w: 0.8 * w[:, 0], 0.5, clock="imaginary", duration=0.5, initial=qd.PointMass(1.0)
    )
    _, population_variance, _ = population(p)
    run = qd.evolve(p, qd.SplitStep(600, order=4), observables={"x": lambda w: w[:, 0], "x2": lambda w: w[:, 0] ** 2})
    born = run.expectations["x2"].value[-1] - run.expectations["x"].value[-1] ** 2
    assert population_variance[0, 0] == pytest.approx(2 * 0.5 * 0.5, rel=2e-5)
    assert born == pytest.approx(0.5 * population_variance[0, 0], rel=2e-5)


def test_two_dimensions_contract_in_the_eigenbasis_of_the_hessian() -> None:
    k = np.array([[1.3, 0.4], [0.4, 0.6]])
    p = qd.Problem(qd.Grid([(-6, 6.4), (-6, 6.4)], 6), lambda w: 0.5 * np.einsum("mi,ij,mj->m", w, k, w), 0.5, clock="imaginary",
                   duration=0.7, initial=qd.PointMass([1.0, -0.5]))  # fmt: skip
    about = [float(axis[i]) for axis, i in zip(p.domain.axes, p.initial.index(p.domain))]
    mean, covariance, _ = population(p, steps=200)
    step = taylor_step(p, about, 2, 0.7)
    assert np.allclose(mean, step.mean, atol=1e-5)
    assert np.allclose(covariance, step.covariance, atol=1e-5)
    assert abs(covariance[0, 1]) > 0.01


def test_a_negative_curvature_escapes_until_the_kernel_blows_up() -> None:
    p = qd.Problem(
        qd.Grid((-5.5, 6), 9),
        lambda w: -0.4 * w[:, 0] ** 2,
        0.5,
        clock="imaginary",
        duration=0.5,
        initial=qd.PointMass(0.5),
    )
    about = float(p.domain.axes[0][p.initial.index(p.domain)[0]])
    step = taylor_step(p, about, 2, 0.5)
    mean, covariance, mass = population(p)
    assert step.mean[0] > about  # away from the top
    assert mean[0] == pytest.approx(step.mean[0], abs=1e-5)
    assert covariance[0, 0] == pytest.approx(step.covariance[0, 0], abs=1e-5)
    assert mass == pytest.approx(step.log_mass, abs=1e-5)
    with pytest.raises(qd.ProblemError, match=r"`tau` must be below 1\.756"):
        taylor_step(p, about, 2, 1.9)


def test_small_curvature_tends_to_the_gradient_step() -> None:
    for k in (1e-9, -1e-9, 1e-5):
        p = qd.Problem(
            qd.Grid((-3, 3), 4),
            lambda w, k=k: 0.8 * w[:, 0] + 0.5 * k * w[:, 0] ** 2,
            0.5,
            clock="imaginary",
            duration=1.0,
        )
        soft, straight = taylor_step(p, 0.0, 2, 0.6), taylor_step(p, 0.0, 1, 0.6)
        assert soft.mean[0] == pytest.approx(straight.mean[0], rel=1e-4)
        assert soft.log_mass == pytest.approx(straight.log_mass, rel=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: taylor(PLANE, [0.0, 0.0, 0.0], 1), "`about` must be one number or one for each of 2 axes"),
        (lambda: taylor(PLANE, "x", 1), "`about`"),
        (lambda: taylor(PLANE, 0.0, 3), "`order` must be an integer between 0 and 2"),
        (lambda: taylor_step(PLANE, 0.0, 1, 0.0), "`tau` must be a positive number"),
        (lambda: taylor(PLANE.replace(domain=qd.Hypercube(2)), 0.0, 1), "have a Grid"),
        (
            lambda: taylor(PLANE.replace(objective=qd.objectives.from_table(np.zeros((8, 8)), PLANE.domain)), 0.0, 1),
            "table",
        ),
    ],
)
def test_bad_input(call: Any, words: str) -> None:
    with pytest.raises(qd.ProblemError, match=words):
        call()


def test_schedules_are_not_read_beyond_their_duration() -> None:
    """A falling diffusion would turn negative there; a constant one has no end."""
    fall = qd.Problem(
        qd.Grid((-4, 4), 5), lambda w: 0.5 * w[:, 0] ** 2, qd.Linear(0.5, 0.1), clock="imaginary", duration=1.0
    )
    inside = taylor_step(fall, [0.5], 1, 1.0)
    assert inside.mean[0] == pytest.approx(0.5 - 0.3 * 0.5)  # the mean of D is 0.3
    with pytest.raises(qd.ProblemError, match="`tau` must be at most the duration, 1"):
        taylor_step(fall, [0.5], 1, 1.5)
    assert taylor_step(fall.replace(diffusion=0.3), [0.5], 1, 1.5).mean[0] == pytest.approx(0.5 - 0.3 * 2.25 * 0.5)
