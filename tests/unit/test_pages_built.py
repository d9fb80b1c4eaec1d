"""The built pages: no warning, nothing from the network, no broken link, formulas as MathML, a search that finds."""

from __future__ import annotations

import doctest
import json
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.stored.names import every_line, key
from tests.unit.test_pages import DOCS, ROOT, place
from tools.pages import choosing
from tools.pages.__main__ import COMMAND, marked

pytestmark = pytest.mark.slow
LOADS = {
    "script": "src",
    "link": "href",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "video": "src",
    "audio": "src",
}


class Page(HTMLParser):
    """What a page loads, links to, and can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.formulas = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down what a tag names."""
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        self.formulas += tag == "math"
        if LOADS.get(tag) in given and given.get("rel") not in ("canonical", "author"):
            self.loads.append(given[LOADS[tag]])
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages, built with warnings as errors."""
    out = tmp_path_factory.mktemp("pages")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(out / "trees")]
    done = subprocess.run([*command, str(DOCS), str(out / "html")], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return out / "html"


@cache
def read(path: Path) -> Page:
    """A page."""
    return Page(path.read_text(encoding="utf-8"))


def pages(built: Path) -> list[Path]:
    """All built pages."""
    return sorted(built.rglob("*.html"))


def test_pages_load_nothing_from_the_network(built: Path) -> None:
    loads = {each: path.name for path in pages(built) for each in read(path).loads}
    assert len(loads) > 10
    assert {each: name for each, name in loads.items() if re.match(r"(\w+:)?//", each)} == {}
    for sheet in built.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert re.findall(r"@import[^;]+|url\(\s*['\"]?(?:\w+:)?//[^)]*\)", text) == []


def test_formulas_are_mathml(built: Path) -> None:
    assert read(built / "mathematics.html").formulas > 80
    assert sum(read(path).formulas for path in pages(built)) > 450
    texts = "".join(path.read_text(encoding="utf-8") for path in pages(built))
    assert re.search(r"mathjax[^\"' ]*\.js|katex", texts.lower()) is None
    assert re.search(r"<math[^>]*display=.block", texts)


def test_a_fraction_is_read_as_tex_reads_it() -> None:
    from tools.pages import mathml  # which needs docutils, of the extra `docs`

    tried = doctest.testmod(mathml)
    assert (tried.failed, tried.attempted) == (0, 2)
    assert "<mn>2</mn>" in mathml.mathml(r"\tfrac23(V + W)")
    assert "<mn>23</mn>" not in mathml.mathml(r"\tfrac23(V + W)")


def test_no_link_is_broken(built: Path) -> None:
    broken, inner = [], 0
    for path in pages(built):
        for link in read(path).links:
            if re.match(r"\w+:", link):
                continue
            inner += 1
            target, _, anchor = link.partition("#")
            there = (path.parent / unquote(target)).resolve() if target else path
            if not there.is_file() or (anchor and there.suffix == ".html" and unquote(anchor) not in read(there).ids):
                broken.append(f"{path.name}: {link}")
    assert inner > 5000
    assert sorted(set(broken)) == []


def test_every_public_name_can_be_linked_to(built: Path) -> None:
    ids = {found for path in (built / "api").glob("*.html") for found in read(path).ids}
    names = [key(line) for line in every_line() if not line.startswith("$")]
    missing = [name for name in names if place(name) not in ids and f"module-{place(name)}" not in ids]
    assert [name for name in missing if place(name) != "qml_dynamics"] == []


def found(built: Path, *stems: str) -> set[str]:
    """The pages that the search finds for words, given by their stems."""
    text = (built / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    sets = []
    for stem in stems:
        where = [index[table].get(stem, []) for table in ("terms", "titleterms")]
        sets.append({n for each in where for n in ([each] if isinstance(each, int) else each)})
    return {index["docnames"][n] for n in set.intersection(*sets)}


def test_the_search_finds(built: Path) -> None:
    assert {"backends", "glossary"} <= found(built, "shot")
    assert {"methods", "glossary"} <= found(
        built, "post", "select"
    )  # post-selection: words as the search splits and stems them
    assert {"variational", "glossary", "api/contracts"} & found(built, "bound")
    assert "problem_files" in found(built, "durat")
    assert found(built, "xyzzy") == set()


def test_the_table_of_backends_is_as_it_is_made() -> None:
    assert marked("which_backend.md", "backends") == choosing.backends(), f"{COMMAND} makes it anew"
    assert "`statevector`" in marked("which_backend.md", "backends")
