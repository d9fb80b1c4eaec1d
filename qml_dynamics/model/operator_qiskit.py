"""Operators of Qiskit as bit masks: qubit q is bit q of an index, and the first letter of a label is the highest qubit.

They keep their order: no wires are looked up. Qiskit itself is not imported; :mod:`.operator_inputs` tells its kinds by their members.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from ..base.errors import ProblemError, describe, integer, require
from .operator_strings import Strings, coefficient_of, real_part
from .pauli_words import Wire

_SIGNS = {"": 1, "-": -1, "i": 1j, "-i": -1j}


def _from_labels(labels: Iterable[str], coefficients: Iterable[object], name: str) -> Strings:
    """Labels in Qiskit's order, a sign or factor i before them, and their coefficients."""
    totals: dict[tuple[int, int], complex] = {}
    count = None
    for label, c in zip(labels, coefficients):
        letters = label.lstrip("-i")
        sign = label[: len(label) - len(letters)]
        plain = sign in _SIGNS and set(letters) <= set("IXYZ")
        if not plain or count not in (None, len(letters)):
            must = "have labels of one length with letters I, X, Y, Z"
            raise ProblemError(f"Argument `{name}` must {must}, but has {describe(label)}.")
        x = int("0" + "".join("1" if p in "XY" else "0" for p in letters), 2)
        z = int("0" + "".join("1" if p in "ZY" else "0" for p in letters), 2)
        totals[x, z] = totals.get((x, z), 0.0) + _SIGNS[sign] * coefficient_of(c, label, name)
        count = len(letters)
    require(count is not None, name, "have at least one term", "an empty sum")
    require(count != 0, name, "act on at least one qubit", "a number")
    assert count
    return _checked(totals, count, name)


def _checked(totals: dict[tuple[int, int], complex], count: int, name: str) -> Strings:
    """Real coefficients; one that is not is named by its label."""
    largest = max(map(abs, totals.values()))
    return Strings(count, {key: real_part(c, largest, partial(_label, *key, count), name) for key, c in totals.items()})


def _label(x: int, z: int, count: int) -> str:
    letters = {(0, 0): "I", (1, 0): "X", (0, 1): "Z", (1, 1): "Y"}
    return "".join(letters[x >> q & 1, z >> q & 1] for q in reversed(range(count)))


class _HasLabels(Protocol):
    def to_labels(self) -> list[str]:
        """The labels of all Pauli strings, such as ``["XIZ", "ZZI"]``."""


class _Sparse(Protocol):
    paulis: _HasLabels
    coeffs: np.ndarray


def from_sparse_pauli(given: _Sparse, wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    """A ``SparsePauliOp``."""
    return _from_labels([str(label) for label in given.paulis.to_labels()], list(given.coeffs), name)


def from_list(given: _HasLabels, wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    """A ``PauliList``: the sum of its strings."""
    labels = [str(label) for label in given.to_labels()]
    return _from_labels(labels, [1.0] * len(labels), name)


class _HasLabel(Protocol):
    def to_label(self) -> str:
        """The label of one Pauli string with its phase, such as ``"-iXIZ"``."""


def from_string(given: _HasLabel, wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    """A ``Pauli``."""
    return _from_labels([given.to_label()], [1.0], name)


class _Observable(Protocol):
    num_qubits: int

    def as_paulis(self) -> _Observable:
        """The same observable with projectors opened into Pauli strings."""

    def to_sparse_list(self) -> list[tuple[str, list[int], complex]]:
        """Letters, qubits and coefficient of every term."""


def from_observable(given: _Observable, wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    """A ``SparseObservable``; its projectors are written out as Pauli strings."""
    require(given.num_qubits > 0, name, "act on at least one qubit", "a number")
    return _from_triples(given.as_paulis().to_sparse_list(), given.num_qubits, name)


Triple = tuple[str, Sequence[int], object]


def is_triple(given: object) -> bool:
    """Whether this is an entry of Qiskit's sparse lists, letters, the qubits that they act on, and a coefficient.

    >>> is_triple(("XY", [0, 2], 0.5)), is_triple(("XY", 0.5))
    (True, False)
    """
    if not isinstance(given, (list, tuple)) or len(given) != 3:
        return False
    letters, qubits, c = given
    return isinstance(letters, str) and isinstance(qubits, (list, tuple, range, np.ndarray)) and not isinstance(c, str)


def from_sparse_list(given: Sequence[Triple], wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    """``[(letters, qubits, coefficient), ...]``, as ``SparsePauliOp.from_sparse_list`` takes them: qubit q is bit q of an index.

    >>> from_sparse_list([("XZ", [0, 2], 0.5)], None, None, "operator")              # the label ZIX
    Strings(num_qubits=3, totals={(1, 4): 0.5}, wires=None)
    """
    top = 0
    for letters, qubits, _ in given:
        places = [integer(q, f"{name}, a qubit of {describe(letters)}", 0, (1 << 20) - 1) for q in qubits]
        if set(letters) - set("IXYZ") or len(letters) != len(places) or len(set(places)) != len(places):
            must = "have one letter I, X, Y, Z for each of different qubits"
            raise ProblemError(f"Argument `{name}` must {must}, but has {describe((letters, places))}.")
        top = max(top, *places, 0) if places else top
    count = (len(wires) if wires is not None else top + 1) if width is None else width
    if top >= count:
        raise ProblemError(f"Argument `{name}` must act on {count} qubits, but acts on qubit {top}.")
    return _from_triples(given, count, name)


def _from_triples(given: Sequence[Triple], count: int, name: str) -> Strings:
    totals: dict[tuple[int, int], complex] = {}
    for letters, qubits, c in given:
        x = sum(1 << int(q) for letter, q in zip(letters, qubits) if letter in "XY")
        z = sum(1 << int(q) for letter, q in zip(letters, qubits) if letter in "ZY")
        totals[x, z] = totals.get((x, z), 0.0) + coefficient_of(c, letters, name)
    require(bool(totals), name, "have at least one term", "an empty sum")
    return _checked(totals, count, name)
