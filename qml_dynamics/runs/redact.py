"""Credentials never reach a file, a log or an error message of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from ..errors import BackendError

_NAMES = re.compile(r"token|secret|passw|api_?key|credential|authorization|instance_?crn", re.IGNORECASE)
_SPOKEN = re.compile(
    r"\b(bearer\s+|(?:api_?key|token|secret|password|authorization)[\"']?\s*[:=]\s*[\"']?(?:bearer\s+)?)[^\s\"',;&}]+",
    re.IGNORECASE,
)
_LONG = re.compile(r"[A-Za-z0-9_+=-]{40,}")  # keys of the vendors are longer than any id of a job
_HIDDEN = "[hidden]"


def redacted(text: object) -> str:
    """A text without what is, or looks like, a credential.

    Hidden are the values of environment variables whose names speak of one, what follows ``Bearer``, ``token=`` and their
    like, and unbroken runs of 40 letters and more.

    >>> redacted("401: apikey=abcdefgh was refused")
    '401: apikey=[hidden] was refused'
    """
    out = str(text)
    for name, value in os.environ.items():
        if _NAMES.search(name) and len(value) >= 8:
            out = out.replace(value, _HIDDEN)
    return _LONG.sub(_HIDDEN, _SPOKEN.sub(lambda found: found[1] + _HIDDEN, out))


def without_credentials(data: Any) -> Any:
    """Plain data without the keys that name a credential, and with its texts redacted."""
    if isinstance(data, Mapping):
        return {str(k): without_credentials(v) for k, v in data.items() if not _NAMES.search(str(k))}
    if isinstance(data, (list, tuple)):
        return [without_credentials(v) for v in data]
    return redacted(data) if isinstance(data, str) else data


def refuse_credentials(options: Mapping[str, Any]) -> None:
    """Raise :class:`BackendError` when the options of a backend name a credential."""
    for name in options:
        if _NAMES.search(name):
            raise BackendError(
                f"Argument `options` must not hold a credential, but names {name!r}: credentials come from the "
                "vendor's own store or from the environment."
            )
