"""Cells that the matrix found wrong, each by its smallest case."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from registry_table import GAUSSIAN

import qml_dynamics as qd
from qml_dynamics.conformance.cells import standard_problem
from qml_dynamics.conformance.recording import Recorder, sent
from qml_dynamics.methods.from_samples import Planned, plan_batch


def test_a_bridge_meets_its_end_with_a_saved_time_inside_a_step() -> None:
    """The factors are found with the steps that the run takes."""
    problem = standard_problem("walls", "imaginary", moving=False).replace(diffusion=0.8)
    run = qd.evolve(problem, qd.SchrodingerBridge(GAUSSIAN, qd.SplitStep(3)), save=[0.0, 0.23, 0.8])
    wanted = np.abs(GAUSSIAN.vector(problem.domain)) ** 2
    assert np.abs(run.density[-1] - wanted).max() < 1e-8
    assert np.abs(run.density[0] - wanted).max() > 0.05


def test_a_bridge_is_refused_where_its_kernel_is_not_positive() -> None:
    """With flux ``exp(-H t)`` is complex, and a product of its real parts would be no density of it."""
    problem = standard_problem("flux", "imaginary", moving=False)
    with pytest.raises(
        qd.MethodError, match=r"^Argument `method` must run on a grid with flux, but is SchrodingerBridge"
    ):
        qd.evolve(problem, qd.SchrodingerBridge(GAUSSIAN))


def test_an_error_budget_compares_equals_only() -> None:
    """A bridge does not solve the problem from its initial wave."""
    problem = standard_problem("periodic", "imaginary", moving=False)
    with pytest.raises(
        qd.MethodError, match="for an error budget, but is SchrodingerBridge, which has an end of its own"
    ):
        qd.error_budget(problem, qd.SchrodingerBridge(GAUSSIAN))


def test_the_cost_of_qite_counts_the_step_that_a_saved_time_cuts() -> None:
    """One round of measurements more, and as many circuits as are sent; the price itself sends none."""
    matrix = np.array([[0.5, 0.2, 0.0, 0.1], [0.2, -0.3, 0.4, 0.0], [0.0, 0.4, 0.1, 0.3], [0.1, 0.0, 0.3, -0.6]])
    problem = qd.Problem.from_operator(matrix, clock="imaginary", duration=0.4)
    told = []
    for save in ([0.0, 0.4], [0.0, 0.1, 0.4]):
        recorder = Recorder(qd.backend("statevector"))
        estimate = qd.cost(problem, qd.QITE(2, 1), backend=recorder, shots=50, save=save)
        assert not recorder.circuits
        qd.evolve(problem, qd.QITE(2, 1), backend=recorder, shots=50, save=save, seed=1)
        assert (estimate.circuits, estimate.shots) == (sent(recorder).circuits, sent(recorder).shots)
        told.append(estimate.circuits)
    assert told[1] > told[0] * 1.5


def test_circuits_that_lack_the_ancillas_of_walls() -> None:
    """One sentence in place of an error of the circuit library."""
    problem = standard_problem("walls", "real")
    with pytest.raises(
        qd.BackendError, match=r"^Argument `circuits` must have at least 5 qubits on this domain, but is of 3\.$"
    ):
        plan_batch(problem, qd.hamiltonian(problem), [], Planned([QuantumCircuit(3)], {}))
