"""Problem files with one to three lines changed, by number: the same number is the same file."""

from __future__ import annotations

import functools
import random
import shutil
import tempfile
from pathlib import Path

import numpy as np

import qml_dynamics as qd
from tests.fuzz.calls import fault
from tests.fuzz.limits import attempt

STORED = Path(__file__).parents[1] / "stored" / "data" / "problems"
LARGEST = 2**12  # points of a domain that is gone over
VALUES = (
    "true",
    "false",
    '"a"',
    '""',
    '"é\\u202E\\u0000"',
    '"../../etc/passwd"',
    '"/dev/zero"',
    '"' + "x" * 400 + '"',
    "'''\ntwo\nlines'''",
    "0",
    "-1",
    "1",
    "2",
    "3",
    "2.5",
    "-0.5",
    "1e308",
    "1e-320",
    "-1e308",
    "nan",
    "inf",
    "-inf",
    "1_0",
    "0x10",
    "9223372036854775807",
    "-9223372036854775808",
    "1" + "0" * 30,
    "1" + "0" * 400,
    "1" + "0" * 5000,
    "[]",
    "[[]]",
    "{}",
    "[1]",
    "[1, 2]",
    "[true]",
    '["grid"]',
    "[nan]",
    "[1" + "0" * 400 + "]",
    "[[1, 2], [3]]",
    "[[0, 1], [0, 1]]",
    "[" * 60 + "]" * 60,
    "[" * 5000 + "]" * 5000,
    "{a = 1}",
    "{kind = 1}",
    '{kind = "trotter", steps = -4}',
    "1979-05-27",
    "07:32:00",
    "1979-05-27T07:32:00Z",
    '["a", 1]',
    "[-1, 1, 3]",
    "[1, -1]",
    "[0, 0]",
    "[0.0, 1e308]",
    "[-1e308, 1e308]",
    '"real"',
    '"imaginary"',
    '"classical"',
    '"grid"',
    '"hypercube"',
    '"walls"',
)
LINES = (
    "[domain]",
    "[domain]\nkind = 1",
    "[[domain]]",
    "[evolution.deeper]\nx = 1",
    "[nowhere]\nx = 1",
    "domain = 3",
    "x = 1",
    "= 1",
    "x =",
    "[",
    "[]",
    '"" = 1',
    "a.b.c = 1",
    "\x00",
    "\ufeff",
    "kind = 1",
    'kind = "grid"',
    "qubits = 40",
    "qubits = 3",
    '[method]\nkind = "trotter"\nsteps = 4',
    '[backend]\nname = "aer"\nshots = 0',
    "[backend]\nname = 3",
    "[backend]\nshots = 100",
    "[method]\nkind = []",
    '[method]\nkind = "growing"\n[method.method]\nkind = "growing"',
    ".".join(["a"] * 3000) + " = 1",
)


@functools.cache
def base() -> list[tuple[Path, str]]:
    """The stored problem files."""
    found = sorted(STORED.glob("*/*.toml"))
    return [(path, path.read_text(encoding="utf-8")) for path in found]


@functools.cache
def folder() -> Path:
    """A copy of the stored files with the tables that they name, for this process."""
    place = Path(tempfile.mkdtemp(prefix="fuzz-problems-"))
    for kind in {path.parent for path, _ in base()}:
        shutil.copytree(kind, place / kind.name)
    return place


def changed(number: int) -> tuple[str, str]:
    """The kind of stored file, and its changed text."""
    draw = random.Random(number)
    path, text = base()[number % len(base())]
    lines = text.splitlines()
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        lines = _change(lines, draw)
    return path.parent.name, "\n".join(lines) + "\n"


def _change(lines: list[str], draw: random.Random) -> list[str]:
    at = draw.randrange(len(lines)) if lines else 0
    given = [i for i, line in enumerate(lines) if "=" in line]
    way = draw.choice(("value",) * 6 + ("key", "drop", "twice", "insert", "letter", "swap", "section"))
    if way == "value" and given:
        one = draw.choice(given)
        return [*lines[:one], f"{lines[one].partition('=')[0]}= {draw.choice(VALUES)}", *lines[one + 1 :]]
    if way == "key" and given:
        one = draw.choice(given)
        return [
            *lines[:one],
            f"{draw.choice(('x', 'kind', 'é', 'value', 'steps'))} ={lines[one].partition('=')[2]}",
            *lines[one + 1 :],
        ]
    if way == "drop":
        return [*lines[:at], *lines[at + 1 :]]
    if way == "twice" and lines:
        return [*lines[: at + 1], lines[at], *lines[at + 1 :]]
    if way == "letter" and lines and lines[at]:
        place = draw.randrange(len(lines[at]))
        letter = draw.choice("[]{}\"'=,.0-e\\#\tü")
        return [*lines[:at], lines[at][:place] + letter + lines[at][place + 1 :], *lines[at + 1 :]]
    if way == "swap" and lines:
        other = draw.randrange(len(lines))
        lines = list(lines)
        lines[at], lines[other] = lines[other], lines[at]
        return lines
    if way == "section":
        heads = [i for i, line in enumerate(lines) if line.startswith("[")]
        if heads:
            first = draw.choice(heads)
            last = next((i for i in heads if i > first), len(lines))
            return [*lines[:first], *lines[last:]]
    return [*lines[:at], draw.choice(LINES), *lines[at:]]


def run(number: int) -> str | None:
    """What is wrong with what comes of reading a changed file; None for nothing."""
    kind, text = changed(number)
    place = folder() / kind / "changed.toml"
    place.write_text(text, encoding="utf-8", errors="surrogatepass")
    return attempt(lambda: qd.read_problem(place), judged)


def shown(number: int) -> str:
    """The stored file that was changed; the text is that of ``changed(number)``."""
    return base()[number % len(base())][0].name


def judged(found: object) -> str | None:
    """What is wrong with a problem that was read: no unit wave, a loss that is not finite,
    or no such problem when written."""
    assert hasattr(found, "problem")
    problem: qd.Problem = found.problem
    if problem.domain.num_qubits <= 12 and problem.domain.size <= LARGEST:
        wave = problem.initial.vector(problem.domain)
        if not np.isclose(np.linalg.norm(wave), 1.0, atol=1e-9):
            return "an initial wave that is not of norm 1"
        if problem.objective is not None and not np.isfinite(problem.objective.on(problem.domain)).all():
            return "a loss that is not finite"
    again = qd.read_problem(qd.write_problem(problem, folder() / "written.toml")).problem
    if (again.domain, again.clock, again.duration) != (problem.domain, problem.clock, problem.duration):
        return "another problem when written and read again"
    if problem.domain.size > 256 or problem.clock == "classical" or problem.operator is not None:
        return None
    return fault(qd.evolve(problem.replace(duration=min(problem.duration, 1.0)), qd.SplitStep(2), progress=False))
