"""Comparisons without a table, the certificate that a run is classically easy, annealing and Gibbs laws of waves without tables."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import MethodError
from qml_dynamics.results.compact import CompactTrajectory
from qml_dynamics.validation.compact_comparison import distances
from qml_dynamics.validation.compact_comparison import tested as of_samples
from tests.unit.tensor_train.test_compact import STIFF, bowl
from tests.unit.test_beyond_the_wave import ising

N = 30


@cache
def quench(g: float = 1.0, steps: int = 4) -> CompactTrajectory:
    """Thirty spins, a little after a quench."""
    run = qd.evolve(
        ising(np.ones(N - 1), np.full(N, g), 0.6), qd.TensorTrain(steps, order=4, tolerance=1e-6), save=[0.6]
    )
    assert isinstance(run, CompactTrajectory)
    return run


def test_two_trains_are_compared_by_their_overlap() -> None:
    """Thirty qubits: the same run with other steps agrees, another field does not; distances obey their inequalities."""
    same, other = qd.compare(quench(), quench(steps=5)), qd.compare(quench(), quench(1.05))
    assert same.fidelity is not None
    assert other.fidelity is not None
    assert 1 - same.fidelity < 1e-6 < 1e-3 < 1 - other.fidelity
    assert same.agree
    assert not other.agree
    assert same.classical is not None
    assert same.classical.easy
    assert f"classically easy: a tensor train of rank {same.classical.bond}" in str(same)
    for seen in (same, other):
        assert seen.fidelity is not None
        lowest = 1 - np.sqrt(seen.hellinger)
        noise = 0.05  # of means over 8,192 points of numbers between 0 and 1
        assert lowest - noise <= seen.total_variation <= np.sqrt(max(0.0, 1 - seen.fidelity)) + noise
        assert seen.hellinger >= seen.fidelity - noise


def test_distances_by_samples_are_those_of_tables() -> None:
    """Twelve qubits: total variation and Hellinger fidelity within five standard errors of 8,192 samples."""
    from qml_dynamics.methods.tensor_train.register import RegisterState
    from qml_dynamics.methods.tensor_train.trains import from_dense, rounded

    rng, laws, states = np.random.default_rng(4), [], []
    for _ in range(2):
        wave = rng.normal(size=4096) + 1j * rng.normal(size=4096)
        wave /= np.linalg.norm(wave)
        flat = wave.reshape((2,) * 12).transpose().reshape(-1)
        states.append(RegisterState(qd.Hypercube(12), rounded(from_dense(flat, 1e-15, 64), 1e-15, 64)[0]))
        assert np.abs(states[-1].at(np.array([5, 4000])) - wave[[5, 4000]]).max() < 1e-12
        laws.append(np.abs(wave) ** 2)
    p, q = laws
    variation, hellinger = distances(*states)
    assert abs(variation - 0.5 * np.abs(p - q).sum()) < 5 * 0.5 / np.sqrt(8192)
    assert abs(hellinger - np.sqrt(p * q).sum() ** 2) < 10 * 0.5 / np.sqrt(8192)
    assert variation > 0.2


def sampled(g: float, shots: int, seed: int) -> CompactTrajectory:
    """A run that knows samples only, as a device gives them."""
    from dataclasses import replace

    run = quench(g)
    counts = {"weight": tuple(state.sample(shots, seed) for state in run.compact)}
    energy = run.expectations["energy"]
    noisy = {"energy": qd.Estimate(energy.value, np.full(1, 0.3), shots)}
    return replace(run, density=np.empty(0), states=None, compact=(), counts=counts, expectations=noisy, diagnostics={})


def test_samples_beside_the_reference() -> None:
    """Samples of the wave agree and those of another field do not, whichever comes first."""
    same = qd.compare(sampled(1.0, 1000, 7), quench())
    other = qd.compare(quench(), sampled(1.3, 1000, 8))
    assert same.agree
    assert not other.agree
    assert same.looks == 2 * N + 1
    assert same.p_value is not None
    assert other.p_value is not None
    assert other.p_value < 1e-4 < same.p_value
    assert other.classical is not None
    assert 0 < same.detectable["the sign of a qubit"] < 0.3
    with pytest.raises(MethodError, match=r"^Argument `b` must hold waves where `a` holds samples only[^\n]*\.$"):
        qd.compare(sampled(1.0, 10, 1), sampled(1.0, 10, 2))


@pytest.mark.slow
def test_the_rate_of_false_alarms() -> None:
    """Of twelve pairs that agree, at 5 %, more than four are called different with a probability of 3e-4."""
    run, gap = quench(), qd.Estimate(0.0, 0.3, 300)
    found = [of_samples(sampled(1.0, 300, seed), run, 0, 0, gap).together for seed in range(12)]
    assert sum(p < 0.05 for p in found) <= 4
    assert len(set(found)) > 1


def test_cost_says_whether_a_circuit_is_classically_easy() -> None:
    """Twenty-eight spins for a short time are; all pairs for a long time are not, and the reason names the rank."""
    easy = qd.cost(ising(np.ones(27), np.ones(28), 0.3), qd.Trotter(2), backend="aer", shots=10, classical=True)
    assert easy.classical is not None
    assert easy.classical.easy
    assert easy.classical.bond is not None
    assert easy.classical.bond < 20
    assert "classically easy" in str(easy)
    assert qd.cost(ising(np.ones(3), np.ones(4), 0.3), qd.Trotter(2)).classical is None
    with pytest.raises(MethodError, match=r"^Argument `classical` must be True or False, but is 1\.$"):
        qd.cost(ising(np.ones(3), np.ones(4), 0.3), qd.Trotter(2), classical=1)  # type: ignore[arg-type]


@pytest.mark.slow
def test_annealing_of_24_qubits_follows_the_ground_state() -> None:
    """A harmonic well on 24 qubits: the energy of every stage is that of its ground state, ``sqrt(D/2)``."""
    problem = qd.Problem(
        qd.Grid((-8, 8), 24), lambda w: w[:, 0] ** 2 / 2, qd.Linear(0.5, 0.3), clock="imaginary",
        initial=qd.Gaussian(0.4, 0.8), duration=12.0,
    )  # fmt: skip
    run = qd.anneal(problem, 3, method=qd.TensorTrain(24, order=4, tolerance=1e-6), seed=1, progress=False)
    assert isinstance(run, CompactTrajectory)
    assert run.diagnostics["diffusion"] == pytest.approx([0.5, 0.4, 0.3])
    ground = np.sqrt(np.array([0.5, 0.4, 0.3]) / 2)
    assert run.expectations["energy"].value[1:] == pytest.approx(ground, abs=1e-3)
    assert run.expectations["energy"].value[0] > ground[0] + 0.05
    assert run.best is not None
    assert run.best.value < 1e-4
    for options, name in (
        ({"strategy": "portfolio"}, "strategy"),
        ({"adapt": "gap"}, "adapt"),
        ({"spectrum": True}, "spectrum"),
    ):
        with pytest.raises(
            MethodError, match=rf"^Argument `{name}` must be [^\n]* where waves have no tables, [^\n]*\.$"
        ):
            qd.anneal(problem, 3, method=qd.TensorTrain(3), progress=False, **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_gibbs_law_of_28_qubits_is_one_step_without_diffusion() -> None:
    """``|psi|^2 = exp(-beta V) / Z`` of a coupled bowl: covariance ``K^-1 / beta``, and Z from the norm."""
    beta, grid = 3.0, qd.Grid([(-8, 8), (-8, 8)], 14)
    problem = qd.Problem(grid, bowl, 0.0, clock="imaginary", duration=beta / 2)
    seen = {"xy": lambda w: w[:, 0] * w[:, 1], "xx": lambda w: w[:, 0] ** 2}
    run = qd.evolve(problem, qd.TensorTrain(1, tolerance=1e-9), observables=seen, progress=False)
    assert isinstance(run, CompactTrajectory)
    covariance = np.linalg.inv(STIFF) / beta
    assert run.expectations["xy"].value[-1] == pytest.approx(covariance[0, 1], rel=1e-5)
    assert run.expectations["xx"].value[-1] == pytest.approx(covariance[0, 0], rel=1e-5)
    assert run.expectations["objective"].value[-1] == pytest.approx(1 / beta, rel=1e-5)
    log_z = 2 * run.log_norm[-1] + 2 * np.log(16.0)
    assert log_z == pytest.approx(np.log(2 * np.pi / beta) - 0.5 * np.log(np.linalg.det(STIFF)), abs=1e-6)
    assert abs(covariance[0, 1]) > 0.05


@pytest.mark.slow
def test_the_error_budget_of_26_qubits_is_that_of_a_grid_with_a_table() -> None:
    """The part of the steps is the same on 8 and on 26 qubits; the grid's is small on the fine one; the parts bound the total."""

    def well(qubits: int) -> qd.Problem:
        start = qd.Gaussian(1.0, 0.5, 0.4)
        return qd.Problem(
            qd.Grid((-8, 8), qubits), lambda w: w[:, 0] ** 2, 0.4, clock="real", initial=start, duration=0.6
        )

    method = qd.TensorTrain(3)
    found = qd.error_budget(well(26), method)
    run, fine = (qd.evolve(well(8), qd.TensorTrain(steps), progress=False) for steps in (3, 6))
    assert run.states is not None
    assert fine.states is not None
    right = np.sqrt(1 - abs(np.vdot(run.states[-1], fine.states[-1])) ** 2)
    assert float(found.terms["formula"].value) == pytest.approx(right, rel=1e-3)
    assert right > 1e-4
    assert float(found.terms["grid"].value) < 1e-4
    assert found.dominant == "formula"
    assert float(found.total.value) <= float(found.sum.value) * (1 + 1e-6)
    shift = run.expectations["objective"].value[-1] - fine.expectations["objective"].value[-1]
    assert float(found.shifts["formula"].value) == pytest.approx(float(shift), rel=1e-3)
    assert float(found.total_shift.value) == pytest.approx(
        sum(float(s.value) for s in found.shifts.values()), abs=1e-12
    )
    chain = qd.error_budget(ising(np.ones(29), np.ones(30), 0.3), qd.TensorTrain(2))
    assert chain.dominant == "formula"
    with pytest.raises(MethodError, match=r"^Argument `folder` must be None for waves without tables[^\n]*\.$"):
        qd.error_budget(well(26), method, folder="nowhere")
