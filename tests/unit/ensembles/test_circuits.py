"""Circuits of the ensembles: product formulas against the references, gates that are saved, and the folders of the gallery."""

from __future__ import annotations

import math
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.runs import gallery
from qml_dynamics.runs.gallery_programs import check_built
from qml_dynamics.runs.problem_file import read_problem
from qml_dynamics.synthesis.ensembles import plane_wave_circuit, ramsey_circuit, two_slit_circuit
from qml_dynamics.synthesis.qasm import from_qasm3

pytestmark = pytest.mark.filterwarnings("ignore:The wave has reached the edge")  # a ring has none
GALLERY = Path(__file__).resolve().parents[3] / "circuits"


def flux() -> qd.Problem:
    return en.ring(
        4, 0.3, duration=0.8, V=lambda w: 1.5 * np.cos(w[:, 0] - 0.4), initial=qd.State(np.exp(1j * np.arange(16)))
    )


def vortex() -> qd.Problem:
    grid = qd.Grid([(-4, 4), (-4, 4)], 4)
    start = qd.State(en.vortex_wave(grid, [(0.7, 0.1)], [1]))
    return qd.Problem(grid, lambda w: 0.5 * (w**2).sum(axis=1), 0.5, clock="real", initial=start, duration=0.8)


def slits() -> qd.Problem:
    grid = qd.Grid((-8, 8), 5)
    return en.TwoSlits(0.6, 2.0).problem(grid, 0.8).replace(objective=lambda w: 0.3 * w[:, 0] ** 2 + 0.2 * w[:, 0])


def coupled() -> qd.Problem:
    """A weight and the number of neurons it carries, which gives it its potential; the number has a kinetic part too."""
    grid = qd.Grid([(-4, 4), (0, 4)], (4, 2))
    start = qd.Gaussian((0.5, 2.0), (0.7, 0.8))
    return qd.Problem(
        grid, lambda w: 0.4 * w[:, 1] * (w[:, 0] ** 2 - 0.5), 0.4, clock="real", initial=start, duration=0.8
    )


CASES = [pytest.param(flux, order, id=f"flux-{order}") for order in (1, 2, 4)]
CASES += [
    pytest.param(make, order, id=f"{make.__name__}-{order}", marks=() if order == 2 else pytest.mark.slow)
    for make in (vortex, slits, coupled)
    for order in (1, 2, 4)
]


@pytest.mark.parametrize(("make", "order"), CASES)
def test_trotter_circuits_reach_the_order_of_their_formula(make: object, order: int) -> None:
    problem = make()  # type: ignore[operator]
    exact = qd.evolve(problem, qd.Krylov(tol=1e-12)).states[-1]
    steps = (8, 16, 32) if order < 4 else (4, 8, 16)
    errors = [float(np.linalg.norm(qd.evolve(problem, qd.Trotter(k, order=order)).states[-1] - exact)) for k in steps]
    assert errors[0] > errors[-1] > 1e-11
    slope = math.log(errors[-2] / errors[-1]) / math.log(2)
    assert abs(slope - order) < 0.3, errors
    start = problem.initial.vector(problem.domain)
    assert abs(np.vdot(start, exact)) ** 2 < 0.95


def test_flux_costs_no_two_qubit_gate() -> None:
    free = qd.circuits(en.ring(5, 0.0), qd.Trotter(2))[-1]
    shifted = qd.circuits(en.ring(5, 0.37), qd.Trotter(2))[-1]
    assert shifted.num_nonlocal_gates() == free.num_nonlocal_gates() > 0
    waves = [Statevector(c).data for c in (free, shifted)]
    assert np.abs(waves[0] - waves[1]).max() > 0.01  # the phase of the wave has felt it


@pytest.mark.parametrize("mode", [-3, 1, 6])
def test_plane_waves_have_no_two_qubit_gate(mode: int) -> None:
    grid = qd.Grid((0, 2 * np.pi), 4)
    circuit = plane_wave_circuit(grid, mode)
    assert circuit.num_nonlocal_gates() == 0
    np.testing.assert_allclose(Statevector(circuit).data, en.plane_wave(grid, mode), atol=1e-12)


def test_two_slits_share_their_tree() -> None:
    grid = qd.Grid((-4, 4), 6)
    wave = en.TwoSlits(0.15, 2.0).wave(grid)  # in the middle of both halves
    shared = two_slit_circuit(wave)
    assert shared.num_nonlocal_gates() <= 30
    np.testing.assert_allclose(Statevector(shared).data, wave, atol=1e-12)
    lopsided = np.concatenate([wave[:32], -0.5 * wave[32:]])
    np.testing.assert_allclose(
        Statevector(two_slit_circuit(lopsided)).data, lopsided / np.linalg.norm(lopsided), atol=1e-12
    )
    other = en.TwoSlits(0.15, 1.3).wave(grid)
    general = two_slit_circuit(other)
    assert general.num_nonlocal_gates() > 30
    np.testing.assert_allclose(Statevector(general).data, other, atol=1e-12)


def test_fringes_from_shots_on_aer() -> None:
    slits, grid = en.TwoSlits(0.4, 2.0), qd.Grid((-12, 12), 6)
    run = qd.evolve(slits.problem(grid, 1.5), qd.Trotter(1), backend="aer", shots=40_000, seed=2)
    x = grid.axes[0]
    measured = run.density[-1] / grid.cell_volume
    assert slits.visibility(measured, x, 1.5) == pytest.approx(1.0, abs=0.03)
    classical = np.random.default_rng(0).multinomial(40_000, grid.cell_volume * slits.density(x, 1.5, coherent=False))
    assert abs(slits.visibility(classical / 40_000 / grid.cell_volume, x, 1.5)) < 0.03


def test_revival_from_shots_on_aer() -> None:
    device = qd.backend("aer")
    for t in (0.1, 0.5, 1.0):
        counts = device.sample([ramsey_circuit(3, t)], 5000, [4])[0]
        found, wanted = counts.histogram(8)[0], float(en.revival_probability(7, t))
        assert abs(found - wanted) < 5 * math.sqrt(wanted * (1 - wanted) / 5000) + 1e-12


def test_oscillator_superposition_from_shots_on_aer() -> None:
    well, grid = en.Oscillator(1.3), qd.Grid((-6, 6), 5)
    run = qd.evolve(
        well.problem(grid, 1.0),
        qd.Trotter(40),
        backend="aer",
        shots=20_000,
        seed=3,
        observables={"x": lambda w: w[:, 0]},
    )
    x = run.expectations["x"][-1]
    assert abs(float(x) - float(well.superposition_mean(1.0))) < 4 * x.stderr + 2e-3


def test_number_register_programs_are_what_they_say() -> None:
    folder = GALLERY / "number_register"
    exchange = en.Exchange([0.3, -0.5, 0.2, 0.7, -0.1], hopping=0.8, network=2, mu_c=0.6)
    text = (folder / "exchange_8_steps.qasm").read_text(encoding="utf-8")
    density = np.abs(Statevector(from_qasm3(text)).data) ** 2
    mean = float(density @ exchange.number(np.arange(32)))
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{mean:.3f} active" in readme
    exact = qd.evolve(exchange.problem(1.5, [0, 3]), qd.Exact()).density[-1].reshape(-1)
    assert 0.5 * np.abs(density - exact).sum() < 0.02
    for name, outcome in (("ramsey_half", 0.0), ("ramsey_whole", 1.0)):
        wave = Statevector(from_qasm3((folder / f"{name}.qasm").read_text(encoding="utf-8"))).data
        assert abs(wave[0]) ** 2 == pytest.approx(outcome, abs=1e-9)
    assert all(f"`{path.name}`" in readme for path in folder.glob("*.qasm"))


def test_programs_with_builders_of_their_own_are_checked(tmp_path: Path) -> None:
    folder = tmp_path / "number_register"
    shutil.copytree(GALLERY / "number_register", folder)
    assert check_built(folder) == []
    assert check_built(GALLERY / "ring") == []
    (folder / "ramsey_half.qasm").unlink()
    text = (folder / "exchange_8_steps.qasm").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("rz("))
    angle = line[3 : line.index(")")]
    (folder / "exchange_8_steps.qasm").write_text(text.replace(angle, str(float(angle) + 0.01)), encoding="utf-8")
    *angles, density, missing = check_built(folder)
    assert angles
    assert all(f"rz angle is {float(angle) + 0.01}, should be {angle} (differs by 0.01)" in a for a in angles[:5])
    assert density == "exchange_8_steps.qasm: its density is another one"
    assert missing == "ramsey_half.qasm is missing"
    (folder / "exchange_8_steps.qasm").write_text("OPENQASM 3.0;\nnonsense", encoding="utf-8")
    assert 'exchange_8_steps.qasm, line 2: is `nonsense;`, should be `include "stdgates.inc";`' in check_built(folder)
    assert gallery.write(folder, [1])[2:] == ["exchange_8_steps.qasm", "ramsey_half.qasm", "ramsey_whole.qasm"]
    assert check_built(folder) == []


def test_neurons_leave_where_they_are_dear_and_the_weight_follows() -> None:
    """The story of the number register's README, from the exact wave and from samples of its circuits."""
    problem = read_problem(GALLERY / "number_register").problem
    np.testing.assert_array_equal(problem.domain.axes[1], np.arange(4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = qd.evolve(problem, qd.Krylov())
        shots = qd.evolve(problem, qd.Trotter(8), backend="aer", shots=20_000, seed=3)
    number = run.density.sum(axis=1) @ np.arange(4)
    assert number[1] < 0.6 * number[0]
    given = run.density[-1] / run.density[-1].sum(axis=0)
    weight = problem.domain.axes[0] @ given
    assert weight[2] - weight[0] > 1.0  # two active neurons have pulled it to where they are cheap
    assert abs(shots.density[-1].sum(axis=0) @ np.arange(4) - number[1]) < 0.03


def test_the_folders_hold_the_waves_they_name() -> None:
    for name, wave in (
        ("two_slit", lambda grid: en.TwoSlits(0.4, 2.0).wave(grid)),
        ("vortex", lambda grid: en.vortex_wave(grid, [(0.9, 0.13)], [1])),
    ):
        problem = read_problem(GALLERY / name).problem
        np.testing.assert_allclose(problem.initial.vector(problem.domain), wave(problem.domain), atol=1e-14)
        assert np.ptp(np.abs(wave(problem.domain))) > 0.01


def test_the_ring_returns_on_the_other_side() -> None:
    problem = read_problem(GALLERY / "ring").problem
    run = qd.evolve(problem, qd.SplitStep(1))
    np.testing.assert_allclose(run.density[-1], np.roll(run.density[0], 16), atol=1e-9)
    plain = problem.replace(domain=qd.Grid(problem.domain.bounds, problem.domain.qubits))
    np.testing.assert_allclose(qd.evolve(plain, qd.SplitStep(1)).density[-1], run.density[0], atol=1e-9)
    assert np.abs(run.density[-1] - run.density[0]).max() > 0.01  # the two answers are not the same


def test_the_vortex_keeps_its_winding() -> None:
    problem = read_problem(GALLERY / "vortex").problem
    loop = en.square_loop((8, 8), 3)
    run = qd.evolve(problem, qd.Trotter(8), save=3)
    assert [en.circulation(psi, problem.domain, loop) for psi in run.states] == [1, 1, 1]
    measured = en.measured_circulation(
        qd.circuits(problem, qd.Trotter(8))[-1], problem.domain, loop, backend="aer", shots=200_000, seed=1
    )
    assert measured.value == 1
    assert measured.certain


def test_whole_turns_change_no_revival() -> None:
    """Phases of 2 pi times whole turns are 1, however many there are: 1e308 is a whole number, and its phases would overflow."""
    found = en.revival_probability(7, [0.3, 4.3, -0.7, 1e308, 2.0**60])
    np.testing.assert_allclose(found, [found[0]] * 3 + [1.0] * 2, atol=1e-12)  # 4.3 is rounded to 1e-15 turns
    assert 0 < found[0] < 0.5
