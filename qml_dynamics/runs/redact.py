"""Credentials kept out of all files: refused in options, left out of descriptions, masked in texts."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..backends.base import Backend
from ..backends.failures import names_a_credential
from ..backends.failures import without_credentials as without_credentials
from ..base.errors import BackendError, describe
from ..results.trajectory import plain


def compiled_as(backend: Backend) -> str | None:
    """What a backend says of how it compiled the last circuits (``describe()["compiled"]``), as JSON."""
    said = backend.describe().get("compiled")
    return json.dumps(without_credentials(plain(said)), default=str) if said else None


def refuse_credentials(options: Mapping[str, object]) -> None:
    """Raise :class:`BackendError` when the options of a backend name a credential."""
    for name in options:
        if names_a_credential(name):
            raise BackendError(
                f"Argument `options` must not hold a credential, but names {describe(name)}: credentials come from the "
                "vendor's own store or from the environment."
            )
