"""A sum of Pauli strings cut into windows of a train, and ``exp(-i a h)`` of each window as cores that act on its sites.

Strings that lie within three neighbouring sites are added up to one matrix a window; longer ones with the same few sites to one
matrix on these, with wires between them; and a string on more sites is ``cos(a c) - i sin(a c) P`` by itself, of rank 2. Windows that do
not overlap make a layer. Sources: Vidal, Phys. Rev. Lett. 93, 040502 (2004); Verstraete and Cirac, arXiv:cond-mat/0407066.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce

import numpy as np

from ...model.pauli import PauliSum
from .trains import Train, svd

DENSE = 3  # neighbouring sites whose strings are one matrix
_SUPPORT = 4  # sites of longer strings that are one matrix
_TINY = 1e-15  # of an operator on a window, relative: what its cores leave out
LETTERS = {
    (0, 0): np.eye(2, dtype=complex),
    (1, 0): np.array([[0, 1], [1, 0]], dtype=complex),
    (1, 1): np.array([[0, -1j], [1j, 0]]),
    (0, 1): np.array([[1, 0], [0, -1]], dtype=complex),
}
Row = tuple[int, int, float]  # masks x and z, and the coefficient


@dataclass(eq=False)
class Window:
    """Strings on some sites of a train.

    Attributes:
        sites: on which they act, ascending; the window is all from the first to the last.
        rows: the strings.
    """

    sites: tuple[int, ...]
    rows: list[Row] = field(default_factory=list)

    @property
    def first(self) -> int:
        """The first site."""
        return self.sites[0]

    @property
    def last(self) -> int:
        """The last site."""
        return self.sites[-1]

    @cached_property
    def _levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues and eigenvectors of the sum on its sites, the first one the highest bit."""
        total = sum(c * reduce(np.kron, [_letter(x, z, q) for q in self.sites]) for x, z, c in self.rows)
        values, vectors = np.linalg.eigh(np.asarray(total))
        return values, vectors

    @cached_property
    def size(self) -> float:
        """An upper bound of the norm of the sum."""
        return float(sum(abs(c) for _, _, c in self.rows))

    def factor(self, amount: float, imaginary: bool) -> tuple[np.ndarray | Train, float]:
        """``exp(-i amount h)``, or ``exp(-amount (h - e))`` and the logarithm ``-amount e`` of what was taken out.

        A window of at most three sites without gaps has a matrix of shape ``(2,) * 2 w``, out and in; others cores of an operator.
        """
        if len(self.sites) > _SUPPORT:
            return self._string(amount, imaginary)
        values, vectors = self._levels
        least = float(values.min() if amount > 0 else values.max()) if imaginary else 0.0
        exponent = -amount * (values - least) if imaginary else -1j * amount * values
        whole = (vectors * np.exp(exponent)) @ vectors.conj().T
        shaped = whole.reshape((2,) * (2 * len(self.sites)))
        if self.last - self.first < DENSE and len(self.sites) == self.last - self.first + 1:
            return shaped, -amount * least
        return self._wired(_cores(shaped)), -amount * least

    def _string(self, amount: float, imaginary: bool) -> tuple[Train, float]:
        """Of one long string: ``cos - i sin P``, on the imaginary clock ``(1 + e^-2a)/2 - (1 - e^-2a)/2 sign P``."""
        (x, z, c), big = self.rows[0], abs(amount * self.rows[0][2])
        if imaginary:
            fall = np.exp(-2 * big)
            one, other, log = 0.5 * (1 + fall), -0.5 * (1 - fall) * np.sign(amount * c), big
        else:
            one, other, log = np.cos(amount * c), -1j * np.sin(amount * c), 0.0
        cores = []
        for q in range(self.first, self.last + 1):
            core = np.zeros((2, 2, 2, 2), dtype=complex)
            core[0, :, :, 0], core[1, :, :, 1] = np.eye(2), _letter(x, z, q)
            cores.append(core)
        cores[0] = one * cores[0][:1] + other * cores[0][1:]
        cores[-1] = cores[-1].sum(axis=3, keepdims=True)
        return cores, float(log)

    def _wired(self, cores: Train) -> Train:
        """Cores on the sites with wires on those between them."""
        out, used = [], 0
        for q in range(self.first, self.last + 1):
            if q in self.sites:
                out.append(cores[used])
                used += 1
            else:
                rank = out[-1].shape[3]
                out.append(np.einsum("ab,oi->aoib", np.eye(rank), np.eye(2)).astype(complex))
        return out


def _letter(x: int, z: int, q: int) -> np.ndarray:
    return LETTERS[x >> q & 1, z >> q & 1]


def _cores(matrix: np.ndarray) -> Train:
    """An operator of shape ``(2,) * 2 w``, out and in, as cores ``(left, out, in, right)``."""
    w = matrix.ndim // 2
    rest, rank = matrix.transpose([axis for q in range(w) for axis in (q, w + q)]).reshape(1, -1), 1
    out: Train = []
    for _ in range(w - 1):
        u, s, v = svd(rest.reshape(rank * 4, -1))
        count = max(1, int(np.sum(s > _TINY * s[0])))
        out.append(u[:, :count].reshape(rank, 2, 2, count))
        rest, rank = s[:count, None] * v[:count], count
    return [*out, rest.reshape(rank, 2, 2, 1)]


def windows_of(terms: PauliSum) -> tuple[list[Window], float]:
    """The windows of a sum, and its constant.

    >>> chain = PauliSum(3, np.array([1, 2, 4, 0, 0, 0]), np.array([0, 0, 0, 3, 6, 0]), np.array([1.0, 1, 1, 2, 3, 4]))
    >>> found, constant = windows_of(chain)
    >>> [(w.sites, len(w.rows)) for w in found], constant
    ([((0, 1), 3), ((1, 2), 2)], 4.0)
    """
    constant, supports = 0.0, dict[tuple[int, ...], Window]()
    for x, z, c in zip(terms.x.tolist(), terms.z.tolist(), terms.coefficients.tolist()):
        sites = tuple(q for q in range((x | z).bit_length()) if (x | z) >> q & 1)
        if not sites:
            constant += c
            continue
        near = sites[-1] - sites[0] < DENSE
        key = tuple(range(sites[0], sites[-1] + 1)) if near else sites if len(sites) <= _SUPPORT else (*sites, x, z)
        supports.setdefault(key, Window(key if near or len(sites) <= _SUPPORT else sites)).rows.append((x, z, c))
    return _nested(list(supports.values())), constant


def _nested(windows: list[Window]) -> list[Window]:
    """Windows of few neighbours inside larger ones of these become part of them."""
    kept: list[Window] = []
    dense: dict[int, list[Window]] = {}
    for window in sorted(windows, key=lambda w: (w.first - w.last, w.first)):
        if window.last - window.first >= DENSE:
            kept.append(window)
            continue
        around = [w for q in range(window.last - DENSE + 1, window.first + 1) for w in dense.get(q, [])]
        home = next((w for w in around if w.last >= window.last), None)
        if home is None:
            kept.append(window)
            dense.setdefault(window.first, []).append(window)
        else:
            home.rows.extend(window.rows)
    return sorted(kept, key=lambda w: (w.first, w.last))


def layers_of(windows: Sequence[Window]) -> list[list[Window]]:
    """Windows in layers that do not overlap, as few as there are windows over one bond.

    >>> [[w.sites for w in layer] for layer in layers_of([Window((q, q + 1)) for q in range(4)])]
    [[(0, 1), (2, 3)], [(1, 2), (3, 4)]]
    """
    layers: list[list[Window]] = []
    for window in windows:
        home = next((layer for layer in layers if layer[-1].last < window.first), None)
        if home is None:
            layers.append([window])
        else:
            home.append(window)
    return layers
