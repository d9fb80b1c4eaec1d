"""The replay backend: it answers from the ledger, so that ``evolve`` itself plans a run, and reads it.

``evolve`` is deterministic: the n-th time that it asks for samples it asks for the same circuits with the same seeds. What
the ledger holds is given back; what it lacks is planned, and sent or waited for as the caller wants.

A module of its own beside `run`: a backend that keeps the contract of all backends.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.base import Asked, Backend, Capabilities, Expected, OnStep, capabilities
from ..backends.records import Record, record, same_circuits
from ..base.errors import BackendError
from ..methods.evolution import evolve
from ..results.trajectory import Counts, Trajectory
from .budget import estimated_seconds
from .ledger import Ledger
from .results import batch_file, read_results
from .specification import RunSpecification
from .units import Item, executions, unit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Handle = Callable[[int, Sequence[Any], Sequence[int]], None]


class Pending(BaseException):
    """Unwinds ``evolve`` when it asks for samples that are not there yet (nothing between may catch it)."""


class ReplayBackend:
    """The backend that ``evolve`` sees.

    Args:
        backend: the real one, for its name and description.
        ledger, folder, run: where results are.
        handle: called with ``(call, circuits, seeds)`` for a call whose results are not all there.
        look_ahead: go on with placeholder outcomes after such a call, to see the circuits of the next one.
    """

    exact = False

    def __init__(
        self, backend: Backend, ledger: Ledger, folder: Path, run: str, handle: Handle, look_ahead: bool = False
    ) -> None:
        self.backend, self.ledger, self.folder, self.run = backend, ledger, folder, run
        self.handle, self.look_ahead = handle, look_ahead
        self.name = backend.name
        self.calls = 0
        self.pending = self.failed = False

    @property
    def capabilities(self) -> Capabilities:
        """Those of the real backend, but for what takes more than samples and estimates: amplitudes, jobs, the device."""
        return replace(capabilities(self.backend), exact=self.exact, **_NOT_REPLAYED)

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """The stored outcomes of this call, if they are all there."""
        nothing = Counts(np.zeros(1, dtype=np.int64), np.array([shots]))
        return self._answer(circuits, shots, seeds, [nothing] * len(circuits))

    sample_midway = sample

    def estimate(self, asked: Sequence[Asked], shots: int, seeds: Sequence[int]) -> list[Expected]:
        """The stored estimates of this call, if they are all there."""
        nothing = [Expected(np.zeros(len(item.operators)), np.ones(len(item.operators))) for item in asked]
        return self._answer(asked, shots, seeds, nothing)

    def _answer(
        self, circuits: Sequence[Item], shots: int, seeds: Sequence[int], placeholders: list[Counts] | list[Expected]
    ) -> list[Any]:
        call, self.calls = self.calls, self.calls + 1
        fingerprint = _fingerprint(circuits, shots, seeds)
        if self.ledger.knows(call, fingerprint):
            self._compare(call, circuits)
        else:
            size = unit(self.backend, circuits, shots)
            parts, runs = [], 0
            for first in range(0, len(circuits), size):
                chosen = circuits[first : first + size]
                parts.append((first, len(chosen), estimated_seconds(self.backend, chosen, shots)))
                runs += executions(self.backend, chosen)
            self.ledger.plan(self.run, call, parts, shots, fingerprint, runs, record(circuits).to_bytes())
        if not self._finished(call):
            try:
                self.handle(call, circuits, seeds)
            except BaseException:
                self.failed = True
                raise
        if self._finished(call):
            names = [batch_file(b) for b in self.ledger.batches(call)]
            return [answer for name in names for answer in read_results(self.folder, name, self.ledger)]
        self.pending = True
        if not self.look_ahead:
            raise Pending
        return placeholders

    def _compare(self, call: int, circuits: Sequence[Item]) -> None:
        """Raise :class:`BackendError` unless the circuits do what those did that were planned; earlier versions noted nothing."""
        known = self.ledger.record(call)
        wrong = None if known is None else same_circuits(Record.from_bytes(known), circuits)
        if wrong is not None:
            raise BackendError(
                f"The circuits of call {call} must be those that were planned, but circuit {wrong} does something else: another "
                "version of a library built it, or the folder was changed; go on with the versions in run.json."
            )

    def _finished(self, call: int) -> bool:
        return all(b.status == "finished" for b in self.ledger.batches(call))

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
    **dict.fromkeys(("seconds", "reason", "usage", "transient"), False),
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
    return None if backend.pending else trajectory
