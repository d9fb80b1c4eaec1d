"""The unitary transforms from the weight basis to the dual basis, as classical code.

Periodic axes: the discrete Fourier transform with kernel ``exp(-i k x) / sqrt(N)``. Walls: the sine transform DST-II in its
orthonormal form. Hypercube: the Walsh-Hadamard transform. All three are exactly unitary, and the circuits of
`synthesis/transforms.py` implement the same maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .domains import Domain, Grid, Hypercube

_WORTH_THREADS = 1 << 18  # below this two threads cost more than they gain


@dataclass(frozen=True)
class Transform:
    """The transform of one domain: ``forward`` to the dual basis, ``inverse`` back; both may overwrite their input.

    Both take one wave, shape ``domain.shape``, or a block of waves, shape ``(..., *domain.shape)``.

    Args:
        domain: the weight space.
        workers: threads of the FFT; ``None`` takes 1 below 2^18 points, else 2.
    """

    domain: Domain
    workers: int | None = None

    @property
    def threads(self) -> int:
        """Threads that the FFT will use."""
        return self.workers or (2 if self.domain.size >= _WORTH_THREADS else 1)

    def forward(self, psi: np.ndarray) -> np.ndarray:
        """Amplitudes in the dual basis, same shape."""
        return self._act(psi, "")

    def inverse(self, psi: np.ndarray) -> np.ndarray:
        """Amplitudes in the weight basis, same shape."""
        return self._act(psi, "i")

    @property
    def real(self) -> bool:
        """Whether functions of the Laplacian take real waves to real waves: everywhere but on a ring with a flux."""
        return not isinstance(self.domain, Grid) or not any(self.domain.twist)

    def filtered(self, psi: np.ndarray, dual: np.ndarray) -> np.ndarray:
        """``F^-1 diag(dual) F psi``, of the type of ``psi`` where :attr:`real`, else complex; ``psi`` is not changed.

        Real waves on a ring need half of the spectrum only: twice as fast, and so are real sine transforms.

        Args:
            psi: one wave or a block of them, real or complex.
            dual: real, the same at ``k`` and ``-k`` as every function of the Laplacian is, shape ``domain.shape``.
        """
        if np.iscomplexobj(psi) or not self.real:
            wave = self.forward(psi.astype(np.result_type(psi, np.complex64)))
            wave *= dual
            return self.inverse(wave)
        if not isinstance(self.domain, Grid) or self.domain.boundary != "periodic":
            wave = self.forward(psi.copy())
            wave *= dual
            return self.inverse(wave)
        from scipy import fft

        shape = self.domain.shape
        axes = tuple(range(-len(shape), 0))
        spectrum = fft.rfftn(psi, axes=axes, workers=self.threads)
        spectrum *= dual[..., : shape[-1] // 2 + 1]
        return np.asarray(fft.irfftn(spectrum, s=shape, axes=axes, overwrite_x=True, workers=self.threads))

    def _act(self, psi: np.ndarray, which: str) -> np.ndarray:
        domain = self.domain
        if isinstance(domain, Hypercube):
            return walsh_hadamard(psi, domain.size)  # its own inverse
        from scipy import fft

        walls = domain.boundary == "walls"
        name = which + ("dst" if walls else "fft")
        options: dict[str, Any] = {"type": 2} if walls else {}
        if domain.ndim > 1:
            name, options["axes"] = name + "n", tuple(range(-domain.ndim, 0))
        act = getattr(fft, name)  # the checks of several axes take longer than a small transform along one
        return np.asarray(act(psi, norm="ortho", overwrite_x=True, workers=self.threads, **options))


@lru_cache(maxsize=8)
def _hadamard(bits: int) -> np.ndarray:
    matrix = np.ones((1, 1))
    for _ in range(bits):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]]) / np.sqrt(2)
    return matrix


def walsh_hadamard(values: np.ndarray, size: int | None = None) -> np.ndarray:
    """The orthonormal Walsh-Hadamard transform of an array with ``2**n`` entries, same shape.

    With ``size``, a power of two: of each run of so many entries (a block of waves).

    Blocks of five bits at a time by a matrix product: ``O(N log N)`` with few passes over the memory.

    >>> walsh_hadamard(np.array([1.0, 0.0])).round(6).tolist()
    [0.707107, 0.707107]
    """
    flat = np.ascontiguousarray(values).reshape(-1)
    low, size = 1, flat.size if size is None else size
    while low < size:
        bits = min(5, (size // low).bit_length() - 1)
        matrix = _hadamard(bits).astype(flat.real.dtype, copy=False)
        flat = np.matmul(matrix, flat.reshape(-1, 1 << bits, low)).reshape(-1)
        low <<= bits
    return flat.reshape(values.shape)


def walsh_coefficients(values: np.ndarray) -> np.ndarray:
    """Coefficients ``a_m`` of ``f(x) = sum_m a_m (-1)^{popcount(m & x)}`` for ``f`` given on all ``2**n`` indices.

    Source: Welch, Greenbaum, Mostame, Aspuru-Guzik, arXiv:1306.3991.

    >>> walsh_coefficients(np.array([0.0, 1.0])).tolist()
    [0.5, -0.5]
    """
    flat = np.asarray(values, dtype=float).reshape(-1)
    out: np.ndarray = walsh_hadamard(flat) / np.sqrt(flat.size)
    return out


def roundoff(values: np.ndarray, least: float = 0.0) -> float:
    """The size up to which computed ``values`` are the round-off of others: drop them, keep what is larger.

    The cut goes through the widest gap between sizes that begins below 1e-12 and ends above 1e-13 of the largest size. A fixed
    threshold could lie between the two numbers that two processors compute for one value, so that a gate would be in the circuit of
    one of them only; the middle of a gap does not.

    Args:
        values: of any shape, real or complex.
        least: of the largest size, where round-off is known not to be smaller.

    >>> roundoff(np.array([1.0, 0.3, 4e-13, 2e-17])) > 4e-13, roundoff(np.array([1.0, 5e-12, 4e-13, 2e-17])) < 4e-13
    (True, True)
    """
    sizes = np.sort(np.abs(values).reshape(-1))[::-1]
    scale = max(least, float(sizes.max(initial=0.0)))
    first, last = int((sizes > 1e-12 * scale).sum()), int((sizes > 1e-13 * scale).sum())
    padded = np.concatenate([[scale], sizes, [0.0]])
    above, below = padded[first : last + 1], np.maximum(padded[first + 1 : last + 2], 1e-16 * scale)
    widest = int(np.argmax(above / below)) if scale else 0
    return float(np.sqrt(above[widest] * below[widest]))
