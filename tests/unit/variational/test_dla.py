"""Dimensions of dynamical Lie algebras (T26)."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.variational import ansatz
from qml_dynamics.methods.variational.ansatz.dla import TrappedAnsatzWarning, dla_dimension
from qml_dynamics.model.domains import Grid
from qml_dynamics.model.problem import Problem


def chain(n: int, layers: int, entangler: str) -> ansatz.CircuitAnsatz:
    t = iter(ParameterVector("t", n * (layers + 1)))
    circuit = QuantumCircuit(n)
    for layer in range(layers + 1):
        for q in range(n):
            circuit.ry(next(t), q)
        if layer < layers:
            for q in range(n - 1):
                getattr(circuit, entangler)(q, q + 1)
    return ansatz.from_circuit(circuit)


@pytest.mark.parametrize(("n", "dimension"), [(3, 12), (4, 20), (5, 30), (6, 42)])
def test_a_chain_of_cz_is_trapped(n: int, dimension: int) -> None:
    with pytest.warns(TrappedAnsatzWarning, match=f"dimension {dimension} of the {2**n * (2**n - 1) // 2}"):
        assert dla_dimension(chain(n, 3, "cz")) == dimension
    with pytest.warns(TrappedAnsatzWarning):
        assert dla_dimension(chain(n, 8, "cz")) == dimension


@pytest.mark.parametrize("n", [3, 4, 5])
def test_a_chain_of_cx_is_not(n: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dla_dimension(chain(n, 3, "cx")) == 2**n * (2**n - 1) // 2
        assert dla_dimension(ansatz.hardware_efficient(2), num_qubits=n) == 2**n * (2**n - 1) // 2


def test_general_generators_by_linear_algebra() -> None:
    """exp(-i a sum X), exp(-i b sum ZZ) of two qubits against the closure of their matrices; a full ansatz; a quartic loss."""
    t = ParameterVector("t", 2)
    circuit = QuantumCircuit(2)
    circuit.rzz(t[1], 0, 1)
    circuit.crx(t[0], 0, 1)  # generator X - ZX: no single string
    with pytest.warns(TrappedAnsatzWarning):
        assert dla_dimension(ansatz.from_circuit(circuit)) == 4  # ZZ, X - ZX, Y - ZY and IZ: closes
    quartic = Problem(Grid((-2, 2), 3), lambda w: w[:, 0] ** 4 + 0.2 * w[:, 0], 0.5, clock="real", duration=1.0)
    assert dla_dimension(ansatz.hamiltonian(2), quartic) == 63


def test_wrong_use() -> None:
    with pytest.raises(MethodError, match="problem"):
        dla_dimension(ansatz.hardware_efficient(2))
    with pytest.raises(MethodError, match="between 1 and 8"):
        dla_dimension(ansatz.hardware_efficient(2), num_qubits=9)
    with pytest.raises(MethodError, match="ansatz"):
        dla_dimension(np.eye(2))
