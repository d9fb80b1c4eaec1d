"""Singular values as circuits: orthogonal networks and Halmos' dilation, on Aer with shots and on a PennyLane device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.quantum_info import Operator, Statevector

from qml_dynamics import backend
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.growth import polar, run_layer
from qml_dynamics.synthesis.growth import halmos, layer, orthogonal_network, two_qubit_gates
from qml_dynamics.synthesis.onehot import load, through


def matrices() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2026)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    return {
        "square": rng.standard_normal((3, 3)),
        "tall": rng.standard_normal((4, 2)),
        "wide": rng.standard_normal((2, 4)),
        "rank deficient": np.outer(rng.standard_normal(3), rng.standard_normal(3)),
        "orthogonal": turn,
        "isometry": 2.0 * turn[:, :2],
        "reflection": np.diag([1.0, -1.0, 1.0]),
        "1 x 1": np.array([[-0.7]]),
        "zero row": np.array([[1.0, 3.0], [0.0, 0.0]]),
    }


MATRICES = matrices()


@pytest.mark.parametrize("name", MATRICES)
def test_the_circuit_holds_the_layer_signs_included(name: str) -> None:
    w = MATRICES[name]
    out, into = w.shape
    circuit, scale = layer(w)
    u = Operator(circuit).data
    block = u[np.ix_([1 << i for i in range(out)], [1 << j for j in range(into)])]
    assert scale * block == pytest.approx(w, abs=1e-12)
    assert scale == pytest.approx(np.linalg.norm(w, 2))
    needs_none = name in ("orthogonal", "reflection", "1 x 1")
    assert circuit.num_qubits == (out if needs_none else out + into)


@pytest.mark.parametrize("name", MATRICES)
def test_halmos_dilation_is_orthogonal_and_holds_the_matrix(name: str) -> None:
    a = MATRICES[name] / (1.1 * np.linalg.norm(MATRICES[name], 2))
    whole = halmos(a)
    assert whole.T @ whole == pytest.approx(np.eye(sum(a.shape)), abs=1e-12)
    assert whole[: a.shape[0], : a.shape[1]] == pytest.approx(a, abs=0)


@pytest.mark.parametrize("x", [[3.0, -4.0, 1.0], [0.0, -1.0, 0.0], [-2.0, 0.0, 0.0], [0.0, 0.0, -5.0], [-1.0]])
def test_loading_keeps_the_signs(x: list[float]) -> None:
    amplitudes = Statevector(load(x)).data
    assert [amplitudes[1 << i].real for i in range(len(x))] == pytest.approx(np.array(x) / np.linalg.norm(x))
    assert np.linalg.norm(amplitudes) == pytest.approx(1)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("backend", ["aer", "pennylane:default.qubit"])
def test_layers_on_backends_with_shots(name: str, backend: str) -> None:
    w = MATRICES[name]
    x = np.array([1.0, -0.5, 2.0, 0.3])[: w.shape[1]]
    shots = 20_000
    run = run_layer(w, x, backend=backend, shots=shots, seed=5, scale=1.25 * np.linalg.norm(w, 2))
    exact = (w @ x) ** 2
    share = exact / (run.scale**2 * x @ x)
    sigma = np.sqrt(share * (1 - share) / shots) * run.scale**2 * (x @ x)
    assert np.all(np.abs(run.squares.value - exact) <= 4.5 * sigma + 1e-12)
    assert float(run.success) == pytest.approx(share.sum(), abs=4.5 * 0.5 / np.sqrt(shots))
    assert run.lost == pytest.approx(0, abs=1e-12)
    assert 0 < float(run.success) < 0.7  # the scale is 1.25 times the norm: some of it fails
    assert run.squares.shots == shots


@pytest.mark.parametrize("backend", ["statevector", "aer", "pennylane:default.qubit"])
def test_exact_probabilities_without_shots(backend: str) -> None:
    w, x = MATRICES["tall"], [1.0, -2.0]
    run = run_layer(w, x, backend=backend)
    assert run.squares.value == pytest.approx((w @ x) ** 2, abs=1e-9)
    assert not np.any(run.squares.stderr)
    assert float(run.success) < 0.999
    sure = run_layer(MATRICES["orthogonal"], [1.0, 2.0, -1.0, 0.0], backend=backend)
    assert float(sure.success) == pytest.approx(1, abs=1e-9)


def test_signs_and_order_of_an_asymmetric_layer_on_a_backend() -> None:
    """A cyclic shift with one sign: input 0 comes out at output 1 only; a transposed layer would send it to output 2."""
    shift = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    run = run_layer(shift, [2.0, 0.0, 1.0], backend="aer", shots=4000, seed=1)
    assert run.squares.value[2] == 0
    assert run.squares.value[1] == pytest.approx(4, abs=0.2)
    assert run.squares.value.sum() == pytest.approx(5)
    assert run.circuit.num_qubits == 3  # orthogonal: no dilation
    tilted = np.array([[1.0, 2.0, 0.0]])  # interference: the sign of x decides
    assert run_layer(tilted, [2.0, 1.0, 5.0]).squares.value == pytest.approx([16])
    assert run_layer(tilted, [2.0, -1.0, 5.0]).squares.value == pytest.approx([0], abs=1e-9)


def test_noise_loses_the_excitation_and_the_run_says_how_often() -> None:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx", "cz"])
    w, x = np.diag([1.0, 2.0]), [1.0, 1.0]
    clean = run_layer(w, x, backend="aer", shots=2000, seed=1)
    noisy = run_layer(w, x, backend=backend("aer", noise_model=model), shots=2000, seed=1)
    assert clean.lost == 0
    assert 0.1 < noisy.lost < 0.4
    assert float(noisy.success) < float(clean.success)


def test_numbers_whose_squares_leave_the_range_of_floats() -> None:
    run = run_layer(np.diag([1e200, 2e200]), [1e-200, 3e-200])
    assert run.squares.value == pytest.approx([1, 36])


def test_same_seed_same_samples() -> None:
    a, b, c = (run_layer(MATRICES["square"], [1.0, 2.0, 3.0], backend="aer", shots=500, seed=s) for s in (3, 3, 4))
    assert a.squares.value.tolist() == b.squares.value.tolist()
    assert a.squares.value.tolist() != c.squares.value.tolist()


def test_the_unitary_part_of_the_polar_split_needs_no_ancilla_and_half_the_gates() -> None:
    w = MATRICES["square"]
    whole, _ = layer(w)
    part, scale = layer(polar(w).unitary)
    assert scale == pytest.approx(1)
    assert (part.num_qubits, whole.num_qubits) == (3, 6)
    assert two_qubit_gates(part) == 2 * 3  # d (d - 1) / 2 rotations
    assert two_qubit_gates(whole) > 2 * two_qubit_gates(part)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: layer(np.zeros((2, 2))), "all zero"),
        (lambda: layer([[1.0, 2.0], [3.0]]), "real matrix"),
        (lambda: layer([1.0, 2.0]), "finite matrix"),
        (lambda: layer(np.eye(2), scale=0.5), "at least the norm"),
        (lambda: halmos([[2.0, 0.0]]), "norm of at most 1"),
        (lambda: orthogonal_network(np.ones((2, 3))), "square"),
        (lambda: load([0.0, 0.0]), "all zero"),
        (lambda: load([1.0, 2.0], 1), "at least 2"),
        (lambda: load([[1.0]]), "vector"),
        (lambda: through(np.ones((2, 3)), [1.0, 2.0]), "3 numbers"),
        (lambda: layer(np.array([[1j]])), "complex numbers"),
        (lambda: halmos(np.array([[0.1j]])), "complex numbers"),
        (lambda: orthogonal_network([[1.0, np.nan], [0.0, 1.0]]), "finite"),
        (lambda: run_layer(np.eye(2), [1.0, 1j]), "real numbers"),
        (lambda: run_layer(np.eye(2), [1.0, np.nan]), "finite numbers"),
        (lambda: run_layer(np.eye(2), ["a", "b"]), "real numbers"),
        (lambda: run_layer([], [1.0]), "`matrix`"),
    ],
)
def test_bad_input_is_named(call: Any, words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        call()
