"""An ansatz for purified thermal states: Bell pairs of a register and its partners, then Pauli rotations.

With a real Hamiltonian ``e^{-H/2}`` on one half of the Bell pairs is a real symmetric matrix. Rotations ``Y_i X_i'`` (i on the register,
i' its partner) move weight between 00 and 11, with Z on later qubits they depend on them: all of them together hold every diagonal
``e^{-H/2}``. Rotations ``Y_i Z_i'`` bring in the transverse fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .... import synthesis
from ....base.errors import MethodError, integer, require
from ....model.hamiltonians import Hamiltonian
from ....model.problem import Problem
from ..engine.gates import Angles, PauliRotation, Program, pauli_name

PAIRS = 10


@dataclass(frozen=True)
class Purified:
    """Bell pairs and layers of rotations, starting in the Bell pairs at ``theta = 0``.

    Args:
        pairs: qubits of the register; qubit ``i + pairs`` is the partner of qubit i.
        layers: layers of transverse rotations; 0 for diagonal Hamiltonians, which one set of the others holds exactly.
        body: how many later qubits a rotation may depend on.

    Raises:
        MethodError: an option is out of its range.

    >>> Purified(3).num_parameters, Purified(3, layers=0).num_parameters
    (17, 7)
    """

    pairs: int
    layers: int = 1
    body: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairs", integer(self.pairs, "pairs", 1, PAIRS, MethodError))
        object.__setattr__(self, "layers", integer(self.layers, "layers", 0, 100, MethodError))
        object.__setattr__(self, "body", integer(self.body, "body", 0, PAIRS, MethodError))

    @property
    def masks(self) -> list[tuple[int, int]]:
        """The strings ``(x, z)`` of the rotations in order."""
        n = self.pairs
        weights = [
            ((1 << i) | (1 << (n + i)), (1 << i) | sum(1 << j for j in chosen))
            for i in range(n)
            for k in range(min(self.body, n - i - 1) + 1)
            for chosen in combinations(range(i + 1, n), k)
        ]
        fields = [(1 << i, (1 << i) | (1 << (n + i))) for i in range(n)]
        return weights + self.layers * (fields + weights)

    @property
    def num_parameters(self) -> int:
        """Number of rotations."""
        return len(self.masks)

    @property
    def start(self) -> np.ndarray:
        """The Bell pairs, flat, shape ``(4**pairs,)``; the register is the low half of the index."""
        size = 1 << self.pairs
        out: np.ndarray = np.eye(size).reshape(-1) / np.sqrt(size)
        return out

    def bind(self, problem: Problem | None = None, h: Hamiltonian | None = None) -> Program:
        """The gates; with a Hamiltonian its width is checked."""
        masks = self.masks
        if h is not None:
            must = f"have half of the problem's {h.num_qubits} qubits as pairs"
            require(h.num_qubits == 2 * self.pairs, "ansatz", must, self.pairs, MethodError)
        gates = tuple(PauliRotation(x, z, 0.5, slot) for slot, (x, z) in enumerate(masks))
        names = tuple(pauli_name(x, z) for x, z in masks)
        return Program(2 * self.pairs, gates, Angles.direct(len(masks)), np.zeros(len(masks)), names, self.start)

    def circuit(self, problem: Problem | None = None) -> Any:
        """The Qiskit circuit, with one parameter a rotation."""
        return synthesis.gibbs.purified_circuit(self.pairs, self.masks)
