"""What a run that grows may add: the pool that was named, or the one chosen from the operator and the wave where none is.

For a wave with a stabiliser s (of a basis state: any Z) that anticommutes with a term P, the string Q = i P s has ``-i Q psi = P psi``: the
rotation about Q, which is P with one letter turned into another, carries the wave where the term carries it. So the operator's own
terms, turned, span the velocity of a basis state; their commutators and short strings go on from there. Two restrictions lose nothing.
With real wave and velocity a string with an even number of Y moves phases only; and a string that anticommutes with a symmetry which
the wave has leads out of its sector, at a right angle to the velocity. Pools of strings: Tang et al., PRX Quantum 2, 020310 (2021),
arXiv:1911.10205; pools of the operator's own symmetry: Grimsley et al., Nat. Commun. 10, 3007 (2019), arXiv:1812.11173. The turned
terms are derived here.

A module of its own beside `pools`: which pool, where `pools` makes each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import numpy as np

from ...model.hamiltonians import Hamiltonian, PauliHamiltonian
from ...model.pauli import PauliSum
from .engine.gates import pauli_phases
from .options import Growth
from .pools import Mask, Masks, anticommute, count_y, crossed_groups, grouped, pool, term_groups, turned_groups

_ROOM = (
    1 << 22
)  # amplitudes of the tangents of a chosen pool: behind the turned terms no more strings are taken than that
_PRODUCTS = 6  # generators of a group of symmetries whose products are looked at too
_SURE = 1e-9  # how far from 1 the absolute mean of a symmetry may be: rounding of a wave, added up


class Supply:
    """The candidates of one run, made when they are first asked for.

    Args:
        options: of growth; where they name no pool and the problem is of an operator, one is chosen.
        h: the Hamiltonian.
        num_qubits: of the ansatz.

    Attributes:
        told: which pool was used, and why, in a sentence; empty until the ansatz has asked for it.
    """

    def __init__(self, options: Growth, h: Hamiltonian, num_qubits: int) -> None:
        self.options, self.h, self.num_qubits = options, h, num_qubits
        self.told = ""
        self._made: dict[tuple[object, ...], list[Masks]] = {}

    def levels(self, psi: np.ndarray, odd: bool) -> Iterator[list[Masks]]:
        """Candidates at a wave, each a group of strings with one angle; where they do not help the next, wider list is asked for.

        Args:
            psi: the wave, flat.
            odd: whether wave and velocity are real, so that only strings with an odd number of Y can help.
        """
        named = self.options.pool
        if named != "auto" or not isinstance(self.h, PauliHamiltonian):
            self.told = f"pool {_spelled(named)}"
            yield self._once((odd,), lambda: self._named(odd))
            return
        h, kept = self.h, tuple(kept_symmetries(self.h.terms, psi))
        room = _ROOM // psi.size
        first = self._once((odd, kept), lambda: _first(h, odd, kept, room))
        self.told = self.told or _told(odd, kept, first)
        yield first
        wider = self._once((odd, kept, "wider"), lambda: _wider(h, odd, kept, first, room))
        if len(wider) > len(first):
            self.told += _WIDER if _WIDER not in self.told else ""
            yield wider

    def _once(self, key: tuple[object, ...], make: Callable[[], list[Masks]]) -> list[Masks]:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _named(self, odd: bool) -> list[Masks]:
        if self.options.pool == "terms":
            return grouped(self.h, odd)
        return [[mask] for mask in pool(self.options, self.num_qubits, odd)]


def _spelled(named: object) -> str:
    if named == "auto":
        return "'pauli', the strings on one and two qubits, since a loss has no terms"
    return f"'{named}', as asked" if isinstance(named, str) else "of labels, as asked"


def kept_symmetries(terms: PauliSum, psi: np.ndarray) -> list[Mask]:
    """Pauli strings that commute with every term and of which a wave is an eigenvector.

    >>> from qml_dynamics.model.pauli import PauliSum
    >>> bond = PauliSum(2, np.array([3, 3, 0]), np.array([0, 3, 3]), np.array([1.0, 1.0, 0.5]))  # XX + YY + ZZ / 2
    >>> kept_symmetries(bond, np.array([0.0, 1.0, 0.0, 0.0]))
    [(0, 3)]
    """
    basis = commutant(list(zip(terms.x.tolist(), terms.z.tolist())), terms.num_qubits)
    every = [(0, 0)]
    for x, z in basis:
        every += [(a ^ x, b ^ z) for a, b in every] if len(basis) <= _PRODUCTS else [(x, z)]
    index = np.arange(psi.size)
    means = [np.vdot(psi, pauli_phases(x, z, terms.num_qubits) * psi[index ^ x]) for x, z in every]
    return [mask for mask, mean in zip(every, means) if mask != (0, 0) and abs(abs(mean) - 1) < _SURE]


def commutant(strings: Iterable[Mask], num_qubits: int) -> Masks:
    """Independent strings that generate all those which commute with these: the kernel of a symplectic form over two elements.

    >>> commutant([(0, 3), (1, 0), (2, 0)], 2)  # ZZ, X on either qubit
    [(3, 0)]
    """
    kernel = [1 << k for k in range(2 * num_qubits)]  # a string as x + z 2^n
    for x, z in dict.fromkeys(strings):
        row = z | x << num_qubits
        off = [v for v in kernel if (v & row).bit_count() % 2]
        if off:
            kernel = [v ^ off[0] if v in off else v for v in kernel if v != off[0]]
    return [(v & (1 << num_qubits) - 1, v >> num_qubits) for v in _reduced(kernel)]


def _reduced(rows: list[int]) -> list[int]:
    """Fully reduced rows, pivots at the lowest bits (those of x): rows of Z alone are found where there are any."""
    out: list[int] = []
    for row in rows:
        for one in out:
            row = min(row, row ^ one) if row & (one & -one) else row
        if row:
            out = [v ^ row if v & (row & -row) else v for v in out] + [row]
    return out


def _first(h: PauliHamiltonian, odd: bool, kept: Iterable[Mask], room: int) -> list[Masks]:
    """Single strings: terms with a letter turned, and as far as there is room commutators of two terms and short strings."""
    sets = term_groups(h)
    found = dict.fromkeys(m for group in turned_groups(sets, odd) for m in group if _helps(m, odd, kept))
    more = chain(*crossed_groups(sets), pool(Growth(pool="pauli"), h.num_qubits, odd))
    return _filled(found, (m for m in more if _helps(m, odd, kept)), room)


def _wider(h: PauliHamiltonian, odd: bool, kept: Iterable[Mask], before: list[Masks], room: int) -> list[Masks]:
    """Commutators of the terms with the strings on one and two qubits too: those P s for which s is short."""
    terms = [mask for group in term_groups(h) for mask in group]
    short = pool(Growth(pool="pauli"), h.num_qubits, False)
    more = ((a ^ c, b ^ d) for a, b in short for c, d in terms if anticommute((a, b), (c, d)))
    return _filled(dict.fromkeys(m for (m,) in before), (m for m in more if _helps(m, odd, kept)), room)


def _filled(found: dict[Mask, None], more: Iterable[Mask], room: int) -> list[Masks]:
    """The strings and, while there is room, more of them; shortest first, so that of equal gains the cheapest is taken."""
    for mask in more:
        if len(found) >= room:
            break
        found[mask] = None
    return [[mask] for mask in sorted(found, key=lambda m: (m[0] | m[1]).bit_count())]


def _helps(mask: Mask, odd: bool, kept: Iterable[Mask]) -> bool:
    """Whether a string may lower the residual at all."""
    return (not odd or count_y(mask) % 2 == 1) and not any(anticommute(mask, one) for one in kept)


_WIDER = "; where none of them helped, commutators of terms and short strings"


def _told(odd: bool, kept: Sequence[Mask], found: Sequence[Masks]) -> str:
    why = ["an odd number of Y, since operator and wave are real"] if odd else []
    why += [f"{len(kept)} Pauli symmetr{'y' if len(kept) == 1 else 'ies'} of operator and wave kept"] if kept else []
    what = "terms with a letter turned, their commutators, and strings on one and two qubits"
    return f"pool chosen from the operator, {len(found)} strings: {'; '.join([what, *why])}"
