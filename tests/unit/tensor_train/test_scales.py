"""Losses with scales finer than the momenta of the wave: their two parts, what is stated of the rest, and a graded solution beside them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.polynomial import legendre

import qml_dynamics as qd
from qml_dynamics.methods.tensor_train.engine import Engine
from qml_dynamics.methods.tensor_train.layout import Layout
from qml_dynamics.methods.tensor_train.runs import stepper
from qml_dynamics.methods.tensor_train.scales import narrow_places, taken_apart
from qml_dynamics.methods.tensor_train.trains import dense, from_dense, rounded

pytestmark = [
    pytest.mark.filterwarnings("ignore::qml_dynamics.EdgeWeightWarning"),
    pytest.mark.filterwarnings("ignore::qml_dynamics.MomentumTailWarning"),
]
BOX, PLACE, WIDTH, DIFFUSION, DURATION = 5.0, 1.1, 2.0**-10, 0.5, 0.25


def rippled(w: np.ndarray) -> np.ndarray:
    """A bowl with a ripple of 128 periods over the axis."""
    return np.asarray(0.5 * w[:, 0] ** 2 + 2.0 * np.cos(2 * np.pi * 128 * w[:, 0] / 16))


def dipped(w: np.ndarray) -> np.ndarray:
    """A bowl of width 1 with a dip of width 2^-10."""
    x = w[:, 0]
    return np.asarray(0.5 * x**2 - np.exp(-((x - PLACE) ** 2) / (2 * WIDTH**2)))


@cache
def line(clock: str, rough: bool = True) -> qd.Problem:
    """One weight, 10 qubits."""
    loss = rippled if rough else lambda w: 0.5 * w[:, 0] ** 2
    start = qd.Gaussian(1.0, 0.7)
    return qd.Problem(qd.Grid((-8, 8), 10), loss, 0.5, clock=clock, initial=start, duration=0.25)


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_the_two_parts_and_what_is_missed(boundary: str) -> None:
    """The smooth part has no momenta beyond half of those kept, both add up, and the norms are those of tables, at most four times."""
    grid = qd.Grid((-8, 8), 9, boundary)
    x, size, cut = np.array(grid.axes[0]), 512, 7
    values = 0.3 * np.sin(2 * np.pi * x / 16) ** 2 + np.exp(-((x - 1.0) ** 2) / 0.005)
    layout = Layout(grid)
    loss = rounded(from_dense(layout.flat(values), 1e-14, 256), 1e-14, 256)[0]
    scales = taken_apart(loss, layout, (cut,), 1e-12, 256)
    smooth = layout.table(dense(scales.smooth)).real
    rest = layout.table(dense(scales.rest)).real
    assert np.allclose(smooth + rest, values, atol=1e-6)
    walls = boundary == "walls"
    ring = np.concatenate([smooth, smooth[::-1]]) if walls else smooth
    k = np.abs(np.fft.fftfreq(len(ring), 1 / len(ring)))
    assert np.abs(np.fft.fft(ring)[k >= 2 ** (cut - 2)]).max() < 1e-9 * len(ring)
    low = np.abs(np.fft.fft(np.concatenate([rest, rest[::-1]]) if walls else rest)[k <= 2 ** (cut - 3)])
    assert low.max() < 1e-6 * len(ring)
    assert np.linalg.norm(rest) > 0.1 * np.linalg.norm(smooth)
    psi = np.exp(-((x - 0.7) ** 2) / 2 + 0.5j * x)
    psi /= np.linalg.norm(psi)
    train = rounded(from_dense(layout.flat(psi), 1e-12, 256), 1e-12, 256)[0]
    (first,), below, second = scales.missed(train, 256, imaginary=False)
    unit = 2 * np.pi / (32 if walls else 16)
    inverse = np.where(k >= 2 ** (cut - 4), 1 / np.maximum(unit * k, 1e-9) ** 2, 0.0)

    def through(symbol: np.ndarray, vector: np.ndarray) -> np.ndarray:
        odd = np.concatenate([vector, -vector[::-1]]) if walls else vector
        return np.fft.ifft(symbol * np.fft.fft(odd))[:size]

    true = np.linalg.norm(through(inverse, rest * psi))
    again = np.linalg.norm(through(k < 2 ** (cut - 1), rest * through(inverse, rest * psi)))
    assert true <= first <= 4 * true
    assert 0.9 * again <= second <= 4 * again
    assert below < 0.05 * np.linalg.norm(rest * psi)


@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_a_ripple_beyond_the_momenta(clock: str) -> None:
    """Few steps suffice, since the smooth part takes them; the statement holds the rest, and the ripple is no small matter."""
    problem = line(clock)
    run = qd.evolve(problem, qd.TensorTrain(tolerance=1e-5), progress=False)
    exact = qd.evolve(problem, qd.SplitStep(3000), progress=False)
    assert run.states is not None
    assert exact.states is not None
    true = float(np.linalg.norm(run.states[-1] - exact.states[-1]))
    stated = float(run.diagnostics["error"][-1])
    assert run.diagnostics["momentum_qubits"][0] < 9
    assert run.diagnostics["steps"] <= 256
    assert 1e-4 < true <= stated <= 30 * true
    assert stated < 0.02
    assert run.diagnostics["error_parts"]["cutoff"] > 0.1 * true


@pytest.mark.slow
def test_the_two_parts_do_not_depend_on_what_was_interpolated_before() -> None:
    """A run that is read back begins with fresh points, and has to find the same bits."""
    loss = lambda w: 0.5 * (w**2).sum(axis=1) + 2.0 * np.cos(2 * np.pi * 128 * w / 16).sum(axis=1)  # noqa: E731
    grid = qd.Grid([(-8, 8)] * 2, 10)
    problem = qd.Problem(grid, loss, 0.5, clock="real", initial=qd.Gaussian((1.0, 0.5), 0.7), duration=0.25)
    engine = stepper(problem, qd.TensorTrain(2, tolerance=1e-4))
    assert isinstance(engine, Engine)
    fresh = engine._apart(engine.begin, 2)
    before = len(engine.seeds)
    engine.potential(0.125)
    assert len(engine.seeds) != before
    again = engine._apart(engine.begin, 2)
    assert fresh is not None
    assert again is not None
    assert all(np.array_equal(a, b) for a, b in zip(fresh.smooth, again.smooth, strict=True))


def test_steps_converge_as_declared_beside_a_ripple() -> None:
    """Halved steps differ by a quarter; with the ripple in the steps they differed by a half."""
    runs = [qd.evolve(line("real"), qd.TensorTrain(n, tolerance=1e-7), progress=False).states for n in (4, 8, 16)]
    a, b, c = (np.asarray(states)[-1] for states in runs if states is not None)
    assert np.linalg.norm(b - c) > 1e-6
    assert 3.5 < np.linalg.norm(a - b) / np.linalg.norm(b - c) < 4.5


def test_a_smooth_loss_is_not_taken_apart() -> None:
    """Nor are narrow places found in it, while a dip of a ten-thousandth of the axis is."""
    engine = stepper(line("real", rough=False), qd.TensorTrain())
    where = narrow_places(engine.loss, engine.layout, engine.begin)  # type: ignore[union-attr]
    assert where.shape == (0, 10)
    fine = qd.Problem(qd.Grid((-8, 8), 20), dipped, 0.5, clock="real", initial=qd.Gaussian(1.0, 0.6), duration=0.1)
    engine = stepper(fine, qd.TensorTrain())
    layout = engine.layout  # type: ignore[union-attr]
    found = layout.points(narrow_places(engine.loss, layout, engine.begin))[:, 0]  # type: ignore[union-attr]
    assert np.abs(found - PLACE).min() < 2 * WIDTH
    assert np.abs(found - PLACE).max() < 16 * 8 / 2**14 + 8 * WIDTH


def lobatto(p: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss-Lobatto nodes, their weights, and the derivative of polynomials through them."""
    c = np.eye(p + 1)[p]
    x = np.concatenate([[-1.0], np.sort(np.real(legendre.legroots(legendre.legder(c)))), [1.0]])
    values = legendre.legval(x, c)
    away = x[:, None] - x + np.eye(p + 1)
    d = values[:, None] / values / away * (1 - np.eye(p + 1))
    d[0, 0], d[p, p] = -p * (p + 1) / 4, p * (p + 1) / 4
    return x, 2 / (p * (p + 1) * values**2), d


def graded(points: np.ndarray, p: int = 16) -> dict[str, np.ndarray]:
    """Waves at some points after the duration on each clock, by spectral elements between walls that are halved towards the dip.

    Elements of an eighth resolve what the dip throws far away, up to momenta of some 300. Source: Maday and Patera, in State-of-the-art
    surveys on computational mechanics, ASME (1989).
    """
    near = WIDTH * 2.0 ** np.arange(-1, 7)
    edges = np.unique(np.concatenate([np.arange(-40, 41) / 8.0, PLACE - near, PLACE + near, [PLACE]]))
    z, weight, d = lobatto(p)
    n = (len(edges) - 1) * p + 1
    mass, stiff, x = np.zeros(n), np.zeros((n, n)), np.zeros(n)
    for e, (a, b) in enumerate(zip(edges[:-1], edges[1:])):
        part, half = slice(e * p, e * p + p + 1), (b - a) / 2
        mass[part] += weight * half
        stiff[part, part] += d.T @ (weight[:, None] * d) / half
        x[part] = (a + b) / 2 + half * z
    m = 1 / np.sqrt(mass)
    levels, modes = np.linalg.eigh(DIFFUSION * m[:, None] * stiff * m + np.diag(dipped(x[:, None])))
    start = modes.T @ (np.exp(-((x - 1.0) ** 2) / (4 * 0.6**2)) / m)
    element = np.clip(np.searchsorted(edges, points, side="right") - 1, 0, len(edges) - 2)
    local = 2 * (points - edges[element]) / (edges[element + 1] - edges[element]) - 1
    lagrange = np.linalg.inv(legendre.legvander(z, p))
    rows = legendre.legvander(local, p) @ lagrange
    out = {}
    for clock, factor in (("real", 1j), ("imaginary", 1.0)):
        whole = (modes @ (np.exp(-factor * (levels - levels[0]) * DURATION) * start)) * m
        wave = (rows * whole[(element * p)[:, None] + np.arange(p + 1)]).sum(axis=1)
        out[clock] = wave / np.linalg.norm(wave) * (np.exp(-1j * levels[0] * DURATION) if clock == "real" else 1.0)
    return out


@pytest.mark.slow
def test_two_scales_a_thousand_apart_beside_a_graded_solution() -> None:
    """A bowl with a dip of 2^-10 of its width, 17 qubits, both clocks: the wave, its statement, and that the dip moves the wave."""
    grid = qd.Grid((-BOX, BOX), 17)
    exact = graded(np.array(grid.axes[0]))
    for clock in ("real", "imaginary"):
        start = qd.Gaussian(1.0, 0.6)
        problem = qd.Problem(grid, dipped, DIFFUSION, clock=clock, initial=start, duration=DURATION)
        bowl = qd.Problem(grid, lambda w: 0.5 * w[:, 0] ** 2, DIFFUSION, clock=clock, initial=start, duration=DURATION)
        run, plain = (qd.evolve(p, qd.TensorTrain(tolerance=1e-7), progress=False) for p in (problem, bowl))
        assert run.states is not None
        assert plain.states is not None
        true = float(np.linalg.norm(run.states[-1] - exact[clock]))
        assert true <= run.diagnostics["error"][-1] <= 30 * true
        assert run.diagnostics["error"][-1] < 2e-4
        assert np.linalg.norm(plain.states[-1] - exact[clock]) > 5 * true
