"""Fingerprints of a run folder: its specification, byte by byte, in the ledger; and the SHA-256 of every result.

A file whose bytes are still those is believed. Other bytes are compared by what they say: a comment or another way to write a
number is nothing, anything else is refused and named. Circuits that were sent are recorded by what they do.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ..backends.failures import redacted
from ..backends.meaning import difference
from ..backends.stored import circuit_from_bytes
from ..base.errors import BackendError, ProblemError, QMLDynamicsError, UnverifiedRunWarning
from ..base.registry import ANSATZ
from ..base.texts import parse_json
from ..model.problem import Problem
from .ledger import LEDGER, Ledger
from .own_files import OBSERVABLES, RESULTS, RUN, refuse_foreign_files
from .problem_file.content import array_differences, differences, problem_differences, sha256
from .specification import RunSpecification, arrays, read_folder, read_json
from .trajectory_file import PROBLEM

SCRATCH = ".kept-"  # where a result is until its SHA-256 is recorded
_LARGEST = 1 << 26  # bytes of a file that is kept whole; of a larger one only the SHA-256 is
Kept = dict[str, dict[str, bytes | None]]


def keep_specification(ledger: Ledger, files: Mapping[str, bytes]) -> None:
    """Record the specification of a new folder, before its ``run.json`` is there."""
    rows = [_row(name, data) for name, data in files.items()]
    ledger.keep_content(rows, anew=True)


def keep_version(ledger: Ledger, name: str, data: bytes) -> None:
    """Record another version of a file of the specification (a new budget), before it is written."""
    ledger.keep_content([_row(name, data)])


def _row(name: str, data: bytes) -> tuple[str, str, bytes | None]:
    return name, hashlib.sha256(data).hexdigest(), data if len(data) <= _LARGEST else None


def write_kept(folder: Path, name: str, ledger: Ledger, write: Callable[[Path], object], whole: bool = False) -> None:
    """Write a result by rename, its SHA-256 recorded before it appears, so that a kill in between leaves nothing unknown.

    Args:
        folder, name, ledger: where it goes, and where it is recorded.
        write: makes the file at the path that it is given.
        whole: record its bytes too, so that it can be compared by what it says.

    Raises:
        ProblemError: the folder cannot be written, or the disk is full.
    """
    target = folder / name
    try:
        if not target.parent.is_dir():
            target.parent.mkdir(folder.stat().st_mode & 0o777, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as scratch:
            draft = Path(scratch) / target.name
            write(draft)
            ledger.keep_content([(name, sha256(draft), draft.read_bytes() if whole else None)])
            os.replace(draft, target)
    except OSError as error:
        raise ProblemError(
            f"Argument `folder` must be a folder that can be written, but {target} cannot: {error.strerror or error}."
        ) from None


def read_checked(folder: Path, allow_code: bool = False, problem: Problem | None = None) -> RunSpecification:
    """The specification of a run folder, which is still the one that was submitted.

    Args:
        folder, allow_code, problem: as for :func:`qml_dynamics.runs.specification.read_folder`.

    Raises:
        ProblemError: it is not a run folder, it is damaged, it was changed, it reaches beyond itself, or a newer version of the
            library wrote it.
    """
    read_json(folder)
    refuse_foreign_files(folder, allow_code)
    check_specification(folder, run_too=False)  # before anything of it is built
    specification = read_folder(folder, allow_code=allow_code, problem=problem)
    check_specification(folder, problem_too=False)
    return specification


def check_specification(folder: Path, problem_too: bool = True, run_too: bool = True) -> None:
    """Compare the specification with what was submitted.

    Args:
        folder: the run folder; without its ledger nothing is known, and whoever opens that says so.
        problem_too, run_too: look at the files of the problem and method; at ``run.json``.

    Raises:
        ProblemError: in one line, the file, what it says now and what it said.

    Warns:
        UnverifiedRunWarning: an earlier version of the library wrote the folder, and recorded nothing.
    """
    if not (folder / LEDGER).is_file():
        return
    kept = _kept(folder)
    if RUN not in kept:
        if not problem_too:  # it has been said
            return
        warnings.warn(
            f"The run in {folder} was written by an earlier version of qml-dynamics: edits of its files since it was submitted "
            "cannot be seen.",
            UnverifiedRunWarning,
            stacklevel=3,
        )
        return
    specification = [n for n in kept if _is_specification(n)]
    chosen = [n for n in specification if (run_too if n == RUN else problem_too)]
    changed = [n for n in chosen if not _unchanged(folder / n, kept[n])]
    if not changed:
        return
    said = _said(folder, {n: kept[n] for n in specification}, changed)
    if said:
        raise ProblemError(
            f"Argument `folder` must hold the run as it was submitted, but in {folder} {'; '.join(said)}. Undo the edit, or "
            "submit the changed problem into a new folder."
        )


def _is_specification(name: str) -> bool:
    return name in (RUN, OBSERVABLES, ANSATZ) or name.endswith((".toml", ".npy"))


def _kept(folder: Path) -> Kept:
    ledger = Ledger(folder)
    try:
        found: Kept = {}
        for name, digest, data in ledger.content():
            if data is not None and hashlib.sha256(data).hexdigest() != digest:
                raise ledger.damaged(f"its record of {name} is not what it was")
            found.setdefault(name, {})[digest] = data
        return found
    finally:
        ledger.close()


def _unchanged(path: Path, versions: Mapping[str, bytes | None]) -> bool:
    return path.is_file() and sha256(path) in versions


def _said(folder: Path, kept: Kept, changed: list[str]) -> list[str]:
    try:
        with tempfile.TemporaryDirectory() as scratch:
            return list(_edits(folder, Path(scratch), kept, changed))
    except QMLDynamicsError as error:
        raise ProblemError(
            f"Argument `folder` must hold the run as it was submitted, but in {folder} {' and '.join(changed)} changed after "
            f"submission and cannot be read: {error}"
        ) from None
    except Exception as error:  # readers of damaged archives and circuits have many ways to say so
        what = f"{' and '.join(changed)} of {folder}"
        raise ProblemError(
            f"Argument `folder` must be a run folder, but {what} is damaged: {redacted(repr(error), 160)}."
        ) from None


def _edits(folder: Path, scratch: Path, kept: Kept, changed: Iterable[str]) -> Iterable[str]:
    """What differs, a phrase for each file."""
    for name, versions in kept.items():
        *_, data = versions.values()
        if data is not None:
            (scratch / name).write_bytes(data)
    problem = [n for n in changed if n.endswith((".toml", ".npy"))]
    for name in [*dict.fromkeys(PROBLEM for _ in problem), *(n for n in changed if n not in problem)]:
        touched = problem if name == PROBLEM else [name]
        words = _file_edits(folder, scratch, name, touched, kept)
        if words:
            yield f"{' and '.join(touched)} {'was' if len(touched) == 1 else 'were'} changed after submission: {'; '.join(words[:4])}"


def _file_edits(folder: Path, scratch: Path, name: str, touched: list[str], kept: Kept) -> list[str]:
    gone = [n for n in touched if not (folder / n).is_file()]
    if gone:
        return [f"{n} is missing" for n in gone]
    if any(not (scratch / n).is_file() for n in touched):
        return ["it has other bytes"]
    if name == RUN:
        now = parse_json((folder / RUN).read_text(encoding="utf-8"))
        found = [differences(now, json.loads(data), known_only=True) for data in kept[RUN].values() if data is not None]
        return [] if not all(found) else found[-1]
    if name == OBSERVABLES:
        return array_differences(arrays(folder / name), arrays(scratch / name))
    if name == ANSATZ:
        now_circuit, then_circuit = (circuit_from_bytes((place / name).read_bytes()) for place in (folder, scratch))
        words = difference(then_circuit, now_circuit)
        return [f"the circuit differs: {words}"] if words else []
    return problem_differences(folder / name, scratch / name)


def check_result(folder: Path, name: str, ledger: Ledger) -> None:
    """Raise :class:`BackendError` when a result file is not the one that was written; files of earlier versions pass."""
    known = ledger.versions(name)
    if (
        known
        and (folder / name).is_file()
        and sha256(folder / name) not in known
        and not _says_the_same(folder / name, known)
    ):
        again = (
            "resume() has it again where it can"
            if name.startswith(RESULTS)
            else "delete it, and fetch() writes it again"
        )
        raise BackendError(
            f"Argument `folder` must hold the results as they were written, but {folder / name} was changed afterwards; {again}."
        )


def _says_the_same(path: Path, known: Mapping[str, bytes | None]) -> bool:
    """Whether a JSON file is an old one in other blanks or another order."""
    try:
        now = parse_json(path.read_text(encoding="utf-8")) if path.suffix == ".json" else None
    except ValueError:
        return False
    return now is not None and any(
        not differences(now, json.loads(data)) for data in known.values() if data is not None
    )


def check_answer(folder: Path, ledger: Ledger) -> None:
    """:func:`check_result` for everything that a finished run has."""
    for name in ledger.content_names():
        if not _is_specification(name):
            check_result(folder, name, ledger)
