"""First lines of modules: there, one sentence, and without words that stood for terms of the field before."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import qml_dynamics
from tools.sources import tree_of

ROOT = Path(qml_dynamics.__file__).parent
# What was said before, and the term for it: rotation, replay backend, embedded ansatz, bond phases, request, run specification.
BEFORE = re.compile(r"\b(turns?|player|lifted|links?|asked of|told of|statement of a run)\b")


def first_lines() -> dict[str, str]:
    lines = {}
    for path in sorted(ROOT.rglob("*.py")):
        text = ast.get_docstring(tree_of(path)) or ""
        lines[path.relative_to(ROOT).as_posix()] = text.partition("\n")[0]
    return lines


def test_every_module_says_first_what_it_computes() -> None:
    lines = first_lines()
    assert len(lines) > 250
    short = [name for name, line in lines.items() if len(line) < 25 and not name.endswith("__main__.py")]
    assert short == []
    assert [name for name, line in lines.items() if not line.endswith(".")] == []
    assert [name for name, line in lines.items() if len(line) > 137] == []


def test_first_lines_use_the_terms_of_the_field() -> None:
    assert BEFORE.search("Metric and force turn by turn.")
    assert {name: line for name, line in first_lines().items() if BEFORE.search(line)} == {}


def test_sources_are_papers_or_derived_here() -> None:
    """Not pages that a reader of the package does not have: docs/mathematics.md is the map of sources."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py")}
    assert sum("arXiv:" in text for text in texts.values()) > 30
    assert [name for name, text in texts.items() if "THEORY" in text] == []
