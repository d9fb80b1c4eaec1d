"""A page of HTML as its elements, read by Python's own parser: nesting, names, texts, tables and numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "input", "br", "hr"}


@dataclass
class Node:
    """An element with its attributes and what it holds."""

    name: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    def all(self, name: str | None = None, class_: str | None = None) -> Iterator[Node]:
        """Every element below of a name, or of a class."""
        for child in self.children:
            if isinstance(child, Node):
                fits = name in (None, child.name)
                if fits and (class_ is None or class_ in child.attributes.get("class", "").split()):
                    yield child
                yield from child.all(name, class_)

    def text(self) -> str:
        """All text below."""
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)

    def numbers(self) -> list[float]:
        """The values of all `data` elements below."""
        return [float(node.attributes["value"]) for node in self.all("data")]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.top = Node("", {})
        self.open = [self.top]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> names an attribute twice"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].name == tag, f"</{tag}> ends <{self.open[-1].name}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(text: str) -> Node:
    """The elements of a page; AssertionError where they are not nested."""
    assert text.startswith("<!DOCTYPE html>\n")
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [reader.top], f"<{reader.open[-1].name}> is not ended"
    return reader.top


def section(page: Node, name: str) -> Node:
    """The section whose heading has this name."""
    return next(each for each in page.all("section") if each.attributes["aria-labelledby"] == name)


def numbers_of(value: Any) -> Iterator[float]:
    """The numbers of plain data."""
    if isinstance(value, dict):
        for each in value.values():
            yield from numbers_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from numbers_of(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def said(path: Any) -> dict[str, Any]:
    """A file of JSON."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def check_page(page: Node, sections: list[str] | None = None) -> list[str]:
    """The sections of a page; and of every page: headings in order, names used once, references that lead somewhere, named pictures."""
    names = [node.attributes["id"] for node in page.all() if "id" in node.attributes]
    assert len(names) == len(set(names))
    for node in page.all():
        for key in ("aria-labelledby", "aria-describedby", "for"):
            assert set(node.attributes.get(key, "").split()) <= set(names)
        if node.name in ("path", "circle", "rect", "text"):
            assert not re.search("nan|inf", " ".join(v for k, v in node.attributes.items() if k not in ("class", "id")))
    listed = [node.attributes["href"][1:] for node in next(page.all("nav")).all("a")]
    assert listed == (sections or listed)
    assert set(listed) <= set(names)
    levels = [int(node.name[1]) for node in page.all() if re.fullmatch("h[1-6]", node.name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(b - a for a, b in zip(levels, levels[1:])) <= 1
    for drawn in page.all("svg"):
        assert [child.name for child in drawn.children[:2] if isinstance(child, Node)] == ["title", "desc"]
        assert drawn.attributes["role"] == "img"
    for row in page.all("tr"):
        assert next(row.all("th")).attributes["scope"] in ("row", "col")
    return listed
