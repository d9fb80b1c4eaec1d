"""Timing two things in turns, so that a busy machine slows both."""

from __future__ import annotations

import statistics
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


def medians(ours: Callable[[], object], peer: Callable[[], object], repeats: int = 5) -> tuple[float, float]:
    """Median CPU seconds of both, taken in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for work, spent in zip((ours, peer), times):
            start = time.process_time()
            work()
            spent.append(time.process_time() - start)
    return statistics.median(times[0]), statistics.median(times[1])
