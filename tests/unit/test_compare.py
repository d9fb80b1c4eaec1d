"""Distances between runs, and the shot noise that must be expected in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

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


def harmonic(qubits: int, momentum: float, center: float = 0.0, width: float = 1.0) -> qd.Problem:
    start = qd.Gaussian(center, width, momentum=momentum)
    return qd.Problem(
        qd.Grid((-8, 8), qubits), lambda w: 0.5 * w[:, 0] ** 2, 0.5, clock="real", duration=1.0, initial=start
    )


def sampled(problem: qd.Problem, seed: int, shots: int = 2000) -> qd.Trajectory:
    return qd.evolve(problem, qd.SplitStep(8), shots=shots, seed=seed, save=[problem.duration])


def exactly(problem: qd.Problem) -> qd.Trajectory:
    return qd.evolve(problem, qd.SplitStep(8), save=[problem.duration])


@pytest.mark.parametrize("qubits", [6, 12])
def test_a_momentum_is_seen_on_fine_grids_too(qubits: int) -> None:
    """On 4,096 points and 2,000 shots the total variation alone sees nothing: most points have no sample."""
    reference = exactly(harmonic(qubits, -0.12))
    for seed in range(3):
        result = qd.compare(sampled(harmonic(qubits, 0.12), seed), reference)
        assert not result.agree, str(result)
        assert result.largest[1] > 6
        if qubits == 12:
            assert result.total_variation < result.floor.value + 6 * result.floor.stderr


def test_two_sampled_runs_are_compared_with_each_other() -> None:
    one, same, other = (sampled(harmonic(5, p), seed) for p, seed in ((0.12, 1), (0.12, 2), (-0.12, 3)))
    assert qd.compare(one, same).agree
    assert not qd.compare(one, other).agree
    assert qd.compare(one, other).p_value == qd.compare(other, one).p_value == 1 / 2000


def change(kind: str, size: float) -> qd.Problem:
    """Two ways to differ, both in units of the law's own spread."""
    return harmonic(5, 0.0, center=size) if kind == "shift" else harmonic(5, 0.0, width=1.0 + size)


@pytest.mark.parametrize(("kind", "size"), [("shift", 0.2), ("width", 0.18)])
def test_what_the_statement_promises_is_seen(kind: str, size: float) -> None:
    """At 1,000 shots a shift of 0.2 and a width of 1.18 are 6 standard errors of the likelihood-ratio test away or more."""
    reference, found = exactly(change(kind, 0.0)), [sampled(change(kind, size), s, 1000) for s in range(12)]
    results = [qd.compare(run, reference) for run in found]
    assert sum(not r.agree for r in results) >= 11
    told = results[0].detectable
    assert 0.1 < told["mean weight"] < 0.25  # (3.7 + 1.6) / sqrt(1000) of the spread, which is near 1
    assert set(told) >= {"mean momentum", "spread of weight", "spread of momentum", "energy", "weight of a weight cell"}
    fewer = qd.compare(sampled(change(kind, size), 0, 250), reference).detectable
    assert fewer["mean weight"] == pytest.approx(2 * told["mean weight"], rel=0.15)


def test_false_alarms_come_at_the_stated_rate() -> None:
    """Of 120 runs that agree, one or two are expected to differ; more than 7 would be below 1e-4."""
    problem = harmonic(4, 0.3)
    reference = exactly(problem)
    results = [qd.compare(sampled(problem, seed, 300), reference) for seed in range(120)]
    assert results[0].false_alarm_rate == 0.01
    assert sum(not r.agree for r in results) <= 7
    p = np.array([r.p_value for r in results])
    assert 0.35 < p.mean() < 0.65  # uniform, so the rate holds at any level: 0.5 with an error of 0.026
    assert len(str(results[0]).splitlines()) <= 8


def ising() -> qd.Problem:
    return qd.Problem(
        qd.Hypercube(3), lambda w: w[:, 0] * w[:, 1] + 0.5 * w[:, 2], 0.6, clock="imaginary", duration=0.7
    )


def planes() -> qd.Problem:
    return qd.Problem(
        qd.Grid([(-3, 4), (-2, 2)], (3, 2), boundary="walls"),
        lambda w: (w[:, 0] - 1) ** 2 + w[:, 0] * w[:, 1],
        0.5,
        clock="imaginary",
        duration=0.5,
    )


def operator() -> qd.Problem:
    from qiskit.quantum_info import SparsePauliOp

    given, start = SparsePauliOp(["ZZ", "XI", "IY"], [0.7, 0.4, 0.3]), qd.State(np.array([0.7, 0.1, 0.3, 0.63]))
    return qd.Problem.from_operator(given, clock="real", duration=0.8, initial=start)


@pytest.mark.parametrize("make", [ising, planes, operator])
def test_every_weight_space_and_clock_is_tested(make: Callable[[], qd.Problem]) -> None:
    problem = make()
    method = qd.Exact() if problem.objective is None else qd.SplitStep(64)
    reference = qd.evolve(problem, method)
    agree = [qd.compare(qd.evolve(problem, method, shots=800, seed=s), reference) for s in range(5)]
    assert sum(r.agree for r in agree) >= 4
    assert all(0 < r.p_value <= 1 and r.looks > 5 for r in agree)
    moved = qd.evolve(problem.replace(duration=0.2), method, save=[0.2])
    late = qd.evolve(problem.replace(duration=0.9), method, shots=800, seed=1)
    shown = dataclasses.replace(late, times=np.array([0.0, 0.2]))
    assert not qd.compare(shown, moved).agree


@pytest.mark.slow
@pytest.mark.parametrize("both", [False, True])
def test_false_alarms_are_at_most_two_in_a_hundred(well: qd.Problem, both: bool) -> None:
    """Of 1,000 at a rate of 1 %: more than 22 would be below 1e-3."""
    wrong = 0
    for seed in range(1000 if not both else 300):
        other = sampled(well, 5000 + seed, 500) if both else exactly(well)
        wrong += not qd.compare(sampled(well, seed, 500), other).agree
    assert wrong <= (22 if not both else 10)


def test_what_cannot_be_compared_is_refused(well: qd.Problem) -> None:
    a = qd.evolve(well, qd.SplitStep(4))
    with pytest.raises(qd.ProblemError, match="on the domain of `a`"):
        qd.compare(a, qd.evolve(well.replace(domain=qd.Grid((-5, 6), 4)), qd.SplitStep(4)))
    with pytest.raises(qd.ProblemError, match="imaginary clock"):
        qd.compare(a, qd.evolve(well.replace(clock="imaginary"), qd.SplitStep(4)))
    with pytest.raises(qd.ProblemError, match="share a saved time"):
        qd.compare(qd.evolve(well, qd.SplitStep(4), save=[0.3]), qd.evolve(well, qd.SplitStep(4), save=[0.4]))


@pytest.mark.parametrize("points", [5, 12, 17, 33, (65, 66)])
def test_samples_on_axes_of_any_length(points: int | tuple[int, int]) -> None:
    many = points if isinstance(points, tuple) else (points,)
    box = qd.Grid([(-4, 4)] * len(many), points=many, boundary="walls", encoding="none")
    p = qd.Problem(
        box,
        lambda w: (w**2).sum(axis=1) / 2,
        0.5,
        clock="real",
        duration=0.5,
        initial=qd.Gaussian([0.5] * len(many), 0.8),
    )
    drawn, exact = qd.evolve(p, qd.SplitStep(100), shots=500, seed=1), qd.evolve(p, qd.SplitStep(100))
    assert qd.compare(drawn, exact).agree
    assert not qd.compare(
        drawn, qd.evolve(p.replace(initial=qd.Gaussian([-1.5] * len(many), 0.8)), qd.SplitStep(100))
    ).agree


@pytest.mark.parametrize("points", [(2, 2), (2, 4), (4, 4), (4, 2, 2), (3, 4)])
def test_samples_on_small_grids_of_several_axes(points: tuple[int, ...]) -> None:
    """No axis has more than four points; two densities with the same density of each weight differ by their correlation alone."""
    domain = qd.Grid([(-1.0, 1.0)] * len(points), points=points, boundary="walls", encoding="none")
    x, y = (np.linspace(1.0, -1.0, n).reshape(-1, *[1] * (len(points) - 1 - k)) for k, n in enumerate(points[:2]))
    resting = qd.Problem(domain, lambda w: 0 * w[:, 0], 1e-6, clock="real", duration=0.1)

    def start(correlation: float) -> qd.Problem:
        return resting.replace(initial=qd.State(np.sqrt(1.0 + correlation * x * y + np.zeros(points))))

    plus, minus = (qd.evolve(start(c), qd.SplitStep(4)) for c in (0.3, -0.3))
    assert np.allclose(plus.density[-1].sum(axis=0), minus.density[-1].sum(axis=0), atol=1e-9)
    drawn = qd.evolve(start(0.3), qd.SplitStep(4), shots=2000, seed=2)
    assert qd.compare(drawn, plus).agree
    assert not qd.compare(drawn, minus).agree


def test_energies_of_zero_are_compared_beside_the_rounding_of_their_kinetic_part() -> None:
    still = qd.Problem(
        qd.Grid((-2, 2), 6), lambda w: 0 * w[:, 0], 0.7, clock="real", duration=1.0, initial=qd.Uniform()
    )
    first, second = (qd.evolve(still, method) for method in (qd.SplitStep(7), qd.Krylov()))
    assert np.abs(first.expectations["energy"].value).max() < 1e-9
    assert qd.compare(first, second).agree
