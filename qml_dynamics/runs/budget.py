"""The limits of a run, checked before each batch: shots, and seconds on the device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from ..backends.base import Backend, capabilities
from ..backends.optional_verbs import TimedBackend
from ..base.errors import BudgetExceeded, MethodError, integer, real
from .ledger import Batch
from .units import Item, executions

if TYPE_CHECKING:
    pass

OVERHEAD, PER_SHOT = 2.0, 0.00035
_IN_FLIGHT = ("submitted", "running", "lost")


def estimated_seconds(backend: Backend, circuits: Sequence[Item], shots: int) -> float:
    """Seconds on the device for one batch.

    A backend that knows better has a method ``seconds(circuits, shots) -> float``; IBM's has one, which compiles the circuits and
    applies the vendor's formula. For other backends with jobs it is that formula with nothing known of the circuits, 2 s a job and
    0.35 ms a shot, copies for mitigation included. Backends without jobs, and local modes, are measured instead.
    """
    can = capabilities(backend)
    if can.local:
        return 0.0
    if can.seconds:
        return float(cast(TimedBackend, backend).seconds(circuits, shots))
    if not can.jobs:
        return 0.0
    return OVERHEAD + PER_SHOT * shots * executions(backend, circuits)


def spent_shots(batches: Sequence[Batch]) -> int:
    """Shots of everything that was accepted, whatever came of it; those that mitigation takes beside the others count too."""
    return sum(b.sent * b.runs * b.shots for b in batches)


def spent_seconds(batches: Sequence[Batch]) -> float:
    """Seconds used, and the estimates of what is under way."""
    return sum(b.used + (b.estimate if b.status in _IN_FLIGHT else 0.0) for b in batches)


class Account:
    """Shots and seconds that the batches of a run have taken, kept up to date row by row."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.rows: dict[int, Batch] = {}
        self.shots, self.seconds = 0, 0.0
        for batch in batches:
            self.update(batch)

    def update(self, batch: Batch) -> None:
        """Take a batch as it stands now."""
        for sign, row in ((-1, self.rows.get(batch.number)), (1, batch)):
            if row is not None:
                self.shots += sign * spent_shots([row])
                self.seconds += sign * spent_seconds([row])
        self.rows[batch.number] = batch

    def check(self, coming: Sequence[Batch], max_shots: int | None, max_seconds: float | None) -> None:
        """Raise :class:`BudgetExceeded` when ``coming`` does not fit into what is left; nothing has been sent then."""
        if not coming:
            return
        done = "Nothing was sent" if not self.shots else "What was sent before is kept"
        more, longer = sum(b.runs * b.shots for b in coming), sum(b.estimate for b in coming)
        if max_shots is not None and self.shots + more > max_shots:
            raise BudgetExceeded(
                f"The next {len(coming)} batches take {more:,} shots and {self.shots:,} are spent, but `max_shots` is "
                f"{max_shots:,}. {done}; resume(max_shots=...) goes on."
            )
        if max_seconds is not None and (self.seconds + longer > max_seconds or self.seconds >= max_seconds):
            raise BudgetExceeded(
                f"The next {len(coming)} batches take {longer:.3g} s on the device and {self.seconds:.3g} s are spent, but "
                f"`max_seconds` is {max_seconds:g}. {done}; resume(max_seconds=...) goes on."
            )


def read_budget(max_shots: int | None, max_seconds: float | None) -> dict[str, Any]:
    """The budget, checked; raises :class:`MethodError`."""
    shots = None if max_shots is None else integer(max_shots, "max_shots", 1, 10**15, MethodError)
    seconds = None if max_seconds is None else real(max_seconds, "max_seconds", positive=True, error=MethodError)
    return {"max_shots": shots, "max_seconds": seconds}
