"""Output folders of the commands: claimed by one process, written completely or not at all, and replaced only with ``--force``."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import ProblemError, describe
from ..base.folders import claim, files_in, filled, folder_path, move_up
from ..methods.identity import Identity
from ..methods.keeping import is_begun, kept_call
from ..results.journal import JOURNAL
from ..runs.ledger import LEDGER
from ..runs.problem_file.editors import NAME as SCHEMA

CHAIN_FILE, NETWORK, DESCENT, DESCENT_RUN = "chain.npz", "network.npz", "descent.json", "run.npz"
STAGED = ".new"  # where a run is written that replaces another one
PICTURES = ("run.png", "density.png", "energy.png", "landscape.png", "budget.png", "annealing.png", "chain.png")
RESULTS = (
    *(
        "problem.toml",
        SCHEMA,
        "problem_table.npy",
        "problem_initial.npy",
        "trajectory.npz",
        "reference.npz",
        "result.json",
    ),
    *("run.json", LEDGER, DESCENT, DESCENT_RUN, "descent.png", CHAIN_FILE, "report.html", *PICTURES),
)


@dataclass(eq=False)
class Place:
    """Where a command writes.

    Attributes:
        folder: where the files are in the end.
        work: where they are until then.
        done: whether everything is there; otherwise the same command goes on.
    """

    folder: Path
    work: Path
    done: bool = False

    @property
    def shown(self) -> Path:
        """The folder that a person looks into."""
        return self.folder if self.done else self.work


@contextmanager
def run_folder(
    verb: str, out: Path | None, default: Path, force: bool, seed: int | None, identify: Callable[[Identity], None]
) -> Iterator[Place]:
    """The folder of a run, in which what it has computed is kept until it is done.

    A failed run leaves no folder, and one that was there as it was. A run that was killed or interrupted goes on when it is
    called again.

    Args:
        verb: the command.
        out: ``--out``, or None for ``default`` (or ``default-2`` and so on), claimed by this process.
        default: see ``out``.
        force: replace the files of an earlier run, when this one is done.
        seed, identify: as for :func:`qml_dynamics.methods.keeping.kept_call`.

    Raises:
        ProblemError: the folder holds another run, or cannot be written.
    """
    if out is not None:
        refuse_results(folder_path(out, "out"), RESULTS, force)
    folder = claim(default) if out is None else out
    staged = bool(_present(folder, RESULTS)) and not is_begun(folder)
    place = Place(folder, folder / STAGED if staged else folder)
    try:
        with kept_call(
            verb, place.work, seed, identify, "out", results=RESULTS, claimed=out is None, force=force
        ) as call:
            yield place
            call.partial = not place.done
    finally:
        if out is None:
            for empty in (folder, default.parent):
                with suppress(OSError):  # it holds something
                    empty.rmdir()
    if place.done and staged:
        shutil.rmtree(place.work / JOURNAL, ignore_errors=True)
        move_up(place.work, folder, RESULTS)
        shutil.rmtree(place.work, ignore_errors=True)
    elif place.done:
        shutil.rmtree(folder / JOURNAL, ignore_errors=True)


def refuse_results(folder: Path, names: Sequence[str], force: bool) -> None:
    """Raise :class:`ProblemError` for a folder with results in it, unless they are to be replaced or their run goes on.

    A submitted run is never replaced: its ledger knows jobs that cost something.
    """
    if folder.exists() and not folder.is_dir():
        raise ProblemError(f"Argument `out` must be a folder, but {folder} is a file.")
    found = _present(folder, names)
    if LEDGER in found:
        raise ProblemError(f"Argument `out` must be another folder, but {folder} holds a submitted run.")
    if found and not force and not is_begun(folder):
        raise ProblemError(
            f"Argument `out` must be a folder without results, but {folder} holds {describe(found[0])}: name another one, or add "
            "--force to replace them."
        )


@contextmanager
def result_folder(out: Path | None, default: Path, names: Sequence[str], force: bool) -> Iterator[tuple[Path, Path]]:
    """``(draft, folder)`` for the files of a short command, which appear in the folder when the block ends well."""
    if out is not None:
        refuse_results(folder_path(out, "out"), names, force)
    folder = claim(default) if out is None else out
    try:
        with filled(folder, "out", stale=names) as draft:
            yield draft, folder
    finally:
        if out is None:
            with suppress(OSError):  # it has its files
                folder.rmdir()


def _present(folder: Path, names: Sequence[str]) -> list[str]:
    there = set(files_in(folder))
    return [name for name in names if name in there]
