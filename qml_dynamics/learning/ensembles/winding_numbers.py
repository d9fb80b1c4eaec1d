"""Winding numbers: the circulation of a multivalued phase, as integers.

``closed-loop int dF = 2 pi hbar w``, w an integer where ``exp(i F / hbar)`` is single valued (Wallstrom, Phys. Rev. A 49, 1613,
1994). On a grid w is the sum of the principal phase differences of neighbours round a loop, over 2 pi: exactly an integer.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from ...base.arguments import checks_arguments
from ...base.errors import integer, require
from ...base.numeric import Array
from ...model.domains import Domain, Grid
from .madelung_variables import checked_wave

_EMPTY = 1e-12  # amplitudes below this share of the largest are round-off: no vortex is read there


@checks_arguments
def circulation(psi: np.ndarray, domain: Domain, loop: Array | None = None) -> Any:
    """Windings of a wave on a grid.

    Args:
        psi: amplitudes, shape ``domain.shape``.
        domain: a :class:`Grid`.
        loop: None for all plaquettes; or indices of points ``(m, ndim)`` in the order of the walk, closed by itself (of a
            grid with one axis, ``(m,)`` indices). Points that are no neighbours are corners, joined by straight lines.

    Returns:
        With a loop, or on a grid with one axis (the way round the whole ring), an ``int``. With two axes an array of ints,
        one a plaquette whose lowest corner is that point, counted from axis 0 to axis 1; periodic grids wrap round. With
        more axes one such array for each pair of axes, stacked in front. Plaquettes with no amplitude have winding 0.

    Raises:
        ProblemError: the domain is no grid, a loop leaves it, or goes through a node, where no phase exists.

    >>> grid = Grid([(-4, 4), (-4, 4)], qubits=4)
    >>> x, y = grid.points.reshape(16, 16, 2).transpose(2, 0, 1) + 0.1
    >>> int(circulation((x + 1j * y) * np.exp(-(x**2 + y**2) / 2), grid)[4:12, 4:12].sum())
    1
    >>> ring = Grid((0, 2 * np.pi), 3)
    >>> circulation(np.exp(-2j * ring.axes[0]), ring)
    -2
    """
    wave = checked_wave(psi, domain)
    assert isinstance(domain, Grid)
    if loop is not None:
        return _round(np.angle(_on_loop(wave, _filled(loop_points(domain, loop), domain))))
    if domain.ndim == 1:
        require(domain.boundary == "periodic", "loop", "be given where no axis closes by itself", None)
        return _round(np.angle(_on_loop(wave, np.arange(domain.size)[:, None])))
    pairs = [_plaquettes(wave, a, b, domain.boundary) for a, b in combinations(range(domain.ndim), 2)]
    return pairs[0] if domain.ndim == 2 else np.array(pairs)


def loop_points(domain: Grid, loop: Array) -> np.ndarray:
    """A loop as an array of indices ``(m, ndim)``, checked."""
    points = np.asarray(loop)
    points = points[:, None] if points.ndim == 1 and domain.ndim == 1 else points
    ok = points.ndim == 2 and points.shape[1:] == (domain.ndim,) and len(points) >= 3 and points.dtype.kind in "iu"
    require(ok, "loop", f"be at least 3 points of {domain.ndim} integer indices", f"of shape {points.shape}")
    inside = bool((points >= 0).all() and (points < np.array(domain.shape)).all())
    require(inside, "loop", f"lie on the grid of shape {domain.shape}", points.tolist())
    return points


@checks_arguments
def square_loop(center: tuple[int, int], half: int) -> list[tuple[int, int]]:
    """The indices round a square of ``2 half`` steps a side, from axis 0 to axis 1: a loop for :func:`circulation`.

    >>> len(square_loop((8, 8), 2))
    16
    """
    i, j = center
    integer(half, "half", 1, 2**15)
    side = range(-half, half)
    walk = [(i + s, j - half) for s in side] + [(i + half, j + s) for s in side]
    return walk + [(i - s, j + half) for s in side] + [(i - half, j - s) for s in side]


def _filled(points: np.ndarray, domain: Grid) -> np.ndarray:
    """A walk with the points on the straight lines between those that are no neighbours; neighbours may be so over the edge."""
    shape, out = np.array(domain.shape), []
    for here, there in zip(points, np.roll(points, -1, axis=0)):
        move = there - here
        if domain.boundary == "periodic" and (np.abs((move + 1) % shape) <= 2).all():
            move = (move + 1) % shape - 1
        count = max(1, int(np.abs(move).max()))
        out += [(here + np.rint(k * move / count).astype(int)) % shape for k in range(count)]
    return np.array(out)


def _on_loop(wave: np.ndarray, points: np.ndarray) -> np.ndarray:
    values: np.ndarray = wave[tuple(points.T)]
    least, most = float(np.abs(values).min()), float(np.abs(wave).max())
    require(least > _EMPTY * most, "loop", "avoid nodes of the wave", f"through an amplitude of {least:.1e}")
    return values


def _round(theta: np.ndarray) -> int:
    return int(np.rint(wrapped(np.diff(theta, append=theta[:1])).sum() / (2 * np.pi)))


def wrapped(angle: np.ndarray) -> np.ndarray:
    """Angles in ``[-pi, pi)``."""
    return (np.asarray(angle) + np.pi) % (2 * np.pi) - np.pi


def _plaquettes(wave: np.ndarray, a: int, b: int, boundary: str) -> np.ndarray:
    theta = np.angle(wave)
    # each link is taken once and its reverse is its negative, so that windings of a region add up to those of its edge
    along = [wrapped(np.roll(theta, -1, axis) - theta) for axis in (a, b)]
    total = along[0] + np.roll(along[1], -1, a) - np.roll(along[0], -1, b) - along[1]
    size = np.abs(wave)
    largest = np.maximum(np.maximum(size, np.roll(size, -1, a)), np.roll(np.maximum(size, np.roll(size, -1, a)), -1, b))
    out = np.where(largest > _EMPTY * size.max(), np.rint(total / (2 * np.pi)), 0).astype(int)
    if boundary == "walls":
        keep = tuple(slice(0, -1) if axis in (a, b) else slice(None) for axis in range(wave.ndim))
        out = out[keep]
    return out
