"""Grids that resolve samples of weights, samples shared out to grid points, and harmonic wells of potentials."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...model.domains import Grid
from ...model.objectives.base import Objective


def box(*clouds: np.ndarray) -> Grid:
    """A grid that holds clouds of samples ``(n, K)``, K one or two, finer than a quarter of their widths where it can be."""
    every = np.concatenate(clouds)
    low, high = every.min(axis=0), every.max(axis=0)
    margin = 0.15 * (high - low) + 1e-9
    wanted = np.ceil(np.log2((high - low + 2 * margin) / (_width(*clouds) / 4))).astype(int)
    bits = [int(b) for b in np.clip(wanted, 5, 10 if every.shape[1] == 1 else 7)]
    return Grid(np.stack([low - margin, high + margin], axis=1), bits)


def resolves(domain: Grid, *clouds: np.ndarray) -> bool:
    """Whether the spacing is below 0.3 of the standard deviation of each cloud, on all axes."""
    return bool((np.array(domain.spacing) < 0.3 * _width(*clouds)).all())


def _width(*clouds: np.ndarray) -> np.ndarray:
    return np.min([c.std(axis=0) + 1e-12 for c in clouds], axis=0)


def deposited(samples: np.ndarray, domain: Grid) -> np.ndarray:
    """Samples shared out to the nearest points, linearly, summing to 1: the start of those very networks, whatever its shape.

    The means are kept exactly; a variance grows by at most a quarter of the spacing's square.
    """
    shape = np.array(domain.shape)
    u = (samples - np.array([axis[0] for axis in domain.axes])) / np.array(domain.spacing)
    base = np.clip(np.floor(u).astype(int), 0, shape - 2)
    out = np.zeros(domain.shape)
    for corner in np.ndindex(*(2,) * domain.ndim):
        share = np.where(np.array(corner) == 1, u - base, 1 - (u - base)).clip(0.0, 1.0).prod(axis=1)
        np.add.at(out, tuple((base + np.array(corner)).T), share)
    return out / out.sum()


class Well(NamedTuple):
    """The minimum of a potential: where, its curvatures, and their axes (columns)."""

    center: np.ndarray
    curvatures: np.ndarray
    axes: np.ndarray

    def variances(self, hbar: float, mobility: float) -> np.ndarray:
        """Of the harmonic ground state along the axes: ``hbar / (2 m omega)`` with ``m = 1 / (2 gamma)``."""
        return hbar * mobility / np.sqrt(2 * mobility * self.curvatures)


def minimum(V: Any, near: np.ndarray) -> Well | None:
    """The minimum of V next to a point; None where there is none: the ground state is elsewhere, or nowhere."""
    from scipy.optimize import minimize

    loss, k = V if isinstance(V, Objective) else Objective(V, "V"), len(near)
    options = {"xatol": 1e-9, "fatol": 1e-14}
    found = minimize(lambda w: float(loss(w[None])[0]), near, method="Nelder-Mead", options=options)
    h = 1e-3 * (1 + np.abs(found.x).max())
    slopes = [loss.gradient(found.x[None] + s * h * np.eye(k)[i : i + 1])[0] for i in range(k) for s in (1, -1)]
    hessian = np.array([(slopes[2 * i] - slopes[2 * i + 1]) / (2 * h) for i in range(k)])
    curvatures, axes = np.linalg.eigh(0.5 * (hessian + hessian.T))
    return Well(found.x, curvatures, axes) if found.success and curvatures.min() > 0 else None


def wave_room(well: Well, hbar: float, mobility: float) -> Grid:
    """A box around a minimum, six widths of its harmonic ground state on each side."""
    reach = 6 * np.sqrt((well.axes**2) @ well.variances(hbar, mobility))
    bounds = np.stack([well.center - reach, well.center + reach], axis=1)
    return Grid(bounds, 8 if len(well.center) == 1 else 5, "walls")


def matching_hbar(well: Well, samples: np.ndarray, mobility: float) -> float:
    """The hbar whose harmonic ground state has the total variance of the samples."""
    return float(samples.var(axis=0).sum() / well.variances(1.0, mobility).sum())
