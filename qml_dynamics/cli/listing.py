"""``qml-dynamics list methods [NAME]``: the table of facts, or one method with its options."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..methods.catalogue import HEAD, Row, row, rows, text
from ..runs.trajectory_file import to_json


def list_command(name: str | None, *, as_json: bool) -> int:
    """Print all methods, or one of them; the exit code is 0.

    Raises:
        MethodError: there is no method of this name.
    """
    found = rows() if name is None else [row(name)]
    if as_json:
        print(to_json([_data(each) for each in found]))
    elif name is not None:
        print(text(found[0]))
    else:
        print(_table(found))
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


def _table(found: list[Row]) -> str:
    lines = [HEAD, *(each.cells() for each in found)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
