"""Runs: a fault is planted in the copy, its tests are run until one fails, and the text is put back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .planting import Mutant, place_of, selection_of

CAUGHT, SURVIVED, STALE, BROKEN = "caught", "survived", "stale", "broken"
_FAILED, _EMPTY = 1, 5  # exit codes of pytest


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant.

    Attributes:
        mutant: which.
        outcome: caught by a failing test; survived; stale, where its text is not found (once) any more; broken, where the tests fail
            without it too, or none was collected.
        seconds: of the run.
        by: the first test that failed.
    """

    mutant: Mutant
    outcome: str
    seconds: float
    by: str = ""

    def __str__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        return (
            f"{self.outcome:<8} {self.mutant.name} ({self.mutant.room}, {self.mutant.kind}), {self.seconds:.0f} s{by}"
        )


def environment(tree: Path) -> dict[str, str]:
    """That of a run in the copy: its package is imported, on one thread, and no bytecode is kept."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONDONTWRITEBYTECODE"), "1")
    return {**os.environ, **one, "PYTHONPATH": str(tree)}


def run_tests(tree: Path, tests: Sequence[str], marks: str | None, limit: float) -> tuple[int, str]:
    """Exit code of pytest, and the first failing test; a run beyond ``limit`` seconds counts as failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no"]
    command += ["-m", marks] if marks else []
    try:
        done = subprocess.run(
            [*command, *tests],
            cwd=tree,
            env=environment(tree),
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _FAILED, f"no end within {limit:g} s"
    failed = [line.split(" ", 1)[1] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return done.returncode, failed[0].partition(" - ")[0] if failed else ""


def judge(one: Mutant, tree: Path, marks: str | None, limit: float) -> Verdict:
    """Plant one fault, run its tests, put the text back."""
    started, place = time.perf_counter(), place_of(one, tree)
    if place is None:
        return Verdict(one, STALE, 0.0)
    before = place.read_text(encoding="utf-8")
    place.write_text(before.replace(one.old, one.new), encoding="utf-8")
    try:
        code, failed = run_tests(tree, selection_of(one, tree), marks, limit)
    finally:
        place.write_text(before, encoding="utf-8")
    outcome = {0: SURVIVED, _FAILED: CAUGHT, 2: CAUGHT}.get(code, BROKEN)  # 2: a module that cannot be imported
    return Verdict(one, outcome, time.perf_counter() - started, failed)


def sound(tree: Path, tests: Sequence[str], marks: str | None, limit: float) -> bool:
    """Whether tests pass (and there are some) in a tree without a fault."""
    return run_tests(tree, tests, marks, limit)[0] == 0
