"""Quantum Hamiltonian descent: what is sampled, what is counted, what stands beside it, and what is learned."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.cli import main
from qml_dynamics.learning.descent import batch as batch_room
from qml_dynamics.learning.descent import learn as learn_room
from qml_dynamics.learning.descent import table as table_room
from qml_dynamics.learning.descent.box import Counted, Spent, on_unit_box, remembered
from qml_dynamics.learning.descent.fixed import Warped, amounts
from qml_dynamics.methods.base import Stream, circuit_seed
from qml_dynamics.model.objectives import Objective, from_table, levy, named, rastrigin
from qml_dynamics.model.spec import describe_schedule
from qml_dynamics.runs.problem_file import problem_from_spec

pytestmark = pytest.mark.filterwarnings(
    "ignore::qml_dynamics.base.errors.EdgeWeightWarning", "ignore::qml_dynamics.base.errors.MomentumTailWarning"
)

LOPSIDED = [(-4.0, 4.0), (-3.0, 1.0)]
AGAIN = 4  # points of a table that are asked twice, to see that the loss is not random


def lopsided(w: np.ndarray) -> np.ndarray:
    """Its minimum, -7 at (2, -1.5), is off the middle on both axes and differently so."""
    return (w[:, 0] - 2.0) ** 2 + 3 * (w[:, 1] + 1.5) ** 2 - 7.0


class Asked:
    """A loss that counts the points it is asked for."""

    def __init__(self) -> None:
        self.points = 0

    def __call__(self, w: np.ndarray) -> np.ndarray:
        self.points += len(w)
        return lopsided(w)


# knots


def test_knots_are_geometric_pieces_with_exact_integrals():
    knots = qd.Knots((2.0, 0.5, 0.5, 8.0))
    assert [knots.value(t, 6.0) for t in (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)] == pytest.approx(
        [2, 1, 0.5, 0.5, 0.5, 2, 8]
    )
    for a, b in ((0.0, 6.0), (0.3, 1.9), (1.7, 5.5), (2.0, 4.0), (4.4, 4.4)):
        wanted = quad(knots.value, a, b, args=(6.0,), points=[2.0, 4.0], epsabs=1e-13)[0]
        assert knots.integral(a, b, 6.0) == pytest.approx(wanted, abs=1e-11)
    assert knots.integral(0.0, 3.0, 3.0) == pytest.approx(knots.integral(0.0, 6.0, 6.0) / 2)


@pytest.mark.parametrize("bad", [(1.0,), (1.0, 0.0), (1.0, -2.0), (1.0, math.nan), "12", 3.0])
def test_knots_are_two_or_more_positive_numbers(bad):
    with pytest.raises(ProblemError, match=r"^Argument `values` must be "):
        qd.Knots(bad)


def test_a_problem_file_holds_knots():
    spec = {
        "domain": {"kind": "grid", "bounds": [0, 1], "qubits": 3},
        "objective": {"expression": "x0"},
        "diffusion": {"schedule": "knots", "params": {"values": [0.5, 0.1, 0.2]}},
        "evolution": {"clock": "real", "duration": 2.0},
    }
    problem = problem_from_spec(spec)
    assert problem.diffusion == qd.Knots((0.5, 0.1, 0.2))
    assert describe_schedule(problem.diffusion) == {"schedule": "knots", "params": {"values": (0.5, 0.1, 0.2)}}


# descend


@pytest.fixture(scope="module")
def found() -> tuple[qd.Descent, Asked]:
    asked = Asked()
    objective = Objective(asked, "lopsided", -7.0, (2.0, -1.5), LOPSIDED)
    return qd.descend(objective, qubits=(6, 5), steps=1500, samples=60, seed=3, save=[0.0, 10.0]), asked


def test_descent_finds_a_minimum_that_is_nowhere_special(found):
    answer, _ = found
    assert answer.loss == pytest.approx(-7.0, abs=1e-9)
    assert answer.weights == pytest.approx((2.0, -1.5), abs=1e-4)
    assert float(answer.success) > 0.95
    start = answer.trajectory.density[0]
    assert start.max() == pytest.approx(start.min())  # it began with no idea
    assert answer.gap == pytest.approx(answer.loss + 7.0, abs=1e-12)


def test_the_best_sample_is_a_sample_in_the_units_of_the_loss(found):
    """Its loss is that of its weights, its weights are a grid point of the box, and its polish starts there."""
    answer, _ = found
    assert lopsided(np.array([answer.sample]))[0] == pytest.approx(answer.sample_loss, abs=1e-12)
    places = (np.array(answer.sample) - np.array(LOPSIDED)[:, 0]) / np.array([8 / 64, 4 / 32])
    assert places == pytest.approx(np.rint(places), abs=1e-9)
    assert answer.polished[0].loss <= answer.sample_loss
    assert answer.sample in [p.start for p in answer.polished]
    assert answer.uniform_loss > answer.loss


def test_every_evaluation_is_counted(found):
    """Points that the loss was really asked for: the grid once, and the polish with its differences."""
    answer, asked = found
    e = answer.evaluations
    assert (e.grid, e.gradients, e.queries) == (2048 + 4, 0, 0)  # four are asked twice
    assert e.polish > 10
    assert 0 < e.check < 30
    assert e.total == e.grid + e.polish + e.check
    assert asked.points == e.total


def test_the_minimum_of_the_grid_is_not_read_off_the_grid():
    """A wave that has hardly moved and three samples: the answer is one of them, not the least value of the table."""
    answer = qd.descend(lopsided, bounds=LOPSIDED, qubits=6, duration=0.05, steps=2, samples=3, polish=0, seed=0)
    grid = qd.Grid(LOPSIDED, 6)
    assert answer.sample_loss > lopsided(grid.points).min() + 0.1
    assert answer.loss == answer.sample_loss
    assert answer.gap is None
    assert answer.success is None
    again = qd.descend(lopsided, bounds=LOPSIDED, qubits=6, duration=0.05, steps=2, samples=3, polish=0, seed=0)
    other = qd.descend(lopsided, bounds=LOPSIDED, qubits=6, duration=0.05, steps=2, samples=3, polish=0, seed=1)
    assert again.weights == answer.weights != other.weights


def test_a_problem_is_run_as_it_stands():
    grid = qd.Grid(LOPSIDED, 5)
    problem = qd.Problem(grid, lopsided, qd.Geometric(2.0, 0.05), clock="real", duration=3.0, initial=qd.Uniform())
    answer = qd.descend(problem, method=qd.SplitStep(300), seed=1)
    same = qd.evolve(problem, qd.SplitStep(300), seed=1)
    assert np.allclose(answer.trajectory.density[-1], same.density[-1], atol=1e-14)
    assert answer.box is None
    assert answer.loss == pytest.approx(-7.0, abs=1e-8)


def test_a_learned_schedule_does_not_care_for_units():
    """The same loss over the unit box, and stretched, in other units, as a problem: the same density."""
    learned = qd.descent.pretrained(10)
    unit = qd.descend(Objective(lopsided, "lopsided"), bounds=[(-4, 4), (-5, 3)], qubits=5, schedule=learned, seed=1)
    grid = qd.Grid([(-4, 4), (-5, 3)], 5)
    problem = qd.Problem(grid, lambda w: 100 * lopsided(w) + 3, 1.0, clock="real", duration=7.0)
    own = qd.descend(problem, schedule=learned, seed=1)
    assert np.allclose(unit.trajectory.density[-1], own.trajectory.density[-1], atol=1e-12)
    assert unit.trajectory.density[-1].max() > 10 / grid.size
    assert own.loss == pytest.approx(-697.0, abs=1e-6)


def test_tables_are_sampled_and_not_polished():
    grid = qd.Grid((0, 1), 4)
    values = (grid.points[:, 0] - 0.3) ** 2
    problem = qd.Problem(grid, from_table(values, grid), 0.1, clock="real", duration=1.0)
    assert qd.descend(problem, method=qd.SplitStep(50), seed=1).polished == ()
    with pytest.raises(MethodError, match="must be False for a table"):
        qd.descend(problem, compare=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: qd.descend(lopsided), "Argument `bounds` must be given"),
        (lambda: qd.descend(lopsided, bounds=[(1, 0)]), "Argument `bounds` must"),
        (lambda: qd.descend("levi"), "Did you mean 'levy'"),
        (lambda: qd.descend(3.0), "Argument `problem` must be a Problem, an objective"),
        (lambda: qd.descend("levy", polish=-1), "Argument `polish` must be an integer"),
        (lambda: qd.descend("levy", samples=0), "Argument `samples` must be an integer"),
        (lambda: qd.descend("levy", duration=0.0), "Argument `duration` must be a positive number"),
        (lambda: qd.descend("levy", qubits=3, steps=1, compare=["annealing"]), "Argument `compare` must be one of"),
        (lambda: qd.descent.pretrained(15), "Argument `steps` must be one of 10, 20, 40"),
        (lambda: qd.descent.instance(lopsided, 4, LOPSIDED), "must have a known minimizer"),
        (lambda: qd.descent.learn_schedule([], 5), "Argument `instances` must be one or more"),
        (lambda: qd.descent.functions_table(["levi"]), "Did you mean 'levy'"),
        (
            lambda: qd.descend(lambda w: 0 * w[:, 0], bounds=[(0, 1)], qubits=3, schedule=qd.descent.pretrained(10)),
            "must not be constant",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises((ProblemError, MethodError), match=message):
        call()


def test_binary_weights_and_the_imaginary_clock_are_refused():
    cube = qd.Problem(qd.Hypercube(3), lambda w: w[:, 0], 1.0, clock="real", duration=1.0)
    with pytest.raises(ProblemError, match="must have a Grid of weights"):
        qd.descend(cube)
    grid = qd.Problem(qd.Grid((0, 1), 3), lambda w: w[:, 0], 1.0, clock="imaginary", duration=1.0)
    with pytest.raises(ProblemError, match="be on the real clock"):
        qd.descend(grid)


# boxes, counting, rivals


def test_the_unit_box_maps_back_and_shifts_leave_the_grid():
    scaled, box = on_unit_box(Objective(lopsided, "lopsided", -7.0, (2.0, -1.5)), LOPSIDED)
    y = np.array([[0.75, 0.375], [0.1, 0.9]])
    assert box.weights(y)[0].tolist() == [2.0, -1.5]
    assert box.unit(box.weights(y)) == pytest.approx(y)
    assert scaled(y) * 8 - 7 == pytest.approx(lopsided(box.weights(y)))
    assert scaled.minimizer == (0.75, 0.375)
    grid = qd.Grid([(0, 1)] * 2, 6)
    for shift, on_grid in (((0.0, 0.0), True), ((0.5, 0.37), False)):
        moved, _ = on_unit_box(rastrigin(), qd.descent.shifted_bounds(rastrigin(), 6, shift))
        assert (np.abs(grid.points - np.array(moved.minimizer)).max(axis=1).min() < 1e-12) == on_grid


def test_a_remembered_loss_is_asked_once_for_each_point():
    asked = Asked()
    grid = qd.Grid(LOPSIDED, (3, 4), boundary="walls")
    loss = remembered(Objective(asked), grid)
    assert asked.points == grid.size + AGAIN
    assert loss.on(grid).reshape(-1) == pytest.approx(lopsided(grid.points))
    assert asked.points == grid.size + AGAIN
    between = np.array([[0.123, 0.456]])
    assert loss(between) == pytest.approx(lopsided(between))
    assert asked.points == grid.size + AGAIN + 1


def test_a_counted_loss_stops_at_its_limit_and_keeps_the_best():
    loss = Counted(Objective(lopsided), limit=5)
    loss.many(np.array([[0.0, 0.0], [2.0, -1.0], [1.0, 1.0]]))
    with pytest.raises(Spent):
        loss.many(np.array([[0.0, 0.0], [2.0, -1.5], [2.0, -1.5]]))  # the second of them is still looked at
    assert (loss.count, loss.value, loss.weights) == (5, -7.0, (2.0, -1.5))
    with pytest.raises(Spent):
        loss(np.zeros(2))


def test_rivals_keep_to_their_budget_and_win():
    """Classical optimisers find the minimum of Rastrigin's function with fewer evaluations than the grid has points."""
    for budget in (50, 2500):
        every = qd.descent.rivals(rastrigin(), [(-5.0, 5.2)] * 2, budget, seed=2)
        assert {r.name for r in every} == {"differential_evolution", "dual_annealing", "grid_lbfgsb", "uniform"}
        assert all(0 < r.evaluations <= budget for r in every)
        assert [r.loss for r in every] == sorted(r.loss for r in every)
        for r in every:
            assert rastrigin()(np.array([r.weights]))[0] == pytest.approx(r.loss)
    assert every[0].loss < 1e-10
    again = qd.descent.rivals(rastrigin(), [(-5.0, 5.2)] * 2, 2500, seed=2, names=["differential_evolution"])[0]
    assert again.loss == next(r.loss for r in every if r.name == "differential_evolution")


def test_rivals_keep_what_they_have_when_they_are_interrupted():
    calls = []

    def tired(w: np.ndarray) -> np.ndarray:
        calls.append(len(w))
        if sum(calls) > 150:
            raise KeyboardInterrupt
        return lopsided(w)

    done = qd.descent.rivals(Objective(tired), LOPSIDED, 100, names=["uniform", "dual_annealing", "grid_lbfgsb"])
    assert [r.name for r in done] == ["uniform"]
    assert done[0].evaluations == 100


def test_an_interrupted_descent_answers_with_what_it_has(monkeypatch, capsys):
    """Ctrl-C in the middle of the run: samples of the wave as far as it came, and the exit code of an interrupt."""
    from qml_dynamics.methods import split_step

    whole = split_step.run

    def cut(*given):
        for k, point in enumerate(whole(*given)):
            if k == 3:
                raise KeyboardInterrupt
            yield point

    monkeypatch.setattr(split_step, "run", cut)
    with pytest.raises(SystemExit) as end:
        main(["descend", "levy", "--qubits", "4", "--steps", "200", "--no-compare", "--seed", "1"])
    assert end.value.code == 130
    said = capsys.readouterr().out
    assert "best of 1000 samples" in said
    assert "Interrupted from the keyboard" in said


def test_rivals_do_not_draw_with_the_numbers_of_the_samples() -> None:
    """The uniform rival of a descent is not that which the seed of the samples would give, and the same call gives it again."""
    found, again = (qd.descend("levy", qubits=3, steps=20, seed=1, compare=["uniform"]) for _ in range(2))
    limits, seed = found.box.bounds, found.trajectory.provenance["seed"]
    shared = qd.descent.rivals(levy(), limits, found.evaluations.total, seed, ["uniform"])[0]
    assert found.rivals[0].weights == again.rivals[0].weights != shared.weights
    assert found.rivals[0].evaluations == shared.evaluations


def test_saved_times_of_a_descent_end_where_its_samples_are_drawn() -> None:
    with pytest.raises(MethodError, match=r"^Argument `save` must end at the duration 10, .* but is 0\.5\.$"):
        qd.descend("levy", qubits=3, steps=20, save=[0.0, 0.5])
    found = qd.descend("levy", qubits=3, steps=20, seed=1, save=[0.5, 10.0], polish=0)
    whole = qd.descend("levy", qubits=3, steps=20, seed=1, polish=0)
    assert whole.success.value > 0
    assert found.success.value == pytest.approx(
        whole.success.value, rel=1e-9
    )  # a cut at 0.5 rounds as two half steps do
    assert found.trajectory.times.tolist() == [0.5, 10.0]


def test_compare_gives_the_rivals_the_same_evaluations():
    answer = qd.descend("hosaki", qubits=4, steps=300, seed=1, compare=["uniform", "grid_lbfgsb"])
    assert {r.name: r.evaluations <= answer.evaluations.total for r in answer.rivals} == {
        "uniform": True,
        "grid_lbfgsb": True,
    }
    assert next(r for r in answer.rivals if r.name == "uniform").evaluations == answer.evaluations.total
    assert "uniform: loss" in str(answer)


# circuits


def test_circuits_follow_the_classical_method_at_12_qubits():
    """A learned schedule of ten steps for Levy's function, as gates on Aer, against split-step: the same wave, and its samples."""
    learned = qd.descent.pretrained(10)
    exact = qd.descend("levy", schedule=learned, seed=1, save=[0.0, 0.5, 1.0])
    gates = qd.descend(
        "levy", schedule=learned, method=qd.Trotter(10), backend="statevector", shots=4000, seed=1, polish=0
    )
    assert exact.problem.domain.num_qubits == 12
    moved = 0.5 * np.abs(exact.trajectory.density[-1] - exact.trajectory.density[0]).sum()
    assert moved > 0.5
    wave, other = exact.trajectory.states[-1], gates.trajectory.states[-1]
    assert abs(np.vdot(wave, other)) == pytest.approx(1.0, abs=1e-10)
    chance = float(exact.success)
    assert abs(float(gates.success) - chance) < 4 * gates.success.stderr
    assert gates.success.shots == gates.samples == 4000
    assert gates.evaluations.queries == 2 * 11 * 4000  # both bases; nine whole and two half potential factors
    assert gates.trajectory.times.tolist() == [1.0]


def test_samples_from_aer_follow_the_wave():
    learned = qd.descent.pretrained(10)
    bounds = qd.descent.shifted_bounds(levy(), 4, (0.3, 0.1))
    exact = qd.descend("levy", bounds=bounds, qubits=4, schedule=learned, seed=1)
    aer = qd.descend("levy", bounds=bounds, qubits=4, schedule=learned, backend="aer", shots=3000, seed=5)
    law, counts = exact.trajectory.density[-1].reshape(-1), aer.trajectory.counts["weight"][-1]
    keep = law * 3000 >= 5
    seen = counts.histogram(256) * 3000
    chi2 = float((((seen - 3000 * law) ** 2) / (3000 * law))[keep].sum())
    assert keep.sum() > 20
    assert chi2 < keep.sum() + 5 * np.sqrt(2 * keep.sum())
    assert aer.loss < 1e-8


# learned schedules


def test_gradients_of_the_chances_are_exact():
    instances = qd.descent.crops(["levy", "camel3", "rastrigin"], count=2, seed=0, qubits=4)
    engine = batch_room.Batch(instances)
    rng = np.random.default_rng(1)
    kinetic, potential = rng.uniform(0.005, 0.04, 6), rng.uniform(0.1, 2.0, 6)
    chances, by_kinetic, by_potential = engine.gradient(kinetic, potential)
    assert chances == pytest.approx(engine.chances(kinetic, potential))

    def slope(step: np.ndarray, which: int) -> float:
        """By differences of order four: their step may be so wide that rounding, divided by it, does not matter."""
        moved = [[kinetic, potential] for _ in range(4)]
        for pair, times in zip(moved, (-2, -1, 1, 2)):
            pair[which] = pair[which] + times * step
        at = [engine.chances(*pair).sum() for pair in moved]
        return (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step.max())

    for k, unit in enumerate(np.eye(6)):
        assert by_kinetic[k] == pytest.approx(slope(1e-5 * unit, 0), rel=1e-5, abs=1e-5)  # k^2 is of order 1e3
        assert by_potential[k] == pytest.approx(slope(1e-3 * unit, 1), rel=1e-5, abs=1e-6)
    assert np.abs(by_kinetic).max() > 1


def test_chances_are_those_of_the_library_s_own_run():
    """The batch engine against ``evolve`` with the same schedule, for a scaled loss and for the loss as it is."""
    one = qd.descent.instance("camel3", 5)
    learned = qd.descent.pretrained(10)
    run = qd.descend("camel3", qubits=5, schedule=learned, seed=0, polish=0)
    assert qd.descent.chances(learned, [one])[0] == pytest.approx(float(run.success), abs=1e-12)
    assert qd.descent.chances(learned.over(one.spread), [one])[0] == pytest.approx(float(run.success), abs=1e-12)
    plain = qd.descend("camel3", qubits=5, duration=2.0, steps=20, seed=0, polish=0)
    warped = qd.descent.Fixed(
        "QHD", Warped(qd.QHD().diffusion, 2.0, 1.0), Warped(qd.QHD().strength, 2.0, 1.0), 20, False
    )
    assert qd.descent.chances(warped, [one])[0] == pytest.approx(float(plain.success), abs=1e-12)
    assert float(run.success) > 10 * np.pi / 100


def test_a_warped_clock_keeps_the_integrals():
    inner = qd.QHD().diffusion
    for power in (0.25, 0.5, 2.0):
        warped = Warped(inner, 3.0, power)
        assert warped.integral(0.0, 1.0, 1.0) == pytest.approx(inner.integral(0.0, 3.0, 3.0))
        assert warped.integral(0.2, 0.7, 1.0) == pytest.approx(quad(warped.value, 0.2, 0.7, args=(1.0,))[0])
    assert len(list(qd.descent.fixed_schedules(5))) == 176
    for pair in list(qd.descent.fixed_schedules(5))[::25]:
        for schedule in (pair.diffusion, pair.strength):
            assert schedule.integral(0.1, 0.9, 1.0) == pytest.approx(quad(schedule.value, 0.1, 0.9, args=(1.0,))[0])


def test_a_schedule_learned_for_a_loss_beats_every_fixed_one_at_equal_depth():
    """Eight steps; 176 fixed schedules, the best of them picked for this very loss."""
    mine = qd.descent.crops(["levy"], count=1, seed=4, qubits=4)
    fixed, score = qd.descent.best_fixed(mine, 8)
    learned = qd.descent.learn_schedule(mine, 8, starts=2, iterations=30, seed=1)
    assert learned.score == pytest.approx(float(qd.descent.chances(learned, mine)[0]), abs=1e-9)
    assert score == pytest.approx(float(qd.descent.chances(fixed, mine)[0]), abs=1e-12)
    assert learned.score > 1.5 * score > 1.5 * np.pi / 100
    assert learned.steps == fixed.steps == 8


def test_amounts_of_a_learned_schedule_are_its_exact_integrals():
    hats, weights = learn_room._quadrature(7, 4)
    knots = qd.Knots((0.4, 0.05, 0.3, 0.01))
    assert weights @ np.exp(hats @ np.log(knots.values)) == pytest.approx(amounts(knots, 7), rel=1e-8)


def test_shipped_schedules_keep_their_scores():
    instances = qd.descent.crops(qd.descent.TRAINING, count=2, seed=0)
    for steps in (10, 20):
        learned = qd.descent.pretrained(steps)
        assert float(qd.descent.chances(learned, instances).mean()) == pytest.approx(learned.score, abs=2e-3)


def test_learning_keeps_what_it_has_when_it_is_interrupted(monkeypatch):
    engine, calls = batch_room.Batch.gradient, []

    def tired(self, *amount):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return engine(self, *amount)

    monkeypatch.setattr(batch_room.Batch, "gradient", tired)
    mine = [qd.descent.instance("sumofsquares", 4)]
    learned = qd.descent.learn_schedule(mine, 4, starts=5, iterations=50)
    assert len(calls) == 6
    assert learned.score == pytest.approx(float(qd.descent.chances(learned, mine)[0]), abs=1e-9)


def test_crops_hold_their_minimiser_and_differ():
    every = qd.descent.crops(["holder", "styblinski_tang"], count=3, seed=2, qubits=5)
    centers = [np.argwhere(one.near).mean(axis=0) for one in every]
    assert all(one.near.sum() > 10 for one in every)
    assert len({tuple(c) for c in centers}) > 3
    assert all(one.near.reshape(-1)[one.zeta.argmin()] for one in every)  # nothing outside lies lower


# tables, noisy data, command line, pictures


def test_the_table_keeps_its_rows_when_it_is_interrupted(monkeypatch):
    row, done = table_room._row, []

    def tired(call):
        if call[0] == "camel3":
            raise KeyboardInterrupt
        done.append(call[0])
        return row(call)

    monkeypatch.setattr(table_room, "_row", tired)
    rows = qd.descent.functions_table(["levy", "camel3", "ackley"], qubits=4, steps=200)
    assert [r.name for r in rows] == done == ["levy"]


def test_no_stream_of_random_numbers_is_used_twice(monkeypatch: pytest.MonkeyPatch):
    """Splits and mini-batches of one seed, and uniform points and first looks of rivals: every generator made has a state of its own."""
    made, real = [], np.random.default_rng

    def noted(*given):
        rng = real(*given)
        if rng not in given:  # SciPy hands on the one that it has
            made.append(rng.bit_generator.state["state"]["state"])
        return rng

    X, y = real(0).normal(size=(40, 2)), np.repeat([0, 1], 20)
    settings = qd.descent.split_settings(X, y, qd.objectives.neuron, bounds=[(-4, 4)] * 2, qubits=3, train=20, seed=5)
    monkeypatch.setattr(np.random, "default_rng", noted)
    qd.descent.noise_study(settings, qd.descent.pretrained(10), splits=2, batch=2, shots=4, circuits=1, looks=2, seed=5)
    of_pairs = {real([5, split]).bit_generator.state["state"]["state"] for split in (0, 1)}
    assert [state for state in made if state in of_pairs] == [
        real([5, k]).bit_generator.state["state"]["state"] for k in (0, 1)
    ]
    made.clear()
    qd.descend("hosaki", qubits=3, steps=20, seed=1, compare=list(qd.descent.RIVALS), progress=False)
    uniform = real(circuit_seed(1, Stream.BEST, 1)).bit_generator.state["state"]["state"]
    made.remove(uniform)  # drawn by the run, and again by the descent, which looks at the same points
    assert len(made) > len(qd.descent.RIVALS)
    assert len(set(made)) == len(made)


def test_each_rival_draws_points_of_its_own():
    """Of one seed: no two of them begin at one point, and each asks the same whichever others there are."""
    random = [name for name in qd.descent.RIVALS if name != "grid_lbfgsb"]
    begun: list[tuple[float, ...]] = []
    alone = {}
    for name in random:
        asked: list[tuple[float, ...]] = []

        def loss(w: np.ndarray, asked: list[tuple[float, ...]] = asked) -> np.ndarray:
            asked.extend(map(tuple, w.tolist()))
            return lopsided(w)

        (found,) = qd.descent.rivals(Objective(loss), LOPSIDED, 60, 4, [name])
        alone[name] = found.weights
        begun += asked[:6]  # a tenth of the budget, before any of them searches
    assert len(set(begun)) == len(begun) == 24
    together = qd.descent.rivals(Objective(lopsided), LOPSIDED, 60, 4, random)
    assert {r.name: r.weights for r in together} == alone


def test_noisy_methods_pay_for_the_rows_they_see():
    """Two splits of a small data set: budgets are kept, the descent learns something, rows are what was counted."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    X = rng.normal(size=(80, 2)) + np.where(y[:, None] == 1, (1.5, 0.5), (-1.5, -0.5))
    settings = qd.descent.split_settings(X, y, qd.objectives.neuron, bounds=[(-4, 4)] * 2, qubits=4, train=30)
    first = settings(0)
    assert not np.array_equal(first.train(np.ones((1, 2))), settings(1).train(np.ones((1, 2))))
    study = qd.descent.noise_study(
        settings, qd.descent.pretrained(10), splits=2, batch=3, shots=12, circuits=4, looks=4
    )
    rows = dict(zip(study.names, study.rows))
    assert 10 * 12 * 3 <= rows["descent"] <= 10 * 12 * 3 + 3 * 4 * (12 + 32)
    for name in ("SGD", "random search", "dual annealing", "differential evolution"):
        assert 0 < rows[name] <= rows["descent"] + 100
    assert rows["grid mean"] == 4 * 10 * 3 * 256
    loss = dict(zip(study.names, study.loss.mean(axis=1)))
    assert loss["full loss"] <= min(loss.values()) + 1e-9
    assert loss["descent"] < np.log(2)  # that of weights 0
    mean, low, high = study.interval("accuracy", "descent")
    assert 0.7 < low <= mean <= high <= 1
    assert "descent" in str(study)


def test_command_line_descends(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["descend", "levy", "--qubits", "4", "--schedule", "learned", "--steps", "10", "--seed", "1", "--json"]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--out", str(tmp_path / "d")])
    answer = json.loads(capsys.readouterr().out)
    assert end.value.code == 0
    assert answer["loss"] < 1e-8
    assert {r["name"] for r in answer["rivals"]} >= {"dual_annealing", "grid_lbfgsb"}
    assert answer["evaluations"]["grid"] == 256 + 4  # four are asked twice
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == ["descent.json", "descent.png", "run.npz"]
    assert qd.load(tmp_path / "d" / "run.npz").density.shape == (4, 16, 16)


@pytest.mark.parametrize(
    "arguments", [["levi"], ["levy", "--schedule", "fast"], ["levy", "--shift", "0.1", "0.2"], ["nothing.toml"]]
)
def test_command_line_names_what_is_wrong(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main(["descend", *arguments])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("qml-dynamics: ")


def test_pictures_show_the_numbers():
    from qml_dynamics.plotting.descent import plot_descent, plot_functions, plot_schedules, plot_study

    answer = qd.descend("levy", qubits=4, steps=200, seed=1, compare=["uniform"], save=3)
    figure = plot_descent(answer)
    *frames, gaps = figure.axes
    assert len(frames) == 3
    assert frames[0].get_xlim()[0] < -9
    ends = {round(float(line.get_xdata()[-1]), 6) for line in gaps.get_lines()}
    assert round(np.log10(answer.sample_loss), 6) in ends  # the minimum of this function is 0
    rows = qd.descent.functions_table(["levy", "rosenbrock"], qubits=4, steps=100)
    axes = plot_functions(rows, rows).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["rosenbrock", "levy"]
    assert axes.collections[1].get_offsets()[1, 0] == pytest.approx(rows[0].success)
    learned = qd.descent.pretrained(10)
    bars = plot_schedules({"10 steps": learned}, chances={"held out": {"fixed": 0.1, "learned": 0.2}}).axes
    assert [p.get_height() for p in bars[2].patches] == [0.1, 0.2]
    loss = np.array([[0.3, 0.5], [0.2, 0.2]])
    study = qd.descent.Study(("descent", "full loss"), loss, loss, 1 - loss, np.array([500.0, np.nan]))
    left = plot_study(study).axes[0]
    assert left.get_lines()[1].get_xdata()[0] == pytest.approx(0.4)
    with pytest.raises(MethodError, match="be of two weights"):
        plot_descent(qd.descend("double_well", qubits=4, steps=50))


def test_published_numbers_name_the_22_functions():
    assert len(qd.descent.PUBLISHED) == 22
    assert set(qd.descent.TRAINING).isdisjoint(qd.descent.HELD_OUT)
    assert all(named(name).minimizer is not None for name in qd.descent.PUBLISHED)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_the_answer_does_not_depend_on_the_units_of_weights_and_losses(unit: float, size: float) -> None:
    """A paraboloid with its minimum 0 at (.3, -.4) units; the second axis is in units of its own."""

    def loss(w: np.ndarray) -> np.ndarray:
        return np.asarray(size * ((w[:, 0] / unit - 0.3) ** 2 + (w[:, 1] + 0.4) ** 2))

    names = ["grid_lbfgsb", "dual_annealing"]
    found = qd.descend(
        loss, bounds=[(-3 * unit, 3 * unit), (-3, 3)], qubits=4, seed=1, duration=2.0, steps=40, compare=names
    )
    assert found.sample_loss > 1e-3 * size  # the grid holds no minimum: it is the polish that finds it
    assert found.loss / size < 1e-13
    assert found.weights[0] / unit == pytest.approx(0.3, abs=1e-6)
    assert found.weights[1] == pytest.approx(-0.4, abs=1e-6)
    assert all(rival.loss / size < 1e-10 for rival in found.rivals)


def test_the_optimum_beside_a_run_does_not_depend_on_units_either() -> None:
    from qml_dynamics.cli.optimum import scipy_optimum

    for unit in (1e-6, 1.0, 1e6):
        bowl = qd.Problem(
            qd.Grid((-3 * unit, 3 * unit), 3),
            lambda w, u=unit: (w[:, 0] / u - 0.3) ** 2,
            0.5,
            clock="real",
            duration=1.0,
        )
        best = scipy_optimum(bowl)
        assert best is not None
        assert best.weights[0] / unit == pytest.approx(0.3, abs=1e-6)


def test_one_split_tells_nothing_of_others():
    one = qd.descent.Study(("a", "b"), *[np.array([[0.3], [0.4]])] * 3, np.array([1.0, 1.0]))
    assert one.interval("loss", "a") == (0.3, -np.inf, np.inf)
    assert one.estimate("accuracy", "b").stderr == np.inf
    assert "[-inf, inf]" in str(one)
    two = qd.descent.Study(("a",), *[np.array([[0.3, 0.4]])] * 3, np.array([1.0]))
    assert two.interval("loss", "a") == pytest.approx((0.35, 0.3, 0.4))
    assert np.isfinite(two.estimate("loss", "a").stderr)
