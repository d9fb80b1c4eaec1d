"""One learning problem on every backend: the same distributions, energies and best weights, within shot noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

import qml_dynamics as qd
from qml_dynamics.backends.device.compile import active_qubits
from qml_dynamics.backends.ibm import runtime
from tests.texts import SIMULATORS

SHOTS = 4000
PROBLEM = qd.Problem(
    qd.Grid((-3, 3), 4),
    lambda w: (w[:, 0] ** 2 - 1.5) ** 2 / 2 + 0.6 * w[:, 0],  # two wells, the left one deeper
    0.4,
    clock="real",
    duration=0.6,
    initial=qd.Gaussian(1.0, 0.6),
)
METHOD = qd.Trotter(steps=2, order=2)


@pytest.fixture(scope="module")
def exact() -> qd.Trajectory:
    run = qd.evolve(PROBLEM, METHOD, backend="statevector", seed=3)
    moved = 0.5 * np.abs(run.density[-1] - run.density[0]).sum()
    assert moved > 0.1  # the wave has moved, and it is not symmetric
    assert np.abs(run.density[-1] - run.density[-1][::-1]).sum() > 0.3
    return run


@pytest.mark.parametrize("name", ["aer", "pennylane:default.qubit", "pennylane:lightning.qubit"])
def test_exact_backends_agree_in_amplitudes(name: str, exact: qd.Trajectory) -> None:
    run = qd.evolve(PROBLEM, METHOD, backend=name, seed=3)
    assert run.states is not None
    assert exact.states is not None
    assert np.abs(run.states - exact.states).max() < 1e-9
    verdict = qd.compare(run, exact)
    assert verdict.agree
    assert verdict.fidelity is not None
    assert verdict.fidelity > 1 - 1e-12


@pytest.mark.parametrize("name", [*SIMULATORS, "pennylane:braket.local.qubit"])
def test_samples_agree_within_shot_noise(name: str, exact: qd.Trajectory) -> None:
    run = qd.evolve(PROBLEM, METHOD, backend=name, shots=SHOTS, seed=11)
    assert run.counts is not None
    assert run.counts["weight"][-1].shots == SHOTS
    verdict = qd.compare(run, exact)
    assert verdict.agree, str(verdict)
    assert 0 < verdict.energy_gap.stderr < 1
    assert run.provenance["backend_details"]["name"] == name


def test_a_fake_device_with_its_noise_off_agrees_with_the_ideal_distribution(exact: qd.Trajectory) -> None:
    device = qd.backend("ibm:fake_manila", device_noise=False)
    run = qd.evolve(PROBLEM, METHOD, backend=device, shots=SHOTS, seed=11)
    assert qd.compare(run, exact).agree
    told = run.provenance["backend_details"]
    assert (told["noise"], told["device_noise"]) == ("none", False)
    assert told["compiled"]["two_qubit_gates"] > 20


class NoisyExactly:
    """The exact outcome probabilities of what ``device`` compiles, from a density matrix with the same noise."""

    exact, name = False, "noisy, exactly"

    def __init__(self, device: Any) -> None:
        self.device = device

    def states(self, pieces: Any, on_step: Any) -> Any:
        raise qd.BackendError("no amplitudes")

    def sample(self, circuits: Any, shots: int, seeds: Any) -> Any:
        raise qd.BackendError("no samples")

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        fake = self.device.device
        simulator = AerSimulator(method="density_matrix", noise_model=runtime.noise_of(fake), max_parallel_threads=1)
        errors, out = runtime.readout_errors(fake), []
        for compiled in self.device.compiled(circuits):
            bare = compiled.circuit.remove_final_measurements(inplace=False)
            bare.save_probabilities(list(compiled.qubits))
            p = np.asarray(simulator.run(bare, shots=1).result().data(0)["probabilities"])
            joint = np.ones((1, 1))
            for qubit in compiled.qubits:  # bit 0 varies fastest, so it comes last in the product
                up, down = errors[qubit]
                joint = np.kron([[1 - up, down], [up, 1 - down]], joint)
            assert len(active_qubits(compiled.circuit)) <= 5
            out.append(joint @ p)
        return out


def test_a_noisy_device_agrees_with_its_exact_noisy_distribution(exact: qd.Trajectory) -> None:
    device = qd.backend("ibm:fake_manila")
    sampled = qd.evolve(PROBLEM, METHOD, backend=device, shots=SHOTS, seed=5)
    noisy = qd.evolve(PROBLEM, METHOD, backend=NoisyExactly(device), seed=5)
    verdict = qd.compare(sampled, noisy)
    assert verdict.agree, str(verdict)
    against_ideal = qd.compare(sampled, exact)  # the noise is seen: this is not the ideal distribution
    assert not against_ideal.agree
    assert 0.05 < against_ideal.total_variation < 0.6
    assert sampled.provenance["backend_details"]["noise"] == "simulated"


def test_aer_with_the_noise_of_a_device_agrees_with_its_own_exact_probabilities(exact: qd.Trajectory) -> None:
    sampled = qd.evolve(PROBLEM, METHOD, backend="aer:noise=fake_manila", shots=SHOTS, seed=5)
    noisy = qd.evolve(PROBLEM, METHOD, backend="aer:noise=fake_manila", seed=5)
    assert qd.compare(sampled, noisy).agree
    assert 0.05 < qd.compare(noisy, exact).total_variation < 0.8


def test_mitigation_brings_a_noisy_run_closer() -> None:
    small = qd.Problem(
        qd.Grid((-3, 3), 3),
        lambda w: 0.4 * (w[:, 0] - 0.8) ** 2,
        0.4,
        clock="real",
        duration=0.8,
        initial=qd.Gaussian(-1.0, 0.7),
    )
    method = qd.Trotter(steps=1, order=2)
    ideal = qd.evolve(small, method, backend="statevector")

    def miss(**options: Any) -> qd.Comparison:
        device = qd.backend("ibm:fake_manila", **options)
        run = qd.evolve(small, method, backend=device, shots=8000, seed=2, save=[small.duration])
        told = run.provenance["backend_details"]
        assert told["readout_mitigation"] == options.get("readout_mitigation")
        assert told["zne"] == (list(options["zne"]) if "zne" in options else None)
        return qd.compare(run, ideal)

    raw, readout = miss(), miss(readout_mitigation="calibrated")
    line = miss(readout_mitigation="reported", zne=(1, 3))
    curve = miss(readout_mitigation="calibrated", zne=(1, 3), zne_extrapolation="exponential")
    assert raw.total_variation > 0.15
    assert readout.total_variation < 0.95 * raw.total_variation  # most of what is left are errors of gates
    assert line.total_variation < 0.7 * readout.total_variation
    assert curve.total_variation < 0.7 * line.total_variation
    gaps = [abs(float(c.energy_gap.value)) for c in (raw, readout, line, curve)]
    assert gaps == sorted(gaps, reverse=True)  # the energy, from both sampled circuits, comes closer each time
    assert raw.energy_gap.stderr < readout.energy_gap.stderr < line.energy_gap.stderr  # and its error bar pays for it
