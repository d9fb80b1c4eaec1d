"""IBM devices, fake devices and local mode through the IBM client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.lazy import attach

_MODULES = (
    "opening",
    "runtime",
)
attach(__name__, {}, {name: name for name in _MODULES})

if TYPE_CHECKING:
    from . import opening as opening
    from . import runtime as runtime
