"""The metric by simultaneous perturbation: a few overlaps with random directions, whatever the number of parameters.

For random signs ``u, v`` and a length eps, ``a = -(1/8 eps^2) [f(u+v) - f(u-v) - f(v-u) + f(-u-v)]`` with
``f(w) = |<psi(theta)|psi(theta + eps w)>|^2`` estimates ``u A v`` up to ``O(eps^2)``, and ``a (u v^T + v u^T) / 2`` has the mean A.
Estimates are averaged over the resamplings of the last few steps, along which the metric changes little. After Gacon, Zoufal,
Carleo, Woerner, Quantum 5, 567 (2021), arXiv:2103.09232, with differences that are centred.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from qiskit import QuantumCircuit

from .estimates import Metric
from .outcomes import Request, Seen
from .rotations import RotationSequence
from .shifts import METRIC, SIGNS, overlap

LENGTH = 0.4  # radians that a displaced wave is away, in the root mean square: a bias of about LENGTH^2 / 3
WINDOW = 4  # steps that are averaged


def length(jacobian: np.ndarray) -> float:
    """eps, from how far the rotations of random directions add up to: ``eps^2 sum J^2 / 2 = LENGTH^2``."""
    total = 0.5 * float((jacobian**2).sum())
    return LENGTH / np.sqrt(total) if total > 0 else LENGTH


def directions(count: int, resamplings: int, seed: int) -> np.ndarray:
    """Random signs, shape ``(resamplings, 2, count)``."""
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(resamplings, 2, count))


def metric_requests(
    sequence: RotationSequence, theta: np.ndarray, signs: np.ndarray, eps: float, width: int
) -> list[Request]:
    """Four overlaps a resampling."""
    amounts, stop = sequence.amounts(theta), len(sequence.steps)
    out = []
    for r, (u, v) in enumerate(signs):
        for k, (s, q) in enumerate(SIGNS):
            shifted = partial(sequence.amounts, theta + eps * (s * u + q * v))
            out.append(Request((METRIC, r, k), partial(_overlap, sequence, amounts, shifted, stop, width)))
    return out


def _overlap(
    sequence: RotationSequence, amounts: np.ndarray, shifted: Callable[[], np.ndarray], stop: int, width: int
) -> QuantumCircuit:
    return overlap(sequence, amounts, shifted(), stop, width)


def samples(signs: np.ndarray, eps: float, seen: Seen) -> np.ndarray:
    """One estimate of the metric a resampling, shape ``(resamplings, p, p)``."""
    out = []
    for r, (u, v) in enumerate(signs):
        shares = [seen[METRIC, r, k].share(0)[0] for k in range(4)]
        a = -sum(s * q * f for (s, q), f in zip(SIGNS, shares)) / (8 * eps**2)
        out.append(0.5 * a * (np.multiply.outer(u, v) + np.multiply.outer(v, u)))
    return np.array(out)


def metric(pool: np.ndarray) -> Metric:
    """Mean of all samples; its errors are their spread, which holds the noise of shots and of directions."""
    count = len(pool)
    deviations = pool - pool.mean(axis=0)
    weight = 1.0 / (count * (count - 1))
    stderr = np.sqrt(weight * (deviations**2).sum(axis=0))

    def spread(x: np.ndarray) -> np.ndarray:
        """The covariance of ``A x``, from the spread of the samples."""
        rows = deviations @ x
        out: np.ndarray = weight * rows.T @ rows
        return out

    return Metric(pool.mean(axis=0), stderr, spread)
