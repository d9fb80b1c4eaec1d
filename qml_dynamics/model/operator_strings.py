"""Words of Pauli letters with coefficients as bit masks over the qubits of a register, checked: real, finite, on qubits that are there."""

from __future__ import annotations

import cmath
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..base.errors import ProblemError, describe, require
from .operator_matrices import Totals
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
    if reading.lone and not reading.wires:
        lengths.add(1)
    if lengths and reading.wires:
        raise ProblemError(f"Argument `{name}` must have labels of one kind, 'XIZ' or 'X0 Z2', but has both.")
    if len(lengths) > 1:
        raise ProblemError(
            f"Argument `{name}` must have labels of one length, but has lengths {', '.join(map(str, sorted(lengths)))}."
        )
    if lengths:
        count = lengths.pop()
        return Strings(count, masked(reading.terms, {i: count - 1 - i for i in range(count)}, name))
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
    width = len(place)
    largest = max((abs(c) for c in terms.values()), default=0.0)
    totals: Totals = {}
    for word, c in terms.items():
        x = sum(1 << place[wire] for wire, letter in word if letter != "Z")
        z = sum(1 << place[wire] for wire, letter in word if letter != "X")
        totals[x, z] = totals.get((x, z), 0.0) + real_part(c, largest, word, width, name)
    return totals


def real_part(c: complex, largest: float, word: Word, width: int, name: str) -> float:
    """A coefficient that is finite and real, to 1e-12 of the largest."""
    if not cmath.isfinite(c):
        raise ProblemError(
            f"Argument `{name}` must have finite coefficients, but has {c.real if not cmath.isfinite(c.real) else c} "
            f"in the term {describe(shown(word))}."
        )
    if abs(c.imag) > 1e-12 * max(largest, 1.0):
        raise ProblemError(
            f"Argument `{name}` must be Hermitian, but has the coefficient {describe(c)} in the term {describe(shown(word))}."
        )
    return c.real


def shown(word: Word) -> str:
    """A word for messages: ``X0 Z2``."""
    return " ".join(f"{letter}{wire}" for wire, letter in sorted(word, key=str)) or "identity"
