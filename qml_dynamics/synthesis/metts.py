"""One METTS step as a circuit: a basis state, imaginary time, and the basis of the measurement.

The evolution is made once; a step only puts another basis state in front of it. Ancillas are the highest qubits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from qiskit import QuantumCircuit

from ..model.domains import Domain, Grid
from ..model.hamiltonians import Hamiltonian
from ..model.initial import PointMass
from ..model.problem import Problem
from ..model.transforms import Transform
from ..results.trajectory import Counts
from .imaginary import schrodingerised
from .measure import in_dual_basis, read_dual, read_weight
from .p_register import Blocks, Register
from .probabilistic import deferred, probabilistic_blocks, reused
from .states import amplitudes, prepare
from .transforms import dual_index, has_ancillas, registers, to_dual, width


def basis_state(domain: Domain, basis: str, index: int) -> QuantumCircuit:
    """The circuit from ``|0...0>`` to a point (``"weight"``) or to a mode of the dual basis (``"dual"``), by its flat index.

    A point is X on its bits. A mode is the same before the inverse transform; with walls a tree of rotations an axis.

    >>> from qml_dynamics.model.domains import Hypercube
    >>> dict(basis_state(Hypercube(3), "dual", 5).count_ops())
    {'h': 3, 'x': 2}
    """
    circuit = QuantumCircuit(width(domain))
    if basis == "dual" and has_ancillas(domain):
        _standing(domain, index, circuit)
        return circuit
    bits = index
    if basis == "dual":
        bits = int(np.flatnonzero(dual_index(domain, np.arange(domain.size)) == index)[0])
    for q in range(domain.num_qubits):
        if bits >> q & 1:
            circuit.x(q)
    if basis == "dual":
        to_dual(domain, circuit, inverse=True)
    return circuit


def _standing(domain: Domain, index: int, circuit: QuantumCircuit) -> None:
    """A product of standing waves."""
    assert isinstance(domain, Grid)
    for axis, (place, qubits) in enumerate(zip(np.unravel_index(index, domain.shape), registers(domain))):
        alone = Grid(domain.bounds[axis], domain.qubits[axis], domain.boundary)
        unit = np.zeros(alone.size, dtype=complex)
        unit[int(place)] = 1.0
        amplitudes(Transform(alone).inverse(unit).real, circuit, qubits[:-1])


@dataclass
class BlockStep:
    """Steps of probabilistic imaginary time: blocks with one ancilla each, or one ancilla that is measured and reset."""

    problem: Problem
    h: Hamiltonian
    rule: Blocks
    lowest: Callable[[float, float], float]
    midway: bool

    @cached_property
    def blocks(self) -> list[QuantumCircuit]:
        """All blocks of tau."""
        saves = [0.0, self.problem.duration]
        return probabilistic_blocks(self.problem, self.h, self.rule, saves, self.lowest)[0]

    def circuit(self, basis: str, index: int, end: str) -> QuantumCircuit:
        """From a basis state, or from the problem's initial wave, to the basis of the measurement."""
        domain = self.problem.domain
        start = prepare(self.problem.initial, domain) if basis == "initial" else basis_state(domain, basis, index)
        whole = (reused if self.midway else deferred)(start, self.blocks)
        return in_dual_basis(domain, whole) if end == "dual" else whole

    def read(self, counts: Counts, end: str) -> Counts:
        """The outcomes that are kept, as flat indices."""
        kept = counts.index >> width(self.problem.domain) == 0
        return _read(self.problem.domain, Counts(counts.index[kept], counts.count[kept]), end)


@dataclass
class RegisterStep:
    """Steps of Schrodingerised evolution: one register p, kept where ``p > 0``."""

    problem: Problem
    h: Hamiltonian
    steps: int
    order: int
    register: Register

    @cached_property
    def evolution(self) -> QuantumCircuit:
        """From the lowest point's bits, which are all 0 and need no gate."""
        corner = PointMass(tuple(float(axis[0]) for axis in self.problem.domain.axes))
        pieces = schrodingerised(
            self.problem.replace(initial=corner),
            self.h,
            self.steps,
            self.order,
            self.register,
            [0.0, self.problem.duration],
        )
        return pieces[0].compose(pieces[1])

    def circuit(self, basis: str, index: int, end: str) -> QuantumCircuit:
        """From a basis state, or from the problem's initial wave, to the basis of the measurement."""
        domain = self.problem.domain
        start = prepare(self.problem.initial, domain) if basis == "initial" else basis_state(domain, basis, index)
        whole = QuantumCircuit(self.evolution.num_qubits)
        whole.compose(start, range(start.num_qubits), inplace=True)
        whole.compose(self.evolution, inplace=True)
        return in_dual_basis(domain, whole) if end == "dual" else whole

    def read(self, counts: Counts, end: str) -> Counts:
        """The outcomes that are kept, as flat indices."""
        kept = self.register.kept[counts.index >> width(self.problem.domain)]
        return _read(self.problem.domain, Counts(counts.index[kept], counts.count[kept]), end)


def _read(domain: Domain, kept: Counts, end: str) -> Counts:
    inner = Counts(kept.index & ((1 << width(domain)) - 1), kept.count)
    return read_dual(domain, inner) if end == "dual" else read_weight(domain, inner)
