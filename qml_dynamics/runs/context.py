"""The objects that one process holds while it works on a run: folder, ledger, backend, patience, budget."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from ..backends.base import Backend, Capabilities, JobBackend, capabilities
from ..base.errors import BackendError, BudgetExceeded, JobLost
from .budget import check_budget
from .ledger import Batch, Ledger
from .retry import Patience
from .state import BatchStatus
from .units import keeps_jobs

ENDED = ("failed", "cancelled", "lost", "unknown")
OPEN = ("planned", "intent", "running")


@dataclass
class Context:
    """One run at work in this process; ``unanswered`` are submissions that were given up, and may still arrive."""

    folder: Path
    run: str
    backend: Backend
    ledger: Ledger
    patience: Patience
    max_shots: int | None = None
    max_seconds: float | None = None
    unanswered: list[threading.Thread] = field(default_factory=list)

    @property
    def jobs(self) -> JobBackend:
        """The backend, where it has jobs."""
        assert self.can.jobs
        return cast(JobBackend, self.backend)

    @property
    def can(self) -> Capabilities:
        """What the backend can do."""
        return capabilities(self.backend)

    @property
    def has_jobs(self) -> bool:
        """Whether its work outlives this process."""
        return keeps_jobs(self.backend)

    def raise_for_ended(self, call: int | None = None) -> None:
        """Raise when a batch ended without a result; everything else is kept.

        Raises:
            JobLost: the vendor no longer knows a job.
            BackendError: a job failed or was cancelled, or a circuit was running when its process died.
        """
        ended = self.ledger.batches(call, ENDED)
        if not ended:
            return
        everything = self.ledger.batches()
        kept = sum(b.status == "finished" for b in everything)
        kind = JobLost if any(b.status == "lost" for b in ended) else BackendError
        rows = "; ".join(str(BatchStatus(b.number, b.job_id, b.status, b.error)) for b in ended[:5])
        rows += f"; and {len(ended) - 5} more" if len(ended) > 5 else ""
        raise kind(
            f"{self.backend.name}: {rows}. {kept} of {len(everything)} batches are kept; resume(resend=True) sends "
            "these again."
        )


def budget_left(context: Context, coming: list[Batch]) -> None:
    """Raise :class:`BudgetExceeded` when ``coming`` does not fit; written on the first of them for ``status``."""
    try:
        check_budget(context.ledger.batches(), coming, context.max_shots, context.max_seconds)
    except BudgetExceeded:
        context.ledger.move(coming[0], coming[0].status, "budget exceeded", error="over the budget")
        raise
