"""Docstrings as reStructuredText: sections of arguments as lists, literals and references as they are, everything else escaped."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
HEADS = {"Args": "Arguments", "Attributes": "Attributes", "Returns": "Returns", "Yields": "Yields", "Raises": "Raises"}
_HEAD = re.compile(rf"({'|'.join(SECTIONS)}):\s*")
_ENTRY = re.compile(r"([`*\w][\w*`., ()\[\]=\"'|-]*?): +(\S.*)")
_MARKED = re.compile(r"(``.+?``|:[a-z:]+:`[^`]+`|(?<![\w`])`[^`]+`(?!`))", re.DOTALL)
_ITEM = re.compile(r"- |1\. |[2-9]\. ")
_ROLE = re.compile(r":[a-z:]+:`([^`]+)`")


class Parts:
    """A docstring in parts.

    Attributes:
        body: the lines of the description, doctests among them.
        sections: section to its entries, name to text; a section without names has one entry, "".
    """

    def __init__(self, text: str) -> None:
        self.body: list[str] = []
        self.sections: dict[str, dict[str, str]] = {}
        lines = inspect.cleandoc(text).splitlines()
        i = 0
        while i < len(lines):
            head = _HEAD.fullmatch(lines[i])
            if head is None:
                self.body.append(lines[i])
                i += 1
                continue
            i += 1
            inner: list[str] = []
            while i < len(lines) and (not lines[i].strip() or lines[i].startswith(" ")):
                inner.append(lines[i])
                i += 1
            self.sections[head.group(1)] = _entries(inner)
            self.body.append("")


def _entries(lines: list[str]) -> dict[str, str]:
    """Name to text; lines that are indented deeper go on with the entry before them."""
    text = inspect.cleandoc("\n".join(["", *lines])).splitlines()
    found: dict[str, str] = {}
    name = ""
    for line in text:
        entry = _ENTRY.fullmatch(line) if not line.startswith(" ") else None
        if entry is not None:
            name = entry.group(1)
            found[name] = entry.group(2)
        else:
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def fields_of(entries: Mapping[str, str]) -> dict[str, str]:
    """The entries one name each, where several share a text.

    >>> fields_of({"weights, value": "the best."})
    {'weights': 'the best.', 'value': 'the best.'}
    """
    return {one.strip().lstrip("*"): text for names, text in entries.items() for one in names.split(",")}


def inline(text: str, known: Mapping[str, str]) -> str:
    """Text of a paragraph: roles become links where their target is documented, else literals; what would be markup is escaped.

    >>> inline("|psi|^2 of :class:`Grid`, *not* `x`", {"Grid": "qml_dynamics.Grid"})
    '\\\\|psi\\\\|^2 of :py:obj:`Grid <qml_dynamics.Grid>`, \\\\*not\\\\* ``x``'
    """
    out = []
    for piece in _MARKED.split(text):
        role = _ROLE.fullmatch(piece)
        if role is not None:
            out.append(_link(role.group(1), known))
        elif piece.startswith("``"):
            out.append(piece)
        elif piece.startswith("`") and len(piece) > 2:
            out.append(f"`{piece}`")
        else:
            out.append(re.sub(r"([\\*|`]|_(?=\W|$))", r"\\\1", piece))
    return _apart(out)


def _apart(pieces: list[str]) -> str:
    """The pieces joined; literals and links that touch a word are parted from it by an escaped blank, as the markup demands."""
    text = ""
    for i, piece in enumerate(pieces):
        marked, touches = i % 2 == 1, bool(text) and bool(piece)
        touches = touches and re.match(r"\w", piece if not marked else text[-1]) is not None
        text += rf"\ {piece}" if touches else piece
    return text


def _link(target: str, known: Mapping[str, str]) -> str:
    shown, _, place = target.rpartition("<")
    place = (place.rstrip(">") if shown else target).strip()
    short = place.startswith("~")
    place = place.lstrip("~!.").removeprefix("qml_dynamics.")
    words = place.split(".")
    text = shown.strip() or (words[-1] if short else place)
    for start in range(len(words)):
        if ".".join(words[start:]) in known:
            return f":py:obj:`{text} <{known['.'.join(words[start:])]}>`"
    return f"``{text}``"


def body(lines: list[str], known: Mapping[str, str]) -> list[str]:
    """The description: paragraphs with their markup, doctests and indented text as literal blocks, lists as lists."""
    out: list[str] = []
    for block in _blocks(lines):
        if block[0].lstrip().startswith(">>>"):
            inner = inspect.cleandoc("\n".join(["", *block])).splitlines()
            out += [".. code-block:: pycon", "", *(f"   {line}" for line in inner), ""]
        elif block[0].startswith("==="):  # a table
            out += [*block, ""]
        elif block[0].startswith((" ", "|")):  # a formula as it stands
            out += ["::", "", *(f"   {line}" for line in block), ""]
        elif _ITEM.match(block[0]):
            out += [
                *(
                    line if _ITEM.match(line) else f"   {line.strip()}"
                    for line in inline("\n".join(block), known).splitlines()
                ),
                "",
            ]
        elif block[-1].endswith("::"):
            out += [*inline("\n".join(block)[:-1], known).splitlines(), ""]
        else:
            text = inline("\n".join(line.strip() for line in block), known)
            out += [
                *re.sub(r"(?m)^([-+]|\w{1,3}[.)])(?= )", r"\\\1", text).splitlines(),
                "",
            ]  # which are no items of a list
    return out


def _blocks(lines: list[str]) -> list[list[str]]:
    """Runs of lines between blank ones; a doctest begins a block of its own."""
    found: list[list[str]] = [[]]
    for line in lines:
        if not line.strip():
            found.append([])
        elif line.lstrip().startswith(">>>") and found[-1] and not found[-1][0].lstrip().startswith(">>>"):
            found.append([line])
        else:
            found[-1].append(line)
    return [block for block in found if block]


def section(head: str, entries: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    """A section as a bold word and a list."""
    if not entries:
        return []
    lines = [f"**{HEADS[head]}**", ""]
    for name, text in entries.items():
        lines.append(f"- ``{name}``: {inline(text, known)}" if name else f"- {inline(text, known)}")
    return [*lines, ""]
