"""Words of Pauli letters with coefficients as bit masks over the qubits of a register, checked: real, finite, on qubits that are there."""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ..base.errors import ProblemError, describe, require
from .operator_matrices import HERMITIAN, Totals
from .pauli_words import Reading, Terms, Wire, Word


class Strings(NamedTuple):
    """A Hermitian sum: its width, real coefficients by the pair of masks ``(x, z)``, and the labels of its wires where it has some."""

    num_qubits: int
    totals: Totals
    wires: tuple[Wire, ...] | None = None


def coefficient_of(c: object, label: str, name: str) -> complex:
    """A number, or an object that holds one (a bound parameter, an array of one number)."""
    try:
        if not isinstance(c, (str, bytes, bool, np.bool)):
            return complex(c)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        pass
    free = [str(p) for p in getattr(c, "parameters", ())]
    said = f"unbound parameters {', '.join(free)}" if free else describe(c)
    raise ProblemError(
        f"Argument `{name}` must have numbers as coefficients, but has {said} in the term {describe(label)}."
    )


def strings_of(reading: Reading, wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    """The terms as bit masks, after a check that all labels name the qubits in the same way."""
    require(bool(reading.terms), name, "have at least one term", "an empty sum")
    lengths = set(reading.lengths)
    if lengths and reading.wires:
        raise ProblemError(f"Argument `{name}` must have labels of one kind, 'XIZ' or 'X0 Z2', but has both.")
    if len(lengths) > 1:
        raise ProblemError(
            f"Argument `{name}` must have labels of one length, but has lengths {', '.join(map(str, sorted(lengths)))}."
        )
    if lengths:
        count = lengths.pop()
        return Strings(count, masked(reading.terms, {i: count - 1 - i for i in range(count)}, name))
    if reading.lone and not reading.wires and wires is None and width is None:
        width = 1  # a single I alone; beside other labels it is the identity
    order, own = _order(reading, wires, width, name)
    place = {wire: len(order) - 1 - i for i, wire in enumerate(order)}
    return Strings(len(order), masked(reading.terms, place, name), own)


def _order(
    reading: Reading, wires: Sequence[Wire] | None, width: int | None, name: str
) -> tuple[Sequence[Wire], tuple[Wire, ...] | None]:
    """All wires from the highest qubit down, and the operator's own labels where they are not 0, 1, ..."""
    seen = list(reading.wires)
    if wires is not None:
        missing = [wire for wire in seen if wire not in wires]
        if missing:
            raise ProblemError(
                f"Argument `{name}` must act on the wires {describe(list(wires))}, but acts on {missing[0]!r}."
            )
        return wires, tuple(wires)
    if any(isinstance(wire, str) for wire in seen):
        return seen, tuple(seen)
    indices = [int(wire) for wire in seen]
    low = min(indices, default=0)
    require(low >= 0, name, "act on qubits 0, 1, ...", low)
    count = max(indices, default=-1) + 1 if width is None else width
    if count <= max(indices, default=-1):
        raise ProblemError(f"Argument `{name}` must act on {count} qubits, but acts on qubit {max(indices)}.")
    require(count >= 1, name, "act on at least one qubit", "a number")
    require(count <= 1 << 20, name, "act on qubits below 1048576", max(indices, default=0))
    return range(count), None


def masked(terms: Terms, place: Mapping[Wire, int], name: str) -> Totals:
    """Masks by the qubit of each wire, and real coefficients."""
    largest = max((abs(c) for c in terms.values()), default=0.0)
    totals: Totals = {}
    for word, c in terms.items():
        x = sum(1 << place[wire] for wire, letter in word if letter != "Z")
        z = sum(1 << place[wire] for wire, letter in word if letter != "X")
        totals[x, z] = totals.get((x, z), 0.0) + real_part(c, largest, partial(shown, word), name)
    return totals


def real_part(c: complex, largest: float, term: Callable[[], str], name: str) -> float:
    """A coefficient that is finite and real, to :data:`~.operator_matrices.HERMITIAN` of the largest."""
    if not cmath.isfinite(c):
        raise ProblemError(
            f"Argument `{name}` must have finite coefficients, but has {c.real if not cmath.isfinite(c.real) else c} "
            f"in the term {describe(term())}."
        )
    if abs(c.imag) > max(HERMITIAN * largest, 1e-17):  # what is left of terms of size 1 that cancel
        raise ProblemError(
            f"Argument `{name}` must be Hermitian, but has the coefficient {describe(c)} in the term {describe(term())}."
        )
    return c.real


def shown(word: Word) -> str:
    """A word for messages: ``X0 Z2``."""
    return " ".join(f"{letter}{wire}" for wire, letter in sorted(word, key=str)) or "identity"
