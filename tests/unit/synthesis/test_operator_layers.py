"""Operators swept through in layers: exact blocks, few gates, depth that does not grow, declared orders at any schedule."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import scipy.linalg
from qiskit import QuantumCircuit, transpile
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator, SparsePauliOp
from qiskit.synthesis import TwoQubitWeylDecomposition

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError
from qml_dynamics.model.formulas import FORMULAS
from qml_dynamics.model.pauli import PauliSum, pauli_sum
from qml_dynamics.model.schedules import Linear, PowerLaw
from qml_dynamics.synthesis.cartan import two_qubits
from qml_dynamics.synthesis.operator_layers import as_sweeps, best_splitting, splittings
from qml_dynamics.synthesis.operator_parts import Term, anticommute, bond_parts, group_parts
from qml_dynamics.synthesis.pauli_network import Whole, networks

PLAIN = [name for name in FORMULAS if name != "chin4a"]


def terms_of(operator: SparsePauliOp | PauliSum) -> list[Term]:
    terms = pauli_sum(operator)
    return list(zip(terms.x.tolist(), terms.z.tolist(), terms.coefficients.tolist()))


def ising(n: int, field: float = -1.0, along: float = 0.0) -> SparsePauliOp:
    bonds = [("ZZ", [i, i + 1], -1.0 - 0.1 * i) for i in range(n - 1)]
    return SparsePauliOp.from_sparse_list(
        [*bonds, *(("X", [i], field) for i in range(n)), *(("Z", [i], along) for i in range(n) if along)], n
    )


def heisenberg(bonds: list[tuple[int, int]], n: int) -> SparsePauliOp:
    return SparsePauliOp.from_sparse_list([(p * 2, [*bond], 1.0) for bond in bonds for p in "XYZ"], n)


def random_operator(n: int, count: int, seed: int) -> SparsePauliOp:
    """Strings of all lengths with Y among them, and the identity; nothing symmetric about the qubits."""
    rng = np.random.default_rng(seed)
    labels = ["".join(rng.choice(list("IXYZ"), p=[0.4, 0.2, 0.2, 0.2], size=n)) for _ in range(count)]
    return SparsePauliOp([*labels, "I" * n], rng.standard_normal(count + 1) / np.sqrt(count)).simplify()


def counts(circuit: QuantumCircuit) -> tuple[int, int]:
    return circuit.num_nonlocal_gates(), circuit.depth(lambda i: len(i.qubits) > 1)


def unitary(circuit: QuantumCircuit) -> np.ndarray:
    return np.asarray(Operator(circuit).data)


def every_splitting(operator: SparsePauliOp) -> list:
    """Those of symmetric formulas and those of Lie's."""
    terms = terms_of(operator)
    found = {each.name: each for ramps in (1, 2) for each in splittings(operator.num_qubits, terms, ramps)}
    return list(found.values())


@pytest.mark.parametrize("n", [6, 13, 20])
def test_depth_of_local_models_does_not_grow_with_their_size(n):
    """Ten Strang steps of the Ising chain: two CX a bond in two layers; of the Heisenberg chain three."""
    chain = [(i, i + 1) for i in range(n - 1)]
    few, many = (n - 1) // 2, n // 2  # bonds of both colours
    for operator, gates in ((ising(n), 2), (heisenberg(chain, n), 3)):
        problem = qd.Problem.from_operator(operator, clock="real", duration=1.0)
        circuit = qd.circuits(problem, qd.Trotter(10))[-1]
        assert counts(circuit) == (gates * (11 * few + 10 * many), 21 * gates)
        known = qd.cost(problem, qd.Trotter(10), backend="statevector")
        assert known.two_qubit_gates == counts(circuit)[0] > 0


def test_fewer_gates_and_less_depth_than_the_peer():
    """Both whole circuits through the same compilation: Qiskit's own colouring of the Heisenberg chain of 8, four steps.

    Level 1 merges neighbours only. How much of the peer's circuit level 2 finds differs between versions of Qiskit (96 CX in 2.5,
    156 in 2.6), so that there it may come close to ours but never below.
    """
    from qiskit.circuit.library import PauliEvolutionGate
    from qiskit.synthesis import SuzukiTrotter

    operator = heisenberg([(i, i + 1) for i in range(7)], 8)
    peer = QuantumCircuit(8)
    peer.append(PauliEvolutionGate(operator, 1.0, synthesis=SuzukiTrotter(2, 4, preserve_order=False)), range(8))
    ours = qd.circuits(qd.Problem.from_operator(operator, clock="real", duration=1.0), qd.Trotter(4))[-1]
    for level, share in ((1, 0.7), (2, 1.0)):
        a, b = (
            counts(transpile(each, basis_gates=["cx", "rz", "sx", "x"], optimization_level=level, seed_transpiler=1))
            for each in (ours, peer)
        )
        assert min(*a, *b) > 0
        assert a[0] <= share * b[0], level
        assert a[1] <= share * b[1], level


def bonds_of(graph: nx.Graph) -> list[tuple[int, int]]:
    names = {node: i for i, node in enumerate(sorted(graph.nodes))}
    return sorted(tuple(sorted((names[u], names[v]))) for u, v in graph.edges)


@pytest.mark.parametrize(
    ("graph", "colours"),
    [
        (nx.cycle_graph(8), 2),
        (nx.cycle_graph(7), 3),
        (nx.ladder_graph(6), 3),
        (nx.grid_2d_graph(4, 5), 4),
        (nx.hexagonal_lattice_graph(2, 2), 3),
        (nx.complete_bipartite_graph(4, 5), 5),
        (nx.random_regular_graph(4, 10, seed=3), 5),
    ],
)
def test_lattices_have_few_layers(graph, colours):
    """As many as a qubit has bonds on bipartite lattices, one more at most elsewhere here; bonds of a layer are disjoint."""
    bonds = bonds_of(graph)
    parts = bond_parts(terms_of(heisenberg(bonds, graph.number_of_nodes())), fused=True)
    assert len(parts) <= colours
    assert sorted(block.qubits for part in parts for block in part) == bonds
    for part in parts:
        touched = [q for block in part for q in block.qubits]
        assert len(touched) == len(set(touched))


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 0.05, 1.0])
def test_bonds_are_exact_to_the_last_digits(scale):
    """Interactions of one, two and three directions, with fields, at any time; two CX for Ising with fields, three at most."""
    rng = np.random.default_rng(8)
    for labels, most in ((["ZZ", "XI", "IX"], 2), (["XX", "YY", "ZZ"], 3), (["XY", "ZZ", "YI", "IZ", "IX", "YX"], 3)):
        operator = SparsePauliOp(labels, scale * rng.uniform(0.3, 1.5, len(labels)))
        exact = scipy.linalg.expm(-1j * operator.to_matrix())
        circuit = two_qubits(exact)
        assert circuit.num_nonlocal_gates() == most
        np.testing.assert_allclose(unitary(circuit), exact, atol=1e-12)
    alone = scipy.linalg.expm(-1j * scale * SparsePauliOp(["XI", "IY"], [0.4, 0.9]).to_matrix())
    assert two_qubits(alone).num_nonlocal_gates() == 0
    np.testing.assert_allclose(unitary(two_qubits(alone)), alone, atol=1e-12)


def refused_by_qiskit(matrix):
    try:
        TwoQubitWeylDecomposition(matrix, fidelity=None)
    except QiskitError:
        return True
    return False


def test_matrices_that_are_unitary_to_rounding_only_are_decomposed():
    """Equal eigenvalues that rounding parts: by 1e-12 Qiskit's own decomposition gives up on three of four of them."""
    rng, refused = np.random.default_rng(3), []
    for labels in (["XX"], ["ZI", "XI"], ["YX"], ["XX", "YY"]):
        exact = scipy.linalg.expm(-1j * SparsePauliOp(labels, rng.uniform(0.1, 0.5, len(labels))).to_matrix())
        moved = exact * (1 + 1e-12 * (rng.uniform(-1, 1, (4, 4)) + 1j * rng.uniform(-1, 1, (4, 4))))
        np.testing.assert_allclose(unitary(two_qubits(moved)), exact, atol=1e-11)
        refused.append(refused_by_qiskit(moved))
    assert any(refused)


@pytest.mark.parametrize("seed", range(4))
def test_parts_hold_every_term_once_and_commute(seed):
    """Whatever the strings: shares of a field add up to it, blocks of a part commute, and so do terms of long blocks."""
    terms = [t for t in terms_of(random_operator(4, 18, seed)) if t[0] | t[1]]
    for parts in (bond_parts(terms, True), bond_parts(terms, False), group_parts(terms)):
        total: dict[tuple[int, int], float] = {}
        for part in parts:
            for i, block in enumerate(part):
                for x, z, c in block.terms:
                    total[x, z] = total.get((x, z), 0.0) + c
                later = [t for other in part[i + 1 :] for t in other.terms]
                assert not any(anticommute(a, b) for a in block.terms for b in later)
                assert len(block.qubits) < 3 or not any(anticommute(a, b) for a in block.terms for b in block.terms)
        assert total == pytest.approx({(x, z): c for x, z, c in terms}, abs=1e-12)
    assert len(terms) > 10


@pytest.mark.parametrize("name", PLAIN)
def test_declared_orders_with_every_splitting(name):
    """A random operator on three qubits against the dense propagator, global phase included."""
    operator, duration = random_operator(3, 9, 5), 1.0
    truth = scipy.linalg.expm(-1j * duration * operator.to_matrix())
    assert np.linalg.norm(truth - np.eye(8), 2) > 0.5
    formula = FORMULAS[name]
    seen = []
    for splitting in splittings(3, terms_of(operator), len(formula.ramps)):
        steps = (8, 16) if formula.order < 6 else (2, 4)
        step = {k: unitary(splitting.circuit(as_sweeps(formula.ramps, [duration / k]))) for k in steps}
        found = [np.linalg.norm(np.linalg.matrix_power(step[k], k) - truth, 2) for k in steps]
        assert found[1] > 1e-12
        assert np.log2(found[0] / found[1]) == pytest.approx(formula.order, abs=0.2), splitting.name
        seen.append(splitting.name)
    assert len(set(seen)) >= 5


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("schedule", [Linear(1.6, -0.3), PowerLaw(1.2, 1.5, offset=0.2)])
def test_declared_orders_with_a_moving_strength(name, schedule):
    """H(t) = s(t) H0, a save time that is no end of a step, from a state that is no eigenstate."""
    operator = random_operator(3, 9, 7)
    rng = np.random.default_rng(1)
    start = rng.standard_normal(8) + 1j * rng.standard_normal(8)
    start /= np.linalg.norm(start)
    problem = qd.Problem.from_operator(operator, clock="real", duration=1.0, strength=schedule, initial=qd.State(start))
    amount = schedule.integral(0.0, 1.0, 1.0)
    truth = scipy.linalg.expm(-1j * amount * operator.to_matrix()) @ start
    assert abs(np.vdot(truth, start)) < 0.95
    order = FORMULAS[name].order
    steps = (8, 16) if order < 6 else (6, 12)
    runs = [qd.evolve(problem, qd.Trotter(k, formula=name)) for k in steps]
    found = [np.linalg.norm(run.states[-1].ravel() - truth) for run in runs]
    assert np.log2(found[0] / found[1]) == pytest.approx(order, abs=0.2)
    assert runs[0].method.order == order
    assert runs[0].diagnostics["splitting"]
    cut = qd.evolve(problem, qd.Trotter(steps[1], formula=name), save=[0.0, 0.37, 1.0])
    assert np.linalg.norm(cut.states[-1].ravel() - truth) < 3 * found[1]


def test_networks_are_mirrored_and_their_order_is_read_back():
    """The product of the rotations in the order that is told, and back again."""
    operator = random_operator(4, 14, 2)
    terms = [t for t in terms_of(operator) if t[0] | t[1]]
    for found in networks(4, terms, 0.0)[:6]:
        assert sorted(found.order) == list(range(len(terms)))
        expected = np.eye(16, dtype=complex)
        for number in [*found.order, *reversed(found.order)]:
            x, z, c = terms[number]
            string = PauliSum(4, np.array([x]), np.array([z]), np.array([c])).matrix()
            expected = scipy.linalg.expm(-0.15j * string) @ expected
        np.testing.assert_allclose(unitary(found.circuit([(True, 0.15), (False, 0.15)])), expected, atol=1e-10)
        with pytest.raises(MethodError, match="`ramps` must go forwards and backwards"):
            found.circuit([(True, 0.1)])
    plain = next(each for each in every_splitting(operator) if each.name == "terms")
    sweeps = as_sweeps((0.5, 0.5), [0.3])
    assert counts(found.circuit(sweeps))[0] < 0.6 * counts(plain.circuit(sweeps))[0]


def test_long_strings_that_are_local_keep_their_depth():
    """A cluster chain with fields, three times as long: the layers are as deep, and what is taken is no deeper."""
    depths = []
    for n in (10, 30):
        strings = [("ZXZ", [i - 1, i, i + 1], -1.0) for i in range(1, n - 1)]
        operator = SparsePauliOp.from_sparse_list([*strings, *(("X", [i], 0.6) for i in range(n))], n)
        sweeps = as_sweeps((0.5, 0.5), [0.1] * 4)
        layers = splittings(n, terms_of(operator), 2)[0]
        depths.append(counts(layers.circuit(sweeps))[1])
        assert counts(best_splitting(n, terms_of(operator), (0.5, 0.5), 0.1).circuit(sweeps))[1] <= depths[-1]
    assert 0 < depths[1] <= depths[0] + 4


def test_small_molecules_are_one_network_over_many_steps():
    """H2: the rotations of ten steps as one network take far fewer gates than ten times those of one; phase and state are those of
    the product, at a strength that moves too.
    """
    labels = [
        "IIIZ",
        "IIZI",
        "IIZZ",
        "IZII",
        "IZIZ",
        "IZZI",
        "ZIII",
        "ZIIZ",
        "ZIZI",
        "ZZII",
        "XXYY",
        "XYYX",
        "YXXY",
        "YYXX",
    ]
    values = [-0.223, -0.223, 0.174, 0.171, 0.121, 0.166, 0.171, 0.166, 0.121, 0.169, -0.045, 0.045, 0.045, -0.045]
    terms = terms_of(SparsePauliOp(labels, values))
    best = best_splitting(4, terms, (0.5, 0.5), 0.1)
    assert isinstance(best, Whole)
    one, ten = (best.circuit(as_sweeps((0.5, 0.5), [0.1] * k)) for k in (1, 10))
    assert ten.num_nonlocal_gates() < 10 * one.num_nonlocal_gates()
    sweeps = as_sweeps((0.5, 0.5), [0.3, -0.2, 0.7])
    expected = np.eye(16, dtype=complex)
    for forwards, amount in sweeps:
        for x, z, c in best.terms if forwards else reversed(best.terms):
            string = PauliSum(4, np.array([x]), np.array([z]), np.array([c])).matrix()
            expected = scipy.linalg.expm(-1j * amount * string) @ expected
    np.testing.assert_allclose(unitary(best.circuit(sweeps)), expected, atol=1e-9)
    assert np.abs(expected - np.diag(np.diag(expected))).max() > 0.01


def test_commuting_operators_are_exact_in_one_sweep():
    """However many steps there are: one block a term, and the global phase."""
    operator = SparsePauliOp(["ZZI", "IZZ", "ZIZ", "IIZ", "III"], [0.3, -0.7, 0.4, 1.1, 0.25])
    terms = terms_of(operator)
    best = best_splitting(3, terms, (0.5, 0.5), 0.1)
    circuit = best.circuit(as_sweeps((0.5, 0.5), [0.1] * 7))
    np.testing.assert_allclose(unitary(circuit), scipy.linalg.expm(-0.7j * operator.to_matrix()), atol=1e-10)
    assert circuit.num_nonlocal_gates() == 6


def test_steps_of_no_time_are_left_out():
    """A strength whose integral over every step is zero, and an operator that is a number alone."""
    assert as_sweeps((0.5, 0.5), [0.0, 0.2]) == [(True, 0.1), (False, 0.1)]
    number = best_splitting(2, [(0, 0, 0.7)], (0.5, 0.5), 0.1).circuit(as_sweeps((0.5, 0.5), [0.1, 0.1]))
    np.testing.assert_allclose(unitary(number), np.exp(-0.14j) * np.eye(4), atol=1e-12)


def test_what_a_formula_may_be():
    """Names that circuits can follow; the order is the formula's own, and order six has one."""
    assert qd.Trotter(2, formula="blanes_moan6").order == 6
    assert qd.Trotter(2, order=6).product_formula.name == "blanes_moan6"
    assert qd.Trotter(2, order=6).without_encoding().formula == "blanes_moan6"
    with pytest.raises(MethodError, match="`formula` must be one of"):
        qd.Trotter(2, formula="chin4a")
    with pytest.raises(MethodError, match="Did you mean 'blanes_moan4'"):
        qd.Trotter(2, formula="blanes_moan_4")
    with pytest.raises(MethodError, match="`formula` must be one without gradients"):
        _ = FORMULAS["chin4a"].ramps
