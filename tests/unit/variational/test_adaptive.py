"""Growth: generators are added where they help, at angle 0, and the bound stays a bound."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp
from scipy.linalg import expm

from qml_dynamics import cost
from qml_dynamics.base import errors
from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.variational import ansatz, evolve
from qml_dynamics.methods.variational.adaptive import _pool_tangents, grow
from qml_dynamics.methods.variational.engine.bound import angle_between
from qml_dynamics.methods.variational.engine.flow import Flow
from qml_dynamics.methods.variational.engine.tangent import Engine
from qml_dynamics.methods.variational.options import Growth, Variational
from qml_dynamics.methods.variational.pools import pool
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.problem import Problem


def ising(n: int) -> SparsePauliOp:
    bonds = [("ZZ", [i, i + 1], -1.0) for i in range(n - 1)]
    return SparsePauliOp.from_sparse_list(bonds + [("X", [i], -1.0) for i in range(n)], n)


def go(problem: Problem, method: Variational) -> tuple[list[evolve.Sample], dict]:
    record: dict = {}
    saves = [0.0, problem.duration]
    return list(evolve.run(problem, hamiltonian(problem), method, saves, lambda *_: None, record)), record


@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_grown_from_nothing_it_follows_the_exact_flow(clock: str) -> None:
    problem = Problem.from_operator(ising(4), clock=clock, duration=0.8)
    method = Variational(ansatz.bare(), 100, "rk4", grow=Growth(1e-2))
    samples, record = go(problem, method)
    matrix = ising(4).to_matrix()
    exact = expm((-1j if clock == "real" else -1) * 0.8 * matrix) @ samples[0].state.reshape(-1)
    exact /= np.linalg.norm(exact)
    true = angle_between(exact, samples[-1].state)
    assert true < 5e-3
    assert true <= record["bound"][-1] + 1e-12
    assert angle_between(exact, samples[0].state) > 0.3
    assert record["num_parameters"][0] < record["num_parameters"][-1] == len(samples[-1].theta) == len(record["names"])
    assert np.all(np.diff(record["num_parameters"]) >= 0)
    assert record["residual"].max() < 2e-2  # the last candidates help too little


def test_growth_does_not_jump_and_lowers_the_residual_as_promised() -> None:
    problem = Problem.from_operator(ising(4), clock="imaginary", duration=1.0)
    h = hamiltonian(problem)
    flow = Flow(ansatz.hardware_efficient(1).bind(problem, h), h, True, 1e-8)
    theta = np.random.default_rng(0).normal(scale=0.3, size=8)
    before = flow.at(0.0, theta)
    after = grow(flow, before, Growth(1e-6, max_parameters=9))
    assert angle_between(before.psi, after.psi) < 1e-7
    assert len(after.theta) == 9
    assert after.residual < 0.95 * before.residual
    best = min(
        Flow(ansatz.hardware_efficient(1).bind(problem, h).grown([mask], ["new"]), h, True, 1e-8)
        .at(0.0, np.append(theta, 0.0))
        .residual
        for mask in pool(Growth(), 4, True)
    )
    assert after.residual == pytest.approx(best, rel=1e-5)  # no other generator would have lowered it more


def test_pools() -> None:
    assert len(pool(Growth(pool="pauli"), 3, True)) == 3 + 3 * 4  # Y; XY, YX, ZY, YZ
    assert len(pool(Growth(pool="pauli"), 3, False)) == 9 + 27
    assert len(pool(Growth(pool="grid"), 3, True)) == 3 + 3 * 4 + 3
    assert pool(Growth(pool=["IYZ"]), 3, True) == [(0b010, 0b011)]
    with pytest.raises(MethodError, match="labels of 4 letters"):
        pool(Growth(pool=["IYZ"]), 4, True)


def test_grown_program_is_the_old_one_at_zero() -> None:
    problem = Problem.from_operator(ising(3), clock="imaginary", duration=1.0)
    program = ansatz.hardware_efficient(2).bind(problem, hamiltonian(problem))
    theta = np.random.default_rng(1).normal(size=9)
    wave = Engine(program).state(theta)
    more = program.grown([(0b111, 0b001), (0b010, 0b010)], ["a", "b"])
    np.testing.assert_allclose(Engine(more).state(np.append(theta, [0, 0])), wave, atol=1e-11)
    assert np.linalg.norm(Engine(more).state(np.append(theta, [0.3, 0])) - wave) > 0.1


def test_ising_chain_of_eight_needs_fewer_parameters_than_the_fixed_ansatz() -> None:
    from qml_dynamics.methods import krylov
    from qml_dynamics.methods.krylov import Krylov

    problem = Problem.from_operator(ising(8), clock="imaginary", duration=1.5)
    h = hamiltonian(problem)
    exact = list(krylov.run(problem, h, Krylov(), [0.0, 1.5], lambda *_: None))[-1][1]
    energy = h.expectation(exact)
    _, grown = go(problem, Variational(ansatz.bare(), 20, "rk4", grow=Growth(3e-2)))
    # 1e-3: with 1e-6 the fixed ansatz amplifies the last bit 1e10 times; its distance is 1.4e-2 here
    _, fixed = go(problem, Variational(ansatz.hardware_efficient(4), 20, "rk4", 1e-3, sensitivity=True))
    assert fixed["amplification"] < 1e4
    # Gates of equal gain tie, and rounding chooses: 21 to 31 of them, an error of 4e-4 to 3.3e-3 (of 1e-13 and 1e-14).
    assert abs(grown["energy"][-1] - energy) < 6e-3 < 1e-2 < abs(fixed["energy"][-1] - energy)
    assert grown["num_parameters"][-1] < fixed["num_parameters"][-1] == 40
    assert grown["energy"][0] - energy > 1


def test_the_tangents_of_a_pool_are_counted_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be far more than those of the ansatz: 276 strings on one and two qubits of eight."""
    problem = Problem.from_operator(ising(8), clock="real", duration=0.1)
    plain, grown = (Variational(ansatz.bare(), 2, "rk4", grow=g) for g in (None, Growth(1e-2, "pauli")))
    told = [cost(problem, method).memory for method in (plain, grown)]
    assert told[1] - told[0] > 0.5 * 48 * 276 * 256
    monkeypatch.setattr(errors, "available_memory", lambda: 1 << 20)
    psi = np.full(256, 1 / 16, dtype=complex)
    with pytest.raises(MethodError, match=r"A pool of 276 candidates on 8 qubits needs 3\.2 MiB of memory"):
        _pool_tangents([[mask] for mask in pool(Growth(pool="pauli"), 8, False)], psi)
