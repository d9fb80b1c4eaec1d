"""Circuits that measure and reset on the way, on every backend that runs them, against an independent calculation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import DensityMatrix, Operator, partial_trace

import qml_dynamics as qd
from qml_dynamics.backends.midway import MidwayBackend, sample_midway

SHOTS = 4000


def circuit() -> QuantumCircuit:
    """Qubit 3 is measured and reset twice between gates; no two qubits, bits or outcomes are alike."""
    out = QuantumCircuit(4, 2)
    out.ry(1.0, 0)
    out.cx(0, 2)
    out.ry(0.6, 3)
    out.cx(3, 1)
    out.measure(3, 0)
    out.reset(3)
    out.ry(0.4, 3)
    out.cx(2, 3)
    out.measure(3, 1)
    out.reset(3)
    out.ry(0.5, 1)
    return out


def expected() -> np.ndarray:
    """By density matrices: the part of the state where both bits are 0, and the rest."""
    state = kept = DensityMatrix.from_int(0, 16)
    for step in circuit().data:
        where = [circuit().find_bit(q).index for q in step.qubits]
        if step.operation.name == "reset":
            continue  # done with the measurement
        if step.operation.name != "measure":
            state, kept = (s.evolve(Operator(step.operation), where) for s in (state, kept))
            continue
        zero = DensityMatrix.from_int(0, 2)
        project = Operator(np.diag([1.0, 0.0]))
        state = zero.tensor(partial_trace(state, [3]))
        kept = DensityMatrix(kept.evolve(project, where).data)
    everything, nothing = np.real(np.diag(state.data)), np.real(np.diag(kept.data))
    return np.concatenate([nothing, everything - nothing])


def miss(counts: Any) -> float:
    return 0.5 * float(np.abs(counts.histogram(32) - expected()).sum())


def test_the_calculation_is_not_trivial() -> None:
    law = expected()
    assert law.sum() == pytest.approx(1)
    assert law.min() > -1e-12
    assert 0.1 < law[16:].sum() < 0.5
    assert np.abs(law - law.reshape(2, 2, 2, 2, 2).transpose(0, 4, 3, 2, 1).reshape(-1)).sum() > 0.3  # bit order shows


def devices() -> list[Any]:
    wires = [[0, 1], [1, 2], [2, 3], [3, 4]]
    names = ["aer", "aer:density_matrix", "aer:matrix_product_state", "ibm:aer"]
    return [*names, GenericBackendV2(5, coupling_map=wires, noise_info=False, seed=3)]


@pytest.mark.parametrize("name", devices(), ids=lambda given: given if isinstance(given, str) else "BackendV2")
def test_noiseless_backends_give_the_right_law(name: Any) -> None:
    device = qd.backend(name)
    assert isinstance(device, MidwayBackend)
    counts = sample_midway(device, [circuit()], SHOTS, [3])[0]
    assert counts.shots == SHOTS
    assert miss(counts) < 0.05  # about 12 outcomes: shot noise alone gives 0.02


@pytest.mark.parametrize("name", ["ibm:fake_manila", "aer:noise=fake_manila"])
def test_noisy_devices_keep_the_order_of_the_bits(name: str) -> None:
    """A compiler moves the qubits along the couplers of the device; a wrong layout would miss by more than 0.3."""
    counts = sample_midway(qd.backend(name), [circuit()], 1000, [3])[0]
    assert 0.02 < miss(counts) < 0.25


def test_who_cannot_says_so() -> None:
    for device in (qd.backend("pennylane:default.qubit"), qd.backend("statevector")):
        assert not qd.backends.capabilities(device).midway
        with pytest.raises(qd.BackendError, match="must measure in the middle of a circuit"):
            sample_midway(device, [circuit()], 10, [1])
    mitigated = qd.backend("ibm:fake_manila", readout_mitigation="reported")
    assert not qd.backends.capabilities(mitigated).midway
    with pytest.raises(qd.BackendError, match="classical bits"):
        mitigated.submit([circuit()], 10, [1], "tag")  # type: ignore[attr-defined]
    for name in ("aer", "ibm:aer"):
        with pytest.raises(qd.BackendError, match="classical bits"):  # the plain verb takes none
            qd.backend(name).sample([circuit()], 10, [1])


def test_more_bits_on_the_way_than_an_integer_holds() -> None:
    long = QuantumCircuit(2, 70)
    for bit in range(70):
        long.h(1)
        long.measure(1, bit)
        long.reset(1)
    long.x(0)
    for name in ("aer", "ibm:aer"):
        counts = sample_midway(qd.backend(name), [long], 20, [1])[0]
        assert counts.index.tolist() == [0b101]
        assert counts.shots == 20


@pytest.mark.parametrize("name", ["ibm:aer", "ibm:fake_manila"])
def test_probabilistic_steps_reuse_their_ancilla_on_an_ibm_device(name: str) -> None:
    """Five steps would need six qubits otherwise, one more than the device has."""
    bit = qd.Problem(qd.Hypercube(1), lambda w: w[:, 0], 0.3, clock="imaginary", duration=0.4)
    method = qd.ProbabilisticITE(m0=0.8, steps=5)
    run = qd.evolve(bit, method, backend=name, shots=2000, seed=4)
    exact = qd.evolve(bit, method, backend="statevector")
    kept = float(exact.diagnostics["success_probability"][-1])
    noise = 0.0 if name == "ibm:aer" else 0.12
    assert 0.05 < kept < 0.9
    assert run.diagnostics["success_probability"][-1] == pytest.approx(kept, abs=noise + 0.04)
    assert np.abs(run.density[-1] - exact.density[-1]).max() < noise + 0.08
    assert np.abs(exact.density[-1] - exact.density[0]).max() > 0.1
