"""Runs: a fault is planted in the copy, its tests are run until one fails, and the text is put back."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from .planting import PACKAGE, ROOT, Mutant, place_of, selection_of

CAUGHT, SURVIVED, STALE, BROKEN = "caught", "survived", "stale", "broken"
_FAILED, _BROKEN = 1, 3  # exit codes of pytest


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


_HEAVY = (
    "numpy",
    "scipy.optimize",
    "scipy.stats",
    "qiskit",
    "qiskit_aer",
    "pennylane",
    "matplotlib.figure",
    "hypothesis",
)


def warm() -> None:
    """Import what every run imports, but for the package itself: runs are forks of this process, and start with it."""
    for name in _HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def run_tests(tree: Path, tests: Sequence[str], marks: str | None, limit: float) -> tuple[int, str]:
    """Exit code of pytest in a copy of the tree, and the first failing test; a run beyond ``limit`` seconds counts as failed."""
    options = ["-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no", *(["-m", marks] if marks else [])]
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            _run_here(tree, [*options, *tests], said.fileno())
        until = time.monotonic() + limit
        while time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                said.seek(0)
                lines = said.read().decode(errors="replace").splitlines()
                failed = [line.split(" ", 1)[1] for line in lines if line.startswith(("FAILED ", "ERROR "))]
                return os.waitstatus_to_exitcode(status), failed[0].partition(" - ")[0] if failed else ""
            time.sleep(0.05)
        os.killpg(child, signal.SIGKILL)  # with whatever its tests have started
        os.waitpid(child, 0)
    return _FAILED, f"no end within {limit:g} s"


def _run_here(tree: Path, arguments: Sequence[str], said: int) -> NoReturn:
    """The child: the copy's package is imported, on one thread, and no bytecode is kept."""
    code = _BROKEN
    try:
        os.setsid()
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout = sys.stderr = os.fdopen(said, "w", closefd=False)
        os.chdir(tree)
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONDONTWRITEBYTECODE"), "1")
        os.environ.update(one, PYTHONPATH=str(tree))
        sys.dont_write_bytecode = True
        sys.path[:] = [str(tree), *(p for p in sys.path if p not in ("", str(ROOT)))]
        for name in [n for n in sys.modules if n.partition(".")[0] in (PACKAGE, "tools", "tests")]:
            del sys.modules[name]
        import pytest

        code = int(pytest.main(list(arguments)))
    finally:
        sys.stdout.flush()
        os._exit(code)


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
