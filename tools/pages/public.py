"""The public names of the library, each on one page of the reference: where it is found, what it is, and under which other names.

Public is what ``qml_dynamics.__all__`` names, what the modules among it hold, and the modules below that are named by their paths.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType

import qml_dynamics as qd

PACKAGE = "qml_dynamics"
# Modules that are public by their own path, and the page of each.
BY_PATH = {
    "backends": "backends",
    "runs": "runs",
    "runs.problem_file": "runs",
    "base.errors": "errors",
    "methods.base": "contracts",
    "sklearn": "sklearn",
    "compat": "compat",
}
# Page of a name of the package by the start of its home module; the first that fits counts.
BY_HOME = (
    ("methods.evolution", "running"),
    ("methods.variational.ansatz", "ansatz"),
    ("methods", "methods"),
    ("model.formulas", "formulas"),
    ("model", "problems"),
    ("validation", "running"),
    ("results", "running"),
    ("base.estimate", "running"),
    ("base", "errors"),
    ("learning", "learning"),
    ("backends", "backends"),
    ("runs", "runs"),
    ("conformance", "contracts"),
)
TITLES = {
    "problems": "Problems: spaces, losses, schedules, initial waves",
    "objectives": "Losses",
    "methods": "Methods",
    "ansatz": "Ansaetze",
    "running": "Running and comparing",
    "learning": "Learning and sampling",
    "gibbs": "Gibbs states",
    "boltzmann": "Boltzmann machines",
    "diffusion": "Diffusion models",
    "descent": "Hamiltonian descent",
    "minibatch": "Mini-batches",
    "ensembles": "Ensembles of networks",
    "growth": "Growth",
    "backends": "Backends",
    "runs": "Runs and files",
    "sklearn": "scikit-learn",
    "compat": "Adapters",
    "plotting": "Pictures",
    "synthesis": "Circuits",
    "formulas": "Product formulas",
    "contracts": "Contracts for extensions",
    "errors": "Errors and warnings",
}
# The title of a page is that of this table, or the name of its module.


@dataclass
class Name:
    """A public thing.

    Attributes:
        module: the module that it is read from.
        name: its name there.
        thing: itself.
        page: of the reference.
        others: full names under which it is found too.
    """

    module: str
    name: str
    thing: object
    page: str
    others: list[str] = field(default_factory=list)

    @property
    def full(self) -> str:
        """Module and name."""
        return f"{self.module}.{self.name}"


def public_modules() -> dict[str, ModuleType]:
    """The modules of the reference by the path that users write, without those whose extra is not installed."""
    found = {f"{PACKAGE}.{name}": getattr(qd, name) for name in qd.__all__ if isinstance(getattr(qd, name), ModuleType)}
    for path in BY_PATH:
        try:
            found[f"{PACKAGE}.{path}"] = importlib.import_module(f"{PACKAGE}.{path}")
        except ModuleNotFoundError as missing:
            if missing.name != f"{PACKAGE}.{path}":
                raise
        except ImportError:  # in the words of an extra that is not there
            continue
    return found


def public_names() -> list[Name]:
    """Every public name once, under the path by which it is best found; the package's own names come first.

    >>> [each.page for each in public_names() if each.full == "qml_dynamics.Trotter"]
    ['methods']
    """
    first: dict[object, Name] = {}
    for found in _every():
        key = id(found.thing) if callable(found.thing) else found.full
        if key in first:
            first[key].others.append(found.full)
        else:
            first[key] = found
    return list(first.values())


def _every() -> Iterator[Name]:
    for name in qd.__all__:
        thing = getattr(qd, name)
        if not isinstance(thing, ModuleType):
            yield Name(PACKAGE, name, thing, _page_at_root(thing))
    for path, module in public_modules().items():
        for name in names_in(module):
            yield Name(path, name, getattr(module, name), page_of(path))


def page_of(path: str) -> str:
    """The page of a module by its path."""
    return BY_PATH.get(path.removeprefix(f"{PACKAGE}."), path.rpartition(".")[2])


def names_in(module: ModuleType) -> list[str]:
    """The public names of a module: those that it lists, or those that are made in it."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    ours = {n: v for n, v in vars(module).items() if not n.startswith("_") and not isinstance(v, ModuleType)}
    return sorted(n for n, v in ours.items() if getattr(v, "__module__", "") == module.__name__)


def _page_at_root(thing: object) -> str:
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return "errors"
    home = str(getattr(thing, "__module__", "")).removeprefix(f"{PACKAGE}.")
    return next((page for start, page in BY_HOME if home == start or home.startswith(f"{start}.")), "running")


def members(thing: object) -> dict[str, object]:
    """Fields, properties and methods of a class and of those of the library that it extends, by name."""
    if not inspect.isclass(thing):
        return {}
    own = [base for base in thing.__mro__ if base.__module__.startswith(PACKAGE)]
    found = {name for base in own for name in (*vars(base), *getattr(base, "__annotations__", {}))}
    return {name: inspect.getattr_static(thing, name, None) for name in sorted(found) if not name.startswith("_")}


def summary(thing: object) -> str:
    """The first sentence of a description."""
    if not (callable(thing) or isinstance(thing, (ModuleType, property))):
        return ""
    first = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    head, stop, _ = first.partition(". ")
    return head + stop.strip() if head.count("``") % 2 == 0 else first


def title(page: str) -> str:
    """The title of a page."""
    return TITLES.get(page, page.replace("_", " ").capitalize())
