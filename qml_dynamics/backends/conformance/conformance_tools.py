"""Test circuits without symmetry and seeds that the checks of the backend contract share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from ...results.trajectory import Counts


def check(clause: str, holds: bool, seen: Any = "") -> None:
    """Raise ``AssertionError`` with the clause and what was seen, unless it holds."""
    if not holds:
        raise AssertionError(f"{clause}: {seen}")


def phase_circuits() -> Iterator[tuple[str, QuantumCircuit, int]]:
    """Circuits on three qubits whose single outcome tells the sign of a phase; with the wrong sign another outcome is certain."""
    for name, quarter in (("rz", np.pi / 2), ("p", np.pi / 2), ("s", None)):
        circuit = QuantumCircuit(3)
        circuit.h(1)
        getattr(circuit, name)(*([] if quarter is None else [quarter]), 1)
        circuit.sx(1)  # a quarter turn about X takes +Y to 0 and -Y to 1
        circuit.x(1)
        yield name, circuit, 2
    for name in ("cp", "rzz", "rxx"):
        circuit = QuantumCircuit(3)
        circuit.x(0)
        if name == "rxx":
            circuit.h(0)  # an eigenstate of X on qubit 0, so that rxx turns qubit 2 alone
            circuit.rxx(np.pi / 2, 0, 2)
            circuit.sx(2)  # a quarter turn about X more or less
        else:
            circuit.h(2)
            getattr(circuit, name)(np.pi / 2, 0, 2)
            circuit.sx(2)
        if name == "rxx":
            circuit.h(0)
        yield name, circuit, int(np.argmax(Statevector(circuit).probabilities()))


def random_circuit(width: int, layers: int, seed: int) -> QuantumCircuit:
    """A circuit without any symmetry: random angles, and two-qubit gates between random (also far) qubits."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(width)
    for _ in range(layers):
        for qubit in range(width):
            circuit.ry(rng.uniform(0.2, 2.9), qubit)
            circuit.rz(rng.uniform(0.2, 2.9), qubit)
        a, b = rng.permutation(width)[:2].tolist()
        circuit.cx(a, b)
        c, d = rng.permutation(width)[:2].tolist()
        circuit.cp(rng.uniform(0.3, 2.5), c, d)
    return circuit


def seeds_from(seed: int, key: int, count: int = 4) -> list[int]:
    """Independent seeds for one check."""
    state = np.random.SeedSequence(seed, spawn_key=(key,)).generate_state(count, np.uint64)
    return [int(s >> np.uint64(2)) for s in state]


def named(counts: Counts) -> str:
    """Counts for people."""
    return str(dict(zip(np.asarray(counts.index).tolist(), np.asarray(counts.count).tolist())))
