"""The objects that one process holds while it works on a run: folder, ledger, backend, patience, budget."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from ..backends.base import Backend, Capabilities, JobBackend, capabilities
from ..base.errors import BackendError, BudgetExceeded, JobLost
from .budget import Account
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


def claimed(context: Context, block: int, to: str) -> Iterator[Batch]:
    """Every planned batch of a block, one after the other, once it is taken: as it stands after its move to a status.

    The budget is looked at before each; a batch that another process has taken is passed over.

    Raises:
        BudgetExceeded: the next batch does not fit into the budget; that is written on it, for ``status``.
    """
    ledger = context.ledger
    account = Account(ledger.batches())
    for batch in ledger.batches(block, ("planned",)):
        try:
            account.check([batch], context.max_shots, context.max_seconds)
        except BudgetExceeded:
            ledger.move(batch, batch.status, "budget exceeded", error="over the budget")
            raise
        sent = {"sent": batch.sent + 1} if to == "running" else {}
        if ledger.move(batch, to, batch.tag if to == "intent" else "", error=None, **sent):
            yield ledger.batch(batch)
        account.update(ledger.batch(batch))
