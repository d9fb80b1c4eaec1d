"""Dense propagation against SciPy's exponential and integrator on matrices from explicit sums."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods import exact
from qml_dynamics.methods.exact import Exact
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian, PointMass, State
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import Geometric, Linear

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def crooked(w: np.ndarray) -> np.ndarray:
    n = w.shape[1]
    ramp = 0.3 + 0.21 * np.arange(n)
    return np.cos(w @ ramp + 0.3) + 0.2 * (w**2) @ ramp[::-1] + 0.1 * w[:, 0] * w[:, -1] ** 2


CASES = [
    (Grid((-3, 4), 5), Gaussian(0.8, 0.5, 1.1)),
    (Grid([(-3, 4), (-2, 5)], (3, 2), twist=(0.3, -0.7)), PointMass((1.0, 0.0))),
    (Grid([(-3, 4), (-2, 5)], (2, 3), "walls"), Gaussian((1.0, 0.0), (0.7, 1.1), (0.4, -0.6))),
    (Hypercube(5), State(np.arange(32) + 1j * np.arange(32)[::-1])),
]


@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize("driven", [False, True])
@pytest.mark.parametrize(("domain", "start"), CASES, ids=lambda value: type(value).__name__)
def test_agrees_with_the_independent_oracle(domain, start, driven, clock, oracle, classical):
    """Waves with phases and log_norm, to ten digits."""
    d, s = (Geometric(0.9, 0.2), Linear(-0.3, 1.5)) if driven else (0.4, 1.0)
    problem = Problem(domain, crooked, d, s, clock=clock, initial=start, duration=0.8)
    state, log_norm = oracle.solve(problem)
    psi, log = classical.final(problem, Exact())
    np.testing.assert_allclose(psi, state, atol=1e-9)
    assert log == pytest.approx(log_norm, abs=1e-9)
    assert abs(np.vdot(start.vector(domain), state)) < 0.97


@pytest.mark.parametrize("driven", [False, True])
def test_save_times_share_one_run(driven, classical):
    """log_norm accumulates over the saves."""
    d = Geometric(0.9, 0.2) if driven else 0.4
    problem = Problem(Grid((-3, 4), 4), crooked, d, clock="imaginary", initial=Gaussian(0.8, 0.5), duration=0.8)
    saved = classical.propagate(problem, Exact(), [0.0, 0.3, 0.8])
    psi, log = classical.final(problem, Exact())
    np.testing.assert_allclose(saved[-1][1], psi, atol=1e-10)
    assert saved[-1][2] == pytest.approx(log, abs=1e-10)
    assert saved[0][2] == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(saved[0][1], problem.initial.vector(problem.domain), atol=1e-12)


def test_long_imaginary_times_end_in_the_ground_state(classical):
    """Without underflow: tau = 2000."""
    problem = Problem(Grid((-3, 4), 5), crooked, 0.4, clock="imaginary", initial=Gaussian(0.8, 0.5), duration=2000.0)
    psi, log = classical.final(problem, Exact())
    energy, wave = hamiltonian(problem).ground_state()
    assert abs(np.vdot(psi, wave)) == pytest.approx(1.0)
    overlap = abs(np.vdot(wave, problem.initial.vector(problem.domain)))
    assert log == pytest.approx(np.log(overlap) - 2000 * energy, rel=1e-10)


def test_too_many_points_are_refused_with_advice():
    """4096 unless told otherwise; nothing is built."""
    problem = Problem(Grid((-3, 4), 13), crooked, 0.4, clock="real", duration=0.8)
    with pytest.raises(MethodError, match="must not be Exact above 4096 points, but there are 8192"):
        next(iter(exact.run(problem, hamiltonian(problem), Exact(), [0.0, 0.8], print)))
