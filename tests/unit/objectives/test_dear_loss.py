"""A loss is asked once a grid: one table of a problem that all verbs share, which nobody can write to, and which goes with the problem."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.methods.base import Method
from qml_dynamics.model.objectives.base import ASKED_TWICE
from qml_dynamics.model.objectives.shared import SharedTables
from qml_dynamics.model.problem import loss_table
from qml_dynamics.plotting import plot_summary


class Dear:
    """A loss that counts the points that it is asked for."""

    def __init__(self) -> None:
        self.points, self.scale = 0, 1.0

    def __call__(self, w: np.ndarray) -> np.ndarray:
        self.points += len(w)
        return self.scale * ((w**2).sum(axis=1) + 0.3 * np.cos(3 * w[:, 0]))

    def spent(self) -> int:
        """The points since it was asked last."""
        out, self.points = self.points, 0
        return out


def well(loss: Dear, clock: str = "real", weights: int = 2) -> qd.Problem:
    """A bowl with a ripple."""
    box, start = qd.Grid([(-4, 4)] * weights, 6 - weights), qd.Gaussian((0.3, 0.2)[:weights], 0.8)
    return qd.Problem(box, loss, 0.5, clock=clock, duration=0.5, initial=start)


def test_a_run_with_picture_budget_and_comparison_asks_once_a_grid() -> None:
    loss = Dear()
    problem = well(loss, weights=1)
    size = problem.domain.size
    run = qd.evolve(problem, qd.Trotter(4), shots=200, seed=1)
    assert loss.spent() == size + ASKED_TWICE
    reference = qd.evolve(problem, qd.SplitStep(4))
    qd.cost(problem, qd.Trotter(4))
    qd.compare(run, reference)
    qd.circuits(problem, qd.Trotter(2))
    plot_summary(run)
    assert 0 < loss.spent() <= 6 * ASKED_TWICE  # each verb looks whether it is still the same function
    qd.error_budget(problem, qd.Trotter(4), shots=200, seed=1)
    finer, wider = 2 * size, 4 * size  # half of the spacing, and that in a box twice as wide
    assert finer < loss.spent() <= finer + wider + 4 * ASKED_TWICE


@pytest.mark.parametrize(
    ("method", "clock"),
    [
        (qd.SplitStep(5), "real"),
        (qd.SplitStep(5, formula="chin4a"), "real"),
        (qd.Trotter(2), "real"),
        (qd.HamiltonJacobi(5, extra=1), "classical"),
        (qd.HamiltonJacobi(5, order=4, extra=0), "classical"),
    ],
    ids=str,
)
def test_cost_tells_the_evaluations(method: Method, clock: str) -> None:
    loss = Dear()
    told = qd.cost(well(loss, clock), method, save=3).evaluations
    problem = well(loss, clock)  # whose table nobody has made
    loss.spent()
    run = qd.evolve(problem, method, save=3)
    # a path or two may set out with no weight; none does here, so that the number is exact
    assert loss.spent() == told
    assert run.density.shape == (3, *problem.domain.shape)


def test_cost_knows_losses_that_are_not_asked() -> None:
    table = qd.objectives.from_table(loss_table(well(Dear())).copy(), well(Dear()).domain)
    assert qd.cost(well(Dear()).replace(objective=table), qd.SplitStep(3)).evaluations == 0
    chain = qd.Problem.from_operator({"ZZ": 1.0, "XI": 0.5}, clock="real", duration=1.0)
    assert qd.cost(chain, qd.Exact()).evaluations == 0


def test_paths_keep_a_budget() -> None:
    loss = Dear()
    problem = well(loss, "classical")
    small, large = qd.HamiltonJacobi(10), qd.HamiltonJacobi(100_000)
    assert small.affordable(problem, [0.0, 0.5]) == small.finer(problem.domain) == 2
    assert large.affordable(problem, [0.0, 0.5]) == 0
    assert large.asks(problem, 0, [0.0]) == 256 * (100_001 * 13 + 1)
    assert qd.HamiltonJacobi(100_000, extra=2).affordable(problem, [0.0, 0.5]) == 2  # as it is asked for


def test_nobody_can_write_into_the_table() -> None:
    problem = well(Dear())
    table = loss_table(problem)
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0] = 1.0
    with pytest.raises(ValueError, match="WRITEABLE"):
        table.setflags(write=True)
    assert problem.objective is not None
    own = problem.objective.on(problem.domain)
    own[:] = 7.0  # a copy
    assert not np.array_equal(own, loss_table(problem))


def test_a_table_is_of_one_loss_on_one_grid() -> None:
    loss = Dear()
    problem, other = well(loss), well(loss)
    assert loss_table(problem) is loss_table(problem.replace(clock="imaginary", diffusion=0.1))
    assert loss_table(problem) is not loss_table(other)
    wide = problem.replace(domain=qd.Grid([(-5, 5)] * 2, 4))
    assert not np.array_equal(loss_table(problem), loss_table(wide))
    twice = qd.Objective(lambda w: 2 * (w**2).sum(axis=1))
    changed = problem.replace(objective=twice)
    assert np.array_equal(loss_table(changed), twice(problem.domain.points).reshape(16, 16))
    assert loss_table(copy.deepcopy(problem)) is not loss_table(problem)


def test_a_function_that_has_changed_is_asked_anew() -> None:
    loss = Dear()
    problem = well(loss)
    first = qd.evolve(problem, qd.SplitStep(5))
    loss.scale = 1 + 1e-9
    close = qd.evolve(problem, qd.SplitStep(5))
    loss.scale = 2.0
    second = qd.evolve(problem, qd.SplitStep(5))
    fresh = qd.evolve(well(loss), qd.SplitStep(5))
    assert np.array_equal(second.density, fresh.density)
    assert not np.array_equal(close.density, first.density)
    assert np.abs(second.density - first.density).max() > 1e-4


def test_a_function_that_has_changed_between_the_points_that_are_asked_again() -> None:
    """A bump that only a few points see: by a global, by a cell of a helper, by an attribute, by an array that is written into."""
    names: dict[str, object] = {"np": np, "height": 0.0}
    exec("def loss(w): return w[:, 0]**2 / 2 + height * np.exp(-(w[:, 0] / 0.1)**2)", names)
    height, held = np.zeros(1), Dear()
    held.scale = 0.0

    def bump(w: np.ndarray) -> np.ndarray:
        return height[0] * np.exp(-((w[:, 0] / 0.1) ** 2))

    def far(w: np.ndarray) -> np.ndarray:
        return held.scale * np.exp(-((w[:, 0] / 0.1) ** 2))

    for loss in (names["loss"], lambda w: w[:, 0] ** 2 / 2 + bump(w), lambda w: w[:, 0] ** 2 / 2 + far(w)):
        names["height"], height[0], held.scale = 0.0, 0.0, 0.0
        problem = well(loss, weights=1)  # type: ignore[arg-type]
        first = qd.evolve(problem, qd.SplitStep(5))
        same = loss_table(problem)
        qd.evolve(problem, qd.SplitStep(5))
        assert loss_table(problem) is same
        names["height"], height[0], held.scale = 50.0, 50.0, 50.0
        second = qd.evolve(problem, qd.SplitStep(5))
        assert np.array_equal(second.density, qd.evolve(well(loss, weights=1), qd.SplitStep(5)).density)  # type: ignore[arg-type]
        assert np.abs(second.density - first.density).max() > 1e-3


def test_threads_share_tables() -> None:
    """A table that one thread frees while another looks at it is asked for anew, and nothing fails."""
    tables, grid = SharedTables(), qd.Grid((-1, 1), 2)
    assert not tables.looked_at(grid)
    assert not tables.unchanged(grid, np.zeros(1))
    held = tables.add(grid, np.zeros(4), np.zeros(1))
    assert pickle.loads(pickle.dumps(tables)).find(grid) is None
    assert tables.find(grid) is held


def test_the_table_is_freed_with_the_problem() -> None:
    objective = qd.Objective(Dear())  # which lives on
    problem = qd.Problem(qd.Grid((-1, 1), 4), objective, 0.5, clock="real", duration=1.0)
    table = weakref.ref(loss_table(problem))
    gc.collect()
    assert table() is not None
    del problem
    gc.collect()
    assert table() is None


def test_a_random_loss_is_refused() -> None:
    rng = np.random.default_rng(1)
    noisy = qd.Problem(qd.Grid((-1, 1), 4), lambda w: rng.normal(size=len(w)), 0.5, clock="real", duration=1.0)
    with pytest.raises(qd.ProblemError, match="must have one value at a point"):
        loss_table(noisy)
