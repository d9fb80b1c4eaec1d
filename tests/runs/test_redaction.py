"""A token is planted on every path where a vendor's text arrives raw; every file that is written is opened and searched.

Archives are read member by member: in compressed bytes nothing is ever found.
"""

from __future__ import annotations

import io
import logging
import sqlite3
import traceback
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_runs import METHOD, QUICK, Device, well

import qml_dynamics as qd
from qml_dynamics.backends.statevector import StatevectorBackend
from qml_dynamics.base.errors import BackendError, QMLDynamicsError
from qml_dynamics.results.trajectory import Counts
from qml_dynamics.runs import open_run, submit
from qml_dynamics.runs.trajectory_file import write_run

TOKEN = "planted-Token_5up3rS3cret"


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known to the environment, so that it can be hidden."""
    monkeypatch.setenv("QISKIT_IBM_TOKEN", TOKEN)


def contents(path: Path) -> str:
    """Everything that a file holds: of an archive its members, of a database its rows, else its bytes."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return "".join(_array(archive.read(name)) for name in archive.namelist())
    if path.read_bytes()[:6] == b"SQLite":
        with sqlite3.connect(path) as database:
            return "\n".join(database.iterdump()) + "".join(_blobs(database))
    return path.read_bytes().decode(errors="replace")


def _array(data: bytes) -> str:
    text = data.decode(errors="replace")
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except ValueError:
        return text
    return text + str(array.tolist()) if array.dtype.kind in "US" else text  # text in an array has four bytes a letter


def _blobs(database: sqlite3.Connection) -> list[str]:
    tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = [row for table in tables for row in database.execute(f"SELECT * FROM {table}")]
    return [str(cell.decode(errors="replace") if isinstance(cell, bytes) else cell) for row in rows for cell in row]


def leaks(folder: Path) -> list[str]:
    """The files that hold the token."""
    return [str(path) for path in sorted(folder.rglob("*")) if path.is_file() and TOKEN in contents(path)]


def chain(error: BaseException) -> str:
    """All that hangs on an exception, what ``from None`` leaves out of a traceback among it."""
    out, link = ["".join(traceback.format_exception(error))], error
    while link is not None:
        out += [repr(link), repr(link.args), repr(vars(link))]
        link = link.__cause__ or link.__context__  # type: ignore[assignment]
    return "".join(out)


def test_the_search_opens_archives_and_databases(tmp_path: Path) -> None:
    """Negative control: in a compressed archive and in a database the token is found, in their bytes it is not (or by luck)."""
    np.savez_compressed(tmp_path / "a.npz", meta=np.array(f"token {TOKEN}" * 40))
    with sqlite3.connect(tmp_path / "b.db") as database:
        database.execute("CREATE TABLE t (x TEXT)")
        database.execute("INSERT INTO t VALUES (?)", (TOKEN,))
    (tmp_path / "c.txt").write_text(f"key {TOKEN}", encoding="utf-8")
    (tmp_path / "d.txt").write_text("nothing", encoding="utf-8")
    assert [Path(path).name for path in leaks(tmp_path)] == ["a.npz", "b.db", "c.txt"]
    assert TOKEN.encode() not in (tmp_path / "a.npz").read_bytes()


class Desk:
    """A vendor of somebody else's, with jobs, that says its token wherever it says anything."""

    name, exact, seeding, max_circuits = "desk", False, "none", 1

    def __init__(self, faults: dict[str, Exception] | None = None, states: Sequence[str] = ("done",)) -> None:
        self.faults, self.states_told = dict(faults or {}), list(states)
        self.jobs: dict[str, tuple[str, list[Counts]]] = {}

    def _told(self, verb: str) -> None:
        if verb in self.faults:
            raise self.faults[verb]

    def states(self, pieces: Sequence[Any], on_step: Any) -> Any:
        raise NotImplementedError

    def probabilities(self, circuits: Sequence[Any]) -> Any:
        raise NotImplementedError

    def sample(self, circuits: Sequence[Any], shots: int, seeds: Sequence[int]) -> list[Counts]:
        return StatevectorBackend().sample(circuits, shots, seeds)

    def submit(self, circuits: Sequence[Any], shots: int, seeds: Sequence[int], tag: str) -> str:
        self._told("submit")
        job_id = f"job-{len(self.jobs)}"
        self.jobs[job_id] = (tag, self.sample(circuits, shots, seeds))
        return job_id

    def status(self, job_id: str) -> str:
        self._told("status")
        return self.states_told.pop(0) if len(self.states_told) > 1 else self.states_told[0]

    def collect(self, job_id: str) -> list[Counts]:
        self._told("collect")
        return self.jobs[job_id][1]

    def find(self, tag: str) -> list[str]:
        self._told("find")
        return [job_id for job_id, (mark, _) in self.jobs.items() if mark == tag]

    def cancel(self, job_id: str) -> None:
        self._told("cancel")

    def reason(self, job_id: str) -> str:
        self._told("reason")
        return f"the key {TOKEN} has expired"

    def usage(self, job_id: str) -> float:
        return 0.5

    def describe(self) -> dict[str, Any]:
        said = f"opened with {TOKEN}"
        deep = {"list": [said, {"password": TOKEN, "note": (said, 3)}], "url": f"https://host?key={TOKEN}"}
        return {
            "name": "desk",
            "token": TOKEN,
            "note": said,
            "deep": deep,
            "compiled": {"level": 1, "by": said, "all": [said]},
        }


class Refused(Exception):
    """As a vendor's own client raises it."""


def http(words: str, status: int) -> Exception:
    error = Refused(f"{words}; Authorization: Bearer {TOKEN}, key {TOKEN}")
    error.status_code = status  # type: ignore[attr-defined]
    return error


def tangled(words: str) -> Exception:
    """An error that hangs on another one."""
    try:
        try:
            raise http(words, 500)
        except Refused as inner:
            raise RuntimeError(f"failed with {TOKEN}") from inner
    except RuntimeError as outer:
        return outer


FAULTS: dict[str, Callable[[], dict[str, Exception]]] = {
    "quota": lambda: {"submit": http("usage limit exceeded", 402)},
    "quota in words": lambda: {"submit": http("your quota is used up", 400)},
    "refused": lambda: {"submit": http("no", 400)},
    "broken, and again": lambda: {"submit": http("busy", 503)},
    "not found either": lambda: {"submit": http("busy", 503), "find": http("no", 400)},
    "tangled": lambda: {"submit": tangled("no")},
    "status": lambda: {"status": http("no", 400)},
    "collect": lambda: {"collect": http("no", 400)},
    "collect, tangled": lambda: {"collect": tangled("no")},
    "timeout": lambda: {"collect": TimeoutError(f"no answer with {TOKEN}")},
    "reason": lambda: {"reason": http("no", 400)},
    "nothing": dict,
}
STATES = {
    "fails": ("failed",),
    "is cancelled": ("cancelled",),
    "ends": ("done",),
    "says another word": (f"held for {TOKEN}", "done"),
}


@pytest.mark.parametrize("end", list(STATES))
@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_foreign_vendors_words_reach_no_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], fault: str, end: str
) -> None:
    """Submission, status, results, reasons and descriptions; then everything that is asked of the folder afterwards."""
    caplog.set_level(logging.DEBUG)
    backend, told = Desk(FAULTS[fault](), STATES[end]), []

    def ask(call: Callable[[], Any]) -> None:
        try:
            told.append(str(call()))
        except QMLDynamicsError as error:
            told.append(chain(error))

    folder = tmp_path / "run"
    ask(lambda: submit(well(), METHOD, backend=backend, shots=40, seed=1, folder=folder, patience=QUICK))
    ask(lambda: open_run(folder, backend=backend, patience=QUICK).status())
    ask(lambda: open_run(folder, backend=backend, patience=QUICK).fetch(wait=True))
    ask(lambda: open_run(folder, backend=backend, patience=QUICK).cancel())
    ask(lambda: open_run(folder, backend=backend, patience=QUICK).status(ask=False))
    ask(lambda: qd.load(folder).provenance)
    assert len([path for path in folder.rglob("*") if path.is_file()]) >= 3
    assert leaks(tmp_path) == []
    assert TOKEN not in "".join([*told, caplog.text, *capfd.readouterr()])
    assert fault == "nothing" or any("hidden" in text or "done" in text or end != "ends" for text in told)


def test_what_a_backend_says_of_itself_is_in_no_provenance(tmp_path: Path) -> None:
    """Runs without a folder of their own, written afterwards: the archive, the run folder, and the object itself."""
    device = Device(tmp_path / "log.txt")
    device.describe = Desk().describe  # type: ignore[method-assign]
    run = qd.evolve(well(), METHOD, backend=device, shots=40, seed=1)
    (tmp_path / "out").mkdir()
    run.save(tmp_path / "out" / "run.npz")
    write_run(tmp_path / "out" / "folder", run, {"note": "ours"})
    assert TOKEN not in str(run.provenance)
    assert "[hidden]" in str(run.provenance["backend_details"])  # the text was there, and is told without the token
    assert leaks(tmp_path) == []
    chain_run = qd.metts(
        well().replace(clock="imaginary"),
        0.3,
        6,
        method=qd.ProbabilisticITE(1.0, 1, block="exact"),
        backend=Spoken(),
        walkers=2,
        burn_in=1,
        shots=20,
        seed=2,
        progress=False,
    )
    assert TOKEN not in str(chain_run.provenance)
    assert "[hidden]" in str(chain_run.provenance["backend_details"])


class Spoken(StatevectorBackend):
    """A simulator that says its token."""

    def describe(self) -> dict[str, Any]:
        return Desk().describe()


def test_an_error_of_a_device_without_jobs_keeps_nothing_of_the_original(tmp_path: Path) -> None:
    device = Device(tmp_path / "log.txt")

    def failing(circuits: Any, shots: int, seeds: Any) -> Any:
        raise tangled("no")

    device.sample = failing  # type: ignore[method-assign]
    with pytest.raises(BackendError, match="hidden") as caught:
        submit(well(), METHOD, backend=device, shots=40, seed=1, folder=tmp_path / "run")
    assert TOKEN not in chain(caught.value)
    assert leaks(tmp_path) == []
