"""Transforms against explicit kernels: signs, order, unitarity, all axes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.transforms import Transform, walsh_coefficients, walsh_hadamard

DOMAINS = [
    Grid((-2, 3), 4),
    Grid([(-2, 3), (0, 1), (2, 9)], (2, 1, 3)),
    Grid((-2, 3), 1, "walls"),
    Grid([(-2, 3), (0, 1)], (3, 2), "walls"),
    Hypercube(5),
]


def kernel(domain, axis: int) -> np.ndarray:
    """Rows: dual index; columns: weight index."""
    n = domain.shape[axis]
    j = np.arange(n)
    if isinstance(domain, Hypercube):
        return np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    if domain.boundary == "walls":
        m = np.arange(1, n + 1)[:, None]
        scale = np.where(m == n, np.sqrt(1 / n), np.sqrt(2 / n))
        return scale * np.sin(np.pi * m * (j + 0.5) / n)
    k = domain.momenta[axis][:, None]
    return np.exp(-1j * k * (j * domain.spacing[axis])) / np.sqrt(n)


def wave(domain, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(domain.shape) + 1j * rng.standard_normal(domain.shape)


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_forward_is_the_product_of_the_kernels(domain):
    """One kernel an axis, applied to its own axis; inverse undoes it; the 2-norm is kept."""
    psi = wave(domain)
    wanted = psi
    for axis in range(domain.ndim):
        wanted = np.moveaxis(np.tensordot(kernel(domain, axis), wanted, axes=(1, axis)), 0, axis)
    found = Transform(domain).forward(psi.copy())
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(psi))
    assert np.abs(found - psi).max() > 0.1
    np.testing.assert_allclose(Transform(domain).inverse(found.copy()), psi, atol=1e-12)


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_dual_diagonal_stands_in_the_order_of_the_transform(domain, oracle):
    """F^-1 diag(k) F is the dense Laplacian."""
    psi, t = wave(domain), Transform(domain)
    found = t.inverse(t.forward(psi.copy()) * domain.dual)
    np.testing.assert_allclose(found.reshape(-1), oracle.laplacian(domain) @ psi.reshape(-1), atol=1e-9)
    assert np.abs(found).max() > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_precision_is_kept(dtype):
    """Single stays single."""
    psi = wave(Hypercube(7)).real.astype(dtype)
    before = psi.copy()
    assert walsh_hadamard(psi).dtype == dtype
    np.testing.assert_array_equal(psi, before)
    single = Transform(Grid((0, 1), 4)).forward(wave(Grid((0, 1), 4)).astype(np.complex64))
    assert single.dtype == np.complex64


@given(st.integers(1, 9), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_walsh_hadamard_is_its_own_inverse_and_symmetric(n, seed):
    """On any number of bits, more than one block of five included."""
    a, b = np.random.default_rng(seed).standard_normal((2, 1 << n))
    np.testing.assert_allclose(walsh_hadamard(walsh_hadamard(a)), a, atol=1e-12)
    assert np.dot(walsh_hadamard(a), b) == pytest.approx(np.dot(a, walsh_hadamard(b)), abs=1e-10)
    np.testing.assert_allclose(walsh_coefficients(walsh_coefficients(a) * a.size), a, atol=1e-12)


def test_walsh_coefficients_of_one_parity():
    """f = (-1)^(m . x) has the one coefficient m."""
    index = np.arange(64)
    for m in (0, 1, 6, 37, 63):
        values = (-1.0) ** np.bitwise_count(index & m)
        np.testing.assert_allclose(walsh_coefficients(values), index == m, atol=1e-15)
        assert walsh_coefficients(values).shape == (64,)


def test_threads_by_size_and_on_request():
    """One below 2^18 points, two from there, or what is asked for; the result is the same."""
    small, large = Grid((0, 1), 10), Grid([(0, 1)] * 2, 9)
    assert Transform(small).threads == 1
    assert Transform(large).threads == 2
    assert Transform(small, workers=3).threads == 3
    psi = wave(large)
    np.testing.assert_allclose(
        Transform(large, 1).forward(psi.copy()), Transform(large, 2).forward(psi.copy()), atol=1e-12
    )
