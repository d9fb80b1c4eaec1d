"""What a shell completes after an option or an argument: methods with their options, backends, losses, and the names of lists.

A module of its own: it is loaded only when a shell asks, and then loads the tables of names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from itertools import chain

from ..backends.names import available
from ..base.errors import QMLDynamicsError
from ..base.registry import METHODS, PARTS, method_class
from ..methods.catalogue import names
from ..model.objectives.registry import NAMED
from ..model.schedules import schedule_names

LOSSES_OF = {  # what stands in [objective] beside the test functions, and the key that says so
    "name": ("ising", "qubo"),
    "data": ("neuron", "network", "perceptron"),
    "expression": ("expression",),
    "table": ("table",),
    "function": ("function",),
}
FROM_FILE = "circuit"  # an ansatz that no line can name: its circuit stands in a file of a run folder
_BEGUN = re.compile(r"(?P<kind>[A-Za-z][A-Za-z0-9_-]*)(?P<open>[:(])(?P<done>(?:[^,]*,)*)(?P<rest>[^,=]*)", re.DOTALL)


def _from(found: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in found if name.startswith(incomplete)]


def methods(incomplete: str) -> list[str]:
    """Names of methods; after ``trotter:`` or ``Trotter(`` the options that are left.

    >>> methods("tro"), methods("trotter:steps=4,or"), methods("SplitStep(st")
    (['trotter'], ['trotter:steps=4,order='], ['SplitStep(steps='])
    """
    begun = _BEGUN.fullmatch(incomplete)
    if begun is None:
        classes = [place.partition(":")[2] for place in METHODS.values()]
        return _from(classes if incomplete[:1].isupper() else names(), incomplete)
    try:
        known = [f.name for f in fields(method_class(begun["kind"])) if f.init]
    except QMLDynamicsError:
        return []
    given = {each.partition("=")[0].strip() for each in begun["done"].split(",")}
    head = incomplete[: len(incomplete) - len(begun["rest"].lstrip())]
    return [f"{head}{name}=" for name in _from(known, begun["rest"].strip()) if name not in given]


def backends(incomplete: str) -> list[str]:
    """Names of the backends that are installed, without those that are to be filled in."""
    return _from((row.name for row in available() if row.installed and "<" not in row.name), incomplete)


def losses(incomplete: str) -> list[str]:
    """Names of the test functions.

    >>> losses("double")
    ['double_well']
    """
    return _from(NAMED, incomplete)


_LISTS: dict[str, Callable[[], Iterable[str]]] = {
    "methods": names,
    "objectives": lambda: [*NAMED, *chain.from_iterable(LOSSES_OF.values())],
    "ansatze": lambda: [name for name, part in PARTS.items() if part.option == "ansatz" and name != FROM_FILE],
    "schedules": schedule_names,
    "backends": lambda: [row.name for row in available()],
}


def entries(what: str | None, incomplete: str) -> list[str]:
    """Names of what ``list`` lists."""
    return _from(_LISTS[what](), incomplete) if what in _LISTS else []
