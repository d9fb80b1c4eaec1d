"""The split-operator engine beyond its order: single steps by hand, norms, save times, precision, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods import split_step
from qml_dynamics.methods.exact import Exact
from qml_dynamics.methods.krylov import Krylov
from qml_dynamics.methods.split_step import SplitStep
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.initial import Gaussian, PointMass, State, Uniform
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import Geometric, Linear

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def tilted(w: np.ndarray) -> np.ndarray:
    x = w[:, 0]
    return 0.35 * (x - 0.4) ** 2 + 0.5 * np.sin(1.3 * x + 0.2)


def line(clock: str = "real", **changes) -> Problem:
    given = {"domain": Grid((-6, 7), 5), "objective": tilted, "diffusion": 0.4, "clock": clock, "duration": 1.2}
    return Problem(**{**given, "initial": Gaussian(1.1, 0.65, momentum=0.7), **changes})


def test_one_step_of_lie_lets_the_potential_act_first(oracle, classical):
    """exp(-i K dt) exp(-i V dt) psi, with signs, at a dt that no order hides."""
    problem = line(duration=0.5)
    zeta = tilted(oracle.coordinates(problem.domain))
    kinetic = scipy.linalg.expm(-0.2j * oracle.laplacian(problem.domain))
    wanted = kinetic @ (np.exp(-0.5j * zeta) * problem.initial.vector(problem.domain))
    np.testing.assert_allclose(classical.final(problem, SplitStep(1, 1))[0], wanted, atol=1e-12)
    other = np.exp(-0.5j * zeta) * (kinetic @ problem.initial.vector(problem.domain))
    assert np.abs(other - wanted).max() > 0.01  # the kinetic factor first


def test_one_step_of_chin_on_both_clocks(oracle, classical):
    """V/6, K/2, the corrected 2V/3, K/2, V/6, the correction |grad V|^2 dt^2 / 24 with the clock's sign."""
    for clock, z in (("real", -1j), ("imaginary", -1.0)):
        problem = line(clock, duration=0.5)
        x = oracle.coordinates(problem.domain)[:, 0]
        v, slope = tilted(x[:, None]), 0.7 * (x - 0.4) + 0.65 * np.cos(1.3 * x + 0.2)
        dt, d = 0.5, 0.4
        half = scipy.linalg.expm(z * d * dt / 2 * oracle.laplacian(problem.domain))
        sign = 1 if clock == "imaginary" else -1
        middle = v + sign * d * dt**2 / 24 * slope**2
        psi = np.exp(z * dt / 6 * v) * problem.initial.vector(problem.domain)
        psi = np.exp(z * dt / 6 * v) * (half @ (np.exp(z * 2 * dt / 3 * middle) * (half @ psi)))
        found, log = classical.final(problem, SplitStep(1, formula="chin4a"))
        np.testing.assert_allclose(found, psi / np.linalg.norm(psi), atol=1e-9)
        assert log == pytest.approx(0.0 if clock == "real" else np.log(np.linalg.norm(psi)), abs=1e-9)


@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_save_times_cut_the_run_and_change_nothing_else(clock, order, classical):
    """On step ends the states are those of one run up to rounding; elsewhere they are exact times."""
    problem = line(clock)
    end, log = classical.final(problem, SplitStep(12, order))
    saved = classical.propagate(problem, SplitStep(12, order), [0.0, 0.4, 0.7, 1.2])
    assert [t for t, _, _ in saved] == [0.0, 0.4, 0.7, 1.2]
    aligned = classical.propagate(problem, SplitStep(12, order), [0.0, 0.4, 0.8, 1.2])
    np.testing.assert_allclose(aligned[-1][1], end, atol=1e-10)  # 120 transforms
    assert aligned[-1][2] == pytest.approx(log, abs=1e-10)
    shorter, shorter_log = classical.final(problem.replace(duration=0.7), SplitStep(7, order))
    np.testing.assert_allclose(saved[2][1], shorter, atol=1e-10)
    assert saved[2][2] == pytest.approx(shorter_log, abs=1e-10)
    assert np.abs(saved[2][1] - end).max() > 1e-3


def test_states_that_were_yielded_stay_what_they_were(classical):
    """No saved wave is a view of the next one, and the initial wave of the problem is not touched."""
    start = State(np.random.default_rng(1).standard_normal(32))
    problem = line(initial=start)
    before = start.amplitudes.copy()
    saved = classical.propagate(problem, SplitStep(6), [0.0, 0.4, 0.8, 1.2])
    np.testing.assert_array_equal(saved[0][1], before)
    assert len({w.__array_interface__["data"][0] for _, w, _ in saved}) == 4
    np.testing.assert_array_equal(start.amplitudes, before)
    assert all(abs(np.linalg.norm(w) - 1) < 1e-12 for _, w, _ in saved)


@pytest.mark.parametrize("method", [SplitStep(3), SplitStep(3, 4), Krylov(), Exact()], ids=repr)
def test_a_wave_of_ones_own_that_keeps_its_array_is_not_written_to(method, classical):
    """The protocol does not ask for a fresh array."""

    class Kept:
        array = np.full(32, 32**-0.5, dtype=complex)

        def vector(self, domain: object) -> np.ndarray:
            return self.array

    for clock in ("real", "imaginary"):
        psi, _ = classical.final(line(clock, initial=Kept()), method)
        assert np.abs(psi - 32**-0.5).max() > 1e-2
        np.testing.assert_array_equal(Kept.array, np.full(32, 32**-0.5))


@pytest.mark.parametrize("domain", [Grid((-2, 3), 4), Grid([(-2, 3), (0, 1)], (2, 3), "walls"), Hypercube(5)], ids=repr)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_log_norm_is_the_partition_function_without_diffusion(domain, order, classical):
    """From a uniform start and D = 0: log Z(2 tau) = 2 log_norm + log N, and the density is the Gibbs law."""

    def loss(w: np.ndarray) -> np.ndarray:
        return 30 * np.cos(w @ (1 + np.arange(w.shape[1]))) + 200

    problem = Problem(domain, loss, 0.0, clock="imaginary", duration=0.8)
    psi, log = classical.final(problem, SplitStep(8, order))
    weights = -1.6 * hamiltonian(problem).zeta
    top = weights.max()
    z = np.exp(weights - top).sum()
    if order < 4:  # without diffusion the extrapolation is exact too, up to its own arithmetic
        assert 2 * log + np.log(domain.size) == pytest.approx(np.log(z) + top, abs=1e-9)
    assert 2 * log + np.log(domain.size) == pytest.approx(np.log(z) + top, abs=1e-6)
    np.testing.assert_allclose(np.abs(psi) ** 2, np.exp(weights - top) / z, atol=1e-9)
    assert abs(log) > 50


def test_huge_losses_neither_overflow_nor_underflow(classical):
    """Shifts of the loss by 1e5 change log_norm by exactly that, and the wave not at all."""
    small = line("imaginary")
    large = small.replace(objective=lambda w: tilted(w) - 1e5)
    a, log_a = classical.final(small, SplitStep(20))
    b, log_b = classical.final(large, SplitStep(20))
    np.testing.assert_allclose(a, b, atol=1e-8)
    assert log_b - log_a == pytest.approx(1.2e5, abs=1e-6)


def test_a_wave_that_vanishes_in_one_step_is_an_error_with_a_way_out(classical):
    """Not NaN: a point far up a steep loss, and steps that are too long for doubles."""
    problem = line("imaginary", objective=lambda w: 3000 * w[:, 0] ** 2, initial=PointMass(1.9))
    for method in (SplitStep(1), SplitStep(2, 4), SplitStep(1, 1)):
        with pytest.raises(MethodError, match="`steps` must be larger"):
            classical.final(problem, method)
    psi, log = classical.final(problem, SplitStep(4000))
    assert np.isfinite(psi).all()
    assert np.isfinite(log)


def test_amplitudes_below_the_root_of_the_smallest_number_survive(classical):
    """exp(-500) squared underflows, exp(-500) does not."""
    problem = line(
        "imaginary",
        objective=lambda w: 1000.0 * (np.abs(w[:, 0] - 1.0) < 1.5),
        diffusion=0.0,
        duration=0.5,
        initial=PointMass(1.0),
    )
    psi, log = classical.final(problem, SplitStep(1, 1))
    assert log == pytest.approx(-500.0)
    assert np.linalg.norm(psi) == pytest.approx(1.0)


@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.parametrize("domain", [Grid((-6, 7), 5), Grid((-6, 7), 5, "walls")], ids=repr)
def test_single_precision_gives_single_waves_of_single_accuracy(clock, domain, classical):
    """Half the memory, 1e-5 of accuracy."""
    problem = line(clock, domain=domain)
    single = classical.final(problem, SplitStep(20, precision="single"))[0]
    double = classical.final(problem, SplitStep(20))[0]
    assert single.dtype == np.complex64
    assert 0 < np.abs(single - double).max() < 1e-5
    cube = Problem(Hypercube(6), lambda w: w @ np.arange(6), 0.3, clock=clock, duration=1.0)
    assert classical.final(cube, SplitStep(5, precision="single"))[0].dtype == np.complex64


def test_workers_do_not_change_the_answer(classical):
    """The transform's threads are an option of speed only."""
    problem = line()
    a = classical.final(problem, SplitStep(5, workers=1))[0]
    np.testing.assert_allclose(classical.final(problem, SplitStep(5, workers=2))[0], a, atol=1e-14)
    assert np.abs(a - problem.initial.vector(problem.domain)).max() > 0.01


def test_progress_counts_every_step_once():
    """`done` rises to `total`, cut steps included."""
    problem, seen = line(), []
    list(split_step.run(problem, hamiltonian(problem), SplitStep(6), [0.0, 0.5, 1.2], lambda *pair: seen.append(pair)))
    assert seen[-1] == (7, 7)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {done for done, _ in seen} == set(range(1, 8))


def test_refusals():
    """Backwards formulas on the imaginary clock, Chin's on a hypercube, sizes that cannot fit; nothing is computed."""
    problem = line("imaginary")
    with pytest.raises(MethodError, match="no negative substeps on the imaginary clock, but is 'suzuki4'"):
        next(split_step.run(problem, hamiltonian(problem), SplitStep(4, formula="suzuki4"), [0.0, 1.2], print))
    cube = Problem(Hypercube(3), lambda w: w[:, 0], 0.3, clock="real", duration=1.0)
    with pytest.raises(MethodError, match="'chin4a' on a hypercube"):
        next(split_step.run(cube, hamiltonian(cube), SplitStep(4, formula="chin4a"), [0.0, 1.0], print))
    small = hamiltonian(line())
    large = line(domain=Grid([(0, 1)] * 2, 28), initial=Uniform())
    with pytest.raises(MethodError, match=r"56 qubits needs [\d.]+ PiB of memory"):
        next(split_step.run(large, small, SplitStep(4), [0.0, 1.0], print))


def test_chin_refuses_a_table():
    """The gradient of a table is unknown between its points."""
    from qml_dynamics.model.objectives import from_table

    grid = Grid((-6, 7), 3)
    problem = line(domain=grid, objective=from_table(np.arange(8.0), grid))
    with pytest.raises(ValueError, match="no gradient"):
        next(split_step.run(problem, hamiltonian(problem), SplitStep(4, formula="chin4a"), [0.0, 1.2], print))


def test_energy_is_kept_on_the_real_clock_and_falls_on_the_imaginary_one(classical):
    """With a constant Hamiltonian; and it is not constant where the Hamiltonian is driven."""
    for clock in ("real", "imaginary"):
        problem = line(clock)
        h = hamiltonian(problem)
        energies = [h.expectation(w) for _, w, _ in classical.propagate(problem, SplitStep(200, 4), [0, 0.3, 0.6, 1.2])]
        if clock == "real":
            assert np.ptp(energies) < 1e-7
        else:
            assert np.all(np.diff(energies) < -1e-3)
    driven = line(diffusion=Geometric(0.4, 0.1), strength=Linear(1, 2))
    h = hamiltonian(driven)
    waves = classical.propagate(driven, SplitStep(100, 4), [0, 1.2])
    assert abs(h.expectation(waves[1][1], 1.2) - h.expectation(waves[0][1], 0.0)) > 1e-2
