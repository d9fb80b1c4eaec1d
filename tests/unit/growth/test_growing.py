"""Growing grids: interpolation, criteria, and runs that reach the fixed run's wave for less."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Statevector

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.learning.growth import criteria, refine, residual
from qml_dynamics.methods.growing.grid import levels, on_grid
from qml_dynamics.synthesis.growth import halmos, layer, orthogonal_network, refinement, seats, two_qubit_gates
from qml_dynamics.synthesis.states import prepare


def tilted(w: np.ndarray) -> np.ndarray:
    return (w[:, 0] ** 2 - 1) ** 2 + 0.3 * w[:, 0]


def valley(w: np.ndarray) -> np.ndarray:
    return (w[:, 0] ** 2 - 1) ** 2 + 0.5 * (w[:, 1] - 0.3 * w[:, 0]) ** 2


def double_well(clock: str, boundary: str = "periodic", qubits: int = 9, duration: float = 3.0) -> qd.Problem:
    grid = qd.Grid((-5, 5), qubits, boundary=boundary)
    return qd.Problem(grid, tilted, 0.5, clock=clock, duration=duration, initial=qd.Gaussian(-1, 0.4))


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_refine_keeps_norm_energy_and_values(boundary: str) -> None:
    coarse = qd.Grid([(-6, 6), (-6, 6)], (5, 4), boundary=boundary)
    psi = qd.Gaussian((0.5, -0.4), 1.1, (0.3, 0.0)).vector(coarse)
    wave, fine = refine(psi, coarse)
    assert fine.qubits == (6, 5)
    assert np.linalg.norm(wave) == pytest.approx(1, abs=1e-11)
    assert wave == pytest.approx(qd.Gaussian((0.5, -0.4), 1.1, (0.3, 0.0)).vector(fine), abs=2e-3)
    problem = qd.Problem(fine, valley, 0.5, clock="real", duration=1.0)
    h = qd.hamiltonian(problem)
    assert criteria(psi, on_grid(h, coarse), h)["energy"] < 2e-2 * h.expectation(wave)
    assert refine(psi, coarse, (0, 2))[1].qubits == (5, 6)


def test_residual_falls_with_the_grid_and_names_the_velocity_that_is_missed() -> None:
    h = qd.hamiltonian(double_well("real", qubits=8))
    values = []
    for qubits in (4, 5, 6):
        grid = qd.Grid((-5, 5), qubits)
        values.append(residual(qd.Gaussian(-1, 0.4).vector(grid), on_grid(h, grid), h))
    assert values[0] > 10 * values[1] > 100 * values[2] > 0
    grid = qd.Grid((-5, 5), 4)
    psi, dt = qd.Gaussian(-1, 0.4).vector(grid), 1e-4
    # the same by definition: two waves after a short time, one moved on the fine grid and one on the coarse
    moved = psi - 1j * dt * on_grid(h, grid).apply(psi)
    apart = (refine(psi, grid, 4)[0] - 1j * dt * h.apply(refine(psi, grid, 4)[0])) - np.linalg.norm(moved) * refine(
        moved, grid, 4
    )[0]
    assert float(np.linalg.norm(apart)) / dt == pytest.approx(values[0], rel=1e-2)


@pytest.mark.parametrize(("clock", "boundary"), [("real", "periodic"), ("real", "walls"), ("imaginary", "periodic")])
def test_growing_from_4_reaches_the_run_on_9_qubits_at_half_its_cost(clock: str, boundary: str) -> None:
    problem = double_well(clock, boundary)
    fixed = qd.evolve(problem, qd.SplitStep(400), seed=1, save=3)
    grown = qd.evolve(problem, qd.Growing(qd.SplitStep(400), start=4), seed=1, save=3)
    assert np.abs(fixed.density[-1] - fixed.density[0]).sum() > 0.1
    assert qd.compare(grown, fixed).fidelity > 1 - 1e-6
    assert grown.log_norm == pytest.approx(fixed.log_norm, abs=1e-6)
    seen = grown.diagnostics
    assert seen["amplitude_updates"] < 0.5 * seen["fixed_amplitude_updates"]
    assert seen["pays"]
    assert "Growth paid" in grown.stop
    assert seen["growth"][-1][1] < [9]


def test_a_wave_that_narrows_asks_for_one_qubit_after_the_other() -> None:
    problem = qd.Problem(
        qd.Grid((-4, 4), 9),
        lambda w: 5 * (w[:, 0] ** 2 - 1) ** 2 + w[:, 0],
        qd.Geometric(2.0, 0.00005),
        clock="imaginary",
        duration=8.0,
        initial=qd.Gaussian(0, 1),
    )
    fixed = qd.evolve(problem, qd.SplitStep(600), seed=1)
    grown = qd.evolve(problem, qd.Growing(qd.SplitStep(600), start=4, threshold=1e-6), seed=1)
    times, qubits = zip(*grown.diagnostics["growth"])
    assert len(set(times)) >= 3
    assert qubits[-1] > qubits[0]
    gap = grown.expectations["energy"].value[-1] - fixed.expectations["energy"].value[-1]
    assert abs(gap) < 1e-4
    assert grown.diagnostics["pays"]


def test_two_weights() -> None:
    grid = qd.Grid([(-4, 4), (-4, 4)], 7)
    problem = qd.Problem(grid, valley, 0.5, clock="imaginary", duration=2.0, initial=qd.Gaussian(-1, 0.5))
    fixed = qd.evolve(problem, qd.SplitStep(60), seed=1)
    grown = qd.evolve(problem, qd.Growing(qd.SplitStep(60), start=4), seed=1)
    assert abs(grown.expectations["energy"].value[-1] - fixed.expectations["energy"].value[-1]) < 1e-4
    assert grown.diagnostics["amplitude_updates"] < 0.3 * grown.diagnostics["fixed_amplitude_updates"]


def test_it_says_when_growth_does_not_pay() -> None:
    problem = qd.Problem(
        qd.Grid((-3, 3), 5), tilted, 0.5, clock="real", duration=0.3, initial=qd.Gaussian(0.0, 0.25, momentum=8.0)
    )
    grown = qd.evolve(problem, qd.Growing(qd.SplitStep(40), start=4), seed=1)
    assert not grown.diagnostics["pays"]
    assert "did not pay" in grown.stop
    assert qd.compare(grown, qd.evolve(problem, qd.SplitStep(40), seed=1)).agree


@pytest.mark.parametrize("criterion", ["residual", "energy"])
def test_other_criteria(criterion: str) -> None:
    problem = double_well("real", qubits=8, duration=1.0)
    grown = qd.evolve(problem, qd.Growing(qd.SplitStep(400), start=4, criterion=criterion), seed=1)
    apart = qd.compare(grown, qd.evolve(problem, qd.SplitStep(400), seed=1))
    assert apart.fidelity > 1 - 1e-6
    assert grown.diagnostics["growth"][-1][1] < [8]
    if criterion == "residual":  # a bound of the distance, which is sqrt(2 - 2 sqrt(F))
        assert 0 < np.sqrt(max(0.0, 2 - 2 * np.sqrt(apart.fidelity))) <= grown.diagnostics["growth_bound"] + 1e-3


def test_trotter_circuits_grow_and_save_two_qubit_gates() -> None:
    problem = double_well("real", qubits=8, duration=1.0)
    method = qd.Growing(qd.Trotter(16), start=4)
    fixed = qd.evolve(problem, qd.Trotter(16), seed=1)
    grown = qd.evolve(problem, method, seed=1)
    assert qd.compare(grown, fixed).fidelity > 1 - 1e-6
    assert grown.diagnostics["two_qubit_gates"] < 0.5 * grown.diagnostics["fixed_two_qubit_gates"]
    for k, circuit in enumerate(qd.circuits(problem, method)):
        wave = Statevector(circuit).data
        assert abs(np.vdot(wave, fixed.states[k].reshape(-1))) ** 2 > 1 - 1e-6
    sampled = qd.evolve(problem, method, shots=4000, backend="aer", seed=2)
    assert qd.compare(sampled, fixed).agree


def test_a_schedule_grows_when_it_says() -> None:
    problem = double_well("real", qubits=8, duration=1.0)
    method = qd.Growing(qd.SplitStep(100), start=5, schedule=[(0.0, 6), (0.5, 7)])
    grown = qd.evolve(problem, method, seed=1)
    assert grown.diagnostics["growth"] == [(0.0, [6]), (0.5, [7])]
    assert qd.compare(grown, qd.evolve(problem, qd.SplitStep(100), seed=1)).fidelity > 1 - 1e-6


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_refinement_circuit_is_the_interpolation(boundary: str) -> None:
    coarse = qd.Grid([(-6, 6), (-5, 6)], (5, 4), boundary=boundary)
    fine = coarse.refined(1)
    psi = qd.Gaussian((0.3, -0.2), (1.0, 1.3), (0.5, 0.2)).vector(coarse)
    circuit = QuantumCircuit(refinement(coarse, fine).num_qubits)
    circuit.compose(prepare(qd.State(psi), coarse), seats(coarse, fine), inplace=True)
    before = Statevector(circuit).data
    circuit.compose(refinement(coarse, fine), inplace=True)
    after = Statevector(circuit).data[: fine.size]
    assert after == pytest.approx(refine(psi, coarse)[0].reshape(-1), abs=2e-4)
    assert np.abs(after - before[: fine.size]).max() > 0.05


def test_orthogonal_network_and_halmos_dilation() -> None:
    rng = np.random.default_rng(5)
    u = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    network = orthogonal_network(u)
    hot = [1 << q for q in range(5)]
    assert Operator(network).data[np.ix_(hot, hot)] == pytest.approx(u, abs=1e-12)
    assert network.num_nonlocal_gates() == 10
    assert two_qubit_gates(network) == 20
    a = rng.standard_normal((3, 3))
    a /= 1.3 * np.linalg.norm(a, 2)
    whole = halmos(a)
    assert whole @ whole.T == pytest.approx(np.eye(6), abs=1e-12)
    assert whole[:3, :3] == pytest.approx(a, abs=1e-11)
    circuit, scale = layer(4 * a)
    hot = [1 << q for q in range(3)]
    assert scale * Operator(circuit).data[np.ix_(hot, hot)] == pytest.approx(4 * a, abs=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("initial", [qd.PointMass(-1.0), qd.Uniform(), qd.State(np.arange(1, 65) + 0j)])
def test_waves_that_no_coarse_grid_holds(initial: qd.State) -> None:
    problem = double_well("real", qubits=6, duration=0.3).replace(initial=initial)
    for grown in (qd.Growing(qd.SplitStep(64)), qd.Growing(qd.Trotter(8))):
        inner = qd.SplitStep(grown.method.steps)
        run, fixed = qd.evolve(problem, grown, seed=1), qd.evolve(problem, inner, seed=1)
        assert 1 - qd.compare(run, fixed).fidelity < 1e-6
        assert run.diagnostics["growth"][-1][1] == [6]
        assert run.diagnostics["ratio"] < 1.06
        assert not run.diagnostics["pays"]


@pytest.mark.parametrize("order", [1, 2, pytest.param(4, marks=pytest.mark.slow)])
def test_grown_circuits_at_saves_between_steps_and_with_schedules(order: int) -> None:
    problem = double_well("real", qubits=7, duration=1.0).replace(diffusion=qd.Geometric(1.0, 0.1))
    times = [0.0, 0.013, 0.3333, 0.7, 1.0]
    grown = qd.evolve(problem, qd.Growing(qd.Trotter(12, order=order)), seed=1, save=times)
    fixed = qd.evolve(problem, qd.SplitStep(12, order=order), seed=1, save=times)
    apart = [1 - abs(np.vdot(a, b)) ** 2 for a, b in zip(grown.states, fixed.states)]
    assert max(apart) < 1e-4
    assert len(grown.diagnostics["growth"]) > 1
    assert np.abs(fixed.density[-1] - fixed.density[0]).sum() > 0.1


def test_a_schedule_that_is_over_before_it_grows() -> None:
    problem = double_well("real", qubits=7, duration=0.1)
    method = qd.Growing(qd.Trotter(4), schedule=[(0.0, 6), (99.0, 7)])
    fixed = qd.evolve(problem, qd.SplitStep(4), seed=1)
    assert qd.compare(qd.evolve(problem, method, seed=1), fixed).fidelity > 1 - 1e-6
    wave = Statevector(qd.circuits(problem, method)[-1]).data
    assert abs(np.vdot(wave, fixed.states[-1])) ** 2 > 1 - 1e-6
    assert qd.cost(problem, method).two_qubit_gates > 0


def test_bad_input() -> None:
    with pytest.raises(ProblemError, match="at most the 5 qubits"):
        levels(qd.Grid((0, 1), 5), 6)
    with pytest.raises(ProblemError, match="at most the 9 qubits"):
        qd.evolve(double_well("real"), qd.Growing(qd.SplitStep(10), start=10))
    with pytest.raises(MethodError, match="within the 9 qubits"):
        qd.evolve(double_well("real"), qd.Growing(qd.SplitStep(10), schedule=[(0, 5), (1.0, 10)]))
    with pytest.raises(MethodError, match="SplitStep, a Trotter or a Variational"):
        qd.Growing(qd.Krylov())
    with pytest.raises(MethodError, match="residual, momentum_tail, energy"):
        qd.Growing(qd.SplitStep(4), criterion="tail")
    with pytest.raises(MethodError, match="increasing"):
        qd.Growing(qd.SplitStep(4), schedule=[(1.0, 6), (0.5, 7)])
    with pytest.raises(MethodError, match="`grow`"):
        qd.Growing(qd.SplitStep(4), grow=qd.Growth())
    with pytest.raises(ProblemError, match="`domain`"):
        refine(np.ones(4), qd.Hypercube(2))
    cube = qd.Problem(qd.Hypercube(3), lambda w: w[:, 0], 1.0, clock="real", duration=1.0)
    with pytest.raises(MethodError, match="must run on a hypercube, but is Growing, which runs on a periodic grid"):
        qd.evolve(cube, qd.Growing(qd.SplitStep(4)))
    walls = qd.Grid((-4, 4), 6, boundary="walls")
    table = double_well("real", "walls", 6).replace(
        domain=walls, objective=qd.objectives.from_table(walls.axes[0] ** 2, walls)
    )
    with pytest.raises(MethodError, match="no values on a coarser grid"):
        qd.evolve(table, qd.Growing(qd.SplitStep(4)))
    with pytest.raises(ProblemError, match="norm of at most 1"):
        halmos(2 * np.eye(2))
    with pytest.raises(ProblemError, match="orthogonal"):
        orthogonal_network(np.ones((2, 2)))
