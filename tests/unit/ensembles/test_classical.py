"""The classical clock: Hamilton and Jacobi's equation by its paths, and Liouville's as circuits."""

from __future__ import annotations

import math

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.methods.classical.paths import fold, slopes

GRID = qd.Grid((-4, 4), 6)
X = GRID.axes[0]
SEEN = {"x": lambda w: w[:, 0], "x2": lambda w: w[:, 0] ** 2, "k": lambda k: k[:, 0], "kk": lambda k: k[:, 0] ** 2}


def bowl(w: np.ndarray) -> np.ndarray:
    return 0.5 * w[:, 0] ** 2


def uneven(w: np.ndarray) -> np.ndarray:
    return 0.25 * w[:, 0] ** 4 - w[:, 0] ** 2 + 0.3 * w[:, 0]


def swing(duration: float = 2.0, **changes) -> qd.Problem:
    start = qd.Gaussian(1.0, 0.5, 0.7)
    return qd.Problem(GRID, bowl, 0.5, clock="classical", duration=duration, initial=start).replace(**changes)


def oscillator(t: np.ndarray, spread: float, width: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the position for ``D = 1/2``, frequency 1."""
    mean = 1.0 * np.cos(t) + 0.7 * np.sin(t)
    return mean, (width * np.cos(t)) ** 2 + (spread * np.sin(t)) ** 2


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_paths_of_an_oscillator(spread: float) -> None:
    run = qd.evolve(swing(), qd.HamiltonJacobi(400, spread=spread), save=5, observables=SEEN)
    mean, variance = oscillator(run.times, spread)
    np.testing.assert_allclose(run.expectations["x"].value, mean, atol=2e-3)
    np.testing.assert_allclose(run.expectations["x2"].value - run.expectations["x"].value ** 2, variance, atol=2e-3)
    np.testing.assert_allclose(run.expectations["k"].value, 0.7 * np.cos(run.times) - np.sin(run.times), atol=2e-3)
    energy = run.expectations["energy"].value
    np.testing.assert_allclose(energy, energy[0], rtol=1e-4)
    assert energy[0] == pytest.approx(0.5 * (0.49 + spread**2 + 1 + 0.25), abs=2e-3)
    np.testing.assert_allclose(run.density @ X, mean, atol=5e-3)
    assert abs(mean[-1] - mean[0]) > 0.5
    assert (run.states, run.counts) == (None, None)


@pytest.mark.parametrize(("order", "rate"), [(1, 1.0), (2, 2.0), (4, 4.0)])
def test_paths_have_the_order_of_their_formula(order: int, rate: float) -> None:
    driven = {"strength": qd.Linear(1.0, 0.4), "diffusion": qd.Linear(0.3, 0.6)}
    problem = swing(1.5, objective=uneven, initial=qd.Gaussian(0.6, 0.35, 0.5), **driven)
    best = qd.evolve(problem, qd.HamiltonJacobi(400, 4, extra=0), observables=SEEN).expectations["x"].value[-1]
    steps = {1: (32, 64), 2: (16, 32), 4: (32, 64)}[order]
    errors = [
        abs(
            qd.evolve(problem, qd.HamiltonJacobi(n, order, extra=0), observables=SEEN).expectations["x"].value[-1]
            - best
        )
        for n in steps
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(rate, abs=0.35)
    assert errors[1] > 1e-12


@pytest.mark.parametrize("order", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_circuits_converge_in_their_steps(order: int) -> None:
    from qiskit.quantum_info import Statevector

    problem = swing(1.0, initial=qd.Gaussian(0.6, 0.4, 0.5))

    def wave(steps: int, order: int) -> np.ndarray:
        method = qd.KoopmanVonNeumann(steps, order, momentum_qubits=5, spread=0.5, largest_momentum=6.0)
        first, last = qd.circuits(problem, method)
        return np.array([Statevector(first).data, Statevector(last).data])

    best = wave(12, 4)
    errors = [np.linalg.norm(wave(n, order)[1] - best[1]) for n in (1, 2)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.4)
    assert np.linalg.norm(best[1] - best[0]) > 0.5


@pytest.mark.parametrize(
    ("problem", "method"),
    [
        pytest.param(swing(), qd.KoopmanVonNeumann(30), id="oscillator"),
        pytest.param(
            swing(1.2, objective=uneven, strength=qd.Linear(1.0, 0.3), diffusion=qd.Linear(0.3, 0.6)),
            qd.KoopmanVonNeumann(30),
            id="driven",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            qd.Problem(
                qd.Grid((-2, 2), 5, boundary="walls"),
                lambda w: 0.5 * w[:, 0],
                0.5,
                clock="classical",
                duration=1.2,
                initial=qd.Gaussian(0.5, 0.45, 2.0),
            ),
            qd.KoopmanVonNeumann(20),
            id="walls",
        ),
        pytest.param(
            qd.Problem(
                qd.Grid([(-3, 3), (-2, 2)], [4, 4]),
                lambda w: 0.5 * w[:, 0] ** 2 + 0.4 * w[:, 0] * w[:, 1] + w[:, 1] ** 2,
                0.5,
                clock="classical",
                duration=0.8,
                initial=qd.Gaussian([0.8, -0.3], [0.6, 0.4], [0.0, 0.5]),
            ),
            qd.KoopmanVonNeumann(6, momentum_qubits=4),
            id="two axes",
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*finer than the registers")
def test_circuits_agree_with_paths(problem: qd.Problem, method: qd.KoopmanVonNeumann) -> None:
    """Registers against paths with the same spread of momenta: they share no equation of motion."""
    circuit = qd.evolve(problem, method, backend="aer", save=3, observables=SEEN)
    paths = qd.evolve(
        problem, qd.HamiltonJacobi(200, 4, spread=circuit.diagnostics["spread"]), save=3, observables=SEEN
    )
    for name in ("x", "x2", "k", "kk", "energy"):
        np.testing.assert_allclose(
            circuit.expectations[name].value, paths.expectations[name].value, atol=0.03, rtol=0.02
        )
    distance = 0.5 * np.abs(circuit.density - paths.density).reshape(3, -1).sum(axis=1)
    assert distance.max() < (0.06 if problem.domain.ndim == 1 else 0.1)  # paths are shared out to a grid linearly
    assert 0.5 * np.abs(paths.density[-1] - paths.density[0]).sum() > 0.3


def test_circuits_have_the_closed_form_of_an_oscillator() -> None:
    run = qd.evolve(swing(), qd.KoopmanVonNeumann(12, 4), backend="aer", save=4)
    mean, variance = oscillator(run.times, run.diagnostics["spread"])
    exact = np.exp(-((X - mean[:, None]) ** 2) / (2 * variance[:, None]))
    exact /= exact.sum(axis=1, keepdims=True)
    assert 0.5 * np.abs(run.density - exact).sum(axis=1).max() < 5e-3
    assert 0.5 * np.abs(exact[-1] - exact[0]).sum() > 0.5


def test_samples_of_positions_and_momenta_together() -> None:
    problem, method = swing(0.8, domain=qd.Grid((-4, 4), 4)), qd.KoopmanVonNeumann(2, momentum_qubits=4)
    exact = qd.evolve(problem, method, backend="aer", observables=SEEN)
    for backend in ("aer", "pennylane:lightning.qubit"):
        run = qd.evolve(problem, method, backend=backend, shots=4000, seed=3, observables=SEEN)
        for name, told in run.expectations.items():
            assert abs(told.value[-1] - exact.expectations[name].value[-1]) < 4 * told.stderr[-1]
            assert told.stderr[-1] > 0
        assert run.counts["weight"][-1].shots == 4000
        assert qd.compare(run, exact).agree
    assert abs(exact.expectations["x"].value[-1] - 1.0) > 0.1
    noisy = qd.evolve(problem, qd.KoopmanVonNeumann(1, momentum_qubits=4), backend="aer:density_matrix")
    np.testing.assert_allclose(noisy.density.sum(axis=1), 1.0)


def test_the_classical_limit_of_the_wave_loses_the_spread() -> None:
    """Halving the spread takes a quarter of the error in the variance of a free cloud."""
    free = swing(1.0, objective=lambda w: 0 * w[:, 0], initial=qd.Gaussian(0.2, 0.5))
    sharp = qd.evolve(free, qd.HamiltonJacobi(1), observables=SEEN).expectations["x2"].value[-1]
    gaps = [
        qd.evolve(free, qd.KoopmanVonNeumann(1, momentum_qubits=6, spread=s), backend="aer", observables=SEEN)
        .expectations["x2"]
        .value[-1]
        - sharp
        for s in (0.6, 0.3)
    ]
    assert gaps[0] == pytest.approx(0.36, abs=5e-3)
    assert gaps[1] == pytest.approx(0.09, abs=5e-3)


def test_a_table_has_a_force_between_its_points() -> None:
    table = qd.objectives.from_table(np.cos(2 * np.pi * X / 8), GRID)
    formula = qd.objectives.expression("cos(0.7853981633974483 * x0)") if hasattr(qd.objectives, "expression") else None
    smooth = formula or (lambda w: np.cos(2 * np.pi * w[:, 0] / 8))
    pair = [qd.evolve(swing(3.0, objective=v), qd.HamiltonJacobi(60), observables=SEEN) for v in (table, smooth)]
    for name in SEEN:
        np.testing.assert_allclose(pair[0].expectations[name].value, pair[1].expectations[name].value, atol=2e-4)
    assert abs(pair[0].expectations["x"].value[-1] - 1.0) > 0.5


def test_slopes_of_a_phase() -> None:
    phase = 0.3 * X**3 / 3 - 0.4 * X
    wave = qd.State(np.exp(-(X**2) / 4 + 1j * phase))
    np.testing.assert_allclose(slopes(wave, GRID)[0][6:-6], (0.3 * X**2 - 0.4)[6:-6], atol=1e-9)
    walls = qd.Grid((0, 1), 5, boundary="walls")
    x = walls.axes[0]
    np.testing.assert_allclose(slopes(qd.State(np.exp(2j * x)), walls)[0], 2.0, atol=1e-12)
    plane = qd.Grid([(-4, 4), (-3, 3)], [5, 4])
    found = slopes(qd.Gaussian([0.5, 0.1], 0.8, [0.3, -0.6]), plane)
    assert found.shape == (2, 32, 16)
    assert (found[0, 3, 4], found[1, 3, 4]) == (0.3, -0.6)


def test_walls_reflect_and_boxes_close() -> None:
    grid = qd.Grid((-2, 2), 6, boundary="walls")
    free = qd.Problem(
        grid, lambda w: 0 * w[:, 0], 0.5, clock="classical", duration=2.0, initial=qd.Gaussian(1.0, 0.1, 1.5)
    )
    there = qd.evolve(free, qd.HamiltonJacobi(4), observables=SEEN)
    assert there.expectations["x"].value[-1] == pytest.approx(0.0, abs=1e-3)  # 1 forth, 2 back
    assert there.expectations["k"].value[-1] == pytest.approx(-1.5, abs=1e-3)
    ring = free.replace(domain=qd.Grid((-2, 2), 6))
    round_it = qd.evolve(ring, qd.HamiltonJacobi(4), observables=SEEN)
    assert round_it.expectations["x"].value[-1] == pytest.approx(0.0, abs=1e-3)  # 4 - 4 = 0, the other way round
    assert round_it.expectations["k"].value[-1] == pytest.approx(1.5)
    place, sign = fold(grid, np.array([[2.5], [-2.5], [6.5], [-1.0]]))
    assert place[:, 0].tolist() == [1.5, -1.5, -1.5, -1.0]
    assert sign[:, 0].tolist() == [-1, -1, 1, 1]


def test_caustics_are_reported_and_passed() -> None:
    wave = qd.State(np.exp(-(X**2) / 2 - 0.5j * X**2))
    free = swing(2.0, objective=lambda w: 0 * w[:, 0], initial=wave)
    run = qd.evolve(free, qd.HamiltonJacobi(40), save=41, observables=SEEN)
    assert run.diagnostics["caustic"] == pytest.approx(1.0, abs=0.051)  # all paths meet at t = 1 / (2 D)
    variance = run.expectations["x2"].value
    assert variance[20] < 1e-4 < 0.1 < variance[0]
    assert variance[-1] == pytest.approx(variance[0], rel=1e-3)  # and come out on the other side
    assert np.isfinite(run.density).all()


def test_what_has_no_place_on_the_classical_clock() -> None:
    with pytest.raises(qd.ProblemError, match="`domain` must be a Grid"):
        qd.Problem(qd.Hypercube(3), lambda w: w[:, 0], 0.5, clock="classical", duration=1.0)
    with pytest.raises(qd.ProblemError, match="`domain` must have no twist"):
        qd.Problem(qd.Grid((0, 1), 3, twist=0.2), lambda w: w[:, 0], 0.5, clock="classical", duration=1.0)
    with pytest.raises(qd.ProblemError, match="`clock` must be real or imaginary"):
        qd.Problem.from_operator(np.diag([0.0, 1.0]), clock="classical", duration=1.0)
    for method in (qd.Krylov(), qd.Trotter(3), qd.QDrift(5), qd.Growing(qd.SplitStep(10))):
        with pytest.raises(qd.MethodError, match="run on the classical clock"):
            qd.evolve(swing(), method)
    with pytest.raises(qd.MethodError, match="run on the real clock"):
        qd.evolve(swing(clock="real"), qd.HamiltonJacobi(4))
    with pytest.raises(qd.ProblemError, match="functions of weights or of momenta"):
        qd.evolve(swing(), qd.HamiltonJacobi(4), observables={"z": np.eye(64)})
    for bad in ({"momentum_qubits": 2}, {"spread": -0.1}, {"largest_momentum": 0.0}, {"steps": 0}, {"order": 3}):
        with pytest.raises(qd.MethodError, match=rf"Argument `{next(iter(bad))}` must be"):
            qd.KoopmanVonNeumann(**{"steps": 4, **bad})
    with pytest.raises(qd.ProblemError, match="classical clock"):
        qd.ensembles.characteristics(swing(clock="real"), qd.HamiltonJacobi(4))


@pytest.mark.filterwarnings("ignore:.*of the wave is")
def test_a_register_that_is_too_small_says_so() -> None:
    with pytest.warns(qd.EdgeWeightWarning, match="raise `largest_momentum`"):
        qd.evolve(swing(), qd.KoopmanVonNeumann(10, momentum_qubits=4, largest_momentum=1.2), backend="aer")
    with pytest.warns(qd.MomentumTailWarning, match="finer than the registers"):
        qd.evolve(swing(6.0, domain=qd.Grid((-4, 4), 5)), qd.KoopmanVonNeumann(6, momentum_qubits=6), backend="aer")


def test_classical_runs_are_saved_compared_priced_and_named(tmp_path) -> None:
    from qml_dynamics.runs.problem_file import read_problem, write_problem

    run = qd.evolve(swing(), qd.HamiltonJacobi(50), save=3, seed=1)
    run.save(tmp_path / "run.npz")
    again = qd.load(tmp_path / "run.npz")
    assert again.method == run.method
    assert again.problem.clock == "classical"
    assert qd.compare(run, again).agree
    sampled = qd.evolve(
        swing(), qd.HamiltonJacobi(50), shots=4000, seed=6
    )  # one run in a hundred is told apart by chance
    assert qd.compare(sampled, run).agree
    assert "classical clock" in str(run)
    for method in (qd.KoopmanVonNeumann(7, momentum_qubits=4), qd.HamiltonJacobi(9, 4)):
        write_problem(
            swing(objective=qd.objectives.from_table(bowl(GRID.points), GRID)), tmp_path / "p.toml", method=method
        )
        file = read_problem(tmp_path / "p.toml")
        assert (file.method, file.problem.clock) == (method, "classical")
    price = qd.cost(swing(), qd.KoopmanVonNeumann(2, momentum_qubits=4), shots=100)
    assert (price.qubits, price.circuits, price.shots) == (10, 2, 200)
    assert price.two_qubit_gates > 50
    assert qd.cost(swing(), qd.HamiltonJacobi(2)).circuits == 0


@pytest.mark.parametrize("walls", [False, True])
def test_samples_follow_the_density_that_is_told(walls: bool) -> None:
    """On a coarse grid, where a share of the nearest point alone would be another law; points and cells are dealt out together."""
    grid = qd.Grid((-4, 4), 4, "walls" if walls else "periodic")
    problem, shots = swing(domain=grid), 400_000
    exact = qd.evolve(problem, qd.HamiltonJacobi(20), save=[2.0], observables=SEEN)
    run = qd.evolve(problem, qd.HamiltonJacobi(20), shots=shots, seed=4, save=[2.0], observables=SEEN)
    expected = shots * exact.density[-1]
    there = expected > 5
    chi_square = (((shots * run.density[-1] - expected) ** 2 / np.maximum(expected, 1.0))[there]).sum()
    assert there.sum() >= 4
    assert chi_square < there.sum() + 5 * np.sqrt(2 * there.sum())
    nearest = np.zeros(grid.size)
    cloud = qd.ensembles.characteristics(problem, qd.HamiltonJacobi(20), save=[2.0])
    np.add.at(
        nearest, np.rint((cloud.paths[-1][:, 0] - grid.axes[0][0]) / grid.spacing[0]).astype(int) % 16, cloud.weights
    )
    assert np.abs(nearest - exact.density[-1]).max() > 0.01
    for name in ("x2", "kk"):
        assert run.expectations[name][-1].sigmas(exact.expectations[name][-1]) < 4.5


def test_a_callback_stops_the_paths() -> None:
    run = qd.evolve(swing(), qd.HamiltonJacobi(10), callback=lambda step, view: step == 4)
    assert run.times[-1] == pytest.approx(0.8)
    assert "callback stopped" in run.stop
