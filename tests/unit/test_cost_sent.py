"""What `cost` tells is what a run sends: circuits, samples, qubits, gates of the longest, for lists of methods and save times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.backends.aer import AerBackend
from qml_dynamics.synthesis.measure import gates_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SIMULATOR = "aer:matrix_product_state"
HEAT = qd.Problem(qd.Grid((-2, 2), 3), lambda w: w[:, 0] ** 2, 0.5, clock="imaginary", duration=1.0)
DRIVEN = qd.Problem.from_operator(
    [(qd.Linear(1, 0.2), {"XI": -1.0, "IX": -0.7}), (qd.Linear(0, 1), {"ZZ": 1.0, "ZI": -0.8})],
    clock="real",
    duration=0.5,
)
WHOLE = 4 * 16 / (4 * np.pi * 8 * 0.5)
"""After steps of this length all phases of the dual points are whole turns, so that the last time has fewer gates than those before."""
TURNS = qd.Problem(
    qd.Grid((-2, 2), 3),
    lambda w: w[:, 0] ** 2 + 0.3 * w[:, 0] ** 3,
    0.5,
    clock="real",
    duration=WHOLE,
    initial=qd.Gaussian(0.3, 0.5),
)
ROWS = qd.Problem(
    qd.Grid((-2, 2), 4),
    qd.objectives.from_rows(lambda w, i: np.cos((i + 1) * w) * (1 + i), 8),
    0.5,
    clock="real",
    duration=1.0,
)
BRIDGE = qd.SchrodingerBridge(qd.Gaussian(0.3, 0.8), method=qd.Schrodingerised(5, 4, tolerance=0.5))
CASES: dict[str, tuple[qd.Problem, Any, Sequence[float] | None]] = {
    "trotter": (TURNS, qd.Trotter(3), [0.3 * WHOLE, WHOLE]),
    "multi_product before whole turns": (TURNS, qd.MultiProduct((1, 2, 4)), [0.9 * WHOLE, WHOLE]),
    "multi_product": (TURNS, qd.MultiProduct((1, 2, 4)), [0.0, WHOLE]),
    "multi_product driven": (DRIVEN, qd.MultiProduct((2, 3)), [0.2, 0.5]),
    "bridge": (HEAT, BRIDGE, [0.2]),
    "mini_batch truncated": (ROWS, qd.MiniBatch(3, 2, draws=6, truncation=0.3), None),
    "mini_batch": (ROWS, qd.MiniBatch(2, 1, draws=2), [0.3, 1.0]),
    "qdrift": (DRIVEN, qd.QDrift(5, draws=3), [0.2, 0.5]),
    "random_order": (DRIVEN, qd.RandomOrder(2, draws=3), None),
}


@pytest.mark.parametrize(("problem", "method", "save"), CASES.values(), ids=CASES)
def test_what_is_told_is_what_is_sent(
    problem: qd.Problem, method: Any, save: Sequence[float] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    samples: list[int] = []
    plain = AerBackend.sample

    def noted(self: AerBackend, circuits: Sequence[Any], shots: int, seeds: Sequence[int]) -> Any:
        sent.extend(circuits)
        samples.extend([shots] * len(circuits))
        return plain(self, circuits, shots, seeds)

    monkeypatch.setattr(AerBackend, "sample", noted)
    asked: dict[str, Any] = {"backend": SIMULATOR, "shots": 60, "save": save, "seed": 5}
    told = qd.cost(problem, method, **asked)
    assert not sent
    qd.evolve(problem, method, **asked, progress=False)
    longest = max(map(gates_of, sent), key=lambda found: (found.gates, found.depth))
    assert not told.upper_bound
    assert (told.circuits, told.shots) == (len(sent), sum(samples))
    assert told.qubits == max(circuit.num_qubits for circuit in sent)
    assert (told.gates, told.two_qubit_gates, told.depth) == (longest.gates, longest.two_qubit_gates, longest.depth)


def test_batches_of_an_unknown_seed_may_be_longer() -> None:
    """The draws that are counted are others than those of the run."""
    problem, method, _ = CASES["mini_batch truncated"]
    assert qd.cost(problem, method, shots=60, backend=SIMULATOR).upper_bound
    assert not qd.cost(
        problem, qd.MiniBatch(3, 2, draws=6, truncation=0.3, seed=2), shots=60, backend=SIMULATOR
    ).upper_bound
