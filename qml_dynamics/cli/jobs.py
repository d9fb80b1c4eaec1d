"""``qml-dynamics backends | submit | status | fetch | resume | cancel``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import runs
from ..backends import available
from ..base.errors import MethodError
from ..base.interrupts import Stop, say_interrupted
from ..runs.ledger import LEDGER
from ..runs.problem_file import read_problem
from ..runs.trajectory_file import to_json
from ..validation.resources import cost
from .options import Options, plan
from .run import terminal, told_once
from .summary import as_data


def backends_command(*, as_json: bool) -> int:
    """Every backend that can be named here, what it can do, and how to install what is missing."""
    rows = available()
    if as_json:
        print(to_json([vars(row) for row in rows]))
        return 0
    from rich.table import Table

    table = Table("backend", "kind", "exact states", "noise", "installed", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            row.name, row.kind, "yes" if row.exact else "no", row.noise, "yes" if row.installed else row.install
        )
    terminal(stderr=False).print(table)
    return 0


def submit_command(
    path: Path, options: Options, folder: Path, *, max_seconds: float | None, max_shots: int | None, as_json: bool
) -> int:
    """Send a run to its backend and return; the folder keeps everything that a later process needs."""
    file = read_problem(path, allow_code=options.allow_code)
    with told_once():
        what = plan(options, file)
    if what.shots is None:
        raise MethodError("Argument `shots` must be given to submit a run.")
    if what.backend is None:
        raise MethodError("Argument `backend` must be given to submit a run.")
    estimate = cost(file.problem, what.method, backend=what.backend, shots=what.shots, save=what.save, seed=what.seed)
    if file.dataset is not None:
        print(file.dataset.account, file=sys.stderr)
    print(estimate, file=sys.stderr)  # before anything is sent
    with going_on(folder):
        run = runs.submit(
            file.problem,
            what.method,
            backend=what.backend,
            shots=what.shots,
            seed=what.seed,
            save=what.save,
            folder=folder,
            max_seconds=max_seconds,
            max_shots=max_shots,
            quiet=True,
            allow_code=options.allow_code,
        )
    status = run.status()
    print(to_json(as_data(status)) if as_json else status)
    return 0


@contextmanager
def going_on(folder: Path) -> Iterator[None]:
    """Say after a signal what is in the folder: a ledger that is whole at any time."""
    try:
        yield
    except (KeyboardInterrupt, Stop):
        there = (folder / LEDGER).is_file()
        say_interrupted(
            f"what was done is in {folder}; qml-dynamics resume {folder} goes on." if there else "nothing was saved."
        )
        raise


def status_command(folder: Path, *, as_json: bool, allow_code: bool = False) -> int:
    """How a submitted run stands: 0 when every sample is here, 3 when not yet."""
    answer = runs.status(folder, allow_code=allow_code)
    print(to_json(as_data(answer)) if as_json else answer)
    return 0 if answer.complete else 3


def fetch_command(folder: Path, *, wait: bool, timeout: float | None, as_json: bool, allow_code: bool = False) -> int:
    """Collect what is done; when all is here, save the trajectory into the folder."""
    with going_on(folder):
        answer = runs.fetch(folder, wait=wait, timeout=timeout, allow_code=allow_code)
    print(to_json(as_data(answer.status)) if as_json else answer)
    return 0 if answer else 3


def resume_command(
    folder: Path,
    *,
    resend: bool,
    max_seconds: float | None = None,
    max_shots: int | None = None,
    as_json: bool,
    allow_code: bool = False,
) -> int:
    """Go on with a run that was cut off, with a new budget where one is given."""
    with going_on(folder):
        answer = runs.resume(folder, resend=resend, max_seconds=max_seconds, max_shots=max_shots, allow_code=allow_code)
    print(to_json(as_data(answer)) if as_json else answer)
    return 0


def cancel_command(folder: Path, *, as_json: bool, allow_code: bool = False) -> int:
    """Cancel what has not ended; what has come back stays."""
    answer = runs.cancel(folder, allow_code=allow_code)
    print(to_json(as_data(answer)) if as_json else answer)
    return 0
