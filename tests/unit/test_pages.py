"""Pages that are made from the library: every public name, key of a problem file, method and command is on one; links lead somewhere."""

from __future__ import annotations

import doctest
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from qml_dynamics.base.registry import METHODS, SCHEDULES, WAVES
from qml_dynamics.methods.catalogue import row
from qml_dynamics.runs.problem_file import schema
from qml_dynamics.runs.sweeps.file import KEYS as SWEEP_KEYS
from tests.stored.names import every_line, key
from tools import check_dist
from tools.pages import api, choosing, commands, docstrings, modules, problem_files, public
from tools.pages.__main__ import COMMAND, DOCS, TABLES, marked

ROOT = DOCS.parent
OLD = {"qml_dynamics.config": "qml_dynamics.runs.problem_file", "qml_dynamics.errors": "qml_dynamics.base.errors"}
PARTS = ("Start", "How-to", "Concepts", "Reference")
_DIRECTIVE = re.compile(r"( *)\.\. py:(\w+):: ([\w.]+)")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")


@cache
def described() -> frozenset[str]:
    """Every name that the reference has a description of, in full, and the modules."""
    found = set()
    for text in api.pages().values():
        module, owners = "", {}
        for indent, what, name in _DIRECTIVE.findall(text):
            if what in ("module", "currentmodule"):
                module = name
                found |= {module}
                continue
            owners = {depth: owner for depth, owner in owners.items() if depth < len(indent)}
            full = ".".join([module, *owners.values(), name])
            owners[len(indent)] = name
            found.add(full)
    return frozenset(found)


@cache
def also() -> dict[str, str]:
    """Other full names of what is described once, to that one."""
    return {other: each.full for each in public.public_names() for other in each.others}


def place(name: str) -> str:
    """Where the reference should have a name of the stored list."""
    full = re.sub(r"^qd\.", "qml_dynamics.", name)
    for old, new in OLD.items():
        full = re.sub(rf"^{re.escape(old)}(?=\.|$)", new, full)
    head, _, member = full.rpartition(".")
    others = also()
    return others.get(full, f"{others[head]}.{member}" if head in others else full)


def test_every_public_name_is_in_the_reference() -> None:
    names = [key(line) for line in every_line() if not line.startswith("$")]
    assert len(names) > 1600
    assert {"qml_dynamics.Trotter.steps", "qml_dynamics.objectives.double_well"} <= described()
    assert "qml_dynamics.Trotter.odour" not in described()
    assert [name for name in names if place(name) not in described()] == []


def test_what_the_package_holds_beside_the_list_is_there_too() -> None:
    assert {"qml_dynamics.sklearn.QuantumDynamicsClassifier", "qml_dynamics.methods.base.Facts"} <= described()
    index = api.pages()["index.rst"]
    assert [each.full for each in public.public_names() if f"<{each.full}>`" not in index] == []


def test_every_command_and_option_is_in_the_reference() -> None:
    page = commands.page()
    lines = [line for line in every_line() if line.startswith("$")]
    assert len(lines) >= 20
    for line in lines:
        name = key(line).removeprefix("$ ")
        start = page.index(f"\n{name}\n") if name != "qml-dynamics" else 0
        end = page.find("\n.. _command-", start + 1)
        section = page[start : None if end < 0 else end]
        assert [word for word in line.split() if word.startswith("--") and f"``{word}``" not in section] == []


def test_every_key_of_a_problem_file_has_words() -> None:
    sections = {cls for cls in vars(schema).values() if isinstance(cls, type) and issubclass(cls, schema.Section)}
    assert sections - {schema.Section} == set(problem_files.TABLES.values())
    for name, model in problem_files.TABLES.items():
        said = set(problem_files.WORDS[name]) - {"before"}
        assert said == set(model.model_fields), f"tools/pages/words.toml, section {name}"
        assert all(meaning and unit for meaning, unit, _ in (problem_files.WORDS[name][key] for key in said))
    assert set(problem_files.WORDS["sweep.toml"]) == set(SWEEP_KEYS)


@pytest.mark.parametrize("name", list(problem_files.TABLES))
def test_examples_of_keys_are_what_the_schema_takes(name: str) -> None:
    words = {key: said for key, said in problem_files.WORDS[name].items() if key != "before"}
    stated = [tomllib.loads(line) for _, _, line in words.values()]
    assert [set(each) for each in stated] == [{key} for key in words]
    section = schema.check(name, problem_files.TABLES[name], {k: v for each in stated for k, v in each.items()})
    assert len(section.model_dump()) == len(words)


def test_the_page_of_problem_files_is_as_it_is_made() -> None:
    page = (DOCS / "problem_files.md").read_text(encoding="utf-8")
    assert page == problem_files.page(), f"{COMMAND} makes it anew"
    assert [name for name in (*METHODS, *SCHEDULES, *WAVES) if f"`{name}`" not in page] == []
    for name in METHODS:
        section = page[page.index(f"### `{name}`") :].partition("\n### ")[0]
        assert [option for option in row(name).options if f"| `{option}` |" not in section and option != "kind"] == []
    assert [section for section in schema.SECTIONS if f"`[{section}]`" not in page] == []


def test_the_table_of_methods_is_as_it_is_made() -> None:
    made = choosing.methods_by_problem()
    assert marked("methods.md", "methods by problem") == made, f"{COMMAND} makes it anew"
    assert made.count("**") >= 2 * 2 * 12  # one default a cell, of twelve problems at least
    assert max(line.count("**") for line in made.splitlines()) == 4
    assert ("which_backend.md", "backends") in TABLES


def test_doctests_of_the_makers() -> None:
    tried = [doctest.testmod(each) for each in (public, docstrings, problem_files, api, choosing, commands, modules)]
    assert sum(each.attempted for each in tried) >= 4
    assert [each.failed for each in tried] == [0] * len(tried)


def test_the_map_of_modules_has_each_of_them_with_words() -> None:
    page, rooms = modules.page(), (*modules.ROOMS, "")
    said = {name: line for room in rooms for name, line in modules.first_lines(room)}
    assert len(said) == len(list(modules.PACKAGE.rglob("*.py"))) > 400
    assert [name for name, line in said.items() if len(line) < 15 or f"``{name}``" not in page] == []
    architecture = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `(\w+)` \| ", architecture, re.MULTILINE))[:12] == modules.ROOMS


def trees() -> dict[str, list[str]]:
    """The four parts of the index, each with its pages."""
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL)
    found = {}
    for block in blocks:
        caption = re.search(r":caption: (.+)", block)
        assert caption is not None
        found[caption[1]] = [line for line in block.splitlines() if line and not line.startswith(":")]
    return found


def test_every_page_is_in_one_of_four_parts() -> None:
    parts = trees()
    assert tuple(parts) == PARTS
    listed = [page for pages in parts.values() for page in pages]
    assert len(listed) == len(set(listed))
    written = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    notebooks = {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert set(listed) == written | notebooks | {"api/index", "api/commands"}


def test_the_quick_start_is_the_one_that_is_tried_with_the_wheel() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = readme.partition("```\n")[2].partition("```")[0].splitlines()
    assert first[0].startswith("pip install qml-dynamics ")
    assert first[1] == check_dist.QUICK_START


def numbers(text: str) -> set[str]:
    """Numbers with a decimal point or an exponent, or of three digits and more."""
    return set(re.findall(r"(?<![\w.])-?\d*\.\d+(?:e-?\d+)?|\d+e-?\d+|\d{1,3}(?:,\d{3})+|\d{3,}", text))


def test_findings_are_those_of_the_pages_that_they_name() -> None:
    rows = [
        line.split(" | ")
        for line in (DOCS / "findings.md").read_text(encoding="utf-8").splitlines()
        if "](" in line and line[0] == "|"
    ]
    assert len(rows) >= 18
    assert sum(len(numbers(measured)) for _, measured, _, _ in rows) > 35
    for _, measured, _, link in rows:
        page = _LINK.search(link)
        assert page is not None
        text = (DOCS / page[1]).read_text(encoding="utf-8")
        assert numbers(measured) <= numbers(text), f"{link}: {numbers(measured) - numbers(text)}"


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as repositories' pages and MyST spell them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links() -> Iterator[tuple[Path, str]]:
    """Every link of a page to something beside it."""
    for page in [*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        text = re.sub(r"```.*?```|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        yield from ((page, target) for target in _LINK.findall(text) if "://" not in target)


def test_links_between_pages_lead_somewhere() -> None:
    found = list(links())
    assert len(found) > 40
    broken = []
    for page, target in found:
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if path.startswith("api/"):
            continue  # made when the pages are built, whose links are tested there
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(f"{page.name}: {target}")
    assert broken == []
