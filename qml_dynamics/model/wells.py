"""The lowest waves of ``D (-L) + s zeta``: LOBPCG with both diagonals as preconditioner, begun on coarser grids.

The preconditioner is ``sqrt(P_V) P_K sqrt(P_V)`` with ``P = a / (a + diagonal)`` for either diagonal and ``a`` the energy above the
bottom, so that neither a fine grid nor a steep loss makes it slow (Antoine, Levitt and Tang, J. Comput. Phys. 343, 92 (2017),
arXiv:1611.02045). Waves that a coarser grid resolves are there already when the iteration on the grid itself begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .domains import Domain, Grid, outer_sum
from .locally_optimal import Levels, lobpcg
from .resample import interpolated
from .transforms import Transform

COARSEST = 256  # points at which all energies of the coarsest grid are computed
_LEAST_BITS = 3  # of an axis that is made coarser
_MOST = 400  # iterations on the grid itself
_MOST_BEFORE = 30  # on a coarser one
_STRAIGHT = (
    0.05  # of the energy above the bottom: how far from linear the loss may be between the points of a coarser grid
)
_UNSEEN = 1e-4  # of noise in a start: what a coarser grid or another diffusion does not show must be in it


@dataclass(frozen=True, eq=False)
class Well:
    """``D (-L) + s zeta`` at one time, on blocks of rows.

    Attributes:
        transform: of the domain.
        diffusion: D.
        potential: s zeta, shape ``domain.shape``.
    """

    transform: Transform
    diffusion: float
    potential: np.ndarray

    @property
    def domain(self) -> Domain:
        """The weight space."""
        return self.transform.domain

    @cached_property
    def kinetic(self) -> np.ndarray:
        """D times the dual diagonal."""
        return self.diffusion * outer_sum(self.domain.dual_axes)

    @cached_property
    def bottom(self) -> float:
        """The least kinetic and the least potential part: no energy lies below."""
        return float(self.kinetic.min() + self.potential.min())

    @cached_property
    def top(self) -> float:
        """No energy lies above."""
        return float(self.kinetic.max() + self.potential.max())

    def act(self, rows: np.ndarray) -> np.ndarray:
        """H on a block, shape ``(m, size)``."""
        waves = rows.reshape(-1, *self.domain.shape)
        out = self.transform.filtered(waves, self.kinetic)
        out += self.potential * waves
        return out.reshape(rows.shape)

    def precondition(self, rows: np.ndarray, energies: np.ndarray) -> np.ndarray:
        """An approximate inverse of ``H - E`` on a block of residuals."""
        height = max(float(energies[0]) - self.bottom, 1e-9 * (self.top - self.bottom), np.finfo(float).tiny)
        scale = np.sqrt(height * max(min(np.ptp(self.kinetic), np.ptp(self.potential)), height))
        weight = 1.0 / np.sqrt(1.0 + (self.potential - self.potential.min()) / scale)
        kinetic = 1.0 / (1.0 + (self.kinetic - self.kinetic.min()) / scale)
        waves = rows.reshape(-1, *self.domain.shape) * weight
        out = self.transform.filtered(waves, kinetic)
        out *= weight
        return out.reshape(rows.shape)

    def coarser(self) -> Well | None:
        """The same with every longer axis at half as many points; None where there is none."""
        grid = self.domain
        if not isinstance(grid, Grid) or grid.encoding != "binary" or max(grid.qubits) <= _LEAST_BITS:
            return None
        potential = self.potential
        for axis, bits in enumerate(grid.qubits):
            if bits > _LEAST_BITS:
                potential = np.moveaxis(_halved(np.moveaxis(potential, axis, -1), grid.boundary), -1, axis)
        qubits = tuple(bits - (bits > _LEAST_BITS) for bits in grid.qubits)
        coarse = Grid(grid.bounds, qubits, grid.boundary, grid.twist)
        return Well(Transform(coarse, self.transform.workers), self.diffusion, np.ascontiguousarray(potential))

    def seen_by(self, coarse: Well, energies: np.ndarray) -> bool:
        """Whether the potential is linear between the coarser points to a twentieth of the energy above the bottom.

        Asked where the waves of these energies live. A harmonic well that passes has a ground state at least two spacings wide, which
        the coarser grid resolves; what is narrower, and so could hold a wave that no coarser one shows, does not.
        """
        grid, small = self.domain, coarse.domain
        assert isinstance(grid, Grid)
        line = coarse.potential
        for axis in range(grid.ndim):
            if grid.shape[axis] > small.shape[axis]:
                line = np.moveaxis(_halfway(np.moveaxis(line, axis, -1), grid.boundary), -1, axis)
        height = float(energies[0]) - coarse.bottom
        low = self.potential < float(energies[-1]) + height - float(self.kinetic.min())
        miss = np.abs(line - self.potential)[low].max(initial=0.0)
        return bool(miss <= _STRAIGHT * height)

    def finer(self, rows: np.ndarray, coarse: Grid) -> np.ndarray:
        """Rows on the coarser grid as rows on this one, by their Fourier or sine series."""
        grid = self.domain
        waves = rows.reshape(-1, *coarse.shape)
        for axis in range(-grid.ndim, 0):
            factor = grid.shape[axis] // coarse.shape[axis]
            if factor > 1:
                waves = np.moveaxis(interpolated(np.moveaxis(waves, axis, -1), coarse.boundary, factor), -1, axis)
        out = waves.reshape(len(rows), -1)
        return out if np.iscomplexobj(rows) else np.ascontiguousarray(out.real)

    def matrix(self) -> np.ndarray:
        """The dense matrix, real where it can be."""
        unit = np.eye(self.domain.size)
        matrix = self.act(unit if self.transform.real else unit.astype(complex)).T
        out: np.ndarray = 0.5 * (matrix + matrix.conj().T)
        return out

    def start(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Random waves where the loss is low: no symmetry that could hide a state, and little energy."""
        shape = (count, self.domain.size)
        noise = rng.standard_normal(shape)
        if not self.transform.real:
            noise = noise + 1j * rng.standard_normal(shape)
        zeta = (self.potential - self.potential.min()).reshape(-1)
        envelope = np.exp(-zeta / max(float(zeta.mean()), 1e-300))
        out: np.ndarray = envelope * (1.0 + 0.3 * noise)
        return out


def lowest_levels(well: Well, count: int, wanted: int, goal: float, start: np.ndarray | None = None) -> Levels:
    """The ``count`` lowest levels, of which ``wanted`` are converged to the goal.

    Args:
        start: rows to begin with, such as the levels at a diffusion near by; None: those of coarser grids.
    """
    if start is None:
        return _in_cascade(well, count, wanted, goal, _MOST)
    rng = np.random.default_rng(20)
    rows = _with_noise(well, start[:count], rng)
    if len(rows) < count:
        rows = np.concatenate([rows, well.start(count - len(rows), rng)])
    return lobpcg(well.act, rows, wanted, goal, well.precondition, _MOST)


def _in_cascade(well: Well, count: int, wanted: int, goal: float, most: int) -> Levels:
    """From the coarsest grid to this one; noise is added where the coarser grid may not have seen a low wave."""
    rng = np.random.default_rng(20)
    coarse = well.coarser()
    if coarse is None or coarse.domain.size < 4 * count or not isinstance(coarse.domain, Grid):
        return lobpcg(well.act, well.start(count, rng), wanted, goal, well.precondition, most)
    if coarse.domain.size <= COARSEST:
        energies, modes = np.linalg.eigh(coarse.matrix())
        levels = Levels(energies[:count], modes[:, :count].T, np.zeros(count))
    else:
        levels = _in_cascade(coarse, count, wanted, goal, _MOST_BEFORE)
    rows = well.finer(levels.waves, coarse.domain)
    if not well.seen_by(coarse, levels.energies):
        rows = _with_noise(well, rows, rng)
    return lobpcg(well.act, rows, wanted, goal, well.precondition, most)


def _with_noise(well: Well, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Unit rows and a little of everything low: a wave that is missing in them is found in that."""
    rows = rows / np.linalg.norm(rows, axis=1)[:, None]
    energies = np.einsum("ij,ij->i", rows.conj(), well.act(rows)).real
    noise = well.start(len(rows), rng) - well.start(len(rows), rng)
    for _ in range(2):
        noise = well.precondition(noise, energies)
    noise *= _UNSEEN / np.linalg.norm(noise, axis=1)[:, None]
    out: np.ndarray = rows + noise
    return out


def _halfway(values: np.ndarray, boundary: str) -> np.ndarray:
    """Linear interpolation along the last axis to twice as many points, between walls to the centres of halved cells."""
    out = np.empty((*values.shape[:-1], 2 * values.shape[-1]))
    if boundary == "periodic":
        out[..., ::2] = values
        out[..., 1::2] = 0.5 * (values + np.roll(values, -1, axis=-1))
        return out
    wide = np.concatenate([values[..., :1], values, values[..., -1:]], axis=-1)
    out[..., ::2] = 0.75 * values + 0.25 * wide[..., :-2]
    out[..., 1::2] = 0.75 * values + 0.25 * wide[..., 2:]
    return out


def _halved(values: np.ndarray, boundary: str) -> np.ndarray:
    """At every second point of the last axis; between walls, whose points are centres of cells, at the middles of pairs."""
    if boundary == "periodic":
        return values[..., ::2]
    wide = np.concatenate([values[..., :1], values, values[..., -1:]], axis=-1)
    inner = wide[..., 1:-1:2] + wide[..., 2:-1:2]
    outer = wide[..., :-2:2] + wide[..., 3::2]
    out: np.ndarray = (9.0 * inner - outer) / 16.0
    return out
