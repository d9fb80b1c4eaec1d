"""An ansatz as plain data: gates ``exp(-i phi G)`` with Hermitian generators, and angles as functions of the parameters.

Every differentiable gate is ``exp(-i phi G)`` with a Hermitian generator ``G`` and an angle ``phi`` that sits in a numbered
*slot*; slots are (mostly affine) functions of the parameters, which covers shared, scaled and compound parameters by the chain
rule. Qubit q is bit q of the index of a basis state; ``qubits[0]`` is the lowest bit of a gate's matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ....base.errors import MethodError, require
from ....base.printing import printed_briefly
from ....model.domains import Domain
from ....model.hamiltonians import PauliHamiltonian
from ....model.masks import bit_count
from ....model.pauli import PauliSum


@dataclass(frozen=True, eq=False)
class Fixed:
    """A unitary without parameters, shape ``(2**k, 2**k)``."""

    qubits: tuple[int, ...]
    matrix: np.ndarray


@dataclass(frozen=True, eq=False)
class Rotation:
    """``exp(-i phi G)`` on a few qubits, ``G`` Hermitian of shape ``(2**k, 2**k)``."""

    qubits: tuple[int, ...]
    generator: np.ndarray
    slot: int


@dataclass(frozen=True)
class PauliRotation:
    """``exp(-i phi scale P)`` with the Pauli string of masks ``x, z`` (bit q is qubit q; both bits: Y)."""

    x: int
    z: int
    scale: float
    slot: int


@dataclass(frozen=True, eq=False)
class Diagonal:
    """``exp(-i phi diag(values))`` on the whole register, ``values`` of shape ``(2**n,)``."""

    values: np.ndarray
    slot: int


@dataclass(frozen=True, eq=False)
class Dual:
    """``exp(-i phi F^-1 diag(values) F)`` with the transform F of the domain, ``values`` of shape ``(2**n,)``."""

    values: np.ndarray
    slot: int


Gate = Fixed | Rotation | PauliRotation | Diagonal | Dual


@dataclass(frozen=True, eq=False)
class Curved:
    """A slot that is no affine function: its value, its derivatives by each parameter it depends on, and how messages name it."""

    slot: int
    parameters: tuple[int, ...]
    value: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], Sequence[float]]
    text: str = ""


@printed_briefly
@dataclass(frozen=True, eq=False)
class Angles:
    """``phi = constant + W theta`` with a sparse ``W``, and curved slots on top.

    Attributes:
        num_parameters: length of theta.
        constant: shape ``(slots,)``.
        slot, parameter, weight: the entries of W; the entries of a curved slot stand there with weight 0.
        curved: the slots that are not affine.
    """

    num_parameters: int
    constant: np.ndarray
    slot: np.ndarray
    parameter: np.ndarray
    weight: np.ndarray
    curved: tuple[Curved, ...] = ()

    @classmethod
    def direct(cls, count: int) -> Angles:
        """One slot a parameter, in order."""
        index = np.arange(count)
        return cls(count, np.zeros(count), index, index, np.ones(count))

    @classmethod
    def affine(cls, constants: Sequence[float], rows: Sequence[dict[int, float]], num_parameters: int) -> Angles:
        """From one constant and one ``{parameter: weight}`` a slot."""
        entries = [(s, k, w) for s, row in enumerate(rows) for k, w in row.items()]
        slot = np.array([e[0] for e in entries], dtype=np.intp)
        parameter = np.array([e[1] for e in entries], dtype=np.intp)
        weight = np.array([e[2] for e in entries], dtype=float)
        return cls(num_parameters, np.asarray(constants, dtype=float), slot, parameter, weight)

    def __call__(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The angles of all slots, and the derivative that belongs to each entry."""
        products = self.weight * theta[self.parameter]
        phi = self.constant + np.bincount(self.slot, products, minlength=len(self.constant))
        if not self.curved:
            return phi, self.weight
        weight = self.weight.copy()
        for piece in self.curved:
            phi[piece.slot] = piece.value(theta)
            slopes = dict(zip(piece.parameters, piece.gradient(theta)))
            for e in np.flatnonzero(self.slot == piece.slot).tolist():
                weight[e] = slopes[int(self.parameter[e])]
        return phi, weight


@printed_briefly
@dataclass(frozen=True, eq=False)
class Program:
    """An ansatz bound to a register.

    Attributes:
        num_qubits: its width.
        gates: in the order in which they act.
        angles: the slots' angles.
        theta0: the parameters at the start, shape ``(p,)``.
        names: of the parameters.
        start: the wave on which the gates act, flat, unit norm; None for ``|0...0>``.
        domain: whose transform the `Dual` gates use.
    """

    num_qubits: int
    gates: tuple[Gate, ...]
    angles: Angles
    theta0: np.ndarray
    names: tuple[str, ...]
    start: np.ndarray | None = None
    domain: Domain | None = None

    @property
    def num_parameters(self) -> int:
        """Number of parameters."""
        return self.angles.num_parameters

    def grown(self, extra: Sequence[tuple[int, int]], names: Sequence[str]) -> Program:
        """The same ansatz with one more rotation ``exp(-i theta P / 2)``, at angle 0, for each ``(x, z)``."""
        a, count = self.angles, len(extra)
        slots, parameters = len(a.constant) + np.arange(count), a.num_parameters + np.arange(count)
        angles = Angles(
            a.num_parameters + count,
            np.concatenate([a.constant, np.zeros(count)]),
            np.concatenate([a.slot, slots]),
            np.concatenate([a.parameter, parameters]),
            np.concatenate([a.weight, np.ones(count)]),
            a.curved,
        )
        gates = self.gates + tuple(PauliRotation(x, z, 0.5, int(s)) for (x, z), s in zip(extra, slots))
        theta0 = np.concatenate([self.theta0, np.zeros(count)])
        return Program(self.num_qubits, gates, angles, theta0, self.names + tuple(names), self.start, self.domain)


_PAULIS = {
    (0, 0): np.eye(2, dtype=complex),
    (1, 0): np.array([[0, 1], [1, 0]], dtype=complex),
    (0, 1): np.array([[1, 0], [0, -1]], dtype=complex),
    (1, 1): np.array([[0, -1j], [1j, 0]]),
}


def pauli_matrix(x: int, z: int, qubits: Sequence[int]) -> np.ndarray:
    """The matrix of a Pauli string on ``qubits`` (``qubits[0]`` the lowest bit).

    >>> pauli_matrix(0b10, 0b00, [0, 1]).real.astype(int).tolist()
    [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]
    """
    matrix = np.eye(1, dtype=complex)
    for q in qubits:
        matrix = np.kron(_PAULIS[x >> q & 1, z >> q & 1], matrix)
    return matrix


def pauli_phases(x: int, z: int, num_qubits: int) -> np.ndarray:
    """The diagonal of a Pauli string: ``(P psi)[j] = phases[j] psi[j ^ x]``, shape ``(2**n,)``."""
    index = np.arange(1 << num_qubits)
    signs = 1.0 - 2.0 * (bit_count((index ^ x) & z) & 1)
    return signs * 1j ** (int(x & z).bit_count() % 4)


def pauli_name(x: int, z: int) -> str:
    """``"Y0 Z2"`` and the like.

    >>> pauli_name(0b001, 0b101)
    'Y0 Z2'
    """
    letters = {(1, 0): "X", (0, 1): "Z", (1, 1): "Y"}
    bits = range((x | z).bit_length())
    return " ".join(f"{letters[x >> q & 1, z >> q & 1]}{q}" for q in bits if (x | z) >> q & 1)


def scheduled_groups(h: PauliHamiltonian) -> list[list[int]]:
    """:func:`commuting_groups` of a Hamiltonian, whose terms with different schedules get angles of their own."""
    groups = commuting_groups(h.terms)
    parts = [[j for j in group if h.channels[j] == k] for group in groups for k in range(len(h.drives))]
    return [part for part in parts if part]


def commuting_groups(terms: PauliSum) -> list[list[int]]:
    """Terms in groups that commute among themselves, greedily; diagonal terms first, the identity left out.

    >>> from qml_dynamics.model.pauli import pauli_sum
    >>> commuting_groups(pauli_sum(np.array([[1.0, 2.0], [2.0, -1.0]])))
    [[0], [1]]
    """
    order = sorted(
        (j for j in range(len(terms.x)) if terms.x[j] or terms.z[j]), key=lambda j: (int(terms.x[j]) != 0, j)
    )
    groups: list[list[int]] = []
    for j in order:
        for group in groups:
            if all(_commute(terms, j, k) for k in group):
                group.append(j)
                break
        else:
            groups.append([j])
    require(len(groups) > 0, "operator", "have a term besides the identity", "a multiple of the identity", MethodError)
    return groups


def _commute(terms: PauliSum, j: int, k: int) -> bool:
    crossed = int(terms.x[j] & terms.z[k]).bit_count() + int(terms.z[j] & terms.x[k]).bit_count()
    return crossed % 2 == 0


def numbered(count: int) -> tuple[str, ...]:
    """Names of parameters that have none of their own."""
    return tuple(f"theta[{i}]" for i in range(count))
