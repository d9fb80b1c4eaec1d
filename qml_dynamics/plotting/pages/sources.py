"""What is known of a run: its trajectory, and the files beside it, read as data of somebody else.

A module of its own: it reads, and the sections write.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...base.errors import ProblemError, QMLDynamicsError, describe
from ...base.places import refuse_links
from ...base.texts import parse_json
from ...learning.descent.result import RESULT as RESULT_OF_DESCENT
from ...learning.descent.result import Descent, descent_data
from ...results.trajectory import Trajectory, plain
from ...runs import open_run
from ...runs.own_files import RUN
from ...runs.state import RunStatus
from ...runs.trajectory_file import PROBLEM, REFERENCE, RESULT, TRAJECTORY, load
from ...validation.comparison import compare
from ...validation.error_parts import ErrorBudget

DESCENT, DESCENT_RUN = "descent.json", "run.npz"
_READ = (TRAJECTORY, PROBLEM, RESULT, REFERENCE, RUN, DESCENT, DESCENT_RUN, RESULT_OF_DESCENT)
_MOST_FILES = 60


@dataclass(frozen=True, eq=False)
class Sources:
    """What a page is made of.

    Attributes:
        run: the trajectory.
        name: of the folder or file, or of the loss.
        folder: where the files are; None for a trajectory of this process.
        said: ``result.json``; empty where there is none.
        comparison, budget: against the reference, and the error budget, as plain data; empty where they were not made.
        reference: the classical reference, or None.
        submitted: ``run.json`` of a submitted run; empty for others.
        status: how a submitted run stands, or None.
        descent: what a descent found, as plain data; empty for others.
        file: the file of the run in its folder.
        scaled: whether the run is of a descent over the unit box, whose loss was scaled.
        problem_text: the problem file, or an empty text.
        files: name, size and SHA-256 of the files beside the run.
    """

    run: Trajectory
    name: str
    folder: Path | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    comparison: Mapping[str, Any] = field(default_factory=dict)
    budget: Mapping[str, Any] = field(default_factory=dict)
    reference: Trajectory | None = None
    submitted: Mapping[str, Any] = field(default_factory=dict)
    status: RunStatus | None = None
    descent: Mapping[str, Any] = field(default_factory=dict)
    problem_text: str = ""
    files: Sequence[tuple[str, int, str]] = ()
    file: str = TRAJECTORY
    scaled: bool = False


def of_trajectory(run: Trajectory, reference: Trajectory | None, budget: ErrorBudget | None, name: str = "") -> Sources:
    """A trajectory of this process, compared here with its reference where one is given."""
    objective = run.problem.objective
    title = name or ("general operator" if objective is None else objective.name)
    said = {} if reference is None else _fields(compare(run, reference))
    return Sources(run, title, comparison=said, budget=_budget_data(budget), reference=reference)


def _budget_data(budget: ErrorBudget | None) -> dict[str, Any]:
    return {} if budget is None else {**_fields(budget), "sum": plain(budget.sum), "dominant": budget.dominant}


def _fields(value: object) -> dict[str, Any]:
    return {name: plain(each) for name, each in vars(value).items()}


def of_path(path: Path, reference: Trajectory | None, budget: ErrorBudget | None, allow_code: bool) -> Sources:
    """A run folder, or a saved trajectory by its file.

    Raises:
        ProblemError: there is no run, or one that was submitted and is not finished, or a file was changed since.
    """
    if not path.is_dir():
        run = load(path, allow_code=allow_code)
        return of_trajectory(run, reference, budget, path.stem)
    refuse_links(path, _READ, allow_code)
    status = _status(path, allow_code)
    has_descent = (path / DESCENT).is_file() and (path / DESCENT_RUN).is_file() and not (path / TRAJECTORY).is_file()
    kept = (
        Descent.load(path / RESULT_OF_DESCENT, allow_code=allow_code) if (path / RESULT_OF_DESCENT).is_file() else None
    )
    run = load(path / DESCENT_RUN if has_descent else path, allow_code=allow_code)
    found = _json(path / DESCENT) if has_descent else {} if kept is None else descent_data(kept)
    said = _json(path / RESULT)
    compared = mapping(said.get("comparison")) if reference is None else {}  # which is with the reference of the folder
    if reference is None and (path / REFERENCE).is_file():
        reference = load(path / REFERENCE, allow_code=allow_code)
    if not compared and reference is not None:
        compared = _fields(compare(run, reference))
    return Sources(
        run,
        path.resolve().name,
        path,
        said,
        compared,
        _budget_data(budget) or mapping(said.get("budget")),
        reference,
        _json(path / RUN),
        status,
        found,
        _text(path / PROBLEM),
        files_of(path),
        DESCENT_RUN if has_descent else TRAJECTORY,
        kept is not None and kept.box is not None,
    )


def _status(folder: Path, allow_code: bool) -> RunStatus | None:
    """How a submitted run stands; None of one that was not submitted.

    Raises:
        ProblemError: its samples are not all here, or were not made a trajectory yet.
    """
    if not (folder / RUN).is_file():
        return None
    try:
        status = open_run(folder, allow_code=allow_code).status(ask=False)
    except QMLDynamicsError:
        if (folder / TRAJECTORY).is_file() and (folder / PROBLEM).is_file() and allow_code:
            return None
        raise
    if not (folder / TRAJECTORY).is_file():
        done = f"{status.done} of {len(status.batches)} batches done"
        raise ProblemError(
            f"Argument `run` must be a finished run, but {folder} was submitted to {describe(status.backend)} and has {done}: "
            f"`qml-dynamics fetch {folder}` collects the rest and writes the trajectory."
        )
    return status


def mapping(value: object) -> Mapping[str, Any]:
    """A table of a file, or an empty one for whatever else stands there."""
    return value if isinstance(value, Mapping) else {}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _json(path: Path) -> Mapping[str, Any]:
    try:
        return mapping(parse_json(_text(path))) if path.is_file() else {}
    except ValueError as error:
        raise ProblemError(
            f"Argument `run` must be a run folder as it was written, but {path} is no JSON: {error}."
        ) from None


@dataclass(frozen=True)
class Place:
    """Where a result other than a trajectory was read from.

    Attributes:
        name: of the folder or the file, or of the kind of result.
        folder: where its files are; None for an object of this process.
        file: the file of the result in it.
        files: name, size and SHA-256 of the files beside it.
        said: ``result.json``; empty where there is none.
    """

    name: str
    folder: Path | None = None
    file: str = ""
    files: Sequence[tuple[str, int, str]] = ()
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """How its file is named from beside the folder."""
        return self.file if self.folder is None or not self.file else f"{self.name}/{self.file}"


def place_of(path: Path, file: str) -> Place:
    """The place of a result in a folder, or of a file of its own.

    Raises:
        ProblemError: a file of the folder is a link that leads out of it, or ``result.json`` is damaged.
    """
    if not path.is_dir():
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        return Place(path.stem, None, path.name, [(path.name, path.stat().st_size, digest)])
    refuse_links(path, [entry.name for entry in os.scandir(path) if not entry.name.startswith(".")], False)
    return Place(path.resolve().name, path, file, files_of(path), _json(path / RESULT))


def files_of(folder: Path) -> list[tuple[str, int, str]]:
    """The files of a run, without pages that were made of it."""
    found = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        named = not entry.name.startswith(".") and not entry.name.endswith((".html", ".htm"))
        if named and entry.is_file(follow_symlinks=False):
            with open(entry.path, "rb") as handle:
                found.append((entry.name, entry.stat().st_size, hashlib.file_digest(handle, "sha256").hexdigest()))
    return found[:_MOST_FILES]
