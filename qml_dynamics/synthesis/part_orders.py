"""Orders of the parts of an operator in a sweep: a product formula errs by commutators, whose sizes depend on what comes first.

On frustrated lattices the best order of four colours takes two thirds of the steps of a middling one at equal error, and no bound
tells which it is, since the bounds lie far above the errors of one wave. So the orders are tried on that wave.

Source: Tranter et al., Entropy 21, 1218 (2019), doi:10.3390/e21121218, for the spread of errors over orders.

A module of its own beside `operator_choice`, which knows formulas and steps: this one knows the parts of one sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from math import ceil, factorial

import numpy as np

from .operator_layers import Layers
from .operator_parts import Part, part_gates

_KEPT = 3
_MOST = 24  # orders that are tried: all of four parts
_VISITS = 100_000  # of blocks, by all of them


def better_orders(
    splitting: Layers, error: Callable[[Layers], float], tolerance: float, order: int, sweeps: int
) -> list[Layers]:
    """The same parts in the orders that promise the fewest gates at equal error, the most promising first; not the order that there is.

    Args:
        splitting: two parts or more.
        error: of the wave with parts in another order, by one number of steps for all of them.
        tolerance: what that error is compared with: steps are carried on from it by the formula's order.
        order: of the formula.
        sweeps: through all parts that one error takes.
    """
    parts = splitting.parts
    blocks = sum(len(part) for part in parts)
    rated = []
    for places in _tried(len(parts), max(1, _VISITS // max(1, blocks * sweeps))):
        name = f"{splitting.name}, parts in the order {' '.join(map(str, places))}"
        other = Layers(name, splitting.num_qubits, [parts[k] for k in places], splitting.offset)
        longer = ceil(100 * (error(other) / tolerance) ** (1 / order)) / 100  # round-off alone decides nothing
        rated.append((longer * _pair(other.parts), places, other))
    return [other for *_, other in sorted(rated, key=lambda row: row[:2])[:_KEPT]]


def _tried(count: int, most: int) -> list[tuple[int, ...]]:
    """Orders of so many parts but the plain one: all of them where they are few, else some from a fixed seed."""
    plain, most = tuple(range(count)), min(most, _MOST)
    if count <= 4:
        return [order for order in permutations(range(count)) if order != plain][:most]
    draw = np.random.default_rng(count)
    found = {tuple(draw.permutation(count).tolist()): None for _ in range(min(most, factorial(count) - 1))}
    return [order for order in found if order != plain]


def _pair(parts: Sequence[Part]) -> int:
    """Gates of a sweep forwards and one backwards, where the part at which they turn is visited once."""
    gates = [part_gates(part) for part in parts]
    return 2 * sum(gates) - gates[0] - gates[-1]
