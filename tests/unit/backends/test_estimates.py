"""Operators by the runtime's own estimator, which really extrapolates in its local mode."""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

import qml_dynamics as qd
from qml_dynamics.backends.base import Asked, EstimatingBackend
from qml_dynamics.backends.conformance.contract import random_circuit
from qml_dynamics.backends.device.compile import compile_unmeasured
from qml_dynamics.backends.device.report import quantum_seconds, vendor_seconds
from qml_dynamics.backends.estimator.estimates import circuits_of, propagated, read_estimates
from qml_dynamics.backends.ibm import runtime
from qml_dynamics.backends.options import DeviceOptions
from qml_dynamics.model.pauli import pauli_sum

OPERATORS = (SparsePauliOp(["XXI", "IZZ", "ZIY"], [0.4, 0.9, -0.3]), SparsePauliOp(["IIZ", "XII"], [1.0, -0.5]))


def asked(circuit: QuantumCircuit) -> Asked:
    return Asked(circuit, tuple(pauli_sum(o) for o in OPERATORS))


def ideal(circuit: QuantumCircuit) -> np.ndarray:
    return np.array([Statevector(circuit).expectation_value(o).real for o in OPERATORS])


@lru_cache(maxsize=1)
def problem() -> tuple[qd.Problem, qd.Trotter]:
    wave = np.array([3, 1j, 0, 2, 0, 0, 1, 0]) / np.sqrt(15)
    operator = SparsePauliOp(["XXI", "IZZ", "ZIY", "IIX"], [0.4, 0.9, -0.3, 0.6])
    return qd.Problem.from_operator(operator, clock="real", duration=0.8, initial=wave), qd.Trotter(2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ibm:aer", {}),
        ("ibm:fake_manila", {"device_noise": False, "layout": [4, 1, 3]}),
        ("ibm:fake_manila", {"device_noise": False, "dynamical_decoupling": True, "readout_mitigation": "reported"}),
    ],
    ids=["simulator", "routed", "decoupled and TREX"],
)
def test_values_and_order_of_the_qubits_without_noise(name: str, options: dict[str, Any]) -> None:
    device = qd.backend(name, zne=(1, 3), **options)
    assert isinstance(device, EstimatingBackend)
    circuits = [random_circuit(3, 1, 4), random_circuit(3, 2, 5)]
    answers = device.estimate([asked(c) for c in circuits], 4000, [1, 2])
    for circuit, answer in zip(circuits, answers, strict=True):
        assert np.all(np.abs(answer.value - ideal(circuit)) < 4 * answer.stderr)
        assert np.all((answer.stderr > 0.005) & (answer.stderr < 0.1))
    assert np.abs(ideal(circuits[0]) - ideal(circuits[1])).max() > 0.2


def test_standard_errors_cover_the_spread() -> None:
    """The runtime's own are infinite here: they come from the residuals of a line through two points.

    Local mode draws every noise factor with the same random numbers, so that errors there are smaller than told, by up to
    ``1/sqrt(2.5)`` without noise; a device draws them independently.
    """
    device = qd.backend("ibm:aer", zne=(1, 3))
    circuit = random_circuit(3, 1, 4)
    rows = device.estimate([asked(circuit)] * 24, 400, list(range(24)))  # type: ignore[attr-defined]
    z = np.array([(row.value - ideal(circuit)) / row.stderr for row in rows])
    assert abs(z.mean()) < 0.5
    assert 0.35 < z.std() < 1.2


def test_extrapolation_brings_a_fake_device_closer() -> None:
    """Readout is mitigated too (the estimator's TREX), so that what is left is the noise of gates, which is what is folded."""
    p, method = problem()
    exact = qd.evolve(p, method, backend="statevector", save=[p.duration]).expectations["energy"].value[-1]

    def run(**options: Any) -> qd.Trajectory:
        device = qd.backend("ibm:fake_manila", readout_mitigation="calibrated", **options)
        return qd.evolve(p, method, backend=device, shots=4000, seed=2, save=[p.duration])

    raw, folded = run(), run(zne=(1, 3, 5), zne_extrapolation="exponential")
    miss = [abs(float(t.expectations["energy"].value[-1]) - exact) for t in (raw, folded)]
    assert miss[0] > 0.05
    assert miss[1] < 0.6 * miss[0]
    assert folded.expectations["energy"].stderr[-1] > raw.expectations["energy"].stderr[-1]
    assert folded.diagnostics["estimated"] == ("energy",)
    assert "estimated" not in raw.diagnostics
    told = [t.provenance["backend_details"]["zne_by"] for t in (raw, folded)]
    assert told == [None, {"samples": "gate folding of this library", "operators": "runtime Estimator"}]


def test_what_the_estimator_is_told() -> None:
    given = DeviceOptions(zne=(1, 3, 5), zne_extrapolation="exponential", twirling="gates", dynamical_decoupling="XY4",
                          readout_mitigation="reported", max_seconds=7)  # fmt: skip
    chosen = runtime.estimator(runtime.fake_device("fake_manila"), given, "tag-1", 9, 500).options
    zne = chosen.resilience.zne
    assert chosen.resilience.zne_mitigation is True
    assert (zne.amplifier, tuple(zne.noise_factors)) == ("gate_folding", (1, 3, 5))
    assert tuple(zne.extrapolator) == ("exponential", "linear")
    assert chosen.resilience.measure_mitigation is True
    assert (chosen.default_shots, chosen.resilience_level, chosen.max_execution_time) == (500, 0, 7)
    assert (chosen.dynamical_decoupling.enable, chosen.dynamical_decoupling.sequence_type) == (True, "XY4")
    assert (chosen.twirling.enable_gates, chosen.twirling.enable_measure) == (True, False)
    assert chosen.environment.job_tags == ["tag-1"]


def test_errors_are_propagated_through_both_rules() -> None:
    rng = np.random.default_rng(3)
    scales, truth, rate, noise = np.array([1, 3, 5]), 0.8, 0.25, 0.01
    line, curve = truth * (1 - 0.1 * scales), truth * np.exp(-rate * scales)
    seen = line + noise * rng.normal(size=(4000, 3))
    value = seen @ np.array([13, 4, -5]) / 12  # least squares through three equal weights
    told = propagated((1, 3, 5), seen[:1], np.full((1, 3), noise), value[:1], "linear")
    assert told[0] == pytest.approx(value.std(), rel=0.05)
    seen = curve + noise * rng.normal(size=(4000, 3))
    value = np.exp(np.log(seen) @ np.array([13, 4, -5]) / 12)
    told = propagated((1, 3, 5), curve[None], np.full((1, 3), noise), np.array([truth]), "exponential")
    assert told[0] == pytest.approx(value.std(), rel=0.1)
    assert told[0] > 1.3 * propagated((1, 3, 5), curve[None], np.full((1, 3), noise), np.array([truth]), "linear")[0]
    nothing = propagated((1, 3), np.array([[0.001, 0.0]]), np.full((1, 2), noise), np.array([0.0]), "exponential")
    assert nothing[0] == pytest.approx(noise * np.sqrt(2.5))  # no logarithm, no stretch


def test_a_wrong_result_is_not_read() -> None:
    data = SimpleNamespace(evs=np.array([0.1]), stds=np.array([0.1]))
    with pytest.raises(qd.BackendError, match="not submitted with the noise factors"):
        read_estimates([SimpleNamespace(data=data)], DeviceOptions(zne=(1, 3)))
    data = SimpleNamespace(evs=np.array([np.nan]), stds=np.array([0.1]))
    with pytest.raises(qd.BackendError, match="must be finite"):
        read_estimates([SimpleNamespace(data=data)], DeviceOptions())


def test_unmeasured_circuits_keep_their_state_through_layout_and_routing() -> None:
    device, circuit = runtime.fake_device("fake_manila"), random_circuit(4, 2, 3)
    (made,) = compile_unmeasured([circuit], device, DeviceOptions(layout=(4, 1, 3, 2)))
    assert made.deviation is not None
    assert made.deviation < 1e-6
    assert made.qubits != (4, 1, 3, 2)  # routing has moved them
    with pytest.raises(qd.BackendError, match="at least 6 qubits, but fake_manila has 5"):
        compile_unmeasured([QuantumCircuit(6)], device, DeviceOptions())


def test_seconds_by_the_vendors_formula() -> None:
    """Two seconds a job, and pause and duration of each execution; folding and calibration count."""
    circuits = [random_circuit(3, 1, 1), random_circuit(3, 1, 2)]
    device = qd.backend("ibm:fake_manila")
    work = [p.circuit for p in device.programs(circuits, 1000, [1, 2])]  # type: ignore[attr-defined]
    seconds = device.seconds(circuits, 1000)  # type: ignore[attr-defined]
    assert seconds == vendor_seconds(work, 1000, device) == pytest.approx(2 + quantum_seconds(work, 1000, device))
    assert 2 + 2000 * 250e-6 < seconds < 2 + 2000 * 350e-6
    counts = [device.sample(circuits, 50, [1, 2]) for _ in range(2)]  # the first from the circuits compiled before
    assert all(np.array_equal(a.count, b.count) for a, b in zip(*counts))
    mitigated = qd.backend("ibm:fake_manila", zne=(1, 3), readout_mitigation="calibrated")
    more = mitigated.seconds(circuits, 1000)  # type: ignore[attr-defined]
    assert more - 2 > 2.9 * (seconds - 2)  # six programs for two
    item = asked(circuits[0])
    assert circuits_of([item], DeviceOptions(zne=(1, 3))) == 2 * (3 + 1)
    estimate = mitigated.seconds([item], 1000)  # type: ignore[attr-defined]
    assert 2 + 8000 * 250e-6 < estimate < 2 + 8000 * 350e-6


@pytest.mark.slow
def test_a_large_fake_device_is_no_larger_than_what_is_used() -> None:
    """133 qubits do not fit into a simulator; the estimator would dress each of them with gates."""
    circuit = random_circuit(3, 1, 4)
    device = qd.backend("ibm:fake_torino", zne=(1, 3), device_noise=False)
    (answer,) = device.estimate([asked(circuit)], 2000, [1])  # type: ignore[attr-defined]
    assert np.all(np.abs(answer.value - ideal(circuit)) < 4 * answer.stderr)
