"""Waves over momenta: transforms along a train, walls as rings of twice the length, and the momenta that are kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...model.problem import Problem
from .kinetic import adjoint, fourier
from .layout import Layout
from .trains import Train, applied, drawn, inner, mean, rounded

FINE = 1e-2  # of the tolerance: what the factors themselves may miss
FINEST = 1e-13
WHOLE = 9  # qubits of an axis up to which all its momenta are kept
HIGHEST = 12  # qubits of the momenta that are kept at most: a wave that holds more is told by its error
_SAMPLES = 64
_PROBES = 4096
_MARGIN = 1.3  # of the largest momentum that the drop of the loss can give
_SEEN = 3e-8  # square root of the rounding of a weight


def seeds(begin: Train) -> np.ndarray:
    """Samples of a wave, and points anywhere."""
    rng = np.random.default_rng(7)
    anywhere = rng.integers(0, 2, (_SAMPLES, len(begin))).astype(np.int8)
    return np.unique(np.concatenate([drawn(begin, _SAMPLES, rng), anywhere]), axis=0)


def transforms(layout: Layout) -> tuple[list[Train], list[Train]]:
    """Operators to the momenta of all axes of a ring, and back."""
    there = [list(fourier(q)) for q in layout.grid.qubits]
    return layout.joined(there), layout.joined([adjoint(part) for part in there])


def in_momenta(train: Train, layout: Layout, tolerance: float, most: int) -> Train:
    """The wave over momenta of the ring: the site of a bit of x holds the bit of k of the opposite rank on its axis."""
    if layout.grid.boundary == "walls":
        train = rounded(unfolded(train, layout), tolerance, most)[0]
    for operator in transforms(layout.ring)[0]:
        train = applied(operator, train, tolerance, most)[0]
    return train


def unfolded(train: Train, layout: Layout) -> Train:
    """The wave between walls as an odd one on the ring of twice the length, ``(|0> psi - |1> X...X psi) / sqrt 2`` on each axis.

    The points lie half a spacing from the walls, so that the mirror image of a point has all its bits the other way round.
    """
    out, present = list(train), list(layout.sites)
    for axis, top in enumerate(layout.grid.qubits):
        wanted = {*present, (axis, top)}
        present = [site for site in layout.ring.sites if site in wanted]
        places = [i for i, (a, _) in enumerate(present) if a == axis]
        forward = present[places[0]][1] == top
        at = places[0] if forward else places[-1]
        rank = out[at].shape[0] if at < len(out) else 1
        new = np.einsum("lr,bc,b->lbcr", np.eye(rank), np.eye(2), [0.5**0.5, -(0.5**0.5)])
        new = new.reshape(rank, 2, 2 * rank) if forward else new.transpose(2, 0, 1, 3).reshape(2 * rank, 2, rank)
        out.insert(at, new.astype(complex))
        last = places[-1] if forward else places[0]
        for i in range(places[0] + 1, places[-1] + 1) if forward else range(places[0], places[-1]):
            core = out[i]
            flipped = core[:, ::-1] if present[i][0] == axis else core
            both = np.zeros((2, core.shape[0], 2, 2, core.shape[2]), dtype=complex)
            both[0, :, :, 0], both[1, :, :, 1] = core, flipped
            if i == last:  # where the wire of the sign ends
                both = both.sum(axis=3, keepdims=True) if forward else both.sum(axis=0, keepdims=True)
            out[i] = both.reshape(both.shape[0] * core.shape[0], 2, -1)
    return out


def within(qubits: int, cutoff: int) -> Train:
    """1 where a signed momentum fits into so many qubits, lowest bit first: all bits from that of the sign on are equal.

    >>> from .trains import dense
    >>> dense(within(4, 3)).real.astype(int).tolist()     # bits 1, 2, 4, 8: 0 to 3, and -4 to -1
    [1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1]
    """
    ones = np.ones((1, 2, 1), dtype=complex)
    if cutoff == qubits:
        return [ones] * qubits
    fork, same = np.eye(2, dtype=complex)[None], np.zeros((2, 2, 2), dtype=complex)
    same[0, 0, 0] = same[1, 1, 1] = 1.0
    more = qubits - cutoff - 1
    return [*[ones] * (cutoff - 1), fork, *[same] * more, np.eye(2, dtype=complex)[:, :, None]]


def outside(wave: Train, layout: Layout, axis: int, cutoff: int) -> float:
    """Root of the weight of momenta of an axis that do not fit into so many qubits."""
    inside = within(layout.grid.qubits[axis], cutoff)
    left = inner(wave, wave).real - mean(wave, layout.alone(axis, inside)).real
    return float(np.sqrt(max(0.0, left)))


def first_cutoffs(
    problem: Problem,
    layout: Layout,
    begin: Train,
    loss: Callable[[np.ndarray], np.ndarray],
    tolerance: float,
    most: int,
) -> tuple[int, ...]:
    """Qubits of the momenta to keep: what the initial wave holds, and what the drop of the loss can add, twice over."""
    grid = layout.ring.grid
    length = problem.duration
    whole = problem.diffusion.integral(0.0, length, length)
    if whole == 0 or all(q <= WHOLE for q in grid.qubits):  # without diffusion no momentum is asked for
        return grid.qubits
    wave = in_momenta(begin, layout, max(FINEST, FINE * tolerance), most)
    bits, rng = drawn(begin, 4 * _SAMPLES, np.random.default_rng(5)), np.random.default_rng(6)
    probes = rng.integers(0, 2, (_PROBES, len(begin))).astype(np.int8)
    drop = float(loss(bits).max() - loss(np.concatenate([bits, probes])).min())
    gained = drop * abs(problem.strength.integral(0.0, length, length)) / whole
    out = []
    for axis, q in enumerate(grid.qubits):
        top = min(q, HIGHEST)
        cut = next((m for m in range(5, top) if outside(wave, layout.ring, axis, m - 1) <= max(_SEEN, tolerance)), top)
        unit = 2 * np.pi / grid.lengths[axis]
        held = unit * (1 << (cut - 2))
        need = np.hypot(held, _MARGIN * np.sqrt(gained))
        out.append(min(top, max(cut, 2 + int(np.ceil(np.log2(need / unit))))) if q > WHOLE else q)
    return tuple(out)
