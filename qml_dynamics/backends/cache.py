"""A backend whose results are stored in a folder: the same circuits, shots and seeds are read from there, not run again.

A simulator runs what is missing. What was under way on a device when the process died may have been measured, so that it is not sent
again unasked.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..base.errors import BackendError
from ..results.journal import Scope
from ..results.raw_counts import RawCounts
from ..results.trajectory import Counts
from .base import Asked, Backend, EstimatingBackend, Expected, OnStep, capabilities
from .branches import Branch, BranchingBackend
from .midway import MidwayBackend
from .wrapper import Forwarding

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_QUICK = 0.05  # seconds below which exact numbers are computed again rather than kept
_LARGEST = 1 << 26  # bytes of exact numbers that are kept of one call
Answers = list[tuple[np.ndarray, ...]]
_PARTS = ("first", "second", "raw/index", "raw/count", "raw/rates")  # of an answer, in a file


def cached(backend: Backend, scope: Scope) -> Backend:
    """The backend with its answers kept in this scope, and in no other one."""
    return Cached(backend.inner if isinstance(backend, Cached) else backend, scope)


class Cached(Forwarding):
    """A backend in a scope; all but its answers is that of the backend itself."""

    def __init__(self, backend: Backend, scope: Scope) -> None:
        super().__init__(backend)
        self.scope, self.precious = scope, capabilities(backend).seeding == "none"

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """The outcomes that are kept, or those of the backend."""
        return self._counts("sample", circuits, shots, seeds, self.inner.sample)

    def sample_midway(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """As :meth:`sample`."""
        verb = cast(MidwayBackend, self.inner).sample_midway
        return self._counts("sample_midway", circuits, shots, seeds, verb)

    def sample_branches(self, branches: Sequence[Branch], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """As :meth:`sample`."""
        verb = cast(BranchingBackend, self.inner).sample_branches
        return self._counts("sample_branches", branches, shots, seeds, verb)

    def estimate(self, asked: Sequence[Asked], shots: int, seeds: Sequence[int]) -> list[Expected]:
        """As :meth:`sample`, of operators."""

        def ask() -> Answers:
            """Run on the backend: one pair (values, standard errors) for each circuit with its operators."""
            found = cast(EstimatingBackend, self.inner).estimate(asked, shots, seeds)
            return [(np.asarray(e.value), np.asarray(e.stderr)) for e in found]

        return [Expected(*pair) for pair in self._kept("estimate", asked, shots, seeds, ask)]

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """As :meth:`sample`, exact: kept where they took longer than reading them does."""

        def ask() -> Answers:
            """Run on the backend: the probabilities of each circuit, beside an empty array."""
            return [(np.asarray(law), np.zeros(0)) for law in self.inner.probabilities(circuits)]

        return [law for law, _ in self._kept("probabilities", circuits, None, (), ask)]

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """Those of the backend: amplitudes are computed again."""
        return self.inner.states(pieces, on_step)

    def describe(self) -> dict[str, object]:
        """What the backend says."""
        return self.inner.describe()

    def _counts(
        self,
        verb: str,
        circuits: Sequence[Any],
        shots: int,
        seeds: Sequence[int],
        run: Callable[[Sequence[Any], int, Sequence[int]], list[Counts]],
    ) -> list[Counts]:
        def ask() -> Answers:
            """Run on the backend: (outcomes as integers, how often each came, what mitigation has read) for each circuit."""
            return [_arrays(c) for c in run(circuits, shots, seeds)]

        answers = self._kept(verb, circuits, shots, seeds, ask)
        return [Counts(index, count, RawCounts(*read) if read else None) for index, count, *read in answers]

    def _kept(
        self,
        verb: str,
        items: Sequence[QuantumCircuit] | Sequence[Asked] | Sequence[Branch],
        shots: int | None,
        seeds: Sequence[int],
        ask: Callable[[], Answers],
    ) -> Answers:
        journal, name = self.scope.journal, self.scope.call(_mark(verb, items, shots, seeds))
        found = journal.read(name)
        if found is not None:
            kept = found.arrays
            return [tuple(kept[f"{i}/{part}"] for part in _PARTS if f"{i}/{part}" in kept) for i in range(len(items))]
        self._send(f"{name}-sent")
        started = time.monotonic()
        answers = ask()
        exact = shots is None and not self.precious
        size = sum(a.nbytes for answer in answers for a in answer)
        if not exact or (time.monotonic() - started > _QUICK and size < _LARGEST):
            arrays = {f"{i}/{part}": a for i, answer in enumerate(answers) for part, a in zip(_PARTS, answer)}
            journal.write(name, {"verb": verb}, arrays)
        return answers

    def _send(self, name: str) -> None:
        """On a device: note that the circuits are sent, before they are; refuse those of which nobody knows what became of them."""
        if not self.precious:
            return
        if name in self.scope.journal:
            path = self.scope.journal.folder / f"{name}.npz"
            raise BackendError(
                f"{self.name}: circuits were under way when the process ended and may have been run; delete {path} to send them "
                "again, which may cost twice."
            )
        self.scope.journal.write(name, {"backend": self.name})
        self.scope.treasure()


def _arrays(counts: Counts) -> tuple[np.ndarray, ...]:
    read = counts.raw
    return (counts.index, counts.count, *(() if read is None else (read.index, read.count, read.rates)))


def _mark(
    verb: str,
    items: Sequence[QuantumCircuit] | Sequence[Asked] | Sequence[Branch],
    shots: int | None,
    seeds: Sequence[int],
) -> str:
    """What a later question has in common with this one where it is the same: every gate, to the bit."""
    from .records import record  # which loads Qiskit

    asked = repr((verb, shots, [int(s) for s in seeds])).encode()

    return hashlib.sha256(asked + record(items, overlaps=False).to_bytes()).hexdigest()[:32]
