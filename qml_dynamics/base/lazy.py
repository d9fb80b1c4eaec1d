"""Lazy imports: public names of a package are imported from their modules when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any


def attach(package: str, home: Mapping[str, Sequence[str]], modules: Mapping[str, str] | None = None) -> list[str]:
    """Let a package answer for names that live in its modules; returns its public names, sorted.

    Args:
        package: its ``__name__``, already being imported.
        home: module -> the names that it holds, modules relative to the package.
        modules: name -> module, for modules that are read from the package: loaded when they are, not when the package is.

    A name of the package stays what it is where the import system would bind a submodule to it, as it does for a module's name of
    before that is also a function's (``ensembles.madelung``).

    >>> from qml_dynamics.learning import ensembles
    >>> callable(ensembles.madelung)
    True
    """
    places = {name: module for module, names in home.items() for name in names}
    shown = dict(modules or {})
    public = sorted([*places, *shown])

    class Package(ModuleType):
        """A package that imports the module of a public name when the name is first read."""

        def __getattr__(self, name: str) -> Any:
            if name in places:
                value = getattr(importlib.import_module(f".{places[name]}", package), name)
            elif name in shown:
                value = importlib.import_module(f".{shown[name]}", package)
            else:
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            self.__dict__[name] = value
            return value

        def __setattr__(self, name: str, value: object) -> None:
            if isinstance(value, ModuleType) and name in places:
                value = getattr(value, name)
            super().__setattr__(name, value)

        def __dir__(self) -> list[str]:
            return sorted({*public, *self.__dict__.get("__all__", ())})

    sys.modules[package].__class__ = Package
    return public
