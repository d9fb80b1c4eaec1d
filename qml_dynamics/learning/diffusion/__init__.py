"""Diffusion models whose score is exact: noise and its reversal as imaginary time of the Witten Hamiltonian.

>>> from qml_dynamics import Diffusion, Grid, diffusion
>>> rows = diffusion.Scale.fit([[1.0], [2.0], [4.0]]).to_box([[1.0], [2.0], [4.0]])
>>> model = Diffusion(Grid((-5, 5), 6), rows)
>>> bool(abs(model.forward(0.4).sum() - 1) < 1e-12)
True
"""

from __future__ import annotations

from .data import Scale, gaussian_mixture
from .heldout import Quality, energy_distance, quality, tuned_kernels
from .model import Diffusion
from .paths import Paths

__all__ = ["Diffusion", "Paths", "Quality", "Scale", "energy_distance", "gaussian_mixture", "quality", "tuned_kernels"]
