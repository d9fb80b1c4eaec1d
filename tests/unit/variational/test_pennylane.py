"""QNodes as ansaetze: states equal `qml.state()`, at other arguments too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
from qiskit.circuit.library import UnitaryGate

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.variational import ansatz

DEVICE = qml.device("default.qubit", wires=3)


@qml.qnode(DEVICE)
def rich(x: float, w: np.ndarray, flag: bool = True) -> object:
    qml.StatePrep(np.array([0.6, 0.8j]), wires=[2])
    qml.RX(x, wires=0)
    qml.Rot(w[0, 0], w[0, 1] * 2 + x, w[0, 2], wires=1)
    qml.CNOT([0, 1])
    qml.CRY(w[1, 0] - 0.3, wires=[2, 0])
    qml.IsingXY(w[1, 1], wires=[0, 2])
    qml.PauliRot(w[1, 2], "XYZ", wires=[0, 2, 1])
    qml.MultiRZ(x, wires=[1, 2])
    qml.SingleExcitation(w[0, 0], wires=[1, 0])
    qml.QFT(wires=[0, 1, 2])
    qml.U3(w[0, 1], x, 0.3, wires=2)
    qml.U2(x, -x, wires=1)
    qml.adjoint(qml.RY(x, wires=0))
    qml.ctrl(qml.RX(w[1, 1], wires=0), control=[1, 2], control_values=[0, 1])
    qml.GlobalPhase(x)
    if flag:
        qml.T(0)
    return qml.state()


@pytest.mark.parametrize("flag", [True, False])
def test_states_equal_pennylanes(flag: bool) -> None:
    rng = np.random.default_rng(1)
    w = rng.normal(size=(2, 3))
    read = ansatz.from_pennylane(rich, 0.7, w, flag=flag)
    np.testing.assert_allclose(read.state(), rich(0.7, w, flag=flag), atol=1e-12)
    other = rng.normal(size=(2, 3))
    there = read.state(np.concatenate([[1.3], other.ravel()]))
    np.testing.assert_allclose(there, rich(1.3, other, flag=flag), atol=1e-12)
    assert np.linalg.norm(there - read.state()) > 0.3
    assert read.program.num_parameters == 7


def test_wire_0_is_the_highest_qubit() -> None:
    read = ansatz.from_pennylane(lambda a: (qml.RY(a, wires=0), qml.Identity(1), qml.X(2)), 0.4)
    np.testing.assert_allclose(read.state(), [0, np.cos(0.2), 0, 0, 0, np.sin(0.2), 0, 0], atol=1e-11)
    assert np.linalg.norm(read.state()) == pytest.approx(1, abs=1e-11)


WIDE = {
    "qft": lambda: qml.QFT(wires=range(7)),
    "its inverse": lambda: qml.adjoint(qml.QFT)(wires=range(7)),
    "grover": lambda: qml.GroverOperator(wires=range(6)),
    "controlled": lambda: qml.ctrl(qml.X(0), control=range(1, 6)),
    "matrix": lambda: qml.QubitUnitary(np.linalg.qr(np.cos(np.arange(1024.0) ** 2).reshape(32, 32))[0], wires=range(5)),
}


@pytest.mark.parametrize("fixed", WIDE.values(), ids=WIDE)
def test_wide_gates_without_angles_are_not_synthesised(fixed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They act as PennyLane's; a synthesis of a dense matrix on 7 qubits takes most of a minute."""

    def around(a: float, b: float) -> Any:
        qml.RX(a, 0)
        qml.RY(0.4, 2)
        fixed()
        qml.RY(b, 1)
        return qml.state()

    monkeypatch.setattr(UnitaryGate, "_define", lambda self: pytest.fail("a matrix was synthesised"))
    node = qml.QNode(around, qml.device("default.qubit", wires=7))
    read = ansatz.from_pennylane(node, 0.4, 0.7)
    assert np.allclose(read.state([0.9, -0.3]), node(0.9, -0.3), atol=1e-11)


def test_what_cannot_be_translated_is_named() -> None:
    with pytest.raises(MethodError, match="affine"):
        ansatz.from_pennylane(lambda x: qml.RX(x**2, wires=0), 0.5)
    with pytest.raises(MethodError, match="MidMeasure"):
        ansatz.from_pennylane(lambda x: (qml.RX(x, 0), qml.measure(0), qml.RX(x, 0)), 0.5)
    with pytest.raises(MethodError, match="without effect"):
        ansatz.from_pennylane(lambda x, y: qml.RX(x, wires=0), 0.5, 0.1)
    with pytest.raises(MethodError, match="QubitUnitary"):
        ansatz.from_pennylane(lambda x: qml.QubitUnitary(qml.matrix(qml.RX(x, 0)), wires=0), 0.5)
    with pytest.raises(MethodError, match="finite"):
        ansatz.from_pennylane(lambda x: qml.RX(x, wires=0), np.nan)
