"""``qml-dynamics sweep``: a problem file over values of its keys, one table, one picture."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from ..base.errors import MethodError, QMLDynamicsError
from ..base.interrupts import INTERRUPTED, Interrupts
from ..plotting import plot_sweep, save_figure
from ..runs.sweeps.dask_executor import running_scheduler
from ..runs.sweeps.engine import sweep
from ..runs.sweeps.file import read_sweep
from ..runs.sweeps.table import TABLE, Sweep
from ..runs.trajectory_file import to_json
from . import pictures
from .run import terminal, told_once

PICTURE = "sweep.png"


def sweep_command(
    path: Path,
    *,
    out: Path | None,
    workers: int | None,
    scheduler: str | None,
    picture: str | None,
    plots: bool,
    as_json: bool,
    allow_code: bool = False,
) -> int:
    """Run what is not there yet of a sweep file; the exit code is 0, 1 where points failed, 130 or 143 after a signal."""
    file = read_sweep(path, allow_code=allow_code)
    if scheduler is not None and workers is not None:
        raise MethodError(f"Argument `workers` must be left out with `scheduler`, but is {workers}.")
    folder = Path("sweeps") / path.stem if out is None else out
    with told_once(), Interrupts() as interrupts, _executor(scheduler) as executor, _no_empty(folder.parent):
        found = sweep(
            file.problem,
            file.over,
            zip=file.zip,
            seed=file.seed,
            save=file.save,
            folder=folder,
            workers=workers,
            executor=executor,
            allow_code=allow_code,
        )
        drawn = _drawn(found, picture) if plots and interrupts.seen is None else None
        _say(found, drawn, as_json)
        if interrupts.seen is not None:
            return INTERRUPTED
    return 1 if found.failures else 0


@contextmanager
def _no_empty(parent: Path) -> Iterator[None]:
    """A refused sweep leaves no empty folder that was made for it."""
    there = parent.exists()
    try:
        yield
    finally:
        if not there:
            with suppress(OSError):  # it holds the sweep
                parent.rmdir()


def _executor(scheduler: str | None) -> AbstractContextManager[Executor | None]:
    if scheduler is None:
        return nullcontext(None)
    return running_scheduler(scheduler)


def _drawn(found: Sweep, picture: str | None) -> Path | None:
    """The picture, where there is something to draw; a picture is not worth a sweep."""
    if not pictures.available():
        print(f"qml-dynamics: {pictures.MISSING}", file=sys.stderr)
        return None
    quantity, _, keys = (picture or "").partition(":")
    try:
        figure = plot_sweep(found, quantity or None, [key.strip() for key in keys.split(",") if key.strip()] or None)
        return save_figure(figure, found.folder / PICTURE)
    except QMLDynamicsError as error:
        print(f"qml-dynamics: no picture: {error}", file=sys.stderr)
        return None


def _say(found: Sweep, picture: Path | None, as_json: bool) -> None:
    console = terminal(as_json)
    console.print(str(found), markup=False)
    console.print(f"table: {found.folder / TABLE}", markup=False)
    if picture is not None:
        console.print(f"picture: {picture}", markup=False)
    if as_json:
        data = {"folder": str(found.folder), "stop": found.stop, "rows": list(found.rows)}
        print(to_json(data))
