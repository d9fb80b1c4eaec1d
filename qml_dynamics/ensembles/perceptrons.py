"""The small networks of an ensemble, all at once: loss, gradient and free energy of thousands of weight vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import describe, integer, real, require
from ..objectives.base import Objective

_BLOCK = 250  # networks whose activations on all data are held at once: they fit into the cache


@dataclass(frozen=True, eq=False)
class Model:
    """A logistic neuron (``hidden = 0``, K = features) or one hidden layer of tanh neurons (K = hidden (features + 1))."""

    X: np.ndarray
    y: np.ndarray
    hidden: int
    l2: float

    @property
    def num_weights(self) -> int:
        return self.hidden * (self.X.shape[1] + 1) if self.hidden else self.X.shape[1]

    def gradient(self, q: np.ndarray, active: np.ndarray | None, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Gradient of the penalised loss at weights ``(m, K)``, on rows ``X (features, b, m or 1)`` and ``y (b, m or 1)``.

        Networks are the last axis of all arrays: a few long operations instead of many small products.
        """
        rows, flat = X.shape[1], np.ascontiguousarray(q.T)
        if not self.hidden:
            miss = (sigmoid(sum(X[f] * flat[f] for f in range(len(X)))) - y) / rows
            out = np.stack([(miss * X[f]).sum(axis=0) for f in range(len(X))])
            return out.T + self.l2 * q
        cut = len(X) * self.hidden
        w, live = flat[:cut].reshape(len(X), self.hidden, -1), flat[cut:]
        if active is not None:
            live = live * active.T
        h = np.tanh(sum(X[f][:, None] * w[f] for f in range(len(X))))
        miss = (sigmoid((h * live).sum(axis=1)) - y) / rows
        up = (miss[:, None] * h).sum(axis=0)
        back = (1 - h * h) * (miss[:, None] * live)
        out = np.concatenate([*((X[f][:, None] * back).sum(axis=0) for f in range(len(X))), up]).T + self.l2 * q
        return out if active is None else out * self._mask(active)

    def loss(self, q: np.ndarray, active: np.ndarray | None = None) -> np.ndarray:
        """Loss on all data without the penalty, shape ``(m,)``, in blocks of networks."""
        out = np.empty(len(q))
        for a in range(0, len(q), _BLOCK):
            z = self.output(q[a : a + _BLOCK], None if active is None else active[a : a + _BLOCK])
            out[a : a + _BLOCK] = (np.logaddexp(0.0, z) - self.y * z).mean(axis=1)
        return out

    def output(self, q: np.ndarray, active: np.ndarray | None = None) -> np.ndarray:
        """Logits on all data, shape ``(m, rows)``."""
        if not self.hidden:
            return q @ self.X.T
        w, v = self._split(q)
        live = v if active is None else v * active
        return (np.tanh(self.X[None] @ w) @ live[:, :, None])[..., 0]

    def full_gradient(self, q: np.ndarray, active: np.ndarray | None) -> np.ndarray:
        """Gradient of the penalised loss on all data, shape ``(m, K)``, in blocks of networks."""
        out = np.empty_like(q)
        for a in range(0, len(q), _BLOCK):
            some = None if active is None else active[a : a + _BLOCK]
            out[a : a + _BLOCK] = self.gradient(q[a : a + _BLOCK], some, self.X.T[..., None], self.y[:, None])
        return out

    def _split(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Input weights ``(m, features, hidden)`` and output weights ``(m, hidden)``."""
        cut = self.X.shape[1] * self.hidden
        return q[:, :cut].reshape(len(q), self.X.shape[1], self.hidden), q[:, cut:]

    def _mask(self, active: np.ndarray) -> np.ndarray:
        return np.concatenate([np.tile(active, (1, self.X.shape[1])), active], axis=1)

    def free_energy(self) -> Objective:
        """F as an objective (all neurons active)."""

        def fn(points: np.ndarray) -> np.ndarray:
            return -(self.loss(points) + 0.5 * self.l2 * (points**2).sum(axis=1))

        def gradient(points: np.ndarray) -> np.ndarray:
            return -self.full_gradient(points, None)

        return Objective(fn, "free energy", gradient_fn=gradient)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * z))


def row_width(model: Model) -> int:
    """Numbers that a row of a mini-batch needs: features, and activations of the hidden neurons."""
    return model.X.shape[1] + 3 * model.hidden


def make_model(X: Any, y: Any, hidden: int, l2: float) -> Model:
    features, labels = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    ok = features.ndim == 2 and features.size > 0 and bool(np.isfinite(features).all())
    require(ok, "X", "be finite numbers of shape (rows, features)", describe(features))
    fits = labels.shape == (len(features),) and bool(np.isin(labels, (0, 1)).all())
    require(fits, "y", f"be {len(features)} labels 0 or 1", describe(labels))
    return Model(features, labels, integer(hidden, "hidden", 0, 1000), real(l2, "l2", nonnegative=True))


def accuracies(model: Model, q: np.ndarray, active: np.ndarray | None) -> np.ndarray:
    out = np.empty(len(q))
    for a in range(0, len(q), _BLOCK):
        z = model.output(q[a : a + _BLOCK], None if active is None else active[a : a + _BLOCK])
        out[a : a + _BLOCK] = ((z > 0) == (model.y > 0)).mean(axis=1)
    return out
