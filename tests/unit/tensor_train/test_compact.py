"""Waves beyond tables: expectations, samples, marginals and overlaps against closed forms, and what is absent says so."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics import MethodError, Problem
from qml_dynamics.methods.tensor_train.interpolation import interpolated
from qml_dynamics.methods.tensor_train.layout import Layout
from qml_dynamics.methods.tensor_train.momenta import seeds
from qml_dynamics.methods.tensor_train.state import TrainState
from qml_dynamics.methods.tensor_train.trains import distance, drawn, mean, norm, rounded
from qml_dynamics.model.objectives.base import Objective
from qml_dynamics.results.compact import CompactState, CompactTrajectory

STIFF = np.array([[1.0, 0.35], [0.35, 1.6]])
CENTER, WIDTH, MOMENTUM, DIFFUSION = np.array([1.2, -0.8]), np.array([0.6, 0.75]), np.array([0.3, 0.5]), 0.5
T = 0.3


def bowl(w: np.ndarray) -> np.ndarray:
    """Two coupled weights."""
    return np.asarray(0.5 * np.einsum("mi,ij,mj->m", w, STIFF, w))


def problem(qubits: int, duration: float, clock: str = "real") -> Problem:
    """The bowl on so many qubits an axis."""
    grid = qd.Grid([(-8, 8), (-8, 8)], qubits)
    start = qd.Gaussian(tuple(CENTER), tuple(WIDTH), tuple(MOMENTUM))
    return Problem(grid, bowl, DIFFUSION, clock=clock, initial=start, duration=duration)


def flow(t: float) -> np.ndarray:
    """``exp(t G)`` of Hamilton's equations ``w' = 2 D k, k' = -K w``."""
    from scipy.linalg import expm

    generator = np.block([[np.zeros((2, 2)), 2 * DIFFUSION * np.eye(2)], [-STIFF, np.zeros((2, 2))]])
    return np.asarray(expm(generator * t))


def moved(t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean weights, mean momenta and the covariance of both at time t."""
    m = flow(t)
    z = m @ np.concatenate([CENTER, MOMENTUM])
    return z[:2], z[2:], m @ np.diag([*WIDTH**2, *(0.25 / WIDTH**2)]) @ m.T


def exact_wave(t: float, spacing: float, points: np.ndarray) -> np.ndarray:
    """The wave at time t with its phase (Heller, J. Chem. Phys. 62, 1544, 1975), of unit 2-norm on a grid."""
    start = 1j * np.diag(0.5 / WIDTH**2)
    m = flow(t)
    q_matrix, p_matrix = m[:2, :2] + m[:2, 2:] @ start, m[2:, :2] + m[2:, 2:] @ start
    way = [flow(s) for s in np.linspace(0, t, 300)]
    determinants = np.array([np.linalg.det(f[:2, :2] + f[:2, 2:] @ start) for f in way])
    place, kick, _ = moved(t)
    phase = 0.5 * (kick @ place - MOMENTUM @ CENTER) - 0.5 * np.unwrap(np.angle(determinants))[-1]
    u = points - place
    square = np.einsum("mi,ij,mj->m", u, p_matrix @ np.linalg.inv(q_matrix), u)
    size = np.prod(0.5 / WIDTH**2) ** 0.25 / np.sqrt(np.pi) * spacing / abs(determinants[-1]) ** 0.5
    return np.asarray(size * np.exp(1j * (0.5 * square + u @ kick + phase)))


@cache
def large() -> CompactTrajectory:
    """2 x 12 qubits, two more than tables have."""
    seen = {"x": lambda w: w[:, 0], "xy": lambda w: w[:, 0] * w[:, 1], "p": qd.of_momenta(lambda k: k[:, 1])}
    run = qd.evolve(
        problem(12, T), qd.TensorTrain(3, order=4, tolerance=1e-7), observables=seen, seed=1, progress=False
    )
    assert isinstance(run, CompactTrajectory)
    return run


def test_expectations_against_the_closed_form() -> None:
    """Of weights, of products, of momenta, and both parts of the energy."""
    run, (place, kick, spread) = large(), moved(T)
    means = {
        "x": place[0],
        "xy": place[0] * place[1] + spread[0, 1],
        "p": kick[1],
        "kinetic": kick @ kick + spread[2, 2] + spread[3, 3],
        "objective": float(bowl(place[None])[0]) + 0.5 * float(np.trace(STIFF @ spread[:2, :2])),
    }
    means["energy"] = DIFFUSION * means["kinetic"] + means["objective"]
    assert len({round(float(v), 3) for v in means.values()}) == len(means)
    for name, right in means.items():
        assert abs(run.expectations[name].value[-1] - right) < 3e-4, name
    assert run.log_norm.tolist() == [0.0, 0.0]


def test_samples_and_marginals() -> None:
    """Exact samples within five standard errors; the marginal of either axis, one of which is turned over."""
    state, (place, _, spread) = large().compact[-1], moved(T)
    counts = state.sample(20_000, 3)
    points = qd.Grid([(-8, 8), (-8, 8)], 12).points_at(counts.index)
    mean = counts.count @ points / counts.shots
    assert counts.shots == 20_000
    assert (np.abs(mean - place) < 5 * np.sqrt(np.diag(spread)[:2] / 20_000)).all()
    assert (state.sample(50, 3).index == state.sample(50, 3).index).all()
    for axis in (0, 1):
        law = state.marginal(axis, 6)
        middles = -8 + 0.25 * (np.arange(64) + 0.5)
        assert abs(law.sum() - 1) < 1e-12
        assert abs(law @ middles - place[axis]) < 5e-3


def test_overlaps_and_means() -> None:
    """A wave with itself, with the first one conjugated, and with a function that was not asked for before."""
    first, last = large().compact
    assert isinstance(last, CompactState)
    assert abs(last.overlap(last) - 1) < 1e-12
    assert abs(first.overlap(last) - np.conj(last.overlap(first))) < 1e-12
    assert abs(first.overlap(last)) < 0.99
    assert abs(last.expectation(lambda w: w[:, 1] ** 2) - (moved(T)[2][1, 1] + moved(T)[0][1] ** 2)) < 3e-4


def test_a_small_state_as_a_table() -> None:
    """The amplitudes of the grid, in its order."""
    run = qd.evolve(problem(5, 0.1), qd.TensorTrain(1), progress=False)
    layout = Layout(problem(5, 0.1).domain)  # type: ignore[arg-type]
    table = problem(5, 0.1).initial.vector(problem(5, 0.1).domain)
    found = interpolated(lambda bits: table.reshape(-1)[layout.index(bits)], layout.bits(np.array([500])), 1e-12, 64)
    assert np.abs(TrainState(layout, rounded(found.train, 1e-13, 64)[0], 64).to_dense() - table).max() < 1e-9
    assert run.states is not None
    assert np.abs(run.states[0] - table).max() < 1e-7


def test_what_is_absent_says_so() -> None:
    """In one line; and what would need a table is refused before anything starts."""
    run, method = large(), qd.TensorTrain(4)
    wide = problem(12, T)
    calls = {
        "trajectory": [
            lambda: run.density,
            lambda: run.states,
        ],
        "qubits": [
            lambda: run.compact[0].to_dense(),
            lambda: qd.circuits(wide, method),
        ],
        "shots": [lambda: qd.evolve(wide, method, shots=10)],
        "callback": [lambda: qd.evolve(wide, method, callback=lambda step, view: None)],
        "axis": [lambda: run.compact[0].marginal(2)],
        "other": [lambda: run.compact[0].overlap(TrainState(Layout(qd.Grid((0, 1), 3)), [], 4))],
        "initial": [lambda: qd.evolve(wide.replace(initial=qd.State(np.ones(4))), method)],
    }
    for name, every in calls.items():
        for call in every:
            with pytest.raises(MethodError, match=rf"^Argument `{name}` must [^\n]+\.$"):
                call()
    assert "compact, ranks" in str(run)
    assert qd.cost(wide, method).upper_bound
    assert qd.cost(wide, method).qubits == 24


@pytest.mark.slow
def test_forty_qubits_against_the_closed_form() -> None:
    """Two weights of twenty qubits, T = 2: the wave with its phase within 1e-5, and within the stated error."""
    run = qd.evolve(problem(20, 2.0), qd.TensorTrain(20, order=4), progress=False)
    assert isinstance(run, CompactTrajectory)
    state = run.compact[-1]
    assert isinstance(state, TrainState)
    near = state.layout.bits(state.layout.index(drawn(state.train, 100, np.random.default_rng(0))))
    right = interpolated(lambda bits: exact_wave(2.0, 16 / 2**20, state.layout.points(bits)), near, 1e-11, 256)
    assert abs(norm(right.train) - 1) < 1e-9
    apart = distance(right.train, state.train)
    stated = float(run.diagnostics["error"][-1])
    assert apart < 1e-5
    assert apart <= stated <= 30 * apart


def test_a_mean_is_right_where_the_wave_is_though_the_function_is_huge_at_the_edge():
    """What a mean leaves out is small beside the function where the wave is, at a coarse tolerance too."""

    def cosh(w):
        """10^6 at the edge and about 1 in the wave, of a rank that no polynomial has."""
        return np.cosh(1.8 * w[:, 0]) / (1 + 0.3 * np.sin(3 * w[:, 0]) ** 2)

    grid = qd.Grid((-8, 8), 14)
    layout, points = Layout(grid, "mirrored"), np.arange(grid.size)
    wave = interpolated(
        lambda bits: np.exp(-0.25 * (layout.points(bits)[:, 0] / 0.3) ** 2), layout.bits(points[8000:8400:8]), 1e-13, 64
    )
    train = rounded(wave.train, 1e-14, 64)[0]
    train = [train[0] / norm(train), *train[1:]]
    w = grid.points_at(points)
    law = np.exp(-0.5 * (w[:, 0] / 0.3) ** 2)
    exact = float(law @ cosh(w) / law.sum())
    assert cosh(w).max() > 5e5 * exact
    coarse = TrainState(layout, train, 256, fine=1e-8)
    assert abs(coarse.average(Objective(cosh, "f"), "observables") - exact) < 1e-6
    assert abs(coarse.expectation(cosh) - exact) < 1e-8
    rough = mean(train, interpolated(lambda bits: cosh(layout.points(bits)), seeds(train), 1e-8, 256).train).real
    assert abs(rough - exact) > 1e-6
