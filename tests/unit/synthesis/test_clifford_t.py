"""T gates of circuits by law, against sequences that are really synthesised."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator
from qiskit.synthesis import gridsynth_rz

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.evolution import circuits
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.methods.trotter import Trotter
from qml_dynamics.model.domains import Grid
from qml_dynamics.model.problem import Problem
from qml_dynamics.synthesis.clifford_t import LAWS, fault_tolerant
from qml_dynamics.synthesis.measure import BASIS, WHOLE, compiled_parts, in_dual_basis
from qml_dynamics.validation.resources import cost

WELL = Problem(Grid((-2, 2), 3), lambda w: 8 * (w[:, 0] ** 2 - 1) ** 2, 0.5, clock="real", duration=0.1)


def synthesised(circuit: QuantumCircuit, each: float) -> tuple[QuantumCircuit, int]:
    """The circuit in Clifford gates and T, and how many T gates it has."""
    (compiled,) = compiled_parts(circuit, BASIS, WHOLE)
    out = compiled.copy_empty_like()
    for item in compiled.data:
        if item.operation.name != "rz":
            out.append(item)
            continue
        angle = float(item.operation.params[0])
        eighths = round(angle / (np.pi / 4))
        if abs(angle - eighths * np.pi / 4) > 1e-9:
            out.compose(gridsynth_rz(angle, each), item.qubits, inplace=True)
            continue
        for name in {0: (), 1: ("t",), 2: ("s",), 3: ("s", "t")}[eighths % 4]:
            getattr(out, name)(item.qubits[0])
        if eighths % 8 >= 4:
            out.z(item.qubits[0])
    names = out.count_ops()
    return out, int(names.get("t", 0)) + int(names.get("tdg", 0))


@pytest.mark.parametrize("error", [1e-3, 1e-8])
def test_the_law_is_that_of_the_sequences(error):
    """Within five percent, and the sequences are within the stated error of the circuit."""
    circuit = circuits(WELL, Trotter(2))[-1]
    told = fault_tolerant(circuit, error)
    made, count = synthesised(circuit, told.error_each)
    assert told.rotations > 20
    assert told.t_count == pytest.approx(count, rel=0.05)
    a, b = Operator(made).data, Operator(circuit).data
    overlap = np.trace(a.conj().T @ b)
    assert np.linalg.norm(a * (overlap / abs(overlap)) - b, 2) <= error


def test_multiples_of_an_eighth_of_a_turn_are_exact():
    """Clifford angles cost nothing, odd multiples of pi/4 one T each, and no error is shared out to them."""
    circuit = QuantumCircuit(2)
    for k in range(8):
        circuit.rz(k * np.pi / 4, k % 2)
        circuit.cx(0, 1)
        circuit.h(1)
    told = fault_tolerant(circuit, 1e-6)
    assert (told.rotations, told.t_count, told.t_depth, told.qubits) == (0, 4, 4, 2)
    assert told.error_each == 1e-6


def test_depth_follows_the_wires():
    """Rotations on different qubits stand beside each other, those behind a CX follow both of its qubits."""
    circuit = QuantumCircuit(3)
    for q in range(3):
        circuit.rz(0.1 * (q + 1), q)
    side = fault_tolerant(circuit, 3e-6)
    assert side.t_count == pytest.approx(3 * side.t_depth, abs=2)
    circuit.cx(0, 1)
    circuit.rz(0.4, 1)
    circuit.cx(1, 2)
    circuit.rz(0.5, 2)
    behind = fault_tolerant(circuit, 5e-6)
    assert behind.t_count == pytest.approx(5 * behind.t_depth / 3, abs=2)


def test_repeat_until_success_takes_fewer_and_an_ancilla():
    """Its own law: about half of the T gates below 1e-8."""
    circuit = circuits(WELL, Trotter(1))[-1]
    plain, other = (fault_tolerant(circuit, 1e-8, name) for name in LAWS)
    assert other.qubits == plain.qubits + 1
    assert other.rotations == plain.rotations
    assert 0.4 < other.t_count / plain.t_count < 0.6
    assert other.synthesis == "repeat_until_success"
    assert other.t_depth < plain.t_depth


def test_cost_tells_the_longest_circuit():
    """That of the last time with the transform to the dual basis, for the error that is given, and in its text."""
    found = cost(WELL, Trotter(2), synthesis_error=1e-4)
    assert cost(WELL, Trotter(2)).fault_tolerant is None
    sent = in_dual_basis(WELL.domain, circuits(WELL, Trotter(2))[-1])
    assert found.fault_tolerant == fault_tolerant(sent, 1e-4)
    assert f"{found.fault_tolerant.t_count:,} T gates" in str(found)
    less = cost(WELL, Trotter(2), synthesis_error=1e-2, synthesis="repeat_until_success").fault_tolerant
    assert less.t_count < found.fault_tolerant.t_count


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (Trotter(2), {"synthesis_error": 0.0}, "Argument `synthesis_error` must be a positive"),
        (
            Trotter(2),
            {"synthesis_error": 1e-3, "synthesis": "gridsynt"},
            "Argument `synthesis` must be one of gridsynth",
        ),
        (
            Trotter(2),
            {"synthesis_error": 1e-200},
            "Argument `synthesis_error` must be between 1e-100 and 1, but is 1e-200",
        ),
        (Trotter(2), {"synthesis_error": 1.5}, "Argument `synthesis_error` must be between 1e-100 and 1, but is 1.5"),
        (SplitStep(2), {"synthesis_error": 1e-3}, "Argument `synthesis_error` must be None where no circuit runs"),
    ],
)
def test_what_cannot_be_counted_is_refused(method, options, message):
    with pytest.raises(MethodError) as error:
        cost(WELL, method, **options)
    assert str(error.value).startswith(message)
