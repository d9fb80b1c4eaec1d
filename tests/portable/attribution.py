"""Runs of pytest under a setting and with noise, and which of the two it is that makes a test fail."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.portable.settings import NATIVE, ROOT, Setting


@dataclass(frozen=True)
class Run:
    """One run of the tests: a setting, and noise of a size and a seed (``None``: no noise).

    Attributes:
        setting: environment of the processes.
        seed, size: of the noise.
        every: whether a seam that no test passes is a failure, as it is where all numerical tests run.
    """

    setting: Setting
    seed: int | None
    size: float
    every: bool = False

    @property
    def name(self) -> str:
        """As shown."""
        return self.setting.name + ("" if self.seed is None else f", noise {self.size:g}, seed {self.seed}")

    def options(self) -> list[str]:
        """Options of pytest that perturb the seams."""
        if self.seed is None:
            return []
        noise = ["-p", "tests.portable.perturb", "--perturb-seed", str(self.seed), "--perturb-size", repr(self.size)]
        return [*noise, "--perturb-every-seam"] if self.every else noise


@dataclass(frozen=True)
class Outcome:
    """Exit status of pytest, how many tests passed, which did not, and the seconds that it took."""

    status: int
    passed: int
    failed: tuple[str, ...]
    seconds: float


def command(paths: Iterable[str], workers: int, options: Sequence[str] = ()) -> list[str]:
    """The call of pytest."""
    parallel = ["-n", str(workers), "--dist", "worksteal"] if workers > 1 else []
    base = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "pyproject.toml", "--rootdir", "."]
    return [*base, *parallel, *options, *paths]


def execute(run: Run, paths: Iterable[str], workers: int) -> Outcome:
    """Run tests in a child; one that ends without writing its outcomes has no passed and no failed tests."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "outcomes.json")
        options = [*run.options(), "-p", "tests.portable.outcomes", "--outcomes", str(path)]
        child = subprocess.run(command(paths, workers, options), cwd=ROOT, env=run.setting.environment())
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"passed": 0, "failed": []}
    return Outcome(child.returncode, found["passed"], tuple(found["failed"]), time.perf_counter() - start)


def attribute(run: Run, failed: Iterable[str], again: Callable[[Run, list[str]], Iterable[str]]) -> dict[str, str]:
    """Why each test failed under a setting with noise; ``again(run, tests)`` gives those of the tests that fail in another run.

    First as the machine is, without either: what fails there needs no further run. Then under the setting alone, with the
    noise alone, and what fails under none of these with both once more.
    """
    still = replace(run, seed=None, every=False)
    out = dict.fromkeys(failed, "")

    def fails(one: Run) -> set[str]:
        rest = [name for name, why in out.items() if not why]
        return set(again(replace(one, every=False), rest)) if rest else set()

    def note(names: Iterable[str], why: str) -> None:
        out.update({name: why for name in names if name in out})

    note(fails(replace(still, setting=NATIVE)), "fails on this machine as it is, without setting and noise")
    setting = fails(still) if run.setting != NATIVE else set()
    noise = fails(replace(run, setting=NATIVE))
    note(setting, f"by the setting alone ({run.setting.name})")
    note(noise, f"by the noise alone ({run.size:g}, seed {run.seed})")
    note(
        setting & noise,
        f"by either alone, the setting ({run.setting.name}) and the noise ({run.size:g}, seed {run.seed})",
    )
    note(fails(run) if run.setting != NATIVE else set(), "only by setting and noise together")
    return {name: why or "not when it is run again (or it could not be: see above)" for name, why in out.items()}
