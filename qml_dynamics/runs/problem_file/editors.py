"""The JSON schema beside a written problem file, and the first line by which editors find it: Taplo's directive ``#:schema``."""

from __future__ import annotations

import json
from pathlib import Path

from ...base.entry_points import GROUPS, offered
from .files import write_bytes

NAME = "problem.schema.json"
LINE = f"#:schema ./{NAME}"
STORED = Path(__file__).with_name(NAME)  # as it is where no other package offers anything: making it loads every method
_MARK = b"#:schema "
TITLE = "A problem of qml-dynamics"


def top_line(above: int = 0) -> str:
    """The first line of a problem file whose schema stands so many folders above it, and an empty one.

    >>> top_line(2)
    '#:schema ../../problem.schema.json\\n\\n'
    """
    return f"#:schema {'../' * above or './'}{NAME}\n\n"


def made() -> bytes:
    """The schema as this installation knows methods and schedules, on one line."""
    from .json_schema import schema  # the options of every method

    return json.dumps(schema(), separators=(",", ":")).encode() + b"\n"


def put_schema(folder: Path) -> None:
    """Write the schema into a folder; a file of that name which is another one stays as it is."""
    target = folder / NAME
    if target.is_file() and TITLE.encode() not in target.read_bytes():
        return
    text = made() if any(map(offered, GROUPS)) else STORED.read_bytes()
    if not target.is_file() or target.read_bytes() != text:
        write_bytes(target, text)


def without_line(text: bytes) -> bytes:
    """A problem file without the line that names its schema, which is no part of what it says."""
    if not text.startswith(_MARK):
        return text
    return text.partition(b"\n")[2].lstrip(b"\n")
