"""A Hermitian operator as a sum of Pauli strings, held as two bit masks a term; no vendor package is imported.

A string is ``i^{popcount(x & z)} X^x Z^z`` with masks over qubits (bit q is qubit q). Applied to a vector, all strings with
one x mask act as one permutation and one diagonal.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias, Union, cast

import numpy as np
import numpy.typing as npt

from ..base.arguments import WHERE_READ
from ..base.errors import ProblemError, QMLDynamicsError, check_memory, describe, require
from .transforms import roundoff, walsh_coefficients

if TYPE_CHECKING:
    from pennylane.operation import Operator
    from qiskit.quantum_info import SparsePauliOp

_LARGE = 1e150
_TINY = 1e-14


@dataclass(frozen=True, eq=False)
class PauliSum:
    """``sum_j c_j P_j`` with real ``c_j``.

    Attributes:
        num_qubits: width of the register.
        x, z: bit masks of the terms, shape ``(terms,)``.
        coefficients: real, shape ``(terms,)``.
    """

    num_qubits: int
    x: np.ndarray
    z: np.ndarray
    coefficients: np.ndarray

    @property
    def labels(self) -> list[str]:
        """Pauli labels in Qiskit's order (qubit 0 is the last letter)."""
        letters = {(0, 0): "I", (1, 0): "X", (0, 1): "Z", (1, 1): "Y"}
        rows = []
        for x, z in zip(self.x.tolist(), self.z.tolist()):
            rows.append("".join(letters[x >> q & 1, z >> q & 1] for q in reversed(range(self.num_qubits))))
        return rows

    @cached_property
    def _blocks(self) -> list[tuple[int, np.ndarray]]:
        """For each x mask the diagonal ``sum_z c i^{|x&z|} (-1)^{z . j}``, indexed by the INPUT basis state j."""
        flips = np.unique(self.x)
        check_memory(16 * len(flips) << self.num_qubits, f"The operator on {self.num_qubits} qubits")
        blocks = []
        for flip in flips.tolist():
            chosen = self.x == flip
            series = np.zeros(1 << self.num_qubits, dtype=complex)
            phases = 1j ** (np.bitwise_count(self.x[chosen] & self.z[chosen]) % 4)
            np.add.at(series, self.z[chosen], self.coefficients[chosen] * phases)
            diagonal = _walsh_sum(series)
            blocks.append((flip, diagonal.real.copy() if np.all(diagonal.imag == 0) else diagonal))
        return blocks

    def apply(self, psi: np.ndarray) -> np.ndarray:
        """``H psi``, same shape as ``psi`` (``2**n`` entries)."""
        flat = psi.reshape(-1)
        out = np.zeros(flat.size, dtype=complex)
        index = np.arange(flat.size)
        for flip, diagonal in self._blocks:
            moved = diagonal * flat
            out += moved if flip == 0 else moved[index ^ flip]
        return out.reshape(psi.shape)

    def matrix(self) -> np.ndarray:
        """The dense matrix, for small sizes."""
        size = 1 << self.num_qubits
        check_memory(32 * size * size, f"A dense matrix on {self.num_qubits} qubits")
        index = np.arange(size)
        out = np.zeros((size, size), dtype=complex)
        for flip, diagonal in self._blocks:
            out[index ^ flip, index] += diagonal
        return out

    def on(self, num_qubits: int) -> PauliSum:
        """The same operator on a wider register, with nothing on the higher qubits."""
        return PauliSum(num_qubits, self.x, self.z, self.coefficients)

    def bound(self) -> float:
        """``sum |c_j|``, an upper bound of the spectral norm."""
        return float(np.abs(self.coefficients).sum())


# what :func:`pauli_sum` reads; in quotes, so that neither library is imported for it
OperatorLike: TypeAlias = Annotated[
    Union[PauliSum, "SparsePauliOp", "Operator", np.ndarray, Sequence[Sequence[complex]]],
    WHERE_READ,
]


def _walsh_sum(series: np.ndarray) -> np.ndarray:
    scale = float(series.size)
    out = walsh_coefficients(series.real) * scale + 1j * walsh_coefficients(series.imag) * scale
    out.real[np.abs(out.real) < _TINY * np.abs(series).sum()] = 0
    out.imag[np.abs(out.imag) < _TINY * np.abs(series).sum()] = 0
    return out


def diagonal_sum(table: np.ndarray, num_qubits: int) -> PauliSum:
    """A function of the lowest bits of an index, given as its table, as a sum of strings of Z on ``num_qubits`` qubits.

    The Walsh series is exact: only coefficients that are round-off of the largest are left out (see :func:`~.transforms.roundoff`).

    >>> series = diagonal_sum(np.array([0.0, 1.0, 2.0, 3.0]), 3)
    >>> dict(zip(series.labels, series.coefficients.tolist()))
    {'III': 1.5, 'IIZ': -0.5, 'IZI': -1.0}
    """
    series = walsh_coefficients(table)
    kept = np.flatnonzero(np.abs(series) > roundoff(series))
    return PauliSum(num_qubits, np.zeros_like(kept), kept, series[kept])


class WiredOperator(Protocol):
    """What is read of a PennyLane operator: its wires, its sum of Pauli words where it has one, its matrix."""

    @property
    def wires(self) -> Iterable[int | str]:
        """The labels of its wires, the first that of the highest qubit."""
        ...

    @property
    def pauli_rep(self) -> Mapping[Mapping[int | str, str], complex] | None:
        """The coefficient of each word ``{wire: letter}``; None where it has no such form."""
        ...

    def matrix(self, wire_order: Sequence[Hashable]) -> np.ndarray:
        """Its matrix with the wires in this order."""
        ...


def pauli_sum(operator: OperatorLike, wires: Sequence[Hashable] | None = None, name: str = "operator") -> PauliSum:
    """A :class:`PauliSum` from a Qiskit ``SparsePauliOp``, a PennyLane operator, a dense matrix, or itself.

    The index of a basis state is kept: a PennyLane operator's first wire is the highest qubit, so that the matrix is
    ``qml.matrix(operator, wire_order=wires)``.

    Args:
        operator: what is read.
        wires: the labels of all qubits, the first that of the highest, for an operator with wires; None: the operator's own.
        name: how messages call it.

    Raises:
        ProblemError: not Hermitian, not finite, not square, not a power of two, of an unknown kind, or on a wire that is not there.
    """
    if isinstance(operator, PauliSum):
        return operator
    if hasattr(operator, "paulis") and hasattr(operator, "coeffs"):
        labels, coefficients = operator.paulis.to_labels(), operator.coeffs
        return _from_labels([str(label) for label in labels], np.asarray(coefficients))
    if hasattr(operator, "pauli_rep") and hasattr(operator, "wires"):
        return _from_pennylane(cast(WiredOperator, operator), wires, name)
    if isinstance(operator, (np.ndarray, list, tuple)):
        return _from_matrix(_rectangular(operator))
    raise ProblemError(
        f"Argument `operator` must be a SparsePauliOp, a PennyLane operator or a matrix, but is {describe(operator)}."
    )


def _from_labels(labels: list[str], coefficients: np.ndarray) -> PauliSum:
    require(len(labels) > 0, "operator", "have at least one term", "an empty sum")
    coefficients = _real_coefficients(coefficients)
    totals: dict[tuple[int, int], float] = {}
    for label, c in zip(labels, coefficients):
        digits = label.lstrip("-+i")
        require(digits == label and set(label) <= set("IXYZ"), "operator", "consist of Pauli labels IXYZ", label)
        x = int("".join("1" if p in "XY" else "0" for p in label), 2)
        z = int("".join("1" if p in "ZY" else "0" for p in label), 2)
        totals[x, z] = totals.get((x, z), 0.0) + float(c)
    return _from_totals(len(labels[0]), totals)


def _from_totals(num_qubits: int, totals: dict[tuple[int, int], float]) -> PauliSum:
    largest = max(map(abs, totals.values()))
    kept = sorted((key, c) for key, c in totals.items() if abs(c) > _TINY * largest) or [((0, 0), 0.0)]
    keys = np.array([key for key, _ in kept], dtype=np.int64)
    return PauliSum(num_qubits, keys[:, 0], keys[:, 1], np.array([c for _, c in kept]))


def _below_largest(scale: float) -> float:
    """A size whose square is a number too."""
    require(scale < _LARGE, "operator", f"have entries below {_LARGE:g}", f"of {scale:.3g}")
    return scale


def _real_coefficients(coefficients: np.ndarray) -> np.ndarray:
    if coefficients.dtype == object:
        raise ProblemError("Argument `operator` must have numbers as coefficients, but has unbound parameters.")
    coefficients = np.asarray(coefficients, dtype=complex)
    require(bool(np.isfinite(coefficients).all()), "operator", "have finite coefficients", describe(coefficients))
    worst = float(np.abs(coefficients.imag).max(initial=0.0))
    scale = _below_largest(float(np.abs(coefficients).max(initial=0.0)))
    require(
        worst <= 1e-12 * max(scale, 1.0), "operator", "be Hermitian", f"of imaginary part {worst:.2e} in a coefficient"
    )
    return coefficients.real


def wires_of(operator: object) -> tuple[Any, ...] | None:
    """The labels of an operator's wires in its own order, which is that of ``qml.matrix(operator)``; None where it has none."""
    if not (hasattr(operator, "pauli_rep") and hasattr(operator, "wires")):
        return None
    return labels_of(operator.wires, "operator")


def labels_of(wires: object, name: str, error: type[QMLDynamicsError] = ProblemError) -> tuple[Any, ...]:
    """Labels of wires: integers and strings, each once.

    >>> labels_of([2, "b"], "wires")
    (2, 'b')
    """
    listed = isinstance(wires, Iterable) and not isinstance(wires, (str, bytes))
    require(listed, name, "have a list of wires", wires, error)
    plain = [w.item() if isinstance(w, np.generic) else w for w in cast(Iterable[object], wires)]
    ok = all(isinstance(w, (int, str)) and not isinstance(w, bool) for w in plain) and len(set(plain)) == len(plain)
    require(ok, name, "have wires that are integers or strings, each once", plain, error)
    return tuple(plain)


def _from_pennylane(operator: WiredOperator, given: Sequence[Hashable] | None, name: str) -> PauliSum:
    own = wires_of(operator) or ()
    wires = own if given is None else tuple(given)
    unknown = [w for w in own if w not in wires]
    if unknown:
        raise ProblemError(f"Argument `{name}` must act on the wires {list(wires)}, but acts on {unknown[0]!r}.")
    require(len(wires) > 0, name, "act on at least one wire", describe(operator))
    sentence = operator.pauli_rep
    if sentence is None:
        return _moved(_from_matrix(np.asarray(operator.matrix(wire_order=own))), own, wires)
    place = {wire: i for i, wire in enumerate(wires)}
    labels, coefficients = [], []
    for word, c in sentence.items():
        letters = ["I"] * len(wires)
        for wire, letter in word.items():
            letters[place[wire]] = letter
        labels.append("".join(letters))
        coefficients.append(complex(c))
    return _from_labels(labels, np.array(coefficients))


def _moved(terms: PauliSum, own: Sequence[Hashable], wires: Sequence[Hashable]) -> PauliSum:
    """The strings on the wires ``own`` as strings on all wires."""
    where = [len(wires) - 1 - wires.index(w) for w in reversed(own)]  # of qubit 0, 1, ...
    x, z = (
        sum(((mask >> q & 1) << p for q, p in enumerate(where)), np.zeros_like(mask)) for mask in (terms.x, terms.z)
    )
    return PauliSum(len(wires), x, z, terms.coefficients)


def _rectangular(rows: npt.ArrayLike) -> np.ndarray:
    try:
        return np.asarray(rows)
    except ValueError:  # rows of unequal length
        return np.empty(0)


def _from_matrix(matrix: np.ndarray) -> PauliSum:
    size = matrix.shape[0] if matrix.ndim == 2 else 0
    square = matrix.ndim == 2 and matrix.shape == (size, size) and size >= 2 and size & (size - 1) == 0
    require(square, "operator", "be a square matrix of size 2, 4, 8, ...", f"of shape {matrix.shape}")
    require(
        matrix.dtype.kind in "fciu" and bool(np.isfinite(matrix).all()), "operator", "be finite numbers", matrix.dtype
    )
    gap = float(np.abs(matrix - matrix.conj().T).max())
    scale = _below_largest(float(np.abs(matrix).max()))
    require(gap <= 1e-10 * max(scale, 1e-300), "operator", "be Hermitian", f"of difference {gap:.2e} from its adjoint")
    index = np.arange(size)
    totals: dict[tuple[int, int], float] = {}
    for x in range(size):
        column = matrix[index ^ x, index]
        a = walsh_coefficients(column.real) + 1j * walsh_coefficients(column.imag)
        phases = 1j ** (np.bitwise_count(index & x) % 4)
        real = (a / phases).real
        for z in np.flatnonzero(np.abs(real) > _TINY * scale).tolist():
            totals[x, z] = float(real[z])
    if not totals:
        return _from_totals(size.bit_length() - 1, {(0, 0): 0.0})
    least = roundoff(np.array(list(totals.values())))
    return _from_totals(size.bit_length() - 1, {key: c for key, c in totals.items() if abs(c) > least})
