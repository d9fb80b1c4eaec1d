"""The classical methods against each other and against dense matrices from explicit sums: 1 to 3 dimensions, all boundaries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_dynamics.methods.exact import Exact
from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.initial import Gaussian, PointMass, State
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import QHD, Geometric, Linear, PowerLaw

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def random_loss(ndim: int, seed: int) -> Any:
    """A smooth loss without symmetry: slopes, curvatures, couplings and waves in random directions."""
    rng = np.random.default_rng(seed)
    slope, curve, mix = rng.normal(size=ndim), rng.uniform(0.1, 0.6, ndim), rng.normal(size=(3, ndim))
    phase, height = rng.uniform(0, 6, 3), rng.uniform(0.2, 0.6, 3)

    def loss(w: np.ndarray) -> np.ndarray:
        return w @ (0.3 * slope) + w**2 @ curve + np.sin(w @ mix.T + phase) @ height + 0.1 * w[:, 0] ** 2 * w[:, -1]

    return loss


DRIVEN = (Geometric(0.8, 0.2), Linear(0.4, 1.3))
CASES: dict[str, tuple[Any, Any, tuple[Any, Any]]] = {
    "line": (Grid((-5, 6), 6), Gaussian(0.9, 0.6, 0.8), (0.4, 1.0)),
    "line driven": (Grid((-5, 6), 5), Gaussian(0.9, 0.6, 0.8), DRIVEN),
    "line walls": (Grid((-5, 6), 6, "walls"), Gaussian(-0.7, 0.6, -0.8), DRIVEN),
    "narrow walls": (Grid((-1, 1.5), 4, "walls"), PointMass(0.6), (0.4, 1.0)),
    "flux": (Grid((0, 5), 4, twist=0.3), PointMass(1.3), (PowerLaw(0.5, -1.0, 0.5), 1.0)),
    "plane": (Grid([(-4, 5), (-3, 4)], (3, 5)), Gaussian((0.8, -0.5), (0.7, 0.6), (0.5, -0.9)), (0.4, 1.0)),
    "plane driven": (Grid([(-4, 5), (-3, 4)], (5, 3), twist=(0.2, -0.4)), PointMass((1.0, 0.5)), DRIVEN),
    "plane walls": (Grid([(-4, 5), (-3, 4)], (3, 4), "walls"), PointMass((1.0, 0.5)), (0.4, QHD(0.5).strength)),
    "space": (Grid([(-3, 4), (-2, 3), (0, 5)], (3, 2, 4)), Gaussian((0.8, 0.5, 2.0), (0.9, 0.8, 0.7), (0.5, -0.9, 0.3)), (0.4, 1.0)),
    "space walls": (Grid([(-3, 4), (-2, 3), (0, 5)], (2, 3, 2), "walls"), PointMass((1.0, 0.5, 1.2)), DRIVEN),
    "cube": (Hypercube(6), PointMass((1, -1, 1, 1, -1, -1)), (0.7, 1.0)),
    "cube driven": (Hypercube(5, values=(0, 2)), State(np.arange(32) - 5j), (QHD(0.5).diffusion, QHD(0.5).strength)),
}  # fmt: skip


def case(name: str, clock: str) -> Problem:
    domain, start, (d, s) = CASES[name]
    return Problem(domain, random_loss(domain.ndim, len(name)), d, s, clock=clock, initial=start, duration=0.9)


LONG = {
    ("flux", "real"),
    ("plane driven", "real"),
    ("plane walls", "real"),
    ("space walls", "real"),
    ("line walls", "real"),
}
EACH = [
    pytest.param(name, clock, marks=pytest.mark.slow if (name, clock) in LONG else ())
    for name in CASES
    for clock in ("real", "imaginary")
]


@pytest.mark.parametrize(("name", "clock"), EACH)
def test_three_methods_agree_with_the_dense_propagator(name, clock, oracle, classical):
    """Exact to ten digits, Krylov to its tolerance, split steps of order four to 1e-6; log_norm too."""
    problem = case(name, clock)
    state, log_norm = oracle.solve(problem)
    assert abs(np.vdot(problem.initial.vector(problem.domain), state)) < 0.98
    for method, allowed in ((Exact(), 2e-9), (Krylov(1e-9), 1e-9), (SplitStep(400, 4), 1e-6)):
        psi, log = classical.final(problem, method)
        assert psi.shape == problem.domain.shape
        assert np.linalg.norm(psi - state) < allowed, method
        assert abs(log - log_norm) < 10 * allowed, method
        assert abs(np.linalg.norm(psi) - 1) < 1e-12


@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_chin_agrees_where_its_conditions_hold(clock, oracle, classical):
    """Two dimensions, a complex start off the centre, unequal boxes: the fast formula against the dense propagator."""
    grid = Grid([(-6, 6.5), (-5.5, 6)], (5, 5))
    start = Gaussian((0.7, -0.5), (0.75, 0.7), (0.4, -0.3))
    problem = Problem(grid, random_loss(2, 3), 0.35, 0.8, clock=clock, initial=start, duration=0.5)
    state, log_norm = oracle.solve(problem)
    psi, log = classical.final(problem, SplitStep(50, formula="chin4a"))
    assert np.linalg.norm(psi - state) < 1e-6
    assert abs(log - log_norm) < 1e-6
    strang = classical.final(problem, SplitStep(50))[0]
    assert np.linalg.norm(strang - state) > 10 * np.linalg.norm(psi - state)


@given(st.integers(0, 10**6), st.sampled_from(["periodic", "walls"]), st.sampled_from(["real", "imaginary"]))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_random_problems(oracle, classical, seed, boundary, clock):
    """Random boxes, qubits, losses, starts and constants."""
    rng = np.random.default_rng(seed)
    ndim = int(rng.integers(1, 4))
    low = rng.uniform(-3, 0, ndim)
    box = list(zip(low, low + rng.uniform(1.5, 5, ndim)))
    grid = Grid(box, rng.integers(1, 4, ndim).tolist(), boundary)
    start = State(rng.standard_normal(grid.size) + 1j * rng.standard_normal(grid.size))
    d, s = rng.uniform(0.02, 0.4), rng.uniform(-1, 2)
    problem = Problem(grid, random_loss(ndim, seed), d, s, clock=clock, initial=start, duration=0.4)
    state, log_norm = oracle.solve(problem)
    for method, allowed in ((Krylov(1e-9), 1e-9), (Exact(), 1e-9)):
        psi, log = classical.final(problem, method)
        assert np.linalg.norm(psi - state) < allowed
        assert abs(log - log_norm) < 10 * allowed


def test_running_backwards_undoes_a_run(classical):
    """exp(-i t (-H)) = conj(exp(-i t H)) for real H: the conjugated end goes back to the conjugated start."""
    problem = case("plane", "real")
    end, _ = classical.final(problem, Krylov(1e-11))
    back, _ = classical.final(problem.replace(initial=State(end.conj())), Krylov(1e-11))
    np.testing.assert_allclose(back.conj(), problem.initial.vector(problem.domain), atol=1e-10)
    assert np.linalg.norm(end - problem.initial.vector(problem.domain)) > 0.3


def test_swapping_the_axes_swaps_the_answer(classical):
    """The same physics with the axes in the other order."""
    a = Grid([(-4, 5), (-3, 4)], (3, 4))
    b = Grid([(-3, 4), (-4, 5)], (4, 3))
    loss = random_loss(2, 1)
    one = Problem(a, loss, 0.4, clock="real", initial=Gaussian((0.8, -0.5), (0.7, 0.6), (0.5, -0.9)), duration=0.9)
    two = Problem(
        b,
        lambda w: loss(w[:, ::-1]),
        0.4,
        clock="real",
        initial=Gaussian((-0.5, 0.8), (0.6, 0.7), (-0.9, 0.5)),
        duration=0.9,
    )
    np.testing.assert_allclose(classical.final(one, Krylov())[0], classical.final(two, Krylov())[0].T, atol=1e-10)
    assert one.domain.shape == two.domain.shape[::-1] == (8, 16)
