"""Programs of the gallery that no problem file compiles to: made by builders of their own, and checked like the others.

A folder of the gallery that has some is named in :data:`BUILT`, with the function that makes their texts.

A module of its own beside `gallery`: it builds circuits, where `gallery` reads problem files and compares numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import synthesis
from ..backends import backend
from ..base.errors import QMLDynamicsError, require
from ..base.interrupts import whole
from ..base.places import regular
from ..learning.ensembles.exchange import Exchange
from ..methods import growing
from ..methods.evolution import circuits, evolve
from ..methods.growing.method import Growing
from ..methods.trotter import Trotter
from .problem_file import ProblemFile, read_problem

DIGITS = 10
_FAR = 1e-8


def exchanged_neurons() -> dict[str, str]:
    """Five neurons that hop between a network and its reservoir, and two Ramsey tests of the neuron number (M10)."""
    exchange = Exchange([0.3, -0.5, 0.2, 0.7, -0.1], hopping=0.8, network=2, mu_c=0.6)
    notes = [
        "five neurons, two of the network and three of its reservoir",
        "neuron i is qubit 4 - i; every right outcome has two ones",
    ]
    texts = {
        "exchange_8_steps": synthesis.qasm.to_qasm3(
            exchange.circuit(1.5, 8, [0, 3]), name="exchange", notes=notes, digits=DIGITS
        )
    }
    for name, turns, words in (("ramsey_half", 0.5, "half a turn"), ("ramsey_whole", 1.0, "a whole turn")):
        notes = [f"0 to 7 neurons in superposition, each of which has turned the phase by {words}"]
        texts[name] = synthesis.qasm.to_qasm3(
            synthesis.ensembles.ramsey_circuit(3, turns), name="ramsey", notes=notes, digits=DIGITS
        )
    return {f"{name}.qasm": text for name, text in texts.items()}


def grown_well(file: ProblemFile) -> dict[str, str]:
    """The steps of a double well on a grid that grows by a schedule."""
    problem = file.problem
    method = Growing(Trotter(8), start=4, schedule=[(0.0, 5), (0.25, 6)])
    notes = [
        f"strang formula, 8 steps over the duration {problem.duration:g}",
        "5 qubits from 0 on, 6 from 0.25 on, interpolated to 7 at the end",
    ]
    circuit = circuits(problem, method)[-1]
    return {
        "grown_8_steps.qasm": synthesis.qasm.to_qasm3(circuit, name="grown_double_well", notes=notes, digits=DIGITS)
    }


def random_chains(file: ProblemFile) -> dict[str, str]:
    """The random circuits of a chain of spins, as its problem file's method draws them."""
    method, duration = file.method, file.problem.duration
    drawn = circuits(file.problem, method)[-method.draws :]  # those of the last time
    words = f"of seed {method.seed}, {method.samples} rotations over the duration {duration:g}"
    return {
        f"qdrift_{method.samples}_samples_{c}.qasm": synthesis.qasm.to_qasm3(
            circuit, name="qdrift_ising", notes=[f"random circuit {c} {words}"], digits=DIGITS
        )
        for c, circuit in enumerate(drawn)
    }


def drawn_batches(file: ProblemFile) -> dict[str, str]:
    """Two draws of a problem's mini-batches, over its duration and of its backend's seed."""
    from dataclasses import replace

    method, duration = replace(file.method, draws=2, seed=file.seed), file.problem.duration
    words = f"of seed {method.seed}: {method.batch_size} rows a diagonal, {method.steps} steps over the duration {duration:g}"
    return {
        f"minibatch_{method.steps}_steps_{c}.qasm": synthesis.qasm.to_qasm3(
            circuit, name="minibatch", notes=[f"draw {c} {words}"], digits=DIGITS
        )
        for c, circuit in enumerate(circuits(file.problem, method, [duration]))
    }


def classical_well(file: ProblemFile) -> dict[str, str]:
    """Liouville's equation for a weight in a double well, in two steps over its duration."""
    from dataclasses import replace

    method, bits = replace(file.method, steps=2), file.problem.domain.num_qubits
    notes = [
        f"strang formula, {method.steps} steps over the duration {file.problem.duration:g}",
        f"qubits 0 to {bits - 1}: position; {bits} to {bits + method.momentum_qubits - 1}: momentum",
    ]
    circuit = circuits(file.problem, method)[-1]
    return {
        "koopman_2_steps.qasm": synthesis.qasm.to_qasm3(circuit, name="classical_point", notes=notes, digits=DIGITS)
    }


def bridge_factors(file: ProblemFile) -> dict[str, str]:
    """The two heat equations of a bridge, each over its whole duration."""
    pair = circuits(file.problem, file.method, [0.0, file.problem.duration])
    texts = {}
    for name, circuit, words in (("forward", pair[1], "from the start"), ("backward", pair[2], "back from the end")):
        notes = [
            f"one factor of the bridge {words}, over the duration {file.problem.duration:g}",
            f"qubits {file.problem.domain.num_qubits} and up are ancillas: keep outcomes where all of them are 0",
        ]
        texts[f"{name}.qasm"] = synthesis.qasm.to_qasm3(circuit, name="bridge", notes=notes, digits=DIGITS)
    return texts


def hopping_well(file: ProblemFile) -> dict[str, str]:
    """The steps of a tilted well on a one-hot grid."""
    method, problem = file.method, file.problem
    notes = [
        f"{method.product_formula.name} formula, {method.steps} steps over the duration {problem.duration:g}",
        f"one-hot: qubit j is point j of {problem.domain.size}; keep outcomes with exactly one 1",
    ]
    circuit = circuits(problem, method, [problem.duration])[-1]
    return {
        f"onehot_{method.steps}_steps.qasm": synthesis.qasm.to_qasm3(
            circuit, name="one_hot_well", notes=notes, digits=DIGITS
        )
    }


def grown_molecule(file: ProblemFile) -> dict[str, str]:
    """The ground state of a molecule, grown by strings that its operator offers."""
    run = whole(evolve(file.problem, file.method, progress=False))
    notes = [f"imaginary time up to {file.problem.duration:g}: {', '.join(run.diagnostics['names'])}"]
    text = synthesis.qasm.to_qasm3(growing.run.grown_circuit(run), name="h2", notes=notes, digits=DIGITS)
    return {"ground_state.qasm": text}


def chain_steps(file: ProblemFile) -> dict[str, str]:
    """The steps of a chain of spins over its duration, by its problem file's method."""
    method, duration, name = file.method, file.problem.duration, file.path.resolve().parent.name
    notes = [f"{method.product_formula.name} formula, {method.steps} steps over the duration {duration:g}"]
    circuit = circuits(file.problem, method)[-1]
    return {
        f"{name}_{method.steps}_steps.qasm": synthesis.qasm.to_qasm3(circuit, name=name, notes=notes, digits=DIGITS)
    }


BUILT: dict[str, Callable[[ProblemFile], dict[str, str]]] = {
    "number_register": lambda file: exchanged_neurons(),
    "grown_double_well": grown_well,
    "qdrift_ising": random_chains,
    "minibatch": drawn_batches,
    "classical_point": classical_well,
    "bridge": bridge_factors,
    "one_hot_well": hopping_well,
    "h2": grown_molecule,
    "ising_quench": chain_steps,
    "heisenberg_device": chain_steps,
    "annealed_ring": chain_steps,
}


def built(folder: Path, *, allow_code: bool = False) -> dict[str, str]:
    """The programs of a folder that have builders of their own: file name to text."""
    make = BUILT.get(folder.resolve().name)
    return make(read_problem(folder, allow_code=allow_code)) if make else {}


COMPILED = "compiled.qasm"
FOR_DEVICES = ("heisenberg_device",)  # folders whose program is there in the gates of their problem file's device too
_PLAIN = {"cx", "rz", "sx", "x"}
_DROPPED = 1e-6  # probability that a compiler's small rotations may move


def for_device(folder: Path, *, allow_code: bool = False) -> dict[str, str]:
    """A folder's program in the gates and on the couplings of its device, on the qubits that it takes, as its compiler makes it today.

    Raises:
        ProblemError: the compiler moves a qubit, or takes one more.
    """
    if folder.resolve().name not in FOR_DEVICES:
        return {}
    file = read_problem(folder, allow_code=allow_code)
    device: Any = backend(file.backend, **file.backend_options)
    [made] = device.compiled([circuits(file.problem, file.method)[-1]])
    from ..backends.device.compile import active_qubits, on_part  # circuits: loaded where they are built

    stays = active_qubits(made.circuit) == sorted(made.qubits)
    require(stays, "backend", "take no qubit besides those of the problem", active_qubits(made.circuit))
    small, bits = on_part(made.circuit, {physical: bit for bit, physical in enumerate(made.qubits)})
    require(all(bit == place for bit, place in bits.items()), "backend", "leave qubits where they are", bits)
    notes = [f"compiled for {device.name}; q[0], q[1], ... are its qubits {', '.join(map(str, made.qubits))}"]
    return {COMPILED: synthesis.qasm.to_qasm3(small, name=folder.resolve().name, notes=notes, digits=DIGITS)}


def check_for_device(folder: Path, texts: dict[str, str]) -> list[str]:
    """What is wrong with the compiled program: compilers change, so that it is compared with the first of ``texts`` by its density."""
    if folder.resolve().name not in FOR_DEVICES:
        return []
    try:
        found = regular(folder / COMPILED).read_text(encoding="utf-8")
        other = sorted(set(synthesis.qasm.from_qasm3(found).count_ops()) - _PLAIN)
    except (OSError, QMLDynamicsError) as error:
        return [f"{COMPILED}: {' '.join(str(error).split())}"]
    wrong = [f"{COMPILED} has gates that the device has not: {', '.join(other)}"] if other else []
    far = _distance(found, next(iter(texts.values())))
    return wrong + ([f"{COMPILED}: its density is {far:.1e} away from that of the program"] if far > _DROPPED else [])


def check_built(folder: Path, *, allow_code: bool = False) -> list[str]:
    """What is wrong with them: other instructions, angles that differ by more than 1e-9, or another state.

    The blocks of an operator's terms have angles that nothing but rounding chooses, where a gate on one qubit turns by none or by pi:
    a program of an operator that differs is right where it is the same unitary.
    """
    wrong, texts = [], built(folder, allow_code=allow_code)
    general = bool(texts) and read_problem(folder, allow_code=allow_code).problem.operator is not None
    for name, text in texts.items():
        path = folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
            continue
        found = path.read_text(encoding="utf-8")
        other = synthesis.qasm_compare.differences(found, text, name)
        if other and general and _same_unitary(found, text):
            continue
        wrong += other
        if other and _distance(found, text) > _FAR:
            wrong.append(f"{name}: its density is another one")
    return wrong + check_for_device(folder, texts)


def _same_unitary(found: str, text: str) -> bool:
    from ..backends.meaning import difference  # circuits: loaded where they are built

    try:
        return difference(synthesis.qasm.from_qasm3(text), synthesis.qasm.from_qasm3(found)) is None
    except QMLDynamicsError:
        return False


def _distance(found: str, text: str) -> float:
    try:
        both = [synthesis.qasm.from_qasm3(found), synthesis.qasm.from_qasm3(text)]
        a, b = (np.asarray(p) for p in backend("statevector").probabilities(both))
    except QMLDynamicsError:
        return np.inf
    return float(np.abs(a - b).max()) if a.shape == b.shape else np.inf
