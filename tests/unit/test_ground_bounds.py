"""Bounds on the ground energy from one wave; Euler's rule beyond its stability; what moves a wave that stands above the ground state."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.model.hamiltonians import hamiltonian

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

N = 6
H2 = "(-0.3322) [] + (-0.398) [Z0] + (-0.398) [Z1] + (-0.1809) [Y0 Y1] + 0.0112 [Z0 Z1]"


def strings(kind: str, rng: np.random.Generator) -> dict[str, float]:
    """A chain of Z Z and X, or all pairs of these letters with all fields, with normal coefficients."""
    if kind == "chain":
        bonds = [f"Z{i} Z{i + 1}" for i in range(N - 1)] + [f"X{i}" for i in range(N)]
        return {word: float(rng.normal()) for word in bonds}
    letters = {"real": "XZ", "complex": "XYZ"}[kind]
    pairs = [f"{a}{i} {b}{j}" for i in range(N) for j in range(i) for a in letters for b in letters]
    return {word: float(rng.normal()) for word in pairs + [f"{a}{i}" for i in range(N) for a in letters]}


def ratios(count: int, steps: int) -> np.ndarray:
    """The Krylov bound over the true error, for operators of all kinds in turn."""
    out = []
    for seed in range(count):
        rng = np.random.default_rng(100 + seed)
        terms = strings(("chain", "real", "complex")[seed % 3], rng)
        ansatz = qd.ansatz.from_circuit(efficient_su2(N, reps=1), 0.3 * rng.normal(size=4 * N))
        problem = qd.Problem.from_operator(terms, clock="imaginary", duration=1.0, initial=ansatz.state(), num_qubits=N)
        run = qd.evolve(problem, qd.Variational(ansatz, steps, integrator="rk4", sensitivity=False))
        ground = np.linalg.eigvalsh(problem.operator.matrix())[0]  # type: ignore[union-attr]
        found, error = run.diagnostics["ground"], run.expectations["energy"].value[-1] - ground
        assert error > 1e-3, "a bound of what is exact says nothing"
        assert found["known_above"] <= error + 1e-9
        assert found["spectrum"][0] <= ground
        out.append(found["above_ground"] / error)
    return np.array(out)


def test_the_krylov_bound_holds_and_is_tight() -> None:
    found = ratios(3, 5)
    assert np.all(found >= 1 - 1e-12)
    assert np.median(found) < 1.2


@pytest.mark.slow
def test_the_krylov_bound_holds_on_sixty_operators() -> None:
    found = ratios(60, 10)
    assert np.all(found >= 1 - 1e-12)
    assert np.median(found) < 1.2


def problem_of(terms: Any, **options: Any) -> qd.Problem:
    return qd.Problem.from_operator(terms, clock="imaginary", duration=1.0, **options)


def test_weinsteins_interval_holds_an_eigenvalue_that_need_not_be_the_lowest() -> None:
    problem = problem_of(np.diag([-1.0, 0.0, 1.0, 2.0]))
    wave = np.sqrt([0.0, 0.05, 0.9, 0.05])
    found = qd.ground_bounds(problem, wave)
    low, high = found.weinstein
    assert found.energy == pytest.approx(1.0)
    assert low <= 1.0 <= high
    assert low > -1.0, "the ground energy lies outside"
    assert "not necessarily the lowest" in str(found)
    assert found.above_ground == pytest.approx(2.0, abs=1e-9), "a random vector finds what the wave has no part of"
    assert found.condition in str(found)


def test_temple_needs_a_second_eigenvalue() -> None:
    problem = problem_of(np.diag([-1.0, 0.5, 1.0, 3.0]))
    wave = np.sqrt([0.94, 0.04, 0.01, 0.01])
    found = qd.ground_bounds(problem, wave, second=0.5)
    assert qd.ground_bounds(problem, wave).temple is None
    assert "Temple" not in str(qd.ground_bounds(problem, wave))
    assert found.temple is not None
    assert found.temple == pytest.approx(found.energy - found.sigma**2 / (0.5 - found.energy))
    assert -1.6 < found.temple < -1.0
    with pytest.raises(qd.MethodError, match=r"`second` must be above the energy of the wave, -0\.88, but is -0\.9"):
        qd.ground_bounds(problem, wave, second=-0.9)
    with pytest.raises(qd.MethodError, match="`second` must be above the energy"):  # by no more than rounding
        qd.ground_bounds(problem, wave, second=np.nextafter(found.energy, 1.0))
    with pytest.raises(qd.MethodError, match=r"`time` must be at most the duration, 1, but is 2\.0"):
        qd.ground_bounds(problem, wave, time=2.0)


def test_a_start_that_symmetry_keeps_from_the_ground_state() -> None:
    """Even parity of Z Z Z Z ... never reaches the ground state of the odd sector."""
    terms = {"ZZI": 1.0, "IZZ": 0.7, "XXI": 0.4, "IXX": 0.3, "YYI": 0.4, "IYY": 0.3, "ZII": 0.2}
    problem = problem_of(terms)
    matrix = problem.operator.matrix()  # type: ignore[union-attr]
    energies, waves = np.linalg.eigh(matrix)
    parity = np.diag([(-1) ** bin(i).count("1") for i in range(8)])
    ground = waves[:, 0].conj() @ parity @ waves[:, 0]
    rng = np.random.default_rng(1)
    wave = (np.eye(8) - np.sign(ground.real) * parity) @ rng.normal(size=8)
    assert abs(np.vdot(waves[:, 0], wave)) < 1e-12
    found = qd.ground_bounds(problem, wave)
    assert found.energy - energies[0] <= found.above_ground
    assert found.above_ground == pytest.approx(found.energy - energies[0], abs=1e-6)


@pytest.mark.parametrize("clock", ["imaginary", "real"])
def test_a_bound_that_says_nothing_is_cut_at_the_spectrum(clock: str) -> None:
    """A bound of the angle of pi / 2 allows the distance to the farther end of the spectrum, and no more."""
    ansatz = qd.ansatz.from_circuit(efficient_su2(2, reps=1), np.linspace(0.1, 0.8, 8))
    duration = 6.0 if clock == "imaginary" else 40.0
    problem = qd.Problem.from_operator(H2, clock=clock, duration=duration, initial=ansatz.state())
    levels = np.linalg.eigvalsh(problem.operator.matrix())  # type: ignore[union-attr]
    run = qd.evolve(problem, qd.Variational(ansatz, 2, sensitivity=False))
    energy, bound = run.diagnostics["energy"], run.diagnostics["energy_bound"]
    assert run.diagnostics["bound"][-1] == pytest.approx(np.pi / 2)
    assert np.all(bound <= np.maximum(energy - levels[0], levels[-1] - energy) + 1e-9)
    assert bound[-1] > 0


def test_eulers_rule_is_halved_where_it_leaves_its_region_of_stability() -> None:
    """A dense operator: without halving the energy ends above where it began."""
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(16, 16))
    ansatz = qd.ansatz.from_circuit(efficient_su2(4, reps=2), 0.3 * rng.normal(size=24))
    problem = qd.Problem.from_operator(2 * (matrix + matrix.T), clock="imaginary", duration=3.0, initial=ansatz.state())
    run = qd.evolve(problem, qd.Variational(ansatz, 12, sensitivity=False))
    energy = run.diagnostics["energy"]
    assert run.diagnostics["halved_steps"] > 0
    assert np.all(np.diff(energy) <= 1e-9)
    fine = qd.evolve(problem, qd.Variational(ansatz, 600, integrator="rk4", sensitivity=False))
    assert energy[-1] == pytest.approx(fine.diagnostics["energy"][-1], rel=0.1)
    small = qd.evolve(problem.replace(duration=0.02), qd.Variational(ansatz, 12, sensitivity=False))
    assert small.diagnostics["halved_steps"] == 0


def test_measured_steps_that_raise_the_energy_end_the_run() -> None:
    theta = ParameterVector("t", 2)
    circuit = QuantumCircuit(2)
    circuit.ry(theta[0], 0)
    circuit.ry(theta[1], 1)
    ansatz = qd.ansatz.from_circuit(circuit, [0.9, 0.7])
    operator = SparsePauliOp(["ZI", "IZ", "XI"], [3.0, 2.0, 0.5])
    problem = qd.Problem.from_operator(operator, clock="imaginary", duration=6.0, initial=ansatz.state())
    run = qd.evolve(problem, qd.Variational(ansatz, 6, metric="hadamard"), backend="aer", shots=4000, seed=3)
    energy = run.diagnostics["energy"]
    assert "region of stability of Euler's rule" in run.stop
    assert len(energy) < 7
    assert energy[-1] > energy[-2]
    fine = problem.replace(duration=0.4)
    good = qd.evolve(fine, qd.Variational(ansatz, 4, metric="hadamard"), backend="aer", shots=4000, seed=3)
    assert "stability" not in good.stop


def test_what_the_stop_says_would_move_a_wave_moves_it() -> None:
    terms = {"ZZI": 1.0, "IZZ": 1.0, "IIZ": 0.3}
    ansatz = qd.ansatz.from_circuit(efficient_su2(3, reps=2))
    problem = qd.Problem.from_operator(terms, clock="imaginary", duration=5.0, initial=ansatz.state())
    run = qd.evolve(problem, qd.Variational(ansatz, 20, sensitivity=False))
    told = re.search(r"move theta0\[(\d+)\] .* by ([+-][\d.]+), which lowers the energy", run.stop)
    assert told is not None, run.stop
    theta = np.zeros(18)
    theta[int(told[1])] = float(told[2])
    moved = qd.evolve(problem, qd.Variational(ansatz, 40, theta0=theta, sensitivity=False))
    assert moved.expectations["energy"].value[-1] < 2.3 - 0.5
    label = re.search(r"basis state '([01]+)'", run.stop)
    assert label is not None
    wave = np.zeros(8)
    wave[int(label[1], 2)] = 1.0
    assert hamiltonian(problem).expectation(wave) == pytest.approx(-2.3)
    again = qd.evolve(problem.replace(initial=label[1]), qd.Krylov())
    assert "not the ground state" not in again.stop


def test_on_a_grid_the_stop_names_a_point() -> None:
    """The second level of an oscillator is moved by a part at the middle, where the ground state is largest."""
    problem = qd.Problem(qd.Grid((-5, 5), 5), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="imaginary", duration=0.5)
    _, waves = np.linalg.eigh(hamiltonian(problem).matrix())
    run = qd.evolve(problem.replace(initial=qd.State(waves[:, 1])), qd.Krylov())
    told = re.search(r"a part at the point \(([-\d.e+]+)\)", run.stop)
    assert told is not None, run.stop
    assert abs(float(told[1])) < 0.2
