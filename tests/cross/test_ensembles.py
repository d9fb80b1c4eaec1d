"""Learning ensembles as circuits against references and closed forms, at parameters that no other test uses, on two vendors' devices."""

from __future__ import annotations

import math

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.synthesis.ensembles import ramsey_circuit
from qml_dynamics.synthesis.states import prepare

pytestmark = [
    pytest.mark.filterwarnings("ignore:The wave has reached the edge"),  # rings and number registers have none
    pytest.mark.filterwarnings("ignore:The wave has .* above 0.8 of the largest momentum"),
]
DEVICES = ["aer", "pennylane:default.qubit"]


def slow(*given: object) -> object:
    """Parameters of a test that runs with the slow ones."""
    return pytest.param(*given, marks=pytest.mark.slow)


def order_of(problem: qd.Problem, order: int, steps: tuple[int, int]) -> float:
    """Observed order of the Trotter circuits against a method that knows of no splitting; the wave must have moved."""
    exact = qd.evolve(problem, qd.Krylov(tol=1e-12)).states[-1]
    few, many = (np.linalg.norm(qd.evolve(problem, qd.Trotter(k, order=order)).states[-1] - exact) for k in steps)
    assert few > many > 1e-11
    assert abs(np.vdot(problem.initial.vector(problem.domain), exact)) ** 2 < 0.97
    return math.log(few / many) / math.log(steps[1] / steps[0])


@pytest.mark.parametrize("flux", [-1.3, 0.5, 2.7])
@pytest.mark.parametrize(("order", "steps"), [(1, (16, 32)), (2, (12, 24)), (4, (8, 16))])
def test_flux(flux: float, order: int, steps: tuple[int, int]) -> None:
    start = qd.State(1 + 0.6 * np.exp(1j * np.arange(16) * np.pi / 4))
    problem = en.ring(
        4, flux, hbar=0.8, mass=0.7, radius=1.2, duration=0.7, V=lambda w: np.sin(w[:, 0] / 1.2 + 0.3), initial=start
    )
    assert order_of(problem, order, steps) == pytest.approx(order, abs=0.3)


@pytest.mark.parametrize("winding", [-3, 2])
@pytest.mark.parametrize(("order", "steps"), [slow(1, (16, 32)), (2, (8, 16)), slow(4, (4, 8))])
def test_vortices(winding: int, order: int, steps: tuple[int, int]) -> None:
    grid = qd.Grid([(-5, 5), (-5, 5)], 4)
    wave = en.vortex_wave(grid, [(0.4, -0.2)], [winding], width=0.8)
    rule = en.Learning(0.4, 0.5, en.multipliers(0.9, 0.4, 0.5)[1])
    problem = rule.problem(
        grid, lambda w: 0.4 * w[:, 0] ** 2 + 0.6 * w[:, 1] ** 2, duration=0.6, initial=qd.State(wave)
    )
    assert order_of(problem, order, steps) == pytest.approx(order, abs=0.3)


@pytest.mark.parametrize(("order", "steps"), [(1, (16, 32)), (2, (8, 16)), (4, (4, 8))])
def test_two_slits_over_a_slope(order: int, steps: tuple[int, int]) -> None:
    slits = en.TwoSlits(0.7, 1.6, hbar=0.6, mass=0.8)
    problem = slits.problem(qd.Grid((-8, 8), 6), 0.9).replace(objective=lambda w: 0.2 * w[:, 0] + 0.1 * w[:, 0] ** 2)
    assert order_of(problem, order, steps) == pytest.approx(order, abs=0.3)


@pytest.mark.parametrize(
    ("order", "steps"),
    [slow(1, (32, 64)), (2, (8, 16)), slow(4, (16, 32))],
)
def test_a_number_register_with_walls(order: int, steps: tuple[int, int]) -> None:
    grid = qd.Grid([(-4, 4), (-0.5, 3.5)], (4, 2), boundary="walls")
    problem = qd.Problem(
        grid,
        lambda w: w[:, 1] * (0.3 * (w[:, 0] + 0.7) ** 2 - 0.4),
        0.25,
        clock="real",
        duration=0.7,
        initial=qd.Gaussian((0.8, 1.6), (0.8, 0.7)),
    )
    assert order_of(problem, order, steps) == pytest.approx(order, abs=0.35)


@pytest.mark.parametrize(("order", "steps"), [(1, (32, 64)), (2, (8, 16)), (4, (4, 8))])
@pytest.mark.parametrize("bonds", [None, ((0, 1), (1, 2), (2, 3), (0, 3))], ids=["all", "ring"])
def test_exchanged_neurons(order: int, steps: tuple[int, int], bonds: object) -> None:
    exchange = en.Exchange([0.9, -0.3, 0.4, 0.1], hopping=-0.6, network=1, mu_c=-0.7, bonds=bonds)
    from qiskit.quantum_info import Statevector

    exact = qd.evolve(exchange.problem(1.1, [1, 2]), qd.Krylov(tol=1e-12)).states[-1].reshape(-1)
    gaps = [np.linalg.norm(Statevector(exchange.circuit(1.1, k, [1, 2], order)).data - exact) for k in steps]
    assert math.log(gaps[0] / gaps[1]) / math.log(2) == pytest.approx(order, abs=0.3)
    assert abs(exact[0b0110]) ** 2 < 0.9


@pytest.mark.parametrize("backend", DEVICES)
@pytest.mark.parametrize("flux", [0.0, 0.37, 0.5, -1.2])
def test_ring_levels_within_shot_error(backend: str, flux: float) -> None:
    """Levels in units of hbar^2 / 2 m R^2 = 0.5, from Hadamard tests of circuits: two energies up to its next neighbour."""
    problem = en.ring(3, flux, hbar=0.7, mass=0.49, radius=1.0, duration=0.6)
    modes = sorted(range(-3, 4), key=lambda j: abs(j - flux))[:3]
    found = en.measured_levels(problem, modes, backend=backend, shots=8000, seed=17)
    wanted = en.ring_levels(3, flux, hbar=0.7, mass=0.49) / 0.7  # energies of the Hamiltonian are over hbar
    assert (np.abs(found.value - wanted) < 4 * found.stderr).all(), (found.value, wanted)
    assert 0 < found.stderr.max() < 0.06
    assert np.ptp(wanted) > 5 * found.stderr.max()


@pytest.mark.parametrize(("winding", "center"), [(3, (-0.3, 0.15)), (-1, (0.6, -0.4))])
def test_measured_windings_of_a_wave_that_has_moved(winding: int, center: tuple[float, float]) -> None:
    """Trotter circuits from the start, then interference: from samples alone the integer is what it was."""
    grid = qd.Grid([(-4, 4), (-4, 4)], 4)
    start = qd.State(en.vortex_wave(grid, [center], [winding]))
    problem = qd.Problem(grid, lambda w: (w**2).sum(axis=1) / 2, 0.5, clock="real", duration=0.4, initial=start)
    circuit = qd.circuits(problem, qd.Trotter(2))[-1]
    loop = en.square_loop((8, 8), 3)
    found = en.measured_circulation(circuit, grid, loop, backend="aer", shots=300_000, seed=5)
    wave = qd.evolve(problem, qd.Trotter(2)).states[-1]
    assert np.abs(wave - problem.initial.vector(grid)).max() > 0.05
    assert found.value == en.circulation(wave, grid, loop) == winding
    assert found.certain


def test_a_winding_is_the_same_on_both_vendors() -> None:
    grid = qd.Grid([(-3, 3), (-3, 3)], 3)
    circuit = prepare(qd.State(en.vortex_wave(grid, [(0.3, 0.2)], [-1])), grid)
    loop = en.square_loop((4, 4), 1)
    for backend in DEVICES:
        found = en.measured_circulation(circuit, grid, loop, backend=backend, shots=40_000, seed=2)
        assert (found.value, found.certain) == (-1, True)


@pytest.mark.parametrize(
    ("width", "distance", "hbar", "mass", "t"), [(0.5, 1.8, 0.7, 0.6, 1.2), (0.35, 1.5, 1.3, 1.1, 0.9)]
)
def test_fringes_against_closed_form_and_classical_ensemble(
    width: float, distance: float, hbar: float, mass: float, t: float
) -> None:
    slits, grid = en.TwoSlits(width, distance, hbar, mass), qd.Grid((-14, 14), 7)
    x = grid.axes[0]
    run = qd.evolve(slits.problem(grid, t), qd.Trotter(1), backend="aer", shots=40_000, seed=6)
    measured = run.density[-1] / grid.cell_volume
    assert slits.visibility(measured, x, t) == pytest.approx(1.0, abs=0.04)
    p = slits.density(x, 0.0)
    paths = np.random.default_rng(1).normal(0, hbar / (2 * width), 40_000)  # momenta of either slit
    start = np.random.default_rng(2).choice(x, 40_000, p=p / p.sum())
    classical = np.histogram(start + t / mass * paths, bins=np.append(x, 14) - grid.spacing[0] / 2)[0]
    assert abs(slits.visibility(classical / 40_000 / grid.cell_volume, x, t)) < 0.04


@pytest.mark.parametrize("bits", [2, 4])
def test_revival_on_both_vendors_and_not_in_a_mixture(bits: int) -> None:
    size = 1 << bits
    for backend in DEVICES:
        device = qd.backend(backend)
        circuits = [ramsey_circuit(bits, t) for t in (1.0, 0.37)]
        whole, part = (c.histogram(size)[0] for c in device.sample(circuits, 4000, [3, 4]))
        assert whole == 1.0
        wanted = float(en.revival_probability(size - 1, 0.37))
        assert abs(part - wanted) < 5 * math.sqrt(wanted * (1 - wanted) / 4000) + 1e-3
    mixed = []
    for number in range(size):  # each number alone, without the superposition: no phase is seen, and nothing revives
        circuit = ramsey_circuit(bits, 1.0).copy_empty_like()
        for q in range(bits):
            if number >> q & 1:
                circuit.x(q)
            circuit.p(2 * np.pi * (1 << q), q)
            circuit.h(q)
        mixed.append(circuit)
    shares = [c.histogram(size)[0] for c in qd.backend("aer").sample(mixed, 1000, list(range(size)))]
    assert abs(np.mean(shares) - 1 / size) < 5 * math.sqrt(1 / size / 1000 / size)


def test_oscillator_superposition_and_the_mixture_that_stands_still() -> None:
    well, grid = en.Oscillator(0.8, hbar=0.7, mass=1.3), qd.Grid((-7, 7), 6)
    seen = {"x": lambda w: w[:, 0]}
    run = qd.evolve(
        well.problem(grid, 2.5), qd.Trotter(60), backend="aer", shots=10_000, seed=3, observables=seen, save=3
    )
    x = run.expectations["x"]
    wanted = well.superposition_mean(run.times)
    assert (np.abs(x.value - wanted) < 4 * x.stderr + 3e-3).all()
    assert np.ptp(wanted) > 10 * x.stderr.max()
    mixed = [
        qd.evolve(well.problem(grid, 2.5, well.level(n, grid).astype(complex)), qd.Krylov(), observables=seen)
        for n in (0, 1)
    ]
    assert all(np.abs(r.expectations["x"].value).max() < 1e-6 for r in mixed)


@pytest.mark.slow
@pytest.mark.parametrize(("D", "gamma", "share"), [(0.5, 0.4, 0.6), (0.12, 1.3, 0.95), (1.5, 0.9, 0.2)])
def test_quantum_regime_both_multipliers_give_one_wave(D: float, gamma: float, share: float) -> None:
    hbar = share * en.hbar_max(D, gamma)
    grid, waves = qd.Grid((-7, 7), 6), []
    for mu in en.multipliers(hbar, D, gamma):
        rule = en.Learning(D, gamma, mu)
        width = math.sqrt(hbar * gamma / (2 * math.sqrt(2 * gamma)))
        problem = rule.problem(
            grid,
            lambda w: 0.25 * w[:, 0] ** 2,
            duration=0.8,
            initial=qd.Gaussian(0.9, max(width, 0.5)),
        )
        exact = qd.evolve(problem, qd.SplitStep(200, order=4))
        trotter = qd.evolve(problem, qd.Trotter(12, order=4))
        assert np.linalg.norm(trotter.states[-1] - exact.states[-1]) < 1e-4
        x = exact.density[-1] @ grid.axes[0]
        omega = math.sqrt(0.5 / rule.mass)
        assert x == pytest.approx(0.9 * math.cos(0.8 * omega), abs=1e-4)  # Ehrenfest, whatever hbar is
        waves.append(exact.states[-1])
    np.testing.assert_allclose(waves[0], waves[1], atol=1e-5)


@pytest.mark.parametrize(("D", "gamma", "mu"), [(0.05, 0.7, 0.9), (0.0, 0.5, 1.4), (0.3, 0.8, -1.1)])
def test_bridge_regime_against_the_closed_form(D: float, gamma: float, mu: float) -> None:
    grid = qd.Grid((-9, 9), 7)
    x = grid.axes[0]
    rule = en.Learning(D, gamma, mu)
    ends = [np.exp(-((x - m) ** 2) / (2 * s**2)) for m, s in ((0.7, 0.9), (-0.4, 0.7))]
    found = en.bridge(rule, grid, lambda w: 0 * w[:, 0], *ends, duration=1.5, save=4)
    mean, sd = en.gaussian_bridge((0.7, -0.4), (0.9, 0.7), rule.kappa / rule.mass, 1.5, found.times)
    np.testing.assert_allclose(found.density @ x, mean, atol=1e-6)
    np.testing.assert_allclose(np.sqrt(found.density @ x**2 - (found.density @ x) ** 2), sd, atol=1e-6)
    assert np.ptp(mean) > 1
    assert np.ptp(sd) > 0.01


@pytest.mark.parametrize(("D", "gamma"), [(0.15, 0.6), (0.8, 2.0)])
def test_classical_regime_against_the_closed_form(D: float, gamma: float) -> None:
    """hbar = 0: the variance of a cloud in a bowl breathes with the cosine of the path, without a quantum floor."""
    rule = en.Learning(D, gamma, gamma / (4 * D))
    assert rule.regime == "classical"
    grid = qd.Grid((-6, 6), 6)
    x = grid.axes[0]
    omega, t = math.sqrt(1 / rule.mass), 0.6
    problem = rule.problem(grid, lambda w: w[:, 0] ** 2 / 2, duration=t, initial=qd.Gaussian(0.8, 0.5))
    powers = {f"x{k}": lambda w, k=k: w[:, 0] ** k for k in (1, 2)}
    flow = qd.evolve(problem, en.HamiltonJacobi(400), observables=powers)
    start = np.abs(problem.initial.vector(grid)) ** 2
    first, second = (flow.expectations[name].value[-1] for name in powers)
    variance = start @ x**2 - (start @ x) ** 2
    assert first == pytest.approx(0.8 * math.cos(omega * t), abs=1e-5)
    assert second - first**2 == pytest.approx(variance * math.cos(omega * t) ** 2, abs=1e-5)
