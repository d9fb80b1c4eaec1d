"""The formula that is picked keeps the stated error, measured or bounded, and costs what is sent."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg
from qiskit import transpile
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector
from qiskit.synthesis import SuzukiTrotter

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError
from qml_dynamics.model.schedules import Linear
from qml_dynamics.synthesis.commutator_bounds import lie_constant, strang_constant
from qml_dynamics.synthesis.operator_choice import Choice, choose
from qml_dynamics.synthesis.operator_layers import as_sweeps, label_of, layered, splittings

TERMS = [
    ("ZZ", [0, 1], -1.0),
    ("ZZ", [1, 2], -1.3),
    ("X", [0], -0.9),
    ("X", [1], -1.1),
    ("X", [2], -0.7),
    ("Y", [0], 0.4),
]
OPERATOR = SparsePauliOp.from_sparse_list(TERMS, 3)


@cache
def problem(moving: bool) -> qd.Problem:
    start = np.zeros(8)
    start[1] = 1.0
    strength = Linear(1.5, 0.2) if moving else 1.0
    return qd.Problem.from_operator(OPERATOR, clock="real", duration=1.2, strength=strength, initial=qd.State(start))


def off(run: qd.Trajectory, moving: bool) -> float:
    """Distance of the last wave to the dense propagator's, up to a phase."""
    amount = Linear(1.5, 0.2).integral(0.0, 1.2, 1.2) if moving else 1.2
    start = problem(moving).initial.vector(problem(moving).domain).reshape(-1)
    truth = scipy.linalg.expm(-1j * amount * OPERATOR.to_matrix()) @ start
    wave = run.states[-1].reshape(-1)
    overlap = np.vdot(wave, truth)
    return float(np.linalg.norm(wave * overlap / abs(overlap) - truth))


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-5])
def test_the_stated_error_is_the_error(moving, tolerance):
    """At any schedule: within the tolerance, and what diagnostics say; the circuit is what cost counts."""
    method = qd.Trotter(formula="auto", tolerance=tolerance)
    run = qd.evolve(problem(moving), method)
    found = off(run, moving)
    assert 1e-9 < found <= tolerance
    assert found == pytest.approx(run.diagnostics["error"], rel=1e-3)
    assert run.diagnostics["error_is"] == "measured"
    assert run.diagnostics["rivals"]
    named = {(rival[0], rival[1], rival[2]) for rival in run.diagnostics["rivals"]}
    assert tuple(run.diagnostics[name] for name in ("formula", "splitting", "steps")) not in named
    sent = qd.circuits(problem(moving), method)[-1]
    plain = qd.Trotter(run.diagnostics["steps"], formula=run.diagnostics["formula"])
    assert off(qd.evolve(problem(moving), plain), moving) < 3 * tolerance
    counted = qd.cost(problem(moving), method, backend="statevector")
    assert counted.two_qubit_gates == sent.num_nonlocal_gates() > 0


def test_what_is_optimised_is_smallest():
    """Gates where gates are asked for, depth where depth is; both no worse than the other's."""
    found = {
        aim: qd.circuits(problem(False), qd.Trotter(formula="auto", tolerance=1e-4, optimise=aim))[-1]
        for aim in ("gates", "depth")
    }
    gates = {aim: circuit.num_nonlocal_gates() for aim, circuit in found.items()}
    depth = {aim: circuit.depth(lambda gate: len(gate.qubits) > 1) for aim, circuit in found.items()}
    assert 0 < gates["gates"] <= gates["depth"]
    assert 0 < depth["depth"] <= depth["gates"]


def frustrated(n: int) -> SparsePauliOp:
    """Heisenberg's chain with bonds to second neighbours."""
    bonds = [([i, i + far], c) for far, c in ((1, 1.0), (2, 0.4)) for i in range(n - far)]
    return SparsePauliOp.from_sparse_list([(p * 2, bond, c) for bond, c in bonds for p in "XYZ"], n)


def away(wave: np.ndarray, operator: SparsePauliOp, start: str) -> float:
    """Distance to the exact wave at time 1, up to a phase; it has moved."""
    first = np.eye(wave.size)[int(start, 2)]
    truth = scipy.sparse.linalg.expm_multiply(-1j * operator.to_matrix(sparse=True), first)
    assert abs(np.vdot(first, truth)) < 0.9
    return float(np.sqrt(max(0.0, 2 - 2 * abs(np.vdot(wave, truth)))))


def picked(operator: SparsePauliOp, start: str, tolerance: float, aim: str) -> tuple[int, int]:
    """Gates and depth of what is picked, whose error is at most the tolerance."""
    asked = qd.Problem.from_operator(operator, clock="real", duration=1.0, initial=start)
    circuit = qd.circuits(asked, qd.Trotter(formula="auto", tolerance=tolerance, optimise=aim))[-1]
    assert 1e-2 * tolerance < away(Statevector(circuit).data, operator, start) <= tolerance
    return circuit.num_nonlocal_gates(), circuit.depth(lambda gate: len(gate.qubits) > 1)


def test_parts_are_tried_in_other_orders_where_bonds_are_frustrated():
    """Fewer steps of the same formula than in the order of the colours, and so fewer gates; the error is still the stated one."""
    operator, start = frustrated(5), "01010"
    asked = qd.Problem.from_operator(operator, clock="real", duration=1.0, initial=start)
    run = qd.evolve(asked, qd.Trotter(formula="auto", tolerance=1e-2))
    said, error = run.diagnostics, away(run.states[-1].reshape(-1), operator, start)
    assert "parts in the order" in said["splitting"]
    assert 1e-4 < error <= 1e-2
    assert error == pytest.approx(said["error"], rel=1e-3)
    plain = next(rival for rival in said["rivals"] if rival[:2] == [said["formula"], "bonds"])
    assert said["steps"] < plain[2]
    assert len({tuple(rival[:3]) for rival in said["rivals"]}) == len(said["rivals"])


def test_gates_stay_below_the_best_of_qiskit_on_a_frustrated_chain():
    """Suzuki's formulas with the fewest steps that reach the error, in order and reordered, through one compilation."""
    n, start, tolerance = 7, "0101010", 1e-2
    operator = frustrated(n)
    first = np.eye(1 << n)[int(start, 2)]

    def theirs(order: int, preserve: bool) -> int:
        """Gates on two qubits of their circuit of fewest steps."""
        for steps in range(1, 24):
            formula = SuzukiTrotter(order, steps, preserve_order=preserve)
            circuit = PauliEvolutionGate(operator, 1.0, synthesis=formula).definition
            if away(Statevector(first).evolve(circuit).data, operator, start) <= tolerance:
                small = transpile(circuit, basis_gates=["cx", "rz", "sx", "x"], optimization_level=2)
                return small.num_nonlocal_gates()
        raise AssertionError(f"order {order} did not reach the error")

    gates, _ = picked(operator, start, tolerance, "gates")
    best = min(theirs(order, preserve) for order in (2, 4) for preserve in (True, False))
    assert 0 < gates < 0.85 * best


def test_the_smallest_product_is_no_larger_than_those_of_both_aims():
    """A cluster state's chain, where two steps of one formula reach the error and the order alone led from one step to three."""
    n = 7
    terms = [("ZXZ", [i, i + 1, i + 2], -1.0) for i in range(n - 2)] + [("X", [i], 0.4) for i in range(n)]
    terms += [("ZZ", [i, i + 1], 0.3) for i in range(n - 1)]
    operator = SparsePauliOp.from_sparse_list(terms, n)
    found = {aim: picked(operator, "0" * n, 1e-3, aim) for aim in ("gates", "depth", "both")}
    product = {aim: gates * depth for aim, (gates, depth) in found.items()}
    assert product["both"] <= min(product["gates"], product["depth"])
    assert found["gates"][0] < found["depth"][0]


def test_commutator_bounds_hold():
    """Above the true error of one step of Lie's and of Strang's formula, and not by orders of magnitude."""
    zz, x = [(0, 3, -1.0), (0, 6, -1.3)], [(1, 0, -0.9), (2, 0, -1.1), (4, 0, -0.7)]
    matrices = [
        sum(SparsePauliOp.from_sparse_list([term], 3).to_matrix() for term in chosen)
        for chosen in (TERMS[:2], TERMS[2:5])
    ]
    a, b = ([scipy.linalg.expm(-1j * part * m) for m in matrices] for part in (0.05, 0.1))
    truth = scipy.linalg.expm(-0.1j * (matrices[0] + matrices[1]))
    lie, strang = np.linalg.norm(b[1] @ b[0] - truth, 2), np.linalg.norm(a[0] @ b[1] @ a[0] - truth, 2)
    assert lie <= lie_constant([zz, x]) * 0.1**2 <= 5 * lie
    assert strang <= strang_constant([zz, x]) * 0.1**3 <= 5 * strang


def strings(many: int, n: int, seed: int = 3) -> list[tuple[int, int, float]]:
    """So many strings on four of n qubits."""
    rng, found = np.random.default_rng(seed), {}
    while len(found) < many:
        letters = {int(q): int(rng.integers(1, 4)) for q in rng.choice(n, 4, replace=False)}
        masks = tuple(sum((letter >> k & 1) << q for q, letter in letters.items()) for k in (0, 1))
        found[masks] = float(rng.normal())
    return [(x, z, c) for (x, z), c in found.items()]


@pytest.mark.parametrize(("constant", "order"), [(lie_constant, 1), (strang_constant, 2)])
def test_the_bound_for_many_strings_is_no_less_than_that_for_few(constant, order):
    """Without adding up equal strings: above the constant with them, near to it, and so above the error; one string counted twice too."""
    n = 5
    terms = strings(24, n)
    parts = [terms[:4], terms[4:5], terms[5:16], [*terms[16:], (*terms[0][:2], 0.4), (*terms[18][:2], -0.2)]]
    exact, loose = constant(parts), constant(parts, pairs=0)
    assert exact * (1 - 1e-12) < loose < 1.2 * exact  # Lie's sums of pairs are the same here, added up in another order
    assert order == 1 or loose > 1.01 * exact
    dense = [sum(c * SparsePauliOp(label_of(x, z, n)).to_matrix() for x, z, c in part) for part in parts]
    step = 0.01
    row = dense if order == 1 else [*(m / 2 for m in dense), *(m / 2 for m in reversed(dense))]
    wave = np.linalg.multi_dot([scipy.linalg.expm(-1j * step * m) for m in reversed(row)])
    error = np.linalg.norm(wave - scipy.linalg.expm(-1j * step * sum(dense)), 2)
    assert 1e-2 * exact * step ** (order + 1) < error < exact * step ** (order + 1)


def test_very_many_strings_are_refused_by_name():
    """Where neither way of adding up commutators is at hand in reasonable time; strings that share few qubits are."""
    many = 4001
    apart = [[(0, 3 << 2 * i, 1.0) for i in range(many)], [(1 << 2 * i, 0, 1.0) for i in range(many)]]
    assert lie_constant(apart) == pytest.approx(many)
    with pytest.raises(MethodError, match="`formula` must be the name of one formula for more than 4,000 strings"):
        strang_constant([[term] for term in strings(many, 30)], pairs=1000)


def unitary(found: Choice, amounts: list[float]) -> np.ndarray:
    """What the circuit of steps does."""
    return Operator(found.splitting.circuit(as_sweeps(found.formula.ramps, amounts))).data


def test_bounds_are_of_layers_alone():
    """No network is looked for, which no bound holds for; the circuit of what is picked errs by less than is told."""
    n, terms = 5, strings(8, 5)
    names = {each.name for ramps in (1, 2) for each in layered(n, terms, ramps)}
    assert any(each.name not in names for each in splittings(n, terms, 2))
    found = choose(n, terms, lambda steps: [[0.03 / steps] * steps, [-0.01 / steps] * steps], None, 0.01, "gates")
    assert {found.splitting.name, *(rival[1] for rival in found.rivals)} <= names
    matrix = sum(c * SparsePauliOp(label_of(x, z, n)).to_matrix() for x, z, c in terms)
    ends = unitary(found, [0.03 / found.steps] * found.steps), unitary(found, [-0.01 / found.steps] * found.steps)
    errors = [
        np.linalg.norm(ends[0] - scipy.linalg.expm(-0.03j * matrix), 2),
        np.linalg.norm(ends[1] @ ends[0] - scipy.linalg.expm(-0.02j * matrix), 2),
    ]
    assert 1e-7 < max(errors) <= found.error <= 0.01


def test_a_wide_register_is_bounded_and_says_so():
    """Thirteen spins: no wave is asked for."""
    n = 13
    bonds = [("ZZ", [i, i + 1], -1.0) for i in range(n - 1)]
    operator = SparsePauliOp.from_sparse_list([*bonds, *(("X", [i], -1.0) for i in range(n))], n)
    wide = qd.Problem.from_operator(operator, clock="real", duration=0.3)
    run = qd.evolve(wide, qd.Trotter(formula="auto", tolerance=0.05))
    assert run.diagnostics["error_is"] == "bounded by commutators, for formulas of the orders 1, 2 and 4"
    assert {rival[0] for rival in run.diagnostics["rivals"]} <= {"lie", "strang", "omelyan4", "blanes_moan4"}
    truth = qd.evolve(wide, qd.Krylov()).states[-1].reshape(-1)
    wave = run.states[-1].reshape(-1)
    error = np.sqrt(max(0.0, 2 - 2 * abs(np.vdot(wave, truth))))
    assert 1e-6 < error <= run.diagnostics["error"] <= 0.05


@pytest.mark.parametrize(("n", "told"), [(3, "measured"), (13, "bounded")])
def test_the_error_is_that_of_the_steps_that_run(n, told):
    """A strength that changes its sign, of which a long step sees nothing: within the tolerance at every saved time that cuts it."""
    bonds = [("ZZ", [i, i + 1], -1.0) for i in range(n - 1)]
    operator = SparsePauliOp.from_sparse_list([*bonds, *(("X", [i], -1.0) for i in range(n))], n)
    strength = qd.Oscillation(1.0, np.pi, mean=0.05)
    moving = qd.Problem.from_operator(operator, clock="real", duration=2.0, strength=strength, initial="0" * n)
    run = qd.evolve(moving, qd.Trotter(formula="auto", tolerance=0.02), save=[0.3, 0.5, 2.0])
    assert run.diagnostics["error_is"].startswith(told)
    start = moving.initial.vector(moving.domain).reshape(-1)
    errors = []
    for t, wave in zip(run.times, run.states):
        amount = strength.integral(0.0, float(t), 2.0)
        truth = scipy.sparse.linalg.expm_multiply(-1j * amount * operator.to_matrix(sparse=True), start)
        assert abs(np.vdot(start, truth)) < 0.99 or t == 2.0
        errors.append(np.sqrt(max(0.0, 2 - 2 * abs(np.vdot(wave.reshape(-1), truth)))))
    assert len(errors) == 3
    assert 1e-6 < max(errors) <= run.diagnostics["error"] * (1 + 1e-6) <= 0.02 * (1 + 1e-6)
    if told == "measured":
        assert max(errors) == pytest.approx(run.diagnostics["error"], rel=1e-4)


def test_what_goes_with_auto():
    """A tolerance, and nothing that it picks itself; operators alone."""
    with pytest.raises(MethodError, match="`tolerance` must be given"):
        qd.Trotter(formula="auto")
    with pytest.raises(MethodError, match="`tolerance` must be a positive number"):
        qd.Trotter(formula="auto", tolerance=0.0)
    with pytest.raises(MethodError, match="`steps` must be left out"):
        qd.Trotter(4, formula="auto", tolerance=0.1)
    with pytest.raises(MethodError, match="`tolerance` must be None"):
        qd.Trotter(4, tolerance=0.1)
    with pytest.raises(MethodError, match="`optimise` must be"):
        qd.Trotter(formula="auto", tolerance=0.1, optimise="width")
    with pytest.raises(MethodError, match="`steps` must be an integer between 1"):
        qd.Trotter()
    with pytest.raises(MethodError, match="`tolerance` must be one that a formula reaches"):
        qd.evolve(problem(False), qd.Trotter(formula="auto", tolerance=1e-300))
    well = qd.Problem(qd.Grid((-2, 2), 3), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0)
    with pytest.raises(MethodError, match="runs on a general operator"):
        qd.evolve(well, qd.Trotter(formula="auto", tolerance=0.1))
