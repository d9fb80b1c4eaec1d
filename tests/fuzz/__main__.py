"""``python -m tests.fuzz calls 17`` runs one case again; ``python -m tests.fuzz damage 0 200`` a range of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType

from tests.fuzz import calls, command_lines, damage, problem_files

FUZZERS: dict[str, ModuleType] = {
    "calls": calls,
    "problem_files": problem_files,
    "command_lines": command_lines,
    "damage": damage,
}


def faults(kind: str, numbers: Iterable[int]) -> list[str]:
    """What is wrong in these cases, one line each, with the words that run the case again."""
    found = []
    for number in numbers:
        said = FUZZERS[kind].run(number)
        if said is not None:
            found.append(f"python -m tests.fuzz {kind} {number}: {FUZZERS[kind].shown(number)}: {said}")
    return found


def main(kind: str, first: str, last: str = "") -> int:
    """Print the faults; 1 where there are some."""
    found = faults(kind, range(int(first), int(last or int(first) + 1)))
    print("\n".join(found) or "nothing")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
