"""The reversible regulariser and the polar split."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics import Gaussian, Grid, Problem, SplitStep, evolve
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.growth import (
    flow_values,
    log_volume,
    orthogonality,
    orthogonality_flow,
    orthogonality_gradient,
    polar,
    singular_value_loss,
)


def integrated(w: np.ndarray, time: float, steps: int) -> np.ndarray:
    """The gradient flow by Runge and Kutta's rule: knows nothing of singular values."""
    h = time / steps
    for _ in range(steps):
        a = -orthogonality_gradient(w)
        b = -orthogonality_gradient(w + h / 2 * a)
        c = -orthogonality_gradient(w + h / 2 * b)
        d = -orthogonality_gradient(w + h * c)
        w = w + h / 6 * (a + 2 * b + 2 * c + d)
    return w


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (1, 1)])
def test_closed_form_is_the_gradient_flow(shape: tuple[int, int]) -> None:
    w = 0.7 * np.random.default_rng(shape[0]).standard_normal(shape)
    end = orthogonality_flow(w, 0.3)
    assert end == pytest.approx(integrated(w, 0.3, 600), abs=1e-8)
    assert np.abs(end - w).max() > 0.02
    assert orthogonality(end) < orthogonality(w)


def test_gradient_is_that_of_the_regulariser() -> None:
    w = np.random.default_rng(1).standard_normal((4, 3))
    direction = np.random.default_rng(2).standard_normal((4, 3))
    slope = (orthogonality(w + 1e-6 * direction) - orthogonality(w - 1e-6 * direction)) / 2e-6
    assert slope == pytest.approx(float((orthogonality_gradient(w) * direction).sum()), rel=1e-7)


def test_orthogonal_layers_stay_and_rank_deficient_ones_keep_their_rank() -> None:
    q = np.linalg.qr(np.random.default_rng(3).standard_normal((4, 4)))[0]
    assert orthogonality_flow(q, 2.0) == pytest.approx(q, abs=1e-12)
    w = np.outer([1.0, 2.0], [3.0, 1.0])
    end = orthogonality_flow(w, 5.0)
    assert np.linalg.svd(end, compute_uv=False) == pytest.approx([1.0, 0.0], abs=1e-9)
    assert orthogonality_flow(np.zeros((2, 2)), 1.0).tolist() == [[0, 0], [0, 0]]
    assert orthogonality_flow(w, 0.0) == pytest.approx(w)


def test_speed_of_the_log_volume() -> None:
    w = np.random.default_rng(4).standard_normal((3, 3))
    h = 1e-5
    speed = (log_volume(orthogonality_flow(w, 2 * h)) - log_volume(w))[0] / (2 * h)
    middle = np.linalg.svd(orthogonality_flow(w, h), compute_uv=False)
    assert speed == pytest.approx(-4 * float((middle**2 - 1).sum()), rel=1e-5)


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (1, 1)])
def test_polar_split(shape: tuple[int, int]) -> None:
    w = np.random.default_rng(sum(shape)).standard_normal(shape)
    u, p = polar(w)
    assert u @ p == pytest.approx(w)
    assert np.linalg.eigvalsh(p).min() > -1e-12
    gram = u.T @ u if shape[0] >= shape[1] else u @ u.T
    assert gram == pytest.approx(np.eye(min(shape)), abs=1e-12)
    assert orthogonality_flow(w, 50.0) == pytest.approx(u, abs=1e-8)  # the flow ends in the unitary part


def test_singular_values_learn_as_a_wave() -> None:
    problem = Problem(
        Grid((0, 2.5), 6, boundary="walls"),
        singular_value_loss(),
        0.002,
        clock="imaginary",
        duration=30.0,
        initial=Gaussian(1.7, 0.1),
    )
    run = evolve(problem, SplitStep(600), observables={"sigma": lambda w: w[:, 0]})
    sigma = run.expectations["sigma"].value
    assert sigma[0] > 1.65
    assert sigma[-1] == pytest.approx(1.0, abs=0.05)


def test_extreme_times_and_scales_leave_no_number_undefined() -> None:
    """At long times e^-8s is 0 in floats, and squares of huge or tiny values leave their range."""
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        assert flow_values([0.0, 1e-200, 1.0, 1e200], 200.0) == pytest.approx([0, 1, 1, 1])
    assert flow_values([1e-200], 100.0) == pytest.approx([1e-200 * np.exp(400.0)])  # it grows as e^4s while it is small
    assert flow_values([1e200, 0.3, 0.0], 0.0).tolist() == pytest.approx([1e200, 0.3, 0.0])
    huge = flow_values([1e200], 0.1)[0]
    assert huge == pytest.approx(1 / np.sqrt(1 - np.exp(-0.8)))
    w = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    assert orthogonality_flow(w, 500.0) == pytest.approx(w / 2)


def test_complex_layers_flow_to_their_unitary_part() -> None:
    rng = np.random.default_rng(9)
    w = rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3))
    u, p = polar(w)
    assert u.conj().T @ u == pytest.approx(np.eye(3), abs=1e-12)
    assert u @ p == pytest.approx(w)
    assert p == pytest.approx(p.conj().T)
    assert orthogonality_flow(w, 50.0) == pytest.approx(u, abs=1e-8)
    h = 1e-6
    step = (orthogonality_flow(w, h) - w) / h
    assert step == pytest.approx(-orthogonality_gradient(w), rel=1e-3, abs=1e-3)
    assert np.sqrt(orthogonality(u)) == pytest.approx(0, abs=1e-10)  # a sum of squares
    assert orthogonality(w) > 1


def test_flow_is_reversible_and_a_group_in_time() -> None:
    w = np.random.default_rng(10).standard_normal((4, 3))
    assert orthogonality_flow(orthogonality_flow(w, 0.2), 0.3) == pytest.approx(orthogonality_flow(w, 0.5), abs=1e-12)
    sigma = np.linalg.svd(orthogonality_flow(w, 0.2), compute_uv=False)
    back = 1 / np.sqrt(1 + (1 / sigma**2 - 1) * np.exp(1.6))  # the closed form at the time -0.2
    assert back == pytest.approx(np.linalg.svd(w, compute_uv=False), abs=1e-10)


def test_bad_input() -> None:
    for sigma in ("a", [-1.0], [np.nan]):
        with pytest.raises(ProblemError, match="`sigma`"):
            flow_values(sigma, 1.0)
    with pytest.raises(ProblemError, match="`W`"):
        polar([[1.0, np.nan]])
    with pytest.raises(ProblemError, match="`time`"):
        orthogonality_flow(np.eye(2), -1.0)
    with pytest.raises(ProblemError, match="one matrix"):
        orthogonality_flow(np.ones((2, 2, 2)), 1.0)
