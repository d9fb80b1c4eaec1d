"""A TOML writer for plain data, which the standard library only reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ...base.errors import ProblemError

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(sections: Mapping[str, Mapping[str, Any]], header: str = "") -> str:
    """Sections of keys as TOML text; inner mappings become inline tables, keys whose value is None are left out.

    >>> print(to_toml({"domain": {"kind": "grid", "qubits": [5, 3]}}))
    [domain]
    kind = "grid"
    qubits = [5, 3]
    <BLANKLINE>
    """
    parts = [f"# {line}" for line in header.splitlines()]
    parts += [""] if parts else []
    for name, keys in sections.items():
        parts.append(f"[{_key(name)}]")
        parts += [f"{_key(key)} = {_value(value)}" for key, value in keys.items() if value is not None]
        parts.append("")
    return "\n".join(parts)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + "}"
    raise ProblemError(f"Argument `value` must be plain data to be written to TOML, but is {value!r}.")
