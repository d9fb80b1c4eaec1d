"""Criteria of grid growth: spatial residual, momentum tail and edge weight, for a finer grid, a wider window or a shifted one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...model.hamiltonians import LearningHamiltonian
from ...model.problem import Problem
from .grid import coarsened, energy_change, residual, tails
from .patches import Patch, at_the_edges, coarse, narrowed

if TYPE_CHECKING:
    from .levels import Walk

BLIND = 0.03  # how far from the finer grid's wave a residual may carry a wave while it counts
START = 1e-3  # the initial wave must survive coarsening to this distance
MARGIN = 1 / 16  # of a box, at either end, where a residual is that of a loss which jumps at the edge
EDGE = 3e-6  # probability at the ends of a window


def horizon(psi: np.ndarray, h: LearningHamiltonian, t: float, problem: Problem) -> float:
    """How long a residual counts: all the duration on the real clock, which forgets nothing; on the imaginary clock five times
    that in which the wave moves, the inverse standard deviation of its energy."""
    if problem.clock == "real":
        return problem.duration
    sigma = float(np.linalg.norm(h.apply(psi, t) - h.expectation(psi, t) * psi))
    return min(problem.duration, 5 / max(sigma, 1e-300))


def first_patch(walk: Walk) -> Patch:
    """The coarsest grid that holds the initial wave, and its velocity, on the smallest window that holds the wave."""
    psi = walk.problem.initial.vector(walk.whole)
    spectrum = np.abs(walk.at(coarse(walk.whole, walk.whole.qubits)).transform.forward(psi.copy())) ** 2
    walk.updates += 2 * walk.whole.size
    patch = coarse(walk.whole, walk.least)
    while not patch.complete:
        grid = patch.grid
        high, lost = tails(walk.whole, spectrum, grid), tails(walk.whole, spectrum, grid, 1.0)
        needed = [a > START**2 / len(high) for a in lost]
        if walk.growing.criterion == "momentum_tail":
            needed = [n or a > allowed(walk) / len(high) for n, a in zip(needed, high)]
        room = [r < q for r, q in zip(grid.qubits, walk.whole.qubits)]
        needed = [n and r for n, r in zip(needed, room)]
        if not any(needed):
            walk.psi = coarsened(psi, walk.whole, grid)[0]
            walk.looks = 0
            simple = walk.growing.criterion == "momentum_tail"
            seen = float(high[room].sum()) if simple else against_finer(walk, walk.psi, walk.times[0], patch)
            walk.seen.append((walk.times[0], seen))
            if seen <= allowed(walk) and not blind(walk, walk.psi, walk.times[0], patch):
                break
            needed = [True] * len(high)
        patch = patch.refined(needed)
    if patch.complete:
        walk.psi = psi
    walk.looks = 0
    if not may_narrow(walk):
        return patch
    small = narrowed(patch, walk.psi, walk.least, EDGE)
    walk.psi = walk.psi[small.window] / np.linalg.norm(walk.psi[small.window])
    return small


def may_narrow(walk: Walk) -> bool:
    """On the imaginary clock what is left out may grow; and the other criteria know nothing of windows."""
    simple = walk.growing.schedule is None and walk.growing.criterion == "momentum_tail"
    return walk.growing.window and simple and walk.problem.clock == "real"


def allowed(walk: Walk) -> float:
    """The threshold; of a residual, so that its integral over the run stays below it."""
    whole = walk.problem.duration if walk.growing.criterion == "residual" else 1.0
    return float(walk.growing.limit / whole)


def against_finer(walk: Walk, psi: np.ndarray, t: float, patch: Patch) -> float:
    """The criterion of a wave on a patch against the next finer one; costs transforms on both."""
    finer, here = patch.refined(), walk.at(patch)
    walk.updates += 8 * finer.grid.size + 4 * patch.grid.size
    return (residual if walk.growing.criterion == "residual" else energy_change)(psi, here, walk.at(finer), t)


def blind(walk: Walk, psi: np.ndarray, t: float, patch: Patch) -> bool:
    """Whether the loss has structure between the points of a patch that the wave's momenta know nothing of.

    A coarse grid may alias the loss, and then its wave stays smooth. So the cheap criterion is checked against the residual on
    the next grid, at the first, fourth, sixteenth look at a wave on a patch.
    """
    walk.looks += 1
    if walk.growing.criterion != "momentum_tail" or walk.looks not in (1, 4, 16, 64, 256):
        return False
    finer = patch.refined()
    value = residual(psi, walk.at(patch), walk.at(finer), t, MARGIN)
    walk.updates += 4 * finer.grid.size + (3 if walk.problem.clock == "real" else 9) * patch.grid.size
    walk.missed.append((t, value))
    return value * horizon(psi, walk.at(patch), t, walk.problem) > BLIND


def asked(walk: Walk, psi: np.ndarray, t0: float, t1: float, tries: int) -> list[Patch]:
    """The patches to go through, one bit an axis each, because of a wave at the end of a stretch; none if it is well there.

    A stretch that asks for the third time asks for two bits at once, and so on: a wave that needs the finest grid is there soon.
    """
    here, out = walk.patch, list[Patch]()
    axes = coarse_axes(walk, psi, t0, t1)
    for _ in range(max(1, tries) if any(axes) else 0):
        if here.refined(axes) != here:
            out.append(here := here.refined(axes))
    return out + windows(walk, here, psi)


def windows(walk: Walk, here: Patch, psi: np.ndarray) -> list[Patch]:
    """Windows that follow the wave where it came to their ends, or are twice as wide where it does not fit."""
    out: list[Patch] = []
    walk.updates += psi.size if any(here.halvings) else 0
    for axis, (low, high) in enumerate(at_the_edges(walk.patch, psi)):
        if low + high > EDGE:
            waves = [walk.patch.moved(wave, here) for wave in (walk.psi, psi)]
            aside = None if out or walk.rounds > 2 else here.shifted(axis, waves, EDGE / 2)
            out.append(here := aside or here.widened(axis, (high - low) / (high + low)))
    return out


def coarse_axes(walk: Walk, psi: np.ndarray, t0: float, t1: float) -> list[bool]:
    """Which axes ask for points in between."""
    room = [r < q for r, q in zip(walk.patch.resolution, walk.whole.qubits)]
    if not any(room):
        return room
    if walk.growing.criterion == "momentum_tail":
        walk.updates += 2 * psi.size
        spectrum = np.abs(walk.at(walk.patch).transform.forward(psi.copy())) ** 2
        high = np.where(room, tails(walk.patch.grid, spectrum, walk.patch.grid), 0.0)
        value = float(high.sum())
    else:
        value = against_finer(walk, psi, t1, walk.patch)
        high = np.where(room, np.inf, 0.0)
    walk.seen.append((t1, value))
    if value > allowed(walk):
        return [bool(h > allowed(walk) / len(room)) for h in high]
    if blind(walk, psi, t1, walk.patch):
        return room
    walk.bound += value * (t1 - t0) if walk.growing.criterion == "residual" else 0.0
    return [False] * len(room)
