"""The Typer application with all its commands."""

from __future__ import annotations

import importlib

from .program import app

# each adds its commands, in the order of --help
importlib.import_module(".commands", __package__)
importlib.import_module(".uses", __package__)
importlib.import_module(".submitted", __package__)

__all__ = ["app"]
