"""The Typer application with all its commands."""

from __future__ import annotations

import importlib

from .program import app

for _name in ("commands", "uses", "submitted"):  # each adds its commands, in the order of --help
    importlib.import_module(f".{_name}", __package__)

__all__ = ["app"]
