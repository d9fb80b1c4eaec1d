"""Trains between walls: the sine transform as an operator, step for step the dense method, momenta, and the error statement."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dst, idst

import qml_dynamics as qd
from qml_dynamics.methods.tensor_train.kinetic import of_momentum, of_sines
from qml_dynamics.methods.tensor_train.layout import LAYOUTS, Layout
from qml_dynamics.methods.tensor_train.momenta import unfolded
from qml_dynamics.methods.tensor_train.trains import applied, dense, from_dense, rounded
from qml_dynamics.results.compact import CompactTrajectory

pytestmark = [
    pytest.mark.filterwarnings("ignore::qml_dynamics.EdgeWeightWarning"),
    pytest.mark.filterwarnings("ignore::qml_dynamics.MomentumTailWarning"),
]


def tilted(w: np.ndarray) -> np.ndarray:
    """Without any symmetry, coupled where there are two weights."""
    x = w[:, 0]
    return np.asarray(0.4 * (x - 0.4) ** 2 + 0.5 * np.sin(1.3 * x + 0.2) + 0.3 * (w[:, -1] + 0.2 * x) ** 2)


def box(clock: str, qubits: tuple[int, ...]) -> qd.Problem:
    """So narrow that the wave feels its walls, with a diffusion that moves."""
    bounds = [(-3, 3), (-2, 2.5)][: len(qubits)]
    start = qd.Gaussian((0.8, -0.5)[: len(qubits)], (0.5, 0.45)[: len(qubits)], (0.9, -0.6)[: len(qubits)])
    grid = qd.Grid(bounds, qubits, boundary="walls")
    return qd.Problem(grid, tilted, qd.Linear(0.4, 0.3), clock=clock, initial=start, duration=0.5)


def test_the_operator_is_that_of_the_sine_transform() -> None:
    """A function of the momenta between walls, on a vector without symmetry: DST-II there and back."""
    n, rng = 5, np.random.default_rng(2)
    vector = rng.normal(size=1 << n) + 1j * rng.normal(size=1 << n)
    diagonal = of_momentum(lambda k: np.exp(-0.01j * k**2), n + 1, n + 1, 1e-13)
    found = dense(
        applied(of_sines(diagonal, 1e-13), rounded(from_dense(vector, 1e-15, 64), 1e-15, 64)[0], 1e-13, 64)[0]
    )
    modes = np.arange(1, (1 << n) + 1)
    right = idst(np.exp(-0.01j * modes**2) * dst(vector, type=2, norm="ortho"), type=2, norm="ortho")
    assert np.abs(found - right).max() < 1e-11
    assert np.abs(found - vector).max() > 0.1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_ring_holds_the_wave_and_its_mirror_image(layout: str) -> None:
    """Entry by entry, on axes of different length."""
    grid = qd.Grid([(0, 1), (0, 2)], (3, 2), boundary="walls")
    table = np.random.default_rng(1).normal(size=grid.shape)
    own = Layout(grid, layout)
    whole = own.ring.table(dense(unfolded(from_dense(own.flat(table), 1e-15, 64), own)))
    right = np.block([[table, -table[:, ::-1]], [-table[::-1], table[::-1, ::-1]]]) / 2
    assert whole.shape == (16, 8)
    assert np.abs(whole - right).max() < 1e-12


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_it_takes_the_steps_of_the_dense_method(clock: str, order: int) -> None:
    """Step for step, with a coefficient that moves; and the walls are felt."""
    problem = box(clock, (5, 4))
    train = qd.evolve(problem, qd.TensorTrain(3, order=order, tolerance=1e-10), progress=False)
    steps = qd.evolve(problem, qd.SplitStep(3, order=order), progress=False)
    ring = problem.replace(domain=qd.Grid([(-3, 3), (-2, 2.5)], (5, 4)))
    assert train.states is not None
    assert steps.states is not None
    assert np.abs(train.states - steps.states).max() < 1e-8
    assert np.abs(train.log_norm - steps.log_norm).max() < 1e-8
    assert np.abs(qd.evolve(ring, qd.SplitStep(3, order=order)).density[-1] - train.density[-1]).max() > 1e-4


@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_the_error_statement(clock: str) -> None:
    """On ten qubits with a cutoff: never below the true error, below thirty times it."""
    start = qd.Gaussian(0.2, 0.3, 0.9)  # that vanishes at the walls, which would make momenta without end
    problem = box(clock, (10,)).replace(diffusion=0.4, initial=start, duration=0.4)
    run = qd.evolve(problem, qd.TensorTrain(3, order=4, tolerance=1e-6), progress=False)
    exact = qd.evolve(problem, qd.SplitStep(100, order=4), progress=False)
    assert run.states is not None
    assert exact.states is not None
    true, stated = np.linalg.norm(run.states[-1] - exact.states[-1]), run.diagnostics["error"][-1]
    assert 1e-7 < true <= stated <= 30 * true
    assert run.diagnostics["momentum_qubits"][0] < 11


def test_a_mode_of_the_box_on_24_qubits() -> None:
    """No loss: the lowest mode has energy ``D (pi / L)^2``, and of the second the momentum is ``2 pi / L``."""
    grid = qd.Grid((0, 2), 24, boundary="walls")
    free = qd.Problem(grid, lambda w: 0 * w[:, 0], 0.7, clock="imaginary", initial=qd.Gaussian(1.0, 0.1), duration=1.5)
    seen = {"k": qd.of_momenta(lambda k: k[:, 0])}
    run = qd.evolve(free, qd.TensorTrain(2, tolerance=1e-7), observables=seen, progress=False)
    assert isinstance(run, CompactTrajectory)
    assert run.expectations["energy"].value[-1] == pytest.approx(0.7 * (np.pi / 2) ** 2, rel=1e-6)
    assert run.expectations["k"].value[-1] == pytest.approx(np.pi / 2, rel=1e-6)
    assert run.expectations["energy"].value[0] > 5
    assert run.compact[-1].marginal(0, 1) == pytest.approx([0.5, 0.5], abs=1e-6)
