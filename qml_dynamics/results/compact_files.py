"""Compact states as plain data and named arrays of a file, and back: by the names of their kinds, checked before they are believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..base.archive import Unreadable, of
from ..base.errors import MethodError, describe, require
from ..base.registry import COMPACT, at, named
from ..model.domains import Domain

if TYPE_CHECKING:
    from .compact import CompactState

_PREFIX = "compact"
COMPACT_ARRAYS = f"{_PREFIX}/"  # what the names of the arrays begin with


class _Storable(Protocol):
    """A compact state that a file holds; its class has ``from_parts(domain, said, arrays)``, which undoes this."""

    def parts(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """Plain data, and arrays by name."""
        ...


def stored_states(states: Sequence[CompactState]) -> tuple[list[dict[str, object]], dict[str, np.ndarray]]:
    """The states as plain data and as arrays, each below its number.

    Raises:
        MethodError: one of them is of a class that has no name in files.
    """
    every: list[dict[str, object]] = []
    arrays: dict[str, np.ndarray] = {}
    for number, state in enumerate(states):
        kind = named(type(state), COMPACT)
        require(kind is not None, "trajectory", "have waves that a file holds", describe(state), MethodError)
        storable: _Storable = state  # type: ignore[assignment]
        said, own = storable.parts()
        every.append({"kind": kind, **said})
        arrays |= {f"{_PREFIX}/{number}/{name}": array for name, array in own.items()}
    return every, arrays


def restored_states(stored: object, arrays: Mapping[str, np.ndarray], domain: Domain) -> tuple[CompactState, ...]:
    """:func:`stored_states`, undone.

    Raises:
        ValueError: the data are no waves on this domain.
    """
    found = []
    for number, entry in enumerate(of(stored, list, _PREFIX)):
        said: dict[str, Any] = dict(of(entry, dict, _PREFIX))
        kind = of(said.pop("kind", None), str, "kind")
        if kind not in COMPACT:
            raise Unreadable(f"a compact state must be one of {', '.join(COMPACT)}, but is {describe(kind)}")
        prefix = f"{_PREFIX}/{number}/"
        own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        found.append(at(COMPACT[kind]).from_parts(domain, said, own))
    return tuple(found)
