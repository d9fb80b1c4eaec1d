"""``SWEEP.toml``: a problem file, what it is run over, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, describe, integer, require
from ...base.places import Place
from ..problem_file.files import read_sections
from ..problem_file.messages import nearest

KEYS = ("problem", "over", "zip", "seed", "save")


@dataclass(frozen=True)
class SweepFile:
    """What a sweep file says.

    Attributes:
        path: the file.
        problem: the problem file.
        over: dotted key to values.
        zip: keys that move together.
        seed, save: as for :func:`sweep`, or None.
    """

    path: Path
    problem: Path
    over: Mapping[str, Any]
    zip: tuple[Any, ...] = ()
    seed: int | None = None
    save: int | None = None


@checks_arguments
def read_sweep(path: str | Path, *, allow_code: bool = False) -> SweepFile:
    """Read a sweep file.

    ``problem = "p.toml"`` names the problem file, in the same folder; a table ``[over]`` gives dotted keys and their values,
    ``"diffusion.value" = [0.1, 0.2]``; ``zip`` lists keys that move together; ``seed`` and ``save`` are optional.

    Args:
        path: the file.
        allow_code: also take a problem file outside the folder.

    Raises:
        ProblemError: it is not such a file.
    """
    where = Path(path)
    try:
        said = read_sections(where)
        return _read(said, where, Place(where.parent, allow_code))
    except ProblemError as error:
        raise ProblemError(f"{where.name}: {error}") from None


def _read(said: Mapping[str, Any], where: Path, place: Place) -> SweepFile:
    for key in said:
        if key not in KEYS:
            raise ProblemError(
                f"The file must have the keys {', '.join(KEYS)}, but has {describe(key)}.{nearest(key, KEYS)}"
            )
    name = said.get("problem")
    require(isinstance(name, str) and bool(name), "problem", "be the name of a problem file", name)
    over = said.get("over")
    require(isinstance(over, Mapping), "over", "be a table of dotted keys and their values", over)
    assert isinstance(name, str)
    assert isinstance(over, Mapping)
    together = said.get("zip", [])
    require(isinstance(together, list), "zip", "be a list of keys that move together", together)
    seed, save = said.get("seed"), said.get("save")
    return SweepFile(
        where,
        place.file("sweep", "problem", name),
        _dotted(over),
        tuple(together),
        None if seed is None else integer(seed, "seed", 0, 2**63 - 1),
        None if save is None else integer(save, "save", 1, 10**6),
    )


def _dotted(over: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Keys with dots, which TOML reads as tables in tables unless they are quoted.

    >>> _dotted({"diffusion": {"value": [0.1, 0.2]}, "method.steps": [5]})
    {'diffusion.value': [0.1, 0.2], 'method.steps': [5]}
    """
    found: dict[str, Any] = {}
    for key, value in over.items():
        name = f"{before}{key}"
        found |= _dotted(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found
