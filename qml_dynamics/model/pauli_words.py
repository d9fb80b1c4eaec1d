"""Pauli words, their products, and the tokens of texts that write sums of them: see :mod:`.operator_text` for the grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

Wire = int | str
Word = frozenset[tuple[Wire, str]]  # the letters X, Y, Z of a string by wire or place; identities are left out
Terms = dict[Word, complex]

IDENTITY: Word = frozenset()
DEEPEST = 100  # brackets in one another that a text may have

WIRE = r"""-?\d+|'[^'\\\n]*'|"[^"\\\n]*\""""
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[jJ]?"
_TOKEN = re.compile(
    rf"""(?P<number>{_NUMBER}(?=[^\w.]|[IXYZP]|$))
    |(?P<infinite>(?:nan|inf(?:inity)?)[jJ]?\b)
    |(?P<numpy>np\.(?:float|complex|int)\d*(?=\())
    |(?P<sparse>SparsePauliOp(?=\())
    |(?P<coeffs>coeffs\s*=)
    |(?P<called>(?:Pauli[XYZ]|[XYZ]|I(?:dentity)?)\(\s*(?:wires\s*=\s*)?\[?\s*(?:(?:{WIRE})(?:\s*,\s*(?:{WIRE}))*)?\s*\]?\s*\))
    |(?P<indexed>[IXYZ]\d+(?=[^\w.]|[IXYZ]|$))
    |(?P<register>[IXYZ]q\[\d+\])
    |(?P<label>[IXYZ]+(?![\w(\[]))
    |(?P<quoted>'[^'\\\n]*'|"[^"\\\n]*")
    |(?P<mark>[-+*@()\[\]{{}},:])
    |(?P<line>\n)
    |(?P<blank>[^\S\n]+)""",
    re.VERBOSE,
)
_COMPLEX = rf"[+-]?{_NUMBER}(?:[+-](?=[^+-]*[jJ]){_NUMBER})?"
_ROW = re.compile(  # a word and its coefficient, as lists have them
    rf"""\s*(?P<quote>["']?)(?P<word>[IXYZ]+|[IXYZ]\d+(?:[ *@]*[IXYZ]\d+)*)(?P=quote)(?P<between>[^\S\n]*[,;:=|\t][^\S\n]*|[^\S\n]+)
    (?:\((?P<inner>{_COMPLEX})\)|(?P<number>{_COMPLEX}))\s*""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"""'[^'\\\n]*'|"[^"\\\n]*"|\#[^\n]*""")
PAULIS = ("called", "indexed", "register")
STARTS = ("number", "infinite", "numpy", "label", *PAULIS)
_TIMES = {  # (i, j) -> the phase and the letter of their product
    **{(p, p): (1, "") for p in "XYZ"},
    **{pair: (1j, rest) for pair, rest in ((("X", "Y"), "Z"), (("Y", "Z"), "X"), (("Z", "X"), "Y"))},
    **{pair: (-1j, rest) for pair, rest in ((("Y", "X"), "Z"), (("Z", "Y"), "X"), (("X", "Z"), "Y"))},
}


class Token(NamedTuple):
    """One token of a text: what kind it is, its characters, and where it starts."""

    kind: str
    text: str
    start: int


class Unreadable(Exception):
    """The text cannot be read from this place on."""

    def __init__(self, start: int, reason: str = "cannot be read") -> None:
        super().__init__(reason)
        self.start = start


@dataclass
class Reading:
    """What a text or a list of labels says.

    Attributes:
        terms: coefficient by word.
        lengths: of the labels with one letter a qubit; empty where the words name their qubits.
        wires: those that were named, in order of appearance.
        lone: whether there is a single ``I``: the identity among named qubits, or a label of one letter.
    """

    terms: Terms = field(default_factory=dict)
    lengths: set[int] = field(default_factory=set)
    wires: dict[Wire, None] = field(default_factory=dict)
    lone: bool = False

    def add(self, terms: Terms, factor: complex = 1.0) -> None:
        """Add ``factor`` times these terms."""
        for word, c in terms.items():
            self.terms[word] = self.terms.get(word, 0.0) + factor * c


def times(left: Terms, right: Terms) -> Terms:
    """The product of two sums, letter by letter with its phases: ``X Y = i Z``."""
    out: Terms = {}
    for a, c in left.items():
        for b, d in right.items():
            phase, word = _word_times(a, b)
            out[word] = out.get(word, 0.0) + phase * c * d
    return out


def _word_times(a: Word, b: Word) -> tuple[complex, Word]:
    if not a or not b:
        return 1.0, a or b
    letters, phase = dict(a), complex(1.0)
    for wire, letter in b:
        if wire not in letters:
            letters[wire] = letter
            continue
        turn, rest = _TIMES[letters.pop(wire), letter]
        phase *= turn
        if rest:
            letters[wire] = rest
    return phase, frozenset(letters.items())


def is_number(terms: Terms) -> bool:
    """Whether a sum has the identity as its only word, so that it is a number."""
    return terms.keys() == {IDENTITY}


def tokens_of(text: str) -> Iterator[Token]:
    """The tokens without blanks; line breaks only where they can part two terms."""
    depth, last = 0, ""
    for found in _raw(text):
        if found.kind == "blank" or (found.kind == "line" and (depth or last in ("", "+", "-", "*", "@", "\n", ","))):
            continue
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(found.text, 0)
        if depth > DEEPEST:
            raise Unreadable(found.start, f"has more than {DEEPEST} brackets in one another")
        last = found.text
        yield found


def _raw(text: str) -> Iterator[Token]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise Unreadable(place)
        yield Token(str(found.lastgroup), found.group(), place)
        place = found.end()


def without_comments(text: str) -> str:
    """A text with blanks in place of what stands behind ``#`` on its lines, quoted names apart.

    >>> without_comments("0.5 XX # bond")
    '0.5 XX       '
    """
    return _COMMENT.sub(lambda found: " " * len(found[0]) if found[0].startswith("#") else found[0], text)


def _unclear(row: re.Match[str]) -> bool:
    """Whether a word and a signed number stand beside each other with nothing but blanks between."""
    return not row["quote"] and (row["number"] or "0")[0] in "+-" and not row["between"].strip(" ")


def coefficients_first(text: str) -> str:
    """A list with a word and its coefficient on every line, ``ZZ -1.0``, in the order of the grammar; any other text as it is.

    Raises:
        Unreadable: for a line that may be a product or a sum, ``ZZ -1.0``, alone or among lines of another kind.

    >>> coefficients_first("ZZ -1.0\\nXI\\t0.5")
    '(-1.0) ZZ\\n(0.5) XI'
    """
    rows = [_ROW.fullmatch(line) for line in text.split("\n") if line.strip()]
    found = [row for row in rows if row is not None]
    unclear = [row for row in found if _unclear(row)]
    if unclear and (len(rows) == 1 or len(found) < len(rows)):  # alone, or among lines of another kind
        word, number = unclear[0]["word"], unclear[0]["number"]
        raise Unreadable(0, f"may be a product or a sum: write {number} {word}, or {word} {number[0]} {number[1:]}")
    if not found or len(found) < len(rows):
        return text
    return "\n".join(f"({row['inner'] or row['number']}) {row['word']}" for row in found)


def term_at(text: str, place: int) -> str:
    """The term of a text, between two signs outside of brackets, in which a place lies."""
    start = depth = 0
    for i, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        parts = sign in "\n," if depth <= 0 else False
        signs = depth <= 0 and sign in "+-" and (i == 0 or text[i - 1] not in "eE*@")
        if not parts and not signs:
            continue
        if i >= place and text[start:i].strip() and i > start:
            return text[start:i].strip()
        start = i + 1 if parts or sign == "+" else i
    return text[start:].strip() or text.strip()
