"""Annealing in the diffusion: two nested loops, gaps, crossings, and a portfolio that does not rely on them.

>>> from qml_dynamics.learning.annealing import staged
>>> from qml_dynamics.model.schedules import Geometric
>>> [round(d, 6) for d in staged(Geometric(1.0, 0.01), 3, 10.0)]
[1.0, 0.1, 0.01]
"""

from __future__ import annotations

from .engine import Annealing
from .run import anneal
from .spectrum import Crossing, CrossingWarning, Spectrum, levels
from .stages import Staged, held, staged

__all__ = ["Annealing", "Crossing", "CrossingWarning", "Spectrum", "Staged", "anneal", "held", "levels", "staged"]
