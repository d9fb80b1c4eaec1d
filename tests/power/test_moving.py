"""Diffusion and strength both move, neither of them linearly: every method that runs in time keeps its declared order.

A method that takes either of them at the left end of a step must fail here, as the negative controls do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.registry import METHODS
from qml_dynamics.conformance import oracles
from qml_dynamics.conformance.cells import Cell, standard_problem
from qml_dynamics.methods.base import Answer, Facts, Job, Work
from qml_dynamics.methods.growing.grid import on_grid, residual
from qml_dynamics.methods.split_step import resolution_floor
from qml_dynamics.model.hamiltonians import hamiltonian

sys.path.insert(0, str(Path(__file__).parents[1] / "matrix"))
from registry_table import TABLE, Entry

pytestmark = pytest.mark.filterwarnings("ignore")  # coarse grids
DIFFUSION, STRENGTH = qd.Geometric(0.36, 0.13), qd.PowerLaw(0.55, 2.0, offset=0.95)
STEADY = ("schrodinger_bridge",)  # takes no coefficients that move, and refuses them
NO_TIME = ("qdrift", "random_order")  # operators only, whose coefficients are constant
OFF = {("schrodingerised", "walls"): "the register's error is as large as that of the steps"}
DEAR = ("double_bracket", "koopman_von_neumann")  # seconds a cell: in the long run only
BATCHES = [  # batches of all rows: nothing is drawn, so that the order shows
    replace(entry, method=replace(entry.method, batch_size=6, draws=1), options={}) for entry in TABLE["mini_batch"]
]
ROWS = {**TABLE, "mini_batch": BATCHES}
FIRST_SPACE = {"real": "flux", "imaginary": "walls", "classical": "walls"}


def moving(problem: qd.Problem) -> qd.Problem:
    """The problem of a cell with coefficients that bend."""
    return problem.replace(diffusion=DIFFUSION, strength=STRENGTH)


# Steps from which a method falls by its order. Euler's method grows the wave's error on the real clock: at 16 steps its second-order
# term is as large as the first (moves fall with orders 1.69, 1.16 and 1.03 from 16, 32 and 64 steps).
ASYMPTOTIC_FROM = {("variational", 0, "hypercube", "real"): 64}


def every() -> Iterator[Any]:
    """Each entry in each cell that its facts allow; one cell of each clock in the quick run, the others in the long one."""
    for name, entries in ROWS.items():
        if name in (*STEADY, *NO_TIME):
            continue
        for number, entry in enumerate(entries):
            if "evolve" in entry.without:
                continue
            facts, seen = entry.method.facts(), set()
            cells = sorted(entry.cells(), key=lambda cell: cell.space != FIRST_SPACE[cell.clock])
            for cell in cells:
                fits = cell.clock in facts.clocks and cell.space in facts.spaces and cell.space != "operator"
                if not fits or (name, cell.space) in OFF:
                    continue
                steps = ASYMPTOTIC_FROM.get((name, number, str(cell.space), cell.clock))
                used = entry if steps is None else replace(entry, method=replace(entry.method, steps=steps))
                marks = () if cell.clock not in seen and name not in DEAR else (pytest.mark.slow,)
                seen.add(cell.clock)
                yield pytest.param(used, cell, id=f"{name}-{number}-{cell.space}-{cell.clock}", marks=marks)


@pytest.mark.parametrize(("entry", "cell"), list(every()))
def test_both_coefficients_move_and_the_order_is_the_declared_one(entry: Entry, cell: Cell) -> None:
    """The dense propagator's answer, by an integrator of its own, with the order by two refinements."""
    report = qd.assert_valid_method(entry.method, problems=[moving(cell.problem)], verbs=["evolve"], **entry.options)
    assert report.ran == (str(cell),)


def test_the_matrix_holds_every_method() -> None:
    covered = {param.id.split("-")[0] for param in every()}
    assert covered == set(METHODS) - set(STEADY) - set(NO_TIME)
    for name in STEADY:
        with pytest.raises(qd.QMLDynamicsError, match="must"):
            qd.evolve(moving(standard_problem("periodic", "imaginary")), TABLE[name][0].method, progress=False)


@dataclass(frozen=True)
class Stairs:
    """A schedule that stays, over each step, at the value of the step's left end."""

    inner: Any
    steps: int

    def value(self, t: float, duration: float) -> float:
        """At the left end of the step that holds ``t``."""
        step = min(int(t * self.steps / duration * (1 + 1e-12)), self.steps - 1)
        return float(self.inner.value(step * duration / self.steps, duration))

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """Step by step."""
        ends = duration * np.arange(self.steps + 1) / self.steps
        cuts = np.concatenate([[t0], ends[(ends > t0) & (ends < t1)], [t1]])
        return float(sum((b - a) * self.value(0.5 * (a + b), duration) for a, b in zip(cuts[:-1], cuts[1:])))


@dataclass(frozen=True)
class LeftEnd:
    """A method that takes the named coefficients at the left end of its steps."""

    inner: Any
    which: tuple[str, ...]

    name: ClassVar[str] = "left_end"

    def facts(self) -> Facts:
        return self.inner.facts()

    def check(self, problem: Any, backend: Any) -> None:
        self.inner.check(problem, backend)

    def run(self, job: Job) -> Answer:
        steps = self.facts().steps
        assert steps is not None
        held = {name: Stairs(getattr(job.problem, name), steps) for name in self.which}
        problem = job.problem.replace(**held)
        return self.inner.run(replace(job, problem=problem, h=hamiltonian(problem)))

    def circuits(self, job: Job) -> Any:
        return self.inner.circuits(job)

    def work(self, job: Job) -> Work:
        return self.inner.work(job)

    def refined(self) -> LeftEnd:
        return replace(self, inner=self.inner.refined())

    def without_encoding(self) -> LeftEnd:
        return self


def controlled(name: str) -> list[Entry]:
    """The entries of a method whose order is above one and not hidden by an encoding."""
    facts = [entry.method.facts() for entry in ROWS[name]]
    return [
        entry
        for entry, fact in zip(ROWS[name], facts)
        if (fact.order or 0) >= 2 and fact.steps is not None and "evolve" not in entry.without
    ]


HIDDEN = ("growing", "schrodingerised", "koopman_von_neumann")  # an inner method, or registers with errors of their own
CONTROLS = [name for name in ROWS if name not in (*STEADY, *NO_TIME, *HIDDEN) and controlled(name)]


@pytest.mark.parametrize("which", ["diffusion", "strength"])
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n == "qite" else ()) for n in CONTROLS])
def test_the_left_end_of_a_step_is_noticed(name: str, which: str) -> None:
    """Negative control: each coefficient alone at the left end, and the judge says so of one entry of the method at least."""
    told = []
    for entry in controlled(name):
        facts = entry.method.facts()
        clock = next(c for c in ("real", "imaginary", "classical") if c in facts.clocks)
        cell = next(c for c in entry.cells() if c.clock == clock and c.space in facts.spaces and c.space != "operator")
        wrong = LeftEnd(entry.method, (which,))
        try:
            qd.assert_valid_method(wrong, problems=[moving(cell.problem)], verbs=["evolve"], **entry.options)
        except AssertionError as error:
            told.append(str(error))
    assert told, "no entry of the method has the power"
    assert all("converges with order" in words or "differs from the dense propagator" in words for words in told)


FORMULAS = {
    "real": [qd.SplitStep(1), qd.SplitStep(1, order=1), qd.Trotter(1), qd.Trotter(1, order=1), qd.Trotter(1, order=4)],
    "imaginary": [qd.SplitStep(1), qd.SplitStep(1, order=4), qd.ProbabilisticITE(1.0, 1, block="exact")],
}


@pytest.mark.parametrize("part", ["diffusion", "strength"])
@pytest.mark.parametrize(
    ("clock", "method"), [(c, m) for c, ms in FORMULAS.items() for m in ms], ids=lambda v: str(v).replace(" ", "")
)
def test_one_step_is_exact_where_one_part_is_left(clock: str, method: Any, part: str) -> None:
    """A single factor is its schedule's integral, whatever the order: a value at any one time instead shows at once."""
    problem = moving(standard_problem("walls", clock)).replace(**{part: 0.0})  # type: ignore[arg-type]
    run = qd.evolve(problem, method, progress=False, seed=0)
    truth = oracles.solve(problem, [0.0, problem.duration])
    overlap = abs(np.vdot(run.states[-1].reshape(-1), truth.states[-1]))
    assert overlap == pytest.approx(1.0, abs=1e-9)
    assert run.log_norm[-1] == pytest.approx(truth.log_norm[-1], abs=1e-9)
    assert abs(np.vdot(truth.states[0], truth.states[-1])) < 0.999


@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize(("integrator", "order"), [("euler", 1), ("rk4", 4)])
def test_an_ansatz_that_holds_every_wave_has_the_order_of_its_integrator(
    clock: str, integrator: str, order: int
) -> None:
    """One binary weight, all of whose waves RY and RZ make."""
    start = qd.State([0.8, 0.6 * np.exp(0.4j)]) if clock == "real" else qd.State([0.8, 0.6])
    problem = qd.Problem(
        qd.Hypercube(1),
        lambda w: 0.9 * w[:, 0],
        qd.Geometric(0.9, 0.3),
        STRENGTH,
        clock=clock,
        initial=start,
        duration=0.8,
    )
    truth = oracles.solve(problem, [0.0, 0.8]).states[-1]
    ansatz = qd.ansatz.hardware_efficient(0, ("ry", "rz") if clock == "real" else ("ry",))

    def error(steps: int) -> float:
        method = qd.Variational(ansatz, steps, integrator=integrator, regularisation=1e-12)
        wave = qd.evolve(problem, method, progress=False, seed=0).states[-1].reshape(-1)
        overlap = np.vdot(wave, truth)
        return float(np.linalg.norm(wave * overlap / abs(overlap) - truth))

    steps = 16 if order == 1 else 8
    coarse, fine = error(steps), error(2 * steps)
    assert fine > 1e-12
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.4)


def test_what_is_told_of_a_step_is_taken_in_its_middle() -> None:
    """The resolution floor of Chin's formula and the growth residual, with coefficients that move by a factor of three."""
    grid = qd.Grid((-6.0, 7.0), 4)
    problem = qd.Problem(
        grid,
        lambda w: 0.4 * (w[:, 0] - 0.4) ** 2 + 0.3 * np.sin(w[:, 0]),
        DIFFUSION,
        STRENGTH,
        clock="real",
        initial=qd.Gaussian(0.5, 0.6),
        duration=1.0,
    )
    h, psi = hamiltonian(problem), problem.initial.vector(grid)
    found = resolution_floor(problem, h, qd.SplitStep(3, formula="chin4a"), psi)
    ends, total = np.linspace(0, 1, 4), 0.0
    nodes, weights = np.polynomial.legendre.leggauss(8)
    for a, b in zip(ends[:-1], ends[1:]):
        t = 0.5 * (a + b) + 0.5 * (b - a) * nodes
        du = 0.5 * (b - a) * float(weights @ np.array([DIFFUSION.value(x, 1.0) for x in t]))
        middle = 0.5 * (a + b)
        total += du**3 * (STRENGTH.value(middle, 1.0) / DIFFUSION.value(middle, 1.0)) ** 2 / 36
    still = problem.replace(diffusion=1.0, strength=1.0)
    unit = resolution_floor(still, hamiltonian(still), qd.SplitStep(1, formula="chin4a"), psi) * 36
    assert found == pytest.approx(total * unit, rel=1e-9, abs=0.0)
    assert found > 1e-4
    coarse = qd.Grid((-6.0, 7.0), 3)
    wave = problem.initial.vector(coarse)
    early, late = (residual(wave, on_grid(h, coarse), h, t) for t in (0.0, 0.9))
    assert late / early == pytest.approx(STRENGTH.value(0.9, 1.0) / STRENGTH.value(0.0, 1.0), rel=1e-9)
