"""Counts of the package that keep it readable: lengths of modules, arguments without a type, small modules, private names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.sources import tree_of

from .test_layers import MODULES, PACKAGE, ROOT, own

MOST_LINES = 400  # a module is one concept
SMALL = 100  # lines below which a module that only its neighbour imports says why it is one
ALONE = re.compile(r"[Aa] module of its own\b|[Ss]tands? alone\b|\bapart from\b")
MOST_ANY = 0.01  # of all arguments


def lines(name: str) -> int:
    return len(MODULES[name].read_text(encoding="utf-8").splitlines())


def arguments(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Name and annotation of every argument of a function; the first of a method is none."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            given = node.args
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            for one in filter(None, every):
                if one.annotation is not None or one.arg not in ("self", "cls"):
                    yield f"{node.name}({one.arg})", "" if one.annotation is None else ast.unparse(one.annotation)


def private_attributes(tree: ast.AST) -> Iterator[str]:
    """``module._name`` of a module, or a class, that was imported from this package."""
    froms = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    ours = [n for n in froms if n.level or (n.module or "").split(".")[0] == PACKAGE]
    names = {alias.asname or alias.name for node in ours for alias in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if node.value.id in names and re.match(r"_[^_]", node.attr):
            yield ast.unparse(node)


def only_neighbour(name: str, users: dict[str, set[str]]) -> str:
    """The module of the same folder that alone imports this one; empty where there is none."""
    found = users[name] - {name}
    other = next(iter(found)) if len(found) == 1 else ""
    return other if other and other.rpartition(".")[0] == name.rpartition(".")[0] else ""


def test_no_module_is_longer_than_a_concept() -> None:
    found = {name: lines(name) for name in MODULES}
    assert max(found.values()) > MOST_LINES / 2  # they are read
    assert {name: count for name, count in found.items() if count > MOST_LINES} == {}


def test_a_small_module_of_one_neighbour_says_why_it_is_one() -> None:
    users: dict[str, set[str]] = {name: set() for name in MODULES}
    for name in MODULES:
        for other in own(name) & set(MODULES):
            users[other].add(name)
    small = [n for n, path in MODULES.items() if path.name != "__init__.py" and lines(n) < SMALL]
    told = [name for name in small if only_neighbour(name, users)]
    assert len(told) > 10  # there are such modules
    silent = [name for name in told if not ALONE.search(ast.get_docstring(tree_of(MODULES[name])) or "")]
    assert silent == []


def test_arguments_have_types() -> None:
    every = [(name, *found) for name, path in MODULES.items() for found in arguments(tree_of(path))]
    assert len(every) > 5000
    assert [where for where in every if not where[2]] == []
    anything = [where for where in every if re.fullmatch(r"(typing\.)?Any( \| None)?", where[2])]
    assert len(anything) < MOST_ANY * len(every)


def test_no_module_reads_a_private_name_of_another() -> None:
    found = {name: list(private_attributes(tree_of(path))) for name, path in MODULES.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_the_readers_of_this_test_see_what_they_are_for() -> None:
    taken = "from .. import walks\nfrom .x import Y\nfrom os import path\n"
    text = f"{taken}walks._step()\nY._made\npath._name\nwalks.step\nself._own\n"
    assert sorted(private_attributes(ast.parse(text))) == ["Y._made", "walks._step"]
    seen = dict(arguments(ast.parse("class A:\n    def f(self, a, b: Any, *c: int, d: Any = None): ...")))
    assert seen == {"f(a)": "", "f(b)": "Any", "f(c)": "int", "f(d)": "Any"}
    users = {"a.b": {"a.c"}, "a.c": {"a.b", "d.e"}, "d.e": {"a.c"}}
    assert [only_neighbour(name, users) for name in users] == ["a.c", "", ""]
    assert ALONE.search("A module of its own beside `x`: why.")
    assert not ALONE.search("What it computes.")
    assert ROOT.name == PACKAGE
