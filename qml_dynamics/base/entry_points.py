"""Methods, backends and schedules that other installed packages offer by name, found by their entry points.

An entry point is a line ``name = "module:object"`` in the metadata of an installed package, under one of the :data:`GROUPS`. It
is read only for a name that the library itself does not have, so that no package can replace a built-in name; where two
packages offer the same name, the one that comes first on the Python path counts.
"""

from __future__ import annotations

import contextlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .errors import QMLDynamicsError, describe

GROUPS = {
    "method": "qml_dynamics.methods",  # a frozen dataclass that keeps the contract of a method
    "backend": "qml_dynamics.backends",  # a function (name, **options) that gives a backend
    "schedule": "qml_dynamics.schedules",  # a frozen dataclass with value(t, duration) and integral(t0, t1, duration)
}


@cache
def offered(what: str) -> dict[str, EntryPoint]:
    """The entry points of the other packages for methods, backends or schedules, by name.

    >>> set(offered("schedule")) & {"linear"}
    set()
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUPS[what]):
        found.setdefault(point.name, point)
    return found


def package_of(point: EntryPoint) -> str:
    """The name of the installed package that an entry point belongs to."""
    return point.dist.name if point.dist is not None else point.module.partition(".")[0]


def load(what: str, name: str, error: type[QMLDynamicsError]) -> Any:
    """What stands behind an offered name; ``error`` in one line where it cannot be imported."""
    point = offered(what)[name]
    try:
        return point.load()
    except Exception as reason:  # of any kind: it is the code of another package that runs here
        said = f"{type(reason).__name__}: {' '.join(str(reason).split())}"
    raise error(
        f"Argument `{what}` must be one that can be imported, but is {describe(name)}, which the package {package_of(point)} offers "
        f"as {point.value}: {said}"
    )


def offered_as(what: str, cls: type) -> str | None:
    """The name under which a class is offered; None where it is not.

    Only entry points into the class's own package are followed, which is imported already.
    """
    home = cls.__module__.partition(".")[0]
    for name, point in offered(what).items():
        if point.module.partition(".")[0] == home:
            with contextlib.suppress(Exception):  # a broken neighbour does not matter here
                if point.load() is cls:
                    return name
    return None
