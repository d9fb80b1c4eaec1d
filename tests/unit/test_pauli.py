"""Pauli sums against the vendors' own matrices, on asymmetric random operators with Y."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import scipy.linalg
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, SparsePauliOp

from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.methods.evolution import evolve
from qml_dynamics.methods.exact import Exact
from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.model.initial import State
from qml_dynamics.model.pauli import PauliSum, pauli_sum
from qml_dynamics.model.problem import Problem
from qml_dynamics.runs.trajectory_file import load

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning", "error::numpy.exceptions.ComplexWarning")


def random_operator(n: int, terms: int, seed: int = 3) -> SparsePauliOp:
    rng = np.random.default_rng(seed)
    labels = ["".join(rng.choice(list("IXYZ"), size=n)) for _ in range(terms)]
    return SparsePauliOp([*labels, "Y" + "I" * (n - 1), "I" * (n - 1) + "Y"], rng.standard_normal(terms + 2))


def random_hermitian(size: int, seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size))
    return a + a.conj().T


@pytest.mark.parametrize(("n", "terms"), [(1, 2), (2, 5), (4, 30), (5, 60)])
def test_matrix_is_qiskits(n, terms):
    """Repeated labels add up; the matrix is neither real nor symmetric under reversal of the qubits."""
    operator = random_operator(n, terms)
    wanted = operator.to_matrix()
    mine = pauli_sum(operator)
    np.testing.assert_allclose(mine.matrix(), wanted, atol=1e-12)
    assert np.abs(wanted.imag).max() > 0.1
    back = SparsePauliOp(mine.labels, mine.coefficients)
    np.testing.assert_allclose(back.to_matrix(), wanted, atol=1e-12)


@pytest.mark.parametrize("n", [1, 3, 5])
def test_apply_is_the_matrix_times_the_wave(n):
    """In any shape, without a change of the input."""
    operator = pauli_sum(random_operator(n, 20))
    rng = np.random.default_rng(1)
    psi = rng.standard_normal((2,) * n) + 1j * rng.standard_normal((2,) * n)
    before = psi.copy()
    found = operator.apply(psi)
    np.testing.assert_allclose(found.reshape(-1), operator.matrix() @ psi.reshape(-1), atol=1e-12)
    np.testing.assert_array_equal(psi, before)
    assert found.shape == psi.shape


@pytest.mark.parametrize("size", [2, 4, 16])
def test_from_a_matrix_and_back(size):
    """Any Hermitian matrix; nested lists too."""
    matrix = random_hermitian(size)
    np.testing.assert_allclose(pauli_sum(matrix).matrix(), matrix, atol=1e-12)
    np.testing.assert_allclose(pauli_sum(matrix.tolist()).matrix(), matrix, atol=1e-12)
    labels = dict(zip(pauli_sum(matrix).labels, pauli_sum(matrix).coefficients))
    reference = SparsePauliOp.from_operator(Operator(matrix))
    for label, c in zip(reference.paulis.to_labels(), reference.coeffs.real):
        assert labels[label] == pytest.approx(c, abs=1e-12)


def test_from_pennylane_first_wire_is_the_highest_qubit():
    """The operator's own order, or the one that is given; sums, products, scalar factors, Hermitian blocks, in any order of mention."""
    a, b, c = 0.3, -1.2, 0.7
    operator = a * qml.Y(2) @ qml.X(0) + b * qml.Z(1) + c * qml.Y(0) @ qml.Z(1) @ qml.X(2) - 0.2 * qml.I(1)
    wanted = qml.matrix(operator, wire_order=[0, 1, 2])
    np.testing.assert_allclose(pauli_sum(operator, [0, 1, 2]).matrix(), wanted, atol=1e-12)
    np.testing.assert_allclose(pauli_sum(operator).matrix(), qml.matrix(operator), atol=1e-12)
    asymmetric = qml.matrix(operator, wire_order=[2, 1, 0])
    assert np.abs(asymmetric - wanted).max() > 0.1
    block = qml.Hermitian(random_hermitian(4), wires=[3, 1])
    np.testing.assert_allclose(pauli_sum(block).matrix(), qml.matrix(block, wire_order=[3, 1]), atol=1e-12)
    wide = qml.matrix(block, wire_order=[1, 0, "z", 3])
    np.testing.assert_allclose(pauli_sum(block, [1, 0, "z", 3]).matrix(), wide, atol=1e-12)
    names = qml.X("b") @ qml.Y("a")
    np.testing.assert_allclose(pauli_sum(names).matrix(), qml.matrix(names, wire_order=["b", "a"]), atol=1e-12)
    old = qml.Hamiltonian([a, b], [qml.X(0) @ qml.Y(1), qml.Z(0)])
    np.testing.assert_allclose(pauli_sum(old).matrix(), qml.matrix(old, wire_order=[0, 1]), atol=1e-12)


def test_tiny_and_cancelled_terms_are_dropped():
    """What is left of X - X is zero, not an empty sum."""
    nothing = pauli_sum(SparsePauliOp(["XY", "XY"], [1.0, -1.0]))
    np.testing.assert_array_equal(nothing.matrix(), np.zeros((4, 4)))
    assert len(pauli_sum(SparsePauliOp(["XY", "ZI"], [1.0, 1e-17])).labels) == 1
    np.testing.assert_array_equal(pauli_sum(np.zeros((4, 4))).matrix(), np.zeros((4, 4)))


def test_bound_is_above_the_spectral_norm():
    """And not absurdly."""
    operator = pauli_sum(random_operator(4, 10))
    largest = np.abs(np.linalg.eigvalsh(operator.matrix())).max()
    assert largest <= operator.bound() < 20 * largest


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        (SparsePauliOp(["XY", "ZI"], [1.0, 1j]), "Hermitian"),
        (SparsePauliOp(["XY", "ZI"], [1.0, np.nan]), "finite"),
        (SparsePauliOp(["XY"], np.array([Parameter("a")], dtype=object)), "unbound parameters"),
        (np.array([[0, 1], [2, 0]]), "Hermitian"),
        (np.array([[0, 1j], [1j, 0]]), "Hermitian"),
        (np.array([[0, np.nan], [np.nan, 0]]), "finite"),
        (np.eye(3), "square matrix of size 2, 4, 8"),
        (np.eye(1), "square matrix"),
        (np.ones((2, 4)), "square matrix"),
        (np.ones(4), "square matrix"),
        ([[1, 2], [3]], "square matrix"),
        ([["a", "b"], ["c", "d"]], "be rows of numbers or pairs"),
        ("XYW", "read, but its term 'XYW'"),
        (None, "SparsePauliOp"),
        (3.0, "SparsePauliOp"),
        (1j * qml.X(0), "Hermitian"),
        (qml.X(0) @ qml.Y(0), "Hermitian"),
    ],
)
def test_bad_operators_are_named(operator, words):
    """Not Hermitian, not finite, not square, of an unknown kind."""
    with pytest.raises(ProblemError, match=f"^Argument `operator` must .*{words}"):
        pauli_sum(operator)


def test_sizes_that_cannot_fit_are_refused():
    """A dense matrix on 20 qubits."""
    wide = PauliSum(20, np.array([1]), np.array([2]), np.array([1.0]))
    with pytest.raises(MethodError, match=r"20 qubits needs [\d.]+ TiB of memory"):
        wide.matrix()


@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize("method", [Exact(), Krylov(1e-11)], ids=["exact", "krylov"])
def test_problem_from_an_operator_evolves_like_its_exponential(clock, method, classical):
    """Both clocks, with the norm that was removed; a complex random start in the order of the matrix."""
    operator = random_operator(4, 12)
    rng = np.random.default_rng(2)
    start = rng.standard_normal(16) + 1j * rng.standard_normal(16)
    problem = Problem.from_operator(operator, clock=clock, duration=0.7, initial=start)
    start = start / np.linalg.norm(start)
    out = scipy.linalg.expm((-1j if clock == "real" else -1) * 0.7 * operator.to_matrix()) @ start
    psi, log = classical.final(problem, method)
    np.testing.assert_allclose(psi.reshape(-1), out / np.linalg.norm(out), atol=1e-9)
    assert log == pytest.approx(np.log(np.linalg.norm(out)), abs=1e-9)
    assert abs(np.vdot(start, out)) / np.linalg.norm(out) < 0.95


def test_operator_problems_say_what_does_not_fit():
    """A wave of the wrong length; a method that needs two diagonals."""
    with pytest.raises(ProblemError, match="`initial` must have shape"):
        Problem.from_operator(SparsePauliOp(["XY"]), clock="real", duration=1.0, initial=np.ones(3))
    problem = Problem.from_operator(SparsePauliOp(["XY"]), clock="real", duration=1.0, initial=State([1, 2, 3, 4]))
    with pytest.raises(MethodError, match="general operator"):
        evolve(problem, SplitStep(4))


@pytest.mark.parametrize("how", ["exact", "shots", "observable", "folder"])
def test_a_string_that_is_there_twice_is_one_with_the_sum(how, tmp_path):
    """Z / 2 + Z / 4 has the energy 3 / 4 in the state 0, exactly and from samples (which all say the same), saved too."""
    twice = PauliSum(1, np.array([0, 0]), np.array([1, 1]), np.array([0.5, 0.25]))
    assert (twice.labels, twice.coefficients.tolist()) == (["Z"], [0.75])
    problem = Problem.from_operator(twice, clock="real", duration=1.0, initial="0")
    shots = None if how == "exact" else 100
    run = evolve(problem, Krylov(), shots=shots, seed=1, observables={"other": twice})
    if how == "folder":
        run.save(tmp_path / "run.npz")
        run = load(tmp_path / "run.npz")
    name = "other" if how == "observable" else "energy"
    assert run.expectations[name].value[-1] == pytest.approx(0.75, abs=1e-12)


@pytest.mark.parametrize("n", [3, 40, 70])
def test_strings_are_merged_on_registers_of_any_width(n):
    """In the order in which they came first; what cancels stays with the coefficient 0."""
    high = 1 << (n - 1)
    found = PauliSum(n, [high, 0, high, 0], [0, 1, 0, 1], np.array([1.0, 2.0, 0.5, -2.0]))
    assert (found.x.tolist(), found.z.tolist(), found.coefficients.tolist()) == ([high, 0], [0, 1], [1.5, 0.0])


@pytest.mark.parametrize(
    ("x", "z", "coefficients", "words"),
    [
        ([0], [1], [1j], "`coefficients` must be an array of finite numbers"),
        ([0], [1], [np.nan], "`coefficients` must be an array of finite numbers"),
        ([0], [4], [1.0], "`z` must be bit masks over 2 qubits"),
        ([-1], [1], [1.0], "`x` must be bit masks over 2 qubits"),
        ([0.5], [1], [1.0], "`x` must be bit masks over 2 qubits"),
        ([0, 1], [1], [1.0], "`coefficients` must be one number a string"),
        ([0], [1], [1.0, 2.0], "`coefficients` must be one number a string"),
    ],
)
def test_sums_that_are_none_are_refused(x, z, coefficients, words):
    """In one line that names the argument."""
    with pytest.raises(ProblemError, match=words):
        PauliSum(2, np.array(x), np.array(z), np.array(coefficients))


def test_a_sum_holds_copies():
    """What the person does to the arrays later changes nothing, and the sum's own cannot be written to."""
    x, z, c = np.array([0]), np.array([1]), np.array([1.0])
    terms = PauliSum(1, x, z, c)
    x[0], z[0], c[0] = 1, 0, 9.0
    assert (terms.labels, terms.coefficients.tolist()) == (["Z"], [1.0])
    with pytest.raises(ValueError, match="read-only"):
        terms.coefficients[0] = 2.0
