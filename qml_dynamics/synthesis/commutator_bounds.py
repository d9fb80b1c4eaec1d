"""Bounds of the error of a step of Lie's and of Strang's formula by nested commutators of the parts of an operator.

The commutators are taken string by string, where only strings that share qubits are looked at and equal strings are added up. Above a
stated number of pairs the absolute coefficients of all commutators are added up by products of matrices, without adding up equal strings
before: a bound that is larger, and as rigorous.

Source: Childs et al., Phys. Rev. X 11, 011020 (2021), arXiv:1912.08854, propositions 9 and 10.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from ..base.errors import MethodError, check_memory
from .operator_parts import Term

PAIRS = 500_000  # of strings whose commutators are taken one by one: about half a second
_STRINGS = 4000  # among which the commutators are added up by matrices
_BLOCK = 256  # their columns at once

_String = tuple[int, int]
Summed = dict[_String, complex]


class Spent(Exception):  # no error of a caller: another bound is taken
    """There are more pairs than were allowed."""


@dataclass
class Budget:
    """Pairs of strings that may still be looked at."""

    left: int

    def take(self, pairs: int) -> None:
        """Count pairs; raises :class:`Spent` where there are too many."""
        self.left -= pairs
        if self.left < 0:
            raise Spent


@dataclass
class Indexed:
    """Strings and their coefficients, found by the qubits on which they act."""

    strings: Summed = field(default_factory=dict)
    at: dict[int, list[_String]] = field(default_factory=dict)

    def add(self, terms: Iterable[Term]) -> None:
        """Add terms; equal strings are one."""
        for x, z, c in terms:
            if (x, z) not in self.strings:
                for bit in _bits(x | z):
                    self.at.setdefault(bit, []).append((x, z))
            self.strings[x, z] = self.strings.get((x, z), 0.0) + c

    def near(self, mask: int) -> Collection[_String]:
        """At least the strings that share a qubit with the mask, each once."""
        rows = [self.at[bit] for bit in _bits(mask) if bit in self.at]
        return self.strings if sum(map(len, rows)) >= len(self.strings) else dict.fromkeys(chain(*rows))


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length()
        mask ^= low


def lie_constant(parts: Sequence[Sequence[Term]], pairs: int = PAIRS) -> float:
    """``sum_i |[sum_{j>i} H_j, H_i]| / 2``, with sums of absolute coefficients for norms: a step t errs by at most that times t^2.

    Args:
        parts: of the operator, in the order of a sweep.
        pairs: of strings above which equal strings of the commutators are not added up.

    Raises:
        MethodError: there are more pairs, and too many strings.

    >>> lie_constant([[(0, 1, 0.5)], [(1, 0, 2.0)]])
    1.0
    """
    after, total, budget = Indexed(), 0.0, Budget(pairs)
    try:
        for own in reversed(parts):
            total += size(commutator(_sum(own), after, budget))
            after.add(own)
    except Spent:
        return _loose(parts)[0]
    return total / 2


def strang_constant(parts: Sequence[Sequence[Term]], pairs: int = PAIRS) -> float:
    """The constant of t^3 for a step of Strang's formula, with sums of absolute coefficients for norms.

    ``sum_i |[A_i, [A_i, H_i]]| / 12 + |[H_i, [H_i, A_i]]| / 24`` with ``A_i = sum_{j>i} H_j``. Arguments and errors are those of
    :func:`lie_constant`.

    >>> round(strang_constant([[(0, 1, 0.5)], [(1, 0, 2.0)]]), 6)
    0.75
    """
    after, total, budget = Indexed(), 0.0, Budget(pairs)
    try:
        for own in reversed(parts):
            here = Indexed()
            here.add(own)
            inner = commutator(here.strings, after, budget)
            total += size(commutator(inner, after, budget)) / 12 + size(commutator(inner, here, budget)) / 24
            after.add(own)
    except Spent:
        return _loose(parts)[1]
    return total


def _sum(terms: Sequence[Term]) -> Summed:
    out = Indexed()
    out.add(terms)
    return out.strings


def size(terms: Summed) -> float:
    """The sum of absolute coefficients, above the norm."""
    return sum(abs(c) for c in terms.values())


def commutator(a: Summed, b: Indexed, budget: Budget) -> Summed:
    """``a b - b a``; strings are ``i^|x&z| X^x Z^z``."""
    out: Summed = {}
    for (ax, az), ac in a.items():
        near = b.near(ax | az)
        budget.take(len(near))
        for bx, bz in near:
            if ((ax & bz).bit_count() + (az & bx).bit_count()) % 2:
                x, z = ax ^ bx, az ^ bz
                power = (ax & az).bit_count() + (bx & bz).bit_count() + 2 * (az & bx).bit_count() - (x & z).bit_count()
                out[x, z] = out.get((x, z), 0.0) + 2 * ac * b.strings[bx, bz] * 1j ** (power % 4)
    return out


def _loose(parts: Sequence[Sequence[Term]]) -> tuple[float, float]:
    """Both constants, where equal strings of the commutators are not added up.

    With ``A[a, b]`` 1 for strings that anticommute, else 0, ``[a, [b, h]]`` has the size ``4 |a| |b| |h|`` where ``A[b, h]`` and
    ``A[a, b] + A[a, h] - 2 A[a, b] A[a, h]`` are 1, which is the parity of a and of the product of b and h.
    """
    terms = [term for own in parts for term in own]
    if len(terms) > _STRINGS:
        raise MethodError(
            f"Argument `formula` must be the name of one formula for more than {_STRINGS:,} strings with more than {PAIRS:,} pairs to "
            f"take commutators of, but is 'auto' for {len(terms):,} strings."
        )
    check_memory(24 * len(terms) ** 2, f"Commutators of {len(terms):,} strings")
    sizes = np.array([abs(c) for _, _, c in terms])
    part = np.repeat(np.arange(len(parts)), [len(own) for own in parts])
    odd, lie, strang = _anticommuting(terms), 0.0, 0.0
    for first in range(0, len(terms), _BLOCK):
        here = slice(first, first + _BLOCK)
        later = sizes[:, None] * (
            part[:, None] > part[here]
        )  # of the strings of later parts, one column for each string h
        same = sizes[:, None] * (part[:, None] == part[here])
        touched = later * odd[:, here]
        twice, whole = odd @ touched, touched.sum(axis=0)
        outer = (later * twice).sum(axis=0) + whole**2 - 2 * (touched * twice).sum(axis=0)
        inner = (same * (twice * (1 - 2 * odd[:, here]) + odd[:, here] * whole)).sum(axis=0)
        lie += float(sizes[here] @ whole)
        strang += float(4 * sizes[here] @ (outer / 12 + inner / 24))
    return lie, strang


def _anticommuting(terms: Sequence[Term]) -> np.ndarray:
    """1 for strings that anticommute, else 0; shape ``(strings, strings)``."""
    bits = max((x | z).bit_length() for x, z, _ in terms)
    shared = _rows([x for x, _, _ in terms], bits) @ _rows([z for _, z, _ in terms], bits).T
    return np.asarray((shared + shared.T) % 2)


def _rows(masks: Sequence[int], bits: int) -> np.ndarray:
    """The bits of masks, shape ``(masks, bits)`` with bits rounded up to bytes."""
    size = bits // 8 + 1
    packed = np.array([list(mask.to_bytes(size, "little")) for mask in masks], dtype=np.uint8).reshape(-1, size)
    return np.asarray(np.unpackbits(packed, axis=1, bitorder="little"), dtype=float)
