"""Problems: what they hold, how they change, and everything they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian, Uniform
from qml_dynamics.model.objectives import Objective
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import QHD, Constant, Geometric, Linear, PowerLaw

GRID = Grid((-1, 2), 4)


def slope(w: np.ndarray) -> np.ndarray:
    return w[:, 0]


def make(**changes) -> Problem:
    given = {"domain": GRID, "objective": slope, "diffusion": 1.0, "clock": "real", "duration": 2.0}
    return Problem(**{**given, **changes})


def test_numbers_and_functions_are_converted():
    """A number is a constant schedule, a function an objective with its name; uniform and unit strength by default."""
    problem = make()
    assert problem.diffusion == Constant(1.0)
    assert problem.strength == Constant(1.0)
    assert isinstance(problem.objective, Objective)
    assert problem.objective.name == "slope"
    assert problem.initial == Uniform()
    assert problem.duration == 2.0
    assert problem.reading == "born"


def test_problems_are_frozen_and_changed_by_replace():
    """A copy with one difference; the checks run again."""
    problem = make()
    with pytest.raises(AttributeError):
        problem.duration = 3.0
    other = problem.replace(clock="imaginary", duration=5)
    assert (other.clock, other.duration, problem.clock) == ("imaginary", 5.0, "real")
    with pytest.raises(ProblemError, match="Did you mean 'duration'"):
        problem.replace(durration=2)
    with pytest.raises(ProblemError, match="`duration`"):
        problem.replace(duration=-1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"duration": 0}, "`duration` must be a positive number, but is 0"),
        ({"duration": -1.0}, "`duration`"),
        ({"duration": np.inf}, "`duration`"),
        ({"duration": "1"}, "`duration`"),
        ({"diffusion": -0.5}, "`diffusion` must not be negative"),
        ({"diffusion": Linear(1, -1)}, "`diffusion` must not be negative"),
        ({"diffusion": PowerLaw(-1, 2)}, "`diffusion` must not be negative"),
        ({"diffusion": np.nan}, "`diffusion`"),
        ({"diffusion": QHD()}, "`diffusion` must be a number or a schedule"),
        ({"diffusion": Geometric}, "`diffusion` must be a number or a schedule"),
        ({"diffusion": 1j}, "`diffusion`"),
        ({"strength": None}, "`strength`"),
        ({"clock": "imag"}, "Did you mean 'imaginary'"),
        ({"clock": None}, "`clock`"),
        ({"initial": Uniform}, "`initial`"),
        ({"initial": np.ones(5)}, "`initial` must have shape"),
        ({"initial": None}, "`initial`"),
        ({"objective": None}, "`objective`"),
        ({"objective": 3.0}, "`objective`"),
        ({"domain": (0, 1)}, "`domain` must be a Grid or a Hypercube"),
        ({"domain": Grid}, "`domain`"),
    ],
)
def test_bad_statements_are_named(changes, words):
    """One line each, with the argument's name."""
    with pytest.raises(ProblemError, match=words) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda w: np.where(w[:, 0] > 1, np.nan, 0.0), r"must be finite, but is nan at \[1\.0625\]"),
        (lambda w: np.where(w[:, 0] > 1, -np.inf, 0.0), "must be finite, but is -inf"),
        (lambda w: w[:, 0] * 1j, "must return real numbers, but returned complex128"),
        (lambda w: w[:, [0, 0]], r"must return shape \(16,\) for points \(16, 1\), but returned \(16, 2\)"),
        (lambda w: 1.0, r"must return shape \(16,\)"),
        (lambda w: w[:3, 0], r"must return shape \(16,\)"),
        (lambda w: np.array(["a"] * len(w)), "must return real numbers"),
        (lambda w: w[:, 5], "failed on points of shape"),
        (lambda w: 1 / 0, "failed on points of shape"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_bad_losses_are_named_when_they_are_evaluated(loss, words):
    """NaN with its place, infinite, complex, of a wrong shape, text, and what raises by itself."""
    problem = make(objective=loss)
    with pytest.raises(ProblemError, match=words):
        hamiltonian(problem)


def test_loss_values_may_be_integers_or_booleans():
    """Counts of errors are losses too."""
    h = hamiltonian(make(objective=lambda w: w[:, 0] > 0.4))
    assert h.zeta.dtype == float
    assert 0 < h.zeta.mean() < 1


def test_sizes_that_cannot_fit_are_refused_before_the_loss_is_called():
    """Three axes of 20 qubits: the message has the bytes, and the loss was not touched."""
    calls = []
    problem = make(domain=Grid([(0, 1)] * 3, 20), objective=lambda w: calls.append(1) or w[:, 0])
    with pytest.raises(MethodError, match=r"on 60 qubits needs 16384\.0 PiB of memory, but [\d.]+ \w+ are available"):
        hamiltonian(problem)
    assert not calls


def test_the_initial_wave_is_checked_against_the_domain():
    """A Gaussian has no meaning on a hypercube."""
    problem = make(domain=Hypercube(3), initial=Gaussian(0, 1))
    with pytest.raises(ProblemError, match="`initial` must not be a Gaussian on a hypercube"):
        problem.initial.vector(problem.domain)
