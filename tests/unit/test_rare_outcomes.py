"""Samples that all agree do not make a standard error of 0 where another outcome was possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.backends import Capabilities
from qml_dynamics.backends.base import Asked, Expected
from qml_dynamics.learning.ensembles.interference import _bonds
from qml_dynamics.results.rare import mean_seen, neighbours_of
from qml_dynamics.results.trajectory import Counts
from qml_dynamics.synthesis import ensembles as synthesis_of_ensembles

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def near_an_eigenstate(angle: float) -> tuple[qd.Problem, Any]:
    """One qubit, H = 2 Z, an ansatz that starts at this angle from |0>."""
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    ansatz = qd.ansatz.from_circuit(circuit, [angle])
    operator = SparsePauliOp(["Z"], [2.0])
    return qd.Problem.from_operator(operator, clock="imaginary", duration=0.01, initial=ansatz), ansatz


def test_measured_steps_of_a_variational_run() -> None:
    """P(1) = 1e-3 and 40 shots: most runs see |0> alone, and two errors hold the energy, 1.996."""
    problem, ansatz = near_an_eigenstate(2 * np.arcsin(np.sqrt(1e-3)))
    same = 0
    for seed in range(4):
        run = qd.evolve(problem, qd.Variational(ansatz, 1), backend="aer", shots=40, seed=seed)
        energy = run.expectations["energy"]
        same += float(energy.value[0]) == 2.0
        assert energy.stderr[0] >= 4 * np.sqrt(2) / 40 * 0.99  # two counts of what lies 4 below
        assert abs(energy.value[0] - 1.996) <= 2 * energy.stderr[0]
    assert same > 0


class Sure:
    """An estimator that tells exact values, and an error of 0 whatever the shots."""

    name, exact = "sure", False

    def __init__(self) -> None:
        self.inner = qd.backend("statevector")
        self.capabilities = Capabilities(exact=False, estimates=True)

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        return self.inner.probabilities(circuits)

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> Any:
        return self.inner.sample(circuits, shots, seeds)

    def states(self, pieces: Sequence[QuantumCircuit], on_step: Any) -> Iterator[np.ndarray]:
        raise qd.BackendError("It gives samples and estimates only.")

    def estimate(self, asked: Sequence[Asked], shots: int, seeds: Sequence[int]) -> list[Expected]:
        out = []
        for item in asked:
            (wave,) = self.inner.states([item.circuit], lambda done, total: None)
            value = np.array([np.vdot(wave, o.matrix() @ wave).real for o in item.operators])
            out.append(Expected(value, np.zeros(len(value))))
        return out

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


def test_estimates_that_come_without_an_error() -> None:
    """The least error is that of one string that turned its sign; a constant has none."""
    operator = SparsePauliOp(["ZI", "XX", "II"], [0.5, -0.3, 1.0])
    problem = qd.Problem.from_operator(operator, clock="real", duration=0.5)
    identity = SparsePauliOp(["II"], [1.0])
    run = qd.evolve(problem, qd.Trotter(4), backend=Sure(), shots=400, observables={"one": identity})
    energy = run.expectations["energy"]
    assert run.diagnostics["estimated"]
    assert energy.stderr == pytest.approx(2 * 0.5 * np.sqrt(2) / 400, rel=1e-2)
    assert run.expectations["one"].stderr == pytest.approx(0.0)
    assert run.expectations["one"].value == pytest.approx(1.0)


@pytest.mark.parametrize("momenta", [False, True])
def test_points_of_the_classical_clock(momenta: bool) -> None:
    """A start of which two points hold all but 2e-4: ten samples see one of them, and another was possible."""
    grid = qd.Grid((-2, 2), 3)
    psi = np.sqrt(np.array([0, 0, 1e-4, 1e-4, 0.9998, 0, 0, 0]))
    swing = qd.Problem(
        grid, lambda w: w[:, 0] ** 2 + w[:, 0], 0.5, clock="classical", duration=0.05, initial=qd.State(psi)
    )
    seen = {"x": lambda w: w[:, 0]}
    if momenta:
        method: Any = qd.KoopmanVonNeumann(2)
        run = qd.evolve(swing, method, backend="aer", shots=2, seed=1, observables=seen)
    else:
        run = qd.evolve(swing, qd.HamiltonJacobi(2), shots=10, seed=1, observables=seen)
        assert run.expectations["x"].value[0] == pytest.approx(0.0, abs=0.3)
    for name in ("objective", "x"):
        assert (run.expectations[name].stderr > 0).all(), name


def test_phases_of_bonds() -> None:
    """A bond whose outcomes were not seen has the error of two counts, not of none."""
    grid = qd.Grid((0, 1), 2)
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    tests = synthesis_of_ensembles.bond_circuits(circuit, grid, 0)
    nothing = [np.zeros(grid.size) for _ in range(2 * len(tests))]
    _, spread = _bonds(grid, 0, tests, nothing, 100)
    assert spread == pytest.approx(np.sqrt(2) / 200)
    every = [np.full(grid.size, 1 / grid.size) for _ in nothing]
    assert (_bonds(grid, 0, tests, every, 100)[1] > spread).all()


@pytest.mark.parametrize(
    ("boundary", "corner", "edge"), [("walls", [1, 8], [1, 3, 10]), ("periodic", [1, 7, 8, 24], [1, 3, 10, 26])]
)
def test_neighbours_at_the_edge(boundary: str, corner: list[int], edge: list[int]) -> None:
    """Across the seam of a ring, and not through a wall; axes of different lengths."""
    grid = qd.Grid([(0, 1), (0, 1)], (2, 3), boundary=boundary)
    assert neighbours_of(grid, 0).tolist() == corner
    assert neighbours_of(grid, 2).tolist() == edge
    assert neighbours_of(grid, 31).tolist() == sorted(31 - k for k in corner)


@pytest.mark.parametrize(("boundary", "far"), [("walls", 1), ("periodic", 7)])
def test_what_was_not_seen_at_the_edge(boundary: str, far: int) -> None:
    """All samples at the first of eight points: two counts of the neighbour whose value is furthest, which a ring has across its seam."""
    grid = qd.Grid((0, 1), 3, boundary=boundary)
    mean, error = mean_seen(grid, Counts(np.array([0]), np.array([100])), lambda index: index.astype(float))
    assert mean == 0.0
    assert error == pytest.approx(far * np.sqrt(2) / 100)
