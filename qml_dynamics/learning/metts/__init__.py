"""Sampling weights by evolve, measure, restart: a Markov chain in detailed balance with the quantum Gibbs law.

>>> from qml_dynamics.learning.metts import effective_size
>>> import numpy as np
>>> walk = np.cumsum(np.random.default_rng(0).standard_normal((400, 2)), axis=0)
>>> effective_size(walk) < 20
True
"""

from __future__ import annotations

from .chain import Chain
from .run import metts
from .statistics import autocorrelation, detailed_balance, effective_size, potential_scale_reduction

__all__ = ["Chain", "autocorrelation", "detailed_balance", "effective_size", "metts", "potential_scale_reduction"]
