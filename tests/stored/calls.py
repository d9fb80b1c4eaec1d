"""The calls of ``evolve`` whose checkpoints are stored: whoever goes on from one makes the same call again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import qml_dynamics as qd
from qml_dynamics import ansatz, objectives
from qml_dynamics.backends.statevector import StatevectorBackend
from tests.stored.trajectories import complex_start, generic, operator

GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
ARRAYS = {
    "theta": np.array([0.1, np.nextafter(1.0, 2.0), -0.0, np.inf, 5e-324]),
    "state": np.array([[1 + 2j, 3j]], dtype=np.complex64),
    "layers": np.array(7, dtype=np.int64),
    "a/b": np.arange(3, dtype=np.uint8),
}


def calls() -> dict[str, tuple[qd.Problem, Any, int]]:
    """Name to problem, method, and after how many calls of the backend its process was killed: with the middle of it measured."""
    plane = qd.Grid((-2, 2), 2)
    bowl = qd.Problem(plane, objectives.expression("x0**2 - 0.5*x0"), 0.5, clock="real", duration=0.5)
    layers, both = ansatz.hardware_efficient(0), ansatz.hardware_efficient(0, ("ry", "rz"))
    random: dict[str, Any] = {"metric": "spsa", "resamplings": 2, "regularisation": 1e-2}
    turned = operator(initial=complex_start())
    return {
        "euler": (operator(), qd.Variational(layers, 3, regularisation=1e-3, theta0=(0.3, -0.2)), 3),
        "rk4": (operator(), qd.Variational(layers, 2, "rk4", qd.Cutoff(1e-3), metric="hadamard"), 5),
        "grid": (bowl, qd.Variational(both, 3, **random), 3),
        "spsa": (turned, qd.Variational(both, 4, theta0=(0.3, 0.67, 1.04, 1.41), **random), 3),
        "own_circuit": (operator(), qd.Variational(generic(), 4, **random), 3),
    }


def arguments() -> dict[str, Any]:
    """The other arguments of ``evolve``."""
    return {"backend": "statevector", "shots": 200, "seed": 11, "save": 3, "progress": False}


@dataclass
class Seen:
    """What the statevector simulator was asked for.

    Attributes:
        calls: circuits, one entry a call.
        least: the smallest probability of an outcome. Where it is zero but for the last bits, seeded draws hang on these.
    """

    calls: list[int] = field(default_factory=list)
    least: float = 1.0


@contextmanager
def watched() -> Iterator[Seen]:
    """Watch the simulator."""
    sample, seen = StatevectorBackend.sample, Seen()

    def counting(self: Any, circuits: Any, shots: int, seeds: Any) -> Any:
        seen.calls.append(len(circuits))
        seen.least = min(seen.least, *(float(p.min()) for p in self.probabilities(circuits)))
        return sample(self, circuits, shots, seeds)

    StatevectorBackend.sample = counting  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        StatevectorBackend.sample = sample  # type: ignore[method-assign]
