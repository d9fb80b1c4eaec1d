"""Tables whose columns stand below each other, aligned by blanks, as programs print them and old files hold them.

Every run of blanks separates two values, unless a value is missing or has blanks in itself: then the places tell the columns, which
are what is left between the places where all lines are blank.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ...base.errors import ProblemError
from .cells import is_date, is_value

Records = list[tuple[list[str], int]]
Span = tuple[int, int]
_TOKEN = re.compile(r'"[^"]*"|\S+')
_RULE = re.compile(r"[-=+]{2,}")
_LEAST = 2  # rows by which places are told
_DECIMAL = r"(?:\d+\.\d*|\.\d+)(?:[eEdD][+-]?\d{1,3})?"
_SIGNED = re.compile(rf"[+-]?{_DECIMAL}(?:[+-]{_DECIMAL})+", re.ASCII)  # 1.2345-0.5678
_TWO_POINTS = re.compile(r"[+-]?\d*\.\d{3,}\.\d+(?!.*\.)", re.ASCII)  # 1110.51220.1


@dataclass(frozen=True)
class _Line:
    """One line: its text without tabs, where its values stand, and its number."""

    text: str
    spans: list[Span]
    number: int

    def cells(self, fields: Sequence[Span]) -> list[str]:
        """What stands in each field."""
        return [self.text[a:b].strip() for a, b in fields]


def by_places(lines: Sequence[str], header: bool | None, even: bool, sample: int = 1000) -> Records | None:
    """The values of each line by the places of the columns; None where every run of blanks separates two values.

    Args:
        lines: of the file.
        header: whether the first line names the columns; None: where it holds no number.
        even: whether all lines have as many values between blanks.
        sample: lines that show whether places are needed.

    Raises:
        ProblemError: values are missing, or hold blanks, and the places do not tell the columns.

    >>> by_places(["city      x", "New York  1.5", "Paris    12.0"], None, False)
    [(['city', 'x'], 1), (['New York', '1.5'], 2), (['Paris', '12.0'], 3)]
    """
    found = _lines_of(lines[:sample])
    if len(found) <= _LEAST or (not _has_gaps(found) if not even else not _may_lack(found)):
        return None
    named = header if header is not None else not any(is_value(found[0].text[a:b]) for a, b in found[0].spans)
    head, rows = _parted(found, named)
    lost = not even or _shifts(rows)
    more = head is not None and len(head.spans) == len(rows[0].spans) - 1  # names of rows, or one text of two words
    if not (lost or more) or len(rows) < _LEAST:
        return None
    head, rows = _parted(_lines_of(lines), named)
    fields = _columns(head, rows)
    if len(fields) > 1 and _plausible([line.cells(fields) for line in rows], fields):
        every = rows if head is None else [head, *rows]
        return [([_unquoted(cell) for cell in line.cells(fields)], line.number) for line in every]
    if lost:
        raise ProblemError(
            "Argument `path` must have columns that blanks or their places tell apart, but has rows that lack a value, have blanks in "
            "one, or have values that touch: write ? for what is missing and quotes around texts, or save the table as CSV "
            "(separator='blank' takes every run of blanks as a separator)."
        )
    return None


def refuse_touching(lines: Sequence[str], header: bool | None, start: int = 0) -> None:
    """Refuse values that touch, as programs that print by fixed widths leave them: ``1.2345-0.5678``, ``1110.51220.1``.

    Two decimal numbers, the second with a sign, or one with two points, are two values, unless the line has as many values as there
    are names: then they are what one column holds, such as a range.

    Args:
        lines: of a table whose columns only blanks separate.
        header: whether the first line names the columns; None: where it holds no number.
        start: lines of the file that went before.

    Raises:
        ProblemError: two values touch.
    """
    names: int | None = None
    for at, text in enumerate(lines, start + 1):
        words = _TOKEN.findall(text)
        if not words:
            continue
        both = next((word for word in words if touches(word)), None)
        if names is None:
            named = header if header is not None else both is None and not any(map(is_value, words))
            names = len(words) if named else 0
            if named:
                continue
        if both is not None and len(words) != names:
            raise ProblemError(
                f"Argument `path` must have blanks between its columns, but {both!r} in row {at} is two values that touch: write a blank "
                "between them, or save the table as CSV (separator='blank' takes every run of blanks as a separator)."
            )


def touches(word: str) -> bool:
    """Whether a text without blanks is two numbers that touch.

    >>> [touches(word) for word in ("1.5-2.5", "1.0E+00-2.0E+00", "110.51220.1", "12.345623.4567b")]
    [True, True, True, True]
    >>> [touches(word) for word in ("1.5e-2", "3.755.251", "31.01.2024", "1.2.3", "192.168.100.1", "10-20")]
    [False, False, False, False, False, False]
    """
    if is_value(word) or is_date(word):
        return False
    return _SIGNED.match(word) is not None or _TWO_POINTS.match(word) is not None


def is_rule(cells: Sequence[str]) -> bool:
    """Whether a line is one of dashes below the names of columns.

    >>> is_rule(["-----", "==="]), is_rule(["-", "--"])
    (True, False)
    """
    return bool(cells) and all(map(_RULE.fullmatch, cells)) and max(map(len, cells)) > 2


def _lines_of(lines: Sequence[str]) -> list[_Line]:
    """The lines that are not empty."""
    plain = [(text.rstrip("\r\n").expandtabs(), at) for at, text in enumerate(lines, 1) if text.strip()]
    return [_Line(text, [found.span() for found in _TOKEN.finditer(text)], at) for text, at in plain]


def _parted(lines: Sequence[_Line], named: bool) -> tuple[_Line | None, Sequence[_Line]]:
    """The names of the columns, and the rows without a rule below the names."""
    rows = lines[named:]
    rows = rows[1:] if named and is_rule([rows[0].text[a:b] for a, b in rows[0].spans]) else rows
    return lines[0] if named else None, rows


def _has_gaps(lines: Sequence[_Line]) -> bool:
    """Whether most lines have two blanks in a row between values: sentences have one."""
    wide = sum(any(b[0] - a[1] > 1 for a, b in zip(line.spans, line.spans[1:])) for line in lines)
    return 2 * wide > len(lines)


def _may_lack(lines: Sequence[_Line]) -> bool:
    """Whether some line has room for a value that is missing: it is indented, or has two blanks in a row between values."""
    first = min(line.spans[0][0] for line in lines)
    return any(
        line.spans[0][0] > first or any(b[0] - a[1] > 1 for a, b in zip(line.spans, line.spans[1:])) for line in lines
    )


def _fields(lines: Sequence[_Line]) -> list[Span]:
    """The places between those where all lines are blank."""
    used = bytearray(max(line.spans[-1][1] for line in lines))
    for line in lines:
        for a, b in line.spans:
            used[a:b] = b"\1" * (b - a)
    return [found.span() for found in re.finditer(b"\1+", used)]


def _shifts(rows: Sequence[_Line]) -> bool:
    """Whether as many columns as there are values show, and the places of some values contradict their number in the row.

    One column holds the first values of some rows and the second of others, or the first numbers stand in two columns.
    """
    fields = _fields(rows)
    if len(fields) < len(rows[0].spans):
        return False  # wide values have filled the gaps: only blanks tell
    starts = [a for a, _ in fields]
    held: dict[int, int] = {}
    stands: dict[int, int] = {}
    for line in rows:
        for nth, (a, b) in enumerate(line.spans):
            place = bisect_right(starts, a)
            if held.setdefault(place, nth) != nth:
                return True
            if is_value(line.text[a:b]) and stands.setdefault(nth, place) != place:
                return True
    return False


def _columns(head: _Line | None, rows: Sequence[_Line]) -> list[Span]:
    """The place of each column, names and values together; none where a name has no values, or values have no name."""
    if head is None:
        return _fields(rows)
    fields = _fields([head, *rows])
    named = [bool(cell) for cell in head.cells(fields)]
    filled = [any(row.text[a:b].strip() for row in rows) for a, b in fields]
    near = [b[0] - a[1] == 1 for a, b in zip(fields, fields[1:])] + [
        False
    ]  # one blank to the next: one name, or one text
    out: list[tuple[Span, bool, bool]] = []
    for at, (field, name, value) in enumerate(zip(fields, named, filled)):
        joins = bool(out) and near[at - 1]
        if joins and not value and out[-1][2] and near[at] and named[at + 1]:
            return []  # a word between two columns may belong to either name
        if joins and not (name and value and out[-1][1] and out[-1][2]):
            (a, _), before, full = out.pop()
            out.append(((a, field[1]), before or name, full or value))
        else:
            out.append((field, name, value))
    return [field for field, name, value in out] if all(name and value for _, name, value in out) else []


def _plausible(rows: Sequence[Sequence[str]], fields: Sequence[Span]) -> bool:
    """Whether most rows have a value in every column, no value is two, and no two columns of texts may be one.

    Two are a number and a text beside it, or what a wide gap separates; two columns of texts with one blank between may be one.
    """
    columns = list(zip(*rows))
    if not all(2 * sum(map(bool, column)) > len(rows) for column in columns):
        return False
    texts = [not any(map(is_value, column)) for column in columns]
    one = any(s and t and b[0] - a[1] == 1 for s, t, a, b in zip(texts, texts[1:], fields, fields[1:]))
    return not one and not any(_is_two(cell) for row in rows for cell in row)


def _is_two(cell: str) -> bool:
    if " " not in cell or cell.startswith('"'):
        return False
    return "  " in cell or (any(map(is_value, cell.split())) and not cell.endswith("%"))


def _unquoted(cell: str) -> str:
    return cell[1:-1].strip() if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell
