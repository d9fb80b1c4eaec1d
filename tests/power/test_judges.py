"""The judges of the conformance kit have to see: each check with a run that is just right, and one that is just wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.estimate import Estimate
from qml_dynamics.conformance import oracles
from qml_dynamics.conformance.answers import Fault, agrees, same_answer, sampled_as, well_formed
from qml_dynamics.conformance.cells import Cell, standard_problem
from qml_dynamics.conformance.checks import BOUND, Case, check_circuits, check_cost
from qml_dynamics.conformance.stored import _same_fields
from qml_dynamics.methods.base import Job, Work
from qml_dynamics.results.trajectory import Counts, Trajectory
from qml_dynamics.synthesis.transforms import width
from tests.power.spaces import SPACES, kinetic_matrix

pytestmark = pytest.mark.filterwarnings("ignore")
CELL = Cell(standard_problem("flux", "real"))
SAVES = CELL.saves


@pytest.fixture(scope="module")
def run() -> Trajectory:
    """Samples of circuits."""
    return qd.evolve(CELL.problem, qd.Trotter(6), backend="aer", shots=2000, seed=3, save=SAVES, progress=False)


@pytest.fixture(scope="module")
def exact() -> Trajectory:
    return qd.evolve(CELL.problem, qd.Trotter(6), save=SAVES, progress=False)


def bent(values: np.ndarray, by: float) -> np.ndarray:
    out = np.array(values)
    out.reshape(len(out), -1)[-1, 0] += by
    return out


WRONG: dict[str, tuple[Callable[[Trajectory], Trajectory], str]] = {
    "density, not normalised": (lambda r: replace(r, density=bent(r.density, 1e-4)), "not normalised"),
    "density, negative": (
        lambda r: replace(r, density=r.density + moved(r.density, -1e-3 - float(r.density[-1].reshape(-1)[0]))),
        "negative",
    ),
    "states": (lambda r: replace(r, states=1.001 * r.states), "unit norm"),
    "log_norm": (lambda r: replace(r, log_norm=r.log_norm + 1e-3), "log_norm"),
    "times": (lambda r: replace(r, times=r.times + 1e-6), "saved times"),
    "a value": (
        lambda r: replace(r, expectations={**r.expectations, "energy": Estimate(np.full(3, np.nan), 0.0)}),
        "not finite",
    ),
}


def moved(density: np.ndarray, by: float) -> np.ndarray:
    """Probability moved from the first point to the second at the last time: the sum stays."""
    out = np.zeros_like(density)
    flat = out.reshape(len(out), -1)
    flat[-1, 0], flat[-1, 1] = by, -by
    return out


@pytest.mark.parametrize("name", list(WRONG))
def test_what_is_not_well_formed_is_told(name: str, exact: Trajectory) -> None:
    well_formed(CELL, exact, SAVES)
    change, words = WRONG[name]
    with pytest.raises(Fault, match=words):
        well_formed(CELL, change(exact), SAVES)
    assert change(exact) is not exact


def test_samples_are_judged_at_five_errors(run: Trajectory, exact: Trajectory) -> None:
    """Off by four standard errors beside what they are, they may be chance; by ten they are not."""
    sampled_as(CELL, run, exact)
    e = run.expectations["energy"]
    for sigmas, passes in ((0.0, True), (10.0, False)):
        value = np.asarray(exact.expectations["energy"].value) + sigmas * np.asarray(e.stderr)
        changed = replace(run, expectations={**run.expectations, "energy": Estimate(value, e.stderr, e.shots)})
        if passes:
            sampled_as(CELL, changed, exact)
            continue
        with pytest.raises(Fault, match="standard errors"):
            sampled_as(CELL, changed, exact)
    assert float(np.asarray(e.stderr)[-1]) > 0


def test_another_count_is_another_answer(run: Trajectory) -> None:
    """The same means and density, one count exchanged."""
    same_answer(CELL, run, run, "twice")
    assert run.counts is not None
    first = run.counts["dual"][-1]
    other = Counts(
        first.index, first.count + np.eye(len(first.count), dtype=int)[0] - np.eye(len(first.count), dtype=int)[1]
    )
    changed = replace(run, counts={**run.counts, "dual": (*run.counts["dual"][:-1], other)})
    with pytest.raises(Fault, match="counts are other ones"):
        same_answer(CELL, changed, run, "twice")
    assert other.shots == first.shots


def other_error(run: Trajectory, factor: float, shots: int) -> Trajectory:
    """The errors of the energy, and its shots, times a number."""
    e = run.expectations["energy"]
    changed = Estimate(e.value, factor * np.asarray(e.stderr), None if e.shots is None else shots * e.shots)
    return replace(run, expectations={**run.expectations, "energy": changed})


LOST: dict[str, tuple[Callable[[Trajectory], Trajectory], str]] = {
    "times": (lambda r: replace(r, times=r.times + 1e-9), "`times`"),
    "density": (lambda r: replace(r, density=r.density[::-1]), "`density`"),
    "log_norm": (lambda r: replace(r, log_norm=r.log_norm + 1e-9), "`log_norm`"),
    "errors": (lambda r: other_error(r, 0.5, 1), "the error of 'energy'"),
    "shots": (lambda r: other_error(r, 1.0, 2), "the error of 'energy'"),
    "counts": (lambda r: replace(r, counts=None), "counts"),
    "stop": (lambda r: replace(r, stop="It ended."), "`stop`"),
    "best": (lambda r: replace(r, best=None), "`best`"),
    "diagnostics": (lambda r: replace(r, diagnostics={**r.diagnostics, "more": 1}), "`diagnostics`"),
    "provenance": (lambda r: replace(r, provenance={**r.provenance, "seed": 4}), "`provenance`"),
}


@pytest.mark.parametrize("name", list(LOST))
def test_a_saved_run_that_comes_back_otherwise_is_told(name: str, run: Trajectory) -> None:
    """Field by field; the errors are not 0, so that half of them is another number."""
    _same_fields(CELL, run, run)
    change, words = LOST[name]
    assert float(np.max(run.expectations["energy"].stderr)) > 0
    with pytest.raises(Fault, match=words):
        _same_fields(CELL, change(run), run)


@pytest.mark.parametrize("order", [1, 2])
def test_an_order_that_is_not_the_declared_one_is_told(order: int) -> None:
    """Runs of one formula under the facts of the other: too low an order is told, and too high a one too."""
    truth = oracles.solve(CELL.problem, SAVES)
    runs = [qd.evolve(CELL.problem, qd.SplitStep(8 << k, order=order), save=SAVES, progress=False) for k in range(3)]
    agrees(CELL, qd.SplitStep(8, order=order), runs, truth, 0.0)
    with pytest.raises(Fault, match=f"converges with order {order}|converges with order {order - 1}"):
        agrees(CELL, qd.SplitStep(8, order=3 - order), runs, truth, 0.0)
    assert len(runs) == 3


@pytest.mark.parametrize("space", ["periodic", "walls", "flux", "hypercube"])
def test_the_oracle_is_the_second_difference_of_smooth_waves(space: str) -> None:
    """The Laplacian of the oracle against closed forms: plane waves with flux, sines between walls, single flips."""
    domain = SPACES[space]
    matrix = kinetic_matrix(domain)
    if space == "hypercube":
        flips = np.zeros((8, 8))
        for q in range(3):
            flips[np.arange(8), np.arange(8) ^ (1 << q)] -= 1
        assert matrix == pytest.approx(3 * np.eye(8) + flips, abs=1e-12)
        return
    x = oracles.coordinates(domain)
    (a, b), (c, d) = domain.bounds
    if space == "walls":
        wave = np.sin(np.pi * (x[:, 0] - a) / (b - a)) * np.sin(np.pi * (x[:, 1] - c) / (d - c))
        value = (np.pi / (b - a)) ** 2 + (np.pi / (d - c)) ** 2
    else:
        wave = np.exp(2j * np.pi * (x[:, 0] - a) / (b - a))
        value = (2 * np.pi * (1 - domain.twist[0]) / (b - a)) ** 2 + (2 * np.pi * domain.twist[1] / (d - c)) ** 2
    assert matrix @ wave == pytest.approx(value * wave, abs=1e-9)


class OffByFactor(qd.Trotter):
    """Its work is told with another number of circuits."""

    factor = 1.0

    def work(self, job: Job) -> Work:
        work = super().work(job)
        return replace(
            work, circuits=round(self.factor * work.circuits), shots=round(self.factor * work.shots), bound=True
        )


@pytest.mark.parametrize(("factor", "words"), [(1.0, ""), (0.5, "circuits"), (2 * BOUND, "circuits")])
def test_a_bound_is_neither_below_nor_far_above(factor: float, words: str) -> None:
    """Told as a bound: half of what is sent is none, and three times it is too much."""

    class Told(OffByFactor):
        pass

    Told.factor = factor
    problem = standard_problem("hypercube", "real")
    case = case_of(Told(2), problem)
    if not words:
        check_cost(case)
        assert case.recorder.circuits
        return
    with pytest.raises(Fault, match=words):
        check_cost(case)
    assert case.recorder.circuits


def case_of(method: Any, problem: qd.Problem) -> Case:
    return Case(method, Cell(problem), qd.backend("statevector"), [qd.backend("aer")], [], 0, 0.0, 0.0, 1.0, True, None)


class OtherCircuits(qd.MultiProduct):
    """It lists the circuits of other Trotter numbers than it runs."""

    def circuits(self, job: Job) -> Any:
        return qd.MultiProduct((2, 3)).circuits(job)


def test_listed_circuits_are_those_of_the_run() -> None:
    """Averages have no wave to compare: their density is."""
    problem = standard_problem("hypercube", "real")
    check_circuits(case_of(qd.MultiProduct((1, 2)), problem))
    with pytest.raises(Fault, match="density is another one"):
        check_circuits(case_of(OtherCircuits((1, 2)), problem))
    assert width(problem.domain) == 3
