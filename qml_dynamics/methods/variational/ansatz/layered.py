"""Layers of single-qubit rotations and chains of CX on the problem's initial wave, and that wave alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .... import synthesis
from ....base.arguments import checks_arguments
from ....base.errors import MethodError, integer, one_of, require
from ....base.printing import printed_briefly
from ....model.hamiltonians import Hamiltonian
from ....model.problem import Problem
from ..engine.gates import Angles, Fixed, Gate, PauliRotation, Program, numbered

ROTATIONS = {"rx": (1, 0), "ry": (1, 1), "rz": (0, 1)}
_CX = np.eye(4, dtype=complex)[[0, 3, 2, 1]]  # control on the low bit


@printed_briefly
@dataclass(frozen=True)
class HardwareEfficient:
    """Layers of single-qubit rotations and chains of CX: what :func:`hardware_efficient` returns."""

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
        return Program(n, tuple(gates), Angles.direct(count), np.zeros(count), numbered(count), start)

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
        from .circuits import layered_circuit

        n = problem.domain.num_qubits
        wave = problem.initial.vector(problem.domain).reshape(-1)
        undone = 0 if np.allclose(_unchained(wave, n, 1), wave, atol=1e-14) else self.layers
        return layered_circuit(problem, self._moves(n), undone)


@checks_arguments
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
class Bare:
    """The problem's initial wave without a parameter: what :func:`bare` returns."""

    def bind(self, problem: Problem, h: Hamiltonian) -> Program:
        """No gates on the initial wave."""
        start = problem.initial.vector(problem.domain).reshape(-1)
        return Program(h.num_qubits, (), Angles.direct(0), np.zeros(0), (), start, problem.domain)

    def circuit(self, problem: Problem) -> Any:
        """The preparation of the initial wave."""
        return synthesis.states.prepare(problem.initial, problem.domain)


def bare() -> Bare:
    """The problem's initial wave without any gate: what an ansatz grows from (see `Growth`).

    >>> bare()
    Bare()
    """
    return Bare()
