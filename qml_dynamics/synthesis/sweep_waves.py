"""Waves under the sweeps of a splitting, by NumPy, and the exact ones beside them.

A module of its own beside `operator_choice`: it moves waves, where `operator_choice` compares programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import expm_multiply

from .operator_layers import Splitting, exponential, local_terms
from .operator_parts import Term
from .paces import Ramp, acting
from .pauli_network import rotated


def exact_waves(
    num_qubits: int, terms: Sequence[Term], pieces: Sequence[Sequence[float]], start: np.ndarray
) -> list[np.ndarray]:
    """The exact waves where the pieces end."""
    matrix, waves = -1j * _sparse(num_qubits, terms), [start]
    for piece in pieces:
        waves.append(expm_multiply(float(np.sum(piece)) * matrix, waves[-1]))
    return waves[1:]


def wave_error(
    splitting: Splitting, pieces: Sequence[Sequence[Ramp]], start: np.ndarray, truth: Sequence[np.ndarray]
) -> float:
    """The largest distance of the waves where the pieces end to the true ones, up to a phase."""
    wave, largest = np.array(start, dtype=complex), 0.0
    for piece, exact in zip(pieces, truth):
        wave = _moved(splitting, piece, wave)
        overlap = np.vdot(wave, exact)
        phase = overlap / abs(overlap) if abs(overlap) else 1.0
        largest = max(largest, float(np.linalg.norm(phase * wave - exact)))
    return largest


def _moved(splitting: Splitting, sweeps: Sequence[Ramp], wave: np.ndarray) -> np.ndarray:
    """The wave after these sweeps."""
    parts = splitting.parts
    for forwards, amount in sweeps:
        for part in parts if forwards else reversed(parts):
            for block in part:
                if len(block.terms) > 1 and len(block.qubits) <= 2:
                    wave = _acted(wave, _exponential(local_terms(block, amount), len(block.qubits)), block.qubits)
                else:
                    for term in block.terms:
                        wave = rotated(wave, term, 2 * term[2] * acting(amount, *term[:2]))
    return wave


_exponential = lru_cache(maxsize=1024)(exponential)


def _acted(wave: np.ndarray, matrix: np.ndarray, qubits: Sequence[int]) -> np.ndarray:
    """A matrix on one or two qubits applied to a wave, the first qubit the lowest bit of its index."""
    n, k = wave.size.bit_length() - 1, len(qubits)
    axes = [n - 1 - q for q in reversed(qubits)]
    moved = np.moveaxis(wave.reshape((2,) * n), axes, range(k)).reshape(1 << k, -1)
    return np.asarray(np.moveaxis((matrix @ moved).reshape((2,) * n), range(k), axes).reshape(-1))


def _sparse(num_qubits: int, terms: Sequence[Term]) -> scipy.sparse.csr_matrix:
    index = np.arange(1 << num_qubits)
    matrix = scipy.sparse.csr_matrix((index.size, index.size), dtype=complex)
    for x, z, c in terms:
        values = c * 1j ** ((x & z).bit_count() % 4) * (1.0 - 2.0 * (np.bitwise_count(index & z) % 2))
        matrix = matrix + scipy.sparse.csr_matrix((values, (index ^ x, index)), shape=matrix.shape)
    return matrix
