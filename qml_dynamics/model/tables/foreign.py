"""Texts that hold a table in another form than rows of separated values: what they are, and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...base.errors import ProblemError

_HEAD = 40  # lines that say what a text is
_PAIRS = re.compile(r"[+-]?\d+(?:\.\d+)?(?:\s+\d+:[+-]?[\d.]+(?:[eE][+-]?\d+)?)+", re.ASCII)
_RULE = re.compile(r"\|?\s*:?-{3,}:?\s*(?:\|\s*:?-{3,}:?\s*)+\|?")
_JSON = re.compile(r"\{\s*\"|\[\s*[\[{]|[\[{]$")
_TITLES = 12  # rows that may stand above the names


def foreign_form(text: str) -> str | None:
    """What a text is and what to do with it, where it is no table of separated values; None for others.

    >>> foreign_form('{"a": 1}'), foreign_form("| a | b |\\n|---|---|\\n| 1 | 2 |\\n"), foreign_form("a;b\\n1;2\\n")
    ('JSON: pass its columns as a dictionary, or save the table as CSV', 'a table of Markdown: save it as CSV', None)
    """
    lines = [line.strip() for line in text[: 1 << 16].splitlines() if line.strip()][:_HEAD]
    if not lines:
        return None
    said = [line for line in lines if not line.startswith("%")]
    if said and said[0].lower().startswith("@relation"):
        return "an ARFF file: save the table as CSV"
    if _JSON.match(lines[0]):
        return "JSON: pass its columns as a dictionary, or save the table as CSV"
    if lines[0].lower().startswith(("<!doctype", "<html", "<table", "<?xml")):
        return "a page of HTML or XML: save the table in it as CSV"
    if len(lines) > 1 and "|" in lines[0] and _RULE.fullmatch(lines[1]):
        return "a table of Markdown: save it as CSV"
    if all(map(_PAIRS.fullmatch, lines)) and any(
        re.search(r":(?!\d\d\b(?!\.))", line) for line in lines
    ):  # no times of day
        return "of LIBSVM's form (index:value): pass its rows as a matrix"
    return None


def refuse_title(lines: Sequence[str], known: Sequence[str], marks: Sequence[str], start: int) -> None:
    """Refuse lines above the names of the columns, where a later row holds all names that the caller knows; ``start`` went before."""
    for at, line in enumerate(lines[:_TITLES] if known else ()):
        found = any(set(known) <= {cell.strip(' "\r\n') for cell in line.split(mark)} for mark in marks)
        if found and at == 0:
            return
        if found:
            raise ProblemError(
                f"Argument `path` must have the names of its columns in the first row, but has {known[0]!r} in row "
                f"{start + at + 1}: take out what is above it."
            )
