"""CPU of whole commands, beside a process that only imports the packages which `run` needs, and beside an empty one.

CPU of children by resource usage, user and system together, the sides one after the other, medians of five. OPENBLAS_NUM_THREADS=1, since
threads that wait for work count as work.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

CIRCUITS = Path(__file__).parent.parent / "circuits"
PACKAGES = (
    "numpy, scipy.fft, scipy.optimize, scipy.ndimage, qiskit, qiskit_aer, matplotlib.figure, matplotlib.backends.backend_agg, "
    "pydantic, typer, rich.console"
)
COMMANDS: dict[str, list[str]] = {
    "run, the well of 5 qubits, with pictures": [
        "run",
        "{circuits}/double_well/problem.toml",
        "--force",
        "--out",
        "{out}/well",
    ],
    "run, the same without pictures": [
        *("run", "{circuits}/double_well/problem.toml", "--force", "--no-plots", "--out", "{out}/bare")
    ],
    "run, the neuron of `make demo`": [
        "run",
        "{circuits}/iris_neuron/problem.toml",
        "--force",
        "--out",
        "{out}/neuron",
    ],
    "cost": ["cost", "{circuits}/double_well/problem.toml"],
    "suggest": ["suggest", "{circuits}/double_well/problem.toml"],
    "list methods": ["list", "methods"],
    "--help": ["--help"],
}
ROUNDS = 5


def child(arguments: list[str]) -> float:
    """CPU seconds of Python with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments} ended with code {done.returncode}: {done.stderr[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """A line for each command."""
    with tempfile.TemporaryDirectory() as out:
        sides = {"empty": ["-c", "pass"], "imports": ["-c", f"import {PACKAGES}"]}
        for name, command in COMMANDS.items():
            words = [word.format(circuits=CIRCUITS, out=out) for word in command]
            sides[name] = ["-m", "qml_dynamics.cli", *words]
        spent: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, arguments in sides.items():
                spent[name].append(child(arguments))
    imports, empty = median(spent["imports"]), median(spent["empty"])
    print(f"imports of the packages alone: {imports:.2f} CPU s; Python alone: {empty:.2f} CPU s")
    for name in COMMANDS:
        taken = median(spent[name])
        print(f"{name}: {taken:.2f} CPU s, {taken / imports:.2f} x the imports, {taken / empty:.1f} x Python alone")


if __name__ == "__main__":
    main()
