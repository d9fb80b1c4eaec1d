"""Circuits do not hang on the last bit: no gate comes or goes, and no angle jumps, where rounding differs."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from qml_dynamics.model.domains import Grid
from qml_dynamics.model.initial import State
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.model.transforms import roundoff
from qml_dynamics.synthesis.gibbs import softmax_circuit
from qml_dynamics.synthesis.growth import orthogonal_network
from qml_dynamics.synthesis.qasm import to_qasm3
from qml_dynamics.synthesis.qasm_compare import differences, read_program
from qml_dynamics.synthesis.states import amplitudes, filtered, prepare
from qml_dynamics.synthesis.walsh import damping_angles, multiplexed_ry, walsh_series

BITS = 4
SIZE = 1 << BITS


def noise(seed: int, size: float, shape: int = SIZE) -> np.ndarray:
    return size * np.random.default_rng(seed).standard_normal(shape)


def loaded(wave: np.ndarray) -> str:
    circuit = QuantumCircuit(BITS)
    amplitudes(wave, circuit, range(BITS))
    return to_qasm3(circuit)


def waves() -> dict[str, np.ndarray]:
    """Waves whose angles are any without a floor: exact zeros, negative beside zero, real numbers as a complex array."""
    holes = np.array([0, 0, 0.5, 0, -0.5, 0, 0, 0, 0, 0, 0, -0.5, 0, 0, 0, 0.5])
    real = np.sin(1 + np.arange(SIZE)) / np.linalg.norm(np.sin(1 + np.arange(SIZE)))
    return {"holes": holes, "complex": holes + 0j, "phases": holes * np.exp(1j * np.arange(SIZE)), "real": real + 0j}


@pytest.mark.parametrize("name", waves())
@pytest.mark.parametrize("seed", range(3))
def test_residues_move_no_angle_of_a_preparation(name: str, seed: int) -> None:
    wave = waves()[name]
    residue = noise(seed, 1e-16) + (1j * noise(seed + 9, 1e-16) if np.iscomplexobj(wave) else 0)
    assert np.count_nonzero(wave + residue) == SIZE
    text = loaded(wave)
    assert differences(loaded(wave + residue), text) == []
    assert text.count("ry(") > 3
    circuit = QuantumCircuit(BITS)
    amplitudes(wave + residue, circuit, range(BITS))
    np.testing.assert_allclose(Statevector(circuit).data, wave, atol=1e-13)


def test_a_negative_amplitude_beside_a_residue_keeps_its_sign() -> None:
    wave = np.array([-0.6, 0.0, 0.8, 0.0])
    for tiny in (1e-17, -1e-17):
        circuit = prepare(State(wave + np.array([0, tiny, 0, 0])), Grid((0, 1), 2))
        np.testing.assert_allclose(Statevector(circuit).data, wave, atol=1e-15)
        assert max(abs(g.operation.params[0]) for g in circuit.data if g.operation.name == "ry") < 2 * np.pi


@pytest.mark.parametrize("seed", range(3))
def test_residues_of_a_polynomial_are_no_gates(seed: int) -> None:
    x = np.arange(SIZE) / 3
    clean, noisy = (walsh_series(values) for values in (x**2, x**2 * (1 + noise(seed, 1e-13))))
    assert noisy.masks.tolist() == clean.masks.tolist()
    assert len(clean.masks) == 1 + BITS + BITS * (BITS - 1) // 2  # constant, single bits and pairs


@pytest.mark.parametrize("seed", range(4))
def test_which_of_two_equal_terms_is_dropped_is_no_matter_of_rounding(seed: int) -> None:
    side = np.array([0.0, 1.0, 2.0, 3.0])
    values = (3 * np.add.outer(side, side) + 0.1 * np.multiply.outer(side, side)).reshape(-1)
    clean, noisy = (walsh_series(v, 0.08) for v in (values, values * (1 + noise(seed, 1e-15))))
    assert noisy.masks.tolist() == clean.masks.tolist()
    full = walsh_series(values)
    assert len(full.masks) - len(clean.masks) > 0
    kept, every = set(clean.masks.tolist()), set(full.masks.tolist())
    swap = {m: (m & 3) << 2 | m >> 2 for m in every}
    assert any(m in kept and swap[m] not in kept for m in every)  # the two of one pair are on both sides of the cut


def test_a_tolerance_that_is_met_exactly_is_met() -> None:
    values = 1.0 + 0.5 * np.array([1.0, -1.0, 1.0, -1.0]) + 0.1 * np.array([1.0, 1.0, -1.0, -1.0])
    for factor in (1 - 2e-16, 1.0, 1 + 2e-16):
        assert walsh_series(values * factor, 0.1).masks.tolist() == [0, 1]


def test_the_cut_is_in_a_gap() -> None:
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.uniform(np.log(1e-17), 0, 400))
    cut = roundoff(sizes)
    assert 1e-14 < cut < 1e-11
    moved = sizes + 1e-16 * rng.standard_normal(400)
    assert ((moved > roundoff(moved)) == (sizes > cut)).all()
    assert 0 < (sizes > cut).sum() < 400
    assert roundoff(np.zeros(4)) == 0.0
    assert (np.array([1e-30, 2e-30]) > roundoff(np.array([1e-30, 2e-30]))).all()  # what counts is the largest


def test_multiplexed_rotations_by_equal_angles_are_one() -> None:
    for seed in range(3):
        circuit = QuantumCircuit(4)
        multiplexed_ry(0.7 + noise(seed, 1e-14, 8), circuit, [0, 1, 2], 3)
        assert circuit.count_ops() == {"ry": 1}


def test_a_factor_beside_one_is_no_rotation() -> None:
    x = np.linspace(0, 1, 8)
    exponents = (x - 0.2) ** 2 - (x[1] - 0.2) ** 2  # 0 at the second point
    texts = []
    for residue in (0.0, 1e-16, 3e-16, 2e-15):
        texts.append(to_qasm3(softmax_circuit(np.maximum(exponents, 0.0) + residue)))
        h = np.exp(-np.maximum(exponents, 0.0)) * (1 + residue)
        assert not np.isnan(
            [g.operation.params[0] for g in filtered(QuantumCircuit(3), h).get_instructions("ry")]
        ).any()
    assert all(differences(text, texts[0]) == [] for text in texts)
    assert np.arccos(np.exp(-1e-16)) > 1e-8  # what it would be
    np.testing.assert_allclose(np.cos(damping_angles(np.array([1 - 1e-13, 0.3]))), [1, 0.3], atol=1e-12)


def test_a_matrix_has_the_same_strings_for_any_rounding() -> None:
    z, x = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    matrix = np.kron(z, z) + 0.3 * np.kron(np.eye(2), x)
    for seed in range(3):
        blurred = matrix + noise(seed, 1e-15, 16).reshape(4, 4)
        terms = pauli_sum((blurred + blurred.T) / 2)
        assert sorted(terms.labels) == ["IX", "ZZ"]


def test_an_orthogonal_network_of_a_block_matrix_has_no_rotation_for_residues() -> None:
    c, s = np.cos(0.4), np.sin(0.4)
    block = np.zeros((4, 4))
    block[:2, :2] = block[2:, 2:] = [[c, -s], [s, c]]
    for seed in range(3):
        network = orthogonal_network(block + noise(seed, 1e-14, 16).reshape(4, 4))
        assert network.num_nonlocal_gates() == 2


def test_a_global_phase_of_rounding_is_none() -> None:
    circuit = QuantumCircuit(1, global_phase=2e-13)
    circuit.x(0)
    assert "phase" not in to_qasm3(circuit)
    circuit.global_phase = 3e-11
    assert "phase" not in to_qasm3(circuit, digits=10)
    assert "// global phase 3e-11 left out" in to_qasm3(circuit)


TEXT = """OPENQASM 3.0;
include "stdgates.inc";
// one: 2 qubits, 3 gates
// strang formula, 4 steps over the duration 0.25
// global phase 3.1415926535 left out
qubit[2] q;
bit[2] c;
h q[0];
rz(1.4710314288) q[1];
cu(0.1, -0.2) q[0], q[1];
c = measure q;
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("1.4710314288", "1.4710314388", ["one.qasm, line 9: rz angle is 1.4710314388, should be 1.4710314288 (differs by 1e-08)"]),
        ("1.4710314288", "1.4710314289", []),
        ("1.4710314288", "1.47103142880", []),
        ("1.4710314288", "14710314288e-10", []),
        ("1.4710314288", "7.7542167360", ["one.qasm, line 9: rz angle is 7.7542167360, should be 1.4710314288 (differs by 6.3)"]),
        ("1.4710314288", "nan", ["one.qasm, line 9: is `rz(nan) q[1];`, should be `rz(1.4710314288) q[1];`"]),
        ("-0.2", "0.2", ["one.qasm, line 10: cu angle is 0.2, should be -0.2 (differs by 0.4)"]),
        ("q[0], q[1]", "q[1], q[0]", ["one.qasm, line 10: is `cu(0.1, -0.2) q[1], q[0];`, should be `cu(0.1, -0.2) q[0], q[1];`"]),
        ("h q[0];", "h   q[ 0 ] ;", []),
        ("h q[0];\n", "", ["line 8: is `rz(1.4710314288) q[1];`, should be `h q[0];`", "has 7 instructions, should have 8"]),
        ("c = measure q;\n", "", ["ends where `c = measure q;` should follow", "has 7"]),
        ("measure q;", "measure q;\nx q[0];", ["line 12: is `x q[0];`, where the program should have ended", "has 9"]),
        ("qubit[2]", "qubit[3]", ["line 6: is `qubit[3] q;`, should be `qubit[2] q;`"]),
        ("2 qubits", "3 qubits", ["line 3: says `one: 3 qubits, 3 gates`, should say `one: 2 qubits, 3 gates`"]),
        ("duration 0.25", "duration 0.2500001", []),
        ("duration 0.25", "duration 0.2501", ["line 4: says"]),
        ("strang", "lie", ["line 4: says"]),
        ("3.1415926535", "-3.1415926536", []),
        ("3.1415926535", "3.1415926435", ["global phase is 3.1415926435, should be 3.1415926535 (differs by 1e-08)"]),
        ("// strang formula, 4 steps over the duration 0.25\n", "", ["has 1 lines of comment, should have 2"]),
    ],
)  # fmt: skip
def test_what_is_another_program_is_named(old: str, new: str, words: list[str]) -> None:
    assert TEXT.count(old) == 1
    found = differences(TEXT.replace(old, new), TEXT, "one.qasm")
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found))
    assert all(sentence.startswith("one.qasm") for sentence in found)


def test_many_angles_are_summed_up_and_statements_may_share_lines() -> None:
    text = "qubit[1] q;\n" + "rx(0.5) q[0];\n" * 9
    found = differences(text.replace("0.5", "0.6"), text)
    assert len(found) == 6
    assert found[-1] == "program: 4 more angles differ, by up to 0.1"
    assert differences(text.replace("\n", " "), text) == []
    assert [i.line for i in read_program("h\nq[0]; x q[1];\n\nz q[0];").instructions] == [1, 2, 4]
    assert differences(text, text.replace("0.5", "0.6"), tolerance=0.2) == []
    assert differences("// a\n" + text, text, notes=False) == []
