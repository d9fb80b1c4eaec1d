"""The table of facts: of the page, of the command line, of the registry and of the instances, one and the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qml_dynamics.base.codec import method_from_spec
from qml_dynamics.base.errors import MethodError
from qml_dynamics.base.registry import EXAMPLES, METHODS, method_class
from qml_dynamics.cli.options import parse_method
from qml_dynamics.conformance.stored import call_command, options_of
from qml_dynamics.methods.catalogue import HEAD, markdown, row, rows

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"


def test_the_page_holds_the_table() -> None:
    """Word for word; the comment above the table says how it is made anew."""
    page = PAGE.read_text(encoding="utf-8")
    assert markdown() in page
    assert sum(line.startswith("| `") for line in page.splitlines()) == len(METHODS)


@pytest.mark.parametrize("name", list(METHODS))
def test_an_example_is_a_line_that_makes_the_method(name: str) -> None:
    """In the words of the command line too, and its facts are those of the row."""
    found = row(name)
    method = method_from_spec({"kind": name, **EXAMPLES[name]})
    again = parse_method(found.example)
    assert type(again) is method_class(name)
    assert options_of(again) == options_of(method)
    assert found.facts == method.facts()
    assert found.name == name == method.name


def test_the_command_line_lists_them_all() -> None:
    """As a table, as data, and one with its options."""
    code, out, _ = call_command(["list", "methods"])
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split("  ")[0] == HEAD[0]
    assert [line.split()[0] for line in lines[1:]] == list(METHODS)
    code, out, _ = call_command(["list", "methods", "--json"])
    data = {each["name"]: each for each in json.loads(out)}
    assert code == 0
    assert data["trotter"]["clocks"] == ["real"]
    assert data["trotter"]["options"] == {
        **{"steps": "0", "order": "2", "truncation": "0.0"},
        **{"formula": "None", "tolerance": "None", "optimise": "'both'", "remainder": "False"},
    }
    code, out, _ = call_command(["list", "methods", "split-step"])
    assert code == 0
    assert "options        steps, order=2, formula=None" in out
    assert "example        SplitStep(steps=400)" in out


def test_a_name_that_is_none() -> None:
    """One line on standard error with the nearest name, and exit code 2."""
    code, out, err = call_command(["list", "methods", "troter"])
    assert (code, out) == (2, "")
    assert "Did you mean 'trotter'?" in err
    assert err.count("\n") == 1
    with pytest.raises(MethodError, match="Did you mean"):
        rows(["kryloff"])
