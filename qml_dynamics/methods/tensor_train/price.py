"""What a run takes, told by the rank of the loss before the run starts.

The rank that the factor of a step has at a small tolerance t follows from two at large ones, where it is found quickly, by
``R(t) = c log(1/t)^p``: that many polynomials of degree ``log(1/t)`` there are in p directions. The waves are taken to be of the rank that
the factor has at their tolerance, and the number of steps to be the first that is tried. For a neuron of three weights (80 rows, 3 x 10
qubits) the ranks were 49, 70, 97 at 1e-5, 1e-6, 1e-7 where 95 is told, and the wave's 35 where 49 is taken; halved steps make up for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import MethodError
from .engine import Engine
from .interpolation import interpolated
from .momenta import FINE
from .trains import largest_bond, rounded

LOOKED = (
    (1e-3, 48),
    (1e-5, 192),
    (1e-6, 256),
)  # tolerances at which the rank of the factor is found, and up to which rank
TOLD = 22  # qubits above which a run is priced: below, the ranks are small, and there is a table
_RATE = 2e10  # real operations a second of one core, in products of such matrices
_KINETIC = 20  # rank of the kinetic factor
_STEEP = 2.0  # the power p where a rank is larger than that
_PASSES = 3  # a run with twice the steps comes after the first


@dataclass(frozen=True)
class Price:
    """What a run takes at least.

    Attributes:
        rank: of the loss's factor of a step at the tolerance of the run.
        found: tolerances and ranks, up to the first rank that is larger than it was looked for.
        whole: whether the last one is no such.
        seconds: of one core, by the count of its operations.
    """

    rank: int
    found: tuple[tuple[float, int], ...]
    whole: bool
    seconds: float


def operations(sites: int, wave: float, factor: float) -> float:
    """Real operations of a factor on a wave of these ranks: contractions, a triangle and singular values a site.

    >>> round(operations(30, 35, 35) / 1e9, 1)
    5.1
    """
    return sites * (80 * factor * wave**3 + 16 * factor**2 * wave**2 + 600 * wave**3)


def extrapolated_rank(found: Sequence[tuple[float, int]], tolerance: float, power: float | None = None) -> int:
    """The rank at a tolerance from the last two that were found, or by a given power from the last.

    >>> extrapolated_rank([(1e-5, 50), (1e-6, 72)], 1e-12), extrapolated_rank([(1e-3, 48)], 1e-6, 2.0)
    (288, 192)
    """
    (loose, few), (tight, rank) = found[-2:] if len(found) > 1 else (found[0], found[0])
    if power is None:
        power = float(np.log(rank / few) / np.log(np.log(tight) / np.log(loose)))
    return int(np.ceil(rank * (np.log(tolerance) / np.log(tight)) ** max(0.0, power) - 1e-9))


def priced(engine: Engine, steps: int) -> Price:
    """What so many steps take, and the run by which their error is measured."""
    problem = engine.problem
    amount = problem.strength.integral(0.0, problem.duration, problem.duration) / steps
    found = list[tuple[float, int]]()
    power = None
    for tolerance, limit in LOOKED:
        most = min(limit, engine.most)
        cross = interpolated(engine.factor(amount), engine.seeds, tolerance, most, engine.places)
        train = rounded(cross.train, tolerance, most)[0]
        found.append((tolerance, largest_bond(train) if cross.whole else most))
        if not cross.whole:
            power = _STEEP
            break
    sites = len(engine.begin)
    rank = extrapolated_rank(found, FINE * engine.tolerance, power)
    wave = max(largest_bond(engine.begin), extrapolated_rank(found, engine.tolerance, power))
    moved = operations(sites, wave, rank) + operations(sites, wave, min(_KINETIC, rank))
    return Price(rank, tuple(found), power is None, _PASSES * steps * engine.sweeps * moved / _RATE)


def check_price(engine: Engine, steps: int | None, most: float) -> None:
    """Refuse a run on more than 22 qubits that takes longer than so many seconds, before it starts.

    Raises:
        MethodError: what it takes, and the rank and the tolerance that are the reason.
    """
    if len(engine.begin) <= TOLD or engine.tolerance >= LOOKED[1][0]:
        return
    told = priced(engine, steps or engine.first_steps())
    if told.seconds > most:
        at, found = told.found[-1]
        seen = f"{'' if told.whole else 'more than '}{found} at {at:g}"
        raise MethodError(
            f"Argument `max_seconds` must be at least {told.seconds:,.0f}, but is {most:,.4g}: at tolerance {engine.tolerance:g} the loss "
            f"of a step has a rank of about {told.rank} ({seen}); a larger `tolerance` needs less."
        )
