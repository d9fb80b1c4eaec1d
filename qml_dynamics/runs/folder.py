"""The files of a run folder before anything runs: ``problem.toml``, ``run.json``, tables of observables, the ledger.

``run.json`` is written last: a folder without it is not a run.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.codec import is_plain
from ..base.errors import ProblemError, QMLDynamicsError
from ..base.folders import make_folder
from ..base.installed import version
from ..base.lock import LOCK, WorkLock
from ..base.registry import ANSATZ
from ..model.spec import describe_problem
from ..results.observables import Observable
from ..results.trajectory import atomic_file, plain, write_npz
from .content import SCRATCH, keep_specification, read_checked
from .ledger import Ledger
from .observables import describe_observables
from .own_files import OBSERVABLES, OWN_NAMES, RESULTS, RUN, refuse_foreign_files
from .problem_file import read_problem
from .problem_file.content import array_differences, differences
from .problem_file.editors import put_schema, top_line, without_line
from .problem_file.files import read_sections, write_stated
from .redact import refuse_credentials, without_credentials
from .specification import FORMAT, RunSpecification, arrays, described_method, read_json, stored_method
from .trajectory_file import PROBLEM, RESULT, TRAJECTORY

# the same run writes the same bytes here; archives and circuits hold times and names of their own
_TEXTS = (".toml", ".npy")


@dataclass(frozen=True, eq=False)
class Written:
    """What :func:`write_folder` did.

    Attributes:
        folder: where.
        specification: that of the folder: the one given, or the one that was there.
        new: names that it has put there; none where the folder held the run already.
        made: whether it has made the folder itself.
    """

    folder: Path
    specification: RunSpecification
    new: frozenset[str]
    made: bool

    def undo(self) -> None:
        """Take back what was written for a call that was refused before anything was sent."""
        take_back(self.folder, self.new, self.made)


def take_back(folder: Path, names: Iterable[str], made: bool) -> None:
    """Remove files of a run that never began, and the folder where it was made for them."""
    for name in sorted(names, key=lambda name: name != RUN):  # without it the rest is no run
        path = folder / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    if made:
        with suppress(OSError):
            folder.rmdir()


def _names(folder: Path) -> frozenset[str]:
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def write_folder(
    folder: Path, specification: RunSpecification, seen: Sequence[Observable], any_seed: bool, allow_code: bool = False
) -> Written:
    """Make a run folder, or find that it already holds this very run.

    Args:
        folder: made where it does not exist.
        specification: the run.
        seen: its observables as ``evolve`` reads them.
        any_seed: the seed was drawn, not asked for, so an earlier run with another seed is the same run.
        allow_code: follow links out of a folder that is there. Its problem is not read: the one that is given is the same.

    Returns:
        The specification, and what was written for it.

    Raises:
        ProblemError: the folder cannot be written, or holds something else, or a part cannot be written down; it is left as it was.
    """
    refuse_credentials(specification.backend.get("options", {}))
    before = _names(folder)
    made = make_folder(folder)
    try:
        refuse_foreign_files(folder, allow_code)
        found = _written(folder, specification, seen, any_seed, allow_code)
        return Written(folder, found, _names(folder) - before if RUN not in before else frozenset(), made)
    except (OSError, sqlite3.OperationalError) as error:  # the disk is full, or the folder has gone
        reason = getattr(error, "strerror", None) or error
    except QMLDynamicsError:
        if not (folder / RUN).is_file():
            take_back(folder, OWN_NAMES & (_names(folder) - before), made)
        raise
    raise ProblemError(f"Argument `folder` must be a folder that can be written, but {folder} is not: {reason}.")


def _written(
    folder: Path, specification: RunSpecification, seen: Sequence[Observable], any_seed: bool, allow_code: bool
) -> RunSpecification:
    with WorkLock(folder), tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as scratch:
        new = _draft(Path(scratch), specification, seen)
        if (folder / RUN).is_file():
            try:
                return _the_same(folder, Path(scratch), new, specification, any_seed, allow_code)
            except ProblemError:
                if not _never_sent(folder):
                    raise
            take_back(folder, OWN_NAMES - {LOCK}, made=False)
        _refuse_foreign(folder, Path(scratch))
        stored = _read_back(Path(scratch), specification, new)
        drafts = sorted(Path(scratch).iterdir())
        text = (json.dumps(new, indent=2) + "\n").encode()
        content = {path.name: path.read_bytes() for path in drafts} | {RUN: text}
        for path in drafts:
            os.replace(path, folder / path.name)
        put_schema(folder)
        Ledger.create(folder)
        _keep(folder, content)
        with atomic_file(folder / RUN) as handle:
            handle.write(text)
    return stored


def _never_sent(folder: Path) -> bool:
    """Whether the folder holds a run of which nothing was sent: another one may take its place, as after a budget that was too small."""
    if (folder / TRAJECTORY).exists() or (folder / RESULTS).exists():
        return False
    ledger = Ledger(folder)
    try:
        return all(b.status == "planned" and not b.sent and b.job_id is None for b in ledger.batches())
    finally:
        ledger.close()


def _keep(folder: Path, content: Mapping[str, bytes]) -> None:
    ledger = Ledger(folder)
    try:
        keep_specification(ledger, content)
    finally:
        ledger.close()


def _read_back(scratch: Path, specification: RunSpecification, new: Mapping[str, Any]) -> RunSpecification:
    """The specification with its circuit as it was stored, so that this process runs what later ones will.

    Raises:
        ProblemError: what was written is not what was given.
    """
    given, tables = describe_problem(specification.problem)
    if "function" in given.get("objective", {}):  # code that has a name: what is written of it is the name
        stored, stored_tables = read_sections(scratch / PROBLEM), tables
        given = {name: part for name, part in given.items() if name in ("domain", "objective", "evolution")}
        stored = {name: stored.get(name) for name in given}
    else:
        stored, stored_tables = describe_problem(read_problem(scratch / PROBLEM, allow_code=False).problem)
    differ = differences(plain(stored), plain(given)) + array_differences(stored_tables, tables)
    if differ:
        raise ProblemError(
            f"Argument `problem` must be one that a file can hold, but when it is read again {differ[0]}."
        )
    if not (scratch / ANSATZ).is_file():
        return specification
    return dataclasses.replace(specification, method=stored_method(new["method"], scratch, new["versions"]))


def _draft(scratch: Path, specification: RunSpecification, seen: Sequence[Observable]) -> dict[str, Any]:
    """Write the files of a new folder, and return what will stand in ``run.json``."""
    method, files = described_method(specification.method)
    named = is_plain(specification.method)  # problem files know these
    method_in_file = specification.method if named else None
    write_stated(specification.problem, scratch / PROBLEM, method=method_in_file, top=top_line())
    for name, data in files.items():
        (scratch / name).write_bytes(data)
    spec, arrays = describe_observables(seen, specification.problem.domain)
    if arrays:
        write_npz(scratch / OBSERVABLES, arrays)
    return {
        "format": FORMAT,
        "run": specification.run,
        "method": method,
        "backend": without_credentials(plain(dict(specification.backend))),
        "shots": specification.shots,
        "seed": specification.seed,
        "saves": [float(t) for t in specification.saves],
        "observables": spec,
        "max_shots": specification.max_shots,
        "max_seconds": specification.max_seconds,
        "created": time.time(),
        "versions": {name: version(name) for name in ("qml-dynamics", "numpy", "scipy", "qiskit")},
    }


def _the_same(
    folder: Path,
    scratch: Path,
    new: Mapping[str, Any],
    specification: RunSpecification,
    any_seed: bool,
    allow_code: bool,
) -> RunSpecification:
    """The specification of a folder that holds a run, if it is the run that was asked for."""
    there, old = read_checked(folder, allow_code, specification.problem), read_json(folder)
    keys = ["shots", "saves", "observables", *(() if any_seed else ("seed",))]
    differs = [key for key in keys if old[key] != new[key]]
    if old["method"] != new["method"] and described_method(there.method)[0] != new["method"]:  # nor in other words
        differs.insert(0, "method")
    if old["backend"]["name"] != new["backend"]["name"] or old["backend"]["options"] != new["backend"]["options"]:
        differs.append("backend")
    if any(_bytes(path) != _bytes(folder / path.name) for path in scratch.iterdir() if path.suffix in _TEXTS):
        differs.append("problem")
    if new["observables"] and not _equal_npz(folder / OBSERVABLES, scratch / OBSERVABLES):
        differs.append("observables")
    if differs:
        raise ProblemError(
            f"Argument `folder` must be empty or hold this run, but {folder} holds a run that differs in "
            f"{', '.join(dict.fromkeys(differs))}."
        )
    return there


def _refuse_foreign(folder: Path, scratch: Path) -> None:
    """Never write over the files of something else; a creation that was cut off may be finished."""
    for name in (TRAJECTORY, RESULT):
        if (folder / name).exists():
            raise ProblemError(f"Argument `folder` must be empty or hold this run, but {folder} holds a {name}.")
    for path in scratch.iterdir():
        old = folder / path.name
        if old.exists() and path.suffix in _TEXTS and _bytes(old) != _bytes(path):
            raise ProblemError(
                f"Argument `folder` must be empty or hold this run, but {folder} holds another {path.name}."
            )


def _bytes(path: Path) -> bytes | None:
    """What a text says; the line that names its schema is none of it, and folders of before have none."""
    return without_line(path.read_bytes()) if path.is_file() else None


def _equal_npz(a: Path, b: Path) -> bool:
    left, right = arrays(a), arrays(b)
    return left.keys() == right.keys() and all(np.array_equal(left[k], right[k]) for k in left)


def sweep(folder: Path) -> None:
    """Remove what a process that was killed left half written.

    The run's lock keeps other senders away, but not a process that fetches: its files are seconds old and stay.
    """
    for path in folder.glob(".new-*"):
        shutil.rmtree(path, ignore_errors=True)
    drafts = (f"{SCRATCH}*", ".*.npz.*", ".*.json.*", "results/.*.npz.*")
    for path in (path for pattern in drafts for path in folder.glob(pattern)):
        with suppress(FileNotFoundError):  # it has been renamed meanwhile
            if time.time() - path.stat().st_mtime > _STALE:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


_STALE = 60.0  # seconds: writing a result takes milliseconds
