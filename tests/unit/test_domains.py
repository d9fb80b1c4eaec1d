"""Grids and hypercubes: points, order of axes, momenta, and what they refuse."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.model.domains import Grid, Hypercube, axis_momenta, momenta_of, outer_product, outer_sum

DOMAINS = [
    Grid((-2, 3), 3),
    Grid([(-2, 3), (0, 1)], (2, 3)),
    Grid([(-2, 3), (0, 1), (5, 9)], (1, 2, 1), "walls"),
    Grid([(-2, 3), (0, 1)], (2, 3), twist=(0.25, -0.5)),
    Hypercube(4),
    Hypercube(3, values=(2, -1)),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_points_follow_the_flat_index_with_the_last_axis_fastest(domain, oracle):
    """C order, end excluded or half shifted, against nested loops."""
    wanted = oracle.coordinates(domain)
    np.testing.assert_allclose(domain.points, wanted, atol=1e-14)
    index = np.random.default_rng(1).permutation(domain.size)[:5]
    np.testing.assert_allclose(domain.points_at(index), wanted[index], atol=1e-14)
    assert domain.points.shape == (domain.size, domain.ndim)
    assert domain.size == np.prod(domain.shape) == 2**domain.num_qubits
    assert domain.num_qubits == sum(domain.qubits)


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_dual_diagonal_holds_the_eigenvalues_of_the_dense_laplacian(domain, oracle):
    """As a multiset: the order is that of the transform, tested with it."""
    wanted = np.linalg.eigvalsh(oracle.laplacian(domain))
    np.testing.assert_allclose(np.sort(domain.dual.reshape(-1)), wanted, atol=1e-9 * wanted.max())
    assert domain.dual.shape == domain.shape


def test_qubit_zero_is_the_last_bit_of_the_last_axis():
    """Index 1 differs from index 0 in the last axis only; the top bit is the top bit of axis 0."""
    grid = Grid([(0, 4), (0, 8)], (2, 3))
    np.testing.assert_allclose(grid.points[1] - grid.points[0], [0, 1])
    np.testing.assert_allclose(grid.points[16] - grid.points[0], [2, 0])
    cube = Hypercube(3)
    np.testing.assert_array_equal(cube.points[1], [-1, -1, 1])
    np.testing.assert_array_equal(cube.points[4], [1, -1, -1])
    assert grid.points.shape == (32, 2)


def test_bit_zero_is_the_first_value():
    """Not the smaller one."""
    assert Hypercube(1, values=(5, -3)).points.ravel().tolist() == [5.0, -3.0]


def test_momenta_and_units():
    """2 pi m / L in FFT order, pi m / L from 1 with walls, spacing from unequal boxes, a cell's volume."""
    grid = Grid([(0, 2), (0, 5)], (2, 1))
    np.testing.assert_allclose(grid.momenta[0], np.pi * np.array([0, 1, -2, -1]))
    np.testing.assert_allclose(Grid((0, 2), 2, "walls").momenta[0], np.pi / 2 * np.array([1, 2, 3, 4]))
    assert grid.spacing == (0.5, 2.5)
    assert grid.lengths == (2.0, 5.0)
    assert grid.cell_volume == 1.25
    np.testing.assert_allclose(grid.momenta_at(np.array([3])), [[np.pi, -2 * np.pi / 5]])
    assert Hypercube(3).cell_volume == 1.0


@pytest.mark.parametrize("points", [2, 3, 49, 58, 98, 128])
def test_momenta_of_indices_are_those_of_whole_axes(points):
    """To the bit those of fftfreq and of pi j / L, for odd numbers of points too; few of a huge grid make no axis."""
    every = np.arange(points)
    for length in (5.6, 16.0):
        ring = 2 * np.pi / length * np.fft.fftfreq(points, 1 / points)
        assert np.array_equal(momenta_of(every[::-1], points, length, "periodic"), ring[::-1])
        assert np.array_equal(axis_momenta(points, length, "walls"), np.pi / length * np.arange(1, points + 1))
    for boundary, twist in (("periodic", 0.25), ("walls", 0.0)):
        grid = Grid([(0.3, 5.9), (-8, 8)], (5, 3), boundary, twist)
        pair = np.meshgrid(*grid.momenta, indexing="ij")
        assert np.array_equal(grid.momenta_at(np.arange(grid.size)), np.stack([k.ravel() for k in pair], axis=-1))
    huge = Grid((0, 2 * np.pi), 30)
    assert huge.momenta_at(np.array([3, (1 << 30) - 1, 1 << 29]))[:, 0] == pytest.approx([3, -1, -(1 << 29)])
    assert "momenta" not in vars(huge)


def test_twist_moves_the_dual_diagonal_and_its_sign_matters():
    """(k - 2 pi twist / L)^2: a positive quarter favours m = 0 and then m = 1."""
    ring = Grid((0, 2 * np.pi), 3, twist=0.25)
    np.testing.assert_allclose(np.sort(ring.dual)[:4], [0.0625, 0.5625, 1.5625, 3.0625])
    assert ring.dual[1] < ring.dual[-1]


def test_refined_grid_keeps_every_other_point():
    """A refined periodic grid contains the old one."""
    grid = Grid([(-2, 3), (0, 1)], (2, 3), twist=(0.1, 0.2))
    fine = grid.refined()
    assert fine.qubits == (3, 4)
    assert fine.twist == grid.twist
    for coarse, axis in zip(grid.axes, fine.axes):
        np.testing.assert_allclose(axis[::2], coarse, atol=1e-15)


def test_domains_are_values():
    """Equal when their data are, hashable, picklable."""
    assert Grid((-2, 3), 4) == Grid([(-2.0, 3)], [4])
    assert Grid((-2, 3), 4) != Grid((-2, 3), 4, "walls")
    assert len({Grid((-2, 3), 4), Grid((-2, 3), 4), Hypercube(4)}) == 2
    for domain in DOMAINS:
        assert pickle.loads(pickle.dumps(domain)) == domain


@pytest.mark.parametrize(
    "bounds",
    [
        (1, 0), (1, 1), [(0, 1), (3, 2)], (0, np.nan), (-np.inf, 0), None, 3, "ab", ["0", "1"], [], [[]], [(0, 1), (2,)],
        np.zeros((2, 2, 2)), np.empty((0, 2)), [0, 1j], (-1.7e308, 1.7e308), [(0, 1, 2)], (0, 10**400), [False, True],
    ],
)  # fmt: skip
def test_bad_bounds_are_named(bounds):
    """One line, the argument's name, the library's error; no warning and no error of NumPy."""
    with pytest.raises(ProblemError, match=r"^Argument `bounds` must be .+, but is .+\.$"):
        Grid(bounds, 4)


@pytest.mark.parametrize(
    "qubits", [0, -1, 1.5, 3.0, 31, 60, True, "5", None, [3, 3, 3], [3], [1, [2, 3]], (30, 31), {3}]
)
def test_bad_qubits_are_named(qubits):
    """0, 1.5, 60, True and lists of the wrong length."""
    with pytest.raises(ProblemError, match=r"^Argument `qubits` must be "):
        Grid([(0, 1), (0, 1)], qubits)


def test_too_many_qubits_in_total_are_refused():
    """60 are a legal statement (which no reference can run), 61 are not."""
    assert Grid([(0, 1)] * 2, 30).num_qubits == 60
    with pytest.raises(ProblemError, match="add up to at most 60, but is 61"):
        Grid([(0, 1)] * 3, (30, 30, 1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"boundary": "wals"}, "Did you mean 'walls'"),
        ({"boundary": None}, "`boundary`"),
        ({"twist": np.nan}, "`twist`"),
        ({"twist": (0.1, 0.2)}, "`twist`"),
        ({"twist": 0.1, "boundary": "walls"}, "`twist` must be 0"),
    ],
)
def test_bad_boundaries_and_twists_are_named(options, words):
    """Unknown names come with the nearest known one."""
    with pytest.raises(ProblemError, match=words):
        Grid((0, 1), 3, **options)


@pytest.mark.parametrize(
    "values", [(1, 1), (1,), (1, 2, 3), 5, None, "ab", (np.nan, 1), (1, [2]), (0, np.inf), (1j, 0)]
)
def test_bad_binary_values_are_named(values):
    """Two different finite numbers."""
    with pytest.raises(ProblemError, match=r"^Argument `values` must be "):
        Hypercube(3, values)


@pytest.mark.parametrize("count", [0, 1001, 2.0, True, None, "3"])
def test_bad_numbers_of_weights_are_named(count):
    """1 to 1000."""
    with pytest.raises(ProblemError, match=r"^Argument `num_weights` must be "):
        Hypercube(count)


@pytest.mark.parametrize("name", ["points", "dual"])
def test_arrays_that_cannot_fit_are_refused_before_they_are_made(name):
    """Three axes of 20 qubits, with the bytes in the message."""
    with pytest.raises(MethodError, match=r"needs [\d.]+ PiB of memory, but .+ are available"):
        getattr(Grid([(0, 1)] * 3, 20), name)


def test_outer_sum_and_product_are_contiguous_and_ordered():
    """f[i, j] = a[i] + b[j] and a[i] b[j]."""
    a, b = np.array([1.0, 2.0]), np.array([10.0, 20.0, 30.0])
    np.testing.assert_array_equal(outer_sum([a, b]), a[:, None] + b)
    np.testing.assert_array_equal(outer_product([a, 1j * b]), a[:, None] * 1j * b)
    assert outer_sum([a, b]).flags.c_contiguous


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_a_few_points_of_a_huge_grid_are_cheap(boundary):
    """A problem file tries its loss on the first points before any size is checked, so that they must not make the axes."""
    import tracemalloc

    grid = Grid([(-3, 5), (0, 1)], (30, 12), boundary)
    half = 0.5 if boundary == "walls" else 0.0
    tracemalloc.start()
    points = grid.points_at(np.array([0, 3, 5 * 4096, grid.size - 1]))
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
    assert "axes" not in vars(grid)
    h, k = 8 / 2**30, 1 / 4096
    wanted = [(0, 0), (0, 3), (5, 0), (2**30 - 1, 4095)]
    np.testing.assert_allclose(points, [(-3 + (i + half) * h, (j + half) * k) for i, j in wanted], rtol=1e-15)
    small = Grid((-1.3, 2.1), 5, boundary)
    assert np.array_equal(small.points_at(np.arange(32))[:, 0], small.axes[0])
