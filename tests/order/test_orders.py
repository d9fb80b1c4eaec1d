"""Measured orders of the split-operator method against a dense propagator that is built in the tests."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np
import pytest

from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.split_step import SplitStep, resolution_floor
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian, State
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import QHD, Geometric, Linear, PowerLaw
from qml_dynamics.model.transforms import Transform

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def tilted(w: np.ndarray) -> np.ndarray:
    """A smooth well without any symmetry."""
    x = w[:, 0]
    return 0.35 * (x - 0.4) ** 2 + 0.5 * np.sin(1.3 * x + 0.2) + 0.02 * x**3


def spins(w: np.ndarray) -> np.ndarray:
    """Fields and couplings, all different."""
    n = w.shape[1]
    field = w @ (0.3 + 0.17 * np.arange(n))
    return (
        0.3 * field + 0.2 * sum(w[:, i] * w[:, i + 1] * (1 + 0.3 * i) for i in range(n - 1)) + 0.1 * w[:, 0] * w[:, -1]
    )


SCHEDULES: dict[str, tuple[Any, Any]] = {
    "constant": (0.4, 1.0),
    "linear": (Linear(0.7, 0.2), Linear(0.4, 1.5)),
    "geometric": (Geometric(0.9, 0.1), Linear(1.2, 0.5)),
    "power": (PowerLaw(0.8, -1.5, offset=0.7), PowerLaw(1.3, 2.0, offset=0.3)),
    "qhd": (QHD(0.6).diffusion, QHD(0.6).strength),
    "slow": (Geometric(0.3, 0.1), Linear(1.2, 0.5)),
}


@cache
def make(kind: str, qubits: int, clock: str, schedule: str) -> Problem:
    diffusion, strength = SCHEDULES[schedule]
    if kind == "hypercube":
        rng = np.random.default_rng(3)
        start = State(rng.standard_normal(1 << qubits) + 1j * rng.standard_normal(1 << qubits))
        return Problem(Hypercube(qubits), spins, diffusion, strength, clock=clock, initial=start, duration=1.2)
    grid = Grid((-8, 9.5) if qubits < 8 else (-15, 18), qubits, kind)
    start = Gaussian(1.1, 0.65, momentum=0.7)
    return Problem(grid, tilted, diffusion, strength, clock=clock, initial=start, duration=1.2)


@pytest.fixture(scope="module")
def truth(oracle):
    return lru_cache(maxsize=None)(lambda *key: oracle.solve(make(*key)))


STEPS = {1: (256, 512), 2: (64, 128), 4: (24, 48)}
QUICK = ("constant", "power", "qhd")  # the other schedules run with the long studies
SMALL = [
    pytest.param(kind, 5, schedule, marks=() if schedule in QUICK else pytest.mark.slow)
    for kind in ("periodic", "walls", "hypercube")
    for schedule in list(SCHEDULES)[:5]
]
LARGE = [
    pytest.param(kind, 9, "constant", marks=() if kind == "periodic" else pytest.mark.slow)
    for kind in ("periodic", "walls", "hypercube")
]
LONG = [pytest.param(kind, 9, "slow", marks=pytest.mark.slow) for kind in ("periodic", "walls", "hypercube")]


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize(("kind", "qubits", "schedule"), SMALL + LARGE + LONG)
def test_declared_order_holds(kind, qubits, schedule, clock, order, truth, classical):
    """Orders 1, 2, 4 on both clocks, three weight spaces, constant and time-dependent coefficients."""
    problem = make(kind, qubits, clock, schedule)
    state, log_norm = truth(kind, qubits, clock, schedule)
    moved = abs(np.vdot(problem.initial.vector(problem.domain), state))
    assert moved < 0.95, "the wave must have moved"

    def error(steps: int) -> float:
        return float(np.linalg.norm(classical.final(problem, SplitStep(steps, order))[0] - state))

    fast = schedule not in ("constant", "linear", "slow")  # coefficients that vary faster within a step
    steps = tuple((2 if order == 4 and clock == "real" and fast else 1) * n for n in STEPS[order])
    found = classical.slopes(error, steps)
    assert found[-1] == pytest.approx(order, abs=0.2), found
    if clock == "imaginary":
        assert abs(log_norm) > 0.05

        def log_error(steps: int) -> float:
            return abs(classical.final(problem, SplitStep(steps, order))[1] - log_norm)

        assert log_error(STEPS[order][0]) < 10 * error(STEPS[order][0])


@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize("kind", ["periodic", "walls"])
@pytest.mark.parametrize(
    "schedule",
    [pytest.param(s, marks=() if s in ("constant", "geometric") else pytest.mark.slow) for s in list(SCHEDULES)[:5]],
)
def test_chin_is_of_order_four_where_wave_and_momenta_are_resolved(kind, schedule, clock, oracle, classical):
    """Chin's forward formula on grids: time-dependent D and s too, both clocks, against the dense propagator."""
    problem = make(kind, 8, clock, schedule)
    state, log_norm = oracle.solve(problem)
    density = np.abs(state) ** 2
    tail = np.abs(Transform(problem.domain).forward(state.copy())) ** 2
    high = np.abs(problem.domain.momenta[0]) > 0.8 * np.abs(problem.domain.momenta[0]).max()
    assert max(density[:4].sum() + density[-4:].sum(), tail[high].sum()) < 1e-12

    def error(steps: int) -> float:
        psi, log = classical.final(problem, SplitStep(steps, formula="chin4a"))
        if clock == "imaginary":
            assert abs(log - log_norm) < 1e-3
        return float(np.linalg.norm(psi - state))

    found = classical.slopes(error, (20, 40))
    assert found[-1] == pytest.approx(4, abs=0.2), found
    strang = float(np.linalg.norm(classical.final(problem, SplitStep(40, 2))[0] - state))
    assert error(40) < 0.01 * strang
    assert resolution_floor(problem, hamiltonian(problem), SplitStep(40, formula="chin4a"), state) < 0.5 * error(40)


def test_resolution_floor_is_seen_where_the_wave_leaves_its_box(oracle, classical):
    """On a box that is too small, Chin's order drops, and the reported floor covers what is lost."""
    roomy = make("periodic", 8, "real", "qhd")
    narrow = roomy.replace(domain=Grid((-12, 14.5), 8))
    method = SplitStep(80, formula="chin4a")
    errors, floors = [], []
    for problem in (roomy, narrow):
        state, _ = oracle.solve(problem)
        errors.append(float(np.linalg.norm(classical.final(problem, method)[0] - state)))
        floors.append(resolution_floor(problem, hamiltonian(problem), method, state))
    assert errors[1] > 4 * errors[0]
    assert floors[0] < errors[1] - errors[0] < floors[1]


def coupled(w: np.ndarray) -> np.ndarray:
    """Unequal curvatures, couplings between all neighbours, and a slope along each axis."""
    n = w.shape[1]
    bowl = sum((0.3 + 0.1 * i) * (w[:, i] - 0.2 * i) ** 2 + 0.15 * (i + 1) * w[:, i] for i in range(n))
    return bowl + sum(0.3 * np.sin(w[:, i] * w[:, i + 1] + 0.4) for i in range(n - 1))


BOXES: dict[int, Any] = {
    2: ([(-6, 7), (-5, 6)], (6, 5), (0.9, -0.6), (0.7, 0.6), (0.5, -0.8)),
    3: ([(-5, 5.5), (-4.5, 6), (-5, 4.5)], (4, 5, 4), (0.4, 0.7, -0.5), (0.75, 0.7, 0.8), (0.3, -0.5, 0.4)),
}


@pytest.fixture(scope="module")
def box_truth(classical):
    @cache
    def solve(ndim: int, boundary: str, clock: str) -> tuple[Problem, np.ndarray]:
        bounds, qubits, center, width, momentum = BOXES[ndim]
        start = Gaussian(center, width, momentum)
        grid = Grid(bounds, qubits, boundary)
        problem = Problem(grid, coupled, Linear(0.3, 0.15), Linear(0.7, 1.0), clock=clock, initial=start, duration=0.6)
        return problem, classical.final(problem, Krylov(tol=1e-10))[0]

    return solve


@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize("boundary", ["periodic", "walls"])
@pytest.mark.parametrize(
    ("ndim", "order"), [(2, 1), (2, 2), (2, 4), pytest.param(3, 1, marks=pytest.mark.slow), (3, 2), (3, 4)]
)
def test_declared_order_holds_in_more_dimensions(ndim, boundary, clock, order, classical, box_truth):
    """Unequal boxes and qubits; the reference is Krylov, which `cross` compares with dense matrices."""
    problem, state = box_truth(ndim, boundary, clock)
    assert abs(np.vdot(problem.initial.vector(problem.domain), state)) < 0.97

    def error(steps: int) -> float:
        return float(np.linalg.norm(classical.final(problem, SplitStep(steps, order))[0] - state))

    found = classical.slopes(error, {1: (60, 120), 2: (20, 40), 4: (10, 20)}[order])
    assert found[-1] == pytest.approx(order, abs=0.2), found
