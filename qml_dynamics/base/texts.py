"""TOML and JSON of unknown origin, read with one kind of error: a ``ValueError`` that says what is wrong in one line.

Both readers of Python's library raise other errors too: for an integer of more digits than Python reads, and for arrays that are
nested deeper than its stack. What is nested deeper than :data:`DEEPEST` is refused, so that whoever walks it has room.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any

DEEPEST = 100


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    >>> parse_toml("a = [1, 2]")
    {'a': [1, 2]}
    >>> parse_toml("a = " + "[" * 5000 + "]" * 5000)
    Traceback (most recent call last):
    ValueError: it is nested deeper than 100 levels
    """
    return _read(tomllib.loads, text)  # type: ignore[no-any-return]


def parse_json(text: str | bytes) -> Any:
    """What a JSON text holds.

    >>> parse_json('{"a": 1}')
    {'a': 1}
    >>> parse_json("1" + "0" * 5000)
    Traceback (most recent call last):
    ValueError: it holds an integer of too many digits
    """
    return _read(json.loads, text)


def _read(parse: Callable[[Any], Any], text: str | bytes) -> Any:
    try:
        found = parse(text)
    except RecursionError:
        found = None
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(" ".join(str(error).split()).removesuffix(".")) from None
    except ValueError:
        raise ValueError("it holds an integer of too many digits") from None
    else:
        if not _deeper(found):
            return found
    raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None


def _deeper(found: Any) -> bool:
    """Whether containers are nested deeper than that, level by level."""
    level = [found]
    for _ in range(DEEPEST + 1):
        inner = [v for v in level if isinstance(v, (dict, list))]
        if not inner:
            return False
        level = [w for v in inner for w in (v.values() if isinstance(v, dict) else v)]
    return True
