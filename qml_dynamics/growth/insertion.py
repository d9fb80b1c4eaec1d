"""When to add a hidden unit, and which: from what the network cannot follow on its data.

The loss falls fastest along the functional gradient ``r = p - y`` (one value a row and class). Training moves the outputs only
within the span of the tangents ``d logits / d weights``. The share of ``|r|^2`` outside of that span is the residual, as
McLachlan's is for an ansatz: 0, any descent can be followed; 1, the network is stuck (its gradient is zero) though the data still
ask for change. A new unit without outgoing weights brings the tangents ``phi(u x + b)`` times each class, and lowers
the residual by what they explain. Derived here, after Gomes et al., arXiv:2102.01544, for circuits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..errors import MethodError, integer, real, require
from .mlp import ACTIVATIONS, MLP, insert_neurons


@dataclass(frozen=True)
class NeuronGrowth:
    """When hidden units are added, one at a time.

    Attributes:
        threshold: grow where the residual exceeds it, between 0 and 1.
        every: epochs between two looks, and after a growth.
        max_hidden: units of the hidden layer at most.
        candidates: random directions among which the new unit is chosen.
        rows: rows of the training data that are looked at, evenly spread.
    """

    threshold: float = 0.5
    every: int = 5
    max_hidden: int = 16
    candidates: int = 128
    rows: int = 192

    def __post_init__(self) -> None:
        real(self.threshold, "threshold", nonnegative=True, error=MethodError)
        require(self.threshold < 1, "threshold", "be below 1", self.threshold, MethodError)
        integer(self.every, "every", 1, 1_000_000, MethodError)
        integer(self.max_hidden, "max_hidden", 1, 10_000, MethodError)
        integer(self.candidates, "candidates", 2, 100_000, MethodError)
        integer(self.rows, "rows", 2, 100_000, MethodError)


class Look(NamedTuple):
    """What a look at the data says.

    Attributes:
        residual: the share of the functional gradient that no tangent of the network follows.
        gain: by how much of that share the best new unit lowers it.
        noise: what the best of so many random units would explain of a residual that is pure noise; to grow takes more.
        incoming, bias: the best new unit, shapes ``(in,)`` and ``()``.
    """

    residual: float
    gain: float
    noise: float
    incoming: np.ndarray
    bias: float


def look(net: MLP, X: np.ndarray, y: np.ndarray, growth: NeuronGrowth, rng: np.random.Generator) -> Look:
    """The residual of a network with one hidden layer on its data, and the best of ``growth.candidates`` new units.

    Args:
        net: a network with one hidden layer.
        X, y: training rows and class numbers.
        growth: how many rows and candidates.
        rng: of the candidates.
    """
    few = np.unique(np.linspace(0, len(X) - 1, min(growth.rows, len(X))).astype(int))
    data, labels = X[few], y[few]
    r = net.probabilities(data)
    r[np.arange(len(labels)), labels] -= 1.0
    basis = _span(tangents(net, data))
    free = r.size - basis.shape[1]
    rest = r.reshape(-1) - basis @ (basis.T @ r.reshape(-1))
    total = float((r**2).sum())
    u = rng.standard_normal((growth.candidates, data.shape[1])) / np.sqrt(data.shape[1])
    b = rng.uniform(-1, 1, growth.candidates)
    if total == 0 or free <= r.shape[1]:
        return Look(0.0, 0.0, 1.0, u[0], float(b[0]))
    share = float((rest**2).sum()) / total
    features = ACTIVATIONS[net.activation].value(data @ u.T + b)
    explained = _explained(features.T, rest.reshape(r.shape), basis)
    best = int(explained.argmax())
    k, m = r.shape[1], np.log(growth.candidates)
    noise = (
        k + 2 * np.sqrt(k * m) + 2 * m
    ) / free  # tail of chi^2 with k degrees: Laurent, Massart, Ann. Stat. 28, 1302
    gain = float(explained[best]) / max(float((rest**2).sum()), 1e-300)
    return Look(share, gain, min(1.0, float(noise)), u[best], float(b[best]))


def tangents(net: MLP, X: np.ndarray) -> np.ndarray:
    """``d logits / d parameters``, shape ``(rows * classes, parameters)``, of a network with one hidden layer.

    The order of the parameters: ``W_0`` row by row, ``b_0``, ``W_1`` row by row, ``b_1``.
    """
    require(len(net.weights) == 2, "net", "have one hidden layer", f"of sizes {net.sizes}", MethodError)
    passed = net.through(X)
    slope = ACTIVATIONS[net.activation].slope(passed.before[0])
    hidden, classes = passed.after[1], net.sizes[-1]
    inner = net.weights[1][None] * slope[:, None, :]  # (rows, classes, hidden)
    first = (inner[..., None] * X[:, None, None, :]).reshape(len(X) * classes, -1)
    eye = np.eye(classes)
    last = (eye[None, :, :, None] * hidden[:, None, None, :]).reshape(len(X) * classes, -1)
    return np.hstack([first, inner.reshape(len(X) * classes, -1), last, np.tile(eye, (len(X), 1))])


def grow(net: MLP, seen: Look) -> MLP:
    """The network with the unit that was found; its outputs stay what they were."""
    return insert_neurons(net, 0, seen.incoming[None], np.array([seen.bias]))


def _span(columns: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the columns, by the smaller Gram matrix; what is numerically dependent is left out."""
    tall = columns.shape[0] >= columns.shape[1]
    values, vectors = np.linalg.eigh(columns.T @ columns if tall else columns @ columns.T)
    kept = values > 1e-12 * max(float(values[-1]), 1e-300)
    return np.linalg.qr(columns @ vectors[:, kept] / np.sqrt(values[kept]))[0] if tall else vectors[:, kept]


def _explained(features: np.ndarray, rest: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Squared projection of ``rest`` on the span of each feature times each class, where that leaves ``basis``.

    ``features`` has shape ``(candidates, rows)``; ``rest`` stands on ``basis`` at right angles.
    """
    rows, classes = rest.shape
    inside = (features @ basis.reshape(rows, -1)).reshape(len(features), classes, -1)
    norms = (features**2).sum(axis=1)[:, None]
    gram = norms[..., None] * np.eye(classes) - inside @ inside.transpose(0, 2, 1)
    values, vectors = np.linalg.eigh(gram)
    along = np.einsum("ckj,ck->cj", vectors, features @ rest)
    kept = values > 1e-9 * norms
    return np.where(kept, along**2 / np.where(kept, values, 1.0), 0.0).sum(axis=1)
