"""`BoltzmannMachine`: ``H = sum_j theta_j P_j``, the law ``p(v)`` of visible bits, distance to data, exact gradient."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, integer, require
from ...base.numeric import Array, Numbers, as_numbers, number_array
from ...model.pauli import PauliSum

_BITS = 10
TINY = 1e-300
_SUM = 1e-6  # of probabilities, which single precision leaves


@dataclass(frozen=True)
class BoltzmannMachine:
    """Bits with fields, couplings and transverse fields. Bit 0 of the visible ones is the highest qubit, hidden ones are the lowest.

    Args:
        visible: bits that data have.
        hidden: bits that are summed over.
        transverse: whether there are fields X; without them this is the classical Boltzmann machine.

    Raises:
        ProblemError: no visible bit, or more than ten in all.

    >>> BoltzmannMachine(2).labels
    ['ZI', 'IZ', 'ZZ', 'XI', 'IX']
    """

    visible: int
    hidden: int = 0
    transverse: bool = True

    def __post_init__(self) -> None:
        integer(self.visible, "visible", 1, _BITS)
        integer(self.hidden, "hidden", 0, _BITS - self.visible)
        require(isinstance(self.transverse, bool), "transverse", "be True or False", self.transverse)

    @property
    def num_qubits(self) -> int:
        """Visible and hidden."""
        return self.visible + self.hidden

    @property
    def masks(self) -> list[tuple[int, int]]:
        """The strings ``(x, z)`` of the terms."""
        bits = [1 << q for q in reversed(range(self.num_qubits))]
        fields = [(0, bit) for bit in bits]
        couplings = [(0, a | b) for a, b in combinations(bits, 2)]
        return fields + couplings + [(bit, 0) for bit in bits if self.transverse]

    @property
    def num_parameters(self) -> int:
        """Length of theta."""
        return len(self.masks)

    @property
    def labels(self) -> list[str]:
        """Pauli labels of the terms; the first letter is visible bit 0."""
        return self.hamiltonian(np.zeros(self.num_parameters)).labels

    @checks_arguments
    def hamiltonian(self, theta: Array) -> PauliSum:
        """``sum_j theta_j P_j``."""
        values = self.checked(theta)
        x, z = np.array(self.masks).T
        return PauliSum(self.num_qubits, x, z, values)

    @checks_arguments
    def law(self, theta: Array) -> np.ndarray:
        """The exact law of the visible bits, shape ``(2**visible,)``, bit 0 the highest of the index.

        >>> machine = BoltzmannMachine(1, transverse=False)          # H = theta Z: p(1) = sigmoid(2 theta)
        >>> machine.law([0.4]).round(6).tolist()
        [0.310026, 0.689974]
        """
        energies, modes = np.linalg.eigh(self.hamiltonian(theta).matrix().real)
        weights = np.exp(energies[0] - energies)
        return self.marginal(modes**2 @ weights / weights.sum())

    @checks_arguments
    def gradient(self, theta: Array, data: Array) -> np.ndarray:
        """The exact gradient of the distance to the law of ``data``, shape ``(num_parameters,)``.

        ``Tr (P_j K) - Tr (P_j rho)`` with ``K = int_0^1 e^{-sH} W e^{-(1-s)H} ds`` and ``W = sum_v (q_v / Tr (|v><v| e^{-H})) |v><v|``;
        without X and hidden bits ``<P_j>_data - <P_j>_machine``.
        """
        q = law_of(data, self.visible)
        energies, modes = np.linalg.eigh(self.hamiltonian(theta).matrix().real)
        energies = energies - energies[0]
        weights = np.exp(-energies)
        p = self.marginal(modes**2 @ weights)
        ratio = np.divide(q, np.maximum(p, TINY), out=np.zeros_like(q), where=q > 0)
        w = np.repeat(ratio, 1 << self.hidden)
        gaps = np.abs(energies[None, :] - energies[:, None])
        near = gaps < 1e-12
        kernel = np.minimum.outer(-energies, -energies) + gaps  # the logarithm of the larger weight
        kernel = np.exp(kernel) * np.where(near, 1.0, -np.expm1(-gaps) / np.where(near, 1.0, gaps))
        difference = modes @ (kernel * (modes.T @ (w[:, None] * modes)) - np.diag(weights / weights.sum())) @ modes.T
        return np.array([_trace(difference, x, z) for x, z in self.masks])

    @checks_arguments
    def marginal(self, law: np.ndarray) -> np.ndarray:
        """A law over all bits with the hidden ones summed over."""
        out: np.ndarray = law.reshape(-1, 1 << self.hidden).sum(axis=1)
        return out

    def checked(self, theta: Array) -> np.ndarray:
        """Theta as an array; raises :class:`ProblemError` unless it is finite and has the right length."""
        values = number_array(theta, "theta")
        require(values.shape == (self.num_parameters,), "theta", f"be {self.num_parameters} finite numbers", theta)
        return values


@checks_arguments
def law_of(data: Array, visible: int) -> np.ndarray:
    """The law of rows of bits ``(m, visible)``, or a law ``(2**visible,)`` that is given, checked.

    >>> law_of([[0, 1], [0, 1], [1, 0], [1, 1]], 2).tolist()
    [0.0, 0.5, 0.25, 0.25]
    """
    integer(visible, "visible", 1, 30)
    try:
        given = as_numbers(data)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError("Argument `data` must be rows of bits or a law, but has other entries.") from None
    if given.shape == (1 << visible,):
        ok = bool(np.all(given >= 0)) and abs(float(given.sum()) - 1) < 1e-9
        require(ok, "data", "be a law: not negative, and of sum 1", f"of sum {given.sum():g}")
        return given
    ok = given.ndim == 2 and given.shape[1] == visible and len(given) > 0
    require(ok, "data", f"have {visible} bits a row, or be a law of {1 << visible}", f"of shape {given.shape}")
    require(bool(np.isin(given, (0, 1)).all()), "data", "be bits 0 and 1", "of other values")
    index = given.astype(int) @ (1 << np.arange(visible)[::-1])
    return np.bincount(index, minlength=1 << visible) / len(given)


@checks_arguments
def binarise(X: Numbers, thresholds: Numbers | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Bits that say which entries lie above the median of their column, and the medians.

    Args:
        X: shape ``(m, d)``.
        thresholds: shape ``(d,)``; the medians when None.

    >>> binarise([[1.0, 5.0], [2.0, 4.0], [3.0, 9.0]])[0].tolist()
    [[0, 0], [0, 0], [1, 1]]
    """
    values = np.asarray(X, dtype=float)
    require(values.ndim == 2 and values.size > 0, "X", "be a matrix with rows", f"of shape {values.shape}")
    cuts = np.median(values, axis=0) if thresholds is None else np.asarray(thresholds, dtype=float)
    fits = cuts.shape == (values.shape[1],)
    require(fits, "thresholds", f"be {values.shape[1]} numbers, one a column", f"of shape {cuts.shape}")
    return (values > cuts).astype(int), cuts


@checks_arguments
def divergence(q: np.ndarray, p: np.ndarray) -> float:
    """``sum q log (q / p)``; probabilities below 1e-300 count as that.

    >>> round(divergence(np.array([0.5, 0.5]), np.array([0.25, 0.75])), 6)
    0.143841
    """
    for name, law in (("q", q), ("p", p)):
        fits = np.ndim(law) == 1 and np.shape(law) == np.shape(q) and bool((np.asarray(law) >= 0).all())
        require(fits, name, "be probabilities, as many of both", law)
        total = float(np.sum(law))
        require(abs(total - 1) < _SUM, name, "have the sum 1", total)
    q, p = np.asarray(q), np.asarray(p)
    seen = q > 0
    return float(q[seen] @ (np.log(q[seen]) - np.log(np.maximum(p[seen], TINY))))


def _trace(matrix: np.ndarray, x: int, z: int) -> float:
    """``Tr (P M)`` of a string without Y."""
    index = np.arange(len(matrix))
    signs = 1.0 - 2.0 * (np.bitwise_count(index & z) & 1)
    return float(signs @ matrix[index, index ^ x])
