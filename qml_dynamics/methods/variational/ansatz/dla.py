"""The dynamical Lie algebra of an ansatz: the span of the nested commutators of its generators, and its dimension.

Gates without parameters are pulled out: ``prod_j F_j exp(-i phi_j G_j) = prod_j exp(-i phi_j G'_j) F`` with ``G'_j`` conjugated by the
fixed gates after it. The algebra is spanned by all nested commutators of ``i G'_j``. RY with a chain of CZ has dimension
``n (n + 1)``, RY with a chain of CX all of ``so(2^n)``: the first misses states at any depth.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ....base.errors import MethodError, integer, require
from ....model.domains import Hypercube
from ....model.hamiltonians import hamiltonian
from ....model.objectives.base import Objective
from ....model.pauli import PauliSum, pauli_sum
from ....model.problem import Problem
from ....model.schedules import Constant
from ..engine.gates import Diagonal, Dual, Fixed, PauliRotation, Program, Rotation, pauli_matrix
from ..engine.locals import embed
from ..engine.runs import transform_rows

if TYPE_CHECKING:
    from ..options import Ansatz

_MAX_QUBITS = 8
_MAX_DENSE = 4  # general generators: the algebra of su(2^n) has 4^n - 1 dimensions, each a vector of that length
_NEW = 1e-6  # of a commutator of unit matrices: what is left outside the space so far; its round-off is divided by it


class TrappedAnsatzWarning(UserWarning):
    """The ansatz cannot reach all states, however deep it is made."""


def dla_dimension(ansatz: Ansatz, problem: Problem | None = None, num_qubits: int | None = None) -> int:
    """The dimension of the Lie algebra that an ansatz generates; warns when it is smaller than that of its kind.

    A real ansatz (all amplitudes real) is compared with ``so(2^n)``, of dimension ``2^n (2^n - 1) / 2``, any other with
    ``su(2^n)``, of dimension ``4^n - 1``.

    Args:
        ansatz: a circuit ansatz, or another one with the problem or the number of qubits that it is for.
        problem: binds an ansatz that needs one.
        num_qubits: binds it to a register of this width instead.

    Raises:
        MethodError: more than 8 qubits; more than 4 where generators are no single Pauli strings; no problem for an ansatz
            that needs one.

    >>> from qml_dynamics.methods.variational.ansatz import hardware_efficient
    >>> dla_dimension(hardware_efficient(3), num_qubits=3)
    28
    """
    program = _program(ansatz, problem, num_qubits)
    n = program.num_qubits
    integer(n, "num_qubits", 1, _MAX_QUBITS, MethodError)
    generators = _generators(program)
    sums = [s for s in map(_without_identity, map(pauli_sum, generators)) if s is not None]
    if all(len(s.x) == 1 for s in sums):
        strings = _closed_strings({(int(s.x[0]), int(s.z[0])) for s in sums})
        dimension, real = len(strings), all((x & z).bit_count() % 2 for x, z in strings)
    else:
        require(
            n <= _MAX_DENSE,
            "num_qubits",
            f"be at most {_MAX_DENSE} for generators that are sums of strings",
            n,
            MethodError,
        )
        dimension, real = (
            _closed_space(sums, n),
            all(int(x & z).bit_count() % 2 for s in sums for x, z in zip(s.x, s.z)),
        )
    full = (1 << n) * ((1 << n) - 1) // 2 if real else 4**n - 1
    if dimension < full:
        kind = f"so({1 << n})" if real else f"su({1 << n})"
        text = f"The ansatz is trapped: its Lie algebra has dimension {dimension} of the {full} of {kind}"
        warnings.warn(f"{text}, so there are states that it misses at any depth.", TrappedAnsatzWarning, stacklevel=2)
    return dimension


def _program(ansatz: Ansatz, problem: Problem | None, num_qubits: int | None) -> Program:
    require(hasattr(ansatz, "bind"), "ansatz", "be an ansatz from qml_dynamics.ansatz", ansatz, MethodError)
    if hasattr(ansatz, "program"):
        out: Program = ansatz.program
        return out
    if problem is None:
        require(num_qubits is not None, "problem", "be given for an ansatz that is bound to one", None, MethodError)
        width = integer(num_qubits, "num_qubits", 1, _MAX_QUBITS, MethodError)
        zeta = Objective(lambda w: w.sum(axis=1), "sum")
        problem = Problem(Hypercube(width), zeta, Constant(1.0), clock="imaginary", duration=1.0)
    return ansatz.bind(problem, hamiltonian(problem))


def _generators(program: Program) -> list[np.ndarray]:
    """``G'_j`` as dense matrices: each generator carried through the fixed gates after it."""
    n, size = program.num_qubits, 1 << program.num_qubits
    integer(n, "num_qubits", 1, _MAX_QUBITS, MethodError)
    after, out = np.eye(size, dtype=complex), []
    for gate in reversed(program.gates):
        if isinstance(gate, Fixed):
            after = after @ embed(gate.matrix, gate.qubits, n)
            continue
        if isinstance(gate, Rotation):
            generator = embed(gate.generator, gate.qubits, n)
        elif isinstance(gate, PauliRotation):
            generator = pauli_matrix(gate.x, gate.z, range(n))
        elif isinstance(gate, Diagonal):
            generator = np.diag(gate.values).astype(complex)
        else:
            generator = _dual_matrix(gate, program)
        carried = after @ generator @ after.conj().T
        out.append(0.5 * (carried + carried.conj().T) / max(float(np.abs(carried).max()), 1e-300))
    return out


def _dual_matrix(gate: Dual, program: Program) -> np.ndarray:
    assert program.domain is not None
    rows = transform_rows(program.domain, np.eye(len(gate.values), dtype=complex))
    return transform_rows(program.domain, rows * gate.values, inverse=True).T


def _without_identity(terms: PauliSum) -> PauliSum | None:
    keep = ((terms.x != 0) | (terms.z != 0)) & (np.abs(terms.coefficients) > 1e-9)
    if not keep.any():
        return None
    return PauliSum(terms.num_qubits, terms.x[keep], terms.z[keep], terms.coefficients[keep])


def _closed_strings(generators: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Commutators of Pauli strings are Pauli strings: products of those that anticommute."""
    found, frontier = set(generators), list(generators)
    while frontier:
        x, z = frontier.pop()
        for a, b in generators:
            if ((x & b).bit_count() + (z & a).bit_count()) % 2:
                new = (x ^ a, z ^ b)
                if new not in found:
                    found.add(new)
                    frontier.append(new)
    return found


def _closed_space(sums: list[PauliSum], n: int) -> int:
    """Nested commutators with the generators, kept as an orthonormal basis of their Pauli coefficients."""
    matrices = [m / np.linalg.norm(m) for m in (s.matrix() for s in sums)]
    basis = np.zeros((0, 2 * 4**n))
    members: list[np.ndarray] = []

    def add(matrix: np.ndarray) -> None:
        """Append the part of a matrix orthogonal to the basis, if it is not zero to rounding."""
        nonlocal basis
        hermitian = 0.5 * (matrix + matrix.conj().T)  # exactly: else round-off times i would be a direction of its own
        vector = np.concatenate([hermitian.real.ravel(), hermitian.imag.ravel()])
        for _ in range(2):
            vector = vector - basis.T @ (basis @ vector)
        rest = float(np.linalg.norm(vector))
        if rest > _NEW:
            basis = np.vstack([basis, vector / rest])
            members.append((vector[: 4**n] + 1j * vector[4**n :]).reshape(2**n, 2**n) / rest)

    for matrix in matrices:
        add(matrix)
    for member in members:  # which grows meanwhile; the shallowest nesting first, as it carries the least round-off
        for matrix in matrices:
            add(1j * (matrix @ member - member @ matrix))
    return len(basis)
