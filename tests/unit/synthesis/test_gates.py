"""Two-qubit gates of a step, counted after one and the same transpile, beside the Pauli-sum route."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp
from qiskit.synthesis import SuzukiTrotter
from qiskit.transpiler.exceptions import TranspilerError
from qiskit.transpiler.passes.synthesis.high_level_synthesis import HLSConfig
from qiskit.transpiler.passes.synthesis.plugin import high_level_synthesis_plugin_names

from qml_dynamics.model.domains import Grid
from qml_dynamics.model.formulas import by_order
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.objectives import from_table, levy
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.transforms import walsh_coefficients
from qml_dynamics.synthesis.measure import gates_of
from qml_dynamics.synthesis.trotter import program
from qml_dynamics.synthesis.walsh import walsh_series

FALL = SparsePauliOp(["X", "Y"], [0.5, 0.5j])  # |0><1|
RISE = SparsePauliOp(["X", "Y"], [0.5, -0.5j])  # |1><0|
ONE = SparsePauliOp(["I"], [1.0])


def cx_of(circuit: QuantumCircuit, level: int) -> int:
    """CX after the transpile that both routes share."""
    known = high_level_synthesis_plugin_names("PauliEvolution")
    direct = "basic" if "basic" in known else "default"  # Qiskit 2.6 gave the direct synthesis a name of its own
    plain = HLSConfig(PauliEvolution=[direct])
    basis = ["cx", "rz", "sx", "x"]
    out = transpile(circuit, basis_gates=basis, optimization_level=level, hls_config=plain, seed_transpiler=1)
    return out.count_ops().get("cx", 0)


def next_point(n: int) -> SparsePauliOp:
    """``|j + 1><j|`` on a ring: the lowest zero becomes one and the ones below it zeros, or all ones become zeros."""
    terms = [[ONE] * (n - bit - 1) + [RISE] + [FALL] * bit for bit in range(n)] + [[FALL] * n]
    return reduce(lambda a, b: a + b, (reduce(lambda a, b: a ^ b, term) for term in terms))


def finite_differences(n: int, length: float, d: float, values: np.ndarray) -> SparsePauliOp:
    """Three-point Laplacian on a ring plus a diagonal, as Pauli strings."""
    h = length / 2**n
    hop = next_point(n)
    labels = ["".join("Z" if m >> q & 1 else "I" for q in reversed(range(n))) for m in range(1 << n)]
    diagonal = SparsePauliOp(labels, walsh_coefficients(values + 2 * d / h**2))
    return ((hop + hop.adjoint()) * (-d / h**2) + diagonal).simplify(atol=1e-12)


def well(w: np.ndarray) -> np.ndarray:
    """The double well of the table: V0 = 8 on a box of length 4."""
    return 8 * (w[:, 0] ** 2 - 1) ** 2


def counts(n: int, level: int) -> tuple[int, int]:
    """CX of one Strang step: Pauli sum, and split operator (one more step of a longer run, half steps merged)."""
    problem = Problem(Grid((-2, 2), n), well, 0.5, clock="real", duration=0.02)
    h = hamiltonian(problem)
    circuit = QuantumCircuit(n)
    operator = finite_differences(n, 4.0, 0.5, h.zeta)
    circuit.append(PauliEvolutionGate(operator, time=0.01, synthesis=SuzukiTrotter(order=2)), range(n))
    one, two = (program(problem, h, by_order(2), steps, [0.0, 0.02]).pieces[0] for steps in (1, 2))
    return cx_of(circuit, level), cx_of(two, level) - cx_of(one, level)


def test_the_peer_is_given_the_right_operator():
    """Its matrix is the finite-difference one, and it has the terms of the published table."""
    n, length, d = 4, 4.0, 0.5
    values, h, eye = well(Grid((-2, 2), n).points), length / 2**n, np.eye(1 << n)
    wanted = d / h**2 * (2 * eye - np.roll(eye, 1, axis=0) - np.roll(eye, -1, axis=0)) + np.diag(values)
    np.testing.assert_allclose(finite_differences(n, length, d, values).to_matrix(), wanted, atol=1e-10)
    shift = np.roll(eye, 1, axis=0)
    np.testing.assert_allclose(next_point(n).to_matrix(), shift, atol=1e-14)
    assert len(finite_differences(6, 4.0, 0.5, well(Grid((-2, 2), 6).points))) == 104


@pytest.mark.parametrize("level", [1, 3])
def test_double_well_step_at_eight_qubits(level):
    """At most 364 CX (196 for the loss, 56 for the phases, 112 for the transforms) and over seven times fewer."""
    peer, ours = counts(8, level)
    assert ours <= 364
    assert peer > 7 * ours


@pytest.mark.parametrize("level", [1, 3])
def test_double_well_step_at_ten_qubits_takes_ten_times_fewer(level):
    """The promise on gates: at least a factor of ten."""
    peer, ours = counts(10, level)
    assert ours <= 780
    assert peer >= 10 * ours


def test_separable_loss_costs_no_more_than_the_sum_of_its_parts():
    """Levy on 2 x 8 qubits: no term touches both axes, and the step's CX are those of the two axes."""
    whole = Problem(Grid([(-10, 10), (-10, 10)], 8), levy(), 1.0, clock="real", duration=0.01)
    assert whole.domain.size == 1 << 16
    h = hamiltonian(whole)
    masks = walsh_series(h.zeta).masks
    assert not np.any((masks & 0xFF > 0) & (masks >> 8 > 0))
    table = h.zeta
    parts = 0
    for axis in (0, 1):
        line = table[:, 100] if axis == 0 else table[100, :]
        axis_grid = Grid((-10, 10), 8)
        piece = Problem(axis_grid, from_table(line, axis_grid), 1.0, clock="real", duration=0.01)
        parts += cx_of(program(piece, hamiltonian(piece), by_order(2), 1, [0.0, 0.01]).pieces[0], 1)
    assert 0 < cx_of(program(whole, h, by_order(2), 1, [0.0, 0.01]).pieces[0], 1) <= parts


def test_truncated_step_at_ten_qubits_stays_below_five_hundred():
    """PERF target: at most 500 CX a step with a stated truncation error."""
    problem = Problem(Grid((-2, 2), 10), well, 0.5, clock="real", duration=1.0)
    h = hamiltonian(problem)
    plans = [program(problem, h, by_order(2), steps, [0.0, 1.0], truncation=0.2) for steps in (10, 11)]
    counted = [cx_of(plan.pieces[0], 1) for plan in plans]
    assert plans[0].error_bound <= 0.2
    assert plans[0].sup_error > 0
    assert counted[1] - counted[0] <= 500


@pytest.mark.slow
def test_a_circuit_on_which_the_compiler_gives_up_is_counted_in_parts() -> None:
    """Layers that vanish one after another from the middle, more of them than Qiskit makes passes."""
    layers = 1100
    circuit = QuantumCircuit(2)
    for k in range(layers):
        circuit.ry(0.1 + 1e-3 * k, 0)
        circuit.cx(0, 1)
    for k in reversed(range(layers)):
        circuit.cx(0, 1)
        circuit.u(-0.1 - 1e-3 * k, 0, 0, 0)
    with pytest.raises(TranspilerError, match="Maximum iteration reached"):
        transpile(circuit, basis_gates=["cx", "rz", "sx", "x"], optimization_level=1, seed_transpiler=1)
    found = gates_of(circuit)
    assert found.bound
    assert found.two_qubit_gates == 2 * layers  # the halves have no gate beside its inverse
    assert found.gates <= 12 * layers
