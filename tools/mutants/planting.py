"""A planted fault: which text becomes which, where it is found, and a copy of the tree to put it into."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "qml_dynamics"
ROOMS = (
    "base",
    "model",
    "results",
    "synthesis",
    "backends",
    "methods",
    "validation",
    "learning",
    "runs",
    "plotting",
    "cli",
    "conformance",
)
QUICK = "tests/power/"  # run first: they are short, and the first failing test ends a run
# What is run for a mutant that names no tests of its own, or whose tests have moved.
SELECTIONS: dict[str, tuple[str, ...]] = {
    "base": ("tests/unit/test_estimate.py", "tests/unit/test_errors.py", "tests/unit/test_offered.py"),
    "model": ("tests/unit", "tests/order", "tests/analytic/test_theory_core.py"),
    "results": ("tests/unit/test_trajectory.py", "tests/unit/test_same_counts.py", "tests/unit/test_evolve.py"),
    "synthesis": ("tests/unit/synthesis", "tests/unit/imaginary", "tests/unit/ensembles", "tests/unit/growth"),
    "backends": ("tests/unit/backends", "tests/conformance"),
    "methods": ("tests/unit", "tests/order", "tests/matrix"),
    "validation": ("tests/unit/test_compare.py", "tests/unit/test_budget.py", "tests/unit/test_cost.py"),
    "learning": ("tests/unit", "tests/analytic"),
    "runs": ("tests/runs", "tests/unit/test_storage.py", "tests/unit/test_config.py"),
    "plotting": ("tests/unit/test_plotting.py", "tests/unit/ensembles/test_pictures.py"),
    "cli": ("tests/unit/test_cli.py", "tests/unit/test_cli_gibbs.py", "tests/unit/test_cli_jobs.py"),
    "conformance": ("tests/conformance", "tests/matrix"),
}


@dataclass(frozen=True)
class Mutant:
    """One planted fault.

    Attributes:
        name: short, of its own.
        room: of the package.
        kind: what sort of fault it is.
        file: where the text stood when the mutant was written, relative to the package; it is looked for elsewhere where it moved.
        old, new: the text, which must occur once in its file, and what is put in its place.
        tests: what should notice it, as pytest takes it; empty: the selection of the room.
    """

    name: str
    room: str
    kind: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...] = ()


def mutant(name: str, room: str, kind: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    """A mutant; the file is relative to its room."""
    return Mutant(name, room, kind, f"{room}/{file}", old, new, tests)


def place_of(one: Mutant, root: Path = ROOT) -> Path | None:
    """The file that holds the text once: the named one, else the only one of its room, else the only one of the package."""
    package = root / PACKAGE
    named = package / one.file
    if named.is_file() and named.read_text(encoding="utf-8").count(one.old) == 1:
        return named
    for where in (package / one.room, package):
        found = [path for path in sorted(where.rglob("*.py")) if one.old in path.read_text(encoding="utf-8")]
        if len(found) == 1 and found[0].read_text(encoding="utf-8").count(one.old) == 1:
            return found[0]
    return None


def selection_of(one: Mutant, root: Path = ROOT) -> tuple[str, ...]:
    """The tests of a mutant that are there; those of its room where none is; the whole suite where the room has none either."""
    for wanted in (one.tests, SELECTIONS[one.room]):
        there = [name for name in wanted if (root / name.partition("::")[0]).exists()]
        if there:
            return tuple(sorted(there, key=lambda name: not name.startswith(QUICK)))
    return ("tests",)


def copied_tree(target: Path, root: Path = ROOT) -> Path:
    """A copy of what is under version control (with what is not committed yet), to plant faults in."""
    asked = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(asked, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        source = root / name
        if source.is_file() and not source.is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target
