"""Automatic formulas beside the best of Qiskit and PennyLane at equal error of the wave: a sample of `benchmarks/bench_formulas.py`."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import Operator

from benchmarks.bench_formulas import AIMS, MODELS, best_of_peers, error_of, ours, peers, price, start_of
from benchmarks.bench_operators import ising

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "most"), [("Ising chain, 6", 0.55), ("Heisenberg chain, 6", 1.0), ("H2, 4 qubits", 1.0)]
)
def test_never_above_the_best_peer(name: str, most: float) -> None:
    operator, wanted = MODELS[name](), 1e-2
    label = start_of(name, operator.num_qubits)
    rivals = best_of_peers(operator, label, 1.0, [wanted])[wanted]
    assert rivals
    for aim in AIMS:
        best = min(price(row, aim) for row in rivals)
        assert best > 0
        assert price(ours(operator, label, 1.0, wanted, aim), aim) <= most * best, aim


def test_the_peers_are_what_their_circuits_do() -> None:
    """The rotations by which an error is measured are those of the circuit that is counted; and they come near the exact wave."""
    operator = ising(3)
    start = np.array([0.6, 0, 0, 0.48j, 0, 0.64, 0, 0])
    values, vectors = np.linalg.eigh(operator.to_matrix())
    truth = vectors @ (np.exp(-0.7j * values) * (vectors.conj().T @ start))
    seen = set()
    for peer in peers(operator, 0.7):
        reached = Operator(peer.circuit(2).decompose()).data @ start  # else the exact evolution
        assert error_of(peer.step(2), start, reached) < 1e-9, peer.name
        steps = 64 if "Lie" in peer.name or "Product 1" in peer.name else 8
        assert 0 < error_of(peer.step(steps), start, truth) < 0.1, peer.name
        seen.add(peer.name)
    assert len(seen) == 15
