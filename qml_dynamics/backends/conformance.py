"""`assert_valid_backend`: what every backend must do, as a list of checks that is the specification and its test.

Each check states one clause of the contract of :class:`~qml_dynamics.backends.base.Backend`. Circuits are asymmetric in qubits,
signs and outcomes, so that a reversed order, a mirrored layout or an inverted phase changes the answer. Devices with noise pass
the same checks with a wider ``tolerance``; statistical clauses compare with the device's own mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from ..errors import BackendError
from ..estimate import mean_of_counts
from ..trajectory import Counts
from .base import Backend

_SHOTS = 2000
_FEW, _MANY = 64, 1024


def assert_valid_backend(backend: Any, *, tolerance: float | None = None, seed: int = 1, repeats: int = 40) -> None:
    """Raise ``AssertionError``, naming the clause, unless ``backend`` keeps the contract.

    The clauses:

    1. It has the verbs; ``describe()`` is plain data with its name.
    2. Bit order: ``x`` on qubit q gives the outcome ``2**q``, for every q, on registers of one to four qubits.
    3. Signs of evolution: phases of ``rz``, ``p``, ``cp``, ``rzz``, ``s`` and ``sx`` interfere as ``exp(-i H t)`` says.
    4. Structure: interleaved circuits whose gates join far qubits (a compiler must shuffle the layout) give the ideal
       distribution, within ``tolerance`` and shot noise.
    5. Exact backends: amplitudes after consecutive pieces, global phase included; probabilities are their squares.
    6. Answers: one a circuit, in order, exactly ``shots`` outcomes, each a valid index, ascending.
    7. Seeds, as ``backend.seeding`` says: ``"circuit"``: same seed, same counts for any batching, other seed, other counts;
       ``"batch"``: same call, same counts; ``"none"``: nothing is promised. In every case repeated circuits are independent.
    8. Errors: a two-sigma interval of a mean covers it in about 95 of 100 repetitions, and the spread of the means is what
       their standard errors say.
    9. The spread of a mean falls as 1/sqrt(shots).
    10. Bad input: no shots, measured circuits or free parameters are refused with :class:`BackendError`.
    11. Where ``measures_midway``: a qubit that is measured and reset comes back in 0, and the bit above all qubits tells
        whether it was 1.

    Args:
        backend: an object or a name.
        tolerance: total variation that noise may add; None: 0 for noiseless backends, 0.25 for noisy ones.
        seed: of the random circuits and of all sampling.
        repeats: of the circuit whose means are studied in clauses 8 and 9, at least 20.

    >>> assert_valid_backend("statevector")
    """
    from . import backend as find

    device = find(backend)
    noisy = bool(getattr(device, "noisy", False))
    allowed = tolerance if tolerance is not None else 0.25 if noisy else 0.0
    _verbs(device)
    _bit_order(device, allowed, seed)
    _signs(device, allowed, seed)
    _structure(device, allowed, seed)
    if device.exact:
        _amplitudes(device)
    _answers(device, seed)
    _seeds(device, seed)
    _coverage(device, noisy, seed, max(20, repeats))
    _bad_input(device)
    if getattr(device, "measures_midway", False):
        _midway(device, allowed, seed)


def _midway(device: Any, allowed: float, seed: int) -> None:
    circuits, outcomes = [], []
    for seen in (False, True):
        circuit = QuantumCircuit(3, 1)
        circuit.x(0)
        if seen:
            circuit.x(2)
        circuit.measure(2, 0)
        circuit.reset(2)
        circuit.cx(2, 1)
        circuits.append(circuit)
        outcomes.append(1 + 8 * seen)
    answers = device.sample_midway(circuits, 200, _seeds_from(seed, 2))
    for outcome, counts in zip(outcomes, answers):
        share = counts.histogram(16)[outcome]
        _check(f"11. measuring midway gives {outcome}", share >= 1 - allowed - 1e-12, _named(counts))


def _check(clause: str, holds: bool, seen: Any = "") -> None:
    if not holds:
        raise AssertionError(f"{clause}: {seen}")


def _verbs(device: Any) -> None:
    _check("1. verbs of the contract", isinstance(device, Backend), f"{type(device).__name__} lacks some")
    told = device.describe()
    _check(
        "1. describe() is a dictionary with the name", isinstance(told, dict) and told.get("name") == device.name, told
    )
    _check("1. describe() is plain data", _plain(told), told)


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and _plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return value is None or isinstance(value, (str, bool, int, float))


def _bit_order(device: Backend, allowed: float, seed: int) -> None:
    for width in (1, 2, 3, 4):
        circuits = []
        for qubit in range(width):
            circuit = QuantumCircuit(width)
            circuit.x(qubit)
            circuits.append(circuit)
        answers = device.sample(circuits, 200, _seeds_from(seed, width))
        for qubit, counts in enumerate(answers):
            share = counts.histogram(1 << width)[1 << qubit]
            _check(f"2. x on qubit {qubit} of {width} gives {1 << qubit}", share >= 1 - allowed - 1e-12, _named(counts))


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


def _signs(device: Backend, allowed: float, seed: int) -> None:
    named = list(phase_circuits())
    answers = device.sample([circuit for _, circuit, _ in named], 200, _seeds_from(seed, 10, len(named)))
    for (name, _, outcome), counts in zip(named, answers):
        share = counts.histogram(8)[outcome]
        _check(
            f"3. sign of the phase of {name}: outcome {outcome} is certain", share >= 1 - allowed - 1e-9, _named(counts)
        )


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


def _structure(device: Backend, allowed: float, seed: int) -> None:
    ring = QuantumCircuit(4)  # every qubit talks to every other: no layout on a line serves all pairs
    ring.ry(0.9, 0)
    for a, b in ((0, 3), (1, 3), (0, 2), (3, 2), (1, 0)):
        ring.cx(a, b)
        ring.ry(0.3 + 0.4 * a + 0.1 * b, b)
    circuits = [ring, random_circuit(3, 2, seed), random_circuit(4, 2, seed + 1)]
    for circuit in circuits:  # one call each: widths may differ from call to call
        (counts,) = device.sample([circuit], _SHOTS, _seeds_from(seed, 20 + circuit.num_qubits, 1))
        ideal = Statevector(circuit).probabilities()
        seen = counts.histogram(ideal.size)
        shots = np.sqrt(ideal * (1 - ideal) / _SHOTS).sum() * 0.4 + 4 * 0.5 / np.sqrt(_SHOTS)
        distance = 0.5 * float(np.abs(seen - ideal).sum())
        _check(
            "4. distribution of an asymmetric circuit", distance <= allowed + shots, f"total variation {distance:.3f}"
        )


def _amplitudes(device: Backend) -> None:
    pieces = [random_circuit(3, 1, 5), random_circuit(3, 2, 6), QuantumCircuit(3)]
    pieces[0].global_phase, pieces[1].global_phase = 0.4, -1.1
    reference, seen = Statevector.from_int(0, 8), list(device.states(pieces, lambda done, total: None))
    _check("5. one state a piece", len(seen) == len(pieces), len(seen))
    for piece, state in zip(pieces, seen):
        reference = reference.evolve(piece)
        gap = float(np.abs(np.asarray(state) - reference.data).max())
        _check("5. amplitudes with their global phase", gap < 1e-9, f"off by {gap:.1e}")
    whole = pieces[0].compose(pieces[1])
    assert whole is not None
    gap = float(np.abs(device.probabilities([whole])[0] - np.abs(reference.data) ** 2).max())
    _check("5. probabilities are squared amplitudes", gap < 1e-9, f"off by {gap:.1e}")


def _answers(device: Backend, seed: int) -> None:
    circuits = [random_circuit(3, 1, 7), random_circuit(3, 1, 8)]
    flip = QuantumCircuit(3)
    flip.x([0, 2])
    answers = device.sample([*circuits, flip], 333, _seeds_from(seed, 30, 3))
    _check("6. one answer a circuit", len(answers) == 3, len(answers))
    for counts in answers:
        _check("6. Counts with ascending valid indices", _ascending(counts, 8), _named(counts))
        options = getattr(device, "options", None)
        most_shots = 333 * len(getattr(options, "scales", (1,)))
        fits = 0 < counts.shots <= most_shots if getattr(options, "mitigates", False) else counts.shots == 333
        _check("6. exactly the shots asked for (mitigated: the equivalent of at most those taken)", fits, counts.shots)
    most = int(answers[2].index[np.argmax(answers[2].count)])
    _check("6. answers in the order of the circuits", most == 5, _named(answers[2]))


def _ascending(counts: Counts, size: int) -> bool:
    index = np.asarray(counts.index)
    inside = index.size > 0 and index.min() >= 0 and index.max() < size
    return bool(inside and (np.diff(index) > 0).all() and (np.asarray(counts.count) > 0).all())


def _seeds(device: Backend, seed: int) -> None:
    seeding = getattr(device, "seeding", "circuit")
    _check("7. seeding is circuit, batch or none", seeding in ("circuit", "batch", "none"), seeding)
    if seeding == "none":
        return
    circuits = [random_circuit(3, 1, 11), random_circuit(3, 1, 12)]
    seeds = _seeds_from(seed, 40, 2)
    first, again = device.sample(circuits, 500, seeds), device.sample(circuits, 500, seeds)
    _check("7. the same seeds give the same counts", all(map(_same, first, again)))
    if seeding == "circuit":
        alone = [device.sample([c], 500, [s])[0] for c, s in zip(circuits, seeds)]
        _check("7. for any batching", all(map(_same, first, alone)))
    other = device.sample(circuits, 500, [s + 1 for s in seeds])
    _check("7. other seeds give other counts", not any(map(_same, first, other)))


def _coverage(device: Backend, noisy: bool, seed: int, repeats: int) -> None:
    """Clauses 7 (independence), 8 and 9, on the parity of two qubits of three."""
    circuit = random_circuit(3, 1, 21)
    values = 1.0 - 2.0 * (np.bitwise_count(np.arange(8) & 0b101) & 1)
    means, errors, spread = {}, {}, {}
    for shots in (_FEW, _MANY):
        answers = device.sample([circuit] * repeats, shots, _seeds_from(seed, 50 + shots, repeats))
        pairs = np.array([mean_of_counts(values[c.index], c.count) for c in answers])
        means[shots], errors[shots], spread[shots] = pairs[:, 0], pairs[:, 1], float(pairs[:, 0].std(ddof=1))
        _check(
            "7. repeated circuits are independent",
            len(np.unique(pairs[:, 0])) > 5,
            f"{shots} shots: {np.unique(pairs[:, 0])}",
        )
    exact = float(values @ Statevector(circuit).probabilities())
    truth = float(means[_MANY].mean()) if noisy else exact
    covered = float(np.mean(np.abs(means[_MANY] - truth) <= 2 * errors[_MANY]))
    _check("8. two-sigma intervals cover the mean", covered >= 0.82, f"{covered:.2f} of {repeats}")
    for shots in (_FEW, _MANY):
        ratio = spread[shots] ** 2 / float((errors[shots] ** 2).mean())
        _check(
            "8. standard errors are the spread of the means",
            0.35 <= ratio <= 2.0,
            f"variance ratio {ratio:.2f} at {shots} shots",
        )
    fall = spread[_FEW] / spread[_MANY]
    _check(
        "9. the error falls as 1/sqrt(shots)", 2.3 <= fall <= 6.5, f"by {fall:.2f} for {_MANY // _FEW} times the shots"
    )


def _bad_input(device: Backend) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    for shots in (0, -5):
        _check(f"10. {shots} shots are refused", _refuses(device, circuit, shots))
    measured = circuit.copy()
    measured.measure_all()
    _check("10. a measured circuit is refused", _refuses(device, measured, 10))
    from qiskit.circuit import Parameter

    free = QuantumCircuit(2)
    free.rx(Parameter("a"), 0)
    _check("10. a free parameter is refused", _refuses(device, free, 10))


def _refuses(device: Backend, circuit: QuantumCircuit, shots: int) -> bool:
    try:
        device.sample([circuit], shots, [1])
    except BackendError:
        return True
    return False


def _seeds_from(seed: int, key: int, count: int = 4) -> list[int]:
    state = np.random.SeedSequence(seed, spawn_key=(key,)).generate_state(count, np.uint64)
    return [int(s >> np.uint64(2)) for s in state]


def _same(a: Counts, b: Counts) -> bool:
    return np.array_equal(a.index, b.index) and np.array_equal(a.count, b.count)


def _named(counts: Counts) -> str:
    return str(dict(zip(np.asarray(counts.index).tolist(), np.asarray(counts.count).tolist())))
