"""``qml-dynamics schema``: the JSON schema of problem files, for editors."""

from __future__ import annotations

import json
from pathlib import Path

from ..base.errors import require
from ..runs.problem_file.files import write_bytes
from ..runs.problem_file.json_schema import schema


def schema_text() -> str:
    """The schema as JSON."""
    return json.dumps(schema(), indent=1) + "\n"


def schema_command(out: Path | None) -> int:
    """Print the schema, or write it to a file and print where it is; the exit code is 0."""
    text = schema_text()
    if out is None:
        print(text, end="")
        return 0
    require(not out.is_dir(), "out", "be a file", f"the folder {out}")
    write_bytes(out, text.encode())
    print(str(out))
    return 0
