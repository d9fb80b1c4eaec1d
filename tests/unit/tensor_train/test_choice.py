"""The order and the number of steps that a run chooses, schedules that halved steps cannot see, and terms with schedules of their own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import MethodError, Problem, Trajectory
from qml_dynamics.methods.tensor_train.choice import _looked_at, blind, enough_to_see
from qml_dynamics.methods.tensor_train.layout import Layout
from qml_dynamics.methods.tensor_train.runs import stepper
from qml_dynamics.methods.tensor_train.starts import start
from qml_dynamics.methods.tensor_train.state import TrainState
from qml_dynamics.model.drives import Oscillation, Total, swing
from qml_dynamics.model.schedules import Schedule
from qml_dynamics.results.compact import CompactTrajectory

pytestmark = [
    pytest.mark.filterwarnings("ignore::qml_dynamics.EdgeWeightWarning"),
    pytest.mark.filterwarnings("ignore::qml_dynamics.MomentumTailWarning"),
]


def apart(a: Trajectory, b: Trajectory) -> float:
    """2-norm of the difference of the waves at the end, phases and all."""
    assert a.states is not None
    assert b.states is not None
    return float(np.linalg.norm(a.states[-1] - b.states[-1]))


def well(strength: float | Schedule = 1.0, qubits: int = 6) -> Problem:
    """One weight in a bowl that is not symmetric."""
    return Problem(
        qd.Grid((-8, 8), qubits),
        lambda w: 0.4 * w[:, 0] ** 2 + 0.3 * np.sin(w[:, 0]),
        0.5,
        strength,
        clock="real",
        initial=qd.Gaussian(1.0, 0.7),
        duration=1.0,
    )


def test_the_order_with_less_work_is_taken() -> None:
    """Four where much accuracy is asked for, two where little is; an order that is given is kept; the statement holds for each."""
    exact = qd.evolve(well(), qd.SplitStep(400, order=4))
    runs = {
        given: qd.evolve(well(), qd.TensorTrain(order=given[0], tolerance=given[1]), progress=False)
        for given in ((None, 1e-8), (2, 1e-6), (None, 1e-3))
    }
    for run in runs.values():
        true = apart(run, exact)
        assert true <= run.diagnostics["error"][-1] <= 30 * true
    assert [run.diagnostics["order"] for run in runs.values()] == [4, 2, 2]
    assert runs[None, 1e-8].diagnostics["steps"] < runs[2, 1e-6].diagnostics["steps"]
    assert qd.TensorTrain(3).facts().order == 2
    assert qd.TensorTrain(3, order=4).facts().order == 4


def test_swings_that_no_halved_step_shows_are_refused_or_resolved() -> None:
    """Eight periods in four steps: each step and each half of one holds the integral of a constant, and the wave is another."""
    fast = Oscillation(40.0, 2 * np.pi * 8, mean=1.0)
    exact = qd.evolve(well(fast), qd.SplitStep(4000))
    still = qd.evolve(well(), qd.TensorTrain(4), progress=False)
    told = float(still.diagnostics["error"][-1])
    assert apart(still, exact) > 2 * told  # what four steps would have answered, and stated
    with pytest.raises(
        MethodError, match=r"^Argument `steps` must be large enough [^\n]* strength moves, but is 4: [^\n]*\.$"
    ):
        qd.evolve(well(fast), qd.TensorTrain(4), progress=False)
    run = qd.evolve(well(fast), qd.TensorTrain(64, tolerance=1e-7), progress=False)
    true = apart(run, exact)
    assert true <= run.diagnostics["error"][-1] <= 30 * true


@pytest.mark.parametrize("periods", [127, 254, 1016])
def test_no_number_of_periods_hides_from_the_choice(periods: int) -> None:
    """Steps are halved until they see it."""
    schedule = Oscillation(2.0 * periods, 2 * np.pi * periods)
    engine = stepper(well(schedule), qd.TensorTrain())

    def ends(steps: int) -> np.ndarray:
        return np.linspace(0.0, 1.0, steps + 1)

    assert swing(schedule, 1.0) > 0.02 * periods
    found = enough_to_see(engine, ends, 4)
    assert (blind(engine.swings(), ends(4), 1.0) is None) == (found == 4) == (periods % 8 > 0)
    assert blind(engine.swings(), ends(found), 1.0) is None


def test_a_schedule_that_no_steps_show_is_refused() -> None:
    """One that 65,536 steps do not see, before the first step."""
    engine = stepper(well(Oscillation(1e7, 2 * np.pi * 2.0**20)), qd.TensorTrain())
    with pytest.raises(
        MethodError, match=r"^Argument `steps` must [^\n]* but is None, which stands for at most 65,536: "
    ):
        enough_to_see(engine, lambda steps: np.linspace(0.0, 1.0, steps + 1), 4)


def test_smooth_schedules_are_seen_by_one_step() -> None:
    """A line, a decay, a power, a pulse beside the middle and a jump: their halves differ."""
    seen = [
        qd.Linear(0.0, 9.0),
        qd.Geometric(5.0, 0.01),
        qd.PowerLaw(20.0, 3.0),
        qd.Pulse(9.0, 0.3, 0.01),
        qd.Jumps((0.0, 9.0), (0.9,)),
    ]
    for schedule in seen:
        assert blind([("strength", schedule, 10.0)], [0.0, 1.0], 1.0) is None
    assert blind([("strength", Oscillation(9.0, 2 * np.pi), 10.0)], [0.0, 1.0], 1.0) is not None


@dataclass
class Asked:
    """A constant that counts how often it is asked, and may change."""

    size: float = 1.0
    count: list[int] = field(default_factory=lambda: [0])

    def value(self, t: float, duration: float) -> float:
        return self.size

    def integral(self, t0: float, t1: float, duration: float) -> float:
        self.count[0] += 1
        return self.size * (t1 - t0)


@dataclass(frozen=True)
class Fixed:
    """The same, which cannot change; the count is beside it."""

    size: float

    def value(self, t: float, duration: float) -> float:
        return self.size

    def integral(self, t0: float, t1: float, duration: float) -> float:
        COUNT[0] += 1
        return self.size * (t1 - t0)


COUNT = [0]


def test_the_swing_of_what_cannot_change_is_looked_up() -> None:
    """A frozen schedule is asked once; one that may change every time."""
    free, fixed = Asked(), Fixed(1.25)
    assert swing(free, 1.0) == pytest.approx(1.0)
    asked = free.count[0]
    free.size = 2.0
    assert swing(free, 1.0) == pytest.approx(2.0)
    assert free.count[0] == 2 * asked > 100
    assert swing(fixed, 3.0) == swing(fixed, 3.0) == pytest.approx(3.75)
    assert COUNT[0] == asked


PARTS = [
    (qd.Linear(1.0, 0.4), {"IIZI": 0.7, "IZXI": -0.5, "IIII": 0.2, "ZIIZ": 0.6}),
    (qd.Geometric(0.7, 1.6), {"YXII": 0.4, "ZIII": 0.3, "IIXX": 0.5}),
    (Oscillation(0.5, 2.0, 0.3), {"XIXI": 0.25, "IIZI": 0.15, "XYZX": 0.3}),
]


@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize("order", [2, 4])
def test_terms_with_schedules_of_their_own(clock: str, order: int) -> None:
    """The declared order beside Krylov, waves with phase and norm, and the statement."""
    problem = Problem.from_operator(PARTS, clock=clock, duration=0.8, initial="0110", strength=qd.Linear(0.8, 1.2))
    exact = qd.evolve(problem, qd.Krylov(1e-11))
    errors = []
    for steps in (2, 4):
        run = qd.evolve(problem, qd.TensorTrain(steps, order=order, tolerance=1e-10), progress=False)
        errors.append(apart(run, exact))
        assert errors[-1] <= run.diagnostics["error"][-1] <= 30 * errors[-1]
    assert errors[0] > 1e-5
    assert abs(np.log2(errors[0] / errors[1]) - order) < 0.5
    assert abs(run.log_norm[-1] - exact.log_norm[-1]) < 10 * errors[-1]
    assert (abs(exact.log_norm[-1]) > 0.1) == (clock == "imaginary")


def test_a_quench_of_some_terms_and_chosen_steps() -> None:
    """Steps end where a schedule jumps, so that the order stays; the number of steps follows from the tolerance."""
    parts = [({"ZZI": -1.0, "IZZ": -1.0}), (qd.Jumps((0.2, 1.5), (0.37,)), {"XII": 0.8, "IXI": 0.9, "IIX": 0.5})]
    problem = Problem.from_operator([(1.0, parts[0]), parts[1]], clock="real", duration=1.0, initial="000")
    exact = qd.evolve(problem, qd.Krylov(1e-11))
    run = qd.evolve(problem, qd.TensorTrain(tolerance=1e-8), progress=False)
    assert run.diagnostics["order"] == 4
    assert apart(run, exact) <= run.diagnostics["error"][-1] < 1e-4
    blind_to_it = qd.evolve(problem.replace(duration=1.0), qd.TensorTrain(4, order=4), progress=False)
    assert apart(blind_to_it, exact) < 1e-3


def test_driven_spins_without_a_table_are_pairs_of_two() -> None:
    """Twenty-four spins, coupled in pairs by one schedule and turned by another: each pair is a problem of two qubits."""
    pairs, fields = {f"Z{i} Z{i + 1}": 1.0 for i in range(0, 24, 2)}, {f"X{i}": 0.7 for i in range(24)}
    drives = [qd.Linear(0.3, 1.4), Oscillation(1.0, 3.0)]
    large = Problem.from_operator(list(zip(drives, (pairs, fields))), clock="real", duration=1.0, initial="0" * 24)
    small = Problem.from_operator(
        list(zip(drives, ({"Z0 Z1": 1.0}, {"X0": 0.7, "X1": 0.7}))), clock="real", duration=1.0, initial="00"
    )
    seen = [Problem.from_operator({"Z1": 1.0}, num_qubits=n, clock="real", duration=1.0).operator for n in (24, 2)]
    run = qd.evolve(large, qd.TensorTrain(12, order=4, tolerance=1e-7), observables={"z": seen[0]}, progress=False)
    exact = qd.evolve(small, qd.Krylov(1e-10), observables={"z": seen[1]})
    assert isinstance(run, CompactTrajectory)
    stated = float(run.diagnostics["error"][-1])
    right = float(exact.expectations["z"].value[-1])
    assert abs(run.expectations["z"].value[-1] - right) <= 2 * stated < 0.05
    energies = run.expectations["energy"].value[-1], 12 * exact.expectations["energy"].value[-1]
    assert abs(energies[0] - energies[1]) <= 2 * stated * 40  # of an operator of norm at most 40
    assert right < 0.95


def test_what_was_averaged_before_is_not_trusted_elsewhere() -> None:
    """A function with a feature where another state is: the train that the first one made is made anew."""
    grid, layout, known = qd.Grid((-8, 8), 12), Layout(qd.Grid((-8, 8), 12)), dict[tuple[str, str], list[np.ndarray]]()

    def bump(w: np.ndarray) -> np.ndarray:
        return np.asarray(1.0 + 3.0 * np.exp(-200 * (w[:, 0] - 4) ** 2))

    for center in (-4.0, -4.01, 4.0):
        problem = Problem(grid, bump, 0.5, clock="real", initial=qd.Gaussian(center, 0.05), duration=1.0)
        state = TrainState(layout, start(problem, layout, 1e-10, 64), 64, 1e-9, known)
        wave = problem.initial.vector(grid).ravel()
        right = float(bump(np.array(grid.axes[0])[:, None]) @ np.abs(wave) ** 2)
        assert state.average(bump, "observables", "bump") == pytest.approx(right, abs=1e-6)
    assert right > 2
    assert list(known) == [("observables", "bump")]


@pytest.mark.slow
def test_a_neuron_of_three_weights() -> None:
    """On data, 3 x 10 qubits without a table: the wave and the means of the dense method on 3 x 7, within the error that is stated."""
    data = qd.objectives.load_data(
        "circuits/iris_neuron/iris.csv", target="species", classes=["versicolor", "virginica"], num_features=3
    )
    loss = qd.objectives.neuron(data.X_train, data.y_train, l2=0.01)
    seen = {"x": lambda w: w[:, 0], "y": lambda w: np.tanh(w[:, 1])}

    def problem(qubits: int) -> Problem:
        start = qd.Gaussian((1.0, 0.5, -0.5), 0.7)
        return Problem(qd.Grid([(-6, 6)] * 3, qubits), loss, 0.5, clock="real", initial=start, duration=1.0)

    run = qd.evolve(problem(10), qd.TensorTrain(tolerance=1e-5), observables=seen, progress=False)
    exact = qd.evolve(problem(7), qd.SplitStep(8, order=4), observables=seen, progress=False)
    assert isinstance(run, CompactTrajectory)
    assert exact.states is not None
    stated = float(run.diagnostics["error"][-1])
    assert stated < 0.005
    at = np.stack(np.meshgrid(*[np.arange(0, 1024, 8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    flat = (at[:, 0] * 1024 + at[:, 1]) * 1024 + at[:, 2]
    wave = np.concatenate([run.compact[-1].at(part) for part in np.array_split(flat, 64)]) * 8**1.5
    true = float(np.linalg.norm(wave - exact.states[-1].ravel()))
    assert true <= stated <= 30 * true
    for name, size in (("x", 6.0), ("y", 1.0)):  # |<a|A|a> - <b|A|b>| <= 2 |A| |a - b|
        first, last = (exact.expectations[name].value[i] for i in (0, -1))
        assert abs(run.expectations[name].value[-1] - last) <= 2 * size * stated
        assert abs(last - first) > 4 * stated


def test_of_very_many_steps_some_are_looked_at_and_see_the_same() -> None:
    """At most 4,096, in no period, so that a swing which hides from all steps, or from a quarter of the duration, is found."""

    class Counted(Oscillation):
        """One that counts."""

        asked = 0

        def integral(self, t0: float, t1: float, duration: float) -> float:
            Counted.asked += 1
            return super().integral(t0, t1, duration)

    steps = 1 << 15
    ends = np.linspace(0.0, 1.0, steps + 1)
    fast = Counted(1e6, 2 * np.pi * 4 * steps)
    found = blind([("strength", fast, 1.0)], ends, 1.0)
    assert found is not None
    assert Counted.asked <= 9 * 4096
    assert found[1] == pytest.approx(blind([("strength", fast, 1.0)], ends[: steps // 8 + 1], 1.0)[1] * 8, rel=1e-3)
    part = np.concatenate([np.linspace(0.0, 0.75, steps // 4 + 1), np.linspace(0.75, 1.0, steps // 4 + 1)[1:]])
    assert blind([("strength", Oscillation(1e6, 2 * np.pi * 4 * steps), 1.0)], part, 1.0) is not None


@pytest.mark.parametrize("kind", ["pulse", "top hat", "two pulses", "twice a pulse"])
def test_a_pulse_of_any_width_is_seen_among_very_many_steps(kind: str) -> None:
    """In the middle of one of 32,768 steps, and of none that is looked at for others' sake; beside the middle its halves show it."""
    steps, width = 1 << 15, 1e-6
    ends = np.linspace(0.0, 1.0, steps + 1)
    looked = set(_looked_at(steps).tolist())
    k = next(k for k in range(steps // 3, steps) if k not in looked)

    def at(center: float) -> Schedule:
        pulse = qd.Pulse(1 / width, center, width)
        return {
            "pulse": pulse,
            "top hat": qd.Jumps((1.0, 1 / width, 1.0), (center - width, center + width)),
            "two pulses": Total(((1.0, qd.Pulse(1 / width, center - 6 * width, width)),
                                 (1.0, qd.Pulse(1 / width, center + 6 * width, width)))),
            "twice a pulse": Total(((2.0, pulse),)),
        }[kind]  # fmt: skip

    middle = 0.5 * (ends[k] + ends[k + 1])
    found = blind([("strength", at(middle), 1.0)], ends, 1.0)
    assert found is not None
    assert 0.5 < found[1] < 5.0
    assert blind([("strength", at(ends[k] + 0.3 * (ends[k + 1] - ends[k])), 1.0)], ends, 1.0) is None
