"""One point of a sweep in a process of its own: run, and written into its folder whole before anybody is told."""

from __future__ import annotations

import json
import os
import shutil
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...backends import backend as find_backend
from ...base.differing import differences
from ...base.errors import MethodError, ProblemError, UnusedArgumentWarning, line
from ...base.folders import STAGE, make_folder
from ...base.interrupts import is_partial
from ...base.texts import parse_json
from ...methods.evolution import evolve
from ...results.trajectory import Trajectory, plain
from ..problem_file.content import file_differences
from ..problem_file.editors import NAME as SCHEMA
from ..problem_file.editors import top_line
from ..problem_file.files import read_problem, write_bytes
from ..trajectory_file import load, write_run
from .points import Point
from .statement import PROBLEM, Statement

POINTS, POINT = "points", "point.json"
WAS = "the folder's is"
_AGAIN = "delete it, and the same call computes it again"
_NOTES = 20


@dataclass(frozen=True)
class Task:
    """What travels to a process: texts, numbers and tables of them only.

    Attributes:
        sections, home, allow_code: of the :class:`Statement`.
        changes, index, seed: of the :class:`Point`.
        save: number of saved times, or None.
        folder: of the sweep.
    """

    sections: Mapping[str, Any]
    home: str
    allow_code: bool
    changes: Mapping[str, Any]
    index: int
    seed: int
    save: int | None
    folder: str


def task(statement: Statement, point: Point, save: int | None, folder: Path) -> Task:
    """The task of a point."""
    home, allowed = str(statement.home), statement.allow_code
    return Task(statement.sections, home, allowed, point.changes, point.index, point.seed, save, str(folder.resolve()))


def run_point(given: Task) -> dict[str, Any]:
    """Run a point and write its folder by one rename; where another process was faster, that one's answer counts.

    Returns:
        Its quantities, see :func:`quantities`.

    Raises:
        QMLDynamicsError: the point does not fit, or cannot be computed.
    """
    statement = Statement(given.sections, Path(given.home), given.allow_code)
    point = Point(given.index, given.changes, given.seed)
    file = statement.at(point.changes)
    seed = given.seed if file.seed is None else file.seed
    backend: Any = file.backend
    if file.backend_options:
        backend = find_backend(file.backend, **file.backend_options)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        run = evolve(
            file.problem, file.method, backend=backend, shots=file.shots, seed=seed, save=given.save, progress=False
        )
    if not isinstance(run, Trajectory):
        raise MethodError(f"A sweep keeps whole tables, but {file.problem.domain.num_qubits} qubits have none.")
    if is_partial(run):
        raise MethodError("The point was interrupted before its end.")
    own_seed = file.seed is None  # of which nobody asked whether anything is drawn
    told = [
        each
        for each in warned
        if not (own_seed and each.category is UnusedArgumentWarning and "seed" in str(each.message))
    ]
    notes = list(dict.fromkeys(line(str(each.message), 300) for each in told))[:_NOTES]
    points = Path(given.folder) / POINTS
    draft = points / f"{STAGE}{uuid.uuid4().hex}"
    make_folder(draft, new=True)
    try:
        write_run(draft, run, {"notes": notes}, source=file, top=_top(Path(given.folder)))
        said = {**described(point), "notes": notes}
        write_bytes(draft / POINT, (json.dumps(said, indent=2) + "\n").encode())
        _move(draft, points / point.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return {**quantities(run), "notes": notes}


def _top(folder: Path) -> str:
    """The line of the schema that stands in the folder of the sweep; sweeps that were begun before have none."""
    return top_line(2) if (folder / SCHEMA).is_file() else ""


def _move(draft: Path, folder: Path) -> None:
    try:
        os.rename(draft, folder)
    except OSError:
        if not (folder / POINT).is_file():
            raise


def described(point: Point) -> dict[str, Any]:
    """What ``point.json`` says."""
    return {"index": point.index, "changes": plain(dict(point.changes)), "seed": point.seed}


def recorded(folder: Path, point: Point, statement: Statement) -> dict[str, Any] | None:
    """The quantities of a point that is done, read from its folder; None where it is not.

    Its whole problem file is compared with what the sweep states at the point: problem, method, backend, and data beside it.

    Raises:
        ProblemError: its folder holds another point or another problem, or was changed.
    """
    where = folder / POINTS / point.name
    found = kept(folder, point)
    if found is None:
        return None
    try:
        words = file_differences(statement.at(point.changes), read_problem(where / PROBLEM, allow_code=False))
    except ProblemError as error:
        raise ProblemError(f"{str(error).rstrip('.')}: {_AGAIN}.") from None
    if words:
        said_so = "; ".join(words[:4])
        raise ProblemError(
            f"Argument `folder` must hold this sweep, but the problem in {where} is another one: {said_so}: {_AGAIN}."
        )
    return found


def kept(folder: Path, point: Point) -> dict[str, Any] | None:
    """The quantities of a point that is done, by its folder alone; None where it is not.

    Raises:
        ProblemError: its folder holds another point, or was changed.
    """
    where = folder / POINTS / point.name
    if not where.exists():
        return None
    try:
        said = parse_json((where / POINT).read_bytes())
    except (OSError, ValueError):
        raise ProblemError(f"Argument `folder` must hold this sweep, but {where} is damaged: {_AGAIN}.") from None
    notes = said.pop("notes", []) if isinstance(said, dict) else []
    wanted = described(point)
    if isinstance(said, dict) and said.get("seed") == point.numbered:
        wanted["seed"] = said["seed"]  # as earlier versions wrote it beside a seed of the file, too
    words = differences(wanted, said, was=WAS)
    if words:
        raise ProblemError(f"Argument `folder` must hold this sweep, but in {where} {'; '.join(words[:4])}: {_AGAIN}.")
    try:
        return {**quantities(load(where, allow_code=False)), "notes": notes}
    except ProblemError as error:
        raise ProblemError(f"{str(error).rstrip('.')}: {_AGAIN}.") from None


def quantities(run: Trajectory) -> dict[str, Any]:
    """What a row of the table says of a run, at its end.

    ``NAME`` and ``NAME_stderr`` for each expectation value (the standard error of an exact one is 0), ``best_loss`` and
    ``best_weights`` of the best sample, ``log_norm``, and ``stop``, why it ended.
    """
    row: dict[str, Any] = {}
    for name, estimate in run.expectations.items():
        last = estimate[-1]
        row |= {name: float(last.value), f"{name}_stderr": float(last.stderr)}
    if run.best is not None:
        row |= {"best_loss": float(run.best.value), "best_weights": [float(w) for w in run.best.weights]}
    return {**row, "log_norm": float(run.log_norm[-1]), "stop": run.stop}
