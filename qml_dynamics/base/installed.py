"""Versions of installed packages, each read from its metadata once: a run names some, and a file of metadata takes milliseconds.

A module of its own, since every room that describes a run asks it.
"""

from __future__ import annotations

import importlib.metadata
from functools import cache


@cache
def version(package: str) -> str:
    """The version of an installed package; raises ``PackageNotFoundError`` where there is none, which is asked again the next time.

    >>> version("numpy").split(".")[0] >= "1"
    True
    """
    return importlib.metadata.version(package)
