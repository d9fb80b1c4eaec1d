"""Losses of small models on a data set: a logistic neuron, a network with one hidden layer, and a binary perceptron.

Every loss is a mean over the rows of ``X`` with signs ``s_i = -1`` for the first and ``+1`` for the second of the two
labels in sorted order. Losses and gradients are exact, stable for large margins, and evaluated in blocks, so that no
temporary array grows with (weight vectors) x (rows of data).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.errors import ProblemError, integer, one_of, real, require
from ...base.numeric import as_numbers
from .base import Objective, Rows, columns
from .classifiers import BinaryClassifier, Network, Neuron, Perceptron, sigmoid

BLOCK = 1 << 18  # (weight vectors) x (rows) x (hidden units) of one block: arrays of 2 MiB
LOSSES = ("logistic", "hinge", "error")


@checks_arguments_but("bias")
def neuron(X: npt.ArrayLike, y: npt.ArrayLike, l2: float = 0.0, bias: bool = False) -> Objective:
    """Cross entropy of a logistic neuron: ``zeta(w) = mean_i log(1 + exp(-s_i z_i)) + l2/2 |w|^2``, ``z_i = w . x_i``.

    Args:
        X: data, shape ``(n, d)``.
        y: ``n`` labels of exactly two kinds; the second in sorted order is the positive one.
        l2: strength of the penalty (on all weights, the bias included).
        bias: adds one weight, the last, to ``z``.

    Returns:
        An objective with its exact gradient and a :class:`Neuron` as ``.model``.

    Raises:
        ProblemError: if ``X`` is not a finite matrix, ``y`` does not fit it or has not two classes, or ``l2`` < 0.

    >>> loss = neuron([[1.0], [-1.0]], ["yes", "no"])
    >>> loss(np.array([[0.0], [2.0]]))
    array([0.69314718, 0.126928])
    >>> loss.predict(np.array([2.0]), np.array([[0.3]]))
    array(['yes'], dtype='<U3')
    """
    X, signs, classes = _training_data(X, y)
    require(isinstance(bias, bool), "bias", "be true or false", bias)
    l2 = real(l2, "l2", nonnegative=True)
    model = Neuron(classes, X.shape[1], bias)
    rows = np.column_stack([X, np.ones(len(X))]) if bias else X
    return _linear_objective("neuron", model, signs[:, None] * rows, "logistic", signs, l2)


@checks_arguments
def perceptron(X: npt.ArrayLike, y: npt.ArrayLike, loss: str = "logistic") -> Objective:
    """Mean loss of a perceptron over its margins ``m_i = s_i w . x_i / sqrt(d)``, made for a `Hypercube` of weights.

    ``loss`` is ``"logistic"``, ``log(1 + exp(-m))``; ``"hinge"``, ``max(0, 1 - m)``; or ``"error"``, the share of rows
    that :meth:`Perceptron.predict` gets wrong (a tie, ``m = 0``, counts as the second label).

    Returns:
        An objective with a :class:`Perceptron` as ``.model`` and its gradient (of the hinge: the subgradient that is 0
        at ``m = 1``). Asking ``"error"`` for a gradient raises :class:`ProblemError`.

    Raises:
        ProblemError: as :func:`neuron`, or for an unknown loss.

    >>> perceptron([[1.0], [-3.0]], [1, 0], loss="error")(np.array([[1.0], [-1.0]]))
    array([0., 1.])
    """
    X, signs, classes = _training_data(X, y)
    one_of(loss, "loss", LOSSES)
    model = Perceptron(classes, X.shape[1])
    return _linear_objective("perceptron", model, signs[:, None] * X / np.sqrt(X.shape[1]), loss, signs, 0.0)


@checks_arguments_but("bias")
def network(X: npt.ArrayLike, y: npt.ArrayLike, hidden: int = 2, l2: float = 0.0, bias: bool = True) -> Objective:
    """Cross entropy of a network with one hidden layer: ``mean_i log(1 + exp(-s_i z_i)) + l2/2 |w|^2``.

    ``z = v . tanh(W x + b) + c``. The weights are, in this order: ``W`` row by row (``hidden x d``), ``b`` (``hidden``,
    with ``bias`` only), ``v`` (``hidden``), ``c`` (one, with ``bias`` only).

    Args:
        X, y, l2: as in :func:`neuron`.
        hidden: units of the hidden layer.
        bias: whether ``b`` and ``c`` are there.

    Returns:
        An objective with its exact gradient and a :class:`Network` as ``.model``.

    Raises:
        ProblemError: as :func:`neuron`, or if ``hidden`` is not an integer from 1 on.

    >>> network([[0.0], [1.0]], [0, 1], hidden=3).model.num_weights
    10
    """
    X, signs, classes = _training_data(X, y)
    require(isinstance(bias, bool), "bias", "be true or false", bias)
    l2 = real(l2, "l2", nonnegative=True)
    model = Network(classes, X.shape[1], integer(hidden, "hidden", 1, 1000), bias)

    def value(w: np.ndarray, rows: slice | np.ndarray) -> np.ndarray:
        """The sum of cross entropies over rows, for each weight vector."""
        out: np.ndarray = np.logaddexp(0.0, -signs[rows] * model.raw(w, X[rows])).sum(axis=1)
        return out

    def slope(w: np.ndarray, rows: slice | np.ndarray) -> np.ndarray:
        """The gradient of that sum by backpropagation."""
        return _backpropagate(model, w, X[rows], signs[rows])

    return _objective("network", model, value, slope, len(X), model.hidden, l2)


def _backpropagate(model: Network, w: np.ndarray, X: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Gradient of the summed cross entropy, shape ``(m, ndim)``, in the layout of the weights."""
    _, _, v, c = model.unpack(w)
    a = model.activations(w, X)
    z = np.einsum("mnh,mh->mn", a, v) + c[:, None]
    outer = -signs * sigmoid(-signs * z)
    inner = outer[:, :, None] * v[:, None, :] * (1 - a**2)
    parts = [(inner.transpose(0, 2, 1) @ X).reshape(len(w), -1), np.einsum("mn,mnh->mh", outer, a)]
    if model.bias:
        parts = [parts[0], inner.sum(axis=1), parts[1], outer.sum(axis=1)[:, None]]
    return np.concatenate(parts, axis=1)


def _linear_objective(
    name: str, model: BinaryClassifier, rows: np.ndarray, loss: str, signs: np.ndarray, l2: float
) -> Objective:
    """The loss of the margins ``w . row`` where every row already carries its sign."""

    def value(w: np.ndarray, part: slice | np.ndarray) -> np.ndarray:
        """The sum of the rows' losses for each weight vector: logistic, hinge, or the number of wrong rows."""
        margins = w @ rows[part].T
        if loss == "logistic":
            out: np.ndarray = np.logaddexp(0.0, -margins).sum(axis=1)
            return out
        if loss == "hinge":
            out = np.maximum(0.0, 1 - margins).sum(axis=1)
            return out
        out = ((margins < 0) | ((margins == 0) & (signs[part] < 0))).sum(axis=1)
        return out

    def slope(w: np.ndarray, part: slice | np.ndarray) -> np.ndarray:
        """The gradient of that sum by the weights."""
        if loss == "error":
            raise ProblemError(f"The objective `{name}` has no gradient with loss='error': it is a step function.")
        margins = w @ rows[part].T
        out: np.ndarray = -(sigmoid(-margins) if loss == "logistic" else (margins < 1).astype(float)) @ rows[part]
        return out

    return _objective(name, model, value, slope, len(rows), 1, l2)


BlockSum = Callable[[np.ndarray, Any], np.ndarray]  # the rows: a slice, or an array of their numbers


def _objective(
    name: str, model: BinaryClassifier, value: BlockSum, slope: BlockSum, count: int, width: int, l2: float
) -> Objective:
    """Means over ``count`` rows from sums over blocks of them, plus the penalty."""

    def mean(term: BlockSum, w: np.ndarray, out: np.ndarray) -> np.ndarray:
        """The mean over all rows of data, summed in blocks of rows and of weight vectors of bounded memory."""
        columns(w, name, model.num_weights)
        rows = min(count, max(1, BLOCK // width))
        points = max(1, BLOCK // (rows * width))
        for first in range(0, len(w), points):
            block = slice(first, first + points)
            for start in range(0, count, rows):
                out[block] += term(w[block], slice(start, min(start + rows, count)))
        return out / count

    def fn(w: np.ndarray) -> np.ndarray:
        """The mean loss with its penalty, shape ``(m,)``."""
        out: np.ndarray = mean(value, w, np.zeros(len(w))) + l2 / 2 * np.einsum("mi,mi->m", w, w)
        return out

    def gradient(w: np.ndarray) -> np.ndarray:
        """The gradient of the mean loss with its penalty, shape ``(m, ndim)``."""
        return mean(slope, w, np.zeros(w.shape)) + l2 * w

    def some(w: np.ndarray, index: np.ndarray) -> np.ndarray:
        """The mean loss over the rows ``index`` only, with the whole penalty."""
        columns(w, name, model.num_weights)
        out = np.zeros(len(w))
        points = max(1, BLOCK // (min(len(index), BLOCK) * width))
        for first in range(0, len(w), points):
            block = slice(first, first + points)
            out[block] = value(w[block], index)
        result: np.ndarray = out / len(index) + l2 / 2 * np.einsum("mi,mi->m", w, w)
        return result

    return Objective(fn, name, gradient_fn=gradient, model=model, rows=Rows(count, some))


def _training_data(X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray, tuple[Any, Any]]:
    """``X`` as a finite matrix, the signs of ``y``, and the two labels in sorted order."""
    try:
        data = as_numbers(X)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError(
            "Argument `X` must be a matrix of numbers, but has other entries or rows of unequal length."
        ) from None
    require(data.ndim == 2 and data.size > 0, "X", "be a matrix with rows and columns", f"of shape {data.shape}")
    require(bool(np.isfinite(data).all()), "X", "be finite", "of values that are infinite or not a number")
    labels = np.asarray(y)
    require(
        labels.shape == (len(data),), "y", f"have one label for each of {len(data)} rows", f"of shape {labels.shape}"
    )
    missing = labels.dtype.kind in "fc" and not np.isfinite(labels).all()
    require(not missing and labels.dtype.kind in "biufSU", "y", "be numbers or words, none missing", y)
    kinds, index = np.unique(labels, return_inverse=True)
    require(len(kinds) == 2, "y", "have exactly two classes", f"of {len(kinds)}: {', '.join(map(str, kinds[:8]))}")
    first, second = kinds.tolist()
    return data, np.where(index == 1, 1.0, -1.0), (first, second)
