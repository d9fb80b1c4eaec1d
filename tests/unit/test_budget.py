"""The error budget: a planted error moves its own term and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

import qml_dynamics as qd
from qml_dynamics.base.errors import BackendError
from qml_dynamics.validation.error_parts import TERMS, coarse_cells
from qml_dynamics.validation.loss_budget import Chain
from qml_dynamics.validation.noise_parts import MANY, as_read

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

METHOD = qd.Trotter(8)
SHOTS = 40_000


@pytest.fixture(scope="module")
def problem() -> qd.Problem:
    return qd.Problem(
        qd.Grid((-6, 6), 5),
        lambda w: 0.4 * (w[:, 0] - 0.4) ** 2 + 0.3 * np.sin(1.5 * w[:, 0]),
        0.5,
        clock="real",
        duration=1.5,
        initial=qd.Gaussian(1.2, 0.6),
    )


@pytest.fixture(scope="module")
def plain(problem: qd.Problem) -> qd.ErrorBudget:
    return qd.error_budget(problem, METHOD, backend="aer", shots=SHOTS, seed=7)


def noise(what: str) -> NoiseModel:
    model = NoiseModel(basis_gates=["cx", "rz", "sx", "x"])
    if what == "device":
        model.add_all_qubit_quantum_error(depolarizing_error(2e-4, 2), ["cx"])
    else:
        model.add_all_qubit_readout_error(ReadoutError([[0.99, 0.01], [0.03, 0.97]]))
    return model


def planted(problem: qd.Problem, what: str) -> qd.ErrorBudget:
    if what == "grid":
        return qd.error_budget(problem.replace(domain=qd.Grid((-6, 6), 4)), METHOD, backend="aer", shots=SHOTS, seed=7)
    if what == "formula":
        return qd.error_budget(problem, qd.Trotter(4), backend="aer", shots=SHOTS, seed=7)
    if what == "encoding":
        return qd.error_budget(problem, qd.Trotter(8, truncation=0.2), backend="aer", shots=SHOTS, seed=7)
    if what in ("device", "readout"):
        device = qd.backend("aer", noise_model=noise(what))
        return qd.error_budget(problem, METHOD, backend=device, shots=SHOTS, seed=7)
    return qd.error_budget(problem, METHOD, backend="aer", shots=SHOTS // 64, seed=7)


PLANTED = ("grid", "formula", "encoding", "readout", "device", "shots")  # box and register: test_budget_blame.py


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_error_moves_its_own_term_and_no_other(problem: qd.Problem, plain: qd.ErrorBudget, what: str) -> None:
    moved = planted(problem, what)
    before, after = plain.terms[what].value, moved.terms[what].value
    assert after > 3 * before + 1e-6
    for other in TERMS:
        if other == what:
            continue
        gap = abs(moved.terms[other].value - plain.terms[other].value)
        allowed = 4 * moved.shot_floor.stderr if other == "shots" else 0.15 * plain.terms[other].value + 1e-6
        assert gap <= allowed, other


@pytest.mark.parametrize("what", PLANTED)
def test_the_sum_bounds_the_total_and_shifts_add_up(problem: qd.Problem, what: str) -> None:
    budget = planted(problem, what)
    assert budget.total.value <= budget.sum.value + 1e-12
    assert sum(float(s.value) for s in budget.shifts.values()) == pytest.approx(
        float(budget.total_shift.value), abs=1e-12
    )
    assert budget.total.value > 0


def test_terms_are_what_a_direct_comparison_finds(problem: qd.Problem, plain: qd.ErrorBudget) -> None:
    exact = qd.evolve(problem, qd.Krylov())
    split = qd.evolve(problem, qd.SplitStep(8))
    overlap = abs(np.vdot(exact.states[-1], split.states[-1])) ** 2
    assert plain.infidelity["formula"] == pytest.approx(1 - overlap, rel=1e-3)
    assert plain.infidelity["encoding"] < 1e-20
    assert plain.device.value == 0
    assert plain.formula is plain.terms["formula"]
    with pytest.raises(AttributeError):
        _ = plain.weather


def test_the_readout_part_is_the_wave_as_a_device_reads_it(problem: qd.Problem) -> None:
    """Against the assignment matrix of all qubits by hand: ``p(1|0) = 0.01``, ``p(0|1) = 0.03``, which are no bit flips."""
    found = planted(problem, "readout")
    law = np.abs(qd.evolve(problem, METHOD).states[-1].reshape(-1)) ** 2  # type: ignore[index]
    matrix = np.ones((1, 1))
    for _ in range(5):
        matrix = np.kron(matrix, [[0.99, 0.03], [0.01, 0.97]])
    zeta = problem.objective(problem.domain.points)  # type: ignore[misc]
    assert float(found.readout.value) == pytest.approx(0.5 * np.abs(matrix @ law - law).sum(), abs=1e-9)
    assert float(found.shifts["readout"].value) == pytest.approx(zeta @ (matrix @ law - law), abs=1e-8)
    assert float(found.readout.value) > 0.02
    assert float(found.device.value) < 1e-9


def test_a_budget_of_before_is_read(problem: qd.Problem, plain: qd.ErrorBudget, tmp_path: Path) -> None:
    """Without the parts that were in `device` then."""
    kept = {name: term for name, term in plain.terms.items() if name not in ("readout", "mitigation")}
    shifts = {name: plain.shifts[name] for name in kept}
    again = qd.ErrorBudget.load(replace(plain, terms=kept, shifts=shifts).save(tmp_path / "before.npz"))
    assert list(again.terms) == list(kept)
    assert again.dominant == plain.dominant
    part = {name: term for name, term in kept.items() if name != "grid"}
    with pytest.raises(qd.ProblemError, match="must hold terms of box, grid"):
        qd.ErrorBudget.load(replace(plain, terms=part, shifts=part).save(tmp_path / "part.npz"))


def test_walls_states_and_hypercubes_have_budgets(problem: qd.Problem) -> None:
    walls = problem.replace(domain=qd.Grid((-6, 6), 5, boundary="walls"), initial=qd.PointMass(1.0), duration=0.2)
    budget = qd.error_budget(walls, METHOD, backend="statevector")
    assert np.isfinite(budget.total.value)
    rough = qd.error_budget(
        problem.replace(domain=qd.Grid((-6, 6), 5, boundary="walls")), METHOD, backend="statevector"
    )
    assert rough.grid.value < 1e-3
    cube = qd.Problem(qd.Hypercube(5), lambda w: w @ np.arange(1.0, 6.0), 1.0, clock="real", duration=0.5)
    on_cube = qd.error_budget(cube, METHOD, backend="aer", shots=100, seed=1)
    assert on_cube.grid.value == 0
    assert "hypercube is exact" in " ".join(on_cube.notes)
    assert on_cube.formula.value > 0


def test_tables_say_that_their_grid_is_not_measured() -> None:
    grid = qd.Grid((-3, 3), 4)
    table = qd.objectives.from_table(grid.axes[0] ** 2, grid)
    budget = qd.error_budget(qd.Problem(grid, table, 0.5, clock="real", duration=0.3), qd.Trotter(2))
    assert "not measured" in " ".join(budget.notes)
    assert "shots" in str(budget)


def test_classical_methods_have_grid_and_formula_only(problem: qd.Problem) -> None:
    budget = qd.error_budget(problem.replace(clock="imaginary"), qd.SplitStep(6))
    assert budget.formula.value > 1e-5
    assert budget.device.value == budget.encoding.value == budget.shots.value == 0


def test_coarse_cells_do_not_depend_on_the_grid() -> None:
    def cells(bits: tuple[int, int]) -> np.ndarray:
        grid = qd.Grid([(-3, 3), (-2, 4)], bits)
        density = np.exp(-((grid.axes[0] - 0.3)[:, None] ** 2) - (grid.axes[1] + 0.2) ** 2)
        return coarse_cells(density / density.sum(), grid)

    assert cells((5, 4)).shape == cells((8, 8)).shape == (8, 8)
    assert np.abs(cells((7, 7)) - cells((8, 8))).sum() < 0.03
    assert cells((5, 4)).sum() == pytest.approx(1)


def test_observables_are_columns_of_operators_only() -> None:
    """A loss has one column, its mean; what is given for it is refused by name."""
    problem = qd.Problem(qd.Hypercube(2), lambda w: w[:, 0], 1.0, clock="real", duration=0.5)
    with pytest.raises(qd.ProblemError, match="Argument `observables` must be None for a loss"):
        qd.error_budget(problem, METHOD, observables={"Z": "ZI"})


@pytest.mark.parametrize(
    ("method", "clock"),
    [
        (qd.MultiProduct((1, 2)), "real"),
        (qd.ProbabilisticITE(1.0, 4, block="exact"), "imaginary"),
        (qd.Variational(qd.ansatz.hamiltonian(layers=1), steps=4), "imaginary"),
        (qd.Trotter(4), "real"),
    ],
    ids=["extrapolated", "post-selected", "variational", "plain"],
)
def test_the_last_link_is_the_run_itself(problem: qd.Problem, method: object, clock: str) -> None:
    """Samples that are kept, or shared by circuits, are those of `evolve`: the parts add up to what it gives, with its error."""
    small = problem.replace(domain=qd.Grid((-6, 6), 4), clock=clock, duration=0.5)
    backend = None if isinstance(method, qd.Variational) else "statevector"
    budget = qd.error_budget(small, method, backend=backend, shots=400, seed=3)
    run = qd.evolve(small, method, backend=backend, shots=400, seed=3)
    exact = qd.error_budget(small, method, backend=backend)
    reached = qd.evolve(small, method, backend=backend).expectations["objective"][-1] - exact.total_shift
    last = run.expectations["objective"][-1]
    assert float((reached + budget.total_shift).value) == pytest.approx(float(last.value), abs=1e-10)
    assert budget.total_shift.stderr == pytest.approx(float(last.stderr))
    assert last.stderr > 0
    assert sum(float(s.value) for s in budget.shifts.values()) == pytest.approx(
        float(budget.total_shift.value), abs=1e-12
    )
    assert abs(float(budget.shots.value) - float(budget.shot_floor.value)) < 5 * float(budget.shot_floor.stderr)
    if run.counts is not None:
        assert budget.shot_floor.shots == run.counts["weight"][-1].shots
    else:
        assert budget.shot_floor.shots < 400  # extrapolation makes shots worth less


def test_a_device_without_probabilities_is_asked_for_as_many_shots_as_it_may_be(
    problem: qd.Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the chain's own run, which an interrupt ends."""
    chain = Chain(problem, METHOD, "aer", SHOTS, 1, False)
    asked, answer = [], qd.evolve(problem, qd.SplitStep(8))

    def run(
        _problem: object, _method: object, backend: object = None, shots: int | None = None, seed: int | None = None
    ) -> qd.Trajectory:
        if shots is None:
            raise BackendError("no probabilities")
        asked.append((shots, seed))
        return answer

    monkeypatch.setattr(chain, "run", run)
    chain._device(chain.backend)
    assert asked == [(MANY, 2)]


def test_each_qubit_is_read_with_errors_of_its_own() -> None:
    """Qubit 0 is the lowest bit of an outcome: against the sum over all outcomes that were there, bit by bit."""
    errors = [(0.01, 0.2), (0.15, 0.03), (0.08, 0.3)]
    law = np.array([0.3, 0.05, 0.1, 0.02, 0.2, 0.13, 0.04, 0.16])
    wanted = np.zeros(8)
    for there in range(8):
        for seen in range(8):
            share = law[there]
            for q, (one_of_zero, zero_of_one) in enumerate(errors):
                wrong = zero_of_one if there >> q & 1 else one_of_zero
                share *= wrong if (there ^ seen) >> q & 1 else 1 - wrong
            wanted[seen] += share
    found = as_read(law, errors)
    assert found == pytest.approx(wanted, abs=1e-12)
    assert np.abs(as_read(law, errors[::-1]) - found).max() > 0.01
