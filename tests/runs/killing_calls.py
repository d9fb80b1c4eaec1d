"""Kills calls with a folder at random moments: one warm process forks children, and signals them from outside.

Called as ``python killing_calls.py FOLDER COUNT SEED SIGNAL VERB...``; prints one JSON line a trial: how often it was killed, whether
the answer of the last, undisturbed call is to the bit that of a call that was never killed, and what the backend was sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qml_dynamics as qd
from qml_dynamics.backends.base import OnStep
from qml_dynamics.cli import main as command_line
from qml_dynamics.results import journal
from qml_dynamics.results.compact import CompactTrajectory
from qml_dynamics.results.trajectory import Counts
from tests.texts import DOUBLE_WELL

WELL = qd.Problem(
    qd.Grid((-3, 3), 4),
    lambda w: (w[:, 0] ** 2 - 1) ** 2,
    0.3,
    clock="real",
    duration=1.0,
    initial=qd.Gaussian(0.5, 0.4),
)
COLD = WELL.replace(clock="imaginary", diffusion=qd.Linear(1.0, 0.1))
PAIR = qd.Problem.from_operator(
    [[1.0, 0.2, 0.0, 0.3], [0.2, 2.0, 0.3, 0.0], [0.0, 0.3, -1.0, 0.2], [0.3, 0.0, 0.2, 0.5]],
    clock="imaginary",
    duration=1.0,
)
WIDE = WELL.replace(domain=qd.Grid((-8, 8), 23), objective=lambda w: w[:, 0] ** 2 / 2, duration=0.3)
SPINS = qd.Problem.from_operator(
    {f"Z{i} Z{i + 1}": -1.0 for i in range(23)} | {f"X{i}": 0.7 for i in range(24)},
    clock="real",
    duration=0.5,
    initial="0" * 24,
)
PLANE = WELL.replace(
    domain=qd.Grid([(-3, 3), (-3, 3)], 7), objective=lambda w: (w**2).sum(axis=1), initial=qd.Gaussian(0.5, 0.4)
)
IN_PLACE = qd.SplitStep(50, precision="single_in_place")
GROWN = qd.Variational(qd.ansatz.hardware_efficient(0), steps=400, grow=qd.Growth(threshold=0.02))
FILE = f"""{DOUBLE_WELL}
[method]
kind = "METHOD"
steps = 40
"""
_WORKS = 300  # seconds of work after which a call hangs: each takes one or two
_WAITS = 3600  # seconds of any kind, for a call that waits for something that never comes
_LEFT_OUT = {
    "provenance",
    "problem",
    "method",
    "_outputs",
    "trajectory",
    "box",
    "home",
    "known",
}  # the last: trains that averages left behind


class Counting:
    """A simulator that writes down in a file what it is sent."""

    name, exact, seeding = "counting", False, "circuit"

    def __init__(self, log: Path) -> None:
        self.log, self.inner = log, qd.backend("statevector")

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """Those of the simulator."""
        found = self.inner.sample(circuits, shots, seeds)
        with self.log.open("a") as out:
            print(",".join(map(str, seeds)), file=out)
        return found

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Those of the simulator."""
        return self.inner.probabilities(circuits)

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """None."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """Its name."""
        return {"name": self.name}


def turn() -> QuantumCircuit:
    """A circuit to train."""
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        circuit.ry(Parameter(f"a{qubit}"), qubit)
    circuit.cx(0, 1)
    return circuit


ZZ = np.diag([1.0, -0.5, -1.0, 0.3])
Verb = Callable[[Path, Counting], Any]
VERBS: dict[str, Verb] = {
    "evolve": lambda f, b: qd.evolve(WELL, qd.SplitStep(4000), save=9, seed=2, folder=f),
    "krylov": lambda f, b: qd.evolve(COLD, qd.Krylov(), save=30, seed=1, folder=f),
    "growing": lambda f, b: qd.evolve(WELL, qd.Growing(qd.SplitStep(400), start=3), save=5, seed=1, folder=f),
    "trotter": lambda f, b: qd.evolve(WELL, qd.MultiProduct((1, 2, 3)), backend=b, shots=60, seed=2, folder=f),
    "variational": lambda f, b: qd.evolve(
        COLD, qd.Variational(qd.ansatz.hardware_efficient(0), steps=3), backend=b, shots=60, seed=3, folder=f
    ),
    "characteristics": lambda f, b: qd.evolve(
        WELL.replace(clock="classical"), qd.HamiltonJacobi(3000), save=5, seed=2, folder=f
    ),
    "imaginary_flow": lambda f, b: qd.evolve(PAIR, qd.QITE(2, 40), shots=50, seed=2, save=3, folder=f),
    "grown_ansatz": lambda f, b: qd.evolve(PAIR, GROWN, seed=2, save=5, folder=f),
    "tensor_train": lambda f, b: qd.evolve(WIDE, qd.TensorTrain(3, tolerance=1e-4), save=4, seed=1, folder=f),
    "train_of_spins": lambda f, b: qd.evolve(SPINS, qd.TensorTrain(8, order=4), save=4, folder=f),
    "large_wave": lambda f, b: qd.evolve(PLANE, IN_PLACE, save=5, seed=2, folder=f),
    "anneal": lambda f, b: qd.anneal(COLD, 6, "portfolio", seed=6, method=qd.Krylov(), folder=f),
    "metts": lambda f, b: qd.metts(COLD, 0.5, 1600, 5, collapse="alternate", folder=f),
    "metts_circuits": lambda f, b: qd.metts(COLD, 0.3, 8, 5, "aer", walkers=4, burn_in=2, shots=64, folder=f),
    "descend": lambda f, b: qd.descend("levy", qubits=3, steps=2000, seed=1, compare=True, folder=f),
    "train": lambda f, b: qd.train(turn(), ZZ, [0.3, 0.2], steps=60, optimizer="adam", seed=1, folder=f),
    "train_measured": lambda f, b: qd.train(turn(), ZZ, [0.3, 0.2], steps=6, backend=b, shots=50, seed=4, folder=f),
    "error_budget": lambda f, b: qd.error_budget(WELL, qd.Trotter(4), backend="aer", shots=100, seed=3, folder=f),
    "run": lambda f, b: command(f, "run", "real", "trotter", "--backend", "statevector", "--shots", "50"),
    "anneal_command": lambda f, b: command(f, "anneal", "imaginary", "split_step", "--stages", "5", "--samples", "40"),
    "descend_command": lambda f, b: command(f, "descend", "real", "split_step"),
}


def command(folder: Path, verb: str, clock: str, method: str, *options: str) -> Any:
    """A command in this process; its files are its answer."""
    file = folder.parent / "problem.toml"
    file.write_text(FILE.replace("CLOCK", clock).replace("METHOD", method))
    arguments = [verb, str(file), "--out", str(folder), "--seed", "7", *options]
    arguments += [] if verb == "descend" else ["--no-plots"]
    if not (folder / "journal").exists() and any(folder.glob("*.json")):
        return files(folder)  # an earlier child had just ended
    with contextlib.redirect_stdout(sys.stderr):
        try:
            command_line(arguments)
        except SystemExit as end:
            if end.code:
                raise RuntimeError(f"exit code {end.code}") from None
    return files(folder)


def files(folder: Path) -> dict[str, Any]:
    """The arrays and numbers of a folder; seconds and places differ from run to run."""
    found: dict[str, Any] = {
        "names": sorted(p.name for p in folder.iterdir() if not p.name.startswith(".") and p.suffix != ".png")
    }
    for path in sorted(folder.glob("*.npz")):
        if path.name == "chain.npz":  # of the samples that an annealing on the imaginary clock ends with
            chain = qd.Chain.load(path)
            found[path.name] = [chain.samples, chain.index, chain.detailed_balance, chain.stop]
            continue
        run = qd.load(path)
        found[path.name] = [run.times, run.density, run.best]
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text())
        found[path.name] = {
            k: v for k, v in data.items() if k not in ("provenance", "problem", "folder", "files", "budget", "pictures")
        }
    return found


def digest(value: Any) -> str:
    """Of all numbers of an answer, to the bit."""
    total = hashlib.sha256()

    def add(part: Any) -> None:
        if is_dataclass(part) and not isinstance(part, type):
            absent = {"density", "states"} if isinstance(part, CompactTrajectory) else set()
            add({f.name: getattr(part, f.name) for f in fields(part) if f.name not in _LEFT_OUT | absent})
        elif isinstance(part, dict):
            for key in sorted(part, key=str):
                total.update(str(key).encode())
                if key not in ("seconds", "provenance"):
                    add(part[key])
        elif isinstance(part, (list, tuple)):
            for each in part:
                add(each)
        elif isinstance(part, np.ndarray):
            total.update(part.dtype.str.encode() + part.tobytes())
        else:
            total.update(repr(part).encode())

    add(value)
    return total.hexdigest()


def work_at_most(seconds: int) -> None:
    """End this process by a signal once it has worked so long: seconds of its own, so that other processes do not shorten them."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def child(verb: str, root: Path, delay: float | None, number: int) -> int:
    """Run a call in a fork, and send it a signal after some seconds; returns the raw exit status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work_at_most(_WORKS)
            os.dup2(os.open(root / "stderr.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), 2)
            found = VERBS[verb](root / "call", Counting(root / "sent.txt"))
            (root / "digest.txt").write_text(digest(found))
            status = 0
        except KeyboardInterrupt:
            status = 143
        except BaseException:
            (root / "error.txt").write_text(traceback.format_exc())
        os._exit(status)
    begun, sent = time.monotonic(), delay is None
    while time.monotonic() - begun < _WAITS:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
                raise RuntimeError(f"a child worked without an end in {root}")
            return status
        if not sent and time.monotonic() - begun >= (delay or 0.0):
            os.kill(pid, number)
            sent = True
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise RuntimeError(f"a child hung in {root}")


def trial(verb: str, root: Path, delays: list[float], number: int, whole: str) -> dict[str, Any]:
    """Signal each of some calls, then let one end."""
    root.mkdir()
    statuses = [child(verb, root, delay, number) for delay in delays]
    (root / "error.txt").unlink(missing_ok=True)
    (root / "digest.txt").unlink(missing_ok=True)
    last = child(verb, root, None, number)
    error = (root / "error.txt").read_text() if (root / "error.txt").exists() else ""
    found = (root / "digest.txt").read_text() if (root / "digest.txt").exists() else ""
    sent = (root / "sent.txt").read_text().splitlines() if (root / "sent.txt").exists() else []
    said = (root / "stderr.txt").read_text()
    return {
        "verb": verb,
        "delays": delays,
        "killed": sum(os.WIFSIGNALED(s) for s in statuses),
        "told": said.count("interrupted"),
        "error": error if last else "",
        "same": found == whole,
        "twice": len(sent) - len(set(sent)),
    }


def main() -> None:
    """The trials that the command line asks for."""
    folder, count, seed, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore")
    journal._PAUSE = 0.0  # every state is kept, so that every kill meets one
    rng = random.Random(seed)
    for verb in sys.argv[5:] or VERBS:
        place = folder / verb
        place.mkdir(parents=True)
        for again in range(2):  # the second has everything loaded, and tells how long a call takes
            (place / f"whole-{again}").mkdir()
            begun = time.monotonic()
            if child(verb, place / f"whole-{again}", None, number):
                raise RuntimeError((place / f"whole-{again}" / "error.txt").read_text())
        seconds, whole = time.monotonic() - begun, (place / "whole-1" / "digest.txt").read_text()
        if whole != (place / "whole-0" / "digest.txt").read_text():
            raise RuntimeError(f"{verb} is not the same twice")
        for k in range(count):
            delays = [rng.uniform(0.0, 1.1 * seconds) for _ in range(rng.choice((1, 2, 3)))]
            print(json.dumps(trial(verb, place / f"trial-{k}", delays, number, whole)), flush=True)


if __name__ == "__main__":
    main()
