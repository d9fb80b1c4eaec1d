"""Waves on grids of different fineness: spectral interpolation to a finer grid, and reading a finer wave at coarser points."""

from __future__ import annotations

import numpy as np

from ..base.errors import ProblemError
from .domains import Grid


def refine(psi: np.ndarray, domain: Grid, extra: int = 1) -> tuple[np.ndarray, Grid]:
    """The same wave on a grid with ``extra`` more qubits an axis, by its own Fourier (or sine) series; unit norm.

    >>> coarse = Grid((0, 1), 3)
    >>> fine, domain = refine(np.exp(2j * np.pi * coarse.axes[0]) / 8**0.5, coarse)
    >>> domain.shape, bool(np.allclose(fine, np.exp(2j * np.pi * domain.axes[0]) / 4))
    ((16,), True)
    """
    fine = domain.refined(extra)
    out = np.asarray(psi, dtype=complex)
    for axis in range(domain.ndim):
        out = np.moveaxis(interpolated(np.moveaxis(out, axis, -1), domain.boundary, 1 << extra), -1, axis)
    return out / np.linalg.norm(out), fine


def interpolated(wave: np.ndarray, boundary: str, factor: int) -> np.ndarray:
    """The Fourier (or sine) series along the last axis at ``factor`` times as many points; the sum of squares is kept.

    Between walls a real wave stays real.
    """
    from scipy import fft

    points = wave.shape[-1]
    if boundary == "walls":
        modes = fft.dst(wave, type=2, norm="ortho", axis=-1)
        modes[..., -1] *= 2**-0.5  # the highest sine is normalised differently on its own grid
        padded = np.zeros((*wave.shape[:-1], factor * points), dtype=modes.dtype)
        padded[..., :points] = modes
        out: np.ndarray = fft.idst(padded, type=2, norm="ortho", axis=-1)
        return out
    modes = np.fft.fft(wave, axis=-1)
    padded = np.zeros((*wave.shape[:-1], factor * points), dtype=complex)
    half = points // 2
    padded[..., :half] = modes[..., :half]
    padded[..., -half:] = modes[..., half:]
    if points > 1:  # the Nyquist mode belongs to both ends
        padded[..., half] = padded[..., -half] / 2
        padded[..., -half] /= 2
    return np.fft.ifft(padded, axis=-1)


def restrict(psi: np.ndarray, fine: Grid, coarse: Grid) -> np.ndarray:
    """A finer wave read at the points of a coarser grid over the same box, unit norm.

    Periodic points are nested; between walls the wave's sine series is evaluated at the coarse points.
    """
    if fine.bounds != coarse.bounds or fine.boundary != coarse.boundary:
        raise ProblemError(f"Argument `coarse` must cover the box of the finer grid, but is {coarse}.")
    out = np.asarray(psi)
    for axis, (n, m) in enumerate(zip(fine.shape, coarse.shape)):
        moved = np.moveaxis(out, axis, -1)
        moved = _at_centres(moved, n, m) if fine.boundary == "walls" else moved[..., :: n // m]
        out = np.moveaxis(moved, -1, axis)
    result: np.ndarray = out / np.linalg.norm(out)
    return result


def _at_centres(wave: np.ndarray, points: int, wanted: int) -> np.ndarray:
    from scipy import fft

    if points == wanted:
        return wave
    modes = fft.dst(wave, type=2, norm="ortho", axis=-1)
    modes[..., -1] *= 2**-0.5
    place = (np.arange(wanted) + 0.5) / wanted
    out: np.ndarray = modes @ np.sin(np.pi * np.outer(np.arange(1, points + 1), place))
    return out
