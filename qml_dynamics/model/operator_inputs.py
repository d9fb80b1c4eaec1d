"""Operators of other libraries as sums of Pauli strings; they are recognised by their attributes, and no vendor package is imported.

Each kind is turned into the words of :mod:`.operator_text` (letters by wire or place) or at once into bit masks. The first wire, the
first letter of a label and the highest bit of an index are the same qubit, so that the dense matrix is the other library's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Number
from typing import Protocol

import numpy as np

from ..base.errors import ProblemError, QMLDynamicsError, describe, integer, line, require
from .operator_matrices import SparseMatrix, dense_totals, rectangular, sparse_totals
from .operator_qiskit import from_list, from_observable, from_sparse_list, from_sparse_pauli, from_string, is_triple
from .operator_strings import Strings, coefficient_of, masked, shown, strings_of
from .operator_text import read_text, read_word
from .pauli_words import Reading, Terms, Wire

KINDS = (
    "a SparsePauliOp or another operator of Qiskit or PennyLane, a matrix, {label: coefficient}, pairs of both, "
    "or the text of a sum"
)


def kind_of(given: object) -> str | None:
    """Which kind of operator this is, by its members; None where it is none.

    >>> kind_of({"XZ": 1.0}), kind_of("Z0 Z1"), kind_of(np.sin), kind_of(np.eye(2))
    ('mapping', 'text', None, 'matrix')
    """
    if isinstance(given, type):
        return None
    if isinstance(given, str):
        return "text"
    if isinstance(given, Reading):
        return "reading"
    if isinstance(given, np.ndarray):
        return "matrix"
    if isinstance(given, (list, tuple)):
        return "pairs" if all(map(_is_pair, given)) else "sparse list" if all(map(is_triple, given)) else "matrix"
    if _has_members(given, "sparse matrix"):  # before dictionaries: SciPy's of keys is one
        return "sparse matrix"
    if isinstance(given, Mapping) and hasattr(given, "wires"):
        return "bosons" if hasattr(given, "normal_order") else "fermions" if hasattr(given, "adjoint") else "sentence"
    if isinstance(given, Mapping):
        return "mapping"
    for kind in _MEMBERS:
        if _has_members(given, kind):
            return kind
    if isinstance(getattr(given, "terms", None), Mapping):
        return "terms"
    inner = getattr(given, "data", None)
    return "data" if isinstance(inner, np.ndarray) and inner.ndim == 2 else None


_MEMBERS = {
    "channel": ("is_cptp", "is_tp"),
    "clifford": ("symplectic_matrix", "destab"),
    "sparse pauli": ("paulis", "coeffs"),
    "pennylane": ("pauli_rep", "wires"),
    "observable": ("as_paulis", "bit_terms"),
    "list": ("to_labels", "phase"),
    "string": ("to_label", "phase", "num_qubits"),
    "sparse matrix": ("tocoo", "shape"),
}


_REFUSED = {
    "channel": "a channel of Qiskit: give a Hermitian operator on its qubits",
    "clifford": "a Clifford of Qiskit: give Operator(clifford) where its unitary is Hermitian",
    "fermions": "a word or sentence of fermions: give qml.jordan_wigner(operator)",
    "bosons": "a word or sentence of bosons: give qml.binary_mapping(operator) or qml.unary_mapping(operator)",
}


def _has_members(given: object, kind: str) -> bool:
    return all(hasattr(given, member) for member in _MEMBERS[kind])


def _is_pair(given: object) -> bool:
    """A label and a coefficient, in either order."""
    if not isinstance(given, (list, tuple)) or len(given) != 2:
        return False
    return isinstance(given[0], str) != isinstance(given[1], str)


def read_operator(
    given: object, wires: Sequence[Wire] | None = None, num_qubits: int | None = None, name: str = "operator"
) -> Strings:
    """The sum that an operator of any known kind is.

    Args:
        given: the operator.
        wires: labels of all qubits, the first that of the highest, for operators that name wires.
        num_qubits: the width of the register; None: that of the operator, for words by index the largest index and one.
        name: how messages call it.

    Raises:
        ProblemError: unknown, not Hermitian, not finite, empty, or of another width.

    >>> read_operator({"X0 Z2": 0.5}).num_qubits, read_operator("0.5 [X0 Z2]", num_qubits=5).totals
    (3, {(16, 4): 0.5})
    """
    if num_qubits is not None:
        num_qubits = integer(num_qubits, "num_qubits", 1, 1 << 20)
        wires = wires or (tuple(range(num_qubits)) if kind_of(given) in ("pennylane", "sentence") else None)
        fits = wires is None or len(wires) == num_qubits
        require(fits, "num_qubits", f"be {len(wires or ())}, the number of wires", num_qubits)
    kind = kind_of(given)
    if kind is None:
        raise ProblemError(f"Argument `{name}` must be {KINDS}, but is {describe(given)}.")
    if kind in _REFUSED:
        raise ProblemError(f"Argument `{name}` must be a Hermitian operator on qubits, but is {_REFUSED[kind]}.")
    found = _READERS[kind](given, wires, num_qubits, name)
    if num_qubits is not None and found.num_qubits != num_qubits:
        raise ProblemError(f"Argument `{name}` must act on {num_qubits} qubits, but acts on {found.num_qubits}.")
    return found


# -- words with coefficients


def words_of(given: object, name: str) -> Reading | None:
    """The words of a text, of labels with coefficients, or of an object with ``terms`` (OpenFermion's ``QubitOperator``).

    None for any other operator. :func:`read_operator` takes what is returned, so that nothing is read twice.
    """
    kind = kind_of(given)
    if kind == "reading":
        return given  # type: ignore[return-value]
    if kind == "text":
        return read_text(given, name)  # type: ignore[arg-type]
    if kind == "pairs":
        return _of_pairs(given, name)  # type: ignore[arg-type]
    if kind in ("mapping", "terms"):
        terms: Mapping[object, object] = given if isinstance(given, Mapping) else given.terms  # type: ignore[attr-defined]
        return _of_pairs(list(terms.items()), name)
    return None


def _from_words(given: object, wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    reading = words_of(given, name)
    assert reading is not None
    return strings_of(reading, wires, width, name)


def _spelled(key: object, name: str) -> object:
    if isinstance(key, tuple) and all(isinstance(each, tuple) and len(each) == 2 for each in key):
        ladder = any(not isinstance(kind, str) for _, kind in key)
        must = (
            "be a Hermitian operator on qubits, not one of ladder operators: give openfermion.jordan_wigner(operator)"
        )
        require(not ladder, name, must, key)
        return " ".join(f"{letter}{qubit}" for qubit, letter in key)
    return key


def _of_pairs(given: Sequence[tuple[object, object]], name: str) -> Reading:
    reading = Reading()
    for first, second in given:
        label, c = (second, first) if isinstance(second, str) and not isinstance(first, str) else (first, second)
        label = _spelled(label, name)
        require(isinstance(label, str), name, "have labels that are texts like 'XIZ' or 'X0 Z2'", label)
        assert isinstance(label, str)
        reading.add(read_word(label, reading, name), coefficient_of(c, label, name))
    return reading


# -- PennyLane


def wires_of(operator: object) -> tuple[Wire, ...] | None:
    """The labels of an operator's wires in its own order, which is that of ``qml.matrix(operator)``; None where it has none."""
    kind = kind_of(operator)
    if kind not in ("pennylane", "sentence"):
        return None
    return labels_of(operator.wires, "operator")  # type: ignore[attr-defined]


def labels_of(wires: object, name: str, error: type[QMLDynamicsError] = ProblemError) -> tuple[Wire, ...]:
    """Labels of wires: integers and strings, each once.

    >>> labels_of([2, "b"], "wires")
    (2, 'b')
    """
    listed = isinstance(wires, Iterable) and not isinstance(wires, (str, bytes))
    require(listed, name, "have a list of wires", wires, error)
    plain = [w.item() if isinstance(w, np.generic) else w for w in wires]  # type: ignore[attr-defined]
    ok = all(isinstance(w, (int, str)) and not isinstance(w, bool) for w in plain) and len(set(plain)) == len(plain)
    require(ok, name, "have wires that are integers or strings, each once", plain, error)
    return tuple(plain)


class _Pennylane(Protocol):
    pauli_rep: Mapping[Mapping[Wire, str], complex] | None
    has_matrix: bool

    def matrix(self, wire_order: Sequence[Wire]) -> np.ndarray:
        """The dense matrix with the wires in this order, the first as the most significant bit."""

    def sparse_matrix(self, wire_order: Sequence[Wire]) -> SparseMatrix:
        """As :meth:`matrix`, as a sparse matrix of SciPy."""


def _from_pennylane(given: _Pennylane, wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    order = _wire_order(given, wires, name)
    if given.pauli_rep is not None:
        return _from_sentence_on(given.pauli_rep, order, name)
    own = wires_of(given) or ()
    try:
        sparse = type(given).__name__ == "SparseHamiltonian"  # whose dense matrix may not fit
        block = given.sparse_matrix(wire_order=own) if sparse else given.matrix(wire_order=own)
    except Exception as reason:  # PennyLane's own errors of operators without a matrix
        raise ProblemError(
            f"Argument `{name}` must be an operator with a matrix, but is {line(f'{describe(given)}: {reason}').rstrip(': ')}."
        ) from None
    _, small = sparse_totals(block, name) if sparse else dense_totals(block, name)  # type: ignore[arg-type]
    place = [len(order) - 1 - list(order).index(w) for w in reversed(own)]  # of qubit 0, 1, ...
    spread = {tuple(_spread(mask, place) for mask in key): c for key, c in small.items()}
    return Strings(len(order), spread, tuple(order))  # type: ignore[arg-type]


def _spread(mask: int, place: Sequence[int]) -> int:
    return sum(1 << p for q, p in enumerate(place) if mask >> q & 1)


def _wire_order(given: object, wires: Sequence[Wire] | None, name: str) -> tuple[Wire, ...]:
    own = wires_of(given) or ()
    order = own if wires is None else tuple(wires)
    unknown = [w for w in own if w not in order]
    if unknown:
        raise ProblemError(f"Argument `{name}` must act on the wires {list(order)}, but acts on {unknown[0]!r}.")
    require(len(order) > 0, name, "act on at least one wire", describe(given))
    return order


def _from_sentence(
    given: Mapping[object, object], wires: Sequence[Wire] | None, width: int | None, name: str
) -> Strings:
    """A ``PauliSentence``, or one ``PauliWord``: letters by wire."""
    word = all(isinstance(letter, str) for letter in given.values())
    sentence = {given: 1.0} if word and given else given
    return _from_sentence_on(sentence, _wire_order(given, wires, name), name)  # type: ignore[arg-type]


def _from_sentence_on(sentence: Mapping[Mapping[Wire, str], complex], order: tuple[Wire, ...], name: str) -> Strings:
    place = {wire: len(order) - 1 - i for i, wire in enumerate(order)}
    require(bool(sentence), name, "have at least one term", "an empty sum")
    terms: Terms = {}
    for letters, c in sentence.items():
        word = frozenset((wire, letter) for wire, letter in letters.items() if letter != "I")
        terms[word] = terms.get(word, 0.0) + coefficient_of(c, shown(word), name)
    return Strings(len(order), masked(terms, place, name), order)


# -- matrices


def _from_matrix(given: object, wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    matrix = rectangular(given)
    numeric = matrix.dtype.kind in "fciub" and matrix.ndim == 2
    if isinstance(given, (list, tuple)) and not numeric and (odd := [row for row in given if not _is_row(row)]):
        raise ProblemError(
            f"Argument `{name}` must be rows of numbers or pairs, [('XZ', 0.5), ...] or [(Linear(0, 1), operator), ...], "
            f"but has {describe(odd[0])}."
        )
    return Strings(*dense_totals(given if isinstance(given, np.ndarray) else matrix, name))  # masks are looked at


def _from_data(given: object, wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    return Strings(*dense_totals(given.data, name))  # type: ignore[attr-defined]


def _from_sparse(given: SparseMatrix, wires: Sequence[Wire] | None, width: int | None, name: str) -> Strings:
    return Strings(*sparse_totals(given, name))


def _is_row(row: object) -> bool:
    """Whether an item of a list holds numbers only, so that the list may be a matrix."""
    if isinstance(row, (list, tuple)):
        return all(isinstance(c, (Number, np.generic, np.ndarray)) for c in row)
    return isinstance(row, (Number, np.generic, np.ndarray))


_READERS: dict[str, Callable[..., Strings]] = {
    **dict.fromkeys(("text", "reading", "mapping", "pairs", "terms"), _from_words),
    "sparse list": from_sparse_list,
    "sparse pauli": from_sparse_pauli,
    "list": from_list,
    "string": from_string,
    "observable": from_observable,
    "pennylane": _from_pennylane,
    "sentence": _from_sentence,
    "matrix": _from_matrix,
    "data": _from_data,
    "sparse matrix": _from_sparse,
}
