"""The problem of an error budget in a wider box, at the same spacing: how much the edge of the box changes the answer.

The number of points along an axis is even, so the wider box is twice as wide, the old one in its middle, with points
where the old one has points.

A module of its own beside `loss_budget`: it changes the problem, where `loss_budget` runs both and compares.
"""

from __future__ import annotations

import numpy as np

from ..model.domains import Grid
from ..model.fitting import ended_axes
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian
from ..model.initial import Gaussian, State, Uniform
from ..model.problem import Problem

_MOST = 1 << 19  # points of the wider grid


def widened(problem: Problem, h: Hamiltonian) -> tuple[Problem | None, str]:
    """The problem in a box twice as wide along every axis that has ends; None, and why, where there is no such problem.

    Axes on which the loss is periodic, and those with a flux, are rings and stay as they are.

    >>> from qml_dynamics.model.hamiltonians import hamiltonian
    >>> bowl = Problem(Grid((-4, 4), 4), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0, initial=Gaussian(0, 0.5))
    >>> widened(bowl, hamiltonian(bowl))[0].domain
    Grid(bounds=((-8.0, 8.0),), qubits=(5,), boundary='periodic', twist=(0.0,))
    """
    grid, initial = problem.domain, problem.initial
    assert isinstance(grid, Grid)
    assert isinstance(h, LearningHamiltonian)
    if isinstance(initial, Uniform):
        return None, "the initial wave fills the box, which is part of the problem; there is none to compare with."
    ends = ended_axes(grid, h)
    if not any(ends):
        return None, "every axis is a ring, which has no edge."
    wide = _wider(grid, ends)
    if wide.size > _MOST:
        return None, f"a wider and finer grid has {wide.size:,} points; this part is not measured."
    wave = initial if isinstance(initial, Gaussian) else State(_embedded(initial.vector(grid), grid, wide))
    return problem.replace(domain=wide, initial=wave), ""


def _wider(grid: Grid, ends: list[bool]) -> Grid:
    bounds = [
        (low - 0.5 * (high - low), high + 0.5 * (high - low)) if end else (low, high)
        for (low, high), end in zip(grid.bounds, ends)
    ]
    return grid.resized(bounds, [n << end for n, end in zip(grid.shape, ends)])


def _window(wide: Grid, grid: Grid) -> tuple[slice, ...]:
    """Where the points of the narrower box are."""
    return tuple(slice(n // 2, n // 2 + n) if m > n else slice(None) for m, n in zip(wide.shape, grid.shape))


def inner(wave: np.ndarray, wide: Grid, grid: Grid) -> np.ndarray:
    """The amplitudes at the points of the narrower box."""
    return wave[_window(wide, grid)]


def _embedded(wave: np.ndarray, grid: Grid, wide: Grid) -> np.ndarray:
    out = np.zeros(wide.shape, dtype=complex)
    out[_window(wide, grid)] = wave
    return out
