"""Initial waves as people bring them: circuits, state vectors, arrays, labels, sparse vectors; and what their circuits cost."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    PowerModifier,
)
from qiskit.circuit.library import PermutationGate, QFTGate, RXGate, RYGate, XGate, phase_estimation
from qiskit.quantum_info import Clifford, Operator, Statevector

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.model.circuit_state import CircuitState, SparseState
from qml_dynamics.model.domains import Hypercube
from qml_dynamics.model.initial import State
from qml_dynamics.synthesis.qasm import from_qasm3, to_qasm3
from qml_dynamics.synthesis.sparse_states import sparse
from qml_dynamics.synthesis.states import prepare

H = {"ZZI": 1.0, "IXY": 0.5}


def problem(initial: object, operator: object = None) -> qd.Problem:
    return qd.Problem.from_operator(H if operator is None else operator, clock="real", duration=1.0, initial=initial)


def asymmetric() -> QuantumCircuit:
    """Every qubit differs, amplitudes are complex, and the global phase counts."""
    circuit = QuantumCircuit(3, global_phase=0.3)
    circuit.h(0)
    circuit.u(0.4, 0.7, -0.2, 1)
    circuit.cx(0, 2)
    circuit.append(RYGate(0.6).control(2, ctrl_state=1, annotated=False), [0, 1, 2])
    circuit.barrier()
    circuit.append(QFTGate(2), [2, 0])
    circuit.sx(1)
    circuit.swap(0, 1)
    circuit.cp(0.3, 2, 1)
    return circuit


def of(circuit: QuantumCircuit) -> np.ndarray:
    return np.asarray(Statevector(circuit).data)


VECTOR = of(asymmetric())
KINDS = {
    "circuit": asymmetric(),
    "Statevector": Statevector(VECTOR),
    "array": VECTOR,
    "array of the domain's shape": VECTOR.reshape(2, 2, 2),
    "list": VECTOR.tolist(),
    "by label": {f"{j:03b}": c for j, c in enumerate(VECTOR)},
    "column": scipy.sparse.csc_matrix(VECTOR.reshape(-1, 1)),
    "row": scipy.sparse.csr_matrix(VECTOR.reshape(1, -1)),
    "dense column": VECTOR.reshape(-1, 1),
    "dense row": VECTOR.reshape(1, -1).tolist(),
    "one axis": scipy.sparse.coo_array(VECTOR),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_the_same_wave(kind):
    """Phase included; `replace` takes them too; the prepared circuit has them, phase included."""
    assert np.abs(VECTOR[1] - VECTOR[4]) > 0.1
    made = problem(KINDS[kind])
    np.testing.assert_allclose(made.initial.vector(made.domain).reshape(-1), VECTOR, atol=1e-14)
    other = problem(None).replace(initial=KINDS[kind])
    np.testing.assert_allclose(other.initial.vector(other.domain).reshape(-1), VECTOR, atol=1e-14)
    prepared = of(prepare(made.initial, made.domain))
    assert abs(np.vdot(prepared, VECTOR)) == pytest.approx(1.0, abs=1e-12)
    if kind == "circuit":
        np.testing.assert_allclose(prepared, VECTOR, atol=1e-12)


def modified(base: Gate, *modifiers: object) -> AnnotatedOperation:
    return AnnotatedOperation(base, list(modifiers))


UNOPENED = {
    "permutation": PermutationGate([2, 0, 3, 1]),
    "wide permutation": PermutationGate([5, 2, 0, 3, 1, 4]),
    "controlled on 0, a power, the inverse": modified(
        RXGate(0.4), ControlModifier(1, ctrl_state=0), PowerModifier(2.5), InverseModifier()
    ),
    "controlled twice": modified(RYGate(0.7), ControlModifier(2, ctrl_state=1)),
    "modified twice": modified(modified(RYGate(0.7), InverseModifier()), ControlModifier(1)),
    "a permutation under a control": modified(PermutationGate([1, 2, 0]), ControlModifier(1)),
    "phase estimation": phase_estimation(2, RXGate(0.3).definition).to_gate(),
}


@pytest.mark.parametrize("kind", list(UNOPENED))
def test_gates_of_qiskit_without_a_definition_are_opened(kind):
    """What its own simulator does, phase included, on qubits that all differ; as an ansatz too, and in a text there and back."""
    gate = UNOPENED[kind]
    n = gate.num_qubits
    circuit = QuantumCircuit(n, global_phase=0.2)
    for q in range(n):
        circuit.u(0.3 + q, 0.5 * q, -0.2, q)
    before = of(circuit)
    circuit.append(gate, list(reversed(range(n))))
    wanted = Operator(circuit).data[:, 0]
    assert abs(np.vdot(before, wanted)) < 0.999
    made = problem(circuit, {"Z" * n: 1.0})
    np.testing.assert_allclose(made.initial.vector(made.domain).reshape(-1), wanted, atol=1e-10)
    assert abs(np.vdot(qd.ansatz.from_circuit(circuit).state(), wanted)) == pytest.approx(1.0, abs=1e-10)
    assert abs(np.vdot(of(from_qasm3(to_qasm3(circuit))), wanted)) == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("width", [1, 2, 8])
def test_a_basis_state_takes_x_gates_only(width):
    """However it was given; the label's first digit is the highest qubit."""
    label = ("01" * 4)[-width:]
    wave = np.zeros(1 << width, dtype=complex)
    wave[int(label, 2)] = -1j
    for given in (label, {label: 2.0}, wave, Statevector.from_label(label), scipy.sparse.csr_matrix(wave)):
        made = problem(given, {"Z" * width: 1.0})
        circuit = prepare(made.initial, made.domain)
        assert set(circuit.count_ops()) <= {"x"}
        assert circuit.count_ops().get("x", 0) == label.count("1")
        np.testing.assert_allclose(of(circuit), made.initial.vector(made.domain).reshape(-1), atol=1e-14)
    assert problem("001").initial.vector(Hypercube(3))[0, 0, 1] == 1.0


@pytest.mark.parametrize(
    ("n", "count", "real"), [(3, 2, True), (5, 3, False), (6, 7, False), (8, 12, True), (8, 30, False)]
)
def test_sparse_waves_are_prepared(n, count, real):
    """By merging basis states: the wave with its phase."""
    rng = np.random.default_rng(n * count)
    index = rng.choice(1 << n, count, replace=False)
    values = rng.normal(size=count) + (0 if real else 1j * rng.normal(size=count))
    values /= np.linalg.norm(values)
    wave = np.zeros(1 << n, dtype=complex)
    wave[index] = values
    np.testing.assert_allclose(of(sparse(dict(zip(index.tolist(), values.tolist())), n)), wave, atol=1e-12)
    assert np.count_nonzero(wave) == count < 1 << n


def test_sparse_waves_are_cheap_and_wide():
    """A cat state of 40 qubits takes 39 CX and one rotation; on 8 qubits no tree of 254 CX."""
    cat = {"0" * 40: 1.0, "1" * 40: 1.0}
    made = qd.Problem.from_operator({"Z0 Z39": 1.0}, clock="real", duration=1.0, initial=cat)
    start = qd.circuits(made, qd.Trotter(1))[0]
    assert start.num_qubits == 40
    assert start.count_ops()["cx"] == 39
    wave = np.zeros(256)
    wave[[0, 255]] = 0.6, -0.8
    assert prepare(State(wave), Hypercube(8)).count_ops()["cx"] == 7
    with pytest.raises(MethodError, match="of memory"):
        qd.Problem.from_operator({"Z0 Z69": 1.0}, clock="real", duration=1.0, initial="01" * 35).initial.vector(
            Hypercube(70)
        )


def test_circuits_are_run_from_their_own_start():
    """The evolution by circuits agrees with the exact one, and a wider circuit is composed as it is."""
    made = problem(asymmetric())
    exact = qd.evolve(made, qd.Exact())
    trotter = qd.evolve(made, qd.Trotter(60), backend="statevector")
    overlap = abs(np.vdot(exact.states[-1], trotter.states[-1]))
    assert 0.9999 < overlap <= 1 + 1e-9
    wide = QuantumCircuit(70)
    wide.h(0)
    for q in range(69):
        wide.cx(q, q + 1)
    start = qd.circuits(problem(wide, {"Z0 Z69": 1.0}), qd.Trotter(1))[0]
    assert dict(start.count_ops())["cx"] == 69


def test_grids_take_them_too():
    """Two axes; the label runs over the qubits of the first axis, then of the second."""
    grid = qd.Grid([(-1, 1), (0, 1)], (2, 1))
    bowl = qd.Problem(grid, lambda w: (w**2).sum(1), 0.5, clock="real", duration=1.0, initial="101")
    wave = bowl.initial.vector(grid)
    assert wave.shape == (4, 2)
    assert wave[2, 1] == 1.0
    again = bowl.replace(initial=np.arange(1.0, 9.0))
    assert again.initial.vector(grid)[3, 1] == pytest.approx(8 / np.linalg.norm(np.arange(1.0, 9.0)))


@pytest.mark.parametrize(
    "initial", ["101", {"100": 0.6, "001": -0.8j}, asymmetric(), VECTOR], ids=["label", "sparse", "circuit", "array"]
)
def test_problem_files_hold_them(tmp_path, initial):
    """There and back, to the last bit but for the norm."""
    made = problem(initial)
    path = qd.write_problem(made, tmp_path / "problem.toml")
    again = qd.read_problem(path).problem
    assert type(again.initial) is type(made.initial)
    np.testing.assert_allclose(again.initial.vector(again.domain), made.initial.vector(made.domain), atol=1e-15)


def measured_on_the_way() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.h(0)
    return circuit


def reset_on_the_way() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.reset(0)
    return circuit


def with_a_parameter() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.rx(Parameter("a"), 0)
    return circuit


@pytest.mark.parametrize(
    ("initial", "words"),
    [
        (measured_on_the_way(), "`measure` on qubit 0"),
        (reset_on_the_way(), "`reset` on qubit 0"),
        (with_a_parameter(), "none for a"),
        (QuantumCircuit(2), "circuit on 3 qubits"),
        ("01", "3 digits"),
        ("0+1", "digits 0 and 1"),
        ({"01x": 1.0}, "digits 0 and 1"),
        ({"010": "one"}, "numbers as amplitudes"),
        ({"010": 0.0}, "not all zero"),
        ({}, "digits 0 and 1"),
        (np.ones(4), "shape"),
        (np.zeros(8), "not all zero"),
        (scipy.sparse.eye_array(8), "vector"),
        (scipy.sparse.csr_matrix(np.ones((1, 4))), "3 digits"),
        (3.0, "be an initial wave"),
        (Statevector, "be an initial wave"),
    ],
)
def test_what_is_no_wave_is_named(initial, words):
    """In one line, and in that of `replace` too."""
    for ask in (lambda: problem(initial), lambda: problem(None).replace(initial=initial)):
        with pytest.raises(ProblemError, match=r"^Argument `[a-z]+` must [^\n]*$") as caught:
            ask()
        assert words in str(caught.value)


def test_measurements_at_the_end_and_resets_at_the_start_change_nothing():
    """As `initialize` writes them."""
    circuit = QuantumCircuit(3)
    circuit.initialize(VECTOR, range(3))
    circuit.measure_all()
    made = problem(circuit)
    np.testing.assert_allclose(abs(np.vdot(made.initial.vector(made.domain).reshape(-1), VECTOR)), 1.0, atol=1e-12)
    assert isinstance(made.initial, CircuitState)
    clifford = QuantumCircuit(3)
    clifford.append(Clifford(XGate()), [1])
    np.testing.assert_allclose(problem(clifford).initial.vector(Hypercube(3))[0, 1, 0], 1.0)


@pytest.mark.parametrize(
    ("gates", "words"),
    [(("h",), "texts like"), (("foo 0",), "standard gates"), (("cx 0 0",), "standard gates"), (("x 3",), "standard gates"),
     (("rz(a) 0",), "texts like"), (("rz(nan) 0",), "standard gates"), ("h 0", "list of texts")],
)  # fmt: skip
def test_lists_of_gates_are_checked(gates, words):
    """They may come from a file of somebody else."""
    with pytest.raises(ProblemError, match=words):
        CircuitState(3, gates)


def test_sparse_states_are_checked():
    """One label each, of one length."""
    for labels, parts in ((("01", "1"), (1, 1)), (("01", "01"), (1, 1)), (("01",), (1, 2)), (("01",), (np.nan,))):
        with pytest.raises(ProblemError, match=r"labels|amplitudes"):
            SparseState(labels, parts)
