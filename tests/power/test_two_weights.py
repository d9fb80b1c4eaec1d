"""`compare` has power in two weights: wells that lie behind one another, changes along one axis, a diagonal, and both."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.model.transforms import Transform
from qml_dynamics.validation.comparison import looked_at
from qml_dynamics.validation.draws import setting_of
from qml_dynamics.validation.null_law import Energy, Law, law_of
from qml_dynamics.validation.wells import basins, sides
from tests.power.pairs import Laws, Pair, margin

pytestmark = pytest.mark.filterwarnings("ignore")
SHOTS = 2000
BITS = [(3, 3), pytest.param((5, 5), marks=pytest.mark.slow)]
KINDS = (
    "shift 1",
    "shift 2",
    "shift 1-2",
    "width 1",
    "width 2",
    "width",
    "momentum 1",
    "momentum 2",
    "momentum 1-2",
    "well",
)
SLOW = ("a bump", "two wells later")  # beside those whose wells are seen in two weights only


def bump(
    x: np.ndarray, y: np.ndarray, place: tuple[float, float], size: tuple[float, float], tilt: float = 0.0
) -> np.ndarray:
    """A packet whose axes are turned."""
    a, b = (x - place[0]) / size[0], (y - place[1]) / size[1]
    return np.exp(-(a * a + b * b - 2 * tilt * a * b) / (4 * (1 - tilt * tilt)))


def wave(name: str, x: np.ndarray, y: np.ndarray, kind: str, by: float) -> np.ndarray:
    """One bump, two wells along a diagonal, or four of which the pairs across have the same marginals."""
    word, _, where = kind.partition(" ")
    along = {"": (1, 1), "1": (1, 0), "2": (0, 1), "1-2": (1, -1)}[where]
    s, t = (by * k * (word == "shift") for k in along)
    f, g = (1 + by * k * (word == "width") for k in along)
    turn = np.exp(1j * by * (word == "momentum") * (along[0] * x + along[1] * y))
    more = by * (word == "well")
    if name == "a bump":
        there = bump(x, y, (s - 1, t + 0.6), (1.2 * f, 0.9 * g), 0.5) * np.exp(1j * (0.6 * x - 0.4 * y))
        return turn * there * (1 + more * np.tanh(2 * (x + 1)))
    if name == "two wells":
        left = np.sqrt(0.6 + more) * bump(x, y, (s - 3, t - 1.5), (1.1 * f, 1.0 * g), 0.3) * np.exp(0.3j * x)
        right = np.sqrt((0.4 - more) / 1.1) * bump(x, y, (s + 3, t + 1.8), (1.3 * f, 0.9 * g), -0.2) * np.exp(0.2j * y)
        return turn * (left + right)
    if name == "four wells":
        weights = (0.3 + more, 0.25 + more, 0.25 - more, 0.2 - more)
        places = ((-3.0, -2.4), (3.0, 2.4), (-3.0, 2.4), (3.0, -2.4))
        parts = [np.sqrt(w) * bump(x, y, (s + a, t + b), (f, 0.9 * g)) for w, (a, b) in zip(weights, places)]
        return turn * np.sum(parts, axis=0)
    if kind == "well":
        pair = [np.sqrt(w) * bump(x, y, (k * 1.8, k * 0.8), (1.1, 1.0)) for w, k in ((0.65 + by, 1), (0.35 - by, -1))]
        return pair[0] + pair[1]
    return turn * bump(x, y, (s + 0.8, t - 0.5), (1.1 * f, 1.0 * g))


def loss(w: np.ndarray) -> np.ndarray:
    return 0.03 * (w[:, 0] ** 2 - 3) ** 2 + 0.2 * w[:, 1] ** 2 + 0.15 * w[:, 0] * w[:, 1]


def evolved(name: str, bits: tuple[int, int], kind: str, by: float, shots: int | None = None) -> qd.Trajectory:
    """The run of a wave that was changed at its beginning; a moment after it for those that are given at the end."""
    domain = qd.Grid([(-8.0, 8.0), (-6.0, 6.0)], bits)
    start = wave(name, *domain.points.T, kind, by)
    duration, steps = (1.0, 40) if name.endswith("later") else (1e-9, 1)
    initial = qd.State(start / np.linalg.norm(start))
    problem = qd.Problem(domain, loss, 0.5, clock="real", duration=duration, initial=initial)
    return qd.evolve(problem, qd.SplitStep(steps), shots=shots, seed=1, save=[duration], progress=False)


@cache
def laws(name: str, bits: tuple[int, int], kind: str, by: float) -> Laws:
    run = evolved(name, bits, kind, by)
    assert run.states is not None
    dual = Transform(run.problem.domain).forward(run.states[-1].astype(complex))
    return np.abs(run.states[-1]).reshape(-1) ** 2, np.abs(dual).reshape(-1) ** 2


def critical(name: str, bits: tuple[int, int], kind: str) -> float:
    """The change at which the likelihood-ratio test at 1 % has power 0.95."""
    base, low, high = laws(name, bits, kind, 0.0), 0.0, 2e-3
    while margin(base, laws(name, bits, kind, high), SHOTS) < 0:
        low, high = high, 1.7 * high
    for _ in range(12):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if margin(base, laws(name, bits, kind, middle), SHOTS) < 0 else (low, middle)
    return high


@cache
def known(name: str, bits: tuple[int, int], kind: str) -> Pair:
    looked = looked_at(evolved(name, bits, kind, 0.0, SHOTS), evolved(name, bits, kind, 0.0), 0, 0)
    assert looked is not None
    assert looked.energy is not None
    settings = tuple(setting_of(reading) for reading in looked.readings)
    law: Law = law_of(settings, Energy(*looked.energy), ())
    return Pair(law, settings, [r.order for r in looked.readings])


def seen(name: str, bits: tuple[int, int], kind: str, by: float, runs: int, seed: int) -> int:
    """Of so many runs those that are told apart."""
    pair = known(name, bits, "well" if kind == "well" else "shift 1")  # kinds that start from one reference share it
    return int((pair.p_values(laws(name, bits, kind, by), SHOTS, runs, seed) <= 0.01).sum())


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(
    "name", ["two wells", "four wells", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_what_differs_in_two_weights_is_told_apart(name: str, bits: tuple[int, int]) -> None:
    """At 1.5 times the change at which the likelihood-ratio test at 1 % has power 0.95, and hardly ever where nothing differs."""
    found = {kind: seen(name, bits, kind, 1.5 * critical(name, bits, kind), 400, 7) for kind in KINDS}
    assert min(found.values()) >= 366, (
        found
    )  # of a power of 0.95: three standard deviations less than 380 by chance of the draws
    assert sum(found.values()) >= 380 * len(KINDS), found
    assert (
        seen(name, bits, "shift 1", 0.0, 2000, 9) <= 0.02 * 2000 + 10
    )  # of a rate of 0.01: that of 1,999 simulated runs
    assert (
        seen(name, bits, "width", 0.45 * critical(name, bits, "width"), 400, 8) < 200
    )  # no easier than they are said to be


def test_a_reading_that_nothing_can_move_is_no_look() -> None:
    """The weight of all cells is 1 but for rounding, which is no deviation: of samples of the reference itself few are told apart."""
    assert seen("a bump", (3, 3), "shift 1", 0.0, 400, 3) < 20


def test_wells_behind_one_another_are_told_apart() -> None:
    """Four wells whose marginals have two valleys in all: each has a label of its own, across the seam of a ring too."""
    x, y = np.meshgrid(np.linspace(-4, 4, 32, endpoint=False), np.linspace(-4, 4, 32, endpoint=False), indexing="ij")
    p = sum(
        w * np.exp(-((x - a) ** 2) - (y - b) ** 2) for w, a, b in ((1, -2, -2), (0.9, 2, 2), (0.8, -2, 2), (0.7, 2, -2))
    )
    labels = basins(np.asarray(p), False)
    assert sorted(np.unique(labels)) == [0, 1, 2, 3]
    assert [int(labels[8, 8]), int(labels[24, 24]), int(labels[8, 24]), int(labels[24, 8])] == [0, 1, 2, 3]
    assert len(list(sides(labels))) == 7  # of 2^3 divisions of four, less the one that divides nothing
    moved = np.roll(np.asarray(p), (16, 0), (0, 1))[:, :16]  # both wells now at the ends of the first axis
    ring = np.roll(moved, 8, 0)
    assert basins(ring, True).max() == 1
    split = np.exp(-(np.minimum(x + 4, 4 - x) ** 2) - y**2)
    assert basins(split, True).max() == 0
    assert basins(split, False).max() == 1
