"""Writes the made pages that stand in the repository, the made tables of others and the stored schema: ``python -m tools.pages``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from qml_dynamics.runs.problem_file import editors

from . import choosing, problem_files

DOCS = Path(__file__).parents[2] / "docs"
# Page, and the name of a table in it.
TABLES: dict[tuple[str, str], Callable[[], str]] = {
    ("methods.md", "methods by problem"): choosing.methods_by_problem,
    ("which_backend.md", "backends"): choosing.backends,
}
COMMAND = "`python -m tools.pages`"


def marked(page: str, name: str) -> str:
    """What stands between the two comments of a made table."""
    found = _between(name).search((DOCS / page).read_text(encoding="utf-8"))
    assert found is not None, f"{page} has no table `{name}`"
    return found.group(2).strip()


def _between(name: str) -> re.Pattern[str]:
    start, end = re.escape(f"<!-- made by {COMMAND}: {name} -->"), re.escape("<!-- end -->")
    return re.compile(f"({start})(.*?)({end})", re.DOTALL)


def write() -> None:
    """Write them all."""
    editors.STORED.write_bytes(editors.made())
    (DOCS / "problem_files.md").write_text(problem_files.page(), encoding="utf-8")
    for (page, name), make in TABLES.items():
        path, made = DOCS / page, make()
        text = _between(name).sub(
            lambda match, made=made: f"{match[1]}\n\n{made}\n\n{match[3]}", path.read_text(encoding="utf-8")
        )
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
