"""Pins at the lower bounds of `pyproject.toml`: ``name==version`` for every ``name>=version`` that the package itself may import.

``python -m tools.minimum`` prints them as a constraints file for pip, which takes the rest as new as they allow. Tools of
development, of the docs and of the benchmarks are left out: what runs the suite is no part of what is installed by a user.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
LEFT_OUT = ("dev", "docs", "bench", "torch", "dask")  # extras; the last two have suites of their own
_BOUND = re.compile(r"(?P<name>[A-Za-z0-9._-]+)>=(?P<version>[0-9.]+)(,.*)?")


def pins(requirements: Iterable[str]) -> list[str]:
    """The lowest version of each requirement.

    >>> pins(["numpy>=2.0", "qiskit>=2.5.2,<3"])
    ['numpy==2.0', 'qiskit==2.5.2']
    >>> pins(["furo"])
    Traceback (most recent call last):
    ValueError: pyproject.toml must give furo a lower bound, as in furo>=1.0
    """
    found = []
    for requirement in requirements:
        bound = _BOUND.fullmatch(requirement.replace(" ", ""))
        if bound is None:
            raise ValueError(f"pyproject.toml must give {requirement} a lower bound, as in {requirement}>=1.0")
        found.append(f"{bound['name']}=={bound['version']}")
    return found


def lowest(project: Path = PYPROJECT) -> list[str]:
    """The pins of the dependencies and of the extras of a project."""
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    extras = table["optional-dependencies"]
    every = [*table["dependencies"], *(one for name, group in extras.items() if name not in LEFT_OUT for one in group)]
    return sorted(set(pins(every)))


if __name__ == "__main__":
    print("\n".join(lowest()))
