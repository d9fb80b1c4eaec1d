"""Tables of a loss on its weight spaces, each made once and shared by everything that holds it: zeta on all points, read-only.

A function may change between two calls of the library (a notebook sets ``scale = 2``). So the first look at a table within each call of
a public function looks at what the function visibly leans on (see `leaning`), and asks a few points again, the same ones together as
when the table was made; a table whose function has changed is made anew.

A module of its own beside `base`: when a table is made anew, whatever the loss is.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...base.arguments import outermost
from ..domains import Domain
from .leaning import moved

_DIGITS = (
    1e-12  # relative: the same points asked together give the same digits, but for threads that add up in another order
)


@dataclass
class _Made:
    table: weakref.ref[np.ndarray]
    again: np.ndarray  # what the points that are asked again gave when the table was made
    seen: object  # the call in which it was last looked at
    marks: Mapping[str, object] = field(default_factory=dict)  # what the function leans on


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
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, object]:
        return {}  # copies make tables of their own

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__()  # type: ignore[misc]

    def add(
        self, domain: Domain, values: np.ndarray, again: np.ndarray, marks: Mapping[str, object] | None = None
    ) -> np.ndarray:
        """Share a table, from now on read-only, with what its function gave for the points that are asked again, and leans on."""
        held = np.ascontiguousarray(values, dtype=float).reshape(-1).data.toreadonly()
        table = np.frombuffer(held).reshape(domain.shape)  # of what is read-only, so that it can never be made writable
        with self._lock:
            self._made = {each: made for each, made in self._made.items() if made.table() is not None}
            self._made[domain] = _Made(weakref.ref(table), again, outermost(), marks or {})
        return table

    def find(self, domain: Domain) -> np.ndarray | None:
        """The table of a domain that somebody holds."""
        with self._lock:
            made = self._made.get(domain)
            return None if made is None else made.table()

    def looked_at(self, domain: Domain) -> bool:
        """Whether the function has been asked again in this call of a public function; from now on it has."""
        with self._lock:
            made, call = self._made.get(domain), outermost()
            if made is None:  # freed by another thread
                return False
            seen = call is not None and made.seen is call
            made.seen = call
            return seen

    def leans_on(self, domain: Domain, marks: Mapping[str, object]) -> bool:
        """Whether the function leans on what it did when the table was made."""
        with self._lock:
            made = self._made.get(domain)
            return made is not None and not moved(made.marks, marks)

    def unchanged(self, domain: Domain, again: np.ndarray) -> bool:
        """Whether the points that are asked again give what they gave."""
        with self._lock:
            made = self._made.get(domain)
        if made is None:
            return False
        size = float(np.abs(made.again).max(initial=0.0))
        return made.again.shape == again.shape and bool((np.abs(again - made.again) <= _DIGITS * size).all())
