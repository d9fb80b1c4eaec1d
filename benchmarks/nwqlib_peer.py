"""Gates of Trotter circuits of NWQLib, at the same grid and formula as ours.

NWQLib needs Python 3.12: `make bench` gives it an environment of its own, and circuits come over as OpenQASM 3. Before a circuit is counted
its wave is compared with that of ours. Where there is no such environment the numbers of ``nwqlib_stored.json`` stand in, with their date.

    python -m benchmarks.nwqlib_peer    # asks NWQLib for every size of the table and stores what it gives
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from qiskit import QuantumCircuit, qasm3
from qiskit.quantum_info import Statevector

import qml_dynamics as qd

from .bench_circuits import compiled, double_well

HERE = Path(__file__).parent
INTERPRETER = HERE.parent / ".venv-nwqlib" / "bin" / "python"
STORED = HERE / "nwqlib_stored.json"
STEPS, DURATION = 10, 0.1
_SAME = 1e-7  # 2-norm, up to a phase, of exact circuits of one formula: the text has angles within 1e-9 of a fraction of pi as that
SIZES = {"double well": (5, 6, 7, 8, 10)}


@dataclass(frozen=True)
class Case:
    """A loss as each side takes it, on axes of one box; NWQLib's first variable, on the lowest qubits, is our last axis."""

    objective: str
    variables: tuple[str, ...]
    box: tuple[float, float]
    loss: Callable[[np.ndarray], np.ndarray]

    def problem(self, qubits: int) -> qd.Problem:
        """Ours."""
        axes = len(self.variables)
        domain = qd.Grid([self.box] * axes, qubits // axes)
        return qd.Problem(domain, self.loss, 0.5, clock="real", duration=DURATION)


CASES = {
    "double well": Case("8*(x**2 - 1)**2", ("x",), (-2.0, 2.0), double_well(1).objective),
}


def ours(name: str, qubits: int) -> int:
    """CX of our circuit at level 1, which keeps small rotations."""
    return compiled(qd.circuits(CASES[name].problem(qubits), qd.Trotter(STEPS))[-1])


def asked(name: str, qubits: int, interpreter: Path = INTERPRETER) -> tuple[str, QuantumCircuit]:
    """NWQLib's version and circuit.

    Raises:
        ImportError: the interpreter is not there, or has no NWQLib.
    """
    case = CASES[name]
    points = 1 << qubits // len(case.variables)
    wanted = {"objective": case.objective, "variables": case.variables, "bounds": [case.box] * len(case.variables)}
    wanted |= {"points": points, "steps": STEPS, "duration": DURATION}
    if not interpreter.exists():
        raise ImportError("nwqlib has no environment", name="nwqlib")
    call = [str(interpreter), "-I", str(HERE / "nwqlib_circuits.py")]
    done = subprocess.run(call, input=json.dumps(wanted), capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        if last.startswith("ModuleNotFoundError"):
            raise ImportError(last, name="nwqlib")
        raise RuntimeError(f"NWQLib's circuit of {name}, {qubits} qubits, was not made: {last}")
    answer = json.loads(done.stdout)
    return answer["version"], qasm3.loads(answer["qasm"])


def checked(name: str, qubits: int, circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit, once its wave is that of ours."""
    mine = qd.evolve(CASES[name].problem(qubits), qd.Trotter(STEPS), backend="statevector").states[-1].reshape(-1)
    theirs = Statevector(circuit).data
    apart = np.linalg.norm(theirs * np.exp(-1j * np.angle(np.vdot(mine, theirs))) - mine)
    assert apart < _SAME, f"waves of {name}, {qubits} qubits, are {apart:.1e} apart"
    return circuit


@cache
def counted(name: str, qubits: int, interpreter: Path = INTERPRETER) -> tuple[int, str]:
    """CX of NWQLib's circuit through the same compilation, and where the number comes from."""
    try:
        release, circuit = asked(name, qubits, interpreter)
    except ImportError:
        known = json.loads(STORED.read_text(encoding="utf-8"))
        return known["cx"][name][str(qubits)], f"NWQLib {known['version']}, stored on {known['date']}"
    return compiled(checked(name, qubits, circuit)), f"NWQLib {release}"


def store() -> None:
    """Ask for every size, and write the numbers down with today's date."""
    table: dict[str, dict[str, int]] = {}
    for name, sizes in SIZES.items():
        for qubits in sizes:
            release, circuit = asked(name, qubits)
            table.setdefault(name, {})[str(qubits)] = compiled(checked(name, qubits, circuit))
            print(f"{name}, {qubits} qubits: {table[name][str(qubits)]} CX, ours {ours(name, qubits)}", flush=True)
    known = {"version": release, "date": time.strftime("%Y-%m-%d"), "steps": STEPS, "duration": DURATION, "cx": table}
    STORED.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    store()
