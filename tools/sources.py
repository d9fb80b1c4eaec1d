"""Source files as syntax trees, read once a process: pictures, pages and the tests that read the package share them."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file, which nobody changes.

    >>> type(tree_of(Path(__file__)).body[0]).__name__
    'Expr'
    """
    text, collects = path.read_text(encoding="utf-8"), gc.isenabled()
    gc.disable()  # a tree holds no circles, and looking for some while it grows takes five times as long as reading it
    try:
        return ast.parse(text)
    finally:
        if collects:
            gc.enable()
