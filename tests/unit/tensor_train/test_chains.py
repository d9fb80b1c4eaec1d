"""Operators on trains: against dense propagators and free fermions, the order, the error statement, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics import MethodError
from qml_dynamics.methods.tensor_train.layout import register_table
from qml_dynamics.methods.tensor_train.trains import dense
from qml_dynamics.methods.tensor_train.windows import layers_of, windows_of
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.results.compact import CompactTrajectory
from tests.unit.test_beyond_the_wave import free_fermions, ising

LABELS = ["XYIIIII", "IZZXIII", "IIYXZII", "IXIIZIX", "ZIIIIIZ", "XIIIIIX", "YXZXYZX", "IIIIIII", "IIIIIIY"]
START = {"0110101": 0.6, "1010000": 0.8j}


def mixed(clock: str, duration: float = 0.5) -> qd.Problem:
    """Strings of one to seven letters on neighbours and across the register, a constant, and a strength that moves."""
    terms = SparsePauliOp(LABELS, np.random.default_rng(3).normal(size=len(LABELS)))
    return qd.Problem.from_operator(terms, clock=clock, duration=duration, initial=START, strength=qd.Linear(0.5, 1.3))


def test_windows_hold_the_operator() -> None:
    """The matrices of all windows add up to the operator; those of a layer do not overlap."""
    problem = mixed("real")
    assert problem.operator is not None
    windows, constant = windows_of(problem.operator)
    rows = [row for window in windows for row in window.rows]
    x, z, c = (np.array(part) for part in zip(*rows))
    again = pauli_sum(dict(zip(type(problem.operator)(7, x, z, c).labels, c)))
    left = again.matrix() + constant * np.eye(128) - problem.operator.matrix()
    assert np.abs(left).max() < 1e-12
    layers = layers_of(windows)
    assert sum(len(layer) for layer in layers) == len(windows) > len(layers) > 1
    assert all(a.last < b.first for layer in layers for a, b in zip(layer, layer[1:]))


@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize("order", [2, 4])
def test_order_and_statement_beside_krylov(clock: str, order: int) -> None:
    """Waves with their phase and their norm; the declared order; never below the true error, below thirty times it."""
    problem = mixed(clock)
    exact = qd.evolve(problem, qd.Krylov())
    errors = []
    for steps in (2, 4):
        run = qd.evolve(problem, qd.TensorTrain(steps, order=order, tolerance=1e-9), progress=False)
        assert run.states is not None
        assert exact.states is not None
        errors.append(float(np.linalg.norm(run.states[-1] - exact.states[-1])))
        assert errors[-1] <= run.diagnostics["error"][-1] <= 30 * errors[-1]
    assert errors[0] > 1e-5
    assert abs(np.log2(errors[0] / errors[1]) - order) < 0.5
    assert abs(run.log_norm[-1] - exact.log_norm[-1]) < 10 * errors[-1]
    assert (abs(exact.log_norm[-1]) > 0.1) == (clock == "imaginary")


def test_steps_from_the_tolerance_and_every_start() -> None:
    """Steps are halved until a thousand tolerances; uniform, a point, amplitudes; the table has the order of the register."""
    problem = mixed("real", 0.3)
    run = qd.evolve(problem, qd.TensorTrain(order=4, tolerance=1e-7), progress=False)
    exact = qd.evolve(problem, qd.Krylov())
    assert run.diagnostics["error_parts"]["step"] <= 1e-4
    assert run.states is not None
    assert exact.states is not None
    assert np.linalg.norm(run.states[-1] - exact.states[-1]) <= run.diagnostics["error"][-1]
    vector = np.random.default_rng(1).normal(size=128)
    for start in (qd.Uniform(), qd.PointMass((1, -1, -1, 1, 1, 1, -1)), qd.State(vector)):
        again = problem.replace(initial=start)
        first = qd.evolve(again, qd.TensorTrain(1), progress=False).states
        assert first is not None
        assert np.abs(first[0] - start.vector(problem.domain)).max() < 1e-12
        assert np.abs(first[1] - first[0]).max() > 1e-2
    cores = [np.array([[1.0, 0.0]]).reshape(1, 2, 1), np.array([[0.0, 1.0]]).reshape(1, 2, 1)]
    assert dense(cores).tolist() == [0, 1, 0, 0]
    assert register_table(qd.Hypercube(2), cores).tolist() == [[0, 0], [1, 0]]


def quench(n: int, duration: float, method: qd.TensorTrain) -> tuple[CompactTrajectory, float, np.ndarray]:
    """An Ising quench, the largest miss of ``<Z>`` and ``<X>`` at any spin, and the exact ``<Z>``."""
    seen = {f"{p}{i}": pauli_sum({f"{p}{i}": 1.0}, num_qubits=n) for p in "ZX" for i in range(n)}
    run = qd.evolve(ising(np.ones(n - 1), np.ones(n), duration), method, observables=seen, progress=False)
    assert isinstance(run, CompactTrajectory)
    exact = free_fermions(np.ones(n - 1), np.ones(n), duration)
    misses = [abs(run.expectations[f"{p}{i}"].value[-1] - v[i]) for p, v in zip("ZX", exact) for i in range(n)]
    return run, float(max(misses)), exact[0]


def check_quench(n: int, duration: float, method: qd.TensorTrain) -> float:
    """Means, energy and samples within the statement; returns it."""
    run, worst, z = quench(n, duration, method)
    stated = float(run.diagnostics["error"][-1])
    energy = run.expectations["energy"].value
    assert worst <= 2 * stated  # of an operator of norm 1: |<a|Z|a> - <b|Z|b>| <= 2 |a - b|
    assert abs(energy[-1] - energy[0]) <= 2 * (2 * n - 1) * stated
    assert energy[0] == pytest.approx(1 - n, abs=1e-9)
    counts = run.compact[-1].sample(1000, 5)
    spins = np.array([[1 - 2 * (int(i) >> (n - 1 - j) & 1) for j in range(n)] for i in counts.index])
    mean = counts.count @ spins / counts.shots
    assert (np.abs(mean - z) < 5 * np.sqrt((1 - z**2) / counts.shots) + 2 * stated).all()  # five standard errors
    assert z[n // 2] < 0.8
    return stated


def test_thirty_spins_beside_free_fermions() -> None:
    """Every spin, without a state vector."""
    assert check_quench(30, 1.0, qd.TensorTrain(4, order=4, tolerance=1e-6)) < 1e-3


@pytest.mark.slow
def test_a_hundred_spins_beside_free_fermions() -> None:
    """T = 3, where the spins in the bulk have turned."""
    assert check_quench(100, 3.0, qd.TensorTrain(12, order=4, tolerance=1e-5)) < 5e-3


def test_imaginary_time_of_thirty_spins_finds_the_ground_energy() -> None:
    """Of the paramagnet g = 2: free fermions, ``-sum_k e_k / 2`` by the singular values of a bidiagonal matrix (Lieb et al. 1961)."""
    n, g = 30, 2.0
    terms = {f"Z{i} Z{i + 1}": -1.0 for i in range(n - 1)} | {f"X{i}": -g for i in range(n)}
    problem = qd.Problem.from_operator(terms, clock="imaginary", duration=3.0)
    run = qd.evolve(problem, qd.TensorTrain(6, order=4, tolerance=1e-6), progress=False)
    ground = -float(np.linalg.svd(np.diag(np.full(n, g)) + np.diag(np.ones(n - 1), 1), compute_uv=False).sum())
    energy = run.expectations["energy"].value
    assert ground - 1e-9 <= energy[-1] < ground + 5e-3  # of the step: 2e-3
    assert energy[0] > ground + 1
    assert run.log_norm[-1] > 2.5 * abs(ground)


def test_a_wave_of_high_rank_is_refused_with_the_rank_found() -> None:
    """Strings between all pairs: one line, before the duration is over."""
    rng = np.random.default_rng(2)
    terms = {f"X{i} X{j}": rng.normal() for i in range(8) for j in range(i)} | {f"Z{i}": 1.0 for i in range(8)}
    problem = qd.Problem.from_operator(terms, clock="real", duration=2.0, initial="0" * 8)
    with pytest.raises(
        MethodError, match=r"^Argument `max_bond` must be [^\n]*is 4: at t = [^\n]* ranks are 4 [^\n]*\.$"
    ):
        qd.evolve(problem, qd.TensorTrain(10, max_bond=4), progress=False)
    wide, momenta = ising(np.ones(29), np.ones(30), 0.1), {"k": qd.of_momenta(lambda k: k[:, 0])}
    with pytest.raises(MethodError, match=r"^Argument `observables` must be operators or functions of weights[^\n]*$"):
        qd.evolve(wide, qd.TensorTrain(1), observables=momenta, progress=False)


def test_a_strength_that_oscillates_counts_whole() -> None:
    """Its integral vanishes; steps are as many as what it turns there and back needs, and the statement holds."""
    terms = {"ZZI": 1.0, "IZZ": 0.7, "XII": 0.8, "IXI": 0.9, "IIX": 0.5}
    strength = qd.Oscillation(20.0, 2 * np.pi)
    problem = qd.Problem.from_operator(terms, clock="real", duration=1.0, initial="000", strength=strength)
    run = qd.evolve(problem, qd.TensorTrain(tolerance=1e-3), save=[0.25])
    assert run.diagnostics["steps"] > 40
    wanted = qd.evolve(problem, qd.Krylov(1e-6), save=[0.25])
    assert np.linalg.norm(run.states[-1] - wanted.states[-1]) <= run.diagnostics["error"][-1]


def test_waves_far_apart_state_the_most_they_can_differ() -> None:
    terms = {"ZZI": 1.0, "IZZ": 0.7, "XII": 0.8, "IXI": 0.9, "IIX": 0.5}
    problem = qd.Problem.from_operator(terms, clock="real", duration=8.0, initial="000")
    run = qd.evolve(problem, qd.TensorTrain(steps=8))
    assert run.diagnostics["error"][-1] >= 2
