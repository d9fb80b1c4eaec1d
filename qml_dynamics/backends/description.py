"""The entries of a backend's description that identify it: those that stay the same from day to day and from run to run."""

from __future__ import annotations

from typing import Any

from .base import Backend

LASTING = (
    *("name", "method", "precision", "noise", "device", "qubits", "mode", "sampler", "estimator", "errors"),
    *("draws_exactly", "options"),
)


def lasting(backend: Backend) -> dict[str, Any]:
    """Those entries of its description."""
    said = backend.describe()
    return {key: said[key] for key in LASTING if key in said}
