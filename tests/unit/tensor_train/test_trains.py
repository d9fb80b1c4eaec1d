"""The algebra of tensor trains, the Fourier operator and cross interpolation, against dense vectors."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics import Grid
from qml_dynamics.methods.tensor_train.interpolation import interpolated
from qml_dynamics.methods.tensor_train.kinetic import fourier, multiplier, of_momentum
from qml_dynamics.methods.tensor_train.layout import LAYOUTS, Layout
from qml_dynamics.methods.tensor_train.trains import (
    added,
    applied,
    bonds,
    dense,
    distance,
    drawn,
    evaluated,
    from_dense,
    inner,
    mean,
    norm,
    rounded,
    scaled,
)

SITES = 6


def some(seed: int, sites: int = SITES) -> np.ndarray:
    """A vector without structure."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(1 << sites) + 1j * rng.standard_normal(1 << sites)


def matrix(operator: list[np.ndarray]) -> np.ndarray:
    """All entries of an operator, the first site the highest bit."""
    full = np.ones((1, 1, 1), dtype=complex)
    for core in operator:
        full = np.einsum("oia,adeb->odieb", full, core).reshape(full.shape[0] * 2, full.shape[1] * 2, -1)
    return full[:, :, 0]


def turned(index: int, bits: int) -> int:
    """The number whose bits stand the other way round."""
    return int(format(index, f"0{bits}b")[::-1], 2)


def test_sums_products_and_means() -> None:
    """As of the vectors, conjugated on the left."""
    u, v = some(1), some(2)
    a, b = from_dense(u, 0.0, 64), from_dense(v, 0.0, 64)
    bits = ((np.array([5, 44])[:, None] >> np.arange(SITES - 1, -1, -1)) & 1).astype(np.int8)
    assert np.allclose(dense(added(a, scaled(b, 2j))), u + 2j * v, atol=1e-12)
    assert np.isclose(inner(a, b), np.vdot(u, v))
    assert not np.isclose(inner(a, b), np.vdot(v, u))
    assert np.isclose(norm(a), np.linalg.norm(u))
    assert np.isclose(distance(a, b), np.linalg.norm(u - v))
    assert np.allclose(evaluated(a, bits), u[[5, 44]])
    assert np.isclose(mean(a, b), np.vdot(u, v * u))


def test_a_small_difference_keeps_its_digits() -> None:
    """The distance of two trains is not taken from their overlap, which has only eight digits of it."""
    u = some(1) / np.linalg.norm(some(1))
    shift = 1e-11 * some(2) / np.linalg.norm(some(2))
    apart = distance(from_dense(u, 0.0, 64), from_dense(u + shift, 0.0, 64))
    assert abs(apart - 1e-11) < 1e-14


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_rounding_leaves_out_what_it_says(tolerance: float) -> None:
    """In the orthogonal gauge the discarded singular values are the error; at most the tolerance."""
    x = np.arange(1 << 8) / (1 << 8)
    v = np.exp(-20 * (x - 0.4) ** 2) + 0.1 * np.sin(17 * x) + 1e-2 * np.abs(x - 0.3)
    whole = from_dense(v, 0.0, 64)
    short, lost = rounded(whole, tolerance, 64)
    assert max(bonds(short)) < max(bonds(whole))
    error = np.linalg.norm(dense(short) - v)
    assert 0 < error <= tolerance * np.linalg.norm(v)
    assert abs(lost - error) < 1e-3 * error + 1e-13


@pytest.mark.parametrize("qubits", [1, 2, 5])
def test_the_fourier_operator(qubits: int) -> None:
    """Entry by entry: the highest bit of x and the lowest of k stand first."""
    size = 1 << qubits
    k = np.array([turned(i, qubits) for i in range(size)])
    right = np.exp(-2j * np.pi * np.outer(k, np.arange(size)) / size) / np.sqrt(size)
    assert np.abs(matrix(list(fourier(qubits))) - right).max() < 1e-12


@pytest.mark.parametrize("cutoff", [4, 6])
def test_a_function_of_the_momentum(cutoff: int) -> None:
    """A multiplier without symmetry, sharp at the cutoff, against the FFT."""
    k = np.fft.fftfreq(64, 1 / 64)
    inside = (k >= -(2 ** (cutoff - 1))) & (k < 2 ** (cutoff - 1))
    f = np.where(inside, np.exp(-0.02j * (k - 0.3) ** 2), 0.0)
    right = np.fft.ifft(f[:, None] * np.fft.fft(np.eye(64), axis=0), axis=0)
    found = multiplier(of_momentum(lambda k: np.exp(-0.02j * (k - 0.3) ** 2), 6, cutoff, 1e-13), 6, 1e-13)
    assert np.abs(matrix(found) - right).max() < 1e-11
    assert inside.all() == (cutoff == 6)


def test_an_operator_times_a_train() -> None:
    """Contracted and cut site by site, then rounded: right within the tolerance, and right-canonical."""
    v = some(3)
    start = rounded(from_dense(v, 0.0, 64), 0.0, 64)[0]
    out, lost = applied(list(fourier(SITES)), start, 1e-9, 64)
    k = np.array([turned(i, SITES) for i in range(64)])
    assert np.abs(dense(out) - np.fft.fft(v, norm="ortho")[k]).max() < 1e-8
    assert np.isclose(np.linalg.norm(out[0]), np.linalg.norm(v))
    assert lost < 1e-8 * np.linalg.norm(v)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_layouts(kind: str) -> None:
    """Bits, indices and tables say the same, on axes of different length."""
    layout = Layout(Grid([(0, 1), (0, 1), (0, 2)], (2, 3, 1)), kind)
    index = np.arange(64)
    table = np.arange(64.0).reshape(4, 8, 2)
    assert (layout.index(layout.bits(index)) == index).all()
    assert (layout.table(layout.flat(table)) == table).all()
    assert sorted(layout.sites) == sorted((a, e) for a, n in enumerate((2, 3, 1)) for e in range(n))


def test_orders_differ() -> None:
    """Mirrored: the high bits of both axes are neighbours; sequential: each axis from its highest; interleaved: by rank."""
    grid = Grid([(0, 1), (0, 1)], 2)
    found = {kind: Layout(grid, kind).sites for kind in LAYOUTS}
    assert found["mirrored"] == ((0, 0), (0, 1), (1, 1), (1, 0))
    assert found["sequential"] == ((0, 1), (0, 0), (1, 1), (1, 0))
    assert found["interleaved"] == ((0, 1), (1, 1), (0, 0), (1, 0))


def test_cross_interpolation_of_a_smooth_function() -> None:
    """On 2^40 points from few thousand values, checked at points that it has not seen."""

    def values(bits: np.ndarray) -> np.ndarray:
        x = bits @ 0.5 ** np.arange(1, 41)
        return np.asarray(np.exp(-8 * (x - 0.3) ** 2 + 9j * x))

    rng = np.random.default_rng(3)
    found = interpolated(values, np.zeros((1, 40), np.int8), 1e-11, 64)
    fresh = rng.integers(0, 2, (500, 40)).astype(np.int8)
    assert found.whole
    assert found.evaluations < 40_000
    assert np.abs(evaluated(found.train, fresh) - values(fresh)).max() < 1e-9


def test_high_rank_is_told() -> None:
    """A function without structure does not become a train of small rank, and says so."""
    table = np.random.default_rng(0).standard_normal(1 << 10)
    found = interpolated(lambda bits: table[bits @ (1 << np.arange(10))], np.zeros((1, 10), np.int8), 1e-8, 8)
    assert not found.whole
    assert found.error > 1e-3


def test_samples_by_conditionals() -> None:
    """Frequencies within five standard errors, on an asymmetric law."""
    v = some(5, 3)
    v /= np.linalg.norm(v)
    train = rounded(from_dense(v, 0.0, 8), 0.0, 8)[0]
    bits = drawn(train, 20_000, np.random.default_rng(1))
    seen = np.bincount(bits @ np.array([4, 2, 1]), minlength=8) / 20_000
    law = np.abs(v) ** 2
    assert np.ptp(law) > 0.1
    assert (np.abs(seen - law) < 5 * np.sqrt(law / 20_000)).all()
