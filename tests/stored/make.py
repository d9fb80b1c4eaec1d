"""Writes what ``test_stored.py`` reads: files of every kind, as the library of that day writes them.

``python -m tests.stored.make``, from the root of the repository. Written by qml-dynamics 0.1.0; never regenerated, only added
to: what is there already is left alone, so that files of older versions stay what they were. ``data/problems/by_hand`` and
``data/trusted`` are written by people; only their records come from here.

``data/digests.json`` holds a digest of every file, and ``data/versions.json`` the versions of the libraries that each part
was written with, since seeds decide counts only as long as the simulators stay the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import qml_dynamics as qd
from qml_dynamics.learning.growth import load_recording, train_network
from qml_dynamics.learning.growth.insertion import NeuronGrowth
from qml_dynamics.learning.growth.training import Training
from qml_dynamics.runs import Checkpoint
from tests.stored import calls, recorded, run_folders
from tests.stored.problem_files import every_file, of_file
from tests.stored.trajectories import every_run, rows

DATA = Path(__file__).parent / "data"
PACKAGES = ("qml-dynamics", "numpy", "scipy", "qiskit", "qiskit-aer", "qiskit-ibm-runtime", "pennylane")
ZERO = 1e-15  # an outcome below it has a probability that hangs on round-off, and so has what is drawn after it
COMMANDS = {
    "run": "run run.toml --out run --save 3 --no-plots",
    "run_classical": "run classical.toml --out run_classical --save 3 --no-plots",
    "run_on_data": "run data.toml --out run_on_data --no-plots --no-budget",
    "submit": "submit run.toml --out submit --save 2",
    "submit_on_data": "submit data.toml --out submit_on_data --save 2",
    "anneal": "anneal classical.toml --out anneal --stages 4 --seed 3 --no-plots",
    "descend": "descend levy --qubits 3 --steps 6 --samples 50 --seed 3 --no-compare --out descend",
    "grow": "grow two.csv --target kind --out grow --epochs 4 --max-hidden 2",
}


def trajectories() -> None:
    """``NAME.npz`` by ``Trajectory.save``, and what it held."""
    for name, run in every_run().items():
        path = DATA / "trajectories" / f"{name}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            found = run()
            record = recorded.of_trajectory(found)
            found.save(path)
            recorded.write(path.with_suffix(".json"), record)


def problems() -> None:
    """``NAME.toml`` by ``write_problem``; and what every problem file says, the ones written by hand included."""
    for name, (problem, method, backend) in every_file().items():
        path = DATA / "problems" / "written" / f"{name}.toml"
        if not path.exists():
            qd.write_problem(problem, path, method=method, backend=backend)
            said = of_file(qd.read_problem(path))
            record = {**said, "problem": recorded.of_problem(problem), "method": recorded.of_part(method)}
            recorded.write(path.with_suffix(".json"), record)
    for path in (*DATA.glob("problems/by_hand/*.toml"), *DATA.glob("trusted/*/*.toml")):
        if not path.with_suffix(".json").exists():
            recorded.write(path.with_suffix(".json"), of_file(qd.read_problem(path, allow_code=True)))


def runs() -> None:
    """``NAME/run``, the stand-in service's files beside it, and ``NAME/record.json`` with the answer of a run without a break."""
    for name, stored in run_folders.every_folder().items():
        root = DATA / "runs" / name
        if root.exists():
            continue
        with tempfile.TemporaryDirectory() as scratch, calls.watched() as seen:
            answer = recorded.of_trajectory(run_folders.answer(stored, Path(scratch)))
        exact = seen.least > ZERO and name not in run_folders.COMPILED_AGAIN
        root.mkdir(parents=True)
        run_folders.leave(stored, root)
        where = None if run_folders.by_name(stored.backend) else run_folders.device(stored.backend, root)
        batches = qd.open_run(root / "run", backend=where).status(ask=False).batches
        record = {
            "backend": stored.backend,
            "state": stored.state,
            "batches": [b.status for b in batches],
            "exact": exact,
        }
        recorded.write(root / "record.json", {**record, "answer": answer})


def checkpoints() -> None:
    """``NAME/step-*.npz`` of runs that were killed, the answer without a break; and plain checkpoints of every generator."""
    for name, (problem, method, at) in calls.calls().items():
        folder = DATA / "checkpoints" / name
        if folder.exists():
            continue
        with calls.watched() as seen:
            answer = qd.evolve(problem, method, **calls.arguments())
        _until_killed(lambda p=problem, m=method, f=folder: _begin(p, m, f), at)
        recorded.write(
            folder / "record.json",
            {"calls": seen.calls, "exact": seen.least > ZERO, "answer": recorded.of_trajectory(answer)},
        )
    for kind in calls.GENERATORS:
        folder = DATA / "checkpoints" / f"generator_{kind}"
        if not folder.exists():
            rng = np.random.Generator(getattr(np.random, kind)(3))
            rng.integers(0, 9, 3, dtype=np.uint32)  # leaves half a word behind
            Checkpoint(folder).save(4, calls.ARRAYS, generator=rng, meta={"note": "halfway", "energy": 0.1 + 0.2})
            raw = [str(v) for v in rng.bit_generator.random_raw(5)]
            recorded.write(folder / "record.json", {"raw": raw})


def _begin(problem: Any, method: Any, folder: Path) -> None:
    qd.evolve(problem, method, checkpoint=Checkpoint(folder), **calls.arguments())


def _until_killed(work: Callable[[], None], at: int) -> None:
    child = os.fork()
    if child == 0:
        run_folders.kill_at(at)
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "not killed"


def recordings() -> None:
    """``NAME.npz`` by ``Recording.save`` of a network that grew."""
    path = DATA / "recordings" / "grown.npz"
    if path.exists():
        return
    path.parent.mkdir(parents=True)
    X, y = rows()
    run = train_network(
        X, y, held_out=(X[:4], y[:4]), growth=NeuronGrowth(0.1, max_hidden=3), training=Training(epochs=4)
    )
    run.recording.save(path)
    recorded.write(path.with_suffix(".json"), of_recording(run.recording))


def of_recording(found: Any) -> dict[str, Any]:
    """Steps, columns and facts of a recording."""
    columns = {name: recorded.plain(values) for name, values in found.columns.items()}
    return {"steps": recorded.plain(found.steps), "columns": columns, "info": recorded.plain(dict(found.info))}


def command_line() -> None:
    """Folders that the commands write, made beside the files of ``data/command_line/given`` and moved here."""
    home = DATA / "command_line"
    for name, command in COMMANDS.items():
        if (home / name).exists():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copytree(home / "given", scratch, dirs_exist_ok=True)
            env = {**os.environ, "PYTHONPATH": str(Path(qd.__file__).parents[1])}
            program = "from qml_dynamics.runs import ledger; ledger.owner = lambda: 'host:1'\n"
            program += "from qml_dynamics.cli import main; raise SystemExit(main())"
            ended = subprocess.run([sys.executable, "-c", program, *command.split()], cwd=scratch, env=env)
            assert ended.returncode == 0, command
            for picture in Path(scratch, name).glob("*.png"):
                picture.unlink()
            shutil.copytree(Path(scratch, name), home / name)
        for path in (home / name).glob("*.npz"):
            if path.name in ("trajectory.npz", "reference.npz", "run.npz"):
                recorded.write(path.with_suffix(".record.json"), recorded.of_trajectory(qd.load(path)))
            elif path.name in ("recording.npz", "baseline.npz"):
                recorded.write(path.with_suffix(".record.json"), of_recording(load_recording(path)))


def digests() -> dict[str, dict[str, str]]:
    """The first 20 digits of the SHA-256 of every file, by folder."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(p for p in DATA.rglob("*") if p.is_file() and p.parent != DATA):
        if "__pycache__" not in path.parts:
            folder = found.setdefault(path.parent.relative_to(DATA).as_posix(), {})
            folder[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()[:20]
    return found


def main() -> None:
    """Add what is missing."""
    warnings.simplefilter("ignore")
    for part in (trajectories, problems, runs, checkpoints, recordings, command_line):
        part()
    target = DATA / "versions.json"
    if not target.exists():
        recorded.write(target, {name: version(name) for name in PACKAGES})
    (DATA / "digests.json").write_text(json.dumps(digests(), separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
