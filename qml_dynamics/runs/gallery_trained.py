"""Programs of the gallery that hold what was learnt: checked against their manifest, without training anew.

The manifest has the parameters. From them the thermal state is prepared once more (one of the hundreds of states of the training),
and the program, its law, and its distance to the data must be what they say.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import synthesis
from ..backends import backend
from ..base.errors import QMLDynamicsError
from ..base.places import regular
from ..base.texts import parse_json
from ..learning.boltzmann import BoltzmannMachine, binarise, divergence, law_of, thermal_circuit
from .problem_file.files import write_bytes

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

PROGRAM, MANIFEST = "boltzmann.qasm", "manifest.json"
DATA = Path("iris_neuron") / "iris.csv"  # beside the folder
DIGITS = 10
_NEAR = 1e-6  # of laws and distances: the manifest has nine digits of the parameters and six of the distances


def folders(root: Path) -> list[Path]:
    """The folders under ``root`` that hold a trained program."""
    return sorted(path.parent for path in root.glob(f"*/{PROGRAM}"))


def write(folder: Path) -> list[str]:
    """The program anew from the parameters of the manifest; returns the names of the files."""
    write_bytes(folder / PROGRAM, _text(_circuit(_read(folder))).encode())
    return [PROGRAM]


def _text(circuit: QuantumCircuit) -> str:
    return synthesis.qasm.to_qasm3(circuit, name="boltzmann", digits=DIGITS, measure=True)


def check(folder: Path) -> list[str]:
    """What is wrong in a folder: an empty list where all is well.

    The program must be the one that variational imaginary time makes from the parameters, angles to 1e-9, and so must its state; its
    sizes, its law, the law of the data, and both distances must be those of the manifest.
    """

    try:
        facts = _read(folder)
        machine, theta, circuit = _machine(facts), np.array(facts["theta"]), _circuit(facts)
        found, depth = _wave(folder / PROGRAM, circuit.num_qubits)
    except (OSError, KeyError, TypeError, ValueError) as error:
        return [f"{type(error).__name__}: {' '.join(str(error).split())}"]
    wanted = _state(circuit)
    law = (np.abs(found.reshape(1 << machine.num_qubits, -1)) ** 2).sum(axis=0)
    q = law_of(_bits(folder.parent / DATA), machine.visible)
    sizes = {"qubits": circuit.num_qubits, "two_qubit_gates": circuit.num_nonlocal_gates(), "depth": depth}
    wrong = [f"{name} is {facts[name]}, but should be {size}" for name, size in sizes.items() if facts[name] != size]
    numbers = {
        "law": law,
        "data_law": q,
        "kl": divergence(q, law),
        "kl_of_the_thermal_state": divergence(q, machine.law(theta)),
    }
    far = {name: float(np.abs(np.array(facts[name]) - value).max()) for name, value in numbers.items()}
    wrong += [f"{MANIFEST}: {name} is {size:.1e} off" for name, size in far.items() if size > _NEAR]
    if 1 - abs(np.vdot(found, wanted)) > _NEAR:
        wrong.append(f"{PROGRAM} is not the thermal state of the parameters")
    return wrong + synthesis.qasm_compare.differences(
        (folder / PROGRAM).read_text(encoding="utf-8"), _text(circuit), PROGRAM
    )


def _read(folder: Path) -> dict[str, Any]:
    facts = parse_json(regular(folder / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(facts, dict):
        raise TypeError(f"{MANIFEST} must hold a table")
    return facts


def _machine(facts: dict[str, Any]) -> Any:
    kind = facts["machine"]
    return BoltzmannMachine(kind["visible"], kind["hidden"], kind["transverse"])


def _circuit(facts: dict[str, Any]) -> Any:
    return thermal_circuit(_machine(facts), facts["theta"])


def _state(circuit: QuantumCircuit) -> np.ndarray:
    return np.asarray(next(iter(backend("statevector").states([circuit], lambda done, total: None)))).reshape(-1)


def _wave(path: Path, qubits: int) -> tuple[np.ndarray, int]:
    """The state of a program before it is measured, and its depth."""
    try:
        circuit = synthesis.qasm.from_qasm3(regular(path).read_text(encoding="utf-8")).remove_final_measurements(
            inplace=False
        )
    except QMLDynamicsError as error:
        raise ValueError(f"{path.name}: {error}") from error
    if circuit.num_qubits != qubits:
        raise ValueError(f"{path.name} has {circuit.num_qubits} qubits, but should have {qubits}")
    return _state(circuit), circuit.depth()


def _bits(path: Path) -> np.ndarray:
    """Four lengths of every flower, above their medians or not."""
    with regular(path).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return binarise([[float(row[name]) for name in list(row)[:4]] for row in rows])[0]
