"""Blocks with one ancilla whose outcome 0 applies ``m0 e^{-dtau H}``, and the circuits composed of them.

Source: Kosugi, Nishiya, Nishi, Matsushita, Phys. Rev. Res. 4, 033121 (2022), arXiv:2111.12471.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from qiskit import QuantumCircuit

from ..model.domains import Domain, Grid, Hypercube
from ..model.driven_formulas import ends_of_steps
from ..model.formulas import Factor, by_order, factors, segments
from ..model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian
from ..model.pauli import PauliSum
from ..model.problem import Problem
from .imaginary import SIGN, Diagonals, pauli_steps, product_series
from .operator_factors import append_joint, block_angles, visits
from .p_register import Blocks
from .transforms import dual_series, registers, to_dual, width
from .walsh import damping_angles, diagonal, walsh_series

Lowest = Callable[[float, float], float]


def probabilistic_blocks(
    problem: Problem, h: Hamiltonian, rule: Blocks, saves: Sequence[float], lowest: Lowest
) -> list[list[QuantumCircuit]]:
    """The blocks from each save time to the next, on the register and one ancilla (the highest qubit) in ``|0>``.

    Outcome 0 of the ancilla after a block applies the block's cosine, real and positive at the lowest energy.
    ``lowest(t0, t1)`` is the integral of the lower bound of the spectrum.
    """
    ends = ends_of_steps(h, rule.steps, saves)
    if isinstance(h, LearningHamiltonian):
        make = _ExactBlocks(problem, h, rule) if rule.block == "exact" else _LinearBlocks(problem, h, rule, lowest)
        return [make.piece(piece) for piece in segments(ends, saves)]
    general = _ExactPauliBlocks(h, rule) if rule.block == "exact" else _PauliBlocks(h, rule, lowest)
    return [general.piece(piece) for piece in segments(ends, saves)]


def _open(block: QuantumCircuit, ancilla: int) -> None:
    block.h(ancilla)


def _close(block: QuantumCircuit, ancilla: int) -> None:
    """``W = [[1, -i], [1, i]] / sqrt(2)``, with the phase that makes outcome 0 real."""
    block.sdg(ancilla)
    block.h(ancilla)
    block.global_phase += np.pi / 4


class _LinearBlocks:
    """``Theta`` linear in H: the controlled evolutions are the factors of the product formula with the ancilla's sign."""

    def __init__(self, problem: Problem, h: LearningHamiltonian, rule: Blocks, lowest: Lowest) -> None:
        self.problem, self.rule, self.lowest = problem, rule, lowest
        self.base = width(problem.domain)
        self.phases = Diagonals(h, SIGN, shifted=False)
        self.slope = rule.m0 / np.sqrt(1 - rule.m0**2)
        self.cache: dict[tuple[str, ...], QuantumCircuit] = {}

    def piece(self, ends: np.ndarray) -> list[QuantumCircuit]:
        """One block a step."""
        return [self._block(float(t0), float(t1)) for t0, t1 in zip(ends[:-1], ends[1:])]

    def _block(self, t0: float, t1: float) -> QuantumCircuit:
        p, ancilla = self.problem, self.base
        steps = list(factors(by_order(self.rule.order), [t0, t1], p.diffusion, p.strength, p.duration))
        total = self.lowest(t0, t1) if self.rule.shift is None else (t1 - t0) * self.rule.shift
        key = (*(f"{f.kind}{f.amount:.12e}" for f in steps), f"{total:.12e}")
        if key not in self.cache:
            block = QuantumCircuit(self.base + 1)
            _open(block, ancilla)
            block.rz(-2 * (np.arccos(self.rule.m0) - np.pi / 4 - self.slope * total), ancilla)
            for factor in steps:
                self.phases.append(factor, -self.slope, block, [ancilla])
            _close(block, ancilla)
            self.cache[key] = block
        return self.cache[key]


class _ExactBlocks:
    """One block for each diagonal: ``Theta = acos(m0 e^{-amount (f - f_min)}) - pi/4`` as a Walsh series."""

    def __init__(self, problem: Problem, h: LearningHamiltonian, rule: Blocks) -> None:
        self.problem, self.h, self.rule = problem, h, rule
        self.base = width(problem.domain)
        self.cache: dict[tuple[str, str], list[QuantumCircuit]] = {}

    def piece(self, ends: np.ndarray) -> list[QuantumCircuit]:
        """One block a potential factor and one an axis of a kinetic factor."""
        p, out = self.problem, []
        for factor in factors(by_order(self.rule.order), ends, p.diffusion, p.strength, p.duration):
            key = (factor.kind, f"{factor.amount:.12e}")
            if key not in self.cache:
                self.cache[key] = list(self._blocks(factor)) if factor.amount else []
            out += self.cache[key]
        return out

    def _blocks(self, factor: Factor) -> Iterator[QuantumCircuit]:
        domain, amount = self.h.domain, factor.amount
        if factor.kind != "K":
            lowest = self.h.zeta.min() if amount > 0 else self.h.zeta.max()
            block = QuantumCircuit(self.base + 1)
            self._append(amount * (self.h.zeta - lowest), block, range(domain.num_qubits))
            yield block
            return
        for axis, qubits in enumerate(registers(domain)):
            block = QuantumCircuit(self.base + 1)
            _axis_to_dual(domain, axis, block)
            values = dual_series(domain, axis).values() - float(domain.dual_axes[axis].min())
            # with walls m = 0 of the odd extension lies below the bound; it has no amplitude
            self._append(amount * np.maximum(values, 0.0), block, qubits)
            _axis_to_dual(domain, axis, block, inverse=True)
            yield block

    def _append(self, exponent: np.ndarray, block: QuantumCircuit, qubits: Sequence[int]) -> None:
        _open(block, self.base)
        theta = damping_angles(self.rule.m0 * np.exp(-exponent)) - np.pi / 4
        diagonal(product_series(walsh_series(theta), SIGN), -1.0, block, [*qubits, self.base])
        _close(block, self.base)


def _axis_to_dual(domain: Domain, axis: int, circuit: QuantumCircuit, inverse: bool = False) -> None:
    """The transform of one axis only, so that the ancillas of walls are back in ``|0>`` after every block."""
    alone = (
        Hypercube(1)
        if isinstance(domain, Hypercube)
        else Grid(domain.bounds[axis], domain.qubits[axis], domain.boundary)
    )
    piece = QuantumCircuit(width(alone))
    to_dual(alone, piece, inverse)
    circuit.compose(piece, registers(domain)[axis], inplace=True)


class _PauliBlocks:
    """Linear blocks of a general operator: rotations about ``P (x) Z``."""

    def __init__(self, h: Hamiltonian, rule: Blocks, lowest: Lowest) -> None:
        self.rule, self.formula = rule, by_order(rule.order)
        assert not isinstance(h, LearningHamiltonian)
        self.h, self.base, self.lowest = h, h.num_qubits, lowest
        self.slope = rule.m0 / np.sqrt(1 - rule.m0**2)
        self.cache: dict[tuple[str, ...], QuantumCircuit] = {}

    def piece(self, ends: np.ndarray) -> list[QuantumCircuit]:
        """One block a step."""
        return [self._block(float(t0), float(t1)) for t0, t1 in zip(ends[:-1], ends[1:])]

    def _block(self, t0: float, t1: float) -> QuantumCircuit:
        over = self.h.over(t0, t1)
        total = self.lowest(t0, t1) if self.rule.shift is None else (t1 - t0) * self.rule.shift
        key = (*(f"{amount:.12e}" for amount in self.h.amounts(t0, t1)), f"{total:.12e}")
        if key not in self.cache:
            block = QuantumCircuit(self.base + 1)
            _open(block, self.base)
            block.rz(-2 * (np.arccos(self.rule.m0) - np.pi / 4 - self.slope * total), self.base)
            signed = PauliSum(self.base + 1, over.x, over.z | 1 << self.base, over.coefficients)
            if np.any(over.coefficients):
                pauli_steps(signed, -self.slope, self.formula, block)
            _close(block, self.base)
            self.cache[key] = block
        return self.cache[key]


class _ExactPauliBlocks:
    """One block for each factor ``e^{-a (c P + |c|)}`` of the product formula: ``acos(m0 e^{-a (c P + |c|)}) = alpha' + beta P``."""

    def __init__(self, h: PauliHamiltonian, rule: Blocks) -> None:
        self.h, self.rule, self.base = h, rule, h.num_qubits
        self.cache: dict[tuple[int, str], QuantumCircuit] = {}

    def piece(self, ends: np.ndarray) -> list[QuantumCircuit]:
        """One block a visit of a term."""
        out = []
        for term, amount in visits(self.h, self.rule.order, ends):
            key = (term, f"{amount:.12e}")
            if key not in self.cache:
                block = QuantumCircuit(self.base + 1)
                _open(block, self.base)
                angles = block_angles(amount * float(self.h.terms.coefficients[term]), self.rule.m0)
                append_joint(self.h.terms, term, angles, SIGN, block, [self.base])
                _close(block, self.base)
                self.cache[key] = block
            out.append(self.cache[key])
        return out


def deferred(start: QuantumCircuit, blocks: Sequence[QuantumCircuit]) -> QuantumCircuit:
    """All blocks with a fresh ancilla each, on the qubits above those of ``start``; kept where all of them read 0."""
    base = start.num_qubits
    circuit = QuantumCircuit(base + len(blocks))
    circuit.compose(start, range(base), inplace=True)
    for k, block in enumerate(blocks):
        circuit.compose(block, [*range(base), base + k], inplace=True)
    return circuit


def reused(start: QuantumCircuit, blocks: Sequence[QuantumCircuit]) -> QuantumCircuit:
    """All blocks with one ancilla, measured into its own bit and reset after each; kept where all bits read 0."""
    base = start.num_qubits
    circuit = QuantumCircuit(base + 1, len(blocks))
    circuit.compose(start, range(base), inplace=True)
    for k, block in enumerate(blocks):
        circuit.compose(block, range(base + 1), inplace=True)
        circuit.measure(base, k)
        circuit.reset(base)
    return circuit
