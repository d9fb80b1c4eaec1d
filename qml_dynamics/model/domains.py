"""Weight spaces: a tensor-product box (`Grid`) with its axes, and binary weights (`Hypercube`).

Each carries the diagonal of its Laplacian in the dual basis: every learning Hamiltonian of the library is
``H(t) = D(t) F^-1 diag(k) F + s(t) diag(zeta)``, with ``F`` the Fourier transform (periodic), the sine transform DST-II
(walls) or the Walsh-Hadamard transform (hypercube). Arrays have shape ``domain.shape``, C order; qubit 0 is the least
significant bit of the last axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..base.arguments import checks_arguments
from ..base.errors import ProblemError, check_memory, describe, integer, one_of, real, require
from ..base.printing import printed_briefly
from .axes import BOUNDARIES, ENCODINGS, checked_qubits, qubits_of


def outer_sum(axes: Sequence[np.ndarray]) -> np.ndarray:
    """``f(i, j, ...) = axes[0][i] + axes[1][j] + ...``, C contiguous."""
    total = np.zeros(())
    for values in axes:
        total = total[..., None] + values
    return np.ascontiguousarray(total)


def _every_point(domain: Domain) -> np.ndarray:
    check_memory(16 * (domain.ndim + 1) * domain.size, f"All {domain.size:,} points")
    return domain.points_at(np.arange(domain.size))


def outer_product(axes: Sequence[np.ndarray]) -> np.ndarray:
    """``f(i, j, ...) = axes[0][i] * axes[1][j] * ...``, C contiguous."""
    total = np.ones(())
    for values in axes:
        total = total[..., None] * values
    return np.ascontiguousarray(total)


def depth(value: object) -> int:
    """How deeply a list is nested: 0 for one value; 2 for lists of unequal length and others that NumPy does not read."""
    try:
        return np.asarray(value).ndim
    except Exception:  # of any kind: the person's own object makes the array
        return 2


def axis_momenta(points: int, length: float, boundary: str) -> np.ndarray:
    """Momenta of the modes of one axis, shape ``(points,)``: ``pi j / length`` of the sines between walls (``j = 1, 2, ...``),
    ``2 pi j / length`` of the plane waves on a ring, in the order of ``numpy.fft.fftfreq``; without the twist.
    """
    return momenta_of(np.arange(points), points, length, boundary)


def momenta_of(mode: np.ndarray, points: int, length: float, boundary: str) -> np.ndarray:
    """:func:`axis_momenta` of these modes alone, which an axis of very many points is asked for."""
    if boundary == "walls":
        return np.asarray(np.pi / length * (mode + 1))
    step = 1 / (points * (1 / points))  # as `numpy.fft.fftfreq` rounds
    return np.asarray(2 * np.pi / length * (np.where(mode < (points + 1) // 2, mode, mode - points) * step))


def read_bounds(bounds: npt.ArrayLike) -> tuple[tuple[float, float], ...]:
    """One pair ``(low, high)`` an axis as floats, from a list of pairs or from the only pair.

    Raises:
        ProblemError: they are no pairs of finite real numbers with ``low < high``.
    """
    try:
        array = np.asarray(bounds)
        array = array.astype(float) if array.dtype.kind in "iufO" else np.empty(0)  # no text, no complex numbers
    except Exception:  # of any kind: the person's own object makes the array
        array = np.empty(0)
    array = array[None] if array.shape == (2,) else array
    require(
        array.ndim == 2 and array.shape[-1] == 2 and len(array) > 0, "bounds", "be a list of pairs (low, high)", bounds
    )
    for low, high in array.tolist():
        ordered = low < high and math.isfinite(high - low)
        require(ordered, "bounds", "be pairs of finite numbers with low < high", (low, high))
    return tuple((low, high) for low, high in array.tolist())


def per_axis(value: object, ndim: int, name: str) -> list[Any]:
    """The value of each axis: one value is that of every axis; raises :class:`ProblemError` for a list of another length."""
    if depth(value) == 0:
        return [value] * ndim
    try:
        items = list(cast(Iterable[object], value))
    except Exception:  # of any kind: an object of somebody else
        raise ProblemError(
            f"Argument `{name}` must be one value or a list of them, but is {describe(value)}."
        ) from None
    if len(items) != ndim:
        raise ProblemError(f"Argument `{name}` must be one value or one for each of {ndim} axes, but has {len(items)}.")
    return items


MAX_WEIGHTS = 1000  # of a hypercube: what stands on waves refuses far fewer, by memory


@printed_briefly
@dataclass(frozen=True)
class Grid:
    """A tensor-product grid over a box.

    Periodic: ``x_j = a + j (b - a) / N``, the end excluded. Walls (the wave vanishes at a and b):
    ``x_j = a + (j + 1/2)(b - a) / N``. On both, ``N = 2**qubits`` points an axis.

    In one-hot encoding an axis of N points, any number from 2 on (even on a ring), is N qubits of which exactly one is excited, qubit j
    where the point is ``x_j``, and minus the Laplacian is that of finite differences, ``(2 psi_j - psi_{j-1} - psi_{j+1}) / h^2``, of
    order ``h^2``; beyond a wall the wave goes on as ``-psi``. Its modes are those of the binary grid, and ``k^2`` becomes
    ``(2 sin(k h / 2) / h)^2``.

    Args:
        bounds: one pair ``(a, b)`` an axis; a single pair means one axis.
        qubits: one integer for all axes, or one an axis.
        boundary: ``"periodic"`` or ``"walls"``.
        twist: flux through each periodic axis in units of 2 pi, so that ``k^2`` becomes ``(k - 2 pi twist / L)^2``
            (one number, or one an axis).
        encoding: ``"binary"``; ``"onehot"``; or ``"none"``: any number of points as in one-hot encoding, with the Laplacian of
            plane or standing waves as in binary, for classical methods: what finite differences are measured against.
        points: in place of ``qubits``: one integer for all axes, or one an axis.

    Raises:
        ProblemError: bounds reversed, equal or not finite; qubits not integers in 1..30; a twist with walls; points that the encoding
            does not have.

    >>> grid = Grid([(-4, 4), (0, 1)], qubits=(5, 3))
    >>> grid.shape, grid.num_qubits, grid.spacing
    ((32, 8), 8, (0.25, 0.125))
    >>> line = Grid((0, 3), points=3, boundary="walls", encoding="onehot")
    >>> line, line.axes[0].tolist(), line.dual.round(6).tolist()
    (Grid(bounds=((0.0, 3.0),), qubits=(3,), boundary='walls', twist=(0.0,), encoding='onehot'), [0.5, 1.5, 2.5], [1.0, 3.0, 4.0])
    """

    bounds: tuple[tuple[float, float], ...]
    qubits: tuple[int, ...]
    boundary: str = "periodic"
    twist: tuple[float, ...] = (0.0,)
    encoding: str = "binary"

    def __init__(
        self,
        bounds: npt.ArrayLike,
        qubits: int | Sequence[int] | None = None,
        boundary: str = "periodic",
        twist: float | Sequence[float] = 0.0,
        encoding: str = "binary",
        *,
        points: int | Sequence[int] | None = None,
    ) -> None:
        box = read_bounds(bounds)
        one_of(boundary, "boundary", BOUNDARIES)
        one_of(encoding, "encoding", ENCODINGS)
        if points is not None:
            require(qubits is None, "qubits", "be left out where `points` are given", qubits)
            bits = checked_qubits(qubits_of(per_axis(points, len(box), "points"), encoding), encoding, boundary)
        else:
            bits = checked_qubits(per_axis(qubits, len(box), "qubits"), encoding, boundary)
        flux = tuple(real(t, "twist") for t in per_axis(twist, len(box), "twist"))
        require(boundary == "periodic" or not any(flux), "twist", "be 0 where the boundary is walls", flux)
        given = {"bounds": box, "qubits": tuple(bits), "boundary": boundary, "twist": flux, "encoding": encoding}
        for name, value in given.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in ("bounds", "qubits", "boundary", "twist")]
        return f"Grid({', '.join([*shown, *([] if self.encoding == 'binary' else [f'encoding={self.encoding!r}'])])})"

    @property
    def ndim(self) -> int:
        """Number of weights."""
        return len(self.bounds)

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each axis."""
        return tuple(1 << q for q in self.qubits) if self.encoding == "binary" else self.qubits

    @property
    def size(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    @property
    def num_qubits(self) -> int:
        """Qubits of the register that holds a wave on this grid (without the ancillas of walls)."""
        return sum(self.qubits)

    @property
    def lengths(self) -> tuple[float, ...]:
        """Lengths of the box."""
        return tuple(b - a for a, b in self.bounds)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of neighbouring points along each axis."""
        return tuple(length / n for length, n in zip(self.lengths, self.shape))

    @property
    def cell_volume(self) -> float:
        """Volume that belongs to one point: ``density / cell_volume`` is a probability density function."""
        return math.prod(self.spacing)

    @cached_property
    def axes(self) -> tuple[np.ndarray, ...]:
        """The coordinates along each axis."""
        check_memory(24 * max(self.shape), f"An axis of {max(self.shape):,} points")
        shift = 0.5 if self.boundary == "walls" else 0.0
        return tuple(a + (np.arange(n) + shift) * h for (a, _), n, h in zip(self.bounds, self.shape, self.spacing))

    @property
    def points(self) -> np.ndarray:
        """All points, shape ``(size, ndim)``, in the order of ``array.reshape(-1)``."""
        return _every_point(self)

    @checks_arguments
    def points_at(self, index: np.ndarray) -> np.ndarray:
        """The points with these flat indices, shape ``(len(index), ndim)``."""
        # not by `axes`: a few points of a huge grid are cheap
        where = np.unravel_index(flat_indices(index, self.size), self.shape)
        shift = 0.5 if self.boundary == "walls" else 0.0
        return np.stack([a + (i + shift) * h for (a, _), h, i in zip(self.bounds, self.spacing, where)], axis=-1)

    @cached_property
    def momenta(self) -> tuple[np.ndarray, ...]:
        """Wave numbers along each axis in the order of the transform (FFT order; 1..N times pi / L with walls)."""
        return tuple(axis_momenta(n, length, self.boundary) for n, length in zip(self.shape, self.lengths))

    @cached_property
    def dual_axes(self) -> tuple[np.ndarray, ...]:
        """The dual diagonal of each axis: ``q^2`` of ``q = k - 2 pi twist / L``, of differences ``(2 sin(q h / 2) / h)^2``."""
        shifts = (2 * np.pi * t / length for t, length in zip(self.twist, self.lengths))
        with np.errstate(over="ignore"):  # of a box of 1e-160, which no method runs on
            if self.encoding == "onehot":
                each = zip(self.momenta, shifts, self.spacing)
                return tuple((2 / h * np.sin(0.5 * (k - shift) * h)) ** 2 for k, shift, h in each)
            return tuple((k - shift) ** 2 for k, shift in zip(self.momenta, shifts))

    @property
    def dual(self) -> np.ndarray:
        """Diagonal of ``-L`` in the dual basis, shape ``domain.shape``."""
        check_memory(16 * self.size, f"The dual diagonal of {self.size:,} points")
        return outer_sum(self.dual_axes)

    @checks_arguments
    def momenta_at(self, index: np.ndarray) -> np.ndarray:
        """The wave vectors with these flat indices in the dual basis, shape ``(len(index), ndim)``."""
        # not by `momenta`: a few modes of a huge grid are cheap
        where = np.unravel_index(flat_indices(index, self.size), self.shape)
        each = zip(where, self.shape, self.lengths)
        return np.stack([momenta_of(i, n, length, self.boundary) for i, n, length in each], axis=-1)

    @checks_arguments
    def refined(self, extra: int = 1) -> Grid:
        """The same box with ``extra`` more qubits along each axis, in other encodings ``2**extra`` times as many points."""
        return self.resized(self.bounds, [n << extra for n in self.shape])

    def resized(self, bounds: npt.ArrayLike, points: Sequence[int]) -> Grid:
        """A grid of this kind over another box, with other numbers of points."""
        return Grid(bounds, None, self.boundary, self.twist, self.encoding, points=points)

    @cached_property
    def basis_states(self) -> np.ndarray:
        """The basis state of each point, an integer over all qubits, flat: the point's own number in binary encoding.

        In one-hot encoding point j of an axis is its qubit j; the qubits of the last axis are the lowest.

        >>> Grid([(0, 1), (0, 1)], points=(2, 4), encoding="onehot").basis_states.tolist()
        [17, 18, 20, 24, 33, 34, 36, 40]
        """
        if self.encoding == "binary":
            return np.arange(self.size)
        require(self.encoding == "onehot", "encoding", "be one that a register holds", self.encoding)
        total, low = np.zeros((), dtype=np.int64), self.num_qubits
        for n in self.qubits:
            low -= n
            total = total[..., None] + (np.int64(1) << (low + np.arange(n, dtype=np.int64)))
        return total.reshape(-1)


def flat_indices(index: np.ndarray, size: int) -> np.ndarray:
    """Flat indices as an array, if they are of a domain of this size; above 62 qubits Python's integers."""
    places = np.asarray(index)
    whole = places.dtype.kind in "iu" or all(type(place) is int for place in places.flat)
    ok = places.ndim == 1 and (places.size == 0 or (whole and 0 <= places.min() <= places.max() < size))
    require(ok, "index", f"be a list of integers between 0 and {size - 1}", index)
    return places.astype(np.int64, copy=False) if size <= 1 << 63 else places


@printed_briefly
@dataclass(frozen=True)
class Hypercube:
    """All vectors of binary weights; bit 0 means ``values[0]``. Weight 0 is the highest qubit (axis 0).

    ``-L`` is the graph Laplacian ``sum_i (1 - X_i)``, so ``D`` times it is the transverse field: in the
    Walsh-Hadamard basis its diagonal is twice the Hamming weight.

    >>> cube = Hypercube(3)
    >>> cube.shape, cube.points[1]
    ((2, 2, 2), array([-1., -1.,  1.]))
    """

    num_weights: int
    values: tuple[float, float] = (-1.0, 1.0)

    def __init__(self, num_weights: int, values: Sequence[float] = (-1, 1)) -> None:
        object.__setattr__(self, "num_weights", integer(num_weights, "num_weights", 1, MAX_WEIGHTS))
        require(depth(values) == 1 and len(values) == 2, "values", "be two numbers", values)
        pair = (real(values[0], "values"), real(values[1], "values"))
        require(pair[0] != pair[1], "values", "be two different numbers", values)
        object.__setattr__(self, "values", pair)

    @property
    def ndim(self) -> int:
        """Number of weights."""
        return self.num_weights

    @property
    def qubits(self) -> tuple[int, ...]:
        """One qubit a weight."""
        return (1,) * self.num_weights

    @property
    def shape(self) -> tuple[int, ...]:
        """``(2, 2, ...)``."""
        return (2,) * self.num_weights

    @property
    def size(self) -> int:
        """Number of weight vectors."""
        return 1 << self.num_weights

    @property
    def num_qubits(self) -> int:
        """Qubits of the register."""
        return self.num_weights

    @property
    def spacing(self) -> tuple[float, ...]:
        """Difference of the two values, an axis."""
        return (self.values[1] - self.values[0],) * self.num_weights

    @property
    def cell_volume(self) -> float:
        """1: the measure on a hypercube is counting."""
        return 1.0

    @cached_property
    def axes(self) -> tuple[np.ndarray, ...]:
        """The two values along each axis."""
        return (np.array(self.values),) * self.num_weights

    @property
    def points(self) -> np.ndarray:
        """All weight vectors, shape ``(2**n, n)``."""
        return _every_point(self)

    @checks_arguments
    def points_at(self, index: np.ndarray) -> np.ndarray:
        """The weight vectors with these flat indices, shape ``(len(index), n)``."""
        out: np.ndarray = np.asarray(self.values)[self._bits(index)]
        return out

    def momenta_at(self, index: np.ndarray) -> np.ndarray:
        """The dual bits (0 even, 1 odd under the flip of that weight) of these flat indices, shape ``(m, n)``."""
        return self._bits(index).astype(float)

    def _bits(self, index: np.ndarray) -> np.ndarray:
        shifts = np.arange(self.num_weights - 1, -1, -1)
        return (flat_indices(index, self.size)[:, None] >> shifts) & 1

    @cached_property
    def dual_axes(self) -> tuple[np.ndarray, ...]:
        """The dual diagonal of one weight: 0 on the even, 2 on the odd combination."""
        return (np.array([0.0, 2.0]),) * self.num_weights

    @property
    def dual(self) -> np.ndarray:
        """Diagonal of ``-L`` in the dual basis, shape ``domain.shape``: twice the Hamming weight."""
        check_memory(16 * self.size, f"The dual diagonal of {self.size:,} points")
        return outer_sum(self.dual_axes)


Domain = Grid | Hypercube
