"""Randomised product formulas as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .errors import MethodError, integer


@dataclass(frozen=True)
class QDrift:
    """Randomised updates: ``samples`` Pauli rotations, each drawn with probability ``|c_j| / lambda``. Real clock, operators.

    Each rotation is ``exp(-i sgn(c_j) P_j lambda T / N)`` with ``lambda = sum |c_j|``. Averaged over the draws this is a channel
    whose half diamond distance to the exact evolution is at most ``(2 lambda^2 T^2 / N) exp(2 lambda T / N)``, whatever the number
    of terms. One circuit alone is only a random unitary: the answer is the average over ``circuits`` of them, and the errors it
    carries are those between circuits. Source: Campbell, Phys. Rev. Lett. 123, 070503 (2019), arXiv:1811.08017.

    Args:
        samples: rotations over the duration.
        circuits: random circuits that are averaged; shots are shared out among them.
        seed: of the circuits; None: the seed of the run. The order of the operator's terms does not matter.
    """

    samples: int
    circuits: int = 20
    seed: int | None = None

    order: ClassVar[int] = 1
    clocks: ClassVar[tuple[str, ...]] = ("real",)
    needs_backend: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", integer(self.samples, "samples", 1, 10**7, MethodError))
        _common(self.circuits, self.seed)


@dataclass(frozen=True)
class RandomOrder:
    """First-order product formula whose terms stand in a fresh random order in every step. Real clock, operators.

    Averaged over the orders the second-order error cancels: with ``x = lambda T / steps`` the half diamond distance to the exact
    evolution is at most ``steps (x^4 exp(2 x) + 2 x^3 exp(x) / 3) / 2``. Source: Childs, Ostrander, Su, Quantum 3, 182 (2019),
    arXiv:1805.08385.

    Args:
        steps: equal steps over the duration.
        circuits, seed: as in :class:`QDrift`.
    """

    steps: int
    circuits: int = 20
    seed: int | None = None

    order: ClassVar[int] = 2
    clocks: ClassVar[tuple[str, ...]] = ("real",)
    needs_backend: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**7, MethodError))
        _common(self.circuits, self.seed)


def _common(circuits: int, seed: int | None) -> None:
    integer(circuits, "circuits", 1, 100_000, MethodError)
    if seed is not None:
        integer(seed, "seed", 0, 2**128, MethodError)


RANDOMISED_METHODS = (QDrift, RandomOrder)
