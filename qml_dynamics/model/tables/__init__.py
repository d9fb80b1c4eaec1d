"""Tables: files with any separator, data frames and arrays, what their columns hold, and the account of what was read."""

from __future__ import annotations

from .account import Account
from .reading import Reading, Table, read_table

__all__ = ["Account", "Reading", "Table", "read_table"]
