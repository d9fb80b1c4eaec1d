"""Does growth pay? Wells and losses that it was not tuned on, and those where it does not, which it must say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd

LINES: dict[str, dict[str, Any]] = {
    "steep": {"shape": (4, 1, 0.5), "box": 4, "diffusion": 0.2, "duration": 2.0, "center": -1, "width": 0.3},
    "wide": {"shape": (0.25, 2.0, 0.1), "box": 6, "diffusion": 0.5, "duration": 4.0, "center": -1.4, "width": 0.5},
    "kicked": {
        "shape": (1, 1, 0.0),
        "box": 5,
        "diffusion": 0.5,
        "duration": 1.0,
        "center": -1,
        "width": 0.4,
        "kick": 4.0,
    },
    "walls": {
        **{"shape": (2, 1.2, 0.2), "box": 4, "diffusion": 0.3, "duration": 2.0, "center": 1.0, "width": 0.35},
        "boundary": "walls",
    },
}
PLANES = ("camel3", "himmelblau", "mccormick", "levy", "bohachevsky2", "styblinski_tang", "rosenbrock")


def line(
    clock: str,
    shape: tuple[float, float, float],
    box: float,
    diffusion: float,
    duration: float,
    center: float,
    width: float,
    kick: float = 0.0,
    boundary: str = "periodic",
    qubits: int = 9,
) -> qd.Problem:
    a, b, c = shape

    def well(w: np.ndarray) -> np.ndarray:
        return a * (w[:, 0] ** 2 - b) ** 2 + c * w[:, 0]

    grid = qd.Grid((-box, box), qubits, boundary=boundary)
    start = qd.Gaussian(center, width, kick)
    return qd.Problem(grid, well, diffusion, clock=clock, duration=duration, initial=start)


def plane(name: str, clock: str, qubits: int = 7) -> qd.Problem:
    loss = getattr(qd.objectives, name)()
    box = np.array(loss.bounds)
    length, grid = box[:, 1] - box[:, 0], qd.Grid(loss.bounds, qubits)
    values = loss.on(grid)
    strength = 10 / float(np.median(values) - values.min())
    start = qd.Gaussian(tuple(box.mean(axis=1) + 0.1 * length), tuple(0.07 * length))
    diffusion = float(length[0]) ** 2 / 1000
    return qd.Problem(grid, loss, diffusion, strength, clock=clock, duration=1.0, initial=start)


def both(problem: qd.Problem, inner: Any) -> tuple[qd.Trajectory, qd.Trajectory]:
    return qd.evolve(problem, qd.Growing(inner, start=4), seed=1), qd.evolve(problem, inner, seed=1)


def share(run: qd.Trajectory, unit: str = "amplitude_updates") -> float:
    return float(run.diagnostics[unit] / run.diagnostics[f"fixed_{unit}"])


def energy_gap(a: qd.Trajectory, b: qd.Trajectory) -> float:
    return float(abs(a.expectations["energy"].value[-1] - b.expectations["energy"].value[-1]))


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.filterwarnings("ignore")
def test_growing_pays_on_double_wells(name: str, clock: str) -> None:
    grown, fixed = both(line(clock, **LINES[name]), qd.SplitStep(400))
    assert np.abs(fixed.density[-1] - fixed.density[0]).sum() > 0.1
    assert share(grown) < 0.5
    assert grown.diagnostics["pays"]
    assert 1 - qd.compare(grown, fixed).fidelity < 1e-4
    assert energy_gap(grown, fixed) < 1e-4


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("clock", ["real", "imaginary"])
@pytest.mark.filterwarnings("ignore")
def test_growing_pays_on_losses_of_two_weights(name: str, clock: str) -> None:
    grown, fixed = both(plane(name, clock), qd.SplitStep(60))
    assert np.abs(fixed.density[-1] - fixed.density[0]).sum() > 0.2
    assert share(grown) < 0.5
    assert "Growth paid" in grown.stop
    assert 1 - qd.compare(grown, fixed).fidelity < 1e-4
    assert energy_gap(grown, fixed) < 1e-4 * max(1.0, abs(fixed.expectations["energy"].value[-1]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["steep", "walls"])
def test_growing_pays_in_two_qubit_gates(name: str) -> None:
    grown, fixed = both(line("real", **{**LINES[name], "qubits": 8, "duration": 0.5}), qd.Trotter(24))
    assert np.abs(fixed.density[-1] - fixed.density[0]).sum() > 0.1
    assert share(grown, "two_qubit_gates") < 0.5
    assert 1 - qd.compare(grown, fixed).fidelity < 1e-4


@pytest.mark.parametrize("name", ["wide", pytest.param("steep", marks=pytest.mark.slow)])
def test_growing_pays_in_two_qubit_gates_on_seven_qubits(name: str) -> None:
    grown, fixed = both(line("real", **{**LINES[name], "qubits": 7, "duration": 0.5}), qd.Trotter(24))
    assert np.abs(fixed.density[-1] - fixed.density[0]).sum() > 0.1
    assert share(grown, "two_qubit_gates") < 0.5
    assert "Growth paid here: ratio 0.4" in grown.stop
    assert 1 - qd.compare(grown, fixed).fidelity < 1e-4


def neuron(qubits: int) -> qd.Problem:
    """A neuron on two columns of real data: a loss that is no polynomial."""
    data = qd.read_problem(Path(__file__).parents[3] / "circuits" / "iris_neuron").problem
    grid = qd.Grid(data.domain.bounds, qubits)
    return data.replace(domain=grid, duration=2.0, initial=qd.Gaussian((0.5, -0.5), 0.9))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("problem", "most"),
    [
        (neuron(5), 0.4),
        pytest.param(neuron(6), 0.1, marks=pytest.mark.slow),
        pytest.param(plane("himmelblau", "real").replace(duration=0.5), 0.35, marks=pytest.mark.slow),
        pytest.param(plane("camel3", "real").replace(duration=0.5), 0.4, marks=pytest.mark.slow),
    ],
)
def test_growing_pays_in_two_qubit_gates_of_two_weights(problem: qd.Problem, most: float) -> None:
    grown = qd.evolve(problem, qd.Growing(qd.Trotter(8), start=3), seed=1)
    fixed = qd.evolve(problem, qd.SplitStep(8), seed=1)  # the same formula
    assert np.abs(fixed.density[-1] - fixed.density[0]).sum() > 0.1
    assert share(grown, "two_qubit_gates") < most
    assert 1 - qd.compare(grown, fixed).fidelity < 1e-4


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_it_goes_straight_to_the_fine_grid_where_the_loss_asks_for_it(clock: str) -> None:
    """At most a few percent more than the fixed run, and it says so by itself."""
    grown, fixed = both(plane("ackley", clock), qd.SplitStep(60))
    assert grown.diagnostics["growth"][-1] == (0.0, [7, 7])
    assert grown.diagnostics["ratio"] < 1.05
    assert not grown.diagnostics["pays"]
    assert f"ratio {grown.diagnostics['ratio']:.3g}" in grown.stop
    assert 1 - qd.compare(grown, fixed).fidelity < 1e-9


def random_well(seed: int) -> qd.Problem:
    """A tilted double well with barrier, tilt, box, diffusion, packet, kick, boundary and duration drawn at random."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.uniform(0.25, 4), rng.uniform(0.7, 2.5), rng.uniform(-0.8, 0.8)
    center, width = rng.choice([-1, 1]) * np.sqrt(b) + 0.2 * rng.normal(), rng.uniform(0.2, 0.5)
    box = max(rng.uniform(1.5, 3) * np.sqrt(b) + 1, abs(center) + 4.5 * width)
    shape = {"shape": (a, b, c), "box": float(box), "diffusion": float(rng.uniform(0.1, 1))}
    packet = {"center": float(center), "width": float(width), "kick": float(rng.choice([0, rng.uniform(-5, 5)]))}
    boundary = str(rng.choice(["periodic", "walls"]))
    return line("real", duration=float(rng.uniform(0.3, 2.5)), boundary=boundary, qubits=8, **shape, **packet)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_growing_follows_random_wells_whatever_they_are() -> None:
    shares = []
    for seed in range(30):
        problem = random_well(seed)
        for clock, wave in (("real", problem), ("imaginary", problem.replace(clock="imaginary"))):
            grown, fixed = both(wave, qd.SplitStep(300))
            assert 1 - qd.compare(grown, fixed).fidelity < 1e-4, (seed, clock)
            shares.append(share(grown))
            assert shares[-1] < 1.05, (seed, clock)
    assert np.mean(np.array(shares) <= 0.5) > 0.8
    assert np.median(shares) < 0.3


@pytest.mark.filterwarnings("ignore")
def test_a_loss_that_a_coarse_grid_would_alias_is_seen() -> None:
    """The wave of ackley's function stays smooth on a grid that steps over its ripples: momenta alone would not notice."""
    grown, fixed = both(plane("ackley", "real"), qd.SplitStep(60))
    assert 1 - qd.compare(grown, fixed).fidelity < 1e-4
    assert grown.diagnostics["missed"][:, 1].max() > 0.1
    assert grown.diagnostics["criterion"][:, 1].min() < 1e-5
    assert not grown.diagnostics["pays"]
    assert "Growth did not pay here: ratio 1.03" in grown.stop
    assert grown.diagnostics["ratio"] == pytest.approx(share(grown), rel=1e-6)
    assert 1 < share(grown) < 1.05  # it noticed at once


@pytest.mark.filterwarnings("ignore")
def test_where_growth_does_not_pay() -> None:
    rough, narrow = plane("rastrigin", "real"), line("real", **{**LINES["steep"], "width": 0.03, "duration": 0.5})
    for problem, inner in ((rough, qd.SplitStep(60)), (narrow, qd.SplitStep(400))):
        grown, fixed = both(problem, inner)
        assert 0.5 < share(grown) < 1
        assert "Growth hardly paid" in grown.stop
        assert not grown.diagnostics["pays"]
        assert 1 - qd.compare(grown, fixed).fidelity < 1e-4
