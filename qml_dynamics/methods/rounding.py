"""What roundings in single precision add to the kinetic energy of a wave on a fine grid.

They are white in the momenta. Each kinetic factor of a step leaves a weight of about ``14 eps^2`` (``eps = 2^-24``; two transforms and
two phases, measured on axes of 2^17 and 2^19 points) spread over all of them, so that the mean of ``-L`` is too large by that weight
times the mean of the dual diagonal, which grows with the square of the number of points. No other mean is touched by it.

A module of its own beside `in_place`: what a run says of its precision.
"""

from __future__ import annotations

import warnings

import numpy as np

from ..base.errors import KineticRoundingWarning
from ..model.domains import Grid
from ..model.formulas import Formula

_ROUNDING = 2.0**-48  # a square of the unit of rounding
_READ, _ACTED = (
    6.0,
    14.0,
)  # of these, the weight that roundings leave: of beginning and reading a wave, and of each kinetic factor
_TOLD = 1e-4  # of the kinetic energy: a larger error of it is told


def kinetic_rounding(grid: Grid, formula: Formula, steps: np.ndarray) -> np.ndarray:
    """By how much roundings are expected to make the kinetic part too large after so many steps, to a factor of three.

    >>> from qml_dynamics.model.formulas import by_order
    >>> fine, coarse = (kinetic_rounding(Grid((-8, 8), q), by_order(2), np.array([40])) for q in (17, 15))
    >>> round(float(fine[0]), 5), round(float(fine[0] / coarse[0]))
    (0.00044, 16)
    """
    each = sum(kind == "K" for kind, _ in formula.base) * len(formula.substeps)
    pairs = zip(grid.shape, grid.lengths, grid.twist)
    mean = sum((2 * np.pi / length) ** 2 * ((n * n + 2) / 12 + twist * (1 + twist)) for n, length, twist in pairs)
    return np.asarray(_ROUNDING * mean * (_READ + _ACTED * each * steps))


def tell(rounding: np.ndarray, kinetic: np.ndarray) -> None:
    """Warn where the statement is more than 1e-4 of the kinetic energy at a saved time."""
    worst = int(np.argmax(rounding / np.maximum(kinetic, np.finfo(float).tiny)))
    if rounding[worst] > _TOLD * kinetic[worst]:
        warnings.warn(
            f"Roundings in single precision make the kinetic energy, {kinetic[worst]:.4g}, too large by about {rounding[worst]:.1e}: they "
            "are white in the momenta, whose squares reach far on so fine a grid. Energies are off by D(t) times that; weights and the "
            'loss are not. Use fewer points an axis, fewer steps, or precision="double".',
            KineticRoundingWarning,
            stacklevel=4,
        )
