"""The terms of an operator in parts whose exponentials are circuits of little depth: coloured bonds, fields, commuting groups.

A block is a set of terms on the same qubits whose exponential is exact: any terms on one bond (a matrix of 4 x 4), or commuting
strings. A part is a set of blocks that all commute. The parts are the colours of the graph of blocks that do not commute, so that
the Ising and Heisenberg models on a lattice have as many parts as the lattice has colours of bonds, at any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Term = tuple[int, int, float]  # the masks x and z, and the coefficient


@dataclass(frozen=True)
class Block:
    """Terms whose sum is exponentiated exactly.

    Attributes:
        qubits: on which they act, ascending.
        terms: masks over the whole register and coefficients; on more than two qubits all terms commute.
    """

    qubits: tuple[int, ...]
    terms: tuple[Term, ...]


Part = tuple[Block, ...]


def support(x: int, z: int) -> tuple[int, ...]:
    """The qubits on which a string acts, ascending.

    >>> support(0b101, 0b100)
    (0, 2)
    """
    mask = x | z
    return tuple(q for q in range(mask.bit_length()) if mask >> q & 1)


def anticommute(a: Term, b: Term) -> bool:
    """Whether two strings anticommute (else they commute).

    >>> anticommute((1, 0, 1.0), (0, 1, 1.0)), anticommute((3, 0, 1.0), (0, 3, 1.0))
    (True, False)
    """
    return bool(((a[0] & b[1]).bit_count() + (a[1] & b[0]).bit_count()) % 2)


def bond_parts(terms: Sequence[Term], fused: bool) -> list[Part]:
    """Parts of blocks, one a set of qubits that strings share.

    Args:
        terms: without the identity.
        fused: the strings on one qubit are shared out evenly among the bonds that touch it, where there are any; False: they are blocks
            of their own, which all commute, and cost no gate on two qubits.

    >>> chain = [(0, 0b011, -1.0), (0, 0b110, -1.0), (0b001, 0, -1.0), (0b010, 0, -1.0), (0b100, 0, -1.0)]
    >>> [[block.qubits for block in part] for part in bond_parts(chain, fused=True)]
    [[(0, 1)], [(1, 2)]]
    >>> [[block.qubits for block in part] for part in bond_parts(chain, fused=False)]
    [[(0,), (1,), (2,)], [(0, 1), (1, 2)]]
    """
    held: dict[tuple[int, ...], list[Term]] = {}
    for term in terms:
        held.setdefault(support(term[0], term[1]), []).append(term)
    if fused:
        held = _with_shares(held)
    blocks = [block for qubits, own in sorted(held.items()) for block in _blocks(qubits, own)]
    return _ordered(_coloured(blocks))


def group_parts(terms: Sequence[Term]) -> list[Part]:
    """Groups of commuting strings, the largest coefficients first; each string goes to the first group that it commutes with.

    >>> [[block.terms[0][2] for block in part] for part in group_parts([(1, 0, 0.5), (0, 1, 2.0), (0, 2, 1.0)])]
    [[2.0, 1.0], [0.5]]
    """
    groups: list[list[Term]] = []
    for term in sorted(terms, key=lambda t: (-round(abs(t[2]), 12), t[0] | t[1], t[0], t[1])):
        home = next((group for group in groups if not any(anticommute(term, other) for other in group)), None)
        if home is None:
            groups.append([term])
        else:
            home.append(term)
    return [_layered([Block(support(t[0], t[1]), (t,)) for t in group]) for group in groups]


def single_parts(terms: Sequence[Term]) -> list[Part]:
    """Every string a part of its own, in the order of the operator."""
    return [(Block(support(t[0], t[1]), (t,)),) for t in terms]


def _with_shares(held: dict[tuple[int, ...], list[Term]]) -> dict[tuple[int, ...], list[Term]]:
    """The strings on one qubit shared out among its bonds."""
    bonds: dict[int, list[tuple[int, ...]]] = {}
    for qubits in held:
        if len(qubits) == 2:
            for q in qubits:
                bonds.setdefault(q, []).append(qubits)
    out = {qubits: list(own) for qubits, own in held.items() if len(qubits) > 1}
    for qubits, own in held.items():
        if len(qubits) > 1:
            continue
        homes = bonds.get(qubits[0], [])
        if not homes:
            out[qubits] = list(own)
        for bond in homes:
            out[bond] += [(x, z, c / len(homes)) for x, z, c in own]
    return out


def _blocks(qubits: tuple[int, ...], terms: Sequence[Term]) -> list[Block]:
    """One block on one or two qubits; on more, as few commuting ones as a greedy search finds."""
    if len(qubits) <= 2:
        return [Block(qubits, tuple(terms))]
    found: list[list[Term]] = []
    for term in terms:
        home = next((own for own in found if not any(anticommute(term, other) for other in own)), None)
        if home is None:
            found.append([term])
        else:
            home.append(term)
    return [Block(qubits, tuple(own)) for own in found]


def _conflicts(blocks: Sequence[Block]) -> list[set[int]]:
    """For each block the others that it does not commute with."""
    touching: dict[int, list[int]] = {}
    for i, block in enumerate(blocks):
        for q in block.qubits:
            touching.setdefault(q, []).append(i)
    out: list[set[int]] = [set() for _ in blocks]
    for i, block in enumerate(blocks):
        near = {j for q in block.qubits for j in touching[q] if j > i}
        for j in near:
            if any(anticommute(a, b) for a in block.terms for b in blocks[j].terms):
                out[i].add(j)
                out[j].add(i)
    return out


def _coloured(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks by colour: the better of a colouring by saturation and, where all blocks are bonds, one by alternating paths."""
    near = _conflicts(blocks)
    colours = _by_saturation(near)
    if all(len(block.qubits) == 2 for block in blocks) and len(set(colours)) > 2:
        other = _by_paths([block.qubits for block in blocks])
        if other is not None and len(set(other)) < len(set(colours)):
            colours = other
    return [[b for b, own in zip(blocks, colours) if own == colour] for colour in sorted(set(colours))]


def _by_saturation(near: Sequence[set[int]]) -> list[int]:
    """Greedy colouring, the node with most colours around it first; exact on bipartite graphs.

    Source: Brelaz, Commun. ACM 22, 251 (1979), doi:10.1145/359094.359101.
    """
    colours = [-1] * len(near)
    around: list[set[int]] = [set() for _ in near]
    left = set(range(len(near)))
    while left:
        i = max(left, key=lambda node: (len(around[node]), len(near[node]), -node))
        colours[i] = next(c for c in range(len(near)) if c not in around[i])
        left.remove(i)
        for j in near[i]:
            around[j].add(colours[i])
    return colours


def _by_paths(bonds: Sequence[tuple[int, ...]]) -> list[int] | None:
    """Bonds in as many colours as one qubit has bonds at most, where exchanges along alternating paths find it; None where not.

    On bipartite lattices they always do (Konig's theorem).
    """
    degree: dict[int, int] = {}
    for bond in bonds:
        for q in bond:
            degree[q] = degree.get(q, 0) + 1
    most = max(degree.values(), default=0)
    used: dict[int, dict[int, int]] = {q: {} for q in degree}  # of a qubit: colour to bond
    for number, (u, v) in enumerate(bonds):
        a = next(c for c in range(most) if c not in used[u])
        b = next(c for c in range(most) if c not in used[v])
        if a in used[v] and not _exchange(bonds, used, v, u, a, b):
            return None
        used[u][a] = used[v][a] = number
    return [colour for number, (u, _) in enumerate(bonds) for colour, own in used[u].items() if own == number]


def _exchange(
    bonds: Sequence[tuple[int, ...]], used: dict[int, dict[int, int]], start: int, other: int, a: int, b: int
) -> bool:
    """Exchange colours a and b along the path from ``start``, which frees a there; False where the path ends at ``other``."""
    path, q, colour = [], start, a
    while colour in used[q]:
        number = used[q][colour]
        path.append((number, colour))
        q = bonds[number][0] if bonds[number][1] == q else bonds[number][1]
        colour = a + b - colour
    if q == other:
        return False
    for number, colour in path:
        for end in bonds[number]:
            used[end].pop(colour, None)
    for number, colour in path:
        for end in bonds[number]:
            used[end][a + b - colour] = number
    return True


def _ordered(parts: list[list[Block]]) -> list[Part]:
    """The dearest part last and the next one first: there sweeps turn, and two visits become one."""
    dear = sorted((_layered(part) for part in parts), key=part_gates)
    return dear if len(dear) < 3 else [dear[-2], *dear[:-2], dear[-1]]


def part_gates(part: Part) -> int:
    """Gates on two qubits of a part, about.

    >>> part_gates((Block((0, 1), ((3, 0, 1.0), (0, 3, 1.0))),))
    2
    """
    return sum(
        2 * len(b.terms) * (len(b.qubits) - 1) if len(b.qubits) > 2 else min(3, 2 * len(b.qubits) - 2) for b in part
    )


def _layered(blocks: Sequence[Block]) -> Part:
    """Commuting blocks in an order in which those on different qubits stand side by side."""
    near: list[set[int]] = [set() for _ in blocks]
    touching: dict[int, list[int]] = {}
    for i, block in enumerate(blocks):
        for q in block.qubits:
            for j in touching.setdefault(q, []):
                near[i].add(j)
                near[j].add(i)
            touching[q].append(i)
    colours = _by_saturation(near)
    return tuple(blocks[i] for i in sorted(range(len(blocks)), key=lambda i: (colours[i], i)))
