"""The verbs of a job backend: in local mode, and against a service that keeps jobs in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorSampler
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_ibm_runtime import Batch

import qml_dynamics as qd
from qml_dynamics.backends.base import Asked, JobBackend, capabilities
from qml_dynamics.backends.conformance.contract import random_circuit
from qml_dynamics.backends.ibm import device as ibm
from qml_dynamics.backends.ibm import runtime
from qml_dynamics.backends.ibm.runtime import fake_device
from qml_dynamics.model.pauli import pauli_sum

CIRCUITS = [random_circuit(3, 1, 1), random_circuit(3, 1, 2)]
TOKEN = "pLaNtEd-0123456789abcdefghijklmnopqrstuvwxyzAB"


def test_local_mode_speaks_the_whole_protocol() -> None:
    device = qd.backend("ibm:aer")
    assert isinstance(device, JobBackend)
    job = device.submit(CIRCUITS, 300, [1, 2], "tag-a")
    assert device.status(job) == "done"
    assert device.find("tag-a") == [job]
    assert device.find("tag-b") == []
    first, second = device.collect(job), device.collect(job)
    assert [c.shots for c in first] == [300, 300]
    assert all(np.array_equal(a.count, b.count) for a, b in zip(first, second))
    direct = device.sample(CIRCUITS, 300, [1, 2])
    assert all(np.array_equal(a.count, b.count) for a, b in zip(first, direct))
    device.cancel(job)
    assert device.status(job) == "done"


def test_a_local_job_of_another_process_is_lost() -> None:
    device = qd.backend("ibm:aer")
    assert device.status("local-1") == "lost"  # type: ignore[attr-defined]
    with pytest.raises(qd.JobLost, match="keeps nothing"):
        device.collect("local-1")  # type: ignore[attr-defined]


def test_twirled_and_decoupled_jobs_keep_the_shots() -> None:
    device = qd.backend("ibm:fake_manila", twirling=True, dynamical_decoupling="XY4")
    flip = QuantumCircuit(3)
    flip.x(1)
    (counts,) = device.sample([flip], 333, [4])
    assert counts.shots == 333
    assert counts.histogram(8)[2] > 0.8
    told = device.describe()
    assert (told["twirling"], told["dynamical_decoupling"]) == ("all", "XY4")
    assert told["compiled"]["levels"] == [3]
    assert told["compiled"]["qubits"][1] in range(5)


def test_a_job_has_limits() -> None:
    device = qd.backend("ibm:fake_manila", zne=(1, 3))
    assert device.max_circuits == 150  # type: ignore[attr-defined]  # half of the device's 300: each runs twice
    with pytest.raises(qd.BackendError, match="1 to 150 a job"):
        device.submit(CIRCUITS * 100, 10, [1] * 200, "t")  # type: ignore[attr-defined]
    with pytest.raises(qd.BackendError, match="10,000,000 executions"):
        device.submit(CIRCUITS, 9_000_000, [1, 2], "t")  # type: ignore[attr-defined]


class Cloud:
    """A service in memory with the runtime client's interface; its sampler is exact, its jobs wait until asked twice."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.fault: Exception | None = None

    def backend(self, name: str, use_fractional_gates: bool | None = None) -> Any:
        if name != "toy":
            raise type("QiskitBackendNotFoundError", (Exception,), {})("no such backend")
        return fake_device("fake_manila")

    def backends(self) -> list[Any]:
        return [SimpleNamespace(name="toy"), SimpleNamespace(name="other")]

    def new_sampler(self, device: Any, options: Any, tag: str, seed: int | None) -> Any:
        assert seed is None  # a device takes none
        return SimpleNamespace(run=lambda pubs, shots: self._run(pubs, shots, tag))

    def _run(self, pubs: Any, shots: int, tag: str) -> Any:
        if self.fault is not None:
            raise self.fault
        job = StatevectorSampler(seed=np.random.default_rng(len(self.kept))).run(pubs, shots=shots)
        looks = iter(["QUEUED", "RUNNING", *["DONE"] * 1000])
        name = f"job{len(self.kept)}"
        self.kept.append(
            SimpleNamespace(
                job_id=lambda: name,
                status=lambda: next(looks),
                result=job.result,
                cancel=lambda: None,
                usage=lambda: 3.5,
                error_message=lambda: f"failed with apikey={TOKEN}",
                tag=tag,
            )
        )
        return self.kept[-1]

    def job(self, job_id: str) -> Any:
        if self.fault is not None:
            raise self.fault
        for job in self.kept:
            if job.job_id() == job_id:
                return job
        raise type("RuntimeJobNotFound", (Exception,), {})("unknown")

    def jobs(self, limit: int | None = 10, job_tags: list[str] | None = None) -> list[Any]:
        return [job for job in reversed(self.kept) if job.tag in (job_tags or [])][:limit]


def cloud(service: Cloud, **options: Any) -> Any:
    return qd.backend("ibm:toy", service=service, **options)


def test_a_job_is_read_by_another_client_with_nothing_but_its_id() -> None:
    """Calibration and folding are told by the result itself."""
    service = Cloud()
    options = {"readout_mitigation": "calibrated", "zne": (1, 3)}
    job = cloud(service, **options).submit(CIRCUITS, 5000, [1, 2], "run-1")
    later = cloud(service, **options)
    assert [later.status(job) for _ in range(3)] == ["queued", "running", "done"]
    assert later.find("run-1") == [job]
    outcomes = later.collect(job)
    assert len(outcomes) == 2
    for counts, ideal in zip(outcomes, qd.backend("statevector").probabilities(CIRCUITS)):
        assert np.abs(counts.histogram(8) - ideal).max() < 0.05
        assert ideal.max() > 0.2
    assert later.usage(job) == 3.5


def test_sample_waits_and_splits() -> None:
    service = Cloud()
    device = cloud(service)
    limited = type(device)(
        **{f: getattr(device, f) for f in ("name", "device", "options", "local", "service", "new_sampler")}
    )
    counts = limited.sample([CIRCUITS[0]], 400, [1])
    assert counts[0].shots == 400
    assert len(service.kept) == 1
    assert not limited.exact
    assert limited.seeding == "none"


def test_errors_of_the_service() -> None:
    service = Cloud()
    device = cloud(service)
    assert device.status("job9") == "lost"
    with pytest.raises(qd.JobLost):
        device.collect("job9")
    service.fault = ConnectionResetError(f"reset at url?apikey={TOKEN}")
    with pytest.raises(qd.BackendError) as caught:
        device.submit(CIRCUITS, 10, [1, 2], "t")
    assert caught.value.transient  # type: ignore[attr-defined]
    assert TOKEN not in str(caught.value)
    service.fault = ValueError("The circuit is not an ISA circuit")
    with pytest.raises(qd.BackendError, match="not an ISA circuit") as caught:
        device.submit(CIRCUITS, 10, [1, 2], "t")
    assert not caught.value.transient  # type: ignore[attr-defined]


def test_reasons_are_told_without_credentials() -> None:
    service = Cloud()
    device = cloud(service)
    job = device.submit(CIRCUITS, 10, [1, 2], "t")
    assert device.reason(job) == "failed with apikey=[hidden]"


def test_unknown_devices_of_an_account() -> None:
    with pytest.raises(qd.BackendError, match="Did you mean 'toy'"):
        qd.backend("ibm:toi", service=Cloud())


def test_a_job_submitted_without_mitigation_cannot_be_mitigated_later() -> None:
    service = Cloud()
    job = cloud(service).submit(CIRCUITS, 50, [1, 2], "t")
    for program in service.kept[-1].result():
        assert program.metadata["circuit_metadata"]["qml_dynamics"]["shots"] == 50
    with pytest.raises(qd.BackendError, match="not submitted with"):
        cloud(service, readout_mitigation="calibrated").collect(job)


def test_too_many_shots_for_the_device() -> None:
    with pytest.raises(qd.BackendError, match="at most 100000"):
        cloud(Cloud()).submit(CIRCUITS, 200_000, [1, 2], "t")


class Kept:
    """The client's own batch and primitives, in local mode; their jobs are kept by id, as a service keeps them."""

    new_batch = staticmethod(runtime.batch)

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.modes: list[Any] = []

    def backend(self, name: str, use_fractional_gates: bool | None = None) -> Any:
        return fake_device("fake_manila")

    def job(self, job_id: str) -> Any:
        return self.kept[job_id]

    def new_sampler(self, mode: Any, options: Any, tag: str, seed: int | None) -> Any:
        made = runtime.sampler(mode, options, tag, 5)
        self.modes.append(made.mode)
        return SimpleNamespace(run=lambda pubs, shots: self._keep(made.run(pubs, shots=shots)))

    def new_estimator(self, mode: Any, options: Any, tag: str, seed: int | None, shots: int) -> Any:
        made = runtime.estimator(mode, options, tag, 5, shots)
        self.modes.append(made.mode)
        return SimpleNamespace(run=lambda pubs: self._keep(made.run(pubs)))

    def _keep(self, job: Any) -> Any:
        self.kept[job.job_id()] = job
        return job


def test_several_jobs_run_in_one_batch_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sampler and estimator; one job runs in none, and gives the same."""
    service = Kept()
    device = cloud(service, zne=(1, 3))  # type: ignore[arg-type]
    monkeypatch.setattr(ibm.IBMBackend, "max_circuits", 1)
    outcomes = device.sample(CIRCUITS, 2000, [1, 2])
    first, second = service.modes
    assert isinstance(first, Batch)
    assert first is second
    assert first.backend() == fake_device("fake_manila").name
    for counts, ideal in zip(outcomes, qd.backend("statevector").probabilities(CIRCUITS)):
        assert 0.5 * np.abs(counts.histogram(8) - ideal).sum() < 0.2
        assert ideal.max() > 0.2
    (alone,) = device.sample(CIRCUITS[:1], 2000, [1])
    assert service.modes[2] is None
    np.testing.assert_array_equal(alone.count, outcomes[0].count)
    operator = SparsePauliOp("ZIZ")
    asked = [Asked(circuit, (pauli_sum(operator),)) for circuit in CIRCUITS]
    answers = device.estimate(asked, 500, [1, 2])
    assert isinstance(service.modes[3], Batch)
    assert service.modes[3] is service.modes[4] is not first
    for answer, circuit in zip(answers, CIRCUITS):
        exact = float(np.real(Statevector(circuit).expectation_value(operator)))
        assert abs(answer.value[0] - exact) < 0.1 + 5 * answer.stderr[0]


def test_who_brings_primitives_says_how_jobs_are_batched() -> None:
    """Local jobs are in none."""
    assert capabilities(cloud(Kept())).vendor_batches  # type: ignore[arg-type]
    for device in (cloud(Cloud()), qd.backend("ibm:fake_manila")):
        assert not capabilities(device).vendor_batches
        with pytest.raises(qd.BackendError, match="must schedule jobs in batches, but ibm"):
            device.open_batch()


@pytest.mark.parametrize("shots", [10, 33_000, 33_334, 40_000, 99_999, 4_000_000])
@pytest.mark.parametrize("options", [{}, {"zne": (1, 3)}, {"zne": (1, 3, 5), "readout_mitigation": "calibrated"}])
def test_a_job_is_filled_up_to_the_limits_and_no_further(options: dict[str, Any], shots: int) -> None:
    """Copies at every noise scale and two calibrations: at most 300 programs, and ten million executions."""
    device = cloud(Cloud(), **options)
    each, beside = device.options.programs
    room, most = capabilities(device).room(shots), min(300, 10_000_000 // shots)
    assert room is not None
    assert room >= 1
    if most >= each + beside:
        assert room * each + beside <= most < (room + 1) * each + beside + each  # calibrations count as whole circuits
    if not beside and most >= each:
        assert (room + 1) * each > most


def test_many_shots_take_more_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ibm, "MAX_EXECUTIONS", 1000)
    device = qd.backend("ibm:aer")
    with pytest.raises(qd.BackendError, match="below 1,000 executions"):
        device.submit(CIRCUITS, 600, [1, 2], "t")  # type: ignore[attr-defined]
    assert [counts.shots for counts in device.sample(CIRCUITS, 600, [1, 2])] == [600, 600]
    with pytest.raises(qd.BackendError, match="below 1,000 executions"):
        device.sample(CIRCUITS, 1001, [1, 2])
