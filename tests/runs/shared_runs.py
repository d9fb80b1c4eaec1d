"""What the tests of runs share: small problems, no pauses, equal trajectories."""

from __future__ import annotations

from typing import Any

import numpy as np

from qml_dynamics import Gaussian, Grid, Hypercube, Problem, Trajectory, Trotter
from qml_dynamics.runs import Patience

QUICK = Patience(attempts=4, first=0.0, longest=0.0, poll=0.0, longest_poll=0.0, settle=0.0, lock=20.0)
METHOD = Trotter(1)


def well() -> Problem:
    """An asymmetric well on 8 points."""
    return Problem(
        Grid((-2, 2), 3), lambda w: w[:, 0] ** 2 + 0.5 * w[:, 0], 0.4, clock="real", duration=0.6, initial=Gaussian(0.7, 0.4)
    )


def spins() -> Problem:
    """Three binary weights with different fields."""
    return Problem(Hypercube(3), lambda w: w[:, 0] * w[:, 1] + 0.3 * w[:, 2], 1.0, clock="real", duration=0.7)


def same(a: Trajectory, b: Trajectory) -> None:
    """Assert that two trajectories hold the same samples, and what follows from them."""
    assert a.counts is not None
    assert b.counts is not None
    assert a.counts.keys() == b.counts.keys()
    for basis in a.counts:
        for x, y in zip(a.counts[basis], b.counts[basis], strict=True):
            np.testing.assert_array_equal(x.index, y.index)
            np.testing.assert_array_equal(x.count, y.count)
    np.testing.assert_array_equal(a.times, b.times)
    np.testing.assert_array_equal(a.density, b.density)
    assert a.expectations.keys() == b.expectations.keys()
    for name in a.expectations:
        np.testing.assert_array_equal(a.expectations[name].value, b.expectations[name].value)
        np.testing.assert_array_equal(a.expectations[name].stderr, b.expectations[name].stderr)
    assert a.best == b.best


def moved(trajectory: Trajectory) -> bool:
    """Whether the wave did not stay where it was."""
    return float(np.abs(trajectory.density[-1] - trajectory.density[0]).sum()) > 0.1


def words(error: Any) -> str:
    """The text of what ``pytest.raises`` caught."""
    return str(error.value)
