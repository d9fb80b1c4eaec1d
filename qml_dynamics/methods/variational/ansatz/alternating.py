"""Alternating evolutions with the parts of the problem's own Hamiltonian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ....base.arguments import checks_arguments
from ....base.errors import MethodError, integer, real
from ....model.domains import Grid
from ....model.hamiltonians import Hamiltonian, LearningHamiltonian
from ....model.hamiltonians import hamiltonian as build
from ....model.pauli import PauliSum
from ....model.problem import Problem
from ..engine.gates import Angles, Diagonal, Dual, Gate, PauliRotation, Program, numbered, scheduled_groups


@dataclass(frozen=True)
class HamiltonianAnsatz:
    """Alternating evolutions with the parts of the problem's Hamiltonian: what :func:`hamiltonian` returns."""

    layers: int
    separate: bool = False
    moves: bool | None = None
    spread: float = 1.0

    def moving(self, problem: Problem) -> bool:
        """Whether translations (RY on weights that are bits) stand in every layer: on the imaginary clock unless told."""
        return problem.clock == "imaginary" if self.moves is None else self.moves

    def bind(self, problem: Problem, h: Hamiltonian) -> Program:
        """The gates on the problem's register, starting in its initial wave at ``theta0``."""
        factors = _factors(problem, h, self.separate)
        if self.moving(problem) and (shift := _shift_factor(problem)):
            factors.append(shift)
        start = problem.initial.vector(problem.domain).reshape(-1)
        gates: list[Gate] = []
        rows: list[dict[int, float]] = []
        theta0: list[float] = []
        frames = self._frames(problem, factors[0], start)
        for layer in range(self.layers + 1):
            for place, factor in enumerate(factors if layer < self.layers else factors[:1]):
                for make in factor:
                    gates.append(make.gate(len(rows)))
                    rows.append({len(theta0) + make.angle: 1.0})
                angles = 1 + max(make.angle for make in factor)
                theta0.extend([frames[layer] if place == 0 else 0.0] * angles)
        count = len(theta0)
        angles_of = Angles.affine([0.0] * len(rows), rows, count)
        return Program(h.num_qubits, tuple(gates), angles_of, np.array(theta0), numbered(count), start, problem.domain)

    def _frames(self, problem: Problem, first: list[_Factor], start: np.ndarray) -> np.ndarray:
        """Angles of the first factor that add up to 0, with partial sums spread over ``+-spread`` of its phase.

        From a real wave on the imaginary clock the force on every angle vanishes at 0, since each factor only turns phases there;
        seen through a first factor that is rotated away and back, the others shrink and shift real waves too.
        """
        if problem.clock == "real":
            return np.zeros(self.layers + 1)
        width = max(float(_spread_of(make, start)) for make in first)
        unit = self.spread / width if width > 0 else 0.0
        sums = unit * np.concatenate([_spaced(self.layers), [0.0]])
        return np.diff(sums, prepend=0.0)

    def circuit(self, problem: Problem, h: Hamiltonian | None = None) -> Any:
        """The Qiskit circuit (walls: with their ancillas), with the preparation of the initial wave."""
        from .circuits import alternating_circuit

        h = build(problem) if h is None else h
        return alternating_circuit(problem, h, self.layers, self.separate, self.moving(problem))


@checks_arguments
def hamiltonian(
    layers: int, separate: bool = False, moves: bool | None = None, spread: float = 1.0
) -> HamiltonianAnsatz:
    """Alternating evolutions with the parts of the problem's own Hamiltonian, one angle each.

    Learning Hamiltonians: ``exp(-i a zeta)`` and ``exp(-i b (-L))``, by the transform, without any Pauli terms. Operators: their
    groups of commuting terms. ``layers`` of all parts and the first part once more, acting on the problem's initial wave.

    On the imaginary clock a real wave feels no force from phases alone. So every layer ends with rotations that do move real
    waves, one angle an axis: translations ``exp(-c d/dx)`` on periodic grids (phases linear in the momentum), RY on every weight of a
    hypercube and on every qubit of an operator (walls have none). And the run starts with the first factor turned away and back
    between the others: the wave is the same, but seen through that frame the others shrink and widen it (to first order by the
    commutator ``[zeta, L]``).

    Args:
        layers: how many.
        separate: one angle for each axis of the kinetic part, or for each Pauli term, instead of one for the whole part.
        moves: whether layers end with these rotations; None: on the imaginary clock only.
        spread: on the imaginary clock, how far the first factor is rotated, in standard deviations of its phase.

    >>> hamiltonian(6).layers
    6
    """
    real(spread, "spread", nonnegative=True, error=MethodError)
    return HamiltonianAnsatz(integer(layers, "layers", 1, 10_000, MethodError), bool(separate), moves, float(spread))


@dataclass(frozen=True, eq=False)
class _Factor:
    """One gate of a factor: how to make it for a slot, and which of the factor's angles it takes."""

    gate: Callable[[int], Gate]
    angle: int
    values: np.ndarray | None = None


def _factors(problem: Problem, h: Hamiltonian, separate: bool) -> list[list[_Factor]]:
    if isinstance(h, LearningHamiltonian):
        zeta = h.zeta.reshape(-1)
        kinetic = [h.dual.reshape(-1)]
        if separate:
            kinetic = [_axis(h.domain.dual_axes, axis) for axis in range(h.domain.ndim)]
        potential = [_Factor(partial(Diagonal, zeta), 0, zeta)]
        return [potential, [_Factor(partial(Dual, k), i) for i, k in enumerate(kinetic)]]
    return [_group_factor(h.terms, group, separate) for group in scheduled_groups(h)]


def _shift_factor(problem: Problem) -> list[_Factor]:
    """Rotations that move a real wave, one angle an axis (a grid's fastest wave, which has no sign, turns)."""
    domain = problem.domain
    if not isinstance(domain, Grid):
        return [_Factor(partial(PauliRotation, 1 << q, 1 << q, 0.5), q) for q in range(domain.num_qubits)]
    if domain.boundary == "walls":
        return []
    values = [_axis(domain.momenta, axis) for axis in range(domain.ndim)]
    return [_Factor(partial(Dual, k), i) for i, k in enumerate(values)]


def _axis(dual_axes: Sequence[np.ndarray], axis: int) -> np.ndarray:
    shape = tuple(len(d) for d in dual_axes)
    view = [1] * len(shape)
    view[axis] = -1
    return np.broadcast_to(dual_axes[axis].reshape(view), shape).reshape(-1).copy()


def _group_factor(terms: PauliSum, group: Sequence[int], separate: bool) -> list[_Factor]:
    made = []
    for i, j in enumerate(group):
        x, z, c = int(terms.x[j]), int(terms.z[j]), float(terms.coefficients[j])
        made.append(_Factor(partial(PauliRotation, x, z, c), i if separate else 0))
    return made


def _spread_of(factor: _Factor, start: np.ndarray) -> float:
    """Standard deviation of a factor's generator in the initial wave: the scale of its angle."""
    if factor.values is None:
        gate = factor.gate(0)
        assert isinstance(gate, PauliRotation)
        return abs(gate.scale)
    weight = np.abs(start) ** 2
    mean = float(weight @ factor.values)
    return float(np.sqrt(weight @ (factor.values - mean) ** 2))


def _spaced(count: int) -> np.ndarray:
    """``count`` different numbers in [-1, 1] without 0, of alternating sign and growing size."""
    sizes = (np.arange(count) + 1) / count
    return sizes * np.where(np.arange(count) % 2, -1.0, 1.0)
