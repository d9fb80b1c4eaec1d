"""Clauses 6 to 9 of the contract (answers, seeds, statistics of samples), and test circuits without symmetry for all clauses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from ...base.estimate import mean_of_counts
from ...results.trajectory import Counts
from ..base import Backend, Capabilities


def check(clause: str, holds: bool, seen: object = "") -> None:
    """Raise ``AssertionError`` with the clause and what was seen, unless it holds."""
    if not holds:
        raise AssertionError(f"{clause}: {seen}")


def phase_circuits() -> Iterator[tuple[str, QuantumCircuit, int]]:
    """Circuits on three qubits whose single outcome tells the sign of a phase; with the wrong sign another outcome is certain."""
    for name, quarter in (("rz", np.pi / 2), ("p", np.pi / 2), ("s", None)):
        circuit = QuantumCircuit(3)
        circuit.h(1)
        getattr(circuit, name)(*([] if quarter is None else [quarter]), 1)
        circuit.sx(1)  # a quarter turn about X takes +Y to 0 and -Y to 1
        circuit.x(1)
        yield name, circuit, 2
    for name in ("cp", "rzz", "rxx"):
        circuit = QuantumCircuit(3)
        circuit.x(0)
        if name == "rxx":
            circuit.h(0)  # an eigenstate of X on qubit 0, so that rxx turns qubit 2 alone
            circuit.rxx(np.pi / 2, 0, 2)
            circuit.sx(2)  # a quarter turn about X more or less
        else:
            circuit.h(2)
            getattr(circuit, name)(np.pi / 2, 0, 2)
            circuit.sx(2)
        if name == "rxx":
            circuit.h(0)
        yield name, circuit, int(np.argmax(Statevector(circuit).probabilities()))


def random_circuit(width: int, layers: int, seed: int) -> QuantumCircuit:
    """A circuit without any symmetry: random angles, and two-qubit gates between random (also far) qubits."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(width)
    for _ in range(layers):
        for qubit in range(width):
            circuit.ry(rng.uniform(0.2, 2.9), qubit)
            circuit.rz(rng.uniform(0.2, 2.9), qubit)
        a, b = rng.permutation(width)[:2].tolist()
        circuit.cx(a, b)
        c, d = rng.permutation(width)[:2].tolist()
        circuit.cp(rng.uniform(0.3, 2.5), c, d)
    return circuit


def seeds_from(seed: int, key: int, count: int = 4) -> list[int]:
    """Independent seeds for one check."""
    state = np.random.SeedSequence(seed, spawn_key=(key,)).generate_state(count, np.uint64)
    return [int(s >> np.uint64(2)) for s in state]


def named(counts: Counts) -> str:
    """Counts for people."""
    return str(dict(zip(np.asarray(counts.index).tolist(), np.asarray(counts.count).tolist())))


_FEW, _MANY = 64, 1024


def answers(device: Backend, can: Capabilities, seed: int) -> None:
    """Clause 6: one answer a circuit, in their order, of ascending valid outcomes, with the shots asked for."""
    circuits = [random_circuit(3, 1, 7), random_circuit(3, 1, 8)]
    flip = QuantumCircuit(3)
    flip.x([0, 2])
    answers = device.sample([*circuits, flip], 333, seeds_from(seed, 30, 3))
    check("6. one answer a circuit", len(answers) == 3, len(answers))
    for counts in answers:
        check("6. Counts with ascending valid indices", _ascending(counts, 8), named(counts))
        most_shots = 333 * (1 if can.options is None else len(can.options.scales))
        fits = 0 < counts.shots <= most_shots if can.mitigates else counts.shots == 333
        check("6. exactly the shots asked for (mitigated: the equivalent of at most those taken)", fits, counts.shots)
    most = int(answers[2].index[np.argmax(answers[2].count)])
    check("6. answers in the order of the circuits", most == 5, named(answers[2]))


def _ascending(counts: Counts, size: int) -> bool:
    index = np.asarray(counts.index)
    inside = index.size > 0 and index.min() >= 0 and index.max() < size
    return bool(inside and (np.diff(index) > 0).all() and (np.asarray(counts.count) > 0).all())


def seeding(device: Backend, can: Capabilities, seed: int) -> None:
    """Clause 7: seeds decide the counts as ``can.seeding`` says, and other seeds give others."""
    if can.seeding == "none":
        return
    circuits = [random_circuit(3, 1, 11), random_circuit(3, 1, 12)]
    seeds = seeds_from(seed, 40, 2)
    first, again = device.sample(circuits, 500, seeds), device.sample(circuits, 500, seeds)
    check("7. the same seeds give the same counts", all(map(_same, first, again)))
    if can.seeding == "circuit":
        alone = [device.sample([c], 500, [s])[0] for c, s in zip(circuits, seeds)]
        check("7. for any batching", all(map(_same, first, alone)))
    other = device.sample(circuits, 500, [s + 1 for s in seeds])
    check("7. other seeds give other counts", not any(map(_same, first, other)))


def coverage(device: Backend, noisy: bool, seed: int, repeats: int) -> None:
    """Clauses 7 (independence), 8 and 9, on the parity of two qubits of three."""
    circuit = random_circuit(3, 1, 21)
    values = 1.0 - 2.0 * (np.bitwise_count(np.arange(8) & 0b101) & 1)
    means, errors, spread = {}, {}, {}
    for shots in (_FEW, _MANY):
        answers = device.sample([circuit] * repeats, shots, seeds_from(seed, 50 + shots, repeats))
        pairs = np.array([mean_of_counts(values[c.index], c.count) for c in answers])
        means[shots], errors[shots], spread[shots] = pairs[:, 0], pairs[:, 1], float(pairs[:, 0].std(ddof=1))
        check(
            "7. repeated circuits are independent",
            len(np.unique(pairs[:, 0])) > 5,
            f"{shots} shots: {np.unique(pairs[:, 0])}",
        )
    exact = float(values @ Statevector(circuit).probabilities())
    truth = float(means[_MANY].mean()) if noisy else exact
    covered = float(np.mean(np.abs(means[_MANY] - truth) <= 2 * errors[_MANY]))
    check("8. two-sigma intervals cover the mean", covered >= 0.82, f"{covered:.2f} of {repeats}")
    for shots in (_FEW, _MANY):
        ratio = spread[shots] ** 2 / float((errors[shots] ** 2).mean())
        check(
            "8. standard errors are the spread of the means",
            0.35 <= ratio <= 2.0,
            f"variance ratio {ratio:.2f} at {shots} shots",
        )
    fall = spread[_FEW] / spread[_MANY]
    check(
        "9. the error falls as 1/sqrt(shots)", 2.3 <= fall <= 6.5, f"by {fall:.2f} for {_MANY // _FEW} times the shots"
    )


def _same(a: Counts, b: Counts) -> bool:
    return np.array_equal(a.index, b.index) and np.array_equal(a.count, b.count)
