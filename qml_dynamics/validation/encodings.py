"""Which encoding of a grid a device should get: both compiled for it, that with the fewer gates on two qubits, and why in one line.

A module of its own beside `resources`: it prices two problems, where `resources` prices one.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..backends.base import Backend, capabilities
from ..base.errors import QMLDynamicsError
from ..base.printing import printed_briefly
from ..methods.base import Method
from ..methods.job import convert
from ..model.domains import Grid
from ..model.problem import Problem

MOST_POINTS = 32  # of a grid whose other encoding is compiled too


@printed_briefly
@dataclass(frozen=True)
class Encodings:
    """The evolution of a problem, without the transform to the dual basis, compiled for a device in both encodings.

    Attributes:
        best: ``"binary"`` or ``"onehot"``: fewer gates on two qubits, then fewer layers of them.
        qubits, two_qubit_gates, two_qubit_depth: of each encoding by name.
    """

    best: str
    qubits: dict[str, int]
    two_qubit_gates: dict[str, int]
    two_qubit_depth: dict[str, int]

    def __str__(self) -> str:
        words = {"binary": "binary", "onehot": "one-hot"}
        other = "onehot" if self.best == "binary" else "binary"

        gates, layers = self.two_qubit_gates, self.two_qubit_depth
        return (
            f"encoding: {words[self.best]}, {gates[self.best]:,} two-qubit gates in {layers[self.best]:,} layers, {words[other]} "
            f"{gates[other]:,} in {layers[other]:,}"
        )


def _nearest(points: Sequence[int], name: str) -> list[int]:
    """Numbers of points in another encoding: in binary the next powers of two."""
    return [1 << (n - 1).bit_length() if name == "binary" else n for n in points]


def both_encodings(problem: Problem, method: Method, device: Backend, shots: int) -> Encodings | None:
    """Both encodings compiled for a device; None where the grid or the method has only one, or there are more than 32 points.

    In binary the points of a one-hot axis become the next power of two.
    """
    grid = problem.domain
    if not isinstance(grid, Grid) or grid.encoding == "none" or grid.size > MOST_POINTS:
        return None
    circuits, qubits, most = {}, {}, capabilities(device).most_qubits
    for name in ("binary", "onehot"):
        try:
            points = grid.shape if name == grid.encoding else _nearest(grid.shape, name)
            there = Grid(grid.bounds, None, grid.boundary, grid.twist, name, points=points)
            if most is not None and there.num_qubits > most:
                return None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # what the run itself warns of is told already
                job = convert(problem.replace(domain=there), method, device, shots, seed=0, save=[problem.duration])
                (circuits[name],) = job.method.circuits(job)
        except (QMLDynamicsError, ValueError):  # there is no such grid, no such circuit, or more than one
            return None
        qubits[name] = circuits[name].num_qubits
        if most is not None and qubits[name] > most:  # with the ancillas of walls
            return None
    programs = cast(Any, device).programs(list(circuits.values()), shots, [0, 0])
    names = list(circuits)
    plain = {names[p.role["circuit"]]: p.circuit for p in programs if p.role.get("scale") == 1}
    gates = {name: int(circuit.num_nonlocal_gates()) for name, circuit in plain.items()}
    layers = {name: int(circuit.depth(lambda item: len(item.qubits) == 2)) for name, circuit in plain.items()}
    best = min(plain, key=lambda name: (gates[name], layers[name]))
    return Encodings(best, qubits, gates, layers)
