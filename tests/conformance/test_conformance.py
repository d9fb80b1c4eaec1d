"""`assert_valid_backend` on every backend, and on backends that are wrong in one way each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2 as AerSampler

import qml_dynamics as qd
from qml_dynamics.backends import assert_valid_backend
from qml_dynamics.backends.conformance.contract import phase_circuits, random_circuit
from qml_dynamics.results.sampling import draw
from qml_dynamics.results.trajectory import Counts
from tests.texts import SIMULATORS


def most_frequent(device: Any) -> int:
    """The outcome that comes most often where X acts on qubit 1 of three: 2, which no other order of the bits gives."""
    circuit = QuantumCircuit(3)
    circuit.x(1)
    circuit.cx(1, 2)
    circuit.cx(2, 0)
    circuit.cx(1, 2)
    circuit.x(0)
    (counts,) = device.sample([circuit], 200, [5])
    return int(counts.index[np.argmax(counts.count)])


@pytest.mark.parametrize(
    "name",
    [
        *SIMULATORS,
        "aer:noise=fake_manila",
        "ibm:fake_manila",
        "pennylane:default.mixed",
        pytest.param("pennylane:braket.local.qubit", marks=pytest.mark.slow),
    ],
)
def test_named_backends(name: str) -> None:
    assert_valid_backend(name, repeats=24)
    assert most_frequent(qd.backend(name)) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], noise_info=False, seed=3),
        lambda: StatevectorSampler(seed=np.random.default_rng(5)),
        lambda: AerSampler(seed=5),
        lambda: BackendSamplerV2(backend=AerSimulator(), options={"seed_simulator": 5}),
        lambda: AerSimulator(method="density_matrix"),
        lambda: __import__("pennylane").device("default.qubit", wires=["a", "b", "c", "d", "e"]),
    ],
    ids=["BackendV2", "StatevectorSampler", "AerSampler", "BackendSampler", "AerSimulator", "device with labels"],
)
def test_objects(make: Callable[[], Any]) -> None:
    device = qd.backend(make())
    assert_valid_backend(device, repeats=24)
    assert most_frequent(device) == 2


def test_a_layout_that_shuffles_the_qubits() -> None:
    device = qd.backend("ibm:fake_manila", layout=[1, 3, 2, 0])
    circuit = random_circuit(4, 2, 3)
    (compiled,) = device.compiled([circuit])  # type: ignore[attr-defined]
    assert compiled.qubits != (0, 1, 2, 3)  # the compiler did move them
    assert compiled.deviation is not None
    assert compiled.deviation < 1e-6
    assert_valid_backend(device, repeats=20)


@pytest.mark.slow
def test_twirling_without_noise_changes_nothing() -> None:
    """Circuits come in plain gates then: the client that twirls refuses the many gates of a simulator."""
    device = qd.backend("ibm:aer", twirling=True)
    assert_valid_backend(device, repeats=20)
    assert most_frequent(device) == 2


def test_a_fake_device_with_its_noise_off() -> None:
    """The device's own gates and couplings, a routed layout, and outcomes as exact as those of a simulator."""
    device = qd.backend("ibm:fake_manila", device_noise=False, layout=[1, 3, 2, 0])
    assert not device.noisy  # type: ignore[attr-defined]
    assert_valid_backend(device, tolerance=0.0, repeats=20)


@pytest.mark.slow
def test_mitigated_backends_keep_the_contract() -> None:
    device = qd.backend("ibm:fake_lima", readout_mitigation="calibrated", zne=(1, 3), optimization_level=1)
    assert_valid_backend(device, repeats=20)
    assert most_frequent(device) == 2


@dataclass(frozen=True)
class Bent:
    """A correct backend with one fault: ``bend`` sees circuits, shots, seeds and the honest probabilities."""

    bend: Callable[..., list[Counts]]
    name: str = "bent"
    exact: bool = False
    noisy: bool = False
    seeding: str = "circuit"

    def states(self, pieces: Any, on_step: Any) -> Any:
        raise qd.BackendError("no amplitudes")

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        return qd.backend("statevector").probabilities(circuits)

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        from qml_dynamics.backends.base import check_circuits

        check_circuits(circuits, shots)
        return self.bend(circuits, shots, seeds, self.probabilities(circuits))

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


def honest(circuits: Any, shots: int, seeds: Any, ps: list[np.ndarray]) -> list[Counts]:
    return [draw(p, shots, seed) for p, seed in zip(ps, seeds)]


def reversed_bits(circuits: Any, shots: int, seeds: Any, ps: list[np.ndarray]) -> list[Counts]:
    flipped = [p.reshape((2,) * c.num_qubits).T.reshape(-1) for p, c in zip(ps, circuits)]
    return honest(circuits, shots, seeds, flipped)


def wrong_sign(circuits: Any, shots: int, seeds: Any, ps: list[np.ndarray]) -> list[Counts]:
    signed = []
    for circuit in circuits:
        out = circuit.copy_empty_like()
        for step in circuit.data:
            diagonal = step.operation.name in ("rz", "p", "s", "cp", "rzz")
            out.append(step.operation.inverse() if diagonal else step.operation, step.qubits)
        signed.append(out)
    return honest(circuits, shots, seeds, qd.backend("statevector").probabilities(signed))


def swapped_pair(circuits: Any, shots: int, seeds: Any, ps: list[np.ndarray]) -> list[Counts]:
    """A layout that leaks, where the circuit is wide enough for the compiler to swap qubits 1 and 2 in the end."""
    leaky = []
    for p, c in zip(ps, circuits):
        wide = c.num_qubits == 4 and c.num_nonlocal_gates() > 3
        leaky.append(p.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(-1) if wide else p)
    return honest(circuits, shots, seeds, leaky)


def one_seed(circuits: Any, shots: int, seeds: Any, ps: list[np.ndarray]) -> list[Counts]:
    return [draw(p, shots, 7) for p in ps]


def batch_seed(circuits: Any, shots: int, seeds: Any, ps: list[np.ndarray]) -> list[Counts]:
    rng = np.random.default_rng(seeds[0])
    return [draw(p, shots, int(rng.integers(2**60))) for p in ps]


def overconfident(circuits: Any, shots: int, seeds: Any, ps: list[np.ndarray]) -> list[Counts]:
    """Every sample told nine times over."""
    if shots >= 2000:
        return honest(circuits, shots, seeds, ps)
    few = honest(circuits, max(1, shots // 9), seeds, ps)
    out = []
    for counts in few:
        more = counts.count * 9
        more[0] += shots - more.sum()
        out.append(Counts(counts.index, more))
    return out


def frozen_error(circuits: Any, shots: int, seeds: Any, ps: list[np.ndarray]) -> list[Counts]:
    """An error that does not fall with the shots: each circuit's probabilities are perturbed first."""
    if shots >= 2000:
        return honest(circuits, shots, seeds, ps)
    shaken = [p * np.exp(0.5 * np.random.default_rng(s).normal(size=p.size)) for p, s in zip(ps, seeds)]
    return honest(circuits, shots, seeds, shaken)


def too_few(circuits: Any, shots: int, seeds: Any, ps: list[np.ndarray]) -> list[Counts]:
    return honest(circuits, max(1, shots - 1), seeds, ps)


def wrong_order(circuits: Any, shots: int, seeds: Any, ps: list[np.ndarray]) -> list[Counts]:
    out = honest(circuits, shots, seeds, ps)
    return out if len({c.num_qubits for c in circuits}) == 1 and len(out) == 4 else out[::-1]


def test_the_frame_itself_is_valid() -> None:
    assert_valid_backend(Bent(honest))
    assert most_frequent(Bent(honest)) == 2


@pytest.mark.parametrize(
    ("bend", "clause"),
    [
        (reversed_bits, "2"),
        (wrong_sign, "3"),
        (swapped_pair, "4"),
        (one_seed, "7"),
        (batch_seed, "7"),
        (overconfident, "8"),
        (frozen_error, "8"),
        (too_few, "6"),
    ],
)
def test_each_fault_is_found_by_its_clause(bend: Callable[..., list[Counts]], clause: str) -> None:
    with pytest.raises(AssertionError, match=rf"^{clause}\."):
        assert_valid_backend(Bent(bend))


@dataclass(frozen=True)
class Narrow(Bent):
    """One that refuses circuits wider than it says."""

    most_qubits: int = 3

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        if (widest := max(circuit.num_qubits for circuit in circuits)) > self.most_qubits:
            raise qd.BackendError(f"Argument `circuits` must have at most {self.most_qubits} qubits, but has {widest}.")
        return super().sample(circuits, shots, seeds)


def test_a_backend_of_three_qubits_is_tried_on_three() -> None:
    assert_valid_backend(Narrow(honest), repeats=20)
    with pytest.raises(AssertionError, match=r"^2\."):
        assert_valid_backend(Narrow(reversed_bits), repeats=20)
    with pytest.raises(AssertionError, match=r"^1\. at least 3 qubits, .*: most_qubits is 2$"):
        assert_valid_backend(Narrow(honest, most_qubits=2), repeats=20)


def test_a_swapped_answer_is_found() -> None:
    with pytest.raises(AssertionError):
        assert_valid_backend(Bent(wrong_order))


def test_a_conjugated_global_phase_is_found() -> None:
    class Conjugated(type(qd.backend("statevector"))):  # type: ignore[misc]
        def states(self, pieces: Any, on_step: Any) -> Any:
            return (np.conj(state) for state in super().states(pieces, on_step))

    with pytest.raises(AssertionError, match=r"^5\."):
        assert_valid_backend(Conjugated())


def test_phase_circuits_tell_both_signs_apart() -> None:
    for name, circuit, outcome in phase_circuits():
        flipped = circuit.copy_empty_like()
        for step in circuit.data:
            turned = step.operation.inverse() if step.operation.name == name else step.operation
            flipped.append(turned, step.qubits)
        right, wrong = qd.backend("statevector").probabilities([circuit, flipped])
        assert right[outcome] > 1 - 1e-12, name
        assert wrong[outcome] < 1e-12, name
