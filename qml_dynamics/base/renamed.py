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

# The public packages of before and the modules in them, and where they are; a module inside a package keeps its name unless
# it is listed.
RENAMED = {
    "backends.aer_readout": "backends.aer_outcomes",
    "backends.conformance_statistics": "backends.conformance.statistics",
    "backends.conformance_tools": "backends.conformance.statistics",
    "backends.device_part": "backends.ibm.runtime",
    "backends.devices": "backends.device.report",
    "backends.dynamic": "backends.base",
    "backends.estimator_kinds": "backends.estimator.kinds",
    "backends.estimator_open": "backends.estimator.backend",
    "backends.plain": "backends.device.compile",
    "backends.strings": "backends.estimator.kinds",
    "backends.walk": "backends.circuit_steps",
    "boltzmann": "learning.boltzmann",
    "config": "runs.problem_file",
    "descent": "learning.descent",
    "descent.samples": "learning.descent.run",
    "diffusion": "learning.diffusion",
    "diffusion.landscape": "learning.diffusion.witten",
    "diffusion.samplers": "learning.diffusion.paths",
    "domains": "model.domains",
    "ensembles": "learning.ensembles",
    "ensembles.bridge": "learning.ensembles.bridges",
    "ensembles.checks": "learning.ensembles.answers",
    "ensembles.circulation": "learning.ensembles.winding_numbers",
    "ensembles.clouds": "learning.ensembles.law_tests",
    "ensembles.madelung": "learning.ensembles.madelung_variables",
    "ensembles.multiplier": "learning.ensembles.estimators",
    "ensembles.ring": "learning.ensembles.superposition",
    "ensembles.verdict": "learning.ensembles.fitting",
    "errors": "base.errors",
    "formulas": "model.formulas",
    "gibbs": "learning.gibbs",
    "growth": "learning.growth",
    "growth.layer_measures": "learning.growth.measures",
    "growth.recording": "learning.growth.recorder",
    "growth.spectrum": "learning.growth.flow",
    "minibatch": "learning.minibatch",
    "objectives": "model.objectives",
    "objectives.checks": "model.objectives.base",
    "plotting.animation_plane": "plotting.animation_frames",
    "plotting.boltzmann": "plotting.laws",
    "plotting.descent_studies": "plotting.descent",
    "plotting.gibbs": "plotting.laws",
    "plotting.minibatch": "plotting.laws",
    "plotting.statistics": "plotting.style",
    "plotting.taylor": "plotting.laws",
    "potentials": "model.potentials",
    "randomised": "methods.randomised",
    "runs.answer": "runs.run",
    "runs.methods": "runs.specification",
    "runs.player": "runs.replay",
    "runs.repair": "runs.run",
    "runs.statement": "runs.specification",
    "synthesis.boltzmann": "synthesis.gibbs",
    "synthesis.count": "synthesis.measure",
    "synthesis.diagonal": "synthesis.walsh",
    "synthesis.diffusion": "synthesis.states",
    "synthesis.links": "synthesis.ensembles",
    "synthesis.minibatch": "synthesis.trotter",
    "synthesis.randomised": "synthesis.trotter",
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
        """The spec of a module under its old name, with a ``DeprecationWarning``; None for every other module."""
        new = new_name(fullname, self.package)
        if new is None:
            return None
        text = f"The module {fullname} is now {new}; the old name will be removed in the next release."
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return ModuleSpec(fullname, self, origin=new)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module under its new name itself, so that both names are one module."""
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
