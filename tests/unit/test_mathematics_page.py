"""Pages of tables (mathematics, known issues, glossary): every function that they name is there, and so is every test."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

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


def missing(functions: list[str], tests: list[str]) -> list[str]:
    """What is not there."""
    gone = []
    for path in functions:
        try:
            resolve(path)
        except AttributeError as error:
            gone.append(f"{path}: {error}")
    for test in tests:
        path, _, name = test.partition("::")
        if not (ROOT / "tests" / path).is_file() or name not in names_in(path):
            gone.append(test)
    return gone


def is_path(name: str) -> bool:
    """Whether a name in backticks is a path of the package, and no option, gate or requirement."""
    return re.fullmatch(r"[a-z_]+(\.\w+)+", name) is not None


def settings() -> list[str]:
    """What pyproject.toml demands: requirements of the package and its extras, and the options of pytest."""
    everything = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = everything["project"]
    extras = [needed for extra in project["optional-dependencies"].values() for needed in extra]
    return [*project["dependencies"], *extras, *everything["tool"]["pytest"]["ini_options"]["addopts"].split()]


def test_every_statement_has_formula_source_function_and_test() -> None:
    table = rows("docs/mathematics.md")
    assert len(table) > 100
    for statement, formula, source, function, test in table:
        assert all((statement, formula, source)), statement
        assert len(named(function)) == 1, statement
        assert named(test), statement
    assert len({row[0] for row in table}) == len(table)
    assert [gone for row in table for gone in missing(named(row[3]), named(row[4]))] == []


def test_every_known_issue_has_a_guard_and_a_test() -> None:
    table, demanded = rows("docs/known_issues.md"), settings()
    assert len(table) >= 30
    gone: list[str] = []
    for symptom, seen, upstream, guard, test in table:
        assert all((symptom, seen, upstream)), symptom
        assert named(guard), symptom
        assert named(test), symptom
        gone += missing([name for name in named(guard) if is_path(name)], named(test))
        floors = [name for name in named(guard) if not is_path(name)]
        gone += [f for f in floors if not any(d == f or d.startswith(f"{f},") for d in demanded)]
    assert gone == []


def test_words_of_the_glossary_lead_somewhere() -> None:
    words = rows("docs/glossary.md")
    assert len(words) >= 50
    assert [row[0].lower() for row in words] == sorted(row[0].lower() for row in words)
    assert all(meaning.endswith(".") for _, meaning, _, _ in words)
    assert [gone for row in words for gone in missing([n for n in named(row[3]) if is_path(n)], [])] == []


def test_what_is_not_there_is_found() -> None:
    assert len(missing(["model.formulas.by_odour", "model.formulae.by_order", "model.formulas.by_order"], [])) == 2
    there = "unit/test_formulas.py::test_orders_and_names"
    assert missing([], [there, there + "_x", "unit/test_no.py::test_x"]) == [there + "_x", "unit/test_no.py::test_x"]
