"""Service faults at every verb: the right error, nothing lost, nothing sent twice."""

from __future__ import annotations

import dataclasses
import threading
import time
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from shared_runs import METHOD, QUICK, Device, same, well
from standin import RequestsApiError, RuntimeJobNotFound, cloud

import qml_dynamics as qd
from qml_dynamics.base.errors import BackendError, BudgetExceeded, JobLost, QMLDynamicsError
from qml_dynamics.results.trajectory import Trajectory
from qml_dynamics.runs import Run, open_run, submit

ASK: dict[str, Any] = {"shots": 100, "seed": 9, "save": 2}


def reset() -> Exception:
    return ConnectionResetError("connection reset by peer")


def http(status: int) -> Exception:
    return RequestsApiError(f"{status} Client Error: no", status)


def wrapped(status: int) -> Exception:
    """As the runtime client does it: the reason is hidden behind an error of its own."""
    try:
        try:
            raise http(status)
        except RequestsApiError as error:
            raise RuntimeError(f"Failed to run program: {error}") from None
    except RuntimeError as error:
        return error


def start(tmp_path: Path, faults: dict[str, list[Any]] | None = None, **options: Any) -> Run:
    backend = cloud(tmp_path / "service", faults=faults)
    return submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=QUICK, **{**ASK, **options})


def later(tmp_path: Path) -> Run:
    """The run as another process opens it, when the service is well again."""
    return open_run(tmp_path / "run", backend=cloud(tmp_path / "service"), patience=QUICK)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Trajectory:
    return qd.evolve(well(), METHOD, backend=cloud(tmp_path_factory.mktemp("undisturbed")), **ASK)


def settled(run: Run, undisturbed: Trajectory) -> None:
    """Whatever was, the run ends with the undisturbed results, one job a batch."""
    got = run.fetch(wait=True)
    assert got is not None
    same(got, undisturbed)
    assert run.given.service.tags() == [f"{run.statement.run}-{number}" for number in range(2)]


BROKEN = [reset, lambda: http(429), lambda: http(500), lambda: wrapped(503), TimeoutError]


@pytest.mark.parametrize(
    ("verb", "fault"), [*product(("run", "result"), BROKEN), ("job", reset), ("status", BROKEN[1])]
)
def test_passing_faults_pass(tmp_path: Path, undisturbed: Trajectory, verb: str, fault: Any) -> None:
    faults = {verb: [fault(), fault(), None, fault()]}
    settled(start(tmp_path, faults), undisturbed)
    assert faults[verb] == []  # they did happen


@pytest.mark.parametrize("verb", ["run", "result"])
def test_a_lasting_fault_ends_and_is_reported(tmp_path: Path, undisturbed: Trajectory, verb: str) -> None:
    with pytest.raises(BackendError, match=r"after 4 attempts.*429"):
        start(tmp_path, {verb: [http(429)] * 40}).fetch(wait=True)
    run = later(tmp_path)
    assert run.resume().count("queued", "running", "done", "finished") == 2
    settled(run, undisturbed)


@pytest.mark.parametrize("verb", ["run", "status", "result"])
def test_a_permanent_fault_is_reported_at_once(tmp_path: Path, undisturbed: Trajectory, verb: str) -> None:
    faults = {verb: [http(400), http(418)]}
    with pytest.raises(BackendError, match="400") as caught:
        start(tmp_path, faults).fetch(wait=True)
    assert not isinstance(caught.value, (JobLost, BudgetExceeded))
    assert len(faults[verb]) == (0 if verb == "result" else 1)  # the result of the other job was asked for once, too
    settled(later(tmp_path), undisturbed)


def test_a_job_that_was_accepted_unheard_is_not_sent_twice(tmp_path: Path, undisturbed: Trajectory) -> None:
    run = start(tmp_path, {"run": ["accepted", None]})
    assert len(run.given.service.tags()) == 2
    settled(run, undisturbed)


def test_a_search_that_fails_stops_the_sending(tmp_path: Path, undisturbed: Trajectory) -> None:
    """Accepted unheard, and the search by tag is out of reach: nobody may send again before it was answered."""
    with pytest.raises(BackendError, match="looking for"):
        start(tmp_path, {"run": ["accepted"], "jobs": [reset()] * 99})
    run = later(tmp_path)
    assert len(run.given.service.tags()) == 1
    assert run.status(ask=False).count("intent") == 1
    settled(run, undisturbed)


def test_a_hanging_call_is_given_up(tmp_path: Path, undisturbed: Trajectory) -> None:
    quick = dataclasses.replace(QUICK, call=0.5)
    release, returned = threading.Event(), threading.Event()

    def hang(answer: Any) -> Any:
        release.wait(600)
        returned.set()
        return answer

    backend = cloud(tmp_path / "service", faults={"run": [hang]})
    with pytest.raises(BackendError, match=r"no answer within 0.5 s; resume\(\) looks for it by its tag"):
        submit(well(), METHOD, backend=backend, folder=tmp_path / "run", patience=quick, **ASK)
    assert not returned.is_set()  # it was not waited for
    impatient = dataclasses.replace(quick, lock=0.1)
    with pytest.raises(BackendError, match="another process works on"):  # the call may still arrive: nobody may send
        open_run(tmp_path / "run", backend=cloud(tmp_path / "service"), patience=impatient).resume()
    release.set()
    settled(later(tmp_path), undisturbed)
    backend = cloud(tmp_path / "service", faults={"status": [lambda answer: time.sleep(1.0)]})
    assert open_run(tmp_path / "run", backend=backend, patience=quick).status().complete


def test_result_not_ready(tmp_path: Path, undisturbed: Trajectory) -> None:
    run = start(tmp_path, {"status": ["QUEUED"] * 0})
    assert run.fetch() is None
    assert run.status(ask=False).count("queued") == 2
    assert run.fetch() is None
    assert run.status(ask=False).count("running") == 2
    run.given.service.faults["result"] = [http(425), TimeoutError("result is not ready")]
    settled(run, undisturbed)


@pytest.mark.parametrize("cut", [lambda out: out[:1], lambda out: [], lambda out: None])
def test_partial_results_are_not_kept(tmp_path: Path, undisturbed: Trajectory, cut: Any) -> None:
    run = start(tmp_path, {"result": [cut]})
    with pytest.raises(BackendError, match=r"incomplete|empty") as caught:
        run.fetch(wait=True)
    job = next(b for b in run.status(ask=False).batches if b.error)
    assert str(job.job_id) in str(caught.value)
    assert job.status != "finished"
    assert len(list((tmp_path / "run" / "results").glob("*.npz"))) == 1  # the other one
    settled(later(tmp_path), undisturbed)


@pytest.mark.parametrize(
    "fault",
    [
        lambda: RequestsApiError("402 Client Error: Payment Required", 402),
        lambda: RequestsApiError("403 Client Error: instance has reached its usage limit", 403),
        lambda: RuntimeError("Your quota is exceeded"),
    ],
)
def test_the_accounts_quota_is_a_budget(tmp_path: Path, undisturbed: Trajectory, fault: Any) -> None:
    with pytest.raises(BudgetExceeded):
        start(tmp_path, {"run": [None, fault()]})
    run = later(tmp_path)
    assert run.status(ask=False).count("planned") == 1  # the first is kept, the second was not accepted
    settled(run, undisturbed)


def test_a_job_that_the_service_forgets_while_it_is_fetched(tmp_path: Path, undisturbed: Trajectory) -> None:
    run = start(tmp_path, {"result": [RuntimeJobNotFound("Job not found")]})
    with pytest.raises(JobLost, match=str(run.status(ask=False).batches[0].job_id)):
        run.fetch(wait=True)
    settled(run, undisturbed)


def test_a_disk_that_is_full_loses_nothing(
    tmp_path: Path, undisturbed: Trajectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(tmp_path)
    (tmp_path / "run" / "results").write_text("a file where the folder should be")
    with pytest.raises(QMLDynamicsError, match="results"):
        run.fetch(wait=True)
    (tmp_path / "run" / "results").unlink()
    settled(later(tmp_path), undisturbed)


def test_a_device_without_jobs_that_fails_leaves_its_circuit_unknown(tmp_path: Path) -> None:
    device = Device(tmp_path / "ran.txt")
    healthy = device.sample

    def failing(circuits: Any, shots: int, seeds: Any) -> Any:
        if len(device.ran()) == 1:
            healthy(circuits, shots, seeds)
            raise ConnectionResetError("reset while the answer was coming")
        return healthy(circuits, shots, seeds)

    device.sample = failing  # type: ignore[method-assign]
    with pytest.raises(BackendError, match="device: batch 1: ConnectionResetError"):
        submit(well(), METHOD, backend=device, folder=tmp_path / "run", patience=QUICK, **ASK)
    run = open_run(tmp_path / "run", backend=Device(tmp_path / "ran.txt"), patience=QUICK)
    assert run.status().count("unknown") == 1
    assert run.resume().count("finished") == 3  # the others run, this one is not sent again unasked
    assert len(device.ran()) == 4
    with pytest.raises(BackendError, match=r"batch 1: unknown .*resume\(resend=True\)"):
        run.fetch(wait=True)
    assert run.resume(resend=True).complete
    assert len(device.ran()) == 5
    got = run.fetch()
    assert got is not None
    weights = [c.count.sum() for c in (got.counts or {})["weight"]]
    assert weights == [100, 100]


def test_keyboard_interrupt_is_no_harm(tmp_path: Path, undisturbed: Trajectory) -> None:
    for verb in ("run", "status", "result"):
        faults = {verb: [None, KeyboardInterrupt()]}
        with pytest.raises(KeyboardInterrupt):
            start(tmp_path / verb, faults).fetch(wait=True)
        assert faults[verb] == []
        settled(later(tmp_path / verb), undisturbed)


def test_a_simulator_that_is_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qml_dynamics.backends.aer import AerBackend
    from qml_dynamics.runs import units

    monkeypatch.setattr(units, "GROUP", 1)
    healthy, calls = AerBackend.sample, []

    def interrupted(self: Any, circuits: Any, shots: int, seeds: Any) -> Any:
        calls.append(seeds)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return healthy(self, circuits, shots, seeds)

    monkeypatch.setattr(AerBackend, "sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        submit(well(), METHOD, backend="aer:density_matrix", folder=tmp_path / "run", **ASK)
    assert open_run(tmp_path / "run").status().done == 2
    got = open_run(tmp_path / "run").fetch(wait=True)
    assert len(calls) == 5  # two were kept, the third ran again
    monkeypatch.setattr(AerBackend, "sample", healthy)
    assert got is not None
    same(got, qd.evolve(well(), METHOD, backend="aer:density_matrix", **ASK))


@pytest.mark.parametrize("missing", [1, 60])
def test_a_circuit_with_fewer_shots_than_asked_for_is_no_result(tmp_path: Path, missing: int) -> None:
    """One shot too few is as incomplete as sixty; more than were asked for, as devices round up, are taken."""
    device = Device(tmp_path / "ran.txt")
    whole = device.sample

    def fewer(circuits: Any, shots: int, seeds: Any) -> Any:
        return whole(circuits, shots - missing, seeds)

    def more(circuits: Any, shots: int, seeds: Any) -> Any:
        return whole(circuits, shots + missing, seeds)

    device.sample = fewer  # type: ignore[method-assign]
    with pytest.raises(BackendError, match=rf"incomplete result, {100 - missing} of 100 shots of circuit 0"):
        submit(well(), METHOD, backend=device, folder=tmp_path / "run", patience=QUICK, **ASK)
    device.sample = more  # type: ignore[method-assign]
    got = submit(well(), METHOD, backend=device, folder=tmp_path / "other", patience=QUICK, **ASK).fetch()
    assert got is not None
    assert got.counts["weight"][-1].shots == 100 + missing
