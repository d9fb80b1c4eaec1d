"""Imaginary time as circuits: post-selected, measured and double-bracket evolution, and their success laws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.lazy import attach

attach(__name__, {}, {name: name for name in ("chosen", "reach", "run", "selected", "steps")})

if TYPE_CHECKING:
    from . import chosen as chosen
    from . import reach as reach
    from . import run as run
    from . import selected as selected
    from . import steps as steps
