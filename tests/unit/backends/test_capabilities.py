"""What backends state of themselves: one object, one reader, and a contract that finds what is not true of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorEstimator, StatevectorSampler

import qml_dynamics as qd
from qml_dynamics.backends import Capabilities, capabilities
from qml_dynamics.backends.base import Expected, check_circuits
from qml_dynamics.backends.conformance.contract import limits, readable
from qml_dynamics.base.errors import BackendError
from qml_dynamics.results.sampling import draw
from qml_dynamics.results.trajectory import Counts
from qml_dynamics.runs.replay import ReplayBackend
from qml_dynamics.runs.units import GROUP, keeps_jobs, repeatable, unit


class Plain:
    """The least that the contract asks for: no attribute but a name and `exact`."""

    name, exact = "plain", False

    def states(self, pieces: Any, on_step: Any) -> Any:
        raise BackendError("no amplitudes")

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        return qd.backend("statevector").probabilities(circuits)

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        check_circuits(circuits, shots)
        return [draw(p, shots, seed) for p, seed in zip(self.probabilities(circuits), seeds)]

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


class OfToday(Plain):
    """What it can do by attributes and verbs."""

    noisy, seeding, measures_midway, estimates, estimates_losses, mitigates = True, "none", True, True, True, True
    max_circuits, most_qubits = 7, 4

    def seconds(self, circuits: Any, shots: int) -> float:
        return 3.0


@dataclass
class Stated(Plain):
    """What it can do by one object."""

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(exact=False, noisy=True, seeding="batch"))


class Wrapped:
    """Hands everything on to another backend but what it says itself."""

    exact, seeding = False, "none"

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


OWN = {
    "statevector": lambda: qd.backend("statevector"),
    "aer": lambda: qd.backend("aer"),
    "noise": lambda: qd.backend("aer:noise=fake_manila"),
    "fake": lambda: qd.backend("ibm:fake_manila", zne=(1, 3), readout_mitigation="calibrated"),
    "pennylane": lambda: qd.backend("pennylane:default.qubit", analytic=True),
    "sampler": lambda: qd.backend(StatevectorSampler(seed=1)),
    "estimator": lambda: qd.backend(StatevectorEstimator(), sampler="ibm:fake_manila"),
}


@pytest.mark.parametrize("name", OWN)
def test_our_backends_state_one_object_that_their_attributes_agree_with(name: str) -> None:
    device = OWN[name]()
    stated = readable(device)
    assert capabilities(device) == stated == device.capabilities  # type: ignore[attr-defined]
    assert stated.exact == device.exact == (name in ("statevector", "aer", "pennylane"))


def test_what_they_state() -> None:
    fake, noise, pair = (capabilities(OWN[name]()) for name in ("fake", "noise", "estimator"))
    assert (fake.jobs, fake.local, fake.on_device, fake.estimates, fake.midway) == (True, True, True, True, False)
    assert (fake.seeding, fake.mitigates, fake.most_qubits) == ("batch", True, 5)
    assert fake.keywords["zne"] == [1, 3]
    assert (noise.noisy, noise.midway, noise.most_qubits, noise.jobs) == (True, True, 5, False)
    assert (pair.on_device, pair.estimates, pair.estimates_exactly, pair.jobs) == (True, True, True, False)
    assert pair.most_qubits == 5
    assert capabilities(qd.backend("ibm:fake_manila", layout=[1, 3, 2])).most_qubits == 3
    assert capabilities(qd.backend("pennylane:default.qubit", analytic=True)).keywords == {"analytic": True}


def test_a_circuit_wider_than_the_device_is_refused_before_it_is_compiled() -> None:
    wide, narrow = (
        qd.Problem(qd.Grid((-2, 2), n), lambda w: w[:, 0] ** 2, 0.5, clock="real", duration=1.0) for n in (6, 4)
    )
    for name in ("ibm:fake_manila", "aer:noise=fake_manila"):
        with pytest.raises(BackendError, match=r"must have at least 6 qubits, but .*fake_manila has 5"):
            qd.cost(wide, qd.Trotter(1), backend=name, shots=10)
    with pytest.raises(BackendError, match="`layout` must name 4"):
        qd.cost(narrow, qd.Trotter(1), backend=qd.backend("ibm:fake_manila", layout=[1, 3, 2]), shots=10)


def test_attributes_of_today_are_read_with_their_defaults() -> None:
    assert capabilities(Plain()) == Capabilities(exact=False)
    expected = Capabilities(
        exact=False, noisy=True, seeding="none", midway=True, estimates=True, estimates_losses=True, mitigates=True,
        seconds=True, max_circuits=7, most_qubits=4,
    )  # fmt: skip
    assert capabilities(OfToday()) == expected


def test_what_is_stated_decides() -> None:
    assert (capabilities(Stated()).noisy, repeatable(Stated()), keeps_jobs(Stated())) == (True, True, False)
    circuits = [QuantumCircuit(1)] * 50
    assert [unit(device, circuits, 10) for device in (Plain(), Stated(), OfToday())] == [GROUP, 50, 1]


def test_a_wrapper_that_hands_everything_on_counts_for_what_it_says_itself() -> None:
    inner = qd.backend("aer")
    found = capabilities(Wrapped(inner))  # type: ignore[arg-type]
    assert capabilities(inner).exact
    assert (found.exact, found.seeding, found.midway, found.binds) == (False, "none", True, True)
    over = capabilities(Wrapped(Stated()))  # type: ignore[arg-type]
    assert (over.noisy, over.seeding) == (True, "none")


def test_the_replay_of_a_run_can_what_the_device_can_but_for_the_device_itself() -> None:
    device = OWN["fake"]()
    found = capabilities(ReplayBackend(device, None, Path(), "run", lambda *what: None))  # type: ignore[arg-type]
    assert found == replace(
        capabilities(device), exact=False, jobs=False, local=False, on_device=False, binds=False, seconds=False,
        reason=False, usage=False, max_circuits=None, max_executions=None,
    )  # fmt: skip
    assert found.estimates
    exact = capabilities(ReplayBackend(qd.backend("aer"), None, Path(), "run", lambda *what: None))  # type: ignore[arg-type]
    assert (exact.exact, exact.midway) == (False, True)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Capabilities(exact=1), "`exact` must be True or False, but is 1"),  # type: ignore[arg-type]
        (lambda: Capabilities(exact=True, seeding="shots"), "`seeding` must be one of circuit, batch, none"),  # type: ignore[arg-type]
        (lambda: Capabilities(exact=True, most_qubits=0), "`most_qubits` must be an integer between 1"),
        (lambda: Capabilities(exact=True, jobs=True), "`max_circuits` must be given"),
        (lambda: capabilities(Stated({"exact": True})), "must state its capabilities as a Capabilities object"),  # type: ignore[arg-type]
    ],
)
def test_what_is_none_of_its_kind_is_refused(make: Any, words: str) -> None:
    with pytest.raises(BackendError, match=words):
        make()


class Lying(Stated):
    """With verbs, so that only what they do can show the lie."""

    max_circuits = 2

    def sample_midway(self, circuits: Any, shots: int, seeds: Any) -> Any:
        return self.sample([QuantumCircuit(c.num_qubits) for c in circuits], shots, seeds)

    def estimate(self, asked: Any, shots: Any, seeds: Any) -> list[Expected]:
        return [Expected(np.zeros(len(item.operators)), np.zeros(len(item.operators))) for item in asked]

    def submit(self, circuits: Any, shots: int, seeds: Any, tag: str) -> str:
        return tag

    def find(self, tag: str) -> list[str]:
        return [tag]

    def status(self, job_id: str) -> str:
        return "done"

    def collect(self, job_id: str) -> list[Any]:
        return [None, None]

    def cancel(self, job_id: str) -> None:
        pass

    def probabilities_bound(self, circuit: Any, values: Any) -> np.ndarray:
        return np.full((len(values), 4), 0.25)

    def draws_exactly(self, num_qubits: int) -> bool:
        return True


@pytest.mark.parametrize(
    ("lie", "clause"),
    [
        ({"most_qubits": 3}, "15. 4 qubits are refused"),
        ({"estimates": True, "estimates_exactly": True}, "15. estimates without shots are exact"),
        ({"jobs": True, "local": True, "max_circuits": 2}, "15. 3 circuits a job are refused"),
        ({"binds": True}, "15. rows of values give the bound circuits"),
    ],
)
def test_a_limit_that_is_not_true_is_found(lie: dict[str, Any], clause: str) -> None:
    device = Lying(Capabilities(exact=False, **lie))
    with pytest.raises(AssertionError, match=clause):
        limits(device, readable(device), 0.0, 1)


@pytest.mark.parametrize(
    ("device", "clause"),
    [
        (Stated(Capabilities(exact=True)), "1. capabilities.exact is what `exact` says"),
        (Stated(Capabilities(exact=False, midway=True)), "1. the verbs of capabilities.midway"),
        (Stated(Capabilities(exact=False, on_device=True)), "1. the verbs of capabilities.on_device"),
        (Stated("nothing"), "1. capabilities can be read"),  # type: ignore[arg-type]
    ],
)
def test_a_promise_without_its_verb_is_found(device: Any, clause: str) -> None:
    with pytest.raises(AssertionError, match=clause):
        qd.backends.assert_valid_backend(device)


@pytest.mark.parametrize(
    ("lie", "clause"),
    [({"midway": True}, "11. "), ({"estimates": True}, "12. "), ({"seeding": "batch"}, None), ({}, None)],
)
def test_the_whole_contract_reads_the_stated_object(lie: dict[str, Any], clause: str | None) -> None:
    device = Lying(Capabilities(exact=False, **lie))
    if clause is None:
        qd.backends.assert_valid_backend(device, repeats=20)
        return
    with pytest.raises(AssertionError, match=clause):
        qd.backends.assert_valid_backend(device, repeats=20)
