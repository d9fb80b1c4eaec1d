"""Deprecated module names, which work for one release with a warning: ``qml_dynamics.growth`` is ``qml_dynamics.learning.growth``.

One finder of the import system and one table. What it finds is the module of the new name itself, never a copy.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# The public packages and modules of before, and where they are; a module inside a package keeps its name unless it is listed.
RENAMED = {
    "backends.devices": "backends.device.report",
    "boltzmann": "learning.boltzmann",
    "config": "runs.problem_file",
    "descent": "learning.descent",
    "diffusion": "learning.diffusion",
    "domains": "model.domains",
    "ensembles": "learning.ensembles",
    "errors": "base.errors",
    "formulas": "model.formulas",
    "gibbs": "learning.gibbs",
    "growth": "learning.growth",
    "minibatch": "learning.minibatch",
    "objectives": "model.objectives",
    "potentials": "model.potentials",
    "randomised": "methods.randomised",
    "variational": "methods.variational",
}


def new_name(name: str, package: str) -> str | None:
    """The name that a module has now; None where it has not been renamed.

    >>> new_name("qml_dynamics.growth.trainer", "qml_dynamics")
    'qml_dynamics.learning.growth.trainer'
    """
    start = f"{package}."
    inner = name.removeprefix(start)
    if inner == name:
        return None
    head, rest = inner, ""
    while head:
        if head in RENAMED:
            return start + RENAMED[head] + rest
        head, dot, last = head.rpartition(".")
        rest = f"{dot}{last}{rest}"
    return None


class RenamedFinder(MetaPathFinder, Loader):
    """Answers for the old names of the modules of a package."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        new = new_name(fullname, self.package)
        if new is None:
            return None
        text = f"The module {fullname} is now {new}; the old name will be removed in the next release."
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return ModuleSpec(fullname, self, origin=new)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(str(spec.origin))
        self.specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run under its new name; the import system has given it the old name's specification, which is taken back."""
        old = module.__spec__
        if old is not None:
            module.__spec__ = self.specs.pop(old.name)


def answer_for_old_names(package: str) -> None:
    """Put the finder before those of the import system, which may hold another checkout of the package (an editable installation)."""
    if not any(isinstance(finder, RenamedFinder) and finder.package == package for finder in sys.meta_path):
        sys.meta_path.insert(0, RenamedFinder(package))
