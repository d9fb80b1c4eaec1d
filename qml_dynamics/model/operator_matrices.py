"""Dense and sparse Hermitian matrices as sums of Pauli strings, ``H = sum c_xz i^{|x & z|} X^x Z^z``.

For each x the entries ``H[j ^ x, j]`` over the columns j are a Walsh series whose coefficients are those of the strings ``X^x Z^z``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from ..base.errors import check_memory, require
from .masks import bit_count
from .transforms import roundoff, walsh_coefficients

_LARGE = 1e150  # the square of what is smaller is a number too

TINY = 1e-14
HERMITIAN = 1e-10  # the most by which a part that must vanish may differ from 0, of the largest entry or coefficient
Totals = dict[tuple[int, int], float]  # real coefficients by the pair of masks (x, z)


class SparseMatrix(Protocol):
    """A matrix of SciPy."""

    shape: tuple[int, ...]

    def tocoo(self) -> SparseMatrix:
        """Entries by row and column."""
        ...


def dense_totals(given: object, name: str) -> tuple[int, Totals]:
    """The width and the strings of a dense matrix, nested lists too.

    >>> dense_totals([[1.0, 2.0], [2.0, -1.0]], "operator")
    (1, {(0, 1): 1.0, (1, 0): 2.0})
    """
    matrix = rectangular(given)
    require(not np.ma.is_masked(given), name, "have a number in every entry", "masked in some of them")
    size = _size(matrix.shape, name)
    plain = matrix.dtype.kind in "fciu" and bool(np.isfinite(matrix).all())
    require(plain, name, "be finite numbers", f"of {matrix.dtype}")
    gap, scale = float(np.abs(matrix - matrix.conj().T).max()), float(np.abs(matrix).max())
    _hermitian(gap, scale, name)
    index = np.arange(size)
    return _from_columns(size, ((x, matrix[index ^ x, index]) for x in range(size)), scale)


def sparse_totals(given: SparseMatrix, name: str) -> tuple[int, Totals]:
    """The width and the strings of a matrix of SciPy: one Walsh series for each difference of row and column that occurs."""
    size = _size(tuple(given.shape), name)
    check_memory(64 * size, f"A sparse operator of size {size}")
    entries = given.tocoo()
    if hasattr(entries, "sum_duplicates"):
        entries = entries.copy()  # type: ignore[attr-defined]
        entries.sum_duplicates()
    values = np.asarray(entries.data)  # type: ignore[attr-defined]
    plain = values.dtype.kind in "fciu" and bool(np.isfinite(values).all())
    require(plain, name, "be finite numbers", f"of {values.dtype}")
    scale = float(np.abs(values).max(initial=0.0))
    gap = entries - entries.conj().T  # type: ignore[attr-defined]
    _hermitian(float(np.abs(gap.tocoo().data).max(initial=0.0)), scale, name)
    row, column = (np.asarray(each, dtype=np.int64) for each in (entries.row, entries.col))  # type: ignore[attr-defined]
    return _from_columns(size, _sparse_columns(size, row, column, values), scale)


def _sparse_columns(
    size: int, row: np.ndarray, column: np.ndarray, values: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    flip = row ^ column
    order = np.argsort(flip, kind="stable")
    flips, starts = np.unique(flip[order], return_index=True)
    for x, part in zip(flips.tolist(), np.split(order, starts[1:])):
        dense = np.zeros(size, dtype=values.dtype)
        dense[column[part]] = values[part]
        yield x, dense


def _from_columns(size: int, columns: Iterable[tuple[int, np.ndarray]], scale: float) -> tuple[int, Totals]:
    """From the entries ``H[j ^ x, j]`` for each x: their Walsh series gives the strings ``X^x Z^z``."""
    index = np.arange(size)
    totals: Totals = {}
    for x, column in columns:
        a = walsh_coefficients(column.real) + 1j * walsh_coefficients(column.imag)
        real = (a / 1j ** (bit_count(index & x) % 4)).real
        for z in np.flatnonzero(np.abs(real) > TINY * scale).tolist():
            totals[x, z] = float(real[z])
    least = roundoff(np.array(list(totals.values()))) if totals else 0.0
    kept = {key: c for key, c in totals.items() if abs(c) > least}
    return size.bit_length() - 1, kept or {(0, 0): 0.0}


def _size(shape: tuple[int, ...], name: str) -> int:
    size = int(shape[0]) if len(shape) == 2 else 0
    square = shape == (size, size) and size >= 2 and size & (size - 1) == 0
    require(square, name, "be a square matrix of size 2, 4, 8, ...", f"of shape {shape}")
    return size


def _hermitian(gap: float, scale: float, name: str) -> None:
    require(scale < _LARGE, name, f"have entries below {_LARGE:g}", f"of {scale:.3g}")
    require(gap <= HERMITIAN * max(scale, 1e-300), name, "be Hermitian", f"of difference {gap:.2e} from its adjoint")


def rectangular(rows: object) -> np.ndarray:
    """An array of these rows; an empty one where they are of unequal length."""
    try:
        return np.asarray(rows)
    except ValueError:  # rows of unequal length
        return np.empty(0)
