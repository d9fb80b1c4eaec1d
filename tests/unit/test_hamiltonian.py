"""Hamiltonians, matrix-free, against dense matrices from explicit sums."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from qiskit.quantum_info import SparsePauliOp

from qml_dynamics.base.errors import MethodError
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.hamiltonians import LearningHamiltonian, PauliHamiltonian, hamiltonian
from qml_dynamics.model.problem import Problem
from qml_dynamics.model.schedules import Geometric, Linear

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def crooked(w: np.ndarray) -> np.ndarray:
    n = w.shape[1]
    ramp = 0.3 + 0.21 * np.arange(n)
    return np.cos(w @ ramp + 0.3) + 0.2 * (w**2) @ ramp[::-1] + 0.1 * w[:, 0] * w[:, -1] ** 2


DOMAINS = [
    Grid((-3, 4), 5),
    Grid([(-3, 4), (-2, 5)], (2, 3), twist=(0.3, -0.7)),
    Grid([(-3, 4), (-2, 5), (0, 2)], (2, 1, 3)),
    Grid([(-3, 4), (-2, 5)], (2, 3), "walls"),
    Hypercube(5),
]


def driven(domain) -> LearningHamiltonian:
    h = hamiltonian(Problem(domain, crooked, Geometric(1.0, 0.1), Linear(0.5, -1.0), clock="real", duration=2.0))
    assert isinstance(h, LearningHamiltonian)
    return h


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
@pytest.mark.parametrize("t", [0.0, 1.3])
def test_apply_matrix_and_expectation_agree_with_the_dense_operator(domain, t, oracle):
    """D(t) (-L) + s(t) zeta at a time that is no end."""
    h = driven(domain)
    d, s = 0.1 ** (t / 2), 0.5 - 1.5 * t / 2
    zeta = crooked(oracle.coordinates(domain))
    wanted = d * oracle.laplacian(domain) + s * np.diag(zeta)
    rng = np.random.default_rng(1)
    psi = rng.standard_normal(domain.shape) + 1j * rng.standard_normal(domain.shape)
    before = psi.copy()
    np.testing.assert_allclose(h.apply(psi, t).reshape(-1), wanted @ psi.reshape(-1), atol=1e-9)
    np.testing.assert_allclose(h.matrix(t), wanted, atol=1e-9)
    flat = psi.reshape(-1)
    mean = (np.vdot(flat, wanted @ flat) / np.vdot(flat, flat)).real
    assert h.expectation(psi, t) == pytest.approx(mean)
    kinetic, objective = h.parts(psi)
    assert objective == pytest.approx((np.abs(flat) ** 2 @ zeta) / np.vdot(flat, flat).real)
    assert d * kinetic + s * objective == pytest.approx(mean)
    np.testing.assert_array_equal(psi, before)
    low, high = h.bounds(t)
    spectrum = np.linalg.eigvalsh(wanted)
    assert low <= spectrum[0] < spectrum[-1] <= high


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_lowest_energies_of_small_domains_are_those_of_the_dense_matrix(domain, oracle):
    """Ascending, with waves that solve the equation; the largest entry is positive."""
    h = driven(domain)
    wanted = 0.1 * oracle.laplacian(domain) - np.diag(crooked(oracle.coordinates(domain)))
    energies, waves = h.lowest(4, 2.0)
    np.testing.assert_allclose(energies, np.linalg.eigvalsh(wanted)[:4], atol=1e-9)
    for energy, wave in zip(energies, waves):
        np.testing.assert_allclose(wanted @ wave.reshape(-1), energy * wave.reshape(-1), atol=1e-8)
        peak = wave.reshape(-1)[np.abs(wave).argmax()]
        assert peak.real > 0
        assert abs(peak.imag) < 1e-12
    energy, wave = h.ground_state(2.0)
    assert energy == energies[0]
    assert wave.shape == domain.shape


def test_gradient_square_comes_from_the_objective(oracle):
    """Not from the grid: exact where the loss is not periodic; two axes add."""
    grid = Grid([(-1, 2), (0, 3)], (3, 4))
    h = hamiltonian(Problem(grid, lambda w: w[:, 0] ** 3 + 2 * w[:, 1], 1.0, clock="real", duration=1.0))
    points = oracle.coordinates(grid)
    np.testing.assert_allclose(h.gradient_square.reshape(-1), 9 * points[:, 0] ** 4 + 4, rtol=1e-8)
    assert h.gradient_square.shape == grid.shape


LARGE = {
    "well": (Grid((-2, 2.3), 11), lambda w: 8 * (w[:, 0] ** 2 - 1) ** 2 + 0.3 * w[:, 0], 0.5),
    "light well": (Grid((-2, 2.3), 10), lambda w: 8 * (w[:, 0] ** 2 - 1) ** 2 + 0.3 * w[:, 0], 1e-3),
    "walls": (Grid((-2, 2.3), 10, "walls"), lambda w: 3 * np.sin(2 * w[:, 0]) + w[:, 0], 0.5),
    "flat": (Grid((-2, 2.3), 10), lambda w: 0 * w[:, 0], 1.0),
    "flux": (Grid((0, 2 * np.pi), 10, twist=0.25), lambda w: 0.1 * np.cos(w[:, 0]), 1.0),
    "plane": (Grid([(-4, 4), (-3, 5)], (5, 5)), lambda w: 0.5 * w[:, 0] ** 2 + 0.8 * w[:, 1] ** 2 + 0.3 * w[:, 0] * w[:, 1], 0.5),
    "cube": (Hypercube(10), lambda w: w @ np.sin(1.0 + np.arange(10)) + 0.4 * w[:, 0] * w[:, 5], 0.3),
    "points": (Hypercube(10), lambda w: w @ np.cos(1.0 + np.arange(10)), 0.0),
    "points of a grid": (Grid((-2, 2.3), 10), lambda w: np.cos(5 * w[:, 0]) + w[:, 0] ** 2, 0.0),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LARGE))
def test_lowest_energies_of_larger_domains_are_those_of_dense_diagonalisation(name):
    """The preconditioned iteration converges in energy and residual, near-degenerate wells and D = 0 included."""
    domain, loss, d = LARGE[name]
    h = hamiltonian(Problem(domain, loss, d, clock="real", duration=1.0))
    energies, waves = h.lowest(3)
    scale = max(1.0, abs(h.bounds()[0]))
    if domain.size <= 1024:
        dense = h.matrix()
        dense = dense.real if np.abs(dense.imag).max() < 1e-9 * scale else dense
        wanted = scipy.linalg.eigh(dense, eigvals_only=True, subset_by_index=[0, 2])
        np.testing.assert_allclose(energies, wanted, atol=1e-8 * scale)
    for energy, wave in zip(energies, waves):
        assert np.linalg.norm(h.apply(wave) - energy * wave) < 1e-6 * scale
        assert np.linalg.norm(wave) == pytest.approx(1.0)
    assert np.all(np.diff(energies) > -1e-9 * scale)


def test_the_double_well_splitting_is_resolved():
    """THEORY 3.8: (x^2 - 1)^2 with D = 0.05 splits by 0.0125122, on a grid that needs the iteration."""
    h = hamiltonian(Problem(Grid((-3, 3), 10), lambda w: (w[:, 0] ** 2 - 1) ** 2, 0.05, clock="real", duration=1.0))
    energies, _ = h.lowest(2)
    assert energies[1] - energies[0] == pytest.approx(0.0125122, abs=1e-7)


def test_general_operators_have_the_same_verbs():
    """apply, expectation, matrix, bounds, lowest, for a chain above the dense limit."""
    chain = [("ZZ", [i, i + 1], -1.0) for i in range(9)] + [("X", [i], -0.9 - 0.1 * i) for i in range(10)]
    operator = SparsePauliOp.from_sparse_list([*chain, ("Y", [3], 0.2)], 10)
    h = hamiltonian(Problem.from_operator(operator, clock="real", duration=1.0))
    assert isinstance(h, PauliHamiltonian)
    spectrum = np.linalg.eigvalsh(operator.to_matrix())
    energies, waves = h.lowest(2)
    np.testing.assert_allclose(energies, spectrum[:2], atol=1e-9)
    assert h.expectation(waves[0]) == pytest.approx(spectrum[0])
    assert h.bounds()[0] <= spectrum[0] < spectrum[-1] <= h.bounds()[1]
    assert h.num_qubits == 10
    assert h.constant


def test_counts_out_of_range_and_sizes_that_cannot_fit_are_refused():
    """Zero states, more states than points, a dense matrix on 20 qubits."""
    h = driven(Grid((-3, 4), 3))
    for count in (0, 9, 1.5):
        with pytest.raises(MethodError, match="`count` must be an integer between 1 and 8"):
            h.lowest(count)
    with pytest.raises(MethodError, match=r"dense matrix on 20 qubits needs [\d.]+ TiB"):
        LearningHamiltonian(Grid((0, 1), 20), np.zeros(1 << 20)).matrix()
