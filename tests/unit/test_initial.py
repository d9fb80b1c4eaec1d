"""Initial waves: moments, momenta with their sign, nearest points, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.initial import Gaussian, Initial, PointMass, State, Uniform
from qml_dynamics.model.transforms import Transform

PLANE = Grid([(-6, 7), (-3, 5)], (6, 5))


@pytest.mark.parametrize("domain", [PLANE, Grid((-1, 2), 4, "walls"), Hypercube(4)], ids=repr)
def test_uniform_has_equal_amplitudes(domain):
    """Positive, unit norm, complex, of the domain's shape."""
    psi = Uniform().vector(domain)
    assert psi.shape == domain.shape
    assert psi.dtype == complex
    np.testing.assert_allclose(psi, domain.size**-0.5)


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_gaussian_moments_are_its_arguments(boundary):
    """Mean, standard deviation of |psi|^2, and mean wave vector, different on each axis, signs included."""
    grid = Grid(PLANE.bounds, PLANE.qubits, boundary)
    center, width, momentum = (0.8, -0.3), (0.9, 0.45), (1.1, -1.7)
    psi = Gaussian(center, width, momentum).vector(grid)
    assert np.linalg.norm(psi) == pytest.approx(1.0)
    density, points = np.abs(psi.reshape(-1)) ** 2, grid.points
    mean = density @ points
    np.testing.assert_allclose(mean, center, atol=1e-8)
    np.testing.assert_allclose(np.sqrt(density @ (points - mean) ** 2), width, atol=1e-6)
    current = [np.angle(np.vdot(np.roll(psi, 1, axis), psi)) / h for axis, h in enumerate(grid.spacing)]
    np.testing.assert_allclose(current, momentum, atol=1e-6)


def test_gaussian_with_positive_momentum_sits_at_positive_wave_numbers():
    """The transform's sign and the wave's sign agree."""
    grid = Grid((-6, 7), 6)
    dual = np.abs(Transform(grid).forward(Gaussian(0.8, 0.9, 2.0).vector(grid))) ** 2
    assert dual @ grid.momenta[0] == pytest.approx(2.0, abs=1e-6)


def test_one_number_serves_all_axes():
    """And lists serve one each."""
    np.testing.assert_array_equal(
        Gaussian(0.5, 0.4, 1.0).vector(PLANE), Gaussian([0.5, 0.5], (0.4, 0.4), np.ones(2)).vector(PLANE)
    )
    assert np.ptp(np.abs(Gaussian(0.5, 0.4, 1.0).vector(PLANE))) > 0.01


def test_very_narrow_and_very_far_gaussians_stay_finite():
    """A width far below the spacing is the nearest point, not zero over zero."""
    psi = Gaussian(0.3, 1e-8).vector(Grid((-1, 1), 4))
    assert np.abs(psi).max() == pytest.approx(1.0)
    assert Grid((-1, 1), 4).axes[0][np.abs(psi).argmax()] == 0.25


def test_point_mass_takes_the_nearest_point_axis_by_axis():
    """Unequal axes, half-shifted with walls, binary values."""
    psi = PointMass((1.05, -2.6)).vector(PLANE)
    where = np.unravel_index(int(np.abs(psi).argmax()), psi.shape)
    assert [axis[i] for axis, i in zip(PLANE.axes, where)] == pytest.approx([-6 + 35 * 13 / 64, -2.5])
    assert np.count_nonzero(psi) == 1
    walls = Grid((0, 4), 2, "walls")
    assert PointMass(3.9).index(walls) == (3,)
    assert PointMass((1, -1, 1)).index(Hypercube(3)) == (1, 0, 1)


def test_state_is_normalised_copied_and_frozen():
    """The caller's array is neither changed nor kept."""
    given = np.array([[3.0, 0.0], [0.0, 4.0j]])
    state = State(given)
    grid = Grid([(0, 1), (0, 1)], 1)
    np.testing.assert_allclose(state.vector(grid), given / 5)
    given[0, 0] = 99
    out = state.vector(grid)
    out[0, 0] = 7
    np.testing.assert_allclose(state.vector(grid)[0, 0], 0.6)
    np.testing.assert_allclose(State([1, 2, 3, 4]).vector(grid), np.array([[1, 2], [3, 4]]) / np.sqrt(30))
    assert np.linalg.norm(state.vector(grid)) == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("shape", [(3,), (4, 2), (2, 8), (4, 4, 1), (15,)])
def test_states_of_the_wrong_shape_are_refused(shape):
    """With both shapes in the message; the right shape and the flat vector are welcome."""
    square = Grid([(0, 1), (0, 1)], 2)
    with pytest.raises(ProblemError, match=r"`amplitudes` must have shape \(4, 4\) or \(16,\), but is of shape"):
        State(np.ones(shape)).vector(square)
    assert State(np.ones(16)).vector(square).shape == (4, 4)


@pytest.mark.parametrize("amplitudes", [np.zeros(4), [np.nan, 1], [np.inf, 1], "ab", None, [[1, 2], [3]], [{}, 1]])
def test_bad_amplitudes_are_named(amplitudes):
    """Zero, not finite, not numbers, ragged."""
    with pytest.raises(ProblemError, match=r"^Argument `amplitudes` must be "):
        State(amplitudes)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Gaussian(0.0, 0.0), "width"),
        (lambda: Gaussian(0.0, [1.0, -1.0]), "width"),
        (lambda: Gaussian(np.nan, 1.0), "center"),
        (lambda: Gaussian("0", 1.0), "center"),
        (lambda: Gaussian([1, [2]], 1.0), "center"),
        (lambda: Gaussian([], 1.0), "center"),
        (lambda: Gaussian(0.0, 1.0, 1j), "momentum"),
        (lambda: PointMass(None), "point"),
        (lambda: PointMass([[1, 2]]), "point"),
        (lambda: Gaussian([0, 0, 0], 1.0).vector(PLANE), "center"),
        (lambda: Gaussian(0.0, [1, 1, 1]).vector(PLANE), "width"),
        (lambda: Gaussian((0, 6), 1.0).vector(PLANE), "center"),
        (lambda: PointMass((0, 6)).vector(PLANE), "point"),
        (lambda: PointMass((0, 1, 2)).vector(PLANE), "point"),
        (lambda: Gaussian(0.0, 1.0).vector(Hypercube(3)), "initial"),
    ],
)
def test_bad_waves_are_named(make, name):
    """Outside the box, of the wrong length, of the wrong sign, on the wrong domain."""
    with pytest.raises(ProblemError, match=f"^Argument `{name}` must "):
        make()


@pytest.mark.parametrize("initial", [Uniform(), Gaussian(0.5, 0.1), PointMass(0.5)])
def test_waves_that_cannot_fit_are_refused_before_they_are_made(initial):
    """Three axes of 20 qubits."""
    with pytest.raises(MethodError, match=r"60 qubits needs 16384\.0 PiB of memory, but .+ are available"):
        initial.vector(Grid([(0, 1)] * 3, 20))


def test_protocol():
    """Anything with `vector(domain)` is an initial wave."""
    assert all(isinstance(wave, Initial) for wave in (Uniform(), Gaussian(0, 1), PointMass(0), State([1, 2])))
    assert not isinstance(np.ones(3), Initial)
