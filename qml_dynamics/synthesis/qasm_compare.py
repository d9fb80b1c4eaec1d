"""Two OpenQASM 3 programs compared instruction by instruction: structure exactly, angles as numbers.

The last bits of an angle depend on the processor that made it: a matrix product or a transform adds in another order there. So two
texts of one program are equal where names, qubits, bits, registers and notes are the same, and angles agree to :data:`TOLERANCE`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TOLERANCE = 1e-9  # rounding moves the angles of the gallery by up to 4e-11, and the text ends at 1e-10
_SHOWN = 5  # angles that are named one by one
_NOTES = 1e-5  # one unit of the last of the six digits that notes are written with
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_IN_NOTE = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
_GATE = re.compile(r"(\w+)\s*(?:\(([^()]*)\))?\s*(.*)", re.DOTALL)
_PHASE = re.compile(r"global phase (\S+) left out")


@dataclass(frozen=True)
class Instruction:
    """One statement of a program.

    Attributes:
        line: of its first character, from 1.
        name: of the gate, or the keyword.
        angles: numbers as they are written, and whatever else stands in the brackets.
        operands: the rest (qubits, bits, sizes), in one spelling.
    """

    line: int
    name: str
    angles: tuple[str, ...]
    operands: str

    @property
    def structure(self) -> tuple[object, ...]:
        """Everything but the numbers in brackets."""
        shape = tuple("#" if _NUMBER.fullmatch(angle) else angle for angle in self.angles)
        return self.name, shape, self.operands

    def __str__(self) -> str:
        angles = f"({', '.join(self.angles)})" if self.angles else ""
        return f"{self.name}{angles} {self.operands}".replace(" [", "[").rstrip() + ";"


@dataclass(frozen=True)
class ProgramText:
    """What a text says.

    Attributes:
        instructions: in order.
        notes: lines of comment with their line numbers, without that of the global phase.
        phase: the global phase that a note says was left out.
    """

    instructions: tuple[Instruction, ...]
    notes: tuple[tuple[int, str], ...]
    phase: float


def read_program(text: str) -> ProgramText:
    """The statements and notes of a flat OpenQASM 3 text; nothing is checked.

    >>> program = read_program("OPENQASM 3.0;\\n// one: 2 qubits\\nqubit[2] q;\\nrz(0.5) q[1];")
    >>> str(program.instructions[-1]), program.instructions[-1].line, program.notes
    ('rz(0.5) q[1];', 4, ((2, 'one: 2 qubits'),))
    """
    instructions, notes, phase = [], [], 0.0
    begun, first = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        code, slashes, comment = line.partition("//")
        told = _PHASE.fullmatch(comment.strip())
        if told and _NUMBER.fullmatch(told[1]):
            phase = float(told[1])
        elif slashes:
            notes.append((number, " ".join(comment.split())))
        *ended, rest = code.split(";")
        for part in ended:
            instructions.append(_instruction(first if begun.strip() else number, begun + part))
            begun = ""
        first = first if begun.strip() else number
        begun += rest + " "
    if begun.strip():
        instructions.append(_instruction(first, begun))
    return ProgramText(tuple(instructions), tuple(notes), phase)


def _instruction(line: int, text: str) -> Instruction:
    plain = " ".join(text.split())
    for written, one in ((r"\s*\[\s*", "["), (r"\s*\]", "]"), (r"\s*,\s*", ", "), (r"\s*=\s*", " = ")):
        plain = re.sub(written, one, plain)
    match = _GATE.fullmatch(plain)
    if match is None:
        return Instruction(line, plain, (), "")
    name, inside, rest = match.groups()
    angles = tuple(a.strip() for a in inside.split(",")) if inside is not None else ()
    return Instruction(line, name, angles, rest.strip())


def differences(
    found: str, wanted: str, file: str = "program", tolerance: float = TOLERANCE, notes: bool = True
) -> list[str]:
    """Where ``found`` is another program than ``wanted``: one sentence each, an empty list where there is none.

    Instructions must be the same in the same order; the first that is not ends the comparison. Angles are compared as numbers, not
    modulo a turn: ``rz(x + 2 pi)`` is ``-rz(x)``, which a control sees. The global phase is compared modulo ``2 pi``. In notes whole
    numbers must be the same, others agree to the six digits that they are written with.

    Args:
        found, wanted: OpenQASM 3 texts.
        file: stands before each sentence.
        tolerance: of an angle and of the global phase, in radians.
        notes: compare comments too.

    >>> text = "OPENQASM 3.0;\\nqubit[1] q;\\nrz(1.47104) q[0];\\n"
    >>> differences(text.replace("1.47104", "1.47103"), text, "one.qasm")
    ['one.qasm, line 3: rz angle is 1.47103, should be 1.47104 (differs by 1e-05)']
    >>> differences(text.replace("1.47104", "1.4710400001"), text)
    []
    >>> differences(text.replace("rz", "rx"), text, "one.qasm")
    ['one.qasm, line 3: is `rx(1.47104) q[0];`, should be `rz(1.47104) q[0];`']
    """
    a, b = read_program(found), read_program(wanted)
    out = _notes(a, b, file, tolerance) if notes else []
    return [*out, *_angles(a.instructions, b.instructions, file, tolerance), *_structure(a, b, file)]


def _same(a: Sequence[Instruction], b: Sequence[Instruction]) -> int:
    """How many instructions from the first on have the same structure."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x.structure != y.structure), min(len(a), len(b)))


def _angles(a: Sequence[Instruction], b: Sequence[Instruction], file: str, tolerance: float) -> Iterator[str]:
    """Angles that are too far away, up to the first instruction that is another one."""
    far: list[tuple[float, str]] = []
    for x, y in zip(a[: _same(a, b)], b):
        for angle, other in zip(x.angles, y.angles):
            gap = abs(float(angle) - float(other)) if _NUMBER.fullmatch(angle) else 0.0
            if not gap <= tolerance:
                words = f"{x.name} angle is {angle}, should be {other} (differs by {gap:.2g})"
                far.append((gap, f"{file}, line {x.line}: {words}"))
    yield from (words for _, words in far[:_SHOWN])
    if len(far) > _SHOWN:
        worst = max(gap for gap, _ in far[_SHOWN:])
        yield f"{file}: {len(far) - _SHOWN} more angles differ, by up to {worst:.2g}"


def _structure(a: ProgramText, b: ProgramText, file: str) -> Iterator[str]:
    """The first instruction that is another one, missing, or too many."""
    x, y = a.instructions, b.instructions
    at = _same(x, y)
    if at < min(len(x), len(y)):
        yield f"{file}, line {x[at].line}: is `{x[at]}`, should be `{y[at]}`"
    elif at < len(y):
        yield f"{file}: ends where `{y[at]}` should follow"
    elif at < len(x):
        yield f"{file}, line {x[at].line}: is `{x[at]}`, where the program should have ended"
    if len(x) != len(y):
        yield f"{file}: has {len(x)} instructions, should have {len(y)}"


def _notes(a: ProgramText, b: ProgramText, file: str, tolerance: float) -> Iterator[str]:
    """Comments that say something else, and the global phase."""
    gap = abs(math.remainder(a.phase - b.phase, 2 * math.pi))
    if not gap <= tolerance:
        yield f"{file}: global phase is {a.phase:.12g}, should be {b.phase:.12g} (differs by {gap:.2g})"
    for (line, x), (_, y) in zip(a.notes, b.notes):
        if not _same_note(x, y):
            yield f"{file}, line {line}: says `{x}`, should say `{y}`"
    if len(a.notes) != len(b.notes):
        yield f"{file}: has {len(a.notes)} lines of comment, should have {len(b.notes)}"


def _same_note(x: str, y: str) -> bool:
    if _IN_NOTE.sub("#", x) != _IN_NOTE.sub("#", y):
        return False
    return all(_same_number(u, v) for u, v in zip(_IN_NOTE.findall(x), _IN_NOTE.findall(y)))


def _same_number(u: str, v: str) -> bool:
    if u.lstrip("-").isdigit() and v.lstrip("-").isdigit():
        return int(u) == int(v)
    return abs(float(u) - float(v)) <= _NOTES * max(abs(float(u)), abs(float(v)))
