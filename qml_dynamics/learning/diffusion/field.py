"""The score off the grid: ``grad log p_t = grad phi_t / phi_t - grad V / (2 T)``, from the wave on a finer grid.

The wave and its slopes are padded with zeros in Fourier space, which is exact for what the grid holds. Where the density is
lost in round-off (below ``FLOOR`` of its peak) the score is that of the nearest place where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...model.domains import Grid
from .data import root_at
from .witten import Landscape

FLOOR = 1e-9
_FINE = {1: 13, 2: 8, 3: 6}  # qubits an axis, at most, that scores are interpolated from
_EXTRA = {1: 7, 2: 1, 3: 1}


@dataclass(frozen=True, eq=False)
class ScoreField:
    """A score at one time: values on a fine grid, shape ``(*fine.shape, ndim)``.

    Between its points they are interpolated: linearly on a line, whose grid is fine enough for that, else by cubic splines.
    """

    fine: Grid
    values: np.ndarray
    known: np.ndarray
    wraps: bool

    @cached_property
    def splines(self) -> list[np.ndarray]:
        """Coefficients of the cubic splines, one array an axis."""
        from scipy.ndimage import spline_filter

        return [spline_filter(np.ascontiguousarray(v), mode=self._mode) for v in np.moveaxis(self.values, -1, 0)]

    @property
    def _mode(self) -> str:
        return "grid-wrap" if self.wraps else "nearest"

    def at(self, points: np.ndarray) -> np.ndarray:
        """The score at points ``(n, ndim)``."""
        if self.fine.ndim == 1:
            return self._linear(points[:, 0])[:, None]
        from scipy.ndimage import map_coordinates

        low = np.array([x[0] for x in self.fine.axes])
        place = ((points - low) / np.array(self.fine.spacing)).T
        if not self.wraps:
            place = np.clip(place, 0, np.array(self.fine.shape)[:, None] - 1)
        slopes = [map_coordinates(s, place, order=3, mode=self._mode, prefilter=False) for s in self.splines]
        return np.stack(slopes, axis=-1)

    def _linear(self, x: np.ndarray) -> np.ndarray:
        """On a line, by index: no search, since the points are equally spaced."""
        place = (x - self.fine.axes[0][0]) / self.fine.spacing[0]
        last = self.fine.shape[0] - 1
        if not self.wraps:
            place = np.clip(place, 0, last)
        left = np.floor(place).astype(np.int64)
        share = place - left
        low, high = (left & last, (left + 1) & last) if self.wraps else (left, np.minimum(left + 1, last))
        values = self.values[:, 0]
        return np.asarray((1 - share) * values[low] + share * values[high])


@dataclass(frozen=True, eq=False)
class Magnifier:
    """What turns waves of a landscape into scores on a finer grid."""

    land: Landscape
    fine: Grid
    pull: np.ndarray  # grad V / (2 T) on the fine grid

    @classmethod
    def of(cls, land: Landscape) -> Magnifier:
        """The finer grid of a landscape."""
        most, extra = _FINE[land.domain.ndim], _EXTRA[land.domain.ndim]
        qubits = tuple(max(q, min(q + extra, most)) for q in land.domain.qubits)
        fine = Grid(land.domain.bounds, qubits)
        slope = land.gradient(fine.points).reshape(*fine.shape, fine.ndim)
        return cls(land, fine, slope / (2 * land.temperature))

    def waves(self, phi: np.ndarray) -> list[np.ndarray]:
        """The wave on the fine grid, and its slope along each axis."""
        from scipy import fft

        spectrum = fft.rfftn(phi)
        for axis, (n, m) in enumerate(zip(phi.shape, self.fine.shape)):
            spectrum = _padded(spectrum, axis, n, m, axis == phi.ndim - 1)
        gain = self.fine.size / self.land.domain.size
        out = [fft.irfftn(gain * spectrum, s=self.fine.shape)]
        for axis, k in enumerate(self.fine.momenta):
            k = k.copy()
            k[len(k) // 2] = 0.0
            k = k[: spectrum.shape[axis]]
            shape = [-1 if a == axis else 1 for a in range(phi.ndim)]
            out.append(fft.irfftn((1j * gain * k).reshape(shape) * spectrum, s=self.fine.shape))
        return out

    def field(self, phi: np.ndarray, floor: float = FLOOR) -> ScoreField:
        """The score of one wave, where its density is above ``floor`` times its peak."""
        wave, *slopes = self.waves(phi)
        density = wave * self.root
        known = density > floor * density.max()
        safe = np.where(known, wave, 1.0)
        score = np.stack([slope / safe for slope in slopes], axis=-1) - self.pull
        return ScoreField(self.fine, _filled(score, known, self.coarse(known)), known, self.land.wraps)

    @cached_property
    def root(self) -> np.ndarray:
        """psi0 on the fine grid."""
        return root_at(self.fine.points, self.land).reshape(self.fine.shape)

    def cell_means(self, values: np.ndarray) -> np.ndarray:
        """Means over the cells around the points of the grid, of values on the fine grid: what an edge between points leaves."""
        for axis, (n, m) in enumerate(zip(self.land.domain.shape, self.fine.shape)):
            s = m // n
            if s > 1:
                weights = np.full(s + 1, 1 / s)
                weights[[0, -1]] *= 0.5
                shifts = range(-(s // 2), s // 2 + 1)
                values = sum(w * np.roll(values, -shift, axis) for w, shift in zip(weights, shifts))
        return self.coarse(values)

    def coarse(self, values: np.ndarray) -> np.ndarray:
        """Those of the values on the fine grid that lie on the grid itself."""
        steps = (slice(None, None, m // n) for m, n in zip(self.fine.shape, self.land.domain.shape))
        return values[tuple(steps)]


def density_at(grid: Grid, law: np.ndarray, points: np.ndarray, order: int = 3) -> np.ndarray:
    """A law on a grid, adding up to 1, as a density at any points, shape ``(n,)``: 0 outside of the box.

    Args:
        grid: periodic.
        law: shape ``grid.shape``.
        points: shape ``(n, ndim)``.
        order: of the splines; 1 for what is not smooth.
    """
    from scipy.ndimage import map_coordinates

    low, high = np.array(grid.bounds).T
    place = ((points - np.array([x[0] for x in grid.axes])) / np.array(grid.spacing)).T
    inside = ((points >= low) & (points <= high)).all(axis=1)
    values = map_coordinates(law, np.where(inside, place, 0.0), order=order, mode="grid-wrap")
    return np.asarray(np.where(inside, np.maximum(values, 0.0), 0.0) / (law.sum() * grid.cell_volume))


def _padded(spectrum: np.ndarray, axis: int, n: int, m: int, half_only: bool) -> np.ndarray:
    """Zeros beyond the largest momenta of one axis; the one in the middle is shared by both of its signs."""
    if m == n:
        return spectrum
    moved = np.moveaxis(spectrum, axis, -1)
    half = n // 2
    out = np.zeros((*moved.shape[:-1], m // 2 + 1 if half_only else m), dtype=complex)
    out[..., :half] = moved[..., :half]
    out[..., half] = 0.5 * moved[..., half]
    if not half_only:
        out[..., -half + 1 :] = moved[..., half + 1 :]
        out[..., -half] = 0.5 * moved[..., half]
    return np.moveaxis(out, -1, axis)


def _filled(score: np.ndarray, known: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """Unknown values taken from the nearest point of the coarse grid that is known."""
    lost = np.nonzero(~known)
    if not lost[0].size or not coarse.any():
        return score
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~coarse, return_distances=False, return_indices=True)
    steps = [m // n for m, n in zip(known.shape, coarse.shape)]
    place = tuple(np.minimum((i + s // 2) // s, n - 1) for i, s, n in zip(lost, steps, coarse.shape))
    score[lost] = score[tuple(nearest[axis][place] * s for axis, s in enumerate(steps))]
    return score
