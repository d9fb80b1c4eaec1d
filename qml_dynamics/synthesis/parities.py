"""Walks through parities of qubits with few CX: each parity is held once by its highest qubit, where a rotation finds it.

A qubit that has been walked may be left as the parity ``z_t xor z_(t-1)`` with its lower neighbour instead of being taken back to
``z_t``, and one ladder of CX takes all of them back at the end (difference encoding). In these coordinates the parities of a polynomial
lie closer together: a quadratic form on n qubits takes ``(n - 1)(n + 2) / 2`` CX where plain walks take ``n (n - 1)``. Which qubits are
left so, and the order of the parities of a qubit, are chosen by the count of CX; plain walks are among the candidates, so that no
choice takes more.

Plain walks in Gray order: Welch, Greenbaum, Mostame, Aspuru-Guzik, New J. Phys. 16, 033040 (2014), arXiv:1306.3991. Parity networks:
Amy, Azimzadeh, Mosca, Quantum Sci. Technol. 4, 015002 (2018), arXiv:1712.01859.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_GREEDY = 1500  # a qubit with more parities than this is walked in Gray order only
_IMPROVED = 400  # one with more than this by nearest neighbours, without exchanges
_KEPT = 1 << 12  # walks through no more parities than this are kept
_DENSE = 64  # CX that are not looked for in longer ones
_STARTS = 4
_ROUNDS = 60

Move = tuple[str, int, int]


def parity_walk(masks: np.ndarray) -> Iterator[Move]:
    """Visit every non-zero mask on its highest qubit: ``("cx", control, target)`` and ``("rotate", index, target)``.

    At a rotation the target holds the parity of its mask; at the end every qubit holds what it held at the start.

    >>> list(parity_walk(np.array([0, 1, 3])))
    [('rotate', 1, 0), ('cx', 0, 1), ('rotate', 2, 1), ('cx', 0, 1)]
    """
    masks = np.asarray(masks, dtype=np.int64)
    if len(masks) <= _KEPT:
        return iter(_kept(masks.tobytes()))
    return _moves(masks, _plan(masks))


def cx_count(masks: np.ndarray) -> int:
    """CX of the walk through these masks.

    >>> cx_count(np.array([1 << i | 1 << j for i in range(6) for j in range(i)]))
    20
    """
    return sum(move == "cx" for move, _, _ in parity_walk(masks))


@dataclass(frozen=True)
class _Target:
    """The walk of one qubit: indices of its masks in order, their codes, and the code that it is left with."""

    qubit: int
    index: tuple[int, ...]
    codes: tuple[int, ...]
    end: int

    @property
    def cost(self) -> int:
        """CX of the walk, and the one that the ladder takes for this qubit."""
        path = [0, *self.codes, self.end]
        return sum((a ^ b).bit_count() for a, b in zip(path[:-1], path[1:])) + (self.end != 0)


@lru_cache(maxsize=256)
def _kept(masks: bytes) -> tuple[Move, ...]:
    found = np.frombuffer(masks, dtype=np.int64)
    return tuple(_moves(found, _plan(found)))


def _moves(masks: np.ndarray, plan: Sequence[_Target]) -> Iterator[Move]:
    """The moves of a plan, and the ladder that undoes what its qubits were left with."""
    for walk in plan:
        now = 0
        for index, code in zip(walk.index, walk.codes):
            yield from _flips(now ^ code, walk.qubit)
            yield "rotate", index, walk.qubit
            now = code
        yield from _flips(now ^ walk.end, walk.qubit)
    for walk in plan:
        if walk.end:
            yield "cx", walk.qubit - 1, walk.qubit


def _flips(difference: int, target: int) -> Iterator[Move]:
    for control in range(target):
        if difference >> control & 1:
            yield "cx", control, target


def _plan(masks: np.ndarray) -> list[_Target]:
    """The cheapest of the candidates: no qubit is left as a difference, every one, or those whose pair with its neighbour is there."""
    groups = _by_top(masks)
    plain = [_walk(qubit, index, lower, frozenset(), closed=True) for qubit, (index, lower) in groups.items()]
    gain = _cost(plain) - _least(groups)
    if gain <= (_DENSE if len(masks) > _KEPT else 0):
        return plain
    pairs = {top for top, (_, lower) in groups.items() if top and (lower == 1 << (top - 1)).any()}
    best, tried = plain, set()
    for left in (frozenset(range(1, max(groups) + 1)), frozenset(pairs)):
        if not left or left in tried:
            continue
        tried.add(left)
        plan = _encoded(groups, left)
        if _cost(plan) < _cost(best):
            best = plan
    return best


def _encoded(groups: dict[int, tuple[np.ndarray, np.ndarray]], left: frozenset[int]) -> list[_Target]:
    """A plan in which these qubits are left as differences."""
    none = np.zeros(0, dtype=np.int64)
    qubits = sorted({*groups, *left})
    return [_walk(q, *groups.get(q, (none, none)), left, closed=q not in left) for q in qubits]


def _cost(plan: Iterable[_Target]) -> int:
    return sum(walk.cost for walk in plan)


def _least(groups: dict[int, tuple[np.ndarray, np.ndarray]]) -> int:
    """CX below which no plan can come: each parity of two qubits or more is reached by one."""
    return sum(int((lower != 0).sum()) for _, lower in groups.values())


def _by_top(masks: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """For each highest qubit the indices of its masks, and the masks without it."""
    tops = np.array([int(mask).bit_length() - 1 for mask in masks.tolist()], dtype=np.int64)
    out = {}
    for top in np.unique(tops[tops >= 0]).tolist():
        index = np.flatnonzero(tops == top)
        out[top] = (index, masks[index] ^ (1 << top))
    return out


def _walk(qubit: int, index: np.ndarray, lower: np.ndarray, left: frozenset[int], closed: bool) -> _Target:
    """The walk of one qubit, whose lower ones hold differences where they are in ``left``."""
    codes = _coordinates(lower, left)
    end = 0 if closed else int(_coordinates(np.array([1 << (qubit - 1)]), left)[0])
    order = _order(codes, end)
    return _Target(qubit, tuple(index[order].tolist()), tuple(codes[order].tolist()), end)


def _coordinates(subsets: np.ndarray, left: frozenset[int]) -> np.ndarray:
    """Subsets of the qubits as subsets of what the qubits hold: ``z_i`` is the sum of the differences down to the last plain one."""
    codes = np.array(subsets, dtype=np.int64)
    for qubit in sorted(left, reverse=True):  # z_q = d_q + z_(q-1)
        codes ^= (codes >> qubit & 1) << (qubit - 1)
    return codes


def _order(codes: np.ndarray, end: int) -> np.ndarray:
    """Positions of the codes on a short path from 0 through all of them to ``end``."""
    gray = np.argsort(_gray_rank(codes), kind="stable")
    many, cost = len(codes), _length(codes[gray], end)
    others = int((codes != 0).sum())
    least = max(others + (others > 0 and not (codes == end).any()), end.bit_count())
    least += (least - end.bit_count()) % 2
    if cost <= least or many > _GREEDY:
        return gray
    best = gray
    for start in range(_STARTS if many <= _IMPROVED else 1):
        order = _nearest(codes, start)
        if many <= _IMPROVED:
            order = _improved(codes, order, end)
        found = _length(codes[order], end)
        if found < cost:
            best, cost = order, found
        if cost <= least:
            break
    return best


def _gray_rank(codes: np.ndarray) -> np.ndarray:
    """Position of each code word in the binary reflected Gray sequence."""
    rank = codes.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        rank ^= rank >> shift
    return rank


def _length(sequence: np.ndarray, end: int) -> int:
    path = np.concatenate([[0], sequence, [end]])
    return int(np.bitwise_count(path[1:] ^ path[:-1]).sum())


def _nearest(codes: np.ndarray, start: int) -> np.ndarray:
    """Always the nearest code that is left; of equally near ones the lightest, or at later starts any one."""
    left = np.ones(len(codes), dtype=bool)
    random = np.random.default_rng(start)
    weight = np.bitwise_count(codes).astype(float) / 128
    out, now = np.empty(len(codes), dtype=int), 0
    for step in range(len(codes)):
        ties = weight if start == 0 else 0.4 * random.random(len(codes))
        distance = np.where(left, np.bitwise_count(codes ^ now) + ties, np.inf)
        out[step] = distance.argmin()
        left[out[step]] = False
        now = int(codes[out[step]])
    return out


def _improved(codes: np.ndarray, order: np.ndarray, end: int) -> np.ndarray:
    """The path with parts of it turned round or moved, as long as that makes it shorter."""
    nodes = np.concatenate([[0], codes, [end]])
    far = np.bitwise_count(nodes[:, None] ^ nodes[None]).astype(np.int64)
    path = np.concatenate([[0], order + 1, [len(codes) + 1]])
    for _ in range(_ROUNDS):
        before = path
        path = _moved(far, _turned(far, path))
        if np.array_equal(before, path):
            break
    return path[1:-1] - 1


def _turned(far: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Each start of a part once: the part that gains most is turned round."""
    path = path.copy()
    for i in range(len(path) - 2):
        a, b, ends = path[i], path[i + 1], np.arange(i + 1, len(path) - 1)
        gain = far[a, b] + far[path[ends], path[ends + 1]] - far[a, path[ends]] - far[b, path[ends + 1]]
        best = int(gain.argmax())
        if gain[best] > 0:
            path[i + 1 : ends[best] + 1] = path[i + 1 : ends[best] + 1][::-1].copy()
    return path


def _moved(far: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Parts of one, two or three nodes go where they cost least."""
    for size in (1, 2, 3):
        i = 1
        while i + size < len(path):
            part = path[i : i + size]
            before, after = path[i - 1], path[i + size]
            freed = far[before, part[0]] + far[part[-1], after] - far[before, after]
            if freed > 0:
                rest = np.concatenate([path[:i], path[i + size :]])
                a, b = rest[:-1], rest[1:]
                ahead = far[a, part[0]] + far[part[-1], b] - far[a, b]
                back = far[a, part[-1]] + far[part[0], b] - far[a, b]
                turned = back.min() < ahead.min()
                where = int((back if turned else ahead).argmin()) + 1
                if min(ahead.min(), back.min()) < freed:
                    path = np.concatenate([rest[:where], part[::-1] if turned else part, rest[where:]])
            i += 1
    return path
