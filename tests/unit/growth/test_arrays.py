"""Weights and data as plain arrays: what is read, what is refused, and that nothing is silently made into something else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.growth.arrays import layers, plain, table, vectors


class Tensor:
    """What a tensor of another library shows of itself: an array on request."""

    def __init__(self, values: Any) -> None:
        self.values = np.array(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values if dtype is None else self.values.astype(dtype)


def test_one_matrix_or_a_list_of_them_in_any_dress() -> None:
    w = [[1.0, 2.0], [3.0, -4.0], [0.0, 5.0]]
    for given in (w, np.array(w), tuple(map(tuple, w)), [np.array(w)], np.array([w]), Tensor(w), [Tensor(w)], [w]):
        (found,) = layers(given)
        assert found.tolist() == w
    two = layers([w, [[1.0, 0.0, 2.0]]])
    assert [m.shape for m in two] == [(3, 2), (1, 3)]
    assert layers(np.zeros((4, 2, 3)))[3].shape == (2, 3)


def test_what_is_kept_does_not_follow_the_training() -> None:
    w = np.eye(2)
    (found,) = layers([w])
    w += 1
    assert found.tolist() == [[1, 0], [0, 1]]
    X = np.eye(2)
    rows = table(X)
    X += 1
    assert rows.tolist() == [[1, 0], [0, 1]]


def test_complex_matrices_keep_their_imaginary_part_or_are_refused() -> None:
    w = np.array([[1j, 0], [0, 2.0]])
    assert layers(w, complex_too=True)[0].tolist() == w.tolist()
    with pytest.raises(ProblemError, match="be real matrices, but is of complex numbers in layer 1"):
        layers([np.eye(2), w])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: layers([[[1.0, 2.0], [3.0]]]), "layer 0"),
        (lambda: layers([np.eye(2), None]), "layer 1"),
        (lambda: layers(None), "matrix or a list of matrices"),
        (lambda: layers("abc"), "matrix or a list of matrices"),
        (lambda: layers({"a": np.eye(2)}), "matrix or a list of matrices"),
        (lambda: layers(3.0), "matrix or a list of matrices"),
        (lambda: layers(np.float64(3.0)), "`weights`"),
        (lambda: layers(np.array(3.0)), "`weights`"),
        (lambda: layers(np.ones(3)), r"of shape \(\) in layer 0"),
        (lambda: layers(np.ones((0, 3))), "empty"),
        (lambda: layers([[]]), "empty"),
        (lambda: layers([]), "at least one layer"),
        (lambda: layers([np.array([[1.0, np.inf]])]), "not finite in layer 0"),
        (lambda: layers([["a", "b"]]), "`weights`"),
        (lambda: table(np.ones(3)), "one row a sample"),
        (lambda: table([[1j]]), "real numbers"),
        (lambda: table([[1.0, None]]), "`X`"),
        (lambda: table([[1.0], [1.0, 2.0]], "data"), "`data`"),
        (lambda: table([[np.nan]]), "finite"),
        (lambda: vectors(3, [np.eye(2)]), "list of vectors"),
        (lambda: vectors([[1.0, 2.0], [1.0]], [np.eye(2)]), "be 1, one a layer"),
        (lambda: vectors([["a", "b"]], [np.eye(2)]), "2 finite numbers"),
        (lambda: vectors([[1j, 0]], [np.eye(2)]), "2 finite numbers"),
        (lambda: plain([[1.0], [1.0, 2.0]], "x"), "`x` must hold arrays"),
    ],
)
def test_bad_input_is_named(call: Any, words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        call()
