"""The p register of Schrodingerisation: its grid, and the profile ``e^{-|p|}`` (smoothed) over it at the start.

Source: Jin, Liu, Yu, arXiv:2212.13969, arXiv:2212.14703.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Blocks:
    """The numbers of the blocks of probabilistic imaginary time: see :class:`qml_dynamics.ProbabilisticITE`."""

    m0: float
    steps: int
    order: int = 2
    block: str = "linear"
    shift: float | None = None


@dataclass(frozen=True, eq=False)
class Register:
    """The p register: ``p_j = (j - j_0) dp``, around the box; points at ``p >= 0`` are kept.

    The smooth profile has a point at 0, where it is nearly analytic; the other one has its kink midway between two points.
    Either place makes the smallest error.

    Attributes:
        qubits: of the register.
        left, right: ends of the box, up to one spacing.
        smooth: whether the profile continues ``e^{-p}`` with its slope below 0.
    """

    qubits: int
    left: float
    right: float
    smooth: bool = True

    @property
    def spacing(self) -> float:
        """Distance of neighbouring points."""
        return (self.left + self.right) / (1 << self.qubits)

    @property
    def points(self) -> np.ndarray:
        """All p, ascending."""
        first = round(self.left / self.spacing) - (0.0 if self.smooth else 0.5)
        return (np.arange(1 << self.qubits) - first) * self.spacing

    @property
    def kept(self) -> np.ndarray:
        """Which points are kept: ``p > 0``, and 0 itself where it is a point."""
        return self.points > -0.25 * self.spacing

    @property
    def profile(self) -> np.ndarray:
        """The wave over p at the start, not normalised."""
        return profile(self.points, self.smooth)

    @property
    def share(self) -> float:
        """Share of the squared profile on the kept points: the success probability at ``tau = 0``."""
        square = self.profile**2
        return float(square[self.kept].sum() / square.sum())

    def shifted(self, shifts: np.ndarray) -> np.ndarray:
        """The profile carried to the left by each of ``shifts``, shape ``(len(shifts), points)``, around the box."""
        eta = 2 * np.pi * np.fft.fftfreq(1 << self.qubits, self.spacing)
        return np.fft.ifft(np.fft.fft(self.profile) * np.exp(1j * np.outer(shifts, eta)), axis=1)


def profile(p: np.ndarray, smooth: bool = True) -> np.ndarray:
    """``e^{-|p|}``, with the cubic on ``(-1, 0)`` that takes value and slope of ``e^{-p}`` at 0 and of ``e^p`` at -1.

    >>> profile(np.array([-1.0, 0.0, 1.0])).round(6).tolist()
    [0.367879, 1.0, 0.367879]
    """
    out: np.ndarray = np.exp(-np.abs(p))
    if not smooth:
        return out
    e = np.exp(-1.0)
    cubic = (3 * e - 3) * p**3 + (4 * e - 5) * p**2 - p + 1
    return np.where((p < 0) & (p > -1), cubic, out)
