"""Jobs that are sent together: in one batch of the vendor, where it schedules jobs in batches.

A module of its own beside `jobs`: what is done once for all jobs of a call; each job is sent and found by its own tag, in a batch or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

from ..backends.optional_verbs import BatchingBackend, VendorBatch
from .context import Context
from .retry import Patience, bounded, persistently, vendor_error

_OPENING, _TRIES = 60.0, 3  # seconds, and attempts: jobs do not depend on it


@contextmanager
def together(context: Context, jobs: int) -> Iterator[tuple[Context, str | None]]:
    """The context in which so many jobs are sent, and the id of the vendor's batch that they are sent in (None: in none).

    A batch decides when its jobs run, not what they give. So where the vendor refuses one the jobs are sent alone, which the
    events of the ledger say. It is closed when the last job was sent, or sending ended with an error: what was sent still runs. If
    this process is killed before, the batch stays open and takes no more: whoever goes on opens another.
    """
    opened = _opened(context, jobs) if jobs > 1 and context.can.vendor_batches else None
    if opened is None:
        yield context, None
        return
    try:
        yield replace(context, backend=opened.backend), opened.id
    finally:
        _close(context, opened)


def _opened(context: Context, jobs: int) -> VendorBatch | None:
    backend = cast(BatchingBackend, context.backend)
    what = f"{backend.name}: opening a batch for {jobs} jobs"
    try:
        opened = persistently(what, lambda: backend.open_batch(), _hurried(context.patience), backend)
        if not isinstance(opened, VendorBatch):
            raise TypeError(f"open_batch() gave a {type(opened).__name__}")
    except Exception as error:  # of any kind: the jobs do not depend on it
        context.ledger.note("no batch", str(vendor_error(what, error)))
        return None
    if opened.id is not None:
        opened = replace(opened, id=str(opened.id))
    context.ledger.note("batch opened", f"{opened.id} for {jobs} jobs")
    return opened


def _hurried(patience: Patience) -> Patience:
    return replace(patience, attempts=min(_TRIES, patience.attempts), call=min(_OPENING, patience.call))


def _close(context: Context, opened: VendorBatch) -> None:
    """Close a batch; one that cannot be closed is ended by the vendor, so that is noted and no error."""
    try:
        bounded(opened.close, context.patience.call)
    except Exception as error:
        context.ledger.note("batch not closed", str(vendor_error(f"closing batch {opened.id}", error)))
    else:
        context.ledger.note("batch closed", str(opened.id))
