"""A run of imaginary time that starts in an eigenstate says that it is not the ground state; one that has converged does not."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError
from qml_dynamics.learning.annealing.stages import Staged
from qml_dynamics.learning.descent.box import Counted
from qml_dynamics.learning.descent.ends import end_of
from qml_dynamics.learning.descent.polish import UnitLoss
from qml_dynamics.methods.stationary import lower_energy, not_lowest
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.objectives.base import Objective

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

ISING = SparsePauliOp(["ZZI", "IZZ", "IIZ"], [1.0, 1.0, 0.3])
ANSATZ = qd.ansatz.from_circuit(efficient_su2(3, reps=2))
SAYS = "that is not the ground state"


def ising(initial: object) -> qd.Problem:
    return qd.Problem.from_operator(ISING, clock="imaginary", duration=1.0, initial=initial)


def spins(initial: object, clock: str = "imaginary") -> qd.Problem:
    return qd.Problem(
        qd.Hypercube(3),
        lambda w: w[:, 0] * w[:, 1] + 0.4 * w[:, 2],
        0.6,
        clock=clock,
        duration=0.5,
        initial=initial,  # type: ignore[arg-type]
    )


OPERATOR_METHODS = [
    qd.Krylov(),
    qd.Variational(ANSATZ, 6),
    qd.Variational(ANSATZ, 6, integrator="rk45"),
    qd.QITE(3, 3),
    qd.DoubleBracket(2),
    qd.ProbabilisticITE(0.6, 8, floor=0.0),
]


@pytest.mark.parametrize("method", OPERATOR_METHODS, ids=lambda m: type(m).__name__)
def test_the_highest_level_is_no_convergence(method: object) -> None:
    """The start |000> has the energy 2.3, the highest; the ground energy is -2.3."""
    run = qd.evolve(ising(ANSATZ), method)
    assert run.expectations["energy"].value[-1] == pytest.approx(2.3, abs=1e-6)
    assert SAYS in run.stop
    assert "energy 2.3 " in run.stop
    assert "converged" not in run.stop
    if not isinstance(method, qd.Variational):
        lowest = np.eye(8)[np.argmin(np.diag(ISING.to_matrix()).real)]
        again = qd.evolve(ising(qd.State(lowest)), method)
        assert again.expectations["energy"].value[-1] == pytest.approx(-2.3, abs=1e-6)
        assert SAYS not in again.stop


LOSS_METHODS = [
    qd.SplitStep(40, order=4),
    qd.Krylov(),
    qd.Schrodingerised(7, 20, tolerance=0.5),
    qd.ProbabilisticITE(1.0, 8, block="exact", floor=0.0),
    qd.QITE(3, 3),
    qd.DoubleBracket(2),
]


@pytest.mark.parametrize("method", LOSS_METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("level", [3, 7])
def test_every_level_but_the_lowest_is_told(method: object, level: int) -> None:
    energies, waves = np.linalg.eigh(hamiltonian(spins(qd.Uniform())).matrix())
    run = qd.evolve(spins(qd.State(waves[:, level])), method, shots=None)
    exact = isinstance(method, (qd.Krylov, qd.SplitStep))
    if exact or SAYS in run.stop:
        assert f"an eigenstate of energy {energies[level]:.4g}"[:-2] in run.stop
    else:
        overlap = abs(np.vdot(run.states[-1].reshape(-1), waves[:, level]))  # type: ignore[index]
        assert overlap < 1 - 1e-12, "a formula moves an eigenstate of H by its own error"
    ground = qd.evolve(spins(qd.State(waves[:, 0])), method)
    assert SAYS not in ground.stop


def test_stop_at_does_not_take_an_eigenstate_for_the_ground_state() -> None:
    run = qd.evolve(ising(ANSATZ), qd.Variational(ANSATZ, 10, stop_at=1e-3))
    assert run.stop.startswith("stopped at t = 0.1")
    assert SAYS in run.stop
    theta = np.full(ANSATZ.program.num_parameters, 0.3) + 0.1 * np.arange(ANSATZ.program.num_parameters)
    moved = qd.ansatz.from_circuit(efficient_su2(3, reps=2), theta)
    problem = qd.Problem.from_operator(ISING, clock="imaginary", duration=12.0, initial=moved)
    good = qd.evolve(problem, qd.Variational(moved, 240, stop_at=1e-3))
    assert good.expectations["energy"].value[-1] == pytest.approx(-2.3, abs=1e-3)
    assert good.stop.startswith("converged at")


MOVING = {
    "strength": spins(qd.Uniform()).replace(strength=qd.Jumps([1e-9, 1.0], [0.5])),
    "diffusion": spins(qd.Uniform()).replace(diffusion=qd.Linear(1.0, 0.1)),
    "operator": ising(qd.Uniform()).replace(strength=qd.Pulse(1.0, 0.5, 0.1)),
    "terms": qd.Problem.from_operator([(qd.Linear(0, 1), ISING)], clock="imaginary", duration=1.0),
}


@pytest.mark.parametrize("backend", [None, "aer"])
@pytest.mark.parametrize("name", [*MOVING])
def test_stop_at_is_refused_where_the_hamiltonian_moves(name: str, backend: str | None) -> None:
    """A wave that rests under H(0) would be kept there, with a bound of 0, while H(t) moves on."""
    method, shots = qd.Variational(ANSATZ, 10, stop_at=1e-3), None if backend is None else 100
    with pytest.raises(qd.MethodError, match=r"`stop_at` must be 0 where schedules change with time, but is 0\.001"):
        qd.evolve(MOVING[name], method, backend=backend, shots=shots)
    method.check(MOVING[name].replace(clock="real", initial=qd.Uniform()), None)  # where nothing stops early


def test_the_real_clock_and_a_moving_wave_say_nothing() -> None:
    energies, waves = np.linalg.eigh(hamiltonian(spins(qd.Uniform())).matrix())
    assert energies[-1] > energies[0]
    assert SAYS not in qd.evolve(spins(qd.State(waves[:, -1]), "real"), qd.SplitStep(4)).stop
    assert SAYS not in qd.evolve(spins(qd.State(waves[:, -1] + 0.2 * waves[:, 0])), qd.SplitStep(4)).stop


@pytest.mark.parametrize("level", [1, 5])
def test_the_second_variation_decides(level: int) -> None:
    """A point of a grid: every level above the lowest has a lower wave near it, and the lowest has none."""
    h = hamiltonian(qd.Problem(qd.Grid((-5, 5), 5), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="imaginary", duration=1.0))
    energies, waves = np.linalg.eigh(h.matrix())
    found = lower_energy(h, waves[:, level].reshape(h.domain.shape))
    assert found is not None
    assert found[0] == pytest.approx(level + 0.5, abs=1e-3)
    assert energies[0] - 1e-9 <= found[1] < energies[level]
    assert not_lowest(h, waves[:, 0].reshape(h.domain.shape)) == ""


def tunnelling(initial: object, clock: str, duration: float) -> qd.Problem:
    """A symmetric double well whose two lowest levels differ by parity; D falls slowly."""
    return qd.Problem(
        qd.Grid((-3, 3), 5),
        lambda w: (w[:, 0] ** 2 - 1) ** 2,
        qd.Linear(0.6, 0.5),
        clock=clock,
        duration=duration,
        initial=initial,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_annealing_that_symmetry_keeps_from_the_ground_state_says_so(clock: str) -> None:
    """An odd start stays odd: the run ends near the second level; an even one near the ground state, and says nothing."""
    duration = 60.0 if clock == "real" else 15.0
    problem = tunnelling(qd.Uniform(), clock, duration)
    _, waves = np.linalg.eigh(hamiltonian(problem).matrix(0.0))
    ends = np.linalg.eigvalsh(hamiltonian(problem).matrix(duration))
    for level in (0, 1):
        start = waves[:, level].reshape(problem.domain.shape)
        run = qd.anneal(tunnelling(qd.State(start), clock, duration), 200, spectrum=False)
        assert run.expectations["energy"].value[-1] == pytest.approx(ends[level], abs=2e-2 * (ends[1] - ends[0]))
        assert (SAYS in run.stop) == (level == 1), run.stop


LOSSES = {  # a loss over a box, where a refinement stands, and what that is
    "saddle": (lambda w: w[:, 0] ** 2 - w[:, 1] ** 2, (0.0, 0.0), "no minimum"),
    "turned saddle": (lambda w: w[:, 0] * w[:, 1], (0.0, 0.0), "no minimum"),
    "monkey saddle": (lambda w: w[:, 0] ** 3 - 3 * w[:, 0] * w[:, 1] ** 2, (0.0, 0.0), "no minimum"),
    "maximum": (lambda w: np.cos(w[:, 0]) + np.cos(w[:, 1]), (0.0, 0.0), "no minimum"),
    "quartic maximum": (lambda w: -(w**4).sum(axis=1), (0.0, 0.0), "no minimum"),
    "flat": (lambda w: 0.0 * w[:, 0], (0.0, 0.0), "flat"),
    "slope": (lambda w: w[:, 0] + w[:, 1] ** 2, (0.0, 0.0), "slope"),
    "minimum": (lambda w: w[:, 0] ** 2 + 3 * (w[:, 0] - w[:, 1]) ** 2, (0.0, 0.0), "minimum"),
    "quartic minimum": (lambda w: (w**4).sum(axis=1), (0.0, 0.0), "minimum"),
    "kink": (lambda w: np.abs(w).sum(axis=1), (0.0, 0.0), "minimum"),
    "edge": (lambda w: w[:, 0] + w[:, 1] ** 2, (-1.0, 0.0), "minimum"),
    "corner": (lambda w: w[:, 0] - w[:, 1], (-1.0, 1.0), "minimum"),
    "saddle at an edge": (lambda w: w[:, 0] - w[:, 1] ** 2, (-1.0, 0.0), "no minimum"),
}


@pytest.mark.parametrize("units", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("case", LOSSES)
def test_a_refined_sample_says_what_it_stands_at(case: str, units: float) -> None:
    """By slope and curvature, whatever the units of the weights and of the loss."""
    loss, where, kind = LOSSES[case]
    bounds = ((-units, units), (-2 * units, 2 * units))
    objective = Objective(lambda w: 7.0 + loss(w / units) * units)
    at = np.array(where) * units * (np.array([1, 2]) if case == "corner" else 1)
    end = end_of(UnitLoss(Counted(objective), bounds, 0.0, 4 * units), at)
    assert end.kind == kind, str(end)
    assert ("converged to" in str(end)) == (kind == "minimum")
    assert end.evaluations > 4


def test_a_descent_that_stands_at_a_saddle_does_not_claim_a_minimum() -> None:
    """One sample at the saddle, where a gradient method has nothing to follow; from elsewhere it gets away."""
    loss = Objective(lambda w: (w[:, 0] ** 2 - 1) ** 2 + w[:, 1] ** 2, bounds=((-2.0, 2.0), (-2.0, 2.0)))
    at_saddle = qd.Problem(
        qd.Grid(loss.bounds, 3), loss, 1e-6, clock="real", duration=0.1, initial=qd.PointMass((0.0, 0.0))
    )
    stuck = qd.descend(at_saddle, method=qd.SplitStep(2), samples=1, polish=1, seed=1)
    assert stuck.weights == pytest.approx((0.0, 0.0), abs=1e-5)
    assert stuck.end is not None
    assert stuck.end.kind == "no minimum"
    assert "no minimum" in str(stuck)
    assert stuck.end.curvature is not None
    assert stuck.end.curvature < 0
    free = qd.descend(at_saddle.replace(initial=qd.PointMass((0.5, 0.5))), method=qd.SplitStep(2), samples=1, polish=1)
    assert free.loss < 1e-12
    assert free.end is not None
    assert free.end.kind == "minimum"
    assert "no minimum" not in str(free)


def test_stop_at_takes_schedules_that_rest_by_their_values():
    """A quench holds its last D by a schedule of equal stages; one that moves at all is refused, of operators too."""
    method = qd.Variational(qd.ansatz.hardware_efficient(1), 2, stop_at=1e-4)
    grid = qd.Grid((-3, 3), 3)
    falling = qd.Problem(grid, lambda w: w[:, 0] ** 2, qd.Linear(1.0, 0.5), clock="imaginary", duration=0.2)
    assert qd.anneal(falling, 3, "quench", method=method, progress=False).method is not None
    wires = qd.Problem.from_operator({"ZZ": -1.0, "XI": 0.5}, clock="imaginary", duration=0.2)
    for schedule, fits in ((Staged((0.7,) * 3), True), (qd.Linear(1, 1), True), (Staged((0.7, 0.7, 0.7001)), False)):
        for problem in (falling.replace(diffusion=schedule), wires.replace(strength=schedule)):
            with nullcontext() if fits else pytest.raises(MethodError, match="stop_at"):
                method.check(problem, None)
