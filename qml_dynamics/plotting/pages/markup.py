"""Elements of HTML and SVG whose texts and attributes are escaped when they are written: no text can become markup.

A module of its own: the one place where characters become a page, so that a column called ``<script>`` stays a text.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...base.errors import ProblemError
from ...base.estimate import Estimate

VOID = frozenset({"meta", "input", "br", "hr"})
_RAW = frozenset({"style", "script"})  # constants of this package only: see `constant`
# Characters that HTML does not allow, halves of surrogate pairs, and marks that turn the direction of the text around them.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Element:
    """An element: its name, attributes and children; ``str`` writes it.

    >>> print(element("p", "a < b", class_="note"))
    <p class="note">a &lt; b</p>
    """

    name: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Element | str, ...]

    def __str__(self) -> str:
        words = "".join(f' {key}="{escaped(value)}"' for key, value in self.attributes)
        if self.name in VOID:
            return f"<{self.name}{words}>"
        if self.name in _RAW:
            return f"<{self.name}{words}>{''.join(map(str, self.children))}</{self.name}>"
        inside = "".join(escaped(child) if isinstance(child, str) else str(child) for child in self.children)
        return f"<{self.name}{words}>{inside}</{self.name}>"


Child = Element | str | None
Attribute = str | float | bool | None


def escaped(text: str) -> str:
    """Text for HTML: markup characters as entities, characters that no page may hold as replacement characters.

    >>> escaped("<b>"), escaped("a\\x00b") == "a\\ufffdb"
    ('&lt;b&gt;', True)
    """
    return html.escape(_UNFIT.sub("\ufffd", text))


def element(name: str, /, *children: Child | Iterable[Child], **attributes: Attribute) -> Element:
    """An element; texts are escaped, children and attributes that are None or False are left out.

    An underscore at the end of a name is dropped (``class_``), others become hyphens; True is an attribute without a value.
    """
    inside: list[Element | str] = []
    for child in children:
        if isinstance(child, Element | str):
            inside.append(child)
        elif child is not None:
            inside += [each for each in child if each is not None]
    if name in _RAW and not all(isinstance(child, Constant) for child in inside):
        raise ProblemError(f"Argument `children` of <{name}> must be constants of the package.")
    said = [
        (key.rstrip("_").replace("_", "-"), "" if value is True else plain_number(value))
        for key, value in attributes.items()
        if value is not None and value is not False
    ]
    return Element(name, tuple(said), tuple(inside))


class Constant(str):
    """A text of this package, written as it is inside ``<style>`` and ``<script>``."""


def plain_number(value: str | float | int) -> str:
    """An attribute: a text, or a number with at most two decimals, which a picture of some hundred units needs.

    >>> plain_number(3.14159), plain_number(2.0), plain_number("x")
    ('3.14', '2', 'x')
    """
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def data(value: float | int | None, text: str | None = None) -> Element | str:
    """A number as text, with all its digits in the attribute ``value``; None and what is not finite in words.

    >>> print(data(0.123456789))
    <data value="0.123456789">0.123457</data>
    """
    if value is None:
        return "not known"
    if not math.isfinite(value):
        return str(value)
    shown = text if text is not None else f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
    return element("data", shown, value=repr(float(value)) if isinstance(value, float) else repr(int(value)))


def estimate(value: float, stderr: float | None, shots: int | None = None) -> Element | str:
    """A value with its standard error, rounded to two digits of it; both have all their digits in the attribute.

    >>> print(estimate(0.98222, 0.0065))
    <span class="number"><data value="0.98222">0.9822</data> ± <data value="0.0065">0.0065</data></span>
    """
    shown, _, error = str(Estimate(value, stderr or 0.0, shots)).partition(" +- ")
    if stderr is None or not error:
        return data(value, shown)
    return element("span", data(value, shown), " ± ", data(stderr, error), class_="number")


def table(head: Iterable[str], rows: Iterable[Iterable[Child]], caption: str, label: str | None = None) -> Element:
    """A table whose first cell of each row is its heading, in a region that scrolls where it is too wide."""
    body = []
    for row in rows:
        first, *rest = row
        body.append(element("tr", element("th", first, scope="row"), [element("td", cell) for cell in rest]))
    top = element("tr", [element("th", name, scope="col") for name in head])
    inner = element("table", element("caption", caption), element("thead", top), element("tbody", body))
    return element("div", inner, class_="scroll", role="region", tabindex="0", aria_label=label or caption)


def pairs(rows: Iterable[tuple[str, Child]], caption: str) -> Element:
    """A table of names and what they are, without a line of headings."""
    body = [element("tr", element("th", name, scope="row"), element("td", value)) for name, value in rows]
    inner = element("table", element("caption", caption), element("tbody", body), class_="pairs")
    return element("div", inner, class_="scroll", role="region", tabindex="0", aria_label=caption)


def code(text: str, label: str) -> Element:
    """Lines of code that scroll where they are too wide."""
    return element("pre", element("code", text), tabindex="0", role="region", aria_label=label)
