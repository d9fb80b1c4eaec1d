"""Derivatives of angles are compared with difference quotients before a run believes them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError
from qml_dynamics.learning.growth.measures import log_det_metric
from qml_dynamics.methods.variational import ansatz
from qml_dynamics.methods.variational.derivatives import check_derivatives
from qml_dynamics.methods.variational.engine.gates import Angles, Curved, Program, Rotation
from qml_dynamics.methods.variational.measured.device import Device
from qml_dynamics.model.hamiltonians import hamiltonian

P, Q = Parameter("p"), Parameter("q")

# an expression, where, and its derivatives there by p and q in closed form
SMOOTH: dict[str, tuple[Any, list[float], list[float]]] = {
    "p**3": (P**3, [0.6], [3 * 0.36]),
    "(2p)**3": ((2 * P) ** 3, [0.6], [24 * 0.36]),
    "(2p)**3 at 0": ((2 * P) ** 3, [0.0], [0.0]),
    "(1000p)**3": ((1000 * P) ** 3, [6e-4], [3e9 * 36e-8]),
    "p**3 far out": (P**3, [1e6], [3e12]),
    "a large constant": (1e8 + P**2, [0.3], [0.6]),
    "sin(p)": (P.sin(), [0.3], [np.cos(0.3)]),
    "sin(1e6 p)": ((1e6 * P).sin(), [0.6], [1e6 * np.cos(6e5)]),
    "exp(p)": (P.exp(), [-1.2], [np.exp(-1.2)]),
    "log(p)": (P.log(), [1e-3], [1e3]),
    "sqrt(p), near its end": (P**0.5, [1e-9], [0.5e4 * np.sqrt(10.0)]),
    "tan(p), near its pole": (P.tan(), [1.5], [1 / np.cos(1.5) ** 2]),
    "arcsin(p)": (P.arcsin(), [0.9], [1 / np.sqrt(0.19)]),
    "arctan(3p)": ((3 * P).arctan(), [0.2], [3 / 1.36]),
    "abs(p)": (abs(P), [-0.3], [-1.0]),
    "p*q": (P * Q, [0.3, 0.4], [0.4, 0.3]),
    "p/q": (P / Q, [0.3, 0.4], [2.5, -0.3 / 0.16]),
    "p**q": (P**Q, [0.6, 1.5], [1.5 * 0.6**0.5, 0.6**1.5 * np.log(0.6)]),
    "(p*q)**2": ((P * Q) ** 2, [0.4, 0.7], [2 * 0.4 * 0.49, 2 * 0.16 * 0.7]),
    "cos(2p+.3)**2": ((2 * P + 0.3).cos() ** 2, [0.4], [-2 * np.sin(2.2)]),
}


def turned(expression: Any, by: str = "ry") -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.rx(0.4, 1)
    if by == "evolution":
        circuit.append(PauliEvolutionGate(SparsePauliOp("XY"), time=expression), [0, 1])
    else:
        getattr(circuit, by)(expression, *([0, 1] if by in ("crx", "rzz") else [0]))
    return circuit


@pytest.mark.parametrize("name", SMOOTH)
def test_right_derivatives_pass(name: str) -> None:
    expression, theta0, slopes = SMOOTH[name]
    made = ansatz.from_circuit(turned(expression), theta0)
    (piece,) = made.program.angles.curved
    np.testing.assert_allclose(piece.gradient(np.array(theta0)), slopes, rtol=1e-7, atol=1e-12)
    assert len(slopes) == len(theta0)


WRONG: dict[str, Callable[[np.ndarray], list[float]]] = {
    "half": lambda s: (0.5 * s).tolist(),
    "sign": lambda s: (-s).tolist(),
    "a hundredth": lambda s: (1.01 * s).tolist(),
    "in 1e-4": lambda s: (s * (1 + 1e-4)).tolist(),
    "one of them": lambda s: [*s[:-1].tolist(), s[-1] * 1.5],
    "zero": lambda s: (0 * s).tolist(),
}


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("name", [n for n in SMOOTH if n != "a large constant"])
def test_wrong_derivatives_are_refused(name: str, fault: str) -> None:
    """Also where the wrong one happens to be right at the start itself."""
    expression, theta0, _ = SMOOTH[name]
    angles = ansatz.from_circuit(turned(expression), theta0).program.angles
    (right,) = angles.curved
    spoiled = Curved(
        right.slot,
        right.parameters,
        right.value,
        lambda theta: WRONG[fault](np.array(right.gradient(theta))),
        right.text,
    )
    bad = Angles(angles.num_parameters, angles.constant, angles.slot, angles.parameter, angles.weight, (spoiled,))
    names = ["p", "q"][: len(theta0)]
    with pytest.raises(
        MethodError, match=r"agree with difference quotients, but that of .* of ry on qubits \[0\] by `[pq]`"
    ):
        check_derivatives(bad, np.array(theta0), names)
    check_derivatives(angles, np.array(theta0), names)


@pytest.mark.parametrize(
    ("expression", "theta0", "told"),
    [
        (abs(P), [0.0], "p = 0"),
        (P.log(), [0.0], "log"),
        (P.log(), [-1.0], "real angles"),
        (P / Q, [0.3, 0.0], "p/q"),
        (P**0.5, [0.0], r"p\*\*"),
        (P.arcsin(), [1.0], "p = 1"),
        (P.sign(), [0.4], "sign"),
        (P**1.5, [0.0], r"p\*\*1.5"),
        ((P * P) ** 0.5, [0.0], "p = 0"),
    ],
    ids=str,
)
def test_angles_without_value_or_derivative_are_refused(expression: Any, theta0: list[float], told: str) -> None:
    with pytest.raises(MethodError, match=told) as caught:
        ansatz.from_circuit(turned(expression), theta0)
    assert "\n" not in str(caught.value)
    assert "Argument `circuit`" in str(caught.value)


def test_a_kink_is_seen_although_its_central_quotient_is_right() -> None:
    kink = Curved(0, (0,), lambda t: abs(t[0]), lambda t: [np.sign(t[0])])
    angles = Angles(1, np.zeros(1), np.zeros(1, int), np.zeros(1, int), np.zeros(1), (kink,))
    with pytest.raises(MethodError, match="slot 0 has a kink at p = 0"):
        check_derivatives(angles, np.zeros(1), ["p"])
    check_derivatives(angles, np.array([0.4]), ["p"])


@pytest.mark.parametrize("by", ["ry", "rz", "p", "crx", "rzz", "evolution"])
def test_a_wrong_gradient_of_the_vendor_is_refused_everywhere(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Qiskit before 2.5.2: (2p)**3 by p was 3 (2p)**2."""
    problem = qd.Problem.from_operator(SparsePauliOp(["ZI", "XY"], [1.0, 0.3]), clock="imaginary", duration=0.4)
    ansatz.from_circuit(turned((2 * P) ** 3, by), [0.6])
    original = ParameterExpression.gradient

    def wrong(self: Any, parameter: Any) -> Any:
        slope = original(self, parameter)
        return 0.5 * slope if isinstance(slope, ParameterExpression) else slope

    circuit = turned((2 * P) ** 3, by)
    monkeypatch.setattr("qml_dynamics.methods.variational.ansatz.expressions._gradient", wrong)
    with pytest.raises(MethodError, match="difference quotient"):
        ansatz.from_circuit(circuit, [0.6])
    unstarted = ansatz.from_circuit(circuit)  # starts at 0, where the wrong one is right
    for options in ({}, {"theta0": [0.6]}):
        method = qd.Variational(unstarted, steps=2, **options)
        with pytest.raises(MethodError, match="difference quotient"):
            qd.evolve(problem, method)
        with pytest.raises(MethodError, match="difference quotient"):
            qd.evolve(problem, method, backend="aer", shots=100, seed=1)
    with pytest.raises(MethodError, match="difference quotient"):
        qd.train(circuit, SparsePauliOp("ZI"), [0.6], steps=1)
    with pytest.raises(MethodError, match="difference quotient"):
        log_det_metric(circuit, [0.6])


def test_lines_are_believed_only_where_they_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor that calls the derivative of sin(p) constant is found out as well."""
    line = ansatz.from_circuit(turned(0.5 * P - 3 * Q + 0.2), [0.1, 0.4]).program.angles
    assert not line.curved
    np.testing.assert_allclose(line(np.array([0.1, 0.4]))[1], [0.5, -3.0])
    monkeypatch.setattr("qml_dynamics.methods.variational.ansatz.expressions._gradient", lambda angle, p: np.cos(0.3))
    with pytest.raises(MethodError, match="difference quotient"):
        ansatz.from_circuit(turned(P.sin()), [0.3])


def own(gradient: Callable[[np.ndarray], list[float]]) -> Any:
    """An ansatz of one's own: RY of the angle p**2."""
    curved = Curved(0, (0,), lambda t: float(t[0]) ** 2, gradient)
    angles = Angles(1, np.zeros(1), np.zeros(1, int), np.zeros(1, int), np.zeros(1), (curved,))
    turn = Rotation((0,), 0.5 * np.array([[0, -1j], [1j, 0]]), 0)
    program = Program(1, (turn,), angles, np.array([0.7]), ("p",))
    return SimpleNamespace(bind=lambda problem, h: program, circuit=lambda problem: turned_once())


def turned_once() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.ry(P**2, 0)
    return circuit


def test_programs_of_ones_own_are_checked_too() -> None:
    problem = qd.Problem.from_operator(SparsePauliOp("Z"), clock="imaginary", duration=0.2)
    with pytest.warns(UserWarning, match="starts at an angle"):
        run = qd.evolve(problem, qd.Variational(own(lambda t: [2 * t[0]]), steps=4))
    assert run.expectations["energy"].value[-1] < run.expectations["energy"].value[0] - 0.01
    with pytest.raises(MethodError, match=r"slot 0 by `p` is 0\.7 at 0\.7, and the quotient 1\.4"):
        qd.evolve(problem, qd.Variational(own(lambda t: [t[0]]), steps=4))


def test_the_circuit_that_a_device_runs_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its angles come from expressions of its own, beside those of the program."""
    problem = qd.Problem.from_operator(SparsePauliOp("Z"), clock="imaginary", duration=0.2)
    method = qd.Variational(own(lambda t: [2 * t[0]]), steps=4)
    Device(problem, hamiltonian(problem), method)
    monkeypatch.setattr(
        "qml_dynamics.methods.variational.ansatz.expressions._gradient", lambda angle, p: P if angle == P**2 else 0.0
    )
    with pytest.raises(MethodError, match=r"p\*\*2 of ry on qubits \[0\]"):
        Device(problem, hamiltonian(problem), method)


def test_a_cubed_angle_follows_the_closed_form() -> None:
    """H = Z in imaginary time: tanh^-1 of the energy falls by 2 tau."""
    circuit = QuantumCircuit(1)
    circuit.ry((2 * P) ** 3, 0)
    start = ansatz.from_circuit(circuit, [0.6])
    problem = qd.Problem.from_operator(SparsePauliOp("Z"), clock="imaginary", duration=0.4, initial=start.state())
    run = qd.evolve(problem, qd.Variational(start, steps=100, integrator="rk4"))
    exact = -np.tanh(0.8 - np.arctanh(np.cos(1.2**3)))
    assert exact == pytest.approx(-0.7433, abs=1e-4)
    assert run.expectations["energy"].value[-1] == pytest.approx(exact, abs=1e-5)


def test_data_are_part_of_the_point() -> None:
    """p/x is fine at the rows of the data, although the expression has no value at 0."""
    circuit = QuantumCircuit(1)
    circuit.ry(P / Parameter("x"), 0)
    trained = qd.train(circuit, "squared", [0.3], features=[[0.5], [2.0]], labels=[0.2, 0.1], inputs=["x"], steps=1)
    assert np.isfinite(trained.loss).all()
    with pytest.raises(MethodError, match="p/x"):
        qd.train(circuit, "squared", [0.3], features=[[0.0], [2.0]], labels=[0.2, 0.1], inputs=["x"], steps=1)
