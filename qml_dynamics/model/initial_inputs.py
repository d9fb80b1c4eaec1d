"""What is given as an initial wave, read as one: amplitudes, labels of basis states, sparse vectors, circuits of Qiskit.

A module of its own beside `problem`: what may be given for a wave, whichever problem it is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from ..base.errors import ProblemError, check_memory, describe, require
from ..base.numeric import WHERE_READ
from ..base.registry import CIRCUIT_WAVE, at
from .circuit_state import CircuitState, SparseState, labelled
from .domains import Domain
from .initial import Initial, State
from .operator_matrices import SparseMatrix

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Statevector

# what :func:`as_initial` reads; in quotes, so that Qiskit is not imported for it
InitialLike: TypeAlias = Annotated[
    Union[Initial, npt.ArrayLike, Mapping[str, complex], "QuantumCircuit", "Statevector", SparseMatrix], WHERE_READ
]
_MUST = "be an initial wave, amplitudes, labels of basis states with or without amplitudes, or a circuit"
_FEW = 4096  # entries of a sparse vector that are kept as they are


def as_initial(given: object, domain: Domain) -> Initial:
    """An initial wave on a domain, from one of these:

    - an initial wave, which stays as it is;
    - a text of digits, ``"0101"``: the basis state with these bits, that of the highest qubit first;
    - ``{label: amplitude}``, or a sparse vector of SciPy;
    - amplitudes, flat, as one column or row, or of the shape of the domain: an array, a list, Qiskit's ``Statevector``;
    - a ``QuantumCircuit`` without free parameters, acting on ``|0...0>``.

    Raises:
        ProblemError: none of these, or one that does not fit the domain.

    >>> from qml_dynamics.model.domains import Hypercube
    >>> as_initial("01", Hypercube(2)).vector(Hypercube(2)).real.tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    if isinstance(given, Initial) and not isinstance(given, type):
        return given
    found = _read(given)
    if isinstance(found, State):
        shape, flat = found.amplitudes.shape, (domain.size,)
        if shape in ((domain.size, 1), (1, domain.size)) and shape != domain.shape:  # a ket as a column, or a row
            return State(found.amplitudes.reshape(flat))
        require(shape in (domain.shape, flat), "initial", f"have shape {domain.shape} or {flat}", f"of shape {shape}")
    else:
        found.check(domain)
    return found


def _read(given: object) -> State | SparseState | CircuitState:
    if isinstance(given, type):
        raise ProblemError(f"Argument `initial` must {_MUST}, but is {describe(given)}.")
    if hasattr(given, "tocoo"):  # before dictionaries: SciPy's of keys is one
        return _sparse(given)
    if isinstance(given, (str, Mapping)):
        return labelled(given)
    if hasattr(given, "find_bit") and hasattr(given, "global_phase"):
        wave: CircuitState = at(CIRCUIT_WAVE)(given)
        return wave
    inner = getattr(given, "data", None)
    if not isinstance(given, np.ndarray) and isinstance(inner, np.ndarray):
        require(inner.ndim == 1, "initial", "be a state of one ket", f"of shape {inner.shape}")
        return State(inner)
    if isinstance(given, (np.ndarray, list, tuple)):
        return State(given)
    raise ProblemError(f"Argument `initial` must {_MUST}, but is {describe(given)}.")


def _sparse(given: object) -> State | SparseState:
    """A vector of SciPy, a row, a column or of one axis; its entries by their index."""
    shape: tuple[int, ...] = tuple(given.shape)  # type: ignore[attr-defined]
    size = max(shape)
    fits = len(shape) in (1, 2) and int(np.prod(shape)) == size and size & (size - 1) == 0 and size > 1
    require(fits, "initial", "be a vector of 2, 4, 8, ... entries", f"of shape {shape}")
    entries = given.tocoo()  # type: ignore[attr-defined]
    where = (
        np.asarray(entries.coords[int(np.argmax(shape))]) if hasattr(entries, "coords") else entries.row + entries.col
    )
    amplitudes: dict[int, complex] = {}
    for index, c in zip(where.tolist(), np.asarray(entries.data).tolist()):
        amplitudes[index] = amplitudes.get(index, 0.0) + c
    amplitudes = {index: c for index, c in amplitudes.items() if c != 0}
    if len(amplitudes) > _FEW:
        check_memory(48 * size, f"A wave of {size:,} amplitudes")
        dense = np.zeros(size, dtype=complex)
        dense[list(amplitudes)] = list(amplitudes.values())
        return State(dense)
    return labelled({f"{index:0{size.bit_length() - 1}b}": c for index, c in sorted(amplitudes.items())})
