"""The verbs of a run folder as plain functions, for the command line and for scripts.

``allow_code`` is that of :func:`qml_dynamics.open_run`: without it nothing that a folder names is run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..backends.base import BackendLike
from ..base.arguments import checks_arguments_but
from ..base.printing import printed_briefly
from ..results.trajectory import Trajectory
from .retry import Patience
from .state import RunStatus
from .submission import open_run

Folder = str | os.PathLike[str]


@printed_briefly
@dataclass(frozen=True, eq=False)
class Fetched:
    """What :func:`fetch` found: the status, and the trajectory when every sample is here (else None)."""

    status: RunStatus
    trajectory: Trajectory | None

    def __bool__(self) -> bool:
        return self.trajectory is not None

    def __str__(self) -> str:
        return str(self.status) if self.trajectory is None else f"{self.trajectory}\n{self.status}"


@checks_arguments_but("backend")
def status(
    folder: Folder, *, backend: BackendLike | None = None, patience: Patience | None = None, allow_code: bool = False
) -> RunStatus:
    """How the run in a folder stands; see :meth:`Run.status`."""
    return open_run(folder, backend=backend, patience=patience, allow_code=allow_code).status()


@checks_arguments_but("backend")
def fetch(
    folder: Folder,
    *,
    wait: bool = False,
    timeout: float | None = None,
    backend: BackendLike | None = None,
    patience: Patience | None = None,
    allow_code: bool = False,
) -> Fetched:
    """Collect what is done; see :meth:`Run.fetch`."""
    run = open_run(folder, backend=backend, patience=patience, allow_code=allow_code)
    trajectory = run.fetch(wait=wait, timeout=timeout)
    return Fetched(run.status(ask=False), trajectory)


@checks_arguments_but("backend")
def resume(
    folder: Folder,
    *,
    resend: bool = False,
    max_shots: int | None = None,
    max_seconds: float | None = None,
    backend: BackendLike | None = None,
    patience: Patience | None = None,
    allow_code: bool = False,
) -> RunStatus:
    """Go on with a run that was cut off; see :meth:`Run.resume`."""
    run = open_run(folder, backend=backend, patience=patience, allow_code=allow_code)
    return run.resume(resend=resend, max_shots=max_shots, max_seconds=max_seconds)


@checks_arguments_but("backend")
def cancel(
    folder: Folder, *, backend: BackendLike | None = None, patience: Patience | None = None, allow_code: bool = False
) -> RunStatus:
    """Cancel what has not ended; see :meth:`Run.cancel`."""
    return open_run(folder, backend=backend, patience=patience, allow_code=allow_code).cancel()
