"""Answers do not depend on the unit of the weights or of the loss: steps of differences and of optimisers are relative."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.learning.annealing.run import _two_spreads
from qml_dynamics.learning.annealing.spectrum import Spectrum
from qml_dynamics.learning.descent.noisy import NOISY, Rows
from qml_dynamics.learning.ensembles import law_tests
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.objectives.base import Objective
from qml_dynamics.model.potentials import laplacian
from qml_dynamics.model.taylor_polynomials import expansion

UNITS = [1e-6, 1.0, 1e6]


def bumpy(w: np.ndarray) -> np.ndarray:
    """A loss of two weights that varies over lengths of about 1."""
    return np.sin(w[:, 0]) * np.cos(0.7 * w[:, 1]) + 0.2 * w[:, 0] ** 2 + 0.1 * w[:, 0] * w[:, 1]


def in_units(unit: float, size: float = 1.0) -> Objective:
    return Objective(lambda w: size * bumpy(w / unit), bounds=((-4 * unit, 4 * unit), (-4 * unit, 4 * unit)))


@pytest.mark.parametrize("size", [1e-6, 1e6])
@pytest.mark.parametrize("unit", UNITS)
def test_taylor_polynomials(unit: float, size: float) -> None:
    """Slope and curvature at a point, in the loss's own units."""
    grid = qd.Grid([(-4 * unit, 4 * unit)] * 2, 5)
    problem = qd.Problem(grid, in_units(unit, size), 0.5, clock="imaginary", duration=1.0)
    _, (value, slope, curved) = expansion(problem, [0.3 * unit, -0.4 * unit], 2)
    x, y = 0.3, -0.4
    assert value / size == pytest.approx(float(bumpy(np.array([[x, y]]))[0]))
    wanted = [np.cos(x) * np.cos(0.7 * y) + 0.4 * x + 0.1 * y, -0.7 * np.sin(x) * np.sin(0.7 * y) + 0.1 * x]
    np.testing.assert_allclose(slope * unit / size, wanted, atol=1e-7)
    mixed = -0.7 * np.cos(x) * np.sin(0.7 * y) + 0.1
    both = [[-np.sin(x) * np.cos(0.7 * y) + 0.4, mixed], [mixed, -0.49 * np.sin(x) * np.cos(0.7 * y)]]
    np.testing.assert_allclose(curved * unit**2 / size, both, atol=1e-6)


@pytest.mark.parametrize("told", ["grid", "bounds"])
@pytest.mark.parametrize("unit", UNITS)
def test_the_witten_potential(unit: float, told: str) -> None:
    """``|grad V|^2 / 4T - Lap V / 2``, by the spacing of a grid or by bounds."""
    grid = qd.Grid([(-4 * unit, 4 * unit)] * 2, 5)
    loss, points = in_units(unit), unit * np.array([[0.3, -0.4], [1.1, 0.2], [0.0, 0.0]])
    made = qd.potential(loss, "witten", 0.5, grid if told == "grid" else None)
    x, y = (points / unit).T
    square = (np.cos(x) * np.cos(0.7 * y) + 0.4 * x + 0.1 * y) ** 2 + (
        -0.7 * np.sin(x) * np.sin(0.7 * y) + 0.1 * x
    ) ** 2
    lap = -1.49 * np.sin(x) * np.cos(0.7 * y) + 0.4
    np.testing.assert_allclose(made(points) * unit**2, square / 2 - lap / 2, atol=1e-5)
    np.testing.assert_allclose(laplacian(loss, points, [0.02 * unit] * 2) * unit**2, lap, atol=1e-6)
    assert np.abs(square).max() > 0.1
    assert np.abs(lap).max() > 0.1


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_the_minimum_next_to_samples(unit: float, size: float) -> None:
    well = law_tests.minimum(
        Objective(lambda w: size * (np.cosh((w[:, 0] / unit - 0.7) * 1.5) + 3 * (w[:, 1] / unit + 0.2) ** 2)),
        unit * np.array([0.4, 0.1]),
        unit * np.array([0.5, 0.3]),
    )
    assert well is not None
    np.testing.assert_allclose(well.center / unit, [0.7, -0.2], atol=1e-5)
    np.testing.assert_allclose(np.sort(well.curvatures) * unit**2 / size, [2.25, 6.0], rtol=1e-4)


@pytest.mark.parametrize("size", [1e-14, 1.0, 1e12])
def test_where_annealing_places_its_stages(size: float) -> None:
    """The spread of the loss is never below its own rounding, and an offset does not hide it."""
    grid = qd.Grid((-4, 4), 5)
    ratios = []
    for offset, scale in ((0.0, 1.0), (3e5, 1.0), (0.0, size)):
        problem = qd.Problem(
            grid, lambda w, o=offset, c=scale: c * (w[:, 0] ** 2 + o), 0.5, clock="imaginary", duration=1.0
        )
        h = hamiltonian(problem)
        wave = qd.Gaussian(0.5, 0.7).vector(grid)
        ratios.append(_two_spreads(Spectrum(h), wave, 1.0) * scale)  # type: ignore[arg-type]
    assert ratios[1] == pytest.approx(ratios[0], rel=1e-6)
    assert ratios[2] == pytest.approx(ratios[0], rel=1e-9)


@pytest.mark.parametrize("name", NOISY)
def test_optimisers_of_mini_batches(name: str) -> None:
    """The same answer, in other units."""
    rng = np.random.default_rng(3)
    data, labels = rng.normal(size=(30, 2)), rng.integers(0, 2, 30)
    found = []
    for unit in (1e-4, 1.0, 1e4):
        loss = qd.objectives.neuron(data / unit, labels, bias=False)
        grid = qd.Grid([(-4 * unit, 4 * unit)] * 2, 4)
        setting = qd.descent.Setting(loss, loss, grid, lambda w: 0.5)
        rows = Rows(setting, 5, np.random.default_rng(1), limit=3000)
        found.append(NOISY[name](setting, rows) / unit)
    assert np.abs(found[1]).max() > 0.05
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
    np.testing.assert_allclose(found[2], found[1], atol=1e-4)
