"""Kills runs at chosen points: one warm process forks children, traces the lines they execute, and sends SIGKILL.

A point is the execution of one line of ``qml_dynamics/runs``, of the file writer, or of the stand-in service: before it is
sent, between the vendor's acceptance and the answer, between the answer and the ledger, inside a write, and so on. Called as
``python killing.py FOLDER KIND COUNT SEED KILLS``; prints one JSON line a trial.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared_runs import METHOD, QUICK, Device, same, spins, stepwise, well
from standin import cloud

from qml_dynamics import MultiProduct, backend, evolve
from qml_dynamics.backends.ibm import waiting
from qml_dynamics.results.trajectory import Trajectory
from qml_dynamics.runs import open_run, submission, submit, units
from qml_dynamics.runs import run as run_module

TRACED = ("/qml_dynamics/runs/", "/tests/runs/standin.py", "/qml_dynamics/results/trajectory.py")
SHOTS, SEED = 60, 11
KINDS: dict[str, tuple[Any, Any]] = {
    "jobs": (well(), METHOD),
    "two_calls": (spins(), MultiProduct((1, 2))),
    "local": (well(), METHOD),
    "device": (well(), METHOD),
    "steps": stepwise(),
}
CLOUDS = ("jobs", "two_calls", "steps")


def device(kind: str, root: Path) -> Any:
    """The stand-in service of this trial, a simulator without jobs, or a device without jobs."""
    if kind == "device":
        return Device(root / "ran.txt")
    return backend("statevector") if kind == "local" else cloud(root / "service")


def whole(kind: str, root: Path) -> None:
    """Submit, wait, fetch, write."""
    problem, method = KINDS[kind]
    run = submit(
        problem,
        method,
        backend=device(kind, root),
        shots=SHOTS,
        seed=SEED,
        save=2,
        folder=root / "run",
        patience=QUICK,
        quiet=True,
    )
    run.fetch(wait=True)


def again(kind: str, root: Path) -> None:
    """What a person does after a crash: resume where there is a run, else submit as before; send again; fetch."""
    if not (root / "run" / "run.json").is_file():
        whole(kind, root)
        return
    run = open_run(root / "run", backend=device(kind, root), patience=QUICK)
    unknown = run.resume().count("unknown")
    if kind == "device":
        (root / "unasked.txt").write_text("\n".join(Device(root / "ran.txt").ran()))
    if unknown:
        run.resume(resend=True)
    run.fetch(wait=True)


def child(work: Callable[[str, Path], None], kind: str, root: Path, tick: Callable[[str, int], None] | None) -> int:
    """Run ``work`` in a fork, ``tick(file, line)`` before each traced line; returns the raw exit status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if tick is not None:
                _trace(tick)
            work(kind, root)
            status = 0
        except BaseException:
            sys.settrace(None)
            (root / "error.txt").write_text(traceback.format_exc())
        os._exit(status)
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise RuntimeError(f"a child hung in {root}")


def _trace(tick: Callable[[str, int], None]) -> None:
    known: dict[str, bool] = {}

    def line(frame: Any, event: str, arg: Any) -> Any:
        if event == "line":
            tick(frame.f_code.co_filename, frame.f_lineno)
        return line

    def call(frame: Any, event: str, arg: Any) -> Any:
        name = frame.f_code.co_filename
        if name not in known:
            known[name] = any(part in name for part in TRACED)
        return line if known[name] else None

    threading.settrace(call)
    sys.settrace(call)


def record(kind: str, root: Path) -> list[int]:
    """Numbers of the ticks of an undisturbed run, each line at most three times (loops would hide the rest)."""
    log = root / "ticks.txt"
    with log.open("w") as out:
        status = child(whole, kind, root, lambda file, number: print(file, number, file=out, flush=True))
    if status != 0:
        raise RuntimeError((root / "error.txt").read_text())
    seen: Counter[str] = Counter()
    chosen = []
    for tick, where in enumerate(log.read_text().splitlines()):
        seen[where] += 1
        if seen[where] <= 3:
            chosen.append(tick)
    return chosen


def killer(at: int) -> Callable[[str, int], None]:
    """SIGKILL at the ``at``-th traced line."""
    count = [0]

    def tick(file: str, number: int) -> None:
        if count[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        count[0] += 1

    return tick


def trial(kind: str, root: Path, points: list[int], reference: Trajectory) -> dict[str, Any]:
    """Kill at each of ``points`` in turn (the later ones during the recovery), go on, and look at what is there."""
    root.mkdir()
    killed = []
    for number, point in enumerate(points):
        status = child(whole if number == 0 else again, kind, root, killer(point))
        killed.append(os.WIFSIGNALED(status))
        if not killed[-1] and status:
            return {"points": points, "killed": killed, "error": (root / "error.txt").read_text()}
    if child(again, kind, root, None) != 0:
        return {"points": points, "killed": killed, "error": (root / "error.txt").read_text()}
    run = open_run(root / "run", backend=device(kind, root), patience=QUICK)
    try:
        same(run.fetch(), reference)
        error = ""
    except AssertionError as difference:
        error = str(difference)
    status_now = run.status()
    out = {
        "points": points,
        "killed": killed,
        "error": error,
        "batches": len(status_now.batches),
        "complete": status_now.complete,
    }
    if kind == "device":
        out["ran"] = Device(root / "ran.txt").ran()
        out["unasked"] = Device(root / "unasked.txt").ran()
    if kind in CLOUDS:
        out["tags"] = cloud(root / "service").service.tags()
        out["ids"] = [run.statement.run, *(b.job_id for b in status_now.batches)]
    return out


def reference_of(kind: str, root: Path) -> Trajectory:
    """The undisturbed run, which equals ``evolve`` on the same backend wherever that samples circuits."""
    problem, method = KINDS[kind]
    run = open_run(root / "run", backend=device(kind, root))
    out = run.fetch()
    assert out is not None
    if kind in CLOUDS:
        other = cloud(root / "other service")
        same(out, evolve(problem, method, backend=other, shots=SHOTS, seed=SEED, save=2))
    return out


def main() -> None:
    folder, kind, count, seed, kills = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6])
    waiting.FIRST_PAUSE = 0.0
    submission.forecast = run_module.forecast = lambda *what, **options: None  # it writes and sends nothing
    units.GROUP = 2  # so that a simulator has more than one batch to lose
    warm = folder / "warm"
    warm.mkdir(parents=True)
    whole(kind, warm)  # loads everything that the children need
    first = folder / "recorded"
    first.mkdir()
    points = record(kind, first)
    reference = reference_of(kind, first)
    rng = random.Random(seed)
    print(json.dumps({"points": len(points)}), flush=True)
    for number in range(count):
        chosen = [rng.choice(points)] + [rng.choice(points) // 2 for _ in range(kills - 1)]
        print(json.dumps(trial(kind, folder / f"trial-{number}", chosen, reference)), flush=True)


if __name__ == "__main__":
    main()
