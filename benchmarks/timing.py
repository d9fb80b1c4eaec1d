"""Timing two things in turns, so that a busy machine slows both."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def seconds(work: Callable[[], Any]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratio(ours: Callable[[], Any], peer: Callable[[], Any], repeats: int = 5) -> tuple[float, float, float]:
    """Best seconds of ours and of the peer, taken in turns, and ``ours / peer``."""
    pairs = [(seconds(ours), seconds(peer)) for _ in range(repeats)]
    a, b = min(p[0] for p in pairs), min(p[1] for p in pairs)
    return a, b, a / b
