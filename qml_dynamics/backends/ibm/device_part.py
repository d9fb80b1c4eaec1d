"""A part of a device: its best connected qubits, and its report (a Qiskit ``Target``) on them alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target

from ...base.errors import BackendError


class SmallDevice(BackendV2):
    """A target that calls itself a backend, for the noise model's constructor."""

    def __init__(self, target: Target) -> None:
        super().__init__(name="part of a device")
        self._part = target

    @property
    def target(self) -> Target:
        return self._part

    @property
    def max_circuits(self) -> None:
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, run_input: Any, **options: Any) -> Any:
        raise BackendError("A part of a device does not run circuits.")


def restricted(target: Target, part: tuple[int, ...], within: frozenset[int] | None = None) -> Target:
    """The instructions of ``target`` on the qubits ``part``, renumbered; only those ``within`` some of them if given.

    Control flow is left out.
    """
    new = {old: i for i, old in enumerate(part)}
    keep = frozenset(part) if within is None else within
    properties = target.qubit_properties
    chosen = None if properties is None else [properties[q] for q in part]
    out = Target(num_qubits=len(part), dt=target.dt, qubit_properties=chosen)
    for name in target.operation_names:
        operation, places = target.operation_from_name(name), target[name]
        if isinstance(operation, type) or places is None:
            continue
        inside = {tuple(new[q] for q in qs): p for qs, p in places.items() if qs is not None and keep.issuperset(qs)}
        if inside:
            out.add_instruction(operation, inside, name=name)
    return out


def good_part(target: Target, num_qubits: int, name: str) -> tuple[int, ...]:
    """A connected set of qubits with small errors: from every qubit, grow along the edge of the smallest added error."""
    if num_qubits > target.num_qubits:
        raise BackendError(
            f"Argument `backend` must have at least {num_qubits} qubits, but {name} has {target.num_qubits}."
        )
    edges: dict[frozenset[int], float] = {}
    for gate in target.operation_names:
        for qubits, p in (target[gate] or {}).items():
            if qubits is not None and len(qubits) == 2 and p is not None and p.error is not None:
                key = frozenset(qubits)
                edges[key] = min(p.error, edges.get(key, 1.0))
    readout = {qs[0]: (p.error or 0.0) for qs, p in target["measure"].items() if p is not None}
    grown = [_grown(start, num_qubits, edges, readout) for start in range(target.num_qubits)]
    part = min(((c, p) for c, p in grown if len(p) == num_qubits), default=(np.inf, ()))[1]
    if not part:
        raise BackendError(f"Argument `backend` must have {num_qubits} connected qubits, but {name} has not.")
    return part


def _grown(
    start: int, size: int, edges: dict[frozenset[int], float], readout: dict[int, float]
) -> tuple[float, tuple[int, ...]]:
    part, cost = [start], readout.get(start, 0.0)
    while len(part) < size:
        border = [
            (e + readout.get(q, 0.0), q)
            for pair, e in edges.items()
            if len(pair & set(part)) == 1
            for q in pair - set(part)
        ]
        if not border:
            break
        added, qubit = min(border)
        part.append(qubit)
        cost += added
    return cost, tuple(part)
