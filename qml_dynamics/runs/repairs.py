"""Result files that are missing or damaged: collected again from their job, or run again where that is harmless."""

from __future__ import annotations

from ..base.errors import BackendError
from .context import Context
from .results import batch_file, read_results
from .units import repeatable


def repair(context: Context) -> None:
    """Take back every finished batch whose file cannot be read (the run's lock is held).

    A job is collected again, a simulator runs again. What a device without jobs has measured is lost: its circuits are unknown,
    and are sent again only when that is asked for.
    """
    for batch in context.ledger.batches(status=("finished",)):
        try:
            if len(read_results(context.folder, batch_file(batch), context.ledger)) == batch.count:
                continue
            reason = "holds another number of circuits"
        except BackendError as error:
            reason = str(error)
        if context.has_jobs and batch.job_id is not None:
            context.ledger.move(
                batch, "submitted", "its result file is damaged: collected again", vendor=None, result=None
            )
        elif not context.has_jobs and repeatable(context.backend):
            context.ledger.move(batch, "planned", "its result file is damaged: run again", result=None)
        else:
            context.ledger.move(batch, "unknown", "its result file is damaged", error=reason, result=None)
