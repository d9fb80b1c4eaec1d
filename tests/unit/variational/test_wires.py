"""One map of wires: of the device or the QNode, for circuit, operator, observable and loss alike. Oracle: PennyLane's own state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from qiskit.quantum_info import SparsePauliOp
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.methods.variational import ansatz
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.runs.problem_file import read_problem, write_problem
from qml_dynamics.runs.specification import described_method, stored_method

START = np.array([0.3, 1.1, -0.7])
LABELS: dict[str, tuple[Any, ...]] = {
    "two": (0, 1, 2),
    "mixed up": (2, 0, 1),
    "not from 0": (5, 3, 7),
    "letters": ("b", "a", "c"),
    "as text 10 < 2": ("q0", "q10", "q2"),
    "both kinds": (1, "0", 0),
}


def gates(labels: Sequence[Any]) -> Callable[[np.ndarray], None]:
    """An asymmetric circuit that names the last wire first."""

    def function(theta: np.ndarray) -> None:
        a, b, c = labels
        qml.RX(theta[2], wires=c)
        qml.RY(theta[0], wires=a)
        qml.RY(theta[1], wires=b)
        qml.CNOT([a, b])
        qml.RZ(0.4, wires=b)
        qml.CRY(0.9, wires=[b, c])

    return function


def node(labels: Sequence[Any], device: Any, result: Callable[[], Any]) -> Any:
    def function(theta: np.ndarray) -> Any:
        gates(labels)(theta)
        return result()

    return qml.QNode(function, device)


@pytest.mark.parametrize("device", ["in order", "reversed", "wider", "none"])
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_states_equal_pennylanes(labels: tuple[Any, ...], device: str) -> None:
    wires = {
        "in order": labels,
        "reversed": labels[::-1],
        "wider": ["idle", *labels[1:], "more", labels[0]],
        "none": None,
    }
    circuit = node(labels, qml.device("default.qubit", wires=wires[device]), qml.state)
    read, wanted = ansatz.from_pennylane(circuit, START), circuit(START)
    np.testing.assert_allclose(read.state(), wanted, atol=1e-12)
    assert len(read.wires) == read.num_qubits
    other = START[::-1] + 0.2
    np.testing.assert_allclose(read.state(other), circuit(other), atol=1e-12)
    turned = wanted.reshape((2,) * read.num_qubits).transpose().reshape(-1)
    assert abs(np.vdot(turned, wanted)) < 0.99


@pytest.mark.parametrize("labels", [LABELS["mixed up"], LABELS["letters"]], ids=str)
@pytest.mark.parametrize("kind", ["lightning.qubit", "function"])
def test_other_devices_and_plain_functions(kind: str, labels: tuple[Any, ...]) -> None:
    if kind == "function":
        read = ansatz.from_pennylane(gates(labels), START)
        wanted = node(labels, qml.device("default.qubit"), qml.state)(START)
    else:
        circuit = node(labels, qml.device(kind, wires=labels), qml.state)
        read, wanted = ansatz.from_pennylane(circuit, START), circuit(START)
    np.testing.assert_allclose(read.state(), wanted, atol=1e-7)
    assert np.ptp(np.abs(wanted)) > 0.01


def test_eleven_wires_are_not_sorted_as_text() -> None:
    names = [f"q{i}" for i in range(11)]

    def function(theta: np.ndarray) -> Any:
        for k, name in enumerate(names):
            qml.RY(theta[0] * (k + 1), wires=name)
        for a, b in zip(names, names[1:]):
            qml.CNOT([a, b])
        return qml.state()

    for wires in (names, None):
        circuit = qml.QNode(function, qml.device("default.qubit", wires=wires))
        np.testing.assert_allclose(ansatz.from_pennylane(circuit, [0.13]).state(), circuit([0.13]), atol=1e-12)
        assert circuit([0.13]).shape == (2**11,)


def test_measured_wires_count_and_transforms_are_applied() -> None:
    circuit = node((5, 3, 7), qml.device("default.qubit"), lambda: qml.expval(qml.Z(9)))
    assert ansatz.from_pennylane(circuit, START).wires == (7, 5, 3, 9)
    moved = qml.map_wires(node((5, 3, 7), qml.device("default.qubit"), qml.state), {5: "x", 3: "y", 7: "z"})
    assert ansatz.from_pennylane(moved, START).wires == ("z", "x", "y")
    np.testing.assert_allclose(ansatz.from_pennylane(moved, START).state(), moved(START), atol=1e-12)


def operators(labels: Sequence[Any]) -> dict[str, Any]:
    a, b, c = labels
    return {
        "one wire": qml.Z(a),
        "the last": qml.Z(c),
        "a product": qml.X(c) @ qml.Y(a),
        "a sum": qml.Z(b) + 0.5 * qml.X(c) @ qml.Z(a) - 0.3 * qml.Y(b),
        "Hamiltonian": qml.Hamiltonian([0.7, -0.2], [qml.Z(c) @ qml.Y(b), qml.X(a)]),
        "Hermitian": qml.Hermitian(
            np.array([[1, 0.2j, 0, 0.5], [-0.2j, 2, 0, 0], [0, 0, -1, 0.3], [0.5, 0, 0.3, 0.4]]), wires=[c, a]
        ),
        "projector": qml.Projector([0, 1], wires=[b, a]),
    }


@pytest.mark.parametrize("device", ["in order", "none"])
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_losses_of_train(labels: tuple[Any, ...], device: str) -> None:
    made = qml.device("default.qubit", wires=labels if device == "in order" else None)
    seen = []
    for operator in operators(labels).values():
        circuit = node(labels, made, lambda operator=operator: qml.expval(operator))
        trained = qd.train(circuit, operator, START, steps=1)
        assert trained.loss[0] == pytest.approx(float(circuit(START)), abs=1e-10)
        seen.append(trained.loss[0])
    assert len(set(np.round(seen, 6))) == len(seen)
    with pytest.raises(ProblemError, match=r"`loss` must act on the wires .* but acts on 'elsewhere'"):
        qd.train(circuit, qml.Z("elsewhere"), START, steps=1)


def test_the_first_wire_that_is_named() -> None:
    """RY(.3) on wire 1, RY(1.1) on wire 2, CNOT([1, 2]): <Z_1> = cos .3."""

    def function(theta: np.ndarray) -> Any:
        qml.RY(theta[0], wires=1)
        qml.RY(theta[1], wires=2)
        qml.CNOT([1, 2])
        return qml.expval(qml.Z(1))

    circuit = qml.QNode(function, qml.device("default.qubit"))
    first = qd.train(circuit, qml.Z(1), START[:2], steps=1).loss[0]
    assert first == pytest.approx(np.cos(0.3), abs=1e-12)
    second = qd.train(circuit, qml.Z(2), START[:2], steps=1).loss[0]
    assert second == pytest.approx(np.cos(0.3) * np.cos(1.1), abs=1e-12)


def test_observables_of_train() -> None:
    labels = LABELS["letters"]
    rows, targets = np.array([[0.4], [1.2]]), np.array([0.1, -0.2])

    def function(row: np.ndarray, theta: np.ndarray) -> Any:
        qml.RX(row[0], wires=labels[1])
        gates(labels)(theta)
        return qml.expval(qml.Z("a")), qml.expval(qml.X("c") @ qml.Z("b"))

    circuit = qml.QNode(function, qml.device("default.qubit", wires=labels))
    both = [qml.Z("a"), qml.X("c") @ qml.Z("b")]

    def loss(outputs: np.ndarray, labels: Any) -> np.ndarray:
        return outputs @ [1.0, 0.25]

    trained = qd.train(circuit, loss, START, features=rows, labels=targets, observable=both, steps=1)
    wanted = np.mean([np.dot(np.array(circuit(row, START), float), [1.0, 0.25]) for row in rows])
    assert trained.loss[0] == pytest.approx(wanted, abs=1e-10)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_operators_alone_keep_their_own_order(labels: tuple[Any, ...]) -> None:
    h = operators(labels)["a sum"]
    problem = qd.Problem.from_operator(h, clock="real", duration=0.7, initial=np.arange(1, 9) + 0.5j)
    assert problem.wires == tuple(h.wires)
    np.testing.assert_allclose(qd.hamiltonian(problem).matrix(), qml.matrix(h), atol=1e-12)
    psi = expm(-0.7j * qml.matrix(h)) @ problem.initial.vector(problem.domain).reshape(-1)
    for method in (qd.Exact(), qd.Krylov()):
        run = qd.evolve(problem, method, observables=operators(labels))
        for name, operator in operators(labels).items():
            wanted = np.vdot(psi, qml.matrix(operator, wire_order=h.wires) @ psi).real
            assert run.expectations[name].value[-1] == pytest.approx(wanted, abs=1e-7)
    sampled = qd.evolve(
        problem, qd.Trotter(12), backend="aer", shots=20_000, seed=3, observables={"o": qml.Z(labels[2])}
    )
    wanted = np.vdot(psi, qml.matrix(qml.Z(labels[2]), wire_order=h.wires) @ psi).real
    assert abs(sampled.expectations["o"].value[-1] - wanted) < 0.01 + 5 * sampled.expectations["o"].stderr[-1]


def test_a_wire_that_the_problem_does_not_have_is_refused_by_name() -> None:
    problem = qd.Problem.from_operator(qml.X(0) @ qml.Z(2), clock="real", duration=0.1)
    with pytest.raises(ProblemError, match=r"observables\['o'\]` must act on the wires \[0, 2\], but acts on 1"):
        qd.evolve(problem, qd.Exact(), observables={"o": qml.X(0) @ qml.Z(1)})
    plain = qd.Problem.from_operator(SparsePauliOp(["XY", "ZI"]), clock="real", duration=0.1)
    with pytest.raises(ProblemError, match=r"wires \[0, 1\], but acts on 'a'"):
        qd.evolve(plain, qd.Exact(), observables={"o": qml.X("a") @ qml.Z("b")})
    run = qd.evolve(plain, qd.Exact(), observables={"o": qml.Z(0), "same": SparsePauliOp("ZI")})
    np.testing.assert_allclose(run.expectations["o"].value, run.expectations["same"].value, atol=1e-11)
    with pytest.raises(ProblemError, match=r"wires \[0, 1\], but acts on 4"):
        qd.Problem.from_operator(qml.X(4), clock="real", duration=0.1, wires=[0, 1])
    for wires in ([0], [0, 0, 1], [0.5, 1], "ab", 3):
        with pytest.raises(ProblemError, match="wires"):
            qd.Problem.from_operator(SparsePauliOp("XY"), clock="real", duration=0.1, wires=wires)


@pytest.mark.parametrize("stated", ["own order", "wires given", "initial is the ansatz"])
def test_variational_runs_match_wires(stated: str) -> None:
    """The QNode's device has another order than the operator."""
    labels = LABELS["mixed up"]
    start = ansatz.from_pennylane(node(labels, qml.device("default.qubit", wires=labels), qml.state), START)
    h = qml.Z(1) + 0.5 * qml.X(2) @ qml.Z(0) - 0.3 * qml.Y(1)
    assert tuple(h.wires) != labels
    options: dict[str, Any] = {
        "own order": {},
        "wires given": {"wires": labels, "initial": start.state()},
        "initial is the ansatz": {"initial": start},
    }[stated]
    problem = qd.Problem.from_operator(h, clock="imaginary", duration=0.3, **options)
    assert problem.wires == (tuple(h.wires) if stated == "own order" else labels)
    if stated == "own order":
        problem = qd.Problem.from_operator(h, clock="imaginary", duration=0.3, initial=start, wires=problem.wires)
    wave = start.state()
    observables = {"Z2": qml.Z(2), "X0Y1": qml.X(0) @ qml.Y(1)}
    run = qd.evolve(problem, qd.Variational(start, steps=3), observables=observables)
    assert run.diagnostics["start_angle"] < 1e-6
    for name, operator in {"energy": h, **observables}.items():
        wanted = np.vdot(wave, qml.matrix(operator, wire_order=labels) @ wave).real
        assert run.expectations[name].value[0] == pytest.approx(wanted, abs=1e-10)
    exact = qd.evolve(problem, qd.Exact(), observables=observables)
    flown = expm(-0.3 * qml.matrix(h, wire_order=labels)) @ wave
    flown /= np.linalg.norm(flown)
    wanted = np.vdot(flown, qml.matrix(observables["X0Y1"], wire_order=labels) @ flown).real
    assert exact.expectations["X0Y1"].value[-1] == pytest.approx(wanted, abs=1e-9)
    measured = qd.evolve(
        problem, qd.Variational(start, steps=1), backend="aer", shots=20_000, seed=2, observables=observables
    )
    for name in ("energy", "Z2", "X0Y1"):
        gap = measured.expectations[name].value[0] - run.expectations[name].value[0]
        assert abs(gap) < 5 * measured.expectations[name].stderr[0]


def test_observables_by_the_wires_of_the_ansatz() -> None:
    """An operator without labels takes those of the QNode."""
    labels = LABELS["letters"]
    start = ansatz.from_pennylane(node(labels, qml.device("default.qubit", wires=labels), qml.state), START)
    operator = SparsePauliOp(["ZII", "IXY"], [1.0, 0.4])
    problem = qd.Problem.from_operator(operator, clock="imaginary", duration=0.1)
    with pytest.warns(UserWarning, match="starts at an angle"):
        run = qd.evolve(problem, qd.Variational(start, steps=1), observables={"c": qml.Z("c")})
    wave = start.state()
    wanted = np.vdot(wave, qml.matrix(qml.Z("c"), wire_order=labels) @ wave).real
    assert run.expectations["c"].value[0] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("operator", ["1.0 Z0 + 0.2 X1", {"ZII": 1.0, "IXI": 0.2}], ids=["by index", "by place"])
def test_an_operator_by_index_beside_an_ansatz_on_these_indices_in_any_order(operator: Any, order: Any) -> None:
    """The energy and the same operator observed are one number, that of the QNode's own wires."""
    start = ansatz.from_pennylane(node((1, 0, 2), qml.device("default.qubit", wires=order), qml.state), START)
    problem = qd.Problem.from_operator(operator, num_qubits=3, clock="imaginary", duration=0.1)
    seen = {"text": "Z0 + 0.2 X1", "pennylane": qml.Z(0) + 0.2 * qml.X(1)}
    with pytest.warns(UserWarning, match="starts at an angle"):
        run = qd.evolve(problem, qd.Variational(start, steps=1), observables=seen)
    wave = start.state()
    wanted = np.vdot(wave, qml.matrix(seen["pennylane"], wire_order=order) @ wave).real
    assert abs(wanted - np.vdot(wave, qml.matrix(qml.Z(1) + 0.2 * qml.X(0), wire_order=order) @ wave).real) > 0.1
    for name in ("energy", *seen):
        assert run.expectations[name].value[0] == pytest.approx(wanted, abs=1e-10)


def test_an_ansatz_whose_labels_are_indices_of_other_qubits_is_refused() -> None:
    labels = (2, 5, 0)
    start = ansatz.from_pennylane(node(labels, qml.device("default.qubit", wires=labels), qml.state), START)
    with pytest.raises(MethodError, match=r"no indices of other qubits, .* but has \[2, 5, 0\]"):
        qd.evolve(qd.Problem.from_operator("Z0 + X2", clock="imaginary", duration=0.1), qd.Variational(start, steps=1))
    named = qd.Problem.from_operator("Z0 + X2", wires=labels, clock="imaginary", duration=0.1, initial=start)
    assert qd.evolve(named, qd.Variational(start, steps=1)).diagnostics["start_angle"] < 1e-6


def test_wires_of_problem_and_ansatz_that_do_not_match_are_refused() -> None:
    start = ansatz.from_pennylane(node((0, 1, 2), qml.device("default.qubit", wires=3), qml.state), START)
    problem = qd.Problem.from_operator(qml.Z(0) @ qml.X(1) @ qml.Y(5), clock="imaginary", duration=0.1)
    with pytest.raises(MethodError, match=r"must have the wires of the problem, \[0, 1, 5\], but has \[0, 1, 2\]"):
        qd.evolve(problem, qd.Variational(start, steps=1))
    with pytest.raises(ProblemError, match="wires"):
        qd.Problem.from_operator(qml.Z(0) @ qml.X(5), clock="imaginary", duration=0.1, initial=start)
    with pytest.raises(MethodError, match="wires of its device"):
        ansatz.from_pennylane(node((0, 1, 9), qml.device("default.qubit", wires=3), qml.state), START)


def test_wires_are_stored(tmp_path: Any) -> None:
    h = qml.X("b") @ qml.Z(3) + 0.5 * qml.Y(3)
    problem = qd.Problem.from_operator(h, clock="real", duration=0.1)
    write_problem(problem, tmp_path / "problem.toml")
    again = read_problem(tmp_path / "problem.toml").problem
    assert again.wires == problem.wires == ("b", 3)
    np.testing.assert_allclose(pauli_sum(again.operator).matrix(), qml.matrix(h), atol=1e-11)
    start = ansatz.from_pennylane(node((2, 0, "x"), qml.device("default.qubit"), qml.state), START)
    spec, files = described_method(qd.Variational(start, steps=1))
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    read = stored_method(spec, tmp_path, {}).ansatz
    assert read.wires == start.wires
    np.testing.assert_allclose(read.state(), start.state(), atol=1e-11)


def test_backends_take_the_wires_of_a_device_in_its_order() -> None:
    problem = qd.Problem.from_operator(
        qml.Z(0) @ qml.X(1) + 0.4 * qml.Y(1), clock="real", duration=0.5, initial=[1, 2, 3j, 1]
    )
    exact = qd.evolve(problem, qd.Trotter(4)).states[-1]
    for wires in ([2, 0, 1], ["b", "a"]):
        run = qd.evolve(problem, qd.Trotter(4), backend=qml.device("default.qubit", wires=wires))
        np.testing.assert_allclose(run.states[-1], exact, atol=1e-10)
    assert np.abs(exact.reshape(2, 2) - exact.reshape(2, 2).T).max() > 0.01  # the two qubits are not alike


class RX(qml.operation.Operation):
    """A gate of one's own with the name of another: a turn about y."""

    num_params = 1
    num_wires = 1
    ndim_params = (0,)

    @staticmethod
    def compute_decomposition(angle: Any, wires: Any) -> list[Any]:
        return [qml.RY(2 * angle, wires=wires)]


def test_operations_are_known_by_their_class() -> None:
    def function(angle: float) -> None:
        RX(angle, wires=0)
        qml.CNOT([0, 1])

    read = ansatz.from_pennylane(function, 0.4)
    np.testing.assert_allclose(read.state(), [np.cos(0.4), 0, 0, np.sin(0.4)], atol=1e-12)
    assert len(read.state()) == 4


@pytest.mark.parametrize(
    "curve", [np.abs, np.sin, lambda t: t * t, lambda t: max(t, 0.0), lambda t: t if abs(t) < 4 else 4.0]
)
def test_angles_of_a_qnode_are_lines_on_both_sides(curve: Any) -> None:
    with pytest.raises(MethodError, match="affine"):
        ansatz.from_pennylane(lambda t: qml.RX(curve(t), wires=0), 3.0)


def test_channels_are_refused_by_name() -> None:
    with pytest.raises(MethodError, match="DepolarizingChannel"):
        ansatz.from_pennylane(lambda t: (qml.RX(t, wires=0), qml.DepolarizingChannel(0.1, wires=0)), 0.3)


SUM = 0.7 * qml.X(0) @ qml.Z(1) + 0.3 * qml.Y(1)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (lambda t: qml.adjoint(qml.TrotterProduct(SUM, t, n=2, order=2)), r"take other angles, but has Adjoint\(Evol"),
        (
            lambda t: qml.ctrl(qml.TrotterProduct(SUM, t, order=2), control=2),
            r"take other angles, but has C\(Evolution",
        ),
        (lambda t: qml.QDrift(SUM, t, n=3), "has QDrift without a seed: give QDrift a seed"),
        (lambda t: qml.adjoint(qml.QDrift(SUM, t, n=3)), r"has Adjoint\(QDrift\) without a seed: give QDrift a seed"),
    ],
)
def test_product_formulas_that_pennylane_cannot_bind_are_refused_by_name(operation: Any, words: str) -> None:
    with pytest.raises(MethodError, match=words):
        ansatz.from_pennylane(operation, 0.3)
