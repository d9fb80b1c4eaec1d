"""Sums of Pauli strings written as text, as OpenFermion, HamLib, InQuanto, pytket, XACC, Qiskit and PennyLane print them.

One grammar reads them all, by a tokeniser and recursive descent; nothing is evaluated::

    sum     = [sign] product {(sign | line break | ",") product}
    product = factor {["*" | "@"] factor}
    factor  = number | Pauli | label | "(" sum ")" | "(" number "," [sum] ")" | "[" {Pauli} "]"

A Pauli names its qubit (``X0``, ``X(0)``, ``X('a')``, ``Xq[0]``); a label has one letter a qubit (``XIZ``). Qubit or wire 0, and
the first letter of a label, is the first tensor factor, which is the highest qubit of the register. Beside this there are the three
printed containers ``SparsePauliOp([labels], coeffs=[numbers])``, ``{word: number, ...}`` and ``[(word, number), ...]``, and lists with
a word and its coefficient on every line. What stands behind ``#`` is left out.
"""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Callable
from typing import NoReturn

from ..base.errors import ProblemError, describe, line
from .pauli_words import (
    IDENTITY,
    PAULIS,
    STARTS,
    WIRE,
    Reading,
    Terms,
    Token,
    Unreadable,
    Wire,
    coefficients_first,
    is_number,
    term_at,
    times,
    tokens_of,
    without_comments,
)

_COMMA = "has a comma in or behind a number: write 0.5"


def read_text(text: str, name: str) -> Reading:
    """The sum that a text says.

    Args:
        text: as one of the libraries prints it.
        name: the argument, for messages.

    Raises:
        ProblemError: with the term that cannot be read.

    >>> sorted(read_text("-0.5 [Z0 Z1] + 0.25 []", "operator").terms.values(), key=abs)
    [(0.25+0j), (-0.5+0j)]
    """
    reading, text = Reading(), without_comments(text)
    try:
        text = coefficients_first(text)
        tokens = list(tokens_of(text))
        reading.add(_Parser(tokens, reading).whole())
    except Unreadable as error:
        term = describe(term_at(text, error.start))
        raise ProblemError(
            f"Argument `{name}` must be a sum of Pauli strings that can be read, but its term {term} {error}."
        ) from None
    return reading


def read_word(label: str, reading: Reading, name: str) -> Terms:
    """A word without a coefficient, ``XIZ``, ``X0 Z2`` or ``""``, as terms; what it names is noted in ``reading``.

    >>> read_word("Y1 X1", Reading(), "operator")                # i.e. -i Z1
    {frozenset({(1, 'Z')}): -1j}
    """
    try:
        return _word(label, reading)
    except Unreadable:
        raise ProblemError(
            f"Argument `{name}` must have labels like 'XIZ' or 'X0 Z2', letters I, X, Y, Z, but has {describe(label)}."
        ) from None


def _word(label: str, reading: Reading) -> Terms:
    tokens = [token for token in tokens_of(label) if token.kind != "line"]
    if any(token.kind not in ("label", *PAULIS) and token.text not in "[]()@*," for token in tokens):
        raise Unreadable(0)
    if not tokens:
        return {IDENTITY: 1.0}
    return _Parser(tokens, reading).only_product()


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, tokens: list[Token], reading: Reading) -> None:
        self.tokens, self.place, self.reading = tokens, 0, reading

    def whole(self) -> Terms:
        """The whole text: a container, or a sum."""
        first, second = self._peek(), self._peek(1)
        if first is None:
            return {}
        if first.kind == "sparse":
            found = self._sparse_pauli_op()
        elif first.text == "{":
            found = self._container("}", self._entry)
        elif first.text == "[" and second is not None and second.text == "(":
            found = self._container("]", self._pair)
        else:
            found = self._top()
        self._took("\n")  # at the end of a file
        if self._peek() is not None:
            self._fail()
        return found

    def only_product(self) -> Terms:
        """One product, to the end."""
        found = self._product()
        if self._peek() is not None:
            self._fail()
        return found

    # -- tokens

    def _peek(self, ahead: int = 0) -> Token | None:
        place = self.place + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def _sees(self, *texts: str) -> bool:
        token = self._peek()
        return token is not None and token.kind in ("mark", "line") and token.text in texts

    def _took(self, *texts: str) -> bool:
        if self._sees(*texts):
            self.place += 1
            return True
        return False

    def _must(self, text: str) -> None:
        if not self._took(text):
            self._fail()

    def _fail(self, reason: str = "cannot be read", at: int | None = None) -> NoReturn:
        token = self._peek() if at is None else self.tokens[at]
        last = self.tokens[-1]
        raise Unreadable(token.start if token else last.start + len(last.text) - 1, reason)

    # -- sums

    def _top(self) -> Terms:
        """A sum whose terms signs, line breaks or commas part; a sign may stand at its end, where a printed sum was cut."""
        total = Reading()
        lines, bare = False, list[int]()
        while self._peek() is not None:
            at, minus = self.place, self._signs()
            if self._peek() is None and at and not minus:
                break
            first = self.place
            total.add(self._product(), -1.0 if minus else 1.0)
            bare += [] if any(t.kind in ("number", "infinite") for t in self.tokens[first : self.place]) else [first]
            if self._sees(",") and self._cuts_a_number(first):
                self._fail(_COMMA, first)
            if self._took("\n", ","):
                lines = lines or not (self._peek() is None or self._sees("+", "-"))
            elif self._peek() is not None and not self._sees("+", "-"):
                self._fail()
        if lines and bare:
            self._fail("has no coefficient on its line", bare[0])
        return total.terms

    def _cuts_a_number(self, first: int) -> bool:
        """Whether the comma here follows a number alone, or stands between two numbers without a blank."""
        comma, before, after = self.tokens[self.place], self.tokens[self.place - 1], self._peek(1)
        touches = after is not None and after.kind == "number" and after.start == comma.start + 1
        alone = (
            all(token.kind in ("number", "mark") for token in self.tokens[first : self.place]) and before.text != ")"
        )
        return before.kind == "number" and (touches or alone)

    def _signs(self) -> bool:
        """Whether an odd number of minus signs stands here."""
        minus = False
        while self._sees("+", "-"):
            minus ^= self._sees("-")
            self.place += 1
        return minus

    def _sum(self) -> Terms:
        """A sum inside of brackets."""
        total = Reading()
        minus = self._signs()
        total.add(self._product(), -1.0 if minus else 1.0)
        while self._sees("+", "-"):
            minus = self._signs()
            total.add(self._product(), -1.0 if minus else 1.0)
        return total.terms

    def _product(self) -> Terms:
        """Factors, with or without a sign between them; a number without a sign stands first or last, and once."""
        at = self.place
        found = self._factor()
        numbers, closed = self._only_numbers(at), False
        labels = self.tokens[at].kind == "label"
        while True:
            explicit = self._took("*", "@")
            if not explicit and not self._begins():
                return found
            at, minus = self.place, self._signs() if explicit else False
            factor = self._factor()
            number, label = self._only_numbers(at), self.tokens[at].kind == "label"
            if not explicit and (closed or (number and numbers) or (label and labels)):
                self._fail(at=at)
            closed = closed or (number and not explicit)
            numbers, labels = numbers or number, labels or label
            found = times(found, factor if not minus else {word: -c for word, c in factor.items()})

    def _only_numbers(self, start: int) -> bool:
        """Whether no letter and no identity stands between a token and this place."""
        return all(t.kind not in ("label", *PAULIS) and t.text != "[" for t in self.tokens[start : self.place])

    def _begins(self) -> bool:
        token = self._peek()
        return token is not None and (token.kind in STARTS or (token.kind == "mark" and token.text in "(["))

    def _factor(self) -> Terms:
        token = self._peek()
        if token is None or (token.kind == "mark" and token.text not in "(["):
            self._fail()
        self.place += 1
        if token.kind in ("number", "infinite"):
            value = _number(token.text)
            if token.kind == "number" and not cmath.isfinite(value):
                self._fail(f"has the number {line(token.text, 40)}, which is too large", self.place - 1)
            return {IDENTITY: value}
        if token.kind in PAULIS:
            return self._pauli(token)
        if token.kind == "label":
            return self._label(token.text)
        if token.kind == "numpy":
            self._must("(")
            inner = self._sum()
            self._must(")")
            return inner
        if token.text == "(":
            return self._bracket()
        if token.text == "[":
            return self._word_in_brackets()
        self.place -= 1
        self._fail()

    def _bracket(self) -> Terms:
        """``(sum)``; ``(number, word)`` and ``(number, )`` as InQuanto prints a term; ``(re, im)`` as C++ prints a number."""
        at = self.place
        left = self._sum()
        if not self._took(","):
            self._must(")")
            return left
        if not is_number(left):
            self._fail(at=at)
        right: Terms = {IDENTITY: 1.0}
        if not self._sees(")"):
            first = self.place
            right = self._sum()
            kinds = {token.kind for token in self.tokens[first : self.place]}
            plain = kinds <= {"number", "mark"}
            if not plain and "number" in kinds:
                self._fail(_COMMA, at)
            if plain and is_number(right):
                left, right = {IDENTITY: left[IDENTITY] + 1j * right[IDENTITY]}, {IDENTITY: 1.0}
        self._must(")")
        return times(left, right)

    def _word_in_brackets(self) -> Terms:
        """``[X0 Y1]``, and the identity ``[]``."""
        found: Terms = {IDENTITY: 1.0}
        while not self._took("]"):
            token = self._peek()
            if token is None or token.kind not in PAULIS:
                self._fail()
            self.place += 1
            found = times(found, self._pauli(token))
        return found

    # -- letters

    def _pauli(self, token: Token) -> Terms:
        """A letter that names its wire; the identity may name several, or none."""
        letter = token.text.removeprefix("Pauli")[0]
        if token.kind == "called":
            inner = token.text[token.text.index("(") + 1 : -1].split("=")[-1].strip(" []\t\n")
            wires: list[Wire] = [_wire(part) for part in re.findall(WIRE, inner)]
        else:
            wires = [int(token.text.strip("]").lstrip("IXYZq["))]
        if letter != "I" and len(wires) != 1:
            self._fail(at=self.place - 1)
        self.reading.wires |= dict.fromkeys(wires)
        return {IDENTITY if letter == "I" else frozenset({(wires[0], letter)}): 1.0}

    def _label(self, text: str) -> Terms:
        """A letter a qubit, by place; a single I may also be the identity among words that name their qubits."""
        if text == "I":
            self.reading.lone = True
        else:
            self.reading.lengths.add(len(text))
        return {frozenset((i, letter) for i, letter in enumerate(text) if letter != "I"): 1.0}

    # -- containers

    def _container(self, end: str, entry: Callable[[], Terms]) -> Terms:
        total = Reading()
        self.place += 1
        while not self._took(end):
            total.add(entry())
            if not self._took(",") and not self._sees(end):
                self._fail()
        return total.terms

    def _key(self) -> Terms:
        """A quoted word, or ``(Xq[0], Yq[1])`` as pytket prints it."""
        token = self._peek()
        if token is not None and token.kind == "quoted":
            self.place += 1
            try:
                return _word(token.text[1:-1], self.reading)
            except Unreadable:
                self._fail(at=self.place - 1)
        self._must("(")
        found: Terms = {IDENTITY: 1.0}
        while not self._took(")"):
            token = self._peek()
            if token is None or token.kind not in PAULIS:
                self._fail()
            self.place += 1
            found = times(found, self._pauli(token))
            if not self._took(",") and not self._sees(")"):
                self._fail()
        return found

    def _entry(self) -> Terms:
        """``key: number``."""
        key = self._key()
        self._must(":")
        return times(self._scalar(), key)

    def _pair(self) -> Terms:
        """``('XIZ', number)``."""
        self._must("(")
        key = self._key()
        self._must(",")
        found = times(self._scalar(), key)
        self._must(")")
        return found

    def _scalar(self) -> Terms:
        at = self.place
        found = self._sum()
        if not is_number(found) or not self._only_numbers(at):
            self._fail(at=at)
        return found

    def _sparse_pauli_op(self) -> Terms:
        """``SparsePauliOp(['XI', ...], coeffs=[1.+0.j, ...])``; a list that was printed with dots in it cannot be read."""
        self.place += 1
        self._must("(")
        self._must("[")
        keys: list[Terms] = []
        while not self._took("]"):
            keys.append(self._key())
            if not self._took(",") and not self._sees("]"):
                self._fail()
        self._must(",")
        token = self._peek()
        if token is None or token.kind != "coeffs":
            self._fail()
        self.place += 1
        self._must("[")
        total = Reading()
        for i, key in enumerate(keys):
            if i:
                self._must(",")
            total.add(times(self._scalar(), key))
        self._must("]")
        self._must(")")
        return total.terms


def _number(text: str) -> complex:
    if text[:3].lower() in ("nan", "inf"):
        return complex(math.nan)
    return complex(text)


def _wire(text: str) -> Wire:
    return text[1:-1] if text[0] in "'\"" else int(text)
