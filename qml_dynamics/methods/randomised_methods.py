"""Randomised product formulas as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..base.errors import MethodError, integer, real, require


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


@dataclass(frozen=True)
class MiniBatch:
    """Stochastic gradient descent as circuits: every potential factor of a product formula sees a fresh mini-batch. Real clock.

    The factor ``exp(-i a zeta)`` becomes ``exp(-i a zeta_B)`` with the mean loss of a batch B of rows drawn anew: as many gates, of
    the same kind, and no more depth. The average over the batches is a channel: up to ``O(a^3)`` the full loss and a dephasing of
    every coherence, ``exp(-(a^2 / 2) Var_B[zeta_B(w) - zeta_B(w')])``, which is the Lindblad term
    ``-(v/2) sum_ww' C(w, w') [n_w, [n_w', rho]]`` with C the covariance of the rows' losses, ``n_w = |w><w|`` and
    ``v = (a / batch_size) (1 - (batch_size - 1) / (rows - 1))`` (without the last factor where rows may repeat). For losses
    linear in w it is a diffusion of momenta, ``d Var(p) / dt = v Var(slope)``. Derived here; compare Lindblad, Commun. Math. Phys. 48, 119
    (1976), and for the noise of batches Li, Tai, E, J. Mach. Learn. Res. 20, 40 (2019), arXiv:1811.01558.

    The answer is the average over ``circuits`` draws, and its errors are those between them.

    Args:
        steps: equal steps over the duration.
        batch_size: rows in each batch.
        order: of the formula: 1, 2 or 4. In order 2 neighbouring half steps are one factor and share one batch.
        circuits: draws that are averaged; shots are shared out among them.
        replacement: whether a row may stand in a batch twice.
        truncation: allowed error of each draw's final state in the 2-norm from leaving out small Walsh terms.
        classical: run the same batches with the split-operator method instead, for the same states.
        seed: of the batches; None: the seed of the run.

    Raises:
        MethodError: an option is out of its range.
    """

    steps: int
    batch_size: int
    order: int = 2
    circuits: int = 20
    replacement: bool = False
    truncation: float = 0.0
    classical: bool = False
    seed: int | None = None

    clocks: ClassVar[tuple[str, ...]] = ("real",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**7, MethodError))
        object.__setattr__(self, "batch_size", integer(self.batch_size, "batch_size", 1, 10**9, MethodError))
        known = isinstance(self.order, int) and not isinstance(self.order, bool) and self.order in (1, 2, 4)
        require(known, "order", "be 1, 2 or 4", self.order, MethodError)
        for name in ("replacement", "classical"):
            require(isinstance(getattr(self, name), bool), name, "be True or False", getattr(self, name), MethodError)
        real(self.truncation, "truncation", nonnegative=True, error=MethodError)
        _common(self.circuits, self.seed)

    @property
    def needs_backend(self) -> bool:
        """Whether circuits are run."""
        return not self.classical


def _common(circuits: int, seed: int | None) -> None:
    integer(circuits, "circuits", 1, 100_000, MethodError)
    if seed is not None:
        integer(seed, "seed", 0, 2**128, MethodError)


RANDOMISED_METHODS = (QDrift, RandomOrder)
