"""Operators of all kinds against the other library's own matrix, on cases that are not symmetric under reversal of the qubits."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pennylane as qml
import pytest
import scipy.sparse
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import (
    PTM,
    Chi,
    Choi,
    Clifford,
    Kraus,
    Operator,
    Pauli,
    PauliList,
    SparseObservable,
    SparsePauliOp,
    Stinespring,
    SuperOp,
)

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.methods.evolution import evolve
from qml_dynamics.methods.exact import Exact
from qml_dynamics.model.domains import Hypercube
from qml_dynamics.model.initial import State
from qml_dynamics.model.initial_inputs import as_initial
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.model.problem import Problem

LETTERS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1.0, -1.0]),
}


def by_hand(terms: dict[str, float]) -> np.ndarray:
    """Kronecker products, the first letter the first factor."""
    return sum(c * reduce(np.kron, [LETTERS[p] for p in label]) for label, c in terms.items())


TERMS = {"XIZ": 0.5, "YYI": -0.25, "IIZ": 0.75, "III": -1.5}
PLAIN = by_hand(TERMS)
H = 0.5 * qml.X(0) @ qml.Z(2) - 0.25 * qml.Y(0) @ qml.Y(1) + 0.75 * qml.Z(2) - 1.5 * qml.I(0)
ANGLE = Parameter("a")
BOUND = SparsePauliOp(list(TERMS), np.array([0.5, -0.25, ANGLE, -1.5], dtype=object))
BOUND.coeffs[2] = ANGLE.bind({ANGLE: 0.75})

KINDS = {
    "sum": SparsePauliOp(list(TERMS), list(TERMS.values())),
    "bound parameter": BOUND,
    "Operator": Operator(PLAIN),
    "SparseObservable": SparseObservable.from_list(list(TERMS.items())),
    "csr": scipy.sparse.csr_matrix(PLAIN),
    "coo array with repeated entries": scipy.sparse.coo_array(
        (
            np.tile(scipy.sparse.coo_array(PLAIN).data / 2, 2),
            tuple(np.tile(each, 2) for each in scipy.sparse.coo_array(PLAIN).coords),
        ),
        shape=(8, 8),
    ),
    "dense": PLAIN,
    "lists": PLAIN.tolist(),
    "labels": TERMS,
    "pairs": list(TERMS.items()),
    "pairs the other way round": [(c, label) for label, c in TERMS.items()],
    "indexed labels": {"X0 Z2": 0.5, "Y0Y1": -0.25, "Z2": 0.75, "": -1.5},
    "numpy numbers": {label: np.float32(c) for label, c in TERMS.items()},
    "qubit and letter": {((0, "X"), (2, "Z")): 0.5, ((0, "Y"), (1, "Y")): -0.25, ((2, "Z"),): 0.75, (): -1.5},
    "PennyLane": H,
    "PauliSentence": qml.pauli.pauli_sentence(H),
    "OpenFermion": "(0.5+0j) [X0 Z2] +\n(-0.25+0j) [Y0 Y1] +\n(0.75+0j) [Z2] +\n(-1.5+0j) []",
    "OpenFermion, real": "-1.5 [] +\n0.5 [X0 Z2] +\n-0.25 [Y0 Y1] +\n7.5e-01 [Z2]\n",
    "InQuanto": "(0.5, X0 Z2), (-0.25, Y0 Y1), (0.75, Z2), (-1.5, )",
    "pytket": "{(Xq[0], Zq[2]): 0.5, (Yq[0], Yq[1]): -0.25, (Zq[2]): 0.750000000000000, (): -1.5}",
    "XACC": "-1.5 + 0.5 X0Z2 - .25 Y0Y1 + 0.75 Z2",
    "XACC, complex": "(0.5,0) X0 Z2 + (-0.25,0) Y0 Y1 + (0.75,-0) Z2 + (-1.5,0)",
    "Qiskit": str(SparsePauliOp(list(TERMS), list(TERMS.values()))),
    "Qiskit's list": str(SparsePauliOp(list(TERMS), list(TERMS.values())).to_list()),
    "PennyLane's text": str(H),
    "PennyLane's nested text": "0.5 * (X(0) @ Z(2)) + -0.25 * (Y(0) @ Y(1)) + 0.75 * (Z(2) - 2 * I()) + 0.0 * X(1)",
    "PennyLane's text of before": "  (-0.25) [Y0 Y1]\n+ (0.5) [X0 Z2]\n+ (0.75) [Z2]\n+ (-1.5) [I0]",
    "names in full": "0.5 * PauliX(wires=[0]) @ PauliZ(2) - 0.25*PauliY(0)@PauliY(1) + 0.75*PauliZ(2) - 1.5*Identity(wires=[0, 1])",
    "lines": "0.5 XIZ\n-0.25 YYI\n\n0.75 IIZ\n-1.5 III\n",
    "lines, labels first": "XIZ 0.5\nYYI -.25\n".replace("-.25", "* -.25") + "IIZ 0.75\nIII * -1.5",
    "a list, labels first": "XIZ 0.5\nYYI -0.25\nIIZ\t0.75\nIII (-1.5+0j)\n",
    "a list with commas": '"X0 Z2", 0.5\n"Y0 Y1",-.25\n\nZ2,0.75-0j\nI0,-1.5',
    "comments": "# H (by hand\n0.5 XIZ  # it's X0 Z2\n-0.25 YYI\n0.75 IIZ\n# 3 XXX\n-1.5 III",
    "Qiskit, a file": f"{SparsePauliOp(list(TERMS), list(TERMS.values()))}\n",
    "Qiskit's list, a file": f"{SparsePauliOp(list(TERMS), list(TERMS.values())).to_list()}\n\n",
    "a dictionary, a file": f"{TERMS}\n",
    "a printed dictionary": str({label: np.float64(c) for label, c in TERMS.items()}),
    "products": "0.5 [X0 Z2] + (0.25+0j) [X0 X1] * [Z0 Z1] + 0.75 [Z2] - 1.5 []",
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_the_same_matrix(kind):
    """To round-off; the matrix is complex in its strings and changes when the qubits are reversed."""
    found = pauli_sum(KINDS[kind], [0, 1, 2] if kind in ("PennyLane", "PauliSentence") else None)
    assert found.num_qubits == 3
    np.testing.assert_allclose(found.matrix(), PLAIN, atol=1e-7 if kind == "numpy numbers" else 1e-14)
    assert np.abs(PLAIN - by_hand({label[::-1]: c for label, c in TERMS.items()})).max() > 0.5


def test_matrices_of_the_vendors():
    """Qiskit's strings with a sign, lists as their sums, projectors of an observable, PennyLane's order of wires."""
    for operator in (Pauli("-XZ"), Pauli("YIX"), SparseObservable.from_list([("X+0", 1.0), ("rZ1", -0.5)])):
        dense = (
            operator.to_matrix()
            if isinstance(operator, Pauli)
            else SparsePauliOp.from_sparse_observable(operator).to_matrix()
        )
        np.testing.assert_allclose(pauli_sum(operator).matrix(), dense, atol=1e-14)
        assert np.abs(dense).max() > 0.1
    several = PauliList(["XZ", "-YY", "IZ"])
    np.testing.assert_allclose(pauli_sum(several).matrix(), by_hand({"XZ": 1.0, "YY": -1.0, "IZ": 1.0}), atol=1e-14)
    text = "0.3 * (X('b') @ Y('a')) + Z('a')"
    same = 0.3 * qml.X("b") @ qml.Y("a") + qml.Z("a")
    np.testing.assert_allclose(pauli_sum(text).matrix(), qml.matrix(same, ["b", "a"]), atol=1e-14)
    np.testing.assert_allclose(pauli_sum(text, ["a", "c", "b"]).matrix(), qml.matrix(same, ["a", "c", "b"]), atol=1e-14)
    sparse = scipy.sparse.random_array((8, 8), density=0.3, rng=np.random.default_rng(2))
    sparse = scipy.sparse.csr_matrix(sparse + sparse.T)
    on_wires = qml.SparseHamiltonian(sparse, wires=[2, 0, 1])
    np.testing.assert_allclose(pauli_sum(on_wires).matrix(), sparse.toarray(), atol=1e-14)
    wide = pauli_sum(on_wires, [0, 1, 2]).matrix().reshape((2,) * 6)
    np.testing.assert_allclose(wide.transpose(2, 0, 1, 5, 3, 4).reshape(8, 8), sparse.toarray(), atol=1e-14)


@pytest.mark.parametrize("of", ["matrix", "array"])
@pytest.mark.parametrize("layout", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
def test_every_sparse_format_is_an_operator_and_a_wave(layout, of):
    """Also the dictionary of keys, which is a mapping of indices and none of labels."""
    made = getattr(scipy.sparse, f"{layout}_{of}")
    assert made(PLAIN).format == layout
    np.testing.assert_allclose(pauli_sum(made(PLAIN)).matrix(), PLAIN, atol=1e-14)
    wave = np.array([[0.0, 0.6, -0.8j, 0.0]])
    np.testing.assert_allclose(
        as_initial(made(wave), Hypercube(2)).vector(Hypercube(2)).reshape(1, 4), wave, atol=1e-14
    )


def test_a_sparse_matrix_too_wide_for_a_dense_one():
    """An Ising chain of 14 spins, whose dense matrix would take 4 GiB."""
    n = 14
    chain = {f"Z{i} Z{i + 1}": -1.0 for i in range(n - 1)} | {f"X{i}": -0.5 - 0.01 * i for i in range(n)}
    wanted = pauli_sum(chain)
    matrix = SparsePauliOp(wanted.labels, wanted.coefficients).to_matrix(sparse=True)
    found = pauli_sum(matrix)
    assert found.labels == wanted.labels
    assert len(found.labels) == 2 * n - 1
    np.testing.assert_allclose(found.coefficients, wanted.coefficients, atol=1e-13)


CHANNEL = Choi(np.eye(4))
_circuit = QuantumCircuit(2)
_circuit.h(0)
_circuit.cx(0, 1)
CLIFFORD = Clifford(_circuit)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(
    "kind",
    [
        lambda c: {"XZ": c.real / 2, "ZI": c},
        lambda c: f"{c.real / 2!r} X0 Z1 + {c.real!r} Z0 + {c.imag!r}j Z0",
        lambda c: SparsePauliOp(["XZ", "ZI"], [c.real / 2, c]),
        lambda c: SparseObservable.from_list([("XZ", c.real / 2), ("ZI", c)]),
        lambda c: qml.Z(0) * c + qml.X(0) @ qml.Z(1) * (c.real / 2),
        lambda c: np.diag([c, c, -c, -c]),
        lambda c: scipy.sparse.csr_array(np.diag([c, c, -c, -c])),
    ],
)
def test_an_imaginary_part_is_round_off_of_the_largest_in_every_kind(kind, size):
    """Relative to the sum, whatever its unit; the matrix counts both signs of it."""
    found = pauli_sum(kind(size * (1 + 2e-11j)))
    assert found.coefficients[found.labels.index("ZI")] == pytest.approx(size, rel=1e-9)
    with pytest.raises(ProblemError, match="Hermitian"):
        pauli_sum(kind(size * (1 + 3e-10j)))


@pytest.mark.parametrize(
    ("given", "options", "labels"),
    [
        ([("XZ", [0, 2], 0.5), ("Y", [1], 2.0)], {}, ["IYI", "ZIX"]),
        ([("XZ", [0, 1], 0.5)], {"num_qubits": 3}, ["IZX"]),
        ("XYZ + 0.5*I", {}, ["III", "XYZ"]),
        ({"I": 0.5, "XZ": 1.0}, {}, ["II", "XZ"]),
        ({"I": 0.5, "X": 1.0}, {}, ["I", "X"]),
        ("[Z0] 0.5, [X0 Y1] 0.25", {}, ["XY", "ZI"]),
        ("(" * 100 + "2 X0 Y1" + ")" * 100, {}, ["XY"]),
    ],
)
def test_what_reads_as_other_packages_write_it(given, options, labels):
    """Qiskit's sparse lists with qubit q as bit q, the identity as a single letter, commas that part terms."""
    assert sorted(pauli_sum(given, **options).labels) == labels


H2 = """
(-0.0970662681676282+0j) [] +
(-0.045302615503799264+0j) [X0 X1 Y2 Y3] +
(0.045302615503799264+0j) [X0 Y1 Y2 X3] +
(0.045302615503799264+0j) [Y0 X1 X2 Y3] +
(-0.045302615503799264+0j) [Y0 Y1 X2 X3] +
(0.17141282644776884+0j) [Z0] +
(0.16868898170361213+0j) [Z0 Z1] +
(0.12062523483390425+0j) [Z0 Z2] +
(0.16592785033770352+0j) [Z0 Z3] +
(0.17141282644776884+0j) [Z1] +
(0.16592785033770352+0j) [Z1 Z2] +
(0.12062523483390425+0j) [Z1 Z3] +
(-0.22343153690813597+0j) [Z2] +
(0.17441287612261597+0j) [Z2 Z3] +
(-0.22343153690813597+0j) [Z3]
"""
ENERGIES = {
    H2: -1.137283834,  # H2 in STO-3G by full configuration interaction
    "(-0.398, Z0), (-0.398, Z1), (-0.1809, Y0 Y1), (0.0112, Z0 Z1), (-0.3322, )": -1.137297011,
    "5.907 - 2.1433 X0X1 - 2.1433 Y0Y1 + .21829 Z0 - 6.125 Z1": -1.748864914,  # the deuteron
    "SparsePauliOp(['II','IZ','ZI','ZZ','XX'],\n  coeffs=[-1.05237325+0.j, 0.39793742+0.j, -0.39793742+0.j,\n"
    "  -0.0112801 +0.j, 0.18093120+0.j])": -1.857275029,
    "-0.5 * (Z(0) @ Z(1)) + 0.3 * X(2) + -0.2 * (Y(0) @ Y(2))": -0.824621125,
    "-0.5 [Z0 Z1]": -0.5,
}


@pytest.mark.parametrize("text", list(ENERGIES))
def test_ground_energies_of_texts(text):
    """Known ground energies, to the digits in which they are known."""
    assert np.linalg.eigvalsh(pauli_sum(text).matrix())[0] == pytest.approx(ENERGIES[text], abs=1e-8)


def test_qubit_zero_of_a_text_is_the_highest_and_gaps_are_identities():
    """The width is the largest index and one, or as given; wires that were named are looked up."""
    np.testing.assert_allclose(pauli_sum("2 [Y1]").matrix(), by_hand({"IY": 2.0}))
    assert pauli_sum("2 [X0 Z3]").labels == ["XIIZ"]
    assert pauli_sum("2 [X0]", num_qubits=3).labels == ["XII"]
    assert pauli_sum({"X7 Z5": 1.0}, wires=[5, 6, 7]).labels == ["ZIX"]
    assert pauli_sum(0.5 * qml.X(1), num_qubits=3).labels == ["IXI"]
    assert pauli_sum("0 [X4] + 1 [Z0]").labels == ["ZIIII"]
    problem = Problem.from_operator("0.5 * X('b') @ Z('a')", clock="real", duration=1.0)
    assert problem.wires == ("b", "a")
    assert problem.operator.labels == ["XZ"]


class Ladder:
    """As OpenFermion keeps sums of ladder operators: a place, and 1 for one that creates."""

    def __init__(self, terms: dict) -> None:
        self.terms = terms


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("0.5 [X0] + 1.0 [0^ 1]", "its term '1.0 [0^ 1]' cannot be read"),
        ("0.3 * Z(0) + 0.5 * Hadamard(2) - X(1)", "its term '0.5 * Hadamard(2)' cannot be read"),
        ("1.0 X0 - 2.0 __import__('os')", 'its term "- 2.0 __import__'),
        ("1.0 XX 0.3 ZZ", "its term '1.0 XX 0.3 ZZ' cannot be read"),
        ("0.5\n[Z0]", "its term '[Z0]' has no coefficient on its line"),
        ("XX -0.5\n-0.25", "its term 'XX' may be a product or a sum: write -0.5 XX, or XX - 0.5"),
        ("ZZ -1.0\n+ XX 0.5", "its term 'ZZ' may be a product or a sum"),
        ("ZZ -1.0", "its term 'ZZ' may be a product or a sum: write -1.0 ZZ, or ZZ - 1.0"),
        ("II -1,5\nZZ -2,5", "has a comma in or behind a number"),
        ("ZZ (-1.0\nXX 1)", "cannot be read"),
        ("0.5 (Z_1 X_0)", "cannot be read"),
        ("X0 + 2*(Z0", "cannot be read"),
        ("X0 -", "cannot be read"),
        ("0.5 X0**2", "cannot be read"),
        ("h2.txt", "its term 'h2.txt' cannot be read"),
        ("SparsePauliOp(['XX', 'ZZ', ..., 'YY'], coeffs=[1.+0.j, ..., 2.+0.j])", "cannot be read"),
        ("SparsePauliOp(['XX'], coeffs=[ParameterExpression(a)])", "cannot be read"),
        ("", "at least one term"),
        ({}, "at least one term"),
        ([], "at least one term, but is 'an empty sum'"),
        ([("XI", "0.5")], "pairs, [('XZ', 0.5), ...] or [(Linear(0, 1), operator), ...], but has ('XI', '0.5')"),
        ([(lambda s: s, {"XI": 1.0})], "pairs, [('XZ', 0.5), ...]"),
        ([[1.0, 2.0], [2.0]], "square matrix"),
        ([("XZ", [2, 2], 1.0)], "different qubits, but has ('XZ', [2, 2])"),
        ("-0,25 X0 + 0,5 Z0 Z1", "its term '-0' has a comma in or behind a number: write 0.5"),
        ("(0,5 X0) + Z1", "has a comma in or behind a number"),
        ("0.5, X0", "has a comma in or behind a number"),
        ("X0 + 1e999 Z1", "its term '1e999 Z1' has the number 1e999, which is too large"),
        ("X0 + " + "(" * 3000 + "Z1" + ")" * 3000, "has more than 100 brackets in one another"),
        (CLIFFORD, "Hermitian operator on qubits, but is a Clifford of Qiskit: give Operator(clifford)"),
        *[(kind(CHANNEL), "but is a channel of Qiskit") for kind in (Choi, SuperOp, PTM, Chi, Kraus, Stinespring)],
        (qml.FermiWord({(0, 0): "+", (1, 1): "-"}), "fermions: give qml.jordan_wigner(operator)"),
        (qml.FermiC(0) * qml.FermiA(1), "fermions: give qml.jordan_wigner(operator)"),
        (qml.FermiC(0) * qml.FermiA(1) + qml.FermiC(1) * qml.FermiA(0), "fermions: give qml.jordan_wigner(operator)"),
        (qml.BoseWord({(0, 0): "+", (1, 1): "-"}), "bosons: give qml.binary_mapping(operator)"),
        (qml.BoseSentence({qml.BoseWord({(0, 0): "+"}): 1.0}), "bosons: give qml.binary_mapping(operator)"),
        (SparsePauliOp(["IIX", "ZII"], [1j, 1.0]), "the coefficient 1j in the term 'IIX'"),
        (SparseObservable.from_list([("IIX", 1j)]), "the coefficient 1j in the term 'IIX'"),
        ("0.5", "at least one qubit"),
        (SparsePauliOp([""], [1.0]), "at least one qubit"),
        (SparseObservable.zero(2), "at least one term"),
        ({"": 1.0}, "at least one qubit"),
        ("XX + Z", "one length, but has lengths 1, 2"),
        ("XX + Z0", "labels of one kind"),
        ("nan [X0 Z1]", "finite coefficients, but has nan in the term 'X0 Z1'"),
        ({"XZ": np.inf}, "finite coefficients, but has inf"),
        ("0.5 [Z0] + 1j [X0]", "Hermitian, but has the coefficient 1j in the term 'X0'"),
        ("[X0 Y0]", "Hermitian, but has the coefficient 1j in the term 'Z0'"),
        (Pauli("iXZ"), "Hermitian"),
        (Operator(np.array([[0, 1], [0, 0]])), "Hermitian"),
        (scipy.sparse.csr_matrix(np.array([[0, 1.0], [0, 0]])), "Hermitian"),
        (scipy.sparse.csr_matrix(np.eye(3)), "square matrix of size 2, 4, 8"),
        (scipy.sparse.csr_matrix(np.array([[np.nan, 0], [0, 1]])), "finite"),
        ({"XW": 1.0}, "labels like 'XIZ' or 'X0 Z2', letters I, X, Y, Z, but has 'XW'"),
        ({"X-1": 1.0}, "but has 'X-1'"),
        ({"XZ": "1.0"}, "numbers as coefficients, but has '1.0' in the term 'XZ'"),
        ({"XZ": True}, "numbers as coefficients"),
        ([("XZ", ANGLE)], "unbound parameters a in the term 'XZ'"),
        ({3: 1.0}, "labels that are texts"),
        (Ladder({((0, 1), (1, 0)): 1.0}), "not one of ladder operators: give openfermion.jordan_wigner(operator)"),
        (np.ma.masked_array(np.eye(2), mask=[[0, 0], [0, 1]]), "have a number in every entry, but is 'masked in some"),
        (qml.NumberOperator(0), "be an operator with a matrix, but is NumberOperator(wires=[0])."),
        (Pauli, "SparsePauliOp"),
        (np.sin, "SparsePauliOp"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_line(given, words):
    """The term, the coefficient, the label."""
    with pytest.raises(ProblemError, match=r"^Argument `operator` must [^\n]*$") as caught:
        Problem.from_operator(given, clock="real", duration=1.0)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        ("X0 Z5", {"num_qubits": 3}, "must act on 3 qubits, but acts on qubit 5"),
        ({"XZ": 1.0}, {"num_qubits": 3}, "must act on 3 qubits, but acts on 2"),
        ("X0 Z5", {"wires": [0, 1]}, r"must act on the wires \[0, 1\], but acts on 5"),
        ("X0", {"num_qubits": 0}, "`num_qubits` must be an integer"),
        ("X0", {"num_qubits": 2, "wires": [0]}, "`num_qubits` must be 1"),
    ],
)
def test_widths_that_do_not_fit(given, options, words):
    """Each in its own words."""
    with pytest.raises(ProblemError, match=words):
        Problem.from_operator(given, clock="real", duration=1.0, **options)


def test_observables_of_every_kind():
    """A Pauli is callable and an operator all the same; the expectation values are those of the state."""
    wave = np.array([0.6, 0.0, 0.48j, 0.64j])
    problem = Problem.from_operator({"ZZ": 1.0}, clock="real", duration=1.0, initial=State(wave))
    seen = {
        "pauli": Pauli("XY"),
        "observable": SparseObservable.from_list([("XY", 1.0)]),
        "labels": {"X0 Y1": 1.0},
        "text": "1.0 [X0 Y1]",
        "matrix": scipy.sparse.csr_matrix(by_hand({"XY": 1.0})),
        "pennylane": qml.X(0) @ qml.Y(1),
        "function": lambda w: w[:, 0],
    }
    run = evolve(problem, Exact(), save=[0.0, 1.0], observables=seen)
    wanted = float(np.vdot(wave, by_hand({"XY": 1.0}) @ wave).real)
    assert abs(wanted) > 0.1
    for name in seen.keys() - {"function"}:
        assert run.expectations[name].value[0] == pytest.approx(wanted, abs=1e-12)
    with pytest.raises(ProblemError, match=r"observables\['far'\]. must act on the wires"):
        evolve(problem, Exact(), save=[0.0, 1.0], observables={"far": "X5"})
