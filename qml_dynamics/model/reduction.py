"""Columns of a table reduced to few: weighted standardisation, then partial least squares, principal components or a choice.

A module of its own: it is linear algebra of tables, which faces on tables share. PLS1 by NIPALS with deflation: Wold, Sjostrom, Eriksson,
Chemometrics and Intelligent Laboratory Systems 58, 109 (2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.errors import one_of

REDUCTIONS = ("pls", "pca", "columns")
_NONE = 1e-9  # of the size of the first direction: what is left of a table of lower rank


@dataclass(frozen=True, eq=False)
class Reduction:
    """``t = (x - mean) @ matrix``, of mean 0 and variance 1 on the training rows.

    Attributes:
        mean: of the columns, shape ``(d,)``.
        matrix: shape ``(d, k)``.
    """

    mean: np.ndarray
    matrix: np.ndarray

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Components of rows, shape ``(n, k)``."""
        return np.asarray((X - self.mean) @ self.matrix)


def reduced(X: np.ndarray, y: np.ndarray, weight: np.ndarray, count: int, how: str) -> Reduction:
    """At most ``count`` components of the columns of X.

    Args:
        X: shape ``(n, d)``; a column that is constant takes no part.
        y: the target, numbers, shape ``(n,)``.
        weight: of the rows, not negative.
        count: components; fewer where the table has fewer independent directions, one at least.
        how: ``"pls"``, directions of largest covariance with y; ``"pca"``, of largest variance; ``"columns"``, the columns that
            correlate most with y.

    >>> X = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> reduced(X, np.array([0.0, 1.0, 2.0]), np.ones(3), 2, "pls").transform(X).round(3).tolist()
    [[-1.225], [0.0], [1.225]]
    """
    one_of(how, "reduction", REDUCTIONS)
    share = weight / weight.sum()
    mean = share @ X
    spread = np.sqrt(share @ (X - mean) ** 2)
    varies = spread > 1e-12 * np.maximum(np.abs(mean), 1e-300)
    scale = np.where(varies, spread, 1.0)
    standard = np.where(varies, (X - mean) / scale, 0.0)
    centred = y - share @ y
    directions = {"pls": _pls, "pca": _pca, "columns": _columns}[how](standard, centred, share, count)
    spreads = np.sqrt(share @ (standard @ directions) ** 2)
    matrix = directions / np.where(spreads > 0, spreads, 1.0) * np.where(varies, 1 / scale, 0.0)[:, None]
    return Reduction(mean, matrix)


def _pls(X: np.ndarray, y: np.ndarray, share: np.ndarray, count: int) -> np.ndarray:
    """Rotations ``W (P^T W)^{-1}``, shape ``(d, k)``."""
    left, weights, loads, first = X.copy(), [], [], 0.0
    for _ in range(min(count, X.shape[1])):
        w = left.T @ (share * y)
        size = float(np.linalg.norm(w))
        first = first or size
        if size <= _NONE * max(first, _NONE):
            break
        w /= size
        t = left @ w
        load = left.T @ (share * t) / float(share @ t**2)
        left = left - np.outer(t, load)
        weights.append(w)
        loads.append(load)
    if not weights:  # nothing covaries with the target
        return _pca(X, y, share, 1)
    W, P = np.array(weights).T, np.array(loads).T
    return W @ np.linalg.inv(P.T @ W)


def _pca(X: np.ndarray, y: np.ndarray, share: np.ndarray, count: int) -> np.ndarray:
    """Right singular vectors of the weighted table; their signs by the largest entry."""
    _, sizes, vectors = np.linalg.svd(np.sqrt(share)[:, None] * X, full_matrices=False)
    kept = max(1, int((sizes[:count] > _NONE * max(float(sizes[0]), 1e-300)).sum()))
    found = vectors[:kept].T
    signs = np.sign(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])])
    return found * np.where(signs == 0, 1.0, signs)


def _columns(X: np.ndarray, y: np.ndarray, share: np.ndarray, count: int) -> np.ndarray:
    """The columns of largest correlation with the target, in the order of the table."""
    strength = np.abs(X.T @ (share * y))
    places = np.sort(np.argsort(-strength, kind="stable")[:count])
    return np.eye(X.shape[1])[:, places]
