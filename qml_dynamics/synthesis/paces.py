"""For how long the terms of an operator act in a sweep: one time for all of them, or one for each schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..model.driven_formulas import sweep_times
from ..model.formulas import Formula
from ..model.hamiltonians import PauliHamiltonian
from .operator_parts import Block, anticommute

_PARALLEL = 1e-12


@dataclass(frozen=True)
class Pace:
    """One time for each schedule, and for each string the number of its schedule."""

    times: tuple[float, ...]
    channel: Mapping[tuple[int, int], int]


Amount = float | Pace  # one time for all terms, or a pace
Ramp = tuple[bool, Amount]  # of a sweep: forwards, and for how long each term acts


def acting(amount: Amount, x: int, z: int) -> float:
    """For how long the string with these masks acts; one that is not there does not.

    >>> acting(0.5, 1, 0), acting(Pace((0.5, 2.0), {(1, 0): 1}), 1, 0)
    (0.5, 2.0)
    """
    if not isinstance(amount, Pace):
        return amount
    channel = amount.channel.get((x, z))
    return 0.0 if channel is None else amount.times[channel]


def idle(amount: Amount) -> bool:
    """Whether no term acts."""
    return not any(amount.times) if isinstance(amount, Pace) else not amount


def added(first: Amount, second: Amount) -> Amount:
    """Both one after the other, of terms that commute."""
    if isinstance(first, Pace) and isinstance(second, Pace):
        return Pace(tuple(a + b for a, b in zip(first.times, second.times)), first.channel)
    assert not isinstance(first, Pace)
    assert not isinstance(second, Pace)
    return first + second


def merged(block: Block, amounts: Sequence[Amount]) -> list[Amount]:
    """The visits of a block one after the other, merged where its exponentials commute: all its terms do, or act in one proportion."""
    out: list[Amount] = []
    for amount in amounts:
        if out and _merges(block, out[-1], amount):
            out[-1] = added(out[-1], amount)
        else:
            out.append(amount)
    return out


def _merges(block: Block, first: Amount, second: Amount) -> bool:
    if not isinstance(first, Pace) or len(block.terms) == 1:
        return True
    if not any(anticommute(a, b) for a in block.terms for b in block.terms):
        return True
    one, other = (np.array([acting(each, x, z) for x, z, _ in block.terms]) for each in (first, second))
    sizes = float(np.linalg.norm(one) * np.linalg.norm(other))
    return bool(np.abs(np.outer(one, other) - np.outer(other, one)).max() <= _PARALLEL * sizes)


def sweeps(formula: Formula, h: PauliHamiltonian, ends: Sequence[float] | np.ndarray) -> list[Ramp]:
    """The sweeps of consecutive steps with these ends; steps in which nothing acts are left out.

    >>> from qml_dynamics import Linear, Problem, hamiltonian
    >>> from qml_dynamics.model.formulas import by_order
    >>> still = hamiltonian(Problem.from_operator({"ZZ": 1.0}, clock="real", duration=1.0, strength=0.5))
    >>> sweeps(by_order(2), still, [0.0, 0.4])
    [(True, 0.1), (False, 0.1)]
    """
    terms = h.terms
    channel = dict(zip(zip(terms.x.tolist(), terms.z.tolist()), h.channels.tolist()))
    out: list[Ramp] = []
    for t0, t1 in zip(ends[:-1], ends[1:]):
        rows = sweep_times(formula, h, float(t0), float(t1)).tolist()
        if any(any(row) for row in rows):
            paces = [row[0] if h.commutes else Pace(tuple(row), channel) for row in rows]
            out += [(k % 2 == 0, pace) for k, pace in enumerate(paces)]
    return out
