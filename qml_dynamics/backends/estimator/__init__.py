"""V2 estimators as backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.lazy import attach

attach(__name__, {}, {"backend": "backend"})

if TYPE_CHECKING:
    from . import backend as backend
