"""A fused stretch of an ansatz applied to a block of waves of ``2**n`` amplitudes, and its derivatives.

``prepare(phi)`` computes the small matrices and phases of one parameter point; ``apply(src, dst)`` pushes rows through and says
whether the result is in ``dst``; ``create(psi, out, low, high)`` writes the derivatives of the wave by the angles of slots
``low .. high - 1`` of this run, given the wave *after* the run: ``(dU U^-1) psi``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....model.domains import Domain, Hypercube


class Monomial:
    """Fixed gates that permute basis states up to phases, all as one gather."""

    slots: tuple[int, ...] = ()
    values: Sequence[np.ndarray] = ()

    def __init__(self, source: np.ndarray, phase: np.ndarray | None) -> None:
        self.source, self.phase = source, phase

    def prepare(self, phi: np.ndarray) -> None:
        """Nothing depends on the angles."""

    def apply(self, src: np.ndarray, dst: np.ndarray) -> bool:
        """``dst[:, j] = phase[j] src[:, source[j]]``."""
        np.take(src, self.source, axis=1, out=dst, mode="clip")
        if self.phase is not None:
            dst *= self.phase
        return True

    def create(self, psi: np.ndarray, out: np.ndarray, low: int, high: int) -> None:
        """No slots, nothing to write."""


class Phases:
    """Commuting diagonal gates with angles: one phase for all of them."""

    def __init__(self, values: Sequence[np.ndarray], slots: Sequence[int]) -> None:
        self.values, self.slots = list(values), tuple(slots)
        self.phase = np.empty(0)

    def prepare(self, phi: np.ndarray) -> None:
        """``exp(-i sum_j phi_j d_j)``."""
        angle = np.zeros(len(self.values[0]))
        for d, s in zip(self.values, self.slots):
            angle += phi[s] * d
        self.phase = np.exp(-1j * angle)

    def apply(self, src: np.ndarray, dst: np.ndarray) -> bool:
        """In place."""
        src *= self.phase
        return False

    def create(self, psi: np.ndarray, out: np.ndarray, low: int, high: int) -> None:
        """``-i d_j psi``."""
        turned = -1j * psi
        for row, j in zip(out, range(low, high)):
            np.multiply(self.values[j], turned, out=row)


class WidePauli:
    """``exp(-i phi scale P)`` for a Pauli string on qubits that are far apart: one gather and one diagonal."""

    values: Sequence[np.ndarray] = ()

    def __init__(self, x: int, phases: np.ndarray, scale: float, slot: int, real: bool) -> None:
        self.slots = (slot,)
        self.scale = scale
        self.source = np.arange(len(phases)) ^ x
        turned = -1j * phases  # real for a string with an odd number of Y
        self.turned = np.ascontiguousarray(turned.real) if real else turned
        self.cosine, self.diagonal = 1.0, self.turned

    def prepare(self, phi: np.ndarray) -> None:
        """``cos - i sin P``."""
        angle = float(phi[self.slots[0]]) * self.scale
        self.cosine, self.diagonal = float(np.cos(angle)), np.sin(angle) * self.turned

    def apply(self, src: np.ndarray, dst: np.ndarray) -> bool:
        """In place, with ``dst`` as workspace."""
        np.take(src, self.source, axis=1, out=dst, mode="clip")
        dst *= self.diagonal
        src *= self.cosine
        src += dst
        return False

    def create(self, psi: np.ndarray, out: np.ndarray, low: int, high: int) -> None:
        """``-i scale P psi``."""
        if high > low:
            np.multiply(self.scale * self.turned, psi[self.source], out=out[0])


class DualPhases:
    """``exp(-i sum_j phi_j F^-1 d_j F)``: there, one phase, and back."""

    def __init__(self, domain: Domain, values: Sequence[np.ndarray], slots: Sequence[int]) -> None:
        self.domain, self.values, self.slots = domain, list(values), tuple(slots)
        self.phase = np.empty(0)

    def prepare(self, phi: np.ndarray) -> None:
        """``exp(-i sum_j phi_j d_j)`` in the dual basis."""
        angle = np.zeros(self.domain.size)
        for d, s in zip(self.values, self.slots):
            angle += phi[s] * d
        self.phase = np.exp(-1j * angle)

    def apply(self, src: np.ndarray, dst: np.ndarray) -> bool:
        """Transforms row by row."""
        dual = transform_rows(self.domain, src)
        dual *= self.phase
        dst[...] = transform_rows(self.domain, dual, inverse=True)
        return True

    def create(self, psi: np.ndarray, out: np.ndarray, low: int, high: int) -> None:
        """``-i F^-1 d_j F psi``."""
        if high > low:
            dual = -1j * transform_rows(self.domain, psi[None])
            out[...] = transform_rows(self.domain, np.stack(self.values[low:high]) * dual, inverse=True)


def transform_rows(domain: Domain, rows: np.ndarray, inverse: bool = False) -> np.ndarray:
    """The transform of a domain on each row of an array ``(r, domain.size)``; a new array."""
    if isinstance(domain, Hypercube):
        return _walsh_rows(rows)
    from scipy import fft

    block, axes = rows.reshape(-1, *domain.shape), tuple(range(1, domain.ndim + 1))
    if domain.boundary == "walls":
        act: Any = fft.idstn if inverse else fft.dstn
        out: np.ndarray = act(block, type=2, norm="ortho", axes=axes).reshape(rows.shape)
        return out
    act = fft.ifftn if inverse else fft.fftn
    out = act(block, norm="ortho", axes=axes).reshape(rows.shape)
    return out


def _walsh_rows(rows: np.ndarray) -> np.ndarray:
    size, low = rows.shape[1], 1
    while low < size:
        bits = min(5, (size // low).bit_length() - 1)
        matrix = np.ones((1, 1))
        for _ in range(bits):
            matrix = np.block([[matrix, matrix], [matrix, -matrix]]) / np.sqrt(2)
        rows = np.matmul(matrix, rows.reshape(-1, 1 << bits, low)).reshape(-1, size)
        low <<= bits
    return rows


class Group:
    """One unitary on a few qubits; its matrix and its slots' generators are filled in by `locals.Bank`.

    Attributes:
        qubits: ascending.
        matrix: shape ``(d, d)``.
        generators: ``dU U^-1`` of each slot, shape ``(k, d, d)``.
    """

    def __init__(self, qubits: Sequence[int], num_qubits: int) -> None:
        self.qubits = tuple(qubits)
        self.dim = 1 << len(self.qubits)
        self.low = 1 << self.qubits[0]
        self.slots: tuple[int, ...] = ()
        self.matrix: np.ndarray = np.empty(0)
        self.generators: np.ndarray = np.empty(0)
        contiguous = self.qubits[-1] - self.qubits[0] + 1 == len(self.qubits)
        self.forward = None if contiguous else _gathered(self.qubits, num_qubits)
        if self.forward is not None:
            self.low = 1
            self.back = np.argsort(self.forward)

    def _multiply(self, src: np.ndarray, dst: np.ndarray) -> None:
        if self.low == 1:
            np.matmul(src.reshape(-1, self.dim), self.matrix.T, out=dst.reshape(-1, self.dim))
        else:
            np.matmul(self.matrix, src.reshape(-1, self.dim, self.low), out=dst.reshape(-1, self.dim, self.low))

    def apply(self, src: np.ndarray, dst: np.ndarray) -> bool:
        """``dst = U src``."""
        if self.forward is None:
            self._multiply(src, dst)
            return True
        np.take(src, self.forward, axis=1, out=dst, mode="clip")
        self._multiply(dst, src)
        np.take(src, self.back, axis=1, out=dst, mode="clip")
        return True

    def create(self, psi: np.ndarray, out: np.ndarray, low: int, high: int) -> None:
        """``(dU U^-1) psi`` of slots ``low .. high - 1``."""
        chosen = self.generators[low:high]
        source: np.ndarray
        target: np.ndarray
        if self.low == 1:
            source = psi if self.forward is None else psi[self.forward]
            source, target = source.reshape(-1, self.dim), out.reshape(len(out), -1, self.dim)
            np.matmul(source, chosen.transpose(0, 2, 1), out=target)
        else:
            source, target = psi.reshape(-1, self.dim, self.low), out.reshape(len(out), -1, self.dim, self.low)
            np.matmul(chosen[:, None], source[None], out=target)
        if self.forward is not None:
            out[...] = out[:, self.back]


class Local:
    """Groups on disjoint qubits."""

    values: Sequence[np.ndarray] = ()

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = list(groups)
        self.slots = tuple(s for g in self.groups for s in g.slots)

    def prepare(self, phi: np.ndarray) -> None:
        """The groups' matrices are made for the whole ansatz at once."""

    def apply(self, src: np.ndarray, dst: np.ndarray) -> bool:
        """To and fro between the two arrays."""
        moved = False
        for group in self.groups:
            group.apply(src, dst)
            src, dst, moved = dst, src, not moved
        return moved

    def create(self, psi: np.ndarray, out: np.ndarray, low: int, high: int) -> None:
        """Group by group."""
        start = 0
        for group in self.groups:
            a, b = max(low, start), min(high, start + len(group.slots))
            if a < b:
                group.create(psi, out[a - low : b - low], a - start, b - start)
            start += len(group.slots)


Run = Monomial | Phases | WidePauli | DualPhases | Local


def _gathered(qubits: Sequence[int], num_qubits: int) -> np.ndarray:
    """``x(y)``: the basis state whose bits on ``qubits`` are the lowest bits of y, and whose other bits follow in order."""
    order = [*qubits, *(q for q in range(num_qubits) if q not in qubits)]
    y = np.arange(1 << num_qubits)
    x = np.zeros_like(y)
    for place, q in enumerate(order):
        x |= (y >> place & 1) << q
    return x
