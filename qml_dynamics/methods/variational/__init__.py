"""Imaginary and real time by variation: ansaetze, the exact McLachlan engine, its integrators and its error bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.lazy import attach

attach(__name__, {}, {"run": "run"})

if TYPE_CHECKING:
    from . import run as run
