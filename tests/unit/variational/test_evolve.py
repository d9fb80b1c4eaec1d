"""Runs: save times, budgets, verdicts, the norm, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from scipy.linalg import expm

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods import krylov
from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.variational import ansatz, evolve
from qml_dynamics.methods.variational.engine.bound import angle_between
from qml_dynamics.methods.variational.options import Growth, Variational
from qml_dynamics.model.domains import Grid
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import Geometric, Linear

OPERATOR = SparsePauliOp(["ZZI", "IZZ", "XII", "IXI", "IIX", "YIZ"], [-1, -0.7, 0.5, 0.4, 0.3, 0.2])


def rich(seed: int = 0) -> ansatz.CircuitAnsatz:
    from qiskit.circuit.library import efficient_su2

    circuit = efficient_su2(3, reps=2)
    return ansatz.from_circuit(circuit, np.random.default_rng(seed).normal(scale=0.6, size=circuit.num_parameters))


def go(problem: Problem, method: Variational, saves: list[float] | None = None) -> tuple[list[evolve.Sample], dict]:
    record: dict = {}
    times = [0.0, problem.duration] if saves is None else saves
    return list(evolve.run(problem, hamiltonian(problem), method, times, lambda *_: None, record)), record


def on_operator(clock: str, a: ansatz.CircuitAnsatz, duration: float = 0.6) -> Problem:
    return Problem.from_operator(OPERATOR, clock=clock, duration=duration, initial=a.state())


@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_rk45_follows_the_exact_flow_and_its_norm(clock: str) -> None:
    a = rich()
    problem = on_operator(clock, a)
    samples, record = go(problem, Variational(a, 10, "rk45", tolerance=1e-7), [0.0, 0.25, 0.6])
    for sample in samples:
        exact = expm((-1j if clock == "real" else -1) * sample.time * OPERATOR.to_matrix()) @ a.state()
        norm = np.linalg.norm(exact)
        assert angle_between(exact / norm, sample.state) < 2e-3
        assert sample.log_norm == pytest.approx(np.log(norm), abs=2e-3)
        assert np.linalg.norm(sample.state) == pytest.approx(1)
        assert sample.state.shape == problem.domain.shape
    assert angle_between(samples[0].state, samples[-1].state) > 0.3
    assert samples[1].time == 0.25
    assert record["times"][-1] == 0.6


@pytest.mark.parametrize(("integrator", "order"), [("euler", 1), ("rk4", 4)])
def test_log_norm_and_parameters_converge_with_the_declared_order(integrator: str, order: int) -> None:
    a = rich(2)
    problem = on_operator("imaginary", a, 0.3)
    ends = []
    for steps in (20, 40, 80):
        samples, _ = go(problem, Variational(a, steps, integrator, regularisation=3e-2))
        ends.append(np.append(samples[-1].theta, samples[-1].log_norm))
    first, second = np.linalg.norm(ends[0] - ends[1]), np.linalg.norm(ends[1] - ends[2])
    assert np.log2(first / second) == pytest.approx(order, abs=0.35)
    assert abs(ends[-1][-1]) > 0.05


def test_save_times_cut_the_steps_exactly() -> None:
    a = rich()
    samples, record = go(on_operator("real", a), Variational(a, 4), [0.0, 0.1, 0.6])
    assert [s.time for s in samples] == [0.0, 0.1, 0.6]
    np.testing.assert_allclose(record["times"], [0, 0.1, 0.15, 0.3, 0.45, 0.6])


def test_time_dependent_schedules_on_a_grid() -> None:
    """The learning Hamiltonian's schedules reach the force at the right times."""
    problem = Problem(
        Grid((-4, 4), 4),
        lambda w: 0.5 * (w[:, 0] - 0.3) ** 2,
        Geometric(0.8, 0.2),
        Linear(0.5, 2.0),
        clock="imaginary",
        duration=1.0,
        initial=Gaussian(0.8, 0.9),
    )
    h = hamiltonian(problem)
    samples, record = go(problem, Variational(ansatz.hardware_efficient(5), 20, "rk45", tolerance=1e-5))
    exact = list(krylov.run(problem, h, Krylov(), [0.0, 1.0], lambda *_: None))[-1]
    assert angle_between(exact[1], samples[-1].state) < 2e-3
    assert samples[-1].log_norm == pytest.approx(exact[2], abs=2e-3)
    assert angle_between(exact[1], samples[-1].state) <= record["bound"][-1]
    assert record["energy"][-1] == pytest.approx(h.expectation(exact[1], 1.0), abs=1e-4)


def test_the_record_has_one_entry_a_point_and_a_residual_of_the_step_taken() -> None:
    a = rich()
    problem = on_operator("imaginary", a)
    _, record = go(problem, Variational(a, 12, regularisation=1e-2))
    names = (
        "times",
        "energy",
        "residual",
        "rank",
        "condition",
        "regularisation",
        "bound",
        "num_parameters",
        "energy_bound",
    )
    assert all(len(record[name]) == 13 for name in names)
    assert np.all(record["regularisation"] == 1e-2)
    from qml_dynamics.methods.variational.engine.flow import Flow

    point = Flow(a.program, hamiltonian(problem), True, 1e-2).at(0.0, np.array(a.theta0))
    x, g, b = point.velocity, point.metric, point.force
    assert record["residual"][0] ** 2 == pytest.approx(x @ g @ x - 2 * b @ x + point.variance)
    short = point.variance - b @ np.linalg.lstsq(g, b, rcond=None)[0]
    assert record["residual"][0] ** 2 > 1.2 * short  # the short form does not see the regularisation


def test_budget_ends_the_run_early() -> None:
    a = rich()
    samples, record = go(on_operator("real", a), Variational(a, 4000, max_evaluations=50), [0.0, 0.006, 0.6])
    assert len(samples) == 2
    assert 50 <= record["evaluations"] < 60
    assert record["stop"].startswith("budget of 50 evaluations")


def test_converged_runs_coast() -> None:
    problem = Problem.from_operator(OPERATOR, clock="imaginary", duration=40.0)
    method = Variational(
        ansatz.hardware_efficient(3, ("ry", "rz")), 400, stop_at=1e-3, regularisation=1e-3, theta0=[0.1] * 24
    )
    with pytest.warns(evolve.StartWarning):
        samples, record = go(problem, method, [0.0, 30.0, 40.0])
    assert record["stop"].startswith("converged at")
    ground = np.linalg.eigvalsh(OPERATOR.to_matrix())[0]
    assert record["energy"][-1] == pytest.approx(ground, abs=1e-4)
    assert samples[2].log_norm - samples[1].log_norm == pytest.approx(-10 * ground, rel=1e-4)
    assert len(samples) == 3


def test_stalled_runs_say_why() -> None:
    diagonal = Problem.from_operator(np.diag([1.0, 2, 3, 5]), clock="real", duration=0.2)
    _, record = go(diagonal, Variational(ansatz.hardware_efficient(1), 4))
    assert "ansatz is real and real time" in record["stop"]
    grid = Problem(
        Grid((-3, 3), 4), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=0.01, initial=Gaussian(0.5, 0.7)
    )
    _, record = go(grid, Variational(ansatz.hamiltonian(2, moves=False, spread=0.0), 4, regularisation=1e-2))
    assert "only turn phases" in record["stop"]
    _, record = go(grid, Variational(ansatz.bare(), 4))
    assert "no parameter changes the wave" in record["stop"]
    assert record["residual"][0] == pytest.approx(record["sigma"][0])
    _, record = go(grid, Variational(ansatz.hamiltonian(2), 4, "rk4"))
    assert "stalled" not in record["stop"]


def test_a_start_beside_the_initial_wave_is_said_and_bounded() -> None:
    a = rich()
    problem = Problem.from_operator(OPERATOR, clock="real", duration=0.1)
    with pytest.warns(evolve.StartWarning, match="starts at an angle"):
        samples, record = go(problem, Variational(a, 10))
    uniform = np.full(8, 8**-0.5)
    assert record["start_angle"] == pytest.approx(angle_between(a.state(), uniform))
    exact = expm(-0.1j * OPERATOR.to_matrix()) @ uniform
    assert angle_between(exact, samples[-1].state) <= record["bound"][-1]
    assert record["dominates"] == "start"


def test_wrong_input_is_named() -> None:
    a = rich()
    problem = on_operator("imaginary", a)
    with pytest.raises(MethodError, match="steps"):
        Variational(a, 0)
    with pytest.raises(MethodError, match="Did you mean 'euler'"):
        Variational(a, 5, "eular")
    with pytest.raises(MethodError, match=r"theta0.*finite"):
        Variational(a, 5, theta0=[0.0, np.nan])
    with pytest.raises(MethodError, match="18 parameters"):
        go(problem, Variational(a, 5, theta0=[0.0] * 17))
    with pytest.raises(MethodError, match="regularisation"):
        Variational(a, 5, regularisation=-1.0)
    with pytest.raises(MethodError, match="ansatz"):
        Variational("ry", 5)
    narrow = QuantumCircuit(2)
    narrow.ry(Parameter("a"), 0)
    with pytest.raises(MethodError, match="qubits as the problem, 3, but is of 2 qubits"):
        go(problem, Variational(ansatz.from_circuit(narrow), 5))
    with pytest.raises(MethodError, match="grow"):
        Variational(a, 5, grow=0.1)
    assert Growth().threshold == 1e-2
