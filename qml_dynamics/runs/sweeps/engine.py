"""`sweep`: run what is not there yet, record each point once, go on after whatever ended the processes."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...base.arguments import checks_arguments_but
from ...base.differing import differences
from ...base.errors import ProblemError, describe, integer, line
from ...base.executor import answered, check_workers
from ...base.folders import STAGE, files_in, folder_path, make_folder, move_up
from ...base.interrupts import Interrupts, Stop, say_interrupted
from ...base.lock import WorkLock
from ...base.progress import Progress
from ...base.texts import parse_json
from ...methods.base import Method
from ...methods.keeping import Folder, drawn, versions
from ...model.problem import Problem
from ...results.trajectory import plain
from ..problem_file.editors import put_schema
from ..problem_file.files import write_bytes
from .points import Axes, Point, axes, every_point
from .statement import Statement, seed_in, state
from .table import FILE, FORMAT, Sweep, rows_of, stop_of
from .worker import POINTS, recorded, run_point, task

_BEGUN = "the folder's sweep was begun with"
_WAIT = 2.0


@checks_arguments_but("problem", "over", "zip", "method")
def sweep(
    problem: Problem | str | Path,
    over: Mapping[str, Iterable[Any]],
    *,
    zip: Iterable[str | Iterable[str]] = (),
    method: Method | None = None,
    backend: str | None = None,
    shots: int | None = None,
    seed: int | None = None,
    save: int | None = None,
    folder: Folder | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    allow_code: bool = False,
    progress: bool | None = None,
) -> Sweep:
    """Run a problem at every combination of values of its own keys, in several processes.

    Text and numbers travel to the processes, never objects: each builds its problem from the sections of a problem file. A point is
    written into its own run folder, whole, by the process that ran it, before that process answers. So the same call goes on after
    any process was killed, the calling one too; what is done is read and compared, and computed once. The seed of a point follows
    from ``seed`` and its number, so that the answers are the same bits for any number of workers; it stands in its row.

    Args:
        problem: a :class:`Problem`, or a problem file, whose default method and backend count too.
        over: dotted key of a problem file to a list of values: ``{"diffusion.value": [0.1, 0.2], "method.steps": [50, 100]}``; sections
            are domain, objective, operator, diffusion, strength, evolution, initial, method and backend (``backend.seed``,
            ``backend.shots``). The last key varies fastest.
        zip: keys that move together, in place of every combination: ``["method.steps", "method.order"]``, or several such lists.
        method, backend, shots: as for :func:`evolve`, in place of those of the file; a backend by its name.
        seed: of the sweep, in place of that of the file: each point has its own from it. None: every point has that of the file; where
            the file has none, one is drawn for the sweep and kept in the folder.
        save: number of saved times of each run; None: start and end.
        folder: where it is kept; None: a temporary folder, which goes with the answer. It must be new, empty, or hold this sweep.
        workers: processes; None: one a processor.
        executor: any ``concurrent.futures`` executor in place of them, such as that of a Dask client; its processes must see ``folder``.
        allow_code: also run a loss that the file names as ``function = "module:function"``.
        progress: show progress on standard error; None: when it is a terminal.

    Returns:
        A :class:`~qml_dynamics.runs.sweeps.Sweep`. Points that fail are listed in its rows and tried again by the next call; Ctrl-C and
        SIGTERM end it with what is done.

    Raises:
        ProblemError, MethodError: a value that fits nowhere, told before anything runs; a loss that is a Python function; a
            folder that holds something else. BackendError: another process works in the folder.
    """
    over_axes = axes(over, zip)
    if save is not None:
        integer(save, "save", 1, 10**6)
    check_workers(workers, executor)
    kept = tempfile.TemporaryDirectory(prefix="qml-sweep-") if folder is None else None
    where = folder_path(folder) if kept is None else Path(kept.name)
    _refuse_other(where)
    made = make_folder(where)
    try:
        with Interrupts(), WorkLock(where, _WAIT), tempfile.TemporaryDirectory() as draft:
            statement = state(problem, method, backend, shots, Path(draft), allow_code)
            if seed is not None and not _has_seed(where / FILE):
                statement = statement.without_seed()
            statement, entropy = _begin(statement, over_axes, seed, save, where)
            job = _Job(statement, every_point(over_axes, entropy, statement.seed), save, where)
            stop = job.run(workers, executor, progress)
            found = Sweep(where, over_axes, rows_of(job.points, job.found, job.failed), stop, kept)
            found.save()
    except BaseException:
        if made and not (where / FILE).exists():
            shutil.rmtree(where, ignore_errors=True)
        raise
    return found


def _refuse_other(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ProblemError(f"Argument `folder` must be a folder, but {folder} is a file.")
    if not (folder / FILE).is_file():
        other = [name for name in files_in(folder) if not name.startswith("lock.sqlite")]
        if other:
            raise ProblemError(
                f"Argument `folder` must be empty or hold this sweep, but {folder} holds {describe(other[0])}."
            )


def _has_seed(path: Path) -> bool:
    """Whether a sweep was begun, by an earlier version, with a seed of its own and one of the file, which its points have."""
    try:
        return seed_in(parse_json(path.read_bytes())["sections"]) is not None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # what is damaged is told where the sweeps are compared


def _begin(statement: Statement, over: Axes, seed: int | None, save: int | None, folder: Path) -> tuple[Statement, int]:
    """Write what the sweep is, or compare it with what is there; the statement with its files in place, and the seed."""
    said = {**statement.content(), "over": plain(dict(over.values)), "zip": [list(group) for group in over.groups]}
    said |= {"save": save, "seed": seed}
    path = folder / FILE
    begun = path.is_file()
    if begun:
        entropy = _compared(said, path)
    else:
        statement.check(over)
        entropy = drawn(seed)
    if statement.drafted:
        if not begun:
            move_up(statement.home, folder)
        statement = replace(statement, home=folder.resolve(), drafted=False)
        if begun:
            _compared({**said, **statement.content()}, path)
    if not begun:
        make_folder(folder / POINTS)
        stored = {"format": FORMAT, **said, "entropy": str(entropy), "versions": versions()}
        write_bytes(path, (json.dumps(stored, indent=2) + "\n").encode())
        put_schema(folder)
    return statement, entropy


def _compared(said: Mapping[str, Any], path: Path) -> int:
    must = f"Argument `folder` must be empty or hold this sweep, but in {path.parent}"
    try:
        then = parse_json(path.read_bytes())
        entropy = int(then["entropy"])
        newer = int(then["format"]) > FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        raise ProblemError(f"{must} the file {FILE} is damaged.") from None
    if newer:
        raise ProblemError(f"{must} is one of a newer version of qml-dynamics.")
    words = differences(plain(said), {key: then.get(key) for key in said}, was=_BEGUN)
    words += differences(versions(), then.get("versions"), "version of", was=_BEGUN)
    if words:
        raise ProblemError(f"{must} {'; '.join(words[:4])}: name another folder.")
    return entropy


class _Job:
    """The points of a sweep as they stand."""

    def __init__(self, statement: Statement, every: list[Point], save: int | None, folder: Path) -> None:
        self.points, self.folder, self.statement = every, folder, statement
        self.found: dict[int, dict[str, Any]] = {}
        self.failed: dict[int, str] = {}
        _clean(folder)
        self._read()
        self.tasks = [task(statement, point, save, folder) for point in every if point.index not in self.found]

    def _read(self) -> None:
        for point in self.points:
            row = None if point.index in self.found else recorded(self.folder, point, self.statement)
            if row is not None:
                self.found[point.index] = row

    def run(self, workers: int | None, executor: Executor | None, progress: bool | None) -> str:
        """Run what is not there yet; returns why it ended."""
        total, read = len(self.points), len(self.found)
        try:
            with Progress("sweep", progress) as show:
                for place, answer in answered(run_point, self.tasks, workers, executor):
                    index = self.tasks[place].index
                    if isinstance(answer, Exception):
                        self.failed[index] = line(str(answer) or type(answer).__name__, 500)
                    else:
                        self.found[index] = answer
                    show(len(self.found) + len(self.failed), total)
        except (KeyboardInterrupt, Stop):
            say_interrupted(f"what was done is in {self.folder}, and the same sweep goes on from there.")
            with suppress(OSError):
                _clean(self.folder)
            self._read()  # a process may have recorded its point and not told it
            return f"Interrupted after {len(self.found):,} of {total:,} points."
        return stop_of(total, len(self.found), len(self.failed), f" ({read:,} of them read)" if read else "")


def _clean(folder: Path) -> None:
    """Remove drafts that killed processes have left."""
    for draft in (folder / POINTS).glob(f"{STAGE}*"):
        shutil.rmtree(draft, ignore_errors=True)
