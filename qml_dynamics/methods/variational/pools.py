"""Pools of generators for growth, as masks ``(x, z)`` of Pauli strings: all short ones, those of grids, and those of an operator's terms.

A module of its own beside `adaptive` and `supply`: what each pool holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, permutations, product

from ...base.errors import MethodError, require
from ...model.hamiltonians import Hamiltonian, PauliHamiltonian
from .engine.gates import commuting_groups
from .options import Growth

Mask = tuple[int, int]
Masks = list[Mask]


def pool(options: Growth, num_qubits: int, odd: bool) -> Masks:
    """The masks ``(x, z)`` of the candidates (``"pauli"`` where none is named).

    >>> from qml_dynamics.methods.variational.engine.gates import pauli_name
    >>> [pauli_name(x, z) for x, z in pool(Growth(pool="grid"), 2, True)]
    ['Y0', 'Y1', 'X0 Y1', 'Y0 X1', 'Y0 Z1', 'Z0 Y1']
    """
    if not isinstance(options.pool, str):
        return [_masks(label, num_qubits) for label in options.pool]
    masks: Masks = []
    for weight in (1, 2, 3) if options.pool == "grid" else (1, 2):
        for qubits in combinations(range(num_qubits), weight):
            for letters in product("XYZ", repeat=weight):
                word = dict(zip(qubits, letters))
                if options.pool == "grid" and not _of_grid(letters):
                    continue
                if odd and letters.count("Y") % 2 == 0:
                    continue
                masks.append(_word(word))
    return masks


def _of_grid(letters: tuple[str, ...]) -> bool:
    """Y, YX, YZ and YZZ in any order; single X and Z too, for waves that are not real."""
    if len(letters) < 3:
        return len(letters) == 1 or letters.count("Y") == 1
    return sorted(letters) == ["Y", "Z", "Z"]


def _word(word: dict[int, str]) -> tuple[int, int]:
    x = sum(1 << q for q, letter in word.items() if letter in "XY")
    z = sum(1 << q for q, letter in word.items() if letter in "ZY")
    return x, z


def _masks(label: str, num_qubits: int) -> tuple[int, int]:
    require(len(label) == num_qubits, "pool", f"have labels of {num_qubits} letters", label, MethodError)
    return _word({num_qubits - 1 - i: letter for i, letter in enumerate(label)})


def grouped(h: Hamiltonian, odd: bool) -> list[Masks]:
    """Groups of strings made from the operator's own terms, and their members one by one.

    A group is all that comes from one group of commuting terms by turning one letter into another, or from two groups by the
    commutators of their terms; where wave and operator are not real, the groups of terms themselves come first. So the sums
    keep the symmetries that the operator's groups have, and one angle rotates all of a group.

    Args:
        h: of an operator (``Problem.from_operator``).
        odd: only strings with an odd number of Y.

    Raises:
        MethodError: the Hamiltonian of a loss, which has no terms.

    >>> from qml_dynamics import Problem, hamiltonian
    >>> from qml_dynamics.methods.variational.engine.gates import pauli_name
    >>> h = hamiltonian(Problem.from_operator([[1.0, 0.5], [0.5, -1.0]], clock="imaginary", duration=1.0))
    >>> [[pauli_name(x, z) for x, z in group] for group in grouped(h, True)]
    [['Y0']]
    """
    if not isinstance(h, PauliHamiltonian):
        raise MethodError("Argument `pool` must be 'grid', 'pauli' or a list of labels for a loss, but is 'terms'.")
    sets = term_groups(h)
    found = [*turned_groups(sets, odd), *crossed_groups(sets)]
    return with_members([[m for m in group if not odd or count_y(m) % 2] for group in found])


def term_groups(h: PauliHamiltonian) -> list[Masks]:
    """The operator's terms in groups that commute among themselves, the identity left out."""
    return [[(int(h.terms.x[j]), int(h.terms.z[j])) for j in group] for group in commuting_groups(h.terms)]


def turned_groups(sets: Iterable[Masks], odd: bool) -> list[Masks]:
    """The groups themselves unless only odd numbers of Y are wanted, and all that comes from one by turning a letter."""
    found: list[Masks] = [] if odd else [list(group) for group in sets]
    for group in sets:
        for old, new in permutations(_LETTERS, 2):
            found.append([mask for string in group for mask in _turned(string, _LETTERS[old], _LETTERS[new])])
    return found


def crossed_groups(sets: Iterable[Masks]) -> list[Masks]:
    """The commutators of the terms of two groups."""
    return [
        [(a ^ c, b ^ d) for a, b in one for c, d in other if anticommute((a, b), (c, d))]
        for one, other in combinations(sets, 2)
    ]


def with_members(found: Iterable[Masks]) -> list[Masks]:
    """The groups, each once, and behind them their members one by one."""
    unique = {frozenset(group): list(dict.fromkeys(group)) for group in reversed(list(found)) if group}
    groups = list(reversed(unique.values()))
    singles = dict.fromkeys(m for group in groups for m in group)
    return groups + [[m] for m in singles if frozenset([m]) not in unique]


_LETTERS = {"X": (1, 0), "Y": (1, 1), "Z": (0, 1)}


def _turned(string: tuple[int, int], old: tuple[int, int], new: tuple[int, int]) -> Masks:
    """The string with one of its ``old`` letters made ``new``, for each of them."""
    x, z = string
    sites = [q for q in range((x | z).bit_length()) if (x >> q & 1, z >> q & 1) == old]
    return [(x ^ (old[0] ^ new[0]) << q, z ^ (old[1] ^ new[1]) << q) for q in sites]


def count_y(mask: Mask) -> int:
    """How many letters of a string are Y."""
    return (mask[0] & mask[1]).bit_count()


def anticommute(a: Mask, b: Mask) -> bool:
    """Whether two strings do not commute."""
    return ((a[0] & b[1]).bit_count() + (a[1] & b[0]).bit_count()) % 2 == 1
