"""Costs are what the circuits and references really take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import transpile

import qml_dynamics as qd


@pytest.fixture
def problem() -> qd.Problem:
    return qd.Problem(
        qd.Grid([(-3, 3), (-2, 4)], (4, 3)), lambda w: w[:, 0] ** 2 * w[:, 1], 0.5, clock="real", duration=1.0
    )


def test_counts_are_those_of_the_compiled_circuit_in_the_dual_basis(problem: qd.Problem) -> None:
    from qml_dynamics.synthesis.measure import in_dual_basis

    estimate = qd.cost(problem, qd.Trotter(3), backend="aer", shots=100, save=5)
    # saved times that are no ends of steps cut the steps, so that the circuit is another one than without them
    longest = in_dual_basis(problem.domain, qd.circuits(problem, qd.Trotter(3), times=5)[-1])
    assert longest.size() > 1.5 * qd.circuits(problem, qd.Trotter(3))[-1].size()
    compiled = transpile(longest, basis_gates=["cx", "rz", "sx", "x"], optimization_level=1, seed_transpiler=1)
    assert estimate.two_qubit_gates == compiled.count_ops()["cx"]
    assert estimate.gates == compiled.size()
    assert estimate.depth == compiled.depth()
    assert estimate.circuits == 10
    assert estimate.shots == 1000
    assert not estimate.upper_bound
    assert "10 circuits on 7 qubits" in str(estimate)


def test_walls_cost_one_ancilla_an_axis(problem: qd.Problem) -> None:
    walls = problem.replace(domain=qd.Grid([(-3, 3), (-2, 4)], (4, 3), boundary="walls"))
    assert qd.cost(walls, qd.Trotter(1)).qubits == 9


def test_long_circuits_are_bounded_from_above(problem: qd.Problem) -> None:
    long = qd.cost(problem, qd.Trotter(160))
    one, two = qd.cost(problem, qd.Trotter(1)), qd.cost(problem, qd.Trotter(2))
    per_step = two.two_qubit_gates - one.two_qubit_gates
    assert long.upper_bound
    assert long.two_qubit_gates == pytest.approx(one.two_qubit_gates + 159 * per_step, rel=0.01)


@pytest.mark.parametrize(
    ("order", "clock", "transforms"), [(1, "real", 20), (2, "imaginary", 20), (4, "real", 100), (4, "imaginary", 60)]
)
def test_references_count_their_transforms(
    problem: qd.Problem, monkeypatch: pytest.MonkeyPatch, order: int, clock: str, transforms: int
) -> None:
    from qml_dynamics.model.transforms import Transform

    calls = []
    for name, many in (("forward", 1), ("inverse", 1), ("filtered", 2)):  # filtered: there, a diagonal, and back
        original = getattr(Transform, name)

        def counted(self: Transform, *given: Any, original: Any = original, many: int = many) -> Any:
            before = len(calls)
            answer = original(self, *given)
            del calls[before:]  # what it calls itself is counted with it
            calls.extend([1] * many)
            return answer

        monkeypatch.setattr(Transform, name, counted)
    from qml_dynamics.methods import split_step

    timed = problem.replace(clock=clock)
    list(split_step.run(timed, qd.hamiltonian(timed), qd.SplitStep(10, order), [0.0, 1.0], lambda done, total: None))
    assert qd.cost(timed, qd.SplitStep(10, order)).transforms == len(calls) == transforms


def test_operators_cost_one_circuit_a_group() -> None:
    matrix = np.kron(np.array([[1, 2], [2, -1]]), np.array([[0, -1j], [1j, 0]]))
    problem = qd.Problem.from_operator(matrix, clock="real", duration=1.0)
    assert qd.cost(problem, qd.Trotter(2), shots=10).circuits == 2 * 3  # the weight basis, ZY and XY


def test_bad_arguments(problem: qd.Problem) -> None:
    with pytest.raises(qd.MethodError, match="must run on the imaginary clock"):
        qd.cost(problem.replace(clock="imaginary"), qd.Trotter(2))
    with pytest.raises(qd.MethodError, match="`shots` must be an integer"):
        qd.cost(problem, qd.Trotter(2), shots=-1)


def test_an_estimator_is_asked_beside_the_samples() -> None:
    from qiskit.primitives import StatevectorEstimator

    well = qd.Problem(qd.Grid((-2, 2), 4), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0)
    sampled = qd.cost(well, qd.Trotter(2), backend="statevector", shots=100)
    asked = qd.cost(well, qd.Trotter(2), backend=StatevectorEstimator(), shots=100)
    assert (sampled.circuits, asked.circuits) == (4, 8)
    assert asked.shots == 800


def test_circuits_wider_than_the_device_are_refused() -> None:
    import pennylane as qml

    well = qd.Problem(qd.Grid((-2, 2), 6), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0)
    for device in ("aer:noise=fake_manila", "ibm:fake_manila", qml.device("default.qubit", wires=3)):
        with pytest.raises(qd.BackendError, match=r"must have at least 6 qubits, but .* has [35]"):
            qd.cost(well, qd.Trotter(2), backend=device, shots=100)
    for device in ("aer:noise=fake_manila", qml.device("default.qubit", wires=5), "pennylane:default.qubit", "aer"):
        assert qd.cost(well.replace(domain=qd.Grid((-2, 2), 5)), qd.Trotter(2), backend=device, shots=100).qubits == 5
