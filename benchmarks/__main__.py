"""Run the benchmarks that are named on the command line, or all of them; `--quick` and `--full` write the table RESULTS.md.

The quick form is meant for less than three CPU minutes, the full one for less than thirty.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

NAMES = sorted(
    m.name.removeprefix("bench_")
    for m in pkgutil.iter_modules([str(Path(__file__).parent)])
    if m.name.startswith("bench_")
)


def main(wanted: list[str]) -> int:
    """The table, or benchmarks one after the other; an unknown name is an error that lists the known ones."""
    if wanted in (["--quick"], ["--full"]):
        from .results import write
        from .rows import ROWS  # which loads what it compares with

        print(f"written: {write(wanted == ['--quick'], ROWS)}")
        return 0
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        print(f"unknown benchmark {unknown[0]!r}; known: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in wanted or NAMES:
        print(f"== {name}", flush=True)
        sys.argv = [name]  # a benchmark has options of its own, for when it is run alone
        importlib.import_module(f"benchmarks.bench_{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
