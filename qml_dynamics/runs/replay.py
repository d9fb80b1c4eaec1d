"""The replay backend: it answers from the ledger, so that ``evolve`` itself plans a run, and reads it.

``evolve`` is deterministic: the n-th time that it asks for samples it asks for the same circuits with the same seeds. What
the ledger holds is given back; what it lacks is planned, and sent or waited for as the caller wants.

A module of its own beside `run`: a backend that keeps the contract of all backends.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.base import Asked, Backend, Capabilities, Expected, OnStep, capabilities
from ..backends.records import Record, same_circuits
from ..base.errors import BackendError
from ..base.interrupts import whole
from ..methods.evolution import evolve
from ..results.trajectory import Counts, Trajectory
from .blocks import Block, Part, differs
from .ledger import Ledger
from .planning import Call, plan_calls
from .results import batch_file, read_results
from .specification import RunSpecification
from .units import Item

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Handle = Callable[[int, Sequence[Any], Sequence[int]], None]
Found = tuple[int, Sequence[Any], Sequence[int]]


class Pending(BaseException):
    """Unwinds ``evolve`` when it asks for samples that are not there yet (nothing between may catch it)."""


@dataclass(eq=False)
class _Opened:
    """A block of the ledger, with what is known of its circuits and, once all are there, their answers."""

    block: Block
    record: Record | None
    answers: list[Any] | None = None
    pending: bool = False
    compared: set[int] = field(default_factory=set)

    def compare(self, asked: Call, part: Part) -> None:
        """Raise :class:`BackendError` unless the circuits do what those did that were planned; earlier versions noted nothing."""
        if self.record is None or asked.number in self.compared:
            return
        wrong = same_circuits(self.record.part(part.first, part.count), asked.circuits)
        if wrong is not None:
            raise BackendError(
                f"The circuits of call {asked.number} must be those that were planned, but circuit {wrong} does something else: "
                "another version of a library built it, or the folder was changed; go on with the versions in run.json."
            )
        self.compared.add(asked.number)


class ReplayBackend:
    """The backend that ``evolve`` sees.

    Args:
        backend: the real one, for its name and description.
        ledger, folder, run: where results are.
        handle: called with ``(call, circuits, seeds)`` for a call whose results are not all there.
        look_ahead: note such calls instead, and go on with placeholder outcomes, to see the circuits of the next ones;
            :meth:`found` plans what was noted.
        plans: whether a call that was never planned is planned by itself before it is handled.
    """

    exact = False

    def __init__(
        self,
        backend: Backend,
        ledger: Ledger,
        folder: Path,
        run: str,
        handle: Handle,
        look_ahead: bool = False,
        plans: bool = True,
    ) -> None:
        self.backend, self.ledger, self.folder, self.run = backend, ledger, folder, run
        self.handle, self.look_ahead, self.plans = handle, look_ahead, plans
        self.name = backend.name
        self.calls = 0
        self.pending = self.failed = False
        self._noted: list[Call] = []
        self._current: _Opened | None = None

    @cached_property
    def capabilities(self) -> Capabilities:
        """Those of the real backend, but for what takes more than samples and estimates: amplitudes, jobs, the device."""
        unread, can = self.look_ahead, capabilities(self.backend)
        along = can.branches and not can.jobs  # a job holds circuits
        return replace(can, exact=self.exact, placeholders=unread, branches=along, **_NOT_REPLAYED)

    def sample(self, circuits: Sequence[Item], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """The stored outcomes of this call, if they are all there."""
        nothing = Counts(np.zeros(1, dtype=np.int64), np.array([shots]))
        return self._answer(circuits, shots, seeds, [nothing] * len(circuits))

    sample_midway = sample_branches = sample

    def estimate(self, asked: Sequence[Asked], shots: int, seeds: Sequence[int]) -> list[Expected]:
        """The stored estimates of this call, if they are all there."""
        nothing = [Expected(np.zeros(len(item.operators)), np.ones(len(item.operators))) for item in asked]
        return self._answer(asked, shots, seeds, nothing)

    def _answer(
        self, circuits: Sequence[Item], shots: int, seeds: Sequence[int], placeholders: list[Counts] | list[Expected]
    ) -> list[Any]:
        asked = Call(self.calls, circuits, shots, seeds, _fingerprint(circuits, shots, seeds))
        self.calls += 1
        answers = self._stored(asked)
        if answers is not None:
            return answers
        if self.look_ahead:
            self._noted.append(asked)
            self.pending = True
            return placeholders
        if self.plans and self._block(asked.number) is None:
            plan_calls(self.ledger, self.backend, self.run, [asked])
        try:
            self.handle(asked.number, circuits, seeds)
        except BaseException:
            self.failed = True
            raise
        answers = self._stored(asked)
        if answers is None:
            self.pending = True
            raise Pending
        return answers

    def _stored(self, asked: Call) -> list[Any] | None:
        """The answers of a call where all of its block are there; its circuits are compared with what was planned."""
        opened = self._block(asked.number)
        if opened is None:
            return None
        part = opened.block.check(asked.number, asked.fingerprint)
        opened.compare(asked, part)
        if opened.answers is None and (opened.pending and self.look_ahead):
            return None
        if opened.answers is None:
            rows = self.ledger.batches(opened.block.number)
            opened.pending = any(b.status != "finished" for b in rows)
            if opened.pending:
                return None
            names = [batch_file(b) for b in rows]
            opened.answers = [answer for name in names for answer in read_results(self.folder, name, self.ledger)]
        return opened.answers[part.first : part.first + part.count]

    def _block(self, call: int) -> _Opened | None:
        """The block of a call, read once for all of its calls."""
        if self._current is None or not self._current.block.holds(call):
            block = self.ledger.block(call)
            if block is None:
                return None
            known = self.ledger.record(block.number)
            self._current = _Opened(block, None if known is None else Record.from_bytes(known))
        return self._current

    def found(self) -> list[Found]:
        """Plan the calls that the look-ahead has noted, where they are not; the blocks with their circuits and seeds.

        Raises:
            BackendError: a block was planned with more calls than ``evolve`` makes now.
        """
        new = [call for call in self._noted if self.ledger.block(call.number) is None]
        if new:
            plan_calls(self.ledger, self.backend, self.run, new)
        noted = {call.number: call for call in self._noted}
        out: list[Found] = []
        while noted:
            first = min(noted)
            block = self.ledger.block(first)
            assert block is not None
            calls = [noted.pop(number, None) for number in range(block.number, block.number + len(block.parts))]
            if None in calls:
                raise differs(block.number + calls.index(None))
            places = sorted(zip(block.parts, calls), key=lambda pair: pair[0].first)
            every = [call for _, call in places if call is not None]
            circuits = [item for call in every for item in call.circuits]
            out.append((block.number, circuits, [seed for call in every for seed in call.seeds]))
        return out

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """Not for runs in folders."""
        raise BackendError("Argument `method` must be one that samples circuits, to be run in a folder.")

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Not for runs in folders."""
        raise BackendError("Argument `shots` must be given for a run in a folder.")

    def describe(self) -> dict[str, Any]:
        """What the real backend says."""
        return self.backend.describe()


# verbs of the real backend that the ledger does not answer
_NOT_REPLAYED: dict[str, Any] = {
    **dict.fromkeys(("estimates_exactly", "jobs", "local", "on_device", "binds"), False),
    **dict.fromkeys(("seconds", "reason", "usage", "transient", "vendor_batches"), False),
    **dict.fromkeys(("max_circuits", "max_executions"), None),
}


def _fingerprint(circuits: Sequence[Item], shots: int, seeds: Sequence[int]) -> str:
    widths = [circuit.num_qubits for circuit in circuits]
    return hashlib.sha256(repr((shots, widths, list(seeds))).encode()).hexdigest()[:32]


def evolve_replayed(specification: RunSpecification, backend: ReplayBackend) -> Trajectory | None:
    """Run ``evolve`` on the ledger; None when samples are missing."""
    s = specification
    try:
        with warnings.catch_warnings():
            if backend.look_ahead:
                warnings.simplefilter("ignore")
            trajectory = evolve(
                s.problem, s.method, backend=backend, shots=s.shots, seed=s.seed, save=s.saves,
                observables=s.observables, progress=False,
            )  # fmt: skip
    except Pending:
        return None
    except Exception:
        if backend.pending and not backend.failed:  # placeholder outcomes may well be impossible ones
            return None
        raise
    return None if backend.pending else whole(trajectory)
