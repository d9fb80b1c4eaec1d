"""The stored files are read by tests, and none of them is one."""

from __future__ import annotations

collect_ignore_glob = ["data/*"]
