"""The pages that name functions and tests: each function is there under its name, and each test is in its file."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CELLS = re.compile(r"(?<!\\)\|")  # a bar that ends a cell


def rows(page: str) -> list[list[str]]:
    """The rows of all tables of a page, without heads and rules."""
    found: list[list[str]] = []
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    for before, line in zip(["", *lines], lines):
        if line.startswith("|") and before.startswith("|") and not line.startswith("|--"):
            found.append([cell.strip() for cell in CELLS.split(line)[1:-1]])
    return found


def named(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def resolve(path: str) -> Any:
    """What stands at a dotted path below the package: the longest part that is a module, then attributes."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(["qml_dynamics", *parts[:cut]]))
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("qml_dynamics"):
                raise
            continue
        for name in parts[cut:]:
            thing = getattr(thing, name)
        return thing
    raise AttributeError(f"nothing of the package is called {path}")


@cache
def names_in(path: str) -> frozenset[str]:
    """Names of the test functions of a file below tests/."""
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test"))


def check(functions: list[str], tests: list[str]) -> None:
    for path in functions:
        assert resolve(path) is not None
    for test in tests:
        path, _, name = test.partition("::")
        assert name in names_in(path), f"{path} has no {name}"


MATHEMATICS = rows("docs/mathematics.md")


def test_every_statement_has_formula_source_function_and_test() -> None:
    assert len(MATHEMATICS) > 100
    for statement, formula, source, function, test in MATHEMATICS:
        assert statement and formula and source, statement
        assert len(named(function)) == 1, statement
        assert named(test), statement
    statements = [row[0] for row in MATHEMATICS]
    assert len(set(statements)) == len(statements)


@pytest.mark.parametrize("row", MATHEMATICS, ids=[row[0][:40] for row in MATHEMATICS])
def test_function_and_test_of_a_statement_exist(row: list[str]) -> None:
    check(named(row[3]), named(row[4]))


def test_a_name_that_is_not_there_is_found() -> None:
    with pytest.raises(AttributeError):
        resolve("model.formulas.by_odour")
    with pytest.raises(AttributeError):
        resolve("model.formulae.by_order")
    with pytest.raises(AssertionError, match="has no test_that_is_not_there"):
        check([], ["unit/test_formulas.py::test_that_is_not_there"])
