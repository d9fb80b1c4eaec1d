"""The rotations that randomised product formulas draw, and what schedules do in each part of the duration, computed once for all draws."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..model.driven_formulas import ends_of_steps
from ..model.formulas import segments
from ..model.hamiltonians import PauliHamiltonian
from ..model.masks import bit_count
from ..model.pauli import PauliSum

Rotation = tuple[int, int, float]  # masks of X and Z, and the angle that the string acts for

_PIECES = 8  # of a part in which no schedule is taken to change its sign


def strength(terms: PauliSum) -> float:
    """``lambda = sum |c_j|`` over the terms besides the identity."""
    return float(np.abs(terms.coefficients[(terms.x | terms.z) != 0]).sum())


def canonical(h: PauliHamiltonian) -> np.ndarray:
    """The numbers of the strings in canonical order."""
    return np.asarray(np.lexsort((h.terms.z, h.terms.x)))


def channels(h: PauliHamiltonian) -> np.ndarray:
    """The numbers of the schedules of the terms in that order."""
    return np.asarray(h.channels[canonical(h)])


def drawable(terms: PauliSum) -> np.ndarray:
    """The numbers of the terms that are drawn: not the identity, not those of coefficient 0."""
    return np.flatnonzero(((terms.x | terms.z) != 0) & (terms.coefficients != 0))


def all_commute(terms: PauliSum) -> bool:
    """Whether the strings that are drawn commute with each other, so that their order is nothing."""
    active = drawable(terms)
    x, z = terms.x[active], terms.z[active]
    return not any(np.any((bit_count(x & b) + bit_count(z & a)) % 2) for a, b in zip(x, z))


class Slots:
    """Equal parts of the duration, with what the schedules of an operator do in each.

    Integrals of schedules take longer than the draws; these are made once, where they are first asked for.
    """

    def __init__(self, h: PauliHamiltonian, count: int) -> None:
        self.h, self.count, self.tau = h, count, h.duration / count
        self._cut: dict[tuple[float, float], tuple[float, ...]] = {}

    @cached_property
    def spans(self) -> np.ndarray:
        """``int s_k dt`` over each part, shape ``(count, schedules)``."""
        return np.array([self.h.amounts(i * self.tau, (i + 1) * self.tau) for i in range(self.count)])

    @cached_property
    def reach(self) -> np.ndarray:
        """``int |s_k| dt`` over each part, by pieces, shape ``(count, schedules)``."""
        ends = [np.linspace(i * self.tau, (i + 1) * self.tau, _PIECES + 1).tolist() for i in range(self.count)]
        pieces = [[self.h.amounts(a, b) for a, b in zip(row[:-1], row[1:])] for row in ends]
        return np.asarray(np.abs(pieces).sum(axis=1))

    def sizes(self) -> np.ndarray:
        """``sum_j |int c_j s_j dt|`` over each part, the identity left out; with several schedules of the pieces, added up."""
        h = self.h
        if h.constant:
            return np.full(self.count, strength(h.over(0.0, h.duration)) / self.count)
        own = np.where((h.terms.x | h.terms.z) != 0, np.abs(h.terms.coefficients), 0.0)
        each = np.bincount(h.channels, own, minlength=len(h.drives))
        return np.asarray((np.abs(self.spans) if h.commutes else self.reach) @ each)

    def drift(self, terms: PauliSum, rng: np.random.Generator, times: Sequence[float]) -> list[list[Rotation]]:
        """One rotation for each part, drawn by the weights of the terms there, from each time to the next."""
        h, tau, drawn, active = self.h, self.tau, rng.random(self.count), drawable(terms)
        own, whole = channels(h)[active], terms.coefficients[active]
        slots: list[list[Rotation]] = []
        for t0, t1 in zip(times[:-1], times[1:]):
            first, last = int(t0 / tau + 1e-9), min(self.count, int(np.ceil(t1 / tau - 1e-9)))
            row = []
            for i in range(first, last):
                weight = np.abs(whole) if h.commutes else np.abs(whole) * self.reach[i][own]
                if not weight.any():
                    continue
                law = weight / weight.sum()
                k = int(np.searchsorted(np.cumsum(law) / np.cumsum(law)[-1], drawn[i], side="right"))
                span = self._within(i, t0, t1)[own[k]]
                if span:
                    row.append((int(terms.x[active[k]]), int(terms.z[active[k]]), float(whole[k] * span / law[k])))
            slots.append(row)
        return slots

    def _within(self, i: int, t0: float, t1: float) -> Sequence[float] | np.ndarray:
        """The integrals over what lies of a part between two times."""
        ends = (max(i * self.tau, t0), min((i + 1) * self.tau, t1))
        if ends == (i * self.tau, (i + 1) * self.tau):
            return np.asarray(self.spans[i])
        if ends not in self._cut:
            self._cut[ends] = self.h.amounts(*ends)
        return self._cut[ends]


def orders(
    terms: PauliSum, rng: np.random.Generator, h: PauliHamiltonian, steps: int, times: Sequence[float]
) -> list[list[Rotation]]:
    """All terms in each step, in a random order of its own, from each time to the next."""
    own, active = channels(h), drawable(terms)
    slots: list[list[Rotation]] = []
    for ends in segments(ends_of_steps(h, steps, times), times):
        row = []
        for t0, t1 in zip(ends[:-1].tolist(), ends[1:].tolist()):
            amounts = np.array(h.amounts(t0, t1))[own]
            for j in rng.permutation(
                active
            ):  # drawn for a step without strength too: the steps after it keep their orders
                if amounts[j]:
                    row.append((int(terms.x[j]), int(terms.z[j]), float(terms.coefficients[j] * amounts[j])))
        slots.append(row)
    return slots
