"""`assert_valid_backend`: the contract of a backend as a test that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.lazy import attach

attach(__name__, {}, {"contract": "contract"})

if TYPE_CHECKING:
    from . import contract as contract
