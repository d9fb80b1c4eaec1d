"""`assert_valid_backend`: what every backend must do, as a list of checks that is the specification and its test.

Each check states one clause of the contract of :class:`~qml_dynamics.backends.base.Backend`. Circuits are asymmetric in qubits,
signs and outcomes, so that a reversed order, a mirrored layout or an inverted phase changes the answer. Devices with noise pass
the same checks with a wider ``tolerance``; statistical clauses compare with the device's own mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector

from ...base.arguments import checks_arguments
from ...base.errors import BackendError, MethodError
from .. import backend as find
from ..base import ATTRIBUTES, VERBS, Backend, BackendLike, Capabilities, EstimatingBackend, JobBackend, capabilities
from ..branches import BranchingBackend, Path
from ..midway import MidwayBackend
from ..optional_verbs import BindingBackend
from .operators import ExactEstimator, estimates, exactly
from .statistics import answers, check, coverage, named, phase_circuits, random_circuit, seeding, seeds_from

_LEAST = 3  # qubits of most circuits of the clauses
_WIDEST = 4  # of the widest, for backends that have so many
_RUN_UP_TO = 10  # qubits of a circuit that is to run
_REFUSED_UP_TO = 20  # qubits of one that is to be refused: if it is not, its simulation is small
_SHARED = (
    "exact",
    "noisy",
    "seeding",
    "midway",
    "estimates",
    "estimates_exactly",
    "estimates_losses",
    "local",
    "mitigates",
)


def readable(device: Backend) -> Capabilities:
    """Clause 1: the capabilities, which promise no verb that is not there and contradict no attribute."""
    try:
        can = capabilities(device)
    except BackendError as error:
        raise AssertionError(f"1. capabilities can be read: {error}") from None
    wide = can.most_qubits is None or can.most_qubits >= _LEAST
    check(f"1. at least {_LEAST} qubits, on which the clauses are tried", wide, f"most_qubits is {can.most_qubits}")
    for name in _SHARED:
        attribute = ATTRIBUTES.get(name, name)
        said, found = getattr(device, attribute, getattr(can, name)), getattr(can, name)
        check(f"1. capabilities.{name} is what `{attribute}` says", said == found, f"{found!r}, not {said!r}")
    for name, verbs in VERBS.items():
        missing = [verb for verb in verbs if getattr(can, name) and not callable(getattr(device, verb, None))]
        check(f"1. the verbs of capabilities.{name}", not missing, f"{', '.join(missing)} not there")
    promised = any(getattr(said, "branches", False) for said in (device, getattr(device, "capabilities", None)))
    there = callable(getattr(device, "sample_branches", None))  # without it capabilities() answers False
    check("1. the verb of capabilities.branches", there or not promised, "sample_branches not there")
    return can


def limits(device: Backend, can: Capabilities, allowed: float, seed: int) -> None:
    """Clause 15."""
    most = can.most_qubits
    if most is not None and most <= _RUN_UP_TO:
        (counts,) = device.sample([_last_qubit(most)], 200, seeds_from(seed, 80, 1))
        share = float(counts.count[counts.index == 1 << (most - 1)].sum() / counts.shots)
        check(f"15. {most} qubits run, as it says", share >= 1 - allowed - 1e-12, named(counts))
    if most is not None and most < _REFUSED_UP_TO:
        wider = _refused(lambda: device.sample([_last_qubit(most + 1)], 10, seeds_from(seed, 81, 1)))
        check(f"15. {most + 1} qubits are refused, since it has {most}", wider)
    if can.jobs and can.local:
        _jobs(cast(JobBackend, device), can, seed)
    if can.estimates and can.estimates_exactly:
        exactly(cast(ExactEstimator, device), allowed)
    if can.binds:
        _bound(cast(BindingBackend, device), allowed)
    if can.branches and can.seeding == "circuit":
        _branches(cast(BranchingBackend, device), seed)


def _last_qubit(width: int) -> QuantumCircuit:
    circuit = QuantumCircuit(width)
    circuit.x(width - 1)
    return circuit


def _refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except (BackendError, MethodError):  # a circuit that the memory cannot hold is refused as a MethodError
        return True
    return False


def _jobs(device: JobBackend, can: Capabilities, seed: int) -> None:
    assert can.max_circuits is not None
    circuit, tag = random_circuit(2, 1, seed), f"contract-{seed}"
    job_id = device.submit([circuit] * 2, 50, seeds_from(seed, 82, 2), tag)
    check("15. a job is found under its tag", job_id in device.find(tag), device.find(tag))
    check("15. a local job is done when it was sent", device.status(job_id) == "done", device.status(job_id))
    told = device.collect(job_id)
    check("15. a job is collected, one answer a circuit", len(told) == 2, len(told))
    number = can.max_circuits + 1
    many = _refused(lambda: device.submit([circuit] * number, 1, seeds_from(seed, 83, number), tag))
    check(f"15. {number} circuits a job are refused", many)


def _branches(device: BranchingBackend, seed: int) -> None:
    """Branches of one path, in any order, have the counts of their circuits."""
    pieces = [random_circuit(3, 2, seed + k) for k in range(3)]
    path, turn = Path(tuple(pieces)), random_circuit(3, 1, seed + 3)
    ends = [replace(path.branch(until), ending=turn) for until in (2, 1)]
    branches = [path.branch(1), ends[0], path.branch(3), ends[1]]
    seeds = seeds_from(seed, 90, len(branches))
    found = device.sample_branches(branches, 200, seeds)
    for seen, counts in zip(found, device.sample([branch.circuit for branch in branches], 200, seeds)):
        same = np.array_equal(seen.index, counts.index) and np.array_equal(seen.count, counts.count)
        check("15. branches have the counts of their circuits", same, f"{named(seen)}, not {named(counts)}")


def _bound(device: BindingBackend, allowed: float) -> None:
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("a"), 0)
    circuit.ry(Parameter("b"), 1)
    rows = np.array([[0.3, 1.1], [2.0, -0.4]])
    if not device.draws_exactly(2):
        return
    seen = np.asarray(device.probabilities_bound(circuit, rows))
    single = np.array(device.probabilities([circuit.assign_parameters(row) for row in rows]))
    gap = np.inf if seen.shape != (2, 4) else 0.5 * float(np.abs(seen - single).sum(axis=1).max())
    check(
        "15. rows of values give the bound circuits", gap <= allowed + 1e-6, f"off by {gap:.1e}"
    )  # single precision too


_SHOTS = 2000


@checks_arguments
def assert_valid_backend(
    backend: BackendLike, *, tolerance: float | None = None, seed: int = 1, repeats: int = 40
) -> None:
    """Raise ``AssertionError``, naming the clause, unless ``backend`` keeps the contract.

    The clauses:

    1. It has the verbs; ``describe()`` is plain data with its name. What it states of itself (:func:`~.base.capabilities`) can be
        read, agrees with its attributes of the same names, and every verb that it promises is there. It has three qubits
        or more; clauses try it on up to four.
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
    12. Where ``estimates``: operators with X, Y and Z on far qubits have their ideal values, in the order of circuits and operators,
        within ``tolerance`` of the sum of their coefficients and shot noise; a constant is exact.
    13. Two-sigma intervals of estimates cover the mean, no standard error is smaller than the spread of the values, and both
        fall as 1/sqrt(shots).
    14. No shots, measured circuits, free parameters and operators of another width are refused with :class:`BackendError`.
    15. Limits, as it states them: a circuit of ``most_qubits`` qubits runs and a wider one is refused with :class:`BackendError`
        (tried where a simulation of it is small); where jobs are local, so is a job of more than ``max_circuits`` circuits, and a
        job that was sent is found under its tag, is done, and is collected. Where ``estimates_exactly``: estimates without
        shots are the ideal values, within ``tolerance``, with no standard error. Where ``binds``: rows of parameter values give
        the distributions of the bound circuits. Where ``branches`` and seeds decide a circuit: branches of a path have the counts
        of their circuits.

    Args:
        backend: an object or a name.
        tolerance: total variation that noise may add; None: 0 for noiseless backends, 0.25 for noisy ones.
        seed: of the random circuits and of all sampling.
        repeats: of the circuit whose means are studied in clauses 8, 9 and 13, at least 20.

    >>> assert_valid_backend("statevector")
    """
    device = find(backend)
    _verbs(device)
    can = readable(device)
    noisy = can.noisy
    allowed = tolerance if tolerance is not None else 0.25 if noisy else 0.0
    widest = _WIDEST if can.most_qubits is None else min(_WIDEST, can.most_qubits)
    _bit_order(device, allowed, seed, widest)
    _signs(device, allowed, seed)
    _structure(device, allowed, seed, widest)
    if can.exact:
        _amplitudes(device)
    answers(device, can, seed)
    seeding(device, can, seed)
    coverage(device, noisy, seed, max(20, repeats))
    _bad_input(device)
    if can.midway:
        _midway(cast(MidwayBackend, device), allowed, seed)
    if can.estimates:
        estimates(cast(EstimatingBackend, device), allowed, noisy, seed, max(20, repeats))
    limits(device, can, allowed, seed)


def _midway(device: MidwayBackend, allowed: float, seed: int) -> None:
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
    found = device.sample_midway(circuits, 200, seeds_from(seed, 2))
    for outcome, counts in zip(outcomes, found):
        share = counts.histogram(16)[outcome]
        check(f"11. measuring midway gives {outcome}", share >= 1 - allowed - 1e-12, named(counts))


def _verbs(device: Backend) -> None:
    check("1. verbs of the contract", isinstance(device, Backend), f"{type(device).__name__} lacks some")
    told = device.describe()
    check(
        "1. describe() is a dictionary with the name", isinstance(told, dict) and told.get("name") == device.name, told
    )
    check("1. describe() is plain data", _plain(told), told)


def _plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and _plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return value is None or isinstance(value, (str, bool, int, float))


def _bit_order(device: Backend, allowed: float, seed: int, widest: int) -> None:
    for width in range(1, widest + 1):
        circuits = []
        for qubit in range(width):
            circuit = QuantumCircuit(width)
            circuit.x(qubit)
            circuits.append(circuit)
        found = device.sample(circuits, 200, seeds_from(seed, width))
        for qubit, counts in enumerate(found):
            share = counts.histogram(1 << width)[1 << qubit]
            check(f"2. x on qubit {qubit} of {width} gives {1 << qubit}", share >= 1 - allowed - 1e-12, named(counts))


def _signs(device: Backend, allowed: float, seed: int) -> None:
    pairs = list(phase_circuits())
    found = device.sample([circuit for _, circuit, _ in pairs], 200, seeds_from(seed, 10, len(pairs)))
    for (name, _, outcome), counts in zip(pairs, found):
        share = counts.histogram(8)[outcome]
        check(
            f"3. sign of the phase of {name}: outcome {outcome} is certain", share >= 1 - allowed - 1e-9, named(counts)
        )


def _structure(device: Backend, allowed: float, seed: int, widest: int) -> None:
    ring = QuantumCircuit(4)  # every qubit talks to every other: no layout on a line serves all pairs
    ring.ry(0.9, 0)
    for a, b in ((0, 3), (1, 3), (0, 2), (3, 2), (1, 0)):
        ring.cx(a, b)
        ring.ry(0.3 + 0.4 * a + 0.1 * b, b)
    circuits = [ring, random_circuit(3, 2, seed), random_circuit(4, 2, seed + 1)]
    for circuit in (
        c for c in circuits if c.num_qubits <= widest
    ):  # one call each: widths may differ from call to call
        (counts,) = device.sample([circuit], _SHOTS, seeds_from(seed, 20 + circuit.num_qubits, 1))
        ideal = Statevector(circuit).probabilities()
        seen = counts.histogram(ideal.size)
        shots = np.sqrt(ideal * (1 - ideal) / _SHOTS).sum() * 0.4 + 4 * 0.5 / np.sqrt(_SHOTS)
        distance = 0.5 * float(np.abs(seen - ideal).sum())
        check(
            "4. distribution of an asymmetric circuit", distance <= allowed + shots, f"total variation {distance:.3f}"
        )


def _amplitudes(device: Backend) -> None:
    pieces = [random_circuit(3, 1, 5), random_circuit(3, 2, 6), QuantumCircuit(3)]
    pieces[0].global_phase, pieces[1].global_phase = 0.4, -1.1
    reference, seen = Statevector.from_int(0, 8), list(device.states(pieces, lambda done, total: None))
    check("5. one state a piece", len(seen) == len(pieces), len(seen))
    for piece, state in zip(pieces, seen):
        reference = reference.evolve(piece)
        gap = float(np.abs(np.asarray(state) - reference.data).max())
        check("5. amplitudes with their global phase", gap < 1e-9, f"off by {gap:.1e}")
    whole = pieces[0].compose(pieces[1])
    assert whole is not None
    gap = float(np.abs(device.probabilities([whole])[0] - np.abs(reference.data) ** 2).max())
    check("5. probabilities are squared amplitudes", gap < 1e-9, f"off by {gap:.1e}")


def _bad_input(device: Backend) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    for shots in (0, -5):
        check(f"10. {shots} shots are refused", _refuses(device, circuit, shots))
    measured = circuit.copy()
    measured.measure_all()
    check("10. a measured circuit is refused", _refuses(device, measured, 10))
    from qiskit.circuit import Parameter

    free = QuantumCircuit(2)
    free.rx(Parameter("a"), 0)
    check("10. a free parameter is refused", _refuses(device, free, 10))


def _refuses(device: Backend, circuit: QuantumCircuit, shots: int) -> bool:
    try:
        device.sample([circuit], shots, [1])
    except BackendError:
        return True
    return False
