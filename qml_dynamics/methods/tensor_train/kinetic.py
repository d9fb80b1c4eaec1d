"""The Fourier transform as an operator on a train, and functions of the momentum below a cutoff.

With ``x = sum_j x_j 2^(n-1-j)`` and ``k = sum_j k_j 2^j`` the phase of the transform at site j depends on the lower bits of k by
``s = sum_(i<j) k_i 2^(i-j)`` in [0, 1) alone, and is interpolated there on Chebyshev nodes: the ranks do not grow with the number of
qubits. Source: Chen and Lindsey, arXiv:2404.03182.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from .trains import Train, added, from_dense, multiplied, round_operator, rounded, scaled

_NODES = 22  # polynomials of degree 21 through exp(i pi s): 1e-15
_TINY = 1e-14  # of an operator's Frobenius norm
_MOST = 1 << 30
Function = Callable[[np.ndarray], np.ndarray]  # of signed integer momenta


def _polynomials(at: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Lagrange's polynomials of Chebyshev nodes, shape ``(*at.shape, nodes)``, by the barycentric formula."""
    weights = (-1.0) ** np.arange(len(nodes))
    weights[[0, -1]] /= 2
    away = at[..., None] - nodes
    hit = np.abs(away) < 1e-15
    terms = weights / np.where(hit, 1.0, away)
    values = terms / terms.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(hit.any(axis=-1, keepdims=True), hit.astype(float), values))


@lru_cache(maxsize=8)
def fourier(qubits: int) -> tuple[np.ndarray, ...]:
    """``N^(-1/2) exp(-2 pi i k x / N)``: cores ``(left, k bit, x bit, right)``, the highest bit of x and the lowest of k first.

    >>> from .trains import dense
    >>> cores = [core.reshape(core.shape[0], 4, -1)[:, [0, 2]] for core in fourier(3)]     # x = 0: the same for all k
    >>> np.allclose(dense(cores), 8**-0.5)
    True
    """
    nodes = (1 - np.cos(np.pi * np.arange(_NODES) / (_NODES - 1))) / 2
    site = np.zeros((_NODES, 2, 2, _NODES), dtype=complex)
    for k in range(2):
        moved = _polynomials((k + nodes) / 2, nodes)
        for x in range(2):
            site[:, k, x] = np.exp(-1j * np.pi * x * (k + nodes))[:, None] * moved / np.sqrt(2)
    first, last = site[:1], site.sum(axis=3, keepdims=True)  # s = 0 is the first node; the polynomials add up to 1
    cores = [first, *([site] * (qubits - 2)), last] if qubits > 1 else [first.sum(axis=3, keepdims=True)]
    return tuple(round_operator(cores, _TINY))


def adjoint(cores: tuple[np.ndarray, ...] | Train) -> Train:
    """The adjoint of an operator."""
    return [core.conj().transpose(0, 2, 1, 3) for core in cores]


def of_momentum(function: Function, qubits: int, cutoff: int, tolerance: float) -> Train:
    """A function of the signed momentum as a train over the bits of k, lowest first; 0 beyond the cutoff.

    Args:
        function: of integers between ``-2**(cutoff-1)`` and ``2**(cutoff-1) - 1``.
        qubits: of the axis.
        cutoff: qubits of the momenta that are kept; with ``qubits`` all of them.
        tolerance: of the train, relative in the 2-norm.
    """
    half = 1 << (cutoff - 1)
    k = np.arange(2 * half)
    values = function(np.where(k < half, k, k - 2 * half)).astype(complex)
    if cutoff == qubits:
        return rounded(_low_first(values, tolerance), tolerance, _MOST)[0]
    signs = [_padded(np.where(k < half, values, 0.0), 0, qubits - cutoff, tolerance)]
    signs.append(_padded(np.where(k < half, 0.0, values), 1, qubits - cutoff, tolerance))
    present = [part for part in signs if any(core.any() for core in part)]
    return present[0] if len(present) == 1 else rounded(added(*signs), tolerance, _MOST)[0]


def _low_first(values: np.ndarray, tolerance: float) -> Train:
    return [core.transpose(2, 1, 0) for core in from_dense(values, tolerance, _MOST)[::-1]]


def _padded(values: np.ndarray, bit: int, more: int, tolerance: float) -> Train:
    """The function with that bit at all higher places: those of a signed number repeat its sign."""
    place = np.zeros((1, 2, 1), dtype=complex)
    place[0, bit, 0] = 1.0
    return [*_low_first(values, tolerance), *([place] * more)]


def multiplier(diagonal: Train, qubits: int, tolerance: float) -> Train:
    """``F^+ diag F`` as one operator on the bits of x, highest first."""
    transform = list(fourier(qubits))
    scaled = [
        np.einsum("adb,wdiv->awdibv", d, w).reshape(d.shape[0] * w.shape[0], 2, 2, -1)
        for d, w in zip(diagonal, transform)
    ]
    return multiplied(adjoint(transform), round_operator(scaled, 0.1 * tolerance), tolerance)


def of_sines(diagonal: Train, tolerance: float, parity: int = -1) -> Train:
    """``S^+ diag S`` with the sine transform between walls (parity 1: the cosine transform), on the bits of x, highest first.

    An odd wave on the ring of twice the length stays odd, so that the operator there, M, acts as ``M_00 - M_01 X...X``: its parts from
    either half to the first, the second one mirrored; an even function stays even, with the other sign.

    Args:
        diagonal: an even function of the momenta of that ring, lowest bit first, of one qubit more.
        tolerance: relative, in the Frobenius norm.
        parity: of what the operator acts on.
    """
    top, *rest = multiplier(diagonal, len(diagonal), 0.1 * tolerance)
    same, other = ([np.tensordot(top[:, 0, b], rest[0], 1), *rest[1:]] for b in (0, 1))
    flat = [core.reshape(core.shape[0], 4, -1) for core in same]
    turned = [core[:, :, ::-1].reshape(core.shape[0], 4, -1) for core in other]
    total = added(flat, scaled(turned, float(parity)))
    return round_operator([core.reshape(core.shape[0], 2, 2, -1) for core in total], tolerance)
