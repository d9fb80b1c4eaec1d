"""Runs that survive: a folder holds the run specification, a ledger of its jobs and every result that has come back.

``submit`` writes the intent of every job before it is sent and its id before anything waits, so that any later process can
``fetch``, ``resume`` or ``cancel`` it. Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

_HOME = {
    "checkpoint": ("Checkpoint", "Saved"),
    "retry": ("Patience",),
    "run": ("Run",),
    "submission": ("open_run", "submit"),
    "state": ("BatchStatus", "RunStatus"),
    "verbs": ("Fetched", "cancel", "fetch", "resume", "status"),
}
__all__ = attach(__name__, _HOME)

if TYPE_CHECKING:
    from .checkpoint import Checkpoint as Checkpoint
    from .checkpoint import Saved as Saved
    from .retry import Patience as Patience
    from .run import Run as Run
    from .state import BatchStatus as BatchStatus
    from .state import RunStatus as RunStatus
    from .submission import open_run as open_run
    from .submission import submit as submit
    from .verbs import Fetched as Fetched
    from .verbs import cancel as cancel
    from .verbs import fetch as fetch
    from .verbs import resume as resume
    from .verbs import status as status
