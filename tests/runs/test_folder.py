"""What a run folder refuses: folders that are no run, newer formats, damage, other backends; and what two processes do to it."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_runs import METHOD, QUICK, Device, same, table_run, well
from standin import cloud

import qml_dynamics as qd
from qml_dynamics.base.errors import BackendError, ProblemError
from qml_dynamics.base.lock import WorkLock
from qml_dynamics.runs import cancel, fetch, open_run, resume, status, submit
from qml_dynamics.runs.blocks import Block, Coming, Part
from qml_dynamics.runs.ledger import Ledger

ASK: dict[str, Any] = {"shots": 50, "seed": 3}
VERBS = [open_run, status, fetch, resume, cancel]


@pytest.mark.parametrize("verb", VERBS)
def test_not_a_run(tmp_path: Path, verb: Any) -> None:
    with pytest.raises(ProblemError, match=r"must be a run folder, but .* is not a folder"):
        verb(tmp_path / "nowhere")
    with pytest.raises(ProblemError, match=r"holds no run\.json\.$"):
        verb(tmp_path)
    (tmp_path / "problem.toml").touch()  # as `run --out` leaves it
    with pytest.raises(ProblemError, match=r"holds no run\.json; .* goes on when the same command is given again"):
        verb(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ProblemError, match="damaged"):
        verb(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(ProblemError, match="names no format"):
        verb(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 1}')
    with pytest.raises(ProblemError, match=r"damaged|problem\.toml"):
        verb(tmp_path)


@pytest.mark.parametrize("verb", VERBS)
def test_a_newer_format(tmp_path: Path, verb: Any) -> None:
    submit(well(), METHOD, backend="aer", folder=tmp_path / "run", **ASK)
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(ProblemError, match=r"format 1 or older, but .* has format 2: a newer version"):
        verb(tmp_path / "run")


def test_a_ledger_that_is_missing_newer_or_damaged(tmp_path: Path) -> None:
    submit(well(), METHOD, backend="aer", folder=tmp_path / "run", **ASK)
    path = tmp_path / "run" / "ledger.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(ProblemError, match=r"ledger of format 1 or 2, but .* has format 9"):
        open_run(tmp_path / "run")
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(ProblemError, match="damaged"):
        open_run(tmp_path / "run")
    path.unlink()
    with pytest.raises(ProblemError, match="nobody knows which jobs were sent"):
        open_run(tmp_path / "run")


def test_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    qd.evolve(well(), METHOD).save(tmp_path / "a" / "trajectory.npz")
    with pytest.raises(ProblemError, match=r"holds a trajectory\.npz"):
        submit(well(), METHOD, backend="aer", folder=tmp_path / "a", **ASK)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "problem.toml").write_text("mine")
    with pytest.raises(ProblemError, match=r"holds another problem\.toml"):
        submit(well(), METHOD, backend="aer", folder=tmp_path / "b", **ASK)
    assert (tmp_path / "b" / "problem.toml").read_text() == "mine"
    (tmp_path / "c").write_text("a file")
    with pytest.raises(ProblemError, match="can be written"):
        submit(well(), METHOD, backend="aer", folder=tmp_path / "c", **ASK)
    with pytest.raises(ProblemError, match="can be written"):
        submit(well(), METHOD, backend="aer", folder=tmp_path / "c" / "below", **ASK)


def test_a_folder_that_cannot_be_written() -> None:
    with pytest.raises(ProblemError, match="`folder` must be a folder that can be written"):
        submit(well(), METHOD, backend="aer", folder="/proc/run", **ASK)


def test_what_cannot_be_written_down_is_refused(tmp_path: Path) -> None:
    class Ramp(qd.Linear):
        pass

    problem = well().replace(diffusion=Ramp(1.0, 0.5))
    with pytest.raises(ProblemError, match="no file can hold"):
        submit(problem, METHOD, backend="aer", folder=tmp_path / "run", **ASK)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_run_goes_on_with_its_own_backend_only(tmp_path: Path) -> None:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])
    noisy = qd.backend("aer", noise_model=model)
    run = submit(well(), METHOD, backend=noisy, folder=tmp_path / "run", **ASK)
    (tmp_path / "run" / "trajectory.npz").unlink(missing_ok=True)
    with pytest.raises(BackendError, match=r"'aer' differs in .*noise"):  # its name alone would open one without noise
        open_run(tmp_path / "run").fetch()
    with pytest.raises(BackendError, match="must be the one of the run"):
        open_run(tmp_path / "run", backend="statevector")
    got = open_run(tmp_path / "run", backend=noisy).fetch()
    assert got is not None
    same(got, run.fetch())  # type: ignore[arg-type]
    submit(well(), METHOD, backend=cloud(tmp_path / "service"), folder=tmp_path / "cloud", patience=QUICK, **ASK)
    with pytest.raises(BackendError, match=r"must be given to open_run\(folder, backend=...\)"):
        open_run(tmp_path / "cloud").resume()


def test_options_of_a_backend_come_back_by_name(tmp_path: Path) -> None:
    backend = qd.backend("ibm:fake_manila", readout_mitigation="reported", layout=(4, 3, 2), optimization_level=1)
    submit(well(), METHOD, backend=backend, folder=tmp_path / "run", **ASK)
    (tmp_path / "run" / "trajectory.npz").unlink(missing_ok=True)
    got = open_run(tmp_path / "run").fetch()
    assert got is not None
    assert got.provenance["backend_details"]["readout_mitigation"] == "reported"
    assert tuple(got.provenance["backend_details"]["layout"]) == (4, 3, 2)
    same(got, qd.evolve(well(), METHOD, backend=backend, **ASK))


def test_changed_circuits_are_not_read_as_the_old_ones(tmp_path: Path) -> None:
    """Here by a process that holds another statement; edited files are the matter of test_content.py."""
    run = submit(well(), METHOD, backend="aer", folder=tmp_path / "run", **ASK)
    for change in ({"seed": 4}, {"method": qd.Trotter(1, order=1)}, {"problem": well().replace(diffusion=0.41)}):
        other = dataclasses.replace(run, statement=dataclasses.replace(run.statement, **change))
        with pytest.raises(BackendError, match="must be those that were planned"):
            other.fetch()


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    submit(well(), METHOD, backend="aer", folder=tmp_path / "run", **ASK)
    path = tmp_path / "run" / "results" / "batch-00000-0.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BackendError, match=r"batch-00000-0\.npz must be readable"):
        open_run(tmp_path / "run").fetch()


@pytest.mark.parametrize(
    "wrong",
    [
        {"backend": None},
        {"backend": {"name": "aer"}},
        {"shots": "many"},
        {"saves": None},
        {"method": [1]},
        {"method": {"kind": "variational", "steps": 2}},
        {"method": {"kind": "variational", "steps": 2, "ansatz": {"kind": "circuit", "theta0": []}}},
    ],
    ids=str,
)
def test_parts_of_another_kind_are_damage(tmp_path: Path, wrong: dict[str, Any]) -> None:
    submit(well(), METHOD, backend="aer", folder=tmp_path / "run", **ASK)
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))
    with pytest.raises(ProblemError, match=r"run\.json is damaged"):
        open_run(tmp_path / "run")


def test_a_lock_that_cannot_be_opened(tmp_path: Path) -> None:
    run = submit(well(), METHOD, backend="aer", folder=tmp_path / "run", **ASK)
    (tmp_path / "run" / "lock.sqlite").unlink()
    (tmp_path / "run" / "lock.sqlite").mkdir()
    with pytest.raises(BackendError, match="must be a folder that can be locked"):
        run.resume()


def damage(path: Path, how: str) -> None:
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("how", ["gone", "cut"])
def test_a_damaged_result_is_had_again_by_resume(tmp_path: Path, how: str) -> None:
    """From the vendor, who still has the job and is not asked to run another, or by running a simulator again."""
    backend = cloud(tmp_path / "service")
    run = submit(well(), METHOD, backend=backend, folder=tmp_path / "jobs", patience=QUICK, quiet=True, **ASK)
    while run.fetch() is None:
        pass
    (tmp_path / "jobs" / "trajectory.npz").unlink()
    damage(tmp_path / "jobs" / "results" / "batch-00001-0.npz", how)
    sent = backend.service.tags()
    assert run.resume().complete
    got = run.fetch()
    assert got is not None
    assert backend.service.tags() == sent
    same(got, qd.evolve(well(), METHOD, backend=cloud(tmp_path / "other"), **ASK))
    plain = submit(well(), METHOD, backend="aer:density_matrix", folder=tmp_path / "plain", **ASK)
    damage(tmp_path / "plain" / "results" / "batch-00000-0.npz", how)
    assert plain.resume().complete
    again = plain.fetch()
    assert again is not None
    same(again, qd.evolve(well(), METHOD, backend="aer:density_matrix", **ASK))


def test_what_a_device_measured_is_not_measured_again_unasked(tmp_path: Path) -> None:
    device = Device(tmp_path / "ran.txt")
    run = submit(well(), METHOD, backend=device, folder=tmp_path / "run", **ASK)
    ran = device.ran()
    damage(tmp_path / "run" / "results" / "batch-00002-0.npz", "gone")
    assert run.resume().count("unknown") == 1
    assert device.ran() == ran
    assert run.resume(resend=True).complete
    assert device.ran() == [*ran, ran[2]]


def test_a_ledger_that_another_process_keeps_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qml_dynamics.runs.ledger._BUSY", 0.1)
    alone = Block(0, (Part("print", 0, 1),))
    Ledger.create(tmp_path)
    mine, other = Ledger(tmp_path), Ledger(tmp_path)
    with mine.writing(), pytest.raises(BackendError, match="must be writable, but SQLite says: database is locked"):
        other.plan("run", alone, [Coming(0, 1, 10, 0.0)])
    other.plan("run", alone, [Coming(0, 1, 10, 0.0)])  # nothing is left half open
    assert len(mine.batches()) == 1
    mine.close()
    other.close()


def test_files_hold_no_pickle(tmp_path: Path) -> None:
    seen = {"x": lambda w: w[:, 0]}
    submit(well(), METHOD, backend="aer", folder=tmp_path / "run", observables=seen, **ASK).fetch()
    files = sorted((tmp_path / "run").rglob("*.np[yz]"))
    assert len(files) == 4
    for path in files:
        loaded = np.load(path, allow_pickle=False)
        names = loaded.files if path.suffix == ".npz" else []
        assert all(loaded[name].dtype != object for name in names)


def test_rows_are_taken_once(tmp_path: Path) -> None:
    submit(well(), METHOD, backend="aer", folder=tmp_path / "run", **ASK)
    one, two = Ledger(tmp_path / "run"), Ledger(tmp_path / "run")
    (batch,) = one.batches()
    assert one.again(batch, "run")
    assert not two.again(batch, "run")  # it was read before it was changed
    (planned,) = two.batches()
    assert planned.attempt == 1
    assert two.move(planned, "running")
    assert not one.move(planned, "running")
    one.close()
    two.close()


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    first, second = WorkLock(tmp_path), WorkLock(tmp_path, timeout=0.1)
    assert first.acquire(0.0)
    assert not second.acquire(0.0)
    with pytest.raises(BackendError, match="another process works on"), second:
        pass
    first.release()
    with second:
        assert not first.acquire(0.0)


TOGETHER = """
import os, sys, traceback
from pathlib import Path
sys.path.insert(0, {here!r})
from shared_runs import METHOD, QUICK, well
from standin import cloud
from qml_dynamics.runs import submit
root = Path({root!r})

def work(folder):
    backend = cloud(root / folder / "service")
    run = submit(well(), METHOD, backend=backend, shots=50, seed=3, save=3, folder=root / folder / "run", patience=QUICK)
    return run.fetch(wait=True).counts["weight"][-1].count.tolist()

work("warm")
gate, opened = os.pipe()
children = []
for number in range(3):
    children.append(os.fork())
    if children[-1] == 0:
        os.close(opened)
        os.read(gate, 1)  # until the parent opens it for all
        try:
            (root / f"{{number}}.txt").write_text(repr(work("shared")))
        except BaseException:
            (root / f"{{number}}.txt").write_text(traceback.format_exc())
        os._exit(0)
os.close(opened)
for child in children:
    os.waitpid(child, 0)
"""


def test_processes_on_one_folder(tmp_path: Path) -> None:
    code = TOGETHER.format(here=str(Path(__file__).parent), root=str(tmp_path))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "QISKIT_IN_PARALLEL": "TRUE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    answers = [(tmp_path / f"{number}.txt").read_text() for number in range(3)]
    assert answers[0].startswith("["), answers[0]
    assert answers == [answers[0]] * 3
    backend = cloud(tmp_path / "shared" / "service")
    run = open_run(tmp_path / "shared" / "run", backend=backend)
    assert backend.service.tags() == [f"{run.statement.run}-{number}" for number in range(3)]


FULL = """
import resource, sys
from shared_runs import table_run
import qml_dynamics as qd
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    print("complete", table_run(sys.argv[1]).shots)
except qd.QMLDynamicsError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    "limit",
    [pytest.param(4_000, marks=pytest.mark.slow), 12_000, 30_000, pytest.param(60_000, marks=pytest.mark.slow)],
    ids=["problem", "ledger", "result", "trajectory"],
)
def test_a_disk_that_fills_up_at_any_point_stops_a_run_that_goes_on_later(tmp_path: Path, limit: int) -> None:
    """A real limit of the file size, in a child: while the folder is made, in the ledger, in a result, in the trajectory."""
    folder, here = tmp_path / "run", {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    code = [sys.executable, "-W", "ignore", "-c", FULL, str(folder), str(limit)]
    out = subprocess.run(code, capture_output=True, text=True, check=False, env=here)
    assert out.returncode == 0, out.stderr
    assert out.stdout.startswith(("ProblemError", "BackendError"))
    assert str(folder) in out.stdout
    assert table_run(folder).shots == 4000  # the same statement, with room enough
    assert [path.name for path in folder.rglob("*") if path.name.startswith(".")] == []


@pytest.mark.parametrize("folder", [None, 3, 5.0, "", "a\0b", b"bytes"])
def test_what_is_no_path(folder: Any) -> None:
    for call in (open_run, lambda f: submit(well(), METHOD, backend="aer", folder=f, **ASK)):
        with pytest.raises(ProblemError, match="`folder` must be the path of a folder, but is"):
            call(folder)


def test_patience_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(qd.MethodError, match="`patience` must be None or a Patience, but is 3"):
        submit(well(), METHOD, backend="aer", folder=tmp_path / "run", patience=3, **ASK)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
