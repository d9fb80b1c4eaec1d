"""A call that ends its process as often as it is told to, for tests of what is tried again."""

from __future__ import annotations

import os
from pathlib import Path


def dies(given: tuple[str, int]) -> int:
    """End the process without an answer until that has happened so many times, which the folder remembers; then how often it has."""
    folder, times = Path(given[0]), given[1]
    folder.mkdir(exist_ok=True)
    so_far = len(list(folder.iterdir()))
    if so_far < times:
        (folder / str(so_far)).touch()
        os._exit(9)
    return so_far
