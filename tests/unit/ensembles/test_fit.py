"""Estimates from runs: planted values come back with honest errors, and what the data cannot tell is said so."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.ensembles import laws
from qml_dynamics.learning.ensembles.law_tests import law_test
from qml_dynamics.learning.ensembles.simulated import with_noise

IRIS = Path(__file__).resolve().parents[3] / "circuits" / "iris_neuron" / "iris.csv"
GRID = qd.Grid((-6, 6), 7)
D, GAMMA = 0.3, 0.8


def quartic(w: np.ndarray) -> np.ndarray:
    return -(0.5 * w[:, 0] ** 2 + w[:, 1] ** 2 + 0.1 * w[:, 0] ** 4)


def quartic_slope(w: np.ndarray) -> np.ndarray:
    return -np.stack([w[:, 0] + 0.4 * w[:, 0] ** 3, 2 * w[:, 1]], axis=1)


def well(w: np.ndarray) -> np.ndarray:
    return 0.5 * w[:, 0] ** 2 + 0.02 * w[:, 0] ** 4


def hit(found: object, planted: float) -> bool:
    assert isinstance(found, qd.Estimate), str(found)
    assert 0 < found.stderr < abs(planted)
    return abs(float(found) - planted) <= 3 * found.stderr


@functools.cache
def clean(mu: float, d: float, g: float) -> en.History:
    """(p, F) of a wave in a potential that is not harmonic, without noise."""
    psi = qd.Gaussian(0.5, 0.6).vector(GRID)
    run = en.observe_wave(en.Learning(d, g, mu), GRID, well, psi, times=np.linspace(0.1, 2, 25))
    assert run.history is not None
    return run.history


def free(w: np.ndarray) -> np.ndarray:
    return 0 * w[:, 0]


def double_well(w: np.ndarray) -> np.ndarray:
    return 0.1 * (w[:, 0] ** 2 - 2) ** 2 + 0.15 * w[:, 0]


def valley_of_two(w: np.ndarray) -> np.ndarray:
    return 0.5 * w[:, 0] ** 2 + 0.8 * w[:, 1] ** 2 + 0.2 * w[:, 0] * w[:, 1] + 0.03 * w[:, 0] ** 4


def of_a_bridge(rule: en.Learning, times: np.ndarray) -> en.History:
    """The bridge regime in closed form: factors that are heat kernels, one forwards and one backwards."""
    grid, rate = qd.Grid((-9, 9), 8), 2 * rule.kappa * rule.mobility
    x, t = grid.axes[0], times[:, None]
    ends = ((-0.8, 0.4 + rate * t), (0.9, 0.7 + rate * (1 - t)))
    B, A = (-((x - c) ** 2) / (2 * v) - 0.5 * np.log(v) for c, v in ends)
    return en.History(grid, times, np.exp(A + B), 0.5 * rule.kappa * (A - B) + (A + B) / (2 * rule.multiplier))


EVEN = np.linspace(0.1, 2, 25)
UNEVEN = np.sort(np.random.default_rng(5).uniform(0.1, 2, 25))
PLANE_OF_TWO = qd.Grid([(-5, 5), (-5, 5)], 5)
HISTORIES: dict[str, tuple] = {  # D, gamma, mu; grid, V, start and its width; times; noise of p and of F
    "deep in the wave": (0.3, 0.8, 5.236068, GRID, well, 0.5, 0.6, EVEN, 2e-3, 4e-4),
    "the other multiplier": (0.3, 0.8, 0.763932, GRID, well, 0.5, 0.6, EVEN, 2e-3, 4e-4),
    "coarse grid, loud": (0.2, 0.5, 3.0, qd.Grid((-4.5, 4.5), 6), well, 0.5, 0.6, EVEN, 1e-2, 2e-3),
    "free, other times": (0.5, 0.6, 1.4, qd.Grid((-10, 10), 8), free, 0.3, 0.8, UNEVEN, 2e-3, 4e-4),
    "double well": (0.4, 0.7, 1.1, qd.Grid((-6, 6), 7), double_well, 0.4, 0.7, EVEN[:20], 4e-3, 8e-4),
    "near the boundary": (0.25, 1.0, 1.15, GRID, well, 0.5, 0.6, np.linspace(0.05, 1, 40), 1e-3, 2e-4),
    "bridge": (0.1, 1.0, 1.0, None, free, 0, 0, np.linspace(0.1, 0.9, 25), 2e-3, 4e-4),
    "two weights": (0.3, 0.8, 2.0, PLANE_OF_TWO, valley_of_two, (0.5, -0.4), (0.6, 0.7), EVEN[:18], 2e-3, 4e-4),
}


@functools.cache
def unseen(name: str) -> en.History:
    d, g, mu, grid, V, center, width, times, *_ = HISTORIES[name]
    rule = en.Learning(d, g, mu)
    if rule.regime == "bridge":
        return of_a_bridge(rule, times)
    history = en.observe_wave(rule, grid, V, qd.Gaussian(center, width).vector(grid), times=times).history
    assert history is not None
    return history


def pulls_of_history(name: str, seed: int) -> list[float]:
    """(found - planted) / stderr of mu, hbar^2, hbar (0 where it is not real) and V at two points."""
    d, g, mu, _, V, *_, of_p, of_f = HISTORIES[name]
    rule = en.Learning(d, g, mu)
    found = en.fit(en.Run(history=with_noise(unseen(name), of_p, of_f, seed)), diffusion=d, mobility=g)
    assert found.points is not None
    points = found.points.reshape(len(found.points), -1)
    rows = [(found.multiplier, mu), (found.hbar_squared, rule.hbar_squared)]
    if rule.regime == "quantum":
        rows.append((found.hbar, rule.hbar))
    else:
        assert "bridge regime" in str(found.hbar)
    at = [len(points) // 4, len(points) // 2]
    assert isinstance(found.potential, qd.Estimate)
    rows += [(found.potential[i], float(V(points)[i])) for i in at]
    return [pull(*row) for row in rows]


def pull(found: object, planted: float) -> float:
    assert isinstance(found, qd.Estimate), str(found)
    return float((found.value - planted) / found.stderr)


def pulls_of_steps(d: float, g: float, dt: float, networks: int, seed: int) -> list[float]:
    F = qd.Objective(quartic, gradient_fn=quartic_slope)
    run = en.observe_sde(F, [1.0, -0.5], diffusion=d, mobility=g, networks=networks, steps=60, dt=dt, seed=seed)
    found = en.fit(run, tests=())
    assert all(isinstance(a, en.NotIdentifiable) for a in (found.multiplier, found.hbar, found.chemical_potential))
    return [pull(found.diffusion, d), pull(found.mobility, g)]


def pulls_of_exchange(beta: float, mu_c: float, seed: int) -> list[float]:
    found = en.fit(en.observe_exchange([0.1, 0.5, 0.9, -0.3], beta=beta, mu_c=mu_c, sweeps=20, seed=seed))
    answers = (found.beta, beta), (found.chemical_potential, mu_c), (found.hbar_exchange, abs(mu_c) / (2 * math.pi))
    return [pull(*row) for row in answers]


PLANTED = [
    *[(pulls_of_history, (name,)) for name in HISTORIES],
    *[(pulls_of_steps, row) for row in ((0.2, 0.7, 0.02, 300), (0.05, 1.5, 0.03, 30), (0.02, 0.9, 0.05, 100))],
    *[(pulls_of_exchange, row) for row in ((2.0, 0.35), (5.0, -0.2), (1.0, 0.8))],
]
NAMES = [f"{kind.__name__[9:]} {', '.join(map(str, row))}" for kind, row in PLANTED]


@pytest.mark.parametrize(("kind", "planted"), PLANTED, ids=NAMES)
def test_planted_values_come_back(kind: Callable, planted: tuple) -> None:
    pulls = np.array([kind(*planted, seed) for seed in range(6)])
    assert (np.abs(pulls) < 3).sum(axis=0).min() >= 5, pulls
    assert 0.15 < np.sqrt((pulls**2).mean()) < 1.6


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "planted"), PLANTED, ids=NAMES)
def test_planted_values_come_back_in_95_of_100_seeds_with_errors_that_are_true(kind: Callable, planted: tuple) -> None:
    """Neither too sure nor too careful: what is found scatters about what was planted as its standard errors say."""
    pulls = np.array([kind(*planted, seed) for seed in range(1000, 1100)])
    assert ((np.abs(pulls) <= 3).sum(axis=0) >= 95).all(), pulls
    spread = np.sqrt((pulls**2).mean(axis=0))
    assert (spread < 1.2).all(), spread
    assert (spread > 0.8).all(), spread


ANSWERS = (
    *("diffusion", "mobility", "multiplier", "potential", "hbar_squared", "hbar"),
    *("beta", "chemical_potential", "hbar_exchange"),
)


def test_each_kind_of_data_tells_its_own_and_nothing_else() -> None:
    F = qd.Objective(quartic, gradient_fn=quartic_slope)
    steps = en.observe_sde(F, [1.0, -0.5], diffusion=D, mobility=GAMMA, networks=300, steps=60, dt=0.02, seed=1).steps
    history = with_noise(clean(2.0, D, GAMMA), 2e-3, 4e-4, 1)
    events = en.observe_exchange([0.1, 0.5, 0.9], beta=2.0, mu_c=0.35, seed=1).exchange
    of_steps, of_history, of_events = set(ANSWERS[:2]), set(ANSWERS[2:6]), set(ANSWERS[6:])
    for run, known, told in (
        (en.Run(), {}, set()),
        (en.Run(steps=steps), {}, of_steps),
        (en.Run(history=history), {}, set()),  # D and gamma must come from elsewhere
        (en.Run(history=history), {"diffusion": D}, {"diffusion"}),
        (en.Run(history=history), {"diffusion": D, "mobility": GAMMA}, of_steps | of_history),
        (en.Run(exchange=events), {}, of_events),
        (en.Run(steps=steps, exchange=events), {}, of_steps | of_events),
        (en.Run(steps=steps, history=history, exchange=events), {}, set(ANSWERS)),
    ):
        found = en.fit(run, **known)  # type: ignore[arg-type]
        for name in ANSWERS:
            answer = getattr(found, name)
            if name in told:
                assert isinstance(answer, qd.Estimate), f"{name}: {answer}"
                assert np.isfinite(answer.value).all()
                assert np.isfinite(answer.stderr).all()
            else:
                assert isinstance(answer, en.NotIdentifiable), name
                assert len(answer.reason) > 10
        assert all(isinstance(t, en.NotIdentifiable) for t in found.laws.values())
        assert "nan" not in str(found)
    assert en.fit(en.Run()).verdict == "The data tell nothing of hbar."
    assert "the two values of hbar do not agree" in found.verdict


def test_errors_are_not_so_large_that_they_say_nothing() -> None:
    F = qd.Objective(quartic, gradient_fn=quartic_slope)
    steps = en.observe_sde(F, [1.0, -0.5], diffusion=0.2, mobility=0.7, networks=300, steps=60, dt=0.02, seed=5)
    found = en.fit(steps, tests=())
    assert found.diffusion.stderr < 0.02 * 0.2
    assert found.mobility.stderr < 0.15 * 0.7
    scatter = [float(en.fit(en.observe_exchange([0.1, 0.5, 0.9], beta=2.0, mu_c=0.35, seed=s)).beta) for s in range(40)]
    error = en.fit(en.observe_exchange([0.1, 0.5, 0.9], beta=2.0, mu_c=0.35, seed=99)).beta.stderr
    assert 0.7 < np.std(scatter) / error < 1.4


def test_d_and_gamma_from_the_same_run_feed_the_panel() -> None:
    """Steps and history together: the errors of D and gamma reach mu and hbar."""
    F = qd.Objective(quartic, gradient_fn=quartic_slope)
    steps = en.observe_sde(F, [1.0, -0.5], diffusion=D, mobility=GAMMA, networks=4000, steps=60, dt=0.02, seed=1).steps
    history = en.observe_wave(
        en.Learning(D, GAMMA, 2.0), GRID, well, qd.Gaussian(0.5, 0.6).vector(GRID), times=np.linspace(0.1, 2, 25)
    ).history
    both = en.fit(en.Run(steps=steps, history=history), tests=())
    known = en.fit(en.Run(history=history), diffusion=D, mobility=GAMMA)
    assert hit(both.multiplier, 2.0)
    assert hit(both.hbar, en.Learning(D, GAMMA, 2.0).hbar)
    assert both.multiplier.stderr > 10 * known.multiplier.stderr
    assert both.hbar_squared.value == pytest.approx(en.Learning(D, GAMMA, 2.0).hbar_squared, rel=0.2)


def test_what_histories_cannot_tell() -> None:
    rule = en.Learning(D, GAMMA, 5.236068)
    psi = qd.Gaussian(0.5, 0.6).vector(GRID)
    few = en.observe_wave(rule, GRID, well, psi, times=np.linspace(0.1, 2, 9))
    assert "9 times are too few" in str(en.fit(few, diffusion=D, mobility=GAMMA).multiplier)
    ground = qd.hamiltonian(rule.problem(GRID, well, duration=1.0)).ground_state()[1]
    still = en.observe_wave(
        rule, GRID, well, ground, times=np.linspace(0.1, 2, 25), density_noise=1e-3, phase_noise=1e-4
    )
    found = en.fit(still, diffusion=D, mobility=GAMMA)
    for answer in (found.multiplier, found.potential, found.hbar, found.hbar_squared):
        assert isinstance(answer, en.NotIdentifiable)
        assert "stationary" in answer.reason
    with pytest.raises(TypeError, match="not identifiable"):
        float(found.hbar)
    moving = en.observe_wave(rule, GRID, well, psi, times=np.linspace(0.1, 2, 25))
    assert "must be known first" in str(en.fit(moving).multiplier)
    loud = en.observe_wave(
        rule, GRID, well, psi, times=np.linspace(0.1, 2, 25), density_noise=2.0, phase_noise=1.0, seed=1
    )
    assert isinstance(en.fit(loud, diffusion=D, mobility=GAMMA).multiplier, en.NotIdentifiable)


def test_whether_a_history_obeys_the_functional_at_all() -> None:
    """The wave does. A cloud that spreads by the stochastic equation does not: its F stands still while p moves."""
    good = with_noise(clean(2.0, D, GAMMA), 2e-3, 4e-4, 1)
    found = en.fit(en.Run(history=good), diffusion=D, mobility=GAMMA)
    assert "the history obeys the functional's equation" in found.verdict
    bent = dataclasses.replace(good, free_energy=np.sin(good.free_energy))
    assert "does not obey" in en.fit(en.Run(history=bent), diffusion=D, mobility=GAMMA).verdict
    x, times = GRID.axes[0], np.linspace(0.1, 2, 25)
    spread = [0.2 + 2 * D * t for t in times]
    p = np.array([np.exp(-((x - 0.3) ** 2) / (2 * s)) / math.sqrt(s) for s in spread])
    still = with_noise(en.History(GRID, times, p, np.tile(-0.2 * x**2, (25, 1))), 2e-3, 4e-4, 2)
    found = en.fit(en.Run(history=still), diffusion=D, mobility=GAMMA)
    assert isinstance(found.multiplier, en.NotIdentifiable)
    assert "the free energy is stationary" in found.multiplier.reason
    assert "does not obey the functional's equation" in found.verdict


TIMES = np.linspace(0.1, 2, 25)


def nothing_to_tell() -> dict[str, tuple[en.History, str]]:
    """Histories that hold no multiplier, and the reason."""
    good = clean(2.0, D, GAMMA)
    p, F = good.density, good.free_energy
    rng = np.random.default_rng(0)
    still_p, still_F = np.tile(p[0], (25, 1)), np.tile(F[0], (25, 1))
    drift = np.tile(np.sin(TIMES)[:, None], (1, 128))
    order = rng.permutation(25)
    loud = rng.uniform(0.5, 1, (25, 128)), rng.standard_normal((25, 128))
    cases = {
        "density alone": (p, None, "the free energy was not observed"),
        "free energy alone": (None, F, "the density was not observed"),
        "no free energy": (p, 0 * F, "stationary"),
        "all stands still": (still_p, still_F, "stationary"),
        "stands still in noise": (
            still_p * np.exp(1e-3 * rng.standard_normal(p.shape)),
            still_F + 1e-3 * rng.standard_normal(p.shape),
            "stationary",
        ),
        "noise alone": (*loud, "stationary"),
        "a phase that only drifts": (still_p, drift, "hides the slope"),
        "a drift beside a wave": (p, drift, "does not obey"),
        "a density that stands still": (still_p, F, "does not obey"),
        "backwards": (p[::-1], F[::-1], "does not obey"),
        "out of order": (p[order], F[order], "rougher"),
        "wrapped phase": (p, (F + 0.6) % 1.2 - 0.6, "stationary"),
    }
    return {name: (en.History(GRID, TIMES, a, b), words) for name, (a, b, words) in cases.items()}


def test_a_history_that_holds_no_multiplier_gives_none() -> None:
    for name, (history, words) in nothing_to_tell().items():
        found = en.fit(en.Run(history=history), diffusion=D, mobility=GAMMA)
        for answer in (found.multiplier, found.potential, found.hbar_squared, found.hbar):
            assert isinstance(answer, en.NotIdentifiable), (name, answer)
            assert words in answer.reason, (name, answer)
    good = en.Run(history=clean(2.0, D, GAMMA))
    assert isinstance(en.fit(good, diffusion=D, mobility=GAMMA).hbar, qd.Estimate)
    assert "does not obey" in str(en.fit(good, diffusion=0.0, mobility=GAMMA).hbar)
    backwards = en.Run(history=good.history)
    assert "not positive" in str(en.fit(backwards, diffusion=D, mobility=qd.Estimate(-0.3, 0.01)).hbar)


def test_a_node_is_said_to_be_too_rough() -> None:
    rule = en.Learning(D, GAMMA, 2.0)
    bowl_of = en.Oscillator(math.sqrt(1 / rule.mass), rule.hbar, rule.mass)
    start = bowl_of.level(0, GRID) + bowl_of.level(1, GRID)
    run = en.observe_wave(rule, GRID, lambda w: 0.5 * w[:, 0] ** 2, start, times=TIMES, density_noise=1e-2)
    found = en.fit(run, diffusion=D, mobility=GAMMA)
    assert "rougher than its times and points" in str(found.multiplier)


def test_histories_without_noise_and_round_a_ring() -> None:
    """Truncation is the only error then, and it is told."""
    rule = en.Learning(D, GAMMA, 2.0)
    ring = qd.Grid((0, 2 * np.pi), 6)
    turn = np.exp(2j * ring.axes[0]) * (1 + 0.4 * np.cos(ring.axes[0]))
    around = en.observe_wave(rule, ring, lambda w: 0.3 * np.cos(w[:, 0]), turn, times=np.linspace(0.05, 1, 20))
    flat = en.observe_wave(
        rule, GRID, lambda w: 0 * w[:, 0] + 3.0, qd.Gaussian(0.5, 0.6).vector(GRID), times=TIMES[:15]
    )
    for run in (en.Run(history=clean(2.0, D, GAMMA)), around, flat):
        found = en.fit(run, diffusion=D, mobility=GAMMA)
        assert hit(found.multiplier, 2.0)
        assert hit(found.hbar, rule.hbar)
        assert found.multiplier.stderr < 0.01
    gaps = found.potential.value - 3.0
    assert np.abs(gaps).max() < 1e-3
    assert (np.abs(gaps) < 4 * found.potential.stderr).mean() > 0.9


def test_where_hbar_is_the_largest_the_multiplier_hardly_matters() -> None:
    """``d hbar^2 / d mu = 0`` at ``mu = gamma / 2 D``: an error to first order would be none at all."""
    d, g, mu = D, GAMMA, GAMMA / (2 * D)
    rule = en.Learning(d, g, mu)
    assert rule.hbar == pytest.approx(en.hbar_max(d, g))
    found = [
        en.fit(en.Run(history=with_noise(clean(mu, d, g), 2e-3, 4e-4, seed)), diffusion=d, mobility=g)
        for seed in range(12)
    ]
    assert sum(hit(f.hbar, rule.hbar) for f in found) >= 11
    assert sum(hit(f.multiplier, mu) for f in found) >= 11
    assert max(f.hbar.stderr for f in found) < 0.1 * min(f.multiplier.stderr for f in found)


@pytest.mark.parametrize(
    ("beta", "mu_c", "networks"), [(0.5, 2.0, 50), (2.0, -3.0, 200), (20.0, 0.45, 50), (1.0, 0.2, 20)]
)
def test_a_price_that_events_hardly_tell_has_a_wide_error_or_none(beta: float, mu_c: float, networks: int) -> None:
    """A ratio of two uncertain numbers: what is told at all covers what was planted."""
    told = []
    for seed in range(40):
        run = en.observe_exchange([0.1, 0.5, 0.9], beta=beta, mu_c=mu_c, networks=networks, sweeps=10, seed=seed)
        found = en.fit(run)
        told += [
            abs(float(answer) - planted) / answer.stderr
            for answer, planted in ((found.beta, beta), (found.chemical_potential, mu_c))
            if isinstance(answer, qd.Estimate)
        ]
    assert len(told) < 80  # some say that they do not know
    assert sum(pull > 3 for pull in told) <= 1


def test_few_networks_have_the_errors_of_few() -> None:
    pulls = np.array([pulls_of_steps(0.01, 1.0, 0.05, 12, seed) for seed in range(60)])
    assert (np.abs(pulls) > 3).sum(axis=0).max() <= 1
    assert 0.6 < pulls.std() < 1.1


def test_a_negative_hbar_squared_is_no_number_but_the_bridge() -> None:
    """The right history read with too small a noise strength: mu falls, and hbar^2 with it, below 0 or out of sight."""
    rule = en.Learning(0.1, 1.0, 1.0)
    grid = qd.Grid((-9, 9), 8)
    x = grid.axes[0]
    times = np.linspace(0.1, 0.9, 25)
    ends = [np.exp(-((x + m) ** 2) / (2 * s**2)) for m, s in ((0.8, 0.7), (-0.9, 0.9))]
    path = en.bridge(
        rule, grid, lambda w: 0 * w[:, 0], *ends, duration=1.0, save=times, method=qd.SplitStep(64, order=4)
    )
    F = rule.free_energy(path.phase, path.density)
    found = en.fit(en.Run(history=en.History(grid, path.times, path.density, F)), diffusion=0.1, mobility=1.0)
    assert hit(found.multiplier, 1.0)
    assert found.hbar_squared.value == pytest.approx(-0.6, abs=0.02)
    assert isinstance(found.hbar, en.NotIdentifiable)
    assert "bridge regime" in found.hbar.reason
    assert "negative" in found.verdict


def test_what_steps_and_exchanges_cannot_tell() -> None:
    flat = en.observe_sde(lambda w: 0 * w[:, 0], [0.0], diffusion=0.1, mobility=1.0, networks=50, steps=30)
    assert "no slope" in str(en.fit(flat, tests=()).mobility)
    assert "too few for a standard error" in str(
        en.fit(
            en.observe_sde(quartic, [1.0, 0.0], diffusion=0.1, mobility=1.0, networks=5, steps=30), tests=()
        ).diffusion
    )
    hidden = en.observe_sde(quartic, [0.01, 0.0], diffusion=5.0, mobility=1e-4, networks=50, steps=20, dt=1e-3)
    found = en.fit(hidden, tests=())
    assert "hidden by the noise" in str(found.mobility)
    assert hit(found.diffusion, 5.0)
    one_level = en.observe_exchange([0.4], beta=2.0, mu_c=0.1)
    assert "cannot be told apart" in str(en.fit(one_level).chemical_potential)
    free = en.observe_exchange([0.4, 0.5, 0.3], beta=1e-9, mu_c=0.1, networks=50)
    assert "does not depend on the energy" in str(en.fit(free).chemical_potential)
    none = en.observe_exchange([0.4, -0.4, 0.1], beta=2.0, mu_c=0.0, networks=40, sweeps=10)
    assert "cannot be told from 0" in str(en.fit(none).hbar_exchange)
    events = one_level.exchange
    never = dataclasses.replace(events, accepted=np.zeros_like(events.accepted))
    assert "same outcome" in str(en.fit(en.Run(exchange=never)).beta)
    with pytest.raises(ProblemError, match="`run` must be a Run"):
        en.fit({"steps": None})


def test_the_bound_of_the_chemical_potential_is_part_of_the_verdict() -> None:
    run = en.observe_sde(lambda w: -(w[:, 0] ** 2) / 2, [0.5], diffusion=0.2, mobility=0.5, networks=200, steps=60)
    top = 4 * math.pi * 0.2 / 0.5
    for mu_c, words in (
        (0.3 * top, "holds"),
        (1.6 * top, "no multiplier can match"),
        (top, "cannot be told"),
    ):
        events = en.observe_exchange([mu_c - 0.3, mu_c + 0.4, mu_c], beta=2.0, mu_c=mu_c, sweeps=300, seed=2).exchange
        found = en.fit(dataclasses.replace(run, exchange=events), diffusion=0.2, mobility=0.5, tests=())
        assert words in found.verdict


def bowl(w: np.ndarray) -> np.ndarray:
    return -(w[:, 0] ** 2) / 2


def test_laws_on_the_stochastic_equation() -> None:
    """At equilibrium Gibbs and Fokker-Planck stand; the wave stands or falls with its width, which nothing fixes."""
    F = qd.Objective(bowl, gradient_fn=lambda w: -w)
    run = en.observe_sde(F, [0.3], diffusion=0.2, mobility=0.5, networks=2000, steps=2000, seed=7)
    equal = 0.4 * math.sqrt(2 / 0.5)  # hbar gamma / omega = D / gamma at omega = sqrt(2 gamma)
    for hbar, rejected in ((equal, False), (0.25 * equal, True)):
        mu_c = 2 * math.pi * hbar
        events = en.observe_exchange([mu_c - 0.3, mu_c + 0.4], beta=2.0, mu_c=mu_c, sweeps=300, seed=2).exchange
        found = en.fit(dataclasses.replace(run, exchange=events), diffusion=0.2, mobility=0.5)
        assert not found.laws["gibbs"].rejected
        assert not found.laws["fokker_planck"].rejected
        assert found.laws["stationary_wave"].rejected == rejected
        assert ("stationary-wave law is rejected" in found.verdict) == rejected
    early = en.observe_sde(F, [1.5], diffusion=0.2, mobility=0.5, networks=2000, steps=100, seed=8)
    found = en.fit(early, diffusion=0.2, mobility=0.5)
    assert found.laws["gibbs"].rejected  # not yet in equilibrium
    assert not found.laws["fokker_planck"].rejected
    free = en.fit(run, diffusion=0.2, mobility=0.5, tests=["stationary_wave"])  # no hbar is known: any one may fit
    assert not free.laws["stationary_wave"].rejected
    assert f"at the hbar that fits best, {equal:.2g}"[:-1] in free.verdict
    assert found.laws["stationary_wave"].rejected  # its mean is elsewhere, at every hbar


@pytest.mark.slow
def test_the_shape_tells_a_wave_from_gibbs_where_no_hbar_is_known() -> None:
    """Two weights of different curvature: variances go as 1 / k under Gibbs and as 1 / sqrt(k) in the wave."""

    def valley(w: np.ndarray) -> np.ndarray:
        return -(w[:, 0] ** 2 + 0.6 * w[:, 0] * w[:, 1] + 4 * w[:, 1] ** 2) / 2

    k, axes = np.linalg.eigh(np.array([[1.0, 0.3], [0.3, 4.0]]))
    rng = np.random.default_rng(3)
    F = qd.Objective(valley)
    for variances, law, other in (
        (0.4 / k, "gibbs", "stationary_wave"),
        (0.5 / np.sqrt(k), "stationary_wave", "gibbs"),
    ):
        final = (rng.standard_normal((3000, 2)) * np.sqrt(variances)) @ axes.T
        run = en.Run(final=final, free_energy=F, duration=1.0)
        found = en.fit(run, diffusion=0.2, mobility=0.5, tests=["gibbs", "stationary_wave"])
        assert not found.laws[law].rejected, found.laws[law]
        assert found.laws[other].rejected, found.laws[other]


def test_an_uncertain_parameter_is_no_evidence() -> None:
    grid = qd.Grid((-5, 5), 7)
    samples = np.random.default_rng(0).normal(0, 1.0, (3000, 1))

    def law(factor: float) -> np.ndarray:
        return laws.gibbs_law(bowl, grid, 1.2, factor)

    sure, unsure = law_test("a", samples, law(1.0), grid), law_test("a", samples, law, grid, unsure=0.1)
    assert sure.rejected
    assert not unsure.rejected
    wrong = law_test("a", samples + 0.3, law, grid, unsure=0.1)
    assert wrong.rejected


def test_fokker_planck_in_two_dimensions_against_the_closed_form() -> None:
    grid = qd.Grid([(-4, 4), (-3, 3)], (6, 6))
    x, y = np.meshgrid(*grid.axes, indexing="ij")
    start = np.exp(-((x - 1.0) ** 2) / 0.5 - (y + 0.5) ** 2 / 0.4)

    def F(w: np.ndarray) -> np.ndarray:
        return -0.5 * w[:, 0] ** 2 - w[:, 1] ** 2

    p = en.fokker_planck(F, grid, 0.4, 0.9, start, duration=0.8, steps=100)
    assert p.sum() == pytest.approx(1.0, abs=1e-12)
    for axis, (rate, mean, variance) in enumerate(((0.9, 1.0, 0.25), (1.8, -0.5, 0.2))):
        decay = math.exp(-rate * 0.8)
        u = (x, y)[axis]
        first, second = float((p * u).sum()), float((p * u**2).sum())
        assert first == pytest.approx(mean * decay, abs=3e-3)
        assert second - first**2 == pytest.approx(0.4 / rate + (variance - 0.4 / rate) * decay**2, rel=0.02)
    long = en.fokker_planck(F, grid, 0.4, 0.9, start, duration=40.0, steps=100)
    np.testing.assert_allclose(long, en.gibbs_law(F, grid, 0.4, 0.9), atol=1e-9)


@pytest.fixture(scope="module")
def iris() -> tuple[np.ndarray, np.ndarray]:
    data = qd.objectives.load_data(IRIS, target="species", classes=["versicolor", "virginica"], num_features=2)
    return data.X_train, data.y_train


@pytest.mark.slow
def test_real_neurons_on_iris(iris: tuple[np.ndarray, np.ndarray]) -> None:
    once, again = (en.train_ensemble(*iris, networks=30, steps=50, rate=0.05, seed=1) for _ in range(2))
    np.testing.assert_array_equal(once.final, again.final)
    run = en.train_ensemble(*iris, networks=300, steps=1500, rate=0.05, seed=1)
    assert run.accuracy.mean() > 0.85
    assert np.abs(run.final - run.initial).mean() > 0.1
    found = en.fit(run, tests=("gibbs", "stationary_wave"))
    assert hit(found.mobility, 0.05)  # the step size
    assert hit(found.diffusion, gradient_noise(iris, run))
    assert isinstance(found.laws["gibbs"], en.LawTest)
    for name in ("multiplier", "hbar", "chemical_potential", "hbar_exchange"):
        assert isinstance(getattr(found, name), en.NotIdentifiable)
    assert "at the hbar that fits best" in found.laws["stationary_wave"].verdict


def gradient_noise(iris: tuple[np.ndarray, np.ndarray], run: en.Run) -> float:
    """D from the covariance of the gradients of single rows: ``eta^2 Var / (2 batch)``, averaged over the recorded weights."""
    X, y = iris
    w = run.steps.weights.reshape(-1, X.shape[1])
    miss = 1 / (1 + np.exp(-w @ X.T)) - y
    variance = np.mean([(miss * X[:, k]).var(axis=1).mean() for k in range(X.shape[1])])
    return float(0.05**2 * variance / (2 * 8))


def test_neurons_are_exchanged_with_a_reservoir(iris: tuple[np.ndarray, np.ndarray]) -> None:
    options = {"networks": 250, "steps": 1000, "hidden": 4, "beta": 40.0, "exchange_every": 20, "seed": 3}
    scarce, rich = (en.train_ensemble(*iris, mu_c=mu, **options) for mu in (-0.03, 0.03))
    assert rich.mean_number[0] > scarce.mean_number[0] > 3  # it starts full
    assert scarce.mean_number[-1] < rich.mean_number[-1] - 0.3
    found = en.fit(scarce)
    assert hit(found.beta, 40.0)
    assert hit(found.chemical_potential, -0.03)
    assert hit(found.hbar_exchange, 0.03 / (2 * math.pi))
    assert "4 pi D / gamma" in found.verdict
    assert "beyond a grid" in str(found.laws["gibbs"]) or "not known" in str(found.laws["gibbs"])


def test_the_gradient_of_the_networks_is_that_of_their_loss() -> None:
    from qml_dynamics.learning.ensembles.perceptrons import make_model

    rng = np.random.default_rng(0)
    X, active = rng.standard_normal((9, 2)), np.array([[1.0, 1, 1], [1, 0, 1]])
    two, three = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1]), np.array([0, 2, 1, 0, 1, 2, 0, 1, 2])
    for y, (hidden, mask) in itertools.product((two, three), ((0, None), (3, None), (3, active))):
        model = make_model(X, y, hidden, 0.1)
        q = rng.standard_normal((2, model.num_weights))
        g = model.full_gradient(q, mask)
        live = np.ones_like(q) if mask is None else model._mask(mask)
        for k in range(model.num_weights):
            h = 1e-5 * np.eye(model.num_weights)[k]
            ends = [model.loss(q + s * h, mask) + 0.05 * (((q + s * h) * live) ** 2).sum(axis=1) for s in (1, -1)]
            np.testing.assert_allclose((ends[0] - ends[1]) / 2e-5, g[:, k], atol=1e-8)
        assert np.abs(g).max() > 0.01


def test_wrong_data_are_refused(iris: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = iris
    with pytest.raises(ProblemError, match="`beta` must come with `mu_c`"):
        en.train_ensemble(X, y, networks=2, steps=2, hidden=2, beta=1.0)
    with pytest.raises(ProblemError, match="hidden neurons"):
        en.train_ensemble(X, y, networks=2, steps=2, beta=1.0, mu_c=0.1)


@pytest.mark.slow
def test_real_neurons_are_at_the_gibbs_law_and_at_no_wave_of_their_loss(iris: tuple[np.ndarray, np.ndarray]) -> None:
    """What the page reports of Iris: two weights tell the laws apart by shape, at whatever hbar."""
    found = en.fit(en.train_ensemble(*iris, networks=6000, steps=3000, seed=1))
    assert not found.laws["gibbs"].rejected
    assert not found.laws["fokker_planck"].rejected
    assert found.laws["stationary_wave"].p_value < 1e-4
    assert isinstance(found.hbar, en.NotIdentifiable)
