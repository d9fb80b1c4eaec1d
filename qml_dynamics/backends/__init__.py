"""Backends by name or by object. A vendor's package is imported in exactly one file, and only when it is asked for."""

from __future__ import annotations

from typing import Any

from ..errors import BackendError, one_of
from .base import Backend

NAMES = ("statevector", "aer", "aer:statevector", "aer:density_matrix", "aer:matrix_product_state")


def backend(name: Any, **options: Any) -> Backend:
    """A backend from its name (``"statevector"``, ``"aer"``, ``"aer:density_matrix"``, ...) or from an object.

    Args:
        name: a name, an ``AerSimulator``, or anything that already keeps the contract of :class:`Backend`.
        options: ``noise_model=`` and ``precision=`` for Aer.

    Raises:
        BackendError: the name is unknown (the nearest one is named), or an option does not belong to it.

    >>> backend("statevector").exact
    True
    """
    if isinstance(name, str):
        return _by_name(name, options)
    if isinstance(name, Backend):
        if options:
            raise BackendError(f"Argument `options` must be empty for a backend object, but names {sorted(options)}.")
        return name
    if type(name).__module__.startswith("qiskit_aer"):
        from .aer import AerBackend

        chosen = name.options
        method = str(chosen.get("method", "automatic"))
        return AerBackend(
            method=method, noise_model=chosen.get("noise_model"), precision=str(chosen.get("precision", "double"))
        )
    raise BackendError(f"Argument `backend` must be a name or a backend object, but is {name!r}.")


def _by_name(name: str, options: dict[str, Any]) -> Backend:
    one_of(name, "backend", NAMES, BackendError)
    if name == "statevector":
        if options:
            raise BackendError(f"Argument `options` must be empty for 'statevector', but names {sorted(options)}.")
        from .statevector import StatevectorBackend

        return StatevectorBackend()
    from .aer import AerBackend

    for option in options:
        one_of(option, "options", ("noise_model", "precision"), BackendError)
    method = name.partition(":")[2] or "automatic"
    return AerBackend(method=method, name=name, **options)
