"""Imaginary time as circuits: post-selected, measured and double-bracket evolution, and their success laws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.lazy import attach

attach(__name__, {}, {"chosen": "chosen", "run": "run"})

if TYPE_CHECKING:
    from . import chosen as chosen
    from . import run as run
