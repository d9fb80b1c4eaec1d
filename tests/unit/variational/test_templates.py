"""Templates of PennyLane as ansaetze, against its own states at two points; and circuits of Qiskit that used to be misread."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, ControlModifier, InverseModifier, Parameter
from qiskit.circuit.library import HamiltonianGate, RVGate
from qiskit.quantum_info import Statevector, random_clifford

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.variational.ansatz import from_circuit, from_pennylane

RNG = np.random.default_rng(4)
W = range(3)
DIAGONAL = qml.Hamiltonian([0.3, -0.7, 0.2], [qml.Z(0) @ qml.Z(1), qml.Z(1) @ qml.Z(2), qml.Z(0)])
MIXED = qml.Hamiltonian([0.3, -0.7, 0.2, 0.5], [qml.Z(0) @ qml.Z(1), qml.X(1) @ qml.Y(2), qml.X(0), qml.I(0)])
DRIVER = qml.Hamiltonian([1.0, 1.0, 1.0], [qml.X(i) for i in W])


def start() -> None:
    for i in W:
        qml.RY(0.3 + i, i)


def entangling(w):
    start()
    qml.StronglyEntanglingLayers(w, W)


def basic(w):
    qml.BasicEntanglerLayers(w, W, rotation=qml.RY)


def angles(x):
    qml.AngleEmbedding(x, W, rotation="Y")
    qml.CNOT([0, 1])


def approximate(t):
    start()
    qml.ApproxTimeEvolution(MIXED, t, 2)


def trotter_2(t):
    start()
    qml.TrotterProduct(MIXED, t, n=2, order=2)


def trotter_4(t):
    start()
    qml.TrotterProduct(MIXED, t, n=1, order=4)


def layers_of_qaoa(gamma, alpha):
    start()
    qml.qaoa.cost_layer(gamma, DIAGONAL)
    qml.qaoa.mixer_layer(alpha, DRIVER)


def coupled_cluster(w):
    qml.UCCSD(w, W, s_wires=[[0, 1, 2]], d_wires=[], init_state=np.array([1, 0, 0]))


def commuting(t):
    start()
    qml.evolve(DIAGONAL, t)


def backwards(w):
    start()
    qml.adjoint(qml.StronglyEntanglingLayers)(w, W)


def controlled(w):
    start()
    qml.ctrl(qml.BasicEntanglerLayers, control=2)(w, [0, 1])


def bits_on_the_way(t):
    qml.RX(t, 1)
    qml.BasisState(np.array([1, 0, 1]), W)
    qml.RY(t, 0)


TEMPLATES = [
    (entangling, [RNG.normal(size=(2, 3, 3))]),
    (basic, [RNG.normal(size=(2, 3))]),
    (angles, [RNG.normal(size=3)]),
    (approximate, [0.4]),
    (trotter_2, [0.4]),
    (trotter_4, [0.4]),
    (layers_of_qaoa, [0.3, 0.5]),
    (coupled_cluster, [RNG.normal(size=1)]),
    (commuting, [0.4]),
    (backwards, [RNG.normal(size=(1, 3, 3))]),
    (controlled, [RNG.normal(size=(1, 2))]),
    (bits_on_the_way, [0.4]),
]


@pytest.mark.parametrize(("function", "arguments"), TEMPLATES, ids=lambda each: getattr(each, "__name__", ""))
def test_templates_are_read(function, arguments):
    """The state at the start and at another point is PennyLane's, phase included up to the whole circuit's."""
    ansatz = from_pennylane(function, *arguments)
    node = qml.QNode(lambda *x: (function(*x), qml.state())[1], qml.device("default.qubit", wires=3))
    moved = [np.asarray(x) + 0.37 for x in arguments]
    flat = np.concatenate([np.ravel(x) for x in moved])
    states = [np.asarray(node(*x)) for x in (arguments, moved)]
    assert abs(np.vdot(*states)) < 0.99
    assert abs(np.vdot(ansatz.state(), states[0])) == pytest.approx(1.0, abs=1e-10)
    assert abs(np.vdot(ansatz.state(flat), states[1])) == pytest.approx(1.0, abs=1e-10)


def noisy(t):
    qml.RX(t, 0)
    qml.AmplitudeDamping(0.1, 0)


def noisy_by_an_argument(t):
    qml.RX(0.1, 0)
    qml.DepolarizingChannel(t, 0)


def kraus(t):
    qml.RX(t, 0)
    qml.QubitChannel([np.eye(2)], 0)


def prepared_late(t):
    qml.RX(t, 0)
    qml.StatePrep(np.array([0.6, 0.8]), 0)


def not_commuting(t):
    qml.evolve(MIXED, t)


def observed_in_the_middle(t):
    qml.RX(t, 0)
    qml.Hamiltonian([1.0, 2.0], [qml.X(0), qml.Z(0)])


def mixed_start(t):
    qml.QubitDensityMatrix(np.diag([1.0, 0.0]), wires=0)
    qml.RX(t, 1)


def without_work_wires(t):
    qml.MPSPrep([np.eye(2), np.ones((2, 2, 2)) / 2, np.eye(2)], wires=W)
    qml.RX(t, 1)


def prepared_from_an_argument(t):
    qml.MottonenStatePreparation(np.array([np.cos(t), 0, 0, np.sin(t)]), [0, 1])


def gates_where_an_argument_is_positive(t):
    for _ in range(1 + int(t > 0)):
        qml.RX(t, 0)


def another_gate_far_away(t):
    qml.RX(t, 0)
    (qml.X if t > 1.7 else qml.Y)(1)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (another_gate_far_away, "real angles as its only parameters, but has PauliY on wires"),
        (mixed_start, "with a matrix or gates, but has a QubitDensityMatrix on wires"),
        (without_work_wires, "has a MPSPrep on wires"),
        (prepared_from_an_argument, "the same gates for all arguments|affine functions of its arguments"),
        (gates_where_an_argument_is_positive, "must have the same gates for all arguments"),
        (observed_in_the_middle, "must be unitary, but has a LinearCombination on wires"),
        (noisy, "has a AmplitudeDamping on wires"),
        (noisy_by_an_argument, "has a DepolarizingChannel on wires"),
        (kraus, "has a QubitChannel on wires"),
        (prepared_late, "has a StatePrep on wires"),
        (not_commuting, "has Evolution on wires"),
    ],
)
def test_what_is_no_unitary_template_is_named(function, words):
    """Channels, late preparations, exact evolutions without a finite circuit."""
    with pytest.raises(MethodError, match=words):
        from_pennylane(function, 0.4)


@pytest.mark.parametrize(
    "gate", [RVGate(Parameter("a"), 0.2, 0.3), HamiltonianGate(np.diag([1.0, 2.0]), Parameter("a"))]
)
def test_gates_that_are_made_from_numbers_alone_are_named(gate):
    circuit = QuantumCircuit(1)
    circuit.append(gate, [0])
    with pytest.raises(
        MethodError, match=f"has '{gate.name}' on qubits .*: a gate with parameters and without a definition"
    ):
        from_circuit(circuit)


P, R = Parameter("p"), Parameter("r")


def inner(*angles: object) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.rx(angles[0], 0)
    circuit.cx(0, 1)
    circuit.rz(angles[1], 1)
    return circuit


def annotated(*angles: object) -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.ry(P, 1)
    circuit.h(0)
    circuit.append(AnnotatedOperation(inner(*angles).to_gate(), [InverseModifier(), ControlModifier(1)]), [0, 1, 2])
    return circuit


def wide_clifford(n: int) -> QuantumCircuit:
    circuit = QuantumCircuit(n)
    circuit.ry(P, 0)
    circuit.append(random_clifford(n, seed=1), range(n))
    return circuit


@pytest.mark.parametrize(
    "circuit",
    [annotated(0.3, 0.7), annotated(P, R), pytest.param(wide_clifford(11), marks=pytest.mark.slow)],
    ids=["annotated and fixed", "annotated with parameters", "a Clifford on 11 qubits"],
)
def test_composite_operations_are_read(circuit):
    """Against Qiskit's own state."""
    values = [0.4, -0.9][: circuit.num_parameters]
    wanted = Statevector(circuit.assign_parameters(values)).data
    assert abs(np.vdot(from_circuit(circuit, values).state(), wanted)) == pytest.approx(1.0, abs=1e-10)
    assert np.abs(wanted).max() < 0.99


def test_measurements_with_delays_after_them_are_at_the_end():
    """A delay does nothing to a state; a gate after a measurement is still refused."""
    circuit = QuantumCircuit(2, 2)
    circuit.ry(P, 0)
    circuit.delay(50, 1)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    circuit.delay(100, 0)
    ansatz = from_circuit(circuit, [0.6])
    np.testing.assert_allclose(ansatz.state(), [np.cos(0.3), 0, 0, np.sin(0.3)], atol=1e-11)
    assert "measure" not in ansatz.circuit().count_ops()
    circuit.h(0)
    with pytest.raises(MethodError, match="has a measure on qubits"):
        from_circuit(circuit, [0.6])


def test_an_angle_without_a_value_is_named():
    """``p p / p`` is p but at 0, where Qiskit has no value for it."""
    circuit = QuantumCircuit(1)
    circuit.ry(P * P / P, 0)
    np.testing.assert_allclose(from_circuit(circuit, [0.5]).state(), [np.cos(0.25), np.sin(0.25)], atol=1e-11)
    with pytest.raises(
        MethodError, match=r"^Argument `circuit` must have angles with a value, but p\*p/p at p = 0 has none"
    ):
        from_circuit(circuit).state()
