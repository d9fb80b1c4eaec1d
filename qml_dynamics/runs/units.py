"""The limits of a backend and a method in a run: jobs that outlive the process, repetitions, circuits a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Union, cast

from ..backends.base import Asked, Backend, EstimatingBackend, capabilities
from ..backends.branches import Branch, BranchingBackend
from ..backends.midway import MidwayBackend
from ..backends.wrapper import sampled
from ..methods.base import Method
from ..results.observables import pauli_groups

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Item = Union[
    Asked, Branch, "QuantumCircuit"
]  # what a batch holds: circuits, circuits and operators, circuits that begin alike
GROUP = 100  # circuits that a crash can cost at most, where running them again costs only time


def keeps_jobs(backend: Backend) -> bool:
    """Whether its jobs outlive this process; those of a cloud backend in its local mode do not."""
    can = capabilities(backend)
    return can.jobs and not can.local


def repeatable(backend: Backend) -> bool:
    """Whether running a circuit twice is harmless: the seeds that we give decide its counts, so it is a simulator."""
    return capabilities(backend).seeding != "none"


def unit(backend: Backend, circuits: Sequence[Item], shots: int) -> int:
    """Circuits a batch: what a job may hold; without jobs one, or a small group where a repetition is harmless.

    Circuits whose operators are asked for take as many places as the vendor makes circuits of them.
    """
    can = capabilities(backend)
    if can.jobs and not can.local:
        limit = can.room(shots)
        assert limit is not None
        return max(1, limit // max(map(bases, circuits), default=1))
    return {"circuit": GROUP, "batch": len(circuits), "none": 1}[can.seeding]


def bases(item: Item) -> int:
    """Measurement bases of a circuit: one, or those of its operators."""
    return sum(len(pauli_groups(o)) for o in item.operators) if isinstance(item, Asked) else 1


def executions(backend: Backend, circuits: Sequence[Item]) -> int:
    """Circuits that one job (or one call) with these ones runs: bases of operators, noise scales and calibrations included."""
    said = backend.describe()
    return int(sum(map(bases, circuits)) * said.get("programs_per_circuit", 1) + said.get("programs_per_job", 0))


def answers(backend: Backend, items: Sequence[Item], shots: int, seeds: Sequence[int]) -> list[Any]:
    """What a backend says, by the verb that the items are for."""
    if isinstance(items[0], Asked):
        return list(cast(EstimatingBackend, backend).estimate(cast(Sequence[Asked], items), shots, seeds))
    if isinstance(items[0], Branch):
        return list(cast(BranchingBackend, backend).sample_branches(cast(Sequence[Branch], items), shots, seeds))
    circuits = cast("Sequence[QuantumCircuit]", items)
    if any(circuit.num_clbits for circuit in circuits):
        return list(cast(MidwayBackend, backend).sample_midway(circuits, shots, seeds))
    return list(sampled(backend, circuits, shots, seeds))


def independent(method: Method) -> bool:
    """Whether no circuit of a method depends on the outcomes of another, so that all can be sent at once."""
    return method.facts().circuits_known_ahead


def least_shots(backend: Backend, shots: int) -> int:
    """The fewest samples a circuit in a complete result: mitigated counts stand for fewer than were taken."""
    return 1 if capabilities(backend).mitigates else shots
