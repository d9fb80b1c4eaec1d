"""Diagonal runs of gates as one instruction: the same unitary, and waves equal to those made gate by gate."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

import qml_dynamics as qd
from qml_dynamics.backends.aer import AerBackend
from qml_dynamics.backends.aer_diagonals import Diagonals
from qml_dynamics.base.errors import BackendError


def _random(seed: int, gates: int) -> QuantumCircuit:
    """Gates on three qubits that have nothing symmetric, with large angles, diagonal runs and others."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(3, global_phase=0.7)
    for _ in range(gates):
        a, b = (int(q) for q in rng.permutation(3)[:2])
        angle = float(rng.normal(scale=1e4 if rng.random() < 0.2 else 1.0))
        kind = rng.choice(
            ["cx", "cx", "cx", "rz", "p", "cp", "rzz", "z", "s", "tdg", "cz", "h"], p=[1 / 15] * 3 + [0.8 / 8] * 8 + [0]
        )
        if kind in ("cx", "cz"):
            getattr(circuit, kind)(a, b)
        elif kind in ("cp", "rzz"):
            getattr(circuit, kind)(angle, a, b)
        elif kind in ("rz", "p"):
            getattr(circuit, kind)(angle, a)
        else:
            getattr(circuit, kind)(a)
    return circuit


@pytest.mark.parametrize("seed", range(8))
def test_fused_circuits_are_the_same_unitary(seed):
    """Phase included; a run that ends in the midst of a ladder keeps its last gates."""
    circuit = _random(seed, 25)
    circuit.h(1)
    circuit.compose(_random(seed + 100, 30), inplace=True)
    circuit.compose(_random(seed, 25).inverse(), inplace=True)
    fused = Diagonals().fused(circuit)
    assert np.abs(Operator(fused).data - Operator(circuit).data).max() < 1e-12
    assert len(fused.data) <= len(circuit.data)


def test_ladders_become_one_instruction_and_their_neighbours_stay():
    """Asymmetric in its bits: a diagonal on three qubits between Hadamards, once and a second time by the same instruction."""
    ladder = QuantumCircuit(3)
    for angle in (0.3, 1.1, -0.4):
        ladder.rz(angle, 0)
        ladder.cx(0, 2)
        ladder.rz(2 * angle, 2)
        ladder.cx(1, 2)
        ladder.p(angle, 2)
        ladder.cx(1, 2)
        ladder.cx(0, 2)
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    circuit.compose(ladder, inplace=True)
    circuit.h(1)
    circuit.compose(ladder, inplace=True)
    kept = Diagonals()
    fused = kept.fused(circuit)
    assert dict(fused.count_ops()) == {"h": 4, "diagonal": 2}
    assert len(kept.known) == 1
    assert np.abs(Operator(fused).data - Operator(circuit).data).max() < 1e-13


def _crooked(w: np.ndarray) -> np.ndarray:
    return 0.3 * w[:, 0] ** 3 - w[:, -1] ** 2 + np.sin(w @ (1.0 + np.arange(w.shape[1])))


PROBLEMS = {
    "ring": (qd.Grid((-3, 4), 5), qd.Trotter(3)),
    "walls": (qd.Grid((-3, 4), 4, "walls"), qd.Trotter(2)),
    "plane": (qd.Grid([(-3, 4), (-2, 2)], (3, 2)), qd.Trotter(2, order=4)),
    "cube": (qd.Hypercube(4), qd.Trotter(3)),
}


@pytest.mark.parametrize("name", list(PROBLEMS))
def test_waves_of_a_run_are_those_of_its_gates(name, monkeypatch):
    """Every saved wave, with its phase, on every weight space; and the instruction was used."""
    domain, method = PROBLEMS[name]
    start = qd.Uniform() if name == "cube" else qd.Gaussian(0.4, 0.5)
    p = qd.Problem(domain, _crooked, 0.4, clock="real", duration=0.8, initial=start)
    used: list[int] = []
    plain = Diagonals._instruction
    monkeypatch.setattr(Diagonals, "_instruction", lambda self, series, n: used.append(n) or plain(self, series, n))
    fast = qd.evolve(p, method, backend="aer", save=3, progress=False)
    count = len(used)
    gates = qd.evolve(p, method, backend=qd.backend("aer", gates=True), save=3, progress=False)
    assert count > 0
    assert len(used) == count  # none where gates are asked for
    assert np.abs(fast.states - gates.states).max() < 1e-12
    assert np.abs(fast.states[-1] - fast.states[0]).max() > 0.05


def test_gates_is_a_truth_value():
    """Refused in one line; told in the provenance."""
    with pytest.raises(BackendError, match="Argument `gates` must be True or False, but is 1"):
        AerBackend(gates=1)
    assert AerBackend(gates=True).describe()["gates"] is True
