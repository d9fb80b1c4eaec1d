"""Loss, gradient and free energy of thousands of small perceptrons at once.

A module of its own beside `networks`: a batched function with its gradient, which knows nothing of training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...base.errors import describe, integer, real, require
from ...model.objectives.base import Objective
from .answers import numbers

_CLASSES = 100
_BLOCK = 250  # networks whose activations on all data are held at once: they fit into the cache


@dataclass(frozen=True, eq=False)
class Model:
    """Neurons without a hidden layer (``hidden = 0``) or with one of tanh neurons: logistic for two classes, else softmax.

    Attributes:
        X: features, shape ``(rows, features)``.
        y: numbers of the classes, shape ``(rows,)``.
        hidden: slots for hidden neurons.
        l2: of the penalty ``l2 |q|^2 / 2``.
        classes: their labels, ascending.
    """

    X: np.ndarray
    y: np.ndarray
    hidden: int
    l2: float
    classes: np.ndarray

    @property
    def outputs(self) -> int:
        """One logit for two classes, else one a class."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    @property
    def num_weights(self) -> int:
        """K: weights into the outputs, after those of the hidden neurons if there are any."""
        features = self.X.shape[1]
        return int(self.hidden * (features + self.outputs) if self.hidden else features * self.outputs)

    def gradient(self, q: np.ndarray, active: np.ndarray | None, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Gradient of the penalised loss at weights ``(m, K)``, on rows ``X (features, b, m or 1)`` and ``y (b, m or 1)``.

        Networks are the last axis of all arrays: a few long operations instead of many small products.
        """
        flat, every = np.ascontiguousarray(q.T), range(self.outputs)
        if not self.hidden:
            w = flat.reshape(len(X), self.outputs, -1)
            miss = self._miss([sum(X[f] * w[f, c] for f in range(len(X))) for c in every], y)
            out = np.stack([(miss[c] * X[f]).sum(axis=0) for f in range(len(X)) for c in every])
            return out.T + self.l2 * q
        cut = len(X) * self.hidden
        w, live = flat[:cut].reshape(len(X), self.hidden, -1), flat[cut:].reshape(self.hidden, self.outputs, -1)
        if active is not None:
            live = live * active.T[:, None]
        h = np.tanh(sum(X[f][:, None] * w[f] for f in range(len(X))))
        miss = self._miss([(h * live[:, c]).sum(axis=1) for c in every], y)
        up = np.stack([(miss[c][:, None] * h).sum(axis=0) for c in every], axis=1).reshape(len(flat) - cut, -1)
        back = (1 - h * h) * sum(miss[c][:, None] * live[:, c] for c in every)
        out = np.concatenate([*((X[f][:, None] * back).sum(axis=0) for f in range(len(X))), up]).T + self.l2 * q
        return out if active is None else out * self._mask(active)

    def _miss(self, z: list[np.ndarray], y: np.ndarray) -> list[np.ndarray]:
        """Slopes of the loss in each logit, ``(probability - 1 where the class is right) / rows``."""
        rows = len(z[0])
        if len(z) == 1:
            return [(sigmoid(z[0]) - y) / rows]
        top = np.maximum.reduce(z)
        shares = [np.exp(one - top) for one in z]
        total = sum(shares)
        return [(share / total - (y == c)) / rows for c, share in enumerate(shares)]

    def loss(self, q: np.ndarray, active: np.ndarray | None = None) -> np.ndarray:
        """Loss on all data without the penalty, shape ``(m,)``, in blocks of networks."""
        out = np.empty(len(q))
        for a in range(0, len(q), _BLOCK):
            z = self.output(q[a : a + _BLOCK], None if active is None else active[a : a + _BLOCK])
            if self.outputs == 1:
                out[a : a + _BLOCK] = (np.logaddexp(0.0, z[..., 0]) - self.y * z[..., 0]).mean(axis=1)
            else:
                right = np.take_along_axis(z, self.y[None, :, None], axis=2)[..., 0]
                top = z.max(axis=2)
                log_sum = top + np.log(np.exp(z - top[..., None]).sum(axis=2))
                out[a : a + _BLOCK] = (log_sum - right).mean(axis=1)
        return out

    def output(self, q: np.ndarray, active: np.ndarray | None = None) -> np.ndarray:
        """Logits on all data, shape ``(m, rows, outputs)``."""
        if not self.hidden:
            out: np.ndarray = self.X @ q.reshape(len(q), -1, self.outputs)
            return out
        w, v = self._split(q)
        live = v if active is None else v * active[:, :, None]
        out = np.tanh(self.X[None] @ w) @ live
        return out

    def full_gradient(self, q: np.ndarray, active: np.ndarray | None) -> np.ndarray:
        """Gradient of the penalised loss on all data, shape ``(m, K)``, in blocks of networks."""
        out = np.empty_like(q)
        for a in range(0, len(q), _BLOCK):
            some = None if active is None else active[a : a + _BLOCK]
            out[a : a + _BLOCK] = self.gradient(q[a : a + _BLOCK], some, self.X.T[..., None], self.y[:, None])
        return out

    def _split(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Input weights ``(m, features, hidden)`` and output weights ``(m, hidden, outputs)``."""
        cut = self.X.shape[1] * self.hidden
        return q[:, :cut].reshape(len(q), self.X.shape[1], self.hidden), q[:, cut:].reshape(len(q), self.hidden, -1)

    def of_slot(self, slot: np.ndarray) -> np.ndarray:
        """Which weights belong to a hidden neuron, shape ``(*slot.shape, features + outputs)``."""
        features = self.X.shape[1]
        above = features * self.hidden + slot[:, None] * self.outputs + np.arange(self.outputs)
        return np.concatenate([slot[:, None] + self.hidden * np.arange(features), above], axis=1)

    def _mask(self, active: np.ndarray) -> np.ndarray:
        return np.concatenate([np.tile(active, (1, self.X.shape[1])), np.repeat(active, self.outputs, axis=1)], axis=1)

    def free_energy(self) -> Objective:
        """F as an objective (all neurons active)."""

        def fn(points: np.ndarray) -> np.ndarray:
            """``F = -(loss + l2 |q|^2 / 2)`` of weight vectors, shape ``(m,)``."""
            out: np.ndarray = -(self.loss(points) + 0.5 * self.l2 * (points**2).sum(axis=1))
            return out

        def gradient(points: np.ndarray) -> np.ndarray:
            """``grad F`` of weight vectors, shape ``(m, ndim)``."""
            return -self.full_gradient(points, None)

        return Objective(fn, "free energy", gradient_fn=gradient)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-z))``, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def row_width(model: Model) -> int:
    """Numbers that a row of a mini-batch needs: features, activations of the hidden neurons, and outputs."""
    return int(model.X.shape[1] + 3 * model.hidden + 2 * (model.outputs - 1))


def make_model(X: ArrayLike, y: ArrayLike, hidden: int, l2: float) -> Model:
    """Data, checked, with the model that they call for."""
    features = numbers(X)
    ok = features.ndim == 2 and features.size > 0 and bool(np.isfinite(features).all())
    require(ok, "X", "be finite numbers of shape (rows, features)", describe(X))
    labels = np.asarray(y)
    require(labels.shape == (len(features),), "y", f"be {len(features)} labels", f"of shape {labels.shape}")
    plain = labels.dtype.kind in "biuUS" or (labels.dtype.kind == "f" and bool((labels % 1 == 0).all()))
    require(plain, "y", "be whole numbers or words, one a row", describe(y))
    classes, which = np.unique(labels, return_inverse=True)
    if labels.dtype.kind in "biuf" and np.isin(classes, (0, 1)).all():  # the usual ones, of which one may be missing
        classes, which = np.array([0, 1]), labels.astype(int)
    require(2 <= len(classes) <= _CLASSES, "y", f"hold 2 to {_CLASSES} classes", f"of {len(classes)}")
    return Model(features, which, integer(hidden, "hidden", 0, 1000), real(l2, "l2", nonnegative=True), classes)


def accuracies(model: Model, q: np.ndarray, active: np.ndarray | None) -> np.ndarray:
    """Share of the rows that each network gets right, shape ``(m,)``."""
    out = np.empty(len(q))
    for a in range(0, len(q), _BLOCK):
        z = model.output(q[a : a + _BLOCK], None if active is None else active[a : a + _BLOCK])
        told = z[..., 0] > 0 if model.outputs == 1 else z.argmax(axis=2)
        out[a : a + _BLOCK] = (told == model.y).mean(axis=1)
    return out
