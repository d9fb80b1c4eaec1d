"""The files of a run folder, and the refusal of folders some of whose files really lie somewhere else."""

from __future__ import annotations

from pathlib import Path

from ..base.lock import LOCK
from ..base.places import refuse_links
from ..base.registry import ANSATZ
from .ledger import LEDGER
from .problem_file.editors import NAME as SCHEMA
from .trajectory_file import PROBLEM, RESULT, TRAJECTORY

RUN, OBSERVABLES, RESULTS = "run.json", "observables.npz", "results"
_NAMES = (RUN, PROBLEM, ANSATZ, OBSERVABLES, LEDGER, f"{LEDGER}-journal", LOCK, RESULTS, TRAJECTORY, RESULT)
OWN_NAMES = frozenset((*_NAMES, SCHEMA, "problem_table.npy", "problem_initial.npy"))


def refuse_foreign_files(folder: Path, allow_code: bool) -> None:
    """Raise :class:`ProblemError` where a file of a run is a link to somewhere else, unless that is allowed.

    A folder of somebody else could so have its ledger or its results written over a file of ours.
    """
    refuse_links(folder, _NAMES, allow_code)
    if (folder / RESULTS).is_dir():
        refuse_links(folder, [f"{RESULTS}/{path.name}" for path in (folder / RESULTS).iterdir()], allow_code)
