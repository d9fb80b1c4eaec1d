"""Numbers about devices by hand: the noise-floor rule (T38), times, fidelities, reported errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Measure
from qiskit.circuit.library import CZGate, SXGate
from qiskit.transpiler import InstructionProperties, Target

import qml_dynamics as qd
from qml_dynamics.backends.device.report import (
    circuit_seconds,
    device_errors,
    expected_fidelity,
    noise_floor_steps,
    quantum_seconds,
    rep_delay,
)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("error", [1e-4, 5e-3, 2e-2])
@pytest.mark.parametrize("constant", [0.3, 0.99, 40.0])
def test_noise_floor_steps_is_within_one_of_brute_force(order: int, error: float, constant: float) -> None:
    """T38."""
    gates = 6
    steps = np.arange(1, 3000)
    total = constant / steps.astype(float) ** order + steps * gates * error
    best = int(steps[np.argmin(total)])
    star = noise_floor_steps(error, gates, constant, order)
    assert abs(max(star, 1.0) - best) <= 1


def test_noise_floor_steps_on_measured_errors() -> None:
    """A real product formula with an error for every gate: the rule's minimum is that of the measured curve.

    The constant comes from one fine run alone, as a person would get it.
    """
    problem = qd.Problem(qd.Hypercube(3), lambda w: w[:, 0] * w[:, 1] - 0.7 * w[:, 2], 0.6, clock="real", duration=1.5)
    exact = qd.evolve(problem, qd.Exact()).states[-1]  # type: ignore[index]
    gates, error = 4, 2e-3

    def distance(steps: int) -> float:
        run = qd.evolve(problem, qd.Trotter(steps=steps, order=2), backend="statevector")
        return float(np.linalg.norm(run.states[-1] - exact))  # type: ignore[index]

    constant = 12**2 * distance(12)
    trotter = {r: distance(r) for r in range(1, 16)}
    total = {r: miss + r * gates * error for r, miss in trotter.items()}
    best = min(total, key=total.__getitem__)
    assert trotter[1] > 5 * trotter[4]  # the formula's error does fall
    assert 1 < best < 15
    assert abs(noise_floor_steps(error, gates, constant, 2) - best) <= 1


def test_noise_floor_without_noise_and_bad_input() -> None:
    assert noise_floor_steps(0.0, 6, 1.0, 2) == math.inf
    assert noise_floor_steps(0.3, 50, 0.01, 2) < 1  # such a device cannot help
    for wrong in ((-1e-3, 6, 1, 2), (1e-3, math.nan, 1, 2), (1e-3, 6, 1, 0)):
        with pytest.raises(qd.BackendError):
            noise_floor_steps(*wrong)


def small_target() -> Target:
    out = Target(num_qubits=3)
    out.add_instruction(SXGate(), {(q,): InstructionProperties(duration=50e-9, error=1e-3 * (q + 1)) for q in range(3)})
    pairs = {(0, 1): InstructionProperties(300e-9, 0.01), (1, 2): InstructionProperties(500e-9, 0.03)}
    out.add_instruction(CZGate(), pairs)
    out.add_instruction(Measure(), {(q,): InstructionProperties(2e-6, 0.02 + 0.01 * q) for q in range(3)})
    return out


def native() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 1)
    circuit.sx(0)
    circuit.sx(0)
    circuit.sx(2)
    circuit.cz(0, 1)
    circuit.cz(2, 1)  # reported as (1, 2)
    circuit.measure(1, 0)
    return circuit


def test_duration_is_the_longest_path() -> None:
    assert circuit_seconds(native(), small_target()) == pytest.approx(2 * 50e-9 + 300e-9 + 500e-9 + 2e-6)


def test_quantum_seconds_by_hand() -> None:
    one = 250e-6 + 2.9e-6
    assert quantum_seconds([native(), native()], 1000, small_target()) == pytest.approx(2000 * one)


def test_fidelity_is_the_product_over_instructions() -> None:
    by_hand = (1 - 1e-3) ** 2 * (1 - 3e-3) * 0.99 * 0.97 * 0.97
    assert expected_fidelity(native(), small_target()) == pytest.approx(by_hand)


def test_device_errors_are_medians_of_the_report() -> None:
    errors = device_errors(small_target())
    assert errors.two_qubit_gate == "cz"
    assert (errors.two_qubit, errors.one_qubit, errors.readout) == pytest.approx((0.02, 0.002, 0.03))
    assert errors.two_qubit_time == pytest.approx(400e-9)
    assert errors.t1 == math.inf


def test_device_errors_of_a_fake_device() -> None:
    device = qd.backend("ibm:fake_manila")
    errors = device_errors(device)
    reported = [p.error for p in device.target["cx"].values()]  # type: ignore[attr-defined]
    assert errors.two_qubit == pytest.approx(np.median(reported))
    assert 1e-3 < errors.two_qubit < 0.05
    assert 20e-6 < errors.t1 < 1e-3
    assert rep_delay(device) == pytest.approx(250e-6)
    (compiled,) = device.compiled([QuantumCircuit(2)])  # type: ignore[attr-defined]
    assert 0.8 < expected_fidelity(compiled.circuit, device) < 1


def test_a_simulator_reports_no_errors() -> None:
    with pytest.raises(qd.BackendError, match="reports its errors"):
        device_errors(qd.backend("statevector"))
    with pytest.raises(qd.BackendError, match="two-qubit errors"):
        device_errors(qd.backend("ibm:aer"))


@pytest.mark.parametrize("name", ["ibm:aer", "ibm:fake_manila"])
def test_a_local_mode_has_no_clock_of_a_device(name: str) -> None:
    """The limit would be dropped there; `submit` has one of its own."""
    with pytest.raises(
        qd.BackendError, match=rf"Argument `max_seconds` must be None on {name}, .*, but is 5; `submit` has one"
    ):
        qd.backend(name, max_seconds=5)
