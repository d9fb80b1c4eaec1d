"""What a sweep runs: the sections of a problem file and where the files are that they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...base.errors import ProblemError, QMLDynamicsError, describe
from ...base.places import Place
from ...methods.base import Method
from ...model.problem import Problem
from ...model.spec import describe_method
from ...results.trajectory import plain
from ..problem_file import ProblemFile, read_problem
from ..problem_file.content import sha256
from ..problem_file.editors import top_line
from ..problem_file.files import file_names, understood, write_stated
from .points import Axes, changed

PROBLEM = "problem.toml"
REMEDY = 'name it in a problem file as function = "module:function", and pass allow_code=True'


@dataclass(frozen=True)
class Statement:
    """A problem as text can carry it to another process.

    Attributes:
        sections: those of a problem file, with the method and the backend of the sweep.
        home: the folder in which the files that they name are.
        allow_code: whether code that they name may run, and files outside of ``home`` may be read.
        drafted: whether the files were written for the sweep, and have their place in its folder.
    """

    sections: Mapping[str, Any]
    home: Path
    allow_code: bool = False
    drafted: bool = False

    def at(self, changes: Mapping[str, Any]) -> ProblemFile:
        """The problem, method and backend at one point.

        Raises:
            ProblemError or MethodError: they do not fit, in the words of a problem file.
        """
        sections = changed(self.sections, changes)
        return understood(sections, self.home / PROBLEM, Place(self.home, self.allow_code))

    @property
    def seed(self) -> int | None:
        """The seed of its runs that the file names."""
        return seed_in(self.sections)

    def without_seed(self) -> Statement:
        """The same without the seed of the file: each point has its own."""
        backend = {key: value for key, value in self.sections.get("backend", {}).items() if key != "seed"}
        sections = {name: keys for name, keys in self.sections.items() if name != "backend"}
        return replace(self, sections={**sections, "backend": backend} if backend else sections)

    def content(self) -> dict[str, Any]:
        """The sections, and SHA-256 of the files that they name."""
        return {
            "sections": plain(self.sections),
            "files": {name: sha256(self.home / name) for name in file_names(self.sections)},
        }

    def check(self, axes: Axes) -> None:
        """Build the problem for each value by itself, so that what fits nowhere is told before anything runs.

        Raises:
            ProblemError or MethodError: as :meth:`at`, with the changes at which it does not fit.
        """
        for changes in axes.alone():
            try:
                self.at(changes)
            except QMLDynamicsError as error:
                said = ", ".join(f"{key} = {describe(value)}" for key, value in changes.items())
                raise type(error)(f"{str(error).rstrip('.')} (at {said}).") from None


def seed_in(sections: Mapping[str, Any]) -> int | None:
    """The seed of ``[backend]``.

    >>> seed_in({"backend": {"seed": 7}}), seed_in({})
    (7, None)
    """
    named = sections.get("backend")
    return named.get("seed") if isinstance(named, Mapping) else None


def state(
    problem: Problem | str | Path,
    method: Method | None,
    backend: str | None,
    shots: int | None,
    draft: Path,
    allow_code: bool,
) -> Statement:
    """The statement of a sweep; a problem of Python is written into the folder ``draft``, as :func:`qml_dynamics.write_problem` writes it.

    Raises:
        ProblemError: the loss is a function of Python, or the method one of a person's own, which no text carries.
    """
    described = None if method is None else plain(describe_method(method))
    if described is not None and described.get("kind") == "custom":
        raise ProblemError(f"Argument `method` must be one that a file can name, but is {describe(method)}.")
    if isinstance(problem, Problem):
        _refuse_function(problem)
        file = read_problem(
            write_stated(problem, draft / PROBLEM, top=top_line()), allow_code=False
        )  # tables, and no code
    else:
        file = read_problem(problem, allow_code=allow_code)
    sections = {name: dict(keys) for name, keys in file.sections.items()}
    if described is not None:
        sections["method"] = described
    asked = {key: value for key, value in (("name", backend), ("shots", shots)) if value is not None}
    if backend is not None:
        sections.get("backend", {}).pop("options", None)  # they belong to the backend of the file
    if asked:
        sections["backend"] = {**sections.get("backend", {}), **asked}
    return Statement(sections, file.folder.resolve(), allow_code, drafted=isinstance(problem, Problem))


def _refuse_function(problem: Problem) -> None:
    objective = problem.objective
    if objective is None or objective.spec or objective.model is not None or objective.domain is not None:
        return
    raise ProblemError(
        f"Argument `problem` must have a loss that text can carry to another process, but {describe(objective.name)} is a function of "
        f"Python: {REMEDY}."
    )
