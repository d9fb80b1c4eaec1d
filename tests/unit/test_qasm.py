"""OpenQASM 3 text reads back as the same circuit."""

from __future__ import annotations

import re

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import RZZGate, UnitaryGate
from qiskit.quantum_info import Operator, Statevector, random_unitary

from qml_dynamics.base.errors import BackendError, MethodError
from qml_dynamics.methods.evolution import circuits
from qml_dynamics.methods.trotter import Trotter
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.initial import Gaussian
from qml_dynamics.model.objectives import expression
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import Linear
from qml_dynamics.synthesis.qasm import STANDARD, from_qasm3, to_qasm3


def same_up_to_phase(a: QuantumCircuit, b: QuantumCircuit) -> float:
    """Distance of the two unitaries up to a global phase."""
    first, second = Operator(a).data, Operator(b).data
    overlap = np.vdot(first, second) / len(first)
    return float(np.abs(second - first * overlap / abs(overlap)).max()) + abs(1 - abs(overlap))


def asymmetric() -> QuantumCircuit:
    """Every standard gate once, on qubits and angles that no symmetry can swap."""
    c = QuantumCircuit(4)
    angle = iter(0.1 + 0.37 * np.arange(30))
    for gate in (c.h, c.x, c.y, c.z, c.s, c.sdg, c.t, c.tdg, c.sx, c.id):
        gate(2)
        c.ry(next(angle), 2)
    c.rx(next(angle), 0)
    c.rz(-next(angle), 3)
    c.p(next(angle), 1)
    for gate in (c.cx, c.cy, c.cz, c.ch, c.swap):
        gate(3, 1)
        c.ry(next(angle), 1)
    for gate in (c.cp, c.crx, c.cry, c.crz):
        gate(next(angle), 0, 2)
        c.rx(next(angle), 0)
    c.ccx(2, 0, 3)
    c.ry(next(angle), 3)
    c.cswap(1, 3, 0)
    return c


def test_every_standard_gate_reads_back() -> None:
    circuit = asymmetric()
    assert {item.operation.name for item in circuit.data} == STANDARD
    text = to_qasm3(circuit)
    assert same_up_to_phase(circuit, from_qasm3(text)) < 1e-13
    assert same_up_to_phase(circuit, QuantumCircuit(4)) > 0.1


def test_other_gates_are_taken_apart() -> None:
    circuit = QuantumCircuit(3, global_phase=0.3)
    circuit.h([0, 1, 2])
    circuit.append(RZZGate(0.7), [2, 0])
    circuit.rxx(0.4, 0, 1)
    circuit.sxdg(1)
    circuit.u(0.1, 0.2, 0.3, 2)
    circuit.append(UnitaryGate(random_unitary(4, seed=1)), [1, 2])
    circuit.cx(0, 2, ctrl_state=0)
    inner = QuantumCircuit(2, name="inner")
    inner.cu(0.1, 0.2, 0.3, 0.4, 0, 1)
    circuit.append(inner.to_instruction(), [2, 1])
    text = to_qasm3(circuit)
    used = {line.split("(")[0].split()[0] for line in text.splitlines()[1:] if re.match(r"[a-z]+[ (].*q\[", line)}
    assert used - {"qubit"} <= STANDARD
    assert "gate " not in text
    assert same_up_to_phase(circuit, from_qasm3(text)) < 1e-12
    phase = float(re.search(r"global phase (\S+) left out", text).group(1))  # type: ignore[union-attr]
    back = Operator(from_qasm3(text)).data * np.exp(1j * phase)
    np.testing.assert_allclose(back, Operator(circuit).data, atol=1e-12)


@pytest.mark.parametrize("kind", ["grid", "walls", "cube"])
def test_programs_of_the_library_read_back(kind: str) -> None:
    if kind == "cube":
        domain: Grid | Hypercube = Hypercube(4)
        problem = Problem(domain, expression("x0*x1 + 0.3*x2 - x3*x0*x2"), Linear(1, 0), clock="real", duration=1.3)
    else:
        domain = Grid([(-2, 1), (0, 2)], (3, 2), boundary="walls" if kind == "walls" else "periodic")
        start = Gaussian((-0.3, 1.2), (0.5, 0.4), (1.0, -2.0))
        problem = Problem(domain, expression("x0**3 + sin(x1*x0)"), 0.4, clock="real", duration=0.8, initial=start)  # type: ignore[arg-type]
    circuit = circuits(problem, Trotter(2))[-1]
    a = Statevector(circuit).data
    b = Statevector(from_qasm3(to_qasm3(circuit))).data
    assert abs(np.vdot(a, b)) == pytest.approx(1.0, abs=1e-12)
    assert np.abs(np.abs(a) ** 2 - 1 / len(a)).max() > 1e-2
    assert to_qasm3(circuit) == to_qasm3(circuits(problem, Trotter(2))[-1])  # the same text each time


def test_numbers_keep_all_digits_or_so_many_decimals() -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(1 / 3, 0)
    circuit.rx(-1e-14, 0)
    circuit.rx(-0.0, 0)
    circuit.rx(1e-7, 0)
    text = to_qasm3(circuit)
    assert f"rx({1 / 3!r}) q[0];" in text
    assert "rx(0.0) q[0];" in text
    rounded = to_qasm3(circuit, digits=10)
    assert "rx(0.3333333333) q[0];\nrx(0) q[0];\nrx(0) q[0];\nrx(0.0000001) q[0];" in rounded
    assert Operator(from_qasm3(rounded)).data == pytest.approx(Operator(circuit).data, abs=1e-9)


def test_measurement_and_header() -> None:
    circuit = QuantumCircuit(3)
    circuit.x(0)
    text = to_qasm3(circuit, name="one", notes=["two\nlines"], measure=True)
    assert "// one: 3 qubits, 1 gates\n// two lines\n" in text
    back = from_qasm3(text)
    assert back.num_clbits == 3
    back.remove_final_measurements()
    assert Statevector(back).probabilities()[1] == pytest.approx(1.0)
    own = QuantumCircuit(2, 2)
    own.x(1)
    own.barrier()
    own.measure(1, 0)
    assert "bit[2] c;\nx q[1];\nbarrier q[0], q[1];\nc[0] = measure q[1];" in to_qasm3(own)
    assert from_qasm3(to_qasm3(own)).count_ops()["measure"] == 1


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    loose = QuantumCircuit(1)
    loose.rx(Parameter("theta"), 0)
    with pytest.raises(MethodError, match="has none for theta"):
        to_qasm3(loose)
    opaque = QuantumCircuit(1)
    from qiskit.circuit import Instruction

    opaque.append(Instruction("mystery", 1, 0, []), [0])
    with pytest.raises(MethodError, match="`mystery` has no definition"):
        to_qasm3(opaque)
    with pytest.raises(MethodError, match="must be an OpenQASM 3 program"):
        from_qasm3("OPENQASM 3.0;\nnonsense q[0];")
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r'pip install "qml-dynamics\[qasm\]"'):
        from_qasm3("OPENQASM 3.0;")
