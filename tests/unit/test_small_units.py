"""Verbs give the same answer, and the same error, in any unit of the loss, of the weights and of time.

``H = D k^2 + s zeta`` is the same where the loss is 1e-21 of what it was (joules of a molecule) and the strength 1e21 of it, or the
weights a thousandth and the diffusion a millionth; with all of H times 1e-21 the same happens in 1e21 of the time. Thresholds that
are numbers without a unit show in at least one of these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qml_dynamics as qd
from qml_dynamics import ensembles
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.iterative import iterative_learning
from qml_dynamics.learning.metts.statistics import detailed_balance, effective_size, error_of_chain
from qml_dynamics.methods.energy_bounds import ground_bounds
from qml_dynamics.methods.stationary import is_still
from qml_dynamics.model.fitting import ended_axes
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.objectives.base import Objective
from qml_dynamics.model.objectives.rows import from_rows


class Unit(NamedTuple):
    """What one of the loss, of the weights, and of H are here."""

    loss: float = 1.0
    weight: float = 1.0
    energy: float = 1.0


def bumpy(w: np.ndarray) -> np.ndarray:
    """A loss with two wells, of weights in units of one."""
    return 0.25 * (w[:, 0] ** 2 - 2) ** 2 + 0.3 * w[:, 0] + 0.1 * np.cos(3 * w[:, 0])


def well(
    unit: Unit, clock: str = "imaginary", loss: Callable[[np.ndarray], np.ndarray] = bumpy, **options
) -> qd.Problem:
    """The same problem in other units."""
    u, s, h = unit
    grid = qd.Grid((-4 * s, 4 * s), options.pop("qubits", 5))
    scaled = Objective(lambda w: u * loss(w / s))
    wave = qd.Gaussian(0.5 * s, 0.6 * s)
    return qd.Problem(
        grid, scaled, 0.5 * s**2 * h, h / u, clock=clock, duration=options.pop("duration", 0.5) / h, initial=wave
    )


def exact(unit: Unit) -> list:
    run = qd.evolve(well(unit), qd.Krylov())
    return [
        run.density[-1],
        run.expectations["energy"].value / unit.energy,
        run.expectations["objective"].value / unit.loss,
    ]


def sampled(unit: Unit) -> list:
    energy = qd.evolve(well(unit), qd.SplitStep(10), shots=500, seed=3).expectations["energy"]
    return [energy.value / unit.energy, energy.stderr[-1] / unit.energy]


def mini_batch(unit: Unit) -> list:
    u, s, _ = unit
    slopes = np.array([1.0, 3.0, -2.0, 0.5])
    rows = from_rows(lambda w, i: u * (slopes[i] * w + w**2 / s) / s, 4)
    run = qd.evolve(well(unit, "real", qubits=3).replace(objective=rows), qd.MiniBatch(3, 1, draws=3), seed=1)
    found = run.expectations["objective"]
    return [found.value / u, found.stderr[-1] / u]


def diffusion(unit: Unit) -> list:
    s = unit.weight
    rows = s * (1 + 0.4 * np.random.default_rng(0).standard_normal((60, 1)))
    potential = Objective(lambda w: unit.energy * ((w[:, 0] / s) ** 2 / 2 + 0.3 * np.cos(2 * w[:, 0] / s)))
    time = s**2 / unit.energy
    model = qd.Diffusion(qd.Grid((-6 * s, 6 * s), 6), rows, potential=potential, temperature=unit.energy)
    return [model.score(0.3 * time, [[1.3 * s], [-0.2 * s]]) * s, model.sample(10, seed=1, steps=10) / s]


def iterative(unit: Unit) -> list:
    bowl = well(unit, loss=lambda w: 1 - np.cos(w[:, 0] - 0.3), qubits=4)
    paths = iterative_learning(bowl, unit.weight, 0.5 / unit.energy, 2, long=5.0 / unit.energy)
    names = ("gradient_descent", "newton", "order1", "order2", "order2_long", "equation")
    return [getattr(paths, name) / unit.weight for name in names]


def langevin(unit: Unit) -> list:
    u, s, h = unit
    run = ensembles.observe_sde(
        lambda w: u * np.cos(2 * w[:, 0] / s),
        [0.0],
        diffusion=0.2 * s**2 * h,
        mobility=s**2 * h / u,
        networks=20,
        steps=30,
        dt=0.01 / h,
        seed=1,
    )
    return [run.final / s, run.steps.gradient * s / u]


def chain(unit: Unit) -> list:
    found = qd.metts(well(unit, qubits=4), 0.5 / unit.energy, 120, seed=1)
    loss, balance = found.mean(lambda w: bumpy(w / unit.weight) * unit.loss), found.detailed_balance
    size = found.effective_sample_size
    return [loss.value / unit.loss, loss.stderr / unit.loss, size, balance.value, balance.stderr]


def statistics(unit: Unit) -> list:
    x = 1 + np.random.default_rng(0).standard_normal((100, 4))
    values, weights = unit.loss * x, unit.weight * x[..., None] ** 2
    balance = detailed_balance(weights, values)
    return [effective_size(values), error_of_chain(values) / unit.loss, balance.value, balance.stderr]


def levels(unit: Unit) -> list:
    problem = well(unit, qubits=10)
    h = hamiltonian(problem)
    energies, waves = h.lowest(3)
    still = [is_still(h, wave) for wave in waves] + [is_still(h, waves[0] + 1e-4 * waves[1])]
    bounds = ground_bounds(problem, waves[0] + 0.1 * waves[1], second=0.9 * float(energies[1]))
    return [energies / unit.energy, still, np.array([bounds.lower, bounds.temple, bounds.sigma]) / unit.energy]


def compared(unit: Unit) -> list:
    runs = [qd.evolve(well(unit), method) for method in (qd.Krylov(), qd.SplitStep(60, order=4), qd.SplitStep(5))]
    told = [qd.compare(runs[0], other) for other in runs[1:]]
    return [
        [each.agree for each in told],
        [np.isfinite(each.sigmas) for each in told],
        told[1].energy_gap.value / unit.energy,
    ]


def box(unit: Unit) -> list:
    s = unit.weight
    ring = well(unit, loss=lambda w: np.cos(np.pi * w[:, 0] / 4))  # a period of the first axis, flat along the second
    problem = ring.replace(domain=qd.Grid([(-4 * s, 4 * s)] * 2, 4), initial=qd.Gaussian([0.0, 0.0], s))
    return [ended_axes(problem.domain, hamiltonian(problem))]


def variational(unit: Unit) -> list:
    u = unit.energy
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("angle"), 0)
    start = qd.ansatz.from_circuit(circuit, [0.3])
    runs = []
    for duration in (0.5, 12.0):
        problem = qd.Problem.from_operator(
            {"Z": u, "X": 0.4 * u}, clock="imaginary", duration=duration / u, initial=start.state()
        )
        runs.append(qd.evolve(problem, qd.Variational(start, 20)))
    return [runs[0].expectations["energy"].value / u, ["converged" in run.stop for run in runs]]


def prices(unit: Unit) -> list:
    u = unit.energy
    events = ensembles.observe_exchange(
        u * np.array([-0.9, -0.3, 0.4, 1.0]), beta=2.0 / u, mu_c=0.2 * u, networks=50, sweeps=20, seed=1
    )
    found = ensembles.fit(events, tests=())
    return [
        found.beta.value * u,
        found.beta.stderr * u,
        found.chemical_potential.value / u,
        found.chemical_potential.stderr / u,
    ]


VERBS = [
    exact,
    sampled,
    mini_batch,
    diffusion,
    iterative,
    langevin,
    chain,
    statistics,
    levels,
    compared,
    box,
    prices,
    variational,
]


@functools.cache
def usual(verb: Callable[[Unit], list]) -> list:
    """The answer in units of one, computed once."""
    return verb(Unit())


@pytest.mark.parametrize(
    "unit",
    [Unit(loss=1e-21), Unit(weight=1e-3), Unit(energy=1e-21)],
    ids=["loss", "weight", "time"],
)
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_the_answer_has_the_same_number_of_units(verb: Callable[[Unit], list], unit: Unit) -> None:
    """1e-6 of the largest number of each part: what differences of order six and searches for levels are good for."""
    found, wanted = verb(unit), usual(verb)
    for one, other in zip(found, wanted, strict=True):
        one, other = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
        assert np.isfinite(other).all()
        assert np.any(other != 0)
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6 * float(np.abs(other).max()))


@pytest.mark.parametrize("unit", [1.0, 1e-13, 1e-21])
def test_a_random_loss_is_refused_in_any_unit(unit: float) -> None:
    """It has two values at one point, however small they are; a steady one has not."""
    rng = np.random.default_rng(0)
    grid = qd.Grid((-1, 1), 4)
    with pytest.raises(ProblemError, match="must have one value at a point"):
        Objective(lambda w: unit * rng.random(len(w))).on(grid)
    assert np.ptp(Objective(lambda w: unit * np.sin(3 * w[:, 0])).on(grid)) > unit


def test_gradient_descent_is_that_of_the_loss_times_the_strength() -> None:
    """``w -= D tau^2 s grad zeta``, as iterative learning of order 1; Newton's method does not know a factor."""
    bowl = qd.Problem(qd.Grid((-6, 6), 6), lambda w: w[:, 0] ** 2 / 2, 0.5, 0.4, clock="imaginary", duration=1.0)
    paths = iterative_learning(bowl, 1.0, 1.0, 2)
    np.testing.assert_allclose(paths.gradient_descent.ravel(), [1.0, 0.8, 0.64], atol=1e-9)
    np.testing.assert_allclose(paths.order1, paths.gradient_descent, atol=1e-6)
    np.testing.assert_allclose(paths.newton.ravel(), [1.0, 0.0, 0.0], atol=1e-6)
    assert np.ptp(paths.gradient_descent) > 0.3  # it moved


def test_langevin_steps_without_a_length_are_refused() -> None:
    """A free energy that is rough at every length has no differences; a spacing, or a gradient, says what is meant."""
    rng = np.random.default_rng(3)
    options = {"diffusion": 0.1, "mobility": 0.1, "networks": 5, "steps": 3}
    with pytest.raises(
        ProblemError, match=r"`free_energy` must be smooth, or have a gradient of its own.*but is of a slope"
    ):
        ensembles.observe_sde(lambda w: rng.random(len(w)), [0.3], **options)
    found = ensembles.observe_sde(lambda w: np.cos(w[:, 0]), [0.3], **options, spacing=[0.01])
    given = ensembles.observe_sde(
        Objective(lambda w: np.cos(w[:, 0]), gradient_fn=lambda w: -np.sin(w)), [0.3], **options
    )
    np.testing.assert_allclose(found.final, given.final, atol=1e-9)
    with pytest.raises(ProblemError, match="`spacing` must be 1 positive numbers"):
        ensembles.observe_sde(lambda w: np.cos(w[:, 0]), [0.3], **options, spacing=[0.01, 0.01])


CIRCUITS = {
    "trotter": ("real", qd.Trotter(6)),
    "multi_product": ("real", qd.MultiProduct((2, 3))),
    "growing": ("real", qd.Growing(qd.Trotter(6), schedule=((0.1, 4),), start=3)),
    "exact blocks": ("imaginary", qd.ProbabilisticITE(1.0, 3, block="exact")),
    "schrodingerised": ("imaginary", qd.Schrodingerised(4, 3, tolerance=0.9)),
    "qite": ("imaginary", qd.QITE(4, 2)),
    "variational": ("imaginary", qd.Variational(qd.ansatz.hardware_efficient(1), steps=5)),
    "koopman": ("classical", qd.KoopmanVonNeumann(4)),
}
SCALES = [Unit(weight=1e-9), Unit(energy=1e-18), Unit(loss=1e-18, weight=1e9, energy=1e18)]


@pytest.mark.parametrize(
    ("name", "boundary"),
    [(name, b) for name in CIRCUITS for b in ("periodic", "walls") if (name, b) != ("koopman", "walls")],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_circuits_have_the_same_angles_in_any_unit(name: str, boundary: str) -> None:
    """Amounts of diffusion from 1e-19 to 1e18 beside momenta of 1e18 to 1e-19: their products are what turns."""
    clock, method = CIRCUITS[name]
    found = []
    for unit in (Unit(), *SCALES):
        u, s, h = unit
        if name == "growing":
            method = qd.Growing(qd.Trotter(6), schedule=((0.1 / h, 4),), start=3)
        grid = qd.Grid((-4 * s, 4 * s), 4, boundary)
        p = qd.Problem(
            grid, Objective(lambda w, u=u, s=s: u * bumpy(w / s)), 0.5 * s**2 * h, h / u, clock=clock, duration=0.3 / h,
            initial=qd.Gaussian(0.5 * s, 0.7 * s),
        )  # fmt: skip
        run = qd.evolve(p, method, seed=1, progress=False)
        found.append((run.density[-1], float(run.expectations["energy"].value[-1]) / h))
        start = run.density[0]
    assert np.abs(found[0][0] - start).sum() > 0.01
    for unit, (density, energy) in zip(SCALES, found[1:]):
        np.testing.assert_allclose(density, found[0][0], atol=1e-7, err_msg=str(unit))
        assert energy == pytest.approx(found[0][1], rel=1e-6), unit


@pytest.mark.parametrize(("size", "word"), [(1e-18, "duration"), (1e18, "problem")])
def test_a_flow_whose_turns_have_a_unit_says_so(size: float, word: str) -> None:
    """One of the turns of a double bracket goes round in these units."""
    p = qd.Problem.from_operator({"ZZ": size, "XI": 0.6 * size}, clock="imaginary", duration=0.8 / size, initial="01")
    with pytest.raises(qd.MethodError, match=rf"^Argument `{word}` must [^\n]* DoubleBracket[^\n]*, but [^\n]*\.$"):
        qd.evolve(p, qd.DoubleBracket(2), progress=False)
