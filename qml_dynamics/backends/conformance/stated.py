"""Clauses 1 and 15 of the contract: what a backend states of itself is true, where that can be tried without a device's time."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from ...base.errors import BackendError, MethodError
from ..base import ATTRIBUTES, VERBS, Backend, Capabilities, capabilities
from .conformance_tools import check, named, random_circuit, seeds_from
from .operators import exactly

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
    for name in _SHARED:
        attribute = ATTRIBUTES.get(name, name)
        said, found = getattr(device, attribute, getattr(can, name)), getattr(can, name)
        check(f"1. capabilities.{name} is what `{attribute}` says", said == found, f"{found!r}, not {said!r}")
    for name, verbs in VERBS.items():
        missing = [verb for verb in verbs if getattr(can, name) and not callable(getattr(device, verb, None))]
        check(f"1. the verbs of capabilities.{name}", not missing, f"{', '.join(missing)} not there")
    return can


def limits(device: Any, can: Capabilities, allowed: float, seed: int) -> None:
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
        _jobs(device, can, seed)
    if can.estimates and can.estimates_exactly:
        exactly(device, allowed)
    if can.binds:
        _bound(device, allowed)


def _last_qubit(width: int) -> QuantumCircuit:
    circuit = QuantumCircuit(width)
    circuit.x(width - 1)
    return circuit


def _refused(call: Any) -> bool:
    try:
        call()
    except (BackendError, MethodError):  # a circuit that the memory cannot hold is refused as a MethodError
        return True
    return False


def _jobs(device: Any, can: Capabilities, seed: int) -> None:
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


def _bound(device: Any, allowed: float) -> None:
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
