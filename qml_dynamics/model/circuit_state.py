"""Initial waves that a circuit prepares, as plain data: a list of standard gates on ``|0...0>``, with the vector by NumPy.

And sparse waves: a few basis states with their amplitudes, on registers of any width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..base.errors import ProblemError, check_memory, describe, integer, real, require
from .domains import Domain

_LINE = re.compile(r"([a-z]+)(?:\(([^()]*)\))?((?: \d+)+)")


class GateLine(NamedTuple):
    """One standard gate: its name in OpenQASM 3, its angles and its qubits, controls first."""

    name: str
    angles: tuple[float, ...]
    qubits: tuple[int, ...]


def _rotation(axis: str, angle: float) -> np.ndarray:
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    if axis == "rz":
        return np.diag([np.exp(-0.5j * angle), np.exp(0.5j * angle)])
    return np.array([[c, -1j * s], [-1j * s, c]]) if axis == "rx" else np.array([[c, -s], [s, c]])


_FIXED = {
    "id": np.eye(2),
    "x": np.array([[0, 1], [1, 0]]),
    "y": np.array([[0, -1j], [1j, 0]]),
    "z": np.diag([1, -1]),
    "h": np.array([[1, 1], [1, -1]]) / np.sqrt(2),
    "s": np.diag([1, 1j]),
    "sdg": np.diag([1, -1j]),
    "t": np.diag([1, np.exp(0.25j * np.pi)]),
    "tdg": np.diag([1, np.exp(-0.25j * np.pi)]),
    "sx": np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2,
}
_SWAP = np.eye(4)[[0, 2, 1, 3]]


def _matrix(name: str, angles: Sequence[float]) -> tuple[int, np.ndarray] | None:
    """The number of controls, and the matrix under them; None for an unknown gate."""
    base = name.lstrip("c")
    controls = len(name) - len(base)
    if base == "swap" and not angles:
        return controls, _SWAP
    if base in _FIXED and not angles:
        return controls, _FIXED[base]
    if base in ("rx", "ry", "rz") and len(angles) == 1:
        return controls, _rotation(base, angles[0])
    return (controls, np.diag([1, np.exp(1j * angles[0])])) if base == "p" and len(angles) == 1 else None


@dataclass(frozen=True)
class CircuitState:
    """The wave ``U |0...0>`` of a circuit. ``Problem(initial=circuit)`` makes one of a Qiskit ``QuantumCircuit``.

    Args:
        num_qubits: width; qubit q is bit q of the index of a basis state, as in Qiskit.
        gates: one text a gate, ``"h 0"``, ``"cx 0 1"``, ``"rz(0.25) 1"``: names of OpenQASM 3, angles, qubits with controls first.
        phase: the global phase.

    Raises:
        ProblemError: a gate that is not a standard one, or on a qubit that is not there.

    >>> from qml_dynamics.model.domains import Hypercube
    >>> CircuitState(2, ("x 1", "cx 1 0")).vector(Hypercube(2)).real.tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """

    num_qubits: int
    gates: tuple[str, ...]
    phase: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "num_qubits", integer(self.num_qubits, "num_qubits", 1, 1000))
        object.__setattr__(self, "phase", real(self.phase, "phase"))
        listed = isinstance(self.gates, (list, tuple)) and all(isinstance(gate, str) for gate in self.gates)
        require(listed, "gates", "be a list of texts, one a gate", self.gates)
        object.__setattr__(self, "gates", tuple(self.gates))
        self.lines()

    def lines(self) -> list[GateLine]:
        """The gates with their numbers."""
        return [self._line(gate) for gate in self.gates]

    def _line(self, gate: str) -> GateLine:
        found = _LINE.fullmatch(gate)
        try:
            angles = tuple(float(each) for each in found[2].split(",")) if found and found[2] else ()
        except ValueError:
            found = None
        if found is None:
            raise ProblemError(f"Argument `gates` must be texts like 'rz(0.25) 1', but has {describe(gate)}.")
        qubits = tuple(map(int, found[3].split()))
        known = _matrix(found[1], angles)
        width = 0 if known is None else known[0] + known[1].shape[0].bit_length() - 1
        there = len(set(qubits)) == len(qubits) == width and max(qubits) < self.num_qubits
        finite = bool(np.isfinite(angles).all())
        require(there and finite, "gates", f"be standard gates on {self.num_qubits} qubits", gate)
        return GateLine(found[1], angles, qubits)

    def check(self, domain: Domain) -> None:
        """Raise :class:`ProblemError` unless the circuit is as wide as the register of a domain."""
        n = domain.num_qubits
        require(self.num_qubits == n, "initial", f"be a circuit on {n} qubits", f"of {self.num_qubits} qubits")

    def vector(self, domain: Domain) -> np.ndarray:
        """The amplitudes on the points of ``domain``."""
        self.check(domain)
        check_memory(64 << self.num_qubits, f"A wave on {self.num_qubits} qubits")
        wave = np.zeros(1 << self.num_qubits, dtype=complex)
        wave[0] = np.exp(1j * self.phase)
        for line in self.lines():
            _apply(line, wave.reshape((2,) * self.num_qubits))
        return wave.reshape(domain.shape)


def _apply(line: GateLine, wave: np.ndarray) -> None:
    """One gate, in place; axis ``n - 1 - q`` of the wave is qubit q."""
    found = _matrix(line.name, line.angles)
    assert found is not None
    controls, matrix = found
    axes = [wave.ndim - 1 - q for q in line.qubits]
    chosen = wave[tuple(1 if axis in axes[:controls] else slice(None) for axis in range(wave.ndim))]
    targets = [axis - sum(c < axis for c in axes[:controls]) for axis in axes[controls:]]
    moved = np.moveaxis(chosen, targets, range(len(targets)))
    moved[...] = np.tensordot(matrix.reshape((2,) * (2 * len(targets))), moved, axes=len(targets))


@dataclass(frozen=True)
class SparseState:
    """A few basis states with their amplitudes, normalised; circuits prepare it in steps that grow with their number alone.

    Args:
        labels: of the basis states, one digit a qubit, the highest qubit first: ``"0101"``.
        real, imaginary: parts of the amplitudes, one a label; imaginary parts of 0 where they are not given.

    Raises:
        ProblemError: labels of other letters or lengths or given twice, no number for each, or all of them 0.

    >>> from qml_dynamics.model.domains import Hypercube
    >>> SparseState(("01", "10"), (3, 0), (0, 4)).vector(Hypercube(2)).tolist()
    [[0j, (0.6+0j)], [0.8j, 0j]]
    """

    labels: tuple[str, ...]
    real: tuple[float, ...]
    imaginary: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        texts = isinstance(self.labels, (list, tuple)) and all(map(_is_label, self.labels))
        require(texts and len(self.labels) > 0, "labels", "be texts of digits 0 and 1", self.labels)
        same = len({len(label) for label in self.labels}) == 1 and len(set(self.labels)) == len(self.labels)
        require(same, "labels", "be of one length, each once", self.labels)
        parts = [
            tuple(real(c, "amplitudes") for c in part) for part in (self.real, self.imaginary or [0.0] * len(self.real))
        ]
        fits = len(parts[0]) == len(parts[1]) == len(self.labels)
        require(fits, "amplitudes", f"be {len(self.labels)} numbers, one a label", f"of length {len(parts[0])}")
        norm = float(np.linalg.norm(parts))
        require(norm > 0 and np.isfinite(norm), "amplitudes", "be finite and not all zero", parts)
        scale = 1.0 if abs(norm - 1) <= 1e-14 else norm
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "real", tuple(c / scale for c in parts[0]))
        object.__setattr__(self, "imaginary", tuple(c / scale for c in parts[1]))

    def terms(self) -> dict[int, complex]:
        """Amplitudes by the index of the basis state."""
        return {int(b, 2): complex(x, y) for b, x, y in zip(self.labels, self.real, self.imaginary)}

    def check(self, domain: Domain) -> None:
        """Raise :class:`ProblemError` unless there is a digit for each qubit of a domain."""
        n = domain.num_qubits
        require(len(self.labels[0]) == n, "initial", f"have {n} digits, one a qubit", self.labels[0])

    def vector(self, domain: Domain) -> np.ndarray:
        """The amplitudes on the points of ``domain``."""
        self.check(domain)
        check_memory(16 * domain.size, f"A wave on {domain.num_qubits} qubits")
        wave = np.zeros(domain.size, dtype=complex)
        for index, amplitude in self.terms().items():
            wave[index] = amplitude
        return wave.reshape(domain.shape)


def _is_label(given: object) -> bool:
    return isinstance(given, str) and given != "" and set(given) <= {"0", "1"}


def labelled(given: str | Mapping[str, complex], name: str = "initial") -> SparseState:
    """A basis state by its label, or amplitudes by label.

    >>> labelled("0101").terms(), labelled({"00": 1, "11": -1j}).labels
    ({5: (1+0j)}, ('00', '11'))
    """
    amplitudes = {given: 1.0} if isinstance(given, str) else dict(given)
    require(bool(amplitudes) and all(map(_is_label, amplitudes)), name, "have labels of digits 0 and 1", given)
    try:
        values = [complex(c) for c in amplitudes.values()]
    except (TypeError, ValueError):
        raise ProblemError(f"Argument `{name}` must have numbers as amplitudes, but is {describe(given)}.") from None
    return SparseState(tuple(amplitudes), tuple(c.real for c in values), tuple(c.imag for c in values))
