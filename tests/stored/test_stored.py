"""What earlier versions wrote is read, and says what it said then.

The files in ``data`` were written by the library as it was when they were added (see ``make.py``), and beside each stands a record
of what it must give back: from the objects in memory when it was written, not from reading it. Runs that were cut off go on here,
on a copy, and end as the run without a break ended.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import qpy

import qml_dynamics as qd
from qml_dynamics.base.errors import BackendError, BudgetExceeded, ProblemError
from qml_dynamics.cli import main as command_line
from qml_dynamics.learning.growth import load_recording
from qml_dynamics.runs import Checkpoint
from tests.stored import calls, recorded
from tests.stored.make import DATA, digests, of_recording
from tests.stored.problem_files import of_file
from tests.stored.run_folders import QUICK, by_name, device, every_folder
from tests.stored.trajectories import OWN_PROBLEMS

TRUSTED: dict[str, Any] = {"allow_code": True}
"""What lets ``read_problem`` run code that a problem file names, and read data outside of its folder."""

TRAJECTORIES = sorted(p.stem for p in DATA.glob("trajectories/*.npz"))
PROBLEMS = sorted(p.relative_to(DATA).as_posix() for p in DATA.glob("problems/*/*.toml"))
NEEDS_TRUST = sorted(p.relative_to(DATA).as_posix() for p in DATA.glob("trusted/*/*.toml"))
RUNS = sorted(p.parent.name for p in DATA.glob("runs/*/record.json"))
MEASURED = sorted(p.parent.name for p in DATA.glob("checkpoints/*/record.json") if "generator" not in p.parent.name)

METHODS = (
    *("SplitStep", "Krylov", "Exact", "Trotter", "MultiProduct", "QDrift", "RandomOrder", "MiniBatch", "Variational"),
    *("Schrodingerised", "ProbabilisticITE", "QITE", "DoubleBracket", "HamiltonJacobi", "KoopmanVonNeumann"),
    *("SchrodingerBridge", "Growing"),
)
TEXT_ONLY = (
    *("variational_own_circuit", "variational_own_qnode", "variational_own_solver", "bridge_density"),
    *("anneal", "anneal_portfolio"),
)
"""Trajectories whose file holds the method as text: circuits, functions, densities and anneals were not written down then."""
LOST_ROWS = "mini_batch_submitted"
"""A run whose folder kept the table of its loss and not the rows of data, which its circuits are made of."""


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pauses, and no warnings about small problems."""
    monkeypatch.setattr("qml_dynamics.backends.ibm.waiting.FIRST_PAUSE", 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def command(*arguments: object) -> int:
    """The exit code of a command of the command line."""
    with pytest.raises(SystemExit) as ended:
        command_line([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def copy(path: Path, to: Path) -> Path:
    """A copy to work on."""
    return Path(shutil.copytree(path, to / path.name))


def same_simulators() -> bool:
    """Whether seeds give the counts that they gave when the files were written."""
    numbers = recorded.read(DATA / "versions.json")
    return all(version(name) == number for name, number in numbers.items() if name != "qml-dynamics")


def too_new(folder: Path) -> bool:
    """Whether a circuit in a folder is in a format that the installed Qiskit does not read."""
    return any(path.read_bytes()[6] > qpy.common.QPY_VERSION for path in folder.rglob("*.qpy"))


def check_trajectory(found: qd.Trajectory, record: dict[str, Any], text_only: bool = False) -> None:
    """Everything that was recorded, to 1e-12."""
    said = recorded.of_trajectory(found)
    recorded.check({**said, "method": None}, {**record, "method": None}, "trajectory")
    if text_only:
        assert record["method"]["type"] in str(found.method)
    else:
        recorded.check_part(found.method, record["method"])


def test_every_kind_is_here() -> None:
    assert (len(TRAJECTORIES), len(PROBLEMS), len(NEEDS_TRUST), len(RUNS)) >= (117, 110, 4, 35)
    read = {recorded.read(DATA / "trajectories" / f"{name}.json")["method"]["type"] for name in TRAJECTORIES}
    assert set(METHODS) <= read
    assert set(TEXT_ONLY) <= set(TRAJECTORIES)
    assert LOST_ROWS in RUNS


def test_the_files_are_those_that_were_written() -> None:
    kept = recorded.read(DATA / "digests.json")
    now = digests()
    assert sum(map(len, kept.values())) > 700
    changed = [
        f"{folder}/{name}" for folder, files in kept.items() for name in files if now[folder].get(name) != files[name]
    ]
    assert not changed
    assert now == kept, "new files need their digests: python -m tests.stored.make"


def test_the_files_name_no_machine() -> None:
    places = re.compile(rb"(?<![\w.:/)\]])/(?!array/)[A-Za-z]{2,}/[\w.]{2,}|:\\Users|site-packages")  # absolute paths
    assert places.search(b"read /home/someone/project/tests/test_stored.py")
    for path in DATA.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            content = path.read_bytes()
            assert not places.search(content.replace(b"\0", b"")), path  # texts in arrays have four bytes a letter
            if path.suffix == ".sqlite":
                assert set(re.findall(rb"host[^:]*:\d+", content)) <= {b"host:1"}, path


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_trajectories(name: str) -> None:
    record = recorded.read(DATA / "trajectories" / f"{name}.json")
    path = DATA / "trajectories" / f"{name}.npz"
    if name in OWN_PROBLEMS:
        with pytest.raises(ProblemError, match="one of your own"):
            qd.load(path)
        check_trajectory(qd.load(path, problem=OWN_PROBLEMS[name]()), record)
        return
    found = qd.load(path)
    check_trajectory(found, record, name in TEXT_ONLY)
    assert (
        np.abs(found.density.reshape(len(found.times), -1).sum(axis=1) - 1).max() < 1e-6
    )  # one run was in single precision


def test_what_was_read_is_written_and_read_again(tmp_path: Path) -> None:
    for name in ("trotter_sampled", "variational_grown_labels", "operator_matrix", "loss_neuron", "schedule_qhd"):
        record = recorded.read(DATA / "trajectories" / f"{name}.json")
        first = qd.load(DATA / "trajectories" / f"{name}.npz")
        again = qd.load(first.save(tmp_path / name))
        check_trajectory(again, record)
        assert np.array_equal(again.density, first.density)


@pytest.mark.parametrize("name", PROBLEMS)
def test_problem_files(name: str, tmp_path: Path) -> None:
    path = DATA / name
    record = recorded.read(path.with_suffix(".json"))
    found = qd.read_problem(path)
    check_file(found, record)
    assert type(found).__name__ == "ProblemFile"


@pytest.mark.parametrize("name", NEEDS_TRUST)
def test_problem_files_that_need_trust(name: str) -> None:
    check_file(qd.read_problem(DATA / name, **TRUSTED), recorded.read((DATA / name).with_suffix(".json")))
    with pytest.raises(ProblemError, match="allow_code"):
        qd.read_problem(DATA / name)


def check_file(file: Any, record: dict[str, Any]) -> None:
    recorded.check({**of_file(file), "method": None}, {**record, "method": None}, "file")
    recorded.check_part(file.method, record["method"])


@pytest.mark.parametrize("name", RUNS)
def test_run_folders(name: str, tmp_path: Path) -> None:
    root = copy(DATA / "runs" / name, tmp_path)
    record = recorded.read(root / "record.json")
    seen = None if by_name(record["backend"]) else device(record["backend"], root)
    if too_new(root):
        with pytest.raises((ProblemError, BackendError), match=r"version of Qiskit|Qiskit version|failed"):
            qd.open_run(root / "run", backend=seen, patience=QUICK).fetch(wait=True)
        return
    run = qd.open_run(root / "run", backend=seen, patience=QUICK)
    check_statement(run.statement, record["answer"])
    assert [b.status for b in run.status(ask=False).batches] == record["batches"]
    if name == LOST_ROWS:
        with pytest.raises(ProblemError, match="mean over rows of data"):
            run.fetch()
        return
    found = finished(run, record["state"])
    stored = record["state"] in ("fetched", "submitted")
    check_answer(found, record["answer"], exactly=stored or (record["exact"] and same_simulators()))
    if record["state"] == "fetched":
        check_answer(qd.load(root / "run"), record["answer"], exactly=True)
    assert run.status(ask=False).fetched
    once_more = qd.open_run(root / "run", backend=seen).fetch()
    assert once_more is not None
    np.testing.assert_array_equal(once_more.density, found.density)


@pytest.mark.parametrize("name", ["variational_layers", "variational_parts", "variational_own"])
def test_a_folder_in_the_words_of_before_holds_the_same_run(name: str, tmp_path: Path) -> None:
    root = copy(DATA / "runs" / name, tmp_path)
    run = every_folder()[name]
    more = {**run.arguments(), "backend": run.backend, "folder": root / "run", "quiet": True}
    if too_new(root):
        with pytest.raises((ProblemError, BackendError), match=r"version of Qiskit|Qiskit version"):
            qd.submit(run.problem, run.method, **more)
        return
    found = qd.submit(run.problem, run.method, **more).fetch()
    check_answer(found, recorded.read(root / "record.json")["answer"], exactly=True)
    with pytest.raises(ProblemError, match="holds a run that differs in method"):
        qd.submit(run.problem, dataclasses.replace(run.method, steps=7), **more)


def check_statement(statement: Any, answer: dict[str, Any]) -> None:
    recorded.check_part(statement.method, answer["method"])
    problem = recorded.of_problem(statement.problem)
    recorded.check(problem, answer["problem"], "problem")
    assert statement.seed == 11
    recorded.check(list(statement.saves), answer["times"], "saves")
    assert set(statement.observables or {}) <= set(answer["expectations"])


def finished(run: Any, state: str) -> qd.Trajectory:
    """Go on as a person would with a run that was left like this."""
    if state == "over budget":
        with pytest.raises(BudgetExceeded):
            run.resume()
        run.resume(max_shots=10**6)
    elif state == "cancelled":
        run.resume(resend=True, max_shots=10**6)
    elif state == "failed":
        with pytest.raises(BackendError, match="failed"):
            run.fetch(wait=True)
        run.resume(resend=True)
    elif state == "killed":
        assert run.fetch() is None
        if run.resume().count("unknown"):  # on a device without jobs, whose circuits are not run twice unasked
            run.resume(resend=True)
    elif state in ("queued", "partly"):
        assert run.fetch() is None
    found = run.fetch(wait=state in ("queued", "partly", "failed"))
    assert found is not None
    return found


def check_answer(found: qd.Trajectory, answer: dict[str, Any], exactly: bool) -> None:
    """The samples and what follows from them; with samples of another simulator within five standard errors."""
    said = recorded.of_trajectory(found)
    recorded.check(said["times"], answer["times"], "times")
    if exactly:
        numbers = ("density", "states", "log_norm", "parameters", "counts", "best", "shots", "stop")
        for name in numbers:
            recorded.check(said[name], answer[name], name, 1e-8)  # regularised equations were solved on the way
        check_expectations(said["expectations"], answer["expectations"])
        return
    assert found.shots == answer["shots"]
    for name, told in answer["expectations"].items():
        now, before = found.expectations[name], np.array(told["value"])
        wide = np.hypot(np.broadcast_to(now.stderr, before.shape), np.array(told["stderr"]))
        assert np.all(np.abs(now.value - before) <= 5 * wide + 1e-9), name


def check_expectations(said: dict[str, Any], told: dict[str, Any]) -> None:
    """Values and shots as recorded; errors too, but where they have more room for rare outcomes by now, see the changelog."""
    assert set(said) == set(told)
    for name, before in told.items():
        recorded.check(
            {k: said[name][k] for k in ("value", "shots")}, {k: before[k] for k in ("value", "shots")}, name, 1e-8
        )
        now, then = np.array(said[name]["stderr"]), np.array(before["stderr"])
        assert np.all(now >= then * (1 - 1e-8) - 1e-12), name
        assert np.all((now <= 1.75 * then + 1e-8) | (then < 1e-3 * now.max())), (
            name
        )  # 3 seen: sqrt(1 + 2 / 1), at the most


@pytest.mark.parametrize("name", MEASURED)
def test_checkpoints_of_measured_runs(name: str, tmp_path: Path) -> None:
    folder = copy(DATA / "checkpoints" / name, tmp_path)
    record = recorded.read(folder / "record.json")
    problem, method, _ = calls.calls()[name]
    kept = Checkpoint(folder).load().step  # type: ignore[union-attr]
    with calls.watched() as seen:
        found = qd.evolve(problem, method, checkpoint=Checkpoint(folder), **calls.arguments())
    assert 0 < sum(seen.calls) <= sum(record["calls"]) - sum(record["calls"][:kept])
    recorded.check_part(found.method, record["answer"]["method"])
    check_answer(found, record["answer"], exactly=record["exact"] and same_simulators())
    half = found.parameters[:2]  # type: ignore[index]
    recorded.check(half.tolist(), record["answer"]["parameters"][:2], "angles before the break", 1e-8)
    assert np.abs(half[1] - half[0]).max() > 1e-3


@pytest.mark.parametrize("kind", calls.GENERATORS)
def test_checkpoints_with_random_numbers(kind: str, tmp_path: Path) -> None:
    folder = copy(DATA / "checkpoints" / f"generator_{kind}", tmp_path)
    saved = Checkpoint(folder).load()
    assert saved is not None
    assert (saved.step, saved.meta) == (4, {"note": "halfway", "energy": 0.1 + 0.2})
    assert saved.arrays.keys() == calls.ARRAYS.keys()
    for name, array in calls.ARRAYS.items():
        assert saved.arrays[name].dtype == array.dtype
        assert saved.arrays[name].tobytes() == array.tobytes()
    assert saved.generator is not None
    raw = [str(v) for v in saved.generator.bit_generator.random_raw(5)]  # type: ignore[attr-defined]
    assert raw == recorded.read(folder / "record.json")["raw"]


def test_recordings() -> None:
    found = load_recording(DATA / "recordings" / "grown.npz")
    recorded.check(of_recording(found), recorded.read(DATA / "recordings" / "grown.json"), "recording")
    assert len(found.steps) > 1


@pytest.mark.parametrize("name", ["run", "run_classical", "run_on_data", "anneal", "descend"])
def test_folders_of_commands(name: str) -> None:
    folder = DATA / "command_line" / name
    paths = sorted(folder.glob("*.record.json"))
    assert paths
    for path in paths:
        record = recorded.read(path)
        check_trajectory(qd.load(folder / path.name.replace(".record.json", ".npz")), record)
    if name == "descend":
        return
    check_trajectory(qd.load(folder), recorded.read(folder / "trajectory.record.json"))
    file = qd.read_problem(folder)
    recorded.check(
        recorded.of_problem(file.problem)["objective"]["values"], record["problem"]["objective"]["values"], "loss"
    )
    assert (file.dataset is not None) == (name == "run_on_data")


def test_a_stored_run_on_data_predicts() -> None:
    """By its problem file: the trajectory itself keeps the table of the loss only."""
    file, run = (read(DATA / "command_line" / "run_on_data") for read in (qd.read_problem, qd.load))
    assert run.best is not None
    assert file.problem.objective is not None
    assert file.dataset is not None
    share = file.problem.objective.score(np.array(run.best.weights), file.dataset.X_test, file.dataset.y_test)
    told = json.loads((DATA / "command_line" / "run_on_data" / "result.json").read_text())
    assert 0.0 <= share <= 1.0
    assert told["best"]["value"] == pytest.approx(run.best.value, abs=1e-12)
    recorded.check([run.best.value], file.problem.objective(np.array([run.best.weights])).tolist(), "loss", 1e-9)


@pytest.mark.parametrize("name", ["submit", "submit_on_data"])
def test_the_commands_go_on_with_a_submitted_run(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy(DATA / "command_line" / name, tmp_path)
    for verb in ("status", "resume", "fetch"):
        assert command(verb, folder) == 0, capsys.readouterr().err
    found = qd.load(folder)
    assert found.shots == 300
    assert found.method == qd.Trotter(2)
    assert np.abs(found.density[-1] - found.density[0]).sum() > 0.05


def test_the_commands_read_stored_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy(DATA / "command_line" / "run", tmp_path)
    assert command("compare", folder, folder / "reference.npz", "--json") == 0
    assert json.loads(capsys.readouterr().out)["agree"] is True
    assert command("compare", folder, DATA / "trajectories" / "split_step_lie_imaginary.npz") != 0
    capsys.readouterr()


@pytest.mark.parametrize("name", ["recording", "baseline"])
def test_recordings_of_commands(name: str) -> None:
    folder = DATA / "command_line" / "grow"
    found = load_recording(folder / f"{name}.npz")
    recorded.check(of_recording(found), recorded.read(folder / f"{name}.record.json"), name)
    assert len(found.steps) > 1
