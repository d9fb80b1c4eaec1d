"""`assert_valid_backend` on backends that estimate, and on estimates that are wrong in one way each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendEstimatorV2, BaseEstimatorV2, StatevectorEstimator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_aer.primitives import EstimatorV2 as AerEstimator
from qiskit_ibm_runtime.executor_estimator import Estimator as RuntimeEstimator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

import qml_dynamics as qd
from qml_dynamics.backends import assert_valid_backend
from qml_dynamics.backends.base import Asked, Expected, check_asked
from qml_dynamics.backends.conformance.operators import estimates, values
from qml_dynamics.model.pauli import PauliSum


class Foreign(BaseEstimatorV2):
    """An estimator of another house: it samples, says nothing of its device, and takes no seed from whoever asks."""

    def __init__(self) -> None:
        self._inner = BackendEstimatorV2(backend=AerSimulator())
        self._draws = np.random.default_rng(8)

    def run(self, pubs: Any, *, precision: float | None = None) -> Any:
        self._inner.options.seed_simulator = int(self._draws.integers(2**31))
        return self._inner.run(pubs, precision=precision)


def noisy() -> AerEstimator:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])
    return AerEstimator(options={"backend_options": {"noise_model": model, "method": "density_matrix"}})


def line() -> GenericBackendV2:
    return GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], noise_info=False, seed=3)


def of_one_flip(device: Any) -> np.ndarray:
    """The means of Z on qubits 0, 1 and 2 where X acts on qubit 1: 1, -1, 1."""
    circuit = QuantumCircuit(3)
    circuit.x(1)
    operators = tuple(PauliSum(3, np.array([0]), np.array([1 << q]), np.ones(1)) for q in range(3))
    (told,) = device.estimate([Asked(circuit, operators)], 2000, [5])
    return np.asarray(told.value)


@pytest.mark.parametrize(
    "make",
    [
        StatevectorEstimator,
        Foreign,
        pytest.param(AerEstimator, marks=pytest.mark.slow),
        pytest.param(noisy, marks=pytest.mark.slow),
        pytest.param(lambda: BackendEstimatorV2(backend=AerSimulator()), marks=pytest.mark.slow),
        pytest.param(lambda: BackendEstimatorV2(backend=line()), marks=pytest.mark.slow),
        pytest.param(lambda: RuntimeEstimator(mode=AerSimulator()), marks=pytest.mark.slow),
    ],
    ids=["Statevector", "foreign", "Aer", "Aer with noise", "Backend", "Backend on a line", "runtime, local mode"],
)
def test_an_estimator_alone(make: Callable[[], Any]) -> None:
    device = qd.backend(make())
    assert device.estimates  # type: ignore[attr-defined]
    seeded = make is StatevectorEstimator
    assert_valid_backend(device, repeats=20 if seeded else 60)  # without seeds the statistics need room


def test_an_estimator_beside_a_sampler() -> None:
    device = qd.backend("statevector", estimator=StatevectorEstimator(seed=3))
    assert_valid_backend(device, repeats=20)
    assert of_one_flip(device) == pytest.approx([1, -1, 1], abs=0.15)  # it adds the noise of 2,000 shots


@pytest.mark.parametrize("make", [lambda d: BackendEstimatorV2(backend=d), lambda d: RuntimeEstimator(mode=d)])
@pytest.mark.slow
def test_estimators_on_a_fake_device_whose_layout_shuffles(make: Any) -> None:
    """Order and signs on routed qubits; the statistics of these estimators are those of the same ones above."""
    device = qd.backend(make(FakeManilaV2()), layout=[3, 1, 2])
    values(device, 0.25, 1)
    assert of_one_flip(device) == pytest.approx([1, -1, 1], abs=0.25)  # the device has noise


@pytest.mark.slow
def test_the_estimator_behind_an_ibm_device() -> None:
    device = qd.backend("ibm:aer", zne=(1, 3))
    estimates(device, 0.0, False, 1, 20)
    assert of_one_flip(device) == pytest.approx([1, -1, 1], abs=0.1)


@dataclass(frozen=True)
class Bent:
    """A correct estimator with one fault: ``bend`` sees what it is asked, and the honest answers."""

    bend: Callable[..., list[Expected]]
    name: str = "bent"

    def estimate(self, asked: Sequence[Asked], shots: int, seeds: Sequence[int]) -> list[Expected]:
        check_asked(asked, shots)
        honest = qd.backend(StatevectorEstimator())
        return self.bend(asked, shots, lambda what: honest.estimate(what, shots, seeds))  # type: ignore[attr-defined]


def honest(asked: Any, shots: int, ask: Any) -> list[Expected]:
    return ask(asked)


def reversed_labels(asked: Any, shots: int, ask: Any) -> list[Expected]:
    def turned(o: PauliSum) -> PauliSum:
        masks = [np.array([int(f"{m:0{o.num_qubits}b}"[::-1], 2) for m in side.tolist()]) for side in (o.x, o.z)]
        return replace(o, x=masks[0], z=masks[1])

    return ask([Asked(a.circuit, tuple(turned(o) for o in a.operators)) for a in asked])


def wrong_sign_of_y(asked: Any, shots: int, ask: Any) -> list[Expected]:
    def turned(o: PauliSum) -> PauliSum:
        return replace(o, coefficients=o.coefficients * (-1.0) ** np.bitwise_count(o.x & o.z))

    return ask([Asked(a.circuit, tuple(turned(o) for o in a.operators)) for a in asked])


def without_constants(asked: Any, shots: int, ask: Any) -> list[Expected]:
    idle = [[float(o.coefficients[(o.x | o.z) == 0].sum()) for o in a.operators] for a in asked]
    return [replace(a, value=a.value - np.array(c)) for a, c in zip(ask(asked), idle)]


def operators_out_of_order(asked: Any, shots: int, ask: Any) -> list[Expected]:
    return [replace(a, value=np.roll(a.value, 1)) for a in ask(asked)]


def overconfident(asked: Any, shots: int, ask: Any) -> list[Expected]:
    return [replace(a, stderr=a.stderr / (3 if shots < 2000 else 1)) for a in ask(asked)]


def timid(asked: Any, shots: int, ask: Any) -> list[Expected]:
    return [replace(a, stderr=20 * a.stderr) for a in ask(asked)]


def frozen(asked: Any, shots: int, ask: Any) -> list[Expected]:
    return [replace(a, stderr=np.maximum(a.stderr, 0.08 * (a.stderr > 0))) for a in ask(asked)]


def one_noise(asked: Any, shots: int, ask: Any) -> list[Expected]:
    told = ask(asked)
    return told if len(told) < 3 else [told[0]] * len(told)


def test_the_frame_itself_is_valid() -> None:
    estimates(Bent(honest), 0.0, False, 1, 20)
    assert of_one_flip(Bent(honest)) == pytest.approx([1, -1, 1], abs=0.15)  # it adds the noise of 2,000 shots


@pytest.mark.parametrize(
    ("bend", "clause"),
    [
        (reversed_labels, "12. values of operators"),
        (wrong_sign_of_y, "12. values of operators"),
        (without_constants, "12. values of operators"),
        (operators_out_of_order, "12. values of operators"),
        (overconfident, "13. "),
        (timid, "13. errors are not a matter of form"),
        (frozen, "13. errors fall"),
        (one_noise, "13. repeated circuits are independent"),
    ],
)
def test_each_fault_is_found_by_its_clause(bend: Callable[..., list[Expected]], clause: str) -> None:
    with pytest.raises(AssertionError, match=rf"^{clause}"):
        estimates(Bent(bend), 0.0, False, 1, 20)


def test_an_estimator_that_takes_anything_is_found() -> None:
    class Careless(Bent):
        def estimate(self, asked: Sequence[Asked], shots: int, seeds: Sequence[int]) -> list[Expected]:
            return super().estimate(asked, max(1, shots), seeds)

    with pytest.raises(AssertionError, match=r"^14\. 0 shots"):
        estimates(Careless(honest), 0.0, False, 1, 20)
