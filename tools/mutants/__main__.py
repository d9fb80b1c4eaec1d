"""``python -m tools.mutants [NAME ...] [--room ROOM] [--slow] [--list]``: which planted faults the tests notice."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .planting import ROOMS, ROOT, Mutant, copied_tree, place_of, selection_of
from .running import BROKEN, CAUGHT, STALE, SURVIVED, Verdict, judge, sound, warm
from .table import MUTANTS

_LIMIT = 900.0


def chosen(names: Sequence[str], rooms: Sequence[str]) -> list[Mutant]:
    """The mutants of these names and rooms; all where neither is given."""
    unknown = set(names) - {one.name for one in MUTANTS}
    if unknown:
        raise SystemExit(f"There is no mutant of the name {', '.join(sorted(unknown))}.")
    return [one for one in MUTANTS if (one.name in names or not names) and (one.room in rooms or not rooms)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 where a mutant survives, or its tests cannot judge it."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="mutants (default: all)")
    parser.add_argument("--room", action="append", default=[], choices=ROOMS, help="only those of a room")
    parser.add_argument("--slow", action="store_true", help="run the tests that are marked slow as well")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    parser.add_argument("--limit", type=float, default=_LIMIT, help="seconds of one run")
    given = parser.parse_args(arguments)
    wanted, marks = chosen(given.names, given.room), "not hardware and not torch" if given.slow else None
    if given.list:
        for one in wanted:
            print(f"{one.name}: {one.room}, {one.kind}; {place_of(one) or STALE}; {' '.join(selection_of(one))}")
        return 0
    found = _run(wanted, marks, given.limit)
    counts = Counter(verdict.outcome for verdict in found)
    print(f"{len(found)} mutants: " + ", ".join(f"{counts[kind]} {kind}" for kind in (CAUGHT, SURVIVED, STALE, BROKEN)))
    return int(counts[CAUGHT] < len(found))


def _run(wanted: Sequence[Mutant], marks: str | None, limit: float) -> list[Verdict]:
    found: list[Verdict] = []
    passes: dict[tuple[str, ...], bool] = {}
    warm()
    with tempfile.TemporaryDirectory() as folder:
        tree = copied_tree(Path(folder), ROOT)
        for one in wanted:
            verdict = judge(one, tree, marks, limit)
            tests = selection_of(one, tree)
            if verdict.outcome == CAUGHT:  # a test that fails without the fault has noticed nothing
                by = (verdict.by,) if "::" in verdict.by else tests
                passes.setdefault(by, sound(tree, by, marks, limit))
                verdict = verdict if passes[by] else Verdict(one, BROKEN, verdict.seconds, verdict.by)
            found.append(verdict)
            print(verdict, flush=True)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
