"""Every module at the edge of its range: a clear error or the limit, never a number that is not finite."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.base.errors import MethodError, ProblemError, QMLDynamicsError
from qml_dynamics.learning.ensembles import law_tests, panel

GRID = qd.Grid((-6, 6), 5)
X = GRID.axes[0]
PLANE = qd.Grid([(-4, 4), (-4, 4)], 3)
CUBE = qd.Hypercube(3)
RISING = np.exp(-((X - 1) ** 2))
FLAT = np.ones(32)
BRIDGE = en.Learning(0.1, 1.0, 1.0)


def nothing(w: np.ndarray) -> np.ndarray:
    return 0 * w[:, 0]


def bowl(w: np.ndarray) -> np.ndarray:
    return 0.5 * (w**2).sum(axis=1)


DOME = qd.Objective(lambda w: -(w**2).sum(axis=1) / 2)

REFUSED: list[tuple[str, Callable[[], Any], str]] = [
    ("slit width", lambda: en.TwoSlits(0.0, 2.0), "`width` must be a positive number"),
    ("slit distance", lambda: en.TwoSlits(0.4, -2.0), "`distance` must be a positive number"),
    ("slit time", lambda: en.TwoSlits(0.4, 2.0).spread(-1.0), "`t` must be a number that is not negative"),
    ("slit hbar", lambda: en.TwoSlits(0.4, 2.0, hbar=math.nan), "`hbar` must be a positive number"),
    ("oscillator", lambda: en.Oscillator(-1.0), "`omega` must be a positive number"),
    ("level", lambda: en.Oscillator(1.0).level(-1, GRID), "`n` must"),
    ("register not full", lambda: en.number_revival(6, 1.0, 1.0), "one less than a power of two"),
    ("no price", lambda: en.number_revival(7, 0.0, 1.0), "`mu_c` must not be 0"),
    ("no neuron", lambda: en.revival_probability(0, 0.5), "`neurons` must"),
    ("ring radius", lambda: en.ring(4, 0.2, radius=0.0), "`radius` must be a positive number"),
    ("ring flux", lambda: en.ring(4, math.inf), "`flux` must be a number"),
    ("ring mass", lambda: en.ring_levels(3, 0.2, mass=-1.0), "`mass` must be a positive number"),
    ("ring count", lambda: en.ring_levels(0, 0.2), "`count` must"),
    ("mode", lambda: en.plane_wave(qd.Grid((0, 1), 3), 4), "`mode` must"),
    ("walled ring", lambda: en.plane_wave(qd.Grid((0, 1), 3, boundary="walls"), 1), "be periodic with one axis"),
    ("vortex plane", lambda: en.vortex_wave(GRID), "be a Grid with two axes"),
    ("vortex count", lambda: en.vortex_wave(PLANE, [(0, 0)], [1, 2]), "`windings` must be 1 integers"),
    ("vortex winding", lambda: en.vortex_wave(PLANE, [(0, 0)], [0.5]), "`windings` must"),  # type: ignore[list-item]
    ("vortex center", lambda: en.vortex_wave(PLANE, [(0, math.nan)], [1]), "`centers` must be a number"),
    (
        "Gaussian beta",
        lambda: en.GaussianNeurons(lambda q: q[:, :, None], beta=0.0),
        "`beta` must be a positive number",
    ),
    (
        "Gaussian shape",
        lambda: en.GaussianNeurons(lambda q: np.ones((len(q), 2))).free_energy(np.zeros((1, 1))),
        "return shape",
    ),
    (
        "Gaussian of no symmetry",
        lambda: en.GaussianNeurons(lambda q: np.array([[[2.0, 1.0], [0.0, 2.0]]])).free_energy(np.zeros((1, 1))),
        "`precision` must return finite symmetric matrices",
    ),
    (
        "Gaussian NaN",
        lambda: en.GaussianNeurons(lambda q: np.full((1, 2, 2), math.nan)).free_energy(np.zeros((1, 1))),
        "`precision` must return finite symmetric matrices",
    ),
    (
        "Gaussian drive",
        lambda: en.GaussianNeurons(lambda q: np.eye(2)[None], lambda q: np.ones((1, 3))).free_energy(np.zeros((1, 1))),
        r"`drive` must return finite numbers of shape \(m, N\)",
    ),
    (
        "Gaussian singular",
        lambda: en.GaussianNeurons(lambda q: np.ones((1, 2, 2))).free_energy(np.zeros((1, 1))),
        "`precision` must be positive definite everywhere",
    ),
    (
        "binary shape",
        lambda: en.BinaryNeurons(lambda q: np.ones(len(q))).free_energy(np.zeros((1, 1))),
        "return finite numbers of shape",
    ),
    (
        "binary couplings",
        lambda: en.BinaryNeurons(lambda q: q, lambda q: np.ones((1, 2, 2))).free_energy(np.zeros((1, 1))),
        "`couplings` must return shape",
    ),
    (
        "binary NaN",
        lambda: en.BinaryNeurons(lambda q: q * np.nan).free_energy(np.zeros((1, 1))),
        "return finite numbers",
    ),
    ("field domain", lambda: en.GaussianNeurons(lambda q: q[:, :, None]).field(CUBE), "be a Grid"),  # type: ignore[arg-type]
    ("grand beta", lambda: en.GrandCanonical([0.1], 0.0, 0.0), "`beta` must be a positive number"),
    ("grand grid", lambda: en.GrandCanonical(GRID, 1.0, 0.0), "`activation` must"),
    ("grand both", lambda: en.GrandCanonical([0.1], 1.0, 0.0, neurons=3), "be absent"),
    ("grand empty", lambda: en.grand_potential([], 1.0, 0.0), "one number for each N"),
    ("fugacity one", lambda: en.gaussian_number(2.0, math.pi, 0.0), "the number of neurons diverges"),
    ("exchange inside", lambda: en.Exchange([0.1, 0.2], 1.0, 2), "`network` must"),
    (
        "exchange all lost",
        lambda: en.Exchange([0.1, 0.2], 1.0, 1).sample(1.0, 1, [0, 5], shots=10),
        "`occupied` must",
    ),
    *(
        (f"exchange {verb} of {wrong}", partial(start, wrong), words)
        for verb, start in (
            ("problem", lambda occupied: en.Exchange([0.1, 0.2, 0.3], 1.0, 1).problem(1.0, occupied)),
            ("circuit", lambda occupied: en.Exchange([0.1, 0.2, 0.3], 1.0, 1).circuit(1.0, 1, occupied)),
        )
        for wrong, words in (
            ([7], r"`occupied` must be an integer between 0 and 2, but is 7\."),
            ([-1], r"`occupied` must be an integer between 0 and 2, but is -1\."),
            ([0, 0], r"`occupied` must name each neuron once, but is \[0, 0\]\."),
        )
    ),
    ("events coded 1 and 2", lambda: en.ExchangeEvents([0.1, 0.2], [1, -1], [1, 2]), "`accepted` must be 0 or 1"),
    ("events coded 1 and -1", lambda: en.ExchangeEvents([0.1, 0.2], [1, -1], [1, -1]), "`accepted` must be 0 or 1"),
    ("events of none", lambda: en.ExchangeEvents([0.1, 0.2], [1, 0], [1, 0]), "`number_change` must be 1 or -1"),
    ("steps at other times", lambda: en.Steps(*[np.zeros((2, 3, 1))] * 3, times=[0.0]), "`times` must have shape"),
    ("run of one row", lambda: en.Run(final=[0.1, 0.2]), "`final` must have shape"),
    ("run of a text", lambda: en.Run(free_energy="bowl"), "`free_energy` must be an objective"),
    ("conserved", lambda: en.conserved(qd.Counts(np.array([1]), np.array([1])), -1), "`total` must"),
    (
        "bridge ends",
        lambda: en.bridge(BRIDGE, GRID, nothing, RISING[:-1], RISING, duration=1.0),
        "`start` must have shape",
    ),
    ("bridge time", lambda: en.bridge(BRIDGE, GRID, nothing, RISING, RISING, duration=0.0), "`duration` must"),
    ("bridge tol", lambda: en.bridge(BRIDGE, GRID, nothing, RISING, RISING, duration=1.0, tol=0.0), "`tol` must"),
    (
        "bridge on the boundary",
        lambda: en.bridge(en.Learning(0.25, 1.0, 1.0), GRID, nothing, RISING, RISING, duration=1.0),
        "but is in the classical one",
    ),
    (
        "fluid with a node",
        lambda: en.hydrodynamic(np.maximum(X, 0), 0 * X, GRID, nothing, hbar=1.0, duration=1.0, steps=5),
        "`p` must be a positive density",
    ),
    (
        "fluid in a plane",
        lambda: en.hydrodynamic(np.ones((8, 8)), np.zeros((8, 8)), PLANE, nothing, hbar=1, duration=1.0, steps=5),
        "be a Grid with one axis",
    ),
    (
        "fluid hbar",
        lambda: en.hydrodynamic(FLAT, 0 * X, GRID, nothing, hbar=-1.0, duration=1.0, steps=5),
        "`hbar` must be a number that is not negative",
    ),
    ("Gibbs without noise", lambda: en.gibbs_law(bowl, GRID, 0.0, 1.0), "`diffusion` must be a positive number"),
    ("wave without hbar", lambda: en.stationary_wave(bowl, GRID, 0.0, 1.0), "`hbar` must be a positive number"),
    ("flow start", lambda: en.fokker_planck(bowl, GRID, 0.1, 1.0, -FLAT, 1.0), "`start` must be a density"),
    ("flow time", lambda: en.fokker_planck(bowl, GRID, 0.1, 1.0, FLAT, 0.0), "`duration` must"),
    ("steps shape", lambda: en.Steps(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3))), r"\(records, networks, K\)"),
    (
        "history times",
        lambda: en.History(GRID, np.array([1.0, 0.5]), np.ones((2, 32)), np.ones((2, 32))),
        "`times` must ascend",
    ),
    (
        "history NaN",
        lambda: en.History(GRID, np.array([0.0, 0.5]), np.full((2, 32), np.nan), np.ones((2, 32))),
        "`density` must be finite",
    ),
    (
        "history of a cube",
        lambda: en.History(qd.Grid([(0, 1)] * 3, 1), np.array([0.0]), np.ones((1, 8)), np.ones((1, 8))),
        "with one axis or two",
    ),
    (
        "history shape",
        lambda: en.History(PLANE, np.array([0.0]), np.ones((1, 8)), np.ones((1, 64))),
        "`density` must have shape",
    ),
    ("history at NaN", lambda: en.History(PLANE, [math.nan], None, None), "`times` must ascend"),
    (
        "steps NaN",
        lambda: en.Steps(*[np.full((1, 2, 1), math.nan)] * 3),
        "`weights` must be an array of finite numbers",
    ),
    (
        "events NaN",
        lambda: en.ExchangeEvents([math.nan], [1], [True]),
        "`energy_change` must be an array of finite numbers",
    ),  # type: ignore[arg-type]
    (
        "wave of a bridge",
        lambda: en.observe_wave(BRIDGE, GRID, bowl, RISING, times=[0.1, 0.2]),
        "`learning` must be in the quantum regime, but is 'bridge'",
    ),
    (
        "wave at no times",
        lambda: en.observe_wave(en.Learning(0.3, 0.8, 2.0), GRID, bowl, RISING, times=[0.2, 0.1]),
        "`times` must be at least two times, ascending",
    ),
    (
        "sde that flies off",
        lambda: en.observe_sde(
            qd.Objective(bowl, gradient_fn=lambda w: 9 * w),
            [9.0],
            diffusion=0.1,
            mobility=1.0,
            steps=400,
            dt=1.0,
        ),
        "`dt` must be small enough",
    ),
    (
        "sde start",
        lambda: en.observe_sde(bowl, np.ones((2, 1)), diffusion=0.1, mobility=1.0, networks=3),
        "`initial` must",
    ),
    ("exchange energies", lambda: en.observe_exchange([], beta=1.0, mu_c=0.0), "`energies` must be finite numbers"),
    ("events shape", lambda: en.ExchangeEvents(np.ones(3), np.ones(2), np.ones(3, bool)), "`number_change` must"),
    ("sde dt", lambda: en.observe_sde(bowl, [0.0], diffusion=0.1, mobility=1.0, dt=0.0), "`dt` must"),
    ("sde noise", lambda: en.observe_sde(bowl, [0.0], diffusion=-0.1, mobility=1.0), "`diffusion` must"),
    ("exchange beta", lambda: en.observe_exchange([0.1], beta=-1.0, mu_c=0.0), "`beta` must be a positive number"),
    (
        "history noise",
        lambda: en.observe_wave(en.Learning(0.3, 0.8, 2.0), GRID, bowl, RISING, times=[0.1, 0.2], density_noise=-1.0),
        "`density_noise` must",
    ),
    ("fit D", lambda: en.fit(en.Run(), diffusion=math.nan), "`diffusion` must be a number that is not negative"),
    ("fit gamma", lambda: en.fit(en.Run(), mobility=0.0), "`mobility` must be a positive number"),
    ("fit law", lambda: en.fit(en.Run(), tests=["gibs"]), "gibbs"),
    ("phase of nothing", lambda: BRIDGE.phase(0 * X, 0 * X), "`density` must be positive"),
    ("energy of NaN", lambda: BRIDGE.free_energy(0 * X, X * np.nan), "`density` must be positive"),
    ("wave of hbar 0", lambda: en.from_madelung(FLAT, X, 0.0), "`hbar` must be a positive number"),
    ("Madelung of hbar 0", lambda: en.madelung(FLAT, GRID, 0.0), "`hbar` must be a positive number"),
    ("slits of hbar 0", lambda: en.TwoSlits(0.4, 2.0, hbar=0.0), "`hbar` must be a positive number"),
    ("ring of hbar 0", lambda: en.ring(3, 0.1, hbar=0.0), "`hbar` must be a positive number"),
    ("multiplier of hbar 0", lambda: en.multipliers(0.0, 0.3, 0.8), "`hbar` must be a positive number"),
    ("no noise, no bound", lambda: en.hbar_max(0.0, 0.8), "`diffusion` must be a positive number"),
    ("diagram", lambda: en.phase_diagram([0.0, 1.0], [0.1], 1.0), "`multiplier` must not be 0"),
    ("loop", lambda: en.circulation(np.ones(32), GRID, [(0.5,), (1.5,), (2.5,)]), "integer indices"),
    ("link loop", lambda: en.circulation(np.ones((8, 8)), PLANE, [(0, 0), (0, 1)]), "at least 3 points"),
]


@pytest.mark.parametrize(("make", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(QMLDynamicsError, match=words):
        make()


def test_records_are_arrays_of_their_own() -> None:
    """Lists are taken, 0 and 1 are truth values, and what a person does to an array afterwards changes nothing."""
    rng = np.random.default_rng(2)
    given = [rng.normal(size=(2, 60, 1)) for _ in range(3)]
    energy, kept = rng.normal(size=4), given[0].copy()
    steps, events = en.Steps(*given, times=[0.0, 1.0]), en.ExchangeEvents(energy, [1, -1, 1, 1], [0, 1, 1, 0])
    for array in (*given, energy):
        array[:] = 7.0
    assert np.array_equal(steps.weights, kept)
    assert np.abs(events.energy_change).max() < 7
    assert events.accepted.dtype == bool
    final = rng.normal(size=(60, 1))
    found, wanted = (
        en.fit(en.Run(steps, final=cloud, free_energy=free, duration=10.0), diffusion=0.5, mobility=1.0)
        for cloud, free in ((final.tolist(), lambda w: -(w**2).sum(axis=1) / 2), (final, DOME))
    )
    assert str(found) == str(wanted)
    assert "Gibbs" in str(found)


@pytest.mark.parametrize("mu", [1e-200, -1e-200, 5e-324])
def test_a_multiplier_whose_hbar_overflows_is_refused(mu: float) -> None:
    with pytest.raises(ProblemError, match=r"`multiplier` must give an hbar\^2 that is a finite number"):
        en.Learning(0.3, 0.8, mu)
    with pytest.raises(ProblemError, match="finite multiplier"):
        en.multipliers(1e-300, 0.3, 0.8)


@pytest.mark.parametrize("mu", [1e200, -1e200, 1e-100, 1.0, 0.8 / 1.2, -3.0])
def test_every_number_of_a_rule_is_finite_or_refused(mu: float) -> None:
    rule = en.Learning(0.3, 0.8, mu)
    read = {"quantum": ("hbar",), "bridge": ("kappa",), "classical": ("hbar", "kappa")}[rule.regime]
    assert all(math.isfinite(getattr(rule, name)) for name in (*read, "hbar_squared", "mass", "excess"))
    assert (rule.hbar_squared == 0) == (rule.regime == "classical")


@pytest.mark.parametrize("step", [1e-3, 1e-6, 1e-9])
def test_near_the_boundary_the_wave_is_the_classical_flow(step: float) -> None:
    """hbar of 2 sqrt(step) and less: finite problems, and the mean of a packet that follows the classical path."""
    boundary = 1.0 / (4 * 0.25)
    rule = en.Learning(0.25, 1.0, boundary * (1 + step))
    assert rule.hbar == pytest.approx(math.sqrt(step), rel=1e-2)
    problem = rule.problem(GRID, bowl, duration=0.5)
    assert np.isfinite([problem.diffusion.value(0, 1), problem.strength.value(0, 1)]).all()
    if step == 1e-3:  # the last one whose wave length a register of ten qubits holds
        fine = qd.Grid((-4, 4), 10)
        width = math.sqrt(rule.hbar)
        run = qd.evolve(
            rule.problem(fine, bowl, duration=0.5, initial=qd.Gaussian(1.0, width)),
            qd.SplitStep(400),
            observables={"x": lambda w: w[:, 0]},
        )
        omega = math.sqrt(1 / rule.mass)
        assert run.expectations["x"].value[-1] == pytest.approx(math.cos(0.5 * omega), abs=1e-4)


@pytest.mark.parametrize("step", [0.3, 0.1])
def test_below_the_boundary_there_is_the_bridge(step: float) -> None:
    rule = en.Learning(0.25, 1.0, 1 - step)
    ends = np.exp(-((X - 0.5) ** 2) / 3), np.exp(-((X + 0.5) ** 2) / 3)
    found = en.bridge(rule, GRID, nothing, *ends, duration=1.0)
    assert rule.kappa < 0.8
    assert np.isfinite(found.density).all()
    assert np.isfinite(found.phase).all()
    for index, end in ((0, ends[0]), (-1, ends[1])):
        assert found.density[index] @ X == pytest.approx(end @ X / end.sum(), abs=1e-8)
    assert abs(found.density[0] @ X - found.density[-1] @ X) > 0.9


@pytest.mark.parametrize("step", [1e-2, 1e-5, pytest.param(1e-9, marks=pytest.mark.slow)])
def test_at_the_boundary_the_bridge_says_that_it_cannot(step: float) -> None:
    rule = en.Learning(0.25, 1.0, 1 - step)
    assert rule.regime == "bridge"
    assert 0 < rule.kappa < 0.2
    with pytest.raises(MethodError, match=r"`(duration|method|max_iterations)` must"):
        en.bridge(rule, GRID, nothing, RISING, np.exp(-((X + 1) ** 2)), duration=1.0, max_iterations=100)


def test_a_chemical_potential_above_the_bound_is_no_multiplier() -> None:
    for D, gamma in ((0.3, 0.8), (1e-8, 0.05), (4.0, 3.0)):
        top = 4 * math.pi * D / gamma
        for mu_c in (1.000001 * top, -2 * top, 1e6 * top):
            with pytest.raises(ProblemError, match=r"a chemical potential of at most 4 pi D / gamma"):
                en.multipliers(en.hbar_from_chemical_potential(mu_c), D, gamma)
        low, high = en.multipliers(en.hbar_from_chemical_potential(-0.999999 * top), D, gamma)
        assert 0 < low <= gamma / (2 * D) <= high < math.inf


def test_the_classical_fluid_breaks_at_its_caustic_and_says_so() -> None:
    grid = qd.Grid((-6, 6), 7)
    x = grid.axes[0]
    found = en.hydrodynamic(np.exp(-(x**2) / 2) + 1e-30, -(x**2) / 2, grid, nothing, hbar=0.0, duration=2.0, steps=4000)
    assert found.failed_at is not None
    assert 0.5 < found.failed_at < 1.3  # all paths meet at t = m = 1
    assert np.isfinite(found.density).all()
    assert np.isfinite(found.phase).all()


def test_slits_are_what_they_say_at_their_limits() -> None:
    slits = en.TwoSlits(0.5, 2.0)
    assert slits.fringe_spacing(0.0) == math.inf
    assert slits.spread(0.0) == 0.5
    fine = np.linspace(-40, 40, 4001)
    for coherent in (True, False):
        for t in (0.0, 0.7, 3.0):
            total = float(slits.density(fine, t, coherent).sum()) * (fine[1] - fine[0])
            assert total == pytest.approx(1.0, abs=1e-9)


def test_neurons_far_beyond_the_exponentials_are_finite() -> None:
    huge = en.GrandCanonical([900.0, -900.0], 50.0, 0.0)
    assert huge.occupation.tolist() == pytest.approx([0.0, 1.0])
    assert huge.grand_potential == pytest.approx(-900.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for beta in (1e-12, 1.0, 1e300):
            for mu_c in (-1e200, -0.1, 0.0, 0.1, 1e200):
                far = en.GrandCanonical([0.1, 0.5, -3.0], beta, mu_c)
                numbers = [far.mean_number, far.grand_potential, *far.occupation]
                assert np.isfinite(numbers).all(), (beta, mu_c, numbers)
                assert far.grand_potential <= 0
    neurons = en.BinaryNeurons(lambda q: np.full((len(q), 3), -800.0), lambda q: np.zeros((len(q), 3, 3)), beta=9.0)
    assert float(neurons.free_energy(np.zeros((1, 1))).value[0]) == pytest.approx(-2400.0)


def test_a_panel_needs_visible_points() -> None:
    narrow = np.exp(-((X - 0.3) ** 2) / 0.02) + 1e-300
    history = en.History(GRID, np.arange(12.0), np.tile(narrow, (12, 1)), np.zeros((12, 32)))
    assert panel.smooth(history) is None
    found = en.fit(en.Run(history=history), diffusion=0.1, mobility=1.0)
    assert "too few points" in str(found.multiplier)
    assert "too few points" in str(found.hbar)


def test_a_law_that_cannot_be_drawn_is_not_tested() -> None:
    F = qd.Objective(lambda w: -bowl(w))
    cloud = np.random.default_rng(0).normal(size=(60, 2))
    cases = {
        "2 at most": en.Run(final=np.ones((60, 3)), free_energy=F, duration=1.0),
        "too few for a density": en.Run(final=cloud[:20], free_energy=F, duration=1.0),
        "free energy are not known": en.Run(final=cloud, duration=1.0),
    }
    for words, run in cases.items():
        found = en.fit(run, diffusion=0.5, mobility=1.0)
        assert all(words in str(found.laws[name]) for name in ("gibbs", "fokker_planck", "stationary_wave"))
    steep = en.Run(final=cloud, free_energy=qd.Objective(bowl), duration=1.0)  # F rises without end
    found = en.fit(steep, diffusion=0.5, mobility=1.0, tests=["stationary_wave"])
    assert "no minimum near the weights" in str(found.laws["stationary_wave"])
    late = en.Run(final=cloud, free_energy=F, duration=1.0)  # no start is known
    assert "no earlier cloud" in str(en.fit(late, diffusion=0.5, mobility=1.0, tests=["fokker_planck"]).laws)


def test_samples_shared_out_keep_their_means() -> None:
    cloud = np.random.default_rng(1).normal([0.4, -0.7], [0.8, 0.5], (500, 2))
    p = law_tests.deposited(cloud, qd.Grid([(-6, 6), (-4, 4)], 6))
    grid = qd.Grid([(-6, 6), (-4, 4)], 6)
    assert p.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(p.reshape(-1) @ grid.points, cloud.mean(axis=0), atol=1e-12)
    spread = p.reshape(-1) @ (grid.points - cloud.mean(axis=0)) ** 2 - cloud.var(axis=0)
    assert (spread > 0).all()
    assert (spread < 0.25 * np.array(grid.spacing) ** 2).all()
