"""The run specification: problem, method, backend, shots, seed and times of a run, as plain data in its folder, and read from it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.failures import redacted
from ..backends.stored import circuit_from_bytes
from ..base.archive import read_npz, reading
from ..base.codec import Beside, from_before, holds_code, in_full, is_plain, method_from_spec, method_spec, required
from ..base.errors import MethodError, ProblemError, QMLDynamicsError, describe
from ..base.installed import version
from ..base.places import permitted, regular
from ..base.printing import printed_briefly
from ..base.registry import kind_of, method_class
from ..base.texts import parse_json
from ..methods.base import Method
from ..model.problem import Problem
from ..model.spec import describe_method
from ..results.trajectory import plain
from .observables import read_observables
from .own_files import OBSERVABLES, RUN, refuse_foreign_files
from .problem_file import read_problem
from .trajectory_file import PROBLEM

if TYPE_CHECKING:
    from .reopen import StoredBackend

FORMAT = 1


def described_method(method: Method) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Plain data, and files by name; a method outside the library that has no name by its text.

    Raises:
        MethodError: a part is a function or a class of one's own, which another process could not find.

    >>> from qml_dynamics import Variational, ansatz
    >>> spec, files = described_method(Variational(ansatz.hardware_efficient(2), steps=5))
    >>> spec["ansatz"], files
    ({'kind': 'hardware_efficient', 'layers': 2}, {})
    """
    files: dict[str, bytes] = {}
    if is_plain(method, files=True):
        return plain(in_full(method_spec(method, files))), files
    if kind_of(type(method)) is not None and holds_code(method):
        raise MethodError(
            "Argument `method` must be plain data for a run in a folder: an ansatz must come from qml_dynamics.ansatz, a regularisation "
            f"be a number or a Cutoff, but it is {describe(method)}."
        )
    return plain(in_full(describe_method(method))), files


def stored_method(spec: Mapping[str, Any], folder: Path, versions: Mapping[str, str]) -> Any:
    """The method again; raises :class:`MethodError`, :class:`ProblemError`, ``KeyError`` or ``OSError`` where the folder is damaged.

    Args:
        spec: what :func:`described_method` gave.
        folder: where its files are.
        versions: of the libraries that wrote them.
    """
    for name in required(method_class(str(spec["kind"]))):
        spec[name]  # what is always written is not there: the folder is damaged
    return method_from_spec(
        from_before(spec),
        Beside(lambda name: circuit_from_bytes(regular(folder / name).read_bytes()), versions, version),
    )


@printed_briefly
@dataclass(frozen=True, eq=False)
class RunSpecification:
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
    backend: StoredBackend
    max_shots: int | None = None
    max_seconds: float | None = None
    run: str = field(default_factory=lambda: f"qmld-{uuid.uuid4().hex[:16]}")


def read_folder(folder: Path, *, allow_code: bool = False, problem: Problem | None = None) -> RunSpecification:
    """The specification of the run in a folder.

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
        return RunSpecification(
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
    except Exception as error:  # readers of damaged plain data and arrays have many ways to say so
        plain_data = isinstance(error, KeyError | TypeError | ValueError | OSError)
        what, reason = str(folder / RUN) if plain_data else f"a file of {folder}", redacted(repr(error), 160)
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
        if (folder / "problem.toml").is_file():  # of another command
            what += "; what `run`, `anneal` or another command keeps goes on when the same command is given again"
        raise ProblemError(f"Argument `folder` must be a run folder, but {folder} {what}.")
    with reading(f"Argument `folder` must be a run folder, but {path} is damaged"):
        data: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
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
    return read_npz(path, f"Argument `folder` must be a run folder, but {path} is damaged") if path.is_file() else {}
