"""What ``qml-dynamics diffuse`` is asked for: a CSV file, or a ``diffusion.toml`` that names one, and options over both."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import MethodError, ProblemError, integer, one_of, real, require
from ..base.places import Place
from ..model.objectives.data import column_named, is_number, numbers_of, read_table

NAME = "diffusion.toml"
SECTIONS = {
    "data": ("file", "columns", "label", "held_out"),
    "grid": ("bounds", "qubits"),
    "process": ("potential", "temperature", "bandwidth", "whiten"),
    "sample": ("n", "kind", "steps", "condition", "seed"),
    "circuit": ("method", "time", "circuit_qubits"),
}
METHODS = ("modes", "blocks")


@dataclass(frozen=True)
class Statement:
    """Data, grid, process, samples and circuit; ``bounds`` are of every axis, in standardised units."""

    file: Path
    columns: tuple[str, ...] = ()
    label: str | None = None
    held_out: float = 0.3
    bounds: tuple[float, float] = (-5.5, 5.5)
    qubits: int = 7
    potential: str = "ou"
    temperature: float = 1.0
    bandwidth: float | None = None
    whiten: bool = False
    n: int = 1000
    kind: str = "sde"
    steps: int = 100
    condition: str | None = None
    seed: int = 0
    method: str | None = None
    time: float = 0.5
    circuit_qubits: int = 5


def read_statement(source: Path, *, allow_code: bool = False, **options: Any) -> Statement:
    """A statement from a CSV file, a TOML file, or a folder that holds ``diffusion.toml``; options that are None leave it.

    Raises:
        ProblemError: a file is missing or cannot be read, a TOML file names data outside its folder without ``allow_code``, or
            a key has no meaning.
    """
    path = source / NAME if source.is_dir() else source
    if not path.is_file():
        raise ProblemError(
            f"Argument `problem` must be a CSV file, a diffusion.toml or its folder, but {path} is no file."
        )
    stated = _from_toml(path, allow_code) if path.suffix == ".toml" else {"file": path}
    stated.update({key: value for key, value in options.items() if value is not None})
    made = Statement(**stated)
    return replace(
        made,
        held_out=_share(made.held_out),
        qubits=integer(made.qubits, "qubits", 2, 10),
        seed=integer(made.seed, "seed", 0, 2**63),
        circuit_qubits=integer(made.circuit_qubits, "circuit_qubits", 2, 8),
        method=None if made.method is None else one_of(made.method, "method", METHODS, MethodError),
        columns=tuple(made.columns),
    )


def _share(value: Any) -> float:
    share = real(value, "held_out", nonnegative=True)
    require(share < 1, "held_out", "be below 1", share)
    return share


def _from_toml(path: Path, allow_code: bool) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProblemError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from None
    out: dict[str, Any] = {}
    for section, keys in content.items():
        one_of(section, "section", SECTIONS)
        require(isinstance(keys, dict), section, "be a section", keys)
        for key, value in keys.items():
            name = "circuit_qubits" if (section, key) == ("circuit", "qubits") else key
            one_of(name, f"[{section}] key", SECTIONS[section])
            out[name] = value
    require("file" in out, "[data] file", "be given", None)
    out["file"] = Place(path.parent, allow_code).file("data", "file", str(out["file"]))
    if "bounds" in out:
        pair = out["bounds"]
        require(isinstance(pair, list) and len(pair) == 2, "[grid] bounds", "be one pair [low, high]", pair)
        out["bounds"] = (real(pair[0], "bounds"), real(pair[1], "bounds"))
    assert set(out) <= {f.name for f in fields(Statement)}
    return out


def read_rows(stated: Statement) -> tuple[np.ndarray, tuple[str, ...], np.ndarray | None]:
    """Rows, the names of their columns (default: the first two of numbers), and the class of each row."""
    table = read_table(stated.file)
    columns = stated.columns
    if not columns:
        numeric = [name for name in table.header if all(map(is_number, table.column(name))) and name != stated.label]
        require(bool(numeric), "file", "have a column of numbers", str(stated.file))
        columns = tuple(numeric[:2])
    require(len(columns) <= 2, "columns", "be one or two", list(columns))
    rows = np.column_stack([numbers_of(table, column_named(name, "columns", table)) for name in columns])
    labels = None if stated.label is None else np.array(table.column(column_named(stated.label, "label", table)))
    return rows, columns, labels
