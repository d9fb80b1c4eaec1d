"""Boltzmann machines, quantum and classical: a thermal state whose law over visible bits learns that of data.

``H(theta) = sum_j theta_j P_j`` with fields Z, couplings ZZ and, in a quantum machine, transverse fields X; ``rho = e^{-H} / Z``;
the law of the visible bits is ``p(v) = Tr (|v><v| (x) 1) rho``, hidden ones are summed over. Training lowers the Kullback-Leibler
distance ``sum_v q(v) log q(v) / p(v)`` to the law q of the data. Sources: Amin et al., Phys. Rev. X 8, 021050 (2018),
arXiv:1601.02036; by variational imaginary time Zoufal, Lucchi, Woerner, Quantum Machine Intelligence 3, 7 (2021), arXiv:2006.06004.
"""

from __future__ import annotations

from ...methods.variational.ansatz.purified import Purified
from .machine import BoltzmannMachine, binarise, divergence, law_of
from .training import BoltzmannFit, fit, thermal_circuit

__all__ = ["BoltzmannFit", "BoltzmannMachine", "Purified", "binarise", "divergence", "fit", "law_of", "thermal_circuit"]
