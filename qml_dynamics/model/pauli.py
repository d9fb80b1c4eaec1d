"""A Hermitian operator as a sum of Pauli strings, held as two bit masks a term; no vendor package is imported.

A string is ``i^{popcount(x & z)} X^x Z^z`` with masks over qubits (bit q is qubit q). Applied to a vector, all strings with
one x mask act as one permutation and one diagonal.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, TypeAlias, Union, cast

import numpy as np

from ..base.errors import check_memory, require
from ..base.numeric import WHERE_READ, is_integer, number_array
from ..base.printing import printed_briefly
from .masks import WORD, as_masks, bit_count
from .operator_inputs import read_operator
from .operator_matrices import TINY, SparseMatrix, Totals, rectangular
from .pauli_words import Wire
from .transforms import roundoff, walsh_coefficients

if TYPE_CHECKING:
    from pennylane.operation import Operator
    from qiskit.quantum_info import Operator as Matrix
    from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp

_LARGE = 1e150  # the square of what is smaller is a number too


@printed_briefly
@dataclass(frozen=True, eq=False)
class PauliSum:
    """``sum_j c_j P_j`` with real ``c_j``; a string that is given several times is one, with the sum of its coefficients.

    Attributes:
        num_qubits: width of the register.
        x, z: bit masks of the terms, shape ``(terms,)``: of type int64 up to 63 qubits, Python's integers beyond.
        coefficients: real, shape ``(terms,)``.

    Raises:
        ProblemError: masks outside the register, coefficients that are not real and finite, or other than one a string.

    The arrays are copies that cannot be written to.

    >>> twice = PauliSum(1, np.array([0, 1, 0]), np.array([1, 0, 1]), np.array([0.5, 2.0, 0.25]))
    >>> dict(zip(twice.labels, twice.coefficients.tolist()))
    {'Z': 0.75, 'X': 2.0}
    """

    num_qubits: int
    x: np.ndarray
    z: np.ndarray
    coefficients: np.ndarray

    def __post_init__(self) -> None:
        x, z = (_inside(getattr(self, name), name, self.num_qubits) for name in ("x", "z"))
        c = np.array(number_array(self.coefficients, "coefficients"))
        fits = x.shape == z.shape == c.shape
        require(fits, "coefficients", "be one number a string, as many as masks `x` and `z`", _shapes(x, z, c))
        for name, array in zip(("x", "z", "coefficients"), _each_once(x, z, c, self.num_qubits)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

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
            phases = 1j ** (bit_count(self.x[chosen] & self.z[chosen]) % 4)
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

    def part(self, chosen: np.ndarray) -> PauliSum:
        """Some of the terms, by a mask or by numbers."""
        return PauliSum(self.num_qubits, self.x[chosen], self.z[chosen], self.coefficients[chosen])

    def on(self, num_qubits: int) -> PauliSum:
        """The same operator on a wider register, with nothing on the higher qubits."""
        return PauliSum(num_qubits, self.x, self.z, self.coefficients)

    def bound(self) -> float:
        """``sum |c_j|``, an upper bound of the spectral norm."""
        return float(np.abs(self.coefficients).sum())


# what :func:`pauli_sum` reads; in quotes, so that neither library is imported for it
OperatorLike: TypeAlias = Annotated[
    Union[
        PauliSum,
        "SparsePauliOp",
        "Pauli",
        "PauliList",
        "SparseObservable",
        "Matrix",
        "Operator",
        np.ndarray,
        Sequence[Sequence[complex]],
        SparseMatrix,
        Mapping[str, complex],
        Sequence[tuple[str, complex]],
        str,
    ],
    WHERE_READ,
]


def _inside(given: object, name: str, num_qubits: int) -> np.ndarray:
    """A copy of bit masks that lie within a register."""
    masks = rectangular(given)
    whole = masks.size == 0 or masks.dtype.kind in "iu" or (masks.dtype == object and all(map(is_integer, masks.flat)))
    inside = masks.ndim == 1 and whole and masks.min(initial=0) >= 0
    inside = inside and int(masks.max(initial=0)).bit_length() <= num_qubits
    require(inside, name, f"be bit masks over {num_qubits} qubits, shape (terms,)", given)
    return np.array(as_masks(masks, num_qubits))


def _shapes(x: np.ndarray, z: np.ndarray, coefficients: np.ndarray) -> str:
    return f"of shape {coefficients.shape}, beside masks of shapes {x.shape} and {z.shape}"


def _each_once(
    x: np.ndarray, z: np.ndarray, coefficients: np.ndarray, num_qubits: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same strings, each where it came first, with the sum of its coefficients."""
    narrow = 2 * num_qubits <= WORD  # then sorting, which is faster than hashing
    if len(x) == (np.unique(x << num_qubits | z).size if narrow else len(set(zip(x.tolist(), z.tolist())))):
        return x, z, coefficients
    totals: Totals = {}
    for key, c in zip(zip(x.tolist(), z.tolist()), coefficients.tolist()):
        totals[key] = totals.get(key, 0.0) + c
    one, other = (as_masks([key[i] for key in totals], num_qubits) for i in (0, 1))
    return one, other, np.array(list(totals.values()))


def _walsh_sum(series: np.ndarray) -> np.ndarray:
    scale = float(series.size)
    out = walsh_coefficients(series.real) * scale + 1j * walsh_coefficients(series.imag) * scale
    out.real[np.abs(out.real) < TINY * np.abs(series).sum()] = 0
    out.imag[np.abs(out.imag) < TINY * np.abs(series).sum()] = 0
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


def pauli_sum(
    operator: OperatorLike,
    wires: Sequence[Hashable] | None = None,
    name: str = "operator",
    num_qubits: int | None = None,
) -> PauliSum:
    """A :class:`PauliSum` from an operator of Qiskit or PennyLane, a matrix, labels with coefficients, a text, or itself.

    Qiskit's ``Pauli``, ``PauliList`` (the sum of its strings), ``SparsePauliOp``, ``SparseObservable`` and ``Operator``; PennyLane's
    operators and sentences; dense matrices and SciPy's sparse ones; ``{label: coefficient}`` and pairs of both, labels as ``"XIZ"``
    or ``"X0 Z2"``; and a sum as OpenFermion, HamLib, InQuanto, pytket, XACC, Qiskit and PennyLane print it
    (:mod:`.operator_text`).

    The index of a basis state is kept: qubit or wire 0 of a text, the first letter of a label and a PennyLane operator's first wire
    are the highest qubit, so that the matrix is ``qml.matrix(operator, wire_order=wires)``, and Qiskit's is Qiskit's.

    Args:
        operator: what is read.
        wires: the labels of all qubits, the first that of the highest, for an operator with wires; None: the operator's own.
        name: how messages call it.
        num_qubits: the width of the register; None: that of the operator, the largest index and one where it names qubits.

    Raises:
        ProblemError: not Hermitian, not finite, not square, not a power of two, empty, of an unknown kind, or on a wire that is not
            there; a term that cannot be read is named.

    >>> pauli_sum("0.5 [X0 Z2] + (-1+0j) []").labels
    ['III', 'XIZ']
    """
    return with_wires(operator, wires, name, num_qubits)[0]


def with_wires(
    operator: OperatorLike,
    wires: Sequence[Hashable] | None = None,
    name: str = "operator",
    num_qubits: int | None = None,
) -> tuple[PauliSum, tuple[Wire, ...] | None]:
    """:func:`pauli_sum`, and the labels of the wires where the operator or the caller names them."""
    known = None if wires is None else tuple(cast(Sequence[Wire], wires))
    if isinstance(operator, PauliSum):
        fits = num_qubits in (None, operator.num_qubits)
        require(fits, "num_qubits", f"be {operator.num_qubits}, the width of the operator", num_qubits)
        return operator, known
    found = read_operator(operator, known, num_qubits, name)
    own = known if found.wires is None else found.wires
    return _from_totals(found.num_qubits, found.totals), own


def _from_totals(num_qubits: int, totals: Totals) -> PauliSum:
    largest = max(map(abs, totals.values()))
    require(largest < _LARGE, "operator", f"have entries below {_LARGE:g}", f"of {largest:.3g}")
    kept = sorted((key, c) for key, c in totals.items() if abs(c) > TINY * largest) or [((0, 0), 0.0)]
    x, z = zip(*(key for key, _ in kept))
    return PauliSum(num_qubits, as_masks(x, num_qubits), as_masks(z, num_qubits), np.array([c for _, c in kept]))
