"""``qml-dynamics list methods | objectives | ansatze | schedules | backends [NAME]``: names, or one of them with its options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..methods.catalogue import HEAD, Row, names, row, rows, text
from ..runs.trajectory_file import to_json
from .entries import Entry, entries_of


def list_command(what: str, name: str | None, *, as_json: bool) -> int:
    """Print all of a kind, one of them, or the methods of a clock or a weight space (``walls``); the exit code is 0.

    Raises:
        MethodError: there is no method of this name.
        ProblemError: there is nothing else of this name.
    """
    if what != "methods":
        return _entries(entries_of(what, name), name, as_json)
    group = _group(name)
    found = group or [row(str(name))]
    if as_json:
        print(to_json([_data(each) for each in found]))
    elif not group:
        print(text(found[0]))
    else:
        print(_table([HEAD, *(each.cells() for each in found)]))
    return 0


def _group(name: str | None) -> list[Row]:
    """All methods, or those that run on a clock or a weight space of this name; none where it is the name of something else."""
    if name is None:
        return rows()
    known = [] if name in names() else rows()
    return [each for each in known if name in each.facts.clocks or name in each.facts.spaces]


def _entries(found: list[Entry], name: str | None, as_json: bool) -> int:
    if as_json:
        print(to_json([asdict(entry) for entry in found]))
    elif name is not None:
        print(found[0].text())
    else:
        print(_table([("name", "where", "example"), *((e.name, e.where, e.example) for e in found)]))
    return 0


def _data(found: Row) -> dict[str, Any]:
    facts = {**asdict(found.facts), "clocks": sorted(found.facts.clocks), "spaces": sorted(found.facts.spaces)}
    return {
        "name": found.name,
        "summary": found.summary,
        **facts,
        "options": dict(found.options),
        "example": found.example,
    }


def _table(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
