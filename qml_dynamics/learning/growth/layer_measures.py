"""Measures of the layers of one network, from plain arrays: those of the weights alone, and those on data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .entropies import entropy, participation
from .measures import volumes
from .mlp import ACTIVATIONS, forward, softmax

_AT_ONCE = 1 << 22  # numbers of the Jacobians that are held at a time


def of_weights(weights: Sequence[np.ndarray], rcond: float) -> dict[str, Any]:
    """The columns of a :class:`~qml_dynamics.growth.Recording` that need no data, one value a layer.

    >>> of_weights([np.diag([2.0, 0.5]), np.ones((1, 2))], 1e-12)["units/layer"]
    [2, 1]
    """
    report = volumes(weights, rcond=rcond)
    spectra = [np.linalg.svd(w, compute_uv=False) for w in weights]
    states = [_state(w, sigma) for w, sigma in zip(weights, spectra)]
    return {
        "log_volume/layer": report.log_volume,
        "log_volume/total": report.total,
        "dropped/layer": report.dropped,
        "units/layer": [len(w) for w in weights],
        "entropy/von_neumann/layer": [s.von_neumann for s in states],
        "entropy/differential/layer": _differential(weights, rcond),
        "coherence/relative_entropy/layer": [s.coherence for s in states],
        "participation/layer": [s.participation for s in states],
        "orthogonality/layer": [
            float(((s**2 - 1) ** 2).sum()) + max(0, w.shape[1] - w.shape[0]) for w, s in zip(weights, spectra)
        ],
    }


class _State(NamedTuple):
    """Measures of ``rho = W^T W / tr``, from the singular values and the columns: rho itself has ``in^2`` numbers."""

    von_neumann: float
    coherence: float
    participation: float


def _state(w: np.ndarray, sigma: np.ndarray) -> _State:
    if not sigma[0]:  # a layer of zeros has no state
        return _State(float("nan"), float("nan"), float("nan"))
    spectrum, diagonal = (sigma / sigma[0]) ** 2, ((w / sigma[0]) ** 2).sum(axis=0)
    spectrum, diagonal = spectrum / spectrum.sum(), diagonal / diagonal.sum()
    inner = entropy(spectrum, kind="shannon")
    return _State(inner, max(0.0, entropy(diagonal, kind="shannon") - inner), participation(spectrum))


def of_data(
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    X: np.ndarray,
    activation: str,
    output: str,
    rows: int,
    rcond: float,
) -> dict[str, Any]:
    """The columns that need data: volumes of the Jacobians ``diag(phi'(z)) W``, dead units, and the output's Shannon entropy.

    Dead units and the entropy are those of all rows of ``X``, shape ``(rows, inputs)``; the Jacobians are averaged over ``rows``
    of them at most, evenly spread. Other arguments as in :class:`~qml_dynamics.growth.Recorder`.
    """
    passed = forward(weights, biases, X, activation)
    slope = ACTIVATIONS[activation].slope
    few = np.unique(np.linspace(0, len(X) - 1, min(rows, len(X))).astype(int))
    volume, lost, dead = [], [], []
    for i, (w, z) in enumerate(zip(weights, passed.before)):
        turn = np.ones_like(z) if i == len(weights) - 1 else slope(z)
        dead.append(int((~(turn.any(axis=0) & w.any(axis=1))).sum()))
        logs, drops = _jacobians(turn[few], w, rcond)
        volume.append(float(logs.mean()))
        lost.append(float(drops.mean()))
    row: dict[str, Any] = {
        "log_volume/jacobian/layer": volume,
        "log_volume/jacobian/total": float(np.sum(volume)),
        "dropped/jacobian/layer": lost,
        "dead_units/layer": dead,
    }
    if output != "identity":
        row["entropy/shannon/output"] = _predictive(passed.after[-1], output)
    return row


def _jacobians(turn: np.ndarray, w: np.ndarray, rcond: float) -> tuple[np.ndarray, np.ndarray]:
    """Log volumes and dropped singular values of ``diag(turn_i) W``, one a row of data, in pieces that fit into memory."""
    step = max(1, _AT_ONCE // w.size)
    found = [
        _pseudo(np.linalg.svd(turn[i : i + step, :, None] * w, compute_uv=False), rcond)
        for i in range(0, len(turn), step)
    ]
    return np.concatenate([logs for logs, _ in found]), np.concatenate([drops for _, drops in found])


def _differential(weights: Sequence[np.ndarray], rcond: float) -> list[float]:
    """``1/2 log((2 pi e)^r pdet(M M^T))`` for ``M`` the product up to each layer and ``r`` its rank."""
    product, out = np.eye(weights[0].shape[1]), []
    for w in weights:
        product = w @ product
        report = volumes(product, rcond=max(rcond, 1e-12))
        rank = min(product.shape) - int(report.dropped[0])
        out.append(0.5 * rank * float(np.log(2 * np.pi * np.e)) + float(report.log_volume[0]))
    return out


def _pseudo(sigma: np.ndarray, rcond: float) -> tuple[np.ndarray, np.ndarray]:
    """Sum of logs of the singular values that are not zero, and how many are; a map that is all zero counts as volume 1."""
    kept = sigma > np.maximum(rcond * sigma[:, :1], np.finfo(float).tiny)
    return np.where(kept, np.log(np.where(kept, sigma, 1.0)), 0.0).sum(axis=1), (~kept).sum(axis=1)


def _predictive(logits: np.ndarray, output: str) -> float:
    if output == "softmax":
        p = softmax(logits)
    else:
        half = 0.5 * (1 + np.tanh(0.5 * logits))
        p = np.stack([half, 1 - half], axis=-1).reshape(-1, 2)
    return float(-(p * np.log(np.maximum(p, np.finfo(float).tiny))).sum(axis=1).mean())
