"""A multivalued phase on a ring and around vortices: levels that move with the flux, and waves with given windings.

If the free energy returns shifted by ``2 pi hbar nu`` after one turn, the levels of a ring of radius R are
``E_j = hbar^2 / (2 m R^2) (j - nu)^2`` (Aharonov and Bohm, Phys. Rev. 115, 485, 1959).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...base.errors import integer, real, require
from ...model.domains import Grid
from ...model.initial import Initial, State
from ...model.problem import Problem


def ring_levels(count: int, flux: float, hbar: float = 1.0, mass: float = 0.5, radius: float = 1.0) -> np.ndarray:
    """The lowest ``count`` levels, ascending, shape ``(count,)``.

    The unit ``hbar^2 / (2 m R^2)`` is 1 for the default values.

    >>> ring_levels(4, flux=0.25).tolist()
    [0.0625, 0.5625, 1.5625, 3.0625]
    """
    number, nu = integer(count, "count", 1, 10**6), real(flux, "flux")
    unit = real(hbar, "hbar", positive=True) ** 2 / (2 * real(mass, "mass", positive=True))
    unit /= real(radius, "radius", positive=True) ** 2
    near = round(nu)
    j = np.arange(near - number, near + number + 1)
    return np.sort(unit * (j - nu) ** 2)[:number]


def ring(
    qubits: int,
    flux: float = 0.0,
    *,
    hbar: float = 1.0,
    mass: float = 0.5,
    radius: float = 1.0,
    duration: float = 1.0,
    V: Any = None,
    initial: Initial | None = None,
) -> Problem:
    """A weight on a ring of circumference ``2 pi R`` whose phase is shifted by ``2 pi hbar flux`` a turn, real clock.

    ``H = hbar / (2m) (-i d - flux / R)^2 + V / hbar``: the flux changes single-qubit phases of the circuit only. The
    energies of the Hamiltonian are :func:`ring_levels` over hbar.

    Args:
        qubits: of the register.
        flux: nu, in units of ``2 pi hbar``.
        V: a potential over the ring, or None for a free one.
        initial: the initial wave; the plane wave j = 1 when None.

    >>> from qml_dynamics.model.hamiltonian import hamiltonian
    >>> hamiltonian(ring(4, 0.25)).lowest(3)[0].round(9).tolist()
    [0.0625, 0.5625, 1.5625]
    """
    R, h = real(radius, "radius", positive=True), real(hbar, "hbar", positive=True)
    grid = Grid((0.0, 2 * math.pi * R), qubits, twist=real(flux, "flux"))
    start = State(plane_wave(grid, 1)) if initial is None else initial
    loss = (lambda w: np.zeros(len(w))) if V is None else V
    diffusion = h / (2 * real(mass, "mass", positive=True))
    return Problem(grid, loss, diffusion, 1 / h, clock="real", initial=start, duration=duration)


def plane_wave(grid: Grid, mode: int) -> np.ndarray:
    """``exp(2 pi i mode (x - a) / L) / sqrt(N)`` on a periodic grid with one axis, ``-N/2 <= mode < N/2``."""
    require(grid.ndim == 1 and grid.boundary == "periodic", "grid", "be periodic with one axis", grid)
    j = integer(mode, "mode", -grid.size // 2, grid.size // 2 - 1)
    return np.exp(2j * np.pi * j * np.arange(grid.size) / grid.size) / math.sqrt(grid.size)


def vortex_wave(
    grid: Grid,
    centers: Sequence[Sequence[float]] = ((0.0, 0.0),),
    windings: Sequence[int] = (1,),
    width: float = 0.5**0.5,
) -> np.ndarray:
    """``prod_k (z - z_k)^{w_k} exp(-|z|^2 / 4 width^2)``, conjugate factors for negative windings; unit norm.

    The default width gives ``(x + iy) exp(-r^2 / 2)``, a state of the oscillator. Choose centers off the grid points where
    each plaquette is to be read.

    Args:
        grid: with two axes.
        centers: where the vortices are.
        windings: one integer a centre, -8 to 8.
        width: standard deviation of the Gaussian's square.

    >>> grid = Grid([(-5, 5), (-5, 5)], 4)
    >>> from qml_dynamics.learning.ensembles import circulation, square_loop
    >>> circulation(vortex_wave(grid, [(0.1, 0.1)], [-2]), grid, square_loop((8, 8), 2))
    -2
    """
    require(isinstance(grid, Grid) and grid.ndim == 2, "grid", "be a Grid with two axes", grid)
    require(len(centers) == len(windings), "windings", f"be {len(centers)} integers", windings)
    s = real(width, "width", positive=True)
    x, y = np.meshgrid(*grid.axes, indexing="ij")
    wave = np.exp(-(x**2 + y**2) / (4 * s**2)).astype(complex)
    for center, winding in zip(centers, windings):
        w = integer(winding, "windings", -8, 8)
        a, b = (real(c, "centers") for c in center)
        z = (x - a) + 1j * (y - b) * (1 if w >= 0 else -1)
        wave *= z ** abs(w)
    return wave / np.linalg.norm(wave)
