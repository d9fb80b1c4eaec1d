"""Grid and ansatz growing together: nothing jumps but by the interpolation, and fewer points and angles reach the exact wave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.learning.growth import refine
from qml_dynamics.methods.growing.embedding import embedded_ansatz, interpolation, seats
from qml_dynamics.methods.growing.grid import energy_change, on_grid
from qml_dynamics.methods.growing.joint import GridWalk, embedded
from qml_dynamics.methods.variational.engine.flow import Flow


def tilted(w: np.ndarray) -> np.ndarray:
    return (w[:, 0] ** 2 - 1) ** 2 + 0.3 * w[:, 0]


def valley(w: np.ndarray) -> np.ndarray:
    return tilted(w) + 0.5 * (w[:, 1] - 0.3 * w[:, 0]) ** 2


def well(qubits: int, duration: float = 1.0, boundary: str = "periodic", clock: str = "imaginary") -> qd.Problem:
    grid = qd.Grid((-4, 4), qubits, boundary=boundary)
    start = qd.Gaussian(-1, 0.6)
    return qd.Problem(grid, tilted, 0.5, clock=clock, duration=duration, initial=start)


def plane(qubits: Any) -> qd.Problem:
    grid = qd.Grid([(-4, 4), (-3, 5)], qubits)
    start = qd.Gaussian((-0.5, 0.8), 0.9)
    return qd.Problem(grid, valley, 0.5, clock="imaginary", duration=0.5, initial=start)


@pytest.mark.parametrize(
    ("problem", "finer"),
    [(well(4), (5,)), (well(4, boundary="walls"), (5,)), (plane((3, 3)), (4, 4)), (plane((3, 2)), (3, 3))],
)
@pytest.mark.parametrize("ansatz", [qd.ansatz.hardware_efficient(2, ("ry", "rz")), qd.ansatz.hamiltonian(2)])
def test_an_embedded_ansatz_makes_the_interpolated_wave(problem: qd.Problem, finer: Any, ansatz: Any) -> None:
    coarse = problem.domain
    fine = qd.Grid(coarse.bounds, finer, coarse.boundary)
    h = qd.hamiltonian(problem.replace(domain=fine))
    program = ansatz.bind(problem, on_grid(h, coarse))
    theta = program.theta0 + 0.1 * np.random.default_rng(3).normal(size=program.num_parameters)
    small, large = (
        Flow(program, on_grid(h, coarse), True, 1e-6),
        Flow(embedded_ansatz(program, coarse, fine), h, True, 1e-6),
    )
    before, after = small.at(0.0, theta), large.at(0.0, theta)
    expected = interpolated(before.psi, coarse, fine)
    assert after.psi == pytest.approx(expected, abs=1e-10)  # the rounding of a transform for every gate
    assert (
        np.abs(
            after.psi - refine(before.psi, coarse, [f - c for c, f in zip(coarse.qubits, fine.qubits)])[0].ravel()
        ).max()
        < 0.05
    )
    assert np.abs(expected).max() < 0.99  # no lone point
    assert after.metric == pytest.approx(
        before.metric, rel=1e-9, abs=1e-9
    )  # the geometry goes over too; entries up to 3,400


def interpolated(psi: np.ndarray, coarse: qd.Grid, fine: qd.Grid) -> np.ndarray:
    """By the library's own interpolation of the waves on points, axis by axis, with the highest mode normalised."""
    out = psi.reshape(coarse.shape)
    for axis, (n, m) in enumerate(zip(coarse.shape, fine.shape)):
        if m > n:
            wide = np.eye(m)[:, :: m // n] @ np.eye(n)
            out = np.moveaxis(np.tensordot(interpolation(coarse, axis, m) @ wide, out, (1, axis)), 0, axis)
    return out.reshape(-1)


def test_the_interpolation_is_orthogonal_real_and_that_of_refine() -> None:
    for boundary in ("periodic", "walls"):
        coarse = qd.Grid((-6, 6), 5, boundary=boundary)
        matrix = interpolation(coarse, 0, 64)
        assert matrix @ matrix.T == pytest.approx(np.eye(64), abs=1e-12)
        psi = qd.Gaussian(0.4, 1.0).vector(coarse)
        assert matrix[:, ::2] @ psi == pytest.approx(refine(psi, coarse)[0], abs=5e-6)  # but for the highest mode
    assert seats(qd.Grid([(0, 1), (0, 1)], (2, 1)), qd.Grid([(0, 1), (0, 1)], (3, 2))) == [1, 3, 4]


@pytest.mark.parametrize("start", [qd.ansatz.bare(), pytest.param(qd.ansatz.hamiltonian(2), marks=pytest.mark.slow)])
def test_growing_both_reaches_the_exact_wave_with_the_angles_that_a_fine_start_fails_with(start: Any) -> None:
    problem, grow = well(6, 0.5), qd.Growth(threshold=0.1, pool="grid", max_parameters=30)
    inner = qd.Variational(start, 10, "rk4")
    exact = qd.evolve(problem, qd.SplitStep(400, order=4), seed=1)
    grown = qd.evolve(problem, qd.Growing(inner, start=4, grow=grow), seed=1)
    fixed = qd.evolve(problem, qd.Growing(inner, grow=grow), seed=1)
    apart = [1 - qd.compare(run, exact).fidelity for run in (grown, fixed)]
    assert apart[0] < 2e-4
    assert apart[0] < 0.1 * apart[1]
    seen = grown.diagnostics
    assert seen["num_parameters"][-1] <= fixed.diagnostics["num_parameters"][-1] == 30
    assert seen["growth"][0][1] == [4] < seen["growth"][-1][1]
    assert grown.states.shape == exact.states.shape
    assert seen["amplitude_updates"] < seen["fixed_amplitude_updates"]
    assert "grids of 4 -> 5" in grown.stop
    for t, before, after in seen["refined"]:
        assert abs(after - before) < 0.02 * abs(before)
        assert 0 < t < problem.duration


@pytest.mark.filterwarnings("ignore:The wave has reached")
def test_the_energy_jumps_by_the_interpolation_only_and_never_rises_in_between() -> None:
    problem = well(6, 0.5).replace(initial=qd.Gaussian(-0.8, 0.6))
    h, coarse = qd.hamiltonian(problem), qd.Grid((-4, 4), 4)
    inner = qd.Variational(qd.ansatz.bare(), 10, "rk4")
    run = qd.evolve(
        problem, qd.Growing(inner, start=4, grow=qd.Growth(0.1, "grid", 30), checks=10), seed=1, save=[0.0, 0.05, 0.5]
    )
    (t, before, after), *_ = run.diagnostics["refined"]
    assert t == pytest.approx(0.05)
    psi = interpolation(coarse, 0, 64)[:, ::4].T @ run.states[1]  # the wave just before the grid grew
    assert np.linalg.norm(psi) == pytest.approx(1, abs=1e-12)
    finer = qd.Grid((-4, 4), 5)
    wave = interpolation(coarse, 0, 32)[:, ::2] @ psi
    assert on_grid(h, coarse).expectation(psi) == pytest.approx(before, abs=1e-10)
    assert on_grid(h, finer).expectation(wave) == pytest.approx(after, abs=1e-10)
    assert abs(after - before) < 1.1 * energy_change(psi, on_grid(h, coarse), on_grid(h, finer))
    energy = run.diagnostics["energy"]
    assert np.diff(energy).max() < 1e-10
    assert energy[0] - energy[-1] > 0.1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The wave has reached")
def test_on_the_real_clock_growing_both_follows_what_a_fine_start_loses() -> None:
    problem = well(6, 0.3, clock="real").replace(initial=qd.Gaussian(-1, 0.5))
    inner, grow = qd.Variational(qd.ansatz.bare(), 100, "rk4"), qd.Growth(threshold=0.1, max_parameters=60)
    exact = qd.evolve(problem, qd.SplitStep(400, order=4), seed=1)
    grown, fixed = (qd.evolve(problem, qd.Growing(inner, start=start, grow=grow), seed=1) for start in (4, None))
    apart = [1 - qd.compare(run, exact).fidelity for run in (grown, fixed)]
    assert apart[0] < 5e-3
    assert apart[1] > 0.1
    assert len(grown.diagnostics["growth"]) > 1


def test_bad_input() -> None:
    inner = qd.Variational(qd.ansatz.bare(), 4)
    assert qd.Growing(inner).start is None
    assert qd.Growing(qd.SplitStep(4)).start == 4
    with pytest.raises(qd.MethodError, match="`schedule`"):
        qd.Growing(inner, schedule=[(0.0, 4)])
    cube = qd.Problem(qd.Hypercube(3), lambda w: w[:, 0], 1.0, clock="imaginary", duration=1.0)
    with pytest.raises(qd.MethodError, match="must run on a hypercube, but is Growing, which runs on a periodic grid"):
        qd.evolve(cube, qd.Growing(inner, start=2))
    with pytest.raises(qd.ProblemError, match="at most the 6 qubits"):
        qd.evolve(well(6), qd.Growing(inner, start=7))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_the_bound_of_a_joint_run_holds_on_the_problems_grid(clock: str) -> None:
    problem = well(6, 0.2, clock=clock).replace(initial=qd.Gaussian(-1, 0.5))
    growing = qd.Growing(qd.Variational(qd.ansatz.bare(), 20, "rk4"), start=4, grow=qd.Growth(0.05, max_parameters=50))
    run = qd.evolve(problem, growing, seed=1, save=5)
    exact = qd.evolve(problem, qd.SplitStep(1000, order=4), seed=1, save=5)
    seen = run.diagnostics
    pieces = seen["bound_pieces"]
    assert set(pieces) == {"start", "ansatz", "step", "grid"}
    assert sum(pieces.values()) == pytest.approx(seen["bound"])
    assert len(seen["growth"]) > 1
    ends = [int(np.argmin(np.abs(seen["times"] - t))) for t in run.times]
    angles = [float(np.arccos(min(1.0, abs(np.vdot(a, b))))) for a, b in zip(run.states, exact.states)]
    assert all(a <= seen["bound"][k] + 1e-7 for a, k in zip(angles, ends))
    assert pieces["grid"][-1] > 0
    gap = abs(run.expectations["energy"].value[-1] - exact.expectations["energy"].value[-1])
    assert gap <= seen["energy_bound"][-1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("clock", "boundary"), [("real", "periodic"), ("real", "walls"), ("imaginary", "periodic")])
def test_without_the_grids_piece_the_bound_would_be_wrong(clock: str, boundary: str) -> None:
    """A coarse grid that is kept and an ansatz that misses nothing there: the coarse residual alone promises too much."""
    problem = well(6, 0.1, boundary, clock).replace(initial=qd.Gaussian(-1, 0.4))
    fine, coarse = qd.hamiltonian(problem), qd.Grid((-4, 4), 4, boundary=boundary)
    ansatz = qd.ansatz.hardware_efficient(6, ("ry", "rz"))
    small = problem.replace(domain=coarse)
    method = qd.Variational(ansatz, 40, "rk4", regularisation=1e-10)
    record: dict[str, Any] = {}
    whole = problem.initial.vector(problem.domain)
    walk = GridWalk(small, on_grid(fine, coarse), method, lambda done, of: None, record, fine=fine, whole=whole)
    walk.over(np.linspace(0, 0.1, 41))
    walk.finish()
    exact = qd.evolve(problem, qd.SplitStep(1000, order=4), seed=1).states[-1].reshape(-1)
    angle = float(np.arccos(min(1.0, abs(np.vdot(embedded(walk.point.psi, coarse, problem.domain), exact)))))
    bound, grid = record["bound"][-1], record["bound_pieces"]["grid"][-1]
    assert bound - grid < angle <= bound
    assert angle > 1e-3
    assert walk.passes >= 8 * 41
