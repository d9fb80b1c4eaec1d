"""Circuits of imaginary time against dense matrices: signs, bit order, blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Statevector

from qml_dynamics import Grid, Hypercube, ProbabilisticITE, Problem, hamiltonian
from qml_dynamics.model.formulas import Factor, by_order
from qml_dynamics.model.pauli import PauliSum, pauli_sum
from qml_dynamics.synthesis.imaginary import (
    SIGN,
    Diagonals,
    double_bracket_step,
    momentum_series,
    pauli_rotation,
    pauli_steps,
    product_series,
    real_time,
    without_pairs,
    zero_phase,
)
from qml_dynamics.synthesis.p_register import Register
from qml_dynamics.synthesis.probabilistic import deferred, probabilistic_blocks, reused
from qml_dynamics.synthesis.transforms import fourier, width
from qml_dynamics.synthesis.walsh import diagonal, walsh_series

RNG = np.random.default_rng(11)
LETTERS = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1, -1])}


def dense(label: str) -> np.ndarray:
    out = np.eye(1)
    for letter in label:
        out = np.kron(out, LETTERS[letter])
    return out


def skewed(w: np.ndarray) -> np.ndarray:
    return 0.5 * (w[:, 0] - 0.4) ** 2 + 0.7 * w[:, 0] + 0.3 * w.sum(axis=1) ** 2


def problem(domain: Any, diffusion: Any = 0.3) -> Problem:
    return Problem(domain, skewed, diffusion, clock="imaginary", duration=0.4)


DOMAINS = {
    "periodic": Grid((-2, 3), 3),
    "twisted": Grid((-2, 3), 3, twist=0.2),
    "walls": Grid((-2, 3), 3, boundary="walls"),
    "plane": Grid([(-2, 3), (0, 1)], (2, 1)),
    "walled plane": Grid([(-2, 3), (0, 1)], (2, 1), boundary="walls"),
    "cube": Hypercube(3),
}


@pytest.mark.parametrize("label", ["XYZ", "IZY", "YII", "ZXX", "III"])
def test_pauli_rotation_is_the_exponential(label: str) -> None:
    terms = pauli_sum(dense(label))
    circuit = QuantumCircuit(3)
    pauli_rotation(int(terms.x[0]), int(terms.z[0]), 0.37, circuit)
    assert np.allclose(Operator(circuit).data, scipy.linalg.expm(-0.37j * dense(label)), atol=1e-12)


@pytest.mark.parametrize(("order", "ratio"), [(1, 4.0), (2, 8.0), (4, 32.0)])
def test_pauli_steps_have_their_order(order: int, ratio: float) -> None:
    terms = pauli_sum(0.8 * dense("XIZ") - 0.5 * dense("YYI") + 0.3 * dense("ZZX"))
    errors = []
    for time in (0.2, 0.1):
        circuit = QuantumCircuit(3)
        pauli_steps(terms, time, by_order(order), circuit)
        errors.append(np.linalg.norm(Operator(circuit).data - scipy.linalg.expm(-1j * time * terms.matrix()), 2))
    assert errors[0] > 1e-9
    assert errors[0] / errors[1] == pytest.approx(ratio, rel=0.15)


def test_product_series_is_the_product() -> None:
    f, g = RNG.normal(size=8), RNG.normal(size=4)
    values = product_series(walsh_series(f), walsh_series(g)).values()
    assert np.allclose(values.reshape(4, 8), np.outer(g, f), atol=1e-12)


def test_momentum_series_shifts_the_register_to_the_left() -> None:
    register = Register(6, 9.0, 5.0)
    wave = register.profile / np.linalg.norm(register.profile)
    circuit = QuantumCircuit(6)
    circuit.initialize(wave.astype(complex), range(6))
    fourier(circuit, range(6))
    diagonal(momentum_series(register), -1.3, circuit, range(6))
    fourier(circuit, range(6), inverse=True)
    moved = Statevector(circuit).data * np.linalg.norm(register.profile)
    assert np.allclose(moved, register.shifted(np.array([1.3]))[0], atol=1e-10)
    peak = register.points[np.abs(moved).argmax()]
    assert -2.0 < peak < -0.8  # the profile's peak at 0 went to -1.3, not to +1.3


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("kind", ["V", "K"])
def test_diagonals_carry_the_sign_of_the_ancilla(name: str, kind: str) -> None:
    domain = DOMAINS[name]
    h = hamiltonian(problem(domain))
    part = h.zeta.reshape(-1) - h.zeta.min()
    if kind == "K":
        matrix = np.array([h.combine(row.reshape(domain.shape), 1.0, 0.0).reshape(-1) for row in np.eye(domain.size)]).T
        matrix = matrix - h.dual.min() * np.eye(domain.size)
    else:
        matrix = np.diag(part)
    base = width(domain)
    circuit = QuantumCircuit(base + 1)
    Diagonals(h, SIGN).append(Factor(kind, 0.21), 1.0, circuit, [base])
    psi = RNG.normal(size=domain.size) + 1j * RNG.normal(size=domain.size)
    psi /= np.linalg.norm(psi)
    for bit, sign in ((0, 1.0), (1, -1.0)):
        start = np.zeros(1 << (base + 1), dtype=complex)
        start[bit << base : (bit << base) + domain.size] = psi
        out = Statevector(start).evolve(circuit).data.reshape(2, -1)[bit]
        wanted = scipy.linalg.expm(-0.21j * sign * matrix) @ psi
        assert np.allclose(out[: domain.size], wanted, atol=1e-10)
        assert np.abs(out[domain.size :]).max(initial=0.0) < 1e-10


def block_matrix(block: QuantumCircuit, size: int) -> np.ndarray:
    """What outcome 0 of the highest qubit does to the lowest amplitudes."""
    return Operator(block).data[:size, :size]


@pytest.mark.parametrize("name", DOMAINS)
def test_exact_blocks_multiply_to_the_split_step(name: str) -> None:
    domain = DOMAINS[name]
    p = problem(domain)
    h = hamiltonian(p)
    (blocks,) = probabilistic_blocks(p, h, ProbabilisticITE(0.9, 1, block="exact"), [0.0, 0.4], lambda a, b: 0.0)
    out = np.eye(domain.size, dtype=complex)
    for block in blocks:
        m = block_matrix(block, domain.size)
        out = m @ out
    kinetic = np.array([h.combine(row.reshape(domain.shape), 0.3, 0.0).reshape(-1) for row in np.eye(domain.size)]).T
    kinetic = kinetic - 0.3 * h.dual.min() * np.eye(domain.size)
    half = np.diag(np.exp(-0.2 * (h.zeta.reshape(-1) - h.zeta.min())))
    wanted = 0.9 ** len(blocks) * half @ scipy.linalg.expm(-0.4 * kinetic) @ half
    assert np.allclose(out, wanted, atol=1e-12)
    assert len(blocks) == 2 + domain.ndim


@pytest.mark.parametrize("name", ["periodic", "walls", "cube"])
def test_linear_blocks_are_the_cosine(name: str) -> None:
    domain = DOMAINS[name]
    p = problem(domain, 0.0)  # one diagonal, so that no splitting error hides a wrong sign
    h = hamiltonian(p)
    low = float(h.zeta.min())
    (blocks,) = probabilistic_blocks(p, h, ProbabilisticITE(0.8, 4), [0.0, 0.4], lambda a, b: low * (b - a))
    x = 0.8 / 0.6 * 0.1 * (h.zeta.reshape(-1) - low)
    assert np.allclose(block_matrix(blocks[0], domain.size), np.diag(np.cos(np.arccos(0.8) + x)), atol=1e-12)
    assert len(blocks) == 4


def test_linear_blocks_of_an_operator_with_its_own_shift() -> None:
    matrix = 0.7 * dense("ZZI") - 0.4 * dense("IZI") + 0.2 * dense("III")
    p = Problem.from_operator(matrix, clock="imaginary", duration=0.3)
    method = ProbabilisticITE(0.8, 1, order=1, shift=-0.9)
    (blocks,) = probabilistic_blocks(p, hamiltonian(p), method, [0.0, 0.3], lambda a, b: 0.0)
    x = 0.8 / 0.6 * 0.3 * (np.diag(matrix).real + 0.9)
    assert np.allclose(block_matrix(blocks[0], 8), np.diag(np.cos(np.arccos(0.8) + x)), atol=1e-12)


def test_deferred_and_reused_circuits_hold_the_same_blocks() -> None:
    p = problem(DOMAINS["cube"])
    (blocks,) = probabilistic_blocks(
        p, hamiltonian(p), ProbabilisticITE(1, 1, block="exact"), [0.0, 0.4], lambda a, b: 0.0
    )
    start = QuantumCircuit(3)
    start.h(range(3))
    fresh, again = deferred(start, blocks), reused(start, blocks)
    assert (fresh.num_qubits, again.num_qubits, again.num_clbits) == (3 + len(blocks), 4, len(blocks))
    assert again.count_ops()["reset"] == again.count_ops()["measure"] == len(blocks)


@pytest.mark.parametrize("qubits", [1, 3])
def test_zero_phase_turns_only_the_zero_state(qubits: int) -> None:
    circuit = QuantumCircuit(qubits)
    zero_phase(0.7, circuit)
    wanted = np.ones(1 << qubits, dtype=complex)
    wanted[0] = np.exp(0.7j)
    assert np.allclose(np.diag(Operator(circuit).data), wanted, atol=1e-12)


@pytest.mark.parametrize("name", ["periodic", "cube"])
def test_real_time_has_the_sign_of_time_and_an_exact_inverse(name: str) -> None:
    domain = DOMAINS[name]
    p = problem(domain)
    h = hamiltonian(p)
    forward, back = real_time(p, h, 0.0, 0.2, 0.3, 24), real_time(p, h, 0.0, 0.2, -0.3, 24)
    wanted = scipy.linalg.expm(-0.3j * h.matrix(0.1))
    assert np.abs(Operator(forward).data - wanted).max() < 2e-3
    assert np.abs(Operator(forward).data - wanted.conj().T).max() > 0.1
    assert np.allclose(Operator(forward.compose(back)).data, np.eye(domain.size), atol=1e-10)


def test_signed_terms_keep_the_phase_of_strings_with_y() -> None:
    terms = pauli_sum(dense("YX"))
    signed = PauliSum(3, terms.x, terms.z | 4, terms.coefficients)
    assert np.allclose(signed.matrix(), np.kron(np.diag([1, -1]), dense("YX")))


def test_a_flow_has_no_gate_beside_its_inverse() -> None:
    """``e^{i r H} U e^{i r |0><0|} U^+ e^{-i r H} U``: where U meets its inverse gates vanish, and the circuit does the same."""
    problem = Problem(Grid([(-2, 2)], 3), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=1.0)
    h, made = hamiltonian(problem), QuantumCircuit(3)
    made.h([0, 1, 2])
    for a, b in ((0.0, 0.3), (0.3, 0.6)):
        forward, root = real_time(problem, h, a, b, float(np.sqrt(b - a)), 2), float(np.sqrt(b - a))
        plain = made.copy()
        for piece in (forward, made.inverse()):
            plain.compose(piece, inplace=True)
        zero_phase(root, plain)
        for piece in (made, forward.inverse()):
            plain.compose(piece, inplace=True)
        made = double_bracket_step(problem, h, made, a, b, 2)
        np.testing.assert_allclose(Operator(made).data, Operator(plain).data, atol=1e-12)  # some 1e-16 a gate
    assert made.size() < plain.size()
    assert without_pairs(made) == made


def test_pairs_are_gates_on_the_same_qubits_in_the_same_order() -> None:
    kept = QuantumCircuit(3)
    kept.cx(0, 1)
    kept.cx(1, 0)  # another gate
    kept.rz(0.5, 0)
    kept.rz(-0.25, 0)  # not the inverse
    kept.cp(0.5, 1, 2)
    kept.x(1)  # between
    kept.cp(-0.5, 1, 2)
    kept.s(2)
    kept.s(2)  # no inverse of itself
    assert without_pairs(kept) == kept
    mirrored = kept.copy()
    for gate, places in (("cx", (0, 2)), ("h", (1,))):
        getattr(mirrored, gate)(*places)
    for angle in (0.3, -0.3):
        mirrored.rz(angle, 1)
    for gate, places in (("h", (1,)), ("cx", (0, 2))):
        getattr(mirrored, gate)(*places)
    assert without_pairs(mirrored) == kept
