"""``H(t) = s(t) sum_k s_k(t) H_k``: every method that runs operators, with schedules of the terms of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from registry_table import TABLE, Entry

import qml_dynamics as qd
from qml_dynamics.conformance import oracles
from qml_dynamics.conformance.method import VERBS
from qml_dynamics.model.formulas import by_order
from qml_dynamics.synthesis import trotter
from qml_dynamics.synthesis.measure import gates_of

DURATION = 0.8
PARTS = [
    (qd.Linear(1.0, 0.4), {"IIZ": 0.7, "IZX": -0.5, "III": 0.2}),
    (qd.Geometric(0.7, 1.6), {"YXI": 0.4, "ZII": 0.3}),
    (qd.Oscillation(0.5, 2.0, 0.3), {"XIX": 0.25, "IIZ": 0.15}),
]
START = np.array([0.5, 0.1 + 0.3j, -0.2, 0.4, 0.1j, 0.3, -0.35 + 0.2j, 0.25])
CELLS = [
    pytest.param(entry, clock, id=f"{name}-{number}-{clock}")
    for clock in ("real", "imaginary")
    for name, entries in TABLE.items()
    for number, entry in enumerate(entries)
    if any(
        (one.space, one.clock) == ("operator", clock) for one in entry.cells()
    )  # an entry may be of other spaces only
    if "operator" in entry.method.facts().spaces and clock in entry.method.facts().clocks
]


def stated(clock: str, strength: Any = 1.0, duration: float = DURATION) -> qd.Problem:
    """The problem on three qubits, from a wave without symmetry."""
    return qd.Problem.from_operator(PARTS, clock=clock, duration=duration, initial=START, strength=strength)


@pytest.mark.matrix
@pytest.mark.parametrize(("entry", "clock"), CELLS)
def test_every_verb_of_every_method_with_schedules_of_the_terms(entry: Entry, clock: str) -> None:
    """The cell of an operator whose terms move each in their own way, against a dense propagator, with cost and what was sent."""
    (cell,) = (one for one in entry.cells() if (one.space, one.clock) == ("operator", clock))  # of its own duration
    problem = stated(clock, duration=cell.problem.duration)
    verbs = [verb for verb in VERBS if verb not in entry.without]
    report = qd.assert_valid_method(entry.method, problems=[problem], verbs=verbs, **entry.options)
    assert len(report.ran) == 1


def test_fewer_steps_of_another_splitting_may_be_the_longer_circuit() -> None:
    """The price of a multi-product formula is that of the longest circuit, whichever number of steps has it."""
    problem, method = stated("real"), qd.MultiProduct((1, 2))
    plans = [planned(problem, steps) for steps in method.steps]
    few, many = (gates_of(plan.until(1)).gates for plan in plans)
    assert plans[0].splitting != plans[1].splitting
    assert few > many  # of general turns of single qubits
    report = qd.assert_valid_method(method, problems=[problem], verbs=("cost",))
    assert len(report.ran) == 1


def planned(problem: qd.Problem, steps: int) -> Any:
    """The circuit of so many steps of the formula over the whole duration."""
    return trotter.program(problem, qd.hamiltonian(problem), by_order(2), steps, [0.0, problem.duration])


def test_the_cells_are_not_empty() -> None:
    """Methods of both clocks."""
    assert sum("imaginary" in str(cell.id) for cell in CELLS) >= 5
    assert len(CELLS) >= 12


def error(problem: qd.Problem, method: Any) -> float:
    """Distance of the last wave from that of a dense propagator, free of its phase."""
    wave = qd.evolve(problem, method).states[-1].reshape(-1)
    truth = oracles.solve(problem, [0.0, problem.duration]).states[-1]
    turn = np.vdot(wave, truth)
    return float(np.linalg.norm(wave * turn / abs(turn) - truth))


STEPPED = [
    (qd.Trotter(8, order=1), "real", 1.0),
    (qd.Trotter(8, formula="omelyan2"), "real", 2.0),
    (qd.ProbabilisticITE(1.0, 8, order=1, block="exact", floor=0.0), "imaginary", 1.0),
    (qd.ProbabilisticITE(1.0, 6, block="exact", floor=0.0), "imaginary", 2.0),
    (qd.ProbabilisticITE(0.9, 24, floor=0.0), "imaginary", 1.0),
    (qd.QITE(3, 5), "imaginary", 2.0),
]


@pytest.mark.parametrize("strength", [1.0, -0.7, qd.Linear(-0.5, 1.3)], ids=["one", "negative", "sign"])
@pytest.mark.parametrize(("method", "clock", "order"), STEPPED, ids=lambda v: str(v) if isinstance(v, str) else None)
def test_the_declared_order_holds_where_every_term_moves(method: Any, clock: str, order: float, strength: Any) -> None:
    """Half of the step divides the error by ``2^order`` (within 35 %); a strength that is negative or changes its sign keeps that."""
    assert method.facts().order == order
    problem = stated(clock, strength)
    coarse, fine = error(problem, method), error(problem, method.refined())
    assert fine > 1e-9
    assert coarse / fine > 0.65 * 2**order


@pytest.mark.parametrize("method", [qd.Krylov(), qd.Exact()], ids=["krylov", "exact"])
@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_the_references_agree_with_the_dense_propagator(method: Any, clock: str) -> None:
    """Waves, energies and the norm at all times, with a strength that changes its sign."""
    problem, times = stated(clock, qd.Linear(-0.5, 1.3)), [0.0, 0.31 * DURATION, DURATION]
    run, truth = qd.evolve(problem, method, save=times), oracles.solve(problem, times)
    assert np.abs(run.states.reshape(3, -1) - truth.states).max() < 1e-8
    assert run.expectations["energy"].value == pytest.approx(truth.expectations["energy"], abs=1e-8)
    assert run.log_norm == pytest.approx(truth.log_norm, abs=1e-8)
    assert np.abs(np.diff(truth.density, axis=0)).max() > 0.02


@pytest.mark.parametrize(
    "method", [qd.QDrift(300, draws=40), qd.RandomOrder(20, draws=20)], ids=["qdrift", "random order"]
)
def test_random_circuits_have_the_mean_of_the_moving_operator(method: Any) -> None:
    """Within five standard errors between circuits and the bound of the channel, at a time inside a part too."""
    problem, times = stated("real"), [0.0, 0.3137 * DURATION, DURATION]
    run, truth = qd.evolve(problem, method, save=times, seed=5), oracles.solve(problem, times)
    energy = run.expectations["energy"]
    width = 2 * np.array([qd.hamiltonian(problem).bounds(t)[1] for t in times])
    allowed = 5 * energy.stderr + np.minimum(run.diagnostics["channel_bound"], 0.05) * width + 1e-9
    assert (np.abs(energy.value - truth.expectations["energy"]) < allowed).all()
    assert abs(energy.value[-1] - energy.value[0]) > 0.02


def test_measured_variational_steps_know_the_energy_and_the_variance_of_their_time() -> None:
    """From exact expectation values on circuits the path of the angles is that of the simulated wave."""
    ansatz = qd.ansatz.hamiltonian(layers=1)
    problem = stated("imaginary")
    simulated = qd.evolve(problem, qd.Variational(ansatz, 3, integrator="euler"))
    measured = qd.evolve(problem, qd.Variational(ansatz, 3, integrator="euler"), backend="statevector")
    np.testing.assert_allclose(measured.expectations["energy"].value, simulated.expectations["energy"].value, atol=1e-6)
    assert np.ptp(simulated.expectations["energy"].value) > 0.05
