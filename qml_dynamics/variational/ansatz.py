"""Ansaetze: frozen descriptions that are bound to a problem when it runs.

``from_circuit`` and ``from_pennylane`` take a circuit of one's own; ``hardware_efficient`` and ``hamiltonian`` start in the
problem's initial wave, and ``bare`` is that wave alone, for an ansatz that grows. Parameters stand in the order of
``circuit.parameters``. Vendor packages are loaded only when a circuit is read or built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..domains import Grid
from ..errors import MethodError, integer, one_of, real, require
from ..hamiltonian import Hamiltonian, LearningHamiltonian
from ..pauli import PauliSum
from ..problem import Problem
from .gates import Angles, Diagonal, Dual, Fixed, Gate, PauliRotation, Program, commuting_groups
from .method import parameters

ROTATIONS = {"rx": (1, 0), "ry": (1, 1), "rz": (0, 1)}
_CX = np.eye(4, dtype=complex)[[0, 3, 2, 1]]  # control on the low bit


@dataclass(frozen=True, eq=False)
class CircuitAnsatz:
    """A parameterised circuit acting on ``|0...0>``; made by :func:`from_circuit` and :func:`from_pennylane`.

    Attributes:
        source: the Qiskit circuit.
        theta0: the parameters at the start, in the order of ``source.parameters``.
        program: its gates as data.
    """

    source: Any
    theta0: tuple[float, ...]
    program: Program

    @property
    def num_qubits(self) -> int:
        """Width of the circuit."""
        return self.program.num_qubits

    def bind(self, problem: Problem, h: Hamiltonian) -> Program:
        """The gates, whatever the problem (its width is compared by the run)."""
        return self.program

    def state(self, theta: Any = None) -> np.ndarray:
        """The wave at ``theta`` (the start when None), shape ``(2**n,)``: what ``initial=`` of a problem takes."""
        from .tangent import Engine

        values = self.theta0 if theta is None else parameters(theta, "theta", self.program.num_parameters)
        return Engine(self.program).state(np.array(values)).astype(complex)

    def circuit(self, problem: Problem | None = None) -> Any:
        """The Qiskit circuit."""
        return self.source


def from_circuit(circuit: Any, theta0: Any = None) -> CircuitAnsatz:
    """An ansatz from any Qiskit circuit whose parameterised gates can be differentiated.

    Parameters may be shared, scaled and compound expressions (chain rule); all unitaries without parameters are allowed, and
    ``PauliEvolutionGate`` with a parameter as its time (where its terms do not commute, by its own synthesis, which is what a
    device would run). Gates that are not known themselves are opened by their definition. Final measurements are dropped.

    Args:
        circuit: the circuit, acting on ``|0...0>``.
        theta0: the parameters at the start, in the order of ``circuit.parameters``; zeros when None.

    Raises:
        MethodError: ``theta0`` has another length or a value that is not finite; or the circuit holds a measurement in its
            middle, a reset, control flow, or an opaque gate with parameters, which is named.

    >>> from qiskit.circuit.library import efficient_su2
    >>> from_circuit(efficient_su2(3, reps=1)).program.num_parameters
    12
    """
    from .ansatz_reader import program_from_circuit

    program = program_from_circuit(circuit)
    start = np.zeros(program.num_parameters) if theta0 is None else theta0
    values = parameters(start, "theta0", program.num_parameters)
    fixed = Program(program.num_qubits, program.gates, program.angles, np.array(values), program.names)
    return CircuitAnsatz(circuit, values, fixed)


def from_pennylane(qnode: Any, *arguments: Any, **options: Any) -> CircuitAnsatz:
    """An ansatz from a PennyLane QNode (or quantum function), traced at the given arguments.

    Its parameters are all entries of the positional arguments, flattened in order; gate angles must be affine functions of them.
    Wires are sorted and the first is the highest qubit, so that states equal ``qml.state()``.

    Args:
        qnode: the QNode.
        arguments: numbers or arrays; they are also ``theta0``.
        options: keyword arguments that are passed on and stay fixed.

    Raises:
        MethodError: an angle is no affine function of the arguments, or an operation cannot be translated, which is named.
    """
    from .ansatz_pennylane import circuit_from_qnode

    circuit, theta0 = circuit_from_qnode(qnode, arguments, options)
    return from_circuit(circuit, theta0)


@dataclass(frozen=True)
class HardwareEfficient:
    """See :func:`hardware_efficient`."""

    layers: int
    rotations: tuple[str, ...] = ("ry",)

    def bind(self, problem: Problem, h: Hamiltonian) -> Program:
        """The gates on the problem's register, starting in its initial wave at ``theta = 0``."""
        n = h.num_qubits
        gates: list[Gate] = []
        for kind, *what in self._moves(n):
            if kind == "cx":
                gates.append(Fixed((what[0], what[1]), _CX))
            else:
                x, z = ROTATIONS[kind]
                gates.append(PauliRotation(x << what[0], z << what[0], 0.5, what[1]))
        count = n * len(self.rotations) * (self.layers + 1)
        start = _unchained(problem.initial.vector(problem.domain).reshape(-1), n, self.layers)
        return Program(n, tuple(gates), Angles.direct(count), np.zeros(count), _names(count), start)

    def _moves(self, n: int) -> list[tuple[Any, ...]]:
        moves: list[tuple[Any, ...]] = []
        slot = 0
        for layer in range(self.layers + 1):
            for rotation in self.rotations:
                for q in range(n):
                    moves.append((rotation, q, slot))
                    slot += 1
            if layer < self.layers:
                moves.extend(("cx", q, q + 1) for q in range(n - 1))
        return moves

    def circuit(self, problem: Problem) -> Any:
        """The Qiskit circuit, with the preparation of the initial wave."""
        from .ansatz_qiskit import layered_circuit

        n = problem.domain.num_qubits
        wave = problem.initial.vector(problem.domain).reshape(-1)
        undone = 0 if np.allclose(_unchained(wave, n, 1), wave, atol=1e-14) else self.layers
        return layered_circuit(problem, self._moves(n), undone)


def hardware_efficient(layers: int, rotations: Sequence[str] = ("ry",)) -> HardwareEfficient:
    """``layers`` of rotations on every qubit and a chain of CX, and one more layer of rotations.

    At ``theta = 0`` it is the problem's initial wave: the chains are undone beforehand (which costs nothing for a uniform
    start). RY with CX generates all real rotations, ``so(2^n)``; a chain of CZ instead would trap it in an algebra of dimension
    ``n (n + 1)`` whatever its depth, so there is no such option. Real time needs complex rotations: ``rotations=("ry", "rz")``.

    Args:
        layers: how many.
        rotations: out of ``"rx"``, ``"ry"``, ``"rz"``, in this order in every layer.

    >>> hardware_efficient(3).rotations
    ('ry',)
    """
    names = (rotations,) if isinstance(rotations, str) else tuple(rotations)
    require(len(names) > 0, "rotations", "name at least one rotation", rotations, MethodError)
    for name in names:
        one_of(name, "rotations", ROTATIONS, MethodError)
    return HardwareEfficient(integer(layers, "layers", 0, 10_000, MethodError), names)


def _unchained(wave: np.ndarray, n: int, times: int) -> np.ndarray:
    """The chain of CX undone ``times`` times."""
    index = np.arange(len(wave))
    moved = index.copy()
    for q in range(n - 1):  # where the chain sends each basis state
        moved = np.where(moved >> q & 1, moved ^ (2 << q), moved)
    for _ in range(times):
        wave = wave[moved]
    return wave


@dataclass(frozen=True)
class HamiltonianAnsatz:
    """See :func:`hamiltonian`."""

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
        return Program(h.num_qubits, tuple(gates), angles_of, np.array(theta0), _names(count), start, problem.domain)

    def _frames(self, problem: Problem, first: list[_Factor], start: np.ndarray) -> np.ndarray:
        """Angles of the first factor that add up to 0, with partial sums spread over ``+-spread`` of its phase.

        From a real wave on the imaginary clock the force on every angle vanishes at 0, since each factor only turns phases there;
        seen through a first factor that is turned away and back, the others shrink and shift real waves too.
        """
        if problem.clock == "real":
            return np.zeros(self.layers + 1)
        width = max(float(_spread_of(make, start)) for make in first)
        unit = self.spread / width if width > 0 else 0.0
        sums = unit * np.concatenate([_spaced(self.layers), [0.0]])
        return np.diff(sums, prepend=0.0)

    def circuit(self, problem: Problem, h: Hamiltonian | None = None) -> Any:
        """The Qiskit circuit (walls: with their ancillas), with the preparation of the initial wave."""
        from ..hamiltonian import hamiltonian as build
        from .ansatz_qiskit import alternating_circuit

        h = build(problem) if h is None else h
        return alternating_circuit(problem, h, self.layers, self.separate, self.moving(problem))


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
        spread: on the imaginary clock, how far the first factor is turned, in standard deviations of its phase.

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
    return [_group_factor(h.terms, group, separate) for group in commuting_groups(h.terms)]


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


@dataclass(frozen=True)
class Bare:
    """See :func:`bare`."""

    def bind(self, problem: Problem, h: Hamiltonian) -> Program:
        """No gates on the initial wave."""
        start = problem.initial.vector(problem.domain).reshape(-1)
        return Program(h.num_qubits, (), Angles.direct(0), np.zeros(0), (), start, problem.domain)

    def circuit(self, problem: Problem) -> Any:
        """The preparation of the initial wave."""
        from ..synthesis.states import prepare

        return prepare(problem.initial, problem.domain)


def bare() -> Bare:
    """The problem's initial wave without any gate: what an ansatz grows from (see `Growth`).

    >>> bare()
    Bare()
    """
    return Bare()


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"theta[{i}]" for i in range(count))


__all__ = ["bare", "from_circuit", "from_pennylane", "hamiltonian", "hardware_efficient"]
