"""Runs on backends without jobs: results are stored circuit by circuit or in small groups, the most that a crash can lose.

A module of its own beside `run`: it has the verbs of `jobs`, for backends without jobs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..base.errors import BackendError
from .context import Context, claimed
from .ledger import Batch
from .redact import compiled_as
from .results import check_complete, result_name, write_results
from .retry import vendor_error
from .units import Item, answers, least_shots, repeatable


def recover(context: Context) -> None:
    """Settle what was running when its process died (the run's lock is held).

    Results that were written are taken. Otherwise a simulator runs the circuits again; a device that gives no id may have
    run them, so they are marked unknown.
    """
    for batch in context.ledger.batches(status=("running",)):
        name = result_name(batch.number, batch.attempt)
        if (context.folder / name).is_file():
            context.ledger.move(batch, "finished", "its results were written", result=name)
        elif repeatable(context.backend):
            context.ledger.move(batch, "planned", "interrupted; a simulator runs it again")
        else:
            context.ledger.move(batch, "unknown", "interrupted", error="it was running when its process ended")


def execute(context: Context, call: int, circuits: Sequence[Item], seeds: Sequence[int]) -> None:
    """Run every planned batch of a block (the run's lock is held).

    Raises:
        BudgetExceeded: over the budget.
        BackendError: the backend failed.
    """
    for batch in claimed(context, call, "running"):
        chosen = slice(batch.first, batch.first + batch.count)
        _execute(context, batch, circuits[chosen], seeds[chosen])


def _execute(context: Context, batch: Batch, circuits: Sequence[Item], seeds: Sequence[int]) -> None:
    backend, started = context.backend, time.perf_counter()
    what = f"{backend.name}: batch {batch.number}"
    told: BackendError | None = None
    try:
        outcomes = answers(backend, circuits, batch.shots, seeds)
    except Exception as error:
        told, outcomes = vendor_error(what, error), []
    if told is not None:  # raised here, so that nothing of the original hangs on it
        context.ledger.move(batch, "planned" if repeatable(backend) else "unknown", "failed", error=str(told))
        raise told
    check_complete(outcomes, batch.count, least_shots(backend, batch.shots), what)
    name = result_name(batch.number, batch.attempt)
    write_results(context.folder, name, outcomes, context.ledger)
    used = batch.used + time.perf_counter() - started
    context.ledger.move(batch, "finished", result=name, error=None, used=used, compiled=compiled_as(backend))
