"""Entropies that say which one they are, coherence, purity and participation; all in nats.

A fixed unitary layer keeps the von Neumann entropy; only the Shannon entropy of what is measured, or the entanglement entropy
of a part, can grow under it. So no function here computes "the" entropy: each value has a named kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.errors import ProblemError, describe, integer, one_of, require
from ...base.numeric import Array, listed

KINDS = ("shannon", "von_neumann", "entanglement", "differential", "production")
COHERENCES = ("l1", "relative_entropy")
_TINY = 1e-12  # eigenvalues and probabilities may be negative by this much: round-off


@checks_arguments_but("kind", "keep")
def entropy(x: Array, *, kind: str, keep: Sequence[int] | None = None, before: Array | None = None) -> float:
    """One named entropy, in nats.

    ========================  ==================================================================================
    kind                      value and argument ``x``
    ========================  ==================================================================================
    ``"shannon"``             ``-sum p log p`` of probabilities (real ``x``, any shape, summing to 1), of the measured
                              density ``|psi|^2`` of a wave (complex ``x``), or of the diagonal of a density matrix
    ``"von_neumann"``         ``-tr rho log rho`` of a density matrix (square); 0 of a wave, any shape
    ``"entanglement"``        von Neumann entropy of the qubits ``keep`` of a wave of ``2**n`` amplitudes
    ``"differential"``        ``1/2 log((2 pi e)^d det S)`` of a Gaussian with covariance ``x = S``, shape ``(d, d)``; a linear
                              layer W turns S into ``W S W^T`` and adds ``log |det W|``
    ``"production"``          von Neumann entropy of ``x`` minus that of ``before``: not negative for mixed unitary channels
    ========================  ==================================================================================

    Args:
        x: see the table; waves are normalised (those on a square grid must be: they could be meant as matrices), probabilities
            and density matrices must be.
        kind: which entropy.
        keep: qubits of the part (0 is the least significant bit of the flat index), for ``"entanglement"``.
        before: the state before the channel, for ``"production"``.

    Raises:
        ProblemError: an unknown kind (the message lists them), or an argument that does not fit it.

    >>> bell = np.array([1, 0, 0, 1]) / 2**0.5 + 0j
    >>> entropy(bell, kind="shannon"), entropy(bell, kind="entanglement", keep=[0])
    (0.693147, 0.693147)
    >>> abs(entropy(bell, kind="von_neumann")) < 1e-12
    True
    """
    one_of(kind, "kind", KINDS)
    require(keep is None or kind == "entanglement", "keep", "be given for kind 'entanglement' only", keep)
    require(before is None or kind == "production", "before", "be given for kind 'production' only", before)
    if kind == "shannon":
        return _shannon(probabilities(x))
    if kind == "differential":
        return _differential(x)
    if kind == "entanglement":
        return _spectral(reduced(x, keep))
    if kind == "production":
        require(before is not None, "before", "be the state before the channel", before)
        assert before is not None
        return _von_neumann(x) - _von_neumann(before)
    return _von_neumann(x)


@checks_arguments
def coherence(state: Array, kind: str = "l1") -> float:
    """Coherence in the weight basis of a wave or a density matrix.

    ``"l1"``: ``sum_{i != j} |rho_ij|``, between 0 and N - 1; ``"relative_entropy"``: ``S(diag rho) - S(rho)``, in nats.
    Source: Baumgratz, Cramer, Plenio, Phys. Rev. Lett. 113, 140401 (2014), arXiv:1311.0275.

    Args:
        state: amplitudes of a wave, any shape (normalised here, but for a square array: it must be so), or a density matrix.
        kind: which coherence.

    Raises:
        ProblemError: an unknown kind, or neither a wave nor a density matrix.

    >>> coherence(np.ones(4)), coherence(np.ones(4), "relative_entropy")
    (3.0, 1.386294)
    """
    one_of(kind, "kind", COHERENCES)
    array = _numbers(state, "state")
    if _is_matrix(array):
        rho = _density(array)
        if kind == "l1":
            return float(np.abs(rho).sum() - np.abs(np.diag(rho)).sum())
        return max(0.0, _shannon(np.maximum(np.diag(rho).real, 0.0)) - _spectral(rho))
    psi = _wave(array)
    if kind == "l1":
        return max(0.0, float(np.abs(psi).sum() ** 2 - 1.0))
    return _shannon(np.abs(psi) ** 2)


@checks_arguments
def purity(state: Array) -> float:
    """``tr rho^2`` of a density matrix, 1 of a wave.

    Raises:
        ProblemError: neither a wave nor a density matrix.

    >>> purity(np.eye(4) / 4)
    0.25
    """
    array = _numbers(state, "state")
    if not _is_matrix(array):
        _wave(array)
        return 1.0
    return float((np.abs(_density(array)) ** 2).sum())


@checks_arguments
def participation(x: Array) -> float:
    """``1 / sum p^2``: over how many points a distribution (real ``x``) or the density of a wave (complex ``x``) is spread.

    Of a density matrix: that of its diagonal.

    Raises:
        ProblemError: real numbers that are no probabilities, or nothing but zeros.

    >>> participation([0.5, 0.5, 0.0, 0.0])
    2.0
    """
    return float(1.0 / (probabilities(x) ** 2).sum())


@checks_arguments_but("keep")
def reduced(psi: Array, keep: Sequence[int] | None) -> np.ndarray:
    """The density matrix of the qubits ``keep`` of a wave; ``keep[0]`` becomes its least significant bit.

    Args:
        psi: ``2**n`` amplitudes, any shape.
        keep: qubits, 0 is the least significant bit of the flat index.

    Returns:
        Shape ``(2**k, 2**k)`` for ``k`` qubits.

    Raises:
        ProblemError: another number of amplitudes, or qubits that are not there, missing, or named twice.

    >>> reduced(np.array([0, 1, 0, 0]), [0]).real.tolist()      # qubit 0 is 1, qubit 1 is 0
    [[0.0, 0.0], [0.0, 1.0]]
    """
    wave = _wave(_numbers(psi, "x"))
    n = wave.size.bit_length() - 1
    require(wave.size == 1 << n and n > 0, "x", "have 2, 4, 8, ... amplitudes", f"of {wave.size} amplitudes")
    require(listed(keep) and len(keep) > 0, "keep", "be a list of qubits", keep)
    assert keep is not None
    part = [integer(q, "keep", 0, n - 1) for q in keep]
    require(len(set(part)) == len(part), "keep", "name each qubit once", part)
    rest = [q for q in range(n) if q not in part]
    axes = [n - 1 - q for q in [*reversed(part), *reversed(rest)]]  # axis 0 of the tensor is the highest qubit
    rows = wave.reshape((2,) * n).transpose(axes).reshape(1 << len(part), -1)
    out: np.ndarray = rows @ rows.conj().T
    return out


def probabilities(x: Array) -> np.ndarray:
    """Probabilities as a flat array: given (real), of a wave (complex), or the diagonal of a density matrix."""
    array = _numbers(x, "x")
    given = not np.iscomplexobj(array)
    low, total = float(array.real.min()), float(array.real.sum())
    if given and low >= -_TINY and abs(total - 1) <= 1e-6:
        out: np.ndarray = np.maximum(array, 0.0).reshape(-1) / total
        return out
    if _is_matrix(array):
        diagonal = np.maximum(np.diag(array).real, 0.0)
        return np.asarray(diagonal / diagonal.sum())
    must = "be probabilities that sum to 1 (of a wave: complex numbers)"
    require(not given, "x", must, f"of sum {total:.6g} and least value {low:.3g}")
    out = np.abs(_wave(array)) ** 2
    return out


def _shannon(p: np.ndarray) -> float:
    p = p[p > 0]
    return max(0.0, float(-(p * np.log(p)).sum()))


def _spectral(rho: np.ndarray) -> float:
    return _shannon(np.maximum(np.linalg.eigvalsh(rho), 0.0))


def _differential(x: Array) -> float:
    s = _numbers(x, "x")
    require(not np.iscomplexobj(s), "x", "be a real covariance matrix", "of complex numbers")
    square = s.ndim == 2 and s.shape[0] == s.shape[1]
    require(square, "x", "be a square covariance matrix", f"of shape {s.shape}")
    scale = float(np.abs(s).max())
    require(bool(np.allclose(s, s.T, atol=1e-9 * scale)), "x", "be a symmetric covariance", f"of shape {s.shape}")
    sign, log = np.linalg.slogdet(s)
    least = float(np.linalg.eigvalsh(s)[0])
    require(least >= -1e-9 * scale, "x", "be a covariance without negative variances", f"of variance {least:.3g}")
    if sign <= 0:
        return float("-inf")
    return 0.5 * (len(s) * float(np.log(2 * np.pi * np.e)) + float(log))


def _numbers(x: Array, name: str) -> np.ndarray:
    try:
        array = np.asarray(x)
        array = array.astype(complex if array.dtype.kind == "c" else float)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError(f"Argument `{name}` must be an array of numbers, but is {describe(x)}.") from None
    ok = array.size > 0 and bool(np.isfinite(array).all())
    if not ok:  # printing an array takes longer than all else here
        require(ok, name, "be an array of finite numbers, not empty", describe(array))
    return array


def _is_matrix(array: np.ndarray) -> bool:
    """A square matrix of trace 1 that is Hermitian: a density matrix, not a wave on a square grid."""
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        return False
    hermitian = bool(np.abs(array - array.conj().T).max() <= 1e-9)
    return hermitian and abs(float(np.trace(array).real) - 1) <= 1e-6 and float(np.diag(array).real.min()) >= -_TINY


def _von_neumann(x: Array) -> float:
    array = _numbers(x, "x")
    if _is_matrix(array):
        return _spectral(_density(array))
    _wave(array)
    return 0.0  # pure: its matrix, the square of its size, is never made


def _density(array: np.ndarray) -> np.ndarray:
    """A matrix of trace 1 without negative eigenvalues."""
    least = float(np.linalg.eigvalsh(array)[0])
    require(least >= -1e-9, "x", "be a density matrix without negative eigenvalues", f"with {least:.3g}")
    return array


def _wave(array: np.ndarray) -> np.ndarray:
    norm = float(np.linalg.norm(array))
    require(norm > 0, "x", "not be all zero", f"of shape {array.shape}")
    if array.ndim == 2 and array.shape[0] == array.shape[1] > 1:  # it could be meant as a density matrix
        must = "be a density matrix (Hermitian, trace 1, not negative), or a wave of unit norm on a square grid"
        require(abs(norm - 1) <= 1e-6, "x", must, f"of trace {np.trace(array):.4g} and norm {norm:.4g}")
    return array.reshape(-1) / norm
