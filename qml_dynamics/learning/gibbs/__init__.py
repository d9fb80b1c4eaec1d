"""Softmax, sigmoid and thermal states as circuits: energies enter as rotations controlled on the label, never as amplitudes.

``p_i = e^{-beta E_i} / Z``. In the Born reading the wave over labels is ``e^{-tau E}`` and ``beta = 2 tau``; in the population
reading a walker on label i survives with probability ``e^{-tau E_i}`` and ``beta = tau``. One ancilla does both: it is rotated
by ``2 acos(e^{-beta (E - E_min) / 2})`` and a sample is kept where it reads 0.
"""

from __future__ import annotations

from .labels import LABELS, READINGS, sigmoid, softmax
from .result import GibbsResult
from .thermal_state import thermal

__all__ = ["LABELS", "READINGS", "GibbsResult", "sigmoid", "softmax", "thermal"]
