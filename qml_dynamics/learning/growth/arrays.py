"""Weights as plain arrays: matrices of the layers, biases, and whether they fit each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...base.errors import ProblemError, describe, require


def layers(
    weights: ArrayLike | Sequence[ArrayLike], name: str = "weights", *, complex_too: bool = False
) -> list[np.ndarray]:
    """A matrix or a list of matrices as a list of float arrays, shape ``(out, in)`` each.

    Args:
        weights: an array of two axes, nested lists, or a list of such; tensors are read as arrays.
        name: of the argument, in messages.
        complex_too: complex matrices are refused unless it is set: taking the real part would be another layer.

    Raises:
        ProblemError: anything else, an empty list, or a matrix that is empty or not finite.

    >>> [w.shape for w in layers([[[1.0, 2.0]], [[3.0]]])], len(layers(np.eye(2)))
    ([(1, 2), (1, 1)], 1)
    """
    given: Any = weights
    if hasattr(given, "__array__") and not isinstance(given, np.ndarray):
        given = plain(given, name)
    if isinstance(given, np.ndarray) and given.ndim == 2:
        given = [given]
    listed = isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str | bytes)
    require(listed, name, "be a matrix or a list of matrices", given)
    require(np.ndim(given) > 0 if isinstance(given, np.ndarray) else True, name, "be a matrix", given)
    require(len(given) > 0, name, "hold at least one layer", "an empty list")
    if not isinstance(given, np.ndarray) and isinstance(given[0], Sequence) and not _nested(given[0]):
        given = [given]
    return [_matrix(w, i, name, complex_too) for i, w in enumerate(given)]


def _nested(row: Sequence[ArrayLike]) -> bool:
    """Whether a list holds lists or arrays: then it is a matrix, not a row of numbers."""
    return any(isinstance(v, Sequence) or np.ndim(v) > 0 for v in row)


def _matrix(w: ArrayLike, layer: int, name: str, complex_too: bool) -> np.ndarray:
    try:
        array = plain(w, name)
        real = array.dtype.kind != "c"
        array = array.astype(float if real else complex)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError(f"Argument `{name}` must be real matrices, but layer {layer} is {describe(w)}.") from None
    require(real or complex_too, name, "be real matrices", f"of complex numbers in layer {layer}")
    must = "be finite matrices that are not empty"
    require(array.ndim == 2 and array.size > 0, name, must, f"of shape {array.shape} in layer {layer}")
    require(bool(np.isfinite(array).all()), name, must, f"of a number that is not finite in layer {layer}")
    return array


def plain(value: object, name: str) -> np.ndarray:
    """A tensor or an array as an array in memory of its own: later training steps do not change it.

    Raises:
        ProblemError: a tensor without data, or something that is no array.
    """
    try:
        if not hasattr(value, "detach"):
            return np.array(value)
        tensor = value.detach().cpu()
        if "sparse" in str(tensor.layout):
            tensor = tensor.to_dense()
        tensor = tensor.resolve_conj() if tensor.is_complex() else tensor
        return np.array((tensor.double() if tensor.is_floating_point() else tensor).numpy())  # NumPy has no bfloat16
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError(f"Argument `{name}` must hold arrays, but is {describe(value)}.") from None


def table(X: ArrayLike, name: str = "X") -> np.ndarray:
    """Rows of data as a float array in memory of its own, shape ``(rows, columns)``.

    Raises:
        ProblemError: not a finite real matrix.
    """
    array = plain(X, name)
    ok = array.ndim == 2 and array.size > 0 and array.dtype.kind in "biuf"
    require(ok, name, "be a matrix of real numbers, one row a sample", f"of shape {array.shape} and type {array.dtype}")
    array = array.astype(float)
    require(bool(np.isfinite(array).all()), name, "hold finite numbers", "of one that is not")
    return array


def chain(weights: Sequence[np.ndarray]) -> None:
    """Raise :class:`ProblemError` unless each layer takes what the one before gives."""
    for i, (a, b) in enumerate(zip(weights, weights[1:])):
        what = f"of {b.shape[1]} inputs in layer {i + 1} after {a.shape[0]} outputs in layer {i}"
        require(a.shape[0] == b.shape[1], "weights", "be a chain, shape (out, in) each", what)


def vectors(biases: Sequence[ArrayLike] | np.ndarray | None, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Biases as float vectors that fit the layers; zeros when None.

    Raises:
        ProblemError: another number of them, or one that does not fit its layer.

    >>> [b.tolist() for b in vectors(None, [np.ones((2, 3))])]
    [[0.0, 0.0]]
    """
    if biases is None:
        return [np.zeros(len(w)) for w in weights]
    listed = isinstance(biases, Sequence) or (isinstance(biases, np.ndarray) and biases.ndim > 0)
    require(listed, "biases", "be a list of vectors, one a layer", biases)
    require(len(biases) == len(weights), "biases", f"be {len(weights)}, one a layer", f"of length {len(biases)}")
    found = [plain(b, "biases") for b in biases]
    for i, (b, w) in enumerate(zip(found, weights)):
        ok = b.shape == (len(w),) and b.dtype.kind in "biuf" and bool(np.isfinite(b).all())
        require(ok, "biases", f"be {len(w)} finite numbers in layer {i}", f"of shape {b.shape}")
    return [b.astype(float) for b in found]
