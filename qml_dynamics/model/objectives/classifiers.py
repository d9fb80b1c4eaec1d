"""Neuron, network and binary perceptron as classifiers: labels, probabilities and scores from weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import require
from ...base.printing import printed_briefly
from .base import Model
from .scores import class_index, given_labels, gives_numbers, r_squared


@dataclass(frozen=True)
class BinaryClassifier(ABC):
    """What the models share. ``w`` is one weight vector ``(ndim,)`` or many ``(m, ndim)``.

    For many, every result gains a leading axis of length ``m``: ``predict`` and ``probability`` are ``(m, n)`` and
    ``score`` is an array ``(m,)`` in place of a float.
    """

    classes: tuple[Any, Any]
    num_features: int

    @property
    @abstractmethod
    def num_weights(self) -> int:
        """Number of weights: the ``ndim`` of the domain that this model needs."""

    @abstractmethod
    def raw(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """:meth:`decision` for many weight vectors ``(m, ndim)``, without checks."""

    def decision(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """The number ``z`` whose sign is the label: positive or zero means ``classes[1]``."""
        w, X = np.asarray(w, dtype=float), np.asarray(X, dtype=float)
        fits = w.ndim in (1, 2) and w.shape[-1] == self.num_weights
        require(fits, "w", f"have {self.num_weights} weights in its last axis", f"of shape {w.shape}")
        fits = X.ndim == 2 and X.shape[1] == self.num_features
        require(fits, "X", f"have {self.num_features} columns", f"of shape {X.shape}")
        z = self.raw(np.atleast_2d(w), X)
        return z[0] if w.ndim == 1 else z

    def probability(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Probability of ``classes[1]``: ``1 / (1 + exp(-z))``."""
        return sigmoid(self.decision(w, X))

    @checks_arguments
    def predict(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Labels of the rows of ``X``, as they were in the training data."""
        out: np.ndarray = np.asarray(self.classes)[(self.decision(w, X) >= 0).astype(int)]
        return out

    def score(self, w: np.ndarray, X: np.ndarray, y: np.ndarray) -> Any:
        """Share of the rows whose label is ``y``, by text or value: a float, or an array ``(m,)`` for many weight vectors.

        Raises:
            ProblemError: ``y`` is of another shape, or a label is none of the classes.
        """
        second, truth = self.decision(w, X) >= 0, given_labels(y)
        require(truth.shape == second.shape[-1:], "y", f"have {second.shape[-1]} labels", f"of shape {truth.shape}")
        require(truth.size > 0, "y", "have at least one label", "of length 0")
        share = (second == class_index(truth, self.classes)).mean(axis=-1)
        return float(share) if share.ndim == 0 else share


@printed_briefly
@dataclass(frozen=True)
class Neuron(BinaryClassifier):
    """A logistic neuron, ``z = w . x`` with the last weight as bias where there is one."""

    bias: bool = False

    @property
    def num_weights(self) -> int:
        """One a feature, and the bias."""
        return self.num_features + self.bias

    def raw(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """``z`` of every weight vector and row, shape ``(m, n)``."""
        d = self.num_features
        out: np.ndarray = w[:, :d] @ X.T + (w[:, d:] if self.bias else 0.0)
        return out


@printed_briefly
@dataclass(frozen=True)
class Perceptron(BinaryClassifier):
    """A perceptron, ``z = w . x / sqrt(d)``."""

    @property
    def num_weights(self) -> int:
        """One a feature."""
        return self.num_features

    def raw(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """``z`` of every weight vector and row, shape ``(m, n)``."""
        out: np.ndarray = w @ X.T / np.sqrt(self.num_features)
        return out


@printed_briefly
@dataclass(frozen=True)
class Network(BinaryClassifier):
    """One hidden layer, ``z = v . tanh(W x + b) + c``; the layout of the weights is stated in :func:`network`."""

    hidden: int = 2
    bias: bool = True

    @property
    def num_weights(self) -> int:
        """``hidden * d + hidden``, and ``hidden + 1`` more with biases."""
        return self.hidden * (self.num_features + 1) + (self.hidden + 1) * self.bias

    def unpack(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """``W (m, hidden, d)``, ``b (m, hidden)``, ``v (m, hidden)``, ``c (m,)`` of weights ``(m, ndim)``."""
        m, h = len(w), self.hidden
        first = h * self.num_features
        W = w[:, :first].reshape(m, h, self.num_features)
        if not self.bias:
            return W, np.zeros((m, h)), w[:, first:], np.zeros(m)
        return W, w[:, first : first + h], w[:, first + h : first + 2 * h], w[:, -1]

    def activations(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """``tanh(W x + b)``, shape ``(m, n, hidden)``."""
        W, b, _, _ = self.unpack(w)
        out: np.ndarray = np.tanh(X @ W.transpose(0, 2, 1) + b[:, None, :])
        return out

    def raw(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """``z`` of every weight vector and row, shape ``(m, n)``."""
        _, _, v, c = self.unpack(w)
        out: np.ndarray = np.einsum("mnh,mh->mn", self.activations(w, X), v) + c[:, None]
        return out


@dataclass(frozen=True)
class OnUnitBox(BinaryClassifier):
    """A model whose weights are given as points of the unit box, ``w = low + lengths * y``."""

    inner: BinaryClassifier
    low: tuple[float, ...]
    lengths: tuple[float, ...]

    @property
    def num_weights(self) -> int:
        """Those of the model."""
        return self.inner.num_weights

    def raw(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """``z`` of every point of the unit box and row, shape ``(m, n)``."""
        return self.inner.raw(np.array(self.low) + np.array(self.lengths) * w, X)


@dataclass(frozen=True)
class Numbers:
    """A regressor: the number ``z`` of a model in place of its label.

    >>> Numbers(Neuron((0, 1), 1, bias=True)).predict(np.array([2.0, 1.0]), np.array([[3.0], [4.0]]))
    array([7., 9.])
    """

    inner: BinaryClassifier
    numbers: ClassVar[bool] = True

    def predict(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """``z`` of the rows of ``X``, with a leading axis for many weight vectors."""
        return self.inner.decision(w, X)

    def score(self, w: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
        """R^2 of one weight vector."""
        return r_squared(np.asarray(y), self.predict(w, X))


@dataclass(frozen=True)
class OfOnesOwn:
    """A person's own model whose weights are given as points of the unit box, ``w = low + lengths * y``."""

    inner: Model
    low: tuple[float, ...]
    lengths: tuple[float, ...]

    @property
    def numbers(self) -> bool:
        """Whether it predicts numbers, as the model does."""
        return gives_numbers(self.inner)

    def weights(self, y: np.ndarray) -> np.ndarray:
        """The weights of points of the unit box."""
        return np.asarray(np.array(self.low) + np.array(self.lengths) * np.asarray(y, dtype=float))

    def predict(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Labels of the rows of ``X``."""
        return self.inner.predict(self.weights(w), X)

    def score(self, w: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
        """Share of the rows whose label is ``y``."""
        return self.inner.score(self.weights(w), X, y)


def on_box(model: Model | None, low: Sequence[float], lengths: Sequence[float]) -> Model | None:
    """A model of weights of the unit box, ``w = low + lengths * y``; None for none."""
    if isinstance(model, BinaryClassifier):
        return OnUnitBox(model.classes, model.num_features, model, tuple(low), tuple(lengths))
    return None if model is None else OfOnesOwn(model, tuple(low), tuple(lengths))


def sigmoid(z: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-z))`` without overflow, to full relative accuracy."""
    out: np.ndarray = np.exp(-np.logaddexp(0.0, -z))
    return out
