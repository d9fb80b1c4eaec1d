"""Requests for circuits with their seeds, outcomes that came back, and means with standard errors.

A :class:`Request` has a key from which its seed is made, so that its counts depend neither on the batch nor on its place in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ....backends import Backend
from ....base.errors import BackendError, MethodError, require
from ....results.trajectory import Counts

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Key = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Request:
    """A circuit that is built when it is sent."""

    key: Key
    build: Callable[[], QuantumCircuit]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Outcomes of one circuit and how often each was seen; exact probabilities where ``shots`` is None."""

    index: np.ndarray
    count: np.ndarray
    shots: int | None

    def mean(self, values: np.ndarray) -> tuple[float, float]:
        """Mean of a number for each outcome, and the variance of this mean.

        >>> Outcome(np.array([0, 1]), np.array([50, 50]), 100).mean(np.array([0.0, 2.0]))[0]
        1.0
        """
        total = self.count.sum()
        mean = float(values @ self.count / total)
        if self.shots is None:
            return mean, 0.0
        spread = float(self.count @ (values - mean) ** 2)
        return mean, spread / (total * (total - 1))

    def signed(self, signs: np.ndarray) -> tuple[float, float]:
        """:meth:`mean` of values in [-1, 1]. Outcomes that all agree are not taken for certain: 1 / N is the least error."""
        mean, variance = self.mean(signs)
        return (mean, variance) if self.shots is None else (mean, variance + 1.0 / self.shots**2)

    def share(self, index: int) -> tuple[float, float]:
        """How often one outcome was seen, and the variance of this share (at least 1 / N^2)."""
        share = float(self.count[self.index == index].sum() / self.count.sum())
        if self.shots is None:
            return share, 0.0
        return share, share * (1 - share) / (self.shots - 1) + 1.0 / self.shots**2


Seen = Mapping[Key, Outcome]


def ask(backend: Backend, circuits: Sequence[QuantumCircuit], shots: int | None, seeds: Sequence[int]) -> list[Outcome]:
    """Send all circuits as one batch.

    Raises:
        MethodError: fewer than two shots, which tell nothing of their own spread.
        BackendError: the backend fails, or answers another number of circuits.
    """
    if shots is None:
        found = backend.probabilities(circuits)
        answers = [Outcome(np.arange(p.size), np.asarray(p, dtype=float), None) for p in found]
    else:
        require(shots >= 2, "shots", "be at least 2", shots, MethodError)
        answers = [of_counts(c) for c in backend.sample(circuits, shots, seeds)]
    if len(answers) != len(circuits):
        raise BackendError(f"{backend.name} answered {len(answers)} of {len(circuits)} circuits.")
    return answers


def of_counts(counts: Counts) -> Outcome:
    """Counts as an outcome; mitigated ones may stand for fewer samples than were taken, but for at least two."""
    return Outcome(counts.index, counts.count, max(2, counts.shots))


def counts_of(outcome: Outcome) -> Counts:
    """An outcome as counts."""
    return Counts(outcome.index, outcome.count.astype(np.int64))
