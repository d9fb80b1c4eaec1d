"""Runs that survive: a folder holds the statement of a run, a ledger of its jobs and every result that has come back.

``submit`` writes the intent of every job before it is sent and its id before anything waits, so that any later process can
``fetch``, ``resume`` or ``cancel`` it.
"""

from __future__ import annotations

from .checkpoint import Checkpoint
from .retry import Patience
from .run import Run, open_run, submit
from .status import BatchStatus, RunStatus
from .verbs import Fetched, cancel, fetch, resume, status

__all__ = [
    "BatchStatus",
    "Checkpoint",
    "Fetched",
    "Patience",
    "Run",
    "RunStatus",
    "cancel",
    "fetch",
    "open_run",
    "resume",
    "status",
    "submit",
]
