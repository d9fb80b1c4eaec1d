"""Distances between runs, and the shot noise that must be expected in them."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.validation.comparison import mean_absolute_deviation, noise_floor

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def well() -> qd.Problem:
    return qd.Problem(
        qd.Grid((-5, 6), 5),
        lambda w: 0.5 * (w[:, 0] - 0.3) ** 2 + 0.2 * np.sin(2 * w[:, 0]),
        0.5,
        clock="real",
        duration=1.2,
        initial=qd.Gaussian(1.0, 0.6),
    )


def test_mean_absolute_deviation_is_the_binomial_one() -> None:
    rng = np.random.default_rng(0)
    p = np.array([1e-4, 0.01, 0.3, 0.5, 0.97, 0.0, 1.0])
    draws = rng.binomial(200, p, size=(200_000, len(p))) / 200
    assert np.allclose(mean_absolute_deviation(p, 200), np.abs(draws - p).mean(axis=0), rtol=0.03, atol=1e-9)


@pytest.mark.parametrize("other", [None, 700])
def test_the_floor_is_the_mean_of_a_bootstrap(other: int | None) -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(60, 0.4))
    n, distances = 300, []
    for _ in range(3000):
        a = rng.multinomial(n, p) / n
        b = p if other is None else rng.multinomial(other, p) / other
        distances.append(0.5 * np.abs(a - b).sum())
    floor = noise_floor(p, p, n, other)
    assert floor.value == pytest.approx(np.mean(distances), rel=0.04)
    assert floor.stderr == pytest.approx(np.std(distances), rel=0.25)


def test_a_sampled_run_agrees_with_its_reference_and_says_so(well: qd.Problem) -> None:
    exact = qd.evolve(well, qd.SplitStep(200, order=4), save=3)
    quantum = qd.evolve(well, qd.Trotter(40), backend="aer", shots=20_000, seed=7, save=3)
    result = qd.compare(quantum, exact)
    assert result.agree
    assert "agree within shot noise" in result.verdict
    assert result.floor.value > 0
    assert result.sigmas < 4
    assert 1 - 1e-4 < result.fidelity <= 1 + 1e-12
    assert str(result).endswith(result.verdict)


def test_runs_that_differ_are_told_apart_and_why(well: qd.Problem) -> None:
    exact = qd.evolve(well, qd.SplitStep(200, order=4))
    other = qd.evolve(well.replace(initial=qd.Gaussian(1.3, 0.6)), qd.SplitStep(200), shots=20_000, seed=7)
    result = qd.compare(other, exact)
    assert not result.agree
    assert "differ beyond shot noise" in result.verdict
    assert result.total_variation > result.floor.value + 5 * result.floor.stderr


def test_exact_runs_need_no_floor(well: qd.Problem) -> None:
    a, b = qd.evolve(well, qd.SplitStep(400, order=4)), qd.evolve(well, qd.Krylov())
    result = qd.compare(a, b)
    assert result.agree
    assert result.floor.value == 0
    coarse = qd.compare(qd.evolve(well, qd.SplitStep(3)), b)
    assert not coarse.agree
    assert coarse.fidelity < 1 - 1e-5


@pytest.mark.slow
def test_the_verdict_is_right_about_as_often_as_four_sigmas_promise(well: qd.Problem) -> None:
    exact = qd.evolve(well, qd.SplitStep(100))
    verdicts = [qd.compare(qd.evolve(well, qd.SplitStep(100), shots=500, seed=s), exact).agree for s in range(200)]
    assert np.mean(verdicts) > 0.985


def test_what_cannot_be_compared_is_refused(well: qd.Problem) -> None:
    a = qd.evolve(well, qd.SplitStep(4))
    with pytest.raises(qd.ProblemError, match="on the domain of `a`"):
        qd.compare(a, qd.evolve(well.replace(domain=qd.Grid((-5, 6), 4)), qd.SplitStep(4)))
    with pytest.raises(qd.ProblemError, match="imaginary clock"):
        qd.compare(a, qd.evolve(well.replace(clock="imaginary"), qd.SplitStep(4)))
    with pytest.raises(qd.ProblemError, match="share a saved time"):
        qd.compare(qd.evolve(well, qd.SplitStep(4), save=[0.3]), qd.evolve(well, qd.SplitStep(4), save=[0.4]))
