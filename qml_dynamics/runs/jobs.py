"""Jobs: sent once, found again by their tag, collected when they are done.

A module of its own beside `run`: batches as jobs that outlive the process; `local` has the same verbs without jobs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

from ..backends.failures import redacted
from ..backends.optional_verbs import MeteredBackend, ReasonedBackend
from ..base.errors import BackendError, JobLost
from .context import Context, claimed
from .ledger import Batch, Column
from .redact import compiled_as
from .replay import Found
from .results import check_complete, result_name, write_results
from .retry import Hang, bounded, is_quota, is_transient, persistently, vendor_error
from .units import Item, least_shots
from .vendor_batches import together


def recover(context: Context) -> None:
    """Settle every batch whose submission was cut off (the run's lock is held, so its process is dead or is this one).

    The vendor is asked for the batch's tag: a job that was accepted is adopted, otherwise the batch is planned again.
    """
    for batch in context.ledger.batches(status=("intent",)):
        time.sleep(max(0.0, min(context.patience.settle, batch.changed + context.patience.settle - time.time())))
        job_id = _find(context, batch)
        if job_id is not None:
            _accepted(context, batch, job_id, "found by its tag")
        else:
            context.ledger.move(batch, "planned", "not accepted by the vendor")


def send(context: Context, blocks: Sequence[Found]) -> None:
    """Send every planned batch of some blocks (the run's lock is held), together where the vendor schedules jobs together.

    Raises:
        BudgetExceeded: over the budget of the run, or of the account.
        BackendError: the vendor refused, or was out of reach for all attempts.
    """
    calls = {call for call, _, _ in blocks}
    coming = sum(batch.call in calls for batch in context.ledger.batches(status=("planned",)))
    known = context.ledger.vendor_batches_by_tag()
    with together(context, coming) as (inside, vendor_batch):
        for call, circuits, seeds in blocks:
            for batch in claimed(inside, call, "intent"):
                if vendor_batch != known.get(batch.tag):  # a job that was not accepted is sent again under its tag
                    context.ledger.keep_vendor_batch(batch, vendor_batch)
                chosen = slice(batch.first, batch.first + batch.count)
                job_id = _submit(inside, batch, circuits[chosen], seeds[chosen])
                _accepted(inside, batch, job_id, "accepted", compiled=compiled_as(inside.backend))


def _accepted(context: Context, batch: Batch, job_id: str, how: str, **columns: Column) -> None:
    columns.update(job_id=job_id, sent=batch.sent + 1, error=None)
    context.ledger.move(batch, "submitted", f"{how}: job {job_id}", **columns)


def _submit(context: Context, batch: Batch, circuits: Sequence[Item], seeds: Sequence[int]) -> str:
    """The vendor's id. After an error that leaves open whether the job was accepted, its tag is looked for first."""
    patience, backend = context.patience, context.jobs
    what = f"{backend.name}: submitting batch {batch.number} ({batch.tag})"
    pauses = [*patience.delays(), None]
    for tried, pause in enumerate(pauses, 1):
        try:
            submit = lambda: backend.submit(circuits, batch.shots, seeds, batch.tag)  # noqa: E731
            return bounded(submit, patience.call, context.unanswered)
        except Hang as error:  # the request may still arrive: the run's lock is kept until its call has ended
            raise _noted(context, batch, f"{what}: {error}; resume() looks for it by its tag") from None
        except Exception as error:
            trouble = error
        if is_quota(trouble):
            context.ledger.move(batch, "planned", "refused: quota", error=str(trouble))
            raise vendor_error(what, trouble) from None
        if not is_transient(trouble, backend):
            raise _noted(context, batch, str(vendor_error(what, trouble))) from None
        time.sleep(patience.settle if pause is None else max(pause, patience.settle))
        job_id = _find(context, batch)
        if job_id is not None:
            return job_id
        if pause is None:
            raise _noted(context, batch, str(vendor_error(f"{what}, after {tried} attempts", trouble)))
    raise AssertionError("the last attempt returns or raises")


def _noted(context: Context, batch: Batch, words: str) -> BackendError:
    """The error, with its words on the batch, which stays an intent: recovery asks the vendor before anything is sent."""
    context.ledger.move(batch, "intent", "submit failed", error=words)
    return BackendError(words)


def _find(context: Context, batch: Batch) -> str | None:
    backend = context.jobs
    what = f"{backend.name}: looking for {batch.tag}"
    found = persistently(what, lambda: list(backend.find(batch.tag)), context.patience, backend)
    return str(found[0]) if found else None


def poll(context: Context, call: int | None = None, collect: bool = True) -> None:
    """Ask for the status of every job that has no result yet, and collect those that are done.

    A job that was called lost is asked for again: vendors list a new job late.

    Raises:
        BackendError: a result was incomplete or could not be fetched; the others are kept.
    """
    troubles: list[BackendError] = []
    for batch in context.ledger.batches(call, ("submitted", "lost")):
        if batch.job_id is None:
            continue
        vendor = _status(context, batch)
        if vendor in ("failed", "cancelled", "lost"):
            if vendor != batch.status:
                used = batch.used if vendor == "lost" else batch.used + _usage(context, batch)
                context.ledger.move(batch, vendor, f"job {batch.job_id}", error=_reason(context, batch), used=used)
        elif vendor == "done" and collect:
            try:
                _collect(context, batch)
            except BackendError as error:  # the results of the other jobs are not worth less for it
                context.ledger.move(batch, batch.status, f"job {batch.job_id}", error=str(error))
                troubles.append(error)
        elif vendor != batch.vendor or batch.status == "lost":
            context.ledger.move(batch, "submitted", f"job {batch.job_id} is {vendor}", vendor=vendor, error=None)
    if troubles:
        raise troubles[0]


def _status(context: Context, batch: Batch) -> str:
    backend, job_id = context.jobs, str(batch.job_id)
    try:
        what = f"{backend.name}: status of job {job_id}"
        return redacted(str(persistently(what, lambda: backend.status(job_id), context.patience, backend)), 80)
    except JobLost:
        return "lost"


def _reason(context: Context, batch: Batch) -> str | None:
    """The vendor's message on a job that failed, where the backend offers ``reason(job_id)``."""
    backend = cast(ReasonedBackend, context.backend)
    if not context.can.reason:
        return None
    try:
        return str(bounded(lambda: backend.reason(cast(str, batch.job_id)), context.patience.call) or "") or None
    except Exception:  # only words are missing then
        return None


def _usage(context: Context, batch: Batch) -> float:
    """Seconds that a job took, where the backend offers ``usage(job_id)``; else the estimate."""
    backend = cast(MeteredBackend, context.backend)
    if not context.can.usage:
        return batch.estimate
    try:
        told = bounded(lambda: backend.usage(cast(str, batch.job_id)), context.patience.call)
        return batch.estimate if told is None else float(told)
    except Exception:  # the estimate serves until the vendor has made up the account
        return batch.estimate


def _collect(context: Context, batch: Batch) -> None:
    backend, job_id = context.jobs, str(batch.job_id)
    what = f"{backend.name}: job {job_id}"
    try:
        outcomes = persistently(f"{what}: fetching", lambda: backend.collect(job_id), context.patience, backend)
    except JobLost as error:
        context.ledger.move(batch, "lost", f"job {job_id}", error=str(error))
        return
    check_complete(outcomes, batch.count, least_shots(backend, batch.shots), what)
    name = result_name(batch.number, batch.attempt)
    write_results(context.folder, name, outcomes, context.ledger)
    used = batch.used + _usage(context, batch)
    context.ledger.move(batch, "finished", f"job {job_id}", result=name, error=None, vendor="done", used=used)


def cancel(context: Context) -> None:
    """Cancel what has not ended (the run's lock is held): batches that were not sent never will be."""
    recover(context)
    for batch in context.ledger.batches(status=("planned",)):
        context.ledger.move(batch, "cancelled", "never sent")
    for batch in context.ledger.batches(status=("submitted",)):
        backend, job_id = context.jobs, str(batch.job_id)
        what = f"{backend.name}: cancelling job {job_id}"
        if _status(context, batch) in ("queued", "running"):
            persistently(what, lambda: backend.cancel(job_id), context.patience, backend)  # noqa: B023
    poll(context, collect=False)
