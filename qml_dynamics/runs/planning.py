"""Planning of a run: calls of ``Backend.sample`` become blocks, and blocks are cut into batches as large as the backend takes.

A module of its own beside `replay`, the backend that notes the calls: what stands together in one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ..backends.base import Asked, Backend, capabilities
from ..backends.branches import Branch
from ..backends.records import Record, record
from .blocks import Block, Coming, Part
from .budget import estimated_seconds
from .ledger import Ledger
from .units import Item, executions, unit

_RECORDED = 128  # circuits of one record, whose gates are in memory together


@dataclass(frozen=True, eq=False)
class Call:
    """What one call of the backend asked for."""

    number: int
    circuits: Sequence[Item]
    shots: int
    seeds: Sequence[int]
    fingerprint: str

    def kind(self) -> tuple[str, int, int]:
        """Calls of different kinds stand in different batches: their verb, their widest circuit, their shots."""
        if isinstance(self.circuits[0], Asked):
            verb = "estimate"
        elif isinstance(self.circuits[0], Branch):
            verb = "sample_branches"
        else:
            midway = any(circuit.num_clbits for circuit in self.circuits if not isinstance(circuit, (Asked, Branch)))
            verb = "sample_midway" if midway else "sample"
        return verb, max(circuit.num_qubits for circuit in self.circuits), self.shots


def plan_calls(ledger: Ledger, backend: Backend, run: str, calls: Sequence[Call]) -> None:
    """Plan calls that follow each other as one block."""
    groups: dict[tuple[str, int, int], list[Call]] = {}
    for call in calls:
        groups.setdefault(call.kind(), []).append(call)
    ordered = [call for group in groups.values() for call in group]
    first, places = 0, {}
    for call in ordered:
        places[call.number] = Part(call.fingerprint, first, len(call.circuits))
        first += len(call.circuits)
    batches: list[Coming] = []
    for group in groups.values():
        for members in _batched(backend, group):
            start = batches[-1].first + batches[-1].count if batches else 0
            shots, runs = group[0].shots, executions(backend, members)
            batches.append(Coming(start, len(members), shots, estimated_seconds(backend, members, shots), runs))
    block = Block(calls[0].number, tuple(places[call.number] for call in calls))
    every = [item for call in ordered for item in call.circuits]
    ledger.plan(run, block, batches, Record.joined(list(_records(every))).to_bytes())


def _records(every: Sequence[Item]) -> Iterator[Record]:
    """The records of circuits in order: of so many at a time, but of branches all at once, so that no path is read again."""
    for along, group in groupby(every, lambda item: isinstance(item, Branch)):
        items: list[Any] = list(group)
        most = len(items) if along else _RECORDED
        yield from (record(items[k : k + most]) for k in range(0, len(items), most))


def _batched(backend: Backend, group: Sequence[Call]) -> list[list[Item]]:
    """The circuits of one kind, cut into batches; where the seeds decide the counts of a whole call, a batch is one call."""
    can = capabilities(backend)
    by_call = can.seeding == "batch" and (can.local or not can.jobs)
    wholes = [list(call.circuits) for call in group]
    if not by_call:
        wholes = [[item for whole in wholes for item in whole]]
    out = []
    for whole in wholes:
        size = unit(backend, whole, group[0].shots)
        out += [whole[k : k + size] for k in range(0, len(whole), size)]
    return out
