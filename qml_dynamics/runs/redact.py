"""Credentials never reach a file of ours: refused in options, left out of descriptions, hidden in texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..backends.failures import redacted
from ..base.errors import BackendError
from ..results.trajectory import plain

_NAMES = re.compile(r"token|secret|passw|api_?key|access_key|credential|authorization", re.IGNORECASE)
_WHOLE = 10**9  # descriptions are not shortened


def without_credentials(data: Any) -> Any:
    """Plain data without the keys that name a credential, and with credentials hidden in its texts.

    >>> without_credentials({"name": "device", "api_key": "abc", "note": "token=abcdefgh"})
    {'name': 'device', 'note': 'token=[hidden]'}
    """
    if isinstance(data, Mapping):
        return {str(k): without_credentials(v) for k, v in data.items() if not _NAMES.search(str(k))}
    if isinstance(data, (list, tuple)):
        return [without_credentials(v) for v in data]
    return redacted(data, _WHOLE) if isinstance(data, str) else data


def compiled_as(backend: Any) -> str | None:
    """What a backend says of how it compiled the last circuits (``describe()["compiled"]``), as JSON."""
    said = backend.describe().get("compiled")
    return json.dumps(without_credentials(plain(said)), default=str) if said else None


def refuse_credentials(options: Mapping[str, Any]) -> None:
    """Raise :class:`BackendError` when the options of a backend name a credential."""
    for name in options:
        if _NAMES.search(name):
            raise BackendError(
                f"Argument `options` must not hold a credential, but names {name!r}: credentials come from the "
                "vendor's own store or from the environment."
            )
