"""Methods by name, with those of the systems among them: what problem files, saved runs and run folders read."""

from __future__ import annotations

from typing import Any

from ..methods.bridge import schrodinger_bridge  # noqa: F401 - their methods become known by name
from ..methods.classical import hamilton_jacobi, koopman  # noqa: F401
from ..methods.growing import method as growing  # noqa: F401
from ..methods.variational import ansatz  # noqa: F401 - ansaetze too
from .registry import method_from_spec


def named_method(spec: dict[str, Any]) -> Any:
    """A method from plain data, as `methods.method_from_spec`, with the methods of the systems among those that have a name.

    >>> named_method({"kind": "growing", "method": {"kind": "trotter", "steps": 4}}).start
    4
    >>> named_method({"kind": "schrodinger-bridge", "end": {"initial": "gaussian", "center": 1.0, "width": 0.5}}).end
    Gaussian(center=(1.0,), width=(0.5,), momentum=(0.0,))
    """
    return method_from_spec(spec)
