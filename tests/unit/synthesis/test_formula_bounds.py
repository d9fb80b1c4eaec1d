"""The bound of any product formula by nested commutators: above the error, of its order, that of Lie and Strang, and of use."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.model.formulas import FORMULAS
from qml_dynamics.synthesis.commutator_bounds import Spent, lie_constant, strang_constant
from qml_dynamics.synthesis.formula_bounds import formula_constant
from qml_dynamics.synthesis.operator_layers import label_of, layered

Terms = list[tuple[int, int, float]]
FOURTH = ("suzuki4", "omelyan4", "blanes_moan4")


def ising(n: int) -> Terms:
    """A chain in a field, no two bonds or fields alike."""
    bonds = [(0, 3 << i, -1.0 - 0.1 * i) for i in range(n - 1)]
    return [*bonds, *((1 << i, 0, -0.9 + 0.05 * i) for i in range(n))]


def scattered(n: int, many: int) -> Terms:
    """Strings of one to three letters."""
    rng, found = np.random.default_rng(5), {}
    while len(found) < many:
        letters = {int(q): int(rng.integers(1, 4)) for q in rng.choice(n, int(rng.integers(1, 4)), replace=False)}
        masks = tuple(sum((letter >> k & 1) << q for q, letter in letters.items()) for k in (0, 1))
        found[masks] = float(rng.normal())
    return [(x, z, c) for (x, z), c in found.items()]


def parts_of(n: int, terms: Terms, ramps: int) -> list[list[Terms]]:
    """The parts of every splitting in layers."""
    return [[[t for block in part for t in block.terms] for part in each.parts] for each in layered(n, terms, ramps)]


def step(parts: list[Terms], n: int, ramps: tuple[float, ...], t: float) -> np.ndarray:
    """The unitary of one step, by dense exponentials."""
    dense = [sum(c * SparsePauliOp(label_of(x, z, n)).to_matrix() for x, z, c in part) for part in parts]
    out = np.eye(2**n, dtype=complex)
    for k, ramp in enumerate(ramps):
        for matrix in dense if k % 2 == 0 else reversed(dense):
            out = scipy.linalg.expm(-1j * t * ramp * matrix) @ out
    return np.asarray(out @ scipy.linalg.expm(1j * t * sum(dense)))


@pytest.mark.parametrize("name", ["lie", "strang", "omelyan2", *FOURTH])
def test_the_bound_is_above_the_error_and_of_its_order(name: str) -> None:
    """Of steps of two lengths, on every splitting of a chain and of scattered strings."""
    formula, seen = FORMULAS[name], 0
    for n, terms in ((4, ising(4)), (3, scattered(3, 9))):
        for parts in parts_of(n, terms, len(formula.ramps)):
            constant = formula_constant(parts, formula.ramps, formula.order)
            for t in (0.3, 0.1) if formula.order == 4 else (0.1, 0.01):
                error = np.linalg.norm(step(parts, n, formula.ramps, t) - np.eye(2**n), 2)
                assert 1e-12 < error <= constant * t ** (formula.order + 1)
                assert constant * t ** (formula.order + 1) < 2e4 * error
                seen += 1
    assert seen >= 6


def test_it_is_that_of_lie_and_of_strang() -> None:
    """The closed forms of the paper are special cases: of two parts to rounding, of more never below."""
    for n, terms in ((5, ising(5)), (4, scattered(4, 12))):
        for parts in parts_of(n, terms, 2):
            for name, known in (("lie", lie_constant), ("strang", strang_constant)):
                mine, theirs = formula_constant(parts, FORMULAS[name].ramps, FORMULAS[name].order), known(parts)
                assert mine >= theirs * (1 - 1e-12)
                if len(parts) == 2:
                    assert mine == pytest.approx(theirs, rel=1e-12)
    assert theirs > 1


def test_it_grows_with_the_sites_and_gives_up_where_there_are_too_many_strings() -> None:
    """Linear in the length of a chain, whose commutators are local; what is too much is told."""
    ramps = FORMULAS["blanes_moan4"].ramps
    chains = [[(0, 3 << i, -1.0) for i in range(n - 1)] + [(1 << i, 0, -1.0) for i in range(n)] for n in (20, 30, 40)]
    found = [formula_constant(parts_of(n, terms, 2)[0], ramps, 4) for n, terms in zip((20, 30, 40), chains)]
    assert found[2] - found[1] == pytest.approx(found[1] - found[0], rel=1e-9)
    assert found[0] > 1
    with pytest.raises(Spent):
        formula_constant(parts_of(12, scattered(12, 60), 1)[-1], ramps, 4)
    with pytest.raises(Spent):
        formula_constant(parts_of(20, chains[0], 2)[0], ramps, 4, pairs=100)


def test_a_wide_register_takes_a_formula_of_order_four_where_it_is_cheaper() -> None:
    """Thirteen spins: fewer gates than Strang's steps need, and the error is below the bound at every saved time."""
    n, tolerance = 13, 1e-3
    terms = {"I" * i + "ZZ" + "I" * (n - 2 - i): -1.0 for i in range(n - 1)}
    terms |= {"I" * i + "X" + "I" * (n - 1 - i): -1.0 for i in range(n)}
    wide = qd.Problem.from_operator(terms, clock="real", duration=2.0, initial="0" * n)
    run = qd.evolve(wide, qd.Trotter(formula="auto", tolerance=tolerance), save=[0.5, 2.0])
    told, truth = run.diagnostics, qd.evolve(wide, qd.Krylov(1e-12), save=[0.5, 2.0])
    assert FORMULAS[told["formula"]].order == 4
    assert told["error_is"].startswith("bounded by commutators")
    assert run.states is not None
    assert truth.states is not None
    pairs = zip(run.states.reshape(2, -1), truth.states.reshape(2, -1))
    errors = [np.linalg.norm(a * np.exp(1j * np.angle(np.vdot(a, b))) - b) for a, b in pairs]
    assert 1e-9 < max(errors) <= told["error"] <= tolerance
    strang = [rival for rival in told["rivals"] if rival[0] == "strang"]
    sent = qd.circuits(wide, qd.Trotter(formula="auto", tolerance=tolerance))[-1].num_nonlocal_gates()
    bonds = [[t for block in part for t in block.terms] for part in layered(n, list(_masks(terms)), 2)[0].parts]
    steps = np.sqrt(strang_constant(bonds) * 2.0**3 / tolerance)
    assert sent < 0.7 * steps * 2 * (n - 1)
    assert all(rival[3] > sent for rival in strang)


def _masks(terms: dict[str, float]) -> Terms:
    """Masks of labels of X and Z."""
    masks = lambda label, letter: sum(1 << q for q, own in enumerate(reversed(label)) if own == letter)  # noqa: E731
    return [(masks(label, "X"), masks(label, "Z"), c) for label, c in terms.items()]
