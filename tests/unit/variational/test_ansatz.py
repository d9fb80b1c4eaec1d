"""Circuits read and built: states equal Qiskit's, gradients equal finite differences, what cannot be differentiated is named."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter, ParameterVector
from qiskit.circuit.library import CRYGate, PauliEvolutionGate, RGate, RXGate, XXPlusYYGate
from qiskit.quantum_info import SparsePauliOp, Statevector, random_unitary

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.variational import ansatz
from qml_dynamics.methods.variational.engine.tangent import Engine
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian, PointMass
from qml_dynamics.model.problem import Problem

T = ParameterVector("t", 6)
A = Parameter("alpha")


def everything() -> QuantumCircuit:
    circuit = QuantumCircuit(4, global_phase=2 * T[0] + 0.2)
    circuit.h(0)
    circuit.ry(T[0], 0)
    circuit.rx(2 * T[0] + 0.3, 1)
    circuit.crx(T[1], 0, 3)
    circuit.cp(T[1] * T[2], 1, 2)
    circuit.append(CRYGate(T[3], ctrl_state=0), [2, 0])
    circuit.u(T[3], A, T[1] - A, 2)
    circuit.cu(T[0], T[1], T[2], A, 3, 1)
    circuit.rzx(T[4].sin() * A, 1, 3)
    circuit.unitary(random_unitary(8, seed=1), [0, 2, 3])
    circuit.append(PauliEvolutionGate(SparsePauliOp(["ZZI", "IZZ", "ZII"], [1, 0.5, -0.3]), time=T[5] * 0.5), [3, 0, 1])
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XX", "ZI"], [1, 0.5]), time=T[5]), [3, 0])
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XX", "ZI"], [1, 0.5]), time=0.3), [2, 0])
    circuit.append(RXGate(T[2]).control(2, annotated=False), [0, 1, 2])
    circuit.append(RXGate(T[4]).control(2, ctrl_state=1, annotated=True).inverse(annotated=True), [3, 1, 2])
    circuit.ccx(0, 1, 2)
    circuit.swap(1, 3)
    circuit.append(XXPlusYYGate(T[1], A), [0, 1])
    circuit.append(RGate(T[0], A), [2])
    circuit.mcp(T[3], [0, 1, 2], 3)
    circuit.rxx(T[0], 0, 1)
    circuit.ryy(A, 1, 3)
    circuit.rzz(A * A, 0, 3)
    circuit.iswap(0, 3)
    part = QuantumCircuit(2, name="part")
    part.ry(T[2], 0)
    part.cx(0, 1)
    part.rz(T[3] / 2, 1)
    circuit.append(part.to_instruction(), [3, 1])
    circuit.append(part.to_gate(), [0, 2])
    circuit.barrier()
    return circuit


def test_every_gate_state_and_metric() -> None:
    circuit = everything()
    theta = np.random.default_rng(3).normal(size=circuit.num_parameters)
    read = ansatz.from_circuit(circuit, theta)
    assert list(read.program.names) == [p.name for p in circuit.parameters]
    opened = circuit.decompose(
        gates_to_decompose=["PauliEvolution"]
    )  # non-commuting terms by their synthesis, as on a device
    psi = Statevector(opened.assign_parameters(theta)).data
    np.testing.assert_allclose(read.state(), psi, atol=1e-12)
    at = [np.array([read.state(theta + 1e-3 * k * d) for d in np.eye(len(theta))]) for k in (-2, -1, 1, 2)]
    slopes = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / 12e-3  # order four: rounding over 1e-3 stays below 1e-9
    tangents = slopes - np.outer(slopes @ psi.conj(), psi)
    engine = Engine(read.program)
    engine.forward(theta)
    metric = engine.geometry(np.zeros(16, dtype=complex)).metric
    np.testing.assert_allclose(metric, (tangents.conj() @ tangents.T).real, atol=1e-7)
    assert np.linalg.matrix_rank(metric, tol=1e-6) == 7


def test_parameters_stand_in_the_order_of_the_circuit() -> None:
    first, second = Parameter("b"), Parameter("a")
    circuit = QuantumCircuit(1)
    circuit.ry(first, 0)
    circuit.rz(second, 0)
    read = ansatz.from_circuit(circuit, [0.4, 0.9])  # sorted by name: a, b
    np.testing.assert_allclose(
        read.state(), Statevector(circuit.assign_parameters({second: 0.4, first: 0.9})).data, atol=1e-11
    )
    swapped = Statevector(circuit.assign_parameters({first: 0.4, second: 0.9})).data
    assert np.abs(read.state() - swapped).max() > 0.1


def broken(kind: str) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    circuit.ry(T[0], 0)
    if kind == "measure":
        circuit.measure(0, 0)
        circuit.ry(T[1], 0)
    elif kind == "reset":
        circuit.reset(0)
    elif kind == "if_else":
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(0)
    else:
        circuit.append(Gate("foo", 2, [T[1]]), [0, 1])
    return circuit


@pytest.mark.parametrize("kind", ["measure", "reset", "if_else", "foo"])
def test_what_cannot_be_differentiated_is_named(kind: str) -> None:
    with pytest.raises(MethodError, match=kind):
        ansatz.from_circuit(broken(kind))


def test_final_measurements_and_preparations_are_allowed() -> None:
    circuit = QuantumCircuit(2)
    circuit.initialize([0.6, 0, 0.8, 0])
    circuit.ry(T[0], 0)
    circuit.measure_all()
    c, s = np.cos(0.15), np.sin(0.15)
    np.testing.assert_allclose(
        np.abs(ansatz.from_circuit(circuit).state([0.3])), [0.6 * c, 0.6 * s, 0.8 * c, 0.8 * s], atol=1e-12
    )
    assert abs(c - s) > 0.1


@pytest.mark.parametrize(
    ("theta0", "match"), [([1.0], "7 parameters"), ([np.nan] * 7, "finite"), ("x", "sequence of numbers")]
)
def test_wrong_parameters(theta0: object, match: str) -> None:
    with pytest.raises(MethodError, match=match):
        ansatz.from_circuit(everything(), theta0)


def test_wrong_descriptions() -> None:
    with pytest.raises(MethodError, match="QuantumCircuit"):
        ansatz.from_circuit("circuit")
    with pytest.raises(MethodError, match="rotations"):
        ansatz.hardware_efficient(2, ("cz",))
    with pytest.raises(MethodError, match="layers"):
        ansatz.hamiltonian(0)
    identity = Problem.from_operator(np.eye(4), clock="real", duration=1.0)
    with pytest.raises(MethodError, match="besides the identity"):
        ansatz.hamiltonian(2).bind(identity, hamiltonian(identity))


def loss(w: np.ndarray) -> np.ndarray:
    return (w**2).sum(axis=1) + 0.3 * w[:, 0]


def problems(clock: str) -> list[Problem]:
    operator = SparsePauliOp(["ZZI", "IXI", "YYX", "XII"], [1, 0.5, 0.3, 0.2])
    vector = np.random.default_rng(4).normal(size=8)
    return [
        Problem(Grid((-2, 1), 4), loss, 0.3, clock=clock, duration=1.0, initial=Gaussian(-0.4, 0.5, 1.0)),
        Problem(Grid([(-2, 1), (0, 1)], (2, 3)), loss, 0.3, clock=clock, duration=1.0),
        Problem(Grid((-2, 1), 3, boundary="walls"), loss, 0.3, clock=clock, duration=1.0, initial=Gaussian(-0.4, 0.5)),
        Problem(Hypercube(3), loss, 0.3, clock=clock, duration=1.0, initial=PointMass([1, -1, 1])),
        Problem.from_operator(operator, clock=clock, duration=1.0, initial=vector),
    ]


@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize(
    "made",
    [
        ansatz.hamiltonian(2),
        ansatz.hamiltonian(3, separate=True),
        ansatz.hardware_efficient(2, ("ry", "rz")),
        ansatz.bare(),
    ],
    ids=["hamiltonian", "separate", "hardware", "bare"],
)
def test_circuits_equal_the_engine_and_start_in_the_initial_wave(clock: str, number: int, made: object) -> None:
    problem = problems(clock)[number]
    program = made.bind(problem, hamiltonian(problem))
    engine = Engine(program)
    start = problem.initial.vector(problem.domain).reshape(-1)
    np.testing.assert_allclose(engine.state(program.theta0), start, atol=1e-10)
    circuit = made.circuit(problem)
    theta = np.random.default_rng(number).normal(size=program.num_parameters)
    assert [p.name for p in circuit.parameters] == list(program.names)
    opened = circuit.assign_parameters(theta).decompose(gates_to_decompose=["PauliEvolution"])
    built = Statevector(opened).data
    np.testing.assert_allclose(built[: problem.domain.size], engine.state(theta), atol=1e-9)
    assert "unitary" not in circuit.count_ops()
    if len(theta):
        assert np.linalg.norm(engine.state(theta) - start) > 0.1


def test_hardware_efficient_is_real_and_has_no_cz() -> None:
    problem = problems("imaginary")[1]
    made = ansatz.hardware_efficient(3)
    assert Engine(made.bind(problem, hamiltonian(problem))).real
    assert set(made.circuit(problem).count_ops()) == {"h", "ry", "cx"}


def test_hamiltonian_ansatz_feels_a_force_at_its_start() -> None:
    """Phases alone do not (a real wave); the translations and the turned frame do."""
    from qml_dynamics.methods.variational.engine.flow import Flow

    problem = Problem(
        Grid((-3, 3), 4),
        lambda w: w[:, 0] ** 4 + w[:, 0],
        0.5,
        clock="imaginary",
        duration=1.0,
        initial=Gaussian(0.3, 0.8),
    )
    h = hamiltonian(problem)
    forces = {}
    for name, options in {"phases": (False, 0.0), "frame": (False, 1.0), "moves": (True, 0.0)}.items():
        program = ansatz.hamiltonian(2, moves=options[0], spread=options[1]).bind(problem, h)
        point = Flow(program, h, True, 1e-6).at(0.0, program.theta0)
        scale = np.sqrt(np.trace(point.metric) * point.variance)  # of the products whose sum a force is
        forces[name] = np.linalg.norm(point.force)
        assert scale > 1
        if name == "phases":
            # exactly 0 but for rounding: 2**4 terms after a dozen transforms, 2e-16 each
            assert forces[name] < 1e-12 * scale
    assert forces["frame"] > 1e-2
    assert forces["moves"] > 1e-2
