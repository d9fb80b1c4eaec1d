"""What the tests of runs share: small problems, no pauses, equal trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import qml_dynamics as qd
from qml_dynamics import Gaussian, Grid, Hypercube, Problem, Trajectory, Trotter, Variational, ansatz
from qml_dynamics.backends.statevector import StatevectorBackend
from qml_dynamics.results.trajectory import Counts
from qml_dynamics.runs import Patience

QUICK = Patience(attempts=4, first=0.0, longest=0.0, poll=0.0, longest_poll=0.0, settle=0.0, lock=20.0)
METHOD = Trotter(1)


def well() -> Problem:
    """An asymmetric well on 8 points."""
    return Problem(
        Grid((-2, 2), 3),
        lambda w: w[:, 0] ** 2 + 0.5 * w[:, 0],
        0.4,
        clock="real",
        duration=0.6,
        initial=Gaussian(0.7, 0.4),
    )


def spins() -> Problem:
    """Three binary weights with different fields."""
    return Problem(Hypercube(3), lambda w: w[:, 0] * w[:, 1] + 0.3 * w[:, 2], 1.0, clock="real", duration=0.7)


def stepwise() -> tuple[Problem, Variational]:
    """One qubit and one step of a measured variational run: two calls, the second with angles from the first."""
    problem = Problem.from_operator([[1.0, 0.5], [0.5, -1.0]], clock="imaginary", duration=0.3)
    return problem, Variational(ansatz.hardware_efficient(0), steps=1)


def same(a: Trajectory, b: Trajectory) -> None:
    """Assert that two trajectories hold the same samples, and what follows from them."""
    left, right = a.counts or {}, b.counts or {}  # an extrapolated run has none
    assert left.keys() == right.keys()
    for basis in left:
        for x, y in zip(left[basis], right[basis], strict=True):
            np.testing.assert_array_equal(x.index, y.index)
            np.testing.assert_array_equal(x.count, y.count)
    np.testing.assert_array_equal(a.times, b.times)
    np.testing.assert_array_equal(a.density, b.density)
    assert a.expectations.keys() == b.expectations.keys()
    for name in a.expectations:
        np.testing.assert_array_equal(a.expectations[name].value, b.expectations[name].value)
        np.testing.assert_array_equal(a.expectations[name].stderr, b.expectations[name].stderr)
    assert a.best == b.best
    assert (a.parameters is None) == (b.parameters is None)
    if a.parameters is not None and b.parameters is not None:
        np.testing.assert_array_equal(a.parameters, b.parameters)


def moved(trajectory: Trajectory) -> bool:
    """Whether the wave did not stay where it was."""
    return float(np.abs(trajectory.density[-1] - trajectory.density[0]).sum()) > 0.1


def words(error: Any) -> str:
    """The text of what ``pytest.raises`` caught."""
    return str(error.value)


class Device:
    """A device without jobs: it takes no seed for its counts to depend on, so each circuit is a unit. It logs what it runs."""

    name, exact, seeding = "device", False, "none"

    def __init__(self, log: Path) -> None:
        self.log = log

    def states(self, pieces: Sequence[Any], on_step: Any) -> Any:
        raise NotImplementedError

    def probabilities(self, circuits: Sequence[Any]) -> Any:
        raise NotImplementedError

    def sample(self, circuits: Sequence[Any], shots: int, seeds: Sequence[int]) -> list[Counts]:
        with self.log.open("a") as out:
            out.writelines(f"{seed}\n" for seed in seeds)
        return StatevectorBackend().sample(circuits, shots, seeds)

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def ran(self) -> list[str]:
        """What was run so far, one entry a circuit."""
        return self.log.read_text().split() if self.log.is_file() else []


def table_run(folder: Any) -> Any:
    """The trajectory of a run in a folder whose files are some ten kilobytes each."""
    cube = qd.Hypercube(10)
    problem = qd.Problem(cube, qd.objectives.from_table(np.arange(1024.0), cube), 0.5, clock="real", duration=0.1)
    run = qd.submit(problem, qd.Trotter(1), backend="statevector", shots=4000, seed=1, folder=folder, quiet=True)
    return run.fetch()
