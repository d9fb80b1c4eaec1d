"""``H(t) = s(t) H0`` of an operator: every method that runs operators, with schedules that pulse and change their sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from registry_table import TABLE, Entry
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.conformance import oracles
from qml_dynamics.conformance.method import VERBS
from qml_dynamics.model.pauli import PauliSum
from qml_dynamics.model.schedules import Constant, Geometric, Knots, Linear
from qml_dynamics.runs.problem_file import problem_from_spec, read_problem, write_problem

DURATION = 0.8
SCHEDULES = {
    "constant": Constant(1.7),
    "linear": Linear(0.2, 1.6),
    "sign": Linear(-1.2, 1.8),
    "pulse": Knots((0.1,) * 21 + (9.0,) + (0.1,) * 8),
}
SEVERAL = {"IIZ": 0.7, "IZX": -0.5, "YXI": 0.4, "ZII": 0.3, "XIX": 0.25, "III": 0.2}
ONE = {"YXZ": 0.9, "III": 0.2}
START = np.array([0.5, 0.1 + 0.3j, -0.2, 0.4, 0.1j, 0.3, -0.35 + 0.2j, 0.25])
TIMES = [0.0, 0.31 * DURATION, DURATION]


def operator(labels: dict[str, float]) -> PauliSum:
    """The sum of these strings."""
    x, z = (
        [sum((c in letters) << q for q, c in enumerate(reversed(one))) for one in labels] for letters in ("XY", "ZY")
    )
    return PauliSum(3, np.array(x), np.array(z), np.array(list(labels.values())))


def stated(labels: dict[str, float], schedule: str, clock: str) -> qd.Problem:
    """The problem on three qubits, from a wave without symmetry."""
    s = SCHEDULES[schedule]
    return qd.Problem.from_operator(operator(labels), clock=clock, duration=DURATION, initial=START, strength=s)


def exact(problem: qd.Problem, times: list[float] = TIMES) -> np.ndarray:
    """``exp(z H0 int s dt) psi`` at these times by dense exponentials; ``z = -i`` or -1; not normalised."""
    z, matrix = -1j if problem.clock == "real" else -1.0, oracles.operator(problem.operator)
    areas = [problem.strength.integral(0.0, t, problem.duration) for t in times]
    return np.array([expm(z * area * matrix) @ (START / np.linalg.norm(START)) for area in areas])


def energies(problem: qd.Problem, waves: np.ndarray) -> np.ndarray:
    """``s(t) <H0>``."""
    matrix, unit = oracles.operator(problem.operator), waves / np.linalg.norm(waves, axis=1)[:, None]
    means = np.einsum("ti,ij,tj->t", unit.conj(), matrix, unit).real
    return means * [problem.strength.value(t, problem.duration) for t in TIMES]


def law(waves: np.ndarray) -> np.ndarray:
    """Densities of waves."""
    square = np.abs(waves) ** 2
    return square / square.sum(axis=1)[:, None]


def running(clock: str, *without: str) -> list[Any]:
    """The entries of the registry that run operators on a clock."""
    return [
        pytest.param(entry, id=f"{name}-{number}")
        for name, entries in TABLE.items()
        for number, entry in enumerate(entries)
        if "operator" in entry.method.facts().spaces and clock in entry.method.facts().clocks and name not in without
    ]


WHOLE = [
    pytest.param(entry.values[0], clock, id=f"{entry.id}-{clock}")
    for clock in ("real", "imaginary")
    for entry in running(clock)
    if any(cell.space == "operator" for cell in entry.values[0].cells())  # an entry may be one of other spaces alone
]


@pytest.mark.matrix
@pytest.mark.parametrize(("entry", "clock"), WHOLE)
def test_every_verb_of_every_method_with_a_strength(entry: Entry, clock: str) -> None:
    """The cell of an operator whose strength moves, against a dense propagator, with cost and what was sent."""
    (cell,) = (one for one in entry.cells() if (one.space, one.clock) == ("operator", clock))  # of its own duration
    problem = cell.problem.replace(strength=Geometric(0.7, 1.6))
    verbs = [verb for verb in VERBS if verb not in entry.without]
    report = qd.assert_valid_method(entry.method, problems=[problem], verbs=verbs, **entry.options)
    assert len(report.ran) == 1


def test_the_registry_has_methods_on_operators_on_both_clocks() -> None:
    """What the tests below go over is not empty."""
    assert (len(running("real")), len(running("imaginary"))) >= (6, 5)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_integral_of_a_schedule_is_that_of_its_values(schedule: str) -> None:
    """What the closed forms below stand on."""
    s, t = SCHEDULES[schedule], np.linspace(0.0, DURATION, 29 * 1000 + 1)
    by_values = np.trapezoid([s.value(float(x), DURATION) for x in t], t)
    assert s.integral(0.0, DURATION, DURATION) == pytest.approx(by_values, rel=1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("entry", running("real", "variational"))
def test_one_string_is_exact_in_every_method(entry: Entry, schedule: str) -> None:
    """A single string has no splitting error: the answer hangs on the integral of s alone, at times inside steps too."""
    problem = stated(ONE, schedule, "real")
    run, truth = qd.evolve(problem, entry.method, save=TIMES, seed=3), exact(problem)
    assert np.abs(run.density.reshape(3, -1) - law(truth)).max() < 1e-7
    assert run.expectations["energy"].value == pytest.approx(energies(problem, truth), abs=1e-6)
    assert np.abs(np.diff(law(truth), axis=0)).max() > 0.02, "the wave moves, so that a wrong integral would show"


def error(problem: qd.Problem, method: Any) -> float:
    """Distance of the last wave, free of its phase."""
    wave, truth = qd.evolve(problem, method).states[-1].reshape(-1), exact(problem)[-1]
    turn = np.vdot(wave, truth)
    return float(np.linalg.norm(wave * turn / abs(turn) - truth / np.linalg.norm(truth)))


STEPPED = [
    (qd.Trotter(8, order=1), "real", 1.0),
    (qd.Trotter(8, order=2), "real", 2.0),
    (qd.Trotter(8, order=4), "real", 4.0),
    (qd.ProbabilisticITE(0.9, 24, floor=0.0), "imaginary", 1.0),
    (qd.QITE(3, 6), "imaginary", 2.0),
    (qd.DoubleBracket(2), "imaginary", 0.5),
]


@pytest.mark.parametrize("schedule", ["linear", "sign"])
@pytest.mark.parametrize(("method", "clock", "order"), STEPPED, ids=lambda v: str(v) if isinstance(v, str) else None)
def test_the_declared_order_holds_with_a_strength(method: Any, clock: str, order: float, schedule: str) -> None:
    """Half of the step divides the error by ``2^order`` (within 35 %)."""
    assert method.facts().order == order
    problem = stated(SEVERAL, schedule, clock)
    coarse, fine = error(problem, method), error(problem, method.refined())
    assert fine > 1e-9
    assert coarse / fine > 0.65 * 2**order


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("method", [qd.Krylov(), qd.Exact()], ids=["krylov", "exact"])
@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_the_references_are_exact_whatever_the_schedule(method: Any, clock: str, schedule: str) -> None:
    """Waves, energies and the norm."""
    problem = stated(SEVERAL, schedule, clock)
    run, truth = qd.evolve(problem, method, save=TIMES), exact(problem)
    assert np.abs(run.density.reshape(3, -1) - law(truth)).max() < 1e-8
    assert run.expectations["energy"].value == pytest.approx(energies(problem, truth), abs=1e-7)
    assert run.log_norm == pytest.approx(np.log(np.linalg.norm(truth, axis=1)), abs=1e-8)


@pytest.mark.parametrize(
    ("method", "clock"), [(qd.Trotter(24), "real"), (qd.QITE(3, 1), "imaginary"), (qd.DoubleBracket(1), "imaginary")]
)
def test_shots_and_noise_measure_the_operator_times_its_strength(method: Any, clock: str) -> None:
    """At t = 0 the sign of s is negative, and the energy is that of ``s(0) H0``."""
    problem = stated({**SEVERAL, "III": 1.5}, "sign", clock)
    exactly = qd.evolve(problem, method, save=[0.0, DURATION])
    for backend in ("statevector", "aer:density_matrix"):
        run = qd.evolve(problem, method, save=[0.0, DURATION], backend=backend, shots=4000, seed=5)
        found, truth = run.expectations["energy"], exactly.expectations["energy"]
        assert abs(truth.value[0]) > 20 * found.stderr[0] > 0
        assert found.value[0] == pytest.approx(truth.value[0], abs=5 * found.stderr[0])
        assert found.stderr[0] == pytest.approx(1.2 / 1.8 * found.stderr[1], rel=0.5)


def test_a_problem_file_keeps_the_strength(tmp_path: Path) -> None:
    """There and back; without one the file stays as it was, and `qhd` has none for an operator."""
    problem = stated(SEVERAL, "pulse", "real")
    back = read_problem(write_problem(problem, tmp_path / "problem.toml")).problem
    assert back.strength == problem.strength
    assert "strength" not in (write_problem(problem.replace(strength=1.0), tmp_path / "plain.toml")).read_text()
    spec = {
        "operator": {"labels": ["ZX", "XI"], "coefficients": [0.5, 0.25]},
        "evolution": {"clock": "real", "duration": 1.0},
        "strength": {"schedule": "linear", "params": {"start": 0.0, "stop": 1.0}},
    }
    assert problem_from_spec(spec).strength == Linear(0.0, 1.0)
    with pytest.raises(ProblemError, match=r"\[diffusion\] must be absent beside \[operator\]"):
        problem_from_spec({**spec, "diffusion": {"value": 1.0}})


def loss(w: np.ndarray) -> np.ndarray:
    """Any loss."""
    return w[:, 0]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"diffusion": 5.0}, "diffusion"),
        ({"diffusion": Linear(0.0, 1.0)}, "diffusion"),
        ({"objective": loss}, "objective"),
        ({"operator": np.diag([1.0, -1.0])}, "domain"),
        ({"operator": "ZZ"}, "domain"),  # a text of two qubits
        ({"operator": "Q0"}, "operator"),
        ({"domain": qd.Grid((-1, 1), 3)}, "domain"),
        ({"domain": qd.Hypercube(2)}, "domain"),
        ({"initial": qd.PointMass((1.0, 1.0))}, "point"),
        ({"initial": qd.Gaussian(0.0, 1.0)}, "initial"),
        ({"strength": "much"}, "strength"),
        ({"clock": "classical"}, "clock"),
        ({"operator": None}, "objective"),
    ],
)
def test_what_does_not_fit_an_operator_is_refused_at_once(changes: dict[str, Any], named: str) -> None:
    """By the name of the argument."""
    problem = stated(SEVERAL, "linear", "real")
    with pytest.raises(ProblemError, match=f"`{named}`") as told:
        problem.replace(**changes)
    assert "\n" not in str(told.value)


def test_a_loss_takes_no_operator_beside_it_and_an_operator_another_one() -> None:
    """`replace` is consistent: both at once, or neither."""
    spins = qd.Problem(qd.Hypercube(3), loss, 1.0, clock="real", duration=1.0)
    with pytest.raises(ProblemError, match="`objective` must be None for an operator"):
        spins.replace(operator=operator(ONE))
    both = spins.replace(operator=operator(ONE), objective=None, diffusion=0.0)
    assert np.allclose(qd.hamiltonian(both).matrix(), oracles.operator(operator(ONE)))
    again = stated(ONE, "linear", "real").replace(operator=oracles.operator(operator(SEVERAL)))
    assert np.allclose(qd.hamiltonian(again).matrix(DURATION), 1.6 * oracles.operator(operator(SEVERAL)))
    without = both.replace(operator=None, objective=loss)
    assert without.operator is None
    assert qd.hamiltonian(without).zeta.reshape(-1).tolist() == qd.hamiltonian(spins).zeta.reshape(-1).tolist()
