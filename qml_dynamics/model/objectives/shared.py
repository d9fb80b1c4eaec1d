"""Tables of a loss on its weight spaces, each made once and shared by everything that holds it: zeta on all points, read-only.

A function may change between two calls of the library (a notebook sets ``scale = 2``), and is never asked what it depends on. So the
first look at a table within each call of a public function asks a few points again, the same ones together as when the table was made,
and a table whose values are no longer the function's is made anew.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np

from ...base.arguments import outermost
from ..domains import Domain

_DIGITS = (
    1e-12  # relative: the same points asked together give the same digits, but for threads that add up in another order
)


@dataclass
class _Made:
    table: weakref.ref[np.ndarray]
    again: np.ndarray  # what the points that are asked again gave when the table was made
    seen: object  # the call in which it was last looked at


class SharedTables:
    """The tables of one loss that somebody holds; those that nobody holds are freed.

    >>> from ..domains import Grid
    >>> tables, grid = SharedTables(), Grid((-1, 1), 2)
    >>> held = tables.add(grid, np.arange(4.0), np.array([1.0]))
    >>> tables.find(grid) is held, held.flags.writeable
    (True, False)
    >>> del held
    >>> tables.find(grid) is None
    True
    """

    def __init__(self) -> None:
        self._made: dict[Domain, _Made] = {}

    def add(self, domain: Domain, values: np.ndarray, again: np.ndarray) -> np.ndarray:
        """Share a table, from now on read-only, with what its function gave for the points that are asked again."""
        held = np.ascontiguousarray(values, dtype=float).reshape(-1).data.toreadonly()
        table = np.frombuffer(held).reshape(domain.shape)  # of what is read-only, so that it can never be made writable
        self._made = {each: made for each, made in self._made.items() if made.table() is not None}
        self._made[domain] = _Made(weakref.ref(table), again, outermost())
        return table

    def find(self, domain: Domain) -> np.ndarray | None:
        """The table of a domain that somebody holds."""
        made = self._made.get(domain)
        return None if made is None else made.table()

    def looked_at(self, domain: Domain) -> bool:
        """Whether the function has been asked again in this call of a public function; from now on it has."""
        made, call = self._made[domain], outermost()
        seen = call is not None and made.seen is call
        made.seen = call
        return seen

    def unchanged(self, domain: Domain, again: np.ndarray) -> bool:
        """Whether the points that are asked again give what they gave."""
        before = self._made[domain].again
        size = float(np.abs(before).max(initial=0.0))
        return before.shape == again.shape and bool((np.abs(again - before) <= _DIGITS * size).all())
