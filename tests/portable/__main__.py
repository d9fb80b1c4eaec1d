"""Runs the numerical tests as other processors would: under other kernels, and with noise of the size of rounding.

python -m tests.portable                        every setting, then five seeds of noise (`make test-portable`)
python -m tests.portable --one                  a processor unlike this one with one seed, in one run
python -m tests.portable --seeds 11 12 --size 1e-13 --noise-only
python -m tests.portable --survey               only what each setting does here
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.portable.perturb import SIZE
from tests.portable.settings import LEAST, NATIVE, ROOT, X86, Probed, Setting, distinct, other_processor, survey

TESTS = ("analytic", "order", "cross", "gallery", "unit/growth", "unit/variational")
PATHS = tuple(f"tests/{name}" for name in TESTS)
SEEDS = (1, 2, 3, 4, 5)


def noise(seed: int, size: float = SIZE, every: bool = True) -> list[str]:
    """Options of pytest that perturb the seams, and fail if one of them is never passed."""
    options = ["-p", "tests.portable.perturb", "--perturb-seed", str(seed), "--perturb-size", repr(size)]
    return [*options, "--perturb-every-seam"] if every else options


def command(paths: Sequence[str], workers: int, options: Sequence[str] = ()) -> list[str]:
    """The call of pytest."""
    parallel = ["-n", str(workers), "--dist", "worksteal"] if workers > 1 else []
    base = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "pyproject.toml", "--rootdir", "."]
    return [*base, *parallel, *options, *paths]


def run(setting: Setting, paths: Sequence[str], workers: int, options: Sequence[str] = ()) -> int:
    """The exit status of pytest under a setting."""
    return subprocess.run(command(paths, workers, options), cwd=ROOT, env=setting.environment()).returncode


def show(probed: Sequence[Probed]) -> bool:
    """Print what each setting does; whether enough of them differ."""
    for one in probed:
        digests = " ".join(f"{name} {value[:6]}" for name, value in one.facts.get("digests", {}).items())
        print(f"{one.setting.name}: {digests or '-'}{f' -- NOT RUN: {one.reason}' if one.reason else ''}")
    found = distinct(probed)
    if not X86:
        print("Not an x86-64 processor: no kernels to choose from, the perturbations run alone.")
        return True
    print(f"{found} settings round differently; at least {LEAST} must.")
    return found >= LEAST


def plan(arguments: argparse.Namespace, probed: Sequence[Probed]) -> list[tuple[str, Setting, list[str]]]:
    """Name, setting and options of every run."""
    noisy = [(f"noise {arguments.size:g}, seed {seed}", noise(seed, arguments.size)) for seed in arguments.seeds]
    if arguments.one:
        setting = other_processor(probed) or NATIVE
        name, options = noisy[0]
        return [(f"{setting.name}, {name}", setting, options)]
    kernels = [] if arguments.noise_only else [(p.setting.name, p.setting, []) for p in probed[1:] if not p.reason]
    return [*kernels, *((name, NATIVE, options) for name, options in noisy)]


def main() -> int:
    """The exit status: 0 if every run passes and the settings differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.portable", description=__doc__.splitlines()[0])
    parser.add_argument("--one", action="store_true", help="one processor unlike this one with the first seed")
    parser.add_argument("--noise-only", action="store_true", help="no kernels")
    parser.add_argument("--survey", action="store_true", help="only show what each setting does")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="of the noise")
    parser.add_argument("--size", type=float, default=SIZE, help="of the noise")
    parser.add_argument("--workers", type=int, default=2, help="processes of pytest")
    parser.add_argument("paths", nargs="*", default=list(PATHS), help="tests, the numerical ones unless told")
    arguments = parser.parse_args()
    probed = survey()
    if not show(probed):
        print("FAILED: the settings do not reach the arithmetic, so that passing under them proves nothing.")
        return 1
    if arguments.survey:
        return 0
    results = []
    for name, setting, options in plan(arguments, probed):
        print(f"\n=== {name}", flush=True)
        start = time.perf_counter()
        results.append((name, run(setting, arguments.paths, arguments.workers, options), time.perf_counter() - start))
    print()
    for name, status, seconds in results:
        print(f"{'passed' if status == 0 else f'FAILED ({status})'} {name}, {seconds:.0f} s")
    for one in (p for p in probed if p.reason):
        print(f"not run: {one.setting.name}: {one.reason}")
    return int(any(status for _, status, _ in results))


if __name__ == "__main__":
    raise SystemExit(main())
