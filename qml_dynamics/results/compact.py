"""Compact states: the samples, marginals, means and overlaps of waves without a table, and the trajectory that holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol, runtime_checkable

import numpy as np

from ..base.errors import MethodError
from .trajectory import Counts, Trajectory


@runtime_checkable
class CompactState(Protocol):
    """A wave of unit norm in fewer numbers than it has amplitudes."""

    @property
    def bond(self) -> int:
        """The largest rank."""
        ...

    def sample(self, shots: int, seed: int) -> Counts:
        """Exact samples of ``|psi|^2``: flat indices of the grid."""
        ...

    def marginal(self, axis: int, qubits: int = 8) -> np.ndarray:
        """Probabilities of the ``2**qubits`` equal parts of an axis, in its order."""
        ...

    def expectation(self, function: Callable[[np.ndarray], np.ndarray]) -> float:
        """Mean of a function of weights ``(m, ndim) -> (m,)``."""
        ...

    def overlap(self, other: CompactState) -> complex:
        """``<self|other>``."""
        ...

    def to_dense(self) -> np.ndarray:
        """The amplitudes, shape ``domain.shape``, where there are few enough."""
        ...


def _absent(run: CompactTrajectory, name: str) -> NoReturn:
    raise MethodError(
        f"Argument `trajectory` must hold {name} for this, but has compact states on {run.problem.domain.num_qubits} qubits, too many "
        "for a table: ask `compact[i]` for sample, marginal, expectation or overlap."
    )


@dataclass(frozen=True, eq=False)
class CompactTrajectory(Trajectory):
    """A trajectory whose waves are compact: ``density`` and ``states`` are absent, and say so when they are asked for.

    Attributes:
        compact: the wave at each saved time.
        times, log_norm, expectations, best, diagnostics, stop, provenance, problem, method: as in :class:`Trajectory`.
    """

    compact: tuple[CompactState, ...] = ()

    @property  # type: ignore[misc]
    def density(self) -> np.ndarray:
        """Absent."""
        _absent(self, "a density")

    @density.setter
    def density(self, value: np.ndarray) -> None:
        """What the dataclass sets is left aside."""

    @property  # type: ignore[misc]
    def states(self) -> np.ndarray | None:
        """Absent."""
        _absent(self, "states")

    @states.setter
    def states(self, value: np.ndarray | None) -> None:
        """What the dataclass sets is left aside."""

    def __str__(self) -> str:
        domain = self.problem.domain
        ends = ", ".join(f"{k} {v[0]} -> {v[-1]}" for k, v in self.expectations.items() if k in ("energy", "objective"))
        bonds = ", ".join(str(state.bond) for state in (self.compact[0], self.compact[-1]))
        return "\n".join(
            (
                f"{self.method} on the {self.problem.clock} clock, classical, exact",
                f"domain: {' x '.join(map(str, domain.shape))} points, {domain.num_qubits} qubits; reading: {self.reading}",
                f"times: {len(self.times)} from {self.times[0]:g} to {self.times[-1]:g}; compact, ranks {bonds} at the ends",
                f"expectations: {ends}",
                f"best: {self.best}",
                f"stop: {self.stop}",
            )
        )

    __repr__ = __str__
