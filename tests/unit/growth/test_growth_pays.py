"""Does growth pay? Wells and losses that it was not tuned on, and those where it does not, which it must say."""

from __future__ import annotations

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


@pytest.mark.parametrize("name", ["steep", pytest.param("walls", marks=pytest.mark.slow)])
def test_growing_pays_in_two_qubit_gates(name: str) -> None:
    grown, fixed = both(line("real", **{**LINES[name], "qubits": 8, "duration": 0.5}), qd.Trotter(24))
    assert np.abs(fixed.density[-1] - fixed.density[0]).sum() > 0.1
    assert share(grown, "two_qubit_gates") < 0.5
    assert 1 - qd.compare(grown, fixed).fidelity < 1e-4


@pytest.mark.filterwarnings("ignore")
def test_a_loss_that_a_coarse_grid_would_alias_is_seen() -> None:
    """The wave of ackley's function stays smooth on a grid that steps over its ripples: momenta alone would not notice."""
    grown, fixed = both(plane("ackley", "real"), qd.SplitStep(60))
    assert 1 - qd.compare(grown, fixed).fidelity < 1e-4
    assert grown.diagnostics["missed"][:, 1].max() > 0.1
    assert grown.diagnostics["criterion"][:, 1].min() < 1e-5
    assert not grown.diagnostics["pays"]
    assert "Growth did not pay" in grown.stop
    assert share(grown) > 1


@pytest.mark.filterwarnings("ignore")
def test_where_growth_does_not_pay() -> None:
    rough, narrow = plane("rastrigin", "real"), line("real", **{**LINES["steep"], "width": 0.03, "duration": 0.5})
    for problem, inner in ((rough, qd.SplitStep(60)), (narrow, qd.SplitStep(400))):
        grown, fixed = both(problem, inner)
        assert 0.5 < share(grown) < 1
        assert "Growth hardly paid" in grown.stop
        assert not grown.diagnostics["pays"]
        assert 1 - qd.compare(grown, fixed).fidelity < 1e-4
