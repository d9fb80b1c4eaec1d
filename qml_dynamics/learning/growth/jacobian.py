"""Tangents ``d logits / d weights`` of a perceptron, and what new parameters would add to their span.

With ``P_l = d logits / d z_l`` for the pre-activation ``z_l = W_l a_l + b_l`` of layer l, the tangents of ``W_l`` are
``P_l (x) a_l`` and those of ``b_l`` are ``P_l``: one column a parameter, one row a sample and class. Derived here.
"""

from __future__ import annotations

import numpy as np

from .mlp import ACTIVATIONS, MLP, Passed


def pushes(net: MLP, passed: Passed) -> list[np.ndarray]:
    """``P_l = d logits / d z_l`` of every layer, shape ``(rows, classes, units of the layer)`` each.

    ``P_last = 1`` and ``P_(l-1) = P_l W_l diag(phi'(z_(l-1)))``.

    Args:
        net: a network of any depth.
        passed: what :meth:`MLP.through` left of the rows.
    """
    slope = ACTIVATIONS[net.activation].slope
    classes = net.sizes[-1]
    found = [np.broadcast_to(np.eye(classes), (len(passed.after[0]), classes, classes))]
    for i in range(len(net.weights) - 1, 0, -1):
        found.insert(0, (found[0] @ net.weights[i]) * slope(passed.before[i - 1])[:, None, :])
    return found


def tangents(net: MLP, X: np.ndarray) -> np.ndarray:
    """``d logits / d parameters``, shape ``(rows * classes, parameters)``.

    The order of the parameters: ``W_0`` row by row, ``b_0``, ``W_1`` row by row, ``b_1``, and so on.

    >>> from qml_dynamics.learning.growth.mlp import new_network
    >>> tangents(new_network([2, 3, 3, 2]), np.eye(2)).shape
    (4, 29)
    """
    passed = net.through(X)
    return np.hstack([of_layer(push, after) for push, after in zip(pushes(net, passed), passed.after)])


def of_layer(push: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The tangents of one layer's weights and biases, shape ``(rows * classes, out * in + out)``."""
    rows, classes, out = push.shape
    weights = push[..., None] * inputs[:, None, None, :]
    return np.hstack([weights.reshape(rows * classes, -1), push.reshape(rows * classes, out)])


def span(columns: np.ndarray, least: float = 1e-12) -> np.ndarray:
    """An orthonormal basis of the columns, by the smaller Gram matrix.

    Directions below ``least`` of the largest eigenvalue of the Gram matrix are numerically dependent and left out.

    >>> span(np.array([[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]])).shape
    (3, 1)
    """
    tall = columns.shape[0] >= columns.shape[1]
    values, vectors = np.linalg.eigh(columns.T @ columns if tall else columns @ columns.T)
    kept = values > least * max(float(values[-1]), 1e-300)
    return np.linalg.qr(columns @ vectors[:, kept] / np.sqrt(values[kept]))[0] if tall else vectors[:, kept]


def explained_by_units(features: np.ndarray, push: np.ndarray, rest: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """By how much of ``|rest|^2`` each new unit of a hidden layer would lower the residual, shape ``(candidates,)``.

    Its outgoing weights into unit k of the next layer have the tangents ``features * push[..., k]``; their squared projection
    counts as far as they leave the span of ``basis``.

    Args:
        features: values of the new units, shape ``(candidates, rows)``.
        push: ``P`` of the next layer, shape ``(rows, classes, units of it)``.
        rest: at right angles to ``basis``, shape ``(rows, classes)``.
        basis: shape ``(rows * classes, directions)``.
    """
    rows, classes, k = push.shape
    turned = push.transpose(0, 2, 1)
    inner = (turned @ basis.reshape(rows, classes, -1)).reshape(rows, -1)
    inside = (features @ inner).reshape(len(features), k, -1)
    whole = ((features**2) @ (turned @ push).reshape(rows, -1)).reshape(-1, k, k)
    size = np.trace(whole, axis1=1, axis2=2)[:, None] / k
    values, vectors = np.linalg.eigh(whole - inside @ inside.transpose(0, 2, 1))
    along = np.einsum("ckj,ck->cj", vectors, features @ (turned @ rest[..., None])[..., 0])
    kept = values > 1e-9 * np.maximum(size, 1e-300)
    return np.asarray(np.where(kept, along**2 / np.where(kept, values, 1.0), 0.0).sum(axis=1))


def explained_by_columns(columns: np.ndarray, rest: np.ndarray, basis: np.ndarray) -> tuple[float, int]:
    """The same for a whole block of new tangents, and how many directions it adds to the span of ``basis``."""
    size = float((columns**2).sum(axis=0).max(initial=0.0))
    fresh = columns - basis @ (basis.T @ columns)
    new = fresh[:, (fresh**2).sum(axis=0) > 1e-9 * max(size, 1e-300)]
    if not new.size:
        return 0.0, 0
    directions = span(new, 1e-9)
    return float(((directions.T @ rest) ** 2).sum()), directions.shape[1]
