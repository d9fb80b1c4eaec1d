"""Product-formula circuits against the classical split-operator method: same formula, same steps, same state and phase."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.exact import Exact
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.formulas import by_order
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian, PointMass, State, Uniform
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import QHD, Geometric, Linear
from qml_dynamics.synthesis.transforms import width
from qml_dynamics.synthesis.trotter import program

STANDARD = {"h", "x", "rx", "ry", "rz", "p", "cp", "cx"}


def crooked(w: np.ndarray) -> np.ndarray:
    """No symmetry under any permutation or reflection of the weights."""
    n = w.shape[1]
    ramp = 0.3 + 0.21 * np.arange(n)
    return np.cos(w @ ramp + 0.3) + 0.2 * (w**2) @ ramp[::-1] + 0.1 * w[:, 0] * w[:, -1] ** 2


def random_state(size: int) -> State:
    rng = np.random.default_rng(8)
    return State(rng.standard_normal(size) + 1j * rng.standard_normal(size))


CASES = {
    "line": (Grid((-3, 4), 5), Gaussian(0.8, 0.6, momentum=1.1)),
    "plane": (Grid([(-3, 4), (-2, 5)], (2, 4)), Gaussian((0.5, 1.0), (0.9, 0.7), (0.4, -1.0))),
    "space": (Grid([(-3, 4), (-2, 5), (0, 2)], (2, 1, 3)), random_state(64)),
    "flux": (Grid([(-3, 4), (-2, 5)], (3, 2), twist=(0.3, -0.7)), random_state(32)),
    "walls": (Grid((-3, 4), 5, "walls"), Gaussian(0.8, 0.6, momentum=1.1)),
    "walled plane": (Grid([(-3, 4), (-2, 5)], (2, 3), "walls"), random_state(32)),
    "one bit walls": (Grid((-1, 2), 1, "walls"), PointMass(1.0)),
    "cube": (Hypercube(5), random_state(32)),
    "cube of other values": (Hypercube(4, values=(0, 2)), Uniform()),
}
SCHEDULES = {
    "constant": (0.3, 1.0),
    "driven": (Geometric(0.6, 0.1), Linear(-0.5, 1.2)),
    "descent": (QHD(0.5).diffusion, QHD(0.5).strength),
}


def wave_after(plan, index: int) -> np.ndarray:
    return Statevector.from_instruction(plan.until(index)).data


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("schedule", list(SCHEDULES))
@pytest.mark.parametrize("case", list(CASES))
def test_states_equal_split_step_with_the_global_phase(case, schedule, order, classical):
    """At every save time, cut steps included, to 1e-10 and with walls' ancillas back in |0>."""
    domain, start = CASES[case]
    d, s = SCHEDULES[schedule]
    problem = Problem(domain, crooked, d, s, clock="real", initial=start, duration=0.9)
    h, saves = hamiltonian(problem), [0.0, 0.33, 0.6, 0.9]
    plan = program(problem, h, by_order(order), 3, saves)
    reference = classical.propagate(problem, SplitStep(3, order), saves)
    assert abs(np.vdot(reference[0][1], reference[-1][1])) < 0.99
    for i, (_, psi, _) in enumerate(reference):
        wave = wave_after(plan, i)
        assert np.abs(wave[domain.size :]).max(initial=0.0) < 1e-10
        np.testing.assert_allclose(wave[: domain.size], psi.reshape(-1), atol=1e-10)


@pytest.mark.parametrize("case", list(CASES))
def test_circuits_are_made_of_standard_gates_only(case):
    """Gates of at most two qubits by name: no dense unitary, no box, no barrier."""
    domain, start = CASES[case]
    problem = Problem(domain, crooked, 0.3, clock="real", initial=start, duration=0.9)
    circuit = program(problem, hamiltonian(problem), by_order(4), 2, [0.0, 0.9]).until(1)
    assert circuit.num_qubits == width(domain)
    assert set(circuit.count_ops()) <= STANDARD
    assert max(len(item.qubits) for item in circuit.data) <= 2
    assert not circuit.parameters


def test_half_steps_are_merged_and_factors_do_not_repeat():
    """r Strang steps hold r kinetic blocks and r + 1 potential blocks."""
    problem = Problem(Grid((-3, 4), 4), crooked, 0.3, clock="real", duration=1.0)
    h, phases = hamiltonian(problem), 2**4 - 1
    for steps in (1, 3, 7):
        piece = program(problem, h, by_order(2), steps, [0.0, 1.0]).pieces[0].count_ops()
        assert piece["rz"] == (steps + 1) * phases
        assert piece["h"] == 2 * 4 * steps


def test_truncation_error_is_bounded_by_what_is_promised():
    """The state's error from left out Walsh terms stays below the bound, the bound below what was allowed."""
    domain = Grid((-2.5, 2.7), 6)
    start = Gaussian(0.8, 0.35, momentum=0.5)
    schedule = Linear(-0.6, 1.3)
    problem = Problem(
        domain,
        lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.3 * w[:, 0],
        0.3,
        schedule,
        clock="real",
        initial=start,
        duration=1.0,
    )
    h = hamiltonian(problem)
    for order in (2, 4):
        full = program(problem, h, by_order(order), 3, [0.0, 1.0])
        whole = wave_after(full, 1)
        for allowed in (0.3, 0.03):
            plan = program(problem, h, by_order(order), 3, [0.0, 1.0], truncation=allowed)
            error = float(np.linalg.norm(wave_after(plan, 1) - whole))
            assert 1e-4 * allowed < error <= plan.error_bound <= allowed
            assert plan.pieces[0].count_ops()["rz"] < full.pieces[0].count_ops()["rz"]


def test_bound_of_a_truncated_run_holds_for_formulas_that_go_backwards():
    """Suzuki's merged potential factors add up to 1.487 steps in absolute time, and the bound must know it."""
    problem = Problem(Grid((-2, 2), 4), lambda w: w[:, 0], 0.0, clock="real", duration=1.0)
    h = hamiltonian(problem)
    plan = program(problem, h, by_order(4), 1, [0.0, 1.0], truncation=0.5)
    assert plan.sup_error > 0
    p, _, q, _, _ = by_order(4).substeps
    absolute = 3 * p + abs(p + q)
    assert absolute == pytest.approx(1.4869, abs=1e-4)
    assert plan.error_bound == pytest.approx(plan.sup_error * absolute)
    strang = program(problem, h, by_order(2), 5, [0.0, 1.0], truncation=0.5)
    assert strang.error_bound == pytest.approx(strang.sup_error)
    assert plan.error_bound <= 0.5


def test_zero_loss_and_zero_diffusion_leave_only_the_other_factor():
    """A vanishing factor costs no gate."""
    free = Problem(Grid((-3, 4), 3), lambda w: 0 * w[:, 0], 0.3, clock="real", duration=1.0)
    still = Problem(Grid((-3, 4), 3), crooked, 0.0, clock="real", duration=1.0)
    assert "rz" not in program(free, hamiltonian(free), by_order(2), 2, [0.0, 1.0]).pieces[0].count_ops()
    assert "h" not in program(still, hamiltonian(still), by_order(2), 2, [0.0, 1.0]).pieces[0].count_ops()


@pytest.mark.parametrize("order", [1, 2, 4])
def test_general_operators_take_the_same_formula(order, classical):
    """A random operator with Y: the error falls with the declared order, and bit order is the operator's own."""
    rng = np.random.default_rng(4)
    labels = ["XYZ", "YIZ", "IXY", "ZZI", "YYI", "IIX", "XII"]
    operator = SparsePauliOp(labels, rng.standard_normal(7))
    start = random_state(8)
    problem = Problem.from_operator(operator, clock="real", duration=0.8, initial=start)
    truth = scipy.linalg.expm(-0.8j * operator.to_matrix()) @ start.amplitudes
    assert abs(np.vdot(start.amplitudes, truth)) < 0.9
    h = hamiltonian(problem)

    def error(steps: int) -> float:
        plan = program(problem, h, by_order(order), steps, [0.0, 0.4, 0.8])
        assert set(plan.until(2).count_ops()) <= {
            *STANDARD,
            "s",
            "sdg",
            "sx",
            "sxdg",
            "rzz",
            "rxx",
            "ryy",
            "rzx",
            "u",
            "z",
        }
        return float(np.linalg.norm(wave_after(plan, 2) - truth))

    steps = {1: (32, 64), 2: (16, 32), 4: (8, 16)}[order]
    assert classical.slopes(error, steps)[-1] == pytest.approx(order, abs=0.2)
    exact = classical.final(problem, Exact())[0].reshape(-1)
    np.testing.assert_allclose(exact, truth, atol=1e-12)


def test_pieces_are_unitary_on_their_own():
    """A piece may be used without its preparation: it equals the matrix of the split steps."""
    problem = Problem(Grid((-3, 4), 3), crooked, 0.3, clock="real", duration=0.5)
    h = hamiltonian(problem)
    piece = Operator(program(problem, h, by_order(2), 1, [0.0, 0.5]).pieces[0]).data
    kinetic = scipy.linalg.expm(-0.15j * (h.matrix() - np.diag(h.zeta.reshape(-1))) / 0.3)
    half = np.diag(np.exp(-0.25j * h.zeta.reshape(-1)))
    np.testing.assert_allclose(piece, half @ kinetic @ half, atol=1e-12)
    assert np.abs(piece - kinetic @ half @ half).max() > 1e-3  # the other order of the factors


@pytest.mark.parametrize("kind", ["grid", "operator"])
def test_a_circuit_that_cannot_fit_is_refused_before_it_is_built(kind, monkeypatch):
    """By the steps alone, and by the gates of one step; what is built for the question is one step, not all."""
    if kind == "grid":
        problem = Problem(Grid((-3, 4), 5), crooked, 0.4, clock="real", duration=1.0, initial=Gaussian(0.8, 0.6))
    else:
        operator = SparsePauliOp(["XZI", "IYY", "ZIZ"], [0.3, 0.4, -0.7])
        problem = Problem.from_operator(operator, clock="real", duration=1.0)
    h, formula = hamiltonian(problem), by_order(2)
    with pytest.raises(MethodError, match=r"^A circuit of 1,000,000,000 steps needs .+ are available"):
        program(problem, h, formula, 10**9, [0.0, 1.0])
    size = program(problem, h, formula, 3, [0.0, 1.0]).pieces[0].size()
    for bytes_there in (
        300 * 1000 * problem.domain.num_qubits,
        300 * 1000 * size // 3 - 1,
    ):  # of 3 steps, with halves merged
        monkeypatch.setattr("qml_dynamics.base.errors.available_memory", lambda there=bytes_there: there)
        with pytest.raises(MethodError, match=r"^A circuit of 1,000 steps (with [1-9]\d* gates each )?needs"):
            program(problem, h, formula, 1000, [0.0, 1.0])
    monkeypatch.setattr("qml_dynamics.base.errors.available_memory", lambda: 300 * (size + 200))
    assert program(problem, h, formula, 3, [0.0, 1.0]).pieces[0].size() == size
