"""Run folders, trajectories and checkpoints of somebody else: their files lie in them, and the kinds that they name are ours."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.backends.stored import circuit_bytes, circuit_from_bytes
from qml_dynamics.base.errors import BackendError, ProblemError, QMLDynamicsError
from qml_dynamics.results.trajectory import SEAL
from qml_dynamics.runs.checkpoint import Checkpoint
from tests.foreign import bowl, own_problem


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("finished")
    qd.submit(
        own_problem().replace(objective=bowl), qd.Trotter(1), backend="aer", shots=20, seed=1, folder=root / "run"
    )
    return root / "run"


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


LINKED = ["run.json", "problem.toml", "ledger.sqlite", "lock.sqlite", "results", "results/batch-00000-0.npz"]


@pytest.mark.parametrize("name", LINKED)
def test_no_file_of_a_run_folder_is_a_link_out_of_it(folder: Path, tmp_path: Path, name: str) -> None:
    assert qd.open_run(folder).status(ask=False).complete
    moved = tmp_path / "elsewhere"
    (folder / name).rename(moved)
    (folder / name).symlink_to(moved)
    with pytest.raises(
        ProblemError, match=r"must hold its own files, but .* is a link that leads out of it: pass allow_code"
    ):
        qd.open_run(folder)
    assert qd.open_run(folder, allow_code=True).fetch().shots == 20
    problem = own_problem().replace(objective=bowl)
    with pytest.raises(ProblemError, match="must hold its own files"):
        qd.submit(problem, qd.Trotter(1), backend="aer", shots=20, seed=1, folder=folder)


def test_a_saved_trajectory_of_a_folder_lies_in_it(folder: Path, tmp_path: Path) -> None:
    qd.open_run(folder).fetch()
    (folder / "trajectory.npz").rename(tmp_path / "t.npz")
    (folder / "trajectory.npz").symlink_to(tmp_path / "t.npz")
    with pytest.raises(ProblemError, match="must hold its own files"):
        qd.load(folder)
    assert qd.load(folder, allow_code=True).shots == 20


def change(folder: Path, statement: str, *values: Any) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        connection.execute(statement, values)
    connection.close()


@pytest.mark.parametrize("where", ["../outside.npz", "/dev/zero", "results/../../outside.npz", "results/other.npz"])
def test_the_ledger_names_no_other_file(folder: Path, tmp_path: Path, where: str) -> None:
    shutil.copy(folder / "results" / "batch-00000-0.npz", tmp_path / "outside.npz")
    change(folder, "UPDATE batches SET result = ?", where)
    with pytest.raises(BackendError, match=r"batch 0 must be results/batch-00000-0\.npz, but the ledger names"):
        qd.open_run(folder).fetch()
    qd.open_run(folder).resume()  # a simulator runs the batch again
    assert qd.open_run(folder).fetch().shots == 20


def test_the_ledger_makes_no_names_of_text(folder: Path) -> None:
    change(folder, "UPDATE batches SET attempt = '0/../../../x', status = 'planned'")
    with pytest.raises(ProblemError, match=r"is damaged: .*attempt is '0/\.\./"):
        qd.open_run(folder).resume()
    assert not list(folder.parent.glob("x*"))


def test_a_result_file_that_is_a_pipe(folder: Path) -> None:
    (folder / "results" / "batch-00000-0.npz").unlink()
    os.mkfifo(folder / "results" / "batch-00000-0.npz")
    with pytest.raises(BackendError, match="it is not a regular file"):
        qd.open_run(folder).fetch()


NAMES = [
    "os:system",
    "planted_loss:loss",
    "__import__('os')",
    "builtins.eval",
    "",
    "Trotter; import os",
    "x" * 10_000,
    ["a"],
    None,
    3,
]


@pytest.mark.parametrize("kind", NAMES, ids=lambda kind: repr(kind)[:20])
def test_a_stored_method_is_one_of_ours(folder: Path, tmp_path: Path, kind: Any) -> None:
    data = json.loads((folder / "run.json").read_text())
    run = qd.evolve(own_problem().replace(objective=bowl), qd.SplitStep(2), save=2)
    nested = {"kind": "growing", "method": {"kind": kind, "steps": 2}}
    for spec in ({"kind": kind, "steps": 2}, kind, nested, {"kind": "variational", "ansatz": {"kind": kind}}):
        (folder / "run.json").write_text(json.dumps({**data, "method": spec}))
        with pytest.raises(QMLDynamicsError) as error:
            qd.open_run(folder)
        assert "\n" not in str(error.value)
        path = changed_meta(run.save(tmp_path / "t.npz"), method=spec)
        with pytest.raises(QMLDynamicsError) as error:
            qd.load(path)
        assert str(error.value).startswith("t.npz: ")
        assert "\n" not in str(error.value)


def changed_meta(path: Path, **parts: Any) -> Path:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name != SEAL}  # as if it had been written so
    meta = json.loads(str(arrays["meta"]))
    np.savez(path, **{**arrays, "meta": np.array(json.dumps({**meta, **parts}))})
    return path


def test_a_trajectory_names_kinds_of_ours_only(tmp_path: Path) -> None:
    run = qd.evolve(own_problem().replace(objective=bowl), qd.SplitStep(2), save=2)
    path = run.save(tmp_path / "t.npz")
    with np.load(path, allow_pickle=False) as archive:
        stored = json.loads(str(archive["meta"]))["problem"]
    wrong = {
        "domain": {**stored["domain"], "kind": "os:system"},
        "diffusion": {"schedule": "os:system", "params": {}},
        "initial": {"kind": "os:system"},
        "objective": {"data": "/etc/hostname", "target": "a"},
        "evolution": {**stored["evolution"], "clock": "os:system"},
    }
    for section, keys in wrong.items():
        changed_meta(path, problem={**stored, section: keys})
        with pytest.raises(ProblemError, match=rf"^t.npz: \[{section}\] ") as error:
            qd.load(path)
        assert "\n" not in str(error.value)
    changed_meta(path, problem=stored, method={"kind": "custom", "repr": "Mine(steps=3)"})
    assert qd.load(path).method == "Mine(steps=3)"  # the text of a method of one's own, as it was stored


def test_a_checkpoint_names_a_generator_of_ours(tmp_path: Path) -> None:
    Checkpoint(tmp_path).save(1, {"a": np.ones(1)}, generator=np.random.default_rng(1))
    (path,) = tmp_path.glob("step-*.npz")
    with np.load(path, allow_pickle=False) as archive:
        head, arrays = json.loads(str(archive["head"])), {"array/a": archive["array/a"]}
    for kind in ("os:system", ["PCG64"], "default_rng", "Generator"):
        head["generator"]["bit_generator"] = kind
        np.savez(path, head=np.array(json.dumps(head)), **arrays)
        with pytest.raises(ProblemError, match="Argument `generator` must be one of MT19937"):
            Checkpoint(tmp_path).load()


def test_a_stored_circuit_holds_no_text_to_be_parsed() -> None:
    from qiskit import QuantumCircuit

    data = circuit_bytes(QuantumCircuit(1))
    assert data[:6] == b"QISKIT"
    assert circuit_from_bytes(data).num_qubits == 1
    for version in (0, 9, 12):
        with pytest.raises(ProblemError, match=f"it has the format QPY {version}"):
            circuit_from_bytes(data[:6] + bytes([version]) + data[7:])
