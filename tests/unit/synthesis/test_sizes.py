"""Sizes and depths without objects for gates are Qiskit's own, whatever a circuit holds."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import QFTGate
from qiskit.circuit.random import random_circuit

import qml_dynamics as qd
from qml_dynamics.synthesis.sizes import depth_of, size_of


@pytest.mark.parametrize("seed", range(12))
def test_counts_of_random_circuits_are_those_of_qiskit(seed: int) -> None:
    circuit = random_circuit(5, 20, max_operands=4, measure=seed % 2 == 0, reset=seed % 3 == 0, seed=seed)
    assert size_of(circuit) == circuit.size() > 20
    assert depth_of(circuit) == circuit.depth() >= 20


def test_counts_of_a_program_are_those_of_qiskit() -> None:
    problem = qd.Problem(
        qd.Grid((-2, 2), 4),
        qd.objectives.double_well(tilt=0.3),
        0.4,
        clock="real",
        duration=0.5,
        initial=qd.Gaussian(0.5, 0.4),
    )
    circuit = qd.circuits(problem, qd.Trotter(3))[-1]
    assert size_of(circuit) == circuit.size() > 100
    assert depth_of(circuit) == circuit.depth() > 50


def test_directives_and_gates_of_others_are_counted_as_qiskit_counts_them() -> None:
    """A barrier takes no time and holds two layers apart; a save of Aer is a directive too."""
    import qiskit_aer  # noqa: F401

    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.barrier()
    circuit.rz(0.2, 1)
    circuit.append(QFTGate(2), [0, 2])
    assert size_of(circuit) == circuit.size() == 3
    assert depth_of(circuit) == circuit.depth() == 2
    circuit.save_statevector()
    assert size_of(circuit) == circuit.size() == 3
    assert size_of(QuantumCircuit(2)) == depth_of(QuantumCircuit(2)) == 0
