"""An ansatz as fixed gates and rotations ``exp(-i a R / 2)``, ``R^2 = 1``: the angles in which a device measures derivatives.

Every occurrence of a parameterised gate is split into rotations, so that metric and force are measured rotation by rotation in the angles
``a_g`` and pulled back to the parameters by the Jacobian ``J_gi = d a_g / d theta_i``: shared, scaled and compound parameters
need no more than that. A rotation has the two eigenvalues ``+-1/2``, so two shifted circuits give its derivative exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit.library import PauliEvolutionGate, PhaseGate, ZGate

from ....base.errors import MethodError, require
from ....model.masks import bit_count
from ....model.pauli import PauliSum, pauli_sum
from ....synthesis.foreign import opened
from ..ansatz.reader import Reader
from ..engine.gates import Angles, PauliRotation, Rotation

if TYPE_CHECKING:
    from qiskit.circuit import Operation


_ZERO = 1e-14


@dataclass(frozen=True, eq=False)
class Kept:
    """A gate without parameters."""

    gate: Gate
    qubits: tuple[int, ...]


@dataclass(frozen=True)
class RotationStep:
    """``exp(-i a R / 2)`` with ``a = scale * phi[slot]``.

    R is the Pauli string of the masks ``x, z``; or, where ``pattern`` is given as pairs of a qubit and its bit,
    ``1 - 2 |pattern><pattern|``, the reflection of a (multi-)controlled phase.
    """

    slot: int
    scale: float
    x: int = 0
    z: int = 0
    pattern: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class RotationSequence:
    """Gates and rotations in the order in which they act on ``|0...0>``.

    Attributes:
        width: qubits, ancillas of the ansatz included.
        steps: what acts.
        angles: the slots' angles as functions of the parameters.
        places: where in ``steps`` the rotations stand that some parameter moves.
    """

    width: int
    steps: tuple[Kept | RotationStep, ...]
    angles: Angles
    places: tuple[int, ...]

    @property
    def num_rotations(self) -> int:
        """P, the number of rotations that move."""
        return len(self.places)

    @cached_property
    def rotations(self) -> list[RotationStep]:
        """The rotations that move."""
        return [self.steps[k] for k in self.places]  # type: ignore[misc]

    def amounts(self, theta: np.ndarray) -> np.ndarray:
        """The angle of every step at these parameters, shape ``(len(steps),)``; 0 for fixed gates."""
        phi, _ = self.angles(np.asarray(theta, dtype=float))
        return np.array([s.scale * phi[s.slot] if isinstance(s, RotationStep) else 0.0 for s in self.steps])

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """``J_gi = d a_g / d theta_i``, shape ``(P, p)``."""
        _, weight = self.angles(np.asarray(theta, dtype=float))
        slots = np.zeros((len(self.angles.constant), self.angles.num_parameters))
        np.add.at(slots, (self.angles.slot, self.angles.parameter), weight)
        out = np.array([step.scale * slots[step.slot] for step in self.rotations])
        return out.reshape(self.num_rotations, self.angles.num_parameters)

    def append(self, circuit: QuantumCircuit, amounts: np.ndarray, start: int, stop: int) -> None:
        """The steps ``start .. stop - 1``."""
        for step, amount in zip(self.steps[start:stop], amounts[start:stop].tolist()):
            if isinstance(step, Kept):
                circuit.append(step.gate, step.qubits)
            else:
                append_rotation(circuit, step, amount)

    def undo(self, circuit: QuantumCircuit, amounts: np.ndarray, stop: int) -> None:
        """The inverse of the steps before ``stop``."""
        for k in reversed(range(stop)):
            step = self.steps[k]
            if isinstance(step, Kept):
                circuit.append(self._inverse(k), step.qubits)
            else:
                append_rotation(circuit, step, -float(amounts[k]))

    @cached_property
    def _inverses(self) -> dict[int, Any]:
        return {}

    def _inverse(self, k: int) -> Any:
        if k not in self._inverses:
            self._inverses[k] = self.steps[k].gate.inverse()  # type: ignore[union-attr]
        return self._inverses[k]


def read_rotations(circuit: QuantumCircuit) -> RotationSequence:
    """Split the parameterised gates of a circuit into rotations.

    Raises:
        MethodError: the circuit holds what cannot be split, which is named: a measurement in its middle, a reset, control flow,
            an opaque gate with parameters.

    >>> from qiskit.circuit import Parameter
    >>> a, b = Parameter("a"), Parameter("b")
    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.ry(2 * a, 0), circuit.cx(0, 1), circuit.crx(b, 0, 1)
    >>> read_rotations(circuit).jacobian(np.zeros(2)).tolist()
    [[2.0, 0.0], [0.0, 0.5], [0.0, -0.5]]
    """
    require(isinstance(circuit, QuantumCircuit), "circuit", "be a Qiskit QuantumCircuit", circuit, MethodError)
    circuit = opened(circuit)
    if "measure" in circuit.count_ops():
        circuit = circuit.remove_final_measurements(inplace=False)
    reader = _RotationReader({p: k for k, p in enumerate(circuit.parameters)})
    reader.read(circuit, list(range(circuit.num_qubits)), 0)
    steps: list[Kept | RotationStep] = []
    for gate in reader.gates:
        if isinstance(gate, Kept):
            steps.append(gate)
        elif isinstance(gate, PauliRotation):
            steps.extend(_string(gate.x, gate.z, gate.scale, gate.slot))
        elif isinstance(gate, Rotation):
            steps.extend(_split(gate))
    angles = reader.angles()
    moved = set(angles.slot.tolist())
    places = tuple(k for k, step in enumerate(steps) if isinstance(step, RotationStep) and step.slot in moved)
    return RotationSequence(circuit.num_qubits, tuple(steps), angles, places)


class _RotationReader(Reader):
    """Keeps gates without parameters as they are, where the exact engine wants their matrices."""

    def _fixed(self, op: Operation, where: list[int], depth: int) -> None:
        if op.name == "global_phase":
            return
        if isinstance(op, Gate) and not isinstance(op, PauliEvolutionGate):  # whose matrix is not what its gates do
            self.gates.append(Kept(op, tuple(where)))  # type: ignore[arg-type]
        else:
            self._open(op, where, depth)


def _string(x: int, z: int, scale: float, slot: int) -> list[RotationStep]:
    return [RotationStep(slot, 2 * scale, x, z)] if x or z else []


def _split(gate: Rotation) -> list[RotationStep]:
    """``exp(-i phi G)`` as rotations; multiples of the identity change only the global phase."""
    generator, n = gate.generator, len(gate.qubits)
    values = np.diag(generator)
    seen = np.flatnonzero(np.abs(values) > _ZERO)
    if n > 1 and len(seen) == 1 and not np.any(np.abs(generator - np.diag(values)) > _ZERO):
        bits = tuple((q, int(seen[0]) >> i & 1) for i, q in enumerate(gate.qubits))
        return [RotationStep(gate.slot, -float(values[seen[0]].real), pattern=bits)]
    terms = pauli_sum(generator)
    require(_all_commute(terms), "circuit", "have gates that split into commuting rotations", gate, MethodError)
    out: list[RotationStep] = []
    for x, z, c in zip(terms.x.tolist(), terms.z.tolist(), terms.coefficients.tolist()):
        out.extend(_string(_moved(x, gate.qubits), _moved(z, gate.qubits), c, gate.slot))
    return out


def _all_commute(terms: PauliSum) -> bool:
    crossed = bit_count(terms.x[:, None] & terms.z[None, :])
    return not np.any((crossed + crossed.T) & 1)


def _moved(mask: int, where: Sequence[int]) -> int:
    return sum(1 << q for i, q in enumerate(where) if mask >> i & 1)


def letters(x: int, z: int) -> list[tuple[int, str]]:
    """The qubits of a Pauli string and their letters.

    >>> letters(0b001, 0b101)
    [(0, 'Y'), (2, 'Z')]
    """
    names = {(1, 0): "X", (0, 1): "Z", (1, 1): "Y"}
    return [(q, names[x >> q & 1, z >> q & 1]) for q in range((x | z).bit_length()) if (x | z) >> q & 1]


_NATIVE = {"X": "rx", "Y": "ry", "Z": "rz", "XX": "rxx", "YY": "ryy", "ZZ": "rzz"}


def append_rotation(circuit: QuantumCircuit, step: RotationStep, angle: float) -> None:
    """Append ``exp(-i angle R / 2)``, up to a phase."""
    if step.pattern:
        _controlled_phase(circuit, [(q, bit) for q, bit in step.pattern], PhaseGate(angle))
        return
    word = letters(step.x, step.z)
    qubits, name = [q for q, _ in word], "".join(letter for _, letter in word)
    if name in _NATIVE:
        getattr(circuit, _NATIVE[name])(angle, *qubits)
        return
    to_letters(circuit, word)
    for q in qubits[:-1]:
        circuit.cx(q, qubits[-1])
    circuit.rz(angle, qubits[-1])
    for q in reversed(qubits[:-1]):
        circuit.cx(q, qubits[-1])
    to_letters(circuit, word, inverse=True)


def to_letters(circuit: QuantumCircuit, word: Sequence[tuple[int, str]], inverse: bool = False) -> None:
    """RotationStep the axes X and Y of these qubits into Z, or back."""
    for q, letter in word:
        if letter == "Y" and not inverse:
            circuit.sdg(q)
        if letter in "XY":
            circuit.h(q)
        if letter == "Y" and inverse:
            circuit.s(q)


def controlled_reflection(circuit: QuantumCircuit, step: RotationStep, control: int) -> None:
    """Append R of a rotation, controlled by one more qubit."""
    if step.pattern:
        _controlled_phase(circuit, [*step.pattern, (control, 1)], ZGate())
        return
    for q, letter in letters(step.x, step.z):
        getattr(circuit, f"c{letter.lower()}")(control, q)


def _controlled_phase(circuit: QuantumCircuit, pattern: Sequence[tuple[int, int]], gate: Gate) -> None:
    """A phase on the basis states that show the pattern."""
    zeros = [q for q, bit in pattern if not bit]
    for q in zeros:
        circuit.x(q)
    circuit.append(gate.control(len(pattern) - 1, annotated=False), [q for q, _ in pattern])
    for q in zeros:
        circuit.x(q)
