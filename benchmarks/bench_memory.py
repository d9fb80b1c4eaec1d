"""Peak memory of a run against what `cost` tells of it, every method, each in a process of its own: the ratio told / taken."""

from __future__ import annotations

import sys

from tests.memory_runs import CASES, LEAST, measured

LOW, HIGH = 0.9, 1.25  # of what is taken


def main(names: list[str] | None = None) -> None:
    """A table of all runs, or of those that are named."""
    print(f"{'run':28}{'taken':>10}{'told':>10}{'ratio':>8}")
    for name in names or CASES:
        taken, told = measured(name)
        known = "" if taken < LEAST or LOW <= told / taken <= HIGH else "  outside"
        print(f"{name:28}{taken / 2**20:7.1f} MiB{told / 2**20:6.1f} MiB{told / taken:8.2f}{known}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
