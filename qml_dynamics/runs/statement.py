"""The run specification: problem, method, backend, shots, seed and times of a run, read from its folder."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.failures import redacted
from ..base.errors import ProblemError, QMLDynamicsError
from ..base.places import permitted
from ..model.problem import Problem
from .methods import stored_method
from .observables import read_observables
from .own_files import OBSERVABLES, RUN, refuse_foreign_files
from .problem_file import read_problem
from .trajectory_file import PROBLEM

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Statement:
    """Everything that determines a run.

    Attributes:
        problem, method, shots, seed, saves, observables: the arguments of ``evolve``; ``saves`` in full.
        backend: how the backend is opened again: its name and options (plain data, never a credential), and what it said
            of itself.
        max_shots, max_seconds: the budget, None where there is none.
        run: the id of the run, which tags its jobs.
    """

    problem: Problem
    method: Any
    shots: int
    seed: int
    saves: Sequence[float]
    observables: Mapping[str, Any] | None
    backend: Mapping[str, Any]
    max_shots: int | None = None
    max_seconds: float | None = None
    run: str = field(default_factory=lambda: f"qmld-{uuid.uuid4().hex[:16]}")


def read_folder(folder: Path, *, allow_code: bool = False, problem: Problem | None = None) -> Statement:
    """The statement of a run folder.

    Args:
        folder: as it was found; it may come from somebody else.
        allow_code: run a function that its problem names, and follow links out of it.
        problem: the problem, where the caller has it and knows that it is the one of the folder; else it is read there.

    Raises:
        ProblemError: it is not a run folder, it is damaged, it reaches beyond itself, or a newer version of the library wrote it.
    """
    permitted(allow_code)
    data = read_json(folder)
    refuse_foreign_files(folder, allow_code)
    try:
        _check_kinds(data)
        if problem is None:
            problem = read_problem(folder / PROBLEM, allow_code=allow_code).problem
        return Statement(
            problem=problem,
            method=stored_method(data["method"], folder, data.get("versions", {})),
            shots=data["shots"],
            seed=data["seed"],
            saves=data["saves"],
            observables=read_observables(data["observables"], arrays(folder / OBSERVABLES), problem.domain) or None,
            backend=data["backend"],
            max_shots=data["max_shots"],
            max_seconds=data["max_seconds"],
            run=data["run"],
        )
    except QMLDynamicsError as error:
        raise type(error)(f"{folder}: {error}") from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        what, reason = str(folder / RUN), redacted(repr(error), 160)
    except Exception as error:  # readers of damaged archives and arrays have many ways to say so
        what, reason = f"a file of {folder}", redacted(repr(error), 160)
    raise ProblemError(f"Argument `folder` must be a run folder, but {what} is damaged: {reason}.")


def _check_kinds(data: Mapping[str, Any]) -> None:
    """Raise ``KeyError`` or ``TypeError`` unless the parts of ``run.json`` are of the kinds that we write."""
    kinds = {"run": str, "method": dict, "backend": dict, "shots": int, "seed": int, "saves": list, "observables": list}
    for name, kind in kinds.items():
        if not isinstance(data[name], kind):
            raise TypeError(f"{name!r} is not a {kind.__name__}")
    for name in ("name", "options", "described", "object"):
        data["backend"][name]


def read_json(folder: Path) -> dict[str, Any]:
    """``run.json``; raises :class:`ProblemError` unless it is one of a format that we know."""
    path = folder / RUN
    if not path.is_file():
        what = f"holds no {RUN}" if folder.is_dir() else "is not a folder"
        raise ProblemError(f"Argument `folder` must be a run folder, but {folder} {what}.")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProblemError(f"Argument `folder` must be a run folder, but {path} is damaged: {error}.") from None
    number = data.get("format") if isinstance(data, dict) else None
    if not isinstance(number, int):
        raise ProblemError(f"Argument `folder` must be a run folder, but {path} names no format.")
    if number > FORMAT:
        raise ProblemError(
            f"Argument `folder` must hold a run of format {FORMAT} or older, but {folder} has format {number}: a newer "
            "version of qml-dynamics wrote it."
        )
    return data


def arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive; none where there is no file."""
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
