"""The backend of a run folder opened again by name and options or handed over, and checked to be the one of the run."""

from __future__ import annotations

import json
from typing import Any, TypedDict

from ..backends import backend as find_backend
from ..backends.base import Backend, capabilities
from ..backends.description import LASTING, lasting
from ..backends.options import DeviceOptions
from ..base.errors import BackendError, QMLDynamicsError
from ..results.trajectory import plain
from .redact import without_credentials

_DEFAULTS = plain(DeviceOptions().describe())


class StoredBackend(TypedDict):
    """How the folder of a run keeps its backend, as plain data."""

    name: str
    options: dict[str, object]  # keywords that open it again
    described: dict[str, object]  # what must be the same when it is opened again
    object: bool  # a person's own object, which has to be handed over


def described(device: Backend) -> StoredBackend:
    """What a run's folder keeps of its backend: the name and the options that open it again, and what it says of itself."""
    return {
        "name": device.name,
        "options": _options(device),
        "described": _identity(device),
        "object": capabilities(device).by_object,
    }


def _options(device: Backend) -> dict[str, Any]:
    """The keywords that open a backend again beside its name; none where they are no plain data: it has to be handed over then."""
    out: dict[str, Any] = plain(dict(capabilities(device).keywords))
    return out


def _identity(device: Backend) -> dict[str, Any]:
    """What a backend says of itself and does not change from day to day, or with what it has run; plain data."""
    said = without_credentials(plain(lasting(device)))
    out: dict[str, Any] = json.loads(json.dumps(said, default=str))
    return out


def reopened(stored: StoredBackend) -> Backend:
    """The backend of a stored run, opened again by its name.

    Raises:
        BackendError: it was a person's own object, it cannot be opened, or it is no longer the same.
    """
    if stored["object"]:
        raise BackendError(f"The run's backend, {stored['name']!r}, must be given to open_run(folder, backend=...).")
    try:
        device = find_backend(stored["name"], **stored["options"])
    except QMLDynamicsError as error:
        raise BackendError(
            f"The run's backend, {stored['name']!r}, must be given to open_run(folder, backend=...): {error}"
        ) from None
    check_same(stored, device)
    return device


def check_same(stored: StoredBackend, device: Backend) -> None:
    """A run must not go on with another device, or with the same one without its noise."""
    now = _identity(device)
    differs = [k for k in LASTING if now.get(k) != stored["described"].get(k)]
    now = {k: v for k, v in plain(_options(device)).items() if k in stored["options"] or v != _DEFAULTS.get(k)}
    differs += [] if now == stored["options"] else ["options"]  # an older folder names fewer options
    if device.name != stored["name"] or differs:
        raise BackendError(
            f"Argument `backend` must be the one of the run, {stored['name']!r}, but {device.name!r} differs in "
            f"{', '.join(differs) or 'name'}."
        )
