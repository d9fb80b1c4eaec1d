"""Many parameter values of one circuit as one batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

import qml_dynamics as qd
from qml_dynamics.backends.aer import AerBackend
from qml_dynamics.backends.sweep import probabilities_bound, sample_bound


def ansatz(width: int, layers: int) -> QuantumCircuit:
    angles = ParameterVector("a", width * layers)
    out = QuantumCircuit(width)
    for layer in range(layers):
        for q in range(width):
            out.ry(angles[layer * width + q], q)
        for q in range(width - 1):
            out.cx(q, q + 1)
    return out


def noise() -> NoiseModel:
    model = NoiseModel(basis_gates=["cx", "ry", "rz"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.02, 0.98]]), [1])
    return model


@pytest.mark.parametrize(
    ("name", "options"),
    [("aer", {}), ("aer", {"noise_model": noise()}), ("aer:noise=fake_manila", {}), ("statevector", {})],
    ids=["aer", "noise model", "noise of a device", "statevector"],
)
def test_same_answers_as_bound_circuits(name: str, options: dict[str, Any]) -> None:
    circuit = ansatz(3, 2)
    values = np.random.default_rng(1).uniform(0.3, 2.8, (5, 6))
    device = qd.backend(name, **options)
    bound = [circuit.assign_parameters(row) for row in values]
    together, alone = probabilities_bound(device, circuit, values), device.probabilities(bound)
    assert np.abs(together - np.array(alone)).max() < 1e-7
    assert np.ptp(together, axis=0).max() > 0.1  # the rows differ
    counts, direct = (
        sample_bound(device, circuit, values, 400, [3, 1, 4, 1, 5]),
        device.sample(bound, 400, [3, 1, 4, 1, 5]),
    )
    for a, b in zip(counts, direct):
        assert a.shots == 400
        assert np.abs(a.histogram(8) - b.histogram(8)).max() < 0.02


def test_two_thousand_rows_are_compiled_and_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator binds them; what that saves is measured by `python -m benchmarks circuits`."""
    asked: list[int] = []
    run, compiled = AerSimulator.run, AerBackend.compiled

    def counted(self: AerSimulator, circuits: Any, **options: Any) -> Any:
        asked.append(len(options["parameter_binds"][0][next(iter(options["parameter_binds"][0]))]))
        return run(self, circuits, **options)

    def once(self: AerBackend, circuit: QuantumCircuit) -> QuantumCircuit:
        asked.append(0)
        return compiled(self, circuit)

    monkeypatch.setattr(AerSimulator, "run", counted)
    monkeypatch.setattr(AerBackend, "compiled", once)
    values = np.random.default_rng(2).uniform(0, 3, (2000, 48))
    counts = sample_bound(qd.backend("aer"), ansatz(6, 8), values, 1000, range(2000))
    assert asked == [0, 2000]
    assert [c.shots for c in counts] == [1000] * 2000


def test_wrong_shapes() -> None:
    circuit = ansatz(2, 1)
    with pytest.raises(qd.BackendError, match=r"shape \(m, 2\)"):
        sample_bound(qd.backend("aer"), circuit, [[0.1]], 10, [1])
    with pytest.raises(qd.BackendError, match="seeds"):
        sample_bound(qd.backend("aer"), circuit, [[0.1, 0.2]], 10, [1, 2])
    with pytest.raises(qd.BackendError, match="shots"):
        sample_bound(qd.backend("aer"), circuit, [[0.1, 0.2]], 0, [1])
