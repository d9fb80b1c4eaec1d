"""V2 estimators as backends: values, honest errors, seeds, and where samples come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import (
    BackendEstimatorV2,
    BaseEstimatorV2,
    DataBin,
    PrimitiveResult,
    PubResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import EstimatorV2 as AerEstimator

import qml_dynamics as qd
from qml_dynamics.backends.base import Asked, EstimatingBackend, Expected
from qml_dynamics.backends.conformance.contract import random_circuit
from qml_dynamics.backends.estimator.kinds import MOST_QUBITS, outcomes_of, strings
from qml_dynamics.backends.estimator.pubs import squared
from qml_dynamics.methods.from_samples import diagonal_operators
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.pauli import diagonal_sum, pauli_sum
from qml_dynamics.results.observables import pauli_groups, read_observables

CORRELATED = SparsePauliOp(["IIZ", "IZI", "IZZ", "ZII", "XII"], [0.5, 0.5, 0.5, 0.3, 0.4])


class Foreign(BaseEstimatorV2):
    """An estimator of another house: it samples, says nothing of its device, and takes no seed from whoever asks."""

    def __init__(self, seed: int = 5) -> None:
        self._inner = BackendEstimatorV2(backend=AerSimulator())
        self._draws = np.random.default_rng(
            seed
        )  # its own: without them the tests below would fail once in a hundred runs

    def run(self, pubs: Any, *, precision: float | None = None) -> Any:
        self._inner.options.seed_simulator = int(self._draws.integers(2**31))
        return self._inner.run(pubs, precision=precision)


def chain() -> qd.Problem:
    wave = np.array([3, 1j, 0, 2, 0, 0, 1, 0]) / np.sqrt(15)
    operator = SparsePauliOp(["XXI", "IZZ", "ZIY", "IIX", "III"], [0.4, 0.9, -0.3, 0.6, 0.25])
    return qd.Problem.from_operator(operator, clock="real", duration=0.8, initial=wave)


def walls() -> qd.Problem:
    """One ancilla, and a dual basis whose outcomes are folded onto half of the register."""
    return qd.Problem(
        qd.Grid((-3, 3), 3, boundary="walls"), lambda w: 0.4 * (w[:, 0] - 0.8) ** 2, 0.4, clock="real", duration=0.8,
        initial=qd.Gaussian(-1.0, 0.7),
    )  # fmt: skip


OBSERVED = {"weight": lambda w: w[:, 0], "speed": lambda k: k[:, 0] ** 3, "operator": SparsePauliOp("XYZ")}


@pytest.mark.parametrize("make", [walls, chain], ids=["walls", "operator"])
@pytest.mark.parametrize("estimator", [StatevectorEstimator, AerEstimator])
def test_without_shots_an_exact_estimator_gives_what_the_wave_gives(make: Any, estimator: Any) -> None:
    problem = make()
    seen = {"operator": OBSERVED["operator"]} if make is chain else OBSERVED
    run = qd.evolve(problem, qd.Trotter(2), backend=estimator(), observables=seen, save=[0.0, 0.5, 0.8])
    truth = qd.evolve(problem, qd.Trotter(2), observables=seen, save=[0.0, 0.5, 0.8])
    names = {"energy", *seen} | ({"kinetic", "objective"} if make is walls else set())
    assert set(run.diagnostics["estimated"]) == names == set(truth.expectations)
    for name, told in run.expectations.items():
        assert np.allclose(told.value, truth.expectations[name].value, atol=1e-9), name
        assert not np.any(told.stderr), name
        assert told.shots is None
    assert np.abs(np.diff(truth.expectations["operator"].value)).max() > 0.01  # it moved
    assert qd.compare(run, truth).agree


@pytest.mark.parametrize(
    "make",
    [StatevectorEstimator, AerEstimator, lambda: BackendEstimatorV2(backend=AerSimulator()), Foreign],
    ids=["StatevectorEstimator", "Aer", "BackendEstimatorV2", "foreign"],
)
def test_everything_agrees_within_shot_noise(make: Any) -> None:
    for problem, seen in ((walls(), {"weight": OBSERVED["weight"]}), (chain(), None)):
        truth = qd.evolve(problem, qd.Trotter(1), observables=seen, save=[0.8])
        run = qd.evolve(problem, qd.Trotter(1), backend=make(), shots=4000, seed=3, observables=seen, save=[0.8])
        verdict = qd.compare(run, truth)
        assert verdict.agree, verdict
        for name, told in run.expectations.items():
            assert 0 < told.stderr[0] < 0.2
            assert abs(told.value[0] - truth.expectations[name].value[0]) < 4.5 * told.stderr[0], name
        assert run.shots is not None
        assert 3000 < run.shots <= 4000
        assert "energy" in run.diagnostics["estimated"]


def _repeat(estimator: Any, repeats: int = 40, shots: int = 400) -> tuple[np.ndarray, np.ndarray, float]:
    device, circuit = qd.backend(estimator), random_circuit(3, 1, 4)
    assert isinstance(device, EstimatingBackend)
    told = device.estimate([Asked(circuit, (pauli_sum(CORRELATED),))] * repeats, shots, list(range(repeats)))
    ideal = Statevector(circuit).expectation_value(CORRELATED).real
    return np.array([t.value[0] for t in told]), np.array([t.stderr[0] for t in told]), float(ideal)


def test_errors_of_a_sampling_estimator_are_those_of_its_samples() -> None:
    """Its own, ``sum |c| sigma / sqrt(N)``, are twice the spread for these strings, which are measured together."""
    values, errors, ideal = _repeat(BackendEstimatorV2(backend=AerSimulator()))
    assert abs(values.mean() - ideal) < 4 * errors.mean() / np.sqrt(40)
    assert 0.7 < values.std(ddof=1) / errors.mean() < 1.35
    own = (
        BackendEstimatorV2(backend=AerSimulator())
        .run([(random_circuit(3, 1, 4), CORRELATED)], precision=0.05)
        .result()[0]
    )
    assert float(own.data.stds) > 1.5 * errors.mean()


def test_errors_of_an_estimator_that_tells_none() -> None:
    """``StatevectorEstimator`` adds noise of the precision asked for, and says that its error is 0."""
    own = StatevectorEstimator(seed=1).run([(random_circuit(3, 1, 4), CORRELATED)], precision=0.05).result()[0]
    assert float(own.data.stds) == 0.0
    values, errors, ideal = _repeat(StatevectorEstimator(seed=1))
    assert np.allclose(errors, 0.05)
    assert 0.7 < values.std(ddof=1) / 0.05 < 1.35
    assert abs(values.mean() - ideal) < 4 * 0.05 / np.sqrt(40)


def test_without_grouping_the_estimators_own_bound_stands() -> None:
    estimator = BackendEstimatorV2(backend=AerSimulator(), options={"abelian_grouping": False})
    assert qd.backend(estimator).describe()["errors"] == "told"
    values, errors, _ = _repeat(estimator, 24)
    assert values.std(ddof=1) < errors.mean() < 4 * values.std(ddof=1)


@pytest.mark.parametrize(
    "make", [StatevectorEstimator, AerEstimator, lambda: BackendEstimatorV2(backend=AerSimulator())]
)
def test_the_seed_of_a_circuit_decides_for_any_batching(make: Any) -> None:
    estimator = make()
    device, asked = qd.backend(estimator), Asked(random_circuit(3, 1, 4), (pauli_sum(CORRELATED),))
    assert device.seeding == "circuit"  # type: ignore[attr-defined]
    both = device.estimate([asked, asked], 200, [1, 2])  # type: ignore[attr-defined]
    (alone,) = device.estimate([asked], 200, [2])  # type: ignore[attr-defined]
    assert both[1].value[0] == pytest.approx(alone.value[0], rel=1e-13)  # Aer adds terms in any order
    assert abs(both[0].value[0] - alone.value[0]) > 1e-4
    options = getattr(estimator, "options", None)  # the person's own are what they were
    assert getattr(options, "seed_simulator", None) is None
    assert not getattr(options, "run_options", {})


def test_squares_of_one_basis() -> None:
    operator = pauli_sum(SparsePauliOp(["YXI", "IXZ", "YIZ", "YII"], [0.7, -0.5, 0.4, 0.2]))
    (group,) = pauli_groups(operator)
    square, constant = squared(operator, group)
    dense = operator.matrix() @ operator.matrix()
    assert np.allclose(square.matrix() + constant * np.eye(8), dense)
    many = diagonal_sum(np.random.default_rng(2).normal(size=2**11), 11)
    assert len(many.coefficients) > 1024  # past which products are not multiplied out
    (group,) = pauli_groups(many)
    square, constant = squared(many, group)
    assert constant == pytest.approx(float((many.coefficients**2).sum()))
    wave = np.random.default_rng(3).normal(size=2**11)
    assert np.allclose(square.apply(wave) + constant * wave, many.apply(many.apply(wave)))


def test_a_sampler_beside_an_estimator() -> None:
    for device in (
        qd.backend("aer:density_matrix", estimator=StatevectorEstimator()),
        qd.backend(StatevectorEstimator(), sampler="aer:density_matrix"),
    ):
        assert device.describe()["sampler"] == "aer:density_matrix"
        run = qd.evolve(chain(), qd.Trotter(1), backend=device, shots=300, seed=5)
        plain = qd.evolve(chain(), qd.Trotter(1), backend="aer:density_matrix", shots=300, seed=5)
        assert np.array_equal(run.density, plain.density)
        assert run.diagnostics["estimated"] == ("energy",)
        assert run.expectations["energy"].stderr[-1] == pytest.approx(300**-0.5)
    device = qd.backend(StatevectorSampler(seed=np.random.default_rng(1)), estimator=Foreign())
    assert qd.evolve(chain(), qd.Trotter(1), backend=device, shots=300).shots == 300
    noisy = qd.backend(GenericBackendV2(4, seed=3), estimator=StatevectorEstimator())
    assert qd.cost(chain(), qd.Trotter(2), backend=noisy, shots=100).device is not None  # it stands on a device


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        (
            "aer",
            {"estimator": StatevectorSampler()},
            "V2 estimator of Qiskit, but is an object of type StatevectorSampler",
        ),
        ("aer", {"sampler": "aer"}, "`estimator` must be a V2 estimator of Qiskit, but is 'aer'"),
        ("aer", {"estimator": "aer", "sampler": "aer"}, "one of both is the first argument"),
        ("arr", {"estimator": StatevectorEstimator()}, "Did you mean 'aer'"),
        (StatevectorEstimator(), {"estimator": StatevectorEstimator()}, "`sampler` must give samples"),
        (StatevectorEstimator(), {"layout": [0, 1]}, "must be empty"),
        (BackendEstimatorV2(backend=GenericBackendV2(3, seed=1)), {"lay_out": [0, 1]}, "Did you mean 'layout'"),
        (Foreign(), {"zne": (1, 3)}, "`zne` must be set on the estimator itself"),
    ],
)
def test_wrong_pairs_are_refused(name: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(qd.BackendError, match=said):
        qd.backend(name, **options)


def test_strings_of_z_give_the_outcomes() -> None:
    device, circuit = qd.backend(Foreign()), random_circuit(3, 2, 5)
    (counts,) = device.sample([circuit], 3000, [1])
    ideal = qd.backend("statevector").probabilities([circuit])[0]
    assert counts.shots == 3000  # the strings share their samples, so nothing is lost
    assert 0.5 * np.abs(counts.histogram(8) - ideal).sum() < 0.05
    assert [o.labels[0] for o in strings(3)][4] == "ZIZ"
    certain = outcomes_of(Expected(np.array([-1.0, 1.0, -1.0]), np.zeros(3)), 50)
    assert (certain.index.tolist(), certain.count.tolist()) == ([1], [50])


def test_what_an_estimator_cannot_give_is_said_with_the_way_out() -> None:
    device = qd.backend(Foreign())
    wide = QuantumCircuit(MOST_QUBITS + 1)
    wide.x(0)
    with pytest.raises(qd.BackendError, match=r"at most 8: give what samples beside it, as in .*sampler="):
        device.sample([wide], 10, [1])
    with pytest.raises(qd.BackendError, match="`shots` must be given"):
        qd.evolve(chain(), qd.Trotter(1), backend=Foreign())
    with pytest.raises(qd.BackendError, match="noiseless statevector for amplitudes"):
        device.states([wide], lambda done, total: None)
    with pytest.raises(qd.BackendError, match="measure qubits on the way"):
        device.sample_midway([wide], 10, [1])  # type: ignore[attr-defined]
    small = qd.backend(BackendEstimatorV2(backend=GenericBackendV2(3, seed=1)))
    with pytest.raises(qd.BackendError, match="at least 4 qubits"):
        small.estimate([Asked(QuantumCircuit(4), (pauli_sum(SparsePauliOp("ZIII")),))], 10, [1])  # type: ignore[attr-defined]
    with pytest.raises(qd.BackendError, match="shots"):
        small.estimate([Asked(QuantumCircuit(2), (pauli_sum(SparsePauliOp("ZI")),))], 0, [1])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"evs": np.ones(3)}, "must give `evs` and `stds` for circuit 0, but gave no `stds`"),
        ({"evs": np.ones(3) + 1j, "stds": np.ones(3)}, "must give real values for circuit 0, but gave complex ones"),
    ],
)
def test_what_a_foreign_estimator_leaves_out_is_named(told: dict[str, Any], said: str) -> None:
    class Odd(Foreign):
        def run(self, pubs: Any, *, precision: float | None = None) -> Any:
            job = super().run(pubs, precision=precision)
            parts = [
                PubResult(DataBin(**{k: v[: np.size(one.data.evs)] for k, v in told.items()})) for one in job.result()
            ]
            job.result = lambda: PrimitiveResult(parts)
            return job

    with pytest.raises(qd.BackendError, match=said):
        qd.evolve(chain(), qd.Trotter(1), backend=Odd(), shots=100, seed=1)


def test_a_broken_estimator_is_told_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "planted-token-1234567890")

    class Broken(Foreign):
        def run(self, pubs: Any, *, precision: float | None = None) -> Any:
            raise ConnectionError("refused for planted-token-1234567890")

    with pytest.raises(qd.BackendError, match=r"Running on qiskit:Broken failed: .*\[hidden\]") as caught:
        qd.evolve(chain(), qd.Trotter(1), backend=Broken(), shots=10, seed=1)
    assert caught.value.__context__ is None


def test_functions_of_too_many_strings_are_left_to_the_samples() -> None:
    table = np.random.default_rng(1).normal(size=2**13)
    problem = qd.Problem(
        qd.Hypercube(13), qd.objectives.from_table(table, qd.Hypercube(13)), 1.0, clock="real", duration=0.1
    )
    h = hamiltonian(problem)
    seen = read_observables({"first": lambda w: w[:, 0] + 2.0}, problem)
    found = diagonal_operators(problem, h, seen, 13)
    assert list(found["weight"]) == ["first"]
    assert sorted(found["weight"]["first"].labels) == ["I" * 13, "Z" + "I" * 12]
    assert len(found["dual"]["kinetic"].coefficients) == 14


def test_randomised_and_measured_methods_run_on_an_estimator() -> None:
    random = qd.evolve(chain(), qd.QDrift(samples=20, draws=3), backend=AerEstimator(), shots=600, seed=2)
    assert 0.02 < random.expectations["energy"].stderr[-1] < 0.3
    bit = qd.Problem.from_operator([[1.0, 0.5], [0.5, -1.0]], clock="imaginary", duration=0.3)
    method = qd.Variational(qd.ansatz.hardware_efficient(0), steps=2)
    run = qd.evolve(bit, method, backend=StatevectorEstimator(), shots=2000, seed=7)
    assert run.expectations["energy"].value[-1] < run.expectations["energy"].value[0] - 0.1


def test_a_run_in_a_folder_is_the_run(tmp_path: Path) -> None:
    device = qd.backend(StatevectorEstimator())
    run = qd.submit(walls(), qd.Trotter(1), backend=device, shots=200, seed=4, folder=tmp_path / "run", quiet=True)
    stored, direct = run.fetch(), qd.evolve(walls(), qd.Trotter(1), backend=device, shots=200, seed=4)
    assert stored is not None
    assert np.array_equal(stored.density, direct.density)
    assert stored.diagnostics["estimated"] == direct.diagnostics["estimated"]
    for name, told in direct.expectations.items():
        assert np.array_equal(stored.expectations[name].value, told.value), name
        assert np.array_equal(stored.expectations[name].stderr, told.stderr), name
    assert np.array_equal(qd.open_run(tmp_path / "run", backend=device).fetch().density, direct.density)
    with pytest.raises(qd.BackendError, match=r"differs in .*sampler"):
        qd.open_run(tmp_path / "run", backend=qd.backend("aer", estimator=StatevectorEstimator()))
