"""Runs the numerical tests as other processors would: under other kernels, and with noise of the size of rounding.

python -m tests.portable                        every setting, each with one of five seeds of noise (`make test-portable`)
python -m tests.portable --one                  a processor unlike this one with one seed, in one run
python -m tests.portable --seeds 11 12 --size 1e-13
python -m tests.portable --only Haswell "C library"
python -m tests.portable --noise-only           as this machine is, with all seeds one after the other
python -m tests.portable --survey               only what each setting does here

A setting and noise in one run prove what they prove in two: whatever hangs on the last bit fails where either moves it. Tests that
fail run again, under the setting without noise and with the noise alone, and the last lines say which of the two it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import cycle

from tests.portable.attribution import Outcome, Run, attribute, execute
from tests.portable.perturb import SIZE
from tests.portable.settings import LEAST, NATIVE, X86, Probed, distinct, other_processor, survey

TESTS = ("analytic", "order", "cross", "gallery", "unit/growth", "unit/variational")
PATHS = tuple(f"tests/{name}" for name in TESTS)
SEEDS = (1, 2, 3, 4, 5)


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


def plan(arguments: argparse.Namespace, probed: Sequence[Probed]) -> list[Run]:
    """Each setting with the next seed, round and round; the kernel of this machine among them, and seeds that are left over on it."""
    seeds, every = list(arguments.seeds), not arguments.paths
    others = [p.setting for p in probed[1:] if not p.reason]
    if all(one.kind == "kernel" for one in others):
        others = [NATIVE, *others]
    if arguments.one:
        pairs = [(other_processor(probed) or NATIVE, seeds[0])]
    elif arguments.noise_only:
        pairs = [(NATIVE, seed) for seed in seeds]
    else:
        pairs = [*zip(others, cycle(seeds), strict=False), *((NATIVE, seed) for seed in seeds[len(others) :])]
    runs = [Run(setting, seed, arguments.size, every) for setting, seed in pairs]
    return [run for run in runs if not arguments.only or any(word in run.setting.name for word in arguments.only)]


def reasons(run: Run, outcome: Outcome, workers: int) -> list[str]:
    """A line for each test that failed, or for a run that failed without one."""
    if not outcome.failed:
        return ["no test failed: a seam without a call, or the run itself (see what pytest says above)"]

    silent: list[str] = []

    def again(other: Run, names: list[str]) -> tuple[str, ...]:
        print(f"\n=== again, {len(names)} of {run.name}: {other.name}", flush=True)
        found = execute(other, names, workers)
        if found.status not in (0, 1):
            silent.append(f"not to be relied on: {other.name} ended with {found.status} when it was run again")
        return found.failed

    return [*(f"{name}: {why}" for name, why in attribute(run, outcome.failed, again).items()), *silent]


def perform(runs: Sequence[Run], paths: Sequence[str], workers: int) -> tuple[list[str], bool]:
    """Lines for the end, and whether all runs passed."""
    lines, good = [], True
    for run in runs:
        print(f"\n=== {run.name}", flush=True)
        outcome = execute(run, paths, workers)
        counts = f"{outcome.passed} passed, {len(outcome.failed)} failed, {outcome.seconds:.0f} s"
        lines.append(f"{f'FAILED ({outcome.status})' if outcome.status else 'passed'} {run.name}: {counts}")
        if outcome.status:
            good = False
            lines += [f"    {line}" for line in reasons(run, outcome, workers)]
    return lines, good


def main() -> int:
    """The exit status: 0 if every run passes and the settings differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.portable", description=__doc__.splitlines()[0])
    parser.add_argument("--one", action="store_true", help="one processor unlike this one with the first seed")
    parser.add_argument("--noise-only", action="store_true", help="no kernels: all seeds on this machine as it is")
    parser.add_argument("--only", nargs="+", help="settings whose name has one of these texts in it")
    parser.add_argument("--survey", action="store_true", help="only show what each setting does")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="of the noise")
    parser.add_argument("--size", type=float, default=SIZE, help="of the noise")
    parser.add_argument("--workers", type=int, default=2, help="processes of pytest")
    parser.add_argument(
        "paths", nargs="*", help="tests: the numerical ones unless told, of which each seam must be passed"
    )
    arguments = parser.parse_args()
    probed = survey()
    if not show(probed):
        print("FAILED: the settings do not reach the arithmetic, so that passing under them proves nothing.")
        return 1
    if arguments.survey:
        return 0
    runs = plan(arguments, probed)
    for word in arguments.only or ():  # a path given behind them is among these words
        if not any(word in run.setting.name for run in runs):
            parser.error(f"argument --only: no setting that is run here has {word!r} in its name")
    lines, good = perform(runs, arguments.paths or PATHS, arguments.workers)
    print("", *lines, sep="\n")
    for one in (p for p in probed if p.reason):
        print(f"not run: {one.setting.name}: {one.reason}")
    return int(not good)


if __name__ == "__main__":
    raise SystemExit(main())
