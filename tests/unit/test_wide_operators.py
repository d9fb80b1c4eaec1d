"""Operators on 64 qubits and more: labels, products, commutation, circuits and cost; what needs a wave is refused by memory."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.methods.variational.engine.gates import commuting_groups
from qml_dynamics.methods.variational.measured.readings import squared
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.pauli import PauliSum, pauli_sum
from qml_dynamics.results.observables import Observable, pauli_groups
from qml_dynamics.runs.observables import describe_observables, read_observables


def chain(n: int) -> dict[str, float]:
    """An Ising chain whose every coefficient differs, with a Y at each end."""
    bonds = {f"Z{i} Z{i + 1}": -1.0 - 0.01 * i for i in range(n - 1)}
    return bonds | {f"X{i}": -0.5 for i in range(n)} | {f"Y0 Y{n - 1}": 0.25}


@pytest.mark.parametrize("n", [62, 63, 64, 65, 100])
def test_labels_are_qiskits(n):
    """Across the width of a machine word, from text, from Qiskit, and after a copy onto a wider register."""
    operator = pauli_sum(chain(n))
    assert len(operator.labels) == 2 * n
    again = pauli_sum(SparsePauliOp(operator.labels, operator.coefficients))
    assert again.labels == operator.labels
    np.testing.assert_array_equal(again.coefficients, operator.coefficients)
    assert "Y" + "I" * (n - 2) + "Y" in operator.labels
    assert pauli_sum("1 [X0]").on(n).labels == ["I" * (n - 1) + "X"]


@pytest.mark.parametrize("n", [63, 64, 100])
def test_products_and_commutation(n):
    """The square against Qiskit's; groups that commute; bases that measure all terms."""
    operator = pauli_sum({"X0 Z1": 2.0, f"Y{n - 1}": -1.0, f"X{n - 1} Y1": 0.5, "Z0": 3.0})
    theirs = SparsePauliOp(operator.labels, operator.coefficients)
    wanted = (theirs @ theirs).simplify()
    mine = squared(operator)
    assert dict(zip(mine.labels, mine.coefficients)) == pytest.approx(
        dict(zip(wanted.paulis.to_labels(), wanted.coeffs.real))
    )
    groups = commuting_groups(operator)
    paulis = theirs.paulis
    assert len(groups) > 1
    assert all(paulis[i].commutes(paulis[j]) for group in groups for i in group for j in group)
    assert sum(len(group.terms.labels) for group in pauli_groups(operator)) == 4


@pytest.mark.parametrize("n", [64, 100])
def test_circuits_and_cost(n):
    """A product formula, a random one, a start in a basis state; the cost is that of the circuits."""
    problem = qd.Problem.from_operator(chain(n), clock="real", duration=0.5)
    circuit = qd.circuits(problem, qd.Trotter(2, order=2))[-1]
    assert circuit.num_qubits == n
    assert circuit.count_ops()["h"] >= n
    assert qd.circuits(problem, qd.QDrift(10), seed=1)[-1].num_qubits == n
    corner = problem.replace(initial=qd.PointMass([1] + [-1] * (n - 1)))
    start = qd.circuits(corner, qd.Trotter(1))[0]
    assert start.data[0].operation.name == "x"
    assert start.find_bit(start.data[0].qubits[0]).index == n - 1
    cost = qd.cost(problem, qd.Trotter(2, order=1))
    assert f"on {n} qubits" in str(cost)


def test_what_needs_a_wave_is_refused_by_memory():
    """In one line, before anything is allocated."""
    problem = qd.Problem.from_operator(chain(100), clock="imaginary", duration=0.5)
    asks = [
        lambda: qd.evolve(problem, qd.Krylov()),
        lambda: qd.evolve(problem.replace(clock="real"), qd.Trotter(2)),
        lambda: hamiltonian(problem).ground_state(),
        lambda: hamiltonian(problem).matrix(),
        lambda: qd.Uniform().vector(problem.domain),
        lambda: problem.domain.points,
        lambda: pauli_sum({"X0": 1.0}, num_qubits=1000).matrix(),
    ]
    for ask in asks:
        with pytest.raises(MethodError, match=r"^[^\n]* needs [^\n]* of memory, but [^\n]* are available\.$"):
            ask()
    with pytest.raises(ProblemError, match="num_weights"):
        qd.Problem.from_operator({"X0": 1.0}, num_qubits=2000, clock="real", duration=1.0)


def test_wide_operators_are_stored(tmp_path):
    """In a problem file and among the observables of a run folder, whose arrays hold no objects."""
    problem = qd.Problem.from_operator(chain(70), clock="real", duration=0.5)
    path = qd.write_problem(problem, tmp_path / "problem.toml")
    assert qd.read_problem(path).problem.operator.labels == problem.operator.labels
    spec, arrays = describe_observables([Observable("o", "operator", terms=problem.operator)], problem.domain)
    np.savez(tmp_path / "o.npz", **arrays)
    with np.load(tmp_path / "o.npz", allow_pickle=False) as stored:
        again = read_observables(spec, dict(stored), problem.domain)["o"]
    assert isinstance(again, PauliSum)
    assert again.labels == problem.operator.labels
