"""The layout of a table in a text: what separates its values, whether its first line names its columns, and its rows.

The separator is the one under which all rows are of one length and most values are numbers; names that the caller knows of
(a target, features) decide for the separator and the header under which they are columns.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...base.errors import ProblemError, describe, require
from .aligned import Records, by_places, is_rule, refuse_touching
from .cells import is_missing, is_value, number
from .foreign import refuse_title

WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes", " ": "blanks"}
NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "blank": " ", "space": " "}
SAMPLE = 1000  # records that decide on the separator
_END = "\ufdd0"  # a code point that is no character
_WHOLE, _DIGITS = re.compile(r"[+-]?\d+", re.ASCII), re.compile(r"\d+", re.ASCII)
_MANY = 8  # rows that are numbered 1, 2, ... by no chance


@dataclass(frozen=True)
class Layout:
    """How a text was read.

    Attributes:
        separator: between two values.
        header: whether the first line names the columns.
        names: of the columns; ``column1``, ``column2``, ... without a header.
        rows, lines: the values, and the line of the file on which each row ends.
        unnamed: the first column where its name in the header is empty: the index of a data frame, names of rows.
        notes: what was done beside.
    """

    separator: str
    header: bool
    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    unnamed: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)


def laid_out(text: str, known: Sequence[str] = (), separator: str | None = None, header: bool | None = None) -> Layout:
    """The table in a text.

    Args:
        text: the whole of it.
        known: names of columns that the caller asks for.
        separator: one character, or one of ``comma``, ``semicolon``, ``tab``, ``pipe``, ``blank``; None: found out.
        header: whether the first line names the columns; None: found out.

    Raises:
        ProblemError: there are no rows, rows of different lengths, or two columns of one name.

    >>> found = laid_out("a;b\\n7,4;x\\n8,5;y\\n")
    >>> found.separator, found.header, found.rows
    (';', True, [['7,4', 'x'], ['8,5', 'y']])
    """
    lines, start, notes, stated = _without_preamble(_lines(text), known)
    mark = _as_separator(separator) if separator is not None else stated
    if header is None:
        refuse_title(lines, known, tuple(WORDS) if mark is None else (mark,), start)
    cut: Records | None = None
    if mark is None:
        mark, cut = _separated(lines, known, header, start)
    if cut is not None:
        notes.append("columns told by their places")
    records = _shifted(_records(lines, mark, start=start) if cut is None else cut, start)
    first = _commented_names(text, mark, start, records)
    if first is not None and header is not False:
        records, header = [first, *records], True
    wanted = header is not False
    require(
        len(records) > wanted or (header is None and len(records) == 1 and _is_data(records[0][0])),
        "path",
        "have a header and at least one row" if wanted else "have at least one row",
        f"of {len(records)} lines",
    )
    return _named(records, mark, header, known, notes)


def _lines(text: str) -> list[str]:
    return list(io.StringIO(text, newline=""))


def _without_preamble(lines: list[str], known: Sequence[str]) -> tuple[list[str], int, list[str], str | None]:
    """The lines after comments at the head, how many went before them, what to tell of it, and a separator that Excel states."""
    at, notes, stated = 0, list[str](), None
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].strip("\r\n")) == 5:
        stated, at = lines[0][4], 1
    comments = 0
    if any(name.startswith("#") for name in known):
        return lines[at:], at, notes, stated
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith(("# ", "#\t", "#\n", "#\r"))):
        comments += lines[at].startswith("#")
        at += 1
    if comments:
        notes.append(f"{comments} comment line{'s' * (comments > 1)} at the head")
    return lines[at:], at, notes, stated


def _commented_names(text: str, mark: str, start: int, records: Records) -> tuple[list[str], int] | None:
    """The last comment of the head where it names the columns, as NumPy writes it."""
    head = [line for line in _lines(text)[:start] if line.startswith("#")]
    if not head or not records or not _is_data(records[0][0]):
        return None
    found = _records([head[-1][1:]], mark)
    return (found[0][0], start) if found and len(found[0][0]) == len(records[0][0]) else None


def _shifted(records: Records, start: int) -> Records:
    return [(cells, line + start) for cells, line in records]


def _as_separator(given: str) -> str:
    found = NAMES.get(given, given)
    must = f"be one character, or one of {', '.join(NAMES)}"
    require(len(found) == 1 and found not in '"\r\n', "separator", must, given)
    return found


def _records(lines: Sequence[str], separator: str, most: int | None = None, start: int = 0) -> Records:
    """The values of each line that is not empty, and where it ends; values in quotes may hold separators and line ends.

    ``start`` lines went before.

    Raises:
        ProblemError: a quote is not closed, at all or before a value is too long.
    """
    text = (line.replace("\t", " ").strip() + "\n" for line in lines) if separator == " " else iter(lines)
    reader = csv.reader(itertools.chain(text, [_END]), delimiter=separator, skipinitialspace=True)
    found: Records = []
    last = 0
    try:
        for cells in reader:
            if cells == [_END] or len(found) == most:
                return found
            if cells and cells[-1].endswith(_END):
                break
            if any(cell.strip() for cell in cells):
                found.append(([cell.strip() for cell in cells], reader.line_num))
            last = reader.line_num
    except csv.Error as error:
        if "limit" not in str(error):
            raise ProblemError(f"Argument `path` must be a readable CSV file, but is not: {error}.") from error
    raise ProblemError(
        f"Argument `path` must be a readable CSV file, but a quote in row {start + last + 1} is not closed."
    )


def _separated(
    lines: Sequence[str], known: Sequence[str], header: bool | None, start: int
) -> tuple[str, Records | None]:
    """What separates values, and the values where only the places of aligned columns tell them apart."""
    scores = {mark: _scored(lines, known, mark) for mark in WORDS}
    best = max(scores, key=lambda mark: scores[mark])  # of equal ones the first
    even = scores[best][0] >= 0
    if (best == "," or not even) and _one_column(lines, known):
        return ";", None
    if even and best != " ":
        return best, None
    refuse_touching(lines, header, start)
    cut = by_places(lines, header, even)
    return (" " if even or cut is not None else ","), cut


def _scored(lines: Sequence[str], known: Sequence[str], mark: str) -> tuple[float, float, float]:
    try:
        return _score(_records(lines, mark, SAMPLE), known, mark)
    except ProblemError:  # under another separator the quotes may be in order
        first = lines[0].strip().split(mark) if lines else []
        hit = bool(known) and set(known) <= {name.strip().strip('"') for name in first}
        return (float(hit), -1, 0) if len(first) > 1 and mark != " " else (-1, 0, 0)


def _one_column(lines: Sequence[str], known: Sequence[str]) -> bool:
    """Whether a known name stands alone above numbers with decimal commas: no comma separates anything."""
    cells = [line.strip() for line in lines if line.strip()]
    return (
        bool(cells)
        and cells[0].strip('"') in known
        and all(number(c, ",") is not None or is_missing(c) for c in cells[1:])
    )


def _score(records: Records, known: Sequence[str], mark: str) -> tuple[float, float, float]:
    """Whether the known names stand in the first line, whether all rows are of one length, and the share of numbers."""
    widths = Counter(len(cells) for cells, _ in records[1:] or records)
    if not widths:
        return (-1, 0, 0)
    width, same = widths.most_common(1)[0]
    first = records[0][0]
    even = same == widths.total() and (len(first) == width or len(first) == width - 1 > 1)
    if width < 2 or (mark == " " and not even):
        return (-1, 0, 0)
    cells = [cell for row, _ in records[1:] or records for cell in row]
    share = sum(is_value(cell) for cell in cells) / len(cells)
    hit = bool(known) and set(known) <= set(first)
    if mark == " " and not hit and share < 0.5:  # sentences have blanks too
        return (-1, 0, 0)
    return (float(hit), float(even), share)


def _is_data(cells: Sequence[str]) -> bool:
    return any(map(is_value, cells))


def _named(records: Records, mark: str, header: bool | None, known: Sequence[str], notes: list[str]) -> Layout:
    records, dropped = _without_empty_end(records)
    rows = [cells for cells, _ in records]
    has = header if header is not None else _has_header(rows, known)
    body = records[1:] if has else records
    body = body[1:] if has and len(body) > 1 and is_rule(body[0][0]) else body
    names = list(rows[0]) if has else [f"column{i + 1}" for i in range(len(rows[0]))]
    if dropped:
        notes.append("a separator at the end of each line")
    if has and body and {len(cells) for cells, _ in body} == {len(names) + 1}:
        _refuse_decimal_commas([cells for cells, _ in body], names, mark)
        names = ["", *names]
        notes.append("names of rows, which have no column name")
    for cells, line in body:
        ok = len(cells) == len(names)
        require(ok, "path", f"have {len(names)} values in row {line}", f"of {len(cells)} there")
    unnamed = frozenset({"column1"} if not names[0] else ())
    names = [name or f"column{i + 1}" for i, name in enumerate(names)]
    twice = [column for column, count in Counter(names).items() if count > 1]
    require(
        not twice, "path", "have columns of different names", f"of two called {twice[0]!r}: rename one" if twice else ""
    )
    return Layout(mark, has, names, [c for c, _ in body], [line for _, line in body], unnamed, notes)


def _refuse_decimal_commas(rows: Sequence[Sequence[str]], names: Sequence[str], mark: str) -> None:
    """Refuse one value more than names where the first ones name no rows, or decimal commas explain it as well."""
    first = [row[0] for row in rows]
    counted = len(rows) >= _MANY and first == [str(i + 1) for i in range(len(rows))]
    pairs = zip(*[[bool(_WHOLE.fullmatch(a) and _DIGITS.fullmatch(b)) for a, b in zip(row, row[1:])] for row in rows])
    either = mark == "," and not counted and any(map(all, pairs))
    if len(names) < 2 or len(set(first)) < len(first) or either:
        raise ProblemError(
            "Argument `path` must have a name for each column, but has one value more in each row than names: write decimal "
            "commas in quotes, or separate by semicolons; where the first values name the rows, give their column a name."
        )


def _without_empty_end(records: Records) -> tuple[Records, bool]:
    """Rows that all end in a separator lose it; the header may have none."""
    body = records[1:] or records
    width, first = max(len(cells) for cells, _ in body), len(records[0][0])
    ends = all(len(cells) == width and not cells[-1] for cells, _ in body)
    if width < 2 or not ends or first not in (width, width - 1) or (first == width and records[0][0][-1]):
        return records, False
    return [(cells[: width - 1], line) for cells, line in records], True


def _has_header(rows: Sequence[Sequence[str]], known: Sequence[str]) -> bool:
    """Whether the first row names columns: a column of numbers under a word says so, a number above numbers does not."""
    first, body = rows[0], rows[1 : SAMPLE + 1]
    if not body:
        return not _is_data(first)
    if known and set(known) <= set(first):
        return True
    votes = 0
    for place, name in enumerate(first):
        cells = [row[place] for row in body if place < len(row) and not is_missing(row[place])]
        if not cells:
            continue
        if sum(map(is_value, cells)) > len(cells) / 2:
            votes += -1 if is_value(name) or is_missing(name) else 1
        elif name and len(set(cells)) < len(cells) and name in set(cells):
            votes -= 1
    return votes >= 0


def told(layout: Layout) -> str:
    """The layout in words: separator and header."""
    mark = WORDS.get(layout.separator, describe(layout.separator))
    return f"separated by {mark}, {'with' if layout.header else 'without'} a header"
