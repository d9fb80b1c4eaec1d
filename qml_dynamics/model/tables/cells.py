"""What the text of one cell of a table stands for: nothing, a number, a truth value, a percentage, a date, or a label."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable

# Texts that say that a value is missing, whatever the column holds.
MISSING = frozenset({"", "?", "na", "n/a", "#n/a", "nan", "null", "<na>", "nat"})
# Among numbers these can be nothing else either; as words of a category they may be values.
MISSING_AMONG_NUMBERS = MISSING | {"-", "--", ".", "none", "n.a.", "(null)", "\\n", "#div/0!", "#value!", "#ref!"}
TRUTH = (
    ("false", "true"),
    ("no", "yes"),
    ("f", "t"),
    ("n", "y"),
    ("off", "on"),
    ("nein", "ja"),
    ("falsch", "wahr"),
    ("non", "oui"),
    ("faux", "vrai"),
)
MARKS = (".", ",")

_BLANKS = "'’ \u00a0\u202f"
_GROUPED = {
    ".": re.compile(rf"([+-]?)([1-9]\d{{0,2}})([,{_BLANKS}])(\d{{3}}(?:\3\d{{3}})*)(\.\d+)?", re.ASCII),
    ",": re.compile(rf"([+-]?)([1-9]\d{{0,2}})([.{_BLANKS}])(\d{{3}}(?:\3\d{{3}})*)(,\d+)?", re.ASCII),
}
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", re.ASCII)
_FORTRAN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))[dD]([+-]\d{2,3})", re.ASCII)  # double precision
_INFINITE = frozenset({"inf", "infinity"})
_DAY = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?"
    r"|\d{1,4}/\d{1,2}/\d{1,4}(?: \d{1,2}:\d{2}(?::\d{2})?(?: ?[AP]M)?)?"
    r"|\d{4}\.\d{1,2}\.\d{1,2}|\d{4}-(?:0[1-9]|1[0-2])|(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\."
    r"|\d{1,2}\.\d{1,2}\.\d{2,4}(?: \d{1,2}:\d{2}(?::\d{2})?)?"
    r"|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AP]M)?"
    r"|\d{1,2}[- .]+[A-Za-z]{3,9}[- .,]+\d{2,4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{2,4}",
    re.ASCII | re.IGNORECASE,
)
_DRESSED = re.compile(
    r"\((?:[$€£¥₹] ?)?([^()]*\d[^()]*)\)|[+-]?(?:[$€£¥₹] ?|[A-Z]{3} )([+-]?[\d.,].*)|(.*\d) ?[$€£¥₹]|(.*\d) [A-Za-zµ°Ω/²³]{1,6}"
)
_MONTHS = frozenset(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
_COMPACT_DAY = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_MONTH = re.compile(r"(?:0[1-9]|1[0-2])[.](?:19|20)\d{2}", re.ASCII)
_COMPACT_MONTH = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])", re.ASCII)
_CLOCK = re.compile(
    r"(?:.*[ _.-])?(?:time|timestamp|epoch|datetime|date|ts)(?:[ _.-]?(?:s|sec|ms|us|ns|utc|unix))?|unix[ _.-]?time",
    re.IGNORECASE,
)
_EPOCH = (946_684_800, 2_051_222_400)  # seconds since 1970 at the start of 2000 and of 2035


def is_missing(cell: str) -> bool:
    """Whether a cell says that its value is missing.

    >>> [is_missing(cell) for cell in ("?", "", "NaN", "n/a", "none", "0")]
    [True, True, True, True, False, False]
    """
    return cell.lower() in MISSING


def number(cell: str, mark: str = ".") -> float | None:
    """The number that a cell is, with ``mark`` before its decimals and, perhaps, marks between its thousands; None for other text.

    >>> number("1,200"), number("1.200,5", ","), number("7,4", ","), number("7,4"), number("1_0"), number("-inf")
    (1200.0, 1200.5, 7.4, None, None, -inf)
    >>> number("0.125D+02")
    12.5
    """
    text = cell.replace("\u2212", "-")
    if mark == "." and ("D" in text or "d" in text):
        text = _FORTRAN.sub(r"\1e\2", text) if _FORTRAN.fullmatch(text) else text
    plain = _plain(text) if mark == "." or not ("," in text or "." in text) else None
    if plain is not None:
        return plain
    grouped = _GROUPED[mark].fullmatch(text)
    if grouped is not None:
        sign, first, between, rest, decimals = grouped.groups()
        return _plain(sign + first + rest.replace(between, "") + (decimals or "").replace(",", "."))
    return _plain(text.replace(",", ".")) if mark == "," and _COMMA.fullmatch(text) else None


def _plain(text: str) -> float | None:
    """A number as Python writes it, but for underscores and digits of other scripts."""
    bare = text.lstrip("+-")
    if not text.isascii() or "_" in text or not (bare[:1].isdigit() or bare[:1] == "."):
        return math.copysign(math.inf, -1 if text.startswith("-") else 1) if bare.lower() in _INFINITE else None
    try:
        return float(text)
    except ValueError:
        return None


def is_either(cell: str) -> bool:
    """Whether a cell is one number with decimal points and another one with decimal commas.

    >>> [is_either(cell) for cell in ("1.200", "1,200 %", "1.20", "1200", "1.200,5")]
    [True, True, False, False, False]
    """
    text = cell.rstrip("% ")
    return ("," in text or "." in text) and all(number(text, mark) is not None for mark in MARKS)


def percentage(cell: str, mark: str = ".") -> float | None:
    """The number that a percentage is, one hundredth of what stands before the sign; None for other text.

    >>> percentage("12.5 %"), percentage("12.5")
    (0.125, None)
    """
    found = number(cell[:-1].rstrip(), mark) if cell.endswith("%") else None
    return None if found is None else found / 100


def is_value(cell: str) -> bool:
    """Whether a cell is a number or a percentage, whatever stands before its decimals.

    >>> is_value("1.200,5"), is_value("7 %"), is_value("m/s")
    (True, True, False)
    """
    return any(number(cell, mark) is not None or percentage(cell, mark) is not None for mark in MARKS)


def is_dressed(cell: str) -> bool:
    """Whether a cell is a number with a sign of currency, with a unit behind a blank, or in brackets as bookkeepers write negative ones.

    >>> [is_dressed(cell) for cell in ("$1,200.50", "3.622,28 €", "12.5 kg", "USD 7", "(3.5)", "-$4")]
    [True, True, True, True, True, True]
    >>> [is_dressed(cell) for cell in ("12.5", "7 %", "12B", "B 12 x", "kg")]
    [False, False, False, False, False]
    """
    found = _DRESSED.fullmatch(cell)
    if found is None or is_value(cell):
        return False
    return is_value(next(inner for inner in found.groups() if inner is not None))


def truth_words(cells: Iterable[str]) -> tuple[str, str] | None:
    """The pair of words for false and true that all these cells are of, or None.

    >>> truth_words(["Yes", "no"]), truth_words(["yes", "false"])
    (('no', 'yes'), None)
    """
    found = {cell.lower() for cell in cells}
    return next((pair for pair in TRUTH if found <= set(pair)), None) if found else None


def is_date(cell: str) -> bool:
    """Whether a cell is a day or a time of day.

    >>> [is_date(cell) for cell in ("2024-01-31", "31.01.2024", "3 May 2021", "12:30", "2024", "1.5", "may 12 17")]
    [True, True, True, True, False, False, True]
    """
    if _DAY.fullmatch(cell) is None:
        return False
    letters = re.findall(r"[A-Za-z]{3,}", cell)
    return all(word[:3].lower() in _MONTHS or word.upper() == "UTC" for word in letters)


def is_compact_day(cell: str) -> bool:
    """Whether a cell is a day written with eight digits, ``20240131``."""
    return _COMPACT_DAY.fullmatch(cell) is not None


def are_times(name: str, cells: Collection[str]) -> bool:
    """Whether all of two or more numbers are days (``20240131``) or months (``03.2024``; three or more: ``202403``).

    Under a name such as ``timestamp`` also seconds since 1970, or thousandths, millionths and billionths of them.

    >>> are_times("m", ["03.2024", "11.2024"]), are_times("x", ["3.2024", "11.2024"]), are_times("time", ["1.5e9", "1.6e9"])
    (True, False, True)
    """
    if len(cells) < 2:
        return False
    if all(map(is_compact_day, cells)) or all(map(_MONTH.fullmatch, cells)):
        return True
    if len(cells) > 2 and all(map(_COMPACT_MONTH.fullmatch, cells)):
        return True
    if _CLOCK.fullmatch(name) is None:
        return False
    values = [number(cell) for cell in cells]
    low, high = _EPOCH
    return any(all(v is not None and low * unit <= v < high * unit for v in values) for unit in (1, 1e3, 1e6, 1e9))


def is_integer(cell: str) -> bool:
    """Whether a cell is an integer, as its text shows it."""
    return cell.isascii() and cell.lstrip("+-").isdigit()


def label_value(label: object) -> float | None:
    """The number that a label stands for: truth values are 0 and 1; None for a word.

    >>> label_value(False), label_value("True"), label_value("1.0"), label_value("cat")
    (0.0, 1.0, 1.0, None)
    """
    if not isinstance(label, str):
        try:
            return float(label)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return None
    words = truth_words([label])
    if words in TRUTH[:2]:
        return float(label.lower() == words[1])
    return number(label)


def same_label(given: object, label: str) -> bool:
    """Whether a label that was given means one of a table: the same text, or the same value.

    >>> same_label(0, "False"), same_label(True, "1.0"), same_label("a", "a"), same_label(1, "one")
    (True, True, True, False)
    """
    if str(given) == label:
        return True
    value = label_value(given)
    return value is not None and value == label_value(label)
