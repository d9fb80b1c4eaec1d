"""The method: the same answer as split-operator steps on dense vectors, its order, its error statement and its refusals."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import MethodError, Problem, Trajectory

pytestmark = [
    pytest.mark.filterwarnings("ignore::qml_dynamics.EdgeWeightWarning"),
    pytest.mark.filterwarnings("ignore::qml_dynamics.MomentumTailWarning"),
]
CLOCKS = ("real", "imaginary")


def tilted(w: np.ndarray) -> np.ndarray:
    """A smooth well without any symmetry."""
    x = w[:, 0]
    return 0.4 * (x - 0.4) ** 2 + 0.5 * np.sin(1.3 * x + 0.2)


def double_well(w: np.ndarray) -> np.ndarray:
    """Two coupled weights, neither like the other."""
    x, y = w.T
    return np.asarray(0.05 * (x * x - 2.0) ** 2 + 0.3 * y * y + 0.3 * x * y - 0.2 * x)


@cache
def line(clock: str, qubits: int = 7) -> Problem:
    """One weight."""
    start = qd.Gaussian(1.1, 0.65, momentum=0.7)
    return Problem(qd.Grid((-8, 8), qubits), tilted, 0.4, clock=clock, initial=start, duration=0.8)


@cache
def plane(clock: str, qubits: tuple[int, int] = (6, 5)) -> Problem:
    """Two weights on axes of different length."""
    start = qd.Gaussian((0.8, -0.5), (0.6, 0.8), (0.4, -0.6))
    return Problem(qd.Grid([(-7, 7), (-8, 8)], qubits), double_well, 0.4, clock=clock, initial=start, duration=0.5)


@cache
def truth(clock: str, qubits: int = 7) -> Trajectory:
    """Of one weight, by split-operator steps of order four, so many that their error is below 1e-10."""
    return qd.evolve(line(clock, qubits), qd.SplitStep(200, order=4), save=3, progress=False)


def apart(a: Trajectory, b: Trajectory) -> np.ndarray:
    """2-norms of the differences of the waves, phases and all."""
    assert a.states is not None
    assert b.states is not None
    return np.asarray(np.linalg.norm((a.states - b.states).reshape(len(a.times), -1), axis=1))


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("clock", CLOCKS)
def test_it_takes_the_steps_of_the_dense_method(clock: str, order: int) -> None:
    """Step for step the same wave and the same norm, but for the roundings; mirrored axes of different length."""
    problem = plane(clock)
    train = qd.evolve(problem, qd.TensorTrain(4, order=order, tolerance=1e-10), progress=False)
    steps = qd.evolve(problem, qd.SplitStep(4, order=order), progress=False)
    assert apart(train, steps).max() < 1e-8
    assert np.abs(train.log_norm - steps.log_norm).max() < 1e-8
    assert train.states is not None
    assert steps.states is not None
    assert np.linalg.norm(steps.states[-1] - np.abs(steps.states[-1])) > 1e-2 or clock == "imaginary"


@pytest.mark.parametrize("layout", ["mirrored", "sequential", "interleaved"])
def test_layouts_give_one_wave(layout: str) -> None:
    """The order of the bits changes ranks, not the answer."""
    problem = plane("real", (4, 3))
    train = qd.evolve(problem, qd.TensorTrain(3, layout=layout), progress=False)
    assert apart(train, qd.evolve(problem, qd.SplitStep(3), progress=False)).max() < 1e-6
    assert apart(train, qd.evolve(problem, qd.SplitStep(2), progress=False)).max() > 1e-5


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("clock", CLOCKS)
def test_order_and_error_statement(clock: str, order: int) -> None:
    """The order that is declared; the stated error is never below the true one, and below 30 times it."""
    problem, errors = line(clock), []
    for steps in (4, 8):
        run = qd.evolve(problem, qd.TensorTrain(steps, order=order), save=3, progress=False)
        true, stated = apart(run, truth(clock)), run.diagnostics["error"]
        assert (stated >= true).all()
        assert (stated[1:] <= 30 * true[1:]).all()
        errors.append(true[-1])
    assert errors[0] > 1e-6
    assert abs(np.log2(errors[0] / errors[1]) - order) < 0.4


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_large_tolerance_is_told(clock: str) -> None:
    """Where roundings are what is wrong, the statement sees them."""
    problem = line(clock)
    run = qd.evolve(problem, qd.TensorTrain(16, order=4, tolerance=1e-4), save=3, progress=False)
    true, stated = apart(run, truth(clock)), run.diagnostics["error"]
    assert true[-1] > 1e-6
    assert (stated >= true).all()
    assert stated[-1] <= 30 * true[-1]


def test_a_small_rank_is_told() -> None:
    """Where the largest rank cuts the wave, the statement sees that too."""

    def ring(w: np.ndarray) -> np.ndarray:
        return np.asarray(1.5 * np.cos(np.pi * w[:, 0] / 8 + 0.3) + 0.8 * np.sin(np.pi * w[:, 0] / 4))

    problem = Problem(qd.Grid((-8, 8), 8), ring, 1.0, clock="real", initial=qd.Uniform(), duration=3.0)
    exact = qd.evolve(problem, qd.SplitStep(400, order=4), save=3, progress=False)
    few = qd.evolve(problem, qd.TensorTrain(32, tolerance=1e-6, max_bond=7), save=3, progress=False)
    many = qd.evolve(problem, qd.TensorTrain(32, tolerance=1e-6), save=3, progress=False)
    true, stated = apart(few, exact), few.diagnostics["error"]
    assert few.diagnostics["bond"].max() == 7 < many.diagnostics["bond"].max()
    assert true[-1] > 2 * apart(many, exact)[-1]
    assert (stated >= true).all()
    assert stated[-1] <= 30 * true[-1]


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_cutoff_of_the_momenta(clock: str) -> None:
    """On twelve qubits most momenta are left out, and the wave is that of all of them within its statement."""
    problem = line(clock, 12)
    run = qd.evolve(problem, qd.TensorTrain(4, order=4), save=3, progress=False)
    true, stated = apart(run, truth(clock, 12)), run.diagnostics["error"]
    assert run.diagnostics["momentum_qubits"][0] < 11
    assert (stated >= true).all()
    assert (stated[1:] <= 30 * true[1:]).all()


def test_steps_are_chosen_from_the_tolerance() -> None:
    """Until the error of the step is at most a thousand tolerances; no order is claimed then."""
    method = qd.TensorTrain(order=4, tolerance=1e-7)
    run = qd.evolve(line("real"), method, save=3, progress=False)
    assert method.facts().order is None
    assert method.facts().steps is None
    assert run.diagnostics["error_parts"]["step"] <= 1e-4
    assert (apart(run, truth("real")) <= run.diagnostics["error"]).all()
    assert run.diagnostics["error"][-1] <= 30 * apart(run, truth("real"))[-1]
    assert method.refined().tolerance == 1e-7 / 16
    assert qd.TensorTrain(3).refined().steps == 6


def test_free_spreading_against_its_closed_form() -> None:
    """``<x> = x0 + 2 D k t`` and ``<(x - <x>)^2> = w^2 + (D t / w)^2``, a sign of either momentum told apart."""
    grid = qd.Grid((-16, 16), 8)
    start = qd.Gaussian(-1.0, 0.7, momentum=1.5)
    free = Problem(grid, lambda w: 0 * w[:, 0], 0.5, clock="real", initial=start, duration=1.5)
    seen = {"x": lambda w: w[:, 0], "x2": lambda w: w[:, 0] ** 2}
    run = qd.evolve(free, qd.TensorTrain(2), observables=seen, progress=False)
    x, x2 = (run.expectations[name].value[-1] for name in seen)
    assert abs(x - (-1.0 + 1.5 * 1.5)) < 1e-6
    assert abs(x2 - x**2 - (0.7**2 + (0.5 * 1.5 / 0.7) ** 2)) < 1e-6


def test_point_masses_vectors_and_schedules() -> None:
    """Other initial waves, a flux, and coefficients that move in time."""
    grid = qd.Grid([(-3, 3), (-2, 2)], (3, 2), twist=(0.2, -0.1))
    vector = np.exp(1j * np.arange(32.0)) * (1 + np.arange(32.0) % 5)
    for initial in (qd.PointMass((0.7, -1.0)), qd.State(vector), qd.Uniform()):
        problem = Problem(
            grid, double_well, qd.Linear(0.5, 0.2), qd.Linear(0.3, 1.1), clock="real", initial=initial, duration=0.4
        )
        train = qd.evolve(problem, qd.TensorTrain(3, tolerance=1e-10), progress=False)
        steps = qd.evolve(problem, qd.SplitStep(3), progress=False)
        assert apart(train, steps).max() < 1e-8
        assert apart(train, qd.evolve(problem.replace(strength=1.1), qd.SplitStep(3), progress=False)).max() > 1e-3


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 2.5}, "steps"),
        ({"order": 1}, "order"),
        ({"order": True}, "order"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"tolerance": 0.5}, "tolerance"),
        ({"max_bond": 0}, "max_bond"),
        ({"layout": "morton"}, "layout"),
    ],
)
def test_options_are_checked(options: dict[str, object], name: str) -> None:
    """In one line that names the argument."""
    with pytest.raises(MethodError, match=rf"^Argument `{name}` must [^\n]+$"):
        qd.TensorTrain(**options)  # type: ignore[arg-type]


def test_a_loss_of_high_rank_is_refused() -> None:
    """With the miss that was found, and what helps."""
    table = np.random.default_rng(1).standard_normal(256)
    rough = Problem(
        qd.Grid((0, 256), 8), lambda w: table[np.rint(w[:, 0]).astype(int)], 0.5, clock="real", duration=1.0
    )
    with pytest.raises(
        MethodError, match=r"^Argument `max_bond` must be at least the rank of the loss[^\n]+but is 6[^\n]+\.$"
    ):
        qd.evolve(rough, qd.TensorTrain(2, max_bond=6), progress=False)
