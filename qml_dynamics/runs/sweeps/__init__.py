"""Sweeps: one problem run over grids and lists of its own keys, each point in a folder of its own, and one table of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.lazy import attach

__all__ = attach(__name__, {"engine": ("sweep",), "table": ("Sweep",)})

if TYPE_CHECKING:
    from .engine import sweep as sweep
    from .table import Sweep as Sweep
