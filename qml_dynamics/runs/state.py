"""`RunStatus`: the batches of a run by status, with jobs and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.printing import WIDTH, printed_briefly
from .budget import spent_seconds, spent_shots
from .ledger import Batch


@dataclass(frozen=True)
class BatchStatus:
    """One batch: its number, its job (or None), its status in a word, and its last error."""

    number: int
    job_id: str | None
    status: str
    error: str | None = None

    def __str__(self) -> str:
        job = f", job {self.job_id}" if self.job_id else ""
        return f"batch {self.number}{job}: {self.status}" + (f" ({self.error})" if self.error else "")


@printed_briefly
@dataclass(frozen=True)
class RunStatus:
    """How a run stands.

    Attributes:
        folder, run, backend: where, its id (the vendor's tag begins with it), on what.
        batches: every batch.
        shots, seconds: spent so far (seconds: used, and estimated for what is under way).
        complete: whether every sample that is known to be needed is here.
        fetched: whether the trajectory was written.
        stepwise: whether circuits depend on outcomes, so that a complete step may be followed by another.
    """

    folder: Path
    run: str
    backend: str
    batches: tuple[BatchStatus, ...]
    shots: int
    seconds: float
    complete: bool
    fetched: bool
    stepwise: bool = False

    @property
    def done(self) -> int:
        """Batches whose results are here."""
        return self.count("finished")

    def count(self, *words: str) -> int:
        """Batches with one of these statuses."""
        return sum(b.status in words for b in self.batches)

    def __str__(self) -> str:
        words = [b.status for b in self.batches if b.status != "finished"]
        rest = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
        head = f"{self.done} of {len(self.batches)} batches done"
        lines = [f"{self.folder} on {self.backend}: " + head + (f", {rest}" if rest else "")]
        if len(lines[0]) > WIDTH:  # a long path stands by itself, so that it hides nothing
            lines = [f"{self.folder} on {self.backend}:", head + (f", {rest}" if rest else "")]
        lines.append(f"run {self.run}; {self.shots:,} shots and {self.seconds:.3g} s spent")
        lines += [f"  {b}" for b in self.batches if b.status != "finished"][:20]
        lines.append(self._next())
        return "\n".join(lines)

    def _next(self) -> str:
        if self.fetched:
            return "The trajectory is written."
        if self.complete and self.stepwise:
            return "Every sample that was asked for is here: fetch; where a further step follows, resume sends it."
        if self.complete:
            return "Every sample is here: fetch."
        if self.count("failed", "lost", "cancelled", "unknown"):
            return "resume --resend sends again what failed, was cancelled or lost, or is unknown."
        unsent = [
            b for b in self.batches if b.status in ("planned", "intent") or (b.status == "running" and not b.job_id)
        ]
        if unsent or not self.batches:
            return "Not everything was sent: resume."
        return "Jobs are under way: fetch."


def run_status(
    folder: Path, run: str, backend: str, batches: Sequence[Batch], fetched: bool, stepwise: bool
) -> RunStatus:
    """The status of a run from its ledger; a submitted job shows the vendor's last word."""
    rows = tuple(
        BatchStatus(b.number, b.job_id, (b.vendor or "queued") if b.status == "submitted" else b.status, b.error)
        for b in batches
    )
    complete = bool(batches) and all(b.status == "finished" for b in batches)
    return RunStatus(
        folder, run, backend, rows, spent_shots(batches), spent_seconds(batches), complete, fetched, stepwise
    )
