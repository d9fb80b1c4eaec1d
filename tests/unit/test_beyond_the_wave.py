"""Registers too wide for a wave: matrix product states against free fermions, samples of devices, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.base.errors import BackendError, MethodError, ProblemError
from qml_dynamics.methods.tensor_train.register import RegisterState
from qml_dynamics.methods.tensor_train.trains import rounded
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.results.compact import CompactTrajectory

MPS = "aer:matrix_product_state"


def ising(bonds: np.ndarray, fields: np.ndarray, duration: float) -> qd.Problem:
    """``- sum J_i Z_i Z_{i+1} - sum g_i X_i`` from ``|0...0>``; spin 0 is the highest qubit."""
    n = len(fields)
    terms = {f"Z{i} Z{i + 1}": -float(j) for i, j in enumerate(bonds)} | {
        f"X{i}": -float(g) for i, g in enumerate(fields)
    }
    return qd.Problem.from_operator(terms, clock="real", duration=duration, initial="0" * n)


def pfaffian(matrix: np.ndarray) -> float:
    """Of an antisymmetric matrix, by elimination with pivots (Parlett and Reid)."""
    a, value = matrix.copy(), 1.0
    for k in range(0, len(a) - 1, 2):
        pivot = k + 1 + int(np.argmax(np.abs(a[k + 1 :, k])))
        if pivot != k + 1:
            a[[k + 1, pivot]] = a[[pivot, k + 1]]
            a[:, [k + 1, pivot]] = a[:, [pivot, k + 1]]
            value = -value
        value *= a[k, k + 1]
        if value == 0:
            return 0.0
        tau = a[k, k + 2 :] / a[k, k + 1]
        a[k + 2 :, k + 2 :] += np.outer(tau, a[k + 2 :, k + 1]) - np.outer(a[k + 2 :, k + 1], tau)
    return float(value)


def free_fermions(bonds: np.ndarray, fields: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """``<Z_j>`` and ``<X_j>`` of the quench, exactly.

    Majorana operators ``a_2j = (prod_{k<j} X_k) Z_j``, ``a_2j+1 = (prod_{k<j} X_k) Y_j`` up to signs, so that ``X_j = -i a_2j a_2j+1``
    and ``Z_j Z_j+1 = -i a_2j+1 a_2j+2``. A spin without field and bond before the chain turns ``Z_j``, which is odd, into the even
    ``Z_{-1} Z_j``, a Pfaffian (Barouch and McCoy, Phys. Rev. A 3, 786, 1971; Pfeuty, Ann. Phys. 57, 79, 1970).
    """
    n = len(fields) + 1
    g, j = np.concatenate([[0.0], fields]), np.concatenate([[0.0], bonds])
    generator, covariance = np.zeros((2 * n, 2 * n)), np.zeros((2 * n, 2 * n))
    for k in range(n):
        generator[2 * k, 2 * k + 1], generator[2 * k + 1, 2 * k] = -2 * g[k], 2 * g[k]
    for k in range(n - 1):
        generator[2 * k + 1, 2 * k + 2], generator[2 * k + 2, 2 * k + 1] = -2 * j[k], 2 * j[k]
        covariance[2 * k + 1, 2 * k + 2], covariance[2 * k + 2, 2 * k + 1] = 1.0, -1.0  # <-i a b> = <Z Z> = 1
    covariance[2 * n - 1, 0], covariance[0, 2 * n - 1] = 1.0, -1.0
    turn = expm(generator * t)
    now = turn @ covariance @ turn.T
    z = np.array([pfaffian(now[1 : 2 * k + 1, 1 : 2 * k + 1]) for k in range(1, n)])
    return z, np.array([now[2 * k, 2 * k + 1] for k in range(1, n)])


def test_the_oracle_is_the_dense_quench() -> None:
    """Five spins, every coefficient another."""
    rng = np.random.default_rng(2)
    bonds, fields = rng.uniform(0.5, 1.5, 4), rng.uniform(0.5, 1.5, 5)
    names = {f"{p}{i}": pauli_sum({f"{p}{i}": 1.0}, num_qubits=5) for p in "ZX" for i in range(5)}
    run = qd.evolve(ising(bonds, fields, 0.9), qd.Krylov(), observables=names)
    z, x = free_fermions(bonds, fields, 0.9)
    assert [run.expectations[f"Z{i}"].value[-1] for i in range(5)] == pytest.approx(z, abs=1e-9)
    assert [run.expectations[f"X{i}"].value[-1] for i in range(5)] == pytest.approx(x, abs=1e-9)
    assert np.ptp(z) > 0.05
    assert z.min() < 0.9


def quench(
    n: int, duration: float, steps: int, saves: int, shots: int, backend: object = MPS
) -> tuple[qd.Trajectory, float]:
    """A quench with bonds and fields 1, and the largest error of ``<Z>`` and ``<X>`` at any spin and time."""
    problem = ising(np.ones(n - 1), np.ones(n), duration)
    seen = {f"{p}{i}": pauli_sum({f"{p}{i}": 1.0}, num_qubits=n) for p in "ZX" for i in (0, n // 3, n // 2)}
    method = qd.Trotter(steps, formula="blanes_moan4")
    run = qd.evolve(problem, method, backend=backend, shots=shots, save=saves, observables=seen, seed=1)
    worst = 0.0
    for k, t in enumerate(run.times):
        for letter, exact in zip("ZX", free_fermions(np.ones(n - 1), np.ones(n), float(t))):
            for i in (0, n // 3, n // 2):
                worst = max(worst, abs(run.expectations[f"{letter}{i}"].value[k] - exact[i]))
    return run, worst


def test_thirty_spins_beside_free_fermions() -> None:
    run, worst = quench(30, 1.0, 4, 3, 400)
    assert isinstance(run, CompactTrajectory)
    assert worst < 1e-3
    z = run.expectations["Z15"].value
    assert z[0] == pytest.approx(1.0, abs=1e-12)
    assert z[-1] < 0.7, "the quench moves the spins"
    assert run.diagnostics["truncation"] == 1e-8
    assert run.diagnostics["bond"][-1] >= 4
    counts = run.counts["weight"][-1]  # type: ignore[index]
    spin = 1 - 2 * ((counts.index >> (29 - 15)) & 1)
    assert counts.shots == 400
    assert float(spin @ counts.count) / 400 == pytest.approx(z[-1], abs=5 * np.sqrt((1 - z[-1] ** 2) / 400))
    assert "30 qubits" in str(run)
    for name in ("density", "states"):
        with pytest.raises(MethodError, match=r"must hold .* too many for a table: ask `compact\[i\]`"):
            getattr(run, name)


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 100])
def test_wide_quenches_beside_free_fermions(n: int) -> None:
    run, worst = quench(n, 3.0, 11, 12, 1000)
    assert worst < 1e-3
    assert run.expectations["Z20"].value[-1] < 0.2 if n == 60 else run.expectations["Z33"].value[-1] < 0.2
    counts = run.counts["weight"][-1]  # type: ignore[index]
    assert counts.shots == 1000
    assert max(int(i) for i in counts.index) >= 1 << (n - 2)


def test_a_finer_truncation_is_nearer() -> None:
    coarse, fine = (quench(28, 1.5, 6, 2, 10, qd.backend(MPS, truncation=cut))[1] for cut in (1e-5, 1e-10))
    assert fine < 0.5 * coarse
    with pytest.raises(BackendError, match="`truncation` must be left out but for 'aer:matrix_product_state'"):
        qd.backend("aer", truncation=1e-6)
    with pytest.raises(BackendError, match="`truncation` must be"):
        qd.backend(MPS, truncation=-1.0)


def test_a_train_of_a_register_tells_what_its_wave_does() -> None:
    """Five qubits, an asymmetric circuit: amplitudes, means with Y, samples, marginals, overlaps, functions."""
    rng = np.random.default_rng(4)
    labels = ["XYIII", "IZZXI", "IIYXZ", "ZIIIY", "IXIIZ"]
    problem = qd.Problem.from_operator(
        SparsePauliOp(labels, rng.normal(size=5)), clock="real", duration=1.0, initial="01101"
    )
    pieces = qd.circuits(problem, qd.Trotter(2), times=[0.5, 1.0])
    backend = qd.backend(MPS)
    states = [
        RegisterState(problem.domain, rounded(train, 1e-15, 64)[0])
        for train in backend.trains(pieces[:1])  # type: ignore[attr-defined]
    ]
    other = RegisterState(problem.domain, rounded(backend.trains(pieces[1:])[0], 1e-15, 64)[0])  # type: ignore[attr-defined]
    waves = [qd.evolve(problem, qd.Trotter(2), save=[0.5, 1.0]).states[k].reshape(-1) for k in (0, 1)]  # type: ignore[index]
    state, psi = states[0], waves[0]
    assert abs(np.vdot(state.to_dense().reshape(-1), psi)) == pytest.approx(1.0, abs=1e-9)
    assert abs(state.overlap(other)) == pytest.approx(abs(np.vdot(waves[0], waves[1])), abs=1e-9)
    operator = pauli_sum({"X0 Y1 Z3": 0.7, "Y4": -0.3, "Z0 Z4": 0.2, "X2": 0.5, "": 0.1}, num_qubits=5)
    assert state.mean(operator) == pytest.approx(np.vdot(psi, operator.apply(psi)).real, abs=1e-9)
    assert state.bond == 4
    law = np.abs(psi.reshape((2,) * 5)) ** 2
    assert state.marginal(1) == pytest.approx(law.sum(axis=(0, 2, 3, 4)), abs=1e-9)
    function = lambda w: w[:, 0] * w[:, 3] + 0.5 * w[:, 4]  # noqa: E731
    exact = float(law.reshape(-1) @ function(problem.domain.points))
    assert state.expectation(function) == pytest.approx(exact, abs=1e-9)
    counts = state.sample(20_000, 3)
    assert counts.histogram(32) == pytest.approx(law.reshape(-1), abs=5 * 0.5 / np.sqrt(20_000))
    with pytest.raises(ProblemError, match="must act on 5 qubits, but is of 4 qubits"):
        state.mean({"ZZZZ": 1.0})


def test_samples_of_a_wide_register_need_no_table() -> None:
    """Any backend that samples: here one of Qiskit's, asked through its own interface."""
    problem = ising(np.ones(27), np.ones(28), 0.3)
    backend = AerSimulator(method="matrix_product_state", matrix_product_state_max_bond_dimension=16)
    seen = {"Z15": pauli_sum({"Z15": 1.0}, num_qubits=28), "first": lambda w: w[:, 0]}
    run = qd.evolve(problem, qd.Trotter(1), backend=backend, shots=400, observables=seen, seed=2)
    z, _ = free_fermions(np.ones(27), np.ones(28), 0.3)
    found = run.expectations["Z15"]
    assert abs(found.value[-1] - z[15]) < 5 * found.stderr[-1] + 0.02
    # a weight is -1 where its bit is 0, and so minus Z
    assert abs(run.expectations["first"].value[-1] + z[0]) < 5 * run.expectations["first"].stderr[-1] + 0.02
    assert run.expectations["energy"].value[0] == pytest.approx(-27.0, abs=5 * run.expectations["energy"].stderr[0])
    assert run.counts["weight"][-1].shots == 400  # type: ignore[index]
    assert "samples only" in str(run)
    with pytest.raises(MethodError, match=r"has samples on 28 qubits, too many for a table: see `counts`\."):
        _ = run.density


def test_cost_knows_it_and_what_needs_a_wave_is_refused() -> None:
    problem = ising(np.ones(39), np.ones(40), 0.5)
    cost = qd.cost(problem, qd.Trotter(2), backend=MPS, shots=100, save=5)
    assert (cost.circuits, cost.shots, cost.qubits) == (1, 500, 40)
    assert cost.memory < 1 << 31
    assert qd.cost(problem, qd.Trotter(2), save=5).memory > 1 << 42
    for ask in (
        lambda: qd.evolve(problem, qd.Trotter(2)),
        lambda: qd.evolve(problem, qd.Trotter(2), backend="aer", shots=10),
        lambda: qd.evolve(problem, qd.MultiProduct((1, 2)), backend=MPS, shots=10),
    ):
        with pytest.raises(MethodError, match=r"^[^\n]* needs [^\n]* of memory, but [^\n]* are available\.$"):
            ask()
    momenta = {"k": qd.of_momenta(lambda k: k[:, 0])}
    with pytest.raises(MethodError, match="must be operators or functions of weights for compact states"):
        qd.evolve(problem, qd.Trotter(1), backend=MPS, observables=momenta)
