"""Jobs that are sent together: one batch of the vendor, written down before they are sent, closed after the last, and never needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import Batch
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from shared_runs import METHOD, QUICK, same, well
from standin import RequestsApiError, Service, cloud, set_state

import qml_dynamics as qd
from qml_dynamics.backends.base import capabilities
from qml_dynamics.backends.ibm import runtime, waiting
from qml_dynamics.base.errors import BackendError, ProblemError
from qml_dynamics.results.trajectory import Trajectory
from qml_dynamics.runs import Run, open_run, submit
from qml_dynamics.runs.ledger import Ledger
from qml_dynamics.validation.resources import price

PAIR = qd.Problem.from_operator(SparsePauliOp(["ZZ", "IX", "XI"], [1.0, 0.7, 0.4]), clock="real", duration=0.5)
ASK: dict[str, Any] = {"shots": 100, "seed": 9, "save": [0.25, 0.5]}
REFUSED = "You are not authorized to run a session when using the open plan."


def start(root: Path, faults: dict[str, list[Any]] | None = None, problem: qd.Problem = PAIR, **options: Any) -> Run:
    """Three jobs of two circuits each."""
    backend = cloud(root / "service", faults=faults)
    return submit(
        problem, METHOD, backend=backend, quiet=True, folder=root / "run", patience=QUICK, **{**ASK, **options}
    )


def later(root: Path) -> Run:
    """The run as another process opens it."""
    return open_run(root / "run", backend=cloud(root / "service"), patience=QUICK)


@contextmanager
def ledger(root: Path) -> Iterator[Ledger]:
    """The ledger of the run."""
    found = Ledger(root / "run")
    try:
        yield found
    finally:
        found.close()


def story(root: Path) -> list[str]:
    """What happened to batches of the vendor."""
    with ledger(root) as found:
        return [word for number, word, _ in found.events() if number is None]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Trajectory:
    return qd.evolve(PAIR, METHOD, backend=cloud(tmp_path_factory.mktemp("undisturbed")), **ASK)


def settled(root: Path, undisturbed: Trajectory) -> None:
    """The run ends with the undisturbed results, and no job was sent twice."""
    run = later(root)
    run.resume()
    got = run.fetch(wait=True)
    assert got is not None
    same(got, undisturbed)
    tags = Service(root / "service").tags()
    assert len(tags) == len(set(tags)) == 3


def test_several_jobs_are_one_batch_which_is_on_disk_before_anybody_waits(
    tmp_path: Path, undisturbed: Trajectory
) -> None:
    start(tmp_path)
    service = Service(tmp_path / "service")
    ((batch, tags),) = service.batches().items()
    assert sorted(tags) == service.tags()
    assert len(tags) == 3
    assert (service.folder / f"{batch}.batch").read_text() == "closed"
    with ledger(tmp_path) as found:
        assert found.vendor_batches_by_tag() == dict.fromkeys(tags, batch)
        details = [detail for number, _, detail in found.events() if number is None]
    assert story(tmp_path) == ["batch opened", "batch closed"]
    assert details == [f"{batch} for 3 jobs", batch]
    settled(tmp_path, undisturbed)
    got = later(tmp_path).fetch()
    assert got is not None
    assert [row["vendor_batch"] for row in got.provenance["run"]["batches"]] == [batch] * 3


def test_one_job_is_sent_alone(tmp_path: Path) -> None:
    run = start(tmp_path, problem=well(), save=[0.6])
    got = run.fetch(wait=True)
    assert got is not None
    service = Service(tmp_path / "service")
    assert service.batches() == {}
    assert len(service.tags()) == 1
    assert story(tmp_path) == []
    assert all("vendor_batch" not in row for row in got.provenance["run"]["batches"])


def test_where_the_plan_has_no_batches_the_jobs_are_sent_alone(tmp_path: Path, undisturbed: Trajectory) -> None:
    start(tmp_path, faults={"batch": [RequestsApiError(f"403 Client Error: {REFUSED}", 403)]})
    assert Service(tmp_path / "service").batches() == {}
    with ledger(tmp_path) as found:
        (event,) = [row for row in found.events() if row[0] is None]
        assert found.vendor_batches_by_tag() == {}
    assert event[1] == "no batch"
    assert REFUSED in event[2]
    settled(tmp_path, undisturbed)


def test_a_batch_that_cannot_be_opened_or_closed_for_a_while_costs_nothing(
    tmp_path: Path, undisturbed: Trajectory
) -> None:
    start(
        tmp_path,
        faults={"batch": [ConnectionResetError("reset")], "close": [RequestsApiError("500 Server Error", 500)]},
    )
    assert sorted(map(len, Service(tmp_path / "service").batches().values())) == [3]
    assert story(tmp_path) == ["batch opened", "batch not closed"]
    settled(tmp_path, undisturbed)


def interrupted(_: Any) -> Any:
    """The person's Ctrl-C, when the service has answered."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("verb", ["batch", "run", "close"])
def test_a_run_that_is_cut_off_goes_on_in_a_new_batch(tmp_path: Path, undisturbed: Trajectory, verb: str) -> None:
    """Between opening and the first job, at a job that was accepted, at the end: nothing is lost, and nothing sent twice."""
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, faults={verb: [None, interrupted] if verb == "run" else [interrupted]})
    before = Service(tmp_path / "service").batches()
    assert [len(tags) for tags in before.values()] == [{"batch": 0, "run": 2, "close": 3}[verb]]
    settled(tmp_path, undisturbed)
    after = Service(tmp_path / "service").batches()
    new = {batch: tags for batch, tags in after.items() if batch not in before}
    # one job that is left is sent alone
    assert [len(tags) for tags in new.values()] == ([3] if verb == "batch" else [])
    with ledger(tmp_path) as found:
        kept = found.vendor_batches_by_tag()
    assert {tag: batch for batch, tags in after.items() for tag in tags}.items() <= kept.items()


def test_a_refused_job_closes_the_batch_and_the_rest_is_sent_in_another(
    tmp_path: Path, undisturbed: Trajectory
) -> None:
    with pytest.raises(BackendError, match="400 Client Error"):
        start(tmp_path, faults={"run": [RequestsApiError("400 Client Error: no", 400)]})
    ((first, tags),) = Service(tmp_path / "service").batches().items()
    assert tags == []
    assert story(tmp_path)[-1] == "batch closed"
    settled(tmp_path, undisturbed)
    sizes = {batch: len(tags) for batch, tags in Service(tmp_path / "service").batches().items()}
    assert sizes.pop(first) == 0
    assert list(sizes.values()) == [3]


def test_a_job_that_was_refused_in_a_batch_and_is_sent_alone_is_told_so(
    tmp_path: Path, undisturbed: Trajectory
) -> None:
    """Under the tag that it had in the batch."""
    with pytest.raises(BackendError, match="400 Client Error"):
        start(tmp_path, faults={"run": [None, None, RequestsApiError("400 Client Error: no", 400)]})
    with ledger(tmp_path) as found:
        assert len(found.vendor_batches_by_tag()) == 3
    settled(tmp_path, undisturbed)
    got = later(tmp_path).fetch()
    assert got is not None
    assert ["vendor_batch" in row for row in got.provenance["run"]["batches"]] == [True, True, False]


def test_jobs_that_are_sent_again_are_told_by_their_own_batch(tmp_path: Path, undisturbed: Trajectory) -> None:
    run = start(tmp_path)
    for row in run.status(ask=False).batches[:2]:
        set_state(run.given, str(row.job_id), "ERROR")
    with pytest.raises(BackendError):
        run.fetch(wait=True)
    later(tmp_path).resume(resend=True)
    got = later(tmp_path).fetch(wait=True)
    assert got is not None
    same(got, undisturbed)
    first, second, third = [row["vendor_batch"] for row in got.provenance["run"]["batches"]]
    assert first == second != third


def test_damaged_rows_are_refused(tmp_path: Path) -> None:
    start(tmp_path)
    with ledger(tmp_path) as found:
        found.connection.execute("UPDATE vendor_batches SET id = x'00'")
        with pytest.raises(ProblemError, match="damaged: a row of vendor_batches"):
            found.vendor_batches_by_tag()
        found.connection.execute("DROP TABLE vendor_batches")  # as in folders of earlier versions
        assert found.vendor_batches_by_tag() == {}
    assert later(tmp_path).fetch(wait=True) is not None


def test_evolve_sends_all_jobs_of_a_call_before_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one batch; the operators, which the vendor estimates, in another."""
    seen: list[tuple[int, list[str]]] = []
    wait = waiting._wait

    def noted(backend: Any, job_id: str) -> str:
        service = Service(tmp_path / "service")
        states = [(service.folder / f"{batch}.batch").read_text() for batch in service.batches()]
        seen.append((len(service.tags()), states))
        return wait(backend, job_id)

    monkeypatch.setattr(waiting, "_wait", noted)
    device = cloud(tmp_path / "service", zne=(1, 3))
    got = qd.evolve(PAIR, qd.Trotter(1), backend=device, shots=200, seed=3, save=[0.1, 0.3, 0.5])
    batches = Service(tmp_path / "service").batches()
    sizes = sorted(len(tags) for tags in batches.values())
    assert sum(sizes) == len(seen) == len(Service(tmp_path / "service").tags())
    assert len(sizes) == 2
    assert min(sizes) > 1
    first = seen[0][0]
    assert [count for count, _ in seen] == [first] * first + [len(seen)] * (len(seen) - first)
    assert all(set(states) == {"closed"} for _, states in seen)
    assert 0 < got.expectations["energy"].stderr[-1] < 1


def test_evolve_names_the_jobs_that_are_left(tmp_path: Path) -> None:
    """A job that is refused, once more when the one before it has ended, and a job that fails among others that run."""
    no = RequestsApiError("400 Client Error: no", 400)
    first = cloud(tmp_path / "a", faults={"run": [None, no, no]})
    with pytest.raises(BackendError, match=r"400 Client Error: no"):
        qd.evolve(PAIR, METHOD, backend=first, **ASK)
    assert list(map(len, Service(tmp_path / "a").batches().values())) == [1]
    second = cloud(tmp_path / "b", faults={"status": [lambda _: "ERROR"]})
    with pytest.raises(BackendError, match=r"ended as 'failed'. \(jobs \w+, \w+ are still with the vendor\)"):
        qd.evolve(PAIR, METHOD, backend=second, **ASK)


def test_evolve_waits_where_the_vendor_takes_no_more(tmp_path: Path, undisturbed: Trajectory) -> None:
    """A refusal among jobs that run may be a limit of pending jobs: those are fetched, and the refused one is sent again."""
    faults: dict[str, list[Any]] = {"run": [None, RequestsApiError("400 Client Error: pending jobs", 400)]}
    same(qd.evolve(PAIR, METHOD, backend=cloud(tmp_path / "service", faults=faults), **ASK), undisturbed)
    assert faults == {"run": []}


def test_a_wrapper_with_a_submit_of_its_own_sends_each_job(tmp_path: Path) -> None:
    """The batch would be that of the backend inside, and pass the wrapper by."""

    class Wrapper:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def submit(self, *given: Any) -> str:
            return str(self.inner.submit(*given))

    inner = cloud(tmp_path / "service")
    assert capabilities(inner).vendor_batches
    assert not capabilities(Wrapper(inner)).vendor_batches  # type: ignore[arg-type]


def test_an_open_session_keeps_its_jobs() -> None:
    device = FakeManilaV2()
    with Batch(backend=device), pytest.raises(BackendError, match="session that is open"):
        runtime.batch(device)
    assert runtime.batch(device).session_id is None  # a simulation of the device: the service has no part in it


def test_evolve_without_a_batch_gives_the_same(tmp_path: Path, undisturbed: Trajectory) -> None:
    faults: dict[str, list[Any]] = {"batch": [RequestsApiError(f"403 Client Error: {REFUSED}", 403)]}
    alone = cloud(tmp_path / "service", faults=faults)
    same(qd.evolve(PAIR, METHOD, backend=alone, **ASK), undisturbed)
    assert Service(tmp_path / "service").batches() == {}
    assert faults == {"batch": []}


@pytest.mark.parametrize(
    "options", [{}, {"zne": (1, 3), "readout_mitigation": "calibrated"}], ids=["plain", "mitigated"]
)
@pytest.mark.parametrize("method", [qd.Trotter(2), qd.QDrift(3, draws=3), qd.MultiProduct((1, 2))], ids=str)
def test_as_many_jobs_are_sent_as_are_told(
    tmp_path: Path, method: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder draws and numbers of steps share jobs; alone each has its own."""
    device = cloud(tmp_path / "service", **options)
    monkeypatch.setattr(type(device), "max_circuits", property(lambda self: 7))
    ask: dict[str, Any] = {"shots": 60, "seed": 2, "save": [0.1, 0.3, 0.5]}
    run = submit(PAIR, method, backend=device, folder=tmp_path / "run", patience=QUICK, quiet=True, **ask)
    told = price(PAIR, method, device, 60, ask["save"], together=True).device
    alone = qd.cost(PAIR, method, backend=device, **ask).device
    assert told is not None
    assert alone is not None
    sent = len(run.status(ask=False).batches)
    assert told.jobs == sent == len(device.service.tags()) > 1
    assert alone.jobs >= told.jobs
    assert f"in {alone.jobs} jobs" in str(alone)
    if method == qd.Trotter(2):
        assert alone.jobs == told.jobs
    elif not options:
        assert alone.jobs > told.jobs
