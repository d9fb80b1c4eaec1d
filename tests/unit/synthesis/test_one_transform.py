"""Steps of one transform against the plain product of factors: the same unitary, phase included, and never more CX."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Statevector
from scipy.optimize import linprog

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.evolution import circuits, evolve
from qml_dynamics.methods.growing.method import Growing
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.methods.trotter import Trotter
from qml_dynamics.model.domains import Domain, Grid, Hypercube
from qml_dynamics.model.formulas import boundaries, by_name, factors
from qml_dynamics.model.hamiltonians import LearningHamiltonian, hamiltonian
from qml_dynamics.model.initial import Gaussian
from qml_dynamics.model.objectives import from_table
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import Linear
from qml_dynamics.model.transforms import walsh_coefficients
from qml_dynamics.synthesis import measure
from qml_dynamics.synthesis.grid_pieces import Form, GridPieces, cx_of
from qml_dynamics.synthesis.minimax import minimax_fit
from qml_dynamics.synthesis.one_transform import Chirped, chirped, generalised_fourier
from qml_dynamics.synthesis.parities import cx_count, parity_walk
from qml_dynamics.synthesis.transforms import width
from qml_dynamics.synthesis.trotter import Program, pieces_of, program, whole_steps
from qml_dynamics.synthesis.walsh import WalshSeries, walsh_series
from qml_dynamics.validation.budget import error_budget
from qml_dynamics.validation.resources import cost

D = 0.7
DOMAINS: dict[str, Grid] = {
    "line": Grid((-1, 3), 4),
    "walls": Grid((-1, 2), 3, "walls"),
    "plane": Grid([(-1, 3), (0, 4)], (2, 3)),
    "walled plane": Grid([(-1, 1), (0, 1)], (1, 2), "walls"),
    "flux on one axis": Grid([(-1, 3), (0, 4)], (2, 3), twist=(0, 0.3)),
}


def crooked(w: np.ndarray) -> np.ndarray:
    """No symmetry."""
    return np.cos(w @ np.arange(1, 1 + w.shape[1]) + 0.3) + 0.2 * w[:, 0] ** 3 - w[:, -1]


def well(w: np.ndarray) -> np.ndarray:
    """The double well on (-2, 2)."""
    return 8 * (w[:, 0] ** 2 - 1) ** 2


def unit(domain: Grid, d: float, axis: int = 0) -> float:
    """``L^2 / (4 pi N D)`` of an axis, of its odd extension where it has walls."""
    sides = 2 if domain.boundary == "walls" else 1
    return (sides * domain.lengths[axis]) ** 2 / (4 * np.pi * sides * domain.shape[axis] * d)


def plan(problem: Problem, formula: str, steps: int, saves: list[float] | None = None) -> Program:
    return program(problem, hamiltonian(problem), by_name(formula), steps, saves or [0.0, problem.duration])


def plain(problem: Problem, formula: str, steps: int, a: float = 0.0, b: float | None = None) -> QuantumCircuit:
    """The factors of a run one by one between two save times at which it is cut, each kinetic one with two transforms."""
    h, rule, end = hamiltonian(problem), by_name(formula), problem.duration if b is None else b
    assert isinstance(h, LearningHamiltonian)
    ends = boundaries(problem.duration, steps, [a, end])
    ends = ends[(ends >= a - 1e-9) & (ends <= end + 1e-9)]
    make, circuit = pieces_of(problem, h, rule, ends), QuantumCircuit(width(problem.domain))
    for factor in factors(rule, ends, problem.diffusion, problem.strength, problem.duration):
        if factor.amount:
            circuit.compose(make(factor.kind, factor.amount), inplace=True)
    return circuit


@pytest.mark.parametrize("formula", ["lie", "strang"])
@pytest.mark.parametrize("name", list(DOMAINS))
def test_the_fast_step_is_the_plain_one(name, formula):
    """As a unitary with its phase on the states without ancillas, for odd and even multiples and odd and even steps; fewer CX."""
    domain, fewer = DOMAINS[name], 0
    for multiple, steps in ((1, 1), (1, 2), (3, 3), (4, 2), (2, 1), (8, 1), (16, 1), (7, 2)):
        problem = Problem(domain, crooked, D, clock="real", duration=steps * multiple * unit(domain, D))
        fast, slow = plan(problem, formula, steps).pieces[0], plain(problem, formula, steps)
        columns = slice(0, domain.size)
        np.testing.assert_allclose(Operator(fast).data[:, columns], Operator(slow).data[:, columns], atol=1e-12)
        assert cx_of(fast) <= cx_of(slow)
        fewer += cx_of(fast) < cx_of(slow)
    assert fewer >= 6


def test_unequal_axes_are_taken_one_by_one():
    """Where only one axis is at a multiple of its unit, that one has one transform and the other one two."""
    domain = Grid([(-1, 3), (0, 3.3)], (3, 3))
    problem = Problem(domain, crooked, D, clock="real", duration=2 * unit(domain, D))
    fast, slow = plan(problem, "strang", 2).pieces[0], plain(problem, "strang", 2)
    np.testing.assert_allclose(Operator(fast).data, Operator(slow).data, atol=1e-12)
    transforms = fast.count_ops()["h"] / 3
    assert transforms == 2 * (1 + 2)
    assert slow.count_ops()["h"] / 3 == 2 * (2 + 2)


@pytest.mark.parametrize("name", ["line", "walled plane"])
def test_registers_are_in_order_at_every_save(name):
    """The transform reverses the register: waves saved after odd numbers of steps are read in the order of the others."""
    domain = DOMAINS[name]
    dt = unit(domain, D)
    saves = [0.0, dt, 3 * dt, 3.4 * dt, 5 * dt]
    start = Gaussian(0.4, 0.5, momentum=1.0) if domain.ndim == 1 else Gaussian((0.3, 0.4), (0.5, 0.3), (1.0, -0.5))
    problem = Problem(domain, crooked, D, clock="real", duration=5 * dt, initial=start)
    found = plan(problem, "strang", 5, saves)
    first = Statevector.from_instruction(found.start)
    for i, piece in enumerate(found.pieces, 1):
        wanted = first
        for a, b in pairwise(saves[: i + 1]):
            wanted = wanted.evolve(plain(problem, "strang", 5, a, b))
        np.testing.assert_allclose(Statevector.from_instruction(found.until(i)).data, wanted.data, atol=1e-11)
        assert piece.size() > 0
    assert cx_of(found.pieces[0]) < cx_of(plain(problem, "strang", 5, 0.0, dt))
    assert abs(np.vdot(first.data, wanted.data)) < 0.95


def test_large_chirps_do_not_hide_small_terms():
    """At ten qubits a chirp is a thousand times the smallest terms of the well: all of them stay, and the wave is the plain one."""
    domain = Grid((-2, 2), 10)
    dt = 3 * unit(domain, 0.5)
    problem = Problem(domain, well, 0.5, clock="real", duration=2 * dt, initial=Gaussian(0.5, 0.4, momentum=2.0))
    found = plan(problem, "strang", 2)
    terms = walsh_series(well(domain.points)).masks
    assert len(terms) == 386
    assert found.pieces[0].count_ops()["rz"] == 3 * (len(terms) - 1)
    first = Statevector.from_instruction(found.start)
    wanted = first.evolve(plain(problem, "strang", 2))
    np.testing.assert_allclose(first.evolve(found.pieces[0]).data, wanted.data, atol=1e-11)
    assert np.linalg.norm(first.data - wanted.data) > 0.05


@pytest.mark.parametrize("case", ["negative substeps", "no multiple", "driven", "twist"])
def test_factors_off_the_multiples_keep_two_transforms(case):
    """Suzuki's substeps, another time step, a diffusion that moves, a lattice of momenta off the integers."""
    domain = Grid((-1, 3), 4, twist=0.2 if case == "twist" else 0.0)
    dt, d = unit(domain, D), Linear(D, 2 * D) if case == "driven" else D
    duration = 2.1 * dt if case == "no multiple" else 2 * dt
    problem = Problem(domain, crooked, d, clock="real", duration=duration)
    formula = "suzuki4" if case == "negative substeps" else "strang"
    kinetic = 5 if case == "negative substeps" else 1
    found = plan(problem, formula, 2).pieces[0]
    assert found.count_ops()["h"] == 2 * kinetic * 2 * 4
    np.testing.assert_allclose(Operator(found).data, Operator(plain(problem, formula, 2)).data, atol=1e-12)


def test_twice_the_points_cost_nothing_and_half_of_the_ring_one_gate():
    """M = 2 N is the identity, M = N the move by half of the ring; both only as far as the phases of the loss allow."""
    domain = DOMAINS["line"]
    for multiple, names in ((16, {"x"}), (32, set())):
        problem = Problem(domain, lambda w: 0 * w[:, 0], D, clock="real", duration=multiple * unit(domain, D))
        found = plan(problem, "strang", 1).pieces[0]
        assert set(found.count_ops()) == names
        np.testing.assert_allclose(Operator(found).data, Operator(plain(problem, "strang", 1)).data, atol=1e-12)


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_chirp_transform_chirp_is_the_propagator(bits):
    """Against the dense matrix of the dual phases, for every multiple of a period, constants included."""
    n = 1 << bits
    m = np.fft.fftfreq(n, 1 / n)
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n) / np.sqrt(n)
    for multiple in range(1, 2 * n, 2):
        found = Chirped(bits, multiple)
        dense = np.zeros(n)
        for mask, value in found.chirp().items():
            dense += value * (-1.0) ** np.bitwise_count(np.arange(n) & mask)
        circuit = QuantumCircuit(bits)
        generalised_fourier(circuit, range(bits), found.inverse, restore=True)
        chirp = np.exp(-1j * dense)
        whole = np.exp(1j * found.phase) * chirp[:, None] * Operator(circuit).data * chirp
        wanted = fourier.conj().T @ (np.exp(-1j * np.pi * multiple * m**2 / n)[:, None] * fourier)
        np.testing.assert_allclose(whole, wanted, atol=1e-12)
        assert cx_of(circuit) == bits * (bits - 1) + bits // 2


def test_a_multiple_is_told_from_its_neighbourhood():
    """Rounding of the person's formula and of the ends of many steps passes, a part in a thousand million does not."""
    ring = Grid((-2, 2), 10)
    u = unit(ring, 1.0)
    assert chirped(ring, 0, 3 * u * (1 + 3e-15), 3 * u) == Chirped(10, 3)
    assert chirped(ring, 0, 3 * u * (1 + 1e-9), 3 * u) is None
    assert chirped(ring, 0, -u, u) == Chirped(10, 2047)
    assert chirped(ring, 0, 0.0, u) is None
    assert chirped(ring, 0, 1e18 * u * 1.1, 1e18 * u) is None


def step(bits: int, multiple: int, loss=well) -> int:
    """CX of one more step inside a run of the double well."""
    domain = Grid((-2, 2), bits)
    dt = multiple * unit(domain, 0.5)
    three, five = (
        cx_of(plan(Problem(domain, loss, 0.5, clock="real", duration=k * dt), "strang", k).pieces[0]) for k in (3, 5)
    )
    return (five - three) // 2


@pytest.mark.parametrize(("bits", "odd", "even"), [(6, 90, 72), (8, 229, 203), (10, 498, 464)])
def test_a_step_of_the_double_well_takes_the_stated_cx(bits, odd, even):
    """At most these for an odd multiple and at four units; with two transforms 140, 320 and 642."""
    assert step(bits, 1) <= odd
    assert step(bits, 3) <= odd
    assert step(bits, 4) <= even


@pytest.mark.parametrize("n", [2, 3, 5, 8, 12])
def test_a_quadratic_form_takes_half_of_the_cx(n):
    """(n - 1)(n + 2) / 2 for all pairs and single bits."""
    masks = np.array([0, *(1 << j for j in range(n)), *(1 << j | 1 << i for j in range(n) for i in range(j))])
    assert cx_count(masks) == (n - 1) * (n + 2) // 2


def test_sparse_series_of_a_quartic_takes_fewer_and_a_dense_one_no_more():
    """Counts of the double well at 8 and 10 qubits; Welch's count for a series without gaps."""
    for bits, most in ((8, 173), (10, 408)):
        assert cx_count(walsh_series(well(Grid((-2, 2), bits).points)).masks) <= most
    for bits in range(1, 9):
        assert cx_count(np.arange(1 << bits)) == 2**bits - 2


@pytest.mark.parametrize("seed", range(12))
def test_random_sets_of_parities_are_walked_and_undone(seed):
    """At each rotation the qubit holds its mask, at the end all are as at the start, and no walk takes more than the plain one."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    masks = np.flatnonzero((rng.random(1 << n) < rng.random()) | (np.bitwise_count(np.arange(1 << n)) == 2))
    held, seen, count = [1 << q for q in range(n)], [], 0
    for move, who, target in parity_walk(masks):
        if move == "cx":
            held[target] ^= held[who]
            count += 1
        else:
            assert held[target] == masks[who]
            seen.append(int(masks[who]))
    assert sorted(seen) == sorted(masks[masks > 0].tolist())
    assert held == [1 << q for q in range(n)]
    assert count <= sum(2 * (int(mask).bit_count() - 1) for mask in masks.tolist() if mask)


def test_losses_with_few_terms_keep_the_plain_form_where_that_takes_less():
    """A loss without any pair: a chirp's pairs would cost more than a transform at two qubits' width; what is sent is the least."""
    domain = Grid((-1, 3), 2)
    table = from_table(np.array([0.0, 1.0, 1.0, 2.0]), domain)
    problem = Problem(domain, table, D, clock="real", duration=4 * unit(domain, D))
    h = hamiltonian(problem)
    assert isinstance(h, LearningHamiltonian)
    forms = GridPieces(domain, walsh_series(h.zeta), D * problem.duration)
    every = list(
        factors(by_name("strang"), boundaries(problem.duration, 4, []), problem.diffusion, problem.strength, 1.0)
    )
    counts = [sum(map(forms._count, forms.blocks(every, form))) for form in (Form(), Form(frozenset({0})))]
    assert cx_of(plan(problem, "strang", 4).pieces[0]) == min(*counts, cx_of(plain(problem, "strang", 4)))


def test_a_cube_has_no_other_form():
    """Its kinetic factors are single-qubit rotations."""
    cube: Domain = Hypercube(4)
    problem = Problem(cube, crooked, D, clock="real", duration=1.0)
    found = plan(problem, "strang", 3).pieces[0]
    assert cx_of(found) == cx_of(plain(problem, "strang", 3)) == 4 * 14


def test_a_remainder_takes_fewer_cx_and_leads_to_the_same_wave():
    """Ten steps of a duration that is no multiple: none longer, the rest last, cut at saves, and as near to the exact wave."""
    domain = Grid((-2, 2), 6)
    problem = Problem(domain, well, 0.5, clock="real", duration=1.0, initial=Gaussian(0.6, 0.4))
    method, equal = Trotter(10, remainder=True), Trotter(10)
    saves = [0.0, 0.4, 1.0]
    runs = [evolve(problem, m, save=saves, progress=False) for m in (method, equal)]
    truth = evolve(problem, SplitStep(400, order=4), save=saves, progress=False).states
    far = [float(np.linalg.norm(run.states[-1] - truth[-1])) for run in runs]
    assert far[0] <= far[1]
    assert far[1] > 1e-4
    step = runs[0].diagnostics["step"]
    assert step <= 0.1
    assert step / unit(domain, 0.5) == pytest.approx(round(step / unit(domain, 0.5)), abs=1e-9)
    assert runs[0].diagnostics["steps"] == int(1.0 / step) + 2
    fewer, more = (cost(problem, m, save=saves).two_qubit_gates for m in (method, equal))
    assert fewer < more
    sent = circuits(problem, method, saves)[-1]
    np.testing.assert_allclose(Statevector.from_instruction(sent).data, runs[0].states[-1].reshape(-1), atol=1e-10)
    shown = measure.gates_of(measure.in_dual_basis(domain, sent))
    assert shown.two_qubit_gates == cost(problem, method, save=saves).two_qubit_gates


def test_a_remainder_changes_nothing_where_it_does_not_pay():
    """Multiples already, units longer than a step, a cube, a driven diffusion, kinetic factors of several lengths."""
    line, cube = Grid((-1, 3), 4), Hypercube(4)
    cases = [
        (Problem(line, crooked, D, clock="real", duration=3 * unit(line, D)), 3, "strang"),
        (Problem(line, crooked, D, clock="real", duration=unit(line, D)), 3, "strang"),
        (Problem(cube, crooked, D, clock="real", duration=1.0), 3, "strang"),
        (Problem(line, crooked, Linear(D, 2 * D), clock="real", duration=3.3), 3, "strang"),
        (Problem(line, crooked, D, clock="real", duration=10 * unit(line, D)), 3, "suzuki4"),
    ]
    for problem, steps, formula in cases:
        saves = [0.0, problem.duration]
        found = program(problem, hamiltonian(problem), by_name(formula), steps, saves, remainder=True)
        assert found.ends.tolist() == boundaries(problem.duration, steps, saves).tolist()
    longer = Problem(line, crooked, D, clock="real", duration=3.3 * unit(line, D))
    ends = whole_steps(longer, hamiltonian(longer), by_name("strang"), 3, [0.0, longer.duration])
    np.testing.assert_allclose(np.diff(ends) / unit(line, D), [1, 1, 1, 0.3], atol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Trotter(3, remainder=1), "Argument `remainder` must be True or False, but is 1"),
        (lambda: Trotter(formula="auto", tolerance=0.1, remainder=True), "Argument `remainder` must be False where"),
        (
            lambda: Growing(Trotter(3, remainder=True)),
            "Argument `method` must have equal steps, so without `remainder`",
        ),
    ],
)
def test_remainders_that_are_refused(wrong, message):
    with pytest.raises(MethodError) as error:
        wrong()
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("units", [3.3, 7.7, 12.1])
@pytest.mark.parametrize("truncation", [1e-3, 0.05, 0.4])
def test_a_truncated_run_takes_the_steps_of_the_run_without_truncation(units, truncation):
    problem = Problem(Grid((-1, 3), 5), crooked, D, clock="real", duration=units * unit(Grid((-1, 3), 5), D))
    saves, h, rule = [0.0, problem.duration], hamiltonian(problem), by_name("strang")
    cut = program(problem, h, rule, int(units), saves, truncation, remainder=True)
    whole = program(problem, h, rule, int(units), saves, remainder=True)
    assert cut.ends.tolist() == whole.ends.tolist() != boundaries(problem.duration, int(units), saves).tolist()


@pytest.mark.slow
def test_an_error_budget_of_a_run_with_a_remainder():
    """What it leaves out is the truncation alone; the rest is the formula's."""
    domain = Grid((-2, 2), 5)
    problem = Problem(domain, well, 0.5, clock="real", duration=1.0, initial=Gaussian(0.6, 0.4))
    budget = error_budget(problem, Trotter(10, truncation=0.3, remainder=True), progress=False)
    assert budget.formula.value > 0
    assert 0 < budget.encoding.value <= 0.3
    plain = error_budget(problem, Trotter(10, remainder=True), progress=False)
    assert plain.encoding.value == 0


def test_fitted_coefficients_leave_fewer_terms_and_keep_the_bound():
    """The well at ten qubits and 1e-3 a step: at most 100 terms, where dropping alone leaves far more; the error is below the bound."""
    domain = Grid((-2, 2), 10)
    values = well(domain.points)
    series = walsh_series(values, 0.1)
    assert 80 < len(series.masks) <= 100
    assert series.error == pytest.approx(np.abs(series.values() - values).max(), rel=1e-9)
    assert series.error <= 0.1
    whole = walsh_coefficients(values)
    dropped = WalshSeries(10, series.masks, whole[series.masks])
    assert np.abs(dropped.values() - values).max() > 2 * series.error


def test_the_fit_is_the_best_one():
    """Against the linear program that defines it, within a tenth, and between its two bounds."""
    values = np.random.default_rng(3).normal(size=64)
    masks = np.array([0, *np.argsort(-np.abs(walsh_coefficients(values)))[:12]])
    masks = np.unique(masks)
    table = (-1.0) ** np.bitwise_count(np.arange(64)[:, None] & masks[None])
    ones = np.ones((64, 1))
    best = linprog(
        [*np.zeros(len(masks)), 1.0],
        A_ub=np.block([[table, -ones], [-table, -ones]]),
        b_ub=np.concatenate([values, -values]),
        bounds=[*([(None, None)] * len(masks)), (0, None)],
    ).fun
    plain = np.abs(values - table @ walsh_coefficients(values)[masks]).max()
    coefficients, error = minimax_fit(values, masks, best * (1 + 1e-9))
    assert error == pytest.approx(np.abs(values - table @ coefficients).max(), rel=1e-9)
    assert best * (1 - 1e-9) <= error <= 1.1 * best < plain


def test_the_error_of_a_truncation_stands_beside_its_bound():
    """Measured against the untruncated circuits' wave."""
    problem = Problem(Grid((-2, 2), 5), well, 0.5, clock="real", duration=0.7, initial=Gaussian(0.6, 0.4))
    told = evolve(problem, Trotter(5, truncation=0.2), progress=False)
    whole = evolve(problem, Trotter(5), progress=False)
    error = float(np.linalg.norm(told.states[-1] - whole.states[-1]))
    assert told.diagnostics["truncation_error"] == pytest.approx(error, rel=1e-6)
    assert 0 < error < told.diagnostics["truncation_error_bound"] <= 0.2
    assert "truncation_error" not in whole.diagnostics
