"""The linear algebra of quantum imaginary time evolution, from expectation values of Pauli strings alone.

A string is a pair of masks (x, z), meaning ``i^{|x & z|} X^x Z^z`` as in `qml_dynamics.model.pauli`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import MethodError
from ...model.masks import bit_count
from ...model.pauli import PauliSum, pauli_sum
from ...model.transforms import walsh_hadamard

Strings = tuple[np.ndarray, np.ndarray]
Expect = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Domain:
    """The qubits of one domain and the terms of the Hamiltonian that belong to it."""

    qubits: tuple[int, ...]
    terms: PauliSum


def domains(terms: PauliSum, width: int) -> list[Domain]:
    """Each term in the domain of ``width`` qubits around its support; terms with the same domain together.

    Raises:
        MethodError: a term acts on more qubits than a domain has.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    width = min(width, terms.num_qubits)
    for j, (x, z) in enumerate(zip(terms.x.tolist(), terms.z.tolist())):
        if x | z:
            groups.setdefault(around(x | z, width, terms.num_qubits), []).append(j)
    return [
        Domain(qubits, PauliSum(terms.num_qubits, terms.x[m], terms.z[m], terms.coefficients[m]))
        for qubits, m in sorted(groups.items())
    ]


def around(support: int, width: int, num_qubits: int) -> tuple[int, ...]:
    """The ``width`` qubits of a support (a mask) and of those nearest to it.

    Raises:
        MethodError: the support is wider.
    """
    inside = [q for q in range(num_qubits) if support >> q & 1]
    if len(inside) > width:
        raise MethodError(
            f"Argument `domain_width` must be at least {len(inside)}, the qubits of the widest term, but is {width}."
        )
    others = sorted(
        (q for q in range(num_qubits) if q not in inside), key=lambda q: (min(abs(q - p) for p in inside), q)
    )
    return tuple(sorted([*inside, *others[: width - len(inside)]]))


def pool(qubits: Sequence[int], real: bool) -> Strings:
    """All strings on some qubits but the identity; of a real wave only those with an odd number of Y move it.

    >>> x, z = pool([0, 2], real=True)
    >>> len(x), sorted(set((x | z).tolist()))
    (6, [1, 4, 5])
    """
    size = 1 << len(qubits)
    spread = _spread(np.arange(size), qubits)
    x, z = np.repeat(spread, size), np.tile(spread, size)
    keep = bit_count(x & z) % 2 == 1 if real else (x | z) > 0
    return x[keep], z[keep]


def products(a: Strings, b: Strings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``sigma_I sigma_J = phase sigma_K`` for all pairs: masks and phases, each of shape ``(len(a), len(b))``."""
    xa, za, xb, zb = a[0][:, None], a[1][:, None], b[0][None], b[1][None]
    x, z = xa ^ xb, za ^ zb
    powers = bit_count(xa & za) + bit_count(xb & zb) + 2 * bit_count(za & xb) - bit_count(x & z)
    return x, z, 1j ** (powers % 4)


@dataclass(frozen=True, eq=False)
class Step:
    """``e^{-dt h}`` and ``e^{-2 dt h}`` of one domain as Pauli strings: matrices of ``2^w`` rows at most."""

    domain: Domain
    dt: float
    once: PauliSum
    twice: PauliSum

    @classmethod
    def of(cls, domain: Domain, dt: float) -> Step:
        """Exponentials of the domain's own terms."""
        terms, width = domain.terms, len(domain.qubits)
        small = PauliSum(
            width, _gathered(terms.x, domain.qubits), _gathered(terms.z, domain.qubits), terms.coefficients
        )
        energies, modes = np.linalg.eigh(small.matrix())
        parts = []
        for factor in (1, 2):
            exponential = pauli_sum((modes * np.exp(-factor * dt * energies)) @ modes.conj().T)
            x, z = (_spread(m, domain.qubits) for m in (exponential.x, exponential.z))
            parts.append(PauliSum(terms.num_qubits, x, z, exponential.coefficients))
        return cls(domain, dt, *parts)

    def wanted(self, real: bool) -> Strings:
        """Every string whose expectation value :func:`generator` needs."""
        chosen = pool(self.domain.qubits, real)
        parts = [products(chosen, chosen)[:2], products(chosen, (self.once.x, self.once.z))[:2]]
        parts.append((self.twice.x, self.twice.z))
        rows = np.concatenate([np.stack([np.ravel(x), np.ravel(z)], axis=1) for x, z in parts])
        keys = np.unique(rows[(rows[:, 0] | rows[:, 1]) > 0], axis=0)
        return keys[:, 0], keys[:, 1]


def generator(step: Step, expect: Expect, real: bool, rcond: float) -> tuple[PauliSum, float, float]:
    """``A = sum_I a_I sigma_I`` with ``e^{-i dt A} psi ~ e^{-dt h} psi / sqrt(c)``, and c with its variance a sample.

    ``2 S a = b`` by least squares, ``b_I = -2 Im <sigma_I e^{-dt h}> / (dt sqrt(c))``, ``c = <e^{-2 dt h}>``.
    """
    strings = pool(step.domain.qubits, real)
    x, z, phase = products(strings, strings)
    s = phase.real * expect(x, z)
    values = expect(step.twice.x, step.twice.z)
    c = max(float(step.twice.coefficients @ values), 1e-300)
    x, z, phase = products(strings, (step.once.x, step.once.z))
    b = -2 * (phase.imag * expect(x, z)) @ step.once.coefficients / (step.dt * np.sqrt(c))
    a = np.linalg.lstsq(2 * s, b, rcond=rcond)[0]
    variance = float(step.twice.coefficients**2 @ (1 - values**2))
    return PauliSum(step.domain.terms.num_qubits, *strings, a), c, variance


def _gathered(masks: np.ndarray, qubits: Sequence[int]) -> np.ndarray:
    """Bits on ``qubits`` moved to the lowest places."""
    out = np.zeros_like(masks)
    for place, q in enumerate(qubits):
        out |= (masks >> q & 1) << place
    return out


def _spread(masks: np.ndarray, qubits: Sequence[int]) -> np.ndarray:
    """The lowest bits moved to ``qubits``."""
    out = np.zeros_like(masks)
    for place, q in enumerate(qubits):
        out |= (masks >> place & 1) << q
    return out


def expectations(psi: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """``<psi|sigma|psi>`` of strings with masks x, z of any shape: one Walsh-Hadamard transform for each x.

    >>> expectations(np.array([1, 1j]) / np.sqrt(2), np.array([1, 1]), np.array([0, 1])).round(6).tolist()
    [0.0, 1.0]
    """
    flat, index = psi.reshape(-1), np.arange(psi.size)
    flips, place = np.unique(x, return_inverse=True)
    table = np.empty((len(flips), psi.size), dtype=complex)
    for row, flip in zip(table, flips.tolist()):
        overlap = flat[index ^ flip].conj() * flat
        row[:] = (walsh_hadamard(overlap.real) + 1j * walsh_hadamard(overlap.imag)) * np.sqrt(psi.size)
    values = table[place.reshape(np.shape(x)), z] * 1j ** (bit_count(x & z) % 4)
    return np.asarray(values.real)


def is_real(terms: PauliSum, psi: np.ndarray) -> bool:
    """Whether operator and wave are real: then so is the wave at every later time."""
    odd = bit_count(terms.x & terms.z) % 2 == 1
    return not odd.any() and bool(np.abs(np.imag(psi)).max() < 1e-13)
