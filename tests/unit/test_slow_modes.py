"""Imaginary time in the slowest modes and tails beside dense exponentials: waves, bounds, what is left to the series."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.learning.annealing import engine, slow_modes
from qml_dynamics.learning.annealing.slow_modes import SlowModes, error_bound
from qml_dynamics.methods import chebyshev
from qml_dynamics.model.hamiltonians import LearningHamiltonian

TIME = 0.5
ENOUGH = 1e-10


def tilted(w: np.ndarray) -> np.ndarray:
    """A double well whose values and slopes leap at the seam."""
    return (w[:, 0] ** 2 - 1) ** 2 + 0.15 * w[:, 0]


def rough(w: np.ndarray) -> np.ndarray:
    """A kink and a step inside the box."""
    return 3 * np.abs(w[:, 0] - 0.3) + 2.0 * (w[:, 0] > 1.2)


LINE, WALLS = qd.Grid((-2.5, 2.5), 9), qd.Grid((-2.5, 2.5), 9, boundary="walls")
LARGE = qd.Grid((-2.5, 2.5), 10)
CASES = {
    "seam": (LINE, tilted, 1.0, 1.0),
    "seam, small diffusion": (LINE, tilted, 0.02, 1.0),
    "walls": (WALLS, tilted, 0.4, 1.0),
    "step": (LINE, rough, 0.4, 1.0),
    "upside down": (LINE, tilted, 0.4, -0.3),
    "plane": (qd.Grid([(-2, 2)] * 2, (5, 4)), lambda w: 0.1 * tilted(w) + 0.05 * w[:, 1] ** 2, 1.0, 1.0),
}


def made(name: str, domain: qd.Grid | None = None) -> tuple[LearningHamiltonian, float, float]:
    box, loss, d, s = CASES[name]
    problem = qd.Problem(domain or box, loss, d, s, clock="imaginary", duration=TIME)
    h = qd.hamiltonian(problem)
    assert isinstance(h, LearningHamiltonian)
    return h, d, s


def calm(h: LearningHamiltonian, d: float, s: float, turning: float = 0.6) -> np.ndarray:
    """A wave off the middle that has gone some way already; it turns in the complex plane where it is asked to."""
    x = h.domain.axes[0]
    line = np.exp(-((x - 0.4) ** 2)) * np.exp(1j * turning * np.cos(2 * np.pi * x / 5.0))
    wave = np.broadcast_to(line.reshape(-1, *[1] * (h.domain.ndim - 1)), h.domain.shape)
    return exact(h, d, s, wave if turning else wave.real, 0.2 * TIME)[0]


def exact(h: LearningHamiltonian, d: float, s: float, psi: np.ndarray, time: float) -> tuple[np.ndarray, float]:
    """By all energies of a dense matrix."""
    energies, modes = np.linalg.eigh(h.well(d, s).matrix())
    out = modes @ (np.exp(-time * (energies - energies[0])) * (modes.conj().T @ psi.reshape(-1)))
    norm = float(np.linalg.norm(out))
    return (out / norm).reshape(psi.shape), float(np.log(norm) - time * energies[0])


@pytest.mark.parametrize("name", [name for name in CASES if name != "plane"])
def test_waves_are_those_of_the_dense_exponential(name: str) -> None:
    """Far below the tolerance of a stage, 1e-8: the bound is pessimistic, and the rounding of energies of 1e5 is about 1e-11."""
    h, d, s = made(name)
    start = calm(h, d, s)
    wanted, log_norm = exact(h, d, s, start, TIME)
    found = SlowModes(h).decayed(3.0 * start, d, s, TIME, ENOUGH)
    assert found is not None
    assert np.linalg.norm(found.wave - wanted) < 2e-10
    assert found.log_norm == pytest.approx(log_norm, abs=2e-10)
    assert (
        np.linalg.norm(found.wave - wanted) <= found.bound + 2e-11
    )  # with the rounding of the dense exponential itself
    assert found.bound < 1e-8
    assert np.linalg.norm(wanted - start) > 0.01
    assert np.abs(found.wave.imag).max() > 1e-3
    alone = SlowModes(h).decayed(start.real, d, s, TIME, ENOUGH)
    assert alone is not None
    assert np.isrealobj(alone.wave)


@pytest.mark.parametrize("modes", [16, 32, 64])
@pytest.mark.parametrize("tailed", [False, True])
def test_the_bound_holds_where_something_is_missed(modes: int, tailed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In spaces that are too small the error is above rounding, and below what is told."""
    monkeypatch.setattr(slow_modes, "MODES", modes)
    h, d, s = made("seam")
    start = calm(h, d, s, turning=0.0)
    wanted, _ = exact(h, d, s, start, TIME)
    slow = SlowModes(h)
    found = slow.decayed(start, d, s, TIME, 0.0 if tailed else np.inf)
    assert found is not None
    error = np.linalg.norm(found.wave - wanted)
    assert error <= found.bound
    assert tailed or error > 1e-9
    assert found.bound < (1e-3 if tailed else 1.0)


def test_tails_are_few_on_every_grid_and_make_the_difference() -> None:
    counts = []
    for qubits in (10, 11):
        h, d, s = made("seam", qd.Grid((-2.5, 2.5), qubits))
        slow = SlowModes(h)
        counts.append(len(slow.basis.tails))
        assert np.abs(slow.basis.tails @ slow.basis.tails.T - np.eye(counts[-1])).max() < 1e-12
        assert not slow.basis.tails[:, slow.basis.slow].any()
        psi = np.full(h.domain.shape, h.domain.size**-0.5)
        plain, tailed = (slow.decayed(psi, d, s, TIME, enough) for enough in (np.inf, 0.0))
        assert plain is not None
        assert tailed is not None
        assert tailed.bound < 1e-3 * plain.bound
    assert 5 < min(counts) <= max(counts) < 40


def test_levels_of_one_value_are_in_together() -> None:
    """On a plane many modes have one momentum: all or none of them are in P, which the bound takes for granted."""
    h, d, s = made("plane")
    basis = SlowModes(h).basis
    dual = h.dual.reshape(-1)
    inside = np.isin(np.arange(dual.size), basis.slow)
    assert dual[inside].max() < basis.edge * (1 - 1e-9)
    assert dual[~inside].min() == basis.edge
    assert 100 < len(basis.slow) <= slow_modes.MODES
    start = calm(h, d, s)
    found = SlowModes(h).decayed(start, d, s, TIME, ENOUGH)
    assert found is not None
    error = np.linalg.norm(found.wave - exact(h, d, s, start, TIME)[0])
    assert error <= found.bound + 1e-12


def test_a_narrow_well_is_left_to_the_series() -> None:
    """Its ground state is not in the slow modes: the bound says so, and the stage is that of the series."""
    short, weights = 0.05, (1.0, 1.0)
    well = qd.Problem(
        LARGE, lambda w: -4e3 * np.exp(-((w[:, 0] - 0.5) ** 2) / 1e-4), 1.0, clock="imaginary", duration=short
    )
    h = qd.hamiltonian(well)
    assert isinstance(h, LearningHamiltonian)
    assert engine.slow_modes_pay(h, weights, short, "imaginary")
    psi = well.initial.vector(LARGE)
    found = SlowModes(h).decayed(psi, *weights, short, ENOUGH)
    assert found is None or found.bound > 1e-8
    run = qd.anneal(well, 1, spectrum=False)
    wanted, _ = exact(h, *weights, psi, short)
    assert np.linalg.norm(run.states[-1] - wanted) < 1e-8
    assert run.density[-1].max() > 20 * run.density[0].max()


def test_rough_starts_settle_first() -> None:
    """A wave of a few points has parts beyond all slow modes, of which nothing is left soon."""
    h, d, s = made("seam", LARGE)
    problem = qd.Problem(LARGE, tilted, d, clock="imaginary", duration=TIME, initial=qd.Gaussian(1.0, 0.01))
    psi = problem.initial.vector(h.domain)
    slow = SlowModes(h)
    at_once = slow.decayed(psi, d, s, TIME, ENOUGH)
    assert at_once is None or at_once.bound > 1e-8
    settled, _ = exact(h, d, s, psi, slow.settling(d))
    then = slow.decayed(settled, d, s, TIME - slow.settling(d), ENOUGH)
    assert then is not None
    assert then.bound < 1e-8
    run = qd.anneal(problem, 1, spectrum=False)
    wanted, log_norm = exact(h, d, s, psi, TIME)
    assert np.linalg.norm(run.states[-1] - wanted) < 1e-9
    assert run.log_norm[-1] == pytest.approx(log_norm, abs=1e-9)


@pytest.mark.parametrize("loss", [tilted, rough])
def test_an_annealing_is_that_of_the_series(loss, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every field, stage by stage, with the slow modes taken and not taken."""
    problem = qd.Problem(LARGE, loss, qd.Geometric(1.0, 0.05), qd.Linear(0.5, 1.0), clock="imaginary", duration=2.0)
    taken = []
    pays = engine.slow_modes_pay
    monkeypatch.setattr(engine, "slow_modes_pay", lambda *which: taken.append(pays(*which)) or taken[-1])
    fast = qd.anneal(problem, 4)
    assert sum(taken) >= 3
    monkeypatch.setattr(engine, "slow_modes_pay", lambda *which: False)
    plain = qd.anneal(problem, 4)
    for a, b in zip(fast.states, plain.states):
        assert np.linalg.norm(a - b) < 1e-9
    assert fast.log_norm == pytest.approx(plain.log_norm, abs=1e-9)
    assert fast.expectations["energy"].value == pytest.approx(plain.expectations["energy"].value, abs=1e-9)
    assert set(fast.diagnostics) == set(plain.diagnostics)
    for name in ("gap", "ground_energy", "ground_fidelity", "diffusion"):
        assert fast.diagnostics[name] == pytest.approx(plain.diagnostics[name], abs=1e-9)
    assert np.abs(fast.density[-1] - fast.density[0]).max() > 1e-3


def test_a_stage_does_not_depend_on_those_before() -> None:
    """So that an interrupted run goes on to the same bits."""
    h, d, s = made("seam")
    start = calm(h, d, s, turning=0.0)
    used = SlowModes(h)
    used.decayed(start, 0.03, 1.0, TIME, ENOUGH)
    again, fresh = (slow.decayed(start, d, s, TIME, ENOUGH) for slow in (used, SlowModes(h)))
    assert again is not None
    assert fresh is not None
    assert np.array_equal(again.wave, fresh.wave)
    assert again.log_norm == fresh.log_norm != 0.0


@pytest.mark.parametrize(("coupling", "gap"), [(0.0, 50.0), (3.0, 50.0), (20.0, 5.0)])
def test_the_bound_solves_its_equations(coupling: float, gap: float) -> None:
    """Against an integrator, at a constant residual; never above the sum of all residuals."""
    from scipy.integrate import solve_ivp

    times, rate, missed = np.linspace(0.0, 0.7, 8), 1e-3, 2e-3
    wanted = solve_ivp(
        lambda t, e: [coupling * e[1], rate + coupling * e[0] - gap * e[1]],
        (0.0, 0.7),
        [0.0, missed],
        rtol=1e-10,
        atol=1e-14,
    ).y[:, -1]
    bound = error_bound(times, np.full(8, rate), missed, 0.0, coupling, gap)
    summed = missed + 0.7 * rate
    if coupling < 10:
        assert bound == pytest.approx(np.linalg.norm(wanted), rel=1e-6)
    else:
        assert bound == pytest.approx(summed, rel=1e-12)
        assert bound < np.linalg.norm(wanted)
    assert error_bound(times, np.full(8, rate), missed, 2.0, coupling, gap) >= bound


def test_all_energies_are_taken_on_the_real_clock_where_that_costs_less() -> None:
    """A line of 1,024 points that the series takes 10,000 terms for; the wave is that of the series, to its tolerance of 1e-8."""
    problem = qd.Problem(LARGE, tilted, 0.4, clock="real", duration=0.15, initial=qd.Gaussian(0.5, 0.4))
    h = qd.hamiltonian(problem)
    assert isinstance(h, LearningHamiltonian)
    assert engine.dense_pays(h, (1.0, 1.0), 0.5, "real")
    assert not engine.dense_pays(h, (1.0, 1.0), 1e-3, "real")
    assert not engine.dense_pays(h, (1.0, 1.0), 0.5, "imaginary")
    assert engine.dense_pays(h, (0.4, 1.0), problem.duration, "real")
    run = qd.anneal(problem, 1, spectrum=False)
    waves, _ = chebyshev.propagated(h, problem.initial.vector(LARGE)[None], problem.duration, "real", 1e-9)
    assert np.linalg.norm(run.states[-1] - waves[0]) < 1e-8
    assert np.abs(run.density[-1] - run.density[0]).max() > 1e-4


def test_a_diffusion_that_falls_to_zero_is_left_to_the_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without diffusion no mode is slow; the last stage only weighs the wave, ``psi -> e^{-time loss} psi``."""
    loss = lambda w: 10 * (w[:, 0] ** 2 - 4) ** 2  # noqa: E731
    problem = qd.Problem(qd.Grid((-6, 6), 10), loss, qd.Linear(1e-3, 0.0), clock="imaginary", duration=4.0)
    found = qd.anneal(problem, 2, spectrum=False)
    monkeypatch.setattr(engine, "slow_modes_pay", lambda *which: False)
    plain = qd.anneal(problem, 2, spectrum=False)
    assert found.diagnostics["diffusion"][-1] == 0.0
    weighed = found.states[1] * np.exp(-2.0 * loss(problem.domain.axes[0][:, None]))
    weighed /= np.linalg.norm(weighed)
    assert np.linalg.norm(found.states[2] - weighed) < 1e-7
    for a, b in zip(found.states, plain.states):
        assert np.linalg.norm(a - b) < 1e-7  # 1e-8 a stage each
    assert found.expectations["energy"].value[0] > 2 * found.expectations["energy"].value[-1]


def test_the_memory_of_all_energies_is_told() -> None:
    """Twice the points take four times as much on the real clock; above the largest matrix only waves are held."""
    told = {}
    for clock in ("real", "imaginary"):
        for qubits in (10, 11, 12):
            problem = qd.Problem(qd.Grid((-2.5, 2.5), qubits), tilted, 0.4, clock=clock, duration=1.0)
            told[clock, qubits] = qd.cost(problem, engine.Annealing(2)).memory
    assert told["real", 11] > 3.5 * told["real", 10] > 3.5 * 32 * 4**10
    assert told["real", 12] < told["real", 10]
    assert told["imaginary", 10] < told["imaginary", 12] < told["real", 11]
