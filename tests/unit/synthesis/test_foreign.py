"""Gates of one's own that bear the names of standard gates act as they are defined, wherever a circuit enters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm2, transpile
from qiskit.circuit import Gate, Parameter
from qiskit.circuit.library import (
    CRXGate,
    CXGate,
    GlobalPhaseGate,
    MCXGate,
    QFTGate,
    RXGate,
    RYGate,
    StatePreparation,
    UnitaryGate,
    XGate,
    get_standard_gate_name_mapping,
)
from qiskit.primitives import StatevectorEstimator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Kraus, Operator, SparsePauliOp, Statevector, random_clifford
from qiskit_aer.noise import NoiseModel, pauli_error

import qml_dynamics as qd
from qml_dynamics.backends.base import Asked
from qml_dynamics.base.errors import BackendError, MethodError
from qml_dynamics.methods.variational.ansatz import from_circuit
from qml_dynamics.methods.variational.measured.rotations import read_rotations
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.synthesis.foreign import opened
from qml_dynamics.synthesis.measure import compiled_counts
from qml_dynamics.synthesis.qasm import STANDARD, from_qasm3, to_qasm3

MAPPING = get_standard_gate_name_mapping()
GATES = sorted(n for n, g in MAPPING.items() if isinstance(g, Gate) and not isinstance(g, GlobalPhaseGate))
OWN = """OPENQASM 3.0; include "stdgates.inc";
gate rxx(a) x, y { h x; h y; cx x, y; rz(pi * a) y; cx x, y; h x; h y; }
"""


def body(name: str, angles: Any) -> QuantumCircuit:
    """Gates on as many qubits as the standard gate of this name has, which are nothing like it."""
    n = MAPPING[name].num_qubits
    inner = QuantumCircuit(n, name=name)
    for q in range(n):
        inner.ry(0.4 + 0.3 * q + sum((k + 1) * a for k, a in enumerate(angles)), q)
    for q in range(n - 1):
        inner.cz(q, q + 1)
        inner.rx(0.7 + 0.1 * q, q)
    return inner


def pair(name: str, values: list[float] | None = None) -> tuple[QuantumCircuit, QuantumCircuit, list[float]]:
    """A circuit with a gate of one's own of this name, the same without that gate, and parameters."""
    width, count = MAPPING[name].num_qubits, len(MAPPING[name].params)
    given = [Parameter(f"p{k}") for k in range(count)]
    made = body(name, given).to_gate()
    start = [0.21 * (k + 1) for k in range(count)]
    angles: list[Any] = given if values is None else values[:count]
    gate = Gate(name, width, angles)
    gate.definition = body(name, angles)
    assert made.name == name
    assert gate.definition.num_parameters == (count if values is None else 0)
    named, plain = QuantumCircuit(width), QuantumCircuit(width)
    for circuit in (named, plain):
        circuit.h(0)
        circuit.rx(0.3, width - 1)
    where = list(range(width))[::-1]
    named.append(gate, where)
    plain.compose(body(name, angles), where, inplace=True)
    return named, plain, start


def parallel(a: QuantumCircuit, b: QuantumCircuit) -> bool:
    first, second = Operator(a).data, Operator(b).data
    overlap = np.vdot(first, second)
    return overlap != 0 and bool(np.allclose(first * overlap / abs(overlap), second, atol=1e-9))


@pytest.mark.parametrize("name", GATES)
def test_a_gate_of_ones_own_acts_as_it_is_defined(name: str) -> None:
    named, plain, start = pair(name)
    standard = QuantumCircuit(plain.num_qubits)
    standard.append(MAPPING[name].base_class(*start), range(plain.num_qubits))
    body_alone = body(name, start)
    assert not parallel(standard, body_alone), "the case would show nothing"
    assert opened(plain) is plain
    assert parallel(opened(named).assign_parameters(start), plain.assign_parameters(start))
    for read in (from_circuit(named, start), from_circuit(plain, start)):
        np.testing.assert_allclose(read.state(), Statevector(plain.assign_parameters(start)).data, atol=1e-12)
    rotations = read_rotations(named)
    np.testing.assert_allclose(
        rotations.jacobian(np.array(start)), read_rotations(plain).jacobian(np.array(start)), atol=1e-12
    )
    there = QuantumCircuit(rotations.width)
    rotations.append(there, rotations.amounts(np.array(start)), 0, len(rotations.steps))
    assert abs(np.vdot(Statevector(there).data, Statevector(plain.assign_parameters(start)).data)) > 1 - 1e-9


@pytest.mark.parametrize("name", sorted(STANDARD))
def test_it_is_written_out_and_read_back(name: str) -> None:
    values = [0.4, 0.9, 1.3, 0.2]
    named, plain, _ = pair(name, values)
    assert parallel(from_qasm3(to_qasm3(named)), plain)
    assert parallel(named.decompose(gates_to_decompose=[name]), plain)


def rest(name: str) -> QuantumCircuit:
    """Two qubits more than the widest of these gates need."""
    named, _, _ = pair(name, [0.4, 0.9, 1.3, 0.2])
    out = QuantumCircuit(3)
    out.h(2)
    out.compose(named, range(named.num_qubits), inplace=True)
    out.cx(0, 2)
    return out


BACKENDS: dict[str, Callable[[], Any]] = {
    "statevector": lambda: qd.backend("statevector"),
    "aer": lambda: qd.backend("aer"),
    "aer matrix product": lambda: qd.backend("aer:matrix_product_state"),
    "aer with a noise model": lambda: qd.backend("aer", noise_model=barely_noisy()),
    "pennylane": lambda: qd.backend("pennylane:default.qubit"),
}


def barely_noisy() -> NoiseModel:
    model = NoiseModel()
    for gates, letters in ((["rz", "sx", "x", "h"], "X"), (["cx"], "XX")):
        model.add_all_qubit_quantum_error(pauli_error([(letters, 1e-12), ("I" * len(letters), 1 - 1e-12)]), gates)
    return model


@pytest.mark.parametrize("name", ["rxx", "cx", "rz", "h", "u", "swap", "cp", "ccx", "sx", "id"])
@pytest.mark.parametrize("kind", BACKENDS)
def test_backends_run_what_it_is(kind: str, name: str) -> None:
    circuit = rest(name)
    plain = QuantumCircuit(3)
    plain.h(2)
    plain.compose(pair(name, [0.4, 0.9, 1.3, 0.2])[1], range(MAPPING[name].num_qubits), inplace=True)
    plain.cx(0, 2)
    wanted = Statevector(plain).probabilities()
    np.testing.assert_allclose(BACKENDS[kind]().probabilities([circuit])[0], wanted, atol=1e-9)
    assert np.ptp(wanted) > 0.01


@pytest.mark.parametrize("name", ["rxx", "cx", "rz", "ccx"])
def test_devices_and_estimators_run_what_it_is(name: str) -> None:
    circuit, device = rest(name), qd.backend(GenericBackendV2(3, basis_gates=["rz", "sx", "x", "cx"], noise_info=False))
    (made,) = device.compiled([circuit])
    assert made.deviation is not None
    assert made.deviation < 1e-6
    assert set(made.circuit.count_ops()) <= {"rz", "sx", "x", "cx", "measure", "barrier"}
    (counts,) = device.sample([circuit], 4000, [5])
    seen = np.bincount(counts.index, weights=counts.count, minlength=8) / 4000
    wanted = Statevector(circuit).probabilities()
    assert np.abs(seen - wanted).max() < 5 * np.sqrt(0.25 / 4000)
    operator = SparsePauliOp(["ZXI", "IYZ"], [0.6, -0.4])
    (told,) = qd.backend(StatevectorEstimator()).estimate([Asked(circuit, (pauli_sum(operator),))], None, [1])
    assert told.value[0] == pytest.approx(Statevector(circuit).expectation_value(operator).real, abs=1e-9)


def test_gates_are_counted_as_what_they_are() -> None:
    named, plain, _ = pair("rz", [0.4])
    assert compiled_counts(named, ["rz", "sx", "cx"], 100) == compiled_counts(plain, ["rz", "sx", "cx"], 100)
    assert compiled_counts(named, ["rz", "sx", "cx"], 100)[0] > 3
    assert compiled_counts(pair("ccx")[0], ["rz", "sx", "cx"], 100)[1] == 2  # the standard gate takes six


def test_a_program_with_its_own_rxx() -> None:
    """After ry(0.4) on q[0]: 0.5 ZI + 0.3 XX has the energy 0.5 cos(pi a) of exp(-i pi a XX / 2), not 0.5 cos(a)."""
    text = OWN + "input float[64] th; qubit[2] q; ry(0.4) q[0]; rxx(th) q[0], q[1];"
    circuit, operator = from_qasm3(text), SparsePauliOp(["ZI", "XX"], [0.5, 0.3])
    ansatz = from_circuit(circuit, [0.3])
    assert np.vdot(ansatz.state(), operator.to_matrix() @ ansatz.state()).real == pytest.approx(
        0.5 * np.cos(0.3 * np.pi), abs=1e-12
    )
    problem = qd.Problem.from_operator(operator, clock="imaginary", duration=0.1, initial=ansatz.state())
    energy = qd.evolve(problem, qd.Variational(ansatz, steps=2)).expectations["energy"]
    assert energy.value[0] == pytest.approx(0.5 * np.cos(0.3 * np.pi), abs=1e-12)
    trained = qd.train(circuit, operator, [0.3], steps=1)
    assert trained.loss[0] == pytest.approx(0.5 * np.cos(0.3 * np.pi), abs=1e-12)


@pytest.mark.parametrize(
    "line", ["inv @ rxx(0.2) q[2], q[0];", "ctrl @ rxx(0.4) q[1], q[2], q[0];", "pow(3) @ rxx(0.2) q[0], q[1];"]
)
def test_modifiers_of_gates_of_a_program(line: str) -> None:
    circuit = from_qasm3(f"{OWN} qubit[3] q; {line}")
    inner = QuantumCircuit(2)
    power = {"inv": -0.2, "ctr": 0.4, "pow": 0.6}[line[:3]]
    inner.rxx(np.pi * power, 0, 1)
    wanted = QuantumCircuit(3)
    if line.startswith("ctrl"):
        wanted.append(inner.to_gate(label="turn").control(1, annotated=False), [1, 2, 0])
    else:
        wanted.compose(inner, [2, 0] if line.startswith("inv") else [0, 1], inplace=True)
    assert parallel(circuit, wanted)


def test_older_programs() -> None:
    text = "OPENQASM 2.0; gate rxx(a) x,y { CX x,y; U(a,0,2*a) y; } qreg q[2]; rxx(0.3) q[1],q[0];"
    plain = QuantumCircuit(2)
    plain.cx(1, 0)
    plain.u(0.3, 0, 0.6, 0)
    assert parallel(opened(qasm2.loads(text)), plain)


class Degrees(Gate):
    """A turn about z in degrees."""

    def __init__(self, degrees: Any) -> None:
        super().__init__("rz", 1, [degrees])

    def _define(self) -> None:
        self.definition = QuantumCircuit(1)
        self.definition.rz(self.params[0] * np.pi / 180, 0)


class OnlyMatrix(Gate):
    """A gate without a definition."""

    def __init__(self, angle: float) -> None:
        super().__init__("h", 1, [angle])

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(RYGate(self.params[0]))


class Contradicting(OnlyMatrix):
    def _define(self) -> None:
        self.definition = QuantumCircuit(1)
        self.definition.rx(self.params[0], 0)


class SameTurn(RXGate):
    """A subclass that changes nothing."""


class OtherTurn(RXGate):
    def _define(self) -> None:
        self.definition = QuantumCircuit(1)
        self.definition.ry(self.params[0], 0)


class OtherFlip(XGate):
    def _define(self) -> None:
        self.definition = QuantumCircuit(1)
        self.definition.ry(0.3, 0)


def alone(gate: Any) -> QuantumCircuit:
    out = QuantumCircuit(gate.num_qubits)
    out.append(gate, range(gate.num_qubits))
    return out


def renamed(gate: Any, name: str) -> Any:
    out = gate.to_mutable()
    out.name = name
    return out


def own_turn() -> Gate:
    inner = QuantumCircuit(1, name="mine")
    inner.append(SameTurn(0.4), [0])
    return inner.to_gate()


def quarter() -> QuantumCircuit:
    """A quarter of a turn about z where qubit 0 is 1 and qubit 1 is 0."""
    out = QuantumCircuit(3)
    out.x(1)
    out.mcp(np.pi / 2, [0, 1], 2)
    out.cp(-np.pi / 4, 0, 1)
    out.x(1)
    return out


@pytest.mark.parametrize(
    ("gate", "meant"),
    [
        (Degrees(90), np.diag(np.exp([-0.25j * np.pi, 0.25j * np.pi]))),
        (OnlyMatrix(0.4), RYGate(0.4).to_matrix()),
        (SameTurn(0.4), RXGate(0.4).to_matrix()),
        (renamed(RXGate(0.4), "ry"), RXGate(0.4).to_matrix()),
        (renamed(XGate(), "h"), XGate().to_matrix()),
        (renamed(CRXGate(0.4, ctrl_state=0), "cry"), CRXGate(0.4, ctrl_state=0).to_matrix()),
        (CXGate(ctrl_state=0), CXGate(ctrl_state=0).to_matrix()),
        (UnitaryGate(RYGate(0.4).to_matrix(), label="cx"), RYGate(0.4).to_matrix()),
        (RXGate(0.4, label="h"), RXGate(0.4).to_matrix()),
        (Degrees(90).control(2, ctrl_state=1, annotated=True), Operator(quarter()).data),
        (own_turn().control(1, ctrl_state=0, annotated=False), Operator(alone(CRXGate(0.4, ctrl_state=0))).data),
    ],
    ids=lambda g: type(g).__name__,
)
def test_kinds_of_gates(gate: Any, meant: np.ndarray) -> None:
    """By class and parameters, else by the definition, else by the matrix."""
    made = opened(alone(gate))
    np.testing.assert_allclose(Operator(made).data, meant, atol=1e-12)
    start = QuantumCircuit(gate.num_qubits)
    start.ry(0.3, range(gate.num_qubits))
    whole = start.compose(alone(gate))
    wanted = np.asarray(meant) @ Statevector(start).data
    np.testing.assert_allclose(from_circuit(whole).state(), wanted, atol=1e-12)
    for kind in ("statevector", "aer", "pennylane"):
        np.testing.assert_allclose(BACKENDS[kind]().probabilities([whole])[0], np.abs(wanted) ** 2, atol=1e-9)
    assert parallel(from_qasm3(to_qasm3(alone(gate))), made)


def own_x() -> Gate:
    inner = QuantumCircuit(1, name="x")
    inner.ry(0.4, 0)
    return inner.to_gate()


def own_pair() -> Gate:
    inner = QuantumCircuit(2, name="mine")
    inner.append(own_x(), [0])
    inner.cx(0, 1)
    return inner.to_gate()


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        (OtherTurn(0.4), "derive it from Gate"),
        (OtherTurn(Parameter("a")), "derive it from Gate"),
        (OtherFlip(), "derive it from Gate"),
        (Contradicting(0.4), "the matrix of 'h' is not its definition"),
        (Gate("cx", 2, []), "'cx' of the class Gate has neither"),
        (OnlyMatrix(Parameter("a")), "free parameters"),
        (own_x().control(1, annotated=False), "made by the name of its base"),
        (Degrees(60).control(1, ctrl_state=0, annotated=False), "made by the name of its base"),
        (own_pair().control(1, annotated=False), "made by the name of its base"),
    ],
    ids=lambda g: g if isinstance(g, str) else type(g).__name__,
)
def test_gates_of_two_meanings_or_none_are_refused(gate: Any, told: str) -> None:
    circuit = alone(gate)
    with pytest.raises(MethodError, match=told):
        from_circuit(circuit)
    if not circuit.parameters:
        for kind in ("statevector", "aer", "pennylane"):
            with pytest.raises(BackendError, match=told):
                BACKENDS[kind]().probabilities([circuit])


def test_a_parameter_that_is_in_no_definition_is_refused() -> None:
    gate = Gate("h", 1, [Parameter("left_out")])
    gate.definition = alone(RYGate(0.3))
    with pytest.raises(MethodError, match="left_out is in no definition"):
        from_circuit(alone(gate))


def test_what_is_of_the_library_stays() -> None:
    circuit = QuantumCircuit(4, 1)
    circuit.append(StatePreparation([0.8, 0, 0, 0.6j]), [0, 1])
    circuit.append(random_clifford(2, seed=1), [1, 2])
    circuit.append(QFTGate(3), [0, 1, 2])
    circuit.append(MCXGate(3, ctrl_state=2), [0, 1, 2, 3])
    circuit.append(RXGate(Parameter("t")).control(2, ctrl_state=1, annotated=False), [0, 1, 2])
    circuit.append(UnitaryGate(RYGate(0.3).to_matrix()).control(2, annotated=False), [3, 1, 2])
    circuit.append(RXGate(0.3).control(1, annotated=True), [3, 1])
    circuit.append(Kraus([np.sqrt(0.6) * np.eye(2), np.sqrt(0.4) * np.diag([1, -1])]).to_instruction(), [0])
    circuit.barrier()
    circuit.delay(10, 0)
    circuit.measure(0, 0)
    circuit.reset(0)
    assert opened(circuit) is circuit


def test_blocks_of_control_flow_are_read_too() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.append(own_x(), [0])
    block = opened(circuit).data[-1].operation.blocks[0]
    assert [item.operation.name for item in block.data] == ["ry"]
    counts = qd.backend("aer").sample_midway([circuit], 4000, [3])[0]
    ones = counts.count[(counts.index & 1) == 1].sum() / 4000
    assert abs(ones - np.cos(0.2) ** 2) < 5 * np.sqrt(0.25 / 4000)  # ry(0.4) on |1>, where x would give 0


def test_a_label_does_not_take_the_noise_away() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.3), ("I", 0.7)]), ["x"])
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.1), ("I", 0.9)]), ["slow"])
    device = qd.backend("aer", noise_model=model)
    for label, error in ((None, 0.3), ("mine", 0.3), ("slow", 0.1)):
        (p,) = device.probabilities([alone(XGate(label=label))])
        assert p[0] == pytest.approx(error, abs=1e-12)


def test_qiskit_itself_goes_by_names() -> None:
    """Why this is done: the compiler takes a gate of one's own for the standard one."""
    inner = QuantumCircuit(2, name="rxx")
    inner.ry(0.7, 0)
    circuit = alone(inner.to_gate())
    taken = transpile(circuit, basis_gates=["rxx", "rx", "ry", "rz"], optimization_level=0)
    assert taken.count_ops() == {"rxx": 1}
    assert transpile(opened(circuit), basis_gates=["rxx", "rx", "ry", "rz"], optimization_level=0).count_ops() == {
        "ry": 1
    }
