"""The map of modules: every module of the package with the first line of its docstring, room after room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ..sources import tree_of
from .docstrings import inline

PACKAGE = Path(__file__).parents[2] / "qml_dynamics"
# In the order in which they may import each other, as docs/architecture.md has them; what stands above them all comes last.
ROOMS = (
    "base", "model", "results", "synthesis", "backends", "methods", "validation", "learning", "runs", "plotting", "cli", "conformance"
)  # fmt: skip


def page() -> str:
    """The page as reStructuredText."""
    lines = [
        "Modules",
        "=======",
        "",
        "What each module computes, in its own words. A room imports those before it and itself, and nothing else.",
        "",
    ]
    for room in (*ROOMS, ""):
        head = room or "Above the rooms"
        lines += [head, "-" * len(head), "", ".. list-table::", "   :widths: 35 65", ""]
        for name, said in first_lines(room):
            lines += [f"   * - ``{name}``", f"     - {inline(said, {})}"]
        lines.append("")
    return "\n".join(lines)


def first_lines(room: str) -> Iterator[tuple[str, str]]:
    """Name and first line of every module of a room (of ``""``: of what lies in none), packages before what they hold.

    >>> dict(first_lines("model"))["model.problem"][:9]
    '`Problem`'
    """
    for path in sorted(
        PACKAGE.rglob("*.py"), key=lambda path: (path.parent.parts, path.name != "__init__.py", path.name)
    ):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        inside = parts[0] if parts[0] in ROOMS else ""
        if inside == room:
            yield ".".join(parts).removesuffix(".__init__"), first_line(path)


@cache
def first_line(path: Path) -> str:
    """The first line of a module's docstring."""
    found = ast.get_docstring(tree_of(path))
    return (found or "").partition("\n")[0]
